/* SPDX-License-Identifier: Apache-2.0 */
/* upstream_pick.c - which backend takes a call, and which rests.
 *
 * The draw is weighted and random. A round robin would give exacter shares in
 * a test, but each worker has its own and all would start at the same backend;
 * and its memory mixes up models that share some backends and not others. */
#include "gateway/upstream_pick.h"

#include <stdlib.h>

enum {
	FULL_SHARE = 100,	/* per cent of a backend's weight */
	TRIAL_SHARE = 10,	/* … when it has just come back */
	LONGEST = 10,		/* an ejection is at most so many eject_ms */
	SOLE_GAP_MIN_MS = 100,	/* trials of a model's only backend */
	SOLE_GAP_MAX_MS = 1000,
	BUDGET_CALL = 100,	/* a call allows 0.1 retry */
	BUDGET_RETRY = 1000,
	BUDGET_FULL = 10 * BUDGET_RETRY,
	BUDGET_MS = 2,		/* a retry's worth comes back in 2000 ms */
};

static uint64_t
return_ms(const struct config_upstream *conf)
{
	return 2 * (uint64_t)conf->eject_ms + 1;
}

static bool
takes_model(const struct config_upstream *conf, struct mg_span model)
{
	if (conf->weight == 0)
		return false;
	return model.len == 0 || globs_match(conf->models, model);
}

/* A trial that is not answered holds the next one back, but only for so long:
 * a model may think for minutes before its first byte. */
static bool
trial_is_due(const struct pick_candidate *c, uint64_t now_ms)
{
	const struct pick_health *h = c->health;

	return now_ms >= h->until_ms &&
	    (!h->trial || now_ms - h->trial_ms >= c->conf->eject_ms);
}

static bool
sole_trial_is_due(const struct pick_candidate *c, uint64_t now_ms)
{
	uint64_t gap = c->conf->eject_ms / 5;

	if (gap < SOLE_GAP_MIN_MS)
		gap = SOLE_GAP_MIN_MS;
	if (gap > SOLE_GAP_MAX_MS)
		gap = SOLE_GAP_MAX_MS;
	return now_ms - c->health->trial_ms >= gap;
}

/* What a backend's weight counts for now: 0, or 10 to 100 per cent. */
static uint64_t
share(const struct pick_candidate *c, uint64_t now_ms)
{
	uint64_t weight = c->conf->weight, gone, whole;

	switch (c->health->state) {
	case PICK_HEALTHY:
		return weight * FULL_SHARE;
	case PICK_EJECTED:
		return trial_is_due(c, now_ms) ? weight * TRIAL_SHARE : 0;
	case PICK_RETURNING:
		whole = return_ms(c->conf);
		gone = now_ms - c->health->since_ms;
		if (gone >= whole)
			return weight * FULL_SHARE;
		return weight * (TRIAL_SHARE +
		    (FULL_SHARE - TRIAL_SHARE) * gone / whole);
	}
	abort();
}

static bool
is_avoided(uint64_t avoid, size_t i)
{
	return i < 64 && (avoid >> i & 1);
}

static struct pick_choice
chosen(const struct pick_candidate *c, size_t i, uint64_t now_ms)
{
	struct pick_choice choice = { PICK_OK, i, false };
	struct pick_health *h = c[i].health;

	if (h->state == PICK_EJECTED) {
		choice.trial = h->trial = true;
		h->trial_ms = now_ms;
	}
	return choice;
}

struct pick_choice
pick_choose(const struct pick_candidate *c, size_t n, struct mg_span model,
    uint64_t avoid, uint64_t now_ms, uint64_t random)
{
	size_t i, matching = 0, last = 0;
	uint64_t sum = 0, draw;

	for (i = 0; i < n; i++) {
		if (!takes_model(c[i].conf, model))
			continue;
		matching++;
		last = i;
		if (!is_avoided(avoid, i))
			sum += share(&c[i], now_ms);
	}
	if (matching == 0)
		return (struct pick_choice){ PICK_UNKNOWN_MODEL, 0, false };
	if (sum == 0 && matching == 1 && !is_avoided(avoid, last) &&
	    sole_trial_is_due(&c[last], now_ms))
		return chosen(c, last, now_ms);
	if (sum == 0)
		return (struct pick_choice){ PICK_NONE_HEALTHY, 0, false };
	draw = random % sum;
	for (i = 0; i < n; i++) {
		uint64_t part;

		if (!takes_model(c[i].conf, model) || is_avoided(avoid, i))
			continue;
		part = share(&c[i], now_ms);
		if (draw < part)
			return chosen(c, i, now_ms);
		draw -= part;
	}
	abort();
}

void
pick_answered(struct pick_health *h, bool trial, uint64_t now_ms)
{
	if (!trial || h->state != PICK_EJECTED)
		return;
	h->state = PICK_RETURNING;
	h->since_ms = now_ms;
	h->failures = 0;
	h->trial = false;
}

void
pick_succeeded(const struct config_upstream *conf, struct pick_health *h,
    uint64_t now_ms)
{
	h->failures = 0;
	if (h->state == PICK_RETURNING &&
	    now_ms - h->since_ms >= return_ms(conf)) {
		h->state = PICK_HEALTHY;
		h->level = 0;
	}
}

bool
pick_failed(const struct config_upstream *conf, struct pick_health *h,
    bool trial, uint64_t now_ms)
{
	uint64_t rest;

	/* Calls that were out when the backend was ejected say nothing new. */
	if (h->state == PICK_EJECTED && !trial)
		return false;
	if (conf->eject_after == 0)
		return false;
	if (h->state == PICK_HEALTHY && ++h->failures < conf->eject_after)
		return false;
	rest = h->level < 4 ? 1u << h->level : LONGEST;
	if (rest > LONGEST)
		rest = LONGEST;
	h->level++;
	h->state = PICK_EJECTED;
	h->failures = 0;
	h->until_ms = now_ms + rest * conf->eject_ms;
	h->trial_ms = now_ms;
	h->trial = false;
	return true;
}

void
pick_forget(struct pick_health *h, bool trial)
{
	if (trial)
		h->trial = false;
}

void
pick_budget_call(struct pick_budget *b)
{
	b->spent = b->spent > BUDGET_CALL ? b->spent - BUDGET_CALL : 0;
}

bool
pick_budget_take(struct pick_budget *b, uint64_t now_ms)
{
	uint64_t back = (now_ms - b->at_ms) / BUDGET_MS;

	if (back > 0) {
		b->spent = b->spent > back ? b->spent - back : 0;
		b->at_ms = now_ms;
	}
	if (b->spent + BUDGET_RETRY > BUDGET_FULL)
		return false;
	b->spent += BUDGET_RETRY;
	return true;
}
