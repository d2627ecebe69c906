/* SPDX-License-Identifier: Apache-2.0 */
/* filters/gaps.h - words with gaps: `炸…弹`, `make…{8}bomb`.
 *
 * An entry's parts must come in order, each at most so many characters behind
 * the one before it. Parts are terms of the automaton like any word. What is
 * read beside it is small: which sequences have begun lately, as chains. A
 * match is the shortest that ends where it ends: it begins with the last first
 * part from which the parts lead there.
 *
 * Entries that begin with the same parts share nodes of a tree, so that a part
 * which begins many entries is one chain. */
#ifndef FILTERS_GAPS_H
#define FILTERS_GAPS_H

#include "modgate/filter.h"

enum {
	GAP_DEFAULT = 3,	/* characters, of a bare `…` */
	GAP_MAX = 16,
	GAP_PARTS_MAX = 8,	/* of one entry */
	GAP_PART_BYTES = 64,	/* of one part of an entry with gaps */
	GAP_ENTRIES_MAX = 10000,	/* of all rules of a policy */
};

/* A gap as it is written in an entry. */
struct gap {
	size_t at, end;		/* bytes of the entry */
	unsigned most;		/* characters; 0: what is in braces is no
				 * number from 1 to GAP_MAX */
};

/* The next gap of an entry, from byte `from` on; false: there is none. One `…`
 * (U+2026) is a gap; two or more in a row are the sign itself. Whoever changes
 * an entry before it is compiled (folding) must leave its gaps alone. */
bool gap_next(struct mg_span entry, size_t from, struct gap *gap);

struct words;
struct gap_entry;

/* A place in the tree of sequences. Node 0 is the root and no place. */
struct gap_node {
	uint32_t parent, term;
	uint32_t child, n_children;	/* side by side, by term, then gap */
	uint32_t out, n_outs;		/* entries that end here */
	uint32_t below;			/* rules of longer sequences: SET_WORDS
					 * of this number */
	uint8_t gap;			/* characters before it at most */
	uint8_t least, most;		/* gaps of the children */
	uint8_t flags;			/* OUT_LEFT, OUT_RIGHT */
	uint8_t bordered;		/* 0 or 1 */
};

struct gap_out {
	uint32_t rule, item;
};

struct gap_tree {
	struct gap_node *node;		/* breadth first */
	struct gap_out *outs;
	size_t n_nodes, n_outs;
};

/* ---- compiling; called by words_open.c ---- */

/* Checks an entry; *n_parts is 1 where it has no gap. */
int gaps_check(const struct mg_item *item, size_t *n_parts,
    struct mg_error *err);
/* Builds the tree from n entries; entries are sorted in place. Sets `item` of
 * the parts' outputs to the node that begins with them. */
void gaps_build(struct words *w, struct gap_entry *entries, size_t n);
void gaps_fini(struct gap_tree *tree);

/* An entry on its way into the tree. */
struct gap_entry {
	uint32_t rule, item;
	uint32_t bordered;			/* 0 or 1 */
	uint32_t n;
	uint32_t term[GAP_PARTS_MAX];
	uint8_t gap[GAP_PARTS_MAX];		/* before each; [0] is 0 */
	uint8_t flags[GAP_PARTS_MAX];		/* borders of each */
	struct mg_span part[GAP_PARTS_MAX];	/* as they are written */
};

/* Cuts an entry that gaps_check() took into its parts, without blanks. */
void gaps_cut(struct mg_span text, struct gap_entry *entry);

#endif
