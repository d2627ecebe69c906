/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - filling a table, and the one of the basic level. */
#include "filters/fold/table.h"

#include <string.h>
#include <unicode/uchar.h>

#include "filters/fold/utf8.h"
#include "filters/memory.h"

enum { BLOCKS_MAX = UINT16_MAX };

/* Blocks that many ranges share are copied before they change. */
static uint32_t *
own_block(struct fold_table *t, uint32_t c)
{
	uint16_t *which = &t->block[c / FOLD_BLOCK];

	if (*which < FOLD_SHARED) {
		size_t n = t->n_blocks++;

		if ((n & (n - 1)) == 0)
			t->entries = mem_grow(t->entries, 2 * n * FOLD_BLOCK,
			    sizeof(*t->entries));
		memcpy(t->entries + n * FOLD_BLOCK, t->entries +
		    *which * FOLD_BLOCK, FOLD_BLOCK * sizeof(*t->entries));
		*which = (uint16_t)n;
	}
	return t->entries + *which * FOLD_BLOCK;
}

void
fold_table_init(struct fold_table *t)
{
	size_t i;

	t->n_blocks = FOLD_SHARED;
	t->entries = mem_new(FOLD_SHARED * FOLD_BLOCK, sizeof(*t->entries));
	for (i = 0; i < FOLD_BLOCK; i++)
		t->entries[FOLD_BLOCK + i] = (uint32_t)CLASS_HAN << 29;
}

void
fold_table_set(struct fold_table *t, uint32_t c, uint32_t entry)
{
	own_block(t, c)[c % FOLD_BLOCK] = entry;
}

uint32_t
fold_table_pool(struct fold_table *t, const uint32_t *text, size_t n)
{
	size_t at = t->n_pool;

	if (t->cap_pool - at < n + 1) {
		t->cap_pool = 2 * t->cap_pool + n + 256;
		t->pool = mem_grow(t->pool, t->cap_pool, sizeof(*t->pool));
	}
	t->pool[at] = (uint32_t)n;
	memcpy(t->pool + at + 1, text, n * sizeof(*text));
	t->n_pool += n + 1;
	return (uint32_t)at;
}

uint32_t
fold_table_entry(struct fold_table *t, uint32_t c, const uint32_t *text,
    size_t n)
{
	if (n == 0)
		return FOLD_GONE;
	if (n > 1)
		return FOLD_MANY | fold_table_pool(t, text, n);
	return text[0] == c ? FOLD_SAME : FOLD_ONE | text[0];
}

void
fold_table_finish(struct fold_table *t)
{
	uint32_t c, e;

	for (c = 0; c < 128; c++) {
		e = fold_entry(t, c);
		t->ascii[c] = (unsigned char)((e & FOLD_KIND) == FOLD_ONE ?
		    e & FOLD_VALUE : (e & FOLD_KIND) == FOLD_SAME ? c : 0);
	}
	if (t->strong)
		t->ascii['&'] = 0;	/* it may be an entity */
	for (c = 0x800; c < 0x10000; c++) {
		e = fold_entry(t, c);
		if (!FOLD_PLAIN(e))
			continue;
		t->plain3[c / 64] |= UINT64_C(1) << c % 64;
		if (FOLD_CLASS(e) == CLASS_HAN)
			t->han3[c / 64] |= UINT64_C(1) << c % 64;
	}
}

size_t
fold_normalize(const UNormalizer2 *how, uint32_t c, uint32_t *text, size_t max)
{
	UChar in[2], out[64];
	UErrorCode status = U_ZERO_ERROR;
	int32_t n_in = utf16_put(in, c), n, i = 0;
	size_t n_text = 0;
	uint32_t x;

	n = unorm2_normalize(how, in, n_in, out, 64, &status);
	while (U_SUCCESS(status) && i < n && n_text < max) {
		x = utf16_get(out, &i);
		text[n_text++] = x;
	}
	return n_text;
}

/* Ranges that never change and never melt are stepped over. */
uint32_t
fold_next(uint32_t c)
{
	static const struct {
		uint32_t from, to;
	} dull[] = {
		{ 0x3400, 0x4dc0 }, { 0x4e00, 0xa000 }, { 0xd800, 0xf900 },
		{ 0x17000, 0x18d00 }, { 0x20000, 0x2f800 },
		{ 0x2fa20, 0xe0000 }, { 0xe1000, 0x110000 },
	};
	size_t i;

	c++;
	for (i = 0; i < sizeof(dull) / sizeof(*dull); i++)
		if (c >= dull[i].from && c < dull[i].to)
			c = dull[i].to;
	return c;
}

int
fold_build_basic(struct fold_table *t, struct mg_error *err)
{
	UErrorCode status = U_ZERO_ERROR;
	const UNormalizer2 *how = unorm2_getNFKCCasefoldInstance(&status);
	uint32_t text[64], c, e;
	size_t n;

	if (U_FAILURE(status))
		return mg_fail(err, NULL, "fold: ICU has no data: %s",
		    u_errorName(status));
	fold_table_init(t);
	t->compose = how;
	for (c = 0; c < 0x110000; c = fold_next(c)) {
		if (unorm2_isInert(how, (UChar32)c))
			continue;
		n = fold_normalize(how, c, text, 64);
		e = fold_table_entry(t, c, text, n);
		if (!unorm2_hasBoundaryAfter(how, (UChar32)c))
			e |= FOLD_AHEAD;
		if (!unorm2_hasBoundaryBefore(how, (UChar32)c))
			e |= FOLD_BACK;
		if (e != FOLD_SAME)
			fold_table_set(t, c, e);
	}
	fold_table_finish(t);
	return 0;
}
