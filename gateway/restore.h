/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/restore.h - finds an exchange's placeholders in a growing answer.
 *
 * Holds back from the first byte that may still become one, and from no byte
 * before. The same are found whatever the cuts. */
#ifndef GATEWAY_RESTORE_H
#define GATEWAY_RESTORE_H

#include "gateway/placeholders.h"

struct restore;

/* json: the text is JSON inside a string and is read with its escapes undone.
 * The table must outlive it. Never NULL. */
struct restore *restore_new(const struct placeholders *table, bool json);
void restore_free(struct restore *restore);

/* Adds text, whole code points; last: nothing follows. Calls found for each
 * placeholder, in order, with its place in the channel's own bytes and the
 * value it stands for, borrowed from the table. Returns the offset of the first
 * byte that may still become part of one: the end when there is none. */
uint64_t restore_feed(struct restore *restore, struct mg_span text, bool last,
    void (*found)(void *arg, uint64_t at, uint64_t len, struct mg_span value),
    void *arg);

#endif
