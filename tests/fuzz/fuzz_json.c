/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_json.c - any bytes through the JSON reader.
 *
 * Beyond memory: the nodes lie inside each other as they say, what was read
 * strictly is valid UTF-8 after unescaping, and a splice of nothing is the
 * source. The first byte chooses the limits. */
#include <stdlib.h>

#include "gateway/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond) ((cond) ? (void)0 : abort())

static void
check_node(const struct json_doc *doc, uint32_t i, struct buf *scratch)
{
	const struct json_node *n = &doc->nodes[i], *p;
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
		s = json_key(doc, i, scratch);
		MUST(utf8_valid(s.ptr, s.len));
	}
	buf_clear(scratch);
	if (n->type == JSON_STRING) {
		s = json_string(doc, i, scratch);
		MUST(utf8_valid(s.ptr, s.len));
		(void)json_is(doc, i, "data");
	}
	(void)json_int(doc, i, &value);
	(void)json_member(doc, i, "prompt");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_doc doc = { 0 };
	struct buf scratch = { 0 };
	struct json_limits limits = { .max_depth = 64, .max_nodes = 5000 };
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
	if (json_read(&doc, text, &limits, &at) == JSON_OK) {
		MUST(doc.n > 0 && doc.nodes[0].next == doc.n);
		for (i = 0; i < doc.n; i++)
			check_node(&doc, i, &scratch);
		buf_clear(&scratch);
		json_splice(text, NULL, 0, &scratch);
		MUST(span_eq(buf_span(&scratch), text));
	} else {
		MUST(doc.n == 0 && at <= text.len);
	}
	buf_fini(&scratch);
	json_fini(&doc);
	return 0;
}
