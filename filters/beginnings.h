/* SPDX-License-Identifier: Apache-2.0 */
/* filters/beginnings.h - places of a text where no term can begin.
 *
 * Read before an automaton is started: most places of most texts end here,
 * without a branch that depends on them. */
#ifndef FILTERS_BEGINNINGS_H
#define FILTERS_BEGINNINGS_H

#include <endian.h>

#include "filters/automaton.h"

/* Which beginnings terms have: two tables of bits, read before the automaton
 * is started. A bit that is not set says that no term begins here. */
struct beginnings {
	uint64_t *bits;		/* by hash of the first bytes, see below */
	unsigned shift;		/* 64 - log2 of the number of bits */
	uint64_t brief[1024];	/* by hash of three bytes: shorter terms */
};

/* Terms are folded, and BEGINNING_ROOM bytes are readable at each. */
void beginnings_init(struct beginnings *b, const struct automaton_term *terms,
    size_t n);
void beginnings_fini(struct beginnings *b);

enum { BEGINNING_ROOM = 8 };	/* bytes that must be readable */

/* The bytes that are hashed: two Han characters, or four of smaller letters.
 * Bit 5 is set in all, which joins the cases of ASCII (and some more bytes:
 * the table may say yes too often, never no). Reads BEGINNING_ROOM bytes. */
static inline uint64_t
beginning_read(const unsigned char *ptr)
{
	uint64_t value;

	__builtin_memcpy(&value, ptr, sizeof(value));
	return le64toh(value) | UINT64_C(0x2020202020202020);
}

static inline unsigned
beginning_len(unsigned char first)
{
	return first >= 0xe0 ? 6 : 4;
}

#define BEGINNING_FACTOR UINT64_C(0x9e3779b97f4a7c15)

static inline size_t
beginning_hash(const struct beginnings *b, uint64_t value, unsigned char first)
{
	value &= first >= 0xe0 ? UINT64_C(0xffffffffffff) :
	    UINT64_C(0xffffffff);
	return (size_t)(value * BEGINNING_FACTOR >> b->shift);
}

static inline size_t
beginning_brief(uint64_t value)
{
	return (size_t)((value & 0xffffff) * BEGINNING_FACTOR >> 48);
}

/* The next place from i on where a word may begin, or one too near the end to
 * tell. Half of the time goes here: no branch but the last depends on text. */
static inline size_t
beginnings_next(const struct beginnings *b, const unsigned char *ptr,
    size_t i, size_t len)
{
	while (i + BEGINNING_ROOM <= len) {
		uint64_t value = beginning_read(ptr + i);
		size_t h = beginning_hash(b, value, ptr[i]);
		size_t k = beginning_brief(value);

		if ((b->bits[h / 64] >> h % 64 | b->brief[k / 64] >> k % 64) &
		    1)
			break;
		/* No term begins inside a code point. */
		if (ptr[i] < 0xe0)
			i++;
		else
			i += 3;
	}
	return i;
}

#endif
