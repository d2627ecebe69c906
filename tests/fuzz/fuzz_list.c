/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_list.c - any bytes as the file of a list, plain and as CSV, and as one
 * to import.
 *
 * Whatever they are, the result is entries or a message with a place, in
 * valid UTF-8. An entry is not empty and lies within what was read. */
#include <stdlib.h>

#include "gateway/list_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
take(void *arg, const struct list_entry *entry, struct mg_error *err)
{
	const struct buf *bytes = arg;

	(void)err;
	if (entry->text.len == 0 || entry->text.ptr < bytes->ptr ||
	    entry->text.ptr + entry->text.len > bytes->ptr + bytes->len ||
	    !utf8_valid(entry->text.ptr, entry->text.len) ||
	    entry->place.line == 0 || entry->place.column == 0)
		abort();
	return 0;
}

static void
read_as(const char *file, const uint8_t *data, size_t size)
{
	struct mg_error err = { { 0 } };
	struct buf bytes = { 0 };
	int rc;

	buf_add(&bytes, data, size);
	rc = list_file_read(file, &bytes, take, &bytes, &err);
	if ((rc < 0) != (err.text[0] != '\0') || (rc < 0 &&
	    (strncmp(err.text, file, strlen(file)) != 0 ||
		!utf8_valid(err.text, strlen(err.text)))))
		abort();
	buf_fini(&bytes);
}

static int
take_any(void *arg, const struct list_entry *entry, struct mg_error *err)
{
	(void)entry;
	(void)err;
	++*(size_t *)arg;
	return 0;
}

/* What is imported can be read again, every entry of it. */
static void
import(const uint8_t *data, size_t size, enum list_split split)
{
	struct list_import im = { .split = split };
	struct mg_error err = { { 0 } };
	struct buf bytes = { 0 }, out = { 0 };
	size_t n = 0;

	buf_add(&bytes, data, size);
	if (list_import(&im, "fuzz.txt", &bytes, &err) == 0) {
		list_import_write(&im, &out);
		if (list_file_read("fuzz.txt", &out, take_any, &n, &err) < 0 ||
		    n != im.n)
			abort();
	}
	buf_fini(&bytes);
	buf_fini(&out);
	list_import_fini(&im);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_as("fuzz.txt", data, size);
	read_as("fuzz.csv", data, size);
	import(data, size, SPLIT_AUTO);
	import(data, size, SPLIT_COMMAS);
	return 0;
}
