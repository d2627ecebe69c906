/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/publisher.h - the thread that makes durable records public: it
 * takes them into the log's tree and signs a checkpoint every so often.
 *
 * It is not in the way of records: what it cannot do is told, and tried again
 * later, and nothing is lost, as all of it is in the segments. */
#ifndef GATEWAY_AUDIT_PUBLISHER_H
#define GATEWAY_AUDIT_PUBLISHER_H

#include "gateway/audit/writer.h"

/* Opens the log; -1 with err filled: it is damaged or behind its checkpoint,
 * and a gateway must not start on it. Another process may hold it: then it is
 * taken over once that one has ended. */
int publisher_open(struct audit *audit, const struct config_audit *config,
    struct mg_error *err);
/* Starts the thread. */
int publisher_start(struct audit *audit, struct mg_error *err);
/* After the writer's end: takes the last records in and ends the thread. */
void publisher_end(struct audit *audit);

#endif
