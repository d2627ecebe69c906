/* SPDX-License-Identifier: Apache-2.0 */
/* test_cmd_lists.c - `modgate lists`, as a shell sees it: status, standard
 * output, standard error. */
#include <jansson.h>

#include "gateway/buf.h"
#include "gateway/cmd.h"
#include "gateway/file.h"
#include "gateway/list_check.h"
#include "tests/check.h"
#include "tests/scratch.h"

static struct buf out, err_out;

static const char *const files[] = { "a.txt", "b.txt", "c.csv", "clean", "out",
	"err", NULL };

static void
take(const char *name, struct buf *to)
{
	struct mg_error err = { 0 };

	buf_clear(to);
	CHECK_EQ(file_read(scratch_file(name), 8 << 20, NULL, to, &err), 0);
	(void)buf_cstr(to);
}

static int
divert(FILE *stream, const char *name)
{
	int saved;

	(void)fflush(stream);
	saved = dup(fileno(stream));
	if (saved < 0 || !freopen(scratch_file(name), "w", stream))
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

/* Runs the command; an argument that begins with '@' is a file's name. */
static int
run(const char *const *args)
{
	char *argv[16], name[] = "lists";
	int argc = 0, status, saved_out, saved_err, i;

	argv[argc++] = name;
	for (; *args; args++)
		argv[argc++] = strdup(**args == '@' ?
		    scratch_file(*args + 1) : *args);
	argv[argc] = NULL;
	saved_out = divert(stdout, "out");
	saved_err = divert(stderr, "err");
	status = cmd_lists(argc, argv);
	restore(stdout, saved_out);
	restore(stderr, saved_err);
	for (i = 1; i < argc; i++)
		free(argv[i]);
	take("out", &out);
	take("err", &err_out);
	return status;
}

#define RUN_ARGS(...) run((const char *const[]){ __VA_ARGS__, NULL })

/* ---- import ---- */

static void
imports_a_list_with_remarks_blanks_and_copies(void)
{
	scratch_write("a.txt", "\xef\xbb\xbf# old list\r\n  make   a\tbomb "
	    "\r\n\r\n炸　弹\nMake A Bomb\n\xe2\x80\x8b冰毒\xc2\xa0\n");
	CHECK_EQ(RUN_ARGS("import", "@a.txt"), CMD_DONE);
	CHECK_STR(out.ptr, "make a bomb\n炸 弹\n冰毒\n");
	CHECK(strstr(err_out.ptr, "a.txt: UTF-8, one a line: 4 entries, 1 of "
	    "them were there\n"));
}

static void
imports_entries_with_commas_between(void)
{
	scratch_write("a.txt", "炸弹，冰毒、枪支\nbomb; gun|knife,,\n");
	CHECK_EQ(RUN_ARGS("import", "@a.txt"), CMD_DONE);
	CHECK_STR(out.ptr, "炸弹\n冰毒\n枪支\nbomb\ngun\nknife\n");
	/* sentences, of which one has a comma */
	scratch_write("a.txt", "one, two\nthree\nfour\n");
	CHECK_EQ(RUN_ARGS("import", "@a.txt"), CMD_DONE);
	CHECK_STR(out.ptr, "one, two\nthree\nfour\n");
	CHECK_EQ(RUN_ARGS("import", "--commas", "@a.txt"), CMD_DONE);
	CHECK_STR(out.ptr, "one\ntwo\nthree\nfour\n");
	scratch_write("a.txt", "one, two\n");
	CHECK_EQ(RUN_ARGS("import", "--lines", "@a.txt"), CMD_DONE);
	CHECK_STR(out.ptr, "one, two\n");
}

static void
imports_other_encodings(void)
{
	scratch_write("a.txt", "\xd5\xa8\xb5\xaf\n\xb1\xf9\xb6\xbe\n");
	scratch_write_bytes("b.txt", "\xff\xfe\xb8\x70\x39\x5f\x0a\x00", 8);
	CHECK_EQ(RUN_ARGS("import", "@a.txt", "@b.txt"), CMD_DONE);
	CHECK_STR(out.ptr, "炸弹\n冰毒\n");
	CHECK(strstr(err_out.ptr, "a.txt: GB18030, "));
	CHECK(strstr(err_out.ptr, "b.txt: UTF-16, "));
	scratch_write("a.txt", "\xac\xb5\xbc\x75\n");
	CHECK_EQ(RUN_ARGS("import", "--from", "BIG5", "@a.txt"), CMD_DONE);
	CHECK_STR(out.ptr, "炸彈\n");
}

static void
says_which_byte_an_encoding_does_not_have(void)
{
	scratch_write("a.txt", "ok\n\xff\xff\n");
	CHECK_EQ(RUN_ARGS("import", "@a.txt"), CMD_WRONG);
	CHECK(strstr(err_out.ptr, "a.txt:2:0: byte 0xFF is not GB18030; name "
	    "the file's encoding with --from\n"));
	CHECK_EQ(out.len, 0);
	CHECK_EQ(RUN_ARGS("import", "--from", "none-such", "@a.txt"),
	    CMD_WRONG);
	CHECK(strstr(err_out.ptr, "--from none-such: no such encoding"));
	scratch_write_bytes("a.txt", "a\0b\n", 4);
	CHECK_EQ(RUN_ARGS("import", "@a.txt"), CMD_WRONG);
	CHECK(strstr(err_out.ptr, "is this a text file?"));
}

static void
writes_csv_where_entries_have_a_category(void)
{
	scratch_write("a.txt", "say \"so\", now\n炸弹\n");
	scratch_write("b.txt", "word,category\n炸弹,A1h\n冰毒,A4a\n");
	CHECK_EQ(RUN_ARGS("import", "--lines", "--category", "A1d",
	    "--severity", "high", "@a.txt"), CMD_DONE);
	CHECK_STR(out.ptr, "word,severity,category,note\n"
	    "\"say \"\"so\"\", now\",high,A1d,\n炸弹,high,A1d,\n");
	CHECK_EQ(RUN_ARGS("import", "--severity", "low", "-o", "@clean",
	    "@b.txt"), CMD_DONE);
	CHECK_EQ(out.len, 0);
	take("clean", &out);
	CHECK_STR(out.ptr, "word,severity,category,note\n炸弹,low,A1h,\n"
	    "冰毒,low,A4a,\n");
	/* what would be a remark or a header in a plain file */
	scratch_write("a.txt", "\nword,note\n");
	CHECK_EQ(RUN_ARGS("import", "--lines", "@a.txt"), CMD_DONE);
	CHECK_STR(out.ptr, "word,severity,category,note\n\"word,note\",,,\n");
	CHECK_EQ(RUN_ARGS("import", "--severity", "hihg", "@a.txt"),
	    CMD_WRONG);
	CHECK(strstr(err_out.ptr, "did you mean 'high'?"));
}

static void
tells_of_gaps_that_nobody_meant(void)
{
	scratch_write("a.txt", "等…一下\n……\n");
	CHECK_EQ(RUN_ARGS("import", "@a.txt"), CMD_DONE);
	CHECK(strstr(err_out.ptr, "1 entries have a gap"));
}

static void
refuses_an_entry_that_is_too_long(void)
{
	struct buf text = { 0 };
	size_t i;

	for (i = 0; i < LIST_MAX_ENTRY_BYTES; i++)
		buf_add_byte(&text, 'x');
	scratch_write_bytes("a.txt", text.ptr, text.len);
	CHECK_EQ(RUN_ARGS("import", "@a.txt"), CMD_DONE);
	buf_add_byte(&text, 'x');
	scratch_write_bytes("a.txt", text.ptr, text.len);
	CHECK_EQ(RUN_ARGS("import", "@a.txt"), CMD_WRONG);
	CHECK(strstr(err_out.ptr, "a.txt:1:1: an entry of 4097 bytes; at most "
	    "4096"));
	buf_fini(&text);
}

static void
imports_so_many_entries_and_no_more(void)
{
	struct buf text = { 0 };
	size_t i;

	for (i = 0; i < LIST_MAX_ENTRIES; i++)
		buf_addf(&text, "w%zu\n", i);
	scratch_write_bytes("a.txt", text.ptr, text.len);
	CHECK_EQ(RUN_ARGS("import", "@a.txt"), CMD_DONE);
	buf_add_str(&text, "more\n");
	scratch_write_bytes("a.txt", text.ptr, text.len);
	CHECK_EQ(RUN_ARGS("import", "@a.txt"), CMD_WRONG);
	CHECK(strstr(err_out.ptr, "a.txt:200001:1: more than 200000 "
	    "entries"));
	buf_fini(&text);
}

/* ---- check ---- */

static void
finds_copies_and_what_a_shorter_entry_makes_useless(void)
{
	scratch_write("a.txt", "炸弹\nkill\nskill\n制造炸弹\nKILL\nkill him\n"
	    "炸…药\n炸火药\n");
	CHECK_EQ(RUN_ARGS("check", "@a.txt"), CMD_FOUND);
	CHECK(strstr(out.ptr, "a.txt:4:1: shadowed: \"制造炸弹\" holds "
	    "\"炸弹\", "));
	CHECK(strstr(out.ptr, "a.txt:5:1: duplicate: \"KILL\" is the same as "
	    "\"kill\", "));
	CHECK(strstr(out.ptr, "a.txt:6:1: shadowed: \"kill him\" holds "
	    "\"kill\", "));
	CHECK(strstr(out.ptr, "a.txt:8:1: shadowed: \"炸火药\" holds "
	    "\"炸…药\", "));
	CHECK(strstr(out.ptr, "8 entries: duplicate 1, shadowed 3, short 0, "
	    "punctuation 0\n"));
	/* with the eyes of the filter, which folds */
	scratch_write("a.txt", "炸弹\nＫill\n炸彈\nki\u0301ll\n");
	CHECK_EQ(RUN_ARGS("check", "@a.txt"), CMD_FOUND);
	CHECK(strstr(out.ptr, "a.txt:3:1: duplicate: \"炸彈\""));
	CHECK(strstr(out.ptr, "a.txt:4:1: duplicate: "));
}

static void
looks_at_several_files_as_one_list(void)
{
	scratch_write("a.txt", "炸弹\n");
	scratch_write("b.txt", "炸弹\n");
	CHECK_EQ(RUN_ARGS("check", "@a.txt"), CMD_DONE);
	CHECK_EQ(RUN_ARGS("check", "@a.txt", "@b.txt"), CMD_FOUND);
	CHECK(strstr(out.ptr, "b.txt:1:1: duplicate: \"炸弹\""));
}

static void
finds_short_and_ragged_entries(void)
{
	scratch_write("a.txt", "毒\nab\n4!\nabc\n毒品\nдa\n“炸药”\n枪。\n#x\n");
	CHECK_EQ(RUN_ARGS("check", "@a.txt"), CMD_FOUND);
	CHECK(strstr(out.ptr, "a.txt:1:1: short: \"毒\"\n"));
	CHECK(strstr(out.ptr, "a.txt:2:1: short: \"ab\"\n"));
	CHECK(strstr(out.ptr, "a.txt:3:1: short: \"4!\"\n"));
	CHECK(strstr(out.ptr, "a.txt:7:1: punctuation: \"“炸药”\"\n"));
	CHECK(strstr(out.ptr, "a.txt:8:1: punctuation: \"枪。\"\n"));
	CHECK(strstr(out.ptr, "shadowed 1, short 4, punctuation 3\n"));
}

static void
counts_against_the_standard_where_that_is_asked(void)
{
	json_t *json;

	scratch_write("c.csv", "word,category\n炸弹,A1d\n冰毒,A4a\n枪支,A1d\n");
	CHECK_EQ(RUN_ARGS("check", "@c.csv"), CMD_DONE);
	CHECK(strstr(out.ptr, "  A1d      2 of 200\n  A4a      1\n"));
	CHECK(!strstr(out.ptr, "A1a"));
	CHECK_EQ(RUN_ARGS("check", "--standard", "@c.csv"), CMD_FOUND);
	CHECK(strstr(out.ptr, "  A1a      0 of 200\n"));
	CHECK(strstr(out.ptr, "  A2i      0 of 100\n"));
	CHECK(strstr(out.ptr, "TC260-003: 3 of 10000 entries; figures not "
	    "reached: 18\n"));
	CHECK_EQ(RUN_ARGS("check", "--json", "@c.csv"), CMD_DONE);
	json = json_loads(out.ptr, 0, NULL);
	CHECK(json_is_true(json_object_get(json, "ok")));
	CHECK_EQ(json_integer_value(json_object_get(json_object_get(json,
	    "standard"), "lacks")), 18);
	json_decref(json);
}

static void
knows_the_figures_of_the_standard(void)
{
	CHECK_EQ(list_wanted("A1a"), 200);
	CHECK_EQ(list_wanted("A2i"), 100);
	CHECK_EQ(list_wanted("A3a"), 0);
	CHECK_EQ(list_wanted("custom"), 0);
}

static void
checks_in_json_too(void)
{
	json_t *json, *first;

	scratch_write("a.txt", "炸弹\n制\"造炸弹\n");
	CHECK_EQ(RUN_ARGS("check", "--json", "@a.txt"), CMD_FOUND);
	json = json_loads(out.ptr, 0, NULL);
	CHECK(json_is_false(json_object_get(json, "ok")));
	first = json_array_get(json_object_get(json, "problems"), 0);
	CHECK_STR(json_string_value(json_object_get(first, "problem")),
	    "shadowed");
	CHECK_STR(json_string_value(json_object_get(first, "word")),
	    "制\"造炸弹");
	CHECK_EQ(json_integer_value(json_object_get(json_object_get(first,
	    "by"), "line")), 1);
	json_decref(json);
}

/* ---- stats ---- */

static void
counts_entries_scripts_and_grades(void)
{
	json_t *json;

	scratch_write("c.csv", "word,severity,category\n炸弹,high,A1d\nbomb,,\n"
	    "3d打印枪,high,\n炸…弹药,,\n123,,\n");
	CHECK_EQ(RUN_ARGS("stats", "@c.csv"), CMD_DONE);
	CHECK(strstr(out.ptr, "entries     5, 1 with gaps, 36 bytes\n"));
	CHECK(strstr(out.ptr, "characters  from 2, median 4, to 5\n"));
	CHECK(strstr(out.ptr, "scripts     han 2, latin 1, digits 1, mixed "
	    "1\n"));
	CHECK(strstr(out.ptr, "severities  rule's 3, high 2\n"));
	CHECK(strstr(out.ptr, "categories  rule's 4, A1d 1\n"));
	CHECK(strstr(out.ptr, "in memory   "));
	CHECK_EQ(RUN_ARGS("stats", "--json", "@c.csv"), CMD_DONE);
	json = json_loads(out.ptr, 0, NULL);
	CHECK_EQ(json_integer_value(json_object_get(json, "entries")), 5);
	CHECK(json_integer_value(json_object_get(json, "memory_bytes")) > 0);
	CHECK_EQ(json_integer_value(json_object_get(json_object_get(json,
	    "scripts"), "mixed")), 1);
	json_decref(json);
}

static void
explains_itself_and_wants_files(void)
{
	CHECK_EQ(RUN_ARGS("--help"), CMD_DONE);
	CHECK(strstr(out.ptr, "modgate lists check policies/lists/*.txt"));
	CHECK_EQ(RUN_ARGS("check", "--help"), CMD_DONE);
	CHECK_EQ(RUN_ARGS("check"), CMD_WRONG);
	CHECK_EQ(RUN_ARGS("chek", "@a.txt"), CMD_WRONG);
	CHECK(strstr(err_out.ptr, "no command chek"));
	CHECK_EQ(RUN_ARGS("check", "--nonsense", "@a.txt"), CMD_WRONG);
	CHECK_EQ(RUN_ARGS("stats", "none.txt"), CMD_WRONG);
	CHECK(strstr(err_out.ptr, "none.txt: No such file or directory"));
	scratch_write("a.txt", "# nothing\n");
	CHECK_EQ(RUN_ARGS("stats", "@a.txt"), CMD_WRONG);
	CHECK(strstr(err_out.ptr, "the list is empty"));
	scratch_write("a.txt", "…a\n");
	CHECK_EQ(RUN_ARGS("check", "@a.txt"), CMD_WRONG);
	CHECK(strstr(err_out.ptr, "a.txt:1:1: words: a gap"));
}

int
main(void)
{
	scratch_open();
	RUN(imports_a_list_with_remarks_blanks_and_copies);
	RUN(imports_entries_with_commas_between);
	RUN(imports_other_encodings);
	RUN(says_which_byte_an_encoding_does_not_have);
	RUN(writes_csv_where_entries_have_a_category);
	RUN(tells_of_gaps_that_nobody_meant);
	RUN(refuses_an_entry_that_is_too_long);
	RUN(imports_so_many_entries_and_no_more);
	RUN(finds_copies_and_what_a_shorter_entry_makes_useless);
	RUN(looks_at_several_files_as_one_list);
	RUN(finds_short_and_ragged_entries);
	RUN(counts_against_the_standard_where_that_is_asked);
	RUN(knows_the_figures_of_the_standard);
	RUN(checks_in_json_too);
	RUN(counts_entries_scripts_and_grades);
	RUN(explains_itself_and_wants_files);
	buf_fini(&out);
	buf_fini(&err_out);
	scratch_close(files);
	return CHECK_DONE();
}
