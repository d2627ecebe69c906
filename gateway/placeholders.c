/* SPDX-License-Identifier: Apache-2.0 */
/* placeholders.c - what stands for a client's values while a model has them.
 *
 * Recognising is one small deterministic reader over code points that knows
 * three answers, as a text may end within a placeholder. */
#include "gateway/placeholders.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/buf.h"

struct value {
	uint64_t hash;
	struct kind *kind;
	unsigned number;
	size_t len, placeholder_len;
	char placeholder[PLACEHOLDERS_KIND + 16];
	char text[];
};

struct kind {
	const char *name;		/* borrowed from the policy */
	unsigned next;			/* the number to try next */
	unsigned char *avoid;		/* a bit for each number; NULL: none */
	struct value **values;		/* by number */
	size_t n, cap;
};

struct placeholders {
	struct kind *kinds;
	size_t n_kinds, cap_kinds;
	struct value **slots;		/* by hash; NULL while empty */
	size_t n;
	size_t bytes;
	bool full;
	bool begins[256];		/* first bytes of placeholders */
};

enum { SLOTS = PLACEHOLDERS_MAX * 2 };	/* a power of two */

/* ---- the table ---- */

static void
add_kind(struct placeholders *table, const char *name)
{
	size_t i;

	for (i = 0; i < table->n_kinds; i++)
		if (strcmp(table->kinds[i].name, name) == 0)
			return;
	table->kinds = xgrow(table->kinds, &table->cap_kinds,
	    table->n_kinds + 1, sizeof(*table->kinds));
	table->kinds[table->n_kinds++] = (struct kind){ .name = name,
		.next = 1 };
}

struct placeholders *
placeholders_new(const struct policy *policy)
{
	struct placeholders *table = xcalloc(1, sizeof(*table));
	size_t i, k;

	for (i = 0; i < policy->n_rules; i++)
		for (k = 0; k < policy->rules[i].n_kinds; k++)
			add_kind(table, policy->rules[i].kinds[k]);
	return table;
}

void
placeholders_free(struct placeholders *table)
{
	size_t i, v;

	if (!table)
		return;
	for (i = 0; i < table->n_kinds; i++) {
		struct kind *kind = &table->kinds[i];

		for (v = 0; v < kind->n; v++) {
			explicit_bzero(kind->values[v]->text,
			    kind->values[v]->len);
			free(kind->values[v]);
		}
		free(kind->values);
		free(kind->avoid);
	}
	free(table->kinds);
	free(table->slots);
	free(table);
}

/* FNV-1a. */
static uint64_t
hash_of(const struct kind *kind, struct mg_span value)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (uintptr_t)kind;
	size_t i;

	for (i = 0; i < value.len; i++) {
		hash ^= (unsigned char)value.ptr[i];
		hash *= UINT64_C(0x100000001b3);
	}
	return hash;
}

/* The slot of a value, or the empty one where it belongs. */
static struct value **
slot_of(struct placeholders *table, const struct kind *kind, uint64_t hash,
    struct mg_span text)
{
	size_t i = hash & (SLOTS - 1);

	for (;; i = (i + 1) & (SLOTS - 1)) {
		struct value *v = table->slots[i];

		if (!v || (v->hash == hash && v->kind == kind &&
		    span_eq(span(v->text, v->len), text)))
			return &table->slots[i];
	}
}

/* The first bytes of what a placeholder may look like. */
static void
note_begins(struct placeholders *table, const struct kind *kind)
{
	static const char others[] = "<&\\%\xef";	/* ef: full-width */
	const char *p;

	for (p = others; *p; p++)
		table->begins[(unsigned char)*p] = true;
	table->begins[(unsigned char)kind->name[0]] = true;
}

static struct kind *
kind_of(struct placeholders *table, const char *name)
{
	size_t i;

	for (i = 0; i < table->n_kinds; i++)
		if (strcmp(table->kinds[i].name, name) == 0)
			return &table->kinds[i];
	abort();		/* the policy's kinds are all there are */
}

static bool
is_avoided(const struct kind *kind, unsigned number)
{
	return kind->avoid && kind->avoid[number / 8] >> number % 8 & 1;
}

static struct mg_span
refuse(struct placeholders *table)
{
	table->full = true;
	return span(NULL, 0);
}

struct mg_span
placeholders_add(struct placeholders *table, const char *name,
    struct mg_span text)
{
	struct kind *kind = kind_of(table, name);
	struct value **slot, *v;
	uint64_t hash;

	if (!table->slots)
		table->slots = xcalloc(SLOTS, sizeof(*table->slots));
	hash = hash_of(kind, text);
	slot = slot_of(table, kind, hash, text);
	if (*slot)
		return span((*slot)->placeholder, (*slot)->placeholder_len);
	while (kind->next <= PLACEHOLDERS_NUMBER &&
	    is_avoided(kind, kind->next))
		kind->next++;
	if (table->n == PLACEHOLDERS_MAX ||
	    text.len > PLACEHOLDERS_BYTES - table->bytes ||
	    kind->next > PLACEHOLDERS_NUMBER)
		return refuse(table);
	v = *slot = xcalloc(1, sizeof(*v) + text.len);
	v->hash = hash;
	v->kind = kind;
	v->number = kind->next++;
	v->len = text.len;
	memcpy(v->text, text.ptr, text.len);
	v->placeholder_len = (size_t)snprintf(v->placeholder,
	    sizeof(v->placeholder), "<%s_%u>", name, v->number);
	kind->values = xgrow(kind->values, &kind->cap, kind->n + 1,
	    sizeof(*kind->values));
	kind->values[kind->n++] = v;
	table->n++;
	table->bytes += text.len;
	note_begins(table, kind);
	return span(v->placeholder, v->placeholder_len);
}

bool
placeholders_full(const struct placeholders *table)
{
	return table->full;
}

size_t
placeholders_count(const struct placeholders *table)
{
	return table->n;
}

/* ---- reading ---- */

/* A text that is read; at its end more may come. */
struct cursor {
	const unsigned char *p, *end;
	bool whole;
};

/* The code point at p as an ASCII character in lower case where it is one or a
 * full-width one; a blank's is ' '; others are 0. */
static char
letter(const unsigned char *p, size_t n, size_t *len)
{
	unsigned c = p[0];
	int step = utf8_step(p, n);

	*len = step > 0 ? (size_t)step : 1;
	if (step == 3)
		c = (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 |
		    (p[2] & 0x3fu);
	else if (step == 2)
		c = (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
	else if (step != 1)
		return 0;
	if (c == 0x3000 || c == 0xa0)	/* ideographic, no-break */
		return ' ';
	if (c >= 0xff01 && c <= 0xff5e)
		c -= 0xfee0;
	if (c < ' ' || c > '~')
		return 0;
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* At the end of what is there. */
static enum placeholder_match
at_end(const struct cursor *c)
{
	return c->whole ? PLACEHOLDER_NOT : PLACEHOLDER_MORE;
}

/* Takes one word, in any case and width. */
static enum placeholder_match
take(struct cursor *c, const char *word)
{
	const unsigned char *p = c->p;

	for (; *word; word++) {
		size_t len;

		if (p == c->end)
			return at_end(c);
		if (letter(p, (size_t)(c->end - p), &len) != *word)
			return PLACEHOLDER_NOT;
		p += len;
	}
	c->p = p;
	return PLACEHOLDER_YES;
}

/* Takes one of several words, none of which begins another. */
static enum placeholder_match
take_any(struct cursor *c, const char *const *words)
{
	enum placeholder_match result = PLACEHOLDER_NOT;

	for (; *words; words++) {
		enum placeholder_match one = take(c, *words);

		if (one > result)
			result = one;
		if (one == PLACEHOLDER_YES)
			break;
	}
	return result;
}

/* Takes a blank if there is one. MORE: that is not known. */
static enum placeholder_match
take_blank(struct cursor *c, bool *taken)
{
	enum placeholder_match result = take(c, " ");

	*taken = result == PLACEHOLDER_YES;
	return result == PLACEHOLDER_MORE ? PLACEHOLDER_MORE :
	    PLACEHOLDER_YES;
}

/* What may stand for a '_' of a name. */
static enum placeholder_match
take_joint(struct cursor *c)
{
	static const char *const joints[] = { "_", "\\_", "-", NULL };
	enum placeholder_match result;
	bool before, after;

	result = take_blank(c, &before);
	if (result != PLACEHOLDER_YES)
		return result;
	result = take_any(c, joints);
	if (result == PLACEHOLDER_YES)
		return take_blank(c, &after);
	return result == PLACEHOLDER_NOT && before ? PLACEHOLDER_YES : result;
}

static enum placeholder_match
take_name(struct cursor *c, const char *name)
{
	enum placeholder_match result = PLACEHOLDER_YES;

	for (; *name && result == PLACEHOLDER_YES; name++) {
		const char one[2] = { (char)(*name >= 'A' && *name <= 'Z' ?
		    *name + 32 : *name), '\0' };

		result = *name == '_' ? take_joint(c) : take(c, one);
	}
	return result;
}

/* The value whose number this is; NULL: there is none. */
static const struct value *
value_of(const struct kind *kind, unsigned number)
{
	size_t from = 0, to = kind->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (kind->values[mid]->number == number)
			return kind->values[mid];
		if (kind->values[mid]->number < number)
			from = mid + 1;
		else
			to = mid;
	}
	return NULL;
}

/* A number that is in use begins with the digits of `number`. */
static bool
begins_number(const struct kind *kind, unsigned number)
{
	size_t i;

	for (i = 0; i < kind->n; i++) {
		unsigned n = kind->values[i]->number;

		while (n > number)
			n /= 10;
		if (n == number)
			return true;
	}
	return false;
}

/* Takes a number, all of its digits, that is one of the kind's; *v is its
 * value. At the text's end: whole texts end there, in others more digits may
 * come. */
static enum placeholder_match
take_number(struct cursor *c, const struct kind *kind, bool ascii,
    const struct value **v)
{
	unsigned number = 0;

	for (;;) {
		size_t len = 1;
		char d;

		if (c->p == c->end) {
			if (number == 0)
				return at_end(c);
			if (!c->whole)
				return begins_number(kind, number) ?
				    PLACEHOLDER_MORE : PLACEHOLDER_NOT;
			break;
		}
		d = ascii ? (char)*c->p : letter(c->p,
		    (size_t)(c->end - c->p), &len);
		if (d < '0' || d > '9')
			break;
		number = number * 10 + (unsigned)(d - '0');
		if (number == 0 || number > PLACEHOLDERS_NUMBER)
			return PLACEHOLDER_NOT;		/* 01 is not 1 */
		c->p += len;
	}
	*v = value_of(kind, number);
	return *v ? PLACEHOLDER_YES : PLACEHOLDER_NOT;
}

static enum placeholder_match
match_bracketed(struct cursor *c, const struct kind *kind,
    const struct value **v)
{
	static const char *const open[] = { "<", "&lt;", "\\<", "\\u003c",
		"%3c", NULL };
	static const char *const close[] = { ">", "&gt;", "\\>", "\\u003e",
		"%3e", NULL };
	enum placeholder_match result;
	bool blank;

	if ((result = take_any(c, open)) != PLACEHOLDER_YES ||
	    (result = take_blank(c, &blank)) != PLACEHOLDER_YES ||
	    (result = take_name(c, kind->name)) != PLACEHOLDER_YES ||
	    (result = take_joint(c)) != PLACEHOLDER_YES ||
	    (result = take_number(c, kind, false, v)) != PLACEHOLDER_YES ||
	    (result = take_blank(c, &blank)) != PLACEHOLDER_YES)
		return result;
	return take_any(c, close);
}

static bool
is_word(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_';
}

/* Takes '_' or \_ . */
static enum placeholder_match
take_bare_joint(struct cursor *c)
{
	if (c->p < c->end && *c->p == '\\')
		c->p++;
	if (c->p == c->end)
		return at_end(c);
	return *c->p++ == '_' ? PLACEHOLDER_YES : PLACEHOLDER_NOT;
}

static enum placeholder_match
match_bare(struct cursor *c, const struct kind *kind, const struct value **v)
{
	enum placeholder_match result = PLACEHOLDER_YES;
	const char *name = kind->name;
	struct cursor behind;

	for (; *name && result == PLACEHOLDER_YES; name++) {
		if (*name == '_')
			result = take_bare_joint(c);
		else if (c->p == c->end)
			result = at_end(c);
		else if (*c->p++ != (unsigned char)*name)
			result = PLACEHOLDER_NOT;
	}
	if (result == PLACEHOLDER_YES)
		result = take_bare_joint(c);
	if (result == PLACEHOLDER_YES)
		result = take_number(c, kind, true, v);
	if (result != PLACEHOLDER_YES || c->p == c->end)
		return result;
	behind = *c;
	if (*behind.p == '\\')
		result = take_bare_joint(&behind);
	else
		result = is_word(*behind.p) ? PLACEHOLDER_YES :
		    PLACEHOLDER_NOT;
	/* Turned round: what goes on is no placeholder. */
	return result == PLACEHOLDER_MORE ? PLACEHOLDER_MORE :
	    result == PLACEHOLDER_YES ? PLACEHOLDER_NOT : PLACEHOLDER_YES;
}

bool
placeholders_may_begin(const struct placeholders *table, char byte)
{
	return table->begins[(unsigned char)byte];
}

enum placeholder_match
placeholders_match(const struct placeholders *table, struct mg_span text,
    bool after_word, bool whole, size_t *len, struct mg_span *value)
{
	enum placeholder_match result = PLACEHOLDER_NOT, one;
	const struct value *v = NULL;
	size_t i;

	for (i = 0; i < table->n_kinds; i++) {
		const struct kind *kind = &table->kinds[i];
		struct cursor c = { (const unsigned char *)text.ptr,
			(const unsigned char *)text.ptr + text.len, whole };

		if (kind->n == 0 || text.len == 0)
			continue;
		if (text.ptr[0] != kind->name[0])
			one = match_bracketed(&c, kind, &v);
		else if (!after_word)
			one = match_bare(&c, kind, &v);
		else
			one = PLACEHOLDER_NOT;
		if (one == PLACEHOLDER_YES) {
			*len = (size_t)(c.p - (const unsigned char *)text.ptr);
			*value = span(v->text, v->len);
			return one;
		}
		if (one > result)
			result = one;
	}
	return result;
}

/* ---- what a client has written itself ---- */

/* Takes digits in any width; 0: there are none, or too many. */
static unsigned
any_number(struct cursor *c)
{
	unsigned number = 0;
	size_t len;

	while (c->p < c->end) {
		char d = letter(c->p, (size_t)(c->end - c->p), &len);

		if (d < '0' || d > '9')
			break;
		number = number * 10 + (unsigned)(d - '0');
		if (number > PLACEHOLDERS_NUMBER)
			return 0;
		c->p += len;
	}
	return number;
}

static void
avoid(struct kind *kind, unsigned number)
{
	if (!kind->avoid)
		kind->avoid = xcalloc(PLACEHOLDERS_NUMBER / 8 + 1, 1);
	kind->avoid[number / 8] |= (unsigned char)(1u << number % 8);
}

void
placeholders_avoid(struct placeholders *table, struct mg_span text)
{
	const unsigned char *end = (const unsigned char *)text.ptr + text.len;
	const unsigned char *p;
	size_t k, len;

	for (p = (const unsigned char *)text.ptr; p < end; p += len) {
		char first = letter(p, (size_t)(end - p), &len);

		for (k = 0; first && k < table->n_kinds; k++) {
			struct kind *kind = &table->kinds[k];
			struct cursor c = { p, end, true };
			unsigned number;

			if (first != (kind->name[0] | 32) ||
			    take_name(&c, kind->name) != PLACEHOLDER_YES)
				continue;
			(void)take_joint(&c);
			number = any_number(&c);
			if (number > 0)
				avoid(kind, number);
		}
	}
}
