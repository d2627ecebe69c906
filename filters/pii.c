/* SPDX-License-Identifier: Apache-2.0 */
/* pii.c - personal data: one pass finds spots, matchers confirm.
 *
 * The pass reads sixteen bytes at a time and stops at what a kind asked for: a
 * first digit, an '@', a character that begins a name's words. Each kind goes
 * through the text on its own and remembers how far it has decided; where a
 * matcher would need bytes that are not there yet, its kind stops and goes on
 * from that spot next time. That is all the state there is. */
#include "filters/pii.h"

#include <stdlib.h>
#include <string.h>

#include "filters/memory.h"
#include "filters/pii_bytes.h"
#include "modgate/filter.h"

enum { OPT_PII, OPT_AT_LEAST, OPT_PUBLIC_ONLY };

static const char *const kind_names[] = {
#define X(name, spots, early) #name,
	PII_KINDS(X)
#undef X
	NULL,
};

static const struct mg_option options[] = {
	{ .key = "pii", .type = MG_OPT_CHOICES, .choices = kind_names,
		.help = "kinds of personal data" },
	{ .key = "at_least", .type = MG_OPT_NUMBER, .min = 0, .max = 1,
		.fallback = 0.5,
		.help = "how sure a finding must be; 1: a check proves it" },
	{ .key = "public_only", .type = MG_OPT_BOOL, .fallback = 0,
		.help = "leave private and local network addresses alone" },
	{ .key = NULL },
};

#define KIND(name) (UINT32_C(1) << PII_##name)

static const struct kind {
	unsigned spots;
	pii_match *match;
	pii_tail *tail;
} kinds[] = {
#define YES(name) pii_tail_##name
#define NO(name) NULL
#define X(name, at, early) [PII_##name] = { .spots = at, \
	.match = pii_match_##name, .tail = early(name) },
	PII_KINDS(X)
#undef X
#undef YES
#undef NO
};

/* More specific kinds: where one of them covers a match, a rule that looks for
 * both reports that one alone. */
static const uint32_t rivals[PII_N_KINDS] = {
	[PII_cn_bank_card] = KIND(cn_resident_id) | KIND(cn_uscc),
	[PII_cn_landline] = KIND(cn_mobile),
	[PII_card] = KIND(cn_resident_id) | KIND(cn_uscc) |
	    KIND(cn_bank_card),
	[PII_us_phone] = KIND(cn_landline),
	[PII_uk_phone] = KIND(cn_landline),
	[PII_phone_e164] = KIND(cn_mobile) | KIND(cn_landline) |
	    KIND(us_phone),
};

struct rule {
	double at_least;
	bool public_only;
	uint32_t kinds;
	unsigned char item[PII_N_KINDS];
};

struct conf {
	struct rule *rules;
	size_t n_rules;
	uint32_t by_byte[256];		/* kinds that ask for a byte */
	unsigned char han[8192];	/* for SPOT_HAN, by code point */
	unsigned char plates[8192];	/* for SPOT_AFTER_HAN */
	bool *cased;			/* by rule */
};

struct scan {
	const struct conf *conf;
	const struct mg_scope *scope;
	uint32_t active, holding;	/* kinds */
	bool cased;
	uint64_t next[PII_N_KINDS];	/* spots before it are decided */
};

/* One call of judge(). Offsets count from the window's start. */
struct turn {
	struct scan *scan;
	struct mg_report *report;
	struct pii_text text;
	uint64_t at;
	uint32_t live;			/* kinds that go on */
	size_t next[PII_N_KINDS];
	size_t hold;
	bool found;
};

static bool
in(const uint64_t *set, size_t rule)
{
	return set[rule / 64] >> rule % 64 & 1;
}

/* ---- rules ---- */

static void
add_kind(struct conf *conf, unsigned kind)
{
	static const char *const bytes[] = { "0123456789", "+(", ":", "-.",
		"@" };
	unsigned spots = kinds[kind].spots, b;
	const char *p;

	for (b = 0; b < 5; b++)
		if (spots >> b & 1)
			for (p = bytes[b]; *p; p++)
				conf->by_byte[(unsigned char)*p] |= 1u << kind;
	if (spots & SPOT_AFTER_HAN)
		pii_han_plates(conf->plates);
	if (spots & SPOT_HAN) {
		for (b = 0xe0; b < 0xf0; b++)
			conf->by_byte[b] |= 1u << kind;
		if (kind == PII_cn_name)
			pii_han_names(conf->han);
		else
			pii_han_places(conf->han);
	}
}

/* The most bytes that a stream waits for one of some kinds: a whole e-mail
 * address or postal address, or a number with all that may divide it. */
static uint32_t
longest(uint32_t set)
{
	return set & (KIND(email) | KIND(cn_address) | KIND(en_address)) ?
	    384 : 160;
}

static int
read_rule(struct rule *r, const struct mg_rule *rule, struct mg_error *err)
{
	const struct mg_value *v = rule->match;
	size_t i;
	unsigned k;

	r->at_least = v[OPT_AT_LEAST].number;
	r->public_only = v[OPT_PUBLIC_ONLY].number != 0;
	for (i = 0; i < v[OPT_PII].n_items; i++) {
		const struct mg_item *item = &v[OPT_PII].items[i];

		for (k = 0; kind_names[k]; k++)
			if (strlen(kind_names[k]) == item->text.len &&
			    memcmp(kind_names[k], item->text.ptr,
				item->text.len) == 0)
				break;
		if (!kind_names[k])
			return mg_fail(err, &item->place, "pii: unknown kind");
		if (r->kinds >> k & 1)
			continue;
		r->kinds |= 1u << k;
		r->item[k] = (unsigned char)i;
	}
	if (rule->max_hold && rule->max_hold < longest(r->kinds))
		return mg_fail(err, &rule->place, "pii: max_hold is %u bytes; "
		    "these kinds may need %u", rule->max_hold,
		    longest(r->kinds));
	return 0;
}

static void
close_conf(void *arg)
{
	struct conf *conf = arg;

	if (!conf)
		return;
	free(conf->rules);
	free(conf->cased);
	free(conf);
}

static void *
open_conf(const struct mg_rule *rules, size_t n_rules,
    void (*warn)(void *arg, const struct mg_place *place, const char *text),
    void *arg, struct mg_error *err)
{
	struct conf *conf = mem_new(1, sizeof(*conf));
	size_t r;
	unsigned k;

	(void)warn;
	(void)arg;
	conf->n_rules = n_rules;
	conf->rules = mem_new(n_rules, sizeof(*conf->rules));
	conf->cased = mem_new(n_rules, sizeof(*conf->cased));
	for (r = 0; r < n_rules; r++) {
		conf->cased[r] = rules[r].fold == MG_FOLD_NONE;
		if (read_rule(&conf->rules[r], &rules[r], err) < 0) {
			close_conf(conf);
			return NULL;
		}
		for (k = 0; k < PII_N_KINDS; k++)
			if (conf->rules[r].kinds >> k & 1)
				add_kind(conf, k);
	}
	return conf;
}

static size_t
memory(const void *arg)
{
	const struct conf *conf = arg;

	return sizeof(*conf) + conf->n_rules *
	    (sizeof(*conf->rules) + sizeof(*conf->cased));
}

static void *
begin(const void *arg, const struct mg_scope *scope)
{
	const struct conf *conf = arg;
	struct scan *scan = mem_new(1, sizeof(*scan));
	size_t r;

	scan->conf = conf;
	scan->scope = scope;
	for (r = 0; r < conf->n_rules; r++) {
		if (!in(scope->active, r))
			continue;
		scan->active |= conf->rules[r].kinds;
		scan->cased = conf->cased[r];
		if (in(scope->holding, r))
			scan->holding |= conf->rules[r].kinds;
	}
	return scan;
}

static void
end(void *scan)
{
	free(scan);
}

/* ---- judging ---- */

/* Asks a kind about a spot. False: not yet to be known. */
static bool
ask(struct turn *t, unsigned kind, size_t spot, struct pii_hit *hit,
    bool *matched)
{
	*hit = (struct pii_hit){ .at = spot, .end = spot };
	t->text.hungry = false;
	*matched = kinds[kind].match(&t->text, spot, hit);
	return !t->text.hungry;
}

/* Kinds more specific than one that cover its match. False: not yet to be
 * known. */
static bool
ask_rivals(struct turn *t, unsigned kind, size_t spot,
    const struct pii_hit *hit, struct pii_hit *of)
{
	uint32_t left = rivals[kind] & t->scan->active;
	bool matched;

	for (; left; left &= left - 1) {
		unsigned k = (unsigned)__builtin_ctz(left);

		if (!ask(t, k, spot, &of[k], &matched))
			return false;
		if (!matched || of[k].at > hit->at || of[k].end < hit->end)
			of[k].score = 0;
	}
	return true;
}

static void
tell(struct turn *t, unsigned kind, const struct pii_hit *hit,
    const struct pii_hit *of)
{
	const struct conf *conf = t->scan->conf;
	struct mg_found found = { .at = t->at + hit->at,
		.len = hit->end - hit->at, .score = hit->score };
	const struct rule *rule;
	uint32_t left;

	for (rule = conf->rules; rule < conf->rules + conf->n_rules; rule++) {
		found.rule = (uint32_t)(rule - conf->rules);
		found.item = rule->item[kind];
		if (!(rule->kinds >> kind & 1) ||
		    !in(t->scan->scope->active, found.rule) ||
		    hit->score < rule->at_least ||
		    (hit->private && rule->public_only))
			continue;
		left = rivals[kind] & rule->kinds;
		while (left && of[__builtin_ctz(left)].score <= 0)
			left &= left - 1;
		if (left && of[__builtin_ctz(left)].score >= rule->at_least)
			continue;
		t->found = true;
		t->report->found(t->report->arg, &found);
	}
}

static void
try(struct turn *t, unsigned kind, size_t spot)
{
	struct pii_hit hit, of[PII_N_KINDS];
	bool matched;

	if (spot < t->next[kind])
		return;
	t->next[kind] = spot;
	if (ask(t, kind, spot, &hit, &matched)) {
		if (!matched)
			return;
		if (ask_rivals(t, kind, spot, &hit, of)) {
			tell(t, kind, &hit, of);
			t->next[kind] = hit.end;
			return;
		}
	}
	t->live &= ~(1u << kind);
	if ((t->scan->holding >> kind & 1) && hit.at < t->hold)
		t->hold = hit.at;
}

/* Most numbers are short and stand alone: `3个`, `12 people`. Only a date or an
 * address can begin with one; all other kinds have seven digits or more, or
 * groups of them, or letters next to them. */
static bool
stands_alone(const struct turn *t, size_t i)
{
	enum { SHORT = 7 };
	const unsigned char *p = t->text.ptr + i, *end;

	if (t->text.len - i < SHORT + 2 || pii_alpha(pii_before(&t->text, i)))
		return false;
	for (end = p + 1; end < p + SHORT && pii_digit(*end); end++)
		;
	if (end == p + SHORT || pii_alpha(*end))
		return false;
	switch (*end) {
	case ' ':
	case '-':
	case '.':
	case '(':
	case ')':
	case ':':
	case '/':
		return !pii_digit(end[1]) && end[1] != '(' && end[1] != ':';
	case 0xc2:
	case 0xe2:
	case 0xe3:
	case 0xef:
		return false;	/* may be a wide separator */
	default:
		return true;
	}
}

/* Whether letters and digits alternate before the digit at i: it belongs to a
 * code that was asked about at its first digit, or to none. */
static bool
inside_code(const struct turn *t, size_t i)
{
	enum { BACK = 40 };
	size_t n;

	for (n = 1; n <= BACK && n <= i; n++) {
		if (pii_digit(t->text.ptr[i - n]))
			return true;
		if (!pii_alpha(t->text.ptr[i - n]))
			return false;
	}
	return n > BACK;
}

/* Asks all kinds that want the byte at i. */
static void
spot(struct turn *t, size_t i)
{
	uint32_t left = t->scan->conf->by_byte[t->text.ptr[i]] & t->live;

	if (left && pii_digit(t->text.ptr[i])) {
		if (inside_code(t, i))
			return;
		if (stands_alone(t, i))
			left &= KIND(birth_date) | KIND(en_address);
	}
	for (; left; left &= left - 1)
		try(t, (unsigned)__builtin_ctz(left), i);
}

/* Whether the character of three bytes at p is one of a set. */
static inline bool
is_one(const unsigned char *set, const unsigned char *p)
{
	unsigned c = (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 |
	    (p[2] & 0x3fu);

	return p[0] < 0xf0 && (set[c / 8] >> c % 8 & 1);
}

/* The same for a character of three bytes, if it is one of those that Han
 * kinds ask for. The text has whole code points. */
static inline void
spot_han(struct turn *t, size_t i)
{
	if (is_one(t->scan->conf->han, t->text.ptr + i))
		spot(t, i);
}

/* For each first letter, which second ones a word may have that stands before
 * an English name: Mr, dear, name … Bit 26 stands for all that is no letter. */
#define L(c) (UINT32_C(1) << ((c) - 'a'))
static const uint32_t cue_letters[26] = { ['b' - 'a'] = L('u') | L('e'),
	['c' - 'a'] = L('u') | L('o') | L('h'), ['d' - 'a'] = L('r') | L('e'),
	['e' - 'a'] = L('m'), ['f' - 'a'] = L('u') | L('i'),
	['h' - 'a'] = L('e') | L('i'), ['i' - 'a'] = UINT32_C(1) << 26,
	['m' - 'a'] = L('r') | L('s') | L('i'), ['n' - 'a'] = L('a'),
	['p' - 'a'] = L('r') | L('a'), ['r' - 'a'] = L('e'),
	['s' - 'a'] = L('i') };
#undef L

/* The same for the first letter of a word: names ask for some, number plates
 * where it follows a byte beyond ASCII. */
static inline void
spot_word(struct turn *t, size_t i)
{
	const unsigned char *p = t->text.ptr + i;
	unsigned next = i + 1 == t->text.len ? 32 :
	    pii_alpha(p[1]) ? (p[1] | 32u) - 'a' : 26;
	uint32_t cue = cue_letters[(p[0] | 32) - 'a'];

	if (i >= 3 && p[-1] >= 0x80 && (t->live & KIND(cn_plate)) &&
	    is_one(t->scan->conf->plates, p - 3))
		try(t, PII_cn_plate, i);
	if ((t->live & KIND(en_name)) && (next == 32 ? cue != 0 :
		cue >> next & 1))
		try(t, PII_en_name, i);
}

/* What stood before the bytes that are read, as bits. */
struct carry {
	uint32_t digit, letter, beyond;
};

/* One step of the pass: sixteen bytes, which stand at i and are copied at p. */
static inline void
step(struct turn *t, size_t i, const unsigned char *p, struct carry *c,
    unsigned wanted)
{
	struct pii_bytes b = pii_bytes(p);
	uint32_t m = b.mark & ~(b.digit & (b.digit << 1 | c->digit));

	for (; m; m &= m - 1)
		spot(t, i + (size_t)__builtin_ctz(m));
	m = 0;
	if (wanted & SPOT_WORD)
		m = b.letter & ~(b.letter << 1 | c->letter);
	else if (wanted & SPOT_AFTER_HAN)
		m = b.letter & (b.beyond << 1 | c->beyond);
	for (; m; m &= m - 1)
		spot_word(t, i + (size_t)__builtin_ctz(m));
	if (wanted & SPOT_HAN)
		for (m = b.wide; m; m &= m - 1)
			spot_han(t, i + (size_t)__builtin_ctz(m));
	*c = (struct carry){ b.digit >> 15, b.letter >> 15, b.beyond >> 15 };
}

static void
sweep(struct turn *t, size_t i, unsigned wanted)
{
	int before = pii_before(&t->text, i);
	struct carry carry = { pii_digit(before), pii_alpha(before),
		before >= 0x80 };
	unsigned char rest[PII_BYTES] = { 0 };
	size_t len = t->text.len;

	for (; len - i >= PII_BYTES; i += PII_BYTES)
		step(t, i, t->text.ptr + i, &carry, wanted);
	if (i < len) {
		memcpy(rest, t->text.ptr + i, len - i);
		step(t, i, rest, &carry, wanted);
	}
}

/* What may begin before a spot that is still to come. */
static void
hold_tails(struct turn *t)
{
	uint32_t left = t->scan->holding;

	for (; left; left &= left - 1) {
		unsigned k = (unsigned)__builtin_ctz(left);
		size_t tail;

		if (!kinds[k].tail)
			continue;
		tail = kinds[k].tail(&t->text);
		if (tail < t->hold)
			t->hold = tail;
	}
}

/* Remembers how far each kind is, and what must be seen again. */
static void
settle(struct turn *t)
{
	struct scan *scan = t->scan;
	size_t keep = t->text.len;
	uint32_t left = scan->active;

	for (; left; left &= left - 1) {
		unsigned k = (unsigned)__builtin_ctz(left);

		if ((t->live >> k & 1) && t->next[k] < t->text.len)
			t->next[k] = t->text.len;
		if (t->next[k] < keep)
			keep = t->next[k];
		scan->next[k] = t->at + t->next[k];
	}
	keep = keep < PII_BACK ? 0 : keep - PII_BACK;
	while (keep > 0 && (t->text.ptr[keep] & 0xc0) == 0x80)
		keep--;
	if (t->at + keep < t->report->keep)
		t->report->keep = t->at + keep;
	if (t->at + t->hold < t->report->hold)
		t->report->hold = t->at + t->hold;
	if (t->report->keep > t->report->hold)
		t->report->keep = t->report->hold;
}

static enum mg_verdict
judge(void *arg, const struct mg_text *text, struct mg_report *report)
{
	struct scan *scan = arg;
	struct turn t = { .scan = scan, .report = report, .at = text->at,
		.text = { .ptr = (const unsigned char *)text->ptr,
			.len = text->len, .last = text->last,
			.cased = scan->cased },
		.live = scan->active, .hold = text->len };
	size_t from = text->len;
	uint32_t left = scan->active;
	unsigned wanted = 0;

	for (; left; left &= left - 1) {
		unsigned k = (unsigned)__builtin_ctz(left);

		t.next[k] = (size_t)(scan->next[k] - text->at);
		if (t.next[k] < from)
			from = t.next[k];
		wanted |= kinds[k].spots;
	}
	sweep(&t, from, wanted);
	if (!text->last)
		hold_tails(&t);
	settle(&t);
	return t.found ? MG_FOUND :
	    t.hold < text->len ? MG_HOLD : MG_CLEAN;
}

const struct mg_filter_type filter_pii = {
	.abi = MG_FILTER_ABI,
	.name = "pii",
	.doc = "Find personal data: numbers, addresses, names",
	.options = options,
	.fold = MG_FOLD_BASIC,
	.open = open_conf,
	.close = close_conf,
	.begin = begin,
	.judge = judge,
	.end = end,
	.memory = memory,
};
