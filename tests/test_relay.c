/* SPDX-License-Identifier: Apache-2.0 */
/* test_relay.c - streams on their way through: what leaves, when, and what
 * never does. The fixtures are read at every cut. */
#include <dirent.h>

#include <jansson.h>

#include "gateway/relay.h"
#include "tests/check.h"
#include "tests/policy_text.h"

#define DATA(s) "data: " s "\n\n"
#define CHUNK(index, text) DATA("{\"id\":\"c\",\"choices\":[{\"index\":" \
	index ",\"delta\":{\"content\":\"" text "\"},\"finish_reason\":null}]}")
#define FINISH(index) DATA("{\"id\":\"c\",\"choices\":[{\"index\":" index \
	",\"delta\":{},\"finish_reason\":\"stop\"}]}")
#define DONE DATA("[DONE]")

struct run {
	struct policy *policy;
	struct screen *screen;
	struct notes notes;
	struct relay *relay;
	struct buf out;
	enum relay_state state;
	unsigned sends;
};

static void
collect(void *arg, struct mg_span event)
{
	struct run *run = arg;

	buf_add_span(&run->out, event);
	run->sends++;
}

static void
begin_on(struct run *run, struct policy *policy, enum surface_kind surface,
    uint64_t choices, bool as_error)
{
	struct screen_subject subject = { span_str("t"), span_str("m") };
	struct relay_options options = { .surface = surface,
		.choices = choices, .as_error = as_error,
		.message = "withheld", .id = "x1", .prompt_tokens = 3,
		.max_bytes = 1u << 20, .send = collect, .arg = run };

	memset(run, 0, sizeof(*run));
	run->policy = policy;
	run->screen = screen_new(policy, SIDE_ANSWER, &subject);
	run->notes.capture = true;
	options.screen = run->screen;
	options.notes = &run->notes;
	run->relay = relay_new(&options);
}

static void
begin(struct run *run, const char *rules, uint64_t choices)
{
	begin_on(run, policy_text(rules), SURFACE_CHAT, choices, false);
}

static void
feed_span(struct run *run, struct mg_span bytes)
{
	if (run->state == RELAY_MORE)
		run->state = relay_feed(run->relay, bytes);
}

static void
feed(struct run *run, const char *text)
{
	feed_span(run, span_str(text));
}

static void
end(struct run *run)
{
	if (run->state == RELAY_MORE)
		run->state = relay_end(run->relay);
	buf_add_span(&run->out, relay_tail(run->relay));
}

static void
fini(struct run *run)
{
	relay_free(run->relay);
	screen_free(run->screen);
	notes_fini(&run->notes);
	buf_fini(&run->out);
	policy_unref(&run->policy);
}

#define BLOCK_WORD "  - id: b\n    on: answer\n    match: { words: [坏词, bad " \
	"word] }\n    action: block\n"
#define REDACT_WORD "  - id: r\n    on: answer\n    match: { words: [secret" \
	"] }\n    action: redact\n    with: \"***\"\n"

static void
lets_harmless_events_go_at_once_and_verbatim(void)
{
	struct run run;

	begin(&run, BLOCK_WORD, 1);
	feed(&run, CHUNK("0", "春天"));
	CHECK_MEM(run.out.ptr, run.out.len, CHUNK("0", "春天"));
	feed(&run, DATA("{\"choices\" : [ ],\"usage\":{\"prompt_tokens\":5,"
	    "\"completion_tokens\":7},\"x\":1.50}") DONE);
	end(&run);
	CHECK_MEM(run.out.ptr, run.out.len, CHUNK("0", "春天")
	    DATA("{\"choices\" : [ ],\"usage\":{\"prompt_tokens\":5,"
	    "\"completion_tokens\":7},\"x\":1.50}") DONE);
	CHECK_EQ(run.state, RELAY_DONE);
	CHECK_EQ(relay_facts(run.relay)->completion_tokens, 7);
	fini(&run);
}

static void
holds_an_event_only_while_a_word_may_still_come(void)
{
	struct run run;

	begin(&run, BLOCK_WORD, 1);
	feed(&run, CHUNK("0", "很坏"));
	CHECK_EQ(run.out.len, 0);
	feed(&run, CHUNK("0", "的"));
	CHECK_MEM(run.out.ptr, run.out.len, CHUNK("0", "很坏") CHUNK("0",
	    "的"));
	fini(&run);
}

static void
parts_a_held_event_when_the_backend_is_silent(void)
{
	struct run run;

	begin(&run, BLOCK_WORD, 1);
	feed(&run, CHUNK("0", "很坏"));
	CHECK_EQ(run.out.len, 0);
	relay_idle(run.relay);
	CHECK_MEM(run.out.ptr, run.out.len, CHUNK("0", "很"));
	relay_idle(run.relay);
	feed(&run, CHUNK("0", "的"));
	CHECK_MEM(run.out.ptr, run.out.len, CHUNK("0", "很") CHUNK("0", "坏")
	    CHUNK("0", "的"));
	fini(&run);
	begin(&run, BLOCK_WORD, 1);
	feed(&run, CHUNK("0", "很坏"));
	relay_idle(run.relay);
	feed(&run, CHUNK("0", "词"));
	end(&run);
	CHECK(memmem(run.out.ptr, run.out.len, "坏", 3) == NULL);
	CHECK(memmem(run.out.ptr, run.out.len, "很", 3) != NULL);
	fini(&run);
}

static void
cuts_at_the_match_and_ends_the_choice(void)
{
	struct run run;

	begin(&run, BLOCK_WORD, 1);
	feed(&run, CHUNK("0", "很坏") CHUNK("0", "词了") CHUNK("0", "x"));
	end(&run);
	CHECK_EQ(run.state, RELAY_DONE);
	CHECK_MEM(run.out.ptr, run.out.len, CHUNK("0", "很") DATA("{\"id\":"
	    "\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\""
	    ",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":"
	    "\"content_filter\"}]}") DONE);
	CHECK(run.notes.blocked);
	CHECK_EQ(run.notes.n, 1);
	CHECK_STR(run.notes.items[0].path, "choices[0].delta.content");
	CHECK_STR(run.notes.items[0].excerpt, "很坏词了");
	fini(&run);
}

static void
does_not_stop_other_choices_when_one_is_cut(void)
{
	struct run run;

	begin(&run, BLOCK_WORD, 2);
	feed(&run, CHUNK("0", "很坏") CHUNK("1", "好"));
	/* Choice 1 does not wait for choice 0. */
	CHECK_MEM(run.out.ptr, run.out.len, CHUNK("1", "好"));
	feed(&run, CHUNK("0", "词") CHUNK("0", "尾") CHUNK("1", "诗"));
	CHECK_EQ(run.state, RELAY_MORE);
	feed(&run, FINISH("1"));
	CHECK_EQ(run.state, RELAY_DONE);
	end(&run);
	CHECK(memmem(run.out.ptr, run.out.len, "尾", 3) == NULL);
	CHECK(memmem(run.out.ptr, run.out.len, "坏", 3) == NULL);
	CHECK(memmem(run.out.ptr, run.out.len, CHUNK("1", "诗") FINISH("1")
	    DONE, strlen(CHUNK("1", "诗") FINISH("1") DONE)) != NULL);
	fini(&run);
}

static void
takes_a_cut_choice_out_of_an_event_of_several(void)
{
	struct run run;

	begin(&run, BLOCK_WORD, 2);
	feed(&run, DATA("{\"choices\":[{\"index\":0,\"delta\":{\"content\":"
	    "\"坏词\"}},{\"index\":1,\"delta\":{\"content\":\"好\"}}]}"));
	CHECK(memmem(run.out.ptr, run.out.len, DATA("{\"choices\":[{\"index\":"
	    "1,\"delta\":{\"content\":\"好\"}}]}"), strlen(DATA(
	    "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"好\"}}]}")))
	    != NULL);
	CHECK(memmem(run.out.ptr, run.out.len, "坏", 3) == NULL);
	fini(&run);
}

static void
redacts_across_events_and_rewrites_only_those(void)
{
	struct run run;

	begin(&run, REDACT_WORD, 1);
	feed(&run, CHUNK("0", "my sec") CHUNK("0", "ret key") CHUNK("0", "!"));
	CHECK_MEM(run.out.ptr, run.out.len, CHUNK("0", "my ***")
	    CHUNK("0", " key") CHUNK("0", "!"));
	CHECK(run.notes.modified && !run.notes.blocked);
	fini(&run);
}

static void
drops_logprobs_once_a_choice_was_changed(void)
{
	struct run run;

	begin(&run, REDACT_WORD, 1);
	feed(&run, DATA("{\"choices\":[{\"index\":0,\"delta\":{\"content\":"
	    "\"a secret.\"},\"logprobs\":{\"content\":[{\"token\":\"a \"},"
	    "{\"token\":\"secret\"},{\"token\":\".\"}]}}]}"));
	feed(&run, DATA("{\"choices\":[{\"index\":0,\"delta\":{\"content\":"
	    "\" b\"},\"logprobs\":{\"content\":[{\"token\":\" b\"}]}}]}"));
	CHECK_MEM(run.out.ptr, run.out.len,
	    DATA("{\"choices\":[{\"index\":0,\"delta\":{\"content\":"
	    "\"a ***.\"},\"logprobs\":null}]}")
	    DATA("{\"choices\":[{\"index\":0,\"delta\":{\"content\":"
	    "\" b\"},\"logprobs\":null}]}"));
	fini(&run);
}

static void
joins_a_surrogate_pair_that_two_events_share(void)
{
	struct run run;

	begin(&run, BLOCK_WORD, 1);
	feed(&run, CHUNK("0", "春\\ud83c") CHUNK("0", "\\udf38!"));
	CHECK_MEM(run.out.ptr, run.out.len, CHUNK("0", "春")
	    CHUNK("0", "🌸!"));
	feed(&run, CHUNK("0", "\\ud83c") CHUNK("0", "") CHUNK("0", "x"));
	CHECK(memmem(run.out.ptr, run.out.len, CHUNK("0", "\xef\xbf\xbdx"),
	    strlen(CHUNK("0", "\xef\xbf\xbdx"))) != NULL);
	fini(&run);
}

static void
takes_a_null_error_out_of_a_chunk(void)
{
	struct run run;

	begin(&run, BLOCK_WORD, 1);
	feed(&run, DATA("{\"id\":\"c\", \"error\": null, \"choices\":[]}"));
	feed(&run, DATA("{\"error\":null,\"choices\":[]}"));
	feed(&run, DATA("{\"choices\":[],\"error\":null}"));
	CHECK_MEM(run.out.ptr, run.out.len,
	    DATA("{\"id\":\"c\", \"choices\":[]}") DATA("{\"choices\":[]}")
	    DATA("{\"choices\":[]}"));
	fini(&run);
}

static void
never_forwards_what_follows_done(void)
{
	struct run run;

	begin(&run, BLOCK_WORD, 1);
	feed(&run, CHUNK("0", "a") DONE CHUNK("0", "later"));
	end(&run);
	CHECK_MEM(run.out.ptr, run.out.len, CHUNK("0", "a") DONE);
	fini(&run);
}

static void
ends_without_done_when_the_backend_did(void)
{
	struct run run;

	begin(&run, BLOCK_WORD, 1);
	feed(&run, CHUNK("0", "很坏"));
	end(&run);
	CHECK_EQ(run.state, RELAY_DONE);
	CHECK_MEM(run.out.ptr, run.out.len, CHUNK("0", "很坏"));
	fini(&run);
}

static void
breaks_on_an_event_that_cannot_be_read(void)
{
	static const char *const bad[] = { "data: hello\n\n", "data: [1]\n\n",
		"data: {\"a\":1,\"a\":2}\n\n", "data: {\"choices\":\n\n",
		"data: {\"a\":\"\xff\"}\n\n" };
	struct run run;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		begin(&run, BLOCK_WORD, 1);
		feed(&run, bad[i]);
		CHECK_EQ(run.state, RELAY_BROKEN);
		CHECK_EQ(run.out.len, 0);
		fini(&run);
	}
}

static void
breaks_when_held_text_outgrows_its_cap(void)
{
	struct run run;
	unsigned i;

	begin(&run, "  - id: w\n    on: answer\n    match: { words: [x] }\n"
	    "    action: block\n    stream: whole\n", 1);
	for (i = 0; i < 20000 && run.state == RELAY_MORE; i++)
		feed(&run, CHUNK("0", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
	CHECK_EQ(run.state, RELAY_BROKEN);
	CHECK(i > 5000);
	CHECK_EQ(run.out.len, 0);
	fini(&run);
}

static void
follows_at_most_so_many_choices(void)
{
	struct run run;
	char event[128];
	unsigned i;

	begin(&run, BLOCK_WORD, 1);
	for (i = 0; i < 5000 && run.state == RELAY_MORE; i++) {
		(void)snprintf(event, sizeof(event), "data: {\"choices\":[{"
		    "\"index\":%u,\"delta\":{}}]}\n\n", i);
		feed(&run, event);
	}
	CHECK_EQ(run.state, RELAY_BROKEN);
	CHECK_EQ(i, 1025);
	fini(&run);
}

static void
waits_for_whole_sentences_where_a_rule_says_so(void)
{
	struct run run;

	begin(&run, "  - id: s\n    on: answer\n    match: { words: [坏词] }\n"
	    "    action: block\n    stream: sentence\n", 1);
	feed(&run, CHUNK("0", "春天来了"));
	CHECK_EQ(run.out.len, 0);
	feed(&run, CHUNK("0", "。"));
	CHECK_MEM(run.out.ptr, run.out.len, CHUNK("0", "春天来了")
	    CHUNK("0", "。"));
	feed(&run, CHUNK("0", "好") CHUNK("0", "坏词"));
	end(&run);
	CHECK(memmem(run.out.ptr, run.out.len, "好", 3) == NULL);
	fini(&run);
}

static void
says_it_as_an_error_where_the_policy_wants_that(void)
{
	struct run run;

	begin_on(&run, policy_text(BLOCK_WORD), SURFACE_CHAT, 1, true);
	feed(&run, CHUNK("0", "a") CHUNK("0", "坏词"));
	end(&run);
	CHECK_MEM(run.out.ptr, run.out.len, CHUNK("0", "a")
	    DATA("{\"error\":{\"message\":\"withheld\",\"type\":"
	    "\"invalid_request_error\",\"param\":null,\"code\":"
	    "\"content_filter\",\"moderation\":{\"stage\":\"output\",\"id\":"
	    "\"x1\",\"categories\":[\"custom\"]}}}") DONE);
	fini(&run);
}

static void
stops_everything_when_a_text_outside_of_choices_is_blocked(void)
{
	struct run run;

	begin(&run, BLOCK_WORD, 2);
	feed(&run, CHUNK("0", "a") CHUNK("1", "b"));
	feed(&run, DATA("{\"vendor\":\"一个坏词\",\"choices\":[]}"));
	end(&run);
	CHECK_EQ(run.state, RELAY_DONE);
	CHECK(memmem(run.out.ptr, run.out.len, "坏", 3) == NULL);
	fini(&run);
}

#define ARGUMENTS(text) DATA("{\"choices\":[{\"index\":0,\"delta\":{" \
	"\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"" text \
	"\"}}]}}]}")

static void
cuts_texts_outside_of_choices_where_they_began(void)
{
	struct run run;

	begin(&run, BLOCK_WORD, 1);
	feed(&run, DATA("{\"choices\":[],\"x\":\"很坏\"}")
	    DATA("{\"choices\":[],\"x\":\"词\"}"));
	end(&run);
	CHECK(memmem(run.out.ptr, run.out.len, "坏", 3) == NULL);
	CHECK(memmem(run.out.ptr, run.out.len, "\"很\"", 5) != NULL);
	fini(&run);

	begin(&run, BLOCK_WORD, 1);
	feed(&run, CHUNK("0", "hi") FINISH("0")
	    DATA("{\"choices\":[{\"index\":0}],\"x\":\"很坏\"}")
	    DATA("{\"choices\":[{\"index\":0}],\"x\":\"词\"}"));
	end(&run);
	CHECK(memmem(run.out.ptr, run.out.len, "坏", 3) == NULL);
	fini(&run);
}

static void
withholds_what_is_not_clear_behind_a_replacement(void)
{
	struct run run;

	/* Another text of the choice is cut. The replacement is longer than
	 * what it replaces, then shorter. */
	begin(&run, BLOCK_WORD "  - id: r\n    on: answer\n    match: { words: "
	    "[key] }\n    action: redact\n    with: 已隐去\n", 1);
	feed(&run, CHUNK("0", "a key 坏") DATA("{\"choices\":[{\"index\":0,"
	    "\"delta\":{\"reasoning\":\"坏词\"}}]}"));
	CHECK(memmem(run.out.ptr, run.out.len, "\"a 已隐去 \"", 14) != NULL);
	fini(&run);

	begin(&run, BLOCK_WORD REDACT_WORD, 1);
	feed(&run, CHUNK("0", "a secret bad wor") DATA("{\"choices\":[{"
	    "\"index\":0,\"delta\":{\"reasoning\":\"坏词\"}}]}"));
	CHECK(memmem(run.out.ptr, run.out.len, "\"a *** \"", 8) != NULL);
	fini(&run);
}

#define DELTA(members) DATA("{\"choices\":[{\"index\":0,\"delta\":{" \
	members "}}]}")

static void
an_unknown_text_is_changed_as_a_part_and_by_itself(void)
{
	struct run run;

	begin(&run, REDACT_WORD, 1);
	feed(&run, DELTA("\"x\":\"my secret\"") DELTA("\"x\":\" se\"")
	    DELTA("\"x\":\"cret, secret\"") FINISH("0"));
	CHECK_MEM(run.out.ptr, run.out.len, DELTA("\"x\":\"my ***\"")
	    DELTA("\"x\":\" ***\"") DELTA("\"x\":\"\"") FINISH("0"));
	fini(&run);
}

static void
parts_no_event_that_says_more_than_a_text(void)
{
	static const char *const events[] = {
		DELTA("\"audio\":{\"data\":\"QQ==\",\"transcript\":\"很坏\"}"),
		DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"call_1\","
		    "\"function\":{\"arguments\":\"很坏\"}}]"),
		DELTA("\"content\":\"很坏\",\"annotations\":[{\"type\":"
		    "\"url_citation\"}]"),
	};
	struct run run;
	size_t i;

	for (i = 0; i < 3; i++) {
		begin(&run, BLOCK_WORD, 1);
		feed(&run, events[i]);
		relay_idle(run.relay);
		CHECK_EQ(run.out.len, 0);
		feed(&run, FINISH("0"));
		CHECK_MEM(run.out.ptr, strlen(events[i]), events[i]);
		fini(&run);
	}
}

static void
tells_a_blocked_stream_without_choices_as_an_error(void)
{
	struct run run;

	begin(&run, BLOCK_WORD, 1);
	feed(&run, DATA("{\"error\":{\"message\":\"坏词\"}}") DONE);
	end(&run);
	CHECK(memmem(run.out.ptr, run.out.len, "坏", 3) == NULL);
	CHECK(memmem(run.out.ptr, run.out.len, "\"content_filter\"", 16));
	fini(&run);
}

static void
sees_escapes_inside_tool_arguments(void)
{
	struct run run;

	begin(&run, BLOCK_WORD, 1);
	feed(&run, ARGUMENTS("{\\\"q\\\":\\\"\\\\u57")
	    ARGUMENTS("4f\\\\u8bcd\\\"}"));
	end(&run);
	CHECK(run.notes.blocked);
	CHECK(memmem(run.out.ptr, run.out.len, "8bcd", 4) == NULL);
	CHECK(memmem(run.out.ptr, run.out.len, "u57", 3) == NULL);
	fini(&run);
}

/* ---- the fixtures ---- */

static char *
read_file(const char *name, size_t *len)
{
	char path[256];
	struct buf b = { 0 };
	FILE *f;
	size_t n;

	(void)snprintf(path, sizeof(path), "tests/fixtures/%s", name);
	f = fopen(path, "rb");
	if (!f)
		return NULL;
	while ((n = fread(buf_reserve(&b, 65536), 1, 65536, f)) > 0)
		b.len += n;
	fclose(f);
	*len = b.len;
	return b.ptr;
}

#define FIXTURE_RULES "  - id: b\n    on: answer\n    match: { words: " \
	"[墨玫瑰密令, black rose directive] }\n    action: block\n"

/* No banned phrase in any decoded text of the output, also with the inner
 * escapes of tool arguments undone and joined over events. */
static bool
leaks(const struct buf *out)
{
	static const char *const forms[] = { "墨玫瑰密令",
		"black rose directive", "\\u58a8\\u73ab\\u7470\\u5bc6\\u4ee4",
		"u58a8\\\\u73ab\\\\u7470\\\\u5bc6\\\\u4ee4" };
	struct buf texts[64] = { { 0 } };
	bool found = false;
	size_t i, t;
	const char *p = out->ptr, *stop = p + out->len;

	for (i = 0; i < 4; i++)
		found |= memmem(out->ptr, out->len, forms[i],
		    strlen(forms[i])) != NULL;
	while (p < stop) {
		const char *line_end = memchr(p, '\n', (size_t)(stop - p));
		json_t *root, *choice, *call;
		size_t c, k;

		if (!line_end)
			line_end = stop;
		root = (size_t)(line_end - p) > 6 ? json_loadb(p + 6,
		    (size_t)(line_end - p) - 6, 0, NULL) : NULL;
		json_array_foreach(json_object_get(root, "choices"), c,
		    choice) {
			json_t *delta = json_object_get(choice, "delta");
			const char *parts[] = { json_string_value(
			    json_object_get(choice, "text")),
			    json_string_value(json_object_get(delta,
				"content")), json_string_value(
			    json_object_get(delta, "reasoning_content")) };

			for (k = 0; k < 3; k++)
				if (parts[k])
					buf_add_str(&texts[c * 8 + k],
					    parts[k]);
			json_array_foreach(json_object_get(delta,
			    "tool_calls"), k, call) {
				const char *a = json_string_value(
				    json_object_get(json_object_get(call,
				    "function"), "arguments"));

				if (a)
					buf_add_str(&texts[c * 8 + 4 + (size_t)
					    json_integer_value(json_object_get(
					    call, "index")) % 4], a);
			}
		}
		json_decref(root);
		p = line_end + 1;
	}
	for (t = 0; t < 64; t++) {
		for (i = 0; i < 4; i++)
			found |= texts[t].len > 0 && memmem(texts[t].ptr,
			    texts[t].len, forms[i], strlen(forms[i])) != NULL;
		buf_fini(&texts[t]);
	}
	return found;
}

static void
check_fixture(const char *name, bool banned, uint64_t choices)
{
	struct policy *policy = policy_text(FIXTURE_RULES);
	size_t len, cut, step;
	char *bytes = read_file(name, &len);
	struct buf whole = { 0 };
	struct run run;
	bool completions = strncmp(name, "completions", 11) == 0;

	CHECK(bytes != NULL);
	if (!bytes)
		return;
	step = len > 8000 ? len / 1500 + 1 : 1;
	for (cut = 0; cut <= len; cut += step) {
		begin_on(&run, policy_ref(policy), completions ?
		    SURFACE_COMPLETIONS : SURFACE_CHAT, choices, false);
		feed_span(&run, span(bytes, cut));
		feed_span(&run, span(bytes + cut, len - cut));
		end(&run);
		CHECK_EQ(run.state, RELAY_DONE);
		if (cut == 0)
			buf_add_span(&whole, buf_span(&run.out));
		CHECK_EQ(run.out.len, whole.len);
		CHECK(run.out.len == whole.len && memcmp(run.out.ptr,
		    whole.ptr, whole.len) == 0);
		CHECK_EQ(run.notes.blocked, banned);
		fini(&run);
		if (check_test_failed) {
			fprintf(stderr, "in %s, cut at %zu\n", name, cut);
			break;
		}
	}
	CHECK(!leaks(&whole));
	buf_fini(&whole);
	free(bytes);
	policy_unref(&policy);
}

static void
gives_one_output_for_every_fixture_at_every_cut_and_leaks_nothing(void)
{
	json_error_t error;
	json_t *manifest = json_load_file("tests/fixtures/manifest.json", 0,
	    &error), *fixture;
	unsigned n = 0;
	size_t i;

	json_array_foreach(json_object_get(manifest, "fixtures"), i, fixture) {
		const char *name = json_string_value(json_object_get(fixture,
		    "stream"));
		const char *path = json_string_value(json_object_get(fixture,
		    "path"));
		const char *id = json_string_value(json_object_get(fixture,
		    "name"));
		bool banned = json_is_true(json_object_get(fixture, "banned"));

		if (!name || !strstr(path, "completions"))
			continue;
		/* There the phrase stands after [DONE]: nothing is judged,
		 * nothing is sent. */
		if (strcmp(id, "chat-afterdone") == 0)
			banned = false;
		check_fixture(name, banned, strcmp(id, "chat-n") == 0 ? 2 : 1);
		n++;
	}
	CHECK(n >= 24);
	json_decref(manifest);
}

int
main(void)
{
	RUN(lets_harmless_events_go_at_once_and_verbatim);
	RUN(holds_an_event_only_while_a_word_may_still_come);
	RUN(parts_a_held_event_when_the_backend_is_silent);
	RUN(cuts_at_the_match_and_ends_the_choice);
	RUN(does_not_stop_other_choices_when_one_is_cut);
	RUN(takes_a_cut_choice_out_of_an_event_of_several);
	RUN(redacts_across_events_and_rewrites_only_those);
	RUN(drops_logprobs_once_a_choice_was_changed);
	RUN(joins_a_surrogate_pair_that_two_events_share);
	RUN(takes_a_null_error_out_of_a_chunk);
	RUN(never_forwards_what_follows_done);
	RUN(ends_without_done_when_the_backend_did);
	RUN(breaks_on_an_event_that_cannot_be_read);
	RUN(breaks_when_held_text_outgrows_its_cap);
	RUN(follows_at_most_so_many_choices);
	RUN(waits_for_whole_sentences_where_a_rule_says_so);
	RUN(says_it_as_an_error_where_the_policy_wants_that);
	RUN(stops_everything_when_a_text_outside_of_choices_is_blocked);
	RUN(cuts_texts_outside_of_choices_where_they_began);
	RUN(withholds_what_is_not_clear_behind_a_replacement);
	RUN(an_unknown_text_is_changed_as_a_part_and_by_itself);
	RUN(parts_no_event_that_says_more_than_a_text);
	RUN(tells_a_blocked_stream_without_choices_as_an_error);
	RUN(sees_escapes_inside_tool_arguments);
	RUN(gives_one_output_for_every_fixture_at_every_cut_and_leaks_nothing);
	return CHECK_DONE();
}
