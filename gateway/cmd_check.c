/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_check.c - `modgate check FILE…`: would these files be taken?
 *
 * Reads each as the gateway would at start, policies that a configuration
 * names included, and says what is wrong, where, and what is only odd. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "filters/registry.h"
#include "gateway/cmd.h"
#include "gateway/file.h"
#include "gateway/live.h"
#include "gateway/policy_reach.h"
#include "gateway/yaml.h"

enum kind { KIND_UNKNOWN, KIND_CONFIG, KIND_POLICY };

/* What is known of one file. */
struct verdict {
	const char *file;
	enum kind kind;
	struct mg_error err;		/* text empty: it is fine */
	size_t rules, tests, upstreams, policies;
	struct buf warnings;		/* lines */
	char sha256[65];
};

static const char *const kind_names[] = { "file", "configuration", "policy" };

static void
usage(FILE *out)
{
	fputs("usage: modgate check [--json] [--filters FILE.so]... FILE...\n\n"
	    "Checks configurations (modgate: 1) and policies "
	    "(modgate_policy: 1), and the\npolicies that a configuration "
	    "names, and runs the policies' own tests: what it takes, "
	    "`modgate serve` takes.\nPrints OK lines and warnings on standard\noutput, errors "
	    "on standard error.\n\n"
	    "      --filters FILE  a plugin whose filters the policies may "
	    "name; a configuration\n                      names its own\n"
	    "      --json          for machines\n\n"
	    "  modgate check modgate.yaml\n"
	    "  modgate check policies/*.yaml\n"
	    "  modgate check --json modgate.yaml | jq .ok\n\n"
	    "Exit status: 0 all are fine, 2 one is not, or wrong use.\n", out);
}

/* By the key that says the version, so that neither is taken for the other. */
static enum kind
kind_of(const char *path, struct mg_error *err)
{
	struct yaml_tree tree = { 0 };
	struct buf bytes = { 0 };
	enum kind kind = KIND_UNKNOWN;

	if (file_read(path, YAML_MAX_BYTES, NULL, &bytes, err) == 0 &&
	    yaml_read(&tree, path, buf_span(&bytes), err) == 0) {
		if (yaml_get(tree.root, "modgate_policy"))
			kind = KIND_POLICY;
		else if (yaml_get(tree.root, "modgate"))
			kind = KIND_CONFIG;
		else
			mg_fail(err, &tree.root->place, "neither a "
			    "configuration (modgate: 1) nor a policy "
			    "(modgate_policy: 1)");
	}
	yaml_fini(&tree);
	buf_fini(&bytes);
	return kind;
}

/* Has the shape that policy_reach() calls. */
static void
warn(void *arg, const struct mg_place *place, const char *text)
{
	struct verdict *v = arg;

	buf_addf(&v->warnings, "%s:%u:%u: %s\n", place->file, place->line,
	    place->column, text);
}

/* A rule whose tests never make it fire may look at nothing at all. */
static void
look_at_rule(struct verdict *v, const struct policy_rule *rule)
{
	char text[256];
	size_t i;

	v->tests += rule->n_tests;
	for (i = 0; i < rule->n_tests; i++)
		if (!rule->tests[i].expect_pass)
			return;
	(void)snprintf(text, sizeof(text), "rule '%.100s' has no test that "
	    "shows it at work; write one under tests", rule->id);
	warn(v, &rule->place, text);
}

static void
look_at_policy(struct verdict *v, const struct policy *policy)
{
	size_t i;

	v->rules += policy->n_rules;
	for (i = 0; i < policy->n_rules; i++)
		look_at_rule(v, &policy->rules[i]);
	for (i = 0; policy->warnings[i]; i++)
		buf_addf(&v->warnings, "%s\n", policy->warnings[i]);
}

static void
check_policy(struct verdict *v, const struct filter_set *filters)
{
	struct policy *policy = live_load_policy(v->file, NULL, filters, NULL,
	    &v->err);

	if (!policy)
		return;
	look_at_policy(v, policy);
	memcpy(v->sha256, policy->sha256, sizeof(v->sha256));
	policy_unref(&policy);
}

/* Do the first patterns take all that the others do? By their letters: may
 * say no where the answer is yes. */
static bool
covers(char *const *first, char *const *other)
{
	size_t i, j;

	for (i = 0; first && first[i]; i++)
		if (strcmp(first[i], "*") == 0)
			return true;
	for (j = 0; first && other && other[j]; j++) {
		for (i = 0; first[i] && strcmp(first[i], other[j]) != 0; i++)
			;
		if (!first[i])
			return false;
	}
	return !first || other;
}

/* Says which policies an earlier one keeps out of force. */
static void
look_at_order(struct verdict *v, const struct config *config)
{
	const struct config_policy *p = config->policies;
	char text[128];
	size_t i, j;

	for (j = 1; j < config->n_policies; j++)
		for (i = 0; i < j; i++) {
			if (!covers(p[i].tenants, p[j].tenants) ||
			    !covers(p[i].models, p[j].models))
				continue;
			(void)snprintf(text, sizeof(text), "this policy is "
			    "never in force: that of line %u comes first and "
			    "takes all it would", p[i].place.line);
			warn(v, &p[j].place, text);
			break;
		}
}

/* As `modgate serve` would load it. */
static void
check_config(struct verdict *v)
{
	struct live *live = live_load(v->file, NULL, &v->err);
	size_t i;

	if (!live)
		return;
	v->upstreams = live->config->n_upstreams;
	v->policies = live->config->n_policies;
	for (i = 0; i < v->policies; i++) {
		look_at_policy(v, live->policies[i].policy);
		policy_reach(live->policies[i].policy, live->config, i, warn,
		    v);
	}
	look_at_order(v, live->config);
	if (v->policies == 0)
		buf_addf(&v->warnings, "%s: names no policy, so no text may "
		    "pass\n", v->file);
	live_unref(&live);
}

static void
check(struct verdict *v, const struct filter_set *filters)
{
	v->kind = kind_of(v->file, &v->err);
	if (v->kind == KIND_POLICY)
		check_policy(v, filters);
	else if (v->kind == KIND_CONFIG)
		check_config(v);
}

static size_t
count_lines(const struct buf *text)
{
	size_t n = 0, i;

	for (i = 0; i < text->len; i++)
		n += text->ptr[i] == '\n';
	return n;
}

static void
print_text(struct verdict *v)
{
	size_t warnings = count_lines(&v->warnings);

	if (warnings)
		fwrite(v->warnings.ptr, 1, v->warnings.len, stdout);
	if (v->err.text[0]) {
		fprintf(stderr, "%s\n", v->err.text);
		return;
	}
	printf("OK %s: %s", v->file, kind_names[v->kind]);
	if (v->kind == KIND_CONFIG)
		printf(", upstreams: %zu, policies: %zu", v->upstreams,
		    v->policies);
	printf(", rules: %zu, tests: %zu, warnings: %zu\n", v->rules,
	    v->tests, warnings);
}

static void
add_member(struct buf *out, const char *name, const char *text)
{
	buf_addf(out, ",\"%s\":", name);
	buf_add_json(out, span_str(text));
}

static void
add_json(struct verdict *v, struct buf *out)
{
	const char *line = v->warnings.len ? buf_cstr(&v->warnings) : "";

	buf_addf(out, "%s{\"ok\":%s", out->len ? "," : "",
	    v->err.text[0] ? "false" : "true");
	add_member(out, "file", v->file);
	add_member(out, "kind", kind_names[v->kind]);
	if (v->err.text[0]) {
		/* A long message may have been cut inside a character. */
		v->err.text[utf8_whole(v->err.text, strlen(v->err.text))] =
		    '\0';
		add_member(out, "error", v->err.text);
	}
	if (v->sha256[0])
		add_member(out, "sha256", v->sha256);
	buf_addf(out, ",\"rules\":%zu,\"tests\":%zu,\"upstreams\":%zu,"
	    "\"policies\":%zu,\"warnings\":[", v->rules, v->tests,
	    v->upstreams, v->policies);
	while (*line) {
		size_t len = strcspn(line, "\n");

		buf_add_json(out, span(line, len));
		line += len + 1;
		if (*line)
			buf_add_byte(out, ',');
	}
	buf_add_str(out, "]}");
}

static int
run(char **files, int n, const struct filter_set *filters, bool json)
{
	struct buf out = { 0 };
	bool ok = true;
	int i;

	for (i = 0; i < n; i++) {
		struct verdict v = { .file = files[i] };

		check(&v, filters);
		ok = ok && !v.err.text[0];
		if (json)
			add_json(&v, &out);
		else
			print_text(&v);
		buf_fini(&v.warnings);
	}
	if (json)
		printf("{\"ok\":%s,\"files\":[%s]}\n", ok ? "true" : "false",
		    buf_cstr(&out));
	buf_fini(&out);
	return ok ? CMD_DONE : CMD_WRONG;
}

int
cmd_check(int argc, char **argv)
{
	static const struct option options[] = {
		{ "filters", required_argument, NULL, 'F' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct filter_set filters = { 0 };
	bool json = false;
	int c, rc;

	optind = 1;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return CMD_DONE;
		}
		if (c == 'F' && cmd_filters(&filters, optarg) < 0)
			return CMD_WRONG;
		if (c != 'j' && c != 'F') {
			usage(stderr);
			return CMD_WRONG;
		}
		json |= c == 'j';
	}
	if (optind == argc) {
		usage(stderr);
		return CMD_WRONG;
	}
	rc = run(argv + optind, argc - optind, &filters, json);
	filter_set_fini(&filters);
	return rc;
}
