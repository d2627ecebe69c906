/* SPDX-License-Identifier: Apache-2.0 */
/* jdoc.c - the strict reader: one pass from the first byte to the last.
 *
 * A container that is open is found through its children's `parent`, so depth
 * costs no stack. Strings are most of a body: they are looked through sixteen
 * bytes at a time for the few bytes that mean something, and their UTF-8 is
 * checked four Chinese characters at a time. Getting at what was read is
 * jdoc_get.c's business, equal keys are jdoc_keys.c's.
 */
#include "gateway/jdoc.h"

#define MAX_NUMBER 1000	/* bytes of one number */

#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "gateway/jdoc_keys.h"

/* What may come next. */
enum want {
	WANT_VALUE,
	WANT_FIRST,		/* a value, or the end of an empty array */
	WANT_KEY,
	WANT_FIRST_KEY,		/* a key, or the end of an empty object */
	WANT_MORE,		/* a comma or the end of what is open */
	WANT_END,		/* nothing but white space */
};

struct reader {
	struct jdoc *doc;
	const unsigned char *s;
	size_t at, len;
	const struct jdoc_limits *limits;
	unsigned open;		/* containers that are open */
	uint32_t inner;		/* the innermost of them */
	uint32_t key_at, key_len;	/* of the value that comes */
	uint8_t key_flags;
};

/* First byte from `at` that a string cannot hold as it is: quote, backslash,
 * control; or len. *high becomes true when there were bytes above ASCII. */
static size_t
plain_run(const unsigned char *s, size_t at, size_t len, bool *high)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i slash = _mm_set1_epi8('\\');
	const __m128i control = _mm_set1_epi8(0x1f);

	for (; len - at >= 16; at += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)
		    (s + at));
		__m128i stop = _mm_or_si128(
		    _mm_or_si128(_mm_cmpeq_epi8(x, quote),
			_mm_cmpeq_epi8(x, slash)),
		    _mm_cmpeq_epi8(_mm_min_epu8(x, control), x));
		unsigned stops = (unsigned)_mm_movemask_epi8(stop);
		unsigned highs = (unsigned)_mm_movemask_epi8(x);

		if (stops) {
			unsigned n = (unsigned)__builtin_ctz(stops);

			*high |= (highs & ((1u << n) - 1)) != 0;
			return at + n;
		}
		*high |= highs != 0;
	}
#endif
	for (; at < len; at++) {
		if (s[at] == '"' || s[at] == '\\' || s[at] < 0x20)
			break;
		*high |= s[at] >= 0x80;
	}
	return at;
}

/* Steps over blocks that are plainly fine: sixteen ASCII bytes, or four
 * characters of three bytes each that are neither E0.. (overlong?) nor ED..
 * (surrogate?). Returns where that ends. */
static size_t
utf8_blocks(const unsigned char *s, size_t at, size_t to)
{
#ifdef __SSE2__
	const __m128i shape = _mm_setr_epi8(-16, -64, -64, -16, -64, -64, -16,
	    -64, -64, -16, -64, -64, 0, 0, 0, 0);
	const __m128i three = _mm_setr_epi8(-32, -128, -128, -32, -128, -128,
	    -32, -128, -128, -32, -128, -128, 0, 0, 0, 0);
	const __m128i e0 = _mm_set1_epi8((char)0xe0);
	const __m128i ed = _mm_set1_epi8((char)0xed);

	while (to - at >= 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)
		    (s + at));
		int same, rare;

		if (_mm_movemask_epi8(x) == 0) {
			at += 16;
			continue;
		}
		same = _mm_movemask_epi8(_mm_cmpeq_epi8(
		    _mm_and_si128(x, shape), three));
		rare = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(x, e0),
		    _mm_cmpeq_epi8(x, ed)));
		if (same != 0xffff || (rare & 0xfff) != 0)
			break;
		at += 12;
	}
#else
	(void)s;
	(void)to;
#endif
	return at;
}

/* Offset of the first byte that is not UTF-8, or to. */
static size_t
utf8_fault(const unsigned char *s, size_t from, size_t to)
{
	size_t at = from;

	while (at < to) {
		size_t many = utf8_blocks(s, at, to);
		size_t some;

		/* A block that was not plain is walked through by hand before
		 * blocks are tried again. */
		at = many;
		some = to - at < 16 ? to : at + 16;
		while (at < some) {
			int step = utf8_step(s + at, to - at);

			if (step <= 0)
				return at;
			at += (size_t)step;
		}
	}
	return to;
}

/* An escape; r->at is on the backslash and moves behind. */
static enum jdoc_fault
read_escape(struct reader *r, uint8_t *flags, size_t *bad)
{
	const unsigned char *s = r->s + r->at;
	size_t left = r->len - r->at;
	unsigned code;

	*bad = r->at;
	if (left < 2)
		return JDOC_SYNTAX;
	if (s[1] != 'u') {
		r->at += 2;
		return s[1] != '\0' && strchr("\"\\/bfnrt", s[1]) ?
		    JDOC_OK : JDOC_SYNTAX;
	}
	code = left < 6 ? UINT32_MAX : json_hex4(s + 2);
	if (code > 0xffff)
		return JDOC_SYNTAX;
	r->at += 6;
	if (code == 0)
		return JDOC_NUL;
	if (code < 0xd800 || code > 0xdfff)
		return JDOC_OK;
	if (code < 0xdc00 && left >= 12 && s[6] == '\\' && s[7] == 'u' &&
	    json_hex(s[8]) == 13 && json_hex(s[9]) >= 12 &&
	    json_hex(s[10]) >= 0 && json_hex(s[11]) >= 0) {
		r->at += 6;
		return JDOC_OK;
	}
	*flags |= JDOC_LONE;
	return r->limits->lone_surrogates ? JDOC_OK : JDOC_LONE_SURROGATE;
}

/* A string; r->at is on the opening quote and moves behind the closing one. */
static enum jdoc_fault
read_string(struct reader *r, uint8_t *flags)
{
	size_t from = r->at + 1, bad = 0;
	enum jdoc_fault fault = JDOC_OK;
	bool high = false;

	*flags = 0;
	r->at = from;
	for (;;) {
		/* One escape often follows another. */
		if (r->at == r->len || r->s[r->at] != '\\')
			r->at = plain_run(r->s, r->at, r->len, &high);
		bad = r->at;
		if (r->at == r->len || r->s[r->at] < 0x20) {
			fault = JDOC_SYNTAX;
			break;
		}
		if (r->s[r->at] == '"')
			break;
		*flags |= JDOC_ESCAPED;
		fault = read_escape(r, flags, &bad);
		if (fault != JDOC_OK)
			break;
	}
	if (high) {
		size_t wrong = utf8_fault(r->s, from, bad);

		if (wrong < bad) {
			bad = wrong;
			fault = JDOC_UTF8;
		}
	}
	r->at = fault == JDOC_OK ? bad + 1 : bad;
	return fault;
}

static bool
is_digit(const struct reader *r, size_t at)
{
	return at < r->len && r->s[at] >= '0' && r->s[at] <= '9';
}

static size_t
digits(const struct reader *r, size_t at)
{
	while (is_digit(r, at))
		at++;
	return at;
}

/* RFC 8259, section 6. */
static enum jdoc_fault
read_number(struct reader *r)
{
	size_t at = r->at, from = at;

	if (r->s[at] == '-')
		at++;
	r->at = at;
	if (!is_digit(r, at))
		return JDOC_SYNTAX;
	at = r->s[at] == '0' ? at + 1 : digits(r, at);
	if (at < r->len && r->s[at] == '.') {
		r->at = ++at;
		if (!is_digit(r, at))
			return JDOC_SYNTAX;
		at = digits(r, at);
	}
	if (at < r->len && (r->s[at] == 'e' || r->s[at] == 'E')) {
		at++;
		if (at < r->len && (r->s[at] == '+' || r->s[at] == '-'))
			at++;
		r->at = at;
		if (!is_digit(r, at))
			return JDOC_SYNTAX;
		at = digits(r, at);
	}
	r->at = at;
	/* Some parsers give up on such a number, others round it. */
	return at - from > MAX_NUMBER ? JDOC_LARGE : JDOC_OK;
}

static enum jdoc_fault
read_word(struct reader *r, const char *word)
{
	size_t i;

	for (i = 0; word[i]; i++, r->at++)
		if (r->at == r->len || r->s[r->at] != (unsigned char)word[i])
			return JDOC_SYNTAX;
	return JDOC_OK;
}

static void
skip_space(struct reader *r)
{
	while (r->at < r->len && (r->s[r->at] == ' ' || r->s[r->at] == '\n' ||
	    r->s[r->at] == '\r' || r->s[r->at] == '\t'))
		r->at++;
}

/* Adds a node for the value at r->at; its length is not yet known. */
static enum jdoc_fault
add_node(struct reader *r, enum jdoc_type type)
{
	struct jdoc *doc = r->doc;
	struct jdoc_node *node;

	if (doc->n >= r->limits->max_nodes || doc->n >= UINT32_MAX - 1)
		return JDOC_LARGE;
	if (doc->n == doc->cap)
		doc->nodes = xgrow(doc->nodes, &doc->cap, doc->n + 1,
		    sizeof(*doc->nodes));
	node = &doc->nodes[doc->n++];
	node->at = (uint32_t)r->at;
	node->len = 0;
	node->next = (uint32_t)doc->n;
	node->parent = r->inner;
	node->key_at = r->key_at;
	node->key_len = r->key_len;
	node->type = (uint8_t)type;
	node->flags = r->key_flags;
	node->depth = (uint16_t)r->open;
	r->key_at = r->key_len = 0;
	r->key_flags = 0;
	return JDOC_OK;
}

static enum jdoc_fault
open_container(struct reader *r, enum jdoc_type type, enum want *want)
{
	enum jdoc_fault fault;

	if (r->open >= r->limits->max_depth || r->open == UINT16_MAX)
		return JDOC_DEEP;
	fault = add_node(r, type);
	if (fault != JDOC_OK)
		return fault;
	r->inner = (uint32_t)(r->doc->n - 1);
	r->open++;
	r->at++;
	*want = type == JDOC_ARRAY ? WANT_FIRST : WANT_FIRST_KEY;
	return JDOC_OK;
}

/* r->at is on the closing bracket. */
static enum jdoc_fault
close_container(struct reader *r, enum want *want)
{
	struct jdoc *doc = r->doc;
	struct jdoc_node *node = &doc->nodes[r->inner];
	uint32_t twin;

	r->at++;
	node->next = (uint32_t)doc->n;
	node->len = (uint32_t)(r->at - node->at);
	if (node->type == JDOC_OBJECT && !r->limits->duplicate_keys) {
		twin = jdoc_keys_duplicate(doc, r->inner);
		if (twin) {
			r->at = doc->nodes[twin].key_at;
			return JDOC_DUPLICATE;
		}
	}
	r->inner = node->parent;
	*want = --r->open ? WANT_MORE : WANT_END;
	return JDOC_OK;
}

static enum jdoc_fault
read_scalar(struct reader *r, enum jdoc_type type, const char *word)
{
	enum jdoc_fault fault = add_node(r, type);
	struct jdoc_node *node = &r->doc->nodes[r->doc->n - 1];
	uint8_t flags = 0;

	if (fault != JDOC_OK)
		return fault;
	if (word)
		fault = read_word(r, word);
	else if (type == JDOC_STRING)
		fault = read_string(r, &flags);
	else
		fault = read_number(r);
	node->flags |= flags;
	node->len = (uint32_t)(r->at - node->at);
	return fault;
}

static enum jdoc_fault
read_value(struct reader *r, enum want *want)
{
	*want = r->open ? WANT_MORE : WANT_END;
	switch (r->s[r->at]) {
	case '{':
		return open_container(r, JDOC_OBJECT, want);
	case '[':
		return open_container(r, JDOC_ARRAY, want);
	case '"':
		return read_scalar(r, JDOC_STRING, NULL);
	case 't':
		return read_scalar(r, JDOC_TRUE, "true");
	case 'f':
		return read_scalar(r, JDOC_FALSE, "false");
	case 'n':
		return read_scalar(r, JDOC_NULL, "null");
	default:
		if (r->s[r->at] != '-' && !is_digit(r, r->at))
			return JDOC_SYNTAX;
		return read_scalar(r, JDOC_NUMBER, NULL);
	}
}

static enum jdoc_fault
read_key(struct reader *r, enum want *want)
{
	enum jdoc_fault fault;
	uint8_t flags;

	if (r->s[r->at] != '"')
		return JDOC_SYNTAX;
	r->key_at = (uint32_t)r->at + 1;
	fault = read_string(r, &flags);
	if (fault != JDOC_OK)
		return fault;
	r->key_len = (uint32_t)r->at - 1 - r->key_at;
	r->key_flags = flags & JDOC_ESCAPED ? JDOC_KEY_ESCAPED : 0;
	skip_space(r);
	if (r->at == r->len || r->s[r->at] != ':')
		return JDOC_SYNTAX;
	r->at++;
	*want = WANT_VALUE;
	return JDOC_OK;
}

/* After a value inside a container. */
static enum jdoc_fault
read_more(struct reader *r, enum want *want)
{
	bool array = r->doc->nodes[r->inner].type == JDOC_ARRAY;

	if (r->s[r->at] == ',') {
		r->at++;
		*want = array ? WANT_VALUE : WANT_KEY;
		return JDOC_OK;
	}
	if (r->s[r->at] != (array ? ']' : '}'))
		return JDOC_SYNTAX;
	return close_container(r, want);
}

static enum jdoc_fault
step(struct reader *r, enum want *want)
{
	switch (*want) {
	case WANT_FIRST:
		if (r->s[r->at] == ']')
			return close_container(r, want);
		return read_value(r, want);
	case WANT_VALUE:
		return read_value(r, want);
	case WANT_FIRST_KEY:
		if (r->s[r->at] == '}')
			return close_container(r, want);
		return read_key(r, want);
	case WANT_KEY:
		return read_key(r, want);
	case WANT_MORE:
		return read_more(r, want);
	case WANT_END:
		return JDOC_SYNTAX;
	}
	abort();
}

enum jdoc_fault
jdoc_read(struct jdoc *doc, struct mg_span text,
    const struct jdoc_limits *limits, size_t *at)
{
	struct reader r = { .doc = doc, .len = text.len, .limits = limits };
	enum jdoc_fault fault = JDOC_OK;
	enum want want = WANT_VALUE;

	r.s = (const unsigned char *)text.ptr;
	doc->text = text.ptr;
	doc->len = text.len;
	doc->n = 0;
	if (text.len >= UINT32_MAX)
		fault = JDOC_LARGE;
	else if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0)
		fault = JDOC_UTF8;
	while (fault == JDOC_OK) {
		skip_space(&r);
		if (r.at == r.len) {
			if (want != WANT_END)
				fault = JDOC_SYNTAX;
			break;
		}
		fault = step(&r, &want);
	}
	if (fault != JDOC_OK)
		doc->n = 0;
	if (at)
		*at = fault == JDOC_OK ? text.len : r.at;
	return fault;
}

void
jdoc_fini(struct jdoc *doc)
{
	free(doc->nodes);
	free(doc->scratch);
	memset(doc, 0, sizeof(*doc));
}

const char *
jdoc_fault_text(enum jdoc_fault fault)
{
	switch (fault) {
	case JDOC_OK:
		return "well-formed";
	case JDOC_SYNTAX:
		return "not valid JSON";
	case JDOC_UTF8:
		return "not valid UTF-8";
	case JDOC_DUPLICATE:
		return "a key stands twice in one object";
	case JDOC_DEEP:
		return "nested too deeply";
	case JDOC_LONE_SURROGATE:
		return "half of a surrogate pair";
	case JDOC_NUL:
		return "a NUL character";
	case JDOC_LARGE:
		return "too many values";
	}
	abort();
}
