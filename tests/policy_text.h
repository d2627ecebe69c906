/* SPDX-License-Identifier: Apache-2.0 */
/* tests/policy_text.h - a policy from a string, for tests that need one. */
#ifndef TESTS_POLICY_TEXT_H
#define TESTS_POLICY_TEXT_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/policy.h"

/* rules: the YAML below `rules:`, and what may follow. Ends the program when it does not load. */
static inline struct policy *
policy_text(const char *rules)
{
	char path[] = "/tmp/modgate-test-XXXXXX";
	int fd = mkstemp(path);
	struct mg_error err = { { 0 } };
	struct policy *policy;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f)
		abort();
	fprintf(f, "modgate_policy: 1\nname: test\nrules:\n%s", rules);
	fclose(f);
	policy = policy_load(path, &err);
	(void)unlink(path);
	if (!policy) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	return policy;
}

#endif
