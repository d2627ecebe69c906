/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/csv.h - rows of comma-separated fields, as RFC 4180 writes them. */
#ifndef GATEWAY_CSV_H
#define GATEWAY_CSV_H

#include "modgate/filter.h"

enum { CSV_MAX_FIELDS = 16 };	/* in one row */

/* A file that is read row by row. ptr is borrowed, and changed: a quote that
 * is written twice becomes one where it stands. */
struct csv {
	char *ptr;
	size_t len, at;
	struct mg_place place;	/* of ptr[at]; begin with line 1, column 1 */
};

struct csv_field {
	struct mg_span text;	/* borrowed from ptr; blanks around it are
				 * dropped unless they are quoted */
	struct mg_place place;
};

/* Reads the next row that is not blank, of valid UTF-8. Returns 1 with *n
 * fields, 0 at the end, or -1 with err filled: a stray quote, one that is never
 * closed, too many fields. */
int csv_row(struct csv *csv, struct csv_field fields[CSV_MAX_FIELDS],
    size_t *n, struct mg_error *err);

#endif
