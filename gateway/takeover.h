/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/takeover.h - a second instance takes over the listening sockets.
 *
 * The instance that serves listens on <state>/control.sock. A new one asks
 * there, gets the sockets themselves (SCM_RIGHTS, unix(7)), and says when it
 * serves; only then does the old one stop accepting and drain. A connection
 * that waits in a socket's queue is accepted by the new one: none is lost. */
#ifndef GATEWAY_TAKEOVER_H
#define GATEWAY_TAKEOVER_H

#include "modgate/filter.h"

#define TAKEOVER_MAX 512

/* A listening socket and the address that it is bound to, as in `listen:`. */
struct takeover_socket {
	char name[80];			/* "127.0.0.1:8080" */
	int fd;
};

/* Asks the instance behind path. Returns how many sockets came (0: nobody
 * answers there), or -1 with err filled. *link stays open until
 * takeover_serving(). */
int takeover_ask(const char *path, struct takeover_socket *out, size_t max,
    int *link, struct mg_error *err);
/* Tells the old instance that we serve; closes link. */
void takeover_serving(int link);

/* The old instance's side: a listening unix socket at path (mode 0600), or -1.
 * It takes the place of what is there in one step: of a stale file, and with
 * replace of a live one too; else that is an error. */
int takeover_listen(const char *path, bool replace, struct mg_error *err);
/* Sends the sockets to a peer that has asked. 0, or -1. */
int takeover_give(int link, const struct takeover_socket *sockets, size_t n);

#endif
