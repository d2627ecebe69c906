/* SPDX-License-Identifier: Apache-2.0 */
/* yaml.c - a YAML document as a tree, strictly.
 *
 * libyaml does the grammar; we take its events one by one and refuse what
 * would make a file mean something other than what a reader sees. Nesting is
 * counted here, on the way in, so that the recursion has a bottom. */
#include "gateway/yaml.h"

#include <stdlib.h>
#include <yaml.h>

struct reader {
	yaml_parser_t parser;
	struct yaml_tree *tree;
	const char *file;
	struct mg_span bytes;
	struct mg_error *err;
};

const char *
yaml_type_name(enum yaml_type type)
{
	switch (type) {
	case YAML_TEXT:
		return "a text";
	case YAML_LIST:
		return "a list";
	case YAML_MAP:
		return "a map";
	}
	abort();
}

const char *
yaml_show(struct mg_span text, char out[YAML_SHOWN])
{
	const char *dots = "…";
	size_t len = text.len, room = YAML_SHOWN - 1, i;

	if (len > room) {
		len = room - strlen(dots);
		len = utf8_whole(text.ptr, len);
	}
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		out[i] = c < 0x20 || c == 0x7f ? '?' : text.ptr[i];
	}
	if (len < text.len) {
		memcpy(out + len, dots, strlen(dots));
		len += strlen(dots);
	}
	out[len] = '\0';
	return out;
}

struct mg_place
yaml_place_at(const char *file, struct mg_span bytes, size_t at)
{
	struct mg_place place = { file, 1, 1 };
	size_t i;

	for (i = 0; i < at && i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.ptr[i];

		if (c == '\n') {
			place.line++;
			place.column = 1;
		} else if ((c & 0xc0) != 0x80) {
			place.column++;
		}
	}
	return place;
}

size_t
yaml_bad_utf8(struct mg_span bytes)
{
	size_t i = 0;

	if (utf8_valid(bytes.ptr, bytes.len))
		return bytes.len;
	while (i < bytes.len) {
		size_t len = 1;

		while ((unsigned char)bytes.ptr[i] >= 0xc0 && len < 4 &&
		    i + len < bytes.len &&
		    ((unsigned char)bytes.ptr[i + len] & 0xc0) == 0x80)
			len++;
		if (!utf8_valid(bytes.ptr + i, len))
			return i;
		i += len;
	}
	return i;
}

static struct mg_place
place_of(const struct reader *r, yaml_mark_t mark)
{
	return (struct mg_place){ r->file, (unsigned)mark.line + 1,
		(unsigned)mark.column + 1 };
}

/* The byte that a mark stands at, or 0 behind the end. */
static char
byte_at(const struct reader *r, yaml_mark_t mark)
{
	size_t line = 0, i = 0, column = 0;

	for (; i < r->bytes.len && line < mark.line; i++)
		line += r->bytes.ptr[i] == '\n';
	for (; i < r->bytes.len && column < mark.column; i++)
		column += ((unsigned char)r->bytes.ptr[i] & 0xc0) != 0x80;
	return i < r->bytes.len ? r->bytes.ptr[i] : '\0';
}

static int
fail_grammar(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct mg_place place = place_of(r, p->problem_mark);
	const char *problem = p->problem ? p->problem : "not YAML";

	if (p->error == YAML_READER_ERROR) {
		place = yaml_place_at(r->file, r->bytes, p->problem_offset);
		return mg_fail(r->err, &place, "%s (U+%04X)", problem,
		    (unsigned)p->problem_value);
	}
	if (byte_at(r, p->problem_mark) == '\t')
		return mg_fail(r->err, &place,
		    "a tab cannot indent; use spaces");
	if (!p->context)
		return mg_fail(r->err, &place, "%s", problem);
	return mg_fail(r->err, &place, "%s, %s that begins in line %u",
	    problem, p->context, (unsigned)p->context_mark.line + 1);
}

static int
next_event(struct reader *r, yaml_event_t *event)
{
	if (yaml_parser_parse(&r->parser, event))
		return 0;
	return fail_grammar(r);
}

/* What an event may not carry, whatever node it begins. */
static int
check_event(struct reader *r, const yaml_event_t *event)
{
	struct mg_place place = place_of(r, event->start_mark);
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (event->type == YAML_ALIAS_EVENT)
		return mg_fail(r->err, &place, "'*%s': aliases are not "
		    "taken; write the value out",
		    (const char *)event->data.alias.anchor);
	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	}
	if (anchor)
		return mg_fail(r->err, &place, "'&' begins an anchor, and "
		    "anchors are not taken; remove it, or quote the text");
	if (tag)
		return mg_fail(r->err, &place, "'!' begins a tag, and tags "
		    "are not taken; remove it, or quote the text");
	return 0;
}

static int
keep_text(struct reader *r, const yaml_event_t *event, struct mg_span *out)
{
	struct mg_place place = place_of(r, event->start_mark);
	struct mg_span text = span((const char *)event->data.scalar.value,
	    event->data.scalar.length);

	if (text.len && memchr(text.ptr, '\0', text.len))
		return mg_fail(r->err, &place,
		    "a text cannot hold the character U+0000");
	*out = span(arena_text(&r->tree->arena, text), text.len);
	return 0;
}

static struct yaml_node *
node_new(struct reader *r, yaml_mark_t mark)
{
	struct mg_place place = place_of(r, mark);
	struct yaml_node *node;

	if (++r->tree->n_nodes > YAML_MAX_NODES) {
		mg_fail(r->err, &place, "more than %d values in one file; "
		    "put long lists into files of their own", YAML_MAX_NODES);
		return NULL;
	}
	node = arena_alloc(&r->tree->arena, sizeof(*node));
	node->place = place;
	return node;
}

/* By name, then by place. */
static int
compare_keys(const void *a, const void *b)
{
	const struct yaml_node *x = *(struct yaml_node *const *)a;
	const struct yaml_node *y = *(struct yaml_node *const *)b;
	size_t len = x->key.len < y->key.len ? x->key.len : y->key.len;
	int order = memcmp(x->key.ptr, y->key.ptr, len);

	if (order)
		return order;
	if (x->key.len != y->key.len)
		return x->key.len < y->key.len ? -1 : 1;
	if (x->key_place.line != y->key_place.line)
		return x->key_place.line < y->key_place.line ? -1 : 1;
	return x->key_place.column < y->key_place.column ? -1 : 1;
}

/* Sorted, so that a map of any size is checked in n log n. */
static int
check_keys(struct reader *r, const struct yaml_node *map)
{
	struct yaml_node **keys, *node;
	char shown[YAML_SHOWN];
	size_t i = 0;
	int rc = 0;

	keys = xcalloc(map->n, sizeof(struct yaml_node *));
	for (node = map->first; node; node = node->next)
		keys[i++] = node;
	qsort(keys, map->n, sizeof(struct yaml_node *), compare_keys);
	for (i = 1; i < map->n && !rc; i++)
		if (span_eq(keys[i]->key, keys[i - 1]->key))
			rc = mg_fail(r->err, &keys[i]->key_place,
			    "key '%s' stands twice, first in line %u; keep "
			    "one", yaml_show(keys[i]->key, shown),
			    keys[i - 1]->key_place.line);
	free(keys);
	return rc;
}

static int read_node(struct reader *r, const yaml_event_t *event,
    unsigned depth, struct yaml_node **out);

/* Takes the value that follows, or sees the end: then *out is NULL. */
static int
read_next(struct reader *r, unsigned depth, struct yaml_node **out)
{
	yaml_event_t event;
	int rc = 0;

	*out = NULL;
	if (next_event(r, &event) < 0)
		return -1;
	if (event.type != YAML_SEQUENCE_END_EVENT &&
	    event.type != YAML_MAPPING_END_EVENT)
		rc = read_node(r, &event, depth, out);
	yaml_event_delete(&event);
	return rc;
}

static int
read_children(struct reader *r, struct yaml_node *parent, unsigned depth)
{
	struct yaml_node **tail = &parent->first, *key = NULL, *node;

	for (;;) {
		if (parent->type == YAML_MAP) {
			if (read_next(r, depth, &key) < 0)
				return -1;
			if (!key)
				return check_keys(r, parent);
			if (key->type != YAML_TEXT || key->text.len == 0)
				return mg_fail(r->err, &key->place, "a key "
				    "must be a text, and not an empty one");
		}
		if (read_next(r, depth, &node) < 0)
			return -1;
		if (!node)
			return 0;
		if (key) {
			node->key = key->text;
			node->key_place = key->place;
		}
		*tail = node;
		tail = &node->next;
		parent->n++;
	}
}

static int
read_node(struct reader *r, const yaml_event_t *event, unsigned depth,
    struct yaml_node **out)
{
	struct yaml_node *node;

	if (check_event(r, event) < 0)
		return -1;
	node = node_new(r, event->start_mark);
	if (!node)
		return -1;
	*out = node;
	if (event->type == YAML_SCALAR_EVENT) {
		node->type = YAML_TEXT;
		node->quoted = event->data.scalar.style !=
		    YAML_PLAIN_SCALAR_STYLE;
		return keep_text(r, event, &node->text);
	}
	if (depth >= YAML_MAX_DEPTH)
		return mg_fail(r->err, &node->place,
		    "more than %d maps and lists inside each other",
		    YAML_MAX_DEPTH);
	node->type = event->type == YAML_MAPPING_START_EVENT ? YAML_MAP :
	    YAML_LIST;
	return read_children(r, node, depth + 1);
}

/* A document starts: directives would change how its text is meant. */
static int
check_start(struct reader *r, const yaml_event_t *event)
{
	struct mg_place place = place_of(r, event->start_mark);

	if (event->data.document_start.tag_directives.start !=
	    event->data.document_start.tag_directives.end)
		return mg_fail(r->err, &place,
		    "%%TAG directives are not taken; remove it");
	if (r->tree->root)
		return mg_fail(r->err, &place, "a second document begins; "
		    "one file holds one, so remove the '---'");
	return 0;
}

static int
read_stream(struct reader *r)
{
	yaml_event_t event;
	bool ended = false;
	int rc = 0;

	while (!rc && !ended) {
		if (next_event(r, &event) < 0)
			return -1;
		ended = event.type == YAML_STREAM_END_EVENT;
		if (event.type == YAML_DOCUMENT_START_EVENT)
			rc = check_start(r, &event);
		else if (!ended && event.type != YAML_STREAM_START_EVENT &&
		    event.type != YAML_DOCUMENT_END_EVENT)
			rc = read_node(r, &event, 0, &r->tree->root);
		yaml_event_delete(&event);
	}
	return rc;
}

static int
check_bytes(const char *file, struct mg_span bytes, struct mg_error *err)
{
	struct mg_place place = { file, 0, 0 };
	size_t bad;

	if (bytes.len > YAML_MAX_BYTES)
		return mg_fail(err, &place, "more than %d bytes; put long "
		    "lists into files of their own", YAML_MAX_BYTES);
	bad = yaml_bad_utf8(bytes);
	if (bad == bytes.len)
		return 0;
	place = yaml_place_at(file, bytes, bad);
	return mg_fail(err, &place, "byte 0x%02X is not UTF-8; save the file "
	    "as UTF-8", (unsigned)(unsigned char)bytes.ptr[bad]);
}

int
yaml_read(struct yaml_tree *tree, const char *file, struct mg_span bytes,
    struct mg_error *err)
{
	struct reader r = { .tree = tree, .file = file, .err = err };
	struct mg_place top = { file, 1, 1 };
	int rc;

	if (check_bytes(file, bytes, err) < 0)
		return -1;
	/* A byte order mark says nothing that we do not know already. */
	if (bytes.len >= 3 && memcmp(bytes.ptr, "\xef\xbb\xbf", 3) == 0)
		bytes = span(bytes.ptr + 3, bytes.len - 3);
	r.bytes = bytes;
	if (!yaml_parser_initialize(&r.parser))
		abort();
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser,
	    (const unsigned char *)(bytes.ptr ? bytes.ptr : ""), bytes.len);
	rc = read_stream(&r);
	yaml_parser_delete(&r.parser);
	if (rc == 0 && !tree->root)
		rc = mg_fail(err, &top, "nothing is written here");
	return rc;
}

void
yaml_fini(struct yaml_tree *tree)
{
	arena_fini(&tree->arena);
	memset(tree, 0, sizeof(*tree));
}

const struct yaml_node *
yaml_get(const struct yaml_node *node, const char *key)
{
	const struct yaml_node *child;

	if (!node || node->type != YAML_MAP)
		return NULL;
	for (child = node->first; child; child = child->next)
		if (span_is(child->key, key))
			return child;
	return NULL;
}
