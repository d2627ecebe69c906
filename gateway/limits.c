/* SPDX-License-Identifier: Apache-2.0 */
/* limits.c - may this exchange run now, and what did it cost in the end?
 *
 * GCRA (ATM Forum TM 4.0, section 4.4.2), whose burst is the whole limit, on
 * exact whole numbers; concurrency; tokens per UTC day. Pure arithmetic on the
 * time that is passed in. An ask locks the shards of all its names in order,
 * looks at every limit, and only then takes from each: granted together or not
 * at all. Where entries are kept is limits_table.c's business. */
#include "gateway/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/buf.h"
#include "gateway/limits_table.h"

#define DAY_MS 86400000

/* Beyond these, numbers are cut: products stay below 2^125. No real limit
 * comes near; what a confused backend says it has spent may. */
#define MOST_TOKENS ((uint64_t)1 << 48)
#define MOST_PERIOD_MS ((uint64_t)1 << 36)
#define MOST_DEBT_MS ((uint64_t)1 << 40)

/* Clocks of two workers may differ a little; a step back by more than this is
 * a clock that was set, and must not stop a key for hours. */
#define CLOCK_SLACK_MS 1000

/* How soon to try again when only another exchange's end can help. */
#define CONCURRENT_RETRY_MS 1000

struct limits {
	struct limits_table *table;
};

/* One ask while its shards are locked. */
struct asking {
	const struct limits_ask *ask;
	uint64_t hash[LIMIT_DIMENSIONS];
	bool wanted[LIMIT_DIMENSIONS];
	struct limits_entry *entry[LIMIT_DIMENSIONS];	/* pinned */
	unsigned shards[LIMIT_DIMENSIONS];	/* to lock, ascending */
	unsigned n_shards;
	uint64_t tokens;
	int64_t day;
};

static uint64_t
at_most(uint64_t value, uint64_t most)
{
	return value < most ? value : most;
}

/* ---- one bucket ---- */

/* Makes what is missing to a full bucket debt, or as much as can be. */
static void
bucket_owe(struct limits_bucket *b, __int128 debt, int64_t now_ms)
{
	__int128 most = (__int128)b->limit * MOST_DEBT_MS;

	b->tat = (__int128)now_ms * b->limit + (debt < most ? debt : most);
}

/* Gives the bucket a rate. When that has changed (a reload), what is spent
 * stays spent, counted in requests or tokens. */
static void
bucket_fit(struct limits_bucket *b, uint64_t limit, uint64_t period_ms,
    int64_t now_ms)
{
	__int128 debt = 0;

	limit = at_most(limit, MOST_TOKENS);
	period_ms = period_ms ? at_most(period_ms, MOST_PERIOD_MS) : 1;
	if (b->limit == limit && b->period_ms == period_ms)
		return;
	if (b->limit)
		debt = limits_bucket_debt(b, now_ms) * period_ms /
		    b->period_ms;
	b->limit = limit;
	b->period_ms = period_ms;
	bucket_owe(b, debt, now_ms);
}

/* How long until cost, at most the limit, fits; 0: it fits now. */
static uint64_t
bucket_wait_ms(const struct limits_bucket *b, uint64_t cost, int64_t now_ms)
{
	__int128 over = limits_bucket_debt(b, now_ms) +
	    ((__int128)cost - b->limit) * b->period_ms;

	if (over <= 0)
		return 0;
	return (uint64_t)((over + b->limit - 1) / b->limit);
}

static void
bucket_take(struct limits_bucket *b, uint64_t cost, int64_t now_ms)
{
	bucket_owe(b, limits_bucket_debt(b, now_ms) +
	    (__int128)cost * b->period_ms, now_ms);
}

static void
bucket_give(struct limits_bucket *b, uint64_t cost, int64_t now_ms)
{
	__int128 debt = limits_bucket_debt(b, now_ms) -
	    (__int128)cost * b->period_ms;

	bucket_owe(b, debt > 0 ? debt : 0, now_ms);
}

static uint64_t
bucket_left(const struct limits_bucket *b, int64_t now_ms)
{
	__int128 room = (__int128)b->limit * b->period_ms -
	    limits_bucket_debt(b, now_ms);

	return room > 0 ? (uint64_t)(room / b->period_ms) : 0;
}

/* Until the bucket is full again. */
static uint64_t
bucket_reset_ms(const struct limits_bucket *b, int64_t now_ms)
{
	return (uint64_t)((limits_bucket_debt(b, now_ms) + b->limit - 1) /
	    b->limit);
}

/* ---- one entry ---- */

/* Brings an entry to the time and the rates of an ask. */
static void
entry_fit(struct limits_entry *e, const struct config_rate *rate,
    int64_t now_ms)
{
	int64_t back = e->seen_ms - now_ms;

	if (back > CLOCK_SLACK_MS) {
		e->requests.tat -= (__int128)back * e->requests.limit;
		e->tokens.tat -= (__int128)back * e->tokens.limit;
		if (e->day > now_ms / DAY_MS)
			e->day = now_ms / DAY_MS;
		e->seen_ms = now_ms;
	} else if (back < 0) {
		e->seen_ms = now_ms;
	}
	if (rate->requests)
		bucket_fit(&e->requests, rate->requests, rate->requests_ms,
		    now_ms);
	if (rate->tokens)
		bucket_fit(&e->tokens, rate->tokens, rate->tokens_ms, now_ms);
}

static void
entry_roll_day(struct limits_entry *e, int64_t day)
{
	if (e->day == day)
		return;
	e->day = day;
	e->day_used = 0;
}

/* ---- the decision ---- */

static void
say_no(struct limits_verdict *v, enum limits_result result,
    enum limits_dimension dimension, const char *what, uint64_t wait_ms)
{
	/* What can never be comes first, then the longest wait: after it, all
	 * others have passed too. */
	if (v->result == RATE_NEVER ||
	    (v->result == RATE_OVER && result == RATE_OVER &&
	    v->retry_after_ms >= wait_ms))
		return;
	v->result = result;
	v->dimension = dimension;
	v->what = what;
	v->retry_after_ms = wait_ms;
}

static void
look(const struct asking *a, enum limits_dimension d,
    struct limits_verdict *v)
{
	const struct config_rate *rate = a->ask->rate[d];
	const struct limits_entry *e = a->entry[d];
	int64_t now_ms = a->ask->now_ms;
	uint64_t wait;

	if (rate->requests) {
		wait = bucket_wait_ms(&e->requests, 1, now_ms);
		if (wait)
			say_no(v, RATE_OVER, d, "requests", wait);
	}
	if (rate->tokens && a->tokens > e->tokens.limit) {
		say_no(v, RATE_NEVER, d, "tokens", 0);
	} else if (rate->tokens) {
		wait = bucket_wait_ms(&e->tokens, a->tokens, now_ms);
		if (wait)
			say_no(v, RATE_OVER, d, "tokens", wait);
	}
	if (rate->daily && a->tokens > rate->daily)
		say_no(v, RATE_NEVER, d, "daily", 0);
	else if (rate->daily && (e->day_used > rate->daily ||
	    a->tokens > rate->daily - e->day_used))
		say_no(v, RATE_OVER, d, "daily",
		    (uint64_t)((a->day + 1) * DAY_MS - now_ms));
	/* in_flight counts this ask already. */
	if (rate->concurrent && e->in_flight > rate->concurrent)
		say_no(v, RATE_OVER, d, "concurrent", CONCURRENT_RETRY_MS);
}

static void
take(struct asking *a, enum limits_dimension d)
{
	const struct config_rate *rate = a->ask->rate[d];
	struct limits_entry *e = a->entry[d];

	if (rate->requests)
		bucket_take(&e->requests, 1, a->ask->now_ms);
	if (rate->tokens)
		bucket_take(&e->tokens, a->tokens, a->ask->now_ms);
	if (rate->daily)
		e->day_used += a->tokens;
}

/* Fills the state from the dimension that has the least left. */
static void
describe(const struct asking *a, struct limits_state *state)
{
	const struct limits_bucket *requests = NULL, *tokens = NULL;
	int64_t now_ms = a->ask->now_ms;
	uint64_t left;
	unsigned d;

	for (d = 0; d < LIMIT_DIMENSIONS; d++) {
		if (!a->entry[d])
			continue;
		if (a->ask->rate[d]->requests) {
			left = bucket_left(&a->entry[d]->requests, now_ms);
			if (!requests || left < state->requests_left) {
				requests = &a->entry[d]->requests;
				state->requests_left = left;
			}
		}
		if (a->ask->rate[d]->tokens) {
			left = bucket_left(&a->entry[d]->tokens, now_ms);
			if (!tokens || left < state->tokens_left) {
				tokens = &a->entry[d]->tokens;
				state->tokens_left = left;
			}
		}
	}
	if (requests) {
		state->requests_limit = requests->limit;
		state->requests_reset_ms = bucket_reset_ms(requests, now_ms);
	}
	if (tokens) {
		state->tokens_limit = tokens->limit;
		state->tokens_reset_ms = bucket_reset_ms(tokens, now_ms);
	}
}

/* ---- all names of an ask ---- */

static bool
is_limit(const struct config_rate *rate)
{
	return rate && (rate->requests || rate->tokens || rate->concurrent ||
	    rate->daily);
}

/* Adds a shard to those to lock: ascending, each once. */
static void
add_shard(struct asking *a, unsigned shard)
{
	unsigned i = a->n_shards, j;

	while (i > 0 && a->shards[i - 1] > shard)
		i--;
	if (i > 0 && a->shards[i - 1] == shard)
		return;
	for (j = a->n_shards; j > i; j--)
		a->shards[j] = a->shards[j - 1];
	a->shards[i] = shard;
	a->n_shards++;
}

static void
lock_all(struct limits_table *table, struct asking *a)
{
	unsigned d, i;

	for (d = 0; d < LIMIT_DIMENSIONS; d++) {
		if (a->ask->name[d].len == 0 || !is_limit(a->ask->rate[d]))
			continue;
		a->wanted[d] = true;
		a->hash[d] = limits_table_hash(table,
		    (enum limits_dimension)d, a->ask->name[d]);
		add_shard(a, limits_table_shard(table, a->hash[d]));
	}
	for (i = 0; i < a->n_shards; i++)
		limits_table_lock(table, a->shards[i]);
}

static void
unlock_all(struct limits_table *table, const struct asking *a)
{
	unsigned i;

	for (i = a->n_shards; i-- > 0;)
		limits_table_unlock(table, a->shards[i]);
}

/* Pins before it looks, so that making one entry cannot evict another of the
 * same ask. False: there is no room. */
static bool
pin_all(struct limits_table *table, struct asking *a,
    struct limits_verdict *v)
{
	unsigned d;

	for (d = 0; d < LIMIT_DIMENSIONS; d++) {
		if (!a->wanted[d])
			continue;
		a->entry[d] = limits_table_pin(table, a->hash[d],
		    (enum limits_dimension)d, a->ask->name[d],
		    a->ask->now_ms);
		if (!a->entry[d]) {
			v->result = RATE_UNKNOWN;
			v->dimension = (enum limits_dimension)d;
			v->what = "table";
			return false;
		}
		entry_fit(a->entry[d], a->ask->rate[d], a->ask->now_ms);
		if (a->entry[d]->day > a->day)
			a->day = a->entry[d]->day;
	}
	return true;
}

static void
unpin_all(struct limits_table *table, struct asking *a)
{
	unsigned d;

	for (d = 0; d < LIMIT_DIMENSIONS; d++)
		if (a->entry[d])
			limits_table_unpin(table, a->entry[d],
			    a->ask->now_ms);
}

static void
decide(struct limits_table *table, struct asking *a,
    struct limits_ticket *ticket, struct limits_verdict *v)
{
	unsigned d;

	for (d = 0; d < LIMIT_DIMENSIONS; d++) {
		if (!a->entry[d])
			continue;
		entry_roll_day(a->entry[d], a->day);
		look(a, (enum limits_dimension)d, v);
	}
	if (v->result == RATE_OK) {
		for (d = 0; d < LIMIT_DIMENSIONS; d++) {
			if (!a->entry[d])
				continue;
			take(a, (enum limits_dimension)d);
			ticket->entry[d] = limits_table_id(table,
			    a->entry[d]);
		}
		ticket->tokens = a->tokens;
		ticket->day = a->day;
		ticket->open = true;
	}
	describe(a, &v->state);
}

void
limits_take(struct limits *limits, const struct limits_ask *ask,
    struct limits_ticket *ticket, struct limits_verdict *verdict)
{
	struct asking a = {
		.ask = ask,
		.tokens = at_most(ask->tokens, MOST_TOKENS + 1),
		.day = ask->now_ms / DAY_MS,
	};

	memset(ticket, 0, sizeof(*ticket));
	memset(verdict, 0, sizeof(*verdict));
	verdict->result = RATE_OK;
	lock_all(limits->table, &a);
	if (pin_all(limits->table, &a, verdict))
		decide(limits->table, &a, ticket, verdict);
	if (!ticket->open)
		unpin_all(limits->table, &a);
	unlock_all(limits->table, &a);
}

/* ---- settling ---- */

static void
entry_settle(struct limits_entry *e, const struct limits_ticket *ticket,
    const struct config_rate *rate, uint64_t spent, int64_t now_ms)
{
	/* The bucket's own rate counts: a reload may have changed it since.
	 * The ask's says whether anything was reserved. */
	if (rate->tokens && e->tokens.limit && spent < ticket->tokens)
		bucket_give(&e->tokens, ticket->tokens - spent, now_ms);
	else if (rate->tokens && e->tokens.limit && spent > ticket->tokens)
		bucket_take(&e->tokens, spent - ticket->tokens, now_ms);
	/* A day that is over is not corrected any more. */
	if (!rate->daily || e->day != ticket->day)
		return;
	e->day_used -= at_most(e->day_used, ticket->tokens);
	e->day_used = at_most(e->day_used + spent, UINT64_MAX / 2);
}

void
limits_settle(struct limits *limits, struct limits_ticket *ticket,
    const struct config_rate *const rate[LIMIT_DIMENSIONS],
    uint64_t spent_tokens, int64_t now_ms)
{
	uint64_t spent = at_most(spent_tokens, MOST_TOKENS);
	unsigned d;

	if (!ticket->open)
		return;
	ticket->open = false;
	for (d = 0; d < LIMIT_DIMENSIONS; d++) {
		struct limits_entry *e;
		unsigned shard;

		if (ticket->entry[d] == 0)
			continue;
		shard = limits_table_id_shard(ticket->entry[d]);
		limits_table_lock(limits->table, shard);
		e = limits_table_by_id(limits->table, ticket->entry[d]);
		if (e) {
			if (rate[d])
				entry_settle(e, ticket, rate[d], spent,
				    now_ms);
			limits_table_unpin(limits->table, e, now_ms);
		}
		limits_table_unlock(limits->table, shard);
		ticket->entry[d] = 0;
	}
}

/* ---- the table, and small helpers ---- */

struct limits *
limits_new(size_t max_entries)
{
	struct limits *limits = xcalloc(1, sizeof(*limits));

	limits->table = limits_table_new(max_entries);
	return limits;
}

void
limits_free(struct limits *limits)
{
	if (!limits)
		return;
	limits_table_free(limits->table);
	free(limits);
}

size_t
limits_entries(struct limits *limits)
{
	return limits_table_count(limits->table);
}

void
limits_duration(uint64_t ms, char out[32])
{
	uint64_t s = ms / 1000, m = s / 60, h = m / 60;
	char fraction[8] = "";
	size_t len;

	if (ms == 0 || ms >= 1000) {
		if (ms % 1000) {
			(void)snprintf(fraction, sizeof(fraction), ".%03u",
			    (unsigned)(ms % 1000));
			len = strlen(fraction);
			while (fraction[len - 1] == '0')
				fraction[--len] = '\0';
		}
	} else {
		(void)snprintf(out, 32, "%" PRIu64 "ms", ms);
		return;
	}
	if (h)
		(void)snprintf(out, 32, "%" PRIu64 "h%um%u%ss", h,
		    (unsigned)(m % 60), (unsigned)(s % 60), fraction);
	else if (m)
		(void)snprintf(out, 32, "%um%u%ss", (unsigned)m,
		    (unsigned)(s % 60), fraction);
	else
		(void)snprintf(out, 32, "%u%ss", (unsigned)s, fraction);
}

/* Sixteen bytes at once; the compiler makes SSE2 or NEON of it. */
typedef unsigned char lanes __attribute__((vector_size(16)));
typedef signed char signed_lanes __attribute__((vector_size(16)));

/* Adds up quarters of a token in each of 16 lanes: 1 for ASCII, 2 for the
 * first byte of a two-byte code point, 4 for that of three or four bytes, 0
 * for the bytes that continue (0x80 to 0xbf, below -64). A comparison gives -1
 * where it holds. */
static lanes
add_quarters(lanes sum, lanes bytes)
{
	signed_lanes v = (signed_lanes)bytes;
	lanes lead = (lanes)(v >= -64) + (lanes)(v >= -32);
	lanes ascii = (lanes)(v >= 0);

	return sum - lead - lead + ascii + ascii + ascii;
}

static uint64_t
sum_lanes(lanes v)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < sizeof(v); i++)
		sum += (unsigned char)v[i];
	return sum;
}

uint64_t
limits_count_tokens(struct mg_span text)
{
	uint64_t quarters = 0;
	size_t i = 0, until;
	lanes v, sum;

	while (text.len - i >= sizeof(v)) {
		/* A lane holds 255: 63 rounds of at most 4. */
		until = (text.len - i) / sizeof(v);
		until = i + (until < 63 ? until : 63) * sizeof(v);
		for (sum = (lanes){ 0 }; i < until; i += sizeof(v)) {
			memcpy(&v, text.ptr + i, sizeof(v));
			sum = add_quarters(sum, v);
		}
		quarters += sum_lanes(sum);
	}
	if (text.len > i) {
		/* Filled up with bytes that count nothing. */
		memset(&v, 0x80, sizeof(v));
		memcpy(&v, text.ptr + i, text.len - i);
		quarters += sum_lanes(add_quarters((lanes){ 0 }, v));
	}
	return quarters / 4 + (quarters % 4 != 0);
}
