/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/limits_table.h - where limits.c keeps what each name has spent.
 *
 * Entries are found by (dimension, name) in shards, each under its own mutex.
 * The hash is SipHash under a random key, as clients choose model names; a
 * name is compared whole, and kept up to LIMITS_NAME_BYTES.
 *
 * An entry with exchanges in flight is pinned: it is on no eviction list and
 * never goes. The others are on two lists by last use: what clients name
 * (models, addresses) goes before what the operator named (keys, tenants), so
 * that inventing names does not wash away another key's debt. */
#ifndef GATEWAY_LIMITS_TABLE_H
#define GATEWAY_LIMITS_TABLE_H

#include <pthread.h>

#include "gateway/limits.h"

#define LIMITS_SHARDS 64		/* at most; a power of two */
#define LIMITS_NAME_BYTES 256		/* longer names that agree so far
					 * share one entry */
#define LIMITS_INLINE_BYTES 48

/* GCRA: one number per limit. The theoretical arrival time is counted in
 * 1/limit of a millisecond: every emission interval is then a whole number and
 * nothing is ever rounded. */
struct limits_bucket {
	__int128 tat;
	uint64_t limit;		/* 0: never asked so far */
	uint64_t period_ms;
};

struct limits_entry {
	uint64_t hash;
	uint32_t index;			/* its own place in the shard, from 1 */
	uint32_t generation;		/* of the place; never 0 when in use */
	uint32_t chain;			/* next in the hash chain or free list */
	uint32_t newer, older;		/* on its list; 0: the end */
	uint32_t in_flight;		/* open tickets; pinned while > 0 */
	uint8_t dimension;
	uint16_t name_len;
	char name[LIMITS_INLINE_BYTES];
	char *long_name;		/* owned; instead of name */
	int64_t seen_ms;		/* the latest time of an ask */
	int64_t day;			/* UTC day that day_used is of */
	uint64_t day_used;
	struct limits_bucket requests, tokens;
};

struct limits_shard;
struct limits_table;

/* max_entries: of all shards together; at least 1 is taken. */
struct limits_table *limits_table_new(size_t max_entries);
void limits_table_free(struct limits_table *table);

/* The keyed hash of a name; says which shard it is in. */
uint64_t limits_table_hash(const struct limits_table *table,
    enum limits_dimension dimension, struct mg_span name);
unsigned limits_table_shard(const struct limits_table *table, uint64_t hash);
void limits_table_lock(struct limits_table *table, unsigned shard);
void limits_table_unlock(struct limits_table *table, unsigned shard);

/* All below: the shard is locked by the caller. */

/* Finds or makes the entry and pins it once more. NULL: the shard is full of
 * entries in flight. */
struct limits_entry *limits_table_pin(struct limits_table *table,
    uint64_t hash, enum limits_dimension dimension, struct mg_span name,
    int64_t now_ms);
/* Takes one pin off; an entry that nobody holds and that is full again goes at
 * once. */
void limits_table_unpin(struct limits_table *table,
    struct limits_entry *entry, int64_t now_ms);
/* What a ticket keeps of an entry, never 0; and back: NULL when that entry is
 * gone. limits_table_id_shard() says which shard to lock. */
uint64_t limits_table_id(const struct limits_table *table,
    const struct limits_entry *entry);
unsigned limits_table_id_shard(uint64_t id);
struct limits_entry *limits_table_by_id(struct limits_table *table,
    uint64_t id);

/* Entries in the table now; locks each shard in turn. */
size_t limits_table_count(struct limits_table *table);

/* What is missing to a full bucket, in 1/limit ms; 0: it is full. */
static inline __int128
limits_bucket_debt(const struct limits_bucket *b, int64_t now_ms)
{
	__int128 debt = b->tat - (__int128)now_ms * b->limit;

	return debt > 0 ? debt : 0;
}

#endif
