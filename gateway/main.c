/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - finds the subcommand and runs it. */
#include <stdio.h>
#include <string.h>

#include "gateway/cmd.h"
#include "gateway/options.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	/* one line per subcommand, in the order of a day's work */
	{ "serve", cmd_serve, "run the gateway" },
	{ "check", cmd_check, "check configuration and policy files" },
	{ "test", cmd_test, "run the tests that stand beside a policy's rules" },
	{ "explain", cmd_explain, "which rules look at a text, and what they see" },
	{ "schema", cmd_schema, "a JSON Schema of policies or configurations" },
	{ "diff", cmd_diff, "whose verdict changes between two policies" },
	{ "eval", cmd_eval, "how well a policy's rules do over labelled texts" },
	{ "lists", cmd_lists, "import, check and count lists of words" },
	{ "keys", cmd_keys, "add, list, rotate and revoke API keys" },
	{ "audit", cmd_audit, "read the records" },
	{ "surfaces", cmd_surfaces, "what is covered, and where text lives" },
	{ "backend", cmd_backend,
	    "a small model server for demos and tests (no model in it)" },
	{ NULL, NULL, NULL },
};

static void
usage(FILE *out)
{
	const struct command *c;

	fputs("modgate: a content-moderation gateway for OpenAI's API\n\n"
	    "usage: modgate COMMAND [options]   "
	    "(modgate COMMAND --help tells more)\n\n", out);
	for (c = commands; c->name; c++)
		fprintf(out, "  %-10s %s\n", c->name, c->summary);
	fputs("\nExit status: 0 done, 1 found what it looks for, 2 wrong use "
	    "or bad file.\n", out);
}

static const struct command *
find(const char *name)
{
	const struct command *c;

	for (c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static int
unknown(const char *name)
{
	const char *known[sizeof(commands) / sizeof(commands[0])] = { NULL };
	const char *near;
	size_t i;

	for (i = 0; commands[i].name; i++)
		known[i] = commands[i].name;
	near = options_nearest(span_str(name), known);
	if (near)
		fprintf(stderr, "modgate: no command '%s' (did you mean "
		    "'%s'?)\n", name, near);
	else
		fprintf(stderr, "modgate: no command '%s'; see modgate "
		    "--help\n", name);
	return CMD_WRONG;
}

/* Under its whole name, which getopt's messages begin with. */
static int
run(const struct command *c, int argc, char **argv)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "modgate %s", c->name);
	argv[0] = name;
	return c->run(argc, argv);
}

static int
help_about(const char *name)
{
	char help[] = "--help", first[] = "modgate", *argv[] = { first, help,
		NULL };
	const struct command *c = find(name);

	return c ? run(c, 2, argv) : unknown(name);
}

static bool
is_either(const char *word, const char *a, const char *b, const char *c)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0 ||
	    strcmp(word, c) == 0;
}

int
main(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		usage(stderr);
		return CMD_WRONG;
	}
	if (argc > 2 && strcmp(argv[1], "help") == 0)
		return help_about(argv[2]);
	if (is_either(argv[1], "--help", "-h", "help")) {
		usage(stdout);
		return CMD_DONE;
	}
	if (is_either(argv[1], "--version", "-V", "version")) {
		puts("modgate " MODGATE_VERSION);
		return CMD_DONE;
	}
	c = find(argv[1]);
	return c ? run(c, argc - 1, argv + 1) : unknown(argv[1]);
}
