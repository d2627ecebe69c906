/* SPDX-License-Identifier: Apache-2.0 */
/* takeover.c - a second instance takes over the listening sockets. */
#include "gateway/takeover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/buf.h"

static const char hello[] = "modgate take-over 1\n";
static const char serving[] = "serving\n";

static int
address(const char *path, struct sockaddr_un *out, struct mg_error *err)
{
	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(out->sun_path))
		return mg_fail(err, NULL, "%s: too long for a socket's name "
		    "(%zu bytes at most); choose a shorter `state:`", path,
		    sizeof(out->sun_path) - 1);
	memcpy(out->sun_path, path, strlen(path));
	return 0;
}

/* Connects; -1 with errno. */
static int
reach(const struct sockaddr_un *to)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)to,
	    sizeof(*to)) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* Bound beside its place, then moved into it: whoever looks finds one that
 * answers. */
static int
bind_at(const char *path, struct mg_error *err)
{
	struct sockaddr_un to;
	struct buf beside = { 0 };
	int fd = -1;

	buf_addf(&beside, "%s.new", path);
	if (address(buf_cstr(&beside), &to, err) < 0)
		goto out;
	(void)unlink(to.sun_path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    chmod(to.sun_path, 0600) < 0 || listen(fd, 4) < 0 ||
	    rename(to.sun_path, path) < 0) {
		(void)mg_fail(err, NULL, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
out:
	buf_fini(&beside);
	return fd;
}

int
takeover_listen(const char *path, bool replace, struct mg_error *err)
{
	struct sockaddr_un to;
	int fd;

	if (address(path, &to, err) < 0)
		return -1;
	fd = replace ? -1 : reach(&to);
	if (fd >= 0) {
		close(fd);
		return mg_fail(err, NULL, "%s: another instance serves with "
		    "this state; stop it, or take over with "
		    "`modgate serve --take-over`", path);
	}
	return bind_at(path, err);
}

/* One message: a socket's name, the socket beside it; an empty name ends. */
static int
give_one(int link, const char *name, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	char text[80] = { 0 };
	struct iovec iov = { text, sizeof(text) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	(void)snprintf(text, sizeof(text), "%s", name);
	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	return sendmsg(link, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int
takeover_give(int link, const struct takeover_socket *sockets, size_t n)
{
	char text[64];
	ssize_t len = recv(link, text, sizeof(text), 0);
	size_t i;

	if (len != (ssize_t)sizeof(hello) - 1 ||
	    memcmp(text, hello, (size_t)len) != 0)
		return -1;
	for (i = 0; i < n; i++)
		if (give_one(link, sockets[i].name, sockets[i].fd) < 0)
			return -1;
	return give_one(link, "", -1);
}

/* Receives one; 1: a socket, 0: the end, -1: broken off. */
static int
take_one(int link, struct takeover_socket *out)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { out->name, sizeof(out->name) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c;

	if (recvmsg(link, &message, MSG_CMSG_CLOEXEC) !=
	    (ssize_t)sizeof(out->name))
		return -1;
	out->name[sizeof(out->name) - 1] = '\0';
	if (out->name[0] == '\0')
		return 0;
	c = CMSG_FIRSTHDR(&message);
	if (!c || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&out->fd, CMSG_DATA(c), sizeof(int));
	return 1;
}

int
takeover_ask(const char *path, struct takeover_socket *out, size_t max,
    int *link, struct mg_error *err)
{
	struct timeval patience = { 5, 0 };
	struct sockaddr_un to;
	size_t n = 0;
	int rc;

	if (address(path, &to, err) < 0)
		return -1;
	*link = reach(&to);
	if (*link < 0)
		return 0;
	(void)setsockopt(*link, SOL_SOCKET, SO_RCVTIMEO, &patience,
	    sizeof(patience));
	if (send(*link, hello, sizeof(hello) - 1, MSG_NOSIGNAL) < 0)
		goto broken;
	for (;;) {
		struct takeover_socket one = { .fd = -1 };

		rc = take_one(*link, &one);
		if (rc == 0)
			return (int)n;
		if (rc > 0 && n < max) {
			out[n++] = one;
			continue;
		}
		if (rc > 0)
			close(one.fd);
		break;
	}
broken:
	(void)mg_fail(err, NULL, "%s: the serving instance did not hand over "
	    "its sockets", path);
	while (n-- > 0)
		close(out[n].fd);
	close(*link);
	return -1;
}

void
takeover_serving(int link)
{
	(void)send(link, serving, sizeof(serving) - 1, MSG_NOSIGNAL);
	close(link);
}
