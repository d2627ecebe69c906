/* SPDX-License-Identifier: Apache-2.0 */
/* exchange_record.c - what is kept of an exchange: its two records, its
 * excerpts, its counts. */
#include <inttypes.h>
#include <stdlib.h>

#include "gateway/audit/record.h"
#include "gateway/exchange_state.h"
#include "gateway/log.h"

#define MAX_SPANS 16		/* per rule and side; the record's own cap */
#define MAX_OBJS 64

const char *
outcome_name(enum outcome outcome)
{
	switch (outcome) {
	case OUT_COMPLETE: return "complete";
	case OUT_MODIFIED: return "modified";
	case OUT_BLOCKED: return "blocked";
	case OUT_REFUSED: return "refused";
	case OUT_ABORTED: return "aborted";
	case OUT_ERROR: return "error";
	}
	abort();
}

static struct record_head
head_of(const struct exchange *ex, int64_t ts_us)
{
	return (struct record_head){ ts_us,
		audit_instance(ex->worker->gateway->audit), ex->xid };
}

void
exchange_fill_open(struct exchange *ex, struct audit_ticket *ticket)
{
	const struct audit *audit = ex->worker->gateway->audit;
	struct record_head head = head_of(ex, ex->recv_us);
	struct record_open open = {
		.route = span_str(ex->route.name),
		.model = buf_span(&ex->model),
		.stream = ex->facts.stream,
	};
	char ip[33], subject[33];

	audit_pseudonym(audit, span_str(ex->address), ip);
	open.ip = span_str(ip);
	if (ex->who) {
		audit_pseudonym(audit, span_str(ex->who->key_id), subject);
		open.subj = span_str(subject);
		open.tenant = span_str(ex->who->tenant);
		open.key_id = span_str(ex->who->key_id);
	}
	if (ex->policy) {
		open.policy_id = span_str(ex->policy->policy->name);
		open.policy_sha256 = span_str(ex->policy->policy->sha256);
	}
	record_open(audit_frame(ticket), &head, &open);
	audit_frame_end(ticket, AUDIT_LEAF);
}

/* Notes of one rule on one side, of one category and severity, as one
 * verdict. */
struct grouped {
	struct record_verdict verdicts[NOTES_MAX];
	struct record_place places[NOTES_MAX];
	size_t n, n_places;
};

static const char *
phase_name(const struct note *note)
{
	return note->side == SIDE_PROMPT ? "prompt" : "answer";
}

static bool
same_group(const struct note *a, const struct note *b)
{
	return a->rule == b->rule && a->side == b->side &&
	    !a->unable == !b->unable &&
	    policy_category_of(a->rule, a->item) ==
		policy_category_of(b->rule, b->item) &&
	    policy_severity_of(a->rule, a->item) ==
		policy_severity_of(b->rule, b->item);
}

static void
group(const struct notes *notes, struct grouped *out)
{
	size_t i, j;

	for (i = 0; i < notes->n; i++) {
		const struct note *note = &notes->items[i];
		const struct policy_rule *rule = note->rule;
		struct record_verdict *v;
		bool seen = false;

		for (j = 0; j < i && !seen; j++)
			seen = same_group(&notes->items[j], note);
		if (seen)
			continue;
		v = &out->verdicts[out->n++];
		*v = (struct record_verdict){
			.phase = phase_name(note),
			.rule = span_str(rule->id),
			.category = span_str(policy_category_of(rule,
			    note->item)),
			.verdict = note->unable ? "unable" : "found",
			.action = policy_action_name(rule->action),
			.mode = rule->mode == MODE_SHADOW ? "shadow" :
			    "enforce",
			.severity = policy_severity_name(policy_severity_of(
			    rule, note->item)),
			.score_ppm = -1,
			.spans = &out->places[out->n_places],
			.guardrail = span_str(rule->kind),
		};
		for (j = i; j < notes->n && v->n_spans < MAX_SPANS; j++) {
			const struct note *other = &notes->items[j];

			if (!same_group(other, note))
				continue;
			out->places[out->n_places++] = (struct record_place){
				span_str(other->path), other->at, other->len };
			v->n_spans++;
		}
	}
}

static size_t
add_excerpts(const struct exchange *ex, struct audit_ticket *ticket,
    struct record_obj objs[MAX_OBJS])
{
	size_t i, n = 0;

	for (i = 0; i < ex->notes.n && n < MAX_OBJS; i++) {
		const struct note *note = &ex->notes.items[i];
		struct record_excerpt excerpt = {
			.xid = ex->xid,
			.phase = phase_name(note),
			.rule = span_str(note->rule->id),
			.path = span_str(note->path),
			.at = note->at,
			.len = note->len,
			.text = span_str(note->excerpt),
			.text_at = note->excerpt_at,
		};

		if (!note->excerpt)
			continue;
		record_excerpt(audit_frame(ticket), &excerpt, &objs[n++]);
		audit_frame_end(ticket, AUDIT_EXCERPT);
	}
	return n;
}

/* Who ended an exchange that did not run its course, and why. */
static void
add_reason(const struct exchange *ex, struct record_close *close)
{
	const char *code = ex->error.code;

	if (ex->outcome == OUT_ABORTED) {
		close->by = ex->drained ? "shutdown" : "client";
		close->reason = ex->drained ? "drained" : "client_gone";
	} else if (ex->outcome == OUT_REFUSED || ex->outcome == OUT_ERROR) {
		if (!ex->error.status)
			code = "upstream_status";	/* given on as it is */
		close->reason = code ? code : "invalid_request";
		close->by = strncmp(close->reason, "upstream_", 9) == 0 ?
		    "backend" : "gateway";
	}
}

void
exchange_fill_close(struct exchange *ex, struct audit_ticket *ticket)
{
	struct record_head head = head_of(ex, ex->last_us);
	const char *not_scanned[4] = { NULL };
	struct record_obj objs[MAX_OBJS];
	struct grouped grouped;
	struct record_close close = {
		/* The log's words know no "refused": it is an error. */
		.outcome = outcome_name(ex->outcome == OUT_REFUSED ?
		    OUT_ERROR : ex->outcome),
		.status = ex->status,
		.verdicts = grouped.verdicts,
		.host = span_str(ex->upstream_name),
		.model = span_str(ex->resp_model),
		.resp_id = span_str(ex->resp_id),
		.finish = span_str(ex->finish),
		.tok_in = ex->tokens_in,
		.tok_out = ex->tokens_out,
		.has_tokens = ex->forwarded_us != 0,
		.objs = objs,
		.recv_us = ex->recv_us,
		.decided_us = ex->decided_us,
		.first_us = ex->first_us,
		.last_us = ex->last_us,
		.not_scanned = not_scanned,
	};
	size_t n = 0;

	add_reason(ex, &close);
	grouped.n = grouped.n_places = 0;
	group(&ex->notes, &grouped);
	close.n_verdicts = grouped.n;
	close.verdicts_more = ex->notes.total - ex->notes.n;
	if (ex->unread & UNREAD_MEDIA)
		not_scanned[n++] = "media";
	if (ex->unread & UNREAD_REFERENCES)
		not_scanned[n++] = "references";
	if (ex->unread & UNREAD_TOKEN_IDS)
		not_scanned[n++] = "token_ids";
	/* A stream's bytes are out but for its closing ones; a whole answer
	 * goes out once this record is safe. */
	close.bytes_out = ex->streaming && ex->conn && ex->answering ?
	    conn_bytes_out(ex->conn) : ex->outcome == OUT_ABORTED ? 0 :
	    ex->answer.len;
	ex->bytes_out = close.bytes_out;
	if (ex->placeholders)
		close.values_replaced = placeholders_count(ex->placeholders);
	if (ex->screen)
		close.values_restored = screen_restored(ex->screen);
	if (ex->notes.capture)
		close.n_objs = add_excerpts(ex, ticket, objs);
	record_close(audit_frame(ticket), &head, &close);
	audit_frame_end(ticket, AUDIT_LEAF);
}

static void
count_rules(const struct exchange *ex)
{
	size_t i;

	for (i = 0; ex->policy && i < ex->notes.n; i++) {
		const struct note *note = &ex->notes.items[i];
		struct rule_metrics *m = &ex->policy->rules[
		    note->rule - ex->policy->policy->rules];

		atomic_fetch_add_explicit(note->unable ? &m->unable :
		    note->rule->mode == MODE_SHADOW ? &m->shadow_hits :
		    &m->hits, 1, memory_order_relaxed);
	}
	for (i = 0; ex->policy && !ex->notes.blocked &&
	    i < ex->notes.n_would; i++)
		atomic_fetch_add_explicit(&ex->policy->rules[
		    ex->notes.would[i] - ex->policy->policy->rules].would, 1,
		    memory_order_relaxed);
}

void
exchange_account(struct exchange *ex)
{
	static const enum metric by_outcome[] = {
		[OUT_COMPLETE] = METRIC_exchanges_complete,
		[OUT_MODIFIED] = METRIC_exchanges_modified,
		[OUT_BLOCKED] = METRIC_exchanges_blocked,
		[OUT_REFUSED] = METRIC_exchanges_refused,
		[OUT_ABORTED] = METRIC_exchanges_aborted,
		[OUT_ERROR] = METRIC_exchanges_error,
	};
	struct metrics *m = &ex->worker->metrics;

	metric_add(m, by_outcome[ex->outcome], 1);
	metric_add(m, METRIC_bytes_in, ex->bytes_in);
	metric_add(m, METRIC_bytes_out, ex->bytes_out);
	metric_add(m, METRIC_tokens_prompt, ex->tokens_in);
	metric_add(m, METRIC_tokens_completion, ex->tokens_out);
	metric_add(m, METRIC_exchange_us, (uint64_t)(now_us() - ex->recv_us));
	if (ex->relay)
		metric_add(m, METRIC_events, relay_facts(ex->relay)->events);
	count_rules(ex);
	if (ex->live->config->access_log)
		exchange_access_line(ex);
}
