/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/cat.h - prints the records of a directory in order of time. */
#ifndef GATEWAY_AUDIT_CAT_H
#define GATEWAY_AUDIT_CAT_H

#include <stdio.h>

#include "gateway/buf.h"

struct cat_options {
	const char *dir;
	FILE *out;
	bool text;			/* a readable line instead of JSON */
	bool excerpts;			/* content, too */
	uint64_t last;			/* only so many; 0: all */
	bool follow;			/* then wait for more, until stop */
	const _Atomic int *stop;		/* NULL, or: end when it is not 0 */
	FILE *progress;			/* NULL: none */
};

/* Only reads, and takes no lock: a log in use may be read at any time. Returns
 * how many segments are damaged (each was told on standard error, and the rest
 * printed), or -1 with err filled. */
int audit_cat(const struct cat_options *options, struct mg_error *err);

/* A leaf as one line for people, without its end of line. Control characters
 * that came from a client are replaced. */
void cat_line(struct mg_span json, struct buf *out);

#endif
