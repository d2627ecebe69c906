/* SPDX-License-Identifier: Apache-2.0 */
/* tests/look.h - one rule of a policy on one whole text, by the filter contract
 * alone: no screen between. */
#ifndef TESTS_LOOK_H
#define TESTS_LOOK_H

#include <string.h>

#include "gateway/policy.h"

struct seen {
	uint32_t rule;
	unsigned found, unable;
	uint64_t at, len;	/* of the first */
};

static void
look_found(void *arg, const struct mg_found *found)
{
	struct seen *seen = arg;

	if (found->rule != seen->rule)
		return;
	if (seen->found++ == 0) {
		seen->at = found->at;
		seen->len = found->len;
	}
}

static void
look_unable(void *arg, uint32_t rule, const char *why)
{
	struct seen *seen = arg;

	(void)why;
	seen->unable += rule == seen->rule;
}

static struct seen
look(const struct policy *p, const struct policy_rule *rule, const char *text)
{
	const struct policy_engine *engine = &p->engines[rule->engine];
	uint64_t all[64];
	struct mg_scope scope = { all, all };
	struct mg_text whole = { .ptr = text, .len = strlen(text),
		.last = true };
	struct seen seen = { .rule = (uint32_t)rule->engine_rule };
	struct mg_report report = { .hold = whole.len, .keep = whole.len,
		.found = look_found, .unable = look_unable, .arg = &seen };
	void *scan;

	memset(all, 0xff, sizeof(all));
	scan = engine->type->begin(engine->conf, &scope);
	engine->type->judge(scan, &whole, &report);
	engine->type->end(scan);
	return seen;
}

#endif
