/* SPDX-License-Identifier: Apache-2.0 */
/* backend.c - the built-in model server for demos, tests and benchmarks.
 *
 * A request is read whole, then answered in one of three ways: at once, event
 * by event, or in pieces of a file. `speak` is what all three have in common:
 * say something, wait, come back. */
#include "gateway/backend.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "gateway/backend_poem.h"
#include "gateway/backend_say.h"
#include "gateway/backend_script.h"

enum {
	BACKLOG = 64 * 1024,	/* an answer waits when the client lags */
	SCRIPT_HEADERS = 32,
};

enum route {
	ROUTE_NONE,		/* 404 */
	ROUTE_METHOD,		/* 405 */
	ROUTE_COMPLETIONS,
	ROUTE_CHAT,
	ROUTE_MODELS,
};

struct backend {
	struct event_base *base;
	struct backend_options options;
	struct backend_script *script;
	struct conn_service service;
	struct buf canned;		/* text */
	struct buf canned_whole[2];	/* answers: completions, chat */
	uint64_t answers;
};

struct reply {
	struct backend *backend;
	struct conn *conn;
	enum route route;
	struct buf path, script_name, body;
	struct buf engine;		/* model named in the path */
	bool gone;			/* nothing may be sent */
	bool over;
	bool events;			/* said by answer, else by out */
	bool waits_room;
	struct backend_answer answer;
	struct backend_scripted scripted;
	struct buf out;
	size_t at, next_cut;
	struct event timer;
};

static void speak(struct reply *r);

/* ---- routing ---- */

static bool
skip(struct mg_span *s, const char *prefix)
{
	size_t len = strlen(prefix);

	if (s->len < len || memcmp(s->ptr, prefix, len) != 0)
		return false;
	s->ptr += len;
	s->len -= len;
	return true;
}

/* Takes the name up to the next '/', which stays. */
static void
take_name(struct mg_span *s, struct buf *name)
{
	const char *end = s->len ? memchr(s->ptr, '/', s->len) : NULL;
	size_t len = end ? (size_t)(end - s->ptr) : s->len;

	buf_add(name, s->ptr, len);
	s->ptr += len;
	s->len -= len;
}

static enum route
find_route(const struct http1_head *head, struct buf *engine)
{
	struct mg_span path = head->path;
	bool is_post = span_is(head->method, "POST");

	if (skip(&path, "/openai/deployments/"))
		take_name(&path, engine);
	else if (!skip(&path, "/openai/v1") && !skip(&path, "/v1"))
		return ROUTE_NONE;
	else if (skip(&path, "/engines/"))
		take_name(&path, engine);
	if (span_is(path, "/completions"))
		return is_post ? ROUTE_COMPLETIONS : ROUTE_METHOD;
	if (span_is(path, "/chat/completions"))
		return is_post ? ROUTE_CHAT : ROUTE_METHOD;
	if (skip(&path, "/models/"))
		buf_add_span(engine, path);
	else if (!span_is(path, "/models"))
		return ROUTE_NONE;
	return is_post ? ROUTE_METHOD : ROUTE_MODELS;
}

/* ---- saying ---- */

static void
wait_ms(struct reply *r, uint32_t ms)
{
	struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	evtimer_add(&r->timer, &tv);
}

static void
finish(struct reply *r)
{
	r->over = true;
	conn_finish(r->conn);
}

/* Where the next write of `out` ends. */
static size_t
piece_end(struct reply *r)
{
	size_t cut = r->backend->options.cut;

	while (r->next_cut < r->scripted.n_cuts &&
	    r->scripted.cuts[r->next_cut] <= r->at)
		r->next_cut++;
	if (r->next_cut < r->scripted.n_cuts)
		return r->scripted.cuts[r->next_cut];
	return cut && r->out.len - r->at > cut ? r->at + cut : r->out.len;
}

static void
speak_piece(struct reply *r)
{
	size_t end = piece_end(r);

	conn_send(r->conn, span(r->out.ptr + r->at, end - r->at));
	r->at = end;
	if (r->at < r->out.len)
		wait_ms(r, r->backend->options.event_delay_ms);
	else
		finish(r);
}

static void
speak_events(struct reply *r)
{
	uint32_t delay = r->backend->options.event_delay_ms;

	for (;;) {
		if (conn_backlog(r->conn) > BACKLOG) {
			r->waits_room = true;
			return;
		}
		buf_clear(&r->out);
		if (!backend_answer_event(&r->answer, &r->out)) {
			finish(r);
			return;
		}
		conn_send(r->conn, buf_span(&r->out));
		if (delay && !r->answer.done_said) {
			wait_ms(r, delay);
			return;
		}
	}
}

static void
speak(struct reply *r)
{
	if (r->gone || r->over)
		return;
	if (r->events)
		speak_events(r);
	else
		speak_piece(r);
}

static size_t
script_fields(json_t *headers, struct http1_field *fields)
{
	const char *name;
	json_t *value;
	size_t n = 0;

	json_object_foreach(headers, name, value)
		if (n < SCRIPT_HEADERS && json_is_string(value) &&
		    !span_is_nocase(span_str(name), "content-type") &&
		    !span_is_nocase(span_str(name), "content-length") &&
		    !span_is_nocase(span_str(name), "transfer-encoding") &&
		    !span_is_nocase(span_str(name), "connection") &&
		    !span_is_nocase(span_str(name), "date"))
			fields[n++] = (struct http1_field){ span_str(name),
			    span_str(json_string_value(value)) };
	return n;
}

/* Sends the head; the body follows by speak(). */
static void
begin(struct reply *r, int status, const char *type, int64_t length)
{
	struct http1_field fields[SCRIPT_HEADERS + 1] = {
		{ span_str("content-type"), span_str(type) },
	};
	size_t n = 1 + script_fields(r->scripted.headers, fields + 1);

	conn_answer(r->conn, status, fields, n, length);
	speak(r);
}

static void
begin_whole(struct reply *r, int status)
{
	begin(r, status, "application/json", (int64_t)r->out.len);
}

static void
refuse(struct reply *r, int status, const char *code, const char *message)
{
	buf_clear(&r->out);
	buf_add_str(&r->out, "{\"error\":{\"message\":");
	buf_add_json(&r->out, span_str(message));
	buf_add_str(&r->out, ",\"type\":\"invalid_request_error\","
	    "\"param\":null,\"code\":");
	if (code)
		buf_add_json(&r->out, span_str(code));
	else
		buf_add_str(&r->out, "null");
	buf_add_str(&r->out, "}}");
	begin_whole(r, status);
}

/* ---- answers ---- */

/* The list, or the one model that the path names. */
static void
answer_models(struct reply *r)
{
	static const char *const names[] = {
		"modgate-poems", "text-davinci-002", "gpt-4o-mini",
	};
	struct mg_span one = buf_span(&r->engine);
	size_t i, n = 0;

	if (one.len == 0)
		buf_add_str(&r->out, "{\"object\":\"list\",\"data\":[");
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (one.len > 0 && !span_is(one, names[i]))
			continue;
		buf_addf(&r->out, "%s{\"id\":\"%s\",\"object\":\"model\","
		    "\"created\":0,\"owned_by\":\"modgate-backend\"}",
		    n++ ? "," : "", names[i]);
	}
	if (n == 0) {
		refuse(r, 404, "model_not_found", "There is no such model.");
		return;
	}
	if (one.len == 0)
		buf_add_str(&r->out, "]}");
	begin_whole(r, 200);
}

/* True: a file answers. */
static bool
answer_script(struct reply *r)
{
	struct backend_scripted *s = &r->scripted;

	if (!r->backend->script)
		return false;
	if (!backend_script_find(r->backend->script,
	    buf_span(&r->script_name), buf_span(&r->path),
	    buf_span(&r->body), s)) {
		if (r->script_name.len == 0)
			return false;
		refuse(r, 404, "no_script", "There is no such script.");
		return true;
	}
	buf_add_span(&r->out, buf_span(&s->body));
	begin(r, s->status, s->type, strcmp(s->type, "text/event-stream") ?
	    (int64_t)r->out.len : -1);
	return true;
}

static bool
says_stream(const struct buf *body)
{
	return body->len && (memmem(body->ptr, body->len, "\"stream\":true",
	    13) || memmem(body->ptr, body->len, "\"stream\": true", 14));
}

static void
begin_events(struct reply *r)
{
	r->events = true;
	r->answer.delta = r->backend->options.delta;
	begin(r, 200, "text/event-stream", -1);
}

static void
answer_canned(struct reply *r)
{
	struct backend *b = r->backend;
	bool chat = r->route == ROUTE_CHAT;
	struct backend_ask ask = { .chat = chat, .n = 1, .n_prompts = 1,
	    .max_tokens = UINT64_MAX };

	if (!says_stream(&r->body)) {
		buf_add_span(&r->out, buf_span(&b->canned_whole[chat]));
		begin_whole(r, 200);
		return;
	}
	backend_answer_init(&r->answer, &ask, span_str("modgate-backend"),
	    buf_span(&b->canned), ++b->answers, (int64_t)time(NULL));
	begin_events(r);
}

static void
answer_poem(struct reply *r)
{
	struct backend_ask ask = { 0 };
	struct mg_error err = { 0 };
	int rc = backend_ask_read(&ask, r->route == ROUTE_CHAT,
	    buf_span(&r->body), &err);
	bool stream = ask.stream;

	if (rc == 0)
		backend_answer_init(&r->answer, &ask, r->engine.len ?
		    buf_span(&r->engine) : span_str("modgate-poems"),
		    span(NULL, 0), ++r->backend->answers,
		    (int64_t)time(NULL));
	backend_ask_fini(&ask);
	if (rc < 0) {
		refuse(r, 400, NULL, err.text);
	} else if (stream) {
		begin_events(r);
	} else {
		backend_answer_whole(&r->answer, &r->out);
		begin_whole(r, 200);
	}
}

static void
answer(struct reply *r)
{
	switch (r->route) {
	case ROUTE_NONE:
		if (!answer_script(r))
			refuse(r, 404, "unknown_url", "Unknown path.");
		return;
	case ROUTE_METHOD:
		refuse(r, 405, "method_not_supported",
		    "This path does not take that method.");
		return;
	case ROUTE_MODELS:
		answer_models(r);
		return;
	case ROUTE_COMPLETIONS:
	case ROUTE_CHAT:
		if (answer_script(r))
			return;
		if (r->backend->options.canned)
			answer_canned(r);
		else
			answer_poem(r);
		return;
	}
}

/* ---- the service ---- */

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct reply *r = arg;

	(void)fd;
	(void)what;
	if (r->gone)
		return;
	if (conn_answer_begun(r->conn))
		speak(r);
	else
		answer(r);
}

static void *
on_head(void *arg, struct conn *conn, const struct http1_head *head)
{
	struct backend *b = arg;
	struct reply *r = xcalloc(1, sizeof(*r));

	r->backend = b;
	r->conn = conn;
	r->route = find_route(head, &r->engine);
	if (b->script) {
		buf_add_span(&r->path, head->path);
		buf_add_span(&r->script_name,
		    http1_get(head, "x-backend-script"));
	}
	evtimer_assign(&r->timer, b->base, on_timer, r);
	conn_take_body(conn, 0);
	return r;
}

static void
on_body(void *request, struct mg_span bytes)
{
	struct reply *r = request;

	buf_add_span(&r->body, bytes);
}

static void
on_end(void *request)
{
	struct reply *r = request;

	if (r->backend->options.delay_ms)
		wait_ms(r, r->backend->options.delay_ms);
	else
		answer(r);
}

static void
on_fault(void *request, const struct http1_fault *fault)
{
	struct reply *r = request;

	if (!conn_answer_begun(r->conn))
		refuse(r, fault->status, NULL, fault->phrase);
}

static void
on_room(void *request)
{
	struct reply *r = request;

	if (!r->waits_room)
		return;
	r->waits_room = false;
	speak(r);
}

static void
on_gone(void *request)
{
	struct reply *r = request;

	r->gone = true;
	evtimer_del(&r->timer);
}

static void
on_done(void *request)
{
	struct reply *r = request;

	evtimer_del(&r->timer);
	buf_fini(&r->path);
	buf_fini(&r->script_name);
	buf_fini(&r->body);
	buf_fini(&r->engine);
	buf_fini(&r->out);
	backend_answer_fini(&r->answer);
	backend_scripted_fini(&r->scripted);
	free(r);
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
	buf_add_str(body, ",\"type\":\"invalid_request_error\","
	    "\"param\":null,\"code\":null}}");
}

static void
can(struct backend *b)
{
	static const char line[] = "The willow writes upon the stream.\n";
	struct backend_answer a;
	int chat;

	while (b->canned.len < b->options.canned)
		buf_add(&b->canned, line, sizeof(line) - 1);
	b->canned.len = b->options.canned;
	for (chat = 0; chat < 2; chat++) {
		struct backend_ask ask = { .chat = chat, .n = 1,
		    .n_prompts = 1, .max_tokens = UINT64_MAX };

		backend_answer_init(&a, &ask, span_str("modgate-backend"),
		    buf_span(&b->canned), 0, (int64_t)time(NULL));
		backend_answer_whole(&a, &b->canned_whole[chat]);
		backend_answer_fini(&a);
	}
}

struct backend *
backend_new(struct event_base *base, const struct backend_options *options,
    struct mg_error *err)
{
	struct backend *b = xcalloc(1, sizeof(*b));

	b->base = base;
	b->options = *options;
	b->service = (struct conn_service){
		.on_head = on_head, .on_body = on_body, .on_end = on_end,
		.on_fault = on_fault, .on_room = on_room, .on_gone = on_gone,
		.on_done = on_done, .refuse_body = refuse_body, .arg = b,
	};
	if (options->script) {
		b->script = backend_script_new(options->script, err);
		if (!b->script) {
			free(b);
			return NULL;
		}
	}
	if (options->canned)
		can(b);
	return b;
}

void
backend_free(struct backend *b)
{
	if (!b)
		return;
	backend_script_free(b->script);
	buf_fini(&b->canned);
	buf_fini(&b->canned_whole[0]);
	buf_fini(&b->canned_whole[1]);
	free(b);
}

const struct conn_service *
backend_service(const struct backend *b)
{
	return &b->service;
}
