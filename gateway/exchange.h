/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/exchange.h - a request and its answer.
 *
 * The worker's service on a conn. An exchange frees itself once its record is
 * closed and its conn has let go. */
#ifndef GATEWAY_EXCHANGE_H
#define GATEWAY_EXCHANGE_H

#include "gateway/gateway.h"

/* Fills the service by which a worker's conns make exchanges. */
void exchange_service(struct worker *worker, struct conn_service *service);
/* Once a second: lets what is clear of held events go, pings silent streams. */
void exchange_tick(struct worker *worker);
/* The drain has taken too long: ends all that are under way. */
void exchange_abort_all(struct worker *worker);
/* Logs each exchange under way, with what it waits for; returns how many. */
size_t exchange_log(const struct worker *worker);

#endif
