/* SPDX-License-Identifier: Apache-2.0 */
/* filters/words_turn.h - a text while it is read; shared by words.c and by
 * gaps.c (words with gaps). */
#ifndef FILTERS_WORDS_TURN_H
#define FILTERS_WORDS_TURN_H

#include "filters/words_conf.h"

/* A found word that an `except` phrase may still shelter. */
struct candidate {
	uint32_t rule, item;
	uint64_t at, end;
};

/* A sequence of parts that has begun: where, and where its last part so far
 * ended. */
struct chain {
	uint64_t at, end;
	uint32_t node;
	bool maybe;		/* while hold is worked out: if no letter comes
				 * next */
};

struct scan {
	const struct words *words;
	const struct mg_scope *scope;
	uint32_t state;
	bool waiting;		/* beyond() is due where the text ended */
	struct candidate *pending;
	size_t n_pending, room;
	struct chain *chains;	/* by `end` */
	size_t n_chains, chain_room;
	size_t forget_at;	/* so many chains: some have no more use */
};

/* One call of judge(). Offsets i count from the window's start. */
struct turn {
	struct scan *scan;
	const struct mg_text *text;
	struct mg_report *report;
	bool found;
};

static inline bool
words_in(const uint64_t *set, uint32_t rule)
{
	return set[rule / 64] >> rule % 64 & 1;
}

/* Whether letters meet at i: none of the two starts or ends a word there. */
bool words_joined(const struct turn *t, size_t i);
/* Whether an exception of the rule ends at i and reaches back to start or
 * further. wanted: OUT_RIGHT, or 0, as its right border is to be. */
bool words_sheltered(const struct turn *t, uint32_t rule, size_t start,
    size_t i, unsigned wanted);
/* Reports a word from start to i, or keeps it while it may be sheltered. */
void words_take(struct turn *t, uint32_t rule, uint32_t item, size_t start,
    size_t i);

/* A part that stands from start to i, with its borders, as far as they are
 * known: goes on with the sequences that wait for it. right: as the part's
 * flag is. */
void gaps_take(struct turn *t, uint32_t term, const struct output *part,
    size_t start, size_t i, unsigned right);
/* Where the first sequence began that a holding rule may still find when the
 * text goes on after `end`, as an offset in the channel. Lowers *keep to what
 * gaps_take() will need. */
uint64_t gaps_hold(struct turn *t, size_t end, uint64_t *keep);

#endif
