/* SPDX-License-Identifier: Apache-2.0 */
/* door.c - how many connections are open, in all and per address.
 *
 * An open-addressed table of counts under one lock: it is taken twice per
 * connection, not per exchange. Entries are as many as connections, which are
 * capped, so the table is too. */
#include "gateway/door.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include "gateway/buf.h"

struct slot {
	uint64_t key;		/* hashed address; 0: free */
	uint32_t count;
};

struct door {
	pthread_mutex_t lock;
	_Atomic uint64_t all;
	uint64_t salt;
	struct slot *slots;
	size_t size, used;	/* size is a power of two */
};

struct door *
door_new(void)
{
	struct door *door = xcalloc(1, sizeof(*door));

	(void)pthread_mutex_init(&door->lock, NULL);
	if (getrandom(&door->salt, sizeof(door->salt), 0) !=
	    (ssize_t)sizeof(door->salt))
		abort();
	door->size = 1024;
	door->slots = xcalloc(door->size, sizeof(struct slot));
	return door;
}

void
door_free(struct door *door)
{
	if (!door)
		return;
	(void)pthread_mutex_destroy(&door->lock);
	free(door->slots);
	free(door);
}

/* Two addresses of one hash share a count: 1 in 2^64, and only to their own
 * disadvantage. Salted, so that nobody can choose to. */
static uint64_t
hash(const struct door *door, const struct sockaddr *address)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	const unsigned char *p = (const unsigned char *)"";
	uint64_t h = door->salt;
	size_t i, len = 0;

	if (address->sa_family == AF_INET) {
		p = (const void *)&((const struct sockaddr_in *)
		    (const void *)address)->sin_addr;
		len = 4;
	} else if (address->sa_family == AF_INET6) {
		p = (const void *)&((const struct sockaddr_in6 *)
		    (const void *)address)->sin6_addr;
		len = 8;
		/* An IPv4 client on a socket for both, RFC 4291 section
		 * 2.5.5.2: ::ffff:0:0/96 is not one client's. */
		if (memcmp(p, mapped, sizeof(mapped)) == 0) {
			p += sizeof(mapped);
			len = 4;
		}
	}
	for (i = 0; i < len; i++) {
		h = (h ^ p[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return h ? h : 1;
}

static struct slot *
find(struct door *door, uint64_t key)
{
	size_t i = (size_t)key & (door->size - 1);

	while (door->slots[i].key != 0 && door->slots[i].key != key)
		i = (i + 1) & (door->size - 1);
	return &door->slots[i];
}

static void
grow(struct door *door)
{
	struct slot *old = door->slots;
	size_t i, size = door->size;

	door->size *= 2;
	door->slots = xcalloc(door->size, sizeof(struct slot));
	for (i = 0; i < size; i++)
		if (old[i].key != 0)
			*find(door, old[i].key) = old[i];
	free(old);
}

/* Takes a slot out and closes the gap behind it, so that no search ends too
 * early. */
static void
erase(struct door *door, struct slot *slot)
{
	size_t mask = door->size - 1;
	size_t gap = (size_t)(slot - door->slots), i = gap;

	for (;;) {
		size_t home;

		i = (i + 1) & mask;
		if (door->slots[i].key == 0)
			break;
		home = (size_t)door->slots[i].key & mask;
		if (((i - home) & mask) >= ((i - gap) & mask)) {
			door->slots[gap] = door->slots[i];
			gap = i;
		}
	}
	door->slots[gap] = (struct slot){ 0, 0 };
	door->used--;
}

bool
door_enter(struct door *door, const struct sockaddr *address,
    uint32_t max_all, uint32_t max_per_address, uint64_t *token)
{
	uint64_t key = hash(door, address);
	struct slot *slot;
	bool ok;

	(void)pthread_mutex_lock(&door->lock);
	if ((door->used + 1) * 2 > door->size)
		grow(door);
	slot = find(door, key);
	ok = atomic_load(&door->all) < max_all &&
	    slot->count < max_per_address;
	if (ok) {
		if (slot->key == 0) {
			slot->key = key;
			door->used++;
		}
		slot->count++;
		atomic_fetch_add(&door->all, 1);
		*token = key;
	}
	(void)pthread_mutex_unlock(&door->lock);
	return ok;
}

void
door_leave(struct door *door, uint64_t token)
{
	struct slot *slot;

	(void)pthread_mutex_lock(&door->lock);
	slot = find(door, token);
	if (slot->key != 0 && --slot->count == 0)
		erase(door, slot);
	atomic_fetch_sub(&door->all, 1);
	(void)pthread_mutex_unlock(&door->lock);
}

uint64_t
door_count(const struct door *door)
{
	return atomic_load(&door->all);
}
