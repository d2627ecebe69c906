/* SPDX-License-Identifier: Apache-2.0 */
/* pii_date.c - dates of birth: any common way to write a date, where words say
 * that somebody was born then. */
#include "filters/pii.h"

#include <string.h>

enum { REACH = 32 };

static const char *const birth_words[] = { "出生", "生日", "我生于", "他生于",
	"她生于", ",生于", "，生于", "(生于", "（生于", "生辰", "date of birth", "birth date", "birthdate", "birthday",
	"dob", "d.o.b", "born", "birth", NULL };
static const char *const behind_words[] = { "出生", "生于", "生人", NULL };

enum { YEAR_MIN = 1900, YEAR_MAX = 2099 };

/* A date as far as it is read; day 0: only year and month. */
struct date {
	unsigned year, month, day;
	size_t end;
};

static bool
sound(const struct date *d)
{
	return d->year >= YEAR_MIN && d->year <= YEAR_MAX &&
	    pii_date(d->year, d->month, d->day ? d->day : 1);
}

/* Reads a number of at most max digits from *i. Returns how many it had. */
static unsigned
number(struct pii_text *t, size_t *i, unsigned max, unsigned *value)
{
	unsigned n = 0;

	*value = 0;
	while (n <= max && pii_digit(pii_at(t, *i))) {
		*value = *value * 10 + (unsigned)(t->ptr[*i] - '0');
		++*i;
		n++;
	}
	return n <= max ? n : 0;
}

static size_t
skip_spaces(struct pii_text *t, size_t i, size_t max)
{
	while (max-- > 0 && pii_at(t, i) == ' ')
		i++;
	return i;
}

/* 1990年5月1日, 1990年5月. */
static bool
read_chinese(struct pii_text *t, size_t i, struct date *d)
{
	static const char *const month[] = { "月", NULL };
	static const char *const day[] = { "日", "号", NULL };
	size_t n;

	i = skip_spaces(t, i, 1);
	if (!number(t, &i, 2, &d->month))
		return false;
	i = skip_spaces(t, i, 1);
	n = pii_word(t, i, month);
	if (n == 0)
		return false;
	d->end = i += n;
	i = skip_spaces(t, i, 1);
	if (!number(t, &i, 2, &d->day))
		return sound(d);
	i = skip_spaces(t, i, 1);
	n = pii_word(t, i, day);
	if (n == 0)
		return false;
	d->end = i + n;
	return sound(d);
}

/* The two numbers behind the first one, divided by the same byte. */
static bool
read_divided(struct pii_text *t, size_t i, struct date *d, unsigned first,
    unsigned digits)
{
	int sep = pii_at(t, i++);
	unsigned second, third, n;

	if (!number(t, &i, 2, &second) || pii_at(t, i++) != sep)
		return false;
	n = number(t, &i, digits == 4 ? 2 : 4, &third);
	d->end = i;
	if (n == 0 || !pii_right(t, i))
		return false;
	if (digits == 4) {
		*d = (struct date){ first, second, third, i };
		return third > 0 && sound(d);
	}
	if (n == 2)
		third += third < 30 ? 2000 : 1900;
	*d = (struct date){ third, first, second, i };
	if (sound(d) && second > 0)
		return true;
	*d = (struct date){ third, second, first, i };
	return sound(d) && first > 0;
}

/* 19900501. */
static bool
read_whole(struct pii_text *t, size_t i, struct date *d, unsigned value)
{
	*d = (struct date){ value / 10000, value / 100 % 100, value % 100,
		i };
	return d->day > 0 && sound(d) && pii_right(t, i);
}

/* The month that a Latin word names, by its first three letters; 0: none. */
static unsigned
month_of(const unsigned char *p, size_t n)
{
	static const char *const names[] = { "january", "february", "march",
		"april", "may", "june", "july", "august", "september",
		"october", "november", "december" };
	unsigned m;
	size_t k;

	for (m = 0; m < 12 && n >= 3; m++) {
		for (k = 0; k < n && pii_lower(p[k]) == names[m][k]; k++)
			;
		if (k == n || (n == 4 && k == 3 && pii_lower(p[3]) == 't' &&
			m == 8))
			return m + 1;
	}
	return 0;
}

/* The word that stands before i, with a space or point between. */
static unsigned
month_before(const struct pii_text *t, size_t i, size_t *from)
{
	size_t end = i;

	while (end > 0 && i - end < 2 &&
	    (t->ptr[end - 1] == ' ' || t->ptr[end - 1] == '.'))
		end--;
	*from = pii_token(t, end, 10);
	if (end == i || !pii_code_left(t, *from))
		return 0;
	return month_of(t->ptr + *from, end - *from);
}

/* Bytes of "st", "nd", "rd", "th" at i. */
static size_t
ordinal(struct pii_text *t, size_t i)
{
	static const char *const ends[] = { "st", "nd", "rd", "th", NULL };

	return pii_word(t, i, ends);
}

/* What follows the day in March 5th, 1990. */
static bool
read_english(struct pii_text *t, size_t i, struct date *d)
{
	i += ordinal(t, i);
	if (pii_at(t, i) == ',')
		i++;
	i = skip_spaces(t, i, 2);
	if (number(t, &i, 4, &d->year) != 4)
		return false;
	d->end = i;
	return sound(d) && d->day > 0 && pii_right(t, i);
}

/* 5 March 1990, 5th of March, 1990. */
static bool
read_day_first(struct pii_text *t, size_t i, struct date *d)
{
	size_t from;

	i += ordinal(t, i);
	if (pii_at(t, i) != ' ')
		return false;
	i++;
	if (pii_at(t, i) == 'o' && pii_at(t, i + 1) == 'f' &&
	    pii_at(t, i + 2) == ' ')
		i += 3;
	from = i;
	while (i - from < 10 && pii_alpha(pii_at(t, i)))
		i++;
	d->month = month_of(t->ptr + from, i - from);
	if (d->month == 0)
		return false;
	if (pii_at(t, i) == '.' || pii_at(t, i) == ',')
		i++;
	i = skip_spaces(t, i, 1);
	if (number(t, &i, 4, &d->year) != 4)
		return false;
	d->end = i;
	return sound(d) && d->day > 0 && pii_right(t, i);
}

/* The date whose first digits are at spot. known: somebody is said to be
 * born. */
static bool
read_date(struct pii_text *t, size_t spot, bool known, struct date *d,
    size_t *from)
{
	static const char *const year[] = { "年", NULL };
	size_t i = spot, bytes;
	unsigned first, n = number(t, &i, 8, &first);
	int c = pii_at(t, i);

	if (n == 4) {
		d->year = first;
		bytes = c == ' ' || c == 0xe5 ?
		    pii_word(t, skip_spaces(t, i, 1), year) : 0;
		if (bytes)
			return read_chinese(t, skip_spaces(t, i, 1) + bytes,
			    d);
	}
	if (!known)
		return false;
	if (n == 8)
		return read_whole(t, i, d, first);
	if ((n == 4 || n == 1 || n == 2) && (c == '-' || c == '/' ||
		c == '.'))
		return read_divided(t, i, d, first, n);
	if (n != 1 && n != 2)
		return false;
	d->day = first;
	d->month = month_before(t, spot, from);
	if (d->month)
		return read_english(t, i, d);
	*from = spot;
	return read_day_first(t, i, d);
}

/* A date that is told to be one of birth by words behind it. */
static bool
match_behind(struct pii_text *t, size_t spot, struct date *d, size_t *from)
{
	t->hungry = false;	/* other forms do not count any more */
	return read_date(t, spot, false, d, from) &&
	    pii_word(t, d->end, behind_words) > 0;
}

bool
pii_match_birth_date(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	struct date d = { 0 };
	size_t from = spot;
	bool matched;

	if (!pii_left(t, spot))
		return false;
	matched = read_date(t, spot, true, &d, &from);
	if (!matched && !t->hungry)
		return false;
	if (!matched && month_before(t, spot, &from))
		hit->at = from;
	if (!pii_context(t, spot, REACH, birth_words)) {
		hit->at = from = spot;
		matched = match_behind(t, spot, &d, &from);
	}
	if (!matched)
		return false;
	hit->at = from;
	hit->end = d.end;
	hit->score = 0.8;
	return true;
}

/* A month's name, or its beginning, that ends the text. */
size_t
pii_tail_birth_date(const struct pii_text *t)
{
	size_t end = t->len, from;

	while (end > 0 && t->len - end < 2 &&
	    (t->ptr[end - 1] == ' ' || t->ptr[end - 1] == '.'))
		end--;
	from = pii_token(t, end, 10);
	if (from == end || !pii_code_left(t, from) ||
	    !pii_context(t, from, REACH, birth_words))
		return t->len;
	if (end - from >= 3 && !month_of(t->ptr + from, end - from))
		return t->len;
	return strchr("jfmasond", pii_lower(t->ptr[from])) ? from : t->len;
}
