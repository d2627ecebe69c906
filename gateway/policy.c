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
	switch (severity) {
	case SEVERITY_LOW:
		return "low";
	case SEVERITY_MEDIUM:
		return "medium";
	case SEVERITY_HIGH:
		return "high";
	case SEVERITY_CRITICAL:
		return "critical";
	}
	abort();
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
