/* SPDX-License-Identifier: Apache-2.0 */
/* gaps_open.c - reads entries with gaps and builds their tree, breadth first,
 * from sorted entries, as the automaton is built. */
#include "filters/gaps.h"

#include <string.h>

#include "filters/memory.h"
#include "filters/words_conf.h"

static const char sign[] = "\xe2\x80\xa6";	/* U+2026 */
enum { SIGN = 3 };

static bool
is_sign(struct mg_span s, size_t at)
{
	return at + SIGN <= s.len && memcmp(s.ptr + at, sign, SIGN) == 0;
}

/* `{k}` behind the sign; 0 for what is no number from 1 to GAP_MAX. */
static unsigned
read_braces(struct mg_span s, size_t *at)
{
	unsigned k = 0;
	size_t i = *at + 1;

	for (; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9' && k < 1000;
	    i++)
		k = 10 * k + (unsigned)(s.ptr[i] - '0');
	if (i == s.len || s.ptr[i] != '}' || k > GAP_MAX)
		return 0;
	*at = i + 1;
	return k;
}

bool
gap_next(struct mg_span entry, size_t from, struct gap *gap)
{
	size_t i = from;

	while (i < entry.len) {
		if (!is_sign(entry, i)) {
			i++;
			continue;
		}
		if (!is_sign(entry, i + SIGN)) {
			gap->at = i;
			gap->end = i + SIGN;
			gap->most = GAP_DEFAULT;
			if (gap->end < entry.len && entry.ptr[gap->end] == '{')
				gap->most = read_braces(entry, &gap->end);
			return true;
		}
		while (is_sign(entry, i))
			i += SIGN;
	}
	return false;
}

static int
check_part(const struct mg_item *item, struct mg_span part,
    struct mg_error *err)
{
	part = words_trim(part);
	if (part.len == 0)
		return mg_fail(err, &item->place, "words: a gap '…' stands "
		    "between two parts of a word; write '……' for the sign "
		    "itself");
	if (part.len > GAP_PART_BYTES)
		return mg_fail(err, &item->place, "words: a part of %zu bytes "
		    "in a word with gaps; at most %d", part.len,
		    GAP_PART_BYTES);
	return 0;
}

int
gaps_check(const struct mg_item *item, size_t *n_parts, struct mg_error *err)
{
	struct gap gap;
	size_t from = 0;

	for (*n_parts = 1; gap_next(item->text, from, &gap); ++*n_parts) {
		if (gap.most == 0)
			return mg_fail(err, &item->place, "words: a gap is "
			    "'…', or '…{1}' to '…{%d}'", GAP_MAX);
		if (check_part(item, (struct mg_span){ item->text.ptr + from,
		    gap.at - from }, err) < 0)
			return -1;
		if (*n_parts == GAP_PARTS_MAX)
			return mg_fail(err, &item->place, "words: more than "
			    "%d parts in one word", GAP_PARTS_MAX);
		from = gap.end;
	}
	return *n_parts == 1 ? 0 : check_part(item, (struct mg_span){
	    item->text.ptr + from, item->text.len - from }, err);
}

void
gaps_cut(struct mg_span text, struct gap_entry *entry)
{
	struct gap gap = { .at = 0 };
	size_t from = 0;

	entry->n = 0;
	entry->gap[0] = 0;
	while (gap_next(text, from, &gap)) {
		entry->part[entry->n++] = words_trim((struct mg_span){
		    text.ptr + from, gap.at - from });
		entry->gap[entry->n] = (uint8_t)gap.most;
		from = gap.end;
	}
	entry->part[entry->n++] = words_trim((struct mg_span){
	    text.ptr + from, text.len - from });
}

/* ---- the tree ---- */

static int
compare(const void *x, const void *y)
{
	const struct gap_entry *a = x, *b = y;
	uint32_t i;

	if (a->bordered != b->bordered)
		return a->bordered < b->bordered ? -1 : 1;
	for (i = 0; i < a->n && i < b->n; i++) {
		if (a->term[i] != b->term[i])
			return a->term[i] < b->term[i] ? -1 : 1;
		if (a->gap[i] != b->gap[i])
			return a->gap[i] < b->gap[i] ? -1 : 1;
	}
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	if (a->rule != b->rule)
		return a->rule < b->rule ? -1 : 1;
	return (a->item > b->item) - (a->item < b->item);
}

/* A node and the entries that go through it. */
struct range {
	size_t lo, hi;
	uint32_t depth;
};

struct builder {
	struct gap_tree *tree;
	const struct gap_entry *entries;
	struct range *range;		/* by node */
	size_t room;
};

static void
add_node(struct builder *b, uint32_t parent, const struct gap_entry *e,
    uint32_t depth, size_t at)
{
	struct gap_tree *tree = b->tree;
	struct gap_node *node;

	if (tree->n_nodes == b->room) {
		b->room = b->room ? 2 * b->room : 64;
		tree->node = mem_grow(tree->node, b->room,
		    sizeof(*tree->node));
		b->range = mem_grow(b->range, b->room, sizeof(*b->range));
	}
	node = &tree->node[tree->n_nodes];
	memset(node, 0, sizeof(*node));
	node->parent = parent;
	if (e) {
		node->term = e->term[depth - 1];
		node->gap = e->gap[depth - 1];
		node->flags = e->flags[depth - 1];
		node->bordered = (uint8_t)e->bordered;
	}
	b->range[tree->n_nodes++] = (struct range){ at, at, depth };
}

static bool
same_step(const struct gap_entry *a, const struct gap_entry *b, uint32_t depth)
{
	return a->bordered == b->bordered && a->term[depth] == b->term[depth]
	    && a->gap[depth] == b->gap[depth];
}

/* The entries that end in a node come first; each rule's first one counts. */
static size_t
add_outs(struct builder *b, struct gap_node *node, const struct range *r)
{
	const struct gap_entry *e = b->entries;
	struct gap_tree *tree = b->tree;
	size_t i;

	node->out = (uint32_t)tree->n_outs;
	for (i = r->lo; i < r->hi && e[i].n == r->depth; i++)
		if (node->n_outs == 0 ||
		    tree->outs[tree->n_outs - 1].rule != e[i].rule) {
			tree->outs[tree->n_outs++] = (struct gap_out){
				e[i].rule, e[i].item };
			node->n_outs++;
		}
	return i;
}

static void
add_children(struct builder *b, uint32_t at)
{
	struct gap_tree *tree = b->tree;
	struct range r = b->range[at];
	const struct gap_entry *e = b->entries;
	uint32_t first = (uint32_t)tree->n_nodes, n = 0;
	uint8_t least = GAP_MAX, most = 0;
	size_t i;

	for (i = add_outs(b, &tree->node[at], &r); i < r.hi; i++) {
		if (n == 0 || !same_step(&e[i - 1], &e[i], r.depth)) {
			add_node(b, at, &e[i], r.depth + 1, i);
			n++;
		}
		b->range[tree->n_nodes - 1].hi = i + 1;
		if (e[i].gap[r.depth] < least)
			least = e[i].gap[r.depth];
		if (e[i].gap[r.depth] > most)
			most = e[i].gap[r.depth];
	}
	tree->node[at].child = first;
	tree->node[at].n_children = n;
	tree->node[at].least = least;
	tree->node[at].most = most;
}

/* Tells the outputs of first parts which node begins with them. In place of a
 * rule they have whether there are borders. */
static void
link_first_parts(struct words *w, const struct builder *b)
{
	const struct gap_node *root = &w->gaps.node[0];
	uint32_t i, o;

	for (i = root->child; i < root->child + root->n_children; i++) {
		uint32_t term = w->gaps.node[i].term;
		uint32_t bordered = b->entries[b->range[i].lo].bordered;

		for (o = w->first[term]; o < w->first[term + 1]; o++)
			if ((w->outputs[o].flags & OUT_PART) &&
			    w->outputs[o].rule == bordered)
				w->outputs[o].item = i;
	}
}

void
gaps_build(struct words *w, struct gap_entry *entries, size_t n)
{
	struct builder b = { .tree = &w->gaps, .entries = entries };
	uint32_t i;

	qsort(entries, n, sizeof(*entries), compare);
	w->gaps.outs = mem_new(n, sizeof(*w->gaps.outs));
	add_node(&b, 0, NULL, 0, 0);
	b.range[0].hi = n;
	for (i = 0; i < w->gaps.n_nodes; i++)
		add_children(&b, i);
	link_first_parts(w, &b);
	free(b.range);
}

void
gaps_fini(struct gap_tree *tree)
{
	free(tree->node);
	free(tree->outs);
}
