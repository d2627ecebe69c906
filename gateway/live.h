/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/live.h - the configuration and the policies in force: read together,
 * swapped together.
 *
 * An exchange holds a reference to what it began under; a reload makes a new
 * one and leaves the old one alone. Read-only after live_load(). */
#ifndef GATEWAY_LIVE_H
#define GATEWAY_LIVE_H

#include "filters/registry.h"
#include "gateway/config.h"
#include "gateway/file.h"
#include "gateway/metrics.h"
#include "gateway/policy.h"

struct tls;

struct live_policy {
	struct policy *policy;
	struct rule_metrics *rules;	/* n_rules */
};

struct live {
	unsigned refs;			/* atomic */
	struct config *config;
	struct filter_set filters;	/* of the policies */
	struct live_policy *policies;	/* as config->policies */
	struct tls **tls;		/* as config->listen; NULL: plain */
	struct tls *admin_tls;		/* NULL: plain, or no admin address */
};

/* Reads a policy and runs its own tests. NULL with err filled: it cannot be in
 * force. place (may be NULL) is where the file was named; filters and noted as
 * policy_load_with() has them. */
struct policy *live_load_policy(const char *file,
    const struct mg_place *place, const struct filter_set *filters,
    struct file_list *noted,
    struct mg_error *err);
/* Reads the configuration, its policies and certificates, and runs the
 * policies' own tests. NULL with err filled: nothing has changed. noted (may be
 * NULL) gets the files of the policies, as far as it came. */
struct live *live_load(const char *path, struct file_list *noted,
    struct mg_error *err);
/* Logs what is odd in the policies. */
void live_warn(const struct live *live);
struct live *live_ref(struct live *live);
void live_unref(struct live **live);
/* The first policy that matches, or NULL. */
const struct live_policy *live_policy(const struct live *live,
    struct mg_span tenant, struct mg_span model);

#endif
