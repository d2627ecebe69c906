/* SPDX-License-Identifier: Apache-2.0 */
/* bench_limits.c - nanoseconds per ask and settle, by one thread and by two,
 * and per key looked up. Prints figures; judges nothing. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "gateway/auth.h"
#include "gateway/keys.h"
#include "gateway/limits.h"
#include "gateway/log.h"

#define ROUNDS 1000000

static const struct config_rate rate = {
	.requests = UINT64_C(1) << 40, .requests_ms = 60000,
	.tokens = UINT64_C(1) << 44, .tokens_ms = 60000,
	.concurrent = 1000, .daily = UINT64_C(1) << 50,
};
static const struct config_rate *const rates[LIMIT_DIMENSIONS] = {
	&rate, &rate, &rate, &rate,
};

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct job {
	struct limits *limits;
	struct auth *auth;
	unsigned number;
	const char *secret;
};

static void *
ask_all(void *arg)
{
	struct job *job = arg;
	char keys[64][20], addresses[64][20];
	struct limits_ticket ticket;
	struct limits_verdict v;
	unsigned i;

	for (i = 0; i < 64; i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), "key_%u%u%08u",
		    job->number, i % 10, i);
		(void)snprintf(addresses[i], sizeof(addresses[i]),
		    "10.0.%u.%u", job->number, i);
	}
	for (i = 0; i < ROUNDS; i++) {
		struct limits_ask ask = {
			.name = { span_str(keys[i % 64]), span_str("gallery"),
			    span_str("text-davinci-002"),
			    span_str(addresses[i % 64]) },
			.rate = { &rate, &rate, &rate, &rate },
			.tokens = 1000,
			.now_ms = INT64_C(1800000000000) + i / 1000,
		};

		limits_take(job->limits, &ask, &ticket, &v);
		if (v.result != RATE_OK)
			abort();
		limits_settle(job->limits, &ticket, rates, 400, ask.now_ms);
	}
	return NULL;
}

static void *
check_all(void *arg)
{
	struct job *job = arg;
	struct mg_span secret = span_str(job->secret);
	struct principal *who;
	unsigned i;

	for (i = 0; i < ROUNDS; i++) {
		if (auth_check(job->auth, secret, 1, &who) != AUTH_OK)
			abort();
		principal_unref(&who);
	}
	return NULL;
}

static void
measure(const char *what, void *(*run)(void *arg), struct job *job)
{
	pthread_t thread[2];
	struct job second = *job;
	double from = now_ns();

	run(job);
	printf("%-28s %6.0f ns with one thread", what,
	    (now_ns() - from) / ROUNDS);
	second.number = 1;
	from = now_ns();
	pthread_create(&thread[0], NULL, run, job);
	pthread_create(&thread[1], NULL, run, &second);
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	printf(", %6.0f ns with two\n", (now_ns() - from) / ROUNDS);
}

static void
measure_keys(void)
{
	char dir[] = "/tmp/modgate-bench-XXXXXX", path[64];
	const struct keys_grant grant = { .name = "a" };
	struct keys_secret secret;
	struct mg_error err = { 0 };
	struct job job = { 0 };
	struct keys *keys;

	if (!mkdtemp(dir))
		return;
	(void)snprintf(path, sizeof(path), "%s/keys.db", dir);
	keys = keys_open(path, KEYS_MAKE, &err);
	if (keys && keys_add(keys, &grant, 1, &secret, &err) == 0) {
		keys_close(keys);
		job.auth = auth_new(path, &err);
		job.secret = secret.text;
		measure("auth_check", check_all, &job);
		auth_free(job.auth);
	}
	if (err.text[0])
		fprintf(stderr, "%s\n", err.text);
	unlink(path);
	rmdir(dir);
}

int
main(void)
{
	struct job job = { .limits = limits_new(100000) };
	char text[4096];
	uint64_t sum = 0;
	double from;
	unsigned i;

	log_setup(LOG_WARN, false);
	measure("take and settle, 4 names", ask_all, &job);
	limits_free(job.limits);
	memset(text, 'a', sizeof(text));
	from = now_ns();
	for (i = 0; i < ROUNDS / 10; i++) {
		text[i % 4096] ^= 1;
		sum += limits_count_tokens(span(text, sizeof(text)));
	}
	printf("%-28s %6.0f ns (%u)\n", "tokens of 4 KB",
	    (now_ns() - from) / (ROUNDS / 10), (unsigned)(sum & 1));
	measure_keys();
	return 0;
}
