/* SPDX-License-Identifier: Apache-2.0 */
/* test_plugin.c - filters from shared objects: the example works at any cut,
 * a faulty one is refused with a message, or does no harm. */
#include <sys/wait.h>

#include "filters/plugin.h"
#include "filters/registry.h"
#include "gateway/cmd.h"
#include "gateway/live.h"
#include "gateway/screen.h"
#include "tests/check.h"
#include "tests/scratch.h"

/* As include/modgate/README.md and the sources have it. */
#define BUILD "%s -std=c11 -O2 -fPIC -shared -Iinclude %s -o %s " \
	"tests/plugin/%s.c"
#define POLICY "modgate_policy: 1\nname: p\nrules:\n" \
	"  - {id: long, on: prompt, match: {repeats: 5}, action: block}\n" \
	"  - {id: note, on: prompt, match: {repeats: 3, spaces: true}, " \
	"action: flag}\n"
#define FAULTY "modgate_policy: 1\nname: p\nrules:\n" \
	"  - {id: a, on: prompt, match: {faulty: x}, action: block}\n" \
	"  - {id: b, on: prompt, match: {faulty: y}, action: flag}\n"

static struct mg_error err;

/* Builds a plugin of tests/plugin as NAME.so in the scratch folder. */
static const char *
build(const char *source, const char *name, const char *flags)
{
	const char *cc = getenv("CC"), *path;
	char file[64], command[1024];
	int status;

	(void)snprintf(file, sizeof(file), "%s.so", name);
	path = scratch_file(file);
	/* A file that is loaded must not be written over. */
	(void)unlink(path);
	(void)snprintf(command, sizeof(command), BUILD, cc && cc[0] ? cc :
	    "cc", flags, path, source);
	status = system(command);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "%s: failed\n", command);
		abort();
	}
	return path;
}

/* Loads a plugin; false: err says why not. */
static bool
load(struct filter_set *set, const char *path)
{
	static const struct mg_place place = { "modgate.yaml", 3, 11 };

	memset(&err, 0, sizeof(err));
	return filter_set_load(set, path, &place, &err) == 0;
}

static struct policy *
policy_with(const struct filter_set *set, const char *text)
{
	memset(&err, 0, sizeof(err));
	return policy_load_with(scratch_write("p.yaml", text), set, NULL,
	    &err);
}

/* ---- the example ---- */

static void
adds_its_filters_to_those_that_are_built_in(void)
{
	struct filter_set set = { 0 };
	size_t n = 0;

	while (filter_types[n])
		n++;
	CHECK(load(&set, build("repeats", "repeats", "-Wall -Wextra -Werror")));
	CHECK_STR(err.text, "");
	CHECK_EQ(set.n, n + 1);
	CHECK(filter_set_find(&set, "repeats", 7) != NULL);
	CHECK(filter_set_find(&set, "words", 5) == filter_find("words", 5));
	CHECK(filter_find("repeats", 7) == NULL);
	CHECK(filter_set_find(NULL, "words", 5) == filter_find("words", 5));
	CHECK(filter_set_types(NULL) == filter_types);
	filter_set_fini(&set);
}

static void
feed(struct channel_screen *channel, const char *text, size_t from, size_t to,
    bool last)
{
	channel_feed(channel, text + from, to - from, last);
}

/* What the policy finds with the text cut at two places, as a line. */
static void
find(const struct policy *policy, const char *text, size_t a, size_t b,
    char *line, size_t size)
{
	static const struct screen_subject subject = { { "t", 1 }, { "m", 1 } };
	struct screen *screen = screen_new(policy, SIDE_PROMPT, &subject);
	struct channel_screen *channel = channel_open(screen, ROLE_USER,
	    FORM_PLAIN);
	const struct screen_finding *f;
	size_t n, i, used = 0;

	feed(channel, text, 0, a, false);
	feed(channel, text, a, b, false);
	feed(channel, text, b, strlen(text), true);
	f = channel_findings(channel, &n, NULL);
	line[0] = '\0';
	for (i = 0; i < n && used < size; i++)
		used += (size_t)snprintf(line + used, size - used,
		    "%s %d+%d%s%s; ", f[i].rule->id, (int)f[i].at,
		    (int)f[i].len, f[i].unable ? " unable: " : "",
		    f[i].unable ? f[i].unable : "");
	channel_close(channel);
	screen_free(screen);
}

static void
finds_the_same_at_any_two_cuts(void)
{
	static const char text[] = "嗯嗯嗯嗯嗯嗯 okay    !!!!!!!?? 哈哈 aaab";
	struct filter_set set = { 0 };
	char whole[512], cut[512];
	struct policy *policy;
	size_t a, b;

	CHECK(load(&set, scratch_file("repeats.so")));
	policy = policy_with(&set, POLICY);
	CHECK_STR(err.text, "");
	find(policy, text, 0, 0, whole, sizeof(whole));
	CHECK_STR(whole, "long 0+18; note 0+18; note 23+4; long 27+7; "
	    "note 27+7; note 44+3; ");
	for (a = 0; a < sizeof(text); a++)
		for (b = a; b < sizeof(text); b++) {
			if ((text[a] & 0xc0) == 0x80 ||
			    (text[b] & 0xc0) == 0x80)
				continue;
			find(policy, text, a, b, cut, sizeof(cut));
			CHECK_STR(cut, whole);
		}
	policy_unref(&policy);
	filter_set_fini(&set);
}

static void
holds_a_stream_at_the_run_and_no_further(void)
{
	static const struct screen_subject subject = { { "t", 1 }, { "m", 1 } };
	struct filter_set set = { 0 };
	struct channel_screen *channel;
	struct policy *policy;
	struct screen *screen;

	CHECK(load(&set, scratch_file("repeats.so")));
	policy = policy_with(&set, POLICY);
	screen = screen_new(policy, SIDE_PROMPT, &subject);
	channel = channel_open(screen, ROLE_USER, FORM_PLAIN);
	feed(channel, "see no!!!", 0, 9, false);
	CHECK_EQ(channel_clear(channel), 6);
	feed(channel, "? ", 0, 2, false);
	CHECK_EQ(channel_clear(channel), 11);
	feed(channel, "!!!!!!", 0, 6, false);
	CHECK_EQ(channel_clear(channel), 11);
	CHECK(channel_cut(channel) == SCREEN_NONE);
	feed(channel, ".", 0, 1, true);
	CHECK_EQ(channel_cut(channel), 11);
	channel_close(channel);
	screen_free(screen);
	policy_unref(&policy);
	filter_set_fini(&set);
}

static void
says_where_a_rule_of_it_is_wrong(void)
{
	struct filter_set set = { 0 };

	CHECK(load(&set, scratch_file("repeats.so")));
	CHECK(!policy_with(&set, "modgate_policy: 1\nname: p\nrules:\n"
	    "  - {id: a, on: prompt, match: {repeats: 1}, action: flag}\n"));
	CHECK_STR(scratch_tail(err.text), "p.yaml:4:42: repeats: 1 is not "
	    "from 2 to 1000");
	CHECK(!policy_with(&set, "modgate_policy: 1\nname: p\nrules:\n"
	    "  - {id: a, on: prompt, match: {repeats: 9, space: true}, "
	    "action: flag}\n"));
	CHECK_STR(scratch_tail(err.text), "p.yaml:4:45: match: unknown key "
	    "'space' (did you mean 'spaces'?)");
	CHECK(!policy_with(&set, "modgate_policy: 1\nname: p\nrules:\n"
	    "  - {id: a, on: prompt, match: {repeats: 900}, action: flag}\n"));
	CHECK_STR(scratch_tail(err.text), "p.yaml:4:33: repeats: so many "
	    "characters may have more bytes than max_hold");
	filter_set_fini(&set);
}

static void
is_unknown_to_a_policy_without_it(void)
{
	CHECK(!policy_with(NULL, POLICY));
	CHECK(strncmp(scratch_tail(err.text), "p.yaml:4:36: match: unknown "
	    "filter 'repeats'", 44) == 0);
}

/* ---- the configuration ---- */

static struct live *
live_of(const char *filters)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "modgate: 1\nfilters: %s\n"
	    "upstreams: [{name: a, url: \"http://h\"}]\n"
	    "policies: [policy: p.yaml]\n", filters);
	(void)scratch_write("p.yaml", POLICY);
	memset(&err, 0, sizeof(err));
	return live_load(scratch_write("c.yaml", text), NULL, &err);
}

static void
is_named_in_the_configuration(void)
{
	struct live *live = live_of("[repeats.so]");

	CHECK_STR(err.text, "");
	CHECK(live && live->policies[0].policy->n_rules == 2);
	live_unref(&live);
	CHECK(!live_of("[]"));
	CHECK(strstr(err.text, "unknown filter 'repeats'") != NULL);
	CHECK(!live_of("[repeats.so, missing.so]"));
	CHECK(strncmp(scratch_tail(err.text), "c.yaml:2:23: filters: ", 22) ==
	    0);
	CHECK(strstr(err.text, "/missing.so: No such file or directory"));
	CHECK(!live_of("repeats.so"));
	CHECK_STR(scratch_tail(err.text), "c.yaml:2:10: filters: must be a "
	    "list, not 'repeats.so'");
	CHECK(!live_of("[p.yaml]"));
	CHECK(strstr(err.text, "/p.yaml: file too short") ||
	    strstr(err.text, "/p.yaml: invalid ELF header"));
}

static void
is_given_to_commands_that_read_a_policy_alone(void)
{
	char so[160], policy[160];
	char *argv[] = { "check", "--filters", so, policy, NULL };

	(void)snprintf(so, sizeof(so), "%s", scratch_file("repeats.so"));
	(void)snprintf(policy, sizeof(policy), "%s",
	    scratch_write("p.yaml", POLICY));
	CHECK_EQ(cmd_check(4, argv), CMD_DONE);
	CHECK_EQ(cmd_test(4, argv), CMD_DONE);
	argv[1] = "--json";
	argv[2] = policy;
	argv[3] = NULL;
	CHECK_EQ(cmd_check(3, argv), CMD_WRONG);
}

/* ---- files that are not taken ---- */

static void
check_refused(const char *path, const char *why)
{
	struct filter_set set = { 0 };
	char want[512];

	(void)snprintf(want, sizeof(want), "modgate.yaml:3:11: filters: %s: "
	    "%s", path, why);
	CHECK(!load(&set, path));
	CHECK_STR(err.text, want);
	CHECK(filter_set_find(&set, "words", 5) != NULL);
	CHECK(filter_set_find(&set, "faulty", 6) == NULL);
	filter_set_fini(&set);
}

static void
must_be_out_of_others_reach(void)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s", scratch_file("repeats.so"));
	(void)chmod(path, 0777);
	check_refused(path, "others can write to it; chmod go-w it");
	(void)chmod(path, 0775);
	check_refused(path, "others can write to it; chmod go-w it");
	(void)chmod(path, 0755);
	(void)chmod(scratch_folder, 0777);
	check_refused(path, "others can write to its folder; chmod go-w it");
	(void)chmod(scratch_folder, 0700);
	if (geteuid() == 0) {
		CHECK_EQ(chown(path, 12345, 0), 0);
		check_refused(path, "belongs to another user");
		CHECK_EQ(chown(path, 0, 0), 0);
	}
	check_refused(scratch_folder, "is no regular file");
	(void)snprintf(path, sizeof(path), "%s", scratch_file("pipe"));
	CHECK_EQ(mkfifo(path, 0600), 0);
	check_refused(path, "is no regular file");
}

static void
must_not_be_written_over_while_it_runs(void)
{
	struct filter_set set = { 0 };
	char path[160];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s",
	    build("faulty", "over", "-DNAME='\"over\"'"));
	CHECK(load(&set, path));
	filter_set_fini(&set);
	/* At its end, which no code stands in. */
	file = fopen(path, "a");
	CHECK(file && fputc('\n', file) == '\n' && fclose(file) == 0);
	check_refused(path, "was written over since it was loaded, which may "
	    "crash what runs it; restart, and replace it by `mv` or "
	    "`install` the next time");
}

static void
takes_a_new_version_beside_the_old_one(void)
{
	struct filter_set old = { 0 }, new = { 0 };
	struct policy *before, *after;
	char line[256];

	CHECK(load(&old, build("faulty", "version", "")));
	before = policy_with(&old, FAULTY);
	CHECK(load(&new, build("faulty", "version", "-DFOUND='struct "
	    "mg_found f = {0, 0, 0, 1, 1}; report->found(report->arg, &f)'")));
	CHECK_STR(err.text, "");
	after = policy_with(&new, FAULTY);
	filter_set_fini(&old);
	filter_set_fini(&new);
	find(before, "text", 0, 0, line, sizeof(line));
	CHECK_STR(line, "");
	find(after, "text", 4, 4, line, sizeof(line));
	CHECK_STR(line, "a 0+1; a 0+1; a 0+1; ");
	policy_unref(&before);
	policy_unref(&after);
}

/* ---- what is wrong inside ---- */

#define MORE_OPTION(text) "-DMORE='{ .key = \"more\", .help = \"h\", " text \
	"},'"
#define KEYED(key) "-DMORE='{ .key = \"" key "\", .help = \"h\", " \
	".type = MG_OPT_TEXT },'"

static const struct {
	const char *flags, *why;
} faults[] = {
	{ "-DABI=1", "was built for version 1 of the filter contract, this "
	    "is version 2; build it anew" },
	{ "-DABI=0xffffffffu", "was built for version 4294967295 of the "
	    "filter contract, this is version 2; build it anew" },
	{ "-DTABLE=", "exports no mg_filters; is it a filter for modgate?" },
	{ "-fvisibility=hidden -DTABLE='const struct mg_filter_type *const "
	    "mg_filters[] = { &faulty, NULL };'",
	    "exports no mg_filters; is it a filter for modgate?" },
	{ "-DTABLE='MG_FILTERS(NULL);'", "its mg_filters is empty" },
	{ "-DTABLE='MG_FILTERS([0 ... 20] = &faulty);'",
	    "its mg_filters has no end" },
	{ "-DTABLE='MG_FILTERS(&faulty, &faulty);'",
	    "there is a filter 'faulty' already" },
	{ "-DTABLE='int missing(void); MG_FILTERS(&faulty); int f(void); "
	    "int f(void) { return missing(); }'",
	    "undefined symbol: missing" },
	{ "-DNAME='\"words\"'", "there is a filter 'words' already" },
	{ "-DNAME='\"case\"'", "'case' is an option of filter 'regex'" },
	{ "-DNAME='\"fold\"'", "no filter may be called 'fold'" },
	{ "-DNAME=NULL", "the name of a filter is not 1 to 32 of a-z, 0-9 "
	    "and '_'" },
	{ "-DNAME='\"Faulty\"'", "the name of a filter is not 1 to 32 of "
	    "a-z, 0-9 and '_'" },
	{ "-DNAME='\"abcdefghijklmnopqrstuvwxyzabcdefg\"'", "the name of a "
	    "filter is not 1 to 32 of a-z, 0-9 and '_'" },
	{ "-DDOC=NULL", "faulty: has no doc, or more than a line" },
	{ "-DDOC='\"two\\nlines\"'",
	    "faulty: has no doc, or more than a line" },
	{ "-DOPTIONS=NULL", "faulty: has no options; the first must have "
	    "its name" },
	{ "-DFIRST='\"other\"'", "faulty: its first option must have its "
	    "name, not 'other'" },
	{ "-DTYPE=99", "faulty: option 'faulty': no option type has the "
	    "number 99" },
	{ "-DMORE='{ .key = \"more\", .type = MG_OPT_BOOL },'",
	    "faulty: option 'more': has no help, or more than a line" },
	{ KEYED("a b"), "faulty: the key of option 2 is not 1 to 32 of a-z, "
	    "0-9 and '_'" },
	{ KEYED("faulty"), "faulty: option 'faulty' stands twice" },
	{ KEYED("regex"), "faulty: option 'regex' has the name of a "
	    "filter" },
	{ KEYED("any"), "faulty: 'any' means something else in `match:`" },
	{ MORE_OPTION(".type = MG_OPT_BOOL, .fallback = 2"),
	    "faulty: option 'more': its fallback is neither 0 nor 1" },
	{ MORE_OPTION(".type = MG_OPT_INT, .min = 2, .max = 1"),
	    "faulty: option 'more': min and max are no range" },
	{ MORE_OPTION(".type = MG_OPT_NUMBER, .max = INFINITY"),
	    "faulty: option 'more': min and max are no range" },
	{ MORE_OPTION(".type = MG_OPT_INT, .min = 1, .max = 3"),
	    "faulty: option 'more': its fallback is not a whole number from "
	    "min to max" },
	{ MORE_OPTION(".type = MG_OPT_INT, .max = 3, .fallback = 0.5"),
	    "faulty: option 'more': its fallback is not a whole number from "
	    "min to max" },
	{ MORE_OPTION(".type = MG_OPT_NUMBER, .max = 3, .fallback = NAN"),
	    "faulty: option 'more': its fallback is not a number from min "
	    "to max" },
	{ MORE_OPTION(".type = MG_OPT_CHOICE"), "faulty: option 'more': must "
	    "have from one to 256 choices, and NULL behind them" },
	{ MORE_OPTION(".type = MG_OPT_CHOICES, .choices = (const char *"
	    "const[]){ [0 ... 300] = \"a\", NULL }"), "faulty: option "
	    "'more': must have from one to 256 choices, and NULL behind "
	    "them" },
	{ MORE_OPTION(".type = MG_OPT_CHOICE, .fallback = 1, .choices = "
	    "(const char *const[]){ \"a\", NULL }"), "faulty: option "
	    "'more': its fallback is none of its choices" },
	{ MORE_OPTION(".type = MG_OPT_CHOICE, .choices = "
	    "(const char *const[]){ \"\", NULL }"), "faulty: option "
	    "'more': choice 1 is no word" },
	{ "-DTYPE=MG_OPT_TEXT -DFIELDS='.folds_items = true'",
	    "faulty: folds_items, but 'faulty' is no MG_OPT_TEXTS" },
	{ "-DFIELDS='.fold = 7'", "faulty: no fold has the number 7" },
	{ "-w -DFIELDS='.judge = NULL'",
	    "faulty: has no judge()" },
	{ "-DFIELDS='.memory = NULL'", "faulty: has no memory()" },
};

static void
is_refused_with_a_message_when_it_is_wrong(void)
{
	char name[32];
	size_t i;

	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		(void)snprintf(name, sizeof(name), "fault%zu", i);
		check_refused(build("faulty", name, faults[i].flags),
		    faults[i].why);
		(void)unlink(scratch_file(name));
	}
}

static void
has_at_most_32_options(void)
{
	char flags[400] = "";
	size_t used = 0;
	int i;

	for (i = 1; i <= 32; i++) {
		char closed[600], name[16];

		used += (size_t)snprintf(flags + used, sizeof(flags) - used,
		    "O(%d)", i);
		if (i < 31)
			continue;
		(void)snprintf(closed, sizeof(closed), "-w '-DO(n)={\"o\" #n,"
		    "MG_OPT_TEXT,.help=\"h\"},' '-DMORE=%s'", flags);
		(void)snprintf(name, sizeof(name), "many%d", i);
		(void)build("faulty", name, closed);
		(void)snprintf(name, sizeof(name), "many%d.so", i);
		if (i == 31) {
			struct filter_set set = { 0 };

			CHECK(load(&set, scratch_file(name)));
			CHECK_STR(err.text, "");
			filter_set_fini(&set);
		} else {
			check_refused(scratch_file(name), "faulty: more than "
			    "32 options, or no end of them");
		}
	}
}

static void
is_reported_when_it_cannot_open(void)
{
	struct filter_set set = { 0 };

	CHECK(load(&set, build("faulty", "silent", "-DOPEN_FAILS")));
	CHECK(!policy_with(&set, FAULTY));
	CHECK_STR(scratch_tail(err.text),
	    "p.yaml:4:33: faulty: cannot be made ready");
	filter_set_fini(&set);
	CHECK(load(&set, build("faulty", "says", "-DOPEN_FAILS "
	    "-DOPEN_SAYS='\"it is Monday\"'")));
	CHECK(!policy_with(&set, FAULTY));
	CHECK_STR(scratch_tail(err.text),
	    "p.yaml:4:33: faulty: it is Monday");
	filter_set_fini(&set);
}

/* A report that cannot be makes all of the filter's rules unable. */
static void
check_lost(const char *name, const char *flags, const char *why)
{
	struct filter_set set = { 0 };
	struct policy *policy;
	char line[512], want[512];

	CHECK(load(&set, build("faulty", name, flags)));
	policy = policy_with(&set, FAULTY);
	CHECK(policy != NULL);
	(void)snprintf(want, sizeof(want), "a 0+0 unable: %s; b 0+0 unable: "
	    "%s; ", why, why);
	find(policy, "", 0, 0, line, sizeof(line));
	find(policy, "囧text", 0, 0, line, sizeof(line));
	CHECK(strncmp(line, want, strlen(want)) == 0);
	if (strncmp(line, want, strlen(want)) != 0)
		fprintf(stderr, "%s: %s\n", name, line);
	policy_unref(&policy);
	filter_set_fini(&set);
}

#define REPORTS(...) "-DFOUND='struct mg_found f = { " #__VA_ARGS__ \
	"}; report->found(report->arg, &f)'"

static void
does_no_harm_by_what_it_says(void)
{
	static const char cannot[] = "the filter says what cannot be";

	check_lost("rule", REPORTS(9, 0, 0, 1, 1), cannot);
	check_lost("empty", REPORTS(0, 0, 0, 0, 1), cannot);
	check_lost("behind", REPORTS(0, 0, 7, 1, 1), cannot);
	check_lost("long", REPORTS(0, 0, 0, UINT64_MAX, 1), cannot);
	check_lost("wraps", REPORTS(0, 0, UINT64_MAX, 2, 1), cannot);
	check_lost("begins", REPORTS(0, 0, 1, 2, 1), cannot);
	check_lost("ends", REPORTS(0, 0, 0, 2, 1), cannot);
	check_lost("other", "-DFOUND='report->unable(report->arg, 64, NULL)'",
	    cannot);
	check_lost("mute", "-DUNABLE", "the filter does not say why");
	check_lost("null", "-DBEGIN=NULL", "the filter could not begin");
}

/* Ours are held against the same checks. */
static void
has_built_in_filters_that_pass(void)
{
	const struct mg_filter_type *const *type;
	size_t n;

	for (type = filter_types, n = 0; *type; type++, n++) {
		const struct mg_filter_type *others[64] = { NULL };

		memcpy(others, filter_types, n * sizeof(*others));
		memset(&err, 0, sizeof(err));
		(void)plugin_check(*type, others, "built in", NULL, &err);
		CHECK_STR(err.text, "");
	}
}

/* The last test: afterwards none can be loaded. */
static void
loads_so_many_and_no_more(void)
{
	struct filter_set set = { 0 };
	char base[160], copy[160], command[400];
	int i;

	(void)snprintf(base, sizeof(base), "%s",
	    build("faulty", "base", ""));
	for (i = 0; i < PLUGIN_MAX_FILES + 1; i++) {
		(void)snprintf(copy, sizeof(copy), "%s/copy%d.so",
		    scratch_folder, i);
		(void)snprintf(command, sizeof(command), "cp %s %s", base,
		    copy);
		CHECK_EQ(system(command), 0);
		if (!load(&set, copy))
			break;
		filter_set_fini(&set);
	}
	CHECK(strstr(err.text, "too many different plugins since the start; "
	    "restart") != NULL);
	filter_set_fini(&set);
	/* What is loaded stays at hand. */
	CHECK(load(&set, scratch_file("repeats.so")));
	filter_set_fini(&set);
}

int
main(void)
{
	char command[100];

	scratch_open();
	RUN(adds_its_filters_to_those_that_are_built_in);
	RUN(finds_the_same_at_any_two_cuts);
	RUN(holds_a_stream_at_the_run_and_no_further);
	RUN(says_where_a_rule_of_it_is_wrong);
	RUN(is_unknown_to_a_policy_without_it);
	RUN(is_named_in_the_configuration);
	RUN(is_given_to_commands_that_read_a_policy_alone);
	RUN(must_be_out_of_others_reach);
	RUN(must_not_be_written_over_while_it_runs);
	RUN(takes_a_new_version_beside_the_old_one);
	RUN(is_refused_with_a_message_when_it_is_wrong);
	RUN(has_at_most_32_options);
	RUN(is_reported_when_it_cannot_open);
	RUN(does_no_harm_by_what_it_says);
	RUN(has_built_in_filters_that_pass);
	RUN(loads_so_many_and_no_more);
	(void)snprintf(command, sizeof(command), "rm -r %s", scratch_folder);
	if (system(command) != 0)
		return 1;
	return CHECK_DONE();
}
