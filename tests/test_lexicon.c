/* SPDX-License-Identifier: Apache-2.0 */
/* test_lexicon.c - where terms may begin. */
#include "filters/lexicon.h"

#include <stdlib.h>
#include <string.h>

#include "tests/check.h"

static uint32_t seed = 5;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static const struct lexicon_entry entries[] = {
	{ "ab", 1, 1 }, { "abc-d", 2, 2 }, { "ab", 3, 4 }, { "<x", 4, 8 },
	{ "中国", 5, 16 }, { "12", 6, 32 }, { "zebra", 7, 64 },
};
enum { N = sizeof(entries) / sizeof(*entries) };

static void
walks_down_to_all_terms_of_a_place(void)
{
	const char *text = "abc-d";
	const uint32_t *v, *end;
	struct lexicon l;
	uint32_t s = AUTOMATON_ROOT;
	size_t i;

	lexicon_build(&l, entries, N);
	for (i = 0; i < 2; i++)
		s = lexicon_step(&l, s, (unsigned char)text[i]);
	v = lexicon_values(&l, s, &end);
	CHECK_EQ(end - v, 2);
	CHECK(v[0] == 1 && v[1] == 3);
	CHECK_EQ(lexicon_below(&l, s), 2);
	for (; i < 5; i++)
		s = lexicon_step(&l, s, (unsigned char)text[i]);
	v = lexicon_values(&l, s, &end);
	CHECK(end - v == 1 && v[0] == 2);
	CHECK_EQ(lexicon_below(&l, s), 0);
	CHECK_EQ(lexicon_step(&l, s, 'a'), AUTOMATON_ROOT);
	CHECK_EQ(lexicon_step(&l, AUTOMATON_ROOT, 'q'), AUTOMATON_ROOT);
	CHECK(lexicon_memory(&l) > 0);
	lexicon_fini(&l);
}

/* Whether a word begins at i, said plainly. */
static bool
begins(const unsigned char *p, size_t i)
{
	unsigned char c = p[i], b = i ? p[i - 1] : ' ';
	const char *letters = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

	if (c >= 0xe0 || (c && strchr("-<[#", c)))
		return true;
	if (!c || !strchr(letters, c))
		return false;
	return !b || !strchr(letters, b) || (c >= 'A' && c <= 'Z' &&
	    b >= 'a' && b <= 'z');
}

static bool
stands(const unsigned char *p, size_t i, size_t len)
{
	size_t k, n;

	for (k = 0; k < N; k++) {
		n = strlen(entries[k].text);
		if (n <= len - i && strncasecmp((const char *)p + i,
		    entries[k].text, n) == 0)
			return begins(p, i);
	}
	return false;
}

/* Leaps may stop where nothing is, but never miss a term. */
static void
misses_no_term_that_begins_a_word(void)
{
	static const char *const parts[] = { "ab", "abc-d", "<x", "中国",
		"12", "Zebra", " ", "q", "Q", "é", "，", "人", "zebr", "\n",
		"abcd", "[", "0" };
	struct lexicon l;
	unsigned round;

	lexicon_build(&l, entries, N);
	for (round = 0; round < 4000; round++) {
		unsigned char text[400], *p;
		size_t len = 0, i, next, n = rnd(40);

		while (n-- > 0) {
			const char *part = parts[rnd(sizeof(parts) /
			    sizeof(*parts))];

			memcpy(text + len, part, strlen(part));
			len += strlen(part);
		}
		p = malloc(len ? len : 1);	/* exactly: none may be read
						 * beside it */
		if (!p)
			abort();
		memcpy(p, text, len);
		l.wide = round % 2 && lexicon_has_wide();
		next = lexicon_next(&l, p, 0, len);
		for (i = 0; i < len; i++) {
			if (i == next) {
				CHECK(begins(p, i));
				next = lexicon_next(&l, p, i + 1, len);
			} else {
				CHECK(!stands(p, i, len));
			}
		}
		CHECK_EQ(next, len);
		free(p);
	}
	lexicon_fini(&l);
}

int
main(void)
{
	RUN(walks_down_to_all_terms_of_a_place);
	RUN(misses_no_term_that_begins_a_word);
	return CHECK_DONE();
}
