/* SPDX-License-Identifier: Apache-2.0 */
/* screen_combine.c - what several matches in one text make together.
 *
 * A rule's state is a bit for each part that was found. Matches of parts that
 * do not count yet wait, so that the rule can name (and redact) them once it
 * is fulfilled; those whose text is out are forgotten but for the first of
 * each part. What a rule adds to a sum is added when it is fulfilled. */
#include "gateway/screen_combine.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/buf.h"
#include "gateway/screen.h"

enum { WAITING_FEW = 64 };	/* matches that a rule keeps in any case */

/* One rule with parts, in one text. */
struct combo {
	uint32_t found;			/* parts that were found */
	uint32_t counts;		/* … and help to fulfil the rule */
	struct combine_match *waiting;	/* found, but do not count yet */
	size_t n, cap, sweep_at;
	uint64_t lost;			/* at; those before it are all kept */
};

struct combine {
	const struct policy *policy;
	struct combine_match *fresh;	/* not weighed yet */
	size_t n_fresh, cap_fresh;
	struct combo *combos;		/* by policy_rule.combo; NULL: no part
					 * was found so far */
	size_t n_waiting;
	const bool *applies;
	struct combine_tally text, *exchange;
	bool *reached;			/* by place in `scores:`; NULL: none */
};

struct combine *
combine_new(const struct policy *policy, const bool *applies,
    struct combine_tally *exchange)
{
	struct combine *c = xcalloc(1, sizeof(*c));

	c->policy = policy;
	c->applies = applies;
	c->exchange = exchange;
	return c;
}

void
combine_tally_fini(struct combine_tally *tally)
{
	free(tally->best);
	free(tally->sums);
}

void
combine_free(struct combine *c)
{
	size_t i;

	if (!c)
		return;
	for (i = 0; c->combos && i < c->policy->n_combos; i++)
		free(c->combos[i].waiting);
	free(c->combos);
	free(c->fresh);
	free(c->reached);
	combine_tally_fini(&c->text);
	free(c);
}

void
combine_saw(struct combine *c, const struct combine_match *match)
{
	c->fresh = xgrow(c->fresh, &c->cap_fresh, c->n_fresh + 1,
	    sizeof(*c->fresh));
	c->fresh[c->n_fresh++] = *match;
}

/* ---- expressions ---- */

static bool
fulfilled(const struct policy_expr *e, uint32_t found)
{
	size_t i;

	switch (e->kind) {
	case EXPR_PART:
		return found >> e->part & 1;
	case EXPR_NOT:
		return !fulfilled(e->children, found);
	case EXPR_ANY:
	case EXPR_ALL:
		for (i = 0; i < e->n; i++)
			if (fulfilled(&e->children[i], found) ==
			    (e->kind == EXPR_ANY))
				return e->kind == EXPR_ANY;
		return e->kind == EXPR_ALL;
	}
	abort();
}

/* The parts that make it true: in `any: [all: [a, b], c]` c alone where b is
 * missing, whether a was found or not. */
static uint32_t
counting(const struct policy_expr *e, uint32_t found)
{
	uint32_t parts = 0;
	size_t i;

	if (!fulfilled(e, found) || e->kind == EXPR_NOT)
		return 0;
	if (e->kind == EXPR_PART)
		return UINT32_C(1) << e->part;
	for (i = 0; i < e->n; i++)
		parts |= counting(&e->children[i], found);
	return parts;
}

/* ---- sums ---- */

/* What a match adds to a tally beyond what its rule has added already. */
static double
gain(const struct policy *policy, struct combine_tally *tally,
    const struct policy_rule *rule, double score)
{
	double more;

	if (!tally->best) {
		tally->best = xcalloc(policy->n_adds, sizeof(double));
		tally->sums = xcalloc(policy->n_rules - policy->first_score,
		    sizeof(double));
	}
	more = score - tally->best[rule->adds];
	if (more <= 0)
		return 0;
	tally->best[rule->adds] = score;
	return more * rule->score;
}

/* Fractions may add up to a hair less than the whole. */
static bool
is_reached(const struct policy_rule *score, double sum)
{
	return sum + 1e-9 >= score->at_least;
}

static void
weigh_score(struct combine *c, const struct policy_rule *rule,
    const struct combine_match *match, const struct combine_sink *sink)
{
	const struct policy *policy = c->policy;
	size_t n = policy->n_rules - policy->first_score, i;
	double text, exchange;

	if (rule->score == 0 || rule->mode == MODE_SHADOW || n == 0)
		return;
	text = gain(policy, &c->text, rule, match->score);
	exchange = gain(policy, c->exchange, rule, match->score);
	if (!c->reached)
		c->reached = xcalloc(n, sizeof(bool));
	for (i = 0; i < n; i++) {
		const struct policy_rule *score =
		    &policy->rules[policy->first_score + i];

		if (score->sum != rule->sum)
			continue;
		c->text.sums[i] += text;
		c->exchange->sums[i] += exchange;
		if (c->reached[i] || !c->applies[score - policy->rules] ||
		    !is_reached(score, score->per_exchange ?
		    c->exchange->sums[i] : c->text.sums[i]))
			continue;
		c->reached[i] = true;
		sink->found(sink->arg, score, match, true);
	}
}

double
combine_sum(const struct combine *c, const struct policy_rule *score)
{
	const struct combine_tally *tally;

	if (!c)
		return 0;
	tally = score->per_exchange ? c->exchange : &c->text;
	return tally->sums ? tally->sums[(size_t)(score - c->policy->rules) -
	    c->policy->first_score] : 0;
}

/* A match counts for a rule. */
static void
tell(struct combine *c, const struct policy_rule *rule,
    const struct combine_match *match, bool completes,
    const struct combine_sink *sink)
{
	sink->found(sink->arg, rule, match, completes);
	if (completes)
		weigh_score(c, rule, match, sink);
}

/* ---- matches that wait ---- */

static struct combo *
combo_of(struct combine *c, const struct policy_rule *rule)
{
	size_t i;

	if (!c->combos) {
		c->combos = xcalloc(c->policy->n_combos, sizeof(*c->combos));
		for (i = 0; i < c->policy->n_combos; i++) {
			c->combos[i].sweep_at = WAITING_FEW;
			c->combos[i].lost = SCREEN_NONE;
		}
	}
	return &c->combos[rule->combo];
}

/* Forgets what waits for nothing but the record. */
static void
sweep(struct combine *c, struct combo *combo, uint64_t clear, bool acts)
{
	uint32_t seen = 0;
	size_t i, n = 0;

	for (i = 0; i < combo->n; i++) {
		const struct combine_match *m = &combo->waiting[i];
		uint32_t bit = UINT32_C(1) << m->look->part;

		if (!(seen & bit) || (acts && m->end > clear))
			combo->waiting[n++] = *m;
		seen |= bit;
	}
	c->n_waiting -= combo->n - n;
	combo->n = n;
	combo->sweep_at = n < WAITING_FEW / 2 ? WAITING_FEW : 2 * n;
}

static void
wait_for(struct combine *c, struct combo *combo,
    const struct combine_match *match, uint64_t clear)
{
	const struct policy_rule *rule = match->look->owner;
	bool acts = rule->mode == MODE_ENFORCE && rule->action != ACTION_FLAG;

	if (combo->n >= combo->sweep_at)
		sweep(c, combo, clear, acts);
	if (c->n_waiting >= SCREEN_MAX_EDITS && combo->n >= WAITING_FEW) {
		if (match->at < combo->lost)
			combo->lost = match->at;
		return;
	}
	combo->waiting = xgrow(combo->waiting, &combo->cap, combo->n + 1,
	    sizeof(*combo->waiting));
	combo->waiting[combo->n++] = *match;
	c->n_waiting++;
}

/* Tells those that count by now. Returns how many. */
static size_t
tell_waiting(struct combine *c, struct combo *combo,
    const struct policy_rule *rule, bool completes,
    const struct combine_sink *sink)
{
	size_t i, n = 0, told;

	for (i = 0; i < combo->n; i++)
		if (combo->counts >> combo->waiting[i].look->part & 1)
			tell(c, rule, &combo->waiting[i], completes, sink);
		else
			combo->waiting[n++] = combo->waiting[i];
	told = combo->n - n;
	c->n_waiting -= told;
	combo->n = n;
	if (combo->lost != SCREEN_NONE) {
		sink->lost(sink->arg, rule, combo->lost);
		combo->lost = SCREEN_NONE;
	}
	return told;
}

/* ---- weighing ---- */

static void
weigh_part(struct combine *c, const struct combine_match *match,
    uint64_t clear, const struct combine_sink *sink)
{
	const struct policy_rule *rule = match->look->owner;
	struct combo *combo = combo_of(c, rule);
	uint32_t bit = UINT32_C(1) << match->look->part, counts;

	if (!(combo->found & bit)) {
		combo->found |= bit;
		counts = rule->negates ? 0 :
		    counting(rule->expr, combo->found);
		if (counts != combo->counts) {
			combo->counts = counts;
			(void)tell_waiting(c, combo, rule, false, sink);
		}
	}
	if (combo->counts & bit)
		tell(c, rule, match, true, sink);
	else
		wait_for(c, combo, match, clear);
}

static int
by_end(const void *a, const void *b)
{
	const struct combine_match *x = a, *y = b;

	if (x->end != y->end)
		return x->end < y->end ? -1 : 1;
	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->look < y->look ? -1 : x->look > y->look;
}

void
combine_settle(struct combine *c, uint64_t clear,
    const struct combine_sink *sink)
{
	size_t i;

	if (c->n_fresh > 1)
		qsort(c->fresh, c->n_fresh, sizeof(*c->fresh), by_end);
	for (i = 0; i < c->n_fresh; i++)
		if (c->fresh[i].look->owner)
			weigh_part(c, &c->fresh[i], clear, sink);
		else
			weigh_score(c, c->fresh[i].look, &c->fresh[i], sink);
	c->n_fresh = 0;
}

void
combine_end(struct combine *c, const struct policy_rule *rule, uint64_t len,
    const struct combine_sink *sink)
{
	struct combine_match whole = { rule, 0, len, 0, 1, "raw" };
	struct combo *combo;

	assert(rule->negates);
	if (!fulfilled(rule->expr, c->combos ?
	    c->combos[rule->combo].found : 0) || len == 0)
		return;
	combo = combo_of(c, rule);
	combo->counts = counting(rule->expr, combo->found);
	if (tell_waiting(c, combo, rule, true, sink) == 0)
		tell(c, rule, &whole, true, sink);
}
