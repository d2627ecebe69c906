/* SPDX-License-Identifier: Apache-2.0 */
/* test_screen.c - a policy over growing texts: who looks, what is found, how
 * far a text is clear, and that no cut of it makes a difference. */
#include <time.h>

#include "filters/fold/fold.h"
#include "gateway/buf.h"
#include "gateway/screen.h"
#include "tests/check.h"
#include "tests/policy_text.h"

#define RULE(id, words, action) "  - id: " id "\n    on: [prompt, answer]\n" \
	"    match: { words: [" words "] }\n    action: " action "\n"
#define REGEX(id, pattern, action) "  - id: " id "\n    on: [prompt, " \
	"answer]\n    match: { regex: '" pattern "' }\n    action: " action "\n"

struct side {
	struct policy *policy;
	struct screen *screen;
};

static struct side
side_open(const char *rules, const char *tenant, const char *model)
{
	struct screen_subject subject = { span_str(tenant), span_str(model) };
	struct side s = { policy_text(rules), NULL };

	s.screen = screen_new(s.policy, SIDE_ANSWER, &subject);
	return s;
}

static void
side_close(struct side *s)
{
	screen_free(s->screen);
	policy_unref(&s->policy);
}

/* Findings of one whole text. */
static size_t
count(struct side *s, enum policy_role role, const char *text)
{
	struct channel_screen *c = screen_text(s->screen, role, FORM_PLAIN,
	    span_str(text));
	uint64_t total;
	size_t n;

	(void)channel_findings(c, &n, &total);
	CHECK_EQ(n, total);
	channel_close(c);
	return n;
}

static void
feed(struct channel_screen *c, const char *text)
{
	channel_feed(c, text, strlen(text), false);
}

static void
a_text_has_at_most_so_many_replacements(void)
{
	struct side s = side_open("  - id: r\n    on: answer\n    match: { "
	    "words: [墨] }\n    action: redact\n", "t", "m");
	struct channel_screen *c = channel_open(s.screen, ROLE_ASSISTANT,
	    FORM_PLAIN);
	size_t i, n;

	for (i = 0; i < SCREEN_MAX_EDITS; i++)
		feed(c, "墨a");
	CHECK_EQ(channel_cut(c), SCREEN_NONE);
	(void)channel_edits(c, &n);
	CHECK_EQ(n, SCREEN_MAX_EDITS);
	feed(c, "b墨");
	CHECK_EQ(channel_cut(c), SCREEN_MAX_EDITS * 4 + 1);
	channel_close(c);
	side_close(&s);
}

/* One screen in POLICY_TIMED looks at the clock. */
static void
a_rule_s_time_is_its_own(void)
{
	struct side s = side_open(REGEX("dear", "[ab]{1,20}[ab]{1,20}"
	    "[cd]", "flag") REGEX("cheap", "nowhere", "flag")
	    RULE("word", "sloth", "flag") RULE("other", "lemur", "flag")
	    "  - id: asked\n    on: prompt\n    match: { words: [x] }\n"
	    "    action: flag\n", "t", "m");
	struct screen_subject subject = { span_str("t"), span_str("m") };
	const uint64_t *ns = s.policy->stats->rule_ns;
	char text[2000];
	int i;

	memset(text, 'a', sizeof(text));
	/* Whatever else the machine does may fall to either: on the long run
	 * it does not. */
	for (i = 0; i < POLICY_TIMED * 4 || (ns[0] <= 10 * ns[1] &&
	    i < POLICY_TIMED * 200); i++) {
		screen_free(s.screen);
		s.screen = screen_new(s.policy, SIDE_ANSWER, &subject);
		channel_close(screen_text(s.screen, ROLE_ASSISTANT,
		    FORM_PLAIN, span(text, sizeof(text))));
	}
	CHECK(ns[0] > 10 * ns[1]);
	CHECK(ns[2] > 0);
	CHECK_EQ(ns[2], ns[3]);		/* one pass for both */
	CHECK_EQ(ns[4], 0);
	side_close(&s);
}

static void
only_rules_of_the_side_look(void)
{
	struct side s = side_open("  - id: a\n    on: prompt\n    match: "
	    "{ words: [bad] }\n    action: block\n", "t", "m");

	CHECK_EQ(count(&s, ROLE_ASSISTANT, "bad"), 0);
	CHECK(screen_is_idle(s.screen));
	side_close(&s);
}

static void
only_rules_of_tenant_model_and_role_look(void)
{
	const char *rules = RULE("a", "bad", "block") "    when: { tenants: "
	    "[gal*], models: [\"gpt-?\"], roles: [user, tool] }\n";
	struct side s = side_open(rules, "gallery", "gpt-4");

	CHECK_EQ(count(&s, ROLE_USER, "bad"), 1);
	CHECK_EQ(count(&s, ROLE_TOOL, "bad"), 1);
	CHECK_EQ(count(&s, ROLE_SYSTEM, "bad"), 0);
	CHECK_EQ(count(&s, ROLE_OTHER, "bad"), 0);
	CHECK(!screen_is_idle(s.screen));
	side_close(&s);
	s = side_open(rules, "other", "gpt-4");
	CHECK_EQ(count(&s, ROLE_USER, "bad"), 0);
	CHECK(screen_is_idle(s.screen));
	side_close(&s);
	s = side_open(rules, "gallery", "gpt-35");
	CHECK_EQ(count(&s, ROLE_USER, "bad"), 0);
	side_close(&s);
}

static void
a_sampled_rule_looks_at_its_share_of_exchanges(void)
{
	struct screen_subject subject = { span_str("t"), span_str("m") };
	struct side s = side_open(RULE("a", "bad", "block") "    sample: 10%\n"
	    "  - id: b\n    on: answer\n    match: { all: [ { words: [bad] }, { "
	    "words: [bad] } ] }\n    action: block\n    sample: 30%\n", "t",
	    "m");
	size_t i, n, ten = 0, thirty = 0, both = 0;
	char id[32];

	CHECK(!screen_is_idle(s.screen));
	CHECK_EQ(count(&s, ROLE_ASSISTANT, "bad"), 3);	/* not asked: all */
	for (i = 0; i < 4000; i++) {
		(void)snprintf(id, sizeof(id), "0190-%zu", i / 2);
		screen_free(s.screen);
		s.screen = screen_new(s.policy, SIDE_ANSWER, &subject);
		screen_sample(s.screen, span_str(id));
		n = count(&s, ROLE_ASSISTANT, "bad");
		CHECK_EQ(screen_is_idle(s.screen), n == 0);
		/* The same exchange gives the same. */
		CHECK(i % 2 == 0 || n == both);
		both = n;
		ten += n & 1;
		thirty += n >= 2;
		CHECK(n != 1);		/* the 10 % are among the 30 */
	}
	CHECK(ten > 4000 / 10 * 8 / 10 && ten < 4000 / 10 * 12 / 10);
	CHECK(thirty > 1200 * 8 / 10 && thirty < 1200 * 12 / 10);
	side_close(&s);
}

static void
flags_and_shadows_hold_nothing_back(void)
{
	struct side s = side_open(RULE("a", "bad word", "flag")
	    RULE("b", "bad word", "block") "    mode: shadow\n", "t", "m");
	struct channel_screen *c = channel_open(s.screen, ROLE_ASSISTANT,
	    FORM_PLAIN);
	size_t n;

	CHECK(screen_is_idle(s.screen));
	feed(c, "a bad wo");
	CHECK_EQ(channel_clear(c), 8);
	feed(c, "rd.");
	(void)channel_findings(c, &n, NULL);
	CHECK_EQ(n, 2);
	CHECK(channel_cut(c) == SCREEN_NONE);
	(void)channel_edits(c, &n);
	CHECK_EQ(n, 0);
	channel_close(c);
	side_close(&s);
}

static void
lets_go_all_but_what_may_become_a_match(void)
{
	struct side s = side_open(RULE("a", "bad word", "block"), "t", "m");
	struct channel_screen *c = channel_open(s.screen, ROLE_ASSISTANT,
	    FORM_PLAIN);

	feed(c, "good ba");
	CHECK_EQ(channel_clear(c), 5);
	feed(c, "ll and bad wo");
	CHECK_EQ(channel_clear(c), 14);
	feed(c, "rd!");
	CHECK_EQ(channel_cut(c), 14);
	channel_close(c);
	side_close(&s);
}

static void
gives_the_earliest_cut_of_several(void)
{
	struct side s = side_open(RULE("a", "cd", "block")
	    REGEX("b", "b ?c ?d ?e", "block"), "t", "m");
	struct channel_screen *c = screen_text(s.screen, ROLE_USER,
	    FORM_PLAIN, span_str("a b cd e"));

	CHECK_EQ(channel_cut(c), 2);
	channel_close(c);
	side_close(&s);
}

static void
check_edits(const char *rules, const char *text, enum screen_form form,
    const char *want)
{
	struct side s = side_open(rules, "t", "m");
	struct channel_screen *c = screen_text(s.screen, ROLE_USER, form,
	    span_str(text));
	const struct screen_edit *e;
	struct buf out = { 0 };
	uint64_t at = 0;
	size_t n, i;

	e = channel_edits(c, &n);
	for (i = 0; i < n; i++) {
		CHECK(e[i].at >= at && e[i].len > 0);
		buf_add(&out, text + at, (size_t)(e[i].at - at));
		buf_add(&out, e[i].with, e[i].with_len);
		at = e[i].at + e[i].len;
	}
	buf_add_str(&out, text + at);
	CHECK_MEM(out.ptr, out.len, want);
	CHECK(channel_cut(c) == SCREEN_NONE);
	buf_fini(&out);
	channel_close(c);
	side_close(&s);
}

static void
melts_edits_that_overlap_under_the_earliest_one(void)
{
	const char *rules = RULE("a", "春天", "redact") "    with: A\n"
	    RULE("b", "天气", "redact") "    with: B\n"
	    RULE("c", "气好", "redact") "    with: C\n";

	check_edits(rules, "春天气好吗春天", FORM_PLAIN, "A吗A");
	check_edits(rules, "天气好春天", FORM_PLAIN, "BA");
}

static void
takes_the_first_rules_word_where_two_begin_together(void)
{
	/* Whichever filter sees its match first. */
	check_edits(REGEX("a", "春天", "redact") "    with: A\n"
	    RULE("b", "春天气", "redact") "    with: B\n", "春天气",
	    FORM_PLAIN, "A");
	check_edits(RULE("b", "春天气", "redact") "    with: B\n"
	    REGEX("a", "春天", "redact") "    with: A\n", "春天气",
	    FORM_PLAIN, "B");
}

static void
does_not_begin_an_edit_that_may_still_grow(void)
{
	struct side s = side_open(RULE("a", "ab", "redact")
	    "    with: A\n" RULE("b", "b c d", "redact"), "t", "m");
	struct channel_screen *c;

	side_close(&s);
	s = side_open(REGEX("a", "ab", "redact") REGEX("b", "bcd", "redact"),
	    "t", "m");
	c = channel_open(s.screen, ROLE_USER, FORM_PLAIN);
	feed(c, "xab");
	CHECK_EQ(channel_clear(c), 1);
	feed(c, "x");
	CHECK_EQ(channel_clear(c), 4);
	channel_close(c);
	side_close(&s);
}

static void
reads_json_in_a_string_with_its_escapes_undone(void)
{
	struct side s = side_open(RULE("a", "密令", "block"), "t", "m");
	struct channel_screen *c = screen_text(s.screen, ROLE_USER, FORM_JSON,
	    span_str("{\"a\":\"\\u5bc6\\u4ee4\"}"));
	const struct screen_finding *f;
	uint64_t total;
	size_t n;

	f = channel_findings(c, &n, &total);
	CHECK_EQ(n, 1);
	CHECK_EQ(f[0].at, 6);
	CHECK_EQ(f[0].len, 12);
	CHECK_EQ(channel_cut(c), 6);
	channel_close(c);
	/* Seen in both views, told once. */
	c = screen_text(s.screen, ROLE_USER, FORM_JSON, span_str("密令"));
	(void)channel_findings(c, &n, &total);
	CHECK_EQ(n, 1);
	CHECK_EQ(total, 1);
	channel_close(c);
	side_close(&s);
}

static void
never_cuts_an_escape_in_two(void)
{
	const char *rules = RULE("a", "nope", "redact") "    with: A\n"
	    REGEX("b", "6625", "redact") "    with: B\n"
	    REGEX("c", "de00", "redact") "    with: C\n"
	    REGEX("d", "x.(?=n)", "redact") "    with: D\n";
	struct side s = side_open(rules, "t", "m");
	struct channel_screen *c;

	check_edits(rules, "{\"a\":\"\\nope\"}", FORM_JSON, "{\"a\":\"A\"}");
	check_edits(rules, "\\\\nope", FORM_JSON, "\\\\A");
	check_edits(rules, "\"\\u6625\\u5929\"", FORM_JSON, "\"B\\u5929\"");
	check_edits(rules, "\"\\ud83d\\ude00!\"", FORM_JSON, "\"C!\"");
	check_edits(rules, "x\\n", FORM_JSON, "D");
	c = channel_open(s.screen, ROLE_USER, FORM_JSON);
	feed(c, "a\\no");
	CHECK_EQ(channel_clear(c), 1);
	feed(c, "z");
	CHECK_EQ(channel_clear(c), 5);
	channel_close(c);
	side_close(&s);
}

static void
cuts_rather_than_swallow_a_quote(void)
{
	struct side s = side_open(REGEX("a", "1\",\"2", "redact"), "t", "m");
	struct channel_screen *c = screen_text(s.screen, ROLE_USER, FORM_JSON,
	    span_str("[\"1\",\"2\"]"));
	size_t n;

	(void)channel_edits(c, &n);
	CHECK_EQ(n, 0);
	CHECK_EQ(channel_cut(c), 2);
	channel_close(c);
	side_close(&s);
}

static void
lets_whole_sentences_go(void)
{
	struct side s = side_open(RULE("a", "bad word", "block")
	    "    stream: sentence\n", "t", "m");
	struct channel_screen *c = channel_open(s.screen, ROLE_USER,
	    FORM_PLAIN);

	feed(c, "One two.");
	CHECK_EQ(channel_clear(c), 0);
	feed(c, " Three! Fo");
	CHECK_EQ(channel_clear(c), 15);
	feed(c, "ur。五 bad");
	CHECK_EQ(channel_clear(c), 23);
	feed(c, " word");
	channel_feed(c, "", 0, true);
	CHECK_EQ(channel_cut(c), 23);
	channel_close(c);
	/* A whole text is cut at the same place. */
	c = screen_text(s.screen, ROLE_USER, FORM_PLAIN,
	    span_str("One two. Three! Four。五 bad word"));
	CHECK_EQ(channel_cut(c), 23);
	channel_close(c);
	side_close(&s);
}

static void
holds_all_of_a_text_that_is_judged_whole(void)
{
	struct side s = side_open(RULE("a", "bad word", "block")
	    "    stream: whole\n", "t", "m");
	struct channel_screen *c = channel_open(s.screen, ROLE_USER,
	    FORM_PLAIN);

	feed(c, "One. Two.\n");
	CHECK_EQ(channel_clear(c), 0);
	feed(c, "bad word!");
	CHECK_EQ(channel_cut(c), 0);
	channel_close(c);
	c = channel_open(s.screen, ROLE_USER, FORM_PLAIN);
	feed(c, "One. Two.\n");
	channel_feed(c, "", 0, true);
	CHECK_EQ(channel_clear(c), 10);
	channel_close(c);
	side_close(&s);
}

static void
check_unable(const char *more, bool cut)
{
	char rules[512], text[4096];
	struct channel_screen *c;
	const struct screen_finding *f;
	struct side s;
	size_t n;

	(void)snprintf(rules, sizeof(rules), "%s%s", REGEX("a",
	    "(?:a+)+(?!.)c", "redact"), more);
	s = side_open(rules, "t", "m");
	memset(text, 'a', sizeof(text));
	memcpy(text + sizeof(text) - 4, " ac!", 4);
	c = screen_text(s.screen, ROLE_USER, FORM_PLAIN,
	    span(text, sizeof(text)));
	f = channel_findings(c, &n, NULL);
	CHECK_EQ(n, 1);
	CHECK(n == 1 && f[0].unable != NULL && f[0].len == 0);
	CHECK_EQ(channel_cut(c) != SCREEN_NONE, cut);
	channel_close(c);
	side_close(&s);
}

static void
stops_what_a_rule_could_not_judge_unless_allowed(void)
{
	check_unable("", true);
	check_unable("    on_error: allow\n", false);
	check_unable("    mode: shadow\n", false);
}

static void
keeps_64_findings_and_counts_on(void)
{
	struct side s = side_open(RULE("a", "花", "flag") RULE("b", "停",
	    "block"), "t", "m");
	struct channel_screen *c = channel_open(s.screen, ROLE_USER,
	    FORM_PLAIN);
	const struct screen_finding *f;
	uint64_t total;
	size_t n;
	int i;

	for (i = 0; i < 100; i++)
		feed(c, "花");
	f = channel_findings(c, &n, &total);
	CHECK_EQ(n, 64);
	CHECK_EQ(total, 100);
	feed(c, "停停");
	f = channel_findings(c, &n, &total);
	CHECK_EQ(n, 65);		/* the one that cuts is not lost */
	CHECK_EQ(total, 102);
	CHECK_STR(f[64].rule->id, "b");
	channel_close(c);
	side_close(&s);
}

static void
looks_at_nothing_when_no_rule_does(void)
{
	struct side s = side_open(RULE("a", "bad", "block")
	    "    when: { roles: [tool] }\n", "t", "m");
	struct channel_screen *c = channel_open(s.screen, ROLE_USER,
	    FORM_JSON);

	feed(c, "bad");
	CHECK_EQ(channel_clear(c), 3);
	channel_close(c);
	channel_close(NULL);
	side_close(&s);
	screen_free(NULL);
}

/* ---- any cut ---- */

#define MIXED \
	RULE("w1", "春天, ab, bad word, 天气好", "redact") "    with: '1'\n" \
	REGEX("x1", "b{1,3}a|春.气|[0-9]{3}", "redact") "    with: '2'\n" \
	RULE("w2", "春天气, abba", "redact") "    with: '3'\n" \
	"    except: { words: [春天气好] }\n" \
	RULE("stop", "停止, bad worst", "block") \
	REGEX("rstop", "止{2,4}b", "block") \
	RULE("note", "天, a", "flag")
#define SENTENCES \
	RULE("s", "停止, bad word", "block") "    stream: sentence\n" \
	RULE("r", "春天, ab", "redact") "    with: '1'\n"

static unsigned long seed = 7;

static unsigned
rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static void
make(struct buf *out, bool json)
{
	static const char *const pieces[] = { "春", "天", "气", "好", "停",
		"止", "a", "b", "ab", "bad ", "word", "worst", " ", "1", "23",
		". ", "。", "!", "\\n", "\\u6625", "\\u5929", "\\\\", "\"",
		"\\ud83d\\ude00", "\\u00" };
	unsigned n = 1 + rnd(14), kinds = json ? 25 : 18;

	buf_clear(out);
	while (n-- > 0)
		buf_add_str(out, pieces[rnd(kinds)]);
}

struct outcome {
	struct screen_finding findings[80];
	struct screen_edit edits[80];
	size_t n_findings, n_edits;
	uint64_t cut;
};

static int
by_place(const void *a, const void *b)
{
	const struct screen_finding *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static void
take(const struct channel_screen *c, struct outcome *out)
{
	const struct screen_finding *f = channel_findings(c,
	    &out->n_findings, NULL);
	const struct screen_edit *e = channel_edits(c, &out->n_edits);

	memcpy(out->findings, f ? f : out->findings,
	    out->n_findings * sizeof(*f));
	memcpy(out->edits, e ? e : out->edits, out->n_edits * sizeof(*e));
	qsort(out->findings, out->n_findings, sizeof(*f), by_place);
	out->cut = channel_cut(c);
}

/* Feeds one piece; a match of a rule that text waits for may not begin before
 * what was clear. */
static void
feed_checked(struct channel_screen *c, const char *ptr, size_t len, bool last)
{
	uint64_t clear = channel_clear(c);
	const struct screen_finding *f;
	size_t before, n;

	(void)channel_findings(c, &before, NULL);
	channel_feed(c, ptr, len, last);
	CHECK(channel_clear(c) >= clear);
	f = channel_findings(c, &n, NULL);
	for (; before < n; before++)
		if (f[before].rule->action != ACTION_FLAG)
			CHECK(f[before].at >= clear);
}

static void
compare(const struct outcome *a, const struct outcome *b, const char *text,
    size_t at)
{
	size_t i;
	bool same = a->n_findings == b->n_findings && a->cut == b->cut &&
	    a->n_edits == b->n_edits;

	for (i = 0; same && i < a->n_findings; i++)
		same = by_place(&a->findings[i], &b->findings[i]) == 0;
	for (i = 0; same && i < a->n_edits; i++)
		same = a->edits[i].at == b->edits[i].at &&
		    a->edits[i].len == b->edits[i].len &&
		    a->edits[i].rule == b->edits[i].rule;
	if (!same) {
		fprintf(stderr, "cut at %zu: \"%s\"\n", at, text);
		CHECK(!"the same outcome at any cut");
	}
}

static void
check_cuts(struct screen *screen, enum screen_form form, const char *text,
    size_t len)
{
	static struct outcome whole, got;
	struct channel_screen *c = screen_text(screen, ROLE_USER, form,
	    span(text, len));
	size_t i, from;

	take(c, &whole);
	CHECK_EQ(channel_clear(c), len);
	channel_close(c);
	for (i = 0; i <= len; i++) {
		if (utf8_whole(text, i) != i)
			continue;
		c = channel_open(screen, ROLE_USER, form);
		feed_checked(c, text, i, false);
		feed_checked(c, text + i, len - i, true);
		take(c, &got);
		compare(&whole, &got, text, i);
		channel_close(c);
	}
	c = channel_open(screen, ROLE_USER, form);
	for (from = 0, i = 1; i <= len; i++)
		if (utf8_whole(text, i) == i) {
			feed_checked(c, text + from, i - from, i == len);
			from = i;
		}
	take(c, &got);
	compare(&whole, &got, text, len);
	channel_close(c);
}

static void
check_rules(const char *rules, bool json)
{
	struct side s = side_open(rules, "t", "m");
	struct buf text = { 0 };
	int i;

	for (i = 0; i < 3000 && !check_test_failed; i++) {
		make(&text, json);
		check_cuts(s.screen, json ? FORM_JSON : FORM_PLAIN,
		    buf_cstr(&text), text.len);
	}
	buf_fini(&text);
	side_close(&s);
}

static void
finds_edits_and_cuts_the_same_at_any_cut(void)
{
	check_rules(MIXED, false);
}

static void
and_in_json_inside_a_string(void)
{
	check_rules(MIXED, true);
}

static void
and_by_sentences(void)
{
	check_rules(SENTENCES, false);
}

/* ---- folded ---- */

#define FOLDED \
	RULE("w1", "春天, ab, bad, 天气好", "redact") "    with: '1'\n" \
	"  - id: w2\n    on: [prompt, answer]\n    match: { words: [春天气, " \
	"aid, ab], leet: true }\n    action: redact\n    with: '2'\n" \
	"  - id: x1\n    on: [prompt, answer]\n    match: { regex: " \
	"'b{1,3}a|春.气', fold: basic }\n    action: redact\n" \
	"  - id: x2\n    on: [prompt, answer]\n    match: { regex: " \
	"'a ?b|天 ', fold: strong }\n    action: redact\n" \
	"  - id: stop\n    on: [prompt, answer]\n    match: { words: [停止, " \
	"dab], fold: basic }\n    action: block\n" \
	RULE("note", "天, a", "flag")

static void
make_odd(struct buf *out, bool json)
{
	static const char *const pieces[] = { "春", "天", "气", "氣", "好",
		"停", "止", "a", "b", "d", "i", "1", "@", " ", ".", "，", "*",
		"💣", "Ａ", "B", "а", "\u0301", "\u200b", "\u00ad", "&#98;",
		"&#x5929;", "&", "&#", "\n", "\\n", "\\u6625", "\\u200b",
		"\\u0062", "\\\\", "\"", "\\ud83d\\ude00", "\\u00" };
	unsigned n = 1 + rnd(14), kinds = json ? 37 : 29;

	buf_clear(out);
	while (n-- > 0)
		buf_add_str(out, pieces[rnd(kinds)]);
}

static void
check_folded(enum screen_form form)
{
	struct side s = side_open(FOLDED, "t", "m");
	struct buf text = { 0 };
	int i;

	for (i = 0; i < 3000 && !check_test_failed; i++) {
		make_odd(&text, form == FORM_JSON);
		check_cuts(s.screen, form, buf_cstr(&text), text.len);
	}
	buf_fini(&text);
	side_close(&s);
}

static void
and_when_it_is_folded(void)
{
	check_folded(FORM_PLAIN);
}

static void
and_when_it_is_folded_in_json(void)
{
	check_folded(FORM_JSON);
}

static void
replaces_whole_characters_of_a_folded_text(void)
{
	const char *rules = RULE("a", "bomb, 炸弹", "redact")
	    "    with: X\n";

	check_edits(rules, "a b.o.m.b, ＢＯＭＢ!", FORM_PLAIN, "a X, X!");
	check_edits(rules, "炸\u200b彈&#28856;&#x5F39;。", FORM_PLAIN, "XX。");
	check_edits(rules, "\u200bb💣o💣m💣b\u200b", FORM_PLAIN,
	    "\u200bX\u200b");
	check_edits(rules, "had a b o m b today", FORM_PLAIN,
	    "had a X today");
	check_edits(rules, "{\"a\":\"\\u70b8 \\u200b\\u5f48\\n\"}", FORM_JSON,
	    "{\"a\":\"X\\n\"}");
}

/* One variation selector per byte. */
static void
add_selectors(struct buf *out, const char *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		unsigned b = (unsigned char)bytes[i], c;

		c = b < 16 ? 0xfe00 + b : 0xe0100 + b - 16;
		if (b >= 16)
			buf_add_byte(out, (char)(0xf0 | c >> 18));
		buf_add_byte(out, (char)(b < 16 ? 0xe0 | c >> 12 :
		    0x80 | (c >> 12 & 63)));
		buf_add_byte(out, (char)(0x80 | (c >> 6 & 63)));
		buf_add_byte(out, (char)(0x80 | (c & 63)));
	}
}

/* What becomes of bo…mb with a wrapper in it of which n bytes are there. */
static void
check_wrapper(const char *header, size_t n, const char *before,
    const char *after, bool stays)
{
	struct buf text = { 0 }, want = { 0 }, run = { 0 };

	buf_add_str(&run, "\ufeff");
	add_selectors(&run, header, n);
	buf_add_str(&text, before);
	buf_add_span(&text, buf_span(&run));
	buf_add_str(&text, after);
	buf_add_str(&want, "X");
	if (stays) {
		buf_add_span(&want, buf_span(&run));
		buf_add_str(&want, *after ? "X" : "");
	}
	check_edits(RULE("a", "bomb", "redact") "    with: X\n",
	    buf_cstr(&text), FORM_PLAIN, buf_cstr(&want));
	buf_fini(&text);
	buf_fini(&want);
	buf_fini(&run);
}

static void
leaves_a_c2pa_wrapper_whole(void)
{
	static const char run[] = "C2PATXT\0\1\0\0\0\3abcpad";

	check_wrapper(run, 19, "bomb", "", true);
	check_wrapper(run, 19, "bo", "mb", true);
	check_wrapper(run, 16, "bo", "mb", true);
	check_wrapper(run, 15, "bo", "mb", false);	/* not whole */
	check_wrapper("C2PATXT\0\2\0\0\0\0", 13, "bo", "mb", false);
	check_wrapper("C3PATXT\0\1\0\0\0\0", 13, "bo", "mb", false);
	check_wrapper("", 0, "bo", "mb", false);
}

static void
check_view(const char *rules, const char *text, const char *view)
{
	struct side s = side_open(rules, "t", "m");
	struct channel_screen *c = screen_text(s.screen, ROLE_USER,
	    FORM_PLAIN, span_str(text));
	const struct screen_finding *f;
	size_t n;

	f = channel_findings(c, &n, NULL);
	CHECK_EQ(n, view ? 1 : 0);
	if (n > 0 && view)
		CHECK_STR(f[0].view, view);
	channel_close(c);
	side_close(&s);
}

#define FOLD(fold) "  - id: a\n    on: answer\n    match: { words: [Bomb], " \
	"fold: " fold " }\n    action: flag\n"
#define LEET "  - id: a\n    on: answer\n    match: { words: [kill], " \
	"leet: true }\n    action: flag\n"

static void
says_on_which_view_a_match_was_seen(void)
{
	check_view(FOLD("none"), "a bomb", "raw");
	check_view(FOLD("none"), "ｂomb", NULL);
	check_view(FOLD("basic"), "ｂomb", "basic");
	check_view(FOLD("basic"), "bömb", NULL);
	check_view(FOLD("strong"), "bömb", "strong");
	check_view(FOLD("strong"), "b.o.m.b", "strong, joined");
	check_view(FOLD("strong"), "b.o-m.b", "strong, joined tightly");
	check_view(FOLD("strong"), "b0mb", NULL);
	check_view(LEET, "k1ll", "strong, leet");
	check_view(LEET, "k1lling", NULL);
	check_view(LEET, "k.1.l.l", "strong, joined, leet");
	check_view(LEET, "k.1-l.l", "strong, joined tightly, leet");
}

#define VIEWS(views) "  - id: a\n    on: answer\n    match: { words: " \
	"[bomb, 炸弹], views: [" views "] }\n    action: flag\n"

static void
looks_deeper_where_a_rule_asks(void)
{
	check_view(VIEWS("reversed"), "弹炸", "strong");
	check_view(VIEWS("reversed"), "b.m.o.b", "strong, joined");
	check_view(VIEWS("pinyin"), "扎蛋", "strong, pinyin");
	check_view(VIEWS("pinyin"), "怎么做zhadan啊", "strong, pinyin");
	check_view(VIEWS("base64, hex"), "Qk9NQg==", "base64, strong");
	check_view(VIEWS("base64, hex"), "424F4D42", "hex, strong");
	check_view(VIEWS("url"), "%E7%82%B8%E5%BD%88", "url, strong");
	check_view(VIEWS("url"), "扎蛋 bmob Qk9NQg==", NULL);
	check_view("  - id: a\n    on: answer\n    match: { regex: 'bo+mb', "
	    "views: base64 }\n    action: flag\n", "Ym9vbWI=", "base64");
}

static void
replaces_what_is_encoded_by_groups(void)
{
	const char *rules = "  - id: a\n    on: answer\n    match: { words: "
	    "[bomb, 炸弹], views: [reversed, pinyin, base64, hex, url] }\n"
	    "    action: redact\n    with: X\n";

	check_edits(rules, "say Ym9tYg== now", FORM_PLAIN, "say X== now");
	check_edits(rules, "zha4 dan4!", FORM_PLAIN, "X4!");
	check_edits(rules, "b%6fmb, \\x62\\x6f\\x6d\\x62, bmob", FORM_PLAIN,
	    "X, X, X");
}

#define DEEP \
	"  - id: r1\n    on: [prompt, answer]\n    match: { words: [ab, " \
	"炸弹, dan], views: [reversed, pinyin, base64] }\n" \
	"    action: redact\n    with: '1'\n" \
	"  - id: r2\n    on: [prompt, answer]\n    match: { regex: 'a.?b', " \
	"views: [hex, url] }\n    action: redact\n    with: '2'\n"

static void
and_on_deeper_views(void)
{
	static const char *const pieces[] = { "a", "b", "炸", "弹", "扎", "蛋",
		"zha", "dan", " ", "4", "YWI=", "54K45by5", "YW", "61", "62",
		"\\x", "%61", "%", "n", "'" };
	struct side s = side_open(DEEP, "t", "m");
	struct buf text = { 0 };
	unsigned n;
	int i;

	for (i = 0; i < 2000 && !check_test_failed; i++) {
		buf_clear(&text);
		for (n = 1 + rnd(10); n > 0; n--)
			buf_add_str(&text, pieces[rnd(20)]);
		check_cuts(s.screen, FORM_PLAIN, buf_cstr(&text), text.len);
	}
	buf_fini(&text);
	side_close(&s);
}

static void
counts_a_match_once_that_several_views_show(void)
{
	struct side s = side_open(RULE("a", "bomb", "flag"), "t", "m");
	struct channel_screen *c;
	struct buf text = { 0 };
	uint64_t total;
	size_t i;

	for (i = 0; i < 200; i++)
		buf_add_str(&text, "bomb b-o-m-b ");
	c = screen_text(s.screen, ROLE_USER, FORM_PLAIN, buf_span(&text));
	(void)channel_findings(c, &i, &total);
	CHECK_EQ(total, 400);
	buf_fini(&text);
	channel_close(c);
	side_close(&s);
}

/* Separators wait for a word only where one has begun. */
static void
holds_no_more_of_a_folded_text_than_it_must(void)
{
	static const struct {
		const char *text;
		uint64_t clear;
	} cases[] = {
		{ "xyz", 3 }, { "x", 1 }, { "x ", 2 }, { "b", 0 }, { "b ", 0 },
		{ "b o", 0 }, { "b ox", 4 }, { "x b", 2 }, { "词", 3 },
		{ "词，", 6 }, { "炸", 0 }, { "炸 ", 0 }, { "炸，", 0 },
		{ "大炸，", 3 }, { "x\u200b", 4 }, { "x&", 1 }, { "x&#9", 1 },
		{ "x& ", 3 }, { "I am", 4 }, { "x💣", 5 }, { "bo", 0 },
		{ "bo ", 3 }, { "bo💣", 0 }, { "é", 2 }, { "e\u0301", 3 },
	};
	struct side s = side_open(RULE("a", "bomb, 炸弹", "block"), "t", "m");
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct channel_screen *c = channel_open(s.screen, ROLE_USER,
		    FORM_PLAIN);

		feed(c, cases[i].text);
		CHECK_EQ(channel_clear(c), cases[i].clear);
		if (channel_clear(c) != cases[i].clear)
			fprintf(stderr, "\"%s\"\n", cases[i].text);
		channel_close(c);
	}
	side_close(&s);
}

enum { LETTERS = 4, PREFIX = 5, WHOLE = 8, PREFIXES = 1024 };

/* The n-th text of so many letters. */
static void
nth_text(size_t n, size_t len, char *text)
{
	size_t i;

	for (i = 0; i < len; i++, n /= LETTERS)
		text[i] = "bo ."[n % LETTERS];
}

static uint64_t
clear_of(struct side *s, const char *text, size_t len)
{
	struct channel_screen *c = channel_open(s->screen, ROLE_USER,
	    FORM_PLAIN);
	uint64_t clear;

	channel_feed(c, text, len, false);
	clear = channel_clear(c);
	channel_close(c);
	return clear;
}

/* How far a text is clear that a step has not settled whole: as far as the part
 * that it has settled. */
static uint64_t
clear_of_settled(struct side *s, enum fold_step step, const char *text,
    size_t len)
{
	struct fold *f = fold_new(step);
	size_t at;

	(void)fold_feed(f, span(text, len), false);
	at = (size_t)fold_start(f, UINT64_MAX);
	fold_free(f);
	return at < len ? clear_of(s, text, at) : len;
}

/* Every text of a small alphabet: what a prefix holds back is what begins a
 * match in one of its continuations, or what the steps have not settled. */
static void
holds_what_exhaustive_search_says(void)
{
	static uint64_t first[PREFIXES];
	struct side s = side_open(RULE("a", "bob", "block"), "t", "m");
	struct channel_screen *c;
	const struct screen_finding *f;
	char text[WHOLE];
	size_t i, k, n, len;

	for (len = 1; len <= PREFIX; len++) {
		size_t n_prefixes = (size_t)1 << 2 * len;

		for (i = 0; i < n_prefixes; i++)
			first[i] = len;
		for (i = 0; i < (size_t)1 << 2 * WHOLE; i++) {
			nth_text(i, WHOLE, text);
			c = screen_text(s.screen, ROLE_USER, FORM_PLAIN,
			    span(text, WHOLE));
			f = channel_findings(c, &n, NULL);
			for (k = 0; k < n; k++)
				if (f[k].at < first[i % n_prefixes] &&
				    f[k].at + f[k].len >= len)
					first[i % n_prefixes] = f[k].at;
			channel_close(c);
		}
		for (i = 0; i < n_prefixes; i++) {
			uint64_t clear, joined, tight, least = first[i];

			nth_text(i, len, text);
			clear = clear_of(&s, text, len);
			joined = clear_of_settled(&s, FOLD_JOINED, text, len);
			tight = clear_of_settled(&s, FOLD_TIGHT, text, len);
			least = joined < least ? joined : least;
			least = tight < least ? tight : least;
			CHECK(clear <= first[i]);
			CHECK(clear >= least);
		}
	}
	side_close(&s);
}

static void
takes_many_edits_of_two_engines_in_linear_time(void)
{
	struct side s = side_open("  - id: a\n    on: answer\n    match: { "
	    "words: [secret] }\n    action: redact\n    with: x\n  - id: b\n"
	    "    on: answer\n    match: { regex: 'q[0-9]{2}z' }\n"
	    "    action: redact\n    with: y\n", "t", "m");
	const struct screen_edit *edits;
	struct channel_screen *c;
	struct buf text = { 0 };
	size_t i, n, wrong = 0;
	clock_t from;

	/* As many as a text may have, but one pair. */
	for (i = 0; i < SCREEN_MAX_EDITS / 2 - 1; i++)
		buf_add_str(&text, "secret q12z ");
	from = clock();
	c = screen_text(s.screen, ROLE_ASSISTANT, FORM_PLAIN,
	    buf_span(&text));
	/* One by one, about 1 s; 0.02 s is what it takes. */
	CHECK(clock() - from < CLOCKS_PER_SEC / 2);
	edits = channel_edits(c, &n);
	CHECK_EQ(n, SCREEN_MAX_EDITS - 2);
	for (i = 0; i < n; i++)
		wrong += edits[i].at != i / 2 * 12 + i % 2 * 7;
	CHECK_EQ(wrong, 0);
	channel_close(c);
	buf_fini(&text);
	side_close(&s);
}

int
main(void)
{
	RUN(a_rule_s_time_is_its_own);
	RUN(only_rules_of_the_side_look);
	RUN(only_rules_of_tenant_model_and_role_look);
	RUN(a_sampled_rule_looks_at_its_share_of_exchanges);
	RUN(flags_and_shadows_hold_nothing_back);
	RUN(lets_go_all_but_what_may_become_a_match);
	RUN(gives_the_earliest_cut_of_several);
	RUN(melts_edits_that_overlap_under_the_earliest_one);
	RUN(takes_the_first_rules_word_where_two_begin_together);
	RUN(does_not_begin_an_edit_that_may_still_grow);
	RUN(reads_json_in_a_string_with_its_escapes_undone);
	RUN(never_cuts_an_escape_in_two);
	RUN(cuts_rather_than_swallow_a_quote);
	RUN(lets_whole_sentences_go);
	RUN(holds_all_of_a_text_that_is_judged_whole);
	RUN(stops_what_a_rule_could_not_judge_unless_allowed);
	RUN(keeps_64_findings_and_counts_on);
	RUN(looks_at_nothing_when_no_rule_does);
	RUN(finds_edits_and_cuts_the_same_at_any_cut);
	RUN(and_in_json_inside_a_string);
	RUN(and_by_sentences);
	RUN(and_when_it_is_folded);
	RUN(and_when_it_is_folded_in_json);
	RUN(replaces_whole_characters_of_a_folded_text);
	RUN(leaves_a_c2pa_wrapper_whole);
	RUN(says_on_which_view_a_match_was_seen);
	RUN(looks_deeper_where_a_rule_asks);
	RUN(replaces_what_is_encoded_by_groups);
	RUN(and_on_deeper_views);
	RUN(counts_a_match_once_that_several_views_show);
	RUN(holds_no_more_of_a_folded_text_than_it_must);
	RUN(holds_what_exhaustive_search_says);
	RUN(takes_many_edits_of_two_engines_in_linear_time);
	RUN(a_text_has_at_most_so_many_replacements);
	return CHECK_DONE();
}
