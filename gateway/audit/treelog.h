/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/treelog.h - the log that outsiders verify: takes durable
 * leaves from the segments into tiles, and signs checkpoints.
 *
 * All of it can be made again from the segments but the checkpoint, which says
 * what has been promised: a log that is behind it, or another one, is not
 * opened. A folder `log/` beside the segments holds checkpoint, vkey, tile/,
 * runs and place. */
#ifndef GATEWAY_AUDIT_TREELOG_H
#define GATEWAY_AUDIT_TREELOG_H

#include "gateway/audit/leaves.h"
#include "gateway/audit/note.h"

struct treelog;

/* dir: the segments' folder; key: the file of the signing key, made if it is
 * not there; origin: the log's name in checkpoints. Blocks on I/O. NULL with
 * err filled: the log is damaged, behind its checkpoint, or held by another
 * process (*held is set then, and err is not filled). */
struct treelog *treelog_open(const char *dir, const char *key,
    const char *origin, bool *held, struct mg_error *err);
void treelog_free(struct treelog *log);

/* Takes in up to `most` leaves that are there. Returns how many, or -1: it
 * must be opened anew. */
int64_t treelog_take(struct treelog *log, const struct leaves_limit *limit,
    uint64_t most, struct mg_error *err);
/* Makes what was taken in public: tiles, then a signed checkpoint on disk,
 * then under its name. Nothing is done when nothing has changed. */
int treelog_publish(struct treelog *log, struct mg_error *err);

uint64_t treelog_size(const struct treelog *log);
uint64_t treelog_published(const struct treelog *log);

/* Reads log/checkpoint and checks its signature by log/vkey, or by vkey where
 * one is given. signed_note (may be NULL) gets the whole note. */
int treelog_checkpoint(int logfd, const struct note_verifier *vkey,
    struct checkpoint *out, struct buf *signed_note, struct mg_error *err);

#endif
