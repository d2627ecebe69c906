/* SPDX-License-Identifier: Apache-2.0 */
/* jdoc_keys.c - finds a key that stands twice in one object.
 *
 * Which of two equal keys wins differs from parser to parser, so a text could
 * be judged in one and read in the other. Three ways, by size: few keys are
 * compared in pairs by their first bytes; many go through a hash table; and
 * when that table probes too long (the keys were chosen for it) they are
 * sorted, which nobody can make slow. No random salt: the same bytes always
 * take the same road.
 */
#include "gateway/jdoc_keys.h"

#include <stdlib.h>

enum {
	FEW = 8,		/* keys that are compared in pairs */
	PROBES = 8,		/* per key on average, then sort */
};

struct slot {
	uint64_t hash;
	uint32_t node;		/* 0: free; a member is never node 0 */
};

const unsigned char json_hex_plus_1[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6,
	['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
	['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

unsigned
json_put_utf8(unsigned code, unsigned char out[4])
{
	if (code < 0x80) {
		out[0] = (unsigned char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (unsigned char)(0xc0 | code >> 6);
		out[1] = (unsigned char)(0x80 | (code & 63));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (unsigned char)(0xe0 | code >> 12);
		out[1] = (unsigned char)(0x80 | (code >> 6 & 63));
		out[2] = (unsigned char)(0x80 | (code & 63));
		return 3;
	}
	out[0] = (unsigned char)(0xf0 | (code >> 18 & 7));
	out[1] = (unsigned char)(0x80 | (code >> 12 & 63));
	out[2] = (unsigned char)(0x80 | (code >> 6 & 63));
	out[3] = (unsigned char)(0x80 | (code & 63));
	return 4;
}

void
json_cursor_start(struct json_cursor *c, const char *ptr, size_t len)
{
	memset(c, 0, sizeof(*c));
	c->at = (const unsigned char *)ptr;
	c->end = c->at + len;
}

/* Reads an escape of four digits, and its other half if it is one of a pair. */
static void
cursor_unicode(struct json_cursor *c)
{
	unsigned code, low;

	code = json_hex4(c->at);
	c->at += 4;
	if (code >= 0xd800 && code < 0xdc00 && c->end - c->at >= 6 &&
	    c->at[0] == '\\' && c->at[1] == 'u') {
		low = json_hex4(c->at + 2);
		if (low >= 0xdc00 && low < 0xe000) {
			code = 0x10000 + ((code - 0xd800) << 10) +
			    (low - 0xdc00);
			c->at += 6;
		}
	}
	c->n_rest = json_put_utf8(code, c->rest);
	c->given = 0;
}

int
json_cursor_next(struct json_cursor *c)
{
	unsigned char byte;

	if (c->given < c->n_rest)
		return c->rest[c->given++];
	if (c->at == c->end)
		return -1;
	byte = *c->at++;
	if (byte != '\\' || c->at == c->end)
		return byte;
	byte = *c->at++;
	switch (byte) {
	case 'b': return '\b';
	case 'f': return '\f';
	case 'n': return '\n';
	case 'r': return '\r';
	case 't': return '\t';
	case 'u':
		if (c->end - c->at < 4)
			return byte;
		cursor_unicode(c);
		return c->rest[c->given++];
	default:
		return byte;
	}
}

/* Order of keys as bytes: <0, 0, >0. */
static int
compare(const struct jdoc *doc, uint32_t a, uint32_t b)
{
	const struct jdoc_node *x = &doc->nodes[a], *y = &doc->nodes[b];
	const char *p = doc->text + x->key_at, *q = doc->text + y->key_at;
	struct json_cursor c, d;
	int i, j, order;

	if (!((x->flags | y->flags) & JDOC_KEY_ESCAPED)) {
		order = memcmp(p, q, x->key_len < y->key_len ? x->key_len :
		    y->key_len);
		if (order != 0)
			return order;
		return (x->key_len > y->key_len) - (x->key_len < y->key_len);
	}
	json_cursor_start(&c, p, x->key_len);
	json_cursor_start(&d, q, y->key_len);
	do {
		i = json_cursor_next(&c);
		j = json_cursor_next(&d);
	} while (i == j && i != -1);
	return i - j;
}

static uint64_t
mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 29;
}

/* Equal for keys that mean the same, however they are escaped. */
static uint64_t
hash_key(const struct jdoc *doc, const struct jdoc_node *node)
{
	const char *p = doc->text + node->key_at;
	uint64_t hash = 0x243f6a8885a308d3u, word = 0;
	size_t i, len = node->key_len;
	struct json_cursor c;
	unsigned char bytes[8];
	int byte;

	if (!(node->flags & JDOC_KEY_ESCAPED)) {
		for (i = 0; len - i >= 8; i += 8) {
			memcpy(&word, p + i, 8);
			hash = mix(hash, word);
		}
		word = 0;
		memcpy(&word, p + i, len - i);
		return mix(mix(hash, word), len);
	}
	json_cursor_start(&c, p, len);
	memset(bytes, 0, sizeof(bytes));
	for (len = 0; (byte = json_cursor_next(&c)) != -1; len++) {
		bytes[len % 8] = (unsigned char)byte;
		if (len % 8 == 7) {
			memcpy(&word, bytes, 8);
			hash = mix(hash, word);
			memset(bytes, 0, sizeof(bytes));
		}
	}
	memcpy(&word, bytes, 8);
	return mix(mix(hash, word), len);
}

/* First eight bytes of the key (fewer: zeros) and its length, in one number:
 * different keys may have the same, equal keys never differ. */
static uint64_t
brief(const struct jdoc *doc, const struct jdoc_node *node)
{
	size_t len = node->key_len < 8 ? node->key_len : 8;
	uint64_t word = 0;

	/* The usual case first: eight bytes are there to be read, and a load
	 * and a mask are quicker than a copy of unknown length. */
	if (doc->len - node->key_at >= 8) {
		const unsigned char *p =
		    (const unsigned char *)doc->text + node->key_at;

		word = (uint64_t)p[0] | (uint64_t)p[1] << 8 |
		    (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
		    (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 |
		    (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
		if (len < 8)
			word &= ((uint64_t)1 << 8 * len) - 1;
	} else {
		memcpy(&word, doc->text + node->key_at, len);
	}
	return word ^ (uint64_t)node->key_len << 48;
}

static uint32_t
in_pairs(const struct jdoc *doc, uint32_t object)
{
	uint32_t child[FEW], node;
	uint64_t word[FEW];
	unsigned n = 0, i;

	for (node = jdoc_child(doc, object); node;
	    node = jdoc_sibling(doc, node)) {
		uint64_t w = brief(doc, &doc->nodes[node]);

		for (i = 0; i < n; i++)
			if (word[i] == w && compare(doc, child[i], node) == 0)
				return node;
		word[n] = w;
		child[n++] = node;
	}
	return 0;
}

static int
compare_slots(const struct jdoc *doc, const struct slot *a,
    const struct slot *b)
{
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return compare(doc, a->node, b->node);
}

static void
sift_down(const struct jdoc *doc, struct slot *heap, size_t at, size_t n)
{
	struct slot item = heap[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= n)
			break;
		if (child + 1 < n && compare_slots(doc, &heap[child],
		    &heap[child + 1]) < 0)
			child++;
		if (compare_slots(doc, &item, &heap[child]) >= 0)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = item;
}

/* Sorts (a heap: no bad case, no memory) and compares neighbours. */
static uint32_t
by_sorting(const struct jdoc *doc, uint32_t object, struct slot *slots)
{
	size_t n = 0, i;
	uint32_t node;

	for (node = jdoc_child(doc, object); node;
	    node = jdoc_sibling(doc, node))
		slots[n++] = (struct slot){ hash_key(doc, &doc->nodes[node]),
			node };
	for (i = n / 2; i-- > 0;)
		sift_down(doc, slots, i, n);
	for (i = n; i-- > 1;) {
		struct slot top = slots[0];

		slots[0] = slots[i];
		slots[i] = top;
		sift_down(doc, slots, 0, i);
	}
	for (i = 1; i < n; i++)
		if (compare_slots(doc, &slots[i - 1], &slots[i]) == 0)
			return slots[i - 1].node > slots[i].node ?
			    slots[i - 1].node : slots[i].node;
	return 0;
}

static uint32_t
by_table(const struct jdoc *doc, uint32_t object, struct slot *slots,
    size_t size, size_t n)
{
	size_t mask = size - 1, left = n * PROBES, at;
	uint32_t node;

	memset(slots, 0, size * sizeof(*slots));
	for (node = jdoc_child(doc, object); node;
	    node = jdoc_sibling(doc, node)) {
		uint64_t hash = hash_key(doc, &doc->nodes[node]);

		for (at = hash >> 7 & mask; slots[at].node;
		    at = (at + 1) & mask) {
			if (slots[at].hash == hash &&
			    compare(doc, slots[at].node, node) == 0)
				return node;
			if (left-- == 0)
				return by_sorting(doc, object, slots);
		}
		slots[at] = (struct slot){ hash, node };
	}
	return 0;
}

uint32_t
jdoc_keys_duplicate(struct jdoc *doc, uint32_t object)
{
	size_t n = 0, size = 4 * FEW;
	bool escaped = false;
	uint32_t node;

	for (node = jdoc_child(doc, object); node;
	    node = jdoc_sibling(doc, node)) {
		escaped |= (doc->nodes[node].flags & JDOC_KEY_ESCAPED) != 0;
		n++;
	}
	if (n < 2)
		return 0;
	if (n <= FEW && !escaped)
		return in_pairs(doc, object);
	while (size < 2 * n)
		size *= 2;
	doc->scratch = xgrow(doc->scratch, &doc->scratch_cap, size,
	    sizeof(struct slot));
	return by_table(doc, object, doc->scratch, size, n);
}
