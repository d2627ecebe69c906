/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_relay.c - a backend's stream, well made or not, through the relay.
 *
 * The first byte chooses surface, choices and whether the rest is the stream
 * itself or the plan of one: pieces of words, of escapes, of surrogate pairs,
 * dealt out to choices and fields. The second seeds the cuts. Whatever comes:
 *
 *   - what leaves is whole events, each one line of JSON, or [DONE];
 *   - no text that a client can join holds a phrase that was blocked or
 *     replaced, nor a placeholder that stands for a value, not with its escapes
 *     undone either;
 *   - the cuts of the backend's bytes make no difference. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/policy_build.h"
#include "gateway/relay.h"
#include "gateway/unescape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BLOCKED "坏词"
#define REPLACED "秘密"
#define HIDDEN "<A_1>"

static const char rules[] = "modgate_policy: 1\nname: fuzz\nrules:\n"
    "  - id: block\n    on: answer\n    match: { words: [" BLOCKED "] }\n"
    "    action: block\n"
    "  - id: redact\n    on: answer\n    match: { regex: '" REPLACED "' }\n"
    "    action: redact\n    with: '#'\n"
    "  - id: hide\n    on: prompt\n    match: { words: [x] }\n"
    "    action: pseudonymize\n    as: A\n"
    "  - id: note\n    on: answer\n    match: { words: [密] }\n"
    "    action: flag\n";

static void
need(bool ok, const char *what, struct mg_span out)
{
	if (ok)
		return;
	fprintf(stderr, "%s:\n%.*s\n", what, (int)out.len, out.ptr);
	abort();
}

/* ---- one run ---- */

struct run {
	struct buf out;
	struct mg_span all;
};

static void
collect(void *arg, struct mg_span event)
{
	struct run *run = arg;

	need(event.len > 2 && memcmp(event.ptr + event.len - 2, "\n\n", 2) ==
	    0, "half an event", event);
	buf_add_span(&run->out, event);
}

static void
relay_all(const struct policy *policy, struct placeholders *table,
    unsigned how, struct mg_span in, unsigned seed, struct buf *out)
{
	struct screen_subject subject = { span_str("t"), span_str("m") };
	struct screen *screen = screen_new(policy, SIDE_ANSWER, &subject);
	struct notes notes = { .capture = (how & 32) != 0 };
	struct run run = { { 0 }, in };
	struct relay_options options = { .surface = how & 1 ?
		    SURFACE_COMPLETIONS : SURFACE_CHAT,
		.screen = screen, .notes = &notes,
		.choices = 1 + (how >> 1 & 1), .include_usage = how & 64,
		.as_error = (how & 24) == 24, .message = "withheld",
		.id = "x", .max_bytes = 1u << 20, .send = collect,
		.arg = &run };
	enum relay_state state = RELAY_MORE;
	struct relay *relay;
	size_t at = 0;

	screen_equip(screen, table, NULL);
	relay = relay_new(&options);

	while (at < in.len && state == RELAY_MORE) {
		size_t len = in.len - at;

		if (seed) {
			seed = seed * 1103515245u + 12345u;
			len = 1 + (seed >> 16) % 23;
		}
		if (len > in.len - at)
			len = in.len - at;
		state = relay_feed(relay, span(in.ptr + at, len));
		at += len;
	}
	if (state == RELAY_MORE)
		state = relay_end(relay);
	need(state != RELAY_MORE, "a relay without an end", in);
	if (state == RELAY_DONE)
		buf_add_span(&run.out, relay_tail(relay));
	relay_free(relay);
	screen_free(screen);
	notes_fini(&notes);
	*out = run.out;
}

/* ---- what a client reads ---- */

struct joined {
	int64_t choice, field;		/* which text */
	struct buf text;
};

struct reader {
	struct joined texts[256];
	size_t n;
	struct jdoc doc;
	struct buf scratch;
};

static void
join(struct reader *r, int64_t choice, int64_t field, uint32_t node)
{
	size_t i;

	if (!node || r->doc.nodes[node].type != JDOC_STRING)
		return;
	for (i = 0; i < r->n; i++)
		if (r->texts[i].choice == choice && r->texts[i].field == field)
			break;
	if (i == sizeof(r->texts) / sizeof(*r->texts))
		return;
	if (i == r->n)
		r->texts[r->n++] = (struct joined){ choice, field, { 0 } };
	buf_clear(&r->scratch);
	buf_add_span(&r->texts[i].text, jdoc_string(&r->doc, node,
	    &r->scratch));
}

/* A member of the element's number, or its position. */
static int64_t
index_of(const struct jdoc *doc, uint32_t node, int64_t position)
{
	uint32_t member = jdoc_member(doc, node, "index");
	int64_t index;

	if (member && jdoc_int(doc, member, &index) && index >= 0 &&
	    index <= INT32_MAX)
		return index;
	return position;
}

static void
read_choice(struct reader *r, uint32_t node, int64_t choice)
{
	static const char *const names[] = { "content", "reasoning_content",
		"refusal" };
	uint32_t delta = jdoc_member(&r->doc, node, "delta"), call;
	int64_t i;

	join(r, choice, 0, jdoc_member(&r->doc, node, "text"));
	if (!delta)
		return;
	for (i = 0; i < 3; i++)
		join(r, choice, 1 + i, jdoc_member(&r->doc, delta, names[i]));
	call = jdoc_member(&r->doc, delta, "tool_calls");
	if (!call || r->doc.nodes[call].type != JDOC_ARRAY)
		return;
	i = 0;
	for (call = jdoc_child(&r->doc, call); call;
	    call = jdoc_sibling(&r->doc, call)) {
		uint32_t f = jdoc_member(&r->doc, call, "function");

		if (f)
			join(r, choice, 10 + index_of(&r->doc, call, i),
			    jdoc_member(&r->doc, f, "arguments"));
		i++;
	}
}

static void
read_event(struct reader *r, struct mg_span data, struct mg_span out)
{
	static const struct jdoc_limits limits = { .max_depth = 64,
		.max_nodes = 200000, .lone_surrogates = true };
	uint32_t choices, i;
	int64_t position = 0;
	size_t at;

	if (span_is(data, "[DONE]"))
		return;
	need(jdoc_read(&r->doc, data, &limits, &at) == JDOC_OK,
	    "an event that is not JSON", out);
	choices = jdoc_member(&r->doc, 0, "choices");
	if (!choices || r->doc.nodes[choices].type != JDOC_ARRAY)
		return;
	for (i = jdoc_child(&r->doc, choices); i;
	    i = jdoc_sibling(&r->doc, i)) {
		read_choice(r, i, index_of(&r->doc, i, position));
		position++;
	}
}

static bool
holds(struct mg_span text, const char *phrase)
{
	return text.len > 0 &&
	    memmem(text.ptr, text.len, phrase, strlen(phrase)) != NULL;
}

static void
check_text(struct mg_span text, struct mg_span out)
{
	need(!holds(text, BLOCKED), "what was blocked", out);
	need(!holds(text, REPLACED), "what was to be replaced", out);
	need(!holds(text, HIDDEN), "a placeholder", out);
}

static void
check_output(struct mg_span out)
{
	struct reader *r = calloc(1, sizeof(*r));
	struct unescape *u;
	struct mg_span view;
	uint64_t open;
	size_t at = 0, i;

	while (at < out.len) {
		const char *end = memmem(out.ptr + at, out.len - at, "\n\n",
		    2);
		struct mg_span event, rest;

		need(end != NULL, "an event without an end", out);
		event = span(out.ptr + at, (size_t)(end - out.ptr) - at);
		at += event.len + 2;
		if (event.len > 7 && memcmp(event.ptr, "event: ", 7) == 0) {
			const char *line = memchr(event.ptr, '\n', event.len);

			need(line != NULL, "a name without data", out);
			event.len -= (size_t)(line + 1 - event.ptr);
			event.ptr = line + 1;
		}
		need(event.len > 6 && memcmp(event.ptr, "data: ", 6) == 0,
		    "no data line", out);
		rest = span(event.ptr + 6, event.len - 6);
		need(!memchr(rest.ptr, '\n', rest.len), "a second line", out);
		read_event(r, rest, out);
	}
	for (i = 0; i < r->n; i++) {
		check_text(buf_span(&r->texts[i].text), out);
		if (r->texts[i].field >= 10) {
			u = unescape_new();
			view = unescape_feed(u, buf_span(&r->texts[i].text),
			    true, &open);
			check_text(view, out);
			unescape_free(u);
		}
		buf_fini(&r->texts[i].text);
	}
	jdoc_fini(&r->doc);
	buf_fini(&r->scratch);
	free(r);
}

/* ---- a stream from a plan ---- */

/* As they stand in the JSON of an event. */
static const char *const pieces[] = { "坏", "词", "秘", "密", "好",
	"\\u574f", "\\u8bcd", "\\u79d8", "\\u5bc6", "a", " ", "。",
	"\\ud83d\\ude00", "\\ud83d", "\\ude00", "\\\\u574f", "\\\\u8bcd",
	"\\\\u57", "4f", "\\\\u8", "bcd", "\\\\", "u79d8", "\\\\u5bc6", "\\\"",
	"\\n", "坏词", "秘密", "#", "", "坏好词", "{\\\"a\\\":\\\"",
	"<A_1>", "<A", "_1", ">", "\\\\u003c", "A_1" };

static const char *
piece(uint8_t byte)
{
	return pieces[byte % (sizeof(pieces) / sizeof(*pieces))];
}

static void
add_part(struct buf *b, bool legacy, uint8_t op, uint8_t what)
{
	static const char *const fields[] = { "content", "content",
		"reasoning_content", "refusal" };

	buf_addf(b, "{\"index\":%d,", op & 1);
	if (legacy)
		buf_addf(b, "\"text\":\"%s\"", piece(what));
	else if ((op & 12) == 12)
		buf_addf(b, "\"delta\":{\"tool_calls\":[{\"index\":%d,"
		    "\"function\":{\"arguments\":\"%s\"}}]}", op >> 4 & 1,
		    piece(what));
	else
		buf_addf(b, "\"delta\":{%s\"%s\":\"%s\"}", op & 16 ?
		    "\"role\":\"assistant\"," : "", fields[op >> 2 & 3],
		    piece(what));
	if ((op & 96) == 96)
		buf_addf(b, ",\"logprobs\":{\"content\":[{\"token\":\"%s\"}]}",
		    piece(what));
	buf_addf(b, ",\"finish_reason\":%s}", op >= 0xf0 ? "\"stop\"" :
	    "null");
}

static void
plan(bool legacy, const uint8_t *data, size_t size, struct buf *b)
{
	size_t i;

	for (i = 0; i + 1 < size; i += 2) {
		uint8_t op = data[i];

		buf_add_str(b, "data: {\"id\":\"c\",\"choices\":[");
		add_part(b, legacy, op, data[i + 1]);
		if (op & 2 && i + 3 < size) {
			i += 2;
			buf_add_byte(b, ',');
			/* The other choice, in the same event. */
			add_part(b, legacy, (uint8_t)((data[i] & ~1) |
			    (~op & 1)), data[i + 1]);
		}
		buf_add_str(b, "]}\n\n");
	}
	buf_add_str(b, "data: [DONE]\n\n");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct policy *policy;
	static struct placeholders *table;
	struct mg_error err = { 0 };
	struct buf in = { 0 }, once = { 0 }, cut = { 0 };

	if (!policy)
		policy = policy_read("fuzz.yaml", span_str(rules), false,
		    &err);
	if (!policy) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	if (!table) {
		table = placeholders_new(policy);
		(void)placeholders_add(table, "A", span_str("v\"\\1"));
	}
	if (size < 2)
		return 0;
	if (data[0] & 4)
		buf_add(&in, data + 2, size - 2);
	else
		plan(data[0] & 1, data + 2, size - 2, &in);
	relay_all(policy, table, data[0], buf_span(&in), 0, &once);
	check_output(buf_span(&once));
	relay_all(policy, table, data[0], buf_span(&in), 1u + data[1], &cut);
	need(span_eq(buf_span(&once), buf_span(&cut)),
	    "cuts that make a difference", buf_span(&cut));
	buf_fini(&in);
	buf_fini(&once);
	buf_fini(&cut);
	return 0;
}
