/* SPDX-License-Identifier: Apache-2.0 */
/* filters/memory.h - memory that is there or ends the process: a filter that
 * has none can neither judge nor say so. */
#ifndef FILTERS_MEMORY_H
#define FILTERS_MEMORY_H

#include <stdlib.h>

/* n objects of size bytes, all zero; at least one. Never NULL. */
static inline void *
mem_new(size_t n, size_t size)
{
	void *ptr = calloc(n ? n : 1, size);

	if (!ptr)
		abort();
	return ptr;
}

/* Makes ptr hold n objects of size bytes; what is added is not cleared. */
static inline void *
mem_grow(void *ptr, size_t n, size_t size)
{
	ptr = reallocarray(ptr, n ? n : 1, size);
	if (!ptr)
		abort();
	return ptr;
}

#endif
