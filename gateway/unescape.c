/* SPDX-License-Identifier: Apache-2.0 */
/* unescape.c - undoes JSON escapes in a growing text and maps back.
 *
 * The map is a list of places where the distance between raw and view offsets
 * changes: one at each escape's beginning, one at its end. */
#include "gateway/unescape.h"

#include <stdlib.h>

#include "gateway/buf.h"

struct mark {
	uint64_t view, raw;
};

struct unescape {
	struct buf out;
	struct buf open;		/* an escape that is not whole: < 12 */
	uint64_t raw, view;		/* offsets after what was put out */
	struct mark *marks;
	size_t n, cap;
};

struct unescape *
unescape_new(void)
{
	return xcalloc(1, sizeof(struct unescape));
}

void
unescape_free(struct unescape *u)
{
	if (!u)
		return;
	buf_fini(&u->out);
	buf_fini(&u->open);
	free(u->marks);
	free(u);
}

static void
mark(struct unescape *u)
{
	if (u->n > 0 && u->marks[u->n - 1].view == u->view &&
	    u->marks[u->n - 1].raw == u->raw)
		return;
	u->marks = xgrow(u->marks, &u->cap, u->n + 1, sizeof(*u->marks));
	u->marks[u->n++] = (struct mark){ u->view, u->raw };
}

/* Four hex digits at p, or -1. */
static int
hex4(const char *p)
{
	int value = 0, i;

	for (i = 0; i < 4; i++) {
		int c = (unsigned char)p[i], digit;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			digit = (c | 32) - 'a' + 10;
		else
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

static size_t
put_utf8(char *out, unsigned c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 63));
		out[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 63));
	out[2] = (char)(0x80 | (c >> 6 & 63));
	out[3] = (char)(0x80 | (c & 63));
	return 4;
}

/* Reads \uXXXX, or a pair of them, at p. Returns raw bytes used, 0 when more
 * are needed, and the text in out. A lone half is U+FFFD; no escape at all is
 * one backslash. */
static size_t
unicode(const char *p, size_t n, bool last, char *out, size_t *out_len)
{
	int high, low;

	if (n < 6 && !last)
		return 0;
	high = n >= 6 ? hex4(p + 2) : -1;
	if (high < 0) {
		out[0] = '\\';
		*out_len = 1;
		return 1;
	}
	if (high >= 0xd800 && high <= 0xdbff) {
		size_t seen = n < 8 ? n : 8;

		/* Only what may be a second escape is worth waiting for. */
		if (n < 12 && !last && memcmp(p + 6, "\\u", seen - 6) == 0)
			return 0;
		low = n >= 12 && memcmp(p + 6, "\\u", 2) == 0 ?
		    hex4(p + 8) : -1;
		if (low >= 0xdc00 && low <= 0xdfff) {
			*out_len = put_utf8(out, 0x10000u +
			    ((unsigned)high - 0xd800u) * 0x400u +
			    ((unsigned)low - 0xdc00u));
			return 12;
		}
		high = 0xfffd;
	} else if (high >= 0xdc00 && high <= 0xdfff) {
		high = 0xfffd;
	}
	*out_len = put_utf8(out, (unsigned)high);
	return 6;
}

/* Undoes the escape at p (p[0] is a backslash). */
static size_t
escape(const char *p, size_t n, bool last, char *out, size_t *out_len)
{
	static const char from[] = "bfnrt\"\\/", to[] = "\b\f\n\r\t\"\\/";
	const char *found;

	if (n < 2) {
		out[0] = '\\';
		*out_len = 1;
		return last ? 1 : 0;
	}
	if (p[1] == 'u')
		return unicode(p, n, last, out, out_len);
	found = p[1] ? strchr(from, p[1]) : NULL;
	out[0] = found ? to[found - from] : '\\';
	*out_len = 1;
	return found ? 2 : 1;
}

struct mg_span
unescape_feed(struct unescape *u, struct mg_span raw, bool last,
    uint64_t *open)
{
	struct mg_span in = raw;
	size_t i = 0;

	buf_clear(&u->out);
	if (u->open.len > 0) {
		buf_add_span(&u->open, raw);
		in = buf_span(&u->open);
	}
	while (i < in.len) {
		const char *slash = memchr(in.ptr + i, '\\', in.len - i);
		size_t plain = slash ? (size_t)(slash - in.ptr) - i :
		    in.len - i;
		size_t used, len = 0;
		char out[4];

		buf_add(&u->out, in.ptr + i, plain);
		u->raw += plain;
		u->view += plain;
		i += plain;
		if (!slash)
			break;
		used = escape(slash, in.len - i, last, out, &len);
		if (used == 0)
			break;
		mark(u);
		buf_add(&u->out, out, len);
		u->raw += used;
		u->view += len;
		i += used;
		mark(u);
	}
	*open = u->raw;
	if (in.ptr == u->open.ptr) {
		buf_drop(&u->open, i);
	} else {
		buf_clear(&u->open);
		buf_add(&u->open, in.ptr + i, in.len - i);
	}
	return buf_span(&u->out);
}

uint64_t
unescape_map(const struct unescape *u, uint64_t view)
{
	size_t low = 0, high = u->n;

	/* The last mark that is not behind view. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (u->marks[middle].view <= view)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return view;
	return u->marks[low - 1].raw + (view - u->marks[low - 1].view);
}

void
unescape_forget(struct unescape *u, uint64_t view)
{
	size_t drop = 0;

	/* The last mark at or before view still maps what follows it. */
	while (drop + 1 < u->n && u->marks[drop + 1].view <= view)
		drop++;
	if (drop == 0)
		return;
	memmove(u->marks, u->marks + drop, (u->n - drop) * sizeof(*u->marks));
	u->n -= drop;
}
