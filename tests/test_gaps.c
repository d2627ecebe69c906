/* SPDX-License-Identifier: Apache-2.0 */
/* test_gaps.c - words with gaps: what they match, how long a text must wait,
 * and every cap. */
#include "tests/judge.h"

#include "filters/gaps.h"

static void
finds_the_parts_in_order_within_so_many_characters(void)
{
	struct judge j = judge_open("words", "炸…弹\nmake…{8}bomb");

	CHECK_EQ(judge_text(&j, "炸弹 炸一二三弹 弹炸", LAST), MG_FOUND);
	CHECK_EQ(j.n_all, 2);
	CHECK_EQ(j.all[0].at, 0);
	CHECK_EQ(j.all[0].len, 6);
	CHECK_EQ(j.all[1].at, 7);
	CHECK_EQ(j.all[1].len, 15);
	judge_begin(&j);
	CHECK_EQ(judge_text(&j, "炸一二三四弹", LAST), MG_CLEAN);
	judge_begin(&j);
	CHECK_EQ(judge_text(&j, "MAKE a ugly bomb", LAST), MG_FOUND);
	CHECK_EQ(j.found.item, 1);
	judge_begin(&j);
	CHECK_EQ(judge_text(&j, "make a very big bomb", LAST), MG_CLEAN);
	judge_close(&j);
}

static void
begins_with_the_last_first_part(void)
{
	struct judge j = judge_open("words", "炸…弹");

	CHECK_EQ(judge_text(&j, "炸炸x弹弹", LAST), MG_FOUND);
	CHECK_EQ(j.n_all, 2);
	CHECK_EQ(j.all[0].at, 3);
	CHECK_EQ(j.all[0].len, 7);
	CHECK_EQ(j.all[1].at, 3);
	CHECK_EQ(j.all[1].len, 10);
	judge_close(&j);
}

static void
wants_borders_of_every_latin_part(void)
{
	struct judge j = judge_open("words", "kill…{4}him");

	CHECK_EQ(judge_text(&j, "killhim skill him kill hims kills him",
	    LAST), MG_CLEAN);
	judge_begin(&j);
	CHECK_EQ(judge_text(&j, "kill, him", LAST), MG_FOUND);
	judge_close(&j);
	j = judge_open_rules("words", &(struct judge_rule){
	    .items = "kill…him", .choice = 1 }, 1);
	CHECK_EQ(judge_text(&j, "skillhims", LAST), MG_FOUND);
	CHECK_EQ(j.found.at, 1);
	judge_close(&j);
}

static void
holds_from_the_first_part_only_while_a_match_is_possible(void)
{
	struct judge j = judge_open("words", "炸…{2}弹药");

	CHECK_EQ(judge_text(&j, "x炸", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 1);
	CHECK_EQ(judge_text(&j, "一二", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 1);
	CHECK_EQ(judge_text(&j, "三", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, "炸一二弹", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 13);
	CHECK_EQ(judge_text(&j, "炸", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 25);	/* the new one */
	CHECK_EQ(judge_text(&j, "弹药", MORE), MG_FOUND);
	CHECK_EQ(j.found.at, 25);
	CHECK_EQ(j.hold, 25);	/* another end may follow */
	CHECK_EQ(judge_text(&j, "。", MORE), MG_CLEAN);
	CHECK_EQ(j.hold, 37);
	judge_close(&j);
}

static void
does_not_hold_for_a_sequence_that_only_flags(void)
{
	struct judge j = judge_open_rules("words", &(struct judge_rule){
	    .items = "炸…弹", .loose = true }, 1);

	CHECK_EQ(judge_text(&j, "炸", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, "一", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, "弹", MORE), MG_FOUND);
	CHECK_EQ(j.found.at, 0);
	judge_close(&j);
}

static void
shelters_a_sequence_inside_an_exception(void)
{
	struct judge j = judge_open_rules("words", &(struct judge_rule){
	    .items = "炸…{1}弹", .except = "炸肉弹\n炸弹专家" }, 1);

	CHECK_EQ(judge_text(&j, "炸肉弹与炸弹专家", LAST), MG_CLEAN);
	judge_begin(&j);
	/* whatever follows, the exception will shelter it */
	CHECK_EQ(judge_text(&j, "炸肉", MORE), MG_CLEAN);
	judge_begin(&j);
	CHECK_EQ(judge_text(&j, "炸菜", MORE), MG_HOLD);
	CHECK_EQ(judge_text(&j, "弹", MORE), MG_FOUND);
	judge_begin(&j);
	CHECK_EQ(judge_text(&j, "炸弹专", MORE), MG_HOLD);
	CHECK_EQ(judge_text(&j, "门", MORE), MG_FOUND);
	judge_close(&j);
}

static void
takes_two_signs_in_a_row_as_they_are(void)
{
	struct judge j = judge_open("words", "且慢……\n一……二");

	CHECK_EQ(judge_text(&j, "一二 一…二 且慢…", LAST), MG_CLEAN);
	judge_begin(&j);
	CHECK_EQ(judge_text(&j, "且慢……一……二", LAST), MG_FOUND);
	CHECK_EQ(j.n_all, 2);
	judge_close(&j);
}

static void
counts_the_same_sequence_twice_in_a_rule_as_the_first(void)
{
	struct judge j = judge_open_rules("words", (struct judge_rule[]){
	    { .items = "炸 … 弹\n炸…{3}弹\n炸…{4}弹" },
	    { .items = "炸…弹" } }, 2);

	CHECK_EQ(judge_text(&j, "炸 弹", LAST), MG_FOUND);
	CHECK_EQ(j.n_all, 3);
	CHECK_EQ(j.all[0].item, 0);
	CHECK_EQ(j.all[1].rule, 1);
	CHECK_EQ(j.all[2].item, 2);
	judge_close(&j);
}

/* ---- what is refused ---- */

static void
refuses(const char *items, const char *why)
{
	struct judge j = judge_open("words", items);

	CHECK(!j.conf);
	if (!strstr(j.err.text, why))
		CHECK_STR(j.err.text, why);
	judge_close(&j);
}

static void
refuses_gaps_that_are_none(void)
{
	refuses("ok\n…弹", "policy.yaml:2:1: words: a gap '…' stands between "
	    "two parts of a word; write '……' for the sign itself");
	refuses("炸… ", "between two parts");
	refuses("a…{2}…b", "between two parts");
	refuses("炸…{0}弹", "a gap is '…', or '…{1}' to '…{16}'");
	refuses("炸…{17}弹", "a gap is");
	refuses("炸…{99999999999999999999}弹", "a gap is");
	refuses("炸…{x}弹", "a gap is");
	refuses("炸…{3", "a gap is");
	struct judge j = judge_open_rules("words", &(struct judge_rule){
	    .items = "a", .except = "a…b" }, 1);

	CHECK(!j.conf && strstr(j.err.text, "an exception has no gap"));
	judge_close(&j);
}

static void
takes_so_many_parts_and_no_more(void)
{
	struct judge j = judge_open("words", "一…二…三…四…五…六…七…八");

	CHECK(j.conf);
	CHECK_EQ(judge_text(&j, "一 二 三 四五 六 七 八", LAST), MG_FOUND);
	CHECK_EQ(j.found.at, 0);
	judge_close(&j);
	refuses("一…二…三…四…五…六…七…八…九", "more than 8 parts in one word");
}

static void
takes_a_part_of_so_many_bytes_and_no_more(void)
{
	char word[80];

	memset(word, 'a', sizeof(word));
	memcpy(word + 64, "…b", sizeof("…b"));
	struct judge j = judge_open("words", word);

	CHECK(j.conf);
	judge_close(&j);
	memcpy(word + 65, "…b", sizeof("…b"));
	refuses(word, "a part of 65 bytes in a word with gaps; at most 64");
}

static void
takes_no_sequence_that_a_stream_could_not_wait_for(void)
{
	struct judge j = judge_open_rules("words", &(struct judge_rule){
	    .items = "炸…{2}弹", .max_hold = 14 }, 1);

	CHECK(j.conf);
	judge_close(&j);
	j = judge_open_rules("words", &(struct judge_rule){
	    .items = "炸…{2}弹", .max_hold = 13 }, 1);
	CHECK(!j.conf && strstr(j.err.text, "can be 14 bytes, which is "
	    "longer than max_hold (13 bytes)"));
	judge_close(&j);
}

static void
takes_so_many_words_with_gaps_and_no_more(void)
{
	char *items = judge_alloc(10001 * 16), *p = items;
	unsigned i;

	for (i = 0; i < 10000; i++)
		p += sprintf(p, "%s一…%05u", i ? "\n" : "", i);
	struct judge j = judge_open("words", items);

	CHECK(j.conf);
	CHECK_EQ(judge_text(&j, "一 09999", LAST), MG_FOUND);
	CHECK_EQ(j.found.item, 9999);
	judge_close(&j);
	(void)sprintf(p, "\n二…三");
	refuses(items, "policy.yaml:10001:1: words: more than 10000 words "
	    "with gaps");
	free(items);
}

/* Many beginnings at once must not make a text slow to read: what has no use
 * is forgotten. A quadratic count would be seen by whoever runs the tests. */
static void
reads_a_text_of_nothing_but_first_parts(void)
{
	enum { N = 100000 };
	char *text = judge_alloc(N + 1);

	memset(text, 'a', N);
	struct judge j = judge_open_rules("words", &(struct judge_rule){
	    .items = "a…{16}a…{16}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
	    .choice = 1 }, 1);

	CHECK_EQ(judge_bytes(&j, text, N, LAST), MG_CLEAN);
	judge_close(&j);
	free(text);
}

/* ---- against a search that tries everything ---- */

static uint32_t seed = 7;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

enum { RULES = 3, ITEMS = 3, PARTS = 3, MAX_FOUND = 512 };

static const char *const alphabet[] = { "a", "中", "国", "B" };
/* In no term: a letter, and no letter. */
static const char *const fillers[] = { "q", "。" };

struct item {
	char part[PARTS][16];
	unsigned gap[PARTS];		/* before each */
	unsigned n;
};

struct spec {
	struct judge_rule rule[RULES];
	struct item item[RULES][ITEMS];
	unsigned n_items[RULES];
	char items[RULES][256], excepts[RULES][128];
	uint32_t letters;
};

static void
add_random(char *to, size_t max_chars, uint32_t letters)
{
	size_t n = 1 + rnd((uint32_t)max_chars);

	while (n-- > 0)
		strcat(to, alphabet[rnd(letters)]);	/* a test's buffer */
}

static void
make_item(struct spec *s, struct item *item, char *to)
{
	unsigned i;

	item->n = 1 + rnd(PARTS);
	for (i = 0; i < item->n; i++) {
		add_random(item->part[i], 2, s->letters);
		item->gap[i] = 1 + rnd(3);
		if (i > 0 && item->gap[i] == GAP_DEFAULT)
			strcat(to, "…");
		else if (i > 0)
			(void)sprintf(to + strlen(to), "…{%u}", item->gap[i]);
		strcat(to, item->part[i]);
	}
}

static void
make_spec(struct spec *s)
{
	unsigned r, i;

	memset(s, 0, sizeof(*s));
	s->letters = 1 + rnd(4);
	for (r = 0; r < RULES; r++) {
		s->n_items[r] = 1 + rnd(ITEMS);
		for (i = 0; i < s->n_items[r]; i++) {
			if (i)
				strcat(s->items[r], "\n");
			make_item(s, &s->item[r][i], s->items[r]);
		}
		s->rule[r].items = s->items[r];
		for (i = rnd(3); i > 0; i--) {
			if (s->excepts[r][0])
				strcat(s->excepts[r], "\n");
			add_random(s->excepts[r], 4, s->letters);
			s->rule[r].except = s->excepts[r];
		}
		s->rule[r].choice = rnd(2);
		s->rule[r].loose = rnd(4) == 0;
		s->rule[r].off = rnd(6) == 0;
	}
}

static bool
is_letter(char c)
{
	return c == 'a' || c == 'B' || c == 'q';
}

static bool
stands(const char *text, size_t len, size_t at, const char *word, size_t n,
    bool bordered)
{
	size_t i;

	if (at > len || n > len - at)
		return false;
	for (i = 0; i < n; i++)
		if ((text[at + i] | (is_letter(text[at + i]) ? 0x20 : 0)) !=
		    (word[i] | (is_letter(word[i]) ? 0x20 : 0)))
			return false;
	return !bordered ||
	    !((at > 0 && is_letter(text[at - 1]) && is_letter(word[0])) ||
		(at + n < len && is_letter(text[at + n]) &&
		    is_letter(word[n - 1])));
}

static size_t
count(const char *text, size_t a, size_t b)
{
	size_t n = 0;

	for (; a < b; a++)
		n += (text[a] & 0xc0) != 0x80;
	return n;
}

enum { NOWHERE = 1000 };

/* Where the shortest match of parts 0 to i begins that ends at `end`. */
static size_t
beginning(const struct item *item, unsigned i, const char *text, size_t len,
    size_t end, bool bordered)
{
	size_t n = strlen(item->part[i]), from, best = NOWHERE, at;

	if (n > end || !stands(text, len, end - n, item->part[i], n,
	    bordered))
		return NOWHERE;
	if (i == 0)
		return end - n;
	for (from = 0; from <= end - n; from++) {
		if (from < len && (text[from] & 0xc0) == 0x80)
			continue;
		if (count(text, from, end - n) > item->gap[i])
			continue;
		at = beginning(item, i - 1, text, len, from, bordered);
		if (at != NOWHERE && (best == NOWHERE || at > best))
			best = at;
	}
	return best;
}

static bool
is_sheltered(const char *text, size_t len, const struct judge_rule *rule,
    size_t at, size_t end)
{
	const char *word = rule->except;
	size_t n, a;

	for (; word && *word; word += n + (word[n] == '\n')) {
		n = strcspn(word, "\n");
		for (a = 0; a <= at; a++)
			if (a + n >= end &&
			    stands(text, len, a, word, n, rule->choice == 0))
				return true;
	}
	return false;
}

static bool
same_item(const struct item *a, const struct item *b)
{
	unsigned i;

	for (i = 0; i < a->n && a->n == b->n; i++)
		if (!stands(a->part[i], strlen(a->part[i]), 0, b->part[i],
			strlen(b->part[i]), false) ||
		    strlen(a->part[i]) != strlen(b->part[i]) ||
		    (i > 0 && a->gap[i] != b->gap[i]))
			return false;
	return a->n == b->n;
}

static size_t
search_all(const struct spec *s, const char *text, size_t len,
    struct mg_found *to)
{
	size_t n_found = 0, end, at;
	uint32_t r, i, k;

	for (r = 0; r < RULES; r++)
		for (i = 0; i < s->n_items[r] && !s->rule[r].off; i++) {
			for (k = 0; k < i; k++)
				if (same_item(&s->item[r][k], &s->item[r][i]))
					break;
			for (end = 1; k == i && end <= len; end++) {
				if (end < len && (text[end] & 0xc0) == 0x80)
					continue;
				at = beginning(&s->item[r][i],
				    s->item[r][i].n - 1, text, len, end,
				    s->rule[r].choice == 0);
				if (at != NOWHERE && n_found < MAX_FOUND &&
				    !is_sheltered(text, len, &s->rule[r], at,
					end))
					to[n_found++] = (struct mg_found){
						r, i, at, end - at, 1 };
			}
		}
	return n_found;
}

static bool
has(const struct mg_found *list, size_t n, const struct mg_found *f)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (list[i].rule == f->rule && list[i].item == f->item &&
		    list[i].at == f->at && list[i].len == f->len)
			return true;
	return false;
}

/* Whether the text has a finding that begins at the hold and was not reported
 * yet. */
static bool
finds_more(const struct spec *s, const struct judge *j, const char *text)
{
	struct mg_found list[MAX_FOUND];
	size_t n = search_all(s, text, strlen(text), list), i;

	for (i = 0; i < n; i++)
		if (list[i].at == j->hold && !s->rule[list[i].rule].loose &&
		    !has(j->all, j->n_all, &list[i]))
			return true;
	return false;
}

/* The item's parts from p on behind the text, with a filler or none before
 * each. */
static bool
can_end(const struct spec *s, const struct judge *j, char *text,
    const struct item *item, unsigned p)
{
	size_t len = strlen(text);
	unsigned sep;

	if (finds_more(s, j, text))
		return true;
	for (sep = 0; sep < 2 && p < item->n; sep++) {
		text[len] = '\0';
		strcat(strcat(text, sep ? fillers[1] : ""), item->part[p]);
		if (can_end(s, j, text, item, p + 1))
			return true;
	}
	text[len] = '\0';
	return false;
}

/* Whether some continuation has a finding that begins at the hold: one of an
 * item whose part p is under way, or comes next. */
static bool
is_needed(const struct spec *s, const struct judge *j, char *text)
{
	static const char *const before[] = { "", "。", "q", "q。" };
	size_t len = strlen(text), from;
	unsigned r, k, p, b;

	for (b = 0; b < 4; b++)
		for (r = 0; r < RULES; r++)
			for (k = 0; k < s->n_items[r]; k++)
				for (p = 0; p < s->item[r][k].n; p++) {
					const struct item *item =
					    &s->item[r][k];
					const char *part = item->part[p];

					for (from = 0; from <= strlen(part);
					    from++) {
						if ((part[from] & 0xc0) ==
						    0x80)
							continue;
						strcpy(text + len, before[b]);
						strcat(text, part + from);
						if (can_end(s, j, text, item,
							p + 1))
							return true;
					}
				}
	text[len] = '\0';
	return false;
}

/* Feeds one code point at a time: what is held must be needed. That nothing
 * is let go which is needed, judge.h sees. */
static void
check_each_step(const struct spec *s, struct judge *j, const char *text)
{
	char buffer[512];
	size_t len = 0, n, total = strlen(text);

	judge_begin(j);
	while (len < total && !check_test_failed) {
		n = (text[len] & 0x80) ? 3 : 1;
		(void)judge_bytes(j, text + len, n, MORE);
		len += n;
		memcpy(buffer, text, len);
		buffer[len] = '\0';
		CHECK(j->hold == len || is_needed(s, j, buffer));
		if (check_test_failed)
			fprintf(stderr, "[%s] [%s] [%s] except [%s] [%s] [%s] "
			    "borders %g %g %g text [%.*s] hold %zu\n",
			    s->items[0], s->items[1], s->items[2],
			    s->excepts[0], s->excepts[1], s->excepts[2],
			    s->rule[0].choice, s->rule[1].choice,
			    s->rule[2].choice, (int)len, text, j->hold);
	}
}

static void
check_all_cuts(const struct spec *s, struct judge *j, const char *text)
{
	struct mg_found list[MAX_FOUND], whole[MAX_FOUND];
	size_t len = strlen(text), i, cut, second;
	size_t n = search_all(s, text, len, list);

	judge_begin(j);
	(void)judge_text(j, text, LAST);
	CHECK_EQ(j->n_all, n);
	for (i = 0; i < j->n_all && i < n; i++)
		CHECK(has(list, n, &j->all[i]));
	if (n > 0 && j->n_all == n)
		memcpy(whole, j->all, n * sizeof(*whole));
	for (cut = 0; cut <= len; cut++)
		for (second = cut; second <= len && !check_test_failed;
		    second++) {
			if ((text[cut] & 0xc0) == 0x80 ||
			    (text[second] & 0xc0) == 0x80)
				continue;
			judge_begin(j);
			(void)judge_bytes(j, text, cut, MORE);
			(void)judge_bytes(j, text + cut, second - cut, MORE);
			(void)judge_bytes(j, text + second, len - second,
			    LAST);
			CHECK_EQ(j->n_all, n);
			CHECK(j->n_all != n || n == 0 || memcmp(j->all, whole,
			    n * sizeof(*whole)) == 0);
		}
	if (check_test_failed)
		fprintf(stderr, "[%s] [%s] [%s] text [%s]\n", s->items[0],
		    s->items[1], s->items[2], text);
}

static void
agrees_with_an_exhaustive_search_at_any_cut(void)
{
	unsigned round, i;

	for (round = 0; round < 3000 && !check_test_failed; round++) {
		struct spec s;
		char text[128] = "";

		make_spec(&s);
		struct judge j = judge_open_rules("words", s.rule, RULES);

		CHECK(j.conf);
		for (i = 4 + rnd(12); i > 0; i--)
			strcat(text, rnd(5) ? alphabet[rnd(s.letters)] :
			    fillers[rnd(2)]);
		check_all_cuts(&s, &j, text);
		if (round % 4 == 0)
			check_each_step(&s, &j, text);
		judge_close(&j);
	}
}

int
main(void)
{
	RUN(finds_the_parts_in_order_within_so_many_characters);
	RUN(begins_with_the_last_first_part);
	RUN(wants_borders_of_every_latin_part);
	RUN(holds_from_the_first_part_only_while_a_match_is_possible);
	RUN(does_not_hold_for_a_sequence_that_only_flags);
	RUN(shelters_a_sequence_inside_an_exception);
	RUN(takes_two_signs_in_a_row_as_they_are);
	RUN(counts_the_same_sequence_twice_in_a_rule_as_the_first);
	RUN(refuses_gaps_that_are_none);
	RUN(takes_so_many_parts_and_no_more);
	RUN(takes_a_part_of_so_many_bytes_and_no_more);
	RUN(takes_no_sequence_that_a_stream_could_not_wait_for);
	RUN(takes_so_many_words_with_gaps_and_no_more);
	RUN(reads_a_text_of_nothing_but_first_parts);
	RUN(agrees_with_an_exhaustive_search_at_any_cut);
	return CHECK_DONE();
}
