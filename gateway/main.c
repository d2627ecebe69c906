/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - finds the subcommand and runs it. */
#include <stdio.h>
#include <string.h>

#include "gateway/cmd.h"

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

int
main(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		usage(stderr);
		return CMD_WRONG;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(stdout);
		return CMD_DONE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("modgate " MODGATE_VERSION);
		return CMD_DONE;
	}
	for (c = commands; c->name; c++)
		if (strcmp(c->name, argv[1]) == 0)
			return c->run(argc - 1, argv + 1);
	fprintf(stderr, "modgate: no command '%s'; see modgate --help\n",
	    argv[1]);
	return CMD_WRONG;
}
