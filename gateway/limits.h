/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/limits.h - who may spend how much: GCRA per key, tenant, model and
 * address, concurrency, daily budgets.
 *
 * One table for all workers, sharded, each shard under its own lock; decisions
 * are exact under concurrency: all dimensions of one ask are granted together
 * or not at all. Time is passed in. Entries that are full again are dropped;
 * the table is capped (the least recently used entry of a shard goes first,
 * and never one with exchanges in flight). */
#ifndef GATEWAY_LIMITS_H
#define GATEWAY_LIMITS_H

#include "gateway/config.h"

struct limits;

enum limits_dimension { LIMIT_KEY, LIMIT_TENANT, LIMIT_MODEL, LIMIT_ADDRESS,
    LIMIT_DIMENSIONS };

enum limits_result {
	RATE_OK,
	RATE_OVER,		/* try again after retry_after_ms */
	RATE_NEVER,		/* the ask alone is larger than the limit */
	RATE_UNKNOWN,		/* the store cannot be asked: refuse, 503 */
};

struct limits_ask {
	struct mg_span name[LIMIT_DIMENSIONS];	/* len 0: not limited by it */
	const struct config_rate *rate[LIMIT_DIMENSIONS];
	uint64_t tokens;	/* reserved before: prompt estimate + maximum */
	int64_t now_ms;		/* unix time */
};

/* What OpenAI's x-ratelimit-* headers say; of the dimension with the least
 * left. limit 0: no such limit. */
struct limits_state {
	uint64_t requests_limit, requests_left, requests_reset_ms;
	uint64_t tokens_limit, tokens_left, tokens_reset_ms;
};

/* A granted ask; to be settled exactly once. */
struct limits_ticket {
	uint64_t entry[LIMIT_DIMENSIONS];	/* 0: none */
	uint64_t tokens;
	int64_t day;
	bool open;
};

struct limits_verdict {
	enum limits_result result;
	enum limits_dimension dimension;	/* which one said no */
	const char *what;	/* "requests", "tokens", "concurrent", "daily",
				 * or "table" (RATE_UNKNOWN) */
	uint64_t retry_after_ms;	/* exact if nobody else asks;
					 * "concurrent": a guess of 1 s */
	struct limits_state state;
};

/* max_entries: of all dimensions together. Never NULL. */
struct limits *limits_new(size_t max_entries);
void limits_free(struct limits *limits);
/* Any thread; time may differ a little between threads. Without a limit in
 * any dimension the ask is granted. Names are told apart by their first 256
 * bytes. Open tickets must be settled with the ask's rates before
 * limits_free(). */
void limits_take(struct limits *limits, const struct limits_ask *ask,
    struct limits_ticket *ticket, struct limits_verdict *verdict);
/* Gives back what was reserved and not spent, takes what was spent beyond,
 * ends the concurrency. rates as in the ask. spent_tokens is believed, up to 34
 * years of debt. Does nothing on a closed ticket. */
void limits_settle(struct limits *limits, struct limits_ticket *ticket,
    const struct config_rate *const rate[LIMIT_DIMENSIONS],
    uint64_t spent_tokens, int64_t now_ms);
/* Names that the table holds now; for metrics and tests. Any thread. */
size_t limits_entries(struct limits *limits);
/* A Go duration as the SDKs' headers have it: 12ms, 1.5s, 6m0s. */
void limits_duration(uint64_t ms, char out[32]);
/* A rough count of a text's tokens, for reservations and for backends that
 * give no usage: 4 bytes of ASCII, or one CJK character, are one token. */
uint64_t limits_count_tokens(struct mg_span text);

#endif
