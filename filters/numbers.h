/* SPDX-License-Identifier: Apache-2.0 */
/* filters/numbers.h - which numbers a text has.
 *
 * Most patterns without a literal look for a number of some length: a phone, a
 * card, an address. One quick pass rules them all out where there is none. */
#ifndef FILTERS_NUMBERS_H
#define FILTERS_NUMBERS_H

#include "filters/shape.h"

/* The most digits in sequence; the most within signs from ' ' to ':'; the
 * most bytes from the first to the last of these. Digits are those of all
 * scripts, and of some scripts letters too: the counts may be too large, never
 * too small. ptr: whole code points of valid UTF-8. */
struct shape_numbers numbers_count(const unsigned char *ptr, size_t len);

static inline bool
numbers_suffice(const struct shape_numbers *have,
    const struct shape_numbers *need)
{
	return have->run >= need->run && have->digits >= need->digits &&
	    have->span >= need->span;
}

#endif
