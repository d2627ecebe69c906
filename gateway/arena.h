/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/arena.h - memory that is given back all at once.
 *
 * What a file becomes (a YAML tree, a policy, a configuration) is many small
 * pieces with one lifetime. A zeroed struct arena is empty and valid. One
 * thread at a time; pieces do not move. Without memory it aborts, as xmalloc()
 * does. */
#ifndef GATEWAY_ARENA_H
#define GATEWAY_ARENA_H

#include "gateway/buf.h"

struct arena_block;

struct arena {
	struct arena_block *blocks;	/* newest first */
	size_t used, size;		/* of the newest block */
};

/* size zeroed bytes, aligned for anything. Never NULL. */
void *arena_alloc(struct arena *arena, size_t size);
/* n zeroed items of size bytes; aborts when that overflows. */
void *arena_array(struct arena *arena, size_t n, size_t size);
/* A copy with a NUL behind it. */
char *arena_text(struct arena *arena, struct mg_span text);
/* Frees every piece; the arena is empty and valid afterwards. */
void arena_fini(struct arena *arena);

#endif
