/* SPDX-License-Identifier: Apache-2.0 */
/* leet.c - digits and signs in words as the letters that they stand for.
 *
 * 1 may be an i or an l: both are an i here, in the text and in what is looked
 * for. A word needs one letter; numbers stay. Nothing changes its length. */
#include "filters/fold/step.h"
#include "filters/fold/utf8.h"

enum { NUMBER_MAX = 32 };	/* digits that wait for their word's letter */

static char
plain(char c)
{
	static const char from[] = "013457@$!l", to[] = "oieastasii";
	const char *found = c ? strchr(from, c) : NULL;

	return found ? to[found - from] : c;
}

static bool
is_digit(char c)
{
	return (c >= '0' && c <= '9') || c == '@' || c == '$';
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

	while (i < n && i < NUMBER_MAX && is_digit(ptr[i]))
		i++;
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
	return is_letter(f, ptr + 1) || (ptr[1] >= '0' && ptr[1] <= '9') ||
	    ptr[1] == '$';
}

static void
put(struct fold *f, const char *ptr, size_t n, bool change)
{
	char *to = fold_room(f, n);
	size_t i;

	for (i = 0; i < n; i++)
		to[i] = change ? plain(ptr[i]) : ptr[i];
	fold_took_same(f, n);
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
	if (is_digit(*ptr) && !f->letters) {
		size = number(f, ptr, n, last, &change);
		if (size == 0)
			return 0;
	} else if (*ptr == '!' || *ptr == '@') {
		more = f->letters ? goes_on(f, ptr, n, last) : 0;
		if (more < 0)
			return 0;
		change = more;
		f->letters = change;
	} else if (!is_digit(*ptr)) {
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
