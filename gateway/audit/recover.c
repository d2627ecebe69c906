/* SPDX-License-Identifier: Apache-2.0 */
/* recover.c - settles the runs that did not stop in order.
 *
 * All that recovery adds goes to the end of the run's own last segment in one
 * write, its end mark last. Killed half-way, the next recovery finds the
 * `exchange.aborted` that made it and goes on from there: nothing is told
 * twice. */
#include "gateway/audit/recover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "gateway/audit/ident.h"
#include "gateway/audit/reader.h"
#include "gateway/audit/record.h"
#include "gateway/audit/xidset.h"
#include "gateway/log.h"

/* Bytes of the newest segments that are read through at every start, whether
 * they need recovery or not. */
#define VERIFY_BYTES ((uint64_t)256 << 20)

struct recovery {
	const char *dir;
	int dirfd;
	const struct audit_io *io;
	const char *instance;
	struct mg_error *err;
};

/* What one segment showed. */
struct finding {
	uint64_t good;			/* bytes up to the end of its frames */
	uint64_t torn;			/* bytes after them that are no zeros
					 * left at the end */
	uint64_t frames;
	uint64_t next;			/* sequence after the last one */
	struct xidset opened;		/* in it, and not closed in it */
};

static int
corrupt(struct recovery *r, const char *name, uint64_t offset,
    const char *why)
{
	return mg_fail(r->err, NULL, "%s/%s: byte %" PRIu64 ": %s: damage, "
	    "not a crash. Restore the file from a backup, or move it out of "
	    "the folder to start without it", r->dir, name, offset, why);
}

/* Counts one leaf: an open that no later segment closes stays in `opened`, a
 * close of an earlier open stays in `closed`. */
static void
count_leaf(struct mg_span json, struct finding *f, struct xidset *closed)
{
	static const char *const names[] = { "type", "xid" };
	struct mg_span value[2];
	struct xid xid;

	if (!leaf_members(json, names, 2, value) || !xid_read(value[1], &xid))
		return;
	if (span_is(value[0], "exchange.open")) {
		if (!xidset_remove(closed, &xid))
			(void)xidset_add(&f->opened, &xid);
	} else if (span_is(value[0], "exchange.close") ||
	    span_is(value[0], "exchange.aborted")) {
		if (!xidset_remove(&f->opened, &xid))
			(void)xidset_add(closed, &xid);
	}
}

/* How much of a frame lies at offset: zeros at the end are room that was never
 * used. */
static uint64_t
torn_bytes(struct mg_span segment, uint64_t offset)
{
	size_t from = offset ? (size_t)offset : SEGMENT_HEADER;
	size_t end = segment.len;

	while (end > from && segment.ptr[end - 1] == 0)
		end--;
	return end - from;
}

/* Reads a segment up to sequence `until`. closed NULL: only checks it. */
static int
read_segment(struct recovery *r, const struct segment_info *info,
    uint64_t until, struct finding *f, struct xidset *closed)
{
	struct buf bytes = { 0 };
	struct audit_frame frame;
	enum audit_read read = READ_END;
	const char *why = NULL;
	uint64_t offset = 0;
	int rc = segment_load(r->dir, info->name, &bytes, r->err);

	memset(f, 0, sizeof(*f));
	f->good = SEGMENT_HEADER;
	f->next = info->header.first;
	while (rc == 0 && (read = audit_next(buf_span(&bytes), &offset,
	    &frame, &why)) == READ_FRAME) {
		if (frame.kind == AUDIT_MARK)
			continue;
		if (frame.sequence >= until)
			break;
		f->good = offset;
		f->next = frame.sequence + 1;
		f->frames++;
		if (closed && frame.kind == AUDIT_LEAF)
			count_leaf(frame.json, f, closed);
	}
	if (rc == 0 && read == READ_TORN)
		f->torn = torn_bytes(buf_span(&bytes), offset);
	if (rc == 0 && read == READ_CORRUPT)
		rc = corrupt(r, info->name, offset ? offset :
		    SEGMENT_HEADER, why);
	else if (rc == 0 && until != UINT64_MAX && f->next < until)
		rc = corrupt(r, info->name, f->good,
		    "frames are missing that the next segment follows");
	buf_fini(&bytes);
	if (rc != 0)
		xidset_fini(&f->opened);
	return rc;
}

static void
move_all(struct xidset *from, struct xidset *to)
{
	const struct xid *xid;
	size_t i = 0;

	while ((xid = xidset_next(from, &i)) != NULL)
		(void)xidset_add(to, xid);
	xidset_fini(from);
}

/* Walks a run's segments from the last one back, until every exchange that was
 * in flight when the next one began is accounted for. last gets what the
 * last segment showed. */
static int
find_orphans(struct recovery *r, const struct segment_info *segs, size_t n,
    struct finding *last, struct xidset *orphans)
{
	struct xidset closed = { 0 };
	size_t i = n;
	int rc = 0;

	while (i-- > 0) {
		struct finding f;

		rc = read_segment(r, &segs[i], i + 1 < n ?
		    segs[i + 1].header.first : UINT64_MAX, &f, &closed);
		if (rc != 0)
			break;
		move_all(&f.opened, orphans);
		if (i + 1 == n)
			*last = f;
		/* Each was closed in what has been read, or is an orphan that
		 * lies further back. */
		if (segs[i].header.in_flight <= closed.n)
			break;
	}
	xidset_fini(&closed);
	return rc;
}

static void
add_leaf(struct buf *frames, struct buf *json)
{
	segment_frame_add(frames, AUDIT_LEAF, buf_span(json));
	buf_clear(json);
}

static void
build_tail(struct recovery *r, const struct segment_info *seg,
    const struct finding *last, const struct xidset *orphans,
    struct buf *frames)
{
	struct record_head head = { now_us(), r->instance, NULL };
	struct buf json = { 0 };
	const struct xid *xid;
	char id[37];
	size_t i = 0;

	head.xid = id;
	while ((xid = xidset_next(orphans, &i)) != NULL) {
		xid_text(xid, id);
		record_aborted(&json, &head, "recovery");
		add_leaf(frames, &json);
	}
	audit_uuid7(head.ts_us, id);
	record_recovered(&json, &head, seg->name, last->frames, last->torn,
	    orphans->n);
	add_leaf(frames, &json);
	segment_frame_add(frames, AUDIT_MARK, segment_end_text(END_CRASHED));
	log_warn("audit: %s was not closed in order: %" PRIu64 " frames kept, "
	    "%" PRIu64 " torn bytes cut, %zu open exchange%s marked aborted",
	    seg->name, last->frames, last->torn, orphans->n,
	    orphans->n == 1 ? "" : "s");
	buf_fini(&json);
}

static int
settle(struct recovery *r, const struct segment_info *seg,
    const struct finding *last, const struct xidset *orphans)
{
	struct segfile file = { .io = r->io, .header = seg->header,
	    .len = last->good, .durable = last->good };
	struct buf frames = { 0 };
	uint64_t sequence = last->next;
	struct iovec iov;
	int rc;

	file.fd = openat(r->dirfd, seg->name, O_RDWR | O_CLOEXEC);
	if (file.fd < 0 || r->io->ftruncate(file.fd, (off_t)last->good) < 0) {
		rc = -errno;
	} else {
		build_tail(r, seg, last, orphans, &frames);
		rc = segfile_sync(&file);
	}
	if (rc == 0) {
		segment_frames_seal(frames.ptr, frames.len, &file.header,
		    &sequence, file.durable);
		iov = (struct iovec){ frames.ptr, frames.len };
		rc = segfile_append(&file, &iov, 1);
	}
	if (rc == 0)
		rc = segfile_sync(&file);
	segfile_close(&file);
	buf_fini(&frames);
	return rc == 0 ? 0 : mg_fail(r->err, NULL, "%s/%s: cannot be "
	    "recovered: %s", r->dir, seg->name, strerror(-rc));
}

/* Does a live process hold the run? */
static bool
is_live(struct recovery *r, const unsigned char run[16])
{
	char name[48];
	bool live;
	int fd;

	run_name(run, "run", name);
	fd = openat(r->dirfd, name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	live = flock(fd, LOCK_EX | LOCK_NB) < 0;
	close(fd);
	return live;
}

static int
by_run(const void *a, const void *b)
{
	const struct segment_info *x = a, *y = b;
	int order = memcmp(x->header.run, y->header.run, 16);

	if (order != 0)
		return order;
	return x->header.number < y->header.number ? -1 :
	    x->header.number > y->header.number;
}

static int
recover_run(struct recovery *r, const struct segment_info *segs, size_t n)
{
	const struct segment_info *seg = &segs[n - 1];
	struct xidset orphans = { 0 };
	struct finding last = { 0 };
	int rc;

	if (seg->end == END_STOPPED || seg->end == END_CRASHED)
		return 0;
	if (is_live(r, seg->header.run))
		return 0;
	rc = find_orphans(r, segs, n, &last, &orphans);
	if (rc == 0)
		rc = settle(r, seg, &last, &orphans);
	xidset_fini(&orphans);
	return rc;
}

/* Files of dead runs beside their segments: lock, reserve, half-made names. */
static void
sweep(struct recovery *r)
{
	DIR *d = opendir(r->dir);
	struct dirent *entry;

	if (!d)
		return;
	while ((entry = readdir(d)) != NULL) {
		const char *name = entry->d_name;
		char lock[48] = { 0 };
		bool dead;
		int fd;

		if (strlen(name) != 36 || (strcmp(name + 32, ".run") != 0 &&
		    strcmp(name + 32, ".new") != 0))
			continue;
		memcpy(lock, name, 32);
		memcpy(lock + 32, ".run", 4);
		fd = openat(r->dirfd, lock, O_RDWR | O_CLOEXEC);
		dead = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0;
		if (dead)
			(void)unlinkat(r->dirfd, name, 0);
		if (fd >= 0)
			close(fd);
	}
	closedir(d);
}

/* Reads the newest segments through: damage shows at start, not at an audit. */
static int
verify(struct recovery *r, const struct segment_info *segs, size_t n)
{
	uint64_t left = VERIFY_BYTES;
	int rc = 0;

	while (rc == 0 && n-- > 0 && segs[n].size <= left) {
		struct finding f;

		left -= segs[n].size;
		if (segs[n].end == END_NONE)
			continue;	/* live, or recovered just now */
		rc = read_segment(r, &segs[n], UINT64_MAX, &f, NULL);
	}
	return rc;
}

/* A file without a header: an empty one can be left by a copy or a power cut;
 * anything longer was a segment. */
static int
drop_unreadable(struct recovery *r, struct segment_info *segs, size_t *n)
{
	size_t i, kept = 0;

	for (i = 0; i < *n; i++) {
		if (segs[i].readable) {
			segs[kept++] = segs[i];
			continue;
		}
		if (segs[i].size > SEGMENT_HEADER)
			return corrupt(r, segs[i].name, 0,
			    "the header is not one of ours, or damaged");
		log_warn("audit: %s/%s has no header and no frames; it is "
		    "passed over", r->dir, segs[i].name);
	}
	*n = kept;
	return 0;
}

int
recover(const char *dir, int dirfd, const struct audit_io *io,
    const char *instance, struct mg_error *err)
{
	struct recovery r = { dir, dirfd, io, instance, err };
	struct segment_info *segs;
	size_t n, i, from;
	int rc = segments_list(dir, &segs, &n, err);

	if (rc == 0)
		rc = drop_unreadable(&r, segs, &n);
	if (rc == 0)
		rc = verify(&r, segs, n);
	if (rc == 0 && n > 0)
		qsort(segs, n, sizeof(*segs), by_run);
	for (i = from = 0; rc == 0 && i < n; i++) {
		if (i + 1 < n && memcmp(segs[i].header.run,
		    segs[i + 1].header.run, 16) == 0)
			continue;
		rc = recover_run(&r, segs + from, i + 1 - from);
		from = i + 1;
	}
	if (rc == 0)
		sweep(&r);
	free(segs);
	return rc;
}
