/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/note.h - signed notes and the checkpoints in them (C2SP
 * signed-note, tlog-checkpoint, tlog-cosignature), with Ed25519 (RFC 8032). */
#ifndef GATEWAY_AUDIT_NOTE_H
#define GATEWAY_AUDIT_NOTE_H

#include "gateway/audit/merkle.h"

enum {
	NOTE_NAME_MAX = 255,		/* bytes of a key's name */
	NOTE_SIGNATURES_MAX = 32,	/* of one note */
	NOTE_MAX = 65536,		/* bytes of a whole note */
	NOTE_ED25519 = 0x01,		/* a log's own signature */
	NOTE_COSIGNATURE = 0x04,	/* a witness's, with the time */
};

/* What a signature is checked by. */
struct note_verifier {
	char name[NOTE_NAME_MAX + 1];
	unsigned char id[4];
	unsigned char type;		/* NOTE_ED25519 or NOTE_COSIGNATURE */
	unsigned char key[32];		/* public */
};

/* What signs. Secret: never printed, wiped by note_signer_free(). */
struct note_signer;

/* Reads "name+hex(id)+base64(type || key)". */
int note_verifier_read(struct mg_span vkey, struct note_verifier *out,
    struct mg_error *err);
/* Appends it in that form. */
void note_verifier_write(const struct note_verifier *verifier,
    struct buf *out);

/* name: no space, no '+', 1 to NOTE_NAME_MAX bytes. seed: 32 secret bytes. NULL
 * with err filled. */
struct note_signer *note_signer_new(const char *name, unsigned char type,
    const unsigned char seed[32], struct mg_error *err);
void note_signer_free(struct note_signer *signer);
const struct note_verifier *note_signer_public(
    const struct note_signer *signer);

/* A checkpoint: how large a log is, and its root. */
struct checkpoint {
	char origin[NOTE_NAME_MAX + 1];
	uint64_t size;
	struct merkle_hash root;
};

/* The note's text; with its last end of line. */
void checkpoint_text(const struct checkpoint *checkpoint, struct buf *out);
/* Appends a signature line over text; time: unix seconds, for cosignatures. */
void note_sign(const struct note_signer *signer, struct mg_span text,
    uint64_t time, struct buf *out);

/* A note, taken apart. Spans point into it. */
struct note {
	struct mg_span text;		/* what is signed */
	struct mg_span lines;		/* the signature lines */
};
/* False: it is no note; why is static. Any bytes are safe. */
bool note_read(struct mg_span bytes, struct note *note, const char **why);

enum note_check {
	NOTE_GOOD,		/* signed by this key */
	NOTE_ABSENT,		/* no line is of this key */
	NOTE_BAD,		/* a line of this key does not verify */
};
/* time (may be NULL): when a cosignature was made. */
enum note_check note_verify(const struct note *note,
    const struct note_verifier *verifier, uint64_t *time);

/* Reads a note's text as a checkpoint; further lines (extensions) are passed
 * over. False: it is none; why is static. */
bool checkpoint_read(struct mg_span text, struct checkpoint *out,
    const char **why);

/* Base64 (RFC 4648 section 4, with padding); decoding is strict: canonical,
 * nothing else. out needs len / 4 * 3 bytes; returns how many, or -1. */
void base64_add(struct buf *out, const void *bytes, size_t len);
int base64_read(struct mg_span text, unsigned char *out, size_t room);

#endif
