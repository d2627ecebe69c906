/* SPDX-License-Identifier: Apache-2.0 */
/* lexicon_wide.c - the leap over thirty-two bytes at once, with AVX2.
 *
 * Beside the places where a word begins, four bytes of each are sifted by
 * their halves, as a shuffle looks up sixteen of them in one instruction. What
 * goes through is nearly always a beginning. Compiled for processors that have
 * AVX2 whatever the rest is compiled for, and used only there. */
#include "filters/lexicon.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define WIDE __attribute__((target("avx2")))

bool
lexicon_has_wide(void)
{
	return __builtin_cpu_supports("avx2");
}

/* A set of bytes, as bits. */
WIDE static inline uint32_t
bits(__m256i v)
{
	return (uint32_t)_mm256_movemask_epi8(v);
}

WIDE static inline __m256i
between(__m256i v, char from, unsigned char count)
{
	__m256i x = _mm256_sub_epi8(v, _mm256_set1_epi8(from));
	__m256i top = _mm256_set1_epi8((char)(count - 1));

	return _mm256_cmpeq_epi8(_mm256_min_epu8(x, top), x);
}

WIDE static inline __m256i
is(__m256i v, char c)
{
	return _mm256_cmpeq_epi8(v, _mm256_set1_epi8(c));
}

WIDE static inline __m256i
load(const unsigned char *ptr)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)ptr);
}

WIDE static inline __m256i
load_table(const uint8_t *table)
{
	return _mm256_broadcastsi128_si256(
	    _mm_loadu_si128((const __m128i *)(const void *)table));
}

/* Groups of terms that may have these bytes in place k. */
WIDE static inline __m256i
sift(const struct lexicon_sieve *s, int k, const unsigned char *ptr)
{
	__m256i half = _mm256_set1_epi8(15);
	__m256i v = _mm256_or_si256(load(ptr), _mm256_set1_epi8(0x20));
	__m256i high = _mm256_and_si256(_mm256_srli_epi16(v, 4), half);

	return _mm256_and_si256(
	    _mm256_shuffle_epi8(load_table(s->low[k]),
		_mm256_and_si256(v, half)),
	    _mm256_shuffle_epi8(load_table(s->high[k]), high));
}

static bool
is_word(unsigned char c)
{
	return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	    (c >= '0' && c <= '9');
}

/* Where a word begins, see lexicon.h. before: the byte before the block. */
WIDE static inline uint32_t
places(const unsigned char *ptr, unsigned char before)
{
	__m256i v = load(ptr);
	__m256i letters = between(
	    _mm256_or_si256(v, _mm256_set1_epi8(0x20)), 'a', 26);
	uint32_t word = bits(_mm256_or_si256(letters, between(v, '0', 10)));
	uint32_t capital = bits(between(v, 'A', 26));
	uint32_t small = bits(letters) & ~capital;
	uint32_t other = bits(_mm256_or_si256(between(v, (char)0xe0, 0x20),
	    _mm256_or_si256(_mm256_or_si256(is(v, '-'), is(v, '<')),
		_mm256_or_si256(is(v, '['), is(v, '#')))));

	return (word & ~(word << 1 | is_word(before))) | other |
	    (capital & (small << 1 | (before >= 'a' && before <= 'z')));
}

WIDE size_t
lexicon_leap_wide(const struct lexicon *l, const unsigned char *ptr,
    size_t *i, size_t len)
{
	const struct lexicon_sieve *s = &l->sieve;
	uint32_t found;

	for (; *i + 32 + BEGINNING_ROOM <= len; *i += 32) {
		__m256i groups = _mm256_and_si256(
		    _mm256_and_si256(sift(s, 0, ptr + *i),
			sift(s, 1, ptr + *i + 1)),
		    _mm256_and_si256(sift(s, 2, ptr + *i + 2),
			sift(s, 3, ptr + *i + 3)));

		found = ~bits(is(groups, 0));
		if (found)
			found &= places(ptr + *i, *i ? ptr[*i - 1] : 0);
		for (; found; found &= found - 1) {
			size_t at = *i + (size_t)__builtin_ctz(found);

			if (lexicon_may_begin(&l->beginnings, ptr + at))
				return at;
		}
	}
	return len;
}

#else

bool
lexicon_has_wide(void)
{
	return false;
}

size_t
lexicon_leap_wide(const struct lexicon *l, const unsigned char *ptr,
    size_t *i, size_t len)
{
	(void)l;
	(void)ptr;
	(void)i;
	return len;
}

#endif
