/* SPDX-License-Identifier: Apache-2.0 */
/* include/modgate/filter.h - the contract between the gateway and a filter.
 *
 * A filter looks at text and reports what it saw. Whether that is blocked,
 * redacted or merely noted is the policy's word, never the filter's. No I/O,
 * no globals, no blocking. Three lifetimes:
 *
 *   type   const, one per kind of filter, registered in filters/registry.c or
 *          exported by a plugin
 *   conf   made by open() with ALL rules of one policy that use the type, so
 *          that they can be compiled into one engine; read-only afterwards and
 *          shared by all worker threads
 *   scan   one growing text (a channel); used by one thread at a time
 */
#ifndef MODGATE_FILTER_H
#define MODGATE_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MG_FILTER_ABI 2		/* changes whenever a field here does */

/* Borrowed bytes: no NUL at the end, never freed by the receiver, gone when
 * the call that passed them returns. */
struct mg_span {
	const char *ptr;
	size_t len;
};

/* Where something was written. Borrowed; lives as long as what it describes.
 * Line and column count from 1; 0 means unknown. */
struct mg_place {
	const char *file;
	unsigned line;
	unsigned column;
};

/* Why something failed. The deepest function fills it, as it knows most; the
 * first error wins. Start with all zero. */
struct mg_error {
	char text[512];		/* "file:line:column: what is wrong", UTF-8 */
};

/* Fills err unless it is already filled. place may be NULL. Always returns -1,
 * so that reporting and leaving are one line. Never pass a key or a text of a
 * client. */
#ifdef __cplusplus
extern "C"
#endif
int mg_fail(struct mg_error *err, const struct mg_place *place,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- options: what a rule may say in `match:` and `except:` ---- */

enum mg_option_type {
	MG_OPT_BOOL,		/* true | false */
	MG_OPT_INT,		/* a whole number from min to max */
	MG_OPT_NUMBER,		/* a number from min to max */
	MG_OPT_TEXT,		/* one string */
	MG_OPT_CHOICE,		/* one of choices */
	MG_OPT_CHOICES,		/* one or several of choices; the value's items
				 * are those written, in that order */
	MG_OPT_TEXTS,		/* a string, a list of strings, or, where the
				 * policy has a list of that name, its lines */
};

/* One key that a filter understands. The first option of a type carries the
 * type's own name (`match: { words: … }`). From this table come checking,
 * messages and help. A table ends with key NULL. */
struct mg_option {
	const char *key;
	enum mg_option_type type;
	bool in_except;		/* may also stand in `except:` */
	double min, max;	/* MG_OPT_INT and MG_OPT_NUMBER, inclusive */
	double fallback;	/* BOOL, INT, NUMBER, CHOICE (its index): the
				 * value when the key is not written */
	const char *const *choices;	/* MG_OPT_CHOICE and CHOICES;
					 * NULL-terminated */
	const char *help;	/* one line */
};

/* One string of an option, with its place in the policy or list file. */
struct mg_item {
	struct mg_span text;	/* UTF-8, checked */
	struct mg_place place;
};

/* The checked value of one option. */
struct mg_value {
	bool set;		/* the key was written */
	double number;		/* BOOL 0/1, INT, NUMBER, CHOICE (index) */
	const struct mg_item *items;	/* TEXT: one; TEXTS, CHOICES:
					 * n_items */
	size_t n_items;
	struct mg_place place;	/* of the value */
};

/* How a text is made ready before a rule reads it. Offsets that a filter
 * reports count bytes of the text that it was given; the gateway maps them
 * back to what was written. */
enum mg_fold {
	MG_FOLD_NONE,		/* as it is written */
	MG_FOLD_BASIC,		/* lower case, compatibility forms (Unicode's
				 * NFKC_Casefold), nothing invisible */
	MG_FOLD_STRONG,		/* also: simplified for traditional letters,
				 * plain ones for look-alikes and marks, no
				 * separators between single letters */
};

/* One rule as its filter sees it. Values are parallel to the type's options
 * and live as long as the conf. */
struct mg_rule {
	const char *id;
	const struct mg_value *match;
	const struct mg_value *except;	/* NULL: no exceptions */
	struct mg_place place;		/* of the rule's match */
	enum mg_fold fold;		/* of the texts it will be given */
	uint32_t max_hold;	/* bytes a stream may be held for this rule at
				 * the most; longer matches are not promised */
};

/* ---- judging ---- */

/* What one call of judge() concludes; the gravest that applies. */
enum mg_verdict {
	MG_CLEAN,	/* nothing found, nothing pending */
	MG_HOLD,	/* nothing found yet; see report->hold */
	MG_FOUND,	/* report->found was called at least once */
	MG_UNABLE,	/* report->unable was called at least once */
};

/* Which of the conf's rules apply to one scan: bit r of word r/64 stands for
 * rule r as it was passed to open(). Both have (n_rules + 63) / 64 words. */
struct mg_scope {
	const uint64_t *active;		/* rules to look for */
	const uint64_t *holding;	/* rules that text must wait for; a
					 * subset of active */
};

/* The text that has grown. Offsets count bytes from the channel's start and
 * never restart. ptr holds whole code points of valid UTF-8. */
struct mg_text {
	const char *ptr;
	size_t len;		/* bytes at ptr */
	uint64_t at;		/* offset of ptr[0] in the channel; not after
				 * the last report->keep */
	uint64_t fresh;		/* offset of the first byte not seen before */
	bool last;		/* nothing will follow */
};

/* Something a rule looks for. */
struct mg_found {
	uint32_t rule;		/* index as passed to open() */
	uint32_t item;		/* which of the rule's items, from 0 */
	uint64_t at;		/* offset of the first byte in the channel */
	uint64_t len;		/* bytes; at least 1 */
	double score;		/* how sure, above 0 to 1; 1 where it is a
				 * matter of fact */
};

/* What judge() tells. The caller sets hold and keep to the end of the text and
 * the functions; the filter lowers hold and keep. */
struct mg_report {
	uint64_t hold;		/* first byte that may still become part of a
				 * match of a holding rule. Bytes before it
				 * are let go: never report them later. */
	uint64_t keep;		/* first byte the filter needs again in the
				 * next call; at most hold */
	/* Called for each match, once, as soon as it is certain. */
	void (*found)(void *arg, const struct mg_found *found);
	/* Called when a rule cannot judge (a match limit …): why is a static
	 * text. The policy's on_error decides. */
	void (*unable)(void *arg, uint32_t rule, const char *why);
	/* NULL, or to be called with the time that went into one rule alone
	 * (steady clock, nanoseconds); what is not told is shared among all
	 * active rules. For metrics: most calls of judge() do not ask. */
	void (*cost)(void *arg, uint32_t rule, uint64_t ns);
	void *arg;
};

struct mg_filter_type {
	uint32_t abi;		/* MG_FILTER_ABI */
	const char *name;	/* the key in `match:` */
	const char *doc;	/* one line */
	const struct mg_option *options;
	enum mg_fold fold;	/* where a rule does not say `fold:` */
	bool folds_items;	/* the items of the option that is called like
				 * the type, in `match:` and `except:`, are
				 * texts to look for: they come folded as the
				 * text does */

	/* Compiles rules. Returns the conf, or NULL with err filled. warn may
	 * be called with advice that is no error (it copies). */
	void *(*open)(const struct mg_rule *rules, size_t n_rules,
	    void (*warn)(void *arg, const struct mg_place *place,
		const char *text), void *arg, struct mg_error *err);
	/* Accepts NULL. No scan of it may be left. */
	void (*close)(void *conf);
	/* Starts a channel. scope is borrowed until end(). Never NULL. */
	void *(*begin)(const void *conf, const struct mg_scope *scope);
	/* Judges the text so far. Same findings whatever the cuts. */
	enum mg_verdict (*judge)(void *scan, const struct mg_text *text,
	    struct mg_report *report);
	/* Accepts NULL. */
	void (*end)(void *scan);
	/* Bytes of memory that conf holds, for metrics. */
	size_t (*memory)(const void *conf);
};

/* ---- filters in a shared object ---- */

/* A plugin is a shared object, built against this header alone, that exports
 * one symbol: mg_filters, its filter types, at most 16, with NULL at the end.
 *
 *	MG_FILTERS(&filter_repeats);
 *
 * Of each type `abi` is read first, and nothing else unless it is
 * MG_FILTER_ABI. Then the rest is checked: names and keys are 1 to 32 of a-z,
 * 0-9 and '_' and begin with a letter; names are not those of another filter;
 * keys neither stand twice nor are names of filters; doc and help are there
 * and one line; there are at most 32 options, the first called like the type;
 * min, max, fallback (but of the first) and choices fit the option's type;
 * every function is there. Only mg_fail() comes from the gateway. A plugin is never unloaded, so
 * static texts may be passed on. README.md beside this file tells more. */
#define MG_FILTERS(...) \
	extern __attribute__((visibility("default"))) \
	    const struct mg_filter_type *const mg_filters[]; \
	const struct mg_filter_type *const mg_filters[] = { __VA_ARGS__, NULL }

#endif
