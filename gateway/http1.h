/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/http1.h - a strict HTTP/1.1 request reader (RFC 9110, RFC 9112).
 *
 * Pure: no I/O; bytes in, events out; any cut of the input gives the same
 * events (body bytes may come in other pieces). What two servers might read
 * differently is refused:
 *
 *   - lines that do not end in CRLF, names that are no tokens, control bytes
 *     and folded lines in values; versions other than 1.0 and 1.1 (505)
 *   - anything but exactly one valid Host on 1.1; an absolute target whose
 *     authority is not that Host
 *   - more than one way to find the body's end: two Content-Length, or one
 *     beside Transfer-Encoding, or Transfer-Encoding on 1.0; codings other
 *     than chunked alone (501)
 *   - paths with dot segments, escaped dots, slashes or control bytes
 *   - CONNECT and TRACE (501), Upgrade (400), Expect but 100-continue (417)
 *
 * A line too long is 414, a head too large or with too many fields 431, a
 * body too large 413. Chunk extensions and trailers are checked, bounded
 * (head_bytes each, per body) and dropped. */
#ifndef GATEWAY_HTTP1_H
#define GATEWAY_HTTP1_H

#include "gateway/buf.h"

struct http1_limits {
	uint32_t line_bytes;	/* request line; 8 KiB */
	uint32_t head_bytes;	/* line and fields together; 32 KiB */
	uint32_t head_count;	/* fields; 100 */
	uint64_t body_bytes;	/* 8 MiB; a Content-Length above it is a fault
				 * right after the head, a chunked body when it
				 * gets there */
};

struct http1_field {
	struct mg_span name;	/* as it came; compare without case */
	struct mg_span value;	/* without white space at its ends */
};

enum http1_framing { HTTP1_NO_BODY, HTTP1_LENGTH, HTTP1_CHUNKED };

/* A whole request head. Spans point into the reader's own buffer and live
 * until the next http1_next(). */
struct http1_head {
	struct mg_span method;
	struct mg_span target;		/* as it came */
	struct mg_span path;		/* normalised once: percent-encoded
					 * unreserved bytes decoded, no "//",
					 * no trailing '/', no dots, begins
					 * with '/' */
	struct mg_span query;		/* after '?', raw; len 0: none */
	struct mg_span host;
	unsigned minor;			/* HTTP/1.minor: 0 or 1 */
	bool keep_alive;
	bool expect_continue;
	enum http1_framing framing;
	uint64_t content_length;
	struct http1_field *fields;
	size_t n_fields;
};

/* Why a message is refused; status is what to answer, phrase is for the
 * client's error message (static). */
struct http1_fault {
	int status;		/* 400 413 414 417 431 501 505 … */
	const char *phrase;
};

enum http1_event {
	HTTP1_MORE,		/* all input is taken, nothing to tell yet */
	HTTP1_HEAD,		/* head is filled */
	HTTP1_BODY,		/* data is filled (a span of the input) */
	HTTP1_END,		/* the request is whole */
	HTTP1_FAULT,		/* fault is filled; the reader is finished */
};

struct http1;

struct http1 *http1_new(const struct http1_limits *limits);
void http1_free(struct http1 *reader);
/* Takes bytes from *input (moving it on) and returns the next event. After
 * HTTP1_END the next call begins a new request: pipelined input stays in
 * *input until then. An empty line before a request line is skipped, once. */
enum http1_event http1_next(struct http1 *reader, struct mg_span *input);
const struct http1_head *http1_head(const struct http1 *reader);
struct mg_span http1_data(const struct http1 *reader);
const struct http1_fault *http1_fault(const struct http1 *reader);
/* The body cap of the request at hand may be changed after HTTP1_HEAD. */
void http1_limit_body(struct http1 *reader, uint64_t bytes);
/* True between requests: nothing of a next one has come. */
bool http1_is_idle(const struct http1 *reader);
/* Gives the buffers back while the reader is idle; they come again by
 * themselves. Does nothing in the middle of a request. */
void http1_trim(struct http1 *reader);

/* First field of that name; NULL span if there is none. */
struct mg_span http1_get(const struct http1_head *head, const char *name);
/* How many fields have that name. */
size_t http1_count(const struct http1_head *head, const char *name);

const char *http1_reason(int status);

/* ---- writing (http1_out.c) ---- */

/* Appends a status line, Date (RFC 9110 5.6.7) and the fields; a field that
 * would not be one line of a valid message is left out. Framing, Connection
 * and the empty line are the caller's. */
void http1_add_head(struct buf *out, int status,
    const struct http1_field *fields, size_t n_fields);
/* Appends a number in decimal, or in hex as chunk sizes want it. */
void http1_add_u64(struct buf *out, uint64_t value);
void http1_add_hex(struct buf *out, uint64_t value);
/* True if name is a token and value has no control byte. */
bool http1_field_valid(struct mg_span name, struct mg_span value);

#endif
