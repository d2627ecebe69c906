/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/worker.h - one thread, one event loop, its listeners and conns. */
#ifndef GATEWAY_WORKER_H
#define GATEWAY_WORKER_H

#include "gateway/gateway.h"

enum worker_news { NEWS_RELOAD, NEWS_DRAIN, NEWS_ABORT, NEWS_LIST };

/* Prepares worker `index`: its loop, inbox and upstreams. Not yet listening. */
int worker_init(struct worker *worker, struct gateway *gateway,
    unsigned index, struct mg_error *err);
/* Adds a bound, listening socket (taken over) for the configuration's listen
 * address number `listen`. */
int worker_listen(struct worker *worker, size_t listen, int fd,
    struct mg_error *err);
/* Starts the thread. */
int worker_start(struct worker *worker, struct mg_error *err);
/* Tells the worker's thread something; any thread. */
void worker_tell(struct worker *worker, enum worker_news news);
/* Waits for the thread's end (it ends when a drain is complete). */
void worker_join(struct worker *worker);
/* After worker_join(), or if it was never started. */
void worker_fini(struct worker *worker);

#endif
