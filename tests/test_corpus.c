/* SPDX-License-Identifier: Apache-2.0 */
/* test_corpus.c - labelled texts from a file, and what is wrong with it. */
#include <zlib.h>

#include "gateway/corpus.h"
#include "tests/check.h"
#include "tests/scratch.h"

static const char *const files[] = { "rows", NULL };
static struct mg_error err;
static size_t rows;
static char last[64];

static bool
take(void *arg, const struct corpus_row *row)
{
	rows++;
	(void)snprintf(last, sizeof(last), "%zu %.*s|%.*s|%u|%u|%.*s|%.*s",
	    row->line, (int)row->text.len, row->text.ptr, (int)row->lang.len,
	    row->lang.ptr, row->sides, row->role, (int)row->tenant.len,
	    row->tenant.ptr, (int)row->model.len, row->model.ptr);
	return !arg || rows < 2;
}

static int
read_rows(const char *text)
{
	rows = 0;
	memset(&err, 0, sizeof(err));
	return corpus_read(scratch_write("rows", text), take, NULL, &err);
}

static void
reads_what_a_row_says(void)
{
	CHECK_EQ(read_rows("{\"text\":\"\\u6625天\",\"lang\":\"zh\"}\n\n"
	    "{\"x\":[1],\"text\":\"b\",\"on\":\"answer\",\"role\":\"tool\","
	    "\"tenant\":\"t\",\"model\":\"m\"}"), 0);
	CHECK_EQ(rows, 2);
	CHECK_STR(last, "3 b||2|16|t|m");
	CHECK_EQ(read_rows("{\"text\":\"\\u6625天\",\"lang\":\"zh\"}\n"), 0);
	CHECK_STR(last, "1 春天|zh|3|0|default|");
	CHECK_EQ(read_rows(""), 0);
	CHECK_EQ(rows, 0);
}

static void
says_which_line_is_wrong(void)
{
	CHECK_EQ(read_rows("{\"text\":\"a\"}\n{\"text\":}\n"), -1);
	CHECK(strstr(err.text, "rows:2: not JSON: ") != NULL);
	CHECK_EQ(rows, 1);
	CHECK_EQ(read_rows("{\"txt\":\"a\"}\n"), -1);
	CHECK(strstr(err.text, "rows:1: no member \"text\"") != NULL);
	CHECK_EQ(read_rows("{\"text\":\"a\",\"on\":\"both\"}\n"), -1);
	CHECK(strstr(err.text, "\"on\" is") != NULL);
	CHECK_EQ(read_rows("{\"text\":\"a\",\"role\":\"king\"}\n"), -1);
	CHECK(strstr(err.text, "\"role\" is none of") != NULL);
	memset(&err, 0, sizeof(err));
	scratch_write_bytes("rows", "{\"text\":\"a\"}\0\n", 14);
	CHECK_EQ(corpus_read(scratch_file("rows"), take, NULL, &err), -1);
	CHECK(strstr(err.text, "rows:1: it holds a NUL") != NULL);
	memset(&err, 0, sizeof(err));
	CHECK_EQ(corpus_read(scratch_file("none"), take, NULL, &err), -1);
	CHECK(strstr(err.text, "none: No such file") != NULL);
}

static void
a_line_has_a_cap(void)
{
	char *text = malloc(CORPUS_LINE_MAX + 100);

	memset(text, 'a', CORPUS_LINE_MAX + 100);
	memcpy(text, "{\"text\":\"", 9);
	text[CORPUS_LINE_MAX + 99] = '\0';
	CHECK_EQ(read_rows(text), -1);
	CHECK(strstr(err.text, "a line of more than 4 MiB") != NULL);
	memcpy(text + CORPUS_LINE_MAX - 2, "\"}", 3);
	CHECK_EQ(read_rows(text), 0);
	CHECK_EQ(rows, 1);
	free(text);
}

static void
stops_when_it_is_told(void)
{
	rows = 0;
	CHECK_EQ(corpus_read(scratch_write("rows", "{\"text\":\"a\"}\n"
	    "{\"text\":\"b\"}\nnonsense\n"), take, &rows, &err), 0);
	CHECK_EQ(rows, 2);
}

static void
reads_gzip(void)
{
	gzFile file = gzopen(scratch_file("rows"), "wb");

	CHECK(gzputs(file, "{\"text\":\"a\"}\n{\"text\":\"b\"}\n") > 0);
	CHECK_EQ(gzclose(file), Z_OK);
	rows = 0;
	CHECK_EQ(corpus_read(scratch_file("rows"), take, NULL, &err), 0);
	CHECK_EQ(rows, 2);
	/* Cut in the middle. */
	CHECK_EQ(truncate(scratch_file("rows"), 25), 0);
	memset(&err, 0, sizeof(err));
	CHECK_EQ(corpus_read(scratch_file("rows"), take, NULL, &err), -1);
	CHECK(err.text[0] != '\0');
}

static const char *wanted;
static enum corpus_truth said;

static bool
take_label(void *arg, const struct corpus_row *row)
{
	(void)arg;
	said = corpus_label(row, wanted);
	return true;
}

static enum corpus_truth
label(const char *row, const char *name)
{
	wanted = name;
	CHECK_EQ(corpus_read(scratch_write("rows", row), take_label, NULL,
	    &err), 0);
	return said;
}

static void
a_label_is_yes_no_or_not_known(void)
{
	const char *row = "{\"text\":\"a\",\"labels\":{\"hate\":1,\"sexual\":0}"
	    ",\"spans\":[{\"type\":\"EMAIL\"}]}";

	CHECK_EQ(label(row, "hate"), TRUTH_YES);
	CHECK_EQ(label(row, "sexual"), TRUTH_NO);
	CHECK_EQ(label(row, "violence"), TRUTH_UNKNOWN);
	CHECK_EQ(label(row, "harmful"), TRUTH_YES);
	CHECK_EQ(label(row, "span:EMAIL"), TRUTH_YES);
	CHECK_EQ(label(row, "span:PHONE"), TRUTH_NO);
	row = "{\"text\":\"a\",\"labels\":{\"hate\":0,\"benign\":1}}";
	CHECK_EQ(label(row, "harmful"), TRUTH_NO);
	CHECK_EQ(label(row, "span:EMAIL"), TRUTH_UNKNOWN);
	row = "{\"text\":\"a\",\"labels\":{\"hate\":0,\"benign\":0}}";
	CHECK_EQ(label(row, "harmful"), TRUTH_YES);
	row = "{\"text\":\"a\",\"labels\":{\"hate\":0}}";
	CHECK_EQ(label(row, "harmful"), TRUTH_UNKNOWN);
	CHECK_EQ(label("{\"text\":\"a\"}", "harmful"), TRUTH_UNKNOWN);
}

int
main(void)
{
	scratch_open();
	RUN(reads_what_a_row_says);
	RUN(says_which_line_is_wrong);
	RUN(a_line_has_a_cap);
	RUN(stops_when_it_is_told);
	RUN(reads_gzip);
	RUN(a_label_is_yes_no_or_not_known);
	scratch_close(files);
	return CHECK_DONE();
}
