/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_text.c - all counters in Prometheus' text format. */
#include <inttypes.h>

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
	static const struct { const char *name, *help; } names[] = {
#define X(name, help) { "modgate_" #name "_total", help },
		METRICS(X)
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
		counter(out, names[m].name, names[m].help, sum);
	}
	for (w = 0; w < gw->n_workers; w++)
		in_flight += atomic_load_explicit(
		    &gw->workers[w].metrics.in_flight, memory_order_relaxed);
	gauge(out, "modgate_exchanges_in_flight", "exchanges under way",
	    (double)in_flight);
}

static void
rules(const struct live *live, struct buf *out)
{
	static const char *const how[] = { "enforced", "shadow", "unable" };
	size_t p, r, h;

	head(out, "modgate_rule_hits_total", "counter",
	    "findings per rule since the policy was loaded");
	for (p = 0; p < live->config->n_policies; p++) {
		const struct policy *policy = live->policies[p].policy;

		for (r = 0; r < policy->n_rules; r++) {
			struct rule_metrics *m = &live->policies[p].rules[r];
			uint64_t values[3] = { atomic_load(&m->hits),
				atomic_load(&m->shadow_hits),
				atomic_load(&m->unable) };

			for (h = 0; h < 3; h++) {
				buf_add_str(out, "modgate_rule_hits_total{");
				label(out, "policy", policy->name);
				buf_add_byte(out, ',');
				label(out, "rule", policy->rules[r].id);
				buf_add_byte(out, ',');
				label(out, "how", how[h]);
				buf_addf(out, "} %" PRIu64 "\n", values[h]);
			}
		}
	}
	head(out, "modgate_policy_info", "gauge", "the policies in force");
	for (p = 0; p < live->config->n_policies; p++) {
		buf_add_str(out, "modgate_policy_info{");
		label(out, "policy", live->policies[p].policy->name);
		buf_add_byte(out, ',');
		label(out, "sha256", live->policies[p].policy->sha256);
		buf_add_str(out, "} 1\n");
	}
}

/* The memory that a policy's filters hold. */
static void
filters(const struct live *live, struct buf *out)
{
	size_t p, e;

	head(out, "modgate_filter_memory_bytes", "gauge",
	    "memory of one filter's compiled rules");
	for (p = 0; p < live->config->n_policies; p++) {
		const struct policy *policy = live->policies[p].policy;

		for (e = 0; e < policy->n_engines; e++) {
			const struct policy_engine *engine =
			    &policy->engines[e];

			buf_add_str(out, "modgate_filter_memory_bytes{");
			label(out, "policy", policy->name);
			buf_add_byte(out, ',');
			label(out, "filter", engine->type->name);
			buf_addf(out, "} %zu\n",
			    engine->type->memory(engine->conf));
		}
	}
}

static void
upstreams(struct gateway *gw, const struct live *live, struct buf *out)
{
	static const char *const names[] = { "calls", "failures", "retries",
		"ejections", "ejected", "in_flight" };
	size_t i, f;
	unsigned w;

	for (f = 0; f < 6; f++) {
		buf_addf(out, "# TYPE modgate_upstream_%s%s %s\n", names[f],
		    f < 4 ? "_total" : "", f < 4 ? "counter" : "gauge");
		for (i = 0; i < live->config->n_upstreams &&
		    i < WORKER_MAX_UPSTREAMS; i++) {
			uint64_t sum = 0;

			for (w = 0; w < gw->n_workers; w++) {
				struct worker *worker = &gw->workers[w];
				const struct upstream_stats *s =
				    &worker->upstream_stats[i];
				uint64_t values[6];

				(void)pthread_mutex_lock(&worker->stats_lock);
				values[0] = s->calls;
				values[1] = s->failures;
				values[2] = s->retries;
				values[3] = s->ejections;
				values[4] = s->ejected_now;
				values[5] = s->in_flight;
				(void)pthread_mutex_unlock(
				    &worker->stats_lock);
				sum += values[f];
			}
			buf_addf(out, "modgate_upstream_%s%s{", names[f],
			    f < 4 ? "_total" : "");
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
	counter(out, "modgate_audit_sync_microseconds_total",
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
	rules(live, out);
	filters(live, out);
	upstreams(gw, live, out);
	audit(gw, out);
	live_unref(&live);
}
