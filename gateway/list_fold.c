/* SPDX-License-Identifier: Apache-2.0 */
/* list_fold.c - an entry of a list, folded as texts are. */
#include "gateway/list_fold.h"

#include <stdlib.h>

#include "filters/gaps.h"

/* From back to front, all pieces come in reverse. */
static void
add_piece(struct buf *out, size_t from, struct mg_span piece,
    enum fold_via via)
{
	size_t had = out->len - from;

	buf_add_span(out, piece);
	if (via != VIA_REVERSED || had == 0)
		return;
	memmove(out->ptr + from + piece.len, out->ptr + from, had);
	memcpy(out->ptr + from, piece.ptr, piece.len);
}

static void
add_folded(struct buf *out, size_t from, const struct list_way *way,
    struct mg_span part)
{
	size_t len;
	char *folded = fold_sought(way->fold, way->leet, way->via, part, &len);

	add_piece(out, from, span(folded, len), way->via);
	free(folded);
}

void
list_fold(const struct list_way *way, struct mg_span entry, struct buf *out)
{
	struct gap gap;
	size_t from = 0, begin = out->len;

	while (gap_next(entry, from, &gap)) {
		add_folded(out, begin, way, span(entry.ptr + from,
		    gap.at - from));
		/* What is no gap is for the filter to refuse, as it is. */
		if (gap.most == 0)
			gap.end = entry.len;
		add_piece(out, begin, span(entry.ptr + gap.at,
		    gap.end - gap.at), way->via);
		from = gap.end;
	}
	if (from < entry.len || from == 0)
		add_folded(out, begin, way, span(entry.ptr + from,
		    entry.len - from));
}
