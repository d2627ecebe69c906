/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/backend_ask.h - what a request asks of the built-in backend. */
#ifndef GATEWAY_BACKEND_ASK_H
#define GATEWAY_BACKEND_ASK_H

#include "gateway/buf.h"

enum {
	BACKEND_MAX_N = 16,
	BACKEND_MAX_PROMPTS = 64,
	BACKEND_MAX_STOPS = 4,
};

struct backend_ask {
	bool chat, stream, include_usage, echo;
	size_t n;			/* choices per prompt */
	uint64_t max_tokens;
	struct buf model;
	struct buf prompts[BACKEND_MAX_PROMPTS];
	size_t n_prompts;
	struct buf stops[BACKEND_MAX_STOPS];
	size_t n_stops;
};

/* Reads a body into a zeroed ask. Returns -1 with err filled when it is no
 * request that the API would take. */
int backend_ask_read(struct backend_ask *ask, bool chat, struct mg_span body,
    struct mg_error *err);
void backend_ask_fini(struct backend_ask *ask);

#endif
