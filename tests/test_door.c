/* SPDX-License-Identifier: Apache-2.0 */
/* test_door.c - how many connections are open, in all and per address. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "gateway/door.h"
#include "tests/check.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static union address
address(const char *text)
{
	union address a;

	memset(&a, 0, sizeof(a));
	if (strchr(text, ':')) {
		a.v6.sin6_family = AF_INET6;
		CHECK(inet_pton(AF_INET6, text, &a.v6.sin6_addr) == 1);
	} else {
		a.v4.sin_family = AF_INET;
		CHECK(inet_pton(AF_INET, text, &a.v4.sin_addr) == 1);
	}
	return a;
}

static bool
enter(struct door *door, const char *text, uint32_t all, uint32_t each,
    uint64_t *token)
{
	union address a = address(text);

	return door_enter(door, &a.any, all, each, token);
}

static void
lets_so_many_in_per_address(void)
{
	struct door *door = door_new();
	uint64_t a, b, c;

	CHECK(enter(door, "10.0.0.1", 100, 2, &a));
	CHECK(enter(door, "10.0.0.1", 100, 2, &b));
	CHECK(!enter(door, "10.0.0.1", 100, 2, &c));
	CHECK(enter(door, "10.0.0.2", 100, 2, &c));
	CHECK_EQ(door_count(door), 3);
	door_leave(door, a);
	CHECK(enter(door, "10.0.0.1", 100, 2, &a));
	CHECK_EQ(door_count(door), 3);
	door_free(door);
}

static void
lets_so_many_in_at_all(void)
{
	struct door *door = door_new();
	uint64_t a, b, c;

	CHECK(enter(door, "10.0.0.1", 2, 9, &a));
	CHECK(enter(door, "10.0.0.2", 2, 9, &b));
	CHECK(!enter(door, "10.0.0.3", 2, 9, &c));
	CHECK_EQ(door_count(door), 2);	/* a refused one is not counted */
	door_leave(door, b);
	CHECK(enter(door, "10.0.0.3", 2, 9, &c));
	door_free(door);
	door_free(NULL);
}

static void
counts_ipv6_by_its_64(void)
{
	struct door *door = door_new();
	uint64_t t;

	CHECK(enter(door, "2001:db8:1:2::1", 99, 1, &t));
	CHECK(!enter(door, "2001:db8:1:2:ffff::9", 99, 1, &t));
	CHECK(enter(door, "2001:db8:1:3::1", 99, 1, &t));
	door_free(door);
}

static void
counts_ipv4_inside_ipv6_by_its_address(void)
{
	struct door *door = door_new();
	uint64_t t;

	CHECK(enter(door, "::ffff:10.0.0.1", 99, 1, &t));
	CHECK(!enter(door, "::ffff:10.0.0.1", 99, 1, &t));
	CHECK(!enter(door, "10.0.0.1", 99, 1, &t));	/* the same client */
	CHECK(enter(door, "::ffff:10.0.0.2", 99, 1, &t));
	CHECK(enter(door, "::1", 99, 1, &t));
	door_free(door);
}

static void
remembers_thousands_of_addresses_that_come_and_go(void)
{
	enum { MANY = 5000 };
	static uint64_t tokens[MANY];
	struct door *door = door_new();
	union address a = address("10.0.0.0");
	unsigned i, round;
	uint64_t t;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < MANY; i++) {
			a.v4.sin_addr.s_addr = htonl(0x0a000000 + i * 7);
			if (!door_enter(door, &a.any, MANY, 1, &tokens[i]))
				break;
		}
		CHECK_EQ(i, MANY);
		for (i = 0; i < MANY; i++) {
			a.v4.sin_addr.s_addr = htonl(0x0a000000 + i * 7);
			if (door_enter(door, &a.any, MANY + 1, 1, &t))
				break;
		}
		CHECK_EQ(i, MANY);	/* each is known */
		/* Out in another order than in. */
		for (i = 0; i < MANY; i++)
			door_leave(door, tokens[(i * 1237) % MANY]);
		CHECK_EQ(door_count(door), 0);
	}
	door_free(door);
}

static void *
come_and_go(void *arg)
{
	struct door *door = arg;
	union address a = address("10.0.0.1");
	uint64_t t;
	int i;

	for (i = 0; i < 20000; i++)
		if (door_enter(door, &a.any, 3, 3, &t)) {
			if (door_count(door) > 3)
				return door;
			door_leave(door, t);
		}
	return NULL;
}

static void
keeps_its_caps_among_threads(void)
{
	struct door *door = door_new();
	pthread_t threads[4];
	void *wrong;
	int i;

	for (i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, come_and_go, door))
			abort();
	for (i = 0; i < 4; i++) {
		(void)pthread_join(threads[i], &wrong);
		CHECK(!wrong);
	}
	CHECK_EQ(door_count(door), 0);
	door_free(door);
}

int
main(void)
{
	RUN(lets_so_many_in_per_address);
	RUN(lets_so_many_in_at_all);
	RUN(counts_ipv6_by_its_64);
	RUN(counts_ipv4_inside_ipv6_by_its_address);
	RUN(remembers_thousands_of_addresses_that_come_and_go);
	RUN(keeps_its_caps_among_threads);
	return CHECK_DONE();
}
