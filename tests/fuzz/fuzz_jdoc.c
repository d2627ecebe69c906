/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_jdoc.c - any bytes through the JSON reader.
 *
 * Beyond memory: the nodes lie inside each other as they say, what was read
 * strictly is valid UTF-8 after unescaping, and a splice of nothing is the
 * source. The first byte chooses the limits. */
#include <stdlib.h>

#include "gateway/jdoc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond) ((cond) ? (void)0 : abort())

static void
check_node(const struct jdoc *doc, uint32_t i, struct buf *scratch)
{
	const struct jdoc_node *n = &doc->nodes[i], *p;
	struct mg_span s;
	int64_t value;

	MUST(n->next > i && n->next <= doc->n);
	MUST((size_t)n->at + n->len <= doc->len && n->len > 0);
	MUST((size_t)n->key_at + n->key_len <= doc->len);
	if (i > 0) {
		p = &doc->nodes[n->parent];
		MUST(n->parent < i && n->next <= p->next);
		MUST(n->at > p->at && n->at + n->len < p->at + p->len);
		MUST(n->depth == p->depth + 1);
		s = jdoc_key(doc, i, scratch);
		MUST(utf8_valid(s.ptr, s.len));
	}
	buf_clear(scratch);
	if (n->type == JDOC_STRING) {
		s = jdoc_string(doc, i, scratch);
		MUST(utf8_valid(s.ptr, s.len));
		(void)jdoc_is(doc, i, "data");
	}
	(void)jdoc_int(doc, i, &value);
	(void)jdoc_member(doc, i, "prompt");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jdoc doc = { 0 };
	struct buf scratch = { 0 };
	struct jdoc_limits limits = { .max_depth = 64, .max_nodes = 5000 };
	struct mg_span text;
	size_t at = SIZE_MAX;
	uint32_t i;

	if (size == 0)
		return 0;
	limits.lone_surrogates = (data[0] & 1) != 0;
	limits.duplicate_keys = (data[0] & 2) != 0;
	if (data[0] & 4)
		limits.max_depth = 3;
	text = span((const char *)data + 1, size - 1);
	if (jdoc_read(&doc, text, &limits, &at) == JDOC_OK) {
		MUST(doc.n > 0 && doc.nodes[0].next == doc.n);
		for (i = 0; i < doc.n; i++)
			check_node(&doc, i, &scratch);
		buf_clear(&scratch);
		jdoc_splice(text, NULL, 0, &scratch);
		MUST(span_eq(buf_span(&scratch), text));
	} else {
		MUST(doc.n == 0 && at <= text.len);
	}
	buf_fini(&scratch);
	jdoc_fini(&doc);
	return 0;
}
