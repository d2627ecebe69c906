/* SPDX-License-Identifier: Apache-2.0 */
/* surface_trie.c - compiles patterns into a trie.
 *
 * A pattern that cannot be compiled is our own bug and is asserted: all of
 * them are compiled on first use, so that no test run can miss one.
 */
#include "gateway/surface_trie.h"

#include <assert.h>
#include <pthread.h>

/* Written once under `once`, read-only afterwards. */
static struct trie tries[SURFACE_KINDS][SURFACE_DOCS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint16_t
new_node(struct trie *t, const char *name, size_t len)
{
	assert(t->n < TRIE_NODES);
	t->node[t->n].name = name;
	t->node[t->n].len = (uint16_t)len;
	return t->n++;
}

static uint16_t
add_name(struct trie *t, uint16_t at, const char *name, size_t len)
{
	uint16_t child = trie_child(t, at, name, len);
	unsigned bucket = trie_bucket(name, len);

	if (child)
		return child;
	child = new_node(t, name, len);
	t->node[child].next = t->node[at].bucket[bucket];
	t->node[at].bucket[bucket] = child;
	return child;
}

static uint16_t
add_any(struct trie *t, uint16_t at, bool is_text)
{
	assert(!t->node[at].any || t->node[at].any_is_text == is_text);
	if (!t->node[at].any)
		t->node[at].any = new_node(t, "*", 1);
	t->node[at].any_is_text = is_text;
	return t->node[at].any;
}

static uint16_t
add_element(struct trie *t, uint16_t at, enum trie_elements elements)
{
	struct trie_node *array = &t->node[at];
	struct trie_node *element;

	assert(!array->element || array->elements == elements);
	if (!array->element) {
		array->element = new_node(t, "[]", 2);
		array->elements = (uint8_t)elements;
		element = &t->node[array->element];
		element->is_choice = array->len == 7 &&
		    trie_child(t, 0, "choices", 7) == at;
		element->is_message = array->len == 8 &&
		    trie_child(t, 0, "messages", 8) == at;
	}
	return array->element;
}

/* What stands in the brackets at p; *len counts them. */
static enum trie_elements
elements_of(const char *p, size_t *len)
{
	*len = 3;
	if (p[1] == '#' && p[2] == ']')
		return ELEMENTS_KEYED;
	if (p[1] == '+' && p[2] == ']')
		return ELEMENTS_PIECES;
	if (p[1] == '@' && p[2] == ']')
		return ELEMENTS_RANKED;
	assert(p[1] == ']');
	*len = 2;
	return ELEMENTS_ANY;
}

static void
add_rule(struct trie *t, const struct surface_rule *rule)
{
	const char *p = rule->pattern;
	uint16_t at = 0;

	while (*p) {
		size_t len = strcspn(p, ".[");

		if (*p == '.') {
			p++;
			continue;
		}
		if (*p == '[') {
			at = add_element(t, at, elements_of(p, &len));
		} else if (len == 2 && memcmp(p, "**", 2) == 0) {
			assert(p[2] == '\0' && !t->node[at].rest);
			t->node[at].rest = rule;
			return;
		} else if (len == 2 && memcmp(p, "{}", 2) == 0) {
			at = add_any(t, at, true);
		} else if (len == 1 && *p == '*') {
			at = add_any(t, at, false);
		} else {
			at = add_name(t, at, p, len);
		}
		p += len;
	}
	assert(at && !t->node[at].rule);
	t->node[at].rule = rule;
}

static void
build(void)
{
	const struct surface_rule *rule;
	unsigned surface, which, group;

	for (surface = 0; surface < SURFACE_KINDS; surface++)
		for (which = 0; which < SURFACE_DOCS; which++) {
			struct trie *t = &tries[surface][which];

			(void)new_node(t, "", 0);
			for (group = 0; group < SURFACE_GROUPS; group++) {
				rule = surface_tables[surface][which][group];
				for (; rule && rule->pattern; rule++)
					add_rule(t, rule);
			}
		}
}

const struct trie *
surface_trie(enum surface_kind surface, enum surface_doc which)
{
	int failed = pthread_once(&once, build);

	assert(!failed);
	return &tries[surface][which];
}
