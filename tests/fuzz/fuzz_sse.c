/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_sse.c - any bytes through the event stream's reader, twice: whole, and
 * cut where the first bytes say. Both must give the same events. */
#include <stdlib.h>

#include "gateway/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond) ((cond) ? (void)0 : abort())

static bool
note(void *arg, const struct sse_event *e)
{
	struct buf *log = arg;

	MUST(e->has_data || e->error.ptr);
	buf_addf(log, "%zu %zu %zu %d;", e->name.len, e->data.len,
	    e->error.len, e->error.ptr != NULL);
	buf_add_span(log, e->name);
	buf_add_span(log, e->data);
	buf_add_span(log, e->error);
	return e->data.len != 6 || memcmp(e->data.ptr, "[DONE]", 6) != 0;
}

static void
read_all(const uint8_t *data, size_t size, size_t first, size_t step,
    struct buf *log)
{
	struct sse sse;
	int rc = 0;

	sse_init(&sse, 512);
	while (size > 0 && rc == 0) {
		size_t n = first < size ? first : size;
		/* Memory of exactly this size, so that a step too far shows. */
		char *piece = xmalloc(n);

		memcpy(piece, data, n);
		rc = sse_feed(&sse, span(piece, n), note, log);
		free(piece);
		data += n;
		size -= n;
		first = step;
	}
	if (rc == 0)
		rc = sse_end(&sse, note, log);
	buf_addf(log, " %d %llu", rc, (unsigned long long)sse.comments);
	sse_fini(&sse);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = { 0 }, cut = { 0 };

	if (size < 3)
		return 0;
	read_all(data + 2, size - 2, size - 2, 1, &whole);
	read_all(data + 2, size - 2, (size_t)data[0] + 1,
	    (size_t)data[1] % 16 + 1, &cut);
	MUST(span_eq(buf_span(&whole), buf_span(&cut)));
	buf_fini(&whole);
	buf_fini(&cut);
	return 0;
}
