/* SPDX-License-Identifier: Apache-2.0 */
/* shape.c - how shapes are made from characters and from each other.
 *
 * A sequence keeps open what its last parts share in: strings that may still
 * grow, and numbers. A part that cannot go on closes them, and the best of
 * what was closed is what the sequence must contain. */
#include "filters/shape.h"

#include <stdlib.h>
#include <string.h>

#include "filters/automaton.h"
#include "filters/memory.h"

#define CHARS_MAX 40		/* of a class that is written out */
#define COUNT_MAX 4096u		/* numbers beyond do not matter */
#define BIT_LONG (1u << SHAPE_HEAD)

/* ---- sets of bytes ---- */

bool
shape_bytes_in(const shape_bytes set, unsigned char byte)
{
	return set[byte / 64] >> byte % 64 & 1;
}

static void
add_byte(shape_bytes set, unsigned byte)
{
	set[byte / 64] |= UINT64_C(1) << byte % 64;
}

static void
add_bytes(shape_bytes set, unsigned from, unsigned to)
{
	for (; from <= to; from++)
		add_byte(set, from);
}

static void
join_bytes(shape_bytes set, const shape_bytes other)
{
	size_t i;

	for (i = 0; i < 4; i++)
		set[i] |= other[i];
}

static uint32_t
less(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint64_t
sum(uint64_t a, uint64_t b)
{
	return a > SHAPE_NO_LIMIT - b ? SHAPE_NO_LIMIT : a + b;
}

static uint64_t
product(uint64_t a, uint64_t b)
{
	return b && a > SHAPE_NO_LIMIT / b ? SHAPE_NO_LIMIT : a * b;
}

/* ---- sets of strings ---- */

static void
drop(struct shape_strings *s)
{
	free(s->list);
	*s = (struct shape_strings){ NULL, 0 };
}

void
shape_strings_drop(struct shape_strings *s)
{
	drop(s);
}

static struct shape_strings
copy(const struct shape_strings *s)
{
	struct shape_strings to = { NULL, s->n };

	if (s->n > 0) {
		to.list = mem_new(s->n, sizeof(*to.list));
		memcpy(to.list, s->list, s->n * sizeof(*to.list));
	}
	return to;
}

static struct shape_strings
empty_string(void)
{
	return (struct shape_strings){ mem_new(1,
	    sizeof(struct shape_string)), 1 };
}

static int
compare(const void *x, const void *y)
{
	const struct shape_string *a = x, *b = y;
	int c = memcmp(a->ptr, b->ptr, a->len < b->len ? a->len : b->len);

	return c ? c : (a->len > b->len) - (a->len < b->len);
}

static void
make_unique(struct shape_strings *s)
{
	size_t i, n = 0;

	if (s->n < 2)
		return;
	qsort(s->list, s->n, sizeof(*s->list), compare);
	for (i = 0; i < s->n; i++)
		if (n == 0 || compare(&s->list[n - 1], &s->list[i]) != 0)
			s->list[n++] = s->list[i];
	s->n = n;
}

/* Each of a before each of b. None if they are too many or too long. */
static struct shape_strings
cross(const struct shape_strings *a, const struct shape_strings *b,
    size_t most)
{
	struct shape_strings to = { NULL, 0 };
	size_t i, k;

	if (a->n == 0 || b->n == 0 || a->n > most / b->n)
		return to;
	to.list = mem_new(a->n * b->n, sizeof(*to.list));
	for (i = 0; i < a->n; i++)
		for (k = 0; k < b->n; k++) {
			struct shape_string *s = &to.list[to.n++];
			size_t len = a->list[i].len;

			*s = a->list[i];
			if (len + b->list[k].len > SHAPE_LITERAL_MAX) {
				drop(&to);
				return to;
			}
			memcpy(s->ptr + len, b->list[k].ptr, b->list[k].len);
			s->len = (uint8_t)(len + b->list[k].len);
		}
	make_unique(&to);
	return to;
}

/* Those of both; none if one has none or they are too many. */
static void
join_strings(struct shape_strings *s, const struct shape_strings *other,
    size_t most)
{
	if (s->n == 0 || other->n == 0 || s->n + other->n > most) {
		drop(s);
		return;
	}
	s->list = mem_grow(s->list, s->n + other->n, sizeof(*s->list));
	memcpy(s->list + s->n, other->list, other->n * sizeof(*s->list));
	s->n += other->n;
	make_unique(s);
}

/* How much a string says: a Han character as much as two or three letters. */
static int
weight(const struct shape_string *s)
{
	int sum_of = 0;
	size_t i;

	for (i = 0; i < s->len; i++) {
		unsigned char c = s->ptr[i];

		if (c >= 0xe0)
			sum_of += 20;
		else if (c >= 0xc0)
			sum_of += 10;
		else if (c == ' ')
			sum_of += 4;
		else if (c < 0x80)
			sum_of += (c >= '0' && c <= '9') ||
			    (c >= 'a' && c <= 'z') ? 8 : 12;
	}
	/* Addresses are in many texts. */
	if (s->len >= 4 && memcmp(s->ptr, "http", 4) == 0)
		sum_of /= 3;
	return s->len < 2 ? 0 : sum_of;
}

int
shape_score(const struct shape_strings *strings)
{
	int worst = 0, w;
	size_t i, n;

	for (i = 0; i < strings->n; i++) {
		w = weight(&strings->list[i]);
		if (i == 0 || w < worst)
			worst = w;
	}
	for (n = strings->n; n > 1; n /= 2)
		worst--;
	return worst;
}

/* Keeps the better of both. */
static void
offer(struct shape_strings *best, const struct shape_strings *other)
{
	if (other->n == 0 || shape_score(other) < SHAPE_USABLE ||
	    (best->n > 0 && shape_score(other) <= shape_score(best)))
		return;
	drop(best);
	*best = copy(other);
}

/* ---- characters ---- */

void
shape_chars_init(struct shape_chars *c)
{
	memset(c, 0, sizeof(*c));
	c->digits_only = true;
}

void
shape_chars_fini(struct shape_chars *c)
{
	drop(&c->exact);
}

static unsigned
encode(uint32_t c, unsigned char *to)
{
	if (c < 0x80) {
		to[0] = (unsigned char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (unsigned char)(0xc0 | c >> 6);
		to[1] = (unsigned char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (unsigned char)(0xe0 | c >> 12);
		to[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (unsigned char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (unsigned char)(0xf0 | (c >> 18 & 7));
	to[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (unsigned char)(0x80 | (c & 0x3f));
	return 4;
}

static void
add_one(struct shape_chars *c, uint32_t code)
{
	struct shape_string s = { 0, { 0 } };
	unsigned n = encode(code, s.ptr), i;

	for (i = 0; i < n; i++)
		add_byte(c->head[i], s.ptr[i]);
	c->lens |= (uint8_t)(1u << n);
	if (code >= 0x80)
		c->digits_only = false;
	if (c->many || c->exact.n == CHARS_MAX) {
		c->many = true;
		return;
	}
	s.len = (uint8_t)n;
	s.ptr[0] = automaton_fold[s.ptr[0]];
	for (i = 0; i < c->exact.n; i++)
		if (compare(&c->exact.list[i], &s) == 0)
			return;
	c->exact.list = mem_grow(c->exact.list, c->exact.n + 1,
	    sizeof(*c->exact.list));
	c->exact.list[c->exact.n++] = s;
}

/* Adds characters beyond ASCII by their first bytes only. */
static void
add_leads(struct shape_chars *c, unsigned from, unsigned to)
{
	unsigned widest = to >= 0xf0 ? 4 : to >= 0xe0 ? 3 : 2;
	unsigned n = from >= 0xf0 ? 4 : from >= 0xe0 ? 3 : 2, i;

	add_bytes(c->head[0], from, to);
	for (i = 1; i < widest; i++)
		add_bytes(c->head[i], 0x80, 0xbf);
	for (; n <= widest; n++)
		c->lens |= (uint8_t)(1u << n);
	c->many = true;
}

void
shape_chars_add_wide(struct shape_chars *c)
{
	add_leads(c, 0xc2, 0xf4);
	c->digits_only = false;
}

void
shape_chars_add_newline(struct shape_chars *c)
{
	add_byte(c->head[0], '\r');
	add_byte(c->head[1], '\n');
	c->lens |= 4;
	c->many = true;
	c->digits_only = false;
}

void
shape_chars_add_digits(struct shape_chars *c)
{
	bool only = c->digits_only;

	shape_chars_add(c, '0', '9', false);
	add_leads(c, 0xd9, 0xdf);
	add_leads(c, 0xe0, 0xe1);
	add_leads(c, 0xea, 0xea);
	add_leads(c, 0xef, 0xf0);
	c->digits_only = only;
}

void
shape_chars_add(struct shape_chars *c, uint32_t lo, uint32_t hi, bool caseless)
{
	unsigned char from[4], to[4];

	for (; lo < 0x80 && lo <= hi; lo++) {
		uint32_t low = lo | 0x20;

		add_one(c, lo);
		if (!caseless || low < 'a' || low > 'z')
			continue;
		add_one(c, lo ^ 0x20);
		if (low == 'k')
			add_one(c, 0x212a);	/* KELVIN SIGN */
		if (low == 's')
			add_one(c, 0x17f);	/* LONG S */
	}
	if (lo > hi)
		return;
	c->digits_only = false;
	/* U+3000 to U+9FFF have no case. */
	if (caseless && (lo < 0x3000 || hi > 0x9fff)) {
		shape_chars_add(c, 'a', 'z', false);
		shape_chars_add(c, 'A', 'Z', false);
		shape_chars_add_wide(c);
	} else if (hi - lo < CHARS_MAX) {
		for (; lo <= hi; lo++)
			add_one(c, lo);
	} else {
		(void)encode(lo, from);
		(void)encode(hi, to);
		add_leads(c, from[0], to[0]);
	}
}

void
shape_chars_negate(struct shape_chars *c)
{
	uint64_t ascii[2] = { ~c->head[0][0], ~c->head[0][1] };

	drop(&c->exact);
	memset(c, 0, sizeof(*c));
	shape_chars_add_wide(c);
	c->head[0][0] = ascii[0];
	c->head[0][1] = ascii[1];
	c->lens |= 2;
}

/* ---- numbers ---- */

static void
need(struct shape_numbers *best, const struct shape_numbers *other)
{
	if (other->run > best->run)
		best->run = other->run;
	/* Both of one place. */
	if (other->digits + other->span > best->digits + best->span) {
		best->digits = other->digits;
		best->span = other->span;
	}
}

/* Ends what the sequence's last parts shared in. */
static void
close_numbers(struct shape *s)
{
	s->open.run = s->open_run;
	need(&s->numbers, &s->open);
	memset(&s->open, 0, sizeof(s->open));
	s->open_may_digit = false;
	s->open_width = s->open_before = s->open_after = 0;
	s->open_run = 0;
}

static void
append_digits(struct shape *s, const struct shape *next)
{
	uint32_t width = (uint32_t)(next->min < COUNT_MAX ? next->min :
	    COUNT_MAX);

	if (next->numbers.digits == 0) {
		if (s->open.digits == 0)
			s->open_before = s->open_may_digit ||
			    next->may_digit ? 0 : s->open_before + width;
		else
			s->open_after = next->may_digit ? 0 :
			    s->open_after + width;
	} else if (s->open.digits == 0) {
		s->open.digits = next->numbers.digits;
		s->open.span = next->numbers.span;
		s->open_before = s->open_may_digit ? 0 :
		    s->open_before + next->before;
		s->open_after = next->after;
	} else {
		s->open.digits = less(COUNT_MAX, s->open.digits +
		    next->numbers.digits);
		s->open.span = less(COUNT_MAX, s->open.span + s->open_after +
		    next->before + next->numbers.span);
		s->open_after = next->after;
	}
	s->open_width = less(COUNT_MAX, s->open_width + width);
	s->open_may_digit |= next->may_digit;
}

static void
append_numbers(struct shape *s, const struct shape *next)
{
	if (next->max == 0)
		return;
	if (next->digital) {
		s->open_run = less(COUNT_MAX, s->open_run +
		    next->numbers.run);
	} else {
		if (s->open_run > s->numbers.run)
			s->numbers.run = s->open_run;
		s->open_run = 0;
	}
	if (next->numeric) {
		append_digits(s, next);
		if (next->numbers.run > s->numbers.run)
			s->numbers.run = next->numbers.run;
	} else {
		close_numbers(s);
		need(&s->numbers, &next->numbers);
	}
	s->digital = s->digital && next->digital;
	s->numeric = s->numeric && next->numeric;
	s->may_digit = s->may_digit || next->may_digit;
}

/* ---- shapes ---- */

void
shape_init(struct shape *s)
{
	memset(s, 0, sizeof(*s));
	s->lens = 1;
	s->exact = empty_string();
	s->tail = empty_string();
	s->digital = s->numeric = true;
}

void
shape_fini(struct shape *s)
{
	drop(&s->exact);
	drop(&s->gate);
	drop(&s->tail);
}

static bool
within(const shape_bytes set, unsigned from, unsigned to)
{
	unsigned byte;

	for (byte = 0; byte < 0x80; byte++)
		if ((byte < from || byte > to) &&
		    shape_bytes_in(set, (unsigned char)byte))
			return false;
	return true;
}

/* How rare a byte is in text and code; 0: too common to look for. */
static int
rarity(unsigned char c)
{
	if (c == '@')
		return 9;
	if (c < 0x80 && c > ' ' && memchr("~^|`{}\\$#&+=%", c, 13))
		return 7;
	if (c < 0x80 && c > ' ' && memchr("_[]<>*;!?/", c, 10))
		return 5;
	if (c == ':' || c == '-' || (c >= '0' && c <= '9'))
		return 3;
	return 0;
}

void
shape_from_chars(struct shape *s, struct shape_chars *c)
{
	size_t i;

	shape_init(s);
	s->lens = c->lens;
	memcpy(s->head, c->head, sizeof(s->head));
	s->min = s->lens ? (uint64_t)__builtin_ctz(s->lens) : 1;
	s->max = s->lens ? 31u - (uint64_t)__builtin_clz(s->lens) : 1;
	drop(&s->exact);
	if (!c->many) {
		s->exact = c->exact;
		c->exact = (struct shape_strings){ NULL, 0 };
	}
	if (s->exact.n == 1 && s->max == 1 &&
	    rarity(s->exact.list[0].ptr[0]) > 0)
		s->byte = s->exact.list[0].ptr[0];
	s->digital = c->digits_only && within(s->head[0], '0', '9');
	s->numeric = c->digits_only && within(s->head[0], ' ', ':');
	for (i = 0x30; i < 0x3a; i++)
		s->may_digit |= shape_bytes_in(s->head[0], (unsigned char)i);
	s->may_digit |= s->max > 1;
	if (s->digital)
		s->numbers = (struct shape_numbers){ 1, 1, 1 };
	drop(&s->tail);
	shape_chars_fini(c);
}

static void
append_head(struct shape *s, const struct shape *next)
{
	shape_bytes head[SHAPE_HEAD];
	unsigned lens = s->lens & BIT_LONG, i, k;

	memcpy(head, s->head, sizeof(head));
	for (i = 0; i < SHAPE_HEAD; i++) {
		if (!(s->lens >> i & 1))
			continue;
		for (k = 0; i + k < SHAPE_HEAD; k++)
			join_bytes(head[i + k], next->head[k]);
		lens |= (unsigned)next->lens << i;
	}
	if (lens >= 2 * BIT_LONG)
		lens |= BIT_LONG;
	s->lens = (uint8_t)(lens & (2 * BIT_LONG - 1));
	memcpy(s->head, head, sizeof(head));
}

/* Lets the tail grow by the next part, or begins another. */
static void
append_strings(struct shape *s, const struct shape *next, size_t most)
{
	struct shape_strings grown = cross(&s->tail, &next->exact, most);
	bool all = s->exact.n > 0 && grown.n > 0;

	drop(&s->exact);
	if (grown.n > 0) {
		drop(&s->tail);
		s->tail = grown;
		if (all)
			s->exact = copy(&s->tail);
		return;
	}
	offer(&s->gate, &s->tail);
	offer(&s->gate, &next->gate);
	drop(&s->tail);
	s->tail = next->exact.n > 0 ? copy(&next->exact) : empty_string();
}

void
shape_append(struct shape *s, struct shape *next, size_t most)
{
	append_head(s, next);
	append_strings(s, next, most);
	append_numbers(s, next);
	s->min = sum(s->min, next->min);
	s->max = sum(s->max, next->max);
	s->reach = sum(s->reach, next->reach);
	if (rarity(next->byte) > rarity(s->byte))
		s->byte = next->byte;
	shape_fini(next);
}

void
shape_close(struct shape *s)
{
	offer(&s->gate, &s->tail);
	drop(&s->tail);
	s->before = s->open_before;
	s->after = s->open_after;
	if (s->digital)
		s->numbers.run = s->open_run;
	if (s->numeric) {
		s->numbers.digits = s->open.digits;
		s->numbers.span = s->open.span;
		if (s->open_run > s->numbers.run)
			s->numbers.run = s->open_run;
	} else {
		close_numbers(s);
	}
}

void
shape_or(struct shape *s, struct shape *other, size_t most)
{
	size_t i;

	s->min = s->min < other->min ? s->min : other->min;
	s->max = s->max > other->max ? s->max : other->max;
	s->reach = s->reach > other->reach ? s->reach : other->reach;
	s->lens |= other->lens;
	for (i = 0; i < SHAPE_HEAD; i++)
		join_bytes(s->head[i], other->head[i]);
	join_strings(&s->exact, &other->exact, most);
	join_strings(&s->gate, &other->gate, most);
	if (s->byte != other->byte)
		s->byte = 0;
	s->before = less(s->before, other->before);
	s->after = less(s->after, other->after);
	s->numbers.run = less(s->numbers.run, other->numbers.run);
	s->numbers.digits = less(s->numbers.digits, other->numbers.digits);
	s->numbers.span = less(s->numbers.span, other->numbers.span);
	s->digital = s->digital && other->digital;
	s->numeric = s->numeric && other->numeric;
	s->may_digit = s->may_digit || other->may_digit;
	shape_fini(other);
}

static uint32_t
times(uint32_t value, uint64_t n)
{
	return (uint32_t)(product(value, n) < COUNT_MAX ? product(value, n) :
	    COUNT_MAX);
}

/* Numbers of so many in sequence. */
static void
repeat_numbers(struct shape *s, uint64_t n)
{
	if (n == 0) {
		memset(&s->numbers, 0, sizeof(s->numbers));
		s->before = s->after = 0;
		return;
	}
	if (s->digital)
		s->numbers.run = times(s->numbers.run, n);
	if (!s->numeric)
		return;
	if (s->numbers.digits > 0)
		s->numbers.span = less(COUNT_MAX, times(s->numbers.span, n) +
		    times(s->before + s->after, n - 1));
	s->numbers.digits = times(s->numbers.digits, n);
	if (s->may_digit && s->numbers.digits == 0)
		s->before = s->after = 0;
}

static void
repeat_strings(struct shape *s, uint64_t least, uint64_t to, size_t most)
{
	struct shape_strings one = s->exact, all = empty_string(), next;
	uint64_t i;

	s->exact = (struct shape_strings){ NULL, 0 };
	for (i = 0; i < least; i++) {
		next = cross(&all, &one, most);
		if (next.n == 0)
			break;
		drop(&all);
		all = next;
	}
	if (least == 0)
		drop(&s->gate);
	else
		offer(&s->gate, &all);
	if (i == least && to == least) {
		s->exact = all;
		all = (struct shape_strings){ NULL, 0 };
	} else if (least == 0 && to == 1 && one.n > 0) {
		join_strings(&one, &all, most);
		s->exact = one;
		one = (struct shape_strings){ NULL, 0 };
	}
	drop(&one);
	drop(&all);
}

static void
repeat_head(struct shape *s, uint64_t least, uint64_t to)
{
	struct shape all = { .lens = 1 };
	uint64_t i;

	/* After so many the first bytes are all there. */
	for (i = 0; i < least && i < SHAPE_HEAD; i++)
		append_head(&all, s);
	s->lens |= 1;
	for (i = 0; i < to - least && i < SHAPE_HEAD; i++)
		append_head(&all, s);
	s->lens = all.lens;
	memcpy(s->head, all.head, sizeof(s->head));
}

void
shape_repeat(struct shape *s, uint64_t least, uint64_t to, size_t most)
{
	if (s->max == 0)
		return;
	repeat_head(s, least, to);
	repeat_strings(s, least, to, most);
	repeat_numbers(s, least);
	if (least == 0)
		s->byte = 0;
	s->min = product(s->min, least);
	s->max = s->max == 0 || to == 0 ? 0 :
	    to == SHAPE_NO_LIMIT ? SHAPE_NO_LIMIT : product(s->max, to);
}

void
shape_fill_head(struct shape *s)
{
	struct shape any = { .lens = BIT_LONG };
	size_t i;

	for (i = 0; i < SHAPE_HEAD; i++)
		memset(any.head[i], 0xff, sizeof(any.head[i]));
	append_head(s, &any);
}
