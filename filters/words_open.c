/* SPDX-License-Identifier: Apache-2.0 */
/* words_open.c - compiles the words of all rules into one automaton.
 *
 * Beside the automaton each state gets the sets of rules that may go on from
 * it. Equal sets are kept once: there are few of them, however many words. */
#include <string.h>

#include "filters/letters.h"
#include "filters/memory.h"
#include "filters/words_conf.h"

enum { KEY_WORDS, KEY_BORDERS };

static const char *const borders[] = { "auto", "none", NULL };

const struct mg_option words_options[] = {
	[KEY_WORDS] = { .key = "words", .type = MG_OPT_TEXTS,
		.in_except = true,
		.help = "words and phrases; ASCII letters match in both "
		    "cases; `…` stands for up to 3 characters" },
	[KEY_BORDERS] = { .key = "borders", .type = MG_OPT_CHOICE,
		.choices = borders,
		.help = "auto: Latin, Greek and Cyrillic words match as whole "
		    "words only; none: anywhere" },
	{ .key = NULL },
};

/* One item of one rule, on its way into the automaton. */
struct entry {
	struct automaton_term term;
	struct output output;
};

struct set_table {
	uint32_t *slot;		/* 1 + set; 0: empty */
	size_t n_slots;		/* a power of two */
	uint64_t *scratch;
};

static void
add_rule(uint64_t *set, uint32_t rule)
{
	set[rule / 64] |= UINT64_C(1) << rule % 64;
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct mg_span
words_trim(struct mg_span s)
{
	while (s.len > 0 && is_space(s.ptr[s.len - 1]))
		s.len--;
	while (s.len > 0 && is_space(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	return s;
}

/* ---- reading the rules ---- */

/* What opening needs to know before it begins. */
struct sums {
	size_t n_items, n_parts, n_bytes, n_gapped;
};

/* An entry with gaps: a match may be as long as its widest. */
static int
check_gaps(const struct mg_item *item, bool except, uint32_t max_hold,
    struct sums *sums, struct mg_error *err)
{
	struct gap_entry cut;
	size_t n, len = 0;
	uint32_t i;

	if (gaps_check(item, &n, err) < 0)
		return -1;
	if (n == 1)
		return 0;
	if (except)
		return mg_fail(err, &item->place, "words: an exception has no "
		    "gap '…'; write '……' for the sign itself");
	if (sums->n_gapped++ == GAP_ENTRIES_MAX)
		return mg_fail(err, &item->place, "words: more than %d words "
		    "with gaps", GAP_ENTRIES_MAX);
	sums->n_parts += n;
	gaps_cut(item->text, &cut);
	for (i = 0; i < cut.n; i++)
		len += cut.part[i].len + 4u * cut.gap[i];
	if (max_hold > 0 && len > max_hold)
		return mg_fail(err, &item->place, "words: with its gaps a "
		    "word can be %zu bytes, which is longer than max_hold (%u "
		    "bytes): a stream could not wait for it", len, max_hold);
	return 0;
}

static int
check_item(const struct mg_item *item, uint32_t max_hold, struct mg_error *err)
{
	size_t len = words_trim(item->text).len;

	if (len == 0)
		return mg_fail(err, &item->place, "words: a word is empty");
	if (len > AUTOMATON_TERM_MAX)
		return mg_fail(err, &item->place, "words: %zu bytes are too "
		    "long for one word (at most %d)", len, AUTOMATON_TERM_MAX);
	if (max_hold > 0 && len > max_hold)
		return mg_fail(err, &item->place, "words: a word of %zu bytes "
		    "is longer than max_hold (%u bytes): a stream could not "
		    "wait for it", len, max_hold);
	return 0;
}

/* Checks one rule; adds up what its items need. A list may be empty: whether
 * that is meant is the policy's business. */
static int
check_rule(const struct mg_rule *rule, struct sums *sums, struct mg_error *err)
{
	const struct mg_value *from[2] = { rule->match, rule->except };
	size_t i, k;

	for (k = 0; k < 2; k++) {
		const struct mg_value *v = from[k] ? &from[k][KEY_WORDS] :
		    NULL;

		for (i = 0; v && i < v->n_items; i++) {
			if (check_item(&v->items[i], rule->max_hold, err) < 0 ||
			    check_gaps(&v->items[i], k == 1, rule->max_hold,
				sums, err) < 0)
				return -1;
			sums->n_bytes += v->items[i].text.len;
		}
		sums->n_items += v ? v->n_items : 0;
	}
	return 0;
}

/* Copies a word, folded; works out its borders. */
static struct entry
make_entry(struct words *w, struct mg_span text, bool bordered)
{
	unsigned char *to = w->bytes + w->n_bytes;
	struct entry e = { .term = { .ptr = to } };
	size_t i;

	text = words_trim(text);
	for (i = 0; i < text.len; i++)
		to[i] = automaton_fold[(unsigned char)text.ptr[i]];
	e.term.len = (uint32_t)text.len;
	w->n_bytes += text.len;
	if (bordered && letter_at(text.ptr, text.len, 0))
		e.output.flags |= OUT_LEFT;
	if (bordered && letter_before(text.ptr, text.len))
		e.output.flags |= OUT_RIGHT;
	return e;
}

/* All items on their way: words, parts of words, words with gaps. */
struct entries {
	struct entry *list;
	struct gap_entry *gapped;
	size_t n, n_gapped;
};

static struct entry *
add_entry(struct words *w, struct mg_span text, bool bordered,
    struct entries *to)
{
	struct entry *e = &to->list[to->n++];

	*e = make_entry(w, text, bordered);
	return e;
}

static void
add_gapped(struct words *w, struct mg_span text, bool bordered,
    struct gap_entry *gapped, struct entries *to)
{
	uint32_t i;

	gaps_cut(text, gapped);
	gapped->bordered = bordered;
	for (i = 0; i < gapped->n; i++) {
		struct entry *e = add_entry(w, gapped->part[i], bordered, to);

		e->output.flags |= OUT_PART;
		e->output.rule = bordered;
		gapped->flags[i] = (uint8_t)e->output.flags;
		/* Folded, to be found among the terms. */
		gapped->part[i].ptr = (const char *)e->term.ptr;
	}
}

static void
add_entries(struct words *w, uint32_t rule, const struct mg_value *values,
    unsigned flags, struct entries *to)
{
	bool bordered = w->bordered[rule / 64] >> rule % 64 & 1;
	const struct mg_value *v = values ? &values[KEY_WORDS] : NULL;
	struct gap gap;
	size_t i;

	for (i = 0; v && i < v->n_items; i++) {
		struct mg_span text = v->items[i].text;
		struct entry *e;

		if (gap_next(text, 0, &gap)) {
			struct gap_entry *g = &to->gapped[to->n_gapped++];

			g->rule = rule;
			g->item = (uint32_t)i;
			add_gapped(w, text, bordered, g, to);
			continue;
		}
		e = add_entry(w, text, bordered, to);
		e->output.rule = rule;
		e->output.item = (uint32_t)i;
		e->output.flags |= flags;
	}
}

/* ---- terms ---- */

static int
compare_terms(const struct automaton_term *a, const struct automaton_term *b)
{
	size_t n = a->len < b->len ? a->len : b->len;
	int c = memcmp(a->ptr, b->ptr, n);

	return c ? c : (a->len > b->len) - (a->len < b->len);
}

static int
compare_entries(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	int c = compare_terms(&a->term, &b->term);

	if (c)
		return c;
	if (a->output.rule != b->output.rule)
		return a->output.rule < b->output.rule ? -1 : 1;
	if (a->output.flags != b->output.flags)
		return a->output.flags < b->output.flags ? -1 : 1;
	return (a->output.item > b->output.item) -
	    (a->output.item < b->output.item);
}

/* Sorted entries become terms with their outputs. The same word twice in one
 * rule counts as the first. */
static void
make_terms(struct words *w, const struct entry *e, size_t n)
{
	size_t i, n_outputs = 0;

	w->terms = mem_new(n, sizeof(*w->terms));
	w->outputs = mem_new(n, sizeof(*w->outputs));
	w->first = mem_new(n + 1, sizeof(*w->first));
	for (i = 0; i < n; i++) {
		if (i == 0 || compare_terms(&e[i - 1].term, &e[i].term) != 0) {
			w->first[w->n_terms] = (uint32_t)n_outputs;
			w->terms[w->n_terms++] = e[i].term;
		} else if (e[i - 1].output.rule == e[i].output.rule &&
		    e[i - 1].output.flags == e[i].output.flags) {
			continue;
		}
		w->outputs[n_outputs++] = e[i].output;
	}
	w->first[w->n_terms] = (uint32_t)n_outputs;
}

static uint32_t
find_term(const struct words *w, struct mg_span part)
{
	struct automaton_term wanted = { (const unsigned char *)part.ptr,
		(uint32_t)part.len };
	size_t lo = 0, hi = w->n_terms;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare_terms(&w->terms[mid], &wanted) <= 0)
			lo = mid;
		else
			hi = mid;
	}
	return (uint32_t)lo;
}

static void
make_gaps(struct words *w, struct entries *e)
{
	size_t i;
	uint32_t k;

	for (i = 0; i < e->n_gapped; i++)
		for (k = 0; k < e->gapped[i].n; k++)
			e->gapped[i].term[k] = find_term(w,
			    e->gapped[i].part[k]);
	if (e->n_gapped > 0)
		gaps_build(w, e->gapped, e->n_gapped);
}

/* ---- exceptions that end with a word ---- */

static int
compare_covers(const void *x, const void *y)
{
	const struct cover *a = x, *b = y;

	if (a->rule != b->rule)
		return a->rule < b->rule ? -1 : 1;
	if (a->word != b->word)
		return a->word < b->word ? -1 : 1;
	return (a->except > b->except) - (a->except < b->except);
}

static uint32_t
state_of(const struct words *w, const struct automaton_term *term)
{
	uint32_t s = AUTOMATON_ROOT, i;

	for (i = 0; i < term->len; i++)
		s = automaton_step(&w->automaton, s, term->ptr[i]);
	return s;
}

/* Adds a cover for each word of the exception's rule that it ends with. */
static size_t
add_covers(struct words *w, uint32_t except, uint32_t rule, size_t n)
{
	const struct automaton *a = &w->automaton;
	const struct output *o, *end;
	uint32_t s = a->node[state_of(w, &w->terms[except])].out;

	for (; s != AUTOMATON_ROOT; s = automaton_next_out(a, s)) {
		o = words_outputs(w, s, &end);
		for (; o < end; o++) {
			if (o->rule != rule ||
			    (o->flags & (OUT_EXCEPT | OUT_PART)))
				continue;
			if ((n & (n - 1)) == 0)
				w->covers = mem_grow(w->covers,
				    n ? 2 * n : 1, sizeof(*w->covers));
			w->covers[n++] = (struct cover){ rule,
				a->tail[s].term - 1, except };
		}
	}
	return n;
}

static void
find_covers(struct words *w)
{
	size_t n = 0, i, rule = 0;
	uint32_t term, o;

	for (term = 0; term < w->n_terms; term++)
		for (o = w->first[term]; o < w->first[term + 1]; o++)
			if (w->outputs[o].flags & OUT_EXCEPT)
				n = add_covers(w, term, w->outputs[o].rule, n);
	if (n > 1)
		qsort(w->covers, n, sizeof(*w->covers), compare_covers);
	w->cover_start = mem_new(w->n_rules + 1, sizeof(*w->cover_start));
	for (i = 0; i < n; i++)
		while (rule <= w->covers[i].rule)
			w->cover_start[rule++] = (uint32_t)i;
	while (rule <= w->n_rules)
		w->cover_start[rule++] = (uint32_t)n;
}

static bool
is_covered(const struct words *w, uint32_t rule, uint32_t word)
{
	size_t lo = w->cover_start[rule], hi = w->cover_start[rule + 1];

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (w->covers[mid].word == word)
			return true;
		if (w->covers[mid].word < word)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

/* ---- sets of rules ---- */

static uint64_t
hash(const uint64_t *set, size_t n)
{
	uint64_t h = 0x9e3779b97f4a7c15;
	size_t i;

	for (i = 0; i < n; i++) {
		h = (h ^ set[i]) * 0xff51afd7ed558ccd;
		h ^= h >> 32;
	}
	return h;
}

static void
grow_table(struct words *w, struct set_table *t)
{
	size_t n = N_SETS * w->n_words, i, k;

	free(t->slot);
	t->n_slots = t->n_slots ? 2 * t->n_slots : 64;
	t->slot = mem_new(t->n_slots, sizeof(*t->slot));
	w->sets = mem_grow(w->sets, t->n_slots / 2 * n, sizeof(*w->sets));
	for (i = 0; i < w->n_sets; i++) {
		k = hash(w->sets + i * n, n) & (t->n_slots - 1);
		while (t->slot[k])
			k = (k + 1) & (t->n_slots - 1);
		t->slot[k] = (uint32_t)i + 1;
	}
}

/* The number of the set in t->scratch. */
static uint32_t
number_set(struct words *w, struct set_table *t)
{
	size_t n = N_SETS * w->n_words, i;

	if (w->n_sets == t->n_slots / 2)
		grow_table(w, t);
	i = hash(t->scratch, n) & (t->n_slots - 1);
	for (; t->slot[i]; i = (i + 1) & (t->n_slots - 1))
		if (memcmp(w->sets + (t->slot[i] - 1) * n, t->scratch,
			n * sizeof(*w->sets)) == 0)
			return t->slot[i] - 1;
	memcpy(w->sets + w->n_sets * n, t->scratch, n * sizeof(*w->sets));
	t->slot[i] = (uint32_t)++w->n_sets;
	return t->slot[i] - 1;
}

static void
add_set(const struct words *w, uint32_t number, uint64_t *set)
{
	size_t i;

	for (i = 0; i < N_SETS * w->n_words; i++)
		set[i] |= w->sets[number * N_SETS * w->n_words + i];
}

/* Gives every node of the gaps' tree what lies below it, deepest first. A gap
 * leaves room for what no exception covers, so such rules are free. */
static void
make_gap_sets(struct words *w, struct set_table *t)
{
	size_t n = N_SETS * w->n_words, i, k;

	for (i = w->gaps.n_nodes; i-- > 0;) {
		struct gap_node *node = &w->gaps.node[i];
		uint32_t c;

		memset(t->scratch, 0, n * sizeof(*t->scratch));
		for (c = 0; c < node->n_children; c++) {
			const struct gap_node *child =
			    &w->gaps.node[node->child + c];

			add_set(w, child->below, t->scratch);
			for (k = 0; k < child->n_outs; k++) {
				uint32_t rule = w->gaps.outs[child->out +
				    k].rule;

				add_rule(t->scratch + SET_WORDS * w->n_words,
				    rule);
				add_rule(t->scratch + SET_FREE * w->n_words,
				    rule);
			}
		}
		node->below = number_set(w, t);
	}
}

static void
add_outputs(struct words *w, uint32_t state, uint64_t *set)
{
	const struct output *o, *end;

	for (o = words_outputs(w, state, &end); o < end; o++) {
		if (o->flags & OUT_PART) {
			if (o->item > 0)
				add_set(w, w->gaps.node[o->item].below, set);
			continue;
		}
		if (o->flags & OUT_EXCEPT) {
			add_rule(set + SET_EXCEPTS * w->n_words, o->rule);
			continue;
		}
		add_rule(set + SET_WORDS * w->n_words, o->rule);
		if (!is_covered(w, o->rule, w->automaton.tail[state].term - 1))
			add_rule(set + SET_FREE * w->n_words, o->rule);
	}
}

/* Gives every state what lies below it, deepest states first. */
static void
make_sets(struct words *w)
{
	const struct automaton *a = &w->automaton;
	size_t n = N_SETS * w->n_words, i, k;
	struct set_table t = { .scratch = mem_new(n, sizeof(uint64_t)) };

	w->below = mem_new(a->n_slots, sizeof(*w->below));
	(void)number_set(w, &t);	/* set 0 is empty */
	make_gap_sets(w, &t);
	for (i = a->n_states; i-- > 1;) {
		uint32_t s = a->order[i], parent = a->node[s].check;
		bool ends = a->tail[s].term > 0;

		if (parent == AUTOMATON_ROOT)
			continue;
		if (!ends && (w->below[parent] == 0 ||
			w->below[parent] == w->below[s])) {
			w->below[parent] = w->below[s];
			continue;
		}
		memcpy(t.scratch, w->sets + w->below[parent] * n,
		    n * sizeof(*t.scratch));
		for (k = 0; k < n; k++)
			t.scratch[k] |= w->sets[w->below[s] * n + k];
		if (ends)
			add_outputs(w, s, t.scratch);
		w->below[parent] = number_set(w, &t);
	}
	free(t.scratch);
	free(t.slot);
}

/* ---- the conf ---- */

static struct words *
new_words(const struct mg_rule *rules, size_t n_rules, size_t n_bytes)
{
	struct words *w = mem_new(1, sizeof(*w));
	size_t r;

	w->n_rules = n_rules;
	w->n_words = (n_rules + 63) / 64;
	w->bytes = mem_new(n_bytes + STARTS_ROOM, 1);
	w->bordered = mem_new(w->n_words, sizeof(*w->bordered));
	w->excepting = mem_new(w->n_words, sizeof(*w->excepting));
	for (r = 0; r < n_rules; r++) {
		if (!(rules[r].match[KEY_BORDERS].number > 0))
			add_rule(w->bordered, (uint32_t)r);
		if (rules[r].except && rules[r].except[KEY_WORDS].n_items > 0)
			add_rule(w->excepting, (uint32_t)r);
	}
	return w;
}

static void
find_shallow(struct words *w)
{
	const struct automaton *a = &w->automaton;
	size_t i;

	for (i = 0; i < a->n_states &&
	    a->tail[a->order[i]].depth <= WORDS_SHALLOW; i++)
		if (a->order[i] > w->shallow)
			w->shallow = a->order[i];
}

/* Whether every term that begins with a letter wants a border there. */
static bool
has_whole_runs(const struct words *w)
{
	uint32_t term, o;

	for (term = 0; term < w->n_terms; term++)
		for (o = w->first[term]; o < w->first[term + 1]; o++)
			if (!(w->outputs[o].flags & OUT_LEFT) && letter_at(
			    (const char *)w->terms[term].ptr,
			    w->terms[term].len, 0))
				return false;
	return true;
}

void *
words_open(const struct mg_rule *rules, size_t n_rules,
    void (*warn)(void *arg, const struct mg_place *place, const char *text),
    void *arg, struct mg_error *err)
{
	struct sums sums = { 0 };
	struct entries e = { .n = 0 };
	struct words *w;
	size_t r;

	(void)warn;
	(void)arg;
	for (r = 0; r < n_rules; r++)
		if (check_rule(&rules[r], &sums, err) < 0)
			return NULL;
	if (sums.n_bytes > INT32_MAX) {
		mg_fail(err, NULL, "words: more than 2 GiB of words");
		return NULL;
	}
	w = new_words(rules, n_rules, sums.n_bytes);
	e.list = mem_new(sums.n_items + sums.n_parts, sizeof(*e.list));
	e.gapped = mem_new(sums.n_gapped, sizeof(*e.gapped));
	for (r = 0; r < n_rules; r++) {
		add_entries(w, (uint32_t)r, rules[r].match, 0, &e);
		add_entries(w, (uint32_t)r, rules[r].except, OUT_EXCEPT, &e);
	}
	qsort(e.list, e.n, sizeof(*e.list), compare_entries);
	make_terms(w, e.list, e.n);
	make_gaps(w, &e);
	free(e.list);
	free(e.gapped);
	automaton_build(&w->automaton, w->terms, w->n_terms);
	find_covers(w);
	make_sets(w);
	starts_init(&w->starts, w->terms, w->n_terms, has_whole_runs(w));
	find_shallow(w);
	return w;
}

void
words_close(void *conf)
{
	struct words *w = conf;

	if (!w)
		return;
	automaton_fini(&w->automaton);
	starts_fini(&w->starts);
	gaps_fini(&w->gaps);
	free(w->terms);
	free(w->bytes);
	free(w->first);
	free(w->outputs);
	free(w->below);
	free(w->sets);
	free(w->bordered);
	free(w->excepting);
	free(w->covers);
	free(w->cover_start);
	free(w);
}

size_t
words_memory(const void *conf)
{
	const struct words *w = conf;
	const struct automaton *a = &w->automaton;

	return sizeof(*w) + starts_memory(&w->starts) +
	    a->n_slots * (sizeof(*a->node) +
		sizeof(*a->tail) + sizeof(*w->below)) +
	    a->n_states * sizeof(*a->order) +
	    w->n_terms * (sizeof(*w->terms) + sizeof(*w->first)) +
	    w->gaps.n_nodes * sizeof(*w->gaps.node) +
	    w->gaps.n_outs * sizeof(*w->gaps.outs) +
	    w->first[w->n_terms] * sizeof(*w->outputs) + w->n_bytes +
	    w->n_sets * N_SETS * w->n_words * sizeof(*w->sets);
}
