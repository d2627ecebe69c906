/* SPDX-License-Identifier: Apache-2.0 */
/* starts.c - fills the tables of bits. */
#include "filters/starts.h"

#include <string.h>

#include "filters/memory.h"

/* 16 bits for each of n keys, from half a KiB to half a MiB. */
static void
bits_init(struct bits *b, size_t n)
{
	unsigned log = 6;

	while (log < 16 && (size_t)64 << log < 16 * n)
		log++;
	b->shift = 64 - log;
	b->word = mem_new((size_t)1 << log, sizeof(*b->word));
}

static void
bits_add(struct bits *b, uint64_t hash)
{
	b->word[hash >> b->shift] |= bits_mask(hash);
}

static bool
is_run(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z');
}

/* A term of fewer bytes than are looked up: any may stand behind it. */
static void
add_brief(struct starts *s, const struct automaton_term *t)
{
	uint32_t left = t->len < 3 ? 1u << (24 - 8 * t->len) : 1, tail;
	uint64_t value = 0;
	uint32_t i;

	s->any_brief = true;
	for (i = 0; i < 3 && i < t->len; i++)
		value |= (uint64_t)t->ptr[i] << 8 * i;
	for (tail = 0; tail < left; tail++)
		bits_add(&s->brief, start_first(start_fold(value |
		    (uint64_t)tail << 8 * (t->len < 3 ? t->len : 3)), 3));
}

static void
add_run(struct starts *s, const struct automaton_term *t)
{
	size_t n = 0;

	while (n < t->len && is_run(t->ptr[n]))
		n++;
	if (n > s->longest_run)
		s->longest_run = n;
	bits_add(&s->runs, start_run(start_fold(start_load(t->ptr)), n));
}

static void
add(struct starts *s, const struct automaton_term *t)
{
	uint64_t folded = start_fold(start_load(t->ptr));
	bool han = t->ptr[0] >= 0xe0;

	if (is_run(t->ptr[0]) && s->whole_runs) {
		add_run(s, t);
		return;
	}
	if (!han && !is_run(t->ptr[0]))
		s->class[t->ptr[0]] = START_FEW;
	if (t->len < (han ? 6 : 4)) {
		add_brief(s, t);
		return;
	}
	bits_add(&s->pairs, start_first(folded, han ? 6 : 4));
	if (han && t->len < 9)
		bits_add(&s->deep, start_six(folded));
	else if (han)
		bits_add(&s->deep, start_nine(folded, t->ptr[8]));
}

void
starts_init(struct starts *s, const struct automaton_term *terms, size_t n,
    bool whole_runs)
{
	size_t i, runs = 0;

	memset(s, 0, sizeof(*s));
	s->whole_runs = whole_runs;
	for (i = 0; i < 256; i++)
		s->class[i] = is_run((unsigned char)i) ? START_RUN :
		    i >= 0xe0 ? START_HAN : START_NONE;
	for (i = 0; i < n; i++)
		runs += whole_runs && is_run(terms[i].ptr[0]);
	bits_init(&s->pairs, n - runs);
	bits_init(&s->deep, n - runs);
	bits_init(&s->runs, runs);
	bits_init(&s->brief, 4096);
	for (i = 0; i < n; i++)
		add(s, &terms[i]);
}

void
starts_fini(struct starts *s)
{
	free(s->pairs.word);
	free(s->deep.word);
	free(s->runs.word);
	free(s->brief.word);
	memset(s, 0, sizeof(*s));
}

static size_t
bytes_of(const struct bits *b)
{
	return sizeof(*b->word) << (64 - b->shift);
}

size_t
starts_memory(const struct starts *s)
{
	return bytes_of(&s->pairs) + bytes_of(&s->deep) + bytes_of(&s->runs) +
	    bytes_of(&s->brief);
}
