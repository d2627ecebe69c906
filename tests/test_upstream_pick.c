/* SPDX-License-Identifier: Apache-2.0 */
/* test_upstream_pick.c - which backend takes a call; a day in a millisecond. */
#include "gateway/upstream_pick.h"

#include "tests/check.h"

static char *any[] = { (char *)(uintptr_t)"*", NULL };
static char *gpt[] = { (char *)(uintptr_t)"gpt-*", (char *)(uintptr_t)"o1",
    NULL };

enum { N = 3 };

struct farm {
	struct config_upstream conf[N];
	struct pick_health health[N];
	struct pick_candidate candidates[N];
	size_t n;
	uint64_t now_ms, random;
};

static void
farm_init(struct farm *f, size_t n)
{
	size_t i;

	memset(f, 0, sizeof(*f));
	f->n = n;
	f->now_ms = 1000000;
	for (i = 0; i < n; i++) {
		f->conf[i] = (struct config_upstream){ .models = any,
		    .weight = 1, .eject_after = 3, .eject_ms = 5000 };
		f->candidates[i] = (struct pick_candidate){ &f->conf[i],
		    &f->health[i] };
	}
}

static struct pick_choice
choose(struct farm *f, const char *model, uint64_t avoid)
{
	return pick_choose(f->candidates, f->n, span_str(model), avoid,
	    f->now_ms, f->random++);
}

/* How many of 10,000 calls a backend takes; calls that are trials are
 * forgotten at once. */
static unsigned
share(struct farm *f, size_t backend)
{
	unsigned taken = 0, i;

	for (i = 0; i < 10000; i++) {
		struct pick_choice c = choose(f, "m", 0);

		taken += c.result == PICK_OK && c.index == backend;
		if (c.trial)
			pick_forget(&f->health[c.index], true);
	}
	return taken;
}

static void
fail(struct farm *f, size_t i, unsigned times)
{
	while (times-- > 0)
		pick_failed(&f->conf[i], &f->health[i], false, f->now_ms);
}

static void
patterns_decide_who_may_be_asked(void)
{
	struct farm f;

	farm_init(&f, 2);
	f.conf[0].models = gpt;
	f.conf[1].models = gpt;
	CHECK_EQ(choose(&f, "gpt-4o", 0).result, PICK_OK);
	CHECK_EQ(choose(&f, "o1", 0).result, PICK_OK);
	CHECK_EQ(choose(&f, "o1-mini", 0).result, PICK_UNKNOWN_MODEL);
	CHECK_EQ(choose(&f, "", 0).result, PICK_OK);
	f.conf[1].models = any;
	CHECK_EQ(choose(&f, "llama", 0).index, 1);
	CHECK_EQ(choose(&f, "llama", 2).result, PICK_NONE_HEALTHY);
	CHECK_EQ(choose(&f, "gpt-4", 2).index, 0);
}

static void
weights_share_the_calls(void)
{
	struct farm f;

	farm_init(&f, 3);
	f.conf[0].weight = 7;
	f.conf[1].weight = 3;
	f.conf[2].weight = 0;
	CHECK_EQ(share(&f, 0), 7000);
	CHECK_EQ(share(&f, 1), 3000);
	CHECK_EQ(share(&f, 2), 0);
}

static void
so_many_failures_in_a_row_eject(void)
{
	struct farm f;

	farm_init(&f, 2);
	fail(&f, 0, 2);
	pick_succeeded(&f.conf[0], &f.health[0], f.now_ms);
	fail(&f, 0, 2);
	CHECK_EQ(share(&f, 0), 5000);
	CHECK(pick_failed(&f.conf[0], &f.health[0], false, f.now_ms));
	CHECK_EQ(share(&f, 0), 0);
	CHECK_EQ(share(&f, 1), 10000);
}

static void
an_ejected_backend_gets_one_trial_at_a_time(void)
{
	struct farm f;
	unsigned trials = 0, i;

	farm_init(&f, 2);
	fail(&f, 0, 3);
	f.now_ms += 4999;
	CHECK_EQ(share(&f, 0), 0);
	f.now_ms += 1;
	for (i = 0; i < 1000; i++)
		trials += choose(&f, "m", 0).trial;
	CHECK_EQ(trials, 1);
	CHECK(f.health[0].trial);
	/* One that is not answered does not hold the next back for ever. */
	f.now_ms += 5000;
	for (i = 0; i < 1000; i++)
		trials += choose(&f, "m", 0).trial;
	CHECK_EQ(trials, 2);
}

static void
it_returns_slowly(void)
{
	struct farm f;
	unsigned at_once, half, nearly;

	farm_init(&f, 2);
	fail(&f, 0, 3);
	f.now_ms += 5000;
	while (!choose(&f, "m", 0).trial)
		continue;
	pick_answered(&f.health[0], true, f.now_ms);
	at_once = share(&f, 0);
	f.now_ms += 5000;
	half = share(&f, 0);
	f.now_ms += 4900;
	nearly = share(&f, 0);
	CHECK(at_once > 500 && at_once < 1200);		/* 10 : 100 */
	CHECK(half > 3200 && half < 3800);		/* 55 : 100 */
	CHECK(nearly > 4800 && nearly < 5000);
	f.now_ms += 200;
	CHECK_EQ(share(&f, 0), 5000);
	pick_succeeded(&f.conf[0], &f.health[0], f.now_ms);
	CHECK_EQ(f.health[0].state, PICK_HEALTHY);
	CHECK_EQ(f.health[0].level, 0);
}

static void
a_failure_while_it_returns_ejects_at_once_and_for_longer(void)
{
	struct farm f;
	uint64_t rest[6];
	int i;

	farm_init(&f, 1);
	fail(&f, 0, 3);
	for (i = 0; i < 6; i++) {
		rest[i] = f.health[0].until_ms - f.now_ms;
		f.now_ms = f.health[0].until_ms;
		CHECK(choose(&f, "m", 0).trial);
		if (i % 2) {
			CHECK(pick_failed(&f.conf[0], &f.health[0], true,
			    f.now_ms));
			continue;
		}
		pick_answered(&f.health[0], true, f.now_ms);
		CHECK_EQ(f.health[0].state, PICK_RETURNING);
		CHECK(pick_failed(&f.conf[0], &f.health[0], false,
		    f.now_ms));
	}
	CHECK_EQ(rest[0], 5000);
	CHECK_EQ(rest[1], 10000);
	CHECK_EQ(rest[2], 20000);
	CHECK_EQ(rest[3], 40000);
	CHECK_EQ(rest[4], 50000);	/* ten times, never more */
	CHECK_EQ(rest[5], 50000);
}

static void
what_was_under_way_when_it_was_ejected_does_not_prolong_it(void)
{
	struct farm f;
	uint64_t until;

	farm_init(&f, 1);
	fail(&f, 0, 3);
	until = f.health[0].until_ms;
	f.now_ms += 100;
	fail(&f, 0, 50);
	CHECK_EQ(f.health[0].until_ms, until);
	CHECK_EQ(f.health[0].level, 1);
}

static void
the_only_backend_is_tried_a_few_times_a_second(void)
{
	struct farm f;
	unsigned taken = 0, i;

	farm_init(&f, 1);
	fail(&f, 0, 3);
	for (i = 0; i < 4000; i++) {
		f.now_ms++;
		taken += choose(&f, "m", 0).result == PICK_OK;
	}
	CHECK_EQ(taken, 4);
	f.conf[0].eject_ms = 10;	/* at most ten a second */
	farm_init(&f, 1);
	f.conf[0].eject_ms = 600;
	fail(&f, 0, 3);
	for (taken = i = 0; i < 500; i++) {
		f.now_ms++;
		taken += choose(&f, "m", 0).result == PICK_OK;
	}
	CHECK_EQ(taken, 4);
}

static void
two_backends_at_rest_are_left_alone(void)
{
	struct farm f;

	farm_init(&f, 2);
	fail(&f, 0, 3);
	fail(&f, 1, 3);
	f.now_ms += 3000;
	CHECK_EQ(choose(&f, "m", 0).result, PICK_NONE_HEALTHY);
	f.now_ms += 2000;
	CHECK(choose(&f, "m", 0).trial);
}

static void
eject_after_0_never_ejects(void)
{
	struct farm f;

	farm_init(&f, 1);
	f.conf[0].eject_after = 0;
	fail(&f, 0, 1000);
	CHECK_EQ(f.health[0].state, PICK_HEALTHY);
}

static void
retries_are_a_tenth_of_the_calls_and_a_few(void)
{
	struct pick_budget b = { 0, 1000 };
	unsigned taken = 0, i;

	for (i = 0; i < 100; i++)
		taken += pick_budget_take(&b, 1000);
	CHECK_EQ(taken, 10);
	for (taken = i = 0; i < 1000; i++) {
		pick_budget_call(&b);
		taken += pick_budget_take(&b, 1000);
	}
	CHECK_EQ(taken, 100);
	CHECK(!pick_budget_take(&b, 1000 + 1900));
	CHECK(pick_budget_take(&b, 1000 + 4000));
}

int
main(void)
{
	RUN(patterns_decide_who_may_be_asked);
	RUN(weights_share_the_calls);
	RUN(so_many_failures_in_a_row_eject);
	RUN(an_ejected_backend_gets_one_trial_at_a_time);
	RUN(it_returns_slowly);
	RUN(a_failure_while_it_returns_ejects_at_once_and_for_longer);
	RUN(what_was_under_way_when_it_was_ejected_does_not_prolong_it);
	RUN(the_only_backend_is_tried_a_few_times_a_second);
	RUN(two_backends_at_rest_are_left_alone);
	RUN(eject_after_0_never_ejects);
	RUN(retries_are_a_tenth_of_the_calls_and_a_few);
	return CHECK_DONE();
}
