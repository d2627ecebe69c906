/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/list_file.h - the file of a list: plain, one entry a line, or CSV
 * with a header, where an entry may have its own severity and category. */
#ifndef GATEWAY_LIST_FILE_H
#define GATEWAY_LIST_FILE_H

#include "gateway/buf.h"
#include "gateway/policy.h"

enum {
	LIST_MAX_ENTRIES = 200 * 1000,
	LIST_MAX_BYTES = 16 * 1024 * 1024,
	LIST_MAX_ENTRY_BYTES = 4096,
};

struct list_entry {
	struct mg_span text;	/* borrowed; not empty; no blanks around it */
	struct mg_span note;	/* CSV's `note`; borrowed */
	struct mg_place place;
	struct policy_grade grade;
};

/* Reads the bytes of a file (a byte-order mark may stand in front) and calls
 * take for each entry, until it returns -1. CSV is what is called *.csv, or
 * whose first line is a header of two columns or more that begins with `word`.
 * file is borrowed by places; bytes are changed. Returns 0, or -1 with err
 * filled. */
int list_file_read(const char *file, struct buf *bytes,
    int (*take)(void *arg, const struct list_entry *entry,
	struct mg_error *err), void *arg, struct mg_error *err);

/* Whether a file that begins like this is CSV, whatever it is called. */
bool list_has_header(struct mg_span bytes);

/* Reads severity and category from words; an empty one is none. */
int list_read_severity(struct mg_span word, const struct mg_place *place,
    struct policy_grade *grade, struct mg_error *err);
int list_read_category(struct mg_span word, const struct mg_place *place,
    struct policy_grade *grade, struct mg_error *err);

#endif
