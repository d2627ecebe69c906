/* SPDX-License-Identifier: Apache-2.0 */
/* http1.c - a strict HTTP/1.1 request reader.
 *
 * A line is copied into the reader's buffer as it comes and looked at when its
 * LF is there, never before: so every cut of the input meets the same checks
 * in the same order. Until the head is whole only offsets are kept, as the
 * buffer may move. */
#include "gateway/http1.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/target.h"

#define FIRST_BUFFER 1024	/* most heads of SDKs fit */
#define CHUNK_DIGITS 16		/* of a chunk's size; 64 bits */
#define CHUNK_LINE 512		/* one chunk's size and extensions */

enum state {
	S_START,		/* before the first byte of a request */
	S_SKIP,			/* after the CR of an empty line before it */
	S_REQUEST_LINE,
	S_FIELDS,
	S_LENGTH,		/* body with Content-Length */
	S_CHUNK_SIZE,
	S_CHUNK_DATA,
	S_CHUNK_CR,		/* the CRLF after a chunk's bytes */
	S_CHUNK_LF,
	S_TRAILERS,
	S_WHOLE,		/* END is to be told */
	S_FAULT,
};

/* A field as offsets into the buffer. */
struct slot {
	uint32_t name, name_len;
	uint32_t value, value_len;
};

struct http1 {
	struct http1_limits limits;
	enum state state;
	bool skipped;		/* the one empty line was there */
	struct buf buf;		/* the head; later one line of chunked */
	size_t line;		/* where the line at hand begins in buf */
	struct buf path;	/* the path, if normalising changed it */
	struct slot *slots;
	size_t n_slots, cap_slots;
	size_t method_len, target_len;	/* method at 0, target behind it */
	struct http1_field *fields;
	size_t cap_fields;
	struct http1_head head;
	uint64_t body_cap;
	uint64_t body_seen;	/* bytes of a chunked body announced so far */
	uint64_t left;		/* of the body, or of the chunk at hand */
	uint64_t extra;		/* bytes of extensions, then of trailers */
	size_t n_trailers;
	struct mg_span data;
	struct http1_fault fault;
};

enum line { LINE_MORE, LINE_WHOLE, LINE_LONG };

enum { C_TOKEN = 1, C_VALUE = 2 };

/* What a byte may be part of (RFC 9110 5.6.2, 5.5). obs-text is let through:
 * names of people stand in some clients' fields. */
static const unsigned char class_of[256] = {
	['\t'] = C_VALUE,
	[' '] = C_VALUE,
	['!'] = C_TOKEN | C_VALUE,
	['"'] = C_VALUE,
	['#' ... '\''] = C_TOKEN | C_VALUE,
	['('] = C_VALUE, [')'] = C_VALUE,
	['*'] = C_TOKEN | C_VALUE, ['+'] = C_TOKEN | C_VALUE,
	[','] = C_VALUE,
	['-'] = C_TOKEN | C_VALUE, ['.'] = C_TOKEN | C_VALUE,
	['/'] = C_VALUE,
	['0' ... '9'] = C_TOKEN | C_VALUE,
	[':' ... '@'] = C_VALUE,
	['A' ... 'Z'] = C_TOKEN | C_VALUE,
	['[' ... ']'] = C_VALUE,
	['^' ... 'z'] = C_TOKEN | C_VALUE,
	['{'] = C_VALUE,
	['|'] = C_TOKEN | C_VALUE,
	['}'] = C_VALUE,
	['~'] = C_TOKEN | C_VALUE,
	[0x80 ... 0xff] = C_VALUE,
};

static bool
all_of(const char *ptr, size_t len, unsigned class)
{
	unsigned all = class;
	size_t i;

	for (i = 0; i < len; i++)
		all &= class_of[(unsigned char)ptr[i]];
	return all == class;
}

static bool
is_token(struct mg_span s)
{
	return s.len > 0 && all_of(s.ptr, s.len, C_TOKEN);
}

bool
http1_field_valid(struct mg_span name, struct mg_span value)
{
	return is_token(name) && all_of(value.ptr, value.len, C_VALUE);
}

static enum http1_event
fault(struct http1 *r, int status, const char *phrase)
{
	r->fault = (struct http1_fault){ status, phrase };
	r->state = S_FAULT;
	return HTTP1_FAULT;
}

struct http1 *
http1_new(const struct http1_limits *limits)
{
	struct http1 *r = xcalloc(1, sizeof(*r));

	r->limits = *limits;
	return r;
}

void
http1_free(struct http1 *r)
{
	if (!r)
		return;
	buf_fini(&r->buf);
	buf_fini(&r->path);
	free(r->slots);
	free(r->fields);
	free(r);
}

void
http1_trim(struct http1 *r)
{
	if (!http1_is_idle(r))
		return;
	buf_fini(&r->buf);
	buf_fini(&r->path);
	free(r->slots);
	free(r->fields);
	r->slots = NULL;
	r->fields = NULL;
	r->cap_slots = r->cap_fields = 0;
	memset(&r->head, 0, sizeof(r->head));
}

static void
advance(struct mg_span *input, size_t n)
{
	input->ptr += n;
	input->len -= n;
}

/* Moves input into buf up to an LF. cap: bytes that the line may have, its
 * CRLF among them. */
static enum line
take_line(struct http1 *r, struct mg_span *input, size_t cap)
{
	size_t have = r->buf.len - r->line;
	size_t look = have < cap ? cap - have : 0;
	const char *lf;

	if (input->len < look)
		look = input->len;
	if (look > 0) {
		if (!r->buf.ptr)
			buf_reserve(&r->buf, FIRST_BUFFER);
		lf = memchr(input->ptr, '\n', look);
		if (lf)
			look = (size_t)(lf - input->ptr) + 1;
		buf_add(&r->buf, input->ptr, look);
		advance(input, look);
		if (lf)
			return LINE_WHOLE;
	}
	return r->buf.len - r->line >= cap ? LINE_LONG : LINE_MORE;
}

/* The line at hand without its CRLF; false if the CR is missing. */
static bool
line_text(const struct http1 *r, struct mg_span *text)
{
	size_t len = r->buf.len - r->line;

	if (len < 2 || r->buf.ptr[r->buf.len - 2] != '\r')
		return false;
	*text = span(r->buf.ptr + r->line, len - 2);
	return true;
}

static const char not_crlf[] = "a line does not end in CRLF";

/* "HTTP/1.0" or "HTTP/1.1". 0, or the status of what is wrong. */
static int
read_version(struct http1 *r, struct mg_span s)
{
	if (s.len != 8 || memcmp(s.ptr, "HTTP/", 5) != 0 || s.ptr[6] != '.' ||
	    s.ptr[5] < '0' || s.ptr[5] > '9' ||
	    s.ptr[7] < '0' || s.ptr[7] > '9')
		return 400;
	if (s.ptr[5] != '1' || s.ptr[7] > '1')
		return 505;
	r->head.minor = (unsigned)(s.ptr[7] - '0');
	return 0;
}

static enum http1_event
read_request_line(struct http1 *r)
{
	struct mg_span line, method;
	const char *first, *second;
	int status;

	if (!line_text(r, &line))
		return fault(r, 400, not_crlf);
	first = memchr(line.ptr, ' ', line.len);
	second = first ? memchr(first + 1, ' ',
	    line.len - (size_t)(first + 1 - line.ptr)) : NULL;
	if (!second)
		return fault(r, 400, "request line is not three words");
	status = read_version(r, span(second + 1,
	    line.len - (size_t)(second + 1 - line.ptr)));
	if (status == 505)
		return fault(r, 505, "only HTTP/1.0 and HTTP/1.1 are served");
	if (status)
		return fault(r, status, "request line has no HTTP version");
	method = span(line.ptr, (size_t)(first - line.ptr));
	if (!is_token(method))
		return fault(r, 400, "method is not a token");
	if (span_is(method, "CONNECT") || span_is(method, "TRACE"))
		return fault(r, 501, "this method is not served");
	r->method_len = method.len;
	r->target_len = (size_t)(second - first) - 1;
	r->line = r->buf.len;
	r->state = S_FIELDS;
	return HTTP1_MORE;
}

/* Splits a field line. NULL, or what is wrong with it. */
static const char *
split_field(struct mg_span line, struct http1_field *field)
{
	const char *colon = memchr(line.ptr, ':', line.len);
	struct mg_span value;

	if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
		return "a field is folded over two lines";
	if (!colon)
		return "a field has no colon";
	field->name = span(line.ptr, (size_t)(colon - line.ptr));
	if (!is_token(field->name))
		return "a field's name is not a token";
	value = span(colon + 1, line.len - field->name.len - 1);
	if (!all_of(value.ptr, value.len, C_VALUE))
		return "a field's value has a control byte";
	while (value.len > 0 && (value.ptr[0] == ' ' || value.ptr[0] == '\t'))
		advance(&value, 1);
	while (value.len > 0 && (value.ptr[value.len - 1] == ' ' ||
	    value.ptr[value.len - 1] == '\t'))
		value.len--;
	field->value = value;
	return NULL;
}

static enum http1_event
read_target(struct http1 *r)
{
	struct http1_head *head = &r->head;
	struct target target;
	const char *wrong;

	wrong = target_split(head->target, &target);
	if (!wrong)
		wrong = target_normalise(target.path, &r->path, &head->path);
	if (!wrong && target.authority.len > 0)
		wrong = target_check_host(target.authority);
	if (wrong)
		return fault(r, 400, wrong);
	head->query = target.query;
	switch (http1_count(head, "host")) {
	case 0:
		if (head->minor > 0)
			return fault(r, 400, "Host is missing");
		head->host = target.authority;
		return HTTP1_MORE;
	case 1:
		head->host = http1_get(head, "host");
		break;
	default:
		return fault(r, 400, "there is more than one Host");
	}
	wrong = target_check_host(head->host);
	if (wrong)
		return fault(r, 400, wrong);
	if (target.authority.len > 0 && (target.authority.len !=
	    head->host.len || strncasecmp(target.authority.ptr,
	    head->host.ptr, head->host.len) != 0))
		return fault(r, 400, "request target and Host disagree");
	return HTTP1_MORE;
}

static bool
all_digits(struct mg_span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return s.len > 0;
}

/* Where does the body end? There must be one answer (RFC 9112 section 6.3). */
static enum http1_event
read_framing(struct http1 *r, const struct http1_field *length,
    size_t n_lengths, const struct http1_field *coding, size_t n_codings)
{
	struct http1_head *head = &r->head;

	if (n_codings > 0) {
		if (n_lengths > 0)
			return fault(r, 400, "both Content-Length and "
			    "Transfer-Encoding are there");
		if (head->minor == 0)
			return fault(r, 400,
			    "HTTP/1.0 has no Transfer-Encoding");
		if (n_codings > 1)
			return fault(r, 400,
			    "there is more than one Transfer-Encoding");
		if (coding->value.len == 0)
			return fault(r, 400, "Transfer-Encoding is empty");
		if (!span_is_nocase(coding->value, "chunked"))
			return fault(r, 501,
			    "Transfer-Encoding is not chunked alone");
		head->framing = HTTP1_CHUNKED;
		return HTTP1_MORE;
	}
	if (n_lengths == 0)
		return HTTP1_MORE;
	if (n_lengths > 1)
		return fault(r, 400, "there is more than one Content-Length");
	if (!all_digits(length->value))
		return fault(r, 400, "Content-Length is not a number");
	/* One above the cap is a fault when the body is wanted: who asks is
	 * settled first. */
	if (!span_to_u64(length->value, &head->content_length))
		return fault(r, 413, "the body is too large");
	head->framing = HTTP1_LENGTH;
	return HTTP1_MORE;
}

/* One Connection field: a list of tokens, of which two mean something here.
 * What else it names has no power over what is sent on: that is built anew. */
static void
read_connection(struct mg_span list, bool *close, bool *keep)
{
	while (list.len > 0) {
		const char *comma = memchr(list.ptr, ',', list.len);
		size_t len = comma ? (size_t)(comma - list.ptr) : list.len;
		struct mg_span item = span(list.ptr, len);

		while (item.len > 0 && (item.ptr[0] == ' ' ||
		    item.ptr[0] == '\t'))
			advance(&item, 1);
		while (item.len > 0 && (item.ptr[item.len - 1] == ' ' ||
		    item.ptr[item.len - 1] == '\t'))
			item.len--;
		if (span_is_nocase(item, "close"))
			*close = true;
		else if (span_is_nocase(item, "keep-alive"))
			*keep = true;
		advance(&list, comma ? len + 1 : len);
	}
}

/* What the fields say about the message itself. */
static enum http1_event
read_fields(struct http1 *r)
{
	const struct http1_field *length = NULL, *coding = NULL;
	struct http1_head *head = &r->head;
	size_t n_lengths = 0, n_codings = 0, i;
	bool close = false, keep = false;

	for (i = 0; i < head->n_fields; i++) {
		const struct http1_field *f = &head->fields[i];

		if (span_is_nocase(f->name, "content-length")) {
			length = f;
			n_lengths++;
		} else if (span_is_nocase(f->name, "transfer-encoding")) {
			coding = f;
			n_codings++;
		} else if (span_is_nocase(f->name, "connection")) {
			read_connection(f->value, &close, &keep);
		} else if (span_is_nocase(f->name, "upgrade") &&
		    !span_is_nocase(f->value, "h2c")) {
			/* The offer of h2c (RFC 7540 3.2), which Java's client
			 * makes unasked, may be ignored: RFC 9110 7.8. */
			return fault(r, 400, "Upgrade is not possible: this "
			    "address speaks HTTP/1.1 only, no WebSocket");
		} else if (span_is_nocase(f->name, "expect") &&
		    head->minor > 0) {
			if (!span_is_nocase(f->value, "100-continue"))
				return fault(r, 417,
				    "Expect is not 100-continue");
			head->expect_continue = true;
		}
	}
	head->keep_alive = !close && (head->minor > 0 || keep);
	return read_framing(r, length, n_lengths, coding, n_codings);
}

/* The empty line is there: turns offsets into spans, checks the whole. */
static enum http1_event
finish_head(struct http1 *r)
{
	struct http1_head *head = &r->head;
	const char *base = r->buf.ptr;
	size_t i;

	head->method = span(base, r->method_len);
	head->target = span(base + r->method_len + 1, r->target_len);
	r->fields = xgrow(r->fields, &r->cap_fields, r->n_slots,
	    sizeof(*r->fields));
	for (i = 0; i < r->n_slots; i++) {
		const struct slot *s = &r->slots[i];

		r->fields[i].name = span(base + s->name, s->name_len);
		r->fields[i].value = span(base + s->value, s->value_len);
	}
	head->fields = r->fields;
	head->n_fields = r->n_slots;
	if (read_target(r) == HTTP1_FAULT || read_fields(r) == HTTP1_FAULT)
		return HTTP1_FAULT;
	r->left = head->content_length;
	switch (head->framing) {
	case HTTP1_NO_BODY:
		r->state = S_WHOLE;
		break;
	case HTTP1_LENGTH:
		r->state = r->left ? S_LENGTH : S_WHOLE;
		break;
	case HTTP1_CHUNKED:
		r->state = S_CHUNK_SIZE;
		break;
	}
	return HTTP1_HEAD;
}

static enum http1_event
read_field_line(struct http1 *r)
{
	struct http1_field field;
	struct mg_span line;
	struct slot *slot;
	const char *wrong;

	if (!line_text(r, &line))
		return fault(r, 400, not_crlf);
	if (line.len == 0)
		return finish_head(r);
	if (r->n_slots >= r->limits.head_count)
		return fault(r, 431, "there are too many fields");
	wrong = split_field(line, &field);
	if (wrong)
		return fault(r, 400, wrong);
	r->slots = xgrow(r->slots, &r->cap_slots, r->n_slots + 1,
	    sizeof(*r->slots));
	slot = &r->slots[r->n_slots++];
	/* A head is at most head_bytes long, which is 32 bits. */
	slot->name = (uint32_t)r->line;
	slot->name_len = (uint32_t)field.name.len;
	slot->value = (uint32_t)(field.value.ptr - r->buf.ptr);
	slot->value_len = (uint32_t)field.value.len;
	r->line = r->buf.len;
	return HTTP1_MORE;
}

/* Before the first byte of a request line. */
static enum http1_event
start(struct http1 *r, struct mg_span *input)
{
	char c = input->ptr[0];

	r->body_cap = r->limits.body_bytes;
	if (c == '\r' && !r->skipped) {
		advance(input, 1);
		r->state = S_SKIP;
		return HTTP1_MORE;
	}
	if (c == 0x16)
		return fault(r, 400, "this is not HTTP; was TLS meant? This "
		    "address speaks plain HTTP");
	if (!(class_of[(unsigned char)c] & C_TOKEN))
		return fault(r, 400, "request does not begin with a method");
	memset(&r->head, 0, sizeof(r->head));
	r->state = S_REQUEST_LINE;
	return HTTP1_MORE;
}

static enum http1_event
skip(struct http1 *r, struct mg_span *input)
{
	if (input->ptr[0] != '\n')
		return fault(r, 400, not_crlf);
	advance(input, 1);
	r->skipped = true;
	r->state = S_START;
	return HTTP1_MORE;
}

static enum http1_event
request_line(struct http1 *r, struct mg_span *input)
{
	uint64_t cap = (uint64_t)r->limits.line_bytes + 2;

	if (cap > r->limits.head_bytes)
		cap = r->limits.head_bytes;
	switch (take_line(r, input, (size_t)cap)) {
	case LINE_MORE:
		return HTTP1_MORE;
	case LINE_LONG:
		return fault(r, 414, "the request line is too long");
	case LINE_WHOLE:
		return read_request_line(r);
	}
	abort();
}

static enum http1_event
fields(struct http1 *r, struct mg_span *input)
{
	switch (take_line(r, input, r->limits.head_bytes - r->line)) {
	case LINE_MORE:
		return HTTP1_MORE;
	case LINE_LONG:
		return fault(r, 431, "the head is too large");
	case LINE_WHOLE:
		return read_field_line(r);
	}
	abort();
}

/* Gives out what there is of `left` bytes of body. */
static enum http1_event
give(struct http1 *r, struct mg_span *input, enum state then)
{
	size_t n = input->len;

	if (n > r->left)
		n = (size_t)r->left;
	r->data = span(input->ptr, n);
	advance(input, n);
	r->left -= n;
	if (r->left == 0)
		r->state = then;
	return HTTP1_BODY;
}

/* Size of a chunk: hex digits, then nothing or ";…" (RFC 9112 section 7.1).
 * White space around it, which only broken senders write, is refused. */
static enum http1_event
read_chunk_size(struct http1 *r)
{
	uint64_t size = 0;
	struct mg_span line;
	size_t i;

	if (!line_text(r, &line))
		return fault(r, 400, not_crlf);
	for (i = 0; i < line.len; i++) {
		char c = line.ptr[i];
		unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') :
		    c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 :
		    c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 16;

		if (digit == 16)
			break;
		if (i == CHUNK_DIGITS)
			return fault(r, 400, "a chunk's size is too long");
		size = size << 4 | digit;
	}
	if (i == 0 || (i < line.len && line.ptr[i] != ';'))
		return fault(r, 400, "a chunk's size is not a hex number");
	if (!all_of(line.ptr + i, line.len - i, C_VALUE))
		return fault(r, 400,
		    "a chunk's extension has a control byte");
	r->extra += line.len - i;
	if (r->extra > r->limits.head_bytes)
		return fault(r, 400, "chunk extensions are too long");
	if (r->body_seen > r->body_cap || size > r->body_cap - r->body_seen)
		return fault(r, 413, "the body is too large");
	r->body_seen += size;
	r->left = size;
	r->state = size ? S_CHUNK_DATA : S_TRAILERS;
	if (size == 0)
		r->extra = 0;
	buf_clear(&r->buf);
	return HTTP1_MORE;
}

static enum http1_event
chunk_size(struct http1 *r, struct mg_span *input)
{
	if (r->body_seen == 0 && r->line > 0) {
		/* The head's spans have died: its room serves the lines. */
		buf_clear(&r->buf);
		r->line = 0;
	}
	switch (take_line(r, input, CHUNK_LINE)) {
	case LINE_MORE:
		return HTTP1_MORE;
	case LINE_LONG:
		return fault(r, 400, "a chunk's size line is too long");
	case LINE_WHOLE:
		return read_chunk_size(r);
	}
	abort();
}

static enum http1_event
chunk_crlf(struct http1 *r, struct mg_span *input)
{
	if (input->ptr[0] != (r->state == S_CHUNK_CR ? '\r' : '\n'))
		return fault(r, 400, "a chunk does not end where it said");
	advance(input, 1);
	r->state = r->state == S_CHUNK_CR ? S_CHUNK_LF : S_CHUNK_SIZE;
	return HTTP1_MORE;
}

/* Fields after the last chunk: checked, counted, dropped. None of them may
 * change what was decided from the head. */
static enum http1_event
trailers(struct http1 *r, struct mg_span *input)
{
	struct http1_field field;
	struct mg_span line;
	const char *wrong;

	switch (take_line(r, input, r->limits.head_bytes - (size_t)r->extra)) {
	case LINE_MORE:
		return HTTP1_MORE;
	case LINE_LONG:
		return fault(r, 431, "the trailers are too large");
	case LINE_WHOLE:
		break;
	}
	if (!line_text(r, &line))
		return fault(r, 400, not_crlf);
	r->extra += line.len + 2;
	if (line.len == 0) {
		r->state = S_WHOLE;
		return HTTP1_MORE;
	}
	if (r->n_trailers++ >= r->limits.head_count)
		return fault(r, 431, "there are too many trailers");
	wrong = split_field(line, &field);
	if (wrong)
		return fault(r, 400, wrong);
	buf_clear(&r->buf);
	return HTTP1_MORE;
}

static enum http1_event
finish(struct http1 *r)
{
	r->state = S_START;
	r->skipped = false;
	r->line = r->n_slots = r->n_trailers = 0;
	r->body_seen = r->left = r->extra = 0;
	buf_clear(&r->buf);
	return HTTP1_END;
}

/* One step; HTTP1_MORE: there may be another one. */
static enum http1_event
step(struct http1 *r, struct mg_span *input)
{
	switch (r->state) {
	case S_START:
		return start(r, input);
	case S_SKIP:
		return skip(r, input);
	case S_REQUEST_LINE:
		return request_line(r, input);
	case S_FIELDS:
		return fields(r, input);
	case S_LENGTH:
		return give(r, input, S_WHOLE);
	case S_CHUNK_SIZE:
		return chunk_size(r, input);
	case S_CHUNK_DATA:
		return give(r, input, S_CHUNK_CR);
	case S_CHUNK_CR:
	case S_CHUNK_LF:
		return chunk_crlf(r, input);
	case S_TRAILERS:
		return trailers(r, input);
	case S_WHOLE:
		return finish(r);
	case S_FAULT:
		return HTTP1_FAULT;
	}
	abort();
}

enum http1_event
http1_next(struct http1 *r, struct mg_span *input)
{
	enum http1_event event;

	if (r->state == S_LENGTH && r->head.content_length > r->body_cap)
		return fault(r, 413, "the body is too large");
	while (input->len > 0 || r->state == S_WHOLE || r->state == S_FAULT) {
		event = step(r, input);
		if (event != HTTP1_MORE)
			return event;
	}
	return HTTP1_MORE;
}

const struct http1_head *
http1_head(const struct http1 *r)
{
	return &r->head;
}

struct mg_span
http1_data(const struct http1 *r)
{
	return r->data;
}

const struct http1_fault *
http1_fault(const struct http1 *r)
{
	return &r->fault;
}

void
http1_limit_body(struct http1 *r, uint64_t bytes)
{
	r->body_cap = bytes;
}

bool
http1_is_idle(const struct http1 *r)
{
	return r->state == S_START;
}

struct mg_span
http1_get(const struct http1_head *head, const char *name)
{
	size_t i;

	for (i = 0; i < head->n_fields; i++)
		if (span_is_nocase(head->fields[i].name, name))
			return head->fields[i].value;
	return span(NULL, 0);
}

size_t
http1_count(const struct http1_head *head, const char *name)
{
	size_t n = 0, i;

	for (i = 0; i < head->n_fields; i++)
		if (span_is_nocase(head->fields[i].name, name))
			n++;
	return n;
}
