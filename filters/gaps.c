/* SPDX-License-Identifier: Apache-2.0 */
/* gaps.c - follows the parts of words with gaps through a text.
 *
 * A chain is a sequence that has begun. Where a part begins at q, of the
 * chains of one node the one that ends last before q is the one that counts:
 * it reaches whatever an earlier one reaches, and begins no earlier. So a
 * match is the shortest one, and few chains are worth keeping. */
#include <string.h>

#include "filters/letters.h"
#include "filters/memory.h"
#include "filters/words_turn.h"

/* Offset in the window of a place in the channel. Places before the window
 * come out as they must in differences. */
static size_t
place(const struct turn *t, uint64_t at)
{
	return (size_t)(at - t->text->at);
}

/* Characters from a to b, in the window. */
static size_t
chars(const struct turn *t, size_t a, size_t b)
{
	size_t n = 0;

	for (; a < b; a++)
		n += (t->text->ptr[a] & 0xc0) != 0x80;
	return n;
}

/* No part that begins at q or later can go on with the chain. A byte is at
 * most a character, and a character at most four bytes. */
static bool
out_of_reach(const struct turn *t, const struct chain *c, size_t q)
{
	size_t end = place(t, c->end);

	return q > end && (q - end > 4 * GAP_MAX || chars(t, end, q) >
	    t->scan->words->gaps.node[c->node].most);
}

/* Whether a later chain of the same node ends at q or before. */
static bool
is_outdone(const struct scan *scan, size_t c, uint64_t q)
{
	size_t i;

	for (i = c + 1; i < scan->n_chains && !scan->chains[i].maybe &&
	    scan->chains[i].end <= q; i++)
		if (scan->chains[i].node == scan->chains[c].node)
			return true;
	return false;
}

/* Drops the chains that no part can go on with: none that begins later, nor
 * one that has begun, the first of which began at `earliest`. */
static void
forget(struct turn *t, size_t earliest)
{
	struct scan *scan = t->scan;
	uint64_t at = t->text->at + earliest;
	size_t i, kept = 0;

	for (i = 0; i < scan->n_chains; i++)
		if (!out_of_reach(t, &scan->chains[i], earliest) &&
		    !is_outdone(scan, i, at))
			scan->chains[kept++] = scan->chains[i];
	scan->n_chains = kept;
	scan->forget_at = 2 * kept + 8;
}

static void
push(struct turn *t, uint32_t node, uint64_t at, size_t i, bool maybe)
{
	struct scan *scan = t->scan;

	if (scan->n_chains == scan->chain_room) {
		scan->chain_room = scan->chain_room ? 2 * scan->chain_room :
		    8;
		scan->chains = mem_grow(scan->chains, scan->chain_room,
		    sizeof(*scan->chains));
	}
	scan->chains[scan->n_chains++] = (struct chain){ at, t->text->at + i,
		node, maybe };
}

static bool
any_in(const struct words *w, uint32_t number, const uint64_t *rules)
{
	const uint64_t *set = words_set_of(w, number, SET_WORDS);
	size_t k;

	for (k = 0; k < w->n_words; k++)
		if (set[k] & rules[k])
			return true;
	return false;
}

/* The first child of the node whose part is not before `term`. */
static uint32_t
first_child(const struct words *w, const struct gap_node *node, uint32_t term)
{
	uint32_t lo = node->child, hi = lo + node->n_children;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (w->gaps.node[mid].term < term)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* ---- what is found ---- */

/* The sequence at the node has come to i: what ends there is found. */
static void
arrive(struct turn *t, uint32_t number, uint64_t at, size_t i, unsigned right)
{
	const struct words *w = t->scan->words;
	const struct gap_node *node = &w->gaps.node[number];
	const struct gap_out *o = &w->gaps.outs[node->out], *end;
	size_t start = place(t, at);

	for (end = o + node->n_outs; o < end; o++)
		if (words_in(t->scan->scope->active, o->rule) &&
		    !(words_in(w->excepting, o->rule) &&
			words_sheltered(t, o->rule, start, i, right)))
			words_take(t, o->rule, o->item, start, i);
	if (any_in(w, node->below, t->scan->scope->active))
		push(t, number, at, i, false);
}

/* Whether the part that begins at q may go on with chain c. */
static bool
waits_for(const struct turn *t, size_t c, const struct output *part,
    uint64_t q)
{
	const struct chain *chain = &t->scan->chains[c];

	return !chain->maybe && chain->end <= q &&
	    t->scan->words->gaps.node[chain->node].bordered == part->rule &&
	    !is_outdone(t->scan, c, q);
}

/* Goes on with chain c by the part that stands from q to i. */
static void
go_on(struct turn *t, size_t c, uint32_t term, size_t q, size_t i,
    unsigned right)
{
	const struct words *w = t->scan->words;
	const struct chain chain = t->scan->chains[c];
	const struct gap_node *node = &w->gaps.node[chain.node];
	uint32_t child = first_child(w, node, term);
	uint32_t end = node->child + node->n_children;

	for (; child < end && w->gaps.node[child].term == term; child++)
		if (chars(t, place(t, chain.end), q) <=
		    w->gaps.node[child].gap)
			arrive(t, child, chain.at, i, right);
}

void
gaps_take(struct turn *t, uint32_t term, const struct output *part,
    size_t start, size_t i, unsigned right)
{
	struct scan *scan = t->scan;
	const struct words *w = scan->words;
	uint64_t q = t->text->at + start;
	size_t n, c;

	if (scan->n_chains >= scan->forget_at)
		forget(t, i - w->automaton.tail[scan->state].depth);
	n = scan->n_chains;
	for (c = 0; c < n; c++)
		if (waits_for(t, c, part, q))
			go_on(t, c, term, start, i, right);
	if (part->item > 0 && any_in(w, w->gaps.node[part->item].below,
	    scan->scope->active))
		push(t, part->item, q, i, false);
}

/* ---- what may be found ---- */

/* Where the text ends, and what of it is held. */
struct ahead {
	struct turn *t;
	size_t end;
	uint64_t hold;
};

/* The state that the bytes lead to from s, by children alone; the root: there
 * is none. */
static uint32_t
walk(const struct automaton *a, uint32_t s, struct mg_span rest)
{
	size_t i;

	for (i = 0; i < rest.len; i++) {
		uint32_t next = a->node[s].base ^
		    a->class[(unsigned char)rest.ptr[i]];

		if (a->node[next].check != s)
			return AUTOMATON_ROOT;
		s = next;
	}
	return s;
}

static bool
ends_exception(const struct words *w, uint32_t s, uint32_t rule)
{
	const struct output *o, *end;

	if (s == AUTOMATON_ROOT || w->automaton.tail[s].term == 0)
		return false;
	for (o = words_outputs(w, s, &end); o < end; o++)
		if (o->rule == rule && (o->flags & OUT_EXCEPT))
			return true;
	return false;
}

/* Whether a match from `at` that is complete with `rest` is surely sheltered:
 * an exception has begun with it or before, and ends with the same bytes. */
static bool
surely_sheltered(const struct ahead *x, uint32_t rule, uint64_t at,
    struct mg_span rest)
{
	const struct words *w = x->t->scan->words;
	const struct automaton *a = &w->automaton;
	size_t len = x->end - place(x->t, at);
	uint32_t s;

	if (!words_in(w->excepting, rule))
		return false;
	for (s = x->t->scan->state; a->tail[s].depth >= len;
	    s = a->node[s].fail)
		if (words_in(words_set(w, s, SET_EXCEPTS), rule) &&
		    !(words_in(w->bordered, rule) &&
			words_joined(x->t, x->end - a->tail[s].depth)) &&
		    ends_exception(w, walk(a, s, rest), rule))
			return true;
	return false;
}

/* Whether a holding rule can find a sequence from `at` whose next part is the
 * node's, `rest` of it being all that has to come; NULL: also something else,
 * which no exception has. Nor has it what comes in the gap behind a part that
 * is not the last. */
static bool
matters(const struct ahead *x, const struct gap_node *node, uint64_t at,
    const struct mg_span *rest)
{
	const struct words *w = x->t->scan->words;
	const uint64_t *holding = x->t->scan->scope->holding;
	uint32_t i;

	if (any_in(w, node->below, holding))
		return true;
	for (i = node->out; i < node->out + node->n_outs; i++)
		if (words_in(holding, w->gaps.outs[i].rule) &&
		    !(rest && surely_sheltered(x, w->gaps.outs[i].rule, at,
			*rest)))
			return true;
	return false;
}

static struct mg_span
term_from(const struct words *w, uint32_t term, size_t from)
{
	const struct automaton_term *x = &w->terms[term];

	return (struct mg_span){ (const char *)x->ptr + from, x->len - from };
}

static bool
has_maybe(const struct scan *scan, uint32_t node)
{
	size_t i;

	for (i = scan->n_chains; i-- > 0 && scan->chains[i].maybe;)
		if (scan->chains[i].node == node)
			return true;
	return false;
}

/* Whether a part of which nothing has come can go on with the chain. */
static bool
may_begin_later(const struct ahead *x, size_t c)
{
	const struct scan *scan = x->t->scan;
	const struct words *w = scan->words;
	const struct chain *chain = &scan->chains[c];
	const struct gap_node *node = &w->gaps.node[chain->node], *child, *to;
	size_t gone = chars(x->t, place(x->t, chain->end), x->end);
	/* Anything but a letter makes a later chain of the node. */
	size_t letter = has_maybe(scan, chain->node) ? 1 : 0;
	bool letter_last = letter_before(x->t->text->ptr, x->end);

	if (gone > node->most || is_outdone(scan, c, UINT64_MAX))
		return false;
	if (letter == 0 && gone < node->least)
		return true;		/* the caller has seen the rules */
	child = &w->gaps.node[node->child];
	for (to = child + node->n_children; child < to; child++) {
		struct mg_span whole = term_from(w, child->term, 0);
		bool left = child->flags & OUT_LEFT;

		if (child->gap < gone + letter)
			continue;
		if (letter ? child->gap == gone + 1 && left :
		    child->gap == gone && left && letter_last)
			continue;
		if (matters(x, child, chain->at, child->gap > gone ? NULL :
		    &whole))
			return true;
	}
	return false;
}

/* Compares a term with what the text has from q to its end. 0: it begins like
 * that. */
static int
compare_beginning(const struct ahead *x, const struct automaton_term *term,
    size_t q)
{
	size_t i;

	for (i = 0; q + i < x->end; i++) {
		unsigned char c = automaton_fold[(unsigned char)
		    x->t->text->ptr[q + i]];

		if (i == term->len)
			return -1;
		if (term->ptr[i] != c)
			return term->ptr[i] < c ? -1 : 1;
	}
	return 0;
}

/* The first child whose part begins with what the text has from q on. */
static uint32_t
first_begun(const struct ahead *x, const struct gap_node *node, size_t q)
{
	const struct words *w = x->t->scan->words;
	uint32_t lo = node->child, hi = lo + node->n_children;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (compare_beginning(x, &w->terms[w->gaps.node[mid].term],
		    q) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Whether a part that has begun at q and is not complete can go on with the
 * chain. */
static bool
may_end_later(const struct ahead *x, const struct chain *chain, size_t q)
{
	const struct words *w = x->t->scan->words;
	const struct gap_node *node = &w->gaps.node[chain->node];
	uint32_t i = first_begun(x, node, q), to = node->child +
	    node->n_children;
	size_t gone = chars(x->t, place(x->t, chain->end), q);

	for (; i < to; i++) {
		const struct gap_node *child = &w->gaps.node[i];
		const struct automaton_term *term = &w->terms[child->term];
		struct mg_span rest;

		if (compare_beginning(x, term, q) != 0)
			break;
		if (term->len == x->end - q || child->gap < gone ||
		    ((child->flags & OUT_LEFT) &&
			letter_before(x->t->text->ptr, q)))
			continue;
		rest = term_from(w, child->term, x->end - q);
		if (matters(x, child, chain->at, &rest))
			return true;
	}
	return false;
}

static bool
may_go_on(const struct ahead *x, size_t c)
{
	const struct scan *scan = x->t->scan;
	const struct chain *chain = &scan->chains[c];
	const struct automaton *a = &scan->words->automaton;
	uint32_t s;

	if (!any_in(scan->words, scan->words->gaps.node[chain->node].below,
	    scan->scope->holding))
		return false;
	if (chain->maybe || may_begin_later(x, c))
		return true;
	for (s = scan->state; s != AUTOMATON_ROOT; s = a->node[s].fail) {
		size_t q = x->end - a->tail[s].depth;

		if (x->t->text->at + q < chain->end)
			continue;
		if (is_outdone(scan, c, x->t->text->at + q))
			break;
		if (may_end_later(x, chain, q))
			return true;
	}
	return false;
}

static void
lower(uint64_t *to, uint64_t at)
{
	if (at < *to)
		*to = at;
}

/* As arrive(), for a part whose right border is not known. */
static void
expect_arrival(struct ahead *x, uint32_t number, uint64_t at)
{
	struct turn *t = x->t;
	const struct words *w = t->scan->words;
	const struct gap_node *node = &w->gaps.node[number];
	uint32_t i;

	for (i = node->out; i < node->out + node->n_outs; i++)
		if (words_in(t->scan->scope->holding, w->gaps.outs[i].rule) &&
		    !(words_in(w->excepting, w->gaps.outs[i].rule) &&
			words_sheltered(t, w->gaps.outs[i].rule, place(t, at),
			    x->end, OUT_RIGHT)))
			lower(&x->hold, at);
	if (node->n_children > 0)
		push(t, number, at, x->end, true);
}

/* A part that ends with the text and waits for its right border: what it would
 * end, and the chains that it would make. */
static void
expect_part(struct ahead *x, uint32_t term, const struct output *part,
    size_t q, size_t n)
{
	struct turn *t = x->t;
	const struct words *w = t->scan->words;
	size_t c;

	for (c = 0; c < n; c++) {
		const struct chain chain = t->scan->chains[c];
		const struct gap_node *node = &w->gaps.node[chain.node];
		uint32_t i = first_child(w, node, term);
		uint32_t to = node->child + node->n_children;

		if (!waits_for(t, c, part, t->text->at + q))
			continue;
		for (; i < to && w->gaps.node[i].term == term; i++) {
			if (w->gaps.node[i].gap <
			    chars(t, place(t, chain.end), q))
				continue;
			expect_arrival(x, i, chain.at);
		}
	}
	if (part->item > 0)
		push(t, part->item, t->text->at + q, x->end, true);
}

static void
expect_parts(struct ahead *x)
{
	struct turn *t = x->t;
	const struct words *w = t->scan->words;
	const struct automaton *a = &w->automaton;
	size_t n = t->scan->n_chains;
	const struct output *o, *to;
	uint32_t s;

	for (s = a->node[t->scan->state].out; s != AUTOMATON_ROOT;
	    s = automaton_next_out(a, s)) {
		size_t q = x->end - a->tail[s].depth;

		o = words_outputs(w, s, &to);
		for (; o < to; o++)
			if ((o->flags & OUT_PART) && (o->flags & OUT_RIGHT) &&
			    !((o->flags & OUT_LEFT) &&
				letter_before(t->text->ptr, q)))
				expect_part(x, a->tail[s].term - 1, o, q, n);
	}
}

uint64_t
gaps_hold(struct turn *t, size_t end, uint64_t *keep)
{
	struct scan *scan = t->scan;
	struct ahead x = { t, end, t->text->at + end };
	size_t n, c;

	forget(t, end - scan->words->automaton.tail[scan->state].depth);
	n = scan->n_chains;
	if (scan->waiting)
		expect_parts(&x);
	for (c = 0; c < scan->n_chains; c++)
		if (scan->chains[c].at < x.hold && may_go_on(&x, c))
			x.hold = scan->chains[c].at;
	scan->n_chains = n;
	for (c = 0; c < n; c++)
		lower(keep, scan->chains[c].end);
	return x.hold;
}
