/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_upstream_head.c - any lines as an answer's head.
 *
 * Whatever comes: no crash, caps hold, and a head that is accepted has one
 * framing, clean fields and a sane status. */
#include <stdlib.h>

#include "gateway/upstream_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct upstream_head *head)
{
	size_t i, j, lengths = 0, codings = 0;

	if (head->status < 200 || head->status > 599 ||
	    head->n_fields > UPSTREAM_HEAD_COUNT)
		abort();
	for (i = 0; i < head->n_fields; i++) {
		const struct http1_field *f = &head->fields[i];

		lengths += span_is_nocase(f->name, "content-length");
		codings += span_is_nocase(f->name, "transfer-encoding");
		for (j = 0; j < f->value.len; j++)
			if (f->value.ptr[j] == '\r' || f->value.ptr[j] == '\n'
			    || f->value.ptr[j] == '\0')
				abort();
	}
	if (lengths + codings > 1 || (lengths == 0) != (head->length < 0))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct upstream_reader reader = { 0 };
	struct mg_span rest = span((const char *)data, size);
	unsigned heads = 0;

	while (rest.len) {
		const char *end = memchr(rest.ptr, '\n', rest.len);
		size_t len = end ? (size_t)(end - rest.ptr) + 1 : rest.len;
		/* Of its own, so that reading past it is seen. */
		char *line = xstrndup(rest.ptr, len);
		char *exact = xmalloc(len);
		enum upstream_line what;

		memcpy(exact, line, len);
		free(line);
		what = upstream_reader_line(&reader, span(exact, len));
		free(exact);
		if (what == LINE_HEAD) {
			check(&reader.head);
			if (++heads > 1)
				abort();
		}
		if (what == LINE_BAD && !reader.why)
			abort();
		rest.ptr += len;
		rest.len -= len;
	}
	upstream_reader_reset(&reader);
	upstream_reader_fini(&reader);
	return 0;
}
