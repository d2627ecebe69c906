/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/backend_poem.h - what the built-in backend has to say: a few poems,
 * chosen by words of the prompt. No model, nothing is generated. */
#ifndef GATEWAY_BACKEND_POEM_H
#define GATEWAY_BACKEND_POEM_H

#include "gateway/buf.h"

/* Appends the answer to a prompt. After "[echo]" the rest of the prompt is the
 * answer; after "[say]" the rest of that line is. Else a poem, in Chinese when
 * the prompt has a Chinese character; `variant` (from 0) tells the choices of
 * one prompt apart. */
void backend_poem(struct mg_span prompt, size_t variant, struct buf *out);

/* A rough count: a character beyond ASCII, or four of ASCII, are one token. */
uint64_t backend_tokens(struct mg_span text);
/* Bytes of the longest beginning of text that has at most `tokens`. */
size_t backend_cut(struct mg_span text, uint64_t tokens);
/* Bytes of text's first n characters (code points). */
size_t backend_chars(struct mg_span text, size_t n);

#endif
