/* SPDX-License-Identifier: Apache-2.0 */
/* upstream_fields.c - a request's fields as libcurl takes them: a list of
 * lines, built over the last call's memory. */
#include "gateway/upstream_parts.h"

/* Framing, addressing, credentials and codings are not the caller's to set;
 * it should not try, and a slip must not reach the backend. */
static bool
is_reserved(struct mg_span name)
{
#define RESERVED(word) { word, sizeof(word) - 1 }
	static const struct mg_span reserved[] = {
		RESERVED("te"), RESERVED("host"), RESERVED("cookie"),
		RESERVED("expect"), RESERVED("api-key"), RESERVED("trailer"),
		RESERVED("upgrade"), RESERVED("x-api-key"),
		RESERVED("connection"), RESERVED("keep-alive"),
		RESERVED("authorization"), RESERVED("content-length"),
		RESERVED("accept-encoding"), RESERVED("proxy-connection"),
		RESERVED("transfer-encoding"),
		RESERVED("proxy-authorization"),
	};
#undef RESERVED
	size_t i;

	for (i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		if (name.len == reserved[i].len &&
		    span_is_nocase(name, reserved[i].ptr))
			return true;
	return false;
}

static bool
is_sendable(const struct http1_field *f)
{
	size_t i;

	if (f->name.len == 0 || is_reserved(f->name))
		return false;
	for (i = 0; i < f->value.len; i++) {
		unsigned char c = (unsigned char)f->value.ptr[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	for (i = 0; i < f->name.len; i++)
		if (f->name.ptr[i] <= ' ' || f->name.ptr[i] == ':' ||
		    f->name.ptr[i] == ';')
			return false;
	return true;
}

/* One "Name: value" line; libcurl wants "Name;" for an empty value. */
static void
add_line(struct buf *lines, const struct http1_field *f)
{
	buf_add_span(lines, f->name);
	if (f->value.len > 0) {
		buf_add(lines, ": ", 2);
		buf_add_span(lines, f->value);
	} else {
		buf_add_byte(lines, ';');
	}
	buf_add_byte(lines, '\0');
}

void
upstream_fields(struct upstream_call *call, const struct http1_field *fields,
    size_t n)
{
	bool has_type = false, has_accept = false;
	size_t i, lines = 0;
	char *line;

	buf_clear(&call->lines);
	for (i = 0; i < n; i++) {
		if (!is_sendable(&fields[i]))
			continue;
		has_type |= span_is_nocase(fields[i].name, "content-type");
		has_accept |= span_is_nocase(fields[i].name, "accept");
		add_line(&call->lines, &fields[i]);
		lines++;
	}
	/* Else libcurl would add its own: a form's type, and any type. */
	if (!has_type) {
		buf_add(&call->lines, "Content-Type:", 14);
		lines++;
	}
	if (!has_accept) {
		buf_add(&call->lines, "Accept:", 8);
		lines++;
	}
	if (lines == 0) {	/* the tail needs something to hang on */
		buf_add(&call->lines, "Expect:", 8);
		lines++;
	}
	call->nodes = xgrow(call->nodes, &call->nodes_cap, lines,
	    sizeof(*call->nodes));
	call->n_nodes = lines;
	for (i = 0, line = call->lines.ptr; i < lines; i++) {
		call->nodes[i].data = line;
		call->nodes[i].next = &call->nodes[i + 1];
		line += strlen(line) + 1;
	}
	call->nodes[lines - 1].next = NULL;
}
