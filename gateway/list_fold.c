/* SPDX-License-Identifier: Apache-2.0 */
/* list_fold.c - an entry of a list, folded as texts are. */
#include "gateway/list_fold.h"

#include <stdlib.h>

#include "filters/fold/fold.h"
#include "filters/gaps.h"

static void
fold_part(enum mg_fold level, bool leet, struct mg_span part, struct buf *out)
{
	size_t len;
	char *folded = fold_text(level, leet, part, &len);

	buf_add(out, folded, len);
	free(folded);
}

void
list_fold(enum mg_fold level, bool leet, struct mg_span entry,
    struct buf *out)
{
	struct gap gap;
	size_t from = 0;

	while (gap_next(entry, from, &gap)) {
		fold_part(level, leet, span(entry.ptr + from, gap.at - from),
		    out);
		/* What is no gap is for the filter to refuse, as it is. */
		if (gap.most == 0)
			gap.end = entry.len;
		buf_add(out, entry.ptr + gap.at, gap.end - gap.at);
		from = gap.end;
	}
	if (from < entry.len || from == 0)
		fold_part(level, leet, span(entry.ptr + from,
		    entry.len - from), out);
}
