/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/admin/admin_port.h - the admin address: its listener and its conns.
 *
 * All of it runs on the main thread's loop. */
#ifndef GATEWAY_ADMIN_ADMIN_PORT_H
#define GATEWAY_ADMIN_ADMIN_PORT_H

#include "gateway/gateway.h"

#define ADMIN_CONNS 128		/* at once; those that come then are closed */

struct admin_port;

/* Serves on fd, a bound, listening socket, which it takes over. NULL with err
 * filled. TLS as the configuration in force has it. */
struct admin_port *admin_port_new(struct gateway *gateway,
    struct event_base *base, int fd, struct mg_error *err);
/* A successor serves the address: accepts no more, ends idle conns. */
void admin_port_leave(struct admin_port *port);
/* Breaks all conns off. NULL is accepted. The loop must not be running. */
void admin_port_free(struct admin_port *port);

#endif
