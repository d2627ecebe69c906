/* SPDX-License-Identifier: Apache-2.0 */
/* injection.c - phrases by which a text tries to take over a model.
 *
 * A signal is a row of classes of words with gaps between them: ignore … prior
 * … rules. Words are found in one pass; each moves on the signals that wait for
 * its class. A signal that is complete says something by its weight. Several
 * in one neighbourhood say more: their doubts are multiplied. A rule reports
 * the signal by which it became sure, and those that follow. */
#include <string.h>

#include "filters/injection_conf.h"
#include "filters/letters.h"
#include "filters/memory.h"

#define NEIGHBOURHOOD 4096	/* bytes in which signals add up */
#define CONTEXT 4		/* bytes before a word that are read again */
#define EVENTS 16		/* words that begin at one place */
#define SPACES 8		/* signs of white space that count as one */

/* A signal that has begun: its words up to slot stand at start to end. */
struct begun {
	uint16_t signal;
	uint8_t slot;
	uint64_t start, end;
};

/* A signal that was complete. */
struct seen {
	uint16_t signal;
	uint64_t end;		/* of the last time */
};

struct scan {
	const struct injection *conf;
	const struct mg_scope *scope;
	unsigned active, holding;	/* kinds */
	uint64_t next;			/* where to go on reading */
	uint64_t scanned;		/* ends of sentences are known so far */
	uint64_t last_end;		/* behind the last of them */
	struct begun *begun;
	size_t n_begun, begun_room;
	struct seen *seen;
	size_t n_seen, seen_room;
};

struct turn {
	struct scan *scan;
	const unsigned char *ptr;
	size_t len;
	bool last;
	uint64_t at;
	struct mg_report *report;
	bool found;
};

static bool
in(const uint64_t *set, size_t rule)
{
	return set[rule / 64] >> rule % 64 & 1;
}

static unsigned
kind_bit(unsigned signal)
{
	return 1u << injection_signals[signal].kind;
}

/* ---- what signals say together ---- */

/* The signal's own place among those that were seen. */
static void
note_seen(struct scan *s, uint16_t signal, uint64_t end)
{
	size_t i;

	for (i = 0; i < s->n_seen; i++)
		if (s->seen[i].signal == signal)
			break;
	if (i == s->seen_room) {
		s->seen_room = s->seen_room ? 2 * s->seen_room : 8;
		s->seen = mem_grow(s->seen, s->seen_room, sizeof(*s->seen));
	}
	if (i == s->n_seen)
		s->n_seen++;
	s->seen[i] = (struct seen){ signal, end };
}

static double
score(const struct scan *s, unsigned kinds, uint64_t end)
{
	double doubt = 1;
	size_t i;

	for (i = 0; i < s->n_seen; i++)
		if ((kind_bit(s->seen[i].signal) & kinds) &&
		    s->seen[i].end + NEIGHBOURHOOD >= end)
			doubt *= 1 - injection_signals[
			    s->seen[i].signal].weight / 100.0;
	return 1 - doubt;
}

static void
complete(struct turn *t, const struct begun *b)
{
	struct scan *s = t->scan;
	unsigned bit = kind_bit(b->signal);
	size_t r;

	note_seen(s, b->signal, b->end);
	for (r = 0; r < s->conf->n_rules; r++) {
		const struct injection_rule *rule = &s->conf->rules[r];
		struct mg_found found = { .rule = (uint32_t)r,
			.item = rule->item[injection_signals[b->signal].kind],
			.at = b->start, .len = b->end - b->start };

		if (!in(s->scope->active, r) || !(rule->kinds & bit))
			continue;
		found.score = score(s, rule->kinds, b->end);
		if (found.score < rule->at_least)
			continue;
		t->found = true;
		t->report->found(t->report->arg, &found);
	}
}

/* ---- signals that have begun ---- */

/* Whether a sentence or paragraph ends at p. A dot inside a number or a name is
 * no end. */
static bool
is_end(const unsigned char *p, size_t left)
{
	if (*p == '!' || *p == '?' || *p == ';')
		return true;
	if (*p == '.' || *p == '\n')
		return left > 1 && (p[1] == '\n' || (*p == '.' && p[1] == ' '));
	return left >= 3 && *p >= 0xe3 &&
	    (memcmp(p, "。", 3) == 0 || memcmp(p, "！", 3) == 0 ||
		memcmp(p, "？", 3) == 0 || memcmp(p, "；", 3) == 0);
}

/* Notes the last end before an offset. Each byte is read once, and only while
 * something has begun. */
static void
find_ends(struct turn *t, uint64_t at)
{
	struct scan *s = t->scan;
	const unsigned char *p;

	if (s->n_begun == 0 && s->scanned < at)
		s->scanned = at;
	for (; s->scanned < at; s->scanned++) {
		p = t->ptr + (s->scanned - t->at);
		if ((*p == '.' || *p == '\n') && s->scanned + 1 == at)
			break;		/* what follows may tell */
		if (is_end(p, (size_t)(at - s->scanned)))
			s->last_end = s->scanned + 1;
	}
}

/* Whether the next word of b may begin at an offset, as far as known. */
static bool
may_go_on(const struct turn *t, const struct begun *b, uint64_t at)
{
	const struct scan *s = t->scan;
	const struct injection_shape *shape = &s->conf->shapes[b->signal];
	unsigned next = b->slot + 1u;

	return at - b->end <= shape->gap[next] &&
	    (shape->across[next] || s->last_end <= b->end);
}

static void
put_begun(struct scan *s, const struct begun *b)
{
	size_t i;

	for (i = 0; i < s->n_begun; i++)
		if (s->begun[i].signal == b->signal &&
		    s->begun[i].slot == b->slot)
			break;
	if (i == s->begun_room) {
		s->begun_room = s->begun_room ? 2 * s->begun_room : 8;
		s->begun = mem_grow(s->begun, s->begun_room,
		    sizeof(*s->begun));
	}
	if (i == s->n_begun)
		s->n_begun++;
	s->begun[i] = *b;
}

/* Forgets those for which a word at an offset, or behind it, is too late. */
static void
forget_late(struct turn *t, uint64_t at)
{
	struct scan *s = t->scan;
	size_t i, kept = 0;

	find_ends(t, at);
	for (i = 0; i < s->n_begun; i++)
		if (at < s->begun[i].end || may_go_on(t, &s->begun[i], at))
			s->begun[kept++] = s->begun[i];
	s->n_begun = kept;
}

static const struct begun *
find_begun(const struct scan *s, unsigned signal, unsigned slot, uint64_t at)
{
	size_t i;

	for (i = 0; i < s->n_begun; i++)
		if (s->begun[i].signal == signal && s->begun[i].slot == slot &&
		    s->begun[i].end <= at)
			return &s->begun[i];
	return NULL;
}

/* A word of a class stands at start to end. */
static void
take_word(struct turn *t, unsigned class, uint64_t start, uint64_t end)
{
	struct scan *s = t->scan;
	const struct injection *c = s->conf;
	uint32_t i;

	for (i = c->first_step[class]; i < c->first_step[class + 1]; i++) {
		const struct injection_step *step = &c->steps[i];
		struct begun b = { step->signal, step->slot, start, end };
		const struct begun *before;

		if (!(kind_bit(step->signal) & s->active))
			continue;
		if (step->slot > 0) {
			before = find_begun(s, step->signal, step->slot - 1u,
			    start);
			if (!before)
				continue;
			b.start = before->start;
		}
		if (step->slot + 1 == c->shapes[step->signal].n_slots)
			complete(t, &b);
		else
			put_begun(s, &b);
	}
}

/* ---- words ---- */

struct event {
	unsigned class;
	size_t end;
};

struct place {
	struct event events[EVENTS];
	size_t n;
	uint64_t first;		/* kinds whose signals begin here, or may if
				 * more text comes */
	bool waits;		/* more text is needed to tell */
};

static bool
is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_ascii_letter(unsigned char c)
{
	return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	    (c >= '0' && c <= '9');
}

/* A word ends at p. */
static void
end_word(const struct turn *t, size_t i, size_t p, uint32_t value,
    struct place *to)
{
	unsigned first = t->scan->conf->first_kinds[value >> WORD_FLAGS];

	if ((value & WORD_LINE) && i > 0 && t->ptr[i - 1] != '\n')
		return;
	if (!(value & WORD_OPEN_END) && is_ascii_letter(t->ptr[p - 1])) {
		if (p == t->len && !t->last) {
			to->waits = true;
			to->first |= first;
			return;
		}
		if (letter_at((const char *)t->ptr, t->len, p))
			return;
	}
	to->first |= first;
	if (to->n < EVENTS)
		to->events[to->n++] = (struct event){ value >> WORD_FLAGS, p };
}

/* The words that begin at i. Any white space counts as one space. */
static void
read_place(const struct turn *t, size_t i, struct place *to)
{
	const struct lexicon *l = &t->scan->conf->lexicon;
	const uint32_t *v, *end;
	uint32_t s = AUTOMATON_ROOT;
	size_t p = i, spaces;

	to->n = 0;
	to->first = 0;
	to->waits = false;
	if (letter_before((const char *)t->ptr, i) &&
	    letter_at((const char *)t->ptr, t->len, i))
		return;
	while (p < t->len) {
		unsigned char c = t->ptr[p++];

		for (spaces = 1; is_space(c) && p < t->len &&
		    is_space(t->ptr[p]) && spaces < SPACES; spaces++)
			p++;
		s = lexicon_step(l, s, is_space(c) ? ' ' : automaton_fold[c]);
		if (s == AUTOMATON_ROOT)
			return;
		for (v = lexicon_values(l, s, &end); v < end; v++)
			end_word(t, i, p, *v, to);
	}
	if (t->last)
		return;
	to->first |= lexicon_below(l, s);
	to->waits |= lexicon_below(l, s) != 0;
}

static void
take_place(struct turn *t, size_t i, const struct place *p)
{
	size_t k;

	if (p->n == 0)
		return;
	forget_late(t, t->at + i);
	for (k = 0; k < p->n; k++)
		take_word(t, p->events[k].class, t->at + i,
		    t->at + p->events[k].end);
}

/* ---- a piece of text ---- */

/* Reads words up to the first that needs more text, and returns where that
 * is. */
static size_t
read_text(struct turn *t, size_t i)
{
	const struct lexicon *l = &t->scan->conf->lexicon;
	struct place p;

	while ((i = lexicon_next(l, t->ptr, i, t->len)) < t->len) {
		read_place(t, i, &p);
		if (p.waits)
			break;
		take_place(t, i, &p);
		i++;
	}
	return i;
}

/* The first byte from i on at which a signal of a holding rule may begin. */
static size_t
first_open(const struct turn *t, size_t i)
{
	const struct lexicon *l = &t->scan->conf->lexicon;
	struct place p;

	for (; (i = lexicon_next(l, t->ptr, i, t->len)) < t->len; i++) {
		read_place(t, i, &p);
		if (p.first & t->scan->holding)
			break;
	}
	return i;
}

/* Lowers hold and keep: i is where reading stopped. */
static void
set_hold(struct turn *t, size_t i)
{
	struct scan *s = t->scan;
	uint64_t hold = t->at + first_open(t, i), keep = t->at + i;
	size_t k;

	forget_late(t, t->at + i);
	for (k = 0; k < s->n_begun; k++) {
		const struct begun *b = &s->begun[k];

		if ((kind_bit(b->signal) & s->holding) && b->start < hold)
			hold = b->start;
	}
	for (k = 0; k < CONTEXT && keep > t->at; k++)
		keep--;
	while (keep > t->at && (t->ptr[keep - t->at] & 0xc0) == 0x80)
		keep--;
	if (hold < t->report->hold)
		t->report->hold = hold;
	if (keep < t->report->keep)
		t->report->keep = keep;
	if (t->report->keep > t->report->hold)
		t->report->keep = t->report->hold;
}

static enum mg_verdict
judge(void *arg, const struct mg_text *text, struct mg_report *to)
{
	struct scan *s = arg;
	struct turn t = { .scan = s, .len = text->len, .last = text->last,
		.ptr = (const unsigned char *)text->ptr, .at = text->at,
		.report = to };
	size_t i = read_text(&t, (size_t)(s->next - text->at));

	s->next = text->at + i;
	if (!text->last)
		set_hold(&t, i);
	if (t.found)
		return MG_FOUND;
	return !text->last && to->hold < text->at + text->len ? MG_HOLD :
	    MG_CLEAN;
}

static void *
begin(const void *conf, const struct mg_scope *scope)
{
	struct scan *s = mem_new(1, sizeof(*s));
	size_t r;

	s->conf = conf;
	s->scope = scope;
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

	if (s) {
		free(s->begun);
		free(s->seen);
	}
	free(s);
}

const struct mg_filter_type filter_injection = {
	.abi = MG_FILTER_ABI,
	.name = "injection",
	.doc = "Find attempts to take over a model",
	.options = injection_options,
	.fold = MG_FOLD_STRONG,
	.open = injection_open,
	.close = injection_close,
	.begin = begin,
	.judge = judge,
	.end = end,
	.memory = injection_memory,
};
