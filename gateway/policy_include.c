/* SPDX-License-Identifier: Apache-2.0 */
/* policy_include.c - `include:` of a policy: several files read as one.
 *
 * What a file includes is read before it, so that it has the last word: its
 * lists take the place of included ones of the same name, its refusal goes key
 * by key before theirs, and its rules may replace theirs or switch them off.
 * Two files that do not include each other must not disagree. */
#include <limits.h>
#include <stdlib.h>

#include "gateway/file.h"
#include "gateway/policy_build.h"

static struct policy_source *
source_new(struct policy_build *build, const char *file,
    const struct mg_place *place)
{
	struct policy_source *source;

	if (build->n_sources == POLICY_MAX_FILES) {
		mg_fail(build->r.err, place, "include: more than %d files in "
		    "one policy", POLICY_MAX_FILES);
		return NULL;
	}
	source = &build->sources[build->n_sources++];
	source->file = file;
	return source;
}

/* Reads one file that is named here, unless it was read before. */
static int
include_one(struct policy_build *build, const struct yaml_node *node,
    unsigned depth)
{
	char *beside, *path, real[PATH_MAX];
	struct buf bytes = { 0 };
	size_t i;
	int rc = -1;

	if (!options_text(&build->r, "include", node, 1, 1024))
		return -1;
	beside = file_beside(build->r.file, node->text);
	path = arena_text(build->r.arena, span_str(beside));
	free(beside);
	if (realpath(path, real))
		for (i = 0; i < build->n_sources; i++) {
			const struct policy_source *s = &build->sources[i];

			if (!s->real || strcmp(s->real, real) != 0)
				continue;
			return s->open ? mg_fail(build->r.err, &node->place,
			    "include: '%s' includes itself", path) : 0;
		}
	if (depth == POLICY_MAX_DEPTH)
		return mg_fail(build->r.err, &node->place, "include: more "
		    "than %d files inside each other", POLICY_MAX_DEPTH);
	file_list_add(build->noted, path);
	if (file_read(path, YAML_MAX_BYTES, &node->place, &bytes,
	    build->r.err) == 0)
		rc = policy_read_source(build, path, buf_span(&bytes), depth,
		    &node->place);
	buf_fini(&bytes);
	return rc;
}

static int
include_all(struct policy_build *build, const struct yaml_node *node,
    unsigned depth)
{
	const struct yaml_node *item = node;

	if (!node)
		return 0;
	if (!build->files)
		return mg_fail(build->r.err, &node->place,
		    "include: other files are not read here");
	if (node->type == YAML_LIST) {
		item = node->first;
		if (!item)
			return mg_fail(build->r.err, &node->place,
			    "include: the list is empty");
	}
	for (; item; item = item == node ? NULL : item->next)
		if (include_one(build, item, depth + 1) < 0)
			return -1;
	return 0;
}

int
policy_read_source(struct policy_build *build, const char *file,
    struct mg_span bytes, unsigned depth, const struct mg_place *place)
{
	const char *outer_file = build->r.file;
	size_t outer = build->source;
	struct policy_source *source = source_new(build, file, place);
	char real[PATH_MAX];
	int rc;

	if (!source)
		return -1;
	if (build->files && realpath(file, real))
		source->real = arena_text(build->r.arena, span_str(real));
	source->open = true;
	if (!EVP_DigestUpdate(build->digest, bytes.ptr, bytes.len))
		abort();
	build->r.file = file;
	rc = yaml_read(&source->tree, file, bytes, build->r.err);
	if (rc == 0)
		rc = include_all(build, yaml_get(source->tree.root,
		    "include"), depth);
	build->r.file = file;
	build->source = (size_t)(source - build->sources);
	if (rc == 0)
		rc = policy_read_keys(build, source->tree.root, depth);
	source->open = false;
	build->source = outer;
	build->r.file = outer_file;
	return rc;
}

/* ---- rules of several files ---- */

static bool
is_true(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *node = yaml_get(map, key);

	return node && node->type == YAML_TEXT && span_is(node->text, "true");
}

/* What was read of this id so far, or NULL. */
static struct policy_entry *
entry_of(struct policy_build *build, struct mg_span id)
{
	size_t i;

	for (i = 0; id.len > 0 && i < build->n_entries; i++)
		if (span_eq(build->entries[i].id, id))
			return &build->entries[i];
	return NULL;
}

/* Switches an included rule off. */
static int
switch_off(struct policy_build *build, const struct yaml_node *node,
    struct policy_entry *old)
{
	const struct yaml_node *child;

	for (child = node->first; child; child = child->next)
		if (!span_is(child->key, "id") &&
		    !span_is(child->key, "disabled"))
			return mg_fail(build->r.err, &child->key_place,
			    "disabled: the rule is written in %s; beside its "
			    "id nothing else may stand here",
			    build->sources[old->source].file);
	old->off = true;
	old->source = build->source;
	return 0;
}

int
policy_add_entry(struct policy_build *build, const struct yaml_node *node,
    bool score)
{
	const struct yaml_node *id = yaml_get(node, "id");
	struct policy_entry entry = { node, id && id->type == YAML_TEXT ?
		id->text : span("", 0), build->source, score,
		is_true(node, "disabled") };
	struct policy_entry *old = entry_of(build, entry.id);

	if (old && (old->source <= build->source || old->score != score))
		old = NULL;		/* check_id() will say so */
	if (old && entry.off && !is_true(node, "override"))
		return switch_off(build, node, old);
	if (old && is_true(node, "override")) {
		*old = entry;
		return 0;
	}
	if (old)
		return mg_fail(build->r.err, &id->place, "id: '%s' is taken, "
		    "in %s line %u; `override: true` would replace it",
		    id->text.ptr, build->sources[old->source].file,
		    old->node->place.line);
	if (is_true(node, "override"))
		return mg_fail(build->r.err, &yaml_get(node,
		    "override")->key_place, "override: no included file has a "
		    "%s of this id", score ? "score" : "rule");
	if (build->n_entries == POLICY_MAX_RULES + POLICY_MAX_SCORES)
		return mg_fail(build->r.err, &node->place, "rules: more than "
		    "%d of them", POLICY_MAX_RULES);
	build->entries = xgrow(build->entries, &build->cap_entries,
	    build->n_entries + 1, sizeof(*build->entries));
	build->entries[build->n_entries++] = entry;
	return 0;
}

void
policy_free_sources(struct policy_build *build)
{
	size_t i;

	for (i = 0; i < build->n_sources; i++)
		yaml_fini(&build->sources[i].tree);
	free(build->entries);
}
