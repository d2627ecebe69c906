/* SPDX-License-Identifier: Apache-2.0 */
/* screen_view.c - the ways in which a channel is read.
 *
 * As it is, folded in the ways that its rules ask for and, where it is JSON,
 * with its escapes undone. A view reads what another one puts out, and maps
 * offsets back through it: outside of this file all offsets are the channel's
 * own bytes. Which filters run over a view's text is screen_judge.c's
 * business. */
#include "gateway/screen_state.h"

#include "filters/fold/fold.h"
#include "gateway/unescape.h"

static const struct {
	enum view_kind parent;
	enum fold_step step;
	enum mg_fold fold;		/* of the rules that look at it */
	enum fold_via via;		/* … and what they look for */
	bool leet;
	const char *name[2];		/* raw; escapes undone */
} kinds[N_VIEWS] = {
#define VIEW(parent, step, fold, via, leet, name) \
	{ parent, step, MG_FOLD_##fold, VIA_##via, leet, \
	    { name, "unescaped, " name } }
	{ VIEW_RAW, 0, MG_FOLD_NONE, VIA_TEXT, false, { "raw", "unescaped" } },
	VIEW(VIEW_RAW, FOLD_BASIC, BASIC, TEXT, false, "basic"),
	VIEW(VIEW_RAW, FOLD_STRONG, STRONG, TEXT, false, "strong"),
	VIEW(VIEW_STRONG, FOLD_JOINED, STRONG, TEXT, false, "strong, joined"),
	VIEW(VIEW_STRONG, FOLD_TIGHT, STRONG, TEXT, false,
	    "strong, joined tightly"),
	VIEW(VIEW_STRONG, FOLD_LEET, STRONG, TEXT, true, "strong, leet"),
	VIEW(VIEW_JOINED, FOLD_LEET, STRONG, TEXT, true,
	    "strong, joined, leet"),
	VIEW(VIEW_TIGHT, FOLD_LEET, STRONG, TEXT, true,
	    "strong, joined tightly, leet"),
	VIEW(VIEW_STRONG, FOLD_PINYIN, STRONG, PINYIN, false,
	    "strong, pinyin"),
	VIEW(VIEW_JOINED, FOLD_PINYIN, STRONG, PINYIN, false,
	    "strong, joined, pinyin"),
	VIEW(VIEW_RAW, FOLD_BASE64, NONE, BASE64, false, "base64"),
	VIEW(VIEW_BASE64, FOLD_BASIC, BASIC, BASE64, false, "base64, basic"),
	VIEW(VIEW_BASE64, FOLD_STRONG, STRONG, BASE64, false,
	    "base64, strong"),
	VIEW(VIEW_BASE64_STRONG, FOLD_JOINED, STRONG, BASE64, false,
	    "base64, strong, joined"),
	VIEW(VIEW_RAW, FOLD_HEX, NONE, HEX, false, "hex"),
	VIEW(VIEW_HEX, FOLD_BASIC, BASIC, HEX, false, "hex, basic"),
	VIEW(VIEW_HEX, FOLD_STRONG, STRONG, HEX, false, "hex, strong"),
	VIEW(VIEW_HEX_STRONG, FOLD_JOINED, STRONG, HEX, false,
	    "hex, strong, joined"),
	VIEW(VIEW_RAW, FOLD_URL, NONE, URL, false, "url"),
	VIEW(VIEW_URL, FOLD_BASIC, BASIC, URL, false, "url, basic"),
	VIEW(VIEW_URL, FOLD_STRONG, STRONG, URL, false, "url, strong"),
	VIEW(VIEW_URL_STRONG, FOLD_JOINED, STRONG, URL, false,
	    "url, strong, joined"),
#undef VIEW
};

bool
view_looks_at(const struct policy_engine *engine, enum view_kind kind)
{
	/* What is reversed is the word, not the text. Only words in the text
	 * itself are also looked for as leet. */
	enum fold_via via = engine->via == VIA_REVERSED ? VIA_TEXT :
	    engine->via;

	return kinds[kind].fold == engine->fold && kinds[kind].via == via &&
	    kinds[kind].leet == (engine->leet && via == VIA_TEXT);
}

unsigned
views_needed(const struct policy_engine *engine)
{
	unsigned bits = 0, k, v;

	for (k = 0; k < N_VIEWS; k++)
		for (v = k; view_looks_at(engine, k) && v != VIEW_RAW;
		    v = kinds[v].parent)
			bits |= 1u << v;
	return bits;
}

static void
view_open(struct channel_screen *channel, struct view *view,
    enum view_kind kind, bool unescape)
{
	const struct policy *policy = channel->screen->policy;
	struct view *base = view - __builtin_popcount(channel->scopes->views &
	    ((1u << kind) - 1));
	enum view_kind parent = kinds[kind].parent;
	size_t e;

	view->kind = kind;
	view->name = kinds[kind].name[unescape];
	if (kind == VIEW_RAW) {
		view->unescape = unescape ? unescape_new() : NULL;
	} else {
		view->parent = base + __builtin_popcount(
		    channel->scopes->views & ((1u << parent) - 1));
		view->fold = fold_new(kinds[kind].step);
	}
	view->begins_plain = true;
	for (e = 0; e < policy->n_engines; e++) {
		if (channel->scopes->engine[e].n == 0 ||
		    !view_looks_at(&policy->engines[e], kind))
			continue;
		view->looks = true;
		view->begins_plain &= policy->engines[e].begins_plain;
	}
}

void
views_open(struct channel_screen *channel, struct view *view, void **scans,
    bool unescape)
{
	unsigned k;

	for (k = 0; k < N_VIEWS; k++) {
		if (!(channel->scopes->views >> k & 1))
			continue;
		view_open(channel, view, k, unescape);
		view->scans = scans;
		scans += channel->screen->policy->n_engines;
		view++;
		channel->n_views++;
	}
}

static void
view_close(const struct policy *policy, struct view *view)
{
	size_t e;

	for (e = 0; e < policy->n_engines; e++)
		if (view->scans[e])
			policy->engines[e].type->end(view->scans[e]);
	buf_fini(&view->window);
	unescape_free(view->unescape);
	fold_free(view->fold);
}

void
views_close(struct channel_screen *channel)
{
	unsigned v;

	for (v = 0; v < channel->n_views; v++)
		view_close(channel->screen->policy, &channel->views[v]);
}

uint64_t
view_raw_start(const struct view *view, uint64_t at)
{
	for (; view; view = view->parent) {
		if (view->fold)
			at = fold_start(view->fold, at);
		else if (view->unescape)
			at = unescape_map(view->unescape, at);
	}
	return at;
}

static bool
view_joins(const struct view *view)
{
	enum fold_step step = kinds[view->kind].step;

	return step == FOLD_JOINED || step == FOLD_TIGHT;
}

/* The first byte of the channel that a view still holds. Separators that may
 * be left out are not held for a match that has not begun: one that begins
 * with them is seen on the view without joins. */
static uint64_t
raw_hold(const struct view *view, uint64_t hold)
{
	bool open = view->begins_plain && hold == view->end;

	for (; view; view = view->parent) {
		bool joins = view_joins(view);
		bool end = hold == view->end;

		if (view->fold)
			hold = fold_start(view->fold, hold);
		else if (view->unescape)
			hold = unescape_map(view->unescape, hold);
		if (joins && open && end)
			hold += fold_gap(view->fold);
	}
	return hold;
}

uint64_t
view_raw_end(const struct view *view, uint64_t end)
{
	for (; view; view = view->parent) {
		if (view->fold)
			end = fold_end(view->fold, end);
		else if (view->unescape)
			end = unescape_map(view->unescape, end);
	}
	return end;
}

bool
view_tells(const struct view *view, uint64_t at, uint64_t end)
{
	for (; view && view->fold; view = view->parent) {
		if (view_joins(view) && !fold_crosses(view->fold, at, end))
			return false;
		at = fold_start(view->fold, at);
		end = fold_end(view->fold, end);
	}
	return true;
}

/* Whether the view shows nothing but what another one does: nothing was joined
 * in a text that is whole. */
static bool
repeats(const struct view *view)
{
	for (; view && view->fold; view = view->parent)
		if (view_joins(view) && !fold_differs(view->fold))
			return true;
	return false;
}

/* What of each view's map may still be asked for. */
static void
forget(struct view *views, unsigned n)
{
	unsigned v;

	for (v = 0; v < n; v++)
		views[v].needed = views[v].looks ? views[v].at : views[v].end;
	for (v = n; v-- > 0;) {
		struct view *view = &views[v];
		uint64_t at;

		if (view->unescape)
			unescape_forget(view->unescape, view->needed);
		if (!view->fold)
			continue;
		at = fold_start(view->fold, view->needed);
		fold_forget(view->fold, view->needed);
		if (at < view->parent->needed)
			view->parent->needed = at;
	}
}

uint64_t
views_feed(struct channel_screen *channel, struct view *views, unsigned n,
    struct mg_span text, bool last)
{
	bool whole = last && views->end == 0;
	uint64_t hold = UINT64_MAX, h;
	unsigned v;

	for (v = 0; v < n; v++) {
		struct view *view = &views[v];

		view->out = view->fold ? fold_feed(view->fold,
		    view->parent->out, last) : text;
		view->end += view->out.len;
		h = view->end;
		if (view->looks && whole && repeats(view))
			view->at = view->end;
		else if (view->looks)
			h = judge_view(channel, view, last);
		h = view->looks || v == 0 ? raw_hold(view, h) : hold;
		if (h < hold)
			hold = h;
	}
	forget(views, n);
	return hold;
}

/* JSON inside a string: first with its escapes undone, then as it stands, but
 * no further than to an escape that is not whole, so that every match can be
 * widened to whole escapes. */
uint64_t
views_feed_json(struct channel_screen *channel, const char *ptr, size_t len,
    bool last)
{
	unsigned n = channel->n_views / 2;
	struct view *plain = channel->views, *raw = channel->views + n;
	uint64_t hold, open, from = channel->raw_fed, h;
	struct mg_span text;

	text = unescape_feed(plain->unescape, span(ptr, len), last, &open);
	hold = views_feed(channel, plain, n, text, last);
	channel->raw_fed = open;
	text = span(channel->raw.len == 0 ? "" :
	    channel->raw.ptr + (from - channel->raw_at), (size_t)(open - from));
	h = views_feed(channel, raw, n, text, last);
	if (h < hold)
		hold = h;
	return hold < open ? hold : open;
}
