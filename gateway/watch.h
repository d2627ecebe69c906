/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/watch.h - tells when files that were read have changed on disk.
 *
 * Asked once a second. A file that is being written, or is away for a moment
 * while an editor puts another in its place, is left until nothing has changed
 * for one turn. */
#ifndef GATEWAY_WATCH_H
#define GATEWAY_WATCH_H

#include "gateway/file.h"

struct watch {
	struct file_list files;		/* as they were when they were read */
	struct file_stamp *seen;	/* owned; as the last turn saw them */
};

/* Watches these files from now on; takes the list, and leaves it empty. */
void watch_take_files(struct watch *watch, struct file_list *files);
/* One turn. The path of a file that has changed, when all of them were still
 * for a turn; else NULL. Tells of it in every turn until watch_take_files(). */
const char *watch_turn(struct watch *watch);
void watch_fini(struct watch *watch);

#endif
