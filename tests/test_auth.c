/* SPDX-License-Identifier: Apache-2.0 */
/* test_auth.c - who a secret stands for, and how soon that changes. */
#include "gateway/auth.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "gateway/keys.h"
#include "gateway/log.h"
#include "tests/check.h"

#define T0 INT64_C(1800000000000)

static char dir[64], db[96], other[96];

static void
fresh(void)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char path[128];
	size_t i;

	for (i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", db, ends[i]);
		unlink(path);
		(void)snprintf(path, sizeof(path), "%s%s", other, ends[i]);
		unlink(path);
	}
}

static void
add_to(const char *path, const struct keys_grant *grant,
    struct keys_secret *secret)
{
	struct mg_error err = { 0 };
	struct keys *k = keys_open(path, KEYS_MAKE, &err);

	CHECK(k != NULL);
	CHECK_EQ(keys_add(k, grant, T0, secret, &err), 0);
	CHECK_STR(err.text, "");
	keys_close(k);
}

static struct keys_secret
add(const char *name)
{
	const struct keys_grant grant = { .name = name };
	struct keys_secret secret;

	add_to(db, &grant, &secret);
	return secret;
}

static enum auth_result
check(struct auth *auth, const char *secret, int64_t now_ms)
{
	struct principal *who;
	enum auth_result rc = auth_check(auth, span_str(secret), now_ms, &who);

	CHECK_EQ(who != NULL, rc == AUTH_OK);
	principal_unref(&who);
	return rc;
}

static int64_t
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until the secret's result is want, at most two seconds. Returns how
 * long it took, or -1. */
static int64_t
until(struct auth *auth, const char *secret, enum auth_result want)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	int64_t from = clock_ms();

	while (check(auth, secret, T0) != want) {
		if (clock_ms() - from > 2000)
			return -1;
		nanosleep(&nap, NULL);
	}
	return clock_ms() - from;
}

static bool
within_a_second(int64_t ms)
{
	return ms >= 0 && ms <= 1000;
}

static void
a_secret_gives_its_principal(void)
{
	const char *const models[] = { "gpt-*", "qwen?", NULL };
	const char *const endpoints[] = { "chat", NULL };
	const struct keys_grant grant = { .name = "alice",
		.tenant = "gallery", .models = models,
		.endpoints = endpoints, .expires_ms = T0 + 5 };
	struct principal *who, *again;
	struct keys_secret s;
	struct auth *auth;

	fresh();
	add_to(db, &grant, &s);
	auth = auth_new(db, NULL);
	CHECK(auth != NULL);
	CHECK_EQ(auth_check(auth, span_str(s.text), T0, &who), AUTH_OK);
	CHECK_STR(who->key_id, s.key_id);
	CHECK_STR(who->name, "alice");
	CHECK_STR(who->tenant, "gallery");
	CHECK_EQ(who->expires_ms, T0 + 5);
	CHECK(principal_may_model(who, span_str("gpt-4")));
	CHECK(principal_may_model(who, span_str("qwen3")));
	CHECK(!principal_may_model(who, span_str("qwen")));
	CHECK(!principal_may_model(who, span_str("GPT-4")));
	CHECK(!principal_may_model(who, span(NULL, 0)));
	CHECK(principal_may_endpoint(who, "chat"));
	CHECK(!principal_may_endpoint(who, "completions"));
	again = principal_ref(who);
	principal_unref(&who);
	CHECK(who == NULL);
	/* A principal outlives the table it came from. */
	auth_free(auth);
	CHECK_STR(again->tenant, "gallery");
	principal_unref(&again);
}

static void
what_is_no_secret_is_missing_or_unknown(void)
{
	char text[KEYS_SECRET_BYTES + 1], longer[300];
	struct keys_secret s;
	struct auth *auth;
	size_t i;

	fresh();
	s = add("alice");
	auth = auth_new(db, NULL);
	CHECK_EQ(check(auth, "", T0), AUTH_MISSING);
	CHECK_EQ(check(auth, s.text, T0), AUTH_OK);
	CHECK_EQ(check(auth, s.key_id, T0), AUTH_UNKNOWN);
	for (i = 0; i < KEYS_SECRET_BYTES; i++) {
		memcpy(text, s.text, sizeof(text));
		text[i] ^= 1;
		CHECK_EQ(check(auth, text, T0), AUTH_UNKNOWN);
		text[i] = '\0';
		CHECK(check(auth, text, T0) != AUTH_OK);
	}
	memset(longer, 'a', sizeof(longer));
	longer[299] = '\0';
	CHECK_EQ(check(auth, longer, T0), AUTH_UNKNOWN);
	memcpy(longer, s.text, KEYS_SECRET_BYTES);
	CHECK_EQ(check(auth, longer, T0), AUTH_UNKNOWN);
	auth_free(auth);
}

static void
expiry_and_the_end_of_an_overlap_are_exact(void)
{
	const struct keys_grant grant = { .name = "a",
		.expires_ms = T0 + 1000 };
	struct keys_secret old, fresh_one;
	struct auth *auth;
	struct keys *k;

	fresh();
	add_to(db, &grant, &old);
	k = keys_open(db, KEYS_EXISTING, NULL);
	CHECK_EQ(keys_rotate(k, "a", 500, 0, T0, &fresh_one, NULL), 0);
	keys_close(k);
	auth = auth_new(db, NULL);
	CHECK_EQ(check(auth, old.text, T0 + 499), AUTH_OK);
	CHECK_EQ(check(auth, old.text, T0 + 500), AUTH_EXPIRED);
	CHECK_EQ(check(auth, fresh_one.text, T0 + 500), AUTH_OK);
	CHECK_EQ(check(auth, fresh_one.text, INT64_MAX), AUTH_OK);
	auth_free(auth);
	/* An overlap does not lengthen a life. */
	fresh();
	add_to(db, &grant, &old);
	k = keys_open(db, KEYS_EXISTING, NULL);
	CHECK_EQ(keys_rotate(k, "a", 5000, -1, T0 + 10, &fresh_one, NULL), 0);
	keys_close(k);
	auth = auth_new(db, NULL);
	CHECK_EQ(check(auth, old.text, T0 + 999), AUTH_OK);
	CHECK_EQ(check(auth, old.text, T0 + 1000), AUTH_EXPIRED);
	CHECK_EQ(check(auth, fresh_one.text, T0 + 1009), AUTH_OK);
	CHECK_EQ(check(auth, fresh_one.text, T0 + 1010), AUTH_EXPIRED);
	auth_free(auth);
}

static void
a_change_is_in_force_within_a_second(void)
{
	struct keys_secret s, t;
	struct auth *auth;
	struct keys *k;

	fresh();
	auth = auth_new(db, NULL);	/* makes the store */
	CHECK(auth != NULL);
	s = add("alice");
	CHECK(within_a_second(until(auth, s.text, AUTH_OK)));
	k = keys_open(db, KEYS_EXISTING, NULL);
	CHECK_EQ(keys_rotate(k, "alice", 0, -1, T0, &t, NULL), 0);
	CHECK(within_a_second(until(auth, t.text, AUTH_OK)));
	CHECK_EQ(check(auth, s.text, T0), AUTH_EXPIRED);
	CHECK_EQ(keys_revoke(k, "alice", T0 + 1, NULL, NULL), 0);
	CHECK(within_a_second(until(auth, t.text, AUTH_UNKNOWN)));
	keys_close(k);
	auth_free(auth);
}

static void
a_store_put_in_place_of_another_is_noticed(void)
{
	const struct keys_grant grant = { .name = "restored" };
	struct keys_secret s, r;
	struct auth *auth;

	fresh();
	s = add("alice");
	add_to(other, &grant, &r);
	auth = auth_new(db, NULL);
	CHECK_EQ(check(auth, s.text, T0), AUTH_OK);
	CHECK_EQ(check(auth, r.text, T0), AUTH_UNKNOWN);
	CHECK_EQ(rename(other, db), 0);
	CHECK(within_a_second(until(auth, r.text, AUTH_OK)));
	CHECK_EQ(check(auth, s.text, T0), AUTH_UNKNOWN);
	/* And again: the new file is the one that is watched. */
	s = add("bob");
	CHECK(within_a_second(until(auth, s.text, AUTH_OK)));
	auth_free(auth);
}

/* Sends the log into a file for a while; returns how often it has text. */
static unsigned
count_in_log(const char *path, const char *text)
{
	static char log[65536];
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(log, 1, sizeof(log) - 1, f) : 0;
	unsigned count = 0;
	char *at = log;

	if (f)
		fclose(f);
	log[n] = '\0';
	while ((at = strstr(at, text))) {
		count++;
		at++;
	}
	return count;
}

static void
a_store_that_fails_leaves_the_last_keys_and_one_line(void)
{
	const struct timespec second = { .tv_sec = 1, .tv_nsec = 100000000 };
	const struct keys_grant grant = { .name = "later" };
	char log[96];
	struct keys_secret s, r;
	struct auth *auth;
	int kept = dup(STDERR_FILENO), to;
	sqlite3 *sql;

	fresh();
	s = add("alice");
	add_to(other, &grant, &r);
	auth = auth_new(db, NULL);
	(void)snprintf(log, sizeof(log), "%s/log", dir);
	to = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	dup2(to, STDERR_FILENO);
	close(to);
	unlink(db);
	nanosleep(&second, NULL);
	CHECK_EQ(check(auth, s.text, T0), AUTH_OK);
	CHECK_EQ(count_in_log(log, "keys cannot be read"), 1);
	/* Rubbish in its place is no better. */
	to = open(db, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK_EQ(write(to, "rubbish", 7), 7);
	close(to);
	nanosleep(&second, NULL);
	CHECK_EQ(check(auth, s.text, T0), AUTH_OK);
	CHECK_EQ(count_in_log(log, "keys cannot be read"), 1);
	CHECK_EQ(rename(other, db), 0);
	CHECK(within_a_second(until(auth, r.text, AUTH_OK)));
	CHECK_EQ(check(auth, s.text, T0), AUTH_UNKNOWN);
	CHECK_EQ(count_in_log(log, "keys can be read again"), 1);
	CHECK_EQ(count_in_log(log, s.text), 0);
	/* A row without sense fails the whole: no key is taken on trust. */
	CHECK_EQ(sqlite3_open(db, &sql), SQLITE_OK);
	CHECK_EQ(sqlite3_exec(sql, "UPDATE keys SET models = '[1]'", NULL,
	    NULL, NULL), SQLITE_OK);
	nanosleep(&second, NULL);
	CHECK_EQ(check(auth, r.text, T0), AUTH_OK);
	CHECK_EQ(count_in_log(log, "scope is not a list of texts"), 1);
	CHECK_EQ(sqlite3_exec(sql, "UPDATE keys SET models = '[]', "
	    "revoked_ms = 1", NULL, NULL, NULL), SQLITE_OK);
	CHECK(within_a_second(until(auth, r.text, AUTH_UNKNOWN)));
	sqlite3_close(sql);
	auth_free(auth);
	dup2(kept, STDERR_FILENO);
	close(kept);
	unlink(log);
}

static void
a_bad_store_at_the_start_is_an_error(void)
{
	struct mg_error err = { 0 };
	int fd;

	fresh();
	fd = open(db, O_WRONLY | O_CREAT, 0600);
	CHECK_EQ(write(fd, "rubbish that is no database", 27), 27);
	close(fd);
	CHECK(auth_new(db, &err) == NULL);
	CHECK(strstr(err.text, "no key store") != NULL);
	memset(&err, 0, sizeof(err));
	CHECK(auth_new("/nonexistent/keys.db", &err) == NULL);
	CHECK(strstr(err.text, "/nonexistent/keys.db: cannot be made: No such "
	    "file or directory") != NULL);
	auth_free(NULL);
}

static void
many_keys_are_all_found(void)
{
	enum { N = 500 };
	static struct keys_secret s[N];
	struct auth *auth;
	struct keys *k;
	char name[32];
	int i;

	fresh();
	k = keys_open(db, KEYS_MAKE, NULL);
	for (i = 0; i < N; i++) {
		struct keys_grant grant = { .name = name };

		(void)snprintf(name, sizeof(name), "n%d", i);
		CHECK_EQ(keys_add(k, &grant, T0, &s[i], NULL), 0);
	}
	CHECK_EQ(keys_revoke(k, "n7", T0, NULL, NULL), 0);
	keys_close(k);
	auth = auth_new(db, NULL);
	for (i = 0; i < N; i++) {
		struct principal *who = NULL;

		CHECK_EQ(auth_check(auth, span_str(s[i].text), T0, &who),
		    i == 7 ? AUTH_UNKNOWN : AUTH_OK);
		if (who)
			CHECK_STR(who->key_id, s[i].key_id);
		principal_unref(&who);
	}
	auth_free(auth);
}

struct caller {
	struct auth *auth;
	const char *secret;
	_Atomic bool stop;
	unsigned long wrong;
};

static void *
call(void *arg)
{
	struct caller *c = arg;
	struct principal *who;

	while (!c->stop) {
		if (auth_check(c->auth, span_str(c->secret), T0, &who) !=
		    AUTH_OK || strcmp(who->name, "steady") != 0)
			c->wrong++;
		principal_unref(&who);
	}
	return NULL;
}

static void
threads_look_up_while_the_table_is_swapped(void)
{
	struct caller c[2] = { 0 };
	struct keys_secret steady, s = { 0 };
	pthread_t thread[2];
	struct auth *auth;
	char name[32];
	int i;

	fresh();
	steady = add("steady");
	auth = auth_new(db, NULL);
	for (i = 0; i < 2; i++) {
		c[i].auth = auth;
		c[i].secret = steady.text;
		pthread_create(&thread[i], NULL, call, &c[i]);
	}
	for (i = 0; i < 3; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		s = add(name);
		CHECK(within_a_second(until(auth, s.text, AUTH_OK)));
	}
	for (i = 0; i < 2; i++) {
		c[i].stop = true;
		pthread_join(thread[i], NULL);
		CHECK_EQ(c[i].wrong, 0);
	}
	auth_free(auth);
}

static void
anonymous_may_do_everything(void)
{
	struct principal *who = principal_anonymous();

	CHECK_STR(who->key_id, "anonymous");
	CHECK(principal_may_model(who, span_str("any")));
	CHECK(principal_may_endpoint(who, "chat"));
	principal_unref(&who);
	principal_unref(&who);
}

int
main(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/modgate-auth-XXXXXX");
	if (!mkdtemp(dir))
		return 2;
	(void)snprintf(db, sizeof(db), "%s/keys.db", dir);
	(void)snprintf(other, sizeof(other), "%s/other.db", dir);
	log_setup(LOG_WARN, false);
	RUN(a_secret_gives_its_principal);
	RUN(what_is_no_secret_is_missing_or_unknown);
	RUN(expiry_and_the_end_of_an_overlap_are_exact);
	RUN(a_change_is_in_force_within_a_second);
	RUN(a_store_put_in_place_of_another_is_noticed);
	RUN(a_bad_store_at_the_start_is_an_error);
	RUN(many_keys_are_all_found);
	RUN(threads_look_up_while_the_table_is_swapped);
	RUN(anonymous_may_do_everything);
	log_setup(LOG_INFO, false);
	RUN(a_store_that_fails_leaves_the_last_keys_and_one_line);
	fresh();
	rmdir(dir);
	return CHECK_DONE();
}
