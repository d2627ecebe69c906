/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/policy_build.h - a policy while it is being read; shared by
 * policy_load.c (the file), policy_rule.c (one rule) and policy_match.c (what
 * its filter looks for). Nothing else includes it but the fuzzer. */
#ifndef GATEWAY_POLICY_BUILD_H
#define GATEWAY_POLICY_BUILD_H

#include <openssl/evp.h>

#include "gateway/list_file.h"
#include "gateway/options.h"
#include "gateway/policy.h"

enum {
	POLICY_MAX_RULES = 4096,
	POLICY_MAX_FILES = 64,			/* with all that are included */
	POLICY_MAX_DEPTH = 8,			/* of them inside each other */
	POLICY_MAX_LOOKS = 8192,		/* parts of all rules */
	POLICY_MAX_NESTING = 4,			/* any, all, not */
	POLICY_MAX_LISTS = 1024,
	POLICY_MAX_ITEMS = LIST_MAX_ENTRIES,	/* of one list */
	POLICY_MAX_LIST_BYTES = LIST_MAX_BYTES,
	POLICY_MAX_ITEM_BYTES = LIST_MAX_ENTRY_BYTES,
	POLICY_MAX_TEST_BYTES = 64 * 1024,
};

/* `lists:` - named texts that rules share. */
struct policy_list {
	const char *name;
	struct mg_item *items;
	struct policy_grade *grades;	/* by item; NULL: none has its own */
	size_t n;
	bool used;
	bool may_be_empty;	/* `empty: allow` is written */
	size_t source;
	struct mg_place place;
};

/* One file of a policy. */
struct policy_source {
	const char *file;		/* as it stands in messages */
	const char *real;		/* without links; NULL: not known */
	bool open;			/* it, or what it includes, is read */
	struct yaml_tree tree;
};

/* One of `rules:` or `scores:`, which is read when all files are known. */
struct policy_entry {
	const struct yaml_node *node;
	struct mg_span id;		/* len 0: it has none */
	size_t source;			/* the file that has the last word */
	bool score, off;
};

struct policy_build {
	struct reading r;
	struct policy *policy;
	bool files;			/* other files may be read */
	struct file_list *noted;	/* files that are read; may be NULL */
	const struct filter_set *filters;	/* NULL: those built in */
	EVP_MD_CTX *digest;		/* over the policy and its lists */
	struct policy_source sources[POLICY_MAX_FILES];
	size_t n_sources, source;	/* source: the one that is read; those
					 * behind it are included by it */
	struct policy_entry *entries;	/* on the heap */
	size_t n_entries, cap_entries;
	struct policy_list *lists;	/* on the heap */
	const char **list_names;	/* NULL-terminated, for messages; on the
					 * heap */
	size_t n_lists, cap_lists, cap_list_names;
	struct policy_rule *parts;	/* of all rules; on the heap while it
					 * grows */
	size_t n_parts, cap_parts;
	const struct policy_grade *grades;	/* of the texts read last */
	char **warnings;		/* on the heap while it grows */
	size_t n_warnings, cap_warnings;
};

/* Reads a policy from bytes; path is its name in messages and the base of
 * relative paths. files false: a list that names a file is an error, and
 * nothing outside of bytes is touched. */
struct policy *policy_read(const char *path, struct mg_span bytes, bool files,
    struct mg_error *err);
/* The same, with filters and noted as policy_load_with() has them. */
struct policy *policy_read_with(const char *path, struct mg_span bytes,
    bool files, const struct filter_set *filters, struct file_list *noted,
    struct mg_error *err);

/* Keeps "file:line:column: text" for policy->warnings; has the shape that
 * filters call. arg is a struct policy_build. */
void policy_warn(void *arg, const struct mg_place *place, const char *text);

/* Reads one of `rules:`; rule is zeroed. */
int policy_read_rule(struct policy_build *build, const struct yaml_node *node,
    struct policy_rule *rule);

/* All keys of a policy, of a rule, of one of `scores:`. */
extern const struct setting policy_table[];
extern const struct setting policy_rule_table[];
extern const struct setting policy_score_table[];
/* … of a list that is in a file, of an entry of a list. */
extern const struct setting policy_list_file_table[];
extern const struct setting policy_entry_table[];
/* The words of `action:`, `fold:` and `views:`, NULL-terminated. */
extern const char *const policy_views[];
extern const char *const policy_folds[];
extern const char *const policy_action_words[];

/* Reads one of `scores:`; rule is zeroed. All rules must be known. */
int policy_read_score(struct policy_build *build,
    const struct yaml_node *node, struct policy_rule *rule);
/* Marks rules whose score may block; warns of sums that nobody fills or
 * reads. To be called when all are known. */
void policy_link_scores(struct policy_build *build);

/* Reads `match:` and `except:` (NULL: there is none) of a rule whose id is
 * known: sets rule->kind, and rule->filter and rule->match but for max_hold, or
 * rule->expr with its parts in build->parts, of which only these are set. */
int policy_read_match(struct policy_build *build,
    const struct yaml_node *match, const struct yaml_node *except,
    struct policy_rule *rule);

/* ---- policy_include.c ---- */

/* Reads a file and, before it, what it includes. place is where it is named,
 * or NULL. */
int policy_read_source(struct policy_build *build, const char *file,
    struct mg_span bytes, unsigned depth, const struct mg_place *place);
/* Takes one of `rules:` or `scores:`, which may replace or switch off an
 * included one. */
int policy_add_entry(struct policy_build *build, const struct yaml_node *node,
    bool score);
void policy_free_sources(struct policy_build *build);

/* ---- policy_load.c ---- */

/* Reads a file's keys but `include:`. */
int policy_read_keys(struct policy_build *build, const struct yaml_node *root,
    unsigned depth);
/* Reads the entries of a list that is written in the policy: texts, or maps of
 * a text and what it says of itself. Both arrays have node->n; *grades is NULL
 * where no entry is a map. */
int policy_read_entries(struct policy_build *build, const char *key,
    const struct yaml_node *node, struct mg_item **items,
    struct policy_grade **grades);

/* Reads `lists:`. */
int policy_read_lists(struct policy_build *build,
    const struct yaml_node *node);

#endif
