/* SPDX-License-Identifier: Apache-2.0 */
/* letters.c - ranges of Unicode, by block rather than by category: marks and
 * signs that stand among the letters are few and named. */
#include "filters/letters.h"

bool
letter_is(uint32_t c)
{
	if (c < 0x80)
		return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		    (c >= 'a' && c <= 'z');
	if (c < 0xc0)
		return c == 0xaa || c == 0xb5 || c == 0xba;
	if (c < 0x250)		/* Latin-1, Extended-A and -B */
		return c != 0xd7 && c != 0xf7;
	if (c < 0x2b0)		/* phonetic Latin letters */
		return true;
	if (c < 0x300)		/* modifier letters and signs */
		return false;
	if (c < 0x370)		/* combining marks */
		return true;
	if (c < 0x400)		/* Greek */
		return c != 0x375 && c != 0x37e && c != 0x384 &&
		    c != 0x385 && c != 0x387 && c != 0x3f6;
	if (c < 0x530)		/* Cyrillic */
		return c != 0x482;
	if (c < 0x1d00)
		return c >= 0x1c80 && c < 0x1c90;
	if (c < 0x1e00)		/* phonetic letters, more combining marks */
		return true;
	if (c < 0x2000)		/* Latin Additional, Greek Extended */
		return true;
	if (c >= 0xa720 && c < 0xa800)
		return c != 0xa720 && c != 0xa721 && c != 0xa789 &&
		    c != 0xa78a;
	return (c >= 0x2c60 && c < 0x2c80) || (c >= 0x2de0 && c < 0x2e00) ||
	    (c >= 0xa640 && c < 0xa6a0) || (c >= 0xab30 && c < 0xab70) ||
	    (c >= 0xfb00 && c < 0xfb07);
}

static uint32_t
decode(const unsigned char *p)
{
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

bool
letter_at(const char *ptr, size_t len, size_t i)
{
	return i < len && letter_is(decode((const unsigned char *)ptr + i));
}

bool
letter_before(const char *ptr, size_t i)
{
	if (i == 0)
		return false;
	for (i--; i > 0 && (ptr[i] & 0xc0) == 0x80; i--)
		;
	return letter_is(decode((const unsigned char *)ptr + i));
}
