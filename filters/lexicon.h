/* SPDX-License-Identifier: Apache-2.0 */
/* filters/lexicon.h - terms that begin where a word begins, found by leaping
 * from one such place to the next.
 *
 * A place is: an ASCII letter or digit after none, a capital after a small
 * letter, a character of three bytes or more (Han …), or one of the signs
 * - < [ #. Many bytes are judged at once; a table of first bytes then says
 * whether a term may begin. What is left is walked down the automaton, as in a
 * trie. Built once, then read-only. */
#ifndef FILTERS_LEXICON_H
#define FILTERS_LEXICON_H

#include <stdbool.h>

#include "filters/automaton.h"
#include "filters/beginnings.h"

struct lexicon_entry {
	const char *text;	/* borrowed while building; ASCII lower case */
	uint32_t value;		/* the caller's; the same text may have many */
	uint64_t mask;		/* the caller's sets, see lexicon_below() */
};

/* Which terms may begin with a byte, by its halves; a bit is a group of terms.
 * Of bytes bit 5 is set, as in beginnings. */
struct lexicon_sieve {
	uint8_t low[4][16], high[4][16];
};

struct lexicon {
	struct automaton automaton;
	struct beginnings beginnings;
	uint32_t *values;	/* by term, in the order they were given */
	uint32_t *first;	/* by term; n_terms + 1 */
	uint64_t *below;	/* by state */
	struct lexicon_sieve sieve;
	bool wide;		/* lexicon_leap_wide() can be used */
	size_t n_terms, n_values;
};

/* entries: 1 to 255 bytes each. */
void lexicon_build(struct lexicon *l, const struct lexicon_entry *entries,
    size_t n);
void lexicon_fini(struct lexicon *l);
size_t lexicon_memory(const struct lexicon *l);

/* The first place from i on where a term may begin, or len. Reads the byte
 * before i if i is not 0. Fewer than BEGINNING_ROOM bytes before the end it
 * knows only that a word begins. */
size_t lexicon_next(const struct lexicon *l, const unsigned char *ptr,
    size_t i, size_t len);

/* Whether a term may begin at ptr, where BEGINNING_ROOM bytes are. */
static inline bool
lexicon_may_begin(const struct beginnings *b, const unsigned char *ptr)
{
	uint64_t value = beginning_read(ptr);
	size_t h = beginning_hash(b, value, *ptr);
	size_t k = beginning_brief(value);

	return (b->bits[h / 64] >> h % 64 | b->brief[k / 64] >> k % 64) & 1;
}

/* filters/lexicon_wide.c: where this processor has what it takes. Leaps like
 * lexicon_next() over whole blocks; *i is where the rest begins if it returns
 * len. */
bool lexicon_has_wide(void);
size_t lexicon_leap_wide(const struct lexicon *l, const unsigned char *ptr,
    size_t *i, size_t len);

/* One byte further down; AUTOMATON_ROOT: no term goes on like this. */
static inline uint32_t
lexicon_step(const struct lexicon *l, uint32_t s, unsigned char byte)
{
	const struct automaton *a = &l->automaton;
	uint32_t t;

	if (s == AUTOMATON_ROOT)
		return a->start[byte];
	t = a->node[s].base ^ a->class[byte];
	return a->class[byte] && a->node[t].check == s ? t : AUTOMATON_ROOT;
}

/* The values of the term that ends in state s; none: *end is what returns. */
static inline const uint32_t *
lexicon_values(const struct lexicon *l, uint32_t s, const uint32_t **end)
{
	uint32_t term = l->automaton.tail[s].term;

	if (term == 0)
		return *end = l->values;
	*end = l->values + l->first[term];
	return l->values + l->first[term - 1];
}

/* The masks of all longer terms that begin like s. */
static inline uint64_t
lexicon_below(const struct lexicon *l, uint32_t s)
{
	return l->below[s];
}

#endif
