/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/clock.h - the time, microseconds. Most code is passed it instead. */
#ifndef GATEWAY_CLOCK_H
#define GATEWAY_CLOCK_H

#include <stdint.h>

/* Unix time. */
int64_t now_us(void);
/* A clock that never jumps. */
int64_t steady_us(void);

#endif
