/* SPDX-License-Identifier: Apache-2.0 */
/* test_screen_score.c - many weak signals: what they add up to, in one text and
 * in all texts of a side, and where a stream is cut. */
#include <stdlib.h>

#include "gateway/buf.h"
#include "gateway/screen.h"
#include "tests/check.h"
#include "tests/policy_text.h"

#define ADDS(id, words, score) "  - id: " id "\n    on: [prompt, answer]\n" \
	"    match: { words: [" words "] }\n    score: " score "\n"
#define STEP(id, more) "  - { id: " id ", " more " }\n"
#define TWO ADDS("a", "甲", "2") ADDS("b", "乙乙", "3")

static struct policy *policy;
static struct screen *screen;
static struct channel_screen *channel;

static void
begin(const char *rules)
{
	struct screen_subject subject = { span_str("t"), span_str("m") };

	policy = policy_text(rules);
	screen = screen_new(policy, SIDE_ANSWER, &subject);
	channel = channel_open(screen, ROLE_ASSISTANT, FORM_PLAIN);
}

static void
end(void)
{
	channel_close(channel);
	screen_free(screen);
	policy_unref(&policy);
}

static void
feed(const char *text)
{
	channel_feed(channel, text, strlen(text), false);
}

/* Findings of the rule of this id. */
static size_t
found(const char *id)
{
	const struct screen_finding *f;
	size_t n, i, sum = 0;

	f = channel_findings(channel, &n, NULL);
	for (i = 0; i < n; i++)
		sum += strcmp(f[i].rule->id, id) == 0;
	return sum;
}

static void
a_step_is_taken_when_its_sum_is_reached(void)
{
	begin(TWO "scores:\n" STEP("much", "at_least: 5, action: block")
	    STEP("some", "at_least: 3, action: flag"));
	feed("甲春甲");			/* a rule counts once */
	CHECK_EQ(found("a"), 2);
	CHECK_EQ(found("some"), 0);
	CHECK_EQ(channel_clear(channel), 9);
	feed("春乙");
	CHECK_EQ(channel_clear(channel), 12);
	feed("乙");
	CHECK_EQ(found("some"), 1);
	CHECK_EQ(found("much"), 1);
	CHECK_EQ(channel_cut(channel), 12);
	feed("甲");
	CHECK_EQ(found("much"), 1);
	end();
}

static void
names_the_signal_that_completed_it(void)
{
	const struct screen_finding *f;
	size_t n;

	begin(TWO "scores:\n" STEP("s", "at_least: 5, action: flag"));
	feed("甲春乙乙");
	f = channel_findings(channel, &n, NULL);
	CHECK_EQ(n, 3);
	CHECK_STR(f[2].rule->id, "s");
	CHECK_STR(f[2].part->id, "b");
	CHECK_EQ(f[2].at, 6);
	CHECK_EQ(f[2].len, 6);
	CHECK_EQ(channel_sum(channel, f[2].rule), 5);
	end();
}

static void
only_a_step_that_blocks_holds_a_stream(void)
{
	begin(TWO "scores:\n" STEP("s", "at_least: 5, action: flag")
	    STEP("t", "at_least: 2, action: block, mode: shadow"));
	CHECK(screen_is_idle(screen));
	feed("乙");
	CHECK_EQ(channel_clear(channel), 3);
	feed("乙");
	CHECK_EQ(found("t"), 1);
	CHECK_EQ(channel_cut(channel), SCREEN_NONE);
	end();
}

static void
sums_have_names(void)
{
	begin(ADDS("a", "甲", "{ add: 2, to: x }") ADDS("b", "乙",
	    "{ add: 2, to: y }") ADDS("c", "丙", "{ add: 2, to: x }")
	    "scores:\n" STEP("x2", "of: x, at_least: 4, action: flag")
	    STEP("y2", "of: y, at_least: 3, action: flag"));
	feed("甲乙");
	CHECK_EQ(found("x2"), 0);
	feed("丙");
	CHECK_EQ(found("x2"), 1);
	CHECK_EQ(found("y2"), 0);
	end();
}

static void
each_text_has_its_own_sum_unless_it_is_the_exchanges(void)
{
	struct channel_screen *other;
	size_t n;

	begin(TWO "scores:\n" STEP("text", "at_least: 5, action: flag")
	    STEP("all", "at_least: 5, per: exchange, action: block"));
	feed("甲");
	other = channel_open(screen, ROLE_ASSISTANT, FORM_PLAIN);
	channel_feed(other, "乙乙", 6, false);
	CHECK_EQ(channel_cut(other), 0);
	CHECK_EQ(channel_cut(channel), SCREEN_NONE);
	(void)channel_findings(other, &n, NULL);
	CHECK_EQ(n, 2);
	/* The sum is full: the next signal ends the other text too. */
	feed("春甲");
	CHECK_EQ(channel_cut(channel), 6);
	CHECK_EQ(found("text"), 0);
	channel_close(other);
	end();
}

static void
a_rule_may_add_and_act(void)
{
	begin(ADDS("a", "甲", "2") "    action: redact\n"
	    ADDS("b", "乙", "3") "    mode: shadow\n"
	    "scores:\n" STEP("s", "at_least: 2, action: flag")
	    STEP("t", "at_least: 3, action: flag"));
	feed("甲乙");
	CHECK_EQ(found("s"), 1);
	/* A shadow adds nothing. */
	CHECK_EQ(found("b"), 1);
	CHECK_EQ(found("t"), 0);
	end();
}

static void
rules_of_several_parts_add_when_they_are_fulfilled(void)
{
	begin("  - id: both\n    on: answer\n    match: { all: [ { words: [甲] "
	    "}, { words: [乙] } ] }\n    score: 4\n  - id: lacks\n"
	    "    on: answer\n    match: { not: { words: [丙] } }\n"
	    "    score: 1\nscores:\n" STEP("s", "at_least: 5, action: block"));
	feed("甲");
	CHECK_EQ(channel_sum(channel, &policy->rules[2]), 0);
	feed("乙");
	CHECK_EQ(channel_sum(channel, &policy->rules[2]), 4);
	CHECK_EQ(found("s"), 0);
	CHECK_EQ(channel_clear(channel), 0);	/* for `not` */
	channel_feed(channel, "", 0, true);
	CHECK_EQ(found("s"), 1);
	CHECK_EQ(channel_cut(channel), 0);
	end();
}

static void
steps_are_for_sides_tenants_and_models(void)
{
	begin(TWO "scores:\n" STEP("p", "at_least: 2, on: prompt, action: "
	    "block") STEP("o", "at_least: 2, when: { tenants: [other] }, "
	    "action: block") STEP("m", "at_least: 2, when: { models: [m] }, "
	    "action: flag"));
	CHECK(screen_is_idle(screen));
	feed("甲");
	CHECK_EQ(found("p") + found("o"), 0);
	CHECK_EQ(found("m"), 1);
	end();
}

static void
a_signal_that_cannot_judge_may_be_the_missing_one(void)
{
	struct buf text = { 0 };
	size_t i;

	for (i = 0; i < 4000; i++)
		buf_add_byte(&text, 'a');
	buf_add_str(&text, "cb");
	begin("  - id: r\n    on: answer\n    match: { regex: '(a+)+(a+)+b' }\n"
	    "    score: 1\nscores:\n" STEP("s", "at_least: 1, action: block"));
	feed(buf_cstr(&text));
	CHECK(channel_cut(channel) != SCREEN_NONE);
	end();
	begin("  - id: r\n    on: answer\n    match: { regex: '(a+)+(a+)+b' }\n"
	    "    score: 1\nscores:\n" STEP("s", "at_least: 1, action: flag"));
	feed(buf_cstr(&text));
	CHECK(channel_cut(channel) == SCREEN_NONE);
	end();
	buf_fini(&text);
}

/* ---- any cut ---- */

static uint32_t seed = 7;

static uint32_t
roll(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Where the text is cut when it comes in pieces; what comes out by then. */
static uint64_t
cut_of(const char *text, size_t piece)
{
	size_t at, len = strlen(text);
	uint64_t clear, cut;

	channel_close(channel);
	channel = channel_open(screen, ROLE_ASSISTANT, FORM_PLAIN);
	for (at = 0; at < len; at += piece) {
		clear = channel_clear(channel);
		channel_feed(channel, text + at, len - at < piece ? len - at :
		    piece, at + piece >= len);
		cut = channel_cut(channel);
		if (cut != SCREEN_NONE) {
			CHECK(cut >= clear);
			return cut;
		}
		/* No byte is held that can complete nothing. */
		CHECK(channel_clear(channel) + 6 > (at + piece < len ?
		    at + piece : len));
	}
	return SCREEN_NONE;
}

/* The end of the match by which a naive count reaches the step. */
static uint64_t
naive(const char *text)
{
	static const char *const words[] = { "甲", "乙乙", "丙丁" };
	static const unsigned adds[] = { 2, 3, 4 };
	size_t at, w, len = strlen(text);
	bool seen[3] = { false };
	unsigned sum = 0;

	for (at = 3; at <= len; at += 3)
		for (w = 0; w < 3; w++) {
			size_t n = strlen(words[w]);

			if (seen[w] || n > at ||
			    memcmp(text + at - n, words[w], n) != 0)
				continue;
			seen[w] = true;
			sum += adds[w];
			if (sum >= 6)
				return at - n;
		}
	return SCREEN_NONE;
}

static void
cuts_at_the_signal_that_completes_it_at_any_cut(void)
{
	static const char *const letters[] = { "甲", "乙", "丙", "丁", "春" };
	struct buf text = { 0 };
	size_t i, k, n, piece;

	/* Two filters, so that they are not asked in order of place. */
	begin("  - id: c\n    on: answer\n    match: { regex: '丙丁' }\n"
	    "    score: 4\n" TWO "scores:\n"
	    STEP("s", "at_least: 6, action: block"));
	for (i = 0; i < 600; i++) {
		uint64_t want;

		buf_clear(&text);
		n = 2 + roll(14);
		for (k = 0; k < n; k++)
			buf_add_str(&text, letters[roll(5)]);
		want = naive(buf_cstr(&text));
		for (piece = 3; piece < text.len + 3; piece += 3)
			CHECK_EQ(cut_of(text.ptr, piece), want);
		if (check_test_failed) {
			fprintf(stderr, "%s\n", text.ptr);
			break;
		}
	}
	buf_fini(&text);
	end();
}

int
main(void)
{
	RUN(a_step_is_taken_when_its_sum_is_reached);
	RUN(names_the_signal_that_completed_it);
	RUN(only_a_step_that_blocks_holds_a_stream);
	RUN(sums_have_names);
	RUN(each_text_has_its_own_sum_unless_it_is_the_exchanges);
	RUN(a_rule_may_add_and_act);
	RUN(rules_of_several_parts_add_when_they_are_fulfilled);
	RUN(steps_are_for_sides_tenants_and_models);
	RUN(a_signal_that_cannot_judge_may_be_the_missing_one);
	RUN(cuts_at_the_signal_that_completes_it_at_any_cut);
	return CHECK_DONE();
}
