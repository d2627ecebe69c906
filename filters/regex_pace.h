/* SPDX-License-Identifier: Apache-2.0 */
/* filters/regex_pace.h - how much of a thread's time patterns may take.
 *
 * PCRE2 counts steps, not time, and a step may look at all of a text. So a
 * search goes by small strides, with a low limit of steps that is raised where
 * a place needs more, and the clock is read between them. All patterns of one
 * call share one budget; a channel that grows has one for its whole life, and
 * a little for each piece. */
#ifndef FILTERS_REGEX_PACE_H
#define FILTERS_REGEX_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACE_NS 50000000	/* of a channel … */
#define PACE_PER_BYTE_NS 100	/* … and for each byte of it … */
#define PACE_GATELESS_NS 5	/* … and pattern that nothing keeps away */
#define PACE_PIECE_NS 50000	/* for each piece of it … */
#define PACE_PER_PATTERN_NS 200	/* … and each pattern */
#define PACE_STEPS 100000	/* of PCRE2, from one place of a text */

/* What a channel has used beyond what each piece may. */
struct pace_account {
	uint64_t spent_ns;
	bool watched;		/* a piece took long: its successors' time is
				 * counted */
};

/* One call of judge(). */
struct pace {
	struct pace_account *account;
	uint64_t piece_ns, budget_ns;
	uint64_t began_ns, last_ns;	/* steady clock; the last look */
	uint64_t cpu_ns, cpu_end_ns;	/* thread's time when the budget began
					 * to be watched, and ends; 0: not
					 * watched yet */
	uint64_t before_ns;		/* what had gone by then */
	bool spent;			/* the channel had nothing left */
	bool over;			/* the budget is used up */
};

/* bytes: of the channel so far. n_gateless: of the n_patterns, those that must
 * be tried on every text. */
void pace_begin(struct pace *pace, struct pace_account *account,
    uint64_t bytes, size_t n_patterns, size_t n_gateless);
/* Reads the clock: sets over, returns the time since the last look. */
uint64_t pace_look(struct pace *pace);
/* Charges the channel. */
void pace_end(struct pace *pace);

/* How one pattern is searched for. */
struct stride {
	size_t places, most;	/* from which a match may begin, in one go */
	uint32_t limit;		/* steps of PCRE2 from one of them */
};

/* width: bytes that a match can look at, at the most. */
void stride_begin(struct stride *s, uint64_t width);
/* After a stride without end: longer where it was cheap, shorter where dear. */
void stride_adapt(struct stride *s, const struct pace *pace, uint64_t took_ns);
/* After the limit was hit: fewer places, then more steps. False: it is the
 * last limit, or there is no time for more. */
bool stride_raise(struct stride *s, const struct pace *pace,
    uint64_t took_ns);

#endif
