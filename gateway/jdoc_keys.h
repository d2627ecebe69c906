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

/* Values of hexadecimal digits, plus one; 0: it is none. Texts of older SDKs
 * are escapes and little else: a table is what makes them quick. */
extern const unsigned char json_hex_plus_1[256];

/* One hexadecimal digit, or -1. */
static inline int
json_hex(unsigned char c)
{
	return json_hex_plus_1[c] - 1;
}

/* Four of them; above 0xffff if one is none. */
static inline unsigned
json_hex4(const unsigned char *p)
{
	unsigned a = json_hex_plus_1[p[0]] - 1u, b = json_hex_plus_1[p[1]] - 1u;
	unsigned c = json_hex_plus_1[p[2]] - 1u, d = json_hex_plus_1[p[3]] - 1u;

	return a << 12 | b << 8 | c << 4 | d | ((a | b | c | d) & ~15u);
}

/* Writes a code point (surrogates as well) as three or so bytes. */
unsigned json_put_utf8(unsigned code, unsigned char out[4]);

/* Index of a member of object whose key stood before, 0 when there is none.
 * Linear for what people send, n log n at worst. Uses doc->scratch. */
uint32_t jdoc_keys_duplicate(struct jdoc *doc, uint32_t object);

#endif
