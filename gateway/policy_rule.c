/* SPDX-License-Identifier: Apache-2.0 */
/* policy_rule.c - one of a policy's rules, from YAML to struct policy_rule.
 *
 * Keys are read by table. What depends on another key (tests on the action,
 * exceptions on the filter) is kept as a node and read when all are known. */
#include <stdlib.h>

#include "gateway/policy_build.h"
#include "gateway/placeholders.h"
#include "gateway/redact.h"

/* Base of the table's offsets. */
struct rule_build {
	struct policy_build *build;
	struct policy_rule out;
	const struct yaml_node *match, *except, *tests, *with, *mask, *as,
	    *stream;
	const struct yaml_node *action, *score;
	char *sum;			/* the name of a sum, or NULL */
	bool override, disabled;	/* policy_include.c has read them */
};

const char *const policy_action_words[] = {
	[ACTION_FLAG] = "flag", [ACTION_REDACT] = "redact",
	[ACTION_PSEUDONYMIZE] = "pseudonymize", [ACTION_BLOCK] = "block",
	NULL };
static const char *const mode_choices[] = {
	[MODE_ENFORCE] = "enforce", [MODE_SHADOW] = "shadow", NULL };
static const char *const stream_choices[] = {
	[STREAM_EXACT] = "exact", [STREAM_SENTENCE] = "sentence",
	[STREAM_WHOLE] = "whole", NULL };
static const char *const error_choices[] = { "block", "allow", NULL };

static const char *const side_words[] = { "prompt", "answer", NULL };
static const char *const role_words[] = { "system", "developer", "user",
	"assistant", "tool", "other", NULL };

/* A word or a list of words → bits, in the order of the words. */
static int
read_bits(const struct reading *r, const char *key,
    const struct yaml_node *value, const char *const *words, unsigned *bits)
{
	const struct yaml_node *item = value;

	*bits = 0;
	if (value->type == YAML_LIST)
		item = value->first;
	if (!item)
		return mg_fail(r->err, &value->place, "%s: the list is empty",
		    key);
	for (; item; item = item->next) {
		int i = options_choice(r, key, item, words);

		if (i < 0)
			return -1;
		if (*bits & 1u << i)
			return mg_fail(r->err, &item->place,
			    "%s: '%s' stands twice", key, words[i]);
		*bits |= 1u << i;
		if (item == value)
			break;
	}
	return 0;
}

static int
read_on(const struct reading *r, const struct yaml_node *value, void *base)
{
	struct rule_build *b = base;

	return read_bits(r, "on", value, side_words, &b->out.sides);
}

static int
read_roles(const struct reading *r, const struct yaml_node *value, void *base)
{
	struct rule_build *b = base;

	return read_bits(r, "when.roles", value, role_words, &b->out.roles);
}

static int
read_category(const struct reading *r, const struct yaml_node *value,
    void *base)
{
	struct rule_build *b = base;
	int i = options_choice(r, "category", value, policy_categories);

	if (i < 0)
		return -1;
	b->out.category = arena_text(r->arena, span_str(policy_categories[i]));
	return 0;
}

/* "10%", "0.5%": to a millionth. */
static int
read_sample(const struct reading *r, const struct yaml_node *value,
    void *base)
{
	struct rule_build *b = base;
	char shown[YAML_SHOWN], *end;
	double percent, ppm;

	if (options_want(r, "sample", value, YAML_TEXT) < 0)
		return -1;
	percent = strtod(value->text.ptr, &end);
	ppm = percent * 10000;
	if (end == value->text.ptr || strcmp(end, "%") != 0 ||
	    strspn(value->text.ptr, "0123456789.%") != value->text.len)
		return mg_fail(r->err, &value->place, "sample: '%s' is not a "
		    "share, as 10%% or 0.5%%", yaml_show(value->text, shown));
	if (ppm < 1 || ppm > 1000000)
		return mg_fail(r->err, &value->place, "sample: %s is not from "
		    "0.0001%% to 100%%", yaml_show(value->text, shown));
	b->out.sample_ppm = (uint32_t)(ppm + 0.5);
	return 0;
}

/* Kept for later: base is where the node's address goes. */
static int
keep_node(const struct reading *r, const struct yaml_node *value, void *base)
{
	(void)r;
	memcpy(base, &value, sizeof(value));
	return 0;
}

#define RULE(member) OPTION_AT(struct rule_build, out.member)
#define KEEP(member) .kind = OPTION_READ, .read = keep_node, \
	OPTION_AT(struct rule_build, member)

static const struct setting when_table[] = {
	{ .key = "tenants", .kind = OPTION_TEXTS, RULE(tenants),
	    .help = "patterns" },
	{ .key = "models", .kind = OPTION_TEXTS, RULE(models),
	    .help = "patterns" },
	{ .key = "roles", .kind = OPTION_READ, .read = read_roles,
	    .shape = SHAPE_WORD | SHAPE_LIST, .choices = role_words,
	    .help = "who wrote the text" },
	{ .key = NULL },
};

static const struct setting add_table[] = {
	{ .key = "add", .kind = OPTION_COUNT, RULE(score), .min = 1,
	    .max = 1000, .required = true, .help = "so much" },
	{ .key = "to", .kind = OPTION_TEXT,
	    OPTION_AT(struct rule_build, sum), .min = 1, .max = 64,
	    .help = "the sum of this name" },
	{ .key = NULL },
};

static const struct setting scope_table[] = {
	{ .key = "messages", .kind = OPTION_COUNT, RULE(messages),
	    .min = 1, .max = POLICY_MAX_MESSAGES, .required = true,
	    .help = "so many, the last ones by each role" },
	{ .key = NULL },
};

const struct setting policy_rule_table[] = {
	{ .key = "id", .kind = OPTION_TEXT, RULE(id), .required = true,
	    .min = 1, .max = 64, .help = "its name in records" },
	{ .key = "on", .kind = OPTION_READ, .read = read_on,
	    .shape = SHAPE_WORD | SHAPE_LIST, .choices = side_words,
	    .required = true, .help = "prompt, answer, or both in brackets" },
	{ .key = "match", KEEP(match), .required = true,
	    .shape = SHAPE_DEFINED,
	    .help = "a filter and what it looks for" },
	{ .key = "except", KEEP(except), .shape = SHAPE_DEFINED,
	    .help = "what is no match" },
	{ .key = "action", KEEP(action),
	    .shape = SHAPE_WORD, .choices = policy_action_words,
	    .help = "flag, redact, pseudonymize or block; with a score it may "
		"be left out" },
	{ .key = "score", KEEP(score),
	    .shape = SHAPE_COUNT | SHAPE_MAP, .map = add_table,
	    .help = "it adds so much to a sum of `scores:`" },
	{ .key = "with", KEEP(with), .shape = SHAPE_TEXT,
	    .help = "what redact writes instead" },
	{ .key = "mask", KEEP(mask), .shape = SHAPE_TEXT,
	    .help = "the character of {mask} in `with`" },
	{ .key = "as", KEEP(as), .shape = SHAPE_TEXT,
	    .help = "what pseudonymize calls the values: PHONE" },
	{ .key = "mode", .kind = OPTION_CHOICE, RULE(mode),
	    .choices = mode_choices, .fallback = "enforce",
	    .help = "enforce, or shadow: recorded only" },
	{ .key = "sample", .kind = OPTION_READ, .read = read_sample,
	    .shape = SHAPE_SHARE,
	    .help = "it looks at this share of exchanges: 10%" },
	{ .key = "category", .kind = OPTION_READ, .read = read_category,
	    .shape = SHAPE_WORD, .choices = policy_categories,
	    .fallback = "custom", .help = "which risk it is about" },
	{ .key = "severity", .kind = OPTION_CHOICE, RULE(severity),
	    .choices = policy_severities, .fallback = "medium",
	    .help = "low, medium, high or critical" },
	{ .key = "on_error", .kind = OPTION_CHOICE, RULE(allow_on_error),
	    .choices = error_choices, .fallback = "block",
	    .help = "when it cannot judge: block or allow" },
	{ .key = "stream", KEEP(stream),
	    .shape = SHAPE_WORD, .choices = stream_choices,
	    .help = "what waits for it: exact, sentence or whole" },
	{ .key = "max_hold", .kind = OPTION_SIZE, RULE(match.max_hold),
	    .min = 16, .max = 1024 * 1024, .fallback = "1KiB",
	    .help = "a stream is held for it at most so much" },
	{ .key = "scope", .kind = OPTION_MAP, .map = scope_table,
	    .help = "it looks also at messages of a prompt joined" },
	{ .key = "when", .kind = OPTION_MAP, .map = when_table,
	    .help = "for whom it is meant" },
	{ .key = "tests", KEEP(tests), .shape = SHAPE_DEFINED,
	    .help = "texts that it must find, and that it must pass" },
	{ .key = "override", .kind = OPTION_BOOL,
	    OPTION_AT(struct rule_build, override),
	    .help = "true: it replaces an included rule of the same id" },
	{ .key = "disabled", .kind = OPTION_BOOL,
	    OPTION_AT(struct rule_build, disabled),
	    .help = "true: it is off; with an id alone, an included one is" },
	{ .key = NULL },
};

/* ---- what depends on more than one key ---- */

static int
check_id(struct rule_build *b, const struct yaml_node *id)
{
	const struct policy *policy = b->build->policy;
	const char *p;
	size_t i;

	for (p = b->out.id; *p; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-", *p))
			return mg_fail(b->build->r.err, &id->place, "id: '%s' "
			    "may hold a-z, 0-9 and '-' only", b->out.id);
	for (i = 0; i < policy->n_rules; i++) {
		const struct mg_place *other = &policy->rules[i].place;
		bool here = strcmp(other->file, id->place.file) == 0;

		if (strcmp(policy->rules[i].id, b->out.id) == 0)
			return mg_fail(b->build->r.err, &id->place, "id: '%s' "
			    "is taken, in %s%sline %u", b->out.id,
			    here ? "" : other->file, here ? "" : " ",
			    other->line);
	}
	return 0;
}

/* The filter of a rule has kinds: its first option says which. */
static bool
has_kinds(const struct policy_rule *rule)
{
	return rule->filter &&
	    rule->filter->options[0].type == MG_OPT_CHOICES;
}

static int
read_with(struct rule_build *b)
{
	struct redact_source source = { b->with, b->mask, has_kinds(&b->out),
		b->build->policy->graphemes };
	struct redact *redact;

	if (!source.graphemes)
		source.graphemes = b->build->policy->graphemes =
		    graphemes_new();
	if (redact_read(&b->build->r, &source, &b->out.replacement,
	    &redact) < 0)
		return -1;
	b->out.redact = redact;
	return 0;
}

/* A kind's name in upper case; what may not stand in one becomes '_'. */
static char *
kind_name(struct rule_build *b, struct mg_span text)
{
	char *name = arena_text(b->build->r.arena, text), *p;

	for (p = name; *p; p++) {
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 32);
		else if (!(*p >= 'A' && *p <= 'Z') &&
		    !(*p >= '0' && *p <= '9'))
			*p = '_';
	}
	return name;
}

/* A word of capitals, digits and single '_', that a model can copy. */
static bool
is_kind_name(const char *name)
{
	const char *p;

	for (p = name; *p; p++)
		if (!(*p >= 'A' && *p <= 'Z') && (p == name ||
		    !((*p >= '0' && *p <= '9') || (*p == '_' && p[1] &&
		    p[1] != '_'))))
			return false;
	return p > name && p - name <= PLACEHOLDERS_KIND;
}

/* What the placeholders are called: `as:`, or the filter's kinds, or the
 * rule's id. */
static int
read_kinds(struct rule_build *b)
{
	const struct reading *r = &b->build->r;
	struct policy_rule *rule = &b->out;
	const struct mg_value *items = NULL;
	size_t i;

	if (!b->as && has_kinds(rule))
		items = &rule->match.match[0];
	rule->n_kinds = items ? items->n_items : 1;
	rule->kinds = arena_array(r->arena, rule->n_kinds,
	    sizeof(*rule->kinds));
	if (b->as) {
		rule->kinds[0] = options_text(r, "as", b->as, 1,
		    PLACEHOLDERS_KIND);
		if (!rule->kinds[0])
			return -1;
		if (!is_kind_name(rule->kinds[0]))
			return mg_fail(r->err, &b->as->place, "as: a word of "
			    "A-Z, 0-9 and single '_' that begins with a "
			    "letter, such as PHONE, not '%s'",
			    rule->kinds[0]);
		return 0;
	}
	for (i = 0; i < rule->n_kinds; i++) {
		rule->kinds[i] = kind_name(b, items ? items->items[i].text :
		    span_str(rule->id));
		if (!is_kind_name(rule->kinds[i]))
			return mg_fail(r->err, &rule->place, "pseudonymize: "
			    "'%s' is no name for a placeholder; write one, "
			    "as in `as: PHONE`", rule->kinds[i]);
	}
	return 0;
}

/* A rule with a score need not act by itself: then what it finds is noted. */
static int
read_action(struct rule_build *b, const struct yaml_node *node)
{
	const struct reading *r = &b->build->r;
	int i;

	if (!b->action && b->score) {
		b->out.action = ACTION_FLAG;
		return 0;
	}
	if (!b->action)
		return mg_fail(r->err, &node->place, "rule: 'action' is "
		    "missing: flag, redact, pseudonymize or block");
	i = options_choice(r, "action", b->action, policy_action_words);
	b->out.action = (enum policy_action)i;
	return i < 0 ? -1 : 0;
}

/* The sum of a name ("": of none), made if need be. */
static int
find_sum(struct policy_build *build, const char *name,
    const struct mg_place *place, unsigned *out)
{
	struct policy *policy = build->policy;

	for (*out = 0; *out < policy->n_sums; ++*out)
		if (strcmp(policy->sums[*out], name) == 0)
			return 0;
	if (policy->n_sums == POLICY_MAX_SUMS)
		return mg_fail(build->r.err, place, "score: more than %d "
		    "different sums in one policy", POLICY_MAX_SUMS);
	policy->sums[policy->n_sums++] = name;
	return 0;
}

/* `score: 2`, or `score: { add: 2, to: NAME }`. */
static int
read_score(struct rule_build *b)
{
	const struct reading *r = &b->build->r;
	struct setting plain = add_table[0];
	uint64_t n;

	if (!b->score)
		return 0;
	plain.key = "score";
	if (b->score->type == YAML_MAP) {
		if (options_read(r, add_table, "score", b->score, b) < 0)
			return -1;
	} else {
		if (options_number(r, &plain, b->score, &n) < 0)
			return -1;
		b->out.score = (uint32_t)n;
	}
	if (find_sum(b->build, b->sum ? b->sum : "", &b->score->place,
	    &b->out.sum) < 0)
		return -1;
	b->out.adds = b->build->policy->n_adds++;
	if (b->out.mode == MODE_SHADOW)
		policy_warn(b->build, &b->score->key_place, "score: a rule in "
		    "shadow adds nothing");
	return 0;
}

static int
finish_action(struct rule_build *b, const struct yaml_node *node)
{
	const struct reading *r = &b->build->r;
	enum policy_action action;
	int i;

	if (read_action(b, node) < 0 || read_score(b) < 0)
		return -1;
	action = b->out.action;
	if ((b->with || b->mask) && action != ACTION_REDACT)
		return mg_fail(r->err, &(b->with ? b->with : b->mask)->
		    key_place, "%s: only `action: redact` writes something, "
		    "and this rule's is %s", b->with ? "with" : "mask",
		    policy_action_words[action]);
	if (b->as && action != ACTION_PSEUDONYMIZE)
		return mg_fail(r->err, &b->as->key_place, "as: only `action: "
		    "pseudonymize` has placeholders, and this rule's is %s",
		    policy_action_words[action]);
	if (action == ACTION_PSEUDONYMIZE && b->out.sides != SIDE_PROMPT)
		return mg_fail(r->err, &yaml_get(node, "on")->place, "on: "
		    "`action: pseudonymize` is for prompts alone; answers get "
		    "back what it took out of them");
	if (action == ACTION_REDACT && read_with(b) < 0)
		return -1;
	if (action == ACTION_PSEUDONYMIZE && read_kinds(b) < 0)
		return -1;
	if (!b->stream)
		return 0;
	i = options_choice(r, "stream", b->stream, stream_choices);
	if (i < 0)
		return -1;
	b->out.stream = (enum policy_stream)i;
	if ((b->out.action == ACTION_FLAG && !b->score) ||
	    b->out.mode == MODE_SHADOW)
		policy_warn(b->build, &b->stream->key_place, "stream: has no "
		    "effect, as a rule that only notes holds nothing back");
	return 0;
}

/* What is not there has no place that could be changed. */
static bool
has_place(const struct policy_expr *e)
{
	size_t i;

	if (e->kind == EXPR_PART || e->kind == EXPR_NOT)
		return e->kind == EXPR_PART;
	for (i = 0; i < e->n; i++)
		if (has_place(&e->children[i]))
			return true;
	return false;
}

/* `not` is known at a text's end, not before. */
static int
finish_expr(struct rule_build *b)
{
	struct policy_rule *rule = &b->out;

	if (!rule->negates)
		return 0;
	if (rule->action != ACTION_FLAG && rule->action != ACTION_BLOCK &&
	    !has_place(rule->expr))
		return mg_fail(b->build->r.err, &rule->match.place, "match: "
		    "what is under `not` has no place to change, so the "
		    "action must be flag or block");
	if (rule->action != ACTION_FLAG && rule->stream != STREAM_WHOLE &&
	    rule->mode == MODE_ENFORCE && (rule->sides & SIDE_ANSWER))
		policy_warn(b->build, &rule->match.place, "match: `not` is "
		    "known at the end of a text only, so streams wait for "
		    "whole texts (stream: whole)");
	rule->stream = STREAM_WHOLE;
	return 0;
}

static int
add_tests(struct rule_build *b, const struct yaml_node *node, bool pass)
{
	const struct yaml_node *item = node;
	const struct reading *r = &b->build->r;
	struct policy_test *test;

	if (node->type == YAML_LIST)
		item = node->first;
	for (; item; item = item == node ? NULL : item->next) {
		test = &b->out.tests[b->out.n_tests++];
		test->text = options_text(r, "tests", item, 1,
		    POLICY_MAX_TEST_BYTES);
		if (!test->text)
			return -1;
		test->expect = b->out.action;
		test->expect_pass = pass;
		test->place = item->place;
	}
	return 0;
}

static int
read_tests(struct rule_build *b)
{
	const struct reading *r = &b->build->r;
	const char *own = policy_action_words[b->out.action];
	const char *const known[] = { own, "pass", NULL };
	const struct yaml_node *node;
	size_t n = 0;

	if (!b->tests)
		return 0;
	if (options_want(r, "tests", b->tests, YAML_MAP) < 0)
		return -1;
	for (node = b->tests->first; node; node = node->next)
		n += node->type == YAML_LIST ? node->n : 1;
	b->out.tests = arena_array(r->arena, n, sizeof(*b->out.tests));
	for (node = b->tests->first; node; node = node->next) {
		bool pass = span_is(node->key, "pass");

		if (!pass && !span_is(node->key, own)) {
			size_t i;

			for (i = 0; policy_action_words[i]; i++)
				if (span_is(node->key, policy_action_words[i]))
					return mg_fail(r->err,
					    &node->key_place, "tests: this "
					    "rule's action is %s, so write "
					    "'%s:'", own, own);
			return options_unknown(r, &node->key_place,
			    "tests: unknown key", node->key, known);
		}
		if (add_tests(b, node, pass) < 0)
			return -1;
	}
	return 0;
}

/* Rules of one scope look at the same joined texts. */
static int
finish_scope(struct rule_build *b, const struct yaml_node *node)
{
	struct policy *policy = b->build->policy;
	const struct yaml_node *scope = yaml_get(node, "scope");
	unsigned i;

	if (!scope)
		return 0;
	if (b->out.sides == SIDE_ANSWER)
		return mg_fail(b->build->r.err, &scope->key_place, "scope: "
		    "messages are joined in prompts, and this rule looks at "
		    "answers");
	for (i = 0; i < policy->n_spans; i++)
		if (policy->spans[i] == b->out.messages)
			break;
	if (i == POLICY_MAX_SPANS)
		return mg_fail(b->build->r.err, &scope->place, "scope: at most "
		    "%d different numbers of messages in one policy",
		    POLICY_MAX_SPANS);
	if (i == policy->n_spans)
		policy->spans[policy->n_spans++] = b->out.messages;
	b->out.span = i + 1;
	return 0;
}

/* A rule that can never apply is a mistake, and a silent one. */
static int
check_reach(struct rule_build *b, const struct yaml_node *node)
{
	if (b->out.sides == SIDE_ANSWER && !(b->out.roles & ROLE_ASSISTANT))
		return mg_fail(b->build->r.err,
		    &yaml_get(yaml_get(node, "when"), "roles")->place,
		    "when.roles: answers are written by 'assistant' alone, so "
		    "this rule would never look");
	return 0;
}

int
policy_read_rule(struct policy_build *build, const struct yaml_node *node,
    struct policy_rule *rule)
{
	struct rule_build b = { .build = build, .out.roles = ROLE_ANY,
		.out.place = node->place };

	options_defaults(&build->r, policy_rule_table, &b);
	if (options_read(&build->r, policy_rule_table, "rule", node, &b) < 0 ||
	    check_id(&b, yaml_get(node, "id")) < 0 ||
	    policy_read_match(build, b.match, b.except, &b.out) < 0 ||
	    finish_action(&b, node) < 0 || finish_expr(&b) < 0 ||
	    finish_scope(&b, node) < 0 || read_tests(&b) < 0 ||
	    check_reach(&b, node) < 0)
		return -1;
	*rule = b.out;
	return 0;
}

/* ---- scores ---- */

static const char *const score_actions[] = { "flag", "block", NULL };
static const char *const per_choices[] = { "text", "exchange", NULL };

static const struct setting score_when_table[] = {
	{ .key = "tenants", .kind = OPTION_TEXTS, RULE(tenants),
	    .help = "patterns" },
	{ .key = "models", .kind = OPTION_TEXTS, RULE(models),
	    .help = "patterns" },
	{ .key = NULL },
};

const struct setting policy_score_table[] = {
	{ .key = "id", .kind = OPTION_TEXT, RULE(id), .required = true,
	    .min = 1, .max = 64, .help = "its name in records" },
	{ .key = "of", .kind = OPTION_TEXT,
	    OPTION_AT(struct rule_build, sum), .min = 1, .max = 64,
	    .help = "the sum of this name; without it that of no name" },
	{ .key = "per", .kind = OPTION_CHOICE, RULE(per_exchange),
	    .choices = per_choices, .fallback = "text",
	    .help = "text, or exchange: all texts of the prompt, or answer" },
	{ .key = "at_least", .kind = OPTION_COUNT, RULE(at_least),
	    .min = 1, .max = 1000 * 1000, .required = true,
	    .help = "when the sum is so much" },
	{ .key = "on", .kind = OPTION_READ, .read = read_on,
	    .shape = SHAPE_WORD | SHAPE_LIST, .choices = side_words,
	    .help = "prompt, answer, or both in brackets; without it both" },
	{ .key = "action", KEEP(action), .required = true,
	    .shape = SHAPE_WORD, .choices = score_actions,
	    .help = "flag or block" },
	{ .key = "mode", .kind = OPTION_CHOICE, RULE(mode),
	    .choices = mode_choices, .fallback = "enforce",
	    .help = "enforce, or shadow: recorded only" },
	{ .key = "category", .kind = OPTION_READ, .read = read_category,
	    .shape = SHAPE_WORD, .choices = policy_categories,
	    .fallback = "custom", .help = "which risk it is about" },
	{ .key = "severity", .kind = OPTION_CHOICE, RULE(severity),
	    .choices = policy_severities, .fallback = "medium",
	    .help = "low, medium, high or critical" },
	{ .key = "when", .kind = OPTION_MAP, .map = score_when_table,
	    .help = "for whom it is meant" },
	{ .key = "tests", KEEP(tests), .shape = SHAPE_DEFINED,
	    .help = "texts that must reach it, and that must not" },
	{ .key = "override", .kind = OPTION_BOOL,
	    OPTION_AT(struct rule_build, override),
	    .help = "true: it replaces an included one of the same id" },
	{ .key = "disabled", .kind = OPTION_BOOL,
	    OPTION_AT(struct rule_build, disabled),
	    .help = "true: it is off; with an id alone, an included one is" },
	{ .key = NULL },
};

int
policy_read_score(struct policy_build *build, const struct yaml_node *node,
    struct policy_rule *rule)
{
	struct rule_build b = { .build = build, .out.roles = ROLE_ANY,
		.out.sides = SIDE_PROMPT | SIDE_ANSWER,
		.out.place = node->place, .out.kind = "score" };
	int i;

	options_defaults(&build->r, policy_score_table, &b);
	if (options_read(&build->r, policy_score_table, "scores", node, &b) < 0 ||
	    check_id(&b, yaml_get(node, "id")) < 0 ||
	    find_sum(build, b.sum ? b.sum : "", &node->place,
	    &b.out.sum) < 0)
		return -1;
	i = options_choice(&build->r, "action", b.action, score_actions);
	if (i < 0)
		return -1;
	b.out.action = i == 0 ? ACTION_FLAG : ACTION_BLOCK;
	if (read_tests(&b) < 0)
		return -1;
	b.out.match.id = b.out.id;
	b.out.match.place = node->place;
	*rule = b.out;
	return 0;
}

void
policy_link_scores(struct policy_build *build)
{
	struct policy *policy = build->policy;
	uint64_t most[POLICY_MAX_SUMS] = { 0 };
	bool read[POLICY_MAX_SUMS] = { false };
	size_t i, k;

	for (i = policy->first_score; i < policy->n_rules; i++)
		read[policy->rules[i].sum] = true;
	for (i = 0; i < policy->first_score; i++) {
		struct policy_rule *rule = &policy->rules[i];

		if (rule->score == 0)
			continue;
		if (rule->mode == MODE_ENFORCE)
			most[rule->sum] += rule->score;
		if (!read[rule->sum])
			policy_warn(build, &rule->place, "score: no `scores:` "
			    "reads this sum");
		for (k = policy->first_score; k < policy->n_rules; k++)
			if (policy->rules[k].sum == rule->sum &&
			    policy->rules[k].action == ACTION_BLOCK &&
			    policy->rules[k].mode == MODE_ENFORCE)
				rule->feeds = rule->mode == MODE_ENFORCE;
	}
	for (k = policy->first_score; k < policy->n_rules; k++)
		if (most[policy->rules[k].sum] == 0)
			policy_warn(build, &policy->rules[k].place, "scores: "
			    "no rule adds to this sum");
		else if (most[policy->rules[k].sum] <
		    policy->rules[k].at_least)
			policy_warn(build, &policy->rules[k].place, "scores: "
			    "never reached, as all rules together add less");
}
