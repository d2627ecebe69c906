/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_http1.c - any bytes, cut at any place, give the same events as whole;
 * what is accepted keeps its promises.
 *
 * The first byte says where to cut and whether the body's cap is lowered. */
#include <stdlib.h>

#include "gateway/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http1_limits limits = {
	.line_bytes = 300, .head_bytes = 900, .head_count = 10,
	.body_bytes = 500,
};

static void
require(bool condition)
{
	if (!condition)
		abort();
}

static void
check_head(const struct http1_head *h)
{
	size_t i;

	require(h->method.len > 0 && h->path.len > 0);
	require(h->path.ptr[0] == '/' && h->minor <= 1);
	require(h->path.len == 1 || h->path.ptr[h->path.len - 1] != '/');
	require(!memmem(h->path.ptr, h->path.len, "//", 2));
	require(!memmem(h->path.ptr, h->path.len, "/../", 4));
	require(!memmem(h->path.ptr, h->path.len, "/./", 3));
	require(h->minor == 0 || h->host.len > 0);
	require(http1_count(h, "host") <= 1);
	require(http1_count(h, "content-length") +
	    http1_count(h, "transfer-encoding") <= 1);
	require(h->n_fields <= limits.head_count);
	require(h->content_length <= limits.body_bytes);
	for (i = 0; i < h->n_fields; i++)
		require(http1_field_valid(h->fields[i].name,
		    h->fields[i].value));
}

/* Events as text; body bytes joined. False once the reader is finished. */
static bool
feed(struct http1 *r, const uint8_t *data, size_t size, bool lower,
    struct buf *out, uint64_t *body)
{
	char *copy = xmalloc(size);
	struct mg_span in = { copy, size };
	enum http1_event event;

	if (size)
		memcpy(copy, data, size);
	while ((event = http1_next(r, &in)) != HTTP1_MORE) {
		if (event == HTTP1_FAULT) {
			buf_addf(out, "!%d %s", http1_fault(r)->status,
			    http1_fault(r)->phrase);
			break;
		}
		if (event == HTTP1_BODY) {
			require(http1_data(r).len > 0);
			*body += http1_data(r).len;
			buf_add_span(out, http1_data(r));
			require(*body <= limits.body_bytes);
			continue;
		}
		buf_add_str(out, event == HTTP1_HEAD ? "{" : "}");
		if (event == HTTP1_HEAD) {
			const struct http1_head *h = http1_head(r);

			check_head(h);
			*body = 0;
			buf_add_span(out, h->method);
			buf_add_span(out, h->path);
			buf_add_span(out, h->query);
			buf_add_span(out, h->host);
			buf_addf(out, " %d%d%d%d %zu|", (int)h->framing,
			    (int)h->minor, h->keep_alive, h->expect_continue,
			    h->n_fields);
			if (lower)
				http1_limit_body(r, 20);
		} else {
			require(http1_is_idle(r));
		}
	}
	require(event == HTTP1_FAULT || in.len == 0);
	free(copy);
	return event != HTTP1_FAULT;
}

static void
run(const uint8_t *data, size_t size, size_t cut, bool lower, struct buf *out)
{
	struct http1 *r = http1_new(&limits);
	uint64_t body = 0;
	size_t i;

	if (cut == 0) {
		for (i = 0; i < size; i++)
			if (!feed(r, data + i, 1, lower, out, &body))
				break;
	} else if (feed(r, data, cut, lower, out, &body) && cut < size) {
		(void)feed(r, data + cut, size - cut, lower, out, &body);
	}
	http1_free(r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = { 0 }, cut = { 0 }, bytes = { 0 };
	bool lower;

	if (size < 2 || size > 4096)
		return 0;
	lower = data[0] & 1;
	run(data + 1, size - 1, size - 1, lower, &whole);
	run(data + 1, size - 1, 1 + data[0] % (size - 1), lower, &cut);
	run(data + 1, size - 1, 0, lower, &bytes);
	require(span_eq(buf_span(&whole), buf_span(&cut)));
	require(span_eq(buf_span(&whole), buf_span(&bytes)));
	buf_fini(&whole);
	buf_fini(&cut);
	buf_fini(&bytes);
	return 0;
}
