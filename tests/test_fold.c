/* SPDX-License-Identifier: Apache-2.0 */
/* test_fold.c - what each step makes of a text, that no cut of it makes a
 * difference, and that every byte knows where it came from. */
#include <opencc/opencc.h>
#include <stdlib.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>

#include "filters/fold/fold.h"
#include "filters/fold/table.h"
#include "filters/fold/utf8.h"
#include "tests/check.h"

enum { CHAIN_MAX = 3, TEXT_BYTES = 1 << 12 };

/* Steps that stand behind each other, and all that came out. */
struct chain {
	struct fold *f[CHAIN_MAX];
	size_t n;
	char out[4 * TEXT_BYTES];
	size_t len;
};

static const enum fold_step all_chains[][CHAIN_MAX + 1] = {
	{ FOLD_BASIC, 99 }, { FOLD_STRONG, 99 },
	{ FOLD_STRONG, FOLD_JOINED, 99 }, { FOLD_STRONG, FOLD_TIGHT, 99 },
	{ FOLD_STRONG, FOLD_LEET, 99 },
	{ FOLD_STRONG, FOLD_JOINED, FOLD_LEET, 99 },
	{ FOLD_STRONG, FOLD_TIGHT, FOLD_LEET, 99 },
	{ FOLD_STRONG, FOLD_PINYIN, 99 },
	{ FOLD_BASE64, 99 }, { FOLD_HEX, 99 }, { FOLD_URL, 99 },
	{ FOLD_BASE64, FOLD_STRONG, 99 },
};

enum { N_CHAINS = sizeof(all_chains) / sizeof(*all_chains), BASIC = 0,
    STRONG, JOINED, TIGHT, LEET, JOINED_LEET, TIGHT_LEET, PINYIN, BASE64, HEX,
    URL };

static struct chain *
chain_new(size_t which)
{
	struct chain *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	for (; all_chains[which][c->n] != 99; c->n++)
		c->f[c->n] = fold_new(all_chains[which][c->n]);
	return c;
}

static void
chain_free(struct chain *c)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		fold_free(c->f[i]);
	free(c);
}

static void
chain_feed(struct chain *c, const char *ptr, size_t n, bool last)
{
	char *copy = malloc(n ? n : 1);
	struct mg_span s = { copy, n };
	size_t i;

	if (!copy)
		abort();
	memcpy(copy, ptr, n);
	for (i = 0; i < c->n; i++)
		s = fold_feed(c->f[i], s, last);
	memcpy(c->out + c->len, s.ptr, s.len);
	c->len += s.len;
	free(copy);
}

static uint64_t
chain_start(const struct chain *c, uint64_t at)
{
	size_t i;

	for (i = c->n; i-- > 0;)
		at = fold_start(c->f[i], at);
	return at;
}

static uint64_t
chain_end(const struct chain *c, uint64_t end)
{
	size_t i;

	for (i = c->n; i-- > 0;)
		end = fold_end(c->f[i], end);
	return end;
}

/* The text as a chain puts it out, in a buffer that the next call reuses. */
static const char *
folded(size_t which, const char *text)
{
	static char out[4 * TEXT_BYTES];
	struct chain *c = chain_new(which);

	chain_feed(c, text, strlen(text), true);
	memcpy(out, c->out, c->len);
	out[c->len] = '\0';
	chain_free(c);
	return out;
}

static size_t
next(const char *text, size_t at)
{
	return at + utf8_size((unsigned char)text[at]);
}

/* ---- basic ---- */

/* As ICU does it, in one piece. */
static size_t
icu_casefold(const char *text, size_t n, char *out)
{
	static UChar in[TEXT_BYTES], to[8 * TEXT_BYTES];
	UErrorCode status = U_ZERO_ERROR;
	const UNormalizer2 *how = unorm2_getNFKCCasefoldInstance(&status);
	int32_t n_in = 0, n_to, i;
	size_t at, len = 0;

	for (at = 0; at < n; at = next(text, at))
		n_in += utf16_put(in + n_in, utf8_get(text + at));
	n_to = unorm2_normalize(how, in, n_in, to, 8 * TEXT_BYTES, &status);
	CHECK(U_SUCCESS(status));
	for (i = 0; i < n_to;)
		len += utf8_put(out + len, utf16_get(to, &i));
	return len;
}

static void
check_as_icu(const char *text, size_t n)
{
	static char want[4 * TEXT_BYTES];
	struct chain *c = chain_new(BASIC);
	size_t len = icu_casefold(text, n, want);

	chain_feed(c, text, n, true);
	CHECK(len == c->len && memcmp(want, c->out, len) == 0);
	chain_free(c);
}

static bool
is_scalar(uint32_t c)
{
	return c > 0 && (c < 0xd800 || c > 0xdfff) && c < 0x110000;
}

static void
basic_is_icu_s_own_for_every_code_point(void)
{
	char text[12];
	uint32_t c;
	size_t n;

	for (c = 1; c < 0x110000 && !check_test_failed; c++) {
		if (!is_scalar(c))
			continue;
		n = utf8_put(text, c);
		check_as_icu(text, n);
		if (u_charType((UChar32)c) == U_UNASSIGNED)
			continue;
		n += utf8_put(text + n, 0x301);
		check_as_icu(text, n);
	}
}

/* Characters that have something to do with each other. */
static uint32_t
odd_char(void)
{
	static const uint32_t some[] = { 'a', 'e', 'o', 'B', ' ', '.', '&',
		'#', '1', ';', 'x', '-', '*', ',', '!', '@', '$', '(', ')',
		'\n', 'l', 'I', 0x301, 0x308, 0x323, 0x345, 0x34f, 0x200b,
		0x200d, 0xad, 0xfeff, 0xfe0f, 0xdf, 0x130, 0x3a3, 0x3b1, 0x1f82,
		0x3099, 0x309a, 0x304b, 0x30ab, 0xff76, 0xff9e, 0x1100,
		0x1161, 0x11a8, 0xac00, 0xac01, 0xfb01, 0x2460, 0x1d401,
		0x7cbe, 0x70b8, 0x5f39, 0x5f48, 0x9ad4, 0xff0c, 0x3001,
		0x3002, 0x3000, 0x3010, 0x3011, 0x1f4a3, 0x2764, 0xe0041,
		0x9c7, 0x9be, 0xbc6, 0xbbe, 0x2f00, 0x212b, 0x1e9b, 0x41e,
		0x43e, 0x391, 0x2026, 0xb7, 0x1f1fa };

	if (rand() % 4 == 0) {
		uint32_t c = (uint32_t)rand() % 0x3100;

		return is_scalar(c) ? c : 'a';
	}
	return some[(size_t)rand() % (sizeof(some) / sizeof(*some))];
}

static size_t
odd_text(char *text, size_t chars)
{
	size_t n = 0;

	while (chars-- > 0)
		n += utf8_put(text + n, odd_char());
	return n;
}

static void
basic_is_icu_s_own_for_random_texts(void)
{
	char text[256];
	int i;

	srand(1);
	for (i = 0; i < 60000 && !check_test_failed; i++)
		check_as_icu(text, odd_text(text, 1 + (size_t)rand() % 24));
}

static void
a_letter_waits_for_so_many_accents_and_no_more(void)
{
	struct chain *c = chain_new(BASIC);
	size_t i;

	chain_feed(c, "a", 1, false);
	CHECK_EQ(chain_start(c, c->len), 0);
	for (i = 1; i < FOLD_CLUSTER; i++)
		chain_feed(c, "\u0301", 2, false);
	CHECK(c->len > 0);
	CHECK_EQ(chain_start(c, c->len), 1 + 2 * (FOLD_CLUSTER - 1));
	chain_free(c);
}

/* ---- strong ---- */

/* OpenCC, asked for one character at a time. */
static void
strong_knows_the_simplified_form_of_every_character(void)
{
	const struct fold_table *t = fold_table_get(MG_FOLD_STRONG);
	opencc_t cc = opencc_open(OPENCC_DEFAULT_CONFIG_TRAD_TO_SIMP);
	char text[5];
	uint32_t c;

	for (c = FOLD_HAN_FROM; c < FOLD_HAN_TO && !check_test_failed; c++) {
		uint32_t e = fold_entry(t, c), got = e & FOLD_VALUE, want;
		size_t n = utf8_put(text, c);
		char *answer;

		if (c >= 0x4dc0 && c < 0x4e00)
			continue;	/* hexagrams */
		answer = opencc_convert_utf8(cc, text, n);
		want = utf8_get(answer);
		if ((e & FOLD_KIND) == FOLD_SAME)
			got = c;
		CHECK_EQ(got, want < 0x10000 ? want : c);
		opencc_convert_utf8_free(answer);
	}
	(void)opencc_close(cc);
}

static void
strong_changes_the_case_of_ascii_and_nothing_else(void)
{
	char text[2] = { 0 }, want[2] = { 0 };
	int c;

	for (c = ' '; c < 0x7f; c++) {
		text[0] = (char)c;
		want[0] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
		CHECK_STR(folded(STRONG, text), want);
	}
	CHECK_STR(folded(STRONG, "a\tb\nc\r\n"), "a\tb\nc\r\n");
	CHECK_STR(folded(STRONG, "bo\x01mb\x7f"), "bomb");
}

/* What is looked for is folded once, the text once: twice must be the same. */
static void
strong_of_strong_is_strong(void)
{
	char text[5] = { 0 }, once[64];
	uint32_t c;

	for (c = 1; c < 0x30000; c++) {
		if (!is_scalar(c) || (c >= FOLD_HAN_FROM && c < FOLD_HAN_TO))
			continue;
		text[utf8_put(text, c)] = '\0';
		(void)snprintf(once, sizeof(once), "%s",
		    folded(STRONG, text));
		if (strcmp(folded(STRONG, once), once) != 0) {
			fprintf(stderr, "U+%04X %s: %s\n", c, text, once);
			check_test_failed = true;
		}
	}
}

struct pair {
	const char *text, *want;
};

static void
check_pairs(size_t which, const struct pair *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		CHECK_STR(folded(which, p[i].text), p[i].want);
}

#define PAIRS(which, ...) \
	do { \
		static const struct pair p[] = { __VA_ARGS__ }; \
		check_pairs(which, p, sizeof(p) / sizeof(*p)); \
	} while (0)

static void
strong_reads_letters_of_other_shapes(void)
{
	PAIRS(STRONG, { "ＢＯＭＢ ｂｏｍｂ", "bomb bomb" },
	    { "𝐁𝐨𝐦𝐛 𝓑𝓸𝓶𝓫 𝔅𝔬𝔪𝔟 𝕭𝖔𝖒𝖇 𝙱𝚘𝚖𝚋", "bomb bomb bomb bomb bomb" },
	    { "ⒷⓄⓂⒷ ⓑⓞⓜⓑ ⒝⒪⒨⒝", "bomb bomb bomb" },
	    { "🄱🄾🄼🄱 🅱🅾🅼🅱 🅑🅞🅜🅑 🇧🇴🇲🇧", "bomb bomb bomb bomb" },
	    { "ʙᴏᴍʙ ᵇᵒᵐᵇ", "bomb bomb" },
	    { "ВОМВ ΒΟΜΒ Ьоmь", "bomb bomb bomb" },
	    { "bøмb þ bömb ɓɵɱɓ", "bomb þ bomb bomb" },
	    { "ᗷOᗰᗷ ᏴᎾmᏴ", "bomb bomb" },
	    { "8️⃣9️⃣6️⃣4️⃣ ❽➒⓺④ ８９６４ ٨٩٦٤",
		"8964 8964 8964 8964" },
	    { "ﬁght ½ ㎏ ℌ", "fight 1\u20442 kg h" },
	    { "mєth ʍeth ⲃⲟⲙⲃ ɮomb bomb™", "meth meth bomb bomb bomb™" });
}

static void
strong_drops_what_cannot_be_seen(void)
{
	PAIRS(STRONG, { "bo\u200bmb b\u00adomb b\u2060omb", "bomb bomb bomb" },
	    { "b\u202eom\u202cb bo\u2066mb\u2069", "bomb bomb" },
	    { "炸\ufe0f弹\U000e0100 炸\u200d弹", "炸弹 炸弹" },
	    { "bo\U000e0062\U000e006fmb", "bomb" },
	    { "b\u0337o\u0334m\u0335b\u0336 z̷a̴l̵g̶o̷", "bomb zalgo" },
	    { "炸\u0336弹\u0336 炸⃠弹", "炸弹 炸弹" });
}

static void
strong_simplifies(void)
{
	PAIRS(STRONG, { "炸彈 臺灣 體驗 發財", "炸弹 台湾 体验 发财" },
	    { "⼀⼆⼈ ⻢⻋ ㊙㊋ ㈠🈲🉐", "一二人 马车 秘火 一禁得" },
	    { "\uf907 \ufa0c \U0002f81a", "龟 兀 冬" });
}

static void
strong_reads_html_entities(void)
{
	PAIRS(STRONG, { "&#28856;&#x5f39; &#X5F39;", "炸弹 弹" },
	    { "&#98;&#111;&#109;&#98", "bomb" },
	    { "b&shy;o&zwj;mb&nbsp;&lt;&amp;", "bomb <&" },
	    { "AT&T &c. &#; &#x; &#0; &#xd800; &#1114112; &nosuch;",
		"at&t &c. &#; &#x; &#0; &#xd800; &#1114112; &nosuch;" },
	    { "a & b && c &", "a & b && c &" },
	    { "&#00000000000098;", "&#00000000000098;" });
	PAIRS(STRONG, { "b&ZeroWidthSpace;o&NoBreak;mb", "bomb" },
	    { "b&ocirc;m&bopf; h&Eacute;r&omicron;in", "bomb heroin" },
	    { "b&shyomb b&nbspb", "bomb b b" });
}

static void
strong_reads_entities_of_entities(void)
{
	PAIRS(STRONG, { "&amp;#98;omb &amp;amp;#x62;omb", "bomb bomb" },
	    { "&#38;#98;omb b&amp;shy;omb", "bomb bomb" },
	    { "&amp;amp;amp;#98;", "b" }, { "&amp;amp;amp;amp;#98;", "&#98;" },
	    { "R&amp;B &amp;nosuch; &amp;", "r&b &nosuch; &" });
}

static void
strong_composes_what_is_no_accent(void)
{
	PAIRS(STRONG, { "か\u3099 ｶﾞ カ\u3099", "が ガ ガ" },
	    { "\u1100\u1161\u11a8 가\u11a8 각", "각 각 각" });
}

/* ---- joined ---- */

static void
joined_spells_words_out(void)
{
	PAIRS(JOINED, { "b o m b", "bomb" }, { "b.o.m.b!", "bomb!" },
	    { "b-o-m-b b_o_m_b", "bomb bomb" }, { "B*O*M*B", "bomb" },
	    { "b/o/m/b b|o|m|b b~o~m~b", "bomb bomb bomb" },
	    { "b · o · m · b", "bomb" }, { "b,o,m,b", "bomb" },
	    { "b\no\nm\nb", "bomb" }, { "b💣o💣m💣b", "bomb" },
	    { "b\u3000o\u2003m\u00a0b", "bomb" },
	    { "(b)(o)(m)(b)", "(bomb)" }, { "bo💣mb bo❤\ufe0fmb", "bomb bomb" },
	    { "bo*mb b**o**mb `b`omb", "bomb bomb `bomb" },
	    { "8.9.6.4", "8964" });
}

static void
joined_keeps_words_apart(void)
{
	PAIRS(JOINED, { "had a b o m b today", "had a bomb today" },
	    { "k i l l a man", "kill a man" },
	    { "make a b.o.m.b at home", "make a bomb at home" },
	    { "b o m b  n o w", "bomb now" },
	    { "b.o.m.b n.o.w", "bomb now" },
	    { "I am a cat", "i am a cat" }, { "a b", "a b" },
	    { "plan A or B", "plan a or b" }, { "x = y", "x = y" },
	    { "well-known e-mail file_name", "well-known e-mail file_name" },
	    { "i.e. this", "i.e. this" }, { "he'll don't", "he'll don't" },
	    { "6.4 and 3/4", "6.4 and 3/4" },
	    { "J. R. R. Tolkien", "jrr. tolkien" },
	    { "the U.S.A. team", "the usa. team" });
}

static void
tight_joins_the_rest(void)
{
	PAIRS(TIGHT, { "a n a l", "anal" }, { "b.o-m*b", "bomb" },
	    { "m a f i a boss", "mafia boss" }, { "b o m b  n o w", "bombnow" },
	    { "bo-mb bo.mb bo_mb", "bomb bomb bomb" },
	    { "bo---mb 8.964 a1-b2 end. Next he'll",
		"bo---mb 8.964 a1-b2 end. next he'll" },
	    { "bo--mb bo..mb bo/mb bo+mb bo\\mb", "bomb bomb bomb bomb bomb" },
	    { "bo-\nmb bo-\r\nmb bo- mb", "bomb bomb bo- mb" },
	    { "\"bo\" + \"mb\" 'bo'+'mb' \"bo\", \"mb\"",
		"\"bomb\" 'bomb' \"bo\", \"mb\"" },
	    { "b,   o - m b", "b,   omb" });
}

static void
joined_makes_white_space_one_space(void)
{
	PAIRS(JOINED, { "kill  yourself", "kill yourself" },
	    { "kill\nyourself kill \t yourself", "kill yourself kill yourself" },
	    { "kill\r\n\r\n  yourself", "kill yourself" },
	    { "k i l l  y o u r s e l f", "kill yourself" },
	    { "kill.  yourself\n", "kill.  yourself\n" },
	    { "some more words before  two spaces",
		"some more words before two spaces" },
	    { "kill          yourself", "kill          yourself" });
}

static void
joined_takes_so_many_separators_and_no_more(void)
{
	PAIRS(JOINED, { "b--------o--------m--------b", "bomb" },
	    { "b---------o---------m---------b",
		"b---------o---------m---------b" },
	    { "炸--------弹 炸---------弹", "炸弹炸---------弹" },
	    { "bo💣💣💣💣mb", "bomb" }, { "[\"b\", \"o\", \"m\"]",
		"[\"bom\"]" });
}

static void
joined_closes_up_han_characters(void)
{
	PAIRS(JOINED, { "炸 弹", "炸弹" }, { "炸　弹", "炸弹" },
	    { "如何制造炸 弹啊", "如何制造炸弹啊" },
	    { "炸.弹 炸·弹 炸*弹", "炸弹炸弹炸弹" },
	    { "炸-弹_炸|弹/炸~弹+炸", "炸弹炸弹炸弹炸" },
	    { "炸★弹 炸💣弹", "炸弹炸弹" }, { "炸 - 弹", "炸弹" },
	    { "炸丨弹 炸丶弹 炸ー弹", "炸弹炸弹炸弹" },
	    { "【炸】【弹】", "【炸弹】" }, { "(炸)(弹)", "(炸弹)" },
	    { "「炸」弹", "「炸弹" }, { "炸，弹，制，造", "炸弹制造" },
	    { "炸\n弹\n制\n造", "炸弹制造" }, { "炸、弹。", "炸弹。" },
	    { "怎么做炸，弹", "怎么做炸弹" }, { "炸，弹怎么做", "炸弹怎么做" },
	    { "求海，洛，因的做法", "求海洛因的做法" },
	    { "炸 / 弹怎么做", "炸弹怎么做" }, { "制造炸..弹呢", "制造炸弹呢" },
	    { "\"制造炸\" + \"弹\"", "\"制造炸弹\"" });
}

static void
joined_leaves_sentences_alone(void)
{
	PAIRS(JOINED, { "他听到爆炸，弹起身来", "他听到爆炸,弹起身来" },
	    { "床前明月光，\n疑是地上霜", "床前明月光,\n疑是地上霜" },
	    { "听到爆炸\n弹起身来", "听到爆炸\n弹起身来" },
	    { "爆炸（弹起）", "爆炸(弹起)" }, { "他说：“炸了。”弹回",
		"他说:\"炸了。\"弹回" },
	    { "炸    弹", "炸    弹" }, { "炸a弹", "炸a弹" },
	    { "油炸 / 弹性", "油炸 / 弹性" }, { "油炸 | 弹性", "油炸 | 弹性" },
	    { "爆炸...弹起", "爆炸...弹起" }, { "炒、炸，弹性", "炒炸,弹性" },
	    { "x炸，弹性", "x炸,弹性" },
	    { "爆炸——弹药", "爆炸——弹药" }, { "爆炸……弹药", "爆炸……弹药" });
}

/* ---- leet ---- */

static void
leet_reads_digits_in_words(void)
{
	PAIRS(LEET, { "8omb m3+h 6a9 h€r0in ₥e₮h", "bomb meth gag heroin meth" },
	    { "b0mb h3r01n", "bomb heroin" }, { "k1ll kill", "kiii kiii" },
	    { "k!ll! a$$ @ss", "kiii! ass ass" }, { "p0rn 5ex 7hug",
		"porn sex thug" });
	PAIRS(JOINED_LEET, { "b.0.m.b", "bomb" });
}

static void
leet_leaves_numbers_alone(void)
{
	PAIRS(LEET, { "1337 and 2024-05-01", "1337 and 2024-05-01" },
	    { "$100 (50%) 3.14!", "$100 (50%) 3.14!" },
	    { "80mb €100 c++ a + b 100₽", "8omb €100 c++ a + b 100₽" },
	    { "yes! no!", "yes! no!" }, { "炸5弹", "炸5弹" });
}

static void
a_number_waits_for_its_word_so_long_and_no_longer(void)
{
	struct chain *c = chain_new(LEET);
	int i;

	for (i = 0; i < 31; i++)
		chain_feed(c, "1", 1, false);
	CHECK_EQ(c->len, 0);
	chain_feed(c, "1", 1, false);
	CHECK_EQ(c->len, 32);
	chain_free(c);
}

/* ---- deeper views ---- */

static void
pinyin_reads_chinese_by_its_sound(void)
{
	char bomb[32], other[32];

	(void)snprintf(bomb, sizeof(bomb), "%s", folded(PINYIN, "炸弹"));
	CHECK_EQ(strlen(bomb), 6);
	PAIRS(PINYIN, { "hello world 123!", "hello world 123!" },
	    { "\ue000x", "x" });
	CHECK_STR(folded(PINYIN, "扎蛋"), bomb);
	CHECK_STR(folded(PINYIN, "ZhaDan"), bomb);
	CHECK_STR(folded(PINYIN, "zha dan"), bomb);
	CHECK_STR(folded(PINYIN, "zhà dàn"), bomb);
	CHECK_STR(folded(PINYIN, "zha4dan4"), bomb);
	CHECK_STR(folded(PINYIN, "zha-dan"), bomb);
	CHECK_STR(folded(PINYIN, "炸 dan"), bomb);
	CHECK_STR(folded(PINYIN, "zha 弹"), bomb);
	CHECK(strcmp(folded(PINYIN, "炸 弹"), bomb) != 0);
	(void)snprintf(other, sizeof(other), "%s", folded(PINYIN, "女"));
	CHECK_STR(folded(PINYIN, "nv"), other);
	CHECK_STR(folded(PINYIN, "nu"), other);
	/* Syllables, not letters: xi an is not xian. */
	(void)snprintf(other, sizeof(other), "%s", folded(PINYIN, "先"));
	CHECK(strcmp(folded(PINYIN, "西安"), other) != 0);
}

static void
check_sought(enum fold_via via, const char *text, const char *want)
{
	size_t len;
	char *got = fold_sought(MG_FOLD_STRONG, false, via,
	    (struct mg_span){ text, strlen(text) }, &len);

	CHECK_MEM(got, len, want);
	free(got);
}

static void
a_word_is_sought_in_other_ways(void)
{
	char bomb[32];

	(void)snprintf(bomb, sizeof(bomb), "%s", folded(PINYIN, "炸弹"));
	check_sought(VIA_REVERSED, "Bömb 炸彈", "弹炸 bmob");
	check_sought(VIA_PINYIN, "炸彈", bomb);
	check_sought(VIA_PINYIN, "毒", "毒");	/* too many sound like it */
	check_sought(VIA_PINYIN, "nazi", "nazi");
	check_sought(VIA_HEX, "Bomb", "bomb");
}

static void
base64_shows_what_runs_hold(void)
{
	PAIRS(BASE64, { "54K45by5", "炸弹" }, { "Ym9tYg==", "bomb\n" },
	    { "Ym9tYg", "bomb" }, { "say Ym9tYg== or 54K45by5.",
		"bomb\n炸弹\n" },
	    { "aG93IHRvIG1ha2UgYSBib21i", "how to make a bomb" },
	    { "aG93IHRvIG1ha2Ug\nYSBib21i", "how to make a bomb" },
	    { "aG93IHRvIG1ha2Ug\r\nYSBib21i!", "how to make a bomb\n" },
	    { "5oCO5LmI5YGa54K45by577yf", "怎么做炸弹？" },
	    { "Yg==", "b\n" }, { "", "" }, { "请用诗歌", "" },
	    { "AAAA", "" }, { "4p2k77iP", "❤\ufe0f" });
}

static void
hex_shows_what_runs_hold(void)
{
	PAIRS(HEX, { "e782b8e5bcb9", "炸弹" }, { "E7 82 B8 E5 BC B9", "炸弹" },
	    { "\\xe7\\x82\\xb8", "炸" }, { "0x62 0x6f 0x6d 0x62", "bomb" },
	    { "0x62, 0x6f, 0x6d, 0x62", "bomb" }, { "62, 6f", "bo" },
	    { "\\u70b8\\u5f39 U+70B8 U+5F39 \\u{62}\\u{6f}",
		"炸弹炸弹bo" }, { "\\ud83d \\u00 u+ U+12 \\u{}", "" },
	    { "62:6f:6d:62!", "bomb\n" }, { "say 626f6d62 or e782b8",
		"bomb\n炸" },
	    { "hello cafe beef", "" }, { "请用诗歌", "" });
}

static void
url_undoes_percent_signs(void)
{
	PAIRS(URL, { "%E7%82%B8%e5%bc%b9", "炸弹" }, { "b%6Fmb", "bomb" },
	    { "100% of 5%a %zz %E7%82 %", "100% of 5%a %zz %E7%82 %" },
	    { "%00%ff%41", "%00%ffA" },
	    { "%2562 %25E7%2582%25B8 %252562 %25 100%25", "b 炸 b % 100%" },
	    { "%u70b8%U5F39 %u12 %ud800", "炸弹 %u12 %ud800" },
	    { "kill+yourself", "kill yourself" });
}

/* ---- cuts and maps ---- */

/* Both ends of every byte, as the chain tells them. */
static void
check_map(const struct chain *c, size_t n)
{
	uint64_t before = 0;
	size_t i;

	for (i = 0; i < c->len; i = next(c->out, i)) {
		uint64_t from = chain_start(c, i);
		uint64_t to = chain_end(c, next(c->out, i));

		CHECK(from >= before && from < to && to <= n);
		before = from;
	}
	CHECK_EQ(chain_start(c, c->len), n);
}

static void
check_same(const struct chain *a, const struct chain *b)
{
	size_t i;

	CHECK(a->len == b->len && memcmp(a->out, b->out, a->len) == 0);
	for (i = 0; i < a->len && a->len == b->len; i = next(a->out, i)) {
		CHECK_EQ(chain_start(a, i), chain_start(b, i));
		CHECK_EQ(chain_end(a, next(a->out, i)),
		    chain_end(b, next(a->out, i)));
	}
}

static void
check_cuts(size_t which, const char *text, size_t n)
{
	struct chain *whole = chain_new(which), *cut, *small;
	size_t at;

	chain_feed(whole, text, n, true);
	check_map(whole, n);
	small = chain_new(which);
	for (at = 0; at < n; at = next(text, at)) {
		chain_feed(small, text + at, next(text, at) - at, false);
		cut = chain_new(which);
		chain_feed(cut, text, at, false);
		chain_feed(cut, text + at, n - at, true);
		check_same(whole, cut);
		chain_free(cut);
	}
	chain_feed(small, "", 0, true);
	check_same(whole, small);
	chain_free(small);
	chain_free(whole);
}

static void
a_text_folds_the_same_at_every_cut(void)
{
	char text[256];
	size_t i, which;

	srand(2);
	for (i = 0; i < 2500; i++)
		for (which = 0; which < N_CHAINS && !check_test_failed;
		    which++)
			check_cuts(which, text, odd_text(text,
				1 + (size_t)rand() % 28));
}

static void
encoded_texts_decode_the_same_at_every_cut(void)
{
	static const char *const pieces[] = { "54K45by5", "Ym9tYg==", "aG93",
		"Y", "=", "\n", "\r\n", "\r", " ", "e7", "82b8", "\\x", "0x",
		"\\", "%", "%E7%82%B8", "%4", "%41", "g", ":", "炸", ",",
		"626f6d62", "zha", "dan", "弹", "'", "4", "x", ", ", "u70b8",
		"U+", "{", "}", "%25", "%u", "+", "&amp;", "#98", "shy;" };
	char text[400];
	size_t i, k, which;

	srand(4);
	for (i = 0; i < 3000 && !check_test_failed; i++) {
		text[0] = '\0';
		for (k = (size_t)rand() % 12; k > 0; k--)
			strcat(text, pieces[(size_t)rand() % 40]);
		for (which = PINYIN; which < N_CHAINS; which++)
			check_cuts(which, text, strlen(text));
		if (check_test_failed)
			fprintf(stderr, "\"%s\"\n", text);
	}
}

/* Words long enough to be stepped over in blocks. */
static void
long_texts_fold_the_same_at_every_cut(void)
{
	static const char *const words[] = { "word", "a", "i", "bomb", "b",
		"to", "x", "3", "12", ", ", ". ", "*", "|", "-", "炸", "弹药",
		"\n", "  ", "é", "ı", "\"", "+", "-\n", "€", "8", "&" };
	char text[400];
	size_t i, k, which;

	srand(3);
	for (i = 0; i < 800 && !check_test_failed; i++) {
		text[0] = '\0';
		for (k = 0; k < 24; k++) {
			strcat(text, words[(size_t)rand() % 26]);
			strcat(text, rand() % 3 ? " " : "");
		}
		for (which = STRONG; which < N_CHAINS; which++)
			check_cuts(which, text, strlen(text));
	}
}

/* All texts of a small alphabet that is full of separators. */
static void
small_texts_fold_the_same_at_every_cut(void)
{
	static const char *const alphabet[] = { "a", "b", " ", ".", "炸", "，",
		"💣" };
	size_t digits[6] = { 0 }, i, which;
	char text[32];

	do {
		size_t n = 0;

		for (i = 0; i < 6; i++) {
			strcpy(text + n, alphabet[digits[i]]);
			n += strlen(alphabet[digits[i]]);
		}
		for (which = JOINED; which <= TIGHT; which++)
			check_cuts(which, text, n);
		for (i = 0; i < 6 && ++digits[i] == 7; i++)
			digits[i] = 0;
	} while (i < 6 && !check_test_failed);
}

static void
says_where_a_character_stood(void)
{
	const char *text = "x &#28856;\u200b·彈 Ｂ";
	struct chain *c = chain_new(JOINED);

	chain_feed(c, text, strlen(text), true);
	CHECK_MEM(c->out, c->len, "x 炸弹 b");
	CHECK_EQ(chain_start(c, 2), 2);		/* the entity */
	CHECK_EQ(chain_end(c, 5), 10);
	CHECK_EQ(chain_start(c, 5), 15);	/* behind what was dropped */
	CHECK_EQ(chain_end(c, 8), 18);
	CHECK(fold_crosses(c->f[1], 2, 8));
	CHECK(!fold_crosses(c->f[1], 0, 5));
	CHECK(!fold_crosses(c->f[1], 5, 9));
	CHECK(fold_differs(c->f[1]));
	chain_free(c);
}

static void
forgets_what_nobody_asks_for(void)
{
	struct fold *f = fold_new(FOLD_STRONG);
	size_t i;

	for (i = 0; i < 1000; i++) {
		(void)fold_feed(f, (struct mg_span){ "\u200bＡ", 6 }, false);
		fold_forget(f, i);
		CHECK_EQ(fold_start(f, i), 6 * i + 3);
		CHECK_EQ(fold_end(f, i + 1), 6 * i + 6);
	}
	fold_free(f);
}

int
main(void)
{
	struct mg_error err = { { 0 } };

	if (fold_prepare(MG_FOLD_BASIC, &err) < 0 ||
	    fold_prepare(MG_FOLD_STRONG, &err) < 0 ||
	    fold_prepare_pinyin(&err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	RUN(basic_is_icu_s_own_for_every_code_point);
	RUN(basic_is_icu_s_own_for_random_texts);
	RUN(a_letter_waits_for_so_many_accents_and_no_more);
	RUN(strong_knows_the_simplified_form_of_every_character);
	RUN(strong_changes_the_case_of_ascii_and_nothing_else);
	RUN(strong_of_strong_is_strong);
	RUN(strong_reads_letters_of_other_shapes);
	RUN(strong_drops_what_cannot_be_seen);
	RUN(strong_simplifies);
	RUN(strong_reads_html_entities);
	RUN(strong_reads_entities_of_entities);
	RUN(strong_composes_what_is_no_accent);
	RUN(joined_spells_words_out);
	RUN(joined_keeps_words_apart);
	RUN(tight_joins_the_rest);
	RUN(joined_makes_white_space_one_space);
	RUN(joined_takes_so_many_separators_and_no_more);
	RUN(joined_closes_up_han_characters);
	RUN(joined_leaves_sentences_alone);
	RUN(leet_reads_digits_in_words);
	RUN(leet_leaves_numbers_alone);
	RUN(a_number_waits_for_its_word_so_long_and_no_longer);
	RUN(pinyin_reads_chinese_by_its_sound);
	RUN(a_word_is_sought_in_other_ways);
	RUN(base64_shows_what_runs_hold);
	RUN(hex_shows_what_runs_hold);
	RUN(url_undoes_percent_signs);
	RUN(encoded_texts_decode_the_same_at_every_cut);
	RUN(a_text_folds_the_same_at_every_cut);
	RUN(long_texts_fold_the_same_at_every_cut);
	RUN(small_texts_fold_the_same_at_every_cut);
	RUN(says_where_a_character_stood);
	RUN(forgets_what_nobody_asks_for);
	return CHECK_DONE();
}
