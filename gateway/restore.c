/* SPDX-License-Identifier: Apache-2.0 */
/* restore.c - finds an exchange's placeholders in a growing answer. */
#include "gateway/restore.h"

#include <stdlib.h>

#include "gateway/buf.h"
#include "gateway/unescape.h"

struct restore {
	const struct placeholders *table;
	struct unescape *unescape;	/* NULL: the raw bytes */
	struct buf window;		/* what may still become one */
	uint64_t at;			/* offset of window.ptr[0] in the view */
	bool after_word;		/* before it stands a letter or digit */
};

struct restore *
restore_new(const struct placeholders *table, bool json)
{
	struct restore *r = xcalloc(1, sizeof(*r));

	r->table = table;
	if (json)
		r->unescape = unescape_new();
	return r;
}

void
restore_free(struct restore *r)
{
	if (!r)
		return;
	unescape_free(r->unescape);
	buf_fini(&r->window);
	free(r);
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_';
}

static uint64_t
map(const struct restore *r, uint64_t at)
{
	return r->unescape ? unescape_map(r->unescape, at) : at;
}

/* Reads text, which begins at r->at, as far as it is certain; returns how many
 * bytes that are. */
static size_t
scan(struct restore *r, struct mg_span text, bool last,
    void (*found)(void *arg, uint64_t at, uint64_t len, struct mg_span value),
    void *arg)
{
	size_t i = 0, len;
	struct mg_span value;

	while (i < text.len) {
		enum placeholder_match match = PLACEHOLDER_NOT;

		len = 1;
		if (placeholders_may_begin(r->table, text.ptr[i]))
			match = placeholders_match(r->table,
			    span(text.ptr + i, text.len - i), r->after_word,
			    last, &len, &value);
		if (match == PLACEHOLDER_MORE)
			break;
		if (match == PLACEHOLDER_YES) {
			uint64_t at = map(r, r->at + i);

			found(arg, at, map(r, r->at + i + len) - at, value);
		}
		i += len;
		r->after_word = is_word(text.ptr[i - 1]);
	}
	return i;
}

uint64_t
restore_feed(struct restore *r, struct mg_span text, bool last,
    void (*found)(void *arg, uint64_t at, uint64_t len, struct mg_span value),
    void *arg)
{
	uint64_t open = UINT64_MAX, hold;
	size_t done;

	if (r->unescape)
		text = unescape_feed(r->unescape, text, last, &open);
	if (r->window.len > 0) {
		buf_add_span(&r->window, text);
		done = scan(r, buf_span(&r->window), last, found, arg);
		buf_drop(&r->window, done);
	} else {
		done = scan(r, text, last, found, arg);
		buf_add(&r->window, text.ptr + done, text.len - done);
	}
	r->at += done;
	hold = map(r, r->at);
	if (r->unescape)
		unescape_forget(r->unescape, r->at);
	return hold < open ? hold : open;
}
