/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/upstream.h - calls to model backends (libcurl multi).
 *
 * One struct upstreams per worker, on its event loop. It chooses a backend by
 * model pattern, weight and health; retries before the first byte was given
 * on; ejects what fails and lets it return slowly. Health is per worker.
 *
 * A request is sent again only when nothing of an answer was given on, at most
 * `retries` times, within a budget of a tenth of the calls, and only
 *   - to another backend, when no connection came about, or it answered 503
 *   - on a new connection, when a kept one died before its first byte.
 * Any other answer, whatever its status, is given on. Redirects are never
 * followed. 502, 503, 504, cuts, bad HTTP and times count against a backend's
 * health; its other statuses, `total` and answer_bytes do not.
 *
 * Times: connect from the attempt's start until the connection (with TLS)
 * stands; first_byte from then; idle between bytes, not while paused; total
 * from upstream_start() over all attempts. 0: no limit.
 *
 * The process must ignore SIGPIPE. */
#ifndef GATEWAY_UPSTREAM_H
#define GATEWAY_UPSTREAM_H

#include "gateway/config.h"
#include "gateway/http1.h"

struct event_base;
struct upstreams;
struct upstream_call;

struct upstream_head {
	int status;
	struct http1_field *fields;	/* validated; borrowed for the call */
	size_t n_fields;
	struct mg_span content_type;	/* without parameters */
	int64_t length;			/* -1: not announced */
	bool until_close;		/* the body ends where the connection
					 * does: a cut cannot be told */
};

enum upstream_end {
	UPSTREAM_DONE,		/* the answer is whole, framing exact */
	UPSTREAM_UNREACHABLE,	/* no connection: 502 */
	UPSTREAM_TIMEOUT,	/* connect, first byte, idle or total: 504 */
	UPSTREAM_BROKEN,	/* cut, lied about its length, bad HTTP: 502 */
	UPSTREAM_TOO_LARGE,	/* more than answer_bytes: 502 */
};

struct upstream_handler {
	/* Once, before any body byte; never for interim answers. Fields of
	 * framing are among head->fields: pass on by an allow-list. */
	void (*on_head)(void *arg, const struct upstream_head *head);
	void (*on_body)(void *arg, struct mg_span bytes);
	/* The last call; the call object is gone already. May come while the
	 * call is paused. why: a static text for the log. */
	void (*on_end)(void *arg, enum upstream_end end, const char *why);
};

struct upstream_request {
	struct mg_span method;		/* "POST", "GET"; not "HEAD" */
	struct mg_span path;		/* with query; appended to the url */
	struct mg_span model;		/* chooses the backend; len 0: any */
	const struct http1_field *fields;	/* allow-listed by the caller;
				 * Host, credentials, framing are added here,
				 * and left out if they stand here */
	size_t n_fields;
	struct mg_span body;		/* must live until on_end */
};

enum upstream_pick {
	PICK_OK,
	PICK_UNKNOWN_MODEL,	/* no backend's pattern takes the model */
	PICK_NONE_HEALTHY,	/* all that take it are ejected: 503 */
};

/* Counters of one backend, for metrics; written by one worker, read by
 * others (relaxed atomics). */
struct upstream_stats {
	uint64_t calls, failures, retries, ejections, ejected_now, in_flight;
};

struct upstreams *upstreams_new(struct event_base *base,
    struct config *config);
/* Calls in flight are cancelled without on_end. */
void upstreams_free(struct upstreams *upstreams);
/* A new configuration; calls in flight keep theirs. Takes a reference. */
void upstreams_reload(struct upstreams *upstreams, struct config *config);
/* Of the i-th backend of the configuration; NULL: there is none. Any thread;
 * good until upstreams_free(), through reloads. */
const struct upstream_stats *upstreams_stats(
    const struct upstreams *upstreams, size_t i);

/* Starts a call. *call is NULL unless PICK_OK. Copies the handler and all of
 * the request but its body. No handler is called from inside. Allowed inside
 * handlers. */
enum upstream_pick upstream_start(struct upstreams *upstreams,
    const struct upstream_request *request,
    const struct upstream_handler *handler, void *arg,
    struct upstream_call **call);
/* on_body stops, and the backend is not read (but for what libcurl's buffer
 * holds, 16 KiB), until resumed. Both may be called from inside handlers;
 * on_body is never called from inside upstream_resume(). */
void upstream_pause(struct upstream_call *call);
void upstream_resume(struct upstream_call *call);
/* Closes the connection to the backend at once; no on_end. Allowed inside
 * handlers. */
void upstream_cancel(struct upstream_call *call);
/* The backend's name in the configuration. */
const char *upstream_name(const struct upstream_call *call);

#endif
