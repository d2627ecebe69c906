/* SPDX-License-Identifier: Apache-2.0 */
/* filters/shape.h - what is known of all texts that a part of a pattern
 * matches: how wide they are, how they begin, what they must contain.
 *
 * Every statement is safe: it may be weaker than the truth, never stronger.
 * A shape owns its strings; what takes a shape by pointer to change it says
 * whether it also consumes another. */
#ifndef FILTERS_SHAPE_H
#define FILTERS_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHAPE_NO_LIMIT UINT64_MAX
#define SHAPE_LITERAL_MAX 24	/* bytes of one string that are used */
#define SHAPE_HEAD 4		/* first bytes that are known one by one */

struct shape_string {
	uint8_t len;
	unsigned char ptr[SHAPE_LITERAL_MAX];	/* ASCII letters lower case */
};

/* A set of strings; none: not known. */
struct shape_strings {
	struct shape_string *list;	/* owned */
	size_t n;
};

/* What a text must hold somewhere: run digits in sequence, and within signs
 * from ' ' to ':' so many digits, the first and the last span bytes apart. */
struct shape_numbers {
	uint32_t run, digits, span;
};

typedef uint64_t shape_bytes[4];	/* a set of bytes */

struct shape {
	uint64_t min, max;	/* bytes */
	uint64_t reach;		/* bytes beyond its end that it looks at */
	uint8_t lens;		/* bit n: it may be n bytes long; the last
				 * one: SHAPE_HEAD or more */
	shape_bytes head[SHAPE_HEAD];	/* bytes that may stand there */
	struct shape_strings exact;	/* it is one of these */
	struct shape_strings gate;	/* it contains one of these */
	struct shape_numbers numbers;	/* it contains these */
	unsigned char byte;	/* it contains this one; 0: none known */
	/* For joining numbers. Wholly of digits, wholly of ' ' to ':' and
	 * digits, may have a digit. */
	bool digital, numeric, may_digit;
	uint32_t before, after;	/* bytes beside its first and last digit */
	/* While a sequence grows: what its end still takes part in. */
	struct shape_strings tail;
	struct shape_numbers open;
	bool open_may_digit;
	uint32_t open_width, open_before, open_after, open_run;
};

/* A set of characters, from which a shape is made. */
struct shape_chars {
	shape_bytes head[SHAPE_HEAD];
	uint8_t lens;
	struct shape_strings exact;
	bool many;		/* exact does not have all */
	bool digits_only;	/* … besides ASCII, no other than digits */
};

bool shape_bytes_in(const shape_bytes set, unsigned char byte);

/* ---- characters ---- */

void shape_chars_init(struct shape_chars *c);
void shape_chars_fini(struct shape_chars *c);
/* Adds lo to hi, code points; caseless: and what they match then. */
void shape_chars_add(struct shape_chars *c, uint32_t lo, uint32_t hi,
    bool caseless);
/* Adds all characters that are not ASCII. */
void shape_chars_add_wide(struct shape_chars *c);
/* Adds \d as PCRE2 knows it with UCP. */
void shape_chars_add_digits(struct shape_chars *c);
/* Adds CR with LF, which \R takes for one. */
void shape_chars_add_newline(struct shape_chars *c);
/* All characters but its ASCII ones. */
void shape_chars_negate(struct shape_chars *c);

/* ---- shapes ---- */

/* The shape of the empty text. */
void shape_init(struct shape *s);
void shape_fini(struct shape *s);
/* One character of c, which is consumed. */
void shape_from_chars(struct shape *s, struct shape_chars *c);
/* What follows s is next, which is consumed. most: strings in a set. */
void shape_append(struct shape *s, struct shape *next, size_t most);
/* Ends a sequence: it can be part of another shape now. */
void shape_close(struct shape *s);
/* Instead of s, other may stand; consumed. Both are closed. */
void shape_or(struct shape *s, struct shape *other, size_t most);
/* s from least to most times; to SHAPE_NO_LIMIT: any. */
void shape_repeat(struct shape *s, uint64_t least, uint64_t to, size_t most);

/* Makes anything stand behind its end in the first bytes. */
void shape_fill_head(struct shape *s);

void shape_strings_drop(struct shape_strings *s);

/* How little a gate of these strings is opened by common text; below
 * SHAPE_USABLE it is not worth a look. */
int shape_score(const struct shape_strings *strings);
#define SHAPE_USABLE 16

#endif
