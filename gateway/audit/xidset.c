/* SPDX-License-Identifier: Apache-2.0 */
/* xidset.c - a set of exchange ids: which are open. */
#include "gateway/audit/xidset.h"

#include <stdlib.h>

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool
xid_read(struct mg_span text, struct xid *out)
{
	static const struct xid none;
	size_t i, k = 0;

	if (text.len != 36)
		return false;
	for (i = 0; i < 36;) {
		int high, low;

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text.ptr[i++] != '-')
				return false;
			continue;
		}
		high = hex(text.ptr[i]);
		low = hex(text.ptr[i + 1]);
		if (high < 0 || low < 0)
			return false;
		out->bytes[k++] = (unsigned char)(high << 4 | low);
		i += 2;
	}
	return memcmp(out, &none, sizeof(none)) != 0;
}

void
xid_text(const struct xid *xid, char out[37])
{
	static const char digits[] = "0123456789abcdef";
	size_t i, k = 0;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[k++] = '-';
		out[k++] = digits[xid->bytes[i] >> 4];
		out[k++] = digits[xid->bytes[i] & 15];
	}
	out[k] = '\0';
}

static bool
is_free(const struct xid *slot)
{
	static const struct xid none;

	return memcmp(slot, &none, sizeof(none)) == 0;
}

/* A UUIDv7 ends in random bits, so they are the hash. */
static size_t
home(const struct xidset *set, const struct xid *xid)
{
	size_t hash;

	memcpy(&hash, xid->bytes + 8, sizeof(hash));
	hash ^= hash >> 32;
	return hash & (set->cap - 1);
}

/* The slot that holds xid, or the free one where it would go. */
static size_t
find(const struct xidset *set, const struct xid *xid)
{
	size_t i = home(set, xid);

	while (!is_free(&set->slots[i]) &&
	    memcmp(&set->slots[i], xid, sizeof(*xid)) != 0)
		i = (i + 1) & (set->cap - 1);
	return i;
}

bool
xidset_add(struct xidset *set, const struct xid *xid)
{
	size_t i;

	if (set->n * 2 >= set->cap) {
		struct xidset larger = { 0 };
		const struct xid *old;
		size_t walk = 0;

		larger.cap = set->cap ? set->cap * 2 : 64;
		larger.slots = xcalloc(larger.cap, sizeof(*larger.slots));
		while ((old = xidset_next(set, &walk)) != NULL)
			larger.slots[find(&larger, old)] = *old;
		larger.n = set->n;
		free(set->slots);
		*set = larger;
	}
	i = find(set, xid);
	if (!is_free(&set->slots[i]))
		return false;
	set->slots[i] = *xid;
	set->n++;
	return true;
}

bool
xidset_remove(struct xidset *set, const struct xid *xid)
{
	size_t mask = set->cap - 1, hole, i;

	if (set->n == 0)
		return false;
	hole = find(set, xid);
	if (is_free(&set->slots[hole]))
		return false;
	/* What follows without a gap moves up, unless it is at home already
	 * between the hole and itself. */
	for (i = (hole + 1) & mask; !is_free(&set->slots[i]);
	    i = (i + 1) & mask) {
		size_t at = home(set, &set->slots[i]);

		if (((i - at) & mask) >= ((i - hole) & mask)) {
			set->slots[hole] = set->slots[i];
			hole = i;
		}
	}
	memset(&set->slots[hole], 0, sizeof(set->slots[hole]));
	set->n--;
	return true;
}

const struct xid *
xidset_next(const struct xidset *set, size_t *i)
{
	while (*i < set->cap) {
		const struct xid *slot = &set->slots[(*i)++];

		if (!is_free(slot))
			return slot;
	}
	return NULL;
}

void
xidset_fini(struct xidset *set)
{
	free(set->slots);
	memset(set, 0, sizeof(*set));
}
