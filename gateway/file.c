/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - reading the operator's files, whole and under a cap.
 *
 * A fifo or a device would make a reload wait for ever, so only regular files
 * are taken; links to them are fine (secrets are often mounted as links). */
#include "gateway/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

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
