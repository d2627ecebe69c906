/* SPDX-License-Identifier: Apache-2.0 */
/* language.c - texts in a language that somebody does or does not want.
 *
 * Most languages here are told by their script, some by letters that their
 * neighbours do not have, those in Latin letters by their small words. What is
 * told is which language most of a whole text is in; so nothing is known before
 * its end, and a rule that text must wait for holds all of it. A text that is
 * too short or too mixed is in no language, and never found. */
#include <string.h>

#include "filters/memory.h"
#include "modgate/filter.h"

#define LETTERS_DEFAULT 20
#define WORD_BYTES 12		/* of a small word, at most */
#define TABLE 1024		/* slots for small words; a power of two */

enum { KEY_LANGUAGE, KEY_IS, KEY_MIN_LETTERS };

#define LANGUAGES(X) \
	X(ZH, "zh") X(JA, "ja") X(KO, "ko") X(RU, "ru") X(UK, "uk") \
	X(AR, "ar") X(FA, "fa") X(HE, "he") X(EL, "el") X(TH, "th") \
	X(HI, "hi") X(EN, "en") X(DE, "de") X(FR, "fr") X(ES, "es") \
	X(PT, "pt") X(IT, "it") X(NL, "nl") X(PL, "pl") X(TR, "tr") \
	X(VI, "vi") X(ID, "id")

enum language {
#define X(id, name) LANG_##id,
	LANGUAGES(X)
#undef X
	N_LANGUAGES,
};

static const char *const names[] = {
#define X(id, name) name,
	LANGUAGES(X)
#undef X
	NULL };
static const char *const is[] = { "one_of", "none_of", NULL };

static const struct mg_option options[] = {
	[KEY_LANGUAGE] = { .key = "language", .type = MG_OPT_CHOICES,
		.choices = names, .help = "languages, by their ISO 639 code" },
	[KEY_IS] = { .key = "is", .type = MG_OPT_CHOICE, .choices = is,
		.help = "one_of: other languages are found; none_of: these" },
	[KEY_MIN_LETTERS] = { .key = "min_letters", .type = MG_OPT_INT,
		.min = 1, .max = 100000, .fallback = LETTERS_DEFAULT,
		.help = "fewer letters are in no language" },
	{ .key = NULL },
};

/* Words that a language cannot do without, and others have not. */
static const char *const small_words[N_LANGUAGES] = {
	[LANG_EN] = "the and of to is in that it for you was with are this have "
	    "not be on as what how can my we they from which would there "
	    "your do will has i should could if by or but been about when "
	    "where who why does am want need please her his she an at write "
	    "into its were their them make give",
	[LANG_DE] = "der die das und ist nicht ein eine ich sie es mit auf für "
	    "den von zu dem wie auch im sich des werden bei noch sind wir "
	    "haben oder",
	[LANG_FR] = "le la les et est des un une je vous que pas pour dans qui "
	    "sur avec nous du ce il elle au mais sont être cette plus",
	[LANG_ES] = "el la los las y es que en un una por con para del se no "
	    "como más pero su al lo está qué yo muy hay este son",
	[LANG_PT] = "o os as e é que em um uma não para com do da dos se mais "
	    "como mas eu você ao está são isso foi muito ele na no",
	[LANG_IT] = "il lo gli e è che di un una non per con del della si come "
	    "ma sono ho questo più anche nel alla io dei cosa ha le",
	[LANG_NL] = "de het een en is van ik niet dat je op te zijn voor met "
	    "maar ook wat er aan naar hij we om door wordt deze bij",
	[LANG_PL] = "w na nie się jest że jak co tak za ale po czy ponieważ "
	    "jestem od przez są dla tym już może ich być",
	[LANG_TR] = "bir ve bu da de için ne çok ben mi ile gibi var daha değil "
	    "olarak sonra nasıl kadar ama olan her şey",
	[LANG_VI] = "là của và không có được cho một tôi trong những với các "
	    "này người đã khi để như bạn thì từ ở",
	[LANG_ID] = "yang dan di itu dengan untuk tidak ini dari dalam akan pada "
	    "saya adalah kamu bisa ada ke apa juga sudah mereka atau",
};

enum script { SCRIPT_LATIN, SCRIPT_HAN, SCRIPT_KANA, SCRIPT_HANGUL,
	SCRIPT_CYRILLIC, SCRIPT_ARABIC, SCRIPT_HEBREW, SCRIPT_GREEK,
	SCRIPT_THAI, SCRIPT_DEVANAGARI, SCRIPT_OTHER, N_SCRIPTS };

struct word {
	uint8_t len;		/* 0: an empty slot */
	char ptr[WORD_BYTES];
	uint32_t languages;	/* bits */
};

struct rule {
	uint32_t languages;	/* bits */
	uint8_t item[N_LANGUAGES];
	bool none_of;
	uint64_t min_letters;
};

struct conf {
	struct rule *rules;
	size_t n_rules;
	struct word words[TABLE];
};

struct scan {
	const struct conf *conf;
	const struct mg_scope *scope;
	uint64_t letters[N_SCRIPTS];
	uint64_t only_uk, only_ru, only_fa;	/* letters of one language */
	uint64_t words;				/* in Latin letters */
	uint64_t small[N_LANGUAGES];
	char word[WORD_BYTES];		/* that is being read, small letters */
	size_t word_len;		/* more than WORD_BYTES: too long */
};

/* ---- letters ---- */

static enum script
script_of(uint32_t c)
{
	if (c < 0x250 || (c >= 0x1e00 && c < 0x1f00))
		return SCRIPT_LATIN;
	if (c >= 0x4e00 && c < 0xa000)
		return SCRIPT_HAN;
	if (c >= 0x3041 && c < 0x3100)
		return SCRIPT_KANA;
	if ((c >= 0xac00 && c < 0xd7b0) || (c >= 0x1100 && c < 0x1200))
		return SCRIPT_HANGUL;
	if (c >= 0x400 && c < 0x530)
		return SCRIPT_CYRILLIC;
	if ((c >= 0x620 && c < 0x6ee && !(c >= 0x660 && c < 0x66e)) ||
	    (c >= 0xfb50 && c < 0xfe00) || (c >= 0xfe70 && c < 0xfeff))
		return SCRIPT_ARABIC;
	if (c >= 0x5d0 && c < 0x5eb)
		return SCRIPT_HEBREW;
	if ((c >= 0x370 && c < 0x400) || (c >= 0x1f00 && c < 0x2000))
		return SCRIPT_GREEK;
	if (c >= 0xe01 && c < 0xe50)
		return SCRIPT_THAI;
	if (c >= 0x900 && c < 0x964)
		return SCRIPT_DEVANAGARI;
	if ((c >= 0x3400 && c < 0x4dc0) || (c >= 0x20000 && c < 0x40000))
		return SCRIPT_HAN;
	return (c >= 0x530 && c < 0x2000) ? SCRIPT_OTHER : N_SCRIPTS;
}

/* Latin letters beyond ASCII; signs stand among them. */
static bool
is_latin(uint32_t c)
{
	return c >= 0xc0 && c != 0xd7 && c != 0xf7;
}

static void
note_letter(struct scan *s, uint32_t c, enum script script)
{
	s->letters[script]++;
	if (script == SCRIPT_CYRILLIC) {
		s->only_uk += c == 0x456 || c == 0x457 || c == 0x454 ||
		    c == 0x491 || c == 0x406 || c == 0x407 || c == 0x404;
		s->only_ru += c == 0x44b || c == 0x44d || c == 0x451 ||
		    c == 0x44a;
	}
	if (script == SCRIPT_ARABIC)
		s->only_fa += c == 0x67e || c == 0x686 || c == 0x698 ||
		    c == 0x6af || c == 0x6cc || c == 0x6a9;
}

/* ---- words in Latin letters ---- */

static size_t
hash(const char *ptr, size_t len)
{
	uint32_t h = 2166136261u;

	while (len-- > 0)
		h = (h ^ (unsigned char)*ptr++) * 16777619u;
	return (h ^ h >> 15) & (TABLE - 1);
}

/* The slot of a word, or the empty one where it would stand. */
static const struct word *
find_word(const struct word *table, const char *ptr, size_t len)
{
	size_t i = hash(ptr, len);

	while (table[i].len > 0 && (table[i].len != len ||
	    memcmp(table[i].ptr, ptr, len) != 0))
		i = (i + 1) & (TABLE - 1);
	return &table[i];
}

static void
end_word(struct scan *s)
{
	const struct word *w;
	uint32_t left;

	if (s->word_len == 0)
		return;
	s->words++;
	if (s->word_len <= WORD_BYTES) {
		w = find_word(s->conf->words, s->word, s->word_len);
		for (left = w->languages; left; left &= left - 1)
			s->small[__builtin_ctz(left)]++;
	}
	s->word_len = 0;
}

static void
add_to_word(struct scan *s, const unsigned char *p, size_t len)
{
	if (s->word_len + len > WORD_BYTES) {
		s->word_len = WORD_BYTES + 1;
		return;
	}
	memcpy(s->word + s->word_len, p, len);
	s->word_len += len;
}

/* ---- reading ---- */

static uint32_t
decode(const unsigned char *p, size_t len)
{
	if (len == 2)
		return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
	if (len == 3)
		return (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 |
		    (p[2] & 0x3fu);
	return (p[0] & 7u) << 18 | (p[1] & 0x3fu) << 12 |
	    (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
}

static void
read_ascii(struct scan *s, unsigned char c)
{
	unsigned char small = c | 0x20;

	if (small < 'a' || small > 'z') {
		end_word(s);
		return;
	}
	s->letters[SCRIPT_LATIN]++;
	add_to_word(s, &small, 1);
}

static void
read_wide(struct scan *s, const unsigned char *p, size_t len)
{
	uint32_t c = decode(p, len);
	enum script script = script_of(c);
	unsigned char small[4];

	if (script == SCRIPT_LATIN && is_latin(c)) {
		s->letters[SCRIPT_LATIN]++;
		memcpy(small, p, len);
		if (c < 0xdf)		/* capitals of Latin-1 */
			small[1] |= 0x20;
		add_to_word(s, small, len);
		return;
	}
	end_word(s);
	if (script != SCRIPT_LATIN && script != N_SCRIPTS)
		note_letter(s, c, script);
}

static void
read_text(struct scan *s, const unsigned char *p, size_t n)
{
	size_t i, len;

	for (i = 0; i < n; i += len) {
		len = p[i] < 0x80 ? 1 : p[i] < 0xe0 ? 2 : p[i] < 0xf0 ? 3 : 4;
		if (len == 1)
			read_ascii(s, p[i]);
		else
			read_wide(s, p + i, len);
	}
}

/* ---- which language ---- */

/* The language whose small words are an eighth of all, and half as many again
 * as the next one's. */
static enum language
latin_language(const struct scan *s)
{
	enum language best = N_LANGUAGES, l;
	uint64_t first = 0, second = 0;

	for (l = 0; l < N_LANGUAGES; l++) {
		if (s->small[l] > first) {
			second = first;
			first = s->small[l];
			best = l;
		} else if (s->small[l] > second) {
			second = s->small[l];
		}
	}
	return first >= 2 && first * 8 >= s->words &&
	    first * 2 >= second * 3 ? best : N_LANGUAGES;
}

static enum language
language_of_script(const struct scan *s, enum script script)
{
	switch (script) {
	case SCRIPT_LATIN:
		return latin_language(s);
	case SCRIPT_HAN:
		return LANG_ZH;
	case SCRIPT_KANA:
		return LANG_JA;
	case SCRIPT_HANGUL:
		return LANG_KO;
	case SCRIPT_CYRILLIC:
		return s->only_uk > s->only_ru ? LANG_UK :
		    s->only_ru > 0 ? LANG_RU : N_LANGUAGES;
	case SCRIPT_ARABIC:
		return s->only_fa * 20 >= s->letters[script] ? LANG_FA :
		    LANG_AR;
	case SCRIPT_HEBREW:
		return LANG_HE;
	case SCRIPT_GREEK:
		return LANG_EL;
	case SCRIPT_THAI:
		return LANG_TH;
	case SCRIPT_DEVANAGARI:
		return LANG_HI;
	case SCRIPT_OTHER:
	case N_SCRIPTS:
		break;
	}
	return N_LANGUAGES;
}

/* Letters by script, where one of Han, Kana or Hangul says as much as two
 * others; with a tenth of Kana, Han is Japanese. */
static enum language
decide(const struct scan *s)
{
	uint64_t weight[N_SCRIPTS], all = 0;
	unsigned best = 0, k;

	for (k = 0; k < N_SCRIPTS; k++)
		weight[k] = s->letters[k] *
		    (k >= SCRIPT_HAN && k <= SCRIPT_HANGUL ? 2 : 1);
	if (weight[SCRIPT_KANA] * 9 >= weight[SCRIPT_HAN]) {
		weight[SCRIPT_KANA] += weight[SCRIPT_HAN];
		weight[SCRIPT_HAN] = 0;
	}
	for (k = 0; k < N_SCRIPTS; k++) {
		all += weight[k];
		if (weight[k] > weight[best])
			best = k;
	}
	return weight[best] * 2 > all ?
	    language_of_script(s, (enum script)best) : N_LANGUAGES;
}

static bool
conclude(const struct scan *s, uint64_t end, struct mg_report *to)
{
	enum language l = decide(s);
	uint64_t letters = 0;
	bool found = false;
	size_t r, k;

	for (k = 0; k < N_SCRIPTS; k++)
		letters += s->letters[k];
	for (r = 0; l != N_LANGUAGES && r < s->conf->n_rules; r++) {
		const struct rule *rule = &s->conf->rules[r];
		bool listed = rule->languages >> l & 1;
		struct mg_found f = { .rule = (uint32_t)r, .len = end,
			.item = listed ? rule->item[l] : 0, .score = 1 };

		if (!(s->scope->active[r / 64] >> r % 64 & 1) ||
		    letters < rule->min_letters || listed != rule->none_of)
			continue;
		to->found(to->arg, &f);
		found = true;
	}
	return found;
}

static enum mg_verdict
judge(void *arg, const struct mg_text *text, struct mg_report *to)
{
	struct scan *s = arg;
	size_t from = (size_t)(text->fresh - text->at), r;
	uint64_t end = text->at + text->len;

	read_text(s, (const unsigned char *)text->ptr + from,
	    text->len - from);
	if (text->last) {
		end_word(s);
		return conclude(s, end, to) ? MG_FOUND : MG_CLEAN;
	}
	for (r = 0; r < (s->conf->n_rules + 63) / 64; r++)
		if (s->scope->holding[r])
			to->hold = 0;
	if (to->keep > to->hold)
		to->keep = to->hold;
	return to->hold < end ? MG_HOLD : MG_CLEAN;
}

static void *
begin(const void *conf, const struct mg_scope *scope)
{
	struct scan *s = mem_new(1, sizeof(*s));

	s->conf = conf;
	s->scope = scope;
	return s;
}

static void
end(void *arg)
{
	free(arg);
}

/* ---- the conf ---- */

static void
make_words(struct word *table)
{
	const char *p;
	size_t len;
	unsigned l;

	for (l = 0; l < N_LANGUAGES; l++) {
		for (p = small_words[l]; p && *p; p += len + (p[len] == ' ')) {
			const struct word *slot;

			len = strcspn(p, " ");
			slot = find_word(table, p, len);
			memcpy(table[slot - table].ptr, p, len);
			table[slot - table].len = (uint8_t)len;
			table[slot - table].languages |= UINT32_C(1) << l;
		}
	}
}

static void
read_rule(struct rule *to, const struct mg_value *v)
{
	size_t i, k;

	for (i = 0; i < v[KEY_LANGUAGE].n_items; i++) {
		const struct mg_item *item = &v[KEY_LANGUAGE].items[i];

		for (k = 0; k < N_LANGUAGES; k++) {
			if (strlen(names[k]) != item->text.len ||
			    memcmp(names[k], item->text.ptr,
				item->text.len) != 0)
				continue;
			to->languages |= UINT32_C(1) << k;
			to->item[k] = (uint8_t)i;
		}
	}
	to->none_of = v[KEY_IS].number > 0;
	to->min_letters = (uint64_t)v[KEY_MIN_LETTERS].number;
	if (to->min_letters == 0)
		to->min_letters = LETTERS_DEFAULT;
}

static void
close_conf(void *arg)
{
	struct conf *c = arg;

	if (c)
		free(c->rules);
	free(c);
}

static void *
open_conf(const struct mg_rule *rules, size_t n_rules,
    void (*warn)(void *arg, const struct mg_place *place, const char *text),
    void *arg, struct mg_error *err)
{
	struct conf *c = mem_new(1, sizeof(*c));
	size_t r;

	(void)warn;
	(void)arg;
	c->n_rules = n_rules;
	c->rules = mem_new(n_rules, sizeof(*c->rules));
	make_words(c->words);
	for (r = 0; r < n_rules; r++) {
		read_rule(&c->rules[r], rules[r].match);
		if (c->rules[r].languages)
			continue;
		mg_fail(err, &rules[r].place,
		    "language: no language is named");
		close_conf(c);
		return NULL;
	}
	return c;
}

static size_t
memory(const void *arg)
{
	const struct conf *c = arg;

	return sizeof(*c) + c->n_rules * sizeof(*c->rules);
}

const struct mg_filter_type filter_language = {
	.abi = MG_FILTER_ABI,
	.name = "language",
	.doc = "Find texts by their language",
	.options = options,
	.fold = MG_FOLD_NONE,
	.open = open_conf,
	.close = close_conf,
	.begin = begin,
	.judge = judge,
	.end = end,
	.memory = memory,
};
