/* SPDX-License-Identifier: Apache-2.0 */
/* exchange_head.c - what of the heads passes, either way: the caller's key and
 * the fields that a backend may see; the fields of our answer; and what is
 * wrong with a request before it is read as JSON. */
#include <inttypes.h>
#include <stdio.h>

#include "gateway/cmd.h"
#include "gateway/exchange_state.h"

static void
add_field(struct http1_field *fields, size_t *n, const char *name,
    const char *value)
{
	fields[(*n)++] = (struct http1_field){ span_str(name),
		span_str(value) };
}

void
exchange_copy_fields(struct exchange *ex)
{
	static const char *const known[EXCHANGE_COPIED] = { "traceparent",
		"tracestate", "idempotency-key", "openai-beta" };
	struct mg_span languages = http1_get(ex->head, "accept-language");
	size_t i, at[EXCHANGE_COPIED], n = 0;

	(void)snprintf(ex->languages, sizeof(ex->languages), "%.*s",
	    languages.len < sizeof(ex->languages) ? (int)languages.len : 0,
	    languages.ptr ? languages.ptr : "");
	for (i = 0; i < EXCHANGE_COPIED; i++) {
		struct mg_span value = http1_get(ex->head, known[i]);

		if (!value.ptr)
			continue;
		at[n] = ex->forward_text.len;
		buf_add_span(&ex->forward_text, value);
		ex->forward[n++].name = span_str(known[i]);
	}
	for (i = 0; i < n; i++)
		ex->forward[i].value = span(ex->forward_text.ptr + at[i],
		    (i + 1 < n ? at[i + 1] : ex->forward_text.len) - at[i]);
	/* Ours, whatever the client wrote: what was read is what is sent, and
	 * it was read as JSON. Backends choose nothing by Accept. */
	if (ex->route.kind == ROUTE_TEXT)
		add_field(ex->forward, &n, "content-type", "application/json");
	add_field(ex->forward, &n, "accept", "application/json");
	add_field(ex->forward, &n, "user-agent", "modgate/" MODGATE_VERSION);
	ex->n_forward = n;
}

bool
exchange_find_secret(const struct http1_head *head, struct mg_span *secret)
{
	static const char *const names[] = { "authorization", "api-key",
		"x-api-key" };
	size_t i;

	*secret = span(NULL, 0);
	for (i = 0; i < 3; i++) {
		struct mg_span value = http1_get(head, names[i]);

		if (!value.ptr)
			continue;
		if (http1_count(head, names[i]) > 1)
			return false;
		if (i == 0) {
			if (value.len < 7 ||
			    !span_is_nocase(span(value.ptr, 7), "bearer "))
				continue;
			value.ptr += 7;
			value.len -= 7;
			while (value.len > 0 && *value.ptr == ' ') {
				value.ptr++;
				value.len--;
			}
		}
		if (secret->ptr && !span_eq(*secret, value))
			return false;
		*secret = value;
	}
	return true;
}

/* What OpenAI's SDKs read of limits. */
static void
limit_fields(const struct exchange *ex, struct http1_field *fields, size_t *n,
    char text[6][32])
{
	static const char *const names[] = { "x-ratelimit-limit-requests",
		"x-ratelimit-remaining-requests",
		"x-ratelimit-reset-requests", "x-ratelimit-limit-tokens",
		"x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens" };
	const struct limits_state *s = &ex->limit_state;
	uint64_t values[4] = { s->requests_limit, s->requests_left,
		s->tokens_limit, s->tokens_left };
	size_t i;

	if (!ex->limited)
		return;
	for (i = 0; i < 6; i++) {
		if ((i < 3 ? s->requests_limit : s->tokens_limit) == 0)
			continue;
		if (i % 3 == 2)
			limits_duration(i < 3 ? s->requests_reset_ms :
			    s->tokens_reset_ms, text[i]);
		else
			(void)snprintf(text[i], 32, "%" PRIu64,
			    values[i < 3 ? i : i - 1]);
		add_field(fields, n, names[i], text[i]);
	}
}

void
exchange_answer_head(struct exchange *ex, int64_t length)
{
	struct http1_field fields[32];
	char id[48], text[6][32], after[2][32];
	const char *p = ex->passed.ptr;
	const char *end = p ? p + ex->passed.len : NULL;
	uint64_t ms = ex->error.retry_after_ms;
	bool retry = ex->error.should_retry || ex->error.should_not_retry;
	size_t n = 0;

	(void)snprintf(id, sizeof(id), "req_%s", ex->xid);
	add_field(fields, &n, "content-type", ex->content_type);
	add_field(fields, &n, "x-request-id", id);
	add_field(fields, &n, "request-id", id);
	if (ex->streaming)
		add_field(fields, &n, "cache-control", "no-cache");
	limit_fields(ex, fields, &n, text);
	if (ms > 0) {
		(void)snprintf(after[0], 32, "%" PRIu64, (ms + 999) / 1000);
		(void)snprintf(after[1], 32, "%" PRIu64, ms);
		add_field(fields, &n, "retry-after", after[0]);
		add_field(fields, &n, "retry-after-ms", after[1]);
	}
	if (retry)
		add_field(fields, &n, "x-should-retry",
		    ex->error.should_retry ? "true" : "false");
	if (ex->route.kind == ROUTE_WRONG_METHOD)
		add_field(fields, &n, "allow", ex->route.allow);
	while (p < end && n < 32) {
		const char *value = p + strlen(p) + 1;

		/* Where we have our own word, the backend's is not told. */
		if (!(retry && strcmp(p, "x-should-retry") == 0))
			add_field(fields, &n, p, value);
		p = value + strlen(value) + 1;
	}
	conn_answer(ex->conn, ex->status, fields, n, length);
	ex->answering = true;
}

void
exchange_keep_fields(struct exchange *ex, const struct upstream_head *head)
{
	static const char *const known[] = { "retry-after", "retry-after-ms",
		"x-should-retry", "openai-processing-ms", "openai-version",
		"openai-model" };
	size_t i, j;

	for (i = 0; i < head->n_fields; i++)
		for (j = 0; j < sizeof(known) / sizeof(*known); j++)
			if (span_is_nocase(head->fields[i].name, known[j])) {
				buf_add(&ex->passed, known[j],
				    strlen(known[j]) + 1);
				buf_add_span(&ex->passed,
				    head->fields[i].value);
				buf_add_byte(&ex->passed, '\0');
			}
}

void
exchange_check_head(struct exchange *ex, struct verdict_error *error)
{
	struct mg_span coding = http1_get(ex->head, "content-encoding");
	struct mg_span type = http1_get(ex->head, "content-type");
	enum decode_result result;

	if (ex->route.kind == ROUTE_MODELS &&
	    ex->head->framing != HTTP1_NO_BODY) {
		verdict_fail(error, 400, NULL, "unexpected_body",
		    "This endpoint takes no request body.");
	} else if (type.len >= 10 && span_is_nocase(span(type.ptr, 10),
	    "multipart/")) {
		verdict_fail(error, 415, NULL, "unsupported_media_type",
		    "This endpoint takes application/json.");
	} else if (http1_count(ex->head, "content-encoding") > 1) {
		verdict_fail(error, 415, NULL, "unsupported_encoding",
		    "More than one Content-Encoding cannot be read here.");
	} else if (coding.len > 0) {
		ex->decode = decode_new(coding,
		    ex->live->config->client.decoded_bytes, &result);
		if (!ex->decode)
			verdict_fail(error, 415, NULL, "unsupported_encoding",
			    "This Content-Encoding cannot be read here; send "
			    "gzip, deflate, zstd or none.");
	}
}

void
exchange_body_fault(struct exchange *ex, const struct http1_fault *fault)
{
	const struct config_client *client = &ex->live->config->client;

	if (fault->status == 413)
		verdict_fail(&ex->error, 413, NULL, "request_too_large",
		    "The request body is larger than %" PRIu64 " bytes, the "
		    "most that is allowed here.", client->body_bytes);
	else if (fault->status == 408)
		verdict_fail(&ex->error, 408, NULL, "request_timeout",
		    "The request body took too long: at most %.3g s may pass "
		    "between two pieces, and %.3g s in all.",
		    client->body_idle_ms / 1000.0,
		    client->body_total_ms / 1000.0);
	else
		verdict_fail(&ex->error, fault->status, NULL,
		    "invalid_http", "The request body cannot be read: %s.",
		    fault->phrase);
}
