/* SPDX-License-Identifier: Apache-2.0 */
/* secrets.c - keys, tokens and passwords that stand in a text.
 *
 * One lexicon knows how every format begins. Where one may have begun, its
 * format is read (secrets_match.c) and answers: none, found, or that more text
 * is needed. Places that need more text are kept and asked again; the first
 * byte that one of them would report is what is held. */
#include <string.h>

#include "filters/letters.h"
#include "filters/memory.h"
#include "filters/secrets_conf.h"

#define CONTEXT 20		/* bytes before a place that may be read */
#define CAP_DEFAULT 1024	/* bytes of one finding, if no rule says */
#define CAP_MOST 16384
#define CAP_LEAST 512		/* all formats but keys in frames and JWTs */

enum { KEY_SECRETS, KEY_AT_LEAST };

static const char *const kinds[] = { "all",
#define X(id, name) name,
	SECRET_KINDS(X)
#undef X
	NULL };

static const struct mg_option options[] = {
	[KEY_SECRETS] = { .key = "secrets", .type = MG_OPT_CHOICES,
		.choices = kinds,
		.help = "kinds of keys and passwords, or all" },
	[KEY_AT_LEAST] = { .key = "at_least", .type = MG_OPT_NUMBER,
		.min = 0, .max = 1, .fallback = 0.5,
		.help = "how sure it must be" },
	{ .key = NULL },
};

struct rule {
	uint64_t kinds;			/* bits by enum secret_kind */
	uint8_t item[N_SECRET_KINDS];	/* which item named a kind */
	double at_least;
};

struct conf {
	struct lexicon lexicon;
	struct rule *rules;
	size_t n_rules;
	size_t cap;
};

/* A place that needs more text. */
struct open {
	uint64_t at;
	bool goes_on;		/* at is where the next piece begins … */
	uint32_t format;	/* … of this one */
};

struct open_list {
	struct open *list;
	size_t n, room;
};

struct scan {
	const struct conf *conf;
	const struct mg_scope *scope;
	uint64_t active, holding;	/* kinds */
	struct open_list open;		/* by place */
	uint64_t value;			/* the last value that was reported */
};

struct turn {
	struct scan *scan;
	struct secret_text text;
	uint64_t at;			/* offset of text.ptr[0] */
	struct mg_report *report;
	uint64_t hold;
	bool found;
};

#define BIT(kind) (UINT64_C(1) << (kind))

static bool
in(const uint64_t *set, size_t rule)
{
	return set[rule / 64] >> rule % 64 & 1;
}

static void
add_open(struct turn *t, size_t i, bool goes_on, uint32_t format)
{
	struct open_list *o = &t->scan->open;

	if (o->n == o->room) {
		o->room = o->room ? 2 * o->room : 4;
		o->list = mem_grow(o->list, o->room, sizeof(*o->list));
	}
	o->list[o->n++] = (struct open){ t->at + i, goes_on, format };
}

static void
hold(struct turn *t, uint64_t kind_bits, size_t from)
{
	if ((kind_bits & t->scan->holding) && t->at + from < t->hold)
		t->hold = t->at + from;
}

/* except: kinds that another format reports. */
static void
report(struct turn *t, unsigned kind, const struct secret_match *m,
    uint64_t except)
{
	const struct scan *s = t->scan;
	size_t r;

	for (r = 0; r < s->conf->n_rules; r++) {
		const struct rule *rule = &s->conf->rules[r];
		struct mg_found found = { .rule = (uint32_t)r,
			.item = rule->item[kind], .at = t->at + m->at,
			.len = m->end - m->at, .score = m->score };

		if (!in(s->scope->active, r) || !(rule->kinds >> kind & 1) ||
		    (rule->kinds & except) || m->score < rule->at_least)
			continue;
		t->found = true;
		t->report->found(t->report->arg, &found);
	}
}

/* The kinds that may begin at i, by what stands before it: no letter or digit
 * before a key, while a keyword may end a longer name. */
static uint64_t
fitting(const struct turn *t, size_t i)
{
	uint64_t all = BIT(N_SECRET_KINDS) - 1;
	unsigned char before;

	if (i == 0)
		return all;
	before = t->text.ptr[i - 1];
	if (before == '-')
		return BIT(SECRET_ASSIGNMENT);
	if ((before >= '0' && before <= '9') || before == '_' ||
	    before == '+' ||
	    ((before | 0x20) >= 'a' && (before | 0x20) <= 'z'))
		return BIT(SECRET_ASSIGNMENT) | BIT(SECRET_PRIVATE_KEY);
	return all;
}

/* ---- at one place ---- */

struct look {
	uint64_t fit;		/* kinds that may begin here */
	uint64_t open;		/* kinds that need more text */
};

/* Walks down the lexicon from i and calls visit for each format whose lead
 * stands there, until it says to stop. Returns the kinds whose longer leads
 * may still come. */
static uint64_t
walk(struct turn *t, size_t i, bool (*visit)(struct turn *t, size_t i,
    size_t body, uint32_t format, void *arg), void *arg)
{
	const struct lexicon *l = &t->scan->conf->lexicon;
	uint32_t s = AUTOMATON_ROOT;
	const uint32_t *v, *end;
	size_t p;

	for (p = i; p < t->text.len; p++) {
		s = lexicon_step(l, s, automaton_fold[t->text.ptr[p]]);
		if (s == AUTOMATON_ROOT)
			return 0;
		for (v = lexicon_values(l, s, &end); v < end; v++)
			if (!visit(t, i, p + 1, *v, arg))
				return 0;
	}
	return t->text.last ? 0 : lexicon_below(l, s);
}

/* Adds the kind of key, other than a keyword's value, that stands at i. */
static bool
note_kind(struct turn *t, size_t i, size_t body, uint32_t format, void *arg)
{
	const struct secret_format *f = &secret_formats[format];
	struct secret_match m;

	if (f->kind == SECRET_ASSIGNMENT ||
	    secret_match(f, &t->text, i, body, &m) != SECRET_FOUND)
		return true;
	*(uint64_t *)arg |= BIT(f->kind);
	return false;
}

/* A value is reported once, though api_key_secret has two words for it. */
static void
report_value(struct turn *t, const struct secret_match *m)
{
	uint64_t other = 0;

	if (t->scan->value == t->at + m->at)
		return;
	t->scan->value = t->at + m->at;
	(void)walk(t, m->at, note_kind, &other);
	report(t, SECRET_ASSIGNMENT, m, other);
}

/* The further pieces of a key that is longer than the cap. */
static void
go_on(struct turn *t, size_t i, uint32_t format)
{
	const struct secret_format *f = &secret_formats[format];
	struct secret_match m;

	do {
		switch (secret_go_on(f, &t->text, i, &m)) {
		case SECRET_NONE:
			return;
		case SECRET_OPEN:
			hold(t, BIT(f->kind), i);
			add_open(t, i, true, format);
			return;
		case SECRET_FOUND:
			report(t, f->kind, &m, 0);
			i = m.end;
		}
	} while (m.more);
}

static bool
look(struct turn *t, size_t i, size_t body, uint32_t format, void *arg)
{
	const struct secret_format *f = &secret_formats[format];
	struct look *l = arg;
	struct secret_match m;

	if (!(l->fit & BIT(f->kind)))
		return true;
	switch (secret_match(f, &t->text, i, body, &m)) {
	case SECRET_NONE:
		return true;
	case SECRET_OPEN:
		l->open |= BIT(f->kind);
		hold(t, BIT(f->kind), m.at);
		return true;
	case SECRET_FOUND:
		break;
	}
	if (f->kind == SECRET_ASSIGNMENT)
		report_value(t, &m);
	else
		report(t, f->kind, &m, 0);
	if (m.more)
		go_on(t, m.end, format);
	return false;
}

static void
look_at(struct turn *t, size_t i)
{
	struct look l = { fitting(t, i) & t->scan->active, 0 };
	uint64_t below = walk(t, i, look, &l) & l.fit;

	/* A keyword is no part of what it announces. */
	hold(t, below & ~BIT(SECRET_ASSIGNMENT), i);
	if (below || l.open)
		add_open(t, i, false, 0);
}

/* ---- a piece of text ---- */

static void
read_text(struct turn *t, size_t fresh)
{
	const struct lexicon *l = &t->scan->conf->lexicon;
	struct open_list old = t->scan->open;
	size_t i;

	t->scan->open = (struct open_list){ NULL, 0, 0 };
	for (i = 0; i < old.n; i++) {
		size_t at = (size_t)(old.list[i].at - t->at);

		if (old.list[i].goes_on)
			go_on(t, at, old.list[i].format);
		else
			look_at(t, at);
	}
	free(old.list);
	for (i = fresh; (i = lexicon_next(l, t->text.ptr, i, t->text.len)) <
	    t->text.len; i++)
		look_at(t, i);
}

/* What the next call reads again: open places, and what stands before. */
static uint64_t
first_needed(const struct turn *t)
{
	const struct open_list *o = &t->scan->open;
	size_t i = t->text.len, k;

	for (k = 0; k < o->n; k++)
		if (o->list[k].at < t->at + i)
			i = (size_t)(o->list[k].at - t->at);
	i = i > CONTEXT ? i - CONTEXT : 0;
	while (i > 0 && (t->text.ptr[i] & 0xc0) == 0x80)
		i--;
	return t->at + i;
}

static enum mg_verdict
judge(void *arg, const struct mg_text *text, struct mg_report *to)
{
	struct scan *s = arg;
	struct turn t = { .scan = s, .at = text->at, .report = to,
		.hold = text->at + text->len,
		.text = { (const unsigned char *)text->ptr, text->len,
			text->last, s->conf->cap } };
	uint64_t keep;

	read_text(&t, (size_t)(text->fresh - text->at));
	if (!text->last) {
		keep = first_needed(&t);
		if (t.hold < to->hold)
			to->hold = t.hold;
		if (keep < to->keep)
			to->keep = keep;
	}
	if (to->keep > to->hold)
		to->keep = to->hold;
	if (t.found)
		return MG_FOUND;
	return t.hold < text->at + text->len ? MG_HOLD : MG_CLEAN;
}

static void *
begin(const void *arg, const struct mg_scope *scope)
{
	struct scan *s = mem_new(1, sizeof(*s));
	size_t r;

	s->conf = arg;
	s->scope = scope;
	s->value = UINT64_MAX;
	for (r = 0; r < s->conf->n_rules; r++) {
		if (in(scope->active, r))
			s->active |= s->conf->rules[r].kinds;
		if (in(scope->holding, r))
			s->holding |= s->conf->rules[r].kinds;
	}
	return s;
}

static void
end(void *arg)
{
	struct scan *s = arg;

	if (s)
		free(s->open.list);
	free(s);
}

/* ---- the conf ---- */

static void
add_kind(struct rule *rule, const struct mg_item *item, size_t index)
{
	bool all = item->text.len == 3 && memcmp(item->text.ptr, "all", 3) == 0;
	unsigned k;

	for (k = 0; k < N_SECRET_KINDS; k++) {
		const char *name = kinds[1 + k];

		if ((rule->kinds & BIT(k)) || (!all &&
		    (strlen(name) != item->text.len ||
			memcmp(name, item->text.ptr, item->text.len) != 0)))
			continue;
		rule->kinds |= BIT(k);
		rule->item[k] = (uint8_t)index;
	}
}

static int
read_rule(struct conf *c, struct rule *to, const struct mg_rule *rule,
    struct mg_error *err)
{
	const struct mg_value *v = &rule->match[KEY_SECRETS];
	size_t i;

	if (rule->max_hold > 0 && rule->max_hold < CAP_LEAST)
		return mg_fail(err, &rule->place, "secrets: max_hold is %u "
		    "bytes; a key may have %d", rule->max_hold, CAP_LEAST);
	for (i = 0; i < v->n_items; i++)
		add_kind(to, &v->items[i], i);
	if (!to->kinds)
		return mg_fail(err, &rule->place, "secrets: no kind is named");
	to->at_least = rule->match[KEY_AT_LEAST].number;
	if (rule->max_hold > 0 && (c->cap == 0 || rule->max_hold < c->cap))
		c->cap = rule->max_hold;
	return 0;
}

static void
close_conf(void *arg)
{
	struct conf *c = arg;

	if (!c)
		return;
	lexicon_fini(&c->lexicon);
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
	for (r = 0; r < n_rules; r++) {
		if (read_rule(c, &c->rules[r], &rules[r], err) < 0) {
			free(c->rules);
			free(c);
			return NULL;
		}
	}
	if (c->cap == 0)
		c->cap = CAP_DEFAULT;
	if (c->cap > CAP_MOST)
		c->cap = CAP_MOST;
	secret_lexicon(&c->lexicon);
	return c;
}

static size_t
memory(const void *arg)
{
	const struct conf *c = arg;

	return sizeof(*c) + c->n_rules * sizeof(*c->rules) +
	    lexicon_memory(&c->lexicon);
}

const struct mg_filter_type filter_secrets = {
	.abi = MG_FILTER_ABI,
	.name = "secrets",
	.doc = "Find keys, tokens and passwords",
	.options = options,
	.fold = MG_FOLD_NONE,
	.open = open_conf,
	.close = close_conf,
	.begin = begin,
	.judge = judge,
	.end = end,
	.memory = memory,
};
