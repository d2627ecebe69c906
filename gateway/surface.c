/* SPDX-License-Identifier: Apache-2.0 */
/* surface.c - walks a document along its tables and shows every text in it.
 *
 * One pass over the nodes, which lie in document order; a frame per open
 * container says where in the trie we are, whose text it is and which channel
 * it belongs to. A branch that left the trie stays outside it: all strings and
 * keys below are text by `other`.
 */
#include "gateway/surface.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/surface_data.h"
#include "gateway/surface_trie.h"

#define MAX_TOKEN 128		/* bytes of an id or name */

enum { OUTSIDE = UINT16_MAX };	/* not in the trie */

/* An open container. */
struct frame {
	const struct surface_rule *rest;	/* the nearest ** above */
	uint64_t channel;
	uint32_t count;		/* elements seen */
	int32_t choice;
	uint16_t trie;
	uint8_t role;		/* of the message that we are in */
};

struct walk {
	const struct jdoc *doc;
	const struct trie *trie;
	enum surface_doc which;
	struct buf *scratch;
	size_t scratch_from;	/* its length before us */
	bool (*visit)(void *arg, const struct surface_text *text);
	void *arg;
	bool stopped;
	struct frame *frames;	/* by depth */
};

/* A node with its frame (of which a scalar uses what it needs) and its rule. */
struct place {
	uint32_t node;
	struct frame frame;
	const struct surface_rule *rule;	/* NULL: unknown */
};

static uint64_t
mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	hash ^= hash >> 32;
	return hash ? hash : 1;
}

static uint64_t
hash_bytes(struct mg_span s)
{
	uint64_t hash = 0xcbf29ce484222325u;	/* FNV-1a */
	size_t i;

	for (i = 0; i < s.len; i++)
		hash = (hash ^ (unsigned char)s.ptr[i]) * 0x100000001b3u;
	return hash;
}

/* Bits that keep names, unknown names, elements, keys and bytes apart. */
#define CHANNEL_UNKNOWN ((uint64_t)1 << 63)
#define CHANNEL_ELEMENT ((uint64_t)1 << 40)
#define CHANNEL_KEY     ((uint64_t)1 << 41)
#define CHANNEL_DECODED ((uint64_t)1 << 42)

/* The words of JSON Schema: they say nothing. */
static bool
is_schema_word(struct mg_span key)
{
	static const char *const words[] = {
		"$defs", "$ref", "additionalProperties", "allOf", "anyOf",
		"const", "default", "definitions", "description", "enum",
		"examples", "exclusiveMaximum", "exclusiveMinimum", "format",
		"items", "maxItems", "maxLength", "maximum", "minItems",
		"minLength", "minimum", "multipleOf", "not", "nullable",
		"oneOf", "pattern", "prefixItems", "properties", "required",
		"strict", "title", "type", "uniqueItems",
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (span_is(key, words[i]))
			return true;
	return false;
}

static bool
is_schema_type(const struct jdoc *doc, uint32_t node)
{
	static const char *const types[] = { "string", "number", "integer",
		"boolean", "object", "array", "null" };
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (jdoc_is(doc, node, types[i]))
			return true;
	return false;
}

/* 0 when it names none. */
static enum policy_role
role_of(const struct jdoc *doc, uint32_t node)
{
	static const struct {
		const char *name;
		enum policy_role role;
	} roles[] = {
		{ "user", ROLE_USER }, { "assistant", ROLE_ASSISTANT },
		{ "system", ROLE_SYSTEM }, { "developer", ROLE_DEVELOPER },
		{ "tool", ROLE_TOOL }, { "function", ROLE_TOOL },
	};
	size_t i;

	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (jdoc_is(doc, node, roles[i].name))
			return roles[i].role;
	return 0;
}

/* Makes room once for all that a document can decode to, so that spans given
 * out do not move. Nothing decoded is longer than its source. */
static void
make_room(struct walk *w)
{
	size_t used = w->scratch->len - w->scratch_from;

	assert(used <= w->doc->len);
	(void)buf_reserve(w->scratch, w->doc->len + 16 - used);
}

static void
show(struct walk *w, struct surface_text *text)
{
	assert(text->channel);
	if (!w->stopped)
		w->stopped = !w->visit(w->arg, text);
}

/* What all texts of a place have in common. */
static struct surface_text
text_at(const struct walk *w, const struct place *p)
{
	struct surface_text text = {
		.node = p->node,
		.kind = TEXT_PLAIN,
		.role = ROLE_OTHER,
		.is_known = p->rule != NULL,
		.choice = p->frame.choice,
		.channel = p->frame.channel,
		.joins = w->which == DOC_EVENT,
	};

	if (!p->rule)
		return text;
	text.role = p->rule->role ? p->rule->role : p->frame.role;
	text.is_logprobs = (p->rule->flags & RULE_LOGPROBS) != 0;
	text.joins = (p->rule->flags & RULE_JOINS) != 0 &&
	    (w->which == DOC_EVENT || text.is_logprobs);
	return text;
}

static void
show_kind(struct walk *w, const struct place *p, enum surface_text_kind kind)
{
	struct surface_text text = text_at(w, p);

	text.kind = kind;
	show(w, &text);
}

static void
show_key(struct walk *w, const struct place *p)
{
	struct surface_text text = text_at(w, p);

	text.is_key = true;
	text.joins = false;
	text.channel = mix(text.channel, CHANNEL_KEY);
	show(w, &text);
}

static enum data_url
read_url(struct walk *w, uint32_t node, struct mg_span *decoded)
{
	size_t from = w->scratch->len;
	enum data_url kind;

	if (!data_url_begins(w->doc, node))
		return DATA_NO;
	make_room(w);
	if (w->doc->nodes[node].flags & JDOC_ESCAPED) {
		/* An escaped URL ("\/" by some) is rare: undone in a buffer of
		 * its own, so that what is kept is the decoded text alone. */
		struct buf undone = { 0 };

		kind = data_url_read(jdoc_string(w->doc, node, &undone),
		    w->scratch, decoded);
		buf_fini(&undone);
	} else {
		kind = data_url_read(jdoc_string(w->doc, node, w->scratch),
		    w->scratch, decoded);
	}
	if (kind != DATA_TEXT)
		w->scratch->len = from;
	return kind;
}

static void
show_decoded(struct walk *w, const struct place *p, struct mg_span decoded)
{
	struct surface_text text = text_at(w, p);

	text.decoded = decoded;
	text.joins = false;
	text.channel = mix(text.channel, CHANNEL_DECODED);
	show(w, &text);
}

static void
show_url(struct walk *w, const struct place *p)
{
	struct mg_span decoded;

	switch (read_url(w, p->node, &decoded)) {
	case DATA_NO:
	case DATA_UNREADABLE:
		show_kind(w, p, TEXT_REFERENCE);
		return;
	case DATA_TEXT:
		show_decoded(w, p, decoded);
		return;
	case DATA_MEDIA:
		show_kind(w, p, TEXT_MEDIA);
		return;
	}
	abort();
}

/* Plain text; where a whole body is read, a data: URL in it is opened too. */
static void
show_plain(struct walk *w, const struct place *p)
{
	struct mg_span decoded;

	show_kind(w, p, TEXT_PLAIN);
	if (w->which != DOC_EVENT &&
	    read_url(w, p->node, &decoded) == DATA_TEXT)
		show_decoded(w, p, decoded);
}

/* Bytes repeat the token beside them. Those that do not are a text of their
 * own, which grows like the token's. A code point cut between two tokens is
 * U+FFFD on both sides: that is alike. */
static void
show_bytes(struct walk *w, const struct place *p)
{
	const struct jdoc *doc = w->doc;
	uint32_t token = jdoc_member(doc, doc->nodes[p->node].parent, "token");
	size_t from = w->scratch->len;
	struct surface_text text = text_at(w, p);
	struct mg_span bytes;
	struct buf undone = { 0 };
	bool alike;

	make_room(w);
	if (!data_bytes(doc, p->node, w->scratch, &bytes))
		return;
	alike = token && doc->nodes[token].type == JDOC_STRING &&
	    data_alike(bytes, jdoc_string(doc, token, &undone));
	buf_fini(&undone);
	if (alike || bytes.len == 0) {
		w->scratch->len = from;
		return;
	}
	text.decoded = bytes;
	text.channel = mix(text.channel, CHANNEL_DECODED);
	show(w, &text);
}

/* A name, number or id as programs write them. Anything else in a place that
 * holds no text is one after all: some chat templates print ids. */
static bool
is_token(struct mg_span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] > '~')
			return false;
	return s.len <= MAX_TOKEN;
}

static bool
holds_token(const struct walk *w, uint32_t node)
{
	const struct jdoc_node *n = &w->doc->nodes[node];

	return !(n->flags & JDOC_ESCAPED) &&
	    is_token(span(w->doc->text + n->at + 1, n->len - 2));
}

static void
show_string(struct walk *w, const struct place *p)
{
	if (!p->rule) {
		show_plain(w, p);
		return;
	}
	switch ((enum surface_what)p->rule->what) {
	case WHAT_NOT:
		/* What a client can write; a backend's own are its word. */
		if (w->which == DOC_REQUEST && !holds_token(w, p->node))
			show_plain(w, p);
		return;
	case WHAT_ROLE:
		if (!role_of(w->doc, p->node))
			show_plain(w, p);
		return;
	case WHAT_SCHEMA:
		if (!is_schema_type(w->doc, p->node))
			show_plain(w, p);
		return;
	case WHAT_JSON:
		show_kind(w, p, TEXT_JSON);
		return;
	case WHAT_OPAQUE:
		show_kind(w, p, TEXT_TOKEN_IDS);
		return;
	case WHAT_URL:
		show_url(w, p);
		return;
	case WHAT_MEDIA:
		show_kind(w, p, TEXT_MEDIA);
		return;
	case WHAT_REFERENCE:
		show_kind(w, p, TEXT_REFERENCE);
		return;
	case WHAT_PLAIN:
	case WHAT_TOKENS:
	case WHAT_BYTES:
		show_plain(w, p);
		return;
	}
	abort();
}

/* Numbers in an array whose elements are prompts: ids of tokens. */
static bool
has_numbers(const struct jdoc *doc, uint32_t array)
{
	uint32_t node;

	for (node = jdoc_child(doc, array); node;
	    node = jdoc_sibling(doc, node))
		if (doc->nodes[node].type == JDOC_NUMBER)
			return true;
	return false;
}

static void
show_container(struct walk *w, const struct place *p)
{
	const struct trie_node *t = p->frame.trie == OUTSIDE ? NULL :
	    &w->trie->node[p->frame.trie];
	const struct surface_rule *elements = t && t->element ?
	    w->trie->node[t->element].rule : NULL;
	struct place array = *p;

	if (!jdoc_child(w->doc, p->node))
		return;
	if (elements && elements->what == WHAT_TOKENS &&
	    w->doc->nodes[p->node].type == JDOC_ARRAY &&
	    has_numbers(w->doc, p->node)) {
		array.rule = elements;
		show_kind(w, &array, TEXT_TOKEN_IDS);
	}
	if (!p->rule || !t || p->rule != t->rule)
		return;
	switch ((enum surface_what)p->rule->what) {
	case WHAT_OPAQUE:
		show_kind(w, p, TEXT_TOKEN_IDS);
		return;
	case WHAT_MEDIA:
		show_kind(w, p, TEXT_MEDIA);
		return;
	case WHAT_REFERENCE:
		show_kind(w, p, TEXT_REFERENCE);
		return;
	case WHAT_BYTES:
		show_bytes(w, p);
		return;
	case WHAT_NOT:
	case WHAT_ROLE:
	case WHAT_PLAIN:
	case WHAT_JSON:
	case WHAT_SCHEMA:
	case WHAT_TOKENS:
	case WHAT_URL:
		return;
	}
	abort();
}

/* The `index` of an element, its position where there is none. */
uint32_t
surface_index(const struct jdoc *doc, uint32_t node, uint32_t position)
{
	uint32_t member = jdoc_member(doc, node, "index");
	int64_t value;

	if (member && jdoc_int(doc, member, &value) && value >= 0 &&
	    value < INT32_MAX)
		return (uint32_t)value;
	return position < INT32_MAX ? position : INT32_MAX - 1;
}

/* Goes from an array to one of its elements. */
static void
enter_element(struct walk *w, struct frame *array, struct place *p)
{
	const struct trie_node *t = array->trie == OUTSIDE ? NULL :
	    &w->trie->node[array->trie];
	uint32_t position = array->count++, index = position;
	struct frame *f = &p->frame;

	f->trie = t && t->element ? t->element : OUTSIDE;
	switch (t ? (enum trie_elements)t->elements : ELEMENTS_NONE) {
	case ELEMENTS_KEYED:
		index = surface_index(w->doc, p->node, position);
		break;
	case ELEMENTS_PIECES:
		index = 0;
		break;
	case ELEMENTS_NONE:
	case ELEMENTS_ANY:
	case ELEMENTS_RANKED:
		break;
	}
	f->channel = mix(array->channel, CHANNEL_ELEMENT + index);
	if (f->trie == OUTSIDE)
		return;
	if (w->trie->node[f->trie].is_choice)
		f->choice = (int32_t)index;
	if (w->trie->node[f->trie].is_message) {
		uint32_t role = jdoc_member(w->doc, p->node, "role");

		/* Who invents a role is trusted least. */
		f->role = role ? (uint8_t)role_of(w->doc, role) : 0;
		if (!f->role)
			f->role = ROLE_USER;
	}
}

/* Goes from an object to one of its members. Returns whether the key is a
 * text. */
static bool
enter_member(struct walk *w, const struct frame *object, struct place *p)
{
	const struct trie_node *t = object->trie == OUTSIDE ? NULL :
	    &w->trie->node[object->trie];
	bool escaped = (w->doc->nodes[p->node].flags & JDOC_KEY_ESCAPED) != 0;
	struct frame *f = &p->frame;
	struct buf undone = { 0 };
	struct mg_span key = jdoc_key(w->doc, p->node, &undone);
	uint64_t name = 0;
	bool is_text = false;

	f->trie = t ? trie_child(w->trie, object->trie, key.ptr, key.len) : 0;
	if (f->trie) {
		name = f->trie;
	} else {
		name = hash_bytes(key) | CHANNEL_UNKNOWN;
		is_text = t && t->any ? t->any_is_text ||
		    (w->which == DOC_REQUEST && !is_token(key)) :
		    !object->rest || (object->rest->what != WHAT_NOT &&
		    !(object->rest->what == WHAT_SCHEMA &&
		    is_schema_word(key)));
		f->trie = t && t->any ? t->any : OUTSIDE;
	}
	f->channel = mix(object->channel, name);
	if (escaped)
		buf_fini(&undone);
	return is_text && key.len > 0;
}

/* Finds out where node stands. Returns whether its key is a text. */
static bool
enter(struct walk *w, uint32_t node, struct place *p)
{
	const struct jdoc_node *n = &w->doc->nodes[node];
	bool key_is_text = false;
	struct frame *above;

	p->node = node;
	if (node == 0) {
		p->frame = (struct frame){ .channel = 1, .choice = -1,
			.role = ROLE_OTHER };
	} else {
		above = &w->frames[n->depth - 1];
		p->frame = *above;
		p->frame.count = 0;
		if (w->doc->nodes[n->parent].type == JDOC_ARRAY)
			enter_element(w, above, p);
		else
			key_is_text = enter_member(w, above, p);
	}
	p->rule = p->frame.rest;
	if (p->frame.trie != OUTSIDE) {
		if (w->trie->node[p->frame.trie].rest)
			p->frame.rest = w->trie->node[p->frame.trie].rest;
		if (w->trie->node[p->frame.trie].rule)
			p->rule = w->trie->node[p->frame.trie].rule;
	}
	return key_is_text;
}

/* Looks at one node; returns the next one to look at. */
static uint32_t
look(struct walk *w, uint32_t node)
{
	const struct jdoc_node *n = &w->doc->nodes[node];
	struct place p;

	if (enter(w, node, &p))
		show_key(w, &p);
	if (w->stopped)
		return UINT32_MAX;
	if (n->type == JDOC_STRING) {
		show_string(w, &p);
		return node + 1;
	}
	if (n->type != JDOC_ARRAY && n->type != JDOC_OBJECT)
		return node + 1;
	if (p.frame.rest && p.frame.rest->what == WHAT_NOT)
		return n->next;
	show_container(w, &p);
	w->frames[n->depth] = p.frame;
	return node + 1;
}

void
surface_read(enum surface_kind surface, enum surface_doc which,
    const struct jdoc *doc, struct buf *scratch,
    bool (*visit)(void *arg, const struct surface_text *text), void *arg)
{
	struct frame few[66];	/* two more than the default depth */
	struct walk w = {
		.doc = doc, .which = which, .scratch = scratch,
		.scratch_from = scratch->len,
		.visit = visit, .arg = arg, .frames = few,
		.trie = surface_trie(surface, which),
	};
	size_t n_frames = sizeof(few) / sizeof(few[0]);
	uint32_t node = 0;

	while (node < doc->n && !w.stopped) {
		size_t depth = doc->nodes[node].depth;

		if (depth >= n_frames && w.frames == few) {
			w.frames = xmalloc(((size_t)UINT16_MAX + 1) *
			    sizeof(*w.frames));
			memcpy(w.frames, few, sizeof(few));
			n_frames = (size_t)UINT16_MAX + 1;
		}
		node = look(&w, node);
	}
	if (w.frames != few)
		free(w.frames);
}
