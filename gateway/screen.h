/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/screen.h - runs a compiled policy over texts.
 *
 * A screen is one side (prompt or answer) of one exchange: which rules apply
 * to it is worked out once. A channel is one text that grows; a text that is
 * whole is a channel closed at once. The screen says how far a channel is
 * clear, and what must be done to it; who sends bytes is the caller. */
#ifndef GATEWAY_SCREEN_H
#define GATEWAY_SCREEN_H

#include "gateway/hash_key.h"
#include "gateway/placeholders.h"
#include "gateway/policy.h"

/* How the text is written, apart from its own encoding. */
enum screen_form {
	FORM_PLAIN,
	FORM_JSON,	/* JSON inside a string (tool arguments): also read
			 * with its escapes undone */
};

#define SCREEN_NONE UINT64_MAX
#define SCREEN_MAX_EDITS 65536	/* of one text; at the next it is cut */
#define SCREEN_MAX_WRITTEN (8u << 20)	/* bytes that templates write into one
				 * text, at the next it is cut; and that are
				 * restored in one: more stay placeholders */

/* One thing a rule found, in offsets of the channel's original bytes. */
struct screen_finding {
	const struct policy_rule *rule;	/* borrowed from the policy */
	const struct policy_rule *part;	/* whose match it is: of a rule with
					 * any, all or not the part that was
					 * found; else the rule */
	uint32_t item;			/* of the rule's; POLICY_NO_ITEM: it was
					 * unable, or has parts */
	uint32_t part_item;		/* of the part's */
	uint64_t at, len;		/* len 0: the rule was unable */
	const char *unable;		/* NULL, or why (static text) */
	const char *view;		/* on which reading of the text */
};

struct screen;
struct channel_screen;

/* What to know about an exchange to choose rules. Borrowed during the call. */
struct screen_subject {
	struct mg_span tenant;
	struct mg_span model;
};

/* policy must outlive the screen. Never NULL. */
struct screen *screen_new(const struct policy *policy, enum policy_side side,
    const struct screen_subject *subject);
/* Leaves out the rules whose `sample:` this exchange is not in: by its id, so
 * that prompt, answer and all rules agree. To be called before any channel is
 * opened; without it every rule looks. */
void screen_sample(struct screen *screen, struct mg_span exchange);
void screen_free(struct screen *screen);
/* What edits are made of; before the first channel. Both must outlive the
 * screen. placeholders: of the exchange; prompts fill it, in answers what
 * stands in it is restored. NULL: prompts have one of their own, answers restore
 * nothing. hash_key NULL: hashes are '?'. */
void screen_equip(struct screen *screen, struct placeholders *placeholders,
    const struct hash_key *hash_key);
/* No rule of this screen can change or stop anything: texts need no waiting. */
bool screen_is_idle(const struct screen *screen);
const struct policy *screen_policy(const struct screen *screen);

/* Starts a channel by one role. Never NULL. Must be freed before the screen. */
struct channel_screen *channel_open(struct screen *screen,
    enum policy_role role, enum screen_form form);
void channel_close(struct channel_screen *channel);

/* Adds text and judges it. ptr holds any bytes of valid UTF-8, whole code
 * points; last closes the channel. Afterwards the functions below tell. */
void channel_feed(struct channel_screen *channel, const char *ptr, size_t len,
    bool last);

/* First byte that may still become part of a match, or that a rule's `stream:`
 * holds back. Bytes before it are settled. Never goes back. */
uint64_t channel_clear(const struct channel_screen *channel);
/* Where the text must be cut, because an enforced block rule matched; all from
 * there on is withheld. SCREEN_NONE: nowhere. */
uint64_t channel_cut(const struct channel_screen *channel);

/* Settled replacements, in order of place, none overlapping. */
struct screen_edit {
	uint64_t at, len;
	const char *with;	/* borrowed from the policy, the placeholders,
				 * the channel; NULL until it is settled */
	size_t with_len;
	const struct policy_rule *rule;	/* whose word it is: of matches that
					 * overlap, the earliest one's; of
					 * several that begin there, that of
					 * the policy's first rule. NULL: a
					 * placeholder is restored, where no
					 * rule overlaps it */
	uint32_t item;		/* of the rule's match */
	uint64_t match_at, match_len;	/* that match alone */
	bool owned;		/* with is the channel's */
	bool bare;		/* FORM_JSON: outside of a JSON string, so that
				 * with needs quotes of its own */
	bool quoted;		/* FORM_PLAIN, restored: inside a string of a
				 * text that is JSON by itself */
};
const struct screen_edit *channel_edits(const struct channel_screen *channel,
    size_t *n);
/* Some edit is a rule's word: where it cannot be written, the text must not
 * pass. A placeholder may stay what it is. */
bool channel_must_change(const struct channel_screen *channel);
/* Placeholders that were restored in all channels of the screen, as far as none
 * of them was cut. */
uint64_t screen_restored(const struct screen *screen);

/* All findings so far, in the order they became certain. At most 64 are kept
 * per channel, but block findings always, and the first of each rule in shadow;
 * the count goes on. */
const struct screen_finding *channel_findings(
    const struct channel_screen *channel, size_t *n, uint64_t *total);

/* What the sum of one of `scores:` has come to. */
double channel_sum(const struct channel_screen *channel,
    const struct policy_rule *score);

/* How many findings were counted but not kept since the last call. */
uint64_t channel_untold(struct channel_screen *channel);

/* Judges one whole text in one call; the channel is to be closed by the
 * caller. */
struct channel_screen *screen_text(struct screen *screen,
    enum policy_role role, enum screen_form form, struct mg_span text);

/* Whether a rule with the scope policy->spans[span] looks at texts by a role. */
bool screen_joins(struct screen *screen, unsigned span,
    enum policy_role role);
/* Judges several texts by one role joined, for the rules of that scope alone;
 * else as screen_text(). */
struct channel_screen *screen_joined(struct screen *screen, unsigned span,
    enum policy_role role, struct mg_span text);

#endif
