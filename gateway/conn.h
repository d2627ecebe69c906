/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/conn.h - one client connection: bytes in, requests out, one answer
 * at a time.
 *
 * A conn owns the socket, framing both ways, the timers and caps of everything
 * a client can stretch. What a request means is its service's business: the
 * gateway's exchange, the admin pages and the built-in backend are services on
 * the same conn. All calls are made on the worker's thread.
 *
 * Order of a request's calls: on_head, on_body…, then on_end or on_fault, and
 * on_done last, exactly once for every on_head. Every conn_ function may be
 * called inside any of them: it only notes what is wanted, and no service
 * function is ever called from inside a conn_ function. After conn_finish()
 * or conn_abort() only on_done follows.
 *
 * Pipelined requests are answered one after the other: the next head is read
 * after on_done. An answer that is begun before its request's body was read
 * to the end carries "Connection: close": the rest is never parsed.
 *
 * A client that ends its side (FIN) while its answer is not finished has left:
 * on_gone comes at once, since every SDK that gives a request up looks just so
 * on the wire. The exception is a whole HTTP/1.0 request without keep-alive:
 * tools that say so (printf | nc -N) close their side and then wait; their
 * leaving is seen when writing to them fails. Once conn_finish() was called,
 * a FIN does not stop what is still on its way out.
 *
 * The process must ignore SIGPIPE. */
#ifndef GATEWAY_CONN_H
#define GATEWAY_CONN_H

#include "gateway/http1.h"

#define CONN_ID 48		/* of an answer to a refused head, with NUL */

struct bufferevent;
struct event_base;
struct conn;

struct conn_limits {
	struct http1_limits http1;
	uint32_t head_total_ms;		/* whole head, from its first byte */
	uint32_t body_idle_ms;
	uint32_t body_total_ms;
	uint32_t send_idle_ms;
	uint32_t send_buffer;		/* bytes; see on_room */
	uint32_t keepalive_ms;
};

/* Who answers. Every function gets what on_head returned. */
struct conn_service {
	/* A request head has come. Returns the request's own object, never
	 * NULL. May already answer. Spans of head die when it returns. */
	void *(*on_head)(void *arg, struct conn *conn,
	    const struct http1_head *head);
	/* Body bytes, after conn_take_body(); framing is taken off. */
	void (*on_body)(void *request, struct mg_span bytes);
	/* The request is whole. Also called without a body; right after
	 * on_head then, and conn_take_body() is not needed. */
	void (*on_end)(void *request);
	/* The body cannot be had: framing broken, too large, too slow. The
	 * request should answer fault->status, or abort if it has begun
	 * another answer; the conn closes after it. */
	void (*on_fault)(void *request, const struct http1_fault *fault);
	/* The client's queue is below half of send_buffer again. */
	void (*on_room)(void *request);
	/* The connection has broken, or the client has left, before the
	 * answer was finished. Nothing more may be sent. */
	void (*on_gone)(void *request);
	/* The last call: the answer is handed to the socket whole, or the
	 * connection is gone. The request drops its conn here. */
	void (*on_done)(void *request);
	/* A connection's head could not be read at all (on_head was never
	 * called): the conn answers by itself. Appends the body, JSON, and may
	 * fill id ("" when called), which is sent as x-request-id. */
	void (*refuse_body)(void *arg, struct conn *conn,
	    const struct http1_fault *fault, struct buf *body,
	    char id[CONN_ID]);
	/* A TLS handshake came to nothing: why is a static text. Nobody was
	 * told of the connection. NULL: not wanted. */
	void (*no_handshake)(void *arg, struct conn *conn, const char *why);
	void *arg;
};

/* Takes over bev (a non-blocking connected socket's, plain or OpenSSL, made
 * with BEV_OPT_CLOSE_ON_FREE and without deferred callbacks). limits and peer, a
 * printable address, are copied; service must outlive the conn. The conn frees
 * itself; on_free (may be NULL) is called last. */
struct conn *conn_new(struct event_base *base, struct bufferevent *bev,
    const struct conn_limits *limits, const struct conn_service *service,
    const char *peer, void (*on_free)(void *arg, struct conn *conn),
    void *arg);

/* The request agrees to take its body now: sends 100 Continue if the client
 * waits for it. max_bytes lowers the cap (0: as configured). Without this call
 * before on_head returns, or later, no body byte is read. */
void conn_take_body(struct conn *conn, uint64_t max_bytes);

/* Begins an answer. fields are copied; none may be a framing or hop-by-hop
 * field (Content-Length, Transfer-Encoding, Connection, Date are the conn's).
 * length: of the body, or -1 when it is not known: chunked, or for HTTP/1.0 up
 * to the end of the connection. */
void conn_answer(struct conn *conn, int status,
    const struct http1_field *fields, size_t n_fields, int64_t length);
/* Adds body bytes (copied). One call is one chunk; what one turn of the loop
 * adds leaves in one write. Bytes beyond an announced length are dropped and
 * the connection closes, an answer that falls short of it is aborted. */
void conn_send(struct conn *conn, struct mg_span bytes);
/* The answer is complete: the final chunk goes out. */
void conn_finish(struct conn *conn);
/* Breaks the answer visibly: no final chunk, connection closed at once. Right
 * in every state; on_done follows. */
void conn_abort(struct conn *conn);
/* After the answer at hand no other request is taken. */
void conn_close_after(struct conn *conn);

/* Bytes of answer that the client's socket has not taken yet. When it was
 * above send_buffer, on_room says when it is below half of that. */
size_t conn_backlog(const struct conn *conn);
/* It was, and on_room is still to come: the moment to pause. (Not to be read
 * off conn_backlog(): send_buffer is the conn's own, and may differ from what a
 * reload has put in force since.) */
bool conn_is_full(const struct conn *conn);
const char *conn_peer(const struct conn *conn);
bool conn_answer_begun(const struct conn *conn);
/* Bytes of body sent in the answer at hand. */
uint64_t conn_bytes_out(const struct conn *conn);
/* For a drain: closes after an answer that says so, or once it has been idle for
 * idle_ms: a client that has just connected or just read an answer may be about
 * to ask; a request that comes in the meantime is answered. */
void conn_drain(struct conn *conn, uint32_t idle_ms);

#endif
