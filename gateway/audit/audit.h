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
	AUDIT_MARK = 3,		/* the module's own: a segment ends here */
};

enum audit_result {
	AUDIT_DURABLE,		/* written, and synced where asked */
	AUDIT_FAILED,		/* it is not on disk, and will not be */
};

/* One entry under way; embed it, zeroed. From audit_submit() until done it is
 * the module's; when done is called it holds nothing, and may be used again
 * or freed, also from inside done. One that was filled but never submitted is
 * emptied by audit_ticket_fini(). */
struct audit_ticket {
	void (*done)(struct audit_ticket *ticket, enum audit_result result);
	struct audit_inbox *inbox;
	struct audit_ticket *next;	/* the module's own from here on */
	struct buf frames;
	size_t frame_at;
	unsigned n_frames;
	int result;
};

/* Opens dir/ (made if need be) for writing a new segment, after recovery of
 * what is there: torn tails are cut and reported (`log.recovered`), opens
 * without a close get an `exchange.aborted`. What another live process writes
 * is left alone. Starts the writer, which records `log.started`. Blocks on
 * I/O: not for a worker. NULL with err filled: corrupt data that is no torn
 * tail, or no disk. The key of audit_pseudonym() is kept in dir.key, beside
 * dir. */
struct audit *audit_new(const char *dir, const struct config_audit *config,
    struct mg_error *err);
/* Writes what is queued, gives exchanges still open an `exchange.aborted`,
 * records `log.stopped`, syncs, ends the thread. NULL is accepted. Inboxes may
 * be freed before or after. */
void audit_free(struct audit *audit);

struct audit_inbox *audit_inbox_new(struct audit *audit,
    struct event_base *base);
/* No ticket of it may be under way. */
void audit_inbox_free(struct audit_inbox *inbox);

/* False: the disk is (nearly) full or failing; new exchanges get 503. */
bool audit_accepts(const struct audit *audit);

/* Adds a frame to a ticket; json is copied: 1 to 65,535 bytes, as record.h
 * makes it. */
void audit_add(struct audit_ticket *ticket, enum audit_kind kind,
    struct mg_span json);
/* The same without a copy: the record is built at the end of the buf that
 * audit_frame() returns (record_open(audit_frame(t), …)), and becomes a frame
 * by audit_frame_end(). Nothing else may be done to the ticket in between. */
struct buf *audit_frame(struct audit_ticket *ticket);
void audit_frame_end(struct audit_ticket *ticket, enum audit_kind kind);
/* Drops the frames of a ticket that is not under way. */
void audit_ticket_fini(struct audit_ticket *ticket);
/* Hands the ticket's frames over, all or nothing. done is called on the
 * inbox's loop once they are durable (AUDIT_COMMIT, AUDIT_STRICT) or were
 * queued (AUDIT_ASYNC; synced within a second), never from inside this call.
 * closing: the record of an exchange whose opening was accepted: written even
 * when new ones are refused, from a reserve. Without closing, AUDIT_FAILED
 * follows at once when !audit_accepts(). AUDIT_FAILED is final: the record must
 * not be handed over again. Tickets of one inbox are done in the order of
 * their submission (but for openings that are refused at once). */
void audit_submit(struct audit *audit, struct audit_inbox *inbox,
    struct audit_ticket *ticket, bool closing);
/* Hands over one leaf that no one waits for (policy.loaded, auth.failed …);
 * json is copied. Any thread. False: it is refused, as !audit_accepts(): what
 * clients can cause must not use up the reserve. */
bool audit_note(struct audit *audit, struct mg_span json);

/* For metrics; any thread. */
struct audit_stats {
	uint64_t records, bytes, syncs, failures;
	uint64_t queued;		/* entries not yet durable */
	uint64_t oldest_ms;		/* age of the oldest of them */
	uint64_t sync_us_total;
	uint64_t free_bytes;
	bool accepts;
	bool publishes;			/* checkpoints are wanted */
	uint64_t integrated;		/* records in the log's tree */
	uint64_t published;		/* … that the last checkpoint covers */
	uint64_t published_age_ms;	/* since all there was was published */
	uint64_t publish_failures;
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

/* What stands for a person or address in records: the first 16 bytes of
 * HMAC-SHA256 under the key of this log, in hex; out gets 33 bytes. Equal for
 * equal texts, as long as the key is kept. Any thread. */
void audit_pseudonym(const struct audit *audit, struct mg_span text,
    char out[33]);

#endif
