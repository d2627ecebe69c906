/* SPDX-License-Identifier: Apache-2.0 */
/* filters/registry.h - the filters that are built in. */
#ifndef FILTERS_REGISTRY_H
#define FILTERS_REGISTRY_H

#include "modgate/filter.h"

/* All of them, in the order in which help lists them. NULL-terminated. */
extern const struct mg_filter_type *const filter_types[];

/* The type whose key in `match:` is name (len bytes, no NUL needed), or NULL. */
const struct mg_filter_type *filter_find(const char *name, size_t len);

#endif
