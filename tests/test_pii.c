/* SPDX-License-Identifier: Apache-2.0 */
/* test_pii.c - the engine of personal data: which rule is told what, how long
 * a text must wait, and that cuts do not matter. What each kind finds is in
 * test_pii_china.c and test_pii_world.c. */
#include "filters/pii.h"
#include "filters/pii_bytes.h"
#include "tests/look.h"
#include "tests/pii_look.h"
#include "tests/policy_text.h"

static const char all_kinds[] =
#define X(name, spots, early) "\n" #name
    PII_KINDS(X);
#undef X

/* One text for each kind, with what is found in it. */
static const struct sample {
	const char *kind, *before, *found;
} samples[] = {
	{ "cn_resident_id", "身份证", "310115190703275434" },
	{ "cn_uscc", "税号", "91350100M000100Y43" },
	{ "cn_bank_card", "卡号", "6225 8811 8282 7574 416" },
	{ "cn_mobile", "手机", "+86 138-0013-8000" },
	{ "cn_landline", "电话", "(010)62345678" },
	{ "cn_passport", "护照", "EA1234567" },
	{ "cn_plate", "车牌", "粤B12345" },
	{ "email", "写信给", "some.body@mail.example.org" },
	{ "iban", "to ", "DE89 3704 0044 0532 0130 00" },
	{ "card", "卡", "3782 822463 10005" },
	{ "us_ssn", "SSN ", "576-09-7980" },
	{ "us_itin", "itin ", "911-70-1234" },
	{ "us_phone", "call ", "(212) 555-0179" },
	{ "uk_phone", "ring ", "07700 900838" },
	{ "phone_e164", "tel ", "+49 30 1234567" },
	{ "ip", "to ", "2001:db8::8a2e:370:7334" },
	{ "mac", "ether ", "9e:40:5e:25:6d:81" },
	{ "crypto_address", "btc ", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy" },
	{ "birth_date", "born ", "March 5, 1990" },
	{ "cn_address", "寄到", "北京市海淀区中关村大街27号" },
	{ "en_address", "at ", "1600 Pennsylvania Avenue" },
	{ "cn_name", "我叫", "欧阳小明" },
	{ "en_name", "Mr. ", "John Smith" },
};
enum { SAMPLES = sizeof(samples) / sizeof(*samples) };

static void
has_a_sample_of_each_kind(void)
{
	CHECK_EQ(SAMPLES, PII_N_KINDS);
}

static void
finds_each_sample_at_any_cut(void)
{
	char text[256];
	size_t i;

	for (i = 0; i < SAMPLES; i++) {
		(void)snprintf(text, sizeof(text), "%s%s。",
		    samples[i].before, samples[i].found);
		SEES(samples[i].kind, text, samples[i].found);
	}
}

/* No byte of a match leaves before the match is known. */
static void
holds_a_match_from_its_first_byte(void)
{
	char text[256];
	size_t i, cut, start;

	for (i = 0; i < SAMPLES; i++) {
		struct judge j = pii_open(samples[i].kind, 0.5, MG_FOLD_NONE);

		start = strlen(samples[i].before);
		(void)snprintf(text, sizeof(text), "%s%s",
		    samples[i].before, samples[i].found);
		for (cut = start + 1; text[cut]; cut++) {
			if ((text[cut] & 0xc0) == 0x80)
				continue;
			judge_begin(&j);
			(void)judge_bytes(&j, text, cut, MORE);
			CHECK(j.hold <= start || j.n_all > 0);
		}
		judge_close(&j);
	}
}

/* What cannot become a match any more is let go at once. */
static void
lets_a_beginning_go_that_a_full_stop_ends(void)
{
	char text[256];
	size_t i, cut, len;

	for (i = 0; i < SAMPLES; i++) {
		struct judge j = pii_open(samples[i].kind, 0.5, MG_FOLD_NONE);

		(void)snprintf(text, sizeof(text), "%s%s",
		    samples[i].before, samples[i].found);
		len = strlen(text);
		for (cut = 1; cut <= len; cut++) {
			if ((text[cut] & 0xc0) == 0x80)
				continue;
			judge_begin(&j);
			(void)judge_bytes(&j, text, cut, MORE);
			(void)judge_text(&j, "。", MORE);
			CHECK_EQ(j.hold, cut + 3);
		}
		judge_close(&j);
	}
}

static void
holds_only_what_may_still_be_a_number(void)
{
	struct judge j = pii_open("cn_mobile", 0.5, MG_FOLD_NONE);

	CHECK_EQ(judge_text(&j, "我有12", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, "个，手机1", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 20);
	CHECK_EQ(judge_text(&j, "2", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, " 138001380", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 23);
	CHECK_EQ(judge_text(&j, "00", MORE), MG_HOLD);
	CHECK_EQ(judge_text(&j, "1", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, "", LAST), MG_CLEAN);
	judge_close(&j);
}

static void
holds_a_word_that_may_be_an_email_address(void)
{
	struct judge j = pii_open("email", 0.5, MG_FOLD_NONE);

	CHECK_EQ(judge_text(&j, "write to bob", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 9);
	CHECK_EQ(judge_text(&j, " now", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 13);
	CHECK_EQ(judge_text(&j, "吧", MORE), MG_CLEAN);
	judge_close(&j);
}

static void
does_not_hold_text_for_a_rule_that_only_flags(void)
{
	struct judge j = judge_open_rules("pii", &(struct judge_rule){
	    .items = "cn_mobile\nemail", .loose = true }, 1);

	CHECK_EQ(judge_text(&j, "tel 13800138", MORE), MG_CLEAN);
	CHECK_EQ(j.hold, 12);
	CHECK_EQ(judge_text(&j, "000 bob", MORE), MG_FOUND);
	CHECK_EQ(j.found.at, 4);
	CHECK_EQ(judge_text(&j, "@example.org", LAST), MG_FOUND);
	judge_close(&j);
}

/* Some rules wait, others only flag; each kind keeps its own place. */
static void
waits_for_the_kinds_of_holding_rules_alone(void)
{
	struct judge j = judge_open_rules("pii", (struct judge_rule[]){
	    { .items = "email", .loose = true },
	    { .items = "cn_mobile" } }, 2);

	CHECK_EQ(judge_text(&j, "to bob", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, " 13", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 7);
	CHECK_EQ(judge_text(&j, "@example.org 13800138000.", LAST), MG_FOUND);
	CHECK_EQ(j.n_all, 2);
	judge_close(&j);
}

static void
looks_only_for_rules_in_scope(void)
{
	struct judge j = judge_open_rules("pii", (struct judge_rule[]){
	    { .items = "email", .off = true },
	    { .items = "cn_mobile" } }, 2);

	CHECK_EQ(judge_text(&j, "bob@example.org 13800138000", LAST),
	    MG_FOUND);
	CHECK_EQ(j.n_all, 1);
	CHECK_EQ(j.found.rule, 1);
	judge_close(&j);
}

static void
names_the_kind_by_its_place_in_the_rule(void)
{
	struct judge j = pii_open("email\ncn_mobile\nip", 0.5, MG_FOLD_NONE);

	(void)judge_text(&j, "13800138000 10.0.0.1 a@b.cn", LAST);
	CHECK_EQ(j.n_all, 3);
	CHECK_EQ(j.all[0].item, 1);
	CHECK_EQ(j.all[1].item, 2);
	CHECK_EQ(j.all[2].item, 0);
	judge_close(&j);
}

static void
tells_a_rule_the_most_specific_kind_alone(void)
{
	struct judge j = pii_open("card\ncn_bank_card\nphone_e164\ncn_mobile",
	    0.5, MG_FOLD_NONE);

	CHECK_STR(pii_seen(&j, "6225881182827574416 4111111111111111"),
	    "6225881182827574416|4111111111111111");
	CHECK_STR(pii_seen(&j, "+86 13800138000"), "+86 13800138000");
	CHECK_EQ(j.found.item, 3);
	judge_close(&j);
}

static void
tells_each_of_two_rules_its_own_kind(void)
{
	struct judge j = judge_open_rules("pii", (struct judge_rule[]){
	    { .items = "card" }, { .items = "cn_bank_card" } }, 2);

	(void)judge_text(&j, "6225881182827574416", LAST);
	CHECK_EQ(j.n_all, 2);
	CHECK(j.all[0].rule != j.all[1].rule);
	judge_close(&j);
}

static void
is_sure_of_what_a_checksum_proves(void)
{
	struct judge j = pii_open("cn_resident_id\ncard\niban", 1,
	    MG_FOLD_NONE);

	CHECK_STR(pii_seen(&j, "310115190703275434 4111111111111111 "
	    "DE89370400440532013000"), "310115190703275434|4111111111111111|"
	    "DE89370400440532013000");
	judge_close(&j);
	j = pii_open("cn_mobile\nemail", 1, MG_FOLD_NONE);
	CHECK_STR(pii_seen(&j, "13800138000 a@b.cn"), "");
	judge_close(&j);
	j = pii_open("cn_mobile", 0.9, MG_FOLD_NONE);
	CHECK_STR(pii_seen(&j, "13800138000在这里，手机号13900139000"),
	    "13900139000");
	judge_close(&j);
}

/* What stands before a number counts, also when it is long gone. */
static void
remembers_words_before_a_number_over_cuts(void)
{
	struct judge j = pii_open("cn_passport", 0.5, MG_FOLD_NONE);

	(void)judge_text(&j, "护照", MORE);
	(void)judge_text(&j, "在这里，号码是", MORE);
	CHECK_EQ(j.hold, 27);
	CHECK_EQ(judge_text(&j, "E12345678", LAST), MG_FOUND);
	judge_close(&j);
}

static void
is_read_from_a_policy(void)
{
	struct policy *p = policy_text("- id: r\n  on: prompt\n"
	    "  match: { pii: [ip, cn_mobile], public_only: true }\n"
	    "  action: redact\n");
	struct seen seen = look(p, &p->rules[0],
	    "手机13800138000 10.0.0.1 8.8.8.8");

	CHECK_EQ(seen.found, 2);
	CHECK_EQ(seen.at, 6);
	CHECK_EQ(seen.len, 11);
	policy_unref(&p);
}

static void
refuses_a_kind_that_it_does_not_know(void)
{
	struct judge j = judge_open("pii", "emial");

	CHECK(!j.conf);
	CHECK_STR(j.err.text, "policy.yaml:1:1: pii: unknown kind");
	judge_close(&j);
}

/* ---- random texts ---- */

static uint32_t seed = 7;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Pieces of what the kinds look for, glued in any order. */
static void
make_text(char *to, size_t size)
{
	static const char *const pieces[] = { "1", "3", "8", "0", "00", "138",
		"0013", "8000", "86", "+", "(", ")", "-", " ", ".", ":", "@",
		"a", "e", "E1", "DE89", "3704", "粤", "B", "身份证", "王",
		"先生", "我叫", "北京", "市", "路", "号", "Mr", "Dear ", "May ",
		"born ", "0x", "bc1", "fe80::", "x", "年", "月", "电话", "St",
		"example.org", "6225", "/", "，", "。", "\n", "ssn", "_", "2",
		"4111", "1111", "int", "10.0", ".0.1", "::", "ff:", "aa-" };
	size_t len = 0, n;

	for (;;) {
		const char *p = pieces[rnd(sizeof(pieces) / sizeof(*pieces))];

		n = strlen(p);
		if (rnd(4) == 0) {
			p = samples[rnd(SAMPLES)].found;
			n = 1 + rnd((uint32_t)strlen(p));
			while ((p[n] & 0xc0) == 0x80)
				n--;
			if (n == 0)
				n = strlen(p);
		}
		if (len + n >= size)
			break;
		memcpy(to + len, p, n);
		len += n;
	}
	to[len] = '\0';
}

static void
finds_the_same_in_random_texts_at_any_cut(void)
{
	enum { ROUNDS = 500 };
	struct judge one = pii_open(all_kinds + 1, 0, MG_FOLD_NONE);
	struct judge two = pii_open(all_kinds + 1, 0.5, MG_FOLD_BASIC);
	size_t found = 0, i;
	char text[120];

	for (i = 0; i < ROUNDS; i++) {
		make_text(text, sizeof(text) - rnd(60));
		found += pii_seen(i % 2 ? &one : &two, text)[0] != '\0';
	}
	CHECK(found > ROUNDS / 4);
	judge_close(&one);
	judge_close(&two);
}

static void
sees_the_same_bytes_with_and_without_sse(void)
{
	unsigned char p[PII_BYTES];
	unsigned round, i;

	for (round = 0; round < 4096; round++) {
		struct pii_bytes a, b;

		for (i = 0; i < PII_BYTES; i++)
			p[i] = (unsigned char)(round < 256 ? round + i :
			    rnd(256));
		a = pii_bytes(p);
		b = pii_bytes_plain(p);
		CHECK(memcmp(&a, &b, sizeof(a)) == 0);
	}
}

/* Feeds what each kind could wait for without end. */
static void
feed_runs(struct judge *j, size_t bound)
{
	static const char *const runs[] = { "a", "1", "a@a.", "北京路", "1 a ",
		"王", "ff:", "0x1", "1.", "1-", "京", "+1 ", "Mr. A ", "12 Ab ",
		"地址", "aaaaaaa-", "a.", "1111 ", "Mr ", "B. ", "+1 (0) ",
		"1\xe2\x80\x90", "a1", "Ab", "é" };
	size_t i, k;
	char text[64];

	for (i = 0; i < sizeof(runs) / sizeof(*runs); i++) {
		judge_begin(j);
		for (k = 0; k < 600; k++) {
			(void)judge_text(j, runs[i], MORE);
			CHECK(j->len - j->hold <= bound);
			CHECK(j->len - j->keep <= bound + PII_BACK + 4);
		}
	}
	judge_begin(j);
	for (k = 0; k < 2000; k++) {
		make_text(text, sizeof(text));
		(void)judge_text(j, text, MORE);
		CHECK(j->len - j->hold <= bound);
	}
}

static void
never_holds_more_than_its_bound(void)
{
	size_t i, bound;

	for (i = 0; i < SAMPLES; i++) {
		const char *kind = samples[i].kind;
		struct judge j = pii_open(kind, 0, MG_FOLD_NONE);

		bound = strcmp(kind, "email") == 0 ||
		    strstr(kind, "n_address") ? 384 : 160;
		feed_runs(&j, bound);
		judge_close(&j);
	}
}

static void
refuses_a_shorter_wait_than_a_kind_may_need(void)
{
	struct judge j = judge_open_rules("pii", &(struct judge_rule){
	    .items = "cn_mobile\nemail", .max_hold = 200 }, 1);

	CHECK(!j.conf);
	CHECK_STR(j.err.text, "policy.yaml:1:1: pii: max_hold is 200 bytes; "
	    "these kinds may need 384");
	judge_close(&j);
	j = judge_open_rules("pii", &(struct judge_rule){
	    .items = "cn_mobile", .max_hold = 200 }, 1);
	CHECK(j.conf);
	judge_close(&j);
}

int
main(void)
{
	RUN(has_a_sample_of_each_kind);
	RUN(finds_each_sample_at_any_cut);
	RUN(holds_a_match_from_its_first_byte);
	RUN(lets_a_beginning_go_that_a_full_stop_ends);
	RUN(holds_only_what_may_still_be_a_number);
	RUN(holds_a_word_that_may_be_an_email_address);
	RUN(does_not_hold_text_for_a_rule_that_only_flags);
	RUN(waits_for_the_kinds_of_holding_rules_alone);
	RUN(looks_only_for_rules_in_scope);
	RUN(names_the_kind_by_its_place_in_the_rule);
	RUN(tells_a_rule_the_most_specific_kind_alone);
	RUN(tells_each_of_two_rules_its_own_kind);
	RUN(is_sure_of_what_a_checksum_proves);
	RUN(remembers_words_before_a_number_over_cuts);
	RUN(refuses_a_kind_that_it_does_not_know);
	RUN(finds_the_same_in_random_texts_at_any_cut);
	RUN(sees_the_same_bytes_with_and_without_sse);
	RUN(never_holds_more_than_its_bound);
	RUN(refuses_a_shorter_wait_than_a_kind_may_need);
	RUN(is_read_from_a_policy);
	return CHECK_DONE();
}
