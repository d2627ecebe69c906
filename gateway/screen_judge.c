/* SPDX-License-Identifier: Apache-2.0 */
/* screen_judge.c - runs the filters over a view's text, and acts on what they
 * say.
 *
 * Filters come from plugins too: what they say is checked, and one that says
 * what cannot be has failed as a whole. A match becomes a finding and, where
 * its rule is enforced, a cut or an edit; matches that only count together
 * are left to screen_combine.c. */
#include "gateway/screen_state.h"

#include <stdlib.h>

#include "gateway/clock.h"

#define MAX_FINDINGS 64

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
	if (channel->n_findings >= MAX_FINDINGS && !first &&
	    (!screen_acts(rule) || rule->action != ACTION_BLOCK ||
	    channel->cut != SCREEN_NONE)) {
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

static void
lose_rule(struct channel_screen *channel, const struct policy_rule *part,
    const char *why)
{
	const struct policy_rule *rule = part->owner ? part->owner : part;

	remember(channel, rule, part, POLICY_NO_ITEM, channel->clear, 0, why,
	    channel->view->name);
	if (screen_holds(channel->screen, rule) && !rule->allow_on_error)
		edit_cut(channel, channel->clear);
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
	if (!screen_acts(rule) || (!completes && (end <= channel->clear ||
	    rule->action == ACTION_BLOCK)))
		return;
	if (match->look->expr && rule->action != ACTION_BLOCK)
		return;			/* by what is not there: no place */
	if (channel->form == FORM_JSON)
		at = raw_out_of_escape(channel, at, false);
	if (rule->action == ACTION_BLOCK)
		edit_cut_for(channel, rule, at);
	else if (found)
		edit_replace_shown(channel, rule, item, found);
	else
		edit_replace(channel, rule, item, at, end);
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
	if (!view_tells(channel->view, match.at, match.end))
		return;
	match.at = view_raw_start(channel->view, match.at);
	match.end = view_raw_end(channel->view, match.end);
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
	if (screen_acts(rule))
		edit_cut(arg, at);
}

void
judge_combined(struct channel_screen *channel, bool last)
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

/* Keeps what a filter wants to see again, and what is still held. */
static void
keep_window(struct view *view, const struct mg_text *text, uint64_t keep)
{
	if (keep > text->at && text->ptr == view->window.ptr) {
		buf_drop(&view->window, (size_t)(keep - text->at));
	} else if (text->ptr != view->window.ptr) {
		buf_clear(&view->window);
		buf_add(&view->window, text->ptr + (keep - text->at),
		    (size_t)(text->at + text->len - keep));
	}
	view->at = keep;
}

/* Runs every engine over one view's text. Returns the view's hold. */
static uint64_t
judge_text(struct channel_screen *channel, struct view *view,
    struct mg_text *text)
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
			    view_looks_at(channel->engine, view->kind))
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
	keep_window(view, text, keep);
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

		if (scope->n > 0 && view_looks_at(engine, view->kind))
			view->scans[e] = engine->type->begin(engine->conf,
			    &scope->mg);
	}
}

/* Judges fresh bytes on one view; they need not be copied while no filter
 * asks for them again. Returns the view's hold. */
uint64_t
judge_view(struct channel_screen *channel, struct view *view, bool last)
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
	return judge_text(channel, view, &text);
}
