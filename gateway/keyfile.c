/* SPDX-License-Identifier: Apache-2.0 */
/* keyfile.c - a file of 32 random bytes that a state directory keeps. */
#include "gateway/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/audit/ident.h"
#include "gateway/buf.h"

/* 0: key is filled; 1: there is no such file; -1: err is filled. */
static int
read_key(const char *path, const char *loss,
    unsigned char key[KEYFILE_BYTES], struct mg_error *err)
{
	unsigned char bytes[KEYFILE_BYTES + 1];
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 || fstat(fd, &st) < 0)
		rc = mg_fail(err, NULL, "%s: %s", path, strerror(errno));
	else if (st.st_mode & 077)
		rc = mg_fail(err, NULL, "%s: others may read it; chmod 600",
		    path);
	else if (read(fd, bytes, sizeof(bytes)) != KEYFILE_BYTES)
		rc = mg_fail(err, NULL, "%s: not %d bytes; restore it from a "
		    "backup (or remove it: %s)", path, KEYFILE_BYTES, loss);
	else
		memcpy(key, bytes, KEYFILE_BYTES);
	if (fd >= 0)
		close(fd);
	explicit_bzero(bytes, sizeof(bytes));
	return rc;
}

/* Under another name first: a crash leaves no short key behind, and of two
 * processes only one wins. */
static int
make_key(const char *path, struct mg_error *err)
{
	unsigned char key[KEYFILE_BYTES], tag[4];
	struct buf new = { 0 };
	int fd, rc = 0;

	random_bytes(key, sizeof(key));
	random_bytes(tag, sizeof(tag));
	buf_addf(&new, "%s.%02x%02x%02x%02x", path, tag[0], tag[1], tag[2],
	    tag[3]);
	fd = open(buf_cstr(&new), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (fd < 0 || write(fd, key, sizeof(key)) != KEYFILE_BYTES ||
	    fsync(fd) < 0 || (link(buf_cstr(&new), path) < 0 &&
	    errno != EEXIST))
		rc = mg_fail(err, NULL, "%s: cannot be made: %s", path,
		    strerror(errno));
	if (fd >= 0) {
		(void)unlink(buf_cstr(&new));
		close(fd);
	}
	explicit_bzero(key, sizeof(key));
	buf_fini(&new);
	return rc;
}

int
keyfile_open(const char *path, const char *loss,
    unsigned char key[KEYFILE_BYTES], struct mg_error *err)
{
	int rc = read_key(path, loss, key, err);

	if (rc == 1 && make_key(path, err) == 0)
		rc = read_key(path, loss, key, err);
	if (rc != 0)
		return mg_fail(err, NULL, "%s: cannot be read", path);
	return 0;
}
