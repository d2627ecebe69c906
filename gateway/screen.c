/* SPDX-License-Identifier: Apache-2.0 */
/* screen.c - one side of one exchange: which rules apply to it, and to whose
 * texts.
 *
 * A filter reports; in the files beside this one the policy decides. What a
 * rule found becomes a cut (block) or an edit (redact), and what a rule may
 * still find becomes a mark up to which the text is clear. Here is only what
 * all texts of a side share: tenant and model are matched once, roles when a
 * text by them comes. screen_channel.c reads one text. */
#include "gateway/screen_state.h"

#include <assert.h>
#include <stdlib.h>

bool
screen_acts(const struct policy_rule *rule)
{
	return rule->mode == MODE_ENFORCE && rule->action != ACTION_FLAG;
}

bool
screen_holds(const struct screen *screen, const struct policy_rule *rule)
{
	return screen_acts(rule) ||
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

		if (!screen->applies[i] || !screen_acts(rule))
			continue;
		screen->idle = false;
		if (rule->at_least > 0)
			screen->blocking |= UINT64_C(1) << rule->sum;
		screen->reads_text |= rule->redact || rule->n_kinds > 0;
	}
}

bool
screen_restores(const struct screen *screen)
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
	if (screen_restores(screen))
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

/* Works out which of an engine's rules look at texts by this role. */
static void
fill_scope(const struct screen *screen, const struct policy_engine *engine,
    unsigned span, enum policy_role role, struct role_scopes *scopes,
    struct scope *scope)
{
	size_t words = (engine->n_rules + 63) / 64, r;

	scope->active = xcalloc(words * 2, sizeof(uint64_t));
	scope->holding = scope->active + words;
	scope->mg = (struct mg_scope){ scope->active, scope->holding };
	for (r = 0; r < engine->n_rules; r++) {
		size_t i = engine->rules[r];
		const struct policy_rule *rule = &screen->policy->rules[i];

		if (!looks(screen, i, span, role))
			continue;
		scope->n++;
		scopes->any = true;
		scopes->combines |= rule->owner || rule->score > 0;
		scope->active[r / 64] |= UINT64_C(1) << (r % 64);
		if (!screen_holds(screen, rule))
			continue;
		scope->holding[r / 64] |= UINT64_C(1) << (r % 64);
		scopes->sentence |= rule->stream == STREAM_SENTENCE;
		scopes->whole |= rule->stream == STREAM_WHOLE;
	}
	if (scope->n > 0)
		scopes->views |= views_needed(engine);
}

struct role_scopes *
screen_scopes(struct screen *screen, unsigned span, enum policy_role role)
{
	const struct policy *policy = screen->policy;
	unsigned index = (unsigned)__builtin_ctz((unsigned)role);
	struct role_scopes *scopes;
	size_t e;

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
	for (e = 0; e < policy->n_engines; e++)
		fill_scope(screen, &policy->engines[e], span, role, scopes,
		    &scopes->engine[e]);
	find_finals(screen, span, role, scopes);
	return scopes;
}

bool
screen_joins(struct screen *screen, unsigned span, enum policy_role role)
{
	return screen_scopes(screen, span + 1, role)->any;
}

uint64_t
screen_restored(const struct screen *screen)
{
	return screen->restored;
}

struct channel_screen *
screen_text(struct screen *screen, enum policy_role role,
    enum screen_form form, struct mg_span text)
{
	struct channel_screen *channel = channel_open(screen, role, form);

	channel_feed(channel, text.ptr, text.len, true);
	return channel;
}

struct channel_screen *
screen_joined(struct screen *screen, unsigned span, enum policy_role role,
    struct mg_span text)
{
	struct channel_screen *channel = channel_open_scoped(screen,
	    screen_scopes(screen, span + 1, role), FORM_PLAIN);

	channel_feed(channel, text.ptr, text.len, true);
	return channel;
}
