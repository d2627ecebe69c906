/* SPDX-License-Identifier: Apache-2.0 */
/* test_cmd_eval.c - `modgate eval` and `modgate diff`, as a shell sees them. */
#include <jansson.h>

#include "gateway/cmd.h"
#include "tests/command.h"

#define RULE(id, word, action, category) "- {id: " id ", on: prompt, match: " \
	"{words: [" word "]}, action: " action ", category: " category "}\n"
#define HEAD "modgate_policy: 1\nname: t\nrules:\n"

static const char *const files[] = { "p.yaml", "q.yaml", "same.yaml",
	"bad.yaml", "rows", "broken", "out", "err", NULL };

static void
write_files(void)
{
	scratch_write("p.yaml", HEAD RULE("bombs", "bomb", "block", "A1h")
	    RULE("slurs", "slur", "flag", "A2a")
	    RULE("own", "bomb", "flag", "custom"));
	scratch_write("q.yaml", HEAD RULE("bombs", "bomb", "redact", "A1h")
	    RULE("others", "tulip", "block", "A2a"));
	scratch_write("same.yaml", HEAD RULE("bombs", "bomb", "block", "A1h")
	    RULE("slurs", "slur", "flag", "A2a")
	    RULE("own", "bomb", "flag", "custom"));
	scratch_write("bad.yaml", "modgate_policy: 1\n");
	scratch_write("rows",
	    "{\"text\":\"a bomb\",\"labels\":{\"illicit\":1}}\n"
	    "{\"text\":\"poison\",\"labels\":{\"illicit\":1,\"hate\":0}}\n"
	    "{\"text\":\"bath bomb\",\"labels\":{\"benign\":1}}\n"
	    "{\"text\":\"tulip\",\"labels\":{\"benign\":1}}\n"
	    "{\"text\":\"a slur\",\"labels\":{\"hate\":1}}\n");
	scratch_write("broken", "{\"text\":\"a\"}\n{\n");
}

/* Member of the subject called name in a list of --json. */
static json_t *
subject(const json_t *doc, const char *list, const char *kind,
    const char *name, const char *member)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(doc, list), i, item)
		if (strcmp(json_string_value(json_object_get(item, kind)),
		    name) == 0)
			return json_object_get(item, member);
	return NULL;
}

static json_t *
eval_json(const char *option, const char *value)
{
	json_t *doc;

	CHECK_EQ(COMMAND(cmd_eval, "{p.yaml}", "--over", "{rows}", "--json",
	    "--examples", "5", option, value), CMD_DONE);
	doc = json_loads(command_out.ptr, 0, NULL);
	CHECK(doc != NULL);
	return doc;
}

static void
counts_what_rules_find_by_their_category(void)
{
	json_t *doc = eval_json("--label", "own=hate");

	CHECK_EQ(json_integer_value(json_object_get(doc, "texts")), 5);
	CHECK_EQ(json_integer_value(subject(doc, "rules", "rule", "bombs",
	    "right")), 1);
	CHECK_EQ(json_integer_value(subject(doc, "rules", "rule", "bombs",
	    "false_alarms")), 1);
	CHECK_EQ(json_integer_value(subject(doc, "rules", "rule", "bombs",
	    "missed")), 1);
	CHECK_EQ(json_integer_value(subject(doc, "rules", "rule", "bombs",
	    "rest")), 1);
	CHECK_EQ(json_integer_value(subject(doc, "categories", "category",
	    "A2a", "right")), 1);
	/* The second text is known not to be hate, the first is not known. */
	CHECK_EQ(json_integer_value(subject(doc, "categories", "category",
	    "A2a", "rest")), 3);
	CHECK_EQ(json_integer_value(json_object_get(json_object_get(doc,
	    "policy"), "right")), 1);
	CHECK_EQ(json_array_size(subject(doc, "rules", "rule", "bombs",
	    "examples")), 2);
	json_decref(doc);
}

static void
labels_may_be_named(void)
{
	json_t *doc = eval_json("--label", "own=illicit+hate");

	CHECK_EQ(json_integer_value(subject(doc, "rules", "rule", "own",
	    "right")), 1);
	CHECK_EQ(json_integer_value(subject(doc, "rules", "rule", "own",
	    "missed")), 2);
	json_decref(doc);
}

static void
tells_a_person(void)
{
	CHECK_EQ(COMMAND(cmd_eval, "{p.yaml}", "--over", "{rows}",
	    "--examples", "1"), CMD_DONE);
	CHECK(command_said(&command_out, "rule bombs: ought to find illicit"));
	CHECK(command_said(&command_out, "precision  0.500 (0.095 to 0.905)"));
	CHECK(command_said(&command_out, "rows:2: \"poison\""));
	CHECK(command_said(&command_out, "rule own: no labels are known for "
	    "it; say --label own=LABEL"));
	CHECK_EQ(COMMAND(cmd_eval, "--help"), CMD_DONE);
	CHECK(command_said(&command_out, "examples:"));
}

static void
wrong_use_is_told(void)
{
	CHECK_EQ(COMMAND(cmd_eval, "{p.yaml}"), CMD_WRONG);
	CHECK(command_said(&command_err, "--over FILE are wanted"));
	CHECK_EQ(COMMAND(cmd_eval, "{p.yaml}", "--over", "{rows}", "--label",
	    "bmbs=hate"), CMD_WRONG);
	CHECK(command_said(&command_err, "no rule or category is called bmbs"));
	CHECK_EQ(COMMAND(cmd_eval, "{p.yaml}", "--over", "{rows}", "--label",
	    "x"), CMD_WRONG);
	CHECK_EQ(COMMAND(cmd_eval, "{p.yaml}", "--over", "{rows}", "--label",
	    "bombs=a+b+c+d+e+f+g+h+i"), CMD_WRONG);
	CHECK_EQ(COMMAND(cmd_eval, "{bad.yaml}", "--over", "{rows}"),
	    CMD_WRONG);
	CHECK_EQ(COMMAND(cmd_eval, "{p.yaml}", "--over", "{broken}"),
	    CMD_WRONG);
	CHECK(command_said(&command_err, "broken:2: not JSON"));
	CHECK_EQ(COMMAND(cmd_eval, "{p.yaml}", "--over", "{rows}",
	    "--examples", "1001"), CMD_WRONG);
}

static void
diff_shows_whose_verdict_changes(void)
{
	CHECK_EQ(COMMAND(cmd_diff, "{p.yaml}", "{same.yaml}", "--over",
	    "{rows}"), CMD_DONE);
	CHECK_STR(command_out.ptr, "10 judged, 0 changed\n");
	CHECK_EQ(COMMAND(cmd_diff, "{p.yaml}", "{q.yaml}", "--over", "{rows}",
	    "--show", "1"), CMD_FOUND);
	CHECK(command_said(&command_out, "rows:1: as a prompt: block by bombs "
	    "-> redact by bombs\n    \"a bomb\"\n"));
	CHECK(command_said(&command_out, "10 judged, 4 changed\n"
	    "  pass   -> block   1\n  flag   -> pass    1\n"
	    "  block  -> redact  2\n"));
	CHECK(!command_said(&command_out, "bath"));
}

static void
diff_in_json_is_one_line_each(void)
{
	json_t *doc;
	char *last;

	CHECK_EQ(COMMAND(cmd_diff, "--json", "{p.yaml}", "{q.yaml}", "--over",
	    "{rows}"), CMD_FOUND);
	command_out.ptr[command_out.len - 1] = '\0';
	last = strrchr(command_out.ptr, '\n');
	CHECK(last != NULL);
	doc = json_loads(last ? last : "", 0, NULL);
	CHECK_EQ(json_integer_value(json_object_get(doc, "changed")), 4);
	CHECK_EQ(json_array_size(json_object_get(doc, "moves")), 3);
	json_decref(doc);
	CHECK_EQ(COMMAND(cmd_diff, "{p.yaml}", "--over", "{rows}"), CMD_WRONG);
	CHECK_EQ(COMMAND(cmd_diff, "{p.yaml}", "{bad.yaml}", "--over",
	    "{rows}"), CMD_WRONG);
	CHECK_EQ(COMMAND(cmd_diff, "--help"), CMD_DONE);
}

int
main(void)
{
	scratch_open();
	write_files();
	RUN(counts_what_rules_find_by_their_category);
	RUN(labels_may_be_named);
	RUN(tells_a_person);
	RUN(wrong_use_is_told);
	RUN(diff_shows_whose_verdict_changes);
	RUN(diff_in_json_is_one_line_each);
	scratch_close(files);
	buf_fini(&command_out);
	buf_fini(&command_err);
	return CHECK_DONE();
}
