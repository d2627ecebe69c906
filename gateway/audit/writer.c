/* SPDX-License-Identifier: Apache-2.0 */
/* writer.c - the one thread that writes the log.
 *
 * It takes all that is queued, writes it with one call, syncs once, and hands
 * the tickets back; what comes meanwhile, and a little later, is the next
 * group. Entries are kept
 * until their bytes are known to be on disk, so that after a failed fsync they
 * can be written anew, into another segment: what the first one holds of them
 * is void, as the second one's header says from which sequence it counts. */
#include "gateway/audit/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "gateway/audit/reader.h"
#include "gateway/audit/record.h"
#include "gateway/clock.h"
#include "gateway/cmd.h"
#include "gateway/log.h"

const char *
durability_name(int durability)
{
	switch ((enum config_durability)durability) {
	case AUDIT_STRICT:
		return "strict";
	case AUDIT_COMMIT:
		return "commit";
	case AUDIT_ASYNC:
		return "async";
	}
	abort();
}

static bool
is_full(int rc)
{
	return rc == -ENOSPC || rc == -EDQUOT || rc == -EFBIG;
}

/* ---- the reserve: disk that is ours before it is full ---- */

static bool
take_reserve(struct audit *a)
{
	if (!a->has_reserve)
		a->has_reserve = a->io->fallocate(a->run_fd,
		    RESERVE_BYTES) == 0;
	return a->has_reserve;
}

static void
release_reserve(struct audit *a)
{
	if (a->has_reserve)
		(void)a->io->ftruncate(a->run_fd, 0);
	a->has_reserve = false;
}

/* ---- segments ---- */

/* Begins a segment whose first frame is the next one. The one before stays
 * open until then, as it is. */
static int
next_segment(struct audit *a)
{
	struct segment_header header = { .created_us = now_us(),
	    .number = a->next_number, .first = a->sequence,
	    .in_flight = a->open.n };
	struct segfile file;
	int rc;

	memcpy(header.run, a->run, sizeof(header.run));
	random_bytes(&header.salt, sizeof(header.salt));
	header.salt |= 1;	/* no frame begins as room does, with zeros */
	(void)snprintf(header.instance, sizeof(header.instance), "%s",
	    a->instance);
	/* A number is used once, even if this fails half-way. */
	a->next_number++;
	rc = segfile_create(&file, a->io, a->dirfd, &header);
	if (rc != 0)
		return rc;
	segfile_close(&a->seg);
	a->seg = file;
	return 0;
}

/* Gives the segment up: what it holds beyond its last sync counts no more, and
 * those entries go back to be written first. */
static void
retreat(struct audit *a, struct entries *g)
{
	segfile_cut(&a->seg);
	segfile_close(&a->seg);
	a->sequence = a->durable_sequence;
	entries_move(&a->pending, g);
	entries_move(g, &a->pending);
}

static void
rotate(struct audit *a)
{
	int rc;

	if (a->seg.fd < 0 || a->pending.n > 0 || a->seg.len <
	    atomic_load(&a->segment_bytes))
		return;
	rc = segfile_end(&a->seg, END_ROTATED, a->sequence);
	if (rc == 0)
		rc = next_segment(a);
	if (rc != 0)
		/* The next group meets the same trouble, and treats it. */
		log_error("audit: %s: cannot be closed for a new segment: %s",
		    a->seg.name, strerror(-rc));
	if (rc != 0)
		segfile_close(&a->seg);
}

/* Writes zeros ahead once a quarter of them is left, when all is on disk and
 * no one waits. They are a comfort: without them each sync costs more. */
static void
make_room(struct audit *a)
{
	uint64_t ahead = a->seg.len, upto, now = now_mono_ms();

	if (ahead < AHEAD_MIN_BYTES)
		ahead = AHEAD_MIN_BYTES;
	if (ahead > AHEAD_MAX_BYTES)
		ahead = AHEAD_MAX_BYTES;
	upto = a->seg.len + ahead;
	if (upto > atomic_load(&a->segment_bytes))
		upto = atomic_load(&a->segment_bytes);
	if (a->seg.fd < 0 || a->pending.n > 0 || upto <= a->seg.room ||
	    a->seg.room - a->seg.len > ahead / 4 ||
	    !atomic_load(&a->healthy) || atomic_load(&a->free_bytes) <
	    atomic_load(&a->min_free_bytes) + AHEAD_MAX_BYTES ||
	    (a->no_ahead_ms > 0 && now - a->no_ahead_ms < CHECK_MS))
		return;
	/* Trouble is told by the group that meets it. */
	a->no_ahead_ms = segfile_extend(&a->seg, upto) == 0 ? 0 : now;
}

/* ---- handing back ---- */

/* Opens and closes, as they are on disk now. */
static void
note_exchanges(struct audit *a, const struct entry *e)
{
	static const char *const names[] = { "type", "xid" };
	struct mg_span rest = buf_span(&e->frames), value[2];
	struct segment_frame frame;
	struct xid xid;

	while (rest.len > 0 && segment_frame_check(rest,
	    a->seg.header.salt, &frame) == CHECK_GOOD) {
		size_t len = SEGMENT_FRAME + frame.payload.len;

		rest = span(rest.ptr + len, rest.len - len);
		if (frame.kind != AUDIT_LEAF ||
		    !leaf_members(frame.payload, names, 2, value) ||
		    !xid_read(value[1], &xid))
			continue;
		if (span_is(value[0], "exchange.open"))
			(void)xidset_add(&a->open, &xid);
		else if (span_is(value[0], "exchange.close") ||
		    span_is(value[0], "exchange.aborted"))
			(void)xidset_remove(&a->open, &xid);
	}
}

static void
hand_back(struct audit *a, struct entry *e, enum audit_result result)
{
	_Atomic uint64_t *count = result == AUDIT_DURABLE ? &a->records :
	    &a->failures;

	atomic_fetch_add(count, e->n_frames);
	atomic_fetch_sub(&a->queued, e->n_frames);
	atomic_fetch_sub(&a->queued_bytes, e->frames.len);
	if (!e->ticket) {
		buf_fini(&e->frames);
		return;
	}
	/* Its memory goes home with it, and is freed where it was made. */
	e->ticket->frames = e->frames;
	e->ticket->result = (int)result;
	ticket_list_add(inbox_batch(e->ticket->inbox), e->ticket);
}

/* One wake per inbox. Tickets of entries are gone afterwards: what is needed of
 * them is read before the first delivery. */
static void
hand_back_all(struct audit *a, struct entries *list, enum audit_result result)
{
	struct audit_inbox **inboxes = NULL;
	size_t n = 0, cap = 0, i;

	for (i = 0; i < list->n; i++) {
		struct entry *e = &list->items[i];
		struct audit_inbox *inbox = e->ticket ? e->ticket->inbox :
		    NULL;

		if (result == AUDIT_DURABLE)
			note_exchanges(a, e);
		if (inbox && !inbox_batch(inbox)->head) {
			inboxes = xgrow(inboxes, &cap, n + 1,
			    sizeof(*inboxes));
			inboxes[n++] = inbox;
		}
		hand_back(a, e, result);
	}
	list->n = 0;
	list->bytes = 0;
	for (i = 0; i < n; i++)
		inbox_deliver(inboxes[i], inbox_batch(inboxes[i]));
	free(inboxes);
}

/* ---- a group ---- */

/* A record of the log's own. */
static void
add_note(struct audit *a, struct entries *g, const struct buf *json)
{
	struct entry e = { .n_frames = 1, .closing = true,
	    .since_us = steady_us() };

	segment_frame_add(&e.frames, AUDIT_LEAF, buf_span(json));
	entries_add(g, &e);
	/* hand_back() counts it down. */
	atomic_fetch_add(&a->queued, 1);
	atomic_fetch_add(&a->queued_bytes, e.frames.len);
}

/* Takes the group's openings out and refuses them. */
static void
refuse_openings(struct audit *a, struct entries *g)
{
	struct entries refused = { 0 };
	size_t i, kept = 0;

	g->bytes = 0;
	for (i = 0; i < g->n; i++) {
		if (g->items[i].closing || !g->items[i].ticket) {
			g->bytes += g->items[i].frames.len;
			g->items[kept++] = g->items[i];
		} else {
			entries_add(&refused, &g->items[i]);
		}
	}
	g->n = kept;
	hand_back_all(a, &refused, AUDIT_FAILED);
	entries_fini(&refused);
}

/* Writes the group at the segment's end and makes it pending. */
static int
put(struct audit *a, struct entries *g)
{
	uint64_t sequence = a->sequence;
	struct iovec *iov;
	size_t i;
	int rc = 0;

	if (g->n == 0)
		return 0;
	if (a->seg.fd < 0)
		rc = next_segment(a);
	if (rc != 0)
		return rc;
	iov = xmalloc(g->n * sizeof(*iov));
	for (i = 0; i < g->n; i++) {
		struct buf *b = &g->items[i].frames;

		segment_frames_seal(b->ptr, b->len, &a->seg.header, &sequence,
		    a->seg.durable);
		iov[i] = (struct iovec){ b->ptr, b->len };
	}
	rc = segfile_append(&a->seg, iov, g->n);
	free(iov);
	if (rc != 0)
		return rc;
	atomic_fetch_add(&a->bytes, g->bytes);
	a->checked_bytes += g->bytes;
	a->sequence = sequence;
	entries_move(&a->pending, g);
	return 0;
}

static int
sync_pending(struct audit *a)
{
	struct timespec from, to;
	int rc;

	if (a->pending.n == 0)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &from);
	rc = segfile_sync(&a->seg);
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (rc != 0)
		return rc;
	atomic_fetch_add(&a->syncs, 1);
	atomic_fetch_add(&a->sync_us_total, (uint64_t)((to.tv_sec -
	    from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000));
	a->durable_sequence = a->sequence;
	pthread_mutex_lock(&a->lock);
	memcpy(a->limit.run, a->run, sizeof(a->run));
	a->limit.number = a->seg.header.number;
	a->limit.sequence = a->durable_sequence;
	pthread_mutex_unlock(&a->lock);
	return 0;
}

/* Adds the record of the trouble at hand. */
static void
note_trouble(struct audit *a, struct entries *g)
{
	struct record_head head = { a->trouble_us, a->instance, NULL };
	struct buf json = { 0 };
	char id[37];

	audit_uuid7(head.ts_us, id);
	head.xid = id;
	record_degraded(&json, &head, a->trouble);
	add_note(a, g, &json);
	buf_fini(&json);
	a->told = true;
}

/* Says in log and record that the log is in trouble. No new exchanges from now
 * on, if it is lasting. */
static void
degrade(struct audit *a, struct entries *g, const char *reason, bool lasting)
{
	if (!atomic_load(&a->healthy))
		return;		/* said already */
	if (lasting)
		atomic_store(&a->healthy, false);
	log_error("audit: %s%s", reason, lasting ?
	    "; new exchanges are refused until it is mended" : "");
	a->trouble_us = now_us();
	(void)snprintf(a->trouble, sizeof(a->trouble), "%s", reason);
	note_trouble(a, g);
}

/* What to do about a failure, before the group is tried again. */
static void
treat(struct audit *a, struct entries *g, int rc)
{
	char reason[160];

	(void)snprintf(reason, sizeof(reason), "%s: %s",
	    a->seg.name[0] ? a->seg.name : "segment", strerror(-rc));
	/* A full disk leaves the segment as it was, unless fsync found it
	 * out, or the file could not be cut back. */
	if (a->seg.broken || !is_full(rc))
		retreat(a, g);
	if (is_full(rc)) {
		refuse_openings(a, g);
		release_reserve(a);
	}
	degrade(a, g, reason, is_full(rc));
}

/* Writes g (which ends empty); with sync, all that is pending becomes durable,
 * or fails. */
static int
commit(struct audit *a, struct entries *g, bool sync)
{
	unsigned tries;
	int rc = 0;

	for (tries = 0; tries < 3; tries++) {
		rc = put(a, g);
		if (rc == 0 && sync)
			rc = sync_pending(a);
		if (rc == 0)
			break;
		treat(a, g, rc);
	}
	if (rc != 0) {
		retreat(a, g);
		if (atomic_exchange(&a->healthy, false))
			log_error("audit: records cannot be written; new "
			    "exchanges are refused until it is mended");
		hand_back_all(a, g, AUDIT_FAILED);
		a->told = false;
	} else if (sync) {
		hand_back_all(a, &a->pending, AUDIT_DURABLE);
	}
	return rc;
}

/* ---- free disk ---- */

static void
mend(struct audit *a, uint64_t free_bytes)
{
	struct record_head head = { now_us(), a->instance, NULL };
	uint64_t want = atomic_load(&a->min_free_bytes);
	struct buf json = { 0 };
	char id[37];

	/* A little more than the least, or the state would flutter. */
	want += want / 16 + (a->has_reserve ? 0 : RESERVE_BYTES);
	if (free_bytes < want || !take_reserve(a))
		return;
	if (!a->told)
		note_trouble(a, &a->group);
	audit_uuid7(head.ts_us, id);
	head.xid = id;
	record_recovered(&json, &head, "", 0, 0, 0);
	add_note(a, &a->group, &json);
	buf_fini(&json);
	if (commit(a, &a->group, true) == 0) {
		atomic_store(&a->healthy, true);
		log_info("audit: records are written again");
	}
}

static void
check_disk(struct audit *a)
{
	uint64_t now = now_mono_ms(), free_bytes;
	uint64_t least = atomic_load(&a->min_free_bytes);
	char reason[160];

	if (now - a->checked_ms < CHECK_MS && a->checked_bytes < CHECK_BYTES)
		return;
	a->checked_ms = now;
	a->checked_bytes = 0;
	if (a->io->free_bytes(a->dirfd, &free_bytes) < 0)
		return;		/* writing will tell */
	atomic_store(&a->free_bytes, free_bytes);
	if (!atomic_load(&a->healthy)) {
		mend(a, free_bytes);
	} else if (free_bytes < least) {
		(void)snprintf(reason, sizeof(reason), "only %.1f MiB are "
		    "free on the disk of %.80s; audit.min_free is %.1f MiB",
		    (double)free_bytes / (1 << 20), a->dir,
		    (double)least / (1 << 20));
		degrade(a, &a->group, reason, true);
		(void)commit(a, &a->group, true);
	}
}

/* ---- the thread ---- */

/* When written entries must be synced, at the latest. */
static int64_t
sync_due_us(const struct audit *a)
{
	return a->pending.n == 0 ? INT64_MAX :
	    a->pending.items[0].since_us + ASYNC_SYNC_MS * 1000;
}

/* Under lock: waits until n entries are queued, or a moment has come. */
static void
wait_queue(struct audit *a, size_t n, int64_t until_us)
{
	struct timespec at = { (time_t)(until_us / 1000000),
	    (long)(until_us % 1000000) * 1000 };

	a->wake_at = n;
	while (a->queue.n < n && !a->stopping)
		if (pthread_cond_timedwait(&a->wake, &a->lock, &at) != 0)
			break;
	a->wake_at = 0;
}

/* How many the next group may wait for: as many as came this time, and now and
 * then more, to see whether they come. One that came alone is followed by one
 * that does not wait: a client that does one thing at a time never does. */
static void
learn(struct audit *a, size_t n)
{
	bool fewer = n < 2 || n < a->expect;

	a->met = fewer ? 0 : a->met + 1;
	a->expect = n;
	if (a->met == GATHER_PROBE) {
		a->expect = n + n / 2 + 1;
		a->met = 0;
	}
}

/* Waits for work, until a deadline; takes all there is. A sync costs the same
 * for one as for many, so where many come, they wait for each other a little.
 * Time spent in the queue during the last sync counts: a slow disk makes no
 * one wait longer. False: it is time to stop, and nothing is left. */
static bool
gather(struct audit *a)
{
	int64_t until = (int64_t)(a->checked_ms + CHECK_MS) * 1000;
	int64_t due = sync_due_us(a);
	bool more;

	pthread_mutex_lock(&a->lock);
	a->work_since_us = a->pending.n > 0 ? a->pending.items[0].since_us : 0;
	wait_queue(a, 1, due < until ? due : until);
	if (a->queue.n > 0 && a->queue.n < a->expect)
		wait_queue(a, a->expect, a->queue.items[0].since_us +
		    GATHER_US);
	if (a->queue.n > 0) {
		struct entries empty = a->group;

		a->group = a->queue;
		a->queue = empty;
		if (a->work_since_us == 0)
			a->work_since_us = a->group.items[0].since_us;
		learn(a, a->group.n);
	}
	more = a->group.n > 0 || !a->stopping;
	pthread_mutex_unlock(&a->lock);
	return more;
}

static bool
must_sync(const struct audit *a)
{
	size_t i;

	for (i = 0; i < a->group.n; i++)
		if (a->group.items[i].ticket)
			return true;
	return a->pending.bytes + a->group.bytes > ASYNC_MAX_BYTES ||
	    steady_us() >= sync_due_us(a);
}

/* The last records: exchanges that no one closed, and the end. */
static void
stop(struct audit *a)
{
	struct record_head head = { now_us(), a->instance, NULL };
	struct buf json = { 0 };
	const struct xid *xid;
	char id[37];
	size_t i = 0;

	head.xid = id;
	while ((xid = xidset_next(&a->open, &i)) != NULL) {
		xid_text(xid, id);
		record_aborted(&json, &head, "shutdown");
		add_note(a, &a->group, &json);
		buf_clear(&json);
	}
	audit_uuid7(head.ts_us, id);
	record_stopped(&json, &head, atomic_load(&a->records));
	add_note(a, &a->group, &json);
	buf_fini(&json);
	/* Without the end mark, the next start recovers this run. */
	if (commit(a, &a->group, true) == 0 && a->open.n == 0 &&
	    segfile_end(&a->seg, END_STOPPED, a->sequence) != 0)
		log_error("audit: %s could not be marked as ended",
		    a->seg.name);
}

void *
writer_main(void *arg)
{
	struct audit *a = arg;

	while (gather(a)) {
		(void)commit(a, &a->group, must_sync(a));
		rotate(a);
		make_room(a);
		check_disk(a);
	}
	(void)commit(a, &a->group, true);	/* what is pending */
	stop(a);
	return NULL;
}

/* The run's lock; it is held until the process ends, however it does. */
static int
lock_run(struct audit *a, struct mg_error *err)
{
	char name[48];

	run_name(a->run, "run", name);
	a->run_fd = openat(a->dirfd, name, O_RDWR | O_CREAT | O_EXCL |
	    O_CLOEXEC, 0600);
	if (a->run_fd < 0 || flock(a->run_fd, LOCK_EX | LOCK_NB) < 0)
		return mg_fail(err, NULL, "%s/%s: %s", a->dir, name,
		    strerror(errno));
	return 0;
}

int
writer_begin(struct audit *a, struct mg_error *err)
{
	struct record_head head = { now_us(), a->instance, NULL };
	struct buf json = { 0 };
	uint64_t free_bytes;
	char id[37];
	int rc;

	if (lock_run(a, err) < 0)
		return -1;
	if (!take_reserve(a))
		return mg_fail(err, NULL, "%s: no room for a reserve of %d "
		    "bytes: %s", a->dir, RESERVE_BYTES, strerror(errno));
	audit_uuid7(head.ts_us, id);
	head.xid = id;
	record_started(&json, &head, MODGATE_VERSION,
	    durability_name(atomic_load(&a->durability)), a->capture);
	add_note(a, &a->group, &json);
	buf_fini(&json);
	rc = commit(a, &a->group, true);
	if (rc != 0)
		return mg_fail(err, NULL, "%s: cannot be written: %s", a->dir,
		    strerror(-rc));
	a->checked_ms = now_mono_ms();
	if (a->io->free_bytes(a->dirfd, &free_bytes) == 0)
		atomic_store(&a->free_bytes, free_bytes);
	if (atomic_load(&a->free_bytes) < atomic_load(&a->min_free_bytes))
		a->checked_ms -= CHECK_MS;
	make_room(a);
	return 0;
}

void
writer_end(struct audit *a)
{
	char name[48];

	segfile_close(&a->seg);
	if (a->run_fd < 0)
		return;
	run_name(a->run, "run", name);
	(void)unlinkat(a->dirfd, name, 0);
	close(a->run_fd);
	a->run_fd = -1;
}
