/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/policy.h - a policy, checked and compiled, immutable.
 *
 * policy_load.c makes it from YAML; nothing at run time sees a YAML node. Each
 * exchange holds a reference to the policy it began under. */
#ifndef GATEWAY_POLICY_H
#define GATEWAY_POLICY_H

#include "filters/fold/fold.h"
#include "modgate/filter.h"

struct file_list;
struct filter_set;

enum policy_side { SIDE_PROMPT = 1, SIDE_ANSWER = 2 };
enum policy_action { ACTION_FLAG, ACTION_REDACT, ACTION_PSEUDONYMIZE,
    ACTION_BLOCK };
enum policy_mode { MODE_ENFORCE, MODE_SHADOW };
enum policy_severity { SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH,
    SEVERITY_CRITICAL };
enum policy_stream { STREAM_EXACT, STREAM_SENTENCE, STREAM_WHOLE };

/* Who wrote a text. Bits, for when.roles. */
enum policy_role {
	ROLE_SYSTEM = 1, ROLE_DEVELOPER = 2, ROLE_USER = 4, ROLE_ASSISTANT = 8,
	ROLE_TOOL = 16, ROLE_OTHER = 32, ROLE_ANY = 63,
};

struct redact;
struct graphemes;

struct policy_test {
	char *text;
	enum policy_action expect;	/* with expect_pass false: the rule
					 * fires; key `block`, `redact`, …
					 * must be the rule's own action */
	bool expect_pass;
	struct mg_place place;
};

enum policy_expr_kind { EXPR_PART, EXPR_ANY, EXPR_ALL, EXPR_NOT };

/* What `any:`, `all:` and `not:` make of the parts of a rule. */
struct policy_expr {
	enum policy_expr_kind kind;
	unsigned part;			/* EXPR_PART: which */
	const struct policy_expr *children;	/* others: n; of NOT one */
	size_t n;
};

enum {
	POLICY_MAX_PARTS = 32,		/* of one rule */
	POLICY_MAX_SCORES = 256,	/* of one policy */
	POLICY_MAX_LANGUAGES = 32,	/* of refusal.message */
	POLICY_MAX_SUMS = 64,		/* different names in them; screens
					 * have a bit for each */
	POLICY_MAX_SPANS = 8,		/* different scopes of one policy */
	POLICY_MAX_MESSAGES = 64,	/* of one scope */
};

/* What one entry of a list says of itself. Parallel to the items that the rule
 * looks for; the filter does not know of it. */
struct policy_grade {
	uint8_t severity;	/* 1 + enum policy_severity; 0: the rule's */
	uint8_t category;	/* 1 + index in policy_categories; 0: the
				 * rule's */
};

struct policy_rule {
	char *id;
	unsigned sides;			/* enum policy_side bits */
	enum policy_action action;
	enum policy_mode mode;
	enum policy_severity severity;
	enum policy_stream stream;
	uint32_t sample_ppm;		/* it looks at so many of a million
					 * exchanges; 0: at all */
	unsigned messages;		/* scope: it also looks at so many
					 * messages joined; 0: it does not */
	unsigned span;			/* scope: 1 + its place in spans */
	bool allow_on_error;		/* on_error: allow */
	char *category;			/* id of compliance.md; "custom" */
	char *replacement;		/* of redact; "[redacted]"; NULL: what
					 * is written depends on the match: */
	const struct redact *redact;	/* the template; NULL: there is none */
	char **kinds;			/* of pseudonymize: what its
					 * placeholders are called, for each
					 * item of its match, or one for all */
	size_t n_kinds;
	char **tenants, **models;	/* when; NULL: any; NULL-terminated */
	unsigned roles;			/* when; enum policy_role bits */
	uint32_t score;			/* it adds so much … */
	unsigned sum;			/* … to this of policy->sums; of
					 * `scores:`, what is compared */
	unsigned adds;			/* its number among rules with a score */
	bool feeds;			/* what it adds may block a text */
	uint32_t at_least;		/* not 0: one of `scores:` */
	bool per_exchange;		/* … over all texts of a side */
	const char *kind;		/* filter's name; any, all, not; score */
	const struct mg_filter_type *filter;	/* NULL: expr says */
	struct mg_rule match;		/* its values are owned by the policy;
					 * as they were written */
	bool leet;			/* match.leet */
	const struct policy_expr *expr;	/* over its parts; NULL: one match */
	bool negates;			/* expr holds a `not` */
	size_t parts, n_parts;		/* expr: where in policy->rules */
	size_t combo;			/* expr: its number among such rules */
	const struct policy_rule *owner;	/* whose part this is; NULL: it
					 * is a rule as it was written */
	unsigned part;			/* owner: which */
	const struct policy_grade *grades;	/* of the items of match[0];
						 * NULL: all as the rule */
	size_t n_grades;
	unsigned views;			/* match.views; bits by fold_via */
	size_t engine, engine_rule;	/* where it is compiled */
	struct policy_test *tests;
	size_t n_tests;
	struct mg_place place;
};

/* One filter type with all rules of this policy that use it on texts that are
 * folded alike. */
struct policy_engine {
	const struct mg_filter_type *type;
	enum mg_fold fold;
	bool leet;
	enum fold_via via;		/* beside VIA_TEXT: rules that ask */
	bool begins_plain;		/* all that it looks for begins with a
					 * letter or a Han character */
	void *conf;
	size_t *rules;			/* engine's rule index → policy's */
	size_t n_rules;
};

/* Odd: prompts and answers may take turns. */
#define POLICY_TIMED 17

/* What is counted while a policy is in force, of one screen in POLICY_TIMED:
 * the nanoseconds that each rule took, by its own work and by its share of
 * what its engine does for all rules at once. Relaxed atomics, for metrics. */
struct policy_stats {
	uint32_t screens;
	uint64_t rule_ns[];		/* n_rules */
};

/* What a client reads, in one language. */
struct policy_message {
	char *language;			/* lower case: zh, en, pt-br */
	char *text;
};

struct policy {
	unsigned refs;			/* atomic */
	char *file;
	char *name;
	char sha256[65];		/* hex, over the policy and its lists */
	struct policy_rule *rules;	/* behind the n_rules that are written
					 * come the parts of some of them: what
					 * filters know as rules */
	size_t n_rules, n_looks;	/* n_looks: with the parts */
	size_t first_score;		/* of `scores:`, the last of n_rules */
	const char *sums[POLICY_MAX_SUMS];	/* names; "": of those without */
	unsigned n_sums, n_adds;
	size_t n_combos;		/* rules that have parts */
	unsigned spans[POLICY_MAX_SPANS];	/* the `messages` of scopes */
	unsigned n_spans;
	struct policy_engine *engines;
	size_t n_engines;
	struct policy_stats *stats;	/* owned */
	struct graphemes *graphemes;	/* owned; of the templates */
	bool prompt_as_completion;	/* refusal.prompt: completion */
	bool answer_as_error;		/* refusal.answer: error */
	struct policy_message *messages;	/* refusal.message */
	size_t n_messages;
	char **warnings;		/* "file:line:col: …", NULL-terminated */
	void *storage;			/* policy_load.c's own */
};

/* Reads, checks and compiles. NULL with err filled on failure. Its rules may
 * name the filters that are built in. */
struct policy *policy_load(const char *path, struct mg_error *err);
/* The same, with what plugins have added to them (filters may be NULL); notes
 * every file that it reads or looks for, also when it fails (noted may be
 * NULL). */
struct policy *policy_load_with(const char *path,
    const struct filter_set *filters, struct file_list *noted,
    struct mg_error *err);
struct policy *policy_ref(struct policy *policy);
void policy_unref(struct policy **policy);

/* Runs the tests that stand beside the rules. Calls report for each (why is
 * NULL when it passed). Returns how many failed. */
size_t policy_run_tests(const struct policy *policy,
    void (*report)(void *arg, const struct policy_rule *rule,
	const struct policy_test *test, const char *why), void *arg);

/* Risks of TC260-003 annex A, the classes beside it, and the operator's own;
 * NULL-terminated. Severities by enum policy_severity, likewise. */
extern const char *const policy_categories[];
extern const char *const policy_severities[];

/* Of a finding: the entry's own where it has one, else the rule's. */
#define POLICY_NO_ITEM UINT32_MAX	/* the rule was unable to judge, or it
					 * has parts */
const char *policy_category_of(const struct policy_rule *rule, uint32_t item);
enum policy_severity policy_severity_of(const struct policy_rule *rule,
    uint32_t item);

const char *policy_action_name(enum policy_action action);
const char *policy_severity_name(enum policy_severity severity);
const char *policy_role_name(enum policy_role role);

#endif
