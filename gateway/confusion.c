/* SPDX-License-Identifier: Apache-2.0 */
/* confusion.c - counts of right and wrong, and shares with intervals. */
#include "gateway/confusion.h"

#include <math.h>

void
confusion_add(struct confusion *c, bool found, bool is_true)
{
	if (found)
		*(is_true ? &c->hits : &c->false_alarms) += 1;
	else
		*(is_true ? &c->misses : &c->rests) += 1;
}

/* E. B. Wilson, 1927: honest for small n and for shares near 0 and 1, where
 * value ± error is not. */
struct share
share_of(uint64_t k, uint64_t n)
{
	const double z = 1.959963984540054;
	double all = (double)n, p, middle, half;

	if (n == 0)
		return (struct share){ (double)NAN, (double)NAN, (double)NAN };
	p = (double)k / all;
	middle = (p + z * z / (2 * all)) / (1 + z * z / all);
	half = z * sqrt(p * (1 - p) / all + z * z / (4 * all * all)) /
	    (1 + z * z / all);
	return (struct share){ p, k == 0 ? 0 : middle - half,
		k == n ? 1 : middle + half };
}

struct share
confusion_precision(const struct confusion *c)
{
	return share_of(c->hits, c->hits + c->false_alarms);
}

struct share
confusion_recall(const struct confusion *c)
{
	return share_of(c->hits, c->hits + c->misses);
}

struct share
confusion_false_rate(const struct confusion *c)
{
	return share_of(c->false_alarms, c->false_alarms + c->rests);
}

double
confusion_f1(const struct confusion *c)
{
	uint64_t sum = 2 * c->hits + c->false_alarms + c->misses;

	if (c->hits + c->misses == 0)
		return (double)NAN;
	return 2 * (double)c->hits / (double)sum;
}
