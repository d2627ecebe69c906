/* SPDX-License-Identifier: Apache-2.0 */
/* segfile.c - one segment on disk, open for writing. */
#include "gateway/audit/segfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int
system_fallocate(int fd, off_t len)
{
	errno = posix_fallocate(fd, 0, len);
	return errno ? -1 : 0;
}

static int
system_free_bytes(int fd, uint64_t *out)
{
	struct statvfs vfs;

	if (fstatvfs(fd, &vfs) < 0)
		return -1;
	*out = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	return 0;
}

const struct audit_io audit_io_system = {
	.pwritev = pwritev,
	.fdatasync = fdatasync,
	.fsync = fsync,
	.ftruncate = ftruncate,
	.fallocate = system_fallocate,
	.free_bytes = system_free_bytes,
};

void
run_name(const unsigned char run[16], const char *what, char out[48])
{
	size_t i;

	for (i = 0; i < 16; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", run[i]);
	(void)snprintf(out + 32, 16, ".%s", what);
}

int
segfile_create(struct segfile *file, const struct audit_io *io, int dirfd,
    const struct segment_header *header)
{
	char bytes[SEGMENT_HEADER], new[48];
	struct iovec iov = { bytes, sizeof(bytes) };
	int rc;

	memset(file, 0, sizeof(*file));
	file->io = io;
	file->header = *header;
	segment_header_write(header, bytes);
	segment_name(header, file->name);
	run_name(header->run, "new", new);
	file->fd = openat(dirfd, new, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0600);
	if (file->fd < 0)
		return -errno;
	rc = segfile_append(file, &iov, 1);
	if (rc == 0)
		rc = segfile_sync(file);
	if (rc == 0 && renameat(dirfd, new, dirfd, file->name) < 0)
		rc = -errno;
	if (rc == 0 && io->fsync(dirfd) < 0) {
		rc = -errno;
		(void)unlinkat(dirfd, file->name, 0);
	}
	if (rc != 0) {
		(void)unlinkat(dirfd, new, 0);
		segfile_close(file);
	}
	return rc;
}

/* Takes n written bytes off the front. */
static void
advance(struct iovec **iov, size_t *left, size_t n)
{
	while (*left > 0 && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		++*iov;
		--*left;
	}
	if (n > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

static int
cut_to(struct segfile *file, uint64_t len)
{
	if (file->io->ftruncate(file->fd, (off_t)len) < 0)
		return -errno;
	file->room = len;
	return 0;
}

int
segfile_append(struct segfile *file, struct iovec *iov, size_t n)
{
	uint64_t at = file->len;
	int rc = 0;

	if (file->broken)
		return -EIO;
	while (n > 0) {
		ssize_t wrote = file->io->pwritev(file->fd, iov,
		    n < IOV_MAX ? (int)n : IOV_MAX, (off_t)at);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0) {
			rc = wrote < 0 ? -errno : -ENOSPC;
			break;
		}
		at += (uint64_t)wrote;
		advance(&iov, &n, (size_t)wrote);
	}
	if (rc == 0)
		file->len = at;
	else if (at > file->len && cut_to(file, file->len) < 0)
		file->broken = true;
	if (file->room < file->len)
		file->room = file->len;
	return rc;
}

int
segfile_extend(struct segfile *file, uint64_t upto)
{
	static const char zeros[16 << 10];
	uint64_t at = file->room;
	struct iovec iov[64];
	int n, rc = 0;

	if (file->broken)
		return -EIO;
	while (rc == 0 && at < upto) {
		uint64_t left = upto - at;
		ssize_t wrote;

		for (n = 0; n < 64 && left > 0; n++) {
			size_t part = left < sizeof(zeros) ? (size_t)left :
			    sizeof(zeros);

			iov[n] = (struct iovec){ (void *)(uintptr_t)zeros,
			    part };
			left -= part;
		}
		wrote = file->io->pwritev(file->fd, iov, n, (off_t)at);
		if (wrote > 0)
			at += (uint64_t)wrote;
		else if (wrote == 0 || errno != EINTR)
			rc = wrote < 0 ? -errno : -ENOSPC;
	}
	if (rc == 0) {
		file->room = at;
		return segfile_sync(file);
	}
	/* What was had of it may be all that is left for records. */
	if (at > file->room && cut_to(file, file->room) < 0)
		file->room = at;
	return rc;
}

int
segfile_sync(struct segfile *file)
{
	if (file->broken)
		return -EIO;
	if (file->io->fdatasync(file->fd) < 0) {
		file->broken = true;
		return -errno;
	}
	file->durable = file->len;
	return 0;
}

int
segfile_end(struct segfile *file, enum segment_end end, uint64_t sequence)
{
	struct buf frame = { 0 };
	struct iovec iov;
	int rc;

	segment_frame_add(&frame, AUDIT_MARK, segment_end_text(end));
	segment_frames_seal(frame.ptr, frame.len, &file->header, &sequence,
	    file->durable);
	iov = (struct iovec){ frame.ptr, frame.len };
	/* The mark first: it may need the room on a full disk. */
	rc = segfile_append(file, &iov, 1);
	if (rc == 0 && file->room > file->len)
		rc = cut_to(file, file->len);
	if (rc == 0)
		rc = segfile_sync(file);
	buf_fini(&frame);
	return rc;
}

void
segfile_cut(struct segfile *file)
{
	if (file->fd >= 0 && cut_to(file, file->durable) == 0)
		file->len = file->durable;
}

void
segfile_close(struct segfile *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}
