/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/admin/admin.h - what operators and Prometheus see, on an address of
 * its own: /healthz, /readyz, /metrics. Runs on the main thread's loop; has no
 * page that changes anything. */
#ifndef GATEWAY_ADMIN_ADMIN_H
#define GATEWAY_ADMIN_ADMIN_H

#include "gateway/gateway.h"

/* The service for conns of the admin listener. */
void admin_service(struct gateway *gateway, struct conn_service *service);
/* Why the gateway should get no traffic now (static text), or NULL: ready. */
const char *admin_unready(const struct gateway *gateway);
/* All metrics in Prometheus' text format 0.0.4. */
void admin_metrics(struct gateway *gateway, struct buf *out);

#endif
