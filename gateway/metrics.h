/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/metrics.h - counters of one worker, summed when somebody asks.
 *
 * Written by their worker alone, read by the admin thread: relaxed atomics,
 * no lock. Names are Prometheus': modgate_<name>_total for X. A T counts
 * microseconds, as its enum says, and is told in seconds, Prometheus' unit:
 * modgate_<name>_seconds_total. */
#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H

#include <stdatomic.h>

#include "gateway/buf.h"

/* name, help */
#define METRICS(X, T) \
	X(connections, "connections accepted") \
	X(connections_refused, "connections closed at the door: too many") \
	X(heads_refused, "requests whose head could not be read") \
	X(handshakes_failed, "TLS handshakes that came to nothing") \
	X(exchanges_complete, "exchanges served as they came") \
	X(exchanges_modified, "exchanges with a redacted text") \
	X(exchanges_blocked, "exchanges blocked by policy") \
	X(exchanges_refused, "exchanges refused for another reason") \
	X(exchanges_aborted, "exchanges whose client left") \
	X(exchanges_error, "exchanges whose backend failed") \
	X(auth_failures, "requests without a valid key") \
	X(limited, "requests over a limit") \
	X(audit_refused, "requests refused as no record could be written") \
	X(events, "streamed events read from backends") \
	X(bytes_in, "request body bytes") \
	X(bytes_out, "answer body bytes") \
	X(tokens_prompt, "prompt tokens") \
	X(tokens_completion, "completion tokens") \
	T(judge_prompt, "time spent judging prompts") \
	T(judge_answer, "time spent judging answers") \
	T(upstream_wait, "time from request to first answer byte") \
	T(exchange, "time from head to end of exchanges")

enum metric {
#define X(name, help) METRIC_##name,
#define T(name, help) METRIC_##name##_us,
	METRICS(X, T)
#undef T
#undef X
	METRIC_COUNT
};

struct metrics {
	_Atomic uint64_t value[METRIC_COUNT];
	_Atomic uint64_t in_flight;	/* exchanges under way */
};

static inline void
metric_add(struct metrics *metrics, enum metric which, uint64_t n)
{
	atomic_store_explicit(&metrics->value[which],
	    atomic_load_explicit(&metrics->value[which],
		memory_order_relaxed) + n, memory_order_relaxed);
}

/* Hits of the rules of one policy, by rule index: shared by the workers. */
struct rule_metrics {
	_Atomic uint64_t hits, shadow_hits, unable;
	_Atomic uint64_t would;		/* exchanges that passed and would not
					 * have, were the rule in force */
};

#endif
