/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_text.c - all counters in Prometheus' text format. */
#include <inttypes.h>

#include "filters/registry.h"
#include "gateway/admin/admin.h"
#include "gateway/cmd.h"

static void
head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
gauge(struct buf *out, const char *name, const char *help, double value)
{
	head(out, name, "gauge", help);
	buf_addf(out, "%s %.17g\n", name, value);
}

static void
counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
	head(out, name, "counter", help);
	buf_addf(out, "%s %" PRIu64 "\n", name, value);
}

/* A counter of microseconds; Prometheus wants seconds. */
static void
counter_us(struct buf *out, const char *name, const char *help, uint64_t us)
{
	head(out, name, "counter", help);
	buf_addf(out, "%s %" PRIu64 ".%06" PRIu64 "\n", name, us / 1000000,
	    us % 1000000);
}

/* A label's value: backslash, quote and line end are escaped. */
static void
label(struct buf *out, const char *name, const char *value)
{
	buf_addf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			buf_add_byte(out, '\\');
		if (*value == '\n')
			buf_add_str(out, "\\n");
		else
			buf_add_byte(out, *value);
	}
	buf_add_byte(out, '"');
}

static void
workers(struct gateway *gw, struct buf *out)
{
	static const struct {
		const char *name, *help;
		void (*print)(struct buf *out, const char *name,
		    const char *help, uint64_t value);
	} names[] = {
#define X(name, help) { "modgate_" #name "_total", help, counter },
#define T(name, help) { "modgate_" #name "_seconds_total", help, counter_us },
		METRICS(X, T)
#undef T
#undef X
	};
	uint64_t in_flight = 0;
	unsigned m, w;

	for (m = 0; m < METRIC_COUNT; m++) {
		uint64_t sum = 0;

		for (w = 0; w < gw->n_workers; w++)
			sum += atomic_load_explicit(
			    &gw->workers[w].metrics.value[m],
			    memory_order_relaxed);
		names[m].print(out, names[m].name, names[m].help, sum);
	}
	for (w = 0; w < gw->n_workers; w++)
		in_flight += atomic_load_explicit(
		    &gw->workers[w].metrics.in_flight, memory_order_relaxed);
	gauge(out, "modgate_exchanges_in_flight", "exchanges under way",
	    (double)in_flight);
}

/* Policies may share a name: the same file for two tenants, or two files. They
 * are one series then, told with the first of them. */
static bool
is_first(const struct live *live, size_t p)
{
	size_t q;

	for (q = 0; q < p; q++)
		if (strcmp(live->policies[q].policy->name,
		    live->policies[p].policy->name) == 0)
			return false;
	return true;
}

/* The next policy of the same name, or SIZE_MAX. */
static size_t
next_of(const struct live *live, size_t p)
{
	size_t q;

	for (q = p + 1; q < live->config->n_policies; q++)
		if (strcmp(live->policies[q].policy->name,
		    live->policies[p].policy->name) == 0)
			return q;
	return SIZE_MAX;
}

struct hits {
	uint64_t values[3];
};

static void
count_hits(const struct live_policy *lp, const char *rule, struct hits *out)
{
	size_t r;

	for (r = 0; r < lp->policy->n_rules; r++) {
		if (strcmp(lp->policy->rules[r].id, rule) != 0)
			continue;
		out->values[0] += atomic_load(&lp->rules[r].hits);
		out->values[1] += atomic_load(&lp->rules[r].shadow_hits);
		out->values[2] += atomic_load(&lp->rules[r].unable);
	}
}

static bool
has_rule(const struct policy *policy, const char *rule)
{
	size_t r;

	for (r = 0; r < policy->n_rules; r++)
		if (strcmp(policy->rules[r].id, rule) == 0)
			return true;
	return false;
}

static void
rule_hits(const struct live *live, size_t p, const char *rule,
    struct buf *out)
{
	static const char *const how[] = { "enforced", "shadow", "unable" };
	struct hits hits = { { 0 } };
	size_t q, h;

	for (q = p; q != SIZE_MAX; q = next_of(live, q))
		count_hits(&live->policies[q], rule, &hits);
	for (h = 0; h < 3; h++) {
		buf_add_str(out, "modgate_rule_hits_total{");
		label(out, "policy", live->policies[p].policy->name);
		buf_add_byte(out, ',');
		label(out, "rule", rule);
		buf_add_byte(out, ',');
		label(out, "how", how[h]);
		buf_addf(out, "} %" PRIu64 "\n", hits.values[h]);
	}
}

static void
rule_would(const struct live *live, size_t p, const char *rule,
    struct buf *out)
{
	enum policy_action action = ACTION_FLAG;
	uint64_t sum = 0;
	size_t q, r;

	for (q = p; q != SIZE_MAX; q = next_of(live, q)) {
		const struct policy *policy = live->policies[q].policy;

		for (r = 0; r < policy->n_rules; r++) {
			if (strcmp(policy->rules[r].id, rule) != 0 ||
			    policy->rules[r].mode != MODE_SHADOW)
				continue;
			action = policy->rules[r].action;
			sum += atomic_load(&live->policies[q].rules[r].would);
		}
	}
	if (action == ACTION_FLAG)
		return;			/* it is in force, or only notes */
	buf_add_str(out, "modgate_rule_shadow_exchanges_total{");
	label(out, "policy", live->policies[p].policy->name);
	buf_add_byte(out, ',');
	label(out, "rule", rule);
	buf_add_byte(out, ',');
	label(out, "action", policy_action_name(action));
	buf_addf(out, "} %" PRIu64 "\n", sum);
}

static void
rule_time(const struct live *live, size_t p, const char *rule,
    struct buf *out)
{
	uint64_t ns = 0;
	size_t q, r;

	for (q = p; q != SIZE_MAX; q = next_of(live, q)) {
		const struct policy *policy = live->policies[q].policy;

		for (r = 0; r < policy->n_rules; r++)
			if (strcmp(policy->rules[r].id, rule) == 0)
				ns += __atomic_load_n(
				    &policy->stats->rule_ns[r],
				    __ATOMIC_RELAXED);
	}
	buf_add_str(out, "modgate_rule_seconds_total{");
	label(out, "policy", live->policies[p].policy->name);
	buf_add_byte(out, ',');
	label(out, "rule", rule);
	buf_addf(out, "} %.17g\n", (double)ns * POLICY_TIMED / 1e9);
}

/* The rules of policy q that none of its name before it has. */
static void
policy_rules(const struct live *live, size_t first, size_t q,
    void (*print)(const struct live *live, size_t p, const char *rule,
	struct buf *out), struct buf *out)
{
	const struct policy *policy = live->policies[q].policy;
	size_t r, p;

	for (r = 0; r < policy->n_rules; r++) {
		for (p = first; p != q; p = next_of(live, p))
			if (has_rule(live->policies[p].policy,
			    policy->rules[r].id))
				break;
		if (p == q)
			print(live, first, policy->rules[r].id, out);
	}
}

static void
per_rule(const struct live *live, const char *name, const char *help,
    void (*print)(const struct live *live, size_t p, const char *rule,
	struct buf *out), struct buf *out)
{
	size_t p, q;

	head(out, name, "counter", help);
	for (p = 0; p < live->config->n_policies; p++)
		for (q = p; q != SIZE_MAX && is_first(live, p);
		    q = next_of(live, q))
			policy_rules(live, p, q, print, out);
}

static void
policies(const struct live *live, struct buf *out)
{
	size_t p, q;

	head(out, "modgate_policy_info", "gauge", "the policies in force");
	for (p = 0; p < live->config->n_policies; p++) {
		const struct policy *policy = live->policies[p].policy;

		for (q = 0; q < p; q++)
			if (strcmp(live->policies[q].policy->name,
			    policy->name) == 0 &&
			    strcmp(live->policies[q].policy->sha256,
			    policy->sha256) == 0)
				break;
		if (q < p)
			continue;
		buf_add_str(out, "modgate_policy_info{");
		label(out, "policy", policy->name);
		buf_add_byte(out, ',');
		label(out, "sha256", policy->sha256);
		buf_add_str(out, "} 1\n");
	}
}

/* The memory that a policy's rules of one filter hold. */
static double
engine_memory(const struct policy *policy, const struct mg_filter_type *type)
{
	size_t e, sum = 0;

	for (e = 0; e < policy->n_engines; e++)
		if (policy->engines[e].type == type)
			sum += type->memory(policy->engines[e].conf);
	return (double)sum;
}

/* Per policy and filter; policies of one name are one. */
static void
filter_memory(const struct live *live, struct buf *out)
{
	const struct mg_filter_type *const *types =
	    filter_set_types(&live->filters);
	size_t p, q, f;

	head(out, "modgate_filter_memory_bytes", "gauge",
	    "memory of one filter's compiled rules");
	for (p = 0; p < live->config->n_policies; p++) {
		if (!is_first(live, p))
			continue;
		for (f = 0; types[f]; f++) {
			double sum = 0;

			for (q = p; q != SIZE_MAX; q = next_of(live, q))
				sum += engine_memory(live->policies[q].policy,
				    types[f]);
			buf_add_str(out, "modgate_filter_memory_bytes{");
			label(out, "policy", live->policies[p].policy->name);
			buf_add_byte(out, ',');
			label(out, "filter", types[f]->name);
			buf_addf(out, "} %.17g\n", sum);
		}
	}
}

static uint64_t
read_stat(const struct upstream_stats *s, size_t which)
{
	const uint64_t *const at[] = { &s->calls, &s->failures, &s->retries,
		&s->ejections, &s->ejected_now, &s->in_flight };

	return __atomic_load_n(at[which], __ATOMIC_RELAXED);
}

static void
upstreams(struct gateway *gw, const struct live *live, struct buf *out)
{
	static const struct { const char *name, *type, *help; } names[] = {
		{ "modgate_upstream_calls_total", "counter",
		    "requests to a backend" },
		{ "modgate_upstream_failures_total", "counter",
		    "requests that it failed" },
		{ "modgate_upstream_retries_total", "counter",
		    "requests repeated after a failure of its" },
		{ "modgate_upstream_ejections_total", "counter",
		    "times that it was left alone" },
		{ "modgate_upstream_ejected", "gauge",
		    "workers that leave it alone now" },
		{ "modgate_upstream_in_flight", "gauge",
		    "requests under way" },
	};
	size_t i, f;
	unsigned w;

	for (f = 0; f < 6; f++) {
		head(out, names[f].name, names[f].type, names[f].help);
		for (i = 0; i < live->config->n_upstreams; i++) {
			uint64_t sum = 0;

			for (w = 0; w < gw->n_workers; w++) {
				const struct upstream_stats *s =
				    upstreams_stats(gw->workers[w].upstreams,
				    i);

				sum += s ? read_stat(s, f) : 0;
			}
			buf_addf(out, "%s{", names[f].name);
			label(out, "upstream",
			    live->config->upstreams[i].name);
			buf_addf(out, "} %" PRIu64 "\n", sum);
		}
	}
}

static void
audit(struct gateway *gw, struct buf *out)
{
	struct audit_stats s;

	audit_stats(gw->audit, &s);
	counter(out, "modgate_audit_records_total", "records written",
	    s.records);
	counter(out, "modgate_audit_bytes_total", "bytes written", s.bytes);
	counter(out, "modgate_audit_syncs_total", "fdatasync calls", s.syncs);
	counter(out, "modgate_audit_failures_total",
	    "records that could not be written", s.failures);
	counter_us(out, "modgate_audit_sync_seconds_total",
	    "time spent in fdatasync", s.sync_us_total);
	gauge(out, "modgate_audit_queued", "entries not yet on disk",
	    (double)s.queued);
	gauge(out, "modgate_audit_lag_seconds",
	    "age of the oldest entry not yet on disk",
	    (double)s.oldest_ms / 1000);
	gauge(out, "modgate_audit_free_bytes", "free disk below the log",
	    (double)s.free_bytes);
	gauge(out, "modgate_audit_accepts", "1: new exchanges are served",
	    s.accepts);
	if (!s.publishes)
		return;
	gauge(out, "modgate_audit_log_integrated", "records in the log's tree",
	    (double)s.integrated);
	gauge(out, "modgate_audit_log_published",
	    "records that the last checkpoint covers", (double)s.published);
	gauge(out, "modgate_audit_log_age_seconds",
	    "since the last checkpoint that covered all there was",
	    (double)s.published_age_ms / 1000);
	counter(out, "modgate_audit_log_failures_total",
	    "times that the log could not be published", s.publish_failures);
}

void
admin_metrics(struct gateway *gw, struct buf *out)
{
	struct live *live = gateway_live(gw);

	head(out, "modgate_build_info", "gauge", "version");
	buf_add_str(out, "modgate_build_info{version=\"" MODGATE_VERSION
	    "\"} 1\n");
	gauge(out, "modgate_start_time_seconds", "unix time of the start",
	    (double)gw->started_us / 1e6);
	gauge(out, "modgate_connections_open", "open client connections",
	    (double)door_count(gw->door));
	gauge(out, "modgate_limit_entries", "names in the limit table",
	    (double)limits_entries(gw->limits));
	counter(out, "modgate_reloads_total", "configurations taken over",
	    atomic_load(&gw->reloads));
	counter(out, "modgate_reload_failures_total",
	    "reloads refused; the old configuration stayed",
	    atomic_load(&gw->reload_failures));
	workers(gw, out);
	per_rule(live, "modgate_rule_hits_total",
	    "findings per rule since the policy was loaded", rule_hits, out);
	per_rule(live, "modgate_rule_shadow_exchanges_total",
	    "exchanges that passed and that a rule in shadow would have "
	    "blocked or changed", rule_would, out);
	per_rule(live, "modgate_rule_seconds_total",
	    "time per rule, with its share of what its filter does for all "
	    "rules at once; estimated from one text side in 17", rule_time,
	    out);
	policies(live, out);
	filter_memory(live, out);
	upstreams(gw, live, out);
	audit(gw, out);
	live_unref(&live);
}
