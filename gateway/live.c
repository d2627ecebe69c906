/* SPDX-License-Identifier: Apache-2.0 */
/* live.c - the configuration and the policies in force. */
#include "gateway/live.h"

#include <stdlib.h>

#include "gateway/file.h"
#include "gateway/log.h"
#include "gateway/tls.h"

static void
test_failed(void *arg, const struct policy_rule *rule,
    const struct policy_test *test, const char *why)
{
	struct mg_error *err = arg;

	if (why)
		(void)mg_fail(err, &test->place, "rule '%s': its test failed: "
		    "%s; modgate test shows them all", rule->id, why);
}

struct policy *
live_load_policy(const char *file, const struct mg_place *place,
    const struct filter_set *filters, struct file_list *noted,
    struct mg_error *err)
{
	struct policy *policy;

	if (place && file_there(file, place, err) < 0) {
		file_list_add(noted, file);	/* it may come back */
		return NULL;
	}
	policy = policy_load_with(file, filters, noted, err);
	if (policy && policy_run_tests(policy, test_failed, err) > 0)
		policy_unref(&policy);
	return policy;
}

static int
load_policy(struct live_policy *out, const struct config_policy *config,
    const struct filter_set *filters, struct file_list *noted,
    struct mg_error *err)
{
	out->policy = live_load_policy(config->file, &config->place, filters,
	    noted, err);
	if (!out->policy)
		return -1;
	out->rules = xcalloc(out->policy->n_rules, sizeof(*out->rules));
	return 0;
}

struct live *
live_load(const char *path, struct file_list *noted, struct mg_error *err)
{
	struct live *live = xcalloc(1, sizeof(*live));
	const struct config *config;
	size_t i;

	live->refs = 1;
	live->config = config_load(path, err);
	if (!live->config)
		goto fail;
	config = live->config;
	for (i = 0; i < config->n_filters; i++)
		if (filter_set_load(&live->filters, config->filters[i].file,
		    &config->filters[i].place, err) < 0)
			goto fail;
	live->policies = xcalloc(config->n_policies, sizeof(*live->policies));
	live->tls = xcalloc(config->n_listen, sizeof(*live->tls));
	for (i = 0; i < config->n_policies; i++)
		if (load_policy(&live->policies[i], &config->policies[i],
		    &live->filters, noted, err) < 0)
			goto fail;
	for (i = 0; i < config->n_listen; i++) {
		if (!config->listen[i].has_tls)
			continue;
		live->tls[i] = tls_new(&config->listen[i].tls, err);
		if (!live->tls[i])
			goto fail;
	}
	if (config->n_admin > 0 && config->admin[0].has_tls) {
		live->admin_tls = tls_new(&config->admin[0].tls, err);
		if (!live->admin_tls)
			goto fail;
	}
	return live;
fail:
	live_unref(&live);
	return NULL;
}

void
live_warn(const struct live *live)
{
	char *const *warning;
	size_t i;

	for (i = 0; i < live->config->n_policies; i++)
		for (warning = live->policies[i].policy->warnings;
		    warning && *warning; warning++)
			log_warn("%s", *warning);
}

struct live *
live_ref(struct live *live)
{
	__atomic_add_fetch(&live->refs, 1, __ATOMIC_RELAXED);
	return live;
}

void
live_unref(struct live **ref)
{
	struct live *live = *ref;
	size_t i;

	*ref = NULL;
	if (!live || __atomic_sub_fetch(&live->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (i = 0; live->policies && i < live->config->n_policies; i++) {
		policy_unref(&live->policies[i].policy);
		free(live->policies[i].rules);
	}
	for (i = 0; live->tls && i < live->config->n_listen; i++)
		tls_unref(&live->tls[i]);
	tls_unref(&live->admin_tls);
	free(live->policies);
	free(live->tls);
	filter_set_fini(&live->filters);
	config_unref(&live->config);
	free(live);
}

const struct live_policy *
live_policy(const struct live *live, struct mg_span tenant,
    struct mg_span model)
{
	const struct config *config = live->config;
	size_t i;

	for (i = 0; i < config->n_policies; i++)
		if (globs_match(config->policies[i].tenants, tenant) &&
		    globs_match(config->policies[i].models, model))
			return &live->policies[i];
	return NULL;
}
