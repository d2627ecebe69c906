/* SPDX-License-Identifier: Apache-2.0 */
/* filters/pattern.h - reads a pattern's text, without matching anything.
 *
 * Says what PCRE2 would accept but a stream or a shared machine cannot bear,
 * and what is known of all its matches: see shape.h. */
#ifndef FILTERS_PATTERN_H
#define FILTERS_PATTERN_H

#include "filters/shape.h"
#include "modgate/filter.h"

struct pattern_text {
	const char *refused;	/* NULL, or why it cannot be taken: static */
	size_t refused_at;	/* byte offset of that */
	bool plain;		/* all of it was understood. If not, shape
				 * says nothing, but is safe */
	struct shape shape;	/* closed; owned. What its matches may begin
				 * with is full: behind a short one anything */
};

/* Never fails; whatever it does not understand is not plain. most: strings of
 * which a match contains one, at the most. */
void pattern_read(struct pattern_text *p, struct mg_span source,
    bool caseless, size_t most);
void pattern_fini(struct pattern_text *p);

#endif
