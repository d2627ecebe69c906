/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/conn_io.h - the bytes of one connection, plain or TLS.
 *
 * Private to conn.c. Plain sockets are read and written straight, which is
 * worth five system calls an exchange: a bufferevent asks how much there is,
 * reads at most 4 KiB a turn, and arms and disarms its write event for every
 * answer. Output is gathered in `out` and written once per turn. What the
 * socket does not take, and all of TLS, goes through the bufferevent. */
#ifndef GATEWAY_CONN_IO_H
#define GATEWAY_CONN_IO_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/ssl.h>

#include "gateway/buf.h"

struct bufferevent;

struct conn_io {
	struct bufferevent *bev;
	SSL *ssl;		/* the bufferevent's; NULL: plain */
	int fd;
	bool eof;		/* the client ended its side */
	bool broken;		/* nothing can be written any more */
	bool reading;
	struct buf out;		/* to be written by conn_io_flush() */
	struct buf in;		/* plain: what nobody wanted yet */
	struct mg_span just_read;	/* plain: in the caller's array */
	int64_t sent_at;	/* the client last took something, ms */
	uint64_t queued, taken;	/* bytes given to and left the bufferevent */
	struct event readable;	/* plain */
};

/* Starts reading. on_plain is called when a plain socket is readable; of TLS
 * the bufferevent's callbacks tell. */
void conn_io_init(struct conn_io *io, struct event_base *base,
    struct bufferevent *bev, event_callback_fn on_plain, void *arg);
/* Closes the socket; reset: so that the client sees a broken connection. */
void conn_io_close(struct conn_io *io, bool reset);

/* Reads a plain socket into an array that must live until conn_io_keep().
 * -1: there was nothing after all. Sets eof, and broken, at the end. */
int conn_io_read(struct conn_io *io, char *bytes, size_t size);
/* Bytes that were read and not drained. */
size_t conn_io_waiting(const struct conn_io *io);
/* The first of them that lie together. */
struct mg_span conn_io_input(const struct conn_io *io);
/* Drops n of what conn_io_input() gave. */
void conn_io_drain(struct conn_io *io, size_t n);
/* Takes what is left over out of the caller's array. */
void conn_io_keep(struct conn_io *io);
/* Reads on only while less than cap bytes wait. */
void conn_io_throttle(struct conn_io *io, size_t cap);
/* Nothing waits, here or in the kernel. */
bool conn_io_silent(const struct conn_io *io);

/* Hands `out` on. Sets broken when the client is gone. */
void conn_io_flush(struct conn_io *io, int64_t now_ms);
/* Bytes that the socket did not take yet. */
size_t conn_io_unsent(const struct conn_io *io);
/* Sets broken when the client took nothing for idle_ms. */
void conn_io_check(struct conn_io *io, int64_t now_ms, uint32_t idle_ms);
/* Ends our side: close_notify and FIN. */
void conn_io_goodbye(struct conn_io *io);

#endif
