/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/clock.h - the time. Most code is passed it instead. */
#ifndef GATEWAY_CLOCK_H
#define GATEWAY_CLOCK_H

#include <stdint.h>

/* Unix time, microseconds. */
int64_t now_us(void);
/* A clock that never jumps, micro- and nanoseconds. */
int64_t steady_us(void);
int64_t steady_ns(void);

#endif
