/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit_tiles.c - a log's tiles: their names, their bytes, their proofs,
 * and going on after a stop at any size. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "gateway/audit/tiles.h"
#include "gateway/file.h"
#include "tests/check.h"
#include "tests/scratch.h"

static struct hasher *hasher;
static struct mg_error err;
static int dirfd = -1;

/* An empty folder; the one before is left to tests/scratch.h's end. */
static void
fresh_folder(void)
{
	static int n;
	char name[32];

	if (dirfd >= 0)
		close(dirfd);
	(void)snprintf(name, sizeof(name), "log%d", n++);
	if (mkdir(scratch_file(name), 0700) < 0)
		abort();
	dirfd = open(scratch_file(name), O_RDONLY | O_DIRECTORY);
	memset(&err, 0, sizeof(err));
}

static struct mg_span
entry(uint64_t i)
{
	static char text[32];
	int n = snprintf(text, sizeof(text), "entry %llu",
	    (unsigned long long)i);

	return span(text, (size_t)n);
}

static void
append_to(struct tiles *t, uint64_t size)
{
	while (tiles_size(t) < size)
		CHECK_EQ(tiles_append(t, entry(tiles_size(t)), &err), 0);
}

static void
plain_root(uint64_t size, struct merkle_hash *out)
{
	struct merkle_edge edge = { 0 };
	struct merkle_hash hash;

	while (edge.size < size) {
		merkle_leaf(hasher, entry(edge.size), &hash);
		merkle_append(&edge, hasher, &hash);
	}
	merkle_root(&edge, hasher, out);
}

static void
a_tile_has_one_name(void)
{
	static const struct {
		unsigned level, width;
		uint64_t n;
		const char *path;
	} names[] = {
		{ 0, 256, 0, "tile/0/000" },
		{ 0, 112, 273, "tile/0/273.p/112" },
		{ 1, 17, 1, "tile/1/001.p/17" },
		{ 7, 256, 1234067, "tile/7/x001/x234/067" },
		{ TILE_ENTRIES, 1, 1000, "tile/entries/x001/000.p/1" },
	};
	static const char *const wrong[] = { "", "tile/", "tile/8/000",
		"tile/0/0", "tile/0/0000", "tile/0/x000/001", "tile/0/000.p/0",
		"tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000/",
		"tile/00/000", "tile/0/x001", "tile/0/001/002",
		"tile/entries/../000", "tile/0/-01",
		"tile/0/x999/x999/x999/x999/x999/x999/x999/999" };
	char path[TILE_PATH_MAX];
	unsigned level, width;
	uint64_t n;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		tile_path(names[i].level, names[i].n, names[i].width, path);
		CHECK_STR(path, names[i].path);
		CHECK(tile_path_read(path, &level, &n, &width));
		CHECK_EQ(level, names[i].level);
		CHECK_EQ(n, names[i].n);
		CHECK_EQ(width, names[i].width);
	}
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(!tile_path_read(wrong[i], &level, &n, &width));
}

static void
a_tree_says_how_wide_its_tiles_are(void)
{
	CHECK_EQ(tile_width(0, 0, 0), 0);
	CHECK_EQ(tile_width(0, 0, 1), 1);
	CHECK_EQ(tile_width(0, 0, 300), 256);
	CHECK_EQ(tile_width(0, 1, 300), 44);
	CHECK_EQ(tile_width(0, 2, 300), 0);
	CHECK_EQ(tile_width(1, 0, 70000), 256);
	CHECK_EQ(tile_width(1, 1, 70000), 17);
	CHECK_EQ(tile_width(2, 0, 70000), 1);
	CHECK_EQ(tile_width(3, 0, 70000), 0);
	CHECK_EQ(tile_width(TILE_ENTRIES, 273, 70000), 112);
}

static bool
there(const char *path)
{
	struct stat st;

	return fstatat(dirfd, path, &st, 0) == 0;
}

static void
the_reference_s_log_has_these_files(void)
{
	struct tiles *t;
	struct merkle_hash root, plain;

	fresh_folder();
	t = tiles_open(dirfd, 0, hasher, &err);
	append_to(t, 70000);
	CHECK_EQ(tiles_flush(t, &err), 0);
	tiles_root(t, &root);
	plain_root(70000, &plain);
	CHECK(merkle_same(&root, &plain));
	CHECK(there("tile/0/273.p/112"));
	CHECK(there("tile/1/001.p/17"));
	CHECK(there("tile/2/000.p/1"));
	CHECK(there("tile/entries/273.p/112"));
	CHECK(there("tile/0/272") && !there("tile/0/273"));
	CHECK(there("tile/1/000") && !there("tile/1/001"));
	tiles_free(t);
}

static void
every_leaf_is_proved_from_files(void)
{
	struct merkle_source source;
	struct tile_reader *reader;
	struct merkle_proof proof;
	struct merkle_hash root, leaf;
	struct mg_span text;
	struct tiles *t;
	uint64_t i;

	fresh_folder();
	t = tiles_open(dirfd, 0, hasher, &err);
	append_to(t, 66000);
	CHECK_EQ(tiles_flush(t, &err), 0);
	tiles_root(t, &root);
	tiles_free(t);
	reader = tile_reader_new(dirfd, 66000, hasher);
	source = tile_reader_source(reader);
	for (i = 0; i < 66000; i += 37) {
		CHECK_EQ(tile_reader_entry(reader, i, &text, &err), 0);
		CHECK(span_eq(text, entry(i)));
		merkle_leaf(hasher, text, &leaf);
		CHECK_EQ(merkle_prove_inclusion(&source, i, 66000, &proof,
		    &err), 0);
		CHECK(merkle_verify_inclusion(hasher, i, 66000, &leaf, &proof,
		    &root));
	}
	CHECK_EQ(tile_reader_entry(reader, 66000, &text, &err), -1);
	tile_reader_free(reader);
}

/* A reader of an older checkpoint finds the partial tile, or the full one. */
static void
older_trees_stay_readable(void)
{
	static const uint64_t sizes[] = { 1, 255, 256, 257, 300, 511, 513, 900 };
	struct tiles *t;
	size_t i, k;

	fresh_folder();
	t = tiles_open(dirfd, 0, hasher, &err);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		append_to(t, sizes[i]);
		CHECK_EQ(tiles_flush(t, &err), 0);
		for (k = i > 0 ? i - 1 : 0; k <= i; k++) {
			struct tile_reader *reader = tile_reader_new(dirfd,
			    sizes[k], hasher);
			struct merkle_source source =
			    tile_reader_source(reader);
			struct merkle_hash root, plain;

			CHECK_EQ(merkle_root_of(&source, sizes[k], &root,
			    &err), 0);
			plain_root(sizes[k], &plain);
			CHECK(merkle_same(&root, &plain));
			tile_reader_free(reader);
		}
	}
	CHECK(!there("tile/0/000.p/255") && !there("tile/0/000.p"));
	tiles_free(t);
}

static void
goes_on_from_any_full_tile(void)
{
	struct merkle_hash root, plain;
	uint64_t stops, from;
	struct tiles *t;

	for (stops = 0; stops < 3; stops++) {
		fresh_folder();
		t = tiles_open(dirfd, 0, hasher, &err);
		append_to(t, 66000 + 100 * stops);
		CHECK_EQ(tiles_flush(t, &err), 0);
		tiles_free(t);
		from = (66000 + 100 * stops) / TILE_WIDTH * TILE_WIDTH -
		    stops * TILE_WIDTH;
		t = tiles_open(dirfd, from, hasher, &err);
		CHECK(t != NULL);
		CHECK_EQ(tiles_size(t), from);
		append_to(t, 67000);
		CHECK_EQ(tiles_flush(t, &err), 0);
		tiles_root(t, &root);
		plain_root(67000, &plain);
		CHECK(merkle_same(&root, &plain));
		tiles_free(t);
	}
}

static void
a_tile_that_is_gone_or_short_is_told(void)
{
	struct tiles *t;

	fresh_folder();
	t = tiles_open(dirfd, 0, hasher, &err);
	append_to(t, 1024);
	tiles_free(t);
	CHECK_EQ(unlinkat(dirfd, "tile/0/001", 0), 0);
	CHECK(tiles_open(dirfd, 1024, hasher, &err) == NULL);
	CHECK(strstr(err.text, "tile/0/001: No such file") != NULL);
	close(openat(dirfd, "tile/0/001", O_WRONLY | O_CREAT, 0600));
	memset(&err, 0, sizeof(err));
	CHECK(tiles_open(dirfd, 1024, hasher, &err) == NULL);
	CHECK(strstr(err.text, "a full tile has 8192 bytes") != NULL);
}

int
main(void)
{
	scratch_open();
	hasher = hasher_new();
	RUN(a_tile_has_one_name);
	RUN(a_tree_says_how_wide_its_tiles_are);
	RUN(the_reference_s_log_has_these_files);
	RUN(every_leaf_is_proved_from_files);
	RUN(older_trees_stay_readable);
	RUN(goes_on_from_any_full_tile);
	RUN(a_tile_that_is_gone_or_short_is_told);
	close(dirfd);
	hasher_free(hasher);
	scratch_remove();
	return CHECK_DONE();
}
