/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/tiles.h - a log's hashes and entries as files (C2SP
 * tlog-tiles): tile/<level>/<n>, tile/entries/<n>, and the partial ones that
 * end in .p/<width>.
 *
 * Full tiles are immutable and synced before they count; partial ones can be
 * made again from the entries, so they are not. */
#ifndef GATEWAY_AUDIT_TILES_H
#define GATEWAY_AUDIT_TILES_H

#include "gateway/audit/merkle.h"

enum {
	TILE_WIDTH = 256,		/* hashes of a full tile */
	TILE_HEIGHT = 8,		/* levels of the tree in one */
	TILE_LEVELS = 8,		/* of tiles: 2^64 leaves */
	TILE_PATH_MAX = 96,
	ENTRY_MAX = 65535,		/* bytes of one entry */
};

/* Path of a tile below the log's folder; level TILE_ENTRIES: a bundle. width
 * TILE_WIDTH: the full one. */
#define TILE_ENTRIES TILE_LEVELS
void tile_path(unsigned level, uint64_t n, unsigned width,
    char out[TILE_PATH_MAX]);
/* Back; false: this is no such path, written the only right way. */
bool tile_path_read(const char *path, unsigned *level, uint64_t *n,
    unsigned *width);
/* How wide the tile is in a tree of size leaves; 0: it is not there. */
unsigned tile_width(unsigned level, uint64_t n, uint64_t size);

/* ---- writing ---- */

struct tiles;
/* Opens a log's folder (a descriptor that stays the caller's) for appending
 * from leaf `size` on, a multiple of TILE_WIDTH: what is there beyond it is
 * written over. NULL with err filled: a full tile is missing or damaged. */
struct tiles *tiles_open(int dirfd, uint64_t size, struct hasher *hasher,
    struct mg_error *err);
void tiles_free(struct tiles *tiles);
/* Adds an entry of 1 to ENTRY_MAX bytes. -1: a full tile could not be written;
 * the tiles must be opened anew. */
int tiles_append(struct tiles *tiles, struct mg_span entry,
    struct mg_error *err);
/* Writes the partial tiles, so that the whole tree is in files. */
int tiles_flush(struct tiles *tiles, struct mg_error *err);
uint64_t tiles_size(const struct tiles *tiles);
void tiles_root(const struct tiles *tiles, struct merkle_hash *out);

/* ---- reading ---- */

/* A folder's tiles as a source of hashes for a tree of so many leaves; keeps
 * the tiles that were read last. One thread. */
struct tile_reader;
struct tile_reader *tile_reader_new(int dirfd, uint64_t size,
    struct hasher *hasher);
void tile_reader_free(struct tile_reader *reader);
struct merkle_source tile_reader_source(struct tile_reader *reader);
/* The entry of a leaf, borrowed until the next call. */
int tile_reader_entry(struct tile_reader *reader, uint64_t index,
    struct mg_span *entry, struct mg_error *err);

#endif
