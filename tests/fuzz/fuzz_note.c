/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_note.c - any bytes as a signed note, a verifier key, base64, a tile's
 * path and a proof: what is taken is written again the same. */
#include <stdlib.h>

#include "gateway/audit/tiles.h"
#include "gateway/audit/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
same(struct buf *written, struct mg_span read)
{
	if (!span_eq(buf_span(written), read))
		abort();
	buf_fini(written);
}

static void
try_note(struct mg_span bytes)
{
	struct note_verifier v = { .name = "k", .type = NOTE_COSIGNATURE };
	struct checkpoint c;
	struct buf b = { 0 };
	struct note note;
	const char *why;

	if (!note_read(bytes, &note, &why))
		return;
	if (note.text.ptr < bytes.ptr || note.lines.ptr + note.lines.len !=
	    bytes.ptr + bytes.len)
		abort();
	if (note_verify(&note, &v, NULL) == NOTE_GOOD)
		abort();	/* nobody has signed it */
	if (checkpoint_read(note.text, &c, &why)) {
		checkpoint_text(&c, &b);
		if (b.len > note.text.len ||
		    memcmp(b.ptr, note.text.ptr, b.len) != 0)
			abort();
		buf_fini(&b);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mg_span bytes = { (const char *)data, size };
	struct note_verifier v = { .name = "k", .type = NOTE_ED25519 };
	struct mg_error err = { { 0 } };
	unsigned char raw[4096];
	char path[TILE_PATH_MAX];
	struct checkpoint c;
	struct buf b = { 0 };
	const char *why;
	unsigned level, width;
	uint64_t n;
	int len;

	try_note(bytes);
	if (note_verifier_read(bytes, &v, &err) == 0) {
		note_verifier_write(&v, &b);
		same(&b, bytes);
	}
	len = base64_read(bytes, raw, sizeof(raw));
	if (len >= 0) {
		base64_add(&b, raw, (size_t)len);
		same(&b, bytes);
	}
	buf_add_span(&b, bytes);
	if (tile_path_read(buf_cstr(&b), &level, &n, &width)) {
		tile_path(level, n, width, path);
		if (strcmp(path, b.ptr) != 0)
			abort();
	}
	buf_fini(&b);
	if (audit_proof_holds(bytes, span("x", 1), &v, &c, &why))
		abort();
	return 0;
}
