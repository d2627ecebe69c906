/* SPDX-License-Identifier: Apache-2.0 */
/* conn.c - one client connection.
 *
 * Callbacks of libevent, and the conn_ functions that a service calls, only
 * note what happened. settle() then does what follows from it, in one place
 * and in one order: read, write, tell the service, and again until nothing is
 * left to do. So a service may call anything from anywhere, and the connection
 * is freed where nobody stands on it.
 * How bytes come and go is conn_io.c's business. */
#include "gateway/conn.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "gateway/conn_io.h"
#include "gateway/tls.h"

#define TRIM_MS 1000		/* idle so long: buffers are given back */
#define LINGER_MS 1000		/* a refused client may read our answer */
#define LINGER_BYTES 65536	/* and go on sending that much */
#define ROUNDS 16		/* of settle() before others have their turn */
#define READ_BYTES 65536	/* at a time, from a plain socket */

enum phase {
	C_HEAD,			/* between requests, or a head is coming */
	C_EXCHANGE,		/* a request is at its service */
	C_LAST,			/* our own answer to a bad head goes out */
	C_LINGER,		/* we said goodbye; what comes is dropped */
	C_CLOSED,
};

struct conn {
	struct conn_io io;
	const struct conn_service *service;
	void (*on_free)(void *arg, struct conn *conn);
	void *arg;
	struct conn_limits limits;
	struct http1 *reader;
	char peer[64];
	enum phase phase;
	unsigned depth;			/* calls of ours on the stack */

	/* The request at hand. */
	void *request;
	unsigned minor;
	bool is_head;			/* its answer has no body */
	bool keep_alive;		/* the client's wish */
	bool has_body;
	bool body_taken;
	bool body_ended;		/* whole, or never to be had */
	bool want_continue;
	bool answered;			/* the answer's head is out */
	bool bodyless;			/* its body is not to be sent */
	bool chunked;
	bool until_close;
	bool finished;
	bool aborted;
	bool over;			/* backlog was above send_buffer */
	int64_t left;			/* of an announced length; -1 */
	uint64_t bytes_out;

	bool close_after;
	bool draining;
	uint32_t drain_idle_ms;
	uint64_t lingered;		/* bytes dropped */

	/* Milliseconds of a monotonic clock. 0: not running. */
	int64_t now;
	int64_t head_at, idle_at;	/* first byte; last exchange's end */
	int64_t body_at, body_heard_at;
	int64_t linger_at;
	bool fresh;			/* no request yet */
	bool trimmed;			/* no buffers are kept */
	int64_t timer_at;		/* when the timer fires */
	struct event timer;
	struct event kick;		/* settle soon */
};

static void settle(struct conn *c);

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
enter(struct conn *c)
{
	c->depth++;
	c->now = now_ms();
}

static void
leave(struct conn *c)
{
	if (c->depth == 1)
		settle(c);	/* may free it */
	else
		c->depth--;
}

/* After a conn_ function: inside a callback of ours settle() comes anyway. */
static void
later(struct conn *c)
{
	if (c->depth == 0)
		event_active(&c->kick, EV_TIMEOUT, 1);
}

size_t
conn_backlog(const struct conn *c)
{
	return c->phase == C_CLOSED ? 0 :
	    c->io.out.len + conn_io_unsent(&c->io);
}

bool
conn_is_full(const struct conn *c)
{
	return c->over;
}

const char *
conn_peer(const struct conn *c)
{
	return c->peer;
}

bool
conn_answer_begun(const struct conn *c)
{
	return c->answered;
}

uint64_t
conn_bytes_out(const struct conn *c)
{
	return c->bytes_out;
}

/* ---- what a service says ---- */

void
conn_take_body(struct conn *c, uint64_t max_bytes)
{
	const struct http1_head *head = http1_head(c->reader);
	uint64_t cap = c->limits.http1.body_bytes;

	assert(c->phase == C_EXCHANGE);
	if (c->body_taken || c->finished || c->aborted)
		return;
	c->body_taken = true;
	c->body_at = c->body_heard_at = now_ms();
	if (max_bytes > 0 && max_bytes < cap)
		http1_limit_body(c->reader, cap = max_bytes);
	/* A body that is too large is refused before it is sent. */
	c->want_continue = c->has_body && !c->body_ended && !c->answered &&
	    head->expect_continue && head->content_length <= cap;
	later(c);
}

void
conn_answer(struct conn *c, int status, const struct http1_field *fields,
    size_t n_fields, int64_t length)
{
	if (c->aborted || c->io.broken)
		return;
	assert(c->phase == C_EXCHANGE && !c->answered);
	assert(status >= 200 && status <= 999);
	c->answered = true;
	c->bodyless = c->is_head || status == 204 || status == 304;
	c->left = length;
	c->until_close = length < 0 && c->minor == 0 && !c->bodyless;
	c->chunked = length < 0 && c->minor > 0 && !c->bodyless;
	if (!c->keep_alive || c->draining || c->until_close ||
	    (c->has_body && !c->body_ended))
		c->close_after = true;
	http1_add_head(&c->io.out, status, fields, n_fields);
	if (status != 204 && length >= 0) {
		buf_add(&c->io.out, "Content-Length: ", 16);
		http1_add_u64(&c->io.out, (uint64_t)length);
		buf_add(&c->io.out, "\r\n", 2);
	} else if (status != 204 && status != 304 && c->minor > 0) {
		buf_add(&c->io.out, "Transfer-Encoding: chunked\r\n", 28);
	}
	if (c->close_after)
		buf_add(&c->io.out, "Connection: close\r\n", 19);
	else if (c->minor == 0)
		buf_add(&c->io.out, "Connection: keep-alive\r\n", 24);
	buf_add(&c->io.out, "\r\n", 2);
	later(c);
}

void
conn_send(struct conn *c, struct mg_span bytes)
{
	if (c->aborted || c->io.broken || c->finished || bytes.len == 0)
		return;
	assert(c->phase == C_EXCHANGE && c->answered);
	if (c->bodyless)
		return;
	if (c->left >= 0 && bytes.len > (uint64_t)c->left) {
		bytes.len = (size_t)c->left;
		c->close_after = true;
	}
	if (c->left >= 0)
		c->left -= (int64_t)bytes.len;
	if (c->chunked) {
		buf_reserve(&c->io.out, bytes.len + 20);
		http1_add_hex(&c->io.out, bytes.len);
		buf_add(&c->io.out, "\r\n", 2);
	}
	buf_add_span(&c->io.out, bytes);
	if (c->chunked)
		buf_add(&c->io.out, "\r\n", 2);
	c->bytes_out += bytes.len;
	if (conn_backlog(c) > c->limits.send_buffer)
		c->over = true;
	later(c);
}

void
conn_finish(struct conn *c)
{
	if (c->aborted || c->io.broken || c->finished)
		return;
	assert(c->answered);
	if (c->left > 0 && !c->bodyless) {
		conn_abort(c);
		return;
	}
	if (c->chunked)
		buf_add(&c->io.out, "0\r\n\r\n", 5);
	c->finished = true;
	later(c);
}

void
conn_abort(struct conn *c)
{
	if (c->phase == C_CLOSED)
		return;
	c->aborted = true;
	later(c);
}

void
conn_close_after(struct conn *c)
{
	c->close_after = true;
}

void
conn_drain(struct conn *c, uint32_t idle_ms)
{
	c->draining = true;
	c->drain_idle_ms = idle_ms;
	later(c);
}

/* ---- writing ---- */

/* Our own answer to what never became a request. */
static void
refuse(struct conn *c, const struct http1_fault *fault)
{
	static const struct http1_field type =
	    { { "Content-Type", 12 }, { "application/json", 16 } };
	struct http1_field fields[3];
	struct buf body = { 0 };
	char id[CONN_ID] = "";
	size_t n = 0;

	if (c->service->refuse_body)
		c->service->refuse_body(c->service->arg, c, fault, &body, id);
	if (body.len > 0)
		fields[n++] = type;
	if (id[0]) {
		fields[n++] = (struct http1_field){
			span("x-request-id", 12), span_str(id) };
		fields[n++] = (struct http1_field){
			span("request-id", 10), span_str(id) };
	}
	http1_add_head(&c->io.out, fault->status, fields, n);
	buf_add_str(&c->io.out, "Content-Length: ");
	http1_add_u64(&c->io.out, body.len);
	buf_add_str(&c->io.out, "\r\nConnection: close\r\n\r\n");
	buf_add_span(&c->io.out, buf_span(&body));
	buf_fini(&body);
	c->phase = C_LAST;
}

/* ---- reading ---- */

static void
got_head(struct conn *c)
{
	const struct http1_head *head = http1_head(c->reader);

	c->phase = C_EXCHANGE;
	c->fresh = c->trimmed = false;
	c->minor = head->minor;
	c->is_head = span_is(head->method, "HEAD");
	c->keep_alive = head->keep_alive;
	c->has_body = head->framing == HTTP1_CHUNKED ||
	    head->content_length > 0;
	c->body_taken = c->body_ended = c->want_continue = false;
	c->answered = c->bodyless = c->chunked = c->until_close = false;
	c->finished = c->aborted = c->over = false;
	c->left = -1;
	c->bytes_out = 0;
	c->head_at = 0;
	c->request = c->service->on_head(c->service->arg, c, head);
	assert(c->request);
}

/* No more of the body can be had, for whatever reason. */
static void
body_fault(struct conn *c, const struct http1_fault *fault)
{
	c->body_ended = true;
	c->close_after = true;
	if (!c->finished && !c->aborted)
		c->service->on_fault(c->request, fault);
}

static void
got_end(struct conn *c)
{
	c->body_ended = true;
	if (!c->finished && !c->aborted)
		c->service->on_end(c->request);
}

static void
got(struct conn *c, enum http1_event event)
{
	switch (event) {
	case HTTP1_MORE:
		return;
	case HTTP1_HEAD:
		got_head(c);
		return;
	case HTTP1_BODY:
		c->want_continue = false;
		c->service->on_body(c->request, http1_data(c->reader));
		return;
	case HTTP1_END:
		got_end(c);
		return;
	case HTTP1_FAULT:
		if (c->phase == C_HEAD)
			refuse(c, http1_fault(c->reader));
		else
			body_fault(c, http1_fault(c->reader));
		return;
	}
}

static bool
wants_input(const struct conn *c)
{
	switch (c->phase) {
	case C_HEAD:
		return !c->io.eof && !c->io.broken;
	case C_EXCHANGE:
		if (c->body_ended || c->io.broken || c->aborted)
			return false;
		return !c->has_body || (c->body_taken && !c->finished);
	case C_LAST:
	case C_LINGER:
	case C_CLOSED:
		return false;
	}
	abort();
}

/* Feeds the reader with what has come, as far as somebody wants it. */
static void
read_input(struct conn *c)
{
	enum http1_event event;
	struct mg_span in;
	size_t had;

	while (wants_input(c)) {
		in = conn_io_input(&c->io);
		had = in.len;
		do {
			event = http1_next(c->reader, &in);
			got(c, event);
		} while (event != HTTP1_MORE && wants_input(c));
		conn_io_drain(&c->io, had - in.len);
		if (event == HTTP1_MORE && conn_io_waiting(&c->io) == 0)
			break;
	}
	if (c->phase == C_HEAD && http1_is_idle(c->reader))
		c->head_at = 0;
	else if (c->phase == C_HEAD && c->head_at == 0)
		c->head_at = c->now;
	if (c->want_continue) {
		if (wants_input(c) && !c->answered)
			buf_add_str(&c->io.out, "HTTP/1.1 100 Continue\r\n\r\n");
		c->want_continue = false;
	}
}

static void
drop_input(struct conn *c)
{
	c->lingered += conn_io_waiting(&c->io);
	while (conn_io_waiting(&c->io) > 0)
		conn_io_drain(&c->io, conn_io_input(&c->io).len);
}

/* ---- endings ---- */

/* Closes the socket. The conn itself goes at the end of settle(). */
static void
shut(struct conn *c)
{
	/* An answer that ends with the connection would look whole after a
	 * plain close. */
	conn_io_close(&c->io, c->aborted && c->until_close && c->answered);
	c->phase = C_CLOSED;
}

/* Says goodbye and lets the client read it: closing with unread input would
 * reset the connection under our answer (RFC 9112 section 9.6). */
static void
linger(struct conn *c)
{
	if (c->io.eof || c->io.broken) {
		shut(c);
		return;
	}
	conn_io_goodbye(&c->io);
	c->phase = C_LINGER;
	c->linger_at = c->now;
	drop_input(c);
}

static void
end_request(struct conn *c)
{
	void *request = c->request;

	c->request = NULL;
	c->service->on_done(request);
}

/* The client has gone, or the service broke the answer off. */
static void
break_off(struct conn *c)
{
	if (c->request && !c->finished && !c->aborted)
		c->service->on_gone(c->request);
	if (c->request)
		end_request(c);
	shut(c);
}

/* The answer is out, whole. */
static void
conclude_exchange(struct conn *c)
{
	bool unread = c->has_body && !c->body_ended;

	end_request(c);
	/* In a drain, an answer whose head was out before has not said that it
	 * is the last; its client may ask again. */
	if (c->close_after || c->io.eof || unread) {
		linger(c);
		return;
	}
	c->phase = C_HEAD;
	c->idle_at = c->now;
}

/* Nothing of a next request is here, nor in the socket, for a while. A client
 * that has just connected, or just read an answer, is about to ask: a drain
 * that closed at once would often cross its request. */
static bool
is_idle(const struct conn *c)
{
	return c->now >= c->idle_at + c->drain_idle_ms &&
	    http1_is_idle(c->reader) && conn_io_silent(&c->io);
}

/* What follows from the state. True: something was done that may call for
 * another round. */
static bool
conclude(struct conn *c)
{
	if (c->phase == C_CLOSED)
		return false;
	if (c->io.broken || c->aborted) {
		break_off(c);
		return false;
	}
	switch (c->phase) {
	case C_HEAD:
		if (c->io.eof || (c->draining && is_idle(c)))
			shut(c);
		return false;
	case C_EXCHANGE:
		if (c->finished && conn_backlog(c) == 0) {
			conclude_exchange(c);
			return true;
		}
		if (c->over && !c->finished &&
		    conn_backlog(c) <= c->limits.send_buffer / 2) {
			c->over = false;
			c->service->on_room(c->request);
			return true;
		}
		return false;
	case C_LAST:
		if (conn_backlog(c) == 0)
			linger(c);
		return false;
	case C_LINGER:
		drop_input(c);
		if (c->io.eof || c->lingered > LINGER_BYTES)
			shut(c);
		return false;
	case C_CLOSED:
		return false;
	}
	abort();
}

/* ---- time ---- */

static int64_t
sooner(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

static int64_t
head_deadline(const struct conn *c)
{
	if (c->head_at)
		return c->head_at + c->limits.head_total_ms;
	return c->idle_at +
	    (c->fresh ? c->limits.head_total_ms : c->limits.keepalive_ms);
}

/* When something is to be done at the latest; 0: never. */
static int64_t
deadline(const struct conn *c)
{
	int64_t at = 0;

	switch (c->phase) {
	case C_HEAD:
		at = head_deadline(c);
		if (!c->trimmed && c->head_at == 0)
			at = sooner(at, c->idle_at + TRIM_MS);
		if (c->draining && c->head_at == 0)
			at = sooner(at, c->idle_at + c->drain_idle_ms);
		return at;
	case C_LINGER:
		return c->linger_at + LINGER_MS;
	case C_EXCHANGE:
		if (c->has_body && c->body_taken && !c->body_ended)
			at = sooner(c->body_at + c->limits.body_total_ms,
			    c->body_heard_at + c->limits.body_idle_ms);
		break;
	case C_LAST:
		break;
	case C_CLOSED:
		return 0;
	}
	/* Progress in sending is looked for in quarters of the limit. */
	if (conn_io_unsent(&c->io) > 0)
		at = sooner(at, sooner(c->io.sent_at + c->limits.send_idle_ms,
		    c->now + c->limits.send_idle_ms / 4 + 1));
	return at;
}

/* The timer is moved only when it would fire too late; firing too early costs
 * one look every few seconds, moving it would cost something per request. */
static void
arm(struct conn *c)
{
	int64_t at = deadline(c), wait;
	struct timeval tv;

	if (at == 0 || (c->timer_at != 0 && c->timer_at <= at))
		return;
	wait = at > c->now ? at - c->now : 0;
	tv.tv_sec = (time_t)(wait / 1000);
	tv.tv_usec = (suseconds_t)(wait % 1000 * 1000);
	if (event_add(&c->timer, &tv) == 0)
		c->timer_at = at;
}

static void
check_body(struct conn *c)
{
	static const struct http1_fault slow =
	    { 408, "the body took too long" };

	if (!c->has_body || !c->body_taken || c->body_ended || c->finished)
		return;
	if (c->now >= c->body_at + c->limits.body_total_ms ||
	    c->now >= c->body_heard_at + c->limits.body_idle_ms)
		body_fault(c, &slow);
}

/* An idle connection should cost little more than its socket. */
static void
trim(struct conn *c)
{
	if (c->trimmed || c->head_at || c->now < c->idle_at + TRIM_MS)
		return;
	http1_trim(c->reader);
	if (c->io.out.len == 0)
		buf_fini(&c->io.out);
	c->trimmed = true;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	static const struct http1_fault slow =
	    { 408, "the request head took too long" };
	struct conn *c = arg;

	(void)fd;
	(void)what;
	enter(c);
	c->timer_at = 0;
	switch (c->phase) {
	case C_HEAD:
		if (c->now < head_deadline(c))
			trim(c);
		else if (c->head_at)
			refuse(c, &slow);
		else
			shut(c);
		break;
	case C_EXCHANGE:
		check_body(c);
		conn_io_check(&c->io, c->now,
		    c->limits.send_idle_ms);
		break;
	case C_LAST:
		conn_io_check(&c->io, c->now,
		    c->limits.send_idle_ms);
		break;
	case C_LINGER:
		if (c->now >= c->linger_at + LINGER_MS)
			shut(c);
		break;
	case C_CLOSED:
		break;
	}
	leave(c);
}

/* ---- what libevent says ---- */

static void
on_readable(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	enter(c);
	c->body_heard_at = c->now;
	leave(c);
}

static void
on_writable(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	enter(c);
	leave(c);
}

/* The client ended its side (fin), or the connection broke. */
static void
leaving(struct conn *c, bool fin)
{
	bool half;

	c->io.eof = true;
	half = c->phase == C_EXCHANGE && (c->finished || (c->minor == 0 &&
	    !c->keep_alive && (!c->has_body || c->body_ended)));
	if (!fin || (c->phase == C_EXCHANGE && !half))
		c->io.broken = true;
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;
	const char *why;

	if (what & BEV_EVENT_CONNECTED)
		return;
	enter(c);
	why = c->phase == C_HEAD && c->fresh ? tls_no_handshake(bev) : NULL;
	if (why && c->service->no_handshake)
		c->service->no_handshake(c->service->arg, c, why);
	leaving(c, what & BEV_EVENT_EOF);
	leave(c);
}

/* A plain socket has something to read. */
static void
on_plain(evutil_socket_t fd, short what, void *arg)
{
	char bytes[READ_BYTES];
	struct conn *c = arg;
	ssize_t n;

	(void)fd;
	(void)what;
	n = conn_io_read(&c->io, bytes, sizeof(bytes));
	if (n < 0)
		return;
	enter(c);
	c->body_heard_at = c->now;
	if (c->io.eof)
		leaving(c, !c->io.broken);
	leave(c);
}

static void
on_kick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	enter(arg);
	leave(arg);
}

static void
destroy(struct conn *c)
{
	event_del(&c->timer);
	event_del(&c->kick);
	http1_free(c->reader);
	if (c->on_free)
		c->on_free(c->arg, c);
	free(c);
}

/* Does all that follows from what was noted. Frees c if it is over. */
static void
settle(struct conn *c)
{
	unsigned rounds = 0;
	bool again = true;

	while (again && c->phase != C_CLOSED && rounds++ < ROUNDS) {
		read_input(c);
		conn_io_flush(&c->io, c->now);
		again = conclude(c);
	}
	if (c->phase == C_CLOSED) {
		destroy(c);
		return;
	}
	conn_io_keep(&c->io);
	conn_io_throttle(&c->io, c->limits.http1.head_bytes);
	arm(c);
	c->depth--;
	if (again)
		later(c);
}

struct conn *
conn_new(struct event_base *base, struct bufferevent *bev,
    const struct conn_limits *limits, const struct conn_service *service,
    const char *peer, void (*on_free)(void *arg, struct conn *conn),
    void *arg)
{
	struct conn *c = xcalloc(1, sizeof(*c));
	size_t len = strlen(peer);

	c->limits = *limits;
	c->service = service;
	c->on_free = on_free;
	c->arg = arg;
	if (len >= sizeof(c->peer))
		len = sizeof(c->peer) - 1;
	memcpy(c->peer, peer, len);
	c->reader = http1_new(&limits->http1);
	c->fresh = c->trimmed = true;
	c->now = c->idle_at = now_ms();
	event_assign(&c->timer, base, -1, 0, on_timer, c);
	event_assign(&c->kick, base, -1, 0, on_kick, c);
	bufferevent_setwatermark(bev, EV_WRITE, limits->send_buffer / 2, 0);
	bufferevent_setcb(bev, on_readable, on_writable, on_event, c);
	conn_io_init(&c->io, base, bev, on_plain, c);
	arm(c);
	return c;
}
