/* SPDX-License-Identifier: Apache-2.0 */
/* words.c - lists of words and phrases, all rules in one pass.
 *
 * Words and `except` phrases of every rule share one automaton. Where it
 * stands after the last byte tells exactly what may still come: hold-back is
 * read from its suffix chain, never guessed from a length.
 *
 * A position is looked at in two steps, which keeps findings and their order
 * the same whatever the cuts: here() does what needs nothing that follows,
 * beyond() what waits for the next code point (a word's right border). */
#include <assert.h>
#include <string.h>

#include "filters/automaton.h"
#include "filters/letters.h"
#include "filters/memory.h"
#include "filters/words_turn.h"
#include "modgate/filter.h"

static void
report(struct turn *t, const struct candidate *c)
{
	struct mg_found found = { .rule = c->rule, .item = c->item,
		.at = c->at, .len = c->end - c->at, .score = 1 };

	t->found = true;
	t->report->found(t->report->arg, &found);
}

bool
words_joined(const struct turn *t, size_t i)
{
	return letter_before(t->text->ptr, i) &&
	    letter_at(t->text->ptr, t->text->len, i);
}

/* A beginning of one of the rule's exceptions that reaches back to start or
 * further. */
static bool
may_be_sheltered(const struct turn *t, uint32_t rule, size_t start, size_t i)
{
	const struct words *w = t->scan->words;
	const struct automaton *a = &w->automaton;
	uint32_t s;

	for (s = t->scan->state; a->tail[s].depth >= i - start;
	    s = a->node[s].fail)
		if (words_in(words_set(w, s, SET_EXCEPTS), rule) &&
		    !(words_in(w->bordered, rule) &&
			words_joined(t, i - a->tail[s].depth)))
			return true;
	return false;
}

bool
words_sheltered(const struct turn *t, uint32_t rule, size_t start, size_t i,
    unsigned wanted)
{
	const struct words *w = t->scan->words;
	const struct automaton *a = &w->automaton;
	const struct output *o, *end;
	uint32_t s;

	for (s = a->node[t->scan->state].out;
	    s != AUTOMATON_ROOT && a->tail[s].depth >= i - start;
	    s = automaton_next_out(a, s)) {
		o = words_outputs(w, s, &end);
		for (; o < end; o++)
			if (o->rule == rule && (o->flags & OUT_EXCEPT) &&
			    (o->flags & OUT_RIGHT) == wanted &&
			    !((o->flags & OUT_LEFT) &&
				letter_before(t->text->ptr,
				    i - a->tail[s].depth)))
				return true;
	}
	return false;
}

/* Decides on found words whose exceptions came, or can come no more. */
static void
settle(struct turn *t, size_t i, bool next_known)
{
	struct scan *scan = t->scan;
	struct candidate *c = scan->pending, *kept = c;
	struct candidate *end = scan->pending + scan->n_pending;
	bool free_right = next_known && !letter_at(t->text->ptr,
	    t->text->len, i);

	for (; c < end; c++) {
		/* Offsets before the window: the phrase began there too, but
		 * then its state is deep enough for the window to hold it. */
		size_t start = (size_t)(c->at - t->text->at);

		if (words_sheltered(t, c->rule, start, i, 0) ||
		    (free_right && words_sheltered(t, c->rule, start, i, OUT_RIGHT)))
			continue;
		if (may_be_sheltered(t, c->rule, start, i) ||
		    (!next_known &&
			words_sheltered(t, c->rule, start, i, OUT_RIGHT)))
			*kept++ = *c;
		else
			report(t, c);
	}
	scan->n_pending = (size_t)(kept - scan->pending);
}

void
words_take(struct turn *t, uint32_t rule, uint32_t item, size_t start,
    size_t i)
{
	struct scan *scan = t->scan;
	struct candidate c = { .rule = rule, .item = item,
		.at = t->text->at + start, .end = t->text->at + i };

	if (!words_in(scan->words->excepting, rule) ||
	    !may_be_sheltered(t, rule, start, i)) {
		report(t, &c);
		return;
	}
	if (scan->n_pending == scan->room) {
		scan->room = scan->room ? 2 * scan->room : 8;
		scan->pending = mem_grow(scan->pending, scan->room,
		    sizeof(*scan->pending));
	}
	scan->pending[scan->n_pending++] = c;
}

/* Whether the word o that starts at start and ends at i counts, as far as the
 * text up to i can tell. */
static bool
is_word(const struct turn *t, const struct output *o, size_t start, size_t i,
    unsigned right)
{
	const struct scan *scan = t->scan;

	return !(o->flags & (OUT_EXCEPT | OUT_PART)) &&
	    (o->flags & OUT_RIGHT) == right &&
	    words_in(scan->scope->active, o->rule) &&
	    !((o->flags & OUT_LEFT) && letter_before(t->text->ptr, start)) &&
	    !(words_in(scan->words->excepting, o->rule) &&
		words_sheltered(t, o->rule, start, i, right));
}

static bool
is_part(const struct turn *t, const struct output *o, size_t start,
    unsigned right)
{
	return (o->flags & OUT_PART) && (o->flags & OUT_RIGHT) == right &&
	    !((o->flags & OUT_LEFT) && letter_before(t->text->ptr, start));
}

/* Takes the words that end at i, longest first. */
static void
take_words(struct turn *t, size_t i, unsigned right)
{
	const struct words *w = t->scan->words;
	const struct automaton *a = &w->automaton;
	const struct output *o, *end;
	uint32_t s;

	for (s = a->node[t->scan->state].out; s != AUTOMATON_ROOT;
	    s = automaton_next_out(a, s)) {
		size_t start = i - a->tail[s].depth;

		o = words_outputs(w, s, &end);
		for (; o < end; o++)
			if (is_word(t, o, start, i, right))
				words_take(t, o->rule, o->item, start, i);
			else if (is_part(t, o, start, right))
				gaps_take(t, a->tail[s].term - 1, o, start, i,
				    right);
	}
}

static void
here(struct turn *t, size_t i)
{
	if (t->scan->n_pending > 0)
		settle(t, i, false);
	take_words(t, i, 0);
}

static void
beyond(struct turn *t, size_t i)
{
	if (t->scan->n_pending > 0)
		settle(t, i, true);
	if (!letter_at(t->text->ptr, t->text->len, i))
		take_words(t, i, OUT_RIGHT);
}

/* Whether the exception that covers may be completed: the text ends with a
 * beginning of it that leaves as many bytes to come as the word's. */
static bool
covers(const struct turn *t, const struct cover *c, size_t start, size_t end)
{
	const struct words *w = t->scan->words;
	const struct automaton_term *x = &w->terms[c->except];
	uint32_t before = x->len - w->terms[c->word].len;
	size_t i;

	if (before > start)
		return false;
	for (i = 0; i < before; i++)
		if (automaton_fold[(unsigned char)
			t->text->ptr[start - before + i]] != x->ptr[i])
			return false;
	(void)end;
	return !(words_in(w->bordered, c->rule) && words_joined(t, start - before));
}

/* Whether a word of the rule that starts at start and is not complete at end
 * can still count. Only for rules all of whose words from here are ends of
 * exceptions, so the list is short. */
static bool
can_escape(const struct turn *t, uint32_t rule, size_t start, size_t end)
{
	const struct words *w = t->scan->words;
	size_t i = w->cover_start[rule], to = w->cover_start[rule + 1], k;

	while (i < to) {
		uint32_t word = w->covers[i].word;
		const struct automaton_term *x = &w->terms[word];
		bool open = x->len > end - start;

		for (k = 0; open && k < end - start; k++)
			open = automaton_fold[(unsigned char)
			    t->text->ptr[start + k]] == x->ptr[k];
		for (; i < to && w->covers[i].word == word; i++)
			open = open && !covers(t, &w->covers[i], start, end);
		if (open)
			return true;
	}
	return false;
}

/* Whether a word of a holding rule has begun with state s and may go on. */
static bool
holds(const struct turn *t, uint32_t s, size_t end)
{
	const struct words *w = t->scan->words;
	const uint64_t *holding = t->scan->scope->holding;
	const uint64_t *words = words_set(w, s, SET_WORDS);
	const uint64_t *sure = words_set(w, s, SET_FREE);
	size_t start = end - w->automaton.tail[s].depth, k;
	bool blocked = words_joined(t, start);

	for (k = 0; k < w->n_words; k++) {
		uint64_t mask = holding[k] & words[k];
		uint64_t doubt;

		if (blocked)
			mask &= ~w->bordered[k];
		if (mask & sure[k])
			return true;
		for (doubt = mask; doubt; doubt &= doubt - 1)
			if (can_escape(t, (uint32_t)(64 * k) +
				(uint32_t)__builtin_ctzll(doubt), start, end))
				return true;
	}
	return false;
}

/* Start of the longest word that ends with the text and waits for its right
 * border, or end. */
static size_t
waiting_word(const struct turn *t, size_t end)
{
	const struct words *w = t->scan->words;
	const struct automaton *a = &w->automaton;
	const struct output *o, *to;
	uint32_t s;

	for (s = a->node[t->scan->state].out; s != AUTOMATON_ROOT;
	    s = automaton_next_out(a, s)) {
		size_t start = end - a->tail[s].depth;

		o = words_outputs(w, s, &to);
		for (; o < to; o++)
			if (is_word(t, o, start, end, OUT_RIGHT) &&
			    words_in(t->scan->scope->holding, o->rule))
				return start;
	}
	return end;
}

static void
set_hold(struct turn *t)
{
	const struct scan *scan = t->scan;
	const struct automaton *a = &scan->words->automaton;
	size_t end = t->text->len, start = waiting_word(t, end), k;
	uint64_t hold, keep;
	uint32_t s;

	for (s = scan->state; s != AUTOMATON_ROOT; s = a->node[s].fail) {
		if (end - a->tail[s].depth >= start)
			break;
		if (holds(t, s, end))
			start = end - a->tail[s].depth;
	}
	hold = t->text->at + start;
	for (k = 0; k < scan->n_pending; k++)
		if (words_in(scan->scope->holding, scan->pending[k].rule) &&
		    scan->pending[k].at < hold)
			hold = scan->pending[k].at;
	/* The code point before what the automaton remembers, for borders. */
	start = end - a->tail[scan->state].depth;
	while (start > 0 && (t->text->ptr[--start] & 0xc0) == 0x80)
		;
	keep = t->text->at + start;
	if (scan->words->gaps.n_nodes > 0) {
		uint64_t gapped = gaps_hold(t, end, &keep);

		if (gapped < hold)
			hold = gapped;
		if (keep > hold)
			keep = hold;
	}
	if (hold < t->report->hold)
		t->report->hold = hold;
	if (keep < t->report->keep)
		t->report->keep = keep;
}

/* Where to go on from i in state s, and with which. A state of one character
 * is as good as the root where no word begins with that character and what
 * stands behind it: without that, Han text would never leave the automaton. */
static size_t
leap(const struct words *w, const unsigned char *ptr, size_t i, size_t len,
    uint32_t *s)
{
	size_t depth, next;

	if (*s == AUTOMATON_ROOT)
		return starts_next(&w->starts, ptr, i, len);
	depth = w->automaton.tail[*s].depth;
	if (depth > WORDS_SHALLOW || (ptr[i] & 0xc0) == 0x80)
		return i;
	next = starts_next(&w->starts, ptr, i - depth, len);
	if (next < i)
		return i;
	*s = AUTOMATON_ROOT;
	return next;
}

/* Reads the fresh bytes. */
static void
read_text(struct turn *t)
{
	struct scan *scan = t->scan;
	const struct words *w = scan->words;
	const struct automaton *a = &w->automaton;
	const unsigned char *ptr = (const unsigned char *)t->text->ptr;
	size_t i = (size_t)(t->text->fresh - t->text->at);
	size_t len = t->text->len;
	uint32_t s = scan->state;

	while (i < len) {
		if (s <= w->shallow && scan->n_pending == 0)
			i = leap(w, ptr, i, len, &s);
		if (i == len)
			break;
		s = automaton_step(a, s, ptr[i++]);
		if (a->node[s].out == AUTOMATON_ROOT && scan->n_pending == 0)
			continue;
		if (i < len && (ptr[i] & 0xc0) == 0x80)
			continue;	/* inside a code point */
		scan->state = s;
		here(t, i);
		if (i < len || t->text->last)
			beyond(t, i);
		else
			scan->waiting = true;
	}
	scan->state = s;
}

static enum mg_verdict
judge(void *arg, const struct mg_text *text, struct mg_report *to)
{
	struct turn t = { .scan = arg, .text = text, .report = to };
	struct scan *scan = arg;
	size_t i = (size_t)(text->fresh - text->at), k;

	if (scan->waiting && (i < text->len || text->last)) {
		scan->waiting = false;
		beyond(&t, i);
	}
	read_text(&t);
	if (text->last) {
		for (k = 0; k < scan->n_pending; k++)
			report(&t, &scan->pending[k]);
		scan->n_pending = 0;
	} else {
		set_hold(&t);
	}
	if (t.found)
		return MG_FOUND;
	return !text->last && to->hold < text->at + text->len ? MG_HOLD :
	    MG_CLEAN;
}

static void *
begin(const void *conf, const struct mg_scope *scope)
{
	struct scan *scan = mem_new(1, sizeof(*scan));

	scan->words = conf;
	scan->scope = scope;
	return scan;
}

static void
end(void *arg)
{
	struct scan *scan = arg;

	if (scan) {
		free(scan->pending);
		free(scan->chains);
	}
	free(scan);
}

const struct mg_filter_type filter_words = {
	.abi = MG_FILTER_ABI,
	.name = "words",
	.doc = "Find any listed word or phrase",
	.options = words_options,
	.fold = MG_FOLD_STRONG,
	.folds_items = true,
	.open = words_open,
	.close = words_close,
	.begin = begin,
	.judge = judge,
	.end = end,
	.memory = words_memory,
};
