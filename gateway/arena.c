/* SPDX-License-Identifier: Apache-2.0 */
/* arena.c - memory that is given back all at once.
 *
 * A piece comes from the newest block if it fits; a large one gets a block of
 * its own behind the newest, so that the newest goes on being filled. */
#include "gateway/arena.h"

#include <stdlib.h>

enum { BLOCK_BYTES = 16 * 1024 };

struct arena_block {
	struct arena_block *next;
	max_align_t bytes[];
};

static size_t
aligned(size_t size)
{
	const size_t unit = _Alignof(max_align_t);

	if (size > SIZE_MAX - sizeof(struct arena_block) - unit)
		abort();
	return (size + unit - 1) / unit * unit;
}

static struct arena_block *
block_new(size_t size)
{
	return xcalloc(1, sizeof(struct arena_block) + size);
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block;
	char *ptr;

	size = aligned(size ? size : 1);
	if (size > BLOCK_BYTES / 4 && arena->blocks) {
		block = block_new(size);
		block->next = arena->blocks->next;
		arena->blocks->next = block;
		return block->bytes;
	}
	if (size > arena->size - arena->used) {
		arena->size = size > BLOCK_BYTES ? size : BLOCK_BYTES;
		block = block_new(arena->size);
		block->next = arena->blocks;
		arena->blocks = block;
		arena->used = 0;
	}
	ptr = (char *)arena->blocks->bytes + arena->used;
	arena->used += size;
	return ptr;
}

void *
arena_array(struct arena *arena, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / size)
		abort();
	return arena_alloc(arena, n * size);
}

char *
arena_text(struct arena *arena, struct mg_span text)
{
	char *copy = arena_alloc(arena, text.len + 1);

	if (text.len)
		memcpy(copy, text.ptr, text.len);
	return copy;
}

void
arena_fini(struct arena *arena)
{
	struct arena_block *block, *next;

	for (block = arena->blocks; block; block = next) {
		next = block->next;
		free(block);
	}
	memset(arena, 0, sizeof(*arena));
}
