/* SPDX-License-Identifier: Apache-2.0 */
/* admin_port.c - the admin address: its listener and its conns. */
#include "gateway/admin/admin_port.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "gateway/admin/admin.h"
#include "gateway/log.h"
#include "gateway/tls.h"

/* Small: nobody sends more than a line here. */
static const struct conn_limits limits = {
	.http1 = { .line_bytes = 4096, .head_bytes = 16384,
	    .head_count = 64, .body_bytes = 16384 },
	.head_total_ms = 5000, .body_idle_ms = 5000, .body_total_ms = 5000,
	.send_idle_ms = 10000, .send_buffer = 1u << 20,
	.keepalive_ms = 30000,
};

struct admin_conn {
	struct admin_conn *next, *prev;
	struct admin_port *port;
	struct conn *conn;
};

struct admin_port {
	struct gateway *gateway;
	struct event_base *base;
	struct evconnlistener *listener;	/* NULL: left */
	struct event *again;			/* after an error */
	struct conn_service service;
	struct admin_conn *conns;
	unsigned n;
};

static void
on_free(void *arg, struct conn *conn)
{
	struct admin_conn *ac = arg;

	(void)conn;
	if (ac->prev)
		ac->prev->next = ac->next;
	else
		ac->port->conns = ac->next;
	if (ac->next)
		ac->next->prev = ac->prev;
	ac->port->n--;
	free(ac);
}

static struct bufferevent *
accept_fd(struct admin_port *port, int fd)
{
	struct live *live = gateway_live(port->gateway);
	struct bufferevent *bev = live->admin_tls ?
	    tls_accept(live->admin_tls, port->base, fd) :
	    bufferevent_socket_new(port->base, fd, BEV_OPT_CLOSE_ON_FREE);

	live_unref(&live);
	return bev;
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *address, int len, void *arg)
{
	struct admin_port *port = arg;
	struct bufferevent *bev = port->n < ADMIN_CONNS ?
	    accept_fd(port, fd) : NULL;
	struct admin_conn *ac;

	(void)listener;
	(void)address;
	(void)len;
	if (!bev) {
		close(fd);
		return;
	}
	ac = xcalloc(1, sizeof(*ac));
	ac->port = port;
	ac->next = port->conns;
	if (port->conns)
		port->conns->prev = ac;
	port->conns = ac;
	port->n++;
	ac->conn = conn_new(port->base, bev, &limits, &port->service, "admin",
	    on_free, ac);
}

/* Out of descriptors: the queue waits in the kernel for a second. */
static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct timeval second = { 1, 0 };
	struct admin_port *port = arg;

	log_error("admin: accept: %s", strerror(errno));
	(void)evconnlistener_disable(listener);
	(void)event_add(port->again, &second);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct admin_port *port = arg;

	(void)fd;
	(void)what;
	if (port->listener)
		(void)evconnlistener_enable(port->listener);
}

struct admin_port *
admin_port_new(struct gateway *gateway, struct event_base *base, int fd,
    struct mg_error *err)
{
	struct admin_port *port = xcalloc(1, sizeof(*port));

	port->gateway = gateway;
	port->base = base;
	admin_service(gateway, &port->service);
	port->again = evtimer_new(base, on_again, port);
	port->listener = port->again ? evconnlistener_new(base, on_accept,
	    port, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd) : NULL;
	if (!port->listener) {
		(void)mg_fail(err, NULL, "admin: cannot listen: %s",
		    strerror(errno));
		close(fd);
		admin_port_free(port);
		return NULL;
	}
	evconnlistener_set_error_cb(port->listener, on_accept_error);
	return port;
}

void
admin_port_leave(struct admin_port *port)
{
	struct admin_conn *ac;

	if (port->listener)
		evconnlistener_free(port->listener);
	port->listener = NULL;
	for (ac = port->conns; ac; ac = ac->next)
		conn_drain(ac->conn, 0);
}

void
admin_port_free(struct admin_port *port)
{
	struct admin_conn *ac;
	unsigned turns;

	if (!port)
		return;
	admin_port_leave(port);
	for (ac = port->conns; ac; ac = ac->next)
		conn_abort(ac->conn);
	/* A conn ends on its loop. */
	for (turns = 0; port->conns && turns < 16; turns++)
		(void)event_base_loop(port->base, EVLOOP_NONBLOCK);
	if (port->again)
		event_free(port->again);
	free(port);
}
