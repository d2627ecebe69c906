/* SPDX-License-Identifier: Apache-2.0 */
/* join.c - leaves out separators that only stand there to hide a word.
 *
 * Single letters with the same separator between all of them, three at the
 * least, are one word: b.o.m.b. A letter that is an English word by itself (a,
 * I) keeps its space at either end, so that "had a b o m b" has a word of four
 * letters. Pictures (and a few signs that nobody writes there) inside a word
 * go.
 * Between Han characters signs and spaces go, but a mark that ends a sentence
 * or a line only goes before a character that stands alone, or behind one that
 * begins a line. More white space than one space between words is one space.
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

/* Characters of a gap that may differ from the others of its word; spaces that
 * may stand between Han characters. */
enum { ODD = 3, SPACES = 3 };

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
	bool white;		/* nothing else; ends of lines too */
	bool emoji;		/* nothing else */
	bool punct, bracket;	/* one of them */
	bool one_space;		/* that is what becomes of it */
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

	*g = (struct gap){ .spaces = true, .white = true, .emoji = true };
	for (;;) {
		enum fold_class k;
		uint32_t c;

		if (i >= r->n)
			return r->last ? NO : WAIT;
		k = class_at(r, i);
		if (!separates(k))
			break;
		if (g->n == FOLD_SEPARATORS)
			return NO;
		c = utf8_get(r->ptr + i);
		g->c[g->n++] = c;
		g->spaces &= k == CLASS_SPACE;
		g->white &= k == CLASS_SPACE || c == '\n' || c == '\r';
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
	if (!same_gap(second, first->c, first->n) &&
	    (r->f->step == FOLD_JOINED || first->n > ODD || second->n > ODD))
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
		if (odd && (!tight || g->n > ODD))
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

/* A sign that nobody writes inside a word, but to hide it or to print it bold.
 * The first five are in letters_of(), too. */
static bool
is_odd_sign(uint32_t c)
{
	return c == '*' || c == '|' || c == '~' || c == '^' || c == '`' ||
	    c == 0xb7 || c == 0x640 || c == 0x2022 || c == 0x2027 ||
	    c == 0x2219 || c == 0x22c5 || c == 0x30fb;
}

static bool
is_ascii_letter(uint32_t c)
{
	return c >= 'a' && c <= 'z';
}

/* A sign that only FOLD_TIGHT takes out of a word. */
static bool
is_tight_sign(uint32_t c)
{
	return c > ' ' && c < 0x7f && strchr("-._/\\+=#&%", (int)c);
}

static bool
is_quote(uint32_t c)
{
	return c == '"' || c == '\'';
}

/* Whether FOLD_TIGHT takes the gap for a part of a word of ASCII: a sign once
 * or twice, a hyphen at the end of a line, quotes with a plus between. */
static bool
is_tight_gap(const struct gap *g)
{
	bool plus = false, ends = g->c[0] == '-' && g->n > 1;
	size_t i;

	if (g->n <= 2 && is_tight_sign(g->c[0]) && g->c[g->n - 1] == g->c[0])
		return true;
	for (i = 1; i < g->n; i++) {
		plus |= g->c[i] == '+';
		ends &= g->c[i] == '\n' || g->c[i] == '\r' || g->c[i] == ' ';
	}
	return (ends && g->punct) || (plus && is_quote(g->c[0]) &&
	    is_quote(g->c[g->n - 1]));
}

/* Pictures and such signs inside a word. For FOLD_TIGHT also what
 * is_tight_gap() says, between letters of ASCII. */
static enum look
inside_word(const struct reader *r, size_t i, struct gap *g)
{
	uint32_t c = utf8_get(r->ptr + i);
	bool tight = r->f->step == FOLD_TIGHT &&
	    (is_tight_sign(c) || is_quote(c)) &&
	    is_ascii_letter(r->f->join.prev_char);
	size_t k;
	enum look look;

	if (!tight && !is_odd_sign(c) && class_at(r, i) != CLASS_EMOJI)
		return NO;
	look = read_gap(r, i, g);
	if (look != YES)
		return look;
	i += g->bytes;
	if (tight)
		return is_tight_gap(g) && is_ascii_letter((unsigned char)
		    r->ptr[i]) ? YES : NO;
	for (k = 0; k < g->n; k++)
		if (!is_odd_sign(g->c[k]) && !g->emoji)
			return NO;
	return class_at(r, i) == CLASS_LETTER ? YES : NO;
}

/* White space between letters that is more than one space: behind the letter
 * or, as a space needs not wait, behind that. */
static enum look
between_words(const struct reader *r, size_t i, struct gap *g)
{
	uint32_t c = utf8_get(r->ptr + i);
	enum look look;

	if ((class_at(r, i) != CLASS_SPACE && c != '\n' && c != '\r') ||
	    (c == ' ' && !r->f->join.spaced))
		return NO;
	look = read_gap(r, i, g);
	if (look != YES)
		return look;
	return g->white && class_at(r, i + g->bytes) == CLASS_LETTER ? YES :
	    NO;
}

/* Dots that are an ellipsis. */
static bool
is_ellipsis(const struct gap *g)
{
	size_t i;

	for (i = 0; i < g->n && g->c[i] == '.'; i++)
		;
	return i == g->n && i > 2;
}

/* A sign with a space on both sides. */
static bool
is_spaced(const struct gap *g)
{
	return !g->spaces && g->n > 2 && g->c[0] == ' ' &&
	    g->c[g->n - 1] == ' ';
}

/* What stands at i between a Han character and whatever comes. */
static enum look
between_han(const struct reader *r, size_t i, struct gap *g)
{
	const struct fold_join *j = &r->f->join;
	bool alone = j->length == 1;
	enum look look = read_gap(r, i, g);

	if (look != YES)
		return look;
	i += g->bytes;
	if (class_at(r, i) != CLASS_HAN || (g->spaces && g->n > SPACES))
		return NO;
	if (g->punct || is_ellipsis(g)) {
		look = stands_alone(r, i, CLASS_HAN);
		return look == NO && alone && (j->edge == EDGE_LINE ||
		    (j->edge == EDGE_JOINED &&
		    same_gap(g, j->sep, j->n_sep))) ? YES : look;
	}
	return (g->bracket || is_spaced(g)) && !alone ?
	    stands_alone(r, i, CLASS_HAN) : YES;
}

static void
keep_gap(struct fold_join *j, const struct gap *g)
{
	memcpy(j->sep, g->c, sizeof(g->c));
	j->n_sep = g->n;
}

/* Decides on the separator at i, behind a letter, as decide() does. */
static enum look
behind_letter(struct reader *r, size_t i, struct gap *g, bool *crossing)
{
	struct fold_join *j = &r->f->join;
	enum look look = NO;

	if (j->length == 1)
		look = in_spelled_word(r, i, g, crossing);
	if (look == YES) {
		if (j->joined == 0)
			keep_gap(j, g);
		j->joined++;
		j->prev = CLASS_OTHER;
	}
	if (look != NO)
		return look;
	*crossing = r->f->step == FOLD_JOINED;
	look = inside_word(r, i, g);
	if (look == YES)
		*crossing |= is_tight_sign(g->c[0]) || is_quote(g->c[0]);
	if (look != NO)
		return look;
	look = between_words(r, i, g);
	g->one_space = look == YES;
	return look;
}

/* Decides on the separator at i. YES: g is left out, or becomes one space;
 * *crossing says whether fold_crosses() is to tell of it. */
static enum look
decide(struct reader *r, size_t i, struct gap *g, bool *crossing)
{
	struct fold_join *j = &r->f->join;
	enum look look;

	g->one_space = false;
	if (j->prev == CLASS_LETTER)
		return behind_letter(r, i, g, crossing);
	if (j->spaced) {
		*crossing = r->f->step == FOLD_JOINED;
		return between_words(r, i, g);
	}
	if (j->prev != CLASS_HAN || r->f->step != FOLD_JOINED)
		return NO;
	look = between_han(r, i, g);
	*crossing = true;
	if (look == YES) {
		j->prev = CLASS_OTHER;
		j->edge = g->punct ? EDGE_JOINED : EDGE_INNER;
		keep_gap(j, g);
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
	if (k == CLASS_HAN ? j->length > 1 : k != CLASS_SPACE &&
	    k != CLASS_BRACKET)
		j->edge = c == '\n' ? EDGE_LINE : EDGE_INNER;
	j->spaced = c == ' ' && j->prev == CLASS_LETTER;
	j->prev = k;
	j->prev_char = c;
}

/* ---- text in which nothing can be joined ---- */

enum { BLOCK = 16 };

#ifdef __SSE2__
/* Bit i: byte i is an ASCII letter or digit; is a space. false: a byte is not
 * ASCII, or one of the signs that inside_word() looks for, or the end of a line.
 * For FOLD_TIGHT also for a few other signs. */
static bool
letters_of(const char *ptr, bool tight, unsigned *letters, unsigned *spaces)
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
	    _mm_cmpeq_epi8(b, _mm_set1_epi8('~')), _mm_or_si128(
	    _mm_cmpeq_epi8(b, _mm_set1_epi8('^')),
	    _mm_cmpeq_epi8(b, _mm_set1_epi8('`')))));

	sign = _mm_or_si128(sign, _mm_cmplt_epi8(b, _mm_set1_epi8(' ')));
	if (tight) {
		/* From " to /, but for a comma. */
		__m128i low_sign = _mm_andnot_si128(_mm_cmpeq_epi8(b,
		    _mm_set1_epi8(',')), _mm_and_si128(_mm_cmpgt_epi8(b,
		    _mm_set1_epi8('!')), _mm_cmplt_epi8(b,
		    _mm_set1_epi8('0'))));

		sign = _mm_or_si128(_mm_or_si128(sign, low_sign),
		    _mm_or_si128(_mm_cmpeq_epi8(b, _mm_set1_epi8('=')),
		    _mm_or_si128(_mm_cmpeq_epi8(b, _mm_set1_epi8('\\')),
		    _mm_cmpeq_epi8(b, _mm_set1_epi8('_')))));
	}
	*spaces = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(b,
	    _mm_set1_epi8(' ')));
	*letters = (unsigned)_mm_movemask_epi8(_mm_or_si128(alpha, digit));
	return _mm_movemask_epi8(_mm_or_si128(b, sign)) == 0;
}
#else
static bool
letters_of(const char *ptr, bool tight, unsigned *letters, unsigned *spaces)
{
	(void)spaces;
	(void)ptr;
	(void)tight;
	(void)letters;
	return false;
}
#endif

/* Bytes at ptr, BLOCK of which are there, that hold neither a word of one
 * letter nor what may end one; 0 when that is not sure. */
static size_t
dull_ascii(const struct fold_join *j, const char *ptr, bool tight)
{
	unsigned bits, spaces, before = j->prev == CLASS_LETTER, single;

	if (j->prev == CLASS_HAN || !letters_of(ptr, tight, &bits, &spaces) ||
	    (before && j->length == 1 && !(bits & 1)) ||
	    (spaces & spaces >> 1) || (j->spaced && (spaces & 1)))
		return 0;
	single = bits & ~(bits << 1 | before) & ~(bits >> 1);
	/* Of the last letter it is not known yet: it is left; so is a space. */
	if (single & ((1u << (BLOCK - 1)) - 1))
		return 0;
	return single || spaces >> (BLOCK - 1) ? BLOCK - 1 : BLOCK;
}

/* Steps over what cannot be joined, noting how it ends. */
static size_t
skip_dull(struct reader *r, size_t i)
{
	struct fold_join *j = &r->f->join;
	size_t from = i, n;

	while (r->n - i >= BLOCK && (n = dull_ascii(j, r->ptr + i,
	    r->f->step == FOLD_TIGHT)) > 0) {
		i += n;
		j->prev_char = (unsigned char)r->ptr[i - 1];
		j->prev = class_at(r, i - 1);
		j->length = 2;
		j->joined = 0;
		j->edge = EDGE_INNER;
		j->spaced = false;
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
		j->spaced = false;
		if (j->length > 2)
			j->length = 2;
		if (j->length > 1)
			j->edge = EDGE_INNER;
	}
	return i;
}

size_t
fold_join_read(struct fold *f, const char *ptr, size_t n, bool last)
{
	struct reader r = { f, ptr, n, last };
	static const uint32_t space = ' ';
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
		f->crossing |= crossing;
		f->differs |= crossing;
		if (g.one_space) {
			fold_replace(f, g.bytes, &space, 1);
			pass(&f->join, CLASS_SPACE, space);
		} else {
			fold_skip(f, g.bytes);
		}
		i += g.bytes;
		from = i;
	}
	fold_copy(f, ptr + from, i - from);
	return i;
}
