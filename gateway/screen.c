/* SPDX-License-Identifier: Apache-2.0 */
/* screen.c - runs a compiled policy over texts.
 *
 * A filter reports; here the policy decides. What a rule found becomes a cut
 * (block) or an edit (redact), and what a rule may still find becomes a mark
 * up to which the text is clear. Offsets are the channel's own bytes
 * throughout.
 *
 * Each channel is read on several views: as it is, folded in the ways that its
 * rules ask for and, where it is JSON, with its escapes undone. A view reads
 * what another one puts out, and maps its findings back through it. */
#include "gateway/screen.h"

#include <assert.h>
#include <stdlib.h>

#include "filters/fold/fold.h"
#include "gateway/buf.h"
#include "gateway/clock.h"
#include "gateway/redact.h"
#include "gateway/restore.h"
#include "gateway/screen_combine.h"
#include "gateway/unescape.h"

#define MAX_FINDINGS 64
#define N_ROLES 6

/* Which of one engine's rules apply to texts by one role. */
struct scope {
	uint64_t *active, *holding;	/* one block; active is owned */
	struct mg_scope mg;		/* the same, as filters see it */
	size_t n;			/* rules that are active */
};

/* How a channel is read. Those that stand on another come after it. */
enum view_kind { VIEW_RAW, VIEW_BASIC, VIEW_STRONG, VIEW_JOINED, VIEW_TIGHT,
    VIEW_LEET, VIEW_LEET_JOINED, VIEW_LEET_TIGHT, VIEW_PINYIN,
    VIEW_BASE64, VIEW_BASE64_BASIC, VIEW_BASE64_STRONG,
    VIEW_HEX, VIEW_HEX_BASIC, VIEW_HEX_STRONG,
    VIEW_URL, VIEW_URL_BASIC, VIEW_URL_STRONG, N_VIEWS };

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
	VIEW(VIEW_RAW, FOLD_BASE64, NONE, BASE64, false, "base64"),
	VIEW(VIEW_BASE64, FOLD_BASIC, BASIC, BASE64, false, "base64, basic"),
	VIEW(VIEW_BASE64, FOLD_STRONG, STRONG, BASE64, false,
	    "base64, strong"),
	VIEW(VIEW_RAW, FOLD_HEX, NONE, HEX, false, "hex"),
	VIEW(VIEW_HEX, FOLD_BASIC, BASIC, HEX, false, "hex, basic"),
	VIEW(VIEW_HEX, FOLD_STRONG, STRONG, HEX, false, "hex, strong"),
	VIEW(VIEW_RAW, FOLD_URL, NONE, URL, false, "url"),
	VIEW(VIEW_URL, FOLD_BASIC, BASIC, URL, false, "url, basic"),
	VIEW(VIEW_URL, FOLD_STRONG, STRONG, URL, false, "url, strong"),
#undef VIEW
};

struct role_scopes {
	struct scope *engine;		/* n_engines; NULL: not worked out */
	unsigned views;			/* bits: kinds that are needed */
	bool any;			/* a rule applies to this role */
	bool sentence, whole;		/* a holding rule wants that */
	bool combines;			/* a rule has parts, or a score */
	const struct policy_rule **finals;	/* owned; rules with a `not` */
	size_t n_finals;
};

struct screen {
	const struct policy *policy;
	enum policy_side side;
	bool *applies;			/* per policy rule: side and subject */
	bool idle;
	bool timed;			/* one of POLICY_TIMED */
	bool reads_text;		/* what is written depends on a match */
	struct placeholders *placeholders;	/* NULL: there are none */
	bool own_placeholders;
	struct buf tenant;		/* reads_text */
	const struct hash_key *hash_key;
	uint64_t restored;
	struct role_scopes roles[N_ROLES];
	struct role_scopes *joined;	/* N_ROLES for each of the policy's
					 * spans; NULL: not asked for yet */
	bool *shadows;			/* shadow rules that found something,
					 * by place; NULL: none has */
	struct combine_tally tally;	/* of all its channels */
	uint64_t blocking;		/* sums that may block: a bit each */
};

/* Where a text that is JSON stands in its strings. */
struct json_state {
	uint64_t at;			/* read so far */
	bool began, is_json, in_string, escaped;
};

/* One way of reading a channel, with a scan per engine. */
struct view {
	enum view_kind kind;
	const char *name;
	struct view *parent;		/* NULL: it reads the channel */
	struct unescape *unescape;	/* with no parent; NULL: the raw bytes */
	struct fold *fold;		/* of parent's; NULL: there is none */
	struct mg_span out;		/* what this feed added */
	struct buf window;		/* text that a filter may need again */
	uint64_t at;			/* offset of window.ptr[0] */
	uint64_t end;			/* bytes of the view */
	uint64_t needed;		/* by this one and those that read it */
	void **scans;			/* n_engines; NULL where none applies */
	bool looks;			/* an engine looks at it */
	bool begins_plain;		/* as all of those engines do */
	bool begun;			/* its scans are */
};

struct channel_screen {
	struct screen *screen;
	struct role_scopes *scopes;
	enum screen_form form;
	struct view *views;		/* in the channel's own block */
	unsigned n_views;
	uint64_t end;			/* bytes fed */
	uint64_t clear;
	uint64_t cut;
	uint64_t *sentences;		/* where sentences end, from clear on */
	size_t n_sentences, cap_sentences;
	bool after_dot;			/* the last byte fed was a '.' */
	struct restore *restore;	/* NULL: nothing is to be restored */
	bool keeps_raw;			/* FORM_JSON, reads_text, restore */
	struct buf raw;			/* keeps_raw: what is not clear yet */
	uint64_t raw_at;		/* offset of raw.ptr[0] */
	struct json_state json;
	uint64_t raw_fed;		/* bytes that the raw view has seen */
	struct screen_edit *edits;
	size_t n_edits, cap_edits;
	size_t n_settled;		/* whose words are known */
	size_t written, restored;	/* bytes, as SCREEN_MAX_WRITTEN has it */
	struct screen_edit *late;	/* found behind the last of edits; */
	size_t n_late, cap_late;	/* empty between two feeds */
	struct screen_finding *findings;
	size_t n_findings, cap_findings;
	uint64_t total;
	uint64_t untold;		/* counted, not kept, not yet told */
	struct combine *combine;	/* NULL: no rule has parts or score */
	/* during channel_feed() */
	const struct policy_engine *engine;
	struct view *view;
	const struct mg_text *text;	/* the view's */
	bool told_unable;		/* the engine has said of a rule … */
	uint64_t told_ns;		/* of the engine's time: by its rules */
};

/* A rule that changes or stops what it finds. */
static bool
acts(const struct policy_rule *rule)
{
	return rule->mode == MODE_ENFORCE && rule->action != ACTION_FLAG;
}

/* A rule for which a stream must wait: it acts, or what it adds to a sum
 * may. */
static bool
holds(const struct screen *screen, const struct policy_rule *rule)
{
	return acts(rule) ||
	    (rule->feeds && (screen->blocking >> rule->sum & 1) != 0);
}

/* What the rules that apply may do together. */
static void
sum_up(struct screen *screen)
{
	const struct policy *policy = screen->policy;
	size_t i;

	screen->idle = true;
	screen->blocking = 0;
	for (i = 0; i < policy->n_looks; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if (!screen->applies[i] || !acts(rule))
			continue;
		screen->idle = false;
		if (rule->at_least > 0)
			screen->blocking |= UINT64_C(1) << rule->sum;
		screen->reads_text |= rule->redact || rule->n_kinds > 0;
	}
}

/* An answer gets back what its prompt gave away. */
static bool
restores(const struct screen *screen)
{
	return screen->side == SIDE_ANSWER && screen->placeholders &&
	    placeholders_count(screen->placeholders) > 0;
}

struct screen *
screen_new(const struct policy *policy, enum policy_side side,
    const struct screen_subject *subject)
{
	struct screen *screen = xcalloc(1, sizeof(*screen));
	size_t i;

	screen->policy = policy;
	screen->timed = __atomic_add_fetch(&policy->stats->screens, 1,
	    __ATOMIC_RELAXED) % POLICY_TIMED == 0;
	screen->side = side;
	screen->applies = xcalloc(policy->n_looks, sizeof(bool));
	for (i = 0; i < policy->n_looks; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		screen->applies[i] = (rule->sides & (unsigned)side) != 0 &&
		    globs_match(rule->tenants, subject->tenant) &&
		    globs_match(rule->models, subject->model);
	}
	sum_up(screen);
	if (screen->reads_text)
		buf_add_span(&screen->tenant, subject->tenant);
	return screen;
}

void
screen_equip(struct screen *screen, struct placeholders *placeholders,
    const struct hash_key *hash_key)
{
	screen->placeholders = placeholders;
	screen->hash_key = hash_key;
	if (restores(screen))
		screen->idle = false;
}

void
screen_sample(struct screen *screen, struct mg_span exchange)
{
	const struct policy *policy = screen->policy;
	uint64_t hash = 0xcbf29ce484222325u;	/* FNV-1a */
	size_t i;

	for (i = 0; i < exchange.len; i++)
		hash = (hash ^ (unsigned char)exchange.ptr[i]) *
		    0x100000001b3u;
	hash ^= hash >> 32;
	for (i = 0; i < policy->n_looks; i++)
		if (policy->rules[i].sample_ppm > 0 &&
		    hash % 1000000 >= policy->rules[i].sample_ppm)
			screen->applies[i] = false;
	sum_up(screen);
}

static void
free_scopes(const struct screen *screen, struct role_scopes *scopes)
{
	size_t e;

	for (e = 0; scopes->engine && e < screen->policy->n_engines; e++)
		free(scopes->engine[e].active);
	free(scopes->engine);
	free(scopes->finals);
}

void
screen_free(struct screen *screen)
{
	size_t i;

	if (!screen)
		return;
	for (i = 0; i < N_ROLES; i++)
		free_scopes(screen, &screen->roles[i]);
	for (i = 0; screen->joined &&
	    i < (size_t)screen->policy->n_spans * N_ROLES; i++)
		free_scopes(screen, &screen->joined[i]);
	free(screen->joined);
	free(screen->shadows);
	combine_tally_fini(&screen->tally);
	if (screen->own_placeholders)
		placeholders_free(screen->placeholders);
	buf_fini(&screen->tenant);
	free(screen->applies);
	free(screen);
}

bool
screen_is_idle(const struct screen *screen)
{
	return screen->idle;
}

const struct policy *
screen_policy(const struct screen *screen)
{
	return screen->policy;
}

/* Whether a rule looks at texts by this role; span 0: single ones, else the
 * joined ones of that scope. */
static bool
looks(const struct screen *screen, size_t i, unsigned span,
    enum policy_role role)
{
	const struct policy_rule *rule = &screen->policy->rules[i];

	return screen->applies[i] && (rule->roles & (unsigned)role) != 0 &&
	    (span == 0 || rule->span == span);
}

/* Rules that can only be judged at the end of texts by this role. */
static void
find_finals(struct screen *screen, unsigned span, enum policy_role role,
    struct role_scopes *scopes)
{
	const struct policy *policy = screen->policy;
	size_t i;

	for (i = 0; i < policy->n_rules && policy->n_combos > 0; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if (!rule->negates || !looks(screen, i, span, role))
			continue;
		if (!scopes->finals)
			scopes->finals = xcalloc(policy->n_combos,
			    sizeof(struct policy_rule *));
		scopes->finals[scopes->n_finals++] = rule;
	}
}

static bool
looks_at(const struct policy_engine *engine, enum view_kind kind)
{
	/* What is reversed is the word, not the text. Only words in the text
	 * itself are also looked for as leet. */
	enum fold_via via = engine->via == VIA_REVERSED ? VIA_TEXT :
	    engine->via;

	return kinds[kind].fold == engine->fold && kinds[kind].via == via &&
	    kinds[kind].leet == (engine->leet && via == VIA_TEXT);
}

/* The views that an engine needs: its own, and those that they stand on. */
static unsigned
views_of(const struct policy_engine *engine)
{
	unsigned bits = 0, k, v;

	for (k = 0; k < N_VIEWS; k++)
		for (v = k; looks_at(engine, k) && v != VIEW_RAW;
		    v = kinds[v].parent)
			bits |= 1u << v;
	return bits;
}

/* Works out which rules of each engine look at texts by this role. */
static struct role_scopes *
scopes_of(struct screen *screen, unsigned span, enum policy_role role)
{
	const struct policy *policy = screen->policy;
	unsigned index = (unsigned)__builtin_ctz((unsigned)role);
	struct role_scopes *scopes;
	size_t e, r;

	assert(index < N_ROLES);
	if (span > 0 && !screen->joined)
		screen->joined = xcalloc((size_t)policy->n_spans * N_ROLES,
		    sizeof(*scopes));
	scopes = span == 0 ? &screen->roles[index] :
	    &screen->joined[(span - 1) * N_ROLES + index];
	if (scopes->engine)
		return scopes;
	scopes->engine = xcalloc(policy->n_engines, sizeof(struct scope));
	scopes->views = 1u << VIEW_RAW;
	for (e = 0; e < policy->n_engines; e++) {
		const struct policy_engine *engine = &policy->engines[e];
		struct scope *scope = &scopes->engine[e];
		size_t words = (engine->n_rules + 63) / 64;

		scope->active = xcalloc(words * 2, sizeof(uint64_t));
		scope->holding = scope->active + words;
		scope->mg = (struct mg_scope){ scope->active, scope->holding };
		for (r = 0; r < engine->n_rules; r++) {
			size_t i = engine->rules[r];
			const struct policy_rule *rule = &policy->rules[i];

			if (!looks(screen, i, span, role))
				continue;
			scope->n++;
			scopes->any = true;
			scopes->combines |= rule->owner || rule->score > 0;
			scope->active[r / 64] |= UINT64_C(1) << (r % 64);
			if (!holds(screen, rule))
				continue;
			scope->holding[r / 64] |= UINT64_C(1) << (r % 64);
			scopes->sentence |= rule->stream == STREAM_SENTENCE;
			scopes->whole |= rule->stream == STREAM_WHOLE;
		}
		if (scope->n > 0)
			scopes->views |= views_of(engine);
	}
	find_finals(screen, span, role, scopes);
	return scopes;
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
		    !looks_at(&policy->engines[e], kind))
			continue;
		view->looks = true;
		view->begins_plain &= policy->engines[e].begins_plain;
	}
}

/* Opens the views of one base: the raw text, or the one without escapes. */
static void
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

static struct channel_screen *
open_scoped(struct screen *screen, struct role_scopes *scopes,
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
	if (restores(screen))
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
	return open_scoped(screen, scopes_of(screen, 0, role), form);
}

void
channel_close(struct channel_screen *channel)
{
	const struct policy *policy;
	unsigned v;
	size_t e;

	if (!channel)
		return;
	policy = channel->screen->policy;
	for (v = 0; v < channel->n_views; v++) {
		struct view *view = &channel->views[v];

		for (e = 0; e < policy->n_engines; e++)
			if (view->scans[e])
				policy->engines[e].type->end(view->scans[e]);
		buf_fini(&view->window);
		unescape_free(view->unescape);
		fold_free(view->fold);
	}
	combine_free(channel->combine);
	for (e = 0; e < channel->n_settled; e++)
		if (channel->edits[e].owned) {
			explicit_bzero((char *)(uintptr_t)
			    channel->edits[e].with,
			    channel->edits[e].with_len);
			free((char *)(uintptr_t)channel->edits[e].with);
		}
	restore_free(channel->restore);
	buf_fini(&channel->raw);
	free(channel->sentences);
	free(channel->edits);
	free(channel->late);
	free(channel->findings);
	free(channel);
}

/* The last end of a sentence that is not after at; clear if there is none. */
static uint64_t
sentence_before(const struct channel_screen *channel, uint64_t at)
{
	size_t i = channel->n_sentences;

	while (i > 0 && channel->sentences[i - 1] > at)
		i--;
	return i > 0 ? channel->sentences[i - 1] : channel->clear;
}

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
		return sentence_before(channel, at);
	case STREAM_WHOLE:
		return 0;
	}
	abort();
}

static void
cut(struct channel_screen *channel, uint64_t at)
{
	/* What is gone is gone: only a match longer than its max_hold can
	 * begin before the clear mark. */
	if (at < channel->clear)
		at = channel->clear;
	if (at < channel->cut)
		channel->cut = at;
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
edit(struct channel_screen *channel, struct screen_edit e)
{
	uint64_t at = e.at, len = e.len;

	if (at + len <= channel->clear)
		return;
	/* A text that is nothing but replacements would take many times its
	 * own size in memory: it does not pass. */
	if (channel->n_edits + channel->n_late == SCREEN_MAX_EDITS) {
		cut(channel, at);
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

/* Sorts in what came late. */
static void
melt_late(struct channel_screen *channel)
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

/* A rule in shadow has found its first thing in this screen. */
static bool
is_first_shadow(struct screen *screen, const struct policy_rule *rule)
{
	bool *seen;

	if (rule->mode != MODE_SHADOW || rule->action == ACTION_FLAG)
		return false;
	if (!screen->shadows)
		screen->shadows = xcalloc(screen->policy->n_rules,
		    sizeof(bool));
	seen = &screen->shadows[rule - screen->policy->rules];
	if (*seen)
		return false;
	return *seen = true;
}

static void
remember(struct channel_screen *channel, const struct policy_rule *rule,
    const struct policy_rule *part, uint32_t item, uint64_t at, uint64_t len,
    const char *unable, const char *view)
{
	struct screen_finding *f;
	bool first;
	size_t i;

	/* Two views may see the same bytes. */
	for (i = 0; channel->n_views > 1 && i < channel->n_findings; i++) {
		f = &channel->findings[i];
		if (f->rule == rule && f->at == at && f->len == len &&
		    f->view != view)
			return;
	}
	channel->total++;
	first = is_first_shadow(channel->screen, rule);
	if (channel->n_findings >= MAX_FINDINGS && !first && (!acts(rule) ||
	    rule->action != ACTION_BLOCK || channel->cut != SCREEN_NONE)) {
		channel->untold++;
		return;
	}
	channel->findings = xgrow(channel->findings, &channel->cap_findings,
	    channel->n_findings + 1, sizeof(*channel->findings));
	channel->findings[channel->n_findings++] = (struct screen_finding){
		rule, part, part == rule ? item : POLICY_NO_ITEM, item, at,
		len, unable, view };
}

/* Whether the engine was asked for this rule. Filters come from plugins too:
 * what they say is checked. */
static bool
was_asked(const struct channel_screen *channel, uint32_t engine_rule)
{
	const struct scope *scope = &channel->scopes->engine[
	    channel->engine - channel->screen->policy->engines];

	return engine_rule < channel->engine->n_rules &&
	    (scope->active[engine_rule / 64] >> engine_rule % 64 & 1);
}

static const struct policy_rule *
rule_of(const struct channel_screen *channel, uint32_t engine_rule)
{
	return &channel->screen->policy->rules[
	    channel->engine->rules[engine_rule]];
}

/* Inside JSON, a replacement must not swallow the quotes of the strings
 * around it. */
static bool
crosses_quote(const struct channel_screen *channel, uint64_t at, uint64_t len)
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

/* Moves an offset out of the escape that it lies in, to its beginning or to
 * its end: half an escape must neither be sent nor be replaced. */
static uint64_t
out_of_escape(const struct channel_screen *channel, uint64_t at, bool to_end)
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

/* Where in the channel the character begins that made a view's byte. For the
 * view's end: the first byte that the view has not settled. */
static uint64_t
raw_start(const struct view *view, uint64_t at)
{
	for (; view; view = view->parent) {
		if (view->fold)
			at = fold_start(view->fold, at);
		else if (view->unescape)
			at = unescape_map(view->unescape, at);
	}
	return at;
}

/* The first byte of the channel that a view still holds. Separators that may
 * be left out are not held for a match that has not begun: one that begins
 * with them is seen on the view without joins. */
static uint64_t
raw_hold(const struct view *view, uint64_t hold)
{
	bool open = view->begins_plain && hold == view->end;

	for (; view; view = view->parent) {
		bool joins = view->kind == VIEW_JOINED ||
		    view->kind == VIEW_TIGHT;
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

/* Where the character ends that made the byte before a view's offset. */
static uint64_t
raw_end(const struct view *view, uint64_t end)
{
	for (; view; view = view->parent) {
		if (view->fold)
			end = fold_end(view->fold, end);
		else if (view->unescape)
			end = unescape_map(view->unescape, end);
	}
	return end;
}

/* Whether a match is this view's to tell: where nothing was joined, the view
 * that it stands on has seen the same. */
static bool
tells(const struct view *view, uint64_t at, uint64_t end)
{
	for (; view && view->fold; view = view->parent) {
		if ((view->kind == VIEW_JOINED || view->kind == VIEW_TIGHT) &&
		    !fold_crosses(view->fold, at, end))
			return false;
		at = fold_start(view->fold, at);
		end = fold_end(view->fold, end);
	}
	return true;
}

/* Replaces from at to end, both of the channel. */
static void
replace(struct channel_screen *channel, const struct policy_rule *rule,
    uint32_t item, uint64_t at, uint64_t end)
{
	if (channel->form == FORM_JSON) {
		at = out_of_escape(channel, at, false);
		end = out_of_escape(channel, end, true);
		if (crosses_quote(channel, at, end - at)) {
			cut(channel, cut_at(channel, rule, at));
			return;
		}
	}
	edit(channel, (struct screen_edit){ .at = at, .len = end - at,
		.with = rule->replacement, .with_len = rule->replacement ?
		    strlen(rule->replacement) : 0,
		.rule = rule, .item = item });
}

/* Replaces what a view shows of a match, but for a C2PA wrapper in it. */
static void
replace_shown(struct channel_screen *channel, const struct policy_rule *rule,
    uint32_t item, const struct mg_found *found)
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
				replace(channel, rule, item,
				    raw_start(base, at),
				    raw_end(base, range.at));
			at = range.end;
		}
	}
	replace(channel, rule, item, raw_start(view, at),
	    raw_end(view, end));
}

static void
lose_rule(struct channel_screen *channel, const struct policy_rule *part,
    const char *why)
{
	const struct policy_rule *rule = part->owner ? part->owner : part;

	remember(channel, rule, part, POLICY_NO_ITEM, channel->clear, 0, why,
	    channel->view->name);
	if (holds(channel->screen, rule) && !rule->allow_on_error)
		cut(channel, channel->clear);
}

/* A filter that has failed as a whole can judge none of its rules. */
static void
lose_engine(struct channel_screen *channel, const char *why)
{
	uint32_t r;

	for (r = 0; r < channel->engine->n_rules; r++)
		if (was_asked(channel, r))
			lose_rule(channel, rule_of(channel, r), why);
}

/* Whether a match lies in the text, in whole characters as far as the text is
 * at hand. */
static bool
is_place(const struct mg_text *text, const struct mg_found *found)
{
	uint64_t all = text->at + text->len, end = found->at + found->len;

	if (found->len == 0 || found->at >= all || found->len > all ||
	    end > all)
		return false;
	if (found->at >= text->at &&
	    (text->ptr[found->at - text->at] & 0xc0) == 0x80)
		return false;
	return end == all || end < text->at ||
	    (text->ptr[end - text->at] & 0xc0) != 0x80;
}

/* A match counts for a rule: the policy's action. completes is false for one
 * that only now counts, as others have come to it: what of it is out, is out,
 * and a block cuts where the last one begins. found: the match as its view has
 * it, while it is being told; else NULL. */
static void
act(struct channel_screen *channel, const struct policy_rule *rule,
    const struct combine_match *match, const struct mg_found *found,
    bool completes)
{
	uint64_t at = match->at, end = match->end;
	uint32_t item = match->look == rule ? match->item : POLICY_NO_ITEM;

	remember(channel, rule, match->look, match->item, at, end - at, NULL,
	    match->view);
	if (!acts(rule) || (!completes && (end <= channel->clear ||
	    rule->action == ACTION_BLOCK)))
		return;
	if (match->look->expr && rule->action != ACTION_BLOCK)
		return;			/* by what is not there: no place */
	if (channel->form == FORM_JSON)
		at = out_of_escape(channel, at, false);
	if (rule->action == ACTION_BLOCK)
		cut(channel, cut_at(channel, rule, at));
	else if (found)
		replace_shown(channel, rule, item, found);
	else
		replace(channel, rule, item, at, end);
}

/* A placeholder of this exchange. */
static void
on_placeholder(void *arg, uint64_t at, uint64_t len, struct mg_span value)
{
	struct channel_screen *channel = arg;

	if (channel->n_edits + channel->n_late == SCREEN_MAX_EDITS ||
	    value.len > SCREEN_MAX_WRITTEN - channel->restored)
		return;
	channel->restored += value.len;
	edit(channel, (struct screen_edit){ .at = at, .len = len,
		.with = value.ptr, .with_len = value.len });
}

/* ---- what an edit writes ---- */

/* Reads JSON up to an offset that is not behind the raw bytes' end. */
static void
json_read(struct channel_screen *channel, uint64_t to)
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

/* The raw bytes from at on, as people read them: with their escapes undone. */
static void
add_readable(const struct channel_screen *channel, uint64_t at, uint64_t len,
    bool escaped, struct buf *out)
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
	add_readable(channel, e->at, e->len, channel->form == FORM_JSON &&
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

	add_readable(channel, e->match_at, e->match_len,
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

/* Writes what has become certain. What cannot be written is cut off. */
static void
settle(struct channel_screen *channel)
{
	bool json = channel->keeps_raw && (channel->restore ||
	    channel->form == FORM_JSON);

	for (; channel->n_settled < channel->n_edits; channel->n_settled++) {
		struct screen_edit *e = &channel->edits[channel->n_settled];
		bool written = true;

		if (e->at + e->len > channel->clear)
			break;
		if (json) {
			json_read(channel, e->at);
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
		json_read(channel, channel->clear);
}

static void
on_found(void *arg, const struct mg_found *found)
{
	struct channel_screen *channel = arg;
	struct combine_match match = { NULL, found->at,
		found->at + found->len, found->item,
		found->score > 0 && found->score < 1 ? found->score : 1,
		channel->view->name };

	if (!was_asked(channel, found->rule) ||
	    !is_place(channel->text, found)) {
		lose_engine(channel, "the filter says what cannot be");
		return;
	}
	match.look = rule_of(channel, found->rule);
	if (!tells(channel->view, match.at, match.end))
		return;
	match.at = raw_start(channel->view, match.at);
	match.end = raw_end(channel->view, match.end);
	if (match.look->owner || match.look->score > 0)
		combine_saw(channel->combine, &match);
	if (!match.look->owner)
		act(channel, match.look, &match, found, true);
}

static void
on_combined(void *arg, const struct policy_rule *rule,
    const struct combine_match *match, bool completes)
{
	act(arg, rule, match, NULL, completes);
}

/* Matches that should be replaced were too many to be kept. */
static void
on_lost(void *arg, const struct policy_rule *rule, uint64_t at)
{
	if (acts(rule))
		cut(arg, at);
}

/* Every filter has seen the same bytes: what do their matches make together? */
static void
combine_all(struct channel_screen *channel, bool last)
{
	struct combine_sink sink = { on_combined, on_lost, channel };
	size_t i;

	combine_settle(channel->combine, channel->clear, &sink);
	for (i = 0; last && i < channel->scopes->n_finals; i++)
		combine_end(channel->combine, channel->scopes->finals[i],
		    channel->end, &sink);
}

static void
on_unable(void *arg, uint32_t engine_rule, const char *why)
{
	struct channel_screen *channel = arg;

	channel->told_unable = true;
	if (was_asked(channel, engine_rule))
		lose_rule(channel, rule_of(channel, engine_rule),
		    why ? why : "the filter does not say why");
	else
		lose_engine(channel, "the filter says what cannot be");
}

static void
count_ns(const struct channel_screen *channel, size_t engine_rule, uint64_t ns)
{
	const struct policy *policy = channel->screen->policy;
	const struct policy_rule *rule = &policy->rules[
	    channel->engine->rules[engine_rule]];

	if (rule->owner)
		rule = rule->owner;
	__atomic_add_fetch(&policy->stats->rule_ns[rule - policy->rules], ns,
	    __ATOMIC_RELAXED);
}

static void
on_cost(void *arg, uint32_t engine_rule, uint64_t ns)
{
	struct channel_screen *channel = arg;

	if (!was_asked(channel, engine_rule))
		return;
	channel->told_ns += ns;
	count_ns(channel, engine_rule, ns);
}

/* Divides what an engine did for all of its rules at once among those that
 * were looked for. */
static void
share_cost(struct channel_screen *channel, uint64_t took_ns)
{
	const struct policy_engine *engine = channel->engine;
	const struct scope *scope = &channel->scopes->engine[
	    engine - channel->screen->policy->engines];
	size_t r;

	if (took_ns <= channel->told_ns)
		return;
	for (r = 0; r < engine->n_rules; r++)
		if (scope->active[r / 64] >> r % 64 & 1)
			count_ns(channel, r, (took_ns - channel->told_ns) /
			    scope->n);
}

static void
run_engine(struct channel_screen *channel, void *scan,
    const struct mg_text *text, struct mg_report *report)
{
	enum mg_verdict verdict;
	int64_t from;

	channel->told_unable = false;
	if (!channel->screen->timed) {
		verdict = channel->engine->type->judge(scan, text, report);
	} else {
		report->cost = on_cost;
		channel->told_ns = 0;
		from = steady_ns();
		verdict = channel->engine->type->judge(scan, text, report);
		share_cost(channel, (uint64_t)(steady_ns() - from));
	}
	if (verdict == MG_UNABLE && !channel->told_unable)
		lose_engine(channel, "the filter does not say why");
}

/* Runs every engine over one view's text. Returns the view's hold. */
static uint64_t
judge(struct channel_screen *channel, struct view *view, struct mg_text *text)
{
	const struct policy *policy = channel->screen->policy;
	uint64_t end = text->at + text->len, hold = end, keep = end;
	size_t e;

	channel->view = view;
	channel->text = text;
	for (e = 0; e < policy->n_engines; e++) {
		struct mg_report report = { .hold = end, .keep = end,
			.found = on_found, .unable = on_unable,
			.arg = channel };

		channel->engine = &policy->engines[e];
		if (!view->scans[e]) {
			if (channel->scopes->engine[e].n > 0 &&
			    looks_at(channel->engine, view->kind))
				lose_engine(channel,
				    "the filter could not begin");
			continue;
		}
		run_engine(channel, view->scans[e], text, &report);
		if (report.hold < hold)
			hold = report.hold;
		if (report.keep < keep)
			keep = report.keep;
	}
	if (hold < text->at)
		hold = text->at;
	if (keep > hold)
		keep = hold;
	if (keep < text->at)
		keep = text->at;
	/* Keep what a filter wants to see again, and what is still held. */
	if (keep > text->at && text->ptr == view->window.ptr) {
		buf_drop(&view->window, (size_t)(keep - text->at));
	} else if (text->ptr != view->window.ptr) {
		buf_clear(&view->window);
		buf_add(&view->window, text->ptr + (keep - text->at),
		    (size_t)(end - keep));
	}
	view->at = keep;
	return hold;
}

static void
begin_scans(struct channel_screen *channel, struct view *view)
{
	const struct policy *policy = channel->screen->policy;
	size_t e;

	view->begun = true;
	for (e = 0; e < policy->n_engines; e++) {
		const struct policy_engine *engine = &policy->engines[e];
		struct scope *scope = &channel->scopes->engine[e];

		if (scope->n > 0 && looks_at(engine, view->kind))
			view->scans[e] = engine->type->begin(engine->conf,
			    &scope->mg);
	}
}

/* Whether the view shows nothing but what another one does: nothing was joined
 * in a text that is whole. */
static bool
repeats(const struct view *view)
{
	for (; view && view->fold; view = view->parent)
		if ((view->kind == VIEW_JOINED || view->kind == VIEW_TIGHT) &&
		    !fold_differs(view->fold))
			return true;
	return false;
}

/* Judges fresh bytes on one view; they need not be copied while no filter
 * asks for them again. Returns the view's hold. */
static uint64_t
view_judge(struct channel_screen *channel, struct view *view, bool last)
{
	struct mg_text text = { view->out.ptr, view->out.len, view->at,
		view->at + view->window.len, last };

	if (!view->begun)
		begin_scans(channel, view);
	if (view->window.len > 0) {
		buf_add_span(&view->window, view->out);
		text.ptr = view->window.ptr;
		text.len = view->window.len;
	}
	return judge(channel, view, &text);
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

/* Judges fresh bytes on all views of one base. Returns their hold. */
static uint64_t
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
			h = view_judge(channel, view, last);
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
static uint64_t
json_feed(struct channel_screen *channel, const char *ptr, size_t len,
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
			hold = sentence_before(channel, hold);
		if (channel->form == FORM_JSON)
			hold = out_of_escape(channel, hold, false);
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
		    json_feed(channel, ptr, len, last) :
		    views_feed(channel, channel->views, channel->n_views,
			span(ptr, len), last);
	if (channel->restore) {
		h = restore_feed(channel->restore, span(ptr, len), last,
		    on_placeholder, channel);
		if (h < hold)
			hold = h;
	}
	channel->end += len;
	if (channel->combine)
		combine_all(channel, last);
	melt_late(channel);
	hold = last ? channel->end : unit_before(channel, hold);
	if (hold > channel->clear)
		channel->clear = hold;
	if (channel->scopes->sentence)
		forget_sentences(channel);
	settle(channel);
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

uint64_t
screen_restored(const struct screen *screen)
{
	return screen->restored;
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

struct channel_screen *
screen_text(struct screen *screen, enum policy_role role,
    enum screen_form form, struct mg_span text)
{
	struct channel_screen *channel = channel_open(screen, role, form);

	channel_feed(channel, text.ptr, text.len, true);
	return channel;
}

bool
screen_joins(struct screen *screen, unsigned span, enum policy_role role)
{
	return scopes_of(screen, span + 1, role)->any;
}

struct channel_screen *
screen_joined(struct screen *screen, unsigned span, enum policy_role role,
    struct mg_span text)
{
	struct channel_screen *channel = open_scoped(screen,
	    scopes_of(screen, span + 1, role), FORM_PLAIN);

	channel_feed(channel, text.ptr, text.len, true);
	return channel;
}
