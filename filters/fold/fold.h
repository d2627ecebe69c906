/* SPDX-License-Identifier: Apache-2.0 */
/* filters/fold/fold.h - texts made ready for matching, with a map back.
 *
 * A fold is one step that a growing text goes through; steps stand behind each
 * other, each reads what the one before it put out. What needs the next
 * character is held, and only that. The same text gives the same output
 * whatever its cuts.
 *
 * Offsets count bytes from the start, of what goes in and of what comes out.
 * The tables behind are made once per process and shared by all threads. */
#ifndef FILTERS_FOLD_FOLD_H
#define FILTERS_FOLD_FOLD_H

#include "modgate/filter.h"

enum fold_step {
	FOLD_BASIC,	/* Unicode's NFKC_Casefold */
	FOLD_STRONG,	/* plain letters: what MG_FOLD_STRONG says, but with
			 * separators still there */
	/* The others read what FOLD_STRONG put out. */
	FOLD_JOINED,	/* b.o.m.b is one word, so are Han characters that
			 * separators stand between */
	FOLD_TIGHT,	/* also where the separators in one word differ, and
			 * at letters that are words themselves (a, i) */
	FOLD_LEET,	/* digits and signs in a word are letters; l is i */
	FOLD_PINYIN,	/* Chinese by its sound, and Latin words that spell it */
	/* These read what is written. */
	FOLD_BASE64,	/* what runs of base64 hold, and nothing else */
	FOLD_HEX,	/* what runs of hexadecimal digits hold */
	FOLD_URL,	/* %41 is A */
};

/* What else a rule looks for, or where. */
enum fold_via {
	VIA_TEXT,	/* what it says, in the text */
	VIA_REVERSED,	/* it, written from back to front */
	VIA_PINYIN,	/* what sounds like it */
	VIA_BASE64, VIA_HEX, VIA_URL,	/* what it says, in what is encoded */
	N_VIA,
};

enum {
	FOLD_SEPARATORS = 8,	/* code points between two joined letters */
	FOLD_CLUSTER = 64,	/* code points that are composed together */
};

struct fold;

/* Makes the tables of a level ready; nothing to do the second time. Any
 * thread. -1 with err filled when ICU or OpenCC lack their data. */
int fold_prepare(enum mg_fold level, struct mg_error *err);

/* The same for FOLD_PINYIN, which takes about a second. */
int fold_prepare_pinyin(struct mg_error *err);

/* Its level must have been prepared. Never NULL. */
struct fold *fold_new(enum fold_step step);
void fold_free(struct fold *f);	/* accepts NULL */

/* Adds whole code points of valid UTF-8; last completes all. Returns what is
 * new in the output, borrowed until the next call. */
struct mg_span fold_feed(struct fold *f, struct mg_span in, bool last);

/* Where in the input the character begins that made the output byte at; for
 * the output's end, where what is not settled yet begins (the input's end,
 * when all is settled). Not before the last forgotten offset. */
uint64_t fold_start(const struct fold *f, uint64_t at);
/* Of the input that is not settled yet, how many bytes at its beginning are
 * separators: what is only left out or put out as it is. */
size_t fold_gap(const struct fold *f);
/* Whether a text begins with a letter or a Han character, of FOLD_STRONG's
 * output. */
bool fold_begins_plain(struct mg_span text);
/* Where in the input the character ends that made the byte before end. */
uint64_t fold_end(const struct fold *f, uint64_t end);
/* Whether something was left out between two bytes of the output: for
 * FOLD_JOINED any separator, for FOLD_TIGHT one that FOLD_JOINED leaves. */
bool fold_crosses(const struct fold *f, uint64_t at, uint64_t end);
/* Whether the fold has ever left out such a thing. */
bool fold_differs(const struct fold *f);
/* A C2PA wrapper (a manifest that the text carries in variation selectors) of
 * the input that shares something with at … end: the first, in *range. */
struct fold_range {
	uint64_t at, end;
};
bool fold_wrapped(const struct fold *f, uint64_t at, uint64_t end,
    struct fold_range *range);
/* Nothing before this output offset will be asked again. */
void fold_forget(struct fold *f, uint64_t at);

/* Folds a whole text; the caller frees the result, which has a NUL behind it.
 * leet only counts for MG_FOLD_STRONG. */
char *fold_text(enum mg_fold level, bool leet, struct mg_span text,
    size_t *len);
/* Folds what is looked for in one of these ways. By its sound only what has
 * two Chinese syllables or more: one is like too many others. */
char *fold_sought(enum mg_fold level, bool leet, enum fold_via via,
    struct mg_span text, size_t *len);

#endif
