/* SPDX-License-Identifier: Apache-2.0 */
/* list_set.c - the entries of list files, and the words filter over them.
 *
 * What an entry means (borders, cases, gaps) is asked of the filter itself, so
 * that what is said of lists cannot differ from what the gateway does. */
#include "gateway/list_set.h"

#include <stdlib.h>
#include <time.h>

#include "filters/letters.h"
#include "filters/registry.h"
#include "gateway/file.h"
#include "gateway/list_fold.h"

static int
take(void *arg, const struct list_entry *entry, struct mg_error *err)
{
	struct list_set *set = arg;

	(void)err;
	set->entries = xgrow(set->entries, &set->cap, set->n + 1,
	    sizeof(*set->entries));
	set->entries[set->n++] = *entry;
	return 0;
}

int
list_set_add(struct list_set *set, const char *path, struct mg_error *err)
{
	struct buf *bytes;

	set->bytes = xrealloc(set->bytes, (set->n_files + 1) *
	    sizeof(*set->bytes));
	bytes = &set->bytes[set->n_files++];
	memset(bytes, 0, sizeof(*bytes));
	if (file_read(path, LIST_MAX_BYTES, NULL, bytes, err) < 0)
		return -1;
	return list_file_read(path, bytes, take, set, err);
}

void
list_set_fini(struct list_set *set)
{
	size_t i;

	for (i = 0; i < set->n_files; i++)
		buf_fini(&set->bytes[i]);
	free(set->bytes);
	free(set->entries);
	memset(set, 0, sizeof(*set));
}

/* ---- the filter ---- */

static void
no_warning(void *arg, const struct mg_place *place, const char *text)
{
	(void)arg;
	(void)place;
	(void)text;
}

static size_t
count_options(const struct mg_filter_type *type)
{
	size_t n = 0;

	while (type->options[n].key)
		n++;
	return n;
}

/* Of the processor: what the list costs, not what else ran. */
static double
cpu_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void
fold_entries(struct list_engine *engine, const struct list_set *set)
{
	struct list_way way = { .fold = engine->type->fold, .via = VIA_TEXT };
	struct buf out = { 0 };
	size_t i;

	engine->items = xcalloc(set->n + 1, sizeof(*engine->items));
	for (i = 0; i < set->n; i++) {
		buf_clear(&out);
		list_fold(&way, set->entries[i].text, &out);
		engine->items[i] = (struct mg_item){
			.text = span(arena_text(&engine->arena,
			    buf_span(&out)), out.len),
			.place = set->entries[i].place };
	}
	buf_fini(&out);
}

int
list_engine_open(struct list_engine *engine, const struct list_set *set,
    struct mg_error *err)
{
	const struct mg_filter_type *type = filter_find("words", 5);
	size_t n = count_options(type), i;
	struct mg_value *values;
	struct mg_rule rule = { .id = "list", .max_hold = 1024,
		.fold = type->fold };
	double from = cpu_ms();

	engine->type = type;
	if (fold_prepare(type->fold, err) < 0)
		return -1;
	fold_entries(engine, set);
	rule.match = values = xcalloc(n, sizeof(*values));
	for (i = 0; i < n; i++)
		values[i].number = type->options[i].fallback;
	values[0].set = true;
	values[0].items = engine->items;
	values[0].n_items = set->n;
	engine->conf = type->open(&rule, 1, no_warning, NULL, err);
	engine->build_ms = cpu_ms() - from;
	engine->bytes = engine->conf ? type->memory(engine->conf) : 0;
	free(values);
	return engine->conf ? 0 : -1;
}

void
list_engine_close(struct list_engine *engine)
{
	if (engine->type)
		engine->type->close(engine->conf);
	free(engine->items);
	arena_fini(&engine->arena);
	memset(engine, 0, sizeof(*engine));
}

static void
unable(void *arg, uint32_t rule, const char *why)
{
	(void)arg;
	(void)rule;
	(void)why;
}

void
list_engine_judge(const struct list_engine *engine, struct mg_span text,
    void (*found)(void *arg, const struct mg_found *found), void *arg)
{
	static const uint64_t all = 1;
	struct mg_scope scope = { &all, &all };
	struct mg_text t = { .ptr = text.ptr, .len = text.len, .last = true };
	struct mg_report report = { .hold = text.len, .keep = text.len,
		.found = found, .unable = unable, .arg = arg };
	void *scan = engine->type->begin(engine->conf, &scope);

	(void)engine->type->judge(scan, &t, &report);
	engine->type->end(scan);
}

/* ---- characters ---- */

uint32_t
list_char(struct mg_span text, size_t *at)
{
	const unsigned char *p = (const unsigned char *)text.ptr + *at;
	int n = utf8_step(p, text.len - *at), i;
	uint32_t c = n > 1 ? p[0] & (0x7fu >> n) : p[0];

	for (i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3fu);
	*at += n > 0 ? (size_t)n : 1;
	return c;
}

enum list_script
list_script_of(uint32_t c)
{
	if (c >= '0' && c <= '9')
		return SCRIPT_DIGITS;
	if (letter_is(c))
		return c < 0x370 || (c >= 0x1d00 && c < 0x1f00) ||
		    c >= 0x2c60 ? SCRIPT_LATIN : SCRIPT_OTHER;
	if ((c >= 0x3400 && c < 0xa000) || c == 0x3007 ||
	    (c >= 0xf900 && c < 0xfb00) || (c >= 0x20000 && c < 0x40000))
		return SCRIPT_HAN;
	/* Kana, Hangul and all other letters above Cyrillic, but for the
	 * blocks of punctuation and signs. */
	if (c < 0x530 || (c >= 0x2000 && c < 0x2c00) ||
	    (c >= 0x2e00 && c < 0x3040) || (c >= 0xfe10 && c < 0xfe70) ||
	    (c >= 0xff00 && c < 0xff10) || (c >= 0xff1a && c < 0xff21) ||
	    (c >= 0x1f000 && c < 0x20000))
		return SCRIPT_NONE;
	return SCRIPT_OTHER;
}

size_t
list_chars(struct mg_span text)
{
	size_t n = 0, i;

	for (i = 0; i < text.len; i++)
		n += (text.ptr[i] & 0xc0) != 0x80;
	return n;
}
