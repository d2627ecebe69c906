/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/list_fold.h - an entry of a list, folded as the texts are in which it
 * is looked for. */
#ifndef GATEWAY_LIST_FOLD_H
#define GATEWAY_LIST_FOLD_H

#include "filters/fold/fold.h"
#include "gateway/buf.h"

/* How, as for fold_sought(). */
struct list_way {
	enum mg_fold fold;
	bool leet;
	enum fold_via via;
};

/* Appends the folded entry; gaps (see filters/gaps.h) stay as they are. The
 * level must have been prepared with fold_prepare(). */
void list_fold(const struct list_way *way, struct mg_span entry,
    struct buf *out);

#endif
