/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_policy.c - any bytes as a policy: YAML, tree, rules, compiled filters.
 *
 * No file is touched. Whatever the bytes are, the result is a policy or a
 * message with a place, in valid UTF-8, and nothing leaks. */
#include <stdlib.h>

#include "gateway/policy_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mg_error err = { 0 };
	struct policy *policy;

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
