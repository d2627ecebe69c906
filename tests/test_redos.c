/* SPDX-License-Identifier: Apache-2.0 */
/* test_redos.c - no pattern, with no text, takes more of a worker's time than
 * its cap; and what was not looked at to the end is not called clean.
 *
 * Times are the thread's own, so that a busy machine does not matter. They are
 * allowed twice the cap, as between two looks at the clock time goes on. */
#include <time.h>

#include "tests/judge.h"
#include "tests/redos.h"

/* As filters/README.md has it. */
#define CALL_US 50000.0
#define BYTE_US 0.1
#define GATELESS_US 0.005
#define PIECE_US 50.0

static double
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* A pattern's text of about so many bytes. The caller frees. */
static char *
make_text(const struct evil *e, size_t bytes)
{
	size_t unit = strlen(e->unit), len = 0;
	char *text = judge_alloc(bytes + unit + 300);

	while (len < bytes) {
		memcpy(text + len, e->unit, unit);
		len += unit;
	}
	memcpy(text + len, e->tail, strlen(e->tail));
	return text;
}

static void
report(const struct evil *e, const char *what, size_t bytes, double us,
    double most)
{
	if (us <= most && !check_test_failed)
		return;
	fprintf(stderr, "%s: %s, %zu bytes: %.0f us\n", e->pattern, what,
	    bytes, us);
	CHECK(us <= most);
}

/* A text that comes whole, without a match and with one at its end. */
static void
judge_whole(struct judge *j, const struct evil *e, size_t bytes, bool hit)
{
	char *text = make_text(e, bytes);
	enum mg_verdict verdict;
	double us;

	if (hit) {
		memcpy(text + strlen(text), "\n ", 3);
		memcpy(text + strlen(text), e->hit, strlen(e->hit) + 1);
	}
	bytes = strlen(text);
	judge_begin(j);
	us = now_us();
	verdict = judge_bytes(j, text, bytes, LAST);
	us = now_us() - us;
	if (hit)
		CHECK(verdict == MG_FOUND || verdict == MG_UNABLE);
	report(e, hit ? "whole, with a match" : "whole", bytes, us,
	    2 * (CALL_US + (BYTE_US + GATELESS_US) * (double)bytes));
	free(text);
}

static void
each_evil(void (*look)(struct judge *j, const struct evil *e))
{
	size_t i;

	for (i = 0; i < N_EVILS; i++) {
		struct judge j = judge_open("regex", evils[i].pattern);

		check_test_failed = false;
		CHECK(j.conf);
		if (!j.conf)
			fprintf(stderr, "%s\n", j.err.text);
		else
			look(&j, &evils[i]);
		judge_close(&j);
		check_failed += check_test_failed;
	}
	check_test_failed = false;
}

static unsigned n_found;

static void
look_at_hit(struct judge *j, const struct evil *e)
{
	enum mg_verdict verdict = judge_text(j, e->hit, LAST);

	CHECK(verdict == MG_FOUND || verdict == MG_UNABLE);
	n_found += verdict == MG_FOUND;
	if (check_test_failed)
		fprintf(stderr, "%s\n", e->pattern);
}

static void
has_a_hundred_patterns_that_do_match(void)
{
	CHECK(N_EVILS >= 100);
	each_evil(look_at_hit);
	CHECK(n_found >= N_EVILS - 5);
}

static void
look_at_short(struct judge *j, const struct evil *e)
{
	judge_whole(j, e, 40, false);
	judge_whole(j, e, 4096, false);
	judge_whole(j, e, 4096, true);
}

static void
look_at_long(struct judge *j, const struct evil *e)
{
	judge_whole(j, e, 65536, false);
	judge_whole(j, e, 1 << 20, true);
}

static void
keep_their_cap_on_four_kilobytes(void)
{
	each_evil(look_at_short);
}

static void
keep_their_cap_on_a_megabyte(void)
{
	each_evil(look_at_long);
}

/* A text that grows piece by piece: 16 KB in pieces of 3 to 9 bytes. */
static void
judge_stream(struct judge *j, const struct evil *e, bool hit)
{
	enum { BYTES = 16384 };
	char *text = make_text(e, BYTES);
	size_t len, at = 0, pieces = 0, unable;
	double us = 0, from;

	if (hit) {
		memcpy(text + strlen(text), "\n ", 3);
		memcpy(text + strlen(text), e->hit, strlen(e->hit) + 1);
	}
	len = strlen(text);
	judge_begin(j);
	while (at < len) {
		size_t n = 3 + pieces % 7;

		n = n < len - at ? n : len - at;
		while (at + n < len && (text[at + n] & 0xc0) == 0x80)
			n++;
		unable = j->n_unable;
		from = now_us();
		(void)judge_bytes(j, text + at, n, at + n < len ? MORE :
		    LAST);
		us += now_us() - from;
		CHECK(j->n_unable - unable <= 1);
		at += n;
		pieces++;
	}
	if (hit)
		CHECK(j->n_all > 0 || j->n_unable > 0);
	CHECK(j->n_unable <= 1);
	report(e, hit ? "stream, with a match" : "stream", len, us,
	    2 * (CALL_US + (BYTE_US + GATELESS_US) * (double)len +
	    PIECE_US * (double)pieces));
	free(text);
}

static void
look_at_stream(struct judge *j, const struct evil *e)
{
	judge_stream(j, e, true);
}

static void
keep_their_cap_in_a_stream_of_many_pieces(void)
{
	each_evil(look_at_stream);
}

/* All at once: the budget is the call's, not each pattern's. */
static void
share_one_cap_when_they_are_many(void)
{
	static char items[16384];
	struct judge j;
	size_t i, used = 0;
	char *text;

	for (i = 0; i < N_EVILS; i++)
		used += (size_t)snprintf(items + used, sizeof(items) - used,
		    "%s%s", i ? "\n" : "", evils[i].pattern);
	j = judge_open("regex", items);
	CHECK(j.conf);
	for (i = 0; i < N_EVILS && j.conf; i += 9) {
		double us;

		text = make_text(&evils[i], 16384);
		judge_begin(&j);
		us = now_us();
		(void)judge_bytes(&j, text, strlen(text), LAST);
		us = now_us() - us;
		report(&evils[i], "all patterns", strlen(text), us,
		    2 * (CALL_US + (BYTE_US + GATELESS_US * N_EVILS) *
		    16384));
		free(text);
	}
	judge_close(&j);
}

int
main(void)
{
	RUN(has_a_hundred_patterns_that_do_match);
	RUN(keep_their_cap_on_four_kilobytes);
	RUN(keep_their_cap_on_a_megabyte);
	RUN(keep_their_cap_in_a_stream_of_many_pieces);
	RUN(share_one_cap_when_they_are_many);
	return CHECK_DONE();
}
