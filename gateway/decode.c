/* SPDX-License-Identifier: Apache-2.0 */
/* decode.c - undoes a body's Content-Encoding, under a cap.
 *
 * Output is written into the caller's buf directly. At most max_bytes are ever
 * asked of a decoder, and one byte more to see whether there is more: so a
 * bomb costs no more than the cap. */
#include "gateway/decode.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define STEP 16384		/* bytes of output asked for at a time */
#define ZSTD_WINDOW_LOG 23	/* 8 MiB, what RFC 9659 lets senders use */

enum coding { CODING_NONE, CODING_GZIP, CODING_DEFLATE, CODING_ZSTD };

struct decode {
	enum coding coding;
	uint64_t left;		/* bytes that may still come out */
	bool between;		/* at a member's or frame's border */
	bool begun;		/* a byte has come */
	bool ready;		/* zlib is set up */
	unsigned head;		/* zstd: bytes of the frame's head seen */
	bool single;		/* … it has no window descriptor */
	bool skip;		/* it is that of a frame to be skipped */
	enum decode_result result;	/* sticks once it is not OK */
	z_stream z;
	ZSTD_DStream *zstd;
};

/* False: not one that we read. */
static bool
find(struct mg_span name, enum coding *coding)
{
	static const struct {
		const char *name;
		enum coding coding;
	} known[] = {
		{ "", CODING_NONE },
		{ "identity", CODING_NONE },
		{ "gzip", CODING_GZIP },
		{ "x-gzip", CODING_GZIP },
		{ "deflate", CODING_DEFLATE },
		{ "zstd", CODING_ZSTD },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (span_is_nocase(name, known[i].name)) {
			*coding = known[i].coding;
			return true;
		}
	return false;
}

struct decode *
decode_new(struct mg_span name, uint64_t max_bytes,
    enum decode_result *result)
{
	enum coding coding;
	struct decode *d;

	if (!find(name, &coding)) {
		*result = DECODE_UNKNOWN;
		return NULL;
	}
	d = xcalloc(1, sizeof(*d));
	d->coding = coding;
	d->left = max_bytes;
	d->between = true;
	if (coding == CODING_ZSTD) {
		d->zstd = ZSTD_createDStream();
		if (!d->zstd)
			abort();
		(void)ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax,
		    ZSTD_WINDOW_LOG);
	}
	*result = DECODE_OK;
	return d;
}

void
decode_free(struct decode *d)
{
	if (!d)
		return;
	if (d->ready)
		(void)inflateEnd(&d->z);
	(void)ZSTD_freeDStream(d->zstd);
	free(d);
}

/* Room for the next piece of output: what is left of the cap, and one byte to
 * find out whether it is exceeded. */
static size_t
room(const struct decode *d)
{
	return d->left < STEP ? (size_t)d->left + 1 : STEP;
}

/* Takes over n bytes that a decoder wrote behind out's end. */
static enum decode_result
wrote(struct decode *d, struct buf *out, size_t n)
{
	if (n > d->left) {
		out->len += (size_t)d->left;
		d->left = 0;
		return DECODE_LARGE;
	}
	out->len += n;
	d->left -= n;
	return DECODE_OK;
}

/* Sets zlib up by the first byte. A zlib header's low four bits are 8 (RFC
 * 1950 section 2.2). In raw deflate (RFC 1951) they would be: last block or
 * not, a stored (00) block with padding bit set. Compressors write padding of
 * zeros, so the two do not meet in practice. */
static enum decode_result
set_up(struct decode *d, unsigned char first)
{
	int bits = 15 + 16;	/* gzip alone */

	if (d->coding == CODING_DEFLATE)
		bits = (first & 15) == 8 && first >> 4 <= 7 ? 15 : -15;
	if (inflateInit2(&d->z, bits) != Z_OK)
		abort();
	d->ready = true;
	return DECODE_OK;
}

/* One member or stream has ended with input left or to come. */
static enum decode_result
next_member(struct decode *d)
{
	/* Only gzip has members (RFC 1952 section 2.2). */
	if (d->coding != CODING_GZIP)
		return DECODE_BAD;
	return inflateReset(&d->z) == Z_OK ? DECODE_OK : DECODE_BAD;
}

static enum decode_result
feed_zlib(struct decode *d, struct mg_span bytes, struct buf *out)
{
	enum decode_result result;
	size_t size;
	int rc;

	if (!d->ready && bytes.len > 0)
		set_up(d, (unsigned char)bytes.ptr[0]);
	while (bytes.len > 0 || d->z.avail_out == 0) {
		if (bytes.len == 0 && d->between)
			break;
		if (d->between && d->begun) {
			result = next_member(d);
			if (result != DECODE_OK)
				return result;
		}
		d->between = false;
		d->begun = true;
		size = room(d);
		d->z.next_in = (Bytef *)(uintptr_t)bytes.ptr;
		d->z.avail_in = bytes.len > UINT32_MAX ? UINT32_MAX :
		    (uInt)bytes.len;
		d->z.next_out = (Bytef *)buf_reserve(out, size);
		d->z.avail_out = (uInt)size;
		rc = inflate(&d->z, Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
			return DECODE_BAD;
		result = wrote(d, out, size - d->z.avail_out);
		if (result != DECODE_OK)
			return result;
		bytes.len -= (size_t)((const char *)d->z.next_in - bytes.ptr);
		bytes.ptr = (const char *)d->z.next_in;
		if (rc == Z_STREAM_END)
			d->between = true;
		else if (rc == Z_BUF_ERROR && d->z.avail_out > 0)
			break;
	}
	return DECODE_OK;
}

/* Checks how a frame begins, in bytes or in those of an earlier call: its magic
 * number (RFC 8878 section 3.1.1, or 3.1.2 for a frame to be skipped), no
 * reserved bit, a window that we allow. libzstd may have been built to read
 * older formats, too, which no RFC describes: it looks for them at the
 * beginning of each piece while a frame's header makes no sense to it. */
static bool
head_is_good(struct decode *d, const ZSTD_inBuffer *in)
{
	static const unsigned char zstd[] = { 0x28, 0xb5, 0x2f, 0xfd };
	static const unsigned char skip[] = { 0x50, 0x2a, 0x4d, 0x18 };
	const unsigned char *byte = in->src;
	bool good = true;
	size_t i;

	for (i = in->pos; good && i < in->size && d->head < 6; i++) {
		unsigned char b = byte[i];

		if (d->head == 0)
			d->skip = (b & 0xf0) == skip[0];
		if (d->skip)
			good = d->head == 0 || d->head > 3 ||
			    b == skip[d->head];
		else if (d->head < 4)
			good = b == zstd[d->head];
		else if (d->head == 4)
			good = !(b & 0x08);
		else
			good = d->single || (b >> 3) + 10 <= ZSTD_WINDOW_LOG;
		if (d->head == 4)
			d->single = b & 0x20;
		d->head++;
	}
	return good;
}

static enum decode_result
feed_zstd(struct decode *d, struct mg_span bytes, struct buf *out)
{
	ZSTD_inBuffer in = { bytes.ptr, bytes.len, 0 };
	enum decode_result result;
	ZSTD_outBuffer piece;
	bool full = false;
	size_t rc;

	while (in.pos < in.size || full) {
		size_t before = in.pos;

		if (!head_is_good(d, &in))
			return DECODE_BAD;
		piece.size = room(d);
		piece.pos = 0;
		piece.dst = buf_reserve(out, piece.size);
		rc = ZSTD_decompressStream(d->zstd, &piece, &in);
		if (ZSTD_isError(rc))
			return DECODE_BAD;
		result = wrote(d, out, piece.pos);
		if (result != DECODE_OK)
			return result;
		/* rc 0: a frame has ended and all of it is out. Asked once
		 * more without input, zstd would hope for a next frame. */
		d->between = rc == 0;
		if (d->between)
			d->head = 0;
		full = piece.pos == piece.size && rc != 0;
		if (in.pos == before && piece.pos == 0)
			break;
	}
	d->begun = true;
	return DECODE_OK;
}

static enum decode_result
feed_none(struct decode *d, struct mg_span bytes, struct buf *out)
{
	bool large = bytes.len > d->left;

	if (large)
		bytes.len = (size_t)d->left;
	buf_add_span(out, bytes);
	d->left -= bytes.len;
	return large ? DECODE_LARGE : DECODE_OK;
}

enum decode_result
decode_feed(struct decode *d, struct mg_span bytes, struct buf *out)
{
	if (d->result != DECODE_OK || bytes.len == 0)
		return d->result;
	switch (d->coding) {
	case CODING_NONE:
		d->result = feed_none(d, bytes, out);
		break;
	case CODING_GZIP:
	case CODING_DEFLATE:
		d->result = feed_zlib(d, bytes, out);
		break;
	case CODING_ZSTD:
		d->result = feed_zstd(d, bytes, out);
		break;
	}
	return d->result;
}

enum decode_result
decode_end(struct decode *d)
{
	if (d->result != DECODE_OK || d->coding == CODING_NONE)
		return d->result;
	/* A coding over no bytes at all is no whole member of anything. */
	return d->between && d->begun ? DECODE_OK : DECODE_BAD;
}
