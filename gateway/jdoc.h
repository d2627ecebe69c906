/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/jdoc.h - a strict JSON reader (RFC 8259) that keeps the source.
 *
 * One pass checks everything (grammar, UTF-8, depth, duplicate keys, NUL,
 * surrogates) and leaves a flat array of nodes in document order, each with
 * its place in the source. Bytes are never rewritten by reading: a changed
 * document is the source with some tokens replaced (jdoc_splice), so that
 * number spelling, key order and unknown members survive.
 *
 * What is accepted here must be read the same by every other parser: no
 * duplicate keys (compared after unescaping), no lone surrogates unless
 * allowed, no control characters, no BOM, nothing after the value. */
#ifndef GATEWAY_JDOC_H
#define GATEWAY_JDOC_H

#include "gateway/buf.h"

enum jdoc_type {
	JDOC_NULL, JDOC_FALSE, JDOC_TRUE, JDOC_NUMBER, JDOC_STRING,
	JDOC_ARRAY, JDOC_OBJECT,
};

enum {
	JDOC_ESCAPED = 1,	/* the string has at least one backslash */
	JDOC_LONE = 2,		/* … and a lone surrogate among its escapes */
	JDOC_KEY_ESCAPED = 4,	/* the key has a backslash */
};

/* A value. nodes[0] is the document; an array's or object's children follow
 * it, `next` is the index after the whole subtree: the next sibling, if
 * there is one inside the parent's own `next`. */
struct jdoc_node {
	uint32_t at;		/* offset of the token, with its quotes */
	uint32_t len;		/* bytes of the token, or of the subtree */
	uint32_t next;
	uint32_t parent;	/* index; of nodes[0]: 0 */
	uint32_t key_at;	/* key's bytes between its quotes; */
	uint32_t key_len;	/* both 0 in arrays and at the top */
	uint8_t type;		/* enum jdoc_type */
	uint8_t flags;
	uint16_t depth;		/* nodes[0]: 0 */
};

struct jdoc {
	const char *text;	/* borrowed from the last jdoc_read() */
	size_t len;
	struct jdoc_node *nodes;	/* owned; reused by the next read */
	size_t n, cap;
	void *scratch;		/* owned: for duplicate keys */
	size_t scratch_cap;
};

enum jdoc_fault {
	JDOC_OK,
	JDOC_SYNTAX,		/* not RFC 8259 */
	JDOC_UTF8,		/* invalid UTF-8, or a BOM */
	JDOC_DUPLICATE,		/* a key stands twice in one object */
	JDOC_DEEP,		/* deeper than max_depth */
	JDOC_LONE_SURROGATE,	/* \ud800–\udfff without its other half */
	JDOC_NUL,		/* \u0000 */
	JDOC_LARGE,		/* more than max_nodes values, a number of more
				 * than 1,000 bytes, or 4 GiB */
};

struct jdoc_limits {
	unsigned max_depth;	/* arrays and objects inside each other; 64 */
	size_t max_nodes;	/* 200,000 */
	bool lone_surrogates;	/* let them pass, flagged JDOC_LONE (a pair
				 * may be cut between two events) */
	bool duplicate_keys;	/* let them pass (the operator's wish) */
};

/* Reads text[0..len). On a fault, *at is the offset of the first bad byte.
 * doc must be zeroed before its first use; text must stay while it is used.
 * Linear in len, whatever the text is. */
enum jdoc_fault jdoc_read(struct jdoc *doc, struct mg_span text,
    const struct jdoc_limits *limits, size_t *at);
void jdoc_fini(struct jdoc *doc);
/* A short phrase for a client's error message. */
const char *jdoc_fault_text(enum jdoc_fault fault);

/* Index of object's member, by its unescaped name; 0: there is none (0 is the
 * document itself, never a member). object may be any node. */
uint32_t jdoc_member(const struct jdoc *doc, uint32_t object,
    const char *name);
/* First child, or 0. Siblings: jdoc_sibling(), or 0. */
uint32_t jdoc_child(const struct jdoc *doc, uint32_t node);
uint32_t jdoc_sibling(const struct jdoc *doc, uint32_t node);

/* The string between the quotes, undone of escapes, as UTF-8; a lone surrogate
 * becomes U+FFFD. Without escapes it points into the source, else into
 * scratch (appended): such a span is gone when scratch grows next. A node that
 * is no string is our own bug. */
struct mg_span jdoc_string(const struct jdoc *doc, uint32_t node,
    struct buf *scratch);
struct mg_span jdoc_key(const struct jdoc *doc, uint32_t node,
    struct buf *scratch);
/* Undoes the escapes of raw bytes that stood between quotes in a document that
 * was accepted, appending to out. Reports halves of a pair at its ends: *head
 * is a low surrogate that it begins with, *tail a high one that it ends with
 * (0: none); those two add nothing to out. Either may be NULL: then U+FFFD is
 * added. */
void jdoc_unescape(struct mg_span raw, struct buf *out, uint16_t *head,
    uint16_t *tail);
/* A whole number within int64; false if the node is none. */
bool jdoc_int(const struct jdoc *doc, uint32_t node, int64_t *out);
bool jdoc_is(const struct jdoc *doc, uint32_t node, const char *string);

/* Replaces part of the source. with must be valid where it is put. */
struct jdoc_splice {
	size_t at, len;		/* in the source */
	struct mg_span with;	/* borrowed */
};
/* Writes the source with splices (sorted by place, not overlapping) to out. */
void jdoc_splice(struct mg_span text, const struct jdoc_splice *splices,
    size_t n, struct buf *out);

#endif
