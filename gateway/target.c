/* SPDX-License-Identifier: Apache-2.0 */
/* target.c - the request target and Host, taken apart and normalised once. */
#include "gateway/target.h"

#include <arpa/inet.h>

enum {
	T_UNRESERVED = 1,	/* ALPHA DIGIT - . _ ~ */
	T_SUB_DELIM = 2,
	T_PATH_MORE = 4,	/* : @ / */
	T_QUERY_MORE = 8,	/* ? and what clients send raw though RFC 3986
				 * wants it escaped; nothing is routed by it */
};

static unsigned
kind(char c)
{
	static const unsigned char more[128] = {
		['-'] = T_UNRESERVED, ['.'] = T_UNRESERVED,
		['_'] = T_UNRESERVED, ['~'] = T_UNRESERVED,
		['!'] = T_SUB_DELIM, ['$'] = T_SUB_DELIM, ['&'] = T_SUB_DELIM,
		['\''] = T_SUB_DELIM, ['('] = T_SUB_DELIM, [')'] = T_SUB_DELIM,
		['*'] = T_SUB_DELIM, ['+'] = T_SUB_DELIM, [','] = T_SUB_DELIM,
		[';'] = T_SUB_DELIM, ['='] = T_SUB_DELIM,
		[':'] = T_PATH_MORE, ['@'] = T_PATH_MORE, ['/'] = T_PATH_MORE,
		['?'] = T_QUERY_MORE, ['['] = T_QUERY_MORE,
		[']'] = T_QUERY_MORE, ['{'] = T_QUERY_MORE,
		['}'] = T_QUERY_MORE, ['|'] = T_QUERY_MORE,
		['^'] = T_QUERY_MORE, ['`'] = T_QUERY_MORE,
	};
	unsigned char u = (unsigned char)c;

	if ((u >= '0' && u <= '9') || (u >= 'a' && u <= 'z') ||
	    (u >= 'A' && u <= 'Z'))
		return T_UNRESERVED;
	return u < 128 ? more[u] : 0;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte of the escape that begins at s[i], or -1. */
static int
escape(struct mg_span s, size_t i)
{
	int high, low;

	if (s.len - i < 3)
		return -1;
	high = hex_digit(s.ptr[i + 1]);
	low = hex_digit(s.ptr[i + 2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Only bytes of the given kinds and whole escapes. */
static bool
made_of(struct mg_span s, unsigned kinds)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (s.ptr[i] == '%') {
			if (escape(s, i) <= 0)
				return false;	/* %00 has no use at all */
			i += 2;
		} else if (!(kind(s.ptr[i]) & kinds)) {
			return false;
		}
	}
	return true;
}

/* Bytes of "http://" or "https://" at the beginning, 0 if neither. */
static size_t
scheme(struct mg_span s)
{
	if (s.len >= 7 && span_is_nocase(span(s.ptr, 7), "http://"))
		return 7;
	if (s.len >= 8 && span_is_nocase(span(s.ptr, 8), "https://"))
		return 8;
	return 0;
}

const char *
target_split(struct mg_span raw, struct target *out)
{
	const char *mark;
	size_t at = 0;

	memset(out, 0, sizeof(*out));
	if (raw.len == 0)
		return "request target is empty";
	if (raw.ptr[0] != '/') {
		size_t from = scheme(raw);

		if (from == 0)
			return "request target must be a path or an http URL";
		for (at = from; at < raw.len; at++)
			if (raw.ptr[at] == '/' || raw.ptr[at] == '?')
				break;
		out->authority = span(raw.ptr + from, at - from);
		if (out->authority.len == 0)
			return "request target has no host";
	}
	out->path = span(raw.ptr + at, raw.len - at);
	mark = out->path.len ?
	    memchr(out->path.ptr, '?', out->path.len) : NULL;
	if (mark) {
		size_t len = (size_t)(mark - out->path.ptr);

		out->query = span(mark + 1, out->path.len - len - 1);
		out->path.len = len;
	}
	if (out->path.len == 0)
		out->path = span("/", 1);
	if (!made_of(out->path, T_UNRESERVED | T_SUB_DELIM | T_PATH_MORE))
		return "request path has a byte or an escape that no URL has";
	if (!made_of(out->query, T_UNRESERVED | T_SUB_DELIM | T_PATH_MORE |
	    T_QUERY_MORE))
		return "query has a byte or an escape that no URL has";
	return NULL;
}

/* The text between the brackets of an IP-literal. */
static bool
is_ip_literal(struct mg_span s)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	size_t i;

	if (s.len > 0 && (s.ptr[0] == 'v' || s.ptr[0] == 'V')) {
		for (i = 1; i < s.len && hex_digit(s.ptr[i]) >= 0; i++)
			;
		if (i == 1 || i + 1 >= s.len || s.ptr[i] != '.')
			return false;
		for (i++; i < s.len; i++)
			if (s.ptr[i] != ':' && !(kind(s.ptr[i]) &
			    (T_UNRESERVED | T_SUB_DELIM)))
				return false;
		return true;
	}
	if (s.len == 0 || s.len >= sizeof(text) || memchr(s.ptr, 0, s.len))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	return inet_pton(AF_INET6, text, &addr) == 1;
}

const char *
target_check_host(struct mg_span host)
{
	const char *end;
	struct mg_span name = host, port = { NULL, 0 };
	uint64_t number;

	if (host.len == 0)
		return "Host is empty";
	if (host.ptr[0] == '[') {
		end = memchr(host.ptr, ']', host.len);
		if (!end)
			return "Host is not valid";
		name.len = (size_t)(end - host.ptr) + 1;
		if (!is_ip_literal(span(host.ptr + 1, name.len - 2)))
			return "Host is not valid";
	} else {
		end = memchr(host.ptr, ':', host.len);
		if (end)
			name.len = (size_t)(end - host.ptr);
		if (name.len == 0 || !made_of(name, T_UNRESERVED | T_SUB_DELIM))
			return "Host is not valid";
	}
	if (name.len == host.len)
		return NULL;
	if (host.ptr[name.len] != ':')
		return "Host is not valid";
	port = span(host.ptr + name.len + 1, host.len - name.len - 1);
	/* RFC 3986 lets the digits after ':' be absent. */
	if (port.len > 0 && (!span_to_u64(port, &number) || number > 65535))
		return "Host has a port that is no port";
	return NULL;
}

/* Nothing to decode, collapse or strip: the common case. */
static bool
is_normal(struct mg_span raw)
{
	size_t i;

	for (i = 0; i < raw.len; i++)
		if (raw.ptr[i] == '%' || (raw.ptr[i] == '/' &&
		    (i + 1 == raw.len || raw.ptr[i + 1] == '/')))
			return raw.len == 1 && raw.ptr[0] == '/';
	return true;
}

static bool
has_dot_segment(struct mg_span path)
{
	size_t from, i;

	for (i = 0; i < path.len; i = from) {
		for (from = i + 1; from < path.len && path.ptr[from] != '/';
		    from++)
			;
		if (span_is(span(path.ptr + i, from - i), "/.") ||
		    span_is(span(path.ptr + i, from - i), "/.."))
			return true;
	}
	return false;
}

/* Appends what the escape at raw[i] means. */
static const char *
add_escape(struct mg_span raw, size_t i, struct buf *out)
{
	static const char digit[] = "0123456789ABCDEF";
	int c = escape(raw, i);

	if (c < 0x20 || c == 0x7f)
		return "request path has an escaped control byte";
	if (c == '.' || c == '/' || c == '\\')
		return "request path has an escaped dot, slash or backslash";
	if (kind((char)c) & T_UNRESERVED) {
		buf_add_byte(out, (char)c);
	} else {
		buf_add_byte(out, '%');
		buf_add_byte(out, digit[c >> 4]);
		buf_add_byte(out, digit[c & 15]);
	}
	return NULL;
}

const char *
target_normalise(struct mg_span raw, struct buf *scratch, struct mg_span *path)
{
	const char *wrong;
	size_t i;

	if (has_dot_segment(raw))
		return "request path has a dot segment";
	*path = raw;
	if (is_normal(raw))
		return NULL;
	buf_clear(scratch);
	buf_reserve(scratch, raw.len + 1);
	for (i = 0; i < raw.len; i++) {
		char c = raw.ptr[i];

		if (c == '%') {
			wrong = add_escape(raw, i, scratch);
			if (wrong)
				return wrong;
			i += 2;
		} else if (c != '/' || scratch->len == 0 ||
		    scratch->ptr[scratch->len - 1] != '/') {
			buf_add_byte(scratch, c);
		}
	}
	if (scratch->len > 1 && scratch->ptr[scratch->len - 1] == '/')
		scratch->len--;
	*path = buf_span(scratch);
	return NULL;
}
