/* SPDX-License-Identifier: Apache-2.0 */
/* policy_list.c - `lists:` of a policy: named texts, written inline or one per
 * line in a file of their own.
 *
 * Every text keeps its place, so that a filter can say which line of which
 * file it does not like. */
#include <stdlib.h>

#include "gateway/file.h"
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

static int
read_inline(struct policy_build *build, const struct yaml_node *node,
    struct policy_list *list)
{
	const struct yaml_node *item;

	if (node->n > POLICY_MAX_ITEMS)
		return mg_fail(build->r.err, &node->place, "%s: %zu texts; at "
		    "most %d in one list", list->name, node->n,
		    POLICY_MAX_ITEMS);
	list->items = arena_array(build->r.arena, node->n,
	    sizeof(*list->items));
	for (item = node->first; item; item = item->next) {
		char *text = options_text(&build->r, list->name, item, 1,
		    POLICY_MAX_ITEM_BYTES);

		if (!text)
			return -1;
		list->items[list->n].text = span(text, item->text.len);
		list->items[list->n++].place = item->place;
	}
	return 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Takes one line without its end: an entry, or nothing. */
static int
read_line(struct policy_build *build, struct policy_list *list,
    struct mg_span line, struct mg_place place, size_t *cap)
{
	while (line.len && is_blank(line.ptr[line.len - 1]))
		line.len--;
	while (line.len && is_blank(line.ptr[0])) {
		line.ptr++;
		line.len--;
		place.column++;
	}
	if (line.len == 0 || line.ptr[0] == '#')
		return 0;
	if (memchr(line.ptr, '\0', line.len))
		return mg_fail(build->r.err, &place, "an entry cannot hold "
		    "the character U+0000");
	if (line.len > POLICY_MAX_ITEM_BYTES)
		return mg_fail(build->r.err, &place, "an entry of %zu bytes; "
		    "at most %d", line.len, POLICY_MAX_ITEM_BYTES);
	if (list->n == POLICY_MAX_ITEMS)
		return mg_fail(build->r.err, &place, "more than %d entries",
		    POLICY_MAX_ITEMS);
	list->items = xgrow(list->items, cap, list->n + 1,
	    sizeof(*list->items));
	list->items[list->n].place = place;
	list->items[list->n++].text = span(arena_text(build->r.arena, line),
	    line.len);
	return 0;
}

static int
read_lines(struct policy_build *build, struct policy_list *list,
    const char *file, struct mg_span bytes)
{
	struct mg_place place = { file, 1, 1 };
	struct mg_item *items;
	size_t bad = yaml_bad_utf8(bytes), at = 0, cap = 0;
	int rc = 0;

	if (bad < bytes.len) {
		place = yaml_place_at(file, bytes, bad);
		return mg_fail(build->r.err, &place, "byte 0x%02X is not "
		    "UTF-8; save the file as UTF-8",
		    (unsigned)(unsigned char)bytes.ptr[bad]);
	}
	if (bytes.len >= 3 && memcmp(bytes.ptr, "\xef\xbb\xbf", 3) == 0)
		at = 3;
	while (at < bytes.len && rc == 0) {
		const char *end = memchr(bytes.ptr + at, '\n', bytes.len - at);
		size_t len = end ? (size_t)(end - bytes.ptr) - at :
		    bytes.len - at;

		rc = read_line(build, list, span(bytes.ptr + at, len), place,
		    &cap);
		at += len + 1;
		place.line++;
	}
	/* It grew on the heap; it lives in the arena. */
	items = list->items;
	list->items = arena_array(build->r.arena, list->n, sizeof(*items));
	if (list->n)
		memcpy(list->items, items, list->n * sizeof(*items));
	free(items);
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
	rc = file_read(path, POLICY_MAX_LIST_BYTES, &node->place, &bytes, err);
	if (rc == 0 && !EVP_DigestUpdate(build->digest, bytes.ptr, bytes.len))
		abort();
	if (rc == 0)
		rc = read_lines(build, list, arena_text(build->r.arena,
		    span_str(path)), buf_span(&bytes));
	buf_fini(&bytes);
	free(path);
	return rc;
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
	static const char *const known[] = { "file", NULL };
	const struct yaml_node *child;
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
	for (child = node->first; child && node->type == YAML_MAP;
	    child = child->next)
		if (!span_is(child->key, "file"))
			return options_unknown(&build->r, &child->key_place,
			    "lists: unknown key", child->key, known);
	if (node->type == YAML_MAP && node->n == 1)
		rc = read_file(build, node->first, list);
	else
		rc = read_inline(build, node, list);
	if (rc == 0 && list->n == 0)
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
