/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/list_import.h - lists as other people keep them, made clean: any
 * usual encoding, one entry a line or many with commas between. */
#ifndef GATEWAY_LIST_IMPORT_H
#define GATEWAY_LIST_IMPORT_H

#include "gateway/arena.h"
#include "gateway/list_file.h"

enum list_split {
	SPLIT_AUTO,	/* by commas where there are as many as lines */
	SPLIT_LINES,
	SPLIT_COMMAS,	/* , ; | and tab, narrow and wide, and 、 */
};

struct list_import {
	/* what is asked for */
	const char *from;		/* encoding, as iconv names it; NULL:
					 * found out: a byte-order mark, UTF-8
					 * if it is that, else GB18030 */
	enum list_split split;
	struct policy_grade grade;	/* of entries without their own */
	/* what came of it; the arena owns the texts */
	struct arena arena;
	struct list_entry *entries;	/* owned; places are those of the
					 * files, lines alone */
	size_t n, cap;
	size_t doubled;			/* entries that were there before;
					 * ASCII letters in any case */
	size_t gapped;			/* have a gap: `…` between two parts */
	const char *encoding;		/* of the last file */
	bool commas, csv;		/* how the last file was read */
	uint32_t *slot;			/* owned; entries by hash */
	size_t n_slots;
};

/* Adds a file's entries; bytes are changed. -1 with err filled: the encoding
 * is unknown, or the bytes are not in it; an entry is too long, there are too
 * many. */
int list_import(struct list_import *import, const char *path,
    struct buf *bytes, struct mg_error *err);
/* The list as a file: plain, or CSV where an entry says anything of itself. */
void list_import_write(const struct list_import *import, struct buf *out);
void list_import_fini(struct list_import *import);

#endif
