/* SPDX-License-Identifier: Apache-2.0 */
/* test_cmd_explain.c - `modgate explain`, as a shell sees it. */
#include <jansson.h>

#include "gateway/buf.h"
#include "gateway/cmd.h"
#include "gateway/file.h"
#include "tests/check.h"
#include "tests/scratch.h"

#define POLICY "modgate_policy: 1\nname: explained\nrules:\n" \
	"  - id: stop\n    on: [prompt, answer]\n    match: { words: [zzz, " \
	"坏词] }\n    action: block\n    category: A1h\n" \
	"  - id: hide\n    on: [prompt, answer]\n    match: { regex: " \
	"'[0-9]{3}' }\n    action: redact\n    with: '#'\n" \
	"  - id: note\n    on: prompt\n    match: { words: [hm] }\n" \
	"    action: flag\n" \
	"  - id: quiet\n    on: prompt\n    match: { words: [shh] }\n" \
	"    action: block\n    mode: shadow\n" \
	"  - id: theirs\n    on: prompt\n    match: { words: [mine] }\n" \
	"    action: block\n    when: { tenants: [gal*], models: [m-1], " \
	"roles: [tool] }\n" \
	"  - id: slow\n    on: answer\n    match: { regex: " \
	"'(?:a+)+(?!.)c' }\n    action: block\n"

static const char *const files[] = { "p.yaml", "bad.yaml", "in", "out", NULL };
static struct buf out;

/* Runs the command; {p} stands for the policy's path. input: what stands on
 * standard input, or NULL. */
static int
run(const char *input, const char *const *args)
{
	struct mg_error err = { { 0 } };
	char *argv[16] = { NULL };
	int argc = 0, saved_in = -1, saved_out, status, i;

	argv[argc++] = strdup("explain");
	for (; *args; args++)
		argv[argc++] = strdup(strcmp(*args, "{p}") == 0 ?
		    scratch_file("p.yaml") : *args);
	(void)fflush(stdout);
	saved_out = dup(1);
	if (!freopen(scratch_file("out"), "w", stdout))
		abort();
	if (input) {
		saved_in = dup(0);
		if (!freopen(scratch_write("in", input), "r", stdin))
			abort();
	}
	status = cmd_explain(argc, argv);
	(void)fflush(stdout);
	if (dup2(saved_out, 1) < 0 || (input && dup2(saved_in, 0) < 0))
		abort();
	(void)close(saved_out);
	if (input)
		(void)close(saved_in);
	for (i = 0; i < argc; i++)
		free(argv[i]);
	buf_clear(&out);
	CHECK_EQ(file_read(scratch_file("out"), 1 << 20, NULL, &out, &err), 0);
	(void)buf_cstr(&out);
	return status;
}

#define RUN_ARGS(input, ...) \
	run(input, (const char *const[]){ __VA_ARGS__, NULL })

/* The document of --json. */
static json_t *
explained(const char *const *args)
{
	json_t *doc;

	CHECK_EQ(run(NULL, args), CMD_DONE);
	doc = json_loads(out.ptr, 0, NULL);
	CHECK(doc != NULL);
	return doc;
}

#define EXPLAINED(...) \
	explained((const char *const[]){ "--json", __VA_ARGS__, NULL })

static const char *
text_of(const json_t *doc, const char *name)
{
	const char *text = json_string_value(json_object_get(doc, name));

	return text ? text : "(none)";
}

static json_t *
rule(const json_t *doc, const char *id)
{
	json_t *rules = json_object_get(doc, "rules"), *one;
	size_t i;

	json_array_foreach(rules, i, one)
		if (strcmp(text_of(one, "id"), id) == 0)
			return one;
	CHECK(!"such a rule");
	return NULL;
}

static void
says_what_blocks_and_where(void)
{
	json_t *doc = EXPLAINED("{p}", "有坏词 123"), *saw;

	CHECK_STR(text_of(doc, "outcome"), "block");
	CHECK_STR(text_of(doc, "rule"), "stop");
	CHECK_STR(text_of(doc, "policy"), "explained");
	CHECK_STR(text_of(doc, "role"), "user");
	CHECK(json_is_null(json_object_get(doc, "text")));
	saw = json_array_get(json_object_get(rule(doc, "stop"), "saw"), 0);
	CHECK_EQ(json_integer_value(json_object_get(saw, "at")), 3);
	CHECK_EQ(json_integer_value(json_object_get(saw, "len")), 6);
	CHECK_STR(text_of(saw, "text"), "坏词");
	CHECK_STR(text_of(saw, "item"), "坏词");
	CHECK_EQ(json_integer_value(json_object_get(doc, "findings")), 2);
	json_decref(doc);
}

static void
says_what_a_text_without_its_values_becomes(void)
{
	json_t *doc;

	(void)scratch_write("p.yaml", "modgate_policy: 1\nname: p\nrules:\n"
	    "  - id: take\n    on: prompt\n    match: { regex: '1[0-9]{10}' "
	    "}\n    action: pseudonymize\n    as: PHONE\n"
	    "  - id: mask\n    on: prompt\n    match: { words: [secret] }\n"
	    "    action: redact\n    with: '{first1}{mask}'\n");
	doc = EXPLAINED("{p}", "13800138000, 13800138000, "
	    "13900139000");
	CHECK_STR(text_of(doc, "outcome"), "pseudonymize");
	CHECK_STR(text_of(doc, "rule"), "take");
	CHECK_STR(text_of(doc, "text"), "<PHONE_1>, <PHONE_1>, <PHONE_2>");
	json_decref(doc);
	doc = EXPLAINED("{p}", "13800138000 secret");
	CHECK_STR(text_of(doc, "outcome"), "redact");
	CHECK_STR(text_of(doc, "text"), "<PHONE_1> s*****");
	json_decref(doc);
	(void)scratch_write("p.yaml", POLICY);
}

static void
says_what_a_redacted_text_becomes(void)
{
	json_t *doc = EXPLAINED("{p}", "call 123 or 456");

	CHECK_STR(text_of(doc, "outcome"), "redact");
	CHECK_STR(text_of(doc, "rule"), "hide");
	CHECK_STR(text_of(doc, "text"), "call # or #");
	json_decref(doc);
	CHECK_EQ(RUN_ARGS(NULL, "{p}", "call 123"), CMD_DONE);
	CHECK(strstr(out.ptr, "redact: hide: ") == out.ptr);
	CHECK(strstr(out.ptr, "becomes: \"call #\"\n") != NULL);
}

static void
tells_a_flag_from_a_shadow_from_nothing(void)
{
	json_t *doc = EXPLAINED("{p}", "hm");

	CHECK_STR(text_of(doc, "outcome"), "flag");
	CHECK_STR(text_of(doc, "text"), "hm");
	json_decref(doc);
	doc = EXPLAINED("{p}", "shh");
	CHECK_STR(text_of(doc, "outcome"), "pass");
	CHECK(strstr(text_of(doc, "because"), "in shadow") != NULL);
	CHECK_STR(text_of(json_object_get(doc, "would"), "action"), "block");
	CHECK_STR(text_of(json_object_get(doc, "would"), "rule"), "quiet");
	CHECK_EQ(json_array_size(json_object_get(rule(doc, "quiet"), "saw")),
	    1);
	json_decref(doc);
	doc = EXPLAINED("{p}", "fine");
	CHECK_STR(text_of(doc, "outcome"), "pass");
	CHECK(json_is_null(json_object_get(doc, "rule")));
	CHECK(json_is_null(json_object_get(doc, "would")));
	json_decref(doc);
	/* Not where a rule in force does as much. */
	doc = EXPLAINED("{p}", "shh zzz");
	CHECK(json_is_null(json_object_get(doc, "would")));
	json_decref(doc);
	CHECK_EQ(RUN_ARGS(NULL, "{p}", "hm shh"), CMD_DONE);
	CHECK(strstr(out.ptr, "\nwould block, were it in force: quiet\n"));
}

static void
says_why_a_rule_did_not_look(void)
{
	static const struct {
		const char *tenant, *model, *role, *why;
	} cases[] = { { "other", "m-1", "tool", "tenants" },
		{ "gallery", "m-2", "tool", "models" },
		{ "gallery", "m-1", "user", "roles" } };
	json_t *doc;
	size_t i;

	for (i = 0; i < 3; i++) {
		doc = EXPLAINED("--tenant", cases[i].tenant, "--model",
		    cases[i].model, "--role", cases[i].role, "{p}", "mine");
		CHECK(strstr(text_of(rule(doc, "theirs"), "why_not"),
		    cases[i].why) != NULL);
		CHECK_STR(text_of(doc, "outcome"), "pass");
		json_decref(doc);
	}
	doc = EXPLAINED("--tenant", "gallery", "--model", "m-1", "--role",
	    "tool", "{p}", "mine");
	CHECK_STR(text_of(doc, "outcome"), "block");
	json_decref(doc);
	doc = EXPLAINED("--on", "answer", "{p}", "hm");
	CHECK_STR(text_of(doc, "role"), "assistant");
	CHECK_STR(text_of(rule(doc, "note"), "why_not"),
	    "it is not on answers");
	json_decref(doc);
}

static void
says_when_a_rule_could_not_judge(void)
{
	char text[4096];
	json_t *doc, *saw;

	memset(text, 'a', sizeof(text));
	memcpy(text + sizeof(text) - 5, " ac!", 5);
	doc = EXPLAINED("--on", "answer", "{p}", text);
	CHECK_STR(text_of(doc, "outcome"), "block");
	CHECK(strstr(text_of(doc, "because"), "could not judge") != NULL);
	saw = json_array_get(json_object_get(rule(doc, "slow"), "saw"), 0);
	CHECK(text_of(saw, "unable")[0] != '(');
	json_decref(doc);
}

static void
says_what_signals_add_up_to_and_which_part_saw_what(void)
{
	scratch_write("p.yaml", "modgate_policy: 1\nname: explained\nrules:\n"
	    "- {id: one, on: prompt, match: {words: [aa]}, score: 2}\n"
	    "- id: both\n  on: prompt\n  match: {all: [{words: [bb]}, {regex: "
	    "'c+'}]}\n  score: 2\nscores:\n"
	    "- {id: four, at_least: 4, action: block}\n"
	    "- {id: five, at_least: 5, action: block}\n");
	CHECK_EQ(RUN_ARGS(NULL, "{p}", "aa bb cc"), CMD_DONE);
	CHECK(strstr(out.ptr, "block: four: it found something"));
	CHECK(strstr(out.ptr, "both (flag, custom, medium): "));
	CHECK(strstr(out.ptr, " us,\n      saw \"bb\" at byte 3, by \"bb\""));
	CHECK(strstr(out.ptr, "\n      saw \"cc\" at byte 6, by \"c+\""));
	CHECK(strstr(out.ptr, "four (block, custom, medium): sum 4 of 4,\n"
	    "      saw \"cc\" at byte 6"));
	CHECK(strstr(out.ptr, "five (block, custom, medium): sum 4 of 5, saw "
	    "nothing\n"));
	CHECK_EQ(RUN_ARGS(NULL, "--json", "{p}", "aa"), CMD_DONE);
	CHECK(strstr(out.ptr, "\"sum\":2,\"at_least\":5,\"saw\":[]"));
	scratch_write("p.yaml", POLICY);
}

static void
measures_each_filter_that_looked(void)
{
	json_t *doc = EXPLAINED("{p}", "some text to look at"), *one;
	json_t *filters = json_object_get(doc, "filters");
	size_t i, rules = 0;

	CHECK_EQ(json_array_size(filters), 2);
	json_array_foreach(filters, i, one) {
		rules += (size_t)json_integer_value(json_object_get(one,
		    "rules"));
		CHECK(json_number_value(json_object_get(one, "us")) > 0);
	}
	CHECK_EQ(rules, 4);	/* not slow, not theirs */
	json_decref(doc);
}

/* "slow" works hard in each turn; nobody else does. */
static void
measures_each_rule_that_looked(void)
{
	char text[4096];
	double slow, stop;
	json_t *doc;

	memset(text, 'a', sizeof(text));
	memcpy(text + sizeof(text) - 5, " ac!", 5);
	doc = EXPLAINED("--on", "answer", "{p}", text);
	slow = json_number_value(json_object_get(rule(doc, "slow"), "us"));
	stop = json_number_value(json_object_get(rule(doc, "stop"), "us"));
	CHECK(stop > 0);
	CHECK(slow > 10 * stop);
	CHECK(!json_object_get(rule(doc, "theirs"), "us"));
	json_decref(doc);
	CHECK_EQ(RUN_ARGS(NULL, "{p}", "fine"), CMD_DONE);
	CHECK(strstr(out.ptr, "  stop (block, A1h, medium): 0.") != NULL);
	CHECK(strstr(out.ptr, " us, saw nothing\n") != NULL);
}

static void
reads_standard_input_but_its_last_line_end(void)
{
	CHECK_EQ(RUN_ARGS("hm\n", "--json", "{p}", "-"), CMD_DONE);
	CHECK(strstr(out.ptr, "\"text\":\"hm\",") != NULL);
	CHECK_EQ(RUN_ARGS("\xff\n", "{p}", "-"), CMD_WRONG);
	CHECK_EQ(out.len, 0);
}

static void
refuses_wrong_use(void)
{
	CHECK_EQ(RUN_ARGS(NULL, "{p}"), CMD_WRONG);
	CHECK_EQ(RUN_ARGS(NULL, "{p}", "a", "b"), CMD_WRONG);
	CHECK_EQ(RUN_ARGS(NULL, "--on", "both", "{p}", "a"), CMD_WRONG);
	CHECK_EQ(RUN_ARGS(NULL, "--role", "king", "{p}", "a"), CMD_WRONG);
	CHECK_EQ(RUN_ARGS(NULL, "--nonsense", "{p}", "a"), CMD_WRONG);
	CHECK_EQ(RUN_ARGS(NULL, "/nonexistent.yaml", "a"), CMD_WRONG);
	CHECK_EQ(RUN_ARGS(NULL, "{p}", "\xc3"), CMD_WRONG);
	CHECK_EQ(out.len, 0);
	CHECK_EQ(RUN_ARGS(NULL, "--help"), CMD_DONE);
	CHECK(strstr(out.ptr, "examples:") != NULL);
}

int
main(void)
{
	scratch_open();
	(void)scratch_write("p.yaml", POLICY);
	RUN(says_what_blocks_and_where);
	RUN(says_what_a_redacted_text_becomes);
	RUN(says_what_a_text_without_its_values_becomes);
	RUN(tells_a_flag_from_a_shadow_from_nothing);
	RUN(says_why_a_rule_did_not_look);
	RUN(says_when_a_rule_could_not_judge);
	RUN(says_what_signals_add_up_to_and_which_part_saw_what);
	RUN(measures_each_filter_that_looked);
	RUN(measures_each_rule_that_looked);
	RUN(reads_standard_input_but_its_last_line_end);
	RUN(refuses_wrong_use);
	buf_fini(&out);
	scratch_close(files);
	return CHECK_DONE();
}
