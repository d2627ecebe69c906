/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_backend.c - `modgate backend`: options, a listener, signals. */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "gateway/backend.h"
#include "gateway/cmd.h"

struct client {
	struct conn *conn;
	struct server *server;
	LIST_ENTRY(client) link;
};

struct server {
	struct event_base *base;
	struct backend *backend;
	struct evconnlistener *listener;
	struct event *signals[2];
	LIST_HEAD(, client) clients;
};

static const struct conn_limits limits = {
	.http1 = { .line_bytes = 8192, .head_bytes = 32768,
	    .head_count = 200, .body_bytes = 64 << 20 },
	.head_total_ms = 10000, .body_idle_ms = 10000,
	.body_total_ms = 120000, .send_idle_ms = 60000,
	.send_buffer = 256 * 1024, .keepalive_ms = 300000,
};

static void
usage(FILE *out)
{
	fputs("usage: modgate backend [options]\n\n"
	    "A small server that speaks OpenAI's API, for demos, tests and\n"
	    "benchmarks. THERE IS NO MODEL IN IT: it recites a few poems,\n"
	    "chosen by words of the prompt, repeats what it is told, or plays\n"
	    "files. Never put it in front of users.\n\n"
	    "  A prompt with [echo] TEXT is answered with TEXT; with [say] "
	    "TEXT,\n  with TEXT up to the end of its line.\n\n"
	    "  --listen HOST:PORT  numeric address; port 0: any free one\n"
	    "                      (127.0.0.1:9000)\n"
	    "  --delay MS          before an answer begins (0)\n"
	    "  --event-delay MS    between the events of a stream, or the\n"
	    "                      pieces of --cut (0)\n"
	    "  --delta N           characters per event (1 to 4 in turn)\n"
	    "  --cut N             write bodies in pieces of N bytes\n"
	    "  --canned N          answer everything with N bytes of fixed\n"
	    "                      text and do not read the request, but for\n"
	    "                      \"stream\":true (for benchmarks)\n"
	    "  --script DIR        a body equal to DIR/NAME.request.json, or\n"
	    "                      the header x-backend-script: NAME, is\n"
	    "                      answered with NAME.response.json, with\n"
	    "                      NAME.stream.sse if it asks for a stream,\n"
	    "                      or with NAME.json {status, headers, body};\n"
	    "                      the header only where it is asked directly:\n"
	    "                      a gateway before it passes none on\n"
	    "  --help\n\n"
	    "Prints \"listening on HOST:PORT\" when it is ready; ends with\n"
	    "status 0 on SIGTERM or SIGINT.\n\n"
	    "example: modgate backend --listen 127.0.0.1:0 --event-delay 20\n",
	    out);
}

static void
on_free(void *arg, struct conn *conn)
{
	struct client *client = arg;

	(void)conn;
	LIST_REMOVE(client, link);
	free(client);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *address, int len, void *arg)
{
	struct server *s = arg;
	struct client *client;
	struct bufferevent *bev;
	int on = 1;

	(void)listener;
	(void)address;
	(void)len;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!bev) {
		evutil_closesocket(fd);
		return;
	}
	client = xcalloc(1, sizeof(*client));
	client->server = s;
	LIST_INSERT_HEAD(&s->clients, client, link);
	client->conn = conn_new(s->base, bev, &limits,
	    backend_service(s->backend), "client", on_free, client);
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	struct server *s = arg;

	(void)number;
	(void)what;
	event_base_loopbreak(s->base);
}

static int
print_address(struct server *s)
{
	struct sockaddr_storage bound;
	socklen_t len = sizeof(bound);
	char text[64], port[8];

	if (getsockname(evconnlistener_get_fd(s->listener),
	    (struct sockaddr *)&bound, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&bound, len, text, sizeof(text),
	    port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return -1;
	printf(strchr(text, ':') ? "listening on [%s]:%s\n" :
	    "listening on %s:%s\n", text, port);
	return fflush(stdout);
}

/* HOST:PORT, [V6]:PORT. libevent would refuse port 0, hence by hand. */
static bool
parse_address(const char *where, struct sockaddr_storage *address, int *len)
{
	const char *colon = strrchr(where, ':');
	uint64_t port = 0;
	char host[64];

	if (!colon || (size_t)(colon - where) >= sizeof(host) ||
	    !span_to_u64(span_str(colon + 1), &port) || port > UINT16_MAX)
		return false;
	memcpy(host, where, (size_t)(colon - where));
	host[colon - where] = '\0';
	memset(address, 0, sizeof(*address));
	if (evutil_parse_sockaddr_port(host, (struct sockaddr *)address,
	    len) < 0)
		return false;
	if (address->ss_family == AF_INET6)
		((struct sockaddr_in6 *)address)->sin6_port =
		    htons((uint16_t)port);
	else
		((struct sockaddr_in *)address)->sin_port =
		    htons((uint16_t)port);
	return true;
}

static int
open_server(struct server *s, const char *where,
    const struct backend_options *options, struct mg_error *err)
{
	struct sockaddr_storage address;
	int len = sizeof(address);

	if (!parse_address(where, &address, &len))
		return mg_fail(err, NULL, "--listen: '%s' is no HOST:PORT "
		    "with a numeric host", where);
	s->base = event_base_new();
	s->backend = backend_new(s->base, options, err);
	if (!s->backend)
		return -1;
	s->listener = evconnlistener_new_bind(s->base, on_accept, s,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC,
	    1024, (struct sockaddr *)&address, len);
	if (!s->listener)
		return mg_fail(err, NULL, "--listen %s: %s", where,
		    strerror(errno));
	s->signals[0] = evsignal_new(s->base, SIGTERM, on_signal, s);
	s->signals[1] = evsignal_new(s->base, SIGINT, on_signal, s);
	evsignal_add(s->signals[0], NULL);
	evsignal_add(s->signals[1], NULL);
	return 0;
}

static void
close_server(struct server *s)
{
	struct client *client;
	int i;

	if (s->listener)
		evconnlistener_free(s->listener);
	LIST_FOREACH(client, &s->clients, link)
		conn_abort(client->conn);
	for (i = 0; i < 1000 && !LIST_EMPTY(&s->clients); i++)
		event_base_loop(s->base, EVLOOP_NONBLOCK);
	for (i = 0; i < 2; i++)
		if (s->signals[i])
			event_free(s->signals[i]);
	if (LIST_EMPTY(&s->clients))
		backend_free(s->backend);
	if (s->base)
		event_base_free(s->base);
}

static int
read_number(const char *name, const char *text, uint64_t max, uint64_t *out)
{
	if (span_to_u64(span_str(text), out) && *out <= max)
		return 0;
	fprintf(stderr, "modgate backend: --%s: '%s' is no number from 0 to "
	    "%llu\n", name, text, (unsigned long long)max);
	return -1;
}

/* Fills options and *where. Returns -1 to go on, else the exit status. */
static int
read_options(int argc, char **argv, struct backend_options *options,
    const char **where)
{
	static const struct option known[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "delay", required_argument, NULL, 'd' },
		{ "event-delay", required_argument, NULL, 'e' },
		{ "delta", required_argument, NULL, 'n' },
		{ "cut", required_argument, NULL, 'c' },
		{ "canned", required_argument, NULL, 'b' },
		{ "script", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t number = 0;
	int c, at;

	while ((c = getopt_long(argc, argv, "h", known, &at)) >= 0) {
		if (c == '?') {
			fputs("see modgate backend --help\n", stderr);
			return CMD_WRONG;
		}
		if (c == 'h') {
			usage(stdout);
			return CMD_DONE;
		}
		if (c != 'l' && c != 's' && read_number(known[at].name,
		    optarg, 1 << 24, &number) < 0)
			return CMD_WRONG;
		switch (c) {
		case 'l': *where = optarg; break;
		case 's': options->script = optarg; break;
		case 'd': options->delay_ms = (uint32_t)number; break;
		case 'e': options->event_delay_ms = (uint32_t)number; break;
		case 'n': options->delta = (size_t)number; break;
		case 'c': options->cut = (size_t)number; break;
		case 'b': options->canned = (size_t)number; break;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "modgate backend: '%s' is too much; see "
		    "modgate backend --help\n", argv[optind]);
		return CMD_WRONG;
	}
	return -1;
}

int
cmd_backend(int argc, char **argv)
{
	struct backend_options options = { 0 };
	const char *where = "127.0.0.1:9000";
	struct server s = { 0 };
	struct mg_error err = { 0 };
	int status = read_options(argc, argv, &options, &where);

	if (status >= 0)
		return status;
	signal(SIGPIPE, SIG_IGN);
	status = CMD_DONE;
	if (open_server(&s, where, &options, &err) < 0 ||
	    print_address(&s) < 0) {
		fprintf(stderr, "modgate backend: %s\n", err.text[0] ?
		    err.text : "cannot say where it listens");
		status = CMD_WRONG;
	} else {
		event_base_dispatch(s.base);
	}
	close_server(&s);
	return status;
}
