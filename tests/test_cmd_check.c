/* SPDX-License-Identifier: Apache-2.0 */
/* test_cmd_check.c - `modgate check` and `modgate test`, as a shell sees them:
 * status, standard output, standard error. */
#include <jansson.h>

#include "gateway/buf.h"
#include "gateway/cmd.h"
#include "gateway/file.h"
#include "tests/check.h"
#include "tests/scratch.h"

#define POLICY "modgate_policy: 1\nname: t\nrules:\n- {id: r, on: prompt, " \
	"match: {words: [bad]}, action: block, tests: {block: "
#define GOOD POLICY "so bad, pass: fine}}\n"
#define FAILS POLICY "good, pass: fine}}\n"
#define BROKEN "modgate_policy: 1\nname: t\nruels: []\n"
#define CONFIG "modgate: 1\nupstreams: [{name: a, url: \"http://h\"}]\n"

static struct buf out, err_out;

static const char *const files[] = { "good.yaml", "fails.yaml", "broken.yaml",
	"config.yaml", "other.yaml", "out", "err", NULL };

static void
take(const char *name, struct buf *to)
{
	struct mg_error err = { 0 };

	buf_clear(to);
	CHECK_EQ(file_read(scratch_file(name), 1 << 20, NULL, to, &err), 0);
	(void)buf_cstr(to);
}

/* Sends a stream to a file of the scratch folder; returns the way back. */
static int
divert(FILE *stream, const char *name)
{
	int saved, fd;
	FILE *file;

	(void)fflush(stream);
	saved = dup(fileno(stream));
	file = fopen(scratch_file(name), "w");
	if (saved < 0 || !file)
		abort();
	fd = dup2(fileno(file), fileno(stream));
	if (fd < 0 || fclose(file) != 0)
		abort();
	return saved;
}

static void
restore(FILE *stream, int saved)
{
	(void)fflush(stream);
	if (dup2(saved, fileno(stream)) < 0 || close(saved) != 0)
		abort();
}

/* Runs a command with up to three arguments; names of the scratch folder are
 * made paths. */
static int
run(int (*command)(int, char **), const char *a, const char *b, const char *c)
{
	const char *given[] = { a, b, c, NULL };
	char *argv[5], name[] = "command";
	int argc = 0, i, status, saved_out, saved_err;

	argv[argc++] = name;
	for (i = 0; given[i]; i++)
		argv[argc++] = strdup(given[i][0] == '-' ? given[i] :
		    scratch_file(given[i]));
	argv[argc] = NULL;
	saved_out = divert(stdout, "out");
	saved_err = divert(stderr, "err");
	status = command(argc, argv);
	restore(stdout, saved_out);
	restore(stderr, saved_err);
	for (i = 1; i < argc; i++)
		free(argv[i]);
	take("out", &out);
	take("err", &err_out);
	return status;
}

static json_t *
answer(void)
{
	return json_loads(out.ptr, JSON_REJECT_DUPLICATES, NULL);
}

static void
says_ok_for_each_good_file(void)
{
	CHECK_EQ(run(cmd_check, "good.yaml", "config.yaml", NULL), CMD_DONE);
	CHECK(strstr(out.ptr, "good.yaml: policy, rules: 1, tests: 2, "
	    "warnings: 0\n"));
	CHECK(strstr(out.ptr, "config.yaml: configuration, upstreams: 1, "
	    "policies: 1, rules: 1, tests: 2, warnings: 0\n"));
	CHECK_EQ(err_out.len, 0);
}

static void
says_where_a_bad_file_is_bad_and_goes_on(void)
{
	CHECK_EQ(run(cmd_check, "broken.yaml", "good.yaml", NULL), CMD_WRONG);
	CHECK_STR(scratch_tail(err_out.ptr), "broken.yaml:3:1: unknown key "
	    "'ruels' (did you mean 'rules'?)\n");
	CHECK(strstr(out.ptr, "OK "));
	CHECK_EQ(run(cmd_check, "none.yaml", NULL, NULL), CMD_WRONG);
	CHECK_STR(scratch_tail(err_out.ptr),
	    "none.yaml: No such file or directory\n");
	CHECK_EQ(run(cmd_check, "other.yaml", NULL, NULL), CMD_WRONG);
	CHECK_STR(scratch_tail(err_out.ptr), "other.yaml:1:1: neither a "
	    "configuration (modgate: 1) nor a policy (modgate_policy: 1)\n");
}

static void
checks_the_policies_that_a_configuration_names(void)
{
	scratch_write("config.yaml", CONFIG "policies: [{policy: "
	    "broken.yaml}]\n");
	CHECK_EQ(run(cmd_check, "config.yaml", NULL, NULL), CMD_WRONG);
	CHECK(strncmp(scratch_tail(err_out.ptr), "broken.yaml:3:1: ", 17) ==
	    0);
	scratch_write("config.yaml", CONFIG);
	CHECK_EQ(run(cmd_check, "config.yaml", NULL, NULL), CMD_DONE);
	CHECK(strstr(out.ptr, "names no policy, so no text may pass"));
	scratch_write("config.yaml", CONFIG "policies: [{policy: "
	    "good.yaml}]\n");
}

static void
checks_all_that_serve_would(void)
{
	/* A policy whose own tests fail is not put in force. */
	scratch_write("config.yaml", CONFIG "policies: [{policy: "
	    "fails.yaml}]\n");
	CHECK_EQ(run(cmd_check, "config.yaml", NULL, NULL), CMD_WRONG);
	CHECK_STR(scratch_tail(err_out.ptr), "fails.yaml:4:76: rule 'r': its "
	    "test failed: as a prompt, the rule found nothing; modgate test "
	    "shows them all\n");
	CHECK_EQ(run(cmd_check, "fails.yaml", NULL, NULL), CMD_WRONG);
	/* A certificate that is not there. */
	scratch_write("config.yaml", CONFIG "listen:\n- address: "
	    "127.0.0.1:1\n  tls: {cert: none.pem, key: none.pem}\n");
	CHECK_EQ(run(cmd_check, "config.yaml", NULL, NULL), CMD_WRONG);
	CHECK(strncmp(scratch_tail(err_out.ptr), "config.yaml:5:8: ", 17) ==
	    0);
	CHECK(strstr(err_out.ptr, "none.pem: cannot read the certificate"));
	/* A policy that is not there, and what it might have been. */
	scratch_write("config.yaml", CONFIG "policies:\n- policy: "
	    "good.yml\n");
	CHECK_EQ(run(cmd_check, "config.yaml", NULL, NULL), CMD_WRONG);
	CHECK(strncmp(scratch_tail(err_out.ptr), "config.yaml:4:3: ", 17) ==
	    0);
	CHECK(strstr(err_out.ptr, "good.yml: No such file or directory (did "
	    "you mean '"));
	CHECK(strstr(err_out.ptr, "/good.yaml'?)\n"));
	scratch_write("config.yaml", CONFIG "policies: [{policy: "
	    "/nowhere/else.yaml}]\n");
	CHECK_EQ(run(cmd_check, "config.yaml", NULL, NULL), CMD_WRONG);
	CHECK(strstr(err_out.ptr, "else.yaml: No such file or directory\n"));
}

static void
warns_of_rules_and_policies_that_do_nothing(void)
{
	scratch_write("other.yaml", "modgate_policy: 1\nname: t\nrules:\n"
	    "- {id: r, on: prompt, match: {words: [bad]}, action: block,\n"
	    "   tests: {pass: fine}}\n");
	CHECK_EQ(run(cmd_check, "other.yaml", NULL, NULL), CMD_DONE);
	CHECK(strstr(scratch_tail(out.ptr), "other.yaml:4:3: rule 'r' has no "
	    "test that shows it at work; write one under tests\n"));
	scratch_write("config.yaml", CONFIG "policies:\n"
	    "- {policy: good.yaml, when: {tenants: [a, b]}}\n"
	    "- {policy: good.yaml, when: {tenants: [b], models: x}}\n"
	    "- {policy: good.yaml, when: {tenants: \"*\"}}\n"
	    "- {policy: good.yaml, when: {models: y}}\n");
	CHECK_EQ(run(cmd_check, "config.yaml", NULL, NULL), CMD_DONE);
	CHECK(strstr(out.ptr, "config.yaml:5:3: this policy is never in "
	    "force: that of line 4 comes first and takes all it would\n"));
	CHECK(strstr(out.ptr, "config.yaml:7:3: this policy is never in "
	    "force: that of line 6 comes first"));
	CHECK(strstr(out.ptr, "config.yaml:6:3: ") == NULL);
	CHECK(strstr(out.ptr, "warnings: 2\n"));
	scratch_write("config.yaml", CONFIG "policies: [{policy: "
	    "good.yaml}]\n");
}

static void
warns_of_rules_that_a_configuration_keeps_silent(void)
{
	scratch_write("fails.yaml", "modgate_policy: 1\nname: t\nrules:\n"
	    "- {id: a, on: prompt, match: {words: [x]}, action: flag, when: "
	    "{tenants: [galery]}}\n"
	    "- {id: b, on: prompt, match: {words: [x]}, action: flag, when: "
	    "{models: [claude-*]}}\n"
	    "- {id: c, on: prompt, match: {words: [x]}, action: flag, when: "
	    "{tenants: [press], models: ['?pt-4']}}\n");
	scratch_write("config.yaml", "modgate: 1\nupstreams: [{name: a, url: "
	    "'http://h', models: ['gpt-*']}]\npolicies:\n"
	    "- {policy: fails.yaml, when: {tenants: [gallery]}}\n"
	    "- {policy: fails.yaml, when: {tenants: [press]}}\n"
	    "- {policy: good.yaml, when: {models: [gpt-4]}}\n- {policy: "
	    "good.yaml, when: {models: [gtp-4]}}\n");
	CHECK_EQ(run(cmd_check, "config.yaml", NULL, NULL), CMD_DONE);
	CHECK(strstr(out.ptr, "fails.yaml:4:3: when.tenants: this rule never "
	    "looks, as the configuration binds its policy to other "
	    "tenants\n"));
	CHECK(strstr(out.ptr, "fails.yaml:5:3: when.models: this rule never "
	    "looks, as no upstream serves a model of these\n"));
	/* A rule that looks under one of two bindings looks. */
	CHECK(!strstr(out.ptr, "fails.yaml:6:3: when"));
	CHECK(strstr(out.ptr, "config.yaml:7:3: this policy is never in force: "
	    "no upstream serves a model of its when\n"));
	scratch_write("fails.yaml", FAILS);
	scratch_write("config.yaml", CONFIG "policies: [{policy: "
	    "good.yaml}]\n");
}

static void
checks_in_json_too(void)
{
	json_t *json, *first;

	CHECK_EQ(run(cmd_check, "--json", "good.yaml", "broken.yaml"),
	    CMD_WRONG);
	json = answer();
	CHECK(json_is_false(json_object_get(json, "ok")));
	first = json_array_get(json_object_get(json, "files"), 0);
	CHECK(json_is_true(json_object_get(first, "ok")));
	CHECK_EQ(json_integer_value(json_object_get(first, "tests")), 2);
	CHECK_EQ(json_string_length(json_object_get(first, "sha256")), 64);
	first = json_array_get(json_object_get(json, "files"), 1);
	CHECK(json_is_false(json_object_get(first, "ok")));
	CHECK(strstr(json_string_value(json_object_get(first, "error")),
	    "broken.yaml:3:1: unknown key"));
	json_decref(json);
}

static void
runs_the_tests_of_a_policy(void)
{
	CHECK_EQ(run(cmd_test, "good.yaml", NULL, NULL), CMD_DONE);
	CHECK_STR(out.ptr, "2 passed, 0 failed\n");
	CHECK_EQ(run(cmd_test, "good.yaml", "fails.yaml", NULL), CMD_FOUND);
	CHECK_STR(scratch_tail(out.ptr), "fails.yaml:4:76: rule r must block "
	    "\"good\": as a prompt, the rule found nothing\n"
	    "3 passed, 1 failed\n");
	CHECK_EQ(run(cmd_test, "fails.yaml", "broken.yaml", NULL), CMD_WRONG);
	CHECK(strstr(err_out.ptr, "broken.yaml:3:1: unknown key"));
	CHECK(strstr(out.ptr, "1 passed, 1 failed\n"));
}

static void
runs_them_in_json_too(void)
{
	json_t *json, *first;

	CHECK_EQ(run(cmd_test, "--json", "fails.yaml", "broken.yaml"),
	    CMD_WRONG);
	json = answer();
	CHECK_EQ(json_integer_value(json_object_get(json, "passed")), 1);
	CHECK_EQ(json_integer_value(json_object_get(json, "failed")), 1);
	first = json_array_get(json_object_get(json, "failures"), 0);
	CHECK_EQ(json_integer_value(json_object_get(first, "line")), 4);
	CHECK(json_string_value(json_object_get(first, "rule")) != NULL);
	CHECK_EQ(json_array_size(json_object_get(json, "errors")), 1);
	json_decref(json);
}

static void
explains_itself_and_wants_a_file(void)
{
	CHECK_EQ(run(cmd_check, "--help", NULL, NULL), CMD_DONE);
	CHECK(strstr(out.ptr, "modgate check policies/*.yaml"));
	CHECK_EQ(run(cmd_test, "--help", NULL, NULL), CMD_DONE);
	CHECK(strstr(out.ptr, "modgate test policies/default.yaml"));
	CHECK_EQ(run(cmd_check, NULL, NULL, NULL), CMD_WRONG);
	CHECK_EQ(run(cmd_test, NULL, NULL, NULL), CMD_WRONG);
	CHECK_EQ(run(cmd_test, "--nonsense", "good.yaml", NULL), CMD_WRONG);
	CHECK_EQ(out.len, 0);
}

int
main(void)
{
	scratch_open();
	scratch_write("good.yaml", GOOD);
	scratch_write("fails.yaml", FAILS);
	scratch_write("broken.yaml", BROKEN);
	scratch_write("other.yaml", "hello: world\n");
	scratch_write("config.yaml", CONFIG "policies: [{policy: "
	    "good.yaml}]\n");
	RUN(says_ok_for_each_good_file);
	RUN(says_where_a_bad_file_is_bad_and_goes_on);
	RUN(checks_the_policies_that_a_configuration_names);
	RUN(warns_of_rules_that_a_configuration_keeps_silent);
	RUN(checks_all_that_serve_would);
	RUN(warns_of_rules_and_policies_that_do_nothing);
	RUN(checks_in_json_too);
	RUN(runs_the_tests_of_a_policy);
	RUN(runs_them_in_json_too);
	RUN(explains_itself_and_wants_a_file);
	buf_fini(&out);
	buf_fini(&err_out);
	scratch_close(files);
	return CHECK_DONE();
}
