/* SPDX-License-Identifier: Apache-2.0 */
/* plugin_check.c - is what a plugin exports a filter that we can use?
 *
 * Tables of ours are right, as tests hold them against the same checks; a
 * plugin's were written by someone who cannot run our tests. What a check here
 * lets through would be a crash, or a rule that never looks, later on. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "filters/plugin.h"

/* Words that `match:` has, or will have, for itself. */
static const char *const reserved[] = { "fold", "any", "all", "not", "score",
	"judge", NULL };

struct check {
	const struct mg_filter_type *type;
	const struct mg_filter_type *const *others;
	const char *path;
	const struct mg_place *place;
	struct mg_error *err;
};

static int fail(const struct check *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int
fail(const struct check *c, const char *format, ...)
{
	char text[320];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return mg_fail(c->err, c->place, "filters: %s: %s", c->path, text);
}

/* ---- words ---- */

static bool
is_name(const char *s)
{
	size_t len = s ? strnlen(s, PLUGIN_MAX_NAME + 1) : 0;

	return len > 0 && len <= PLUGIN_MAX_NAME &&
	    strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == len &&
	    s[0] >= 'a';
}

static bool
is_line(const char *s)
{
	size_t len = s ? strnlen(s, PLUGIN_MAX_LINE + 1) : 0;

	return len > 0 && len <= PLUGIN_MAX_LINE && !strpbrk(s, "\n\r\t");
}

static bool
is_reserved(const char *s)
{
	const char *const *r;

	for (r = reserved; *r; r++)
		if (strcmp(s, *r) == 0)
			return true;
	return false;
}

static bool
has_key(const struct mg_filter_type *type, const char *key)
{
	const struct mg_option *o;

	for (o = type->options; o->key; o++)
		if (strcmp(o->key, key) == 0)
			return true;
	return false;
}

/* ---- options ---- */

/* The first option needs no fallback: a rule names the filter by it. */
static int
check_range(const struct check *c, const struct mg_option *o)
{
	bool whole = o->type == MG_OPT_INT;

	if (!isfinite(o->min) || !isfinite(o->max) || o->min > o->max)
		return fail(c, "%s: option '%s': min and max are no range",
		    c->type->name, o->key);
	if (o != c->type->options &&
	    (!(o->fallback >= o->min && o->fallback <= o->max) ||
	    (whole && floor(o->fallback) != o->fallback)))
		return fail(c, "%s: option '%s': its fallback is not %s from "
		    "min to max", c->type->name, o->key,
		    whole ? "a whole number" : "a number");
	return 0;
}

static int
check_choices(const struct check *c, const struct mg_option *o)
{
	size_t n = 0;

	while (o->choices && n <= PLUGIN_MAX_CHOICES && o->choices[n]) {
		if (!is_line(o->choices[n]))
			return fail(c, "%s: option '%s': choice %zu is no "
			    "word", c->type->name, o->key, n + 1);
		n++;
	}
	if (n == 0 || n > PLUGIN_MAX_CHOICES)
		return fail(c, "%s: option '%s': must have from one to %d "
		    "choices, and NULL behind them", c->type->name, o->key,
		    PLUGIN_MAX_CHOICES);
	if (o->type == MG_OPT_CHOICE && (!(o->fallback >= 0) ||
	    o->fallback >= (double)n || floor(o->fallback) != o->fallback))
		return fail(c, "%s: option '%s': its fallback is none of its "
		    "choices", c->type->name, o->key);
	return 0;
}

/* What goes with the option's type. */
static int
check_value(const struct check *c, const struct mg_option *o)
{
	switch (o->type) {
	case MG_OPT_BOOL:
		if (o->fallback == 0 || o->fallback == 1)
			return 0;
		return fail(c, "%s: option '%s': its fallback is neither 0 "
		    "nor 1", c->type->name, o->key);
	case MG_OPT_INT:
	case MG_OPT_NUMBER:
		return check_range(c, o);
	case MG_OPT_CHOICE:
	case MG_OPT_CHOICES:
		return check_choices(c, o);
	case MG_OPT_TEXT:
	case MG_OPT_TEXTS:
		return 0;
	}
	return fail(c, "%s: option '%s': no option type has the number %d",
	    c->type->name, o->key, (int)o->type);
}

static int
check_option(const struct check *c, size_t i)
{
	const struct mg_option *o = &c->type->options[i];
	const struct mg_filter_type *const *other;
	size_t k;

	if (!is_name(o->key))
		return fail(c, "%s: the key of option %zu is not 1 to %d of "
		    "a-z, 0-9 and '_'", c->type->name, i + 1,
		    PLUGIN_MAX_NAME);
	if (i == 0 && strcmp(o->key, c->type->name) != 0)
		return fail(c, "%s: its first option must have its name, not "
		    "'%s'", c->type->name, o->key);
	for (k = 0; k < i; k++)
		if (strcmp(c->type->options[k].key, o->key) == 0)
			return fail(c, "%s: option '%s' stands twice",
			    c->type->name, o->key);
	for (other = c->others; i > 0 && *other; other++)
		if (strcmp((*other)->name, o->key) == 0)
			return fail(c, "%s: option '%s' has the name of a "
			    "filter", c->type->name, o->key);
	if (is_reserved(o->key))
		return fail(c, "%s: '%s' means something else in `match:`",
		    c->type->name, o->key);
	if (!is_line(o->help))
		return fail(c, "%s: option '%s': has no help, or more than a "
		    "line", c->type->name, o->key);
	return check_value(c, o);
}

static int
check_options(const struct check *c)
{
	size_t i;

	if (!c->type->options || !c->type->options[0].key)
		return fail(c, "%s: has no options; the first must have its "
		    "name", c->type->name);
	for (i = 0; c->type->options[i].key; i++) {
		if (i == PLUGIN_MAX_OPTIONS)
			return fail(c, "%s: more than %d options, or no end "
			    "of them", c->type->name, PLUGIN_MAX_OPTIONS);
		if (check_option(c, i) < 0)
			return -1;
	}
	if (c->type->folds_items && c->type->options[0].type != MG_OPT_TEXTS)
		return fail(c, "%s: folds_items, but '%s' is no MG_OPT_TEXTS",
		    c->type->name, c->type->name);
	return 0;
}

/* ---- the type ---- */

static int
check_name(const struct check *c)
{
	const struct mg_filter_type *const *other;

	if (!is_name(c->type->name))
		return fail(c, "the name of a filter is not 1 to %d of a-z, "
		    "0-9 and '_'", PLUGIN_MAX_NAME);
	if (is_reserved(c->type->name))
		return fail(c, "no filter may be called '%s'", c->type->name);
	for (other = c->others; *other; other++) {
		if (strcmp((*other)->name, c->type->name) == 0)
			return fail(c, "there is a filter '%s' already",
			    c->type->name);
		if (has_key(*other, c->type->name))
			return fail(c, "'%s' is an option of filter '%s'",
			    c->type->name, (*other)->name);
	}
	return 0;
}

static int
check_functions(const struct check *c)
{
	const struct mg_filter_type *t = c->type;
	const char *missing = !t->open ? "open" : !t->close ? "close" :
	    !t->begin ? "begin" : !t->judge ? "judge" : !t->end ? "end" :
	    !t->memory ? "memory" : NULL;

	if (missing)
		return fail(c, "%s: has no %s()", t->name, missing);
	return 0;
}

int
plugin_check(const struct mg_filter_type *type,
    const struct mg_filter_type *const *others, const char *path,
    const struct mg_place *place, struct mg_error *err)
{
	struct check c = { type, others, path, place, err };

	if (type->abi != MG_FILTER_ABI)
		return fail(&c, "was built for version %u of the filter "
		    "contract, this is version %u; build it anew",
		    (unsigned)type->abi, MG_FILTER_ABI);
	if (check_name(&c) < 0)
		return -1;
	if (!is_line(type->doc))
		return fail(&c, "%s: has no doc, or more than a line",
		    type->name);
	if ((unsigned)type->fold > MG_FOLD_STRONG)
		return fail(&c, "%s: no fold has the number %d", type->name,
		    (int)type->fold);
	return check_options(&c) < 0 ? -1 : check_functions(&c);
}
