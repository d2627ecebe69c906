/* SPDX-License-Identifier: Apache-2.0 */
/* list_check.c - what is odd about lists, and what they count.
 *
 * Every entry is given to the filter of all entries as a text: what the filter
 * finds in it beside itself is what makes it useless. */
#include "gateway/list_check.h"

#include <stdlib.h>

#include "filters/gaps.h"

const char *const list_problem_names[N_LIST_PROBLEMS] = {
	[LIST_DUPLICATE] = "duplicate", [LIST_SHADOWED] = "shadowed",
	[LIST_SHORT] = "short", [LIST_PUNCTUATION] = "punctuation" };

/* The filter's view of one entry's text. */
struct look {
	uint32_t self;
	size_t len;
	uint32_t same, inside;		/* UINT32_MAX: none */
	size_t inside_len;
};

static void
on_found(void *arg, const struct mg_found *found)
{
	struct look *look = arg;

	if (found->item == look->self)
		return;
	if (found->len == look->len)
		look->same = found->item;
	else if (found->len < look->inside_len) {
		look->inside = found->item;
		look->inside_len = (size_t)found->len;
	}
}

static bool
has_gap(struct mg_span text)
{
	struct gap gap;

	return gap_next(text, 0, &gap);
}

/* Letters and digits only, all in one script, and few of them. */
static bool
is_short(struct mg_span text)
{
	size_t at = 0, han = 0, latin = 0, other = 0;

	while (at < text.len) {
		switch (list_script_of(list_char(text, &at))) {
		case SCRIPT_HAN:
			han++;
			break;
		case SCRIPT_LATIN:
		case SCRIPT_DIGITS:
			latin++;
			break;
		case SCRIPT_OTHER:
			other++;
			break;
		case SCRIPT_NONE:
			break;
		}
	}
	return other == 0 && ((han == 1 && latin == 0) ||
	    (han == 0 && latin <= 2));
}

static bool
is_ragged(struct mg_span text)
{
	size_t first = 0, last = text.len - 1;

	while (last > 0 && (text.ptr[last] & 0xc0) == 0x80)
		last--;
	return list_script_of(list_char(text, &first)) == SCRIPT_NONE ||
	    list_script_of(list_char(text, &last)) == SCRIPT_NONE;
}

/* The filter takes the same word twice as the first one, so a copy is found
 * as another item. A word with gaps is no text that could be tried. */
static void
check_entry(const struct list_set *set, const struct list_engine *engine,
    size_t i, struct look *look)
{
	struct mg_span text = engine->items[i].text;

	*look = (struct look){ (uint32_t)i, text.len, UINT32_MAX, UINT32_MAX,
		text.len };
	if (!has_gap(text))
		list_engine_judge(engine, text, on_found, look);
	/* A gapped entry may match all of a plain one. */
	if (look->same != UINT32_MAX &&
	    has_gap(set->entries[look->same].text)) {
		look->inside = look->same;
		look->same = UINT32_MAX;
	}
}

void
list_check(const struct list_set *set, const struct list_engine *engine,
    void (*report)(void *arg, enum list_problem problem,
	const struct list_entry *entry, const struct list_entry *other),
    void (*progress)(void *arg, size_t done), void *arg)
{
	const struct list_entry *e = set->entries;
	struct look look;
	size_t i;

	for (i = 0; i < set->n; i++) {
		check_entry(set, engine, i, &look);
		if (look.same != UINT32_MAX)
			report(arg, LIST_DUPLICATE, &e[i], &e[look.same]);
		else if (look.inside != UINT32_MAX)
			report(arg, LIST_SHADOWED, &e[i], &e[look.inside]);
		if (is_short(e[i].text))
			report(arg, LIST_SHORT, &e[i], NULL);
		if (is_ragged(e[i].text))
			report(arg, LIST_PUNCTUATION, &e[i], NULL);
		if (progress && i % 1000 == 999)
			progress(arg, i + 1);
	}
}

/* ---- counts ---- */

size_t
list_wanted(const char *category)
{
	if (strncmp(category, "A1", 2) == 0)
		return LIST_WANTED_A1;
	return strncmp(category, "A2", 2) == 0 ? LIST_WANTED_A2 : 0;
}

/* The one script of an entry, or NONE: several, or none at all. */
static enum list_script
script_of(struct mg_span text)
{
	enum list_script script = SCRIPT_NONE;
	size_t at = 0;

	while (at < text.len) {
		enum list_script c = list_script_of(list_char(text, &at));

		if (c == SCRIPT_NONE || c == script)
			continue;
		if (script != SCRIPT_NONE)
			return SCRIPT_NONE;
		script = c;
	}
	return script;
}

static int
by_size(const void *x, const void *y)
{
	const size_t *a = x, *b = y;

	return (*a > *b) - (*a < *b);
}

void
list_count(const struct list_set *set, struct list_stats *stats)
{
	size_t *chars = xcalloc(set->n + 1, sizeof(*chars)), i;

	memset(stats, 0, sizeof(*stats));
	stats->entries = set->n;
	for (i = 0; i < set->n; i++) {
		const struct list_entry *e = &set->entries[i];

		chars[i] = list_chars(e->text);
		stats->bytes += e->text.len;
		stats->gapped += has_gap(e->text);
		stats->noted += e->note.len > 0;
		stats->scripts[script_of(e->text)]++;
		stats->severities[e->grade.severity]++;
		stats->categories[e->grade.category]++;
	}
	qsort(chars, set->n, sizeof(*chars), by_size);
	if (set->n > 0) {
		stats->chars_min = chars[0];
		stats->chars_median = chars[set->n / 2];
		stats->chars_max = chars[set->n - 1];
	}
	free(chars);
}
