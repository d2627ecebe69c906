/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/upstream_head.h - a strict reading of a backend's answer head.
 *
 * Pure: takes the lines that libcurl found, each with its line end, and checks
 * what libcurl is lenient about (RFC 9112 sections 4 to 6). Used by
 * upstream.c alone. */
#ifndef GATEWAY_UPSTREAM_HEAD_H
#define GATEWAY_UPSTREAM_HEAD_H

#include "gateway/upstream.h"

enum {
	UPSTREAM_HEAD_BYTES = 64 * 1024,	/* of all heads and trailers */
	UPSTREAM_HEAD_COUNT = 200,		/* fields, likewise */
	UPSTREAM_INTERIM_COUNT = 16,		/* 1xx answers */
};

enum upstream_line {
	LINE_MORE,		/* fine so far */
	LINE_HEAD,		/* the final head is whole: reader->head */
	LINE_BAD,		/* reader->why says what; nothing follows */
};

/* Offsets while the text may still move. */
struct upstream_place {
	uint32_t name_at, name_len, value_at, value_len;
};

/* Zeroed: ready. */
struct upstream_reader {
	struct upstream_head head;	/* filled with LINE_HEAD */
	const char *why;		/* static */
	bool is_stream;			/* text/event-stream */
	struct buf text;
	struct upstream_place *places;
	size_t places_cap, fields_cap, n;
	uint32_t bytes, count, interim;
	unsigned minor;
	bool in_head, has_length, is_chunked, is_coded, done;
};

/* Reads one line: status line, field, empty line, trailer. */
enum upstream_line upstream_reader_line(struct upstream_reader *reader,
    struct mg_span line);
/* For the next answer; keeps the memory. */
void upstream_reader_reset(struct upstream_reader *reader);
void upstream_reader_fini(struct upstream_reader *reader);

#endif
