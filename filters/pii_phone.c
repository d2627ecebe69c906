/* SPDX-License-Identifier: Apache-2.0 */
/* pii_phone.c - telephone numbers: mainland China's numbering plan, the North
 * American one, Britain's, and ITU E.164 for all countries. */
#include "filters/pii.h"

#include <string.h>

static const char *const phone_words[] = { "电话", "電話", "手机", "手機",
	"座机", "传真", "热线", "联系方式", "致电", "拨打", "固话", "分机",
	"tel", "telephone", "phone", "mobile", "cell", "call", "fax", "ring",
	"number", "contact", "whatsapp", "sms", "text", NULL };

/* Masks of pii_number(): where separators may stand. */
#define AT(j) (UINT32_C(1) << (j))

/* ---- mainland China: mobile ---- */

/* Whether the n first of d may begin a mobile number: ranges that the MIIT has
 * given out. */
static bool
segment(const unsigned char *d, unsigned n)
{
	static const uint16_t third[10] = { [3] = 0x3ff, [4] = 0x3f3,
		[5] = 0x3ef, [6] = 0x0e4, [7] = 0x1ff, [8] = 0x3ff,
		[9] = 0x3ef };

	if (d[0] != 1 || (n > 1 && !third[d[1]]))
		return false;
	return n < 3 || (third[d[1]] >> d[2] & 1);
}

/* Reads 11 digits from i; returns the offset behind them, or 0. */
static size_t
read_mobile(struct pii_text *t, size_t i, uint32_t *seps)
{
	static const uint32_t masks[] = { AT(3) | AT(7), AT(4) | AT(7),
		AT(3), AT(7), AT(3) | AT(6), 0 };
	unsigned char d[11];
	unsigned n;

	for (n = 0; n < 3; n++) {
		int c = pii_at(t, i + n);

		if (!pii_digit(c))
			return 0;
		d[n] = (unsigned char)(c - '0');
		if (!segment(d, n + 1))
			return 0;
	}
	return pii_number(t, i, 11, masks, true, d, seps);
}

bool
pii_match_cn_mobile(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	int first = t->ptr[spot];
	size_t i = spot, end;
	uint32_t seps;

	if (first == '+' ? pii_alnum(pii_before(t, spot)) :
	    first != '(' && !pii_left(t, spot))
		return false;
	if (first != '1' && first != '+' && first != '(' && first != '8' &&
	    first != '0')
		return false;
	if (first != '1') {
		i = pii_country(t, spot, "86");
		if (i == 0)
			return false;
	} else if (pii_before(t, spot) == '+') {
		return false;	/* of another country */
	}
	end = read_mobile(t, i, &seps);
	if (end == 0 || !pii_right(t, end) ||
	    pii_inside(t, spot, seps != 0))
		return false;
	hit->end = end;
	hit->score = first == '+' || first == '(' ||
	    pii_context(t, spot, PII_REACH, phone_words) ? 0.95 : 0.8;
	return true;
}

/* ---- mainland China: landlines, 400 and 800 ---- */

/* Area codes of three digits, without their zero: from, to. */
static const uint16_t areas[][2] = { { 310, 319 }, { 335, 335 }, { 349, 359 }, { 370, 379 }, { 391, 398 },
	{ 410, 419 }, { 421, 421 }, { 427, 427 }, { 429, 429 }, { 431, 439 },
	{ 451, 459 }, { 464, 464 }, { 467, 470 }, { 471, 479 }, { 482, 483 },
	{ 510, 519 }, { 523, 523 }, { 527, 527 }, { 530, 539 }, { 543, 543 },
	{ 546, 546 }, { 550, 566 }, { 570, 580 }, { 591, 599 }, { 631, 635 },
	{ 660, 660 }, { 662, 663 }, { 668, 668 }, { 691, 692 }, { 701, 701 },
	{ 710, 719 }, { 722, 724 }, { 728, 728 }, { 730, 739 }, { 743, 746 },
	{ 750, 760 }, { 762, 763 }, { 766, 766 }, { 768, 779 }, { 790, 799 },
	{ 812, 839 }, { 851, 859 }, { 870, 888 }, { 890, 909 }, { 911, 919 },
	{ 930, 939 }, { 941, 943 }, { 951, 955 }, { 970, 979 }, { 990, 999 } };

/* Whether n digits are an area code, which has two digits in the largest
 * towns. */
static bool
area(const unsigned char *d, unsigned n)
{
	unsigned v = d[0] * 10u + d[1];
	size_t i;

	if (n == 2)
		return v == 10 || (v >= 20 && v <= 29 && v != 26);
	v = v * 10 + d[2];
	for (i = 0; i < sizeof(areas) / sizeof(*areas); i++)
		if (v >= areas[i][0] && v <= areas[i][1])
			return true;
	return false;
}

/* Reads an area code from i. Returns the offset behind it, or 0. */
static size_t
read_area(struct pii_text *t, size_t i, unsigned *n)
{
	unsigned char d[3];

	for (*n = 0; *n < 3;) {
		int c = pii_at(t, i + *n);

		if (!pii_digit(c) || (*n == 0 && c == '0'))
			return 0;
		d[(*n)++] = (unsigned char)(c - '0');
		if (*n > 1 && area(d, *n))
			return i + *n;
		if (*n == 2 && d[0] < 3)
			return 0;
	}
	return 0;
}

/* The number within an area: eight digits, or seven outside of the largest
 * towns. */
static size_t
read_local(struct pii_text *t, size_t i, bool seven)
{
	static const uint32_t eight_seps[] = { AT(4), 0 };
	static const uint32_t seven_seps[] = { AT(3), 0 };
	unsigned char d[8];
	int c = pii_at(t, i);
	size_t end;

	if (c < '1' || c > '9')
		return 0;
	end = pii_number(t, i, 8, eight_seps, false, d, NULL);
	if (end == 0 && seven)
		end = pii_number(t, i, 7, seven_seps, false, d, NULL);
	if (end && pii_at(t, end) == '-') {
		size_t run = pii_run(t, end + 1, 5);

		if (run > 0 && run <= 5)
			end += 1 + run;		/* an extension */
	}
	return end && pii_right(t, end) ? end : 0;
}

static bool
match_area(struct pii_text *t, size_t spot, size_t i, struct pii_hit *hit)
{
	bool paren = pii_at(t, i) == '(' || pii_at(t, i) == ')', open;
	size_t sep, end;
	unsigned n;

	open = pii_at(t, i) == '(';
	i += paren;
	if (pii_at(t, i) == '0')
		i++;
	else if (i == spot + open)
		return false;		/* no country, no zero */
	i = read_area(t, i, &n);
	if (i == 0)
		return false;
	if (open && pii_at(t, i) != ')')
		return false;
	i += open;
	sep = pii_sep(t, i, false);
	end = read_local(t, i + sep, n == 3);
	if (end == 0 || pii_inside(t, spot, sep > 0))
		return false;
	hit->end = end;
	hit->score = pii_context(t, spot, PII_REACH, phone_words) ? 0.95 :
	    sep || open ? 0.8 : 0.5;
	return true;
}

/* 400 and 800 numbers: ten digits, in three common groupings. */
static bool
match_service(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	static const uint32_t masks[] = { AT(3) | AT(6), AT(3) | AT(7),
		AT(3), AT(4) | AT(7), 0 };
	unsigned char d[10];
	uint32_t seps;
	size_t end;

	if (pii_at(t, spot + 1) != '0' || pii_at(t, spot + 2) != '0')
		return false;
	end = pii_number(t, spot, 10, masks, false, d, &seps);
	if (end == 0 || !pii_right(t, end) ||
	    pii_inside(t, spot, seps != 0))
		return false;
	hit->end = end;
	hit->score = pii_context(t, spot, PII_REACH, phone_words) ? 0.9 :
	    seps ? 0.6 : 0.4;
	return true;
}

/* Without an area code, where a word directly before says what it is. */
static bool
match_plain(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	static const char *const words[] = { "电话", "座机", "传真", "固话",
		"電話", NULL };
	bool hungry = t->hungry;
	size_t end;

	end = read_local(t, spot, true);
	if (end == 0 && !t->hungry)
		return false;
	if (!pii_context(t, spot, 12, words) || pii_inside(t, spot, true)) {
		t->hungry = hungry;	/* whatever follows */
		return false;
	}
	if (end == 0)
		return false;
	hit->end = end;
	hit->score = 0.6;
	return true;
}

bool
pii_match_cn_landline(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	int first = t->ptr[spot];
	size_t i;

	if (first == '(') {
		i = pii_country(t, spot, "86");
		return match_area(t, spot, i ? i : spot, hit);
	}
	if (first == '+' ? pii_alnum(pii_before(t, spot)) :
	    !pii_left(t, spot) || pii_before(t, spot) == '(' ||
	    pii_before(t, spot) == '+')
		return false;
	if ((first == '4' || first == '8') && match_service(t, spot, hit))
		return true;
	if (first == '0' && pii_at(t, spot + 1) != '0')
		return match_area(t, spot, spot, hit);
	if (first == '+' || first == '0' || first == '8') {
		i = pii_country(t, spot, "86");
		/* 86 alone and no separator: any number. */
		if (i && !(first == '8' && pii_digit(t->ptr[i - 1])))
			return match_area(t, spot, i, hit);
	}
	return pii_digit(first) && first >= '2' && match_plain(t, spot, hit);
}

/* ---- North America ---- */

/* Area code, exchange, line: [2-9]xx, no N11; of N00 only 800 and 900. */
static bool
nanp(const unsigned char *d)
{
	return d[0] >= 2 && d[3] >= 2 && !(d[1] == 1 && d[2] == 1) &&
	    !(d[4] == 1 && d[5] == 1) && d[1] != 9 &&
	    (d[1] != 0 || d[2] != 0 || d[0] >= 8);
}

/* Reads "1", "+1" and what divides it from the number; says how many bytes
 * those are. False: there is a '+' of another country. */
static bool
read_one(struct pii_text *t, size_t i, size_t *bytes)
{
	size_t plus = pii_at(t, i) == '+';

	*bytes = plus;
	if (pii_at(t, i + plus) != '1')
		return !plus;
	++*bytes;
	*bytes += pii_sep(t, i + *bytes, true);
	return true;
}

/* Reads (212) 555-0179, 212-555-0179, 2125550179 from i. */
static size_t
read_nanp(struct pii_text *t, size_t i, bool *divided)
{
	static const uint32_t ten[] = { AT(3) | AT(6), AT(6), AT(3), 0 };
	static const uint32_t seven[] = { AT(3), 0 };
	unsigned char d[10];
	uint32_t seps;
	size_t end;
	int c = pii_at(t, i);

	if (c != '(') {
		if (c < '2' || c > '9')
			return 0;
		end = pii_number(t, i, 10, ten, true, d, &seps);
		*divided = (seps & AT(6)) != 0;
		return end && nanp(d) ? end : 0;
	}
	c = pii_at(t, i + 1);
	if (c < '2' || c > '9')
		return 0;
	i = pii_number(t, i + 1, 3, seven, false, d, NULL);
	if (i == 0 || pii_at(t, i) != ')')
		return 0;
	i++;
	i += pii_sep(t, i, true);
	end = pii_number(t, i, 7, seven, true, d + 3, NULL);
	*divided = true;
	return end && nanp(d) ? end : 0;
}

/* An extension that touches the number: x123. Returns the end. */
static size_t
read_extension(struct pii_text *t, size_t i)
{
	size_t run;

	if (pii_lower(pii_at(t, i)) != 'x')
		return i;
	run = pii_run(t, i + 1, 6);
	return run > 0 && run <= 6 ? i + 1 + run : i;
}

bool
pii_match_us_phone(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	int first = t->ptr[spot], before = pii_before(t, spot);
	bool divided = false, known;
	size_t lead, end;

	if (first == '0' || (first == '+' ? pii_alnum(before) :
		first != '(' && (before == '+' || before == '(' ||
		    !pii_left(t, spot))))
		return false;
	if (!read_one(t, spot, &lead))
		return false;
	end = read_nanp(t, spot + lead, &divided);
	if (end == 0 || pii_inside(t, spot, divided))
		return false;
	end = read_extension(t, end);
	if (!pii_right(t, end) || (!divided && pii_at(t, end) == ':'))
		return false;
	/* Eleven digits without a mark are rather a Chinese mobile. */
	known = !(lead == 1 && !divided) &&
	    pii_context(t, spot, PII_REACH, phone_words);
	hit->end = end;
	hit->score = known ? 0.95 : first == '+' || divided ? 0.8 : 0.4;
	return true;
}

/* ---- Britain ---- */

bool
pii_match_uk_phone(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	static const uint32_t masks[] = { AT(5), AT(5) | AT(8), AT(3) | AT(7),
		AT(4) | AT(7), 0 };
	unsigned char d[11];
	uint32_t seps;
	size_t end;
	int c;

	if (t->ptr[spot] != '0' || !pii_left(t, spot))
		return false;
	c = pii_at(t, spot + 1);
	if (c != '1' && c != '2' && c != '3' && c != '7')
		return false;
	end = pii_number(t, spot, 11, masks, false, d, &seps);
	if (end == 0 || !pii_right(t, end) ||
	    pii_inside(t, spot, seps != 0) || (d[1] == 1 && d[2] == 0))
		return false;
	hit->end = end;
	hit->score = pii_context(t, spot, PII_REACH, phone_words) ? 0.9 :
	    d[1] == 7 && (seps & AT(5)) ? 0.7 : 0.4;
	return true;
}

/* ---- E.164 ---- */

/* The third digits of country codes that have three, by their first two. */
static const struct {
	unsigned char tens;
	uint16_t third;
} three[] = { { 21, 0x14e }, { 22, 0x3ff }, { 23, 0x3ff }, { 24, 0x3ff },
	{ 25, 0x1ff }, { 26, 0x3ff }, { 29, 0x383 }, { 35, 0x3ff },
	{ 37, 0x3ff }, { 38, 0x2ef }, { 42, 0x00b }, { 50, 0x3ff },
	{ 59, 0x3ff }, { 67, 0x3fd }, { 68, 0x3ef }, { 69, 0x007 },
	{ 80, 0x101 }, { 85, 0x06d }, { 87, 0x101 }, { 88, 0x14f },
	{ 96, 0x1ff }, { 97, 0x2ff }, { 99, 0x17c } };

/* Whether n digits are a country code that ITU has given out; more: they may
 * begin one. */
static bool
country_code(const unsigned char *d, unsigned n, bool *more)
{
	static const char two[] = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 "
	    "46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 "
	    "84 86 90 91 92 93 94 95 98";
	char pair[3] = { (char)('0' + d[0]), n > 1 ? (char)('0' + d[1]) : 0,
		0 };
	size_t i;

	*more = n == 1 && d[0] > 1 && d[0] != 7;
	if (n == 1)
		return d[0] == 1 || d[0] == 7;
	if (n == 2 && strstr(two, pair))
		return true;
	for (i = 0; i < sizeof(three) / sizeof(*three); i++)
		if (three[i].tens == d[0] * 10 + d[1]) {
			*more = n == 2;
			return n == 3 && (three[i].third >> d[2] & 1);
		}
	return false;
}

/* Digits after the country code, where a country is stricter than E.164. */
static void
national_length(unsigned code, size_t *min, size_t *max)
{
	static const struct {
		uint16_t code;
		unsigned char min, max;
	} list[] = { { 1, 10, 10 }, { 7, 10, 10 }, { 20, 8, 10 },
		{ 27, 9, 9 }, { 30, 10, 10 }, { 31, 9, 9 }, { 32, 8, 9 },
		{ 33, 9, 9 }, { 34, 9, 9 }, { 36, 8, 9 }, { 39, 6, 11 },
		{ 40, 9, 9 }, { 41, 9, 9 }, { 43, 7, 13 }, { 44, 9, 10 },
		{ 45, 8, 8 }, { 46, 7, 10 }, { 47, 8, 8 }, { 48, 9, 9 },
		{ 49, 6, 12 }, { 51, 8, 9 }, { 52, 10, 11 }, { 54, 10, 11 },
		{ 55, 10, 11 }, { 56, 9, 9 }, { 57, 8, 10 }, { 60, 8, 10 },
		{ 61, 9, 9 }, { 62, 8, 12 }, { 63, 8, 10 }, { 64, 8, 10 },
		{ 65, 8, 8 }, { 66, 8, 9 }, { 81, 9, 10 }, { 82, 8, 10 },
		{ 84, 9, 10 }, { 86, 9, 11 }, { 90, 10, 10 }, { 91, 10, 10 },
		{ 92, 9, 10 }, { 98, 10, 10 }, { 351, 9, 9 }, { 352, 6, 11 },
		{ 353, 7, 9 }, { 358, 6, 11 }, { 380, 9, 9 }, { 420, 9, 9 },
		{ 852, 8, 8 }, { 853, 8, 8 }, { 886, 8, 9 }, { 966, 9, 9 },
		{ 971, 8, 9 }, { 972, 8, 9 } };
	size_t i;

	*min = 6;
	*max = 15 - (code < 10 ? 1 : code < 100 ? 2 : 3);
	for (i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (list[i].code == code) {
			*min = list[i].min;
			*max = list[i].max;
		}
}

/* Reads a country code from i. Returns the offset behind it, or 0. */
static size_t
read_code(struct pii_text *t, size_t i, unsigned *code)
{
	unsigned char d[3];
	unsigned n;
	bool more = true;

	*code = 0;
	for (n = 0; n < 3 && more; n++) {
		int c = pii_at(t, i);

		if (!pii_digit(c))
			return 0;
		d[n] = (unsigned char)(c - '0');
		*code = *code * 10 + d[n];
		i++;
		if (country_code(d, n + 1, &more))
			return i;
	}
	return 0;
}

/* Bytes between groups of an international number: a separator, or what stands
 * around an area code: " (0)", " (", ") ", "/". */
static size_t
group_sep(struct pii_text *t, size_t i)
{
	size_t n = pii_sep(t, i, true);
	int c = pii_at(t, i + n);

	if (c == '(' && pii_at(t, i + n + 1) == '0' &&
	    pii_at(t, i + n + 2) == ')') {
		n += 3;
		return n + pii_sep(t, i + n, true);
	}
	if (c == '(')
		return n + 1;
	if (c == ')' && n == 0)
		return 1 + pii_sep(t, i + 1, true);
	return n;
}

bool
pii_match_phone_e164(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	size_t i = spot + (t->ptr[spot] == '('), min, max, n = 0, run;
	unsigned code;

	if (pii_at(t, i) != '+' || pii_alnum(pii_before(t, spot)) ||
	    (i == spot && pii_before(t, spot) == '('))
		return false;
	i = read_code(t, i + 1, &code);
	if (i == 0)
		return false;
	national_length(code, &min, &max);
	while (n < max) {
		i += group_sep(t, i);
		run = pii_run(t, i, max - n);
		if (run == 0 || n + run > max)
			break;
		n += run;
		i += run;
		if (n >= min && pii_right(t, i))
			hit->end = i;
	}
	hit->score = 0.9;
	return hit->end > spot;
}
