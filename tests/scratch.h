/* SPDX-License-Identifier: Apache-2.0 */
/* tests/scratch.h - files of a test, in a folder of their own that goes away.
 *
 * The paths are the same length on every run, so that messages can be compared
 * from the file's name on. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch_folder[64];
static char scratch_path[160];

static inline void
scratch_open(void)
{
	(void)snprintf(scratch_folder, sizeof(scratch_folder),
	    "/tmp/modgate-test-XXXXXX");
	if (!mkdtemp(scratch_folder))
		abort();
}

/* Path of a file in the folder; good until the next call. */
static inline const char *
scratch_file(const char *name)
{
	(void)snprintf(scratch_path, sizeof(scratch_path), "%s/%s",
	    scratch_folder, name);
	return scratch_path;
}

static inline const char *
scratch_write_bytes(const char *name, const char *bytes, size_t len)
{
	const char *path = scratch_file(name);
	FILE *file = fopen(path, "w");

	if (!file || fwrite(bytes, 1, len, file) != len || fclose(file))
		abort();
	return path;
}

static inline const char *
scratch_write(const char *name, const char *text)
{
	return scratch_write_bytes(name, text, strlen(text));
}

/* A message without the folder in front of it. */
static inline const char *
scratch_tail(const char *message)
{
	size_t len = strlen(scratch_folder);

	if (strncmp(message, scratch_folder, len) == 0)
		return message + len + 1;
	return message;
}

/* Removes the named files, NULL-terminated, and the folder. */
static inline void
scratch_close(const char *const *names)
{
	for (; *names; names++)
		(void)unlink(scratch_file(*names));
	(void)rmdir(scratch_folder);
}

static inline int
scratch_remove_one(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Removes the folder with all that is in it. */
static inline void
scratch_remove(void)
{
	(void)nftw(scratch_folder, scratch_remove_one, 16,
	    FTW_DEPTH | FTW_PHYS);
}

#endif
