/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/list_set.h - the entries of list files in memory, for the commands
 * that look at lists, and the words filter over all of them. */
#ifndef GATEWAY_LIST_SET_H
#define GATEWAY_LIST_SET_H

#include "gateway/arena.h"
#include "gateway/list_file.h"

struct list_set {
	struct list_entry *entries;	/* texts are borrowed from bytes */
	size_t n, cap;
	struct buf *bytes;		/* by file */
	size_t n_files;
};

/* Adds the entries of a file; path is borrowed by their places. On failure
 * the set keeps what it had and more; it is still to be given to
 * list_set_fini(). */
int list_set_add(struct list_set *set, const char *path, struct mg_error *err);
void list_set_fini(struct list_set *set);

/* The words filter with all entries as the items of one rule, folded as the
 * filter's rules are where a policy does not say otherwise. */
struct list_engine {
	const struct mg_filter_type *type;
	void *conf;
	struct mg_item *items;		/* owned; folded, by entry */
	struct arena arena;		/* of their texts */
	double build_ms;		/* of the processor's time, folding included */
	size_t bytes;
};

/* -1: refused, with err filled. The set must stay. engine is zeroed. */
int list_engine_open(struct list_engine *engine, const struct list_set *set,
    struct mg_error *err);
void list_engine_close(struct list_engine *engine);
/* Calls found for every match in a text, which is folded. */
void list_engine_judge(const struct list_engine *engine, struct mg_span text,
    void (*found)(void *arg, const struct mg_found *found), void *arg);

/* ---- characters ---- */

enum list_script { SCRIPT_HAN, SCRIPT_LATIN, SCRIPT_DIGITS, SCRIPT_OTHER,
    SCRIPT_NONE };			/* NONE: no letter and no digit */

/* Reads the code point at text.ptr[*at] and steps over it; valid UTF-8. */
uint32_t list_char(struct mg_span text, size_t *at);
enum list_script list_script_of(uint32_t c);
/* Code points. */
size_t list_chars(struct mg_span text);

#endif
