/* SPDX-License-Identifier: Apache-2.0 */
/* filters/registry.h - the filters that a policy may name: those built in, and
 * those that plugins add. */
#ifndef FILTERS_REGISTRY_H
#define FILTERS_REGISTRY_H

#include "modgate/filter.h"

/* All that are built in, in the order in which help lists them.
 * NULL-terminated. */
extern const struct mg_filter_type *const filter_types[];

/* The built-in type whose key in `match:` is name (len bytes, no NUL needed),
 * or NULL. */
const struct mg_filter_type *filter_find(const char *name, size_t len);

/* Built-in filters and plugins'. All zero: only what is built in. Made whole
 * before a policy is read with it, not changed afterwards; policies keep
 * pointers to types, which live as long as the process, and none to the set. */
struct filter_set {
	const struct mg_filter_type **types;	/* NULL-terminated; or NULL */
	size_t n;
};

/* Adds the filters of a shared object (see filters/plugin.h). place is where
 * it was named; may be NULL. On failure err is filled and set stays as it
 * was. */
int filter_set_load(struct filter_set *set, const char *path,
    const struct mg_place *place, struct mg_error *err);
void filter_set_fini(struct filter_set *set);

/* All types, NULL-terminated; as filter_find(), among all of them. set may be
 * NULL: only what is built in. */
const struct mg_filter_type *const *filter_set_types(
    const struct filter_set *set);
const struct mg_filter_type *filter_set_find(const struct filter_set *set,
    const char *name, size_t len);

#endif
