/* SPDX-License-Identifier: Apache-2.0 */
/* filters/automaton.h - many byte strings, found in one pass (Aho-Corasick).
 *
 * States are slots of a double array: the child of state s for byte class c is
 * slot base[s] ^ c, if its check is s. Where there is no child, the fail link
 * leads to the longest proper suffix that is also a beginning of a term.
 * ASCII letters are the same in both cases. Immutable once built. */
#ifndef FILTERS_AUTOMATON_H
#define FILTERS_AUTOMATON_H

#include <stddef.h>
#include <stdint.h>

#define AUTOMATON_ROOT 0u
#define AUTOMATON_TERM_MAX 1024		/* bytes of one term */

struct automaton_term {
	const unsigned char *ptr;	/* folded; borrowed while building */
	uint32_t len;			/* 1 to AUTOMATON_TERM_MAX */
};

struct automaton_node {
	uint32_t base, check;
	uint32_t fail;
	uint32_t out;	/* first state of the suffix chain, this one included,
			 * that ends a term; AUTOMATON_ROOT: none */
};

/* What is needed only where something is found. */
struct automaton_tail {
	uint32_t term;	/* 1 + index of the term that ends here; 0: none */
	uint32_t depth;	/* bytes from the root */
};

struct automaton {
	struct automaton_node *node;
	struct automaton_tail *tail;
	uint32_t *order;		/* states, shallow ones first */
	uint32_t n_states, n_slots;
	uint8_t class[256];		/* of a byte; 0: in no term */
	uint32_t start[256];		/* from the root, by byte */
};

/* Lower case of an ASCII byte; all others stay. */
extern const unsigned char automaton_fold[256];

/* Builds from n terms that are sorted by bytes, folded and all different. */
void automaton_build(struct automaton *a, const struct automaton_term *terms,
    size_t n);
void automaton_fini(struct automaton *a);

static inline uint32_t
automaton_step(const struct automaton *a, uint32_t s, unsigned char byte)
{
	const struct automaton_node *node = a->node;
	uint32_t class = a->class[byte];

	while (s != AUTOMATON_ROOT) {
		uint32_t t = node[s].base ^ class;

		if (node[t].check == s)
			return t;
		s = node[s].fail;
	}
	return a->start[byte];
}

/* The next shorter state of s's suffix chain that ends a term, or the root. */
static inline uint32_t
automaton_next_out(const struct automaton *a, uint32_t s)
{
	return a->node[a->node[s].fail].out;
}

#endif
