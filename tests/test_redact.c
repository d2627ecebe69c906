/* SPDX-License-Identifier: Apache-2.0 */
/* test_redact.c - templates of redactions: what they write, and what is said
 * of those that cannot be read. */
#include "gateway/buf.h"
#include "gateway/policy_build.h"
#include "gateway/redact.h"
#include "tests/check.h"

#define HEAD "modgate_policy: 1\nname: t\nrules:\n  - id: hide-it\n" \
	"    on: prompt\n    match: { words: [a] }\n    action: redact\n" \
	"    category: X3\n"

static struct mg_error err;

static struct policy *
load(const char *lines)
{
	struct policy *policy;
	struct buf text = { 0 };

	memset(&err, 0, sizeof(err));
	buf_addf(&text, HEAD "%s", lines);
	policy = policy_read("p.yaml", buf_span(&text), false, &err);
	buf_fini(&text);
	return policy;
}

/* What the lines of a rule make of a match; to be used before the next. */
static const char *
writes(const char *lines, const char *value)
{
	static struct buf out;
	struct policy *policy = load(lines);
	struct redact_facts facts = { .kind = span_str("email"),
		.value = span_str(value), .tenant = span_str("t") };

	buf_clear(&out);
	CHECK_STR(err.text, "");
	if (!policy)
		return "";
	facts.id = policy->rules[0].id;
	facts.category = policy->rules[0].category;
	if (policy->rules[0].redact)
		redact_write(policy->rules[0].redact, &facts, &out);
	else
		buf_add_str(&out, policy->rules[0].replacement);
	policy_unref(&policy);
	return buf_cstr(&out);
}

/* The same for a `with:`. */
static const char *
with(const char *template, const char *value)
{
	char line[512];

	(void)snprintf(line, sizeof(line), "    with: '%s'\n", template);
	return writes(line, value);
}

static void
fails(const char *lines, const char *text)
{
	struct policy *policy = load(lines);

	CHECK(!policy);
	CHECK_STR(err.text, text);
	policy_unref(&policy);
}

static void
a_text_without_braces_is_written_as_it_is(void)
{
	CHECK_STR(writes("", "x"), "[redacted]");
	CHECK_STR(with("[电话]", "x"), "[电话]");
	CHECK_STR(with("", "x"), "");
	CHECK_STR(with("{{{{x}}}}", "y"), "{{x}}");
}

static void
shows_the_last_and_the_first_characters(void)
{
	CHECK_STR(with("[phone ****{last4}]", "13800138000"),
	    "[phone ****8000]");
	CHECK_STR(with("[phone ****{last:4}]", "13800138000"),
	    "[phone ****8000]");
	CHECK_STR(with("{first:3}****{last4}", "13800138000"),
	    "138****8000");
	CHECK_STR(with("{first1}先生", "欧阳锋"), "欧先生");
}

static void
a_mask_has_the_length_of_what_is_not_shown(void)
{
	CHECK_STR(with("{mask}", "13800138000"), "***********");
	CHECK_STR(with("{first3}{mask}{last4}", "13800138000"),
	    "138****8000");
	CHECK_STR(writes("    mask: '█'\n", "机密文件"), "████");
	CHECK_STR(writes("    mask: '#'\n    with: '<{mask}>'\n", "abc"),
	    "<###>");
	CHECK_STR(writes("    mask: '×'\n    with: '{last2}'\n", "ab"),
	    "××");
}

/* Or the rule would tell what it is there to hide. */
static void
a_match_that_would_be_shown_whole_is_masked_whole(void)
{
	CHECK_STR(with("{last4}", "8000"), "****");
	CHECK_STR(with("{last4}", "80"), "**");
	CHECK_STR(with("{first3}{mask}{last4}", "1234567"), "*******");
	CHECK_STR(with("{first3}{mask}{last4}", "12345"), "*****");
	CHECK_STR(with("{first3}{mask}{last4}", "12"), "**");
	CHECK_STR(with("{first3}{mask}{last4}", "12345678"), "123*5678");
	CHECK_STR(with("{first3}-{first1}", "abcd"), "abc-a");
}

/* Decomposed é, a family, a flag, a conjoining Hangul syllable. */
static void
characters_are_whole_with_all_that_belongs_to_them(void)
{
	CHECK_STR(with("{last1}|{mask}", "ae\u0301"), "e\u0301|*");
	CHECK_STR(with("{first1}|{mask}", "e\u0301a"), "e\u0301|*");
	CHECK_STR(with("{last1}|{mask}", "a\U0001f468\u200d\U0001f469\u200d"
	    "\U0001f466"), "\U0001f468\u200d\U0001f469\u200d\U0001f466|*");
	CHECK_STR(with("{last1}|{mask}", "x\U0001f1e8\U0001f1f3"),
	    "\U0001f1e8\U0001f1f3|*");
	CHECK_STR(with("{mask}", "\u1112\u1161\u11ab"), "*");
	CHECK_STR(with("{last2}", "春天𠮷野家"), "野家");
	CHECK_STR(with("{last3}", "春天𠮷野家"), "𠮷野家");
}

static void
tells_the_rule_its_category_and_the_kind(void)
{
	struct graphemes *graphemes = graphemes_new();
	struct yaml_tree tree = { 0 };
	struct arena arena = { 0 };
	struct reading r = { .file = "p.yaml", .arena = &arena, .err = &err };
	struct redact_source source = { .has_kinds = true,
		.graphemes = graphemes };
	struct redact_facts facts = { "i", "c", span_str("email"),
		span_str("value"), span_str("t"), NULL };
	struct redact *redact;
	struct buf out = { 0 };
	char *plain;

	CHECK_STR(with("[{id} {category}]", "x"), "[hide-it X3]");
	CHECK_EQ(yaml_read(&tree, "p.yaml", span_str("with: '<{kind}>'"),
	    &err), 0);
	source.with = tree.root->first;
	CHECK_EQ(redact_read(&r, &source, &plain, &redact), 0);
	redact_write(redact, &facts, &out);
	CHECK_STR(buf_cstr(&out), "<email>");
	buf_fini(&out);
	yaml_fini(&tree);
	arena_fini(&arena);
	graphemes_free(graphemes);
}

static void
hashes_with_the_tenant_s_key(void)
{
	struct hash_key *key = hash_key_throwaway();
	struct policy *policy = load("    with: '#{hash:12}'\n");
	struct redact_facts facts = { "i", "c", span("", 0), span_str("v"),
		span_str("t"), key };
	char token[HASH_TOKEN_MAX + 1], want[HASH_TOKEN_MAX + 2];
	struct buf out = { 0 };

	hash_key_token(key, span_str("t"), span_str("v"), 12, token);
	(void)snprintf(want, sizeof(want), "#%s", token);
	redact_write(policy->rules[0].redact, &facts, &out);
	CHECK_STR(buf_cstr(&out), want);
	/* Without a key nothing is told, and nothing pretended. */
	CHECK_STR(with("{hash:4}", "x"), "????");
	buf_fini(&out);
	policy_unref(&policy);
	hash_key_free(key);
}

static void
what_cannot_be_read_is_said_with_its_place(void)
{
	fails("    with: '[{lost4}]'\n", "p.yaml:9:13: with: unknown "
	    "placeholder 'lost' (did you mean 'last'?)");
	fails("    with: 电{x}\n", "p.yaml:9:12: with: unknown placeholder "
	    "'x'; known: id, category, kind, mask, first, last, hash");
	fails("    with: '{last}'\n", "p.yaml:9:12: with: {last} wants a "
	    "number from 1 to 64, as in {last:4}");
	fails("    with: '{last0}'\n", "p.yaml:9:12: with: {last} wants a "
	    "number from 1 to 64, as in {last:4}");
	fails("    with: '{last65}'\n", "p.yaml:9:12: with: {last} wants a "
	    "number from 1 to 64, as in {last:4}");
	fails("    with: '{hash:3}'\n", "p.yaml:9:12: with: {hash} wants a "
	    "number from 4 to 64, as in {hash:12}");
	fails("    with: '{mask:3}'\n", "p.yaml:9:12: with: {mask} takes no "
	    "number");
	fails("    with: 'a{last4'\n", "p.yaml:9:13: with: a '{' that is not "
	    "closed; write {{ for a brace");
	fails("    with: 'a}'\n", "p.yaml:9:13: with: a '}' that closes "
	    "nothing; write }} for a brace");
	fails("    with: '[{kind}]'\n", "p.yaml:9:13: with: {kind} is for "
	    "filters that have kinds, and this rule's has none");
	fails("    mask: '**'\n", "p.yaml:9:11: mask: one character, not 2");
	fails("    mask: '#'\n    with: x\n", "p.yaml:9:5: mask: has no "
	    "effect, as `with:` holds no {mask}");
}

int
main(void)
{
	RUN(a_text_without_braces_is_written_as_it_is);
	RUN(shows_the_last_and_the_first_characters);
	RUN(a_mask_has_the_length_of_what_is_not_shown);
	RUN(a_match_that_would_be_shown_whole_is_masked_whole);
	RUN(characters_are_whole_with_all_that_belongs_to_them);
	RUN(tells_the_rule_its_category_and_the_kind);
	RUN(hashes_with_the_tenant_s_key);
	RUN(what_cannot_be_read_is_said_with_its_place);
	return CHECK_DONE();
}
