/* SPDX-License-Identifier: Apache-2.0 */
/* conn_io.c - the bytes of one connection, plain or TLS. */
#include "gateway/conn_io.h"

#include <assert.h>
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>

#define OUT_KEEP 8192		/* memory of `out` kept between writes */

void
conn_io_init(struct conn_io *io, struct event_base *base,
    struct bufferevent *bev, event_callback_fn on_plain, void *arg)
{
	io->bev = bev;
	io->ssl = bufferevent_openssl_get_ssl(bev);
	io->fd = bufferevent_getfd(bev);
	assert(io->fd >= 0);
	io->reading = true;
	bufferevent_enable(bev, EV_WRITE);
	if (io->ssl) {
		bufferevent_enable(bev, EV_READ);
	} else {
		event_assign(&io->readable, base, io->fd,
		    EV_READ | EV_PERSIST, on_plain, arg);
		event_add(&io->readable, NULL);
	}
}

void
conn_io_close(struct conn_io *io, bool reset)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	if (reset)
		(void)setsockopt(io->fd, SOL_SOCKET, SO_LINGER, &at_once,
		    sizeof(at_once));
	if (!io->ssl)
		event_del(&io->readable);
	bufferevent_setcb(io->bev, NULL, NULL, NULL, NULL);
	bufferevent_free(io->bev);
	io->bev = NULL;
	buf_fini(&io->out);
	buf_fini(&io->in);
	io->just_read = span(NULL, 0);
}

/* ---- reading ---- */

int
conn_io_read(struct conn_io *io, char *bytes, size_t size)
{
	ssize_t n = recv(io->fd, bytes, size, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK ||
	    errno == EINTR))
		return -1;
	if (n <= 0) {
		/* It would be called readable for ever. */
		event_del(&io->readable);
		io->eof = true;
		io->broken = io->broken || n < 0;
	} else if (io->in.len > 0) {
		buf_add(&io->in, bytes, (size_t)n);
	} else {
		io->just_read = span(bytes, (size_t)n);
	}
	return 0;
}

size_t
conn_io_waiting(const struct conn_io *io)
{
	if (io->ssl)
		return evbuffer_get_length(bufferevent_get_input(io->bev));
	return io->in.len + io->just_read.len;
}

struct mg_span
conn_io_input(const struct conn_io *io)
{
	struct evbuffer_iovec vec;

	if (!io->ssl)
		return io->in.len ? buf_span(&io->in) : io->just_read;
	if (evbuffer_peek(bufferevent_get_input(io->bev), -1, NULL, &vec, 1)
	    < 1)
		return span(NULL, 0);
	return span(vec.iov_base, vec.iov_len);
}

void
conn_io_drain(struct conn_io *io, size_t n)
{
	if (io->ssl) {
		evbuffer_drain(bufferevent_get_input(io->bev), n);
	} else if (io->in.len > 0) {
		buf_drop(&io->in, n);
	} else if (n > 0) {
		io->just_read.ptr += n;
		io->just_read.len -= n;
	}
}

void
conn_io_keep(struct conn_io *io)
{
	if (io->just_read.len > 0)
		buf_add_span(&io->in, io->just_read);
	else if (io->in.len == 0 && io->in.cap > 0)
		buf_fini(&io->in);
	io->just_read = span(NULL, 0);
}

/* A high watermark of the bufferevent would not do: as long as it is reached,
 * libevent 2.1 calls the read callback in a loop. */
void
conn_io_throttle(struct conn_io *io, size_t cap)
{
	bool read = conn_io_waiting(io) < cap;

	if (read == io->reading || io->eof)
		return;
	io->reading = read;
	if (io->ssl && read)
		bufferevent_enable(io->bev, EV_READ);
	else if (io->ssl)
		bufferevent_disable(io->bev, EV_READ);
	else if (read)
		event_add(&io->readable, NULL);
	else
		event_del(&io->readable);
}

bool
conn_io_silent(const struct conn_io *io)
{
	int waiting = 0;

	if (conn_io_waiting(io) > 0)
		return false;
	return ioctl(io->fd, FIONREAD, &waiting) != 0 || waiting == 0;
}

/* ---- writing ---- */

size_t
conn_io_unsent(const struct conn_io *io)
{
	return evbuffer_get_length(bufferevent_get_output(io->bev));
}

/* Leaves the rest to the bufferevent, which waits for the socket. */
static void
queue(struct conn_io *io, const char *ptr, size_t len, int64_t now_ms)
{
	if (conn_io_unsent(io) == 0) {
		io->sent_at = now_ms;
		io->taken = io->queued;
	}
	io->queued += len;
	if (bufferevent_write(io->bev, ptr, len) != 0)
		io->broken = true;
}

void
conn_io_flush(struct conn_io *io, int64_t now_ms)
{
	size_t done = 0;
	ssize_t n;

	if (io->broken)
		buf_clear(&io->out);
	if (io->out.len == 0)
		return;
	if (!io->ssl && conn_io_unsent(io) == 0) {
		do
			n = send(io->fd, io->out.ptr, io->out.len,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
		while (n < 0 && errno == EINTR);
		if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
			io->broken = true;
		done = n > 0 ? (size_t)n : 0;
	}
	if (!io->broken && done < io->out.len)
		queue(io, io->out.ptr + done, io->out.len - done, now_ms);
	buf_clear(&io->out);
	if (io->out.cap > OUT_KEEP)
		buf_fini(&io->out);
}

void
conn_io_check(struct conn_io *io, int64_t now_ms, uint32_t idle_ms)
{
	size_t pending = conn_io_unsent(io);

	if (pending == 0)
		return;
	if (io->queued - pending != io->taken) {
		io->taken = io->queued - pending;
		io->sent_at = now_ms;
	} else if (now_ms >= io->sent_at + idle_ms) {
		io->broken = true;
	}
}

void
conn_io_goodbye(struct conn_io *io)
{
	if (io->ssl) {
		(void)SSL_shutdown(io->ssl);
		/* What it may have to say would confuse the next call. */
		ERR_clear_error();
	}
	(void)shutdown(io->fd, SHUT_WR);
}
