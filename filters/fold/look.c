/* SPDX-License-Identifier: Apache-2.0 */
/* look.c - which plain letter a letter looks like.
 *
 * First our own short list of letters that writers of disguises use; then
 * Unicode's confusables, by ICU, for the letter and for its other case; then
 * the letter's name: a Latin letter with a stroke, a hook, a turn is one. */
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/uscript.h>
#include <unicode/uspoof.h>

#include "filters/fold/table.h"
#include "filters/fold/utf8.h"
#include "filters/memory.h"

struct fold_look {
	USpoofChecker *spoof;
	uint32_t proto_m[4];		/* what confusables make of m */
	size_t n_proto_m;
};

/* Letters that stand for another in disguises, beside those that Unicode calls
 * confusable. Sorted. */
static const struct {
	uint32_t c;
	char plain;
} disguises[] = {
	{ 0x138, 'k' }, { 0x14b, 'n' }, { 0x1a8, 's' }, { 0x1bf, 'p' },
	{ 0x252, 'a' }, { 0x259, 'e' }, { 0x25a, 'e' }, { 0x264, 'y' },
	{ 0x26e, 'b' }, { 0x277, 'w' }, { 0x278, 'o' }, { 0x281, 'r' },
	{ 0x283, 's' }, { 0x28a, 'u' }, { 0x28d, 'm' }, { 0x292, 'z' },
	{ 0x298, 'o' }, { 0x394, 'a' }, { 0x399, 'i' }, { 0x39b, 'a' },
	{ 0x3a3, 'e' }, { 0x3b2, 'b' }, { 0x3b4, 'd' }, { 0x3b5, 'e' },
	{ 0x3b7, 'n' }, { 0x3b9, 'i' }, { 0x3ba, 'k' }, { 0x3bc, 'u' },
	{ 0x3bd, 'v' }, { 0x3be, 'e' }, { 0x3c0, 'n' }, { 0x3c4, 't' },
	{ 0x3c5, 'u' }, { 0x3c6, 'o' }, { 0x3c7, 'x' }, { 0x3c9, 'w' },
	{ 0x406, 'i' }, { 0x431, 'b' }, { 0x438, 'n' }, { 0x43f, 'n' },
	{ 0x444, 'o' }, { 0x448, 'w' }, { 0x449, 'w' }, { 0x44a, 'b' },
	{ 0x44c, 'b' }, { 0x44d, 'e' }, { 0x44f, 'r' }, { 0x454, 'e' },
	{ 0x48f, 'p' }, { 0x49d, 'k' }, { 0x4a1, 'k' }, { 0x4c4, 'k' },
	{ 0x4d9, 'e' }, { 0x4fd, 'x' }, { 0x4ff, 'x' }, { 0x10ff, 'o' },
	{ 0x142f, 'v' }, { 0x144c, 'u' }, { 0x144e, 'n' }, { 0x1455, 'c' },
	{ 0x146b, 'q' }, { 0x146d, 'p' }, { 0x148d, 'j' }, { 0x14aa, 'l' },
	{ 0x1515, 's' }, { 0x157c, 'h' }, { 0x1587, 'r' }, { 0x15a9, 'a' },
	{ 0x15aa, 'd' }, { 0x15b4, 'f' }, { 0x15b7, 'b' }, { 0x15e9, 'a' },
	{ 0x15ea, 'd' }, { 0x15ef, 'w' }, { 0x15f0, 'm' }, { 0x15f7, 'b' },
	{ 0x1614, 'z' }, { 0x166d, 'x' }, { 0x16b1, 'r' }, { 0x16c1, 'i' },
	{ 0x16cf, 't' }, { 0x16d2, 'b' }, { 0x16d5, 'k' }, { 0x16d6, 'm' },
	{ 0x1d06, 'd' }, { 0x1d7f, 'u' }, { 0x212e, 'e' }, { 0x2c81, 'a' },
	{ 0x2c83, 'b' }, { 0x2c89, 'e' }, { 0x2cb1, 'w' },
};

/* The skeleton of one code point, without marks. */
static size_t
skeleton(const struct fold_look *look, uint32_t c, uint32_t *text, size_t max)
{
	UChar in[2], out[64];
	UErrorCode status = U_ZERO_ERROR;
	int32_t n_in = utf16_put(in, c), n, i = 0;
	size_t n_text = 0;
	uint32_t x;

	n = uspoof_getSkeleton(look->spoof, 0, in, n_in, out, 64, &status);
	while (U_SUCCESS(status) && i < n && n_text < max) {
		x = utf16_get(out, &i);
		if (u_charType((UChar32)x) != U_NON_SPACING_MARK)
			text[n_text++] = x;
	}
	return n_text;
}

struct fold_look *
fold_look_new(struct mg_error *err)
{
	struct fold_look *look = mem_new(1, sizeof(*look));
	UErrorCode status = U_ZERO_ERROR;

	look->spoof = uspoof_open(&status);
	if (U_FAILURE(status)) {
		mg_fail(err, NULL, "fold: ICU has no data: %s",
		    u_errorName(status));
		fold_look_free(look);
		return NULL;
	}
	look->n_proto_m = skeleton(look, 'm', look->proto_m, 4);
	return look;
}

void
fold_look_free(struct fold_look *look)
{
	if (!look)
		return;
	if (look->spoof)
		uspoof_close(look->spoof);
	free(look);
}

/* Letters only, in lower case; 0 when there is anything else. */
static size_t
letters(const struct fold_look *look, uint32_t *text, size_t n)
{
	size_t i;

	if (n == look->n_proto_m &&
	    memcmp(text, look->proto_m, n * sizeof(*text)) == 0) {
		text[0] = 'm';
		return 1;
	}
	for (i = 0; i < n; i++) {
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] += 'a' - 'A';
		if (text[i] < 'a' || text[i] > 'z')
			return 0;
	}
	return n;
}

/* LATIN [SMALL|CAPITAL] LETTER [how] X [WITH …]: X, or 0. */
static char
by_name(uint32_t c)
{
	static const char *const hows[] = { "SMALL CAPITAL ", "TURNED ",
		"REVERSED ", "OPEN ", "SCRIPT ", "DOTLESS ", "INSULAR ",
		"SIDEWAYS ", "CLOSED ", "BARRED ", "LONG ", "STRETCHED ",
		"BLACKLETTER ", "TAILLESS ", "MIDDLE-WELSH ", "VISIGOTHIC ",
		NULL };
	UErrorCode status = U_ZERO_ERROR;
	char name[128];
	const char *p;
	size_t i;

	(void)u_charName((UChar32)c, U_UNICODE_CHAR_NAME, name, sizeof(name),
	    &status);
	if (U_FAILURE(status) || strncmp(name, "LATIN ", 6) != 0)
		return 0;
	p = strstr(name, "LETTER ");
	if (!p)
		return 0;
	p += 7;
	for (i = 0; hows[i]; i++)
		if (strncmp(p, hows[i], strlen(hows[i])) == 0) {
			p += strlen(hows[i]);
			i = 0;
		}
	if (p[0] < 'A' || p[0] > 'Z' || (p[1] && strncmp(p + 1, " WITH ", 6)))
		return 0;
	return (char)(p[0] + 'a' - 'A');
}

static bool
has_looks(uint32_t c)
{
	UErrorCode status = U_ZERO_ERROR;

	if (!u_isalpha((UChar32)c) && u_charType((UChar32)c) !=
	    U_LETTER_NUMBER)
		return c == 0x166d;	/* a sign that passes for an x */
	switch (uscript_getScript((UChar32)c, &status)) {
	case USCRIPT_LATIN:
	case USCRIPT_GREEK:
	case USCRIPT_CYRILLIC:
	case USCRIPT_ARMENIAN:
	case USCRIPT_CHEROKEE:
	case USCRIPT_COPTIC:
	case USCRIPT_LISU:
	case USCRIPT_DESERET:
	case USCRIPT_CANADIAN_ABORIGINAL:
	case USCRIPT_COMMON:
		return true;
	default:
		return false;
	}
}

size_t
fold_look_like(const struct fold_look *look, uint32_t c, uint32_t *text,
    size_t max)
{
	uint32_t other = (uint32_t)u_toupper((UChar32)c);
	size_t n, i;

	for (i = 0; i < sizeof(disguises) / sizeof(*disguises); i++)
		if (disguises[i].c == c) {
			text[0] = (unsigned char)disguises[i].plain;
			return 1;
		}
	if (!has_looks(c))
		return 0;
	n = letters(look, text, skeleton(look, c, text, max));
	if (n == 0 && other != c)
		n = letters(look, text, skeleton(look, other, text, max));
	if (n == 0 && (text[0] = (unsigned char)by_name(c)) != 0)
		n = 1;
	return n;
}

uint32_t
fold_look_han(const struct fold_look *look, uint32_t c)
{
	UErrorCode status = U_ZERO_ERROR;
	uint32_t text[4];

	if (skeleton(look, c, text, 4) == 1 &&
	    uscript_getScript((UChar32)text[0], &status) == USCRIPT_HAN)
		return text[0];
	return c;
}
