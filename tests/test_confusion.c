/* SPDX-License-Identifier: Apache-2.0 */
/* test_confusion.c - shares and their intervals. */
#include <math.h>

#include "gateway/confusion.h"
#include "tests/check.h"

static bool
near(double a, double b)
{
	return fabs(a - b) < 0.0005;
}

static void
counts_four_kinds(void)
{
	struct confusion c = { 0 };

	confusion_add(&c, true, true);
	confusion_add(&c, true, true);
	confusion_add(&c, true, false);
	confusion_add(&c, false, true);
	confusion_add(&c, false, false);
	CHECK_EQ(c.hits, 2);
	CHECK_EQ(c.false_alarms, 1);
	CHECK_EQ(c.misses, 1);
	CHECK_EQ(c.rests, 1);
	CHECK(near(confusion_precision(&c).value, 2.0 / 3));
	CHECK(near(confusion_recall(&c).value, 2.0 / 3));
	CHECK(near(confusion_false_rate(&c).value, 0.5));
	CHECK(near(confusion_f1(&c), 2.0 / 3));
}

/* Figures of Wilson's interval worked out by hand. */
static void
an_interval_stays_within_0_and_1(void)
{
	struct share s = share_of(10, 10);

	CHECK_EQ(s.high, 1);
	CHECK(near(s.low, 0.7225));
	s = share_of(0, 10);
	CHECK_EQ(s.low, 0);
	CHECK(near(s.high, 0.2775));
	s = share_of(50, 100);
	CHECK(near(s.low, 0.4038) && near(s.high, 0.5962));
}

static void
nothing_is_said_of_nothing(void)
{
	struct confusion c = { 0 };

	CHECK(isnan(share_of(0, 0).value));
	CHECK(isnan(confusion_precision(&c).value));
	CHECK(isnan(confusion_f1(&c)));
	c.misses = 3;
	CHECK_EQ(confusion_f1(&c), 0);
}

int
main(void)
{
	RUN(counts_four_kinds);
	RUN(an_interval_stays_within_0_and_1);
	RUN(nothing_is_said_of_nothing);
	return CHECK_DONE();
}
