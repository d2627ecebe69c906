/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/target.h - the request target and Host, taken apart and normalised
 * once (RFC 9112 section 3.2, RFC 3986).
 *
 * Private to http1.c. Pure. Routing, authentication and policy all use the one
 * normalised path that comes out of here, so nothing that two readers might
 * resolve differently may pass. */
#ifndef GATEWAY_TARGET_H
#define GATEWAY_TARGET_H

#include "gateway/buf.h"

struct target {
	struct mg_span authority;	/* absolute-form only; else len 0 */
	struct mg_span path;		/* as written, begins with '/' */
	struct mg_span query;		/* after '?' */
};

/* Each returns NULL, or a static phrase that says what is wrong. */

/* Splits an origin-form or absolute-form (http, https) target and checks its
 * bytes. asterisk-form and authority-form are refused. Spans point into raw,
 * or at a static "/" where an absolute-form has no path. */
const char *target_split(struct mg_span raw, struct target *out);

/* uri-host [ ":" port ], not empty (RFC 9110 section 7.2). */
const char *target_check_host(struct mg_span host);

/* "//" becomes "/", a '/' at the end goes, %63 becomes 'c' (unreserved bytes
 * only, RFC 3986 section 6.2.2.2), other escapes get capital digits. Refused:
 * the segments "." and "..", %2e, %2f, %5c, escaped control bytes. Sets *path
 * to raw where nothing changes, else to bytes in scratch (which is
 * emptied first). */
const char *target_normalise(struct mg_span raw, struct buf *scratch,
    struct mg_span *path);

#endif
