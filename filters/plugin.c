/* SPDX-License-Identifier: Apache-2.0 */
/* plugin.c - opens a shared object and finds its filters.
 *
 * The file is opened first, and it is this open file that is looked at and
 * loaded, as /proc/self/fd/N: what was checked is what runs. The loader knows
 * objects by the names under which it was asked for them, so N must never
 * stand for another file: it stays open. A name of its own for each also lets
 * a new version be loaded beside the old one, which policies may still use. */
#include "filters/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filters/memory.h"

struct object {
	struct stat file;
	const struct mg_filter_type *const *types;
	const char *why;	/* why there are none; static */
};

/* The dynamic loader's state is the process's, and so is what we know of it.
 * Only start and reload come here. */
static struct {
	pthread_mutex_t lock;
	struct object objects[PLUGIN_MAX_FILES];
	size_t n;
} loaded = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- who may change it ---- */

static bool
is_ours(const struct stat *st)
{
	return st->st_uid == 0 || st->st_uid == geteuid();
}

/* In a folder that others can write to, any file can be replaced; a sticky
 * one lets only owners do so. */
static const char *
check_folder(const char *path)
{
	char copy[PATH_MAX];
	struct stat st;

	if (strlen(path) >= sizeof(copy))
		return strerror(ENAMETOOLONG);
	memcpy(copy, path, strlen(path) + 1);
	if (stat(dirname(copy), &st) < 0)
		return strerror(errno);
	if (!is_ours(&st))
		return "its folder belongs to another user";
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX))
		return "others can write to its folder; chmod go-w it";
	return NULL;
}

/* The folder of the file, and of the link that leads to it. */
static const char *
check_folders(const char *path)
{
	char *real = realpath(path, NULL);
	const char *why = real ? check_folder(real) : strerror(errno);

	free(real);
	return why ? why : check_folder(path);
}

static const char *
check_file(const char *path, int fd, struct stat *st)
{
	if (fd < 0)
		return strerror(errno);
	if (fstat(fd, st) < 0)
		return strerror(errno);
	if (!S_ISREG(st->st_mode))
		return "is no regular file";
	if (!is_ours(st))
		return "belongs to another user";
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return "others can write to it; chmod go-w it";
	return check_folders(path);
}

/* ---- loading ---- */

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool
unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* What the loader says, without the name that only it and we know. */
static const char *
loader_said(const char *name)
{
	const char *said = dlerror();
	size_t len = strlen(name);

	if (!said)
		return "cannot be loaded";
	return strncmp(said, name, len) == 0 && said[len] == ':' ?
	    said + len + 2 : said;
}

/* Finds the table of filters, or says why there is none. */
static void
find_table(struct object *o, void *handle)
{
	size_t n = 0;

	o->types = (const struct mg_filter_type *const *)dlsym(handle,
	    "mg_filters");
	while (o->types && n <= PLUGIN_MAX_TYPES && o->types[n])
		n++;
	if (!o->types)
		o->why = "exports no mg_filters; is it a filter for modgate?";
	else if (n == 0)
		o->why = "its mg_filters is empty";
	else if (n > PLUGIN_MAX_TYPES)
		o->why = "its mg_filters has no end";
}

/* Loads the open file, which owns fd then. Also one without filters stays:
 * code of it may have run. Under lock. */
static const struct object *
load(int fd, const struct stat *st, const char **why)
{
	struct object *o = &loaded.objects[loaded.n];
	char name[64];
	void *handle;

	if (loaded.n == PLUGIN_MAX_FILES) {
		*why = "too many different plugins since the start; restart";
		(void)close(fd);
		return NULL;
	}
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		*why = loader_said(name);
		(void)close(fd);
		return NULL;
	}
	o->file = *st;
	find_table(o, handle);
	loaded.n++;
	return o;
}

/* Finds the open file among those that are loaded, or loads it. Takes fd.
 * Under lock. */
static const struct mg_filter_type *const *
take(int fd, const struct stat *st, const char **why)
{
	const struct object *o = NULL;
	size_t i;

	for (i = 0; i < loaded.n && !o; i++)
		if (same_file(&loaded.objects[i].file, st))
			o = &loaded.objects[i];
	if (!o)
		o = load(fd, st, why);
	else
		(void)close(fd);
	if (!o)
		return NULL;
	*why = unchanged(&o->file, st) ? o->why : "was written over since it "
	    "was loaded, which may crash what runs it; restart, and replace "
	    "it by `mv` or `install` the next time";
	return *why ? NULL : o->types;
}

const struct mg_filter_type *const *
plugin_open(const char *path, const struct mg_place *place,
    struct mg_error *err)
{
	const struct mg_filter_type *const *types = NULL;
	const char *why;
	struct stat st;
	int fd;

	/* A pipe must not keep us waiting. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	why = check_file(path, fd, &st);
	(void)pthread_mutex_lock(&loaded.lock);
	if (!why)
		types = take(fd, &st, &why);
	else if (fd >= 0)
		(void)close(fd);
	if (why)
		(void)mg_fail(err, place, "filters: %s: %s", path, why);
	(void)pthread_mutex_unlock(&loaded.lock);
	return types;
}
