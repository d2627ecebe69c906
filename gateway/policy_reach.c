/* SPDX-License-Identifier: Apache-2.0 */
/* policy_reach.c - rules that a configuration never lets look. */
#include "gateway/policy_reach.h"

#include <stdlib.h>

#include "gateway/buf.h"

bool
globs_overlap(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), i, j;
	bool *rows = xcalloc((n + 1) * (m + 1), sizeof(bool)), out;

	/* rows[i][j]: what is behind i and j can be the same. */
	for (i = n + 1; i-- > 0;)
		for (j = m + 1; j-- > 0;) {
			bool *at = &rows[i * (m + 1) + j];
			bool skip_a = i < n && at[m + 1];
			bool skip_b = j < m && at[1];

			if (i == n && j == m)
				*at = true;
			else if (a[i] == '*' || b[j] == '*')
				*at = (a[i] == '*' && (skip_a || skip_b)) ||
				    (b[j] == '*' && (skip_b || skip_a));
			else
				*at = i < n && j < m && at[m + 2] &&
				    (a[i] == b[j] || a[i] == '?' ||
				    b[j] == '?');
		}
	out = rows[0];
	free(rows);
	return out;
}

/* Whether one of each list can be the same; NULL: any. */
static bool
lists_overlap(char *const *a, char *const *b)
{
	char *const *other;

	if (!a || !b)
		return true;
	for (; *a; a++)
		for (other = b; *other; other++)
			if (globs_overlap(*a, *other))
				return true;
	return false;
}

static bool
same_file(const struct config *config, size_t a, size_t b)
{
	return strcmp(config->policies[a].file, config->policies[b].file) == 0;
}

static bool
is_served(const struct config *config, char *const *models)
{
	size_t i;

	for (i = 0; i < config->n_upstreams; i++)
		if (lists_overlap(models, config->upstreams[i].models))
			return true;
	return config->n_upstreams == 0;
}

/* What keeps a rule from ever looking, or NULL. */
static const char *
rule_reach(const struct policy_rule *rule, const struct config *config,
    size_t which)
{
	bool tenants = false, models = false;
	size_t i;

	for (i = which; i < config->n_policies; i++) {
		if (!same_file(config, i, which))
			continue;
		tenants |= lists_overlap(rule->tenants,
		    config->policies[i].tenants);
		models |= lists_overlap(rule->models,
		    config->policies[i].models);
	}
	if (!tenants)
		return "when.tenants: this rule never looks, as the "
		    "configuration binds its policy to other tenants";
	if (!models)
		return "when.models: this rule never looks, as the "
		    "configuration binds its policy to other models";
	if (!is_served(config, rule->models))
		return "when.models: this rule never looks, as no upstream "
		    "serves a model of these";
	return NULL;
}


void
policy_reach(const struct policy *policy, const struct config *config,
    size_t which, void (*warn)(void *arg, const struct mg_place *place,
	const char *text), void *arg)
{
	const char *why;
	size_t i;

	if (!is_served(config, config->policies[which].models))
		warn(arg, &config->policies[which].place, "this policy is "
		    "never in force: no upstream serves a model of its when");
	for (i = 0; i < which; i++)
		if (same_file(config, i, which))
			return;
	for (i = 0; i < policy->n_rules; i++) {
		why = rule_reach(&policy->rules[i], config, which);
		if (why)
			warn(arg, &policy->rules[i].place, why);
	}
}
