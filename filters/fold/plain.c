/* SPDX-License-Identifier: Apache-2.0 */
/* plain.c - the steps that take each character for itself: basic and strong.
 *
 * Nearly all text is ASCII or stays as it is: it is copied in runs. The rest
 * is looked up; where characters may melt into one (e and an accent, in basic;
 * kana and Hangul in both) they are gathered first. */

#include "filters/fold/step.h"
#include "filters/fold/utf8.h"

#define EVERY(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether one of eight ASCII bytes is below a space, '&' or DEL. */
static inline bool
odd_ones(uint64_t w)
{
	uint64_t amp = w ^ EVERY('&'), del = w ^ EVERY(0x7f);

	return (((w - EVERY(0x20)) | (amp - EVERY(1)) | (del - EVERY(1))) &
	    EVERY(0x80)) != 0;
}

/* Lower case of eight ASCII bytes. */
static inline uint64_t
lower(uint64_t w)
{
	uint64_t from_a = w + EVERY(0x80 - 'A');
	uint64_t over_z = w + EVERY(0x80 - 'Z' - 1);

	return w | ((from_a & ~over_z & EVERY(0x80)) >> 2);
}

/* Copies ASCII; returns how many bytes. */
static size_t
copy_ascii(const struct fold_table *t, const char *ptr, size_t n, char *to)
{
	size_t i = 0, stop;
	uint64_t w;

	while (i < n) {
		for (; i + 8 <= n; i += 8) {
			memcpy(&w, ptr + i, 8);
			if ((w & EVERY(0x80)) || odd_ones(w))
				break;
			w = lower(w);
			memcpy(to + i, &w, 8);
		}
		for (stop = n - i < 8 ? n : i + 8; i < stop; i++) {
			if ((unsigned char)ptr[i] >= 0x80)
				return i;
			to[i] = (char)t->ascii[(unsigned char)ptr[i]];
			if (!to[i])
				return i;
		}
	}
	return i;
}

/* Bytes of characters beyond ASCII that stay as they are. */
static size_t
plain_run(const struct fold_table *t, const char *ptr, size_t n)
{
	size_t i = 0;

	for (;;) {
		/* Most of them have three bytes. */
		while (fold_in3(t->plain3, ptr + i, n - i))
			i += 3;
		if (i >= n || (unsigned char)ptr[i] < 0x80 ||
		    !FOLD_PLAIN(fold_entry(t, utf8_get(ptr + i))))
			return i;
		i += utf8_size((unsigned char)ptr[i]);
	}
}

/* Copies what stays as it is, but for letters of ASCII in upper case. Returns
 * how many bytes; the next character must be looked at, if there is one. */
static size_t
copy_run(struct fold *f, const char *ptr, size_t n, bool last)
{
	const struct fold_table *t = f->table;
	char *to = fold_room(f, n);
	size_t i = 0, ascii = 0;

	while (i < n) {
		size_t from;

		if ((unsigned char)ptr[i] < 0x80) {
			ascii = copy_ascii(t, ptr + i, n - i, to + i);
			i += ascii;
			if (i == n || (unsigned char)ptr[i] < 0x80)
				break;
		}
		from = i;
		i += plain_run(t, ptr + i, n - i);
		memcpy(to + from, ptr + from, i - from);
		if (i > from)
			ascii = 0;
		if (i < n && (unsigned char)ptr[i] >= 0x80)
			break;
	}
	/* In basic, the last letter may get an accent. */
	if (ascii > 0 && i > 0 && (i < n ? (unsigned char)ptr[i] >= 0x80 &&
		(fold_entry(t, utf8_get(ptr + i)) & FOLD_BACK) : !last) &&
	    (fold_entry(t, (unsigned char)ptr[i - 1]) & FOLD_AHEAD))
		i--;
	if (i > 0)
		fold_took_same(f, i);
	return i;
}

/* Bytes of the characters at ptr that may melt into one; 0 when that depends
 * on what follows. */
static size_t
cluster(const struct fold_table *t, const char *ptr, size_t n, bool last,
    size_t *count)
{
	size_t i = utf8_size((unsigned char)ptr[0]);
	uint32_t entry = fold_entry(t, utf8_get(ptr));

	for (*count = 1; (entry & FOLD_AHEAD) && *count < FOLD_CLUSTER;
	    (*count)++) {
		if (i >= n)
			return last ? i : 0;
		entry = fold_entry(t, utf8_get(ptr + i));
		if (!(entry & FOLD_BACK))
			break;
		i += utf8_size((unsigned char)ptr[i]);
	}
	return i;
}

static void
put_entry(struct fold *f, size_t in_len, uint32_t c, uint32_t entry)
{
	uint32_t value = entry & FOLD_VALUE;

	switch (entry & FOLD_KIND) {
	case FOLD_SAME:
		fold_replace(f, in_len, &c, 1);
		break;
	case FOLD_ONE:
		fold_replace(f, in_len, &value, 1);
		break;
	case FOLD_MANY:
		fold_replace(f, in_len, f->table->pool + value + 1,
		    f->table->pool[value]);
		break;
	default:
		fold_skip(f, in_len);
		break;
	}
}

/* ---- characters that melt ---- */

/* Basic: as ICU does it. */
static size_t
normalize(const struct fold_table *t, const char *ptr, size_t len,
    uint32_t *out, size_t max)
{
	UChar in[2 * FOLD_CLUSTER], to[40 * FOLD_CLUSTER];
	UErrorCode status = U_ZERO_ERROR;
	int32_t n_in = 0, n, k = 0;
	size_t i, n_out = 0;
	uint32_t x;

	for (i = 0; i < len; i += utf8_size((unsigned char)ptr[i]))
		n_in += utf16_put(in + n_in, utf8_get(ptr + i));
	n = unorm2_normalize(t->compose, in, n_in, to, 40 * FOLD_CLUSTER,
	    &status);
	while (U_SUCCESS(status) && k < n && n_out < max) {
		x = utf16_get(to, &k);
		out[n_out++] = x;
	}
	return n_out;
}

/* Strong: marks are gone, so only pairs are left. */
static size_t
pair_up(const struct fold_table *t, const char *ptr, size_t len, uint32_t *out,
    size_t max)
{
	size_t i, k, n = 0;

	for (i = 0; i < len; i += utf8_size((unsigned char)ptr[i])) {
		uint32_t c = utf8_get(ptr + i), e = fold_entry(t, c);
		uint32_t kind = e & FOLD_KIND, value = e & FOLD_VALUE;
		const uint32_t *text = kind == FOLD_MANY ?
		    t->pool + value + 1 : kind == FOLD_ONE ? &value : &c;
		size_t n_text = kind == FOLD_MANY ? t->pool[value] :
		    kind != FOLD_GONE;

		for (k = 0; k < n_text && n < max; k++) {
			UChar32 pair = n > 0 ? unorm2_composePair(t->compose,
			    (UChar32)out[n - 1], (UChar32)text[k]) : -1;

			if (pair >= 0)
				out[n - 1] = (uint32_t)pair;
			else
				out[n++] = text[k];
		}
	}
	return n;
}

static void
put_cluster(struct fold *f, const char *ptr, size_t len)
{
	uint32_t out[20 * FOLD_CLUSTER];
	size_t n = f->table->strong ?
	    pair_up(f->table, ptr, len, out, 20 * FOLD_CLUSTER) :
	    normalize(f->table, ptr, len, out, 20 * FOLD_CLUSTER);

	fold_replace(f, len, out, n);
}

/* ---- one character, or what melts into one ---- */

static size_t
read_entity(struct fold *f, const char *ptr, size_t n, bool last)
{
	uint32_t c;
	size_t used = fold_entity(ptr, n, last, &c);

	if (used == 1)
		fold_copy(f, ptr, 1);
	else if (used > 1)
		put_entry(f, used, c, fold_entry(f->table, c));
	return used;
}

static size_t
read_one(struct fold *f, const char *ptr, size_t n, bool last)
{
	uint32_t c = utf8_get(ptr), entry = fold_entry(f->table, c);
	size_t count = 1, len = utf8_size((unsigned char)ptr[0]);

	if (f->table->strong && ptr[0] == '&')
		return read_entity(f, ptr, n, last);
	if (entry & FOLD_AHEAD)
		len = cluster(f->table, ptr, n, last, &count);
	if (len == 0)
		return 0;
	if (count == 1)
		put_entry(f, len, c, entry);
	else
		put_cluster(f, ptr, len);
	return len;
}

/* The usual case of a character that changes: it is one, and becomes one. */
static inline size_t
read_common(struct fold *f, const char *ptr)
{
	uint32_t entry = fold_entry(f->table, utf8_get(ptr));
	size_t size = utf8_size((unsigned char)*ptr), len;

	if ((entry & (FOLD_KIND | FOLD_AHEAD | FOLD_BACK)) != FOLD_ONE)
		return 0;
	len = utf8_put(fold_room(f, 4), entry & FOLD_VALUE);
	if (len == size)
		fold_took_same(f, len);
	else
		fold_took(f, size, len);
	return size;
}

size_t
fold_plain_read(struct fold *f, const char *ptr, size_t n, bool last)
{
	size_t i = 0, used;

	while (i < n) {
		i += copy_run(f, ptr + i, n - i, last);
		if (i == n)
			break;
		used = (unsigned char)ptr[i] < 0x80 ? 0 :
		    read_common(f, ptr + i);
		if (used == 0)
			used = read_one(f, ptr + i, n - i, last);
		if (used == 0)
			break;
		i += used;
	}
	return i;
}
