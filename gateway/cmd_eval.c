/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_eval.c - `modgate eval POLICY --over FILE`: how well do the rules do
 * over labelled texts?
 *
 * A rule, a category, the whole policy: each is a subject, with the labels that
 * say whether it ought to find something in a text. A text whose labels do not
 * say is not counted for that subject. */
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "filters/registry.h"
#include "gateway/cmd.h"
#include "gateway/confusion.h"
#include "gateway/corpus.h"
#include "gateway/ruling.h"
#include "gateway/progress.h"

enum { MAX_LABELS = 8, MAX_WISHES = 64, EXAMPLE_BYTES = 96 };

struct example {
	size_t line;
	bool found;			/* … and should not have been */
	char *text;			/* owned */
};

enum subject_kind { SUBJECT_RULE, SUBJECT_CATEGORY, SUBJECT_POLICY };

struct subject {
	enum subject_kind kind;
	const char *name;
	const char *labels[MAX_LABELS];	/* any of them; NULL-terminated */
	struct confusion counts;
	struct example *examples;	/* owned */
	size_t n_examples, false_alarms, misses;
	bool found;			/* in the text at hand */
};

/* --label NAME=a+b, taken apart. */
struct wish {
	char *name;			/* owned; labels point into it */
	const char *labels[MAX_LABELS];
	bool used;
};

struct eval {
	const char *file, *over;
	bool json;
	size_t examples;		/* of each kind, per subject */
	struct wish wishes[MAX_WISHES];
	size_t n_wishes;
	struct filter_set filters;
	struct policy *policy;
	struct subject *subjects;	/* rules, then categories, then all */
	size_t n_subjects;
	size_t *category;		/* by rule: its category's subject */
	uint64_t texts, bytes;
	struct progress progress;
	double seconds;
	struct buf out;
};

static void
usage(FILE *out)
{
	fputs("usage: modgate eval [options] POLICY --over FILE.jsonl\n\n"
	    "Says how well rules do over labelled texts: precision, recall, F1 "
	    "and the rate of\nfalse alarms, per rule, per category and for the "
	    "whole policy, with 95 %\nintervals. FILE has one object per line, "
	    "plain or gzip:\n"
	    "  {\"text\": \"…\", \"labels\": {\"violence\": 1, \"hate\": 0}}\n"
	    "An absent label is not known. \"on\", \"role\", \"tenant\" and "
	    "\"model\" may be told.\n\n"
	    "      --over FILE        the texts; '-': standard input\n"
	    "      --label NAME=A+B   a rule or category ought to find texts "
	    "with label A or B;\n"
	    "                         span:TYPE: texts with a span of that "
	    "type; harmful: any\n"
	    "                         but \"benign\". Without it labels go by "
	    "the category,\n                         where that has some\n"
	    "      --examples N       show N misses and N false alarms of "
	    "each\n"
	    "      --filters FILE     a plugin whose filters the policy may "
	    "name\n"
	    "      --json             for machines\n"
	    "  -h, --help             this text\n\n"
	    "examples:\n"
	    "  modgate eval policies/default.yaml --over data.jsonl.gz\n"
	    "  modgate eval p.yaml --over pii.jsonl --label "
	    "phones=span:PHONE_CN --examples 5\n"
	    "  zcat *.gz | modgate eval --json p.yaml --over - | jq "
	    ".policy.precision\n\n"
	    "Exit status: 0 done, 2 wrong use or bad file.\n", out);
}

/* ---- subjects ---- */

/* Which labels a category's rules ought to find: our mapping of the risks to
 * OpenAI's names, as far as it is a direct one. */
static const struct {
	const char *category;
	const char *labels[MAX_LABELS];
} direct[] = {
	{ "A1a", { "political" } }, { "A1b", { "political" } },
	{ "A1c", { "political" } },
	{ "A1d", { "violence", "illicit/violent", "hate/threatening",
	    "political" } },
	{ "A1e", { "hate", "hate/threatening" } },
	{ "A1f", { "violence", "violence/graphic", "sexual",
	    "sexual/minors" } },
	{ "A1h", { "illicit", "illicit/violent" } },
	{ "A2a", { "hate" } }, { "A2b", { "hate" } }, { "A2c", { "hate" } },
	{ "A2d", { "hate", "harassment" } }, { "A2e", { "hate" } },
	{ "A2f", { "hate", "harassment" } },
	{ "A2g", { "hate", "harassment" } }, { "A2h", { "hate" } },
	{ "A2i", { "hate", "harassment" } },
	{ "A4a", { "self-harm", "harassment/threatening" } },
	{ "A4c", { "harassment" } }, { "A4d", { "harassment" } },
	{ "X1", { "jailbreak" } }, { "X2", { "jailbreak" } },
	{ "X5", { "jailbreak" } },
};

static void
set_labels(struct eval *e, struct subject *s, const char *category)
{
	size_t i;

	if (!category)
		s->labels[0] = "harmful";
	for (i = 0; category && i < sizeof(direct) / sizeof(direct[0]); i++)
		if (strcmp(direct[i].category, category) == 0)
			memcpy(s->labels, direct[i].labels,
			    sizeof(s->labels));
	for (i = 0; i < e->n_wishes; i++)
		if (strcmp(e->wishes[i].name, s->name) == 0) {
			memcpy(s->labels, e->wishes[i].labels,
			    sizeof(s->labels));
			e->wishes[i].used = true;
		}
}

static size_t
add_subject(struct eval *e, enum subject_kind kind, const char *name,
    const char *category)
{
	struct subject *s = &e->subjects[e->n_subjects];

	*s = (struct subject){ .kind = kind, .name = name };
	set_labels(e, s, category);
	s->examples = xcalloc(2 * e->examples + 1, sizeof(*s->examples));
	return e->n_subjects++;
}

static size_t
category_subject(struct eval *e, const char *category)
{
	size_t i;

	for (i = e->policy->n_rules; i < e->n_subjects; i++)
		if (strcmp(e->subjects[i].name, category) == 0)
			return i;
	return add_subject(e, SUBJECT_CATEGORY, category, category);
}

static void
make_subjects(struct eval *e)
{
	const struct policy *policy = e->policy;
	size_t i;

	e->subjects = xcalloc(2 * policy->n_rules + 1, sizeof(*e->subjects));
	e->category = xcalloc(policy->n_rules, sizeof(*e->category));
	for (i = 0; i < policy->n_rules; i++)
		(void)add_subject(e, SUBJECT_RULE, policy->rules[i].id,
		    policy->rules[i].category);
	for (i = 0; i < policy->n_rules; i++)
		e->category[i] = category_subject(e,
		    policy->rules[i].category);
	(void)add_subject(e, SUBJECT_POLICY, "policy", NULL);
}

/* ---- one text ---- */

static enum corpus_truth
truth_for(const struct subject *s, const struct corpus_row *row)
{
	enum corpus_truth truth = s->labels[0] ? TRUTH_NO : TRUTH_UNKNOWN;
	size_t i;

	for (i = 0; i < MAX_LABELS && s->labels[i]; i++)
		switch (corpus_label(row, s->labels[i])) {
		case TRUTH_YES:
			return TRUTH_YES;
		case TRUTH_UNKNOWN:
			truth = TRUTH_UNKNOWN;
			break;
		case TRUTH_NO:
			break;
		}
	/* "benign" says no to every label. */
	if (truth == TRUTH_UNKNOWN && s->labels[0] &&
	    corpus_label(row, "benign") == TRUTH_YES)
		return TRUTH_NO;
	return truth;
}

static void
keep_example(struct eval *e, struct subject *s, const struct corpus_row *row)
{
	size_t *n = s->found ? &s->false_alarms : &s->misses;
	size_t len = row->text.len;

	if (*n == e->examples)
		return;
	(*n)++;
	if (len > EXAMPLE_BYTES)
		len = utf8_whole(row->text.ptr, EXAMPLE_BYTES);
	s->examples[s->n_examples++] = (struct example){ row->line, s->found,
		xstrndup(row->text.ptr, len) };
}

static void
mark_found(struct eval *e, const struct channel_screen *channel)
{
	const struct screen_finding *f;
	struct ruling outcome = ruling_of(channel);
	size_t i, n;

	f = channel_findings(channel, &n, NULL);
	for (i = 0; i < n; i++) {
		size_t rule = (size_t)(f[i].rule - e->policy->rules);

		if (f[i].unable || rule >= e->policy->n_rules)
			continue;
		e->subjects[rule].found = true;
		e->subjects[e->category[rule]].found = true;
	}
	if (outcome.kind >= RULING_REDACT)
		e->subjects[e->n_subjects - 1].found = true;
}

static void
judge_side(struct eval *e, const struct corpus_row *row,
    enum policy_side side)
{
	struct screen_subject subject = { row->tenant, row->model };
	enum policy_role role = row->role ? (enum policy_role)row->role :
	    side == SIDE_ANSWER ? ROLE_ASSISTANT : ROLE_USER;
	struct screen *screen = screen_new(e->policy, side, &subject);
	struct channel_screen *channel;

	channel = screen_text(screen, role, FORM_PLAIN, row->text);
	mark_found(e, channel);
	channel_close(channel);
	screen_free(screen);
}

static bool
take_row(void *arg, const struct corpus_row *row)
{
	struct eval *e = arg;
	size_t i;

	for (i = 0; i < e->n_subjects; i++)
		e->subjects[i].found = false;
	if (row->sides & SIDE_PROMPT)
		judge_side(e, row, SIDE_PROMPT);
	if (row->sides & SIDE_ANSWER)
		judge_side(e, row, SIDE_ANSWER);
	for (i = 0; i < e->n_subjects; i++) {
		struct subject *s = &e->subjects[i];
		enum corpus_truth truth = truth_for(s, row);

		if (truth == TRUTH_UNKNOWN)
			continue;
		confusion_add(&s->counts, s->found, truth == TRUTH_YES);
		if (s->found != (truth == TRUTH_YES))
			keep_example(e, s, row);
	}
	e->texts++;
	e->bytes += row->text.len;
	progress_tell(&e->progress, e->texts, row->done);
	return true;
}

/* ---- writing ---- */

static const char *const kind_names[] = { "rule", "category", "policy" };

static void
add_labels(struct buf *out, const struct subject *s)
{
	size_t i;

	for (i = 0; i < MAX_LABELS && s->labels[i]; i++) {
		buf_add_str(out, i ? "+" : "");
		buf_add_str(out, s->labels[i]);
	}
}

static void
add_share(struct buf *out, struct share s)
{
	if (isnan(s.value))
		buf_addf(out, "  %-21s", "-");
	else
		buf_addf(out, "  %.3f (%.3f to %.3f)", s.value, s.low,
		    s.high);
}

static void
add_text(struct eval *e, const struct subject *s)
{
	const struct confusion *c = &s->counts;
	double f1 = confusion_f1(c);
	size_t i;

	if (!s->labels[0]) {
		buf_addf(&e->out, "%s %s: no labels are known for it; say "
		    "--label %s=LABEL\n", kind_names[s->kind], s->name,
		    s->name);
		return;
	}
	buf_addf(&e->out, "%s %s: ought to find ", kind_names[s->kind],
	    s->kind == SUBJECT_POLICY ? e->policy->name : s->name);
	add_labels(&e->out, s);
	buf_addf(&e->out, "\n  %" PRIu64 " right, %" PRIu64 " false alarms, %"
	    PRIu64 " missed, of %" PRIu64 " texts\n  precision", c->hits,
	    c->false_alarms, c->misses, c->hits + c->false_alarms +
	    c->misses + c->rests);
	add_share(&e->out, confusion_precision(c));
	buf_add_str(&e->out, "  recall");
	add_share(&e->out, confusion_recall(c));
	if (isnan(f1))
		buf_add_str(&e->out, "  F1  -");
	else
		buf_addf(&e->out, "  F1  %.3f", f1);
	buf_add_str(&e->out, "\n  false alarms");
	add_share(&e->out, confusion_false_rate(c));
	buf_add_byte(&e->out, '\n');
	for (i = 0; i < s->n_examples; i++) {
		buf_addf(&e->out, "    %s %s:%zu: ", s->examples[i].found ?
		    "false alarm" : "missed", e->over, s->examples[i].line);
		buf_add_json(&e->out, span_str(s->examples[i].text));
		buf_add_byte(&e->out, '\n');
	}
}

static void
add_share_json(struct buf *out, const char *name, struct share s)
{
	if (isnan(s.value))
		buf_addf(out, ",\"%s\":null", name);
	else
		buf_addf(out, ",\"%s\":{\"value\":%.6f,\"low\":%.6f,"
		    "\"high\":%.6f}", name, s.value, s.low, s.high);
}

static void
add_json(struct eval *e, const struct subject *s)
{
	const struct confusion *c = &s->counts;
	double f1 = confusion_f1(c);
	size_t i;

	buf_addf(&e->out, "{\"%s\":", kind_names[s->kind]);
	buf_add_json(&e->out, span_str(s->kind == SUBJECT_POLICY ?
	    e->policy->name : s->name));
	buf_add_str(&e->out, ",\"labels\":\"");
	add_labels(&e->out, s);
	buf_addf(&e->out, "\",\"right\":%" PRIu64 ",\"false_alarms\":%" PRIu64
	    ",\"missed\":%" PRIu64 ",\"rest\":%" PRIu64, c->hits,
	    c->false_alarms, c->misses, c->rests);
	add_share_json(&e->out, "precision", confusion_precision(c));
	add_share_json(&e->out, "recall", confusion_recall(c));
	add_share_json(&e->out, "false_alarm_rate", confusion_false_rate(c));
	if (isnan(f1))
		buf_add_str(&e->out, ",\"f1\":null,\"examples\":[");
	else
		buf_addf(&e->out, ",\"f1\":%.6f,\"examples\":[", f1);
	for (i = 0; i < s->n_examples; i++) {
		buf_addf(&e->out, "%s{\"line\":%zu,\"kind\":\"%s\",\"text\":",
		    i ? "," : "", s->examples[i].line, s->examples[i].found ?
		    "false alarm" : "missed");
		buf_add_json(&e->out, span_str(s->examples[i].text));
		buf_add_byte(&e->out, '}');
	}
	buf_add_str(&e->out, "]}");
}

static void
write_all(struct eval *e)
{
	const char *const lists[] = { "rules", "categories" };
	size_t i, last = e->n_subjects - 1;

	if (!e->json) {
		for (i = 0; i < e->n_subjects; i++)
			add_text(e, &e->subjects[i]);
		buf_addf(&e->out, "%" PRIu64 " texts, %" PRIu64 " bytes, "
		    "%.2f s\n", e->texts, e->bytes, e->seconds);
		return;
	}
	buf_addf(&e->out, "{\"texts\":%" PRIu64 ",\"bytes\":%" PRIu64
	    ",\"seconds\":%.3f,\"policy\":", e->texts, e->bytes, e->seconds);
	add_json(e, &e->subjects[last]);
	for (i = 0; i < last; i++) {
		enum subject_kind kind = e->subjects[i].kind;

		if (i == 0 || e->subjects[i - 1].kind != kind)
			buf_addf(&e->out, "%s,\"%s\":[", i ? "]" : "",
			    lists[kind]);
		else
			buf_add_byte(&e->out, ',');
		add_json(e, &e->subjects[i]);
	}
	buf_add_str(&e->out, "]}\n");
}

static void
eval_fini(struct eval *e)
{
	size_t i, k;

	for (i = 0; i < e->n_subjects; i++) {
		for (k = 0; k < e->subjects[i].n_examples; k++)
			free(e->subjects[i].examples[k].text);
		free(e->subjects[i].examples);
	}
	for (i = 0; i < e->n_wishes; i++)
		free(e->wishes[i].name);
	free(e->subjects);
	free(e->category);
	policy_unref(&e->policy);
	buf_fini(&e->out);
}

/* ---- the command line ---- */

static int
wrong(const char *what, const char *arg)
{
	fprintf(stderr, "modgate eval: %s%s; see modgate eval --help\n", what,
	    arg);
	return CMD_WRONG;
}

static int
take_label(struct eval *e, const char *arg)
{
	const char *equals = strchr(arg, '=');
	struct wish *w = &e->wishes[e->n_wishes];
	size_t n = 0;
	char *at;

	if (!equals || equals == arg || equals[1] == '\0')
		return wrong("--label wants NAME=LABEL, not ", arg);
	if (e->n_wishes == MAX_WISHES)
		return wrong("too many --label", "");
	w->name = xstrndup(arg, strlen(arg));
	at = w->name + (equals - arg);
	e->n_wishes++;
	while (at) {
		*at++ = '\0';
		if (n == MAX_LABELS)
			return wrong("at most 8 labels in ", arg);
		w->labels[n++] = at;
		at = strchr(at, '+');
	}
	return CMD_DONE;
}

static int
take_examples(struct eval *e, const char *arg)
{
	uint64_t n;

	if (!span_to_u64(span_str(arg), &n) || n > 1000)
		return wrong("--examples is from 0 to 1000, not ", arg);
	e->examples = (size_t)n;
	return CMD_DONE;
}

static int
parse(int argc, char **argv, struct eval *e, bool *help)
{
	static const struct option options[] = {
		{ "over", required_argument, NULL, 'o' },
		{ "label", required_argument, NULL, 'l' },
		{ "examples", required_argument, NULL, 'e' },
		{ "filters", required_argument, NULL, 'F' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c, rc = CMD_DONE;

	optind = 1;
	while (rc == CMD_DONE &&
	    (c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'o')
			e->over = optarg;
		if (c == 'l')
			rc = take_label(e, optarg);
		if (c == 'e')
			rc = take_examples(e, optarg);
		if (c == 'F' && cmd_filters(&e->filters, optarg) < 0)
			rc = CMD_WRONG;
		if (c == 'j')
			e->json = true;
		if (c == 'h')
			*help = true;
		if (c == '?')
			rc = CMD_WRONG;
	}
	if (rc != CMD_DONE || *help)
		return rc;
	if (argc - optind != 1 || !e->over)
		return wrong("a POLICY and --over FILE are wanted", "");
	e->file = argv[optind];
	return CMD_DONE;
}

static int
eval(struct eval *e)
{
	struct mg_error err = { { 0 } };
	size_t i;
	int rc;

	e->policy = policy_load_with(e->file, &e->filters, NULL, &err);
	if (!e->policy) {
		fprintf(stderr, "%s\n", err.text);
		return CMD_WRONG;
	}
	make_subjects(e);
	for (i = 0; i < e->n_wishes; i++)
		if (!e->wishes[i].used)
			return wrong("--label: no rule or category is called ",
			    e->wishes[i].name);
	progress_begin(&e->progress, "texts");
	rc = corpus_read(e->over, take_row, e, &err);
	e->seconds = progress_end(&e->progress);
	if (rc < 0) {
		fprintf(stderr, "%s\n", err.text);
		return CMD_WRONG;
	}
	write_all(e);
	(void)fwrite(e->out.ptr, 1, e->out.len, stdout);
	return CMD_DONE;
}

int
cmd_eval(int argc, char **argv)
{
	struct eval e = { 0 };
	bool help = false;
	int rc = parse(argc, argv, &e, &help);

	if (help)
		usage(stdout);
	else if (rc == CMD_DONE)
		rc = eval(&e);
	filter_set_fini(&e.filters);
	eval_fini(&e);
	return help ? CMD_DONE : rc;
}
