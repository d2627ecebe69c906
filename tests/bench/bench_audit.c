/* SPDX-License-Identifier: Apache-2.0 */
/* bench_audit.c - what the log costs: CPU of its thread, syncs, and how long
 * an exchange waits for its two records.
 *
 * usage: bench_audit [EXCHANGES [FOLDER]]     (4000, in /tmp)
 *
 * One loop plays a worker. Clients in turn open, wait, close, wait; at a rate,
 * exchanges begin at random moments instead, however the log does. A worker's
 * own work is played by spinning. Prints figures; judges nothing. */
#include <event2/event.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "gateway/audit/writer.h"
#include "gateway/audit/record.h"
#include "gateway/clock.h"
#include "gateway/log.h"

enum { WORK_US = 40, SLOTS = 1024 };

struct client {
	struct audit_ticket ticket;	/* first: done() casts */
	struct bench *bench;
	struct client *next;		/* of those at rest */
	int64_t since_us;
	int64_t waited_us;
	char xid[37];
	bool closing;
};

struct bench {
	struct audit *audit;
	struct event_base *base;
	struct audit_inbox *inbox;
	struct event *timer;
	struct client clients[SLOTS], *idle;
	unsigned begun, done, wanted, per_s;
	int64_t due_us;
	double *waits;
	uint64_t random;
};

static void
spin(int64_t us)
{
	int64_t end = steady_us() + us;

	while (steady_us() < end)
		;
}

static void on_done(struct audit_ticket *ticket, enum audit_result result);

static void
submit(struct client *c)
{
	struct record_head head = { now_us(), "bench", c->xid };
	struct record_open open = { .tenant = span_str("t"),
	    .key_id = span_str("key_0123456789"),
	    .route = span_str("openai.chat.completions"),
	    .model = span_str("text-davinci-002"),
	    .subj = span_str("0123456789abcdef0123456789abcdef"),
	    .ip = span_str("0123456789abcdef0123456789abcdef") };
	struct record_close close = { .outcome = "complete", .status = 200,
	    .host = span_str("origin"), .model = span_str("gpt-x"),
	    .recv_us = head.ts_us, .last_us = head.ts_us };
	struct buf *json = audit_frame(&c->ticket);

	spin(WORK_US);
	if (c->closing)
		record_close(json, &head, &close);
	else
		record_open(json, &head, &open);
	audit_frame_end(&c->ticket, AUDIT_LEAF);
	c->ticket.done = on_done;
	c->since_us = steady_us();
	audit_submit(c->bench->audit, c->bench->inbox, &c->ticket, c->closing);
}

static void
begin(struct client *c)
{
	audit_uuid7(now_us(), c->xid);
	c->closing = false;
	c->waited_us = 0;
	c->bench->begun++;
	submit(c);
}

static void
on_done(struct audit_ticket *ticket, enum audit_result result)
{
	struct client *c = (struct client *)ticket;
	struct bench *b = c->bench;

	if (result != AUDIT_DURABLE)
		abort();
	c->waited_us += steady_us() - c->since_us;
	if (!c->closing) {
		c->closing = true;
		submit(c);
		return;
	}
	b->waits[b->done++] = (double)c->waited_us;
	if (b->done == b->wanted)
		event_base_loopbreak(b->base);
	if (b->per_s == 0 && b->begun < b->wanted) {
		begin(c);
	} else {
		c->next = b->idle;
		b->idle = c;
	}
}

/* Begins what is due by now; the gaps between are exponential. */
static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct timeval soon = { 0, 200 };
	struct bench *b = arg;

	(void)fd;
	(void)what;
	while (b->begun < b->wanted && b->due_us <= steady_us() && b->idle) {
		struct client *c = b->idle;
		double u;

		b->idle = c->next;
		begin(c);
		b->random = b->random * UINT64_C(6364136223846793005) + 1;
		u = ((double)(b->random >> 11) + 1) / 9007199254740994.0;
		b->due_us += (int64_t)(-log(u) * 1e6 / b->per_s);
	}
	if (b->begun < b->wanted)
		evtimer_add(b->timer, &soon);
}

static int
by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* CPU time of the log's thread so far. */
static double
writer_cpu_us(const struct audit *audit)
{
	struct timespec t = { 0 };
	clockid_t clock;

	if (pthread_getcpuclockid(audit->thread, &clock) == 0)
		(void)clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
measure(struct bench *b, unsigned clients, unsigned per_s)
{
	struct audit_stats from, to;
	int64_t began = steady_us();
	double cpu = writer_cpu_us(b->audit), n = b->wanted;
	unsigned i;

	b->begun = b->done = 0;
	b->per_s = per_s;
	b->due_us = began;
	audit_stats(b->audit, &from);
	if (per_s)
		on_timer(-1, 0, b);
	for (i = 0; i < clients; i++) {
		struct client *c = b->idle;

		b->idle = c->next;
		begin(c);
	}
	event_base_dispatch(b->base);
	cpu = writer_cpu_us(b->audit) - cpu;
	audit_stats(b->audit, &to);
	qsort(b->waits, b->wanted, sizeof(*b->waits), by_size);
	printf("| %3u clients, %5.0f/s | %6.1f µs | %5.2f | %5.0f µs | %6.0f "
	    "µs | %6.0f µs |\n", clients, n * 1e6 / (double)(steady_us() -
	    began), cpu / n, (double)(to.syncs - from.syncs) / n,
	    (double)(to.sync_us_total - from.sync_us_total) /
	    (double)(to.syncs - from.syncs), b->waits[b->wanted / 2],
	    b->waits[b->wanted / 100 * 99]);
}

int
main(int argc, char **argv)
{
	static struct bench b;
	static char name[] = "bench";
	struct config_audit config = { .durability = AUDIT_COMMIT,
	    .segment_bytes = 64 << 20, .min_free_bytes = 1 << 20,
	    .instance = name };
	char folder[256], command[640];
	struct mg_error err = { "" };
	uint64_t wanted = 4000;
	unsigned i;

	if (argc > 3 || (argc > 1 && (!span_to_u64(span_str(argv[1]),
	    &wanted) || wanted < 100 || wanted > 10000000))) {
		fputs("usage: bench_audit [EXCHANGES [FOLDER]]\n", stderr);
		return 2;
	}
	(void)snprintf(folder, sizeof(folder), "%s/modgate-bench-XXXXXX",
	    argc > 2 ? argv[2] : "/tmp");
	log_setup(LOG_ERROR, false);
	if (!mkdtemp(folder))
		return 2;
	b.audit = audit_new(folder, &config, &err);
	if (!b.audit) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	b.base = event_base_new();
	b.inbox = audit_inbox_new(b.audit, b.base);
	b.timer = evtimer_new(b.base, on_timer, &b);
	b.wanted = (unsigned)wanted;
	b.waits = xcalloc(b.wanted, sizeof(*b.waits));
	b.random = 1;
	for (i = 0; i < SLOTS; i++) {
		b.clients[i].bench = &b;
		b.clients[i].next = b.idle;
		b.idle = &b.clients[i];
	}
	puts("| an exchange: two records | CPU of the writer | syncs | each "
	    "| wait, median | 99th |\n|---|---|---|---|---|---|");
	measure(&b, 1, 0);
	measure(&b, 2, 0);
	measure(&b, 8, 0);
	measure(&b, 32, 0);
	measure(&b, 128, 0);
	measure(&b, 0, 500);
	measure(&b, 0, 2000);
	event_free(b.timer);
	audit_inbox_free(b.inbox);
	event_base_free(b.base);
	audit_free(b.audit);
	free(b.waits);
	(void)snprintf(command, sizeof(command), "rm -rf %s %s.key", folder,
	    folder);
	return system(command) == 0 ? 0 : 1;
}
