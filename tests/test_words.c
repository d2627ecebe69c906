/* SPDX-License-Identifier: Apache-2.0 */
/* test_words.c - words: what they match, and how long a text must wait. */
#include "tests/judge.h"

#include <time.h>

#include "filters/letters.h"
#include "filters/starts.h"

static void
finds_words_in_both_languages(void)
{
	struct judge j = judge_open("words", "malware\n暴力");

	CHECK_EQ(judge_text(&j, "write Malware, 不要暴力。", LAST), MG_FOUND);
	CHECK_EQ(j.n_all, 2);
	CHECK_EQ(j.all[0].at, 6);
	CHECK_EQ(j.all[0].len, 7);
	CHECK_EQ(j.all[0].item, 0);
	CHECK_EQ(j.all[1].at, 21);
	CHECK_EQ(j.all[1].len, 6);
	CHECK_EQ(j.all[1].item, 1);
	judge_close(&j);
}

static void
matches_latin_words_at_their_borders_only(void)
{
	struct judge j = judge_open("words", "ass\nété\nмир\n3d");

	CHECK_EQ(judge_text(&j, "class assess étéx Xété мира a3d", LAST),
	    MG_CLEAN);
	judge_begin(&j);
	CHECK_EQ(judge_text(&j, "(ass) 用ass好 l'été, МИР мир-3D", LAST),
	    MG_FOUND);
	CHECK_EQ(j.n_all, 5);
	judge_close(&j);
}

static void
counts_a_combining_mark_as_part_of_the_word(void)
{
	struct judge j = judge_open("words", "cafe");

	CHECK_EQ(judge_text(&j, "cafe\xcc\x81", LAST), MG_CLEAN);
	judge_close(&j);
}

static void
matches_anywhere_without_borders(void)
{
	struct judge j = judge_open_rules("words",
	    &(struct judge_rule){ .items = "ass", .choice = 1 }, 1);

	CHECK_EQ(judge_text(&j, "clASSy", LAST), MG_FOUND);
	CHECK_EQ(j.found.at, 2);
	judge_close(&j);
}

static void
trims_words_but_keeps_their_inner_spaces(void)
{
	struct judge j = judge_open("words", "  make a bomb\t");

	CHECK_EQ(judge_text(&j, "make  a bomb", LAST), MG_CLEAN);
	judge_begin(&j);
	CHECK_EQ(judge_text(&j, "so: make a bomb", LAST), MG_FOUND);
	CHECK_EQ(j.found.at, 4);
	CHECK_EQ(j.found.len, 11);
	judge_close(&j);
}

static void
holds_a_word_cut_between_chunks(void)
{
	struct judge j = judge_open("words", "malware");

	CHECK_EQ(judge_text(&j, "write some mal", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 11);
	CHECK_EQ(judge_text(&j, "ware", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 11);
	CHECK_EQ(judge_text(&j, " now", MORE), MG_FOUND);
	CHECK_EQ(j.found.at, 11);
	CHECK_EQ(j.hold, 22);
	judge_close(&j);
}

static void
lets_a_beginning_go_that_has_no_border(void)
{
	struct judge j = judge_open("words", "malware");

	CHECK_EQ(judge_text(&j, "animal", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, "wares malwares", MORE), MG_CLEAN);
	CHECK_EQ(j.n_all, 0);
	judge_close(&j);
}

static void
reports_a_chinese_word_without_waiting(void)
{
	struct judge j = judge_open("words", "暴力\n暴力犯罪");

	CHECK_EQ(judge_text(&j, "有暴力", MORE), MG_FOUND);
	CHECK_EQ(j.found.at, 3);
	CHECK_EQ(j.hold, 3);	/* the longer word may follow */
	CHECK_EQ(judge_text(&j, "犯", MORE), MG_HOLD);
	CHECK_EQ(judge_text(&j, "罪", MORE), MG_FOUND);
	CHECK_EQ(j.found.len, 12);
	CHECK_EQ(j.hold, 15);
	judge_close(&j);
}

static void
does_not_hold_text_for_a_rule_that_only_flags(void)
{
	struct judge j = judge_open_rules("words",
	    &(struct judge_rule){ .items = "暴力", .loose = true }, 1);

	CHECK_EQ(judge_text(&j, "暴", MORE), MG_CLEAN);
	CHECK_EQ(j.hold, 3);
	CHECK_EQ(judge_text(&j, "力", MORE), MG_FOUND);
	CHECK_EQ(j.found.at, 0);
	judge_close(&j);
}

static void
shelters_a_word_inside_an_exception(void)
{
	struct judge j = judge_open_rules("words", &(struct judge_rule){
	    .items = "暴力", .except = "暴力美学\n非暴力" }, 1);

	CHECK_EQ(judge_text(&j, "讲暴力美学与非暴力", LAST), MG_CLEAN);
	judge_begin(&j);
	CHECK_EQ(judge_text(&j, "暴力", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 0);
	CHECK_EQ(judge_text(&j, "美", MORE), MG_HOLD);
	CHECK_EQ(judge_text(&j, "丽", MORE), MG_FOUND);
	CHECK_EQ(j.hold, 12);
	judge_begin(&j);
	/* whatever follows, 非暴力 will shelter it */
	CHECK_EQ(judge_text(&j, "非暴", MORE), MG_CLEAN);
	judge_begin(&j);
	CHECK_EQ(judge_text(&j, "暴力美", LAST), MG_FOUND);
	judge_close(&j);
}

static void
keeps_the_exceptions_of_rules_apart(void)
{
	struct judge j = judge_open_rules("words", (struct judge_rule[]){
	    { .items = "bomb", .except = "bath bomb" },
	    { .items = "bomb" } }, 2);

	CHECK_EQ(judge_text(&j, "a bath bomb", LAST), MG_FOUND);
	CHECK_EQ(j.n_all, 1);
	CHECK_EQ(j.found.rule, 1);
	judge_close(&j);
}

static void
finds_words_of_more_than_64_rules(void)
{
	struct judge_rule rules[130];
	char words[130][8];
	size_t i;

	for (i = 0; i < 130; i++) {
		(void)snprintf(words[i], sizeof(words[i]), "词%03u",
		    (unsigned)i);
		rules[i] = (struct judge_rule){ .items = words[i],
			.loose = i != 129, .off = i == 1 };
	}
	struct judge j = judge_open_rules("words", rules, 130);

	CHECK_EQ(judge_text(&j, "词001 词07", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, "0 词12", MORE), MG_FOUND);
	CHECK_EQ(j.found.rule, 70);
	CHECK_EQ(j.hold, 14);
	CHECK_EQ(judge_text(&j, "9!", MORE), MG_FOUND);
	CHECK_EQ(j.found.rule, 129);
	CHECK_EQ(j.n_all, 2);
	judge_close(&j);
}

static void
refuses_empty_and_too_long_words(void)
{
	char word[1100];
	struct judge j = judge_open("words", "good\n \t");

	CHECK(!j.conf);
	CHECK_STR(j.err.text, "policy.yaml:2:1: words: a word is empty");
	judge_close(&j);
	memset(word, 'a', sizeof(word));
	word[1025] = '\0';
	j = judge_open("words", word);
	CHECK(!j.conf && strstr(j.err.text, "at most 1024"));
	judge_close(&j);
	word[1024] = '\0';
	j = judge_open("words", word);
	CHECK(j.conf);
	CHECK_EQ(judge_bytes(&j, word, 1024, LAST), MG_FOUND);
	judge_close(&j);
	j = judge_open_rules("words", &(struct judge_rule){
	    .items = "暴力犯罪", .max_hold = 11 }, 1);
	CHECK(!j.conf && strstr(j.err.text, "max_hold"));
	judge_close(&j);
}

static void
knows_letters_of_scripts_with_spaces(void)
{
	CHECK(letter_is('a') && letter_is('Z') && letter_is('0'));
	CHECK(!letter_is('_') && !letter_is(' ') && !letter_is(0xa0));
	CHECK(letter_is(0xe9) && !letter_is(0xd7) && letter_is(0x3b1));
	CHECK(letter_is(0x416) && letter_is(0x301) && letter_is(0x1e9e));
	CHECK(!letter_is(0x4e2d) && !letter_is(0x3042) && !letter_is(0xac00));
	CHECK(!letter_is(0x2014) && !letter_is(0x1f600));
}

/* ---- many words ---- */

static double
cpu_seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Two thirds Chinese, one third English, all different. */
static char *
many_words(unsigned n)
{
	char *list = judge_alloc((size_t)n * 24), *p = list;
	unsigned i, k, c;

	for (i = 0; i < n; i++) {
		if (i)
			*p++ = '\n';
		for (k = 0; k < 3 && i % 3; k++) {
			c = 0x4e00 + (i * 2654435761u >> 7 * k) % 8000;
			*p++ = (char)(0xe0 | c >> 12);
			*p++ = (char)(0x80 | (c >> 6 & 0x3f));
			*p++ = (char)(0x80 | (c & 0x3f));
		}
		p += sprintf(p, i % 3 ? "%u" : "word%u", i);
	}
	return list;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLOWER = 10 };
#else
enum { SLOWER = 1 };
#endif

/* The bound of the README; it takes a quarter of it. */
static void
opens_a_hundred_thousand_words_in_two_seconds_and_100_mb(void)
{
	enum { N = 100000 };
	char *list = many_words(N), *last = strrchr(list, '\n') + 1;
	double from = cpu_seconds();
	struct judge j = judge_open("words", list);

	CHECK(j.conf);
	CHECK(cpu_seconds() - from < 2 * SLOWER);
	CHECK(j.type->memory(j.conf) < 100 * 1000 * 1000);
	CHECK(j.type->memory(j.conf) > N * 10);
	CHECK_EQ(judge_text(&j, "so: ", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, last, MORE), MG_HOLD);
	CHECK_EQ(judge_text(&j, " and word3", LAST), MG_FOUND);
	CHECK_EQ(j.n_all, 2);
	CHECK_EQ(j.all[0].item, N - 1);
	CHECK_EQ(j.all[1].item, 3);
	judge_close(&j);
	free(list);
}

/* Runs of every length, at every distance from the window's ends. */
static void
finds_long_and_short_words_wherever_they_stand(void)
{
	static const char *const words[] = { "a", "bc", "4d", "abcdefg",
		"abcdefgh", "abcdefghi", "abcdefghijklmnopqrstuvwxyz0123456789",
		"中", "中国", "中国人", "中国a", ".x", "é", "éa", "x中", "😀",
		"😀中", NULL };
	static const char *const rooms[] = { "", " ", "，", "- ", " zz zzz ",
		"zzzzzzzzzzzzzzzz ", "国国国", "Zé ", "\x10", NULL };
	size_t w, r, q;
	char text[128];

	for (w = 0; words[w]; w++)
		for (r = 0; rooms[r]; r++)
			for (q = 0; rooms[q]; q++) {
				struct judge j = judge_open("words", words[w]);

				(void)snprintf(text, sizeof(text), "%s%s%s",
				    rooms[r], words[w], rooms[q]);
				if (q == 5 || q == 7 || q == 3)
					(void)snprintf(text, sizeof(text),
					    "%s%s %s", rooms[r], words[w],
					    rooms[q]);
				CHECK_EQ(judge_text(&j, text, LAST),
				    MG_FOUND);
				CHECK_EQ(j.found.at, strlen(rooms[r]));
				if (check_test_failed)
					fprintf(stderr, "[%s] [%s]\n",
					    words[w], text);
				judge_close(&j);
			}
}

static void
knows_where_runs_of_letters_and_digits_end(void)
{
	unsigned char bytes[8];
	unsigned c, at;

	for (c = 0; c < 256; c++)
		for (at = 0; at < 8; at++) {
			bool run = (c >= '0' && c <= '9') || (c >= 'a' &&
			    c <= 'z') || (c >= 'A' && c <= 'Z');
			uint64_t breaks;

			memset(bytes, 'm', sizeof(bytes));
			bytes[at] = (unsigned char)c;
			breaks = start_breaks(start_load(bytes));
			CHECK(breaks == (run ? 0 : UINT64_C(0x80) <<
			    8 * at));
		}
}

/* A run without an end must not be read again and again. */
static void
reads_a_run_of_a_megabyte(void)
{
	enum { N = 1 << 20 };
	char *text = judge_alloc(N);
	struct judge j = judge_open("words", "word\naaaaaaaaaaab");
	double from = cpu_seconds();

	memset(text, 'a', N);
	CHECK_EQ(judge_bytes(&j, text, N, LAST), MG_CLEAN);
	CHECK(cpu_seconds() - from < 0.2 * SLOWER);
	judge_close(&j);
	free(text);
}

/* ---- against a search that tries everything ---- */

static uint32_t seed = 1;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static const char *const alphabet[] = { "a", "中", " ", "B", "国" };

static void
add_random(char *to, size_t max_chars, uint32_t letters)
{
	size_t n = 1 + rnd((uint32_t)max_chars);

	while (n-- > 0)
		strcat(to, alphabet[rnd(letters)]);	/* a test's buffer */
}

enum { RULES = 3, MAX_FOUND = 512 };

struct spec {
	struct judge_rule rule[RULES];
	char items[RULES][128], excepts[RULES][128];
	uint32_t letters;
};

static void
add_list(char *to, size_t n, size_t max_chars, uint32_t letters)
{
	char word[64];
	size_t i;

	to[0] = '\0';
	for (i = 0; i < n; i++) {
		do {
			word[0] = '\0';
			add_random(word, max_chars, letters);
		} while (word[0] == ' ' || word[strlen(word) - 1] == ' ');
		if (i)
			strcat(to, "\n");
		strcat(to, word);
	}
}

static void
make_spec(struct spec *s)
{
	size_t r;

	memset(s, 0, sizeof(*s));
	s->letters = 2 + rnd(3);
	for (r = 0; r < RULES; r++) {
		add_list(s->items[r], 1 + rnd(3), 3, s->letters);
		s->rule[r].items = s->items[r];
		if (rnd(3)) {
			add_list(s->excepts[r], 1 + rnd(2), 4, s->letters);
			s->rule[r].except = s->excepts[r];
		}
		s->rule[r].choice = rnd(3) == 0;
		s->rule[r].loose = rnd(3) == 0;
		s->rule[r].off = rnd(6) == 0;
	}
}

static bool
is_letter(char c)
{
	return c == 'a' || c == 'B';
}

/* Whether word stands at text + at by the rules of this filter. */
static bool
stands(const char *text, size_t len, size_t at, const char *word, size_t n,
    bool bordered)
{
	size_t i;

	if (n > len - at)
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
has(const struct mg_found *list, size_t n, const struct mg_found *f)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (list[i].rule == f->rule && list[i].item == f->item &&
		    list[i].at == f->at && list[i].len == f->len)
			return true;
	return false;
}

static bool
same_word_before(const char *items, const char *word, size_t n)
{
	size_t m;

	for (; items < word; items += m + 1) {
		m = strcspn(items, "\n");
		if (m == n && stands(items, m, 0, word, n, false))
			return true;
	}
	return false;
}

/* All matches in a whole text. */
static size_t
search_all(const struct spec *s, const char *text, size_t len,
    struct mg_found *to)
{
	size_t n_found = 0, at, n;
	uint32_t r, item;

	for (r = 0; r < RULES; r++) {
		const struct judge_rule *rule = &s->rule[r];
		const char *word = rule->items;

		for (item = 0; *word && !rule->off;
		    item++, word += n + (word[n] == '\n')) {
			n = strcspn(word, "\n");
			if (same_word_before(rule->items, word, n))
				continue;
			for (at = 0; at < len; at++)
				if (stands(text, len, at, word, n,
					rule->choice == 0) &&
				    !is_sheltered(text, len, rule, at,
					at + n) &&
				    n_found < MAX_FOUND)
					to[n_found++] = (struct mg_found){
						r, item, at, n, 1 };
		}
	}
	return n_found;
}

/* What may still be found: those in some continuation but not in all. */
struct future {
	struct mg_found sure[MAX_FOUND], maybe[4 * MAX_FOUND];
	size_t n_sure, n_maybe;
};

static void
look_ahead(const struct spec *s, char *text, size_t len, int depth,
    struct future *f)
{
	struct mg_found list[MAX_FOUND];
	size_t n = search_all(s, text, len, list), i, kept = 0;
	uint32_t c;

	for (i = 0; i < f->n_sure; i++) {
		if (has(list, n, &f->sure[i]))
			f->sure[kept++] = f->sure[i];
		else
			f->maybe[f->n_maybe++] = f->sure[i];
	}
	f->n_sure = kept;
	for (i = 0; i < n; i++)
		if (!has(f->sure, f->n_sure, &list[i]) &&
		    !has(f->maybe, f->n_maybe, &list[i]) &&
		    f->n_maybe < 3 * MAX_FOUND)
			f->maybe[f->n_maybe++] = list[i];
	for (c = 0; depth > 0 && c < s->letters; c++) {
		size_t m = strlen(alphabet[c]);

		memcpy(text + len, alphabet[c], m);
		look_ahead(s, text, len + m, depth - 1, f);
	}
}

static uint64_t
true_hold(const struct spec *s, const struct future *f, size_t len)
{
	uint64_t hold = len;
	size_t i;

	for (i = 0; i < f->n_maybe; i++)
		if (!s->rule[f->maybe[i].rule].loose &&
		    f->maybe[i].at < hold)
			hold = f->maybe[i].at;
	return hold;
}

/* Feeds one code point at a time; each time, what was reported must be what
 * every continuation has, and hold what some continuation needs. */
static void
check_each_step(const struct spec *s, struct judge *j, const char *text)
{
	static struct future f;
	char buffer[256];
	size_t len = 0, n, total = strlen(text), i;

	judge_begin(j);
	while (len < total) {
		n = (text[len] & 0x80) ? 3 : 1;
		(void)judge_bytes(j, text + len, n, MORE);
		len += n;
		memcpy(buffer, text, len);
		f.n_maybe = 0;
		f.n_sure = search_all(s, buffer, len, f.sure);
		look_ahead(s, buffer, len, 4, &f);
		CHECK_EQ(j->n_all, f.n_sure);
		for (i = 0; i < j->n_all; i++)
			CHECK(has(f.sure, f.n_sure, &j->all[i]));
		CHECK_EQ(j->hold, true_hold(s, &f, len));
	}
}

static void
feed_cut(struct judge *j, const char *text, size_t cut, size_t second)
{
	judge_begin(j);
	(void)judge_bytes(j, text, cut, MORE);
	(void)judge_bytes(j, text + cut, second - cut, MORE);
	(void)judge_bytes(j, text + second, strlen(text) - second, LAST);
}

/* Every pair of cuts must give the findings of the whole text, in order. */
static void
check_all_cuts(const struct spec *s, struct judge *j, const char *text)
{
	struct mg_found list[MAX_FOUND], whole[MAX_FOUND];
	size_t n = search_all(s, text, strlen(text), list), i, cut, second;
	size_t len = strlen(text);

	judge_begin(j);
	(void)judge_text(j, text, LAST);
	CHECK_EQ(j->n_all, n);
	for (i = 0; i < j->n_all && i < n; i++)
		CHECK(has(list, n, &j->all[i]));
	if (n > 0)
		memcpy(whole, j->all, n * sizeof(*whole));
	for (cut = 0; cut <= len; cut++) {
		for (second = cut; second <= len; second++) {
			if ((text[cut] & 0xc0) == 0x80 ||
			    (text[second] & 0xc0) == 0x80)
				continue;
			feed_cut(j, text, cut, second);
			CHECK_EQ(j->n_all, n);
			CHECK(j->n_all != n || n == 0 || memcmp(j->all, whole,
			    n * sizeof(*whole)) == 0);
		}
	}
}

static void
agrees_with_an_exhaustive_search_at_any_cut(void)
{
	unsigned round;

	for (round = 0; round < 2000 && !check_test_failed; round++) {
		struct spec s;
		char text[128] = "";

		make_spec(&s);
		struct judge j = judge_open_rules("words", s.rule, RULES);

		CHECK(j.conf);
		add_random(text, 16, s.letters);
		check_all_cuts(&s, &j, text);
		if (strlen(text) > 30)
			text[0] = '\0';
		check_each_step(&s, &j, text);
		judge_close(&j);
	}
}

int
main(void)
{
	RUN(finds_words_in_both_languages);
	RUN(matches_latin_words_at_their_borders_only);
	RUN(counts_a_combining_mark_as_part_of_the_word);
	RUN(matches_anywhere_without_borders);
	RUN(trims_words_but_keeps_their_inner_spaces);
	RUN(holds_a_word_cut_between_chunks);
	RUN(lets_a_beginning_go_that_has_no_border);
	RUN(reports_a_chinese_word_without_waiting);
	RUN(does_not_hold_text_for_a_rule_that_only_flags);
	RUN(shelters_a_word_inside_an_exception);
	RUN(keeps_the_exceptions_of_rules_apart);
	RUN(finds_words_of_more_than_64_rules);
	RUN(refuses_empty_and_too_long_words);
	RUN(knows_letters_of_scripts_with_spaces);
	RUN(opens_a_hundred_thousand_words_in_two_seconds_and_100_mb);
	RUN(finds_long_and_short_words_wherever_they_stand);
	RUN(knows_where_runs_of_letters_and_digits_end);
	RUN(reads_a_run_of_a_megabyte);
	RUN(agrees_with_an_exhaustive_search_at_any_cut);
	return CHECK_DONE();
}
