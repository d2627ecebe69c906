/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/route.h - which endpoint a request is for. Only known paths exist;
 * a path that is not known is refused, never passed on unread. */
#ifndef GATEWAY_ROUTE_H
#define GATEWAY_ROUTE_H

#include "gateway/http1.h"
#include "gateway/surface.h"

enum route_kind {
	ROUTE_UNKNOWN,		/* 404 */
	ROUTE_WRONG_METHOD,	/* 405; allow says which is right */
	ROUTE_TEXT,		/* a surface: completions, chat */
	ROUTE_MODELS,		/* GET models, GET models/{id} */
};

struct route {
	enum route_kind kind;
	enum surface_kind surface;	/* ROUTE_TEXT */
	const char *name;		/* of surface_endpoint_names(), or
					 * "unknown": for records, metrics, key
					 * scopes */
	const char *allow;		/* ROUTE_WRONG_METHOD */
	struct mg_span model;		/* engine or deployment in the path, or
					 * models/{id}; len 0: none; a span of
					 * the head's path */
	struct mg_span tail;		/* what follows /v1 or Azure's prefix:
					 * "completions" …; a span of the path */
	bool bare;			/* came without /v1: it is added */
};

/* Reads method and the normalised path of head. */
void route_find(const struct http1_head *head, struct route *route);
/* Appends the path and query to ask the backend for: the client's path, /v1
 * added where a base URL lacked it, and of the query only what is known
 * (api-version, beta). */
void route_upstream_path(const struct route *route,
    const struct http1_head *head, struct buf *out);

#endif
