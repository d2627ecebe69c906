/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_fold.c - any text, any cuts, through every step: the same comes out, and
 * every character of it knows where it came from.
 *
 * The first byte chooses the steps, the second how the text is cut. Input that
 * is not UTF-8 is made so, as the contract promises it. */
#include "filters/fold/fold.h"
#include "filters/fold/utf8.h"
#include "tests/fuzz/fuzz_filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond) ((cond) ? (void)0 : abort())

struct line {
	struct fold *f[3];
	size_t n;
	char *out;
	size_t len;
};

static struct line
line_open(unsigned which)
{
	struct line l = { .n = 1 };

	l.f[0] = fold_new(which % 7 ? FOLD_STRONG : FOLD_BASIC);
	if (which % 7 == 3 || which % 7 == 4)
		l.f[l.n++] = fold_new(FOLD_JOINED);
	if (which % 7 == 5 || which % 7 == 6)
		l.f[l.n++] = fold_new(FOLD_TIGHT);
	if (which % 7 != 0 && which % 2 == 0)
		l.f[l.n++] = fold_new(FOLD_LEET);
	return l;
}

static void
line_close(struct line *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		fold_free(l->f[i]);
	free(l->out);
}

static void
line_feed(struct line *l, const char *ptr, size_t n, bool last)
{
	char *copy = judge_alloc(n);
	struct mg_span s = { copy, n };
	size_t i;

	memcpy(copy, ptr, n);
	for (i = 0; i < l->n; i++)
		s = fold_feed(l->f[i], s, last);
	l->out = realloc(l->out, l->len + s.len + 1);
	if (!l->out)
		abort();
	memcpy(l->out + l->len, s.ptr, s.len);
	l->len += s.len;
	free(copy);
}

static uint64_t
from(const struct line *l, uint64_t at)
{
	size_t i = l->n;

	while (i-- > 0)
		at = fold_start(l->f[i], at);
	return at;
}

static uint64_t
to(const struct line *l, uint64_t end)
{
	size_t i = l->n;

	while (i-- > 0)
		end = fold_end(l->f[i], end);
	return end;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct line whole, cut;
	size_t n, at, step, i;
	uint64_t before = 0;
	char *text;

	MUST(fold_prepare(MG_FOLD_BASIC, NULL) == 0 &&
	    fold_prepare(MG_FOLD_STRONG, NULL) == 0);
	if (size < 3 || size > 4096)
		return 0;
	text = fuzz_text(data + 2, size - 2);
	n = strlen(text);
	whole = line_open(data[0]);
	cut = line_open(data[0]);
	line_feed(&whole, text, n, true);
	for (at = 0; at < n; at += step) {
		step = 1 + data[1] % 17;
		step = step < n - at ? step : n - at;
		while (at + step < n && (text[at + step] & 0xc0) == 0x80)
			step++;
		line_feed(&cut, text + at, step, false);
	}
	line_feed(&cut, "", 0, true);
	MUST(whole.len == cut.len);
	MUST(memcmp(whole.out, cut.out, whole.len) == 0);
	for (i = 0; i < whole.len; i += step) {
		step = utf8_size((unsigned char)whole.out[i]);
		MUST(from(&whole, i) == from(&cut, i));
		MUST(to(&whole, i + step) == to(&cut, i + step));
		MUST(from(&whole, i) >= before);
		MUST(to(&whole, i + step) > from(&whole, i));
		MUST(to(&whole, i + step) <= n);
		before = from(&whole, i);
	}
	MUST(from(&whole, whole.len) == n);
	line_close(&whole);
	line_close(&cut);
	free(text);
	return 0;
}
