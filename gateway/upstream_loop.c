/* SPDX-License-Identifier: Apache-2.0 */
/* upstream_loop.c - libcurl's multi interface on a libevent loop.
 *
 * libcurl lets go of a socket at the end of each transfer and asks for it
 * again with the next one. Following it to the letter costs two epoll_ctl()
 * per call; so a connection stays registered for reading while it idles and
 * is let go only when it is closed or has something to say. That holds only
 * for connections that stand: these libcurl closes through close_socket().
 * Those that are not yet connected (7.88 closes them by itself) and its
 * resolver's sockets are dropped as soon as it says so: their number may come
 * back as somebody else's socket. */
#include "gateway/upstream_loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct upstream_socket {
	struct upstream_loop *loop;
	struct event read, write;
	bool reading, writing;	/* registered */
	bool wants_read;	/* by libcurl */
	bool ours;		/* made by open_socket() */
};

static void turn(struct upstream_loop *loop, curl_socket_t fd, int what);

uint64_t
upstream_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct upstream_socket *s = arg;

	(void)what;
	if (!s->wants_read) {
		/* Idle or paused. libcurl will ask again, and looks at an idle
		 * connection before it takes it. */
		event_del(&s->read);
		s->reading = false;
		return;
	}
	turn(s->loop, fd, CURL_CSELECT_IN);
}

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	struct upstream_socket *s = arg;

	(void)what;
	turn(s->loop, fd, CURL_CSELECT_OUT);
}

static struct upstream_socket *
find_socket(struct upstream_loop *loop, curl_socket_t fd)
{
	size_t at = (size_t)fd;

	return fd >= 0 && at < loop->sockets_cap ? loop->sockets[at] : NULL;
}

static struct upstream_socket *
make_socket(struct upstream_loop *loop, curl_socket_t fd)
{
	struct upstream_socket *s = xcalloc(1, sizeof(*s));
	size_t old = loop->sockets_cap;

	assert(fd >= 0);
	loop->sockets = xgrow(loop->sockets, &loop->sockets_cap,
	    (size_t)fd + 1, sizeof(s));
	if (loop->sockets_cap > old)
		memset(loop->sockets + old, 0,
		    (loop->sockets_cap - old) * sizeof(s));
	s->loop = loop;
	event_assign(&s->read, loop->base, fd, EV_READ | EV_PERSIST, on_read,
	    s);
	event_assign(&s->write, loop->base, fd, EV_WRITE | EV_PERSIST,
	    on_write, s);
	loop->sockets[fd] = s;
	return s;
}

static void
drop_socket(struct upstream_loop *loop, curl_socket_t fd)
{
	struct upstream_socket *s = find_socket(loop, fd);

	if (!s)
		return;
	if (s->reading)
		event_del(&s->read);
	if (s->writing)
		event_del(&s->write);
	free(s);
	loop->sockets[fd] = NULL;
}

/* CURLMOPT_SOCKETFUNCTION */
static int
watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	struct upstream_loop *loop = arg;
	struct upstream_socket *s = find_socket(loop, fd);
	bool wants_write = what == CURL_POLL_OUT || what == CURL_POLL_INOUT;

	(void)unused;
	if (what == CURL_POLL_REMOVE && !(s && s->ours &&
	    loop->is_connected(easy))) {
		drop_socket(loop, fd);
		return 0;
	}
	if (!s)
		s = make_socket(loop, fd);
	s->wants_read = what == CURL_POLL_IN || what == CURL_POLL_INOUT;
	if (s->wants_read && !s->reading)
		s->reading = event_add(&s->read, NULL) == 0;
	if (wants_write && !s->writing) {
		s->writing = event_add(&s->write, NULL) == 0;
	} else if (!wants_write && s->writing) {
		event_del(&s->write);
		s->writing = false;
	}
	return 0;
}

/* CURLOPT_OPENSOCKETFUNCTION */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct upstream_loop *loop = arg;
	curl_socket_t fd;

	(void)purpose;
	fd = socket(address->family,
	    address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    address->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	drop_socket(loop, fd);
	make_socket(loop, fd)->ours = true;
	return fd;
}

/* CURLOPT_CLOSESOCKETFUNCTION */
static int
close_socket(void *arg, curl_socket_t fd)
{
	struct upstream_loop *loop = arg;

	drop_socket(loop, fd);
	return close(fd);
}

/* The timer is moved forward only: libcurl changes its mind several times a
 * transfer, and a timer that fires too early costs less than moving it. */
static void
arm(struct upstream_loop *loop)
{
	uint64_t now, wait;
	struct timeval tv;

	if (loop->due_ms >= loop->armed_ms)
		return;
	now = upstream_now_ms();
	wait = loop->due_ms > now ? loop->due_ms - now : 0;
	tv.tv_sec = (time_t)(wait / 1000);
	tv.tv_usec = (suseconds_t)(wait % 1000 * 1000);
	if (event_add(&loop->timer, &tv) == 0)
		loop->armed_ms = loop->due_ms;
}

/* CURLMOPT_TIMERFUNCTION */
static int
set_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct upstream_loop *loop = arg;

	(void)multi;
	loop->due_ms = timeout_ms < 0 ? UINT64_MAX :
	    upstream_now_ms() + (uint64_t)timeout_ms;
	return 0;
}

/* One piece of libcurl's work, and what follows from it. */
static void
turn(struct upstream_loop *loop, curl_socket_t fd, int what)
{
	int running;

	assert(!loop->inside);
	loop->inside = true;
	/* A timer is due once. libcurl sets the next one from inside, and says
	 * nothing when there is none: kept, this one would be due for ever. */
	if (fd == CURL_SOCKET_TIMEOUT)
		loop->due_ms = UINT64_MAX;
	(void)curl_multi_socket_action(loop->multi, fd, what, &running);
	loop->inside = false;
	loop->settle(loop->arg);
	arm(loop);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct upstream_loop *loop = arg;

	(void)fd;
	(void)what;
	loop->armed_ms = UINT64_MAX;
	if (loop->due_ms > upstream_now_ms())
		arm(loop);
	else
		turn(loop, CURL_SOCKET_TIMEOUT, 0);
}

static void
on_kick(evutil_socket_t fd, short what, void *arg)
{
	struct upstream_loop *loop = arg;

	(void)fd;
	(void)what;
	loop->settle(loop->arg);
	/* Handles just added are due at once. */
	if (loop->due_ms <= upstream_now_ms())
		turn(loop, CURL_SOCKET_TIMEOUT, 0);
	else
		arm(loop);
}

void
upstream_loop_kick(struct upstream_loop *loop)
{
	event_active(&loop->kick, 0, 0);
}

void
upstream_loop_adopt(struct upstream_loop *loop, CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, loop);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, loop);
}

int
upstream_loop_init(struct upstream_loop *loop, struct event_base *base,
    long max_idle, void (*settle)(void *arg),
    bool (*is_connected)(CURL *easy), void *arg)
{
	memset(loop, 0, sizeof(*loop));
	loop->base = base;
	loop->settle = settle;
	loop->is_connected = is_connected;
	loop->arg = arg;
	loop->due_ms = loop->armed_ms = UINT64_MAX;
	loop->multi = curl_multi_init();
	if (!loop->multi)
		return -1;
	evtimer_assign(&loop->timer, base, on_timer, loop);
	event_assign(&loop->kick, base, -1, 0, on_kick, loop);
	curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, watch);
	curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
	curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop);
	curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, max_idle);
	curl_multi_setopt(loop->multi, CURLMOPT_PIPELINING,
	    (long)CURLPIPE_NOTHING);
	return 0;
}

void
upstream_loop_fini(struct upstream_loop *loop)
{
	size_t i;

	if (!loop->multi)
		return;
	curl_multi_cleanup(loop->multi);
	event_del(&loop->timer);
	event_del(&loop->kick);
	for (i = 0; i < loop->sockets_cap; i++)
		assert(!loop->sockets[i]);	/* all were closed by us */
	free(loop->sockets);
}
