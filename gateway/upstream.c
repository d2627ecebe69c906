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
 * upstream_on_connected): whether to repeat is decided here, and counted. */
#include "gateway/upstream.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

#include "gateway/log.h"
#include "gateway/upstream_parts.h"

#define NO_CONNECTION "no connection within timeouts.connect"

enum {
	MAX_IDLE_CONNECTIONS = 512,	/* per worker */
	MAX_IDLE_CALLS = 256,
	IDLE_CALL_BYTES = 64 * 1024,	/* more memory is not kept */
};

static void
count(uint64_t *counter, int64_t by)
{
	/* One writer: no read-modify-write is needed. */
	__atomic_store_n(counter, *counter + (uint64_t)by, __ATOMIC_RELAXED);
}

static void
show_health(struct upstream_vitals *v)
{
	__atomic_store_n(&v->stats.ejected_now,
	    (uint64_t)(v->health.state == PICK_EJECTED), __ATOMIC_RELAXED);
}

static const struct config_upstream *
conf_of(const struct upstream_call *call)
{
	return call->set->backends[call->at].conf;
}

static struct upstream_vitals *
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
choose(struct upstreams *u, const struct upstream_set *set,
    struct mg_span model, uint64_t avoid, uint64_t now_ms)
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
enter(struct upstream_call *call, enum upstream_phase phase, uint64_t now_ms)
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
int
upstream_on_connected(void *arg, char *peer_ip, char *local_ip, int peer_port,
    int local_port)
{
	struct upstream_handle *handle = arg;
	struct upstream_call *call = handle->call;
	uint64_t now_ms = upstream_now_ms();

	(void)peer_ip;
	(void)local_ip;
	(void)peer_port;
	(void)local_port;
	if (call->phase != PHASE_CONNECT) {
		if (call->retries >= conf_of(call)->retries ||
		    !pick_budget_take(&call->u->budget, now_ms)) {
			call->died = call->blameless = true;
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

/* It answers: one that was ejected gets its share back by and by. */
static void
note_answer(struct upstream_call *call, uint64_t now_ms)
{
	struct pick_health *health = &vitals_of(call)->health;
	bool was_ejected = health->state == PICK_EJECTED;

	pick_answered(health, call->trial, now_ms);
	if (was_ejected && health->state == PICK_RETURNING)
		log_info("backend %s: answers again", conf_of(call)->name);
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
		note_answer(call, now_ms);
		show_health(vitals_of(call));
		call->trial = false;
	}
	call->given = true;
	call->handler.on_head(call->arg, head);
	return call->cancelled ? 0 : len;
}

static struct upstream_handle *
handle_of(CURL *easy)
{
	char *handle = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &handle);
	return (struct upstream_handle *)(void *)handle;
}

static bool
is_connected(CURL *easy)
{
	const struct upstream_handle *handle = handle_of(easy);

	return handle && handle->call &&
	    handle->call->phase != PHASE_CONNECT;
}

/* CURLOPT_HEADERFUNCTION: one line, with its end. */
size_t
upstream_on_line(char *ptr, size_t size, size_t n, void *arg)
{
	struct upstream_handle *handle = arg;
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
size_t
upstream_on_bytes(char *ptr, size_t size, size_t n, void *arg)
{
	struct upstream_handle *handle = arg;
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

/* ---- attempts ---- */

static void
queue(struct upstream_call *call, unsigned pending)
{
	struct upstreams *u = call->u;

	if (!call->pending)
		TAILQ_INSERT_TAIL(&u->work, call, work);
	call->pending |= pending;
	upstream_loop_kick(&u->loop);
}

/* Sends the call to a backend. */
static void
attempt(struct upstream_call *call, struct pick_choice choice,
    uint64_t now_ms)
{
	struct upstream_backend *backend = &call->set->backends[choice.index];
	struct upstream_handle *handle = upstream_handle_get(&call->u->loop,
	    backend);

	call->at = choice.index;
	call->trial = choice.trial;
	call->handle = handle;
	handle->call = call;
	if (choice.index < 64)
		call->tried |= UINT64_C(1) << choice.index;
	upstream_handle_set_body(handle, buf_span(&call->method), call->body);
	upstream_handle_set_url(handle, backend->conf->url,
	    buf_span(&call->path));
	call->nodes[call->n_nodes - 1].next = backend->tail;
	curl_easy_setopt(handle->easy, CURLOPT_HTTPHEADER, call->nodes);
	call->armed_ms = UINT64_MAX;
	enter(call, PHASE_CONNECT, now_ms);
	count(&backend->vitals->stats.calls, 1);
	count(&backend->vitals->stats.in_flight, 1);
	queue(call, WORK_ADD);
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
	if (call->pending)
		TAILQ_REMOVE(&u->work, call, work);
	call->pending = 0;
	event_del(&call->timer);
	count(&vitals_of(call)->stats.in_flight, -1);
	upstream_handle_put(&call->set->backends[call->at], call->handle);
	call->handle = NULL;
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
	upstream_set_unref(call->set);
	call->set = NULL;
	if (u->n_idle >= MAX_IDLE_CALLS ||
	    call->lines.cap + call->path.cap > IDLE_CALL_BYTES) {
		call_free(call);
		return;
	}
	LIST_INSERT_HEAD(&u->idle, call, link);
	u->n_idle++;
}

/* Whose fault was it? Our own cap, or a status that a request may cause, is not
 * the backend's. */
static bool
is_to_blame(const struct upstream_call *call, enum upstream_end end)
{
	if (call->blameless)
		return false;
	switch (end) {
	case UPSTREAM_DONE:
		return speaks_of_a_broken_backend(
		    call->handle->reader.head.status);
	case UPSTREAM_UNREACHABLE:
	case UPSTREAM_BROKEN:
	case UPSTREAM_TIMEOUT:
		return true;
	case UPSTREAM_TOO_LARGE:
		return false;
	}
	abort();
}

/* Takes down what the attempt has shown of its backend. */
static void
note(struct upstream_call *call, enum upstream_end end, const char *why,
    uint64_t now_ms)
{
	const struct config_upstream *conf = conf_of(call);
	struct upstream_vitals *v = vitals_of(call);

	if (is_to_blame(call, end)) {
		count(&v->stats.failures, 1);
		if (pick_failed(conf, &v->health, call->trial, now_ms)) {
			count(&v->stats.ejections, 1);
			log_warn("backend %s: fails, and is left alone for %"
			    PRIu64 " ms: %s", conf->name,
			    v->health.until_ms - now_ms, end == UPSTREAM_DONE ?
			    "it answers with 502, 503 or 504" : why);
		}
	} else if (end == UPSTREAM_DONE) {
		pick_succeeded(conf, &v->health, now_ms);
	}
	pick_forget(&v->health, call->trial);
	call->trial = false;
	show_health(v);
}

/* The attempt is over: another one, or the end. */
static void
conclude(struct upstream_call *call, enum upstream_end end, const char *why)
{
	uint64_t now_ms = upstream_now_ms();
	struct upstream_handler handler = call->handler;
	void *arg = call->arg;
	bool again = call->overloaded;

	if (!again && end != UPSTREAM_DONE && !call->blameless &&
	    call->phase == PHASE_CONNECT)
		again = may_go_elsewhere(call, now_ms);
	note(call, end, why, now_ms);
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
	} else if (result == CURLE_URL_MALFORMAT) {
		/* The path came from a client. */
		call->blameless = true;
		conclude(call, UPSTREAM_UNREACHABLE, "no valid URL");
	} else if (result == CURLE_OPERATION_TIMEDOUT) {
		conclude(call, UPSTREAM_TIMEOUT, NO_CONNECTION);
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
		call->blameless = true;
		conclude(call, UPSTREAM_TIMEOUT,
		    "its answer was not whole within timeouts.total");
		return;
	}
	switch (call->phase) {
	case PHASE_CONNECT:
		conclude(call, UPSTREAM_TIMEOUT, NO_CONNECTION);
		return;
	case PHASE_WAIT:
		conclude(call, UPSTREAM_TIMEOUT,
		    "no first byte within timeouts.first_byte");
		return;
	case PHASE_ANSWER:
		conclude(call, UPSTREAM_TIMEOUT,
		    "silent for timeouts.idle in its answer");
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
	unsigned pending;

	while ((call = TAILQ_FIRST(&u->work))) {
		TAILQ_REMOVE(&u->work, call, work);
		pending = call->pending;
		call->pending = 0;
		if (call->cancelled)
			upstream_cancel(call);
		else if (pending & WORK_ADD)
			add(call);
		else if (pending & WORK_RESUME)
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
		CURL *easy = message->easy_handle;

		if (message->msg != CURLMSG_DONE)
			continue;
		complete(handle_of(easy)->call, result);
		work_off(u);
	}
}

/* ---- the header's functions ---- */

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
	upstream_fields(call, request->fields, request->n_fields);
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
		queue(call, WORK_RESUME);
}

void
upstream_cancel(struct upstream_call *call)
{
	if (call->u->loop.inside) {
		call->cancelled = true;
		queue(call, WORK_DROP);
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

void
upstreams_reload(struct upstreams *u, struct config *config)
{
	struct upstream_set *old = u->set;

	u->set = upstream_set_new(u, config);
	if (old)
		upstream_set_unref(old);
}

struct upstreams *
upstreams_new(struct event_base *base, struct config *config)
{
	struct upstreams *u = xcalloc(1, sizeof(*u));

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    upstream_loop_init(&u->loop, base, MAX_IDLE_CONNECTIONS, settle,
	    is_connected, u) < 0)
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

	if (!u)
		return;
	while ((call = LIST_FIRST(&u->calls)))
		upstream_cancel(call);
	while ((call = LIST_FIRST(&u->idle))) {
		LIST_REMOVE(call, link);
		call_free(call);
	}
	upstream_set_unref(u->set);
	upstream_loop_fini(&u->loop);
	upstream_tables_free(u);
	free(u);
	curl_global_cleanup();
}
