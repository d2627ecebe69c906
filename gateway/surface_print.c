/* SPDX-License-Identifier: Apache-2.0 */
/* surface_print.c - surfaces in words: names, paths, and the table of what is
 * covered. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/surface_table.h"

#define MAX_NAME 256	/* bytes of a key that a path tells */

const char *
surface_name(enum surface_kind surface)
{
	switch (surface) {
	case SURFACE_COMPLETIONS:
		return "completions";
	case SURFACE_CHAT:
		return "chat";
	}
	return "?";
}

const char *const *
surface_endpoint_names(void)
{
	static const char *const names[] = { "completions", "chat",
		SURFACE_MODELS, NULL };

	return names;
}

const char *
surface_doc_name(enum surface_doc which)
{
	switch (which) {
	case DOC_REQUEST:
		return "request";
	case DOC_ANSWER:
		return "answer";
	case DOC_EVENT:
		return "event";
	}
	return "?";
}

const char *
surface_kind_name(enum surface_text_kind kind)
{
	switch (kind) {
	case TEXT_PLAIN:
		return "plain";
	case TEXT_JSON:
		return "json";
	case TEXT_TOKEN_IDS:
		return "token_ids";
	case TEXT_REFERENCE:
		return "reference";
	case TEXT_MEDIA:
		return "media";
	}
	return "?";
}

/* A rule without a role takes that of the message it is in. */
static const char *
role_name(const struct surface_rule *r)
{
	return r->role ? policy_role_name((enum policy_role)r->role) :
	    "message";
}

static const char *
what_name(enum surface_what what)
{
	switch (what) {
	case WHAT_NOT:
		return "not text";
	case WHAT_ROLE:
		return "role name";
	case WHAT_PLAIN:
		return "text";
	case WHAT_JSON:
		return "text, JSON";
	case WHAT_SCHEMA:
		return "text, JSON Schema";
	case WHAT_TOKENS:
		return "text or token ids";
	case WHAT_OPAQUE:
		return "unreadable";
	case WHAT_URL:
		return "URL: text, media, reference";
	case WHAT_MEDIA:
		return "media";
	case WHAT_REFERENCE:
		return "reference";
	case WHAT_BYTES:
		return "text as bytes";
	}
	return "?";
}

/* Keys that need no quotes in a path. */
static bool
is_word(struct mg_span key)
{
	size_t i;

	for (i = 0; i < key.len; i++) {
		char c = key.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '_' && c != '-' &&
		    c != '$')
			return false;
	}
	return key.len > 0;
}

static void
add_step(const struct jdoc *doc, uint32_t node, struct buf *out)
{
	const struct jdoc_node *n = &doc->nodes[node];
	struct buf undone = { 0 };
	struct mg_span key;
	uint32_t at, position = 0;

	if (doc->nodes[n->parent].type == JDOC_ARRAY) {
		for (at = jdoc_child(doc, n->parent); at != node;
		    at = jdoc_sibling(doc, at))
			position++;
		buf_addf(out, "[%u]", position);
		return;
	}
	if (n->key_len > MAX_NAME) {
		buf_add_str(out, n->parent != 0 ? ".{}" : "{}");
		return;
	}
	key = jdoc_key(doc, node, &undone);
	if (is_word(key)) {
		if (n->parent != 0)
			buf_add_byte(out, '.');
		buf_add_span(out, key);
	} else {
		buf_add_byte(out, '[');
		buf_add_json(out, key);
		buf_add_byte(out, ']');
	}
	buf_fini(&undone);
}

void
surface_path(const struct jdoc *doc, uint32_t node, struct buf *out)
{
	uint32_t few[66], *steps = few, at = node;
	size_t depth = doc->nodes[node].depth, i;

	if (depth > sizeof(few) / sizeof(few[0]))
		steps = xmalloc(depth * sizeof(*steps));
	for (i = depth; i-- > 0; at = doc->nodes[at].parent)
		steps[i] = at;
	for (i = 0; i < depth; i++)
		add_step(doc, steps[i], out);
	if (steps != few)
		free(steps);
}

static void
print_rules(unsigned surface, unsigned which)
{
	unsigned group;

	for (group = 0; group < SURFACE_GROUPS; group++) {
		const struct surface_rule *r =
		    surface_tables[surface][which][group];

		for (; r && r->pattern; r++)
			if (r->what == WHAT_NOT)
				printf("  %-58s  not text\n", r->pattern);
			else
				printf("  %-58s  %-17s  %s%s\n", r->pattern,
				    what_name((enum surface_what)r->what),
				    role_name(r),
				    r->flags & RULE_JOINS ? ", grows" : "");
	}
}

void
surface_print_text(bool paths)
{
	const struct surface_endpoint *e;
	unsigned surface, which;

	for (e = surface_endpoints; e->path; e++)
		printf("%-11s  %-4s  %s\n", e->name, e->method, e->path);
	puts("\nPaths below /v1 are also known below /openai/v1, and without "
	    "/v1.");
	for (surface = 0; paths && surface < SURFACE_KINDS; surface++)
		for (which = 0; which < SURFACE_DOCS; which++) {
			printf("\n%s, %s:\n",
			    surface_name((enum surface_kind)surface),
			    surface_doc_name((enum surface_doc)which));
			print_rules(surface, which);
		}
	puts("Every string of a body that no table names, and every such key, "
	    "is read as text\nby `other`.");
	if (!paths)
		puts("`modgate surfaces --all` prints the tables.");
}

static void
add_rule(struct buf *out, unsigned surface, unsigned which,
    const struct surface_rule *r)
{
	buf_addf(out, "{\"surface\":\"%s\",\"document\":\"%s\",\"path\":",
	    surface_name((enum surface_kind)surface),
	    surface_doc_name((enum surface_doc)which));
	buf_add_json(out, span_str(r->pattern));
	buf_addf(out, ",\"what\":\"%s\",\"role\":\"%s\",\"grows\":%s}",
	    what_name((enum surface_what)r->what),
	    role_name(r),
	    r->flags & RULE_JOINS ? "true" : "false");
}

void
surface_print_json(void)
{
	const struct surface_endpoint *e;
	struct buf out = { 0 };
	unsigned i;

	buf_add_str(&out, "{\"endpoints\":[");
	for (e = surface_endpoints; e->path; e++)
		buf_addf(&out, "%s{\"name\":\"%s\",\"method\":\"%s\","
		    "\"path\":\"%s\"}", e == surface_endpoints ? "" : ",",
		    e->name, e->method, e->path);
	buf_add_str(&out, "],\"paths\":[");
	for (i = 0; i < SURFACE_KINDS * SURFACE_DOCS * SURFACE_GROUPS; i++) {
		unsigned surface = i / SURFACE_GROUPS / SURFACE_DOCS;
		unsigned which = i / SURFACE_GROUPS % SURFACE_DOCS;
		const struct surface_rule *r = surface_tables[surface][which]
		    [i % SURFACE_GROUPS];

		for (; r && r->pattern; r++) {
			if (out.ptr[out.len - 1] == '}')
				buf_add_byte(&out, ',');
			add_rule(&out, surface, which, r);
		}
	}
	buf_add_str(&out, "]}\n");
	(void)fwrite(out.ptr, 1, out.len, stdout);
	buf_fini(&out);
}
