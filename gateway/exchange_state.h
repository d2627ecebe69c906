/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/exchange_state.h - what the files of an exchange share: its state.
 *
 * exchange.c moves it; exchange_prompt.c, exchange_answer.c and
 * exchange_record.c work on it and never move it. */
#ifndef GATEWAY_EXCHANGE_STATE_H
#define GATEWAY_EXCHANGE_STATE_H

#include "gateway/decode.h"
#include "gateway/exchange.h"
#include "gateway/judge_doc.h"
#include "gateway/relay.h"
#include "gateway/route.h"

/* In the order they happen; arrows point only down. */
#define EXCHANGE_STEPS(X) \
	X(NEW)			/* nothing is done yet */ \
	X(READ_HEAD)		/* which endpoint? */ \
	X(AUTHENTICATE)		/* who? */ \
	X(READ_BODY)		/* bounded, decoded once */ \
	X(READ_PROMPT)		/* JSON, model, policy */ \
	X(LIMIT)		/* how much? */ \
	X(JUDGE_PROMPT)		/* what is asked? */ \
	X(OPEN_RECORD)		/* on disk before the backend is asked */ \
	X(FORWARD)		/* to a backend */ \
	X(RELAY)		/* its answer, judged on the way */ \
	X(CLOSE_RECORD)		/* on disk before the answer is complete */ \
	X(DELIVER)		/* the last bytes, or a refusal */ \
	X(SETTLE)		/* limits, metrics, access log */ \
	X(DONE)			/* waits for the conn to let go */

enum exchange_step {
#define X(name) EX_##name,
	EXCHANGE_STEPS(X)
#undef X
};

enum { EXCHANGE_COPIED = 4 };	/* fields of a client that may pass */

enum outcome { OUT_COMPLETE, OUT_MODIFIED, OUT_BLOCKED, OUT_REFUSED,
    OUT_ABORTED, OUT_ERROR };

/* A refusal that a step asks for; status 0: none. */
struct verdict_error {
	int status;
	const char *type, *code;		/* static; code may be NULL */
	char param[96];				/* "": none */
	char message[320];
	uint64_t retry_after_ms;		/* 0: not told */
	bool moderated;				/* a policy's block */
	bool should_retry, should_not_retry;
};

struct exchange {
	struct exchange *next, *prev;		/* of the worker's list */
	struct worker *worker;
	struct conn *conn;			/* NULL: has let go */
	struct live *live;
	const struct live_policy *policy;	/* NULL: none matched (yet) */
	enum exchange_step step;
	const char *waits_for;			/* NULL: runs */
	unsigned refs;
	enum outcome outcome;
	bool gone;				/* the client has left */
	bool drained;				/* … or we broke it off to end */
	bool opened;				/* the open record is safe */
	bool recording;				/* the close record is queued */
	bool recorded;				/* … and safe */
	bool record_failed;
	bool answering;				/* the answer's head is out */
	char xid[37];

	/* the request */
	const struct http1_head *head;		/* during on_head only */
	struct route route;			/* spans of path */
	struct buf path, upstream_path;
	char method[8];
	char address[64];
	struct buf forward_text;		/* owns what forward points to */
	struct http1_field forward[EXCHANGE_COPIED + 3];	/* allow-listed
						 * fields, then our own */
	size_t n_forward;
	struct decode *decode;			/* NULL: plain */
	struct buf body;
	uint64_t bytes_in;			/* of the body, as it came */
	bool body_whole;
	struct jdoc doc;
	struct buf scratch;
	struct surface_facts facts;
	struct buf model;
	bool chinese;
	char languages[128];			/* Accept-Language, or "" */
	struct principal *who;
	unsigned unread;			/* UNREAD_ bits that passed */
	uint64_t prompt_tokens;			/* our count */
	struct notes notes;
	struct placeholders *placeholders;	/* of the prompt; NULL: none */

	/* limits */
	struct limits_ticket ticket;
	struct limits_state limit_state;
	const struct config_rate *rates[LIMIT_DIMENSIONS];
	bool limited;				/* limit_state is filled */

	/* the answer */
	struct upstream_call *call;
	char upstream_name[64];
	int upstream_status;
	bool paused;
	struct screen *screen;			/* of the answer */
	struct relay *relay;
	bool streaming;				/* an event stream is relayed */
	bool until_close;			/* its end cannot be told from a
						 * cut by framing */
	struct buf answer;			/* whole answers; strict: events */
	int status;				/* that we answer; 0: none yet */
	const char *content_type;
	struct buf passed;			/* backend's fields that may come
						 * back: name, NUL, value, NUL */
	struct verdict_error error;		/* why we refuse; status 0: not */
	bool broken;				/* end the answer visibly */
	char resp_id[80], resp_model[80], finish[32];
	uint64_t tokens_in, tokens_out;
	bool has_usage;
	uint64_t bytes_out;

	/* records */
	struct audit_ticket open_ticket, close_ticket;
	unsigned tickets;			/* under way */

	/* times: unix microseconds; 0: has not happened */
	int64_t recv_us, decided_us, forwarded_us, first_us, last_us;
	int64_t sent_steady_us;			/* last event, for pings */
};

const char *outcome_name(enum outcome outcome);

/* ---- exchange_head.c ---- */

/* The caller's key: Bearer, api-key or x-api-key; len 0: none was sent. False:
 * two that differ. */
bool exchange_find_secret(const struct http1_head *head,
    struct mg_span *secret);
/* What the head says of the body, before a byte of it is taken; makes
 * ex->decode. */
void exchange_check_head(struct exchange *ex, struct verdict_error *error);
/* What is wrong with a body's framing, and where it is a cap, which. */
void exchange_body_fault(struct exchange *ex,
    const struct http1_fault *fault);
/* Keeps the fields of the client that a backend may see, and adds our own:
 * Content-Type, Accept, User-Agent. */
void exchange_copy_fields(struct exchange *ex);
/* Keeps the fields of the backend that its client may see. */
void exchange_keep_fields(struct exchange *ex,
    const struct upstream_head *head);
/* Sends the answer's head: ex->status, content type, limits, what was kept.
 * length as conn_answer() has it. */
void exchange_answer_head(struct exchange *ex, int64_t length);

/* ---- exchange_prompt.c ---- */

/* Reads ex->body: JSON, facts, model, policy. */
void exchange_read_prompt(struct exchange *ex, struct verdict_error *error);
/* Fills an error. param and code may be NULL. */
void verdict_fail(struct verdict_error *error, int status, const char *param,
    const char *code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Judges the prompt; ex->body is rewritten where the policy says so. error is
 * filled when it must not pass. */
void exchange_judge_prompt(struct exchange *ex, struct verdict_error *error);
/* Asks the limits; fills error on a no. */
void exchange_ask_limits(struct exchange *ex, struct verdict_error *error);

/* ---- exchange_answer.c ---- */

/* ex->answer holds a backend's whole answer: judges it, rewrites it where
 * need be. error is filled when something else must be sent. */
void exchange_judge_answer(struct exchange *ex, struct verdict_error *error);
/* Makes ex->error the answer: status, content type, body. */
void exchange_write_refusal(struct exchange *ex);
/* A backend has failed: logs why, and fills ex->error. */
void exchange_upstream_failed(struct exchange *ex, enum upstream_end end,
    const char *why);
/* Makes the relay of a streamed answer. */
void exchange_begin_relay(struct exchange *ex,
    void (*send)(void *arg, struct mg_span event));
/* Takes what the relay knows over into the exchange. */
void exchange_take_relay_facts(struct exchange *ex);

/* ---- exchange_record.c ---- */

void exchange_fill_open(struct exchange *ex, struct audit_ticket *ticket);
void exchange_fill_close(struct exchange *ex, struct audit_ticket *ticket);
/* Counts the exchange, writes its access line. */
void exchange_account(struct exchange *ex);

/* ---- exchange_access.c ---- */

/* Writes the exchange's line of the access log. */
void exchange_access_line(const struct exchange *ex);
/* Of a conn's service, whose arg is the worker: a head that cannot be read. */
void exchange_refuse_head(void *arg, struct conn *conn,
    const struct http1_fault *fault, struct buf *body, char id[CONN_ID]);
/* … and a TLS handshake that failed; one line a second tells of them. */
void exchange_no_handshake(void *arg, struct conn *conn, const char *why);

#endif
