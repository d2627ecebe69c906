/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy_expr.c - `any:`, `all:` and `not:` as a policy writes them: what
 * is taken, what each mistake says, and every cap. */
#include "gateway/buf.h"
#include "gateway/policy_build.h"
#include "tests/check.h"
#include "tests/scratch.h"

static struct policy *policy;
static struct mg_error err;

static const char *const files[] = { "p.yaml", NULL };

/* A policy of one rule that blocks answers. */
static bool
load(const char *match, const char *more)
{
	struct buf text = { 0 };

	buf_addf(&text, "modgate_policy: 1\nname: t\nrules:\n- id: r\n"
	    "  on: answer\n  action: block\n  match: %s\n%s", match, more);
	policy_unref(&policy);
	memset(&err, 0, sizeof(err));
	policy = policy_load(scratch_write("p.yaml", buf_cstr(&text)), &err);
	buf_fini(&text);
	return policy != NULL;
}

#define CHECK_BAD(match, more, message) \
	do { \
		CHECK(!load(match, more)); \
		CHECK_STR(scratch_tail(err.text), "p.yaml:" message); \
	} while (0)

static void
makes_parts_of_a_rule(void)
{
	const struct policy_rule *r, *part;

	CHECK(load("{all: [{words: [a]}, {any: [{regex: bed}, {words: [c], "
	    "except: {words: [cd]}}]}]}", "  max_hold: 2KiB\n"));
	CHECK_STR(err.text, "");
	if (!policy)
		return;
	CHECK_EQ(policy->n_rules, 1);
	CHECK_EQ(policy->n_looks, 4);
	CHECK_EQ(policy->n_combos, 1);
	r = &policy->rules[0];
	CHECK_STR(r->kind, "all");
	CHECK(!r->filter && r->expr && !r->negates);
	CHECK_EQ(r->stream, STREAM_EXACT);
	CHECK_EQ(r->n_parts, 3);
	part = &policy->rules[r->parts + 2];
	CHECK(part->owner == r && !part->expr);
	CHECK_STR(part->kind, "words");
	CHECK_STR(part->id, "r");
	CHECK_EQ(part->part, 2);
	CHECK_EQ(part->match.max_hold, 2048);
	CHECK_EQ(part->match.except[0].n_items, 1);
	CHECK_EQ(part->sides, SIDE_ANSWER);
	CHECK(!policy->warnings[0]);
}

static void
an_exception_may_stand_inside_the_match(void)
{
	CHECK(load("{words: [a], except: {words: [ab]}}", ""));
	if (policy)
		CHECK_EQ(policy->rules[0].match.except[0].n_items, 1);
	CHECK_BAD("{words: [a], except: {words: [ab]}}",
	    "  except: {words: [b]}\n",
	    "7:23: except: stands beside `match:` too");
}

static void
not_waits_for_whole_texts_and_check_says_so(void)
{
	CHECK(load("{not: {words: [a]}}", ""));
	if (!policy)
		return;
	CHECK(policy->rules[0].negates);
	CHECK_EQ(policy->rules[0].stream, STREAM_WHOLE);
	CHECK_STR(scratch_tail(policy->warnings[0]), "p.yaml:7:3: match: "
	    "`not` is known at the end of a text only, so streams wait for "
	    "whole texts (stream: whole)");
	CHECK(load("{not: {words: [a]}}", "  stream: whole\n"));
	CHECK(policy && !policy->warnings[0]);
}

static void
says_what_is_wrong(void)
{
	CHECK_BAD("{any: []}", "", "7:16: any: the list is empty");
	CHECK_BAD("{any: {words: [a]}}", "",
	    "7:16: any: must be a list, not a map");
	CHECK_BAD("{not: [{words: [a]}]}", "",
	    "7:16: not: must be a map, not a list");
	CHECK_BAD("{any: [{words: [a]}], words: [b]}", "",
	    "7:10: any: nothing may stand beside it");
	CHECK_BAD("{any: [a]}", "", "7:17: match: must be a map, not 'a'");
	CHECK_BAD("{al: [{words: [a]}]}", "",
	    "7:11: match: unknown filter 'al' (did you mean 'all'?)");
	CHECK_BAD("{all: [{wrods: [a]}]}", "",
	    "7:18: match: unknown filter 'wrods' (did you mean 'words'?)");
	CHECK_BAD("{all: [{words: [a]}]}", "  except: {words: [b]}\n",
	    "8:3: except: beside all it could mean any of its filters; write "
	    "it behind the one that it is of");
	CHECK_BAD("{words: [a], regex: b}", "", "7:23: match: 'words' and "
	    "'regex' are two filters; write a rule for each, or any: or all: "
	    "over both");
}

static void
what_is_not_there_cannot_be_redacted(void)
{
	struct buf text = { 0 };
	const char *const match[] = { "{not: {words: [a]}}",
		"{all: [{words: [b]}, {not: {words: [a]}}]}" };
	size_t i;

	for (i = 0; i < 2; i++) {
		buf_clear(&text);
		buf_addf(&text, "modgate_policy: 1\nname: t\nrules:\n- id: r\n"
		    "  on: answer\n  action: redact\n  match: %s\n", match[i]);
		policy_unref(&policy);
		memset(&err, 0, sizeof(err));
		policy = policy_load(scratch_write("p.yaml",
		    buf_cstr(&text)), &err);
		CHECK_EQ(policy != NULL, i == 1);
		if (i == 0)
			CHECK_STR(scratch_tail(err.text), "p.yaml:7:3: match: "
			    "what is under `not` has no place to change, so "
			    "the action must be flag or block");
	}
	buf_fini(&text);
}

static void
nests_and_lists_no_deeper_and_longer_than_the_caps(void)
{
	struct buf text = { 0 };
	size_t i;

	CHECK(load("{not: {not: {any: [{all: [{words: [a]}]}]}}}", ""));
	CHECK_BAD("{not: {not: {any: [{all: [{not: {words: [a]}}]}]}}}", "",
	    "7:37: not: more than 4 of any, all and not inside each other");
	buf_add_str(&text, "{any: [{words: [w0]}");
	for (i = 1; i < POLICY_MAX_PARTS; i++)
		buf_addf(&text, ", {words: [w%zu]}", i);
	buf_add_str(&text, "]}");
	CHECK(load(buf_cstr(&text), ""));
	text.len -= 2;
	buf_add_str(&text, ", {words: [w]}]}");
	CHECK_BAD(buf_cstr(&text), "",
	    "7:16: any: more than 32 filters in one rule");
	buf_clear(&text);
	buf_add_str(&text, "{any: [{all: [");
	for (i = 0; i < POLICY_MAX_PARTS; i++)
		buf_addf(&text, "{words: [w%zu]},", i);
	buf_add_str(&text, "]}, {words: [w]}]}");
	CHECK(!load(buf_cstr(&text), ""));
	CHECK(strstr(err.text, "match: more than 32 filters in one rule"));
	buf_fini(&text);
}

static void
all_rules_together_have_so_many_parts(void)
{
	struct buf text = { 0 };
	int i, k, n = POLICY_MAX_LOOKS / POLICY_MAX_PARTS;

	buf_add_str(&text, "modgate_policy: 1\nname: t\nrules:\n");
	for (i = 0; i < n + 1; i++) {
		buf_addf(&text, "- {id: r%d, on: answer, action: block, "
		    "match: {any: [", i);
		for (k = 0; k < (i < n ? POLICY_MAX_PARTS : 1); k++)
			buf_addf(&text, "{words: [w%d]},", k);
		buf_add_str(&text, "]}}\n");
		if (i < n - 1)
			continue;
		policy_unref(&policy);
		memset(&err, 0, sizeof(err));
		policy = policy_load(scratch_write("p.yaml",
		    buf_cstr(&text)), &err);
		CHECK_EQ(policy != NULL, i < n);
	}
	CHECK(strstr(err.text,
	    "match: more than 8192 filters in rules of several"));
	buf_fini(&text);
}

int
main(void)
{
	scratch_open();
	RUN(makes_parts_of_a_rule);
	RUN(an_exception_may_stand_inside_the_match);
	RUN(not_waits_for_whole_texts_and_check_says_so);
	RUN(says_what_is_wrong);
	RUN(what_is_not_there_cannot_be_redacted);
	RUN(nests_and_lists_no_deeper_and_longer_than_the_caps);
	RUN(all_rules_together_have_so_many_parts);
	policy_unref(&policy);
	scratch_close(files);
	return CHECK_DONE();
}
