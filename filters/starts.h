/* SPDX-License-Identifier: Apache-2.0 */
/* filters/starts.h - places of a text where no word can begin.
 *
 * Read before the automaton is started, and made so that it seldom is: what
 * costs with many words is not their number but each look into a table that
 * is larger than the processor's cache. Han is looked up by two characters,
 * then by three; ASCII letters and digits by whole runs, as words with borders
 * begin and end with them. Tables of bits may say yes too often, never no. */
#ifndef FILTERS_STARTS_H
#define FILTERS_STARTS_H

#include <endian.h>
#include <stdbool.h>

#include "filters/automaton.h"

enum { STARTS_ROOM = 8 };	/* bytes that must be readable at a place */

/* A table of bits by hash: three in one word for each key, so that one look
 * tells. */
struct bits {
	uint64_t *word;
	unsigned shift;		/* 64 - log2 of the number of words */
};

enum start_class {
	START_NONE,		/* no term begins with this byte */
	START_FEW,		/* looked up by four bytes */
	START_RUN,		/* an ASCII letter or digit */
	START_HAN,		/* the first of three bytes or more */
};

struct starts {
	struct bits pairs;	/* first 6 bytes; of START_FEW 4 */
	struct bits deep;	/* first 9 bytes, or 6 of shorter terms */
	struct bits runs;	/* whole first run, see start_run() */
	struct bits brief;	/* 3 bytes: terms shorter than a pair */
	size_t longest_run;
	bool any_brief;
	bool whole_runs;	/* terms begin where a run does */
	uint8_t class[256];
};

/* Terms are folded, and STARTS_ROOM bytes are readable at each. whole_runs:
 * terms that begin with an ASCII letter or digit have borders. */
void starts_init(struct starts *s, const struct automaton_term *terms,
    size_t n, bool whole_runs);
void starts_fini(struct starts *s);
size_t starts_memory(const struct starts *s);

#define START_FACTOR UINT64_C(0x9e3779b97f4a7c15)
#define START_OTHER UINT64_C(0xc2b2ae3d27d4eb4f)
#define START_ALL(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t
start_load(const unsigned char *ptr)
{
	uint64_t value;

	__builtin_memcpy(&value, ptr, sizeof(value));
	return le64toh(value);
}

/* Bit 5 is set in all bytes, which joins the cases of ASCII (and more). */
static inline uint64_t
start_fold(uint64_t value)
{
	return value | START_ALL(0x20);
}

/* Of the middle of a hash: above it is the word's number, below it the product
 * has mixed little. */
static inline uint64_t
bits_mask(uint64_t hash)
{
	return UINT64_C(1) << (hash >> 24 & 63) |
	    UINT64_C(1) << (hash >> 30 & 63) |
	    UINT64_C(1) << (hash >> 36 & 63);
}

static inline bool
bits_has(const struct bits *b, uint64_t hash)
{
	return (~b->word[hash >> b->shift] & bits_mask(hash)) == 0;
}

static inline uint64_t
start_first(uint64_t folded, unsigned bytes)
{
	return (folded & (~UINT64_C(0) >> (64 - 8 * bytes))) * START_FACTOR;
}

/* By nine bytes: the ninth beside the first eight. */
static inline uint64_t
start_nine(uint64_t folded, unsigned char ninth)
{
	return (folded ^ (uint64_t)(ninth | 0x20) * START_OTHER) *
	    START_FACTOR;
}

static inline uint64_t
start_six(uint64_t folded)
{
	return start_first(folded, 6) * START_OTHER;
}

/* A run of n letters and digits, by its first eight and its length. */
static inline uint64_t
start_run(uint64_t folded, size_t n)
{
	if (n < 8)
		folded &= (UINT64_C(1) << 8 * n) - 1;
	return (folded + n * START_OTHER) * START_FACTOR;
}

/* 0x80 in each byte that is no ASCII letter or digit. */
static inline uint64_t
start_breaks(uint64_t value)
{
	uint64_t low = value & START_ALL(0x7f);
	uint64_t lower = low | START_ALL(0x20);
	/* 0x80 where the byte is at least the first, or past the last */
	uint64_t digit = (low + START_ALL(0x80 - '0')) &
	    ~(low + START_ALL(0x80 - '9' - 1));
	uint64_t letter = (lower + START_ALL(0x80 - 'a')) &
	    ~(lower + START_ALL(0x80 - 'z' - 1));

	return ~((digit | letter) & ~value) & START_ALL(0x80);
}

/* Where the run ends that goes on at i; at most 7 bytes before len where no
 * end is seen. */
static inline size_t
start_run_end(const unsigned char *ptr, size_t i, size_t len)
{
	uint64_t breaks;

	for (; i + STARTS_ROOM <= len; i += STARTS_ROOM) {
		breaks = start_breaks(start_load(ptr + i));
		if (breaks)
			return i + (size_t)__builtin_ctzll(breaks) / 8;
	}
	return i;
}

static inline bool
start_is_han(const struct starts *s, const unsigned char *ptr, size_t i,
    size_t len, uint64_t folded)
{
	if (s->any_brief && bits_has(&s->brief, start_first(folded, 3)))
		return true;
	if (!bits_has(&s->pairs, start_first(folded, 6)))
		return false;
	return i + 9 > len || bits_has(&s->deep, start_six(folded)) ||
	    bits_has(&s->deep, start_nine(folded, ptr[i + 8]));
}

static inline bool
start_is_few(const struct starts *s, uint64_t folded)
{
	return (s->any_brief && bits_has(&s->brief, start_first(folded, 3))) ||
	    bits_has(&s->pairs, start_first(folded, 4));
}

/* The next place from i on where a word may begin, or one too near the end to
 * tell. */
static inline size_t
starts_next(const struct starts *s, const unsigned char *ptr, size_t i,
    size_t len)
{
	size_t end;

	if (s->whole_runs && i > 0 && i < len &&
	    s->class[ptr[i]] == START_RUN && s->class[ptr[i - 1]] == START_RUN)
		i = start_run_end(ptr, i, len);
	while (i + STARTS_ROOM <= len) {
		uint64_t folded = start_fold(start_load(ptr + i));

		switch ((enum start_class)s->class[ptr[i]]) {
		case START_HAN:
			if (start_is_han(s, ptr, i, len, folded))
				return i;
			i += 3;
			break;
		case START_RUN:
			if (!s->whole_runs) {
				if (start_is_few(s, folded))
					return i;
				i++;
				break;
			}
			end = start_run_end(ptr, i, len);
			if (end + STARTS_ROOM > len || (end - i <=
			    s->longest_run &&
			    bits_has(&s->runs, start_run(folded, end - i))))
				return i;
			/* A blank behind it begins nothing either. */
			i = end + (ptr[end] == ' ' &&
			    s->class[' '] == START_NONE);
			break;
		case START_FEW:
			if (start_is_few(s, folded))
				return i;
			i++;
			break;
		case START_NONE:
			i++;
			break;
		}
	}
	return i;
}

#endif
