/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/list_check.h - what is odd about lists, and what they count. */
#ifndef GATEWAY_LIST_CHECK_H
#define GATEWAY_LIST_CHECK_H

#include "gateway/list_set.h"

enum list_problem {
	LIST_DUPLICATE,		/* the same as an entry before it */
	LIST_SHADOWED,		/* wherever it stands, a shorter entry does */
	LIST_SHORT,		/* one Han character, or at most two Latin
				 * letters: it is in too many innocent texts */
	LIST_PUNCTUATION,	/* begins or ends with a sign: it is missed
				 * where the sign is another */
	N_LIST_PROBLEMS,
};

extern const char *const list_problem_names[N_LIST_PROBLEMS];

/* Calls report for every problem of every entry, in order; other is the entry
 * that makes it a duplicate or shadows it. Calls progress (may be NULL) now
 * and then with how many entries are done. */
void list_check(const struct list_set *set, const struct list_engine *engine,
    void (*report)(void *arg, enum list_problem problem,
	const struct list_entry *entry, const struct list_entry *other),
    void (*progress)(void *arg, size_t done), void *arg);

/* What TC260-003 wants of a base of keywords, all lists together. */
enum {
	LIST_WANTED_ALL = 10000,
	LIST_WANTED_A1 = 200,		/* of each risk of A.1 */
	LIST_WANTED_A2 = 100,		/* of each risk of A.2 */
};

/* Entries that are wanted of a category; 0: it has no figure. */
size_t list_wanted(const char *category);

struct list_stats {
	size_t entries, gapped, noted;
	size_t bytes;			/* of all texts */
	size_t chars_min, chars_median, chars_max;
	size_t scripts[5];		/* by enum list_script, of entries in
					 * one script alone; NONE: mixed */
	size_t severities[5];		/* 0: none of its own */
	size_t categories[64];		/* 0: none of its own */
};

void list_count(const struct list_set *set, struct list_stats *stats);

#endif
