/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/confusion.h - found or not against true or not, counted; and what
 * can be said of it: shares with intervals. Pure. */
#ifndef GATEWAY_CONFUSION_H
#define GATEWAY_CONFUSION_H

#include <stdbool.h>
#include <stdint.h>

struct confusion {
	uint64_t hits, false_alarms;	/* found: and true, and not true */
	uint64_t misses, rests;		/* not found: but true, and not true */
};

/* A share of n, with the 95 % interval of Wilson's score. NAN where n is 0. */
struct share {
	double value, low, high;
};

void confusion_add(struct confusion *c, bool found, bool is_true);
struct share share_of(uint64_t k, uint64_t n);
struct share confusion_precision(const struct confusion *c);
struct share confusion_recall(const struct confusion *c);
struct share confusion_false_rate(const struct confusion *c);
/* Harmonic mean of precision and recall; NAN where nothing is true. */
double confusion_f1(const struct confusion *c);

#endif
