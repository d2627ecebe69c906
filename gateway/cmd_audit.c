/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_audit.c - `modgate audit`: reads the log, never writes it. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/audit/cat.h"
#include "gateway/cmd.h"
#include "gateway/config.h"

enum { TAIL_DEFAULT = 10, TAIL_MAX = 1000000 };

static const char help[] =
    "usage: modgate audit cat  [options]      every record, oldest first\n"
    "       modgate audit tail [options]      the last ones\n\n"
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

static int
wrong(const char *text, const char *arg)
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
				return wrong("--lines takes a number from 1 "
				    "to 1000000, not ", optarg);
			break;
		default:
			return wrong("unknown option, or one without its "
			    "value: ", argv[optind - 1]);
		}
	}
	if (args->config && args->dir)
		return wrong("-c and --dir exclude each other", "");
	return 0;
}

/* The log's folder, to be freed; NULL: told already. */
static char *
find_dir(const struct args *args)
{
	const char *file = args->config ? args->config : CMD_CONFIG;
	struct mg_error err = { "" };
	struct buf dir = { 0 };
	struct config *config;

	if (args->dir)
		return xstrndup(args->dir, strlen(args->dir));
	config = config_load_without_secrets(file, &err);
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
	char *dir = find_dir(args);
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
	struct args args = { 0 };
	bool tail;
	int rc;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0)) {
		fputs(help, stdout);
		return CMD_DONE;
	}
	tail = argc > 1 && strcmp(argv[1], "tail") == 0;
	if (!tail && (argc < 2 || strcmp(argv[1], "cat") != 0))
		return wrong("say cat or tail", "");
	rc = parse(argc - 1, argv + 1, &args);
	if (rc != 0)
		return rc;
	if (args.help) {
		fputs(help, stdout);
		return CMD_DONE;
	}
	if (optind < argc - 1)
		return wrong("does not take ", argv[optind + 1]);
	if (!tail && args.cat.last)
		return wrong("--lines belongs to tail", "");
	if (tail && !args.cat.last)
		args.cat.last = TAIL_DEFAULT;
	return print(&args);
}
