/* SPDX-License-Identifier: Apache-2.0 */
/* test_restore.c - placeholders in a growing answer: found whatever the cuts,
 * held back by no byte more than it takes. */
#include <stdlib.h>

#include "gateway/buf.h"
#include "gateway/restore.h"
#include "tests/check.h"
#include "tests/policy_text.h"

#define RULE(id, as) "  - id: r" id "\n    on: prompt\n    match: { words: [a] " \
	"}\n    action: pseudonymize\n    as: " as "\n"

struct world {
	struct policy *policy;
	struct placeholders *table;
};

/* One place that was found. */
struct place {
	uint64_t at, len;
	char value[24];
};

struct seen {
	struct place places[64];
	size_t n;
	uint64_t hold;
};

static void
on_found(void *arg, uint64_t at, uint64_t len, struct mg_span value)
{
	struct seen *seen = arg;
	struct place *place = &seen->places[seen->n++];

	if (seen->n > 64)
		abort();
	place->at = at;
	place->len = len;
	(void)snprintf(place->value, sizeof(place->value), "%.*s",
	    (int)value.len, value.ptr);
}

static struct world
open_world(const char *rules)
{
	struct world w;

	w.policy = policy_text(rules);
	w.table = placeholders_new(w.policy);
	return w;
}

static void
add(struct world *w, const char *kind, int n)
{
	char value[24];
	int i;

	for (i = 1; i <= n; i++) {
		(void)snprintf(value, sizeof(value), "%s:%d", kind, i);
		(void)placeholders_add(w->table, kind, span_str(value));
	}
}

static void
close_world(struct world *w)
{
	placeholders_free(w->table);
	policy_unref(&w->policy);
}

/* The end of the code point that begins before `at`. */
static size_t
border(struct mg_span text, size_t at)
{
	while (at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80)
		at++;
	return at;
}

static void
see(const struct world *w, struct mg_span text, bool json, unsigned seed,
    struct seen *seen)
{
	struct restore *restore = restore_new(w->table, json);
	size_t at = 0, to = text.len;

	seen->n = 0;
	seen->hold = 0;
	while (at < text.len) {
		if (seed) {
			seed = seed * 1103515245u + 12345u;
			to = border(text, at + 1 + (seed >> 16) % 4);
		}
		if (to > text.len)
			to = text.len;
		seen->hold = restore_feed(restore, span(text.ptr + at,
		    to - at), false, on_found, seen);
		at = to;
	}
	restore_free(restore);
}

static void
finds_each_with_its_place(void)
{
	struct world w = open_world(RULE("1", "PHONE"));
	struct restore *restore;
	struct seen seen = { 0 };
	const char *text = "拨<PHONE_1>或者 phone_2、PHONE_2";

	add(&w, "PHONE", 2);
	restore = restore_new(w.table, false);
	CHECK_EQ(restore_feed(restore, span_str(text), false, on_found,
	    &seen), strlen(text) - 7);
	CHECK_EQ(seen.n, 1);
	CHECK_EQ(seen.places[0].at, 3);
	CHECK_EQ(seen.places[0].len, 9);
	CHECK_STR(seen.places[0].value, "PHONE:1");
	CHECK_EQ(restore_feed(restore, span("", 0), true, on_found, &seen),
	    strlen(text));
	CHECK_EQ(seen.n, 2);
	CHECK_EQ(seen.places[1].at, strlen(text) - 7);
	CHECK_STR(seen.places[1].value, "PHONE:2");
	restore_free(restore);
	close_world(&w);
}

/* Go and Python write < as \u003c; places are those of the raw bytes. */
static void
reads_json_with_its_escapes_undone(void)
{
	struct world w = open_world(RULE("1", "PHONE"));
	struct restore *restore;
	struct seen seen = { 0 };
	const char *text = "{\"a\":\"\\u003cPHONE\\u005f1\\u003e\\nPHONE_1\"}";

	add(&w, "PHONE", 2);
	restore = restore_new(w.table, true);
	(void)restore_feed(restore, span_str(text), true, on_found, &seen);
	CHECK_EQ(seen.n, 2);
	CHECK_EQ(seen.places[0].at, 6);
	CHECK_EQ(seen.places[0].len, 24);
	CHECK_EQ(seen.places[1].at, 32);
	CHECK_EQ(seen.places[1].len, 7);
	restore_free(restore);
	close_world(&w);
}

/* ---- random texts of few letters ---- */

/* The first N_PLAIN are enough to end any beginning made of them. */
static const char *const letters[] = { "<", "A", "_", "1", "B", ">", " ", "2",
	"\\", "＞", "-", "a", "\\u003c", "&lt;", "\\\\" };

enum { N_LETTERS = sizeof(letters) / sizeof(*letters), N_PLAIN = 9,
    MAX_LEN = 24 };

static void
make(struct buf *text, unsigned n_letters, unsigned *seed)
{
	static const char *const likely[] = { "<A_1>", "<A_12>", "A_1", "A_12",
		"<a_1 >", "<B_1>", "< A 1>", "<A\\_1>" };
	size_t n = 1 + (*seed >> 16) % 6, i;

	buf_clear(text);
	for (i = 0; i < n; i++) {
		*seed = *seed * 1103515245u + 12345u;
		if (*seed >> 30 & 1) {
			const char *word = likely[(*seed >> 16) % 8];
			size_t len = strlen(word);

			/* Often a piece of one. */
			if (*seed >> 28 & 1)
				len = 1 + (*seed >> 20) % len;
			buf_add(text, word, len);
		} else {
			buf_add_str(text, letters[(*seed >> 16) % n_letters]);
		}
	}
}

static bool
same(const struct seen *a, const struct seen *b)
{
	size_t i;

	for (i = 0; i < a->n && i < b->n; i++)
		if (a->places[i].at != b->places[i].at ||
		    a->places[i].len != b->places[i].len ||
		    strcmp(a->places[i].value, b->places[i].value) != 0)
			return false;
	return a->n == b->n && a->hold == b->hold;
}

static struct world
small_world(void)
{
	struct world w = open_world(RULE("1", "A") RULE("2", "B"));

	add(&w, "A", 12);
	add(&w, "B", 1);
	return w;
}

static void
no_cut_makes_a_difference(void)
{
	struct world w = small_world();
	struct buf text = { 0 };
	struct seen once, cut;
	unsigned seed = 1, i, json;

	for (i = 0; i < 20000; i++) {
		make(&text, N_LETTERS, &seed);
		for (json = 0; json < 2; json++) {
			see(&w, buf_span(&text), json, 0, &once);
			see(&w, buf_span(&text), json, 1 + i, &cut);
			if (!same(&once, &cut)) {
				fprintf(stderr, "text %.*s\n", (int)text.len,
				    text.ptr);
				CHECK(same(&once, &cut));
			}
		}
	}
	buf_fini(&text);
	close_world(&w);
}

/* Whether some text of at most `left` more letters makes a placeholder that
 * begins at `from`, which is before the end of what is there now. */
static bool
may_become(const struct world *w, struct buf *text, uint64_t from,
    unsigned left)
{
	struct seen seen;
	size_t len = text->len, i;

	see(w, buf_span(text), false, 0, &seen);
	for (i = 0; i < seen.n; i++)
		if (seen.places[i].at == from)
			return true;
	/* Of a bare one the end is told by what follows. */
	if (left == 0)
		return false;
	for (i = 0; i < N_PLAIN; i++) {
		bool may;

		buf_add_str(text, letters[i]);
		may = may_become(w, text, from, left - 1);
		text->len = len;
		if (may)
			return true;
	}
	return false;
}

/* Against every continuation of up to five letters: <A_1> has no more. What is
 * let go never becomes part of a placeholder, and what is held may. */
static void
holds_what_may_become_one_and_nothing_else(void)
{
	struct world w = open_world(RULE("1", "A") RULE("2", "B"));
	struct buf text = { 0 };
	struct seen seen;
	unsigned seed = 7, i, held = 0;
	uint64_t from, end;

	add(&w, "A", 1);
	add(&w, "B", 1);
	for (i = 0; i < 60; i++) {
		buf_clear(&text);
		do {
			make(&text, N_PLAIN, &seed);
		} while (text.len > MAX_LEN);
		see(&w, buf_span(&text), false, 0, &seen);
		end = text.len;
		if (seen.hold < end) {
			held++;
			CHECK(may_become(&w, &text, seen.hold, 5));
		}
		/* Only the last few bytes can begin one. */
		for (from = end > 6 ? end - 6 : 0; from < seen.hold; from++) {
			bool inside = false;
			size_t p;

			for (p = 0; p < seen.n; p++)
				inside |= from >= seen.places[p].at && from <
				    seen.places[p].at + seen.places[p].len;
			if (!inside)
				CHECK(!may_become(&w, &text, from, 4));
		}
	}
	CHECK(held > 10);
	buf_fini(&text);
	close_world(&w);
}

int
main(void)
{
	RUN(finds_each_with_its_place);
	RUN(reads_json_with_its_escapes_undone);
	RUN(no_cut_makes_a_difference);
	RUN(holds_what_may_become_one_and_nothing_else);
	return CHECK_DONE();
}
