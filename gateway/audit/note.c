/* SPDX-License-Identifier: Apache-2.0 */
/* note.c - signed notes, and the checkpoints in them.
 *
 * A note is a text, an empty line, and lines "— name base64(key id ||
 * signature)". A cosignature is over a text of its own that begins with the
 * time (C2SP tlog-cosignature, "cosignature/v1"). */
#include "gateway/audit/note.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define DASH "\xe2\x80\x94 "		/* U+2014 and a space */

enum { SIGNATURE = 64, STAMP = 8 };

struct note_signer {
	struct note_verifier public;
	EVP_PKEY *key;
};

/* ---- base64 ---- */

void
base64_add(struct buf *out, const void *bytes, size_t len)
{
	/* EVP_EncodeBlock() writes a NUL behind. */
	char *at = buf_reserve(out, (len + 2) / 3 * 4 + 1);

	out->len += (size_t)EVP_EncodeBlock((unsigned char *)at, bytes,
	    (int)len);
}

static int
base64_value(char c)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno"
	    "pqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(set, c) : NULL;

	return at ? (int)(at - set) : -1;
}

int
base64_read(struct mg_span text, unsigned char *out, size_t room)
{
	size_t pad = 0, i, n;
	uint32_t bits = 0;

	while (pad < 2 && pad < text.len && text.ptr[text.len - 1 - pad] == '=')
		pad++;
	n = text.len / 4 * 3 - (text.len ? pad : 0);
	if (text.len % 4 != 0 || n > room)
		return -1;
	for (i = 0; i < text.len; i++) {
		int value = i < text.len - pad ? base64_value(text.ptr[i]) : 0;
		size_t k, at = i / 4 * 3;

		if (value < 0)
			return -1;
		bits = bits << 6 | (uint32_t)value;
		if (i % 4 != 3)
			continue;
		for (k = 0; k < 3; k++, at++) {
			unsigned char byte = bits >> (16 - 8 * k) & 0xff;

			if (at < n)
				out[at] = byte;
			else if (byte)
				return -1;	/* not canonical */
		}
		bits = 0;
	}
	return (int)n;
}

/* ---- keys ---- */

static bool
is_name(struct mg_span name)
{
	size_t i;

	for (i = 0; i < name.len; i++)
		if ((unsigned char)name.ptr[i] <= ' ' || name.ptr[i] == '+' ||
		    name.ptr[i] == 0x7f)
			return false;
	return name.len > 0 && name.len <= NOTE_NAME_MAX &&
	    utf8_valid(name.ptr, name.len);
}

/* SHA-256(name || 0x0A || type || key), its first four bytes. */
static void
set_id(struct note_verifier *v)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	struct buf b = { 0 };

	buf_add_str(&b, v->name);
	buf_add_byte(&b, '\n');
	buf_add_byte(&b, (char)v->type);
	buf_add(&b, v->key, sizeof(v->key));
	if (!EVP_Digest(b.ptr, b.len, sum, NULL, EVP_sha256(), NULL))
		abort();
	memcpy(v->id, sum, sizeof(v->id));
	buf_fini(&b);
}

void
note_verifier_write(const struct note_verifier *v, struct buf *out)
{
	unsigned char typed[33] = { v->type };

	memcpy(typed + 1, v->key, sizeof(v->key));
	buf_addf(out, "%s+%02x%02x%02x%02x+", v->name, v->id[0], v->id[1],
	    v->id[2], v->id[3]);
	base64_add(out, typed, sizeof(typed));
}

int
note_verifier_read(struct mg_span vkey, struct note_verifier *out,
    struct mg_error *err)
{
	const char *plus = memchr(vkey.ptr, '+', vkey.len);
	size_t name = plus ? (size_t)(plus - vkey.ptr) : 0;
	unsigned char typed[33];
	struct buf again = { 0 };
	bool same;

	memset(out, 0, sizeof(*out));
	if (!is_name(span(vkey.ptr, name)) || vkey.len < name + 10 ||
	    vkey.ptr[name + 9] != '+')
		return mg_fail(err, NULL, "a verifier key is written "
		    "name+12345678+base64");
	memcpy(out->name, vkey.ptr, name);
	if (base64_read(span(vkey.ptr + name + 10, vkey.len - name - 10),
	    typed, sizeof(typed)) != sizeof(typed) ||
	    (typed[0] != NOTE_ED25519 && typed[0] != NOTE_COSIGNATURE))
		return mg_fail(err, NULL, "%s: a verifier key of a kind that "
		    "is not known here", out->name);
	out->type = typed[0];
	memcpy(out->key, typed + 1, sizeof(out->key));
	set_id(out);
	note_verifier_write(out, &again);
	same = span_eq(buf_span(&again), vkey);
	buf_fini(&again);
	return same ? 0 : mg_fail(err, NULL, "%s: the key's id does not fit "
	    "the key", out->name);
}

struct note_signer *
note_signer_new(const char *name, unsigned char type,
    const unsigned char seed[32], struct mg_error *err)
{
	struct note_signer *signer;
	size_t len = sizeof(signer->public.key);

	if (!is_name(span_str(name))) {
		mg_fail(err, NULL, "'%s' is no name for a key: no spaces, no "
		    "'+', at most %d bytes", name, NOTE_NAME_MAX);
		return NULL;
	}
	signer = xcalloc(1, sizeof(*signer));
	memcpy(signer->public.name, name, strlen(name));
	signer->public.type = type;
	signer->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
	    seed, 32);
	if (!signer->key || !EVP_PKEY_get_raw_public_key(signer->key,
	    signer->public.key, &len))
		abort();
	set_id(&signer->public);
	return signer;
}

void
note_signer_free(struct note_signer *signer)
{
	if (!signer)
		return;
	EVP_PKEY_free(signer->key);	/* wipes it */
	free(signer);
}

const struct note_verifier *
note_signer_public(const struct note_signer *signer)
{
	return &signer->public;
}

/* ---- signing ---- */

void
checkpoint_text(const struct checkpoint *c, struct buf *out)
{
	buf_addf(out, "%s\n%" PRIu64 "\n", c->origin, c->size);
	base64_add(out, c->root.b, sizeof(c->root.b));
	buf_add_byte(out, '\n');
}

/* What a signature of this type is made over. */
static void
signed_text(unsigned char type, struct mg_span text, uint64_t time,
    struct buf *out)
{
	if (type == NOTE_COSIGNATURE)
		buf_addf(out, "cosignature/v1\ntime %" PRIu64 "\n", time);
	buf_add_span(out, text);
}

static void
put_u64(unsigned char *out, uint64_t value)
{
	int i;

	for (i = 7; i >= 0; i--, value >>= 8)
		out[i] = value & 0xff;
}

void
note_sign(const struct note_signer *signer, struct mg_span text,
    uint64_t time, struct buf *out)
{
	const struct note_verifier *v = &signer->public;
	unsigned char line[4 + STAMP + SIGNATURE];
	size_t at = 4, len = SIGNATURE;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct buf over = { 0 };

	memcpy(line, v->id, 4);
	if (v->type == NOTE_COSIGNATURE) {
		put_u64(line + 4, time);
		at += STAMP;
	}
	signed_text(v->type, text, time, &over);
	if (!ctx || !EVP_DigestSignInit(ctx, NULL, NULL, NULL, signer->key) ||
	    !EVP_DigestSign(ctx, line + at, &len,
	    (const unsigned char *)over.ptr, over.len))
		abort();
	buf_add_str(out, DASH);
	buf_add_str(out, v->name);
	buf_add_byte(out, ' ');
	base64_add(out, line, at + SIGNATURE);
	buf_add_byte(out, '\n');
	EVP_MD_CTX_free(ctx);
	buf_fini(&over);
}

/* ---- reading ---- */

/* Takes one line with its end off *rest; false when none is whole. */
static bool
take_line(struct mg_span *rest, struct mg_span *line)
{
	const char *end = rest->len ? memchr(rest->ptr, '\n', rest->len) :
	    NULL;

	if (!end)
		return false;
	*line = span(rest->ptr, (size_t)(end - rest->ptr));
	rest->len -= line->len + 1;
	rest->ptr = end + 1;
	return true;
}

/* "— name base64", at least five bytes in the base64. */
static bool
read_line(struct mg_span line, struct mg_span *name, unsigned char *bytes,
    size_t room, size_t *n)
{
	const size_t dash = sizeof(DASH) - 1;
	const char *space;
	int got;

	if (line.len < dash || memcmp(line.ptr, DASH, dash) != 0)
		return false;
	line = span(line.ptr + dash, line.len - dash);
	space = line.len ? memchr(line.ptr, ' ', line.len) : NULL;
	if (!space)
		return false;
	*name = span(line.ptr, (size_t)(space - line.ptr));
	got = base64_read(span(space + 1, line.len - name->len - 1), bytes,
	    room);
	if (got < 5 || !is_name(*name))
		return false;
	*n = (size_t)got;
	return true;
}

enum { LINE_MAX_BYTES = 8192 };	/* of one signature; ML-DSA-44 has 2,420 */

static bool
lines_are_good(struct mg_span lines)
{
	unsigned char bytes[LINE_MAX_BYTES];
	struct mg_span line, name;
	size_t n, count = 0;

	while (lines.len > 0) {
		if (++count > NOTE_SIGNATURES_MAX ||
		    !take_line(&lines, &line) ||
		    !read_line(line, &name, bytes, sizeof(bytes), &n))
			return false;
	}
	return count > 0;
}

bool
note_read(struct mg_span bytes, struct note *note, const char **why)
{
	size_t i;

	if (bytes.len > NOTE_MAX) {
		*why = "it is larger than 64 KiB";
		return false;
	}
	for (i = 0; i < bytes.len; i++)
		if ((unsigned char)bytes.ptr[i] < 0x20 &&
		    bytes.ptr[i] != '\n') {
			*why = "it holds control characters";
			return false;
		}
	if (!utf8_valid(bytes.ptr, bytes.len)) {
		*why = "it is not UTF-8";
		return false;
	}
	/* The last empty line: the text may hold others. */
	for (i = bytes.len; i >= 2; i--)
		if (bytes.ptr[i - 1] == '\n' && bytes.ptr[i - 2] == '\n')
			break;
	if (i < 2) {
		*why = "no empty line stands before its signatures";
		return false;
	}
	note->text = span(bytes.ptr, i - 1);
	note->lines = span(bytes.ptr + i, bytes.len - i);
	*why = "its signature lines are malformed";
	return lines_are_good(note->lines);
}

static bool
signature_fits(const struct note_verifier *v, struct mg_span text,
    const unsigned char *bytes, size_t n, uint64_t *time)
{
	size_t at = v->type == NOTE_COSIGNATURE ? 4 + STAMP : 4;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct buf over = { 0 };
	EVP_PKEY *key;
	uint64_t when = 0;
	bool good;
	size_t i;

	key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, v->key,
	    sizeof(v->key));
	if (!ctx)
		abort();
	for (i = 4; i < at && i < n; i++)
		when = when << 8 | bytes[i];
	signed_text(v->type, text, when, &over);
	good = key && n == at + SIGNATURE &&
	    EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	    EVP_DigestVerify(ctx, bytes + at, SIGNATURE,
	    (const unsigned char *)over.ptr, over.len) == 1;
	if (good && time)
		*time = when;
	EVP_PKEY_free(key);
	EVP_MD_CTX_free(ctx);
	buf_fini(&over);
	return good;
}

enum note_check
note_verify(const struct note *note, const struct note_verifier *verifier,
    uint64_t *time)
{
	enum note_check result = NOTE_ABSENT;
	unsigned char bytes[LINE_MAX_BYTES];
	struct mg_span rest = note->lines, line, name;
	size_t n;

	while (take_line(&rest, &line)) {
		if (!read_line(line, &name, bytes, sizeof(bytes), &n) ||
		    !span_is(name, verifier->name) ||
		    memcmp(bytes, verifier->id, 4) != 0)
			continue;
		if (!signature_fits(verifier, note->text, bytes, n, time))
			return NOTE_BAD;
		result = NOTE_GOOD;
	}
	return result;
}

bool
checkpoint_read(struct mg_span text, struct checkpoint *out, const char **why)
{
	struct mg_span origin, size, root, rest = text;

	memset(out, 0, sizeof(*out));
	*why = "a checkpoint has three lines: origin, size, root";
	if (!take_line(&rest, &origin) || !take_line(&rest, &size) ||
	    !take_line(&rest, &root))
		return false;
	if (origin.len == 0 || origin.len > NOTE_NAME_MAX) {
		*why = "the origin is empty or too long";
		return false;
	}
	memcpy(out->origin, origin.ptr, origin.len);
	if (!span_to_u64(size, &out->size) ||
	    (size.len > 1 && size.ptr[0] == '0')) {
		*why = "the size is no decimal number";
		return false;
	}
	if (base64_read(root, out->root.b, sizeof(out->root.b)) !=
	    sizeof(out->root.b)) {
		*why = "the root is no hash of 32 bytes in base64";
		return false;
	}
	return true;
}
