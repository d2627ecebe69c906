/* SPDX-License-Identifier: Apache-2.0 */
/* conn.c - one client connection.
 *
 * Callbacks of libevent, and the conn_ functions that a service calls, only
 * note what happened. settle() then does what follows from it, in one place
 * and in one order: read, write, tell the service, and again until nothing is
 * left to do. So a service may call anything from anywhere, and the connection
 * is freed where nobody stands on it.
 *
 * Plain sockets are read and written straight, which is worth five system calls
 * an exchange: a bufferevent asks how much there is, reads at most 4 KiB a
 * turn, and arms and disarms its write event for every answer. Output is
 * gathered in `out` and written once per turn. What the socket does not take,
 * and all of TLS, goes through the bufferevent. */
#include "gateway/conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#define LINGER_MS 1000		/* a refused client may read our answer */
#define LINGER_BYTES 65536	/* and go on sending that much */
#define ROUNDS 16		/* of settle() before others have their turn */
#define READ_BYTES 65536	/* at a time, from a plain socket */
#define OUT_KEEP 8192		/* memory of `out` kept between answers */

enum phase {
	C_HEAD,			/* between requests, or a head is coming */
	C_EXCHANGE,		/* a request is at its service */
	C_LAST,			/* our own answer to a bad head goes out */
	C_LINGER,		/* we said goodbye; what comes is dropped */
	C_CLOSED,
};

struct conn {
	struct bufferevent *bev;
	SSL *ssl;			/* NULL: plain */
	int fd;
	const struct conn_service *service;
	void (*on_free)(void *arg, struct conn *conn);
	void *arg;
	struct conn_limits limits;
	struct http1 *reader;
	struct buf out;
	/* Input of a plain socket: what nobody wanted yet, and, only while
	 * on_plain() runs, what it has just read. */
	struct buf in;
	struct mg_span just_read;
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
	bool eof;			/* the client ended its side */
	bool reading;			/* the socket is read */
	bool broken;			/* nothing can be written any more */
	uint64_t lingered;		/* bytes dropped */

	/* Milliseconds of a monotonic clock. 0: not running. */
	int64_t now;
	int64_t head_at, idle_at;	/* first byte; last exchange's end */
	int64_t body_at, body_heard_at;
	int64_t sent_at;		/* the client last took something */
	int64_t linger_at;
	uint64_t queued, taken;		/* bytes through the bufferevent */
	bool fresh;			/* no request yet */
	int64_t timer_at;		/* when the timer fires */
	struct event timer;
	struct event kick;		/* settle soon */
	struct event readable;		/* plain sockets only */
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

static struct evbuffer *
output(const struct conn *c)
{
	return bufferevent_get_output(c->bev);
}

size_t
conn_backlog(const struct conn *c)
{
	if (c->phase == C_CLOSED)
		return 0;
	return c->out.len + evbuffer_get_length(output(c));
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

	assert(c->phase == C_EXCHANGE);
	if (c->body_taken || c->finished || c->aborted)
		return;
	c->body_taken = true;
	c->body_at = c->body_heard_at = now_ms();
	if (max_bytes > 0 && max_bytes < c->limits.http1.body_bytes)
		http1_limit_body(c->reader, max_bytes);
	c->want_continue = c->has_body && !c->body_ended && !c->answered &&
	    head->expect_continue;
	later(c);
}

void
conn_answer(struct conn *c, int status, const struct http1_field *fields,
    size_t n_fields, int64_t length)
{
	if (c->aborted || c->broken)
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
	http1_add_head(&c->out, status, fields, n_fields);
	if (status != 204 && length >= 0) {
		buf_add(&c->out, "Content-Length: ", 16);
		http1_add_u64(&c->out, (uint64_t)length);
		buf_add(&c->out, "\r\n", 2);
	} else if (status != 204 && status != 304 && c->minor > 0) {
		buf_add(&c->out, "Transfer-Encoding: chunked\r\n", 28);
	}
	if (c->close_after)
		buf_add(&c->out, "Connection: close\r\n", 19);
	else if (c->minor == 0)
		buf_add(&c->out, "Connection: keep-alive\r\n", 24);
	buf_add(&c->out, "\r\n", 2);
	later(c);
}

void
conn_send(struct conn *c, struct mg_span bytes)
{
	if (c->aborted || c->broken || c->finished || bytes.len == 0)
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
		buf_reserve(&c->out, bytes.len + 20);
		http1_add_hex(&c->out, bytes.len);
		buf_add(&c->out, "\r\n", 2);
	}
	buf_add_span(&c->out, bytes);
	if (c->chunked)
		buf_add(&c->out, "\r\n", 2);
	c->bytes_out += bytes.len;
	if (conn_backlog(c) > c->limits.send_buffer)
		c->over = true;
	later(c);
}

void
conn_finish(struct conn *c)
{
	if (c->aborted || c->broken || c->finished)
		return;
	assert(c->answered);
	if (c->left > 0 && !c->bodyless) {
		conn_abort(c);
		return;
	}
	if (c->chunked)
		buf_add(&c->out, "0\r\n\r\n", 5);
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
conn_drain(struct conn *c)
{
	c->draining = true;
	later(c);
}

/* ---- writing ---- */

/* Hands `out` on: to the socket while it takes it, else to the bufferevent. */
static void
flush(struct conn *c)
{
	size_t done = 0;
	ssize_t n;

	if (c->broken)
		buf_clear(&c->out);
	if (c->out.len == 0)
		return;
	if (!c->ssl && evbuffer_get_length(output(c)) == 0) {
		do
			n = send(c->fd, c->out.ptr, c->out.len,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
		while (n < 0 && errno == EINTR);
		if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
			c->broken = true;
		done = n > 0 ? (size_t)n : 0;
	}
	if (!c->broken && done < c->out.len) {
		if (evbuffer_get_length(output(c)) == 0) {
			c->sent_at = c->now;
			c->taken = c->queued;
		}
		c->queued += c->out.len - done;
		if (bufferevent_write(c->bev, c->out.ptr + done,
		    c->out.len - done) != 0)
			c->broken = true;
	}
	buf_clear(&c->out);
	if (c->out.cap > OUT_KEEP)
		buf_fini(&c->out);
}

/* Our own answer to what never became a request. */
static void
refuse(struct conn *c, const struct http1_fault *fault)
{
	static const struct http1_field type =
	    { { "Content-Type", 12 }, { "application/json", 16 } };
	struct buf body = { 0 };

	if (c->service->refuse_body)
		c->service->refuse_body(c->service->arg, fault, &body);
	http1_add_head(&c->out, fault->status, &type, body.len > 0);
	buf_add_str(&c->out, "Content-Length: ");
	http1_add_u64(&c->out, body.len);
	buf_add_str(&c->out, "\r\nConnection: close\r\n\r\n");
	buf_add_span(&c->out, buf_span(&body));
	buf_fini(&body);
	c->phase = C_LAST;
}

/* ---- reading ---- */

static void
got_head(struct conn *c)
{
	const struct http1_head *head = http1_head(c->reader);

	c->phase = C_EXCHANGE;
	c->fresh = false;
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
		return !c->eof && !c->broken;
	case C_EXCHANGE:
		if (c->body_ended || c->broken || c->aborted)
			return false;
		return !c->has_body || (c->body_taken && !c->finished);
	case C_LAST:
	case C_LINGER:
	case C_CLOSED:
		return false;
	}
	abort();
}

static size_t
input_len(const struct conn *c)
{
	if (c->ssl)
		return evbuffer_get_length(bufferevent_get_input(c->bev));
	return c->in.len + c->just_read.len;
}

/* The first bytes of the input that lie together. */
static struct mg_span
input(const struct conn *c)
{
	struct evbuffer_iovec vec;

	if (!c->ssl)
		return c->in.len ? buf_span(&c->in) : c->just_read;
	if (evbuffer_peek(bufferevent_get_input(c->bev), -1, NULL, &vec, 1)
	    < 1)
		return span(NULL, 0);
	return span(vec.iov_base, vec.iov_len);
}

/* n: at most what input() gave. */
static void
drain(struct conn *c, size_t n)
{
	if (c->ssl) {
		evbuffer_drain(bufferevent_get_input(c->bev), n);
	} else if (c->in.len > 0) {
		buf_drop(&c->in, n);
	} else if (n > 0) {
		c->just_read.ptr += n;
		c->just_read.len -= n;
	}
}

/* Feeds the reader with what has come, as far as somebody wants it. */
static void
read_input(struct conn *c)
{
	enum http1_event event;
	struct mg_span in;
	size_t had;

	while (wants_input(c)) {
		in = input(c);
		had = in.len;
		do {
			event = http1_next(c->reader, &in);
			got(c, event);
		} while (event != HTTP1_MORE && wants_input(c));
		drain(c, had - in.len);
		if (event == HTTP1_MORE && input_len(c) == 0)
			break;
	}
	if (c->phase == C_HEAD && http1_is_idle(c->reader))
		c->head_at = 0;
	else if (c->phase == C_HEAD && c->head_at == 0)
		c->head_at = c->now;
	if (c->want_continue) {
		if (wants_input(c) && !c->answered)
			buf_add_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
		c->want_continue = false;
	}
}

static void
drop_input(struct conn *c)
{
	c->lingered += input_len(c);
	while (input_len(c) > 0)
		drain(c, input(c).len);
}

/* ---- endings ---- */

/* Closes the socket. The conn itself goes at the end of settle(). */
static void
shut(struct conn *c)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	/* An answer that ends with the connection would look whole after a
	 * plain close. */
	if (c->aborted && c->until_close && c->answered)
		(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset,
		    sizeof(reset));
	if (!c->ssl)
		event_del(&c->readable);
	bufferevent_setcb(c->bev, NULL, NULL, NULL, NULL);
	bufferevent_free(c->bev);
	c->bev = NULL;
	c->phase = C_CLOSED;
}

/* Says goodbye and lets the client read it: closing with unread input would
 * reset the connection under our answer (RFC 9112 section 9.6). */
static void
linger(struct conn *c)
{
	if (c->eof || c->broken) {
		shut(c);
		return;
	}
	if (c->ssl) {
		(void)SSL_shutdown(c->ssl);
		/* What it may have to say would confuse the next call. */
		ERR_clear_error();
	}
	(void)shutdown(c->fd, SHUT_WR);
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
	if (c->close_after || c->draining || c->eof || unread) {
		linger(c);
		return;
	}
	c->phase = C_HEAD;
	c->idle_at = c->now;
}

/* Nothing of a next request is here, nor in the socket. */
static bool
is_idle(const struct conn *c)
{
	int waiting = 0;

	if (!http1_is_idle(c->reader) || input_len(c) > 0)
		return false;
	return ioctl(c->fd, FIONREAD, &waiting) != 0 || waiting == 0;
}

/* What follows from the state. True: something was done that may call for
 * another round. */
static bool
conclude(struct conn *c)
{
	if (c->phase == C_CLOSED)
		return false;
	if (c->broken || c->aborted) {
		break_off(c);
		return false;
	}
	switch (c->phase) {
	case C_HEAD:
		if (c->eof || (c->draining && is_idle(c)))
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
		if (c->eof || c->lingered > LINGER_BYTES)
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
		return head_deadline(c);
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
	if (evbuffer_get_length(output(c)) > 0)
		at = sooner(at, sooner(c->sent_at + c->limits.send_idle_ms,
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
check_sending(struct conn *c)
{
	size_t pending = evbuffer_get_length(output(c));

	if (pending == 0)
		return;
	if (c->queued - pending != c->taken) {
		c->taken = c->queued - pending;
		c->sent_at = c->now;
	} else if (c->now >= c->sent_at + c->limits.send_idle_ms) {
		c->broken = true;
	}
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
			http1_trim(c->reader);
		else if (c->head_at)
			refuse(c, &slow);
		else
			shut(c);
		break;
	case C_EXCHANGE:
		check_body(c);
		check_sending(c);
		break;
	case C_LAST:
		check_sending(c);
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

	c->eof = true;
	half = c->phase == C_EXCHANGE && (c->finished || (c->minor == 0 &&
	    !c->keep_alive && (!c->has_body || c->body_ended)));
	if (!fin || (c->phase == C_EXCHANGE && !half))
		c->broken = true;
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	if (what & BEV_EVENT_CONNECTED)
		return;
	enter(c);
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

	(void)what;
	n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK ||
	    errno == EINTR))
		return;
	enter(c);
	c->body_heard_at = c->now;
	if (n <= 0) {
		event_del(&c->readable);
		leaving(c, n == 0);
	} else if (c->in.len > 0) {
		buf_add(&c->in, bytes, (size_t)n);
	} else {
		c->just_read = span(bytes, (size_t)n);
	}
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

/* Input that nobody wants yet is kept up to a head's size; what is beyond waits
 * in the kernel, and the client with it. (A high watermark of the bufferevent
 * would call on_readable in a loop as long as it is reached.) */
static void
throttle(struct conn *c)
{
	bool read = input_len(c) < c->limits.http1.head_bytes;

	if (read == c->reading || c->eof)
		return;
	c->reading = read;
	if (c->ssl && read)
		bufferevent_enable(c->bev, EV_READ);
	else if (c->ssl)
		bufferevent_disable(c->bev, EV_READ);
	else if (read)
		event_add(&c->readable, NULL);
	else
		event_del(&c->readable);
}

/* What was read and not wanted outlives the buffer it was read to. */
static void
keep_input(struct conn *c)
{
	if (c->just_read.len > 0)
		buf_add_span(&c->in, c->just_read);
	else if (c->in.len == 0 && c->in.cap > 0)
		buf_fini(&c->in);
	c->just_read = span(NULL, 0);
}

static void
destroy(struct conn *c)
{
	event_del(&c->timer);
	event_del(&c->kick);
	http1_free(c->reader);
	buf_fini(&c->out);
	buf_fini(&c->in);
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
		flush(c);
		again = conclude(c);
	}
	if (c->phase == C_CLOSED) {
		destroy(c);
		return;
	}
	keep_input(c);
	throttle(c);
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

	c->bev = bev;
	c->ssl = bufferevent_openssl_get_ssl(bev);
	c->fd = bufferevent_getfd(bev);
	assert(c->fd >= 0);
	c->limits = *limits;
	c->service = service;
	c->on_free = on_free;
	c->arg = arg;
	if (len >= sizeof(c->peer))
		len = sizeof(c->peer) - 1;
	memcpy(c->peer, peer, len);
	c->reader = http1_new(&limits->http1);
	c->fresh = true;
	c->now = c->idle_at = now_ms();
	event_assign(&c->timer, base, -1, 0, on_timer, c);
	event_assign(&c->kick, base, -1, 0, on_kick, c);
	bufferevent_setcb(bev, on_readable, on_writable, on_event, c);
	bufferevent_setwatermark(bev, EV_WRITE, limits->send_buffer / 2, 0);
	c->reading = true;
	bufferevent_enable(bev, EV_WRITE);
	if (c->ssl) {
		bufferevent_enable(bev, EV_READ);
	} else {
		event_assign(&c->readable, base, c->fd, EV_READ | EV_PERSIST,
		    on_plain, c);
		event_add(&c->readable, NULL);
	}
	arm(c);
	return c;
}
