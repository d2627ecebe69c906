/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/keys.h - the store of API keys: one SQLite file, keys.db.
 *
 * What is kept of a secret is its SHA-256 and its first ten characters, which
 * are for people to recognise it by. The secret itself exists in the caller's
 * struct keys_secret, for as long as it takes to print it.
 *
 * One struct keys is one connection; use it on one thread at a time. Several
 * connections and processes may work on one file: a change is seen by the
 * others at once. */
#ifndef GATEWAY_KEYS_H
#define GATEWAY_KEYS_H

#include "gateway/buf.h"

#define KEYS_FILE "keys.db"		/* in the state directory */
#define KEYS_TENANT "default"		/* when none is named */
#define KEYS_NAME_CHARS 64		/* of a name or tenant, at most */
#define KEYS_GLOB_BYTES 128
#define KEYS_GLOBS 64			/* per scope, at most */
#define KEYS_ID_BYTES 16		/* "key_" and 12 of base 32 */
#define KEYS_PREFIX_BYTES 10
#define KEYS_SECRET_BYTES 46		/* "mg-", 32 bytes in base64url */

struct keys;

enum keys_open {
	KEYS_EXISTING,		/* the file must be there */
	KEYS_MAKE,		/* an empty store is made if it is not */
};

enum keys_status {
	KEY_ACTIVE,
	KEY_OVERLAPPING,	/* rotated; still good until overlap_ms */
	KEY_ROTATED,		/* the overlap is over */
	KEY_EXPIRED,
	KEY_REVOKED,
};

/* What a new key is to be. Borrowed. */
struct keys_grant {
	const char *name;
	const char *tenant;		/* NULL: KEYS_TENANT */
	const char *const *models;	/* globs, NULL-terminated; NULL: all */
	const char *const *endpoints;
	int64_t expires_ms;		/* unix time; 0: never */
};

/* One stored key. Everything is borrowed, but a callback may take models or
 * endpoints (freeing them with keys_free_list()) by leaving NULL there. Times
 * are unix milliseconds; 0: not (yet). */
struct keys_row {
	const char *key_id, *prefix, *name, *tenant;
	unsigned char sha256[32];
	char **models, **endpoints;	/* NULL: all */
	int64_t created_ms, expires_ms, revoked_ms, overlap_ms;
	const char *rotated_to;		/* key_id, or NULL */
};

/* Cleanse it (OPENSSL_cleanse) as soon as it is shown. */
struct keys_secret {
	char text[KEYS_SECRET_BYTES + 1];
	char key_id[KEYS_ID_BYTES + 1];
};

/* Opens the store at path: mode 0600, WAL, checked for damage. NULL with err
 * filled, which says what to do. */
struct keys *keys_open(const char *path, enum keys_open how,
    struct mg_error *err);
void keys_close(struct keys *keys);

/* Adds a key and makes its secret. -1: bad grant, or the name is taken. */
int keys_add(struct keys *keys, const struct keys_grant *grant,
    int64_t now_ms, struct keys_secret *secret, struct mg_error *err);
/* Makes a new secret, under a new key_id, with the old one's name, tenant and
 * scope; the old one is good for overlap_ms more. who: name or key_id.
 * expires_ms of the new one: unix time, 0 never, -1: as long from now as the
 * old one was given when it was made. */
int keys_rotate(struct keys *keys, const char *who, int64_t overlap_ms,
    int64_t expires_ms, int64_t now_ms, struct keys_secret *secret,
    struct mg_error *err);
/* Ends a key at once. A name ends all secrets that are still good under it, a
 * key_id that one. *n (may be NULL) gets how many. */
int keys_revoke(struct keys *keys, const char *who, int64_t now_ms,
    unsigned *n, struct mg_error *err);

/* Calls row for each key, oldest first; false from it stops. */
int keys_each(struct keys *keys,
    bool (*row)(void *arg, struct keys_row *row), void *arg,
    struct mg_error *err);
/* A number that differs after another connection has changed the store. */
int keys_version(struct keys *keys, int64_t *version, struct mg_error *err);

enum keys_status keys_status(const struct keys_row *row, int64_t now_ms);
const char *keys_status_name(enum keys_status status);
/* When the key stops being good: the earlier of its expiry and the end of its
 * overlap; 0: never. Does not know of revocation. */
int64_t keys_ends_ms(const struct keys_row *row);
void keys_free_list(char **list);

/* "90d", "24h", "30m", "45s", "2w" → milliseconds. -1 with err. */
int keys_duration(const char *text, int64_t *ms, struct mg_error *err);

#endif
