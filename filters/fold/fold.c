/* SPDX-License-Identifier: Apache-2.0 */
/* fold.c - what all steps share: output, held input, and the map back.
 *
 * The map is a list of places where the distance between input and output
 * changes. Text that is mostly plain has few of them. */
#include "filters/fold/fold.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "filters/fold/step.h"
#include "filters/fold/utf8.h"
#include "filters/memory.h"

/* ---- tables: one per process ---- */

static struct {
	pthread_mutex_t lock;
	struct fold_table *basic, *strong;	/* atomic, NULL until built */
} tables = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct fold_table **
table_of(enum mg_fold level)
{
	return level == MG_FOLD_BASIC ? &tables.basic : &tables.strong;
}

const struct fold_table *
fold_table_get(enum mg_fold level)
{
	const struct fold_table *t = __atomic_load_n(table_of(level),
	    __ATOMIC_ACQUIRE);

	assert(t);
	return t;
}

static void
table_free(struct fold_table *t)
{
	free(t->entries);
	free(t->pool);
	free(t);
}

int
fold_prepare(enum mg_fold level, struct mg_error *err)
{
	struct fold_table *t;
	int rc = 0;

	if (level == MG_FOLD_NONE)
		return 0;
	(void)pthread_mutex_lock(&tables.lock);
	if (!*table_of(level)) {
		t = mem_new(1, sizeof(*t));
		rc = level == MG_FOLD_BASIC ? fold_build_basic(t, err) :
		    fold_build_strong(t, err);
		if (rc == 0)
			__atomic_store_n(table_of(level), t,
			    __ATOMIC_RELEASE);
		else
			table_free(t);
	}
	(void)pthread_mutex_unlock(&tables.lock);
	return rc;
}

/* ---- output and map ---- */

char *
fold_room_grown(struct fold *f, size_t more)
{
	f->cap_out = 2 * (f->n_out + more) + 64;
	f->out = mem_grow(f->out, f->cap_out, 1);
	return f->out + f->n_out;
}

void
fold_took(struct fold *f, size_t in_len, size_t out_len)
{
	if (f->n_marks == f->cap_marks) {
		f->cap_marks = 2 * f->cap_marks + 16;
		f->marks = mem_grow(f->marks, f->cap_marks,
		    sizeof(*f->marks));
	}
	f->marks[f->n_marks++] = (struct fold_mark){ f->out_at, f->in_at,
		(uint32_t)in_len, (uint32_t)out_len & 0x7fffffff,
		f->crossing };
	f->crossing = false;
	f->n_out += out_len;
	f->out_at += out_len;
	f->in_at += in_len;
}

void
fold_replace(struct fold *f, size_t in_len, const uint32_t *text, size_t n)
{
	char *to = fold_room(f, 4 * n);
	size_t len = 0, i;

	for (i = 0; i < n; i++)
		len += utf8_put(to + len, text[i]);
	if (len == 0)
		fold_skip(f, in_len);
	else if (n == 1 && len == in_len)
		fold_took_same(f, len);
	else
		fold_took(f, in_len, len);
}

/* The first mark that stands behind an offset of the output. */
static size_t
mark_behind(const struct fold *f, uint64_t at)
{
	size_t low = 0, high = f->n_marks;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (f->marks[middle].out <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t
fold_start(const struct fold *f, uint64_t at)
{
	size_t i = mark_behind(f, at);
	const struct fold_mark *m;

	if (at >= f->out_at)
		return f->in_at;
	if (i == 0)
		return at;
	m = &f->marks[i - 1];
	return at - m->out < m->out_len ? m->in :
	    m->in + m->in_len + (at - m->out - m->out_len);
}

static enum fold_class
class_at(const struct fold_table *t, const char *ptr)
{
	return FOLD_CLASS(fold_entry(t, utf8_get(ptr)));
}

size_t
fold_gap(const struct fold *f)
{
	size_t i = 0;

	while (i < f->n_held &&
	    class_at(f->table, f->held + i) >= CLASS_SPACE)
		i += utf8_size((unsigned char)f->held[i]);
	return i;
}

bool
fold_begins_plain(struct mg_span text)
{
	enum fold_class k = text.len == 0 ? CLASS_OTHER :
	    class_at(fold_table_get(MG_FOLD_STRONG), text.ptr);

	return k == CLASS_LETTER || k == CLASS_HAN;
}

uint64_t
fold_end(const struct fold *f, uint64_t end)
{
	const struct fold_mark *m;
	size_t i;

	assert(end > 0 && end <= f->out_at);
	i = mark_behind(f, end - 1);
	if (i == 0)
		return end;
	m = &f->marks[i - 1];
	return m->in + m->in_len + (end - m->out <= m->out_len ? 0 :
		end - m->out - m->out_len);
}

bool
fold_crosses(const struct fold *f, uint64_t at, uint64_t end)
{
	size_t i;

	for (i = mark_behind(f, at); i < f->n_marks && f->marks[i].out < end;
	    i++)
		if (f->marks[i].crossing)
			return true;
	return false;
}

bool
fold_differs(const struct fold *f)
{
	return f->differs;
}

void
fold_forget(struct fold *f, uint64_t at)
{
	size_t drop = mark_behind(f, at);

	/* The last mark at or before it still maps what follows it. */
	if (drop < 2)
		return;
	drop--;
	memmove(f->marks, f->marks + drop,
	    (f->n_marks - drop) * sizeof(*f->marks));
	f->n_marks -= drop;
}

/* ---- a fold's life ---- */

struct fold *
fold_new(enum fold_step step)
{
	struct fold *f = mem_new(1, sizeof(*f));

	f->step = step;
	f->table = fold_table_get(step == FOLD_BASIC ? MG_FOLD_BASIC :
	    MG_FOLD_STRONG);
	return f;
}

void
fold_free(struct fold *f)
{
	if (!f)
		return;
	free(f->out);
	free(f->held);
	free(f->marks);
	free(f);
}

static size_t
read_step(struct fold *f, const char *ptr, size_t n, bool last)
{
	switch (f->step) {
	case FOLD_BASIC:
	case FOLD_STRONG:
		return fold_plain_read(f, ptr, n, last);
	case FOLD_JOINED:
	case FOLD_TIGHT:
		return fold_join_read(f, ptr, n, last);
	case FOLD_LEET:
		return fold_leet_read(f, ptr, n, last);
	}
	abort();
}

/* Puts bytes behind those that are held, or in their place. */
static void
hold(struct fold *f, const char *ptr, size_t n)
{
	if (f->cap_held - f->n_held < n) {
		f->cap_held = 2 * (f->n_held + n) + 32;
		f->held = mem_grow(f->held, f->cap_held, 1);
	}
	if (n > 0)
		memcpy(f->held + f->n_held, ptr, n);
	f->n_held += n;
}

struct mg_span
fold_feed(struct fold *f, struct mg_span in, bool last)
{
	size_t used;

	f->n_out = 0;
	if (f->n_held > 0) {
		hold(f, in.ptr, in.len);
		used = read_step(f, f->held, f->n_held, last);
		f->n_held -= used;
		if (f->n_held > 0)
			memmove(f->held, f->held + used, f->n_held);
	} else {
		used = in.len ? read_step(f, in.ptr, in.len, last) : 0;
		hold(f, in.ptr + used, in.len - used);
	}
	assert(!last || f->n_held == 0);
	return (struct mg_span){ f->n_out ? f->out : "", f->n_out };
}

char *
fold_text(enum mg_fold level, bool leet, struct mg_span text, size_t *len)
{
	struct fold *f = level == MG_FOLD_NONE ? NULL :
	    fold_new(level == MG_FOLD_BASIC ? FOLD_BASIC : FOLD_STRONG);
	struct fold *l = f && leet ? fold_new(FOLD_LEET) : NULL;
	char *copy;

	if (f)
		text = fold_feed(f, text, true);
	if (l)
		text = fold_feed(l, text, true);
	copy = mem_new(text.len + 1, 1);
	if (text.len > 0)
		memcpy(copy, text.ptr, text.len);
	*len = text.len;
	fold_free(f);
	fold_free(l);
	return copy;
}
