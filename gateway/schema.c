/* SPDX-License-Identifier: Apache-2.0 */
/* schema.c - the JSON Schema of our YAML files, from the option tables. */
#include "gateway/schema.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "filters/registry.h"
#include "gateway/config_table.h"
#include "gateway/policy_build.h"

#define DRAFT "https://json-schema.org/draft/2020-12/schema"

static json_t *settings(const struct setting *table);

/* Whatever is written: it is a text to us. */
static json_t *
any_text(void)
{
	return json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean");
}

static json_t *
reference(const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "#/$defs/%s", name);
	return json_pack("{s:s}", "$ref", path);
}

static json_t *
list_of(json_t *items)
{
	return json_pack("{s:s,s:i,s:o}", "type", "array", "minItems", 1,
	    "items", items);
}

/* One, or a list of them. */
static json_t *
one_or_many(json_t *one)
{
	json_t *list = list_of(json_incref(one));

	return json_pack("{s:[o,o]}", "anyOf", one, list);
}

static json_t *
words_of(const char *const *words)
{
	json_t *list = json_array();

	for (; *words; words++)
		(void)json_array_append_new(list, json_string(*words));
	return json_pack("{s:o}", "enum", list);
}

/* A number with a unit, or the word that stands for 0. */
static json_t *
number(const struct setting *o, const char *units)
{
	char pattern[160];
	json_t *out;

	(void)snprintf(pattern, sizeof(pattern), "^([0-9]+%s%s%s)$", units,
	    o->zero ? "|" : "", o->zero ? o->zero : "");
	if (o->kind == OPTION_TIME)	/* always with its unit */
		return json_pack("{s:s,s:s}", "type", "string", "pattern",
		    pattern);
	out = json_pack("{s:[s,s],s:s}", "type", "integer", "string",
	    "pattern", pattern);
	if (o->min <= INT64_MAX)
		json_object_set_new(out, "minimum",
		    json_integer((json_int_t)o->min));
	if (o->max <= INT64_MAX)
		json_object_set_new(out, "maximum",
		    json_integer((json_int_t)o->max));
	return out;
}

static json_t *
bools(void)
{
	return json_pack("{s:[b,b,s,s]}", "enum", 1, 0, "true", "false");
}

/* What an OPTION_READ takes, by what its table says of it. */
static json_t *
shapes(const struct setting *o)
{
	json_t *any = json_array(), *one;

	if (o->shape & SHAPE_DEFINED)
		(void)json_array_append_new(any, reference(o->key));
	if (o->shape & SHAPE_TEXT)
		(void)json_array_append_new(any, any_text());
	if (o->shape & SHAPE_WORD)
		(void)json_array_append_new(any, words_of(o->choices));
	if (o->shape & SHAPE_VERSION)
		(void)json_array_append_new(any, json_pack("{s:[i,s]}", "enum",
		    1, "1"));
	if (o->shape & SHAPE_COUNT)
		(void)json_array_append_new(any, json_pack("{s:[s,s],s:s}",
		    "type", "integer", "string", "pattern", "^[0-9]+k?$"));
	if (o->shape & SHAPE_SHARE)
		(void)json_array_append_new(any, json_pack("{s:s,s:s}", "type",
		    "string", "pattern", "^[0-9.]+%$"));
	if (o->shape & SHAPE_MAP)
		(void)json_array_append_new(any, settings(o->map));
	if (json_array_size(any) == 0) {
		json_decref(any);
		return json_object();	/* anything */
	}
	one = json_array_size(any) == 1 ? json_incref(json_array_get(any, 0)) :
	    json_pack("{s:O}", "anyOf", any);
	json_decref(any);
	if (o->shape & SHAPE_LIST)
		return one_or_many(one);
	return o->shape & SHAPE_ONLY_LIST ? list_of(one) : one;
}

static json_t *
map_or_zero(const struct setting *o)
{
	json_t *map = settings(o->map);

	return o->zero ? json_pack("{s:[o,{s:[s]}]}", "anyOf", map, "enum",
	    o->zero) : map;
}

static json_t *
value_of(const struct setting *o)
{
	static const char span[] = "/[0-9]*(ms|s|m|h|d)";
	char rate[64];

	switch (o->kind) {
	case OPTION_BOOL:
		return bools();
	case OPTION_COUNT:
		return number(o, "(k|M|G)?");
	case OPTION_SIZE:
		return number(o, "(KiB|MiB|GiB)?");
	case OPTION_TIME:
		return number(o, "(ms|s|m|h|d)");
	case OPTION_RATE:
		(void)snprintf(rate, sizeof(rate), "^([0-9]+(k|M|G)?%s%s%s)$",
		    span, o->zero ? "|" : "", o->zero ? o->zero : "");
		return json_pack("{s:s,s:s}", "type", "string", "pattern",
		    rate);
	case OPTION_TEXT:
	case OPTION_PATH:
		return any_text();
	case OPTION_TEXTS:
		return one_or_many(any_text());
	case OPTION_CHOICE:
	case OPTION_FIXED:
		return words_of(o->choices);
	case OPTION_MAP:
		return map_or_zero(o);
	case OPTION_READ:
		return shapes(o);
	}
	abort();
}

static bool
has(const struct setting *table, const char *key)
{
	for (; table->key; table++)
		if (strcmp(table->key, key) == 0)
			return true;
	return false;
}

/* What must be there. A rule that is switched off needs its id alone; one
 * with a score needs no action. */
static void
add_required(json_t *out, const struct setting *table)
{
	json_t *list = json_array(), *rest;
	const struct setting *o;

	for (o = table; o->key; o++)
		if (o->required)
			(void)json_array_append_new(list, json_string(o->key));
	if (json_array_size(list) == 0) {
		json_decref(list);
		return;
	}
	if (!has(table, "disabled")) {
		json_object_set_new(out, "required", list);
		return;
	}
	rest = json_pack("{s:o}", "required", list);
	if (has(table, "score"))
		json_object_set_new(rest, "anyOf", json_pack(
		    "[{s:[s]},{s:[s]}]", "required", "action", "required",
		    "score"));
	json_object_set_new(out, "required", json_pack("[s]", "id"));
	json_object_set_new(out, "if", json_pack("{s:{s:{s:[b,s]}},s:[s]}",
	    "properties", "disabled", "enum", 1, "true", "required",
	    "disabled"));
	json_object_set_new(out, "else", rest);
}

static json_t *
settings(const struct setting *table)
{
	json_t *properties = json_object(), *out;
	const struct setting *o;

	for (o = table; o->key; o++) {
		json_t *value = value_of(o);

		if (o->help)
			json_object_set_new(value, "description",
			    json_string(o->help));
		if (o->fallback)
			json_object_set_new(value, "default",
			    json_string(o->fallback));
		json_object_set_new(properties, o->key, value);
	}
	out = json_pack("{s:s,s:o,s:b}", "type", "object", "properties",
	    properties, "additionalProperties", 0);
	add_required(out, table);
	return out;
}

/* ---- what filters look for ---- */

static json_t *
option(const struct mg_option *o)
{
	static const char *const types[] = { [MG_OPT_INT] = "integer",
		[MG_OPT_NUMBER] = "number" };

	switch (o->type) {
	case MG_OPT_BOOL:
		return bools();
	case MG_OPT_INT:
	case MG_OPT_NUMBER:
		return json_pack("{s:[s,s],s:f,s:f,s:s}", "type",
		    types[o->type], "string", "minimum", o->min, "maximum",
		    o->max, "pattern", "^[-+.eE0-9]+$");
	case MG_OPT_TEXT:
		return any_text();
	case MG_OPT_CHOICE:
		return words_of(o->choices);
	case MG_OPT_TEXTS:
		return json_pack("{s:[o,o]}", "anyOf", any_text(),
		    list_of(reference("entry")));
	case MG_OPT_CHOICES:
		return one_or_many(words_of(o->choices));
	}
	abort();
}

/* `match:` or `except:` by one filter. */
static json_t *
by_filter(const struct mg_filter_type *type, bool in_except)
{
	json_t *properties = json_object(), *out;
	const struct mg_option *o;

	for (o = type->options; o->key; o++) {
		json_t *value;

		if (in_except && !o->in_except)
			continue;
		value = option(o);
		json_object_set_new(value, "description",
		    json_string(o->help));
		json_object_set_new(properties, o->key, value);
	}
	if (!in_except) {
		json_object_set_new(properties, "except",
		    reference("except"));
		json_object_set_new(properties, "fold",
		    words_of(policy_folds));
		json_object_set_new(properties, "leet", bools());
		json_object_set_new(properties, "views",
		    one_or_many(words_of(policy_views)));
	}
	out = json_pack("{s:s,s:s,s:o,s:b}", "type", "object", "description",
	    type->doc, "properties", properties, "additionalProperties", 0);
	if (!in_except)
		json_object_set_new(out, "required", json_pack("[s]",
		    type->name));
	else
		json_object_set_new(out, "minProperties", json_integer(1));
	return out;
}

static json_t *
operators(const char *key, json_t *value)
{
	return json_pack("{s:s,s:{s:o},s:[s],s:b}", "type", "object",
	    "properties", key, value, "required", key,
	    "additionalProperties", 0);
}

static json_t *
policy_definitions(void)
{
	json_t *match = json_array(), *except = json_array(), *tests;
	size_t i;

	for (i = 0; filter_types[i]; i++) {
		(void)json_array_append_new(match,
		    by_filter(filter_types[i], false));
		(void)json_array_append_new(except,
		    by_filter(filter_types[i], true));
	}
	(void)json_array_append_new(match, operators("any",
	    list_of(reference("match"))));
	(void)json_array_append_new(match, operators("all",
	    list_of(reference("match"))));
	(void)json_array_append_new(match, operators("not",
	    reference("match")));
	tests = json_pack("{s:o}", "pass", one_or_many(any_text()));
	for (i = 0; policy_action_words[i]; i++)
		json_object_set_new(tests, policy_action_words[i],
		    one_or_many(any_text()));
	return json_pack("{s:{s:[o,o]},s:{s:s,s:{s:o},s:b},s:{s:o},s:{s:o},s:{s:s,s:o,s:b},"
	    "s:{s:s,s:{s:[{s:s,s:i,s:o},o]}}}",
	    "entry", "anyOf", any_text(), settings(policy_entry_table),
	    "message", "type", "object", "patternProperties",
	    "^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$", any_text(),
	    "additionalProperties", 0,
	    "match", "anyOf", match, "except", "anyOf", except,
	    "tests", "type", "object", "properties", tests,
	    "additionalProperties", 0,
	    "lists", "type", "object", "additionalProperties", "anyOf",
	    "type", "array", "minItems", 1, "items", reference("entry"),
	    settings(policy_list_file_table));
}

void
schema_write(enum schema_kind kind, struct buf *out)
{
	json_t *schema = json_pack("{s:s,s:s}", "$schema", DRAFT, "title",
	    kind == SCHEMA_POLICY ? "a policy of modgate" :
	    "a configuration of modgate");
	json_t *body = settings(kind == SCHEMA_POLICY ? policy_table :
	    config_table);
	char *text;

	if (kind == SCHEMA_POLICY)
		json_object_set_new(schema, "$defs", policy_definitions());
	if (json_object_update(schema, body) < 0)
		abort();
	text = json_dumps(schema, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	if (!text)
		abort();
	buf_add_str(out, text);
	buf_add_byte(out, '\n');
	free(text);
	json_decref(body);
	json_decref(schema);
}
