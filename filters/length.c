/* SPDX-License-Identifier: Apache-2.0 */
/* length.c - texts that are longer than somebody wants to pay for.
 *
 * A limit counts bytes, characters or lines of the whole text, or the longest
 * row of one character, or the longest word. What is found is the character by
 * which the limit is passed, so nothing has to be held. */
#include <string.h>

#include "filters/memory.h"
#include "modgate/filter.h"

enum { KEY_LENGTH, KEY_UNIT };

enum unit { UNIT_CHARACTERS, UNIT_BYTES, UNIT_LINES, UNIT_ROW, UNIT_WORD,
	N_UNITS };

static const char *const units[] = { "characters", "bytes", "lines", "row",
	"word", NULL };

static const struct mg_option options[] = {
	[KEY_LENGTH] = { .key = "length", .type = MG_OPT_INT, .min = 1,
		.max = 1e9,
		.help = "how much is allowed; more is found" },
	[KEY_UNIT] = { .key = "unit", .type = MG_OPT_CHOICE, .choices = units,
		.help = "what is counted; row: of the same character; word: "
		    "characters without white space" },
	{ .key = NULL },
};

struct rule {
	uint64_t limit;
	enum unit unit;
};

struct conf {
	struct rule *rules;
	size_t n_rules;
};

struct scan {
	const struct conf *conf;
	const struct mg_scope *scope;
	bool counted[N_UNITS];		/* an active rule uses it */
	bool whole_only;		/* … and none a row or a word */
	uint64_t count[N_UNITS];
	uint32_t previous;		/* the last character's bytes */
};

struct turn {
	struct scan *scan;
	struct mg_report *report;
	bool found;
};

/* Tells the rules of a unit whose limit the character at an offset passes. */
static void
passed(struct turn *t, enum unit unit, uint64_t count, uint64_t at, size_t len)
{
	const struct scan *s = t->scan;
	size_t r;

	for (r = 0; r < s->conf->n_rules; r++) {
		const struct rule *rule = &s->conf->rules[r];
		struct mg_found found = { .rule = (uint32_t)r, .at = at,
			.len = len, .score = 1 };
		uint64_t before = unit == UNIT_BYTES ? count - len :
		    count - 1;

		if (rule->unit != unit || count <= rule->limit ||
		    before > rule->limit ||
		    !(s->scope->active[r / 64] >> r % 64 & 1))
			continue;
		t->found = true;
		t->report->found(t->report->arg, &found);
	}
}

static size_t
code_point_bytes(unsigned char c)
{
	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* White space, and characters of scripts that put no space between words. */
static bool
divides_words(const unsigned char *p, size_t len)
{
	if (len == 1)
		return *p == ' ' || (*p >= '\t' && *p <= '\r');
	/* U+2000 to U+206F are spaces and signs; from U+2E80 on Han and its
	 * neighbours begin. */
	return len >= 3 && (p[0] > 0xe2 ||
	    (p[0] == 0xe2 && (p[1] < 0x82 || p[1] >= 0xba)));
}

static void
count_row(struct turn *t, const unsigned char *p, size_t len, uint64_t at)
{
	struct scan *s = t->scan;
	uint32_t bytes = 0;

	memcpy(&bytes, p, len);
	if (bytes != s->previous)
		s->count[UNIT_ROW] = 0;
	s->previous = bytes;
	passed(t, UNIT_ROW, ++s->count[UNIT_ROW], at, len);
}

static void
count_word(struct turn *t, const unsigned char *p, size_t len, uint64_t at)
{
	struct scan *s = t->scan;

	if (divides_words(p, len)) {
		s->count[UNIT_WORD] = 0;
		return;
	}
	passed(t, UNIT_WORD, ++s->count[UNIT_WORD], at, len);
}

/* A line begins with its first character. */
static void
count_line(struct turn *t, size_t len, uint64_t at)
{
	struct scan *s = t->scan;

	if (at == 0 || s->previous == '\n')
		passed(t, UNIT_LINES, ++s->count[UNIT_LINES], at, len);
}

static void
read_characters(struct turn *t, const unsigned char *p, size_t n, uint64_t at)
{
	struct scan *s = t->scan;
	size_t i, len;

	for (i = 0; i < n; i += len) {
		len = code_point_bytes(p[i]);
		s->count[UNIT_BYTES] += len;
		if (s->counted[UNIT_BYTES])
			passed(t, UNIT_BYTES, s->count[UNIT_BYTES], at + i,
			    len);
		s->count[UNIT_CHARACTERS]++;
		if (s->counted[UNIT_CHARACTERS])
			passed(t, UNIT_CHARACTERS, s->count[UNIT_CHARACTERS],
			    at + i, len);
		if (s->counted[UNIT_LINES])
			count_line(t, len, at + i);
		if (s->counted[UNIT_WORD])
			count_word(t, p + i, len, at + i);
		count_row(t, p + i, len, at + i);
	}
}

/* Whether some limit of the whole text may be passed within n bytes more. */
static bool
is_near(const struct scan *s, size_t n)
{
	size_t r;

	for (r = 0; r < s->conf->n_rules; r++) {
		const struct rule *rule = &s->conf->rules[r];

		if (s->count[rule->unit] <= rule->limit &&
		    s->count[rule->unit] + n > rule->limit)
			return true;
	}
	return false;
}

/* Counts characters and lines without looking at any closely. */
static void
skim(struct scan *s, const unsigned char *p, size_t n, uint64_t at)
{
	size_t i, characters = 0, lines = 0;

	if (n == 0)
		return;
	for (i = 0; i < n; i++)
		characters += (p[i] & 0xc0) != 0x80;
	for (i = 0; i + 1 < n; i++)
		lines += p[i] == '\n';
	if (at == 0 || s->previous == '\n')
		lines++;
	s->count[UNIT_BYTES] += n;
	s->count[UNIT_CHARACTERS] += characters;
	s->count[UNIT_LINES] += lines;
	s->previous = p[n - 1] == '\n' ? '\n' : 0;
}

static enum mg_verdict
judge(void *arg, const struct mg_text *text, struct mg_report *to)
{
	struct turn t = { .scan = arg, .report = to };
	struct scan *s = arg;
	size_t from = (size_t)(text->fresh - text->at);
	const unsigned char *p = (const unsigned char *)text->ptr + from;

	if (s->whole_only && !is_near(s, text->len - from))
		skim(s, p, text->len - from, text->fresh);
	else
		read_characters(&t, p, text->len - from, text->fresh);
	return t.found ? MG_FOUND : MG_CLEAN;
}

static void *
begin(const void *conf, const struct mg_scope *scope)
{
	struct scan *s = mem_new(1, sizeof(*s));
	size_t r;

	s->conf = conf;
	s->scope = scope;
	for (r = 0; r < s->conf->n_rules; r++)
		if (scope->active[r / 64] >> r % 64 & 1)
			s->counted[s->conf->rules[r].unit] = true;
	s->whole_only = !s->counted[UNIT_ROW] && !s->counted[UNIT_WORD];
	return s;
}

static void
end(void *arg)
{
	free(arg);
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
	(void)err;
	c->n_rules = n_rules;
	c->rules = mem_new(n_rules, sizeof(*c->rules));
	for (r = 0; r < n_rules; r++)
		c->rules[r] = (struct rule){
			(uint64_t)rules[r].match[KEY_LENGTH].number,
			(enum unit)rules[r].match[KEY_UNIT].number };
	return c;
}

static size_t
memory(const void *arg)
{
	const struct conf *c = arg;

	return sizeof(*c) + c->n_rules * sizeof(*c->rules);
}

const struct mg_filter_type filter_length = {
	.abi = MG_FILTER_ABI,
	.name = "length",
	.doc = "Find texts, lines and words that are too long",
	.options = options,
	.fold = MG_FOLD_NONE,
	.open = open_conf,
	.close = close_conf,
	.begin = begin,
	.judge = judge,
	.end = end,
	.memory = memory,
};
