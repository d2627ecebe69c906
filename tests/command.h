/* SPDX-License-Identifier: Apache-2.0 */
/* tests/command.h - runs a subcommand as a shell would: status, standard
 * output, standard error. Needs an open scratch folder. */
#ifndef TESTS_COMMAND_H
#define TESTS_COMMAND_H

#include "gateway/buf.h"
#include "gateway/file.h"
#include "tests/check.h"
#include "tests/scratch.h"

static struct buf command_out, command_err;

/* Sends a stream to a file of the scratch folder; returns the way back. */
static inline int
command_divert(FILE *stream, const char *name)
{
	int saved;
	FILE *file;

	(void)fflush(stream);
	saved = dup(fileno(stream));
	file = fopen(scratch_file(name), "w");
	if (saved < 0 || !file ||
	    dup2(fileno(file), fileno(stream)) < 0 || fclose(file) != 0)
		abort();
	return saved;
}

static inline void
command_restore(FILE *stream, int saved, const char *name, struct buf *to)
{
	struct mg_error err = { { 0 } };

	(void)fflush(stream);
	if (dup2(saved, fileno(stream)) < 0 || close(saved) != 0)
		abort();
	buf_clear(to);
	CHECK_EQ(file_read(scratch_file(name), 1 << 20, NULL, to, &err), 0);
	(void)buf_cstr(to);
}

/* args ends with NULL; "{name}" is the path of a scratch file. */
static inline int
command_run(int (*command)(int, char **), const char *const *args)
{
	char *argv[24] = { NULL }, name[64];
	int argc = 0, i, status, out, err;

	argv[argc++] = strdup("command");
	for (; *args && argc < 23; args++) {
		if ((*args)[0] == '{') {
			(void)snprintf(name, sizeof(name), "%.*s",
			    (int)strlen(*args) - 2, *args + 1);
			argv[argc++] = strdup(scratch_file(name));
		} else {
			argv[argc++] = strdup(*args);
		}
	}
	out = command_divert(stdout, "out");
	err = command_divert(stderr, "err");
	status = command(argc, argv);
	command_restore(stdout, out, "out", &command_out);
	command_restore(stderr, err, "err", &command_err);
	for (i = 0; i < argc; i++)
		free(argv[i]);
	return status;
}

#define COMMAND(command, ...) \
	command_run(command, (const char *const[]){ __VA_ARGS__, NULL })

static inline bool
command_said(const struct buf *said, const char *what)
{
	return said->len > 0 && strstr(said->ptr, what) != NULL;
}

#endif
