/* SPDX-License-Identifier: Apache-2.0 */
/* regex.c - patterns, confirmed by PCRE2.
 *
 * A pattern's matches are those that a search from left to right finds, each
 * going on where the last one ended. In a stream PCRE2_PARTIAL_HARD says of
 * each start whether its fate is decided without what is still to come; the
 * first that is not is where the next call begins. So the cuts of a text do
 * not change what is found in it.
 *
 * Most patterns are not tried at all: on whole texts and large pieces one
 * pass for the literals that their matches contain names those that may match,
 * another one says which numbers there are; on small pieces a table says which
 * may begin somewhere in it, by their first bytes. */
#include <string.h>

#include "filters/memory.h"
#include "filters/numbers.h"
#include "filters/regex_conf.h"
#include "filters/regex_pace.h"

#define LARGE 384	/* fresh bytes from which literals are looked for */
/* In a text of less than SMALL bytes a search of so many reads the clock. */
#define SMALL 128
#define UNLOOKED 8
#define MAX_SHELTERS 65536	/* matches of one exception kept at a time */

struct interval {
	uint64_t at, end;
};

/* Matches of one exception that may still cover something, in order. */
struct shelter {
	struct interval *list;
	size_t n, room;
	uint64_t resume;	/* all starts before it are decided */
};

/* A pattern that must go on from an earlier byte than the text's end. */
struct late {
	uint32_t pattern;
	uint64_t resume;
};

/* A match that an exception may still shelter. */
struct candidate {
	uint32_t pattern;
	struct interval where;
};

struct scan {
	const struct regex *re;
	const struct mg_scope *scope;
	uint64_t *active;	/* patterns of active rules */
	uint64_t *failed;	/* patterns that were reported as unable */
	struct shelter *shelters;
	uint64_t *run;		/* for the time of one call: to be tried */
	uint64_t *opened;	/* … and what the literals opened */
	struct late *late;	/* in order of patterns */
	size_t n_late, late_room;
	struct late *spare;	/* room for the next call's */
	size_t spare_room;
	struct candidate *pending;
	size_t n_pending, pending_room;
	struct pace_account account;
};

/* One call of judge(). */
struct turn {
	struct scan *scan;
	const struct regex *re;
	const struct mg_text *text;
	struct mg_report *report;
	struct workspace *ws;	/* NULL: not needed yet */
	uint64_t end;		/* of the text */
	struct late *was_late;
	size_t n_was_late, next_late;
	struct pace pace;	/* begun with the workspace */
	unsigned unlooked;	/* searches in which no clock was read */
	bool found, unable;
};

/* ---- what is found ---- */

static void
report(struct turn *t, uint32_t pattern, struct interval where)
{
	const struct pattern *p = &t->re->patterns[pattern];
	struct mg_found found = { .rule = p->rule, .item = p->item,
		.at = where.at, .len = where.end - where.at, .score = 1 };

	t->found = true;
	t->report->found(t->report->arg, &found);
}

#define TOO_LONG (-100000)	/* beside PCRE2's codes */

static const char *
why(int rc)
{
	switch (rc) {
	case PCRE2_ERROR_MATCHLIMIT:
		return "the match limit was hit";
	case PCRE2_ERROR_DEPTHLIMIT:
	case PCRE2_ERROR_HEAPLIMIT:
	case PCRE2_ERROR_JIT_STACKLIMIT:
		return "the match needs too much memory";
	case TOO_LONG:
		return "the search takes too long for this text";
	case PCRE2_ERROR_RECURSELOOP:
		return "the pattern recurses without end";
	}
	return "the pattern failed";
}

/* Says so once per pattern and channel. */
static void
give_up(struct turn *t, uint32_t pattern, const char *reason)
{
	if (regex_in(t->scan->failed, pattern))
		return;
	t->unable = true;
	regex_add(t->scan->failed, pattern);
	t->report->unable(t->report->arg, t->re->patterns[pattern].rule,
	    reason);
}

static void
add_shelter(struct turn *t, uint32_t pattern, struct interval where)
{
	struct shelter *s =
	    &t->scan->shelters[t->re->patterns[pattern].shelter];

	if (s->n == MAX_SHELTERS) {
		give_up(t, pattern, "too many matches of an exception");
		return;
	}
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 8;
		s->list = mem_grow(s->list, s->room, sizeof(*s->list));
	}
	s->list[s->n++] = where;
}

/* Whether a known match of the exception covers it. They do not overlap, so
 * only the last that begins early enough can. */
static bool
covers(const struct shelter *s, struct interval where)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->list[mid].at <= where.at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 && s->list[lo - 1].end >= where.end;
}

enum fate { CERTAIN, SHELTERED, UNDECIDED };

static enum fate
weigh(const struct turn *t, uint32_t pattern, struct interval where)
{
	const struct regex *re = t->re;
	const struct pattern *p = &re->patterns[pattern];
	enum fate fate = CERTAIN;
	uint32_t i;

	for (i = re->first[p->rule + 1]; i-- > re->first[p->rule];) {
		const struct shelter *s;

		if (!re->patterns[i].except)
			break;
		s = &t->scan->shelters[re->patterns[i].shelter];
		if (covers(s, where))
			return SHELTERED;
		if (s->resume <= where.at && !t->text->last)
			fate = UNDECIDED;
	}
	if (fate == UNDECIDED && t->end - where.at > p->max_hold)
		return CERTAIN;
	return fate;
}

static void
take_match(struct turn *t, uint32_t pattern, struct interval where)
{
	struct scan *scan = t->scan;

	if (t->re->patterns[pattern].except) {
		add_shelter(t, pattern, where);
		return;
	}
	switch (weigh(t, pattern, where)) {
	case SHELTERED:
		return;
	case CERTAIN:
		report(t, pattern, where);
		return;
	case UNDECIDED:
		break;
	}
	if (scan->n_pending == scan->pending_room) {
		scan->pending_room += scan->pending_room + 8;
		scan->pending = mem_grow(scan->pending, scan->pending_room,
		    sizeof(*scan->pending));
	}
	scan->pending[scan->n_pending++] =
	    (struct candidate){ pattern, where };
}

/* ---- one pattern ---- */

static void
add_late(struct scan *scan, uint32_t pattern, uint64_t resume)
{
	if (scan->n_late == scan->late_room) {
		scan->late_room += scan->late_room + 8;
		scan->late = mem_grow(scan->late, scan->late_room,
		    sizeof(*scan->late));
	}
	scan->late[scan->n_late++] = (struct late){ pattern, resume };
}

static size_t
next_code_point(const struct mg_text *text, size_t i)
{
	do
		i++;
	while (i < text->len && (text->ptr[i] & 0xc0) == 0x80);
	return i;
}

static uint32_t
match_options(const struct mg_text *text)
{
	return PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY |
	    (text->last ? 0 : PCRE2_PARTIAL_HARD) |
	    (text->at > 0 ? PCRE2_NOTBOL : 0);
}

/* One search from *i on, stride by stride. */
static int
match(struct turn *t, const struct pattern *p, size_t *i, struct stride *s)
{
	const struct mg_text *text = t->text;
	uint64_t took;
	size_t to;
	int rc;

	for (;;) {
		to = s->places < text->len - *i ? *i + s->places : text->len;
		while (to < text->len && (text->ptr[to] & 0xc0) == 0x80)
			to++;
		(void)pcre2_set_match_limit(t->ws->context, s->limit);
		(void)pcre2_set_offset_limit(t->ws->context,
		    to < text->len ? to : PCRE2_UNSET);
		rc = pcre2_match(p->code, (PCRE2_SPTR)text->ptr, text->len,
		    *i, match_options(text), t->ws->match, t->ws->context);
		if (to == text->len && rc != PCRE2_ERROR_MATCHLIMIT &&
		    text->len < SMALL && !t->report->cost &&
		    ++t->unlooked % UNLOOKED)
			return rc;
		took = pace_look(&t->pace);
		if (rc == PCRE2_ERROR_NOMATCH && to == text->len)
			return rc;
		if (rc == PCRE2_ERROR_NOMATCH) {
			*i = to;
			stride_adapt(s, &t->pace, took);
		} else if (rc != PCRE2_ERROR_MATCHLIMIT ||
		    !stride_raise(s, &t->pace, took)) {
			return rc;
		}
		if (t->pace.over)
			return TOO_LONG;
	}
}

/* Looks for a pattern from offset from on. Returns from where the next call
 * must look: the text's end, or the first start that is not decided. */
static uint64_t
search(struct turn *t, uint32_t pattern, uint64_t from)
{
	const struct mg_text *text = t->text;
	const struct pattern *p = &t->re->patterns[pattern];
	const PCRE2_SIZE *ov;
	size_t i = (size_t)(from - text->at);
	struct stride stride;

	ov = pcre2_get_ovector_pointer(t->ws->match);
	stride_begin(&stride, p->max_bytes < text->len ? p->max_bytes :
	    text->len);
	while (i < text->len) {
		int rc = match(t, p, &i, &stride);

		if (rc == PCRE2_ERROR_NOMATCH)
			break;
		if (rc == PCRE2_ERROR_PARTIAL) {
			if (text->len - ov[0] <= p->max_hold)
				return text->at + ov[0];
			i = next_code_point(text, ov[0]);
		} else if (rc < 0) {
			give_up(t, pattern, why(rc));
			break;
		} else {
			take_match(t, pattern, (struct interval){
			    text->at + ov[0], text->at + ov[1] });
			i = ov[1];
		}
		if (rc != TOO_LONG && t->pace.over && i < text->len) {
			give_up(t, pattern, why(TOO_LONG));
			break;
		}
	}
	return t->end;
}

/* Where a pattern begins in this call. */
static uint64_t
start_of(struct turn *t, uint32_t pattern)
{
	while (t->next_late < t->n_was_late &&
	    t->was_late[t->next_late].pattern < pattern)
		t->next_late++;
	if (t->next_late < t->n_was_late &&
	    t->was_late[t->next_late].pattern == pattern)
		return t->was_late[t->next_late].resume;
	return t->text->fresh;
}

/* The first pattern of a call is about to be tried. */
static void
get_ready(struct turn *t)
{
	t->ws = regex_lend(t->re);
	pace_begin(&t->pace, &t->scan->account, t->end, t->re->n_patterns,
	    t->re->n_gateless);
}

static void
run(struct turn *t, uint32_t pattern, uint64_t from)
{
	const struct pattern *p = &t->re->patterns[pattern];
	uint64_t began, resume;

	if (!t->ws)
		get_ready(t);
	/* Another try would end as the last one did. */
	if (t->pace.spent && regex_in(t->scan->failed, pattern))
		return;
	began = t->pace.last_ns;
	resume = search(t, pattern, from);
	if (t->report->cost)
		t->report->cost(t->report->arg, p->rule,
		    t->pace.last_ns - began);
	if (p->except)
		t->scan->shelters[p->shelter].resume = resume;
	if (resume < t->end)
		add_late(t->scan, pattern, resume);
}

/* ---- which patterns ---- */

static void
open_patterns(const struct regex *re, uint32_t state, uint64_t *run)
{
	const struct automaton *a = &re->automaton;
	uint32_t i, term;

	for (; state != AUTOMATON_ROOT; state = automaton_next_out(a, state)) {
		term = a->tail[state].term - 1;
		for (i = re->term_first[term]; i < re->term_first[term + 1];
		    i++)
			regex_add(run, re->by_term[i]);
	}
}

/* Reads the whole window for literals and numbers; run becomes the patterns
 * that may match. */
static void
ask_text(const struct turn *t, uint64_t *run)
{
	const struct regex *re = t->re;
	const struct automaton *a = &re->automaton;
	const unsigned char *ptr = (const unsigned char *)t->text->ptr;
	size_t i = 0, len = t->text->len, k;
	struct shape_numbers have = { 0, 0, 0 };
	uint32_t s = AUTOMATON_ROOT;
	bool counted = false;

	memcpy(run, re->alone, re->n_words * sizeof(*run));
	while (re->n_terms > 0 && i < len) {
		if (s == AUTOMATON_ROOT)
			i = beginnings_next(&re->beginnings, ptr, i, len);
		s = automaton_step(a, s, ptr[i++]);
		if (a->node[s].out != AUTOMATON_ROOT)
			open_patterns(re, a->node[s].out, run);
	}
	for (k = 0; k < re->n_words; k++) {
		uint64_t mask = run[k] & re->numbered[k] & t->scan->active[k];

		if (mask && !counted)
			have = numbers_count(ptr, len);
		counted |= mask != 0;
		for (; mask; mask &= mask - 1) {
			size_t p = 64 * k + (size_t)__builtin_ctzll(mask);

			if (!numbers_suffice(&have, &re->patterns[p].numbers))
				run[k] &= ~(mask & -mask);
		}
	}
}

/* Patterns that may begin within the fresh bytes. */
static void
ask_heads(const struct turn *t, uint64_t *run)
{
	const struct regex *re = t->re;
	const unsigned char *ptr = (const unsigned char *)t->text->ptr;
	size_t i = (size_t)(t->text->fresh - t->text->at), k, place;
	const uint64_t *may[SHAPE_HEAD];

	memset(run, 0, re->n_words * sizeof(*run));
	for (; i < t->text->len; i++) {
		/* Where the text ends the first byte stands for the rest. */
		for (place = 0; place < SHAPE_HEAD; place++)
			may[place] = i + place < t->text->len ?
			    regex_head(re, place, ptr[i + place]) : may[0];
		_Static_assert(SHAPE_HEAD == 4, "all are read");
		for (k = 0; k < re->n_words; k++)
			run[k] |= may[0][k] & may[1][k] & may[2][k] &
			    may[3][k];
	}
}

/* Whether a byte that every match contains is missing. */
static bool
gate_is_shut(const struct turn *t, const struct pattern *p)
{
	return p->gate && !memchr(t->text->ptr, p->gate, t->text->len);
}

/* Runs the chosen patterns of one kind over a text that came whole. */
static void
run_chosen(struct turn *t, const uint64_t *chosen, bool excepts)
{
	const struct regex *re = t->re;
	uint64_t mask;
	size_t k;

	for (k = 0; k < re->n_words; k++) {
		mask = chosen[k] & t->scan->active[k];
		mask &= excepts ? re->excepts[k] : ~re->excepts[k];
		for (; mask; mask &= mask - 1) {
			uint32_t i = (uint32_t)(64 * k) +
			    (uint32_t)__builtin_ctzll(mask);

			if (!gate_is_shut(t, &re->patterns[i]))
				run(t, i, 0);
		}
	}
}

static void
judge_whole(struct turn *t)
{
	const struct regex *re = t->re;
	uint64_t *chosen = t->scan->run, any = 0;
	size_t k;

	ask_text(t, chosen);
	for (k = 0; k < re->n_words; k++)
		any |= chosen[k] & t->scan->active[k] & ~re->excepts[k];
	if (!any)
		return;
	if (re->n_excepts > 0)
		run_chosen(t, chosen, true);
	run_chosen(t, chosen, false);
}

/* In a large piece without a pattern's literals only an unfinished match can be
 * left, and that is near the end. */
static uint64_t
skip(const struct turn *t, const struct pattern *p, uint64_t from)
{
	const struct mg_text *text = t->text;
	size_t i;

	if (text->last)
		return t->end;
	if (p->max_bytes >= t->end - from)
		return from;
	i = text->len - (size_t)p->max_bytes;
	while (i > 0 && (text->ptr[i] & 0xc0) == 0x80)
		i--;
	return text->at + i > from ? text->at + i : from;
}

/* Goes on with a stream: exceptions first, since they decide about matches. */
static void
run_stream(struct turn *t, bool excepts, const uint64_t *cleared)
{
	const struct regex *re = t->re;
	uint64_t mask;
	size_t k;

	t->next_late = 0;
	for (k = 0; k < re->n_words; k++) {
		mask = t->scan->run[k] & t->scan->active[k];
		mask &= excepts ? re->excepts[k] : ~re->excepts[k];
		for (; mask; mask &= mask - 1) {
			uint32_t i = (uint32_t)(64 * k) +
			    (uint32_t)__builtin_ctzll(mask);
			uint64_t from = start_of(t, i);

			if (cleared && !regex_in(cleared, i))
				from = skip(t, &re->patterns[i], from);
			run(t, i, from);
		}
	}
}

static void
settle(struct turn *t)
{
	struct scan *scan = t->scan;
	size_t i, kept = 0;

	for (i = 0; i < scan->n_pending; i++) {
		struct candidate c = scan->pending[i];

		switch (weigh(t, c.pattern, c.where)) {
		case CERTAIN:
			report(t, c.pattern, c.where);
			break;
		case UNDECIDED:
			scan->pending[kept++] = c;
			break;
		case SHELTERED:
			break;
		}
	}
	scan->n_pending = kept;
}

static void
judge_stream(struct turn *t)
{
	const struct regex *re = t->re;
	struct scan *scan = t->scan;
	bool large = t->end - t->text->fresh >= LARGE;
	uint64_t *hits = large ? scan->opened : NULL;
	size_t i, room = scan->late_room;

	if (large)
		ask_text(t, hits);
	ask_heads(t, scan->run);
	for (i = 0; i < scan->n_late; i++)
		regex_add(scan->run, scan->late[i].pattern);
	t->was_late = scan->late;
	t->n_was_late = scan->n_late;
	scan->late = scan->spare;
	scan->late_room = scan->spare_room;
	scan->n_late = 0;
	for (i = 0; i < re->n_excepts; i++)
		scan->shelters[i].resume = t->end;
	if (re->n_excepts > 0) {
		run_stream(t, true, hits);
		settle(t);
	}
	run_stream(t, false, hits);
	scan->spare = t->was_late;
	scan->spare_room = room;
}

/* ---- hold-back ---- */

static int
compare_late(const void *x, const void *y)
{
	const struct late *a = x, *b = y;

	return (a->pattern > b->pattern) - (a->pattern < b->pattern);
}

/* Forgets matches of exceptions that no later match can lie in. */
static void
forget_shelters(struct scan *scan, uint64_t before)
{
	size_t i, k, n;

	for (i = 0; i < scan->re->n_excepts; i++) {
		struct shelter *s = &scan->shelters[i];

		for (n = 0; n < s->n && s->list[n].end <= before; n++)
			;
		for (k = n; k < s->n; k++)
			s->list[k - n] = s->list[k];
		s->n -= n;
	}
}

static void
set_hold(struct turn *t)
{
	struct scan *scan = t->scan;
	const struct pattern *patterns = t->re->patterns;
	const char *ptr = t->text->ptr;
	uint64_t hold = t->end, keep = t->end;
	uint32_t look = t->re->look;
	size_t i;

	for (i = 0; i < scan->n_pending; i++)
		if (regex_in(scan->scope->holding,
			patterns[scan->pending[i].pattern].rule) &&
		    scan->pending[i].where.at < hold)
			hold = scan->pending[i].where.at;
	for (i = 0; i < scan->n_late; i++) {
		const struct pattern *p = &patterns[scan->late[i].pattern];

		if (scan->late[i].resume < keep)
			keep = scan->late[i].resume;
		if (!p->except && scan->late[i].resume < hold &&
		    regex_in(scan->scope->holding, p->rule))
			hold = scan->late[i].resume;
	}
	forget_shelters(scan, keep);
	if (hold < keep)
		keep = hold;
	for (i = (size_t)(keep - t->text->at); look > 0 && i > 0; look--)
		while (--i > 0 && (ptr[i] & 0xc0) == 0x80)
			;
	keep = t->text->at + i;
	if (hold < t->report->hold)
		t->report->hold = hold;
	if (keep < t->report->keep)
		t->report->keep = keep;
	if (t->re->n_excepts > 0 && scan->n_late > 1)
		qsort(scan->late, scan->n_late, sizeof(*scan->late),
		    compare_late);
}

static enum mg_verdict
judge(void *arg, const struct mg_text *text, struct mg_report *to)
{
	struct scan *scan = arg;
	struct turn t = { .scan = scan, .re = scan->re, .text = text,
		.report = to, .end = text->at + text->len };

	if (text->len > 0) {
		if (text->last && text->fresh == 0)
			judge_whole(&t);
		else
			judge_stream(&t);
		if (t.ws) {
			pace_end(&t.pace);
			regex_return(scan->re, t.ws);
		}
	}
	if (!text->last)
		set_hold(&t);
	if (t.unable)
		return MG_UNABLE;
	if (t.found)
		return MG_FOUND;
	return !text->last && to->hold < t.end ? MG_HOLD : MG_CLEAN;
}

/* Adds from to to - 1. */
static void
add_range(uint64_t *set, uint32_t from, uint32_t to)
{
	for (; from < to && from % 64 != 0; from++)
		regex_add(set, from);
	for (; to - from >= 64; from += 64)
		set[from / 64] = UINT64_MAX;
	for (; from < to; from++)
		regex_add(set, from);
}

static void *
begin(const void *conf, const struct mg_scope *scope)
{
	const struct regex *re = conf;
	struct scan *scan = mem_new(1, sizeof(*scan) +
	    4 * re->n_words * sizeof(uint64_t) +
	    re->n_excepts * sizeof(struct shelter));
	uint32_t r;

	scan->re = re;
	scan->scope = scope;
	scan->shelters = (struct shelter *)(scan + 1);
	scan->active = (uint64_t *)(scan->shelters + re->n_excepts);
	scan->failed = scan->active + re->n_words;
	scan->run = scan->failed + re->n_words;
	scan->opened = scan->run + re->n_words;
	for (r = 0; r < re->n_rules; r++)
		if (regex_in(scope->active, r))
			add_range(scan->active, re->first[r],
			    re->first[r + 1]);
	return scan;
}

static void
end(void *arg)
{
	struct scan *scan = arg;
	size_t i;

	if (!scan)
		return;
	for (i = 0; i < scan->re->n_excepts; i++)
		free(scan->shelters[i].list);
	free(scan->late);
	free(scan->spare);
	free(scan->pending);
	free(scan);
}

const struct mg_filter_type filter_regex = {
	.abi = MG_FILTER_ABI,
	.name = "regex",
	.doc = "Find any listed pattern",
	.options = regex_options,
	.open = regex_open,
	.close = regex_close,
	.begin = begin,
	.judge = judge,
	.end = end,
	.memory = regex_memory,
};
