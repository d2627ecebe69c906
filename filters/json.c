/* SPDX-License-Identifier: Apache-2.0 */
/* json.c - texts that must be JSON (RFC 8259), and are not.
 *
 * A strict reader that takes any cut of the text and keeps only its own state:
 * where in a value it stands, and a bit for each level. What is found is the
 * text up to the first byte that no JSON text can have there; or all of it, if
 * it ends too early. As nobody can say that a text is good before its end, a
 * rule that text must wait for holds all of it. */
#include <string.h>

#include "filters/memory.h"
#include "modgate/filter.h"

enum { KEY_JSON, KEY_FENCE, KEY_MAX_DEPTH };

#define DEPTH_MOST 512
#define DEPTH_DEFAULT 64

enum wanted { WANT_VALID, WANT_OBJECT, WANT_ARRAY };

static const char *const wanted[] = { "valid", "object", "array", NULL };
static const char *const fences[] = { "refuse", "allow", NULL };

static const struct mg_option options[] = {
	[KEY_JSON] = { .key = "json", .type = MG_OPT_CHOICE, .choices = wanted,
		.help = "what the text must be: any JSON, an object, an "
		    "array" },
	[KEY_FENCE] = { .key = "fence", .type = MG_OPT_CHOICE,
		.choices = fences,
		.help = "allow: it may stand between lines of ```" },
	[KEY_MAX_DEPTH] = { .key = "max_depth", .type = MG_OPT_INT, .min = 1,
		.max = DEPTH_MOST, .fallback = DEPTH_DEFAULT,
		.help = "objects and arrays within each other" },
	{ .key = NULL },
};

/* What may come next. */
enum state {
	AT_START,	/* the value, or a fence */
	AT_FENCE,	/* more of the opening fence: its line */
	AT_VALUE, AT_FIRST_ITEM, AT_FIRST_KEY, AT_KEY, AT_COLON,
	AT_NEXT,	/* a comma, or the end of what is open */
	IN_STRING, IN_ESCAPE, IN_HEX, IN_WORD,
	IN_MINUS, IN_ZERO, IN_DIGITS, IN_POINT, IN_FRACTION, IN_E, IN_SIGN,
	IN_EXPONENT,
	AT_END,		/* the value is whole */
	IN_CLOSE,	/* more of the closing fence */
	AT_CLOSED,
	BROKEN,
};

struct rule {
	enum wanted wanted;
	unsigned max_depth;
	bool fence;
};

struct conf {
	struct rule *rules;
	size_t n_rules;
};

/* One rule's reading of a text. */
struct reader {
	const struct rule *rule;
	enum state state;
	bool is_key;			/* the string that is open */
	bool fenced;
	unsigned left;			/* of IN_HEX, fences: signs to come */
	const char *word;		/* of IN_WORD: what is to come */
	unsigned depth;
	uint64_t object[DEPTH_MOST / 64];	/* bit: level is an object */
};

struct scan {
	const struct mg_scope *scope;
	size_t n_rules;
	struct reader readers[];	/* by rule */
};

static bool
is_space(unsigned char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool
is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

/* ---- the reader ---- */

static bool
in_object(const struct reader *r)
{
	unsigned level = r->depth - 1;

	return r->object[level / 64] >> level % 64 & 1;
}

static enum state
open_level(struct reader *r, bool object)
{
	uint64_t bit = UINT64_C(1) << r->depth % 64;

	if (r->depth == r->rule->max_depth)
		return BROKEN;
	if (object)
		r->object[r->depth / 64] |= bit;
	else
		r->object[r->depth / 64] &= ~bit;
	r->depth++;
	return object ? AT_FIRST_KEY : AT_FIRST_ITEM;
}

static enum state
after_value(const struct reader *r)
{
	return r->depth ? AT_NEXT : AT_END;
}

static enum state
close_level(struct reader *r, bool object)
{
	if (r->depth == 0 || in_object(r) != object)
		return BROKEN;
	r->depth--;
	return after_value(r);
}

static enum state
begin_word(struct reader *r, const char *rest)
{
	r->word = rest;
	return IN_WORD;
}

static enum state
begin_value(struct reader *r, unsigned char c)
{
	if (r->depth == 0 && ((r->rule->wanted == WANT_OBJECT && c != '{') ||
	    (r->rule->wanted == WANT_ARRAY && c != '[')))
		return BROKEN;
	switch (c) {
	case '{':
		return open_level(r, true);
	case '[':
		return open_level(r, false);
	case '"':
		r->is_key = false;
		return IN_STRING;
	case 't':
		return begin_word(r, "rue");
	case 'f':
		return begin_word(r, "alse");
	case 'n':
		return begin_word(r, "ull");
	case '-':
		return IN_MINUS;
	case '0':
		return IN_ZERO;
	}
	return is_digit(c) ? IN_DIGITS : BROKEN;
}

static enum state
begin_key(struct reader *r, unsigned char c)
{
	r->is_key = true;
	return c == '"' ? IN_STRING : BROKEN;
}

static enum state
next_item(struct reader *r, unsigned char c)
{
	if (c == ',')
		return in_object(r) ? AT_KEY : AT_VALUE;
	return c == '}' || c == ']' ? close_level(r, c == '}') : BROKEN;
}

static enum state
in_string(struct reader *r, unsigned char c)
{
	if (c == '"')
		return r->is_key ? AT_COLON : after_value(r);
	if (c == '\\')
		return IN_ESCAPE;
	return c < 0x20 ? BROKEN : IN_STRING;
}

static enum state
in_escape(struct reader *r, unsigned char c)
{
	r->left = 4;
	if (c == 'u')
		return IN_HEX;
	return c && strchr("\"\\/bfnrt", c) ? IN_STRING : BROKEN;
}

static enum state
in_hex(struct reader *r, unsigned char c)
{
	if (!is_digit(c) && !((c | 0x20) >= 'a' && (c | 0x20) <= 'f'))
		return BROKEN;
	return --r->left ? IN_HEX : IN_STRING;
}

static enum state
in_word(struct reader *r, unsigned char c)
{
	if (c != (unsigned char)*r->word++)
		return BROKEN;
	return *r->word ? IN_WORD : after_value(r);
}

/* A number is only ended by what follows it, which is read again. */
static enum state
end_number(struct reader *r, unsigned char c)
{
	if (r->depth)
		return is_space(c) ? AT_NEXT : next_item(r, c);
	if (is_space(c))
		return AT_END;
	return BROKEN;
}

static enum state
in_number(struct reader *r, unsigned char c)
{
	switch (r->state) {
	case IN_MINUS:
		return c == '0' ? IN_ZERO : is_digit(c) ? IN_DIGITS : BROKEN;
	case IN_POINT:
		return is_digit(c) ? IN_FRACTION : BROKEN;
	case IN_E:
		if (c == '+' || c == '-')
			return IN_SIGN;
		/* fall through */
	case IN_SIGN:
		return is_digit(c) ? IN_EXPONENT : BROKEN;
	case IN_EXPONENT:
		return is_digit(c) ? IN_EXPONENT : end_number(r, c);
	default:
		break;
	}
	/* IN_ZERO, IN_DIGITS, IN_FRACTION */
	if (is_digit(c) && r->state != IN_ZERO)
		return r->state;
	if (c == '.' && r->state != IN_FRACTION)
		return IN_POINT;
	return (c | 0x20) == 'e' ? IN_E : end_number(r, c);
}

/* ``` and a line's end, before or behind the value. */
static enum state
in_fence(struct reader *r, unsigned char c)
{
	if (r->left > 0) {
		r->left--;
		return c == '`' ? r->state : BROKEN;
	}
	if (r->state == IN_CLOSE)
		return is_space(c) ? AT_CLOSED : BROKEN;
	if (c == '\n')
		return AT_VALUE;
	return c == '\r' || (c | 0x20) == 'j' || (c | 0x20) == 's' ||
	    (c | 0x20) == 'o' || (c | 0x20) == 'n' ? AT_FENCE : BROKEN;
}

static enum state
begin_fence(struct reader *r, unsigned char c, enum state then)
{
	if (c != '`' || !r->rule->fence || (then == IN_CLOSE && !r->fenced))
		return BROKEN;
	r->fenced = true;
	r->left = 2;
	return then;
}

static enum state
step(struct reader *r, unsigned char c)
{
	switch (r->state) {
	case IN_STRING:
		return in_string(r, c);
	case IN_ESCAPE:
		return in_escape(r, c);
	case IN_HEX:
		return in_hex(r, c);
	case IN_WORD:
		return in_word(r, c);
	case IN_MINUS: case IN_ZERO: case IN_DIGITS: case IN_POINT:
	case IN_FRACTION: case IN_E: case IN_SIGN: case IN_EXPONENT:
		return in_number(r, c);
	case AT_FENCE:
	case IN_CLOSE:
		return in_fence(r, c);
	case BROKEN:
		return BROKEN;
	default:
		break;
	}
	if (is_space(c))
		return r->state;
	switch (r->state) {
	case AT_START:
		return c == '`' ? begin_fence(r, c, AT_FENCE) :
		    begin_value(r, c);
	case AT_VALUE:
		return begin_value(r, c);
	case AT_FIRST_ITEM:
		return c == ']' ? close_level(r, false) : begin_value(r, c);
	case AT_FIRST_KEY:
		return c == '}' ? close_level(r, true) : begin_key(r, c);
	case AT_KEY:
		return begin_key(r, c);
	case AT_COLON:
		return c == ':' ? AT_VALUE : BROKEN;
	case AT_NEXT:
		return next_item(r, c);
	case AT_END:
		return begin_fence(r, c, IN_CLOSE);
	default:
		return BROKEN;		/* AT_CLOSED */
	}
}

/* Whether the text may end here. */
static bool
is_whole(const struct reader *r)
{
	bool number = r->state == IN_ZERO || r->state == IN_DIGITS ||
	    r->state == IN_FRACTION || r->state == IN_EXPONENT;

	if (r->state == AT_END || (number && r->depth == 0))
		return !r->fenced;
	return r->state == AT_CLOSED ||
	    (r->state == IN_CLOSE && r->left == 0);
}

/* ---- the filter ---- */

/* Reads bytes up to the first that breaks it; returns how many are read, that
 * one included. */
static size_t
read_bytes(struct reader *r, const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		while (r->state == IN_STRING && i < n && p[i] != '"' &&
		    p[i] != '\\' && p[i] >= 0x20)
			i++;
		if (i == n)
			break;
		r->state = step(r, p[i]);
		if (r->state == BROKEN)
			return i + 1;
	}
	return n;
}

static void
report(struct mg_report *to, size_t rule, uint64_t end)
{
	struct mg_found found = { .rule = (uint32_t)rule, .len = end,
		.score = 1 };

	to->found(to->arg, &found);
}

/* A finding ends with a whole character. */
static size_t
whole_character(const unsigned char *p, size_t i, size_t n)
{
	while (i < n && (p[i] & 0xc0) == 0x80)
		i++;
	return i;
}

static enum mg_verdict
judge(void *arg, const struct mg_text *text, struct mg_report *to)
{
	struct scan *s = arg;
	size_t from = (size_t)(text->fresh - text->at), n = text->len - from;
	const unsigned char *p = (const unsigned char *)text->ptr + from;
	uint64_t end = text->at + text->len;
	bool found = false, open = false;
	size_t i, r;

	for (r = 0; r < s->n_rules; r++) {
		struct reader *reader = &s->readers[r];

		if (!reader->rule || reader->state == BROKEN)
			continue;
		i = read_bytes(reader, p, n);
		if (reader->state == BROKEN) {
			report(to, r, text->fresh + whole_character(p, i, n));
			found = true;
		} else if (text->last && end > 0 && !is_whole(reader)) {
			report(to, r, end);
			found = true;
		} else {
			open |= s->scope->holding[r / 64] >> r % 64 & 1;
		}
	}
	if (open && !text->last)
		to->hold = 0;
	if (to->keep > to->hold)
		to->keep = to->hold;
	return found ? MG_FOUND : to->hold < end ? MG_HOLD : MG_CLEAN;
}

static void *
begin(const void *arg, const struct mg_scope *scope)
{
	const struct conf *c = arg;
	struct scan *s = calloc(1, sizeof(*s) +
	    c->n_rules * sizeof(s->readers[0]));
	size_t r;

	if (!s)
		abort();
	s->scope = scope;
	s->n_rules = c->n_rules;
	for (r = 0; r < c->n_rules; r++)
		if (scope->active[r / 64] >> r % 64 & 1)
			s->readers[r].rule = &c->rules[r];
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
	for (r = 0; r < n_rules; r++) {
		const struct mg_value *v = rules[r].match;

		c->rules[r] = (struct rule){
			(enum wanted)v[KEY_JSON].number,
			(unsigned)v[KEY_MAX_DEPTH].number,
			v[KEY_FENCE].number > 0 };
		if (c->rules[r].max_depth == 0)
			c->rules[r].max_depth = DEPTH_DEFAULT;
	}
	return c;
}

static size_t
memory(const void *arg)
{
	const struct conf *c = arg;

	return sizeof(*c) + c->n_rules * sizeof(*c->rules);
}

const struct mg_filter_type filter_json = {
	.abi = MG_FILTER_ABI,
	.name = "json",
	.doc = "Find texts that are no JSON",
	.options = options,
	.fold = MG_FOLD_NONE,
	.open = open_conf,
	.close = close_conf,
	.begin = begin,
	.judge = judge,
	.end = end,
	.memory = memory,
};
