/* SPDX-License-Identifier: Apache-2.0 */
/* tests/audit_bench.h - what the tests of the log share: a folder for each
 * test, a disk that fails on demand, tickets waited for, reading back. */
#ifndef TESTS_AUDIT_BENCH_H
#define TESTS_AUDIT_BENCH_H

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/audit/reader.h"
#include "gateway/audit/record.h"
#include "gateway/audit/writer.h"
#include "gateway/log.h"
#include "tests/check.h"

/* ---- a directory of its own for each test ---- */

static char base_dir[] = "/tmp/modgate-audit-XXXXXX";
static char dir[128];
static unsigned n_dirs;

static inline void
new_dir(void)
{
	(void)snprintf(dir, sizeof(dir), "%s/%u/audit", base_dir, n_dirs++);
}

static inline struct config_audit
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
static inline bool
disk_fails(void)
{
	if (atomic_fetch_add(&disk.calls, 1) + 1 !=
	    atomic_load(&disk.fail_at))
		return false;
	errno = atomic_load(&disk.fail_errno);
	return true;
}

static inline ssize_t
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

static inline int
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

static inline int
disk_fsync(int fd)
{
	(void)fd;
	if (disk_fails())
		return -1;
	errno = atomic_load(&disk.dir_errno);
	return errno ? -1 : 0;
}

/* The reserve is room that others cannot take; giving it back is room. */
static inline int
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

static inline int
disk_ftruncate(int fd, off_t len)
{
	struct stat st;

	if (disk_fails())
		return -1;
	if (len == 0 && fstat(fd, &st) == 0 && st.st_size == 0)
		atomic_store(&disk.room, RESERVE_BYTES);
	return ftruncate(fd, len);
}

static inline int
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

static inline void
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

static inline void
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

static inline bool
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

static inline void
bench_close(struct bench *b)
{
	if (!b->audit)
		return;
	audit_inbox_free(b->inbox);
	event_base_free(b->base);
	audit_free(b->audit);
}

static inline void
leaf(struct audit_ticket *ticket, const char *type, const char *xid)
{
	struct buf json = { 0 };

	buf_addf(&json, "{\"ts\":\"2026-11-24T00:00:00.000000Z\","
	    "\"type\":\"%s\",\"v\":1,\"xid\":\"%s\"}", type, xid);
	audit_add(ticket, AUDIT_LEAF, buf_span(&json));
	buf_fini(&json);
}

static inline void
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

static inline void
wait_all(struct bench *b)
{
	struct timeval limit = { 10, 0 };

	if (b->left == 0)
		return;
	event_base_loopexit(b->base, &limit);
	event_base_dispatch(b->base);
	CHECK_EQ(b->left, 0);
}

static inline int
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
static inline unsigned
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

static inline unsigned
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
static inline void
last_segment(char out[256])
{
	struct segment_info *segs;
	struct mg_error err = { "" };
	size_t n;

	CHECK_EQ(segments_list(dir, &segs, &n, &err), 0);
	(void)snprintf(out, 256, "%s/%s", dir, n ? segs[n - 1].name : "?");
	free(segs);
}

/* Where the frames of a segment file end, and how long the file is. */
struct extent {
	off_t used, size;
};
static inline struct extent
extent_of(const char *path)
{
	struct buf bytes = { 0 };
	struct audit_frame frame;
	struct mg_error err = { "" };
	uint64_t offset = 0;
	const char *why;
	struct extent e;

	CHECK_EQ(segment_load(dir, strrchr(path, '/') + 1, &bytes, &err), 0);
	while (audit_next(buf_span(&bytes), &offset, &frame, &why) ==
	    READ_FRAME)
		;
	e = (struct extent){ (off_t)offset, (off_t)bytes.len };
	buf_fini(&bytes);
	return e;
}

#define X1 "01909b3c-0000-7000-8000-000000000001"
#define X2 "01909b3c-0000-7000-8000-000000000002"
#define X3 "01909b3c-0000-7000-8000-000000000003"

/* Goes on in a copy of the directory, taken now: what a kill would leave. */
static inline void
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

static inline void
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

/* Begins and ends main(). */
static inline bool
bench_begin(void)
{
	log_setup(LOG_ERROR + 1, false);
	return mkdtemp(base_dir) != NULL;
}

static inline bool
bench_clean(void)
{
	char clean[64];

	(void)snprintf(clean, sizeof(clean), "rm -rf %s", base_dir);
	return system(clean) == 0;
}

#define BENCH_END() (bench_clean() ? CHECK_DONE() : 1)

#endif
