/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/ident.h - random bytes, clocks, and the key behind
 * audit_pseudonym(). */
#ifndef GATEWAY_AUDIT_IDENT_H
#define GATEWAY_AUDIT_IDENT_H

#include "gateway/audit/audit.h"
#include "gateway/clock.h"

struct pseudonym;

/* Reads the 32 bytes of a key file, or makes it (mode 0600, on disk before it
 * is used). NULL with err filled: it cannot be read, has another length, or
 * others may read it. */
struct pseudonym *pseudonym_open(const char *path, struct mg_error *err);
void pseudonym_free(struct pseudonym *pseudonym);
void pseudonym_of(const struct pseudonym *pseudonym, struct mg_span text,
    char out[33]);

void random_bytes(void *out, size_t len);
uint64_t now_mono_ms(void);

#endif
