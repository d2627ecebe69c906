/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c - how far long work has come, on standard error. */
#include "gateway/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/clock.h"

#define EACH_NS 200000000

void
progress_begin(struct progress *p, const char *what)
{
	*p = (struct progress){ .what = what, .began_ns = steady_ns(),
		.shows = isatty(STDERR_FILENO) };
}

void
progress_tell(struct progress *p, uint64_t n, double share)
{
	int64_t now;
	double seconds;

	if (!p->shows)
		return;
	now = steady_ns();
	if (now - p->shown_ns < EACH_NS)
		return;
	p->shown_ns = now;
	seconds = (double)(now - p->began_ns) / 1e9;
	fprintf(stderr, "\r%" PRIu64 " %s, %.0f s", n, p->what, seconds);
	if (share > 0.01)
		fprintf(stderr, ", %.0f %%, %.0f s to go ", share * 100,
		    seconds / share - seconds);
	fputs("\033[K", stderr);
}

double
progress_end(struct progress *p)
{
	if (p->shown_ns)
		fputs("\r\033[K", stderr);
	return (double)(steady_ns() - p->began_ns) / 1e9;
}
