/* SPDX-License-Identifier: Apache-2.0 */
/* jdoc_get.c - gets at what jdoc_read() has found: members, strings, numbers;
 * and writes a source anew with parts replaced. */
#include <assert.h>

#include "gateway/jdoc.h"
#include "gateway/jdoc_keys.h"

uint32_t
jdoc_child(const struct jdoc *doc, uint32_t node)
{
	return node + 1 < doc->nodes[node].next ? node + 1 : 0;
}

uint32_t
jdoc_sibling(const struct jdoc *doc, uint32_t node)
{
	uint32_t next = doc->nodes[node].next;

	if (node == 0 || next >= doc->nodes[doc->nodes[node].parent].next)
		return 0;
	return next;
}

/* Whether raw, undone of its escapes, is exactly the string. */
static bool
means(const char *raw, size_t len, const char *string)
{
	struct json_cursor c;
	int byte;

	json_cursor_start(&c, raw, len);
	for (; (byte = json_cursor_next(&c)) != -1; string++)
		if (byte != (unsigned char)*string)
			return false;
	return *string == '\0';
}

uint32_t
jdoc_member(const struct jdoc *doc, uint32_t object, const char *name)
{
	size_t len = strlen(name);
	uint32_t at;

	if (doc->nodes[object].type != JDOC_OBJECT)
		return 0;
	for (at = jdoc_child(doc, object); at; at = jdoc_sibling(doc, at)) {
		const struct jdoc_node *node = &doc->nodes[at];
		const char *key = doc->text + node->key_at;

		if (node->flags & JDOC_KEY_ESCAPED) {
			if (means(key, node->key_len, name))
				return at;
		} else if (node->key_len == len &&
		    memcmp(key, name, len) == 0) {
			return at;
		}
	}
	return 0;
}

/* An escape of four digits at *p, which moves behind it and behind its other
 * half. Returns the code point; 0 for a half that was handed out. */
static unsigned
unescape_unicode(const unsigned char **p, const unsigned char *end,
    bool first, uint16_t *head, uint16_t *tail)
{
	unsigned code = json_hex4(*p + 2), low = 0;

	*p += 6;
	if (code < 0xd800 || code > 0xdfff)
		return code;
	if (code >= 0xdc00) {
		if (!head || !first)
			return 0xfffd;
		*head = (uint16_t)code;
		return 0;
	}
	if (end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u')
		low = json_hex4(*p + 2);
	if (low >= 0xdc00 && low < 0xe000) {
		*p += 6;
		return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	if (!tail || *p != end)
		return 0xfffd;
	*tail = (uint16_t)code;
	return 0;
}

static unsigned char
unescape_letter(unsigned char c)
{
	switch (c) {
	case 'b': return '\b';
	case 'f': return '\f';
	case 'n': return '\n';
	case 'r': return '\r';
	case 't': return '\t';
	default: return c;
	}
}

void
jdoc_unescape(struct mg_span raw, struct buf *out, uint16_t *head,
    uint16_t *tail)
{
	const unsigned char *p = (const unsigned char *)raw.ptr;
	const unsigned char *begin = p, *end = p + raw.len, *slash;
	unsigned char *to;
	unsigned code;

	if (head)
		*head = 0;
	if (tail)
		*tail = 0;
	if (raw.len == 0)
		return;
	/* What is undone is never longer than what was written. */
	to = (unsigned char *)buf_reserve(out, raw.len);
	while (p < end) {
		if (*p != '\\') {
			slash = memchr(p, '\\', (size_t)(end - p));
			if (!slash)
				slash = end;
			memcpy(to, p, (size_t)(slash - p));
			to += slash - p;
			p = slash;
		} else if (end - p >= 6 && p[1] == 'u') {
			code = unescape_unicode(&p, end, p == begin, head,
			    tail);
			if (code)
				to += json_put_utf8(code, to);
		} else if (end - p >= 2) {
			*to++ = unescape_letter(p[1]);
			p += 2;
		} else {
			*to++ = *p++;
		}
	}
	out->len = (size_t)(to - (unsigned char *)out->ptr);
}

static struct mg_span
undone(struct mg_span raw, bool escaped, struct buf *scratch)
{
	size_t from = scratch->len;

	if (!escaped)
		return raw;
	jdoc_unescape(raw, scratch, NULL, NULL);
	return span(scratch->ptr + from, scratch->len - from);
}

struct mg_span
jdoc_string(const struct jdoc *doc, uint32_t node, struct buf *scratch)
{
	const struct jdoc_node *n = &doc->nodes[node];

	assert(n->type == JDOC_STRING);
	return undone(span(doc->text + n->at + 1, n->len - 2),
	    (n->flags & JDOC_ESCAPED) != 0, scratch);
}

struct mg_span
jdoc_key(const struct jdoc *doc, uint32_t node, struct buf *scratch)
{
	const struct jdoc_node *n = &doc->nodes[node];

	return undone(span(doc->text + n->key_at, n->key_len),
	    (n->flags & JDOC_KEY_ESCAPED) != 0, scratch);
}

bool
jdoc_int(const struct jdoc *doc, uint32_t node, int64_t *out)
{
	const struct jdoc_node *n = &doc->nodes[node];
	struct mg_span digits = span(doc->text + n->at, n->len);
	bool negative;
	uint64_t value;

	if (n->type != JDOC_NUMBER)
		return false;
	negative = digits.ptr[0] == '-';
	if (negative) {
		digits.ptr++;
		digits.len--;
	}
	if (!span_to_u64(digits, &value))
		return false;
	if (value > (uint64_t)INT64_MAX + (negative ? 1 : 0))
		return false;
	if (!negative)
		*out = (int64_t)value;
	else if (value == (uint64_t)INT64_MAX + 1)
		*out = INT64_MIN;
	else
		*out = -(int64_t)value;
	return true;
}

bool
jdoc_is(const struct jdoc *doc, uint32_t node, const char *string)
{
	const struct jdoc_node *n = &doc->nodes[node];

	return n->type == JDOC_STRING &&
	    means(doc->text + n->at + 1, n->len - 2, string);
}

void
jdoc_splice(struct mg_span text, const struct jdoc_splice *splices, size_t n,
    struct buf *out)
{
	size_t from = 0, i;

	for (i = 0; i < n; i++) {
		assert(splices[i].at >= from);
		assert(splices[i].len <= text.len - splices[i].at);
		buf_add(out, text.ptr + from, splices[i].at - from);
		buf_add_span(out, splices[i].with);
		from = splices[i].at + splices[i].len;
	}
	buf_add(out, text.ptr + from, text.len - from);
}
