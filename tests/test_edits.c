/* SPDX-License-Identifier: Apache-2.0 */
/* test_edits.c - what rules write into texts: templates, placeholders, and
 * what of an answer's placeholders comes back, over the screen and the relay.
 * The pieces alone are tested in test_redact, test_placeholders and
 * test_restore. */
#include <stdlib.h>

#include "gateway/judge_doc.h"
#include "gateway/relay.h"
#include "tests/check.h"
#include "tests/policy_text.h"

#define PHONE "(?<![0-9])1[3-9][0-9]{9}(?![0-9])"
#define RULE(id, on, pattern, action) "  - id: " id "\n    on: " on "\n" \
	"    match: { regex: '" pattern "' }\n    action: " action "\n"
#define HIDE_PHONE RULE("phone", "prompt", PHONE, "pseudonymize") \
	"    as: PHONE\n"
#define ONE "13800138000"
#define TWO "13900139000"

struct world {
	struct policy *policy;
	struct placeholders *table;
	struct hash_key *key;
	struct screen *prompt, *answer;
};

static struct world
open_world(const char *rules)
{
	struct screen_subject subject = { span_str("t"), span_str("m") };
	struct world w;

	w.policy = policy_text(rules);
	w.table = placeholders_new(w.policy);
	w.key = hash_key_throwaway();
	w.prompt = screen_new(w.policy, SIDE_PROMPT, &subject);
	w.answer = screen_new(w.policy, SIDE_ANSWER, &subject);
	screen_equip(w.prompt, w.table, w.key);
	return w;
}

static void
close_world(struct world *w)
{
	screen_free(w->prompt);
	screen_free(w->answer);
	placeholders_free(w->table);
	hash_key_free(w->key);
	policy_unref(&w->policy);
}

/* What becomes of a whole text; to be used before the next. */
static const char *
edited(struct screen *screen, enum screen_form form, const char *text)
{
	static struct buf out;
	struct channel_screen *c = screen_text(screen, ROLE_ASSISTANT, form,
	    span_str(text));

	buf_clear(&out);
	(void)edited_text(c, span_str(text), 0, form == FORM_JSON, &out);
	channel_close(c);
	return buf_cstr(&out);
}

static const char *
asked(struct world *w, const char *text)
{
	return edited(w->prompt, FORM_PLAIN, text);
}

/* An answer to what was asked before. */
static const char *
answered(struct world *w, const char *text)
{
	screen_equip(w->answer, w->table, w->key);
	return edited(w->answer, FORM_PLAIN, text);
}

/* ---- redact ---- */

static void
a_template_is_filled_with_its_own_match(void)
{
	struct world w = open_world(RULE("r", "[prompt, answer]", PHONE,
	    "redact") "    with: '[{id} {first3}{mask}{last4}]'\n");

	CHECK_STR(asked(&w, "打" ONE "或" TWO "。"),
	    "打[r 138****8000]或[r 139****9000]。");
	close_world(&w);
}

static void
a_hash_is_that_of_the_tenant_s_value(void)
{
	struct world w = open_world(RULE("r", "prompt", PHONE, "redact")
	    "    with: '{hash:12}'\n");
	char want[2 * HASH_TOKEN_MAX + 2], token[HASH_TOKEN_MAX + 1];

	hash_key_token(w.key, span_str("t"), span_str(ONE), 12, token);
	(void)snprintf(want, sizeof(want), "%s %s", token, token);
	CHECK_STR(asked(&w, ONE " " ONE), want);
	close_world(&w);
}

/* The word is the first rule's, over what it matched itself. */
static void
of_templates_that_overlap_the_earliest_writes(void)
{
	struct world w = open_world(RULE("late", "prompt", "[45]{2}x",
	    "redact") "    with: '<{last2}>'\n" RULE("early", "prompt",
	    "[0-9]{5}", "redact") "    with: '[{first2}]'\n");

	CHECK_STR(asked(&w, "12345x6"), "[12]6");
	CHECK_STR(asked(&w, "45x12345"), "<5x>[12]");
	close_world(&w);
}

static void
inside_json_a_template_reads_what_people_read(void)
{
	struct world w = open_world(RULE("r", "prompt", "名.{2}", "redact")
	    "    with: '\"{last2}\"'\n");

	CHECK_STR(edited(w.prompt, FORM_JSON, "{\"a\":\"\\u540d\\u5f20\\t\"}"),
	    "{\"a\":\"\\\"张\\t\\\"\"}");
	close_world(&w);
}

static void
a_number_of_json_becomes_a_string_of_json(void)
{
	struct world w = open_world(HIDE_PHONE RULE("r", "prompt", "77+",
	    "redact") "    with: '[x]'\n");

	CHECK_STR(edited(w.prompt, FORM_JSON, "{\"a\":" ONE ",\"b\":\"" ONE
	    "\",\"c\": [777]}"), "{\"a\":\"<PHONE_1>\",\"b\":\"<PHONE_1>\","
	    "\"c\": [\"[x]\"]}");
	/* What is no JSON at all has no strings either. */
	CHECK_STR(edited(w.prompt, FORM_JSON, "tel " ONE), "tel <PHONE_1>");
	screen_equip(w.answer, w.table, NULL);
	CHECK_STR(edited(w.answer, FORM_JSON, "{\"a\":<PHONE_1>,\"b\":"
	    "\"<PHONE_1>\"}"), "{\"a\":" ONE ",\"b\":\"" ONE "\"}");
	close_world(&w);
}

/* Masks of many bytes for characters of one would fill the memory. */
static void
templates_write_so_many_bytes_into_a_text(void)
{
	struct world w = open_world(RULE("r", "[prompt, answer]",
	    "a{1,60000}b", "redact") "    max_hold: 64KiB\n    mask: "
	    "'\U0001f468\u200d\U0001f469\u200d\U0001f466'\n");
	struct channel_screen *c = channel_open(w.answer, ROLE_ASSISTANT,
	    FORM_PLAIN);
	const struct screen_edit *edits;
	size_t written = 0, turn, i, n;
	char text[60001];

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = 'b';
	for (turn = 0; turn < 9 && channel_cut(c) == SCREEN_NONE; turn++)
		channel_feed(c, text, sizeof(text), false);
	CHECK_EQ(turn, SCREEN_MAX_WRITTEN / (60001 * 18) + 1);
	CHECK_EQ(channel_cut(c), (turn - 1) * sizeof(text));
	edits = channel_edits(c, &n);
	for (i = 0; i < n; i++)
		written += edits[i].with_len;
	CHECK(written <= SCREEN_MAX_WRITTEN + 60001 * 18);
	channel_close(c);
	close_world(&w);
}

/* ---- pseudonymize ---- */

static void
equal_values_have_one_placeholder_in_all_texts(void)
{
	struct world w = open_world(HIDE_PHONE);

	CHECK_STR(asked(&w, "打" ONE "或" TWO), "打<PHONE_1>或<PHONE_2>");
	CHECK_STR(asked(&w, TWO "!"), "<PHONE_2>!");
	CHECK_STR(edited(w.prompt, FORM_JSON, "{\"n\":\"\\u0031" "3800138000"
	    "\"}"), "{\"n\":\"<PHONE_1>\"}");
	CHECK_EQ(placeholders_count(w.table), 2);
	close_world(&w);
}

static void
a_rule_without_a_name_for_values_gives_its_id(void)
{
	struct world w = open_world(RULE("order-no", "prompt", "A[0-9]{4}",
	    "pseudonymize"));

	CHECK_STR(asked(&w, "A1234"), "<ORDER_NO_1>");
	close_world(&w);
}

/* Kinds of the filter name the values, unless the rule does. */
static void
kinds_of_personal_data_have_names_of_their_own(void)
{
	struct world w = open_world("  - id: p\n    on: prompt\n    match: { "
	    "pii: [cn_mobile, email] }\n    action: pseudonymize\n"
	    "  - id: m\n    on: prompt\n    match: { pii: cn_resident_id }\n"
	    "    action: redact\n    with: '[{kind} {first3}{mask}{last4}]'\n"
	    "  - id: i\n    on: prompt\n    match: { pii: [ip, mac] }\n"
	    "    action: pseudonymize\n    as: MACHINE\n");

	CHECK_STR(asked(&w, "打 " ONE " 或 bob@example.org，证件 "
	    "11010519491231002X，主机 192.0.2.7"), "打 <CN_MOBILE_1> 或 "
	    "<EMAIL_1>，证件 [cn_resident_id 110***********002X]，主机 "
	    "<MACHINE_1>");
	CHECK_STR(answered(&w, "<email_1> <cn mobile 1> <CN\\_MOBILE\\_1>"),
	    "bob@example.org " ONE " " ONE);
	close_world(&w);
}

/* Found on a folded view, taken and given back as it was written. */
static void
a_value_in_disguise_is_the_value_as_written(void)
{
	struct world w = open_world("  - id: p\n    on: prompt\n    match: { "
	    "regex: '" PHONE "', fold: basic }\n    action: pseudonymize\n"
	    "    as: PHONE\n  - id: m\n    on: prompt\n    match: { words: "
	    "[secret], fold: strong }\n    action: redact\n"
	    "    with: '{first1}{mask}'\n");

	CHECK_STR(asked(&w, "拨１３８\u200b００１３８０００或" ONE "!"),
	    "拨<PHONE_1>或<PHONE_2>!");
	CHECK_STR(answered(&w, "<PHONE_1> <PHONE_2>"),
	    "１３８\u200b００１３８０００ " ONE);
	CHECK_STR(asked(&w, "a SéCRET"), "a S*****");
	close_world(&w);
}

static void
answers_get_back_what_was_taken(void)
{
	struct world w = open_world(HIDE_PHONE);
	const char *answer;

	(void)asked(&w, ONE " " TWO);
	answer = answered(&w, "拨打<PHONE_1>，或< phone_2 >，PHONE_1");
	CHECK_STR(answer, "拨打" ONE "，或" TWO "，" ONE);
	CHECK_EQ(screen_restored(w.answer), 3);
	CHECK_STR(answered(&w, "<PHONE_3> <PHONE_12> <FAX_1> phone 1"),
	    "<PHONE_3> <PHONE_12> <FAX_1> phone 1");
	CHECK_EQ(screen_restored(w.answer), 3);
	close_world(&w);
}

static void
what_comes_back_is_escaped_where_it_stands(void)
{
	struct world w = open_world(RULE("q", "prompt", "«[^»]*»",
	    "pseudonymize") "    as: QUOTE\n");

	(void)asked(&w, "«a\"b\\\n»");
	screen_equip(w.answer, w.table, w.key);
	CHECK_STR(edited(w.answer, FORM_JSON, "{\"q\":\"\\u003cQUOTE_1>\"}"),
	    "{\"q\":\"«a\\\"b\\\\\\n»\"}");
	close_world(&w);
}

/* response_format: json_object. What only begins like JSON has no strings. */
static void
an_answer_that_is_json_stays_json(void)
{
	struct world w = open_world(RULE("q", "prompt", "«[^»]*»",
	    "pseudonymize") "    as: QUOTE\n");

	(void)asked(&w, "«a\"b»");
	CHECK_STR(answered(&w, " {\"q\": \"<QUOTE_1>\"}"),
	    " {\"q\": \"«a\\\"b»\"}");
	CHECK_STR(answered(&w, "[1] <QUOTE_1>"), "[1] «a\"b»");
	CHECK_STR(answered(&w, "so \"<QUOTE_1>\""), "so \"«a\"b»\"");
	close_world(&w);
}

static void
nothing_comes_back_across_exchanges(void)
{
	struct world a = open_world(HIDE_PHONE), b = open_world(HIDE_PHONE);

	(void)asked(&a, ONE);
	CHECK_STR(answered(&b, "<PHONE_1>"), "<PHONE_1>");
	(void)asked(&b, TWO);
	CHECK_STR(answered(&b, "<PHONE_1>"), TWO);
	CHECK_STR(answered(&a, "<PHONE_1>"), ONE);
	close_world(&a);
	close_world(&b);
}

static void
without_a_table_a_prompt_has_one_of_its_own(void)
{
	struct screen_subject subject = { span_str("t"), span_str("m") };
	struct world w = open_world(HIDE_PHONE);
	struct screen *alone = screen_new(w.policy, SIDE_PROMPT, &subject);

	CHECK_STR(edited(alone, FORM_PLAIN, ONE), "<PHONE_1>");
	CHECK_EQ(placeholders_count(w.table), 0);
	screen_free(alone);
	close_world(&w);
}

static void
a_rule_in_shadow_takes_nothing(void)
{
	struct world w = open_world(HIDE_PHONE "    mode: shadow\n");

	CHECK_STR(edited(w.prompt, FORM_PLAIN, ONE), ONE);
	CHECK_EQ(placeholders_count(w.table), 0);
	close_world(&w);
}

static void
values_over_a_cap_do_not_pass(void)
{
	struct world w = open_world(RULE("v", "prompt", "v[0-9]{4}",
	    "pseudonymize") "    as: V\n");
	struct channel_screen *c;
	struct buf text = { 0 };
	int i;

	for (i = 0; i < PLACEHOLDERS_MAX; i++)
		buf_addf(&text, "v%04d ", i);
	c = screen_text(w.prompt, ROLE_USER, FORM_PLAIN, buf_span(&text));
	CHECK_EQ(channel_cut(c), SCREEN_NONE);
	channel_close(c);
	c = screen_text(w.prompt, ROLE_USER, FORM_PLAIN, span_str("a v0001 "
	    "v9999"));
	CHECK_EQ(channel_cut(c), 8);
	CHECK(placeholders_full(w.table));
	channel_close(c);
	buf_fini(&text);
	close_world(&w);
}

/* A model that says one placeholder over and over. */
static void
restores_so_many_bytes_into_a_text(void)
{
	struct world w = open_world(RULE("v", "prompt", "a{1,60000}b",
	    "pseudonymize") "    as: V\n    max_hold: 64KiB\n");
	struct channel_screen *c;
	const struct screen_edit *edits;
	char text[60001];
	size_t i, n, bytes = 0;

	memset(text, 'a', sizeof(text));
	text[60000] = 'b';
	channel_close(screen_text(w.prompt, ROLE_USER, FORM_PLAIN, span(text,
	    sizeof(text))));
	CHECK_EQ(placeholders_count(w.table), 1);
	screen_equip(w.answer, w.table, NULL);
	c = channel_open(w.answer, ROLE_ASSISTANT, FORM_PLAIN);
	for (i = 0; i < 1000; i++)
		channel_feed(c, "<V_1>", 5, false);
	edits = channel_edits(c, &n);
	for (i = 0; i < n; i++)
		bytes += edits[i].with_len;
	CHECK_EQ(n, SCREEN_MAX_WRITTEN / sizeof(text));
	CHECK(bytes <= SCREEN_MAX_WRITTEN);
	CHECK_EQ(channel_cut(c), SCREEN_NONE);
	channel_close(c);
	close_world(&w);
}

/* ---- several findings in one text ---- */

static void
actions_compose(void)
{
	struct world w = open_world(HIDE_PHONE RULE("mail", "prompt",
	    "[a-z]{1,9}@[a-z]{1,9}", "redact") "    with: '[{first1}…]'\n"
	    RULE("note", "prompt", "call", "flag") RULE("stop", "prompt",
	    "zzz", "block"));

	CHECK_STR(asked(&w, "call " ONE " or bob@x, " TWO),
	    "call <PHONE_1> or [b…], <PHONE_2>");
	CHECK_STR(asked(&w, "call " ONE " zzz " TWO), "call <PHONE_1> ");
	close_world(&w);
}

static void
of_rules_that_overlap_the_earliest_takes_all(void)
{
	struct world w = open_world(HIDE_PHONE RULE("tail", "prompt",
	    "8000 x", "redact") "    with: '[tail]'\n" RULE("head", "prompt",
	    "tel 1[0-9]{3}", "redact") "    with: '[head]'\n");

	CHECK_STR(asked(&w, ONE " x"), "<PHONE_1>");
	CHECK_STR(asked(&w, "tel " ONE), "[head]");
	/* All that stood there comes back: the client wrote it. */
	CHECK_STR(answered(&w, "<PHONE_1>"), ONE " x");
	close_world(&w);
}

/* They judge what the model said. */
static void
answer_rules_see_placeholders_and_go_before_them(void)
{
	struct world w = open_world(HIDE_PHONE RULE("a", "answer", "138[0-9]+",
	    "block") RULE("b", "answer", "_2> x", "redact")
	    "    with: '[b]'\n" RULE("c", "answer", "PHONE_3", "block")
	    RULE("d", "answer", "say .PHONE_4", "redact")
	    "    with: '[d]'\n");
	struct channel_screen *c;

	(void)asked(&w, ONE " " TWO " 13700137000 13600136000");
	CHECK_STR(answered(&w, "<PHONE_1>"), ONE);
	CHECK_STR(answered(&w, "<PHONE_2> y"), TWO " y");
	CHECK_STR(answered(&w, "go <PHONE_2> x"), "go [b]");
	CHECK_STR(answered(&w, "say <PHONE_4>!"), "[d]!");
	CHECK_STR(answered(&w, "<PHONE_1> <PHONE_3>"), ONE " ");
	c = screen_text(w.answer, ROLE_ASSISTANT, FORM_PLAIN,
	    span_str("<PHONE_1>"));
	CHECK(!channel_must_change(c));
	channel_close(c);
	c = screen_text(w.answer, ROLE_ASSISTANT, FORM_PLAIN,
	    span_str("<PHONE_2> x"));
	CHECK(channel_must_change(c));
	channel_close(c);
	close_world(&w);
}

/* ---- cuts ---- */

/* The same text in pieces: what leaves is what leaves of it whole. */
static void
check_cuts(struct screen *screen, enum screen_form form, struct mg_span text,
    unsigned seed)
{
	struct channel_screen *c = channel_open(screen, ROLE_ASSISTANT, form);
	struct buf whole = { 0 }, pieces = { 0 };
	size_t at = 0, sent = 0;

	while (at < text.len) {
		size_t to, clear;

		seed = seed * 1103515245u + 12345u;
		to = at + 1 + (seed >> 16) % 7;
		while (to < text.len &&
		    ((unsigned char)text.ptr[to] & 0xc0) == 0x80)
			to++;
		if (to > text.len)
			to = text.len;
		channel_feed(c, text.ptr + at, to - at, to == text.len);
		at = to;
		clear = (size_t)channel_clear(c);
		if (clear > sent)
			(void)edited_text(c, span(text.ptr + sent,
			    clear - sent), sent, form == FORM_JSON, &pieces);
		if (clear > sent)
			sent = clear;
	}
	channel_close(c);
	c = screen_text(screen, ROLE_ASSISTANT, form, text);
	(void)edited_text(c, text, 0, form == FORM_JSON, &whole);
	channel_close(c);
	if (!span_eq(buf_span(&whole), buf_span(&pieces)))
		fprintf(stderr, "of %.*s\n", (int)text.len, text.ptr);
	CHECK_MEM(pieces.ptr, pieces.len, buf_cstr(&whole));
	buf_fini(&whole);
	buf_fini(&pieces);
}

static void
no_cut_changes_what_leaves(void)
{
	static const char *const parts[] = { "<PHONE_1>", "<PHONE_", "2>",
		"＜phone 2＞", "PHONE_1", "PHONE_", "1", "secret", "sec", "ret",
		"1380", "0138000", "\\u003c", "\\\"", "\\n", "字", " ", "<",
		"&lt;PHONE_1&gt;", "e\u0301", "x", "{\"a\":\"", "\"}" };
	struct world w = open_world(HIDE_PHONE RULE("s", "answer",
	    "secret[0-9]{0,3}", "redact") "    with: '<{last2}{mask}>'\n"
	    RULE("n", "answer", PHONE, "redact")
	    "    with: '{first3}{hash:8}'\n" RULE("o", "answer", "1>?x",
	    "redact") "    with: '[{mask}]'\n");
	struct buf text = { 0 };
	unsigned seed = 3, i, j, n;

	(void)asked(&w, ONE " " TWO);
	screen_equip(w.answer, w.table, w.key);
	for (i = 0; i < 3000; i++) {
		buf_clear(&text);
		seed = seed * 1103515245u + 12345u;
		n = 1 + (seed >> 16) % 9;
		for (j = 0; j < n; j++) {
			seed = seed * 1103515245u + 12345u;
			buf_add_str(&text, parts[(seed >> 16) %
			    (sizeof(parts) / sizeof(*parts))]);
		}
		check_cuts(w.answer, FORM_PLAIN, buf_span(&text), i);
		check_cuts(w.answer, FORM_JSON, buf_span(&text), i);
	}
	buf_fini(&text);
	close_world(&w);
}

/* ---- streams ---- */

static void
collect(void *arg, struct mg_span event)
{
	buf_add_span(arg, event);
}

/* One stream's events through the relay. */
static const char *
relayed(struct world *w, const char *events)
{
	static struct buf out;
	struct notes notes = { 0 };
	struct relay_options options = { .surface = SURFACE_CHAT,
		.screen = w->answer, .notes = &notes, .choices = 2,
		.message = "m", .id = "x", .max_bytes = 1u << 20,
		.send = collect, .arg = &out };
	struct relay *relay;

	screen_equip(w->answer, w->table, w->key);
	relay = relay_new(&options);
	buf_clear(&out);
	if (relay_feed(relay, span_str(events)) == RELAY_MORE)
		(void)relay_end(relay);
	buf_add_span(&out, relay_tail(relay));
	relay_free(relay);
	notes_fini(&notes);
	return buf_cstr(&out);
}

#define EVENT(index, delta) "data: {\"choices\":[{\"index\":" index \
	",\"delta\":{" delta "},\"finish_reason\":null}]}\n\n"
#define TEXT(index, text) EVENT(index, "\"content\":\"" text "\"")

static void
streams_get_back_what_was_taken(void)
{
	struct world w = open_world(HIDE_PHONE);

	(void)asked(&w, ONE " " TWO);
	CHECK_STR(relayed(&w, TEXT("0", "打<PHO") TEXT("1", "<PHONE_2")
	    TEXT("0", "NE_1>吧") TEXT("1", ">。") "data: [DONE]\n\n"),
	    TEXT("0", "打" ONE) TEXT("0", "吧") TEXT("1", TWO)
	    TEXT("1", "。") "data: [DONE]\n\n");
	close_world(&w);
}

/* Of what was dealt with only the placeholder's own events are rewritten, and
 * nothing waits that needs not. */
static void
events_without_a_placeholder_leave_verbatim_at_once(void)
{
	struct world w = open_world(HIDE_PHONE);
	const char *plain = "data: { \"choices\" : [{\"index\":0, \"delta\":{"
	    "\"content\":\"PHONE 1 < 2\"}}], \"x\" : 1.50 }\n\n";

	(void)asked(&w, ONE);
	CHECK_STR(relayed(&w, plain), plain);
	close_world(&w);
}

static void
every_field_of_a_choice_gets_it_back(void)
{
	struct world w = open_world(HIDE_PHONE);

	(void)asked(&w, ONE);
	CHECK_STR(relayed(&w, EVENT("0", "\"reasoning_content\":\"<PHONE_1>\"")
	    EVENT("0", "\"refusal\":\"PHONE_1 \"")
	    EVENT("0", "\"tool_calls\":[{\"index\":0,\"function\":{"
	    "\"arguments\":\"{\\\"n\\\":\\\"\\\\u003cPHONE\"}}]")
	    EVENT("0", "\"tool_calls\":[{\"index\":0,\"function\":{"
	    "\"arguments\":\"_1>\\\"}\"}}]")),
	    EVENT("0", "\"reasoning_content\":\"" ONE "\"")
	    EVENT("0", "\"refusal\":\"" ONE " \"")
	    EVENT("0", "\"tool_calls\":[{\"index\":0,\"function\":{"
	    "\"arguments\":\"{\\\"n\\\":\\\"" ONE "\"}}]")
	    EVENT("0", "\"tool_calls\":[{\"index\":0,\"function\":{"
	    "\"arguments\":\"\\\"}\"}}]"));
	close_world(&w);
}

int
main(void)
{
	RUN(a_template_is_filled_with_its_own_match);
	RUN(a_hash_is_that_of_the_tenant_s_value);
	RUN(of_templates_that_overlap_the_earliest_writes);
	RUN(inside_json_a_template_reads_what_people_read);
	RUN(a_number_of_json_becomes_a_string_of_json);
	RUN(templates_write_so_many_bytes_into_a_text);
	RUN(equal_values_have_one_placeholder_in_all_texts);
	RUN(a_rule_without_a_name_for_values_gives_its_id);
	RUN(kinds_of_personal_data_have_names_of_their_own);
	RUN(a_value_in_disguise_is_the_value_as_written);
	RUN(answers_get_back_what_was_taken);
	RUN(what_comes_back_is_escaped_where_it_stands);
	RUN(an_answer_that_is_json_stays_json);
	RUN(nothing_comes_back_across_exchanges);
	RUN(without_a_table_a_prompt_has_one_of_its_own);
	RUN(a_rule_in_shadow_takes_nothing);
	RUN(values_over_a_cap_do_not_pass);
	RUN(restores_so_many_bytes_into_a_text);
	RUN(actions_compose);
	RUN(of_rules_that_overlap_the_earliest_takes_all);
	RUN(answer_rules_see_placeholders_and_go_before_them);
	RUN(no_cut_changes_what_leaves);
	RUN(streams_get_back_what_was_taken);
	RUN(events_without_a_placeholder_leave_verbatim_at_once);
	RUN(every_field_of_a_choice_gets_it_back);
	return CHECK_DONE();
}
