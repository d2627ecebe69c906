/* SPDX-License-Identifier: Apache-2.0 */
/* merkle.c - the hash tree over a log's records, its roots and its proofs. */
#include "gateway/audit/merkle.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>

struct hasher {
	EVP_MD *sha256;
	EVP_MD_CTX *ctx;
};

struct hasher *
hasher_new(void)
{
	struct hasher *hasher = xcalloc(1, sizeof(*hasher));

	hasher->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	hasher->ctx = EVP_MD_CTX_new();
	if (!hasher->sha256 || !hasher->ctx)
		abort();
	return hasher;
}

void
hasher_free(struct hasher *hasher)
{
	if (!hasher)
		return;
	EVP_MD_CTX_free(hasher->ctx);
	EVP_MD_free(hasher->sha256);
	free(hasher);
}

static void
hash(struct hasher *h, const void *a, size_t a_len, const void *b,
    size_t b_len, struct merkle_hash *out)
{
	if (!EVP_DigestInit_ex2(h->ctx, h->sha256, NULL) ||
	    !EVP_DigestUpdate(h->ctx, a, a_len) ||
	    !EVP_DigestUpdate(h->ctx, b, b_len) ||
	    !EVP_DigestFinal_ex(h->ctx, out->b, NULL))
		abort();
}

void
merkle_leaf(struct hasher *hasher, struct mg_span entry,
    struct merkle_hash *out)
{
	hash(hasher, "\0", 1, entry.ptr, entry.len, out);
}

void
merkle_node(struct hasher *hasher, const struct merkle_hash *left,
    const struct merkle_hash *right, struct merkle_hash *out)
{
	unsigned char both[1 + 2 * MERKLE_HASH] = { 1 };

	memcpy(both + 1, left->b, MERKLE_HASH);
	memcpy(both + 1 + MERKLE_HASH, right->b, MERKLE_HASH);
	hash(hasher, both, sizeof(both), "", 0, out);
}

void
merkle_empty(struct hasher *hasher, struct merkle_hash *out)
{
	hash(hasher, "", 0, "", 0, out);
}

bool
merkle_same(const struct merkle_hash *a, const struct merkle_hash *b)
{
	return memcmp(a->b, b->b, MERKLE_HASH) == 0;
}

void
merkle_append(struct merkle_edge *edge, struct hasher *hasher,
    const struct merkle_hash *leaf)
{
	struct merkle_hash node = *leaf;
	uint64_t size = edge->size++;

	for (; size & 1; size >>= 1)
		merkle_node(hasher, &edge->roots[--edge->n], &node, &node);
	edge->roots[edge->n++] = node;
}

void
merkle_root(const struct merkle_edge *edge, struct hasher *hasher,
    struct merkle_hash *out)
{
	unsigned i = edge->n;

	if (i == 0) {
		merkle_empty(hasher, out);
		return;
	}
	*out = edge->roots[--i];
	while (i-- > 0)
		merkle_node(hasher, &edge->roots[i], out, out);
}

/* ---- proofs ---- */

/* The largest power of two below n; n > 1. */
static uint64_t
split(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

/* The root over leaves from..from + n; from is a multiple of the subtrees
 * that n begins with. */
static int
range(const struct merkle_source *s, uint64_t from, uint64_t n,
    struct merkle_hash *out, struct mg_error *err)
{
	struct merkle_hash right;
	uint64_t k;

	if (n == 0) {
		merkle_empty(s->hasher, out);
		return 0;
	}
	if ((n & (n - 1)) == 0) {
		unsigned level = (unsigned)__builtin_ctzll(n);

		return s->node(s->arg, level, from >> level, out, err);
	}
	k = split(n);
	if (range(s, from, k, out, err) < 0 ||
	    range(s, from + k, n - k, &right, err) < 0)
		return -1;
	merkle_node(s->hasher, out, &right, out);
	return 0;
}

int
merkle_root_of(const struct merkle_source *source, uint64_t size,
    struct merkle_hash *out, struct mg_error *err)
{
	return range(source, 0, size, out, err);
}

static int
add_range(const struct merkle_source *s, uint64_t from, uint64_t n,
    struct merkle_proof *proof, struct mg_error *err)
{
	assert(proof->n < MERKLE_PROOF_MAX);
	return range(s, from, n, &proof->hashes[proof->n++], err);
}

static void
turn_round(struct merkle_proof *proof)
{
	unsigned i;

	for (i = 0; i < proof->n / 2; i++) {
		struct merkle_hash kept = proof->hashes[i];

		proof->hashes[i] = proof->hashes[proof->n - 1 - i];
		proof->hashes[proof->n - 1 - i] = kept;
	}
}

/* Goes down from the root, so the hashes come in the wrong order. */
int
merkle_prove_inclusion(const struct merkle_source *source, uint64_t index,
    uint64_t size, struct merkle_proof *proof, struct mg_error *err)
{
	uint64_t from = 0, n = size, k;
	int rc = 0;

	assert(index < size);
	for (proof->n = 0; n > 1 && rc == 0;) {
		k = split(n);
		if (index - from < k) {
			rc = add_range(source, from + k, n - k, proof, err);
			n = k;
		} else {
			rc = add_range(source, from, k, proof, err);
			from += k;
			n -= k;
		}
	}
	turn_round(proof);
	return rc;
}

int
merkle_prove_consistency(const struct merkle_source *source, uint64_t old,
    uint64_t size, struct merkle_proof *proof, struct mg_error *err)
{
	uint64_t from = 0, m = old, n = size, k;
	int rc = 0;

	assert(old <= size);
	proof->n = 0;
	if (old == 0 || old == size)
		return 0;
	while (m < n && rc == 0) {
		k = split(n);
		if (m <= k) {
			rc = add_range(source, from + k, n - k, proof, err);
			n = k;
		} else {
			rc = add_range(source, from, k, proof, err);
			from += k;
			m -= k;
			n -= k;
		}
	}
	/* The old tree's last subtree, unless it is the whole old tree. */
	if (rc == 0 && from > 0)
		rc = add_range(source, from, m, proof, err);
	turn_round(proof);
	return rc;
}

bool
merkle_verify_inclusion(struct hasher *hasher, uint64_t index, uint64_t size,
    const struct merkle_hash *leaf, const struct merkle_proof *proof,
    const struct merkle_hash *root)
{
	struct merkle_hash r = *leaf;
	uint64_t fn = index, sn = size - 1;
	unsigned i;

	if (index >= size)
		return false;
	for (i = 0; i < proof->n; i++) {
		if (sn == 0)
			return false;
		if ((fn & 1) || fn == sn) {
			merkle_node(hasher, &proof->hashes[i], &r, &r);
			for (; !(fn & 1) && fn != 0; fn >>= 1)
				sn >>= 1;
		} else {
			merkle_node(hasher, &r, &proof->hashes[i], &r);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && merkle_same(&r, root);
}

bool
merkle_verify_consistency(struct hasher *hasher, uint64_t from, uint64_t to,
    const struct merkle_hash *old_root, const struct merkle_hash *new_root,
    const struct merkle_proof *proof)
{
	uint64_t fn = from - 1, sn = to - 1;
	struct merkle_hash fr, sr;
	unsigned i = 0;

	if (from > to || from == 0)
		return from == 0 && proof->n == 0;
	if (from == to)
		return proof->n == 0 && merkle_same(old_root, new_root);
	for (; fn & 1; fn >>= 1)
		sn >>= 1;
	if ((from & (from - 1)) == 0)
		fr = *old_root;
	else if (proof->n == 0)
		return false;
	else
		fr = proof->hashes[i++];
	for (sr = fr; i < proof->n; i++) {
		const struct merkle_hash *c = &proof->hashes[i];

		if (sn == 0)
			return false;
		if ((fn & 1) || fn == sn) {
			merkle_node(hasher, c, &fr, &fr);
			merkle_node(hasher, c, &sr, &sr);
			for (; !(fn & 1) && fn != 0; fn >>= 1)
				sn >>= 1;
		} else {
			merkle_node(hasher, &sr, c, &sr);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && merkle_same(&fr, old_root) &&
	    merkle_same(&sr, new_root);
}
