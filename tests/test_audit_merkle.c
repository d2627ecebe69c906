/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit_merkle.c - the hash tree against published roots and proofs, and
 * against a plain recursive definition. */
#include <stdio.h>

#include "gateway/audit/merkle.h"
#include "gateway/audit/note.h"
#include "tests/check.h"

#define MANY 300

static struct hasher *hasher;
static struct merkle_hash leaves[MANY];

static void
entry_hash(uint64_t i, struct merkle_hash *out)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "entry %llu",
	    (unsigned long long)i);

	merkle_leaf(hasher, span(text, (size_t)n), out);
}

static bool
is_base64(const struct merkle_hash *hash, const char *text)
{
	unsigned char bytes[MERKLE_HASH];

	return base64_read(span_str(text), bytes, sizeof(bytes)) ==
	    MERKLE_HASH && memcmp(bytes, hash->b, MERKLE_HASH) == 0;
}

/* The definition, word for word: no state, no shortcuts. */
static void
plain_root(uint64_t from, uint64_t n, struct merkle_hash *out)
{
	struct merkle_hash right;
	uint64_t k = 1;

	if (n == 0) {
		merkle_empty(hasher, out);
	} else if (n == 1) {
		*out = leaves[from];
	} else {
		while (k * 2 < n)
			k *= 2;
		plain_root(from, k, out);
		plain_root(from + k, n - k, &right);
		merkle_node(hasher, out, &right, out);
	}
}

static int
plain_node(void *arg, unsigned level, uint64_t index, struct merkle_hash *out,
    struct mg_error *err)
{
	(void)err;
	CHECK((index + 1) << level <= *(uint64_t *)arg);
	plain_root(index << level, UINT64_C(1) << level, out);
	return 0;
}

static void
roots_are_those_of_the_reference(void)
{
	static const struct {
		uint64_t size;
		const char *root;
	} known[] = {
		{ 0, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" },
		{ 1, "dziFphNIniTOLPdhmdakI/BC5LvxLX7s7pEu8nbGVwE=" },
		{ 256, "2mWW2VNp9f7zIquOTg2jsLUCNqqcijsdJG90Ecni4y4=" },
		{ 257, "XB/f6DU1gCLyOS3keNvgU/wTDP4dOggoeakM9r8Uv34=" },
		{ 70000, "o5IPun8jmgcam9EHIfE0Gt3vuu3ttBx+JEN6nRa98Ao=" },
	};
	struct merkle_edge edge = { 0 };
	struct merkle_hash hash;
	size_t i;

	for (i = 0; i < 5; i++) {
		while (edge.size < known[i].size) {
			entry_hash(edge.size, &hash);
			merkle_append(&edge, hasher, &hash);
		}
		merkle_root(&edge, hasher, &hash);
		CHECK(is_base64(&hash, known[i].root));
	}
}

static void
proofs_are_those_of_the_reference(void)
{
	static const char *const in[] = {
		"SFM123z+yWXxX/dF/GJcQdXqJkaTaTAWWCj3PdS2iFQ=",
		"vhV4G2KKKEFMHIoRuG24Qi+hBBIV/g18RJbSPNoeQUI=",
		"l5nzB1F+9RfCIF35tndivzR1ayAJn7ffzOdrzr0nOy4=" };
	static const char *const grown[] = {
		"V8efTzGuApxdS9MLBzwnyU35NDiytGl+Hh7vW8A5SkE=",
		"YcoROfaBWEHVuvLQ0tm9nf7pfImN1ve6DAqpQe5sAes=",
		"WkdmL9ijF9lgSaP59HxV3GfKZgUbqjaD27GbL+CaB7A=",
		"lK+4osoFHAVFjqOdzRmxvWjn4zUp8QtDnSphWlH2NuI=" };
	uint64_t size = 7;
	struct merkle_source source = { plain_node, &size, hasher };
	struct mg_error err = { { 0 } };
	struct merkle_proof proof;
	unsigned i;

	CHECK_EQ(merkle_prove_inclusion(&source, 5, 7, &proof, &err), 0);
	CHECK_EQ(proof.n, 3);
	for (i = 0; i < 3; i++)
		CHECK(is_base64(&proof.hashes[i], in[i]));
	CHECK_EQ(merkle_prove_consistency(&source, 3, 7, &proof, &err), 0);
	CHECK_EQ(proof.n, 4);
	for (i = 0; i < 4; i++)
		CHECK(is_base64(&proof.hashes[i], grown[i]));
}

static void
roots_agree_with_the_definition(void)
{
	struct merkle_edge edge = { 0 };
	struct merkle_source source = { plain_node, &edge.size, hasher };
	struct mg_error err = { { 0 } };
	struct merkle_hash a, b, c;

	while (edge.size < MANY) {
		merkle_append(&edge, hasher, &leaves[edge.size]);
		merkle_root(&edge, hasher, &a);
		plain_root(0, edge.size, &b);
		CHECK(merkle_same(&a, &b));
		CHECK_EQ(merkle_root_of(&source, edge.size, &c, &err), 0);
		CHECK(merkle_same(&a, &c));
	}
}

static void
every_leaf_is_proved_and_no_other(void)
{
	static const uint64_t sizes[] = { 1, 2, 3, 7, 8, 9, 31, 64, 100, 257 };
	struct mg_error err = { { 0 } };
	struct merkle_proof proof;
	struct merkle_hash root;
	uint64_t size, i;
	size_t s;

	for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct merkle_source source = { plain_node, &size, hasher };

		size = sizes[s];
		plain_root(0, size, &root);
		for (i = 0; i < size; i++) {
			CHECK_EQ(merkle_prove_inclusion(&source, i, size,
			    &proof, &err), 0);
			CHECK(merkle_verify_inclusion(hasher, i, size,
			    &leaves[i], &proof, &root));
			CHECK(!merkle_verify_inclusion(hasher, i, size,
			    &leaves[i + 1], &proof, &root));
			CHECK(!merkle_verify_inclusion(hasher, i + 1, size,
			    &leaves[i], &proof, &root));
			if (proof.n == 0)
				continue;
			proof.hashes[proof.n - 1].b[31] ^= 1;
			CHECK(!merkle_verify_inclusion(hasher, i, size,
			    &leaves[i], &proof, &root));
			proof.n--;
			CHECK(!merkle_verify_inclusion(hasher, i, size,
			    &leaves[i], &proof, &root));
		}
	}
}

static void
growth_is_proved_and_nothing_else(void)
{
	struct mg_error err = { { 0 } };
	struct merkle_proof proof;
	struct merkle_hash old, new;
	uint64_t from, to;

	for (to = 1; to <= 70; to++) {
		struct merkle_source source = { plain_node, &to, hasher };

		plain_root(0, to, &new);
		for (from = 1; from <= to; from++) {
			plain_root(0, from, &old);
			CHECK_EQ(merkle_prove_consistency(&source, from, to,
			    &proof, &err), 0);
			CHECK(merkle_verify_consistency(hasher, from, to, &old,
			    &new, &proof));
			old.b[0] ^= 1;
			CHECK(!merkle_verify_consistency(hasher, from, to,
			    &old, &new, &proof));
			old.b[0] ^= 1;
			new.b[0] ^= 1;
			CHECK(!merkle_verify_consistency(hasher, from, to,
			    &old, &new, &proof));
			new.b[0] ^= 1;
			if (proof.n > 0) {
				proof.hashes[0].b[0] ^= 1;
				CHECK(!merkle_verify_consistency(hasher, from,
				    to, &old, &new, &proof));
			}
			CHECK(!merkle_verify_consistency(hasher, to + 1, to,
			    &old, &new, &proof));
		}
	}
}

int
main(void)
{
	uint64_t i;

	hasher = hasher_new();
	for (i = 0; i < MANY; i++)
		entry_hash(i, &leaves[i]);
	RUN(roots_are_those_of_the_reference);
	RUN(proofs_are_those_of_the_reference);
	RUN(roots_agree_with_the_definition);
	RUN(every_leaf_is_proved_and_no_other);
	RUN(growth_is_proved_and_nothing_else);
	hasher_free(hasher);
	return CHECK_DONE();
}
