/* SPDX-License-Identifier: Apache-2.0 */
/* lexicon.c - building, and the leap from place to place. */
#include "filters/lexicon.h"

#include <assert.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "filters/memory.h"

static bool
is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

struct sorted {
	const struct lexicon_entry *entry;
	size_t len, at;
};

static int
compare(const void *x, const void *y)
{
	const struct sorted *a = x, *b = y;
	int c = memcmp(a->entry->text, b->entry->text,
	    a->len < b->len ? a->len : b->len);

	if (c == 0)
		c = (a->len > b->len) - (a->len < b->len);
	return c ? c : (a->at > b->at) - (a->at < b->at);
}

/* Deepest states first, each adds what it knows to its parent. */
static void
make_below(struct lexicon *l, const uint64_t *mask)
{
	const struct automaton *a = &l->automaton;
	size_t i;

	l->below = mem_new(a->n_slots, sizeof(*l->below));
	for (i = a->n_states; i-- > 1;) {
		uint32_t s = a->order[i], term = a->tail[s].term;

		l->below[a->node[s].check] |= l->below[s] |
		    (term ? mask[term - 1] : 0);
	}
}

/* Sets a group's bit for a byte; for none: for all bytes. */
static void
let_through(struct lexicon_sieve *s, size_t k, const unsigned char *byte,
    uint8_t group)
{
	size_t i;

	for (i = 0; i < 16; i++) {
		if (!byte || ((*byte | 0x20) & 15) == i)
			s->low[k][i] |= group;
		if (!byte || (*byte | 0x20) >> 4 == i)
			s->high[k][i] |= group;
	}
}

/* Terms are sorted: a group has those of neighbouring first bytes. Two groups
 * are for numbers and for terms that are too short to be sifted well. */
static void
make_sieve(struct lexicon_sieve *s, const struct automaton_term *t, size_t n)
{
	size_t i, k, firsts = 0, seen = 0;

	for (i = 0; i < n; i++)
		firsts += i == 0 || t[i].ptr[0] != t[i - 1].ptr[0];
	for (i = 0; i < n; i++) {
		size_t group = is_digit(t[i].ptr[0]) ? 0 : t[i].len < 4 ? 1 :
		    2 + seen * 6 / firsts;

		for (k = 0; k < 4; k++)
			let_through(s, k, k < t[i].len ? t[i].ptr + k : NULL,
			    (uint8_t)(1u << group));
		seen += i + 1 < n && t[i].ptr[0] != t[i + 1].ptr[0];
	}
}

void
lexicon_build(struct lexicon *l, const struct lexicon_entry *entries, size_t n)
{
	struct sorted *sorted = mem_new(n, sizeof(*sorted));
	struct automaton_term *terms = mem_new(n, sizeof(*terms));
	uint64_t *mask = mem_new(n, sizeof(*mask));
	unsigned char *bytes, *to;
	size_t i, total = 0;

	memset(l, 0, sizeof(*l));
	for (i = 0; i < n; i++) {
		size_t len = strlen(entries[i].text);

		assert(len > 0 && len < 256);
		sorted[i] = (struct sorted){ &entries[i], len, i };
		total += len;
	}
	qsort(sorted, n, sizeof(*sorted), compare);
	to = bytes = mem_new(total + BEGINNING_ROOM, 1);
	l->values = mem_new(n, sizeof(*l->values));
	l->first = mem_new(n + 1, sizeof(*l->first));
	for (i = 0; i < n; i++) {
		if (i == 0 || strcmp(sorted[i - 1].entry->text,
		    sorted[i].entry->text) != 0) {
			memcpy(to, sorted[i].entry->text, sorted[i].len);
			l->first[l->n_terms] = (uint32_t)i;
			terms[l->n_terms++] = (struct automaton_term){ to,
				(uint32_t)sorted[i].len };
			to += sorted[i].len;
		}
		mask[l->n_terms - 1] |= sorted[i].entry->mask;
		l->values[i] = sorted[i].entry->value;
	}
	l->n_values = n;
	l->first[l->n_terms] = (uint32_t)n;
	automaton_build(&l->automaton, terms, l->n_terms);
	beginnings_init(&l->beginnings, terms, l->n_terms);
	make_below(l, mask);
	make_sieve(&l->sieve, terms, l->n_terms);
	l->wide = lexicon_has_wide();
	free(sorted);
	free(terms);
	free(mask);
	free(bytes);
}

void
lexicon_fini(struct lexicon *l)
{
	automaton_fini(&l->automaton);
	beginnings_fini(&l->beginnings);
	free(l->values);
	free(l->first);
	free(l->below);
	memset(l, 0, sizeof(*l));
}

size_t
lexicon_memory(const struct lexicon *l)
{
	const struct automaton *a = &l->automaton;

	return ((size_t)8 << (58 - l->beginnings.shift)) +
	    a->n_slots * (sizeof(*a->node) + sizeof(*a->tail) +
		sizeof(*l->below)) +
	    a->n_states * sizeof(*a->order) +
	    (l->n_values + l->n_terms + 1) * sizeof(*l->values);
}

static bool
is_small(unsigned char c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_word(unsigned char c)
{
	return is_small(c | 0x20) || is_digit(c);
}

static bool
is_place(const unsigned char *ptr, size_t i)
{
	unsigned char c = ptr[i];

	if (c >= 0xe0 || c == '-' || c == '<' || c == '[' || c == '#')
		return true;
	if (!is_word(c))
		return false;
	return i == 0 || !is_word(ptr[i - 1]) ||
	    (c >= 'A' && c <= 'Z' && is_small(ptr[i - 1]));
}

#ifdef __SSE2__

static inline __m128i
between(__m128i v, char from, unsigned char count)
{
	__m128i x = _mm_sub_epi8(v, _mm_set1_epi8(from));
	__m128i top = _mm_set1_epi8((char)(count - 1));

	return _mm_cmpeq_epi8(_mm_min_epu8(x, top), x);
}

static inline uint32_t
bits(__m128i v)
{
	return (uint32_t)_mm_movemask_epi8(v);
}

/* What stood before the sixteen bytes. */
struct before {
	uint32_t word, small;
};

/* is_place() for sixteen bytes, as bits. */
static inline uint32_t
places(const unsigned char *ptr, struct before *before)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)ptr);
	__m128i lower = _mm_or_si128(v, _mm_set1_epi8(0x20));
	__m128i letters = between(lower, 'a', 26);
	uint32_t word = bits(_mm_or_si128(letters, between(v, '0', 10)));
	uint32_t capital = bits(between(v, 'A', 26));
	uint32_t small = bits(letters) & ~capital;
	__m128i signs = _mm_or_si128(
	    _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('-')),
		_mm_cmpeq_epi8(v, _mm_set1_epi8('<'))),
	    _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('[')),
		_mm_cmpeq_epi8(v, _mm_set1_epi8('#'))));
	uint32_t other = bits(_mm_or_si128(signs,
	    between(v, (char)0xe0, 0x20)));
	uint32_t found = (word & ~(word << 1 | before->word)) |
	    (capital & (small << 1 | before->small)) | other;

	before->word = word >> 15;
	before->small = small >> 15;
	return found;
}

/* Whole blocks; *i is where the rest begins when it returns len. */
static size_t
leap(const struct lexicon *l, const unsigned char *ptr, size_t *i, size_t len)
{
	struct before before = { 0, 0 };
	uint32_t found;

	if (*i > 0) {
		before.word = is_word(ptr[*i - 1]);
		before.small = is_small(ptr[*i - 1]);
	}
	for (; *i + 16 + BEGINNING_ROOM <= len; *i += 16) {
		found = places(ptr + *i, &before);
		for (; found; found &= found - 1) {
			size_t at = *i + (size_t)__builtin_ctz(found);

			if (lexicon_may_begin(&l->beginnings, ptr + at))
				return at;
		}
	}
	return len;
}

#else

static size_t
leap(const struct lexicon *l, const unsigned char *ptr, size_t *i, size_t len)
{
	(void)l;
	(void)ptr;
	(void)i;
	return len;
}

#endif

size_t
lexicon_next(const struct lexicon *l, const unsigned char *ptr, size_t i,
    size_t len)
{
	size_t at = len;

	if (l->wide)
		at = lexicon_leap_wide(l, ptr, &i, len);
	if (at == len)
		at = leap(l, ptr, &i, len);
	if (at < len)
		return at;
	for (; i < len; i++)
		if (is_place(ptr, i) && (i + BEGINNING_ROOM > len ||
		    lexicon_may_begin(&l->beginnings, ptr + i)))
			return i;
	return len;
}
