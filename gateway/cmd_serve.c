/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_serve.c - `modgate serve`. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "gateway/cmd.h"
#include "gateway/config.h"
#include "gateway/server.h"

static const char help[] =
"usage: modgate serve [-c FILE] [--take-over]\n"
"\n"
"Serves until SIGTERM (drains first; a second one ends at once).\n"
"SIGHUP reads configuration, policies and certificates again; a bad file\n"
"leaves the old ones in force. SIGUSR1 logs every exchange under way with what\n"
"it waits for.\n"
"\n"
"  -c, --config FILE   the configuration; " CMD_CONFIG " by default\n"
"      --take-over     take the listening sockets over from the instance that\n"
"                      serves with the same state; it drains and ends\n"
"\n"
"Examples:\n"
"  modgate serve -c gateway/modgate.example.yaml\n"
"  kill -HUP PID                       # after a change\n"
"  modgate serve -c modgate.yaml --take-over    # a new version, no gap\n"
"\n"
"Exit status: 0 ended by a signal, 2 wrong use, a bad file or an address that\n"
"cannot be had.\n"
"\n"
"Every key of the configuration, with its default:\n"
"\n";

int
cmd_serve(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "take-over", no_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct server_options server = { CMD_CONFIG, false };
	struct mg_error err = { { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			server.config = optarg;
			break;
		case 't':
			server.take_over = true;
			break;
		case 'h':
			fputs(help, stdout);
			config_help();
			return CMD_DONE;
		default:
			fputs("see modgate serve --help\n", stderr);
			return CMD_WRONG;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "modgate serve: what is '%s'? See --help.\n",
		    argv[optind]);
		return CMD_WRONG;
	}
	if (server_run(&server, &err) < 0) {
		fprintf(stderr, "modgate: %s\n", err.text);
		return CMD_WRONG;
	}
	return CMD_DONE;
}
