/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit.c - what is acknowledged is on disk, once, in order; whatever
 * the disk does. */
#include "gateway/audit/crc32c.h"
#include "gateway/clock.h"
#include "tests/audit_bench.h"

/* ---- tests: the small parts ---- */

static void
crc_matches_the_published_value_with_and_without_the_instruction(void)
{
	char bytes[300];
	size_t i;

	CHECK_EQ(crc32c(0, "123456789", 9), 0xe3069283u);
	CHECK_EQ(crc32c_table(0, "123456789", 9), 0xe3069283u);
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7);
	for (i = 0; i < sizeof(bytes); i++)
		CHECK_EQ(crc32c(5, bytes + i % 8, sizeof(bytes) - i),
		    crc32c_table(5, bytes + i % 8, sizeof(bytes) - i));
}

static void
times_are_written_as_rfc_3339(void)
{
	char out[28];

	audit_time(0, out);
	CHECK_STR(out, "1970-01-01T00:00:00.000000Z");
	audit_time(INT64_C(1709210096123456), out);
	CHECK_STR(out, "2024-02-29T12:34:56.123456Z");
	audit_time(INT64_C(4107542399999999), out);
	CHECK_STR(out, "2100-02-28T23:59:59.999999Z");
	audit_time(-5, out);
	CHECK_STR(out, "1970-01-01T00:00:00.000000Z");
}

static void
ids_are_version_7_and_sort_by_time(void)
{
	char a[37], b[37];
	struct xid xid;

	audit_uuid7(INT64_C(1709210096123456), a);
	audit_uuid7(INT64_C(1709210096123999), b);
	CHECK_MEM(a, 15, "018df4dc-51fb-7");
	CHECK(a[19] == '8' || a[19] == '9' || a[19] == 'a' || a[19] == 'b');
	CHECK(strcmp(a, b) < 0);
	CHECK(xid_read(span_str(a), &xid));
	xid_text(&xid, b);
	CHECK_STR(a, b);
	CHECK(!xid_read(span_str("018df4d3"), &xid));
	CHECK(!xid_read(span_str("018df4d3x29bb-7000-8000-000000000001"),
	    &xid));
}

static void
a_set_of_ids_keeps_what_was_not_removed(void)
{
	struct xidset set = { 0 };
	struct xid xid;
	unsigned i;

	memset(&xid, 1, sizeof(xid));
	for (i = 0; i < 5000; i++) {
		memcpy(xid.bytes + 8, &i, sizeof(i));
		CHECK(xidset_add(&set, &xid));
		CHECK(!xidset_add(&set, &xid));
	}
	for (i = 0; i < 5000; i += 2) {
		memcpy(xid.bytes + 8, &i, sizeof(i));
		CHECK(xidset_remove(&set, &xid));
	}
	for (i = 0; i < 5000; i++) {
		memcpy(xid.bytes + 8, &i, sizeof(i));
		CHECK_EQ(xidset_remove(&set, &xid), i % 2 == 1);
	}
	CHECK_EQ(set.n, 0);
	xidset_fini(&set);
}

/* ---- tests: writing ---- */

static void
what_is_submitted_is_read_back_in_order(void)
{
	struct config_audit c = config();
	struct item items[50];
	struct bench b;
	unsigned i;

	new_dir();
	CHECK(bench_open(&b, &c, &audit_io_system));
	for (i = 0; i < 50; i++) {
		char xid[37];

		(void)snprintf(xid, sizeof(xid),
		    "01909b3c-0000-7000-8000-%012u", i + 1);
		submit(&b, &items[i], "exchange.open", xid);
	}
	wait_all(&b);
	for (i = 0; i < 50; i++) {
		CHECK_EQ(items[i].result, AUDIT_DURABLE);
		CHECK_EQ(items[i].place, i);
	}
	CHECK_EQ(count("exchange.open"), 50);
	CHECK_EQ(count("log.started"), 1);
	bench_close(&b);
	CHECK_EQ(count("log.stopped"), 1);
	CHECK_EQ(count("exchange.aborted"), 50);
}

static void
an_ordered_stop_leaves_nothing_to_recover(void)
{
	struct config_audit c = config();
	struct bench b;

	new_dir();
	CHECK(bench_open(&b, &c, &audit_io_system));
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	CHECK_EQ(write_one(&b, "exchange.close", X1), AUDIT_DURABLE);
	bench_close(&b);
	CHECK(bench_open(&b, &c, &audit_io_system));
	bench_close(&b);
	CHECK_EQ(count("log.recovered"), 0);
	CHECK_EQ(count("exchange.aborted"), 0);
	CHECK_EQ(count("log.stopped"), 2);
}

static void
tickets_that_wait_together_share_a_sync(void)
{
	struct config_audit c = config();
	struct item items[200];
	unsigned i, before;
	struct bench b;

	new_dir();
	new_disk();
	atomic_store(&disk.sync_delay_us, 20000);
	CHECK(bench_open(&b, &c, &disk_io));
	before = atomic_load(&disk.syncs);
	for (i = 0; i < 200; i++)
		submit(&b, &items[i], "exchange.close", X1);
	wait_all(&b);
	CHECK(atomic_load(&disk.syncs) - before <= 3);
	for (i = 0; i < 200; i++)
		CHECK_EQ(items[i].place, i);
	bench_close(&b);
	CHECK_EQ(count("exchange.close"), 200);
}

static size_t
expected(struct bench *b)
{
	size_t n;

	pthread_mutex_lock(&b->audit->lock);
	n = b->audit->expect;
	pthread_mutex_unlock(&b->audit->lock);
	return n;
}

static void
who_does_one_thing_at_a_time_never_waits_for_others(void)
{
	struct config_audit c = config();
	struct bench b;
	unsigned i, before;

	new_dir();
	new_disk();
	CHECK(bench_open(&b, &c, &disk_io));
	before = atomic_load(&disk.syncs);
	for (i = 0; i < 5 * GATHER_PROBE; i++) {
		CHECK_EQ(write_one(&b, "exchange.close", X1), AUDIT_DURABLE);
		CHECK(expected(&b) <= 1);
	}
	CHECK_EQ(atomic_load(&disk.syncs) - before, 5 * GATHER_PROBE);
	bench_close(&b);
}

static void
company_that_does_not_come_is_waited_for_once_and_briefly(void)
{
	struct config_audit c = config();
	struct item items[200];
	struct bench b;
	int64_t since;
	unsigned i;

	new_dir();
	new_disk();
	atomic_store(&disk.sync_delay_us, 20000);
	CHECK(bench_open(&b, &c, &disk_io));
	for (i = 0; i < 200; i++)
		submit(&b, &items[i], "exchange.close", X1);
	wait_all(&b);
	CHECK(expected(&b) > 1);
	since = steady_us();
	CHECK_EQ(write_one(&b, "exchange.close", X1), AUDIT_DURABLE);
	CHECK(steady_us() - since < 500000);
	CHECK_EQ(expected(&b), 1);
	bench_close(&b);
	CHECK_EQ(count("exchange.close"), 201);
}

static void
async_is_told_at_once_and_synced_within_a_second(void)
{
	struct config_audit c = config();
	struct audit_stats stats;
	struct item item;
	unsigned before, i;
	struct bench b;

	new_dir();
	new_disk();
	c.durability = AUDIT_ASYNC;
	CHECK(bench_open(&b, &c, &disk_io));
	before = atomic_load(&disk.syncs);
	submit(&b, &item, "exchange.close", X1);
	CHECK_EQ(item.result, -1);	/* never from inside */
	wait_all(&b);
	CHECK_EQ(item.result, AUDIT_DURABLE);
	CHECK_EQ(atomic_load(&disk.syncs), before);
	audit_stats(b.audit, &stats);
	CHECK_EQ(stats.queued, 1);
	for (i = 0; i < 100 && atomic_load(&disk.syncs) == before; i++)
		usleep(10000);
	CHECK_EQ(atomic_load(&disk.syncs), before + 1);
	bench_close(&b);
	CHECK_EQ(count("exchange.close"), 1);
}

static void
segments_rotate_and_the_sequence_goes_on(void)
{
	struct config_audit c = config();
	struct segment_info *segs;
	struct mg_error err = { "" };
	struct bench b;
	size_t n, i;

	new_dir();
	c.segment_bytes = 1024;
	CHECK(bench_open(&b, &c, &audit_io_system));
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	for (i = 0; i < 40; i++)
		CHECK_EQ(write_one(&b, "exchange.close", X2), AUDIT_DURABLE);
	bench_close(&b);
	CHECK_EQ(count("exchange.close"), 40);
	CHECK_EQ(segments_list(dir, &segs, &n, &err), 0);
	CHECK(n > 4);
	for (i = 0; i < n; i++) {
		CHECK_EQ(segs[i].header.number, i);
		CHECK_EQ(segs[i].header.in_flight, i > 0);
		CHECK_EQ(segs[i].end, i + 1 < n ? END_ROTATED : END_STOPPED);
		if (i > 0)
			CHECK(segs[i].header.first >
			    segs[i - 1].header.first);
	}
	free(segs);
}

static void
a_live_segment_has_room_and_a_finished_one_has_none(void)
{
	struct config_audit c = config();
	struct segment_info *segs;
	struct mg_error err = { "" };
	char path[256], first[256];
	struct extent e;
	struct bench b;
	size_t n, i;

	new_dir();
	c.segment_bytes = 150000;
	CHECK(bench_open(&b, &c, &audit_io_system));
	last_segment(first);
	for (i = 0; count_segments() == 1; i++) {
		CHECK_EQ(write_one(&b, "exchange.close", X1), AUDIT_DURABLE);
		if (i % 100 == 50) {
			e = extent_of(first);
			CHECK(e.used < e.size && e.size <= 150000);
		}
	}
	CHECK(i > 800);
	last_segment(path);
	e = extent_of(first);
	CHECK(e.used == e.size && e.size >= 150000);
	CHECK_EQ(write_one(&b, "exchange.close", X1), AUDIT_DURABLE);
	e = extent_of(path);
	CHECK(e.size >= e.used + AHEAD_MIN_BYTES / 2);
	bench_close(&b);
	CHECK_EQ(segments_list(dir, &segs, &n, &err), 0);
	for (i = 0; i < n; i++)
		CHECK(segs[i].end != END_NONE);
	free(segs);
}

/* ---- tests: a disk that fails ---- */

/* Calls at a start: the reserve; the header, its sync, the folder's; a record,
 * its sync; then the zeros. */
enum { ROOM_WRITE = 7, ROOM_SYNC };

static void
a_failed_sync_of_room_costs_the_segment_only(void)
{
	struct config_audit c = config();
	struct bench b;

	new_dir();
	new_disk();
	atomic_store(&disk.fail_errno, EIO);
	atomic_store(&disk.fail_at, ROOM_SYNC);
	CHECK(bench_open(&b, &c, &disk_io));
	CHECK(b.audit && b.audit->seg.broken);
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	CHECK_EQ(write_one(&b, "exchange.close", X1), AUDIT_DURABLE);
	bench_close(&b);
	CHECK_EQ(count_segments(), 2);
	CHECK_EQ(count("log.started"), 1);
	CHECK_EQ(count("exchange."), 2);
	CHECK_EQ(count("log.degraded"), 1);
}

static void
without_disk_for_room_records_are_written_all_the_same(void)
{
	struct config_audit c = config();
	struct extent e;
	char path[256];
	struct bench b;
	unsigned i;

	new_dir();
	new_disk();
	atomic_store(&disk.fail_errno, ENOSPC);
	atomic_store(&disk.fail_at, ROOM_WRITE);
	CHECK(bench_open(&b, &c, &disk_io));
	last_segment(path);
	e = extent_of(path);
	CHECK_EQ(e.size, e.used);
	atomic_store(&disk.room, 50000);
	for (i = 0; i < 100; i++)
		CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	CHECK(audit_accepts(b.audit));
	atomic_store(&disk.room, UINT64_MAX);
	bench_close(&b);
	CHECK_EQ(count("exchange.open"), 100);
	CHECK_EQ(count("log.degraded"), 0);
	CHECK_EQ(count_segments(), 1);
}


static void
short_writes_are_carried_on(void)
{
	struct config_audit c = config();
	struct item items[20];
	struct bench b;
	unsigned i;

	new_dir();
	new_disk();
	atomic_store(&disk.short_writes, 1);
	CHECK(bench_open(&b, &c, &disk_io));
	for (i = 0; i < 20; i++)
		submit(&b, &items[i], "exchange.close", X1);
	wait_all(&b);
	bench_close(&b);
	CHECK_EQ(count("exchange.close"), 20);
}

static void
a_failed_sync_moves_the_group_to_a_new_segment_once(void)
{
	struct config_audit c = config();
	struct item items[5];
	struct bench b, again;
	unsigned i;

	new_dir();
	new_disk();
	CHECK(bench_open(&b, &c, &disk_io));
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	atomic_store(&disk.sync_errno, EIO);
	for (i = 0; i < 5; i++)
		submit(&b, &items[i], "exchange.close", X1);
	wait_all(&b);
	for (i = 0; i < 5; i++)
		CHECK_EQ(items[i].result, AUDIT_DURABLE);
	CHECK_EQ(count_segments(), 2);
	CHECK_EQ(count("exchange.close"), 5);
	CHECK_EQ(count("log.degraded"), 1);
	CHECK(audit_accepts(b.audit));
	snapshot();
	CHECK(bench_open(&again, &c, &audit_io_system));
	bench_close(&again);
	CHECK_EQ(count("exchange.close"), 5);
	CHECK_EQ(count("exchange.aborted"), 0);
	bench_close(&b);
}

static void
async_records_survive_a_failed_sync(void)
{
	struct config_audit c = config();
	struct bench b;
	unsigned i;

	new_dir();
	new_disk();
	c.durability = AUDIT_ASYNC;
	CHECK(bench_open(&b, &c, &disk_io));
	for (i = 0; i < 3; i++)
		CHECK_EQ(write_one(&b, "exchange.close", X1), AUDIT_DURABLE);
	atomic_store(&disk.sync_errno, EIO);
	bench_close(&b);
	CHECK_EQ(count("exchange.close"), 3);
	CHECK_EQ(count_segments(), 2);
	CHECK_EQ(count("log.stopped"), 1);
}

static bool
wait_accepts(struct bench *b, bool wanted)
{
	unsigned i;

	for (i = 0; i < 300 && audit_accepts(b->audit) != wanted; i++)
		usleep(10000);
	return audit_accepts(b->audit) == wanted;
}

static void
a_full_disk_refuses_openings_and_writes_closings(void)
{
	struct config_audit c = config();
	struct audit_stats stats;
	struct item items[2];
	struct bench b;

	new_dir();
	new_disk();
	CHECK(bench_open(&b, &c, &disk_io));
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	atomic_store(&disk.room, 100);
	atomic_store(&disk.free_bytes, 0);
	submit(&b, &items[0], "exchange.open", X2);
	submit(&b, &items[1], "exchange.close", X1);
	wait_all(&b);
	CHECK_EQ(items[0].result, AUDIT_FAILED);
	CHECK_EQ(items[1].result, AUDIT_DURABLE);
	CHECK(!audit_accepts(b.audit));
	CHECK_EQ(write_one(&b, "exchange.open", X3), AUDIT_FAILED);
	audit_stats(b.audit, &stats);
	CHECK(!stats.accepts);
	CHECK_EQ(stats.failures, 2);
	CHECK(!audit_note(b.audit, span_str("{}")));
	/* Space returns. */
	atomic_store(&disk.room, UINT64_MAX);
	atomic_store(&disk.free_bytes, UINT64_C(1) << 40);
	CHECK(wait_accepts(&b, true));
	CHECK_EQ(write_one(&b, "exchange.open", X3), AUDIT_DURABLE);
	bench_close(&b);
	CHECK_EQ(count("log.degraded"), 1);
	CHECK_EQ(count("log.recovered"), 1);
	CHECK_EQ(count(X2), 0);
	CHECK_EQ(count("exchange.close"), 1);
	CHECK_EQ(count(X3), 2);		/* aborted by the stop */
}

static void
too_little_free_disk_refuses_before_it_is_full(void)
{
	struct config_audit c = config();
	struct bench b;

	new_dir();
	new_disk();
	CHECK(bench_open(&b, &c, &disk_io));
	atomic_store(&disk.free_bytes, (1 << 20) - 1);
	CHECK(wait_accepts(&b, false));
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_FAILED);
	CHECK_EQ(write_one(&b, "exchange.close", X2), AUDIT_DURABLE);
	atomic_store(&disk.free_bytes, 1 << 30);
	CHECK(wait_accepts(&b, true));
	bench_close(&b);
	CHECK_EQ(count("log.degraded"), 1);
	CHECK_EQ(count("log.recovered"), 1);
}

static void
a_disk_that_takes_nothing_fails_tickets_and_mends(void)
{
	struct config_audit c = config();
	struct bench b;

	new_dir();
	new_disk();
	CHECK(bench_open(&b, &c, &disk_io));
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	atomic_store(&disk.dir_errno, EIO);
	atomic_store(&disk.sync_errno, EIO);
	CHECK_EQ(write_one(&b, "exchange.close", X1), AUDIT_FAILED);
	CHECK(!audit_accepts(b.audit));
	atomic_store(&disk.dir_errno, 0);
	CHECK(wait_accepts(&b, true));
	CHECK_EQ(write_one(&b, "exchange.open", X2), AUDIT_DURABLE);
	CHECK_EQ(write_one(&b, "exchange.close", X2), AUDIT_DURABLE);
	bench_close(&b);
	CHECK_EQ(count("exchange.close"), 1);
	CHECK_EQ(count("exchange.aborted"), 1);
	CHECK_EQ(count(X1), 2);
	CHECK_EQ(count("log.degraded"), 1);
	CHECK_EQ(count("log.recovered"), 1);
}

static void
a_write_error_moves_the_group_too(void)
{
	struct config_audit c = config();
	struct bench b;

	new_dir();
	new_disk();
	CHECK(bench_open(&b, &c, &disk_io));
	atomic_store(&disk.write_errno, EIO);
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	CHECK_EQ(write_one(&b, "exchange.close", X1), AUDIT_DURABLE);
	bench_close(&b);
	CHECK_EQ(count_segments(), 2);
	CHECK_EQ(count("exchange."), 2);
}

/* Some exchanges on a disk whose n-th call fails. False: there were fewer. */
static bool
survives_one_fault(unsigned n, int error, enum config_durability durability)
{
	struct config_audit c = config();
	bool opened[8] = { false }, closed[8] = { false };
	struct bench b;
	unsigned i;
	bool reached;

	new_dir();
	new_disk();
	c.segment_bytes = 700;
	c.durability = durability;
	atomic_store(&disk.fail_errno, error);
	atomic_store(&disk.fail_at, n);
	(void)bench_open(&b, &c, &disk_io);
	for (i = 0; i < 8 && b.audit; i++) {
		char xid[48];

		(void)snprintf(xid, sizeof(xid), "01909b3c-0000-7000-8000-"
		    "%012x", i + 1);
		opened[i] = write_one(&b, "exchange.open", xid) ==
		    AUDIT_DURABLE;
		if (opened[i])
			closed[i] = write_one(&b, "exchange.close", xid) ==
			    AUDIT_DURABLE;
	}
	bench_close(&b);
	reached = atomic_load(&disk.calls) >= n;
	new_disk();
	CHECK(bench_open(&b, &c, &disk_io));
	bench_close(&b);
	for (i = 0; i < 8; i++) {
		char text[80];

		(void)snprintf(text, sizeof(text), "exchange.open\",\"v\":1,"
		    "\"xid\":\"01909b3c-0000-7000-8000-%012x", i + 1);
		CHECK_EQ(count(text), opened[i]);
		(void)snprintf(text, sizeof(text), "exchange.close\",\"v\":1,"
		    "\"xid\":\"01909b3c-0000-7000-8000-%012x", i + 1);
		CHECK_EQ(count(text), closed[i]);
		(void)snprintf(text, sizeof(text), "01909b3c-0000-7000-8000-"
		    "%012x", i + 1);
		CHECK_EQ(count(text), 2 * opened[i]);
	}
	return reached;
}

static void
any_single_fault_of_the_disk_loses_and_doubles_nothing(void)
{
	static const int errors[] = { EIO, ENOSPC };
	unsigned i, n;

	for (i = 0; i < 2; i++)
		for (n = 1; n < 500; n++)
			if (!survives_one_fault(n, errors[i], AUDIT_COMMIT))
				break;
	CHECK(n > 40);
	for (n = 1; n < 500; n++)
		if (!survives_one_fault(n, EIO, AUDIT_ASYNC))
			break;
}

static void
a_closing_record_may_follow_a_queue_that_is_full(void)
{
	struct config_audit c = config();
	struct item closing, opening;
	struct bench b;

	new_dir();
	new_disk();
	CHECK(bench_open(&b, &c, &disk_io));
	atomic_fetch_add(&b.audit->queued_bytes, QUEUE_MAX_BYTES);
	CHECK(!audit_accepts(b.audit));
	submit(&b, &opening, "exchange.open", X1);
	submit(&b, &closing, "exchange.close", X2);
	wait_all(&b);
	CHECK_EQ(opening.result, AUDIT_FAILED);
	CHECK_EQ(closing.result, AUDIT_DURABLE);
	atomic_fetch_sub(&b.audit->queued_bytes, QUEUE_MAX_BYTES);
	CHECK(audit_accepts(b.audit));
	bench_close(&b);
}

/* ---- tests: several workers ---- */

enum { WORKERS = 3, PER_WORKER = 300, AT_ONCE = 16 };

struct worker {
	struct audit *audit;
	struct event_base *base;
	struct audit_inbox *inbox;
	pthread_t thread;
	unsigned id, next, done, wrong;
	struct {
		struct audit_ticket ticket;
		struct worker *worker;
	} slots[AT_ONCE];
};

static void worker_done(struct audit_ticket *ticket, enum audit_result r);

static void
worker_submit(struct worker *w, struct audit_ticket *ticket)
{
	char xid[48];

	(void)snprintf(xid, sizeof(xid), "01909b3c-0000-7000-8%03x-%012x",
	    w->id & 0xfff, w->next++);
	ticket->done = worker_done;
	leaf(ticket, "exchange.open", xid);
	leaf(ticket, "exchange.close", xid);
	audit_submit(w->audit, w->inbox, ticket, false);
}

static void
worker_done(struct audit_ticket *ticket, enum audit_result result)
{
	/* The ticket stands first in its slot, the worker behind it. */
	struct worker *w = *(struct worker **)(void *)(ticket + 1);

	w->wrong += result != AUDIT_DURABLE;
	if (++w->done == PER_WORKER)
		event_base_loopbreak(w->base);
	else if (w->next < PER_WORKER)
		worker_submit(w, ticket);
}

static void *
worker_main(void *arg)
{
	struct timeval limit = { 20, 0 };
	struct worker *w = arg;
	unsigned i;

	w->base = event_base_new();
	w->inbox = audit_inbox_new(w->audit, w->base);
	for (i = 0; i < AT_ONCE; i++) {
		w->slots[i].worker = w;
		worker_submit(w, &w->slots[i].ticket);
	}
	event_base_loopexit(w->base, &limit);
	event_base_dispatch(w->base);
	audit_inbox_free(w->inbox);
	event_base_free(w->base);
	return NULL;
}

static void
run_workers(struct worker workers[WORKERS], struct audit *audit)
{
	unsigned i;

	memset(workers, 0, WORKERS * sizeof(*workers));
	for (i = 0; i < WORKERS; i++) {
		workers[i].audit = audit;
		workers[i].id = i;
		CHECK_EQ(pthread_create(&workers[i].thread, NULL, worker_main,
		    &workers[i]), 0);
	}
}

static void
join_workers(struct worker workers[WORKERS])
{
	unsigned i;

	for (i = 0; i < WORKERS; i++) {
		pthread_join(workers[i].thread, NULL);
		CHECK_EQ(workers[i].done, PER_WORKER);
		CHECK_EQ(workers[i].wrong, 0);
	}
}

static void
many_who_come_at_once_share_syncs_even_on_a_fast_disk(void)
{
	static struct worker workers[WORKERS];
	struct config_audit c = config();
	struct mg_error err = { "" };
	struct audit *audit;

	new_dir();
	new_disk();
	audit = audit_new_io(dir, &c, &disk_io, &err);
	CHECK(audit != NULL);
	run_workers(workers, audit);
	join_workers(workers);
	CHECK(atomic_load(&disk.syncs) * 3 < WORKERS * PER_WORKER);
	audit_free(audit);
	CHECK_EQ(count("exchange.close"), WORKERS * PER_WORKER);
}

static void
workers_get_their_own_tickets_on_their_own_loops(void)
{
	static struct worker workers[WORKERS];
	struct config_audit c = config();
	struct mg_error err = { "" };
	struct audit_stats stats;
	struct audit *audit;
	unsigned i;

	new_dir();
	c.segment_bytes = 20000;
	audit = audit_new(dir, &c, &err);
	CHECK(audit != NULL);
	run_workers(workers, audit);
	for (i = 0; i < 20; i++) {
		audit_stats(audit, &stats);
		(void)audit_accepts(audit);
		audit_reload(audit, &c);
		CHECK(audit_note(audit,
		    span_str("{\"type\":\"auth.failed\"}")));
	}
	join_workers(workers);
	audit_free(audit);
	CHECK_EQ(count("exchange.open"), WORKERS * PER_WORKER);
	CHECK_EQ(count("exchange.close"), WORKERS * PER_WORKER);
	CHECK_EQ(count("auth.failed"), 20);
	CHECK_EQ(count("exchange.aborted"), 0);
}

int
main(void)
{
	if (!bench_begin())
		return 1;
	RUN(crc_matches_the_published_value_with_and_without_the_instruction);
	RUN(times_are_written_as_rfc_3339);
	RUN(ids_are_version_7_and_sort_by_time);
	RUN(a_set_of_ids_keeps_what_was_not_removed);
	RUN(what_is_submitted_is_read_back_in_order);
	RUN(an_ordered_stop_leaves_nothing_to_recover);
	RUN(tickets_that_wait_together_share_a_sync);
	RUN(who_does_one_thing_at_a_time_never_waits_for_others);
	RUN(company_that_does_not_come_is_waited_for_once_and_briefly);
	RUN(async_is_told_at_once_and_synced_within_a_second);
	RUN(segments_rotate_and_the_sequence_goes_on);
	RUN(a_live_segment_has_room_and_a_finished_one_has_none);
	RUN(a_failed_sync_of_room_costs_the_segment_only);
	RUN(without_disk_for_room_records_are_written_all_the_same);
	RUN(short_writes_are_carried_on);
	RUN(a_failed_sync_moves_the_group_to_a_new_segment_once);
	RUN(async_records_survive_a_failed_sync);
	RUN(a_full_disk_refuses_openings_and_writes_closings);
	RUN(too_little_free_disk_refuses_before_it_is_full);
	RUN(a_disk_that_takes_nothing_fails_tickets_and_mends);
	RUN(a_write_error_moves_the_group_too);
	RUN(any_single_fault_of_the_disk_loses_and_doubles_nothing);
	RUN(a_closing_record_may_follow_a_queue_that_is_full);
	RUN(many_who_come_at_once_share_syncs_even_on_a_fast_disk);
	RUN(workers_get_their_own_tickets_on_their_own_loops);
	return BENCH_END();
}
