/* SPDX-License-Identifier: Apache-2.0 */
/* exchange_answer.c - what a backend answered, made ready for the client.
 *
 * Whole answers are judged and rewritten here, errors brought into the API's
 * shape, the list of models cut to the key's scope; streams get their relay. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/exchange_state.h"
#include "gateway/log.h"
#include "gateway/refusal.h"

static const struct jdoc_limits answer_limits = { .max_depth = 64,
	.max_nodes = 1000000 };

static void
copy_string(struct exchange *ex, const char *name, char *out, size_t size)
{
	uint32_t node = jdoc_member(&ex->doc, 0, name);
	struct mg_span s;

	if (!node || ex->doc.nodes[node].type != JDOC_STRING)
		return;
	buf_clear(&ex->scratch);
	s = jdoc_string(&ex->doc, node, &ex->scratch);
	(void)snprintf(out, size, "%.*s",
	    (int)(s.len < size ? s.len : size - 1), s.ptr);
	out[utf8_whole(out, strlen(out))] = '\0';
}

/* Reads usage, id, model and the first finish_reason. */
static void
read_facts(struct exchange *ex)
{
	uint32_t usage = jdoc_member(&ex->doc, 0, "usage"), node;
	int64_t n;

	copy_string(ex, "id", ex->resp_id, sizeof(ex->resp_id));
	copy_string(ex, "model", ex->resp_model, sizeof(ex->resp_model));
	if (usage && ex->doc.nodes[usage].type == JDOC_OBJECT) {
		node = jdoc_member(&ex->doc, usage, "prompt_tokens");
		if (node && jdoc_int(&ex->doc, node, &n) && n >= 0)
			ex->tokens_in = (uint64_t)n;
		node = jdoc_member(&ex->doc, usage, "completion_tokens");
		if (node && jdoc_int(&ex->doc, node, &n) && n >= 0)
			ex->tokens_out = (uint64_t)n;
		ex->has_usage = true;
	}
	node = jdoc_member(&ex->doc, 0, "choices");
	node = node ? jdoc_child(&ex->doc, node) : 0;
	node = node ? jdoc_member(&ex->doc, node, "finish_reason") : 0;
	if (node && ex->doc.nodes[node].type == JDOC_STRING)
		(void)snprintf(ex->finish, sizeof(ex->finish), "%.*s",
		    (int)ex->doc.nodes[node].len - 2,
		    ex->answer.ptr + ex->doc.nodes[node].at + 1);
}

/* Puts an empty choice in the place of each that must not pass. */
static void
withhold_choices(struct exchange *ex, struct judged_doc *judged)
{
	uint32_t choices = jdoc_member(&ex->doc, 0, "choices"), i;
	struct buf with = { 0 };
	uint32_t position = 0;

	for (i = choices ? jdoc_child(&ex->doc, choices) : 0; i;
	    i = jdoc_sibling(&ex->doc, i)) {
		const struct jdoc_node *node = &ex->doc.nodes[i];
		int32_t index = (int32_t)surface_index(&ex->doc, i,
		    position++);

		if (!judged_doc_is_cut(judged, index))
			continue;
		buf_clear(&with);
		refusal_choice(ex->route.surface, index, &with);
		judged_doc_change(judged, node->at, node->len,
		    buf_span(&with));
		(void)snprintf(ex->finish, sizeof(ex->finish),
		    "content_filter");
	}
	buf_fini(&with);
}

/* A backend's error in a shape that no SDK can read: wraps its words. */
static void
wrap_error(struct exchange *ex)
{
	static const char *const words[] = { "message", "detail", "error" };
	struct mg_span message = { NULL, 0 };
	uint32_t error = jdoc_member(&ex->doc, 0, "error"), node;
	struct buf text = { 0 }, out = { 0 };
	size_t i;

	if (error && ex->doc.nodes[error].type == JDOC_OBJECT)
		return;
	buf_clear(&ex->scratch);
	for (i = 0; i < 3 && !message.ptr; i++) {
		node = jdoc_member(&ex->doc, 0, words[i]);
		if (!node)
			continue;
		message = ex->doc.nodes[node].type == JDOC_STRING ?
		    jdoc_string(&ex->doc, node, &ex->scratch) :
		    span(ex->answer.ptr + ex->doc.nodes[node].at,
			ex->doc.nodes[node].len);
	}
	if (!message.ptr)
		message = buf_span(&ex->answer);
	buf_add_span(&text, message);
	refusal_error(buf_cstr(&text), ex->status >= 500 ? "server_error" :
	    "invalid_request_error", NULL, NULL, &out);
	buf_fini(&text);
	buf_fini(&ex->answer);
	ex->answer = out;
}

/* Leaves only the models that the key may use. */
static void
filter_models(struct exchange *ex)
{
	uint32_t data = jdoc_member(&ex->doc, 0, "data"), i, id;
	const struct jdoc_node *list;
	struct buf kept = { 0 }, out = { 0 };
	struct jdoc_splice splice;

	if (!data || ex->doc.nodes[data].type != JDOC_ARRAY)
		return;
	list = &ex->doc.nodes[data];
	buf_add_byte(&kept, '[');
	for (i = jdoc_child(&ex->doc, data); i; i = jdoc_sibling(&ex->doc, i)) {
		id = jdoc_member(&ex->doc, i, "id");
		if (!id || ex->doc.nodes[id].type != JDOC_STRING)
			continue;
		buf_clear(&ex->scratch);
		if (!principal_may_model(ex->who, jdoc_string(&ex->doc, id,
		    &ex->scratch)))
			continue;
		if (kept.len > 1)
			buf_add_byte(&kept, ',');
		buf_add(&kept, ex->answer.ptr + ex->doc.nodes[i].at,
		    ex->doc.nodes[i].len);
	}
	buf_add_byte(&kept, ']');
	splice = (struct jdoc_splice){ list->at, list->len, buf_span(&kept) };
	jdoc_splice(buf_span(&ex->answer), &splice, 1, &out);
	buf_fini(&kept);
	buf_fini(&ex->answer);
	ex->answer = out;
}

/* Judges the texts of ex->doc and makes the changes. */
static void
judge_texts(struct exchange *ex, struct verdict_error *error)
{
	const struct policy *policy = ex->policy->policy;
	struct judged_doc judged;
	struct buf changed = { 0 };
	bool blocked;

	judge_doc(ex->route.surface, DOC_ANSWER, SIDE_ANSWER, &ex->doc,
	    ex->screen, &ex->notes, &judged);
	if (!ex->has_usage) {
		ex->tokens_in = ex->prompt_tokens;
		ex->tokens_out = judged.tokens;
	}
	blocked = judged.blocked || judged.n_cut > 0;
	if (blocked && ex->notes.unable && !notes_blocking(&ex->notes)) {
		verdict_fail(error, 503, NULL, "moderation_unavailable",
		    "The answer could not be judged; try again.");
		error->should_retry = true;
	} else if (judged.blocked || (blocked && policy->answer_as_error)) {
		verdict_fail(error, 400, NULL, "content_filter", "%s",
		    refusal_message(policy, SIDE_ANSWER, ex->chinese,
		    span_str(ex->languages)));
		error->should_not_retry = error->moderated = true;
	} else {
		if (blocked)
			withhold_choices(ex, &judged);
		if (judged.n_splices > 0) {
			judged_doc_write(&judged, buf_span(&ex->answer),
			    &changed);
			buf_fini(&ex->answer);
			ex->answer = changed;
		}
	}
	judged_doc_fini(&judged);
}

void
exchange_judge_answer(struct exchange *ex, struct verdict_error *error)
{
	enum jdoc_fault fault;
	size_t at;

	fault = jdoc_read(&ex->doc, buf_span(&ex->answer), &answer_limits,
	    &at);
	if (fault != JDOC_OK || ex->doc.nodes[0].type != JDOC_OBJECT) {
		/* Not to be passed on unread. An error keeps its status. */
		verdict_fail(error, ex->status >= 400 ? ex->status : 502,
		    NULL, "upstream_error", "The backend answered %d with a "
		    "body that cannot be read as JSON (%s).", ex->status,
		    jdoc_fault_text(fault));
		return;
	}
	if (ex->status >= 400) {
		wrap_error(ex);
		if (jdoc_read(&ex->doc, buf_span(&ex->answer), &answer_limits,
		    &at) != JDOC_OK)
			abort();	/* we wrote it ourselves */
	} else {
		read_facts(ex);
	}
	if (ex->route.kind == ROUTE_TEXT)
		judge_texts(ex, error);
	else if (ex->status < 400)
		filter_models(ex);
}

void
exchange_begin_relay(struct exchange *ex,
    void (*send)(void *arg, struct mg_span event))
{
	const struct policy *policy = ex->policy->policy;
	struct relay_options options = {
		.surface = ex->route.surface,
		.screen = ex->screen,
		.notes = &ex->notes,
		.choices = ex->facts.choices * ex->facts.prompts,
		.include_usage = ex->facts.include_usage,
		.as_error = policy->answer_as_error,
		.message = refusal_message(policy, SIDE_ANSWER, ex->chinese,
		    span_str(ex->languages)),
		.id = ex->xid,
		.prompt_tokens = ex->prompt_tokens,
		.max_bytes = 16u << 20,
		.send = send,
		.arg = ex,
	};

	ex->relay = relay_new(&options);
}

void
exchange_take_relay_facts(struct exchange *ex)
{
	const struct relay_facts *facts = relay_facts(ex->relay);

	ex->has_usage = facts->has_usage;
	ex->tokens_in = facts->prompt_tokens;
	ex->tokens_out = facts->completion_tokens;
	memcpy(ex->resp_id, facts->id, sizeof(ex->resp_id));
	memcpy(ex->resp_model, facts->model, sizeof(ex->resp_model));
	memcpy(ex->finish, facts->finish, sizeof(ex->finish));
}

void
exchange_write_refusal(struct exchange *ex)
{
	struct verdict_error *error = &ex->error;
	const struct policy *policy = ex->policy ? ex->policy->policy : NULL;
	const char *param = error->param[0] ? error->param : NULL;

	ex->streaming = false;
	ex->status = error->status;
	ex->content_type = "application/json";
	buf_clear(&ex->answer);
	if (error->moderated && ex->step < EX_FORWARD &&
	    policy->prompt_as_completion) {
		struct refusal_answer answer = { ex->route.surface,
			ex->facts.stream, ex->facts.include_usage, ex->xid,
			buf_span(&ex->model), ex->recv_us / 1000000,
			error->message, ex->facts.choices * ex->facts.prompts };

		ex->status = 200;
		refusal_completion(&answer, &ex->answer);
		if (ex->facts.stream)
			ex->content_type = "text/event-stream";
		error->should_not_retry = false;
	} else if (error->moderated) {
		refusal_blocked(&ex->notes, ex->step < EX_FORWARD ?
		    SIDE_PROMPT : SIDE_ANSWER, param, error->message,
		    ex->xid, &ex->answer);
	} else {
		refusal_error(error->message, error->type, param,
		    error->code, &ex->answer);
	}
}

void
exchange_upstream_failed(struct exchange *ex, enum upstream_end end, const char *why)
{
	log_warn("%s: backend %s: %s", ex->xid, ex->upstream_name, why);
	switch (end) {
	case UPSTREAM_TIMEOUT:
		verdict_fail(&ex->error, 504, NULL, "upstream_timeout",
		    "The backend did not answer in time.");
		return;
	case UPSTREAM_DONE:
	case UPSTREAM_UNREACHABLE:
	case UPSTREAM_BROKEN:
	case UPSTREAM_TOO_LARGE:
		break;
	}
	verdict_fail(&ex->error, 502, NULL, "upstream_error",
	    end == UPSTREAM_UNREACHABLE ? "The backend cannot be reached." :
	    end == UPSTREAM_TOO_LARGE ? "The backend's answer is larger than "
	    "is allowed here." : "The backend's answer broke off.");
}
