/* SPDX-License-Identifier: Apache-2.0 */
/* filters/pii_bytes.h - what sixteen bytes are, as bits: bit i stands for byte
 * i. With SSE2, which each x86-64 has, or in plain C. */
#ifndef FILTERS_PII_BYTES_H
#define FILTERS_PII_BYTES_H

#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { PII_BYTES = 16 };

struct pii_bytes {
	uint32_t digit;		/* 0-9 */
	uint32_t mark;		/* from '(' to '@', digits too */
	uint32_t letter;	/* of ASCII, either case */
	uint32_t beyond;	/* not ASCII */
	uint32_t wide;		/* the first of three bytes or more */
};

static inline struct pii_bytes
pii_bytes_plain(const unsigned char *p)
{
	struct pii_bytes b = { 0 };
	unsigned i;

	for (i = 0; i < PII_BYTES; i++) {
		unsigned c = p[i], lower = c | 0x20;

		b.digit |= (uint32_t)(c >= '0' && c <= '9') << i;
		b.mark |= (uint32_t)(c >= '(' && c <= '@') << i;
		b.letter |= (uint32_t)(lower >= 'a' && lower <= 'z') << i;
		b.beyond |= (uint32_t)(c >= 0x80) << i;
		b.wide |= (uint32_t)(c >= 0xe0) << i;
	}
	return b;
}

#ifdef __SSE2__

/* Bytes from low to high, both below 0x80, as bits. */
static inline uint32_t
pii_bytes_range(__m128i x, char low, char high)
{
	return (uint32_t)_mm_movemask_epi8(_mm_and_si128(
	    _mm_cmpgt_epi8(x, _mm_set1_epi8((char)(low - 1))),
	    _mm_cmplt_epi8(x, _mm_set1_epi8((char)(high + 1)))));
}

static inline struct pii_bytes
pii_bytes(const unsigned char *p)
{
	__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
	struct pii_bytes b;

	b.digit = pii_bytes_range(x, '0', '9');
	b.mark = pii_bytes_range(x, '(', '@');
	b.letter = pii_bytes_range(_mm_or_si128(x, _mm_set1_epi8(0x20)), 'a',
	    'z');
	b.beyond = (uint32_t)_mm_movemask_epi8(x);
	b.wide = (uint32_t)_mm_movemask_epi8(_mm_cmpgt_epi8(x,
	    _mm_set1_epi8(-33))) & b.beyond;
	return b;
}

#else

static inline struct pii_bytes
pii_bytes(const unsigned char *p)
{
	return pii_bytes_plain(p);
}

#endif

#endif
