/* SPDX-License-Identifier: Apache-2.0 */
/* error.c - mg_fail(): report and leave in one line. */
#include <stdarg.h>
#include <stdio.h>

#include "modgate/filter.h"

int
mg_fail(struct mg_error *err, const struct mg_place *place,
    const char *format, ...)
{
	size_t used = 0;
	va_list ap;

	if (!err || err->text[0])
		return -1;
	if (place && place->file && place->line)
		used = (size_t)snprintf(err->text, sizeof(err->text),
		    "%s:%u:%u: ", place->file, place->line, place->column);
	else if (place && place->file)
		used = (size_t)snprintf(err->text, sizeof(err->text), "%s: ",
		    place->file);
	if (used >= sizeof(err->text))
		used = 0;
	va_start(ap, format);
	(void)vsnprintf(err->text + used, sizeof(err->text) - used, format,
	    ap);
	va_end(ap);
	return -1;
}
