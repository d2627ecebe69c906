/* SPDX-License-Identifier: Apache-2.0 */
/* upstream.c - calls to model backends.
 *
 * A call is one request as the exchange sees it; an attempt is one try of it
 * at one backend, on a libcurl handle of that backend's pool. Handles keep
 * their options for life: libcurl is the dearest part of an exchange, and most
 * of that is setting up.
 *
 * Nothing is added to or taken from the multi while libcurl is on the stack:
 * what handlers ask for is queued and done by settle(). libcurl's own habit of
 * repeating a POST whose reused connection has died is switched off (see
 * on_connected): whether to repeat is decided here, and counted. */
#include "gateway/upstream.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "gateway/upstream_head.h"
#include "gateway/upstream_loop.h"
#include "gateway/upstream_pick.h"

enum {
	MAX_IDLE_CONNECTIONS = 512,	/* per worker */
	MAX_IDLE_HANDLES = 256,		/* per backend */
	MAX_IDLE_CALLS = 256,
	IDLE_CALL_BYTES = 64 * 1024,	/* more memory is not kept */
};

enum phase {
	PHASE_CONNECT,		/* name, connection, TLS */
	PHASE_WAIT,		/* the request goes out; no answer yet */
	PHASE_ANSWER,		/* its first line has come */
};

/* Left to settle(). */
enum { TODO_ADD = 1, TODO_RESUME = 2, TODO_DROP = 4 };

/* What outlives a reload: health and counters of one backend. */
struct vitals {
	struct pick_health health;
	struct upstream_stats stats;
	SLIST_ENTRY(vitals) next;
};

/* In the order of the configuration. Replaced, never changed; freed at the
 * end, as another thread may still be reading it for metrics. */
struct table {
	SLIST_ENTRY(table) next;
	size_t n;
	struct vitals *vitals[];
};

struct handle {
	CURL *easy;
	struct upstream_call *call;	/* NULL while it rests */
	struct upstream_reader reader;
	struct buf url;			/* as set in easy */
	struct buf method;		/* likewise */
	bool is_post;			/* likewise */
	SLIST_ENTRY(handle) next;
};

struct backend {
	const struct config_upstream *conf;
	struct vitals *vitals;
	struct buf key_line;		/* secret */
	struct curl_slist tail[4];	/* fields of every request */
	SLIST_HEAD(, handle) idle;
	size_t n_idle;
};

/* One configuration's backends; calls hold a reference. */
struct set {
	unsigned refs;
	struct config *config;
	size_t n;
	struct backend *backends;
	struct pick_candidate *candidates;
};

struct upstream_call {
	struct upstreams *u;
	struct set *set;
	struct handle *handle;
	size_t at;			/* backend */
	struct upstream_handler handler;
	void *arg;
	struct mg_span body;
	struct buf method, path, model, lines;
	struct curl_slist *nodes;
	size_t n_nodes, nodes_cap;
	struct event timer;
	uint64_t armed_ms;
	uint64_t begun_ms, phase_ms, heard_ms;
	uint64_t received;		/* bytes of body */
	uint64_t tried;			/* bit set of backends */
	uint32_t retries;
	enum phase phase;
	unsigned todo;
	bool added;			/* in the multi */
	bool trial;
	bool is_late;			/* its whole time is up, which says
					 * nothing about the backend */
	bool paused;			/* by the handler */
	bool held;			/* libcurl holds bytes back for us */
	bool given;			/* on_head was called */
	bool cancelled;
	bool died;			/* a reused connection did, before the
					 * first byte */
	bool overloaded;		/* 503, and another backend is there */
	struct pick_choice other;	/* … this one */
	const char *why;		/* not NULL: we ended it, so: */
	enum upstream_end end;
	LIST_ENTRY(upstream_call) link;
	TAILQ_ENTRY(upstream_call) work;
};

struct upstreams {
	struct upstream_loop loop;
	struct set *set;
	_Atomic(struct table *) table;
	SLIST_HEAD(, table) tables;
	SLIST_HEAD(, vitals) vitals;
	LIST_HEAD(, upstream_call) calls;
	LIST_HEAD(, upstream_call) idle;
	size_t n_idle;
	TAILQ_HEAD(, upstream_call) work;
	struct pick_budget budget;
	uint64_t random;
};

static void
count(uint64_t *counter, int64_t by)
{
	/* One writer: no read-modify-write is needed. */
	__atomic_store_n(counter, *counter + (uint64_t)by, __ATOMIC_RELAXED);
}

static const struct config_upstream *
conf_of(const struct upstream_call *call)
{
	return call->set->backends[call->at].conf;
}

static struct vitals *
vitals_of(const struct upstream_call *call)
{
	return call->set->backends[call->at].vitals;
}

/* xorshift64*; shares of load, nothing secret. */
static uint64_t
next_random(struct upstreams *u)
{
	u->random ^= u->random >> 12;
	u->random ^= u->random << 25;
	u->random ^= u->random >> 27;
	return u->random * 0x2545f4914f6cdd1dULL >> 16;
}

static struct pick_choice
choose(struct upstreams *u, const struct set *set, struct mg_span model,
    uint64_t avoid, uint64_t now_ms)
{
	return pick_choose(set->candidates, set->n, model, avoid, now_ms,
	    next_random(u));
}

/* ---- timers ---- */

static uint64_t
earlier(uint64_t due, uint64_t from_ms, uint32_t wait_ms)
{
	return wait_ms && from_ms + wait_ms < due ? from_ms + wait_ms : due;
}

/* When the attempt has waited too long for what it waits for now. */
static uint64_t
due_ms(const struct upstream_call *call)
{
	const struct config_upstream *conf = conf_of(call);
	uint64_t due = earlier(UINT64_MAX, call->begun_ms, conf->total_ms);

	switch (call->phase) {
	case PHASE_CONNECT:
		return earlier(due, call->phase_ms, conf->connect_ms);
	case PHASE_WAIT:
		return earlier(due, call->phase_ms, conf->first_byte_ms);
	case PHASE_ANSWER:
		return call->paused ? due :
		    earlier(due, call->heard_ms, conf->idle_ms);
	}
	abort();
}

/* Makes sure that the timer fires in time; too early does not matter. */
static void
arm(struct upstream_call *call, uint64_t now_ms)
{
	uint64_t due = due_ms(call), wait;
	struct timeval tv;

	if (due >= call->armed_ms)
		return;
	wait = due > now_ms ? due - now_ms : 0;
	tv.tv_sec = (time_t)(wait / 1000);
	tv.tv_usec = (suseconds_t)(wait % 1000 * 1000);
	if (event_add(&call->timer, &tv) == 0)
		call->armed_ms = due;
}

static void
enter(struct upstream_call *call, enum phase phase, uint64_t now_ms)
{
	call->phase = phase;
	call->phase_ms = call->heard_ms = now_ms;
	arm(call, now_ms);
}

/* ---- what libcurl calls ---- */

/* Ends the attempt from inside libcurl. */
static size_t
give_up(struct upstream_call *call, enum upstream_end end, const char *why)
{
	call->end = end;
	call->why = why;
	return 0;
}

/* CURLOPT_PREREQFUNCTION: a connection stands, the request will go out. Twice
 * in one attempt means that the first connection, a kept one, died before it
 * answered, and that libcurl is about to send the request again: it may, if
 * our own rule would. */
static int
on_connected(void *arg, char *peer_ip, char *local_ip, int peer_port,
    int local_port)
{
	struct handle *handle = arg;
	struct upstream_call *call = handle->call;
	uint64_t now_ms = upstream_now_ms();

	(void)peer_ip;
	(void)local_ip;
	(void)peer_port;
	(void)local_port;
	if (call->phase != PHASE_CONNECT) {
		if (call->retries >= conf_of(call)->retries ||
		    !pick_budget_take(&call->u->budget, now_ms)) {
			call->died = true;
			return CURL_PREREQFUNC_ABORT;
		}
		call->retries++;
		count(&vitals_of(call)->stats.retries, 1);
	}
	enter(call, PHASE_WAIT, now_ms);
	return CURL_PREREQFUNC_OK;
}

/* No connection, or a 503: worth another try only where somebody else can be
 * asked. Fills call->other. */
static bool
may_go_elsewhere(struct upstream_call *call, uint64_t now_ms)
{
	struct pick_choice other;

	if (call->retries >= conf_of(call)->retries)
		return false;
	other = choose(call->u, call->set, buf_span(&call->model),
	    call->tried, now_ms);
	if (other.result != PICK_OK)
		return false;
	if (!pick_budget_take(&call->u->budget, now_ms)) {
		pick_forget(call->set->candidates[other.index].health,
		    other.trial);
		return false;
	}
	call->other = other;
	return true;
}

static bool
speaks_of_a_broken_backend(int status)
{
	return status == 502 || status == 503 || status == 504;
}

static size_t
take_head(struct upstream_call *call, const struct upstream_head *head,
    size_t len)
{
	uint64_t now_ms = upstream_now_ms();

	if (!call->handle->reader.is_stream && head->length >= 0 &&
	    (uint64_t)head->length > conf_of(call)->answer_bytes)
		return give_up(call, UPSTREAM_TOO_LARGE,
		    "the announced answer is larger than answer_bytes");
	if (head->status == 503 && may_go_elsewhere(call, now_ms)) {
		call->overloaded = true;
		return give_up(call, UPSTREAM_UNREACHABLE, "answered 503");
	}
	if (!speaks_of_a_broken_backend(head->status)) {
		pick_answered(&vitals_of(call)->health, call->trial, now_ms);
		call->trial = false;
	}
	call->given = true;
	call->handler.on_head(call->arg, head);
	return call->cancelled ? 0 : len;
}

/* CURLOPT_HEADERFUNCTION: one line, with its end. */
static size_t
on_line(char *ptr, size_t size, size_t n, void *arg)
{
	struct handle *handle = arg;
	struct upstream_call *call = handle->call;
	size_t len = size * n;

	if (call->cancelled)
		return 0;
	call->heard_ms = upstream_now_ms();
	if (call->phase != PHASE_ANSWER)
		enter(call, PHASE_ANSWER, call->heard_ms);
	switch (upstream_reader_line(&handle->reader, span(ptr, len))) {
	case LINE_MORE:
		return len;
	case LINE_HEAD:
		return take_head(call, &handle->reader.head, len);
	case LINE_BAD:
		return give_up(call, UPSTREAM_BROKEN, handle->reader.why);
	}
	abort();
}

/* CURLOPT_WRITEFUNCTION */
static size_t
on_bytes(char *ptr, size_t size, size_t n, void *arg)
{
	struct handle *handle = arg;
	struct upstream_call *call = handle->call;
	size_t len = size * n;

	if (call->cancelled)
		return 0;
	if (call->paused) {
		call->held = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	call->heard_ms = upstream_now_ms();
	call->received += len;
	if (!handle->reader.is_stream &&
	    call->received > conf_of(call)->answer_bytes)
		return give_up(call, UPSTREAM_TOO_LARGE,
		    "the answer is larger than answer_bytes");
	call->handler.on_body(call->arg, span(ptr, len));
	return call->cancelled ? 0 : len;
}

/* ---- handles ---- */

static void
handle_free(struct handle *handle)
{
	curl_easy_cleanup(handle->easy);
	upstream_reader_fini(&handle->reader);
	buf_fini(&handle->url);
	buf_fini(&handle->method);
	free(handle);
}

static void
set_manners(CURL *easy, const struct config_upstream *conf)
{
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
	    (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION,
	    (long)CURL_SSLVERSION_TLSv1_2);
	if (conf->ca)
		curl_easy_setopt(easy, CURLOPT_CAINFO, conf->ca);
	/* Ours is the timer that counts; libcurl shares its own out among a
	 * name's addresses. */
	if (conf->connect_ms)
		curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
		    (long)conf->connect_ms);
}

static struct handle *
handle_new(struct upstream_loop *loop, const struct config_upstream *conf)
{
	struct handle *handle = xcalloc(1, sizeof(*handle));
	CURL *easy = curl_easy_init();

	if (!easy)
		abort();
	handle->easy = easy;
	set_manners(easy, conf);
	upstream_loop_adopt(loop, easy);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, handle);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, handle);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_line);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, handle);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, handle);
	return handle;
}

static struct handle *
handle_get(struct upstream_loop *loop, struct backend *backend)
{
	struct handle *handle = SLIST_FIRST(&backend->idle);

	if (!handle)
		return handle_new(loop, backend->conf);
	SLIST_REMOVE_HEAD(&backend->idle, next);
	backend->n_idle--;
	return handle;
}

static void
handle_put(struct backend *backend, struct handle *handle)
{
	handle->call = NULL;
	if (backend->n_idle >= MAX_IDLE_HANDLES) {
		handle_free(handle);
		return;
	}
	upstream_reader_reset(&handle->reader);
	SLIST_INSERT_HEAD(&backend->idle, handle, next);
	backend->n_idle++;
}

/* Method and body. libcurl turns a handle into a POST whenever it is given a
 * body, so that comes first. */
static void
set_body(struct handle *handle, struct mg_span method, struct mg_span body)
{
	bool is_post = body.len > 0 || span_is(method, "POST");
	CURL *easy = handle->easy;

	if (is_post) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
		    body.len ? body.ptr : "");
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)body.len);
	}
	if (span_eq(buf_span(&handle->method), method) &&
	    handle->is_post == is_post)
		return;
	buf_clear(&handle->method);
	buf_add_span(&handle->method, method);
	handle->is_post = is_post;
	if (!is_post)
		curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST,
	    buf_cstr(&handle->method));
}

static void
set_url(struct handle *handle, const char *base, struct mg_span path)
{
	struct buf *url = &handle->url;
	size_t len = strlen(base);

	if (url->len == len + path.len &&
	    memcmp(url->ptr + len, path.ptr, path.len) == 0)
		return;
	buf_clear(url);
	buf_add(url, base, len);
	buf_add_span(url, path);
	curl_easy_setopt(handle->easy, CURLOPT_URL, buf_cstr(url));
}

/* ---- attempts ---- */

static void
queue(struct upstream_call *call, unsigned todo)
{
	struct upstreams *u = call->u;

	if (!call->todo)
		TAILQ_INSERT_TAIL(&u->work, call, work);
	call->todo |= todo;
	upstream_loop_kick(&u->loop);
}

/* Sends the call to a backend. */
static void
attempt(struct upstream_call *call, struct pick_choice choice,
    uint64_t now_ms)
{
	struct backend *backend = &call->set->backends[choice.index];
	struct handle *handle = handle_get(&call->u->loop, backend);

	call->at = choice.index;
	call->trial = choice.trial;
	call->handle = handle;
	handle->call = call;
	if (choice.index < 64)
		call->tried |= UINT64_C(1) << choice.index;
	set_body(handle, buf_span(&call->method), call->body);
	set_url(handle, backend->conf->url, buf_span(&call->path));
	call->nodes[call->n_nodes - 1].next = backend->tail;
	curl_easy_setopt(handle->easy, CURLOPT_HTTPHEADER, call->nodes);
	call->armed_ms = UINT64_MAX;
	enter(call, PHASE_CONNECT, now_ms);
	count(&backend->vitals->stats.calls, 1);
	count(&backend->vitals->stats.in_flight, 1);
	queue(call, TODO_ADD);
}

/* Takes the attempt out of libcurl. */
static void
withdraw(struct upstream_call *call)
{
	struct upstreams *u = call->u;

	assert(!u->loop.inside);
	if (call->added)
		curl_multi_remove_handle(u->loop.multi, call->handle->easy);
	call->added = false;
	if (call->todo)
		TAILQ_REMOVE(&u->work, call, work);
	call->todo = 0;
	event_del(&call->timer);
	count(&vitals_of(call)->stats.in_flight, -1);
	handle_put(&call->set->backends[call->at], call->handle);
	call->handle = NULL;
}

static void
set_unref(struct set *set)
{
	size_t i;

	if (--set->refs > 0)
		return;
	for (i = 0; i < set->n; i++) {
		struct backend *b = &set->backends[i];

		while (!SLIST_EMPTY(&b->idle)) {
			struct handle *handle = SLIST_FIRST(&b->idle);

			SLIST_REMOVE_HEAD(&b->idle, next);
			handle_free(handle);
		}
		if (b->key_line.ptr)
			explicit_bzero(b->key_line.ptr, b->key_line.cap);
		buf_fini(&b->key_line);
	}
	config_unref(&set->config);
	free(set->backends);
	free(set->candidates);
	free(set);
}

static void
call_free(struct upstream_call *call)
{
	buf_fini(&call->method);
	buf_fini(&call->path);
	buf_fini(&call->model);
	buf_fini(&call->lines);
	free(call->nodes);
	free(call);
}

/* The call is over; its memory waits for the next. */
static void
release(struct upstream_call *call)
{
	struct upstreams *u = call->u;

	LIST_REMOVE(call, link);
	set_unref(call->set);
	call->set = NULL;
	if (u->n_idle >= MAX_IDLE_CALLS ||
	    call->lines.cap + call->path.cap > IDLE_CALL_BYTES) {
		call_free(call);
		return;
	}
	LIST_INSERT_HEAD(&u->idle, call, link);
	u->n_idle++;
}

/* Whose fault was it? A client's or our own cap is not the backend's; nor is
 * a kept connection that was closed in its idleness. */
static bool
is_to_blame(const struct upstream_call *call, enum upstream_end end)
{
	switch (end) {
	case UPSTREAM_DONE:
		return speaks_of_a_broken_backend(
		    call->handle->reader.head.status);
	case UPSTREAM_UNREACHABLE:
		return true;
	case UPSTREAM_BROKEN:
		return !call->died;
	case UPSTREAM_TIMEOUT:
		return !call->is_late;
	case UPSTREAM_TOO_LARGE:
		return false;
	}
	abort();
}

/* Takes down what the attempt has shown of its backend. */
static void
note(struct upstream_call *call, enum upstream_end end, uint64_t now_ms)
{
	const struct config_upstream *conf = conf_of(call);
	struct vitals *v = vitals_of(call);

	if (is_to_blame(call, end)) {
		count(&v->stats.failures, 1);
		if (pick_failed(conf, &v->health, call->trial, now_ms))
			count(&v->stats.ejections, 1);
	} else if (end == UPSTREAM_DONE) {
		pick_succeeded(conf, &v->health, now_ms);
	}
	pick_forget(&v->health, call->trial);
	call->trial = false;
	__atomic_store_n(&v->stats.ejected_now,
	    (uint64_t)(v->health.state == PICK_EJECTED), __ATOMIC_RELAXED);
}

/* The attempt is over: another one, or the end. */
static void
conclude(struct upstream_call *call, enum upstream_end end, const char *why)
{
	uint64_t now_ms = upstream_now_ms();
	struct upstream_handler handler = call->handler;
	void *arg = call->arg;
	bool again = call->overloaded;

	if (!again && end != UPSTREAM_DONE && !call->is_late &&
	    call->phase == PHASE_CONNECT)
		again = may_go_elsewhere(call, now_ms);
	note(call, end, now_ms);
	withdraw(call);
	if (again) {
		call->retries++;
		call->overloaded = false;
		call->why = NULL;
		attempt(call, call->other, now_ms);
		count(&vitals_of(call)->stats.retries, 1);
		return;
	}
	release(call);
	handler.on_end(arg, end, why);
}

/* libcurl is done with an attempt. */
static void
complete(struct upstream_call *call, CURLcode result)
{
	if (call->cancelled) {
		upstream_cancel(call);
	} else if (call->why) {
		conclude(call, call->end, call->why);
	} else if (call->died) {
		conclude(call, UPSTREAM_BROKEN,
		    "a kept connection was closed before the answer");
	} else if (result == CURLE_OK && call->given) {
		conclude(call, UPSTREAM_DONE, "");
	} else if (result == CURLE_OPERATION_TIMEDOUT) {
		conclude(call, UPSTREAM_TIMEOUT, "connect");
	} else if (call->phase == PHASE_CONNECT) {
		conclude(call, UPSTREAM_UNREACHABLE,
		    curl_easy_strerror(result));
	} else {
		conclude(call, UPSTREAM_BROKEN, result == CURLE_OK ?
		    "no answer" : curl_easy_strerror(result));
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct upstream_call *call = arg;
	const struct config_upstream *conf = conf_of(call);
	uint64_t now_ms = upstream_now_ms();

	(void)fd;
	(void)what;
	call->armed_ms = UINT64_MAX;
	if (now_ms < due_ms(call)) {
		arm(call, now_ms);
		return;
	}
	if (conf->total_ms && now_ms >= call->begun_ms + conf->total_ms) {
		call->is_late = true;
		conclude(call, UPSTREAM_TIMEOUT, "total");
		return;
	}
	switch (call->phase) {
	case PHASE_CONNECT:
		conclude(call, UPSTREAM_TIMEOUT, "connect");
		return;
	case PHASE_WAIT:
		conclude(call, UPSTREAM_TIMEOUT, "first byte");
		return;
	case PHASE_ANSWER:
		conclude(call, UPSTREAM_TIMEOUT, "idle");
		return;
	}
}

/* ---- settling ---- */

static void
add(struct upstream_call *call)
{
	CURLMcode code = curl_multi_add_handle(call->u->loop.multi,
	    call->handle->easy);

	call->added = code == CURLM_OK;
	if (!call->added)
		conclude(call, UPSTREAM_UNREACHABLE,
		    curl_multi_strerror(code));
}

static void
unhold(struct upstream_call *call)
{
	struct upstream_loop *loop = &call->u->loop;

	if (call->paused || !call->held || !call->added)
		return;
	call->held = false;
	/* Gives on_bytes() what was held, at once. */
	loop->inside = true;
	(void)curl_easy_pause(call->handle->easy, CURLPAUSE_CONT);
	loop->inside = false;
}

static void
work_off(struct upstreams *u)
{
	struct upstream_call *call;
	unsigned todo;

	while ((call = TAILQ_FIRST(&u->work))) {
		TAILQ_REMOVE(&u->work, call, work);
		todo = call->todo;
		call->todo = 0;
		if (call->cancelled)
			upstream_cancel(call);
		else if (todo & TODO_ADD)
			add(call);
		else if (todo & TODO_RESUME)
			unhold(call);
	}
}

static void
settle(void *arg)
{
	struct upstreams *u = arg;
	CURLMsg *message;
	int left;

	work_off(u);
	while ((message = curl_multi_info_read(u->loop.multi, &left))) {
		CURLcode result = message->data.result;
		char *handle = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
		    &handle);
		complete(((struct handle *)(void *)handle)->call, result);
		work_off(u);
	}
}

/* ---- the header's functions ---- */

/* Framing, addressing, credentials and codings are not the caller's to set;
 * it should not try, and a slip must not reach the backend. */
static bool
is_reserved(struct mg_span name)
{
	static const char *const reserved[] = {
		"host", "connection", "content-length", "transfer-encoding",
		"expect", "accept-encoding", "authorization", "api-key",
		"x-api-key", "cookie", "te", "trailer", "upgrade",
		"keep-alive", "proxy-authorization", "proxy-connection",
	};
	size_t i;

	for (i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		if (span_is_nocase(name, reserved[i]))
			return true;
	return false;
}

static bool
is_sendable(const struct http1_field *f)
{
	size_t i;

	if (f->name.len == 0 || is_reserved(f->name))
		return false;
	for (i = 0; i < f->value.len; i++) {
		unsigned char c = (unsigned char)f->value.ptr[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	for (i = 0; i < f->name.len; i++)
		if (f->name.ptr[i] <= ' ' || f->name.ptr[i] == ':' ||
		    f->name.ptr[i] == ';')
			return false;
	return true;
}

/* One "Name: value" line; libcurl wants "Name;" for an empty value. */
static void
add_line(struct buf *lines, const struct http1_field *f)
{
	buf_add_span(lines, f->name);
	if (f->value.len > 0) {
		buf_add(lines, ": ", 2);
		buf_add_span(lines, f->value);
	} else {
		buf_add_byte(lines, ';');
	}
	buf_add_byte(lines, '\0');
}

/* Writes the request's own fields as libcurl's list, without allocating. */
static void
build_fields(struct upstream_call *call, const struct http1_field *fields,
    size_t n)
{
	bool has_type = false, has_accept = false;
	size_t i, lines = 0;
	char *line;

	buf_clear(&call->lines);
	for (i = 0; i < n; i++) {
		if (!is_sendable(&fields[i]))
			continue;
		has_type |= span_is_nocase(fields[i].name, "content-type");
		has_accept |= span_is_nocase(fields[i].name, "accept");
		add_line(&call->lines, &fields[i]);
		lines++;
	}
	/* Else libcurl would add its own: a form's type, and any type. */
	if (!has_type) {
		buf_add(&call->lines, "Content-Type:", 14);
		lines++;
	}
	if (!has_accept) {
		buf_add(&call->lines, "Accept:", 8);
		lines++;
	}
	if (lines == 0) {	/* the tail needs something to hang on */
		buf_add(&call->lines, "Expect:", 8);
		lines++;
	}
	call->nodes = xgrow(call->nodes, &call->nodes_cap, lines,
	    sizeof(*call->nodes));
	call->n_nodes = lines;
	for (i = 0, line = call->lines.ptr; i < lines; i++) {
		call->nodes[i].data = line;
		call->nodes[i].next = &call->nodes[i + 1];
		line += strlen(line) + 1;
	}
	call->nodes[lines - 1].next = NULL;
}

static struct upstream_call *
call_get(struct upstreams *u)
{
	struct upstream_call *call = LIST_FIRST(&u->idle);
	struct upstream_call kept = { 0 };

	if (call) {
		LIST_REMOVE(call, link);
		u->n_idle--;
		kept.method = call->method;
		kept.path = call->path;
		kept.model = call->model;
		kept.lines = call->lines;
		kept.nodes = call->nodes;
		kept.nodes_cap = call->nodes_cap;
		kept.method.len = kept.path.len = kept.model.len = 0;
	} else {
		call = xmalloc(sizeof(*call));
	}
	*call = kept;
	call->u = u;
	evtimer_assign(&call->timer, u->loop.base, on_timer, call);
	LIST_INSERT_HEAD(&u->calls, call, link);
	return call;
}

enum upstream_pick
upstream_start(struct upstreams *u, const struct upstream_request *request,
    const struct upstream_handler *handler, void *arg,
    struct upstream_call **out)
{
	uint64_t now_ms = upstream_now_ms();
	struct pick_choice choice = choose(u, u->set, request->model, 0,
	    now_ms);
	struct upstream_call *call;

	*out = NULL;
	if (choice.result != PICK_OK)
		return choice.result;
	pick_budget_call(&u->budget);
	call = call_get(u);
	call->set = u->set;
	call->set->refs++;
	call->handler = *handler;
	call->arg = arg;
	call->body = request->body;
	call->begun_ms = now_ms;
	buf_add_span(&call->method, request->method);
	buf_add_span(&call->path, request->path);
	buf_add_span(&call->model, request->model);
	build_fields(call, request->fields, request->n_fields);
	attempt(call, choice, now_ms);
	*out = call;
	return PICK_OK;
}

void
upstream_pause(struct upstream_call *call)
{
	call->paused = true;
}

void
upstream_resume(struct upstream_call *call)
{
	uint64_t now_ms = upstream_now_ms();

	if (!call->paused)
		return;
	call->paused = false;
	call->heard_ms = now_ms;
	arm(call, now_ms);
	if (call->held)
		queue(call, TODO_RESUME);
}

void
upstream_cancel(struct upstream_call *call)
{
	if (call->u->loop.inside) {
		call->cancelled = true;
		queue(call, TODO_DROP);
		return;
	}
	pick_forget(&vitals_of(call)->health, call->trial);
	if (call->overloaded)
		pick_forget(call->set->candidates[call->other.index].health,
		    call->other.trial);
	withdraw(call);
	release(call);
}

const char *
upstream_name(const struct upstream_call *call)
{
	return conf_of(call)->name;
}

static struct vitals *
find_vitals(const struct set *set, const struct config_upstream *conf)
{
	size_t i;

	for (i = 0; set && i < set->n; i++)
		if (strcmp(set->backends[i].conf->name, conf->name) == 0 &&
		    strcmp(set->backends[i].conf->url, conf->url) == 0)
			return set->backends[i].vitals;
	return NULL;
}

static void
backend_init(struct upstreams *u, struct backend *b,
    const struct config_upstream *conf)
{
	const char *header = conf->key_header;
	size_t n = 0;

	b->conf = conf;
	SLIST_INIT(&b->idle);
	b->vitals = find_vitals(u->set, conf);
	if (!b->vitals) {
		b->vitals = xcalloc(1, sizeof(*b->vitals));
		SLIST_INSERT_HEAD(&u->vitals, b->vitals, next);
	}
	b->tail[n++].data = (char *)(uintptr_t)"Expect:";
	b->tail[n++].data = (char *)(uintptr_t)"Accept-Encoding: identity";
	if (conf->key) {
		bool bearer = !header ||
		    span_is_nocase(span_str(header), "authorization");

		buf_addf(&b->key_line, "%s: %s%s",
		    bearer ? "Authorization" : header,
		    bearer ? "Bearer " : "", conf->key);
		b->tail[n++].data = (char *)(uintptr_t)buf_cstr(&b->key_line);
	}
	while (--n > 0)
		b->tail[n - 1].next = &b->tail[n];
}

static void
publish(struct upstreams *u, const struct set *set)
{
	struct table *old = atomic_load(&u->table), *table;
	size_t i, same = 0;

	for (i = 0; old && i < set->n && i < old->n; i++)
		same += old->vitals[i] == set->backends[i].vitals;
	if (old && old->n == set->n && same == set->n)
		return;
	table = xmalloc(sizeof(*table) + set->n * sizeof(struct vitals *));
	table->n = set->n;
	for (i = 0; i < set->n; i++)
		table->vitals[i] = set->backends[i].vitals;
	SLIST_INSERT_HEAD(&u->tables, table, next);
	atomic_store(&u->table, table);
}

void
upstreams_reload(struct upstreams *u, struct config *config)
{
	struct set *set = xcalloc(1, sizeof(*set));
	size_t i;

	set->refs = 1;
	set->config = config_ref(config);
	set->n = config->n_upstreams;
	set->backends = xcalloc(set->n, sizeof(*set->backends));
	set->candidates = xcalloc(set->n, sizeof(*set->candidates));
	for (i = 0; i < set->n; i++) {
		backend_init(u, &set->backends[i], &config->upstreams[i]);
		set->candidates[i].conf = &config->upstreams[i];
		set->candidates[i].health = &set->backends[i].vitals->health;
	}
	publish(u, set);
	if (u->set)
		set_unref(u->set);
	u->set = set;
}

struct upstreams *
upstreams_new(struct event_base *base, struct config *config)
{
	struct upstreams *u = xcalloc(1, sizeof(*u));

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    upstream_loop_init(&u->loop, base, MAX_IDLE_CONNECTIONS, settle,
	    u) < 0)
		abort();
	LIST_INIT(&u->calls);
	LIST_INIT(&u->idle);
	TAILQ_INIT(&u->work);
	if (getrandom(&u->random, sizeof(u->random), 0) < 0 || u->random == 0)
		u->random = upstream_now_ms() | 1;
	u->budget.at_ms = upstream_now_ms();
	upstreams_reload(u, config);
	return u;
}

void
upstreams_free(struct upstreams *u)
{
	struct upstream_call *call;
	struct vitals *v;
	struct table *t;

	if (!u)
		return;
	while ((call = LIST_FIRST(&u->calls)))
		upstream_cancel(call);
	while ((call = LIST_FIRST(&u->idle))) {
		LIST_REMOVE(call, link);
		call_free(call);
	}
	set_unref(u->set);
	upstream_loop_fini(&u->loop);
	while ((v = SLIST_FIRST(&u->vitals))) {
		SLIST_REMOVE_HEAD(&u->vitals, next);
		free(v);
	}
	while ((t = SLIST_FIRST(&u->tables))) {
		SLIST_REMOVE_HEAD(&u->tables, next);
		free(t);
	}
	free(u);
	curl_global_cleanup();
}

const struct upstream_stats *
upstreams_stats(const struct upstreams *u, size_t i)
{
	const struct table *table = atomic_load(&u->table);

	return i < table->n ? &table->vitals[i]->stats : NULL;
}
