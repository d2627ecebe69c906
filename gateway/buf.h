/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/buf.h - bytes that we own, and small helpers on borrowed ones.
 *
 * A zeroed struct buf is empty and valid. Memory that cannot be had ends the
 * process (see xrealloc): a gateway without memory cannot judge. */
#ifndef GATEWAY_BUF_H
#define GATEWAY_BUF_H

#include <stdarg.h>
#include <string.h>

#include "modgate/filter.h"

struct buf {
	char *ptr;		/* owned; NULL when cap is 0 */
	size_t len;
	size_t cap;
};

/* As the C library's, but never return NULL for size > 0: they abort. */
void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *ptr, size_t size);
/* Grows an array to hold `need` items of `size` bytes, doubling; *cap counts
 * items. Returns the array. */
void *xgrow(void *array, size_t *cap, size_t need, size_t size);
/* A NUL-terminated copy of s; caller frees. */
char *xstrndup(const char *s, size_t len);

/* Makes room for `more` bytes after len; returns where they go. */
char *buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *ptr, size_t len);
void buf_add_str(struct buf *b, const char *s);
void buf_add_span(struct buf *b, struct mg_span s);
void buf_add_byte(struct buf *b, char c);
void buf_addf(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Appends s as a JSON string with its quotes, escaped as RFC 8785 section
 * 3.2.2.2 wants; s must be valid UTF-8. */
void buf_add_json(struct buf *b, struct mg_span s);
/* Drops the first n bytes. */
void buf_drop(struct buf *b, size_t n);
/* Empties, keeps the memory. */
void buf_clear(struct buf *b);
/* Frees; the buf is empty and valid afterwards. */
void buf_fini(struct buf *b);
/* Appends a NUL that len does not count; returns ptr. */
const char *buf_cstr(struct buf *b);

static inline struct mg_span
span(const char *ptr, size_t len)
{
	return (struct mg_span){ ptr, len };
}

static inline struct mg_span
span_str(const char *s)
{
	return (struct mg_span){ s, s ? strlen(s) : 0 };
}

static inline struct mg_span
buf_span(const struct buf *b)
{
	return (struct mg_span){ b->ptr, b->len };
}

bool span_eq(struct mg_span a, struct mg_span b);
bool span_is(struct mg_span a, const char *s);
/* ASCII case is ignored. */
bool span_is_nocase(struct mg_span a, const char *s);
/* Digits only, no sign, no space, no overflow; false if it is anything else. */
bool span_to_u64(struct mg_span s, uint64_t *out);
/* Shell-like match of all of s: '*' any run, '?' one byte. */
bool glob_match(const char *pattern, struct mg_span s);
/* One of a NULL-terminated list of patterns takes s; NULL takes all. */
bool globs_match(char *const *patterns, struct mg_span s);
/* Length of the code point that begins at p (n >= 1 bytes are there), 0 when it
 * is invalid (RFC 3629, section 4), -1 when n bytes are a valid beginning of a
 * longer one. */
int utf8_step(const unsigned char *p, size_t n);
/* Valid UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF). */
bool utf8_valid(const char *ptr, size_t len);
/* Bytes of the longest prefix that ends at a code point's border; what follows
 * is the beginning of one that may still be completed (0 to 3 bytes). */
size_t utf8_whole(const char *ptr, size_t len);

#endif
