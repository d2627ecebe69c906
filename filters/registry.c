/* SPDX-License-Identifier: Apache-2.0 */
/* registry.c - one line per filter. A table one can read beats a linker
 * trick. */
#include "filters/registry.h"

#include <string.h>

extern const struct mg_filter_type filter_words, filter_regex, filter_pii;
extern const struct mg_filter_type filter_secrets, filter_injection;
extern const struct mg_filter_type filter_invisible, filter_length;
extern const struct mg_filter_type filter_language, filter_json;

const struct mg_filter_type *const filter_types[] = {
	&filter_words,
	&filter_regex,
	&filter_pii,
	&filter_secrets,
	&filter_injection,
	&filter_invisible,
	&filter_length,
	&filter_language,
	&filter_json,
	NULL,
};

const struct mg_filter_type *
filter_find(const char *name, size_t len)
{
	const struct mg_filter_type *const *type;

	for (type = filter_types; *type; type++)
		if (strlen((*type)->name) == len &&
		    memcmp((*type)->name, name, len) == 0)
			return *type;
	return NULL;
}
