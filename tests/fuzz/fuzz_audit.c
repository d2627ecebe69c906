/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_audit.c - any bytes as a segment, as it is and behind a good header,
 * and any bytes as a leaf. */
#include <stdlib.h>

#include "gateway/audit/cat.h"
#include "gateway/audit/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Walks to the end; what is read must lie inside, in order, and be read again
 * the same. */
static void
walk(struct mg_span segment)
{
	struct audit_frame frame;
	uint64_t offset = 0, before = 0;
	const char *why = NULL;

	for (;;) {
		enum audit_read read = audit_next(segment, &offset, &frame,
		    &why);
		uint64_t lost;

		if (read == READ_CORRUPT && audit_skip(segment, &offset,
		    &frame, &lost)) {
			if (audit_next(segment, &offset, &frame, &why) !=
			    READ_FRAME)
				abort();
		} else if (read != READ_FRAME) {
			break;
		}
		if (offset <= before || offset > segment.len ||
		    frame.json.ptr < segment.ptr ||
		    frame.json.ptr + frame.json.len >
		    segment.ptr + segment.len || frame.json.len == 0)
			abort();
		before = offset;
	}
	if (!why)
		abort();
}

static void
leaf(struct mg_span json)
{
	static const char *const names[] = { "type", "xid", "ts" };
	struct mg_span value[3];
	struct buf line = { 0 };
	size_t i;

	if (leaf_members(json, names, 3, value))
		for (i = 0; i < 3; i++)
			if (value[i].len > json.len)
				abort();
	cat_line(json, &line);
	buf_fini(&line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct segment_header header = { .salt = 0x01020304, .first = 7 };
	uint64_t sequence = 7;
	struct buf segment = { 0 };

	walk(span((const char *)data, size));
	leaf(span((const char *)data, size));
	segment_header_write(&header, buf_reserve(&segment, SEGMENT_HEADER));
	segment.len = SEGMENT_HEADER;
	/* A good frame, then the bytes: seals nothing of theirs. */
	segment_frame_add(&segment, AUDIT_LEAF, span("{}", 2));
	segment_frames_seal(segment.ptr + SEGMENT_HEADER, segment.len -
	    SEGMENT_HEADER, &header, &sequence, SEGMENT_HEADER);
	buf_add(&segment, data, size);
	walk(buf_span(&segment));
	(void)segment_tail_end(buf_span(&segment), header.salt);
	buf_fini(&segment);
	return 0;
}
