/* SPDX-License-Identifier: Apache-2.0 */
/* buf.c - bytes that we own, and small helpers on borrowed ones. */
#include "gateway/buf.h"

#include <stdio.h>
#include <stdlib.h>

void *
xmalloc(size_t size)
{
	void *ptr = malloc(size ? size : 1);

	if (!ptr)
		abort();
	return ptr;
}

void *
xcalloc(size_t n, size_t size)
{
	void *ptr = calloc(n ? n : 1, size ? size : 1);

	if (!ptr)
		abort();
	return ptr;
}

void *
xrealloc(void *ptr, size_t size)
{
	ptr = realloc(ptr, size ? size : 1);
	if (!ptr)
		abort();
	return ptr;
}

void *
xgrow(void *array, size_t *cap, size_t need, size_t size)
{
	size_t to = *cap ? *cap : 8;

	if (need <= *cap)
		return array;
	while (to < need) {
		if (to > SIZE_MAX / 2)
			abort();
		to *= 2;
	}
	if (to > SIZE_MAX / size)
		abort();
	*cap = to;
	return xrealloc(array, to * size);
}

char *
xstrndup(const char *s, size_t len)
{
	char *copy = xmalloc(len + 1);

	if (len)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *
buf_reserve(struct buf *b, size_t more)
{
	if (more > SIZE_MAX - b->len)
		abort();
	b->ptr = xgrow(b->ptr, &b->cap, b->len + more, 1);
	return b->ptr + b->len;
}

void
buf_add(struct buf *b, const void *ptr, size_t len)
{
	if (len == 0)
		return;
	memcpy(buf_reserve(b, len), ptr, len);
	b->len += len;
}

void
buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_add_span(struct buf *b, struct mg_span s)
{
	buf_add(b, s.ptr, s.len);
}

void
buf_add_byte(struct buf *b, char c)
{
	*buf_reserve(b, 1) = c;
	b->len++;
}

void
buf_addf(struct buf *b, const char *format, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, format);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n > 0) {
		(void)vsnprintf(buf_reserve(b, (size_t)n + 1), (size_t)n + 1,
		    format, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

void
buf_add_json(struct buf *b, struct mg_span s)
{
	static const char hex[] = "0123456789abcdef";
	size_t i, from = 0;

	buf_add_byte(b, '"');
	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		char esc[6] = { '\\', 'u', '0', '0', 0, 0 };
		size_t len = 2;

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		switch (c) {
		case '\b': esc[1] = 'b'; break;
		case '\t': esc[1] = 't'; break;
		case '\n': esc[1] = 'n'; break;
		case '\f': esc[1] = 'f'; break;
		case '\r': esc[1] = 'r'; break;
		case '"': esc[1] = '"'; break;
		case '\\': esc[1] = '\\'; break;
		default:
			esc[4] = hex[c >> 4];
			esc[5] = hex[c & 15];
			len = 6;
		}
		buf_add(b, s.ptr + from, i - from);
		buf_add(b, esc, len);
		from = i + 1;
	}
	if (s.len > from)
		buf_add(b, s.ptr + from, s.len - from);
	buf_add_byte(b, '"');
}

void
buf_drop(struct buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->ptr, b->ptr + n, b->len - n);
	b->len -= n;
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
}

void
buf_fini(struct buf *b)
{
	free(b->ptr);
	memset(b, 0, sizeof(*b));
}

const char *
buf_cstr(struct buf *b)
{
	*buf_reserve(b, 1) = '\0';
	return b->ptr;
}

bool
span_eq(struct mg_span a, struct mg_span b)
{
	return a.len == b.len &&
	    (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool
span_is(struct mg_span a, const char *s)
{
	return span_eq(a, span_str(s));
}

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

bool
span_is_nocase(struct mg_span a, const char *s)
{
	size_t i;

	for (i = 0; i < a.len; i++)
		if (s[i] == '\0' || lower(a.ptr[i]) != lower(s[i]))
			return false;
	return s[i] == '\0';
}

bool
span_to_u64(struct mg_span s, uint64_t *out)
{
	uint64_t value = 0;
	size_t i;

	if (s.len == 0)
		return false;
	for (i = 0; i < s.len; i++) {
		unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';

		if (digit > 9 || value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

bool
glob_match(const char *pattern, struct mg_span s)
{
	const char *star = NULL;
	size_t i = 0, resume = 0;

	/* One level of going back, to the last star, is enough: linear in
	 * practice, at most |pattern| * |s|. */
	while (i < s.len) {
		if (*pattern == '*') {
			star = pattern++;
			resume = i;
		} else if (*pattern == '?' ||
		    (*pattern != '\0' && *pattern == s.ptr[i])) {
			pattern++;
			i++;
		} else if (star) {
			pattern = star + 1;
			i = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

bool
globs_match(char *const *patterns, struct mg_span s)
{
	if (!patterns)
		return true;
	for (; *patterns; patterns++)
		if (glob_match(*patterns, s))
			return true;
	return false;
}

int
utf8_step(const unsigned char *p, size_t n)
{
	unsigned low = 0x80, high = 0xbf;
	int len, i;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	for (i = 1; i < len; i++) {
		if ((size_t)i >= n)
			return -1;
		if (p[i] < low || p[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return len;
}

bool
utf8_valid(const char *ptr, size_t len)
{
	const unsigned char *p = (const unsigned char *)ptr;
	size_t i = 0;

	while (i < len) {
		uint64_t word;
		int step;

		/* Eight ASCII bytes at a time. */
		while (len - i >= 8) {
			memcpy(&word, p + i, 8);
			if (word & 0x8080808080808080u)
				break;
			i += 8;
		}
		if (i >= len)
			break;
		step = utf8_step(p + i, len - i);
		if (step <= 0)
			return false;
		i += (size_t)step;
	}
	return true;
}

size_t
utf8_whole(const char *ptr, size_t len)
{
	const unsigned char *p = (const unsigned char *)ptr;
	size_t back;

	for (back = 1; back <= 3 && back <= len; back++) {
		unsigned char c = p[len - back];

		if (c < 0x80)
			return len;
		if (c >= 0xc0)
			return utf8_step(p + len - back, back) == -1 ?
			    len - back : len;
	}
	return len;
}
