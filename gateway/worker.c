/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c - one thread, one event loop, its listeners and conns.
 *
 * The loop has no locks: other threads reach it through an eventfd and a few
 * flags. Nothing here blocks. */
#include "gateway/worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "gateway/exchange.h"
#include "gateway/log.h"
#include "gateway/tls.h"

struct worker_listener {
	struct evconnlistener *listener;
	struct worker *worker;
	char *host;
	uint16_t port;
	struct tls *tls;		/* NULL: plain */
};

struct worker_conn {
	struct worker_conn *next, *prev;
	struct worker *worker;
	struct conn *conn;
	uint64_t token;			/* of the door */
};

static struct conn_limits
limits_of(const struct config *config)
{
	const struct config_client *c = &config->client;

	return (struct conn_limits){
		.http1 = { c->line_bytes, c->head_bytes, c->head_count,
		    c->body_bytes },
		.head_total_ms = c->head_total_ms,
		.body_idle_ms = c->body_idle_ms,
		.body_total_ms = c->body_total_ms,
		.send_idle_ms = c->send_idle_ms,
		.send_buffer = c->send_buffer,
		.keepalive_ms = c->keepalive_ms,
	};
}

static void
on_conn_free(void *arg, struct conn *conn)
{
	struct worker_conn *wc = arg;

	(void)conn;
	door_leave(wc->worker->gateway->door, wc->token);
	if (wc->prev)
		wc->prev->next = wc->next;
	else
		wc->worker->conns = wc->next;
	if (wc->next)
		wc->next->prev = wc->prev;
	free(wc);
}

static void
address_text(const struct sockaddr *address, char out[64])
{
	const void *p = address->sa_family == AF_INET6 ?
	    (const void *)&((const struct sockaddr_in6 *)(const void *)
	    address)->sin6_addr : (const void *)&((const struct sockaddr_in *)
	    (const void *)address)->sin_addr;

	if (!inet_ntop(address->sa_family, p, out, 64))
		memcpy(out, "unknown", 8);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *address, int len, void *arg)
{
	struct worker_listener *l = arg;
	struct worker *w = l->worker;
	const struct config_client *client = &w->live->config->client;
	struct conn_limits limits = limits_of(w->live->config);
	struct bufferevent *bev;
	struct worker_conn *wc;
	char peer[64];
	uint64_t token;
	int on = 1;

	(void)listener;
	(void)len;
	if (!door_enter(w->gateway->door, address, client->connections_all,
	    client->connections_per_address, &token)) {
		metric_add(&w->metrics, METRIC_connections_refused, 1);
		close(fd);
		return;
	}
	metric_add(&w->metrics, METRIC_connections, 1);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	bev = l->tls ? tls_accept(l->tls, w->base, fd) :
	    bufferevent_socket_new(w->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!bev) {
		door_leave(w->gateway->door, token);
		close(fd);
		return;
	}
	address_text(address, peer);
	wc = xcalloc(1, sizeof(*wc));
	wc->worker = w;
	wc->token = token;
	wc->next = w->conns;
	if (w->conns)
		w->conns->prev = wc;
	w->conns = wc;
	wc->conn = conn_new(w->base, bev, &limits, &w->service, peer,
	    on_conn_free, wc);
}

/* Out of descriptors: the queue waits in the kernel until the next tick. */
static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	(void)arg;
	log_error("accept: %s; raise the limit of open files",
	    strerror(errno));
	(void)evconnlistener_disable(listener);
}

static void
close_listeners(struct worker *w)
{
	size_t i;

	for (i = 0; i < w->n_listeners; i++) {
		if (w->listeners[i].listener)
			evconnlistener_free(w->listeners[i].listener);
		tls_unref(&w->listeners[i].tls);
		free(w->listeners[i].host);
	}
	w->n_listeners = 0;
}

/* Takes over what the configuration in force says of TLS. A listener is found
 * by its address, as the list may have been reordered; one that is not in it
 * any more stays as it was, as all sockets do. */
static void
renew_tls(struct worker *w)
{
	const struct live *live = w->live;
	size_t i, k;

	for (i = 0; i < w->n_listeners; i++) {
		struct worker_listener *l = &w->listeners[i];

		for (k = 0; k < live->config->n_listen; k++) {
			const struct config_listen *listen =
			    &live->config->listen[k];

			if (strcmp(listen->host, l->host) != 0 ||
			    (listen->port != 0 && listen->port != l->port))
				continue;
			tls_unref(&l->tls);
			l->tls = live->tls[k] ? tls_ref(live->tls[k]) : NULL;
			break;
		}
	}
}

static void
end_if_drained(struct worker *w)
{
	if (atomic_load(&w->drain) && !w->conns && !w->exchanges)
		(void)event_base_loopbreak(w->base);
}

static void
start_drain(struct worker *w)
{
	struct timeval often = { 0, 50000 };
	struct worker_conn *wc, *next;

	close_listeners(w);
	/* The tick looks whether all are gone. */
	(void)event_add(w->tick, &often);
	for (wc = w->conns; wc; wc = next) {
		next = wc->next;
		conn_drain(wc->conn,
		    atomic_load(&w->gateway->drain_idle_ms));
	}
	end_if_drained(w);
}

static void
abort_all(struct worker *w)
{
	struct worker_conn *wc;

	exchange_abort_all(w);
	/* What is no exchange (yet): a handshake, half a head, a goodbye. */
	for (wc = w->conns; wc; wc = wc->next)
		conn_abort(wc->conn);
}

static void
log_exchanges(const struct worker *w)
{
	size_t n = exchange_log(w);

	log_always("worker %u: exchanges under way: %zu", w->index, n);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) < 0)
		return;
	if (atomic_exchange(&w->reload, false)) {
		live_unref(&w->live);
		w->live = gateway_live(w->gateway);
		upstreams_reload(w->upstreams, w->live->config);
		renew_tls(w);
	}
	if (atomic_exchange(&w->list, false))
		log_exchanges(w);
	if (atomic_load(&w->drain))
		start_drain(w);
	if (atomic_exchange(&w->quit, false))
		abort_all(w);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	size_t i;

	(void)fd;
	(void)what;
	exchange_tick(w);
	for (i = 0; i < w->n_listeners; i++)
		(void)evconnlistener_enable(w->listeners[i].listener);
	end_if_drained(w);
}

int
worker_init(struct worker *w, struct gateway *gateway, unsigned index,
    struct mg_error *err)
{
	struct event_config *options = event_config_new();
	struct timeval second = { 1, 0 };

	w->gateway = gateway;
	w->index = index;
	w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	/* Without epoll's change list: it speaks of descriptors after they
	 * were closed, when another worker may have them again. */
	if (!options || w->wake_fd < 0 ||
	    event_config_set_flag(options, EVENT_BASE_FLAG_NOLOCK) < 0 ||
	    !(w->base = event_base_new_with_config(options))) {
		event_config_free(options);
		return mg_fail(err, NULL, "worker %u: no event loop: %s",
		    index, strerror(errno));
	}
	event_config_free(options);
	w->live = gateway_live(gateway);
	w->wake = event_new(w->base, w->wake_fd, EV_READ | EV_PERSIST,
	    on_wake, w);
	w->tick = event_new(w->base, -1, EV_PERSIST, on_tick, w);
	if (!w->wake || !w->tick || event_add(w->wake, NULL) < 0 ||
	    event_add(w->tick, &second) < 0)
		return mg_fail(err, NULL, "worker %u: no event", index);
	w->upstreams = upstreams_new(w->base, w->live->config);
	w->inbox = audit_inbox_new(gateway->audit, w->base);
	exchange_service(w, &w->service);
	w->listeners = xcalloc(WORKER_MAX_LISTENERS, sizeof(*w->listeners));
	return 0;
}

int
worker_listen(struct worker *w, size_t listen, int fd, struct mg_error *err)
{
	struct worker_listener *l = &w->listeners[w->n_listeners];
	const struct config_listen *on = &w->live->config->listen[listen];
	struct tls *tls = w->live->tls[listen];

	if (w->n_listeners == WORKER_MAX_LISTENERS)
		return mg_fail(err, NULL, "more than %d listening sockets",
		    WORKER_MAX_LISTENERS);
	*l = (struct worker_listener){ NULL, w,
		xstrndup(on->host, strlen(on->host)), on->port,
		tls ? tls_ref(tls) : NULL };
	l->listener = evconnlistener_new(w->base, on_accept, l,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	w->n_listeners++;
	if (!l->listener)
		return mg_fail(err, NULL, "cannot listen: %s",
		    strerror(errno));
	evconnlistener_set_error_cb(l->listener, on_accept_error);
	return 0;
}

static void *
run(void *arg)
{
	struct worker *w = arg;

	(void)event_base_dispatch(w->base);
	return NULL;
}

int
worker_start(struct worker *w, struct mg_error *err)
{
	sigset_t all, before;
	int rc;

	/* Signals are the main thread's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&w->thread, NULL, run, w);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return mg_fail(err, NULL, "worker %u: no thread: %s",
		    w->index, strerror(rc));
	w->started = true;
	return 0;
}

void
worker_tell(struct worker *w, enum worker_news news)
{
	uint64_t one = 1;

	switch (news) {
	case NEWS_RELOAD:
		atomic_store(&w->reload, true);
		break;
	case NEWS_DRAIN:
		atomic_store(&w->drain, true);
		break;
	case NEWS_ABORT:
		atomic_store(&w->quit, true);
		break;
	case NEWS_LIST:
		atomic_store(&w->list, true);
		break;
	}
	if (write(w->wake_fd, &one, sizeof(one)) < 0)
		log_error("worker %u cannot be woken: %s", w->index,
		    strerror(errno));
}

void
worker_join(struct worker *w)
{
	if (w->started)
		(void)pthread_join(w->thread, NULL);
	w->started = false;
}

void
worker_fini(struct worker *w)
{
	if (!w->base)
		return;
	close_listeners(w);
	free(w->listeners);
	upstreams_free(w->upstreams);
	audit_inbox_free(w->inbox);
	if (w->wake)
		event_free(w->wake);
	if (w->tick)
		event_free(w->tick);
	live_unref(&w->live);
	event_base_free(w->base);
	close(w->wake_fd);
}
