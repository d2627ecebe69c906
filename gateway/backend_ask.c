/* SPDX-License-Identifier: Apache-2.0 */
/* backend_ask.c - what a request asks of the built-in backend.
 *
 * Lenient where servers are: members that are not known are ignored. */
#include "gateway/backend_ask.h"

#include <jansson.h>

static void
add_string(struct buf *b, const json_t *value)
{
	buf_add(b, json_string_value(value), json_string_length(value));
}

static int
add_prompt(struct backend_ask *ask, const json_t *value, struct mg_error *err)
{
	struct buf *b;

	if (ask->n_prompts == BACKEND_MAX_PROMPTS)
		return mg_fail(err, NULL, "too many prompts");
	b = &ask->prompts[ask->n_prompts++];
	if (json_is_string(value))
		add_string(b, value);
	else
		buf_add_str(b, "(token ids)");
	return 0;
}

static int
read_prompt(struct backend_ask *ask, const json_t *prompt,
    struct mg_error *err)
{
	size_t i;

	if (!prompt || json_is_string(prompt) ||
	    json_is_integer(json_array_get(prompt, 0)))
		return add_prompt(ask, prompt, err);
	if (!json_is_array(prompt))
		return mg_fail(err, NULL, "'prompt' must be a string or a "
		    "list");
	for (i = 0; i < json_array_size(prompt); i++)
		if (add_prompt(ask, json_array_get(prompt, i), err) < 0)
			return -1;
	return ask->n_prompts ? 0 :
	    mg_fail(err, NULL, "'prompt' is an empty list");
}

/* The last message decides; its text parts are joined. */
static int
read_messages(struct backend_ask *ask, const json_t *messages,
    struct mg_error *err)
{
	size_t i, n = json_array_size(messages);
	const json_t *content;

	if (!json_is_array(messages) || n == 0)
		return mg_fail(err, NULL, "'messages' must be a list that is "
		    "not empty");
	content = json_object_get(json_array_get(messages, n - 1), "content");
	ask->n_prompts = 1;
	if (json_is_string(content))
		add_string(&ask->prompts[0], content);
	for (i = 0; i < json_array_size(content); i++) {
		const json_t *text = json_object_get(json_array_get(content,
		    i), "text");

		if (json_is_string(text))
			add_string(&ask->prompts[0], text);
	}
	return 0;
}

static void
read_stops(struct backend_ask *ask, const json_t *stop)
{
	size_t i;

	if (json_is_string(stop))
		add_string(&ask->stops[ask->n_stops++], stop);
	for (i = 0; i < json_array_size(stop) && i < BACKEND_MAX_STOPS; i++)
		if (json_is_string(json_array_get(stop, i)))
			add_string(&ask->stops[ask->n_stops++],
			    json_array_get(stop, i));
}

static int
read_members(struct backend_ask *ask, const json_t *root,
    struct mg_error *err)
{
	const json_t *n = json_object_get(root, "n");
	const json_t *max = json_object_get(root, "max_completion_tokens");
	const json_t *model = json_object_get(root, "model");

	ask->n = 1;
	if (json_is_integer(n)) {
		if (json_integer_value(n) < 1 ||
		    json_integer_value(n) > BACKEND_MAX_N)
			return mg_fail(err, NULL, "'n' must be from 1 to %d",
			    BACKEND_MAX_N);
		ask->n = (size_t)json_integer_value(n);
	}
	if (!json_is_integer(max))
		max = json_object_get(root, "max_tokens");
	ask->max_tokens = UINT64_MAX;
	if (json_is_integer(max) && json_integer_value(max) >= 0)
		ask->max_tokens = (uint64_t)json_integer_value(max);
	if (json_is_string(model))
		add_string(&ask->model, model);
	ask->stream = json_is_true(json_object_get(root, "stream"));
	ask->include_usage = json_is_true(json_object_get(json_object_get(root,
	    "stream_options"), "include_usage"));
	ask->echo = json_is_true(json_object_get(root, "echo"));
	read_stops(ask, json_object_get(root, "stop"));
	return ask->chat ?
	    read_messages(ask, json_object_get(root, "messages"), err) :
	    read_prompt(ask, json_object_get(root, "prompt"), err);
}

int
backend_ask_read(struct backend_ask *ask, bool chat, struct mg_span body,
    struct mg_error *err)
{
	json_error_t why;
	json_t *root = json_loadb(body.ptr ? body.ptr : "", body.len,
	    JSON_ALLOW_NUL, &why);
	int rc;

	ask->chat = chat;
	if (!json_is_object(root)) {
		json_decref(root);
		return mg_fail(err, NULL, "the body is not a JSON object");
	}
	rc = read_members(ask, root, err);
	json_decref(root);
	return rc;
}

void
backend_ask_fini(struct backend_ask *ask)
{
	size_t i;

	buf_fini(&ask->model);
	for (i = 0; i < ask->n_prompts; i++)
		buf_fini(&ask->prompts[i]);
	for (i = 0; i < ask->n_stops; i++)
		buf_fini(&ask->stops[i]);
}
