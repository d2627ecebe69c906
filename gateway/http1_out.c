/* SPDX-License-Identifier: Apache-2.0 */
/* http1_out.c - the few lines that write a response head. No locale, no
 * printf: this is on the path of every answer. */
#include "gateway/http1.h"

#include <time.h>

const char *
http1_reason(int status)
{
	switch (status) {
	case 100: return "Continue";
	case 200: return "OK";
	case 201: return "Created";
	case 202: return "Accepted";
	case 204: return "No Content";
	case 304: return "Not Modified";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 402: return "Payment Required";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 406: return "Not Acceptable";
	case 408: return "Request Timeout";
	case 409: return "Conflict";
	case 411: return "Length Required";
	case 413: return "Content Too Large";
	case 414: return "URI Too Long";
	case 415: return "Unsupported Media Type";
	case 417: return "Expectation Failed";
	case 421: return "Misdirected Request";
	case 422: return "Unprocessable Content";
	case 424: return "Failed Dependency";
	case 426: return "Upgrade Required";
	case 429: return "Too Many Requests";
	case 431: return "Request Header Fields Too Large";
	case 451: return "Unavailable For Legal Reasons";
	case 500: return "Internal Server Error";
	case 501: return "Not Implemented";
	case 502: return "Bad Gateway";
	case 503: return "Service Unavailable";
	case 504: return "Gateway Timeout";
	case 505: return "HTTP Version Not Supported";
	case 507: return "Insufficient Storage";
	case 529: return "Overloaded";
	default: return "Status";
	}
}

static char *
two(char *at, int value)
{
	*at++ = (char)('0' + value / 10 % 10);
	*at++ = (char)('0' + value % 10);
	return at;
}

/* "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", made once a second and thread. */
static struct mg_span
date(void)
{
	static _Thread_local struct {
		time_t at;
		char text[38];
	} kept;
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct timespec now;
	struct tm tm;
	char *p = kept.text;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (now.tv_sec == kept.at && kept.text[0])
		return span(kept.text, 37);
	gmtime_r(&now.tv_sec, &tm);
	memcpy(p, "Date: ", 6);
	memcpy(p + 6, days + tm.tm_wday * 3, 3);
	memcpy(p + 9, ", ", 2);
	p = two(p + 11, tm.tm_mday);
	*p++ = ' ';
	memcpy(p, months + tm.tm_mon * 3, 3);
	p[3] = ' ';
	p = two(p + 4, (tm.tm_year + 1900) / 100);
	p = two(p, tm.tm_year % 100);
	*p++ = ' ';
	p = two(p, tm.tm_hour);
	*p++ = ':';
	p = two(p, tm.tm_min);
	*p++ = ':';
	p = two(p, tm.tm_sec);
	memcpy(p, " GMT\r\n", 6);
	kept.at = now.tv_sec;
	return span(kept.text, 37);
}

void
http1_add_u64(struct buf *out, uint64_t value)
{
	char text[20];
	size_t i = sizeof(text);

	do {
		text[--i] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	buf_add(out, text + i, sizeof(text) - i);
}

void
http1_add_hex(struct buf *out, uint64_t value)
{
	static const char digit[] = "0123456789abcdef";
	char text[16];
	size_t i = sizeof(text);

	do {
		text[--i] = digit[value & 15];
		value >>= 4;
	} while (value > 0);
	buf_add(out, text + i, sizeof(text) - i);
}

void
http1_add_head(struct buf *out, int status, const struct http1_field *fields,
    size_t n_fields)
{
	size_t i;

	if (!out->ptr)
		buf_reserve(out, 1024);
	buf_add(out, "HTTP/1.1 ", 9);
	http1_add_u64(out, (uint64_t)status);
	buf_add_byte(out, ' ');
	buf_add_str(out, http1_reason(status));
	buf_add(out, "\r\n", 2);
	buf_add_span(out, date());
	for (i = 0; i < n_fields; i++) {
		/* Some come from a backend; a line break in one would let it
		 * write our head. */
		if (!http1_field_valid(fields[i].name, fields[i].value))
			continue;
		buf_add_span(out, fields[i].name);
		buf_add(out, ": ", 2);
		buf_add_span(out, fields[i].value);
		buf_add(out, "\r\n", 2);
	}
}
