/* SPDX-License-Identifier: Apache-2.0 */
/* test_upstream_storm.c - many calls at once, paused, resumed, cancelled and
 * begun at random from inside one another's handlers, through reloads. The
 * backend is the built-in one, on the same loop. */
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netinet/in.h>

#include "gateway/backend.h"
#include "tests/upstream_world.h"

enum { SLOTS = 100, SECONDS = 2 };

struct slot {
	struct upstream_call *call;
	bool paused;
	int heads;
};

struct storm {
	struct event_base *base;
	struct upstreams *upstreams;
	struct config config[2];
	struct slot slots[SLOTS];
	unsigned random, done, cancelled, failed, wrong, ticks;
};

static struct storm storm;

static unsigned
roll(unsigned n)
{
	storm.random = storm.random * 1103515245 + 12345;
	return (storm.random >> 16) % n;
}

/* Something to somebody. */
static void
stir(void)
{
	struct slot *s = &storm.slots[roll(SLOTS)];
	unsigned what = roll(100);

	if (!s->call)
		return;
	if (what < 8) {
		upstream_cancel(s->call);
		s->call = NULL;
		storm.cancelled++;
	} else if (what < 30) {
		upstream_pause(s->call);
		s->paused = true;
	} else if (what < 70) {
		upstream_resume(s->call);
		s->paused = false;
	}
}

static void
storm_head(void *arg, const struct upstream_head *head)
{
	struct slot *s = arg;

	storm.wrong += !s->call || s->heads++ > 0 || head->status != 200;
	stir();
}

static void
storm_body(void *arg, struct mg_span bytes)
{
	struct slot *s = arg;

	storm.wrong += !s->call || s->paused || s->heads != 1 ||
	    bytes.len == 0;
	stir();
}

static void begin(struct slot *slot);

static void
storm_end(void *arg, enum upstream_end end, const char *why)
{
	struct slot *s = arg;

	storm.wrong += !s->call || !why;
	s->call = NULL;
	if (end == UPSTREAM_DONE)
		storm.done++;
	else
		storm.failed++;
	if (roll(2))
		begin(s);
	stir();
}

static void
begin(struct slot *s)
{
	static const struct upstream_handler handlers = { storm_head,
	    storm_body, storm_end };
	struct upstream_request request = {
		.method = span_str("POST"),
		.path = span_str("/v1/chat/completions"),
		.model = span_str("m"),
		.body = span_str(roll(3) ?
		    "{\"stream\":true,\"messages\":[{\"content\":\"rain\"}]}" :
		    "{\"messages\":[{\"content\":\"rain\"}]}"),
	};

	*s = (struct slot){ 0 };
	storm.wrong += upstream_start(storm.upstreams, &request, &handlers,
	    s, &s->call) != PICK_OK;
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	size_t i;

	(void)fd;
	(void)what;
	(void)arg;
	for (i = 0; i < SLOTS; i++) {
		struct slot *s = &storm.slots[i];

		stir();
		if (!s->call && roll(3) == 0) {
			begin(s);
		} else if (s->call && s->paused && roll(10) == 0) {
			upstream_resume(s->call);
			s->paused = false;
		}
	}
	if (++storm.ticks % 20 == 0)
		upstreams_reload(storm.upstreams,
		    &storm.config[storm.ticks / 20 % 2]);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *address, int len, void *arg)
{
	static const struct conn_limits limits = {
		.http1 = { .line_bytes = 8192, .head_bytes = 32768,
		    .head_count = 100, .body_bytes = 1 << 20 },
		.head_total_ms = 9000, .body_idle_ms = 9000,
		.body_total_ms = 9000, .send_idle_ms = 9000,
		.send_buffer = 65536, .keepalive_ms = 9000,
	};

	(void)listener;
	(void)address;
	(void)len;
	conn_new(storm.base, bufferevent_socket_new(storm.base, fd,
	    BEV_OPT_CLOSE_ON_FREE), &limits, backend_service(arg), "test",
	    NULL, NULL);
}

static void
nothing_is_lost_or_mixed_up_in_a_storm(void)
{
	struct backend_options options = { .event_delay_ms = 1 };
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	struct timeval tick = { 0, 5000 }, end = { SECONDS, 0 };
	struct timeval leave = { 0, 500000 };
	struct config_upstream conf[2];
	struct evconnlistener *listener;
	struct mg_error err = { 0 };
	struct backend *backend;
	struct event *timer;
	char url[64];
	int i;

	storm.random = 20;
	storm.base = event_base_new();
	backend = backend_new(storm.base, &options, &err);
	listener = evconnlistener_new_bind(storm.base, on_accept, backend,
	    LEV_OPT_CLOSE_ON_FREE, 256, (struct sockaddr *)&a, sizeof(a));
	getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&a,
	    &len);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", ntohs(a.sin_port));
	for (i = 0; i < 2; i++) {
		conf[i] = (struct config_upstream){
			.name = (char *)(uintptr_t)(i ? "b" : "a"),
			.url = url, .models = any_model, .weight = 1,
			.total_ms = 60000, .answer_bytes = 1 << 20,
		};
		storm.config[i] = (struct config){ .refs = 1,
		    .upstreams = conf + i, .n_upstreams = i ? 1 : 2 };
	}
	storm.upstreams = upstreams_new(storm.base, &storm.config[0]);
	timer = event_new(storm.base, -1, EV_PERSIST, on_tick, NULL);
	event_add(timer, &tick);
	event_base_loopexit(storm.base, &end);
	event_base_dispatch(storm.base);
	event_free(timer);
	CHECK_EQ(storm.wrong, 0);
	CHECK_EQ(storm.failed, 0);
	CHECK(storm.done > 100);
	CHECK(storm.cancelled > 100);
	upstreams_free(storm.upstreams);
	CHECK_EQ(storm.config[0].refs, 1);
	CHECK_EQ(storm.config[1].refs, 1);
	/* The backend sees that all have left. */
	event_base_loopexit(storm.base, &leave);
	event_base_dispatch(storm.base);
	evconnlistener_free(listener);
	backend_free(backend);
	event_base_free(storm.base);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	RUN(nothing_is_lost_or_mixed_up_in_a_storm);
	return CHECK_DONE();
}
