/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/auth.h - who calls: API keys, looked up by their SHA-256.
 *
 * Keys live in SQLite (keys.c); a watcher thread notices a change within a
 * second and swaps in a new immutable table, so that workers look up without
 * blocking. Nothing raw is kept: the secret is hashed before anything else. */
#ifndef GATEWAY_AUTH_H
#define GATEWAY_AUTH_H

#include "gateway/buf.h"

struct auth;

/* Who a key stands for. Reference-counted; immutable. */
struct principal {
	unsigned refs;		/* atomic */
	char *key_id;		/* "key_…", in records; not secret */
	char *name;
	char *tenant;
	char **models;		/* scope, globs; NULL: all; NULL-terminated */
	char **endpoints;	/* scope, surface names' globs; NULL: all */
	int64_t expires_ms;	/* unix time; 0: never */
	unsigned char sha256[32];
};

enum auth_result {
	AUTH_OK,
	AUTH_MISSING,		/* no key was sent */
	AUTH_UNKNOWN,		/* unknown, revoked */
	AUTH_EXPIRED,
};

/* path: keys.db; it is made if it is not there. Starts the watcher. */
struct auth *auth_new(const char *path, struct mg_error *err);
/* Stops the watcher. Other threads that called auth_check() must have ended
 * (each has a hashing context that goes with it). Accepts NULL. */
void auth_free(struct auth *auth);
/* Any thread; does not block on I/O. On AUTH_OK *who holds a reference. */
enum auth_result auth_check(struct auth *auth, struct mg_span secret,
    int64_t now_ms, struct principal **who);
/* The principal of a gateway without keys (`keys: none`): id "anonymous". A
 * new one with one reference: make it once and hand out references. */
struct principal *principal_anonymous(void);
struct principal *principal_ref(struct principal *who);
void principal_unref(struct principal **who);
bool principal_may_model(const struct principal *who, struct mg_span model);
bool principal_may_endpoint(const struct principal *who, const char *surface);

#endif
