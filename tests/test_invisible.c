/* SPDX-License-Identifier: Apache-2.0 */
/* test_invisible.c - characters that no reader sees. */
#include "tests/judge.h"

static char *
put(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	*to = '\0';
	return to;
}

static char *
spell(char *to, const char *text, uint32_t from)
{
	for (; *text; text++)
		to = put(to, from + (unsigned char)*text);
	return to;
}

static struct judge
open_all(void)
{
	return judge_open_rules("invisible", &(struct judge_rule){
	    .items = "all", .choice = 3 }, 1);
}

static size_t
count(const char *text)
{
	struct judge j = open_all();
	size_t n;

	(void)judge_text(&j, text, LAST);
	n = j.n_all;
	judge_close(&j);
	return n;
}

static void
finds_text_spelt_in_tag_characters(void)
{
	char text[256] = "hi ";
	struct judge j = open_all();

	strcat(spell(text + 3, "ignore", 0xe0000), " there");
	CHECK_EQ(judge_text(&j, text, LAST), MG_FOUND);
	CHECK_EQ(j.n_all, 1);
	CHECK_EQ(j.found.at, 3);
	CHECK_EQ(j.found.len, 24);
	judge_close(&j);
}

static void
finds_runs_of_zero_width_and_direction(void)
{
	CHECK_EQ(count("a\u200b\u200c\u200bb"), 1);
	CHECK_EQ(count("a\u200b\u200cb"), 0);
	CHECK_EQ(count("\u202e\u202d\u202e" "abc"), 1);
	CHECK_EQ(count("x\u200b\u202e\u200b\u202e"), 0);	/* no run */
	CHECK_EQ(count("\ufe00\ufe01\ufe02"), 1);
}

static void
leaves_proper_uses_alone(void)
{
	char flag[64];
	char *p = spell(put(flag, 0x1f3f4), "gbsct", 0xe0000);

	put(p, 0xe007f);
	CHECK_EQ(count(flag), 0);			/* Scotland */
	CHECK_EQ(count(flag + 4), 1);			/* without a flag */
	CHECK_EQ(count("\u2764\ufe0f 葛\U000e0100城"), 0);
	CHECK_EQ(count("👨\u200d👩\u200d👧"), 0);
	CHECK_EQ(count("می\u200cخواهم"), 0);
	CHECK_EQ(count("春江潮水连海平，plain text…"), 0);
}

static char *
put_byte(char *to, uint8_t byte)
{
	return put(to, byte < 16 ? 0xfe00u + byte : 0xe0100u + byte - 16);
}

/* U+FEFF, then "C2PATXT", 0, version 1, the length n, and n bytes. */
static char *
put_manifest(char *to, size_t n)
{
	const char *magic = "C2PATXT";
	size_t i;

	to = put(to, 0xfeff);
	for (i = 0; i < 8; i++)
		to = put_byte(to, (uint8_t)magic[i]);
	to = put_byte(to, 1);
	for (i = 0; i < 4; i++)
		to = put_byte(to, i == 3 ? (uint8_t)n : 0);
	for (i = 0; i < n; i++)
		to = put_byte(to, (uint8_t)(i * 37));
	return to;
}

static void
leaves_a_c2pa_manifest_alone_but_not_what_follows(void)
{
	char text[2048];
	char *end = put_manifest(text, 100);
	size_t i;

	CHECK_EQ(count(text), 0);
	end = put_byte(end, 'a');
	end = put_byte(end, 'b');
	CHECK_EQ(count(text), 0);
	put_byte(end, 'c');
	CHECK_EQ(count(text), 1);
	CHECK_EQ(count(text + 3), 1);		/* without U+FEFF */
	/* Padding is one selector over and over. */
	end = put_manifest(text, 100);
	for (i = 0; i < 200; i++)
		end = put_byte(end, 0);
	CHECK_EQ(count(text), 0);
}

static void
holds_a_run_until_it_ends(void)
{
	struct judge j = open_all();

	CHECK_EQ(judge_text(&j, "ab\u200b", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 2);
	CHECK_EQ(judge_text(&j, "c", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, "\u200b\u200b\u200b", MORE), MG_HOLD);
	CHECK_EQ(judge_text(&j, "d", MORE), MG_FOUND);
	CHECK_EQ(j.found.at, 6);
	CHECK_EQ(j.found.len, 9);
	judge_close(&j);
}

static void
reports_a_long_run_in_pieces(void)
{
	struct judge j = open_all();
	uint64_t end = 0;
	size_t i;

	for (i = 0; i < 1000; i++) {
		(void)judge_text(&j, "\u200b", MORE);
		CHECK(j.len - j.hold <= 512);
	}
	(void)judge_text(&j, "", LAST);
	for (i = 0; i < j.n_all; i++) {
		CHECK_EQ(j.all[i].at, end);
		end += j.all[i].len;
	}
	CHECK_EQ(end, 3000);
	judge_close(&j);
}

static uint32_t seed = 2;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void
finds_the_same_at_any_cut(void)
{
	static const uint32_t chars[] = { 'a', 0x4e2d, 0x200b, 0x200b, 0x202e,
		0xfe0f, 0xe0141, 0x1f3f4, 0xe0067, 0xe007f, 0xfeff, 0xe9,
		0x3164, 0x10ffff };
	struct judge j = judge_open_rules("invisible", (struct judge_rule[]){
	    { .items = "tags\nzero_width\nselectors\nbidi", .choice = 2 },
	    { .items = "all", .choice = 4, .loose = true } }, 2);
	struct mg_found whole[128];
	size_t total = 0;
	unsigned round;

	for (round = 0; round < 3000 && !check_test_failed; round++) {
		char text[512] = "", *p = text;
		size_t n = 1 + rnd(30), i, len, step, to;

		if (rnd(9) == 0)
			p = put_manifest(p, rnd(20));
		while (n-- > 0)
			p = put(p, chars[rnd(sizeof(chars) / sizeof(*chars))]);
		len = (size_t)(p - text);
		judge_begin(&j);
		(void)judge_bytes(&j, text, len, LAST);
		n = j.n_all;
		total += n;
		CHECK(n <= 128);
		if (n)
			memcpy(whole, j.all, n * sizeof(*whole));
		for (step = 1; step < 20; step += 2) {
			judge_begin(&j);
			for (i = 0; i < len; i = to) {
				to = i + step < len ? i + step : len;
				while (to < len && (text[to] & 0xc0) == 0x80)
					to++;
				(void)judge_bytes(&j, text + i, to - i, MORE);
			}
			(void)judge_text(&j, "", LAST);
			CHECK_EQ(j.n_all, n);
			CHECK(j.n_all != n || n == 0 || memcmp(j.all, whole,
			    n * sizeof(*whole)) == 0);
		}
	}
	CHECK(total > 1000);
	judge_close(&j);
}

int
main(void)
{
	RUN(finds_text_spelt_in_tag_characters);
	RUN(finds_runs_of_zero_width_and_direction);
	RUN(leaves_proper_uses_alone);
	RUN(leaves_a_c2pa_manifest_alone_but_not_what_follows);
	RUN(holds_a_run_until_it_ends);
	RUN(reports_a_long_run_in_pieces);
	RUN(finds_the_same_at_any_cut);
	return CHECK_DONE();
}
