/* SPDX-License-Identifier: Apache-2.0 */
/* test_http1.c - every message is fed whole, cut at every point, and byte by
 * byte; what the reader says must be the same each time.
 *
 * What it says is written as text: "GET /a?q @host k 5\n" is a head (k: kept
 * alive, c: not; then the length, "chunked" or "-"; " e" for Expect),
 * "[body]", ".\n" the end, "!400\n" a fault. */
#include <stdlib.h>

#include "gateway/http1.h"
#include "tests/check.h"

static const struct http1_limits usual = {
	.line_bytes = 200, .head_bytes = 1000, .head_count = 8,
	.body_bytes = 64,
};

static void
tell_head(const struct http1_head *h, struct buf *out)
{
	buf_add_span(out, h->method);
	buf_add_byte(out, ' ');
	buf_add_span(out, h->path);
	if (h->query.len) {
		buf_add_byte(out, '?');
		buf_add_span(out, h->query);
	}
	buf_add_str(out, " @");
	buf_add_span(out, h->host);
	buf_add_str(out, h->keep_alive ? " k " : " c ");
	switch (h->framing) {
	case HTTP1_NO_BODY:
		buf_add_str(out, "-");
		break;
	case HTTP1_LENGTH:
		buf_addf(out, "%" PRIu64, h->content_length);
		break;
	case HTTP1_CHUNKED:
		buf_add_str(out, "chunked");
		break;
	}
	buf_add_str(out, h->expect_continue ? " e\n" : "\n");
}

/* Feeds one piece; false once the reader is finished. *in_body: the last thing
 * told was body. */
static bool
feed(struct http1 *r, const char *ptr, size_t len, struct buf *out,
    bool *in_body)
{
	/* A copy of its own, so that reading past it is seen. */
	char *copy = xmalloc(len);
	struct mg_span in = { copy, len };
	bool going = true;

	if (len)
		memcpy(copy, ptr, len);
	for (;;) {
		enum http1_event event = http1_next(r, &in);

		if (event == HTTP1_BODY) {
			buf_add_str(out, *in_body ? "" : "[");
			buf_add_span(out, http1_data(r));
			*in_body = true;
			continue;
		}
		if (event == HTTP1_MORE)
			break;
		if (*in_body)
			buf_add_byte(out, ']');
		*in_body = false;
		if (event == HTTP1_HEAD)
			tell_head(http1_head(r), out);
		else if (event == HTTP1_END)
			buf_add_str(out, ".\n");
		else if (event == HTTP1_FAULT) {
			buf_addf(out, "!%d\n", http1_fault(r)->status);
			going = false;
			break;
		}
	}
	CHECK(!going || in.len == 0);
	free(copy);
	return going;
}

/* cut 0: byte by byte; else in two pieces. */
static void
tell(const struct http1_limits *limits, const char *ptr, size_t len,
    size_t cut, struct buf *out)
{
	struct http1 *r = http1_new(limits);
	bool in_body = false;
	size_t i;

	buf_clear(out);
	if (cut > 0) {
		if (feed(r, ptr, cut, out, &in_body) && cut < len)
			(void)feed(r, ptr + cut, len - cut, out, &in_body);
	} else {
		for (i = 0; i < len; i++)
			if (!feed(r, ptr + i, 1, out, &in_body))
				break;
	}
	http1_free(r);
}

static void
message_within(const struct http1_limits *limits, const char *ptr, size_t len,
    const char *expected)
{
	struct buf out = { 0 };
	size_t cut;

	for (cut = 0; cut <= len; cut++) {
		tell(limits, ptr, len, cut, &out);
		if (span_is(buf_span(&out), expected))
			continue;
		fprintf(stderr, "cut at %zu of %zu:\n%.*s\n---\n", cut, len,
		    (int)(len > 300 ? 300 : len), ptr);
		CHECK_MEM(out.ptr, out.len, expected);
		break;
	}
	buf_fini(&out);
}

/* A literal may hold NUL. */
#define MESSAGE(literal, expected) \
	message_within(&usual, "" literal, sizeof(literal) - 1, expected)
#define GET(rest) "GET / HTTP/1.1\r\nHost: h\r\n" rest "\r\n"
#define POST(rest) "POST / HTTP/1.1\r\nHost: h\r\n" rest
#define CHUNKED(rest) POST("Transfer-Encoding: chunked\r\n\r\n" rest)
#define HELD "POST / @h k chunked\n"
#define TARGET(t) "GET " t " HTTP/1.1\r\nHost: h\r\n\r\n"

static void
reads_plain_requests(void)
{
	MESSAGE("GET /v1/models HTTP/1.1\r\nHost: a.b:80\r\n\r\n",
	    "GET /v1/models @a.b:80 k -\n.\n");
	MESSAGE("POST /x?a=1&b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
	    "\r\nhello", "POST /x?a=1&b @h k 5\n[hello].\n");
	MESSAGE(POST("Content-Length: 0\r\n\r\n"), "POST / @h k 0\n.\n");
	MESSAGE(POST("content-LENGTH:\t 0007 \r\n\r\nabcdefg"),
	    "POST / @h k 7\n[abcdefg].\n");
	MESSAGE("GET / HTTP/1.1\r\nhOsT:h\r\nEmpty:\r\n\r\n",
	    "GET / @h k -\n.\n");
	MESSAGE("FOO!#$%&'*+-.^_`|~9 / HTTP/1.1\r\nHost: h\r\n\r\n",
	    "FOO!#$%&'*+-.^_`|~9 / @h k -\n.\n");
}

static void
pipelined_requests_come_one_after_the_other(void)
{
	MESSAGE(POST("Content-Length: 2\r\n\r\nab") GET("")
	    CHUNKED("1\r\nx\r\n0\r\n\r\n") GET(""),
	    "POST / @h k 2\n[ab].\nGET / @h k -\n.\n"
	    HELD "[x].\nGET / @h k -\n.\n");
}

static void
one_empty_line_before_a_request_is_skipped(void)
{
	MESSAGE("\r\n" GET(""), "GET / @h k -\n.\n");
	MESSAGE("\r\n" GET("") "\r\n" GET(""),
	    "GET / @h k -\n.\nGET / @h k -\n.\n");
	MESSAGE("\r\n\r\n" GET(""), "!400\n");
	MESSAGE("\n" GET(""), "!400\n");
	MESSAGE("\r" GET(""), "!400\n");
}

static void
only_crlf_ends_a_line(void)
{
	MESSAGE("GET / HTTP/1.1\nHost: h\n\n", "!400\n");
	MESSAGE("GET / HTTP/1.1\r\nHost: h\n\r\n", "!400\n");
	MESSAGE("GET / HTTP/1.1\r\nHost: h\r\n\n", "!400\n");
	MESSAGE("GET / HTTP/1.1\rHost: h\r\n\r\n", "!400\n");
	MESSAGE("GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", "!400\n");
	MESSAGE("GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", "!400\n");
}

static void
a_request_line_is_three_words(void)
{
	MESSAGE("GET /\r\n", "!400\n");
	MESSAGE("GET\r\n", "!400\n");
	MESSAGE("GET  / HTTP/1.1\r\n", "!400\n");
	MESSAGE("GET /  HTTP/1.1\r\n", "!400\n");
	MESSAGE("GET / HTTP/1.1 \r\n", "!400\n");
	MESSAGE("GET\t/\tHTTP/1.1\r\n", "!400\n");
	MESSAGE(TARGET(""), "!400\n");
	MESSAGE(" GET / HTTP/1.1\r\n", "!400\n");
	MESSAGE("GET /a b HTTP/1.1\r\n", "!400\n");
	MESSAGE("G(T / HTTP/1.1\r\n", "!400\n");
	MESSAGE("G\0T / HTTP/1.1\r\n", "!400\n");
	MESSAGE("{\"a\":1}", "!400\n");
	MESSAGE("\x16\x03\x01\x02", "!400\n");
	MESSAGE("\xff", "!400\n");
}

static void
other_versions_are_refused(void)
{
	MESSAGE("GET / HTTP/2.0\r\n", "!505\n");
	MESSAGE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "!505\n");
	MESSAGE("GET / HTTP/1.2\r\n", "!505\n");
	MESSAGE("GET / HTTP/0.9\r\n", "!505\n");
	MESSAGE("GET / http/1.1\r\n", "!400\n");
	MESSAGE("GET / HTTP/1.10\r\n", "!400\n");
	MESSAGE("GET / HTTP/11\r\n", "!400\n");
	MESSAGE("GET / HTTP/1,1\r\n", "!400\n");
	MESSAGE("GET / HTTP/+1.1\r\n", "!400\n");
	MESSAGE("GET / HTTPS/1.1\r\n", "!400\n");
	MESSAGE("GET / HTTP/x.1\r\n", "!400\n");
	MESSAGE("GET / HTTP/ .1\r\n", "!400\n");
	MESSAGE("GET / HTTP/1.x\r\n", "!400\n");
	MESSAGE("GET / HTTP/1.-\r\n", "!400\n");
}

static void
version_1_0_has_its_own_rules(void)
{
	MESSAGE("GET / HTTP/1.0\r\n\r\n", "GET / @ c -\n.\n");
	MESSAGE("GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n",
	    "GET / @h k -\n.\n");
	MESSAGE("POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nx",
	    "POST / @ c 1\n[x].\n");
	MESSAGE("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
	    "!400\n");
	MESSAGE("POST / HTTP/1.0\r\nExpect: 100-continue\r\n"
	    "Content-Length: 1\r\n\r\nx", "POST / @ c 1\n[x].\n");
	MESSAGE("GET http://h/ HTTP/1.0\r\n\r\n", "GET / @h c -\n.\n");
	MESSAGE("GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n", "!400\n");
	MESSAGE("GET / HTTP/1.0\r\nHost: \r\n\r\n", "!400\n");
}

static void
methods_that_open_tunnels_are_refused(void)
{
	MESSAGE("CONNECT h:443 HTTP/1.1\r\n", "!501\n");
	MESSAGE("TRACE / HTTP/1.1\r\n", "!501\n");
	MESSAGE("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "!400\n");
	MESSAGE(GET("Upgrade: websocket\r\nConnection: upgrade\r\n"),
	    "!400\n");
	/* An offer that may be ignored, and that Java makes unasked. */
	MESSAGE(GET("upgrade: h2c\r\n"), "GET / @h k -\n.\n");
	MESSAGE(GET("upgrade: h2c, websocket\r\n"), "!400\n");
}

static void
there_is_exactly_one_valid_host(void)
{
	MESSAGE("GET / HTTP/1.1\r\n\r\n", "!400\n");
	MESSAGE(GET("Host: h\r\n"), "!400\n");
	MESSAGE(GET("hOST: i\r\n"), "!400\n");
}

#define HOST(h) "GET / HTTP/1.1\r\nHost: " h "\r\n\r\n"

static void
a_host_follows_the_grammar(void)
{
	MESSAGE(HOST("a-b.c_d~1"), "GET / @a-b.c_d~1 k -\n.\n");
	MESSAGE(HOST("1.2.3.4:8080"), "GET / @1.2.3.4:8080 k -\n.\n");
	MESSAGE(HOST("[::1]:80"), "GET / @[::1]:80 k -\n.\n");
	MESSAGE(HOST("[1:2::3.4.5.6]"), "GET / @[1:2::3.4.5.6] k -\n.\n");
	MESSAGE(HOST("[v1.a:b]"), "GET / @[v1.a:b] k -\n.\n");
	MESSAGE(HOST("h:"), "GET / @h: k -\n.\n");
	MESSAGE(HOST("a%41;b=c"), "GET / @a%41;b=c k -\n.\n");
	MESSAGE(HOST(""), "!400\n");
	MESSAGE(HOST(":80"), "!400\n");
	MESSAGE(HOST("a b"), "!400\n");
	MESSAGE(HOST("a/b"), "!400\n");
	MESSAGE(HOST("u@h"), "!400\n");
	MESSAGE(HOST("a,b"), "GET / @a,b k -\n.\n");
	MESSAGE(HOST("a?b"), "!400\n");
	MESSAGE(HOST("a#b"), "!400\n");
	MESSAGE(HOST("a\\b"), "!400\n");
	MESSAGE(HOST("\xc3\xa9"), "!400\n");
	MESSAGE(HOST("a%4"), "!400\n");
	MESSAGE(HOST("a%00"), "!400\n");
	MESSAGE(HOST("h:8x"), "!400\n");
	MESSAGE(HOST("h:65536"), "!400\n");
	MESSAGE(HOST("h:1:2"), "!400\n");
	MESSAGE(HOST("::1"), "!400\n");
	MESSAGE(HOST("[::1"), "!400\n");
	MESSAGE(HOST("[::1]x"), "!400\n");
	MESSAGE(HOST("[]"), "!400\n");
	MESSAGE(HOST("[1.2.3.4]"), "!400\n");
	MESSAGE(HOST("[::1%eth0]"), "!400\n");
	MESSAGE(HOST("[v.a]"), "!400\n");
	MESSAGE(HOST("[v1.]"), "!400\n");
	MESSAGE(HOST("[vx]"), "!400\n");
	MESSAGE(HOST("[v1.a/]"), "!400\n");
	MESSAGE(HOST("[1111:2222:3333:4444:5555:6666:7777:8888:9999:0000]"),
	    "!400\n");
}

static void
an_absolute_target_must_agree_with_host(void)
{
	MESSAGE(TARGET("http://h/a?b"), "GET /a?b @h k -\n.\n");
	MESSAGE(TARGET("HTTPS://H"), "GET / @h k -\n.\n");
	MESSAGE(TARGET("http://h?q"), "GET /?q @h k -\n.\n");
	MESSAGE(TARGET("http://h//a/"), "GET /a @h k -\n.\n");
	MESSAGE(TARGET("http://other/"), "!400\n");
	MESSAGE(TARGET("http://h:80/"), "!400\n");
	MESSAGE(TARGET("http://u@h/"), "!400\n");
	MESSAGE(TARGET("http:///a"), "!400\n");
	MESSAGE(TARGET("ftp://h/"), "!400\n");
	MESSAGE(TARGET("h:80"), "!400\n");
	MESSAGE(TARGET("a/b"), "!400\n");
	MESSAGE(TARGET("?q"), "!400\n");
}

static void
a_path_is_normalised_once(void)
{
	MESSAGE(TARGET("/v1//chat///completions"),
	    "GET /v1/chat/completions @h k -\n.\n");
	MESSAGE(TARGET("//v1/"), "GET /v1 @h k -\n.\n");
	MESSAGE(TARGET("//"), "GET / @h k -\n.\n");
	MESSAGE(TARGET("/v1/%63hat/%7E"), "GET /v1/chat/~ @h k -\n.\n");
	MESSAGE(TARGET("/%3a%E6%98%a5"), "GET /%3A%E6%98%A5 @h k -\n.\n");
	MESSAGE(TARGET("/%2563"), "GET /%2563 @h k -\n.\n");
	MESSAGE(TARGET("/a/%31/?x=%2e%2f"),
	    "GET /a/1?x=%2e%2f @h k -\n.\n");
	MESSAGE(TARGET("/.a/..b/c.../gpt-3.5"),
	    "GET /.a/..b/c.../gpt-3.5 @h k -\n.\n");
	MESSAGE(TARGET("/?a[]={b}|c^`"), "GET /?a[]={b}|c^` @h k -\n.\n");
}

static void
a_path_that_may_be_read_in_two_ways_is_refused(void)
{
	MESSAGE(TARGET("/."), "!400\n");
	MESSAGE(TARGET("/.."), "!400\n");
	MESSAGE(TARGET("/a/./b"), "!400\n");
	MESSAGE(TARGET("/a/../b"), "!400\n");
	MESSAGE(TARGET("/a//..//b"), "!400\n");
	MESSAGE(TARGET("/%2e"), "!400\n");
	MESSAGE(TARGET("/a%2E%2e/b"), "!400\n");
	MESSAGE(TARGET("/a%2fb"), "!400\n");
	MESSAGE(TARGET("/a%2Fb"), "!400\n");
	MESSAGE(TARGET("/a%5cb"), "!400\n");
	MESSAGE(TARGET("/a\\b"), "!400\n");
	MESSAGE(TARGET("/a%00"), "!400\n");
	MESSAGE(TARGET("/a%0d%0ab"), "!400\n");
	MESSAGE(TARGET("/a%7f"), "!400\n");
	MESSAGE(TARGET("/%"), "!400\n");
	MESSAGE(TARGET("/%4"), "!400\n");
	MESSAGE(TARGET("/%zz"), "!400\n");
	MESSAGE(TARGET("/%u0041"), "!400\n");
	MESSAGE(TARGET("/a#b"), "!400\n");
	MESSAGE(TARGET("/a\x01"), "!400\n");
	MESSAGE(TARGET("/a\0b"), "!400\n");
	MESSAGE(TARGET("/\xe6\x98\xa5"), "!400\n");
	MESSAGE(TARGET("/a\"b"), "!400\n");
	MESSAGE(TARGET("/[a]"), "!400\n");
	MESSAGE(TARGET("/?a=\xff"), "!400\n");
	MESSAGE(TARGET("/?a=%"), "!400\n");
	MESSAGE(TARGET("/?a=%00"), "!400\n");
	MESSAGE(TARGET("/?a#b"), "!400\n");
}

static void
a_field_is_a_token_a_colon_and_a_clean_value(void)
{
	MESSAGE(GET("X-A: \t caf\xc3\xa9\t(\"b\") \r\n"),
	    "GET / @h k -\n.\n");
	MESSAGE(GET("X : a\r\n"), "!400\n");
	MESSAGE(GET(" X: a\r\n"), "!400\n");
	MESSAGE(GET("X: a\r\n b\r\n"), "!400\n");
	MESSAGE(GET("X: a\r\n\tb: c\r\n"), "!400\n");
	MESSAGE(GET("X\r\n"), "!400\n");
	MESSAGE(GET(": a\r\n"), "!400\n");
	MESSAGE(GET("X(: a\r\n"), "!400\n");
	MESSAGE(GET("X\0: a\r\n"), "!400\n");
	MESSAGE(GET("X\xc3\xa9: a\r\n"), "!400\n");
	MESSAGE(GET("X: a\0b\r\n"), "!400\n");
	MESSAGE(GET("X: a\x01\r\n"), "!400\n");
	MESSAGE(GET("X: a\x7f\r\n"), "!400\n");
	MESSAGE(GET("X: a\x0b\r\n"), "!400\n");
	MESSAGE("GET / HTTP/1.1\r\n Host: h\r\n\r\n", "!400\n");
}

static void
values_lose_the_white_space_at_their_ends(void)
{
	static const char text[] = GET("X: \t a b \t\r\nY: \t\r\n");
	struct http1 *r = http1_new(&usual);
	struct mg_span in = { text, sizeof(text) - 1 };
	const struct http1_head *h = http1_head(r);

	CHECK_EQ(http1_next(r, &in), HTTP1_HEAD);
	CHECK_EQ(h->n_fields, 3);
	CHECK_MEM(http1_get(h, "x").ptr, http1_get(h, "x").len, "a b");
	CHECK(http1_get(h, "y").ptr != NULL);
	CHECK_EQ(http1_get(h, "y").len, 0);
	CHECK(http1_get(h, "z").ptr == NULL);
	CHECK_EQ(http1_count(h, "HOST"), 1);
	CHECK_MEM(h->target.ptr, h->target.len, "/");
	http1_free(r);
}

static void
there_is_one_way_to_find_the_end_of_a_body(void)
{
	MESSAGE(POST("Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
	    "!400\n");
	MESSAGE(POST("Content-Length: 1\r\nContent-Length: 2\r\n\r\nx"),
	    "!400\n");
	MESSAGE(POST("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"
	    "\r\n0\r\n\r\n"), "!400\n");
	MESSAGE(POST("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"
	    "\r\n0\r\n\r\n"), "!400\n");
	MESSAGE(POST("Transfer-Encoding: chunked\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n"), "!400\n");
	MESSAGE(POST("Transfer-Encoding:\r\n\r\n"), "!400\n");
	MESSAGE(POST("Transfer-Encoding: gzip, chunked\r\n\r\n"), "!501\n");
	MESSAGE(POST("Transfer-Encoding: chunked, chunked\r\n\r\n"),
	    "!501\n");
	MESSAGE(POST("Transfer-Encoding: chunked;q=1\r\n\r\n"), "!501\n");
	MESSAGE(POST("Transfer-Encoding: \"chunked\"\r\n\r\n"), "!501\n");
	MESSAGE(POST("Transfer-Encoding: xchunked\r\n\r\n"), "!501\n");
	MESSAGE(POST("Transfer-Encoding: identity\r\n\r\n"), "!501\n");
	MESSAGE(POST("Transfer-Encoding: chunke\r\n\r\n"), "!501\n");
	MESSAGE(POST("Transfer-Encoding : chunked\r\n\r\n"), "!400\n");
	MESSAGE(POST("Transfer-Encoding:\x0b" "chunked\r\n\r\n"), "!400\n");
	MESSAGE(POST("tRANSFER-eNCODING: CHUNKED\r\n\r\n0\r\n\r\n"),
	    HELD ".\n");
}

static void
a_content_length_is_digits(void)
{
	MESSAGE(POST("Content-Length: +1\r\n\r\nx"), "!400\n");
	MESSAGE(POST("Content-Length: -1\r\n\r\nx"), "!400\n");
	MESSAGE(POST("Content-Length: 0x1\r\n\r\nx"), "!400\n");
	MESSAGE(POST("Content-Length: 1 1\r\n\r\nx"), "!400\n");
	MESSAGE(POST("Content-Length: 1,1\r\n\r\nx"), "!400\n");
	MESSAGE(POST("Content-Length: 1.0\r\n\r\nx"), "!400\n");
	MESSAGE(POST("Content-Length: 1e1\r\n\r\nx"), "!400\n");
	MESSAGE(POST("Content-Length:\r\n\r\n"), "!400\n");
	MESSAGE(POST("Content-Length: 1_0\r\n\r\n"), "!400\n");
	MESSAGE(POST("Content-Length: \xef\xbc\x91\r\n\r\n"), "!400\n");
}

static void
a_body_above_the_cap_is_a_fault(void)
{
	/* The head is told first: who asks is settled before how much. */
	MESSAGE(POST("Content-Length: 65\r\n\r\n"),
	    "POST / @h k 65\n!413\n");
	MESSAGE(POST("Content-Length: 18446744073709551616\r\n\r\n"),
	    "!413\n");
	MESSAGE(POST("Content-Length: 99999999999999999999999999\r\n\r\n"),
	    "!413\n");
	MESSAGE(POST("Content-Length: 64\r\n\r\n"
	    "0123456789abcdef0123456789abcdef"
	    "0123456789abcdef0123456789abcdef"),
	    "POST / @h k 64\n[0123456789abcdef0123456789abcdef"
	    "0123456789abcdef0123456789abcdef].\n");
	MESSAGE(CHUNKED("41\r\n"), HELD "!413\n");
	MESSAGE(CHUNKED("4\r\nabcd\r\n3d\r\n"), HELD "[abcd]!413\n");
	MESSAGE(CHUNKED("4\r\nabcd\r\nffffffffffffffff\r\n"),
	    HELD "[abcd]!413\n");
	MESSAGE(CHUNKED("fffffffffffffffe\r\n"), HELD "!413\n");
}

static void
the_cap_may_be_lowered_once_the_head_is_known(void)
{
	static const char whole[] = POST("Content-Length: 5\r\n\r\nhello");
	static const char pieces[] = CHUNKED("5\r\nhello\r\n0\r\n\r\n");
	struct mg_span in = { whole, sizeof(whole) - 1 };
	struct http1 *r = http1_new(&usual);

	CHECK_EQ(http1_next(r, &in), HTTP1_HEAD);
	http1_limit_body(r, 4);
	in.len = 0;
	CHECK_EQ(http1_next(r, &in), HTTP1_FAULT);
	CHECK_EQ(http1_fault(r)->status, 413);
	CHECK_EQ(http1_next(r, &in), HTTP1_FAULT);
	http1_free(r);
	r = http1_new(&usual);
	in = span(pieces, sizeof(pieces) - 1);
	CHECK_EQ(http1_next(r, &in), HTTP1_HEAD);
	http1_limit_body(r, 4);
	CHECK_EQ(http1_next(r, &in), HTTP1_FAULT);
	CHECK_EQ(http1_fault(r)->status, 413);
	http1_free(r);
}

static void
a_lowered_cap_ends_with_its_request(void)
{
	static const char text[] = POST("Content-Length: 0\r\n\r\n")
	    POST("Content-Length: 5\r\n\r\nhello");
	struct mg_span in = { text, sizeof(text) - 1 };
	struct http1 *r = http1_new(&usual);

	CHECK_EQ(http1_next(r, &in), HTTP1_HEAD);
	http1_limit_body(r, 4);
	CHECK_EQ(http1_next(r, &in), HTTP1_END);
	CHECK_EQ(http1_next(r, &in), HTTP1_HEAD);
	CHECK_EQ(http1_next(r, &in), HTTP1_BODY);
	http1_free(r);
}

static void
reads_chunked_bodies(void)
{
	MESSAGE(CHUNKED("0\r\n\r\n"), HELD ".\n");
	MESSAGE(CHUNKED("5\r\nhello\r\n0\r\n\r\n"), HELD "[hello].\n");
	MESSAGE(CHUNKED("0005\r\nhello\r\n00\r\n\r\n"), HELD "[hello].\n");
	MESSAGE(CHUNKED("A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n"),
	    HELD "[01234567890123456789a].\n");
	MESSAGE(CHUNKED("2;a=\"b;c\";d\r\nab\r\n0;x\r\n\r\n"),
	    HELD "[ab].\n");
	MESSAGE(CHUNKED("2\r\n\r\n\r\n0\r\n\r\n"), HELD "[\r\n].\n");
	MESSAGE(CHUNKED("1\r\na\r\n0\r\nX: y\r\nContent-Length: 9\r\n\r\n"),
	    HELD "[a].\n");
}

static void
broken_chunks_are_faults(void)
{
	MESSAGE(CHUNKED("\r\n"), HELD "!400\n");
	MESSAGE(CHUNKED(" 5\r\n"), HELD "!400\n");
	MESSAGE(CHUNKED("5 \r\n"), HELD "!400\n");
	MESSAGE(CHUNKED("5 ;a\r\n"), HELD "!400\n");
	MESSAGE(CHUNKED("+5\r\n"), HELD "!400\n");
	MESSAGE(CHUNKED("-1\r\n"), HELD "!400\n");
	MESSAGE(CHUNKED("0x5\r\n"), HELD "!400\n");
	MESSAGE(CHUNKED("5h\r\n"), HELD "!400\n");
	MESSAGE(CHUNKED("g\r\n"), HELD "!400\n");
	MESSAGE(CHUNKED("5\n"), HELD "!400\n");
	MESSAGE(CHUNKED("5;a\nhello\r\n"), HELD "!400\n");
	MESSAGE(CHUNKED("5;a\0\r\n"), HELD "!400\n");
	MESSAGE(CHUNKED("5;a\rb\r\n"), HELD "!400\n");
	MESSAGE(CHUNKED("10000000000000000\r\n"), HELD "!400\n");
	MESSAGE(CHUNKED("00000000000000005\r\nhello"), HELD "!400\n");
	MESSAGE(CHUNKED("5\r\nhelloX\r\n"), HELD "[hello]!400\n");
	MESSAGE(CHUNKED("5\r\nhello\n"), HELD "[hello]!400\n");
	MESSAGE(CHUNKED("5\r\nhello\r0"), HELD "[hello]!400\n");
	MESSAGE(CHUNKED("5\r\nhello!\r\n"), HELD "[hello]!400\n");
	MESSAGE(CHUNKED("5\r\nhello0\r\n"), HELD "[hello]!400\n");
	MESSAGE(CHUNKED("0\r\nX\r\n\r\n"), HELD "!400\n");
	MESSAGE(CHUNKED("0\r\n X: y\r\n\r\n"), HELD "!400\n");
	MESSAGE(CHUNKED("0\r\nX: y\n\r\n"), HELD "!400\n");
	MESSAGE(CHUNKED("0\r\n\n"), HELD "!400\n");
	MESSAGE(CHUNKED("0\r\nGET / HTTP/1.1\r\n"), HELD "!400\n");
}

static void
expect_and_connection_are_understood(void)
{
	MESSAGE(POST("Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx"),
	    "POST / @h k 1 e\n[x].\n");
	MESSAGE(POST("Expect: 200-ok\r\nContent-Length: 1\r\n\r\nx"),
	    "!417\n");
	MESSAGE(POST("Expect:\r\n\r\n"), "!417\n");
	MESSAGE(GET("Connection: close\r\n"), "GET / @h c -\n.\n");
	MESSAGE(GET("Connection: x ,\tCLOSE , keep-alive\r\n"),
	    "GET / @h c -\n.\n");
	MESSAGE(GET("Connection: keep-alive\r\nConnection: close\r\n"),
	    "GET / @h c -\n.\n");
	MESSAGE(GET("Connection: closed, host\r\n"), "GET / @h k -\n.\n");
	MESSAGE(GET("Connection: ,,\r\n"), "GET / @h k -\n.\n");
	MESSAGE(GET("Connection: x\t,close\t,y\r\n"), "GET / @h c -\n.\n");
}

/* head, then a byte repeated, then tail. */
static void
long_message(const char *head, size_t n, char c, const char *tail,
    const char *expected)
{
	struct buf b = { 0 };
	size_t i;

	buf_add_str(&b, head);
	for (i = 0; i < n; i++)
		buf_add_byte(&b, c);
	buf_add_str(&b, tail);
	message_within(&usual, b.ptr, b.len, expected);
	buf_fini(&b);
}

static void
a_request_line_has_a_cap(void)
{
	struct buf expected = { 0 };
	size_t i;

	/* "GET /" and " HTTP/1.1" are 14 bytes of the 200. */
	buf_add_str(&expected, "GET /");
	for (i = 0; i < 186; i++)
		buf_add_byte(&expected, 'a');
	buf_add_str(&expected, " @h k -\n.\n");
	long_message("GET /", 186, 'a', " HTTP/1.1\r\nHost: h\r\n\r\n",
	    buf_cstr(&expected));
	long_message("GET /", 187, 'a', " HTTP/1.1\r\nHost: h\r\n\r\n",
	    "!414\n");
	long_message("A", 500, 'A', "", "!414\n");
	buf_fini(&expected);
}

static void
a_request_line_is_part_of_the_head(void)
{
	static const struct http1_limits small = {
		.line_bytes = 200, .head_bytes = 20, .head_count = 8,
	};

	message_within(&small, "GET /aaaaaaaaaaaaaaaaaaaaa", 26, "!414\n");
	message_within(&small, "GET / HTTP/1.0\r\nA:\r\n\r\n", 22,
	    "!431\n");
	message_within(&small, "GET / HTTP/1.0\r\n\r\n", 18,
	    "GET / @ c -\n.\n");
	http1_free(NULL);
}

static void
a_head_has_a_cap(void)
{
	/* 16 + 9 + "X: " + "\r\n\r\n" are 32 of the 1000. */
	long_message("GET / HTTP/1.1\r\nHost: h\r\nX: ", 968, 'v', "\r\n\r\n",
	    "GET / @h k -\n.\n");
	long_message("GET / HTTP/1.1\r\nHost: h\r\nX: ", 969, 'v', "\r\n\r\n",
	    "!431\n");
	long_message("GET / HTTP/1.1\r\nHost: h\r\nX: ", 2000, 'v', "",
	    "!431\n");
	long_message("GET / HTTP/1.1\r\nHost: h\r\n", 2000, 'n', "",
	    "!431\n");
}

static void
fields_have_a_cap(void)
{
	MESSAGE(GET("1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n"),
	    "GET / @h k -\n.\n");
	MESSAGE(GET("1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n"),
	    "!431\n");
}

static void
extensions_and_trailers_have_caps(void)
{
	struct buf b = { 0 };
	int i;

	long_message(CHUNKED("1;"), 509, 'e', "\r\nx\r\n0\r\n\r\n",
	    HELD "!400\n");
	long_message(CHUNKED("1;"), 508, 'e', "\r\nx\r\n0\r\n\r\n",
	    HELD "[x].\n");
	buf_add_str(&b, CHUNKED(""));
	for (i = 0; i < 30; i++)
		buf_addf(&b, "1;%040d\r\nx\r\n", i);
	/* 41 bytes each: the 25th takes them past 1000. */
	message_within(&usual, b.ptr, b.len,
	    HELD "[xxxxxxxxxxxxxxxxxxxxxxxx]!400\n");
	buf_fini(&b);
	long_message(CHUNKED("0\r\nX: "), 993, 'v', "\r\n\r\n", HELD ".\n");
	long_message(CHUNKED("0\r\nX: "), 994, 'v', "\r\n\r\n",
	    HELD "!431\n");
	MESSAGE(CHUNKED("0\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n"
	    "\r\n"), HELD ".\n");
	MESSAGE(CHUNKED("0\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n"
	    "9:\r\n\r\n"), HELD "!431\n");
}

static void
knows_when_it_is_between_requests(void)
{
	static const char text[] = POST("Content-Length: 1\r\n\r\nx");
	struct http1 *r = http1_new(&usual);
	struct mg_span in = { text, 1 };

	CHECK(http1_is_idle(r));
	CHECK_EQ(http1_next(r, &in), HTTP1_MORE);
	CHECK(!http1_is_idle(r));
	http1_trim(r);
	in = span(text + 1, sizeof(text) - 2);
	CHECK_EQ(http1_next(r, &in), HTTP1_HEAD);
	CHECK_EQ(http1_next(r, &in), HTTP1_BODY);
	CHECK(!http1_is_idle(r));
	CHECK_EQ(http1_next(r, &in), HTTP1_END);
	CHECK(http1_is_idle(r));
	http1_trim(r);
	in = span(text, sizeof(text) - 1);
	CHECK_EQ(http1_next(r, &in), HTTP1_HEAD);
	http1_free(r);
}

static void
writes_a_head_and_leaves_out_what_would_break_it(void)
{
	static const struct http1_field fields[] = {
		{ { "X-Good", 6 }, { "a b", 3 } },
		{ { "X-Split", 7 }, { "a\r\nSet: b", 9 } },
		{ { "X Bad", 5 }, { "a", 1 } },
		{ { "", 0 }, { "a", 1 } },
	};
	struct buf out = { 0 };

	http1_add_head(&out, 404, fields, 4);
	CHECK_MEM(out.ptr, 30, "HTTP/1.1 404 Not Found\r\nDate: ");
	CHECK_MEM(out.ptr + out.len - 19, 19, " GMT\r\nX-Good: a b\r\n");
	CHECK_EQ(out.len, 24 + 37 + 13);
	buf_clear(&out);
	http1_add_u64(&out, UINT64_MAX);
	http1_add_hex(&out, 0);
	http1_add_hex(&out, UINT64_MAX);
	CHECK_MEM(out.ptr, out.len,
	    "184467440737095516150ffffffffffffffff");
	buf_fini(&out);
	CHECK_STR(http1_reason(431), "Request Header Fields Too Large");
	CHECK_STR(http1_reason(299), "Status");
}

int
main(void)
{
	RUN(reads_plain_requests);
	RUN(pipelined_requests_come_one_after_the_other);
	RUN(one_empty_line_before_a_request_is_skipped);
	RUN(only_crlf_ends_a_line);
	RUN(a_request_line_is_three_words);
	RUN(other_versions_are_refused);
	RUN(version_1_0_has_its_own_rules);
	RUN(methods_that_open_tunnels_are_refused);
	RUN(there_is_exactly_one_valid_host);
	RUN(a_host_follows_the_grammar);
	RUN(an_absolute_target_must_agree_with_host);
	RUN(a_path_is_normalised_once);
	RUN(a_path_that_may_be_read_in_two_ways_is_refused);
	RUN(a_field_is_a_token_a_colon_and_a_clean_value);
	RUN(values_lose_the_white_space_at_their_ends);
	RUN(there_is_one_way_to_find_the_end_of_a_body);
	RUN(a_content_length_is_digits);
	RUN(a_body_above_the_cap_is_a_fault);
	RUN(the_cap_may_be_lowered_once_the_head_is_known);
	RUN(a_lowered_cap_ends_with_its_request);
	RUN(reads_chunked_bodies);
	RUN(broken_chunks_are_faults);
	RUN(expect_and_connection_are_understood);
	RUN(a_request_line_has_a_cap);
	RUN(a_request_line_is_part_of_the_head);
	RUN(a_head_has_a_cap);
	RUN(fields_have_a_cap);
	RUN(extensions_and_trailers_have_caps);
	RUN(knows_when_it_is_between_requests);
	RUN(writes_a_head_and_leaves_out_what_would_break_it);
	return CHECK_DONE();
}
