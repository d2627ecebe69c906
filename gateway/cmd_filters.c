/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_filters.c - `--filters FILE.so`: plugins for commands that read a policy
 * without the configuration that would name them. */
#include <stdio.h>

#include "filters/registry.h"
#include "gateway/cmd.h"

int
cmd_filters(struct filter_set *set, const char *path)
{
	struct mg_error err = { { 0 } };

	if (filter_set_load(set, path, NULL, &err) == 0)
		return 0;
	fprintf(stderr, "%s\n", err.text);
	filter_set_fini(set);
	return -1;
}
