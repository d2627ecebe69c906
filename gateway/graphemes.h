/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/graphemes.h - characters as people count them: a code point with the
 * marks, joiners and selectors that belong to it (Unicode's extended grapheme
 * clusters, by PCRE2's \X). */
#ifndef GATEWAY_GRAPHEMES_H
#define GATEWAY_GRAPHEMES_H

#include "modgate/filter.h"

struct graphemes;

/* Never NULL. */
struct graphemes *graphemes_new(void);
void graphemes_free(struct graphemes *graphemes);
/* Where each character of text (valid UTF-8) ends; returns how many there are.
 * *ends is on the heap, the caller's; NULL when there is none. Any thread. */
size_t graphemes_ends(const struct graphemes *graphemes, struct mg_span text,
    size_t **ends);

#endif
