/* SPDX-License-Identifier: Apache-2.0 */
/* injection_open.c - compiles the tables of words and signals.
 *
 * The tables are ours: what is wrong in them is a bug, and asserted. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "filters/injection_conf.h"
#include "filters/memory.h"

enum { KEY_INJECTION, KEY_AT_LEAST };

#define WORD_MAX 64
#define ANY_WORD (UINT64_C(1) << 63)

static const char *const kinds[] = { "all",
#define X(id, name) name,
	INJECTION_KINDS(X)
#undef X
	NULL };

const struct mg_option injection_options[] = {
	[KEY_INJECTION] = { .key = "injection", .type = MG_OPT_CHOICES,
		.choices = kinds,
		.help = "kinds of attempts to take over a model, or all" },
	[KEY_AT_LEAST] = { .key = "at_least", .type = MG_OPT_NUMBER,
		.min = 0.05, .max = 1, .fallback = 0.7,
		.help = "how sure it must be" },
	{ .key = NULL },
};

/* ---- signals ---- */

static uint8_t
find_class(const char *name, size_t len)
{
	uint8_t c;

	for (c = 0; injection_classes[c].name; c++)
		if (strlen(injection_classes[c].name) == len &&
		    memcmp(injection_classes[c].name, name, len) == 0)
			return c;
	assert(!"a class of that name");
	return 0;
}

static void
read_shape(struct injection_shape *s, const char *p)
{
	size_t reach = 0;
	char *after;

	for (;;) {
		size_t n = strcspn(p, " ");

		assert(s->n_slots < INJECTION_SLOTS);
		s->class[s->n_slots] = find_class(p, n);
		reach += WORD_MAX + s->gap[s->n_slots];
		s->n_slots++;
		if (!p[n])
			break;
		s->gap[s->n_slots] = (uint16_t)strtoul(p + n, &after, 10);
		s->across[s->n_slots] = *after == '+';
		p = after + strspn(after, "+ ");
	}
	assert(reach <= INJECTION_REACH);
}

static void
read_signals(struct injection *c)
{
	size_t i;

	while (injection_signals[c->n_signals].shape)
		c->n_signals++;
	c->shapes = mem_new(c->n_signals, sizeof(*c->shapes));
	for (i = 0; i < c->n_signals; i++)
		read_shape(&c->shapes[i], injection_signals[i].shape);
}

/* Lists for each class where it stands. */
static void
make_steps(struct injection *c)
{
	size_t n = 0, i, k;
	int slot;

	c->steps = mem_new(c->n_signals * INJECTION_SLOTS, sizeof(*c->steps));
	c->first_step = mem_new(c->n_classes + 1, sizeof(*c->first_step));
	for (k = 0; k < c->n_classes; k++) {
		c->first_step[k] = (uint32_t)n;
		for (slot = INJECTION_SLOTS - 1; slot >= 0; slot--)
			for (i = 0; i < c->n_signals; i++)
				if (slot < c->shapes[i].n_slots &&
				    c->shapes[i].class[slot] == k)
					c->steps[n++] =
					    (struct injection_step){
						(uint16_t)i, (uint8_t)slot };
	}
	c->first_step[k] = (uint32_t)n;
}

/* ---- words ---- */

/* The kinds of signals that begin with each class. */
static void
find_first_kinds(struct injection *c)
{
	size_t i;

	c->first_kinds = mem_new(c->n_classes, sizeof(*c->first_kinds));
	for (i = 0; i < c->n_signals; i++)
		c->first_kinds[c->shapes[i].class[0]] |= 1u <<
		    injection_signals[i].kind;
}

static size_t
add_words(const struct injection *c, size_t class, struct lexicon_entry *e,
    char *text)
{
	const char *p = injection_classes[class].words;
	size_t n = 0, len;

	for (;; p += len + 1, n++, text += WORD_MAX) {
		uint32_t flags = 0;
		size_t from;

		len = strcspn(p, ";");
		from = *p == '^';
		assert(len > from && len < WORD_MAX);
		flags |= from ? WORD_LINE : 0;
		flags |= p[len - 1] == '*' ? WORD_OPEN_END : 0;
		(void)snprintf(text, WORD_MAX, "%.*s",
		    (int)(len - from - (p[len - 1] == '*')), p + from);
		e[n] = (struct lexicon_entry){ text,
			(uint32_t)class << WORD_FLAGS | flags,
			c->first_kinds[class] | ANY_WORD };
		if (!p[len])
			return n + 1;
	}
}

static void
make_lexicon(struct injection *c)
{
	struct lexicon_entry *e;
	size_t n = 0, k;
	const char *p;
	char *text;

	for (k = 0; k < c->n_classes; k++)
		for (n++, p = injection_classes[k].words; *p; p++)
			n += *p == ';';
	e = mem_new(n, sizeof(*e));
	text = mem_new(n, WORD_MAX);
	for (n = k = 0; k < c->n_classes; k++)
		n += add_words(c, k, e + n, text + n * WORD_MAX);
	lexicon_build(&c->lexicon, e, n);
	free(e);
	free(text);
}

/* ---- rules ---- */

static void
add_kind(struct injection_rule *rule, const struct mg_item *item, size_t index)
{
	bool all = item->text.len == 3 && memcmp(item->text.ptr, "all", 3) == 0;
	unsigned k;

	for (k = 0; k < N_INJECTION_KINDS; k++) {
		const char *name = kinds[1 + k];

		if ((rule->kinds >> k & 1) || (!all &&
		    (strlen(name) != item->text.len ||
			memcmp(name, item->text.ptr, item->text.len) != 0)))
			continue;
		rule->kinds |= 1u << k;
		rule->item[k] = (uint8_t)index;
	}
}

static int
read_rule(struct injection_rule *to, const struct mg_rule *rule,
    struct mg_error *err)
{
	const struct mg_value *v = &rule->match[KEY_INJECTION];
	size_t i;

	if (rule->max_hold > 0 && rule->max_hold < INJECTION_REACH)
		return mg_fail(err, &rule->place, "injection: max_hold is %u "
		    "bytes; a phrase may have %d", rule->max_hold,
		    INJECTION_REACH);
	for (i = 0; i < v->n_items; i++)
		add_kind(to, &v->items[i], i);
	if (!to->kinds)
		return mg_fail(err, &rule->place,
		    "injection: no kind is named");
	to->at_least = rule->match[KEY_AT_LEAST].number;
	return 0;
}

void *
injection_open(const struct mg_rule *rules, size_t n_rules,
    void (*warn)(void *arg, const struct mg_place *place, const char *text),
    void *arg, struct mg_error *err)
{
	struct injection *c = mem_new(1, sizeof(*c));
	size_t r;

	(void)warn;
	(void)arg;
	c->n_rules = n_rules;
	c->rules = mem_new(n_rules, sizeof(*c->rules));
	while (injection_classes[c->n_classes].name)
		c->n_classes++;
	read_signals(c);
	make_steps(c);
	find_first_kinds(c);
	make_lexicon(c);
	for (r = 0; r < n_rules; r++) {
		if (read_rule(&c->rules[r], &rules[r], err) < 0) {
			injection_close(c);
			return NULL;
		}
	}
	return c;
}

void
injection_close(void *conf)
{
	struct injection *c = conf;

	if (!c)
		return;
	lexicon_fini(&c->lexicon);
	free(c->shapes);
	free(c->steps);
	free(c->first_step);
	free(c->first_kinds);
	free(c->rules);
	free(c);
}

size_t
injection_memory(const void *conf)
{
	const struct injection *c = conf;

	return sizeof(*c) + lexicon_memory(&c->lexicon) +
	    c->n_signals * (sizeof(*c->shapes) +
		INJECTION_SLOTS * sizeof(*c->steps)) +
	    (c->n_classes + 1) * sizeof(*c->first_step) +
	    c->n_rules * sizeof(*c->rules);
}
