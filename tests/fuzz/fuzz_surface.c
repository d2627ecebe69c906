/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_surface.c - any JSON through the surfaces.
 *
 * What must hold: nodes are visited in document order, decoded text is valid
 * UTF-8, and below a key that no table can know ("~") every string and every
 * key is visited. The first byte chooses surface and document. */
#include <stdlib.h>

#include "gateway/surface.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond) ((cond) ? (void)0 : abort())

struct seen {
	const struct jdoc *doc;
	uint32_t last;
	size_t outside;		/* strings and keys seen below "~" */
	uint32_t from, to;
	struct buf path;
};

static bool
note(void *arg, const struct surface_text *t)
{
	struct seen *s = arg;

	MUST(t->node < s->doc->n && t->node >= s->last);
	MUST(t->channel != 0);
	MUST(!t->decoded.ptr || utf8_valid(t->decoded.ptr, t->decoded.len));
	MUST(t->kind == TEXT_PLAIN || !t->decoded.ptr);
	s->last = t->node;
	if (t->node > s->from && t->node < s->to && !t->decoded.ptr) {
		MUST(!t->is_known);
		s->outside++;
	}
	buf_clear(&s->path);
	if (s->doc->n < 200)
		surface_path(s->doc, t->node, &s->path);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct jdoc_limits limits = { .max_depth = 100,
		.max_nodes = 5000, .lone_surrogates = true };
	struct jdoc doc = { 0 };
	struct buf scratch = { 0 };
	struct seen seen = { .doc = &doc };
	struct surface_facts facts;
	size_t want = 0, at;
	uint32_t i;

	if (size == 0 || jdoc_read(&doc, span((const char *)data + 1,
	    size - 1), &limits, &at) != JDOC_OK)
		goto out;
	seen.from = jdoc_member(&doc, 0, "~");
	seen.to = seen.from ? doc.nodes[seen.from].next : 0;
	for (i = seen.from + 1; i < seen.to; i++)
		want += (doc.nodes[i].type == JDOC_STRING) +
		    (doc.nodes[i].key_len > 0);
	surface_facts((enum surface_kind)(data[0] & 1), &doc, &scratch,
	    &facts);
	surface_read((enum surface_kind)(data[0] & 1),
	    (enum surface_doc)((data[0] >> 1) % 3), &doc, &scratch, note,
	    &seen);
	MUST(seen.outside == want);
out:
	buf_fini(&seen.path);
	buf_fini(&scratch);
	jdoc_fini(&doc);
	return 0;
}
