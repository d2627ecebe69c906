/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/surface_trie.h - the tables of surface_table.c, compiled.
 *
 * Built once, on first use from any thread; never changed afterwards. */
#ifndef GATEWAY_SURFACE_TRIE_H
#define GATEWAY_SURFACE_TRIE_H

#include "gateway/surface_table.h"

enum { TRIE_BUCKETS = 16, TRIE_NODES = 400 };

enum trie_elements {
	ELEMENTS_NONE,
	ELEMENTS_ANY,		/* []: texts of their own */
	ELEMENTS_KEYED,		/* [#] */
	ELEMENTS_PIECES,	/* [+] */
	ELEMENTS_RANKED,	/* [@] */
};

/* Indexes are into the same trie; 0, which is the root, means none. */
struct trie_node {
	const char *name;
	const struct surface_rule *rule;	/* NULL: no pattern ends here */
	const struct surface_rule *rest;	/* of a ** below */
	uint16_t len, next;	/* of the name; in its bucket */
	uint16_t any;		/* {} or * */
	uint16_t element;
	uint8_t elements;	/* enum trie_elements */
	bool any_is_text;	/* {}: the keys are text */
	bool is_choice;		/* an element of choices */
	bool is_message;	/* an element of messages */
	uint16_t bucket[TRIE_BUCKETS];
};

struct trie {
	struct trie_node node[TRIE_NODES];
	uint16_t n;
};

const struct trie *surface_trie(enum surface_kind surface,
    enum surface_doc which);

static inline unsigned
trie_bucket(const char *name, size_t len)
{
	if (len == 0)
		return 0;
	return ((unsigned)len * 5 + (unsigned char)name[0] +
	    3 * (unsigned)(unsigned char)name[len - 1]) % TRIE_BUCKETS;
}

/* The child by name, or 0. */
static inline uint16_t
trie_child(const struct trie *t, uint16_t at, const char *name, size_t len)
{
	uint16_t i = t->node[at].bucket[trie_bucket(name, len)];

	while (i && (t->node[i].len != len ||
	    memcmp(t->node[i].name, name, len) != 0))
		i = t->node[i].next;
	return i;
}

#endif
