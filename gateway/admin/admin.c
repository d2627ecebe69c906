/* SPDX-License-Identifier: Apache-2.0 */
/* admin.c - /healthz, /readyz, /metrics. */
#include "gateway/admin/admin.h"

#include "gateway/log.h"

const char *
admin_unready(const struct gateway *gw)
{
	if (atomic_load(&gw->draining))
		return "draining: this instance is going away";
	if (!audit_accepts(gw->audit))
		return "no record can be written: the disk is full or "
		    "failing";
	return NULL;
}

static void
answer(struct conn *conn, int status, const char *type, struct mg_span body)
{
	struct http1_field fields[] = {
		{ span_str("content-type"), span_str(type) },
		{ span_str("cache-control"), span_str("no-store") },
		{ span_str("allow"), span_str("GET, HEAD") },
	};

	conn_answer(conn, status, fields, status == 405 ? 3 : 2,
	    (int64_t)body.len);
	conn_send(conn, body);
	conn_finish(conn);
}

static void
ready(struct gateway *gw, struct conn *conn)
{
	const char *why = admin_unready(gw);
	struct buf body = { 0 };

	buf_addf(&body, "%s\n", why ? why : "ready");
	answer(conn, why ? 503 : 200, "text/plain", buf_span(&body));
	buf_fini(&body);
}

static void
metrics(struct gateway *gw, struct conn *conn)
{
	struct buf body = { 0 };

	admin_metrics(gw, &body);
	answer(conn, 200, "text/plain; version=0.0.4; charset=utf-8",
	    buf_span(&body));
	buf_fini(&body);
}

static void *
on_head(void *arg, struct conn *conn, const struct http1_head *head)
{
	struct gateway *gw = arg;

	if (!span_is(head->method, "GET") && !span_is(head->method, "HEAD"))
		answer(conn, 405, "text/plain", span_str("only GET\n"));
	else if (span_is(head->path, "/healthz"))
		answer(conn, 200, "text/plain", span_str("ok\n"));
	else if (span_is(head->path, "/readyz"))
		ready(gw, conn);
	else if (span_is(head->path, "/metrics"))
		metrics(gw, conn);
	else
		answer(conn, 404, "text/plain",
		    span_str("/healthz, /readyz, /metrics\n"));
	return gw;
}

static void
on_bytes(void *request, struct mg_span bytes)
{
	(void)request;
	(void)bytes;
}

static void
on_event(void *request)
{
	(void)request;
}

static void
on_fault(void *request, const struct http1_fault *fault)
{
	(void)request;
	(void)fault;
}

static void
refuse_body(void *arg, struct conn *conn, const struct http1_fault *fault,
    struct buf *body, char id[CONN_ID])
{
	(void)arg;
	(void)conn;
	(void)id;
	buf_add_str(body, "{\"error\":{\"message\":");
	buf_add_json(body, span_str(fault->phrase));
	buf_add_str(body, "}}");
}

void
admin_service(struct gateway *gateway, struct conn_service *service)
{
	*service = (struct conn_service){ on_head, on_bytes, on_event,
		on_fault, on_event, on_event, on_event, refuse_body,
		NULL, gateway };
}
