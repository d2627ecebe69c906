/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/decode.h - undoes a body's Content-Encoding, under a cap.
 *
 * gzip, deflate (zlib-wrapped, RFC 9110 8.4.1.2, and raw as many send it) and
 * zstd. Multi-member gzip and multi-frame zstd are read to the end; trailing
 * junk is a fault. Several codings in a row are refused. */
#ifndef GATEWAY_DECODE_H
#define GATEWAY_DECODE_H

#include "gateway/buf.h"

enum decode_result {
	DECODE_OK,
	DECODE_UNKNOWN,		/* a coding we do not read: 415 */
	DECODE_BAD,		/* broken, cut, or followed by junk: 400 */
	DECODE_LARGE,		/* more than max_bytes: 413 */
};

struct decode;
/* coding: the header's value; empty or "identity" decodes to itself. Returns
 * NULL with *result DECODE_UNKNOWN. */
struct decode *decode_new(struct mg_span coding, uint64_t max_bytes,
    enum decode_result *result);
/* Appends decoded bytes to out. */
enum decode_result decode_feed(struct decode *decode, struct mg_span bytes,
    struct buf *out);
/* The body has ended: is it whole? */
enum decode_result decode_end(struct decode *decode);
void decode_free(struct decode *decode);

#endif
