/* SPDX-License-Identifier: Apache-2.0 */
/* graphemes.c - characters as people count them. */
#include "gateway/graphemes.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "gateway/buf.h"

struct graphemes {
	pcre2_code *one;
};

struct graphemes *
graphemes_new(void)
{
	struct graphemes *g = xcalloc(1, sizeof(*g));
	PCRE2_SIZE at;
	int error;

	g->one = pcre2_compile((PCRE2_SPTR)"\\X", PCRE2_ZERO_TERMINATED,
	    PCRE2_UTF | PCRE2_ANCHORED, &error, &at, NULL);
	if (!g->one)
		abort();		/* no memory, or no Unicode */
	return g;
}

void
graphemes_free(struct graphemes *g)
{
	if (!g)
		return;
	pcre2_code_free(g->one);
	free(g);
}

size_t
graphemes_ends(const struct graphemes *g, struct mg_span text, size_t **ends)
{
	pcre2_match_data *match = pcre2_match_data_create(1, NULL);
	size_t at = 0, n = 0, cap = 0;

	if (!match)
		abort();
	*ends = NULL;
	while (at < text.len) {
		if (pcre2_match(g->one, (PCRE2_SPTR)text.ptr, text.len, at,
		    PCRE2_NO_UTF_CHECK, match, NULL) < 0)
			abort();	/* any code point is one */
		at = pcre2_get_ovector_pointer(match)[1];
		*ends = xgrow(*ends, &cap, n + 1, sizeof(**ends));
		(*ends)[n++] = at;
	}
	pcre2_match_data_free(match);
	return n;
}
