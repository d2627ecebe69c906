/* SPDX-License-Identifier: Apache-2.0 */
/* regex_open.c - compiles the patterns of all rules: each by PCRE2 with JIT,
 * and the literals that their matches must contain into one automaton.
 *
 * A Vectorscan database of all patterns was tried in its place and dropped:
 * 5.4.9, which Debian 12 has, misses matches of patterns as plain as @[a-z]. */
#include "filters/regex_conf.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "filters/memory.h"
#include "filters/pattern.h"

#define DEPTH_LIMIT 1000
#define HEAP_LIMIT 1024			/* KiB */
#define STACK_START (32 * 1024)
#define STACK_MAX (512 * 1024)
#define PATTERN_MAX 8192		/* bytes of one pattern */
/* Each pattern is compiled in about a millisecond. */
#define PATTERNS_MAX 20000
/* Strings of which a match must contain one; fewer for each further pattern
 * once they are many. */
#define LITERALS_MAX 1024
#define LITERALS_MANY 48
#define MANY 100000

enum { KEY_REGEX, KEY_CASE };

static const char *const cases[] = { "sensitive", "insensitive", NULL };

const struct mg_option regex_options[] = {
	[KEY_REGEX] = { .key = "regex", .type = MG_OPT_TEXTS,
		.in_except = true,
		.help = "patterns in the syntax of PCRE2, on Unicode text" },
	[KEY_CASE] = { .key = "case", .type = MG_OPT_CHOICE,
		.choices = cases,
		.help = "whether A and a differ; also for exceptions" },
	{ .key = NULL },
};

/* A literal of one pattern, on its way into the automaton. */
struct literal {
	struct automaton_term term;
	size_t pattern;
};

struct opening {
	struct regex *re;
	pcre2_compile_context *compile;
	void (*warn)(void *arg, const struct mg_place *place,
	    const char *text);
	void *arg;
	struct mg_error *err;
	struct pattern_text *texts;
	struct literal *literals;
	size_t n_literals, room;
};

static void
advise(const struct opening *o, const struct mg_place *place, const char *text)
{
	if (o->warn)
		o->warn(o->arg, place, text);
}

/* ---- one pattern ---- */

static int
compile(struct opening *o, struct pattern *p, const struct mg_item *item,
    bool caseless)
{
	uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK |
	    PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY |
	    PCRE2_USE_OFFSET_LIMIT |
	    (caseless ? PCRE2_CASELESS : 0), empty = 0;
	unsigned char text[160];
	PCRE2_SIZE at;
	int code;

	if (item->text.len > PATTERN_MAX)
		return mg_fail(o->err, &item->place, "regex: a pattern of "
		    "%zu bytes is too long (at most %d)", item->text.len,
		    PATTERN_MAX);
	p->code = pcre2_compile((PCRE2_SPTR)item->text.ptr, item->text.len,
	    options, &code, &at, o->compile);
	if (!p->code) {
		(void)pcre2_get_error_message(code, text, sizeof(text));
		return mg_fail(o->err, &item->place, "regex: %s (at byte %zu "
		    "of the pattern)", (const char *)text, at);
	}
	(void)pcre2_pattern_info(p->code, PCRE2_INFO_MATCHEMPTY, &empty);
	if (empty)
		return mg_fail(o->err, &item->place, "regex: this pattern "
		    "can match the empty string, which is everywhere; make "
		    "at least one part of it necessary (+ for *)");
	code = pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE |
	    PCRE2_JIT_PARTIAL_HARD);
	if (code == PCRE2_ERROR_NOMEMORY)
		return mg_fail(o->err, &item->place, "regex: this pattern is "
		    "too large for the compiler");
	return 0;
}

static void
warn_length(const struct opening *o, const struct pattern *p,
    const struct mg_item *item, uint64_t bytes)
{
	char text[200];

	if (bytes == REGEX_NO_LIMIT)
		(void)snprintf(text, sizeof(text), "regex: this pattern has "
		    "no known upper length: a stream is held for at most "
		    "max_hold (%u bytes), longer matches may pass it",
		    p->max_hold);
	else if (bytes > p->max_hold)
		(void)snprintf(text, sizeof(text), "regex: this pattern can "
		    "match %llu bytes, but a stream is held for at most "
		    "max_hold (%u bytes)", (unsigned long long)bytes,
		    p->max_hold);
	else
		return;
	advise(o, &item->place, text);
}

/* Whether something keeps the pattern away from texts without a match. */
static bool
has_gate(const struct pattern *p, const struct shape_strings *literals)
{
	return (literals->n > 0 && shape_score(literals) >= SHAPE_USABLE) ||
	    p->gate || p->numbers.run > 0 || p->numbers.digits > 0;
}

/* Counts it, and says what it costs. An exception is only tried where there
 * is something to except. */
static void
note_gateless(const struct opening *o, size_t i, const struct mg_item *item)
{
	if (has_gate(&o->re->patterns[i], &o->texts[i].shape.gate))
		return;
	o->re->n_gateless++;
	if (!o->re->patterns[i].except)
		advise(o, &item->place, "regex: no word, rare character or "
		    "number that every match has is known, so this pattern "
		    "runs alone over every text");
}

/* Notes the literals of a pattern. One without is tried always, behind its
 * other gates. */
static void
add_literals(struct opening *o, size_t i)
{
	const struct shape_strings *gate = &o->texts[i].shape.gate;
	size_t k;

	if (gate->n == 0 || shape_score(gate) < SHAPE_USABLE) {
		regex_add(o->re->alone, i);
		return;
	}
	if (o->room - o->n_literals < gate->n) {
		o->room += o->room + gate->n + 64;
		o->literals = mem_grow(o->literals, o->room,
		    sizeof(*o->literals));
	}
	for (k = 0; k < gate->n; k++)
		o->literals[o->n_literals++] = (struct literal){
			{ gate->list[k].ptr, gate->list[k].len }, i };
}

/* Whether PCRE2 has found that a match may begin with the byte. */
static bool
may_begin(const pcre2_code *code, unsigned byte)
{
	const uint8_t *bits = NULL;
	uint32_t type = 0, unit = 0;

	(void)pcre2_pattern_info(code, PCRE2_INFO_FIRSTCODETYPE, &type);
	(void)pcre2_pattern_info(code, PCRE2_INFO_FIRSTCODEUNIT, &unit);
	(void)pcre2_pattern_info(code, PCRE2_INFO_FIRSTBITMAP, &bits);
	/* It does not tell whether the unit has both cases. */
	if (type == 1)
		return byte == unit || (byte < 0x80 && unit < 0x80 &&
		    ((byte ^ unit) & 0xdf) == 0);
	return !bits || (bits[byte / 8] >> byte % 8 & 1);
}

/* Notes with which bytes a match may begin. */
static void
add_heads(struct regex *re, size_t i, const struct shape *shape)
{
	unsigned place, byte;

	for (place = 0; place < SHAPE_HEAD; place++)
		for (byte = 0; byte < 256; byte++)
			if (shape_bytes_in(shape->head[place],
				(unsigned char)byte) && (place > 0 ||
				may_begin(re->patterns[i].code, byte)))
				regex_add(regex_head(re, place,
				    (unsigned char)byte), i);
}

static int
add_pattern(struct opening *o, size_t i, const struct mg_rule *rule,
    const struct mg_item *item)
{
	struct regex *re = o->re;
	struct pattern *p = &re->patterns[i];
	struct pattern_text *text = &o->texts[i];
	/* A folded text has no upper case. */
	bool caseless = rule->match[KEY_CASE].number > 0 ||
	    rule->fold != MG_FOLD_NONE;
	const struct shape *shape = &text->shape;
	uint32_t look = 0;
	size_t size = 0;

	pattern_read(text, item->text, caseless,
	    o->n_literals > MANY ? LITERALS_MANY : LITERALS_MAX);
	if (text->refused)
		return mg_fail(o->err, &item->place, "regex: %s (at byte %zu "
		    "of the pattern)", text->refused, text->refused_at);
	p->max_bytes = shape->max > REGEX_NO_LIMIT - shape->reach ?
	    REGEX_NO_LIMIT : shape->max + shape->reach;
	if (compile(o, p, item, caseless) < 0)
		return -1;
	p->max_hold = rule->max_hold ? rule->max_hold : REGEX_MAX_HOLD;
	p->gate = shape->byte;
	p->numbers = shape->numbers;
	if (p->numbers.run > 0 || p->numbers.digits > 0)
		regex_add(re->numbered, i);
	if (!p->except)
		warn_length(o, p, item,
		    p->max_bytes == REGEX_NO_LIMIT ? REGEX_NO_LIMIT :
		    shape->max);
	(void)pcre2_pattern_info(p->code, PCRE2_INFO_MAXLOOKBEHIND, &look);
	if (look + 1 > re->look)
		re->look = look + 1;
	(void)pcre2_pattern_info(p->code, PCRE2_INFO_SIZE, &size);
	re->bytes += size;
	(void)pcre2_pattern_info(p->code, PCRE2_INFO_JITSIZE, &size);
	re->bytes += size;
	add_heads(re, i, shape);
	add_literals(o, i);
	note_gateless(o, i, item);
	return 0;
}

/* ---- all rules ---- */

static int
add_values(struct opening *o, size_t *i, const struct mg_rule *rule,
    uint32_t r, const struct mg_value *values)
{
	const struct mg_value *v = values ? &values[KEY_REGEX] : NULL;
	struct regex *re = o->re;
	size_t k;

	for (k = 0; v && k < v->n_items; k++, (*i)++) {
		struct pattern *p = &re->patterns[*i];

		p->rule = r;
		p->item = (uint32_t)k;
		p->except = values == rule->except;
		if (p->except) {
			p->shelter = (uint32_t)re->n_excepts++;
			regex_add(re->excepts, *i);
		}
		if (add_pattern(o, *i, rule, &v->items[k]) < 0)
			return -1;
	}
	return 0;
}

static int
add_rules(struct opening *o, const struct mg_rule *rules, size_t n_rules)
{
	size_t i = 0, r;

	for (r = 0; r < n_rules; r++) {
		o->re->first[r] = (uint32_t)i;
		if (rules[r].match[KEY_REGEX].n_items == 0)
			return mg_fail(o->err, &rules[r].place,
			    "regex: there is no pattern");
		if (add_values(o, &i, &rules[r], (uint32_t)r,
			rules[r].match) < 0 ||
		    add_values(o, &i, &rules[r], (uint32_t)r,
			rules[r].except) < 0)
			return -1;
	}
	o->re->first[n_rules] = (uint32_t)i;
	return 0;
}

static int
compare_literals(const void *x, const void *y)
{
	const struct automaton_term *a = &((const struct literal *)x)->term;
	const struct automaton_term *b = &((const struct literal *)y)->term;
	int c = memcmp(a->ptr, b->ptr, a->len < b->len ? a->len : b->len);

	return c ? c : (a->len > b->len) - (a->len < b->len);
}

static void
make_automaton(struct opening *o)
{
	struct regex *re = o->re;
	struct automaton_term *terms = mem_new(o->n_literals, sizeof(*terms));
	size_t i;

	if (o->n_literals > 1)
		qsort(o->literals, o->n_literals, sizeof(*o->literals),
		    compare_literals);
	re->by_term = mem_new(o->n_literals, sizeof(*re->by_term));
	re->term_first = mem_new(o->n_literals + 1, sizeof(*re->term_first));
	for (i = 0; i < o->n_literals; i++) {
		if (i == 0 || compare_literals(&o->literals[i - 1],
			&o->literals[i]) != 0) {
			re->term_first[re->n_terms] = (uint32_t)i;
			terms[re->n_terms++] = o->literals[i].term;
		}
		re->by_term[i] = (uint32_t)o->literals[i].pattern;
	}
	re->term_first[re->n_terms] = (uint32_t)o->n_literals;
	automaton_build(&re->automaton, terms, re->n_terms);
	beginnings_init(&re->beginnings, terms, re->n_terms);
	free(terms);
}

static size_t
count_patterns(const struct mg_rule *rules, size_t n_rules)
{
	size_t n = 0, r;

	for (r = 0; r < n_rules; r++) {
		n += rules[r].match[KEY_REGEX].n_items;
		if (rules[r].except)
			n += rules[r].except[KEY_REGEX].n_items;
	}
	return n;
}

static struct regex *
new_regex(size_t n, size_t n_rules)
{
	struct regex *re = mem_new(1, sizeof(*re));

	re->n_patterns = n;
	re->n_words = (n + 63) / 64;
	re->n_rules = n_rules;
	re->patterns = mem_new(n, sizeof(*re->patterns));
	re->first = mem_new(n_rules + 1, sizeof(*re->first));
	re->heads = mem_new(SHAPE_HEAD * 256 * re->n_words,
	    sizeof(*re->heads));
	re->numbered = mem_new(re->n_words, sizeof(*re->numbered));
	re->alone = mem_new(re->n_words, sizeof(*re->alone));
	re->excepts = mem_new(re->n_words, sizeof(*re->excepts));
	(void)pthread_mutex_init(&re->lock, NULL);
	return re;
}

void *
regex_open(const struct mg_rule *rules, size_t n_rules,
    void (*warn)(void *arg, const struct mg_place *place, const char *text),
    void *arg, struct mg_error *err)
{
	size_t n = count_patterns(rules, n_rules), i;
	struct opening o = { .warn = warn, .arg = arg, .err = err };
	struct regex *re;

	if (n > PATTERNS_MAX) {
		mg_fail(err, n_rules ? &rules[0].place : NULL, "regex: %zu "
		    "patterns are too many (at most %d)", n, PATTERNS_MAX);
		return NULL;
	}
	o.re = re = new_regex(n, n_rules);
	o.compile = pcre2_compile_context_create(NULL);
	o.texts = mem_new(n, sizeof(*o.texts));
	if (!o.compile)
		abort();
	(void)pcre2_set_newline(o.compile, PCRE2_NEWLINE_LF);
	(void)pcre2_set_bsr(o.compile, PCRE2_BSR_UNICODE);
	if (add_rules(&o, rules, n_rules) == 0) {
		make_automaton(&o);
	} else {
		regex_close(re);
		re = NULL;
	}
	for (i = 0; i < n; i++)
		pattern_fini(&o.texts[i]);
	free(o.texts);
	free(o.literals);
	pcre2_compile_context_free(o.compile);
	return re;
}

/* ---- workspaces ---- */

static struct workspace *
new_workspace(void)
{
	struct workspace *ws = mem_new(1, sizeof(*ws));

	ws->match = pcre2_match_data_create(1, NULL);
	ws->context = pcre2_match_context_create(NULL);
	ws->stack = pcre2_jit_stack_create(STACK_START, STACK_MAX, NULL);
	if (!ws->match || !ws->context || !ws->stack)
		abort();
	(void)pcre2_set_depth_limit(ws->context, DEPTH_LIMIT);
	(void)pcre2_set_heap_limit(ws->context, HEAP_LIMIT);
	pcre2_jit_stack_assign(ws->context, NULL, ws->stack);
	return ws;
}

struct workspace *
regex_lend(const struct regex *conf)
{
	struct regex *re = (struct regex *)(uintptr_t)conf;
	struct workspace *ws = atomic_exchange(&re->spare, NULL);

	if (ws)
		return ws;
	(void)pthread_mutex_lock(&re->lock);
	ws = re->pool;
	if (ws)
		re->pool = ws->next;
	(void)pthread_mutex_unlock(&re->lock);
	return ws ? ws : new_workspace();
}

void
regex_return(const struct regex *conf, struct workspace *ws)
{
	struct regex *re = (struct regex *)(uintptr_t)conf;

	ws = atomic_exchange(&re->spare, ws);
	if (!ws)
		return;
	(void)pthread_mutex_lock(&re->lock);
	ws->next = re->pool;
	re->pool = ws;
	(void)pthread_mutex_unlock(&re->lock);
}

static void
free_workspace(struct workspace *ws)
{
	pcre2_match_data_free(ws->match);
	pcre2_match_context_free(ws->context);
	pcre2_jit_stack_free(ws->stack);
	free(ws);
}

void
regex_close(void *conf)
{
	struct regex *re = conf;
	struct workspace *ws;
	size_t i;

	if (!re)
		return;
	if ((ws = atomic_load(&re->spare)))
		free_workspace(ws);
	while ((ws = re->pool)) {
		re->pool = ws->next;
		free_workspace(ws);
	}
	for (i = 0; i < re->n_patterns; i++)
		pcre2_code_free(re->patterns[i].code);
	automaton_fini(&re->automaton);
	beginnings_fini(&re->beginnings);
	free(re->by_term);
	free(re->term_first);
	(void)pthread_mutex_destroy(&re->lock);
	free(re->patterns);
	free(re->first);
	free(re->heads);
	free(re->numbered);
	free(re->alone);
	free(re->excepts);
	free(re);
}

size_t
regex_memory(const void *conf)
{
	const struct regex *re = conf;

	return sizeof(*re) + re->bytes + re->n_patterns *
	    sizeof(*re->patterns) + re->n_words * (SHAPE_HEAD * 256 + 3) *
	    sizeof(uint64_t) + re->automaton.n_slots *
	    (sizeof(*re->automaton.node) + sizeof(*re->automaton.tail));
}
