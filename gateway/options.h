/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/options.h - reading maps of settings by table.
 *
 * A table says for each key what may be written, where the value goes, what it
 * is when it is not written, and one line of help. Checking, messages, help
 * and the test of modgate.example.yaml all come from the tables. Defaults are
 * written as in a file and read by the same code, so that help cannot lie. */
#ifndef GATEWAY_OPTIONS_H
#define GATEWAY_OPTIONS_H

#include <stdio.h>

#include "gateway/yaml.h"

/* What reading needs beside the tree. All borrowed. */
struct reading {
	const char *file;	/* relative paths are meant beside it */
	struct arena *arena;	/* keeps texts */
	struct mg_error *err;
	bool skip_secrets;	/* check how they are named, do not fetch them */
};

enum option_kind {
	OPTION_BOOL,		/* true | false */
	OPTION_COUNT,		/* 32, 200k, 5M */
	OPTION_SIZE,		/* 512, 32KiB, 8MiB, 1GiB; bytes */
	OPTION_TIME,		/* 200ms, 5s, 10m, 2h, 1d; milliseconds */
	OPTION_RATE,		/* 600/m: a count, and its span at `at2` */
	OPTION_TEXT,		/* char * */
	OPTION_PATH,		/* char *; relative to the file */
	OPTION_TEXTS,		/* char **, NULL-terminated; one or a list */
	OPTION_CHOICE,		/* index in choices */
	OPTION_FIXED,		/* only choices[0] is taken; nothing is kept */
	OPTION_MAP,		/* more keys: `map` */
	OPTION_READ,		/* anything else: `read` */
};

/* What an OPTION_READ takes, for the JSON Schema; 0: it is not told. */
enum setting_shape {
	SHAPE_TEXT = 1,		/* any text */
	SHAPE_WORD = 2,		/* one of choices */
	SHAPE_COUNT = 4,	/* a whole number */
	SHAPE_SHARE = 8,	/* 10% */
	SHAPE_VERSION = 16,	/* 1 */
	SHAPE_MAP = 32,		/* the keys of map */
	SHAPE_DEFINED = 64,	/* what schema.c defines under its key */
	SHAPE_LIST = 128,	/* or a list of these */
	SHAPE_ONLY_LIST = 256,	/* a list of these */
};

struct setting {
	const char *key;	/* NULL ends a table */
	enum option_kind kind;
	size_t at, width;	/* where; width 1, 4 or 8 bytes for numbers.
				 * MAP, READ: what the offsets in `map` and the
				 * `base` of read count from */
	size_t at2;		/* RATE: uint64_t, milliseconds */
	uint64_t min, max;	/* of numbers, inclusive; TEXT, TEXTS: bytes of
				 * one text, 0 and 0 being 1 to 1024 */
	const char *zero;	/* a word that stands for 0, or for a MAP that
				 * is all zero */
	const char *const *choices;	/* NULL-terminated */
	const struct setting *map;	/* MAP; READ: for help, may be NULL */
	unsigned shape;		/* READ: enum setting_shape */
	int (*read)(const struct reading *r, const struct yaml_node *value,
	    void *base);
	const char *fallback;	/* as in a file; NULL: stays as it was */
	bool required;
	const char *help;	/* one line */
};

#define OPTION_AT(type, member) \
	.at = offsetof(type, member), .width = sizeof(((type *)0)->member)

/* Sets every default of a table and of the maps in it. */
void options_defaults(const struct reading *r, const struct setting *table,
    void *base);
/* Reads a map. where names it in messages ("client.head"); NULL at the top.
 * Keys that are not written keep what base holds. */
int options_read(const struct reading *r, const struct setting *table,
    const char *where, const struct yaml_node *map, void *base);
/* Calls read for the value, or for each value of a list; i counts from 0. */
int options_each(const struct reading *r, const struct yaml_node *value,
    int (*read)(const struct reading *r, const struct yaml_node *value,
	size_t i, void *arg), void *arg);
/* Prints every key with its default and help. */
void options_help(FILE *out, const struct setting *table, unsigned indent);

/* Fails with "'…' is not one of a, b, c (did you mean 'b'?)". */
int options_unknown(const struct reading *r, const struct mg_place *place,
    const char *what, struct mg_span word, const char *const *known);
/* Index of a text in a NULL-terminated list, or -1 with err filled. */
int options_choice(const struct reading *r, const char *key,
    const struct yaml_node *value, const char *const *choices);
/* The value must be of a type; says what it is instead. */
int options_want(const struct reading *r, const char *key,
    const struct yaml_node *value, enum yaml_type type);
/* A text of min to max bytes, kept in the arena; NULL with err filled. */
char *options_text(const struct reading *r, const char *key,
    const struct yaml_node *value, size_t min, size_t max);
/* A text or a list of texts, kept, NULL-terminated; NULL with err filled. */
char **options_texts(const struct reading *r, const char *key,
    const struct yaml_node *value, size_t min, size_t max);
/* A number of one of the number kinds; `what` carries key, kind, range. */
int options_number(const struct reading *r, const struct setting *what,
    const struct yaml_node *value, uint64_t *out);
/* Changes, insertions, removals and swaps of neighbours that make b of a, in
 * bytes; SIZE_MAX when either is longer than 64. */
size_t options_distance(struct mg_span a, struct mg_span b);
/* The nearest of known, or NULL if none is near. */
const char *options_nearest(struct mg_span word, const char *const *known);

#endif
