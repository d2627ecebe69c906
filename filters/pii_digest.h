/* SPDX-License-Identifier: Apache-2.0 */
/* filters/pii_digest.h - the checksums that are built into addresses of
 * crypto-currencies. Pure functions of the text of one address. */
#ifndef FILTERS_PII_DIGEST_H
#define FILTERS_PII_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

enum { BASE58_MAX = 40 };	/* letters; longer texts are none */

enum base58_set {
	BASE58_BITCOIN,
	BASE58_RIPPLE,		/* the same letters in another order */
};

/* Decodes Base58Check: what stands before the four bytes of double SHA-256.
 * Returns the number of bytes (at most 32) in payload, or 0 when letters or
 * checksum are wrong. */
size_t base58_check(const char *text, size_t len, enum base58_set set,
    unsigned char payload[32]);

/* Whether text is Bech32 or Bech32m (BIP 173, BIP 350) with a right checksum.
 * Both cases, but not mixed, when it comes as it was written. */
bool bech32_check(const char *text, size_t len);

/* Whether the case of 40 hexadecimal digits is the checksum of EIP-55. */
bool eip55_check(const char *hex);

#endif
