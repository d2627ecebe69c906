/* SPDX-License-Identifier: Apache-2.0 */
/* test_screen_combine.c - rules of several parts over growing texts: what
 * counts, where a stream is cut, and that no cut of it makes a difference. */
#include "gateway/buf.h"
#include "gateway/screen.h"
#include "tests/check.h"
#include "tests/policy_text.h"

#define RULE(match, action) "  - id: r\n    on: [prompt, answer]\n" \
	"    match: " match "\n    action: " action "\n"

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

static void
finish(void)
{
	channel_feed(channel, "", 0, true);
}

static size_t
n_findings(void)
{
	size_t n;

	(void)channel_findings(channel, &n, NULL);
	return n;
}

static void
any_is_as_exact_as_its_parts(void)
{
	begin(RULE("{ any: [ { words: [bad word] }, { regex: 'x[0-9]z' } ] }",
	    "block"));
	feed("good bad wo");
	CHECK_EQ(channel_clear(channel), 5);
	feed("ol x1");
	CHECK_EQ(channel_clear(channel), 14);
	feed("z");
	CHECK_EQ(channel_cut(channel), 14);
	CHECK_EQ(n_findings(), 1);
	end();
}

static void
all_cuts_where_its_last_part_begins(void)
{
	begin(RULE("{ all: [ { words: [甲乙] }, { words: [丙丁] } ] }",
	    "block"));
	feed("甲乙。");
	/* Alone it is no match: it goes. */
	CHECK_EQ(channel_clear(channel), 9);
	CHECK_EQ(n_findings(), 0);
	feed("甲乙。丙");
	CHECK_EQ(channel_clear(channel), 18);
	CHECK_EQ(channel_cut(channel), SCREEN_NONE);
	feed("丁");
	CHECK_EQ(channel_cut(channel), 18);
	CHECK_EQ(n_findings(), 3);
	end();
}

static void
a_finding_names_the_part_that_was_found(void)
{
	const struct screen_finding *f;
	size_t n;

	begin(RULE("{ all: [ { words: [x, 甲] }, { words: [乙] } ] }",
	    "flag"));
	feed("甲乙");
	f = channel_findings(channel, &n, NULL);
	CHECK_EQ(n, 2);
	CHECK(f[0].rule == &policy->rules[0] && f[1].rule == f[0].rule);
	CHECK_EQ(f[0].part->part, 0);
	CHECK_EQ(f[0].part_item, 1);
	CHECK_EQ(f[0].item, POLICY_NO_ITEM);
	CHECK_EQ(f[1].part->part, 1);
	CHECK_EQ(f[1].at, 3);
	end();
}

static void
check_edits(const char *rules, const char *text, const char *want)
{
	const struct screen_edit *e;
	struct buf out = { 0 };
	uint64_t at = 0;
	size_t n, i;

	begin(rules);
	feed(text);
	finish();
	e = channel_edits(channel, &n);
	for (i = 0; i < n; i++) {
		buf_add(&out, text + at, (size_t)(e[i].at - at));
		buf_add(&out, e[i].with, e[i].with_len);
		at = e[i].at + e[i].len;
	}
	buf_add_str(&out, text + at);
	CHECK_MEM(out.ptr, out.len, want);
	buf_fini(&out);
	end();
}

static void
redacts_every_part_once_all_are_there(void)
{
	const char *rules = RULE("{ all: [ { words: [甲] }, { words: [乙] } ] "
	    "}", "redact") "    with: '*'\n";

	check_edits(rules, "甲甲乙甲", "****");
	check_edits(rules, "甲甲丙甲", "甲甲丙甲");
}

static void
redacts_only_what_makes_it_true(void)
{
	check_edits(RULE("{ any: [ { all: [ { words: [甲] }, { words: [乙] } "
	    "] }, { words: [丙] } ] }", "redact") "    with: '*'\n",
	    "甲丙甲", "甲*甲");
}

static void
writes_templates_and_placeholders_for_its_parts(void)
{
	check_edits(RULE("{ all: [ { words: [甲] }, { regex: '[0-9]{6}' } ] "
	    "}", "redact") "    with: '{mask}{last2}'\n", "甲123456",
	    "*****56");
	check_edits("  - id: r\n    on: answer\n    match: { any: [ { words: "
	    "[x, 甲] }, { regex: '[0-9]{6}' } ] }\n    action: redact\n"
	    "    with: '{first1}-{category}'\n", "甲123456",
	    "*-custom1-custom");
}

static void
what_has_left_a_stream_is_not_redacted(void)
{
	const struct screen_edit *e;
	size_t n;

	begin(RULE("{ all: [ { words: [甲] }, { words: [乙] } ] }", "redact"));
	feed("甲春");
	CHECK_EQ(channel_clear(channel), 6);
	feed("甲乙");
	e = channel_edits(channel, &n);
	CHECK_EQ(n, 2);
	CHECK_EQ(e[0].at, 6);
	CHECK_EQ(n_findings(), 3);
	end();
}

static void
not_is_known_at_the_end(void)
{
	const char *rules = RULE("{ all: [ { words: [药] }, { not: { words: "
	    "[遵医嘱] } } ] }", "block");

	begin(rules);
	feed("吃药");
	CHECK_EQ(channel_clear(channel), 0);
	CHECK_EQ(n_findings(), 0);
	feed("，遵医嘱");
	finish();
	CHECK_EQ(channel_cut(channel), SCREEN_NONE);
	CHECK_EQ(channel_clear(channel), 18);
	CHECK_EQ(n_findings(), 0);
	end();
	begin(rules);
	feed("吃药");
	finish();
	CHECK_EQ(channel_cut(channel), 0);
	CHECK_EQ(n_findings(), 1);
	end();
}

static void
what_is_missing_is_found_in_the_whole_text(void)
{
	const struct screen_finding *f;
	size_t n;

	begin(RULE("{ not: { words: [免责声明] } }", "block"));
	feed("春天");
	finish();
	f = channel_findings(channel, &n, NULL);
	CHECK_EQ(n, 1);
	CHECK_EQ(f[0].at, 0);
	CHECK_EQ(f[0].len, 6);
	CHECK(!f[0].unable);
	CHECK_EQ(channel_cut(channel), 0);
	end();
	begin(RULE("{ not: { words: [免责声明] } }", "block"));
	finish();			/* an empty text lacks nothing */
	CHECK_EQ(n_findings(), 0);
	end();
}

static void
a_part_that_cannot_judge_is_the_rules_matter(void)
{
	const struct screen_finding *f;
	struct buf text = { 0 };
	size_t n, i;

	begin(RULE("{ all: [ { words: [no] }, { regex: '(a+)+(a+)+b' } ] }",
	    "block"));
	for (i = 0; i < 4000; i++)
		buf_add_byte(&text, 'a');
	buf_add_str(&text, "cb");
	feed(buf_cstr(&text));
	finish();
	f = channel_findings(channel, &n, NULL);
	CHECK_EQ(n, 1);
	CHECK(n && f[0].unable && f[0].rule == &policy->rules[0]);
	CHECK(channel_cut(channel) != SCREEN_NONE);
	buf_fini(&text);
	end();
}

static void
shadows_of_several_parts_hold_nothing(void)
{
	begin(RULE("{ all: [ { words: [甲乙] }, { words: [丙丁] } ] }",
	    "block") "    mode: shadow\n");
	CHECK(screen_is_idle(screen));
	feed("甲乙丙丁甲");
	CHECK_EQ(channel_clear(channel), 15);
	CHECK_EQ(n_findings(), 2);
	CHECK_EQ(channel_cut(channel), SCREEN_NONE);
	end();
}

static void
escapes_of_json_count_once(void)
{
	size_t n;

	begin(RULE("{ all: [ { words: [甲] }, { words: [乙] } ] }", "flag"));
	channel_close(channel);
	channel = screen_text(screen, ROLE_ASSISTANT, FORM_JSON,
	    span_str("{\"a\":\"\\u7532\",\"b\":\"乙\"}"));
	(void)channel_findings(channel, &n, NULL);
	CHECK_EQ(n, 2);
	end();
}

static void
forgets_what_waits_and_is_out(void)
{
	size_t i, n;
	uint64_t total;

	begin(RULE("{ all: [ { words: [甲] }, { words: [乙] } ] }", "redact"));
	for (i = 0; i < 5000; i++)
		feed("甲春");
	feed("乙");
	(void)channel_findings(channel, &n, &total);
	/* The first of each, and as many as were not swept yet. */
	CHECK(total >= 2 && total <= 64 + 2);
	(void)channel_edits(channel, &n);
	CHECK_EQ(n, 1);
	end();
}

static void
cuts_where_more_waits_than_is_kept(void)
{
	struct buf text = { 0 };
	size_t i;

	for (i = 0; i < SCREEN_MAX_EDITS + 100; i++)
		buf_add_str(&text, "甲春");
	begin(RULE("{ all: [ { words: [甲] }, { words: [乙] } ] }", "redact")
	    "    stream: whole\n");
	feed(buf_cstr(&text));
	feed("春");
	CHECK_EQ(channel_cut(channel), SCREEN_NONE);
	feed("乙");
	CHECK_EQ(channel_cut(channel), SCREEN_MAX_EDITS * 6);
	buf_fini(&text);
	end();
}

/* ---- against brute force, at any cut ---- */

static uint32_t seed = 1;

static uint32_t
roll(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Words that overlap each other, of two filters. */
static const char *const words[] = { "甲", "甲乙", "乙丙", "丙丙", "丁甲" };

/* An expression as YAML, and what it is worth by a naive search of text. */
static bool
expression(struct buf *yaml, unsigned depth, bool negate, const char *text)
{
	bool value, all;
	uint32_t i, n, w;

	if (depth == 0 || roll(3) == 0) {
		w = roll(5);
		buf_addf(yaml, w & 1 ? "{regex: '%s'}" : "{words: [%s]}",
		    words[w]);
		return strstr(text, words[w]) != NULL;
	}
	if (negate && roll(3) == 0) {
		buf_add_str(yaml, "{not: ");
		value = !expression(yaml, depth - 1, true, text);
		buf_add_byte(yaml, '}');
		return value;
	}
	all = roll(2);
	value = all;
	buf_add_str(yaml, all ? "{all: [" : "{any: [");
	n = 1 + roll(3);
	for (i = 0; i < n; i++) {
		bool one = expression(yaml, depth - 1, negate, text);

		value = all ? value && one : value || one;
		buf_add_str(yaml, ", ");
	}
	buf_add_str(yaml, "]}");
	return value;
}

/* A seed gives one expression; its worth depends on the text. */
static bool
worth(uint32_t from, bool negate, const char *text, size_t len,
    struct buf *yaml)
{
	char *copy = xstrndup(text, len);
	uint32_t saved = seed;
	bool value;

	buf_clear(yaml);
	seed = from;
	value = expression(yaml, 2, negate, copy);
	seed = saved;
	free(copy);
	return value;
}

struct outcome {
	struct screen_finding findings[256];
	size_t n;
	uint64_t released;
	bool cut;
};

static int
by_place(const void *a, const void *b)
{
	const struct screen_finding *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return x->part < y->part ? -1 : x->part > y->part;
}

static bool
same(const struct outcome *a, const struct outcome *b)
{
	size_t i;

	for (i = 0; i < a->n && a->n == b->n; i++)
		if (by_place(&a->findings[i], &b->findings[i]) != 0)
			return false;
	return a->n == b->n && a->cut == b->cut;
}

static void
run(const char *text, size_t piece, struct outcome *out)
{
	size_t at, len = strlen(text), n;
	const struct screen_finding *f;

	channel_close(channel);
	channel = channel_open(screen, ROLE_ASSISTANT, FORM_PLAIN);
	out->released = 0;
	for (at = 0; at < len; at += piece) {
		n = len - at < piece ? len - at : piece;
		channel_feed(channel, text + at, n, false);
		if (channel_cut(channel) == SCREEN_NONE)
			out->released = channel_clear(channel);
	}
	finish();
	out->cut = channel_cut(channel) != SCREEN_NONE;
	if (!out->cut)
		out->released = len;
	else if (channel_cut(channel) > out->released)
		out->released = channel_cut(channel);
	f = channel_findings(channel, &n, NULL);
	CHECK(n <= 256);
	out->n = n;
	if (n > 0)
		memcpy(out->findings, f, n * sizeof(*f));
	qsort(out->findings, n, sizeof(*f), by_place);
}

static void
check_random(bool negate)
{
	static struct outcome whole, pieces;
	static const char *const letters[] = { "甲", "乙", "丙", "丁" };
	struct buf text = { 0 }, yaml = { 0 }, rules = { 0 };
	uint32_t i, k, n, from;
	size_t piece;
	bool want;

	for (i = 0; i < 400; i++) {
		buf_clear(&text);
		buf_clear(&rules);
		n = 1 + roll(12);
		for (k = 0; k < n; k++)
			buf_add_str(&text, letters[roll(4)]);
		from = roll(1u << 20);
		want = worth(from, negate, buf_cstr(&text), text.len, &yaml);
		buf_addf(&rules, "  - id: r\n    on: answer\n    match: %s\n"
		    "    action: block\n", buf_cstr(&yaml));
		begin(buf_cstr(&rules));
		run(text.ptr, text.len, &whole);
		CHECK_EQ(whole.cut, want);
		CHECK_EQ(whole.n > 0, want);
		for (piece = 3; piece < text.len; piece += 3) {
			run(text.ptr, piece, &pieces);
			CHECK(same(&whole, &pieces));
			/* What got out is no match of the rule. */
			CHECK(!want || negate || !worth(from, negate,
			    text.ptr, (size_t)pieces.released, &yaml));
			CHECK(!want || !negate || !policy->rules[0].negates ||
			    pieces.released == 0);
		}
		end();
		if (check_test_failed) {
			fprintf(stderr, "%s over %s\n", buf_cstr(&yaml),
			    buf_cstr(&text));
			break;
		}
	}
	buf_fini(&text);
	buf_fini(&yaml);
	buf_fini(&rules);
}

static void
agrees_with_brute_force_at_any_cut(void)
{
	check_random(false);
}

static void
and_with_not(void)
{
	check_random(true);
}

int
main(void)
{
	RUN(any_is_as_exact_as_its_parts);
	RUN(all_cuts_where_its_last_part_begins);
	RUN(a_finding_names_the_part_that_was_found);
	RUN(redacts_every_part_once_all_are_there);
	RUN(redacts_only_what_makes_it_true);
	RUN(writes_templates_and_placeholders_for_its_parts);
	RUN(what_has_left_a_stream_is_not_redacted);
	RUN(not_is_known_at_the_end);
	RUN(what_is_missing_is_found_in_the_whole_text);
	RUN(a_part_that_cannot_judge_is_the_rules_matter);
	RUN(shadows_of_several_parts_hold_nothing);
	RUN(escapes_of_json_count_once);
	RUN(forgets_what_waits_and_is_out);
	RUN(cuts_where_more_waits_than_is_kept);
	RUN(agrees_with_brute_force_at_any_cut);
	RUN(and_with_not);
	return CHECK_DONE();
}
