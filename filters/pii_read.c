/* SPDX-License-Identifier: Apache-2.0 */
/* pii_read.c - what matchers of personal data read with: borders, groups of
 * digits, words that stand before a number, checks that several kinds use. */
#include "filters/pii.h"

#include <string.h>

#include "filters/letters.h"

/* Words that may touch the number they name. */
static const char *const names_number[] = { "tel", "phone", "mobile", "cell",
	"call", "fax", "id", "idcard", "card", "no", "ssn", "num", "number",
	"sfz", "sjh", "dh", "wx", "iban", "ip", "mac", "passport", NULL };

/* Whether the Latin word that ends at i is one of words. */
static bool
word_before(const struct pii_text *t, size_t i, const char *const *words)
{
	char word[16];
	size_t n = 0, k;

	while (n < i && n < sizeof(word) && pii_alpha(t->ptr[i - n - 1]))
		n++;
	if (n == 0 || n == sizeof(word))
		return false;
	for (k = 0; k < n; k++)
		word[k] = (char)pii_lower(t->ptr[i - n + k]);
	for (; *words; words++)
		if (strlen(*words) == n && memcmp(*words, word, n) == 0)
			return true;
	return false;
}

bool
pii_code_left(const struct pii_text *t, size_t i)
{
	return !letter_before((const char *)t->ptr, i);
}

bool
pii_left(const struct pii_text *t, size_t i)
{
	int c = pii_before(t, i);

	if (pii_alpha(c))
		return word_before(t, i, names_number);
	if ((c == '.' || c == '-') && i > 1)
		return !pii_alnum(t->ptr[i - 2]) ||
		    (c == '-' && word_before(t, i - 1, names_number));
	return pii_code_left(t, i);
}

/* Whether four bytes are how an IBAN begins: two letters, two digits. */
static bool
iban_head(const unsigned char *p)
{
	return pii_alpha(p[0]) && pii_alpha(p[1]) && pii_digit(p[2]) &&
	    pii_digit(p[3]);
}

bool
pii_inside(const struct pii_text *t, size_t i, bool divided)
{
	size_t from, digits = 0, n;

	/* Groups of at most four, each with a space or hyphen behind it. */
	while (i > 1 && (t->ptr[i - 1] == ' ' || t->ptr[i - 1] == '-') &&
	    pii_alnum(t->ptr[i - 2]) && digits < 40) {
		from = pii_token(t, i - 1, 5);
		n = i - 1 - from;
		if (n == 4 && iban_head(t->ptr + from))
			return divided;
		/* The bank's letters stand second in an IBAN. */
		if (n > 4 || (!pii_digit(t->ptr[i - 2]) && !(n == 4 &&
			from >= 5 && iban_head(t->ptr + from - 5))))
			break;
		digits += n;
		i = from;
		if (i > 0 && t->ptr[i - 1] == '+')
			return true;
	}
	/* Behind as many digits another number begins. */
	return divided && digits > 0 && digits < 13;
}

bool
pii_code_right(struct pii_text *t, size_t i)
{
	if (pii_at(t, i) < 0)
		return true;
	return !letter_at((const char *)t->ptr, t->len, i);
}

bool
pii_right(struct pii_text *t, size_t i)
{
	int c = pii_at(t, i);

	if (c == '.' || c == '-')
		return !pii_digit(pii_at(t, i + 1));
	return pii_code_right(t, i);
}

/* Separators beyond ASCII: no-break and wide space, hyphens and dashes. */
static size_t
wide_sep(struct pii_text *t, size_t i)
{
	int a = pii_at(t, i), b = pii_at(t, i + 1), c;

	if (a == 0xc2)
		return b == 0xa0 ? 2 : 0;
	c = pii_at(t, i + 2);
	if (a == 0xe2 && b == 0x80)
		return c >= 0x90 && c <= 0x95 ? 3 : 0;
	return (a == 0xe2 && b == 0x88 && c == 0x92) ||
	    (a == 0xe3 && b == 0x80 && c == 0x80) ||
	    (a == 0xef && b == 0xbc && c == 0x8d) ? 3 : 0;
}

size_t
pii_sep(struct pii_text *t, size_t i, bool dots)
{
	int c = pii_at(t, i);

	if (c == ' ' || c == '-' || (c == '.' && dots))
		return 1;
	return c == 0xc2 || c == 0xe2 || c == 0xe3 || c == 0xef ?
	    wide_sep(t, i) : 0;
}

/* Whether a mask has this beginning, up to the place before digit j. */
static bool
begins(const uint32_t *masks, uint32_t seps, unsigned j)
{
	uint32_t low = (2u << j) - 1;

	for (; *masks; masks++)
		if ((*masks & low) == seps)
			return true;
	return seps == 0;
}

size_t
pii_number(struct pii_text *t, size_t i, unsigned n, const uint32_t *masks,
    bool dots, unsigned char *digits, uint32_t *seps)
{
	uint32_t found = 0;
	const uint32_t *m;
	unsigned j;

	for (j = 0; j < n; j++) {
		int c = pii_at(t, i);

		if (j > 0 && !pii_digit(c) && begins(masks,
			found | 1u << j, j)) {
			found |= 1u << j;
			i += pii_sep(t, i, dots);
			c = pii_at(t, i);
		}
		if (!pii_digit(c))
			return 0;
		digits[j] = (unsigned char)(c - '0');
		i++;
	}
	for (m = masks; *m && *m != found; m++)
		;
	if (seps)
		*seps = found;
	return found == *m ? i : 0;
}

size_t
pii_run(struct pii_text *t, size_t i, size_t max)
{
	size_t n = 0;

	while (n <= max && pii_digit(pii_at(t, i + n)))
		n++;
	return n;
}

size_t
pii_country(struct pii_text *t, size_t i, const char *code)
{
	bool paren = pii_at(t, i) == '(', plus;
	size_t sep;

	i += paren;
	plus = pii_at(t, i) == '+';
	if (plus) {
		i++;
	} else if (pii_at(t, i) == '0') {
		if (pii_at(t, i + 1) != '0')
			return 0;
		i += 2;
	}
	for (; *code; code++, i++)
		if (pii_at(t, i) != *code)
			return 0;
	if (paren && pii_at(t, i++) != ')')
		return 0;
	sep = pii_sep(t, i, false);
	return i + sep;
}

bool
pii_context(const struct pii_text *t, size_t i, size_t reach,
    const char *const *words)
{
	size_t n = i < reach ? i : reach, k;
	const unsigned char *from = t->ptr + i - n;
	char before[2 * PII_REACH + 1], *p;

	if (n > 2 * PII_REACH)
		n = 2 * PII_REACH;
	for (k = 0; k < n; k++)
		before[k] = (char)pii_lower(from[k]);
	before[n] = '\0';
	for (; *words; words++) {
		size_t len = strlen(*words);
		const char *q = before;

		while ((p = memmem(q, n - (size_t)(q - before), *words,
			len))) {
			if (!pii_alpha((unsigned char)**words))
				return true;
			if ((p == before || !pii_alpha((unsigned char)p[-1])) &&
			    !pii_alpha((unsigned char)p[len]))
				return true;
			q = p + 1;
		}
	}
	return false;
}

size_t
pii_word(struct pii_text *t, size_t i, const char *const *words)
{
	size_t best = 0, n;
	int first = pii_lower(pii_at(t, i));

	for (; *words; words++) {
		const unsigned char *w = (const unsigned char *)*words;

		if (w[0] != first)
			continue;
		for (n = 1; w[n] && pii_lower(pii_at(t, i + n)) == w[n]; n++)
			;
		if (!w[n] && n > best)
			best = n;
	}
	return best;
}

bool
pii_luhn(const unsigned char *digits, size_t n)
{
	unsigned sum = 0, d;
	size_t i;

	for (i = 0; i < n; i++) {
		d = digits[n - 1 - i];
		sum += i % 2 == 0 ? d : d < 5 ? 2 * d : 2 * d - 9;
	}
	return sum % 10 == 0;
}

bool
pii_date(unsigned year, unsigned month, unsigned day)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31,
		30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	if (month < 1 || month > 12 || day < 1)
		return false;
	return day <= days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

size_t
pii_token(const struct pii_text *t, size_t i, size_t max)
{
	size_t from = i;

	while (from > 0 && i - from < max && pii_alnum(t->ptr[from - 1]))
		from--;
	return from;
}

uint32_t
pii_char(struct pii_text *t, size_t i, size_t *bytes)
{
	int c = pii_at(t, i);
	uint32_t u;
	size_t k;

	*bytes = c < 0 ? 0 : c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (c < 0)
		return 0;
	u = *bytes == 1 ? (uint32_t)c : (uint32_t)c & (0x7fu >> *bytes);
	for (k = 1; k < *bytes; k++) {
		c = pii_at(t, i + k);
		u = u << 6 | (c < 0 ? 0 : (uint32_t)c & 0x3f);
	}
	return u;
}

uint32_t
pii_char_before(const struct pii_text *t, size_t i, size_t *bytes)
{
	struct pii_text copy = *t;
	size_t from = i;

	*bytes = 0;
	if (i == 0)
		return 0;
	do
		from--;
	while (from > 0 && i - from < 4 && (t->ptr[from] & 0xc0) == 0x80);
	*bytes = i - from;
	copy.last = true;
	return pii_char(&copy, from, &(size_t){ 0 });
}
