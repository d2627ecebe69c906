/* SPDX-License-Identifier: Apache-2.0 */
/* watch.c - tells when files that were read have changed on disk.
 *
 * Stamps are compared, not events counted: that sees every way to change a
 * file, on every file system, and a policy has few files. */
#include "gateway/watch.h"

#include <stdlib.h>

void
watch_take_files(struct watch *watch, struct file_list *files)
{
	size_t i;

	file_list_fini(&watch->files);
	watch->files = *files;
	memset(files, 0, sizeof(*files));
	watch->seen = xrealloc(watch->seen, (watch->files.n + 1) *
	    sizeof(*watch->seen));
	for (i = 0; i < watch->files.n; i++)
		watch->seen[i] = watch->files.items[i].stamp;
}

const char *
watch_turn(struct watch *watch)
{
	const char *changed = NULL;
	bool still = true;
	size_t i;

	for (i = 0; i < watch->files.n; i++) {
		const struct file_noted *file = &watch->files.items[i];
		struct file_stamp now = file_stamp(file->path);

		if (!file_stamp_eq(&now, &watch->seen[i]))
			still = false;
		watch->seen[i] = now;
		if (!changed && !file_stamp_eq(&now, &file->stamp))
			changed = file->path;
	}
	return still ? changed : NULL;
}

void
watch_fini(struct watch *watch)
{
	file_list_fini(&watch->files);
	free(watch->seen);
	watch->seen = NULL;
}
