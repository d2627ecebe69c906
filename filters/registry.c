/* SPDX-License-Identifier: Apache-2.0 */
/* registry.c - one line per filter. A table one can read beats a linker
 * trick. Plugins' filters are added to a copy of it, which whoever reads
 * policies owns. */
#include "filters/registry.h"

#include <string.h>

#include "filters/memory.h"
#include "filters/plugin.h"

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

static const struct mg_filter_type *
find(const struct mg_filter_type *const *type, const char *name, size_t len)
{
	for (; *type; type++)
		if (strlen((*type)->name) == len &&
		    memcmp((*type)->name, name, len) == 0)
			return *type;
	return NULL;
}

const struct mg_filter_type *
filter_find(const char *name, size_t len)
{
	return find(filter_types, name, len);
}

const struct mg_filter_type *const *
filter_set_types(const struct filter_set *set)
{
	return set && set->types ? set->types : filter_types;
}

const struct mg_filter_type *
filter_set_find(const struct filter_set *set, const char *name, size_t len)
{
	return find(filter_set_types(set), name, len);
}

/* Appends one type. */
static void
add(struct filter_set *set, const struct mg_filter_type *type)
{
	set->types = mem_grow(set->types, set->n + 2, sizeof(*set->types));
	set->types[set->n++] = type;
	set->types[set->n] = NULL;
}

int
filter_set_load(struct filter_set *set, const char *path,
    const struct mg_place *place, struct mg_error *err)
{
	const struct mg_filter_type *const *types, *const *type;
	size_t before;

	if (!set->types)
		for (type = filter_types; *type; type++)
			add(set, *type);
	before = set->n;
	types = plugin_open(path, place, err);
	for (type = types; type && *type; type++) {
		if (plugin_check(*type, set->types, path, place, err) < 0)
			break;
		add(set, *type);
	}
	if (types && !*type)
		return 0;
	set->n = before;
	set->types[before] = NULL;
	return -1;
}

void
filter_set_fini(struct filter_set *set)
{
	free(set->types);
	*set = (struct filter_set){ 0 };
}
