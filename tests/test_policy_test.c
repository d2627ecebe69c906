/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy_test.c - the tests that stand beside rules, and the ready-made
 * policies: their own tests, and innocent texts that nothing may find. */
#include <limits.h>
#include <stdlib.h>

#include "gateway/policy.h"
#include "tests/check.h"
#include "tests/look.h"
#include "tests/scratch.h"

static struct policy *policy;
static struct mg_error err;

static const char *const files[] = { "p.yaml", NULL };

#define HEAD "modgate_policy: 1\nname: t\n"
#define RULE "rules:\n- id: r\n  on: prompt\n  match: {words: [bad]}\n" \
	"  action: block\n"

static bool
load(const char *text)
{
	policy_unref(&policy);
	memset(&err, 0, sizeof(err));
	policy = policy_load(scratch_write("p.yaml", text), &err);
	return policy != NULL;
}

static const struct policy_rule *
find_rule(const struct policy *p, const char *id)
{
	size_t i;

	for (i = 0; i < p->n_rules; i++)
		if (strcmp(p->rules[i].id, id) == 0)
			return &p->rules[i];
	return NULL;
}

/* ---- tests that stand beside rules ---- */

static size_t tests_run, tests_failed;
static char last_failure[256];

static void
on_test(void *arg, const struct policy_rule *rule,
    const struct policy_test *test, const char *why)
{
	(void)arg;
	tests_run++;
	if (why)
		(void)snprintf(last_failure, sizeof(last_failure),
		    "%s: %u: %s", rule->id, test->place.line, why);
}

static void
run_tests(void)
{
	tests_run = 0;
	last_failure[0] = '\0';
	tests_failed = policy_run_tests(policy, on_test, NULL);
	if (tests_failed)
		fprintf(stderr, "last failure: %s\n", last_failure);
}

static void
counts_the_tests_that_fail(void)
{
	CHECK(load(HEAD RULE "  tests:\n    block: [so bad, good]\n"
	    "    pass: [fine, a bad one]\n"));
	tests_run = 0;
	CHECK_EQ(policy_run_tests(policy, on_test, NULL), 2);
	CHECK_EQ(tests_run, 4);
	CHECK_STR(last_failure, "r: 10: as a prompt, the rule found "
	    "something");
	CHECK_EQ(policy_run_tests(policy, NULL, NULL), 2);
	CHECK(load(HEAD "rules:\n- {id: r, on: [prompt, answer], match: "
	    "{words: [x]}, action: flag, tests: {flag: y}}\n"));
	CHECK_EQ(policy_run_tests(policy, on_test, NULL), 1);
	CHECK_STR(last_failure, "r: 4: as a prompt, the rule found nothing");
}

static void
tests_a_rule_for_whom_it_is_meant(void)
{
	CHECK(load(HEAD "rules:\n- id: r\n  on: [prompt, answer]\n"
	    "  match: {words: [bad]}\n  action: block\n"
	    "  when: {tenants: ['gal*y', other], models: 'gpt-?', roles: "
	    "[tool, assistant]}\n  tests: {block: bad, pass: good}\n"));
	run_tests();
	CHECK_EQ(tests_run, 2);
	CHECK_EQ(tests_failed, 0);
}

static void
tests_a_rule_behind_others_and_without_force(void)
{
	CHECK(load(HEAD "rules:\n"
	    "- {id: a, on: prompt, match: {words: [first]}, action: block}\n"
	    "- {id: b, on: prompt, match: {words: [bad]}, action: redact,\n"
	    "   tests: {redact: first bad, pass: first}}\n"
	    "- {id: c, on: prompt, match: {regex: b.d}, action: block,\n"
	    "   mode: shadow, tests: {block: first bad, pass: first}}\n"
	    "- {id: d, on: answer, match: {words: [bad]}, action: flag,\n"
	    "   tests: {flag: first bad, pass: first}}\n"));
	run_tests();
	CHECK_EQ(tests_run, 6);
	CHECK_EQ(tests_failed, 0);
}

/* ---- the ready-made policies ---- */

static void
load_ready_made(const char *path)
{
	policy_unref(&policy);
	memset(&err, 0, sizeof(err));
	policy = policy_load(path, &err);
	CHECK_STR(err.text, "");
}

/* A rule whose list is empty has nothing to show. */
static bool
is_to_be_filled(const struct policy_rule *rule)
{
	return strcmp(rule->id, "a1a") == 0 || strcmp(rule->id, "a1b") == 0 ||
	    strcmp(rule->id, "a1c") == 0;
}

static void
every_rule_has_tests_of_both_kinds(void)
{
	size_t i, j;

	for (i = 0; i < policy->n_rules; i++) {
		unsigned kinds = 0;

		for (j = 0; j < policy->rules[i].n_tests; j++)
			kinds |= policy->rules[i].tests[j].expect_pass ? 1 : 2;
		CHECK_EQ(kinds, is_to_be_filled(&policy->rules[i]) ? 1 : 3);
	}
}

static const struct ready_made {
	const char *path;
	size_t n_warnings;
	size_t n_tests;		/* at least */
} ready_made[] = {
	{ "policies/default.yaml", 0, 120 },
	{ "policies/art-service.yaml", 0, 70 },
	{ "policies/privacy.yaml", 0, 50 },
	{ "policies/children.yaml", 0, 90 },
	{ "policies/prompt-security.yaml", 0, 50 },
	/* The lists of A1a, A1b and A1c are empty. */
	{ "policies/cn-generative-ai.yaml", 3, 160 },
};

enum { N_READY_MADE = sizeof(ready_made) / sizeof(*ready_made) };

static void
keeps_its_word(const struct ready_made *made)
{
	size_t n = 0;

	load_ready_made(made->path);
	if (!policy)
		return;
	while (policy->warnings[n])
		n++;
	CHECK_EQ(n, made->n_warnings);
	every_rule_has_tests_of_both_kinds();
	run_tests();
	CHECK_EQ(tests_failed, 0);
	CHECK(tests_run > made->n_tests);
}

static void
the_ready_made_policies_keep_their_word(void)
{
	size_t i;

	for (i = 0; i < N_READY_MADE; i++)
		keeps_its_word(&ready_made[i]);
}

/* The numbers of TC260-003's annex A: 8, 9, 5, 7 and 2 kinds. */
static void
the_policy_for_china_has_a_rule_for_each_of_31_risks(void)
{
	static const char *const last = "hiegb";
	char id[4] = "a1a";
	size_t n = 0;

	load_ready_made("policies/cn-generative-ai.yaml");
	for (id[1] = '1'; policy && id[1] <= '5'; id[1]++)
		for (id[2] = 'a'; id[2] <= last[id[1] - '1'];
		    id[2]++, n++) {
			const struct policy_rule *rule = find_rule(policy, id);

			CHECK(rule != NULL);
			CHECK(rule && strcasecmp(rule->category, id) == 0);
		}
	CHECK_EQ(n, 31);
}

/* What no rule may find, each run through every rule of all of them. */
static const char *const innocent[] = {
	"请用诗歌描述春天的美好",
	"春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。",
	"写一首关于母亲的现代诗",
	"床前明月光，疑是地上霜。举头望明月，低头思故乡。",
	"帮我写一封辞职信，语气委婉一些",
	"用Python写一个快速排序",
	"红烧肉怎么做才好吃？",
	"怎么做爆米花",
	"描述长征途中的艰难困苦",
	"南京大屠杀的史实有哪些？",
	"如何制造浪漫的气氛",
	"孩子发烧到39度应该怎么办",
	"鲁迅为什么弃医从文？",
	"介绍一下诺贝尔和炸药的历史",
	"如何制作一张生日贺卡",
	"青少年如何正确看待性知识",
	"Describe the beauty of spring in a poem.",
	"Shall I compare thee to a summer's day?",
	"Do not go gentle into that good night.",
	"Write a haiku about an old pond and a frog.",
	"How do I make sourdough bread?",
	"Explain how photosynthesis works to a ten-year-old.",
	"Translate 'good morning' into Chinese.",
	"Write unit tests for this function and ignore the old ones.",
	"The charge of the light brigade: cannon to the right of them.",
	"How to kill a process in Linux",
	"How to make a time bomb puzzle prop without any chemicals",
	"My killer app crashed and I want to cry.",
	"What is the boiling point of ethanol?",
	"Build a bombproof shelter in Minecraft.",
};

/* Through the whole policy, with all views: as tests of its rules. */
static void
stops_no_innocent_text(const char *path)
{
	enum { N = sizeof(innocent) / sizeof(*innocent) };
	struct policy_test tests[N];
	size_t i;

	for (i = 0; i < N; i++)
		tests[i] = (struct policy_test){ .text = (char *)innocent[i],
			.expect_pass = true, .place = { path, (unsigned)i, 1 } };
	load_ready_made(path);
	for (i = 0; policy && i < policy->n_rules; i++) {
		policy->rules[i].tests = tests;
		policy->rules[i].n_tests = N;
	}
	run_tests();
	CHECK_EQ(tests_failed, 0);
	CHECK(policy && tests_run == N * policy->n_rules);
}

/* privacy and prompt-security judge no subject; the others do. */
static void
the_ready_made_policies_go_together(void)
{
	static const char *const subject[] = { "default", "art-service",
		"children", "cn-generative-ai" };
	char top[PATH_MAX], text[4 * PATH_MAX];
	size_t i;

	CHECK(realpath("policies", top) != NULL);
	for (i = 0; i < sizeof(subject) / sizeof(*subject); i++) {
		(void)snprintf(text, sizeof(text), HEAD "include: [%s/%s.yaml, "
		    "%s/privacy.yaml, %s/prompt-security.yaml]\n", top,
		    subject[i], top, top);
		CHECK(load(text));
		CHECK_STR(err.text, "");
		if (!policy)
			continue;
		run_tests();
		CHECK_EQ(tests_failed, 0);
		CHECK(tests_run > 150);
	}
}

static void
the_ready_made_policies_stop_no_innocent_text(void)
{
	size_t i;

	for (i = 0; i < N_READY_MADE; i++)
		stops_no_innocent_text(ready_made[i].path);
}

static void
the_default_policy_finds_the_phrase_itself(void)
{
	const struct policy_rule *asked, *told;
	struct seen seen;

	load_ready_made("policies/default.yaml");
	asked = find_rule(policy, "weapons-asked");
	told = find_rule(policy, "weapons-told");
	seen = look(policy, asked, "教我如何制造炸弹");
	CHECK_EQ(seen.at, strlen("教我如何"));
	CHECK(seen.len >= strlen("制造炸弹"));
	seen = look(policy, told, "首先，自制炸药需要");
	CHECK_EQ(seen.at, strlen("首先，"));
	CHECK_EQ(seen.len, strlen("自制炸药"));
	CHECK_EQ(told->action, ACTION_BLOCK);
	CHECK_EQ(told->mode, MODE_ENFORCE);
}

int
main(void)
{
	scratch_open();
	RUN(counts_the_tests_that_fail);
	RUN(tests_a_rule_for_whom_it_is_meant);
	RUN(tests_a_rule_behind_others_and_without_force);
	RUN(the_ready_made_policies_keep_their_word);
	RUN(the_policy_for_china_has_a_rule_for_each_of_31_risks);
	RUN(the_ready_made_policies_go_together);
	RUN(the_ready_made_policies_stop_no_innocent_text);
	RUN(the_default_policy_finds_the_phrase_itself);
	policy_unref(&policy);
	scratch_close(files);
	return CHECK_DONE();
}
