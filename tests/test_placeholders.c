/* SPDX-License-Identifier: Apache-2.0 */
/* test_placeholders.c - the table of an exchange's values: what stands for
 * them, what is recognised as that, and where it is full. */
#include <stdlib.h>

#include "gateway/buf.h"
#include "gateway/placeholders.h"
#include "tests/check.h"
#include "tests/policy_text.h"

#define RULE(id, as) "  - id: " id "\n    on: prompt\n    match: { words: " \
	"[a] }\n    action: pseudonymize\n" as

struct world {
	struct policy *policy;
	struct placeholders *table;
};

static struct world
open_world(void)
{
	struct world w;

	w.policy = policy_text(RULE("phones", "    as: PHONE\n")
	    RULE("cards", "    as: CARD_NO\n") RULE("also-phones",
	    "    as: PHONE\n") RULE("order-numbers", ""));
	w.table = placeholders_new(w.policy);
	return w;
}

static void
close_world(struct world *w)
{
	placeholders_free(w->table);
	policy_unref(&w->policy);
}

static void
add(struct world *w, const char *kind, const char *value, const char *want)
{
	struct mg_span got = placeholders_add(w->table, kind,
	    span_str(value));

	CHECK_MEM(got.ptr, got.len, want);
}

/* What a whole text's beginning stands for; "" for nothing. */
static void
reads(struct world *w, const char *text, const char *want, size_t len)
{
	enum placeholder_match match;
	struct mg_span value = { "", 0 };
	size_t got = 0;

	match = placeholders_match(w->table, span_str(text), false, true,
	    &got, &value);
	CHECK_EQ(match, *want ? PLACEHOLDER_YES : PLACEHOLDER_NOT);
	CHECK_MEM(value.ptr, value.len, want);
	CHECK_EQ(got, len);
}

static void
is_whole(struct world *w, const char *text, const char *want)
{
	reads(w, text, want, strlen(text));
}

static void
is_none(struct world *w, const char *text)
{
	reads(w, text, "", 0);
}

static void
equal_values_have_one_placeholder(void)
{
	struct world w = open_world();

	add(&w, "PHONE", "13800138000", "<PHONE_1>");
	add(&w, "PHONE", "13900139000", "<PHONE_2>");
	add(&w, "PHONE", "13800138000", "<PHONE_1>");
	add(&w, "CARD_NO", "13800138000", "<CARD_NO_1>");
	add(&w, "ORDER_NUMBERS", "A1", "<ORDER_NUMBERS_1>");
	CHECK_EQ(placeholders_count(w.table), 4);
	close_world(&w);
	placeholders_free(NULL);
}

static void
reads_what_it_wrote_as_models_write_it(void)
{
	static const char *const spellings[] = { "<PHONE_1>", "<phone_1>",
		"<Phone_1>", "< PHONE_1 >", "<PHONE 1>", "<PHONE-1>",
		"<PHONE _ 1>", "<PHONE\\_1>", "＜PHONE_1＞", "＜ＰＨＯＮＥ＿１＞",
		"<PHONE_1＞", "&lt;PHONE_1&gt;", "\\<PHONE\\_1\\>",
		"\\u003cPHONE_1\\u003E", "%3CPHONE_1%3E", "<\u3000PHONE_1\u00a0>",
		"PHONE_1", "PHONE\\_1", NULL };
	struct world w = open_world();
	size_t i;

	add(&w, "PHONE", "13800138000", "<PHONE_1>");
	for (i = 0; spellings[i]; i++)
		is_whole(&w, spellings[i], "13800138000");
	add(&w, "CARD_NO", "6222", "<CARD_NO_1>");
	is_whole(&w, "<card no 1>", "6222");
	is_whole(&w, "<CARD\\_NO\\_1>", "6222");
	is_whole(&w, "CARD_NO_1", "6222");
	reads(&w, "PHONE_1。", "13800138000", 7);
	reads(&w, "PHONE_1号", "13800138000", 7);
	reads(&w, "PHONE_1\\n", "13800138000", 7);
	reads(&w, "<PHONE_1>2", "13800138000", 9);
	close_world(&w);
}

static void
reads_nothing_else(void)
{
	static const char *const others[] = { "<PHONE_2>", "<PHONE_12>",
		"<PHONE_01>", "<PHONE_1", "<PHONE_1 x>", "<PHONE_>", "<PHONE>",
		"<PHONES_1>", "<PHON_1>", "<PHONE__1>", "<  PHONE_1>",
		"<PHONE_1_2>", "<PHONE_99999999999999999999>", "<FAX_1>",
		"phone_1", "Phone 1", "PHONE 1", "PHONE-1", "PHONE1",
		"PHONE_12", "PHONE_1a", "PHONE_1_", "PHONE_1\\_2", "PHONE_",
		"＜PHONE_1", "<电话_1>", "&ltPHONE_1&gt", "", "<", NULL };
	struct world w = open_world();
	size_t i, len;
	struct mg_span value;

	is_none(&w, "<PHONE_1>");		/* none was made yet */
	add(&w, "PHONE", "13800138000", "<PHONE_1>");
	for (i = 0; others[i]; i++)
		is_none(&w, others[i]);
	/* A bare one has a border on its left as well. */
	CHECK_EQ(placeholders_match(w.table, span_str("PHONE_1 "), true, true,
	    &len, &value), PLACEHOLDER_NOT);
	close_world(&w);
}

static void
twelve_is_not_one_and_a_two(void)
{
	struct world w = open_world();
	char value[16], want[16];
	int i;

	for (i = 1; i <= 12; i++) {
		(void)snprintf(value, sizeof(value), "v%d", i);
		(void)snprintf(want, sizeof(want), "<PHONE_%d>", i);
		add(&w, "PHONE", value, want);
	}
	is_whole(&w, "<PHONE_12>", "v12");
	is_whole(&w, "<PHONE_1>", "v1");
	is_whole(&w, "PHONE_12", "v12");
	is_none(&w, "<PHONE_13>");
	is_none(&w, "PHONE_123");
	close_world(&w);
}

static void
what_a_client_writes_itself_is_not_given_out(void)
{
	struct world w = open_world();

	placeholders_avoid(w.table, span_str("call <PHONE_1>, my phone 3 or "
	    "Phone-4, ＰＨＯＮＥ＿５ and PHONE\\_6; phone7"));
	placeholders_avoid(w.table, span_str("x<card_no_1>card no 3"));
	placeholders_avoid(w.table, span_str("PHONE_99999999999999999 PHONE"));
	add(&w, "PHONE", "a", "<PHONE_2>");
	add(&w, "PHONE", "b", "<PHONE_8>");
	add(&w, "CARD_NO", "c", "<CARD_NO_2>");
	add(&w, "CARD_NO", "d", "<CARD_NO_4>");
	is_none(&w, "<PHONE_1>");
	is_whole(&w, "<PHONE_8>", "b");
	close_world(&w);
}

static void
holds_so_many_values_and_no_more(void)
{
	struct world w = open_world();
	char value[16];
	int i;

	for (i = 0; i < PLACEHOLDERS_MAX; i++) {
		(void)snprintf(value, sizeof(value), "v%d", i);
		CHECK(placeholders_add(w.table, i % 2 ? "PHONE" : "CARD_NO",
		    span_str(value)).ptr != NULL);
	}
	CHECK(!placeholders_full(w.table));
	add(&w, "PHONE", "v1", "<PHONE_1>");
	CHECK(!placeholders_full(w.table));
	CHECK(!placeholders_add(w.table, "PHONE", span_str("one more")).ptr);
	CHECK(placeholders_full(w.table));
	close_world(&w);
}

static void
holds_so_many_bytes_and_no_more(void)
{
	struct world w = open_world();
	char *big = malloc(PLACEHOLDERS_BYTES);

	if (!big)
		abort();
	memset(big, 'x', PLACEHOLDERS_BYTES);
	CHECK(placeholders_add(w.table, "PHONE", span(big,
	    PLACEHOLDERS_BYTES - 1)).ptr != NULL);
	CHECK(placeholders_add(w.table, "PHONE", span("y", 1)).ptr != NULL);
	CHECK(!placeholders_full(w.table));
	CHECK(!placeholders_add(w.table, "PHONE", span("z", 1)).ptr);
	CHECK(placeholders_full(w.table));
	free(big);
	close_world(&w);
}

/* Whoever writes them all leaves none. */
static void
gives_out_no_number_beyond_the_last(void)
{
	struct world w = open_world();
	char text[32];
	int i;

	for (i = 1; i <= PLACEHOLDERS_NUMBER; i++) {
		(void)snprintf(text, sizeof(text), "PHONE_%d", i);
		placeholders_avoid(w.table, span_str(text));
	}
	CHECK(!placeholders_add(w.table, "PHONE", span_str("v")).ptr);
	CHECK(placeholders_full(w.table));
	add(&w, "CARD_NO", "v", "<CARD_NO_1>");
	close_world(&w);
}

int
main(void)
{
	RUN(equal_values_have_one_placeholder);
	RUN(reads_what_it_wrote_as_models_write_it);
	RUN(reads_nothing_else);
	RUN(twelve_is_not_one_and_a_two);
	RUN(what_a_client_writes_itself_is_not_given_out);
	RUN(holds_so_many_values_and_no_more);
	RUN(holds_so_many_bytes_and_no_more);
	RUN(gives_out_no_number_beyond_the_last);
	return CHECK_DONE();
}
