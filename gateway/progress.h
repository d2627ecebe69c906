/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/progress.h - one line on standard error that says how far long work
 * has come; nothing where standard error is no terminal. One thread. */
#ifndef GATEWAY_PROGRESS_H
#define GATEWAY_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what;	/* borrowed: "texts" */
	int64_t began_ns, shown_ns;
	bool shows;
};

void progress_begin(struct progress *p, const char *what);
/* n things are done; share of the whole, 0 to 1; 0: not known. */
void progress_tell(struct progress *p, uint64_t n, double share);
/* Takes the line away. Returns the seconds since the beginning. */
double progress_end(struct progress *p);

#endif
