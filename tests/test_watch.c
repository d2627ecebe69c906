/* SPDX-License-Identifier: Apache-2.0 */
/* test_watch.c - which changes of files are seen, and when. */
#include <fcntl.h>

#include "gateway/policy.h"
#include "gateway/watch.h"
#include "tests/check.h"
#include "tests/scratch.h"

static const char *const files[] = { "a", "b", "new", "p.yaml", "l.txt", NULL };

static struct watch watch;

static void
begin(void)
{
	struct file_list list = { 0 };

	scratch_write("b", "one");
	file_list_add(&list, scratch_write("a", "one"));
	file_list_add(&list, scratch_file("b"));
	watch_take_files(&watch, &list);
	CHECK_EQ(list.n, 0);
}

/* What a turn tells, as a name in the folder; "" for nothing. */
static const char *
turn(void)
{
	const char *path = watch_turn(&watch);

	return path ? scratch_tail(path) : "";
}

static void
tells_nothing_while_nothing_changes(void)
{
	begin();
	CHECK_STR(turn(), "");
	CHECK_STR(turn(), "");
}

static void
tells_of_a_change_once_it_was_still_for_a_turn(void)
{
	begin();
	scratch_write("b", "two");
	CHECK_STR(turn(), "");		/* it may still be written */
	CHECK_STR(turn(), "b");
	CHECK_STR(turn(), "b");		/* until it is read */
	begin();
	CHECK_STR(turn(), "");
}

static void
waits_for_a_file_that_is_still_being_written(void)
{
	begin();
	scratch_write("a", "half");
	CHECK_STR(turn(), "");
	scratch_write("a", "half and more");
	CHECK_STR(turn(), "");
	scratch_write("b", "another too");
	CHECK_STR(turn(), "");
	CHECK_STR(turn(), "a");
}

static void
sees_a_file_that_was_put_in_its_place(void)
{
	char to[160];

	begin();
	(void)snprintf(to, sizeof(to), "%s", scratch_file("a"));
	CHECK_EQ(rename(scratch_write("new", "one"), to), 0);
	CHECK_STR(turn(), "");
	CHECK_STR(turn(), "a");
}

static void
leaves_a_file_that_is_away_for_a_moment(void)
{
	begin();
	CHECK_EQ(unlink(scratch_file("a")), 0);
	CHECK_STR(turn(), "");
	scratch_write("a", "back");
	CHECK_STR(turn(), "");
	CHECK_STR(turn(), "a");
	begin();
	CHECK_EQ(unlink(scratch_file("a")), 0);
	CHECK_STR(turn(), "");
	CHECK_STR(turn(), "a");		/* it is gone */
}

static void
sees_bytes_of_the_same_number_and_time(void)
{
	struct timespec times[2] = { { 1000, 0 }, { 1000, 0 } };

	scratch_write("a", "one");
	CHECK_EQ(utimensat(AT_FDCWD, scratch_file("a"), times, 0), 0);
	struct file_list list = { 0 };

	file_list_add(&list, scratch_file("a"));
	watch_take_files(&watch, &list);
	(void)usleep(20000);		/* the kernel's clock has a step */
	scratch_write("a", "two");
	CHECK_EQ(utimensat(AT_FDCWD, scratch_file("a"), times, 0), 0);
	CHECK_STR(turn(), "");
	CHECK_STR(turn(), "a");
}

static void
knows_the_files_of_a_policy_also_of_a_bad_one(void)
{
	struct mg_error err = { { 0 } };
	struct file_list list = { 0 };
	struct policy *policy;

	(void)unlink(scratch_file("l.txt"));
	policy = policy_load_with(scratch_write("p.yaml",
	    "modgate_policy: 1\nname: t\nlists: {w: {file: l.txt}}\n"
	    "rules: [{id: r, on: prompt, match: {words: w}, action: block}]\n"),
	    NULL, &list, &err);
	CHECK(!policy);
	CHECK_EQ(list.n, 2);
	watch_take_files(&watch, &list);
	CHECK_STR(turn(), "");
	scratch_write("l.txt", "bad\n");	/* what was missing comes */
	CHECK_STR(turn(), "");
	CHECK_STR(turn(), "l.txt");
}

int
main(void)
{
	scratch_open();
	RUN(tells_nothing_while_nothing_changes);
	RUN(tells_of_a_change_once_it_was_still_for_a_turn);
	RUN(waits_for_a_file_that_is_still_being_written);
	RUN(sees_a_file_that_was_put_in_its_place);
	RUN(leaves_a_file_that_is_away_for_a_moment);
	RUN(sees_bytes_of_the_same_number_and_time);
	RUN(knows_the_files_of_a_policy_also_of_a_bad_one);
	watch_fini(&watch);
	scratch_close(files);
	return CHECK_DONE();
}
