/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/audit.h - the record of every exchange, on disk before its
 * answer is complete.
 *
 * Workers hand finished entries (canonical JSON, RFC 8785) to one writer
 * thread, which frames them into segments and syncs a group at a time. A
 * worker never waits: the writer's answer comes back through its inbox on its
 * own loop. */
#ifndef GATEWAY_AUDIT_AUDIT_H
#define GATEWAY_AUDIT_AUDIT_H

#include "gateway/buf.h"
#include "gateway/config.h"

struct audit;
struct event_base;
struct audit_inbox;		/* one per worker */

enum audit_kind {		/* of a frame */
	AUDIT_LEAF = 1,		/* a record: a leaf of the log to come */
	AUDIT_EXCERPT = 2,	/* content, apart from the leaves */
};

enum audit_result {
	AUDIT_DURABLE,		/* written, and synced where asked */
	AUDIT_FAILED,		/* it is not on disk, and will not be */
};

/* One entry under way; embed it. Free again once done was called. */
struct audit_ticket {
	void (*done)(struct audit_ticket *ticket, enum audit_result result);
	struct audit_inbox *inbox;
	struct audit_ticket *next;	/* the module's own from here on */
	struct buf frames;
	unsigned n_frames;
	bool reserve;
	int result;
};

/* Opens dir/ for writing a new segment, after recovery of what is there: torn
 * tails are cut and reported (`log.recovered`), opens without a close get an
 * `exchange.aborted`. Starts the writer, which records `log.started`. NULL
 * with err filled: corrupt data that is no torn tail, or no disk. */
struct audit *audit_new(const char *dir, const struct config_audit *config,
    struct mg_error *err);
/* Writes what is queued, records `log.stopped`, syncs, ends the thread. */
void audit_free(struct audit *audit);

struct audit_inbox *audit_inbox_new(struct audit *audit,
    struct event_base *base);
/* No ticket of it may be under way. */
void audit_inbox_free(struct audit_inbox *inbox);

/* False: the disk is (nearly) full or failing; new exchanges get 503. */
bool audit_accepts(const struct audit *audit);

/* Adds a frame to a ticket; json is copied. */
void audit_add(struct audit_ticket *ticket, enum audit_kind kind,
    struct mg_span json);
/* Hands the ticket's frames over, all or nothing. done is called on the
 * inbox's loop once they are durable (AUDIT_COMMIT, AUDIT_STRICT) or were
 * queued (AUDIT_ASYNC; synced within a second), never from inside this call.
 * closing: the record of an exchange whose opening was accepted: written even
 * when new ones are refused, from a reserve. */
void audit_submit(struct audit *audit, struct audit_inbox *inbox,
    struct audit_ticket *ticket, bool closing);

/* For metrics; any thread. */
struct audit_stats {
	uint64_t records, bytes, syncs, failures;
	uint64_t queued;		/* entries not yet durable */
	uint64_t oldest_ms;		/* age of the oldest of them */
	uint64_t sync_us_total;
	uint64_t free_bytes;
	bool accepts;
};
void audit_stats(const struct audit *audit, struct audit_stats *stats);

/* Changes durability and caps from now on (reload). */
void audit_reload(struct audit *audit, const struct config_audit *config);

/* Unix microseconds → RFC 3339 UTC with six digits; out gets 28 bytes. */
void audit_time(int64_t us, char out[28]);
/* A UUIDv7 (RFC 9562 5.7) as text; out gets 37 bytes. Any thread. */
void audit_uuid7(int64_t us, char out[37]);
/* The instance's name, as in records. */
const char *audit_instance(const struct audit *audit);

#endif
