/* SPDX-License-Identifier: Apache-2.0 */
/* test_upstream_retry.c - trying again, resting, and changing the backends. */
#include "tests/upstream_world.h"

/* ---- trying again ---- */

static void
refuse(struct world *w, size_t i)
{
	/* A port that was free a moment ago. */
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK_EQ(bind(fd, (struct sockaddr *)&a, len), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	snprintf(w->urls[i], sizeof(w->urls[i]), "http://127.0.0.1:%u",
	    ntohs(a.sin_port));
}

SCRIPT(nobody, { END, NULL, 0 });
SCRIPT(fine, { READ, NULL, 0 }, { SEND,
    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine", 0 },
    { READ, NULL, 0 }, { SEND,
    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine", 0 },
    { HOLD, NULL, 0 });

static void
a_refused_connection_is_unreachable(void)
{
	const struct step *scripts[] = { nobody, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;

	world_init(&w, 1, all);
	refuse(&w, 0);
	world_start(&w);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_UNREACHABLE);
	CHECK_EQ(upstreams_stats(w.upstreams, 0)->failures, 1);
	CHECK_EQ(upstreams_stats(w.upstreams, 0)->calls, 1);
	world_fini(&w);
}

static void
a_refused_connection_is_tried_elsewhere(void)
{
	const struct step *scripts[] = { nobody, NULL };
	const struct step *others[] = { fine, NULL };
	const struct step *const *all[] = { scripts, others };
	struct result r;
	struct world w;

	world_init(&w, 2, all);
	refuse(&w, 0);
	w.backends[0].weight = 1000000;
	world_start(&w);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_MEM(r.body.ptr, r.body.len, "fine");
	CHECK_EQ(upstreams_stats(w.upstreams, 0)->failures, 1);
	CHECK_EQ(upstreams_stats(w.upstreams, 1)->retries, 1);
	buf_fini(&r.body);
	world_fini(&w);
}

static void
without_retries_nothing_is_tried_again(void)
{
	const struct step *scripts[] = { nobody, NULL };
	const struct step *others[] = { fine, NULL };
	const struct step *const *all[] = { scripts, others };
	struct result r;
	struct world w;

	world_init(&w, 2, all);
	refuse(&w, 0);
	w.backends[0].weight = 1000000;
	w.backends[0].retries = 0;
	world_start(&w);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_UNREACHABLE);
	CHECK_EQ(atomic_load(&w.servers[1]->requests), 0);
	world_fini(&w);
}

static void
a_503_is_tried_elsewhere(void)
{
	SCRIPT(busy, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { busy, NULL };
	const struct step *others[] = { fine, NULL };
	const struct step *const *all[] = { scripts, others };
	struct result r;
	struct world w;

	world_init(&w, 2, all);
	w.backends[0].weight = 1000000;
	world_start(&w);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_EQ(r.status, 200);
	CHECK_EQ(r.heads, 1);
	CHECK_MEM(r.body.ptr, r.body.len, "fine");
	buf_fini(&r.body);
	world_fini(&w);
}

static void
replace_a_dead_connection(const struct step *dies)
{
	SCRIPT(lives, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { dies, lives, NULL };
	const struct step *const *all[] = { scripts };
	const struct upstream_stats *stats;
	struct result r;
	struct world w;

	world_init(&w, 1, all);
	world_start(&w);
	stats = upstreams_stats(w.upstreams, 0);
	call(&w, &r, "{}");
	buf_fini(&r.body);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_MEM(r.body.ptr, r.body.len, "b");
	CHECK_EQ(atomic_load(&w.servers[0]->requests), 3);
	CHECK_EQ(atomic_load(&w.servers[0]->connections), 2);
	CHECK_EQ(stats->retries, 1);
	CHECK_EQ(stats->failures, 0);
	CHECK_EQ(stats->in_flight, 0);
	buf_fini(&r.body);
	world_fini(&w);
}

static void
a_dead_kept_connection_is_replaced_and_the_request_sent_once_more(void)
{
	/* The second request is read, and then the connection dies: libcurl
	 * cannot see that beforehand. */
	SCRIPT(closes, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", 0 },
	    { READ, NULL, 0 }, { END, NULL, 0 });
	SCRIPT(resets, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", 0 },
	    { READ, NULL, 0 }, { RESET, NULL, 0 });

	replace_a_dead_connection(closes);
	replace_a_dead_connection(resets);
}

static void
a_connection_that_died_in_its_idleness_is_not_used(void)
{
	SCRIPT(leaves, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", 0 });
	const struct step *scripts[] = { leaves, fine, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;

	world_init(&w, 1, all);
	w.backends[0].retries = 0;
	world_start(&w);
	call(&w, &r, "{}");
	buf_fini(&r.body);
	run_for(&w, 30);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_MEM(r.body.ptr, r.body.len, "fine");
	CHECK_EQ(atomic_load(&w.servers[0]->requests), 2);
	buf_fini(&r.body);
	world_fini(&w);
}

static void
libcurl_does_not_repeat_a_post_by_itself(void)
{
	SCRIPT(dies, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", 0 },
	    { READ, NULL, 0 }, { RESET, NULL, 0 });
	const struct step *scripts[] = { dies, fine, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;

	world_init(&w, 1, all);
	w.backends[0].retries = 0;
	world_start(&w);
	call(&w, &r, "{}");
	buf_fini(&r.body);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_BROKEN);
	pause_ms(20);
	CHECK_EQ(atomic_load(&w.servers[0]->requests), 2);
	world_fini(&w);
}

static void
an_answer_begun_is_not_tried_again(void)
{
	SCRIPT(cut, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 0 });
	const struct step *scripts[] = { cut, fine, NULL };
	const struct step *others[] = { fine, NULL };
	const struct step *const *all[] = { scripts, others };
	struct result r;
	struct world w;

	world_init(&w, 2, all);
	w.backends[0].weight = 1000000;
	world_start(&w);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_BROKEN);
	CHECK_EQ(atomic_load(&w.servers[0]->requests), 1);
	CHECK_EQ(atomic_load(&w.servers[1]->requests), 0);
	buf_fini(&r.body);
	world_fini(&w);
}

/* ---- backends and configurations ---- */

static void
a_model_that_no_backend_takes_is_unknown(void)
{
	static char *gpt[] = { (char *)(uintptr_t)"gpt-*", NULL };
	const struct step *scripts[] = { fine, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;

	world_init(&w, 1, all);
	w.backends[0].models = gpt;
	world_start(&w);
	CHECK_EQ(start(&w, &r, "llama", "{}"), PICK_UNKNOWN_MODEL);
	CHECK(r.call == NULL);
	CHECK_EQ(start(&w, &r, "gpt-4", "{}"), PICK_OK);
	CHECK_STR(upstream_name(r.call), "one");
	finish(&w, &r);
	buf_fini(&r.body);
	world_fini(&w);
}

static void
a_call_in_flight_keeps_its_configuration_through_a_reload(void)
{
	SCRIPT(slow, { READ, NULL, 0 }, { WAIT, NULL, 60 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { slow, NULL };
	const struct step *others[] = { fine, NULL };
	const struct step *const *all[] = { scripts, others };
	struct config_upstream moved[2];
	struct config other = { .refs = 1, .upstreams = moved,
	    .n_upstreams = 2 };
	struct result a, b;
	struct world w;

	world_init(&w, 2, all);
	w.config.n_upstreams = 1;
	world_start(&w);
	CHECK_EQ(start(&w, &a, "m", "{}"), PICK_OK);
	moved[0] = w.backends[1];
	moved[1] = w.backends[0];
	moved[1].weight = 0;
	upstreams_reload(w.upstreams, &other);
	CHECK_EQ(w.config.refs, 2);
	CHECK_EQ(upstreams_stats(w.upstreams, 1)->in_flight, 1);
	CHECK_EQ(start(&w, &b, "m", "{}"), PICK_OK);
	CHECK_STR(upstream_name(a.call), "one");
	CHECK_STR(upstream_name(b.call), "two");
	while (!a.ends || !b.ends)
		run_for(&w, 20);
	CHECK_MEM(a.body.ptr, a.body.len, "slow");
	CHECK_MEM(b.body.ptr, b.body.len, "fine");
	CHECK_EQ(w.config.refs, 1);
	CHECK_EQ(upstreams_stats(w.upstreams, 1)->in_flight, 0);
	CHECK_EQ(upstreams_stats(w.upstreams, 1)->calls, 1);
	buf_fini(&a.body);
	buf_fini(&b.body);
	w.config.n_upstreams = 2;
	world_fini(&w);
	CHECK_EQ(other.refs, 1);
}

static void
the_only_backend_of_a_model_is_rested_but_not_given_up(void)
{
	const struct step *scripts[] = { nobody, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;
	int i;

	world_init(&w, 1, all);
	refuse(&w, 0);
	w.backends[0].eject_after = 3;
	w.backends[0].eject_ms = 500;
	world_start(&w);
	for (i = 0; i < 3; i++)
		call(&w, &r, "{}");
	CHECK_EQ(upstreams_stats(w.upstreams, 0)->ejections, 1);
	CHECK_EQ(upstreams_stats(w.upstreams, 0)->ejected_now, 1);
	CHECK_EQ(start(&w, &r, "m", "{}"), PICK_NONE_HEALTHY);
	CHECK(r.call == NULL);
	run_for(&w, 120);
	CHECK_EQ(start(&w, &r, "m", "{}"), PICK_OK);
	finish(&w, &r);
	world_fini(&w);
}

static void
a_path_that_makes_no_url_is_not_the_backends_fault(void)
{
	const struct step *scripts[] = { fine, NULL };
	const struct step *others[] = { fine, NULL };
	const struct step *const *all[] = { scripts, others };
	struct result r;
	struct world w;

	world_init(&w, 2, all);
	w.path = "/v1/a b\x01";
	world_start(&w);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_UNREACHABLE);
	CHECK_EQ(upstreams_stats(w.upstreams, 0)->failures, 0);
	CHECK_EQ(upstreams_stats(w.upstreams, 1)->failures, 0);
	CHECK_EQ(upstreams_stats(w.upstreams, 0)->retries, 0);
	CHECK_EQ(atomic_load(&w.servers[0]->connections), 0);
	world_fini(&w);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	RUN(a_refused_connection_is_unreachable);
	RUN(a_refused_connection_is_tried_elsewhere);
	RUN(without_retries_nothing_is_tried_again);
	RUN(a_503_is_tried_elsewhere);
	RUN(a_dead_kept_connection_is_replaced_and_the_request_sent_once_more);
	RUN(a_connection_that_died_in_its_idleness_is_not_used);
	RUN(libcurl_does_not_repeat_a_post_by_itself);
	RUN(an_answer_begun_is_not_tried_again);
	RUN(a_model_that_no_backend_takes_is_unknown);
	RUN(a_call_in_flight_keeps_its_configuration_through_a_reload);
	RUN(the_only_backend_of_a_model_is_rested_but_not_given_up);
	RUN(a_path_that_makes_no_url_is_not_the_backends_fault);
	return CHECK_DONE();
}
