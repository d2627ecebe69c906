/* SPDX-License-Identifier: Apache-2.0 */
/* filters/fold/step.h - a fold from within: shared by fold.c, which keeps what
 * is put out and what is held, and by the steps. */
#ifndef FILTERS_FOLD_STEP_H
#define FILTERS_FOLD_STEP_H

#include <string.h>

#include "filters/fold/fold.h"
#include "filters/fold/table.h"

/* At this place of the output some bytes were made of others of the input;
 * what follows them is byte for byte, until the next mark. */
struct fold_mark {
	uint64_t out, in;
	uint32_t in_len;
	uint32_t out_len : 31;
	uint32_t crossing : 1;	/* what fold_crosses() asks for was left out
				 * just before */
};

/* What stands before a Han character that stands alone. */
enum fold_edge {
	EDGE_LINE,	/* the beginning of the text or of a line */
	EDGE_INNER,	/* something else */
	EDGE_JOINED,	/* another one, over the mark in fold_join.sep */
};

/* What a letter is to the one that comes after it, for FOLD_JOINED. */
struct fold_join {
	enum fold_class prev;	/* of the last code point; OTHER at first */
	uint32_t prev_char;
	unsigned length;	/* of the word or the Han run that it ends */
	unsigned joined;	/* single letters that were joined to it */
	uint32_t sep[FOLD_SEPARATORS];	/* that stood between them */
	size_t n_sep;
	enum fold_edge edge;
	bool spaced;		/* the last one is a space behind a letter */
};

/* What may be a C2PA wrapper, so far. */
struct fold_wrapper {
	uint64_t at, next;	/* in the input: where it began, goes on */
	uint64_t n;		/* bytes that it has told */
	uint32_t length;	/* of its manifest */
	bool open;
};

/* How a syllable was written. */
enum fold_sound { SOUND_NONE, SOUND_HAN, SOUND_SPELLED };

/* A run of base64 or of hexadecimal digits. */
struct fold_run {
	unsigned char bytes[8];	/* of a code point that is not whole */
	size_t n;
	unsigned groups;	/* so far */
	bool dead;		/* it is no text: its rest is left out */
	bool told;		/* something of it was put out */
};

struct fold {
	enum fold_step step;
	const struct fold_table *table;	/* NULL where a step needs none */
	struct fold_join join;
	bool letters;		/* FOLD_LEET: the word has a letter */
	enum fold_sound sound;	/* FOLD_PINYIN: what was last */
	struct fold_run run;
	char *out;		/* what this feed puts out */
	size_t n_out, cap_out;
	char *held;		/* input that is not settled */
	size_t n_held, cap_held;
	uint64_t out_at, in_at;	/* offsets after what is settled */
	struct fold_mark *marks;
	size_t n_marks, cap_marks;
	bool crossing;		/* for the next mark */
	bool differs;
	struct fold_wrapper wrapper;
	struct fold_range *wrapped;
	size_t n_wrapped, cap_wrapped;
};

/* Each reads at ptr, n bytes of whole code points, what it can settle and
 * returns how many bytes those were. */
size_t fold_plain_read(struct fold *f, const char *ptr, size_t n, bool last);
size_t fold_join_read(struct fold *f, const char *ptr, size_t n, bool last);
size_t fold_leet_read(struct fold *f, const char *ptr, size_t n, bool last);

size_t fold_decode_read(struct fold *f, const char *ptr, size_t n, bool last);
size_t fold_pinyin_read(struct fold *f, const char *ptr, size_t n, bool last);

/* pinyin.c: whether the text has two Chinese syllables or more. */
bool fold_sounds(struct mg_span text);

/* Makes room for more bytes and returns where they go. */
char *fold_room_grown(struct fold *f, size_t more);
static inline char *
fold_room(struct fold *f, size_t more)
{
	return f->cap_out - f->n_out < more ? fold_room_grown(f, more) :
	    f->out + f->n_out;
}

/* Notes that out_len bytes were put at fold_room(), which were made of in_len
 * bytes of the input, and that what follows is byte for byte. */
void fold_took(struct fold *f, size_t in_len, size_t out_len);

/* Notes that n bytes were put at fold_room() which stand for n of the input,
 * with the same borders between code points. */
static inline void
fold_took_same(struct fold *f, size_t n)
{
	const struct fold_mark *m = f->n_marks > 0 ?
	    &f->marks[f->n_marks - 1] : NULL;

	if (f->crossing || (m ? m->in + m->in_len + (f->out_at - m->out -
		m->out_len) != f->in_at : f->out_at != f->in_at))
		fold_took(f, 0, 0);
	f->n_out += n;
	f->out_at += n;
	f->in_at += n;
}

/* Copies n bytes. */
static inline void
fold_copy(struct fold *f, const char *ptr, size_t n)
{
	if (n == 0)
		return;
	memcpy(fold_room(f, n), ptr, n);
	fold_took_same(f, n);
}

/* Puts code points in the place of in_len bytes. */
void fold_replace(struct fold *f, size_t in_len, const uint32_t *text,
    size_t n);

/* Leaves in_len bytes out. */
static inline void
fold_skip(struct fold *f, size_t in_len)
{
	f->in_at += in_len;
}

/* wrapper.c: sees a character that will be left out, and forgets wrappers that
 * end at or before a place of the input. */
void fold_wrapper_see(struct fold *f, uint32_t c, size_t in_len);
void fold_wrapper_forget(struct fold *f, uint64_t in);

/* entity.c: reads an HTML entity at ptr (ptr[0] is '&'): its bytes, and the
 * character that it stands for. 1 when it is none, 0 when more bytes are
 * needed. */
size_t fold_entity(const char *ptr, size_t n, bool last, uint32_t *c);

#endif
