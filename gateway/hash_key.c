/* SPDX-License-Identifier: Apache-2.0 */
/* hash_key.c - tokens in the place of values. */
#include "gateway/hash_key.h"

#include <assert.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "gateway/audit/ident.h"
#include "gateway/buf.h"
#include "gateway/keyfile.h"

#define PURPOSE "modgate redact 1"	/* with its NUL: of all other uses */

enum { MAC_BYTES = 32 };

struct hash_key {
	unsigned char secret[KEYFILE_BYTES];
};

struct hash_key *
hash_key_open(const char *path, struct mg_error *err)
{
	struct hash_key *key = xcalloc(1, sizeof(*key));

	if (keyfile_open(path, "hashes in redacted texts to come will not "
	    "match those before", key->secret, err) == 0)
		return key;
	hash_key_free(key);
	return NULL;
}

struct hash_key *
hash_key_throwaway(void)
{
	struct hash_key *key = xcalloc(1, sizeof(*key));

	random_bytes(key->secret, sizeof(key->secret));
	return key;
}

void
hash_key_free(struct hash_key *key)
{
	if (!key)
		return;
	explicit_bzero(key, sizeof(*key));
	free(key);
}

static void
mac(const unsigned char secret[KEYFILE_BYTES], struct mg_span data,
    unsigned char out[MAC_BYTES])
{
	unsigned len = 0;

	if (!HMAC(EVP_sha256(), secret, KEYFILE_BYTES,
	    (const unsigned char *)data.ptr, data.len, out, &len) ||
	    len != MAC_BYTES)
		abort();		/* no memory */
}

void
hash_key_token(const struct hash_key *key, struct mg_span tenant,
    struct mg_span value, unsigned digits, char out[HASH_TOKEN_MAX + 1])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char own[MAC_BYTES], sum[MAC_BYTES];
	struct buf name = { 0 };
	unsigned i;

	assert(digits >= 1 && digits <= HASH_TOKEN_MAX);
	buf_add(&name, PURPOSE, sizeof(PURPOSE));
	buf_add_span(&name, tenant);
	mac(key->secret, buf_span(&name), own);
	mac(own, value, sum);
	for (i = 0; i < digits; i++)
		out[i] = hex[sum[i / 2] >> (i % 2 ? 0 : 4) & 15];
	out[digits] = '\0';
	explicit_bzero(own, sizeof(own));
	buf_fini(&name);
}
