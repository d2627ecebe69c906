/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/unescape.h - a view of JSON that lies inside a string (a tool call's
 * arguments): the same text with its escapes undone, growing, with a map back.
 *
 * What is no valid escape stays as it is. Offsets count bytes from the start,
 * of the raw text and of the view. */
#ifndef GATEWAY_UNESCAPE_H
#define GATEWAY_UNESCAPE_H

#include "modgate/filter.h"

struct unescape;

struct unescape *unescape_new(void);
void unescape_free(struct unescape *u);
/* Adds raw text (whole code points). Returns the view's new bytes, valid until
 * the next call. *open is the raw offset from which an escape is not complete
 * yet (the raw end when none is open); last completes all. */
struct mg_span unescape_feed(struct unescape *u, struct mg_span raw, bool last,
    uint64_t *open);
/* The raw offset of a view offset that is not before the last forgotten one. */
uint64_t unescape_map(const struct unescape *u, uint64_t view);
/* Nothing before this view offset will be asked again. */
void unescape_forget(struct unescape *u, uint64_t view);

#endif
