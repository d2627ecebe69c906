/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/hash_key.h - tokens in the place of values: `{hash:12}` of a
 * redaction.
 *
 * HMAC-SHA256 under a key of the tenant's own, which is made of the secret in
 * state/redact.key and the tenant's name: equal values of one tenant have equal
 * tokens, those of two tenants have nothing in common. */
#ifndef GATEWAY_HASH_KEY_H
#define GATEWAY_HASH_KEY_H

#include "modgate/filter.h"

#define HASH_TOKEN_MAX 64	/* hexadecimal digits */

struct hash_key;

/* Reads the secret at path, or makes it as keyfile.h says. NULL with err
 * filled on failure. */
struct hash_key *hash_key_open(const char *path, struct mg_error *err);
/* A secret that nobody else has and that ends with the process. Never NULL. */
struct hash_key *hash_key_throwaway(void);
/* Wipes the secret. */
void hash_key_free(struct hash_key *key);
/* Writes digits (1 to HASH_TOKEN_MAX) and a NUL to out. Any thread. */
void hash_key_token(const struct hash_key *key, struct mg_span tenant,
    struct mg_span value, unsigned digits, char out[HASH_TOKEN_MAX + 1]);

#endif
