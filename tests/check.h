/* SPDX-License-Identifier: Apache-2.0 */
/* tests/check.h - the little a unit test needs.
 *
 * A test is a function whose name is a sentence about behaviour. A failed
 * check prints both sides and goes on; the program's last line counts, and its
 * status says whether all passed. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Unused where only the checks are wanted, as in a bench. */
static unsigned check_passed __attribute__((unused));
static unsigned check_failed __attribute__((unused));
static bool check_test_failed __attribute__((unused));

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "%s:%d: in %s: %s\n", __FILE__, \
			    __LINE__, __func__, #cond); \
			check_test_failed = true; \
		} \
	} while (0)

#define CHECK_EQ(a, b) \
	do { \
		intmax_t check_a = (intmax_t)(a), check_b = (intmax_t)(b); \
		if (check_a != check_b) { \
			fprintf(stderr, "%s:%d: in %s: %s is %" PRIdMAX \
			    ", not %" PRIdMAX "\n", __FILE__, __LINE__, \
			    __func__, #a, check_a, check_b); \
			check_test_failed = true; \
		} \
	} while (0)

#define CHECK_MEM(ptr, len, str) \
	do { \
		size_t check_n = (size_t)(len), check_m = strlen(str); \
		if (check_n != check_m || \
		    (check_n && memcmp((ptr), (str), check_n) != 0)) { \
			fprintf(stderr, "%s:%d: in %s: %s is \"%.*s\", not " \
			    "\"%s\"\n", __FILE__, __LINE__, __func__, #ptr, \
			    (int)check_n, check_n ? (const char *)(ptr) : "", \
			    (str)); \
			check_test_failed = true; \
		} \
	} while (0)

#define CHECK_STR(a, b) CHECK_MEM((a), strlen(a), (b))

#define RUN(test) \
	do { \
		check_test_failed = false; \
		test(); \
		if (check_test_failed) { \
			check_failed++; \
			fprintf(stderr, "FAIL %s\n", #test); \
		} else { \
			check_passed++; \
		} \
	} while (0)

/* Ends main(): `return CHECK_DONE();` */
#define CHECK_DONE() \
	(printf("%s: %u passed, %u failed\n", __FILE__, check_passed, \
	    check_failed), check_failed > 0)

#endif
