/* SPDX-License-Identifier: Apache-2.0 */
/* test_upstream.c - calls to backends that answer well, slowly, or to a
 * caller that loses interest. */
#include "tests/upstream_world.h"

/* ---- good answers ---- */

static void
a_whole_answer_comes_as_it_was_sent(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=x\r\n"
	    "Content-Length: 5\r\n\r\nhello", 0 }, { HOLD, NULL, 0 });

	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_EQ(r.heads, 1);
	CHECK_EQ(r.status, 200);
	CHECK_EQ(r.length, 5);
	CHECK(!r.until_close);
	CHECK_STR(r.type, "application/json");
	CHECK_MEM(r.body.ptr, r.body.len, "hello");
	buf_fini(&r.body);
}

static void
a_chunked_answer_comes_without_its_chunks(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "3\r\nhel\r\n", 0 }, { WAIT, NULL, 20 }, { SEND,
	    "2\r\nlo\r\n0\r\nX-Trailer: 1\r\n\r\n", 0 }, { HOLD, NULL, 0 });

	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_EQ(r.length, -1);
	CHECK(!r.until_close);
	CHECK_MEM(r.body.ptr, r.body.len, "hello");
	buf_fini(&r.body);
}


static void
a_connection_is_used_again(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", 0 },
	    { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "1\r\nb\r\n0\r\n\r\n", 0 },
	    { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nc", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result r[3];
	struct world w;
	int i;

	world_init(&w, 1, all);
	world_start(&w);
	for (i = 0; i < 3; i++) {
		call(&w, &r[i], i == 1 ? NULL : "{}");
		CHECK_EQ(r[i].end, UPSTREAM_DONE);
		CHECK_EQ(r[i].body.len, 1);
		CHECK_EQ(r[i].body.ptr[0], 'a' + i);
		buf_fini(&r[i].body);
		run_for(&w, 5);
	}
	CHECK_EQ(atomic_load(&w.servers[0]->connections), 1);
	world_fini(&w);
}

static void
the_request_is_framed_by_us_and_carries_our_key_alone(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	const char *want;
	struct result r;
	struct world w;
	char text[512];

	world_init(&w, 1, all);
	w.backends[0].key = (char *)(uintptr_t)"sk-backend";
	world_start(&w);
	call(&w, &r, "{\"a\":1}");
	snprintf(text, sizeof(text), "POST /v1/completions?x=1 HTTP/1.1\r\n"
	    "Host: 127.0.0.1:%u\r\nContent-Type: application/json\r\n"
	    "X-Empty:\r\nAccept-Encoding: identity\r\n"
	    "Authorization: Bearer sk-backend\r\nContent-Length: 7\r\n\r\n"
	    "{\"a\":1}", w.servers[0]->port);
	want = text;
	CHECK_MEM(w.servers[0]->last, w.servers[0]->last_len, want);
	world_fini(&w);
}

static void
a_backend_may_have_a_name(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0 },
	    { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;
	int i;

	world_init(&w, 1, all);
	snprintf(w.urls[0], sizeof(w.urls[0]), "http://localhost:%u",
	    w.servers[0]->port);
	world_start(&w);
	for (i = 0; i < 2; i++) {
		call(&w, &r, "{}");
		CHECK_EQ(r.end, UPSTREAM_DONE);
		buf_fini(&r.body);
	}
	world_fini(&w);
}

static void
the_key_goes_into_the_header_that_is_configured(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;

	world_init(&w, 1, all);
	w.backends[0].key = (char *)(uintptr_t)"sk-backend";
	w.backends[0].key_header = (char *)(uintptr_t)"api-key";
	world_start(&w);
	call(&w, &r, "{}");
	CHECK(memmem(w.servers[0]->last, w.servers[0]->last_len,
	    "\r\napi-key: sk-backend\r\n", 23) != NULL);
	CHECK(memmem(w.servers[0]->last, w.servers[0]->last_len,
	    "Bearer", 6) == NULL);
	world_fini(&w);
}

static void
a_get_has_no_body(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", 0 },
	    { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;
	char *last;

	world_init(&w, 1, all);
	world_start(&w);
	last = w.servers[0]->last;
	call(&w, &r, "{}");
	buf_fini(&r.body);
	call(&w, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK(memcmp(last, "GET /v1/completions?x=1 HTTP/1.1\r\n", 34) == 0);
	CHECK(memmem(last, w.servers[0]->last_len, "Content-Length",
	    14) == NULL);
	buf_fini(&r.body);
	world_fini(&w);
}

static void
a_large_body_arrives_whole(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	enum { SIZE = 100 * 1024 };
	char *body = xmalloc(SIZE + 1);
	struct result r;
	struct world w;
	size_t i;

	for (i = 0; i < SIZE; i++)
		body[i] = (char)('a' + i % 23);
	body[SIZE] = '\0';
	world_init(&w, 1, all);
	world_start(&w);
	call(&w, &r, body);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK(w.servers[0]->last_len > SIZE && memcmp(w.servers[0]->last +
	    w.servers[0]->last_len - SIZE, body, SIZE) == 0);
	world_fini(&w);
	free(body);
}

static void
a_redirect_is_an_answer_and_is_not_followed(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 307 Away\r\nLocation: http://127.0.0.1:1/\r\n"
	    "Content-Length: 0\r\n\r\n", 0 }, { HOLD, NULL, 0 });

	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_EQ(r.status, 307);
	CHECK_STR(r.location, "http://127.0.0.1:1/");
}

static void
an_error_status_is_an_answer(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", 0 },
	    { HOLD, NULL, 0 });

	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_EQ(r.status, 503);
	CHECK_MEM(r.body.ptr, r.body.len, "busy");
	buf_fini(&r.body);
}

static void
a_body_up_to_the_close_says_so(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.0 200 OK\r\n\r\nold", 0 });

	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK(r.until_close);
	CHECK_EQ(r.length, -1);
	CHECK_MEM(r.body.ptr, r.body.len, "old");
	buf_fini(&r.body);
}

/* ---- pausing and cancelling ---- */

static void
a_paused_call_gives_nothing_until_it_is_resumed(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n", 0 },
	    { WAIT, NULL, 30 }, { SEND, "1\r\nb\r\n", 0 },
	    { WAIT, NULL, 30 }, { SEND, "1\r\nc\r\n0\r\n\r\n", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;

	world_init(&w, 1, all);
	w.backends[0].idle_ms = 60;	/* not counted while paused */
	world_start(&w);
	CHECK_EQ(start(&w, &r, "m", "{}"), PICK_OK);
	r.pause_on_body = true;
	run_for(&w, 200);
	CHECK_EQ(r.ends, 0);
	CHECK_MEM(r.body.ptr, r.body.len, "a");
	r.pause_on_body = false;
	upstream_resume(r.call);
	CHECK_EQ(r.body.len, 1);	/* not from inside resume */
	finish(&w, &r);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_MEM(r.body.ptr, r.body.len, "abc");
	buf_fini(&r.body);
	world_fini(&w);
}

static void
a_stream_paused_at_every_piece_comes_whole(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0 },
	    { REPEAT, "4\r\nabcd\r\n", 50000 },
	    { SEND, "0\r\n\r\n", 0 }, { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;
	int turns = 0;
	size_t i;

	world_init(&w, 1, all);
	world_start(&w);
	CHECK_EQ(start(&w, &r, "m", "{}"), PICK_OK);
	r.pause_on_body = true;
	while (!r.ends && turns++ < 8000) {
		unsigned before = r.bodies;

		run_for(&w, 1);
		CHECK(r.bodies <= before + 1);
		if (r.call)
			upstream_resume(r.call);
	}
	CHECK_EQ(r.ends, 1);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_EQ(r.body.len, 200000);
	for (i = 0; i < r.body.len && r.body.ptr[i] ==
	    (char)('a' + i % 4); i++)
		continue;
	CHECK_EQ(i, 200000);
	buf_fini(&r.body);
	world_fini(&w);
}

static void
a_paused_backend_is_not_read(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n", 0 },
	    { REPEAT, "10\r\n0123456789abcdef\r\n", 2000000 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;

	world_init(&w, 1, all);
	world_start(&w);
	CHECK_EQ(start(&w, &r, "m", "{}"), PICK_OK);
	r.pause_on_body = true;
	run_for(&w, 300);
	CHECK_EQ(r.bodies, 1);
	CHECK(r.body.len <= 16384);
	upstream_cancel(r.call);
	CHECK_EQ(r.ends, 0);
	buf_fini(&r.body);
	world_fini(&w);
}

static void
cancelling_closes_the_connection_at_once(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;
	int how;

	for (how = 0; how < 4; how++) {
		world_init(&w, 1, all);
		world_start(&w);
		CHECK_EQ(start(&w, &r, "m", "{}"), PICK_OK);
		r.cancel_on_head = how == 0;
		r.cancel_on_body = how == 1;
		if (how == 2)
			upstream_cancel(r.call);
		run_for(&w, 60);
		if (how == 3)
			upstream_cancel(r.call);
		CHECK_EQ(r.heads, how != 2);
		CHECK_EQ(r.body.len, how == 1 || how == 3 ? 5 : 0);
		CHECK_EQ(r.ends, 0);
		pause_ms(30);
		CHECK_EQ(atomic_load(&w.servers[0]->hung_up), how != 2);
		CHECK_EQ(upstreams_stats(w.upstreams, 0)->in_flight, 0);
		buf_fini(&r.body);
		world_fini(&w);
	}
}

static void
a_call_may_cancel_another_from_inside_its_handler(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", 0 },
	    { WAIT, NULL, 80 }, { SEND, "!", 0 }, { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result a, b;
	struct world w;

	world_init(&w, 1, all);
	world_start(&w);
	CHECK_EQ(start(&w, &a, "m", "{}"), PICK_OK);
	CHECK_EQ(start(&w, &b, "m", "{}"), PICK_OK);
	a.victim = b.call;
	finish(&w, &a);
	run_for(&w, 50);
	CHECK_EQ(a.end, UPSTREAM_DONE);
	CHECK_EQ(b.ends, 0);
	CHECK(b.body.len < 6);
	buf_fini(&a.body);
	buf_fini(&b.body);
	world_fini(&w);
}

static void
a_call_may_be_started_from_inside_a_handler(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result first, second;
	struct world w;

	world_init(&w, 1, all);
	world_start(&w);
	CHECK_EQ(start(&w, &first, "m", "{}"), PICK_OK);
	first.follower = &second;
	finish(&w, &first);
	finish(&w, &second);
	CHECK_EQ(first.end, UPSTREAM_DONE);
	CHECK_EQ(second.end, UPSTREAM_DONE);
	buf_fini(&first.body);
	buf_fini(&second.body);
	world_fini(&w);
}

static void
freeing_ends_calls_in_flight_without_a_word(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result r, queued;
	struct world w;

	world_init(&w, 1, all);
	world_start(&w);
	CHECK_EQ(start(&w, &r, "m", "{}"), PICK_OK);
	run_for(&w, 50);
	CHECK_EQ(start(&w, &queued, "m", "{}"), PICK_OK);
	world_fini(&w);
	CHECK_EQ(r.ends, 0);
	CHECK_EQ(queued.ends, 0);
}

/* ---- time ---- */

static void
short_times(struct config_upstream *conf)
{
	conf->first_byte_ms = 60;
	conf->idle_ms = 60;
	conf->total_ms = 300;
}

static void
a_backend_that_does_not_answer_times_out(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { HOLD, NULL, 0 });

	play_once(script, &r, short_times);
	CHECK_EQ(r.end, UPSTREAM_TIMEOUT);
	CHECK_STR(r.why, "no first byte within timeouts.first_byte");
}

static void
a_backend_that_stalls_times_out(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 0 },
	    { HOLD, NULL, 0 });

	play_once(script, &r, short_times);
	CHECK_EQ(r.end, UPSTREAM_TIMEOUT);
	CHECK_STR(r.why, "silent for timeouts.idle in its answer");
	CHECK_EQ(r.heads, 1);
	buf_fini(&r.body);
}

#define TICK { WAIT, NULL, 40 }, { SEND, "1\r\na\r\n", 0 }

static void
an_answer_that_never_ends_times_out(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n", 0 },
	    TICK, TICK, TICK, TICK, TICK, TICK, TICK, TICK, TICK, TICK,
	    { HOLD, NULL, 0 });

	play_once(script, &r, short_times);
	CHECK_EQ(r.end, UPSTREAM_TIMEOUT);
	CHECK_STR(r.why, "its answer was not whole within "
	    "timeouts.total");
	CHECK(r.body.len >= 4);
	buf_fini(&r.body);
}

static void
a_connection_that_does_not_come_about_times_out(void)
{
	/* A listener whose queue is full answers no SYN. */
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int i, fd = socket(AF_INET, SOCK_STREAM, 0), full[4];
	SCRIPT(none, { END, NULL, 0 });
	const struct step *scripts[] = { none, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;

	CHECK_EQ(bind(fd, (struct sockaddr *)&a, len), 0);
	CHECK_EQ(listen(fd, 0), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	for (i = 0; i < 4; i++) {
		full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(full[i], (struct sockaddr *)&a, len);
	}
	pause_ms(20);
	world_init(&w, 1, all);
	snprintf(w.urls[0], sizeof(w.urls[0]), "http://127.0.0.1:%u",
	    ntohs(a.sin_port));
	w.backends[0].connect_ms = 80;
	world_start(&w);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_TIMEOUT);
	CHECK_STR(r.why, "no connection within timeouts.connect");
	for (i = 0; i < 4; i++)
		close(full[i]);
	close(fd);
	world_fini(&w);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	RUN(a_whole_answer_comes_as_it_was_sent);
	RUN(a_chunked_answer_comes_without_its_chunks);
	RUN(a_connection_is_used_again);
	RUN(the_request_is_framed_by_us_and_carries_our_key_alone);
	RUN(a_backend_may_have_a_name);
	RUN(the_key_goes_into_the_header_that_is_configured);
	RUN(a_get_has_no_body);
	RUN(a_large_body_arrives_whole);
	RUN(a_redirect_is_an_answer_and_is_not_followed);
	RUN(an_error_status_is_an_answer);
	RUN(a_body_up_to_the_close_says_so);
	RUN(a_paused_call_gives_nothing_until_it_is_resumed);
	RUN(a_stream_paused_at_every_piece_comes_whole);
	RUN(a_paused_backend_is_not_read);
	RUN(cancelling_closes_the_connection_at_once);
	RUN(a_call_may_cancel_another_from_inside_its_handler);
	RUN(a_call_may_be_started_from_inside_a_handler);
	RUN(freeing_ends_calls_in_flight_without_a_word);
	RUN(a_backend_that_does_not_answer_times_out);
	RUN(a_backend_that_stalls_times_out);
	RUN(an_answer_that_never_ends_times_out);
	RUN(a_connection_that_does_not_come_about_times_out);
	return CHECK_DONE();
}
