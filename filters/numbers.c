/* SPDX-License-Identifier: Apache-2.0 */
/* numbers.c - eight bytes at a time until there is a digit. */
#include "filters/numbers.h"

/* First bytes of code points that may be digits. */
enum { DIGIT = 1, DOUBT = 2 };

#define DIGIT_BYTES ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, \
	['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1
static const unsigned char kind[256] = { DIGIT_BYTES, [0xd9] = DOUBT,
	[0xdb] = DOUBT, [0xdf] = DOUBT, [0xe0] = DOUBT, [0xe1] = DOUBT,
	[0xea] = DOUBT, [0xef] = DOUBT, [0xf0] = DOUBT };

/* Bytes of the digit at p, 0 if there is none. */
static size_t
digit(const unsigned char *p)
{
	switch (p[0]) {
	case 0xd9:	/* U+0660 */
		return p[1] >= 0xa0 && p[1] <= 0xa9 ? 2 : 0;
	case 0xdb:	/* U+06F0 */
		return p[1] >= 0xb0 && p[1] <= 0xb9 ? 2 : 0;
	case 0xdf:	/* U+07C0 */
		return p[1] <= 0x89 ? 2 : 0;
	case 0xe0:	/* India and around, where letters count too */
	case 0xe1:
	case 0xea:
		return 3;
	case 0xef:	/* U+FF10, beside the comma of each Chinese text */
		return p[1] == 0xbc && p[2] >= 0x90 && p[2] <= 0x99 ? 3 : 0;
	case 0xf0:	/* not emoji, not Han */
		return p[1] < 0x9f || (p[1] == 0x9f && p[2] >= 0xaf) ? 4 : 0;
	}
	return kind[p[0]];
}

/* The next place from i on where a digit may be. */
static size_t
next(const unsigned char *p, size_t i, size_t len)
{
	for (; i + 8 <= len; i += 8)
		if (kind[p[i]] | kind[p[i + 1]] | kind[p[i + 2]] |
		    kind[p[i + 3]] | kind[p[i + 4]] | kind[p[i + 5]] |
		    kind[p[i + 6]] | kind[p[i + 7]])
			break;
	while (i < len && !kind[p[i]])
		i++;
	return i;
}

struct shape_numbers
numbers_count(const unsigned char *p, size_t len)
{
	struct shape_numbers most = { 0, 0, 0 };
	size_t i = 0, n, from, to;
	uint32_t digits, run;

	while ((i = next(p, i, len)) < len) {
		digits = run = 0;
		from = to = i;
		while (i < len) {
			n = digit(p + i);
			if (n == 0 && (p[i] < ' ' || p[i] > ':'))
				break;
			run = n ? run + 1 : 0;
			digits += n > 0;
			i += n ? n : 1;
			to = n ? i : to;
			most.run = run > most.run ? run : most.run;
		}
		if (digits > most.digits)
			most.digits = digits;
		if (to - from > most.span)
			most.span = to - from < UINT32_MAX ?
			    (uint32_t)(to - from) : UINT32_MAX;
		i += i < len;
	}
	return most;
}
