/* SPDX-License-Identifier: Apache-2.0 */
/* test_notes.c - what was found in one exchange: places, excerpts, outcome. */
#include "gateway/notes.h"
#include "tests/check.h"
#include "tests/policy_text.h"

#define RULE(id, words, action) "  - id: " id "\n    on: [prompt, answer]\n" \
	"    match: { words: [" words "] }\n    action: " action "\n"

struct bench {
	struct policy *policy;
	struct screen *screen;
	struct notes notes;
};

static void
begin(struct bench *b, const char *rules, bool capture)
{
	struct screen_subject subject = { span_str("t"), span_str("m") };

	memset(b, 0, sizeof(*b));
	b->policy = policy_text(rules);
	b->screen = screen_new(b->policy, SIDE_PROMPT, &subject);
	b->notes.capture = capture;
}

static void
end(struct bench *b)
{
	notes_fini(&b->notes);
	CHECK_EQ(b->notes.n, 0);
	screen_free(b->screen);
	policy_unref(&b->policy);
}

/* Judges one whole text. */
static void
note(struct bench *b, const char *text)
{
	struct channel_screen *c = screen_text(b->screen, ROLE_USER,
	    FORM_PLAIN, span_str(text));
	size_t from = 0;

	notes_add(&b->notes, SIDE_PROMPT, c, &from, NULL, 0, "messages",
	    span_str(text), 0);
	channel_close(c);
}

static void
says_what_stood_where(void)
{
	struct bench b;
	const struct note *n;

	begin(&b, RULE("a", "坏词", "flag"), false);
	note(&b, "有坏词");
	CHECK_EQ(b.notes.n, 1);
	n = &b.notes.items[0];
	CHECK_STR(n->rule->id, "a");
	CHECK_STR(n->path, "messages");
	CHECK_EQ(n->at, 3);
	CHECK_EQ(n->len, 6);
	CHECK_EQ(n->side, SIDE_PROMPT);
	CHECK(n->excerpt == NULL);	/* capture is off */
	end(&b);
}

static void
takes_the_path_of_a_node(void)
{
	struct bench b;
	struct jdoc doc = { 0 };
	struct jdoc_limits limits = { .max_depth = 9, .max_nodes = 99 };
	struct channel_screen *c;
	size_t from = 0, at;

	begin(&b, RULE("a", "bad", "flag"), false);
	CHECK_EQ(jdoc_read(&doc, span_str("{\"a\":[1,{\"b\":\"bad\"}]}"),
	    &limits, &at), JDOC_OK);
	c = screen_text(b.screen, ROLE_USER, FORM_PLAIN, span_str("bad"));
	notes_add(&b.notes, SIDE_PROMPT, c, &from, &doc, 4, NULL,
	    span_str("bad"), 0);
	CHECK_EQ(from, 1);
	notes_add(&b.notes, SIDE_PROMPT, c, &from, &doc, 4, NULL,
	    span_str("bad"), 0);
	CHECK_EQ(b.notes.n, 1);		/* nothing is noted twice */
	CHECK_STR(b.notes.items[0].path, "a[1].b");
	channel_close(c);
	jdoc_fini(&doc);
	end(&b);
}

/* The path noted for a node of a document, or for its key. */
static void
check_path(const char *json, uint32_t node, const char *key, const char *want)
{
	struct bench b;
	struct jdoc doc = { 0 };
	struct jdoc_limits limits = { .max_depth = 9, .max_nodes = 99 };
	struct channel_screen *c;
	size_t from = 0, at;

	begin(&b, RULE("a", "bad", "flag"), false);
	CHECK_EQ(jdoc_read(&doc, span_str(json), &limits, &at), JDOC_OK);
	c = screen_text(b.screen, ROLE_USER, FORM_PLAIN, span_str("bad"));
	notes_add(&b.notes, SIDE_PROMPT, c, &from, &doc, node, key,
	    span_str("bad"), 0);
	CHECK_STR(b.notes.items[0].path, want);
	channel_close(c);
	jdoc_fini(&doc);
	end(&b);
}

static void
tells_no_text_of_a_client_in_a_path(void)
{
	check_path("{\"bad\":1}", 1, NOTES_KEY, "{}");
	check_path("{\"a\":{\"bad\":1}}", 2, NOTES_KEY, "a.{}");
	check_path("{\"a\":{\"so bad\":[0,{\"b\":\"bad\"}]}}", 5, NULL,
	    "a.{}[1].b");
	check_path("{\"坏 \\\"]\":{\"[\\\\\":\"bad\"}}", 2, NULL, "{}.{}");
	check_path("{\"\":[\"bad\"]}", 2, NULL, "{}[0]");
}

/* Nor what stands beside it, whoever found it; offsets stay. */
static void
shows_no_value_that_a_placeholder_stands_for(void)
{
	struct bench b;

	begin(&b, RULE("a", "bad", "flag") "  - id: p\n    on: prompt\n"
	    "    match: { words: [13800138000, 张三] }\n    action: "
	    "pseudonymize\n    as: P\n", true);
	note(&b, "bad 13800138000 by 张三!");
	CHECK_EQ(b.notes.n, 3);
	CHECK_STR(b.notes.items[0].excerpt, "bad *********** by ******!");
	CHECK_STR(b.notes.items[1].excerpt, "bad *********** by ******!");
	CHECK(b.notes.modified && !b.notes.blocked);
	end(&b);
	/* In shadow there is none. */
	begin(&b, "  - id: p\n    on: prompt\n    match: { words: [bad] }\n"
	    "    action: pseudonymize\n    mode: shadow\n", true);
	note(&b, "bad");
	CHECK_STR(b.notes.items[0].excerpt, "bad");
	CHECK(!b.notes.modified);
	end(&b);
}

static void
keeps_forty_characters_around_a_match(void)
{
	struct bench b;
	struct buf text = { 0 }, want = { 0 };
	int i;

	begin(&b, RULE("a", "坏词", "flag"), true);
	for (i = 0; i < 50; i++)
		buf_add_str(&text, "前");
	buf_add_str(&text, "坏词");
	for (i = 0; i < 50; i++)
		buf_add_str(&text, "后");
	note(&b, buf_cstr(&text));
	for (i = 0; i < EXCERPT_CHARS; i++)
		buf_add_str(&want, "前");
	buf_add_str(&want, "坏词");
	for (i = 0; i < EXCERPT_CHARS; i++)
		buf_add_str(&want, "后");
	CHECK_STR(b.notes.items[0].excerpt, buf_cstr(&want));
	CHECK_EQ(b.notes.items[0].excerpt_at, 30);
	note(&b, "坏词");
	CHECK_STR(b.notes.items[1].excerpt, "坏词");
	buf_fini(&text);
	buf_fini(&want);
	end(&b);
}

static void
keeps_no_excerpt_of_text_that_is_not_at_hand(void)
{
	struct bench b;
	struct channel_screen *c;
	size_t from = 0;

	begin(&b, RULE("a", "bad", "flag"), true);
	c = screen_text(b.screen, ROLE_USER, FORM_PLAIN,
	    span_str("a bad thing"));
	notes_add(&b.notes, SIDE_PROMPT, c, &from, NULL, 0, "p",
	    span_str("thing"), 6);
	CHECK(b.notes.items[0].excerpt == NULL);
	from = 0;
	notes_add(&b.notes, SIDE_PROMPT, c, &from, NULL, 0, "p",
	    span_str("bad thing"), 2);
	CHECK_STR(b.notes.items[1].excerpt, "bad thing");
	CHECK_EQ(b.notes.items[1].excerpt_at, 2);
	channel_close(c);
	end(&b);
}

static void
knows_what_rules_in_force_ask_for(void)
{
	struct bench b;

	begin(&b, RULE("a", "flagged", "flag") RULE("s", "shadowed", "block")
	    "    mode: shadow\n" RULE("r", "changed", "redact")
	    RULE("b", "stopped", "block"), false);
	note(&b, "flagged shadowed");
	CHECK(!b.notes.blocked && !b.notes.modified);
	CHECK(notes_blocking(&b.notes) == NULL);
	note(&b, "changed");
	CHECK(!b.notes.blocked && b.notes.modified);
	note(&b, "stopped");
	CHECK(b.notes.blocked);
	CHECK_STR(notes_blocking(&b.notes)->rule->id, "b");
	end(&b);
}

static void
knows_which_shadows_would_have_done_something(void)
{
	struct bench b;
	int i;

	begin(&b, RULE("s", "one", "block") "    mode: shadow\n"
	    RULE("r", "two", "redact") "    mode: shadow\n"
	    RULE("f", "three", "flag") "    mode: shadow\n"
	    RULE("e", "four", "flag") RULE("late", "five", "block")
	    "    mode: shadow\n", false);
	note(&b, "one one three");
	note(&b, "one two");
	CHECK_EQ(b.notes.n_would, 2);
	CHECK_STR(b.notes.would[0]->id, "s");
	CHECK_STR(b.notes.would[1]->id, "r");
	CHECK(!b.notes.blocked && !b.notes.modified);
	/* However much else was found before it. */
	for (i = 0; i < 3; i++)
		note(&b, "four four four four four four four four four four "
		    "four four four four four four four four four four four "
		    "four four four four four four four four four four four "
		    "four four four four four four four four four four four "
		    "four four four four four four four four four four four "
		    "four four four four four four four four four four four "
		    "four four four four five");
	CHECK_EQ(b.notes.n_would, 3);
	CHECK_STR(b.notes.would[2]->id, "late");
	end(&b);
}

static void
check_unable(const char *more, bool blocked)
{
	char rules[256], text[4096];
	struct bench b;

	(void)snprintf(rules, sizeof(rules), "  - id: a\n    on: prompt\n"
	    "    match: { regex: '(?:a+)+(?!.)c' }\n    action: block\n%s",
	    more);
	begin(&b, rules, true);
	memset(text, 'a', sizeof(text));
	memcpy(text + sizeof(text) - 5, " ac!", 5);
	note(&b, text);
	CHECK_EQ(b.notes.n, 1);
	CHECK(b.notes.items[0].unable && !b.notes.items[0].excerpt);
	CHECK_EQ(b.notes.blocked, blocked);
	CHECK_EQ(b.notes.unable, blocked);
	CHECK(notes_blocking(&b.notes) == NULL);	/* nothing was found */
	end(&b);
}

static void
tells_a_rule_that_could_not_judge_from_one_that_found(void)
{
	check_unable("", true);
	check_unable("    on_error: allow\n", false);
	check_unable("    mode: shadow\n", false);
}

static void
keeps_128_notes_and_counts_on_but_never_loses_the_one_that_blocks(void)
{
	struct bench b;
	int i;

	begin(&b, RULE("a", "花", "flag") RULE("b", "停", "block"), true);
	for (i = 0; i < 200; i++)
		note(&b, "花");
	CHECK_EQ(b.notes.n, NOTES_MAX);
	CHECK_EQ(b.notes.total, 200);
	CHECK(notes_blocking(&b.notes) == NULL);
	note(&b, "停");
	note(&b, "停");
	CHECK_EQ(b.notes.n, NOTES_MAX);
	CHECK_EQ(b.notes.total, 202);
	CHECK(b.notes.blocked);
	CHECK(notes_blocking(&b.notes) == &b.notes.items[NOTES_MAX - 1]);
	CHECK_STR(b.notes.items[NOTES_MAX - 1].excerpt, "停");
	CHECK_STR(b.notes.items[NOTES_MAX - 2].rule->id, "a");
	end(&b);
}

static void
counts_what_a_text_held_beyond_what_is_kept_of_it(void)
{
	struct bench b;
	struct buf text = { 0 };
	int i;

	begin(&b, RULE("a", "花", "flag"), false);
	for (i = 0; i < 100; i++)
		buf_add_str(&text, "花");
	note(&b, buf_cstr(&text));
	CHECK_EQ(b.notes.n, 64);
	CHECK_EQ(b.notes.total, 100);
	buf_fini(&text);
	end(&b);
}

int
main(void)
{
	RUN(says_what_stood_where);
	RUN(takes_the_path_of_a_node);
	RUN(tells_no_text_of_a_client_in_a_path);
	RUN(shows_no_value_that_a_placeholder_stands_for);
	RUN(keeps_forty_characters_around_a_match);
	RUN(keeps_no_excerpt_of_text_that_is_not_at_hand);
	RUN(knows_which_shadows_would_have_done_something);
	RUN(knows_what_rules_in_force_ask_for);
	RUN(tells_a_rule_that_could_not_judge_from_one_that_found);
	RUN(counts_what_a_text_held_beyond_what_is_kept_of_it);
	RUN(keeps_128_notes_and_counts_on_but_never_loses_the_one_that_blocks);
	return CHECK_DONE();
}
