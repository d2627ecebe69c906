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
	struct mg_place place;
};

struct policy_build {
	struct reading r;
	struct policy *policy;
	bool files;			/* lists may come from files */
	struct file_list *noted;	/* files that are read; may be NULL */
	EVP_MD_CTX *digest;		/* over the policy and its lists */
	const struct yaml_node *rules;	/* read once all lists are known */
	struct policy_list *lists;
	const char **list_names;	/* NULL-terminated, for messages */
	size_t n_lists;
	const struct policy_grade *grades;	/* of the texts read last */
	char **warnings;		/* on the heap while it grows */
	size_t n_warnings, cap_warnings;
};

/* Reads a policy from bytes; path is its name in messages and the base of
 * relative paths. files false: a list that names a file is an error, and
 * nothing outside of bytes is touched. */
struct policy *policy_read(const char *path, struct mg_span bytes, bool files,
    struct mg_error *err);

/* Keeps "file:line:column: text" for policy->warnings; has the shape that
 * filters call. arg is a struct policy_build. */
void policy_warn(void *arg, const struct mg_place *place, const char *text);

/* Reads one of `rules:`; rule is zeroed. */
int policy_read_rule(struct policy_build *build, const struct yaml_node *node,
    struct policy_rule *rule);

/* Reads `match:` and `except:` (NULL: there is none) of a rule whose id is
 * known: sets rule->filter and rule->match but for max_hold. */
int policy_read_match(struct policy_build *build,
    const struct yaml_node *match, const struct yaml_node *except,
    struct policy_rule *rule);

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
