/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/list_fold.h - an entry of a list, folded as the texts are in which it
 * is looked for. */
#ifndef GATEWAY_LIST_FOLD_H
#define GATEWAY_LIST_FOLD_H

#include "gateway/buf.h"

/* Appends the folded entry; gaps (see filters/gaps.h) stay as they are. The
 * level must have been prepared with fold_prepare(). */
void list_fold(enum mg_fold level, bool leet, struct mg_span entry,
    struct buf *out);

#endif
