/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/cmd.h - the subcommands: one cmd_*.c each, one line in main.c each.
 *
 * Each takes argv[0] = its own name, understands --help (with examples) and,
 * where a script would want it, --json; -c FILE names the configuration. */
#ifndef GATEWAY_CMD_H
#define GATEWAY_CMD_H

enum {
	CMD_DONE = 0,		/* exit status: done */
	CMD_FOUND = 1,		/* found what it looks for: a failed test … */
	CMD_WRONG = 2,		/* wrong use, or a bad file */
};

struct filter_set;

#define MODGATE_VERSION "0.1.0"
#define CMD_CONFIG "modgate.yaml"	/* when there is no -c */

int cmd_audit(int argc, char **argv);
int cmd_backend(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_keys(int argc, char **argv);
int cmd_lists(int argc, char **argv);
int cmd_schema(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_surfaces(int argc, char **argv);
int cmd_test(int argc, char **argv);

/* `--filters FILE.so` of a command that reads policies: adds a plugin's
 * filters to set, which the caller ends with filter_set_fini(). Returns 0, or
 * -1 when that was said on standard error, and set is ended. */
int cmd_filters(struct filter_set *set, const char *path);

#endif
