/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_explain.c - `modgate explain POLICY TEXT`: which rules looked at a text,
 * what they saw, and why the outcome is what it is.
 *
 * The text goes through the same screen as an exchange's would. What each
 * filter costs is measured beside it, over the same rules. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "filters/fold/fold.h"
#include "filters/registry.h"
#include "gateway/cmd.h"
#include "gateway/judge_doc.h"
#include "gateway/ruling.h"

enum {
	TEXT_MAX = 8 << 20,	/* bytes read from standard input */
	TURNS_MAX = 200,	/* measurements of one filter, at most … */
	TURNS_NS = 20000000,	/* … for so long */
};

struct explain {
	const char *file, *tenant, *model;
	struct filter_set filters;
	enum policy_side side;
	enum policy_role role;		/* 0: the side's usual one */
	bool json;
	struct buf text;
	struct policy *policy;
	struct channel_screen *channel;
	double *rule_us;		/* n_rules; owned, as the next two */
	double *engine_us;		/* n_engines */
	size_t *engine_rules;		/* n_engines: how many looked */
	struct buf out;
};

static void
usage(FILE *out)
{
	fputs("usage: modgate explain [options] POLICY TEXT\n"
	    "       modgate explain [options] POLICY -      (reads TEXT from "
	    "standard input)\n\n"
	    "Shows for one text which rules looked, what they saw, what that "
	    "cost, and why\nthe outcome is what it is, and what the text becomes. "
	    "Hashes in it ({hash:12})\nare of a secret made for this one "
	    "call.\n\n"
	    "      --on SIDE       prompt (the default) or answer\n"
	    "      --role ROLE     who wrote it: system, developer, user, "
	    "assistant, tool,\n"
	    "                      other (default: user; assistant for "
	    "answers)\n"
	    "      --tenant NAME   whose exchange it is (default: default)\n"
	    "      --model NAME    which model is asked (default: none)\n"
	    "      --filters FILE  a plugin whose filters the policy may "
	    "name\n"
	    "      --json          for machines\n"
	    "  -h, --help          this text\n\n"
	    "examples:\n"
	    "  modgate explain policies/default.yaml 请用诗歌描述春天的美好\n"
	    "  modgate explain --on answer policies/default.yaml 'call "
	    "13800138000'\n"
	    "  modgate explain --role tool --tenant gallery policy.yaml - "
	    "< page.txt\n"
	    "  modgate explain --json policy.yaml TEXT | jq -r .outcome\n\n"
	    "Exit status: 0 explained, whatever the outcome, 2 wrong use or "
	    "bad file.\n", out);
}

/* ---- why a rule did not look ---- */

/* NULL: it looked. */
static const char *
why_not(const struct explain *e, const struct policy_rule *rule)
{
	if (!(rule->sides & e->side))
		return e->side == SIDE_PROMPT ? "it is not on prompts" :
		    "it is not on answers";
	if (!globs_match(rule->tenants, span_str(e->tenant)))
		return "its `when:` has other tenants";
	if (!globs_match(rule->models, span_str(e->model)))
		return "its `when:` has other models";
	if (!(rule->roles & e->role))
		return "its `when:` has other roles";
	return NULL;
}

/* A rule in shadow that would do more than was done, or NULL. */
static const struct policy_rule *
would(const struct explain *e, const struct ruling *o)
{
	const struct policy_rule *best = NULL;
	const struct screen_finding *f;
	size_t i, n;

	f = channel_findings(e->channel, &n, NULL);
	for (i = 0; i < n; i++)
		if (f[i].rule->mode == MODE_SHADOW &&
		    f[i].rule->action != ACTION_FLAG &&
		    !(f[i].unable && f[i].rule->allow_on_error) &&
		    (!best || f[i].rule->action > best->action))
			best = f[i].rule;
	if (best && o->rule && o->rule->mode == MODE_ENFORCE &&
	    o->rule->action >= best->action)
		return NULL;
	return best;
}

/* ---- what a filter costs ---- */

static void
found_nothing(void *arg, const struct mg_found *found)
{
	(void)arg;
	(void)found;
}

static void
unable_nothing(void *arg, uint32_t rule, const char *why)
{
	(void)arg;
	(void)rule;
	(void)why;
}

/* Rules of an engine that look; how many. */
static size_t
scope_of(const struct explain *e, const struct policy_engine *engine,
    uint64_t *bits)
{
	size_t r, n = 0;

	for (r = 0; r < engine->n_rules; r++)
		if (!why_not(e, &e->policy->rules[engine->rules[r]])) {
			bits[r / 64] |= UINT64_C(1) << (r % 64);
			n++;
		}
	return n;
}

static int64_t
steady_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* What one turn took, by rule. */
struct turn {
	uint64_t *own_ns;	/* by the engine's rules: their work alone */
	uint64_t told_ns;	/* the sum of it */
	int64_t took_ns;	/* all that the turn took */
};

static void
add_cost(void *arg, uint32_t rule, uint64_t ns)
{
	struct turn *turn = arg;

	turn->own_ns[rule] += ns;
	turn->told_ns += ns;
}

static void
take_turn(const struct policy_engine *engine, struct mg_span folded,
    const struct mg_scope *scope, bool by_rule, struct turn *turn)
{
	struct mg_text text = { folded.ptr, folded.len, 0, 0, true };
	struct mg_report report = { .hold = folded.len,
		.keep = folded.len, .found = found_nothing,
		.unable = unable_nothing, .cost = by_rule ? add_cost : NULL,
		.arg = turn };
	void *scan;

	memset(turn->own_ns, 0, engine->n_rules * sizeof(*turn->own_ns));
	turn->told_ns = 0;
	turn->took_ns = steady_ns();
	scan = engine->type->begin(engine->conf, scope);
	(void)engine->type->judge(scan, &text, &report);
	engine->type->end(scan);
	turn->took_ns = steady_ns() - turn->took_ns;
}

/* The quickest of many turns: what the filter itself takes, not what the
 * machine was busy with. */
static void
measure(const struct explain *e, const struct policy_engine *engine,
    const uint64_t *bits, bool by_rule, struct turn *best)
{
	struct mg_scope scope = { bits, bits };
	struct turn next = { .own_ns = xcalloc(engine->n_rules,
	    sizeof(*next.own_ns)) };
	int64_t began = steady_ns();
	struct mg_span text;
	char *folded;
	int turn;

	folded = fold_text(engine->fold, engine->leet, buf_span(&e->text),
	    &text.len);
	text.ptr = folded;
	take_turn(engine, text, &scope, by_rule, best);
	for (turn = 1; turn < TURNS_MAX &&
	    steady_ns() - began < TURNS_NS; turn++) {
		take_turn(engine, text, &scope, by_rule, &next);
		if (next.took_ns < best->took_ns) {
			struct turn swap = *best;

			*best = next;
			next = swap;
		}
	}
	free(next.own_ns);
	free(folded);
}

/* A rule may be in several engines, by its parts and by its views. */
static void
add_us(struct explain *e, size_t look, double us)
{
	const struct policy_rule *rule = &e->policy->rules[look];

	if (rule->owner)
		rule = rule->owner;
	e->rule_us[rule - e->policy->rules] += us;
}

/* Measures an engine: as a whole first, since the clocks that are read for
 * each rule take time themselves; then by rule, each with its share of what is
 * done for all at once. */
static void
measure_engine(struct explain *e, size_t i)
{
	const struct policy_engine *engine = &e->policy->engines[i];
	uint64_t *bits = xcalloc((engine->n_rules + 63) / 64, sizeof(*bits));
	struct turn best = { .own_ns = xcalloc(engine->n_rules,
	    sizeof(*best.own_ns)) };
	size_t n = scope_of(e, engine, bits), r;
	double shared;

	e->engine_rules[i] = n;
	if (n > 0) {
		measure(e, engine, bits, false, &best);
		e->engine_us[i] = (double)best.took_ns / 1000;
		measure(e, engine, bits, true, &best);
		shared = ((double)best.took_ns - (double)best.told_ns) /
		    (double)n;
		for (r = 0; r < engine->n_rules; r++)
			if (bits[r / 64] >> r % 64 & 1)
				add_us(e, engine->rules[r], (shared +
				    (double)best.own_ns[r]) / 1000);
	}
	free(best.own_ns);
	free(bits);
}

static void
measure_all(struct explain *e)
{
	size_t i;

	e->rule_us = xcalloc(e->policy->n_rules, sizeof(*e->rule_us));
	e->engine_us = xcalloc(e->policy->n_engines, sizeof(*e->engine_us));
	e->engine_rules = xcalloc(e->policy->n_engines,
	    sizeof(*e->engine_rules));
	for (i = 0; i < e->policy->n_engines; i++)
		measure_engine(e, i);
}

static void
add_filters(struct explain *e)
{
	size_t i, shown = 0;

	for (i = 0; i < e->policy->n_engines; i++) {
		if (e->engine_rules[i] == 0)
			continue;
		buf_addf(&e->out, e->json ? "%s{\"filter\":\"%s\","
		    "\"rules\":%zu,\"us\":%.3f}" : "%s  %-10s %zu rules "
		    "looked, %.3f us\n", e->json && shown ? "," : "",
		    e->policy->engines[i].type->name, e->engine_rules[i],
		    e->engine_us[i]);
		shown++;
	}
}

/* ---- writing ---- */

/* Microseconds that a rule took, with its share. */
static double
rule_us(const struct explain *e, const struct policy_rule *rule)
{
	return e->rule_us[rule - e->policy->rules];
}

/* The entry of the rule that matched. */
static struct mg_span
item_of(const struct screen_finding *f)
{
	const struct mg_value *value = f->part->filter ?
	    &f->part->match.match[0] : NULL;

	return value && f->part_item < value->n_items ?
	    value->items[f->part_item].text :
	    span("", 0);
}

static const char *
severity_of(const struct screen_finding *f)
{
	return policy_severity_name(policy_severity_of(f->rule, f->item));
}

static struct mg_span
matched(const struct explain *e, const struct screen_finding *f)
{
	return span(e->text.ptr + f->at, (size_t)f->len);
}

static void
add_found_json(struct explain *e, const struct policy_rule *rule)
{
	const struct screen_finding *f;
	const char *sep = "";
	size_t i, n;

	f = channel_findings(e->channel, &n, NULL);
	for (i = 0; i < n; i++) {
		if (f[i].rule != rule)
			continue;
		buf_addf(&e->out, "%s{", sep);
		sep = ",";
		if (f[i].unable) {
			buf_add_str(&e->out, "\"unable\":");
			buf_add_json(&e->out, span_str(f[i].unable));
		} else {
			buf_addf(&e->out, "\"at\":%llu,\"len\":%llu,\"text\":",
			    (unsigned long long)f[i].at,
			    (unsigned long long)f[i].len);
			buf_add_json(&e->out, matched(e, &f[i]));
			buf_add_str(&e->out, ",\"item\":");
			buf_add_json(&e->out, item_of(&f[i]));
			buf_addf(&e->out, ",\"view\":\"%s\"", f[i].view);
			buf_addf(&e->out, ",\"severity\":\"%s\","
			    "\"category\":\"%s\"", severity_of(&f[i]),
			    policy_category_of(rule, f[i].item));
		}
		buf_add_byte(&e->out, '}');
	}
}

static void
add_rule_json(struct explain *e, const struct policy_rule *rule)
{
	const char *why = why_not(e, rule);

	buf_add_str(&e->out, "{\"id\":");
	buf_add_json(&e->out, span_str(rule->id));
	buf_addf(&e->out, ",\"action\":\"%s\",\"mode\":\"%s\",\"severity\":"
	    "\"%s\",\"category\":", policy_action_name(rule->action),
	    rule->mode == MODE_SHADOW ? "shadow" : "enforce",
	    policy_severity_name(rule->severity));
	buf_add_json(&e->out, span_str(rule->category));
	buf_addf(&e->out, ",\"looked\":%s,\"why_not\":", why ? "false" :
	    "true");
	if (why)
		buf_add_json(&e->out, span_str(why));
	else
		buf_add_str(&e->out, "null");
	if (!why)
		buf_addf(&e->out, ",\"us\":%.3f", rule_us(e, rule));
	if (rule->at_least > 0)
		buf_addf(&e->out, ",\"sum\":%g,\"at_least\":%u",
		    channel_sum(e->channel, rule), rule->at_least);
	buf_add_str(&e->out, ",\"saw\":[");
	add_found_json(e, rule);
	buf_add_str(&e->out, "]}");
}

static void
add_found_text(struct explain *e, const struct policy_rule *rule)
{
	const struct screen_finding *f;
	bool any = false;
	size_t i, n;

	f = channel_findings(e->channel, &n, NULL);
	for (i = 0; i < n; i++) {
		if (f[i].rule != rule)
			continue;
		any = true;
		if (f[i].unable) {
			buf_addf(&e->out, "\n      could not judge: %s",
			    f[i].unable);
			continue;
		}
		buf_add_str(&e->out, "\n      saw ");
		buf_add_json(&e->out, matched(e, &f[i]));
		buf_addf(&e->out, " at byte %llu, by ",
		    (unsigned long long)f[i].at);
		buf_add_json(&e->out, item_of(&f[i]));
		buf_addf(&e->out, " (view: %s)", f[i].view);
		if (f[i].item < rule->n_grades)
			buf_addf(&e->out, " (%s, %s)",
			    policy_category_of(rule, f[i].item),
			    severity_of(&f[i]));
	}
	buf_add_str(&e->out, any ? "\n" : " saw nothing\n");
}

static void
add_rule_text(struct explain *e, const struct policy_rule *rule)
{
	const char *why = why_not(e, rule);

	buf_addf(&e->out, "  %s (%s%s, %s, %s):", rule->id,
	    policy_action_name(rule->action), rule->mode == MODE_SHADOW ?
	    " in shadow" : "", rule->category,
	    policy_severity_name(rule->severity));
	if (why) {
		buf_addf(&e->out, " did not look, %s\n", why);
		return;
	}
	if (rule->sample_ppm > 0)
		buf_addf(&e->out, " (looks at %g%% of exchanges)",
		    rule->sample_ppm / 10000.0);
	if (rule->at_least > 0)
		buf_addf(&e->out, " sum %g of %u,",
		    channel_sum(e->channel, rule), rule->at_least);
	else
		buf_addf(&e->out, " %.3f us,", rule_us(e, rule));
	add_found_text(e, rule);
}

static void
write_json(struct explain *e, const struct ruling *o,
    const struct buf *changed)
{
	const struct policy_rule *shadow = would(e, o);
	uint64_t total;
	size_t i, n;

	buf_add_str(&e->out, "{\"policy\":");
	buf_add_json(&e->out, span_str(e->policy->name));
	buf_addf(&e->out, ",\"sha256\":\"%s\",\"on\":\"%s\",\"role\":\"%s\","
	    "\"tenant\":", e->policy->sha256, e->side == SIDE_PROMPT ?
	    "prompt" : "answer", policy_role_name(e->role));
	buf_add_json(&e->out, span_str(e->tenant));
	buf_add_str(&e->out, ",\"model\":");
	buf_add_json(&e->out, span_str(e->model));
	buf_addf(&e->out, ",\"outcome\":\"%s\",\"rule\":",
	    ruling_name(o->kind));
	if (o->rule)
		buf_add_json(&e->out, span_str(o->rule->id));
	else
		buf_add_str(&e->out, "null");
	buf_addf(&e->out, ",\"because\":\"%s\",\"would\":", o->because);
	if (shadow) {
		buf_addf(&e->out, "{\"action\":\"%s\",\"rule\":",
		    policy_action_name(shadow->action));
		buf_add_json(&e->out, span_str(shadow->id));
		buf_add_byte(&e->out, '}');
	} else {
		buf_add_str(&e->out, "null");
	}
	buf_add_str(&e->out, ",\"text\":");
	if (o->kind == RULING_BLOCK)
		buf_add_str(&e->out, "null");
	else
		buf_add_json(&e->out, buf_span(changed));
	(void)channel_findings(e->channel, &n, &total);
	buf_addf(&e->out, ",\"findings\":%llu,\"rules\":[",
	    (unsigned long long)total);
	for (i = 0; i < e->policy->n_rules; i++) {
		if (i > 0)
			buf_add_byte(&e->out, ',');
		add_rule_json(e, &e->policy->rules[i]);
	}
	buf_add_str(&e->out, "],\"filters\":[");
	add_filters(e);
	buf_add_str(&e->out, "]}\n");
}

static void
write_text(struct explain *e, const struct ruling *o,
    const struct buf *changed)
{
	const struct policy_rule *shadow = would(e, o);
	uint64_t total;
	size_t i, n;

	buf_addf(&e->out, "%s: %s%s%s\n", ruling_name(o->kind),
	    o->rule ? o->rule->id : "",
	    o->rule ? ": " : "", o->because);
	if (o->kind == RULING_REDACT || o->kind == RULING_PSEUDONYMIZE) {
		buf_add_str(&e->out, "becomes: ");
		buf_add_json(&e->out, buf_span(changed));
		buf_add_byte(&e->out, '\n');
	}
	if (shadow)
		buf_addf(&e->out, "would %s, were it in force: %s\n",
		    policy_action_name(shadow->action), shadow->id);
	buf_addf(&e->out, "\npolicy %s, %s by %s, tenant %s, model %s\n\n",
	    e->policy->name, e->side == SIDE_PROMPT ? "prompt" : "answer",
	    policy_role_name(e->role), e->tenant, e->model[0] ? e->model :
	    "none");
	for (i = 0; i < e->policy->n_rules; i++)
		add_rule_text(e, &e->policy->rules[i]);
	(void)channel_findings(e->channel, &n, &total);
	if (total > n)
		buf_addf(&e->out, "  (%llu more were found)\n",
		    (unsigned long long)(total - n));
	buf_add_byte(&e->out, '\n');
	add_filters(e);
}

static int
explain(struct explain *e)
{
	struct screen_subject subject = { span_str(e->tenant),
		span_str(e->model) };
	struct mg_error err = { { 0 } };
	struct buf changed = { 0 };
	struct hash_key *key;
	struct ruling outcome;
	struct screen *screen;

	e->policy = policy_load_with(e->file, &e->filters, NULL, &err);
	if (!e->policy) {
		fprintf(stderr, "%s\n", err.text);
		return CMD_WRONG;
	}
	/* The gateway's own secret is none of this command's business. */
	key = hash_key_throwaway();
	screen = screen_new(e->policy, e->side, &subject);
	screen_equip(screen, NULL, key);
	e->channel = screen_text(screen, e->role, FORM_PLAIN,
	    buf_span(&e->text));
	outcome = ruling_of(e->channel);
	(void)edited_text(e->channel, buf_span(&e->text), 0, false, &changed);
	measure_all(e);
	if (e->json)
		write_json(e, &outcome, &changed);
	else
		write_text(e, &outcome, &changed);
	(void)fwrite(e->out.ptr, 1, e->out.len, stdout);
	free(e->rule_us);
	free(e->engine_us);
	free(e->engine_rules);
	buf_fini(&changed);
	buf_fini(&e->out);
	channel_close(e->channel);
	screen_free(screen);
	hash_key_free(key);
	policy_unref(&e->policy);
	return CMD_DONE;
}

/* ---- the command line ---- */

static int
wrong(const char *what, const char *arg)
{
	fprintf(stderr, "modgate explain: %s%s; see modgate explain --help\n",
	    what, arg);
	return CMD_WRONG;
}

static bool
read_side(const char *s, enum policy_side *side)
{
	*side = strcmp(s, "answer") == 0 ? SIDE_ANSWER : SIDE_PROMPT;
	return *side == SIDE_ANSWER || strcmp(s, "prompt") == 0;
}

static bool
read_role(const char *s, enum policy_role *role)
{
	unsigned bit;

	for (bit = 1; bit < ROLE_ANY; bit <<= 1) {
		*role = (enum policy_role)bit;
		if (strcmp(s, policy_role_name(*role)) == 0)
			return true;
	}
	return false;
}

/* TEXT, or all of standard input for "-". */
static int
read_text(struct explain *e, const char *arg)
{
	size_t n;

	if (strcmp(arg, "-") != 0) {
		buf_add_str(&e->text, arg);
	} else {
		do {
			n = fread(buf_reserve(&e->text, 65536), 1, 65536,
			    stdin);
			e->text.len += n;
		} while (n > 0 && e->text.len <= TEXT_MAX);
		if (e->text.len > TEXT_MAX)
			return wrong("the text is larger than 8 MiB", "");
		/* The end of the last line is the shell's. */
		if (e->text.len && e->text.ptr[e->text.len - 1] == '\n')
			e->text.len--;
	}
	(void)buf_cstr(&e->text);
	if (!utf8_valid(e->text.ptr, e->text.len))
		return wrong("the text is not UTF-8", "");
	return CMD_DONE;
}

/* Reads the options; CMD_DONE, or what to exit with. */
static int
parse(int argc, char **argv, struct explain *e, bool *help)
{
	static const struct option options[] = {
		{ "on", required_argument, NULL, 'o' },
		{ "role", required_argument, NULL, 'r' },
		{ "tenant", required_argument, NULL, 't' },
		{ "model", required_argument, NULL, 'm' },
		{ "filters", required_argument, NULL, 'F' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'o' && !read_side(optarg, &e->side))
			return wrong("--on is prompt or answer, not ", optarg);
		if (c == 'r' && !read_role(optarg, &e->role))
			return wrong("no role is called ", optarg);
		if (c == 't')
			e->tenant = optarg;
		if (c == 'm')
			e->model = optarg;
		if (c == 'F' && cmd_filters(&e->filters, optarg) < 0)
			return CMD_WRONG;
		if (c == 'j')
			e->json = true;
		if (c == 'h')
			*help = true;
		if (c == '?')
			return CMD_WRONG;
	}
	if (*help)
		return CMD_DONE;
	if (argc - optind != 2)
		return wrong("a POLICY and a TEXT are wanted", "");
	e->file = argv[optind];
	return CMD_DONE;
}

int
cmd_explain(int argc, char **argv)
{
	struct explain e = { .tenant = "default", .model = "",
		.side = SIDE_PROMPT };
	bool help = false;
	int rc = parse(argc, argv, &e, &help);

	if (help) {
		usage(stdout);
		return CMD_DONE;
	}
	if (rc != CMD_DONE)
		return rc;
	if (!e.role)
		e.role = e.side == SIDE_PROMPT ? ROLE_USER : ROLE_ASSISTANT;
	rc = read_text(&e, argv[optind + 1]);
	if (rc == CMD_DONE)
		rc = explain(&e);
	filter_set_fini(&e.filters);
	buf_fini(&e.text);
	return rc;
}
