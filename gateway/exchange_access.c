/* SPDX-License-Identifier: Apache-2.0 */
/* exchange_access.c - the access log: a line for each exchange, and for what
 * never became one: heads that cannot be read, TLS that comes to nothing.
 *
 * Of what a client wrote only the model's name comes here, and only where a
 * backend knows it: anything may stand in that member, a key too. */
#include <inttypes.h>
#include <stdio.h>

#include "gateway/exchange_state.h"
#include "gateway/log.h"
#include "gateway/refusal.h"

enum { MODEL_MAX = 64 };

/* One line, as it is written. Texts are borrowed. */
struct line {
	int64_t recv_us;
	const char *address, *tenant, *key_id, *route, *outcome, *backend;
	char model[MODEL_MAX + 1];
	int status;
	uint64_t bytes_in, bytes_out;
	const char *xid;
};

static void
write_line(const struct line *l, bool json)
{
	int64_t us = now_us() - l->recv_us;
	struct buf out = { 0 };
	char when[28];

	audit_time(l->recv_us, when);
	if (!json) {
		buf_addf(&out, "%s access %s %s %s %s model=%s %d %s %" PRId64
		    "ms in=%" PRIu64 " out=%" PRIu64 " backend=%s %s\n", when,
		    l->address, l->tenant, l->key_id, l->route, l->model,
		    l->status, l->outcome, us / 1000, l->bytes_in,
		    l->bytes_out, l->backend, l->xid);
	} else {
		buf_addf(&out, "{\"ts\":\"%s\",\"level\":\"access\","
		    "\"address\":\"%s\",\"tenant\":", when, l->address);
		buf_add_json(&out, span_str(l->tenant));
		buf_addf(&out, ",\"key_id\":\"%s\",\"route\":\"%s\","
		    "\"model\":\"%s\",\"status\":%d,\"outcome\":\"%s\","
		    "\"us\":%" PRId64 ",\"bytes_in\":%" PRIu64
		    ",\"bytes_out\":%" PRIu64 ",\"backend\":", l->key_id,
		    l->route, l->model, l->status, l->outcome, us,
		    l->bytes_in, l->bytes_out);
		buf_add_json(&out, span_str(l->backend));
		buf_addf(&out, ",\"xid\":\"%s\"}\n", l->xid);
	}
	log_line(out.ptr, out.len);
	buf_fini(&out);
}

/* A pattern of the configuration that says something names the model. */
static bool
is_named(const struct config *config, struct mg_span model)
{
	size_t i, j;

	for (i = 0; i < config->n_upstreams; i++)
		for (j = 0; config->upstreams[i].models[j]; j++) {
			const char *glob = config->upstreams[i].models[j];

			if (glob[strspn(glob, "*?")] != '\0' &&
			    glob_match(glob, model))
				return true;
		}
	return false;
}

/* The model's name as one word, without what could end it or the quotes. */
static void
put_model(const struct exchange *ex, char out[MODEL_MAX + 1])
{
	struct mg_span model = buf_span(&ex->model);
	bool known = (ex->upstream_status >= 200 &&
	    ex->upstream_status < 300) ||
	    is_named(ex->live->config, model);
	size_t i;

	memcpy(out, "-", 2);
	for (i = 0; known && i < model.len && i < MODEL_MAX; i++) {
		char c = model.ptr[i];

		out[i] = c > ' ' && c <= '~' && c != '"' && c != '\\' ? c :
		    '?';
		out[i + 1] = '\0';
	}
}

void
exchange_access_line(const struct exchange *ex)
{
	struct line line = {
		.recv_us = ex->recv_us,
		.address = ex->address,
		.tenant = ex->who ? ex->who->tenant : "-",
		.key_id = ex->who ? ex->who->key_id : "-",
		.route = ex->route.name,
		.outcome = outcome_name(ex->outcome),
		.backend = ex->upstream_name[0] ? ex->upstream_name : "-",
		.status = ex->status,
		.bytes_in = ex->bytes_in,
		.bytes_out = ex->bytes_out,
		.xid = ex->xid,
	};

	put_model(ex, line.model);
	write_line(&line, ex->live->config->log_json);
}

/* ---- what never became an exchange ---- */

static const char *
code_of(int status)
{
	switch (status) {
	case 408: return "request_timeout";
	case 413: return "request_too_large";
	case 414: return "uri_too_long";
	case 417: return "expectation_failed";
	case 431: return "headers_too_large";
	case 501: return "not_implemented";
	case 505: return "http_version_not_supported";
	}
	return "invalid_http";
}

/* What is wrong with a head, and where it is a cap, which. */
static void
put_message(const struct config_client *client,
    const struct http1_fault *fault, char out[320])
{
	const int size = 320;

	if (fault->status == 408)
		(void)snprintf(out, size, "The request head took longer than "
		    "%.3g s, the most that is allowed here.",
		    client->head_total_ms / 1000.0);
	else if (fault->status == 413)
		(void)snprintf(out, size, "The request body is larger than %"
		    PRIu64 " bytes, the most that is allowed here.",
		    client->body_bytes);
	else if (fault->status == 414)
		(void)snprintf(out, size, "The request line is longer than %"
		    PRIu32 " bytes, the most that is allowed here.",
		    client->line_bytes);
	else if (fault->status == 431)
		(void)snprintf(out, size, "The request cannot be read: %s; at "
		    "most %" PRIu32 " fields and %" PRIu32 " bytes are "
		    "allowed here.", fault->phrase, client->head_count,
		    client->head_bytes);
	else
		(void)snprintf(out, size, "The request cannot be read: %s.",
		    fault->phrase);
}

void
exchange_refuse_head(void *arg, struct conn *conn,
    const struct http1_fault *fault, struct buf *body, char id[CONN_ID])
{
	struct worker *w = arg;
	const struct config *config = w->live->config;
	struct line line = { .recv_us = now_us(), .address = conn_peer(conn),
		.tenant = "-", .key_id = "-", .route = "unreadable",
		.outcome = "refused", .backend = "-", .model = "-",
		.status = fault->status };
	char message[320], xid[37];

	metric_add(&w->metrics, METRIC_heads_refused, 1);
	put_message(&config->client, fault, message);
	refusal_error(message, "invalid_request_error", NULL,
	    code_of(fault->status), body);
	audit_uuid7(line.recv_us, xid);
	(void)snprintf(id, CONN_ID, "req_%s", xid);
	line.xid = xid;
	line.bytes_out = body->len;
	if (config->access_log)
		write_line(&line, config->log_json);
}

void
exchange_no_handshake(void *arg, struct conn *conn, const char *why)
{
	struct worker *w = arg;
	int64_t now = steady_us();

	metric_add(&w->metrics, METRIC_handshakes_failed, 1);
	w->handshakes_untold++;
	if (w->handshake_told_us && now - w->handshake_told_us < 1000000)
		return;
	log_warn("TLS with %s came to nothing: %s%s", conn_peer(conn), why,
	    w->handshakes_untold > 1 ? " (and others since the last such "
	    "line)" : "");
	w->handshake_told_us = now;
	w->handshakes_untold = 0;
}
