/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/segment.h - the bytes of a segment file: its header and the
 * header of each frame (README.md has the layout).
 *
 * Pure: no I/O. All numbers are little-endian. */
#ifndef GATEWAY_AUDIT_SEGMENT_H
#define GATEWAY_AUDIT_SEGMENT_H

#include "gateway/audit/audit.h"

enum {
	SEGMENT_HEADER = 128,		/* bytes before the first frame */
	SEGMENT_FRAME = 32,		/* bytes before a frame's payload */
	SEGMENT_PAYLOAD_MAX = 65535,	/* compliance: a leaf's most */
	SEGMENT_INSTANCE = 52,		/* bytes of the name, NUL-padded */
	SEGMENT_END = 17,		/* bytes of an end mark's payload */
};

/* What stands at a file's beginning. One run of a process writes segments
 * numbered from 0; sequence numbers go on from one to the next. */
struct segment_header {
	int64_t created_us;		/* unix time */
	uint64_t salt;			/* random: frames of an older file in
					 * the same blocks are never taken */
	unsigned char run[16];		/* random, one per process run */
	uint32_t number;
	uint64_t first;			/* sequence of its first frame; a
					 * frame at or above it in an earlier
					 * segment of the run is void */
	uint64_t in_flight;		/* exchanges opened before it and not
					 * yet closed */
	char instance[SEGMENT_INSTANCE + 1];
};

/* How a segment came to its end; the payload of its last frame. */
enum segment_end {
	END_NONE,			/* it has no end mark */
	END_ROTATED,			/* the run goes on in another one */
	END_STOPPED,			/* the run was stopped in order */
	END_CRASHED,			/* settled by a later recovery */
};

void segment_header_write(const struct segment_header *header,
    char out[SEGMENT_HEADER]);
/* False: these are not SEGMENT_HEADER bytes of a header that we read. */
bool segment_header_read(struct mg_span bytes, struct segment_header *header);

/* Adds a frame whose header has only kind and length as yet. */
void segment_frame_add(struct buf *out, enum audit_kind kind,
    struct mg_span payload);
/* Fills the header of a frame whose payload lies behind it already. */
void segment_frame_init(char *frame, enum audit_kind kind, size_t payload);
/* Completes all frames at ptr for one segment: salt, sequence (counted on from
 * *sequence; end marks take none), checksum. durable: bytes of the file that
 * are known to be on disk at this moment. May be done again for another
 * segment. */
void segment_frames_seal(char *ptr, size_t len,
    const struct segment_header *header, uint64_t *sequence,
    uint64_t durable);

enum segment_check {
	CHECK_GOOD,		/* a whole frame with a right checksum */
	CHECK_SHORT,		/* bytes end before the frame does */
	CHECK_BAD,
};
struct segment_frame {
	enum audit_kind kind;
	uint64_t sequence;
	uint64_t durable;
	struct mg_span payload;
};
/* Looks at the frame that begins at bytes.ptr. */
enum segment_check segment_frame_check(struct mg_span bytes, uint64_t salt,
    struct segment_frame *frame);

/* The payload of an end mark, and back (END_NONE: it is none). */
struct mg_span segment_end_text(enum segment_end end);
enum segment_end segment_end_read(struct mg_span payload);

/* `<UTC time>-<8 hex digits of the salt>.seg`; out gets 48 bytes. */
void segment_name(const struct segment_header *header, char out[48]);
bool segment_name_is(const char *name);

#endif
