/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/inbox.h - brings finished tickets home to a worker's loop.
 *
 * A list under a lock and an eventfd: one wake per batch, however many tickets
 * are in it. */
#ifndef GATEWAY_AUDIT_INBOX_H
#define GATEWAY_AUDIT_INBOX_H

#include "gateway/audit/audit.h"

/* Tickets linked by next, in order. */
struct ticket_list {
	struct audit_ticket *head, *tail;
};

void ticket_list_add(struct ticket_list *list, struct audit_ticket *ticket);

/* Hands a batch of one inbox over; any thread. Their result is set. */
void inbox_deliver(struct audit_inbox *inbox, struct ticket_list *batch);

/* The writer's own place for a batch of this inbox; only its thread. */
struct ticket_list *inbox_batch(struct audit_inbox *inbox);

#endif
