/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - reading the operator's files, whole and under a cap.
 *
 * A fifo or a device would make a reload wait for ever, so only regular files
 * are taken; links to them are fine (secrets are often mounted as links). */
#include "gateway/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/options.h"

static int
fail(struct mg_error *err, const struct mg_place *place, const char *path,
    const char *why)
{
	struct mg_place whole = { path, 0, 0 };

	if (place)
		return mg_fail(err, place, "%s: %s", path, why);
	return mg_fail(err, &whole, "%s", why);
}

static int
read_all(int fd, size_t max, struct buf *out)
{
	size_t from = out->len;

	while (out->len - from <= max) {
		ssize_t n = read(fd, buf_reserve(out, 16384), 16384);

		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		out->len += (size_t)n;
	}
	errno = EFBIG;
	return -1;
}

int
file_read(const char *path, size_t max, const struct mg_place *place,
    struct buf *out, struct mg_error *err)
{
	struct stat st;
	int fd, saved, rc = -1;

	/* Without O_NONBLOCK opening a fifo would wait for a writer. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return fail(err, place, path, strerror(errno));
	if (fstat(fd, &st) < 0)
		fail(err, place, path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		fail(err, place, path, "is not a regular file");
	else
		rc = read_all(fd, max, out);
	saved = errno;
	close(fd);
	if (rc < 0 && saved == EFBIG) {
		char why[64];

		(void)snprintf(why, sizeof(why),
		    "has more than %zu bytes, which is the most", max);
		return fail(err, place, path, why);
	}
	return rc < 0 ? fail(err, place, path, strerror(saved)) : 0;
}

/* The nearest name of a folder; out[0] is NUL if none is near. */
static void
nearest_in(const char *folder, const char *name, char out[256])
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	size_t least = SIZE_MAX;

	out[0] = '\0';
	while (dir && (entry = readdir(dir)) != NULL) {
		const char *const one[] = { entry->d_name, NULL };
		size_t far = options_distance(span_str(name),
		    span_str(entry->d_name));

		if (entry->d_name[0] == '.' || far >= least ||
		    !options_nearest(span_str(name), one))
			continue;
		least = far;
		(void)snprintf(out, 256, "%s", entry->d_name);
	}
	if (dir)
		(void)closedir(dir);
}

int
file_there(const char *path, const struct mg_place *place,
    struct mg_error *err)
{
	const char *slash = strrchr(path, '/');
	char near[256] = "", *folder;
	int rc;

	if (access(path, R_OK) == 0)
		return 0;
	if (errno != ENOENT)
		return mg_fail(err, place, "%s: %s", path, strerror(errno));
	folder = slash ? xstrndup(path, (size_t)(slash - path) + 1) :
	    xstrndup(".", 1);
	nearest_in(folder, slash ? slash + 1 : path, near);
	rc = mg_fail(err, place, "%s: %s%s%s%s%s", path, strerror(ENOENT),
	    near[0] ? " (did you mean '" : "", near[0] && slash ? folder : "",
	    near, near[0] ? "'?)" : "");
	free(folder);
	return rc;
}

char *
file_beside(const char *base, struct mg_span path)
{
	const char *slash = strrchr(base, '/');
	struct buf out = { 0 };

	if (slash && !(path.len && path.ptr[0] == '/'))
		buf_add(&out, base, (size_t)(slash - base) + 1);
	buf_add_span(&out, path);
	(void)buf_cstr(&out);
	return out.ptr;
}

/* ---- whether a file has changed ---- */

static int64_t
ns(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

struct file_stamp
file_stamp(const char *path)
{
	struct file_stamp stamp = { 0 };
	struct stat st;

	if (stat(path, &st) < 0)
		return stamp;
	stamp.modified_ns = ns(&st.st_mtim);
	stamp.changed_ns = ns(&st.st_ctim);
	stamp.size = (uint64_t)st.st_size;
	stamp.inode = (uint64_t)st.st_ino;
	stamp.device = (uint64_t)st.st_dev;
	return stamp;
}

bool
file_stamp_eq(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->modified_ns == b->modified_ns &&
	    a->changed_ns == b->changed_ns && a->size == b->size &&
	    a->inode == b->inode && a->device == b->device;
}

void
file_list_add(struct file_list *list, const char *path)
{
	size_t i;

	if (!list)
		return;
	for (i = 0; i < list->n; i++)
		if (strcmp(list->items[i].path, path) == 0)
			return;
	list->items = xgrow(list->items, &list->cap, list->n + 1,
	    sizeof(*list->items));
	list->items[list->n].path = xstrndup(path, strlen(path));
	list->items[list->n++].stamp = file_stamp(path);
}

void
file_list_fini(struct file_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		free(list->items[i].path);
	free(list->items);
	memset(list, 0, sizeof(*list));
}
