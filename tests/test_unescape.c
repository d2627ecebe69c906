/* SPDX-License-Identifier: Apache-2.0 */
/* test_unescape.c - escapes undone in a growing text, and the way back. */
#include <stdlib.h>

#include "gateway/buf.h"
#include "gateway/unescape.h"
#include "tests/check.h"

/* What one feed of all of raw gives. */
static void
whole(const char *raw, struct buf *out)
{
	struct unescape *u = unescape_new();
	uint64_t open;

	buf_clear(out);
	buf_add_span(out, unescape_feed(u, span_str(raw), true, &open));
	CHECK_EQ(open, strlen(raw));
	unescape_free(u);
}

static void
check_view(const char *raw, const char *want)
{
	struct buf out = { 0 };

	whole(raw, &out);
	CHECK_MEM(out.ptr, out.len, want);
	buf_fini(&out);
}

static void
undoes_every_escape_of_json(void)
{
	check_view("plain \xe6\x98\xa5", "plain \xe6\x98\xa5");
	check_view("\\b\\f\\n\\r\\t\\\"\\\\\\/", "\b\f\n\r\t\"\\/");
	check_view("\\u0041\\u00e9\\u6625", "A\xc3\xa9\xe6\x98\xa5");
	check_view("\\uD83D\\uDE00", "\xf0\x9f\x98\x80");
	check_view("\\ud83d\\ude00", "\xf0\x9f\x98\x80");
}

static void
leaves_what_is_no_escape(void)
{
	check_view("a\\qb", "a\\qb");
	check_view("\\u12g4", "\\u12g4");
	check_view("end\\", "end\\");
	check_view("\\u12", "\\u12");
	check_view("\\\\u6625", "\\u6625");	/* an escaped backslash */
}

static void
makes_half_a_pair_a_replacement_character(void)
{
	check_view("\\ud83dx", "\xef\xbf\xbdx");
	check_view("\\ude00x", "\xef\xbf\xbdx");
	check_view("\\ud83d\\u0041", "\xef\xbf\xbd" "A");
	check_view("\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80");
	check_view("\\ud83d\\u12", "\xef\xbf\xbd\\u12");
}

static void
says_where_an_escape_is_still_open(void)
{
	struct unescape *u = unescape_new();
	struct mg_span view;
	uint64_t open;

	view = unescape_feed(u, span_str("ab\\u66"), false, &open);
	CHECK_MEM(view.ptr, view.len, "ab");
	CHECK_EQ(open, 2);
	view = unescape_feed(u, span_str("25c"), false, &open);
	CHECK_MEM(view.ptr, view.len, "\xe6\x98\xa5" "c");
	CHECK_EQ(open, 9);
	CHECK_EQ(unescape_map(u, 2), 2);	/* the escape's beginning */
	CHECK_EQ(unescape_map(u, 5), 8);	/* its end */
	CHECK_EQ(unescape_map(u, 6), 9);
	view = unescape_feed(u, span_str("\\ud83d\\u"), false, &open);
	CHECK_EQ(view.len, 0);
	CHECK_EQ(open, 9);
	view = unescape_feed(u, span("", 0), true, &open);
	CHECK_MEM(view.ptr, view.len, "\xef\xbf\xbd\\u");
	CHECK_EQ(open, 17);
	unescape_free(u);
}

static unsigned long seed = 1;

static unsigned
rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

/* A random text of pieces; *place[v] is the raw offset of view byte v, where a
 * character begins. */
static size_t
make(char *raw, char *view, uint64_t *place, size_t *view_len)
{
	static const struct {
		const char *raw, *view;
	} piece[] = { { "a", "a" }, { "\xe6\x98\xa5", "\xe6\x98\xa5" },
		{ "\\n", "\n" }, { "\\\\", "\\" }, { "\\\"", "\"" },
		{ "\\u6625", "\xe6\x98\xa5" }, { "\\u0041", "A" },
		{ "\\ud83d\\ude00", "\xf0\x9f\x98\x80" },
		{ "\\ud83dz", "\xef\xbf\xbdz" }, { "{\"", "{\"" },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" } };
	size_t n = 1 + rnd(12), i, r = 0, v = 0, j;

	for (i = 0; i < n; i++) {
		unsigned p = rnd(sizeof(piece) / sizeof(*piece));

		for (j = 0; j < strlen(piece[p].view); j++)
			place[v + j] = UINT64_MAX;
		place[v] = r;
		/* After the replacement character stands a plain one. */
		if (strcmp(piece[p].raw, "\\ud83dz") == 0)
			place[v + 3] = r + 6;
		if (strcmp(piece[p].raw, "{\"") == 0)
			place[v + 1] = r + 1;
		memcpy(raw + r, piece[p].raw, strlen(piece[p].raw));
		memcpy(view + v, piece[p].view, strlen(piece[p].view));
		r += strlen(piece[p].raw);
		v += strlen(piece[p].view);
	}
	place[v] = r;
	*view_len = v;
	return r;
}

/* Feeds raw in two or three pieces at a and b; checks text and map. */
static void
check_cut(const char *raw, size_t len, const char *view, size_t view_len,
    const uint64_t *place, size_t a, size_t b, bool forget)
{
	struct unescape *u = unescape_new();
	struct buf got = { 0 };
	size_t ends[3] = { a, b, len }, at = 0, i, v, from = 0;
	uint64_t open = 0, before = 0;

	for (i = 0; i < 3; i++) {
		buf_add_span(&got, unescape_feed(u, span(raw + at,
		    ends[i] - at), i == 2, &open));
		CHECK(open >= before && open <= ends[i]);
		before = open;
		at = ends[i];
		for (v = from; v <= got.len; v++)
			if (place[v] != UINT64_MAX)
				CHECK_EQ(unescape_map(u, v), place[v]);
		if (forget) {
			from = got.len - got.len / 3;
			unescape_forget(u, from);
		}
	}
	CHECK_EQ(open, len);
	CHECK(got.len == view_len && memcmp(got.ptr, view, view_len) == 0);
	buf_fini(&got);
	unescape_free(u);
}

static void
maps_back_right_whatever_the_cuts(void)
{
	char raw[256], view[256];
	uint64_t place[257];
	size_t i, a, b, len, view_len;

	for (i = 0; i < 300 && !check_test_failed; i++) {
		len = make(raw, view, place, &view_len);
		for (a = 0; a <= len; a++)
			if (utf8_whole(raw, a) == a)
				check_cut(raw, len, view, view_len, place, a,
				    len, false);
		a = utf8_whole(raw, rnd((unsigned)len + 1));
		b = a + utf8_whole(raw + a, rnd((unsigned)(len - a) + 1));
		check_cut(raw, len, view, view_len, place, a, b, true);
	}
}

static void
keeps_a_small_map_of_a_long_text(void)
{
	struct unescape *u = unescape_new();
	uint64_t open, view = 0, raw = 0;
	size_t i;

	/* With forgetting, feeding stays linear: 200,000 escapes. */
	for (i = 0; i < 200000; i++) {
		struct mg_span got = unescape_feed(u, span_str("\\n"), false,
		    &open);

		view += got.len;
		raw += 2;
		if (unescape_map(u, view) != raw)
			break;
		unescape_forget(u, view);
	}
	CHECK_EQ(i, 200000);
	unescape_free(u);
	unescape_free(NULL);
}

int
main(void)
{
	RUN(undoes_every_escape_of_json);
	RUN(leaves_what_is_no_escape);
	RUN(makes_half_a_pair_a_replacement_character);
	RUN(says_where_an_escape_is_still_open);
	RUN(maps_back_right_whatever_the_cuts);
	RUN(keeps_a_small_map_of_a_long_text);
	return CHECK_DONE();
}
