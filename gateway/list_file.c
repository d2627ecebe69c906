/* SPDX-License-Identifier: Apache-2.0 */
/* list_file.c - the file of a list: plain, one entry a line, or CSV.
 *
 * Every entry keeps its place, so that whoever does not like it can say which
 * line of which file it is. */
#include "gateway/list_file.h"

#include "gateway/csv.h"
#include "gateway/options.h"

enum column { COLUMN_WORD, COLUMN_SEVERITY, COLUMN_CATEGORY, COLUMN_NOTE };

static const char *const columns[] = {
	[COLUMN_WORD] = "word", [COLUMN_SEVERITY] = "severity",
	[COLUMN_CATEGORY] = "category", [COLUMN_NOTE] = "note", NULL };

struct list_reader {
	const char *file;
	char *ptr;
	size_t len;
	int (*take)(void *arg, const struct list_entry *entry,
	    struct mg_error *err);
	void *arg;
	size_t n;
	struct mg_error *err;
};

/* ---- what both forms share ---- */

static int
read_word(const char *key, const char *const *known, struct mg_span word,
    const struct mg_place *place, uint8_t *out, struct mg_error *err)
{
	struct yaml_node node = { .type = YAML_TEXT, .text = word,
		.place = *place };
	struct reading r = { .file = place->file, .err = err };
	int i;

	if (word.len == 0)
		return 0;
	i = options_choice(&r, key, &node, known);
	if (i < 0)
		return -1;
	*out = (uint8_t)(i + 1);
	return 0;
}

int
list_read_severity(struct mg_span word, const struct mg_place *place,
    struct policy_grade *grade, struct mg_error *err)
{
	return read_word("severity", policy_severities, word, place,
	    &grade->severity, err);
}

int
list_read_category(struct mg_span word, const struct mg_place *place,
    struct policy_grade *grade, struct mg_error *err)
{
	return read_word("category", policy_categories, word, place,
	    &grade->category, err);
}

static int
give(struct list_reader *r, const struct list_entry *entry)
{
	const struct mg_place *place = &entry->place;

	if (memchr(entry->text.ptr, '\0', entry->text.len))
		return mg_fail(r->err, place, "an entry cannot hold "
		    "the character U+0000");
	if (entry->text.len > LIST_MAX_ENTRY_BYTES)
		return mg_fail(r->err, place, "an entry of %zu bytes; "
		    "at most %d", entry->text.len, LIST_MAX_ENTRY_BYTES);
	if (r->n++ == LIST_MAX_ENTRIES)
		return mg_fail(r->err, place, "more than %d entries",
		    LIST_MAX_ENTRIES);
	return r->take(r->arg, entry, r->err);
}

/* ---- one entry a line ---- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Takes one line without its end: an entry, or nothing. */
static int
read_line(struct list_reader *r, struct mg_span line, struct mg_place place)
{
	struct list_entry entry = { .place = place };

	while (line.len && is_blank(line.ptr[line.len - 1]))
		line.len--;
	while (line.len && is_blank(line.ptr[0])) {
		line.ptr++;
		line.len--;
		entry.place.column++;
	}
	if (line.len == 0 || line.ptr[0] == '#')
		return 0;
	entry.text = line;
	return give(r, &entry);
}

static int
read_plain(struct list_reader *r)
{
	struct mg_place place = { r->file, 1, 1 };
	size_t at = 0;
	int rc = 0;

	while (at < r->len && rc == 0) {
		const char *end = memchr(r->ptr + at, '\n', r->len - at);
		size_t len = end ? (size_t)(end - r->ptr) - at : r->len - at;

		rc = read_line(r, span(r->ptr + at, len), place);
		at += len + 1;
		place.line++;
	}
	return rc;
}

/* ---- CSV ---- */

/* Which column each field is. */
static int
read_header(struct list_reader *r, struct csv *csv, enum column at[],
    size_t *n)
{
	struct csv_field fields[CSV_MAX_FIELDS];
	struct reading reading = { .file = r->file, .err = r->err };
	bool seen[4] = { false };
	size_t i;
	int rc = csv_row(csv, fields, n, r->err);

	if (rc <= 0)
		return rc < 0 ? -1 : mg_fail(r->err, &csv->place,
		    "the header is missing: word,severity,category");
	for (i = 0; i < *n; i++) {
		struct yaml_node node = { .type = YAML_TEXT,
			.text = fields[i].text, .place = fields[i].place };
		int c = options_choice(&reading, "column", &node, columns);

		if (c < 0)
			return -1;
		if (seen[c])
			return mg_fail(r->err, &fields[i].place,
			    "column: '%s' stands twice", columns[c]);
		seen[c] = true;
		at[i] = (enum column)c;
	}
	if (!seen[COLUMN_WORD])
		return mg_fail(r->err, &fields[0].place,
		    "the column 'word' is missing");
	return 0;
}

static int
read_field(struct list_reader *r, enum column column,
    const struct csv_field *field, struct list_entry *entry)
{
	switch (column) {
	case COLUMN_WORD:
		entry->text = field->text;
		entry->place = field->place;
		return 0;
	case COLUMN_SEVERITY:
		return list_read_severity(field->text, &field->place,
		    &entry->grade, r->err);
	case COLUMN_CATEGORY:
		return list_read_category(field->text, &field->place,
		    &entry->grade, r->err);
	case COLUMN_NOTE:
		entry->note = field->text;
		return 0;
	}
	return 0;
}

static int
read_csv(struct list_reader *r)
{
	struct csv csv = { r->ptr, r->len, 0, { r->file, 1, 1 } };
	struct csv_field fields[CSV_MAX_FIELDS];
	enum column at[CSV_MAX_FIELDS];
	size_t n_columns, n, i;
	int rc;

	if (read_header(r, &csv, at, &n_columns) < 0)
		return -1;
	while ((rc = csv_row(&csv, fields, &n, r->err)) > 0) {
		struct list_entry entry = { .place = fields[0].place };

		if (n > n_columns)
			return mg_fail(r->err, &fields[n_columns].place,
			    "a field more than the header has columns (%zu); "
			    "a ',' inside a word wants \"…\" around it",
			    n_columns);
		for (i = 0; i < n; i++)
			if (read_field(r, at[i], &fields[i], &entry) < 0)
				return -1;
		if (entry.text.len == 0)
			return mg_fail(r->err, &entry.place,
			    "the row has no word");
		if (give(r, &entry) < 0)
			return -1;
	}
	return rc;
}

static bool
is_called_csv(const char *file)
{
	struct mg_span name = span_str(file);

	return name.len > 4 && span_is_nocase(span(name.ptr + name.len - 4, 4),
	    ".csv");
}

/* A first line "word," and names of columns: no list of words has it. */
bool
list_has_header(struct mg_span bytes)
{
	static const char begin[] = "word,";
	const char *end = memchr(bytes.ptr, '\n', bytes.len), *from, *to;
	size_t i;

	if (!end)
		end = bytes.ptr + bytes.len;
	if ((size_t)(end - bytes.ptr) < sizeof(begin) - 1 ||
	    memcmp(bytes.ptr, begin, sizeof(begin) - 1) != 0)
		return false;
	for (from = bytes.ptr + sizeof(begin) - 1; from <= end; from = to + 1) {
		to = memchr(from, ',', (size_t)(end - from));
		if (!to)
			to = end;
		for (i = 1; columns[i]; i++)
			if (span_is(span(from, (size_t)(to - from) -
				(to > from && to[-1] == '\r')), columns[i]))
				break;
		if (!columns[i])
			return false;
	}
	return true;
}

int
list_file_read(const char *file, struct buf *bytes,
    int (*take)(void *arg, const struct list_entry *entry,
	struct mg_error *err), void *arg, struct mg_error *err)
{
	struct list_reader r = { file, bytes->ptr, bytes->len, take, arg, 0,
		err };
	size_t bad = yaml_bad_utf8(buf_span(bytes));

	if (bad < bytes->len) {
		struct mg_place place = yaml_place_at(file, buf_span(bytes),
		    bad);

		return mg_fail(err, &place, "byte 0x%02X is not UTF-8; save "
		    "the file as UTF-8, or see modgate lists import",
		    (unsigned)(unsigned char)bytes->ptr[bad]);
	}
	if (r.len >= 3 && memcmp(r.ptr, "\xef\xbb\xbf", 3) == 0) {
		r.ptr += 3;
		r.len -= 3;
	}
	if (r.len == 0)
		return 0;
	return is_called_csv(file) || list_has_header(span(r.ptr, r.len)) ?
	    read_csv(&r) : read_plain(&r);
}
