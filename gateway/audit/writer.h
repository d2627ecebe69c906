/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/writer.h - what audit.c (the callers' side) and writer.c (the
 * thread) share. */
#ifndef GATEWAY_AUDIT_WRITER_H
#define GATEWAY_AUDIT_WRITER_H

#include <pthread.h>
#include <stdatomic.h>

#include "gateway/audit/ident.h"
#include "gateway/audit/inbox.h"
#include "gateway/audit/leaves.h"
#include "gateway/audit/segfile.h"
#include "gateway/audit/xidset.h"

enum {
	RESERVE_BYTES = 4 << 20,	/* kept free for closing records */
	QUEUE_MAX_BYTES = 64 << 20,	/* more waiting: no new exchanges */
	ASYNC_MAX_BYTES = 4 << 20,	/* written and not synced, at most */
	ASYNC_SYNC_MS = 500,		/* promised: within a second */
	CHECK_MS = 1000,		/* free disk is looked at so often */
	CHECK_BYTES = 8 << 20,		/* … and after so much was written */
	GATHER_US = 500,		/* an entry waits for others, at most */
	GATHER_PROBE = 8,		/* groups, before more are waited for */
	AHEAD_MIN_BYTES = 64 << 10,	/* zeros written ahead: as many as the */
	AHEAD_MAX_BYTES = 1 << 20,	/* segment has records, within these */
};

/* What was handed over: its frames, and who waits for them. */
struct entry {
	struct buf frames;
	struct audit_ticket *ticket;	/* NULL: no one */
	int64_t since_us;		/* steady_us() */
	unsigned n_frames;
	bool closing;
};

struct entries {
	struct entry *items;
	size_t n, cap;
	size_t bytes;			/* of their frames */
};

struct audit {
	const struct audit_io *io;
	char *dir;
	int dirfd;
	char *instance;
	struct pseudonym *pseudonym;
	const char *capture;		/* its name */
	pthread_t thread;

	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct entries queue;		/* under lock, as the next four */
	size_t wake_at;			/* entries queued that wake the writer;
					 * 0: it is awake */
	bool stopping;
	struct leaves_limit limit;	/* how far the log is on disk */
	int64_t work_since_us;		/* of the oldest entry that the writer
					 * holds; 0: none */
	_Atomic int durability;
	_Atomic uint64_t segment_bytes, min_free_bytes;
	_Atomic bool healthy;		/* disk has room and takes writes */
	_Atomic size_t queued_bytes;
	_Atomic uint64_t records, bytes, syncs, failures, queued;
	_Atomic uint64_t sync_us_total, free_bytes;
	_Atomic uint64_t tree_size, tree_published, publish_failures;
	_Atomic int64_t published_us;	/* steady_us() */
	struct publisher *publisher;	/* NULL: no checkpoints are wanted */

	/* The writer's own from here on. */
	unsigned char run[16];
	int run_fd;			/* lock of the run, and the reserve */
	bool has_reserve;
	struct segfile seg;
	uint32_t next_number;
	uint64_t sequence;		/* of the next frame */
	uint64_t durable_sequence;	/* of the first frame not yet synced */
	struct entries group;		/* being written */
	size_t expect;			/* entries the next group may wait for */
	unsigned met;			/* groups in a row that had as many */
	struct entries pending;		/* written, not synced */
	struct xidset open;		/* exchanges, by durable records */
	uint64_t checked_ms, checked_bytes;
	uint64_t no_ahead_ms;		/* when there was no disk for zeros */
	char trouble[160];		/* why the log was degraded last */
	int64_t trouble_us;
	bool told;			/* … and a record says so */
};

void entries_add(struct entries *entries, const struct entry *entry);
/* Moves all of from to the end of to. */
void entries_move(struct entries *to, struct entries *from);
void entries_fini(struct entries *entries);

/* As audit_new(), with system calls of the caller's choice (for tests). */
struct audit *audit_new_io(const char *dir,
    const struct config_audit *config, const struct audit_io *io,
    struct mg_error *err);

/* Makes the run's first segment with `log.started`; before the thread. */
int writer_begin(struct audit *audit, struct mg_error *err);
void *writer_main(void *audit);
/* After the thread: closes files. */
void writer_end(struct audit *audit);

const char *durability_name(int durability);

#endif
