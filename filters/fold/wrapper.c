/* SPDX-License-Identifier: Apache-2.0 */
/* wrapper.c - finds C2PA manifests that a text carries (C2PA 2.x, A.8).
 *
 * U+FEFF, then one variation selector per byte: "C2PATXT\0", version 1, the
 * manifest's length in four bytes, the manifest, padding. Nothing of it is
 * ever part of a folded text; but who changes a text needs to know where it
 * is, as it must stay whole. */
#include "filters/fold/step.h"
#include "filters/memory.h"

enum { HEADER = 13 };

/* The byte that a variation selector stands for, or -1. */
static int
selected(uint32_t c)
{
	if (c >= 0xfe00 && c <= 0xfe0f)
		return (int)(c - 0xfe00);
	if (c >= 0xe0100 && c <= 0xe01ef)
		return (int)(c - 0xe0100) + 16;
	return -1;
}

/* Takes the n-th byte of a wrapper; false when it is none after all. */
static bool
take(struct fold_wrapper *w, int byte)
{
	static const char magic[8] = "C2PATXT";
	uint64_t n = w->n++;

	if (byte < 0 || (n < 8 && byte != magic[n]) || (n == 8 && byte != 1))
		return false;
	if (n > 8 && n < HEADER)
		w->length = w->length << 8 | (uint32_t)byte;
	return true;
}

static void
keep(struct fold *f, uint64_t at, uint64_t end)
{
	if (f->n_wrapped == f->cap_wrapped) {
		f->cap_wrapped = 2 * f->cap_wrapped + 2;
		f->wrapped = mem_grow(f->wrapped, f->cap_wrapped,
		    sizeof(*f->wrapped));
	}
	f->wrapped[f->n_wrapped++] = (struct fold_range){ at, end };
}

void
fold_wrapper_see(struct fold *f, uint32_t c, size_t in_len)
{
	struct fold_wrapper *w = &f->wrapper;

	if (c == 0xfeff) {
		*w = (struct fold_wrapper){ .at = f->in_at,
			.next = f->in_at + in_len, .open = true };
		return;
	}
	w->open = w->open && w->next == f->in_at && take(w, selected(c));
	if (!w->open)
		return;
	w->next += in_len;
	if (w->n == HEADER + (uint64_t)w->length)
		keep(f, w->at, w->next);
	else if (w->n > HEADER + (uint64_t)w->length && f->n_wrapped > 0)
		f->wrapped[f->n_wrapped - 1].end = w->next;
}

bool
fold_wrapped(const struct fold *f, uint64_t at, uint64_t end,
    struct fold_range *range)
{
	size_t i;

	for (i = 0; i < f->n_wrapped; i++)
		if (f->wrapped[i].at < end && f->wrapped[i].end > at) {
			*range = f->wrapped[i];
			return true;
		}
	return false;
}

void
fold_wrapper_forget(struct fold *f, uint64_t in)
{
	size_t drop = 0;

	/* The last may still grow. */
	while (drop + 1 < f->n_wrapped && f->wrapped[drop].end <= in)
		drop++;
	if (drop == 0)
		return;
	f->n_wrapped -= drop;
	memmove(f->wrapped, f->wrapped + drop,
	    f->n_wrapped * sizeof(*f->wrapped));
}
