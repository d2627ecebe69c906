/* SPDX-License-Identifier: Apache-2.0 */
/* exchange_prompt.c - what a request asks for, how much, and whether it may.
 *
 * Works on one exchange and says what is wrong with it; exchange.c acts. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "gateway/exchange_state.h"
#include "gateway/refusal.h"

#define MAX_MODEL 256		/* bytes of a model's name */

void
verdict_fail(struct verdict_error *error, int status, const char *param,
    const char *code, const char *format, ...)
{
	va_list ap;

	error->status = status;
	error->type = status == 429 ? "rate_limit_exceeded" :
	    status >= 500 ? "server_error" : "invalid_request_error";
	(void)snprintf(error->param, sizeof(error->param), "%s",
	    param ? param : "");
	error->code = code;
	va_start(ap, format);
	(void)vsnprintf(error->message, sizeof(error->message), format, ap);
	va_end(ap);
	/* A message that was cut ends with a whole character. */
	error->message[utf8_whole(error->message, strlen(error->message))] =
	    '\0';
}

static void
bad_json(struct verdict_error *error, enum jdoc_fault fault, size_t at)
{
	verdict_fail(error, 400, NULL, fault == JDOC_DUPLICATE ? "duplicate_key" :
	    "invalid_json", "The request body cannot be read as JSON: %s at "
	    "byte %zu.", jdoc_fault_text(fault), at);
}

/* The model decides about scope, policy and backend: what the path names, or
 * what the body does. */
static void
find_model(struct exchange *ex, struct verdict_error *error)
{
	struct mg_span model = ex->route.model;

	if (model.len == 0)
		model = ex->facts.model;
	if (model.len > MAX_MODEL) {
		/* It is kept in records and in the limit table. */
		verdict_fail(error, 400, "model", "model_not_found",
		    "The model's name is longer than %d bytes.", MAX_MODEL);
		return;
	}
	buf_add_span(&ex->model, model);
	if (ex->route.kind == ROUTE_MODELS && model.len == 0)
		return;			/* the list is cut to the scope */
	if (model.len == 0 && ex->who->models)
		verdict_fail(error, 400, "model", "model_required",
		    "The request names no model, and your key is limited to "
		    "some.");
	else if (!principal_may_model(ex->who, model) ||
	    (ex->facts.model.len > 0 &&
	    !principal_may_model(ex->who, ex->facts.model)))
		verdict_fail(error, 404, "model", "model_not_found",
		    "The model does not exist, or your key may not use it.");
}

static void
check_counts(const struct exchange *ex, struct verdict_error *error)
{
	const struct config_client *client = &ex->live->config->client;
	const struct surface_facts *facts = &ex->facts;

	if (facts->bad && facts->twice)
		verdict_fail(error, 400, facts->bad, "duplicate_key",
		    "The member '%s' stands twice, and which one counts "
		    "cannot be known.", facts->bad);
	else if (facts->bad)
		verdict_fail(error, 400, facts->bad, "invalid_type",
		    "The member '%s' has a type that is not allowed.",
		    facts->bad);
	else if (facts->n == UINT64_MAX)
		verdict_fail(error, 400, "n", "invalid_value",
		    "'n' and 'best_of' take whole numbers from 1 to %" PRIu32
		    ".", client->max_n);
	else if (facts->n > client->max_n)
		verdict_fail(error, 400, "n", "too_many_choices",
		    "The request asks for more choices than %" PRIu32
		    ", the most that is allowed here.", client->max_n);
	else if (facts->prompts > SURFACE_MAX_CHOICES / facts->n)
		verdict_fail(error, 400, "prompt", "too_many_choices",
		    "The request asks for more than %d answers at once.",
		    SURFACE_MAX_CHOICES);
	else if (client->max_tokens > 0 &&
	    (facts->no_maximum || facts->max_tokens > client->max_tokens))
		verdict_fail(error, 400, "max_tokens", "max_tokens_too_large",
		    "The request asks for more tokens than %" PRIu64
		    ", the most that is allowed here.", client->max_tokens);
}

void
exchange_read_prompt(struct exchange *ex, struct verdict_error *error)
{
	const struct config *config = ex->live->config;
	struct jdoc_limits limits = {
		.max_depth = config->client.json_depth,
		.max_nodes = 200000,
		.duplicate_keys = config->unread.duplicate_keys ==
		    UNREAD_ALLOW,
	};
	enum jdoc_fault fault;
	size_t at;

	if (ex->route.kind == ROUTE_TEXT) {
		fault = jdoc_read(&ex->doc, buf_span(&ex->body), &limits, &at);
		if (fault != JDOC_OK) {
			bad_json(error, fault, at);
			return;
		}
		if (ex->doc.nodes[0].type != JDOC_OBJECT) {
			verdict_fail(error, 400, NULL, "invalid_json",
			    "The request body must be a JSON object.");
			return;
		}
		surface_facts(ex->route.surface, &ex->doc, &ex->scratch,
		    &ex->facts);
		check_counts(ex, error);
		if (error->status)
			return;
		ex->chinese = refusal_is_chinese(buf_span(&ex->body));
	}
	find_model(ex, error);
	if (error->status)
		return;
	ex->policy = live_policy(ex->live, span_str(ex->who->tenant),
	    buf_span(&ex->model));
	if (!ex->policy && ex->route.kind == ROUTE_TEXT)
		verdict_fail(error, 403, NULL, "no_policy",
		    "No policy applies to this tenant and model, so nothing "
		    "may pass; the operator must bind one.");
	else if (ex->route.model.len > 0 && ex->facts.model.len > 0 &&
	    live_policy(ex->live, span_str(ex->who->tenant),
	    ex->facts.model) != ex->policy)
		/* Which of the two answers is the backend's choice. */
		verdict_fail(error, 400, "model", "model_mismatch",
		    "The path and the body name models to which different "
		    "policies apply.");
}

/* What a limit counts, in words. */
static const char *
counted(const struct limits_verdict *verdict)
{
	return strcmp(verdict->what, "daily") == 0 ? "tokens per day" :
	    strcmp(verdict->what, "concurrent") == 0 ? "requests at once" :
	    verdict->what;
}

static void
add_reason(const struct exchange *ex, const struct limits_ask *ask,
    const struct limits_verdict *verdict, struct verdict_error *error)
{
	static const char *const whose[] = { "your key", "your organization",
		"this model", "your address" };

	if (verdict->result == RATE_NEVER)
		/* Less of an answer helps only if that is what is too much. */
		verdict_fail(error, 400, ex->facts.max_tokens &&
		    ask->tokens / 2 > ex->body.len / 4 ? "max_tokens" : NULL,
		    "request_too_large", "The request may need %" PRIu64
		    " tokens, counted from its length and its max_tokens; that "
		    "is more than the whole limit of %s for %s.", ask->tokens,
		    counted(verdict), whose[verdict->dimension]);
	else if (verdict->result == RATE_UNKNOWN)
		verdict_fail(error, 503, NULL, "limits_unavailable",
		    "Limits cannot be checked now; try again.");
	else
		verdict_fail(error, 429, NULL, "rate_limit_exceeded",
		    "Rate limit reached for %s (%s). Try again in %.3f s.",
		    whose[verdict->dimension], counted(verdict),
		    (double)verdict->retry_after_ms / 1000);
}

void
exchange_ask_limits(struct exchange *ex, struct verdict_error *error)
{
	const struct config_limits *config = &ex->live->config->limits;
	struct limits_verdict verdict = { 0 };
	struct limits_ask ask = {
		.name = { span_str(ex->who->key_id),
		    span_str(ex->who->tenant), buf_span(&ex->model),
		    span_str(ex->address) },
		.rate = { &config->key, &config->tenant, &config->model,
		    &config->address },
		.now_ms = ex->recv_us / 1000,
	};
	uint64_t answer = ex->facts.max_tokens ? ex->facts.max_tokens :
	    config->assume_tokens;

	memcpy(ex->rates, ask.rate, sizeof(ex->rates));
	/* Reserved on the high side and settled by what was used: a quarter
	 * of the bytes for the prompt, the maximum for the answers. The sum
	 * must not wrap: whoever asks for 2^63 tokens, twice, asks for none. */
	if (answer > UINT32_MAX)
		answer = UINT32_MAX;
	if (ex->route.kind == ROUTE_TEXT)
		ask.tokens = ex->body.len / 4 + answer * ex->facts.n *
		    ex->facts.prompts;
	limits_take(ex->worker->gateway->limits, &ask, &ex->ticket, &verdict);
	ex->limit_state = verdict.state;
	ex->limited = true;
	if (verdict.result == RATE_OK)
		return;
	add_reason(ex, &ask, &verdict, error);
	error->should_retry = verdict.result == RATE_UNKNOWN;
	if (verdict.result == RATE_OVER) {
		metric_add(&ex->worker->metrics, METRIC_limited, 1);
		error->retry_after_ms = verdict.retry_after_ms;
	}
}

/* What could not be read: allowed in writing, or refused. */
static void
check_unread(struct exchange *ex, const struct judged_doc *judged,
    struct verdict_error *error)
{
	const struct config_unread_set *unread = &ex->live->config->unread;
	unsigned refused = 0;
	char param[96];

	if (unread->token_ids == UNREAD_REFUSE)
		refused |= UNREAD_TOKEN_IDS;
	if (unread->references == UNREAD_REFUSE)
		refused |= UNREAD_REFERENCES;
	if (unread->media == UNREAD_REFUSE)
		refused |= UNREAD_MEDIA;
	ex->unread = judged->unread & ~refused;
	refused &= judged->unread;
	if (!refused)
		return;
	(void)snprintf(param, sizeof(param), "%s", judged->unread_path);
	param[strcspn(param, ".[")] = '\0';
	verdict_fail(error, 400, param, "unsupported_input",
	    "%s cannot be read for moderation (%s), so the request is "
	    "refused. Send text instead.",
	    refused & UNREAD_TOKEN_IDS ? "Token ids" :
	    refused & UNREAD_REFERENCES ? "A reference to outside content" :
	    "Media", judged->unread_path);
}

/* A table for the values that rules take out, if any does. */
static void
make_placeholders(struct exchange *ex)
{
	const struct policy *policy = ex->policy->policy;
	size_t i;

	for (i = 0; i < policy->n_rules; i++)
		if (policy->rules[i].n_kinds > 0 &&
		    policy->rules[i].mode == MODE_ENFORCE)
			break;
	if (i == policy->n_rules)
		return;
	ex->placeholders = placeholders_new(policy);
	judge_doc_avoid(ex->route.surface, DOC_REQUEST, &ex->doc,
	    ex->placeholders);
}

/* A policy's block, and what only looks like one. */
static void
refuse_blocked(struct exchange *ex, const struct judged_doc *judged,
    struct verdict_error *error)
{
	if (!notes_blocking(&ex->notes) && ex->placeholders &&
	    placeholders_full(ex->placeholders)) {
		verdict_fail(error, 400, judged->param, "too_many_values",
		    "The request holds more values that must be replaced than "
		    "%d, or than %d bytes of them.", PLACEHOLDERS_MAX,
		    PLACEHOLDERS_BYTES);
		return;
	}
	if (ex->notes.unable && !notes_blocking(&ex->notes)) {
		/* Nothing was found; a rule could not judge. */
		verdict_fail(error, 503, NULL, "moderation_unavailable",
		    "The request could not be judged; try again.");
		error->should_retry = true;
		return;
	}
	verdict_fail(error, 400, judged->param, "content_filter", "%s",
	    refusal_message(ex->policy->policy, SIDE_PROMPT, ex->chinese,
	    span_str(ex->languages)));
	error->should_not_retry = error->moderated = true;
}

void
exchange_judge_prompt(struct exchange *ex, struct verdict_error *error)
{
	struct screen_subject subject = { span_str(ex->who->tenant),
		buf_span(&ex->model) };
	const struct policy *policy = ex->policy->policy;
	struct judged_doc judged;
	struct screen *screen;
	struct buf changed = { 0 };

	make_placeholders(ex);
	ex->notes.capture = ex->live->config->audit.capture ==
	    CAPTURE_FLAGGED;
	screen = screen_new(policy, SIDE_PROMPT, &subject);
	screen_sample(screen, span_str(ex->xid));
	screen_equip(screen, ex->placeholders,
	    ex->worker->gateway->hash_key);
	judge_doc(ex->route.surface, DOC_REQUEST, SIDE_PROMPT, &ex->doc,
	    screen, &ex->notes, &judged);
	screen_free(screen);
	ex->prompt_tokens = judged.tokens;
	check_unread(ex, &judged, error);
	if (error->status == 0 && (judged.blocked || judged.n_cut > 0)) {
		refuse_blocked(ex, &judged, error);
	} else if (error->status == 0 && judged.n_splices > 0) {
		judged_doc_write(&judged, buf_span(&ex->body), &changed);
		buf_fini(&ex->body);
		ex->body = changed;
	}
	judged_doc_fini(&judged);
}
