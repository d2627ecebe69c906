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

/* An escape of four digits at p; its other half is taken along. Returns bytes
 * read. */
static size_t
unescape_unicode(const unsigned char *p, size_t n, bool first, struct buf *out,
    uint16_t *head, uint16_t *tail)
{
	unsigned code = json_hex4(p + 2), low = 0;
	unsigned char bytes[4];
	size_t used = 6;

	if (code >= 0xd800 && code < 0xdc00) {
		if (n >= 12 && p[6] == '\\' && p[7] == 'u')
			low = json_hex4(p + 8);
		if (low >= 0xdc00 && low < 0xe000) {
			code = 0x10000 + ((code - 0xd800) << 10) +
			    (low - 0xdc00);
			used = 12;
		} else if (tail && n == 6) {
			*tail = (uint16_t)code;
			return used;
		} else {
			code = 0xfffd;
		}
	} else if (code >= 0xdc00 && code < 0xe000) {
		if (head && first) {
			*head = (uint16_t)code;
			return used;
		}
		code = 0xfffd;
	}
	buf_add(out, bytes, json_put_utf8(code, bytes));
	return used;
}

void
jdoc_unescape(struct mg_span raw, struct buf *out, uint16_t *head,
    uint16_t *tail)
{
	const char *end = raw.ptr + raw.len, *p = raw.ptr, *slash;
	size_t left;

	if (head)
		*head = 0;
	if (tail)
		*tail = 0;
	if (raw.len == 0)
		return;
	/* What is undone is never longer than what was written. */
	(void)buf_reserve(out, raw.len);
	while (p < end) {
		slash = *p == '\\' ? p :
		    memchr(p, '\\', (size_t)(end - p));
		if (!slash)
			slash = end;
		buf_add(out, p, (size_t)(slash - p));
		left = (size_t)(end - slash);
		p = slash;
		if (left == 0)
			break;
		if (left >= 6 && p[1] == 'u') {
			p += unescape_unicode((const unsigned char *)p, left,
			    p == raw.ptr, out, head, tail);
			continue;
		}
		if (left == 1) {
			buf_add_byte(out, *p);
			break;
		}
		switch (p[1]) {
		case 'b': buf_add_byte(out, '\b'); break;
		case 'f': buf_add_byte(out, '\f'); break;
		case 'n': buf_add_byte(out, '\n'); break;
		case 'r': buf_add_byte(out, '\r'); break;
		case 't': buf_add_byte(out, '\t'); break;
		default: buf_add_byte(out, p[1]); break;
		}
		p += 2;
	}
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
