/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.c - a request's life on one page.
 *
 * Each step is one function that enters a later step or says what it waits
 * for. Arrows point only down, so that every exchange, served, refused,
 * aborted or failed, gets exactly one open and one close record. Callbacks
 * note what happened, call exchange_run() and return. */
#include "gateway/exchange.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "gateway/exchange_state.h"
#include "gateway/log.h"
#include "gateway/refusal.h"

#define MAX_USAGE 100000000u	/* tokens of one side of one exchange */
#define IDLE_US 500000		/* a stream is silent */
#define STRICT_BYTES (32u << 20)	/* of a stream that is kept whole */

enum progress { NEXT, WAIT };

static const char *const step_name[] = {
#define X(name) #name,
	EXCHANGE_STEPS(X)
#undef X
};

static void exchange_run(struct exchange *ex);
static void unref(struct exchange *ex);

/* The only function that moves an exchange. */
static enum progress
enter(struct exchange *ex, enum exchange_step to)
{
	assert(to > ex->step);
	assert(to != EX_SETTLE || ex->recorded || ex->record_failed);
	log_debug("%s: %s -> %s", ex->xid, step_name[ex->step],
	    step_name[to]);
	ex->step = to;
	ex->waits_for = NULL;
	return NEXT;
}

static enum progress
wait_for(struct exchange *ex, const char *what)
{
	ex->waits_for = what;
	return WAIT;
}

/* ---- ends that are not the happy one ---- */

/* Makes ex->error the answer. A stream that has begun can only be broken. */
static enum progress
refuse(struct exchange *ex)
{
	const struct verdict_error *error = &ex->error;

	if (ex->call) {
		upstream_cancel(ex->call);
		ex->call = NULL;
	}
	ex->outcome = error->moderated ? OUT_BLOCKED :
	    error->status >= 500 && ex->step >= EX_FORWARD ? OUT_ERROR :
	    OUT_REFUSED;
	if (ex->answering) {
		ex->broken = true;
		return enter(ex, EX_CLOSE_RECORD);
	}
	exchange_write_refusal(ex);
	return enter(ex, EX_CLOSE_RECORD);
}

static enum progress
refuse_as(struct exchange *ex, int status, const char *code,
    const char *message)
{
	verdict_fail(&ex->error, status, NULL, code, "%s", message);
	return refuse(ex);
}

/* The client has left. */
static enum progress
abandon(struct exchange *ex)
{
	if (ex->call) {
		upstream_cancel(ex->call);
		ex->call = NULL;
	}
	/* The backend has read the prompt, whoever stays for the answer. */
	if (ex->forwarded_us && ex->tokens_in == 0)
		ex->tokens_in = ex->prompt_tokens;
	ex->outcome = OUT_ABORTED;
	return enter(ex, EX_CLOSE_RECORD);
}

/* ---- the steps ---- */

static enum progress
step_NEW(struct exchange *ex)
{
	return enter(ex, EX_READ_HEAD);
}

static enum progress
step_READ_HEAD(struct exchange *ex)
{
	struct http1_head own = *ex->head;

	(void)snprintf(ex->method, sizeof(ex->method), "%.*s",
	    (int)own.method.len, own.method.ptr);
	buf_add_span(&ex->path, own.path);
	own.path = buf_span(&ex->path);
	route_find(&own, &ex->route);
	exchange_copy_fields(ex);
	if (ex->route.kind == ROUTE_TEXT || ex->route.kind == ROUTE_MODELS)
		route_upstream_path(&ex->route, &own, &ex->upstream_path);
	return enter(ex, EX_AUTHENTICATE);
}

static enum progress
refuse_key(struct exchange *ex, enum auth_result result)
{
	metric_add(&ex->worker->metrics, METRIC_auth_failures, 1);
	if (result == AUTH_MISSING)
		return refuse_as(ex, 401, "invalid_api_key",
		    "No API key was sent. Send 'Authorization: Bearer KEY'.");
	if (result == AUTH_EXPIRED)
		return refuse_as(ex, 401, "invalid_api_key",
		    "This API key has expired. Ask your operator for a new "
		    "one.");
	return refuse_as(ex, 401, "invalid_api_key",
	    "This API key is not known here, or was revoked.");
}

static enum progress
step_AUTHENTICATE(struct exchange *ex)
{
	struct gateway *gw = ex->worker->gateway;
	enum auth_result result;
	struct mg_span secret;

	if (!ex->live->config->keys_required) {
		ex->who = principal_ref(gw->anonymous);
	} else {
		if (!exchange_find_secret(ex->head, &secret))
			return refuse_key(ex, AUTH_UNKNOWN);
		result = secret.len == 0 ? AUTH_MISSING : auth_check(gw->auth,
		    secret, ex->recv_us / 1000, &ex->who);
		if (result != AUTH_OK)
			return refuse_key(ex, result);
	}
	switch (ex->route.kind) {
	case ROUTE_UNKNOWN:
		verdict_fail(&ex->error, 404, NULL, "unknown_url",
		    "Unknown request URL: %s %.*s. modgate passes only "
		    "endpoints that it can read; `modgate surfaces` lists "
		    "them.", ex->method, (int)(ex->path.len < 100 ?
		    ex->path.len : 100), ex->path.ptr);
		return refuse(ex);
	case ROUTE_WRONG_METHOD:
		verdict_fail(&ex->error, 405, NULL, "method_not_allowed",
		    "This endpoint takes %s.", ex->route.allow);
		return refuse(ex);
	case ROUTE_TEXT:
	case ROUTE_MODELS:
		break;
	}
	if (!principal_may_endpoint(ex->who, ex->route.name))
		return refuse_as(ex, 403, "endpoint_not_allowed",
		    "Your key may not use this endpoint.");
	if (!audit_accepts(gw->audit)) {
		metric_add(&ex->worker->metrics, METRIC_audit_refused, 1);
		return refuse_as(ex, 503, "audit_unavailable",
		    "No record can be written now, so nothing is served; try "
		    "again.");
	}
	return enter(ex, EX_READ_BODY);
}

static enum progress
begin_body(struct exchange *ex)
{
	exchange_check_head(ex, &ex->error);
	if (ex->error.status)
		return refuse(ex);
	conn_take_body(ex->conn, 0);
	return wait_for(ex, "body");
}

static enum progress
step_READ_BODY(struct exchange *ex)
{
	if (ex->head && !ex->waits_for)
		return begin_body(ex);
	if (!ex->body_whole)
		return wait_for(ex, "body");
	if (ex->decode) {
		enum decode_result result = decode_end(ex->decode);

		decode_free(ex->decode);
		ex->decode = NULL;
		if (result != DECODE_OK)
			return refuse_as(ex, 400, "invalid_encoding",
			    "The body does not decode as its Content-Encoding "
			    "says.");
	}
	return enter(ex, EX_READ_PROMPT);
}

static enum progress
step_READ_PROMPT(struct exchange *ex)
{
	exchange_read_prompt(ex, &ex->error);
	if (ex->error.status)
		return refuse(ex);
	return enter(ex, EX_LIMIT);
}

static enum progress
step_LIMIT(struct exchange *ex)
{
	exchange_ask_limits(ex, &ex->error);
	if (ex->error.status)
		return refuse(ex);
	return enter(ex, EX_JUDGE_PROMPT);
}

static enum progress
step_JUDGE_PROMPT(struct exchange *ex)
{
	int64_t from = steady_us();

	if (ex->route.kind == ROUTE_TEXT) {
		exchange_judge_prompt(ex, &ex->error);
		metric_add(&ex->worker->metrics, METRIC_judge_prompt_us,
		    (uint64_t)(steady_us() - from));
	}
	jdoc_fini(&ex->doc);
	ex->decided_us = now_us();
	if (ex->error.status)
		return refuse(ex);
	return enter(ex, EX_OPEN_RECORD);
}

static void
open_done(struct audit_ticket *ticket, enum audit_result result)
{
	struct exchange *ex = (struct exchange *)(void *)((char *)ticket -
	    offsetof(struct exchange, open_ticket));

	ex->tickets--;
	if (result == AUDIT_DURABLE)
		ex->opened = true;
	else
		ex->record_failed = true;
	exchange_run(ex);
	unref(ex);
}

static enum progress
step_OPEN_RECORD(struct exchange *ex)
{
	struct worker *w = ex->worker;

	if (ex->record_failed) {
		metric_add(&w->metrics, METRIC_audit_refused, 1);
		return refuse_as(ex, 503, "audit_unavailable",
		    "No record can be written now, so nothing is served; try "
		    "again.");
	}
	if (ex->opened)
		return ex->gone ? abandon(ex) : enter(ex, EX_FORWARD);
	if (ex->tickets == 0) {
		exchange_fill_open(ex, &ex->open_ticket);
		ex->open_ticket.done = open_done;
		ex->tickets++;
		ex->refs++;
		audit_submit(w->gateway->audit, w->inbox, &ex->open_ticket,
		    false);
	}
	return wait_for(ex, "open record");
}

/* ---- the backend's answer ---- */

/* Sends events, or keeps them all when every byte must be on record first. */
static void
send_event(void *arg, struct mg_span event)
{
	struct exchange *ex = arg;

	if (!ex->answering) {
		buf_add_span(&ex->answer, event);
		return;
	}
	conn_send(ex->conn, event);
	ex->sent_steady_us = steady_us();
}

static void
on_upstream_head(void *arg, const struct upstream_head *head)
{
	struct exchange *ex = arg;

	ex->first_us = now_us();
	metric_add(&ex->worker->metrics, METRIC_upstream_wait_us,
	    (uint64_t)(ex->first_us - ex->forwarded_us));
	ex->upstream_status = head->status;
	/* SDK 0.28 asks again for ever after a 409, without a pause. */
	ex->status = head->status == 409 ? 400 : head->status;
	ex->content_type = "application/json";
	ex->until_close = head->until_close;
	exchange_keep_fields(ex, head);
	ex->streaming = head->status == 200 &&
	    ex->route.kind == ROUTE_TEXT &&
	    span_is_nocase(head->content_type, "text/event-stream");
	if (ex->streaming) {
		ex->content_type = "text/event-stream; charset=utf-8";
		exchange_begin_relay(ex, send_event);
		if (ex->live->config->audit.durability != AUDIT_STRICT)
			exchange_answer_head(ex, -1);
		ex->sent_steady_us = steady_us();
	}
}

/* The relay has said how the stream stands. */
static void
after_relay(struct exchange *ex, enum relay_state state)
{
	switch (state) {
	case RELAY_MORE:
		if (ex->answering && !ex->paused && conn_is_full(ex->conn)) {
			ex->paused = true;
			upstream_pause(ex->call);
		}
		return;
	case RELAY_BROKEN:
		log_warn("%s: %s: the stream was broken off: %s", ex->xid,
		    ex->upstream_name, relay_why(ex->relay));
		verdict_fail(&ex->error, 502, NULL, "upstream_error",
		    "The backend's stream cannot be read.");
		break;
	case RELAY_DONE:
		break;
	}
	/* Nothing more is wanted of the backend. */
	if (ex->call) {
		upstream_cancel(ex->call);
		ex->call = NULL;
	}
	exchange_run(ex);
}

static void
on_upstream_body(void *arg, struct mg_span bytes)
{
	struct exchange *ex = arg;
	enum relay_state state;
	int64_t from;

	if (!ex->streaming) {
		buf_add_span(&ex->answer, bytes);
		return;
	}
	from = steady_us();
	state = relay_feed(ex->relay, bytes);
	metric_add(&ex->worker->metrics, METRIC_judge_answer_us,
	    (uint64_t)(steady_us() - from));
	ex->refs++;
	if (!ex->answering && ex->answer.len > STRICT_BYTES) {
		verdict_fail(&ex->error, 502, NULL, "upstream_error",
		    "The backend's answer is larger than is allowed here.");
		state = RELAY_DONE;
	}
	after_relay(ex, state);
	unref(ex);
}

/* A backend does not know its key: that is the operator's, not the client's,
 * and words about it may repeat it. */
static void
refused_key(struct exchange *ex)
{
	log_warn("%s: backend %s: 401, it does not take our key", ex->xid,
	    ex->upstream_name);
	verdict_fail(&ex->error, 502, NULL, "upstream_error",
	    "The backend refused the gateway's credentials.");
	ex->error.should_not_retry = true;
}

static void
on_upstream_end(void *arg, enum upstream_end end, const char *why)
{
	struct exchange *ex = arg;

	ex->call = NULL;
	ex->refs++;
	if (end != UPSTREAM_DONE) {
		exchange_upstream_failed(ex, end, why);
		exchange_run(ex);
	} else if (ex->streaming) {
		enum relay_state state = relay_end(ex->relay);

		/* Without framing only the stream itself can say that it was
		 * whole; never finish a broken one politely. */
		if (ex->until_close && !relay_is_complete(ex->relay))
			exchange_upstream_failed(ex, UPSTREAM_BROKEN,
			    "the stream ended in the middle");
		after_relay(ex, state);
	} else {
		int64_t from = steady_us();

		if (ex->status >= 300 && ex->status < 400)
			verdict_fail(&ex->error, 502, NULL, "upstream_error",
			    "The backend answered with a redirect.");
		else if (ex->status == 401)
			refused_key(ex);
		else
			exchange_judge_answer(ex, &ex->error);
		metric_add(&ex->worker->metrics, METRIC_judge_answer_us,
		    (uint64_t)(steady_us() - from));
		ex->body_whole = false;		/* the answer is whole now */
		exchange_run(ex);
	}
	unref(ex);
}

static const struct upstream_handler upstream_handler = {
	on_upstream_head, on_upstream_body, on_upstream_end,
};

/* How long a backend that has failed is left alone, at the least. */
static uint64_t
least_rest(const struct config *config)
{
	uint32_t least = UINT32_MAX;
	size_t i;

	for (i = 0; i < config->n_upstreams; i++)
		if (config->upstreams[i].eject_ms < least)
			least = config->upstreams[i].eject_ms;
	return least;
}

static enum progress
step_FORWARD(struct exchange *ex)
{
	struct screen_subject subject = { span_str(ex->who->tenant),
		buf_span(&ex->model) };
	struct upstream_request request = {
		.method = span_str(ex->method),
		.path = buf_span(&ex->upstream_path),
		.model = buf_span(&ex->model),
		.fields = ex->forward,
		.n_fields = ex->n_forward,
		.body = buf_span(&ex->body),
	};

	if (ex->policy && ex->route.kind == ROUTE_TEXT) {
		ex->screen = screen_new(ex->policy->policy, SIDE_ANSWER,
		    &subject);
		screen_sample(ex->screen, span_str(ex->xid));
		screen_equip(ex->screen, ex->placeholders,
		    ex->worker->gateway->hash_key);
	}
	ex->forwarded_us = now_us();
	switch (upstream_start(ex->worker->upstreams, &request,
	    &upstream_handler, ex, &ex->call)) {
	case PICK_OK:
		break;
	case PICK_UNKNOWN_MODEL:
		verdict_fail(&ex->error, 404, "model", "model_not_found",
		    "The model does not exist, or your key may not use it.");
		return refuse(ex);
	case PICK_NONE_HEALTHY:
		verdict_fail(&ex->error, 503, NULL, "upstream_unavailable",
		    "No backend for this model is healthy; try again later.");
		ex->error.retry_after_ms = least_rest(ex->live->config);
		return refuse(ex);
	}
	(void)snprintf(ex->upstream_name, sizeof(ex->upstream_name), "%s",
	    upstream_name(ex->call));
	return enter(ex, EX_RELAY);
}

static enum progress
step_RELAY(struct exchange *ex)
{
	if (ex->call)
		return wait_for(ex, "backend");
	if (ex->relay)
		exchange_take_relay_facts(ex);
	if (ex->error.status)
		return refuse(ex);
	ex->outcome = ex->notes.blocked ? OUT_BLOCKED :
	    ex->upstream_status >= 400 ? OUT_ERROR :
	    ex->notes.modified ? OUT_MODIFIED : OUT_COMPLETE;
	return enter(ex, EX_CLOSE_RECORD);
}

/* ---- the end ---- */

static void
close_done(struct audit_ticket *ticket, enum audit_result result)
{
	struct exchange *ex = (struct exchange *)(void *)((char *)ticket -
	    offsetof(struct exchange, close_ticket));

	ex->tickets--;
	if (result == AUDIT_DURABLE)
		ex->recorded = true;
	else
		ex->record_failed = true;
	exchange_run(ex);
	unref(ex);
}

static enum progress
step_CLOSE_RECORD(struct exchange *ex)
{
	struct worker *w = ex->worker;

	if (ex->recorded || (ex->recording && ex->record_failed) ||
	    (!ex->opened && ex->record_failed))
		return enter(ex, EX_DELIVER);
	if (!ex->recording) {
		bool opened = ex->opened;

		ex->recording = true;
		ex->last_us = now_us();
		if (ex->decided_us == 0)
			ex->decided_us = ex->last_us;
		if (!opened)
			exchange_fill_open(ex, &ex->close_ticket);
		exchange_fill_close(ex, &ex->close_ticket);
		ex->close_ticket.done = close_done;
		ex->tickets++;
		ex->refs++;
		audit_submit(w->gateway->audit, w->inbox, &ex->close_ticket,
		    opened);
	}
	return wait_for(ex, "close record");
}

/* No record, no answer. */
static void
deliver_unrecorded(struct exchange *ex)
{
	if (ex->answering) {
		conn_abort(ex->conn);
		return;
	}
	memset(&ex->error, 0, sizeof(ex->error));
	ex->error.should_retry = true;
	ex->streaming = false;
	ex->status = 503;
	ex->outcome = OUT_REFUSED;
	ex->content_type = "application/json";
	buf_clear(&ex->answer);
	refusal_error("No record can be written now, so nothing is served; "
	    "try again.", "server_error", NULL, "audit_unavailable",
	    &ex->answer);
	exchange_answer_head(ex, (int64_t)ex->answer.len);
	conn_send(ex->conn, buf_span(&ex->answer));
	conn_finish(ex->conn);
}

static enum progress
step_DELIVER(struct exchange *ex)
{
	if (ex->gone || !ex->conn)
		return enter(ex, EX_SETTLE);
	if (ex->record_failed) {
		deliver_unrecorded(ex);
	} else if (ex->broken) {
		conn_abort(ex->conn);
	} else if (ex->streaming) {
		if (!ex->answering) {
			exchange_answer_head(ex, -1);
			conn_send(ex->conn, buf_span(&ex->answer));
		}
		if (relay_tail(ex->relay).len > 0)
			conn_send(ex->conn, relay_tail(ex->relay));
		conn_finish(ex->conn);
	} else {
		exchange_answer_head(ex, (int64_t)ex->answer.len);
		conn_send(ex->conn, buf_span(&ex->answer));
		conn_finish(ex->conn);
	}
	return enter(ex, EX_SETTLE);
}

static enum progress
step_SETTLE(struct exchange *ex)
{
	struct gateway *gw = ex->worker->gateway;
	uint64_t spent = 0;

	/* A backend's figure is believed up to a cap: one absurd number must
	 * not lock a key for years. */
	if (ex->forwarded_us) {
		if (ex->tokens_in > MAX_USAGE)
			ex->tokens_in = MAX_USAGE;
		if (ex->tokens_out > MAX_USAGE)
			ex->tokens_out = MAX_USAGE;
		spent = ex->tokens_in + ex->tokens_out;
	}
	limits_settle(gw->limits, &ex->ticket, ex->rates, spent,
	    now_us() / 1000);
	exchange_account(ex);
	atomic_fetch_sub_explicit(&ex->worker->metrics.in_flight, 1,
	    memory_order_relaxed);
	(void)enter(ex, EX_DONE);
	unref(ex);		/* the life from on_head to here */
	return WAIT;
}

static enum progress
step_DONE(struct exchange *ex)
{
	(void)ex;
	return WAIT;
}

static void
exchange_run(struct exchange *ex)
{
	static enum progress (*const steps[])(struct exchange *) = {
#define X(name) step_##name,
		EXCHANGE_STEPS(X)
#undef X
	};

	ex->refs++;
	while (steps[ex->step](ex) == NEXT)
		;
	unref(ex);
}

static void
unref(struct exchange *ex)
{
	if (--ex->refs > 0)
		return;
	assert(ex->step == EX_DONE && ex->tickets == 0 && !ex->conn);
	if (ex->prev)
		ex->prev->next = ex->next;
	else
		ex->worker->exchanges = ex->next;
	if (ex->next)
		ex->next->prev = ex->prev;
	if (ex->call)
		upstream_cancel(ex->call);
	relay_free(ex->relay);
	screen_free(ex->screen);
	placeholders_free(ex->placeholders);
	notes_fini(&ex->notes);
	decode_free(ex->decode);
	jdoc_fini(&ex->doc);
	buf_fini(&ex->path);
	buf_fini(&ex->upstream_path);
	buf_fini(&ex->forward_text);
	buf_fini(&ex->body);
	buf_fini(&ex->scratch);
	buf_fini(&ex->model);
	buf_fini(&ex->answer);
	buf_fini(&ex->passed);
	principal_unref(&ex->who);
	live_unref(&ex->live);
	free(ex);
}

/* ---- what the conn tells ---- */

static void *
on_head(void *arg, struct conn *conn, const struct http1_head *head)
{
	struct worker *w = arg;
	struct exchange *ex = xcalloc(1, sizeof(*ex));

	ex->worker = w;
	ex->conn = conn;
	ex->live = live_ref(w->live);
	ex->refs = 2;		/* its own life, and the conn's */
	ex->facts.n = ex->facts.choices = ex->facts.prompts = 1;
	ex->recv_us = now_us();
	ex->next = w->exchanges;
	if (w->exchanges)
		w->exchanges->prev = ex;
	w->exchanges = ex;
	audit_uuid7(ex->recv_us, ex->xid);
	(void)snprintf(ex->address, sizeof(ex->address), "%s",
	    conn_peer(conn));
	atomic_fetch_add_explicit(&w->metrics.in_flight, 1,
	    memory_order_relaxed);
	ex->head = head;
	exchange_run(ex);
	ex->head = NULL;
	return ex;
}

static void
on_body(void *request, struct mg_span bytes)
{
	struct exchange *ex = request;
	enum decode_result result;

	if (ex->step != EX_READ_BODY)
		return;
	ex->bytes_in += bytes.len;
	if (!ex->decode) {
		buf_add_span(&ex->body, bytes);
		return;
	}
	result = decode_feed(ex->decode, bytes, &ex->body);
	if (result == DECODE_OK)
		return;
	if (result == DECODE_LARGE) {
		verdict_fail(&ex->error, 413, NULL, "request_too_large",
		    "The decoded request body is larger than %" PRIu64
		    " bytes, the most that is allowed here.",
		    ex->live->config->client.decoded_bytes);
		(void)refuse(ex);
	} else {
		(void)refuse_as(ex, 400, "invalid_encoding",
		    "The body does not decode as its Content-Encoding says.");
	}
	conn_close_after(ex->conn);
	exchange_run(ex);
}

static void
on_end(void *request)
{
	struct exchange *ex = request;

	if (ex->step != EX_READ_BODY)
		return;
	ex->body_whole = true;
	exchange_run(ex);
}

static void
on_fault(void *request, const struct http1_fault *fault)
{
	struct exchange *ex = request;

	if (ex->step != EX_READ_BODY)
		return;
	exchange_body_fault(ex, fault);
	(void)refuse(ex);
	exchange_run(ex);
}

static void
on_room(void *request)
{
	struct exchange *ex = request;

	if (!ex->paused)
		return;
	ex->paused = false;
	if (ex->call)
		upstream_resume(ex->call);
}

static void
on_gone(void *request)
{
	struct exchange *ex = request;

	ex->gone = true;
	/* While the open record is under way its end is awaited. */
	if (ex->step >= EX_CLOSE_RECORD || ex->step == EX_OPEN_RECORD)
		return;
	if (ex->relay)
		exchange_take_relay_facts(ex);
	(void)abandon(ex);
	exchange_run(ex);
}

static void
on_done(void *request)
{
	struct exchange *ex = request;

	ex->gone = true;
	ex->conn = NULL;
	unref(ex);
}

void
exchange_service(struct worker *worker, struct conn_service *service)
{
	*service = (struct conn_service){ on_head, on_body, on_end, on_fault,
		on_room, on_gone, on_done, exchange_refuse_head,
		exchange_no_handshake, worker };
}

void
exchange_tick(struct worker *worker)
{
	int64_t now = steady_us();
	struct exchange *ex;

	for (ex = worker->exchanges; ex; ex = ex->next) {
		int64_t ping_us = (int64_t)ex->live->config->ping_ms * 1000;

		if (ex->step != EX_RELAY || !ex->answering || ex->paused)
			continue;
		if (now - ex->sent_steady_us > IDLE_US)
			relay_idle(ex->relay);
		if (ping_us == 0 || now - ex->sent_steady_us < ping_us)
			continue;
		conn_send(ex->conn, span_str(": ping\n\n"));
		ex->sent_steady_us = now;
	}
}

void
exchange_abort_all(struct worker *worker)
{
	struct exchange *ex, *next;

	for (ex = worker->exchanges; ex; ex = next) {
		struct conn *conn = ex->conn;

		next = ex->next;
		if (!conn)
			continue;
		ex->drained = !ex->gone;
		/* A conn does not tell of an end that its service asked for. */
		on_gone(ex);
		conn_abort(conn);
	}
}

size_t
exchange_log(const struct worker *worker)
{
	const struct exchange *ex;
	int64_t now = now_us();
	size_t n = 0;

	for (ex = worker->exchanges; ex; ex = ex->next, n++)
		log_always("%s: %s for %" PRId64 " ms, waits for %s", ex->xid,
		    step_name[ex->step], (now - ex->recv_us) / 1000,
		    ex->waits_for ? ex->waits_for : "nothing");
	return n;
}
