/* SPDX-License-Identifier: Apache-2.0 */
/* beginnings.c - fills the two tables. */
#include "filters/beginnings.h"

#include <string.h>

#include "filters/memory.h"

static void
set_bit(uint64_t *bits, size_t i)
{
	bits[i / 64] |= UINT64_C(1) << i % 64;
}

/* A word of fewer bytes than are hashed: all bytes may stand behind it. */
static void
add_brief(struct beginnings *b, const struct automaton_term *t)
{
	uint32_t left = t->len < 3 ? 1u << (24 - 8 * t->len) : 1, tail;
	uint64_t value = 0;
	uint32_t i;

	for (i = 0; i < 3 && i < t->len; i++)
		value |= (uint64_t)(t->ptr[i] | 0x20) << 8 * i;
	for (tail = 0; tail < left; tail++)
		set_bit(b->brief, beginning_brief(value |
		    (uint64_t)(tail | (t->len == 1 ? 0x2020 : 0x20)) <<
			8 * (t->len < 3 ? t->len : 3)));
}

/* About one bit in 32 is set, in at most half a megabyte. */
void
beginnings_init(struct beginnings *b, const struct automaton_term *terms,
    size_t n)
{
	unsigned log = 12;
	size_t i;

	memset(b, 0, sizeof(*b));
	while (log < 22 && (size_t)1 << log < 32 * n)
		log++;
	b->shift = 64 - log;
	b->bits = mem_new((size_t)1 << log >> 6, sizeof(*b->bits));
	for (i = 0; i < n; i++) {
		const struct automaton_term *t = &terms[i];

		if (t->len < beginning_len(t->ptr[0]))
			add_brief(b, t);
		else
			set_bit(b->bits, beginning_hash(b,
			    beginning_read(t->ptr), t->ptr[0]));
	}
}

void
beginnings_fini(struct beginnings *b)
{
	free(b->bits);
}
