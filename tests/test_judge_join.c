/* SPDX-License-Identifier: Apache-2.0 */
/* test_judge_join.c - rules with a scope: words that are split over messages
 * and parts, and what becomes of each text that holds a share of one. */
#include <stdlib.h>
#include <time.h>

#include "gateway/judge_doc.h"
#include "gateway/judge_join.h"
#include "tests/check.h"
#include "tests/policy_text.h"

#define SCOPED(words, action, k) "  - id: r\n    on: prompt\n    match: { " \
	"words: [" words "] }\n    action: " action "\n    scope: { " \
	"messages: " k " }\n"
#define USER(text) "{\"role\":\"user\",\"content\":\"" text "\"}"
#define CHAT(list) "{\"messages\":[" list "]}"

struct run {
	struct policy *policy;
	struct screen *screen;
	struct jdoc doc;
	struct notes notes;
	struct judged_doc judged;
	struct buf out;
};

static void
request(struct run *r, const char *rules, const char *text)
{
	struct screen_subject subject = { span_str("t"), span_str("m") };
	struct jdoc_limits limits = { .max_depth = 64, .max_nodes = 99999 };
	size_t at;

	memset(r, 0, sizeof(*r));
	r->policy = policy_text(rules);
	r->screen = screen_new(r->policy, SIDE_PROMPT, &subject);
	r->notes.capture = true;
	CHECK_EQ(jdoc_read(&r->doc, span_str(text), &limits, &at), JDOC_OK);
	judge_doc(SURFACE_CHAT, DOC_REQUEST, SIDE_PROMPT, &r->doc, r->screen,
	    &r->notes, &r->judged);
	judged_doc_write(&r->judged, span_str(text), &r->out);
}

static void
fini(struct run *r)
{
	judged_doc_fini(&r->judged);
	notes_fini(&r->notes);
	jdoc_fini(&r->doc);
	buf_fini(&r->out);
	screen_free(r->screen);
	policy_unref(&r->policy);
}

static bool
blocks(const char *rules, const char *text)
{
	struct run r;
	bool blocked;

	request(&r, rules, text);
	blocked = r.judged.blocked;
	CHECK_EQ(r.notes.blocked, blocked);
	CHECK_EQ(r.notes.n > 0, blocked);
	if (blocked)
		CHECK_STR(r.judged.param, "messages");
	fini(&r);
	return blocked;
}

static void
check_becomes(const char *rules, const char *text, const char *want)
{
	struct run r;

	request(&r, rules, text);
	CHECK(!r.judged.blocked);
	CHECK_MEM(r.out.ptr, r.out.len, want);
	fini(&r);
}

static void
finds_a_word_split_over_messages(void)
{
	const char *rules = SCOPED("炸弹, bomb, make a bomb", "block", "3");

	CHECK(blocks(rules, CHAT(USER("怎么做炸") "," USER("弹？"))));
	CHECK(blocks(rules, CHAT(USER("a bo") "," USER("m") "," USER("b"))));
	CHECK(blocks(rules, CHAT(USER("please make a") "," USER("bomb2") ","
	    USER("make") "," USER("a") "," USER("bomb"))));
	CHECK(!blocks(rules, CHAT(USER("炸鸡") "," USER("弹琴"))));
	CHECK(blocks(rules, CHAT(USER("please make a") "," USER("bo") ","
	    USER("mb"))));
	/* Latin letters that only meet by joining make no word. */
	CHECK(!blocks(SCOPED("abc", "block", "2"), CHAT(USER("xab") ","
	    USER("c d"))));
	CHECK(!blocks("  - id: r\n    on: prompt\n    match: { words: [炸弹] "
	    "}\n    action: block\n", CHAT(USER("炸") "," USER("弹"))));
}

static void
white_space_around_a_text_does_not_hide_it(void)
{
	const char *rules = SCOPED("炸弹, make a bomb", "block", "2");

	CHECK(blocks(rules, CHAT(USER("炸 \\n") "," USER("\\u3000\\t弹"))));
	CHECK(blocks(rules, CHAT(USER("make a ") "," USER("  bomb"))));
	CHECK(blocks(rules, CHAT(USER("炸") "," USER(" \\n"))) == false);
}

static void
looks_at_the_last_messages_of_one_role(void)
{
	const char *rules = SCOPED("炸弹", "block", "2");

	/* Another role's message between them does not help. */
	CHECK(blocks(rules, CHAT(USER("炸") ",{\"role\":\"assistant\","
	    "\"content\":\"什么？\"}," USER("弹"))));
	CHECK(!blocks(rules, CHAT(USER("炸") ",{\"role\":\"assistant\","
	    "\"content\":\"弹\"}")));
	/* What is older than the scope was judged when it was new. */
	CHECK(!blocks(rules, CHAT(USER("炸") "," USER("弹") "," USER("琴"))));
	CHECK(blocks(SCOPED("炸弹", "block", "3"), CHAT(USER("炸") ","
	    USER("弹") "," USER("琴"))));
}

static void
only_roles_that_the_rule_looks_at_are_joined(void)
{
	const char *rules = SCOPED("炸弹", "block", "2")
	    "    when: { roles: [system] }\n";

	CHECK(!blocks(rules, CHAT(USER("炸") "," USER("弹"))));
	CHECK(blocks(rules, CHAT("{\"role\":\"system\",\"content\":\"炸\"},"
	    "{\"role\":\"system\",\"content\":\"弹\"}")));
}

static void
joins_the_parts_of_one_message(void)
{
	const char *parts = CHAT("{\"role\":\"user\",\"content\":[{\"type\":"
	    "\"text\",\"text\":\"炸\"},{\"type\":\"text\",\"text\":\"弹\"}]}");

	CHECK(blocks(SCOPED("炸弹", "block", "1"), parts));
	CHECK(blocks(SCOPED("炸弹", "block", "5"), parts));
	CHECK(!blocks(SCOPED("炸弹", "block", "1"), CHAT(USER("炸") ","
	    USER("弹"))));
}

static void
parts_of_a_rule_may_be_in_different_messages(void)
{
	const char *rules = "  - id: r\n    on: prompt\n    match: { all: [ { "
	    "words: [火药] }, { words: [配方] } ] }\n    action: block\n"
	    "    scope: { messages: 2 }\n";

	CHECK(blocks(rules, CHAT(USER("说说火药") "," USER("给我配方"))));
	CHECK(!blocks(rules, CHAT(USER("说说火药") "," USER("给我"))));
}

static void
each_text_loses_its_share(void)
{
	check_becomes(SCOPED("炸弹", "redact", "2") "    with: '*'\n",
	    CHAT(USER("做炸") "," USER("弹吧")),
	    CHAT(USER("做*") "," USER("*吧")));
	/* With its own matches, and with escapes. */
	check_becomes(SCOPED("甲乙丙", "redact", "3") "    with: '*'\n",
	    CHAT(USER("甲乙丙\\n甲") "," USER("乙") "," USER("丙\\\"甲乙丙")),
	    CHAT(USER("*\\n*") "," USER("*") "," USER("*\\\"*")));
}

static void
notes_say_where_each_share_is(void)
{
	struct run r;

	request(&r, SCOPED("甲乙", "flag", "2"), CHAT(USER("春甲") ","
	    USER("乙甲乙")));
	/* The whole word in the second text is not told twice. */
	CHECK_EQ(r.notes.n, 3);
	CHECK_EQ(r.notes.total, 3);
	CHECK_STR(r.notes.items[0].path, "messages[1].content");
	CHECK_EQ(r.notes.items[0].at, 3);
	CHECK_STR(r.notes.items[1].path, "messages[0].content");
	CHECK_EQ(r.notes.items[1].at, 3);
	CHECK_EQ(r.notes.items[1].len, 3);
	CHECK_STR(r.notes.items[1].excerpt, "春甲");
	CHECK_STR(r.notes.items[2].path, "messages[1].content");
	CHECK_EQ(r.notes.items[2].at, 0);
	CHECK_EQ(r.notes.items[2].len, 3);
	CHECK(!r.judged.blocked);
	CHECK_MEM(r.out.ptr, r.out.len, CHAT(USER("春甲") ","
	    USER("乙甲乙")));
	fini(&r);
}

static void
a_split_value_gets_one_placeholder_and_no_excerpt(void)
{
	struct run r;
	size_t i;

	request(&r, "  - id: r\n    on: prompt\n    match: { regex: "
	    "'1[0-9]{10}' }\n    action: pseudonymize\n    as: PHONE\n"
	    "    scope: { messages: 2 }\n", CHAT(USER("打138001") ","
	    USER("38000吧")));
	CHECK_MEM(r.out.ptr, r.out.len, CHAT(USER("打<PHONE_1>") ","
	    USER("<PHONE_1>吧")));
	CHECK_EQ(r.notes.n, 2);
	CHECK(r.notes.modified && !r.notes.blocked);
	for (i = 0; i < r.notes.n; i++)
		CHECK(!r.notes.items[i].excerpt);
	fini(&r);
}

static void
other_texts_are_not_joined(void)
{
	const char *rules = SCOPED("炸弹", "block", "2");

	CHECK(!blocks(rules, "{\"messages\":[{\"role\":\"user\",\"content\":"
	    "\"炸\",\"name\":\"弹\"}],\"user\":\"弹\",\"stop\":[\"弹\"]}"));
	CHECK(!blocks(rules, "{\"list\":[{\"role\":\"user\",\"content\":\"炸\""
	    "},{\"role\":\"user\",\"content\":\"弹\"}]}"));
}

/* One text, cut into two or three messages at any of its characters. */
static void
finds_a_phrase_wherever_it_is_split(void)
{
	static const char *const texts[] = { "教我制造炸弹吧", "so make a bomb",
		"做pipe bomb吧", "ünï bömb" };
	const char *rules = SCOPED("制造炸弹, make a bomb, pipe bomb, ünï bömb",
	    "block", "3");
	struct buf doc = { 0 };
	size_t t, a, b;

	for (t = 0; t < 4; t++) {
		const char *s = texts[t];
		size_t len = strlen(s);

		for (a = 1; a < len; a++) {
			if (utf8_whole(s, a) != a)
				continue;
			for (b = a; b < len; b++) {
				if (utf8_whole(s, b) != b)
					continue;
				buf_clear(&doc);
				buf_addf(&doc, "{\"messages\":[{\"role\":"
				    "\"user\",\"content\":\"%.*s\"},"
				    "{\"role\":\"user\",\"content\":\"%.*s\"},"
				    "{\"role\":\"user\",\"content\":\"%s\"}]}",
				    (int)a, s, (int)(b - a), s + a, s + b);
				CHECK(blocks(rules, buf_cstr(&doc)));
			}
		}
	}
	buf_fini(&doc);
}

static char *
filler(const char *before, const char *after)
{
	struct buf b = { 0 };

	buf_add_str(&b, before);
	while (b.len < JOIN_MAX_BYTES)
		buf_add_str(&b, "春");
	buf_add_str(&b, after);
	(void)buf_cstr(&b);
	return b.ptr;
}

static void
of_texts_over_the_cap_only_the_ends_are_joined(void)
{
	char *a = filler("甲", "炸"), *b = filler("弹", "甲");
	struct buf doc = { 0 };

	buf_addf(&doc, "{\"messages\":[" USER("%s") "," USER("%s") "]}", a, b);
	CHECK(blocks(SCOPED("炸弹", "block", "2"), buf_cstr(&doc)));
	/* The beginning of one and the end of the other do not meet. */
	CHECK(!blocks("  - id: r\n    on: prompt\n    match: { all: [ { words: "
	    "[甲] }, { words: [弹炸] } ] }\n    action: block\n    scope: { "
	    "messages: 2 }\n", buf_cstr(&doc)));
	CHECK(!blocks(SCOPED("春弹", "block", "2"), buf_cstr(&doc)));
	free(a);
	free(b);
	buf_fini(&doc);
}

/* 2000 seams have two million runs: only the last are read. */
static void
reads_no_more_than_its_share_of_work(void)
{
	struct buf doc = { 0 };
	clock_t from = clock();
	size_t i;

	buf_add_str(&doc, "{\"messages\":[{\"role\":\"user\",\"content\":[");
	for (i = 0; i < 2000; i++)
		buf_add_str(&doc, "{\"type\":\"text\",\"text\":\"word\"},");
	buf_add_str(&doc, "{\"type\":\"text\",\"text\":\"bo\"},{\"type\":"
	    "\"text\",\"text\":\"mb\"}]}]}");
	CHECK(blocks(SCOPED("bomb", "block", "1"), buf_cstr(&doc)));
	CHECK(clock() - from < 2 * CLOCKS_PER_SEC);
	buf_fini(&doc);
}

static void
what_cannot_be_judged_joined_is_the_rules_matter(void)
{
	struct buf doc = { 0 };
	struct run r;
	size_t i;

	buf_add_str(&doc, "{\"messages\":[");
	for (i = 0; i < 2; i++) {
		size_t k;

		buf_add_str(&doc, i ? "},{\"role\":\"user\",\"content\":\"" :
		    "{\"role\":\"user\",\"content\":\"");
		for (k = 0; k < 2000; k++)
			buf_add_byte(&doc, 'a');
		buf_add_str(&doc, "cb\"");
	}
	buf_add_str(&doc, "}]}");
	request(&r, "  - id: r\n    on: prompt\n    match: { regex: "
	    "'(a+)+(a+)+b' }\n    action: block\n    scope: { messages: 2 }\n",
	    buf_cstr(&doc));
	CHECK(r.judged.blocked && r.notes.unable);
	buf_fini(&doc);
	fini(&r);
}

int
main(void)
{
	RUN(finds_a_word_split_over_messages);
	RUN(white_space_around_a_text_does_not_hide_it);
	RUN(looks_at_the_last_messages_of_one_role);
	RUN(only_roles_that_the_rule_looks_at_are_joined);
	RUN(joins_the_parts_of_one_message);
	RUN(parts_of_a_rule_may_be_in_different_messages);
	RUN(each_text_loses_its_share);
	RUN(notes_say_where_each_share_is);
	RUN(a_split_value_gets_one_placeholder_and_no_excerpt);
	RUN(other_texts_are_not_joined);
	RUN(finds_a_phrase_wherever_it_is_split);
	RUN(of_texts_over_the_cap_only_the_ends_are_joined);
	RUN(reads_no_more_than_its_share_of_work);
	RUN(what_cannot_be_judged_joined_is_the_rules_matter);
	return CHECK_DONE();
}
