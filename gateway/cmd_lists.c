/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_lists.c - `modgate lists import|check|stats`: operators' own lists of
 * words, made clean, looked over, and counted. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/clock.h"
#include "gateway/cmd.h"
#include "gateway/file.h"
#include "gateway/list_check.h"
#include "gateway/list_import.h"

enum { PROGRESS_NS = 1000000000 };

struct lists {
	const char *verb;
	bool json, standard, quiet;
	const char *out;
	struct list_import import;
	char **files;
	int n_files;
	struct list_set set;
	struct list_engine engine;
	struct list_stats stats;
	size_t problems[N_LIST_PROBLEMS], total;
	struct buf json_problems;
	int64_t began_ns, told_ns;
};

static void
usage(FILE *out)
{
	fputs("usage: modgate lists import [-o FILE] [options] FILE...\n"
	    "       modgate lists check [--json] [--standard] FILE...\n"
	    "       modgate lists stats [--json] FILE...\n\n"
	    "import  reads lists as other people keep them (UTF-8, UTF-16 or "
	    "GB18030, one entry\n        a line or commas between, with "
	    "remarks, blanks and copies) and writes one\n        clean list.\n"
	    "check   finds copies, entries that a shorter one makes useless, "
	    "entries that are too\n        short, signs at their ends; counts "
	    "them by category.\n"
	    "stats   counts entries, characters, scripts, categories; says "
	    "what the lists cost in\n        memory and time.\n\n"
	    "Several files are looked at as one list. A file is plain, one "
	    "entry a line, or CSV\nwith a header: word,severity,category,"
	    "note.\n\n"
	    "  -o, --out FILE      where import writes; standard output "
	    "without it\n"
	    "      --from NAME     encoding of the files (GBK, BIG5 …); found "
	    "out without it\n"
	    "      --lines         a comma is part of an entry\n"
	    "      --commas        a comma, a semicolon, a tab, a bar or 、 "
	    "divides entries\n"
	    "      --category ID   of entries that have none: A1a … A5b, X1 "
	    "… X7, custom\n"
	    "      --severity WORD of entries that have none: low, medium, "
	    "high, critical\n"
	    "      --standard      fewer entries than TC260-003 wants are a "
	    "problem\n"
	    "      --json          for machines\n"
	    "  -h, --help          this text\n\n"
	    "examples:\n"
	    "  modgate lists import --category A1d -o lists/terror.csv "
	    "old/*.txt\n"
	    "  modgate lists check policies/lists/*.txt\n"
	    "  modgate lists check --json words.csv | jq '.problems[] | "
	    ".word'\n"
	    "  modgate lists stats words.csv\n\n"
	    "Exit status: 0 done, 1 check found problems, 2 wrong use or bad "
	    "file.\n", out);
}

/* Tells a person who waits how far it is. */
static void
progress(void *arg, size_t done)
{
	struct lists *l = arg;
	int64_t now = steady_ns();

	if (l->quiet || now - l->began_ns < PROGRESS_NS ||
	    now - l->told_ns < PROGRESS_NS / 4)
		return;
	l->told_ns = now;
	fprintf(stderr, "\r%zu of %zu entries", done, l->set.n);
}

static void
end_progress(const struct lists *l)
{
	if (l->told_ns)
		fputs("\r                              \r", stderr);
}

static int
load(struct lists *l, struct mg_error *err)
{
	int i;

	for (i = 0; i < l->n_files; i++)
		if (list_set_add(&l->set, l->files[i], err) < 0)
			return -1;
	if (l->set.n == 0)
		return mg_fail(err, &(struct mg_place){ l->files[0], 0, 0 },
		    "the list is empty");
	return list_engine_open(&l->engine, &l->set, err);
}

/* ---- import ---- */

/* Whoever reads the file sees the old one or the new one. */
static int
write_file(const char *path, const struct buf *text, struct mg_error *err)
{
	struct buf temp = { 0 };
	FILE *file;
	bool ok;

	buf_addf(&temp, "%s.tmp%ld", path, (long)getpid());
	file = fopen(buf_cstr(&temp), "wx");
	ok = file != NULL;
	if (file) {
		ok = fwrite(text->ptr, 1, text->len, file) == text->len &&
		    fflush(file) == 0 && fsync(fileno(file)) == 0;
		ok = fclose(file) == 0 && ok;
		ok = ok && rename(temp.ptr, path) == 0;
	}
	if (!ok) {
		int saved = errno;

		if (file)
			(void)unlink(temp.ptr);
		mg_fail(err, NULL, "%s: %s", path, strerror(saved));
	}
	buf_fini(&temp);
	return ok ? 0 : -1;
}

static int
import_file(struct lists *l, const char *path, struct mg_error *err)
{
	struct list_import *im = &l->import;
	struct buf bytes = { 0 };
	size_t before = im->n, doubled = im->doubled;
	int rc = file_read(path, LIST_MAX_BYTES, NULL, &bytes, err);

	if (rc == 0)
		rc = list_import(im, path, &bytes, err);
	if (rc == 0)
		fprintf(stderr, "%s: %s, %s: %zu entries, %zu of them were "
		    "there\n", path, im->encoding, im->csv ? "CSV" :
		    im->commas ? "commas between" : "one a line",
		    im->n - before + im->doubled - doubled,
		    im->doubled - doubled);
	buf_fini(&bytes);
	return rc;
}

static int
run_import(struct lists *l, struct mg_error *err)
{
	struct buf out = { 0 };
	int i, rc = 0;

	for (i = 0; i < l->n_files && rc == 0; i++)
		rc = import_file(l, l->files[i], err);
	if (rc == 0 && l->import.gapped)
		fprintf(stderr, "%zu entries have a gap, as they hold one "
		    "'…'; write '……' where the sign itself is meant\n",
		    l->import.gapped);
	list_import_write(&l->import, &out);
	if (rc == 0 && l->out)
		rc = write_file(l->out, &out, err);
	else if (rc == 0 && (fwrite(out.ptr, 1, out.len, stdout) != out.len ||
	    fflush(stdout) != 0))
		rc = mg_fail(err, NULL, "standard output: %s",
		    strerror(errno));
	buf_fini(&out);
	return rc < 0 ? CMD_WRONG : CMD_DONE;
}

/* ---- check ---- */

static void
add_place(struct buf *out, const struct list_entry *entry)
{
	buf_add_str(out, "\"file\":");
	buf_add_json(out, span_str(entry->place.file));
	buf_addf(out, ",\"line\":%u,\"column\":%u,\"word\":",
	    entry->place.line, entry->place.column);
	buf_add_json(out, entry->text);
}

static void
print_problem(enum list_problem problem, const struct list_entry *entry,
    const struct list_entry *other)
{
	printf("%s:%u:%u: %s: \"%.*s\"", entry->place.file, entry->place.line,
	    entry->place.column, list_problem_names[problem],
	    (int)entry->text.len, entry->text.ptr);
	if (other)
		printf(" %s \"%.*s\", %s:%u",
		    problem == LIST_SHADOWED ? "holds" : "is the same as",
		    (int)other->text.len, other->text.ptr, other->place.file,
		    other->place.line);
	putchar('\n');
}

static void
on_problem(void *arg, enum list_problem problem,
    const struct list_entry *entry, const struct list_entry *other)
{
	struct lists *l = arg;
	struct buf *out = &l->json_problems;

	l->problems[problem]++;
	l->total++;
	if (!l->json) {
		end_progress(l);
		print_problem(problem, entry, other);
		return;
	}
	buf_addf(out, "%s{\"problem\":\"%s\",", out->len ? "," : "",
	    list_problem_names[problem]);
	add_place(out, entry);
	if (other) {
		buf_add_str(out, ",\"by\":{");
		add_place(out, other);
		buf_add_byte(out, '}');
	}
	buf_add_byte(out, '}');
}

/* Categories that have entries, or a figure to reach where that is asked. */
static bool
is_shown(const struct lists *l, size_t category)
{
	return l->stats.categories[category + 1] > 0 ||
	    (l->standard && list_wanted(policy_categories[category]) > 0);
}

static void
add_categories(const struct lists *l, struct buf *out)
{
	const char *sep = "";
	size_t i;

	for (i = 0; policy_categories[i]; i++) {
		if (!is_shown(l, i))
			continue;
		buf_addf(out, l->json ? "%s{\"category\":\"%s\","
		    "\"entries\":%zu,\"wanted\":%zu}" : "%s  %-8s %zu",
		    sep, policy_categories[i], l->stats.categories[i + 1],
		    list_wanted(policy_categories[i]));
		if (!l->json && list_wanted(policy_categories[i]))
			buf_addf(out, " of %zu",
			    list_wanted(policy_categories[i]));
		sep = l->json ? "," : "\n";
	}
	if (!l->json && *sep)
		buf_add_byte(out, '\n');
}

/* How many of the standard's figures are not reached. */
static size_t
count_lacks(const struct lists *l)
{
	size_t i, n = l->stats.entries < LIST_WANTED_ALL;

	for (i = 0; policy_categories[i]; i++)
		n += l->stats.categories[i + 1] <
		    list_wanted(policy_categories[i]);
	return n;
}

static void
print_check(const struct lists *l, size_t lacks)
{
	struct buf out = { 0 };
	size_t i;

	if (l->json)
		buf_addf(&out, "{\"ok\":%s,", l->total ||
		    (l->standard && lacks) ? "false" : "true");
	buf_addf(&out, l->json ? "\"entries\":%zu,\"counts\":{" :
	    "%zu entries:", l->stats.entries);
	for (i = 0; i < N_LIST_PROBLEMS; i++)
		buf_addf(&out, l->json ? "%s\"%s\":%zu" : "%s %s %zu",
		    i ? "," : "", list_problem_names[i], l->problems[i]);
	buf_add_str(&out, l->json ? "},\"categories\":[" : "\n");
	add_categories(l, &out);
	if (l->json) {
		buf_addf(&out, "],\"standard\":{\"wanted\":%d,\"lacks\":%zu},"
		    "\"problems\":[%s]}\n", LIST_WANTED_ALL, lacks,
		    l->json_problems.len ? l->json_problems.ptr : "");
	} else if (l->standard) {
		buf_addf(&out, "TC260-003: %zu of %d entries; figures not "
		    "reached: %zu\n", l->stats.entries, LIST_WANTED_ALL,
		    lacks);
	}
	(void)fwrite(out.ptr, 1, out.len, stdout);
	buf_fini(&out);
}

static int
run_check(struct lists *l, struct mg_error *err)
{
	size_t lacks;

	if (load(l, err) < 0)
		return CMD_WRONG;
	list_check(&l->set, &l->engine, on_problem, progress, l);
	end_progress(l);
	list_count(&l->set, &l->stats);
	(void)buf_cstr(&l->json_problems);
	lacks = count_lacks(l);
	print_check(l, lacks);
	return l->total || (l->standard && lacks) ? CMD_FOUND : CMD_DONE;
}

/* ---- stats ---- */

static const char *const script_names[] = {
	[SCRIPT_HAN] = "han", [SCRIPT_LATIN] = "latin",
	[SCRIPT_DIGITS] = "digits", [SCRIPT_OTHER] = "other",
	[SCRIPT_NONE] = "mixed" };

static void
add_group(const struct lists *l, const char *title, const char *const *names,
    const size_t *counts, size_t n, struct buf *out)
{
	const char *sep = "";
	size_t i;

	buf_addf(out, l->json ? ",\"%s\":{" : "%-11s", title);
	for (i = 0; i < n; i++) {
		if (counts[i] == 0)
			continue;
		buf_addf(out, l->json ? "%s\"%s\":%zu" : "%s %s %zu", sep,
		    names[i], counts[i]);
		sep = ",";
	}
	buf_add_str(out, l->json ? "}" : "\n");
}

/* Names with one for "none of its own" in front. */
static void
add_grades(const struct lists *l, const char *title, const char *const *known,
    const size_t *counts, struct buf *out)
{
	const char *names[64] = { "rule's" };
	size_t n = 1;

	for (; known[n - 1] && n < 64; n++)
		names[n] = known[n - 1];
	add_group(l, title, names, counts, n, out);
}

static int
run_stats(struct lists *l, struct mg_error *err)
{
	const struct list_stats *s = &l->stats;
	struct buf out = { 0 };

	if (load(l, err) < 0)
		return CMD_WRONG;
	list_count(&l->set, &l->stats);
	buf_addf(&out, l->json ? "{\"entries\":%zu,\"gapped\":%zu,\"bytes\":"
	    "%zu,\"chars\":{\"least\":%zu,\"median\":%zu,\"most\":%zu}" :
	    "entries     %zu, %zu with gaps, %zu bytes\ncharacters  from %zu, "
	    "median %zu, to %zu\n", s->entries, s->gapped, s->bytes,
	    s->chars_min, s->chars_median, s->chars_max);
	add_group(l, "scripts", script_names, s->scripts, 5, &out);
	add_grades(l, "severities", policy_severities, s->severities, &out);
	add_grades(l, "categories", policy_categories, s->categories, &out);
	if (l->json)
		buf_addf(&out, ",\"memory_bytes\":%zu,\"build_ms\":%.1f}\n",
		    l->engine.bytes, l->engine.build_ms);
	else
		buf_addf(&out, "in memory   %.1f MB, built in %.0f ms\n",
		    (double)l->engine.bytes / 1e6, l->engine.build_ms);
	(void)fwrite(out.ptr, 1, out.len, stdout);
	buf_fini(&out);
	return CMD_DONE;
}

/* ---- the command line ---- */

static int
wrong(const char *what, const char *arg)
{
	fprintf(stderr, "modgate lists: %s%s; see modgate lists --help\n",
	    what, arg);
	return CMD_WRONG;
}

static bool
read_grade(struct lists *l, bool category, const char *word,
    struct mg_error *err)
{
	static const struct mg_place place = { "--category", 0, 0 };
	static const struct mg_place other = { "--severity", 0, 0 };

	return (category ? list_read_category(span_str(word), &place,
	    &l->import.grade, err) : list_read_severity(span_str(word),
	    &other, &l->import.grade, err)) == 0;
}

/* Reads the options behind the verb; CMD_DONE, or what to exit with. */
static int
parse(struct lists *l, int argc, char **argv, bool *help)
{
	static const struct option options[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "from", required_argument, NULL, 'f' },
		{ "lines", no_argument, NULL, 'l' },
		{ "commas", no_argument, NULL, 'c' },
		{ "category", required_argument, NULL, 'C' },
		{ "severity", required_argument, NULL, 'S' },
		{ "standard", no_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct mg_error err = { { 0 } };
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
		if (c == 'h')
			*help = true;
		else if (c == '?')
			return CMD_WRONG;
		else if (c == 'j')
			l->json = true;
		else if (c == 's')
			l->standard = true;
		else if (c == 'o')
			l->out = optarg;
		else if (c == 'f')
			l->import.from = optarg;
		else if (c == 'l' || c == 'c')
			l->import.split = c == 'l' ? SPLIT_LINES :
			    SPLIT_COMMAS;
		else if (!read_grade(l, c == 'C', optarg, &err))
			return wrong(err.text, "");
	}
	l->files = argv + optind;
	l->n_files = argc - optind;
	return CMD_DONE;
}

static int
run(struct lists *l, struct mg_error *err)
{
	if (strcmp(l->verb, "import") == 0)
		return run_import(l, err);
	if (strcmp(l->verb, "check") == 0)
		return run_check(l, err);
	if (strcmp(l->verb, "stats") == 0)
		return run_stats(l, err);
	return wrong("no command ", l->verb);
}

int
cmd_lists(int argc, char **argv)
{
	struct lists l = { .quiet = !isatty(2), .began_ns = steady_ns() };
	struct mg_error err = { { 0 } };
	bool help = false;
	int rc;

	if (argc < 2) {
		usage(stderr);
		return CMD_WRONG;
	}
	l.verb = argv[1];
	help = strcmp(l.verb, "--help") == 0 || strcmp(l.verb, "-h") == 0;
	rc = help ? CMD_DONE : parse(&l, argc - 1, argv + 1, &help);
	if (help)
		usage(stdout);
	else if (rc == CMD_DONE && l.n_files == 0)
		rc = wrong("no file is named", "");
	else if (rc == CMD_DONE)
		rc = run(&l, &err);
	if (err.text[0])
		fprintf(stderr, "%s\n", err.text);
	list_engine_close(&l.engine);
	list_set_fini(&l.set);
	list_import_fini(&l.import);
	buf_fini(&l.json_problems);
	return rc;
}
