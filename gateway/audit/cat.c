/* SPDX-License-Identifier: Apache-2.0 */
/* cat.c - prints the records of a directory in order of time.
 *
 * Segments are merged by the times of their records, each read when its turn
 * comes: two processes may have written side by side. At most the segments
 * that overlap are in memory. */
#include "gateway/audit/cat.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/audit/reader.h"

enum {
	TIME_LEN = 27,			/* of a record's ts */
	POLL_US = 200000,
};

enum stream_state {
	STREAM_WAITING,			/* its time has not come */
	STREAM_OPEN,			/* frame is filled */
	STREAM_IDLE,			/* more may be written to it */
	STREAM_DONE,
};

struct stream {
	struct segment_info info;
	uint64_t until;			/* frames from here on are void */
	enum stream_state state;
	struct buf bytes;
	uint64_t offset;
	struct audit_frame frame;
	char ts[TIME_LEN + 1];		/* of frame, or of one before it */
	bool damaged;			/* is counted */
};

struct cat {
	const struct cat_options *options;
	struct stream *streams;
	size_t n, cap;
	struct segment_info *known;	/* what was there at first */
	size_t n_known;
	size_t done;			/* for progress */
	int damaged;
	uint64_t printed;
	struct buf *ring;		/* the last lines; NULL: print at once */
	struct buf line;
};

/* ---- one segment ---- */

static void
finish(struct cat *cat, struct stream *s)
{
	s->state = STREAM_DONE;
	buf_fini(&s->bytes);
	cat->done++;
	if (cat->options->progress)
		fprintf(cat->options->progress, "\r%zu of %zu segments ",
		    cat->done, cat->n);
}

static void
damaged(struct cat *cat, struct stream *s, const char *why)
{
	fprintf(stderr, "modgate: %s/%s: byte %" PRIu64 ": %s; the rest of it "
	    "is not read\n", cat->options->dir, s->info.name, s->offset, why);
	cat->damaged += !s->damaged;
	finish(cat, s);
}

/* Goes on behind bad bytes, saying what is missing; false: with nothing. */
static bool
skip(struct cat *cat, struct stream *s, const char *why)
{
	uint64_t bad = s->offset ? s->offset : SEGMENT_HEADER, lost;

	if (!audit_skip(buf_span(&s->bytes), &s->offset, &s->frame, &lost))
		return false;
	fprintf(stderr, "modgate: %s/%s: byte %" PRIu64 ": %s; %" PRIu64
	    " record%s skipped, read on at byte %" PRIu64 "\n",
	    cat->options->dir, s->info.name, bad, why, lost,
	    lost == 1 ? "" : "s", s->offset);
	cat->damaged += !s->damaged;
	s->damaged = true;
	return true;
}

static void
take_time(struct stream *s)
{
	static const char *const names[] = { "ts" };
	struct mg_span ts;

	if (s->frame.kind == AUDIT_LEAF &&
	    leaf_members(s->frame.json, names, 1, &ts) && ts.len == TIME_LEN)
		memcpy(s->ts, ts.ptr, TIME_LEN);
}

/* What is in the file from the last whole frame on: it may have been cut back
 * and written anew meanwhile. */
static bool
reload(struct cat *cat, struct stream *s)
{
	struct mg_error err = { "" };

	if (s->bytes.len > s->offset)
		s->bytes.len = (size_t)s->offset;
	if (segment_load(cat->options->dir, s->info.name, &s->bytes,
	    &err) == 0)
		return true;
	damaged(cat, s, err.text);
	return false;
}

/* Fills the stream's frame, or ends it. */
static void
step(struct cat *cat, struct stream *s)
{
	enum audit_read read;
	const char *why = "";
	bool again = s->info.end == END_NONE;

	for (;;) {
		read = audit_next(buf_span(&s->bytes), &s->offset, &s->frame,
		    &why);
		/* A live file may have changed while it was read. */
		if (read != READ_CORRUPT)
			break;
		if (!again && !skip(cat, s, why))
			break;
		if (again && !reload(cat, s))
			return;
		again = false;
	}
	switch (read) {
	case READ_FRAME:
		if (s->frame.kind == AUDIT_MARK ||
		    s->frame.sequence >= s->until) {
			finish(cat, s);
			return;
		}
		s->state = STREAM_OPEN;
		take_time(s);
		return;
	case READ_END:
	case READ_TORN:
		if (cat->options->follow && s->info.end == END_NONE)
			s->state = STREAM_IDLE;
		else
			finish(cat, s);
		return;
	case READ_CORRUPT:
		damaged(cat, s, why);
		return;
	}
	abort();
}

static void
begin(struct cat *cat, struct stream *s)
{
	audit_time(s->info.header.created_us, s->ts);
	if (!s->info.readable)
		finish(cat, s);
	else if (reload(cat, s))
		step(cat, s);
}

/* ---- all of them ---- */

static void
add_stream(struct cat *cat, const struct segment_info *info)
{
	struct stream *s;

	cat->streams = xgrow(cat->streams, &cat->cap, cat->n + 1,
	    sizeof(*cat->streams));
	s = &cat->streams[cat->n++];
	memset(s, 0, sizeof(*s));
	s->info = *info;
}

/* From which sequence on a later segment of the run counts instead. Looked at
 * again for each list: it may have come since. */
static void
set_until(struct cat *cat, const struct segment_info *segs, size_t n)
{
	size_t i, k;

	for (i = 0; i < cat->n; i++) {
		struct stream *s = &cat->streams[i];

		s->until = UINT64_MAX;
		for (k = 0; k < n; k++)
			if (memcmp(segs[k].header.run, s->info.header.run,
			    16) == 0 && segs[k].header.number >
			    s->info.header.number &&
			    segs[k].header.first < s->until)
				s->until = segs[k].header.first;
	}
}

/* Those from `from` on; older ones only if they were written since. */
static void
add_known(struct cat *cat, size_t from)
{
	const struct segment_info *segs = cat->known;
	size_t i;

	for (i = 0; i < cat->n_known; i++)
		if (i >= from || segs[i].end == END_NONE ||
		    segs[i].changed_us >= segs[from].header.created_us)
			add_stream(cat, &segs[i]);
	set_until(cat, segs, cat->n_known);
}

static bool
is_known(const struct cat *cat, const char *name)
{
	size_t i;

	for (i = 0; i < cat->n_known; i++)
		if (strcmp(cat->known[i].name, name) == 0)
			return true;
	for (i = 0; i < cat->n; i++)
		if (strcmp(cat->streams[i].info.name, name) == 0)
			return true;
	return false;
}

/* The stream with the earliest record; opens those whose time has come. */
static struct stream *
earliest(struct cat *cat)
{
	struct stream *best = NULL;
	char created[TIME_LEN + 1];
	size_t i;

	for (i = 0; i < cat->n; i++) {
		struct stream *s = &cat->streams[i];

		if (s->state == STREAM_OPEN &&
		    (!best || strcmp(s->ts, best->ts) < 0))
			best = s;
	}
	for (i = 0; i < cat->n; i++) {
		struct stream *s = &cat->streams[i];

		if (s->state != STREAM_WAITING)
			continue;
		audit_time(s->info.header.created_us, created);
		if (best && strcmp(created, best->ts) > 0)
			break;	/* they are in order of creation */
		begin(cat, s);
		if (s->state == STREAM_OPEN &&
		    (!best || strcmp(s->ts, best->ts) < 0))
			best = s;
	}
	return best;
}

static void
print(struct cat *cat, const struct audit_frame *frame)
{
	const struct cat_options *o = cat->options;

	if (frame->kind == AUDIT_EXCERPT && !o->excerpts)
		return;
	buf_clear(&cat->line);
	if (o->text && frame->kind == AUDIT_LEAF)
		cat_line(frame->json, &cat->line);
	else
		buf_add_span(&cat->line, frame->json);
	buf_add_byte(&cat->line, '\n');
	if (cat->ring) {
		struct buf *slot = &cat->ring[cat->printed % o->last];

		buf_clear(slot);
		buf_add_span(slot, buf_span(&cat->line));
	} else {
		fwrite(cat->line.ptr, 1, cat->line.len, o->out);
	}
	cat->printed++;
}

static bool
stopped(const struct cat *cat)
{
	return (cat->options->stop && *cat->options->stop) ||
	    ferror(cat->options->out);
}

static void
run(struct cat *cat)
{
	struct stream *s;

	while (!stopped(cat) && (s = earliest(cat)) != NULL) {
		print(cat, &s->frame);
		step(cat, s);
	}
}

static void
reset(struct cat *cat)
{
	size_t i;

	for (i = 0; i < cat->n; i++)
		buf_fini(&cat->streams[i].bytes);
	cat->n = 0;
	cat->done = 0;
	cat->printed = 0;
	cat->damaged = 0;
}

static void
flush_ring(struct cat *cat)
{
	uint64_t last = cat->options->last, i;

	if (!cat->ring)
		return;
	for (i = cat->printed > last ? cat->printed - last : 0;
	    i < cat->printed; i++)
		fwrite(cat->ring[i % last].ptr, 1, cat->ring[i % last].len,
		    cat->options->out);
	for (i = 0; i < last; i++)
		buf_fini(&cat->ring[i]);
	free(cat->ring);
	cat->ring = NULL;
}

/* The last lines need only the last segments: as many as hold enough. */
static void
first_pass(struct cat *cat)
{
	size_t n = cat->n_known, take = cat->options->last ? 1 : n;

	for (;;) {
		if (take > n)
			take = n;
		reset(cat);
		add_known(cat, n - take);
		run(cat);
		if (take == n || cat->printed >= cat->options->last)
			break;
		take *= 2;
	}
	if (cat->options->progress && cat->n > 0)
		fputs("\r\033[K", cat->options->progress);
	flush_ring(cat);
}

static void
look_again(struct cat *cat)
{
	struct mg_error err = { "" };
	struct segment_info *segs;
	size_t n, i;

	if (segments_list(cat->options->dir, &segs, &n, &err) < 0)
		return;
	for (i = 0; i < n; i++)
		if (!is_known(cat, segs[i].name))
			add_stream(cat, &segs[i]);
	set_until(cat, segs, n);
	free(segs);
	for (i = 0; i < cat->n; i++)
		if (cat->streams[i].state == STREAM_IDLE &&
		    reload(cat, &cat->streams[i]))
			step(cat, &cat->streams[i]);
}

int
audit_cat(const struct cat_options *options, struct mg_error *err)
{
	struct cat cat = { .options = options };
	int rc = segments_list(options->dir, &cat.known, &cat.n_known, err);

	if (rc < 0)
		return -1;
	if (options->last)
		cat.ring = xcalloc((size_t)options->last, sizeof(*cat.ring));
	first_pass(&cat);
	while (options->follow && !stopped(&cat)) {
		fflush(options->out);
		usleep(POLL_US);
		look_again(&cat);
		run(&cat);
	}
	fflush(options->out);
	rc = cat.damaged;
	reset(&cat);
	free(cat.streams);
	buf_fini(&cat.line);
	free(cat.known);
	return rc;
}
