/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy_reach.c - whether two patterns can mean the same name; what is
 * made of it, tests/test_cmd_check.c shows. */
#include "gateway/buf.h"
#include "gateway/policy_reach.h"
#include "tests/check.h"

static void
patterns_overlap_where_some_name_fits_both(void)
{
	static const struct { const char *a, *b; bool want; } cases[] = {
		{ "", "", true }, { "a", "a", true }, { "a", "b", false },
		{ "*", "", true }, { "*", "gpt-4", true }, { "?", "", false },
		{ "gpt-*", "*-4", true }, { "gpt-*", "claude-*", false },
		{ "a*c", "*b", false }, { "a*", "*a", true },
		{ "a?c", "ab*", true }, { "a?", "a", false },
		{ "**", "?*?", true }, { "a*b*c", "a?c", true }, { "a*b*c", "a?d", false },
		{ "a*b*c", "??c", true }, { "*a*", "b*b", true },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK_EQ(globs_overlap(cases[i].a, cases[i].b), cases[i].want);
		CHECK_EQ(globs_overlap(cases[i].b, cases[i].a), cases[i].want);
	}
}

static uint32_t seed = 3;

static char *
word(const char *letters, size_t n, char out[8])
{
	size_t i, len;

	seed = seed * 1664525 + 1013904223;
	len = (seed >> 8) % 5;
	for (i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		out[i] = letters[(seed >> 8) % n];
	}
	out[len] = '\0';
	return out;
}

/* All names of up to five letters are tried. */
static void
agrees_with_trying_every_name(void)
{
	char a[8], b[8], name[8];
	unsigned i, k, n;

	for (i = 0; i < 2000; i++) {
		bool some = false;

		word("ab?*", 4, a);
		word("ab?*", 4, b);
		for (n = 1; n < 1u << 9 && !some; n++) {
			/* The bits behind the first one are its letters. */
			unsigned len = 31 - (unsigned)__builtin_clz(n);

			for (k = 0; k < len && k < 8; k++)
				name[k] = n >> k & 1 ? 'a' : 'b';
			some = glob_match(a, span(name, len)) &&
			    glob_match(b, span(name, len));
		}
		CHECK_EQ(globs_overlap(a, b), some);
	}
}

int
main(void)
{
	RUN(patterns_overlap_where_some_name_fits_both);
	RUN(agrees_with_trying_every_name);
	return CHECK_DONE();
}
