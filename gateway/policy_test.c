/* SPDX-License-Identifier: Apache-2.0 */
/* policy_test.c - runs the tests that stand beside a policy's rules.
 *
 * Each text goes through the whole policy as an exchange's would, on every
 * side that the rule looks at, by a tenant and a model that its `when:` takes;
 * but only what that one rule found counts. */
#include <stdlib.h>

#include "gateway/buf.h"
#include "gateway/screen.h"

enum outcome { PASSED, NOT_FOUND, FOUND, NOT_ABLE };

/* A name that the first pattern matches; any name when there is none. */
static void
add_sample(struct buf *out, char *const *patterns, const char *otherwise)
{
	const char *p;

	buf_clear(out);
	for (p = patterns ? patterns[0] : otherwise; *p; p++)
		if (*p != '*')
			buf_add_byte(out, *p == '?' ? 'x' : *p);
	if (out->len == 0)
		buf_add_str(out, otherwise);
}

/* A role that the rule looks at on this side, or 0: it looks at none. */
static enum policy_role
role_for(const struct policy_rule *rule, enum policy_side side)
{
	unsigned role;

	if (side == SIDE_ANSWER)
		return (enum policy_role)(rule->roles & ROLE_ASSISTANT);
	if (rule->roles & ROLE_USER)
		return ROLE_USER;
	for (role = 1; role < ROLE_ANY; role <<= 1)
		if (rule->roles & role)
			break;
	return (enum policy_role)role;
}

static enum outcome
judge(const struct policy *policy, const struct policy_rule *rule,
    const struct policy_test *test, enum policy_side side,
    enum policy_role role, const struct screen_subject *subject)
{
	struct screen *screen = screen_new(policy, side, subject);
	const struct screen_finding *findings;
	struct channel_screen *channel;
	enum outcome seen = NOT_FOUND;
	uint64_t total;
	size_t n, i;

	channel = screen_text(screen, role, FORM_PLAIN,
	    span_str(test->text));
	findings = channel_findings(channel, &n, &total);
	for (i = 0; i < n; i++) {
		if (findings[i].rule != rule)
			continue;
		if (findings[i].unable)
			seen = NOT_ABLE;
		else if (seen == NOT_FOUND)
			seen = FOUND;
	}
	channel_close(channel);
	screen_free(screen);
	if (seen == NOT_ABLE)
		return seen;
	return (seen == FOUND) == !test->expect_pass ? PASSED : seen;
}

static const char *
why_not(enum outcome outcome, enum policy_side side)
{
	bool prompt = side == SIDE_PROMPT;

	switch (outcome) {
	case PASSED:
		return NULL;
	case NOT_FOUND:
		return prompt ? "as a prompt, the rule found nothing" :
		    "as an answer, the rule found nothing";
	case FOUND:
		return prompt ? "as a prompt, the rule found something" :
		    "as an answer, the rule found something";
	case NOT_ABLE:
		return prompt ? "as a prompt, the rule could not judge it" :
		    "as an answer, the rule could not judge it";
	}
	abort();
}

static const char *
run_test(const struct policy *policy, const struct policy_rule *rule,
    const struct policy_test *test, const struct screen_subject *subject)
{
	static const enum policy_side sides[] = { SIDE_PROMPT, SIDE_ANSWER };
	enum outcome outcome;
	size_t i;

	for (i = 0; i < 2; i++) {
		enum policy_role role = role_for(rule, sides[i]);

		if (!(rule->sides & sides[i]) || !role)
			continue;
		outcome = judge(policy, rule, test, sides[i], role, subject);
		if (outcome != PASSED)
			return why_not(outcome, sides[i]);
	}
	return NULL;
}

size_t
policy_run_tests(const struct policy *policy,
    void (*report)(void *arg, const struct policy_rule *rule,
	const struct policy_test *test, const char *why), void *arg)
{
	struct buf tenant = { 0 }, model = { 0 };
	size_t failed = 0, i, j;

	for (i = 0; i < policy->n_rules; i++) {
		const struct policy_rule *rule = &policy->rules[i];
		struct screen_subject subject;

		add_sample(&tenant, rule->tenants, "default");
		add_sample(&model, rule->models, "model");
		subject.tenant = buf_span(&tenant);
		subject.model = buf_span(&model);
		for (j = 0; j < rule->n_tests; j++) {
			const char *why = run_test(policy, rule,
			    &rule->tests[j], &subject);

			failed += why != NULL;
			if (report)
				report(arg, rule, &rule->tests[j], why);
		}
	}
	buf_fini(&tenant);
	buf_fini(&model);
	return failed;
}
