/* SPDX-License-Identifier: Apache-2.0 */
/* refusal.c - what modgate says itself, in the API's own shapes. */
#include "gateway/refusal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

static void
add_member(struct buf *out, const char *name, const char *value)
{
	buf_addf(out, "\"%s\":", name);
	if (value)
		buf_add_json(out, span_str(value));
	else
		buf_add_str(out, "null");
}

static void
open_error(const char *message, const char *type, const char *param,
    const char *code, struct buf *out)
{
	buf_add_str(out, "{\"error\":{");
	add_member(out, "message", message);
	buf_add_byte(out, ',');
	add_member(out, "type", type);
	buf_add_byte(out, ',');
	add_member(out, "param", param);
	buf_add_byte(out, ',');
	add_member(out, "code", code);
}

void
refusal_error(const char *message, const char *type, const char *param,
    const char *code, struct buf *out)
{
	open_error(message, type, param, code, out);
	buf_add_str(out, "}}");
}

void
refusal_blocked(const struct notes *notes, enum policy_side side,
    const char *param, const char *message, const char *id, struct buf *out)
{
	const char *seen[16];
	size_t i, j, n = 0;

	open_error(message, "invalid_request_error", param, "content_filter",
	    out);
	buf_addf(out, ",\"moderation\":{\"stage\":\"%s\",",
	    side == SIDE_PROMPT ? "input" : "output");
	add_member(out, "id", id);
	buf_add_str(out, ",\"categories\":[");
	for (i = 0; i < notes->n && n < 16; i++) {
		const struct policy_rule *rule = notes->items[i].rule;
		const char *category = policy_category_of(rule,
		    notes->items[i].item);

		if (rule->mode != MODE_ENFORCE ||
		    rule->action != ACTION_BLOCK)
			continue;
		for (j = 0; j < n; j++)
			if (strcmp(seen[j], category) == 0)
				break;
		if (j < n)
			continue;
		if (n > 0)
			buf_add_byte(out, ',');
		buf_add_json(out, span_str(category));
		seen[n++] = category;
	}
	buf_add_str(out, "]}}}");
}

bool
refusal_is_chinese(struct mg_span text)
{
	size_t i;

	/* U+3400 to U+9FFF in UTF-8: E3 90 80 to E9 BF BF; or, as old SDKs
	 * write it, \u3400 to \u9fff. */
	for (i = 0; i + 2 < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		unsigned char d = (unsigned char)text.ptr[i + 1];

		if (c == 0xe3 ? d >= 0x90 : c >= 0xe4 && c <= 0xe9)
			return true;
		if (c == '\\' && d == 'u' && ((text.ptr[i + 2] >= '4' &&
		    text.ptr[i + 2] <= '9') || (text.ptr[i + 2] == '3' &&
		    i + 3 < text.len && text.ptr[i + 3] >= '4')))
			return true;
	}
	return false;
}

/* Whether a text with, or without, Han characters may be in a language. */
static bool
may_be(const char *language, bool chinese)
{
	size_t len = strcspn(language, "-");
	struct mg_span primary = span(language, len);

	if (span_is(primary, "zh") || span_is(primary, "yue"))
		return chinese;
	return !chinese || span_is(primary, "ja");
}

/* The policy's words for a range as zh-TW: in that language, else in one that
 * is wider (zh), else in one that is narrower (zh-CN). */
static const char *
words_for(const struct policy *policy, struct mg_span range, bool chinese)
{
	const struct policy_message *m, *narrower = NULL;
	size_t i, len = range.len;

	while (len > 0) {
		for (i = 0; i < policy->n_messages; i++) {
			m = &policy->messages[i];
			if (!may_be(m->language, chinese))
				continue;
			if (span_is_nocase(span(range.ptr, len), m->language))
				return m->text;
			if (!narrower && strlen(m->language) > len &&
			    m->language[len] == '-' &&
			    strncasecmp(m->language, range.ptr, len) == 0)
				narrower = m;
		}
		while (len > 0 && range.ptr[len - 1] != '-')
			len--;
		if (len > 0)
			len--;
	}
	return narrower ? narrower->text : NULL;
}

/* Takes one range with its weight off accept: "pt-BR;q=0.8, en". False: there
 * is none left. */
static bool
next_range(struct mg_span *accept, struct mg_span *range, double *weight)
{
	const char *end = memchr(accept->ptr, ',', accept->len);
	struct mg_span item = span(accept->ptr, end ?
	    (size_t)(end - accept->ptr) : accept->len);
	size_t len = 0;

	if (accept->len == 0)
		return false;
	*accept = end ? span(end + 1, accept->len - item.len - 1) :
	    span("", 0);
	while (item.len && (item.ptr[0] == ' ' || item.ptr[0] == '\t'))
		item = span(item.ptr + 1, item.len - 1);
	while (len < item.len && !strchr("; \t", item.ptr[len]))
		len++;
	*range = span(item.ptr, len);
	*weight = 1;
	for (; len + 2 < item.len; len++)
		if (item.ptr[len] == 'q' && item.ptr[len + 1] == '=') {
			char digits[8] = { 0 };

			memcpy(digits, item.ptr + len + 2,
			    item.len - len - 2 < 7 ? item.len - len - 2 : 7);
			*weight = strtod(digits, NULL);
			break;
		}
	return true;
}

const char *
refusal_message(const struct policy *policy, enum policy_side side,
    bool chinese, struct mg_span accept)
{
	const char *best = NULL, *words;
	double most = 0, weight;
	struct mg_span range;

	while (policy->n_messages > 0 &&
	    next_range(&accept, &range, &weight)) {
		words = weight > most ? words_for(policy, range, chinese) :
		    NULL;
		if (!words)
			continue;
		best = words;
		most = weight;
	}
	if (!best && chinese)
		best = words_for(policy, span_str("zh"), true);
	if (!best)
		best = words_for(policy, span_str("en"), false);
	if (best)
		return best;
	return side == SIDE_PROMPT ?
	    "The request was blocked by the content policy." :
	    "The answer was withheld by the content policy.";
}

void
refusal_choice(enum surface_kind surface, int32_t index, struct buf *out)
{
	if (surface == SURFACE_COMPLETIONS)
		buf_addf(out, "{\"text\":\"\",\"index\":%" PRId32
		    ",\"logprobs\":null,\"finish_reason\":\"content_filter\"}",
		    index);
	else
		buf_addf(out, "{\"index\":%" PRId32 ",\"message\":{\"role\":"
		    "\"assistant\",\"content\":\"\",\"refusal\":null},"
		    "\"logprobs\":null,\"finish_reason\":\"content_filter\"}",
		    index);
}

static void
add_head(const struct refusal_answer *a, struct buf *out)
{
	bool chat = a->surface == SURFACE_CHAT;

	buf_addf(out, "{\"id\":\"%s-%s\",\"object\":\"%s\",\"created\":%"
	    PRId64 ",\"model\":", chat ? "chatcmpl" : "cmpl", a->id,
	    !chat ? "text_completion" : a->stream ? "chat.completion.chunk" :
	    "chat.completion", a->created_s);
	buf_add_json(out, a->model);
}

static void
add_choice(const struct refusal_answer *a, uint64_t index, struct buf *out)
{
	const char *field = a->surface == SURFACE_CHAT ?
	    a->stream ? "delta" : "message" : NULL;

	buf_addf(out, "{\"index\":%" PRIu64 ",", index);
	if (field) {
		buf_addf(out, "\"%s\":{\"role\":\"assistant\",", field);
		add_member(out, "content", a->message);
		buf_add_byte(out, '}');
	} else {
		add_member(out, "text", a->message);
	}
	buf_add_str(out, ",\"logprobs\":null,\"finish_reason\":"
	    "\"content_filter\"}");
}

void
refusal_completion(const struct refusal_answer *a, struct buf *out)
{
	static const char usage[] = "{\"prompt_tokens\":0,"
	    "\"completion_tokens\":0,\"total_tokens\":0}";
	uint64_t i;

	if (!a->stream) {
		add_head(a, out);
		buf_add_str(out, ",\"choices\":[");
		for (i = 0; i < a->choices; i++) {
			if (i > 0)
				buf_add_byte(out, ',');
			add_choice(a, i, out);
		}
		buf_addf(out, "],\"usage\":%s}", usage);
		return;
	}
	for (i = 0; i < a->choices; i++) {
		buf_add_str(out, "data: ");
		add_head(a, out);
		buf_add_str(out, ",\"choices\":[");
		add_choice(a, i, out);
		buf_add_str(out, "]}\n\n");
	}
	if (a->include_usage) {
		buf_add_str(out, "data: ");
		add_head(a, out);
		buf_addf(out, ",\"choices\":[],\"usage\":%s}\n\n", usage);
	}
	buf_add_str(out, "data: [DONE]\n\n");
}
