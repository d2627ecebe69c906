/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/reader.h - reads segments back: recovery, `audit cat`, tail. */
#ifndef GATEWAY_AUDIT_READER_H
#define GATEWAY_AUDIT_READER_H

#include "gateway/audit/audit.h"
#include "gateway/audit/segment.h"

struct audit_frame {
	enum audit_kind kind;
	uint64_t sequence;
	struct mg_span json;
	uint64_t offset;	/* of the frame in its file */
};

enum audit_read {
	READ_FRAME,		/* frame is filled */
	READ_END,		/* the segment ends cleanly here, or has only
				 * zeros from here on: room for more */
	READ_TORN,		/* a beginning of a frame: a crash */
	READ_CORRUPT,		/* bad bytes with good frames after them that
				 * were written when the bad ones were safe
				 * on disk: no crash does that */
};

/* Walks a segment that is held in memory, from *offset (0: the beginning),
 * moving it on. After the first call, frame must be what the last call filled:
 * its sequence says which comes next. Pure; any bytes are safe. why gets a
 * static text unless READ_FRAME. */
enum audit_read audit_next(struct mg_span segment, uint64_t *offset,
    struct audit_frame *frame, const char **why);

/* After READ_CORRUPT: moves *offset on to the next good frame, which
 * audit_next() reads next. *lost: how many frames the sequence numbers say are
 * missing. False: no good one follows, and nothing was moved. */
bool audit_skip(struct mg_span segment, uint64_t *offset,
    struct audit_frame *frame, uint64_t *lost);

/* A segment file of a directory. */
struct segment_info {
	char name[64];
	struct segment_header header;
	uint64_t size;
	int64_t changed_us;	/* when it was written last, unix time */
	bool readable;		/* false: it has no valid header */
	enum segment_end end;	/* by its last frame */
};

/* All segments of a directory in order of creation; the caller frees *list.
 * Files that vanish meanwhile are left out. */
int segments_list(const char *dir, struct segment_info **list, size_t *n,
    struct mg_error *err);
/* Reads the bytes of a file from out->len on to its end into out. */
int segment_load(const char *dir, const char *name, struct buf *out,
    struct mg_error *err);
/* The end mark of a file that is held in memory or only by its tail. */
enum segment_end segment_tail_end(struct mg_span tail, uint64_t salt);

/* Values of top-level members of a leaf, as they are written (a string without
 * its quotes; escapes are kept). Missing ones are empty. Any bytes are
 * safe; false: this is no JSON object. */
bool leaf_members(struct mg_span json, const char *const *names, size_t n,
    struct mg_span *values);

#endif
