/* SPDX-License-Identifier: Apache-2.0 */
/* cat_line.c - a record as one line for people. */
#include <jansson.h>

#include "gateway/audit/cat.h"

/* Nothing that a client wrote may drive the reader's terminal. */
static void
add_safe(struct buf *out, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		/* C1 controls are two bytes in UTF-8: c2 80 to c2 9f. */
		if (c == 0xc2 && (unsigned char)s[1] < 0xa0 &&
		    (unsigned char)s[1] >= 0x80) {
			buf_add_byte(out, '?');
			s++;
		} else {
			buf_add_byte(out, c < 0x20 || c == 0x7f ? '?' : *s);
		}
	}
}

static void
add_text(struct buf *out, const char *before, const json_t *value)
{
	if (!json_is_string(value) || json_string_length(value) == 0)
		return;
	buf_add_str(out, before);
	add_safe(out, json_string_value(value));
}

static void
add_verdict(struct buf *out, const json_t *verdict)
{
	const char *mode = json_string_value(json_object_get(verdict,
	    "mode"));

	add_text(out, " ", json_object_get(verdict, "phase"));
	add_text(out, ":", json_object_get(verdict, "rule"));
	add_text(out, "=", json_object_get(verdict, "action"));
	if (mode && strcmp(mode, "shadow") == 0)
		buf_add_str(out, "(shadow)");
}

static void
add_details(struct buf *out, const json_t *leaf)
{
	static const struct { const char *key, *before; } keys[] = {
		{ "tenant", " tenant=" }, { "key_id", " key=" },
		{ "route", " route=" }, { "model", " model=" },
		{ "outcome", " " }, { "by", " by=" },
		{ "reason", " reason=" },
		{ "segment", " segment=" },
	};
	const json_t *status = json_object_get(leaf, "status"), *verdict;
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		add_text(out, keys[i].before,
		    json_object_get(leaf, keys[i].key));
	if (json_is_integer(status))
		buf_addf(out, " %" JSON_INTEGER_FORMAT,
		    json_integer_value(status));
	add_text(out, " policy=", json_object_get(json_object_get(leaf,
	    "policy"), "id"));
	json_array_foreach(json_object_get(leaf, "verdicts"), i, verdict)
		add_verdict(out, verdict);
}

void
cat_line(struct mg_span json, struct buf *out)
{
	json_t *leaf = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES,
	    NULL);

	if (!leaf) {
		buf_add_str(out, "(a record that is no JSON)");
		return;
	}
	add_text(out, "", json_object_get(leaf, "ts"));
	add_text(out, " ", json_object_get(leaf, "xid"));
	add_text(out, " ", json_object_get(leaf, "type"));
	add_details(out, leaf);
	json_decref(leaf);
}
