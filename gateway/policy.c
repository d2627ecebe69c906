/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c - a loaded policy's life by references, and its words. */
#include "gateway/policy.h"

#include <stdlib.h>

#include "gateway/arena.h"
#include "gateway/graphemes.h"

static void
policy_free(struct policy *policy)
{
	struct arena *arena = policy->storage;
	size_t i;

	/* Engines point into the arena, so they go first. */
	for (i = 0; i < policy->n_engines; i++)
		policy->engines[i].type->close(policy->engines[i].conf);
	arena_fini(arena);
	free(arena);
	graphemes_free(policy->graphemes);
	free(policy->stats);
	free(policy);
}

struct policy *
policy_ref(struct policy *policy)
{
	__atomic_add_fetch(&policy->refs, 1, __ATOMIC_RELAXED);
	return policy;
}

void
policy_unref(struct policy **policy)
{
	struct policy *p = *policy;

	*policy = NULL;
	if (p && __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) == 0)
		policy_free(p);
}

const char *const policy_categories[] = {
	"A1a", "A1b", "A1c", "A1d", "A1e", "A1f", "A1g", "A1h",
	"A2a", "A2b", "A2c", "A2d", "A2e", "A2f", "A2g", "A2h", "A2i",
	"A3a", "A3b", "A3c", "A3d", "A3e",
	"A4a", "A4b", "A4c", "A4d", "A4e", "A4f", "A4g",
	"A5a", "A5b",
	"X1", "X2", "X3", "X4", "X5", "X6", "X7", "custom", NULL };

const char *const policy_severities[] = {
	[SEVERITY_LOW] = "low", [SEVERITY_MEDIUM] = "medium",
	[SEVERITY_HIGH] = "high", [SEVERITY_CRITICAL] = "critical", NULL };

const char *
policy_category_of(const struct policy_rule *rule, uint32_t item)
{
	if (item < rule->n_grades && rule->grades[item].category)
		return policy_categories[rule->grades[item].category - 1];
	return rule->category;
}

enum policy_severity
policy_severity_of(const struct policy_rule *rule, uint32_t item)
{
	if (item < rule->n_grades && rule->grades[item].severity)
		return (enum policy_severity)(rule->grades[item].severity - 1);
	return rule->severity;
}

const char *
policy_action_name(enum policy_action action)
{
	switch (action) {
	case ACTION_FLAG:
		return "flag";
	case ACTION_REDACT:
		return "redact";
	case ACTION_PSEUDONYMIZE:
		return "pseudonymize";
	case ACTION_BLOCK:
		return "block";
	}
	abort();
}

const char *
policy_severity_name(enum policy_severity severity)
{
	return policy_severities[severity];
}

const char *
policy_role_name(enum policy_role role)
{
	switch (role) {
	case ROLE_SYSTEM:
		return "system";
	case ROLE_DEVELOPER:
		return "developer";
	case ROLE_USER:
		return "user";
	case ROLE_ASSISTANT:
		return "assistant";
	case ROLE_TOOL:
		return "tool";
	case ROLE_OTHER:
		return "other";
	case ROLE_ANY:
		return "any";
	}
	abort();
}
