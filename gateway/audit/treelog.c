/* SPDX-License-Identifier: Apache-2.0 */
/* treelog.c - durable leaves into tiles, and signed checkpoints.
 *
 * The order of things: a leaf is durable in its segment before it is taken in;
 * full tiles are synced; partial ones are written; the checkpoint is synced
 * under another name and then given its own. What a crash leaves behind the
 * checkpoint is made again from the segments, and must give the same root. */
#include "gateway/audit/treelog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/audit/tiles.h"
#include "gateway/keyfile.h"

struct treelog {
	int logfd;			/* also its lock */
	struct hasher *hasher;
	struct tiles *tiles;
	struct leaves *leaves;
	struct note_signer *signer;
	struct checkpoint published;
	struct leaves_place place;	/* of the leaf of index place_size, */
	uint64_t place_size;		/* the last multiple of TILE_WIDTH */
	uint64_t placed;		/* … that is kept */
};

/* ---- small files ---- */

/* Reads a file of the log's folder; 1: it is not there. */
static int
read_small(int logfd, const char *name, struct buf *out, struct mg_error *err)
{
	int fd = openat(logfd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0)
		return mg_fail(err, NULL, "log/%s: %s", name, strerror(errno));
	buf_clear(out);
	n = read(fd, buf_reserve(out, NOTE_MAX), NOTE_MAX);
	if (n > 0)
		out->len = (size_t)n;
	close(fd);
	return n < 0 ? mg_fail(err, NULL, "log/%s: %s", name,
	    strerror(errno)) : 0;
}

/* Replaces a file at one stroke; sync: it is on disk before it has its name,
 * and its name when this returns. */
static int
write_small(int logfd, const char *name, struct mg_span bytes, bool sync,
    struct mg_error *err)
{
	char new[64];
	int fd, rc = 0;

	(void)snprintf(new, sizeof(new), "%s.new", name);
	fd = openat(logfd, new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0644);
	if (fd < 0 || write(fd, bytes.ptr, bytes.len) != (ssize_t)bytes.len ||
	    (sync && fsync(fd) < 0))
		rc = -1;
	if (fd >= 0)
		close(fd);
	if (rc == 0 && (renameat(logfd, new, logfd, name) < 0 ||
	    (sync && fsync(logfd) < 0)))
		rc = -1;
	return rc == 0 ? 0 : mg_fail(err, NULL, "log/%s: %s", name,
	    strerror(errno));
}

/* ---- where the log goes on ---- */

/* "size run number offset sequence": the leaf of index size, a multiple of
 * TILE_WIDTH, stands there. It may be behind the checkpoint, never ahead. */
static int
read_place(int logfd, uint64_t *size, struct leaves_place *place,
    struct mg_error *err)
{
	struct buf b = { 0 };
	char run[33] = "";
	unsigned number;
	int rc = read_small(logfd, "place", &b, err);
	size_t i;

	*size = 0;
	memset(place, 0, sizeof(*place));
	/* Without it the log is made anew, from its beginning. */
	if (rc == 0 && strspn(buf_cstr(&b), "0123456789abcdef \n") == b.len &&
	    sscanf(b.ptr, "%" SCNu64 " %32s %u %" SCNu64 " %" SCNu64, size,
	    run, &number, &place->offset, &place->sequence) == 5 &&
	    strlen(run) == 32 && *size % TILE_WIDTH == 0) {
		place->number = number;
		for (i = 0; i < 16; i++) {
			char pair[3] = { run[2 * i], run[2 * i + 1], '\0' };

			place->run[i] = (unsigned char)strtoul(pair, NULL,
			    16);
		}
	} else {
		*size = 0;
		memset(place, 0, sizeof(*place));
	}
	buf_fini(&b);
	return rc < 0 ? -1 : 0;
}

/* After the checkpoint that covers it. */
static int
keep_place(struct treelog *log, struct mg_error *err)
{
	const struct leaves_place *p = &log->place;
	struct buf b = { 0 };
	size_t i;
	int rc;

	if (log->place_size == log->placed)
		return 0;
	buf_addf(&b, "%" PRIu64 " ", log->place_size);
	for (i = 0; i < 16; i++)
		buf_addf(&b, "%02x", p->run[i]);
	buf_addf(&b, " %u %" PRIu64 " %" PRIu64 "\n", p->number, p->offset,
	    p->sequence);
	rc = write_small(log->logfd, "place", buf_span(&b), false, err);
	buf_fini(&b);
	log->placed = log->place_size;
	return rc;
}

/* ---- checkpoints ---- */

int
treelog_checkpoint(int logfd, const struct note_verifier *vkey,
    struct checkpoint *out, struct buf *signed_note, struct mg_error *err)
{
	struct note_verifier own;
	struct buf b = { 0 }, key = { 0 };
	const char *why = "";
	struct note note;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = read_small(logfd, "checkpoint", &b, err);
	if (rc == 0 && !vkey) {
		rc = read_small(logfd, "vkey", &key, err);
		if (rc == 1)
			rc = mg_fail(err, NULL, "log/vkey: it is not there");
		if (rc == 0 && key.len > 0)
			rc = note_verifier_read(span(key.ptr, key.len - 1),
			    &own, err);
		vkey = &own;
	}
	if (rc == 0 && (!note_read(buf_span(&b), &note, &why) ||
	    !checkpoint_read(note.text, out, &why)))
		rc = mg_fail(err, NULL, "log/checkpoint: %s", why);
	if (rc == 0 && note_verify(&note, vkey, NULL) != NOTE_GOOD)
		rc = mg_fail(err, NULL, "log/checkpoint: it is not signed by "
		    "%s", vkey->name);
	if (rc == 0 && signed_note)
		buf_add_span(signed_note, buf_span(&b));
	buf_fini(&b);
	buf_fini(&key);
	return rc;
}

static int
write_vkey(struct treelog *log, struct mg_error *err)
{
	struct buf b = { 0 };
	int rc;

	note_verifier_write(note_signer_public(log->signer), &b);
	buf_add_byte(&b, '\n');
	rc = write_small(log->logfd, "vkey", buf_span(&b), true, err);
	buf_fini(&b);
	return rc;
}

/* ---- opening ---- */

static int
open_folder(struct treelog *log, const char *dir, bool *held,
    struct mg_error *err)
{
	struct buf path = { 0 };
	int rc = 0;

	buf_addf(&path, "%s/log", dir);
	if (mkdir(buf_cstr(&path), 0755) < 0 && errno != EEXIST)
		rc = mg_fail(err, NULL, "%s: %s", path.ptr, strerror(errno));
	if (rc == 0)
		log->logfd = open(path.ptr, O_RDONLY | O_DIRECTORY |
		    O_CLOEXEC);
	if (rc == 0 && log->logfd < 0)
		rc = mg_fail(err, NULL, "%s: %s", path.ptr, strerror(errno));
	if (rc == 0 && flock(log->logfd, LOCK_EX | LOCK_NB) < 0) {
		*held = errno == EWOULDBLOCK;
		rc = *held ? -1 : mg_fail(err, NULL, "%s: %s", path.ptr,
		    strerror(errno));
	}
	buf_fini(&path);
	return rc;
}

static int
open_key(struct treelog *log, const char *key, const char *origin,
    struct mg_error *err)
{
	unsigned char seed[32];
	int rc = keyfile_open(key, "checkpoints to come will not verify under "
	    "the log's key", seed, err);

	if (rc == 0)
		log->signer = note_signer_new(origin, NOTE_ED25519, seed, err);
	explicit_bzero(seed, sizeof(seed));
	return log->signer ? 0 : -1;
}

/* Takes leaves in until the tree is as large as its checkpoint says, and
 * compares. */
static int
catch_up(struct treelog *log, struct mg_error *err)
{
	const struct checkpoint *c = &log->published;
	struct merkle_hash root;

	while (tiles_size(log->tiles) < c->size) {
		int64_t n = treelog_take(log, NULL, c->size -
		    tiles_size(log->tiles), err);

		if (n < 0)
			return -1;
		if (n == 0)
			return mg_fail(err, NULL, "the log has %" PRIu64
			    " records and its last checkpoint speaks of %"
			    PRIu64 ": records are missing; restore the "
			    "segments, or begin a new log", tiles_size(
			    log->tiles), c->size);
	}
	tiles_root(log->tiles, &root);
	if (merkle_same(&root, &c->root))
		return 0;
	return mg_fail(err, NULL, "the log's first %" PRIu64 " records are "
	    "not those that its last checkpoint was signed for: records were "
	    "changed", c->size);
}

static int
open_tree(struct treelog *log, const char *dir, const char *origin,
    struct mg_error *err)
{
	const struct note_verifier *own = note_signer_public(log->signer);
	struct leaves_place place;
	uint64_t size;
	int rc;

	rc = treelog_checkpoint(log->logfd, own, &log->published, NULL, err);
	if (rc < 0)
		return -1;
	if (rc == 1)
		merkle_empty(log->hasher, &log->published.root);
	if (rc == 0 && strcmp(log->published.origin, origin) != 0)
		return mg_fail(err, NULL, "log/checkpoint: it is of '%s', not "
		    "of '%s'", log->published.origin, origin);
	if (read_place(log->logfd, &size, &place, err) < 0)
		return -1;
	log->place = place;
	log->placed = log->place_size = size;
	log->tiles = tiles_open(log->logfd, size, log->hasher, err);
	log->leaves = log->tiles ? leaves_open(dir, log->logfd, true, &place,
	    err) : NULL;
	return log->leaves ? catch_up(log, err) : -1;
}

struct treelog *
treelog_open(const char *dir, const char *key, const char *origin,
    bool *held, struct mg_error *err)
{
	struct treelog *log = xcalloc(1, sizeof(*log));

	*held = false;
	log->logfd = -1;
	log->hasher = hasher_new();
	if (open_folder(log, dir, held, err) == 0 &&
	    open_key(log, key, origin, err) == 0 &&
	    open_tree(log, dir, origin, err) == 0 &&
	    write_vkey(log, err) == 0)
		return log;
	treelog_free(log);
	return NULL;
}

void
treelog_free(struct treelog *log)
{
	if (!log)
		return;
	leaves_free(log->leaves);
	tiles_free(log->tiles);
	note_signer_free(log->signer);
	hasher_free(log->hasher);
	if (log->logfd >= 0)
		close(log->logfd);
	free(log);
}

/* ---- growing ---- */

int64_t
treelog_take(struct treelog *log, const struct leaves_limit *limit,
    uint64_t most, struct mg_error *err)
{
	struct mg_span leaf;
	uint64_t n;
	int rc;

	for (n = 0; n < most; n++) {
		rc = leaves_next(log->leaves, limit, &leaf, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			break;
		if (tiles_append(log->tiles, leaf, err) < 0)
			return -1;
		if (tiles_size(log->tiles) % TILE_WIDTH == 0) {
			leaves_place(log->leaves, &log->place);
			log->place_size = tiles_size(log->tiles);
		}
	}
	return (int64_t)n;
}

int
treelog_publish(struct treelog *log, struct mg_error *err)
{
	const struct note_verifier *own = note_signer_public(log->signer);
	struct checkpoint c = { .size = tiles_size(log->tiles) };
	struct buf text = { 0 }, note = { 0 };
	int rc;

	if (c.size == log->published.size)
		return 0;
	if (tiles_flush(log->tiles, err) < 0)
		return -1;
	(void)snprintf(c.origin, sizeof(c.origin), "%s", own->name);
	tiles_root(log->tiles, &c.root);
	checkpoint_text(&c, &text);
	buf_add_span(&note, buf_span(&text));
	buf_add_byte(&note, '\n');
	note_sign(log->signer, buf_span(&text), 0, &note);
	rc = write_small(log->logfd, "checkpoint", buf_span(&note), true,
	    err);
	if (rc == 0) {
		log->published = c;
		rc = keep_place(log, err);
	}
	buf_fini(&text);
	buf_fini(&note);
	return rc;
}

uint64_t
treelog_size(const struct treelog *log)
{
	return tiles_size(log->tiles);
}

uint64_t
treelog_published(const struct treelog *log)
{
	return log->published.size;
}
