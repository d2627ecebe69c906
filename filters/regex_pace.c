/* SPDX-License-Identifier: Apache-2.0 */
/* regex_pace.c - clocks, budgets and strides.
 *
 * The steady clock costs a hundredth of what the thread's own does, but it
 * also runs while others have the processor. It is the first look; only when
 * it says that much time went by the thread's is asked. */
#include "filters/regex_pace.h"

#include <time.h>

/* Bytes that a stride may look at: each step from each of its places a quarter
 * of what a match can look at. Some tens of milliseconds, if ever. */
#define STRIDE_WORK (UINT64_C(128) << 20)
#define STRIDE_GROWTH 64
#define LIMIT_LEAST 64
#define LIMIT_FIRST 256

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* From now on the thread's time counts. */
static void
watch(struct pace *pace, uint64_t before_ns)
{
	pace->account->watched = true;
	pace->before_ns = before_ns;
	pace->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	pace->cpu_end_ns = pace->cpu_ns + pace->budget_ns - before_ns;
}

void
pace_begin(struct pace *pace, struct pace_account *account, uint64_t bytes,
    size_t n_patterns, size_t n_gateless)
{
	uint64_t all = PACE_NS + bytes *
	    (PACE_PER_BYTE_NS + PACE_GATELESS_NS * n_gateless);

	*pace = (struct pace){ .account = account };
	pace->spent = account->spent_ns >= all;
	pace->piece_ns = PACE_PIECE_NS + PACE_PER_PATTERN_NS * n_patterns;
	pace->budget_ns = pace->piece_ns +
	    (pace->spent ? 0 : all - account->spent_ns);
	pace->began_ns = pace->last_ns = clock_ns(CLOCK_MONOTONIC);
	if (account->watched)
		watch(pace, 0);
}

uint64_t
pace_look(struct pace *pace)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	uint64_t took = now - pace->last_ns;

	pace->last_ns = now;
	if (!pace->cpu_end_ns && now - pace->began_ns > pace->budget_ns / 4)
		watch(pace, pace->budget_ns / 4);
	if (pace->cpu_end_ns && !pace->over)
		pace->over = clock_ns(CLOCK_THREAD_CPUTIME_ID) >
		    pace->cpu_end_ns;
	return took;
}

void
pace_end(struct pace *pace)
{
	uint64_t used;

	if (!pace->cpu_end_ns) {
		pace->account->watched = pace->last_ns - pace->began_ns >
		    pace->piece_ns;
		return;
	}
	used = pace->before_ns + clock_ns(CLOCK_THREAD_CPUTIME_ID) -
	    pace->cpu_ns;
	if (used > pace->piece_ns)
		pace->account->spent_ns += used - pace->piece_ns;
}

void
stride_begin(struct stride *s, uint64_t width)
{
	uint64_t limit;

	if (width < 16)
		width = 16;
	limit = STRIDE_WORK / 4 / width;
	limit = limit < LIMIT_LEAST ? LIMIT_LEAST :
	    limit > LIMIT_FIRST ? LIMIT_FIRST : limit;
	s->limit = (uint32_t)limit;
	s->places = (size_t)(STRIDE_WORK / (limit * width)) + 1;
	s->most = STRIDE_GROWTH * s->places;
}

void
stride_adapt(struct stride *s, const struct pace *pace, uint64_t took_ns)
{
	if (took_ns < pace->budget_ns / 64 && s->places < s->most)
		s->places *= 2;
	if (took_ns > pace->budget_ns / 8)
		s->places = s->places / 8 + 1;
}

bool
stride_raise(struct stride *s, const struct pace *pace, uint64_t took_ns)
{
	if (s->places > 1) {
		s->places = s->places / 16 + (s->places < 16);
		return true;
	}
	if (s->limit >= PACE_STEPS || took_ns > pace->budget_ns / 8)
		return false;
	s->limit *= 4;
	if (s->limit > PACE_STEPS)
		s->limit = PACE_STEPS;
	return true;
}
