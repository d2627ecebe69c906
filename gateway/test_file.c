/* SPDX-License-Identifier: Apache-2.0 */
/* test_file.c - tests of a policy that stand in a file of their own. */
#include "gateway/test_file.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/file.h"
#include "gateway/options.h"
#include "gateway/ruling.h"

enum { TEXT_MAX = 64 * 1024, WHY_MAX = 160 };

struct test_group {
	char *expect, *rule, *tenant, *model;
	uint32_t side, role;		/* indexes of the choices below */
	const struct yaml_node *texts;
};

struct test_file {
	struct reading r;
	char *policy_path;
	const struct yaml_node *groups;
	struct policy *policy;
	void (*report)(void *arg, const struct test_result *result);
	void *arg;
};

static const char *const expect_choices[] = { "pass", "flag", "redact",
	"pseudonymize", "block", NULL };
static const char *const side_choices[] = { "prompt", "answer", NULL };
static const char *const role_choices[] = { "", "system", "developer", "user",
	"assistant", "tool", "other", NULL };
static const char *const version_choices[] = { "1", NULL };

static int
keep_groups(const struct reading *r, const struct yaml_node *value,
    void *base)
{
	struct test_file *t = base;

	t->groups = value;
	return options_want(r, "tests", value, YAML_LIST);
}

static int
keep_texts(const struct reading *r, const struct yaml_node *value, void *base)
{
	struct test_group *group = base;

	group->texts = value;
	return options_want(r, "texts", value, YAML_LIST);
}

#define FILE_AT(member) OPTION_AT(struct test_file, member)
#define GROUP(member) OPTION_AT(struct test_group, member)

static const struct setting file_table[] = {
	{ .key = "modgate_tests", .kind = OPTION_FIXED,
	    .choices = version_choices, .required = true,
	    .help = "version of this form: 1" },
	{ .key = "policy", .kind = OPTION_PATH, FILE_AT(policy_path),
	    .required = true, .help = "the policy, beside this file" },
	{ .key = "tests", .kind = OPTION_READ, .read = keep_groups,
	    .required = true, .help = "what must become of which texts" },
	{ .key = NULL },
};

static const struct setting group_table[] = {
	{ .key = "expect", .kind = OPTION_TEXT, GROUP(expect),
	    .required = true, .help = "pass, flag, redact or block" },
	{ .key = "rule", .kind = OPTION_TEXT, GROUP(rule),
	    .help = "only what this rule says counts" },
	{ .key = "on", .kind = OPTION_CHOICE, GROUP(side),
	    .choices = side_choices, .fallback = "prompt",
	    .help = "prompt or answer" },
	{ .key = "role", .kind = OPTION_CHOICE, GROUP(role),
	    .choices = role_choices, .help = "who wrote it" },
	{ .key = "tenant", .kind = OPTION_TEXT, GROUP(tenant),
	    .fallback = "default", .help = "whose exchange it is" },
	{ .key = "model", .kind = OPTION_TEXT, GROUP(model),
	    .fallback = "model", .help = "which model is asked" },
	{ .key = "texts", .kind = OPTION_READ, .read = keep_texts,
	    .required = true, .help = "the texts" },
	{ .key = NULL },
};

static const struct policy_rule *
find_rule(const struct policy *policy, const char *id)
{
	size_t i;

	for (i = 0; i < policy->n_rules; i++)
		if (strcmp(policy->rules[i].id, id) == 0)
			return &policy->rules[i];
	return NULL;
}

/* What must be true of a group before its texts are judged. */
static int
check_group(const struct test_file *t, const struct yaml_node *node,
    const struct test_group *group, const struct policy_rule **rule)
{
	const struct yaml_node *expect = yaml_get(node, "expect");
	int i = options_choice(&t->r, "expect", expect, expect_choices);

	*rule = NULL;
	if (i < 0 || !group->rule)
		return i < 0 ? -1 : 0;
	*rule = find_rule(t->policy, group->rule);
	if (!*rule)
		return mg_fail(t->r.err, &yaml_get(node, "rule")->place,
		    "rule: policy %s has no rule '%s'", t->policy->name,
		    group->rule);
	if (strcmp(group->expect, "pass") != 0 && strcmp(group->expect,
	    policy_action_name((*rule)->action)) != 0)
		return mg_fail(t->r.err, &expect->place, "expect: the action "
		    "of rule '%s' is %s", group->rule,
		    policy_action_name((*rule)->action));
	return 0;
}

static bool
has_found(const struct channel_screen *channel,
    const struct policy_rule *rule)
{
	const struct screen_finding *f;
	size_t i, n;

	f = channel_findings(channel, &n, NULL);
	for (i = 0; i < n; i++)
		if (f[i].rule == rule && !f[i].unable)
			return true;
	return false;
}

/* Writes what is wrong to why; empty when nothing is. */
static void
judge(const struct test_file *t, const struct test_group *group,
    const struct policy_rule *rule, const char *text, char why[WHY_MAX])
{
	struct screen_subject subject = { span_str(group->tenant),
		span_str(group->model) };
	enum policy_side side = group->side ? SIDE_ANSWER : SIDE_PROMPT;
	enum policy_role role = group->role ? 1u << (group->role - 1) :
	    side == SIDE_ANSWER ? ROLE_ASSISTANT : ROLE_USER;
	bool passes = strcmp(group->expect, "pass") == 0;
	struct screen *screen = screen_new(t->policy, side, &subject);
	struct channel_screen *channel = screen_text(screen, role, FORM_PLAIN,
	    span_str(text));
	struct ruling ruling = ruling_of(channel);

	why[0] = '\0';
	if (rule && has_found(channel, rule) == passes)
		(void)snprintf(why, WHY_MAX, "the rule found %s",
		    passes ? "something" : "nothing");
	else if (!rule && strcmp(ruling_name(ruling.kind),
	    group->expect) != 0)
		(void)snprintf(why, WHY_MAX, "the ruling is %s%s%s",
		    ruling_name(ruling.kind), ruling.rule ? ", by " : "",
		    ruling.rule ? ruling.rule->id : "");
	channel_close(channel);
	screen_free(screen);
}

static int
run_group(const struct test_file *t, const struct yaml_node *node)
{
	struct test_group group = { 0 };
	const struct policy_rule *rule;
	const struct yaml_node *item;
	char why[WHY_MAX];

	options_defaults(&t->r, group_table, &group);
	if (options_read(&t->r, group_table, "test", node, &group) < 0 ||
	    check_group(t, node, &group, &rule) < 0)
		return -1;
	for (item = group.texts->first; item; item = item->next) {
		char *text = options_text(&t->r, "texts", item, 1, TEXT_MAX);
		struct test_result result = { item->place, t->policy->name,
			rule ? rule->id : NULL, group.expect, text, NULL };

		if (!text)
			return -1;
		judge(t, &group, rule, text, why);
		if (why[0])
			result.why = why;
		t->report(t->arg, &result);
	}
	return 0;
}

bool
test_file_is_one(struct mg_span bytes)
{
	const char *at = bytes.ptr, *end = bytes.ptr + bytes.len;
	const char word[] = "modgate_tests:";

	/* The key begins a line. */
	while (at && at < end) {
		if ((size_t)(end - at) >= sizeof(word) - 1 &&
		    memcmp(at, word, sizeof(word) - 1) == 0)
			return true;
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	return false;
}

int
test_file_run(const char *path, struct mg_span bytes,
    const struct filter_set *filters,
    void (*report)(void *arg, const struct test_result *result), void *arg,
    struct mg_error *err)
{
	struct arena arena = { 0 };
	struct yaml_tree tree = { 0 };
	struct test_file t = { .r = { path, &arena, err }, .report = report,
		.arg = arg };
	const struct yaml_node *node;
	int rc;

	rc = yaml_read(&tree, path, bytes, err);
	if (rc == 0)
		rc = options_read(&t.r, file_table, NULL, tree.root, &t);
	if (rc == 0) {
		t.policy = policy_load_with(t.policy_path, filters, NULL,
		    err);
		rc = t.policy ? 0 : -1;
	}
	for (node = rc == 0 ? t.groups->first : NULL; node && rc == 0;
	    node = node->next)
		rc = run_group(&t, node);
	policy_unref(&t.policy);
	yaml_fini(&tree);
	arena_fini(&arena);
	return rc;
}
