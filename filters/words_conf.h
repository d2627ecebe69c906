/* SPDX-License-Identifier: Apache-2.0 */
/* filters/words_conf.h - the words of all rules, compiled. Read-only once
 * opened. */
#ifndef FILTERS_WORDS_CONF_H
#define FILTERS_WORDS_CONF_H

#include "filters/automaton.h"
#include "filters/gaps.h"
#include "filters/starts.h"
#include "modgate/filter.h"

enum {
	OUT_EXCEPT = 1,		/* an exception, not a word */
	OUT_LEFT = 2,		/* no letter may stand before it */
	OUT_RIGHT = 4,		/* no letter may follow it */
	OUT_PART = 8,		/* a part of words with gaps: `rule` is 1 where
				 * they have borders, `item` the node that
				 * begins with it, or 0 */
};

/* What a term is to one rule. */
struct output {
	uint32_t rule, item;
	unsigned flags;
};

/* A word that one of its rule's exceptions ends with: wherever the exception
 * may be completed, the word is sheltered whatever follows. */
struct cover {
	uint32_t rule;
	uint32_t word, except;	/* terms */
};

/* Sets of rules that a state carries. */
enum words_set {
	SET_WORDS,	/* a longer word begins like this state */
	SET_FREE,	/* one of them is no exception's end */
	SET_EXCEPTS,	/* a longer exception begins like this state */
	N_SETS,
};

enum { WORDS_SHALLOW = 3 };	/* bytes: one Han character */

struct words {
	struct automaton automaton;
	struct starts starts;
	uint32_t shallow;		/* no state of at most WORDS_SHALLOW
					 * bytes has a greater number */
	struct automaton_term *terms;	/* sorted, folded */
	unsigned char *bytes;		/* of the terms */
	size_t n_terms, n_bytes;
	uint32_t *first;		/* by term: its outputs; n_terms + 1 */
	struct output *outputs;
	uint32_t *below;		/* by state: which sets, from 0 */
	uint64_t *sets;			/* N_SETS × n_words each */
	size_t n_sets;
	size_t n_rules, n_words;	/* a set of rules has n_words words */
	uint64_t *bordered;		/* rules with borders: auto */
	uint64_t *excepting;		/* rules with exceptions */
	struct gap_tree gaps;		/* no nodes: no word has a gap */
	struct cover *covers;		/* by rule, word */
	uint32_t *cover_start;		/* by rule; n_rules + 1 */
};

extern const struct mg_option words_options[];

/* As mg_filter_type has them. */
void *words_open(const struct mg_rule *rules, size_t n_rules,
    void (*warn)(void *arg, const struct mg_place *place, const char *text),
    void *arg, struct mg_error *err);
void words_close(void *conf);
size_t words_memory(const void *conf);

/* s without the blanks around it. */
struct mg_span words_trim(struct mg_span s);

static inline const uint64_t *
words_set_of(const struct words *w, uint32_t number, enum words_set which)
{
	return w->sets + (number * (size_t)N_SETS + which) * w->n_words;
}

static inline const uint64_t *
words_set(const struct words *w, uint32_t state, enum words_set which)
{
	return words_set_of(w, w->below[state], which);
}

/* What ends in a state that ends a term. */
static inline const struct output *
words_outputs(const struct words *w, uint32_t state,
    const struct output **end)
{
	uint32_t term = w->automaton.tail[state].term - 1;

	*end = w->outputs + w->first[term + 1];
	return w->outputs + w->first[term];
}

#endif
