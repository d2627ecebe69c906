/* SPDX-License-Identifier: Apache-2.0 */
/* test_upstream_bad.c - answers that must never pass for whole. */
#include "tests/upstream_world.h"

struct bad_answer {
	const char *text;
	const char *why;	/* NULL: libcurl's words */
};

static void
broken_answers_are_never_whole(void)
{
	static const struct bad_answer cases[] = {
		{ "", NULL },
		{ "HTTP/1.1 200 OK\r\nContent-Le", NULL },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", NULL },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "5\r\nhel", NULL },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "5\r\nhello\r\n", NULL },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "zz\r\nhello\r\n0\r\n\r\n", NULL },
		{ "\x16\x03\x01 what is this\r\n\r\n", NULL },
		{ "hello, I am no HTTP server\n", NULL },
		{ "HTTP/1.1 99 Low\r\n\r\n", NULL },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
		    "Content-Length: 5\r\n\r\nhello",
		    "two Content-Length fields" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		    "both Content-Length and Transfer-Encoding" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
		    "bad Content-Length" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n"
		    "\r\n0\r\n\r\n", "unknown Transfer-Encoding" },
		{ "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "0\r\n\r\n", "Transfer-Encoding in HTTP/1.0" },
		{ "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
		    "control characters in a field" },
		{ "HTTP/1.1 200 OK\r\nX: a\x01\r\nContent-Length: 0\r\n\r\n",
		    "control characters in a field" },
		{ "HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n",
		    "bad field name" },
		{ "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n"
		    "\r\n", "a folded field" },
		{ "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
		    "a line without CRLF" },
		{ "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
		    "the backend switches protocols" },
		{ "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
		    "Content-Length: 3\r\n\r\nxyz",
		    "a Content-Encoding that was not asked for" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct step script[] = { { READ, NULL, 0 },
		    { SEND, cases[i].text, 0 }, { END, NULL, 0 } };
		struct result r;

		play_once(script, &r, NULL);
		CHECK_EQ(r.end, UPSTREAM_BROKEN);
		CHECK_EQ(r.heads > 0, r.body.len > 0 || r.status == 200);
		if (cases[i].why && r.why)
			CHECK_STR(r.why, cases[i].why);
		if (check_test_failed)
			fprintf(stderr, "case %zu: %s\n", i, r.why);
		buf_fini(&r.body);
	}
}

static void
a_nul_in_a_field_is_refused(void)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nX: a\0b\r\n"
	    "Content-Length: 0\r\n\r\n";
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND, text, sizeof(text) - 1 });

	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_BROKEN);
	CHECK_EQ(r.heads, 0);
}

static void
bytes_past_the_announced_length_are_not_given(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello world", 0 },
	    { HOLD, NULL, 0 });

	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_MEM(r.body.ptr, r.body.len, "hello");
	buf_fini(&r.body);
}

static void
after_bytes_past_the_length_the_connection_is_not_used_again(void)
{
	SCRIPT(liar, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nahello", 0 },
	    { READ, NULL, 0 }, { SEND, "x", 0 });
	SCRIPT(honest, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { liar, honest, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;

	world_init(&w, 1, all);
	world_start(&w);
	call(&w, &r, "{}");
	CHECK_MEM(r.body.ptr, r.body.len, "a");
	buf_fini(&r.body);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_MEM(r.body.ptr, r.body.len, "b");
	CHECK_EQ(atomic_load(&w.servers[0]->connections), 2);
	buf_fini(&r.body);
	world_fini(&w);
}

static void
endless_fields_are_cut_off(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND, "HTTP/1.1 200 OK\r\n", 0 },
	    { REPEAT, "X-A: b\r\n", 10000000 });

	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_BROKEN);
	CHECK_STR(r.why, "too many fields");
	CHECK_EQ(r.heads, 0);
}

static void
two_hundred_fields_pass_and_one_more_does_not(void)
{
	struct result r;
	SCRIPT(enough, { READ, NULL, 0 }, { SEND, "HTTP/1.1 200 OK\r\n"
	    "Content-Length: 0\r\n", 0 }, { REPEAT, "X-A: b\r\n", 199 },
	    { SEND, "\r\n", 0 }, { HOLD, NULL, 0 });
	SCRIPT(too_many, { READ, NULL, 0 }, { SEND, "HTTP/1.1 200 OK\r\n"
	    "Content-Length: 0\r\n", 0 }, { REPEAT, "X-A: b\r\n", 200 },
	    { SEND, "\r\n", 0 }, { HOLD, NULL, 0 });

	play_once(enough, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	play_once(too_many, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_BROKEN);
}

static void
large_fields_are_cut_off_at_64_kib(void)
{
	static char field[1024];
	struct step script[] = { { READ, NULL, 0 },
	    { SEND, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", 0 },
	    { REPEAT, field, 0 }, { SEND, "\r\n", 0 }, { HOLD, NULL, 0 },
	    { END, NULL, 0 } };
	struct result r;

	memset(field, 'a', sizeof(field) - 1);
	memcpy(field, "X: ", 3);
	memcpy(field + sizeof(field) - 3, "\r\n", 3);
	script[2].n = 63;
	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	script[2].n = 65;
	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_BROKEN);
	CHECK_STR(r.why, "the head is too large");
}

static void
a_field_without_an_end_is_cut_off(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND, "HTTP/1.1 200 OK\r\nX: ",
	    0 }, { REPEAT, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 10000000 });

	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_BROKEN);
	CHECK_EQ(r.heads, 0);
}

static void
sixteen_interim_answers_pass_and_one_more_does_not(void)
{
	struct step script[] = { { READ, NULL, 0 },
	    { REPEAT, "HTTP/1.1 103 Early\r\nLink: <x>\r\n\r\n", 0 },
	    { SEND, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0 },
	    { HOLD, NULL, 0 }, { END, NULL, 0 } };
	struct result r;

	script[1].n = 16;
	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_EQ(r.heads, 1);
	CHECK_EQ(r.status, 200);
	script[1].n = 17;
	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_BROKEN);
	CHECK_STR(r.why, "too many interim answers");
	CHECK_EQ(r.heads, 0);
}

static void
cap_at_5(struct config_upstream *conf)
{
	conf->answer_bytes = 5;
}

static void
an_answer_above_the_cap_is_cut_off(void)
{
	struct result r;
	SCRIPT(announced, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!", 0 },
	    { HOLD, NULL, 0 });
	SCRIPT(chunked, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", 0 }, { HOLD, NULL, 0 });
	SCRIPT(fits, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0 },
	    { HOLD, NULL, 0 });
	SCRIPT(stream, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	    "Content-Length: 6\r\n\r\nhello!", 0 }, { HOLD, NULL, 0 });

	play_once(announced, &r, cap_at_5);
	CHECK_EQ(r.end, UPSTREAM_TOO_LARGE);
	CHECK_EQ(r.heads, 0);
	play_once(chunked, &r, cap_at_5);
	CHECK_EQ(r.end, UPSTREAM_TOO_LARGE);
	CHECK(r.body.len <= 5);
	buf_fini(&r.body);
	play_once(fits, &r, cap_at_5);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	buf_fini(&r.body);
	play_once(stream, &r, cap_at_5);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_EQ(r.body.len, 6);
	buf_fini(&r.body);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	RUN(broken_answers_are_never_whole);
	RUN(a_nul_in_a_field_is_refused);
	RUN(bytes_past_the_announced_length_are_not_given);
	RUN(after_bytes_past_the_length_the_connection_is_not_used_again);
	RUN(endless_fields_are_cut_off);
	RUN(two_hundred_fields_pass_and_one_more_does_not);
	RUN(large_fields_are_cut_off_at_64_kib);
	RUN(a_field_without_an_end_is_cut_off);
	RUN(sixteen_interim_answers_pass_and_one_more_does_not);
	RUN(an_answer_above_the_cap_is_cut_off);
	return CHECK_DONE();
}
