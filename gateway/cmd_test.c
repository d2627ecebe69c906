/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_test.c - `modgate test POLICY…`: do the rules find what their authors
 * say, and nothing of what they say must pass? */
#include <getopt.h>
#include <stdio.h>

#include "filters/registry.h"
#include "gateway/buf.h"
#include "gateway/cmd.h"
#include "gateway/policy.h"

struct run {
	struct filter_set filters;
	bool json;
	size_t passed, failed;
	struct buf failures;		/* JSON objects, with commas between */
};

static void
usage(FILE *out)
{
	fputs("usage: modgate test [--json] [--filters FILE.so]... POLICY...\n\n"
	    "Runs the tests that stand beside the rules, through the whole "
	    "policy. Prints\nfailures and a count.\n\n"
	    "      --filters FILE  a plugin whose filters the policies may "
	    "name\n"
	    "      --json          for machines\n\n"
	    "  modgate test policies/default.yaml\n"
	    "  modgate test --json policies/*.yaml | jq .failed\n\n"
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
report_json(struct run *run, const struct policy_rule *rule,
    const struct policy_test *test, const char *why)
{
	struct buf *out = &run->failures;

	buf_addf(out, "%s{\"file\":", out->len ? "," : "");
	buf_add_json(out, span_str(test->place.file));
	buf_addf(out, ",\"line\":%u,\"column\":%u,\"rule\":",
	    test->place.line, test->place.column);
	buf_add_json(out, span_str(rule->id));
	buf_addf(out, ",\"expect\":\"%s\",\"why\":", test->expect_pass ?
	    "pass" : policy_action_name(test->expect));
	buf_add_json(out, span_str(why));
	buf_add_str(out, ",\"text\":");
	buf_add_json(out, span_str(test->text));
	buf_add_byte(out, '}');
}

static void
report(void *arg, const struct policy_rule *rule,
    const struct policy_test *test, const char *why)
{
	struct run *run = arg;
	struct mg_span text = beginning(test->text);

	if (!why) {
		run->passed++;
		return;
	}
	run->failed++;
	if (run->json)
		report_json(run, rule, test, why);
	else
		printf("%s:%u:%u: rule %s must %s \"%.*s\": %s\n",
		    test->place.file, test->place.line, test->place.column,
		    rule->id, test->expect_pass ? "pass" :
		    policy_action_name(test->expect), (int)text.len, text.ptr,
		    why);
}

/* False: the file is bad, and err says why. */
static bool
test_file(struct run *run, const char *path, struct mg_error *err)
{
	struct policy *policy = policy_load_with(path, &run->filters, err);

	if (!policy)
		return false;
	policy_run_tests(policy, report, run);
	policy_unref(&policy);
	return true;
}

static int
test_files(struct run *run, char **files, int n)
{
	struct buf errors = { 0 };
	int i, bad = 0;

	for (i = 0; i < n; i++) {
		struct mg_error err = { 0 };

		if (test_file(run, files[i], &err))
			continue;
		if (run->json && bad)
			buf_add_byte(&errors, ',');
		if (run->json)
			buf_add_json(&errors, span(err.text,
			    utf8_whole(err.text, strlen(err.text))));
		else
			fprintf(stderr, "%s\n", err.text);
		bad++;
	}
	if (run->json)
		printf("{\"passed\":%zu,\"failed\":%zu,\"failures\":[%s],"
		    "\"errors\":[%s]}\n", run->passed, run->failed,
		    buf_cstr(&run->failures), buf_cstr(&errors));
	else
		printf("%zu passed, %zu failed\n", run->passed, run->failed);
	buf_fini(&run->failures);
	buf_fini(&errors);
	if (bad)
		return CMD_WRONG;
	return run->failed ? CMD_FOUND : CMD_DONE;
}

int
cmd_test(int argc, char **argv)
{
	static const struct option options[] = {
		{ "filters", required_argument, NULL, 'F' },
		{ "json", no_argument, NULL, 'j' },
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
		if (c == 'F' && cmd_filters(&run.filters, optarg) < 0)
			return CMD_WRONG;
		if (c != 'j' && c != 'F') {
			usage(stderr);
			return CMD_WRONG;
		}
		run.json |= c == 'j';
	}
	if (optind == argc) {
		usage(stderr);
		return CMD_WRONG;
	}
	rc = test_files(&run, argv + optind, argc - optind);
	filter_set_fini(&run.filters);
	return rc;
}
