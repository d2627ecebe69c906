/* SPDX-License-Identifier: Apache-2.0 */
/* audit.c - the callers' side of the log: tickets in, statistics out. */
#include "gateway/audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/audit/publisher.h"
#include "gateway/audit/recover.h"
#include "gateway/audit/writer.h"
#include "gateway/clock.h"

enum { FRAMES_BYTES = 1024 };		/* of a ticket, to begin with */

void
entries_add(struct entries *entries, const struct entry *entry)
{
	entries->items = xgrow(entries->items, &entries->cap, entries->n + 1,
	    sizeof(*entries->items));
	entries->items[entries->n++] = *entry;
	entries->bytes += entry->frames.len;
}

void
entries_move(struct entries *to, struct entries *from)
{
	if (from->n == 0)
		return;
	to->items = xgrow(to->items, &to->cap, to->n + from->n,
	    sizeof(*to->items));
	memcpy(to->items + to->n, from->items, from->n * sizeof(*from->items));
	to->n += from->n;
	to->bytes += from->bytes;
	from->n = 0;
	from->bytes = 0;
}

void
entries_fini(struct entries *entries)
{
	size_t i;

	for (i = 0; i < entries->n; i++)
		buf_fini(&entries->items[i].frames);
	free(entries->items);
	memset(entries, 0, sizeof(*entries));
}

/* Makes dir and what it lies in. */
static int
make_dirs(const char *dir, struct mg_error *err)
{
	char *path = xstrndup(dir, strlen(dir)), *slash = path;
	int rc = 0;

	while (rc == 0 && slash) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			rc = mg_fail(err, NULL, "%s: %s", path,
			    strerror(errno));
		if (slash)
			*slash = '/';
	}
	free(path);
	return rc;
}

static char *
host_name(void)
{
	char name[256] = "";

	if (gethostname(name, sizeof(name) - 1) < 0 || name[0] == '\0')
		return xstrndup("modgate", 7);
	return xstrndup(name, strlen(name));
}

static struct pseudonym *
open_pseudonym(const char *dir, struct mg_error *err)
{
	struct pseudonym *pseudonym;
	struct buf path = { 0 };
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	buf_add(&path, dir, len);
	buf_add_str(&path, ".key");
	pseudonym = pseudonym_open(buf_cstr(&path), err);
	buf_fini(&path);
	return pseudonym;
}

/* Recovery and the first segment, under the directory's lock, so that of two
 * starting processes one waits for the other. */
static int
open_log(struct audit *audit, const struct config_audit *config,
    struct mg_error *err)
{
	int rc;

	while (flock(audit->dirfd, LOCK_EX) < 0)
		if (errno != EINTR)
			return mg_fail(err, NULL, "%s: cannot be locked: %s",
			    audit->dir, strerror(errno));
	rc = recover(audit->dir, audit->dirfd, audit->io, audit->instance,
	    err);
	if (rc == 0)
		rc = publisher_open(audit, config, err);
	if (rc == 0)
		rc = writer_begin(audit, err);
	(void)flock(audit->dirfd, LOCK_UN);
	return rc;
}

static void
init(struct audit *audit, const char *dir, const struct config_audit *config,
    const struct audit_io *io)
{
	pthread_condattr_t attr;

	audit->io = io;
	audit->dir = xstrndup(dir, strlen(dir));
	audit->instance = config->instance ? xstrndup(config->instance,
	    strlen(config->instance)) : host_name();
	audit->capture = config->capture == CAPTURE_NONE ? "none" : "flagged";
	audit->dirfd = audit->run_fd = audit->seg.fd = -1;
	pthread_mutex_init(&audit->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&audit->wake, &attr);
	pthread_condattr_destroy(&attr);
	audit_reload(audit, config);
	atomic_store(&audit->healthy, true);
	random_bytes(audit->run, sizeof(audit->run));
}

static void
fini(struct audit *audit)
{
	publisher_end(audit);
	writer_end(audit);
	entries_fini(&audit->queue);
	entries_fini(&audit->group);
	entries_fini(&audit->pending);
	xidset_fini(&audit->open);
	pseudonym_free(audit->pseudonym);
	pthread_cond_destroy(&audit->wake);
	pthread_mutex_destroy(&audit->lock);
	if (audit->dirfd >= 0)
		close(audit->dirfd);
	free(audit->instance);
	free(audit->dir);
	free(audit);
}

struct audit *
audit_new_io(const char *dir, const struct config_audit *config,
    const struct audit_io *io, struct mg_error *err)
{
	struct audit *audit = xcalloc(1, sizeof(*audit));
	int rc;

	init(audit, dir, config, io);
	rc = make_dirs(dir, err);
	if (rc == 0) {
		audit->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (audit->dirfd < 0)
			rc = mg_fail(err, NULL, "%s: %s", dir,
			    strerror(errno));
	}
	if (rc == 0) {
		audit->pseudonym = open_pseudonym(dir, err);
		rc = audit->pseudonym ? 0 : -1;
	}
	if (rc == 0)
		rc = open_log(audit, config, err);
	if (rc == 0 && pthread_create(&audit->thread, NULL, writer_main,
	    audit) != 0)
		rc = mg_fail(err, NULL, "the audit writer's thread cannot be "
		    "started");
	if (rc == 0 && publisher_start(audit, err) == 0)
		return audit;
	if (rc == 0) {
		audit_free(audit);
		return NULL;
	}
	fini(audit);
	return NULL;
}

struct audit *
audit_new(const char *dir, const struct config_audit *config,
    struct mg_error *err)
{
	return audit_new_io(dir, config, &audit_io_system, err);
}

void
audit_free(struct audit *audit)
{
	if (!audit)
		return;
	pthread_mutex_lock(&audit->lock);
	audit->stopping = true;
	pthread_cond_signal(&audit->wake);
	pthread_mutex_unlock(&audit->lock);
	pthread_join(audit->thread, NULL);
	fini(audit);
}

bool
audit_accepts(const struct audit *audit)
{
	return atomic_load_explicit(&audit->healthy, memory_order_relaxed) &&
	    atomic_load_explicit(&audit->queued_bytes,
	    memory_order_relaxed) < QUEUE_MAX_BYTES;
}

void
audit_add(struct audit_ticket *ticket, enum audit_kind kind,
    struct mg_span json)
{
	segment_frame_add(&ticket->frames, kind, json);
	ticket->n_frames++;
}

struct buf *
audit_frame(struct audit_ticket *ticket)
{
	struct buf *frames = &ticket->frames;

	/* Room for a usual record at once. */
	if (frames->cap == 0) {
		frames->cap = FRAMES_BYTES;
		frames->ptr = xmalloc(FRAMES_BYTES);
	}
	ticket->frame_at = frames->len;
	(void)buf_reserve(frames, SEGMENT_FRAME);
	frames->len += SEGMENT_FRAME;
	return frames;
}

void
audit_frame_end(struct audit_ticket *ticket, enum audit_kind kind)
{
	segment_frame_init(ticket->frames.ptr + ticket->frame_at, kind,
	    ticket->frames.len - ticket->frame_at - SEGMENT_FRAME);
	ticket->n_frames++;
}

void
audit_ticket_fini(struct audit_ticket *ticket)
{
	buf_fini(&ticket->frames);
	ticket->n_frames = 0;
}

static void
enqueue(struct audit *audit, const struct entry *entry)
{
	bool wake;

	pthread_mutex_lock(&audit->lock);
	entries_add(&audit->queue, entry);
	/* Once, and only if it sleeps. */
	wake = audit->queue.n == audit->wake_at;
	pthread_mutex_unlock(&audit->lock);
	if (wake)
		pthread_cond_signal(&audit->wake);
}

/* Tells a ticket its end without the writer. */
static void
answer(struct audit_ticket *ticket, enum audit_result result)
{
	struct ticket_list one = { NULL, NULL };

	ticket->result = (int)result;
	ticket_list_add(&one, ticket);
	inbox_deliver(ticket->inbox, &one);
}

static void
count_in(struct audit *audit, const struct entry *entry)
{
	atomic_fetch_add_explicit(&audit->queued_bytes, entry->frames.len,
	    memory_order_relaxed);
	atomic_fetch_add_explicit(&audit->queued, entry->n_frames,
	    memory_order_relaxed);
}

void
audit_submit(struct audit *audit, struct audit_inbox *inbox,
    struct audit_ticket *ticket, bool closing)
{
	struct entry entry = { .closing = closing,
	    .n_frames = ticket->n_frames, .since_us = steady_us() };
	bool waits = atomic_load_explicit(&audit->durability,
	    memory_order_relaxed) != AUDIT_ASYNC;

	ticket->inbox = inbox;
	if (ticket->n_frames == 0 || (!closing && !audit_accepts(audit))) {
		if (ticket->n_frames > 0)
			atomic_fetch_add_explicit(&audit->failures, 1,
			    memory_order_relaxed);
		answer(ticket, ticket->n_frames > 0 ? AUDIT_FAILED :
		    AUDIT_DURABLE);
		return;
	}
	/* The frames change hands; the worker frees nothing, the writer
	 * copies nothing. */
	entry.frames = ticket->frames;
	memset(&ticket->frames, 0, sizeof(ticket->frames));
	entry.ticket = waits ? ticket : NULL;
	count_in(audit, &entry);
	enqueue(audit, &entry);
	if (!waits)
		answer(ticket, AUDIT_DURABLE);
}

bool
audit_note(struct audit *audit, struct mg_span json)
{
	struct entry entry = { .n_frames = 1, .since_us = steady_us() };

	if (!audit_accepts(audit)) {
		atomic_fetch_add_explicit(&audit->failures, 1,
		    memory_order_relaxed);
		return false;
	}
	segment_frame_add(&entry.frames, AUDIT_LEAF, json);
	count_in(audit, &entry);
	enqueue(audit, &entry);
	return true;
}

void
audit_stats(const struct audit *audit, struct audit_stats *stats)
{
	/* Only the lock changes. */
	pthread_mutex_t *lock = (pthread_mutex_t *)&audit->lock;
	int64_t since, now = steady_us();

	pthread_mutex_lock(lock);
	since = audit->work_since_us;
	if (since == 0 && audit->queue.n > 0)
		since = audit->queue.items[0].since_us;
	pthread_mutex_unlock(lock);
	memset(stats, 0, sizeof(*stats));
	stats->records = atomic_load(&audit->records);
	stats->bytes = atomic_load(&audit->bytes);
	stats->syncs = atomic_load(&audit->syncs);
	stats->failures = atomic_load(&audit->failures);
	stats->queued = atomic_load(&audit->queued);
	stats->oldest_ms = since > 0 && now > since ?
	    (uint64_t)(now - since) / 1000 : 0;
	stats->sync_us_total = atomic_load(&audit->sync_us_total);
	stats->free_bytes = atomic_load(&audit->free_bytes);
	stats->accepts = audit_accepts(audit);
	stats->publishes = audit->publisher != NULL;
	stats->integrated = atomic_load(&audit->tree_size);
	stats->published = atomic_load(&audit->tree_published);
	stats->publish_failures = atomic_load(&audit->publish_failures);
	since = atomic_load(&audit->published_us);
	stats->published_age_ms = since > 0 && now > since ?
	    (uint64_t)(now - since) / 1000 : 0;
}

void
audit_reload(struct audit *audit, const struct config_audit *config)
{
	atomic_store(&audit->durability, (int)config->durability);
	atomic_store(&audit->segment_bytes, config->segment_bytes);
	atomic_store(&audit->min_free_bytes, config->min_free_bytes);
}

const char *
audit_instance(const struct audit *audit)
{
	return audit->instance;
}

void
audit_pseudonym(const struct audit *audit, struct mg_span text, char out[33])
{
	pseudonym_of(audit->pseudonym, text, out);
}
