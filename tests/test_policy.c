/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy.c - the policy language: what is taken, what each mistake says,
 * and every cap. */
#include <openssl/sha.h>

#include "gateway/file.h"
#include "gateway/policy_build.h"
#include "tests/check.h"
#include "tests/look.h"
#include "tests/scratch.h"

static struct policy *policy;
static struct mg_error err;

static const char *const files[] = { "p.yaml", "l.txt", "m.txt", "l.csv", NULL };

static bool
load(const char *text)
{
	policy_unref(&policy);
	memset(&err, 0, sizeof(err));
	policy = policy_load(scratch_write("p.yaml", text), &err);
	return policy != NULL;
}

/* A policy of one rule, which has what is given after its beginning. */
#define HEAD "modgate_policy: 1\nname: t\n"
#define RULE "rules:\n- id: r\n  on: prompt\n  match: {words: [bad]}\n" \
	"  action: block\n"
#define FLAG "rules:\n- id: r\n  on: prompt\n  match: {words: [bad]}\n" \
	"  action: flag\n"

#define CHECK_BAD(yaml, message) \
	do { \
		CHECK(!load(yaml)); \
		CHECK_STR(scratch_tail(err.text), "p.yaml:" message); \
	} while (0)

/* ---- the language ---- */

static void
gives_a_rule_its_defaults(void)
{
	const struct policy_rule *r;

	CHECK(load(HEAD RULE));
	CHECK_STR(err.text, "");
	CHECK_STR(policy->name, "t");
	CHECK_EQ(policy->n_rules, 1);
	CHECK(!policy->warnings[0]);
	r = &policy->rules[0];
	CHECK_STR(r->id, "r");
	CHECK_EQ(r->sides, SIDE_PROMPT);
	CHECK_EQ(r->action, ACTION_BLOCK);
	CHECK_EQ(r->mode, MODE_ENFORCE);
	CHECK_EQ(r->severity, SEVERITY_MEDIUM);
	CHECK_EQ(r->stream, STREAM_EXACT);
	CHECK(!r->allow_on_error);
	CHECK_STR(r->category, "custom");
	CHECK(!r->replacement && !r->redact && !r->n_kinds);
	CHECK(!r->tenants && !r->models);
	CHECK_EQ(r->roles, ROLE_ANY);
	CHECK_EQ(r->match.max_hold, 1024);
	CHECK(!r->match.except);
	CHECK_STR(r->filter->name, "words");
	CHECK_EQ(r->place.line, 4);
	CHECK(!policy->prompt_as_completion);
	CHECK(!policy->answer_as_error);
	CHECK_EQ(policy->n_messages, 0);
}

static void
reads_every_key_of_a_rule(void)
{
	const struct policy_rule *r;

	CHECK(load(HEAD "rules:\n- id: a-1\n  on: [prompt, answer]\n"
	    "  match: {regex: 'a+', case: insensitive}\n"
	    "  except: {regex: ['aaa', 'aaaa']}\n  action: redact\n"
	    "  with: '***'\n  mode: enforce\n  category: A1f\n"
	    "  severity: critical\n  on_error: allow\n  stream: sentence\n"
	    "  max_hold: 4KiB\n  when:\n    tenants: [x, 'y*']\n"
	    "    models: gpt-*\n    roles: [user, assistant]\n"
	    "  tests: {redact: a, pass: [b, c]}\n"));
	CHECK_STR(err.text, "");
	if (!policy)
		return;
	r = &policy->rules[0];
	CHECK_EQ(r->sides, SIDE_PROMPT | SIDE_ANSWER);
	CHECK_EQ(r->action, ACTION_REDACT);
	CHECK_STR(r->replacement, "***");
	CHECK_STR(r->category, "A1f");
	CHECK_EQ(r->severity, SEVERITY_CRITICAL);
	CHECK(r->allow_on_error);
	CHECK_EQ(r->stream, STREAM_SENTENCE);
	CHECK_EQ(r->match.max_hold, 4096);
	CHECK_STR(r->tenants[1], "y*");
	CHECK_STR(r->models[0], "gpt-*");
	CHECK_EQ(r->roles, ROLE_USER | ROLE_ASSISTANT);
	CHECK_EQ(r->match.match[0].n_items, 1);
	CHECK_EQ(r->match.match[0].items[0].place.line, 6);
	CHECK_EQ(r->match.except[0].n_items, 2);
	CHECK_EQ(r->n_tests, 3);
	CHECK(!r->tests[0].expect_pass);
	CHECK_EQ(r->tests[0].expect, ACTION_REDACT);
	CHECK(r->tests[2].expect_pass);
	CHECK_STR(r->tests[2].text, "c");
	CHECK_EQ(r->tests[2].place.line, 20);
}

static void
reads_how_a_refusal_looks(void)
{
	CHECK(load(HEAD RULE "refusal: {prompt: completion, answer: error, "
	    "message: {zh: 不行, en: no}}\n"));
	CHECK(policy->prompt_as_completion);
	CHECK(policy->answer_as_error);
	CHECK_EQ(policy->n_messages, 2);
	CHECK_STR(policy->messages[0].text, "不行");
	CHECK_STR(policy->messages[1].text, "no");
	CHECK(load(HEAD RULE "refusal: {message: {pt-BR: não, ja: だめ}}\n"));
	CHECK_STR(policy->messages[0].language, "pt-br");
	CHECK_BAD(HEAD RULE "refusal: {message: {english: no}}\n", "8:21: "
	    "message: 'english' is no language, as zh, en or pt-BR");
	CHECK_BAD(HEAD RULE "refusal: {message: {en-: no}}\n", "8:21: "
	    "message: 'en-' is no language, as zh, en or pt-BR");
	CHECK_BAD(HEAD RULE "refusal: {mesage: {en: no}}\n", "8:11: refusal: "
	    "unknown key 'mesage' (did you mean 'message'?)");
}

static void
opens_all_rules_of_a_filter_together(void)
{
	CHECK(load(HEAD "rules:\n"
	    "- {id: a, on: prompt, match: {words: [x]}, action: block}\n"
	    "- {id: b, on: prompt, match: {regex: y}, action: block}\n"
	    "- {id: c, on: answer, match: {words: [z]}, action: flag}\n"));
	CHECK_EQ(policy->n_engines, 2);
	CHECK_EQ(policy->rules[0].engine, policy->rules[2].engine);
	CHECK_EQ(policy->rules[0].engine_rule, 0);
	CHECK_EQ(policy->rules[2].engine_rule, 1);
	CHECK_EQ(policy->engines[policy->rules[2].engine].rules[1], 2);
	CHECK_EQ(look(policy, &policy->rules[2], "a z").found, 1);
	CHECK_EQ(look(policy, &policy->rules[2], "a z").at, 2);
	CHECK_EQ(look(policy, &policy->rules[2], "a x").found, 0);
	CHECK_EQ(look(policy, &policy->rules[1], "ay").found, 1);
}

static void
shelters_what_except_names(void)
{
	CHECK(load(HEAD "rules:\n- {id: a, on: prompt, match: {words: [暴力]},"
	    " except: {words: [暴力美学]}, action: block}\n"));
	CHECK_EQ(look(policy, &policy->rules[0], "暴力").found, 1);
	CHECK_EQ(look(policy, &policy->rules[0], "暴力美学").found, 0);
	CHECK_EQ(look(policy, &policy->rules[0], "暴力美学与暴力").found, 1);
}

static void
names_the_nearest_word_for_an_unknown_one(void)
{
	CHECK_BAD(HEAD RULE "  severty: high\n", "8:3: rule: unknown key "
	    "'severty' (did you mean 'severity'?)");
	CHECK_BAD(HEAD RULE "  severity: hihg\n", "8:13: severity: unknown "
	    "value 'hihg' (did you mean 'high'?)");
	CHECK_BAD(HEAD RULE "  category: A1z\n", "8:13: category: unknown "
	    "value 'A1z' (did you mean 'A1a'?)");
	CHECK_BAD(HEAD RULE "  when: {roles: usr}\n", "8:17: when.roles: "
	    "unknown value 'usr' (did you mean 'user'?)");
	CHECK_BAD(HEAD RULE "  except: {word: [x]}\n", "8:12: except: unknown "
	    "key 'word' (did you mean 'words'?)");
	CHECK_BAD(HEAD "rulse: []\n" RULE, "3:1: unknown key 'rulse' (did "
	    "you mean 'rules'?)");
}

#define MATCH(match) HEAD "rules:\n- id: r\n  on: prompt\n  action: block\n" \
	"  match: " match "\n"

static void
wants_exactly_one_filter(void)
{
	CHECK_BAD(MATCH("{wrods: [a]}"), "7:11: match: unknown filter 'wrods' "
	    "(did you mean 'words'?)");
	CHECK_BAD(MATCH("{}"), "7:10: match: names no filter");
	CHECK_BAD(MATCH("{words: [a], regex: b}"), "7:23: match: 'words' and "
	    "'regex' are two filters; write a rule for each, or any: or all: "
	    "over both");
	CHECK_BAD(MATCH("{words: [a], bordres: none}"), "7:23: match: unknown "
	    "key 'bordres' (did you mean 'borders'?)");
	CHECK_BAD(MATCH("bad"), "7:10: match: must be a map, not 'bad'");
	CHECK_BAD(MATCH("{words: []}"), "7:18: words: the list is empty");
	CHECK_BAD(MATCH("{words: [[a]]}"), "7:19: words: must be a text, not "
	    "a list");
}

static void
refuses_what_the_language_does_not_have_yet(void)
{
	CHECK(!load(HEAD "label: {explicit: none}\n" RULE));
	CHECK(!load(MATCH("{classifier: jailbreak, at_least: 0.9}")));
	CHECK(!load(MATCH("{judge: llama-guard}")));
	CHECK(!load(HEAD "rules:\n- {id: r, on: prompt, match: {words: [a]}, "
	    "action: hide}\n"));
	CHECK_STR(scratch_tail(err.text), "p.yaml:4:52: action: unknown value "
	    "'hide'; known: flag, redact, pseudonymize, block");
}

#define TAKES(on, more) HEAD "rules:\n- id: my-rule\n  on: " on "\n  match: {" \
	" words: [a] }\n  action: pseudonymize\n" more

static void
reads_what_pseudonymize_needs(void)
{
	CHECK(load(TAKES("prompt", "  as: CARD_NO\n  tests: {pseudonymize: a, "
	    "pass: b}\n")));
	CHECK_STR(err.text, "");
	if (!policy)
		return;
	CHECK_EQ(policy->rules[0].action, ACTION_PSEUDONYMIZE);
	CHECK_EQ(policy->rules[0].n_kinds, 1);
	CHECK_STR(policy->rules[0].kinds[0], "CARD_NO");
	CHECK_EQ(policy->rules[0].tests[0].expect, ACTION_PSEUDONYMIZE);
	CHECK(load(TAKES("prompt", "")));
	CHECK_STR(policy->rules[0].kinds[0], "MY_RULE");
	CHECK_BAD(TAKES("[prompt, answer]", ""), "5:7: on: `action: "
	    "pseudonymize` is for prompts alone; answers get back what it "
	    "took out of them");
	CHECK_BAD(TAKES("prompt", "  as: phone\n"), "8:7: as: a word of A-Z, "
	    "0-9 and single '_' that begins with a letter, such as PHONE, not "
	    "'phone'");
	CHECK_BAD(TAKES("prompt", "  as: A__B\n"), "8:7: as: a word of A-Z, "
	    "0-9 and single '_' that begins with a letter, such as PHONE, not "
	    "'A__B'");
	CHECK_BAD(TAKES("prompt", "  with: x\n"), "8:3: with: only `action: "
	    "redact` writes something, and this rule's is pseudonymize");
	CHECK_BAD(TAKES("prompt", "  tests: {redact: x}\n"), "8:11: tests: "
	    "this rule's action is pseudonymize, so write 'pseudonymize:'");
	CHECK_BAD(HEAD RULE "  as: X\n", "8:3: as: only `action: "
	    "pseudonymize` has placeholders, and this rule's is block");
	CHECK_BAD(HEAD RULE "  mask: x\n", "8:3: mask: only `action: redact` "
	    "writes something, and this rule's is block");
}

static void
reads_a_share_of_exchanges(void)
{
	CHECK(load(HEAD RULE "  sample: 10%\n"));
	CHECK(policy && policy->rules[0].sample_ppm == 100000);
	CHECK(load(HEAD RULE "  sample: 0.0001%\n"));
	CHECK(policy && policy->rules[0].sample_ppm == 1);
	CHECK(load(HEAD RULE "  sample: 100%\n"));
	CHECK_BAD(HEAD RULE "  sample: 0.5\n", "8:11: sample: '0.5' is not a "
	    "share, as 10% or 0.5%");
	CHECK_BAD(HEAD RULE "  sample: 1e1%\n", "8:11: sample: '1e1%' is not a "
	    "share, as 10% or 0.5%");
	CHECK_BAD(HEAD RULE "  sample: '%'\n", "8:11: sample: '%' is not a "
	    "share, as 10% or 0.5%");
	CHECK_BAD(HEAD RULE "  sample: 101%\n", "8:11: sample: 101% is not from "
	    "0.0001% to 100%");
	CHECK_BAD(HEAD RULE "  sample: 0%\n", "8:11: sample: 0% is not from "
	    "0.0001% to 100%");
}

static void
reads_scores(void)
{
	const struct policy_rule *r;
	struct buf text = { 0 };
	int i;

	CHECK(load(HEAD "rules:\n- {id: a, on: prompt, match: {words: [a]}, "
	    "score: 2}\n- {id: b, on: answer, match: {words: [a]}, action: "
	    "block, score: {add: 3, to: x}}\nscores:\n- {id: s, at_least: 2, "
	    "action: flag}\n- {id: t, of: x, per: exchange, at_least: 3, "
	    "on: answer, action: block, severity: high, category: A1b, "
	    "tests: {block: a, pass: [b]}}\n"));
	CHECK_STR(err.text, "");
	if (!policy)
		return;
	CHECK_EQ(policy->n_rules, 4);
	CHECK_EQ(policy->first_score, 2);
	r = policy->rules;
	CHECK_EQ(r[0].action, ACTION_FLAG);
	CHECK_EQ(r[0].score, 2);
	CHECK(!r[0].feeds && r[1].feeds);
	CHECK_EQ(r[1].action, ACTION_BLOCK);
	CHECK_STR(policy->sums[r[1].sum], "x");
	CHECK_STR(r[2].kind, "score");
	CHECK_EQ(r[2].sum, r[0].sum);
	CHECK_EQ(r[2].sides, SIDE_PROMPT | SIDE_ANSWER);
	CHECK(!r[2].per_exchange && r[3].per_exchange);
	CHECK_EQ(r[3].at_least, 3);
	CHECK_EQ(r[3].severity, SEVERITY_HIGH);
	CHECK_EQ(r[3].n_tests, 2);
	CHECK(!policy->warnings[0]);
	/* What does nothing is said. */
	CHECK(load(HEAD RULE "  score: 1\n"));
	CHECK_STR(scratch_tail(policy->warnings[0]), "p.yaml:4:3: score: no "
	    "`scores:` reads this sum");
	CHECK(load(HEAD RULE "scores:\n- {id: s, at_least: 1, action: flag}\n"));
	CHECK_STR(scratch_tail(policy->warnings[0]), "p.yaml:9:3: scores: no "
	    "rule adds to this sum");
	CHECK(load(HEAD RULE "  score: 4\nscores:\n- {id: s, at_least: 5, "
	    "action: flag}\n"));
	CHECK_STR(scratch_tail(policy->warnings[0]), "p.yaml:10:3: scores: "
	    "never reached, as all rules together add less");
	CHECK_BAD(HEAD RULE "scores: [{id: r, at_least: 1, action: flag}]\n",
	    "8:15: id: 'r' is taken, in line 4");
	CHECK_BAD(HEAD RULE "scores: [{id: s, at_least: 1, action: redact}]\n",
	    "8:39: action: unknown value 'redact'; known: flag, block");
	CHECK_BAD(HEAD RULE "scores: [{id: s, action: flag}]\n", "8:10: "
	    "scores: 'at_least' is missing: when the sum is so much");
	CHECK_BAD(HEAD RULE "  score: 0\n", "8:10: score: 0 is too little; "
	    "from 1 to 1k");
	CHECK_BAD(HEAD RULE "  score: {ad: 1}\n", "8:11: score: unknown key "
	    "'ad' (did you mean 'add'?)");
	buf_add_str(&text, HEAD RULE "scores:\n");
	for (i = 0; i <= POLICY_MAX_SUMS; i++)
		buf_addf(&text, "- {id: s%d, of: n%d, at_least: 1, action: "
		    "flag}\n", i, i);
	CHECK(!load(buf_cstr(&text)));
	CHECK(strstr(err.text, "more than 64 different sums"));
	buf_clear(&text);
	buf_add_str(&text, HEAD RULE "scores:\n");
	for (i = 0; i <= POLICY_MAX_SCORES; i++)
		buf_addf(&text, "- {id: s%d, at_least: 1, action: flag}\n", i);
	CHECK_BAD(buf_cstr(&text), "9:1: scores: from one to 256 of "
	    "them, not 257");
	buf_fini(&text);
}

static void
reads_how_far_a_rule_looks(void)
{
	struct buf text = { 0 };
	int i;

	CHECK(load(HEAD RULE "  scope: {messages: 3}\n- id: s\n  on: prompt\n"
	    "  match: {words: [a]}\n  action: flag\n  scope: {messages: 3}\n"));
	CHECK_STR(err.text, "");
	CHECK_EQ(policy->n_spans, 1);
	CHECK_EQ(policy->spans[0], 3);
	CHECK_EQ(policy->rules[1].span, 1);
	CHECK(load(HEAD RULE "  scope: {messages: 64}\n"));
	CHECK_BAD(HEAD RULE "  scope: {messages: 65}\n", "8:21: messages: 65 is "
	    "too much; from 1 to 64");
	CHECK_BAD(HEAD RULE "  scope: {}\n", "8:10: rule.scope: 'messages' is "
	    "missing: so many, the last ones by each role");
	CHECK_BAD(HEAD "rules:\n- id: r\n  on: answer\n  match: {words: [a]}\n"
	    "  action: flag\n  scope: {messages: 2}\n", "8:3: scope: messages "
	    "are joined in prompts, and this rule looks at answers");
	buf_add_str(&text, HEAD "rules:\n");
	for (i = 1; i <= POLICY_MAX_SPANS + 1; i++) {
		buf_addf(&text, "- {id: r%d, on: prompt, action: flag, match: "
		    "{words: [a]}, scope: {messages: %d}}\n", i, i);
		CHECK_EQ(load(buf_cstr(&text)), i <= POLICY_MAX_SPANS);
	}
	CHECK_STR(scratch_tail(err.text), "p.yaml:12:66: scope: at most 8 "
	    "different numbers of messages in one policy");
	buf_fini(&text);
}

static void
check_fold(const char *text, enum mg_fold fold, bool leet)
{
	CHECK(load(text));
	if (!policy)
		return;
	CHECK_EQ(policy->rules[0].match.fold, fold);
	CHECK_EQ(policy->rules[0].leet, leet);
}

static void
reads_how_texts_are_folded(void)
{
	const struct mg_item *item;

	check_fold(MATCH("{words: [a]}"), MG_FOLD_STRONG, false);
	check_fold(MATCH("{words: [a], fold: none}"), MG_FOLD_NONE, false);
	check_fold(MATCH("{words: [a], leet: true}"), MG_FOLD_STRONG, true);
	check_fold(MATCH("{regex: a, fold: basic}"), MG_FOLD_BASIC, false);
	check_fold(MATCH("{regex: a}"), MG_FOLD_NONE, false);
	/* Looked for as folded, kept as written. */
	CHECK(load(MATCH("{words: [Bömb]}")));
	item = policy->rules[0].match.match[0].items;
	CHECK_MEM(item->text.ptr, item->text.len, "Bömb");
	CHECK_EQ(look(policy, &policy->rules[0], "bomb").found, 1);
	CHECK_BAD(MATCH("{words: [a], fold: strongly}"), "7:29: fold: unknown "
	    "value 'strongly' (did you mean 'strong'?)");
	CHECK_BAD(MATCH("{words: [a], fold: basic, leet: true}"),
	    "7:36: leet: only with `fold: strong`");
	CHECK_BAD(MATCH("{words: [\"\\u200b\"]}"), "7:19: words: nothing is "
	    "left of this text when it is folded");
	CHECK(!load(HEAD RULE "  except: {words: [a], fold: none}\n"));
	CHECK(load(MATCH("{words: [a], views: [reversed, url]}")));
	CHECK_EQ(policy->rules[0].views, 1u << VIA_TEXT | 1u << VIA_REVERSED |
	    1u << VIA_URL);
	CHECK_EQ(policy->n_engines, 3);
	CHECK_BAD(MATCH("{regex: a, views: reversed}"), "7:28: views: reversed "
	    "and pinyin are for words, not for regex");
	CHECK_BAD(MATCH("{words: [a], fold: basic, views: [pinyin]}"),
	    "7:43: views: pinyin only with `fold: strong`");
	CHECK(!load(MATCH("{words: [a], views: [backwards]}")));
}

static void
says_what_a_rule_lacks(void)
{
	CHECK_BAD(HEAD "rules:\n- id: r\n", "4:3: rule: 'on' is missing: "
	    "prompt, answer, or both in brackets");
	CHECK_BAD(HEAD "rules: []\n", "3:8: rules: from one to 4096 of them, "
	    "not 0");
	CHECK_BAD("name: t\n" RULE, "1:1: 'modgate_policy' is missing: "
	    "version of this language: 1");
	CHECK_BAD("modgate_policy: 2\nname: t\n" RULE, "1:17: modgate_policy: "
	    "version '2' is not known here; this is version 1");
	CHECK_BAD("modgate_policy: 1\n" RULE, "1:1: 'name' is missing: the "
	    "policy's name in records");
	CHECK_BAD(HEAD RULE "  severity:\n", "8:3: severity: nothing is "
	    "written");
}

static void
refuses_ids_that_are_odd_or_taken(void)
{
	CHECK_BAD(HEAD "rules:\n- {id: R_1, on: prompt, match: {words: [a]}, "
	    "action: block}\n", "4:8: id: 'R_1' may hold a-z, 0-9 and '-' "
	    "only");
	CHECK_BAD(HEAD RULE "- {id: r, on: prompt, match: {words: [a]}, "
	    "action: block}\n", "8:8: id: 'r' is taken, in line 4");
}

static void
refuses_rules_that_contradict_themselves(void)
{
	CHECK_BAD(HEAD RULE "  with: x\n", "8:3: with: only `action: redact` "
	    "writes something, and this rule's is block");
	CHECK_BAD(HEAD RULE "  tests: {redact: x}\n", "8:11: tests: this "
	    "rule's action is block, so write 'block:'");
	CHECK_BAD(HEAD RULE "  tests: {pas: x}\n", "8:11: tests: unknown key "
	    "'pas' (did you mean 'pass'?)");
	CHECK_BAD(HEAD "rules:\n- id: r\n  on: answer\n  match: {words: [a]}\n"
	    "  action: block\n  when: {roles: [user]}\n", "8:17: when.roles: "
	    "answers are written by 'assistant' alone, so this rule would "
	    "never look");
	CHECK_BAD(HEAD "rules:\n- id: r\n  on: [prompt, prompt]\n  match: "
	    "{words: [a]}\n  action: block\n", "5:16: on: 'prompt' stands "
	    "twice");
	CHECK_BAD(HEAD RULE "  max_hold: 2MiB\n", "8:13: max_hold: 2MiB is "
	    "too much; from 16 to 1MiB");
}

static void
warns_of_what_has_no_effect(void)
{
	CHECK(load(HEAD FLAG "  stream: whole\n"));
	CHECK_STR(scratch_tail(policy->warnings[0]), "p.yaml:8:3: stream: has "
	    "no effect, as a rule that only notes holds nothing back");
	CHECK(!policy->warnings[1]);
	CHECK(load(HEAD "lists: {spare: [x]}\n" RULE));
	CHECK_STR(scratch_tail(policy->warnings[0]), "p.yaml:3:9: lists: no "
	    "rule uses 'spare'");
}

static void
warns_of_a_pattern_without_an_end(void)
{
	CHECK(load(MATCH("{regex: 'a.*b'}")));
	CHECK(policy->warnings[0] != NULL);
	if (policy->warnings[0])
		CHECK(strncmp(scratch_tail(policy->warnings[0]), "p.yaml:7:",
		    9) == 0);
}

static void
passes_on_what_a_filter_says_of_its_texts(void)
{
	CHECK(!load(MATCH("{regex: ['a', '(']}")));
	CHECK(strncmp(scratch_tail(err.text), "p.yaml:7:24: ", 13) == 0);
}

/* ---- lists ---- */

#define BY_LIST "rules:\n- {id: r, on: prompt, match: {words: w}, " \
	"action: block}\n"

static void
reads_lists_inline_and_from_files(void)
{
	const struct mg_value *words;

	CHECK(load(HEAD "lists: {w: [one, two]}\n" BY_LIST));
	CHECK_EQ(policy->rules[0].match.match[0].n_items, 2);
	scratch_write("l.txt", "\xef\xbb\xbf# words\r\n  炸弹 \r\n\r\n"
	    "\t# more\nC#\nlast");
	CHECK(load(HEAD BY_LIST "lists: {w: {file: l.txt}}\n"));
	words = &policy->rules[0].match.match[0];
	CHECK_EQ(words->n_items, 3);
	CHECK_MEM(words->items[0].text.ptr, words->items[0].text.len, "炸弹");
	CHECK_EQ(words->items[0].place.line, 2);
	CHECK_EQ(words->items[0].place.column, 3);
	CHECK_STR(scratch_tail(words->items[0].place.file), "l.txt");
	CHECK_MEM(words->items[1].text.ptr, words->items[1].text.len, "C#");
	CHECK_EQ(words->items[2].place.line, 6);
}

static void
refuses_lists_that_cannot_be_read(void)
{
	CHECK(!load(HEAD "lists: {w: {file: none.txt}}\n" BY_LIST));
	CHECK(strncmp(scratch_tail(err.text), "p.yaml:3:19: ", 13) == 0);
	CHECK(strstr(err.text, "none.txt: No such file or directory"));
	scratch_write("l.txt", "# nothing\n\n");
	CHECK_BAD(HEAD "lists: {w: {file: l.txt}}\n" BY_LIST, "3:12: w: the "
	    "list is empty");
	scratch_write("l.txt", "ok\nb\xff\n");
	CHECK(!load(HEAD "lists: {w: {file: l.txt}}\n" BY_LIST));
	CHECK_STR(scratch_tail(err.text), "l.txt:2:2: byte 0xFF is not UTF-8; "
	    "save the file as UTF-8, or see modgate lists import");
	scratch_write_bytes("l.txt", "a\0b\n", 4);
	CHECK(!load(HEAD "lists: {w: {file: l.txt}}\n" BY_LIST));
	CHECK_STR(scratch_tail(err.text), "l.txt:1:1: an entry cannot hold "
	    "the character U+0000");
	CHECK_BAD(HEAD "lists: {w: word}\n" BY_LIST, "3:12: w: write a list "
	    "in brackets, or { file: PATH }");
	CHECK_BAD(HEAD "lists: {w: {fle: l.txt}}\n" BY_LIST, "3:13: lists: "
	    "unknown key 'fle' (did you mean 'file'?)");
	CHECK_BAD(HEAD "lists: {'a b': [x]}\n" RULE, "3:9: lists: a name is 1 "
	    "to 64 letters, digits, '_' and '-'");
}

static void
takes_an_empty_list_that_is_meant_to_be_empty(void)
{
	static const char text[] = HEAD "lists: {w: {file: l.csv, empty: "
	    "allow}}\n" BY_LIST "- {id: s, on: prompt, match: {words: [b]}, "
	    "except: {words: w}, action: block}\n";

	scratch_write("l.csv", "word,severity,category\n");
	CHECK(load(HEAD "lists: {w: {file: l.csv, empty: allow}}\n" BY_LIST));
	CHECK_EQ(look(policy, &policy->rules[0], "a b").found, 0);
	CHECK_STR(scratch_tail(policy->warnings[0]), "p.yaml:3:12: w: the "
	    "list is empty, so that its rules find nothing");
	CHECK(load(text));
	CHECK_EQ(look(policy, &policy->rules[0], "a b").found, 0);
	CHECK_EQ(look(policy, &policy->rules[1], "a b").found, 1);
	scratch_write("l.csv", "word,severity,category\na,,\n");
	CHECK(load(text));
	CHECK(!policy->warnings[0]);
	CHECK_EQ(look(policy, &policy->rules[0], "a b").found, 1);
	CHECK_BAD(HEAD "lists: {w: {file: l.csv, empty: alow}}\n" BY_LIST,
	    "3:33: empty: unknown value 'alow' (did you mean 'allow'?)");
	CHECK_BAD(HEAD "lists: {w: {empty: allow}}\n" BY_LIST, "3:12: lists: "
	    "'file' is missing: beside the policy's file");
}

static void
leaves_gaps_alone_when_it_folds_words(void)
{
	CHECK(load(HEAD "rules:\n- {id: a, on: prompt, match: {words: "
	    "['Ｍake…{8}ＢOMB', '炸…{4}彈', 等等……]}, action: block}\n"));
	CHECK_EQ(look(policy, &policy->rules[0], "make a big bomb").found, 1);
	CHECK_EQ(look(policy, &policy->rules[0], "炸成了泥的弹").found, 1);
	CHECK_EQ(look(policy, &policy->rules[0], "炸成了一堆泥的弹").found,
	    0);
	CHECK_EQ(look(policy, &policy->rules[0], "等等……").found, 1);
	CHECK_EQ(look(policy, &policy->rules[0], "等等看").found, 0);
	CHECK(load(MATCH("{words: ['炸…{4}弹…药'], views: reversed}")
	    "  tests: {block: [药和弹成了泥的炸, 炸成了泥的弹和药], pass: "
	    "[药成了泥的弹和炸]}\n"));
	CHECK_EQ(policy_run_tests(policy, NULL, NULL), 0);
	CHECK_BAD(MATCH("{words: [a, '炸…{x}弹']}"), "7:22: words: a gap is "
	    "'…', or '…{1}' to '…{16}'");
}

/* What the rule says of its n-th entry: "category severity". */
static const char *
grade(uint32_t item)
{
	static char text[64];
	const struct policy_rule *r = &policy->rules[0];

	(void)snprintf(text, sizeof(text), "%s %s",
	    policy_category_of(r, item),
	    policy_severity_name(policy_severity_of(r, item)));
	return text;
}

#define GRADED "rules:\n- {id: r, on: prompt, match: {words: w}, action: " \
	"block, category: A1h, severity: low}\n"

static void
takes_severity_and_category_of_an_entry_from_csv(void)
{
	scratch_write("l.csv", "\xef\xbb\xbf" "word, severity,category,note\r\n"
	    "炸弹,critical,A1d,\r\n\n \"two, \"\"words\"\"\" ,,A1f,\"a\nb\"\r\n"
	    "plain\n#tag,high\n");
	CHECK(load(HEAD "lists: {w: {file: l.csv}}\n" GRADED));
	CHECK_EQ(policy->rules[0].n_grades, 4);
	CHECK_STR(grade(0), "A1d critical");
	CHECK_STR(grade(1), "A1f low");
	CHECK_STR(grade(2), "A1h low");
	CHECK_STR(grade(3), "A1h high");
	CHECK_STR(grade(4), "A1h low");		/* there is none */
	CHECK_STR(grade(POLICY_NO_ITEM), "A1h low");
	CHECK_EQ(look(policy, &policy->rules[0], "so two, \"words\"").found,
	    1);
	CHECK_EQ(policy->rules[0].match.match->items[3].place.line, 7);
}

static void
knows_csv_by_its_header_too(void)
{
	scratch_write("l.txt", "word,category\nbad,A4a\n");
	CHECK(load(HEAD "lists: {w: {file: l.txt}}\n" GRADED));
	CHECK_EQ(policy->rules[0].match.match->n_items, 1);
	CHECK_STR(grade(0), "A4a low");
	/* a list of words that looks like a header to nobody */
	scratch_write("l.txt", "word,mouth\nword\n");
	CHECK(load(HEAD "lists: {w: {file: l.txt}}\n" GRADED));
	CHECK_EQ(policy->rules[0].match.match->n_items, 2);
	CHECK(policy->rules[0].grades == NULL);
}

static void
takes_severity_and_category_of_an_entry_in_brackets(void)
{
	CHECK(load(HEAD "lists: {w: [{word: a, severity: high, note: n}, b, "
	    "{word: c, category: X1}]}\n" GRADED));
	CHECK_STR(grade(0), "A1h high");
	CHECK_STR(grade(1), "A1h low");
	CHECK_STR(grade(2), "X1 low");
	CHECK(load(MATCH("{words: [{word: a, severity: high}], borders: "
	    "none}")));
	CHECK_STR(grade(0), "custom high");
	CHECK(load(HEAD "rules:\n- id: r\n  on: prompt\n  action: block\n"
	    "  match: {borders: none, words: [a, {word: b, category: A1h}]}\n"
	    "  except: {words: [ab, {word: ac, severity: low}, ad]}\n"));
	CHECK_EQ(policy->rules[0].n_grades, 2);
	CHECK_STR(grade(1), "A1h medium");
}

#define BAD_CSV(csv, message) \
	do { \
		scratch_write("l.csv", csv); \
		CHECK(!load(HEAD "lists: {w: {file: l.csv}}\n" GRADED)); \
		CHECK_STR(scratch_tail(err.text), "l.csv:" message); \
	} while (0)

static void
says_where_an_entry_is_wrong_and_what_is_near(void)
{
	BAD_CSV("word,severity\na,high\n 中文, hihg\n", "3:6: severity: "
	    "unknown value 'hihg' (did you mean 'high'?)");
	BAD_CSV("word,category\na,A1z\n", "2:3: category: unknown value "
	    "'A1z' (did you mean 'A1a'?)");
	BAD_CSV("word,severty\n", "1:6: column: unknown value 'severty' (did "
	    "you mean 'severity'?)");
	BAD_CSV("severity\nhigh\n", "1:1: the column 'word' is missing");
	BAD_CSV("word,note,word\n", "1:11: column: 'word' stands twice");
	BAD_CSV("word,severity\n,high\n", "2:1: the row has no word");
	BAD_CSV("word,severity\na,high,x\n", "2:8: a field more than the "
	    "header has columns (2); a ',' inside a word wants \"…\" around "
	    "it");
	BAD_CSV("word\n\"a\nb\n", "2:1: a '\"' begins here and is never "
	    "closed");
	BAD_CSV("word\n\"a\"b\n", "2:4: a ',' or the end of the line is "
	    "wanted behind a quoted field");
	BAD_CSV("\n", "2:1: the header is missing: word,severity,category");
	CHECK_BAD(HEAD "lists: {w: [{word: a, severty: low}]}\n" GRADED,
	    "3:23: w: unknown key 'severty' (did you mean 'severity'?)");
	CHECK_BAD(HEAD "lists: {w: [{severity: low}]}\n" GRADED,
	    "3:13: w: 'word' is missing: what to look for");
	CHECK_BAD(HEAD "lists: {w: [{word: a, category: A1x}]}\n" GRADED,
	    "3:33: category: unknown value 'A1x' (did you mean 'A1a'?)");
}

static void
takes_so_many_fields_of_a_row_and_no_more(void)
{
	scratch_write("l.csv", "word\n,,,,,,,,,,,,,,,,\n");
	CHECK(!load(HEAD "lists: {w: {file: l.csv}}\n" GRADED));
	CHECK_STR(scratch_tail(err.text), "l.csv:2:17: more than 16 fields in "
	    "one row");
	scratch_write("l.csv", "word\n,,,,,,,,,,,,,,,\n");
	CHECK(!load(HEAD "lists: {w: {file: l.csv}}\n" GRADED));
	CHECK(strstr(err.text, "the header has columns (1)") != NULL);
}

static void
takes_a_bare_word_as_the_name_of_a_list_only(void)
{
	CHECK_BAD(HEAD "lists: {violence: [x]}\nrules:\n- id: r\n  on: "
	    "prompt\n  action: block\n  match: {words: voilence}\n", "8:18: "
	    "words: no list 'voilence' (did you mean 'violence'?)");
	CHECK_BAD(MATCH("{words: bad}"), "7:18: words: no list 'bad'; name "
	    "one of `lists:`, or write words in brackets: [bad]");
	/* A pattern is different: one is often all there is. */
	CHECK(load(MATCH("{regex: bad}")));
	CHECK_EQ(policy->rules[0].match.match[0].n_items, 1);
}

static void
lets_exceptions_name_lists_too(void)
{
	CHECK(load(HEAD "lists: {w: [暴力], e: [暴力美学]}\nrules:\n- {id: r, "
	    "on: prompt, match: {words: w}, except: {words: e}, action: "
	    "block}\n"));
	CHECK_EQ(look(policy, &policy->rules[0], "暴力美学").found, 0);
	CHECK(!policy->warnings[0]);
}

static void
takes_an_entry_of_so_many_bytes_and_no_more(void)
{
	char entry[POLICY_MAX_ITEM_BYTES + 2];

	memset(entry, 'a', sizeof(entry));
	scratch_write_bytes("l.txt", entry, POLICY_MAX_ITEM_BYTES + 1);
	CHECK(!load(HEAD "lists: {w: {file: l.txt}}\n" BY_LIST));
	CHECK_STR(scratch_tail(err.text), "l.txt:1:1: an entry of 4097 bytes; "
	    "at most 4096");
	/* The loader would take it; a word has its own, smaller cap. */
	scratch_write_bytes("l.txt", entry, POLICY_MAX_ITEM_BYTES);
	CHECK(!load(HEAD "lists: {w: {file: l.txt}}\n" BY_LIST));
	CHECK(strstr(err.text, "words:") != NULL);
}

static void
takes_so_many_entries_and_no_more(void)
{
	struct buf lines = { 0 };
	int i;

	for (i = 0; i < POLICY_MAX_ITEMS; i++)
		buf_add_str(&lines, "w\n");
	scratch_write_bytes("l.txt", lines.ptr, lines.len);
	CHECK(load(HEAD "lists: {w: {file: l.txt}}\n" RULE));
	buf_add_str(&lines, "w\n");
	scratch_write_bytes("l.txt", lines.ptr, lines.len);
	CHECK(!load(HEAD "lists: {w: {file: l.txt}}\n" RULE));
	CHECK_STR(scratch_tail(err.text), "l.txt:200001:1: more than 200000 "
	    "entries");
	buf_fini(&lines);
}

static void
takes_so_many_rules_and_no_more(void)
{
	struct buf text = { 0 };
	int i;

	buf_add_str(&text, HEAD "rules:\n");
	for (i = 0; i < POLICY_MAX_RULES; i++)
		buf_addf(&text, "- {id: r%d, on: prompt, match: {words: "
		    "[w%d]}, action: flag}\n", i, i);
	CHECK(load(buf_cstr(&text)));
	CHECK_EQ(policy->n_rules, POLICY_MAX_RULES);
	buf_add_str(&text, "- {id: last, on: prompt, match: {words: [w]}, "
	    "action: flag}\n");
	CHECK(!load(buf_cstr(&text)));
	CHECK(strstr(err.text, "rules: from one to 4096 of them, not 4097"));
	buf_fini(&text);
}

static void
takes_so_many_lists_and_no_more(void)
{
	struct buf text = { 0 };
	int i;

	buf_add_str(&text, HEAD RULE "lists:\n");
	for (i = 0; i <= POLICY_MAX_LISTS; i++)
		buf_addf(&text, "  l%d: [w]\n", i);
	CHECK(!load(buf_cstr(&text)));
	CHECK(strstr(err.text, "lists: 1025 of them; at most 1024"));
	buf_fini(&text);
}

static void
takes_a_list_file_of_so_many_bytes_and_no_more(void)
{
	struct buf lines = { 0 };

	memset(buf_reserve(&lines, POLICY_MAX_LIST_BYTES + 1), '\n',
	    POLICY_MAX_LIST_BYTES + 1);
	lines.ptr[0] = 'w';
	scratch_write_bytes("l.txt", lines.ptr, POLICY_MAX_LIST_BYTES);
	CHECK(load(HEAD "lists: {w: {file: l.txt}}\n" BY_LIST));
	scratch_write_bytes("l.txt", lines.ptr, POLICY_MAX_LIST_BYTES + 1);
	CHECK(!load(HEAD "lists: {w: {file: l.txt}}\n" BY_LIST));
	CHECK(strstr(err.text, "has more than 16777216 bytes"));
	buf_fini(&lines);
}

static void
takes_a_test_of_so_many_bytes_and_no_more(void)
{
	struct buf text = { 0 };

	buf_add_str(&text, HEAD RULE "  tests: {pass: ");
	memset(buf_reserve(&text, POLICY_MAX_TEST_BYTES), 'a',
	    POLICY_MAX_TEST_BYTES);
	text.len += POLICY_MAX_TEST_BYTES;
	buf_add_str(&text, "}\n");
	CHECK(load(buf_cstr(&text)));
	text.len -= 2;
	buf_add_str(&text, "a}\n");
	CHECK(!load(buf_cstr(&text)));
	CHECK(strstr(err.text, "tests: 65537 bytes; at most 65536"));
	buf_fini(&text);
}

/* ---- identity and life ---- */

static void
sha256_of(const char *text, char out[65])
{
	unsigned char sum[SHA256_DIGEST_LENGTH];
	size_t i;

	SHA256((const unsigned char *)text, strlen(text), sum);
	for (i = 0; i < sizeof(sum); i++)
		(void)snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

/* As `cat policy list | sha256sum` prints it. */
static void
is_known_by_a_hash_of_the_file_and_its_lists(void)
{
	char want[65];

	CHECK(load(HEAD RULE));
	sha256_of(HEAD RULE, want);
	CHECK_STR(policy->sha256, want);
	scratch_write("l.txt", "one\n");
	scratch_write("m.txt", "two\n");
	CHECK(load(HEAD "lists: {w: {file: l.txt}, v: {file: m.txt}}\n"
	    BY_LIST));
	sha256_of(HEAD "lists: {w: {file: l.txt}, v: {file: m.txt}}\n"
	    BY_LIST "one\ntwo\n", want);
	CHECK_STR(policy->sha256, want);
	scratch_write("l.txt", "# one\n\none\n");
	CHECK(load(HEAD "lists: {w: {file: l.txt}, v: {file: m.txt}}\n"
	    BY_LIST));
	CHECK(strcmp(policy->sha256, want) != 0);
}

static void
lives_as_long_as_its_last_reference(void)
{
	struct policy *other;

	CHECK(load(HEAD RULE));
	other = policy_ref(policy);
	policy_unref(&policy);
	CHECK(!policy);
	CHECK_EQ(look(other, &other->rules[0], "so bad").found, 1);
	policy_unref(&other);
	CHECK(!other);
	policy_unref(&other);
}

static void
has_words_for_its_values(void)
{
	CHECK_STR(policy_action_name(ACTION_REDACT), "redact");
	CHECK_STR(policy_severity_name(SEVERITY_CRITICAL), "critical");
	CHECK_STR(policy_role_name(ROLE_TOOL), "tool");
}

static void
touches_no_file_when_told_so(void)
{
	const char *text = HEAD "lists: {w: {file: l.txt}}\n" BY_LIST;
	struct policy *p;

	memset(&err, 0, sizeof(err));
	p = policy_read("x.yaml", span_str(text), false, &err);
	CHECK(!p);
	CHECK_STR(err.text, "x.yaml:3:19: w: lists in files are not read "
	    "here");
}

int
main(void)
{
	scratch_open();
	RUN(gives_a_rule_its_defaults);
	RUN(reads_every_key_of_a_rule);
	RUN(reads_how_a_refusal_looks);
	RUN(opens_all_rules_of_a_filter_together);
	RUN(shelters_what_except_names);
	RUN(names_the_nearest_word_for_an_unknown_one);
	RUN(wants_exactly_one_filter);
	RUN(refuses_what_the_language_does_not_have_yet);
	RUN(reads_a_share_of_exchanges);
	RUN(reads_scores);
	RUN(reads_how_far_a_rule_looks);
	RUN(reads_how_texts_are_folded);
	RUN(says_what_a_rule_lacks);
	RUN(refuses_ids_that_are_odd_or_taken);
	RUN(refuses_rules_that_contradict_themselves);
	RUN(warns_of_what_has_no_effect);
	RUN(warns_of_a_pattern_without_an_end);
	RUN(passes_on_what_a_filter_says_of_its_texts);
	RUN(reads_lists_inline_and_from_files);
	RUN(refuses_lists_that_cannot_be_read);
	RUN(takes_an_empty_list_that_is_meant_to_be_empty);
	RUN(leaves_gaps_alone_when_it_folds_words);
	RUN(takes_severity_and_category_of_an_entry_from_csv);
	RUN(knows_csv_by_its_header_too);
	RUN(takes_severity_and_category_of_an_entry_in_brackets);
	RUN(says_where_an_entry_is_wrong_and_what_is_near);
	RUN(takes_so_many_fields_of_a_row_and_no_more);
	RUN(takes_a_bare_word_as_the_name_of_a_list_only);
	RUN(lets_exceptions_name_lists_too);
	RUN(takes_an_entry_of_so_many_bytes_and_no_more);
	RUN(takes_so_many_entries_and_no_more);
	RUN(takes_so_many_rules_and_no_more);
	RUN(takes_so_many_lists_and_no_more);
	RUN(takes_a_list_file_of_so_many_bytes_and_no_more);
	RUN(takes_a_test_of_so_many_bytes_and_no_more);
	RUN(reads_what_pseudonymize_needs);
	RUN(is_known_by_a_hash_of_the_file_and_its_lists);
	RUN(lives_as_long_as_its_last_reference);
	RUN(has_words_for_its_values);
	RUN(touches_no_file_when_told_so);
	policy_unref(&policy);
	scratch_close(files);
	return CHECK_DONE();
}
