/* SPDX-License-Identifier: Apache-2.0 */
/* segment.c - the bytes of a segment file. */
#include "gateway/audit/segment.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#include "gateway/audit/crc32c.h"

static const char magic[8] = { 'M', 'G', 'A', 'U', 'D', 'I', 'T', '\n' };
enum { VERSION = 1 };

static void
put(char *p, uint64_t value, int bytes)
{
	while (bytes-- > 0) {
		*p++ = (char)(value & 0xff);
		value >>= 8;
	}
}

static uint64_t
get(const char *p, int bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | (unsigned char)p[bytes];
	return value;
}

void
segment_header_write(const struct segment_header *header,
    char out[SEGMENT_HEADER])
{
	memset(out, 0, SEGMENT_HEADER);
	memcpy(out, magic, 8);
	put(out + 8, VERSION, 4);
	put(out + 12, SEGMENT_HEADER, 4);
	put(out + 16, (uint64_t)header->created_us, 8);
	put(out + 24, header->salt, 8);
	memcpy(out + 32, header->run, 16);
	put(out + 48, header->number, 4);
	put(out + 56, header->first, 8);
	put(out + 64, header->in_flight, 8);
	memcpy(out + 72, header->instance,
	    strnlen(header->instance, SEGMENT_INSTANCE));
	put(out + 124, crc32c(0, out, 124), 4);
}

bool
segment_header_read(struct mg_span bytes, struct segment_header *header)
{
	const char *p = bytes.ptr;

	if (bytes.len < SEGMENT_HEADER || memcmp(p, magic, 8) != 0 ||
	    get(p + 8, 4) != VERSION || get(p + 12, 4) != SEGMENT_HEADER ||
	    get(p + 124, 4) != crc32c(0, p, 124))
		return false;
	memset(header, 0, sizeof(*header));
	header->created_us = (int64_t)get(p + 16, 8);
	header->salt = get(p + 24, 8);
	memcpy(header->run, p + 32, 16);
	header->number = (uint32_t)get(p + 48, 4);
	header->first = get(p + 56, 8);
	header->in_flight = get(p + 64, 8);
	memcpy(header->instance, p + 72, SEGMENT_INSTANCE);
	return true;
}

void
segment_frame_init(char *frame, enum audit_kind kind, size_t payload)
{
	assert(payload > 0 && payload <= SEGMENT_PAYLOAD_MAX);
	memset(frame, 0, SEGMENT_FRAME);
	put(frame + 8, payload, 4);
	put(frame + 12, (uint64_t)kind, 2);
}

void
segment_frame_add(struct buf *out, enum audit_kind kind,
    struct mg_span payload)
{
	char *p = buf_reserve(out, SEGMENT_FRAME + payload.len);

	segment_frame_init(p, kind, payload.len);
	memcpy(p + SEGMENT_FRAME, payload.ptr, payload.len);
	out->len += SEGMENT_FRAME + payload.len;
}

static uint32_t
frame_crc(const char *frame, size_t payload, uint64_t salt)
{
	char salted[8];

	put(salted, salt, 8);
	return crc32c(crc32c(0, salted, 8), frame + 8,
	    SEGMENT_FRAME - 8 + payload);
}

void
segment_frames_seal(char *ptr, size_t len,
    const struct segment_header *header, uint64_t *sequence, uint64_t durable)
{
	while (len > 0) {
		size_t payload = (size_t)get(ptr + 8, 4);

		assert(len >= SEGMENT_FRAME + payload);
		put(ptr, header->salt, 4);
		put(ptr + 16, *sequence, 8);
		put(ptr + 24, durable, 8);
		put(ptr + 4, frame_crc(ptr, payload, header->salt), 4);
		if (get(ptr + 12, 2) != AUDIT_MARK)
			++*sequence;
		ptr += SEGMENT_FRAME + payload;
		len -= SEGMENT_FRAME + payload;
	}
}

enum segment_check
segment_frame_check(struct mg_span bytes, uint64_t salt,
    struct segment_frame *frame)
{
	const char *p = bytes.ptr;
	uint64_t payload, kind;

	if (bytes.len < SEGMENT_FRAME)
		return CHECK_SHORT;
	payload = get(p + 8, 4);
	kind = get(p + 12, 2);
	if (get(p, 4) != (uint32_t)salt || payload == 0 ||
	    payload > SEGMENT_PAYLOAD_MAX || kind < AUDIT_LEAF ||
	    kind > AUDIT_MARK || get(p + 14, 2) != 0)
		return CHECK_BAD;
	if (bytes.len - SEGMENT_FRAME < payload)
		return CHECK_SHORT;
	if (get(p + 4, 4) != frame_crc(p, (size_t)payload, salt))
		return CHECK_BAD;
	frame->kind = (enum audit_kind)kind;
	frame->sequence = get(p + 16, 8);
	frame->durable = get(p + 24, 8);
	frame->payload = span(p + SEGMENT_FRAME, (size_t)payload);
	return CHECK_GOOD;
}

/* All of one length, so that the mark is found from a file's end. */
static const char *const end_text[] = {
	[END_NONE] = "",
	[END_ROTATED] = "{\"end\":\"rotated\"}",
	[END_STOPPED] = "{\"end\":\"stopped\"}",
	[END_CRASHED] = "{\"end\":\"crashed\"}",
};

struct mg_span
segment_end_text(enum segment_end end)
{
	return span_str(end_text[end]);
}

enum segment_end
segment_end_read(struct mg_span payload)
{
	if (span_is(payload, end_text[END_ROTATED]))
		return END_ROTATED;
	if (span_is(payload, end_text[END_STOPPED]))
		return END_STOPPED;
	if (span_is(payload, end_text[END_CRASHED]))
		return END_CRASHED;
	return END_NONE;
}

void
segment_name(const struct segment_header *header, char out[48])
{
	time_t seconds = (time_t)(header->created_us / 1000000);
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(out, 48, "%Y%m%dT%H%M%S", &tm);
	(void)snprintf(out + n, 48 - n, ".%06dZ-%08x.seg",
	    (int)(header->created_us % 1000000), (uint32_t)header->salt);
}

bool
segment_name_is(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && name[0] != '.' && strcmp(name + len - 4, ".seg") == 0;
}
