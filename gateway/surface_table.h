/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/surface_table.h - the tables behind surface.h, as data.
 *
 * Private to surface*.c, `modgate surfaces` and the tests. The grammar of a
 * pattern is in surface.h. A name beats {} and *, which beat **. */
#ifndef GATEWAY_SURFACE_TABLE_H
#define GATEWAY_SURFACE_TABLE_H

#include "gateway/surface.h"

enum surface_what {
	WHAT_NOT,		/* not text */
	WHAT_ROLE,		/* not text if it names a role, else text: chat
				 * templates write it out */
	WHAT_PLAIN,		/* text */
	WHAT_JSON,		/* text that is JSON */
	WHAT_SCHEMA,		/* with **: text of a JSON Schema; its own
				 * words are not */
	WHAT_TOKENS,		/* token ids where numbers stand in the array;
				 * its strings are text */
	WHAT_OPAQUE,		/* always unreadable numbers */
	WHAT_URL,		/* media, text or elsewhere: the scheme says */
	WHAT_MEDIA,
	WHAT_REFERENCE,		/* names a text that is elsewhere */
	WHAT_BYTES,		/* UTF-8 as numbers; repeats `token` beside */
};

enum {
	RULE_JOINS = 1,		/* grows over events */
	RULE_LOGPROBS = 2,	/* repeats; pieces of one text in answers too */
};

struct surface_rule {
	const char *pattern;
	uint8_t what;		/* enum surface_what */
	uint8_t role;		/* enum policy_role; 0: the message's */
	uint8_t flags;
};

/* The rules of one document: groups, each ended by pattern NULL. */
enum { SURFACE_GROUPS = 4, SURFACE_KINDS = 2, SURFACE_DOCS = 3 };

extern const struct surface_rule *const
    surface_tables[SURFACE_KINDS][SURFACE_DOCS][SURFACE_GROUPS];

/* Ended by path NULL. name: one of surface_endpoint_names(). */
struct surface_endpoint {
	const char *name, *method, *path;
};

extern const struct surface_endpoint surface_endpoints[];

const char *surface_doc_name(enum surface_doc which);
const char *surface_kind_name(enum surface_text_kind kind);

#endif
