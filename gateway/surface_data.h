/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/surface_data.h - texts in disguise: data: URLs (RFC 2397), UTF-8
 * written as an array of numbers. Private to surface*.c. */
#ifndef GATEWAY_SURFACE_DATA_H
#define GATEWAY_SURFACE_DATA_H

#include "gateway/jdoc.h"

enum data_url {
	DATA_NO,		/* not a data: URL */
	DATA_TEXT,		/* decoded is its text */
	DATA_MEDIA,		/* not text */
	DATA_UNREADABLE,	/* text by its type, but in a charset or an
				 * encoding that others may read otherwise */
};

/* Reads url; text is appended to scratch, which must have room for url.len
 * more, so that nothing moves. A type that is neither text nor media is text
 * if its bytes are. */
enum data_url data_url_read(struct mg_span url, struct buf *scratch,
    struct mg_span *decoded);
/* Whether a string node, undone of escapes, begins with "data:" (any case). */
bool data_url_begins(const struct jdoc *doc, uint32_t node);

/* The numbers of an array as UTF-8, what is none as U+FFFD, appended to
 * scratch (at most the array's own length, which must fit). False if it holds
 * anything but whole numbers 0 to 255. */
bool data_bytes(const struct jdoc *doc, uint32_t array,
    struct buf *scratch, struct mg_span *decoded);
/* Whether two texts are equal but for the lengths of runs of U+FFFD. */
bool data_alike(struct mg_span a, struct mg_span b);

#endif
