/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/yaml.h - a YAML document as a tree, strictly.
 *
 * Of YAML 1.2 only what a person writes by hand and a reviewer can follow is
 * taken: maps, lists, texts, in UTF-8. Anchors, aliases, tags, merge keys,
 * several documents, keys that stand twice and keys that are no text are
 * errors. Texts are not interpreted here: `yes`, `1.0` and `~` are texts. */
#ifndef GATEWAY_YAML_H
#define GATEWAY_YAML_H

#include "gateway/arena.h"

enum {
	YAML_MAX_BYTES = 4 * 1024 * 1024,
	YAML_MAX_NODES = 250 * 1000,
	YAML_MAX_DEPTH = 32,	/* maps and lists inside each other */
};

enum yaml_type { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_node {
	enum yaml_type type;
	bool quoted;		/* YAML_TEXT: not plain */
	struct mg_span text;	/* YAML_TEXT; valid UTF-8 without NUL, and a
				 * NUL behind it */
	struct mg_place place;
	struct mg_span key;	/* in a map: the name of this value; a NUL
				 * behind it */
	struct mg_place key_place;
	struct yaml_node *first;	/* list, map: values in file order */
	struct yaml_node *next;
	size_t n;		/* list, map: how many values */
};

struct yaml_tree {
	struct arena arena;
	struct yaml_node *root;
	size_t n_nodes;
};

/* Reads a document of at least one value. file is kept in every place and must
 * outlive them. tree must be zeroed; it is to be given to yaml_fini() whatever
 * is returned: 0, or -1 with err "file:line:column: …". */
int yaml_read(struct yaml_tree *tree, const char *file, struct mg_span bytes,
    struct mg_error *err);
void yaml_fini(struct yaml_tree *tree);

/* The value of a key, or NULL; NULL also when node is no map. */
const struct yaml_node *yaml_get(const struct yaml_node *node,
    const char *key);
/* "a text", "a list", "a map", for messages. */
const char *yaml_type_name(enum yaml_type type);
/* A piece of a file as it may stand in a message: cut at a code point, control
 * characters as '?'. Returns out. */
#define YAML_SHOWN 64
const char *yaml_show(struct mg_span text, char out[YAML_SHOWN]);
/* Place of the byte at offset `at`, lines and columns from 1, columns in
 * characters. */
struct mg_place yaml_place_at(const char *file, struct mg_span bytes,
    size_t at);
/* Offset of the first byte that is not valid UTF-8; bytes.len: none is. */
size_t yaml_bad_utf8(struct mg_span bytes);

#endif
