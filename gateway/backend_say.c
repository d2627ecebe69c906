/* SPDX-License-Identifier: Apache-2.0 */
/* backend_say.c - the built-in backend's answers as the API writes them.
 *
 * The choices of a stream speak in turn, so that their events interleave. */
#include "gateway/backend_say.h"

#include <inttypes.h>
#include <stdlib.h>

#include "gateway/backend_poem.h"

#define FINGERPRINT "modgate-backend"

/* A choice ends before the first of the stop texts, and at max_tokens. */
static void
end_choice(struct backend_choice *c, const struct backend_ask *ask)
{
	size_t i, len;

	c->finish = "stop";
	for (i = 0; i < ask->n_stops; i++) {
		const struct buf *stop = &ask->stops[i];
		const char *at = stop->len && c->text.len ?
		    memmem(c->text.ptr, c->text.len, stop->ptr, stop->len) :
		    NULL;

		if (at)
			c->text.len = (size_t)(at - c->text.ptr);
	}
	len = backend_cut(buf_span(&c->text), ask->max_tokens);
	if (len < c->text.len) {
		c->text.len = len;
		c->finish = "length";
	}
}

void
backend_answer_init(struct backend_answer *a, const struct backend_ask *ask,
    struct mg_span model, struct mg_span text, uint64_t id, int64_t created)
{
	size_t i;

	memset(a, 0, sizeof(*a));
	a->chat = ask->chat;
	a->include_usage = ask->include_usage;
	a->id = id;
	a->created = created;
	buf_add_span(&a->model, ask->model.len ? buf_span(&ask->model) :
	    model);
	a->n = ask->n_prompts * ask->n;
	a->choices = xcalloc(a->n, sizeof(*a->choices));
	for (i = 0; i < a->n; i++) {
		struct backend_choice *c = &a->choices[i];
		struct mg_span prompt = buf_span(&ask->prompts[i / ask->n]);

		if (text.ptr)
			buf_add_span(&c->text, text);
		else
			backend_poem(prompt, i % ask->n, &c->text);
		end_choice(c, ask);
		a->tokens += backend_tokens(buf_span(&c->text));
		if (i % ask->n == 0)
			a->prompt_tokens += backend_tokens(prompt);
		if (ask->echo && !ask->chat) {
			struct buf both = { 0 };

			buf_add_span(&both, prompt);
			buf_add_span(&both, buf_span(&c->text));
			buf_fini(&c->text);
			c->text = both;
		}
		c->turn = ask->chat ? TURN_ROLE : TURN_TEXT;
	}
}

void
backend_answer_fini(struct backend_answer *a)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		buf_fini(&a->choices[i].text);
	free(a->choices);
	buf_fini(&a->model);
	memset(a, 0, sizeof(*a));
}

static void
add_begin(const struct backend_answer *a, bool event, struct buf *out)
{
	const char *object = !a->chat ? "text_completion" :
	    event ? "chat.completion.chunk" : "chat.completion";

	buf_addf(out, "{\"id\":\"%s-backend-%" PRIu64 "\",\"object\":\"%s\","
	    "\"created\":%" PRId64 ",\"model\":", a->chat ? "chatcmpl" :
	    "cmpl", a->id, object, a->created);
	buf_add_json(out, buf_span(&a->model));
	buf_add_str(out, ",\"system_fingerprint\":\"" FINGERPRINT "\","
	    "\"choices\":[");
}

static void
add_usage(const struct backend_answer *a, struct buf *out)
{
	buf_addf(out, ",\"usage\":{\"prompt_tokens\":%" PRIu64
	    ",\"completion_tokens\":%" PRIu64 ",\"total_tokens\":%" PRIu64
	    "}", a->prompt_tokens, a->tokens, a->prompt_tokens + a->tokens);
}

void
backend_answer_whole(const struct backend_answer *a, struct buf *out)
{
	size_t i;

	add_begin(a, false, out);
	for (i = 0; i < a->n; i++) {
		const struct backend_choice *c = &a->choices[i];

		if (i > 0)
			buf_add_byte(out, ',');
		if (a->chat)
			buf_addf(out, "{\"index\":%zu,\"message\":{\"role\":"
			    "\"assistant\",\"content\":", i);
		else
			buf_add_str(out, "{\"text\":");
		buf_add_json(out, buf_span(&c->text));
		if (a->chat)
			buf_add_str(out, ",\"refusal\":null}");
		else
			buf_addf(out, ",\"index\":%zu", i);
		buf_addf(out, ",\"logprobs\":null,\"finish_reason\":\"%s\"}",
		    c->finish);
	}
	buf_add_byte(out, ']');
	add_usage(a, out);
	buf_add_byte(out, '}');
}

static struct mg_span
next_delta(struct backend_answer *a, struct backend_choice *c)
{
	struct mg_span rest = span(c->text.ptr + c->at, c->text.len - c->at);
	size_t chars = a->delta ? a->delta : 1 + a->events % 4;

	rest.len = backend_chars(rest, chars);
	c->at += rest.len;
	return rest;
}

static void
add_choice(struct backend_answer *a, size_t i, struct buf *out)
{
	struct backend_choice *c = &a->choices[i];
	struct mg_span delta = { "", 0 };
	const char *finish = NULL;

	if (c->turn == TURN_TEXT && c->at == c->text.len)
		c->turn = TURN_FINISH;
	if (c->turn == TURN_TEXT)
		delta = next_delta(a, c);
	if (c->turn == TURN_FINISH)
		finish = c->finish;
	if (!a->chat) {
		buf_add_str(out, "{\"text\":");
		buf_add_json(out, delta);
		buf_addf(out, ",\"index\":%zu,\"logprobs\":null", i);
	} else {
		buf_addf(out, "{\"index\":%zu,\"delta\":{", i);
		if (c->turn == TURN_ROLE)
			buf_add_str(out, "\"role\":\"assistant\",");
		if (c->turn != TURN_FINISH) {
			buf_add_str(out, "\"content\":");
			buf_add_json(out, delta);
		}
		buf_add_byte(out, '}');
	}
	buf_add_str(out, ",\"finish_reason\":");
	if (finish)
		buf_addf(out, "\"%s\"}", finish);
	else
		buf_add_str(out, "null}");
	if (c->turn != TURN_TEXT)
		c->turn++;
	a->over += c->turn == TURN_OVER;
}

bool
backend_answer_event(struct backend_answer *a, struct buf *out)
{
	bool usage = a->over == a->n && a->include_usage && !a->usage_said;

	if (a->done_said)
		return false;
	if (a->over == a->n && !usage) {
		buf_add_str(out, "data: [DONE]\n\n");
		a->done_said = true;
		return true;
	}
	buf_add_str(out, "data: ");
	add_begin(a, true, out);
	if (!usage) {
		while (a->choices[a->next].turn == TURN_OVER)
			a->next = (a->next + 1) % a->n;
		add_choice(a, a->next, out);
		a->next = (a->next + 1) % a->n;
	}
	buf_add_byte(out, ']');
	if (usage)
		add_usage(a, out);
	a->usage_said |= usage;
	a->events++;
	buf_add_str(out, "}\n\n");
	return true;
}
