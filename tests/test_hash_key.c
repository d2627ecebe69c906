/* SPDX-License-Identifier: Apache-2.0 */
/* test_hash_key.c - tokens in the place of values, and the secret behind. */
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/buf.h"
#include "gateway/hash_key.h"
#include "tests/check.h"
#include "tests/scratch.h"

static const char *const files[] = { "redact.key", "other.key", NULL };

static struct hash_key *
open_key(const char *name)
{
	struct mg_error err = { { 0 } };
	struct hash_key *key = hash_key_open(scratch_file(name), &err);

	CHECK(key != NULL);
	CHECK_STR(err.text, "");
	return key;
}

static const char *
token(const struct hash_key *key, const char *tenant, const char *value)
{
	static char out[4][HASH_TOKEN_MAX + 1];
	static unsigned turn;

	turn = (turn + 1) % 4;
	hash_key_token(key, span_str(tenant), span_str(value), 32, out[turn]);
	CHECK_EQ(strlen(out[turn]), 32);
	return out[turn];
}

static void
the_secret_is_made_once_for_its_owner_alone(void)
{
	struct hash_key *one = open_key("redact.key"), *two;
	struct stat st;
	char first[HASH_TOKEN_MAX + 1];

	CHECK_EQ(stat(scratch_file("redact.key"), &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0600);
	CHECK_EQ(st.st_size, 32);
	(void)snprintf(first, sizeof(first), "%s", token(one, "t", "v"));
	two = open_key("redact.key");
	CHECK_STR(token(two, "t", "v"), first);
	hash_key_free(one);
	hash_key_free(two);
	hash_key_free(NULL);
}

static void
equal_values_of_one_tenant_have_equal_tokens(void)
{
	struct hash_key *key = open_key("redact.key");

	CHECK_STR(token(key, "a", "13800138000"), token(key, "a",
	    "13800138000"));
	CHECK(strcmp(token(key, "a", "13800138000"), token(key, "a",
	    "13800138001")) != 0);
	hash_key_free(key);
}

static void
tokens_of_two_tenants_have_nothing_in_common(void)
{
	struct hash_key *key = open_key("redact.key");

	CHECK(strcmp(token(key, "a", "v"), token(key, "b", "v")) != 0);
	/* Where a name ends and a value begins makes a difference. */
	CHECK(strcmp(token(key, "a", "bv"), token(key, "ab", "v")) != 0);
	hash_key_free(key);
}

static void
another_secret_gives_other_tokens(void)
{
	struct hash_key *one = open_key("redact.key");
	struct hash_key *two = open_key("other.key");
	struct hash_key *three = hash_key_throwaway();
	struct hash_key *four = hash_key_throwaway();

	CHECK(strcmp(token(one, "a", "v"), token(two, "a", "v")) != 0);
	CHECK(strcmp(token(three, "a", "v"), token(four, "a", "v")) != 0);
	hash_key_free(one);
	hash_key_free(two);
	hash_key_free(three);
	hash_key_free(four);
}

/* Made by Python's hmac out of a secret of 32 bytes 'k'. */
static void
a_token_is_what_the_header_says(void)
{
	struct hash_key *key;
	char out[HASH_TOKEN_MAX + 1];

	scratch_write("other.key", "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk");
	(void)chmod(scratch_file("other.key"), 0600);
	key = open_key("other.key");
	hash_key_token(key, span_str("gallery"), span_str("13800138000"), 64,
	    out);
	CHECK_STR(out, "a353d2d2c3a8d8f4ec4ceef2eafeb2cd"
	    "0bbfb30c83a0247cc88e2f901c71dc5e");
	hash_key_token(key, span_str("gallery"), span_str("13800138000"), 12,
	    out);
	CHECK_STR(out, "a353d2d2c3a8");
	hash_key_free(key);
}

static void
a_secret_that_others_may_read_is_not_used(void)
{
	struct mg_error err = { { 0 } };

	(void)chmod(scratch_file("other.key"), 0644);
	CHECK(!hash_key_open(scratch_file("other.key"), &err));
	CHECK(strstr(err.text, "others may read it; chmod 600"));
	memset(&err, 0, sizeof(err));
	scratch_write("other.key", "short");
	(void)chmod(scratch_file("other.key"), 0600);
	CHECK(!hash_key_open(scratch_file("other.key"), &err));
	CHECK(strstr(err.text, "not 32 bytes"));
	CHECK(!strstr(err.text, "short"));
}

int
main(void)
{
	scratch_open();
	RUN(the_secret_is_made_once_for_its_owner_alone);
	RUN(equal_values_of_one_tenant_have_equal_tokens);
	RUN(tokens_of_two_tenants_have_nothing_in_common);
	RUN(another_secret_gives_other_tokens);
	RUN(a_token_is_what_the_header_says);
	RUN(a_secret_that_others_may_read_is_not_used);
	scratch_close(files);
	return CHECK_DONE();
}
