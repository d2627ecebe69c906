/* SPDX-License-Identifier: Apache-2.0 */
/* pii_china.c - documents of China: resident identity cards (GB 11643), unified
 * social credit codes (GB 32100), passports, number plates (GA 36). */
#include "filters/pii.h"

#include <string.h>

static const char *const id_words[] = { "身份证", "身份號", "身份号",
	"证件号", "證件號", "sfz", "id", "id card", "idcard", "id number",
	"identity card", "resident id", NULL };
static const char *const passport_words[] = { "护照", "護照", "passport",
	"旅行证", "travel document", "出入境", NULL };
static const char *const plate_words[] = { "车牌", "車牌", "牌照", "车号",
	"号牌", "的车", "轿车", "汽车", "车辆", "plate", "licence", "license",
	NULL };

/* First two digits of a place, GB/T 2260; 81 to 83 are the residence permits
 * of Hong Kong, Macau and Taiwan. */
static bool
province(unsigned code)
{
	static const unsigned char last[10] = { 0, 5, 3, 7, 6, 4, 5, 1, 3,
		0 };
	unsigned tens = code / 10, ones = code % 10;

	return ones <= last[tens] &&
	    (tens == 5 ? true : ones >= 1);
}

/* Whether n digits may be the beginning of an 18-digit number. */
static bool
id_begins(const unsigned char *d, unsigned n)
{
	unsigned year, month, day;

	if (n == 1)
		return d[0] >= 1 && d[0] <= 8;
	if (n == 2)
		return province(d[0] * 10u + d[1]);
	if (n == 8)
		return d[6] * 10 + d[7] == 19 || d[6] * 10 + d[7] == 20;
	if (n != 12 && n != 14)
		return true;
	year = d[6] * 1000u + d[7] * 100u + d[8] * 10u + d[9];
	month = d[10] * 10u + d[11];
	day = n == 14 ? d[12] * 10u + d[13] : 1;
	return pii_date(year, month, day);
}

bool
pii_resident_shape(const unsigned char *digits)
{
	return id_begins(digits, 2) && id_begins(digits, 8) &&
	    id_begins(digits, 14);
}

/* ISO 7064 MOD 11-2, as GB 11643 has it. */
static int
id_check(const unsigned char *d)
{
	static const unsigned char weight[17] = { 7, 9, 10, 5, 8, 4, 2, 1, 6,
		3, 7, 9, 10, 5, 8, 4, 2 };
	unsigned sum = 0, i;

	for (i = 0; i < 17; i++)
		sum += d[i] * weight[i];
	return "10X98765432"[sum % 11];
}

/* The form before 1999: no century, no check digit. Only where words name
 * it. */
static bool
old_id(struct pii_text *t, size_t spot, const unsigned char *d,
    struct pii_hit *hit)
{
	if (!pii_date(1900u + d[6] * 10u + d[7], d[8] * 10u + d[9],
		d[10] * 10u + d[11]) ||
	    !pii_context(t, spot, PII_REACH, id_words) ||
	    !pii_right(t, spot + 15))
		return false;
	hit->end = spot + 15;
	hit->score = 0.8;
	return true;
}

/* A separator may stand behind the place, the date and its parts. */
static size_t
id_sep(struct pii_text *t, size_t i, unsigned n)
{
	return n == 3 || n == 6 || n == 10 || n == 14 ?
	    pii_sep(t, i, false) : 0;
}

bool
pii_match_cn_resident_id(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	unsigned char d[17];
	bool modern = true;	/* may be one of 18 digits */
	size_t i = spot, sep;
	unsigned n;

	if (!pii_left(t, spot))
		return false;
	for (n = 0; n < 17; n++, i++) {
		sep = id_sep(t, i, n);
		i += sep;
		if (!pii_digit(pii_at(t, i)))
			return n == 15 && i == spot + 15 &&
			    old_id(t, spot, d, hit);
		d[n] = (unsigned char)(t->ptr[i] - '0');
		if (!id_begins(d, n + 1)) {
			if (n < 2 || i != spot + n ||
			    !pii_context(t, spot, PII_REACH, id_words))
				return false;
			modern = false;
		}
		if (!modern && n >= 15)
			return false;
	}
	if (pii_at(t, i) != id_check(d) &&
	    !(pii_at(t, i) == 'x' && id_check(d) == 'X'))
		return false;
	if (!pii_right(t, i + 1))
		return false;
	hit->end = i + 1;
	hit->score = 1;
	return true;
}

/* ---- unified social credit code ---- */

/* Digits and letters but I, O, S, V, Z; -1 for others. */
static int
uscc_value(int c)
{
	static const char set[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
	const char *p;

	if (!pii_alnum(c))
		return -1;
	p = strchr(set, pii_alpha(c) ? c & ~32 : c);
	return p ? (int)(p - set) : -1;
}

/* Whether the character may stand at place n: department, kind, region. */
static bool
uscc_begins(int c, size_t n)
{
	if (n == 0)
		return pii_digit(c) ? c != '0' :
		    strchr("angy", pii_lower(c)) != NULL;
	if (n == 1)
		return pii_digit(c) ? c != '0' : pii_lower(c) == 'a';
	if (n < 8)
		return pii_digit(c);
	return uscc_value(c) >= 0;
}

bool
pii_match_cn_uscc(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	size_t from = pii_token(t, spot, 2), n;
	unsigned sum = 0, weight = 1;
	int c = 0;

	if (spot - from > 1 || !pii_code_left(t, from))
		return false;
	hit->at = from;
	for (n = 0; n < 18; n++) {
		c = pii_at(t, from + n);
		if (c < 0 || !uscc_begins(c, n))
			return false;
		if (n == 3 && !province((unsigned)(t->ptr[from + 2] - '0') *
			10 + (unsigned)(c - '0')))
			if (t->ptr[from + 2] != '1' || c != '0')
				return false;	/* 10: the state's own */
		if (n < 17)
			sum += (unsigned)uscc_value(c) * weight;
		weight = weight * 3 % 31;
	}
	if ((31 - sum % 31) % 31 != (unsigned)uscc_value(c) ||
	    !pii_code_right(t, from + 18))
		return false;
	hit->end = from + 18;
	hit->score = 1;
	return true;
}

/* Start of the letters that end the text, if there are no more than max and
 * a code may begin there. */
static size_t
tail_letters(const struct pii_text *t, size_t max)
{
	size_t from = pii_token(t, t->len, max + 1), i;

	if (from == t->len || t->len - from > max || !pii_code_left(t, from))
		return t->len;
	for (i = from; i < t->len; i++)
		if (!pii_alpha(t->ptr[i]))
			return t->len;
	return from;
}

size_t
pii_tail_cn_uscc(const struct pii_text *t)
{
	size_t from = tail_letters(t, 1);

	return from < t->len && uscc_begins(t->ptr[from], 0) ? from : t->len;
}

/* ---- passport ---- */

/* Digits that follow the letters of a passport or permit; 0: no such one. */
static unsigned
passport_digits(int a, int b)
{
	a = pii_lower(a);
	b = pii_lower(b);
	switch (a) {
	case 'e':	/* ordinary: E12345678, EA1234567 */
		return b < 0 ? 8 : b != 'i' && b != 'o' ? 7 : 0;
	case 'g':	/* ordinary until 2012 */
	case 'k':	/* Hong Kong */
	case 'h':
	case 'c':	/* to Hong Kong and Macau */
		return b < 0 ? 8 : a == 'k' || a == 'h' ? 8 :
		    a == 'c' && b != 'i' && b != 'o' ? 7 : 0;
	case 'd':	/* diplomatic, service, public affairs */
	case 's':
	case 'p':
		return b < 0 || b == 'e' ? 7 : 0;
	case 'm':	/* Macau */
		return b < 0 ? 8 : b == 'a' || b == 'b' ? 7 : 0;
	default:
		return 0;
	}
}

/* The oldest form, 14 or 15 and seven digits. */
static bool
old_passport(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	int second;

	if (pii_at(t, spot) != '1')
		return false;
	second = pii_at(t, spot + 1);
	if ((second >= 0 && second != '4' && second != '5') ||
	    !pii_left(t, spot) ||
	    (pii_run(t, spot, 9) != 9 && !t->hungry))
		return false;
	if (!pii_context(t, spot, PII_REACH, passport_words)) {
		t->hungry = false;	/* whatever follows */
		return false;
	}
	if (pii_run(t, spot, 9) != 9 || !pii_right(t, spot + 9))
		return false;
	hit->end = spot + 9;
	hit->score = 0.8;
	return true;
}

bool
pii_match_cn_passport(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	size_t from = pii_token(t, spot, 3), letters = spot - from;
	size_t n, run;

	if (letters == 0)
		return old_passport(t, spot, hit);
	if (letters > 2 || !pii_code_left(t, from))
		return false;
	n = passport_digits(t->ptr[from], letters > 1 ? t->ptr[from + 1] :
	    -1);
	if (n == 0)
		return false;
	hit->at = from;
	run = pii_run(t, spot, n + 1);
	/* D, S, P and M come with seven digits or eight. */
	if (run == n + 1 && n == 7 && letters == 1)
		n++;
	if (run != n || !pii_right(t, spot + n))
		return false;
	hit->end = spot + n;
	hit->score = pii_context(t, from, PII_REACH, passport_words) ? 0.95 :
	    0.4;
	return true;
}

size_t
pii_tail_cn_passport(const struct pii_text *t)
{
	size_t from = tail_letters(t, 2);

	if (from == t->len || passport_digits(t->ptr[from],
		t->len - from > 1 ? t->ptr[from + 1] : -1) == 0)
		return t->len;
	return from;
}

/* ---- number plate ---- */

/* The provinces as plates have them. */
static const uint16_t provinces[] = {
	0x4eac, 0x6d25, 0x6caa, 0x6e1d,	/* 京津沪渝 */
	0x5180, 0x8c6b, 0x4e91, 0x8fbd,	/* 冀豫云辽 */
	0x9ed1, 0x6e58, 0x7696, 0x9c81,	/* 黑湘皖鲁 */
	0x65b0, 0x82cf, 0x6d59, 0x8d63,	/* 新苏浙赣 */
	0x9102, 0x6842, 0x7518, 0x664b,	/* 鄂桂甘晋 */
	0x8499, 0x9655, 0x5409, 0x95fd,	/* 蒙陕吉闽 */
	0x8d35, 0x7ca4, 0x9752, 0x85cf,	/* 贵粤青藏 */
	0x5ddd, 0x5b81, 0x743c,	/* 川宁琼 */
};

static bool
plate_province(uint32_t c)
{
	size_t i;

	for (i = 0; i < sizeof(provinces) / sizeof(*provinces); i++)
		if (provinces[i] == c)
			return true;
	return false;
}

void
pii_han_plates(unsigned char *bits)
{
	size_t i;

	for (i = 0; i < sizeof(provinces) / sizeof(*provinces); i++)
		bits[provinces[i] / 8] |=
		    (unsigned char)(1u << provinces[i] % 8);
}

/* A letter or digit of a plate: all but I and O. */
static bool
plate_byte(int c)
{
	return pii_digit(c) || (pii_alpha(c) && pii_lower(c) != 'i' &&
	    pii_lower(c) != 'o');
}

/* Six places: a car driven by new energy. Small ones have a letter before,
 * large ones behind five digits. */
static bool
new_energy(const unsigned char *s)
{
	unsigned i, digits = 0;

	for (i = 2; i < 5; i++)
		digits += pii_digit(s[i]);
	if (digits != 3)
		return false;
	if (pii_alpha(s[0]) && pii_lower(s[0]) <= 'k')
		return pii_digit(s[5]);
	return pii_digit(s[0]) && pii_digit(s[1]) && pii_alpha(s[5]) &&
	    pii_lower(s[5]) <= 'k';
}

/* A last character in place of the fifth: 警, 学, 挂, 港, 澳, 领, 使, 试, 超. */
static size_t
plate_suffix(struct pii_text *t, size_t i)
{
	static const char *const ends[] = { "警", "学", "挂", "港", "澳",
		"领", "使", "试", "超", NULL };

	return pii_word(t, i, ends);
}

/* A dot, space or hyphen behind the letter of the town. */
static size_t
plate_dot(struct pii_text *t, size_t i)
{
	static const char *const dots[] = { "·", "•", "・", "‧", NULL };
	int c = pii_at(t, i);

	if (c == ' ' || c == '-' || c == '.')
		return 1;
	return c >= 0x80 ? pii_word(t, i, dots) : 0;
}

static double
plate_score(const struct pii_text *t, size_t at, const unsigned char *s,
    size_t n)
{
	unsigned letters = 0, capital = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		letters += pii_alpha(s[i]);
		capital += s[i] >= 'A' && s[i] <= 'Z';
	}
	if (pii_context(t, at, PII_REACH, plate_words))
		return 0.95;
	if (letters == n || (t->cased && capital < letters))
		return 0.4;
	return letters > 2 ? 0.5 : 0.8;
}

bool
pii_match_cn_plate(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	size_t bytes, n = 0, i = spot + 1, suffix = 0;
	uint32_t place = pii_char_before(t, spot, &bytes);

	if (!plate_province(place) || !plate_byte(t->ptr[spot]))
		return false;
	hit->at = spot - bytes;
	i += plate_dot(t, i);
	while (n < 7 && plate_byte(pii_at(t, i + n)))
		n++;
	if (n == 4)
		suffix = plate_suffix(t, i + 4);
	if (!(n == 5 || (n == 6 && new_energy(t->ptr + i)) || suffix) ||
	    (!suffix && !pii_code_right(t, i + n)))
		return false;
	hit->end = i + n + suffix;
	hit->score = plate_score(t, hit->at, t->ptr + i, n);
	return true;
}

size_t
pii_tail_cn_plate(const struct pii_text *t)
{
	size_t bytes;

	return plate_province(pii_char_before(t, t->len, &bytes)) ?
	    t->len - bytes : t->len;
}
