/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/upstream_loop.h - libcurl's multi interface on a libevent loop.
 *
 * One per worker. Sockets and timers only: what is transferred is upstream.c's
 * business, which alone uses this. */
#ifndef GATEWAY_UPSTREAM_LOOP_H
#define GATEWAY_UPSTREAM_LOOP_H

#include <curl/curl.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "gateway/buf.h"

struct upstream_socket;

struct upstream_loop {
	struct event_base *base;
	CURLM *multi;
	/* Called after libcurl has worked, never from inside of it: read its
	 * messages, add and remove handles. */
	void (*settle)(void *arg);
	void *arg;
	/* The handle's connection stands: its request went out, or goes. */
	bool (*is_connected)(CURL *easy);
	bool inside;		/* libcurl is on the stack: its multi
				 * functions must not be called */
	struct event timer;
	struct event kick;
	uint64_t due_ms;	/* what libcurl wants; UINT64_MAX: nothing */
	uint64_t armed_ms;	/* when the timer fires; likewise */
	struct upstream_socket **sockets;	/* by descriptor */
	size_t sockets_cap;
};

/* Monotonic. */
uint64_t upstream_now_ms(void);

/* max_idle: connections kept for later calls. Returns -1 without memory. */
int upstream_loop_init(struct upstream_loop *loop, struct event_base *base,
    long max_idle, void (*settle)(void *arg),
    bool (*is_connected)(CURL *easy), void *arg);
/* No handle may be left in the multi. */
void upstream_loop_fini(struct upstream_loop *loop);
/* Gives a handle the functions that open and close its sockets. */
void upstream_loop_adopt(struct upstream_loop *loop, CURL *easy);
/* settle() is called soon, from the loop, and libcurl's due work done. */
void upstream_loop_kick(struct upstream_loop *loop);

#endif
