/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/file.h - reading the operator's files, whole and under a cap.
 *
 * Blocking; for start and reload only, never on a worker's loop. */
#ifndef GATEWAY_FILE_H
#define GATEWAY_FILE_H

#include "gateway/buf.h"

/* Appends a regular file's bytes to out. Returns 0, or -1 with err filled:
 * it cannot be read, is no regular file, or has more than max bytes. place
 * (may be NULL) is where the file was named; without it the message begins
 * with the path. */
int file_read(const char *path, size_t max, const struct mg_place *place,
    struct buf *out, struct mg_error *err);

/* -1 with err filled if nothing can be read at path: says so at place (where the
 * file was named), with the nearest name that its folder has. */
int file_there(const char *path, const struct mg_place *place,
    struct mg_error *err);

/* path as seen from the file that names it: an absolute one stays, a relative
 * one is put behind the folder of `base`. Caller frees. */
char *file_beside(const char *base, struct mg_span path);

/* What tells one state of a file from another; all zero: it is not there. */
struct file_stamp {
	int64_t modified_ns, changed_ns;
	uint64_t size, inode, device;
};

struct file_stamp file_stamp(const char *path);
bool file_stamp_eq(const struct file_stamp *a, const struct file_stamp *b);

/* Files that something was made of, and how they were just before they were
 * read. */
struct file_noted {
	char *path;		/* owned */
	struct file_stamp stamp;
};

struct file_list {
	struct file_noted *items;
	size_t n, cap;
};

/* Notes a file that is going to be read; list NULL: nobody wants to know. A
 * path that is there already keeps its stamp. */
void file_list_add(struct file_list *list, const char *path);
void file_list_fini(struct file_list *list);

#endif
