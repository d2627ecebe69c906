/* SPDX-License-Identifier: Apache-2.0 */
/* policy_list.c - `lists:` of a policy: named texts, written inline or in a
 * file of their own, which list_file.c reads.
 *
 * Every text keeps its place, so that a filter can say which line of which
 * file it does not like, and its own severity and category, if it has any. */
#include <stdlib.h>

#include "gateway/file.h"
#include "gateway/list_file.h"
#include "gateway/policy_build.h"

/* [A-Za-z0-9_-]+, so that a name never looks like anything else. */
static bool
is_list_name(struct mg_span name)
{
	size_t i;

	for (i = 0; i < name.len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
		    "WXYZ0123456789_-", name.ptr[i]))
			return false;
	return name.len > 0 && name.len <= 64;
}

/* What an entry that is written as a map may say. */
struct entry_build {
	char *word, *note;
	uint8_t severity, category;	/* an index; NONE: not written */
};

enum { NONE = 255, NOTE_MAX = 1024 };

#define ENTRY(member) OPTION_AT(struct entry_build, member)

const struct setting policy_entry_table[] = {
	{ .key = "word", .kind = OPTION_TEXT, ENTRY(word), .required = true,
	    .min = 1, .max = POLICY_MAX_ITEM_BYTES,
	    .help = "what to look for" },
	{ .key = "severity", .kind = OPTION_CHOICE, ENTRY(severity),
	    .choices = policy_severities, .help = "the rule's without it" },
	{ .key = "category", .kind = OPTION_CHOICE, ENTRY(category),
	    .choices = policy_categories, .help = "the rule's without it" },
	{ .key = "note", .kind = OPTION_TEXT, ENTRY(note), .min = 0,
	    .max = NOTE_MAX, .help = "for people" },
	{ .key = NULL },
};

static int
read_entry(struct policy_build *build, const char *key,
    const struct yaml_node *node, struct mg_item *item,
    struct policy_grade *grade)
{
	struct entry_build entry = { .severity = NONE, .category = NONE };

	item->place = node->place;
	if (node->type != YAML_MAP) {
		entry.word = options_text(&build->r, key, node, 1,
		    POLICY_MAX_ITEM_BYTES);
		item->text = span_str(entry.word);
		return entry.word ? 0 : -1;
	}
	if (options_read(&build->r, policy_entry_table, key, node, &entry) < 0)
		return -1;
	item->text = span_str(entry.word);
	item->place = yaml_get(node, "word")->place;
	if (entry.severity != NONE)
		grade->severity = (uint8_t)(entry.severity + 1);
	if (entry.category != NONE)
		grade->category = (uint8_t)(entry.category + 1);
	return 0;
}

int
policy_read_entries(struct policy_build *build, const char *key,
    const struct yaml_node *node, struct mg_item **items,
    struct policy_grade **grades)
{
	const struct yaml_node *child;
	bool any = false;
	size_t i = 0;

	*items = arena_array(build->r.arena, node->n, sizeof(**items));
	*grades = NULL;
	for (child = node->first; child && !any; child = child->next)
		any = child->type == YAML_MAP;
	if (any)
		*grades = arena_array(build->r.arena, node->n,
		    sizeof(**grades));
	for (child = node->first; child; child = child->next, i++)
		if (read_entry(build, key, child, &(*items)[i],
		    any ? &(*grades)[i] : NULL) < 0)
			return -1;
	return 0;
}

static int
read_inline(struct policy_build *build, const struct yaml_node *node,
    struct policy_list *list)
{
	if (node->n > POLICY_MAX_ITEMS)
		return mg_fail(build->r.err, &node->place, "%s: %zu texts; at "
		    "most %d in one list", list->name, node->n,
		    POLICY_MAX_ITEMS);
	list->n = node->n;
	return policy_read_entries(build, list->name, node, &list->items,
	    &list->grades);
}

/* A list while its file is read: on the heap, as it grows. */
struct growing {
	struct policy_build *build;
	struct mg_item *items;
	struct policy_grade *grades;
	size_t n, cap_items, cap_grades;
	bool graded;
};

static int
take_entry(void *arg, const struct list_entry *entry, struct mg_error *err)
{
	struct growing *g = arg;

	(void)err;
	g->items = xgrow(g->items, &g->cap_items, g->n + 1,
	    sizeof(*g->items));
	g->grades = xgrow(g->grades, &g->cap_grades, g->n + 1,
	    sizeof(*g->grades));
	g->items[g->n].place = entry->place;
	g->items[g->n].text = span(arena_text(g->build->r.arena, entry->text),
	    entry->text.len);
	g->grades[g->n++] = entry->grade;
	g->graded |= entry->grade.severity || entry->grade.category;
	return 0;
}

static void *
settle(struct arena *arena, const void *from, size_t n, size_t size)
{
	void *to = arena_array(arena, n, size);

	if (n)
		memcpy(to, from, n * size);
	return to;
}

static int
read_entries(struct policy_build *build, struct policy_list *list,
    const char *file, struct buf *bytes)
{
	struct growing g = { .build = build };
	struct arena *arena = build->r.arena;
	int rc = list_file_read(file, bytes, take_entry, &g, build->r.err);

	list->n = g.n;
	list->items = settle(arena, g.items, g.n, sizeof(*g.items));
	if (g.graded)
		list->grades = settle(arena, g.grades, g.n,
		    sizeof(*g.grades));
	free(g.items);
	free(g.grades);
	return rc;
}

static int
read_file(struct policy_build *build, const struct yaml_node *node,
    struct policy_list *list)
{
	struct buf bytes = { 0 };
	struct mg_error *err = build->r.err;
	char *path;
	int rc;

	if (!build->files)
		return mg_fail(err, &node->place,
		    "%s: lists in files are not read here", list->name);
	if (!options_text(&build->r, "file", node, 1, 1024))
		return -1;
	path = file_beside(build->r.file, node->text);
	file_list_add(build->noted, path);
	rc = file_read(path, POLICY_MAX_LIST_BYTES, &node->place, &bytes, err);
	if (rc == 0 && !EVP_DigestUpdate(build->digest, bytes.ptr, bytes.len))
		abort();
	if (rc == 0)
		rc = read_entries(build, list, arena_text(build->r.arena,
		    span_str(path)), &bytes);
	buf_fini(&bytes);
	free(path);
	return rc;
}

/* What a map may say instead of texts. */
struct file_build {
	char *file;
	uint8_t empty;
};

enum { EMPTY_REFUSE, EMPTY_ALLOW };

static const char *const empty_choices[] = { [EMPTY_REFUSE] = "refuse",
	[EMPTY_ALLOW] = "allow", NULL };

#define FILE_KEY(member) OPTION_AT(struct file_build, member)

const struct setting policy_list_file_table[] = {
	{ .key = "file", .kind = OPTION_TEXT, FILE_KEY(file), .required = true,
	    .min = 1, .max = 1024, .help = "beside the policy's file" },
	{ .key = "empty", .kind = OPTION_CHOICE, FILE_KEY(empty),
	    .choices = empty_choices, .help = "what to do with a list that "
	    "has no entries: refuse or allow" },
	{ .key = NULL },
};

static int
read_map(struct policy_build *build, const struct yaml_node *node,
    struct policy_list *list)
{
	struct file_build from = { .empty = EMPTY_REFUSE };
	char text[160];

	if (options_read(&build->r, policy_list_file_table, "lists", node,
		&from) < 0 ||
	    read_file(build, yaml_get(node, "file"), list) < 0)
		return -1;
	if (list->n || from.empty == EMPTY_REFUSE)
		return 0;
	list->may_be_empty = true;
	(void)snprintf(text, sizeof(text), "%s: the list is empty, so that "
	    "its rules find nothing", list->name);
	policy_warn(build, &node->place, text);
	return 0;
}

/* A list of this name that was read before: that of an included file gives
 * way. */
static int
take_place(struct policy_build *build, const struct yaml_node *node)
{
	size_t i;

	for (i = 0; i < build->n_lists; i++) {
		struct policy_list *old = &build->lists[i];

		if (!span_is(node->key, old->name))
			continue;
		if (old->source <= build->source)
			return mg_fail(build->r.err, &node->key_place,
			    "lists: '%s' is also in %s line %u", old->name,
			    old->place.file, old->place.line);
		old->used = true;
	}
	return 0;
}

static int
read_list(struct policy_build *build, const struct yaml_node *node)
{
	struct policy_list *list;
	int rc;

	if (!is_list_name(node->key))
		return mg_fail(build->r.err, &node->key_place, "lists: a name "
		    "is 1 to 64 letters, digits, '_' and '-'");
	if (take_place(build, node) < 0)
		return -1;
	build->lists = xgrow(build->lists, &build->cap_lists,
	    build->n_lists + 1, sizeof(*build->lists));
	build->list_names = xgrow(build->list_names, &build->cap_list_names,
	    build->n_lists + 2, sizeof(*build->list_names));
	list = &build->lists[build->n_lists];
	*list = (struct policy_list){ .source = build->source };
	list->name = arena_text(build->r.arena, node->key);
	list->place = node->key_place;
	build->list_names[build->n_lists++] = list->name;
	build->list_names[build->n_lists] = NULL;
	if (node->type == YAML_TEXT)
		return mg_fail(build->r.err, &node->place, "%s: write a list "
		    "in brackets, or { file: PATH }", list->name);
	rc = node->type == YAML_MAP ? read_map(build, node, list) :
	    read_inline(build, node, list);
	if (rc == 0 && list->n == 0 && !list->may_be_empty)
		return mg_fail(build->r.err, &node->place,
		    "%s: the list is empty", list->name);
	return rc;
}

int
policy_read_lists(struct policy_build *build, const struct yaml_node *node)
{
	const struct yaml_node *child;

	if (options_want(&build->r, "lists", node, YAML_MAP) < 0)
		return -1;
	if (build->n_lists + node->n > POLICY_MAX_LISTS)
		return mg_fail(build->r.err, &node->place, "lists: %zu of "
		    "them; at most %d", build->n_lists + node->n,
		    POLICY_MAX_LISTS);
	for (child = node->first; child; child = child->next)
		if (read_list(build, child) < 0)
			return -1;
	return 0;
}
