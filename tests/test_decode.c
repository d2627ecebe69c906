/* SPDX-License-Identifier: Apache-2.0 */
/* test_decode.c - what zlib and zstd encode comes back, in any pieces, and
 * never more of it than the cap. */
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "gateway/decode.h"
#include "tests/check.h"

enum { RAW = -15, WRAPPED = 15, GZIP = 31 };	/* zlib's window bits */

static const char poem[] = "春眠不觉晓，处处闻啼鸟。 Spring, spring, spring. "
    "春眠不觉晓，处处闻啼鸟。 Spring, spring, spring.";

static void
add_zlib(struct buf *out, const char *ptr, size_t len, int bits)
{
	char piece[4096];
	z_stream z = { 0 };
	int rc;

	if (deflateInit2(&z, 6, Z_DEFLATED, bits, 8, 0) != Z_OK)
		abort();
	z.next_in = (Bytef *)(uintptr_t)ptr;
	z.avail_in = (uInt)len;
	do {
		z.next_out = (Bytef *)piece;
		z.avail_out = sizeof(piece);
		rc = deflate(&z, Z_FINISH);
		buf_add(out, piece, sizeof(piece) - z.avail_out);
	} while (rc == Z_OK);
	(void)deflateEnd(&z);
}

static void
add_zstd(struct buf *out, const char *ptr, size_t len)
{
	size_t cap = ZSTD_compressBound(len);
	size_t n = ZSTD_compress(buf_reserve(out, cap), cap, ptr, len, 3);

	if (ZSTD_isError(n))
		abort();
	out->len += n;
}

/* Decodes in pieces of `step` bytes. */
static enum decode_result
decode_by(size_t step, const char *coding, const struct buf *in, uint64_t max,
    struct buf *out)
{
	enum decode_result result;
	struct decode *d = decode_new(span_str(coding), max, &result);
	size_t at = 0;

	buf_clear(out);
	if (!d)
		return result;
	while (result == DECODE_OK && at < in->len) {
		size_t n = in->len - at < step ? in->len - at : step;
		char *copy = xmalloc(n);	/* its end is watched */

		memcpy(copy, in->ptr + at, n);
		result = decode_feed(d, span(copy, n), out);
		free(copy);
		at += n;
	}
	if (result == DECODE_OK)
		result = decode_end(d);
	else
		CHECK_EQ(decode_end(d), result);
	decode_free(d);
	return result;
}

/* All pieces give the same. */
static void
decodes(const char *coding, const struct buf *in, uint64_t max,
    enum decode_result expected, const char *text)
{
	static const size_t steps[] = { 1, 2, 3, 7, 100, SIZE_MAX };
	struct buf out = { 0 };
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		CHECK_EQ(decode_by(steps[i], coding, in, max, &out),
		    expected);
		if (text)
			CHECK_MEM(out.ptr, out.len, text);
		CHECK(out.len <= max);
	}
	buf_fini(&out);
}

static void
reads_each_coding_in_any_pieces(void)
{
	struct buf in = { 0 };

	buf_add_str(&in, poem);
	decodes("", &in, 1000, DECODE_OK, poem);
	decodes("identity", &in, 1000, DECODE_OK, poem);
	buf_clear(&in);
	add_zlib(&in, poem, sizeof(poem) - 1, GZIP);
	decodes("gzip", &in, 1000, DECODE_OK, poem);
	decodes("GZip", &in, 1000, DECODE_OK, poem);
	decodes("x-gzip", &in, 1000, DECODE_OK, poem);
	buf_clear(&in);
	add_zlib(&in, poem, sizeof(poem) - 1, WRAPPED);
	decodes("deflate", &in, 1000, DECODE_OK, poem);
	buf_clear(&in);
	add_zlib(&in, poem, sizeof(poem) - 1, RAW);
	decodes("deflate", &in, 1000, DECODE_OK, poem);
	buf_clear(&in);
	add_zstd(&in, poem, sizeof(poem) - 1);
	decodes("zstd", &in, 1000, DECODE_OK, poem);
	buf_fini(&in);
}

static void
other_codings_are_unknown(void)
{
	static const char *const names[] = { "br", "compress", "gzip, gzip",
	    "gzip,identity", "gzip;q=1", " gzip", "\"gzip\"", "gzi", "*" };
	enum decode_result result;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		result = DECODE_OK;
		CHECK(!decode_new(span_str(names[i]), 10, &result));
		CHECK_EQ(result, DECODE_UNKNOWN);
	}
}

static void
reads_members_and_frames_to_the_end(void)
{
	struct buf in = { 0 };

	add_zlib(&in, "ab", 2, GZIP);
	add_zlib(&in, "", 0, GZIP);
	add_zlib(&in, "cd", 2, GZIP);
	decodes("gzip", &in, 4, DECODE_OK, "abcd");
	decodes("gzip", &in, 3, DECODE_LARGE, "abc");
	buf_clear(&in);
	add_zstd(&in, "ab", 2);
	add_zstd(&in, "", 0);
	add_zstd(&in, "cd", 2);
	/* A skippable frame, RFC 8878 section 3.1.2. */
	buf_add(&in, "\x50\x2a\x4d\x18\x03\0\0\0xyz", 11);
	decodes("zstd", &in, 4, DECODE_OK, "abcd");
	decodes("zstd", &in, 3, DECODE_LARGE, "abc");
	buf_fini(&in);
}

static void
junk_behind_the_end_is_bad(void)
{
	static const struct {
		const char *coding;
		int bits;
	} each[] = { { "gzip", GZIP }, { "deflate", WRAPPED },
	    { "deflate", RAW } };
	struct buf in = { 0 };
	size_t i;

	for (i = 0; i < 3; i++) {
		buf_clear(&in);
		add_zlib(&in, "text", 4, each[i].bits);
		buf_add_str(&in, "junk");
		decodes(each[i].coding, &in, 100, DECODE_BAD, NULL);
	}
	buf_clear(&in);
	add_zlib(&in, "text", 4, WRAPPED);
	add_zlib(&in, "text", 4, WRAPPED);
	decodes("deflate", &in, 100, DECODE_BAD, NULL);
	buf_clear(&in);
	add_zstd(&in, "text", 4);
	buf_add_str(&in, "junk");
	decodes("zstd", &in, 100, DECODE_BAD, NULL);
	buf_fini(&in);
}

/* Every cut of the encoded bytes. */
static void
cut_is_bad(const char *coding, const struct buf *in)
{
	struct buf part = { 0 }, out = { 0 };
	size_t len;

	for (len = 0; len < in->len; len++) {
		enum decode_result result;

		buf_clear(&part);
		buf_add(&part, in->ptr, len);
		result = decode_by(SIZE_MAX, coding, &part, 1000, &out);
		CHECK_EQ(result, DECODE_BAD);
	}
	buf_fini(&part);
	buf_fini(&out);
}

static void
a_cut_body_is_bad(void)
{
	struct buf in = { 0 };

	add_zlib(&in, poem, sizeof(poem) - 1, GZIP);
	cut_is_bad("gzip", &in);
	buf_clear(&in);
	add_zlib(&in, poem, sizeof(poem) - 1, WRAPPED);
	cut_is_bad("deflate", &in);
	buf_clear(&in);
	add_zlib(&in, poem, sizeof(poem) - 1, RAW);
	cut_is_bad("deflate", &in);
	buf_clear(&in);
	add_zstd(&in, poem, sizeof(poem) - 1);
	cut_is_bad("zstd", &in);
	buf_fini(&in);
}

static void
a_broken_body_is_bad(void)
{
	struct buf in = { 0 };

	add_zlib(&in, poem, sizeof(poem) - 1, GZIP);
	in.ptr[in.len - 6] ^= 1;	/* the checksum */
	decodes("gzip", &in, 1000, DECODE_BAD, NULL);
	buf_clear(&in);
	buf_add_str(&in, "{\"prompt\": \"plain\"}");
	decodes("gzip", &in, 1000, DECODE_BAD, NULL);
	decodes("deflate", &in, 1000, DECODE_BAD, NULL);
	decodes("zstd", &in, 1000, DECODE_BAD, NULL);
	buf_clear(&in);
	/* zlib-wrapped bytes are no gzip. */
	add_zlib(&in, "text", 4, WRAPPED);
	decodes("gzip", &in, 1000, DECODE_BAD, NULL);
	buf_fini(&in);
}

static void
the_cap_is_exact(void)
{
	static const size_t sizes[] = { 1, 16383, 16384, 16385, 50000 };
	char *text = xcalloc(1, 50000);
	struct buf in = { 0 }, out = { 0 };
	size_t i, n;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		n = sizes[i];
		buf_clear(&in);
		add_zlib(&in, text, n, GZIP);
		CHECK_EQ(decode_by(SIZE_MAX, "gzip", &in, n, &out),
		    DECODE_OK);
		CHECK_EQ(out.len, n);
		CHECK_EQ(decode_by(SIZE_MAX, "gzip", &in, n - 1, &out),
		    DECODE_LARGE);
		CHECK_EQ(out.len, n - 1);
		buf_clear(&in);
		add_zstd(&in, text, n);
		CHECK_EQ(decode_by(SIZE_MAX, "zstd", &in, n, &out),
		    DECODE_OK);
		CHECK_EQ(out.len, n);
		CHECK_EQ(decode_by(SIZE_MAX, "zstd", &in, n - 1, &out),
		    DECODE_LARGE);
		CHECK_EQ(out.len, n - 1);
	}
	buf_clear(&in);
	buf_add(&in, text, 10);
	CHECK_EQ(decode_by(3, "identity", &in, 10, &out), DECODE_OK);
	CHECK_EQ(decode_by(3, "identity", &in, 9, &out), DECODE_LARGE);
	CHECK_EQ(out.len, 9);
	free(text);
	buf_fini(&in);
	buf_fini(&out);
}

static void
a_bomb_costs_no_more_than_the_cap(void)
{
	size_t n = 64 << 20;
	char *text = xcalloc(1, n);
	struct buf in = { 0 }, out = { 0 };

	add_zstd(&in, text, n);
	CHECK(in.len < 10000);
	CHECK_EQ(decode_by(SIZE_MAX, "zstd", &in, 100000, &out),
	    DECODE_LARGE);
	CHECK(out.cap <= 262144);
	buf_clear(&in);
	buf_fini(&out);
	add_zlib(&in, text, n, GZIP);
	CHECK_EQ(decode_by(SIZE_MAX, "gzip", &in, 100000, &out),
	    DECODE_LARGE);
	CHECK(out.cap <= 262144);
	free(text);
	buf_fini(&in);
	buf_fini(&out);
}

static void
a_zstd_window_above_the_cap_is_bad(void)
{
	struct buf in = { 0 };

	/* Frame header with windowLog 27 (exponent 17), one raw block "x". */
	buf_add(&in, "\x28\xb5\x2f\xfd\x00\x88\x09\0\0x", 10);
	decodes("zstd", &in, 1000, DECODE_BAD, NULL);
	/* The same with windowLog 23. */
	in.ptr[5] = 0x68;
	decodes("zstd", &in, 1000, DECODE_OK, "x");
	buf_fini(&in);
}

static void
only_the_zstd_of_the_rfc_is_read(void)
{
	struct buf in = { 0 };
	size_t whole;

	/* Versions 0.4 to 0.7 had other magic numbers. */
	buf_add(&in, "\x26\xb5\x2f\xfd\x1b\xff\xff\x83", 8);
	decodes("zstd", &in, 1000, DECODE_BAD, NULL);
	buf_clear(&in);
	/* A frame to be skipped, then one that is read, then an old one. */
	buf_add(&in, "\x5a\x2a\x4d\x18\x03\0\0\0abc", 11);
	add_zstd(&in, "text", 4);
	decodes("zstd", &in, 1000, DECODE_OK, "text");
	whole = in.len;
	buf_add(&in, "\x27\xb5\x2f\xfd\x1b\xff\xff\x83", 8);
	decodes("zstd", &in, 1000, DECODE_BAD, NULL);
	in.len = whole;
	in.ptr[3] = 0x19;
	decodes("zstd", &in, 1000, DECODE_BAD, NULL);
	/* An old one where a header that makes no sense is cut. */
	buf_clear(&in);
	buf_add(&in, "\x28\xb5\x2f\xfd\xff\xff\xff\xff\xff\0\0\0\0\x26\xb5"
	    "\x2f\xfd\x5b\xe4\xff\xff\x98", 22);
	decodes("zstd", &in, 1000, DECODE_BAD, NULL);
	in.ptr[4] = 0;
	decodes("zstd", &in, 1000, DECODE_BAD, NULL);
	buf_fini(&in);
}

int
main(void)
{
	RUN(reads_each_coding_in_any_pieces);
	RUN(other_codings_are_unknown);
	RUN(reads_members_and_frames_to_the_end);
	RUN(junk_behind_the_end_is_bad);
	RUN(a_cut_body_is_bad);
	RUN(a_broken_body_is_bad);
	RUN(the_cap_is_exact);
	RUN(a_bomb_costs_no_more_than_the_cap);
	RUN(a_zstd_window_above_the_cap_is_bad);
	RUN(only_the_zstd_of_the_rfc_is_read);
	return CHECK_DONE();
}
