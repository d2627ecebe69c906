/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/server.h - the gateway as one running thing: opens everything,
 * serves, reloads, drains, hands its sockets over. */
#ifndef GATEWAY_SERVER_H
#define GATEWAY_SERVER_H

#include <stdbool.h>

#include "modgate/filter.h"

struct server_options {
	const char *config;		/* path */
	bool take_over;			/* of an instance with the same state */
};

/* Serves until SIGTERM or SIGINT and a drain, or until another instance took
 * over. 0, or -1 with err filled when it could not begin. */
int server_run(const struct server_options *options, struct mg_error *err);

#endif
