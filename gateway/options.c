/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - reading maps of settings by table.
 *
 * Each kind of value is one small function from a YAML text to a place in a
 * struct; what may be written is never guessed: a size has a unit that says
 * 1024, a time says what it counts, and a word that is nearly right is named
 * in the message, not taken. */
#include "gateway/options.h"
#include "gateway/file.h"

#include <assert.h>
#include <stdlib.h>

enum { NEAR_MAX = 64, KNOWN_MAX = 280, DEFAULT_TEXT_MAX = 1024 };

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit count_units[] = {
	{ "", 1 }, { "k", 1000 }, { "M", 1000000 }, { "G", 1000000000 },
	{ NULL, 0 },
};

static const struct unit size_units[] = {
	{ "", 1 }, { "KiB", 1024 }, { "MiB", 1024 * 1024 },
	{ "GiB", 1024 * 1024 * 1024 }, { NULL, 0 },
};

static const struct unit time_units[] = {
	{ "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 },
	{ "d", 24 * 3600 * 1000 }, { NULL, 0 },
};

/* ---- near words ---- */

size_t
options_distance(struct mg_span a, struct mg_span b)
{
	size_t rows[3][NEAR_MAX + 1], i, j;
	size_t *before = rows[0], *last = rows[1], *now = rows[2], *swap;

	if (a.len > NEAR_MAX || b.len > NEAR_MAX)
		return SIZE_MAX;
	for (j = 0; j <= b.len; j++)
		last[j] = before[j] = j;
	for (i = 1; i <= a.len; i++) {
		now[0] = i;
		for (j = 1; j <= b.len; j++) {
			bool same = a.ptr[i - 1] == b.ptr[j - 1];
			size_t best = last[j - 1] + !same;

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] &&
			    a.ptr[i - 2] == b.ptr[j - 1] &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
		swap = before;
		before = last;
		last = now;
		now = swap;
	}
	return last[b.len];
}

const char *
options_nearest(struct mg_span word, const char *const *known)
{
	const char *best = NULL;
	size_t least = SIZE_MAX, distance, len;

	for (; *known; known++) {
		len = strlen(*known);
		distance = options_distance(word, span_str(*known));
		/* One slip in three bytes is still the same word. */
		if (distance < least &&
		    distance <= ((len > word.len ? len : word.len) + 2) / 3 &&
		    distance < len) {
			least = distance;
			best = *known;
		}
	}
	return best;
}

int
options_unknown(const struct reading *r, const struct mg_place *place,
    const char *what, struct mg_span word, const char *const *known)
{
	const char *near = options_nearest(word, known);
	char shown[YAML_SHOWN];
	struct buf list = { 0 };
	int rc;

	yaml_show(word, shown);
	if (near)
		return mg_fail(r->err, place, "%s '%s' (did you mean '%s'?)",
		    what, shown, near);
	for (; *known; known++) {
		if (list.len + strlen(*known) > KNOWN_MAX) {
			buf_add_str(&list, ", …");
			break;
		}
		buf_addf(&list, "%s%s", list.len ? ", " : "", *known);
	}
	rc = mg_fail(r->err, place, "%s '%s'; known: %s", what, shown,
	    list.len ? buf_cstr(&list) : "none");
	buf_fini(&list);
	return rc;
}

/* ---- single values ---- */

int
options_want(const struct reading *r, const char *key,
    const struct yaml_node *value, enum yaml_type type)
{
	char shown[YAML_SHOWN];

	if (value->type == type)
		return 0;
	if (value->type != YAML_TEXT)
		return mg_fail(r->err, &value->place,
		    "%s: must be %s, not %s", key, yaml_type_name(type),
		    yaml_type_name(value->type));
	if (strstr(value->text.ptr, "："))
		return mg_fail(r->err, &value->place, "%s: must be %s; '：' "
		    "is a wide colon, YAML wants ': '", key,
		    yaml_type_name(type));
	return mg_fail(r->err, &value->place, "%s: must be %s, not '%s'", key,
	    yaml_type_name(type), yaml_show(value->text, shown));
}

char *
options_text(const struct reading *r, const char *key,
    const struct yaml_node *value, size_t min, size_t max)
{
	if (options_want(r, key, value, YAML_TEXT) < 0)
		return NULL;
	if (value->text.len < min && !value->quoted)
		mg_fail(r->err, &value->place, "%s: nothing is written", key);
	else if (value->text.len < min)
		mg_fail(r->err, &value->place, "%s: too short; at least %zu "
		    "bytes", key, min);
	else if (value->text.len > max)
		mg_fail(r->err, &value->place, "%s: %zu bytes; at most %zu",
		    key, value->text.len, max);
	else
		return arena_text(r->arena, value->text);
	return NULL;
}

char **
options_texts(const struct reading *r, const char *key,
    const struct yaml_node *value, size_t min, size_t max)
{
	const struct yaml_node *item = value;
	size_t n = 1, i = 0;
	char **texts;

	if (value->type == YAML_LIST) {
		item = value->first;
		n = value->n;
	}
	if (n == 0) {
		mg_fail(r->err, &value->place, "%s: the list is empty", key);
		return NULL;
	}
	texts = arena_array(r->arena, n + 1, sizeof(char *));
	for (; i < n; i++, item = item->next) {
		texts[i] = options_text(r, key, item, min, max);
		if (!texts[i])
			return NULL;
	}
	return texts;
}

int
options_choice(const struct reading *r, const char *key,
    const struct yaml_node *value, const char *const *choices)
{
	char what[96];
	int i;

	if (options_want(r, key, value, YAML_TEXT) < 0)
		return -1;
	for (i = 0; choices[i]; i++)
		if (span_is(value->text, choices[i]))
			return i;
	(void)snprintf(what, sizeof(what), "%s: unknown value", key);
	return options_unknown(r, &value->place, what, value->text, choices);
}

/* ---- numbers with units ---- */

static const struct unit *
units_of(enum option_kind kind)
{
	if (kind == OPTION_SIZE)
		return size_units;
	return kind == OPTION_TIME ? time_units : count_units;
}

static const char *
units_hint(enum option_kind kind)
{
	if (kind == OPTION_SIZE)
		return "a number of bytes, as 512, 32KiB, 8MiB or 1GiB";
	if (kind == OPTION_TIME)
		return "a time, as 200ms, 5s, 10m, 2h or 1d";
	return "a whole number, as 32, 200k or 5M";
}

/* Digits and a unit; false: it is something else. Too much for 64 bits is
 * UINT64_MAX, which no range takes. */
static bool
parse_number(struct mg_span text, const struct unit *units, uint64_t *out)
{
	size_t digits = 0;
	uint64_t n;

	while (digits < text.len && text.ptr[digits] >= '0' &&
	    text.ptr[digits] <= '9')
		digits++;
	if (digits == 0)
		return false;
	for (; units->name; units++)
		if (span_is(span(text.ptr + digits, text.len - digits),
		    units->name))
			break;
	if (!units->name)
		return false;
	if (!span_to_u64(span(text.ptr, digits), &n) ||
	    n > UINT64_MAX / units->factor)
		*out = UINT64_MAX;
	else
		*out = n * units->factor;
	return true;
}

/* A number as a person would write it: with the largest unit that divides. */
static const char *
show_number(enum option_kind kind, uint64_t n, char out[32])
{
	const struct unit *unit, *best = units_of(kind);

	for (unit = best; unit->name; unit++)
		if (n % unit->factor == 0 && n > 0)
			best = unit;
	(void)snprintf(out, 32, "%llu%s",
	    (unsigned long long)(n / best->factor), best->name);
	return out;
}

static int
check_range(const struct reading *r, const struct setting *o,
    const struct yaml_node *value, uint64_t n)
{
	char shown[YAML_SHOWN], min[32], max[32];

	if (n >= o->min && n <= o->max)
		return 0;
	return mg_fail(r->err, &value->place, "%s: %s is too %s; from %s to "
	    "%s", o->key, yaml_show(value->text, shown),
	    n < o->min ? "little" : "much", show_number(o->kind, o->min, min),
	    show_number(o->kind, o->max, max));
}

int
options_number(const struct reading *r, const struct setting *what,
    const struct yaml_node *value, uint64_t *out)
{
	char shown[YAML_SHOWN];

	if (options_want(r, what->key, value, YAML_TEXT) < 0)
		return -1;
	if (what->zero && span_is(value->text, what->zero)) {
		*out = 0;
		return 0;
	}
	if (!parse_number(value->text, units_of(what->kind), out))
		return mg_fail(r->err, &value->place, "%s: '%s' is not %s%s%s",
		    what->key, yaml_show(value->text, shown),
		    units_hint(what->kind), what->zero ? "; or " : "",
		    what->zero ? what->zero : "");
	return check_range(r, what, value, *out);
}

static void
put_number(const struct setting *o, void *base, uint64_t n)
{
	char *to = (char *)base + o->at;

	assert(o->width == 1 || o->width == 4 || o->width == 8);
	if (o->width == 1) {
		uint8_t byte = (uint8_t)n;

		memcpy(to, &byte, 1);
	} else if (o->width == 4) {
		uint32_t word = (uint32_t)n;

		assert(n <= UINT32_MAX);
		memcpy(to, &word, 4);
	} else {
		memcpy(to, &n, 8);
	}
}

/* "600/m", "20/10s": so many in so long. */
static int
read_rate(const struct reading *r, const struct setting *o,
    const struct yaml_node *value, void *base)
{
	const char *slash;
	struct mg_span per;
	char shown[YAML_SHOWN], one[16];
	uint64_t n = 0, ms = 0;

	if (options_want(r, o->key, value, YAML_TEXT) < 0)
		return -1;
	if (o->zero && span_is(value->text, o->zero)) {
		put_number(o, base, 0);
		memcpy((char *)base + o->at2, &n, sizeof(n));
		return 0;
	}
	slash = memchr(value->text.ptr, '/', value->text.len);
	if (!slash)
		goto bad;
	per = span(slash + 1,
	    value->text.len - (size_t)(slash + 1 - value->text.ptr));
	/* "/m" is "/1m". */
	if (per.len && per.len < sizeof(one) - 1 && per.ptr[0] > '9') {
		one[0] = '1';
		memcpy(one + 1, per.ptr, per.len);
		per = span(one, per.len + 1);
	}
	if (!parse_number(span(value->text.ptr,
	    (size_t)(slash - value->text.ptr)), count_units, &n) ||
	    !parse_number(per, time_units, &ms) || ms == 0)
		goto bad;
	if (ms > 31 * 24 * 3600 * 1000ull)
		return mg_fail(r->err, &value->place,
		    "%s: at most a span of 31d", o->key);
	if (check_range(r, o, value, n) < 0)
		return -1;
	put_number(o, base, n);
	memcpy((char *)base + o->at2, &ms, sizeof(ms));
	return 0;
bad:
	return mg_fail(r->err, &value->place, "%s: '%s' is not a rate, as "
	    "600/m, 200k/m or 20/10s%s%s", o->key,
	    yaml_show(value->text, shown), o->zero ? "; or " : "",
	    o->zero ? o->zero : "");
}

/* ---- maps ---- */

static int
read_text(const struct reading *r, const struct setting *o,
    const struct yaml_node *value, void *base)
{
	size_t min = o->max ? o->min : 1;
	size_t max = o->max ? o->max : DEFAULT_TEXT_MAX;
	char *text, *path, **texts, *to = (char *)base + o->at;

	if (o->kind == OPTION_TEXTS) {
		texts = options_texts(r, o->key, value, min, max);
		memcpy(to, &texts, sizeof(texts));
		return texts ? 0 : -1;
	}
	text = options_text(r, o->key, value, min, max);
	if (!text)
		return -1;
	if (o->kind == OPTION_PATH) {
		path = file_beside(r->file, span_str(text));
		text = arena_text(r->arena, span_str(path));
		free(path);
	}
	memcpy(to, &text, sizeof(text));
	return 0;
}

static int
read_word(const struct reading *r, const struct setting *o,
    const struct yaml_node *value, void *base)
{
	static const char *const bools[] = { "false", "true", NULL };
	int i;

	if (o->kind == OPTION_FIXED) {
		char shown[YAML_SHOWN];

		if (options_want(r, o->key, value, YAML_TEXT) < 0)
			return -1;
		if (span_is(value->text, o->choices[0]))
			return 0;
		return mg_fail(r->err, &value->place, "%s: '%s' cannot be: "
		    "%s", o->key, yaml_show(value->text, shown), o->help);
	}
	i = options_choice(r, o->key, value,
	    o->kind == OPTION_BOOL ? bools : o->choices);
	if (i < 0)
		return -1;
	put_number(o, base, (uint64_t)i);
	return 0;
}

static int
read_map(const struct reading *r, const struct setting *o, const char *where,
    const struct yaml_node *value, void *base)
{
	char path[128];

	if (o->zero && value->type == YAML_TEXT &&
	    span_is(value->text, o->zero)) {
		memset((char *)base + o->at, 0, o->width);
		return 0;
	}
	(void)snprintf(path, sizeof(path), "%s%s%s", where ? where : "",
	    where ? "." : "", o->key);
	return options_read(r, o->map, path, value, (char *)base + o->at);
}

static int
read_value(const struct reading *r, const struct setting *o, const char *where,
    const struct yaml_node *value, void *base)
{
	uint64_t n;

	switch (o->kind) {
	case OPTION_BOOL:
	case OPTION_CHOICE:
	case OPTION_FIXED:
		return read_word(r, o, value, base);
	case OPTION_COUNT:
	case OPTION_SIZE:
	case OPTION_TIME:
		if (options_number(r, o, value, &n) < 0)
			return -1;
		put_number(o, base, n);
		return 0;
	case OPTION_RATE:
		return read_rate(r, o, value, base);
	case OPTION_TEXT:
	case OPTION_PATH:
	case OPTION_TEXTS:
		return read_text(r, o, value, base);
	case OPTION_MAP:
		return read_map(r, o, where, value, base);
	case OPTION_READ:
		return o->read(r, value, (char *)base + o->at);
	}
	abort();
}

static const struct setting *
find(const struct setting *table, struct mg_span key)
{
	for (; table->key; table++)
		if (span_is(key, table->key))
			return table;
	return NULL;
}

static int
unknown_key(const struct reading *r, const struct setting *table,
    const char *where, const struct yaml_node *value)
{
	const char *known[64];
	char what[160];
	size_t n = 0;

	for (; table->key && n < 63; table++)
		known[n++] = table->key;
	known[n] = NULL;
	(void)snprintf(what, sizeof(what), "%s%sunknown key",
	    where ? where : "", where ? ": " : "");
	return options_unknown(r, &value->key_place, what, value->key, known);
}

int
options_read(const struct reading *r, const struct setting *table,
    const char *where, const struct yaml_node *map, void *base)
{
	const struct yaml_node *value;
	const struct setting *o;

	if (options_want(r, where ? where : "the file", map, YAML_MAP) < 0)
		return -1;
	for (value = map->first; value; value = value->next) {
		o = find(table, value->key);
		if (!o)
			return unknown_key(r, table, where, value);
		if (value->type == YAML_TEXT && !value->quoted &&
		    value->text.len == 0)
			return mg_fail(r->err, &value->key_place,
			    "%s: nothing is written", o->key);
		if (read_value(r, o, where, value, base) < 0)
			return -1;
	}
	for (o = table; o->key; o++)
		if (o->required && !yaml_get(map, o->key))
			return mg_fail(r->err, &map->place,
			    "%s%s'%s' is missing: %s", where ? where : "",
			    where ? ": " : "", o->key, o->help);
	return 0;
}

int
options_each(const struct reading *r, const struct yaml_node *value,
    int (*read)(const struct reading *r, const struct yaml_node *value,
	size_t i, void *arg), void *arg)
{
	size_t i = 0;

	if (value->type != YAML_LIST)
		return read(r, value, 0, arg);
	for (value = value->first; value; value = value->next)
		if (read(r, value, i++, arg) < 0)
			return -1;
	return 0;
}

void
options_defaults(const struct reading *r, const struct setting *table,
    void *base)
{
	const struct setting *o;

	for (o = table; o->key; o++) {
		struct yaml_node value = { .type = YAML_TEXT,
			.text = span_str(o->fallback) };

		if (o->kind == OPTION_MAP)
			options_defaults(r, o->map, (char *)base + o->at);
		else if (o->fallback &&
		    read_value(r, o, NULL, &value, base) < 0)
			abort();	/* a table contradicts itself */
	}
}

void
options_help(FILE *out, const struct setting *table, unsigned indent)
{
	const struct setting *o;
	char left[80];

	for (o = table; o->key; o++) {
		(void)snprintf(left, sizeof(left), "%*s%s:%s%s",
		    (int)indent, "", o->key, o->fallback ? " " : "",
		    o->fallback ? o->fallback : "");
		fprintf(out, "%-30s  %s\n", left, o->help);
		if (o->map)
			options_help(out, o->map, indent + 2);
	}
}
