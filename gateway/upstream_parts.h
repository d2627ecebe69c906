/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/upstream_parts.h - what the files of upstream share.
 *
 *   upstream.c         calls and their attempts
 *   upstream_set.c     a configuration's backends, reload, counters
 *   upstream_handle.c  libcurl handles, each backend's own pool
 *   upstream_fields.c  a request's fields as libcurl takes them
 *
 * Used by these alone. */
#ifndef GATEWAY_UPSTREAM_PARTS_H
#define GATEWAY_UPSTREAM_PARTS_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "gateway/upstream_head.h"
#include "gateway/upstream_loop.h"
#include "gateway/upstream_pick.h"

enum upstream_phase {
	PHASE_CONNECT,		/* name, connection, TLS */
	PHASE_WAIT,		/* the request goes out; no answer yet */
	PHASE_ANSWER,		/* its first line has come */
};

/* Left to settle(). */
enum { WORK_ADD = 1, WORK_RESUME = 2, WORK_DROP = 4 };

/* What outlives a reload: health and counters of one backend. */
struct upstream_vitals {
	struct pick_health health;
	struct upstream_stats stats;
	SLIST_ENTRY(upstream_vitals) next;
};

/* In the order of the configuration. Replaced, never changed; freed at the
 * end, as another thread may still be reading it for metrics. */
struct upstream_table {
	SLIST_ENTRY(upstream_table) next;
	size_t n;
	struct upstream_vitals *vitals[];
};

struct upstream_handle {
	CURL *easy;
	struct upstream_call *call;	/* NULL while it rests */
	struct upstream_reader reader;
	struct buf url;			/* as set in easy */
	struct buf method;		/* likewise */
	bool is_post;			/* likewise */
	SLIST_ENTRY(upstream_handle) next;
};

struct upstream_backend {
	const struct config_upstream *conf;
	struct upstream_vitals *vitals;
	struct buf key_line;		/* secret */
	struct curl_slist tail[4];	/* fields of every request */
	SLIST_HEAD(, upstream_handle) idle;
	size_t n_idle;
};

/* One configuration's backends; calls hold a reference. */
struct upstream_set {
	unsigned refs;
	struct config *config;
	size_t n;
	struct upstream_backend *backends;
	struct pick_candidate *candidates;
};

struct upstream_call {
	struct upstreams *u;
	struct upstream_set *set;
	struct upstream_handle *handle;
	size_t at;			/* backend */
	struct upstream_handler handler;
	void *arg;
	struct mg_span body;
	struct buf method, path, model, lines;
	struct curl_slist *nodes;
	size_t n_nodes, nodes_cap;
	struct event timer;
	uint64_t armed_ms;
	uint64_t begun_ms, phase_ms, heard_ms;
	uint64_t received;		/* bytes of body */
	uint64_t tried;			/* bit set of backends */
	uint32_t retries;
	enum upstream_phase phase;
	unsigned pending;
	bool added;			/* in the multi */
	bool trial;
	bool blameless;			/* however it ends, that says nothing
					 * about the backend */
	bool paused;			/* by the handler */
	bool held;			/* libcurl holds bytes back for us */
	bool given;			/* on_head was called */
	bool cancelled;
	bool died;			/* a reused connection did, before the
					 * first byte */
	bool overloaded;		/* 503, and another backend is there */
	struct pick_choice other;	/* … this one */
	const char *why;		/* not NULL: we ended it, so: */
	enum upstream_end end;
	LIST_ENTRY(upstream_call) link;
	TAILQ_ENTRY(upstream_call) work;
};

struct upstreams {
	struct upstream_loop loop;
	struct upstream_set *set;
	_Atomic(struct upstream_table *) table;
	SLIST_HEAD(, upstream_table) tables;
	SLIST_HEAD(, upstream_vitals) vitals;
	LIST_HEAD(, upstream_call) calls;
	LIST_HEAD(, upstream_call) idle;
	size_t n_idle;
	TAILQ_HEAD(, upstream_call) work;
	struct pick_budget budget;
	uint64_t random;
};

/* ---- upstream_set.c ---- */

struct upstream_set *upstream_set_new(struct upstreams *u,
    struct config *config);
void upstream_set_unref(struct upstream_set *set);
void upstream_tables_free(struct upstreams *u);

/* ---- upstream_handle.c ---- */

/* One of the backend's that rests, or a new one. */
struct upstream_handle *upstream_handle_get(struct upstream_loop *loop,
    struct upstream_backend *backend);
void upstream_handle_put(struct upstream_backend *backend,
    struct upstream_handle *handle);
void upstream_handle_free(struct upstream_handle *handle);
/* The body is borrowed until upstream_handle_put(). */
void upstream_handle_set_body(struct upstream_handle *handle,
    struct mg_span method, struct mg_span body);
void upstream_handle_set_url(struct upstream_handle *handle, const char *base,
    struct mg_span path);

/* What libcurl calls; in upstream.c. */
int upstream_on_connected(void *arg, char *peer_ip, char *local_ip,
    int peer_port, int local_port);
size_t upstream_on_line(char *ptr, size_t size, size_t n, void *arg);
size_t upstream_on_bytes(char *ptr, size_t size, size_t n, void *arg);

/* ---- upstream_fields.c ---- */

/* Fills call->lines and call->nodes, without allocating once they are large
 * enough. Fields that are not the caller's to set, or that would not be one
 * line, are left out. */
void upstream_fields(struct upstream_call *call,
    const struct http1_field *fields, size_t n);

#endif
