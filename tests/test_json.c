/* SPDX-License-Identifier: Apache-2.0 */
/* test_json.c - texts that must be JSON. */
#include <jansson.h>

#include "tests/judge.h"

enum { VALID, OBJECT, ARRAY };
enum { REFUSE, ALLOW };

static struct judge
open_json(int wanted, int fence, int max_depth, bool loose)
{
	struct judge j = judge_open_rules("json", &(struct judge_rule){
	    .items = "", .choice = fence, .loose = loose }, 1);
	struct mg_value *v = (struct mg_value *)(uintptr_t)j.rules[0].match;

	j.type->close(j.conf);
	v[0].number = wanted;
	v[2].number = max_depth;
	j.conf = j.type->open(j.rules, 1, judge_warned, &j, &j.err);
	return j;
}

/* How much of a text is reported; -1: nothing, it is good. */
static int
wrong(int wanted, int fence, const char *text)
{
	struct judge j = open_json(wanted, fence, 4, false);
	int len = -1;

	if (judge_text(&j, text, LAST) == MG_FOUND) {
		CHECK_EQ(j.n_all, 1);
		CHECK_EQ(j.found.at, 0);
		len = (int)j.found.len;
	}
	judge_close(&j);
	return len;
}

static void
accepts_what_the_standard_accepts(void)
{
	static const char *const good[] = { "{}", " [ ] ", "null", "-0.5e+3",
		"0", "\"\"", "{\"a\":[1,2,{\"春\":\"\\u00e9\\n\"}],\"b\":true}",
		"\t\r\n[false,\"x\"]\n", "12345", "1e5" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(*good); i++)
		CHECK_EQ(wrong(VALID, REFUSE, good[i]), -1);
}

static void
reports_up_to_the_first_wrong_byte(void)
{
	CHECK_EQ(wrong(VALID, REFUSE, "{\"a\":1,}"), 8);
	CHECK_EQ(wrong(VALID, REFUSE, "[1 2]"), 4);
	CHECK_EQ(wrong(VALID, REFUSE, "[01]"), 3);
	CHECK_EQ(wrong(VALID, REFUSE, "[.5]"), 2);
	CHECK_EQ(wrong(VALID, REFUSE, "{'a':1}"), 2);
	CHECK_EQ(wrong(VALID, REFUSE, "nul1"), 4);
	CHECK_EQ(wrong(VALID, REFUSE, "[\"a\nb\"]"), 4);
	CHECK_EQ(wrong(VALID, REFUSE, "[\"\\x\"]"), 4);
	CHECK_EQ(wrong(VALID, REFUSE, "[\"\\u12g4\"]"), 7);
	CHECK_EQ(wrong(VALID, REFUSE, "{} {}"), 4);
	CHECK_EQ(wrong(VALID, REFUSE, "[}"), 2);
	CHECK_EQ(wrong(VALID, REFUSE, "春{}"), 3);
	CHECK_EQ(wrong(VALID, REFUSE, "Here is your JSON: {}"), 1);
	CHECK_EQ(wrong(VALID, REFUSE, "```json\n{}\n```"), 1);
}

static void
reports_all_of_a_text_that_ends_too_early(void)
{
	CHECK_EQ(wrong(VALID, REFUSE, "{\"a\":"), 5);
	CHECK_EQ(wrong(VALID, REFUSE, "[1,2"), 4);
	CHECK_EQ(wrong(VALID, REFUSE, "\"abc"), 4);
	CHECK_EQ(wrong(VALID, REFUSE, "-"), 1);
	CHECK_EQ(wrong(VALID, REFUSE, "1."), 2);
	CHECK_EQ(wrong(VALID, REFUSE, "  "), 2);
	CHECK_EQ(wrong(VALID, REFUSE, ""), -1);	/* nothing to report */
}

static void
wants_an_object_or_an_array_where_it_is_told(void)
{
	CHECK_EQ(wrong(OBJECT, REFUSE, "{}"), -1);
	CHECK_EQ(wrong(OBJECT, REFUSE, " [1]"), 2);
	CHECK_EQ(wrong(ARRAY, REFUSE, "[{}]"), -1);
	CHECK_EQ(wrong(ARRAY, REFUSE, "3"), 1);
}

static void
lets_a_fence_stand_where_it_is_told(void)
{
	CHECK_EQ(wrong(OBJECT, ALLOW, "```json\n{\"a\":1}\n```\n"), -1);
	CHECK_EQ(wrong(OBJECT, ALLOW, "```\n{}\n```"), -1);
	CHECK_EQ(wrong(OBJECT, ALLOW, "{}"), -1);
	CHECK_EQ(wrong(OBJECT, ALLOW, "```json\n{}"), 10);
	CHECK_EQ(wrong(OBJECT, ALLOW, "{}\n```"), 4);
	CHECK_EQ(wrong(OBJECT, ALLOW, "```json\n{}\n```\nbye"), 16);
	CHECK_EQ(wrong(OBJECT, ALLOW, "``{}"), 3);
	CHECK_EQ(wrong(VALID, ALLOW, "```\n12\n```"), -1);
}

static void
goes_no_deeper_than_max_depth(void)
{
	struct judge j;
	char deep[600];

	CHECK_EQ(wrong(VALID, REFUSE, "[[{\"a\":[]}]]"), -1);
	CHECK_EQ(wrong(VALID, REFUSE, "[[[[[]]]]]"), 5);
	memset(deep, '[', 512);
	memset(deep + 512, ']', 12);
	deep[524] = '\0';
	j = open_json(VALID, REFUSE, 512, false);
	CHECK_EQ(judge_text(&j, deep, MORE), MG_HOLD);
	judge_begin(&j);
	deep[512] = '[';
	CHECK_EQ(judge_text(&j, deep, MORE), MG_FOUND);
	CHECK_EQ(j.found.len, 513);
	judge_close(&j);
}

static void
holds_all_until_the_end_only_where_text_waits(void)
{
	struct judge j = open_json(VALID, REFUSE, 64, false);

	CHECK_EQ(judge_text(&j, "{\"a\":1}", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 0);
	CHECK_EQ(judge_text(&j, " ", LAST), MG_CLEAN);
	judge_begin(&j);
	CHECK_EQ(judge_text(&j, "{\"a\":x", MORE), MG_FOUND);
	CHECK_EQ(j.hold, 6);
	CHECK_EQ(judge_text(&j, "more", LAST), MG_CLEAN);
	judge_close(&j);
	j = open_json(VALID, REFUSE, 64, true);
	CHECK_EQ(judge_text(&j, "{\"a\":", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, "1", LAST), MG_FOUND);
	judge_close(&j);
}

/* ---- against another reader ---- */

static uint32_t seed = 4;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static bool
jansson_takes(const char *text)
{
	json_error_t error;
	json_t *doc = json_loads(text, JSON_DECODE_ANY, &error);

	json_decref(doc);
	return doc != NULL;
}

static void
agrees_with_jansson_at_any_cut(void)
{
	static const char *const parts[] = { "{", "}", "[", "]", ",", ":",
		"\"a\"", "\"", "1", "0", "-", ".5", "e1", "true", "null", " ",
		"\\n", "\"b\":", "[1]", "{\"a\":2}" };
	struct judge j = open_json(VALID, REFUSE, 64, false);
	unsigned round, good = 0;

	for (round = 0; round < 40000 && !check_test_failed; round++) {
		char text[256] = "";
		size_t n = 1 + rnd(9), len, i, to, step = 1 + rnd(5);
		uint64_t reported;
		bool ok;

		while (n-- > 0)
			strcat(text, parts[rnd(20)]);
		len = strlen(text);
		judge_begin(&j);
		ok = judge_text(&j, text, LAST) == MG_CLEAN;
		reported = j.n_all ? j.found.len : 0;
		CHECK_EQ(ok, jansson_takes(text));
		good += ok;
		judge_begin(&j);
		for (i = 0; i < len; i = to) {
			to = i + step < len ? i + step : len;
			(void)judge_bytes(&j, text + i, to - i, MORE);
		}
		(void)judge_text(&j, "", LAST);
		CHECK_EQ(j.n_all, !ok);
		CHECK(ok || j.found.len == reported);
		if (check_test_failed)
			fprintf(stderr, "text: %s\n", text);
	}
	CHECK(good > 300);
	judge_close(&j);
}

int
main(void)
{
	RUN(accepts_what_the_standard_accepts);
	RUN(reports_up_to_the_first_wrong_byte);
	RUN(reports_all_of_a_text_that_ends_too_early);
	RUN(wants_an_object_or_an_array_where_it_is_told);
	RUN(lets_a_fence_stand_where_it_is_told);
	RUN(goes_no_deeper_than_max_depth);
	RUN(holds_all_until_the_end_only_where_text_waits);
	RUN(agrees_with_jansson_at_any_cut);
	return CHECK_DONE();
}
