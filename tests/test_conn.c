/* SPDX-License-Identifier: Apache-2.0 */
/* test_conn.c - a conn on a real event loop, with a small service behind it
 * and a raw socket before it.
 *
 * The service does what the path says and writes down every call it gets; the
 * client says bytes and listens. Time limits are a tenth of a second or so. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/bufferevent.h>
#include <event2/event.h>

#include "gateway/conn.h"
#include "tests/check.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true		/* malloc keeps no account there */
#else
#define SANITIZED false
#endif

struct request {
	struct rig *rig;
	struct conn *conn;
	struct buf path, body;
	size_t to_send;		/* /flood: bytes not yet sent */
};

struct rig {
	struct event_base *base;
	struct conn *conn;
	int fd;			/* the client's end; -1: closed */
	struct conn_limits limits;
	struct conn_service service;
	struct buf calls;	/* what the service was called with */
	struct buf heard;	/* what the client got */
	bool eof, reset, freed;
	bool shares_base;	/* another rig frees it */
	struct request *request;	/* the last one, while it lives */
};

/* ---- the service ---- */

static void
answer(struct conn *conn, int status, const char *text)
{
	static const struct http1_field type =
	    { { "Content-Type", 12 }, { "text/plain", 10 } };

	conn_answer(conn, status, &type, 1, (int64_t)strlen(text));
	conn_send(conn, span_str(text));
	conn_finish(conn);
}

static void
flood(struct request *q)
{
	static const char piece[4096];

	while (q->to_send > 0 &&
	    conn_backlog(q->conn) <= q->rig->limits.send_buffer) {
		conn_send(q->conn, span(piece, sizeof(piece)));
		q->to_send -= sizeof(piece);
	}
	if (q->to_send == 0)
		conn_finish(q->conn);
}

static void *
on_head(void *arg, struct conn *conn, const struct http1_head *head)
{
	struct rig *rig = arg;
	struct request *q = xcalloc(1, sizeof(*q));

	q->rig = rig;
	q->conn = conn;
	buf_add_span(&q->path, head->path);
	buf_addf(&rig->calls, "head %.*s;", (int)head->path.len,
	    head->path.ptr);
	rig->request = q;
	if (span_is(head->path, "/echo") || span_is(head->path, "/chunks") ||
	    span_is(head->path, "/small"))
		conn_take_body(conn, span_is(head->path, "/small") ? 4 : 0);
	if (span_is(head->path, "/early"))
		answer(conn, 401, "no");
	if (span_is(head->path, "/abort")) {
		conn_answer(conn, 200, NULL, 0, -1);
		conn_send(conn, span_str("part"));
		conn_abort(conn);
		conn_send(conn, span_str("never"));
	}
	if (span_is(head->path, "/drop"))
		conn_abort(conn);
	return q;
}

static void
on_body(void *arg, struct mg_span bytes)
{
	struct request *q = arg;

	buf_add_span(&q->body, bytes);
}

static void
on_end(void *arg)
{
	struct request *q = arg;
	size_t i;

	buf_add_str(&q->rig->calls, "end;");
	if (span_is(buf_span(&q->path), "/echo")) {
		conn_answer(q->conn, 200, NULL, 0, (int64_t)q->body.len);
		conn_send(q->conn, buf_span(&q->body));
		conn_finish(q->conn);
	} else if (span_is(buf_span(&q->path), "/chunks")) {
		conn_answer(q->conn, 200, NULL, 0, -1);
		for (i = 0; i < q->body.len; i++)
			conn_send(q->conn, span(q->body.ptr + i, 1));
		conn_finish(q->conn);
	} else if (span_is(buf_span(&q->path), "/short")) {
		conn_answer(q->conn, 200, NULL, 0, 10);
		conn_send(q->conn, span_str("five."));
		conn_finish(q->conn);
	} else if (span_is(buf_span(&q->path), "/long")) {
		conn_answer(q->conn, 200, NULL, 0, 2);
		conn_send(q->conn, span_str("five."));
		conn_finish(q->conn);
	} else if (span_is(buf_span(&q->path), "/none")) {
		conn_answer(q->conn, 204, NULL, 0, -1);
		conn_finish(q->conn);
	} else if (span_is(buf_span(&q->path), "/flood")) {
		q->to_send = 4 << 20;
		conn_answer(q->conn, 200, NULL, 0, 4 << 20);
		flood(q);
	} else if (span_is(buf_span(&q->path), "/begin")) {
		conn_answer(q->conn, 200, NULL, 0, -1);
		conn_send(q->conn, span_str("part"));
	} else if (span_is(buf_span(&q->path), "/last")) {
		conn_close_after(q->conn);
		answer(q->conn, 200, "bye");
	}
}

static void
on_fault(void *arg, const struct http1_fault *fault)
{
	struct request *q = arg;

	buf_addf(&q->rig->calls, "fault %d;", fault->status);
	answer(q->conn, fault->status, fault->phrase);
}

static void
on_room(void *arg)
{
	struct request *q = arg;

	if (!strstr(buf_cstr(&q->rig->calls), "room;"))
		buf_add_str(&q->rig->calls, "room;");
	flood(q);
}

static void
on_gone(void *arg)
{
	struct request *q = arg;

	buf_add_str(&q->rig->calls, "gone;");
	/* Neither may do harm. */
	conn_send(q->conn, span_str("late"));
	conn_abort(q->conn);
}

static void
on_done(void *arg)
{
	struct request *q = arg;

	buf_add_str(&q->rig->calls, "done;");
	q->rig->request = NULL;
	buf_fini(&q->path);
	buf_fini(&q->body);
	free(q);
}

static void
refuse_body(void *arg, struct conn *conn, const struct http1_fault *fault,
    struct buf *body, char id[CONN_ID])
{
	(void)arg;
	(void)conn;
	(void)id;
	buf_addf(body, "{\"e\":%d}", fault->status);
}

static void
on_free(void *arg, struct conn *conn)
{
	struct rig *rig = arg;

	CHECK(rig->conn == conn);
	rig->freed = true;
	rig->conn = NULL;
}

/* ---- the rig ---- */

static void
tcp_pair(int fd[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), small = 65536;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	/* So that the kernel does not swallow a flood by itself. */
	(void)setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &small,
	    sizeof(small));
	(void)setsockopt(fd[0], SOL_SOCKET, SO_RCVBUF, &small,
	    sizeof(small));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    listen(listener, 1) != 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &len) != 0 ||
	    connect(fd[0], (struct sockaddr *)&at, sizeof(at)) != 0)
		abort();
	fd[1] = accept(listener, NULL, NULL);
	close(listener);
}

static void
rig_set(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	rig->limits = (struct conn_limits){
		.http1 = { .line_bytes = 1024, .head_bytes = 8192,
		    .head_count = 20, .body_bytes = 100000 },
		.head_total_ms = 120, .body_idle_ms = 150,
		.body_total_ms = 300, .send_idle_ms = 200,
		.send_buffer = 65536, .keepalive_ms = 400,
	};
	rig->service = (struct conn_service){ on_head, on_body, on_end,
	    on_fault, on_room, on_gone, on_done, refuse_body,
	    NULL, rig };
}

/* limits are set. */
static void
rig_begin(struct rig *rig, bool tcp)
{
	struct bufferevent *bev;
	int fd[2];

	if (tcp)
		tcp_pair(fd);
	else if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) != 0)
		abort();
	rig->fd = fd[0];
	(void)fcntl(fd[0], F_SETFL, O_NONBLOCK);
	(void)fcntl(fd[1], F_SETFL, O_NONBLOCK);
	if (!rig->base)
		rig->base = event_base_new();
	bev = bufferevent_socket_new(rig->base, fd[1], BEV_OPT_CLOSE_ON_FREE);
	rig->conn = conn_new(rig->base, bev, &rig->limits, &rig->service,
	    "192.0.2.1:5", on_free, rig);
}

static void
rig_open(struct rig *rig, bool tcp)
{
	rig_set(rig);
	rig_begin(rig, tcp);
}

static void
hang_up(struct rig *rig)
{
	if (rig->fd >= 0)
		close(rig->fd);
	rig->fd = -1;
}

static void
listen_once(struct rig *rig)
{
	char text[65536];
	ssize_t n;

	if (rig->fd < 0 || rig->eof)
		return;
	while ((n = recv(rig->fd, text, sizeof(text), 0)) > 0)
		buf_add(&rig->heard, text, (size_t)n);
	if (n == 0)
		rig->eof = true;
	else if (errno == ECONNRESET)
		rig->reset = rig->eof = true;
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
turn(struct rig *rig)
{
	struct timespec nap = { 0, 500000 };

	event_base_loop(rig->base, EVLOOP_NONBLOCK);
	nanosleep(&nap, NULL);
}

/* Lets the loop run for so long; the client does not read. */
static void
pass(struct rig *rig, int ms)
{
	int64_t until = now_ms() + ms;

	while (now_ms() < until)
		turn(rig);
}

/* Runs until text was heard (and dropped with all before it); within 2 s. */
static bool
hear(struct rig *rig, const char *text)
{
	int64_t until = now_ms() + 2000;
	const char *at;

	while (now_ms() < until) {
		turn(rig);
		listen_once(rig);
		at = rig->heard.len ? memmem(rig->heard.ptr, rig->heard.len,
		    text, strlen(text)) : NULL;
		if (at) {
			buf_drop(&rig->heard, (size_t)(at - rig->heard.ptr) +
			    strlen(text));
			return true;
		}
		if (rig->eof)
			break;
	}
	fprintf(stderr, "heard \"%.*s\" instead of \"%s\"\n",
	    (int)rig->heard.len, buf_cstr(&rig->heard), text);
	return false;
}

/* Runs until the service's calls are so. */
static bool
called(struct rig *rig, const char *calls)
{
	int64_t until = now_ms() + 2000;

	while (now_ms() < until) {
		turn(rig);
		if (strcmp(buf_cstr(&rig->calls), calls) == 0)
			return true;
	}
	fprintf(stderr, "called \"%s\" instead of \"%s\"\n",
	    buf_cstr(&rig->calls), calls);
	return false;
}

/* Runs until the server has ended its side. */
static bool
ended(struct rig *rig)
{
	int64_t until = now_ms() + 2000;

	while (now_ms() < until && !rig->eof) {
		turn(rig);
		listen_once(rig);
	}
	return rig->eof;
}

static bool
freed(struct rig *rig)
{
	int64_t until = now_ms() + 2000;

	while (now_ms() < until && !rig->freed)
		turn(rig);
	return rig->freed;
}

static void
say_span(struct rig *rig, const char *ptr, size_t len)
{
	while (len > 0) {
		ssize_t n = send(rig->fd, ptr, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return;
		if (n > 0) {
			ptr += n;
			len -= (size_t)n;
		}
		if (len > 0)
			turn(rig);
	}
}

static void
say(struct rig *rig, const char *text)
{
	say_span(rig, text, strlen(text));
}

/* The connection must be gone, or go when the client does; nothing leaks. */
static void
rig_close(struct rig *rig)
{
	hang_up(rig);
	if (rig->conn && rig->request)
		conn_abort(rig->conn);
	CHECK(freed(rig));
	CHECK(!rig->request);
	turn(rig);
	if (!rig->shares_base)
		event_base_free(rig->base);
	buf_fini(&rig->calls);
	buf_fini(&rig->heard);
}

#define RIG(name) \
	struct rig name; \
	rig_open(&name, false)
#define TCP_RIG(name) \
	struct rig name; \
	rig_open(&name, true)
#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST(path, n) "POST " path " HTTP/1.1\r\nHost: h\r\n" \
	"Content-Length: " n "\r\n\r\n"

/* ---- tests ---- */

static void
answers_many_requests_on_one_connection(void)
{
	RIG(rig);

	say(&rig, POST("/echo", "5") "hello");
	CHECK(hear(&rig, "HTTP/1.1 200 OK\r\nDate: "));
	CHECK(hear(&rig, " GMT\r\nContent-Length: 5\r\n\r\nhello"));
	CHECK_EQ(rig.heard.len, 0);
	say(&rig, POST("/echo", "2") "yo");
	CHECK(hear(&rig, "\r\n\r\nyo"));
	CHECK_STR(conn_peer(rig.conn), "192.0.2.1:5");
	CHECK(called(&rig, "head /echo;end;done;head /echo;end;done;"));
	rig_close(&rig);
}

static void
answers_pipelined_requests_in_order(void)
{
	struct buf text = { 0 };
	char body[32];
	int i;
	RIG(rig);

	for (i = 0; i < 50; i++)
		buf_addf(&text, POST("/echo", "2") "%02d", i);
	say_span(&rig, text.ptr, text.len);
	for (i = 0; i < 50; i++) {
		(void)snprintf(body, sizeof(body), "\r\n\r\n%02d", i);
		CHECK(hear(&rig, body));
	}
	buf_fini(&text);
	rig_close(&rig);
}

static void
what_was_pipelined_before_a_fin_is_answered(void)
{
	struct buf text = { 0 };
	size_t i, n = 0;
	RIG(rig);

	for (i = 0; i < 40; i++)
		buf_add_str(&text, GET("/none"));
	say_span(&rig, text.ptr, text.len);
	(void)shutdown(rig.fd, SHUT_WR);
	CHECK(ended(&rig));
	for (i = 0; i + 12 < rig.heard.len; i++)
		n += memcmp(rig.heard.ptr + i, "HTTP/1.1 204", 12) == 0;
	CHECK_EQ(n, 40);
	CHECK(!strstr(buf_cstr(&rig.calls), "gone"));
	buf_fini(&text);
	rig_close(&rig);
}

static void
a_large_body_goes_through_whole(void)
{
	char *text = xmalloc(100000);
	size_t i;
	TCP_RIG(rig);

	for (i = 0; i < 100000; i++)
		text[i] = (char)('a' + i * i % 26);
	say(&rig, POST("/echo", "100000"));
	say_span(&rig, text, 100000);
	CHECK(hear(&rig, "Content-Length: 100000\r\n\r\n"));
	while (rig.heard.len < 100000 && !rig.eof) {
		turn(&rig);
		listen_once(&rig);
	}
	CHECK_EQ(rig.heard.len, 100000);
	CHECK(memcmp(rig.heard.ptr, text, 100000) == 0);
	free(text);
	rig_close(&rig);
}

static void
a_pipelined_request_waits_for_the_answer_before_it(void)
{
	RIG(rig);

	say(&rig, GET("/begin") GET("/echo"));
	CHECK(hear(&rig, "4\r\npart\r\n"));
	pass(&rig, 20);
	CHECK_STR(buf_cstr(&rig.calls), "head /begin;end;");
	conn_finish(rig.conn);
	CHECK(hear(&rig, "0\r\n\r\nHTTP/1.1 200 OK\r\n"));
	CHECK(called(&rig, "head /begin;end;done;head /echo;end;done;"));
	rig_close(&rig);
}

static void
reads_and_writes_chunks(void)
{
	RIG(rig);

	say(&rig, "POST /chunks HTTP/1.1\r\nHost: h\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
	CHECK(hear(&rig, "Transfer-Encoding: chunked\r\n\r\n"
	    "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n"));
	CHECK_EQ(rig.heard.len, 0);
	rig_close(&rig);
}

static void
sends_100_continue_only_when_the_body_is_wanted(void)
{
	RIG(rig);

	say(&rig, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
	    "Expect: 100-continue\r\n\r\n");
	CHECK(hear(&rig, "HTTP/1.1 100 Continue\r\n\r\n"));
	CHECK_EQ(rig.heard.len, 0);
	say(&rig, "ab");
	CHECK(hear(&rig, "HTTP/1.1 200 OK"));
	CHECK(hear(&rig, "\r\n\r\nab"));
	say(&rig, "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
	    "Expect: 100-continue\r\n\r\n");
	CHECK(hear(&rig, "HTTP/1.1 401 "));
	CHECK(hear(&rig, "Connection: close\r\n\r\nno"));
	rig_close(&rig);
}

static void
sends_no_100_continue_for_a_body_that_is_here_or_too_large(void)
{
	RIG(rig);

	say(&rig, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
	    "Expect: 100-continue\r\n\r\nab");
	CHECK(hear(&rig, "HTTP/1.1 "));
	CHECK(hear(&rig, "\r\n\r\nab"));
	CHECK_EQ(rig.heard.len, 0);
	say(&rig, "POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
	    "Expect: 100-continue\r\n\r\n");
	CHECK(hear(&rig, "HTTP/1.1 413 "));
	CHECK(called(&rig, "head /echo;end;done;head /small;fault 413;done;"));
	rig_close(&rig);
}

static void
a_body_may_be_taken_later(void)
{
	RIG(rig);

	say(&rig, POST("/wait", "5") "hel");
	CHECK(called(&rig, "head /wait;"));
	pass(&rig, 200);	/* a body that nobody reads is not late */
	CHECK_EQ(rig.request->body.len, 0);
	conn_take_body(rig.conn, 0);
	say(&rig, "lo");
	CHECK(called(&rig, "head /wait;end;"));
	CHECK_MEM(rig.request->body.ptr, rig.request->body.len, "hello");
	rig_close(&rig);
}

static void
an_answer_before_the_body_was_read_closes(void)
{
	RIG(rig);

	say(&rig, POST("/early", "5") "hello" GET("/echo"));
	CHECK(hear(&rig, "Connection: close\r\n\r\nno"));
	CHECK(ended(&rig));
	CHECK_STR(buf_cstr(&rig.calls), "head /early;done;");
	CHECK(!rig.freed);	/* lingers */
	rig_close(&rig);
}

static void
lingering_is_bounded_in_time(void)
{
	int64_t begun = now_ms();
	RIG(rig);

	say(&rig, POST("/early", "99999") "x");
	CHECK(ended(&rig));
	CHECK(!rig.freed);
	CHECK(freed(&rig));
	CHECK(now_ms() - begun >= 900);
	CHECK(now_ms() - begun < 1600);
	rig_close(&rig);
}

static void
lingering_is_bounded_in_bytes(void)
{
	int64_t begun = now_ms();
	char junk[4096];
	int i;
	RIG(rig);

	memset(junk, 'x', sizeof(junk));
	say(&rig, POST("/early", "99999"));
	CHECK(ended(&rig));
	for (i = 0; i < 20; i++)
		say_span(&rig, junk, sizeof(junk));
	CHECK(freed(&rig));
	CHECK(now_ms() - begun < 900);
	rig_close(&rig);
}

static void
a_bad_head_gets_one_answer_and_nothing_more_is_read(void)
{
	RIG(rig);

	say(&rig, "GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n" GET("/echo"));
	CHECK(hear(&rig, "HTTP/1.1 400 Bad Request\r\n"));
	CHECK(hear(&rig, "Content-Type: application/json\r\n"
	    "Content-Length: 9\r\nConnection: close\r\n\r\n{\"e\":400}"));
	say(&rig, GET("/echo"));
	CHECK(ended(&rig));
	CHECK_EQ(rig.heard.len, 0);
	CHECK_STR(buf_cstr(&rig.calls), "");
	rig_close(&rig);
}

static void
broken_chunks_reach_the_request_as_a_fault(void)
{
	RIG(rig);

	say(&rig, "POST /echo HTTP/1.1\r\nHost: h\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n2\r\nabX" GET("/echo"));
	CHECK(hear(&rig, "HTTP/1.1 400 "));
	CHECK(hear(&rig, "Connection: close\r\n"));
	CHECK(ended(&rig));
	CHECK_STR(buf_cstr(&rig.calls), "head /echo;fault 400;done;");
	rig_close(&rig);
}

static void
a_body_over_the_cap_is_refused(void)
{
	RIG(rig);

	say(&rig, POST("/echo", "100001"));
	CHECK(hear(&rig, "HTTP/1.1 413 "));
	CHECK(hear(&rig, "the body is too large"));
	CHECK(ended(&rig));
	rig_close(&rig);
}

static void
a_slow_head_is_answered_408(void)
{
	int i;
	RIG(rig);

	/* A byte every 30 ms does not help. */
	for (i = 0; i < 50 && rig.heard.len == 0; i++) {
		say(&rig, "G");
		pass(&rig, 30);
		listen_once(&rig);
	}
	CHECK(i >= 4 && i < 20);
	CHECK(hear(&rig, "HTTP/1.1 408 "));
	CHECK(ended(&rig));
	CHECK_STR(buf_cstr(&rig.calls), "");
	rig_close(&rig);
}

static void
a_silent_connection_is_cut_without_a_word(void)
{
	int64_t begun = now_ms();
	RIG(rig);

	CHECK(freed(&rig));
	CHECK(now_ms() - begun >= 110);
	CHECK(now_ms() - begun < 1000);
	CHECK(ended(&rig));
	CHECK_EQ(rig.heard.len, 0);
	rig_close(&rig);
}

static void
an_idle_connection_is_kept_for_keepalive_ms(void)
{
	int64_t begun;
	RIG(rig);

	say(&rig, GET("/echo"));
	CHECK(hear(&rig, "Content-Length: 0\r\n\r\n"));
	begun = now_ms();
	CHECK(freed(&rig));
	CHECK(now_ms() - begun >= 350);
	CHECK(now_ms() - begun < 1500);
	CHECK(ended(&rig));
	CHECK_EQ(rig.heard.len, 0);
	rig_close(&rig);
}

static void
an_idle_connection_gives_its_buffers_back(void)
{
	enum { MANY = 50 };
	static struct rig rigs[MANY];
	size_t before, busy, idle;
	int i;

	for (i = 0; i < MANY; i++) {
		rig_set(&rigs[i]);
		rigs[i].limits.keepalive_ms = 5000;
		rigs[i].shares_base = i > 0;
		rigs[i].base = i ? rigs[0].base : event_base_new();
	}
	before = mallinfo2().uordblks;
	for (i = 0; i < MANY; i++) {
		rig_begin(&rigs[i], false);
		say(&rigs[i], POST("/echo", "5") "hello");
		CHECK(hear(&rigs[i], "hello"));
		/* The rig's own memory does not count. */
		buf_fini(&rigs[i].heard);
		buf_fini(&rigs[i].calls);
	}
	busy = mallinfo2().uordblks - before;
	pass(&rigs[0], 1100);
	idle = mallinfo2().uordblks - before;
	if (!SANITIZED) {
		CHECK(idle + MANY * 1024 < busy);
		CHECK(idle / MANY < 3072);
	}
	for (i = 0; i < MANY; i++) {
		say(&rigs[i], POST("/echo", "3") "yes");
		CHECK(hear(&rigs[i], "yes"));
	}
	for (i = MANY - 1; i >= 0; i--)
		rig_close(&rigs[i]);
}

static void
an_empty_line_does_not_start_the_heads_time(void)
{
	RIG(rig);

	say(&rig, GET("/echo"));
	CHECK(hear(&rig, "Content-Length: 0\r\n\r\n"));
	say(&rig, "\r");
	pass(&rig, 5);
	say(&rig, "\n");
	pass(&rig, 160);
	say(&rig, GET("/echo"));
	CHECK(hear(&rig, "Content-Length: 0\r\n\r\n"));
	rig_close(&rig);
}

static void
a_body_that_stops_is_a_fault(void)
{
	int64_t begun = now_ms();
	RIG(rig);

	say(&rig, POST("/echo", "5") "he");
	CHECK(hear(&rig, "HTTP/1.1 408 "));
	CHECK(now_ms() - begun >= 140);
	CHECK(now_ms() - begun < 1000);
	CHECK(ended(&rig));
	CHECK_STR(buf_cstr(&rig.calls), "head /echo;fault 408;done;");
	rig_close(&rig);
}

static void
a_body_that_trickles_is_a_fault_in_the_end(void)
{
	int64_t begun = now_ms();
	int i;
	RIG(rig);

	say(&rig, POST("/echo", "50"));
	for (i = 0; i < 49 && rig.heard.len == 0; i++) {
		say(&rig, "x");
		pass(&rig, 25);
		listen_once(&rig);
	}
	CHECK(i < 40);
	CHECK(hear(&rig, "HTTP/1.1 408 "));
	CHECK(now_ms() - begun >= 290);
	CHECK_STR(buf_cstr(&rig.calls), "head /echo;fault 408;done;");
	rig_close(&rig);
}

static void
a_client_that_hangs_up_is_noticed_at_once(void)
{
	int64_t begun;
	RIG(rig);

	say(&rig, GET("/begin"));
	CHECK(hear(&rig, "part"));
	begun = now_ms();
	hang_up(&rig);
	CHECK(called(&rig, "head /begin;end;gone;done;"));
	CHECK(now_ms() - begun < 1000);
	CHECK(freed(&rig));
	rig_close(&rig);
}

static void
a_client_that_resets_is_noticed_at_once(void)
{
	struct linger reset = { 1, 0 };
	TCP_RIG(rig);

	say(&rig, GET("/wait"));
	CHECK(called(&rig, "head /wait;end;"));
	(void)setsockopt(rig.fd, SOL_SOCKET, SO_LINGER, &reset,
	    sizeof(reset));
	hang_up(&rig);
	CHECK(called(&rig, "head /wait;end;gone;done;"));
	rig_close(&rig);
}

static void
a_client_that_leaves_in_its_body_is_gone(void)
{
	RIG(rig);

	say(&rig, POST("/echo", "5") "he");
	CHECK(called(&rig, "head /echo;"));
	hang_up(&rig);
	CHECK(called(&rig, "head /echo;gone;done;"));
	rig_close(&rig);
}

static void
a_fin_means_gone_on_1_1_and_not_on_1_0(void)
{
	TCP_RIG(modern);
	TCP_RIG(old);

	say(&modern, GET("/wait"));
	(void)shutdown(modern.fd, SHUT_WR);
	CHECK(called(&modern, "head /wait;end;gone;done;"));
	rig_close(&modern);

	say(&old, "GET /wait HTTP/1.0\r\n\r\n");
	(void)shutdown(old.fd, SHUT_WR);
	pass(&old, 30);
	CHECK_STR(buf_cstr(&old.calls), "head /wait;end;");
	answer(old.conn, 200, "patience");
	CHECK(hear(&old, "Connection: close\r\n\r\npatience"));
	CHECK(ended(&old));
	CHECK(!old.reset);
	CHECK(called(&old, "head /wait;end;done;"));
	rig_close(&old);
}

static void
a_fin_does_not_stop_an_answer_that_was_finished(void)
{
	TCP_RIG(rig);

	rig.limits.send_buffer = 8 << 20;
	say(&rig, GET("/begin"));
	CHECK(called(&rig, "head /begin;end;"));
	rig.request->to_send = 6 << 20;
	flood(rig.request);
	turn(&rig);
	CHECK(conn_backlog(rig.conn) > 0);
	(void)shutdown(rig.fd, SHUT_WR);
	pass(&rig, 20);
	CHECK_STR(buf_cstr(&rig.calls), "head /begin;end;");
	CHECK(hear(&rig, "0\r\n\r\n"));
	CHECK(called(&rig, "head /begin;end;done;"));
	CHECK(freed(&rig));
	rig_close(&rig);
}

static void
a_full_queue_pauses_until_there_is_room(void)
{
	size_t got = 0;
	TCP_RIG(rig);

	say(&rig, GET("/flood"));
	pass(&rig, 50);
	CHECK(conn_backlog(rig.conn) > rig.limits.send_buffer);
	CHECK(conn_backlog(rig.conn) < rig.limits.send_buffer + 8192);
	CHECK(rig.request && rig.request->to_send > 0);
	CHECK(hear(&rig, "Content-Length: 4194304\r\n\r\n"));
	while (got + rig.heard.len < 4 << 20 && !rig.eof) {
		got += rig.heard.len;
		buf_clear(&rig.heard);
		turn(&rig);
		listen_once(&rig);
	}
	CHECK_EQ(got + rig.heard.len, 4 << 20);
	CHECK(called(&rig, "head /flood;end;room;done;"));
	rig_close(&rig);
}

static void
a_client_that_takes_nothing_is_cut(void)
{
	int64_t begun = now_ms();
	TCP_RIG(rig);

	say(&rig, GET("/flood"));
	CHECK(freed(&rig));
	CHECK(now_ms() - begun >= 190);
	CHECK(now_ms() - begun < 1500);
	CHECK(strstr(buf_cstr(&rig.calls), "gone;done;"));
	rig_close(&rig);
}

static void
a_client_that_takes_slowly_is_not_cut(void)
{
	char some[65536];
	ssize_t n = 1;
	size_t got = 0;
	TCP_RIG(rig);

	say(&rig, GET("/flood"));
	while (got < 4 << 20 && n > 0) {
		pass(&rig, got < 2 << 20 ? 40 : 1);
		n = recv(rig.fd, some, sizeof(some), 0);
		if (n < 0 && errno == EAGAIN)
			n = 1;
		else if (n > 0)
			got += (size_t)n;
		if (got > (4 << 20) - 100000)
			break;
	}
	CHECK(got > 3 << 20);
	CHECK(!strstr(buf_cstr(&rig.calls), "gone;"));
	rig_close(&rig);
}

static void
speaks_http_1_0(void)
{
	RIG(rig);

	say(&rig, "POST /chunks HTTP/1.0\r\nContent-Length: 2\r\n"
	    "Connection: keep-alive\r\n\r\nab");
	/* Not chunked, so its end is the connection's. */
	CHECK(hear(&rig, " GMT\r\nConnection: close\r\n\r\nab"));
	CHECK(ended(&rig));
	CHECK_EQ(rig.heard.len, 0);
	rig_close(&rig);
}

static void
keeps_http_1_0_alive_when_asked(void)
{
	RIG(rig);

	say(&rig, "POST /echo HTTP/1.0\r\nContent-Length: 2\r\n"
	    "Connection: Keep-Alive\r\n\r\nab");
	CHECK(hear(&rig, "Content-Length: 2\r\nConnection: keep-alive\r\n\r\n"
	    "ab"));
	say(&rig, "POST /echo HTTP/1.0\r\nContent-Length: 2\r\n\r\ncd");
	CHECK(hear(&rig, "Content-Length: 2\r\nConnection: close\r\n\r\ncd"));
	CHECK(ended(&rig));
	rig_close(&rig);
}

static void
answers_head_and_204_without_a_body(void)
{
	RIG(rig);

	say(&rig, "HEAD /last HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(hear(&rig, "Content-Length: 3\r\nConnection: close\r\n\r\n"));
	CHECK(ended(&rig));
	CHECK_EQ(rig.heard.len, 0);
	rig_close(&rig);
	rig_open(&rig, false);
	say(&rig, GET("/none"));
	CHECK(hear(&rig, "HTTP/1.1 204 No Content\r\n"));
	CHECK(hear(&rig, " GMT\r\n\r\n"));
	say(&rig, "HEAD /chunks HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(hear(&rig, "Transfer-Encoding: chunked\r\n\r\n"));
	say(&rig, GET("/none"));
	CHECK(hear(&rig, "HTTP/1.1 204 No Content\r\n"));
	rig_close(&rig);
}

static void
an_aborted_answer_has_no_final_chunk(void)
{
	RIG(rig);

	say(&rig, GET("/abort") GET("/echo"));
	CHECK(hear(&rig, "4\r\npart\r\n"));
	CHECK(ended(&rig));
	CHECK_EQ(rig.heard.len, 0);
	CHECK(called(&rig, "head /abort;done;"));
	rig_close(&rig);
}

static void
an_aborted_1_0_answer_is_reset(void)
{
	TCP_RIG(rig);

	say(&rig, "GET /abort HTTP/1.0\r\n\r\n");
	CHECK(ended(&rig));
	CHECK(rig.reset);
	rig_close(&rig);
}

static void
a_request_may_be_dropped_without_an_answer(void)
{
	RIG(rig);

	say(&rig, GET("/drop"));
	CHECK(ended(&rig));
	CHECK_EQ(rig.heard.len, 0);
	CHECK(called(&rig, "head /drop;done;"));
	rig_close(&rig);
}

static void
an_answer_never_breaks_its_announced_length(void)
{
	RIG(rig);

	say(&rig, GET("/long") GET("/echo"));
	CHECK(hear(&rig, "Content-Length: 2\r\n\r\nfi"));
	CHECK(ended(&rig));
	CHECK_EQ(rig.heard.len, 0);
	rig_close(&rig);
	rig_open(&rig, false);
	say(&rig, GET("/short") GET("/echo"));
	CHECK(hear(&rig, "Content-Length: 10\r\n\r\nfive."));
	CHECK(ended(&rig));
	CHECK_EQ(rig.heard.len, 0);
	rig_close(&rig);
}

static void
close_after_ends_the_connection_in_order(void)
{
	RIG(rig);

	say(&rig, GET("/last") GET("/echo"));
	CHECK(hear(&rig, "Connection: close\r\n\r\nbye"));
	CHECK(ended(&rig));
	CHECK_STR(buf_cstr(&rig.calls), "head /last;end;done;");
	rig_close(&rig);
}

static void
a_drain_closes_what_is_idle(void)
{
	struct rig rig;

	rig_set(&rig);
	rig.limits.keepalive_ms = 60000;
	rig_begin(&rig, false);
	say(&rig, GET("/echo"));
	CHECK(hear(&rig, "Content-Length: 0\r\n\r\n"));
	conn_drain(rig.conn, 0);
	CHECK(ended(&rig));
	CHECK(rig.freed);
	rig_close(&rig);
}

static void
a_drain_lets_the_request_at_hand_end(void)
{
	RIG(rig);

	say(&rig, GET("/wait"));
	CHECK(called(&rig, "head /wait;end;"));
	conn_drain(rig.conn, 0);
	pass(&rig, 20);
	CHECK(!rig.freed);
	answer(rig.conn, 200, "done");
	CHECK(hear(&rig, "Connection: close\r\n\r\ndone"));
	CHECK(ended(&rig));
	rig_close(&rig);
}

static void
a_drain_does_not_drop_a_request_on_its_way(void)
{
	RIG(rig);

	say(&rig, GET("/echo"));
	CHECK(hear(&rig, "Content-Length: 0\r\n\r\n"));
	/* In the socket, not yet read. */
	say(&rig, GET("/last"));
	conn_drain(rig.conn, 0);
	CHECK(hear(&rig, "Connection: close\r\n\r\nbye"));
	CHECK(ended(&rig));
	rig_close(&rig);
}

static void
a_drain_gives_an_idle_connection_the_time_it_says(void)
{
	RIG(rig);

	say(&rig, GET("/echo"));
	CHECK(hear(&rig, "Content-Length: 0\r\n\r\n"));
	conn_drain(rig.conn, 60);
	pass(&rig, 20);
	CHECK(!rig.freed);
	say(&rig, GET("/last"));
	CHECK(hear(&rig, "Connection: close\r\n\r\nbye"));
	CHECK(ended(&rig));
	rig_close(&rig);
}

static void
a_drain_waits_a_moment_for_who_is_about_to_ask(void)
{
	struct rig rig;

	rig_set(&rig);
	rig.limits.head_total_ms = 5000;
	rig_begin(&rig, false);
	conn_drain(rig.conn, 1000);
	pass(&rig, 200);
	CHECK(!rig.freed);
	say(&rig, GET("/last"));
	CHECK(hear(&rig, "Connection: close\r\n\r\nbye"));
	CHECK(ended(&rig));
	rig_close(&rig);
}

/* Its head, without a goodbye, was out already. */
static void
an_answer_under_way_does_not_end_a_drained_connection(void)
{
	RIG(rig);

	say(&rig, GET("/wait"));
	CHECK(called(&rig, "head /wait;end;"));
	conn_answer(rig.conn, 200, NULL, 0, 4);
	conn_drain(rig.conn, 100);
	conn_send(rig.conn, span("done", 4));
	conn_finish(rig.conn);
	CHECK(hear(&rig, "\r\n\r\ndone"));
	pass(&rig, 20);
	CHECK(!rig.freed);
	say(&rig, GET("/last"));
	CHECK(hear(&rig, "Connection: close\r\n\r\nbye"));
	CHECK(ended(&rig));
	rig_close(&rig);
}

static void
a_drain_ends_an_idle_connection_after_that_time(void)
{
	RIG(rig);

	say(&rig, GET("/echo"));
	CHECK(hear(&rig, "Content-Length: 0\r\n\r\n"));
	conn_drain(rig.conn, 60);
	CHECK(ended(&rig));
	CHECK(rig.freed);
	rig_close(&rig);
}

static void
unasked_input_is_left_in_the_kernel(void)
{
	char junk[8192];
	ssize_t n = 0;
	size_t sent = 0;
	int i;
	RIG(rig);

	memset(junk, 'x', sizeof(junk));
	say(&rig, GET("/wait"));
	CHECK(called(&rig, "head /wait;end;"));
	for (i = 0; i < 400; i++) {
		n = send(rig.fd, junk, sizeof(junk), MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		turn(&rig);
	}
	/* The socket's own buffers and head_bytes, then the client waits. */
	CHECK(n < 0 && errno == EAGAIN);
	CHECK(sent < 1 << 20);
	rig_close(&rig);
}

static void
counts_the_bytes_of_a_body(void)
{
	RIG(rig);

	say(&rig, GET("/begin"));
	CHECK(called(&rig, "head /begin;end;"));
	CHECK(conn_answer_begun(rig.conn));
	CHECK_EQ(conn_bytes_out(rig.conn), 4);
	conn_send(rig.conn, span_str("more"));
	CHECK_EQ(conn_bytes_out(rig.conn), 8);
	CHECK(conn_backlog(rig.conn) > 0);
	turn(&rig);
	CHECK_EQ(conn_backlog(rig.conn), 0);
	rig_close(&rig);
}

int
main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	RUN(answers_many_requests_on_one_connection);
	RUN(answers_pipelined_requests_in_order);
	RUN(what_was_pipelined_before_a_fin_is_answered);
	RUN(a_large_body_goes_through_whole);
	RUN(a_pipelined_request_waits_for_the_answer_before_it);
	RUN(reads_and_writes_chunks);
	RUN(sends_100_continue_only_when_the_body_is_wanted);
	RUN(sends_no_100_continue_for_a_body_that_is_here_or_too_large);
	RUN(a_body_may_be_taken_later);
	RUN(an_answer_before_the_body_was_read_closes);
	RUN(lingering_is_bounded_in_time);
	RUN(lingering_is_bounded_in_bytes);
	RUN(a_bad_head_gets_one_answer_and_nothing_more_is_read);
	RUN(broken_chunks_reach_the_request_as_a_fault);
	RUN(a_body_over_the_cap_is_refused);
	RUN(a_slow_head_is_answered_408);
	RUN(a_silent_connection_is_cut_without_a_word);
	RUN(an_idle_connection_is_kept_for_keepalive_ms);
	RUN(an_idle_connection_gives_its_buffers_back);
	RUN(an_empty_line_does_not_start_the_heads_time);
	RUN(a_body_that_stops_is_a_fault);
	RUN(a_body_that_trickles_is_a_fault_in_the_end);
	RUN(a_client_that_hangs_up_is_noticed_at_once);
	RUN(a_client_that_resets_is_noticed_at_once);
	RUN(a_client_that_leaves_in_its_body_is_gone);
	RUN(a_fin_means_gone_on_1_1_and_not_on_1_0);
	RUN(a_fin_does_not_stop_an_answer_that_was_finished);
	RUN(a_full_queue_pauses_until_there_is_room);
	RUN(a_client_that_takes_nothing_is_cut);
	RUN(a_client_that_takes_slowly_is_not_cut);
	RUN(speaks_http_1_0);
	RUN(keeps_http_1_0_alive_when_asked);
	RUN(answers_head_and_204_without_a_body);
	RUN(an_aborted_answer_has_no_final_chunk);
	RUN(an_aborted_1_0_answer_is_reset);
	RUN(a_request_may_be_dropped_without_an_answer);
	RUN(an_answer_never_breaks_its_announced_length);
	RUN(close_after_ends_the_connection_in_order);
	RUN(a_drain_closes_what_is_idle);
	RUN(a_drain_lets_the_request_at_hand_end);
	RUN(a_drain_does_not_drop_a_request_on_its_way);
	RUN(a_drain_gives_an_idle_connection_the_time_it_says);
	RUN(an_answer_under_way_does_not_end_a_drained_connection);
	RUN(a_drain_ends_an_idle_connection_after_that_time);
	RUN(a_drain_waits_a_moment_for_who_is_about_to_ask);
	RUN(unasked_input_is_left_in_the_kernel);
	RUN(counts_the_bytes_of_a_body);
	return CHECK_DONE();
}
