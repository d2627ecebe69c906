/* SPDX-License-Identifier: Apache-2.0 */
/* limits_table.c - shards, hash chains, lists by last use, and the cap.
 *
 * Entries live in blocks that never move, so that a pointer stays good while
 * another entry is made in the same shard. */
#include "gateway/limits_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "gateway/buf.h"

#define BLOCK 32			/* entries */
#define DAY_MS 86400000
#define SWEEP 2				/* full entries dropped per insertion */

enum list { LIST_CLIENTS, LIST_OPERATORS, LISTS };

struct limits_shard {
	_Alignas(64) pthread_mutex_t lock;
	uint32_t *heads;		/* by hash; index of an entry or 0 */
	size_t n_heads;			/* a power of two */
	struct limits_entry **blocks;
	size_t n_blocks, cap_blocks;
	uint32_t unused;		/* free list */
	uint32_t count, max;
	struct {
		uint32_t newest, oldest;
	} list[LISTS];
};

struct limits_table {
	uint64_t key[2];
	unsigned n_shards;		/* a power of two */
	struct limits_shard *shards;
};

static struct limits_entry *
at(const struct limits_shard *s, uint32_t index)
{
	return &s->blocks[(index - 1) / BLOCK][(index - 1) % BLOCK];
}

static struct limits_shard *
shard_of(const struct limits_table *table, uint64_t hash)
{
	return &table->shards[limits_table_shard(table, hash)];
}

/* ---- SipHash-1-3 (Aumasson, Bernstein 2012), as hash tables use it ---- */

struct sip { uint64_t a, b, c, d; };

static inline uint64_t
rotl(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static inline void
sip_round(struct sip *v)
{
	v->a += v->b;
	v->c += v->d;
	v->b = rotl(v->b, 13) ^ v->a;
	v->d = rotl(v->d, 16) ^ v->c;
	v->a = rotl(v->a, 32);
	v->c += v->b;
	v->a += v->d;
	v->b = rotl(v->b, 17) ^ v->c;
	v->d = rotl(v->d, 21) ^ v->a;
	v->c = rotl(v->c, 32);
}

static inline void
sip_word(struct sip *v, uint64_t word)
{
	v->d ^= word;
	sip_round(v);
	v->a ^= word;
}

static uint64_t
sip_hash(const uint64_t key[2], struct mg_span s)
{
	struct sip v = {
		key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
		key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u,
	};
	uint64_t word;
	size_t i;

	for (i = 0; s.len - i >= 8; i += 8) {
		memcpy(&word, s.ptr + i, 8);
		sip_word(&v, word);
	}
	word = 0;
	if (s.len > i)
		memcpy(&word, s.ptr + i, s.len - i);
	sip_word(&v, word | (uint64_t)s.len << 56);
	v.c ^= 0xff;
	sip_round(&v);
	sip_round(&v);
	sip_round(&v);
	return v.a ^ v.b ^ v.c ^ v.d;
}

uint64_t
limits_table_hash(const struct limits_table *table,
    enum limits_dimension dimension, struct mg_span name)
{
	const uint64_t key[2] = {
		table->key[0], table->key[1] ^ (uint64_t)dimension,
	};

	if (name.len > LIMITS_NAME_BYTES)
		name.len = LIMITS_NAME_BYTES;
	return sip_hash(key, name);
}

unsigned
limits_table_shard(const struct limits_table *table, uint64_t hash)
{
	/* From the top: chains use the bottom. */
	return (unsigned)(hash >> 58) & (table->n_shards - 1);
}

/* ---- lists by last use ---- */

static enum list
list_of(const struct limits_entry *e)
{
	return e->dimension == LIMIT_KEY || e->dimension == LIMIT_TENANT ?
	    LIST_OPERATORS : LIST_CLIENTS;
}

static void
list_add(struct limits_shard *s, struct limits_entry *e)
{
	enum list l = list_of(e);

	e->newer = 0;
	e->older = s->list[l].newest;
	if (e->older)
		at(s, e->older)->newer = e->index;
	else
		s->list[l].oldest = e->index;
	s->list[l].newest = e->index;
}

static void
list_remove(struct limits_shard *s, struct limits_entry *e)
{
	enum list l = list_of(e);

	if (e->newer)
		at(s, e->newer)->older = e->older;
	else
		s->list[l].newest = e->older;
	if (e->older)
		at(s, e->older)->newer = e->newer;
	else
		s->list[l].oldest = e->newer;
}

/* ---- entries ---- */

static bool
is_full(const struct limits_entry *e, int64_t now_ms)
{
	return limits_bucket_debt(&e->requests, now_ms) == 0 &&
	    limits_bucket_debt(&e->tokens, now_ms) == 0 &&
	    (e->day_used == 0 || e->day < now_ms / DAY_MS);
}

/* e is on no list. Its place gets a new generation, so that ids that still
 * name the old one find nothing. */
static void
drop(struct limits_shard *s, struct limits_entry *e)
{
	uint32_t *link = &s->heads[e->hash & (s->n_heads - 1)];

	assert(e->in_flight == 0);
	while (*link != e->index)
		link = &at(s, *link)->chain;
	*link = e->chain;
	free(e->long_name);
	e->long_name = NULL;
	if (++e->generation == 0)
		e->generation = 1;
	e->chain = s->unused;
	s->unused = e->index;
	s->count--;
}

/* Drops the oldest of a list if it is full again, or whatever it is. */
static bool
drop_oldest(struct limits_shard *s, enum list l, bool any, int64_t now_ms)
{
	struct limits_entry *e;

	if (s->list[l].oldest == 0)
		return false;
	e = at(s, s->list[l].oldest);
	if (!any && !is_full(e, now_ms))
		return false;
	list_remove(s, e);
	drop(s, e);
	return true;
}

/* Room for one more. False: everything is in flight. */
static bool
make_room(struct limits_shard *s, int64_t now_ms)
{
	unsigned l, i;

	/* A few per insertion: the table follows what is in use without a
	 * sweep that a worker would have to wait for. */
	for (l = 0; l < LISTS; l++)
		for (i = 0; i < SWEEP; i++)
			if (!drop_oldest(s, (enum list)l, false, now_ms))
				break;
	return s->count < s->max ||
	    drop_oldest(s, LIST_CLIENTS, true, now_ms) ||
	    drop_oldest(s, LIST_OPERATORS, true, now_ms);
}

static void
rehash(struct limits_shard *s)
{
	size_t n = s->n_heads ? s->n_heads * 2 : 16, i;
	uint32_t *heads = xcalloc(n, sizeof(*heads));

	for (i = 0; i < s->n_heads; i++) {
		uint32_t index = s->heads[i];

		while (index) {
			struct limits_entry *e = at(s, index);
			uint32_t next = e->chain;

			e->chain = heads[e->hash & (n - 1)];
			heads[e->hash & (n - 1)] = index;
			index = next;
		}
	}
	free(s->heads);
	s->heads = heads;
	s->n_heads = n;
}

static void
add_block(struct limits_shard *s)
{
	struct limits_entry *block = xcalloc(BLOCK, sizeof(*block));
	uint32_t i, first = (uint32_t)(s->n_blocks * BLOCK) + 1;

	s->blocks = xgrow(s->blocks, &s->cap_blocks, s->n_blocks + 1,
	    sizeof(*s->blocks));
	s->blocks[s->n_blocks++] = block;
	for (i = BLOCK; i-- > 0;) {
		block[i].index = first + i;
		block[i].generation = 1;
		block[i].chain = s->unused;
		s->unused = first + i;
	}
}

/* An entry for name, on no list, in the hash table, nothing spent. */
static struct limits_entry *
make(struct limits_shard *s, uint64_t hash, enum limits_dimension dimension,
    struct mg_span name, int64_t now_ms)
{
	struct limits_entry *e;
	uint32_t index, generation;

	if (!make_room(s, now_ms))
		return NULL;
	if (s->unused == 0)
		add_block(s);
	if (s->count >= s->n_heads)
		rehash(s);
	e = at(s, s->unused);
	index = e->index;
	generation = e->generation;
	s->unused = e->chain;
	memset(e, 0, sizeof(*e));
	e->index = index;
	e->generation = generation;
	e->hash = hash;
	e->dimension = (uint8_t)dimension;
	e->name_len = (uint16_t)name.len;
	e->seen_ms = now_ms;
	e->day = now_ms / DAY_MS;
	if (name.len > sizeof(e->name))
		e->long_name = xstrndup(name.ptr, name.len);
	else
		memcpy(e->name, name.ptr, name.len);
	e->chain = s->heads[hash & (s->n_heads - 1)];
	s->heads[hash & (s->n_heads - 1)] = index;
	s->count++;
	return e;
}

static struct limits_entry *
find(const struct limits_shard *s, uint64_t hash,
    enum limits_dimension dimension, struct mg_span name)
{
	uint32_t index;

	if (s->n_heads == 0)
		return NULL;
	for (index = s->heads[hash & (s->n_heads - 1)]; index;
	    index = at(s, index)->chain) {
		struct limits_entry *e = at(s, index);

		if (e->hash == hash && e->dimension == dimension &&
		    e->name_len == name.len &&
		    memcmp(e->long_name ? e->long_name : e->name, name.ptr,
		    name.len) == 0)
			return e;
	}
	return NULL;
}

struct limits_entry *
limits_table_pin(struct limits_table *table, uint64_t hash,
    enum limits_dimension dimension, struct mg_span name, int64_t now_ms)
{
	struct limits_shard *s = shard_of(table, hash);
	struct limits_entry *e;

	if (name.len > LIMITS_NAME_BYTES)
		name.len = LIMITS_NAME_BYTES;
	e = find(s, hash, dimension, name);
	if (e && e->in_flight == 0)
		list_remove(s, e);
	if (!e)
		e = make(s, hash, dimension, name, now_ms);
	if (e)
		e->in_flight++;
	return e;
}

void
limits_table_unpin(struct limits_table *table, struct limits_entry *e,
    int64_t now_ms)
{
	struct limits_shard *s = shard_of(table, e->hash);

	assert(e->in_flight > 0);
	if (--e->in_flight > 0)
		return;
	if (is_full(e, now_ms))
		drop(s, e);
	else
		list_add(s, e);
}

/* An id: generation, place, shard, from the top. */
uint64_t
limits_table_id(const struct limits_table *table,
    const struct limits_entry *e)
{
	return (uint64_t)e->generation << 32 | (uint64_t)e->index << 6 |
	    limits_table_shard(table, e->hash);
}

unsigned
limits_table_id_shard(uint64_t id)
{
	return (unsigned)id & (LIMITS_SHARDS - 1);
}

struct limits_entry *
limits_table_by_id(struct limits_table *table, uint64_t id)
{
	struct limits_shard *s = &table->shards[limits_table_id_shard(id)];
	uint32_t index = (uint32_t)id >> 6;
	struct limits_entry *e;

	if (index == 0 || index > s->n_blocks * BLOCK)
		return NULL;
	e = at(s, index);
	if (e->generation != (uint32_t)(id >> 32) || e->in_flight == 0)
		return NULL;
	return e;
}

/* ---- the table ---- */

void
limits_table_lock(struct limits_table *table, unsigned shard)
{
	pthread_mutex_lock(&table->shards[shard].lock);
}

void
limits_table_unlock(struct limits_table *table, unsigned shard)
{
	pthread_mutex_unlock(&table->shards[shard].lock);
}

struct limits_table *
limits_table_new(size_t max_entries)
{
	struct limits_table *table = xcalloc(1, sizeof(*table));
	/* A place must fit into the 26 bits that an id has for it. */
	const size_t most = (size_t)1 << 25;
	pthread_mutexattr_t spin;
	unsigned i;

	if (max_entries == 0)
		max_entries = 1;
	if (max_entries > most)
		max_entries = most;
	/* Few entries: few shards, as a shard's share must not fill up while
	 * others are empty. */
	table->n_shards = LIMITS_SHARDS;
	while (table->n_shards > 1 && max_entries / table->n_shards < 64)
		table->n_shards /= 2;
	while (getrandom(table->key, sizeof(table->key), 0) !=
	    (ssize_t)sizeof(table->key))
		if (errno != EINTR)
			abort();
	table->shards = aligned_alloc(64,
	    table->n_shards * sizeof(*table->shards));
	if (!table->shards)
		abort();
	memset(table->shards, 0, table->n_shards * sizeof(*table->shards));
	/* Held for a tenth of a microsecond: to sleep would take longer. */
	pthread_mutexattr_init(&spin);
	pthread_mutexattr_settype(&spin, PTHREAD_MUTEX_ADAPTIVE_NP);
	for (i = 0; i < table->n_shards; i++) {
		pthread_mutex_init(&table->shards[i].lock, &spin);
		table->shards[i].max =
		    (uint32_t)(max_entries / table->n_shards);
	}
	pthread_mutexattr_destroy(&spin);
	return table;
}

static void
shard_fini(struct limits_shard *s)
{
	size_t i, j;

	for (i = 0; i < s->n_blocks; i++) {
		for (j = 0; j < BLOCK; j++)
			free(s->blocks[i][j].long_name);
		free(s->blocks[i]);
	}
	free(s->blocks);
	free(s->heads);
	pthread_mutex_destroy(&s->lock);
}

void
limits_table_free(struct limits_table *table)
{
	unsigned i;

	if (!table)
		return;
	for (i = 0; i < table->n_shards; i++)
		shard_fini(&table->shards[i]);
	free(table->shards);
	free(table);
}

size_t
limits_table_count(struct limits_table *table)
{
	size_t n = 0;
	unsigned i;

	for (i = 0; i < table->n_shards; i++) {
		limits_table_lock(table, i);
		n += table->shards[i].count;
		limits_table_unlock(table, i);
	}
	return n;
}
