/* SPDX-License-Identifier: Apache-2.0 */
/* screen_json.c - a channel's own bytes where they are JSON.
 *
 * A channel that may be rewritten keeps its bytes until they are clear. Here
 * they are asked where an escape begins and ends, whether a quote lies
 * between two places, whether a place is inside of a string, and what they
 * say to a reader. */
#include "gateway/screen_state.h"

#include <string.h>

#include "gateway/unescape.h"

/* The raw byte at an offset of the channel; 0 where it is out of sight. */
static char
raw_byte(const struct channel_screen *channel, uint64_t at)
{
	return at < channel->raw_at ||
	    at - channel->raw_at >= channel->raw.len ? '\0' :
	    channel->raw.ptr[at - channel->raw_at];
}

/* Reads \uXXXX at an offset: its number, or -1. */
static int
raw_unicode(const struct channel_screen *channel, uint64_t at)
{
	int value = 0, i;

	if (raw_byte(channel, at) != '\\' || raw_byte(channel, at + 1) != 'u')
		return -1;
	for (i = 2; i < 6; i++) {
		int c = (unsigned char)raw_byte(channel, at + (uint64_t)i);

		if (c >= '0' && c <= '9')
			value = value * 16 + c - '0';
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			value = value * 16 + (c | 32) - 'a' + 10;
		else
			return -1;
	}
	return value;
}

/* Bytes of the escape that begins at an offset; 0 when none does. */
static uint64_t
escape_len(const struct channel_screen *channel, uint64_t at)
{
	uint64_t before = at;
	int high, low;
	char c;

	if (raw_byte(channel, at) != '\\')
		return 0;
	while (before > channel->raw_at &&
	    raw_byte(channel, before - 1) == '\\')
		before--;
	if ((at - before) % 2)
		return 0;		/* it is escaped itself */
	high = raw_unicode(channel, at);
	low = raw_unicode(channel, at + 6);
	if (high >= 0)
		return high >= 0xd800 && high <= 0xdbff && low >= 0xdc00 &&
		    low <= 0xdfff ? 12 : 6;
	c = raw_byte(channel, at + 1);
	return c && strchr("bfnrt\"\\/", c) ? 2 : 0;
}

uint64_t
raw_out_of_escape(const struct channel_screen *channel, uint64_t at,
    bool to_end)
{
	uint64_t back;

	for (back = 11; back > 0; back--) {
		uint64_t len;

		if (back > at || at - back < channel->raw_at)
			continue;
		len = escape_len(channel, at - back);
		if (len > back)
			return to_end ? at - back + len : at - back;
	}
	return at;
}

/* Inside JSON, a replacement must not swallow the quotes of the strings
 * around it. */
bool
raw_crosses_quote(const struct channel_screen *channel, uint64_t at,
    uint64_t len)
{
	bool escaped = false;
	uint64_t i;

	for (i = at; i < at + len; i++) {
		char c;

		if (i < channel->raw_at ||
		    i - channel->raw_at >= channel->raw.len)
			return true;	/* out of sight: be careful */
		c = channel->raw.ptr[i - channel->raw_at];
		if (c == '"' && !escaped)
			return true;
		escaped = c == '\\' && !escaped;
	}
	return false;
}

void
raw_read_json(struct channel_screen *channel, uint64_t to)
{
	struct json_state *j = &channel->json;

	for (; j->at < to; j->at++) {
		char c = raw_byte(channel, j->at);

		if (!j->began && !strchr(" \t\r\n", c)) {
			j->began = true;
			j->is_json = c == '{' || c == '[';
		}
		if (c == '"' && !j->escaped)
			j->in_string = !j->in_string;
		j->escaped = j->in_string && c == '\\' && !j->escaped;
	}
}

void
raw_add_readable(const struct channel_screen *channel, uint64_t at,
    uint64_t len, bool escaped, struct buf *out)
{
	struct mg_span raw = span(channel->raw.ptr + (at - channel->raw_at),
	    (size_t)len);
	struct unescape *unescape;
	uint64_t open;

	if (!escaped) {
		buf_add_span(out, raw);
		return;
	}
	unescape = unescape_new();
	buf_add_span(out, unescape_feed(unescape, raw, true, &open));
	unescape_free(unescape);
}
