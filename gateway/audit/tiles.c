/* SPDX-License-Identifier: Apache-2.0 */
/* tiles.c - a log's hashes and entries as files. */
#include "gateway/audit/tiles.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	TILE_BYTES = TILE_WIDTH * MERKLE_HASH,
	BUNDLE_MAX = TILE_WIDTH * (2 + ENTRY_MAX),
	CACHED = 16,			/* tiles that a reader keeps */
};

/* ---- names ---- */

void
tile_path(unsigned level, uint64_t n, unsigned width, char out[TILE_PATH_MAX])
{
	uint64_t above = n / 1000;
	char digits[48] = "", part[8];
	size_t len;

	(void)snprintf(digits, sizeof(digits), "%03u", (unsigned)(n % 1000));
	for (; above > 0; above /= 1000) {
		(void)snprintf(part, sizeof(part), "x%03u/",
		    (unsigned)(above % 1000));
		memmove(digits + 5, digits, strlen(digits) + 1);
		memcpy(digits, part, 5);
	}
	if (level == TILE_ENTRIES)
		len = (size_t)snprintf(out, TILE_PATH_MAX, "tile/entries/%s",
		    digits);
	else
		len = (size_t)snprintf(out, TILE_PATH_MAX, "tile/%u/%s",
		    level, digits);
	if (width < TILE_WIDTH)
		(void)snprintf(out + len, TILE_PATH_MAX - len, ".p/%u",
		    width);
}

/* Reads digits at *at and moves on; at most max of them. */
static bool
take_number(const char **at, size_t max, uint64_t *out)
{
	size_t n = 0;

	for (*out = 0; n < max && **at >= '0' && **at <= '9'; n++)
		*out = *out * 10 + (uint64_t)(*(*at)++ - '0');
	return n > 0;
}

bool
tile_path_read(const char *path, unsigned *level, uint64_t *n,
    unsigned *width)
{
	char again[TILE_PATH_MAX];
	uint64_t number = 0, part;
	const char *at = path;

	if (strncmp(at, "tile/", 5) != 0)
		return false;
	at += 5;
	*level = TILE_ENTRIES;
	if (strncmp(at, "entries/", 8) == 0) {
		at += 8;
	} else {
		if (!take_number(&at, 1, &part) || part >= TILE_LEVELS ||
		    *at++ != '/')
			return false;
		*level = (unsigned)part;
	}
	while (*at == 'x' || (*at >= '0' && *at <= '9')) {
		bool more = *at == 'x';

		at += more;
		if (number > UINT64_MAX / 1000 - 1 ||
		    !take_number(&at, 3, &part))
			return false;
		number = number * 1000 + part;
		if (!more)
			break;
		if (*at++ != '/')
			return false;
	}
	*width = TILE_WIDTH;
	if (strncmp(at, ".p/", 3) == 0) {
		at += 3;
		if (!take_number(&at, 3, &part) || part == 0 ||
		    part >= TILE_WIDTH)
			return false;
		*width = (unsigned)part;
	}
	*n = number;
	/* One name each: no leading zeros, nothing behind. */
	tile_path(*level, *n, *width, again);
	return strcmp(again, path) == 0;
}

unsigned
tile_width(unsigned level, uint64_t n, uint64_t size)
{
	unsigned shift = level == TILE_ENTRIES ? 0 : TILE_HEIGHT * level;
	uint64_t hashes = size >> shift;

	if (n > hashes / TILE_WIDTH)
		return 0;
	hashes -= n * TILE_WIDTH;
	return hashes < TILE_WIDTH ? (unsigned)hashes : TILE_WIDTH;
}

/* ---- files ---- */

static int
fail(struct mg_error *err, const char *path, const char *why)
{
	return mg_fail(err, NULL, "%s: %s", path, why);
}

/* Makes the folders that path lies in. */
static int
make_folders(int dirfd, const char *path, struct mg_error *err)
{
	char folder[TILE_PATH_MAX];
	const char *slash = path;

	while ((slash = strchr(slash, '/'))) {
		size_t len = (size_t)(slash++ - path);

		memcpy(folder, path, len);
		folder[len] = '\0';
		if (mkdirat(dirfd, folder, 0755) < 0 && errno != EEXIST)
			return fail(err, folder, strerror(errno));
	}
	return 0;
}

static int
write_all(int fd, struct mg_span bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.ptr, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		bytes = span(bytes.ptr + n, bytes.len - (size_t)n);
	}
	return 0;
}

static int
sync_folder(int dirfd, const char *path)
{
	char folder[TILE_PATH_MAX];
	int fd, rc;

	(void)snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = '\0';
	fd = openat(dirfd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

/* Puts bytes in place under a name that appears with them. */
static int
put_file(int dirfd, const char *path, struct mg_span bytes, bool sync,
    struct mg_error *err)
{
	char temporary[TILE_PATH_MAX + 8];
	int fd, rc;

	if (make_folders(dirfd, path, err) < 0)
		return -1;
	(void)snprintf(temporary, sizeof(temporary), "%s.new", path);
	fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_TRUNC |
	    O_CLOEXEC, 0644);
	if (fd < 0)
		return fail(err, temporary, strerror(errno));
	rc = write_all(fd, bytes);
	if (rc == 0 && sync)
		rc = fdatasync(fd);
	if (close(fd) < 0)
		rc = -1;
	if (rc == 0)
		rc = renameat(dirfd, temporary, dirfd, path);
	if (rc == 0 && sync)
		rc = sync_folder(dirfd, path);
	return rc < 0 ? fail(err, path, strerror(errno)) : 0;
}

/* Reads a file of at most max bytes. */
static int
get_file(int dirfd, const char *path, size_t max, struct buf *out,
    struct mg_error *err)
{
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : 0;

	buf_clear(out);
	if (fd < 0)
		return fail(err, path, strerror(errno));
	do {
		n = read(fd, buf_reserve(out, 65536), 65536);
		if (n > 0)
			out->len += (size_t)n;
	} while ((n > 0 && out->len <= max) || (n < 0 && errno == EINTR));
	close(fd);
	if (n < 0)
		return fail(err, path, strerror(errno));
	return out->len > max ? fail(err, path, "larger than it can be") : 0;
}

/* Takes partial tiles away that the full one has replaced. */
static void
drop_partials(int dirfd, unsigned level, uint64_t n)
{
	char path[TILE_PATH_MAX], *slash;
	unsigned width;

	for (width = 1; width < TILE_WIDTH; width++) {
		tile_path(level, n, width, path);
		(void)unlinkat(dirfd, path, 0);
	}
	slash = strrchr(path, '/');
	*slash = '\0';
	(void)unlinkat(dirfd, path, AT_REMOVEDIR);
}

/* ---- writing ---- */

struct tiles {
	int dirfd;
	struct hasher *hasher;
	struct merkle_edge edge;
	struct buf hashes[TILE_LEVELS];	/* of the partial tile of each level */
	struct buf bundle;		/* of the partial bundle */
	bool stale[TILE_LEVELS + 1];	/* grown since the last flush */
	unsigned flushed[TILE_LEVELS + 1][2];	/* widths of the last two */
};

/* The root over n hashes that lie behind each other. */
static void
fold(struct hasher *hasher, const char *hashes, unsigned n,
    struct merkle_hash *out)
{
	struct merkle_edge edge = { 0 };
	struct merkle_hash hash;
	unsigned i;

	for (i = 0; i < n; i++) {
		memcpy(hash.b, hashes + (size_t)i * MERKLE_HASH, MERKLE_HASH);
		merkle_append(&edge, hasher, &hash);
	}
	merkle_root(&edge, hasher, out);
}

/* Reads a full tile's root. */
static int
read_root(struct tiles *t, unsigned level, uint64_t n, struct buf *scratch,
    struct merkle_hash *out, struct mg_error *err)
{
	char path[TILE_PATH_MAX];

	tile_path(level, n, TILE_WIDTH, path);
	if (get_file(t->dirfd, path, TILE_BYTES, scratch, err) < 0)
		return -1;
	if (scratch->len != TILE_BYTES)
		return fail(err, path, "a full tile has 8192 bytes");
	fold(t->hasher, scratch->ptr, TILE_WIDTH, out);
	return 0;
}

/* Fills the partial tiles above the leaves, and the edge. */
static int
load(struct tiles *t, uint64_t size, struct mg_error *err)
{
	struct buf scratch = { 0 };
	unsigned level;
	int rc = 0;

	for (level = 1; level < TILE_LEVELS && rc == 0; level++) {
		uint64_t n = size >> (TILE_HEIGHT * level);
		uint64_t at = n - n % TILE_WIDTH;

		for (; at < n && rc == 0; at++) {
			struct merkle_hash root;

			rc = read_root(t, level - 1, at, &scratch, &root,
			    err);
			if (rc == 0)
				buf_add(&t->hashes[level], root.b,
				    MERKLE_HASH);
		}
	}
	buf_fini(&scratch);
	return rc;
}

/* The edge of the tree: in each level's partial tile, one subtree for each bit
 * of its width. */
static void
load_edge(struct tiles *t, uint64_t size)
{
	unsigned level, bit;

	for (level = TILE_LEVELS; level-- > 0;) {
		const char *at = t->hashes[level].ptr;
		size_t width = t->hashes[level].len / MERKLE_HASH;

		for (bit = TILE_HEIGHT; bit-- > 0;) {
			unsigned n = 1u << bit;

			if (!(width & n))
				continue;
			fold(t->hasher, at, n, &t->edge.roots[t->edge.n++]);
			at += (size_t)n * MERKLE_HASH;
		}
	}
	t->edge.size = size;
}

struct tiles *
tiles_open(int dirfd, uint64_t size, struct hasher *hasher,
    struct mg_error *err)
{
	struct tiles *t = xcalloc(1, sizeof(*t));

	assert(size % TILE_WIDTH == 0);
	t->dirfd = dirfd;
	t->hasher = hasher;
	/* Partial tiles above are not trusted: they are made from full ones. */
	if (load(t, size, err) < 0) {
		tiles_free(t);
		return NULL;
	}
	load_edge(t, size);
	return t;
}

void
tiles_free(struct tiles *t)
{
	unsigned level;

	if (!t)
		return;
	for (level = 0; level < TILE_LEVELS; level++)
		buf_fini(&t->hashes[level]);
	buf_fini(&t->bundle);
	free(t);
}

/* A tile or bundle is full: to disk, and it begins anew. */
static int
finish_tile(struct tiles *t, unsigned level, uint64_t n, struct buf *bytes,
    struct mg_error *err)
{
	char path[TILE_PATH_MAX];

	tile_path(level, n, TILE_WIDTH, path);
	if (put_file(t->dirfd, path, buf_span(bytes), true, err) < 0)
		return -1;
	if (t->flushed[level][0])
		drop_partials(t->dirfd, level, n);
	memset(t->flushed[level], 0, sizeof(t->flushed[level]));
	buf_clear(bytes);
	t->stale[level] = false;
	return 0;
}

int
tiles_append(struct tiles *t, struct mg_span entry, struct mg_error *err)
{
	struct merkle_hash hash;
	uint64_t index = t->edge.size;
	char len[2] = { (char)(entry.len >> 8), (char)(entry.len & 0xff) };
	unsigned level;

	assert(entry.len > 0 && entry.len <= ENTRY_MAX);
	buf_add(&t->bundle, len, 2);
	buf_add_span(&t->bundle, entry);
	t->stale[TILE_ENTRIES] = true;
	merkle_leaf(t->hasher, entry, &hash);
	merkle_append(&t->edge, t->hasher, &hash);
	/* Entries first: hashes of what is not there are of no use. */
	if ((index + 1) % TILE_WIDTH == 0 && finish_tile(t, TILE_ENTRIES,
	    index / TILE_WIDTH, &t->bundle, err) < 0)
		return -1;
	for (level = 0; level < TILE_LEVELS; level++) {
		struct buf *tile = &t->hashes[level];

		buf_add(tile, hash.b, MERKLE_HASH);
		t->stale[level] = true;
		if (tile->len < TILE_BYTES)
			break;
		fold(t->hasher, tile->ptr, TILE_WIDTH, &hash);
		index /= TILE_WIDTH;
		if (finish_tile(t, level, index, tile, err) < 0)
			return -1;
	}
	return 0;
}

static int
flush_one(struct tiles *t, unsigned level, const struct buf *bytes,
    struct mg_error *err)
{
	unsigned shift = level == TILE_ENTRIES ? 0 : TILE_HEIGHT * level;
	uint64_t hashes = t->edge.size >> shift, n = hashes / TILE_WIDTH;
	unsigned width = (unsigned)(hashes % TILE_WIDTH);
	char path[TILE_PATH_MAX];

	if (!t->stale[level] || width == 0)
		return 0;
	tile_path(level, n, width, path);
	if (put_file(t->dirfd, path, buf_span(bytes), false, err) < 0)
		return -1;
	/* A reader may still be at the checkpoint before this one. */
	if (t->flushed[level][1]) {
		tile_path(level, n, t->flushed[level][1], path);
		(void)unlinkat(t->dirfd, path, 0);
	}
	t->flushed[level][1] = t->flushed[level][0];
	t->flushed[level][0] = width;
	t->stale[level] = false;
	return 0;
}

int
tiles_flush(struct tiles *t, struct mg_error *err)
{
	unsigned level;

	if (flush_one(t, TILE_ENTRIES, &t->bundle, err) < 0)
		return -1;
	for (level = 0; level < TILE_LEVELS; level++)
		if (flush_one(t, level, &t->hashes[level], err) < 0)
			return -1;
	return 0;
}

uint64_t
tiles_size(const struct tiles *t)
{
	return t->edge.size;
}

void
tiles_root(const struct tiles *t, struct merkle_hash *out)
{
	merkle_root(&t->edge, t->hasher, out);
}

/* ---- reading ---- */

struct cached {
	unsigned level;
	uint64_t n;
	uint64_t used;			/* 0: empty */
	struct buf bytes;
};

struct tile_reader {
	int dirfd;
	uint64_t size;
	struct hasher *hasher;
	uint64_t clock;
	struct cached cache[CACHED];
};

struct tile_reader *
tile_reader_new(int dirfd, uint64_t size, struct hasher *hasher)
{
	struct tile_reader *r = xcalloc(1, sizeof(*r));

	r->dirfd = dirfd;
	r->size = size;
	r->hasher = hasher;
	return r;
}

void
tile_reader_free(struct tile_reader *r)
{
	size_t i;

	if (!r)
		return;
	for (i = 0; i < CACHED; i++)
		buf_fini(&r->cache[i].bytes);
	free(r);
}

/* A tile as it is in this tree: the partial file, or the full one that has
 * replaced it, of which the beginning counts. */
static int
fetch(struct tile_reader *r, unsigned level, uint64_t n, struct buf *out,
    struct mg_error *err)
{
	unsigned width = tile_width(level, n, r->size);
	size_t max = level == TILE_ENTRIES ? BUNDLE_MAX : TILE_BYTES;
	struct mg_error first = { { 0 } };
	char path[TILE_PATH_MAX];

	tile_path(level, n, width, path);
	if (width == 0)
		return fail(err, path, "it lies beyond the tree");
	if (get_file(r->dirfd, path, max, out, &first) < 0) {
		char full[TILE_PATH_MAX];

		tile_path(level, n, TILE_WIDTH, full);
		if (width == TILE_WIDTH ||
		    get_file(r->dirfd, full, max, out, err) < 0)
			return mg_fail(err, NULL, "%s", first.text);
	}
	if (level != TILE_ENTRIES && out->len < (size_t)width * MERKLE_HASH)
		return fail(err, path, "the tile is too short");
	return 0;
}

static int
tile(struct tile_reader *r, unsigned level, uint64_t n,
    const struct buf **out, struct mg_error *err)
{
	struct cached *oldest = &r->cache[0];
	size_t i;

	for (i = 0; i < CACHED; i++) {
		struct cached *c = &r->cache[i];

		if (c->used && c->level == level && c->n == n) {
			c->used = ++r->clock;
			*out = &c->bytes;
			return 0;
		}
		if (c->used < oldest->used)
			oldest = c;
	}
	oldest->used = 0;
	if (fetch(r, level, n, &oldest->bytes, err) < 0)
		return -1;
	oldest->level = level;
	oldest->n = n;
	oldest->used = ++r->clock;
	*out = &oldest->bytes;
	return 0;
}

/* A node of the tree: kept as a hash of a tile, or folded from some. */
static int
reader_node(void *arg, unsigned level, uint64_t index,
    struct merkle_hash *out, struct mg_error *err)
{
	struct tile_reader *r = arg;
	unsigned row = level / TILE_HEIGHT, up = level % TILE_HEIGHT;
	uint64_t first = index << up;
	const struct buf *bytes;

	if (tile(r, row, first / TILE_WIDTH, &bytes, err) < 0)
		return -1;
	fold(r->hasher, bytes->ptr + first % TILE_WIDTH * MERKLE_HASH,
	    1u << up, out);
	return 0;
}

struct merkle_source
tile_reader_source(struct tile_reader *r)
{
	return (struct merkle_source){ reader_node, r, r->hasher };
}

int
tile_reader_entry(struct tile_reader *r, uint64_t index,
    struct mg_span *entry, struct mg_error *err)
{
	const struct buf *bytes;
	size_t at = 0, len = 0;
	uint64_t i;

	if (tile(r, TILE_ENTRIES, index / TILE_WIDTH, &bytes, err) < 0)
		return -1;
	for (i = 0; i <= index % TILE_WIDTH; i++) {
		at += len;
		if (bytes->len - at < 2)
			break;
		len = (size_t)(unsigned char)bytes->ptr[at] << 8 |
		    (unsigned char)bytes->ptr[at + 1];
		at += 2;
		if (len > bytes->len - at)
			break;
	}
	if (i <= index % TILE_WIDTH)
		return mg_fail(err, NULL, "tile/entries: the bundle of leaf %"
		    PRIu64 " is too short", index);
	*entry = span(bytes->ptr + at, len);
	return 0;
}
