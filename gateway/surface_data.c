/* SPDX-License-Identifier: Apache-2.0 */
/* surface_data.c - reads data: URLs and arrays of bytes.
 *
 * Strict, as a lenient decoder behind us (one that skips what is not base64,
 * one that knows more charsets) would read another text than we did: what is
 * not plainly right is reported as unreadable, never as empty.
 */
#include "gateway/surface_data.h"

#include "gateway/jdoc_keys.h"

bool
data_url_begins(const struct jdoc *doc, uint32_t node)
{
	const struct jdoc_node *n = &doc->nodes[node];
	const char *prefix = "data:";
	struct json_cursor c;
	int byte;

	json_cursor_start(&c, doc->text + n->at + 1, n->len - 2);
	for (; *prefix; prefix++) {
		byte = json_cursor_next(&c);
		if (byte >= 'A' && byte <= 'Z')
			byte += 'a' - 'A';
		if (byte != (unsigned char)*prefix)
			return false;
	}
	return true;
}

static int
base64_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648, section 4; padding may be missing. */
static bool
base64(struct mg_span in, struct buf *out)
{
	char *to = buf_reserve(out, in.len);
	unsigned bits = 0, n = 0;
	size_t i;

	for (i = 0; i < 2 && in.len && in.ptr[in.len - 1] == '='; i++)
		in.len--;
	if (in.len % 4 == 1 || (i && (in.len + i) % 4 != 0))
		return false;
	for (i = 0; i < in.len; i++) {
		int value = base64_value((unsigned char)in.ptr[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (unsigned)value;
		n += 6;
		if (n >= 8) {
			n -= 8;
			*to++ = (char)(bits >> n & 255);
		}
	}
	out->len = (size_t)(to - out->ptr);
	return true;
}

static bool
percent(struct mg_span in, struct buf *out)
{
	size_t i;

	for (i = 0; i < in.len; i++) {
		int high, low;

		if (in.ptr[i] != '%') {
			buf_add_byte(out, in.ptr[i]);
			continue;
		}
		if (in.len - i < 3)
			return false;
		high = json_hex((unsigned char)in.ptr[i + 1]);
		low = json_hex((unsigned char)in.ptr[i + 2]);
		if (high < 0 || low < 0)
			return false;
		buf_add_byte(out, (char)(high << 4 | low));
		i += 2;
	}
	return true;
}

static bool
starts(struct mg_span s, const char *with)
{
	size_t len = strlen(with);

	return s.len >= len && span_is_nocase(span(s.ptr, len), with);
}

static bool
ends(struct mg_span s, const char *with)
{
	size_t len = strlen(with);

	return s.len >= len &&
	    span_is_nocase(span(s.ptr + s.len - len, len), with);
}

/* Up to the next ';' of rest, which moves behind it. */
static struct mg_span
next_part(struct mg_span *rest)
{
	const char *semicolon = rest->len ?
	    memchr(rest->ptr, ';', rest->len) : NULL;
	struct mg_span part = *rest;

	if (!semicolon) {
		*rest = span(rest->ptr + rest->len, 0);
		return part;
	}
	part.len = (size_t)(semicolon - rest->ptr);
	*rest = span(semicolon + 1, rest->len - part.len - 1);
	return part;
}

/* Text, and UTF-8 whatever the charset's name, has no control characters but
 * those of lines. */
static bool
looks_like_text(struct mg_span s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < 0x20 && c != '\t' && c != '\n' && c != '\r' &&
		    c != '\f')
			return false;
	}
	return utf8_valid(s.ptr, s.len);
}

static bool
is_ascii(struct mg_span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80)
			return false;
	return true;
}

struct header {
	bool is_base64;
	bool is_media;		/* image, sound, film */
	bool is_text;		/* by its type */
	bool is_odd;		/* parameters that we do not understand */
	bool ascii_only;	/* charset that is UTF-8 for ASCII alone */
};

static void
read_parameter(struct mg_span part, struct header *h)
{
	if (span_is_nocase(part, "base64"))
		h->is_base64 = true;
	else if (span_is_nocase(part, "charset=utf-8") ||
	    span_is_nocase(part, "charset=utf8"))
		;
	else if (span_is_nocase(part, "charset=us-ascii") ||
	    span_is_nocase(part, "charset=iso-8859-1"))
		h->ascii_only = true;
	else
		h->is_odd = true;
}

static struct header
read_header(struct mg_span rest)
{
	struct header h = { 0 };
	struct mg_span type = next_part(&rest);

	/* "data:;base64,": the type is missing and means text/plain. */
	h.is_text = type.len == 0 || starts(type, "text/") ||
	    starts(type, "message/") || ends(type, "+json") ||
	    ends(type, "+xml") || ends(type, "+yaml") ||
	    span_is_nocase(type, "application/json") ||
	    span_is_nocase(type, "application/xml") ||
	    span_is_nocase(type, "application/yaml") ||
	    span_is_nocase(type, "application/javascript");
	h.is_media = !h.is_text && (starts(type, "image/") ||
	    starts(type, "audio/") || starts(type, "video/"));
	while (rest.len > 0)
		read_parameter(next_part(&rest), &h);
	return h;
}

enum data_url
data_url_read(struct mg_span url, struct buf *scratch,
    struct mg_span *decoded)
{
	size_t from = scratch->len;
	struct mg_span text;
	struct header h;
	const char *comma;
	bool done;

	if (!starts(url, "data:"))
		return DATA_NO;
	url = span(url.ptr + 5, url.len - 5);
	comma = url.len ? memchr(url.ptr, ',', url.len) : NULL;
	if (!comma)
		return DATA_UNREADABLE;
	h = read_header(span(url.ptr, (size_t)(comma - url.ptr)));
	if (h.is_media)
		return DATA_MEDIA;
	text = span(comma + 1, url.len - (size_t)(comma - url.ptr) - 1);
	done = h.is_base64 ? base64(text, scratch) : percent(text, scratch);
	text = span(scratch->ptr + from, scratch->len - from);
	if (done && looks_like_text(text) && !h.is_odd &&
	    (!h.ascii_only || is_ascii(text))) {
		*decoded = text.len ? text : span("", 0);
		return DATA_TEXT;
	}
	scratch->len = from;
	return done && !h.is_text && !looks_like_text(text) ? DATA_MEDIA :
	    DATA_UNREADABLE;
}

/* Replaces what is not UTF-8 in s by U+FFFD; out has been reserved. */
static void
add_lossy(struct mg_span s, struct buf *out)
{
	size_t at = 0;

	while (at < s.len) {
		size_t len = 1;

		while (len <= 4 && len <= s.len - at &&
		    !utf8_valid(s.ptr + at, len))
			len++;
		if (len <= 4 && len <= s.len - at) {
			buf_add(out, s.ptr + at, len);
			at += len;
		} else {
			buf_add(out, "\xef\xbf\xbd", 3);
			at++;
		}
	}
}

bool
data_bytes(const struct jdoc *doc, uint32_t array, struct buf *scratch,
    struct mg_span *decoded)
{
	size_t from = scratch->len;
	unsigned char piece[64];
	size_t n = 0, whole;
	uint32_t node;
	int64_t value;

	for (node = jdoc_child(doc, array); node;
	    node = jdoc_sibling(doc, node)) {
		if (!jdoc_int(doc, node, &value) || value < 0 || value > 255) {
			scratch->len = from;
			return false;
		}
		piece[n++] = (unsigned char)value;
		if (n < sizeof(piece))
			continue;
		/* What may go on in the next piece stays. */
		whole = utf8_whole((char *)piece, n);
		add_lossy(span((char *)piece, whole), scratch);
		memmove(piece, piece + whole, n - whole);
		n -= whole;
	}
	add_lossy(span((char *)piece, n), scratch);
	*decoded = span(scratch->ptr ? scratch->ptr + from : "",
	    scratch->len - from);
	return true;
}

/* Steps over a run of U+FFFD; false if there is none. */
static bool
skip_replacements(struct mg_span *s)
{
	size_t from = s->len;

	while (s->len >= 3 && memcmp(s->ptr, "\xef\xbf\xbd", 3) == 0)
		*s = span(s->ptr + 3, s->len - 3);
	return s->len != from;
}

bool
data_alike(struct mg_span a, struct mg_span b)
{
	while (a.len > 0 && b.len > 0) {
		bool skipped = skip_replacements(&a);

		if (skipped != skip_replacements(&b))
			return false;
		if (skipped)
			continue;
		if (*a.ptr != *b.ptr)
			return false;
		a = span(a.ptr + 1, a.len - 1);
		b = span(b.ptr + 1, b.len - 1);
	}
	return a.len == 0 && b.len == 0;
}
