/* SPDX-License-Identifier: Apache-2.0 */
/* screen_edit.c - what is done to a channel: its cut and its edits.
 *
 * Edits are kept in order of place, and those that overlap melt together.
 * They come while filters run, when the text may still grow on either side;
 * what each of them writes (a template, a placeholder) is made out of the
 * channel's own bytes once its place is clear, so that filters and views do
 * not matter to it. */
#include "gateway/screen_state.h"

#include <stdlib.h>
#include <string.h>

#include "filters/fold/fold.h"
#include "gateway/redact.h"

/* Where a block rule's match cuts: at the match, or at the beginning of the
 * unit that its `stream:` judges as one. */
static uint64_t
cut_at(const struct channel_screen *channel, const struct policy_rule *rule,
    uint64_t at)
{
	switch (rule->stream) {
	case STREAM_EXACT:
		return at;
	case STREAM_SENTENCE:
		return channel_sentence_before(channel, at);
	case STREAM_WHOLE:
		return 0;
	}
	abort();
}

void
edit_cut(struct channel_screen *channel, uint64_t at)
{
	/* What is gone is gone: only a match longer than its max_hold can
	 * begin before the clear mark. */
	if (at < channel->clear)
		at = channel->clear;
	if (at < channel->cut)
		channel->cut = at;
}

void
edit_cut_for(struct channel_screen *channel, const struct policy_rule *rule,
    uint64_t at)
{
	edit_cut(channel, cut_at(channel, rule, at));
}

/* Of two edits that overlap, the later one's word stands there: it is a rule's
 * and the other restores, or they begin together and its rule is the first. */
static bool
goes_before(const struct screen_edit *later, const struct screen_edit *other)
{
	if (!later->rule || !other->rule)
		return later->rule != NULL;
	return other->at == later->at && later->rule < other->rule;
}

/* Appends an edit that begins at or after the last one, and melts the two
 * together where they overlap: the earlier one's word stands there, of two
 * that begin together the first rule's. */
static void
append(struct channel_screen *channel, const struct screen_edit *e)
{
	struct screen_edit *other = channel->n_edits ?
	    &channel->edits[channel->n_edits - 1] : NULL;
	uint64_t end = e->at + e->len, at;

	if (!other || other->at + other->len <= e->at) {
		channel->edits = xgrow(channel->edits, &channel->cap_edits,
		    channel->n_edits + 1, sizeof(*channel->edits));
		channel->edits[channel->n_edits++] = *e;
		return;
	}
	if (other->at + other->len > end)
		end = other->at + other->len;
	at = other->at;
	if (goes_before(e, other))
		*other = *e;
	other->at = at;
	other->len = end - at;
}

/* Adds an edit. Those of a second engine come when the first has gone through
 * the whole text: they wait, as to sort each in by itself would take the
 * square of their number. */
static void
edit_add(struct channel_screen *channel, struct screen_edit e)
{
	uint64_t at = e.at, len = e.len;

	if (at + len <= channel->clear)
		return;
	/* A text that is nothing but replacements would take many times its
	 * own size in memory: it does not pass. */
	if (channel->n_edits + channel->n_late == SCREEN_MAX_EDITS) {
		edit_cut(channel, at);
		return;
	}
	if (at < channel->clear) {
		e.len -= channel->clear - at;
		e.at = channel->clear;
	}
	e.match_at = e.at;
	e.match_len = e.len;
	if (channel->n_edits == 0 ||
	    channel->edits[channel->n_edits - 1].at <= e.at) {
		append(channel, &e);
		return;
	}
	channel->late = xgrow(channel->late, &channel->cap_late,
	    channel->n_late + 1, sizeof(*channel->late));
	channel->late[channel->n_late++] = e;
}

static int
by_place(const void *a, const void *b)
{
	const struct screen_edit *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (!x->rule || !y->rule)
		return x->rule ? -1 : y->rule != NULL;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

void
edit_melt_late(struct channel_screen *channel)
{
	size_t from, i, n;

	if (channel->n_late == 0)
		return;
	n = channel->n_late;
	qsort(channel->late, n, sizeof(*channel->late), by_place);
	for (from = channel->n_edits; from > 0; from--)
		if (channel->edits[from - 1].at +
		    channel->edits[from - 1].len <= channel->late[0].at)
			break;
	/* What stands behind the first of them is sorted in as well. */
	channel->late = xgrow(channel->late, &channel->cap_late,
	    n + channel->n_edits - from, sizeof(*channel->late));
	for (i = from; i < channel->n_edits; i++)
		channel->late[n++] = channel->edits[i];
	qsort(channel->late, n, sizeof(*channel->late), by_place);
	channel->n_edits = from;
	for (i = 0; i < n; i++)
		append(channel, &channel->late[i]);
	channel->n_late = 0;
}

void
edit_replace(struct channel_screen *channel, const struct policy_rule *rule,
    uint32_t item, uint64_t at, uint64_t end)
{
	if (channel->form == FORM_JSON) {
		at = raw_out_of_escape(channel, at, false);
		end = raw_out_of_escape(channel, end, true);
		if (raw_crosses_quote(channel, at, end - at)) {
			edit_cut_for(channel, rule, at);
			return;
		}
	}
	edit_add(channel, (struct screen_edit){ .at = at, .len = end - at,
		.with = rule->replacement, .with_len = rule->replacement ?
		    strlen(rule->replacement) : 0,
		.rule = rule, .item = item });
}

void
edit_replace_shown(struct channel_screen *channel,
    const struct policy_rule *rule, uint32_t item, const struct mg_found *found)
{
	const struct view *view = channel->view, *base;
	uint64_t at = found->at, end = found->at + found->len;
	struct fold_range range;

	for (; view->fold; view = view->parent) {
		at = fold_start(view->fold, at);
		end = fold_end(view->fold, end);
		if (view->parent->fold)
			continue;
		base = view->parent;
		while (fold_wrapped(view->fold, at, end, &range)) {
			if (range.at > at)
				edit_replace(channel, rule, item,
				    view_raw_start(base, at),
				    view_raw_end(base, range.at));
			at = range.end;
		}
	}
	edit_replace(channel, rule, item, view_raw_start(view, at),
	    view_raw_end(view, end));
}

void
edit_on_placeholder(void *arg, uint64_t at, uint64_t len, struct mg_span value)
{
	struct channel_screen *channel = arg;

	if (channel->n_edits + channel->n_late == SCREEN_MAX_EDITS ||
	    value.len > SCREEN_MAX_WRITTEN - channel->restored)
		return;
	channel->restored += value.len;
	edit_add(channel, (struct screen_edit){ .at = at, .len = len,
		.with = value.ptr, .with_len = value.len });
}

static struct mg_span
kind_of(const struct policy_rule *rule, uint32_t item)
{
	const struct mg_value *value;

	if (!rule->filter)
		return span("", 0);
	value = &rule->match.match[0];
	return item < value->n_items ? value->items[item].text : span("", 0);
}

/* Takes a placeholder for the whole of what is replaced. */
static bool
write_placeholder(struct channel_screen *channel, struct screen_edit *e)
{
	struct screen *screen = channel->screen;
	const struct policy_rule *rule = e->rule;
	struct buf value = { 0 };
	struct mg_span with;

	if (!screen->placeholders) {
		screen->placeholders = placeholders_new(screen->policy);
		screen->own_placeholders = true;
	}
	raw_add_readable(channel, e->at, e->len, channel->form == FORM_JSON &&
	    !e->bare, &value);
	with = placeholders_add(screen->placeholders,
	    rule->kinds[e->item < rule->n_kinds ? e->item : 0],
	    buf_span(&value));
	explicit_bzero(value.ptr, value.len);
	buf_fini(&value);
	e->with = with.ptr;
	e->with_len = with.len;
	return with.ptr != NULL;
}

static bool
write_template(struct channel_screen *channel, struct screen_edit *e)
{
	struct redact_facts facts = { e->rule->id, e->rule->category,
		kind_of(e->rule, e->item), { NULL, 0 },
		buf_span(&channel->screen->tenant),
		channel->screen->hash_key };
	struct buf value = { 0 }, out = { 0 };

	raw_add_readable(channel, e->match_at, e->match_len,
	    channel->form == FORM_JSON && !e->bare, &value);
	facts.value = buf_span(&value);
	redact_write(e->rule->redact, &facts, &out);
	buf_fini(&value);
	e->with = buf_cstr(&out);
	e->with_len = out.len;
	e->owned = true;
	channel->written += out.len;
	return channel->written <= SCREEN_MAX_WRITTEN;
}

void
edit_settle(struct channel_screen *channel)
{
	bool json = channel->keeps_raw && (channel->restore ||
	    channel->form == FORM_JSON);

	for (; channel->n_settled < channel->n_edits; channel->n_settled++) {
		struct screen_edit *e = &channel->edits[channel->n_settled];
		bool written = true;

		if (e->at + e->len > channel->clear)
			break;
		if (json) {
			raw_read_json(channel, e->at);
			e->bare = channel->form == FORM_JSON &&
			    channel->json.is_json && !channel->json.in_string;
			e->quoted = channel->form == FORM_PLAIN && !e->rule &&
			    channel->json.is_json && channel->json.in_string;
		}
		if (!e->rule)
			channel->screen->restored +=
			    e->at + e->len <= channel->cut;
		else if (e->rule->n_kinds > 0)
			written = write_placeholder(channel, e);
		else if (e->rule->redact)
			written = write_template(channel, e);
		if (!written && e->at < channel->cut)
			channel->cut = e->at;
	}
	if (json)
		raw_read_json(channel, channel->clear);
}

void
edit_free_all(struct channel_screen *channel)
{
	size_t i;

	for (i = 0; i < channel->n_settled; i++) {
		struct screen_edit *e = &channel->edits[i];

		if (e->owned) {
			explicit_bzero((char *)(uintptr_t)e->with,
			    e->with_len);
			free((char *)(uintptr_t)e->with);
		}
	}
	free(channel->edits);
	free(channel->late);
}
