/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c - the time. */
#include "gateway/clock.h"

#include <time.h>

static int64_t
read_clock(clockid_t which)
{
	struct timespec t;

	(void)clock_gettime(which, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t
now_us(void)
{
	return read_clock(CLOCK_REALTIME) / 1000;
}

int64_t
steady_us(void)
{
	return read_clock(CLOCK_MONOTONIC) / 1000;
}

int64_t
steady_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}
