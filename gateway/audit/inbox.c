/* SPDX-License-Identifier: Apache-2.0 */
/* inbox.c - brings finished tickets home to a worker's loop. */
#include "gateway/audit/inbox.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct audit_inbox {
	pthread_mutex_t lock;
	struct ticket_list ready;	/* under lock */
	int fd;
	struct event *event;
	struct ticket_list batch;	/* the writer's */
};

void
ticket_list_add(struct ticket_list *list, struct audit_ticket *ticket)
{
	ticket->next = NULL;
	if (list->tail)
		list->tail->next = ticket;
	else
		list->head = ticket;
	list->tail = ticket;
}

struct ticket_list *
inbox_batch(struct audit_inbox *inbox)
{
	return &inbox->batch;
}

void
inbox_deliver(struct audit_inbox *inbox, struct ticket_list *batch)
{
	const uint64_t one = 1;
	bool was_empty;
	ssize_t n;

	if (!batch->head)
		return;
	pthread_mutex_lock(&inbox->lock);
	was_empty = !inbox->ready.head;
	if (was_empty)
		inbox->ready.head = batch->head;
	else
		inbox->ready.tail->next = batch->head;
	inbox->ready.tail = batch->tail;
	*batch = (struct ticket_list){ NULL, NULL };
	/* All under the lock: once it is let go, the worker may take the
	 * tickets and free the inbox, where batch may lie. A full counter
	 * (EAGAIN) wakes just as well. */
	if (was_empty) {
		n = write(inbox->fd, &one, sizeof(one));
		(void)n;
	}
	pthread_mutex_unlock(&inbox->lock);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct audit_inbox *inbox = arg;
	struct audit_ticket *ticket, *next;
	uint64_t count;
	ssize_t n;

	(void)what;
	n = read(fd, &count, sizeof(count));
	(void)n;
	pthread_mutex_lock(&inbox->lock);
	ticket = inbox->ready.head;
	inbox->ready = (struct ticket_list){ NULL, NULL };
	pthread_mutex_unlock(&inbox->lock);
	/* The last done may free the inbox, each may free its ticket. */
	for (; ticket; ticket = next) {
		next = ticket->next;
		ticket->next = NULL;
		audit_ticket_fini(ticket);
		ticket->done(ticket, (enum audit_result)ticket->result);
	}
}

struct audit_inbox *
audit_inbox_new(struct audit *audit, struct event_base *base)
{
	struct audit_inbox *inbox = xcalloc(1, sizeof(*inbox));

	(void)audit;
	pthread_mutex_init(&inbox->lock, NULL);
	inbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	inbox->event = inbox->fd < 0 ? NULL : event_new(base, inbox->fd,
	    EV_READ | EV_PERSIST, on_wake, inbox);
	if (!inbox->event || event_add(inbox->event, NULL) < 0)
		abort();	/* no descriptor at start: nothing can run */
	return inbox;
}

void
audit_inbox_free(struct audit_inbox *inbox)
{
	if (!inbox)
		return;
	event_free(inbox->event);
	close(inbox->fd);
	pthread_mutex_destroy(&inbox->lock);
	free(inbox);
}
