/* SPDX-License-Identifier: Apache-2.0 */
/* policy_load.c - a policy's file → struct policy: checked, compiled, never
 * changed afterwards.
 *
 * Lists first, as rules name them; then rules; then all rules of one filter
 * type that want texts folded alike are opened together, so that it can make
 * one engine of them. */
#include <stdio.h>
#include <stdlib.h>

#include "filters/fold/fold.h"
#include "filters/registry.h"
#include "gateway/file.h"
#include "gateway/list_fold.h"
#include "gateway/policy_build.h"

enum { WARNINGS_MAX = 200, MESSAGE_MAX = 1000, WAYS = 4 };

void
policy_warn(void *arg, const struct mg_place *place, const char *text)
{
	struct policy_build *build = arg;
	struct buf line = { 0 };

	if (build->n_warnings == WARNINGS_MAX)
		return;
	if (place && place->file)
		buf_addf(&line, "%s:%u:%u: ", place->file, place->line,
		    place->column);
	buf_add_str(&line, text);
	build->warnings = xgrow(build->warnings, &build->cap_warnings,
	    build->n_warnings + 1, sizeof(*build->warnings));
	build->warnings[build->n_warnings++] = arena_text(build->r.arena,
	    buf_span(&line));
	buf_fini(&line);
}

/* ---- the file's keys ---- */

static int
read_version(const struct reading *r, const struct yaml_node *value,
    void *base)
{
	char shown[YAML_SHOWN];

	(void)base;
	if (options_want(r, "modgate_policy", value, YAML_TEXT) < 0)
		return -1;
	if (span_is(value->text, "1"))
		return 0;
	return mg_fail(r->err, &value->place, "modgate_policy: version '%s' "
	    "is not known here; this is version 1",
	    yaml_show(value->text, shown));
}

static int
read_lists(const struct reading *r, const struct yaml_node *value, void *base)
{
	(void)r;
	return policy_read_lists(base, value);
}

/* Rules may stand above the lists that they name. */
static int
keep_rules(const struct reading *r, const struct yaml_node *value, void *base)
{
	struct policy_build *build = base;

	build->rules = value;
	return options_want(r, "rules", value, YAML_LIST);
}

#define POLICY(member) OPTION_AT(struct policy, member)

static const char *const prompt_choices[] = { "error", "completion", NULL };
static const char *const answer_choices[] = { "content_filter", "error",
	NULL };

static const struct setting message_table[] = {
	{ .key = "zh", .kind = OPTION_TEXT, POLICY(message_zh),
	    .min = 1, .max = MESSAGE_MAX, .help = "in Chinese" },
	{ .key = "en", .kind = OPTION_TEXT, POLICY(message_en),
	    .min = 1, .max = MESSAGE_MAX, .help = "in English" },
	{ .key = NULL },
};

static const struct setting refusal_table[] = {
	{ .key = "prompt", .kind = OPTION_CHOICE, POLICY(prompt_as_completion),
	    .choices = prompt_choices, .fallback = "error",
	    .help = "a refused prompt gets: error or completion" },
	{ .key = "answer", .kind = OPTION_CHOICE, POLICY(answer_as_error),
	    .choices = answer_choices, .fallback = "content_filter",
	    .help = "a stopped answer ends with: content_filter or error" },
	{ .key = "message", .kind = OPTION_MAP, .map = message_table,
	    .help = "what the client reads" },
	{ .key = NULL },
};

static int
read_refusal(const struct reading *r, const struct yaml_node *value,
    void *base)
{
	struct policy_build *build = base;

	return options_read(r, refusal_table, "refusal", value,
	    build->policy);
}

static int
read_name(const struct reading *r, const struct yaml_node *value, void *base)
{
	struct policy_build *build = base;

	build->policy->name = options_text(r, "name", value, 1, 64);
	return build->policy->name ? 0 : -1;
}

static const struct setting policy_table[] = {
	{ .key = "modgate_policy", .kind = OPTION_READ, .read = read_version,
	    .required = true, .help = "version of this language: 1" },
	{ .key = "name", .kind = OPTION_READ, .read = read_name,
	    .required = true, .help = "the policy's name in records" },
	{ .key = "lists", .kind = OPTION_READ, .read = read_lists,
	    .help = "named texts that rules share" },
	{ .key = "rules", .kind = OPTION_READ, .read = keep_rules,
	    .required = true, .help = "what to look for and what to do" },
	{ .key = "refusal", .kind = OPTION_READ, .read = read_refusal,
	    .help = "how a refusal looks" },
	{ .key = NULL },
};

static int
read_rules(struct policy_build *build)
{
	const struct yaml_node *node = build->rules->first;
	struct policy *policy = build->policy;

	if (build->rules->n == 0 || build->rules->n > POLICY_MAX_RULES)
		return mg_fail(build->r.err, &build->rules->place, "rules: "
		    "from one to %d of them, not %zu", POLICY_MAX_RULES,
		    build->rules->n);
	policy->rules = arena_array(build->r.arena, build->rules->n,
	    sizeof(*policy->rules));
	for (; node; node = node->next) {
		if (policy_read_rule(build, node,
		    &policy->rules[policy->n_rules]) < 0)
			return -1;
		policy->n_rules++;
	}
	return 0;
}

static void
warn_unused(struct policy_build *build)
{
	size_t i;

	for (i = 0; i < build->n_lists; i++)
		if (!build->lists[i].used) {
			char text[128];

			(void)snprintf(text, sizeof(text),
			    "lists: no rule uses '%s'", build->lists[i].name);
			policy_warn(build, &build->lists[i].place, text);
		}
}

/* ---- compiling ---- */

static struct mg_span
fold_item(struct policy_build *build, const struct policy_engine *engine,
    struct mg_span text)
{
	struct list_way way = { engine->fold, engine->leet, engine->via };
	struct buf out = { 0 };
	struct mg_span folded;

	list_fold(&way, text, &out);
	folded = span(arena_text(build->r.arena, buf_span(&out)), out.len);
	buf_fini(&out);
	return folded;
}

static int
fold_items(struct policy_build *build, struct policy_engine *engine,
    struct mg_value *value)
{
	struct mg_item *items = arena_array(build->r.arena, value->n_items,
	    sizeof(*items));
	size_t i;

	for (i = 0; i < value->n_items; i++) {
		items[i].place = value->items[i].place;
		items[i].text = fold_item(build, engine,
		    value->items[i].text);
		if (items[i].text.len == 0)
			return mg_fail(build->r.err, &items[i].place, "%s: "
			    "nothing is left of this text when it is folded",
			    engine->type->name);
		engine->begins_plain &= engine->fold == MG_FOLD_STRONG &&
		    fold_begins_plain(items[i].text);
	}
	value->items = items;
	return 0;
}

/* A list that many rules share is folded once. */
struct folded {
	const struct mg_item *from, *to;
};

/* The values of a rule as its filter is to see them: with the texts to look
 * for folded as the text will be. NULL: an error. */
static const struct mg_value *
fold_values(struct policy_build *build, struct policy_engine *engine,
    const struct mg_value *values, struct folded *folded, size_t *n_folded)
{
	const struct mg_option *options = engine->type->options;
	struct mg_value *copy;
	size_t n = 0, i;

	if (!values || !engine->type->folds_items || (engine->via !=
	    VIA_REVERSED && engine->fold == MG_FOLD_NONE) ||
	    values[0].n_items == 0)
		return values;
	while (options[n].key)
		n++;
	copy = arena_array(build->r.arena, n, sizeof(*copy));
	memcpy(copy, values, n * sizeof(*copy));
	for (i = 0; i < *n_folded; i++)
		if (folded[i].from == values[0].items) {
			copy[0].items = folded[i].to;
			return copy;
		}
	if (fold_items(build, engine, &copy[0]) < 0)
		return NULL;
	folded[(*n_folded)++] = (struct folded){ values[0].items,
		copy[0].items };
	return copy;
}

/* Gathers the rules of an engine, as its filter is to see them. */
static int
gather_rules(struct policy_build *build, struct policy_engine *engine,
    struct mg_rule *rules, struct folded *folded)
{
	struct policy *policy = build->policy;
	size_t i, n_folded = 0;

	for (i = 0; i < policy->n_rules; i++) {
		struct policy_rule *rule = &policy->rules[i];
		struct mg_rule *as = &rules[engine->n_rules];

		if (rule->filter != engine->type ||
		    rule->match.fold != engine->fold ||
		    rule->leet != engine->leet ||
		    !(rule->views >> engine->via & 1))
			continue;
		if (engine->via == VIA_TEXT) {
			rule->engine = policy->n_engines;
			rule->engine_rule = engine->n_rules;
		}
		*as = rule->match;
		as->match = fold_values(build, engine, rule->match.match,
		    folded, &n_folded);
		as->except = fold_values(build, engine, rule->match.except,
		    folded, &n_folded);
		if (!as->match || (rule->match.except && !as->except))
			return -1;
		engine->rules[engine->n_rules++] = i;
	}
	return 0;
}

static int
open_engine(struct policy_build *build, const struct mg_filter_type *type,
    enum mg_fold fold, bool leet, enum fold_via via)
{
	struct policy *policy = build->policy;
	struct policy_engine *engine = &policy->engines[policy->n_engines];
	struct folded *folded = xcalloc(2 * policy->n_rules, sizeof(*folded));
	struct mg_rule *rules;
	int rc;

	*engine = (struct policy_engine){ .type = type, .fold = fold,
		.leet = leet, .via = via, .begins_plain = type->folds_items };
	engine->rules = arena_array(build->r.arena, policy->n_rules,
	    sizeof(*engine->rules));
	rules = arena_array(build->r.arena, policy->n_rules, sizeof(*rules));
	rc = gather_rules(build, engine, rules, folded);
	free(folded);
	if (rc < 0 || engine->n_rules == 0)
		return rc;
	engine->conf = type->open(rules, engine->n_rules, policy_warn, build,
	    build->r.err);
	if (!engine->conf)
		return mg_fail(build->r.err, &policy->rules[
		    engine->rules[0]].match.place,
		    "%s: cannot be made ready", type->name);
	policy->n_engines++;
	return 0;
}

/* The engines of one filter, for the ways in which its rules want texts. */
static int
open_type(struct policy_build *build, const struct mg_filter_type *type)
{
	static const struct {
		enum mg_fold fold;
		bool leet;
	} ways[WAYS] = { { MG_FOLD_NONE, false }, { MG_FOLD_BASIC, false },
	    { MG_FOLD_STRONG, false }, { MG_FOLD_STRONG, true } };
	int w, via;

	for (w = 0; w < WAYS; w++)
		for (via = 0; via < N_VIA; via++)
			if (open_engine(build, type, ways[w].fold,
				ways[w].leet, (enum fold_via)via) < 0)
				return -1;
	return 0;
}

static int
open_engines(struct policy_build *build)
{
	const struct mg_filter_type *const *types =
	    filter_set_types(build->filters);
	struct policy *policy = build->policy;
	size_t n = 0, i;

	while (types[n])
		n++;
	policy->engines = arena_array(build->r.arena, n * WAYS * N_VIA,
	    sizeof(*policy->engines));
	policy->stats = xcalloc(1, sizeof(struct policy_stats) +
	    policy->n_rules * sizeof(uint64_t));
	for (i = 0; i < n; i++)
		if (open_type(build, types[i]) < 0)
			return -1;
	return 0;
}

/* ---- one life: file, tree, policy ---- */

static void
keep_digest(struct policy_build *build)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned len = 0, i;

	if (!EVP_DigestFinal_ex(build->digest, sum, &len))
		abort();
	for (i = 0; i < len && i < 32; i++)
		(void)snprintf(build->policy->sha256 + 2 * i, 3, "%02x",
		    sum[i]);
}

static void
keep_warnings(struct policy_build *build)
{
	struct policy *policy = build->policy;

	policy->warnings = arena_array(build->r.arena, build->n_warnings + 1,
	    sizeof(*policy->warnings));
	if (build->n_warnings)
		memcpy(policy->warnings, build->warnings,
		    build->n_warnings * sizeof(*policy->warnings));
}

static int
build_policy(struct policy_build *build, struct mg_span bytes)
{
	struct policy *policy = build->policy;
	struct yaml_tree tree = { 0 };
	int rc;

	rc = yaml_read(&tree, policy->file, bytes, build->r.err);
	if (rc == 0)
		rc = options_read(&build->r, policy_table, NULL, tree.root,
		    build);
	if (rc == 0)
		rc = read_rules(build);
	if (rc == 0)
		rc = open_engines(build);
	if (rc == 0) {
		warn_unused(build);
		keep_warnings(build);
		keep_digest(build);
	}
	yaml_fini(&tree);
	return rc;
}

struct policy *
policy_read_with(const char *path, struct mg_span bytes, bool files,
    const struct filter_set *filters, struct file_list *noted,
    struct mg_error *err)
{
	struct arena *arena = xcalloc(1, sizeof(*arena));
	struct policy *policy = xcalloc(1, sizeof(*policy));
	struct policy_build build = { .policy = policy, .files = files,
		.filters = filters, .noted = noted,
		.digest = EVP_MD_CTX_new() };
	int rc;

	policy->refs = 1;
	policy->storage = arena;
	policy->file = arena_text(arena, span_str(path));
	build.r = (struct reading){ .file = policy->file,
	    .arena = arena, .err = err };
	if (!build.digest ||
	    !EVP_DigestInit_ex(build.digest, EVP_sha256(), NULL) ||
	    !EVP_DigestUpdate(build.digest, bytes.ptr, bytes.len))
		abort();
	rc = build_policy(&build, bytes);
	EVP_MD_CTX_free(build.digest);
	free(build.warnings);
	if (rc < 0)
		policy_unref(&policy);
	return policy;
}

struct policy *
policy_read(const char *path, struct mg_span bytes, bool files,
    struct mg_error *err)
{
	return policy_read_with(path, bytes, files, NULL, NULL, err);
}

struct policy *
policy_load_with(const char *path, const struct filter_set *filters,
    struct file_list *noted,
    struct mg_error *err)
{
	struct policy *policy = NULL;
	struct buf bytes = { 0 };

	file_list_add(noted, path);
	if (file_read(path, YAML_MAX_BYTES, NULL, &bytes, err) == 0)
		policy = policy_read_with(path, buf_span(&bytes), true,
		    filters, noted, err);
	buf_fini(&bytes);
	return policy;
}

struct policy *
policy_load(const char *path, struct mg_error *err)
{
	return policy_load_with(path, NULL, NULL, err);
}
