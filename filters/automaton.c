/* SPDX-License-Identifier: Apache-2.0 */
/* automaton.c - builds the double array, breadth first.
 *
 * Terms come sorted, so that a state is a range of terms with one common
 * beginning, and no trie is needed beside the array. Breadth first puts the
 * states that every text visits side by side, and has every fail link's
 * children in place before they are asked for. */
#include "filters/automaton.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "filters/memory.h"

#define NO_STATE UINT32_MAX
#define BLOCK 256u		/* slots are added by so many */
#define TRIES 48		/* places tried for a state's children */

/* A state and the terms that go through it. */
struct range {
	uint32_t state, lo, hi;
};

struct child {
	unsigned char byte;
	uint32_t lo, hi;
};

struct builder {
	struct automaton *a;
	const struct automaton_term *terms;
	struct range *queue;		/* n_states of them, in order */
	size_t queue_room;
	uint32_t *next, *prev;		/* ring of free slots through slot 0 */
};

#define ROW(x) (x), (x) + 1, (x) + 2, (x) + 3, (x) + 4, (x) + 5, (x) + 6, \
	(x) + 7
const unsigned char automaton_fold[256] = {
	ROW(0), ROW(8), ROW(16), ROW(24), ROW(32), ROW(40), ROW(48), ROW(56),
	'@', 'a', 'b', 'c', 'd', 'e', 'f', 'g', ROW('h'), ROW('p'), 'x', 'y',
	'z', '[', '\\', ']', '^', '_', ROW(96), ROW(104), ROW(112), ROW(120),
	ROW(128), ROW(136), ROW(144), ROW(152), ROW(160), ROW(168), ROW(176),
	ROW(184), ROW(192), ROW(200), ROW(208), ROW(216), ROW(224), ROW(232),
	ROW(240), ROW(248),
};

static void
take_slot(struct builder *b, uint32_t slot)
{
	b->next[b->prev[slot]] = b->next[slot];
	b->prev[b->next[slot]] = b->prev[slot];
}

static void
add_block(struct builder *b)
{
	struct automaton *a = b->a;
	uint32_t from = a->n_slots, to = from + BLOCK, i, last;

	a->node = mem_grow(a->node, to, sizeof(*a->node));
	a->tail = mem_grow(a->tail, to, sizeof(*a->tail));
	b->next = mem_grow(b->next, to, sizeof(*b->next));
	b->prev = mem_grow(b->prev, to, sizeof(*b->prev));
	memset(a->tail + from, 0, BLOCK * sizeof(*a->tail));
	if (from == 0)
		b->next[0] = b->prev[0] = 0;
	for (i = from; i < to; i++) {
		a->node[i] = (struct automaton_node){ .check = NO_STATE };
		if (i == AUTOMATON_ROOT)
			continue;
		last = b->prev[0];
		b->next[last] = i;
		b->prev[i] = last;
		b->next[i] = 0;
		b->prev[0] = i;
	}
	a->n_slots = to;
}

static bool
fits(const struct automaton *a, uint32_t base, const struct child *child,
    size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		uint32_t slot = base ^ a->class[child[i].byte];

		if (slot == AUTOMATON_ROOT || a->node[slot].check != NO_STATE)
			return false;
	}
	return true;
}

/* A base from which all children have free slots. One child fits anywhere, and
 * fills the oldest holes; several are tried in the newest blocks first, where
 * most slots are free. */
static uint32_t
find_base(struct builder *b, const struct child *child, size_t n)
{
	struct automaton *a = b->a;
	const uint32_t *way = n == 1 ? b->next : b->prev;
	uint32_t slot = way[0], base;
	int tries;

	for (tries = 0; slot != 0 && tries < TRIES; tries++) {
		base = slot ^ a->class[child[0].byte];
		if (fits(a, base, child, n))
			return base;
		slot = way[slot];
	}
	base = a->n_slots;
	add_block(b);
	return base;
}

static uint32_t
fail_of(const struct automaton *a, uint32_t parent, unsigned char byte)
{
	if (parent == AUTOMATON_ROOT)
		return AUTOMATON_ROOT;
	return automaton_step(a, a->node[parent].fail, byte);
}

static void
add_state(struct builder *b, uint32_t parent, const struct child *child,
    uint32_t depth)
{
	struct automaton *a = b->a;
	uint32_t slot = a->node[parent].base ^ a->class[child->byte];
	struct automaton_node *node = &a->node[slot];

	take_slot(b, slot);
	node->check = parent;
	node->fail = fail_of(a, parent, child->byte);
	a->tail[slot].depth = depth;
	if (b->terms[child->lo].len == depth)
		a->tail[slot].term = child->lo + 1;
	node->out = a->tail[slot].term ? slot : a->node[node->fail].out;
	if (a->n_states == b->queue_room) {
		b->queue_room *= 2;
		b->queue = mem_grow(b->queue, b->queue_room,
		    sizeof(*b->queue));
	}
	b->queue[a->n_states++] =
	    (struct range){ slot, child->lo, child->hi };
}

/* Splits a state's terms by their next byte. */
static size_t
split(const struct builder *b, const struct range *r, uint32_t depth,
    struct child *child)
{
	size_t n = 0;
	uint32_t i, lo = r->lo;

	if (b->terms[lo].len == depth)
		lo++;
	for (i = lo; i < r->hi; i++) {
		unsigned char byte = b->terms[i].ptr[depth];

		if (n == 0 || child[n - 1].byte != byte) {
			child[n].byte = byte;
			child[n++].lo = i;
		}
		child[n - 1].hi = i + 1;
	}
	return n;
}

static void
add_children(struct builder *b, const struct range *r)
{
	struct automaton *a = b->a;
	struct child child[256];
	uint32_t depth = a->tail[r->state].depth;
	size_t n = split(b, r, depth, child), i;
	uint32_t base;

	if (n == 0)
		return;
	base = find_base(b, child, n);	/* may move the nodes */
	a->node[r->state].base = base;
	for (i = 0; i < n; i++) {
		add_state(b, r->state, &child[i], depth + 1);
		if (r->state == AUTOMATON_ROOT)
			a->start[child[i].byte] = a->node[0].base ^
			    a->class[child[i].byte];
	}
}

/* Numbers the bytes that occur, upper-case letters like lower-case ones. */
static void
number_classes(struct automaton *a, const struct automaton_term *terms,
    size_t n)
{
	bool seen[256] = { false };
	unsigned byte, classes = 0;
	size_t i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < terms[i].len; k++)
			seen[terms[i].ptr[k]] = true;
	for (byte = 0; byte < 256; byte++)
		if (seen[byte])
			a->class[byte] = (uint8_t)++classes;
	for (byte = 0; byte < 256; byte++)
		a->class[byte] = a->class[automaton_fold[byte]];
}

void
automaton_build(struct automaton *a, const struct automaton_term *terms,
    size_t n)
{
	struct builder b = { .a = a, .terms = terms, .queue_room = 1024 };
	uint32_t i;

	assert(n < UINT32_MAX / AUTOMATON_TERM_MAX);
	memset(a, 0, sizeof(*a));
	number_classes(a, terms, n);
	add_block(&b);
	a->node[AUTOMATON_ROOT].check = NO_STATE - 1;
	b.queue = mem_new(b.queue_room, sizeof(*b.queue));
	b.queue[a->n_states++] =
	    (struct range){ AUTOMATON_ROOT, 0, (uint32_t)n };
	for (i = 0; n > 0 && i < a->n_states; i++) {
		struct range r = b.queue[i];	/* the queue may move */

		add_children(&b, &r);
	}
	for (i = 'A'; i <= 'Z'; i++)
		a->start[i] = a->start[automaton_fold[i]];
	a->order = mem_new(a->n_states, sizeof(*a->order));
	for (i = 0; i < a->n_states; i++)
		a->order[i] = b.queue[i].state;
	free(b.queue);
	free(b.next);
	free(b.prev);
}

void
automaton_fini(struct automaton *a)
{
	free(a->node);
	free(a->tail);
	free(a->order);
	memset(a, 0, sizeof(*a));
}
