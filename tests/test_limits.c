/* SPDX-License-Identifier: Apache-2.0 */
/* test_limits.c - limits live a day in a millisecond: time is passed in. */
#include "gateway/limits.h"

#include <pthread.h>
#include <stdlib.h>

#include "gateway/buf.h"
#include "tests/check.h"

#define DAY INT64_C(86400000)
#define NOON (INT64_C(20000) * DAY + DAY / 2)

static const struct config_rate none;

/* One ask by key alone. */
static struct limits_verdict
ask_key(struct limits *l, const char *key, const struct config_rate *rate,
    uint64_t tokens, int64_t now_ms, struct limits_ticket *ticket)
{
	struct limits_ask ask = {
		.name[LIMIT_KEY] = span_str(key),
		.rate[LIMIT_KEY] = rate,
		.tokens = tokens,
		.now_ms = now_ms,
	};
	struct limits_verdict v;

	limits_take(l, &ask, ticket, &v);
	return v;
}

static void
settle_key(struct limits *l, struct limits_ticket *ticket,
    const struct config_rate *rate, uint64_t spent, int64_t now_ms)
{
	const struct config_rate *const rates[LIMIT_DIMENSIONS] = {
		[LIMIT_KEY] = rate,
	};

	limits_settle(l, ticket, rates, spent, now_ms);
}

/* Takes and settles with what was reserved. */
static struct limits_verdict
pass_key(struct limits *l, const char *key, const struct config_rate *rate,
    uint64_t tokens, int64_t now_ms)
{
	struct limits_ticket t;
	struct limits_verdict v = ask_key(l, key, rate, tokens, now_ms, &t);

	settle_key(l, &t, rate, tokens, now_ms);
	return v;
}

static void
a_whole_limit_passes_at_once_and_then_one_per_interval(void)
{
	const struct config_rate rate = { .requests = 6, .requests_ms = 60000 };
	struct limits *l = limits_new(100);
	struct limits_verdict v;
	int i;

	for (i = 0; i < 6; i++)
		CHECK_EQ(pass_key(l, "k", &rate, 0, NOON).result, RATE_OK);
	v = pass_key(l, "k", &rate, 0, NOON);
	CHECK_EQ(v.result, RATE_OVER);
	CHECK_EQ(v.dimension, LIMIT_KEY);
	CHECK_STR(v.what, "requests");
	CHECK_EQ(v.retry_after_ms, 10000);
	CHECK_EQ(pass_key(l, "k", &rate, 0, NOON + 9999).result, RATE_OVER);
	CHECK_EQ(pass_key(l, "k", &rate, 0, NOON + 10000).result, RATE_OK);
	CHECK_EQ(pass_key(l, "k", &rate, 0, NOON + 10000).result, RATE_OVER);
	CHECK_EQ(pass_key(l, "other", &rate, 0, NOON).result, RATE_OK);
	limits_free(l);
}

static void
a_refused_ask_takes_nothing(void)
{
	const struct config_rate key = { .requests = 2, .requests_ms = 1000 };
	const struct config_rate tenant = { .requests = 1,
		.requests_ms = 1000 };
	struct limits *l = limits_new(100);
	struct limits_ask ask = {
		.name = { span_str("k"), span_str("t") },
		.rate = { &key, &tenant },
		.now_ms = NOON,
	};
	struct limits_ticket t;
	struct limits_verdict v;

	limits_take(l, &ask, &t, &v);
	CHECK_EQ(v.result, RATE_OK);
	limits_take(l, &ask, &t, &v);
	CHECK_EQ(v.result, RATE_OVER);
	CHECK_EQ(v.dimension, LIMIT_TENANT);
	CHECK(!t.open);
	CHECK_EQ(v.state.requests_left, 0);
	/* The key still has its second one. */
	ask.rate[LIMIT_TENANT] = NULL;
	limits_take(l, &ask, &t, &v);
	CHECK_EQ(v.result, RATE_OK);
	limits_take(l, &ask, &t, &v);
	CHECK_EQ(v.result, RATE_OVER);
	CHECK_EQ(v.dimension, LIMIT_KEY);
	limits_free(l);
}

static void
settling_gives_back_what_was_not_spent(void)
{
	const struct config_rate rate = { .tokens = 1000, .tokens_ms = 60000 };
	struct limits *l = limits_new(100);
	struct limits_ticket t;
	struct limits_verdict v;

	CHECK_EQ(ask_key(l, "k", &rate, 900, NOON, &t).result, RATE_OK);
	CHECK_EQ(pass_key(l, "k", &rate, 900, NOON).result, RATE_OVER);
	settle_key(l, &t, &rate, 100, NOON);
	v = pass_key(l, "k", &rate, 900, NOON);
	CHECK_EQ(v.result, RATE_OK);
	CHECK_EQ(v.state.tokens_left, 0);
	CHECK_EQ(v.state.tokens_limit, 1000);
	CHECK_EQ(v.state.tokens_reset_ms, 60000);
	limits_free(l);
}

static void
giving_back_late_never_gives_more_than_the_limit(void)
{
	const struct config_rate rate = { .tokens = 1000, .tokens_ms = 60000 };
	struct limits *l = limits_new(100);
	struct limits_ticket t, held;

	CHECK_EQ(ask_key(l, "k", &rate, 900, NOON, &t).result, RATE_OK);
	/* Something else holds the entry, so that it is not forgotten. */
	CHECK_EQ(ask_key(l, "k", &rate, 0, NOON, &held).result, RATE_OK);
	settle_key(l, &t, &rate, 0, NOON + 3600000);
	CHECK_EQ(ask_key(l, "k", &rate, 1000, NOON + 3600000, &t).result,
	    RATE_OK);
	CHECK_EQ(ask_key(l, "k", &rate, 1, NOON + 3600000, &t).result,
	    RATE_OVER);
	settle_key(l, &held, &rate, 0, NOON + 3600000);
	limits_free(l);
}

static void
spending_beyond_the_reservation_makes_a_debt(void)
{
	const struct config_rate rate = { .tokens = 1000, .tokens_ms = 1000 };
	struct limits *l = limits_new(100);
	struct limits_ticket t;
	struct limits_verdict v;

	CHECK_EQ(ask_key(l, "k", &rate, 10, NOON, &t).result, RATE_OK);
	settle_key(l, &t, &rate, 5000, NOON);
	v = pass_key(l, "k", &rate, 1, NOON);
	CHECK_EQ(v.result, RATE_OVER);
	CHECK_EQ(v.retry_after_ms, 4001);
	CHECK_EQ(v.state.tokens_left, 0);
	CHECK_EQ(v.state.tokens_reset_ms, 5000);
	CHECK_EQ(pass_key(l, "k", &rate, 1, NOON + 4000).result, RATE_OVER);
	CHECK_EQ(pass_key(l, "k", &rate, 1, NOON + 4001).result, RATE_OK);
	limits_free(l);
}

static void
a_ticket_settles_once(void)
{
	const struct config_rate rate = { .tokens = 1000, .tokens_ms = 60000,
		.concurrent = 2 };
	struct limits *l = limits_new(100);
	struct limits_ticket a, b, copy, c;

	CHECK_EQ(ask_key(l, "k", &rate, 500, NOON, &a).result, RATE_OK);
	CHECK_EQ(ask_key(l, "k", &rate, 500, NOON, &b).result, RATE_OK);
	settle_key(l, &a, &rate, 500, NOON);
	settle_key(l, &a, &rate, 0, NOON);
	CHECK_EQ(ask_key(l, "k", &rate, 1, NOON, &c).result, RATE_OVER);
	copy = b;
	settle_key(l, &b, &rate, 500, NOON + 60000);
	/* The entry is full again and gone; the copy's id finds nothing,
	 * even when its place is in use again. */
	CHECK_EQ(limits_entries(l), 0);
	CHECK_EQ(ask_key(l, "new", &rate, 1000, NOON, &c).result, RATE_OK);
	settle_key(l, &copy, &rate, 0, NOON);
	CHECK_EQ(limits_entries(l), 1);
	CHECK_EQ(ask_key(l, "new", &rate, 1, NOON, &a).result, RATE_OVER);
	limits_free(l);
}

static void
an_ask_larger_than_the_limit_never_passes(void)
{
	const struct config_rate rate = { .tokens = 1000, .tokens_ms = 60000 };
	const struct config_rate daily = { .daily = 1000 };
	struct limits *l = limits_new(100);
	struct limits_verdict v;

	v = pass_key(l, "k", &rate, 1001, NOON);
	CHECK_EQ(v.result, RATE_NEVER);
	CHECK_STR(v.what, "tokens");
	CHECK_EQ(v.state.tokens_left, 1000);
	v = pass_key(l, "k", &daily, 1001, NOON);
	CHECK_EQ(v.result, RATE_NEVER);
	CHECK_STR(v.what, "daily");
	CHECK_EQ(pass_key(l, "k", &rate, UINT64_MAX, NOON).result, RATE_NEVER);
	CHECK_EQ(pass_key(l, "k", &rate, 1000, NOON).result, RATE_OK);
	limits_free(l);
}

static void
concurrency_ends_with_the_exchange(void)
{
	const struct config_rate rate = { .concurrent = 2 };
	struct limits *l = limits_new(100);
	struct limits_ticket a, b, c;
	struct limits_verdict v;

	CHECK_EQ(ask_key(l, "k", &rate, 5, NOON, &a).result, RATE_OK);
	CHECK_EQ(ask_key(l, "k", &rate, 5, NOON, &b).result, RATE_OK);
	v = ask_key(l, "k", &rate, 5, NOON, &c);
	CHECK_EQ(v.result, RATE_OVER);
	CHECK_STR(v.what, "concurrent");
	CHECK(v.retry_after_ms > 0);
	CHECK_EQ(v.state.requests_limit, 0);
	settle_key(l, &a, &rate, 5, NOON);
	CHECK_EQ(ask_key(l, "k", &rate, 5, NOON, &c).result, RATE_OK);
	settle_key(l, &b, &rate, 5, NOON);
	settle_key(l, &c, &rate, 5, NOON);
	CHECK_EQ(limits_entries(l), 0);
	limits_free(l);
}

static void
a_daily_budget_begins_anew_at_midnight_utc(void)
{
	const struct config_rate rate = { .daily = 1000 };
	const int64_t midnight = NOON + DAY / 2;
	struct limits *l = limits_new(100);
	struct limits_ticket t, u;
	struct limits_verdict v;

	CHECK_EQ(ask_key(l, "k", &rate, 600, midnight - 60000, &t).result,
	    RATE_OK);
	v = ask_key(l, "k", &rate, 600, midnight - 60000, &u);
	CHECK_EQ(v.result, RATE_OVER);
	CHECK_STR(v.what, "daily");
	CHECK_EQ(v.retry_after_ms, 60000);
	CHECK_EQ(ask_key(l, "k", &rate, 600, midnight - 1, &u).result,
	    RATE_OVER);
	CHECK_EQ(ask_key(l, "k", &rate, 600, midnight, &u).result, RATE_OK);
	/* What the old day's exchange spent beyond is the old day's. */
	settle_key(l, &t, &rate, 900, midnight + 1);
	CHECK_EQ(ask_key(l, "k", &rate, 401, midnight + 1, &t).result,
	    RATE_OVER);
	CHECK_EQ(ask_key(l, "k", &rate, 400, midnight + 1, &t).result,
	    RATE_OK);
	/* Settled within its day, a budget is corrected both ways. */
	settle_key(l, &t, &rate, 100, midnight + 2);
	CHECK_EQ(ask_key(l, "k", &rate, 300, midnight + 2, &t).result,
	    RATE_OK);
	settle_key(l, &t, &rate, 900, midnight + 2);
	CHECK_EQ(ask_key(l, "k", &rate, 0, midnight + 2, &t).result,
	    RATE_OVER);
	limits_free(l);
}

static void
the_longest_wait_is_the_one_told(void)
{
	const struct config_rate rate = { .requests = 1, .requests_ms = 1000,
		.tokens = 100, .tokens_ms = 60000 };
	struct limits *l = limits_new(100);
	struct limits_verdict v;

	CHECK_EQ(pass_key(l, "k", &rate, 100, NOON).result, RATE_OK);
	v = pass_key(l, "k", &rate, 50, NOON);
	CHECK_EQ(v.result, RATE_OVER);
	CHECK_STR(v.what, "tokens");
	CHECK_EQ(v.retry_after_ms, 30000);
	CHECK_EQ(pass_key(l, "k", &rate, 50, NOON + 30000).result, RATE_OK);
	limits_free(l);
}

static void
headers_tell_of_the_dimension_with_the_least_left(void)
{
	const struct config_rate key = { .requests = 100, .requests_ms = 60000,
		.tokens = 500, .tokens_ms = 60000 };
	const struct config_rate model = { .requests = 10, .requests_ms = 1000,
		.tokens = 10000, .tokens_ms = 1000 };
	struct limits *l = limits_new(100);
	struct limits_ask ask = {
		.name = { [LIMIT_KEY] = span_str("k"),
		    [LIMIT_MODEL] = span_str("m") },
		.rate = { [LIMIT_KEY] = &key, [LIMIT_MODEL] = &model },
		.tokens = 100,
		.now_ms = NOON,
	};
	struct limits_ticket t;
	struct limits_verdict v;

	limits_take(l, &ask, &t, &v);
	CHECK_EQ(v.result, RATE_OK);
	CHECK_EQ(v.state.requests_limit, 10);
	CHECK_EQ(v.state.requests_left, 9);
	CHECK_EQ(v.state.requests_reset_ms, 100);
	CHECK_EQ(v.state.tokens_limit, 500);
	CHECK_EQ(v.state.tokens_left, 400);
	CHECK_EQ(v.state.tokens_reset_ms, 12000);
	limits_free(l);
}

static void
names_without_a_limit_leave_no_trace(void)
{
	struct limits *l = limits_new(100);
	struct limits_ticket t;

	CHECK_EQ(ask_key(l, "k", &none, 5, NOON, &t).result, RATE_OK);
	CHECK(t.open);
	CHECK_EQ(limits_entries(l), 0);
	settle_key(l, &t, &none, 5, NOON);
	CHECK(!t.open);
	CHECK_EQ(ask_key(l, "", &none, 5, NOON, &t).result, RATE_OK);
	CHECK_EQ(ask_key(l, "k", NULL, 5, NOON, &t).result, RATE_OK);
	settle_key(l, &t, NULL, 5, NOON);
	limits_free(l);
}

static void
a_changed_rate_keeps_what_was_spent(void)
{
	const struct config_rate wide = { .requests = 100,
		.requests_ms = 60000 };
	const struct config_rate narrow = { .requests = 10,
		.requests_ms = 1000 };
	struct limits *l = limits_new(100);
	int i;

	for (i = 0; i < 4; i++)
		CHECK_EQ(pass_key(l, "k", &wide, 0, NOON).result, RATE_OK);
	CHECK_EQ(pass_key(l, "k", &narrow, 0, NOON).state.requests_left, 5);
	CHECK_EQ(pass_key(l, "k", &wide, 0, NOON).state.requests_left, 94);
	limits_free(l);
}

static void
a_clock_that_is_set_back_does_not_lock_a_key_out(void)
{
	const struct config_rate rate = { .requests = 6, .requests_ms = 60000,
		.daily = 100 };
	struct limits *l = limits_new(100);
	int i;

	for (i = 0; i < 6; i++)
		CHECK_EQ(pass_key(l, "k", &rate, 10, NOON).result, RATE_OK);
	/* A small step back is only another worker's clock. */
	CHECK_EQ(pass_key(l, "k", &rate, 0, NOON - 500).retry_after_ms, 10500);
	CHECK_EQ(pass_key(l, "k", &rate, 0, NOON - 5 * DAY).retry_after_ms,
	    10000);
	CHECK_EQ(pass_key(l, "k", &rate, 10, NOON - 5 * DAY + 10000).result,
	    RATE_OK);
	/* Nor is the budget's midnight five days off. */
	CHECK_EQ(pass_key(l, "k", &rate, 60, NOON - 5 * DAY + 20000)
	    .retry_after_ms, DAY / 2 - 20000);
	limits_free(l);
}

static void
a_worker_whose_clock_lags_at_midnight_gets_no_second_budget(void)
{
	const struct config_rate rate = { .daily = 1000 };
	const int64_t midnight = NOON + DAY / 2;
	struct limits *l = limits_new(100);
	struct limits_verdict v;

	CHECK_EQ(pass_key(l, "k", &rate, 900, midnight).result, RATE_OK);
	v = pass_key(l, "k", &rate, 900, midnight - 2);
	CHECK_EQ(v.result, RATE_OVER);
	CHECK_EQ(v.retry_after_ms, DAY + 2);
	CHECK_EQ(pass_key(l, "k", &rate, 101, midnight).result, RATE_OVER);
	CHECK_EQ(pass_key(l, "k", &rate, 100, midnight).result, RATE_OK);
	limits_free(l);
}

static void
an_absurd_usage_is_a_debt_and_no_overflow(void)
{
	const struct config_rate slow = { .tokens = 1,
		.tokens_ms = UINT64_C(1) << 36, .daily = 1 };
	const struct config_rate fast = { .tokens = UINT64_MAX,
		.tokens_ms = UINT64_MAX, .daily = UINT64_MAX };
	struct limits *l = limits_new(100);
	struct limits_ticket t[50], u[50], last;
	struct limits_verdict v;
	int i;

	for (i = 0; i < 50; i++) {
		CHECK_EQ(ask_key(l, "s", &slow, 0, NOON, &t[i]).result,
		    RATE_OK);
		CHECK_EQ(ask_key(l, "f", &fast, 1, NOON, &u[i]).result,
		    RATE_OK);
	}
	for (i = 0; i < 50; i++) {
		settle_key(l, &t[i], &slow, UINT64_MAX, NOON);
		settle_key(l, &u[i], &fast, UINT64_MAX, NOON);
	}
	v = ask_key(l, "s", &slow, 0, NOON, &last);
	CHECK_EQ(v.result, RATE_OVER);
	CHECK_EQ(v.state.tokens_left, 0);
	CHECK(v.retry_after_ms > UINT64_C(1) << 36);
	v = ask_key(l, "f", &fast, 0, NOON, &last);
	CHECK_EQ(v.result, RATE_OVER);
	CHECK(v.retry_after_ms > UINT64_C(1) << 36);
	limits_free(l);
}

/* ---- against a simulation that knows no formula ---- */

/* A bucket that is refilled one thousandth of a token... as whole units: one
 * token is `period` units, and each millisecond brings `limit` of them. */
struct naive {
	int64_t units, at;
};

static uint64_t
rnd(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void
refill(struct naive *n, int64_t limit, int64_t period, int64_t now)
{
	while (n->at < now && n->units < limit * period) {
		n->at++;
		n->units += limit;
	}
	n->at = now;
	if (n->units > limit * period)
		n->units = limit * period;
}

static void
random_asks_agree_with_a_naive_bucket(void)
{
	uint64_t seed = 0x9e3779b97f4a7c15;
	int round, i;

	for (round = 0; round < 40; round++) {
		int64_t limit = 1 + (int64_t)(rnd(&seed) % 50);
		int64_t period = 1 + (int64_t)(rnd(&seed) % 2000);
		const struct config_rate rate = {
			.tokens = (uint64_t)limit,
			.tokens_ms = (uint64_t)period,
		};
		struct limits *l = limits_new(10);
		struct naive n = { limit * period, NOON };
		int64_t now = NOON;

		for (i = 0; i < 500; i++) {
			uint64_t cost = rnd(&seed) % (uint64_t)(limit + 2);
			uint64_t spent = rnd(&seed) % (uint64_t)(limit + 5);
			struct limits_ticket t;
			struct limits_verdict v;
			bool fits;

			now += (int64_t)(rnd(&seed) % (uint64_t)period);
			refill(&n, limit, period, now);
			fits = n.units >= (int64_t)cost * period;
			v = ask_key(l, "k", &rate, cost, now, &t);
			CHECK_EQ(v.result, cost > (uint64_t)limit ? RATE_NEVER
			    : fits ? RATE_OK : RATE_OVER);
			if (v.result == RATE_OK) {
				n.units -= (int64_t)spent * period;
				settle_key(l, &t, &rate, spent, now);
			} else if (v.result == RATE_OVER) {
				/* The wait is exact: not one ms less. */
				now += (int64_t)v.retry_after_ms - 1;
				CHECK_EQ(ask_key(l, "k", &rate, cost, now,
				    &t).result, RATE_OVER);
				now++;
				CHECK_EQ(ask_key(l, "k", &rate, cost, now,
				    &t).result, RATE_OK);
				refill(&n, limit, period, now);
				n.units -= (int64_t)cost * period;
				settle_key(l, &t, &rate, cost, now);
			}
			if (check_test_failed)
				break;
		}
		limits_free(l);
	}
}

/* ---- the cap ---- */

static struct limits_verdict
ask_model(struct limits *l, unsigned i, const struct config_rate *rate,
    struct limits_ticket *t)
{
	struct limits_ask ask = {
		.rate[LIMIT_MODEL] = rate,
		.tokens = 1,
		.now_ms = NOON,
	};
	struct limits_verdict v;
	char name[32];

	(void)snprintf(name, sizeof(name), "model-%u", i);
	ask.name[LIMIT_MODEL] = span_str(name);
	limits_take(l, &ask, t, &v);
	return v;
}

static void
invented_names_do_not_grow_the_table_beyond_its_cap(void)
{
	const struct config_rate rate = { .tokens = 100, .tokens_ms = 60000 };
	const struct config_rate *const rates[LIMIT_DIMENSIONS] = {
		[LIMIT_MODEL] = &rate,
	};
	const size_t caps[] = { 1, 10, 1000, 10000 };
	struct limits_ticket t;
	struct limits *l;
	size_t c;
	unsigned i;

	for (c = 0; c < sizeof(caps) / sizeof(caps[0]); c++) {
		l = limits_new(caps[c]);
		for (i = 0; i < 30000; i++) {
			CHECK_EQ(ask_model(l, i, &rate, &t).result, RATE_OK);
			limits_settle(l, &t, rates, 1, NOON);
		}
		CHECK(limits_entries(l) <= caps[c]);
		CHECK(limits_entries(l) > caps[c] / 2);
		limits_free(l);
	}
}

static void
an_invented_name_does_not_wash_away_a_keys_debt(void)
{
	const struct config_rate key = { .daily = 100 };
	const struct config_rate model = { .tokens = 100, .tokens_ms = 60000 };
	const struct config_rate *const rates[LIMIT_DIMENSIONS] = {
		[LIMIT_MODEL] = &model,
	};
	struct limits *l = limits_new(100);
	struct limits_ticket t;
	unsigned i;

	CHECK_EQ(pass_key(l, "k", &key, 100, NOON).result, RATE_OK);
	for (i = 0; i < 5000; i++) {
		CHECK_EQ(ask_model(l, i, &model, &t).result, RATE_OK);
		limits_settle(l, &t, rates, 1, NOON);
	}
	CHECK_EQ(pass_key(l, "k", &key, 1, NOON).result, RATE_OVER);
	limits_free(l);
}

static void
nothing_in_flight_is_evicted_and_a_full_table_is_unknown(void)
{
	const struct config_rate rate = { .tokens = 10, .tokens_ms = 60000 };
	struct limits_ticket t[8], extra;
	struct limits *l = limits_new(8);
	unsigned i;

	for (i = 0; i < 8; i++)
		CHECK_EQ(ask_model(l, i, &rate, &t[i]).result, RATE_OK);
	CHECK_EQ(ask_model(l, 8, &rate, &extra).result, RATE_UNKNOWN);
	CHECK(!extra.open);
	for (i = 0; i < 8; i++)
		CHECK_EQ(ask_model(l, i, &rate, &extra).state.tokens_left, 8);
	CHECK_EQ(limits_entries(l), 8);
	limits_free(l);
}

static void
an_ask_that_finds_no_room_leaves_nothing_behind(void)
{
	const struct config_rate rate = { .requests = 5, .requests_ms = 60000 };
	struct limits *l = limits_new(2);
	struct limits_ask ask = {
		.name = { span_str("k"), span_str("t"), span_str("m") },
		.rate = { &rate, &rate, &rate },
		.now_ms = NOON,
	};
	struct limits_ticket t;
	struct limits_verdict v;

	limits_take(l, &ask, &t, &v);
	CHECK_EQ(v.result, RATE_UNKNOWN);
	CHECK_EQ(v.dimension, LIMIT_MODEL);
	CHECK_EQ(limits_entries(l), 0);
	limits_free(l);
}

static void
refused_asks_leave_no_entries(void)
{
	const struct config_rate rate = { .tokens = 10, .tokens_ms = 60000 };
	struct limits *l = limits_new(1000);
	struct limits_ask ask = {
		.rate = { [LIMIT_KEY] = &rate, [LIMIT_MODEL] = &rate },
		.name[LIMIT_KEY] = span_str("k"),
		.tokens = 11,
		.now_ms = NOON,
	};
	struct limits_ticket t;
	struct limits_verdict v;
	char name[32];
	unsigned i;

	for (i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "model-%u", i);
		ask.name[LIMIT_MODEL] = span_str(name);
		limits_take(l, &ask, &t, &v);
		CHECK_EQ(v.result, RATE_NEVER);
	}
	CHECK_EQ(limits_entries(l), 0);
	limits_free(l);
}

static void
entries_that_are_full_again_go_as_new_ones_come(void)
{
	const struct config_rate rate = { .tokens = 100, .tokens_ms = 60000 };
	struct limits *l = limits_new(100000);
	char name[32];
	unsigned i;

	for (i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof(name), "key %u", i);
		CHECK_EQ(pass_key(l, name, &rate, 10, NOON).result, RATE_OK);
	}
	CHECK_EQ(limits_entries(l), 2000);
	for (i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof(name), "later %u", i);
		CHECK_EQ(pass_key(l, name, &rate, 10, NOON + DAY).result,
		    RATE_OK);
	}
	CHECK(limits_entries(l) < 2200);
	limits_free(l);
}

static void
very_long_names_are_told_apart_up_to_256_bytes(void)
{
	const struct config_rate rate = { .requests = 1, .requests_ms = 60000 };
	struct limits *l = limits_new(100);
	char a[1000], b[1000];

	memset(a, 'a', sizeof(a));
	memset(b, 'a', sizeof(b));
	a[999] = b[999] = '\0';
	b[255] = 'b';
	CHECK_EQ(pass_key(l, a, &rate, 0, NOON).result, RATE_OK);
	CHECK_EQ(pass_key(l, b, &rate, 0, NOON).result, RATE_OK);
	b[255] = 'a';
	b[256] = 'b';
	CHECK_EQ(pass_key(l, b, &rate, 0, NOON).result, RATE_OVER);
	limits_free(l);
}

/* ---- threads ---- */

struct crowd {
	struct limits *limits;
	unsigned number;
	unsigned granted;
};

static const struct config_rate crowd_key = { .requests = 1000,
	.requests_ms = 60000 };
static const struct config_rate crowd_tenant = { .tokens = 7000,
	.tokens_ms = 60000 };

/* Half of the crowd is one key, half another; both are one tenant. */
static void *
crowd_run(void *arg)
{
	const struct config_rate *const rates[LIMIT_DIMENSIONS] = {
		&crowd_key, &crowd_tenant, &crowd_key, &crowd_key,
	};
	struct crowd *c = arg;
	unsigned i;

	for (i = 0; i < 3000; i++) {
		char model[32], address[32];
		struct limits_ask ask = {
			.name = { span_str(c->number % 2 ? "odd" : "even"),
			    span_str("tenant"), { model, 0 }, { address, 0 } },
			.rate = { rates[0], rates[1], rates[2], rates[3] },
			.tokens = 10,
			.now_ms = NOON,
		};
		struct limits_ticket t;
		struct limits_verdict v;

		ask.name[LIMIT_MODEL].len = (size_t)snprintf(model,
		    sizeof(model), "m%u", i % 97);
		ask.name[LIMIT_ADDRESS].len = (size_t)snprintf(address,
		    sizeof(address), "a%u", i % 89);
		limits_take(c->limits, &ask, &t, &v);
		if (v.result == RATE_OK)
			c->granted++;
		/* Three of ten tokens come back. */
		limits_settle(c->limits, &t, rates, 7, NOON);
	}
	return NULL;
}

static void
threads_together_get_exactly_what_is_allowed(void)
{
	struct limits *l = limits_new(10000);
	struct crowd crowd[4];
	pthread_t thread[4];
	unsigned i, granted = 0;

	for (i = 0; i < 4; i++) {
		crowd[i] = (struct crowd){ l, i, 0 };
		pthread_create(&thread[i], NULL, crowd_run, &crowd[i]);
	}
	for (i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		granted += crowd[i].granted;
	}
	/* 7 of 7000 each; the last ones must find 10. While another's
	 * reservation is open an ask may be refused, but all asks more than
	 * suffice. */
	CHECK_EQ(granted, 999);
	limits_free(l);
}

static void *
crowd_key_only(void *arg)
{
	struct crowd *c = arg;
	struct limits_ticket t;
	unsigned i;

	for (i = 0; i < 2000; i++)
		if (ask_key(c->limits, "k", &crowd_key, 0, NOON, &t).result ==
		    RATE_OK) {
			c->granted++;
			settle_key(c->limits, &t, &crowd_key, 0, NOON);
		}
	return NULL;
}

static void
requests_of_many_threads_are_counted_exactly(void)
{
	struct limits *l = limits_new(10);
	struct crowd crowd[4];
	pthread_t thread[4];
	unsigned i, granted = 0;

	for (i = 0; i < 4; i++) {
		crowd[i] = (struct crowd){ l, i, 0 };
		pthread_create(&thread[i], NULL, crowd_key_only, &crowd[i]);
	}
	for (i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		granted += crowd[i].granted;
	}
	CHECK_EQ(granted, 1000);
	limits_free(l);
}

/* ---- helpers ---- */

static void
durations_are_written_as_go_does(void)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} cases[] = {
		{ 0, "0s" }, { 1, "1ms" }, { 12, "12ms" }, { 999, "999ms" },
		{ 1000, "1s" }, { 1500, "1.5s" }, { 1050, "1.05s" },
		{ 1001, "1.001s" }, { 59999, "59.999s" }, { 60000, "1m0s" },
		{ 360000, "6m0s" }, { 90500, "1m30.5s" },
		{ 3600000, "1h0m0s" }, { 90061001, "25h1m1.001s" },
		{ UINT64_MAX, "5124095576030h25m51.615s" },
	};
	char out[32];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		limits_duration(cases[i].ms, out);
		CHECK_STR(out, cases[i].text);
	}
}

static uint64_t
tokens(const char *text)
{
	return limits_count_tokens(span_str(text));
}

static void
tokens_are_four_ascii_bytes_or_one_chinese_character(void)
{
	CHECK_EQ(tokens(""), 0);
	CHECK_EQ(tokens("a"), 1);
	CHECK_EQ(tokens("abcd"), 1);
	CHECK_EQ(tokens("abcde"), 2);
	CHECK_EQ(tokens("请用诗歌描述春天的美好"), 11);
	CHECK_EQ(tokens("春天 is spring"), 5);
	CHECK_EQ(tokens("😀"), 1);
	CHECK_EQ(tokens("éé"), 1);
	CHECK_EQ(tokens("привет"), 3);
}

static void
counting_by_words_equals_counting_by_bytes(void)
{
	static const char *const pieces[] = { "a", "é", "春", "😀", "xyz " };
	uint64_t seed = 42, quarters;
	int round;

	for (round = 0; round < 300; round++) {
		struct buf text = { 0 };
		size_t i, n = rnd(&seed) % 1000;

		for (i = 0; i < n; i++)
			buf_add_str(&text, pieces[rnd(&seed) % 5]);
		quarters = 0;
		for (i = 0; i < text.len; i++) {
			unsigned char c = (unsigned char)text.ptr[i];

			quarters += c < 0x80 ? 1 : c < 0xc0 ? 0 : c < 0xe0 ?
			    2 : 4;
		}
		CHECK_EQ(limits_count_tokens(buf_span(&text)),
		    (quarters + 3) / 4);
		buf_fini(&text);
	}
}

int
main(void)
{
	RUN(a_whole_limit_passes_at_once_and_then_one_per_interval);
	RUN(a_refused_ask_takes_nothing);
	RUN(settling_gives_back_what_was_not_spent);
	RUN(giving_back_late_never_gives_more_than_the_limit);
	RUN(spending_beyond_the_reservation_makes_a_debt);
	RUN(a_ticket_settles_once);
	RUN(an_ask_larger_than_the_limit_never_passes);
	RUN(concurrency_ends_with_the_exchange);
	RUN(a_daily_budget_begins_anew_at_midnight_utc);
	RUN(the_longest_wait_is_the_one_told);
	RUN(headers_tell_of_the_dimension_with_the_least_left);
	RUN(names_without_a_limit_leave_no_trace);
	RUN(a_changed_rate_keeps_what_was_spent);
	RUN(a_clock_that_is_set_back_does_not_lock_a_key_out);
	RUN(a_worker_whose_clock_lags_at_midnight_gets_no_second_budget);
	RUN(an_absurd_usage_is_a_debt_and_no_overflow);
	RUN(random_asks_agree_with_a_naive_bucket);
	RUN(invented_names_do_not_grow_the_table_beyond_its_cap);
	RUN(an_invented_name_does_not_wash_away_a_keys_debt);
	RUN(nothing_in_flight_is_evicted_and_a_full_table_is_unknown);
	RUN(an_ask_that_finds_no_room_leaves_nothing_behind);
	RUN(refused_asks_leave_no_entries);
	RUN(entries_that_are_full_again_go_as_new_ones_come);
	RUN(very_long_names_are_told_apart_up_to_256_bytes);
	RUN(threads_together_get_exactly_what_is_allowed);
	RUN(requests_of_many_threads_are_counted_exactly);
	RUN(durations_are_written_as_go_does);
	RUN(tokens_are_four_ascii_bytes_or_one_chinese_character);
	RUN(counting_by_words_equals_counting_by_bytes);
	return CHECK_DONE();
}
