/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_policy.c - any bytes as a policy: YAML, tree, rules, compiled filters.
 *
 * No file is touched. Whatever the bytes are, the result is a policy or a
 * message with a place, in valid UTF-8, and nothing leaks. */
#include <stdlib.h>

#include "gateway/policy_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sight {
	bool regex;		/* a key `regex` */
	size_t longest;		/* bytes of a text */
};

static void
look(const struct yaml_node *node, struct sight *sight)
{
	const struct yaml_node *child;

	if (node->text.len > sight->longest)
		sight->longest = node->text.len;
	if (span_is(node->key, "regex"))
		sight->regex = true;
	for (child = node->first; child; child = child->next)
		look(child, sight);
}

/* To compile a long pattern takes seconds under sanitizers, and is not what
 * is looked for here. */
static bool
takes_long(struct mg_span bytes)
{
	struct sight sight = { 0 };
	struct yaml_tree tree = { 0 };
	struct mg_error err = { 0 };

	if (yaml_read(&tree, "fuzz.yaml", bytes, &err) == 0)
		look(tree.root, &sight);
	yaml_fini(&tree);
	return sight.regex && sight.longest > 64;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mg_error err = { 0 };
	struct policy *policy;

	if (takes_long(span((const char *)data, size)))
		return 0;
	policy = policy_read("fuzz.yaml", span((const char *)data, size),
	    false, &err);
	if (!policy == !err.text[0])
		abort();
	if (!policy && (strncmp(err.text, "fuzz.yaml:", 10) != 0 ||
	    strlen(err.text) >= sizeof(err.text) - 1 ||
	    !utf8_valid(err.text, strlen(err.text))))
		abort();
	policy_unref(&policy);
	return 0;
}
