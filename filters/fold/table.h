/* SPDX-License-Identifier: Apache-2.0 */
/* filters/fold/table.h - what each code point becomes, in one look-up.
 *
 * Made once per process from the data of ICU and OpenCC, immutable
 * afterwards. */
#ifndef FILTERS_FOLD_TABLE_H
#define FILTERS_FOLD_TABLE_H

#include <unicode/unorm2.h>

#include "modgate/filter.h"

/* An entry is a value and what to do with it. */
#define FOLD_VALUE 0x1fffffu	/* a code point, or a place in the pool */
#define FOLD_KIND (3u << 21)
#define FOLD_SAME (0u << 21)	/* it stays */
#define FOLD_ONE (1u << 21)	/* the value is put in its place */
#define FOLD_MANY (2u << 21)	/* pool[value] code points that follow there */
#define FOLD_GONE (3u << 21)	/* nothing is left of it */
#define FOLD_AHEAD (1u << 23)	/* may be composed with the next */
#define FOLD_BACK (1u << 24)	/* may be composed with the one before */
#define FOLD_PLAIN(entry) (((entry) & (FOLD_KIND | FOLD_AHEAD | FOLD_BACK)) \
	== 0)
#define FOLD_CLASS(entry) ((enum fold_class)((entry) >> 29))

/* What a code point of FOLD_STRONG's output is to FOLD_JOINED. */
enum fold_class {
	CLASS_OTHER,
	CLASS_LETTER,	/* of a script that puts spaces between words; digits */
	CLASS_HAN,
	CLASS_SPACE,
	CLASS_SYMBOL,
	CLASS_PUNCT,	/* ends a sentence or a part of it, or a line */
	CLASS_BRACKET,	/* quotes too */
	CLASS_EMOJI,
};

enum { FOLD_BLOCK = 128, FOLD_BLOCKS = 0x110000 / FOLD_BLOCK };

struct fold_table {
	uint16_t block[FOLD_BLOCKS];	/* which of entries, in blocks */
	uint32_t *entries;
	size_t n_blocks;
	uint32_t *pool;
	size_t n_pool, cap_pool;
	unsigned char ascii[128];	/* lower case; 0: look closer */
	/* Of characters of three bytes, by the first two, one bit by the
	 * third: those whose entry is FOLD_PLAIN; those that are Han too. */
	uint64_t plain3[1024], han3[1024];
	bool strong;
	const UNormalizer2 *compose;	/* of whole clusters */
};

/* Whether the character at p, n bytes in all, has three bytes and its bit is
 * set. */
static inline bool
fold_in3(const uint64_t *set, const char *ptr, size_t n)
{
	const unsigned char *p = (const unsigned char *)ptr;

	return n > 2 && (p[0] & 0xf0) == 0xe0 &&
	    (set[(p[0] & 15u) << 6 | (p[1] & 63u)] >> (p[2] & 63) & 1);
}

/* The table of a level, which must have been prepared. */
const struct fold_table *fold_table_get(enum mg_fold level);

static inline uint32_t
fold_entry(const struct fold_table *t, uint32_t c)
{
	return t->entries[(size_t)t->block[c / FOLD_BLOCK] * FOLD_BLOCK +
	    c % FOLD_BLOCK];
}

/* ---- while a table is built ---- */

/* Of the first blocks many ranges have a part: nothing special; Han. */
enum { FOLD_BLOCK_DULL, FOLD_BLOCK_HAN, FOLD_SHARED };

/* Fill a zeroed table (table.c, strong.c). */
int fold_build_basic(struct fold_table *t, struct mg_error *err);
int fold_build_strong(struct fold_table *t, struct mg_error *err);

void fold_table_init(struct fold_table *t);
void fold_table_set(struct fold_table *t, uint32_t c, uint32_t entry);
/* Kind and value for a code point that becomes this text. */
uint32_t fold_table_entry(struct fold_table *t, uint32_t c,
    const uint32_t *text, size_t n);
/* Appends to the pool; returns the place. */
uint32_t fold_table_pool(struct fold_table *t, const uint32_t *text, size_t n);
/* Fills ascii, plain3 and han3 from the entries. */
void fold_table_finish(struct fold_table *t);
/* One code point, normalized: how many there are then. */
size_t fold_normalize(const UNormalizer2 *how, uint32_t c, uint32_t *text,
    size_t max);
/* The next code point that is worth a look. */
uint32_t fold_next(uint32_t c);

/* look.c: what a letter looks like: letters a-z, or digits for a digit. 0:
 * like itself. */
struct fold_look;
struct fold_look *fold_look_new(struct mg_error *err);
void fold_look_free(struct fold_look *look);
size_t fold_look_like(const struct fold_look *look, uint32_t c, uint32_t *text,
    size_t max);
/* The Han character that a radical or a stroke looks like, or c. */
uint32_t fold_look_han(const struct fold_look *look, uint32_t c);

/* han.c: traditional to simplified, for U+3400 to U+9FFF. */
enum { FOLD_HAN_FROM = 0x3400, FOLD_HAN_TO = 0xa000 };
struct fold_han {
	uint16_t simple[FOLD_HAN_TO - FOLD_HAN_FROM];
};
int fold_han_read(struct fold_han *han, struct mg_error *err);

#endif
