/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/sse.h - reads an event stream (WHATWG HTML, section 9.2.6).
 *
 * Pure: bytes in, events out; any cut of the input gives the same events.
 * Lines end LF, CRLF or CR; a BOM may come first; several data lines join with
 * LF. One leniency: an event at the end of the body without its blank line is
 * still given (openai-wire: chat-eof-noblank). */
#ifndef GATEWAY_SSE_H
#define GATEWAY_SSE_H

#include "gateway/buf.h"

struct sse_event {
	struct mg_span name;	/* the `event` field; len 0: none */
	struct mg_span data;	/* joined data lines */
	struct mg_span error;	/* an `error` FIELD (old llama.cpp); ptr NULL:
				 * none */
	bool has_data;
};

struct sse {
	struct buf line, name, data, error;
	size_t max_bytes;	/* of one event, all fields together */
	bool has_data, has_error, after_cr, bom_done;
	bool failed;		/* too large, or a NUL: nothing more is read */
	bool stopped;		/* the callback wanted no more */
	uint64_t comments;	/* comment lines seen */
};

void sse_init(struct sse *sse, size_t max_bytes);
void sse_fini(struct sse *sse);
/* Calls back for every event that has data or an error field. The spans are
 * gone when the callback returns; it returns false to stop reading for good.
 * Returns -1 when an event is larger than max_bytes, or NUL is in a line
 * (nothing more is read then), else 0. */
int sse_feed(struct sse *sse, struct mg_span bytes,
    bool (*event)(void *arg, const struct sse_event *event), void *arg);
/* The body has ended. Gives what is pending. */
int sse_end(struct sse *sse,
    bool (*event)(void *arg, const struct sse_event *event), void *arg);

#endif
