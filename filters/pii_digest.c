/* SPDX-License-Identifier: Apache-2.0 */
/* pii_digest.c - Base58Check, Bech32, EIP-55. SHA-256 is OpenSSL's; Keccak with
 * the padding from before it became SHA-3 is not in the OpenSSL of Debian 12,
 * and is here for messages of one block. */
#include "filters/pii_digest.h"

#include <stdint.h>
#include <string.h>

#include <openssl/sha.h>

/* ---- Base58Check ---- */

static const char *const alphabets[] = {
	[BASE58_BITCOIN] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijk"
			   "mnopqrstuvwxyz",
	[BASE58_RIPPLE] = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jk"
			  "m8oFqi1tuvAxyz",
};

/* Multiplies the number in bytes (big-endian) by 58 and adds digit. False: it
 * has no room. */
static bool
shift58(unsigned char *bytes, size_t n, unsigned digit)
{
	size_t i;

	for (i = n; i-- > 0;) {
		digit += bytes[i] * 58u;
		bytes[i] = (unsigned char)digit;
		digit >>= 8;
	}
	return digit == 0;
}

/* Decodes to out, of size bytes; leading ones are leading zero bytes. Returns
 * the number of bytes at the end of out, or 0. */
static size_t
base58_decode(const char *text, size_t len, const char *alphabet,
    unsigned char *out, size_t size)
{
	size_t i, zeros = 0, used;

	memset(out, 0, size);
	while (zeros < len && text[zeros] == alphabet[0])
		zeros++;
	for (i = 0; i < len; i++) {
		const char *p = text[i] ? strchr(alphabet, text[i]) : NULL;

		if (!p || !shift58(out, size, (unsigned)(p - alphabet)))
			return 0;
	}
	for (used = size; used > 0 && out[size - used] == 0; used--)
		;
	used += zeros;
	return used <= size ? used : 0;
}

size_t
base58_check(const char *text, size_t len, enum base58_set set,
    unsigned char payload[32])
{
	unsigned char bytes[36], once[SHA256_DIGEST_LENGTH];
	unsigned char twice[SHA256_DIGEST_LENGTH], *from;
	size_t n;

	if (len > BASE58_MAX)
		return 0;
	n = base58_decode(text, len, alphabets[set], bytes, sizeof(bytes));
	if (n < 5)
		return 0;
	from = bytes + sizeof(bytes) - n;
	SHA256(from, n - 4, once);
	SHA256(once, sizeof(once), twice);
	if (memcmp(twice, from + n - 4, 4) != 0)
		return 0;
	memcpy(payload, from, n - 4);
	return n - 4;
}

/* ---- Bech32 ---- */

/* The checksum's polynomial over one more value of five bits. */
static uint32_t
polymod(uint32_t sum, unsigned value)
{
	static const uint32_t generator[5] = { 0x3b6a57b2, 0x26508e6d,
		0x1ea119fa, 0x3d4233dd, 0x2a1462b3 };
	uint32_t top = sum >> 25;
	unsigned i;

	sum = (sum & 0x1ffffff) << 5 ^ value;
	for (i = 0; i < 5; i++)
		if (top >> i & 1)
			sum ^= generator[i];
	return sum;
}

bool
bech32_check(const char *text, size_t len)
{
	static const char set[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
	const char *one = memrchr(text, '1', len), *p;
	bool upper = false, lower = false;
	uint32_t sum = 1;
	size_t head, i;

	if (!one || one == text || len - (size_t)(one - text) < 7)
		return false;
	head = (size_t)(one - text);
	for (i = 0; i < len; i++) {
		upper = upper || (text[i] >= 'A' && text[i] <= 'Z');
		lower = lower || (text[i] >= 'a' && text[i] <= 'z');
	}
	for (i = 0; i < head; i++)
		sum = polymod(sum, (unsigned)(text[i] | 0x20) >> 5);
	sum = polymod(sum, 0);
	for (i = 0; i < head; i++)
		sum = polymod(sum, (unsigned)text[i] & 31);
	for (i = head + 1; i < len; i++) {
		p = strchr(set, text[i] >= 'A' && text[i] <= 'Z' ?
		    text[i] | 0x20 : text[i]);
		if (!p || !*p)
			return false;
		sum = polymod(sum, (unsigned)(p - set));
	}
	return !(upper && lower) && (sum == 1 || sum == 0x2bc830a3);
}

/* ---- Keccak-256 and EIP-55 ---- */

static uint64_t
rotate(uint64_t x, unsigned n)
{
	return n ? x << n | x >> (64 - n) : x;
}

/* Next bit of the round constants: an LFSR of eight bits. */
static unsigned
constant_bit(unsigned *state)
{
	unsigned bit = *state & 1;

	*state = *state << 1;
	if (*state & 0x100)
		*state ^= 0x171;
	return bit;
}

static void
theta(uint64_t a[5][5])
{
	uint64_t c[5], d;
	unsigned x, y;

	for (x = 0; x < 5; x++)
		c[x] = a[0][x] ^ a[1][x] ^ a[2][x] ^ a[3][x] ^ a[4][x];
	for (x = 0; x < 5; x++) {
		d = c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);
		for (y = 0; y < 5; y++)
			a[y][x] ^= d;
	}
}

static void
rho_pi_chi(uint64_t a[5][5])
{
	uint64_t last = a[0][1], next, row[5];
	unsigned x = 1, y = 0, i, t;

	for (i = 0; i < 24; i++) {
		t = (2 * x + 3 * y) % 5;
		x = y;
		y = t;
		next = a[y][x];
		a[y][x] = rotate(last, (i + 1) * (i + 2) / 2 % 64);
		last = next;
	}
	for (y = 0; y < 5; y++) {
		memcpy(row, a[y], sizeof(row));
		for (x = 0; x < 5; x++)
			a[y][x] = row[x] ^ (~row[(x + 1) % 5] &
			    row[(x + 2) % 5]);
	}
}

/* Keccak-f[1600]. */
static void
permute(uint64_t a[5][5])
{
	unsigned state = 1, round, j;

	for (round = 0; round < 24; round++) {
		theta(a);
		rho_pi_chi(a);
		for (j = 0; j <= 6; j++)
			if (constant_bit(&state))
				a[0][0] ^= UINT64_C(1) << ((1u << j) - 1);
	}
}

/* Keccak-256 of less than 136 bytes. */
static void
keccak256(const char *text, size_t len, unsigned char out[32])
{
	uint64_t a[5][5] = { { 0 } };
	unsigned char block[136] = { 0 };
	size_t i;

	memcpy(block, text, len);
	block[len] = 1;
	block[135] |= 0x80;
	for (i = 0; i < sizeof(block); i++)
		a[i / 8 / 5][i / 8 % 5] |= (uint64_t)block[i] << 8 * (i % 8);
	permute(a);
	for (i = 0; i < 32; i++)
		out[i] = (unsigned char)(a[0][i / 8] >> 8 * (i % 8));
}

bool
eip55_check(const char *hex)
{
	unsigned char digest[32];
	char lower[40];
	size_t i;

	for (i = 0; i < 40; i++)
		lower[i] = hex[i] >= 'A' && hex[i] <= 'F' ?
		    (char)(hex[i] | 0x20) : hex[i];
	keccak256(lower, 40, digest);
	for (i = 0; i < 40; i++) {
		unsigned nibble = i % 2 ? digest[i / 2] & 15u :
		    digest[i / 2] >> 4;

		if (lower[i] >= 'a' &&
		    (nibble >= 8) != (hex[i] != lower[i]))
			return false;
	}
	return true;
}
