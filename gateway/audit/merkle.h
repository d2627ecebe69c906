/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/merkle.h - the hash tree over a log's records (RFC 6962
 * section 2.1, SHA-256), its roots and its proofs.
 *
 * Pure: where hashes are kept is tiles.c's business. A node is named by its
 * level (0: leaves) and its index in that level; only full subtrees have
 * one. */
#ifndef GATEWAY_AUDIT_MERKLE_H
#define GATEWAY_AUDIT_MERKLE_H

#include "gateway/buf.h"

enum {
	MERKLE_HASH = 32,		/* bytes */
	MERKLE_PROOF_MAX = 64,		/* hashes of one proof */
};

struct merkle_hash {
	unsigned char b[MERKLE_HASH];
};

/* Digest contexts that are kept: fetching them costs more than a short hash.
 * One thread at a time. Never NULL. */
struct hasher;
struct hasher *hasher_new(void);
void hasher_free(struct hasher *hasher);

/* H(0x00 || entry), H(0x01 || left || right), H(""). */
void merkle_leaf(struct hasher *hasher, struct mg_span entry,
    struct merkle_hash *out);
void merkle_node(struct hasher *hasher, const struct merkle_hash *left,
    const struct merkle_hash *right, struct merkle_hash *out);
void merkle_empty(struct hasher *hasher, struct merkle_hash *out);
bool merkle_same(const struct merkle_hash *a, const struct merkle_hash *b);

/* A tree that grows: the roots of its full subtrees, the largest first. All
 * zero is the empty tree. */
struct merkle_edge {
	uint64_t size;
	struct merkle_hash roots[64];
	unsigned n;
};
void merkle_append(struct merkle_edge *edge, struct hasher *hasher,
    const struct merkle_hash *leaf);
void merkle_root(const struct merkle_edge *edge, struct hasher *hasher,
    struct merkle_hash *out);

/* The hash of a full subtree; -1 with err filled: it cannot be had. */
struct merkle_source {
	int (*node)(void *arg, unsigned level, uint64_t index,
	    struct merkle_hash *out, struct mg_error *err);
	void *arg;
	struct hasher *hasher;
};

struct merkle_proof {
	struct merkle_hash hashes[MERKLE_PROOF_MAX];
	unsigned n;
};

/* The root of the first size leaves. */
int merkle_root_of(const struct merkle_source *source, uint64_t size,
    struct merkle_hash *out, struct mg_error *err);
/* That leaf index is in the tree of size leaves; index < size. */
int merkle_prove_inclusion(const struct merkle_source *source,
    uint64_t index, uint64_t size, struct merkle_proof *proof,
    struct mg_error *err);
/* That the tree of size `to` begins with that of size `from`; from <= to. */
int merkle_prove_consistency(const struct merkle_source *source,
    uint64_t from, uint64_t to, struct merkle_proof *proof,
    struct mg_error *err);

/* RFC 9162 sections 2.1.3.2 and 2.1.4.2. Any bytes are safe. */
bool merkle_verify_inclusion(struct hasher *hasher, uint64_t index,
    uint64_t size, const struct merkle_hash *leaf,
    const struct merkle_proof *proof, const struct merkle_hash *root);
bool merkle_verify_consistency(struct hasher *hasher, uint64_t from,
    uint64_t to, const struct merkle_hash *old_root,
    const struct merkle_hash *new_root, const struct merkle_proof *proof);

#endif
