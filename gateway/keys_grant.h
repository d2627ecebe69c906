/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/keys_grant.h - the rules for new keys; keys.c's helper. Any thread.
 * keys_duration(), which is of the same kind, stands in keys.h. */
#ifndef GATEWAY_KEYS_GRANT_H
#define GATEWAY_KEYS_GRANT_H

#include "gateway/keys.h"

/* Names, tenant, scopes and expiry are what keys.h says. -1 with err, which
 * never repeats what looks like a secret. */
int keys_check_grant(const struct keys_grant *grant, int64_t now_ms,
    struct mg_error *err);
/* Makes a secret and an id, from getrandom(2). */
void keys_make_secret(struct keys_secret *secret);
/* Edits (insert, delete, change a byte) that make a of b; SIZE_MAX when one
 * is longer than any name. */
size_t keys_distance(const char *a, const char *b);

#endif
