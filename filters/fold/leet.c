/* SPDX-License-Identifier: Apache-2.0 */
/* leet.c - digits and signs in words as the letters that they stand for.
 *
 * 1 may be an i or an l: both are an i here, in the text and in what is looked
 * for. A word needs one letter; numbers stay, prices too. */
#include "filters/fold/step.h"
#include "filters/fold/utf8.h"

enum { NUMBER_MAX = 32 };	/* digits that wait for their word's letter */

/* Signs of money that pass for letters. Sorted. */
static const struct {
	uint32_t c;
	char plain;
} money[] = {
	{ 0xa2, 'c' }, { 0xa3, 'i' }, { 0xa5, 'y' }, { 0xe3f, 'b' },
	{ 0x20a1, 'c' }, { 0x20a3, 'f' }, { 0x20a4, 'i' }, { 0x20a5, 'm' },
	{ 0x20a6, 'n' }, { 0x20a9, 'w' }, { 0x20ab, 'd' }, { 0x20ac, 'e' },
	{ 0x20ad, 'k' }, { 0x20ae, 't' }, { 0x20b1, 'p' }, { 0x20b2, 'g' },
	{ 0x20b3, 'a' }, { 0x20b4, 's' }, { 0x20b5, 'c' }, { 0x20bf, 'b' },
};

/* The letter that the character at p stands for; 0: itself. */
static char
plain(const char *p)
{
	static const char from[] = "01345789$@!+l6", to[] = "oieastbgsaitig";
	const char *found;
	uint32_t c;
	size_t i;

	if ((unsigned char)*p < 0x80) {
		found = *p ? strchr(from, *p) : NULL;
		return found ? to[found - from] : 0;
	}
	c = utf8_get(p);
	for (i = 0; i < sizeof(money) / sizeof(*money); i++)
		if (money[i].c == c)
			return money[i].plain;
	return 0;
}

/* What is a letter beside letters and a number's part beside numbers. */
static bool
is_digit(const char *p)
{
	return (*p >= '0' && *p <= '9') || *p == '@' || *p == '$' ||
	    ((unsigned char)*p >= 0x80 && plain(p));
}

static bool
is_letter(const struct fold *f, const char *p)
{
	return !(*p >= '0' && *p <= '9') &&
	    FOLD_CLASS(fold_entry(f->table, utf8_get(p))) == CLASS_LETTER;
}

/* Bytes of the digits at ptr that are settled; *letters says whether a letter
 * stands behind them. 0: more is needed. */
static size_t
number(const struct fold *f, const char *ptr, size_t n, bool last,
    bool *letters)
{
	size_t i = 0;

	while (i < n && i < NUMBER_MAX && is_digit(ptr + i))
		i += utf8_size((unsigned char)ptr[i]);
	if (i == n && i < NUMBER_MAX && !last)
		return 0;
	*letters = i < n && i < NUMBER_MAX && is_letter(f, ptr + i);
	return i;
}

/* Whether a sign inside a word that may also end it is a letter: one follows.
 * -1: not known yet. */
static int
goes_on(const struct fold *f, const char *ptr, size_t n, bool last)
{
	if (n < 2)
		return last ? 0 : -1;
	return is_letter(f, ptr + 1) || is_digit(ptr + 1);
}

/* Puts n bytes, as letters if they are to change. Several digits before the
 * letters of a word may be a number with its unit: 80mb. The less usual ones
 * stay there. */
static void
put(struct fold *f, const char *ptr, size_t n, bool change)
{
	size_t i, size;

	for (i = 0; i < n; i += size) {
		char c = change &&
		    !(!f->letters && n > 1 && memchr("689", ptr[i], 3)) ?
		    plain(ptr + i) : 0;

		size = utf8_size((unsigned char)ptr[i]);
		if (!c) {
			fold_copy(f, ptr + i, size);
			continue;
		}
		*fold_room(f, 1) = c;
		if (size == 1)
			fold_took_same(f, 1);
		else
			fold_took(f, size, 1);
	}
}

/* Reads what stands at ptr; 0: more is needed. */
static size_t
read_one(struct fold *f, const char *ptr, size_t n, bool last)
{
	size_t size = utf8_size((unsigned char)*ptr);
	bool change = f->letters;
	int more;

	if (is_letter(f, ptr)) {
		f->letters = true;
		put(f, ptr, size, true);
		return size;
	}
	if (is_digit(ptr) && !f->letters) {
		size = number(f, ptr, n, last, &change);
		if (size == 0)
			return 0;
	} else if (*ptr == '!' || *ptr == '@' || *ptr == '+') {
		more = f->letters ? goes_on(f, ptr, n, last) : 0;
		if (more < 0)
			return 0;
		change = more;
		f->letters = change;
	} else if (!is_digit(ptr)) {
		f->letters = change = false;
	}
	put(f, ptr, size, change);
	return size;
}

size_t
fold_leet_read(struct fold *f, const char *ptr, size_t n, bool last)
{
	size_t i = 0, used;

	while (i < n) {
		used = read_one(f, ptr + i, n - i, last);
		if (used == 0)
			break;
		i += used;
	}
	return i;
}
