/* SPDX-License-Identifier: Apache-2.0 */
/* filters/pii.h - what the matchers of personal data share.
 *
 * A matcher is a pure function of the text around a spot that the engine found
 * (a first digit, an '@' …). It reads forward through pii_at() alone, which
 * notes when a text that goes on was read beyond its end: then the matcher has
 * decided nothing, whatever it returned, and is asked again when there is
 * more. So findings cannot depend on how a text is cut. A matcher that may
 * return early must do so before it reads on, as each read too much makes a
 * stream wait. Backward it reads at most PII_BACK bytes from its spot. */
#ifndef FILTERS_PII_H
#define FILTERS_PII_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PII_BACK = 192,		/* bytes before a spot that may be read */
	PII_REACH = 48,		/* bytes in which context words are looked
				 * for */
};

/* Where a kind wants to be asked. */
enum {
	SPOT_DIGIT = 1,		/* the first of some digits */
	SPOT_PLUS = 2,		/* '+' and '(' */
	SPOT_COLON = 4,
	SPOT_DASH = 8,		/* '-' and '.' */
	SPOT_AT = 16,
	SPOT_AFTER_HAN = 32,	/* a Latin letter behind a byte beyond ASCII */
	SPOT_WORD = 64,		/* the first letter of a Latin word */
	SPOT_HAN = 128,		/* a character that pii_han_spots() names */
};

/* All kinds: name, spots, whether a match may begin before the spot. A kind
 * that stands earlier is the more specific one. */
#define PII_KINDS(X) \
	X(cn_resident_id, SPOT_DIGIT, NO) \
	X(cn_uscc, SPOT_DIGIT, YES) \
	X(cn_bank_card, SPOT_DIGIT, NO) \
	X(cn_mobile, SPOT_DIGIT | SPOT_PLUS, NO) \
	X(cn_landline, SPOT_DIGIT | SPOT_PLUS, NO) \
	X(cn_passport, SPOT_DIGIT, YES) \
	X(cn_plate, SPOT_AFTER_HAN, YES) \
	X(email, SPOT_AT, YES) \
	X(iban, SPOT_DIGIT, YES) \
	X(card, SPOT_DIGIT, NO) \
	X(us_ssn, SPOT_DIGIT, NO) \
	X(us_itin, SPOT_DIGIT, NO) \
	X(us_phone, SPOT_DIGIT | SPOT_PLUS, NO) \
	X(uk_phone, SPOT_DIGIT, NO) \
	X(phone_e164, SPOT_PLUS, NO) \
	X(ip, SPOT_DIGIT | SPOT_COLON, YES) \
	X(mac, SPOT_COLON | SPOT_DASH, YES) \
	X(crypto_address, SPOT_DIGIT, YES) \
	X(birth_date, SPOT_DIGIT, YES) \
	X(cn_address, SPOT_HAN, NO) \
	X(en_address, SPOT_DIGIT, NO) \
	X(cn_name, SPOT_HAN, YES) \
	X(en_name, SPOT_WORD, NO)

enum pii_kind {
#define X(name, spots, early) PII_##name,
	PII_KINDS(X)
#undef X
	PII_N_KINDS,
};

/* A text as a matcher may read it. */
struct pii_text {
	const unsigned char *ptr;
	size_t len;
	bool last;		/* nothing will follow */
	bool cased;		/* letters have the case they were written
				 * in */
	bool hungry;		/* pii_at() was asked beyond the end */
};

struct pii_hit {
	size_t at, end;
	double score;
	bool private;		/* an address of no public network */
};

/* Whether something of the kind belongs to the spot. Comes with hit->at at the
 * spot; a matcher that may begin earlier says so before it reads on. */
typedef bool pii_match(struct pii_text *t, size_t spot, struct pii_hit *hit);

/* The first byte of what may become a match whose spot is still to come; the
 * text's length if there is none. */
typedef size_t pii_tail(const struct pii_text *t);

#define X(name, spots, early) \
	pii_match pii_match_##name; \
	pii_tail pii_tail_##name;
PII_KINDS(X)
#undef X

/* Whether 18 digits have a place and a date where a resident identity card's
 * number has them. */
bool pii_resident_shape(const unsigned char *digits);

/* Sets the bits (by code point) of Han characters where a name's or an
 * address's words begin. bits: 8192 bytes. */
void pii_han_names(unsigned char *bits);
void pii_han_places(unsigned char *bits);

/* The same for the characters that number plates begin with. */
void pii_han_plates(unsigned char *bits);

/* ---- reading ---- */

/* The byte at i, or -1 at the end. */
static inline int
pii_at(struct pii_text *t, size_t i)
{
	if (i < t->len)
		return t->ptr[i];
	if (!t->last)
		t->hungry = true;
	return -1;
}

/* The byte before i, or -1 at the start. */
static inline int
pii_before(const struct pii_text *t, size_t i)
{
	return i > 0 ? t->ptr[i - 1] : -1;
}

static inline bool
pii_digit(int c)
{
	return c >= '0' && c <= '9';
}

static inline bool
pii_alpha(int c)
{
	return c >= 0 && (c | 32) >= 'a' && (c | 32) <= 'z';
}

static inline bool
pii_alnum(int c)
{
	return pii_digit(c) || pii_alpha(c);
}

static inline int
pii_lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c | 32 : c;
}

/* Value of a hexadecimal digit, or -1. */
static inline int
pii_hex(int c)
{
	return pii_digit(c) ? c - '0' :
	    pii_lower(c) >= 'a' && pii_lower(c) <= 'f' ?
	    pii_lower(c) - 'a' + 10 : -1;
}

/* Whether a number or code may begin at i, or end before i: it is no part of
 * a longer one, nor of a word. A word before it that names what follows
 * (`tel13800138000`) does not count. */
bool pii_left(const struct pii_text *t, size_t i);
bool pii_right(struct pii_text *t, size_t i);

/* Whether the number that begins at i is the rest of a longer one in groups: of
 * an international telephone number, or, where it is itself divided, of an
 * account or card. */
bool pii_inside(const struct pii_text *t, size_t i, bool divided);

/* As pii_left() and pii_right() for codes of letters and digits: only letters
 * and digits next to them count. */
bool pii_code_left(const struct pii_text *t, size_t i);
bool pii_code_right(struct pii_text *t, size_t i);

/* Bytes of a space or hyphen at i (or a point, where dots says so); 0 if none
 * is there. */
size_t pii_sep(struct pii_text *t, size_t i, bool dots);

/* Reads n digits from i, at most 32. Separators may stand where one of masks
 * has a bit: bit j is the place before digit j. masks end with 0, and no
 * separators at all are always right. Returns the offset behind the last
 * digit, or 0. seps (may be NULL) gets the mask that was found. */
size_t pii_number(struct pii_text *t, size_t i, unsigned n,
    const uint32_t *masks, bool dots, unsigned char *digits, uint32_t *seps);

/* Reads digits alone, at most max + 1 of them; returns how many there are. */
size_t pii_run(struct pii_text *t, size_t i, size_t max);

/* Reads a country code at i: +86, (+86), 0086, (86), and what divides it from
 * the number. Returns the offset behind all that, or 0. */
size_t pii_country(struct pii_text *t, size_t i, const char *code);

/* Whether one of words stands in the reach bytes before i. Words are in lower
 * case; those of Latin letters must stand alone. The list ends with NULL. */
bool pii_context(const struct pii_text *t, size_t i, size_t reach,
    const char *const *words);

/* The longest of words that begins at i, in bytes; 0 if none does. Latin
 * letters are compared without case. */
size_t pii_word(struct pii_text *t, size_t i, const char *const *words);

bool pii_luhn(const unsigned char *digits, size_t n);
bool pii_date(unsigned year, unsigned month, unsigned day);

/* Start of the letters and digits of ASCII that end at i, at most max back. */
size_t pii_token(const struct pii_text *t, size_t i, size_t max);

/* The code point at i and its bytes; 0 at the end. */
uint32_t pii_char(struct pii_text *t, size_t i, size_t *bytes);

/* The code point before i, its bytes. 0 at the start. */
uint32_t pii_char_before(const struct pii_text *t, size_t i, size_t *bytes);

static inline bool
pii_han(uint32_t c)
{
	return c >= 0x4e00 && c < 0xa000;
}

#endif
