/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_list.c - any bytes as the file of a list, plain and as CSV.
 *
 * Whatever they are, the result is entries or a message with a place, in
 * valid UTF-8. An entry is not empty and lies within what was read. */
#include <stdlib.h>

#include "gateway/list_file.h"

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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_as("fuzz.txt", data, size);
	read_as("fuzz.csv", data, size);
	return 0;
}
