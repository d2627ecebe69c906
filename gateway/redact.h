/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/redact.h - what `action: redact` writes: the template of a rule.
 *
 *   {last4} {first3}   so many characters of the match, from its end, from its
 *                      beginning; {last:4} is the same
 *   {mask}             the rule's `mask:`, once for each character of the match
 *                      that the template does not show
 *   {hash:12}          so many digits of a keyed hash of the match
 *   {id} {category}    of the rule
 *   {kind}             which of its filter's kinds it was
 *   {{ }}              braces
 *
 * A match that would be shown whole is masked whole: its first and last
 * characters become masks as well. */
#ifndef GATEWAY_REDACT_H
#define GATEWAY_REDACT_H

#include "gateway/graphemes.h"
#include "gateway/hash_key.h"
#include "gateway/options.h"

struct redact;

/* A template while it is read. */
struct redact_source {
	const struct yaml_node *with;	/* NULL: "[redacted]", or {mask} where
					 * there is a mask */
	const struct yaml_node *mask;	/* NULL: * */
	bool has_kinds;			/* of the rule's filter */
	const struct graphemes *graphemes;	/* outlives the template */
};

/* Reads a template into the arena of r. *plain: what is written, where that is
 * the same for all matches; then *out is NULL. Else *plain is NULL. */
int redact_read(const struct reading *r, const struct redact_source *source,
    char **plain, struct redact **out);

struct redact_facts {
	const char *id, *category;
	struct mg_span kind;
	struct mg_span value;		/* the match, as people read it */
	struct mg_span tenant;
	const struct hash_key *key;	/* NULL: hashes are made of '?' */
};

/* Appends what stands in the place of a match. Any thread. */
void redact_write(const struct redact *redact,
    const struct redact_facts *facts, struct buf *out);

#endif
