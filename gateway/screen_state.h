/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/screen_state.h - what the screen's files share: its state.
 *
 * screen.c works out whose texts which rules look at, screen_channel.c feeds
 * one text, screen_view.c reads it in several ways, screen_judge.c runs the
 * filters over each of them, screen_edit.c writes down what is to be done to
 * it, screen_json.c knows its bytes where they are JSON. */
#ifndef GATEWAY_SCREEN_STATE_H
#define GATEWAY_SCREEN_STATE_H

#include "gateway/buf.h"
#include "gateway/restore.h"
#include "gateway/screen.h"
#include "gateway/screen_combine.h"

#define N_ROLES 6

struct fold;
struct unescape;

/* Which of one engine's rules apply to texts by one role. */
struct scope {
	uint64_t *active, *holding;	/* one block; active is owned */
	struct mg_scope mg;		/* the same, as filters see it */
	size_t n;			/* rules that are active */
};

/* How a channel is read. Those that stand on another come after it. */
enum view_kind { VIEW_RAW, VIEW_BASIC, VIEW_STRONG, VIEW_JOINED, VIEW_TIGHT,
    VIEW_LEET, VIEW_LEET_JOINED, VIEW_LEET_TIGHT,
    VIEW_PINYIN, VIEW_PINYIN_JOINED,
    VIEW_BASE64, VIEW_BASE64_BASIC, VIEW_BASE64_STRONG, VIEW_BASE64_JOINED,
    VIEW_HEX, VIEW_HEX_BASIC, VIEW_HEX_STRONG, VIEW_HEX_JOINED,
    VIEW_URL, VIEW_URL_BASIC, VIEW_URL_STRONG, VIEW_URL_JOINED, N_VIEWS };

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

/* ---- screen.c ---- */

/* A rule that changes or stops what it finds. */
bool screen_acts(const struct policy_rule *rule);
/* A rule for which a stream must wait: it acts, or what it adds to a sum
 * may. */
bool screen_holds(const struct screen *screen, const struct policy_rule *rule);
/* An answer gets back what its prompt gave away. */
bool screen_restores(const struct screen *screen);
/* Which rules of each engine look at texts by this role. span 0: at single
 * ones, else at the joined ones of policy->spans[span - 1]. The screen's; never
 * NULL. */
struct role_scopes *screen_scopes(struct screen *screen, unsigned span,
    enum policy_role role);

/* ---- screen_channel.c ---- */

/* channel_open() for scopes of the same screen. Never NULL. */
struct channel_screen *channel_open_scoped(struct screen *screen,
    struct role_scopes *scopes, enum screen_form form);
/* The last end of a sentence that is not after at; clear if there is none. */
uint64_t channel_sentence_before(const struct channel_screen *channel,
    uint64_t at);

/* ---- screen_view.c ---- */

/* Whether an engine judges what such a view shows. */
bool view_looks_at(const struct policy_engine *engine, enum view_kind kind);
/* The views that an engine needs, a bit each: its own, and those that they
 * stand on, but for the raw one. */
unsigned views_needed(const struct policy_engine *engine);
/* Opens the views of one base: the raw text, or the one without escapes.
 * view: the first of as many as scopes->views has bits; scans: n_engines for
 * each of them. Both are the channel's. */
void views_open(struct channel_screen *channel, struct view *view,
    void **scans, bool unescape);
/* Ends the scans of a channel's views, and frees what they hold. */
void views_close(struct channel_screen *channel);
/* Judges fresh bytes on all views of one base. Returns their hold. */
uint64_t views_feed(struct channel_screen *channel, struct view *views,
    unsigned n, struct mg_span text, bool last);
/* The same for all views of JSON inside a string, whose bytes are already in
 * channel->raw. */
uint64_t views_feed_json(struct channel_screen *channel, const char *ptr,
    size_t len, bool last);
/* Where in the channel the character begins that made a view's byte. For the
 * view's end: the first byte that the view has not settled. */
uint64_t view_raw_start(const struct view *view, uint64_t at);
/* Where the character ends that made the byte before a view's offset. */
uint64_t view_raw_end(const struct view *view, uint64_t end);
/* Whether a match is this view's to tell: where nothing was joined, the view
 * that it stands on has seen the same. */
bool view_tells(const struct view *view, uint64_t at, uint64_t end);

/* ---- screen_judge.c ---- */

/* Judges a view's fresh bytes, view->out. Returns the view's hold, in its own
 * offsets. */
uint64_t judge_view(struct channel_screen *channel, struct view *view,
    bool last);
/* Every filter has seen the same bytes: what do their matches make together?
 * channel->combine must not be NULL. */
void judge_combined(struct channel_screen *channel, bool last);

/* ---- screen_edit.c ---- */

/* Withholds all from an offset on. */
void edit_cut(struct channel_screen *channel, uint64_t at);
/* Cuts for a match at an offset: there, or at the beginning of the unit that
 * the rule's `stream:` judges as one. */
void edit_cut_for(struct channel_screen *channel,
    const struct policy_rule *rule, uint64_t at);
/* Replaces from at to end, both of the channel. */
void edit_replace(struct channel_screen *channel,
    const struct policy_rule *rule, uint32_t item, uint64_t at, uint64_t end);
/* Replaces what channel->view shows of a match, but for a C2PA wrapper in
 * it. */
void edit_replace_shown(struct channel_screen *channel,
    const struct policy_rule *rule, uint32_t item,
    const struct mg_found *found);
/* Restores a placeholder of this exchange: for restore_feed(). */
void edit_on_placeholder(void *channel, uint64_t at, uint64_t len,
    struct mg_span value);
/* Sorts in what came late. */
void edit_melt_late(struct channel_screen *channel);
/* Writes what has become certain. What cannot be written is cut off. */
void edit_settle(struct channel_screen *channel);
/* Wipes and frees all edits, with what was written for them. */
void edit_free_all(struct channel_screen *channel);

/* ---- screen_json.c ---- */

/* Reads JSON up to an offset that is not behind the raw bytes' end:
 * channel->json then tells of that place. */
void raw_read_json(struct channel_screen *channel, uint64_t to);
/* Whether a bare quote lies in a range, or it is out of sight. */
bool raw_crosses_quote(const struct channel_screen *channel, uint64_t at,
    uint64_t len);
/* Moves an offset out of the escape that it lies in, to its beginning or to
 * its end: half an escape must neither be sent nor be replaced. */
uint64_t raw_out_of_escape(const struct channel_screen *channel, uint64_t at,
    bool to_end);
/* Adds the raw bytes from at on, as people read them: escaped says that their
 * escapes are to be undone. */
void raw_add_readable(const struct channel_screen *channel, uint64_t at,
    uint64_t len, bool escaped, struct buf *out);

#endif
