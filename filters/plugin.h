/* SPDX-License-Identifier: Apache-2.0 */
/* filters/plugin.h - filters that come from shared objects.
 *
 * What is loaded is code of this process: it is taken only from a file, in a
 * folder, that nobody but root and this process's user can change. It is never
 * unloaded. The same file is loaded once; one that took its place (by rename)
 * is loaded beside it. */
#ifndef FILTERS_PLUGIN_H
#define FILTERS_PLUGIN_H

#include "modgate/filter.h"

enum {
	PLUGIN_MAX_FILES = 64,		/* over the life of a process */
	PLUGIN_MAX_TYPES = 16,		/* of one file */
	PLUGIN_MAX_OPTIONS = 32,	/* of one filter */
	PLUGIN_MAX_CHOICES = 256,	/* of one option */
	PLUGIN_MAX_NAME = 32,		/* bytes of a name or key */
	PLUGIN_MAX_LINE = 200,		/* bytes of doc or help */
};

/* Loads a file: its mg_filters, from one to PLUGIN_MAX_TYPES that are not
 * checked yet, NULL at the end. NULL with err filled: "PLACE: filters: PATH:
 * why". Any thread. */
const struct mg_filter_type *const *plugin_open(const char *path,
    const struct mg_place *place, struct mg_error *err);

/* Whether a type is of our ABI, complete, without contradiction, and at peace
 * with the others (NULL-terminated). path and place are for the message. */
int plugin_check(const struct mg_filter_type *type,
    const struct mg_filter_type *const *others, const char *path,
    const struct mg_place *place, struct mg_error *err);

#endif
