/* SPDX-License-Identifier: Apache-2.0 */
/* upstream_head.c - a strict reading of a backend's answer head.
 *
 * libcurl cuts a head into lines and frames the body by it. Where it is more
 * lenient than the next reader might be (two lengths, a length beside chunks,
 * control characters, folded lines), the answer is refused here, before its
 * body is looked at. */
#include "gateway/upstream_head.h"

#include <stdlib.h>

static enum upstream_line
bad(struct upstream_reader *r, const char *why)
{
	r->why = why;
	r->done = true;
	return LINE_BAD;
}

static bool
is_token(struct mg_span s)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";
	size_t i;

	for (i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9'))
			continue;
		if (c == '\0' || !strchr(marks, c))
			return false;
	}
	return s.len > 0;
}

/* No control character but the tab (RFC 9110 section 5.5). */
static bool
is_text(struct mg_span s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static struct mg_span
trim(struct mg_span s)
{
	while (s.len && (*s.ptr == ' ' || *s.ptr == '\t')) {
		s.ptr++;
		s.len--;
	}
	while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static int
digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : -1;
}

/* HTTP/1.x SP 3DIGIT [SP reason]. RFC 9112 section 4 wants the second space
 * even without a reason; several servers leave it out, and nothing hangs on
 * it. */
static enum upstream_line
status_line(struct upstream_reader *r, struct mg_span s)
{
	int a, b, c;

	if (s.len < 12 || memcmp(s.ptr, "HTTP/1.", 7) != 0 ||
	    s.ptr[8] != ' ' || (s.ptr[7] != '0' && s.ptr[7] != '1') ||
	    (s.len > 12 && s.ptr[12] != ' ') || !is_text(s))
		return bad(r, "bad status line");
	a = digit(s.ptr[9]);
	b = digit(s.ptr[10]);
	c = digit(s.ptr[11]);
	if (a < 1 || a > 5 || b < 0 || c < 0)
		return bad(r, "bad status");
	r->minor = (unsigned)digit(s.ptr[7]);
	r->head.status = a * 100 + b * 10 + c;
	if (r->head.status == 101)
		return bad(r, "the backend switches protocols");
	if (a == 1 && ++r->interim > UPSTREAM_INTERIM_COUNT)
		return bad(r, "too many interim answers");
	r->in_head = true;
	r->has_length = r->is_chunked = r->is_coded = r->is_stream = false;
	r->head.length = -1;
	r->head.content_type = span(NULL, 0);
	r->text.len = 0;
	r->n = 0;
	return LINE_MORE;
}

/* What decides about framing and reading. */
static enum upstream_line
weigh(struct upstream_reader *r, struct mg_span name, struct mg_span value)
{
	uint64_t length;

	switch (name.len) {
	case 14:
		if (!span_is_nocase(name, "content-length"))
			break;
		if (r->has_length)
			return bad(r, "two Content-Length fields");
		if (!span_to_u64(value, &length) || length > INT64_MAX)
			return bad(r, "bad Content-Length");
		r->has_length = true;
		r->head.length = (int64_t)length;
		break;
	case 16:
		if (span_is_nocase(name, "content-encoding")) {
			r->is_coded |= value.len > 0 &&
			    !span_is_nocase(value, "identity");
		}
		break;
	case 17:
		if (!span_is_nocase(name, "transfer-encoding"))
			break;
		if (r->is_chunked)
			return bad(r, "two Transfer-Encoding fields");
		if (!span_is_nocase(value, "chunked"))
			return bad(r, "unknown Transfer-Encoding");
		r->is_chunked = true;
		break;
	}
	return LINE_MORE;
}

static enum upstream_line
field_line(struct upstream_reader *r, struct mg_span s)
{
	const char *colon = memchr(s.ptr, ':', s.len);
	struct upstream_place *p;
	struct mg_span name, value;

	if (!colon)
		return bad(r, "a field without a colon");
	name = span(s.ptr, (size_t)(colon - s.ptr));
	value = trim(span(colon + 1, s.len - name.len - 1));
	if (!is_token(name))
		return bad(r, "bad field name");
	if (!is_text(value))
		return bad(r, "control characters in a field");
	if (++r->count > UPSTREAM_HEAD_COUNT)
		return bad(r, "too many fields");
	if (!r->in_head)
		return LINE_MORE;	/* a trailer: checked and dropped */
	r->places = xgrow(r->places, &r->places_cap, r->n + 1,
	    sizeof(*r->places));
	p = &r->places[r->n++];
	p->name_at = (uint32_t)r->text.len;
	p->name_len = (uint32_t)name.len;
	p->value_at = p->name_at + p->name_len;
	p->value_len = (uint32_t)value.len;
	buf_add_span(&r->text, name);
	buf_add_span(&r->text, value);
	return weigh(r, name, value);
}

static void
place_fields(struct upstream_reader *r)
{
	struct upstream_head *h = &r->head;
	size_t i, len;

	h->fields = xgrow(h->fields, &r->fields_cap, r->n,
	    sizeof(*h->fields));
	h->n_fields = r->n;
	for (i = 0; i < r->n; i++) {
		const struct upstream_place *p = &r->places[i];
		struct http1_field *f = &h->fields[i];

		f->name = span(r->text.ptr + p->name_at, p->name_len);
		f->value = span(r->text.ptr + p->value_at, p->value_len);
		if (h->content_type.ptr || p->name_len != 12 ||
		    !span_is_nocase(f->name, "content-type"))
			continue;
		for (len = 0; len < f->value.len; len++)
			if (f->value.ptr[len] == ';')
				break;
		h->content_type = trim(span(f->value.ptr, len));
	}
	r->is_stream = span_is_nocase(h->content_type, "text/event-stream");
}

static enum upstream_line
head_end(struct upstream_reader *r)
{
	int status = r->head.status;

	if (!r->in_head)
		return LINE_MORE;	/* the end of the trailers */
	r->in_head = false;
	if (r->is_chunked && r->has_length)
		return bad(r, "both Content-Length and Transfer-Encoding");
	if (r->is_chunked && r->minor == 0)
		return bad(r, "Transfer-Encoding in HTTP/1.0");
	if (status < 200) {
		if (r->is_chunked || r->has_length)
			return bad(r, "an interim answer with a body");
		return LINE_MORE;
	}
	if (r->is_coded)
		return bad(r, "a Content-Encoding that was not asked for");
	r->done = true;
	r->head.until_close = !r->is_chunked && !r->has_length &&
	    status != 204 && status != 304;
	place_fields(r);
	return LINE_HEAD;
}

enum upstream_line
upstream_reader_line(struct upstream_reader *r, struct mg_span line)
{
	if (r->why)
		return LINE_BAD;
	if (line.len > UPSTREAM_HEAD_BYTES - r->bytes)
		return bad(r, "the head is too large");
	r->bytes += (uint32_t)line.len;
	if (line.len < 2 || memcmp(line.ptr + line.len - 2, "\r\n", 2) != 0)
		return bad(r, "a line without CRLF");
	line.len -= 2;
	if (line.len == 0)
		return r->in_head || r->done ? head_end(r) :
		    bad(r, "no status line");
	if (!r->in_head && !r->done)
		return status_line(r, line);
	if (*line.ptr == ' ' || *line.ptr == '\t')
		return bad(r, "a folded field");
	return field_line(r, line);
}

void
upstream_reader_reset(struct upstream_reader *r)
{
	struct upstream_reader kept = {
		.text = r->text, .places = r->places,
		.places_cap = r->places_cap, .fields_cap = r->fields_cap,
	};

	kept.text.len = 0;
	kept.head.fields = r->head.fields;
	*r = kept;
}

void
upstream_reader_fini(struct upstream_reader *r)
{
	buf_fini(&r->text);
	free(r->places);
	free(r->head.fields);
	memset(r, 0, sizeof(*r));
}
