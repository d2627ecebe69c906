/* SPDX-License-Identifier: Apache-2.0 */
/* test_length.c - texts that are too long. */
#include "tests/judge.h"

enum { CHARACTERS, BYTES, LINES, ROW, WORD };

/* A rule's limit is the number of its first option. */
static struct judge
open_limits(const double (*limit)[2], size_t n)
{
	struct judge_rule rules[8];
	struct judge j;
	size_t i;

	for (i = 0; i < n; i++)
		rules[i] = (struct judge_rule){ .items = "",
			.choice = limit[i][1] };
	j = judge_open_rules("length", rules, n);
	j.type->close(j.conf);
	for (i = 0; i < n; i++)
		((struct mg_value *)(uintptr_t)j.rules[i].match)->number =
		    limit[i][0];
	j.conf = j.type->open(j.rules, n, judge_warned, &j, &j.err);
	return j;
}

/* Where the first finding is; -1: there is none. */
static int
first(int unit, int limit, const char *text)
{
	struct judge j = open_limits((const double[][2]){ { limit, unit } },
	    1);
	int at = -1;

	if (judge_text(&j, text, LAST) == MG_FOUND)
		at = (int)j.all[0].at;
	judge_close(&j);
	return at;
}

static void
finds_the_character_that_is_one_too_many(void)
{
	CHECK_EQ(first(CHARACTERS, 3, "春江潮"), -1);
	CHECK_EQ(first(CHARACTERS, 3, "春江潮水"), 9);
	CHECK_EQ(first(BYTES, 9, "春江潮"), -1);
	CHECK_EQ(first(BYTES, 8, "春江潮"), 6);
	CHECK_EQ(first(LINES, 2, "a\nb\n"), -1);
	CHECK_EQ(first(LINES, 2, "a\nb\nc"), 4);
	CHECK_EQ(first(LINES, 1, "\n\n"), 1);
	CHECK_EQ(first(ROW, 3, "aaabbb哈哈哈"), -1);
	CHECK_EQ(first(ROW, 3, "aab哈哈哈哈!"), 12);
	CHECK_EQ(first(WORD, 5, "short words 春江潮水连海平"), -1);
	CHECK_EQ(first(WORD, 5, "no longer"), 8);
}

static void
finds_each_row_once(void)
{
	struct judge j = open_limits((const double[][2]){ { 2, ROW } }, 1);

	CHECK_EQ(judge_text(&j, "aaaaaa bbb", LAST), MG_FOUND);
	CHECK_EQ(j.n_all, 2);
	CHECK_EQ(j.all[0].at, 2);
	CHECK_EQ(j.all[1].at, 9);
	judge_close(&j);
}

static void
holds_nothing(void)
{
	struct judge j = open_limits((const double[][2]){
	    { 4, CHARACTERS }, { 3, ROW } }, 2);

	CHECK_EQ(judge_text(&j, "aaa", MORE), MG_CLEAN);
	CHECK_EQ(j.hold, 3);
	CHECK_EQ(judge_text(&j, "ab", MORE), MG_FOUND);
	CHECK_EQ(j.n_all, 2);
	judge_close(&j);
}

static uint32_t seed = 9;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static int
compare(const void *x, const void *y)
{
	const struct mg_found *a = x, *b = y;

	if (a->rule != b->rule)
		return a->rule < b->rule ? -1 : 1;
	return (a->at > b->at) - (a->at < b->at);
}

static void
check_cuts(struct judge *j, const char *text)
{
	struct mg_found whole[256];
	size_t len = strlen(text), n, step, i, to;

	judge_begin(j);
	(void)judge_text(j, text, LAST);
	n = j->n_all;
	CHECK(n <= 256);
	if (n)
		memcpy(whole, j->all, n * sizeof(*whole));
	qsort(whole, n, sizeof(*whole), compare);
	for (step = 1; step < 30; step += 3) {
		judge_begin(j);
		for (i = 0; i < len; i = to) {
			to = i + step < len ? i + step : len;
			while (to < len && (text[to] & 0xc0) == 0x80)
				to++;
			(void)judge_bytes(j, text + i, to - i, MORE);
		}
		(void)judge_text(j, "", LAST);
		CHECK_EQ(j->n_all, n);
		if (n && j->n_all == n)
			qsort(j->all, n, sizeof(*j->all), compare);
		CHECK(j->n_all != n || n == 0 ||
		    memcmp(j->all, whole, n * sizeof(*whole)) == 0);
	}
}

static void
finds_the_same_at_any_cut(void)
{
	static const char *const parts[] = { "a", "a", "\n", "春", " ", "é",
		"bc", "😀" };
	unsigned round;

	for (round = 0; round < 1000 && !check_test_failed; round++) {
		struct judge all = open_limits((const double[][2]){
		    { 1 + rnd(20), CHARACTERS }, { 1 + rnd(40), BYTES },
		    { 1 + rnd(5), LINES }, { 1 + rnd(3), ROW },
		    { 1 + rnd(5), WORD } }, 5);
		struct judge some = open_limits((const double[][2]){
		    { 1 + rnd(20), CHARACTERS }, { 1 + rnd(40), BYTES },
		    { 1 + rnd(5), LINES }, { 9, LINES } }, 4);
		char text[256] = "";
		size_t n = rnd(40);

		while (n-- > 0)
			strcat(text, parts[rnd(8)]);
		check_cuts(&all, text);
		check_cuts(&some, text);
		judge_close(&all);
		judge_close(&some);
	}
}

int
main(void)
{
	RUN(finds_the_character_that_is_one_too_many);
	RUN(finds_each_row_once);
	RUN(holds_nothing);
	RUN(finds_the_same_at_any_cut);
	return CHECK_DONE();
}
