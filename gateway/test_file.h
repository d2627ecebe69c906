/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/test_file.h - tests of a policy that stand in a file of their own.
 *
 *   modgate_tests: 1
 *   policy: default.yaml          # beside this file
 *   tests:
 *     - expect: block             # pass, or an action: what becomes of a text
 *       rule: weapons-asked       # and this rule must say so, or must not
 *       on: prompt                # or answer
 *       role: user
 *       tenant: default
 *       model: gpt-4o
 *       texts: ["…"]
 *
 * Without `rule` the ruling of the whole policy counts. */
#ifndef GATEWAY_TEST_FILE_H
#define GATEWAY_TEST_FILE_H

#include "gateway/policy.h"

/* One test that has run. Borrowed; gone when the call returns. */
struct test_result {
	struct mg_place place;
	const char *policy;	/* its name */
	const char *rule;	/* id; NULL: the policy as a whole */
	const char *expect;	/* pass, flag, redact, block … */
	const char *text;
	const char *why;	/* NULL: it passed */
};

/* Whether bytes are such a file rather than a policy. */
bool test_file_is_one(struct mg_span bytes);
/* Runs all tests of a file. filters: as policy_load_with(). Returns 0, or -1
 * with err filled; report may have been called before. */
int test_file_run(const char *path, struct mg_span bytes,
    const struct filter_set *filters,
    void (*report)(void *arg, const struct test_result *result), void *arg,
    struct mg_error *err);

#endif
