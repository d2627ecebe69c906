/* SPDX-License-Identifier: Apache-2.0 */
/* tests/upstream_world.h - a scripted backend, and a caller that remembers.
 *
 * The backend is a thread with plain blocking sockets: each connection plays
 * the next script of the test's list, so that every byte on the wire is the
 * test's own. */
#ifndef TESTS_UPSTREAM_WORLD_H
#define TESTS_UPSTREAM_WORLD_H

#include <arpa/inet.h>
#include <event2/event.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "gateway/upstream.h"
#include "tests/check.h"

/* ---- a scripted backend ---- */

enum step_kind {
	END,			/* close */
	READ,			/* one request, whole */
	SEND,			/* text */
	WAIT,			/* n milliseconds */
	HOLD,			/* until the other side closes */
	RESET,			/* close with a reset */
	REPEAT,			/* text, n times, as long as it is taken */
};

struct step {
	enum step_kind kind;
	const char *text;
	int n;
};

enum { MAX_CONNECTIONS = 64, MAX_REQUEST = 1 << 17 };

struct server {
	int fd;
	uint16_t port;
	const struct step *const *scripts;	/* NULL-terminated; the last
						 * serves all further ones */
	pthread_t thread;
	pthread_t peers[MAX_CONNECTIONS];
	size_t n_peers;
	atomic_int connections, requests, hung_up;
	pthread_mutex_t lock;
	char last[MAX_REQUEST];		/* the last request */
	size_t last_len;
};

struct peer {
	struct server *server;
	const struct step *script;
	int fd;
};

static inline void
pause_ms(int ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

static size_t
request_length(const char *text, size_t len)
{
	const char *end = memmem(text, len, "\r\n\r\n", 4), *field;
	uint64_t n = 0;

	if (!end)
		return 0;
	field = memmem(text, len, "Content-Length: ", 16);
	if (field && field < end) {
		const char *stop = memchr(field, '\r', (size_t)(end - field) +
		    1);

		if (stop)
			span_to_u64(span(field + 16,
			    (size_t)(stop - field) - 16), &n);
	}
	return (size_t)(end - text) + 4 + (size_t)n;
}

static bool
read_request(struct peer *peer)
{
	static _Thread_local char text[MAX_REQUEST];
	size_t len = 0, want;

	for (;;) {
		struct pollfd p = { peer->fd, POLLIN, 0 };
		ssize_t n;

		if (poll(&p, 1, 10000) <= 0)
			return false;
		n = recv(peer->fd, text + len, sizeof(text) - len, 0);
		if (n <= 0)
			return false;
		len += (size_t)n;
		want = request_length(text, len);
		if (want && len >= want)
			break;
	}
	pthread_mutex_lock(&peer->server->lock);
	memcpy(peer->server->last, text, len);
	peer->server->last_len = len;
	pthread_mutex_unlock(&peer->server->lock);
	atomic_fetch_add(&peer->server->requests, 1);
	return true;
}

static bool
send_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

static void
wait_for_close(struct peer *peer)
{
	struct pollfd p = { peer->fd, POLLIN, 0 };
	char c;

	if (poll(&p, 1, 5000) > 0 && recv(peer->fd, &c, 1, 0) <= 0)
		atomic_fetch_add(&peer->server->hung_up, 1);
}

static bool
play(struct peer *peer, const struct step *step)
{
	struct linger linger = { 1, 0 };
	int i;

	switch (step->kind) {
	case END:
		return false;
	case READ:
		return read_request(peer);
	case SEND:
		return send_all(peer->fd, step->text, step->n ?
		    (size_t)step->n : strlen(step->text));
	case WAIT:
		pause_ms(step->n);
		return true;
	case HOLD:
		wait_for_close(peer);
		return false;
	case RESET:
		setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger,
		    sizeof(linger));
		return false;
	case REPEAT:
		for (i = 0; i < step->n; i++)
			if (!send_all(peer->fd, step->text,
			    strlen(step->text)))
				return false;
		return true;
	}
	return false;
}

static void *
serve_peer(void *arg)
{
	struct peer *peer = arg;
	const struct step *step = peer->script;

	while (play(peer, step))
		step++;
	close(peer->fd);
	free(peer);
	return NULL;
}

static void *
serve(void *arg)
{
	struct server *s = arg;
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		struct peer *peer = xcalloc(1, sizeof(*peer));

		if (s->n_peers == MAX_CONNECTIONS)
			abort();
		atomic_fetch_add(&s->connections, 1);
		peer->server = s;
		peer->fd = fd;
		peer->script = *s->scripts;
		if (s->scripts[1])
			s->scripts++;
		pthread_create(&s->peers[s->n_peers++], NULL, serve_peer,
		    peer);
	}
	return NULL;
}

static struct server *
server_new(const struct step *const *scripts)
{
	struct server *s = xcalloc(1, sizeof(*s));
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s->fd, (struct sockaddr *)&a, len) < 0 ||
	    listen(s->fd, 64) < 0 ||
	    getsockname(s->fd, (struct sockaddr *)&a, &len) < 0)
		abort();
	s->port = ntohs(a.sin_port);
	s->scripts = scripts;
	pthread_mutex_init(&s->lock, NULL);
	pthread_create(&s->thread, NULL, serve, s);
	return s;
}

static void
server_free(struct server *s)
{
	size_t i;

	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	for (i = 0; i < s->n_peers; i++)
		pthread_join(s->peers[i], NULL);
	close(s->fd);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* ---- the caller ---- */

/* The configuration's own module may not be linked in; these two are all that
 * upstream needs of it, for a configuration that lives as long as its test. */
struct config *config_ref(struct config *config) __attribute__((weak));
void config_unref(struct config **config) __attribute__((weak));

struct config *
config_ref(struct config *config)
{
	__atomic_add_fetch(&config->refs, 1, __ATOMIC_RELAXED);
	return config;
}

void
config_unref(struct config **config)
{
	__atomic_sub_fetch(&(*config)->refs, 1, __ATOMIC_RELAXED);
	*config = NULL;
}

enum { MAX_BACKENDS = 3 };

static char *any_model[] = { (char *)(uintptr_t)"*", NULL };

struct world {
	struct event_base *base;
	struct upstreams *upstreams;
	struct config config;
	struct config_upstream backends[MAX_BACKENDS];
	struct server *servers[MAX_BACKENDS];
	char urls[MAX_BACKENDS][64];
	const char *path;	/* NULL: as usual */
};

/* What came of one call. */
struct result {
	struct world *world;
	struct upstream_call *call;
	int status, heads, ends;
	int64_t length;
	bool until_close;
	char type[64], location[64];
	struct buf body;
	enum upstream_end end;
	const char *why;
	/* what the handler does */
	bool cancel_on_head, cancel_on_body, pause_on_body;
	struct upstream_call *victim;	/* cancelled on_body too */
	unsigned bodies;
	struct result *follower;	/* started on_head, and again on_end */
};

static enum upstream_pick start(struct world *w, struct result *r,
    const char *model, const char *body);

static void
on_head(void *arg, const struct upstream_head *head)
{
	struct result *r = arg;
	size_t i;

	r->heads++;
	r->status = head->status;
	r->length = head->length;
	r->until_close = head->until_close;
	snprintf(r->type, sizeof(r->type), "%.*s",
	    (int)head->content_type.len, head->content_type.ptr);
	for (i = 0; i < head->n_fields; i++)
		if (span_is_nocase(head->fields[i].name, "location"))
			snprintf(r->location, sizeof(r->location), "%.*s",
			    (int)head->fields[i].value.len,
			    head->fields[i].value.ptr);
	if (r->follower) {
		CHECK_EQ(start(r->world, r->follower, "m", "{}"), PICK_OK);
		CHECK_EQ(r->follower->heads, 0);
	}
	if (r->cancel_on_head)
		upstream_cancel(r->call);
}

static void
on_body(void *arg, struct mg_span bytes)
{
	struct result *r = arg;

	CHECK(r->heads == 1);
	r->bodies++;
	buf_add_span(&r->body, bytes);
	if (r->victim) {
		upstream_cancel(r->victim);
		r->victim = NULL;
	}
	if (r->pause_on_body)
		upstream_pause(r->call);
	if (r->cancel_on_body)
		upstream_cancel(r->call);
}

static void
on_end(void *arg, enum upstream_end end, const char *why)
{
	struct result *r = arg;

	r->ends++;
	r->end = end;
	r->why = why;
	r->call = NULL;
	event_base_loopbreak(r->world->base);
}

static const struct upstream_handler handler = { on_head, on_body, on_end };

/* Backends with scripts; call world_start() after changing w->backends. */
static void
world_init(struct world *w, size_t n,
    const struct step *const *const scripts[])
{
	size_t i;

	memset(w, 0, sizeof(*w));
	w->base = event_base_new();
	w->config.refs = 1;
	w->config.upstreams = w->backends;
	w->config.n_upstreams = n;
	for (i = 0; i < n; i++) {
		static const char *const names[] = { "one", "two", "three" };

		w->servers[i] = server_new(scripts[i]);
		snprintf(w->urls[i], sizeof(w->urls[i]),
		    "http://127.0.0.1:%u", w->servers[i]->port);
		w->backends[i] = (struct config_upstream){
			.name = (char *)(uintptr_t)names[i],
			.url = w->urls[i], .models = any_model, .weight = 1,
			.connect_ms = 2000, .first_byte_ms = 2000,
			.idle_ms = 2000, .total_ms = 5000, .retries = 1,
			.eject_after = 5, .eject_ms = 5000,
			.answer_bytes = 1 << 20,
		};
	}
}

static void
world_start(struct world *w)
{
	w->upstreams = upstreams_new(w->base, &w->config);
}

static void
world_fini(struct world *w)
{
	size_t i;

	upstreams_free(w->upstreams);
	for (i = 0; i < w->config.n_upstreams; i++)
		server_free(w->servers[i]);
	event_base_free(w->base);
	CHECK_EQ(w->config.refs, 1);
}

static enum upstream_pick
start(struct world *w, struct result *r, const char *model, const char *body)
{
	static const struct http1_field fields[] = {
		{ { "Content-Type", 12 }, { "application/json", 16 } },
		{ { "X-Empty", 7 }, { "", 0 } },
		{ { "authorization", 13 }, { "Bearer client", 13 } },
		{ { "X-Bad", 5 }, { "a\r\nInjected: b", 14 } },
	};
	struct upstream_request request = {
		.method = span_str(body ? "POST" : "GET"),
		.path = span_str(w->path ? w->path : "/v1/completions?x=1"),
		.model = span_str(model), .fields = fields, .n_fields = 4,
		.body = span_str(body),
	};

	memset(r, 0, sizeof(*r));
	r->world = w;
	return upstream_start(w->upstreams, &request, &handler, r, &r->call);
}

static inline void
run_for(struct world *w, int ms)
{
	struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	event_base_loopexit(w->base, &tv);
	event_base_dispatch(w->base);
}

/* Runs until the call has ended, at most 8 s. */
static void
finish(struct world *w, struct result *r)
{
	struct timeval limit = { 8, 0 };

	event_base_loopexit(w->base, &limit);
	while (!r->ends && event_base_dispatch(w->base) == 0 &&
	    !event_base_got_exit(w->base))
		continue;
	CHECK_EQ(r->ends, 1);
}

static inline void
call(struct world *w, struct result *r, const char *body)
{
	CHECK_EQ(start(w, r, "m", body), PICK_OK);
	CHECK(r->call != NULL);
	CHECK_EQ(r->ends, 0);
	finish(w, r);
}

/* One backend, one script, one call. */
static inline void
play_once(const struct step *script, struct result *r, void (*tune)(
    struct config_upstream *conf))
{
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct world w;

	world_init(&w, 1, all);
	if (tune)
		tune(&w.backends[0]);
	world_start(&w);
	call(&w, r, "{}");
	CHECK(r->why != NULL);
	world_fini(&w);
	r->world = NULL;
}

#define SCRIPT(name, ...) \
	static const struct step name[] = { __VA_ARGS__, { END, NULL, 0 } }

#endif
