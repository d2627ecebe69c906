/* SPDX-License-Identifier: Apache-2.0 */
/* load.c - the clients of the bench: many connections in one epoll thread.
 *
 * usage: load exchange PORT KEY BODIES CONNECTIONS COUNT
 *        load rate     PORT KEY BODIES CONNECTIONS COUNT PER_SECOND
 *        load stream   PORT KEY BODIES CONNECTIONS EVENTS [hold]
 *        load idle     PORT KEY BODIES CONNECTIONS
 *
 * BODIES is a file with one JSON body a line; they are sent in turn. Every
 * answer is read to its end and checked: status, length, and that the text it
 * must end with is there. exchange keeps all connections busy; rate starts one
 * exchange at each due time and counts its wait from then, so that a slow
 * proxy cannot hide behind a slow client; stream runs one stream on each
 * connection; idle makes one exchange on each and keeps them open. idle, and
 * stream with hold, print "ready" and end when standard input does.
 *
 * The last line is JSON: done, failed, events, seconds, p50_us, p99_us.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_BODIES 256
#define IN_BYTES 16384

enum mode { EXCHANGE, RATE, STREAM, IDLE };

struct conn {
	int fd;
	bool busy;
	bool head_done, chunked;
	uint64_t body_left;	/* of a body with a length */
	int64_t began_us;
	uint64_t events;
	bool saw_end;		/* the text that the answer must end with */
	size_t have;
	char in[IN_BYTES];
};

static struct {
	enum mode mode;
	uint16_t port;
	char *body[MAX_BODIES];		/* whole requests */
	size_t body_len[MAX_BODIES];
	size_t n_bodies, next_body;
	struct conn *conns;
	size_t n_conns;
	uint64_t wanted, started, done, failed, events, begun_streams;
	uint64_t events_each;
	double per_second;
	int64_t began_us;
	uint32_t *waits;		/* microseconds, one per exchange */
	int poll_fd;
	bool hold;
} load;

static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static _Noreturn void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
read_bodies(const char *path, const char *key)
{
	FILE *in = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (!in)
		die(path);
	while ((n = getline(&line, &cap, in)) > 1 &&
	    load.n_bodies < MAX_BODIES) {
		size_t i = load.n_bodies++;
		int len;

		n -= line[n - 1] == '\n';
		len = asprintf(&load.body[i], "POST /v1/chat/completions "
		    "HTTP/1.1\r\nHost: bench.test\r\nAuthorization: Bearer %s"
		    "\r\nContent-Type: application/json\r\nAccept: */*\r\n"
		    "User-Agent: bench/1\r\nContent-Length: %zd\r\n\r\n%.*s",
		    key, n, (int)n, line);
		if (len < 0)
			die("load: memory");
		load.body_len[i] = (size_t)len;
	}
	free(line);
	fclose(in);
	if (load.n_bodies == 0) {
		fputs("load: no bodies\n", stderr);
		exit(1);
	}
}

static void
open_conn(struct conn *c)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(load.port) };
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	int one = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to,
	    sizeof(to)) < 0)
		die("load: connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	c->busy = false;
	if (epoll_ctl(load.poll_fd, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		die("load: epoll");
}

/* Sends the next body. due_us: since when the exchange counts. */
static void
start(struct conn *c, int64_t due_us)
{
	size_t i = load.next_body++ % load.n_bodies;

	c->busy = true;
	c->head_done = c->chunked = c->saw_end = false;
	c->body_left = 0;
	c->events = 0;
	c->have = 0;
	c->began_us = due_us;
	load.started++;
	if (send(c->fd, load.body[i], load.body_len[i], MSG_NOSIGNAL) !=
	    (ssize_t)load.body_len[i]) {
		fprintf(stderr, "load: send: %s\n", strerror(errno));
		load.failed++;
		c->busy = false;
	}
}

static void
finish(struct conn *c, bool ok)
{
	int64_t took = now_us() - c->began_us;

	c->busy = false;
	if (ok && c->saw_end && (load.mode != STREAM ||
	    c->events == load.events_each + 1)) {
		if (load.waits)
			load.waits[load.done] = (uint32_t)took;
		load.done++;
	} else {
		if (load.failed++ == 0)
			fprintf(stderr, "load: bad answer, %llu events: "
			    "%.*s\n", (unsigned long long)c->events,
			    (int)(c->have < 600 ? c->have : 600), c->in);
	}
	load.events += c->events;
	if (load.mode == EXCHANGE && load.started < load.wanted)
		start(c, now_us());
}

static uint64_t
count_of(const char *text, size_t len, const char *what)
{
	const char *end = text + len;
	uint64_t n = 0;

	while ((text = memmem(text, (size_t)(end - text), what,
	    strlen(what)))) {
		text += strlen(what);
		n++;
	}
	return n;
}

/* Looks at what has come of a stream; lines may be cut anywhere, so all but
 * the last bytes of an open line is taken. */
static void
read_stream(struct conn *c)
{
	char *last = memrchr(c->in, '\n', c->have);
	size_t used = last ? (size_t)(last - c->in) + 1 : 0;
	uint64_t n = c->saw_end ? 0 : count_of(c->in, used, "data: ");

	if (n > 0 && c->events == 0)
		load.begun_streams++;
	c->events += n;
	if (memmem(c->in, used, "data: [DONE]", 12))
		c->saw_end = true;
	if (c->saw_end && memmem(c->in, c->have, "\r\n0\r\n\r\n", 7)) {
		finish(c, true);
		return;
	}
	/* Keep [DONE] in sight until the last chunk is there. */
	if (!c->saw_end) {
		c->have -= used;
		memmove(c->in, c->in + used, c->have);
	}
}

static void
read_whole(struct conn *c)
{
	if (c->have < c->body_left)
		return;
	c->saw_end = memmem(c->in, c->have, "\"finish_reason\":\"stop\"", 22);
	finish(c, c->have == c->body_left);
}

/* Takes the head off. False while it is not whole. */
static bool
read_head(struct conn *c)
{
	char *end = memmem(c->in, c->have, "\r\n\r\n", 4), *at;
	size_t head;

	if (!end)
		return false;
	head = (size_t)(end - c->in) + 4;
	if (memcmp(c->in, "HTTP/1.1 200", 12) != 0) {
		finish(c, false);
		return false;
	}
	*end = '\0';
	at = strcasestr(c->in, "\r\nContent-Length:");
	if (at)
		c->body_left = strtoull(at + 17, NULL, 10);
	c->chunked = !at;
	c->head_done = true;
	c->have -= head;
	memmove(c->in, c->in + head, c->have);
	return true;
}

static void
readable(struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->have, IN_BYTES - c->have, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		epoll_ctl(load.poll_fd, EPOLL_CTL_DEL, c->fd, NULL);
		close(c->fd);
		if (c->busy)
			finish(c, false);
		if (load.mode != IDLE)
			open_conn(c);
		return;
	}
	c->have += (size_t)n;
	if (!c->head_done && !read_head(c))
		return;
	if (load.mode == STREAM)
		read_stream(c);
	else if (!c->chunked)
		read_whole(c);
	else if (memmem(c->in, c->have, "\r\n0\r\n\r\n", 7)) {
		c->saw_end = memmem(c->in, c->have, "\"stop\"", 6);
		finish(c, true);
	}
}

/* Starts what is due; returns how long may be waited, in milliseconds. */
static int
start_due(void)
{
	static size_t at;
	size_t tried;
	double us = 1e6 / load.per_second;

	while (load.started < load.wanted) {
		int64_t due = load.began_us +
		    (int64_t)((double)load.started * us);
		int64_t wait = due - now_us();

		/* Read the clock once: a negative wait is for ever. */
		if (wait > 0)
			return (int)(wait / 1000);
		for (tried = 0; tried < load.n_conns; tried++)
			if (!load.conns[++at % load.n_conns].busy)
				break;
		if (tried == load.n_conns)
			return 1;
		start(&load.conns[at % load.n_conns], due);
	}
	return 1;
}

static void
begin(void)
{
	size_t i;

	load.began_us = now_us();
	if (load.mode == RATE)
		return;
	for (i = 0; i < load.n_conns && load.started < load.wanted; i++) {
		start(&load.conns[i], now_us());
		/* Streams begin spread over one interval. */
		if (load.mode == STREAM)
			usleep((useconds_t)(20000 / load.n_conns));
	}
}

/* Keeps what is open until standard input ends. */
static void
hold(void)
{
	char c;

	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		continue;
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
print_result(double seconds)
{
	uint32_t p50 = 0, p99 = 0;

	if (load.waits && load.done > 0) {
		qsort(load.waits, load.done, sizeof(*load.waits), compare);
		p50 = load.waits[load.done / 2];
		p99 = load.waits[load.done * 99 / 100];
	}
	printf("{\"done\":%llu,\"failed\":%llu,\"events\":%llu,"
	    "\"seconds\":%.3f,\"p50_us\":%u,\"p99_us\":%u}\n",
	    (unsigned long long)load.done, (unsigned long long)load.failed,
	    (unsigned long long)load.events, seconds, p50, p99);
}

static bool
is_finished(void)
{
	if (load.hold && load.begun_streams + load.failed == load.n_conns)
		return true;
	return load.done + load.failed >= load.wanted;
}

static void
run(void)
{
	struct epoll_event ready[256];
	int64_t last = now_us();
	uint64_t seen = 0;
	int i, n;

	begin();
	while (!is_finished()) {
		n = epoll_wait(load.poll_fd, ready, 256,
		    load.mode == RATE ? start_due() : 1000);
		for (i = 0; i < n; i++)
			readable(ready[i].data.ptr);
		if (n > 0 || load.done != seen)
			last = now_us();
		seen = load.done;
		if (now_us() - last > 20 * 1000000) {
			fputs("load: nothing came for 20 s\n", stderr);
			load.failed += load.wanted - load.done - load.failed;
		}
	}
}

static int
usage(void)
{
	fputs("usage: load exchange|rate|stream|idle PORT KEY BODIES "
	    "CONNECTIONS [COUNT|EVENTS] [PER_SECOND|hold]\n", stderr);
	return 2;
}

int
main(int argc, char **argv)
{
	static const char *const modes[] = { "exchange", "rate", "stream",
		"idle" };
	size_t i;
	double seconds;

	for (i = 0; i < 4; i++)
		if (argc > 5 && strcmp(argv[1], modes[i]) == 0)
			break;
	if (argc < 6 || i == 4 || (argc < 7 && i != IDLE) ||
	    (argc < 8 && i == RATE))
		return usage();
	signal(SIGPIPE, SIG_IGN);
	load.mode = (enum mode)i;
	load.port = (uint16_t)strtoul(argv[2], NULL, 10);
	read_bodies(argv[4], argv[3]);
	load.n_conns = strtoul(argv[5], NULL, 10);
	load.wanted = load.mode == EXCHANGE || load.mode == RATE ?
	    strtoull(argv[6], NULL, 10) : load.n_conns;
	load.events_each = load.mode == STREAM ?
	    strtoull(argv[6], NULL, 10) : 0;
	load.per_second = load.mode == RATE ? strtod(argv[7], NULL) : 0;
	load.hold = load.mode == STREAM && argc > 7;
	load.poll_fd = epoll_create1(0);
	load.conns = calloc(load.n_conns, sizeof(*load.conns));
	load.waits = calloc(load.wanted + 1, sizeof(*load.waits));
	if (!load.conns || !load.waits)
		die("load: memory");
	for (i = 0; i < load.n_conns; i++)
		open_conn(&load.conns[i]);
	run();
	seconds = (double)(now_us() - load.began_us) / 1e6;
	if (load.mode == IDLE || load.hold)
		hold();
	print_result(seconds);
	return load.failed ? 1 : 0;
}
