/* SPDX-License-Identifier: Apache-2.0 */
/* leaves.c - the leaves of a log in the log's one order. */
#include "gateway/audit/leaves.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "gateway/audit/reader.h"
#include "gateway/audit/segfile.h"

enum { WINDOW = 256 << 10 };		/* read at a time */

struct run {
	unsigned char id[16];
};

struct leaves {
	char *dir;
	int dirfd, logfd;
	bool keeps;
	struct run *runs;		/* in order */
	size_t n_runs, cap_runs;
	struct segment_info *segs;	/* by run, number */
	size_t n_segs;
	/* the segment at hand */
	size_t at;			/* index in segs; n_segs: none */
	int fd;
	uint64_t offset, sequence;	/* of the next frame */
	uint64_t leaf_offset;
	enum segment_end ended;		/* by the mark at hand */
	struct buf window;		/* the file from window_at on */
	uint64_t window_at;
};

/* ---- the order of runs ---- */

static size_t
rank(const struct leaves *l, const unsigned char id[16])
{
	size_t i;

	for (i = 0; i < l->n_runs; i++)
		if (memcmp(l->runs[i].id, id, 16) == 0)
			break;
	return i;
}

static void
add_run(struct leaves *l, const unsigned char id[16])
{
	l->runs = xgrow(l->runs, &l->cap_runs, l->n_runs + 1,
	    sizeof(*l->runs));
	memcpy(l->runs[l->n_runs++].id, id, 16);
}

static int
read_runs(struct leaves *l, struct mg_error *err)
{
	int fd = openat(l->logfd, "runs", O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	unsigned char id[16];
	char line[64];
	int rc = 0;
	size_t i;

	if (!file)
		return errno == ENOENT ? 0 : mg_fail(err, NULL, "log/runs: %s",
		    strerror(errno));
	while (rc == 0 && fgets(line, sizeof(line), file)) {
		/* A line that a crash has cut names no run that counts. */
		if (strlen(line) != 33 || line[32] != '\n')
			break;
		for (i = 0; i < 16 && rc == 0; i++) {
			char pair[3] = { line[2 * i], line[2 * i + 1], '\0' };
			char *end;

			id[i] = (unsigned char)strtoul(pair, &end, 16);
			if (*end)
				rc = mg_fail(err, NULL, "log/runs: a line is "
				    "no run");
		}
		if (rc == 0)
			add_run(l, id);
	}
	(void)fclose(file);
	return rc;
}

/* Writes all runs anew: the file is short, and appending may cut. */
static int
write_runs(struct leaves *l, struct mg_error *err)
{
	struct buf b = { 0 };
	char hex[48];
	size_t i;
	int fd, rc;

	for (i = 0; i < l->n_runs; i++) {
		run_name(l->runs[i].id, "", hex);
		hex[32] = '\n';
		buf_add(&b, hex, 33);
	}
	fd = openat(l->logfd, "runs.new", O_WRONLY | O_CREAT | O_TRUNC |
	    O_CLOEXEC, 0644);
	rc = fd < 0 || write(fd, b.ptr, b.len) != (ssize_t)b.len ||
	    fsync(fd) < 0 ? -1 : 0;
	if (fd >= 0)
		close(fd);
	if (rc == 0 && (renameat(l->logfd, "runs.new", l->logfd, "runs") < 0 ||
	    fsync(l->logfd) < 0))
		rc = -1;
	buf_fini(&b);
	return rc == 0 ? 0 : mg_fail(err, NULL, "log/runs: %s",
	    strerror(errno));
}

/* ---- segments ---- */

static int
by_run(const void *a, const void *b, void *arg)
{
	const struct segment_info *x = a, *y = b;
	size_t rx = rank(arg, x->header.run), ry = rank(arg, y->header.run);

	if (rx != ry)
		return rx < ry ? -1 : 1;
	return x->header.number < y->header.number ? -1 :
	    x->header.number > y->header.number;
}

/* Reads the folder anew, and finds the segment at hand again. */
static int
scan(struct leaves *l, struct mg_error *err)
{
	struct segment_info *segs;
	size_t n, i, kept = 0, known = l->n_runs;
	char name[64] = "";

	if (segments_list(l->dir, &segs, &n, err) < 0)
		return -1;
	if (l->at < l->n_segs)
		memcpy(name, l->segs[l->at].name, sizeof(name));
	/* By creation, so new runs are met in that order. */
	for (i = 0; i < n; i++)
		if (segs[i].readable) {
			if (rank(l, segs[i].header.run) == l->n_runs)
				add_run(l, segs[i].header.run);
			segs[kept++] = segs[i];
		}
	if (l->keeps && l->n_runs > known && write_runs(l, err) < 0) {
		free(segs);
		return -1;
	}
	if (kept > 0)
		qsort_r(segs, kept, sizeof(*segs), by_run, l);
	free(l->segs);
	l->segs = segs;
	l->n_segs = kept;
	for (l->at = 0; l->at < kept; l->at++)
		if (strcmp(segs[l->at].name, name) == 0)
			break;
	if (name[0] && l->at == kept)
		return mg_fail(err, NULL, "%s/%s: the segment is gone", l->dir,
		    name);
	return 0;
}

static int
enter(struct leaves *l, size_t at, struct mg_error *err)
{
	const struct segment_info *seg = &l->segs[at];

	if (l->fd >= 0)
		close(l->fd);
	l->fd = openat(l->dirfd, seg->name, O_RDONLY | O_CLOEXEC);
	if (l->fd < 0)
		return mg_fail(err, NULL, "%s/%s: %s", l->dir, seg->name,
		    strerror(errno));
	l->at = at;
	l->offset = SEGMENT_HEADER;
	l->sequence = seg->header.first;
	buf_clear(&l->window);
	l->window_at = 0;
	return 0;
}

/* The next segment of the same run, or NULL. */
static const struct segment_info *
next_of_run(const struct leaves *l)
{
	const struct segment_info *seg = &l->segs[l->at];

	return l->at + 1 < l->n_segs && memcmp(seg[1].header.run,
	    seg->header.run, 16) == 0 ? &seg[1] : NULL;
}

/* Whether a process that is not us writes the run. */
static bool
is_live(const struct leaves *l, const unsigned char run[16])
{
	char name[48];
	bool live;
	int fd;

	run_name(run, "run", name);
	fd = openat(l->dirfd, name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	live = flock(fd, LOCK_EX | LOCK_NB) < 0;
	close(fd);
	return live;
}

/* ---- frames ---- */

/* Makes the window begin at the next frame and hold at least a whole one, as
 * far as there are bytes. */
static struct mg_span
bytes_at(struct leaves *l)
{
	const size_t whole = SEGMENT_FRAME + SEGMENT_PAYLOAD_MAX;

	if (l->offset < l->window_at ||
	    l->offset - l->window_at > l->window.len) {
		buf_clear(&l->window);
		l->window_at = l->offset;
	}
	if (l->window.len - (size_t)(l->offset - l->window_at) < whole) {
		ssize_t n;

		buf_drop(&l->window, (size_t)(l->offset - l->window_at));
		l->window_at = l->offset;
		n = pread(l->fd, buf_reserve(&l->window, WINDOW), WINDOW,
		    (off_t)(l->window_at + l->window.len));
		if (n > 0)
			l->window.len += (size_t)n;
	}
	return span(l->window.ptr + (l->offset - l->window_at),
	    l->window.len - (size_t)(l->offset - l->window_at));
}

static int
damaged(const struct leaves *l, const char *why, struct mg_error *err)
{
	return mg_fail(err, NULL, "%s/%s: at byte %" PRIu64 ", record %" PRIu64
	    " of its run: %s", l->dir, l->segs[l->at].name, l->offset,
	    l->sequence, why);
}

static bool
is_own(const struct leaves *l, const struct leaves_limit *limit)
{
	return limit && memcmp(limit->run, l->segs[l->at].header.run, 16) == 0;
}

/* No frame stands here: one may still come, or it is damaged. A run that has
 * no end yet will be given one, by its process or by the next recovery, and may
 * be given records before it. */
static int
no_frame(struct leaves *l, const struct leaves_limit *limit,
    struct mg_error *err)
{
	const struct segment_info *next = next_of_run(l);

	if (next)
		return mg_fail(err, NULL, "%s: records %" PRIu64 " to %" PRIu64
		    " of a run are missing, before %s", l->dir, l->sequence,
		    next->header.first - 1, next->name);
	if (is_own(l, limit) || l->segs[l->at].end != END_NONE)
		return damaged(l, "a frame does not match its checksum", err);
	return 0;
}

enum step { STEP_LEAF, STEP_OTHER, STEP_NONE, STEP_END, STEP_BAD };

static enum step
read_frame(struct leaves *l, const struct leaves_limit *limit,
    struct mg_span *leaf, struct mg_error *err)
{
	uint64_t salt = l->segs[l->at].header.salt;
	struct segment_frame frame;

	if (segment_frame_check(bytes_at(l), salt, &frame) != CHECK_GOOD) {
		/* It may have been written since the window was read. */
		buf_clear(&l->window);
		l->window_at = l->offset;
		if (segment_frame_check(bytes_at(l), salt, &frame) !=
		    CHECK_GOOD)
			return no_frame(l, limit, err) < 0 ? STEP_BAD :
			    STEP_NONE;
	}
	if (frame.kind == AUDIT_MARK) {
		l->ended = segment_end_read(frame.payload);
		return STEP_END;
	}
	if (frame.sequence != l->sequence) {
		(void)damaged(l, "a frame is out of sequence", err);
		return STEP_BAD;
	}
	l->leaf_offset = l->offset;
	l->offset += SEGMENT_FRAME + frame.payload.len;
	l->sequence++;
	*leaf = frame.payload;
	return frame.kind == AUDIT_LEAF ? STEP_LEAF : STEP_OTHER;
}

/* The segment has ended: goes to the next of the run, or to the next run. 1: it
 * did, 0: there is none yet. */
static int
go_on(struct leaves *l, const struct leaves_limit *limit,
    struct mg_error *err)
{
	bool rotated = l->ended == END_ROTATED;

	if ((l->at + 1 >= l->n_segs || (rotated && !next_of_run(l))) &&
	    scan(l, err) < 0)
		return -1;
	if (l->at + 1 >= l->n_segs)
		return 0;
	if (rotated && !next_of_run(l)) {
		if (is_own(l, limit) || is_live(l, l->segs[l->at].header.run))
			return 0;
		return mg_fail(err, NULL, "%s: the segment after %s is "
		    "missing", l->dir, l->segs[l->at].name);
	}
	if (next_of_run(l) && next_of_run(l)->header.first > l->sequence)
		return no_frame(l, limit, err);
	return enter(l, l->at + 1, err) < 0 ? -1 : 1;
}

/* Our own run goes on in a segment that we have not seen. */
static int
catch_up(struct leaves *l, const struct leaves_limit *limit,
    struct mg_error *err)
{
	size_t last = l->at;

	if (!is_own(l, limit))
		return 0;
	while (last + 1 < l->n_segs && memcmp(l->segs[last + 1].header.run,
	    limit->run, 16) == 0)
		last++;
	return l->segs[last].header.number < limit->number ?
	    scan(l, err) : 0;
}

static bool
is_beyond(const struct leaves *l, const struct leaves_limit *limit)
{
	return is_own(l, limit) && l->sequence >= limit->sequence;
}

int
leaves_next(struct leaves *l, const struct leaves_limit *limit,
    struct mg_span *leaf, struct mg_error *err)
{
	const struct segment_info *next;
	int rc;

	if (l->fd < 0) {
		if (scan(l, err) < 0)
			return -1;
		if (l->n_segs == 0)
			return 0;
		if (enter(l, 0, err) < 0)
			return -1;
	}
	for (;;) {
		if (limit && catch_up(l, limit, err) < 0)
			return -1;
		/* What stands in a segment at or beyond the first sequence of
		 * the next one is void. */
		next = next_of_run(l);
		if (next && next->header.first <= l->sequence) {
			if (enter(l, l->at + 1, err) < 0)
				return -1;
			continue;
		}
		if (is_beyond(l, limit))
			return 0;
		switch (read_frame(l, limit, leaf, err)) {
		case STEP_LEAF:
			return 1;
		case STEP_OTHER:
			break;
		case STEP_NONE:
			return 0;
		case STEP_BAD:
			return -1;
		case STEP_END:
			rc = go_on(l, limit, err);
			if (rc <= 0)
				return rc;
			break;
		}
	}
}

/* Goes to a place. */
static int
seek(struct leaves *l, const struct leaves_place *from, struct mg_error *err)
{
	size_t i;

	if (scan(l, err) < 0)
		return -1;
	for (i = 0; i < l->n_segs; i++)
		if (memcmp(l->segs[i].header.run, from->run, 16) == 0 &&
		    l->segs[i].header.number == from->number)
			break;
	if (i == l->n_segs)
		return mg_fail(err, NULL, "%s: the segment in which the log "
		    "goes on is gone", l->dir);
	if (enter(l, i, err) < 0)
		return -1;
	if (from->offset > 0) {
		l->offset = from->offset;
		l->sequence = from->sequence;
	}
	return 0;
}

struct leaves *
leaves_open(const char *dir, int logfd, bool keeps,
    const struct leaves_place *from, struct mg_error *err)
{
	static const struct leaves_place beginning;
	struct leaves *l = xcalloc(1, sizeof(*l));
	int rc = 0;

	l->dir = xstrndup(dir, strlen(dir));
	l->logfd = logfd;
	l->keeps = keeps;
	l->fd = -1;
	l->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->dirfd < 0)
		rc = mg_fail(err, NULL, "%s: %s", dir, strerror(errno));
	if (rc == 0)
		rc = read_runs(l, err);
	if (rc == 0 && memcmp(from, &beginning, sizeof(beginning)) != 0)
		rc = seek(l, from, err);
	if (rc == 0)
		return l;
	leaves_free(l);
	return NULL;
}

void
leaves_free(struct leaves *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	if (l->dirfd >= 0)
		close(l->dirfd);
	buf_fini(&l->window);
	free(l->segs);
	free(l->runs);
	free(l->dir);
	free(l);
}

void
leaves_place(const struct leaves *l, struct leaves_place *out)
{
	memset(out, 0, sizeof(*out));
	if (l->fd < 0)
		return;
	memcpy(out->run, l->segs[l->at].header.run, 16);
	out->number = l->segs[l->at].header.number;
	out->offset = l->offset;
	out->sequence = l->sequence;
}

const char *
leaves_where(const struct leaves *l, uint64_t *offset)
{
	*offset = l->leaf_offset;
	return l->fd < 0 ? "" : l->segs[l->at].name;
}
