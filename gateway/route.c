/* SPDX-License-Identifier: Apache-2.0 */
/* route.c - which endpoint a request is for.
 *
 * Prefixes: /v1/X; /v1/engines/{model}/X of the first SDKs; Azure's
 * /openai/deployments/{model}/X and /openai/v1/X; a bare /X from SDKs whose
 * base URL lacks /v1. */
#include "gateway/route.h"

static bool
take(struct mg_span *path, const char *prefix)
{
	size_t len = strlen(prefix);

	if (path->len < len || memcmp(path->ptr, prefix, len) != 0)
		return false;
	path->ptr += len;
	path->len -= len;
	return true;
}

/* Takes "{model}/" off the front; false if there is none, or an empty one. */
static bool
take_model(struct mg_span *path, struct mg_span *model)
{
	const char *slash = memchr(path->ptr, '/', path->len);

	if (!slash || slash == path->ptr)
		return false;
	*model = span(path->ptr, (size_t)(slash - path->ptr));
	path->len -= model->len + 1;
	path->ptr = slash + 1;
	return true;
}

static bool
text_route(struct mg_span rest, struct route *route)
{
	if (span_is(rest, "completions")) {
		route->surface = SURFACE_COMPLETIONS;
	} else if (span_is(rest, "chat/completions")) {
		route->surface = SURFACE_CHAT;
	} else {
		return false;
	}
	route->name = surface_name(route->surface);
	route->kind = ROUTE_TEXT;
	return true;
}

static bool
models_route(struct mg_span rest, struct route *route)
{
	if (!take(&rest, "models"))
		return false;
	if (rest.len > 0 && (!take(&rest, "/") || rest.len == 0))
		return false;
	route->model = rest;
	route->name = SURFACE_MODELS;
	route->kind = ROUTE_MODELS;
	return true;
}

static void
check_method(const struct http1_head *head, struct route *route)
{
	route->allow = route->kind == ROUTE_MODELS ? "GET" : "POST";
	if (!span_is(head->method, route->allow))
		route->kind = ROUTE_WRONG_METHOD;
}

void
route_find(const struct http1_head *head, struct route *route)
{
	struct mg_span rest = head->path;
	bool known;

	memset(route, 0, sizeof(*route));
	route->name = "unknown";
	if (take(&rest, "/openai/deployments/")) {
		known = take_model(&rest, &route->model);
		route->tail = rest;
		known = known && text_route(rest, route);
	} else if (take(&rest, "/v1/engines/")) {
		known = take_model(&rest, &route->model);
		route->tail = rest;
		known = known && text_route(rest, route);
	} else {
		route->bare = !take(&rest, "/openai/v1/") &&
		    !take(&rest, "/v1/");
		known = !route->bare || take(&rest, "/");
		route->tail = rest;
		known = known && (text_route(rest, route) ||
		    models_route(rest, route));
	}
	if (known)
		check_method(head, route);
	else
		route->kind = ROUTE_UNKNOWN;
}

/* Appends the members of query that are known. */
static void
add_query(struct mg_span query, struct buf *out)
{
	static const char *const known[] = { "api-version=", "beta=" };
	char sep = '?';

	while (query.len > 0) {
		const char *amp = memchr(query.ptr, '&', query.len);
		struct mg_span one = span(query.ptr, amp ?
		    (size_t)(amp - query.ptr) : query.len);
		size_t i;

		for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
			struct mg_span rest = one;

			if (!take(&rest, known[i]))
				continue;
			buf_add_byte(out, sep);
			buf_add_span(out, one);
			sep = '&';
		}
		query.ptr += one.len + (amp != NULL);
		query.len -= one.len + (amp != NULL);
	}
}

void
route_upstream_path(const struct route *route, const struct http1_head *head,
    struct buf *out)
{
	if (route->bare)
		buf_add_str(out, "/v1");
	buf_add_span(out, head->path);
	add_query(head->query, out);
}
