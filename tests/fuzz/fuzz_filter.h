/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/fuzz_filter.h - what the fuzzers of filters share: reading rules
 * and a text from any bytes, and feeding the text whole and in pieces. */
#ifndef TESTS_FUZZ_FUZZ_FILTER_H
#define TESTS_FUZZ_FUZZ_FILTER_H

#include "tests/judge.h"

struct fuzz_input {
	char *items, *excepts, *text;	/* owned; NUL-terminated */
	unsigned cuts;
};

/* Bytes of the code point at p if it is well formed, else 0. */
static inline size_t
fuzz_code_point(const uint8_t *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 :
	    p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0, i;

	if (n > left)
		return 0;
	for (i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* Copies valid UTF-8; other bytes and NUL become '?'. */
static inline char *
fuzz_text(const uint8_t *p, size_t len)
{
	char *to = judge_alloc(len + 1);
	size_t i, n;

	for (i = 0; i < len; i += n ? n : 1) {
		n = p[i] ? fuzz_code_point(p + i, len - i) : 0;
		if (n)
			memcpy(to + i, p + i, n);
		else
			to[i] = '?';
	}
	return to;
}

static inline bool
fuzz_read(struct fuzz_input *in, const uint8_t *data, size_t size)
{
	const uint8_t *items, *excepts, *text, *end = data + size;

	if (size < 4 || size > 2048)
		return false;
	in->cuts = *data;
	items = data + 1;
	excepts = memchr(items, 0xff, (size_t)(end - items));
	text = excepts ? memchr(excepts + 1, 0xff,
	    (size_t)(end - excepts - 1)) : NULL;
	if (!text)
		return false;
	in->items = fuzz_text(items, (size_t)(excepts - items));
	in->excepts = fuzz_text(excepts + 1, (size_t)(text - excepts - 1));
	in->text = fuzz_text(text + 1, (size_t)(end - text - 1));
	return true;
}

static inline void
fuzz_free(struct fuzz_input *in)
{
	free(in->items);
	free(in->excepts);
	free(in->text);
}

static inline int
fuzz_compare(const void *x, const void *y)
{
	const struct mg_found *a = x, *b = y;

	if (a->rule != b->rule)
		return a->rule < b->rule ? -1 : 1;
	if (a->item != b->item)
		return a->item < b->item ? -1 : 1;
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return (a->len > b->len) - (a->len < b->len);
}

/* Feeds the text whole, then in pieces, and compares what was found. */
static inline void
fuzz_cuts(struct judge *j, const struct fuzz_input *in)
{
	size_t len = strlen(in->text), at = 0, n, n_whole, i;
	size_t step = 1 + in->cuts % 13;
	struct mg_found *whole;
	bool unable;

	if (!j->conf)
		return;
	(void)judge_bytes(j, in->text, len, LAST);
	unable = j->n_unable > 0;
	n_whole = j->n_all;
	whole = judge_alloc(n_whole * sizeof(*whole));
	if (n_whole)
		memcpy(whole, j->all, n_whole * sizeof(*whole));
	judge_begin(j);
	for (; at < len; at += n) {
		n = step < len - at ? step : len - at;
		while (at + n < len && (in->text[at + n] & 0xc0) == 0x80)
			n++;
		(void)judge_bytes(j, in->text + at, n, MORE);
	}
	(void)judge_bytes(j, "", 0, LAST);
	if (!unable && j->n_unable == 0) {
		qsort(whole, n_whole, sizeof(*whole), fuzz_compare);
		if (j->n_all)
			qsort(j->all, j->n_all, sizeof(*j->all),
			    fuzz_compare);
		CHECK_EQ(j->n_all, n_whole);
		for (i = 0; i < n_whole && i < j->n_all; i++)
			CHECK(fuzz_compare(&whole[i], &j->all[i]) == 0);
	}
	free(whole);
	(void)check_passed;
	(void)check_failed;
	if (check_test_failed)
		abort();
}

#endif
