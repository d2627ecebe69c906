/* SPDX-License-Identifier: Apache-2.0 */
/* pii_money.c - payment cards (ISO 7812) and bank accounts (ISO 13616). */
#include "filters/pii.h"

#include <string.h>

enum { CARD_MAX = 19 };

/* Twelve and thirteen digits are too few without one of these. */
static const char *const card_words[] = { "卡", "card", "credit", "debit",
	"visa", "maestro", "cc", NULL };

/* Lengths as a mask: bit n stands for n digits. */
#define LENGTHS(from, to) ((2u << (to)) - (1u << (from)))
#define LENGTH(n) (1u << (n))

/* Who issues numbers from low to high, compared by their first six digits. */
struct issuer {
	uint32_t low, high;
	uint32_t lengths;
};

static const struct issuer brands[] = {
	{ 180000, 180099, LENGTH(15) },			/* JCB, old */
	{ 213100, 213199, LENGTH(15) },
	{ 220000, 220499, LENGTHS(16, 19) },		/* Mir */
	{ 222100, 272099, LENGTH(16) },			/* Mastercard */
	{ 300000, 305999, LENGTHS(14, 19) },		/* Diners Club */
	{ 309500, 309599, LENGTHS(14, 19) },
	{ 340000, 349999, LENGTH(15) },			/* American Express */
	{ 352800, 358999, LENGTHS(16, 19) },		/* JCB */
	{ 360000, 369999, LENGTHS(14, 19) },		/* Diners Club */
	{ 370000, 379999, LENGTH(15) },			/* American Express */
	{ 380000, 399999, LENGTHS(16, 19) },		/* Diners Club */
	{ 400000, 499999, LENGTH(13) | LENGTH(16) | LENGTH(19) }, /* Visa */
	{ 500000, 509999, LENGTHS(12, 19) },		/* Maestro, Verve,
							 * RuPay */
	{ 510000, 559999, LENGTH(16) },			/* Mastercard */
	{ 560000, 589999, LENGTHS(12, 19) },		/* Maestro */
	{ 601100, 601199, LENGTHS(16, 19) },		/* Discover */
	{ 601382, 601382, LENGTHS(16, 19) },		/* Bank of China */
	{ 603367, 603367, LENGTHS(16, 19) },
	{ 606985, 607984, LENGTH(16) },			/* RuPay */
	{ 608001, 608500, LENGTH(16) },
	{ 620000, 629999, LENGTHS(16, 19) },		/* UnionPay */
	{ 630400, 630499, LENGTHS(12, 19) },		/* Maestro */
	{ 637000, 639999, LENGTH(16) },			/* InstaPayment */
	{ 644000, 659999, LENGTHS(16, 19) },		/* Discover, RuPay */
	{ 675900, 677099, LENGTHS(12, 19) },		/* Maestro */
	{ 810000, 817199, LENGTHS(16, 19) },		/* UnionPay */
	{ 955880, 955999, LENGTHS(16, 19) },		/* ICBC, BOCOM */
};

/* Cards of Chinese banks: UnionPay's, and older ranges of their own. */
static const struct issuer chinese[] = {
	{ 356827, 356899, LENGTH(16) },			/* JCB by CN banks */
	{ 403361, 403361, LENGTH(16) },
	{ 404117, 404121, LENGTH(16) },			/* ABC */
	{ 436742, 436745, LENGTHS(16, 19) },		/* CCB */
	{ 451461, 451461, LENGTH(16) },
	{ 456351, 456351, LENGTHS(16, 19) },		/* Bank of China */
	{ 458123, 458124, LENGTH(16) },			/* BOCOM */
	{ 518710, 518718, LENGTH(16) },
	{ 519412, 519413, LENGTH(16) },
	{ 521899, 521899, LENGTH(16) },
	{ 524094, 524094, LENGTHS(16, 19) },
	{ 552245, 552245, LENGTH(16) },
	{ 601382, 601382, LENGTHS(16, 19) },
	{ 603367, 603367, LENGTHS(16, 19) },
	{ 620000, 629999, LENGTHS(16, 19) },
	{ 810000, 817199, LENGTHS(16, 19) },
	{ 955880, 955999, LENGTHS(16, 19) },
};

/* Lengths of the numbers that begin with n digits, all issuers together. */
static uint32_t
lengths(const struct issuer *list, size_t n_list, const unsigned char *d,
    size_t n)
{
	uint32_t low = 0, high = 0, all = 0;
	size_t i;

	for (i = 0; i < 6; i++) {
		low = low * 10 + (i < n ? d[i] : 0u);
		high = high * 10 + (i < n ? d[i] : 9u);
	}
	for (i = 0; i < n_list; i++)
		if (list[i].low <= high && list[i].high >= low)
			all |= list[i].lengths;
	return all;
}

/* A card number as it is written: its digits, and where each group ends. */
struct number {
	unsigned char d[CARD_MAX + 1];
	size_t n;		/* digits; more than CARD_MAX: too many */
	size_t end;
	unsigned group[6];	/* lengths */
	size_t n_groups;
};

/* How long a group may be after those that are read: one number as a whole,
 * fours, 4-6-5, 4-6-4, or 6 and the rest. */
static unsigned
group_max(const struct number *x)
{
	static const unsigned char last[] = { 20, 6, 5, 4, 3 };

	if (x->n_groups == 0 || x->group[0] == 4)
		return x->n_groups == 2 && x->group[1] == 4 ? 4 :
		    x->n_groups < 5 ? last[x->n_groups] : 0;
	return x->group[0] == 6 && x->n_groups == 1 ? 13 : 0;
}

/* Whether another group may follow. */
static bool
goes_on(const struct number *x)
{
	unsigned last = x->group[x->n_groups - 1];

	switch (x->n_groups) {
	case 1:
		return last == 4 || last == 6;
	case 2:
		return x->group[0] == 4 && (last == 4 || last == 6);
	case 3:
	case 4:
		return x->group[1] == 4 && last == 4;
	default:
		return false;
	}
}

/* Reads the next group, with the separator before it. False: there is none,
 * or none that a card number has. */
static bool
read_group(struct pii_text *t, struct number *x, const struct issuer *list,
    size_t n_list)
{
	size_t i = x->end, sep = 0;
	unsigned max = group_max(x), n;

	if (x->n_groups > 0) {
		sep = pii_sep(t, i, false);
		if (sep == 0 || !lengths(list, n_list, x->d, x->n))
			return false;
	}
	for (n = 0; n <= max && pii_digit(pii_at(t, i + sep + n)); n++) {
		if (x->n + n > CARD_MAX)
			break;
		x->d[x->n + n] = (unsigned char)(t->ptr[i + sep + n] - '0');
	}
	if (n == 0 || n > max)
		return false;
	x->n += n;
	if (t->hungry && !lengths(list, n_list, x->d, x->n)) {
		t->hungry = false;	/* whatever follows */
		return false;
	}
	x->end = i + sep + n;
	x->group[x->n_groups++] = n;
	return true;
}

/* Whether the groups read so far are a whole card number. */
static bool
is_card(struct pii_text *t, const struct number *x, const struct issuer *list,
    size_t n_list)
{
	return x->n >= 12 && x->n <= CARD_MAX &&
	    (lengths(list, n_list, x->d, x->n) >> x->n & 1) &&
	    pii_luhn(x->d, x->n) && pii_right(t, x->end);
}

/* Whether it is built like a resident identity card's, or said to be one: those
 * of some places begin as cards do, and one in ten has Luhn's digit too. */
static bool
is_resident(const struct pii_text *t, size_t spot, const struct number *x)
{
	static const char *const words[] = { "身份证", "证件", "id card",
		"idcard", NULL };

	return x->n == 18 && x->n_groups == 1 && (pii_resident_shape(x->d) ||
	    pii_context(t, spot, 20, words));
}

/* A number of one digit over and over is a place-holder, and Luhn has no way
 * to tell. */
static bool
is_blank(const struct number *x)
{
	size_t i;

	for (i = 1; i < x->n; i++)
		if (x->d[i] != x->d[0])
			return false;
	return true;
}

static bool
match_card(struct pii_text *t, size_t spot, const struct issuer *list,
    size_t n_list, struct pii_hit *hit)
{
	struct number x = { .end = spot };
	bool found = false;

	if (!pii_left(t, spot))
		return false;
	while (read_group(t, &x, list, n_list)) {
		if (x.n > CARD_MAX)
			return false;
		if (is_card(t, &x, list, n_list) && !is_blank(&x) &&
		    !is_resident(t, spot, &x) && (x.n > 13 ||
			pii_context(t, spot, PII_REACH, card_words)) &&
		    !pii_inside(t, spot, x.n_groups > 1)) {
			hit->end = x.end;
			hit->score = 1;
			found = true;
		}
		if (!goes_on(&x))
			break;
	}
	return found;
}

bool
pii_match_card(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	return match_card(t, spot, brands, sizeof(brands) / sizeof(*brands),
	    hit);
}

bool
pii_match_cn_bank_card(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	return match_card(t, spot, chinese,
	    sizeof(chinese) / sizeof(*chinese), hit);
}

/* ---- IBAN ---- */

/* Countries and their lengths, from the registry of ISO 13616. */
static const char iban_lengths[] =
    "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27"
    "DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28"
    "IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22"
    "MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24"
    "SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30"
    /* in use without an entry there */
    "AO25BF28BJ28CF27CG27CI28CM27CV25DZ26GA27GQ27GW25IR26KM27MA28MG27ML28MZ25"
    "NE28SN28TD27TG28";

/* Length for the two letters, or 0. */
static size_t
iban_length(int a, int b)
{
	const char *p;

	for (p = iban_lengths; *p; p += 4)
		if (p[0] == (a & ~32) && p[1] == (b & ~32))
			return (size_t)(p[2] - '0') * 10 +
			    (size_t)(p[3] - '0');
	return 0;
}

/* The rest of dividing by 97 what stands before, with one more letter or
 * digit. */
static unsigned
mod97(unsigned rest, int c)
{
	unsigned v = pii_digit(c) ? (unsigned)(c - '0') :
	    (unsigned)(pii_lower(c) - 'a') + 10;

	return (rest * (v < 10 ? 10 : 100) + v) % 97;
}

/* Reads the letters and digits of an IBAN of n from i; groups of four may be
 * divided. Returns the offset behind it, or 0. */
static size_t
read_iban(struct pii_text *t, size_t i, size_t n, unsigned *rest)
{
	unsigned char head[4];
	size_t k;

	*rest = 0;
	for (k = 0; k < n; k++) {
		if (k > 0 && k % 4 == 0 && !pii_alnum(pii_at(t, i)))
			i += pii_sep(t, i, false);
		if (!pii_alnum(pii_at(t, i)) ||
		    (k >= 2 && k < 4 && !pii_digit(t->ptr[i])))
			return 0;
		if (k < 4)
			head[k] = t->ptr[i];
		else
			*rest = mod97(*rest, t->ptr[i]);
		i++;
	}
	for (k = 0; k < 4; k++)
		*rest = mod97(*rest, head[k]);
	return i;
}

bool
pii_match_iban(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	size_t from = pii_token(t, spot, 6), n, end;
	unsigned rest;

	if (spot - from < 2 || (spot - from > 2 && spot - from != 6))
		return false;
	if (spot - from == 6) {		/* ibanDE… */
		if (pii_alnum(pii_before(t, from)) ||
		    !pii_context(t, spot - 2, 4, (const char *const[]){
			"iban", NULL }))
			return false;
		from = spot - 2;
	} else if (!pii_code_left(t, from)) {
		return false;
	}
	n = pii_alpha(t->ptr[from]) && pii_alpha(t->ptr[from + 1]) ?
	    iban_length(t->ptr[from], t->ptr[from + 1]) : 0;
	if (n == 0)
		return false;
	hit->at = from;
	end = read_iban(t, from, n, &rest);
	if (end == 0 || rest != 1 || !pii_code_right(t, end))
		return false;
	hit->end = end;
	hit->score = 1;
	return true;
}

size_t
pii_tail_iban(const struct pii_text *t)
{
	size_t from = pii_token(t, t->len, 7), n = t->len - from;
	const char *p;

	if (n == 0 || (n > 2 && n < 5) || n > 6)
		return t->len;
	if (n > 2) {			/* ibanD, ibanDE */
		static const char name[] = "iban";
		size_t k;

		for (k = 0; k < 4; k++)
			if (pii_lower(t->ptr[from + k]) != name[k])
				return t->len;
		from += 4;
		n -= 4;
	}
	for (p = iban_lengths; *p; p += 4)
		if (p[0] == (t->ptr[from] & ~32) &&
		    (n == 1 || p[1] == (t->ptr[from + 1] & ~32)) &&
		    pii_alpha(t->ptr[from]))
			return from;
	return t->len;
}
