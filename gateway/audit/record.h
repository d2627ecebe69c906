/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/record.h - builds records: canonical JSON (RFC 8785: sorted
 * keys, no spaces), at most 65,535 bytes, no text of a client in a leaf.
 *
 * Each function appends one record to out; clear it before. Strings are
 * borrowed for the call; bytes that are not UTF-8 become U+FFFD, long ones are
 * cut (ids and names at 256 bytes). Times are unix microseconds; 0: not known,
 * left out. Numbers above 2^53-1 are written as 2^53-1. Pure, any thread. */
#ifndef GATEWAY_AUDIT_RECORD_H
#define GATEWAY_AUDIT_RECORD_H

#include "gateway/buf.h"

enum { RECORD_LEAF_MAX = 65535 };

/* What all records have. */
struct record_head {
	int64_t ts_us;
	const char *inst;		/* audit_instance() */
	const char *xid;		/* audit_uuid7(): of the exchange; where
					 * there is none, of this record alone */
};

/* A reference to content that lies apart. */
struct record_obj {
	const char *role;		/* "prompt", "response" */
	uint64_t len;			/* bytes of the excerpt's JSON */
	unsigned char sha256[32];	/* of those bytes */
};

struct record_open {
	struct mg_span tenant, key_id;
	struct mg_span subj, ip;	/* audit_pseudonym(); len 0: none */
	struct mg_span route;		/* the surface's name */
	struct mg_span model;
	bool stream;
	struct mg_span policy_id;	/* len 0: no policy was chosen yet */
	struct mg_span policy_version;	/* len 0: left out */
	struct mg_span policy_sha256;
	const struct record_obj *objs;	/* at most 64 are written */
	size_t n_objs;
};

/* Where something was found: numbers and a path, never the text. */
struct record_place {
	struct mg_span path;		/* surface_path(); may be empty */
	uint64_t at, len;		/* bytes of the decoded text */
};

struct record_verdict {
	const char *phase;		/* "prompt", "answer" */
	struct mg_span rule, category;
	const char *verdict;		/* "found", "unable" */
	const char *action;		/* policy_action_name() */
	const char *mode;		/* "enforce", "shadow" */
	const char *severity;		/* NULL: left out */
	int32_t score_ppm;		/* millionths; below 0: none */
	const struct record_place *spans;
	size_t n_spans;			/* at most 16 are written */
	struct mg_span guardrail;	/* the filter's name */
	struct mg_span gver;		/* its version; len 0: left out */
};

struct record_close {
	const char *outcome;		/* "complete", "blocked", "modified",
					 * "aborted", "error" */
	const char *by;			/* who ended it, where the outcome is
					 * "error" or "aborted": "backend",
					 * "client", "gateway", "shutdown";
					 * NULL: left out */
	const char *reason;		/* and why, in one word: the code of
					 * the error, or "client_gone",
					 * "drained"; NULL: left out */
	int status;			/* HTTP; 0: no answer was begun */
	const struct record_verdict *verdicts;	/* the gravest first: what
						 * does not fit is counted in
						 * verdicts_left_out */
	size_t n_verdicts;
	uint64_t verdicts_more;		/* found, but not in verdicts */
	struct mg_span host, model, resp_id, finish;	/* upstream; host
						 * len 0: none was asked */
	uint64_t tok_in, tok_out;
	bool has_tokens;
	uint64_t bytes_out;
	const struct record_obj *objs;	/* at most 64 are written */
	size_t n_objs;
	int64_t recv_us, decided_us, first_us, last_us;
	const char *const *not_scanned;	/* "token_ids", "references", "media",
					 * sorted; NULL-terminated or NULL */
	uint64_t values_replaced;	/* by placeholders, distinct ones; 0:
					 * nothing is said of it */
	uint64_t values_restored;	/* places in the answer */
};

void record_open(struct buf *out, const struct record_head *head,
    const struct record_open *open);
void record_close(struct buf *out, const struct record_head *head,
    const struct record_close *close);
/* reason: "recovery", "shutdown". */
void record_aborted(struct buf *out, const struct record_head *head,
    const char *reason);

void record_started(struct buf *out, const struct record_head *head,
    const char *version, const char *durability, const char *capture);
void record_stopped(struct buf *out, const struct record_head *head,
    uint64_t records);
void record_degraded(struct buf *out, const struct record_head *head,
    const char *reason);
/* segment "" : the log writes again after log.degraded; else: what recovery
 * kept and cut of that file, and how many exchanges it settled. */
void record_recovered(struct buf *out, const struct record_head *head,
    const char *segment, uint64_t kept_frames, uint64_t cut_bytes,
    uint64_t aborted);

void record_policy_loaded(struct buf *out, const struct record_head *head,
    struct mg_span id, struct mg_span version, struct mg_span sha256);
/* sha256: of the file, hex. */
void record_config_changed(struct buf *out, const struct record_head *head,
    struct mg_span file, struct mg_span sha256);
/* reason: "missing", "unknown", "expired"; ip: a pseudonym. */
void record_auth_failed(struct buf *out, const struct record_head *head,
    const char *reason, struct mg_span ip, struct mg_span route);
/* what: "created", "rotated", "destroyed"; by: who did it. */
void record_key(struct buf *out, const struct record_head *head,
    const char *what, struct mg_span key_id, struct mg_span tenant,
    struct mg_span by);

/* A matched span with 40 characters on each side, for a reviewer; goes into an
 * AUDIT_EXCERPT frame. Nothing else of the text is kept; a match longer than
 * 4096 bytes is cut there ("cut":true). obj is filled for the close record. */
struct record_excerpt {
	const char *xid;
	const char *phase;		/* "prompt": role prompt, else response */
	struct mg_span rule, path;
	uint64_t at, len;		/* of the match, in the channel */
	struct mg_span text;		/* what is at hand of the channel */
	uint64_t text_at;		/* offset of its first byte */
};
void record_excerpt(struct buf *out, const struct record_excerpt *excerpt,
    struct record_obj *obj);

#endif
