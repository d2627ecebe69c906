/* SPDX-License-Identifier: Apache-2.0 */
/* test_refusal.c - what modgate says itself, compared with the shapes that
 * the SDKs were checked with (tests/fixtures/blocked). */
#include <jansson.h>
#include <stdlib.h>

#include "gateway/refusal.h"
#include "tests/check.h"
#include "tests/policy_text.h"

static void
an_error_has_the_four_members_of_the_api(void)
{
	struct buf b = { 0 };

	refusal_error("no \"such\" model\n", "invalid_request_error", NULL,
	    NULL, &b);
	CHECK_MEM(b.ptr, b.len, "{\"error\":{\"message\":\"no \\\"such\\\" "
	    "model\\n\",\"type\":\"invalid_request_error\",\"param\":null,"
	    "\"code\":null}}");
	buf_clear(&b);
	refusal_error("m", "t", "messages", "c", &b);
	CHECK_MEM(b.ptr, b.len, "{\"error\":{\"message\":\"m\",\"type\":\"t\","
	    "\"param\":\"messages\",\"code\":\"c\"}}");
	buf_fini(&b);
}

/* Both have the same members, of the same types, all the way down; where an
 * array has elements, the first ones are compared. */
static bool
same_shape(const json_t *a, const json_t *b)
{
	const char *key;
	json_t *value;

	if (json_typeof(a) != json_typeof(b)) {
		fprintf(stderr, "%d is not %d\n", json_typeof(a),
		    json_typeof(b));
		return false;
	}
	if (json_is_array(a) && json_array_size(a) && json_array_size(b))
		return same_shape(json_array_get(a, 0), json_array_get(b, 0));
	if (!json_is_object(a))
		return true;
	if (json_object_size(a) != json_object_size(b))
		return false;
	json_object_foreach((json_t *)(uintptr_t)a, key, value) {
		const json_t *other = json_object_get(b, key);

		if (!other || !same_shape(value, other)) {
			fprintf(stderr, "at %s\n", key);
			return false;
		}
	}
	return true;
}

static json_t *
parsed(struct buf *b)
{
	json_t *doc = json_loadb(b->ptr, b->len, 0, NULL);

	CHECK(doc != NULL);
	buf_fini(b);
	return doc;
}

static json_t *
fixture(const char *name)
{
	char path[256];
	json_t *doc;

	(void)snprintf(path, sizeof(path), "tests/fixtures/blocked/%s", name);
	doc = json_load_file(path, 0, NULL);
	CHECK(doc != NULL);
	return doc;
}

static struct notes
notes_of(const struct policy *policy, size_t n)
{
	struct notes notes = { 0 };
	size_t i;

	notes.items = xcalloc(n, sizeof(*notes.items));
	notes.n = notes.cap = n;
	for (i = 0; i < n; i++)
		notes.items[i] = (struct note){ .rule = &policy->rules[i %
		    policy->n_rules], .side = SIDE_PROMPT };
	return notes;
}

#define RULE(id, action, more) "  - id: " id "\n    on: prompt\n    match: { " \
	"words: [x] }\n    action: " action "\n" more

static void
a_blocked_prompt_looks_as_sdks_expect(void)
{
	struct policy *policy = policy_text(RULE("a", "block", ""));
	struct notes notes = notes_of(policy, 1);
	json_t *want = fixture("prompt-openai.json"), *got;
	struct buf b = { 0 };

	refusal_blocked(&notes, SIDE_PROMPT, "messages", "The request was "
	    "blocked by the content policy.", "mod_1", &b);
	got = parsed(&b);
	CHECK(json_equal(got, json_object_get(want, "body")));
	json_decref(got);
	json_decref(want);
	notes_fini(&notes);
	policy_unref(&policy);
}

static void
only_categories_that_blocked_are_named_each_once(void)
{
	struct policy *policy = policy_text(
	    RULE("a", "block", "    category: A1h\n")
	    RULE("b", "flag", "    category: X1\n")
	    RULE("c", "block", "    category: A4a\n    mode: shadow\n")
	    RULE("d", "block", "    category: A1h\n")
	    RULE("e", "redact", "    category: X3\n")
	    RULE("f", "block", "    category: A1f\n"));
	struct notes notes = notes_of(policy, 12);
	struct buf b = { 0 };

	refusal_blocked(&notes, SIDE_ANSWER, NULL, "m", "x", &b);
	CHECK(strstr(buf_cstr(&b), "\"moderation\":{\"stage\":\"output\","
	    "\"id\":\"x\",\"categories\":[\"A1h\",\"A1f\"]}") != NULL);
	buf_fini(&b);
	notes_fini(&notes);
	policy_unref(&policy);
}

static void
an_entry_of_a_list_has_its_own_category(void)
{
	struct policy *policy = policy_text("  - id: a\n    on: [prompt]\n"
	    "    match: { words: [y, { word: x, category: A1d }] }\n"
	    "    category: A1h\n    action: block\n");
	struct notes notes = notes_of(policy, 1);
	struct buf b = { 0 };

	refusal_blocked(&notes, SIDE_PROMPT, NULL, "m", "x", &b);
	CHECK(strstr(buf_cstr(&b), "\"categories\":[\"A1h\"]") != NULL);
	notes.items[0].item = 1;
	buf_clear(&b);
	refusal_blocked(&notes, SIDE_PROMPT, NULL, "m", "x", &b);
	CHECK(strstr(buf_cstr(&b), "\"categories\":[\"A1d\"]") != NULL);
	buf_fini(&b);
	notes_fini(&notes);
	policy_unref(&policy);
}

static void
sixteen_categories_at_most_are_named(void)
{
	static const char *const names[] = { "A1a", "A1b", "A1c", "A1d", "A1e",
		"A1f", "A1g", "A1h", "A2a", "A2b", "A2c", "A2d", "A3a", "A3b",
		"A3c", "A3d", "A3e", "A4a", "A5a", "X1" };
	struct buf rules = { 0 }, b = { 0 };
	struct policy *policy;
	struct notes notes;
	json_t *doc, *list;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		buf_addf(&rules, RULE("r%zu", "block", "    category: %s\n"),
		    i, names[i]);
	policy = policy_text(buf_cstr(&rules));
	notes = notes_of(policy, policy->n_rules);
	refusal_blocked(&notes, SIDE_PROMPT, NULL, "m", "x", &b);
	doc = parsed(&b);
	list = json_object_get(json_object_get(json_object_get(doc, "error"),
	    "moderation"), "categories");
	CHECK_EQ(json_array_size(list), 16);
	json_decref(doc);
	notes_fini(&notes);
	policy_unref(&policy);
	buf_fini(&rules);
}

static void
chinese_is_told_by_han_characters_escaped_or_not(void)
{
	CHECK(refusal_is_chinese(span_str("a 春")));
	CHECK(refusal_is_chinese(span_str("㐀")));	/* U+3400 */
	CHECK(refusal_is_chinese(span_str("鿿")));	/* U+9FFF */
	CHECK(refusal_is_chinese(span_str("\"\\u6625\"")));
	CHECK(refusal_is_chinese(span_str("\"\\u3400\"")));
	CHECK(refusal_is_chinese(span_str("\"\\u3fff\"")));
	CHECK(!refusal_is_chinese(span_str("\"\\u33ff\"")));
	CHECK(!refusal_is_chinese(span_str("")));
	CHECK(!refusal_is_chinese(span_str("plain, caf\xc3\xa9")));
	CHECK(!refusal_is_chinese(span_str("ひらがな 한국어")));
	CHECK(!refusal_is_chinese(span_str("\"\\u00e9\\ud83d\\ude00\"")));
}

static void
words_are_the_policys_in_the_language_of_the_prompt(void)
{
	struct policy *policy = policy_text(RULE("a", "block", "")
	    "refusal: { message: { zh: 不行, en: \"no\" } }\n");

	CHECK_STR(refusal_message(policy, SIDE_PROMPT, true,
	    span("", 0)), "不行");
	CHECK_STR(refusal_message(policy, SIDE_ANSWER, false,
	    span("", 0)), "no");
	policy_unref(&policy);
	policy = policy_text(RULE("a", "block", "")
	    "refusal: { message: { en: \"no\" } }\n");
	CHECK_STR(refusal_message(policy, SIDE_PROMPT, true,
	    span("", 0)), "no");
	policy_unref(&policy);
	policy = policy_text(RULE("a", "block", ""));
	CHECK_STR(refusal_message(policy, SIDE_PROMPT, false,
	    span("", 0)),
	    "The request was blocked by the content policy.");
	CHECK_STR(refusal_message(policy, SIDE_ANSWER, false,
	    span("", 0)),
	    "The answer was withheld by the content policy.");
	policy_unref(&policy);
}

static void
the_caller_decides_between_languages_that_the_text_may_be(void)
{
	struct policy *policy = policy_text(RULE("a", "block", "")
	    "refusal: { message: { zh-CN: 不行, en: \"no\", ja: だめ, fr: non, "
	    "pt-BR: \"não\" } }\n");
	static const struct {
		bool chinese;
		const char *accept, *want;
	} cases[] = {
		{ true, "", "不行" }, { false, "", "no" },
		{ false, "fr", "non" }, { false, "FR-ca, en", "non" },
		{ false, "en, fr", "no" }, { false, "en;q=0.5,fr;q=0.9", "non" },
		{ false, "fr;q=0, en;q=0.1", "no" }, { false, "pt", "não" },
		{ false, "pt-PT", "não" }, { false, "de, *;q=0.5", "no" },
		{ true, "ja", "だめ" }, { true, "ja;q=0.3, zh", "不行" },
		{ true, "fr, en", "不行" }, { false, "zh", "no" },
		{ true, "zh-TW", "不行" }, { false, "ja", "だめ" },
		{ false, ",;q=1,,; ;q=,fr;q=x", "no" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_STR(refusal_message(policy, SIDE_PROMPT,
		    cases[i].chinese, span_str(cases[i].accept)),
		    cases[i].want);
	policy_unref(&policy);
}

/* The choice of refusal_choice() has the fixture's shape. */
static void
check_choice(enum surface_kind surface, const char *name)
{
	json_t *want = fixture(name), *got;
	struct buf b = { 0 };

	refusal_choice(surface, 0, &b);
	got = parsed(&b);
	CHECK(json_equal(got, json_array_get(json_object_get(want, "choices"),
	    0)));
	json_decref(got);
	json_decref(want);
}

static void
a_withheld_choice_is_what_sdks_expect(void)
{
	struct buf b = { 0 };
	json_t *got;

	check_choice(SURFACE_CHAT, "answer-chat.json");
	check_choice(SURFACE_COMPLETIONS, "answer-completions.json");
	refusal_choice(SURFACE_CHAT, 2147483647, &b);
	got = parsed(&b);
	CHECK_EQ(json_integer_value(json_object_get(got, "index")),
	    2147483647);
	json_decref(got);
}

static struct refusal_answer
answer_of(enum surface_kind surface, bool stream, uint64_t choices)
{
	return (struct refusal_answer){ .surface = surface, .stream = stream,
		.id = "x1", .model = span_str("m\"1"), .created_s = 17,
		.message = "换个话题\n", .choices = choices };
}

static void
a_refusal_as_completion_is_a_whole_answer(void)
{
	struct refusal_answer a = answer_of(SURFACE_CHAT, false, 3);
	json_t *got, *choice;
	struct buf b = { 0 };

	refusal_completion(&a, &b);
	got = parsed(&b);
	CHECK_STR(json_string_value(json_object_get(got, "object")),
	    "chat.completion");
	CHECK_STR(json_string_value(json_object_get(got, "id")),
	    "chatcmpl-x1");
	CHECK_STR(json_string_value(json_object_get(got, "model")), "m\"1");
	CHECK_EQ(json_array_size(json_object_get(got, "choices")), 3);
	choice = json_array_get(json_object_get(got, "choices"), 2);
	CHECK_EQ(json_integer_value(json_object_get(choice, "index")), 2);
	CHECK_STR(json_string_value(json_object_get(json_object_get(choice,
	    "message"), "content")), "换个话题\n");
	CHECK_STR(json_string_value(json_object_get(choice,
	    "finish_reason")), "content_filter");
	json_decref(got);
	a.surface = SURFACE_COMPLETIONS;
	refusal_completion(&a, &b);
	got = parsed(&b);
	CHECK_STR(json_string_value(json_object_get(got, "object")),
	    "text_completion");
	choice = json_array_get(json_object_get(got, "choices"), 0);
	CHECK_STR(json_string_value(json_object_get(choice, "text")),
	    "换个话题\n");
	json_decref(got);
}

/* Takes one event's JSON off the front of b. */
static json_t *
next_event(struct buf *b)
{
	const char *end = memmem(b->ptr, b->len, "\n\n", 2);
	json_t *doc;

	CHECK(end && memcmp(b->ptr, "data: ", 6) == 0);
	if (!end)
		return NULL;
	doc = json_loadb(b->ptr + 6, (size_t)(end - b->ptr) - 6, 0, NULL);
	buf_drop(b, (size_t)(end + 2 - b->ptr));
	return doc;
}

static void
a_refusal_as_a_stream_has_an_event_per_choice_usage_and_an_end(void)
{
	struct refusal_answer a = answer_of(SURFACE_CHAT, true, 2);
	struct buf b = { 0 };
	json_t *event;
	int i;

	a.include_usage = true;
	refusal_completion(&a, &b);
	for (i = 0; i < 2; i++) {
		json_t *choice;

		event = next_event(&b);
		CHECK_STR(json_string_value(json_object_get(event,
		    "object")), "chat.completion.chunk");
		choice = json_array_get(json_object_get(event, "choices"), 0);
		CHECK_EQ(json_integer_value(json_object_get(choice,
		    "index")), i);
		CHECK(json_object_get(json_object_get(choice, "delta"),
		    "role") != NULL);
		json_decref(event);
	}
	event = next_event(&b);
	CHECK_EQ(json_array_size(json_object_get(event, "choices")), 0);
	CHECK(json_is_object(json_object_get(event, "usage")));
	json_decref(event);
	CHECK_MEM(b.ptr, b.len, "data: [DONE]\n\n");
	buf_fini(&b);
}

static void
whole_refusals_have_the_shape_of_real_answers(void)
{
	struct refusal_answer a = answer_of(SURFACE_COMPLETIONS, false, 1);
	json_t *want = fixture("answer-completions.json"), *got;
	struct buf b = { 0 };

	refusal_completion(&a, &b);
	got = parsed(&b);
	CHECK(same_shape(got, want));
	json_decref(got);
	json_decref(want);
}

int
main(void)
{
	RUN(an_error_has_the_four_members_of_the_api);
	RUN(a_blocked_prompt_looks_as_sdks_expect);
	RUN(only_categories_that_blocked_are_named_each_once);
	RUN(an_entry_of_a_list_has_its_own_category);
	RUN(sixteen_categories_at_most_are_named);
	RUN(chinese_is_told_by_han_characters_escaped_or_not);
	RUN(the_caller_decides_between_languages_that_the_text_may_be);
	RUN(words_are_the_policys_in_the_language_of_the_prompt);
	RUN(a_withheld_choice_is_what_sdks_expect);
	RUN(a_refusal_as_completion_is_a_whole_answer);
	RUN(a_refusal_as_a_stream_has_an_event_per_choice_usage_and_an_end);
	RUN(whole_refusals_have_the_shape_of_real_answers);
	return CHECK_DONE();
}
