/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy_include.c - several files as one policy: what is merged, who has
 * the last word, and which file a mistake is in. */
#include <openssl/sha.h>

#include "gateway/buf.h"
#include "gateway/file.h"
#include "gateway/live.h"
#include "gateway/policy_build.h"
#include "tests/check.h"
#include "tests/scratch.h"

#define HEAD "modgate_policy: 1\nname: main\n"
#define BASE "modgate_policy: 1\nname: base\n" \
	"lists: {bad: [one], good: [fine]}\n" \
	"rules:\n- {id: a, on: prompt, match: {words: bad}, action: block}\n" \
	"- {id: b, on: prompt, match: {words: good}, action: flag}\n" \
	"refusal: {prompt: completion, message: {zh: 基, en: base}}\n"

static struct policy *policy;
static struct mg_error err;

static const char *const files[] = { "main.yaml", "base.yaml", "two.yaml",
	"words.txt", "link.yaml", "modgate.yaml", NULL };

static bool
load(const char *text)
{
	policy_unref(&policy);
	memset(&err, 0, sizeof(err));
	policy = policy_load(scratch_write("main.yaml", text), &err);
	return policy != NULL;
}

/* The message, without the folder wherever it stands. */
static const char *
message(void)
{
	static char out[512];
	char *to = out, *from = err.text;
	size_t len = strlen(scratch_folder);

	while (*from) {
		if (strncmp(from, scratch_folder, len) == 0)
			from += len + 1;
		else
			*to++ = *from++;
	}
	*to = '\0';
	return out;
}

#define CHECK_BAD(yaml, want) \
	do { \
		CHECK(!load(yaml)); \
		CHECK_STR(message(), want); \
	} while (0)

#define MINE "rules:\n- {id: c, on: prompt, match: {words: [x]}, action: flag}\n"

static void
rules_and_lists_of_both_are_in_force(void)
{
	(void)scratch_write("base.yaml", BASE);
	CHECK(load(HEAD "include: base.yaml\nrules:\n- {id: c, on: answer, "
	    "match: {words: good}, action: flag}\n"));
	CHECK_STR(err.text, "");
	if (!policy)
		return;
	CHECK_STR(policy->name, "main");
	CHECK_EQ(policy->n_rules, 3);
	CHECK_STR(policy->rules[0].id, "a");
	CHECK_STR(policy->rules[2].id, "c");
	CHECK_STR(scratch_tail(policy->rules[0].place.file), "base.yaml");
	CHECK_STR(scratch_tail(policy->rules[2].place.file), "main.yaml");
	CHECK(policy->prompt_as_completion);
	CHECK(!policy->warnings[0]);
}

static void
the_including_file_has_the_last_word(void)
{
	(void)scratch_write("base.yaml", BASE);
	CHECK(load(HEAD "refusal: {prompt: error, message: {en: main}}\n"
	    "lists: {bad: [two, three]}\n" MINE "include: [base.yaml]\n"));
	CHECK_STR(err.text, "");
	if (!policy)
		return;
	CHECK(!policy->prompt_as_completion);
	CHECK_EQ(policy->n_messages, 2);
	CHECK_STR(policy->messages[0].text, "基");
	CHECK_STR(policy->messages[1].text, "main");
	/* Its list takes the place of the included one, in included rules. */
	CHECK_EQ(policy->rules[0].match.match[0].n_items, 2);
	CHECK(!policy->warnings[0]);
}

static void
a_rule_may_be_replaced_or_switched_off(void)
{
	(void)scratch_write("base.yaml", BASE);
	CHECK(load(HEAD "include: base.yaml\nrules:\n- {id: a, override: true, "
	    "on: answer, match: {words: [x]}, action: flag}\n"
	    "- {id: b, disabled: true}\n"));
	CHECK_STR(err.text, "");
	CHECK(policy && policy->n_rules == 1);
	CHECK(policy && policy->rules[0].sides == SIDE_ANSWER);
	CHECK_BAD(HEAD "include: base.yaml\nrules:\n- {id: a, on: answer, "
	    "match: {words: [x]}, action: flag}\n", "main.yaml:5:8: id: 'a' "
	    "is taken, in base.yaml line 5; `override: true` would replace it");
	CHECK_BAD(HEAD "include: base.yaml\nrules:\n- {id: z, override: true, "
	    "on: answer, match: {words: [x]}, action: flag}\n", "main.yaml:5:11"
	    ": override: no included file has a rule of this id");
	CHECK_BAD(HEAD "include: base.yaml\nrules:\n- {id: a, disabled: true, "
	    "action: flag}\n", "main.yaml:5:27: disabled: the rule is written "
	    "in base.yaml; beside its id nothing else may stand here");
	CHECK_BAD(HEAD "include: base.yaml\nrules:\n- {id: a, disabled: true}\n"
	    "- {id: b, disabled: true}\n", "main.yaml:1:1: no rule is left");
	/* One's own may be switched off too, and is checked all the same. */
	CHECK(load(HEAD MINE "- {id: d, on: prompt, match: {any: [{words: [y]}"
	    "]}, action: flag, score: 1, disabled: true}\n"));
	CHECK(policy && policy->n_rules == 1 && policy->n_looks == 1);
	CHECK_BAD(HEAD MINE "- {id: d, on: promt, match: {words: [y]}, action: "
	    "flag, disabled: true}\n", "main.yaml:5:15: on: unknown value "
	    "'promt' (did you mean 'prompt'?)");
}

static void
scores_are_merged_too(void)
{
	(void)scratch_write("base.yaml", BASE "scores: [{id: s, at_least: 9, "
	    "action: block}]\n");
	CHECK(load(HEAD "include: base.yaml\nrules:\n- {id: c, on: prompt, "
	    "match: {words: [x]}, score: 3}\nscores: [{id: s, override: true, "
	    "at_least: 3, action: flag}]\n"));
	CHECK_STR(err.text, "");
	CHECK(policy && policy->n_rules == 4 &&
	    policy->rules[3].at_least == 3);
}

static void
a_mistake_is_told_in_its_own_file(void)
{
	(void)scratch_write("base.yaml", "modgate_policy: 1\nname: base\n"
	    "rules:\n- {id: a, on: prompt, match: {words: bda}, action: "
	    "flag}\n");
	CHECK_BAD(HEAD "include: base.yaml\n" MINE, "base.yaml:4:38: words: no "
	    "list 'bda'; name one of `lists:`, or write words in brackets: "
	    "[bda]");
	(void)scratch_write("base.yaml", "modgate_policy: 1\nname: base\n"
	    "ruels: []\n");
	CHECK_BAD(HEAD "include: base.yaml\n" MINE, "base.yaml:3:1: unknown key "
	    "'ruels' (did you mean 'rules'?)");
	CHECK_BAD(HEAD "include: none.yaml\n" MINE, "main.yaml:3:10: none.yaml: "
	    "No such file or directory");
	CHECK_BAD(HEAD "include: []\n" MINE, "main.yaml:3:10: include: the list "
	    "is empty");
	CHECK_BAD(HEAD "include: {a: b}\n" MINE, "main.yaml:3:10: include: must "
	    "be a text, not a map");
}

static void
two_that_do_not_include_each_other_must_not_disagree(void)
{
	(void)scratch_write("base.yaml", BASE);
	(void)scratch_write("two.yaml", "modgate_policy: 1\nname: two\n"
	    "lists: {bad: [four]}\n");
	CHECK_BAD(HEAD "include: [base.yaml, two.yaml]\n" MINE,
	    "two.yaml:3:9: lists: 'bad' is also in base.yaml line 3");
	(void)scratch_write("two.yaml", "modgate_policy: 1\nname: two\nrules:\n"
	    "- {id: a, on: prompt, match: {words: [x]}, action: flag}\n");
	CHECK_BAD(HEAD "include: [base.yaml, two.yaml]\n" MINE,
	    "two.yaml:4:8: id: 'a' is taken, in base.yaml line 5");
}

static void
a_file_is_read_once_and_never_by_itself(void)
{
	(void)scratch_write("base.yaml", BASE);
	(void)scratch_write("two.yaml", "modgate_policy: 1\nname: two\n"
	    "include: base.yaml\n");
	CHECK(load(HEAD "include: [base.yaml, two.yaml]\n"));
	CHECK_STR(err.text, "");
	CHECK(policy && policy->n_rules == 2);
	(void)scratch_write("two.yaml", "modgate_policy: 1\nname: two\n"
	    "include: main.yaml\n");
	CHECK_BAD(HEAD "include: two.yaml\n" MINE, "two.yaml:3:10: include: "
	    "'main.yaml' includes itself");
	/* By another name too. */
	CHECK_EQ(symlink("main.yaml", scratch_file("link.yaml")), 0);
	CHECK_BAD(HEAD "include: link.yaml\n" MINE, "main.yaml:3:10: include: "
	    "'link.yaml' includes itself");
}

static void
files_inside_each_other_have_caps(void)
{
	char name[32], text[256];
	struct buf list = { 0 };
	int i, depth;

	/* main.yaml is one of them. */
	for (depth = POLICY_MAX_DEPTH - 1; depth <= POLICY_MAX_DEPTH; depth++) {
		for (i = 1; i <= depth; i++) {
			(void)snprintf(name, sizeof(name), "d%d.yaml", i);
			(void)snprintf(text, sizeof(text), "modgate_policy: 1\n"
			    "name: d\n%s%d%s", i < depth ? "include: d" :
			    "# ", i + 1, i < depth ? ".yaml\n" : "\n");
			(void)scratch_write(name, text);
		}
		CHECK_EQ(load(HEAD "include: d1.yaml\n" MINE),
		    depth < POLICY_MAX_DEPTH);
	}
	CHECK_STR(message(), "d7.yaml:3:10: include: more than 8 files inside "
	    "each other");
	buf_add_str(&list, HEAD MINE "include: [");
	for (i = 1; i <= POLICY_MAX_FILES; i++) {
		(void)snprintf(name, sizeof(name), "d%d.yaml", i);
		(void)scratch_write(name, "modgate_policy: 1\nname: d\n");
		buf_addf(&list, "%s, ", name);
	}
	buf_add_str(&list, "]\n");
	CHECK(!load(buf_cstr(&list)));
	CHECK(strstr(err.text, "include: more than 64 files in one policy"));
	for (i = 1; i <= POLICY_MAX_FILES; i++) {
		(void)snprintf(name, sizeof(name), "d%d.yaml", i);
		(void)unlink(scratch_file(name));
	}
	buf_fini(&list);
}

static void
the_digest_is_over_all_files(void)
{
	static const char all[] = HEAD "include: base.yaml\nlists: {w: {file: "
	    "words.txt}}\nrules: [{id: c, on: prompt, match: {words: w}, "
	    "action: flag}]\n" BASE "word\n";
	unsigned char sum[SHA256_DIGEST_LENGTH];
	char want[65];
	size_t i;

	(void)scratch_write("base.yaml", BASE);
	(void)scratch_write("words.txt", "word\n");
	CHECK(load(HEAD "include: base.yaml\nlists: {w: {file: words.txt}}\n"
	    "rules: [{id: c, on: prompt, match: {words: w}, action: flag}]\n"));
	SHA256((const unsigned char *)all, sizeof(all) - 1, sum);
	for (i = 0; i < sizeof(sum); i++)
		(void)snprintf(want + 2 * i, 3, "%02x", sum[i]);
	CHECK_STR(policy ? policy->sha256 : "", want);
}

static void
tenants_may_have_policies_that_share_a_base(void)
{
	struct mg_error e = { { 0 } };
	const struct live_policy *a, *b;
	struct live *live;

	(void)scratch_write("base.yaml", BASE);
	(void)scratch_write("two.yaml", "modgate_policy: 1\nname: two\ninclude: "
	    "base.yaml\nrules:\n- {id: a, disabled: true}\n");
	(void)scratch_write("main.yaml", HEAD "include: base.yaml\n" MINE);
	live = live_load(scratch_write("modgate.yaml", "modgate: 1\n"
	    "upstreams: [{name: m, url: 'http://127.0.0.1:1'}]\npolicies:\n"
	    "- {policy: two.yaml, when: {tenants: [gallery]}}\n"
	    "- {policy: main.yaml, when: {tenants: ['*']}}\n"), NULL, &e);
	CHECK_STR(e.text, "");
	if (!live)
		return;
	a = live_policy(live, span_str("gallery"), span_str("m"));
	b = live_policy(live, span_str("press"), span_str("m"));
	CHECK_STR(a->policy->name, "two");
	CHECK_EQ(a->policy->n_rules, 1);
	CHECK_STR(b->policy->name, "main");
	CHECK_EQ(b->policy->n_rules, 3);
	CHECK(strcmp(a->policy->sha256, b->policy->sha256) != 0);
	live_unref(&live);
}

/* So that a change of any of them can be noticed. */
static void
every_file_is_noted_there_or_not(void)
{
	struct file_list noted = { 0 };
	struct mg_error e = { { 0 } };
	struct policy *p;
	bool base = false, none = false;
	size_t i;

	(void)scratch_write("base.yaml", BASE);
	p = policy_load_with(scratch_write("main.yaml", HEAD "include: "
	    "[base.yaml, none.yaml]\n" MINE), NULL, &noted, &e);
	CHECK(!p);
	for (i = 0; i < noted.n; i++) {
		base |= strstr(noted.items[i].path, "/base.yaml") != NULL;
		none |= strstr(noted.items[i].path, "/none.yaml") != NULL;
	}
	CHECK(base && none);
	file_list_fini(&noted);
	policy_unref(&p);
}

static void
bytes_alone_include_nothing(void)
{
	struct mg_error e = { { 0 } };

	CHECK(!policy_read("m.yaml", span_str(HEAD "include: base.yaml\n" MINE),
	    false, &e));
	CHECK_STR(e.text, "m.yaml:3:10: include: other files are not read here");
}

int
main(void)
{
	scratch_open();
	RUN(rules_and_lists_of_both_are_in_force);
	RUN(the_including_file_has_the_last_word);
	RUN(a_rule_may_be_replaced_or_switched_off);
	RUN(scores_are_merged_too);
	RUN(a_mistake_is_told_in_its_own_file);
	RUN(two_that_do_not_include_each_other_must_not_disagree);
	RUN(a_file_is_read_once_and_never_by_itself);
	RUN(files_inside_each_other_have_caps);
	RUN(the_digest_is_over_all_files);
	RUN(tenants_may_have_policies_that_share_a_base);
	RUN(every_file_is_noted_there_or_not);
	RUN(bytes_alone_include_nothing);
	policy_unref(&policy);
	scratch_close(files);
	return CHECK_DONE();
}
