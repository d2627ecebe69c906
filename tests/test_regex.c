/* SPDX-License-Identifier: Apache-2.0 */
/* test_regex.c - patterns: PCRE2 alone is the measure, at any cut and whatever
 * the prefilter says. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "tests/judge.h"

#include "filters/numbers.h"
#include "filters/pattern.h"

static void
finds_patterns_in_both_languages(void)
{
	struct judge j = judge_open("regex", "malware\\d*\n身份证[号码]+");

	CHECK_EQ(judge_text(&j, "malware12 和身份证号码", LAST), MG_FOUND);
	CHECK_EQ(j.n_all, 2);
	CHECK_EQ(j.all[0].at, 0);
	CHECK_EQ(j.all[0].len, 9);
	CHECK_EQ(j.all[1].at, 13);
	CHECK_EQ(j.all[1].len, 15);
	CHECK_EQ(j.all[1].item, 1);
	judge_close(&j);
}

static void
holds_a_match_cut_between_chunks(void)
{
	struct judge j = judge_open("regex", "malware");

	CHECK_EQ(judge_text(&j, "write some mal", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 11);
	CHECK_EQ(judge_text(&j, "ware now", LAST), MG_FOUND);
	CHECK_EQ(j.found.at, 11);
	judge_close(&j);
}

static void
waits_for_the_border_of_a_match(void)
{
	struct judge j = judge_open("regex", "\\bass\\b");

	CHECK_EQ(judge_text(&j, "cl", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, "ass ass", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 6);
	CHECK_EQ(judge_text(&j, "ess ass", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 13);
	CHECK_EQ(judge_text(&j, "", LAST), MG_FOUND);
	CHECK_EQ(j.found.at, 13);
	CHECK_EQ(j.n_all, 1);
	judge_close(&j);
}

static void
matches_without_case_when_told(void)
{
	struct judge_rule rules[] = { { .items = "straße|МИР" },
		{ .items = "straße|МИР", .choice = 1 } };
	struct judge j = judge_open_rules("regex", rules, 2);

	CHECK_EQ(judge_text(&j, "STRAßE мир", LAST), MG_FOUND);
	CHECK_EQ(j.n_all, 2);
	CHECK_EQ(j.all[0].rule, 1);
	CHECK_EQ(j.all[1].rule, 1);
	judge_close(&j);
}

static void
knows_start_and_end_of_the_text_only(void)
{
	struct judge j = judge_open("regex", "^one\nend$\n\\Atwo\nfin\\z");

	CHECK_EQ(judge_text(&j, "zero ", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, "one two end", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 13);
	CHECK_EQ(judge_text(&j, "\n", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, "two fin", MORE), MG_HOLD);
	CHECK_EQ(judge_text(&j, "", LAST), MG_FOUND);
	CHECK_EQ(j.n_all, 1);
	CHECK_EQ(j.found.item, 3);
	judge_close(&j);
}

static void
looks_behind_text_that_is_gone(void)
{
	struct judge j = judge_open("regex", "(?<=密码：)\\w+(?=;)");

	CHECK_EQ(judge_text(&j, "这是密码：", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, "abc", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 15);
	CHECK_EQ(judge_text(&j, ";", MORE), MG_FOUND);
	CHECK_EQ(j.found.at, 15);
	CHECK_EQ(j.found.len, 3);
	judge_close(&j);
}

static void
shelters_a_match_inside_an_exception(void)
{
	struct judge j = judge_open_rules("regex", &(struct judge_rule){
	    .items = "bomb\\w*", .except = "bath\\s+bombs?\nbombastic" }, 1);

	CHECK_EQ(judge_text(&j, "bath  bombs, bombastic", LAST), MG_CLEAN);
	judge_begin(&j);
	CHECK_EQ(judge_text(&j, "a bath bomb", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 7);
	CHECK_EQ(judge_text(&j, " bombast,", MORE), MG_FOUND);
	CHECK_EQ(j.n_all, 1);
	CHECK_EQ(j.found.at, 12);
	judge_close(&j);
}

static void
holds_a_match_while_an_exception_may_cover_it(void)
{
	struct judge j = judge_open_rules("regex", &(struct judge_rule){
	    .items = "暴力", .except = "暴力美学" }, 1);

	CHECK_EQ(judge_text(&j, "讲暴力", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 3);
	CHECK_EQ(judge_text(&j, "美", MORE), MG_HOLD);
	CHECK_EQ(judge_text(&j, "学", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, "暴力", MORE), MG_HOLD);
	CHECK_EQ(judge_text(&j, "犯", MORE), MG_FOUND);
	CHECK_EQ(j.n_all, 1);
	CHECK_EQ(j.found.at, 15);
	judge_close(&j);
}

static void
does_not_hold_text_for_a_rule_that_only_flags(void)
{
	struct judge j = judge_open_rules("regex",
	    &(struct judge_rule){ .items = "abc", .loose = true }, 1);

	CHECK_EQ(judge_text(&j, "ab", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, "c", MORE), MG_FOUND);
	CHECK_EQ(j.found.at, 0);
	judge_close(&j);
}

static void
warns_of_a_pattern_without_upper_length_and_caps_its_hold(void)
{
	struct judge j = judge_open_rules("regex",
	    &(struct judge_rule){ .items = "a+malware", .max_hold = 10 }, 1);
	size_t i;

	CHECK_EQ(j.warnings, 1);
	CHECK(strstr(j.warning, "no known upper length"));
	CHECK(strstr(j.warning, "10 bytes"));
	judge_close(&j);
	j = judge_open_rules("regex",
	    &(struct judge_rule){ .items = "a+b", .max_hold = 10 }, 1);
	for (i = 0; i < 100; i++) {
		(void)judge_text(&j, "a", MORE);
		CHECK(j.len - j.hold <= 10);
	}
	CHECK_EQ(judge_text(&j, "b", LAST), MG_FOUND);
	CHECK_EQ(j.found.at, 90);
	/* a text that comes whole has no such cap */
	judge_begin(&j);
	CHECK_EQ(judge_bytes(&j, "aaaaaaaaaaaaaaab", 16, LAST), MG_FOUND);
	CHECK_EQ(j.found.at, 0);
	judge_close(&j);
	j = judge_open("regex", "a{1,20}malware\nabc[a-z]{3}(?=x)");
	CHECK_EQ(j.warnings, 0);
	judge_close(&j);
}

static void
warns_of_a_pattern_that_runs_alone_over_every_text(void)
{
	struct judge j = judge_open("regex",
	    "malware\n\\d{9}\n[a-z]{1,9}@\n[a-z]{1,9} [a-z]{1,9}");

	CHECK_EQ(j.warnings, 1);
	CHECK(strstr(j.warning, "runs alone over every text"));
	CHECK_EQ(j.warned.line, 4);
	judge_close(&j);
	/* an exception is tried where something was found only */
	j = judge_open_rules("regex", &(struct judge_rule){
	    .items = "malware", .except = "[a-z]{1,9} [a-z]{1,9}" }, 1);
	CHECK_EQ(j.warnings, 0);
	judge_close(&j);
}

static void
says_so_when_a_match_limit_is_hit(void)
{
	struct judge j = judge_open("regex", "(?:a+)+(?!.)c\nfine");
	char text[4096];

	memset(text, 'a', sizeof(text));
	CHECK_EQ(judge_bytes(&j, text, sizeof(text), LAST), MG_CLEAN);
	judge_begin(&j);
	memcpy(text + sizeof(text) - 8, "fine ac!", 8);
	CHECK_EQ(judge_bytes(&j, text, sizeof(text), LAST), MG_UNABLE);
	CHECK_EQ(j.n_unable, 1);
	CHECK_EQ(j.n_all, 1);	/* the other pattern goes on */
	judge_close(&j);
}

static void
says_so_when_a_search_would_take_too_long(void)
{
	enum { BYTES = 1 << 20 };
	struct judge j = judge_open("regex",
	    "(?=a)\\w+@c\\.[a-z]{2,}");
	char *text = judge_alloc(BYTES);

	memset(text, 'a', BYTES);
	memcpy(text + BYTES - 9, "\n a@c.dd ", 9);
	CHECK_EQ(judge_bytes(&j, text, BYTES, LAST), MG_UNABLE);
	judge_begin(&j);
	CHECK_EQ(judge_bytes(&j, text, BYTES, MORE), MG_UNABLE);
	/* in words of usual length there is time for as much text */
	for (size_t i = 0; i < BYTES - 10; i++)
		text[i] = i % 9 ? 'a' : '\n';
	judge_begin(&j);
	CHECK_EQ(judge_bytes(&j, text, BYTES, LAST), MG_FOUND);
	CHECK_EQ(j.found.at, BYTES - 7);
	free(text);
	judge_close(&j);
}

static void
check_refused(const char *pattern, const char *why)
{
	struct judge j = judge_open("regex", pattern);

	CHECK(!j.conf);
	CHECK(strncmp(j.err.text, "policy.yaml:1:1: regex: ", 24) == 0);
	if (!strstr(j.err.text, why)) {
		fprintf(stderr, "%s: %s\n", pattern, j.err.text);
		CHECK(!"the expected reason");
	}
	judge_close(&j);
}

static void
refuses_what_a_stream_or_a_machine_cannot_bear(void)
{
	char large[8194];

	check_refused("a(b", "missing closing parenthesis (at byte 3");
	check_refused("a*", "empty string");
	check_refused("(?=a)", "empty string");
	check_refused("(*LIMIT_MATCH=9)a", "verbs");
	check_refused("(*CRLF)a", "verbs");
	check_refused("a(?C1)b", "callouts");
	check_refused("ab\\Kc", "(at byte 2 of the pattern)");
	check_refused("\\Ga", "\\G");
	check_refused("a\\X", "\\X");
	check_refused("a\\C", "\\C");
	check_refused("a\\Z", "use \\z");
	memset(large, 'a', sizeof(large) - 1);
	large[8193] = '\0';
	check_refused(large, "at most 8192");
}

static void
takes_the_same_letters_when_they_are_only_text(void)
{
	struct judge j = judge_open("regex",
	    "[(*]x\n\\(\\*\n\\\\K\n[\\\\K]y\na[]X]b\n\\Qa.b\\E+");

	CHECK(j.conf);
	CHECK_EQ(judge_text(&j, "*x (* \\K Ky aXb a.bb", LAST), MG_FOUND);
	CHECK_EQ(j.n_all, 6);
	judge_close(&j);
}

/* ---- against PCRE2 alone ---- */

static uint32_t seed = 7;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static const char *const patterns[] = {
	"cat", "dog|cat|鸟", "[a-c]{2,4}d", "a+b", "\\bcat\\b", "\\Bat",
	"(?<=a)b", "(?<!a)b+c", "c(?=at)", "c(?!at)\\w", "^ab", "ab$",
	"(?m)^b.$", "(?i)CaT", "(?i:k)s", "\\d{2,3}-\\d{2}", "\\w+@\\w+\\.c",
	"[^a]b{2}", "[^\\W\\d]{3}", "[\\w.]{2}@", "\\s{2,}", "中[国文]", "文*中",
	"\\p{Han}{2}a", "\\P{Han}中", "(a|b)\\1", "(?<n>a.)\\k<n>", "a(?>b+)c",
	"a++b", "(?:ab|a)(?:bc|c)", "a.c", "(?s)a.c", "a\\Rb", "\\x41\\x{4e2d}",
	"[\\x{4e00}-\\x{9fff}]{2}", "(?x) a b # c", "a\\Qb.\\Ec", "a(?#x)b?c",
	"[[:alpha:]]{3}[[:digit:]]", "(?|a(b)|c(d))1", "a{,2}b", "a{2}b{0,1}c",
	"\\Aab", "ab\\z", "(a(?:(?1))?b)c", "(?(?=a)ab|cd)e", "b|ab|abc",
	"[a-z0-9]+(?:-[a-z0-9]+)*\\.c", "é", "(?i)É", "[à-ü]a", "(?-i)at",
	"\\N{U+4e2d}a", "\\h+a", "[\\s,]b\\W", "😀+", ".{3}c", "1[3-9]\\d{3}",
};

enum { N_PATTERNS = sizeof(patterns) / sizeof(*patterns), MAX_FOUND = 4096 };

static const char *const pieces[] = { "a", "b", "c", "d", "at", "cat", "ab",
	"1", "23", "-", "@", ".", " ", "\n", "中", "国", "文", "A", "K", "s",
	"é", "É", "ü", "😀", "鸟", "\xe2\x84\xaa", "\xc5\xbf", "\r", "_",
	"\xd9\xa3", "\xf0\x90\x90\xb7", "," };

static size_t
random_text(char *to, size_t n)
{
	uint32_t some = 3 + rnd(12), from = rnd(32);
	size_t len = 0;

	while (n-- > 0) {
		const char *s = pieces[(from + rnd(some)) % 32];

		memcpy(to + len, s, strlen(s));
		len += strlen(s);
	}
	return len;
}

static pcre2_code *
compile(const char *pattern, bool caseless)
{
	PCRE2_SIZE at;
	int code;
	pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern, strlen(pattern),
	    PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY |
	    (caseless ? PCRE2_CASELESS : 0), &code, &at, NULL);

	if (!re)
		abort();
	return re;
}

/* All matches, left to right, by a plain interpreted search. */
static size_t
search_all(const pcre2_code *re, uint32_t item, const char *text, size_t len,
    struct mg_found *to)
{
	pcre2_match_data *md = pcre2_match_data_create(1, NULL);
	const PCRE2_SIZE *ov = pcre2_get_ovector_pointer(md);
	size_t n = 0, i = 0;

	while (n < MAX_FOUND && pcre2_match(re, (PCRE2_SPTR)text, len, i,
		PCRE2_NOTEMPTY, md, NULL) >= 0) {
		to[n++] = (struct mg_found){ 0, item, ov[0], ov[1] - ov[0],
		    1 };
		i = ov[1];
	}
	pcre2_match_data_free(md);
	return n;
}

static int
compare_found(const void *x, const void *y)
{
	const struct mg_found *a = x, *b = y;

	if (a->item != b->item)
		return a->item < b->item ? -1 : 1;
	return (a->at > b->at) - (a->at < b->at);
}

static void
check_list(struct judge *j, const char *const *which,
    const struct mg_found *list, size_t n)
{
	size_t i;

	if (j->n_all)
		qsort(j->all, j->n_all, sizeof(*j->all), compare_found);
	CHECK_EQ(j->n_all, n);
	for (i = 0; i < n && i < j->n_all; i++) {
		if (compare_found(&j->all[i], &list[i]) == 0 &&
		    j->all[i].len == list[i].len)
			continue;
		fprintf(stderr, "pattern %s\n", which[list[i].item]);
		CHECK_EQ(j->all[i].item, list[i].item);
		CHECK_EQ(j->all[i].at, list[i].at);
		CHECK_EQ(j->all[i].len, list[i].len);
		return;
	}
}

static void
check_same(struct judge *j, const struct mg_found *list, size_t n)
{
	check_list(j, patterns, list, n);
}

static bool
feed_random(struct judge *j, const char *text, size_t len, size_t most)
{
	size_t at = 0, n;

	judge_begin(j);
	while (at < len) {
		n = 1 + rnd((uint32_t)most);
		if (n > len - at)
			n = len - at;
		while (at + n < len && (text[at + n] & 0xc0) == 0x80)
			n++;
		(void)judge_bytes(j, text + at, n, MORE);
		at += n;
	}
	(void)judge_bytes(j, "", 0, LAST);
	return true;
}

static char *
join(char *to, size_t size, const char *const *list, size_t n)
{
	size_t i, len = 0;

	for (i = 0; i < n; i++)
		len += (size_t)snprintf(to + len, size - len, "%s%s",
		    i ? "\n" : "", list[i]);
	return to;
}

/* Some are long enough for literals to be looked for first. */
static void
check_texts(struct judge *j, pcre2_code *const *codes, unsigned rounds,
    uint32_t most_pieces)
{
	static char text[65536];
	static struct mg_found list[MAX_FOUND * 8];
	size_t len, n, i;

	while (rounds-- > 0 && !check_test_failed) {
		len = random_text(text, 1 + rnd(most_pieces));
		for (n = 0, i = 0; i < N_PATTERNS; i++)
			n += search_all(codes[i], (uint32_t)i, text, len,
			    list + n);
		judge_begin(j);
		(void)judge_bytes(j, text, len, LAST);
		CHECK_EQ(j->n_unable, 0);
		check_same(j, list, n);
		feed_random(j, text, len, 1);
		check_same(j, list, n);
		feed_random(j, text, len, 20);
		check_same(j, list, n);
		feed_random(j, text, len, 2000);
		check_same(j, list, n);
	}
}

static void
check_patterns(bool caseless)
{
	char items[4096];
	struct judge_rule rule = { .items = join(items, sizeof(items),
	    patterns, N_PATTERNS), .choice = caseless, .max_hold = 65536 };
	struct judge j = judge_open_rules("regex", &rule, 1);
	pcre2_code *codes[N_PATTERNS];
	size_t i;

	CHECK(j.conf);
	if (!j.conf) {
		fprintf(stderr, "%s\n", j.err.text);
		return;
	}
	for (i = 0; i < N_PATTERNS; i++)
		codes[i] = compile(patterns[i], caseless);
	check_texts(&j, codes, 600, 12);
	check_texts(&j, codes, 60, 120);
	check_texts(&j, codes, 6, 3000);
	for (i = 0; i < N_PATTERNS; i++)
		pcre2_code_free(codes[i]);
	judge_close(&j);
}

static void
finds_what_pcre2_alone_finds_at_any_cut(void)
{
	check_patterns(false);
}

static void
finds_the_same_without_case(void)
{
	check_patterns(true);
}

static size_t
encode(uint32_t c, char *to)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static const char *const classes[] = { "\\w", "\\W", "\\d", "\\D", "\\s",
	"\\S", "\\h", "\\v", "\\p{Lu}", "\\P{L}", "[[:punct:]]", "[^\\w]", "[\\d_]", "[\\s_]", "[\\d\\s]", "[\\w-]",
	"[^\\s\\d]", "[\\W_]", "[^\\W_]", "(?i)k", "(?i)s", "(?i)[j-l]",
	"(?i)[^k]", "(?i)é", "(?i)я", "(?i)ω", "(?i)ſ", "(?i)[α-ω]", "\\bx?.",
	".", "[^a]", "\\N", "(?i)\\x{212a}", "(?i)[^\\x{e9}]", "(?i)ǅ",
	"(?i)中", "(?i)Ａ", "[\\x{80}-\\x{2fff}]", "\\x41", "\\x{6b}" };

/* No difference between the engines' tables of Unicode may lose a match. */
static void
loses_no_character_to_the_prefilter(void)
{
	enum { N = sizeof(classes) / sizeof(*classes) };
	char items[2048], text[8];
	struct judge j = judge_open("regex", join(items, sizeof(items),
	    classes, N));
	struct mg_found list[N + 8];
	pcre2_code *codes[N];
	size_t i, n, len;
	uint32_t c;

	CHECK(j.conf);
	for (i = 0; i < N; i++)
		codes[i] = compile(classes[i], false);
	for (c = 1; c < 0x110000 && !check_test_failed; c++) {
		if (c >= 0x3400 && c < 0xd800 && c % 97)
			c++;	/* Han and Hangul: some of them */
		if (c == 0xd800)
			c = 0xe000;
		if (c > 0x20000 && c % 257)
			continue;
		len = encode(c, text);
		for (n = 0, i = 0; i < N; i++)
			n += search_all(codes[i], (uint32_t)i, text, len,
			    list + n);
		judge_begin(&j);
		(void)judge_bytes(&j, text, len, LAST);
		CHECK_EQ(j.n_all, n);
		for (i = 0; i < n && i < j.n_all && check_test_failed; i++)
			fprintf(stderr, "U+%04X: %u %u\n", (unsigned)c,
			    (unsigned)list[i].item, (unsigned)j.all[i].item);
	}
	for (i = 0; i < N; i++)
		pcre2_code_free(codes[i]);
	judge_close(&j);
}

/* ---- generated patterns ---- */

static const char *const atoms[] = { "a", "b", "ab", "k", "S", "1", "23", "-",
	"中", "国文", "é", ".", "\\d", "\\w", "\\s", "\\D", "[ab]", "[^a]",
	"[0-9-]", "[a-c中]", "[^\\d]", "\\b", "\\B", "^", "$", "(?=a)", "(?!b)",
	"(?<=a)", "(?<!1)", "\\x{4e2d}", "\\R", "\\p{Han}", "(?i)", "[é-ü]",
	"\\1", "@", "(?>a|ab)", "[\\s1]", "cat" };
static const char *const counts[] = { "", "", "", "", "?", "*", "+", "{2}",
	"{1,3}", "{2,}", "??", "+?", "{0}", "{2}{2}", "?+" };

/* Writes a pattern of some parts; groups in each other to the depth. */
static size_t
random_pattern(char *to, size_t room, unsigned depth)
{
	size_t parts = 1 + rnd(4), len = 0;

	for (; parts > 0 && len + 48 < room; parts--) {
		const char *open = rnd(3) ? "(?:" : rnd(4) ? "(" : "(?i:";
		bool group = depth > 0 && rnd(3) == 0;

		if (group) {
			len += (size_t)snprintf(to + len, room - len, "%s",
			    open);
			len += random_pattern(to + len, (room - len) / 2,
			    depth - 1);
			len += (size_t)snprintf(to + len, room - len, "|%s)",
			    atoms[rnd(sizeof(atoms) / sizeof(*atoms))]);
		} else {
			len += (size_t)snprintf(to + len, room - len, "%s",
			    atoms[rnd(sizeof(atoms) / sizeof(*atoms))]);
		}
		len += (size_t)snprintf(to + len, room - len, "%s",
		    counts[rnd(sizeof(counts) / sizeof(*counts))]);
	}
	return len;
}

static void
check_one(const char *pattern, bool caseless)
{
	struct judge j = judge_open_rules("regex", &(struct judge_rule){
	    .items = pattern, .choice = caseless, .max_hold = 65536 }, 1);
	static char text[4096];
	static struct mg_found list[MAX_FOUND];
	pcre2_code *code;
	size_t n, len, turn;

	if (j.conf) {
		code = compile(pattern, caseless);
		for (turn = 0; turn < 12; turn++) {
			len = random_text(text, 1 + rnd(turn < 10 ? 14 : 300));
			n = search_all(code, 0, text, len, list);
			judge_begin(&j);
			(void)judge_bytes(&j, text, len, LAST);
			if (j.n_unable == 0)
				CHECK_EQ(j.n_all, n);
			feed_random(&j, text, len, turn < 11 ? 4 : 900);
			if (j.n_unable == 0)
				CHECK_EQ(j.n_all, n);
		}
		pcre2_code_free(code);
	}
	if (check_test_failed)
		fprintf(stderr, "pattern %s\n", pattern);
	judge_close(&j);
}

static void
finds_the_same_with_generated_patterns(void)
{
	char pattern[512];
	unsigned i;

	for (i = 0; i < 4000 && !check_test_failed; i++) {
		(void)random_pattern(pattern, sizeof(pattern), 2);
		check_one(pattern, i % 2);
	}
}

/* Many in one engine, with gates in common, each with a literal of its own. */
static void
check_many(size_t n, bool caseless, pcre2_code **codes, const char **list,
    struct mg_found *found, size_t *compared)
{
	static char items[600 * 400], text[65536];
	struct judge_rule rule = { .items = items, .choice = caseless,
		.max_hold = 65536 };
	size_t len, total, turn, i;
	struct judge j;

	(void)join(items, sizeof(items), list, n);
	j = judge_open_rules("regex", &rule, 1);
	CHECK(j.conf);
	for (turn = 0; turn < 12 && j.conf && !check_test_failed; turn++) {
		len = random_text(text, 1 + rnd(turn < 8 ? 14 : 300));
		for (total = 0, i = 0; i < n; i++)
			total += search_all(codes[i], (uint32_t)i, text, len,
			    found + total);
		judge_begin(&j);
		(void)judge_bytes(&j, text, len, LAST);
		if (j.n_unable == 0)
			check_list(&j, list, found, total);
		*compared += j.n_unable == 0 && total > 0;
		feed_random(&j, text, len, 1 + rnd(900));
		if (j.n_unable == 0)
			check_list(&j, list, found, total);
	}
	judge_close(&j);
}

static void
finds_the_same_with_hundreds_of_generated_patterns(void)
{
	enum { N = 400, SIZE = 512 };
	static char patterns_of[N][SIZE];
	static struct mg_found found[N * MAX_FOUND];
	static const char *list[N];
	static pcre2_code *codes[N];
	size_t n, i, compared = 0;
	unsigned round;

	for (round = 0; round < 4 && !check_test_failed; round++) {
		/* Above and below the number from which literals are few. */
		size_t want = round % 2 ? N : 150;

		for (n = 0; n < want;) {
			struct judge j;

			(void)random_pattern(patterns_of[n], SIZE - 48, 2);
			if (rnd(2))
				(void)strcat(patterns_of[n],
				    pieces[rnd(32) % 7]);
			j = judge_open_rules("regex", &(struct judge_rule){
			    .items = patterns_of[n], .choice = round % 3 == 0,
			    .max_hold = 65536 }, 1);
			list[n] = patterns_of[n];
			if (j.conf && strlen(list[n]) < 400) {
				codes[n] = compile(list[n], round % 3 == 0);
				n++;
			}
			judge_close(&j);
		}
		check_many(n, round % 3 == 0, codes, list, found, &compared);
		for (i = 0; i < n; i++)
			pcre2_code_free(codes[i]);
	}
	/* Few texts are too hard for one of them. */
	CHECK(compared > 24);
}

/* ---- what is known of a pattern ---- */

/* Gates as "one two", in order of bytes. */
static void
check_gate(const char *pattern, bool caseless, const char *gate)
{
	struct pattern_text text;
	char list[512] = "";
	size_t i, n = 0;

	pattern_read(&text, (struct mg_span){ pattern, strlen(pattern) },
	    caseless, 1024);
	for (i = 0; i < text.shape.gate.n && n < sizeof(list); i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%.*s",
		    i ? " " : "", (int)text.shape.gate.list[i].len,
		    (const char *)text.shape.gate.list[i].ptr);
	if (strcmp(list, gate) != 0)
		fprintf(stderr, "%s\n", pattern);
	CHECK_STR(list, gate);
	pattern_fini(&text);
}

static void
knows_strings_of_which_each_match_has_one(void)
{
	check_gate("\\bcat\\b", false, "cat");
	check_gate("(?:制作|制造).{0,6}弹", false, "制作 制造");
	check_gate("xq(?:ab|cd)?y", false, "xqaby xqcdy xqy");
	check_gate("a(?=long)bc", false, "abc");
	check_gate("sk-[A-Z]{8}\\d", false, "sk-");
	check_gate("xox[bp]-\\w", false, "xoxb- xoxp-");
	check_gate("(?i)ask", false, "ask as\xe2\x84\xaa a\xc5\xbfk "
	    "a\xc5\xbf\xe2\x84\xaa");
	check_gate("KEY", true, "key \xe2\x84\xaa" "ey");
	check_gate("(?:abc)*d", false, "");
	check_gate("abcd|\\d", false, "");
	check_gate("(?:ab){2}", false, "abab");
	check_gate("ab{2}{3}c", false, "abbbbbbc");
	check_gate("ab(c)\\1de", false, "");
	check_gate("(?x)a bc", false, "");
	check_gate("x\\Qabc\\E", false, "");
	check_gate("(?<*a)b>cde", false, "");
	check_gate("\xc3\xa9t\xc3\xa9", true, "");
	check_gate("a{,3}bcd", false, "");
	check_gate("a{x}bcd", false, "a{x}bcd");
}

static void
check_numbers(const char *pattern, uint32_t run, uint32_t digits,
    uint32_t span)
{
	struct pattern_text text;

	pattern_read(&text, (struct mg_span){ pattern, strlen(pattern) },
	    false, 1024);
	if (text.shape.numbers.run != run ||
	    text.shape.numbers.digits != digits ||
	    text.shape.numbers.span != span)
		fprintf(stderr, "%s: %u %u %u\n", pattern,
		    (unsigned)text.shape.numbers.run,
		    (unsigned)text.shape.numbers.digits,
		    (unsigned)text.shape.numbers.span);
	CHECK_EQ(text.shape.numbers.run, run);
	CHECK_EQ(text.shape.numbers.digits, digits);
	CHECK_EQ(text.shape.numbers.span, span);
	pattern_fini(&text);
}

static void
knows_numbers_that_each_match_has(void)
{
	check_numbers("\\b1[3-9]\\d{9}\\b", 11, 11, 11);
	check_numbers("\\d{3}-\\d{2}-\\d{4}", 4, 9, 11);
	check_numbers("\\d{3}-?\\d{4}", 4, 7, 7);
	check_numbers("(?:\\d[ -]?){15}\\d", 1, 16, 16);
	check_numbers("(?:\\d{1,3}\\.){3}\\d{1,3}", 1, 4, 7);
	check_numbers("a\\d{17}[\\dXx]", 17, 17, 17);
	check_numbers("\\d{2}|\\d{3}-\\d{3}", 2, 2, 2);
	check_numbers("\\d*[a-z]+", 0, 0, 0);
	check_numbers("(?:-\\d+ ){2,}", 1, 2, 4);
	check_numbers("\\d?-\\d{2}", 2, 2, 2);
	check_numbers("[0-9 ]{4}5", 1, 1, 1);
	check_numbers("\\w{9}", 0, 0, 0);
}

static void
check_width(const char *pattern, uint64_t most, uint64_t reach)
{
	struct pattern_text text;

	pattern_read(&text, (struct mg_span){ pattern, strlen(pattern) },
	    false, 1024);
	CHECK_EQ(text.shape.max, most);
	CHECK_EQ(text.shape.reach, reach);
	pattern_fini(&text);
}

static void
knows_how_wide_a_match_can_be(void)
{
	check_width("a{1,20}b", 21, 0);
	check_width("中.{0,3}", 15, 0);
	check_width("(?:ab|c)*", UINT64_MAX, 0);
	check_width("cat\\b", 3, 4);
	check_width("a(?=bc\\b)", 1, 10);
	check_width("a(?!.*b)", 1, UINT64_MAX);
	check_width("(?<=abc)d", 1, 4);
	check_width("(?:a{1000}){1000}", 1000000, 0);
	check_width("(a)\\1", UINT64_MAX, UINT64_MAX);
}

static void
counts_every_digit_that_pcre2_takes_for_one(void)
{
	pcre2_code *digit = compile("\\d", false);
	struct mg_found found[1];
	char text[8];
	uint32_t c;

	for (c = 1; c < 0x110000 && !check_test_failed; c++) {
		size_t len;

		if (c == 0xd800)
			c = 0xe000;
		if (c > 0x20000 && c % 257)
			continue;
		len = encode(c, text);
		if (search_all(digit, 0, text, len, found) == 0)
			continue;
		CHECK_EQ(numbers_count((const unsigned char *)text, len).run,
		    1);
	}
	pcre2_code_free(digit);
}

static void
counts_numbers_of_a_text(void)
{
	static const char text[] = "tel 138-0013-8000, 中文，12 34 "
	    "\xd9\xa1\xd9\xa2 x 555";
	struct shape_numbers n = numbers_count((const unsigned char *)text,
	    sizeof(text) - 1);

	CHECK_EQ(n.run, 4);
	CHECK_EQ(n.digits, 11);
	CHECK_EQ(n.span, 13);
}

int
main(void)
{
	RUN(finds_patterns_in_both_languages);
	RUN(holds_a_match_cut_between_chunks);
	RUN(waits_for_the_border_of_a_match);
	RUN(matches_without_case_when_told);
	RUN(knows_start_and_end_of_the_text_only);
	RUN(looks_behind_text_that_is_gone);
	RUN(shelters_a_match_inside_an_exception);
	RUN(holds_a_match_while_an_exception_may_cover_it);
	RUN(does_not_hold_text_for_a_rule_that_only_flags);
	RUN(warns_of_a_pattern_without_upper_length_and_caps_its_hold);
	RUN(warns_of_a_pattern_that_runs_alone_over_every_text);
	RUN(says_so_when_a_match_limit_is_hit);
	RUN(says_so_when_a_search_would_take_too_long);
	RUN(refuses_what_a_stream_or_a_machine_cannot_bear);
	RUN(takes_the_same_letters_when_they_are_only_text);
	RUN(finds_what_pcre2_alone_finds_at_any_cut);
	RUN(finds_the_same_without_case);
	RUN(loses_no_character_to_the_prefilter);
	RUN(finds_the_same_with_generated_patterns);
	RUN(finds_the_same_with_hundreds_of_generated_patterns);
	RUN(knows_strings_of_which_each_match_has_one);
	RUN(knows_numbers_that_each_match_has);
	RUN(knows_how_wide_a_match_can_be);
	RUN(counts_every_digit_that_pcre2_takes_for_one);
	RUN(counts_numbers_of_a_text);
	return CHECK_DONE();
}
