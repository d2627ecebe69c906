/* SPDX-License-Identifier: Apache-2.0 */
/* test_schema.c - the JSON Schemas: what of the tables is in them. Whether
 * documents fit them is tests/schema's matter. */
#include <jansson.h>

#include "filters/registry.h"
#include "gateway/config_table.h"
#include "gateway/policy_build.h"
#include "gateway/schema.h"
#include "tests/check.h"

static json_t *
schema(enum schema_kind kind)
{
	struct buf text = { 0 };
	json_t *doc;

	schema_write(kind, &text);
	CHECK(text.len > 0 && text.ptr[text.len - 1] == '\n');
	doc = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
	CHECK(doc != NULL);
	buf_fini(&text);
	return doc;
}

/* Each key of the table, and no other, with its line of help. */
static void
check_keys(json_t *object, const struct setting *table)
{
	json_t *properties = json_object_get(object, "properties");
	size_t n = 0;

	CHECK(json_is_false(json_object_get(object, "additionalProperties")));
	for (; table->key; table++, n++) {
		json_t *value = json_object_get(properties, table->key);

		CHECK(value != NULL);
		CHECK_STR(json_string_value(json_object_get(value,
		    "description")), table->help);
		if (table->kind == OPTION_MAP && !table->zero)
			check_keys(value, table->map);
	}
	CHECK_EQ(json_object_size(properties), n);
}

static void
a_policy_s_schema_has_every_key(void)
{
	json_t *doc = schema(SCHEMA_POLICY), *rules;

	check_keys(doc, policy_table);
	rules = json_object_get(json_object_get(doc, "properties"), "rules");
	check_keys(json_object_get(rules, "items"), policy_rule_table);
	rules = json_object_get(json_object_get(doc, "properties"), "scores");
	check_keys(json_object_get(rules, "items"), policy_score_table);
	json_decref(doc);
}

static void
a_configuration_s_schema_has_every_key(void)
{
	json_t *doc = schema(SCHEMA_CONFIG), *list;

	check_keys(doc, config_table);
	list = json_object_get(json_object_get(doc, "properties"),
	    "upstreams");
	check_keys(json_object_get(list, "items"), config_upstream_table);
	json_decref(doc);
}

static void
every_filter_can_be_matched(void)
{
	json_t *doc = schema(SCHEMA_POLICY), *any;
	size_t i, k, options;

	any = json_object_get(json_object_get(json_object_get(doc, "$defs"),
	    "match"), "anyOf");
	for (i = 0; filter_types[i]; i++) {
		json_t *properties = json_object_get(json_array_get(any, i),
		    "properties");

		for (options = k = 0; filter_types[i]->options[k].key; k++)
			options += json_object_get(properties,
			    filter_types[i]->options[k].key) != NULL;
		CHECK_EQ(options, k);
	}
	/* And any, all, not. */
	CHECK_EQ(json_array_size(any), i + 3);
	json_decref(doc);
}

int
main(void)
{
	RUN(a_policy_s_schema_has_every_key);
	RUN(a_configuration_s_schema_has_every_key);
	RUN(every_filter_can_be_matched);
	return CHECK_DONE();
}
