/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_schema.c - `modgate schema policy|config`: a JSON Schema for editors. */
#include <stdio.h>

#include "gateway/cmd.h"
#include "gateway/schema.h"

static void
usage(FILE *out)
{
	fputs("usage: modgate schema [policy|config]\n\n"
	    "Prints the JSON Schema (draft 2020-12) of policies (the default) "
	    "or of\nconfigurations. Editors complete and check by it; what "
	    "depends on more than one\nkey only `modgate check` sees.\n\n"
	    "  modgate schema policy > policy.schema.json\n"
	    "  # first line of a policy, for the YAML language server:\n"
	    "  # yaml-language-server: $schema=policy.schema.json\n\n"
	    "Exit status: 0 printed, 2 wrong use.\n", out);
}

int
cmd_schema(int argc, char **argv)
{
	enum schema_kind kind = SCHEMA_POLICY;
	struct buf out = { 0 };

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0)) {
		usage(stdout);
		return CMD_DONE;
	}
	if (argc == 2 && strcmp(argv[1], "config") == 0) {
		kind = SCHEMA_CONFIG;
	} else if (argc > 2 || (argc == 2 && strcmp(argv[1], "policy") != 0)) {
		usage(stderr);
		return CMD_WRONG;
	}
	schema_write(kind, &out);
	(void)fwrite(out.ptr, 1, out.len, stdout);
	buf_fini(&out);
	return CMD_DONE;
}
