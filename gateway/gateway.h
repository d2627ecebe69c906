/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/gateway.h - the whole: what the workers share, and one worker.
 *
 * Nothing is shared on the hot path but what stands here: the live
 * configuration (swapped by pointer), the key table, the limit table, the
 * audit queue, the door. */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include <pthread.h>

#include "gateway/audit/audit.h"
#include "gateway/auth.h"
#include "gateway/clock.h"
#include "gateway/conn.h"
#include "gateway/door.h"
#include "gateway/hash_key.h"
#include "gateway/limits.h"
#include "gateway/live.h"
#include "gateway/upstream.h"

#define WORKER_MAX_LISTENERS 256

struct event;
struct event_base;
struct worker_listener;
struct worker_conn;
struct exchange;

struct worker {
	struct gateway *gateway;
	unsigned index;
	pthread_t thread;
	struct event_base *base;
	int wake_fd;
	struct event *wake;		/* another thread has news */
	_Atomic bool reload, drain, quit, list;
	bool started;
	struct worker_listener *listeners;
	size_t n_listeners;
	struct live *live;		/* this worker's view of what is in
					 * force; new exchanges take it */
	struct conn_service service;
	struct upstreams *upstreams;
	struct audit_inbox *inbox;
	struct worker_conn *conns;	/* open, in a list */
	struct exchange *exchanges;	/* under way, in a list */
	struct metrics metrics;
	struct event *tick;		/* once a second */
	int64_t handshake_told_us;	/* when the log was told of a failed */
	uint64_t handshakes_untold;	/* TLS handshake; and how many since */
};

struct gateway {
	const char *config_path;
	pthread_mutex_t live_lock;
	struct live *live;
	struct auth *auth;
	struct principal *anonymous;
	struct limits *limits;
	struct audit *audit;
	struct hash_key *hash_key;
	struct door *door;
	struct worker *workers;
	unsigned n_workers;
	_Atomic bool draining;
	_Atomic uint32_t drain_idle_ms;	/* for idle connections */
	int64_t started_us;
	_Atomic uint64_t reloads, reload_failures;
};

/* A reference to what is in force now; any thread. */
struct live *gateway_live(struct gateway *gateway);

#endif
