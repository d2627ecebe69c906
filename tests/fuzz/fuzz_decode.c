/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_decode.c - any bytes under any coding: never more than the cap, and the
 * same result whole and in two pieces.
 *
 * The first byte chooses the coding and where to cut. */
#include <stdlib.h>

#include "gateway/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CAP 5000

static enum decode_result
run(const char *coding, const uint8_t *data, size_t size, size_t cut,
    struct buf *out)
{
	enum decode_result result;
	struct decode *d = decode_new(span_str(coding), CAP, &result);

	if (!d)
		abort();
	result = decode_feed(d, span((const char *)data, cut), out);
	if (result == DECODE_OK)
		result = decode_feed(d, span((const char *)data + cut,
		    size - cut), out);
	if (result == DECODE_OK)
		result = decode_end(d);
	if (out->len > CAP)
		abort();
	decode_free(d);
	return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const codings[] = { "gzip", "deflate", "zstd",
	    "identity" };
	struct buf whole = { 0 }, cut = { 0 };
	enum decode_result a, b;
	const char *coding;

	if (size < 2)
		return 0;
	coding = codings[data[0] & 3];
	a = run(coding, data + 1, size - 1, size - 1, &whole);
	b = run(coding, data + 1, size - 1, data[0] % size, &cut);
	/* What was decoded before a fault may differ; a text may not. */
	if (a == DECODE_OK && b == DECODE_OK &&
	    !span_eq(buf_span(&whole), buf_span(&cut)))
		abort();
	/* libzstd checks the size that a frame claims only where it comes
	 * whole: there a fault may go by the cuts, never a text. */
	if (a != b && (data[0] & 3) != 2)
		abort();
	buf_fini(&whole);
	buf_fini(&cut);
	return 0;
}
