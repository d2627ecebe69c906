/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/door.h - how many connections are open, in all and per address.
 *
 * Shared by all workers. IPv6 addresses count by their /64, as one client
 * owns all of it; IPv4 ones inside IPv6 (::ffff:1.2.3.4) as IPv4. */
#ifndef GATEWAY_DOOR_H
#define GATEWAY_DOOR_H

#include <stdbool.h>
#include <stdint.h>

struct door;
struct sockaddr;

struct door *door_new(void);
void door_free(struct door *door);
/* Any thread. False: full (in all, or for this address); nothing is counted.
 * On true *token is for door_leave(). */
bool door_enter(struct door *door, const struct sockaddr *address,
    uint32_t max_all, uint32_t max_per_address, uint64_t *token);
void door_leave(struct door *door, uint64_t token);
uint64_t door_count(const struct door *door);

#endif
