/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/backend.h - the built-in model server for demos, tests and
 * benchmarks. There is no model in it: it recites poems, repeats what it is
 * told, or plays files.
 *
 * POST /v1/completions, /v1/engines/{e}/completions, /v1/chat/completions and
 * Azure's /openai/deployments/{d}/…; GET /v1/models. A service on conn.h; one
 * thread, one loop. */
#ifndef GATEWAY_BACKEND_H
#define GATEWAY_BACKEND_H

#include "gateway/conn.h"

struct backend;
struct event_base;

struct backend_options {
	uint32_t delay_ms;	/* before an answer begins */
	uint32_t event_delay_ms;	/* between events, or cut pieces */
	size_t delta;		/* characters per event; 0: 1 to 4 in turn */
	size_t cut;		/* bodies leave in pieces of so many bytes;
				 * 0: whole, or event by event */
	size_t canned;		/* 0, or: every answer is so many bytes of
				 * fixed text, the request is not read */
	const char *script;	/* folder of backend_script.h; NULL: none */
};

/* NULL with err filled when the scripts cannot be read. */
struct backend *backend_new(struct event_base *base,
    const struct backend_options *options, struct mg_error *err);
/* No conn of its service may be left. */
void backend_free(struct backend *backend);
const struct conn_service *backend_service(const struct backend *backend);

#endif
