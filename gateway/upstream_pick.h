/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/upstream_pick.h - which backend takes a call, and which rests.
 *
 * Pure: time and random numbers are passed in, so that a test lives a day in a
 * millisecond. Used by upstream.c alone. */
#ifndef GATEWAY_UPSTREAM_PICK_H
#define GATEWAY_UPSTREAM_PICK_H

#include "gateway/upstream.h"

enum pick_state {
	PICK_HEALTHY,		/* takes its full share */
	PICK_EJECTED,		/* rests; takes trial calls when it is time */
	PICK_RETURNING,		/* a trial was answered: its share grows */
};

/* What is known of one backend. All zero: healthy. */
struct pick_health {
	enum pick_state state;
	unsigned failures;	/* consecutive, while healthy */
	unsigned level;		/* ejections without a full return between */
	uint64_t until_ms;	/* EJECTED: trials from here on */
	uint64_t since_ms;	/* RETURNING: from here on */
	uint64_t trial_ms;	/* when the last trial began */
	bool trial;		/* a trial is out and not answered */
};

struct pick_candidate {
	const struct config_upstream *conf;
	struct pick_health *health;
};

struct pick_choice {
	enum upstream_pick result;
	size_t index;		/* PICK_OK */
	bool trial;		/* this call decides about its backend: it
				 * must end in one of the calls below */
};

/* Chooses by model pattern, then by weight and health. Bits of avoid name
 * candidates (of the first 64) not to take. random: any 64 random bits. A
 * model that only one backend takes is never given up on entirely: its
 * backend, though ejected, gets a few trials a second. */
struct pick_choice pick_choose(const struct pick_candidate *candidates,
    size_t n, struct mg_span model, uint64_t avoid, uint64_t now_ms,
    uint64_t random);

/* An answer's head has come, and it does not speak of a broken backend. */
void pick_answered(struct pick_health *health, bool trial, uint64_t now_ms);
/* The answer came whole. */
void pick_succeeded(const struct config_upstream *conf,
    struct pick_health *health, uint64_t now_ms);
/* The call failed by the backend's fault. True: it is ejected now. */
bool pick_failed(const struct config_upstream *conf,
    struct pick_health *health, bool trial, uint64_t now_ms);
/* A trial ended without telling anything (the client left). */
void pick_forget(struct pick_health *health, bool trial);

/* Retries are at most a tenth of the calls, and one each two seconds, so that
 * a fleet that fails is not asked twice as much. All zero: a full budget. */
struct pick_budget {
	uint64_t spent;		/* thousandths of a retry */
	uint64_t at_ms;
};

void pick_budget_call(struct pick_budget *budget);
/* True: the retry may be made, and is counted. */
bool pick_budget_take(struct pick_budget *budget, uint64_t now_ms);

#endif
