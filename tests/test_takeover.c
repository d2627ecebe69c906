/* SPDX-License-Identifier: Apache-2.0 */
/* test_takeover.c - listening sockets go from one instance to the next. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "gateway/takeover.h"
#include "tests/check.h"
#include "tests/scratch.h"

static const char *const files[] = { "control.sock", "stale", NULL };

/* A TCP socket that listens on a free port. */
static int
listener(uint16_t *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(to);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&to, len) < 0 ||
	    listen(fd, 8) < 0 ||
	    getsockname(fd, (struct sockaddr *)&to, &len) < 0)
		abort();
	*port = ntohs(to.sin_port);
	return fd;
}

/* The old instance's side, in a thread of its own. */
struct old {
	int control;
	struct takeover_socket *sockets;
	size_t n;
	const char *instead;	/* NULL, or: says this and closes */
	int rc;
	char heard[32];		/* what came after the sockets */
};

static void *
serve(void *arg)
{
	struct old *old = arg;
	int link = accept(old->control, NULL, NULL);
	ssize_t len;

	if (link < 0)
		abort();
	if (old->instead) {
		(void)send(link, old->instead, strlen(old->instead),
		    MSG_NOSIGNAL);
	} else {
		old->rc = takeover_give(link, old->sockets, old->n);
		len = recv(link, old->heard, sizeof(old->heard) - 1, 0);
		old->heard[len > 0 ? len : 0] = '\0';
	}
	close(link);
	return NULL;
}

/* takeover_listen() gives a socket for an event loop. */
static int
control(const char *path)
{
	struct mg_error err = { { 0 } };
	int fd = takeover_listen(path, false, &err);

	CHECK_STR(err.text, "");
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	(void)fcntl(fd, F_SETFL, 0);
	return fd;
}

static void
hands_over_sockets_with_what_waits_in_them(void)
{
	struct takeover_socket own[2] = { { "127.0.0.1:1", -1 },
		{ "[::1]:2", -1 } }, got[4];
	const char *path = scratch_file("control.sock");
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct old old = { .sockets = own, .n = 2 };
	struct mg_error err = { { 0 } };
	pthread_t thread;
	uint16_t port, other;
	int link = -1, client, served;

	own[0].fd = listener(&port);
	own[1].fd = listener(&other);
	old.control = control(path);
	to.sin_port = htons(port);
	client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect(client, (struct sockaddr *)&to, sizeof(to)) == 0);
	(void)pthread_create(&thread, NULL, serve, &old);
	CHECK_EQ(takeover_ask(path, got, 4, &link, &err), 2);
	CHECK_STR(got[0].name, "127.0.0.1:1");
	CHECK_STR(got[1].name, "[::1]:2");
	CHECK(fcntl(got[0].fd, F_GETFD) & FD_CLOEXEC);
	close(own[0].fd);		/* the old one goes */
	served = accept(got[0].fd, NULL, NULL);
	CHECK(served >= 0);		/* the client that waited is served */
	takeover_serving(link);
	(void)pthread_join(thread, NULL);
	CHECK_EQ(old.rc, 0);
	CHECK_STR(old.heard, "serving\n");
	close(served);
	close(client);
	close(got[0].fd);
	close(got[1].fd);
	close(own[1].fd);
	close(old.control);
	(void)unlink(path);
}

static void
finds_nobody_where_nobody_serves(void)
{
	struct takeover_socket got[1];
	struct mg_error err = { { 0 } };
	int link;

	CHECK_EQ(takeover_ask(scratch_file("none"), got, 1, &link, &err), 0);
	CHECK_STR(err.text, "");
}

static void
takes_as_many_as_there_is_room_for_and_no_more(void)
{
	struct takeover_socket own[3], got[3];
	const char *path = scratch_file("control.sock");
	struct old old = { .sockets = own, .n = 3 };
	struct mg_error err = { { 0 } };
	pthread_t thread;
	uint16_t port;
	int link, i;

	own[0].fd = own[1].fd = own[2].fd = listener(&port);
	for (i = 0; i < 3; i++)
		(void)snprintf(own[i].name, sizeof(own[i].name), "a:%d", i);
	old.control = control(path);
	(void)pthread_create(&thread, NULL, serve, &old);
	CHECK_EQ(takeover_ask(path, got, 3, &link, &err), 3);
	takeover_serving(link);
	(void)pthread_join(thread, NULL);
	for (i = 0; i < 3; i++)
		close(got[i].fd);
	(void)pthread_create(&thread, NULL, serve, &old);
	CHECK_EQ(takeover_ask(path, got, 2, &link, &err), -1);
	CHECK(strstr(err.text, "did not hand over") != NULL);
	(void)pthread_join(thread, NULL);
	CHECK_STR(old.heard, "");	/* it was not told to stop */
	close(own[0].fd);
	close(old.control);
	(void)unlink(path);
}

static void
trusts_no_peer_that_speaks_otherwise(void)
{
	static char full[80] = "127.0.0.1:1";
	const char *said[] = { "hello", "", full }, *path =
	    scratch_file("control.sock");
	struct takeover_socket got[2];
	struct old old = { .control = control(path) };
	pthread_t thread;
	unsigned i;
	int link, pair[2];

	memset(full + 11, 'x', 68);	/* a whole name without a socket */
	for (i = 0; i < 3; i++) {
		struct mg_error err = { { 0 } };

		old.instead = said[i];
		(void)pthread_create(&thread, NULL, serve, &old);
		CHECK_EQ(takeover_ask(path, got, 2, &link, &err), -1);
		CHECK(strstr(err.text, "did not hand over") != NULL);
		(void)pthread_join(thread, NULL);
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		abort();
	CHECK_EQ(send(pair[0], "GET / HTTP/1.1", 14, 0), 14);
	CHECK_EQ(takeover_give(pair[1], got, 0), -1);
	close(pair[0]);
	close(pair[1]);
	close(old.control);
	(void)unlink(path);
}

static void
listens_for_its_owner_alone_and_replaces_only_what_is_stale(void)
{
	struct mg_error err = { { 0 } };
	const char *path = scratch_file("stale");
	struct stat st;
	int fd = control(path), again;

	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK_EQ(takeover_listen(path, false, &err), -1);
	CHECK(strstr(err.text, "another instance serves") != NULL);
	close(fd);			/* it has died: its file stays */
	again = control(path);
	close(again);
}

static void
says_so_when_a_path_is_too_long(void)
{
	struct mg_error err = { { 0 } };
	struct takeover_socket got[1];
	char path[200];
	int link;

	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	CHECK_EQ(takeover_listen(path, false, &err), -1);
	CHECK(strstr(err.text, "choose a shorter `state:`") != NULL);
	CHECK_EQ(takeover_ask(path, got, 1, &link, &err), -1);
}

int
main(void)
{
	scratch_open();
	RUN(hands_over_sockets_with_what_waits_in_them);
	RUN(finds_nobody_where_nobody_serves);
	RUN(takes_as_many_as_there_is_room_for_and_no_more);
	RUN(trusts_no_peer_that_speaks_otherwise);
	RUN(listens_for_its_owner_alone_and_replaces_only_what_is_stale);
	RUN(says_so_when_a_path_is_too_long);
	scratch_close(files);
	return CHECK_DONE();
}
