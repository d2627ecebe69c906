/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/screen_combine.h - what several matches in one text make together:
 * the rules that say any, all or not, and the sums of `scores:`.
 *
 * A part's match is noted while filters run, and weighed when all of them have
 * seen the same bytes, in the order in which matches end: so the outcome does
 * not depend on which filter was asked first. Pure; one per channel. */
#ifndef GATEWAY_SCREEN_COMBINE_H
#define GATEWAY_SCREEN_COMBINE_H

#include "gateway/policy.h"

/* A match, in offsets of the channel. */
struct combine_match {
	const struct policy_rule *look;	/* a part, or a rule of one match */
	uint64_t at, end;
	uint32_t item;
	double score;			/* how sure, above 0 to 1 */
	const char *view;		/* that it was seen on; static */
};

/* What was added up: in one text, or in all texts of a screen. Zeroed it is
 * empty; each rule counts once, by the match that it was surest of. */
struct combine_tally {
	double *best;			/* by policy_rule.adds */
	double *sums;			/* by place in `scores:` */
};

/* What comes out. */
struct combine_sink {
	/* A match counts for a rule. completes: with it the rule is (or was
	 * already) fulfilled; else it was seen before, and may be out. match's
	 * look is the rule itself where nothing but a `not` made it true: the
	 * whole text is meant. */
	void (*found)(void *arg, const struct policy_rule *rule,
	    const struct combine_match *match, bool completes);
	/* A rule is fulfilled, but matches of it from `at` on were too many to
	 * be kept. */
	void (*lost)(void *arg, const struct policy_rule *rule, uint64_t at);
	void *arg;
};

struct combine;

/* applies says for each of policy->rules whether it looks at all; exchange is
 * what all texts of a screen share. All must outlive it. Never NULL. */
struct combine *combine_new(const struct policy *policy, const bool *applies,
    struct combine_tally *exchange);
void combine_free(struct combine *combine);
void combine_tally_fini(struct combine_tally *tally);
/* What one of `scores:` has come to. combine may be NULL. */
double combine_sum(const struct combine *combine,
    const struct policy_rule *score);
/* Notes a match of a part or of a rule with a score, for the next combine_settle(). */
void combine_saw(struct combine *combine, const struct combine_match *match);
/* Weighs what was noted. Text before `clear` is out: what of it only waits for
 * other parts may be forgotten. */
void combine_settle(struct combine *combine, uint64_t clear,
    const struct combine_sink *sink);
/* The text is whole and has len bytes: weighs a rule that holds a `not`. To be
 * called once for each that looks, after the last combine_settle(). */
void combine_end(struct combine *combine, const struct policy_rule *rule,
    uint64_t len, const struct combine_sink *sink);

#endif
