/* SPDX-License-Identifier: Apache-2.0 */
/* test_judge_doc.c - every text of one document, judged: what stops it, which
 * choices, what is changed and where, and what nobody could read. */
#include "gateway/judge_doc.h"
#include "tests/check.h"
#include "tests/policy_text.h"

#define BLOCK "  - id: b\n    on: [prompt, answer]\n    match: { words: [坏词] " \
	"}\n    action: block\n"
#define REDACT "  - id: r\n    on: [prompt, answer]\n    match: { words: [秘密, " \
	"secret] }\n    action: redact\n    with: '\"*\"'\n"
#define FLAG "  - id: f\n    on: [prompt, answer]\n    match: { words: [花] }\n" \
	"    action: flag\n"

struct run {
	struct policy *policy;
	struct screen *screen;
	struct jdoc doc;
	struct notes notes;
	struct judged_doc judged;
	struct buf out;		/* the document with all changes */
};

static void
judge_as(struct run *r, const char *rules, enum surface_kind surface,
    enum surface_doc which, const char *text)
{
	struct screen_subject subject = { span_str("t"), span_str("m") };
	struct jdoc_limits limits = { .max_depth = 64, .max_nodes = 9999 };
	enum policy_side side = which == DOC_REQUEST ? SIDE_PROMPT :
	    SIDE_ANSWER;
	size_t at;

	memset(r, 0, sizeof(*r));
	memset(&r->judged, 0xa5, sizeof(r->judged));	/* it overwrites */
	r->policy = policy_text(rules);
	r->screen = screen_new(r->policy, side, &subject);
	CHECK_EQ(jdoc_read(&r->doc, span_str(text), &limits, &at), JDOC_OK);
	judge_doc(surface, which, side, &r->doc, r->screen, &r->notes,
	    &r->judged);
	judged_doc_write(&r->judged, span_str(text), &r->out);
}

static void
request(struct run *r, const char *rules, const char *text)
{
	judge_as(r, rules, SURFACE_CHAT, DOC_REQUEST, text);
}

static void
answer(struct run *r, const char *rules, const char *text)
{
	judge_as(r, rules, SURFACE_CHAT, DOC_ANSWER, text);
}

static void
fini(struct run *r)
{
	judged_doc_fini(&r->judged);
	CHECK_EQ(r->judged.n_splices, 0);
	notes_fini(&r->notes);
	jdoc_fini(&r->doc);
	buf_fini(&r->out);
	screen_free(r->screen);
	policy_unref(&r->policy);
}

static void
check_request(const char *rules, const char *text, const char *want)
{
	struct run r;

	request(&r, rules, text);
	CHECK_MEM(r.out.ptr, r.out.len, want);
	CHECK(!r.judged.blocked);
	CHECK_EQ(r.judged.n_cut, 0);
	fini(&r);
}

static void
a_harmless_document_stays_as_it_is(void)
{
	const char *text = "{ \"messages\" : [ {\"role\":\"user\",\n"
	    "\"content\":\"\\u6625天\"} ], \"n\": 1.0e0 }";
	struct run r;

	request(&r, BLOCK REDACT FLAG, text);
	CHECK_MEM(r.out.ptr, r.out.len, text);
	CHECK(!r.judged.blocked && r.judged.n_cut == 0);
	CHECK_EQ(r.judged.n_splices, 0);
	CHECK_EQ(r.judged.unread, 0);
	CHECK_EQ(r.notes.n, 0);
	CHECK(r.judged.tokens > 0);
	fini(&r);
}

static void
only_the_changed_string_is_rewritten(void)
{
	check_request(REDACT, "{\"a\" :\"\\u79d8密\\n\",\"b\":1E5,\"messages\":"
	    "[{\"role\":\"user\",\"content\": \"ok\\u0021\"}]}",
	    "{\"a\" :\"\\\"*\\\"\\n\",\"b\":1E5,\"messages\":"
	    "[{\"role\":\"user\",\"content\": \"ok\\u0021\"}]}");
}

static void
a_change_inside_tool_arguments_is_escaped_for_both(void)
{
	check_request(REDACT, "{\"messages\":[{\"role\":\"assistant\","
	    "\"tool_calls\":[{\"function\":{\"arguments\":"
	    "\"{\\\"q\\\":\\\"\\\\u79d8\\\\u5bc6\\\"}\"}}]}]}",
	    "{\"messages\":[{\"role\":\"assistant\","
	    "\"tool_calls\":[{\"function\":{\"arguments\":"
	    "\"{\\\"q\\\":\\\"\\\\\\\"*\\\\\\\"\\\"}\"}}]}]}");
}

static void
a_blocked_request_names_its_top_member(void)
{
	struct run r;

	request(&r, BLOCK, "{\"messages\":[{\"role\":\"user\",\"content\":[{"
	    "\"type\":\"text\",\"text\":\"坏词\"}]}],\"user\":\"坏词\"}");
	CHECK(r.judged.blocked);
	CHECK_STR(r.judged.param, "messages");	/* the first */
	CHECK_EQ(r.judged.n_cut, 0);
	CHECK_EQ(r.notes.n, 2);
	CHECK_STR(r.notes.items[0].path, "messages[0].content[0].text");
	fini(&r);
}

static void
a_flag_is_noted_and_stops_nothing(void)
{
	struct run r;

	request(&r, FLAG, "{\"messages\":[{\"role\":\"user\",\"content\":"
	    "\"花\"}]}");
	CHECK(!r.judged.blocked && r.judged.n_splices == 0);
	CHECK_EQ(r.notes.n, 1);
	fini(&r);
}

static void
a_key_that_cannot_be_rewritten_stops_the_document(void)
{
	struct run r;

	request(&r, REDACT, "{\"metadata\":{\"secret\":1}}");
	CHECK(r.judged.blocked);
	CHECK(r.notes.blocked);
	CHECK_STR(r.judged.param, "metadata");
	CHECK_STR(r.notes.items[0].path, "metadata.{}");
	fini(&r);
	request(&r, BLOCK, "{\"坏词\":1}");
	CHECK(r.judged.blocked);
	CHECK_STR(r.judged.param, "");	/* its name is the text */
	CHECK_STR(r.notes.items[0].path, "{}");
	fini(&r);
}

static void
text_in_a_data_url_is_read_and_can_only_be_stopped(void)
{
	struct run r;

	/* "secret" in base64 */
	request(&r, REDACT, "{\"messages\":[{\"role\":\"user\",\"content\":[{"
	    "\"type\":\"file\",\"file\":{\"file_data\":"
	    "\"data:text/plain;base64,c2VjcmV0\"}}]}]}");
	CHECK(r.judged.blocked);
	CHECK_EQ(r.judged.n_splices, 0);
	fini(&r);
}

#define CHOICE(index, text, lp) "{\"index\":" index ",\"message\":{\"role\":" \
	"\"assistant\",\"content\":\"" text "\"},\"logprobs\":" lp "}"
#define LP_OK "{\"content\":[{\"token\":\"ok\",\"bytes\":[111,107]}]}"
#define LP "{\"content\":[{\"token\":\"se\",\"bytes\":[115,101]},{\"token\":" \
	"\"cret\",\"bytes\":[99,114,101,116]}]}"

static void
a_blocked_choice_is_cut_and_no_other(void)
{
	struct run r;

	answer(&r, BLOCK, "{\"choices\":[" CHOICE("1", "坏词", "null") ","
	    CHOICE("0", "好", "null") "," CHOICE("7", "坏词", "null") "]}");
	CHECK(!r.judged.blocked);
	CHECK_EQ(r.judged.n_cut, 2);
	CHECK(judged_doc_is_cut(&r.judged, 1));
	CHECK(!judged_doc_is_cut(&r.judged, 0));
	CHECK(judged_doc_is_cut(&r.judged, 7));
	fini(&r);
	answer(&r, BLOCK, "{\"choices\":[],\"system_note\":\"坏词\"}");
	CHECK(r.judged.blocked);
	CHECK_EQ(r.judged.n_cut, 0);
	fini(&r);
}

static void
log_probabilities_go_with_the_text_they_repeat(void)
{
	struct run r;

	answer(&r, REDACT, "{\"choices\":[" CHOICE("0", "a secret", LP) ","
	    CHOICE("1", "ok", LP_OK) "]}");
	CHECK_MEM(r.out.ptr, r.out.len, "{\"choices\":["
	    CHOICE("0", "a \\\"*\\\"", "null") "," CHOICE("1", "ok", LP_OK)
	    "]}");
	fini(&r);
}

static void
log_probabilities_are_one_text_across_their_tokens(void)
{
	struct run r;

	/* The text was cut short by the backend; its tokens were not. */
	answer(&r, REDACT, "{\"choices\":[" CHOICE("0", "a", LP) "]}");
	CHECK_MEM(r.out.ptr, r.out.len, "{\"choices\":["
	    CHOICE("0", "a", "null") "]}");
	fini(&r);
}

static void
what_cannot_be_read_is_told_with_its_place(void)
{
	struct run r;

	judge_as(&r, BLOCK, SURFACE_COMPLETIONS, DOC_REQUEST,
	    "{\"prompt\":[[1,2,3]]}");
	CHECK_EQ(r.judged.unread, UNREAD_TOKEN_IDS);
	CHECK(strncmp(r.judged.unread_path, "prompt", 6) == 0);
	fini(&r);
	request(&r, BLOCK, "{\"messages\":[{\"role\":\"user\",\"content\":[{"
	    "\"type\":\"image_url\",\"image_url\":{\"url\":"
	    "\"https://a.test/坏词.png\"}},{\"type\":\"input_audio\","
	    "\"input_audio\":{\"data\":\"UklGRg==\",\"format\":\"wav\"}}]}]}");
	CHECK_EQ(r.judged.unread, UNREAD_REFERENCES | UNREAD_MEDIA);
	CHECK_STR(r.judged.unread_path,
	    "messages[0].content[0].image_url.url");
	CHECK(r.judged.blocked);	/* an address is text as well */
	fini(&r);
}

static void
long_paths_are_cut_to_their_room(void)
{
	struct buf text = { 0 };
	struct run r;
	int i;

	buf_add_str(&text, "{\"");
	for (i = 0; i < 200; i++)
		buf_add_byte(&text, 'k');
	buf_add_str(&text, "\":\"坏词\"}");
	request(&r, BLOCK, buf_cstr(&text));
	CHECK(r.judged.blocked);
	CHECK_EQ(strlen(r.judged.param), sizeof(r.judged.param) - 1);
	fini(&r);
	buf_fini(&text);
}

static void
changes_may_come_in_any_order_and_the_larger_one_holds(void)
{
	struct judged_doc j = { 0 };
	struct buf out = { 0 };
	char with[] = "X";

	judged_doc_change(&j, 8, 1, span_str("two"));
	judged_doc_change(&j, 2, 1, span_str("inner"));
	judged_doc_change(&j, 1, 4, span(with, 1));
	judged_doc_change(&j, 1, 4, span_str("again"));
	judged_doc_change(&j, 5, 1, span("", 0));
	with[0] = 'Y';			/* it was copied */
	judged_doc_write(&j, span_str("0123456789"), &out);
	CHECK(span_is(buf_span(&out), "0X67two9") ||
	    span_is(buf_span(&out), "0again67two9"));
	buf_fini(&out);
	judged_doc_fini(&j);
}

/* text[from..) of a channel of `whole`, as it may leave. */
static void
check_edited(const char *rules, const char *whole, uint64_t from,
    size_t len, bool last, const char *want, bool changed)
{
	struct screen_subject subject = { span_str("t"), span_str("m") };
	struct policy *policy = policy_text(rules);
	struct screen *screen = screen_new(policy, SIDE_PROMPT, &subject);
	struct channel_screen *c = channel_open(screen, ROLE_USER,
	    FORM_PLAIN);
	struct buf out = { 0 };

	channel_feed(c, whole, strlen(whole), last);
	CHECK_EQ(edited_text(c, span(whole + from, len), from, false, &out),
	    changed);
	CHECK_MEM(out.ptr, out.len, want);
	buf_fini(&out);
	channel_close(c);
	screen_free(screen);
	policy_unref(&policy);
}

static void
a_replacement_stands_in_the_piece_where_its_match_begins(void)
{
	const char *text = "a secret here";

	check_edited(REDACT, text, 0, 13, true, "a \"*\" here", true);
	check_edited(REDACT, text, 0, 4, true, "a \"*\"", true);
	check_edited(REDACT, text, 4, 9, true, " here", true);
	check_edited(REDACT, text, 4, 2, true, "", true);
	check_edited(REDACT, text, 8, 5, true, " here", false);
}

static void
nothing_from_a_cut_on_leaves_nor_what_is_not_clear(void)
{
	check_edited(BLOCK REDACT, "ok secret坏词 end", 0, 19, true,
	    "ok \"*\"", true);
	check_edited(BLOCK, "ok 坏词 end", 0, 13, true, "ok ", true);
	check_edited(BLOCK, "ok 坏词 end", 9, 4, true, "", true);
	check_edited(BLOCK, "ok 坏词 end", 0, 3, true, "ok ", false);
}

/* Places that hold no text, when a client writes some there. */
static void
prose_in_place_of_an_id_is_judged(void)
{
	static const char *const docs[] = {
		"{\"seed\":\"坏词\"}", "{\"tool_choice\":\"坏词\"}",
		"{\"service_tier\":\"bad word\"}",
		"{\"logit_bias\":{\"坏词\":1}}",
		"{\"messages\":[{\"role\":\"tool\",\"tool_call_id\":"
		"\"a bad word\",\"content\":\"x\"}]}",
		"{\"reasoning_effort\":\"\\u574f\\u8bcd\"}",
	};
	struct policy *policy = policy_text("  - id: b\n    on: prompt\n"
	    "    match: { words: [坏词, bad word] }\n    action: block\n");
	const struct jdoc_limits limits = { .max_depth = 9,
		.max_nodes = 99 };
	struct screen_subject subject = { span_str("t"), span_str("m") };
	size_t i, at;

	for (i = 0; i < sizeof(docs) / sizeof(*docs); i++) {
		struct screen *screen = screen_new(policy, SIDE_PROMPT,
		    &subject);
		struct judged_doc judged;
		struct notes notes = { 0 };
		struct jdoc doc = { 0 };

		CHECK_EQ(jdoc_read(&doc, span_str(docs[i]), &limits, &at),
		    JDOC_OK);
		judge_doc(SURFACE_CHAT, DOC_REQUEST, SIDE_PROMPT, &doc,
		    screen, &notes, &judged);
		CHECK(judged.blocked);
		judged_doc_fini(&judged);
		notes_fini(&notes);
		screen_free(screen);
		jdoc_fini(&doc);
	}
	policy_unref(&policy);
}

int
main(void)
{
	RUN(a_harmless_document_stays_as_it_is);
	RUN(only_the_changed_string_is_rewritten);
	RUN(a_change_inside_tool_arguments_is_escaped_for_both);
	RUN(a_blocked_request_names_its_top_member);
	RUN(a_flag_is_noted_and_stops_nothing);
	RUN(a_key_that_cannot_be_rewritten_stops_the_document);
	RUN(text_in_a_data_url_is_read_and_can_only_be_stopped);
	RUN(a_blocked_choice_is_cut_and_no_other);
	RUN(log_probabilities_go_with_the_text_they_repeat);
	RUN(log_probabilities_are_one_text_across_their_tokens);
	RUN(what_cannot_be_read_is_told_with_its_place);
	RUN(long_paths_are_cut_to_their_room);
	RUN(changes_may_come_in_any_order_and_the_larger_one_holds);
	RUN(a_replacement_stands_in_the_piece_where_its_match_begins);
	RUN(nothing_from_a_cut_on_leaves_nor_what_is_not_clear);
	RUN(prose_in_place_of_an_id_is_judged);
	return CHECK_DONE();
}
