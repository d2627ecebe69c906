/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_test.c - `modgate test FILE…`: do policies do what their authors say?
 *
 * Tests stand beside a policy's rules or in files of their own; results go out
 * as text, as JSON, and as JUnit's XML for CI. */
#include <getopt.h>
#include <stdio.h>

#include "filters/registry.h"
#include "gateway/cmd.h"
#include "gateway/file.h"
#include "gateway/test_file.h"
#include "gateway/yaml.h"

struct run {
	struct filter_set filters;
	bool json;
	const char *junit;		/* where to write it; NULL: nowhere */
	const struct policy *policy;	/* whose tests run beside its rules */
	const char *file;
	size_t passed, failed, bad;
	struct buf failures;		/* JSON objects, with commas between */
	struct buf errors;		/* JSON strings, likewise */
	struct buf xml;			/* JUnit test cases */
};

static void
usage(FILE *out)
{
	fputs("usage: modgate test [options] FILE...\n\n"
	    "Runs the tests that stand beside a policy's rules, and those of "
	    "test files\n(`modgate_tests: 1`), through the whole policy. "
	    "Prints failures and a count.\n\n"
	    "      --filters FILE a plugin whose filters the policies may "
	    "name\n"
	    "      --json         for machines\n"
	    "      --junit FILE   also write JUnit's XML, as CI servers read "
	    "it\n"
	    "  -h, --help         this text\n\n"
	    "examples:\n"
	    "  modgate test policies/default.yaml\n"
	    "  modgate test --json policies/*.yaml | jq .failed\n"
	    "  modgate test --junit results.xml policy.yaml cases.yaml\n\n"
	    "A test file:\n"
	    "  modgate_tests: 1\n"
	    "  policy: policy.yaml        # beside this file\n"
	    "  tests:\n"
	    "    - expect: block          # pass, flag, redact or block\n"
	    "      on: prompt             # or answer; also role, tenant, "
	    "model\n"
	    "      rule: house-recipe     # only this rule counts\n"
	    "      texts: [祖传秘方, secret recipe]\n\n"
	    "Exit status: 0 all passed, 1 some failed, 2 wrong use or bad "
	    "file.\n", out);
}

/* A test's text may be a page long; its place says where the rest is. */
static struct mg_span
beginning(const char *text)
{
	enum { MOST = 120 };
	size_t len = strlen(text);

	return span(text, len > MOST ? utf8_whole(text, MOST) : len);
}

static void
report_json(struct run *run, const struct test_result *t)
{
	struct buf *out = &run->failures;

	buf_addf(out, "%s{\"file\":", out->len ? "," : "");
	buf_add_json(out, span_str(t->place.file));
	buf_addf(out, ",\"line\":%u,\"column\":%u,\"rule\":",
	    t->place.line, t->place.column);
	if (t->rule)
		buf_add_json(out, span_str(t->rule));
	else
		buf_add_str(out, "null");
	buf_addf(out, ",\"expect\":\"%s\",\"why\":", t->expect);
	buf_add_json(out, span_str(t->why));
	buf_add_str(out, ",\"text\":");
	buf_add_json(out, span_str(t->text));
	buf_add_byte(out, '}');
}

static void
report_text(const struct test_result *t)
{
	struct mg_span text = beginning(t->text);

	printf("%s:%u:%u: %s%s must %s \"%.*s\": %s\n", t->place.file,
	    t->place.line, t->place.column, t->rule ? "rule " : "policy ",
	    t->rule ? t->rule : t->policy, t->expect, (int)text.len,
	    text.ptr, t->why);
}

/* XML 1.0 section 2.2 has no place for most control characters, nor for
 * U+FFFE and U+FFFF: they stand as '?'. */
static void
add_xml(struct buf *out, struct mg_span text)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (i + 3 <= text.len && (memcmp(text.ptr + i, "\xef\xbf\xbe",
		    3) == 0 || memcmp(text.ptr + i, "\xef\xbf\xbf", 3) == 0)) {
			buf_add_byte(out, '?');
			i += 2;
		} else if (c == '<' || c == '&' || c == '"' || c == '\n' ||
		    c == '\t' || c == '\r') {
			buf_addf(out, "&#%u;", c);
		} else {
			buf_add_byte(out, c < 0x20 ? '?' : (char)c);
		}
	}
}

static void
report_junit(struct run *run, const struct test_result *t)
{
	struct buf *out = &run->xml;

	buf_add_str(out, "  <testcase classname=\"");
	add_xml(out, span_str(t->policy));
	if (t->rule) {
		buf_add_byte(out, '.');
		add_xml(out, span_str(t->rule));
	}
	buf_addf(out, "\" name=\"line %u: %s ", t->place.line, t->expect);
	add_xml(out, beginning(t->text));
	buf_add_str(out, "\" file=\"");
	add_xml(out, span_str(t->place.file));
	buf_addf(out, "\" line=\"%u\"", t->place.line);
	if (!t->why) {
		buf_add_str(out, "/>\n");
		return;
	}
	buf_add_str(out, "><failure message=\"");
	add_xml(out, span_str(t->why));
	buf_add_str(out, "\"/></testcase>\n");
}

static void
report(void *arg, const struct test_result *t)
{
	struct run *run = arg;

	if (run->junit)
		report_junit(run, t);
	if (!t->why) {
		run->passed++;
		return;
	}
	run->failed++;
	if (run->json)
		report_json(run, t);
	else
		report_text(t);
}

static void
report_beside(void *arg, const struct policy_rule *rule,
    const struct policy_test *test, const char *why)
{
	struct run *run = arg;
	struct test_result result = { test->place, run->policy->name,
		rule->id, test->expect_pass ? "pass" :
		policy_action_name(test->expect), test->text, why };

	report(run, &result);
}

static int
test_policy(struct run *run, const char *path, struct mg_error *err)
{
	struct policy *policy = policy_load_with(path, &run->filters, NULL,
	    err);

	if (!policy)
		return -1;
	run->policy = policy;
	policy_run_tests(policy, report_beside, run);
	policy_unref(&policy);
	return 0;
}

static void
report_bad(struct run *run, const struct mg_error *err)
{
	run->bad++;
	if (run->junit) {
		buf_add_str(&run->xml, "  <testcase classname=\"file\" "
		    "name=\"");
		add_xml(&run->xml, span_str(run->file));
		buf_add_str(&run->xml, "\"><error message=\"");
		add_xml(&run->xml, span_str(err->text));
		buf_add_str(&run->xml, "\"/></testcase>\n");
	}
	if (!run->json) {
		fprintf(stderr, "%s\n", err->text);
		return;
	}
	if (run->errors.len)
		buf_add_byte(&run->errors, ',');
	buf_add_json(&run->errors, span(err->text,
	    utf8_whole(err->text, strlen(err->text))));
}

static void
test_one(struct run *run, const char *path)
{
	struct mg_error err = { { 0 } };
	struct buf bytes = { 0 };
	int rc;

	run->file = path;
	rc = file_read(path, YAML_MAX_BYTES, NULL, &bytes, &err);
	if (rc == 0 && test_file_is_one(buf_span(&bytes)))
		rc = test_file_run(path, buf_span(&bytes), &run->filters,
		    report, run, &err);
	else if (rc == 0)
		rc = test_policy(run, path, &err);
	if (rc < 0)
		report_bad(run, &err);
	buf_fini(&bytes);
}

static int
write_junit(struct run *run)
{
	FILE *out = fopen(run->junit, "w");
	int rc;

	if (!out) {
		perror(run->junit);
		return -1;
	}
	fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<testsuite name=\"modgate test\" tests=\"%zu\" failures=\"%zu\" "
	    "errors=\"%zu\">\n", run->passed + run->failed + run->bad,
	    run->failed, run->bad);
	fputs(buf_cstr(&run->xml), out);
	fputs("</testsuite>\n", out);
	rc = ferror(out) ? -1 : 0;
	if (fclose(out) != 0 || rc < 0) {
		perror(run->junit);
		return -1;
	}
	return 0;
}

static int
test_files(struct run *run, char **files, int n)
{
	int i, rc;

	for (i = 0; i < n; i++)
		test_one(run, files[i]);
	if (run->json)
		printf("{\"passed\":%zu,\"failed\":%zu,\"failures\":[%s],"
		    "\"errors\":[%s]}\n", run->passed, run->failed,
		    buf_cstr(&run->failures), buf_cstr(&run->errors));
	else
		printf("%zu passed, %zu failed\n", run->passed, run->failed);
	rc = run->failed ? CMD_FOUND : CMD_DONE;
	if (run->bad || (run->junit && write_junit(run) < 0))
		rc = CMD_WRONG;
	buf_fini(&run->failures);
	buf_fini(&run->errors);
	buf_fini(&run->xml);
	return rc;
}

int
cmd_test(int argc, char **argv)
{
	static const struct option options[] = {
		{ "filters", required_argument, NULL, 'F' },
		{ "json", no_argument, NULL, 'j' },
		{ "junit", required_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct run run = { .json = false };
	int c, rc;

	optind = 1;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return CMD_DONE;
		}
		if (c == '?') {
			usage(stderr);
			return CMD_WRONG;
		}
		if (c == 'F' && cmd_filters(&run.filters, optarg) < 0)
			return CMD_WRONG;
		if (c == 'j')
			run.json = true;
		if (c == 'u')
			run.junit = optarg;
	}
	if (optind == argc) {
		usage(stderr);
		return CMD_WRONG;
	}
	rc = test_files(&run, argv + optind, argc - optind);
	filter_set_fini(&run.filters);
	return rc;
}
