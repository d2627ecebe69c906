/* SPDX-License-Identifier: Apache-2.0 */
/* pii_crypto.c - addresses of crypto-currencies. Where letters come in the case
 * they were written in, checksums prove them; folded texts have lost what
 * Base58Check needs, and then only the shape is left. */
#include "filters/pii.h"

#include <string.h>

#include "filters/pii_digest.h"

enum {
	TOKEN_BACK = 40,	/* from its first letter to its first digit */
	BECH32_MAX = 110,	/* Cardano's are the longest */
};

static const char *const wallet_words[] = { "钱包", "錢包", "地址", "转到",
	"转账", "比特币", "以太坊", "泰达币", "币", "btc", "bitcoin", "eth",
	"ethereum", "usdt", "trc20", "erc20", "ltc", "doge", "xrp", "tron",
	"wallet", "address", "crypto", "deposit", "donate", "send", NULL };

/* How far the token at from goes: letters and digits, at most max + 1. */
static size_t
token_end(struct pii_text *t, size_t from, size_t max)
{
	size_t i = from;

	while (i - from <= max && pii_alnum(pii_at(t, i)))
		i++;
	return i;
}

/* What stands before an address is no part of a path, a key, a longer code. */
static bool
free_left(const struct pii_text *t, size_t i)
{
	int c = pii_before(t, i);

	return pii_code_left(t, i) && !(c > 0 && strchr("-_/.+@#%&", c) &&
	    i > 1 && pii_alnum(t->ptr[i - 2]));
}

/* Nor is what stands behind it: '+', '/' and '=' are letters of Base64. */
static bool
free_right(struct pii_text *t, size_t i)
{
	int c = pii_at(t, i);

	return c != '+' && c != '/' && c != '=' && c != '_' &&
	    pii_code_right(t, i);
}

/* The first letters of Base58Check addresses: which kind, and bytes. */
static const struct coin {
	char first;
	enum base58_set set;
	unsigned char version;
	bool common;		/* in lower case its shape may stand alone */
} coins[] = {
	{ '1', BASE58_BITCOIN, 0x00, true },	/* Bitcoin P2PKH */
	{ '3', BASE58_BITCOIN, 0x05, true },	/* Bitcoin P2SH */
	{ 'L', BASE58_BITCOIN, 0x30, false },	/* Litecoin */
	{ 'M', BASE58_BITCOIN, 0x32, false },
	{ 'D', BASE58_BITCOIN, 0x1e, false },	/* Dogecoin */
	{ 'X', BASE58_BITCOIN, 0x4c, false },	/* Dash */
	{ 'T', BASE58_BITCOIN, 0x41, false },	/* Tron */
	{ 'r', BASE58_RIPPLE, 0x00, false },	/* XRP */
};

static const struct coin *
coin_of(int first, bool cased)
{
	size_t i;

	for (i = 0; i < sizeof(coins) / sizeof(*coins); i++)
		if (cased ? coins[i].first == first :
		    pii_lower(coins[i].first) == pii_lower(first))
			return &coins[i];
	return NULL;
}

/* The shape that Base58Check has in lower case: no zero, letters and digits,
 * not all of them hexadecimal. */
static bool
folded_shape(const struct pii_text *t, size_t from, size_t n, bool known)
{
	unsigned letters = 0, digits = 0, beyond = 0;
	size_t i;

	for (i = from; i < from + n; i++) {
		if (t->ptr[i] == '0')
			return false;
		digits += pii_digit(t->ptr[i]);
		letters += pii_alpha(t->ptr[i]);
		beyond += pii_hex(t->ptr[i]) < 0;
	}
	return n >= 30 && n <= 34 && letters >= 8 && beyond >= 4 &&
	    digits >= (known ? 1 : 2);
}

static bool
match_base58(struct pii_text *t, size_t from, struct pii_hit *hit)
{
	const struct coin *coin = coin_of(t->ptr[from], t->cased);
	unsigned char payload[32];
	size_t end, n;
	bool known;

	if (!coin)
		return false;
	end = token_end(t, from, 36);
	n = end - from;
	if (n < 26 || n > 35 || !free_right(t, end))
		return false;
	hit->end = end;
	hit->score = 1;
	if (t->cased)
		return base58_check((const char *)t->ptr + from, n,
		    coin->set, payload) == 21 && payload[0] == coin->version;
	known = pii_context(t, from, PII_REACH, wallet_words);
	hit->score = known ? 0.8 : coin->common ? 0.6 : 0.3;
	return folded_shape(t, from, n, known);
}

/* Human-readable parts that are looked for. */
static const char *const hrps[] = { "bc", "tb", "ltc", "addr", "stake",
	"cosmos", "bnb", NULL };

/* Whether n letters are one of the parts, or may begin one. */
static bool
is_hrp(const unsigned char *p, size_t n, bool whole)
{
	size_t i, k;

	for (i = 0; hrps[i]; i++) {
		for (k = 0; k < n && pii_lower(p[k]) == hrps[i][k]; k++)
			;
		if (k == n && (!whole || !hrps[i][k]))
			return true;
	}
	return false;
}

static bool
match_bech32(struct pii_text *t, size_t from, size_t one, struct pii_hit *hit)
{
	size_t end;

	if (t->ptr[one] != '1' || !is_hrp(t->ptr + from, one - from, true))
		return false;
	end = token_end(t, from, BECH32_MAX);
	if (end - from > BECH32_MAX || !pii_code_right(t, end) ||
	    !bech32_check((const char *)t->ptr + from, end - from))
		return false;
	hit->end = end;
	hit->score = 1;
	return true;
}

static bool
match_ethereum(struct pii_text *t, size_t from, struct pii_hit *hit)
{
	bool upper = false, lower = false;
	size_t i = from + 2, n;

	if (pii_lower(pii_at(t, from + 1)) != 'x')
		return false;
	for (n = 0; n < 40; n++) {
		int c = pii_at(t, i + n);

		if (pii_hex(c) < 0)
			return false;
		upper = upper || (c >= 'A' && c <= 'F');
		lower = lower || (c >= 'a' && c <= 'f');
	}
	if (!pii_code_right(t, i + 40))
		return false;
	hit->end = i + 40;
	hit->score = 0.9;
	if (upper && lower)
		hit->score = eip55_check((const char *)t->ptr + i) ? 1 : 0.3;
	return true;
}

bool
pii_match_crypto_address(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	size_t from = pii_token(t, spot, TOKEN_BACK), i;

	if (!free_left(t, from))
		return false;
	for (i = from; i < spot; i++)
		if (pii_digit(t->ptr[i]))
			return false;	/* asked at the first one */
	hit->at = from;
	if (t->ptr[from] == '0')
		return match_ethereum(t, from, hit);
	if (spot > from && t->ptr[spot] == '1' &&
	    is_hrp(t->ptr + from, spot - from, true))
		return match_bech32(t, from, spot, hit);
	return match_base58(t, from, hit);
}

size_t
pii_tail_crypto_address(const struct pii_text *t)
{
	size_t from = pii_token(t, t->len, TOKEN_BACK), i;

	if (from == t->len || t->len - from > 35 || !free_left(t, from))
		return t->len;
	for (i = from; i < t->len; i++)
		if (pii_digit(t->ptr[i]))
			return t->len;
	return coin_of(t->ptr[from], t->cased) ||
	    is_hrp(t->ptr + from, t->len - from, false) ? from : t->len;
}
