/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/segfile.h - one segment on disk, open for writing.
 *
 * A segment gets its name only when its header is on disk, so a crash leaves
 * no half-made one. Frames overwrite zeros that were written ahead: a sync of
 * bytes that the file has already costs no commit of the file system's
 * journal, which is most of what a sync costs. System calls go through a
 * table, so that tests can make each of them fail. */
#ifndef GATEWAY_AUDIT_SEGFILE_H
#define GATEWAY_AUDIT_SEGFILE_H

#include <sys/types.h>
#include <sys/uio.h>

#include "gateway/audit/segment.h"

/* All return -1 with errno set on failure. */
struct audit_io {
	ssize_t (*pwritev)(int fd, const struct iovec *iov, int n, off_t at);
	int (*fdatasync)(int fd);
	int (*fsync)(int fd);			/* of the directory */
	int (*ftruncate)(int fd, off_t len);
	int (*fallocate)(int fd, off_t len);
	int (*free_bytes)(int fd, uint64_t *out);
};
extern const struct audit_io audit_io_system;

struct segfile {
	const struct audit_io *io;
	int fd;				/* -1: none is open */
	struct segment_header header;
	char name[64];
	uint64_t len;			/* bytes written and wanted */
	uint64_t room;			/* of the file; zeros from len on */
	uint64_t durable;		/* of them, known to be on disk */
	bool broken;			/* must not be written any more */
};

/* Functions return 0 or -errno. */

/* Makes a new segment with this header: name, locks and disk as above. */
int segfile_create(struct segfile *file, const struct audit_io *io, int dirfd,
    const struct segment_header *header);
/* Writes all of iov (which it changes) at the end. On failure the file is cut
 * back to where it was; broken is set if even that fails. */
int segfile_append(struct segfile *file, struct iovec *iov, size_t n);
/* Writes zeros ahead, to where the file has upto bytes, and syncs. If there is
 * no disk for them, the file is as it was; if the sync fails, it is broken. All
 * that was written before must be synced. */
int segfile_extend(struct segfile *file, uint64_t upto);
/* After a failure the file is broken: a second fsync may lie. */
int segfile_sync(struct segfile *file);
/* Adds an end mark with that sequence, gives the room after it back, syncs. */
int segfile_end(struct segfile *file, enum segment_end end,
    uint64_t sequence);
/* Cuts what is not known to be on disk, as well as it can be done. */
void segfile_cut(struct segfile *file);
void segfile_close(struct segfile *file);

/* Names of a run's own files: what: "run" (its lock and reserve) or "new". */
void run_name(const unsigned char run[16], const char *what, char out[48]);

#endif
