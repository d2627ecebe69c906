/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/policy_reach.h - rules that a configuration never lets look.
 *
 * A slip in a tenant's or a model's name makes a rule that is silent for ever.
 * Whom a policy is for stands in the configuration, so only both together can
 * tell; and only with both in hand does `modgate check` ask. */
#ifndef GATEWAY_POLICY_REACH_H
#define GATEWAY_POLICY_REACH_H

#include "gateway/config.h"
#include "gateway/policy.h"

/* Whether some text is taken by both patterns: '*' any run, '?' one byte. */
bool globs_overlap(const char *a, const char *b);

/* Warns of rules of a policy that is bound by config->policies[which], and of
 * the binding itself, that can never apply. Does so for the first binding of a
 * file only, over all of its bindings. */
void policy_reach(const struct policy *policy, const struct config *config,
    size_t which, void (*warn)(void *arg, const struct mg_place *place,
	const char *text), void *arg);

#endif
