/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/leaves.h - the leaves of a log in the log's one order, read
 * from its segments.
 *
 * Runs of processes come one after the other, in the order in which they were
 * first met: it is kept in the log's file `runs`, as clocks may step. In a run
 * the sequence of frames is the order. */
#ifndef GATEWAY_AUDIT_LEAVES_H
#define GATEWAY_AUDIT_LEAVES_H

#include "gateway/audit/audit.h"

/* Where the next leaf stands. All zero: at the beginning. */
struct leaves_place {
	unsigned char run[16];
	uint32_t number;		/* of the segment */
	uint64_t offset;		/* of the frame; 0: the first */
	uint64_t sequence;
};

/* How far a run that is being written is on disk. */
struct leaves_limit {
	unsigned char run[16];
	uint32_t number;		/* of the segment being written */
	uint64_t sequence;		/* of the first frame that is not */
};

struct leaves;
/* dir: the segments' folder; logfd: that of the log, where `runs` is kept (it
 * stays the caller's). keeps: runs that are met are added to that file, on disk
 * before their first leaf is returned; else nothing is written. NULL with err
 * filled. */
struct leaves *leaves_open(const char *dir, int logfd, bool keeps,
    const struct leaves_place *from, struct mg_error *err);
void leaves_free(struct leaves *leaves);
/* 1: a leaf, borrowed until the next call; 0: none is there yet; -1: damage,
 * err filled. limit (may be NULL): of the caller's own run. A run of another
 * live process, and all after it, is waited for where keeps; a reader takes
 * what is there. */
int leaves_next(struct leaves *leaves, const struct leaves_limit *limit,
    struct mg_span *leaf, struct mg_error *err);
/* Of the leaf that comes next. */
void leaves_place(const struct leaves *leaves, struct leaves_place *out);
/* The segment that the last leaf was in, and its offset, for messages. */
const char *leaves_where(const struct leaves *leaves, uint64_t *offset);

#endif
