/* SPDX-License-Identifier: Apache-2.0 */
/* verify.c - is the log what its checkpoints promised? */
#include "gateway/audit/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/audit/leaves.h"
#include "gateway/audit/reader.h"
#include "gateway/audit/tiles.h"
#include "gateway/audit/treelog.h"
#include "gateway/audit/xidset.h"
#include "gateway/progress.h"

struct walk {
	const struct verify_options *options;
	struct verify_report *report;
	int logfd;
	struct hasher *hasher;
	struct leaves *leaves;
	struct merkle_edge edge;
	struct xidset open;
	struct tile_reader *tiles;	/* for the diagnosis; NULL at first */
	struct progress progress;
};

/* The first problem wins. */
static void
problem(struct walk *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void
problem(struct walk *w, const char *format, ...)
{
	char line[sizeof(w->report->problem.text)];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	(void)mg_fail(&w->report->problem, NULL, "%s", line);
}

static bool
failed(const struct walk *w)
{
	return w->report->problem.text[0] != '\0';
}

/* ---- exchanges ---- */

static void
note_leaf(struct walk *w, struct mg_span leaf)
{
	static const char *const names[] = { "type", "xid" };
	struct mg_span value[2];
	uint64_t index = w->edge.size, offset;
	const char *where = leaves_where(w->leaves, &offset);
	struct xid xid;
	bool ends;

	if (!leaf_members(leaf, names, 2, value)) {
		problem(w, "record %" PRIu64 " (%s, byte %" PRIu64 "): it is "
		    "no JSON object", index, where, offset);
		return;
	}
	ends = span_is(value[0], "exchange.close") ||
	    span_is(value[0], "exchange.aborted");
	if (!ends && !span_is(value[0], "exchange.open"))
		return;
	if (!xid_read(value[1], &xid)) {
		problem(w, "record %" PRIu64 " (%s, byte %" PRIu64 "): its "
		    "xid is no id", index, where, offset);
	} else if (!ends) {
		w->report->opened++;
		if (!xidset_add(&w->open, &xid))
			problem(w, "record %" PRIu64 " (%s, byte %" PRIu64
			    "): the exchange was opened before", index, where,
			    offset);
	} else {
		*(span_is(value[0], "exchange.close") ? &w->report->closed :
		    &w->report->aborted) += 1;
		if (!xidset_remove(&w->open, &xid))
			problem(w, "record %" PRIu64 " (%s, byte %" PRIu64
			    "): an end of an exchange that is not open: its "
			    "opening is missing, or it has ended before",
			    index, where, offset);
	}
}

/* ---- the tree ---- */

static void
check_root(struct walk *w, const struct checkpoint *c, const char *which)
{
	struct merkle_hash root;

	merkle_root(&w->edge, w->hasher, &root);
	if (!merkle_same(&root, &c->root))
		problem(w, "the log's first %" PRIu64 " records are not those "
		    "of %s: a record was changed, taken out, put in or "
		    "moved", c->size, which);
}

/* Names the record that differs from what the tiles have, if they are those of
 * the checkpoint themselves. */
static void
compare_tile(struct walk *w, uint64_t index, const struct merkle_hash *hash)
{
	struct merkle_source source;
	struct merkle_hash stored;
	struct mg_error err = { { 0 } };
	uint64_t offset;
	const char *where = leaves_where(w->leaves, &offset);

	if (!w->tiles)
		return;
	source = tile_reader_source(w->tiles);
	if (source.node(source.arg, 0, index, &stored, &err) < 0 ||
	    merkle_same(&stored, hash))
		return;
	problem(w, "record %" PRIu64 " (%s, byte %" PRIu64 ") is not the one "
	    "that was signed: it was changed, or records before it were taken "
	    "out, put in or moved", index, where, offset);
}

/* Whether the tiles on disk give the checkpoint's root: then they can say which
 * record is wrong. */
static void
open_tiles(struct walk *w)
{
	const struct checkpoint *c = &w->report->checkpoint;
	struct merkle_source source;
	struct merkle_hash root;
	struct mg_error err = { { 0 } };
	struct tile_reader *reader = tile_reader_new(w->logfd, c->size,
	    w->hasher);

	source = tile_reader_source(reader);
	if (merkle_root_of(&source, c->size, &root, &err) == 0 &&
	    merkle_same(&root, &c->root)) {
		w->tiles = reader;
		return;
	}
	tile_reader_free(reader);
}

static void
take_leaf(struct walk *w, struct mg_span leaf)
{
	const struct verify_report *r = w->report;
	struct merkle_hash hash;

	note_leaf(w, leaf);
	if (w->edge.size >= r->checkpoint.size) {
		w->edge.size++;
		return;
	}
	merkle_leaf(w->hasher, leaf, &hash);
	compare_tile(w, w->edge.size, &hash);
	merkle_append(&w->edge, w->hasher, &hash);
	if (w->edge.size == r->older.size)
		check_root(w, &r->older, "the older checkpoint");
	if (w->edge.size == r->checkpoint.size)
		check_root(w, &r->checkpoint, "its checkpoint");
}

static void
read_all(struct walk *w)
{
	struct verify_report *r = w->report;
	struct mg_error err = { { 0 } };
	struct mg_span leaf;
	int rc = 0;

	while (!failed(w) && (rc = leaves_next(w->leaves, NULL, &leaf,
	    &err)) > 0) {
		take_leaf(w, leaf);
		progress_tell(&w->progress, w->edge.size, r->checkpoint.size ?
		    (double)w->edge.size / (double)r->checkpoint.size : 0);
	}
	if (rc < 0)
		problem(w, "record %" PRIu64 ": %s", w->edge.size, err.text);
	r->leaves = w->edge.size < r->checkpoint.size ? w->edge.size :
	    r->checkpoint.size;
	r->more = w->edge.size - r->leaves;
	if (!failed(w) && w->edge.size < r->checkpoint.size)
		problem(w, "the log ends after %" PRIu64 " records, and its "
		    "checkpoint covers %" PRIu64 ": the last ones are missing",
		    w->edge.size, r->checkpoint.size);
	r->under_way = w->open.n;
}

/* ---- checkpoints ---- */

static int
read_older(struct walk *w, struct mg_error *err)
{
	const struct verify_options *o = w->options;
	struct verify_report *r = w->report;
	const char *why = "";
	struct note note;

	if (o->older.len == 0)
		return 0;
	if (!note_read(o->older, &note, &why) ||
	    !checkpoint_read(note.text, &r->older, &why))
		return mg_fail(err, NULL, "the older checkpoint: %s", why);
	if (o->vkey && note_verify(&note, o->vkey, NULL) != NOTE_GOOD)
		return mg_fail(err, NULL, "the older checkpoint is not signed "
		    "by %s", o->vkey->name);
	if (strcmp(r->older.origin, r->checkpoint.origin) != 0)
		return mg_fail(err, NULL, "the older checkpoint is of '%s', "
		    "the log of '%s'", r->older.origin, r->checkpoint.origin);
	if (r->older.size > r->checkpoint.size)
		problem(w, "the log's checkpoint covers %" PRIu64 " records, "
		    "the older one %" PRIu64 ": the log was cut back",
		    r->checkpoint.size, r->older.size);
	else if (r->older.size == r->checkpoint.size &&
	    !merkle_same(&r->older.root, &r->checkpoint.root))
		problem(w, "two checkpoints of %" PRIu64 " records differ: the "
		    "log was changed", r->older.size);
	return 0;
}

static int
open_logfd(const char *dir, struct mg_error *err)
{
	struct buf path = { 0 };
	int fd;

	buf_addf(&path, "%s/log", dir);
	fd = open(buf_cstr(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		(void)mg_fail(err, NULL, "%s: %s", path.ptr, strerror(errno));
	buf_fini(&path);
	return fd;
}

static int
begin(struct walk *w, struct mg_error *err)
{
	static const struct leaves_place beginning;
	const struct verify_options *o = w->options;
	int rc;

	w->logfd = open_logfd(o->dir, err);
	if (w->logfd < 0)
		return -1;
	rc = treelog_checkpoint(w->logfd, o->vkey, &w->report->checkpoint,
	    NULL, err);
	if (rc != 0)
		return rc < 0 ? -1 : mg_fail(err, NULL, "%s/log: no "
		    "checkpoint has been published yet", o->dir);
	if (read_older(w, err) < 0)
		return -1;
	w->leaves = leaves_open(o->dir, w->logfd, false, &beginning, err);
	return w->leaves ? 0 : -1;
}

int
audit_verify(const struct verify_options *options,
    struct verify_report *report, struct mg_error *err)
{
	struct walk w = { .options = options, .report = report, .logfd = -1 };
	int rc;

	memset(report, 0, sizeof(*report));
	w.hasher = hasher_new();
	progress_begin(&w.progress, "records");
	w.progress.shows &= options->progress;
	rc = begin(&w, err);
	if (rc == 0) {
		open_tiles(&w);
		read_all(&w);
	}
	report->seconds = progress_end(&w.progress);
	xidset_fini(&w.open);
	tile_reader_free(w.tiles);
	leaves_free(w.leaves);
	hasher_free(w.hasher);
	if (w.logfd >= 0)
		close(w.logfd);
	return rc;
}

/* ---- proofs ---- */

/* What proving needs of a log. */
struct proving {
	int logfd;
	struct hasher *hasher;
	struct checkpoint checkpoint;
	struct buf note;
	struct tile_reader *tiles;
};

static void
proving_fini(struct proving *p)
{
	tile_reader_free(p->tiles);
	hasher_free(p->hasher);
	buf_fini(&p->note);
	if (p->logfd >= 0)
		close(p->logfd);
}

static int
proving_init(struct proving *p, const char *dir, struct mg_error *err)
{
	int rc;

	memset(p, 0, sizeof(*p));
	p->logfd = open_logfd(dir, err);
	if (p->logfd < 0)
		return -1;
	rc = treelog_checkpoint(p->logfd, NULL, &p->checkpoint, &p->note, err);
	if (rc != 0)
		return rc < 0 ? -1 : mg_fail(err, NULL, "%s/log: no "
		    "checkpoint has been published yet", dir);
	p->hasher = hasher_new();
	p->tiles = tile_reader_new(p->logfd, p->checkpoint.size, p->hasher);
	return 0;
}

#define PROOF_HEAD "c2sp.org/tlog-proof@v1\n"

int
audit_prove(const char *dir, uint64_t index, struct buf *out,
    struct mg_error *err)
{
	struct merkle_source source;
	struct merkle_proof proof;
	struct proving p;
	unsigned i;
	int rc = proving_init(&p, dir, err);

	if (rc == 0 && index >= p.checkpoint.size)
		rc = mg_fail(err, NULL, "record %" PRIu64 " is not covered by "
		    "the checkpoint, which has %" PRIu64 " records", index,
		    p.checkpoint.size);
	if (rc == 0) {
		source = tile_reader_source(p.tiles);
		rc = merkle_prove_inclusion(&source, index, p.checkpoint.size,
		    &proof, err);
	}
	if (rc == 0) {
		buf_addf(out, PROOF_HEAD "index %" PRIu64 "\n", index);
		for (i = 0; i < proof.n; i++) {
			base64_add(out, proof.hashes[i].b, MERKLE_HASH);
			buf_add_byte(out, '\n');
		}
		buf_add_byte(out, '\n');
		buf_add_span(out, buf_span(&p.note));
	}
	proving_fini(&p);
	return rc;
}

int
audit_find(const char *dir, struct mg_span xid, bool opening,
    uint64_t *index, struct mg_error *err)
{
	static const char *const names[] = { "type", "xid" };
	struct mg_span entry, value[2];
	struct proving p;
	uint64_t i;
	int rc = proving_init(&p, dir, err);

	*index = UINT64_MAX;
	/* From the end: what is asked for is mostly new. */
	for (i = rc == 0 ? p.checkpoint.size : 0; i-- > 0 && rc == 0 &&
	    *index == UINT64_MAX;) {
		rc = tile_reader_entry(p.tiles, i, &entry, err);
		if (rc == 0 && leaf_members(entry, names, 2, value) &&
		    span_eq(value[1], xid) && (opening ?
		    span_is(value[0], "exchange.open") :
		    span_is(value[0], "exchange.close") ||
		    span_is(value[0], "exchange.aborted")))
			*index = i;
	}
	proving_fini(&p);
	return rc;
}

static bool
take_line(struct mg_span *rest, struct mg_span *line)
{
	const char *end = rest->len ? memchr(rest->ptr, '\n', rest->len) :
	    NULL;

	if (!end)
		return false;
	*line = span(rest->ptr, (size_t)(end - rest->ptr));
	*rest = span(end + 1, rest->len - line->len - 1);
	return true;
}

static bool
read_hashes(struct mg_span *rest, struct merkle_proof *proof)
{
	struct mg_span line;

	for (proof->n = 0; take_line(rest, &line); proof->n++) {
		if (line.len == 0)
			return true;
		if (proof->n == MERKLE_PROOF_MAX || base64_read(line,
		    proof->hashes[proof->n].b, MERKLE_HASH) != MERKLE_HASH)
			return false;
	}
	return false;
}

bool
audit_proof_holds(struct mg_span proof, struct mg_span entry,
    const struct note_verifier *vkey, struct checkpoint *checkpoint,
    const char **why)
{
	const size_t head = sizeof(PROOF_HEAD) - 1;
	struct hasher *hasher = hasher_new();
	struct merkle_proof path;
	struct merkle_hash leaf;
	struct mg_span rest = proof, line;
	struct note note;
	uint64_t index;
	bool holds = false;

	*why = "it is no tlog-proof";
	if (rest.len < head || memcmp(rest.ptr, PROOF_HEAD, head) != 0)
		goto out;
	rest = span(rest.ptr + head, rest.len - head);
	if (!take_line(&rest, &line) || line.len < 7 ||
	    memcmp(line.ptr, "index ", 6) != 0 ||
	    !span_to_u64(span(line.ptr + 6, line.len - 6), &index) ||
	    !read_hashes(&rest, &path) || !note_read(rest, &note, why) ||
	    !checkpoint_read(note.text, checkpoint, why))
		goto out;
	*why = "its checkpoint is not signed by this key";
	if (note_verify(&note, vkey, NULL) != NOTE_GOOD)
		goto out;
	*why = "the record is not the one that it proves";
	merkle_leaf(hasher, entry, &leaf);
	holds = merkle_verify_inclusion(hasher, index, checkpoint->size, &leaf,
	    &path, &checkpoint->root);
out:
	hasher_free(hasher);
	return holds;
}
