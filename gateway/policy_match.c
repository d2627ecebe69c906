/* SPDX-License-Identifier: Apache-2.0 */
/* policy_match.c - `match:` and `except:` of a rule, by the option table of
 * the filter that it names.
 *
 * Nothing here knows a filter but for one thing: `words: NAME` must be the name
 * of a list. Were a bare text also a word, a slip in a list's name would make
 * a rule that looks for its own misspelt name. */
#include <math.h>
#include <stdlib.h>

#include "filters/fold/fold.h"
#include "filters/registry.h"
#include "gateway/policy_build.h"

static size_t
count_options(const struct mg_filter_type *type)
{
	size_t n = 0;

	while (type->options[n].key)
		n++;
	return n;
}

static bool
wants_list(const struct mg_option *o)
{
	return strcmp(o->key, "words") == 0;
}

static struct policy_list *
find_list(struct policy_build *build, struct mg_span name)
{
	size_t i;

	/* The last of a name: it has taken the others' place. */
	for (i = build->n_lists; i-- > 0;)
		if (span_is(name, build->lists[i].name)) {
			build->lists[i].used = true;
			return &build->lists[i];
		}
	return NULL;
}

static int
fail_list(struct policy_build *build, const struct mg_option *o,
    const struct yaml_node *node)
{
	const char *near = NULL;
	char shown[YAML_SHOWN];

	if (build->n_lists)
		near = options_nearest(node->text, build->list_names);
	yaml_show(node->text, shown);
	if (near)
		return mg_fail(build->r.err, &node->place, "%s: no list "
		    "'%s' (did you mean '%s'?)", o->key, shown, near);
	return mg_fail(build->r.err, &node->place, "%s: no list '%s'; name "
	    "one of `lists:`, or write words in brackets: [%s]", o->key, shown,
	    shown);
}

static int
keep_item(struct policy_build *build, const struct mg_option *o,
    const struct yaml_node *node, struct mg_item *item)
{
	char *text = options_text(&build->r, o->key, node, 1,
	    POLICY_MAX_ITEM_BYTES);

	if (!text)
		return -1;
	item->text = span(text, node->text.len);
	item->place = node->place;
	return 0;
}

static int
read_texts(struct policy_build *build, const struct mg_option *o,
    const struct yaml_node *node, struct mg_value *value)
{
	struct policy_list *list = NULL;
	struct policy_grade *grades;
	struct mg_item *items;

	if (node->type == YAML_TEXT)
		list = find_list(build, node->text);
	build->grades = NULL;
	if (list) {
		build->grades = list->grades;
		value->items = list->items;
		value->n_items = list->n;
		return 0;
	}
	if (node->type == YAML_TEXT && node->text.len && wants_list(o))
		return fail_list(build, o, node);
	if (node->type == YAML_TEXT) {
		items = arena_alloc(build->r.arena, sizeof(*items));
		value->items = items;
		value->n_items = 1;
		return keep_item(build, o, node, items);
	}
	if (options_want(&build->r, o->key, node, YAML_LIST) < 0)
		return -1;
	value->n_items = node->n;
	if (value->n_items == 0)
		return mg_fail(build->r.err, &node->place,
		    "%s: the list is empty", o->key);
	if (value->n_items > POLICY_MAX_ITEMS)
		return mg_fail(build->r.err, &node->place, "%s: %zu texts; at "
		    "most %d", o->key, value->n_items, POLICY_MAX_ITEMS);
	if (policy_read_entries(build, o->key, node, &items, &grades) < 0)
		return -1;
	build->grades = grades;
	value->items = items;
	return 0;
}

/* One or several of the option's choices, none twice. */
static int
read_choices(struct policy_build *build, const struct mg_option *o,
    const struct yaml_node *node, struct mg_value *value)
{
	const struct yaml_node *child = node->type == YAML_LIST ?
	    node->first : node;
	struct mg_item *items;
	size_t n = node->type == YAML_LIST ? node->n : 1, k;

	if (!child)
		return mg_fail(build->r.err, &node->place,
		    "%s: the list is empty", o->key);
	items = arena_array(build->r.arena, n, sizeof(*items));
	for (; value->n_items < n; child = child->next) {
		int i = options_choice(&build->r, o->key, child, o->choices);

		if (i < 0)
			return -1;
		for (k = 0; k < value->n_items; k++)
			if (span_is(items[k].text, o->choices[i]))
				return mg_fail(build->r.err, &child->place,
				    "%s: '%s' stands twice", o->key,
				    o->choices[i]);
		items[value->n_items++] = (struct mg_item){
			span_str(o->choices[i]), child->place };
	}
	value->items = items;
	return 0;
}

static int
read_number(struct policy_build *build, const struct mg_option *o,
    const struct yaml_node *node, struct mg_value *value)
{
	const char *digits = o->type == MG_OPT_INT ? "-0123456789" :
	    "+-.eE0123456789";
	char shown[YAML_SHOWN], *end;
	const char *text;

	if (options_want(&build->r, o->key, node, YAML_TEXT) < 0)
		return -1;
	text = node->text.ptr;
	value->number = strtod(text, &end);
	if (node->text.len == 0 || *end ||
	    strspn(text, digits) != node->text.len)
		return mg_fail(build->r.err, &node->place, "%s: '%s' is not "
		    "%s number", o->key, yaml_show(node->text, shown),
		    o->type == MG_OPT_INT ? "a whole" : "a");
	if (isfinite(value->number) && value->number >= o->min &&
	    value->number <= o->max)
		return 0;
	return mg_fail(build->r.err, &node->place, "%s: %s is not from %g to "
	    "%g", o->key, yaml_show(node->text, shown), o->min, o->max);
}

static int
read_value(struct policy_build *build, const struct mg_option *o,
    const struct yaml_node *node, struct mg_value *value)
{
	static const char *const bools[] = { "false", "true", NULL };
	struct mg_item *item;
	int i;

	value->set = true;
	value->place = node->place;
	switch (o->type) {
	case MG_OPT_BOOL:
	case MG_OPT_CHOICE:
		i = options_choice(&build->r, o->key, node,
		    o->type == MG_OPT_BOOL ? bools : o->choices);
		value->number = i;
		return i < 0 ? -1 : 0;
	case MG_OPT_INT:
	case MG_OPT_NUMBER:
		return read_number(build, o, node, value);
	case MG_OPT_TEXT:
		item = arena_alloc(build->r.arena, sizeof(*item));
		value->items = item;
		value->n_items = 1;
		return keep_item(build, o, node, item);
	case MG_OPT_TEXTS:
		return read_texts(build, o, node, value);
	case MG_OPT_CHOICES:
		return read_choices(build, o, node, value);
	}
	abort();
}

/* ---- keys of `match:` that every filter has ---- */

const char *const policy_folds[] = { [MG_FOLD_NONE] = "none",
	[MG_FOLD_BASIC] = "basic", [MG_FOLD_STRONG] = "strong", NULL };

const char *const policy_views[] = { "reversed", "pinyin", "base64", "hex",
	"url", NULL };

static const char *const general_keys[] = { "fold", "leet", "views",
	"except", NULL };

static bool
is_general(struct mg_span key)
{
	size_t i;

	for (i = 0; general_keys[i]; i++)
		if (span_is(key, general_keys[i]))
			return true;
	return false;
}

/* Where else the rule looks: views have the names of fold_via, but for the
 * text itself. */
static int
read_views(struct policy_build *build, const struct yaml_node *node,
    struct policy_rule *rule)
{
	static const struct mg_option option = { .key = "views",
		.type = MG_OPT_CHOICES, .choices = policy_views };
	struct mg_value value = { 0 };
	size_t i, k;

	if (read_choices(build, &option, node, &value) < 0)
		return -1;
	for (i = 0; i < value.n_items; i++)
		for (k = 0; policy_views[k]; k++)
			if (span_is(value.items[i].text, policy_views[k]))
				rule->views |= 1u << (VIA_REVERSED + k);
	if ((rule->views & (1u << VIA_REVERSED | 1u << VIA_PINYIN)) &&
	    !rule->filter->folds_items)
		return mg_fail(build->r.err, &node->place, "views: reversed "
		    "and pinyin are for words, not for %s",
		    rule->filter->name);
	if (!(rule->views >> VIA_PINYIN & 1))
		return 0;
	if (rule->match.fold != MG_FOLD_STRONG)
		return mg_fail(build->r.err, &node->place, "views: pinyin "
		    "only with `fold: strong`");
	return fold_prepare_pinyin(build->r.err);
}

/* How the text is made ready before the rule reads it. */
static int
read_fold(struct policy_build *build, const struct yaml_node *match,
    struct policy_rule *rule)
{
	static const char *const bools[] = { "false", "true", NULL };
	const struct yaml_node *fold = yaml_get(match, "fold");
	const struct yaml_node *leet = yaml_get(match, "leet");
	const struct yaml_node *views = yaml_get(match, "views");
	int i;

	rule->match.fold = rule->filter->fold;
	if (fold) {
		i = options_choice(&build->r, "fold", fold, policy_folds);
		if (i < 0)
			return -1;
		rule->match.fold = (enum mg_fold)i;
	}
	if (leet) {
		i = options_choice(&build->r, "leet", leet, bools);
		if (i < 0)
			return -1;
		rule->leet = i == 1;
	}
	if (rule->leet && rule->match.fold != MG_FOLD_STRONG)
		return mg_fail(build->r.err, &leet->key_place, "leet: only "
		    "with `fold: strong`");
	if (fold_prepare(rule->match.fold, build->r.err) < 0)
		return -1;
	rule->views = 1u << VIA_TEXT;
	return views ? read_views(build, views, rule) : 0;
}

/* Keys that may stand here, for messages. At most max - 1 of them. */
static void
known_keys(const struct mg_filter_type *type, bool in_except,
    const char **known, size_t max)
{
	const struct mg_option *o;
	size_t n = 0, i;

	for (o = type->options; o->key && n + 1 < max; o++)
		if (!in_except || o->in_except)
			known[n++] = o->key;
	for (i = 0; !in_except && general_keys[i] && n + 1 < max; i++)
		known[n++] = general_keys[i];
	known[n] = NULL;
}

static const struct mg_value *
read_values(struct policy_build *build, const struct mg_filter_type *type,
    const struct yaml_node *map, bool in_except)
{
	const struct policy_grade *grades = NULL;
	const struct yaml_node *node;
	size_t n = count_options(type), i;
	struct mg_value *values;
	const char *known[64];

	values = arena_array(build->r.arena, n, sizeof(*values));
	for (i = 0; i < n; i++)
		values[i].number = type->options[i].fallback;
	known_keys(type, in_except, known, 64);
	for (node = map->first; node; node = node->next) {
		if (!in_except && is_general(node->key))
			continue;
		for (i = 0; i < n; i++)
			if (span_is(node->key, type->options[i].key))
				break;
		if (i == n || (in_except && !type->options[i].in_except)) {
			options_unknown(&build->r, &node->key_place,
			    in_except ? "except: unknown key" :
			    "match: unknown key", node->key, known);
			return NULL;
		}
		if (read_value(build, &type->options[i], node,
		    &values[i]) < 0)
			return NULL;
		if (i == 0)
			grades = build->grades;
	}
	build->grades = grades;
	return values;
}

static const char *const expr_words[] = { [EXPR_ANY] = "any",
	[EXPR_ALL] = "all", [EXPR_NOT] = "not" };

/* The filter that `match:` names: exactly one of its keys is one's name. */
static const struct mg_filter_type *
find_filter(struct policy_build *build, const struct yaml_node *match)
{
	const struct mg_filter_type *type = NULL, *other, *const *types;
	const struct yaml_node *node, *odd = NULL;
	const char *known[64];
	size_t n = 0, i;

	for (node = match->first; node; node = node->next) {
		if (span_is(node->key, "except"))
			continue;
		other = filter_set_find(build->filters, node->key.ptr,
		    node->key.len);
		if (other && type) {
			mg_fail(build->r.err, &node->key_place, "match: '%s' "
			    "and '%s' are two filters; write a rule for each, "
			    "or any: or all: over both", type->name,
			    other->name);
			return NULL;
		}
		if (other)
			type = other;
		else if (!odd)
			odd = node;
	}
	if (type)
		return type;
	types = filter_set_types(build->filters);
	for (; types[n] && n < 60; n++)
		known[n] = types[n]->name;
	for (i = 0; i < 3; i++)
		known[n++] = expr_words[EXPR_ANY + i];
	known[n] = NULL;
	if (odd)
		options_unknown(&build->r, &odd->key_place,
		    "match: unknown filter", odd->key, known);
	else
		mg_fail(build->r.err, &match->place, "match: names no filter");
	return NULL;
}

/* One filter with what it looks for. */
static int
read_one(struct policy_build *build, const struct yaml_node *match,
    const struct yaml_node *except, struct policy_rule *rule)
{
	const char *main_key;

	rule->filter = find_filter(build, match);
	if (!rule->filter)
		return -1;
	main_key = rule->kind = rule->filter->name;
	rule->match.id = rule->id;
	rule->match.place = yaml_get(match, main_key)->key_place;
	rule->match.match = read_values(build, rule->filter, match, false);
	if (!rule->match.match || read_fold(build, match, rule) < 0)
		return -1;
	rule->grades = build->grades;
	rule->n_grades = build->grades ? rule->match.match->n_items : 0;
	if (!except)
		return 0;
	if (options_want(&build->r, "except", except, YAML_MAP) < 0)
		return -1;
	if (except->n == 0)
		return mg_fail(build->r.err, &except->place,
		    "except: nothing is written");
	rule->match.except = read_values(build, rule->filter, except, true);
	return rule->match.except ? 0 : -1;
}

/* ---- any, all, not ---- */

/* The operator that a map of one key is. */
static const struct yaml_node *
operator_of(const struct yaml_node *map, enum policy_expr_kind *kind)
{
	const struct yaml_node *node;

	for (*kind = EXPR_ANY; *kind <= EXPR_NOT; (*kind)++) {
		node = yaml_get(map, expr_words[*kind]);
		if (node)
			return node;
	}
	return NULL;
}

static int
read_part(struct policy_build *build, const struct yaml_node *map,
    struct policy_rule *rule, struct policy_expr *out)
{
	struct policy_rule part = { .id = rule->id };

	if (rule->n_parts == POLICY_MAX_PARTS)
		return mg_fail(build->r.err, &map->place, "match: more than "
		    "%d filters in one rule", POLICY_MAX_PARTS);
	if (build->n_parts == POLICY_MAX_LOOKS)
		return mg_fail(build->r.err, &map->place, "match: more than "
		    "%d filters in rules of several", POLICY_MAX_LOOKS);
	if (read_one(build, map, yaml_get(map, "except"), &part) < 0)
		return -1;
	out->kind = EXPR_PART;
	out->part = part.part = (unsigned)rule->n_parts++;
	build->parts = xgrow(build->parts, &build->cap_parts,
	    build->n_parts + 1, sizeof(*build->parts));
	build->parts[build->n_parts++] = part;
	return 0;
}

/* Reads one operator with its operands, or one filter. */
static int
read_expr(struct policy_build *build, const struct yaml_node *map,
    unsigned depth, struct policy_rule *rule, struct policy_expr *out)
{
	const struct yaml_node *node, *child;
	enum policy_expr_kind kind;
	struct policy_expr *children;
	size_t n, i;

	if (options_want(&build->r, "match", map, YAML_MAP) < 0)
		return -1;
	node = operator_of(map, &kind);
	if (!node)
		return read_part(build, map, rule, out);
	if (map->n > 1)
		return mg_fail(build->r.err, &map->place, "%s: nothing may "
		    "stand beside it", expr_words[kind]);
	if (depth == POLICY_MAX_NESTING)
		return mg_fail(build->r.err, &node->key_place, "%s: more than "
		    "%d of any, all and not inside each other",
		    expr_words[kind], POLICY_MAX_NESTING);
	if (options_want(&build->r, expr_words[kind], node,
	    kind == EXPR_NOT ? YAML_MAP : YAML_LIST) < 0)
		return -1;
	n = kind == EXPR_NOT ? 1 : node->n;
	if (n == 0)
		return mg_fail(build->r.err, &node->place,
		    "%s: the list is empty", expr_words[kind]);
	if (n > POLICY_MAX_PARTS)
		return mg_fail(build->r.err, &node->place, "%s: more than %d "
		    "filters in one rule", expr_words[kind], POLICY_MAX_PARTS);
	children = arena_array(build->r.arena, n, sizeof(*children));
	*out = (struct policy_expr){ kind, 0, children, n };
	rule->negates |= kind == EXPR_NOT;
	child = kind == EXPR_NOT ? node : node->first;
	for (i = 0; i < n; i++, child = child->next)
		if (read_expr(build, child, depth + 1, rule,
		    &children[i]) < 0)
			return -1;
	return 0;
}

int
policy_read_match(struct policy_build *build, const struct yaml_node *match,
    const struct yaml_node *except, struct policy_rule *rule)
{
	const struct yaml_node *inner;
	enum policy_expr_kind kind;
	struct policy_expr *expr;

	if (options_want(&build->r, "match", match, YAML_MAP) < 0)
		return -1;
	inner = yaml_get(match, "except");
	if (inner && except)
		return mg_fail(build->r.err, &inner->key_place, "except: "
		    "stands beside `match:` too");
	if (!operator_of(match, &kind))
		return read_one(build, match, inner ? inner : except, rule);
	if (except)
		return mg_fail(build->r.err, &except->key_place, "except: "
		    "beside %s it could mean any of its filters; write it "
		    "behind the one that it is of", expr_words[kind]);
	expr = arena_alloc(build->r.arena, sizeof(*expr));
	rule->kind = expr_words[kind];
	rule->match.id = rule->id;
	rule->match.place = match->key_place;
	rule->parts = build->n_parts;
	rule->expr = expr;
	return read_expr(build, match, 0, rule, expr);
}
