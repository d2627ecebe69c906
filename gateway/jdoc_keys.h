/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/jdoc_keys.h - keys of objects, compared as what they mean.
 *
 * Private to json*.c. A key is compared after its escapes are undone; a lone
 * surrogate is a code point of its own here, so that two different ones
 * differ. */
#ifndef GATEWAY_JDOC_KEYS_H
#define GATEWAY_JDOC_KEYS_H

#include "gateway/jdoc.h"

/* Undoes escapes byte by byte. */
struct json_cursor {
	const unsigned char *at, *end;
	unsigned char rest[4];		/* bytes of a code point, still to give */
	unsigned n_rest, given;
};

void json_cursor_start(struct json_cursor *c, const char *ptr, size_t len);
/* The next byte, -1 at the end. */
int json_cursor_next(struct json_cursor *c);

/* One hexadecimal digit, or -1. */
int json_hex(unsigned char c);
/* Four of them. They must have been checked. */
unsigned json_hex4(const unsigned char *p);
/* Writes a code point (surrogates as well) as three or so bytes. */
unsigned json_put_utf8(unsigned code, unsigned char out[4]);

/* Index of a member of object whose key stood before, 0 when there is none.
 * Linear for what people send, n log n at worst. Uses doc->scratch. */
uint32_t jdoc_keys_duplicate(struct jdoc *doc, uint32_t object);

#endif
