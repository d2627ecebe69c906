/* SPDX-License-Identifier: Apache-2.0 */
/* filters/pattern.h - reads a pattern's text, without matching anything.
 *
 * Says what PCRE2 would accept but a stream or a shared machine cannot bear;
 * which literals each match contains; and writes a wider pattern, one that
 * matches wherever the true one does, in few features, from which a match's
 * greatest width can be read. */
#ifndef FILTERS_PATTERN_H
#define FILTERS_PATTERN_H

#include "modgate/filter.h"

struct pattern_text {
	const char *refused;	/* NULL, or why it cannot be taken: static */
	size_t refused_at;	/* byte offset of that */
	bool plain;		/* all of it was understood: wide holds */
	bool looks;		/* it looks past its own end or start */
	bool looks_far;		/* … without a limit */
	unsigned char gate;	/* an ASCII byte that each match contains; the
				 * rarest known; 0: none known */
	char *literals;		/* owned; each match contains at least one of
				 * them, ASCII letters in either case; each
				 * ends with a newline; "": none known */
	size_t literals_len;
	char *wide;		/* owned; NUL-terminated */
	size_t wide_len;
};

/* Never fails; whatever it does not understand is not plain. */
void pattern_read(struct pattern_text *p, struct mg_span source,
    bool caseless);
void pattern_fini(struct pattern_text *p);

#endif
