/* SPDX-License-Identifier: Apache-2.0 */
/* test_upstream.c - calls to backends that answer well, badly, or not at all.
 *
 * The backend is a thread with plain blocking sockets: each connection plays
 * the next script of the test's list, so that every byte on the wire is the
 * test's own. */
#include "gateway/upstream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

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

static void
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
 * upstream.c needs of it, for a configuration that lives as long as its test. */
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
};

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
		.path = span_str("/v1/completions?x=1"),
		.model = span_str(model), .fields = fields, .n_fields = 4,
		.body = span_str(body),
	};

	memset(r, 0, sizeof(*r));
	r->world = w;
	return upstream_start(w->upstreams, &request, &handler, r, &r->call);
}

static void
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

static void
call(struct world *w, struct result *r, const char *body)
{
	CHECK_EQ(start(w, r, "m", body), PICK_OK);
	CHECK(r->call != NULL);
	CHECK_EQ(r->ends, 0);
	finish(w, r);
}

/* One backend, one script, one call. */
static void
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

/* ---- good answers ---- */

static void
a_whole_answer_comes_as_it_was_sent(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=x\r\n"
	    "Content-Length: 5\r\n\r\nhello", 0 }, { HOLD, NULL, 0 });

	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_EQ(r.heads, 1);
	CHECK_EQ(r.status, 200);
	CHECK_EQ(r.length, 5);
	CHECK(!r.until_close);
	CHECK_STR(r.type, "application/json");
	CHECK_MEM(r.body.ptr, r.body.len, "hello");
	buf_fini(&r.body);
}

static void
a_chunked_answer_comes_without_its_chunks(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "3\r\nhel\r\n", 0 }, { WAIT, NULL, 20 }, { SEND,
	    "2\r\nlo\r\n0\r\nX-Trailer: 1\r\n\r\n", 0 }, { HOLD, NULL, 0 });

	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_EQ(r.length, -1);
	CHECK(!r.until_close);
	CHECK_MEM(r.body.ptr, r.body.len, "hello");
	buf_fini(&r.body);
}


static void
a_connection_is_used_again(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", 0 },
	    { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "1\r\nb\r\n0\r\n\r\n", 0 },
	    { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nc", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result r[3];
	struct world w;
	int i;

	world_init(&w, 1, all);
	world_start(&w);
	for (i = 0; i < 3; i++) {
		call(&w, &r[i], i == 1 ? NULL : "{}");
		CHECK_EQ(r[i].end, UPSTREAM_DONE);
		CHECK_EQ(r[i].body.len, 1);
		CHECK_EQ(r[i].body.ptr[0], 'a' + i);
		buf_fini(&r[i].body);
		run_for(&w, 5);
	}
	CHECK_EQ(atomic_load(&w.servers[0]->connections), 1);
	world_fini(&w);
}

static void
the_request_is_framed_by_us_and_carries_our_key_alone(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	const char *want;
	struct result r;
	struct world w;
	char text[512];

	world_init(&w, 1, all);
	w.backends[0].key = (char *)(uintptr_t)"sk-backend";
	world_start(&w);
	call(&w, &r, "{\"a\":1}");
	snprintf(text, sizeof(text), "POST /v1/completions?x=1 HTTP/1.1\r\n"
	    "Host: 127.0.0.1:%u\r\nContent-Type: application/json\r\n"
	    "X-Empty:\r\nAccept-Encoding: identity\r\n"
	    "Authorization: Bearer sk-backend\r\nContent-Length: 7\r\n\r\n"
	    "{\"a\":1}", w.servers[0]->port);
	want = text;
	CHECK_MEM(w.servers[0]->last, w.servers[0]->last_len, want);
	world_fini(&w);
}

static void
the_key_goes_into_the_header_that_is_configured(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;

	world_init(&w, 1, all);
	w.backends[0].key = (char *)(uintptr_t)"sk-backend";
	w.backends[0].key_header = (char *)(uintptr_t)"api-key";
	world_start(&w);
	call(&w, &r, "{}");
	CHECK(memmem(w.servers[0]->last, w.servers[0]->last_len,
	    "\r\napi-key: sk-backend\r\n", 23) != NULL);
	CHECK(memmem(w.servers[0]->last, w.servers[0]->last_len,
	    "Bearer", 6) == NULL);
	world_fini(&w);
}

static void
a_get_has_no_body(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", 0 },
	    { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;
	char *last;

	world_init(&w, 1, all);
	world_start(&w);
	last = w.servers[0]->last;
	call(&w, &r, "{}");
	buf_fini(&r.body);
	call(&w, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK(memcmp(last, "GET /v1/completions?x=1 HTTP/1.1\r\n", 34) == 0);
	CHECK(memmem(last, w.servers[0]->last_len, "Content-Length",
	    14) == NULL);
	buf_fini(&r.body);
	world_fini(&w);
}

static void
a_large_body_arrives_whole(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	enum { SIZE = 100 * 1024 };
	char *body = xmalloc(SIZE + 1);
	struct result r;
	struct world w;
	size_t i;

	for (i = 0; i < SIZE; i++)
		body[i] = (char)('a' + i % 23);
	body[SIZE] = '\0';
	world_init(&w, 1, all);
	world_start(&w);
	call(&w, &r, body);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK(w.servers[0]->last_len > SIZE && memcmp(w.servers[0]->last +
	    w.servers[0]->last_len - SIZE, body, SIZE) == 0);
	world_fini(&w);
	free(body);
}

static void
a_redirect_is_an_answer_and_is_not_followed(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 307 Away\r\nLocation: http://127.0.0.1:1/\r\n"
	    "Content-Length: 0\r\n\r\n", 0 }, { HOLD, NULL, 0 });

	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_EQ(r.status, 307);
	CHECK_STR(r.location, "http://127.0.0.1:1/");
}

static void
an_error_status_is_an_answer(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", 0 },
	    { HOLD, NULL, 0 });

	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_EQ(r.status, 503);
	CHECK_MEM(r.body.ptr, r.body.len, "busy");
	buf_fini(&r.body);
}

static void
a_body_up_to_the_close_says_so(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.0 200 OK\r\n\r\nold", 0 });

	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK(r.until_close);
	CHECK_EQ(r.length, -1);
	CHECK_MEM(r.body.ptr, r.body.len, "old");
	buf_fini(&r.body);
}

/* ---- pausing and cancelling ---- */

static void
a_paused_call_gives_nothing_until_it_is_resumed(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n", 0 },
	    { WAIT, NULL, 30 }, { SEND, "1\r\nb\r\n", 0 },
	    { WAIT, NULL, 30 }, { SEND, "1\r\nc\r\n0\r\n\r\n", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;

	world_init(&w, 1, all);
	w.backends[0].idle_ms = 60;	/* not counted while paused */
	world_start(&w);
	CHECK_EQ(start(&w, &r, "m", "{}"), PICK_OK);
	r.pause_on_body = true;
	run_for(&w, 200);
	CHECK_EQ(r.ends, 0);
	CHECK_MEM(r.body.ptr, r.body.len, "a");
	r.pause_on_body = false;
	upstream_resume(r.call);
	CHECK_EQ(r.body.len, 1);	/* not from inside resume */
	finish(&w, &r);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_MEM(r.body.ptr, r.body.len, "abc");
	buf_fini(&r.body);
	world_fini(&w);
}

static void
a_stream_paused_at_every_piece_comes_whole(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0 },
	    { REPEAT, "4\r\nabcd\r\n", 50000 },
	    { SEND, "0\r\n\r\n", 0 }, { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;
	int turns = 0;
	size_t i;

	world_init(&w, 1, all);
	world_start(&w);
	CHECK_EQ(start(&w, &r, "m", "{}"), PICK_OK);
	r.pause_on_body = true;
	while (!r.ends && turns++ < 8000) {
		unsigned before = r.bodies;

		run_for(&w, 1);
		CHECK(r.bodies <= before + 1);
		if (r.call)
			upstream_resume(r.call);
	}
	CHECK_EQ(r.ends, 1);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_EQ(r.body.len, 200000);
	for (i = 0; i < r.body.len && r.body.ptr[i] ==
	    (char)('a' + i % 4); i++)
		continue;
	CHECK_EQ(i, 200000);
	buf_fini(&r.body);
	world_fini(&w);
}

static void
a_paused_backend_is_not_read(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n", 0 },
	    { REPEAT, "10\r\n0123456789abcdef\r\n", 2000000 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;

	world_init(&w, 1, all);
	world_start(&w);
	CHECK_EQ(start(&w, &r, "m", "{}"), PICK_OK);
	r.pause_on_body = true;
	run_for(&w, 300);
	CHECK_EQ(r.bodies, 1);
	CHECK(r.body.len <= 16384);
	upstream_cancel(r.call);
	CHECK_EQ(r.ends, 0);
	buf_fini(&r.body);
	world_fini(&w);
}

static void
cancelling_closes_the_connection_at_once(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;
	int how;

	for (how = 0; how < 4; how++) {
		world_init(&w, 1, all);
		world_start(&w);
		CHECK_EQ(start(&w, &r, "m", "{}"), PICK_OK);
		r.cancel_on_head = how == 0;
		r.cancel_on_body = how == 1;
		if (how == 2)
			upstream_cancel(r.call);
		run_for(&w, 60);
		if (how == 3)
			upstream_cancel(r.call);
		CHECK_EQ(r.heads, how != 2);
		CHECK_EQ(r.body.len, how == 1 || how == 3 ? 5 : 0);
		CHECK_EQ(r.ends, 0);
		pause_ms(30);
		CHECK_EQ(atomic_load(&w.servers[0]->hung_up), how != 2);
		CHECK_EQ(upstreams_stats(w.upstreams, 0)->in_flight, 0);
		buf_fini(&r.body);
		world_fini(&w);
	}
}

static void
a_call_may_cancel_another_from_inside_its_handler(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", 0 },
	    { WAIT, NULL, 80 }, { SEND, "!", 0 }, { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result a, b;
	struct world w;

	world_init(&w, 1, all);
	world_start(&w);
	CHECK_EQ(start(&w, &a, "m", "{}"), PICK_OK);
	CHECK_EQ(start(&w, &b, "m", "{}"), PICK_OK);
	a.victim = b.call;
	finish(&w, &a);
	run_for(&w, 50);
	CHECK_EQ(a.end, UPSTREAM_DONE);
	CHECK_EQ(b.ends, 0);
	CHECK(b.body.len < 6);
	buf_fini(&a.body);
	buf_fini(&b.body);
	world_fini(&w);
}

static void
freeing_ends_calls_in_flight_without_a_word(void)
{
	SCRIPT(script, { READ, NULL, 0 }, { HOLD, NULL, 0 });
	const struct step *scripts[] = { script, NULL };
	const struct step *const *all[] = { scripts };
	struct result r, queued;
	struct world w;

	world_init(&w, 1, all);
	world_start(&w);
	CHECK_EQ(start(&w, &r, "m", "{}"), PICK_OK);
	run_for(&w, 50);
	CHECK_EQ(start(&w, &queued, "m", "{}"), PICK_OK);
	world_fini(&w);
	CHECK_EQ(r.ends, 0);
	CHECK_EQ(queued.ends, 0);
}

/* ---- bad answers ---- */

struct bad_answer {
	const char *text;
	const char *why;	/* NULL: libcurl's words */
};

static void
broken_answers_are_never_whole(void)
{
	static const struct bad_answer cases[] = {
		{ "", NULL },
		{ "HTTP/1.1 200 OK\r\nContent-Le", NULL },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", NULL },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "5\r\nhel", NULL },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "5\r\nhello\r\n", NULL },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "zz\r\nhello\r\n0\r\n\r\n", NULL },
		{ "\x16\x03\x01 what is this\r\n\r\n", NULL },
		{ "hello, I am no HTTP server\n", NULL },
		{ "HTTP/1.1 99 Low\r\n\r\n", NULL },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
		    "Content-Length: 5\r\n\r\nhello",
		    "two Content-Length fields" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		    "both Content-Length and Transfer-Encoding" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
		    "bad Content-Length" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n"
		    "\r\n0\r\n\r\n", "unknown Transfer-Encoding" },
		{ "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "0\r\n\r\n", "Transfer-Encoding in HTTP/1.0" },
		{ "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
		    "control characters in a field" },
		{ "HTTP/1.1 200 OK\r\nX: a\x01\r\nContent-Length: 0\r\n\r\n",
		    "control characters in a field" },
		{ "HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n",
		    "bad field name" },
		{ "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n"
		    "\r\n", "a folded field" },
		{ "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
		    "a line without CRLF" },
		{ "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
		    "the backend switches protocols" },
		{ "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
		    "Content-Length: 3\r\n\r\nxyz",
		    "a Content-Encoding that was not asked for" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct step script[] = { { READ, NULL, 0 },
		    { SEND, cases[i].text, 0 }, { END, NULL, 0 } };
		struct result r;

		play_once(script, &r, NULL);
		CHECK_EQ(r.end, UPSTREAM_BROKEN);
		CHECK_EQ(r.heads > 0, r.body.len > 0 || r.status == 200);
		if (cases[i].why && r.why)
			CHECK_STR(r.why, cases[i].why);
		if (check_test_failed)
			fprintf(stderr, "case %zu: %s\n", i, r.why);
		buf_fini(&r.body);
	}
}

static void
a_nul_in_a_field_is_refused(void)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nX: a\0b\r\n"
	    "Content-Length: 0\r\n\r\n";
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND, text, sizeof(text) - 1 });

	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_BROKEN);
	CHECK_EQ(r.heads, 0);
}

static void
bytes_past_the_announced_length_are_not_given(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello world", 0 },
	    { HOLD, NULL, 0 });

	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_MEM(r.body.ptr, r.body.len, "hello");
	buf_fini(&r.body);
}

static void
after_bytes_past_the_length_the_connection_is_not_used_again(void)
{
	SCRIPT(liar, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nahello", 0 },
	    { READ, NULL, 0 }, { SEND, "x", 0 });
	SCRIPT(honest, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { liar, honest, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;

	world_init(&w, 1, all);
	world_start(&w);
	call(&w, &r, "{}");
	CHECK_MEM(r.body.ptr, r.body.len, "a");
	buf_fini(&r.body);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_MEM(r.body.ptr, r.body.len, "b");
	CHECK_EQ(atomic_load(&w.servers[0]->connections), 2);
	buf_fini(&r.body);
	world_fini(&w);
}

static void
endless_fields_are_cut_off(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND, "HTTP/1.1 200 OK\r\n", 0 },
	    { REPEAT, "X-A: b\r\n", 10000000 });

	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_BROKEN);
	CHECK_STR(r.why, "too many fields");
	CHECK_EQ(r.heads, 0);
}

static void
two_hundred_fields_pass_and_one_more_does_not(void)
{
	struct result r;
	SCRIPT(enough, { READ, NULL, 0 }, { SEND, "HTTP/1.1 200 OK\r\n"
	    "Content-Length: 0\r\n", 0 }, { REPEAT, "X-A: b\r\n", 199 },
	    { SEND, "\r\n", 0 }, { HOLD, NULL, 0 });
	SCRIPT(too_many, { READ, NULL, 0 }, { SEND, "HTTP/1.1 200 OK\r\n"
	    "Content-Length: 0\r\n", 0 }, { REPEAT, "X-A: b\r\n", 200 },
	    { SEND, "\r\n", 0 }, { HOLD, NULL, 0 });

	play_once(enough, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	play_once(too_many, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_BROKEN);
}

static void
large_fields_are_cut_off_at_64_kib(void)
{
	static char field[1024];
	struct step script[] = { { READ, NULL, 0 },
	    { SEND, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", 0 },
	    { REPEAT, field, 0 }, { SEND, "\r\n", 0 }, { HOLD, NULL, 0 },
	    { END, NULL, 0 } };
	struct result r;

	memset(field, 'a', sizeof(field) - 1);
	memcpy(field, "X: ", 3);
	memcpy(field + sizeof(field) - 3, "\r\n", 3);
	script[2].n = 63;
	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	script[2].n = 65;
	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_BROKEN);
	CHECK_STR(r.why, "the head is too large");
}

static void
a_field_without_an_end_is_cut_off(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND, "HTTP/1.1 200 OK\r\nX: ",
	    0 }, { REPEAT, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 10000000 });

	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_BROKEN);
	CHECK_EQ(r.heads, 0);
}

static void
sixteen_interim_answers_pass_and_one_more_does_not(void)
{
	struct step script[] = { { READ, NULL, 0 },
	    { REPEAT, "HTTP/1.1 103 Early\r\nLink: <x>\r\n\r\n", 0 },
	    { SEND, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0 },
	    { HOLD, NULL, 0 }, { END, NULL, 0 } };
	struct result r;

	script[1].n = 16;
	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_EQ(r.heads, 1);
	CHECK_EQ(r.status, 200);
	script[1].n = 17;
	play_once(script, &r, NULL);
	CHECK_EQ(r.end, UPSTREAM_BROKEN);
	CHECK_STR(r.why, "too many interim answers");
	CHECK_EQ(r.heads, 0);
}

static void
cap_at_5(struct config_upstream *conf)
{
	conf->answer_bytes = 5;
}

static void
an_answer_above_the_cap_is_cut_off(void)
{
	struct result r;
	SCRIPT(announced, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!", 0 },
	    { HOLD, NULL, 0 });
	SCRIPT(chunked, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", 0 }, { HOLD, NULL, 0 });
	SCRIPT(fits, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0 },
	    { HOLD, NULL, 0 });
	SCRIPT(stream, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	    "Content-Length: 6\r\n\r\nhello!", 0 }, { HOLD, NULL, 0 });

	play_once(announced, &r, cap_at_5);
	CHECK_EQ(r.end, UPSTREAM_TOO_LARGE);
	CHECK_EQ(r.heads, 0);
	play_once(chunked, &r, cap_at_5);
	CHECK_EQ(r.end, UPSTREAM_TOO_LARGE);
	CHECK(r.body.len <= 5);
	buf_fini(&r.body);
	play_once(fits, &r, cap_at_5);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	buf_fini(&r.body);
	play_once(stream, &r, cap_at_5);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_EQ(r.body.len, 6);
	buf_fini(&r.body);
}

/* ---- time ---- */

static void
short_times(struct config_upstream *conf)
{
	conf->first_byte_ms = 60;
	conf->idle_ms = 60;
	conf->total_ms = 300;
}

static void
a_backend_that_does_not_answer_times_out(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { HOLD, NULL, 0 });

	play_once(script, &r, short_times);
	CHECK_EQ(r.end, UPSTREAM_TIMEOUT);
	CHECK_STR(r.why, "first byte");
}

static void
a_backend_that_stalls_times_out(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 0 },
	    { HOLD, NULL, 0 });

	play_once(script, &r, short_times);
	CHECK_EQ(r.end, UPSTREAM_TIMEOUT);
	CHECK_STR(r.why, "idle");
	CHECK_EQ(r.heads, 1);
	buf_fini(&r.body);
}

#define TICK { WAIT, NULL, 40 }, { SEND, "1\r\na\r\n", 0 }

static void
an_answer_that_never_ends_times_out(void)
{
	struct result r;
	SCRIPT(script, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n", 0 },
	    TICK, TICK, TICK, TICK, TICK, TICK, TICK, TICK, TICK, TICK,
	    { HOLD, NULL, 0 });

	play_once(script, &r, short_times);
	CHECK_EQ(r.end, UPSTREAM_TIMEOUT);
	CHECK_STR(r.why, "total");
	CHECK(r.body.len >= 4);
	buf_fini(&r.body);
}

static void
a_connection_that_does_not_come_about_times_out(void)
{
	/* A listener whose queue is full answers no SYN. */
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int i, fd = socket(AF_INET, SOCK_STREAM, 0), full[4];
	SCRIPT(none, { END, NULL, 0 });
	const struct step *scripts[] = { none, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;

	CHECK_EQ(bind(fd, (struct sockaddr *)&a, len), 0);
	CHECK_EQ(listen(fd, 0), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	for (i = 0; i < 4; i++) {
		full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(full[i], (struct sockaddr *)&a, len);
	}
	pause_ms(20);
	world_init(&w, 1, all);
	snprintf(w.urls[0], sizeof(w.urls[0]), "http://127.0.0.1:%u",
	    ntohs(a.sin_port));
	w.backends[0].connect_ms = 80;
	world_start(&w);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_TIMEOUT);
	CHECK_STR(r.why, "connect");
	for (i = 0; i < 4; i++)
		close(full[i]);
	close(fd);
	world_fini(&w);
}

/* ---- trying again ---- */

static void
refuse(struct world *w, size_t i)
{
	/* A port that was free a moment ago. */
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK_EQ(bind(fd, (struct sockaddr *)&a, len), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	snprintf(w->urls[i], sizeof(w->urls[i]), "http://127.0.0.1:%u",
	    ntohs(a.sin_port));
}

SCRIPT(nobody, { END, NULL, 0 });
SCRIPT(fine, { READ, NULL, 0 }, { SEND,
    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine", 0 },
    { READ, NULL, 0 }, { SEND,
    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine", 0 },
    { HOLD, NULL, 0 });

static void
a_refused_connection_is_unreachable(void)
{
	const struct step *scripts[] = { nobody, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;

	world_init(&w, 1, all);
	refuse(&w, 0);
	world_start(&w);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_UNREACHABLE);
	CHECK_EQ(upstreams_stats(w.upstreams, 0)->failures, 1);
	CHECK_EQ(upstreams_stats(w.upstreams, 0)->calls, 1);
	world_fini(&w);
}

static void
a_refused_connection_is_tried_elsewhere(void)
{
	const struct step *scripts[] = { nobody, NULL };
	const struct step *others[] = { fine, NULL };
	const struct step *const *all[] = { scripts, others };
	struct result r;
	struct world w;

	world_init(&w, 2, all);
	refuse(&w, 0);
	w.backends[0].weight = 1000000;
	world_start(&w);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_MEM(r.body.ptr, r.body.len, "fine");
	CHECK_EQ(upstreams_stats(w.upstreams, 0)->failures, 1);
	CHECK_EQ(upstreams_stats(w.upstreams, 1)->retries, 1);
	buf_fini(&r.body);
	world_fini(&w);
}

static void
without_retries_nothing_is_tried_again(void)
{
	const struct step *scripts[] = { nobody, NULL };
	const struct step *others[] = { fine, NULL };
	const struct step *const *all[] = { scripts, others };
	struct result r;
	struct world w;

	world_init(&w, 2, all);
	refuse(&w, 0);
	w.backends[0].weight = 1000000;
	w.backends[0].retries = 0;
	world_start(&w);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_UNREACHABLE);
	CHECK_EQ(atomic_load(&w.servers[1]->requests), 0);
	world_fini(&w);
}

static void
a_503_is_tried_elsewhere(void)
{
	SCRIPT(busy, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { busy, NULL };
	const struct step *others[] = { fine, NULL };
	const struct step *const *all[] = { scripts, others };
	struct result r;
	struct world w;

	world_init(&w, 2, all);
	w.backends[0].weight = 1000000;
	world_start(&w);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_EQ(r.status, 200);
	CHECK_EQ(r.heads, 1);
	CHECK_MEM(r.body.ptr, r.body.len, "fine");
	buf_fini(&r.body);
	world_fini(&w);
}

static void
a_dead_kept_connection_is_replaced_and_the_request_sent_once_more(void)
{
	/* The second request is read, and then the connection dies: libcurl
	 * cannot see that beforehand. */
	SCRIPT(dies, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", 0 },
	    { READ, NULL, 0 }, { END, NULL, 0 });
	SCRIPT(lives, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { dies, lives, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;

	world_init(&w, 1, all);
	world_start(&w);
	call(&w, &r, "{}");
	buf_fini(&r.body);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_MEM(r.body.ptr, r.body.len, "b");
	CHECK_EQ(atomic_load(&w.servers[0]->requests), 3);
	CHECK_EQ(atomic_load(&w.servers[0]->connections), 2);
	CHECK_EQ(upstreams_stats(w.upstreams, 0)->retries, 1);
	CHECK_EQ(upstreams_stats(w.upstreams, 0)->failures, 0);
	CHECK_EQ(upstreams_stats(w.upstreams, 0)->in_flight, 0);
	buf_fini(&r.body);
	world_fini(&w);
}

static void
libcurl_does_not_repeat_a_post_by_itself(void)
{
	SCRIPT(dies, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", 0 },
	    { READ, NULL, 0 }, { RESET, NULL, 0 });
	const struct step *scripts[] = { dies, fine, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;

	world_init(&w, 1, all);
	w.backends[0].retries = 0;
	world_start(&w);
	call(&w, &r, "{}");
	buf_fini(&r.body);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_BROKEN);
	pause_ms(20);
	CHECK_EQ(atomic_load(&w.servers[0]->requests), 2);
	world_fini(&w);
}

static void
an_answer_begun_is_not_tried_again(void)
{
	SCRIPT(cut, { READ, NULL, 0 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 0 });
	const struct step *scripts[] = { cut, fine, NULL };
	const struct step *others[] = { fine, NULL };
	const struct step *const *all[] = { scripts, others };
	struct result r;
	struct world w;

	world_init(&w, 2, all);
	w.backends[0].weight = 1000000;
	world_start(&w);
	call(&w, &r, "{}");
	CHECK_EQ(r.end, UPSTREAM_BROKEN);
	CHECK_EQ(atomic_load(&w.servers[0]->requests), 1);
	CHECK_EQ(atomic_load(&w.servers[1]->requests), 0);
	buf_fini(&r.body);
	world_fini(&w);
}

/* ---- backends and configurations ---- */

static void
a_model_that_no_backend_takes_is_unknown(void)
{
	static char *gpt[] = { (char *)(uintptr_t)"gpt-*", NULL };
	const struct step *scripts[] = { fine, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;

	world_init(&w, 1, all);
	w.backends[0].models = gpt;
	world_start(&w);
	CHECK_EQ(start(&w, &r, "llama", "{}"), PICK_UNKNOWN_MODEL);
	CHECK(r.call == NULL);
	CHECK_EQ(start(&w, &r, "gpt-4", "{}"), PICK_OK);
	CHECK_STR(upstream_name(r.call), "one");
	finish(&w, &r);
	buf_fini(&r.body);
	world_fini(&w);
}

static void
a_call_in_flight_keeps_its_configuration_through_a_reload(void)
{
	SCRIPT(slow, { READ, NULL, 0 }, { WAIT, NULL, 60 }, { SEND,
	    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow", 0 },
	    { HOLD, NULL, 0 });
	const struct step *scripts[] = { slow, NULL };
	const struct step *others[] = { fine, NULL };
	const struct step *const *all[] = { scripts, others };
	struct config_upstream moved[2];
	struct config other = { .refs = 1, .upstreams = moved,
	    .n_upstreams = 2 };
	struct result a, b;
	struct world w;

	world_init(&w, 2, all);
	w.config.n_upstreams = 1;
	world_start(&w);
	CHECK_EQ(start(&w, &a, "m", "{}"), PICK_OK);
	moved[0] = w.backends[1];
	moved[1] = w.backends[0];
	moved[1].weight = 0;
	upstreams_reload(w.upstreams, &other);
	CHECK_EQ(w.config.refs, 2);
	CHECK_EQ(upstreams_stats(w.upstreams, 1)->in_flight, 1);
	CHECK_EQ(start(&w, &b, "m", "{}"), PICK_OK);
	CHECK_STR(upstream_name(a.call), "one");
	CHECK_STR(upstream_name(b.call), "two");
	while (!a.ends || !b.ends)
		run_for(&w, 20);
	CHECK_MEM(a.body.ptr, a.body.len, "slow");
	CHECK_MEM(b.body.ptr, b.body.len, "fine");
	CHECK_EQ(w.config.refs, 1);
	CHECK_EQ(upstreams_stats(w.upstreams, 1)->in_flight, 0);
	CHECK_EQ(upstreams_stats(w.upstreams, 1)->calls, 1);
	buf_fini(&a.body);
	buf_fini(&b.body);
	w.config.n_upstreams = 2;
	world_fini(&w);
	CHECK_EQ(other.refs, 1);
}

static void
the_only_backend_of_a_model_is_rested_but_not_given_up(void)
{
	const struct step *scripts[] = { nobody, NULL };
	const struct step *const *all[] = { scripts };
	struct result r;
	struct world w;
	int i;

	world_init(&w, 1, all);
	refuse(&w, 0);
	w.backends[0].eject_after = 3;
	w.backends[0].eject_ms = 500;
	world_start(&w);
	for (i = 0; i < 3; i++)
		call(&w, &r, "{}");
	CHECK_EQ(upstreams_stats(w.upstreams, 0)->ejections, 1);
	CHECK_EQ(upstreams_stats(w.upstreams, 0)->ejected_now, 1);
	CHECK_EQ(start(&w, &r, "m", "{}"), PICK_NONE_HEALTHY);
	CHECK(r.call == NULL);
	run_for(&w, 120);
	CHECK_EQ(start(&w, &r, "m", "{}"), PICK_OK);
	finish(&w, &r);
	world_fini(&w);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	RUN(a_whole_answer_comes_as_it_was_sent);
	RUN(a_chunked_answer_comes_without_its_chunks);
	RUN(a_connection_is_used_again);
	RUN(the_request_is_framed_by_us_and_carries_our_key_alone);
	RUN(the_key_goes_into_the_header_that_is_configured);
	RUN(a_get_has_no_body);
	RUN(a_large_body_arrives_whole);
	RUN(a_redirect_is_an_answer_and_is_not_followed);
	RUN(an_error_status_is_an_answer);
	RUN(a_body_up_to_the_close_says_so);
	RUN(a_paused_call_gives_nothing_until_it_is_resumed);
	RUN(a_stream_paused_at_every_piece_comes_whole);
	RUN(a_paused_backend_is_not_read);
	RUN(cancelling_closes_the_connection_at_once);
	RUN(a_call_may_cancel_another_from_inside_its_handler);
	RUN(freeing_ends_calls_in_flight_without_a_word);
	RUN(broken_answers_are_never_whole);
	RUN(a_nul_in_a_field_is_refused);
	RUN(bytes_past_the_announced_length_are_not_given);
	RUN(after_bytes_past_the_length_the_connection_is_not_used_again);
	RUN(endless_fields_are_cut_off);
	RUN(two_hundred_fields_pass_and_one_more_does_not);
	RUN(large_fields_are_cut_off_at_64_kib);
	RUN(a_field_without_an_end_is_cut_off);
	RUN(sixteen_interim_answers_pass_and_one_more_does_not);
	RUN(an_answer_above_the_cap_is_cut_off);
	RUN(a_backend_that_does_not_answer_times_out);
	RUN(a_backend_that_stalls_times_out);
	RUN(an_answer_that_never_ends_times_out);
	RUN(a_connection_that_does_not_come_about_times_out);
	RUN(a_refused_connection_is_unreachable);
	RUN(a_refused_connection_is_tried_elsewhere);
	RUN(without_retries_nothing_is_tried_again);
	RUN(a_503_is_tried_elsewhere);
	RUN(a_dead_kept_connection_is_replaced_and_the_request_sent_once_more);
	RUN(libcurl_does_not_repeat_a_post_by_itself);
	RUN(an_answer_begun_is_not_tried_again);
	RUN(a_model_that_no_backend_takes_is_unknown);
	RUN(a_call_in_flight_keeps_its_configuration_through_a_reload);
	RUN(the_only_backend_of_a_model_is_rested_but_not_given_up);
	return CHECK_DONE();
}
