/* SPDX-License-Identifier: Apache-2.0 */
/* origin.c - the backend of the bench: canned answers, as fast as can be.
 *
 * usage: origin PORT
 *
 * One epoll thread. A POST gets a chat completion of 1 KB; one whose body says
 * "stream":true gets events, and "seed":N says how many and how often: N is
 * events * 1000 + milliseconds between them. GET /count tells how many POSTs
 * there were. Only the proxies of the bench talk to it, so requests are read
 * just well enough for them.
 */
#include <arpa/inet.h>
#include <errno.h>
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

#define MAX_FD 65536
#define IN_BYTES (256 * 1024)

struct peer {
	int fd;
	char *in;		/* owned; freed when nothing is left in it */
	size_t have;
	uint32_t events_left, interval_ms;
	int64_t next_ms;
	size_t slot;		/* in streams[], while events_left > 0 */
};

static struct peer *peers[MAX_FD];
static struct peer *streams[MAX_FD];
static size_t n_streams;
static uint64_t posts;
static char answer[2048];
static size_t answer_len;
static int poll_fd;

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A chat completion whose JSON is 1,024 bytes. */
static void
make_answer(void)
{
	static const char begin[] = "{\"id\":\"chatcmpl-bench\",\"object\":"
	    "\"chat.completion\",\"created\":1700000000,\"model\":\"bench\","
	    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
	    "\"content\":\"";
	static const char end[] = "\"},\"finish_reason\":\"stop\"}],\"usage\":"
	    "{\"prompt_tokens\":900,\"completion_tokens\":200,"
	    "\"total_tokens\":1100}}";
	static const char text[] = "春风又绿江南岸，the river carries petals "
	    "past the gate。";
	char body[1024];
	size_t at = sizeof(begin) - 1, stop = sizeof(body) - sizeof(end) + 1;

	memset(body, '.', sizeof(body));
	memcpy(body, begin, at);
	while (at + sizeof(text) - 1 <= stop) {
		memcpy(body + at, text, sizeof(text) - 1);
		at += sizeof(text) - 1;
	}
	memcpy(body + stop, end, sizeof(end) - 1);
	answer_len = (size_t)snprintf(answer, sizeof(answer), "HTTP/1.1 200 "
	    "OK\r\nContent-Type: application/json\r\nContent-Length: %zu"
	    "\r\n\r\n", sizeof(body));
	memcpy(answer + answer_len, body, sizeof(body));
	answer_len += sizeof(body);
}

static void
drop(struct peer *p)
{
	if (p->events_left > 0) {
		streams[p->slot] = streams[--n_streams];
		streams[p->slot]->slot = p->slot;
	}
	close(p->fd);
	peers[p->fd] = NULL;
	free(p->in);
	free(p);
}

/* False when the peer is gone; it was dropped then. Our answers are small
 * enough for any socket's buffer. */
static bool
put(struct peer *p, const char *ptr, size_t len)
{
	if (send(p->fd, ptr, len, MSG_NOSIGNAL) == (ssize_t)len)
		return true;
	drop(p);
	return false;
}

static bool
begin_stream(struct peer *p, uint64_t seed)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: "
	    "text/event-stream\r\nX-Accel-Buffering: no\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n";

	p->events_left = (uint32_t)(seed / 1000) + 1;
	p->interval_ms = (uint32_t)(seed % 1000);
	p->next_ms = now_ms() + p->interval_ms;
	p->slot = n_streams;
	streams[n_streams++] = p;
	return put(p, head, sizeof(head) - 1);
}

/* The next event; the last one is [DONE] with the end of the body. */
static void
put_event(struct peer *p)
{
	static const char done[] = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";
	char event[512], out[600];
	int n;

	if (p->events_left == 1) {
		streams[p->slot] = streams[--n_streams];
		streams[p->slot]->slot = p->slot;
		p->events_left = 0;
		put(p, done, sizeof(done) - 1);
		return;
	}
	n = snprintf(event, sizeof(event), "data: {\"id\":\"chatcmpl-bench\","
	    "\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
	    "\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":"
	    "{\"content\":\"春 %u river \"},\"finish_reason\":%s}]}\n\n",
	    p->events_left, p->events_left == 2 ? "\"stop\"" : "null");
	n = snprintf(out, sizeof(out), "%x\r\n%.*s\r\n", (unsigned)n, n, event);
	p->events_left--;
	p->next_ms += p->interval_ms;
	put(p, out, (size_t)n);
}

static void
run_streams(void)
{
	int64_t now = now_ms();
	size_t i;

	/* Backwards: put_event() may move the last one into place i. */
	for (i = n_streams; i-- > 0;)
		if (i < n_streams && streams[i]->next_ms <= now)
			put_event(streams[i]);
}

/* The number behind key in text, 0 if there is none. */
static uint64_t
number_after(const char *text, size_t len, const char *key)
{
	const char *at = memmem(text, len, key, strlen(key));
	const char *end = text + len;
	uint64_t n = 0;

	if (!at)
		return 0;
	at += strlen(key);
	while (at < end && *at == ' ')
		at++;
	for (; at < end && *at >= '0' && *at <= '9'; at++)
		n = n * 10 + (uint64_t)(*at - '0');
	return n;
}

static bool
put_count(struct peer *p)
{
	char body[32], out[160];
	int n = snprintf(body, sizeof(body), "%llu\n",
	    (unsigned long long)posts);

	n = snprintf(out, sizeof(out), "HTTP/1.1 200 OK\r\nContent-Type: "
	    "text/plain\r\nContent-Length: %d\r\n\r\n%s", n, body);
	return put(p, out, (size_t)n);
}

/* Answers one request if it is whole. Returns its bytes, 0 if it is not, or -1
 * when the peer is gone. */
static ssize_t
answer_one(struct peer *p)
{
	const char *end = memmem(p->in, p->have, "\r\n\r\n", 4), *body;
	size_t head, length;
	bool ok;

	if (!end)
		return 0;
	head = (size_t)(end - p->in) + 4;
	length = number_after(p->in, head, "Content-Length:");
	if (length == 0)
		length = number_after(p->in, head, "content-length:");
	if (p->have < head + length)
		return 0;
	body = p->in + head;
	if (p->in[0] == 'G') {
		ok = put_count(p);
	} else {
		posts++;
		ok = memmem(body, length, "\"stream\":true", 13) ?
		    begin_stream(p, number_after(body, length, "\"seed\":")) :
		    put(p, answer, answer_len);
	}
	return ok ? (ssize_t)(head + length) : -1;
}

static void
readable(struct peer *p)
{
	ssize_t n;

	if (!p->in)
		p->in = malloc(IN_BYTES);
	if (!p->in)
		abort();
	n = recv(p->fd, p->in + p->have, IN_BYTES - p->have, 0);
	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			drop(p);
		return;
	}
	p->have += (size_t)n;
	while (p->have > 0) {
		n = answer_one(p);
		if (n < 0)
			return;
		if (n == 0)
			break;
		p->have -= (size_t)n;
		memmove(p->in, p->in + n, p->have);
	}
	if (p->have == 0) {
		free(p->in);
		p->in = NULL;
	}
}

static void
take_peers(int listener)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int fd, one = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct peer *p = calloc(1, sizeof(*p));

		if (!p || fd >= MAX_FD)
			abort();
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		p->fd = fd;
		peers[fd] = p;
		ev.data.fd = fd;
		epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &ev);
	}
}

static int
listen_on(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons(port) };
	struct epoll_event ev = { .events = EPOLLIN };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(fd, 4096) < 0) {
		perror("origin: listen");
		exit(1);
	}
	ev.data.fd = fd;
	epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &ev);
	return fd;
}

int
main(int argc, char **argv)
{
	struct epoll_event ready[256];
	int listener, i, n;

	if (argc != 2) {
		fputs("usage: origin PORT\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	make_answer();
	poll_fd = epoll_create1(0);
	listener = listen_on((uint16_t)strtoul(argv[1], NULL, 10));
	for (;;) {
		n = epoll_wait(poll_fd, ready, 256, n_streams ? 1 : 1000);
		for (i = 0; i < n; i++) {
			int fd = ready[i].data.fd;

			if (fd == listener)
				take_peers(listener);
			else if (peers[fd])
				readable(peers[fd]);
		}
		run_streams();
	}
}
