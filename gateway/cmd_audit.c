/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_audit.c - `modgate audit`: reads the log, never writes it. What outsiders
 * verify is in cmd_audit_log.c. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/audit/cat.h"
#include "gateway/cmd.h"
#include "gateway/cmd_audit.h"
#include "gateway/config.h"

enum { TAIL_DEFAULT = 10, TAIL_MAX = 1000000 };

static const char help[] =
    "usage: modgate audit cat  [options]      every record, oldest first\n"
    "       modgate audit tail [options]      the last ones\n"
    "       modgate audit verify [options]    is the log what was signed?\n"
    "       modgate audit prove XID           that a record is in the log\n"
    "       modgate audit key                 the log's public key\n\n"
    "The last three have a --help of their own. Of cat and tail:\n\n"
    "  -c, --config FILE   whose log (default: " CMD_CONFIG ")\n"
    "      --dir DIR       the log's folder itself, instead of -c\n"
    "      --json          one JSON record per line (the default)\n"
    "      --text          one readable line per record\n"
    "      --excerpts      also the excerpts of flagged texts (JSON)\n"
    "  -n, --lines N       tail: how many records (default: 10)\n"
    "  -f, --follow        go on printing what is recorded\n"
    "  -h, --help          this text\n\n"
    "An exchange has two records, exchange.open and exchange.close. The close\n"
    "record's outcome is complete, modified, blocked, error or aborted; for the\n"
    "last two `by` says who ended it (gateway: it was refused; backend; client:\n"
    "it left; shutdown: broken off to end) and `reason` why: the error's code,\n"
    "upstream_status (a backend's own error, given on), client_gone or drained.\n"
    "exchange.aborted stands for the close record after a crash.\n\n"
    "A log in use may be read at any time. Exit status: 0 done, 1 a segment\n"
    "is damaged (what is whole in it is printed), 2 wrong use or no such log.\n\n"
    "examples:\n"
    "  modgate audit tail -n 20 --text\n"
    "  modgate audit cat -c modgate.yaml | "
    "jq 'select(.outcome == \"blocked\")'\n"
    "  modgate audit cat | jq 'select(.by == \"backend\") | .reason'\n"
    "  modgate audit tail --follow --dir state/audit\n";

/* Set by SIGINT and SIGTERM while following; a handler has nothing else. */
static _Atomic int stop;

static void
on_signal(int signal)
{
	(void)signal;
	stop = 1;
}

struct args {
	struct cat_options cat;
	const char *config, *dir;
	bool help;
};

int
cmd_audit_wrong(const char *text, const char *arg)
{
	fprintf(stderr, "modgate audit: %s%s; see modgate audit --help\n",
	    text, arg);
	return CMD_WRONG;
}

static int
parse(int argc, char **argv, struct args *args)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "dir", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "text", no_argument, NULL, 't' },
		{ "excerpts", no_argument, NULL, 'e' },
		{ "lines", required_argument, NULL, 'n' },
		{ "follow", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "c:n:fh", options, NULL)) != -1) {
		switch (c) {
		case 'c': args->config = optarg; break;
		case 'd': args->dir = optarg; break;
		case 'j': args->cat.text = false; break;
		case 't': args->cat.text = true; break;
		case 'e': args->cat.excerpts = true; break;
		case 'f': args->cat.follow = true; break;
		case 'h': args->help = true; break;
		case 'n':
			if (!span_to_u64(span_str(optarg),
			    &args->cat.last) || args->cat.last == 0 ||
			    args->cat.last > TAIL_MAX)
				return cmd_audit_wrong("--lines takes a number from 1 "
				    "to 1000000, not ", optarg);
			break;
		default:
			return cmd_audit_wrong("unknown option, or one without its "
			    "value: ", argv[optind - 1]);
		}
	}
	if (args->config && args->dir)
		return cmd_audit_wrong("-c and --dir exclude each other", "");
	return 0;
}

char *
cmd_audit_folder(const char *file, const char *folder)
{
	struct mg_error err = { "" };
	struct buf dir = { 0 };
	struct config *config;

	if (folder)
		return xstrndup(folder, strlen(folder));
	config = config_load_without_secrets(file ? file : CMD_CONFIG, &err);
	if (!config) {
		fprintf(stderr, "modgate: %s\n", err.text);
		return NULL;
	}
	buf_addf(&dir, "%s/audit", config->state);
	config_unref(&config);
	(void)buf_cstr(&dir);
	return dir.ptr;
}

static int
print(struct args *args)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct mg_error err = { "" };
	char *dir = cmd_audit_folder(args->config, args->dir);
	int damaged;

	if (!dir)
		return CMD_WRONG;
	args->cat.dir = dir;
	args->cat.out = stdout;
	args->cat.stop = &stop;
	if (isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO))
		args->cat.progress = stderr;
	if (args->cat.follow) {
		(void)sigaction(SIGINT, &action, NULL);
		(void)sigaction(SIGTERM, &action, NULL);
	}
	damaged = audit_cat(&args->cat, &err);
	free(dir);
	if (damaged < 0) {
		fprintf(stderr, "modgate: %s\n", err.text);
		return CMD_WRONG;
	}
	if (ferror(stdout) && errno != EPIPE) {
		fputs("modgate: the records could not be printed\n", stderr);
		return CMD_WRONG;
	}
	return damaged > 0 ? CMD_FOUND : CMD_DONE;
}

int
cmd_audit(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} others[] = {
		{ "verify", cmd_audit_verify },
		{ "prove", cmd_audit_prove },
		{ "key", cmd_audit_key },
	};
	struct args args = { 0 };
	bool tail;
	size_t i;
	int rc;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0)) {
		fputs(help, stdout);
		return CMD_DONE;
	}
	for (i = 0; argc > 1 && i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(argv[1], others[i].name) == 0)
			return others[i].run(argc - 1, argv + 1);
	tail = argc > 1 && strcmp(argv[1], "tail") == 0;
	if (!tail && (argc < 2 || strcmp(argv[1], "cat") != 0))
		return cmd_audit_wrong("say cat, tail, verify, prove or key", "");
	rc = parse(argc - 1, argv + 1, &args);
	if (rc != 0)
		return rc;
	if (args.help) {
		fputs(help, stdout);
		return CMD_DONE;
	}
	if (optind < argc - 1)
		return cmd_audit_wrong("does not take ", argv[optind + 1]);
	if (!tail && args.cat.last)
		return cmd_audit_wrong("--lines belongs to tail", "");
	if (tail && !args.cat.last)
		args.cat.last = TAIL_DEFAULT;
	return print(&args);
}
