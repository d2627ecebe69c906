/* SPDX-License-Identifier: Apache-2.0 */
/* filters/fold/utf8.h - code points of text that is known to be
 * valid, in UTF-8 and UTF-16. */
#ifndef FILTERS_FOLD_UTF8_H
#define FILTERS_FOLD_UTF8_H

#include <stddef.h>
#include <stdint.h>

static inline size_t
utf8_size(unsigned char first)
{
	return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static inline uint32_t
utf8_get(const char *ptr)
{
	const unsigned char *p = (const unsigned char *)ptr;

	if (p[0] < 0x80)
		return p[0];
	if (p[0] < 0xe0)
		return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
	if (p[0] < 0xf0)
		return (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 |
		    (p[2] & 0x3fu);
	return (p[0] & 7u) << 18 | (p[1] & 0x3fu) << 12 |
	    (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
}

/* Room for four bytes is there. */
static inline size_t
utf8_put(char *to, uint32_t c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 63));
		to[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 63));
	to[2] = (char)(0x80 | (c >> 6 & 63));
	to[3] = (char)(0x80 | (c & 63));
	return 4;
}

/* One code point of well-formed UTF-16, as ICU has it; *i is moved on. */
static inline uint32_t
utf16_get(const uint16_t *text, int32_t *i)
{
	uint32_t high = text[(*i)++];

	if (high < 0xd800 || high > 0xdbff)
		return high;
	return 0x10000 + ((high - 0xd800) << 10) +
	    (text[(*i)++] - (uint32_t)0xdc00);
}

/* At most two units are put. */
static inline int32_t
utf16_put(uint16_t *to, uint32_t c)
{
	if (c < 0x10000) {
		to[0] = (uint16_t)c;
		return 1;
	}
	to[0] = (uint16_t)(0xd7c0 + (c >> 10));
	to[1] = (uint16_t)(0xdc00 | (c & 0x3ff));
	return 2;
}

#endif
