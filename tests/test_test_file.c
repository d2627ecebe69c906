/* SPDX-License-Identifier: Apache-2.0 */
/* test_test_file.c - tests that stand in a file of their own, and JUnit's
 * XML. */
#include "gateway/cmd.h"
#include "gateway/test_file.h"
#include "tests/command.h"

#define POLICY "modgate_policy: 1\nname: t\nrules:\n" \
	"- {id: a, on: [prompt, answer], match: {words: [bad]}, " \
	"action: block}\n" \
	"- {id: b, on: answer, match: {words: [odd]}, action: flag, " \
	"when: {tenants: [x]}}\n"
#define HEAD "modgate_tests: 1\npolicy: p.yaml\ntests:\n"

static const char *const files[] = { "p.yaml", "t.yaml", "junit.xml", "out",
	"err", NULL };

static int
run(const char *tests)
{
	scratch_write("t.yaml", tests);
	return COMMAND(cmd_test, "{t.yaml}");
}

static void
judges_by_the_whole_policy_or_one_rule(void)
{
	CHECK_EQ(run(HEAD "- {expect: block, texts: [bad, so bad]}\n"
	    "- {expect: pass, texts: [fine, odd]}\n"
	    "- {expect: flag, on: answer, tenant: x, rule: b, texts: [odd]}\n"
	    "- {expect: pass, on: answer, rule: b, texts: [bad, odd]}\n"
	    "- {expect: block, role: tool, model: m, texts: [bad]}\n"),
	    CMD_DONE);
	CHECK_STR(command_out.ptr, "8 passed, 0 failed\n");
}

static void
says_what_failed_and_where(void)
{
	CHECK_EQ(run(HEAD "- {expect: pass, texts: [bad]}\n"
	    "- expect: block\n  rule: a\n  texts:\n  - fine\n"), CMD_FOUND);
	CHECK(command_said(&command_out, "t.yaml:4:26: policy t must pass "
	    "\"bad\": the ruling is block, by a\n"));
	CHECK(command_said(&command_out, "t.yaml:8:5: rule a must block "
	    "\"fine\": the rule found nothing\n"));
	CHECK(command_said(&command_out, "0 passed, 2 failed\n"));
}

static void
mistakes_are_told_with_their_place(void)
{
	CHECK_EQ(run(HEAD "- {expect: blok, texts: [bad]}\n"), CMD_WRONG);
	CHECK(command_said(&command_err, "t.yaml:4:12: expect: unknown value 'blok'"));
	CHECK_EQ(run(HEAD "- {expect: block, rule: c, texts: [bad]}\n"),
	    CMD_WRONG);
	CHECK(command_said(&command_err, "policy t has no rule 'c'"));
	CHECK_EQ(run(HEAD "- {expect: flag, rule: a, texts: [bad]}\n"),
	    CMD_WRONG);
	CHECK(command_said(&command_err, "the action of rule 'a' is block"));
	CHECK_EQ(run(HEAD "- {expect: block, text: [bad]}\n"), CMD_WRONG);
	CHECK(command_said(&command_err, "did you mean 'texts'"));
	CHECK_EQ(run("modgate_tests: 1\npolicy: none.yaml\ntests: []\n"),
	    CMD_WRONG);
	CHECK(command_said(&command_err, "none.yaml: No such file"));
	CHECK_EQ(run("modgate_tests: 2\npolicy: p.yaml\ntests: []\n"),
	    CMD_WRONG);
}

static void
junit_is_well_formed(void)
{
	struct buf xml = { 0 };
	struct mg_error err = { { 0 } };

	scratch_write("t.yaml", HEAD "- {expect: block, texts: [bad, "
	    "\"<&>\\\"\\x01\\uFFFF\"]}\n");
	CHECK_EQ(COMMAND(cmd_test, "--junit", "{junit.xml}", "{t.yaml}"),
	    CMD_FOUND);
	CHECK_EQ(file_read(scratch_file("junit.xml"), 1 << 20, NULL, &xml,
	    &err), 0);
	(void)buf_cstr(&xml);
	CHECK(command_said(&xml, "tests=\"2\" failures=\"1\" errors=\"0\""));
	CHECK(command_said(&xml, "block &#60;&#38;>&#34;??\""));
	CHECK(command_said(&xml, "<failure message=\"the ruling is pass\"/>"));
	buf_fini(&xml);
	CHECK_EQ(COMMAND(cmd_test, "--junit", "/nonexistent/x", "{t.yaml}"),
	    CMD_WRONG);
}

static void
a_policy_is_no_test_file(void)
{
	CHECK(!test_file_is_one(span_str(POLICY)));
	CHECK(test_file_is_one(span_str("# x\nmodgate_tests: 1")));
	CHECK(!test_file_is_one(span_str("# modgate_tests: 1")));
	CHECK(!test_file_is_one(span_str("modgate_tests")));
	CHECK(!test_file_is_one(span("", 0)));
}

int
main(void)
{
	scratch_open();
	scratch_write("p.yaml", POLICY);
	RUN(judges_by_the_whole_policy_or_one_rule);
	RUN(says_what_failed_and_where);
	RUN(mistakes_are_told_with_their_place);
	RUN(junit_is_well_formed);
	RUN(a_policy_is_no_test_file);
	scratch_close(files);
	buf_fini(&command_out);
	buf_fini(&command_err);
	return CHECK_DONE();
}
