/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit.c - what is acknowledged is on disk, once, in order; whatever
 * the disk does. */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/audit/cat.h"
#include "gateway/audit/crc32c.h"
#include "gateway/audit/reader.h"
#include "gateway/audit/record.h"
#include "gateway/audit/writer.h"
#include "gateway/log.h"
#include "tests/check.h"

/* ---- a directory of its own for each test ---- */

static char base_dir[] = "/tmp/modgate-audit-XXXXXX";
static char dir[128];
static unsigned n_dirs;

static void
new_dir(void)
{
	(void)snprintf(dir, sizeof(dir), "%s/%u/audit", base_dir, n_dirs++);
}

static struct config_audit
config(void)
{
	static char name[] = "unit";

	return (struct config_audit){ .durability = AUDIT_COMMIT,
	    .segment_bytes = 64 << 20, .min_free_bytes = 1 << 20,
	    .instance = name };
}

/* ---- a disk that fails on demand ---- */

static struct {
	_Atomic uint64_t room;		/* bytes that may still be written */
	_Atomic int write_errno;	/* of the next write, once */
	_Atomic int sync_errno;		/* of the next sync, once */
	_Atomic int dir_errno;		/* of all directory syncs */
	_Atomic uint64_t free_bytes;
	_Atomic unsigned syncs, short_writes, sync_delay_us;
	_Atomic unsigned calls, fail_at;	/* this call fails, if not 0 */
	_Atomic int fail_errno;
} disk;

/* Counts a call; true with errno set: it is the one that fails. */
static bool
disk_fails(void)
{
	if (atomic_fetch_add(&disk.calls, 1) + 1 !=
	    atomic_load(&disk.fail_at))
		return false;
	errno = atomic_load(&disk.fail_errno);
	return true;
}

static ssize_t
disk_pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	int error = atomic_exchange(&disk.write_errno, 0);
	uint64_t room = atomic_load(&disk.room);
	struct iovec part[64];
	ssize_t wrote;
	size_t left;
	int i;

	if (disk_fails())
		return -1;
	if (error || room == 0) {
		errno = error ? error : ENOSPC;
		return -1;
	}
	/* A short write first, then the error, as a real disk does it. */
	left = (size_t)room;
	for (i = 0; i < n && i < 64 && left > 0; i++) {
		part[i] = iov[i];
		if (part[i].iov_len > left)
			part[i].iov_len = left;
		left -= part[i].iov_len;
	}
	if (atomic_load(&disk.short_writes) && i > 0) {
		i = 1;
		part[0].iov_len = (part[0].iov_len + 1) / 2;
	}
	wrote = pwritev(fd, part, i, at);
	if (wrote > 0 && room != UINT64_MAX)
		atomic_fetch_sub(&disk.room, (uint64_t)wrote);
	return wrote;
}

static int
disk_fdatasync(int fd)
{
	int error = atomic_exchange(&disk.sync_errno, 0);

	(void)fd;
	if (disk_fails())
		return -1;
	atomic_fetch_add(&disk.syncs, 1);
	if (atomic_load(&disk.sync_delay_us))
		usleep(atomic_load(&disk.sync_delay_us));
	errno = error;
	return error ? -1 : 0;
}

static int
disk_fsync(int fd)
{
	(void)fd;
	if (disk_fails())
		return -1;
	errno = atomic_load(&disk.dir_errno);
	return errno ? -1 : 0;
}

/* The reserve is room that others cannot take; giving it back is room. */
static int
disk_fallocate(int fd, off_t len)
{
	(void)fd;
	(void)len;
	if (disk_fails())
		return -1;
	if (atomic_load(&disk.room) < (uint64_t)len) {
		errno = ENOSPC;
		return -1;
	}
	return 0;
}

static int
disk_ftruncate(int fd, off_t len)
{
	struct stat st;

	if (disk_fails())
		return -1;
	if (len == 0 && fstat(fd, &st) == 0 && st.st_size == 0)
		atomic_store(&disk.room, RESERVE_BYTES);
	return ftruncate(fd, len);
}

static int
disk_free_bytes(int fd, uint64_t *out)
{
	(void)fd;
	*out = atomic_load(&disk.free_bytes);
	return 0;
}

static const struct audit_io disk_io = {
	disk_pwritev, disk_fdatasync, disk_fsync, disk_ftruncate,
	disk_fallocate, disk_free_bytes,
};

static void
new_disk(void)
{
	memset(&disk, 0, sizeof(disk));
	atomic_store(&disk.room, UINT64_MAX);
	atomic_store(&disk.free_bytes, UINT64_C(1) << 40);
}

/* ---- submitting and waiting ---- */

struct item {
	struct audit_ticket ticket;	/* first: done() casts */
	struct event_base *base;
	unsigned *left;
	unsigned *order;		/* counts done */
	unsigned place;			/* when it was done */
	int result;			/* -1: not yet */
};

static void
on_done(struct audit_ticket *ticket, enum audit_result result)
{
	struct item *item = (struct item *)ticket;

	item->result = (int)result;
	item->place = (*item->order)++;
	if (--*item->left == 0)
		event_base_loopbreak(item->base);
}

struct bench {
	struct audit *audit;
	struct event_base *base;
	struct audit_inbox *inbox;
	unsigned left, order;
	struct mg_error err;
};

static bool
bench_open(struct bench *b, const struct config_audit *config_,
    const struct audit_io *io)
{
	memset(b, 0, sizeof(*b));
	b->audit = audit_new_io(dir, config_, io, &b->err);
	if (!b->audit)
		return false;
	b->base = event_base_new();
	b->inbox = audit_inbox_new(b->audit, b->base);
	return true;
}

static void
bench_close(struct bench *b)
{
	if (!b->audit)
		return;
	audit_inbox_free(b->inbox);
	event_base_free(b->base);
	audit_free(b->audit);
}

static void
leaf(struct audit_ticket *ticket, const char *type, const char *xid)
{
	struct buf json = { 0 };

	buf_addf(&json, "{\"ts\":\"2026-11-24T00:00:00.000000Z\","
	    "\"type\":\"%s\",\"v\":1,\"xid\":\"%s\"}", type, xid);
	audit_add(ticket, AUDIT_LEAF, buf_span(&json));
	buf_fini(&json);
}

static void
submit(struct bench *b, struct item *item, const char *type, const char *xid)
{
	memset(item, 0, sizeof(*item));
	item->ticket.done = on_done;
	item->base = b->base;
	item->left = &b->left;
	item->order = &b->order;
	item->result = -1;
	b->left++;
	leaf(&item->ticket, type, xid);
	audit_submit(b->audit, b->inbox, &item->ticket,
	    strcmp(type, "exchange.open") != 0);
}

static void
wait_all(struct bench *b)
{
	struct timeval limit = { 10, 0 };

	if (b->left == 0)
		return;
	event_base_loopexit(b->base, &limit);
	event_base_dispatch(b->base);
	CHECK_EQ(b->left, 0);
}

static int
write_one(struct bench *b, const char *type, const char *xid)
{
	struct item item;

	submit(b, &item, type, xid);
	wait_all(b);
	return item.result;
}

/* ---- reading back ---- */

/* How many frames of the directory hold a text; void ones are not counted.
 * Checks that each segment reads to its end. */
static unsigned
count(const char *text)
{
	struct segment_info *segs;
	struct mg_error err = { "" };
	unsigned n = 0;
	size_t n_segs, i, k;

	CHECK_EQ(segments_list(dir, &segs, &n_segs, &err), 0);
	for (i = 0; i < n_segs; i++) {
		struct buf bytes = { 0 };
		struct audit_frame frame;
		uint64_t offset = 0, until = UINT64_MAX;
		enum audit_read read = READ_END;
		const char *why;

		for (k = i + 1; k < n_segs; k++)
			if (memcmp(segs[i].header.run, segs[k].header.run,
			    16) == 0 && segs[k].header.first < until)
				until = segs[k].header.first;
		CHECK_EQ(segment_load(dir, segs[i].name, &bytes, &err), 0);
		while ((read = audit_next(buf_span(&bytes), &offset, &frame,
		    &why)) == READ_FRAME)
			if (frame.kind != AUDIT_MARK && frame.sequence <
			    until && memmem(frame.json.ptr, frame.json.len,
			    text, strlen(text)))
				n++;
		CHECK_EQ(read, READ_END);
		buf_fini(&bytes);
	}
	free(segs);
	return n;
}

static unsigned
count_segments(void)
{
	struct segment_info *segs;
	struct mg_error err = { "" };
	size_t n;

	CHECK_EQ(segments_list(dir, &segs, &n, &err), 0);
	free(segs);
	return (unsigned)n;
}

/* The path of the newest segment. */
static void
last_segment(char out[256])
{
	struct segment_info *segs;
	struct mg_error err = { "" };
	size_t n;

	CHECK_EQ(segments_list(dir, &segs, &n, &err), 0);
	(void)snprintf(out, 256, "%s/%s", dir, n ? segs[n - 1].name : "?");
	free(segs);
}

#define X1 "01909b3c-0000-7000-8000-000000000001"
#define X2 "01909b3c-0000-7000-8000-000000000002"
#define X3 "01909b3c-0000-7000-8000-000000000003"

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

/* ---- tests: recovery ---- */

/* Goes on in a copy of the directory, taken now: what a kill would leave. */
static void
snapshot(void)
{
	struct buf command = { 0 };
	char from[128];

	memcpy(from, dir, sizeof(from));
	new_dir();
	buf_addf(&command, "mkdir -p %s && cp %s/* %s/", dir, from, dir);
	CHECK_EQ(system(buf_cstr(&command)), 0);
	buf_fini(&command);
}

static void
opens_without_a_close_are_told_aborted_once(void)
{
	struct config_audit c = config();
	struct bench b, again;
	int i;

	new_dir();
	CHECK(bench_open(&b, &c, &audit_io_system));
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	CHECK_EQ(write_one(&b, "exchange.open", X2), AUDIT_DURABLE);
	CHECK_EQ(write_one(&b, "exchange.close", X1), AUDIT_DURABLE);
	snapshot();
	for (i = 0; i < 3; i++) {
		CHECK(bench_open(&again, &c, &audit_io_system));
		bench_close(&again);
		CHECK_EQ(count("exchange.aborted"), 1);
		CHECK_EQ(count("\"reason\":\"recovery\",\"ts\""), 1);
		CHECK_EQ(count("log.recovered"), 1);
	}
	CHECK_EQ(count(X2), 2);
	CHECK_EQ(count(X1), 2);
	bench_close(&b);
}

static void
an_open_is_found_segments_before_its_missing_close(void)
{
	struct config_audit c = config();
	struct bench b, again;
	int i;

	new_dir();
	c.segment_bytes = 512;
	CHECK(bench_open(&b, &c, &audit_io_system));
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	CHECK_EQ(write_one(&b, "exchange.open", X3), AUDIT_DURABLE);
	for (i = 0; i < 20; i++) {
		CHECK_EQ(write_one(&b, "exchange.open", X2), AUDIT_DURABLE);
		CHECK_EQ(write_one(&b, "exchange.close", X2), AUDIT_DURABLE);
	}
	CHECK_EQ(write_one(&b, "exchange.close", X3), AUDIT_DURABLE);
	CHECK(count_segments() > 5);
	snapshot();
	CHECK(bench_open(&again, &c, &audit_io_system));
	bench_close(&again);
	CHECK_EQ(count("exchange.aborted"), 1);
	CHECK_EQ(count(X1), 2);
	CHECK_EQ(count(X3), 2);
	bench_close(&b);
}

static void
the_log_of_a_live_process_is_left_alone(void)
{
	struct config_audit c = config();
	struct bench old, young;

	new_dir();
	CHECK(bench_open(&old, &c, &audit_io_system));
	CHECK_EQ(write_one(&old, "exchange.open", X1), AUDIT_DURABLE);
	CHECK(bench_open(&young, &c, &audit_io_system));
	CHECK_EQ(write_one(&young, "exchange.open", X2), AUDIT_DURABLE);
	CHECK_EQ(write_one(&old, "exchange.close", X1), AUDIT_DURABLE);
	CHECK_EQ(write_one(&young, "exchange.close", X2), AUDIT_DURABLE);
	CHECK_EQ(count("log.recovered"), 0);
	bench_close(&old);
	bench_close(&young);
	CHECK_EQ(count("exchange.aborted"), 0);
	CHECK_EQ(count("log.stopped"), 2);
	CHECK_EQ(count_segments(), 2);
}

/* A segment in memory: 12 frames; the first six were on disk when the others
 * were written. at[i] is where frame i begins, at[12] the end. */
static void
make_segment(struct buf *out, size_t at[13])
{
	struct segment_header header = { .created_us = 1000, .salt = 77,
	    .first = 5, .instance = "unit" };
	uint64_t sequence = 5, durable;
	unsigned i;

	segment_header_write(&header, buf_reserve(out, SEGMENT_HEADER));
	out->len = durable = SEGMENT_HEADER;
	for (i = 0; i < 12; i++) {
		struct buf frame = { 0 };
		char json[96];

		(void)snprintf(json, sizeof(json), "{\"n\":%u,\"type\":\"t\","
		    "\"xid\":\"%s\"}", i, X1);
		if (i == 6)
			durable = out->len;
		at[i] = out->len;
		segment_frame_add(&frame, AUDIT_LEAF, span_str(json));
		segment_frames_seal(frame.ptr, frame.len, &header, &sequence,
		    durable);
		buf_add_span(out, buf_span(&frame));
		buf_fini(&frame);
	}
	at[12] = out->len;
}

static unsigned
walk(struct mg_span bytes, enum audit_read *end)
{
	struct audit_frame frame;
	uint64_t offset = 0;
	const char *why = "";
	unsigned n = 0;

	while ((*end = audit_next(bytes, &offset, &frame, &why)) == READ_FRAME)
		n++;
	return n;
}

static void
a_segment_cut_at_any_byte_gives_its_whole_frames(void)
{
	struct buf segment = { 0 };
	size_t at[13], len;
	enum audit_read end;
	unsigned whole;

	make_segment(&segment, at);
	for (len = 0; len <= segment.len; len++) {
		unsigned n = walk(span(segment.ptr, len), &end);

		for (whole = 0; whole < 12 && at[whole + 1] <= len; whole++)
			;
		CHECK_EQ(n, whole);
		CHECK_EQ(end, len == SEGMENT_HEADER || (len > SEGMENT_HEADER &&
		    len == at[whole]) ? READ_END : READ_TORN);
	}
	buf_fini(&segment);
}

static void
zeros_after_the_last_frame_are_a_torn_tail(void)
{
	struct buf segment = { 0 };
	enum audit_read end;
	size_t at[13];

	make_segment(&segment, at);
	memset(buf_reserve(&segment, 5000), 0, 5000);
	segment.len += 5000;
	CHECK_EQ(walk(buf_span(&segment), &end), 12);
	CHECK_EQ(end, READ_TORN);
	buf_fini(&segment);
}

static void
a_bad_byte_is_damage_where_it_was_durable_and_torn_where_not(void)
{
	struct buf segment = { 0 };
	enum audit_read end;
	size_t at[13], i;

	make_segment(&segment, at);
	for (i = SEGMENT_HEADER; i < segment.len; i++) {
		unsigned n, frame = 0;

		while (at[frame + 1] <= i)
			frame++;
		segment.ptr[i] ^= 0x20;
		n = walk(buf_span(&segment), &end);
		segment.ptr[i] ^= 0x20;
		CHECK_EQ(n, frame);
		CHECK_EQ(end, frame < 6 ? READ_CORRUPT : READ_TORN);
	}
	for (i = 0; i < SEGMENT_HEADER; i++) {
		segment.ptr[i] ^= 1;
		CHECK_EQ(walk(buf_span(&segment), &end), 0);
		CHECK_EQ(end, READ_CORRUPT);
		segment.ptr[i] ^= 1;
	}
	buf_fini(&segment);
}

/* A disk may write the blocks of a group in any order before a power cut. */
static void
a_large_group_whose_first_block_was_lost_is_torn(void)
{
	struct segment_header header = { .salt = 99 };
	struct buf segment = { 0 };
	enum audit_read end;
	uint64_t sequence = 0;
	unsigned i;

	segment_header_write(&header, buf_reserve(&segment, SEGMENT_HEADER));
	segment.len = SEGMENT_HEADER;
	for (i = 0; i < 10000; i++)
		segment_frame_add(&segment, AUDIT_LEAF, span_str("{\"a\":1}"));
	segment_frames_seal(segment.ptr + SEGMENT_HEADER, segment.len -
	    SEGMENT_HEADER, &header, &sequence, SEGMENT_HEADER);
	CHECK_EQ(walk(buf_span(&segment), &end), 10000);
	memset(segment.ptr + SEGMENT_HEADER, 0, 4096);
	CHECK_EQ(walk(buf_span(&segment), &end), 0);
	CHECK_EQ(end, READ_TORN);
	buf_fini(&segment);
}

static void
a_missing_frame_is_damage(void)
{
	struct buf segment = { 0 };
	enum audit_read end;
	size_t at[13];

	make_segment(&segment, at);
	memmove(segment.ptr + at[3], segment.ptr + at[4], at[12] - at[4]);
	segment.len -= at[4] - at[3];
	CHECK_EQ(walk(buf_span(&segment), &end), 3);
	CHECK_EQ(end, READ_CORRUPT);
	buf_fini(&segment);
}

static void
change_file(const char *path, off_t at, off_t len)
{
	int fd = open(path, O_RDWR);
	char byte = 0;

	CHECK(fd >= 0);
	if (len >= 0) {
		CHECK_EQ(ftruncate(fd, len), 0);
	} else {
		CHECK_EQ(pread(fd, &byte, 1, at), 1);
		byte ^= 0x55;
		CHECK_EQ(pwrite(fd, &byte, 1, at), 1);
	}
	close(fd);
}

static void
a_file_torn_at_each_of_its_last_bytes_is_recovered(void)
{
	struct config_audit c = config();
	struct bench b, again;
	char path[256], live[128];
	struct stat st;
	off_t cut;

	new_dir();
	CHECK(bench_open(&b, &c, &audit_io_system));
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	last_segment(path);
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(write_one(&b, "exchange.open", X2), AUDIT_DURABLE);
	memcpy(live, dir, sizeof(live));
	for (cut = st.st_size; cut < st.st_size + 140; cut += 3) {
		memcpy(dir, live, sizeof(live));
		snapshot();
		last_segment(path);
		change_file(path, 0, cut);
		CHECK(bench_open(&again, &c, &audit_io_system));
		bench_close(&again);
		CHECK_EQ(count("exchange.open"), 1);
		CHECK_EQ(count("exchange.aborted"), 1);
		CHECK_EQ(count("log.recovered"), 1);
	}
	bench_close(&b);
}

static void
damage_in_the_middle_refuses_to_start_and_says_where(void)
{
	struct config_audit c = config();
	struct bench b, again;
	char path[256];

	new_dir();
	CHECK(bench_open(&b, &c, &audit_io_system));
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	CHECK_EQ(write_one(&b, "exchange.close", X1), AUDIT_DURABLE);
	snapshot();
	bench_close(&b);
	last_segment(path);
	change_file(path, SEGMENT_HEADER + SEGMENT_FRAME + 9, -1);
	CHECK(!bench_open(&again, &c, &audit_io_system));
	CHECK(strstr(again.err.text, path) != NULL);
	CHECK(strstr(again.err.text, "byte 128:") != NULL);
	/* The same in a log that was stopped in order. */
	change_file(path, SEGMENT_HEADER + SEGMENT_FRAME + 9, -1);
	CHECK(bench_open(&again, &c, &audit_io_system));
	bench_close(&again);
	change_file(path, SEGMENT_HEADER + SEGMENT_FRAME + 9, -1);
	CHECK(!bench_open(&again, &c, &audit_io_system));
}

/* ---- tests: a disk that fails ---- */

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
	for (i = 0; i < WORKERS; i++) {
		workers[i].audit = audit;
		workers[i].id = i;
		CHECK_EQ(pthread_create(&workers[i].thread, NULL, worker_main,
		    &workers[i]), 0);
	}
	for (i = 0; i < 20; i++) {
		audit_stats(audit, &stats);
		(void)audit_accepts(audit);
		audit_reload(audit, &c);
		CHECK(audit_note(audit,
		    span_str("{\"type\":\"auth.failed\"}")));
	}
	for (i = 0; i < WORKERS; i++) {
		pthread_join(workers[i].thread, NULL);
		CHECK_EQ(workers[i].done, PER_WORKER);
		CHECK_EQ(workers[i].wrong, 0);
	}
	audit_free(audit);
	CHECK_EQ(count("exchange.open"), WORKERS * PER_WORKER);
	CHECK_EQ(count("exchange.close"), WORKERS * PER_WORKER);
	CHECK_EQ(count("auth.failed"), 20);
	CHECK_EQ(count("exchange.aborted"), 0);
}

/* ---- tests: cat and tail ---- */

/* What cat prints; the caller frees. */
static char *
cat(struct cat_options options, int *rc)
{
	struct mg_error err = { "" };
	char *text = NULL;
	size_t len;

	options.dir = dir;
	options.out = open_memstream(&text, &len);
	*rc = audit_cat(&options, &err);
	fclose(options.out);
	return text;
}

static unsigned
lines(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* A record with a time of its own. */
static void
write_at(struct bench *b, unsigned second, const char *type)
{
	int64_t us = now_us() + (int64_t)second * 1000000;
	struct item item = { .base = b->base, .left = &b->left,
	    .order = &b->order, .ticket.done = on_done };
	struct buf json = { 0 };
	char ts[28];

	audit_time(us, ts);
	buf_addf(&json, "{\"n\":%u,\"ts\":\"%s\",\"type\":\"%s\"}",
	    second, ts, type);
	audit_add(&item.ticket, AUDIT_LEAF, buf_span(&json));
	buf_fini(&json);
	b->left++;
	audit_submit(b->audit, b->inbox, &item.ticket, true);
	wait_all(b);
}

static void
cat_merges_what_two_processes_wrote_by_time(void)
{
	struct config_audit c = config();
	struct bench one, two;
	char *text, *at;
	unsigned i;
	int rc;

	new_dir();
	CHECK(bench_open(&one, &c, &audit_io_system));
	CHECK(bench_open(&two, &c, &audit_io_system));
	for (i = 0; i < 10; i++)
		write_at(i % 2 ? &one : &two, i + 1, "t.merge");
	/* Both are live: what is there so far. */
	text = cat((struct cat_options){ 0 }, &rc);
	CHECK_EQ(rc, 0);
	CHECK_EQ(lines(text), 12);
	for (i = 0, at = text; i < 10 && at; i++) {
		char want[16];

		(void)snprintf(want, sizeof(want), "{\"n\":%u,", i + 1);
		at = strstr(at, "{\"n\"");
		CHECK(at && strncmp(at, want, strlen(want)) == 0);
		at = at ? at + 1 : at;
	}
	free(text);
	bench_close(&one);
	bench_close(&two);
}

static void
tail_prints_the_last_ones_from_as_many_segments_as_it_needs(void)
{
	struct config_audit c = config();
	struct bench b;
	unsigned i, n;
	char *text;
	int rc;

	new_dir();
	c.segment_bytes = 300;
	CHECK(bench_open(&b, &c, &audit_io_system));
	for (i = 0; i < 20; i++)
		write_at(&b, i, "t.tail");
	for (n = 1; n <= 25; n++) {
		text = cat((struct cat_options){ .last = n }, &rc);
		CHECK_EQ(lines(text), n < 21 ? n : 21);
		CHECK(strstr(text, "{\"n\":19,") != NULL);
		CHECK_EQ(strstr(text, "{\"n\":18,") != NULL, n > 1);
		free(text);
	}
	bench_close(&b);
	text = cat((struct cat_options){ .last = 5 }, &rc);
	CHECK_EQ(lines(text), 5);
	free(text);
}

struct follower {
	pthread_t thread;
	FILE *out;
	_Atomic int stop;
	int rc;
};

static void *
follow(void *arg)
{
	struct follower *f = arg;
	struct cat_options options = { .dir = dir, .out = f->out, .last = 2,
	    .follow = true, .stop = &f->stop };
	struct mg_error err = { "" };

	f->rc = audit_cat(&options, &err);
	return NULL;
}

static void
tail_follows_into_new_segments(void)
{
	struct config_audit c = config();
	struct follower f = { 0 };
	struct bench b;
	char *text = NULL;
	size_t len;
	unsigned i;

	new_dir();
	c.segment_bytes = 400;
	CHECK(bench_open(&b, &c, &audit_io_system));
	for (i = 0; i < 6; i++)
		write_at(&b, i, "t.old");
	f.out = open_memstream(&text, &len);
	CHECK_EQ(pthread_create(&f.thread, NULL, follow, &f), 0);
	usleep(100000);
	for (i = 6; i < 16; i++)
		write_at(&b, i, "t.new");
	usleep(500000);
	atomic_store(&f.stop, 1);
	pthread_join(f.thread, NULL);
	fclose(f.out);
	CHECK_EQ(f.rc, 0);
	CHECK_EQ(lines(text), 12);
	CHECK(strstr(text, "{\"n\":4,") && strstr(text, "{\"n\":15,"));
	free(text);
	bench_close(&b);
}

static void
cat_prints_the_rest_of_a_log_with_damage_and_says_so(void)
{
	struct config_audit c = config();
	struct bench b;
	char path[256], *text;
	int rc, saved, null;

	new_dir();
	CHECK(bench_open(&b, &c, &audit_io_system));
	bench_close(&b);
	last_segment(path);
	change_file(path, SEGMENT_HEADER + SEGMENT_FRAME + 9, -1);
	saved = dup(2);
	null = open("/dev/null", O_WRONLY);
	(void)dup2(null, 2);
	text = cat((struct cat_options){ 0 }, &rc);
	(void)dup2(saved, 2);
	close(saved);
	close(null);
	CHECK_EQ(rc, 1);
	CHECK_EQ(lines(text), 0);
	free(text);
}

static void
a_line_for_people_cannot_drive_their_terminal(void)
{
	struct buf out = { 0 };

	cat_line(span_str("{\"model\":\"a\\u001b[2J\\u0085春\",\"outcome\":"
	    "\"blocked\",\"status\":400,\"tenant\":\"t\",\"ts\":\"T\","
	    "\"type\":\"exchange.close\",\"verdicts\":[{\"action\":"
	    "\"block\",\"phase\":\"prompt\",\"rule\":\"r\"}],"
	    "\"xid\":\"X\"}"), &out);
	CHECK_MEM(out.ptr, out.len, "T X exchange.close tenant=t model=a?[2J?春"
	    " blocked 400 prompt:r=block");
	buf_fini(&out);
}

/* ---- tests: pseudonyms and records ---- */

static void
pseudonyms_are_equal_for_equal_texts_as_long_as_the_key_is(void)
{
	struct config_audit c = config();
	char path[160], one[33], two[33];
	struct bench b;
	struct stat st;

	new_dir();
	CHECK(bench_open(&b, &c, &audit_io_system));
	audit_pseudonym(b.audit, span_str("10.0.0.1"), one);
	audit_pseudonym(b.audit, span_str("10.0.0.2"), two);
	CHECK_EQ(strlen(one), 32);
	CHECK(strcmp(one, two) != 0);
	bench_close(&b);
	(void)snprintf(path, sizeof(path), "%s.key", dir);
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0600);
	CHECK_EQ(st.st_size, 32);
	CHECK(bench_open(&b, &c, &audit_io_system));
	audit_pseudonym(b.audit, span_str("10.0.0.1"), two);
	CHECK_STR(two, one);
	bench_close(&b);
	CHECK_EQ(chmod(path, 0644), 0);
	CHECK(!bench_open(&b, &c, &audit_io_system));
	CHECK(strstr(b.err.text, "chmod 600") != NULL);
}

static const struct record_head head = { INT64_C(1709210096123456), "gw-1",
    X1 };

static void
an_open_record_is_canonical(void)
{
	struct record_open open = { .tenant = span_str("gallery"),
	    .key_id = span_str("key_1"), .subj = span_str("ab"),
	    .ip = span_str("cd"), .route = span_str("completions"),
	    .model = span_str("text-\"x\""), .stream = true,
	    .policy_id = span_str("art"), .policy_sha256 = span_str("00") };
	struct buf out = { 0 };

	record_open(&out, &head, &open);
	CHECK_MEM(out.ptr, out.len, "{\"inst\":\"gw-1\",\"ip\":\"cd\","
	    "\"key_id\":\"key_1\",\"model\":\"text-\\\"x\\\"\",\"policy\":{"
	    "\"id\":\"art\",\"sha256\":\"00\"},\"route\":\"completions\","
	    "\"stream\":true,\"subj\":\"ab\",\"tenant\":\"gallery\","
	    "\"ts\":\"2024-02-29T12:34:56.123456Z\","
	    "\"type\":\"exchange.open\",\"v\":1,\"xid\":\"" X1 "\"}");
	buf_fini(&out);
}

static void
a_close_record_is_canonical(void)
{
	static const char *const unread[] = { "media", "token_ids", NULL };
	struct record_place place = { span_str("prompt"), 3, 6 };
	struct record_verdict verdict = { .phase = "prompt",
	    .rule = span_str("words"), .category = span_str("A1f"),
	    .verdict = "found", .action = "block", .mode = "enforce",
	    .score_ppm = 905000, .spans = &place, .n_spans = 1,
	    .guardrail = span_str("words") };
	struct record_close close = { .outcome = "blocked", .status = 400,
	    .verdicts = &verdict, .n_verdicts = 1, .bytes_out = 77,
	    .recv_us = 5, .decided_us = 9, .not_scanned = unread };
	struct buf out = { 0 };

	record_close(&out, &head, &close);
	CHECK_MEM(out.ptr, out.len, "{\"bytes_out\":77,\"inst\":\"gw-1\","
	    "\"not_scanned\":[\"media\",\"token_ids\"],"
	    "\"outcome\":\"blocked\",\"status\":400,\"t\":{\"decided\":9,"
	    "\"recv\":5},\"ts\":\"2024-02-29T12:34:56.123456Z\","
	    "\"type\":\"exchange.close\",\"v\":1,\"verdicts\":[{"
	    "\"action\":\"block\",\"cat\":\"A1f\",\"guardrail\":\"words\","
	    "\"mode\":\"enforce\",\"phase\":\"prompt\",\"rule\":\"words\","
	    "\"score\":0.905,\"spans\":[{\"at\":3,\"len\":6,"
	    "\"path\":\"prompt\"}],\"verdict\":\"found\"}],"
	    "\"xid\":\"" X1 "\"}");
	buf_fini(&out);
}

static void
a_leaf_stays_below_its_cap_whatever_was_found(void)
{
	struct record_verdict verdicts[2000];
	struct record_obj objs[100];
	struct record_place places[40];
	struct record_close close = { .outcome = "blocked",
	    .verdicts = verdicts, .n_verdicts = 2000, .verdicts_more = 5,
	    .objs = objs, .n_objs = 100, .host = span_str("main") };
	struct mg_span value[3];
	struct buf out = { 0 };
	char noise[3000];
	size_t i;

	memset(noise, 1, sizeof(noise));	/* \u0001: six for one */
	memset(objs, 0, sizeof(objs));
	memset(verdicts, 0, sizeof(verdicts));
	for (i = 0; i < 40; i++)
		places[i] = (struct record_place){ span(noise, sizeof(noise)),
		    UINT64_MAX, UINT64_MAX };
	for (i = 0; i < 100; i++)
		objs[i].role = "response";
	for (i = 0; i < 2000; i++)
		verdicts[i] = (struct record_verdict){ .phase = "answer",
		    .rule = span(noise, sizeof(noise)), .verdict = "found",
		    .action = "flag", .mode = "shadow", .score_ppm = -1,
		    .spans = places, .n_spans = i % 40 };
	close.model = close.resp_id = close.finish = span(noise, 3000);
	record_close(&out, &head, &close);
	CHECK(out.len <= RECORD_LEAF_MAX);
	CHECK(leaf_members(buf_span(&out), (const char *const[]){ "xid",
	    "verdicts_left_out", "objs_left_out" }, 3, value));
	CHECK_MEM(value[0].ptr, value[0].len, X1);
	CHECK(value[1].len > 3);
	CHECK_MEM(value[2].ptr, value[2].len, "36");
	buf_fini(&out);
}

static void
bytes_that_are_no_utf_8_do_not_get_into_a_record(void)
{
	struct record_open open = { .model = span("a\xff\xe6\x98z", 5) };
	struct buf out = { 0 };

	record_open(&out, &head, &open);
	CHECK(utf8_valid(out.ptr, out.len));
	CHECK(memmem(out.ptr, out.len, "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf"
	    "\xbdz\"", 13) != NULL);
	buf_fini(&out);
}

static void
an_excerpt_has_forty_characters_on_each_side(void)
{
	struct record_excerpt e = { .xid = X1, .phase = "answer",
	    .rule = span_str("r"), .path = span_str("p"), .text_at = 1000 };
	struct record_obj obj;
	struct buf text = { 0 }, out = { 0 }, want = { 0 };
	unsigned i;

	for (i = 0; i < 100; i++)
		buf_add_str(&text, i == 50 ? "BAD" : "春");
	e.text = buf_span(&text);
	e.at = 1150;
	e.len = 3;
	record_excerpt(&out, &e, &obj);
	buf_add_str(&want, "{\"at\":1150,\"from\":1030,\"len\":3,"
	    "\"path\":\"p\",\"phase\":\"answer\",\"rule\":\"r\",\"text\":\"");
	for (i = 10; i < 91; i++)
		buf_add_str(&want, i == 50 ? "BAD" : "春");
	buf_add_str(&want, "\",\"v\":1,\"xid\":\"" X1 "\"}");
	CHECK_MEM(out.ptr, out.len, buf_cstr(&want));
	CHECK_EQ(obj.len, out.len);
	CHECK_STR(obj.role, "response");
	buf_fini(&text);
	buf_fini(&out);
	buf_fini(&want);
}

static void
an_excerpt_of_a_huge_or_distant_match_stays_small(void)
{
	struct record_excerpt e = { .xid = X1, .phase = "prompt" };
	struct record_obj obj;
	struct buf text = { 0 }, out = { 0 };

	memset(buf_reserve(&text, 1 << 20), 'x', 1 << 20);
	text.len = 1 << 20;
	e.text = buf_span(&text);
	e.len = 1 << 20;
	record_excerpt(&out, &e, &obj);
	CHECK(out.len < 4096 + 400);
	CHECK(memmem(out.ptr, out.len, "\"cut\":true", 10) != NULL);
	buf_clear(&out);
	/* Offsets that lie outside of the text at hand. */
	e.at = UINT64_MAX - 5;
	e.len = UINT64_MAX;
	record_excerpt(&out, &e, &obj);
	CHECK(out.len < 400);
	buf_clear(&out);
	e.at = 0;
	e.len = 10;
	e.text_at = 500;
	record_excerpt(&out, &e, &obj);
	CHECK(out.len < 400);
	buf_fini(&text);
	buf_fini(&out);
}

int
main(void)
{
	char clean[64];

	log_setup(LOG_ERROR + 1, false);
	if (!mkdtemp(base_dir))
		return 1;
	RUN(crc_matches_the_published_value_with_and_without_the_instruction);
	RUN(times_are_written_as_rfc_3339);
	RUN(ids_are_version_7_and_sort_by_time);
	RUN(a_set_of_ids_keeps_what_was_not_removed);
	RUN(what_is_submitted_is_read_back_in_order);
	RUN(an_ordered_stop_leaves_nothing_to_recover);
	RUN(tickets_that_wait_together_share_a_sync);
	RUN(async_is_told_at_once_and_synced_within_a_second);
	RUN(segments_rotate_and_the_sequence_goes_on);
	RUN(opens_without_a_close_are_told_aborted_once);
	RUN(an_open_is_found_segments_before_its_missing_close);
	RUN(the_log_of_a_live_process_is_left_alone);
	RUN(a_segment_cut_at_any_byte_gives_its_whole_frames);
	RUN(zeros_after_the_last_frame_are_a_torn_tail);
	RUN(a_bad_byte_is_damage_where_it_was_durable_and_torn_where_not);
	RUN(a_large_group_whose_first_block_was_lost_is_torn);
	RUN(a_missing_frame_is_damage);
	RUN(a_file_torn_at_each_of_its_last_bytes_is_recovered);
	RUN(damage_in_the_middle_refuses_to_start_and_says_where);
	RUN(short_writes_are_carried_on);
	RUN(a_failed_sync_moves_the_group_to_a_new_segment_once);
	RUN(async_records_survive_a_failed_sync);
	RUN(a_full_disk_refuses_openings_and_writes_closings);
	RUN(too_little_free_disk_refuses_before_it_is_full);
	RUN(a_disk_that_takes_nothing_fails_tickets_and_mends);
	RUN(a_write_error_moves_the_group_too);
	RUN(any_single_fault_of_the_disk_loses_and_doubles_nothing);
	RUN(a_closing_record_may_follow_a_queue_that_is_full);
	RUN(workers_get_their_own_tickets_on_their_own_loops);
	RUN(cat_merges_what_two_processes_wrote_by_time);
	RUN(tail_prints_the_last_ones_from_as_many_segments_as_it_needs);
	RUN(tail_follows_into_new_segments);
	RUN(cat_prints_the_rest_of_a_log_with_damage_and_says_so);
	RUN(a_line_for_people_cannot_drive_their_terminal);
	RUN(pseudonyms_are_equal_for_equal_texts_as_long_as_the_key_is);
	RUN(an_open_record_is_canonical);
	RUN(a_close_record_is_canonical);
	RUN(a_leaf_stays_below_its_cap_whatever_was_found);
	RUN(bytes_that_are_no_utf_8_do_not_get_into_a_record);
	RUN(an_excerpt_has_forty_characters_on_each_side);
	RUN(an_excerpt_of_a_huge_or_distant_match_stays_small);
	(void)snprintf(clean, sizeof(clean), "rm -rf %s", base_dir);
	if (system(clean) != 0)
		return 1;
	return CHECK_DONE();
}
