/* SPDX-License-Identifier: Apache-2.0 */
/* join.c - leaves out separators that only stand there to hide a word.
 *
 * Single letters with the same separator between all of them, three at the
 * least, are one word: b.o.m.b. A letter that is an English word by itself (a,
 * I) keeps its space at either end, so that "had a b o m b" has a word of four
 * letters. Signs of a picture (and a few that nobody writes there) inside a
 * word go.
 * Between Han characters signs and spaces go, but a mark that ends a sentence
 * or a line only goes between characters that stand alone on both sides.
 *
 * Whoever reads this also reads the text as it was before: what is joined here
 * can only add words to those that were there. */
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "filters/fold/step.h"
#include "filters/fold/utf8.h"

/* What the look ahead found. */
enum look { NO, YES, WAIT };

struct reader {
	struct fold *f;
	const char *ptr;
	size_t n;
	bool last;
};

/* Separators in a row. */
struct gap {
	uint32_t c[FOLD_SEPARATORS];
	size_t n, bytes;
	bool spaces;		/* nothing else */
	bool emoji;		/* nothing else */
	bool punct, bracket;	/* one of them */
};

static enum fold_class
class_at(const struct reader *r, size_t i)
{
	return FOLD_CLASS(fold_entry(r->f->table, utf8_get(r->ptr + i)));
}

static bool
separates(enum fold_class k)
{
	return k >= CLASS_SPACE;
}

/* Reads the gap at i. WAIT: it may go on. NO: it is too long, or the text ends
 * with it. */
static enum look
read_gap(const struct reader *r, size_t i, struct gap *g)
{
	size_t from = i;

	*g = (struct gap){ .spaces = true, .emoji = true };
	for (;;) {
		enum fold_class k;

		if (i >= r->n)
			return r->last ? NO : WAIT;
		k = class_at(r, i);
		if (!separates(k))
			break;
		if (g->n == FOLD_SEPARATORS)
			return NO;
		g->c[g->n++] = utf8_get(r->ptr + i);
		g->spaces &= k == CLASS_SPACE;
		g->emoji &= k == CLASS_EMOJI;
		g->punct |= k == CLASS_PUNCT;
		g->bracket |= k == CLASS_BRACKET;
		i += utf8_size((unsigned char)r->ptr[i]);
	}
	g->bytes = i - from;
	return g->n > 0 ? YES : NO;
}

/* Whether one character of the class stands at i, and none behind it. */
static enum look
stands_alone(const struct reader *r, size_t i, enum fold_class k)
{
	if (i >= r->n)
		return r->last ? NO : WAIT;
	if (class_at(r, i) != k)
		return NO;
	i += utf8_size((unsigned char)r->ptr[i]);
	if (i >= r->n)
		return r->last ? YES : WAIT;
	return class_at(r, i) == k ? NO : YES;
}

static bool
same_gap(const struct gap *a, const uint32_t *c, size_t n)
{
	return a->n == n && memcmp(a->c, c, n * sizeof(*c)) == 0;
}

static bool
is_article(uint32_t c)
{
	return c == 'a' || c == 'i';
}

/* Whether the letter at i is a word by itself, as a word of more letters comes
 * behind it. */
static enum look
ends_with_article(const struct reader *r, size_t i)
{
	struct gap g;
	enum look look;

	if (!is_article(utf8_get(r->ptr + i)))
		return NO;
	look = read_gap(r, i + 1, &g);
	if (look != YES)
		return look;
	i += 1 + g.bytes;
	if (!g.spaces || class_at(r, i) != CLASS_LETTER)
		return NO;
	look = stands_alone(r, i, CLASS_LETTER);
	return look == WAIT ? WAIT : look == NO ? YES : NO;
}

/* Whether a third single letter follows the one at i, as every run has. */
static enum look
has_third(const struct reader *r, size_t i, const struct gap *first,
    struct gap *second)
{
	enum look look = read_gap(r, i, second);

	if (look != YES)
		return look;
	if (r->f->step == FOLD_JOINED && !same_gap(second, first->c, first->n))
		return NO;
	return stands_alone(r, i + second->bytes, CLASS_LETTER);
}

/* Whether the gap at i, behind a single letter, stands between letters of one
 * word. */
static enum look
in_spelled_word(struct reader *r, size_t i, struct gap *g, bool *crossing)
{
	struct fold_join *j = &r->f->join;
	enum look look = read_gap(r, i, g);
	bool tight = r->f->step == FOLD_TIGHT, odd = false;
	struct gap second;
	size_t x = i + g->bytes;

	if (look != YES)
		return look;
	if ((look = stands_alone(r, x, CLASS_LETTER)) != YES)
		return look;
	if (j->joined == 0) {
		odd = g->spaces && is_article(j->prev_char);
		if (odd && !tight)
			return NO;
		look = has_third(r, x + utf8_size((unsigned char)r->ptr[x]),
		    g, &second);
	} else {
		odd = !same_gap(g, j->sep, j->n_sep);
		if (odd && !tight)
			return NO;
		if (g->spaces) {
			look = ends_with_article(r, x);
			if (look == WAIT || (look == YES && !tight))
				return look == YES ? NO : WAIT;
			odd |= look == YES;
		}
		look = YES;
	}
	*crossing = tight ? odd : true;
	return look;
}

/* A picture inside a word, or one of a few signs. */
static enum look
inside_word(const struct reader *r, size_t i, struct gap *g)
{
	uint32_t c = utf8_get(r->ptr + i);
	bool sign = c == '*' || c == '|' || c == '~' || c == '^' ||
	    c == 0xb7 || c == 0x2022;
	enum look look;

	if (!sign && class_at(r, i) != CLASS_EMOJI)
		return NO;
	look = read_gap(r, i, g);
	if (look != YES)
		return look;
	return (g->emoji || (sign && g->n == 1)) &&
	    class_at(r, i + g->bytes) == CLASS_LETTER ? YES : NO;
}

/* What stands at i between a Han character and whatever comes. */
static enum look
between_han(const struct reader *r, size_t i, struct gap *g)
{
	bool alone = r->f->join.length == 1;
	enum fold_class k = class_at(r, i);
	enum look look;

	if (k == CLASS_PUNCT && !alone)
		return NO;
	look = read_gap(r, i, g);
	if (look != YES)
		return look;
	i += g->bytes;
	if (class_at(r, i) != CLASS_HAN || (g->punct && !alone))
		return NO;
	return g->punct || (g->bracket && !alone) ?
	    stands_alone(r, i, CLASS_HAN) : YES;
}

/* Decides on the separator at i. YES: g is left out; *crossing says whether
 * fold_crosses() is to tell of it. */
static enum look
decide(struct reader *r, size_t i, struct gap *g, bool *crossing)
{
	struct fold *f = r->f;
	struct fold_join *j = &f->join;
	enum look look = NO;

	if (j->prev == CLASS_HAN && f->step == FOLD_JOINED) {
		look = between_han(r, i, g);
		*crossing = true;
		if (look == YES)
			j->prev = CLASS_OTHER;
	} else if (j->prev == CLASS_LETTER) {
		if (j->length == 1)
			look = in_spelled_word(r, i, g, crossing);
		if (look == YES) {
			if (j->joined == 0) {
				memcpy(j->sep, g->c, sizeof(g->c));
				j->n_sep = g->n;
			}
			j->joined++;
			j->prev = CLASS_OTHER;
		} else if (look == NO) {
			look = inside_word(r, i, g);
			*crossing = f->step == FOLD_JOINED;
		}
	}
	return look;
}

/* Notes a character that stays. */
static void
pass(struct fold_join *j, enum fold_class k, uint32_t c)
{
	if (k == CLASS_LETTER || k == CLASS_HAN) {
		j->length = k == j->prev ? j->length + 1 : 1;
		if (j->length > 1)
			j->joined = 0;
	} else {
		j->joined = 0;
	}
	j->prev = k;
	j->prev_char = c;
}

/* ---- text in which nothing can be joined ---- */

enum { BLOCK = 16 };

#ifdef __SSE2__
/* Bit i: byte i is an ASCII letter or digit. false: a byte is not ASCII, or
 * one of the signs that inside_word() looks for. */
static bool
letters_of(const char *ptr, unsigned *letters)
{
	__m128i b = _mm_loadu_si128((const __m128i *)(const void *)ptr);
	__m128i low = _mm_or_si128(b, _mm_set1_epi8(0x20));
	__m128i alpha = _mm_and_si128(_mm_cmpgt_epi8(low,
	    _mm_set1_epi8('a' - 1)), _mm_cmplt_epi8(low,
	    _mm_set1_epi8('z' + 1)));
	__m128i digit = _mm_and_si128(_mm_cmpgt_epi8(b,
	    _mm_set1_epi8('0' - 1)), _mm_cmplt_epi8(b,
	    _mm_set1_epi8('9' + 1)));
	__m128i sign = _mm_or_si128(_mm_or_si128(
	    _mm_cmpeq_epi8(b, _mm_set1_epi8('*')),
	    _mm_cmpeq_epi8(b, _mm_set1_epi8('|'))), _mm_or_si128(
	    _mm_cmpeq_epi8(b, _mm_set1_epi8('~')),
	    _mm_cmpeq_epi8(b, _mm_set1_epi8('^'))));

	*letters = (unsigned)_mm_movemask_epi8(_mm_or_si128(alpha, digit));
	return _mm_movemask_epi8(_mm_or_si128(b, sign)) == 0;
}
#else
static bool
letters_of(const char *ptr, unsigned *letters)
{
	(void)ptr;
	(void)letters;
	return false;
}
#endif

/* Bytes at ptr, BLOCK of which are there, that hold neither a word of one
 * letter nor what may end one; 0 when that is not sure. */
static size_t
dull_ascii(const struct fold_join *j, const char *ptr)
{
	unsigned bits, before = j->prev == CLASS_LETTER, single;

	if (j->prev == CLASS_HAN || !letters_of(ptr, &bits) ||
	    (before && j->length == 1 && !(bits & 1)))
		return 0;
	single = bits & ~(bits << 1 | before) & ~(bits >> 1);
	/* Of the last letter it is not known yet: it is left. */
	if (single & ((1u << (BLOCK - 1)) - 1))
		return 0;
	return single ? BLOCK - 1 : BLOCK;
}

/* Steps over what cannot be joined, noting how it ends. */
static size_t
skip_dull(struct reader *r, size_t i)
{
	struct fold_join *j = &r->f->join;
	size_t from = i, n;

	while (r->n - i >= BLOCK && (n = dull_ascii(j, r->ptr + i)) > 0) {
		i += n;
		j->prev_char = (unsigned char)r->ptr[i - 1];
		j->prev = class_at(r, i - 1);
		j->length = 2;
		j->joined = 0;
	}
	if (i > from)
		return i;
	while (fold_in3(r->f->table->han3, r->ptr + i, r->n - i))
		i += 3;
	if (i > from) {
		j->length = (j->prev == CLASS_HAN ? j->length : 0) +
		    (unsigned)((i - from) / 3 > 2 ? 2 : (i - from) / 3);
		j->prev = CLASS_HAN;
		j->joined = 0;
		if (j->length > 2)
			j->length = 2;
	}
	return i;
}

size_t
fold_join_read(struct fold *f, const char *ptr, size_t n, bool last)
{
	struct reader r = { f, ptr, n, last };
	size_t i = 0, from = 0;
	struct gap g;

	while ((i = skip_dull(&r, i)) < n) {
		uint32_t c = utf8_get(ptr + i);
		enum fold_class k = FOLD_CLASS(fold_entry(f->table, c));
		bool crossing = false;
		enum look look = separates(k) ? decide(&r, i, &g, &crossing) :
		    NO;

		if (look == WAIT)
			break;
		if (look == NO) {
			pass(&f->join, k, c);
			i += utf8_size((unsigned char)ptr[i]);
			continue;
		}
		fold_copy(f, ptr + from, i - from);
		fold_skip(f, g.bytes);
		f->crossing |= crossing;
		f->differs |= crossing;
		i += g.bytes;
		from = i;
	}
	fold_copy(f, ptr + from, i - from);
	return i;
}
