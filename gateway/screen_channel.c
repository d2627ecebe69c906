/* SPDX-License-Identifier: Apache-2.0 */
/* screen_channel.c - one text that grows, and how far it is clear.
 *
 * What is fed goes to the views and to the placeholders, each of which holds
 * what may still become a match; here their marks become one, moved back to
 * where text may be divided: before an edit, an escape, a sentence that a
 * rule's `stream:` judges as one. What filters look at is screen_view.c's
 * business, what they say screen_judge.c's. */
#include "gateway/screen_state.h"

#include <stdlib.h>
#include <string.h>

struct channel_screen *
channel_open_scoped(struct screen *screen, struct role_scopes *scopes,
    enum screen_form form)
{
	size_t n_engines = screen->policy->n_engines, n;
	struct channel_screen *channel;
	void **scans;

	/* One block: a request has a channel for every string. Where nothing
	 * looks, there is no view at all. */
	n = scopes->any ? (size_t)__builtin_popcount(scopes->views) : 0;
	if (form == FORM_JSON)
		n *= 2;
	channel = xcalloc(1, sizeof(*channel) + n * (sizeof(struct view) +
	    n_engines * sizeof(void *)));
	channel->views = (struct view *)(channel + 1);
	scans = (void **)(channel->views + n);
	channel->screen = screen;
	channel->scopes = scopes;
	channel->form = form;
	channel->cut = SCREEN_NONE;
	if (screen_restores(screen))
		channel->restore = restore_new(screen->placeholders,
		    form == FORM_JSON);
	channel->keeps_raw = channel->restore || (n > 0 &&
	    (screen->reads_text || form == FORM_JSON));
	if (n == 0)
		return channel;
	if (channel->scopes->combines)
		channel->combine = combine_new(screen->policy,
		    screen->applies, &screen->tally);
	if (form == FORM_JSON) {
		views_open(channel, channel->views, scans, true);
		scans += n / 2 * n_engines;
	}
	views_open(channel, channel->views + channel->n_views, scans, false);
	return channel;
}

struct channel_screen *
channel_open(struct screen *screen, enum policy_role role,
    enum screen_form form)
{
	return channel_open_scoped(screen, screen_scopes(screen, 0, role),
	    form);
}

void
channel_close(struct channel_screen *channel)
{
	if (!channel)
		return;
	views_close(channel);
	combine_free(channel->combine);
	edit_free_all(channel);
	restore_free(channel->restore);
	buf_fini(&channel->raw);
	free(channel->sentences);
	free(channel->findings);
	free(channel);
}

uint64_t
channel_sentence_before(const struct channel_screen *channel, uint64_t at)
{
	size_t i = channel->n_sentences;

	while (i > 0 && channel->sentences[i - 1] > at)
		i--;
	return i > 0 ? channel->sentences[i - 1] : channel->clear;
}

static void
add_sentence(struct channel_screen *channel, uint64_t at)
{
	channel->sentences = xgrow(channel->sentences,
	    &channel->cap_sentences, channel->n_sentences + 1,
	    sizeof(*channel->sentences));
	channel->sentences[channel->n_sentences++] = at;
}

/* Notes where sentences end in fresh text, whatever its cuts. */
static void
note_sentences(struct channel_screen *channel, const char *ptr, size_t len)
{
	static const char *const wide[] = { "\u3002", "\uff01", "\uff1f",
		"\u2026" };
	size_t i, w;

	for (i = 0; i < len; i++) {
		if (channel->after_dot && ptr[i] == ' ')
			add_sentence(channel, channel->end + i);
		channel->after_dot = ptr[i] == '.';
		if (ptr[i] == '\n' || ptr[i] == '!' || ptr[i] == '?')
			add_sentence(channel, channel->end + i + 1);
		for (w = 0; w < 4 && (ptr[i] & 0x80) && i + 3 <= len; w++)
			if (memcmp(ptr + i, wide[w], 3) == 0)
				add_sentence(channel, channel->end + i + 3);
	}
}

/* Forgets the ends of sentences that are let go. */
static void
forget_sentences(struct channel_screen *channel)
{
	size_t drop = 0;

	while (drop < channel->n_sentences &&
	    channel->sentences[drop] <= channel->clear)
		drop++;
	if (drop == 0)
		return;
	channel->n_sentences -= drop;
	memmove(channel->sentences, channel->sentences + drop,
	    channel->n_sentences * sizeof(*channel->sentences));
}

/* The last place, not after hold, at which text may be divided: where no edit
 * goes through that another may still melt with, no sentence that is judged
 * as one, no escape. */
static uint64_t
unit_before(const struct channel_screen *channel, uint64_t hold)
{
	uint64_t before;
	size_t i;

	if (channel->scopes->whole)
		return 0;
	do {
		before = hold;
		for (i = channel->n_edits; i-- > 0 &&
		    channel->edits[i].at + channel->edits[i].len > hold;)
			if (channel->edits[i].at < hold)
				hold = channel->edits[i].at;
		if (channel->scopes->sentence)
			hold = channel_sentence_before(channel, hold);
		if (channel->form == FORM_JSON)
			hold = raw_out_of_escape(channel, hold, false);
	} while (hold != before);
	return hold;
}

void
channel_feed(struct channel_screen *channel, const char *ptr, size_t len,
    bool last)
{
	uint64_t hold = channel->end + len, h;

	if (channel->scopes->sentence)
		note_sentences(channel, ptr, len);
	if (channel->keeps_raw)
		buf_add(&channel->raw, ptr, len);
	if (channel->n_views > 0)
		hold = channel->form == FORM_JSON ?
		    views_feed_json(channel, ptr, len, last) :
		    views_feed(channel, channel->views, channel->n_views,
			span(ptr, len), last);
	if (channel->restore) {
		h = restore_feed(channel->restore, span(ptr, len), last,
		    edit_on_placeholder, channel);
		if (h < hold)
			hold = h;
	}
	channel->end += len;
	if (channel->combine)
		judge_combined(channel, last);
	edit_melt_late(channel);
	hold = last ? channel->end : unit_before(channel, hold);
	if (hold > channel->clear)
		channel->clear = hold;
	if (channel->scopes->sentence)
		forget_sentences(channel);
	edit_settle(channel);
	if (channel->keeps_raw) {
		buf_drop(&channel->raw,
		    (size_t)(channel->clear - channel->raw_at));
		channel->raw_at = channel->clear;
	}
}

uint64_t
channel_clear(const struct channel_screen *channel)
{
	return channel->clear;
}

uint64_t
channel_cut(const struct channel_screen *channel)
{
	return channel->cut;
}

const struct screen_edit *
channel_edits(const struct channel_screen *channel, size_t *n)
{
	*n = channel->n_edits;
	return channel->edits;
}

bool
channel_must_change(const struct channel_screen *channel)
{
	size_t i;

	for (i = 0; i < channel->n_edits; i++)
		if (channel->edits[i].rule)
			return true;
	return false;
}

const struct screen_finding *
channel_findings(const struct channel_screen *channel, size_t *n,
    uint64_t *total)
{
	*n = channel->n_findings;
	if (total)
		*total = channel->total;
	return channel->findings;
}

double
channel_sum(const struct channel_screen *channel,
    const struct policy_rule *score)
{
	return combine_sum(channel->combine, score);
}

uint64_t
channel_untold(struct channel_screen *channel)
{
	uint64_t untold = channel->untold;

	channel->untold = 0;
	return untold;
}
