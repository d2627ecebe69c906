/* SPDX-License-Identifier: Apache-2.0 */
/* csv.c - rows of comma-separated fields, as RFC 4180 writes them.
 *
 * Blanks around a field do not count, as people line columns up; a quote that
 * RFC 4180 has no place for is an error, as it is nearly always a slip. */
#include "gateway/csv.h"

#include <string.h>

static bool
at_end(const struct csv *csv)
{
	return csv->at == csv->len;
}

static char
now(const struct csv *csv)
{
	return at_end(csv) ? '\n' : csv->ptr[csv->at];
}

/* Goes on by one byte; columns count characters. */
static void
step(struct csv *csv)
{
	unsigned char c = (unsigned char)csv->ptr[csv->at++];

	if (c == '\n') {
		csv->place.line++;
		csv->place.column = 1;
	} else if ((c & 0xc0) != 0x80) {
		csv->place.column++;
	}
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void
skip_blanks(struct csv *csv)
{
	while (!at_end(csv) && is_blank(now(csv)))
		step(csv);
}

/* From behind the opening quote to behind the closing one. */
static int
read_quoted(struct csv *csv, struct csv_field *field, struct mg_error *err)
{
	char *from = csv->ptr + csv->at, *to = from;

	for (;;) {
		if (at_end(csv))
			return mg_fail(err, &field->place,
			    "a '\"' begins here and is never closed");
		if (now(csv) == '"') {
			step(csv);
			if (at_end(csv) || now(csv) != '"')
				break;
		}
		*to++ = now(csv);
		step(csv);
	}
	field->text = (struct mg_span){ from, (size_t)(to - from) };
	skip_blanks(csv);
	if (now(csv) != ',' && now(csv) != '\n')
		return mg_fail(err, &csv->place, "a ',' or the end of the "
		    "line is wanted behind a quoted field");
	return 0;
}

static int
read_bare(struct csv *csv, struct csv_field *field, struct mg_error *err)
{
	const char *from = csv->ptr + csv->at;
	size_t len;

	for (; now(csv) != ',' && now(csv) != '\n'; step(csv))
		if (now(csv) == '"')
			return mg_fail(err, &csv->place, "a '\"' in a field "
			    "that is not quoted; write \"…\" around the "
			    "field and '\"\"' for it");
	len = (size_t)(csv->ptr + csv->at - from);
	while (len > 0 && is_blank(from[len - 1]))
		len--;
	field->text = (struct mg_span){ from, len };
	return 0;
}

static int
read_field(struct csv *csv, struct csv_field *field, struct mg_error *err)
{
	skip_blanks(csv);
	field->place = csv->place;
	if (now(csv) != '"' || at_end(csv))
		return read_bare(csv, field, err);
	step(csv);
	return read_quoted(csv, field, err);
}

/* One line's row, blank or not. */
static int
read_row(struct csv *csv, struct csv_field fields[CSV_MAX_FIELDS], size_t *n,
    struct mg_error *err)
{
	*n = 0;
	for (;;) {
		if (*n == CSV_MAX_FIELDS)
			return mg_fail(err, &csv->place, "more than %d fields "
			    "in one row", CSV_MAX_FIELDS);
		if (read_field(csv, &fields[*n], err) < 0)
			return -1;
		++*n;
		if (at_end(csv))
			return 0;
		if (now(csv) == '\n') {
			step(csv);
			return 0;
		}
		step(csv);	/* the comma */
	}
}

int
csv_row(struct csv *csv, struct csv_field fields[CSV_MAX_FIELDS], size_t *n,
    struct mg_error *err)
{
	while (!at_end(csv)) {
		if (read_row(csv, fields, n, err) < 0)
			return -1;
		if (*n > 1 || fields[0].text.len > 0)
			return 1;
	}
	return 0;
}
