/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_diff.c - `modgate diff OLD NEW --over FILE`: whose verdict changes when
 * one policy takes another's place? */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "filters/registry.h"
#include "gateway/cmd.h"
#include "gateway/corpus.h"
#include "gateway/ruling.h"
#include "gateway/progress.h"

enum { OLD, NEW, SHOWN_BYTES = 96 };

struct diff {
	const char *file[2], *over;
	bool json;
	uint64_t limit;			/* changes that are shown */
	struct filter_set filters;
	struct policy *policy[2];
	uint64_t texts;			/* sides judged */
	uint64_t moved[N_RULINGS][N_RULINGS];	/* from, to */
	uint64_t changed;		/* also where only the rule is another */
	struct progress progress;
	struct buf out;
};

static void
usage(FILE *out)
{
	fputs("usage: modgate diff [options] OLD NEW --over FILE.jsonl\n\n"
	    "Judges every text by both policies and shows whose verdict "
	    "changes. FILE has one\nobject with a \"text\" per line, plain or "
	    "gzip, as modgate eval takes it.\n\n"
	    "      --over FILE   the texts; '-': standard input\n"
	    "      --show N      show at most N changes (default: 20)\n"
	    "      --filters FILE  a plugin whose filters the policies may "
	    "name\n"
	    "      --json        for machines: one line per change, then the "
	    "sum\n"
	    "  -h, --help        this text\n\n"
	    "examples:\n"
	    "  modgate diff policies/default.yaml new.yaml --over "
	    "corpus.jsonl\n"
	    "  modgate diff --show 0 old.yaml new.yaml --over corpus.jsonl.gz"
	    "\n\n"
	    "Exit status: 0 no verdict changes, 1 some do, 2 wrong use or bad "
	    "file.\n", out);
}

static struct ruling
judge(const struct policy *policy, const struct corpus_row *row,
    enum policy_side side)
{
	struct screen_subject subject = { row->tenant, row->model };
	enum policy_role role = row->role ? (enum policy_role)row->role :
	    side == SIDE_ANSWER ? ROLE_ASSISTANT : ROLE_USER;
	struct screen *screen = screen_new(policy, side, &subject);
	struct channel_screen *channel = screen_text(screen, role, FORM_PLAIN,
	    row->text);
	struct ruling outcome = ruling_of(channel);

	channel_close(channel);
	screen_free(screen);
	return outcome;
}

static const char *
rule_of(const struct ruling *o)
{
	return o->rule ? o->rule->id : "";
}

static void
show_json(struct diff *d, const struct corpus_row *row, enum policy_side side,
    const struct ruling *o)
{
	static const char *const names[] = { "old", "new" };
	int i;

	buf_addf(&d->out, "{\"line\":%zu,\"on\":\"%s\"", row->line,
	    side == SIDE_ANSWER ? "answer" : "prompt");
	for (i = OLD; i <= NEW; i++) {
		buf_addf(&d->out, ",\"%s\":{\"outcome\":\"%s\",\"rule\":",
		    names[i], ruling_name(o[i].kind));
		buf_add_json(&d->out, span_str(rule_of(&o[i])));
		buf_add_byte(&d->out, '}');
	}
	buf_add_str(&d->out, ",\"text\":");
	buf_add_json(&d->out, row->text);
	buf_add_str(&d->out, "}\n");
}

static void
show_text(struct diff *d, const struct corpus_row *row, enum policy_side side,
    const struct ruling *o)
{
	struct mg_span text = row->text;

	if (text.len > SHOWN_BYTES)
		text.len = utf8_whole(text.ptr, SHOWN_BYTES);
	buf_addf(&d->out, "%s:%zu: as %s: %s%s%s -> %s%s%s\n    ", d->over,
	    row->line, side == SIDE_ANSWER ? "an answer" : "a prompt",
	    ruling_name(o[OLD].kind), o[OLD].rule ? " by " : "",
	    rule_of(&o[OLD]), ruling_name(o[NEW].kind),
	    o[NEW].rule ? " by " : "", rule_of(&o[NEW]));
	buf_add_json(&d->out, text);
	buf_add_byte(&d->out, '\n');
}

static void
compare(struct diff *d, const struct corpus_row *row, enum policy_side side)
{
	struct ruling o[2] = { judge(d->policy[OLD], row, side),
		judge(d->policy[NEW], row, side) };

	d->texts++;
	d->moved[o[OLD].kind][o[NEW].kind]++;
	if (o[OLD].kind == o[NEW].kind &&
	    strcmp(rule_of(&o[OLD]), rule_of(&o[NEW])) == 0)
		return;
	if (d->changed++ >= d->limit)
		return;
	(d->json ? show_json : show_text)(d, row, side, o);
}

static bool
take_row(void *arg, const struct corpus_row *row)
{
	struct diff *d = arg;

	if (row->sides & SIDE_PROMPT)
		compare(d, row, SIDE_PROMPT);
	if (row->sides & SIDE_ANSWER)
		compare(d, row, SIDE_ANSWER);
	if (d->out.len > 0)
		(void)fwrite(d->out.ptr, 1, d->out.len, stdout);
	buf_clear(&d->out);
	progress_tell(&d->progress, d->texts, row->done);
	return true;
}

static void
write_sum(struct diff *d)
{
	const char *sep = "";
	size_t i, k;

	if (d->json)
		buf_addf(&d->out, "{\"judged\":%" PRIu64 ",\"changed\":%" PRIu64
		    ",\"moves\":[", d->texts, d->changed);
	else
		buf_addf(&d->out, "%" PRIu64 " judged, %" PRIu64 " changed\n",
		    d->texts, d->changed);
	for (i = 0; i < N_RULINGS; i++)
		for (k = 0; k < N_RULINGS; k++) {
			if (i == k || d->moved[i][k] == 0)
				continue;
			buf_addf(&d->out, d->json ? "%s{\"old\":\"%s\","
			    "\"new\":\"%s\",\"texts\":%" PRIu64 "}" :
			    "%s  %-6s -> %-6s  %" PRIu64 "\n", sep,
			    ruling_name((enum ruling_kind)i),
			    ruling_name((enum ruling_kind)k),
			    d->moved[i][k]);
			if (d->json)
				sep = ",";
		}
	if (d->json)
		buf_add_str(&d->out, "]}\n");
	(void)fwrite(d->out.ptr, 1, d->out.len, stdout);
}

static int
run(struct diff *d)
{
	struct mg_error err = { { 0 } };
	int i, rc;

	for (i = OLD; i <= NEW; i++) {
		d->policy[i] = policy_load_with(d->file[i], &d->filters, NULL, &err);
		if (!d->policy[i]) {
			fprintf(stderr, "%s\n", err.text);
			return CMD_WRONG;
		}
	}
	progress_begin(&d->progress, "judged");
	rc = corpus_read(d->over, take_row, d, &err);
	(void)progress_end(&d->progress);
	if (rc < 0) {
		fprintf(stderr, "%s\n", err.text);
		return CMD_WRONG;
	}
	write_sum(d);
	return d->changed ? CMD_FOUND : CMD_DONE;
}

/* ---- the command line ---- */

static int
wrong(const char *what, const char *arg)
{
	fprintf(stderr, "modgate diff: %s%s; see modgate diff --help\n", what,
	    arg);
	return CMD_WRONG;
}

static int
parse(int argc, char **argv, struct diff *d, bool *help)
{
	static const struct option options[] = {
		{ "over", required_argument, NULL, 'o' },
		{ "show", required_argument, NULL, 's' },
		{ "filters", required_argument, NULL, 'F' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'o')
			d->over = optarg;
		if (c == 's' && !span_to_u64(span_str(optarg), &d->limit))
			return wrong("--show wants a number, not ", optarg);
		if (c == 'F' && cmd_filters(&d->filters, optarg) < 0)
			return CMD_WRONG;
		if (c == 'j')
			d->json = true;
		if (c == 'h')
			*help = true;
		if (c == '?')
			return CMD_WRONG;
	}
	if (*help)
		return CMD_DONE;
	if (argc - optind != 2 || !d->over)
		return wrong("OLD, NEW and --over FILE are wanted", "");
	d->file[OLD] = argv[optind];
	d->file[NEW] = argv[optind + 1];
	return CMD_DONE;
}

int
cmd_diff(int argc, char **argv)
{
	struct diff d = { .limit = 20 };
	bool help = false;
	int rc = parse(argc, argv, &d, &help);

	if (help)
		usage(stdout);
	else if (rc == CMD_DONE)
		rc = run(&d);
	policy_unref(&d.policy[OLD]);
	policy_unref(&d.policy[NEW]);
	filter_set_fini(&d.filters);
	buf_fini(&d.out);
	return help ? CMD_DONE : rc;
}
