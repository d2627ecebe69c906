/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/reader.h - reads segments back: recovery, `audit cat`, tail. */
#ifndef GATEWAY_AUDIT_READER_H
#define GATEWAY_AUDIT_READER_H

#include "gateway/audit/audit.h"

struct audit_frame {
	enum audit_kind kind;
	uint64_t sequence;
	struct mg_span json;
	uint64_t offset;	/* of the frame in its file */
};

enum audit_read {
	READ_FRAME,		/* frame is filled */
	READ_END,		/* the segment ends cleanly here */
	READ_TORN,		/* a beginning of a frame, or zeros: a crash */
	READ_CORRUPT,		/* bad bytes with good frames after them */
};

/* Walks a segment that is held in memory, from *offset (0: the beginning),
 * moving it on. Pure; any bytes are safe. why gets a static text unless
 * READ_FRAME. */
enum audit_read audit_next(struct mg_span segment, uint64_t *offset,
    struct audit_frame *frame, const char **why);

#endif
