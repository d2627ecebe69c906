/* SPDX-License-Identifier: Apache-2.0 */
/* strong.c - the table of the strong level, from what ICU and OpenCC know.
 *
 * Each code point goes this way: compatibility form; marks and invisible ones
 * dropped; look-alikes to plain letters, in lower case; traditional characters
 * to simplified ones. ASCII only changes its case. */
#include <stdlib.h>
#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include "filters/fold/table.h"
#include "filters/fold/utf8.h"
#include "filters/letters.h"
#include "filters/memory.h"

enum {
	TEXT_MAX = 32,
	PAIRS_END = 0x12000,	/* where pairs that melt end */
};

struct build {
	struct fold_table *t;
	const UNormalizer2 *nfc, *nfd, *nfkc, *casefold;
	struct fold_look *look;
	struct fold_han han;
};

/* A text on its way; what has no room is lost, and nothing is so long. */
struct text {
	uint32_t c[TEXT_MAX];
	size_t n;
};

static void
add(struct text *t, uint32_t c)
{
	if (t->n < TEXT_MAX)
		t->c[t->n++] = c;
}

static UScriptCode
script(uint32_t c)
{
	UErrorCode status = U_ZERO_ERROR;

	return uscript_getScript((UChar32)c, &status);
}

/* Accents and other marks on the letters of any script. The marks that make
 * kana another kana are none; nor are the vowels of other scripts. */
static bool
is_mark(uint32_t c)
{
	int type = u_charType((UChar32)c);

	if (type != U_NON_SPACING_MARK && type != U_ENCLOSING_MARK)
		return false;
	return c != 0x3099 && c != 0x309a && (script(c) == USCRIPT_INHERITED ||
	    script(c) == USCRIPT_CYRILLIC || type == U_ENCLOSING_MARK);
}

static bool
is_invisible(uint32_t c)
{
	int type = u_charType((UChar32)c);

	return type == U_FORMAT_CHAR || (type == U_CONTROL_CHAR &&
	    c != '\t' && c != '\n' && c != '\r' && c != 0x85) ||
	    u_hasBinaryProperty((UChar32)c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT);
}

/* Signs that are written in one way here; 0: not one of them. */
static uint32_t
one_way(uint32_t c)
{
	switch (c) {
	case 0x2018: case 0x2019: case 0x201b: case 0x2bc: case 0x2032:
		return '\'';
	case 0x201c: case 0x201d: case 0x201f: case 0x2033:
		return '"';
	case 0x2010: case 0x2011: case 0x2012: case 0x2013: case 0x2212:
		return '-';
	case 0x2028: case 0x2029: case 0x85:
		return '\n';
	case 0x2800:		/* an empty Braille cell */
		return ' ';
	case 0x2014: case 0x2026:
		return c;	/* an ellipsis stays one character */
	case 0x2120: case 0x2122:
		return c;	/* sm and tm are no part of the word before */
	case 0x640:		/* stretches words in Arabic */
		return c;
	}
	return u_charType((UChar32)c) == U_SPACE_SEPARATOR ? ' ' : 0;
}

/* Letters and digits in circles and squares that have no compatibility form;
 * 0: not one of them. */
static uint32_t
enclosed(uint32_t c)
{
	if (c >= 0x1f150 && c <= 0x1f169)
		return 'a' + c - 0x1f150;
	if (c >= 0x1f170 && c <= 0x1f189)
		return 'a' + c - 0x1f170;
	if (c >= 0x1f1e6 && c <= 0x1f1ff)
		return 'a' + c - 0x1f1e6;
	return 0;
}

/* Whether the code point is a number in a circle; its value. */
static int
circled_number(uint32_t c)
{
	double value;

	if (!(c >= 0x24ea && c <= 0x24ff) && !(c >= 0x2776 && c <= 0x2793))
		return -1;
	value = u_getNumericValue((UChar32)c);
	return value >= 0 && value <= 20 ? (int)value : -1;
}

/* (a), 〔本〕, 1. → without what encloses them, where one code point is it. */
static void
open_brackets(uint32_t c, struct text *t)
{
	bool pair = t->n > 2 && ((t->c[0] == '(' && t->c[t->n - 1] == ')') ||
	    (t->c[0] == 0x3014 && t->c[t->n - 1] == 0x3015));
	size_t i;

	if (pair) {
		for (i = 1; i + 1 < t->n; i++)
			t->c[i - 1] = t->c[i];
		t->n -= 2;
	} else if (t->n > 1 && ((c >= 0x2488 && c <= 0x249b) ||
	    (c >= 0x1f100 && c <= 0x1f10a))) {
		t->n--;
	}
}

static uint32_t
simple_han(const struct build *b, uint32_t c)
{
	return c >= FOLD_HAN_FROM && c < FOLD_HAN_TO ?
	    b->han.simple[c - FOLD_HAN_FROM] : c;
}

/* One letter of a decomposed text. */
static void
add_plain(const struct build *b, uint32_t c, struct text *out)
{
	uint32_t look[8], low[8];
	size_t n, i, k, m;

	if (is_mark(c) || is_invisible(c))
		return;
	if (c < 0x80) {
		add(out, (uint32_t)u_tolower((UChar32)c));
		return;
	}
	if (u_charDigitValue((UChar32)c) >= 0) {
		add(out, '0' + (uint32_t)u_charDigitValue((UChar32)c));
		return;
	}
	n = fold_look_like(b->look, c, look, 8);
	for (i = 0; i < n; i++)
		add(out, look[i]);
	if (n > 0)
		return;
	n = fold_normalize(b->casefold, c, low, 8);
	for (i = 0; i < n; i++) {
		m = low[i] != c ? fold_look_like(b->look, low[i], look, 8) : 0;
		for (k = 0; k < m; k++)
			add(out, look[k]);
		if (m == 0 && !is_mark(low[i]))
			add(out, simple_han(b, low[i]));
	}
}

/* Scripts whose letters are taken apart, so that their marks can be dropped. */
static bool
comes_apart(uint32_t c)
{
	switch (script(c)) {
	case USCRIPT_HANGUL:
	case USCRIPT_HIRAGANA:
	case USCRIPT_KATAKANA:
	case USCRIPT_HAN:
		return false;
	default:
		return true;
	}
}

/* Undoes what came apart, but for the marks that were dropped. */
static void
put_together(const struct build *b, struct text *t)
{
	size_t i, n = 0;

	for (i = 0; i < t->n; i++) {
		UChar32 pair = n > 0 ? unorm2_composePair(b->nfc,
		    (UChar32)t->c[n - 1], (UChar32)t->c[i]) : -1;

		if (pair >= 0)
			t->c[n - 1] = (uint32_t)pair;
		else
			t->c[n++] = t->c[i];
	}
	t->n = n;
}

/* What a code point becomes. */
static void
strong_text(const struct build *b, uint32_t c, struct text *out)
{
	struct text form = { .n = 0 };
	uint32_t apart[8];
	size_t i, k, n;
	int number = circled_number(c);

	out->n = 0;
	if (is_mark(c) || is_invisible(c))
		return;
	if (one_way(c) || enclosed(c)) {
		add(out, one_way(c) ? one_way(c) : enclosed(c));
		return;
	}
	if (number >= 0) {
		if (number >= 10)
			add(out, '0' + (uint32_t)number / 10);
		add(out, '0' + (uint32_t)number % 10);
		return;
	}
	if (c >= 0x2e80 && c < 0x2f00)
		add(&form, fold_look_han(b->look, c));
	else
		form.n = fold_normalize(b->nfkc, c, form.c, TEXT_MAX);
	open_brackets(c, &form);
	for (i = 0; i < form.n; i++) {
		if (!comes_apart(form.c[i])) {
			add(out, simple_han(b, form.c[i]));
			continue;
		}
		if (one_way(form.c[i])) {
			add(out, one_way(form.c[i]));
			continue;
		}
		n = fold_normalize(b->nfd, form.c[i], apart, 8);
		for (k = 0; k < n; k++)
			add_plain(b, apart[k], out);
	}
	put_together(b, out);
}

/* ---- classes ---- */

static enum fold_class
ascii_class(uint32_t c)
{
	if (letter_is(c))
		return CLASS_LETTER;
	switch (c) {
	case ' ': case '\t':
		return CLASS_SPACE;
	case '\n': case '\r': case ',': case ';': case ':': case '!':
	case '?':
		return CLASS_PUNCT;
	case '(': case ')': case '[': case ']': case '{': case '}':
	case '<': case '>': case '"':
		return CLASS_BRACKET;
	}
	return c > ' ' && c < 0x7f ? CLASS_SYMBOL : CLASS_OTHER;
}

static enum fold_class
class_of(uint32_t c)
{
	if (c < 0x80)
		return ascii_class(c);
	if (letter_is(c))
		return CLASS_LETTER;
	/* Strokes and other marks that pass for a bar or a dot. */
	if (c == 0x640 || c == 0x4e28 || c == 0x4e36 || c == 0x4e3f || c == 0x3127 ||
	    c == 0x30fc)
		return CLASS_SYMBOL;
	if (script(c) == USCRIPT_HAN && !(c >= 0x2e80 && c < 0x2fe0))
		return CLASS_HAN;
	if (c == 0x3001 || c == 0x3002 || c == 0x2026 || c == 0x2014 ||
	    c == 0x2015)
		return CLASS_PUNCT;
	switch (u_charType((UChar32)c)) {
	case U_SPACE_SEPARATOR:
		return CLASS_SPACE;
	case U_START_PUNCTUATION:
	case U_END_PUNCTUATION:
	case U_INITIAL_PUNCTUATION:
	case U_FINAL_PUNCTUATION:
		return CLASS_BRACKET;
	case U_DASH_PUNCTUATION:
	case U_CONNECTOR_PUNCTUATION:
	case U_OTHER_PUNCTUATION:
	case U_MATH_SYMBOL:
	case U_CURRENCY_SYMBOL:
		return CLASS_SYMBOL;
	case U_MODIFIER_SYMBOL:
	case U_OTHER_SYMBOL:
		return CLASS_EMOJI;
	}
	return u_hasBinaryProperty((UChar32)c, UCHAR_EXTENDED_PICTOGRAPHIC) ?
	    CLASS_EMOJI : CLASS_OTHER;
}

/* ---- pairs that still melt ---- */

static void
set_flag(struct build *b, uint32_t c, uint32_t flag)
{
	fold_table_set(b->t, c, fold_entry(b->t, c) | flag);
}

/* Kana and their marks, Hangul's parts, the letters of a few other scripts. */
static void
set_pair(struct build *b, uint32_t c)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar pair[8];
	int32_t n = unorm2_getRawDecomposition(b->nfc, (UChar32)c, pair, 8,
	    &status), i = 0;
	uint32_t first, second;

	if (U_FAILURE(status) || n < 2)
		return;
	first = utf16_get(pair, &i);
	if (i >= n)
		return;
	second = utf16_get(pair, &i);
	if (is_mark(second) ||
	    unorm2_composePair(b->nfc, (UChar32)first,
		(UChar32)second) != (UChar32)c)
		return;
	set_flag(b, first, FOLD_AHEAD);
	/* What comes of the two may melt on. */
	set_flag(b, second, FOLD_BACK | (fold_entry(b->t, c) & FOLD_AHEAD));
}

/* A code point that becomes one that melts does so itself. */
static void
inherit(struct build *b, uint32_t c)
{
	uint32_t e = fold_entry(b->t, c), to;

	if ((e & FOLD_KIND) != FOLD_ONE)
		return;
	to = fold_entry(b->t, e & FOLD_VALUE) & (FOLD_AHEAD | FOLD_BACK);
	if (to)
		set_flag(b, c, to);
}

/* ---- all together ---- */

static void
set_one(struct build *b, uint32_t c)
{
	struct text text;
	uint32_t e;

	strong_text(b, c, &text);
	e = fold_table_entry(b->t, c, text.c, text.n) |
	    (uint32_t)class_of(c) << 29;
	if (e != 0)
		fold_table_set(b->t, c, e);
}

/* Syllables and old scripts: as they are, and no word is spelled in them. */
static bool
is_dull(uint32_t c)
{
	return (c >= 0x1200 && c < 0x1380) || (c >= 0xa000 && c < 0xa490) ||
	    (c >= 0xac00 && c < 0xd7a4) || (c >= 0x12000 && c < 0x16800);
}

static void
fill(struct build *b)
{
	uint32_t c;

	for (c = 0x3400; c < 0x40000; c += FOLD_BLOCK)
		if ((c < 0x4d80) || (c >= 0x4e00 && c < 0xa000) ||
		    c >= 0x20000)
			b->t->block[c / FOLD_BLOCK] = FOLD_BLOCK_HAN;
	for (c = 0x4d80; c < 0x4dc0; c++)
		set_one(b, c);
	set_one(b, 0x4e28);
	set_one(b, 0x4e36);
	set_one(b, 0x4e3f);
	for (c = FOLD_HAN_FROM; c < FOLD_HAN_TO; c++)
		if (simple_han(b, c) != c)
			fold_table_set(b->t, c, FOLD_ONE | simple_han(b, c) |
			    (uint32_t)CLASS_HAN << 29);
	for (c = 0; c < 0x110000; c = fold_next(c))
		if (!is_dull(c) && (u_charType((UChar32)c) != U_UNASSIGNED ||
			is_invisible(c)))
			set_one(b, c);
	for (c = 0; c < 2 * PAIRS_END; c++)
		set_pair(b, c % PAIRS_END);
	for (c = 0x3131; c < 0x10000; c = fold_next(c))
		inherit(b, c);
	fold_table_finish(b->t);
}

int
fold_build_strong(struct fold_table *t, struct mg_error *err)
{
	struct build *b = mem_new(1, sizeof(*b));
	UErrorCode status = U_ZERO_ERROR;
	int rc = -1;

	b->t = t;
	b->nfc = unorm2_getNFCInstance(&status);
	b->nfd = unorm2_getNFDInstance(&status);
	b->nfkc = unorm2_getNFKCInstance(&status);
	b->casefold = unorm2_getNFKCCasefoldInstance(&status);
	t->strong = true;
	t->compose = b->nfc;
	if (U_FAILURE(status)) {
		mg_fail(err, NULL, "fold: ICU has no data: %s",
		    u_errorName(status));
	} else if ((b->look = fold_look_new(err)) != NULL) {
		rc = fold_han_read(&b->han, err);
		if (rc == 0) {
			fold_table_init(t);
			fill(b);
		}
	}
	fold_look_free(b->look);
	free(b);
	return rc;
}
