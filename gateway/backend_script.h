/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/backend_script.h - canned answers from a folder, byte for byte.
 *
 * NAME.request.json   the body that asks for NAME
 * NAME.response.json  the answer, or
 * NAME.stream.sse     the answer when the request says "stream": true (or when
 *                     there is no other), or
 * NAME.json           {"status": …, "headers": {…}, "body": …}
 * manifest.json       may name a request's path and where to cut the writes of
 *                     its stream: {"fixtures": [{"name", "path", "chunks"}]} */
#ifndef GATEWAY_BACKEND_SCRIPT_H
#define GATEWAY_BACKEND_SCRIPT_H

#include <jansson.h>

#include "gateway/buf.h"

struct backend_script;

struct backend_scripted {
	int status;
	const char *type;	/* static */
	json_t *headers;	/* owned; NULL: none beside the type */
	struct buf body;
	size_t *cuts;		/* owned; offsets, rising */
	size_t n_cuts;
};

/* Reads the requests and the manifest. NULL with err filled. */
struct backend_script *backend_script_new(const char *dir,
    struct mg_error *err);
void backend_script_free(struct backend_script *script);
/* Chooses by name (len 0: by path and body). Returns false when there is no
 * such script; out is zeroed before. */
bool backend_script_find(const struct backend_script *script,
    struct mg_span name, struct mg_span path, struct mg_span body,
    struct backend_scripted *out);
void backend_scripted_fini(struct backend_scripted *scripted);

#endif
