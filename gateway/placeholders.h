/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/placeholders.h - what stands for a client's values while a model has
 * them: <PHONE_1> for the first phone number of an exchange.
 *
 * One table per exchange, filled while the prompt is judged and only read
 * afterwards. Equal values of a kind have one placeholder. A number that the
 * client's own texts use with a kind, however it is written, is not given out.
 * Values live here and nowhere else, and are wiped when the table is freed. */
#ifndef GATEWAY_PLACEHOLDERS_H
#define GATEWAY_PLACEHOLDERS_H

#include "gateway/policy.h"

enum {
	PLACEHOLDERS_MAX = 4096,		/* values of one exchange */
	PLACEHOLDERS_BYTES = 256 * 1024,	/* of all of them together */
	PLACEHOLDERS_NUMBER = 65535,		/* the last number of a kind */
	PLACEHOLDERS_KIND = 32,			/* bytes of a kind's name */
};

struct placeholders;

/* Knows the kinds of the policy's pseudonymize rules. Never NULL. */
struct placeholders *placeholders_new(const struct policy *policy);
/* Accepts NULL; wipes. */
void placeholders_free(struct placeholders *table);

/* Reads a text of the client, before any value is added: what in it looks like
 * a placeholder is not one of ours. */
void placeholders_avoid(struct placeholders *table, struct mg_span text);
/* The placeholder of a value of one of the policy's kinds. Borrowed from the
 * table; ptr NULL: over a cap, and the table is full from then on. */
struct mg_span placeholders_add(struct placeholders *table, const char *kind,
    struct mg_span value);
/* A value could not be added: the exchange must not go on. */
bool placeholders_full(const struct placeholders *table);
size_t placeholders_count(const struct placeholders *table);

enum placeholder_match {
	PLACEHOLDER_NOT,
	PLACEHOLDER_MORE,	/* what follows may make it one */
	PLACEHOLDER_YES,
};

/* No placeholder begins with another byte. */
bool placeholders_may_begin(const struct placeholders *table, char byte);
/* Whether a placeholder of this table stands at the beginning of text (whole
 * code points; whole: nothing follows), as it was made or as models write it:
 *
 *   in brackets   < > also full-width or written as &lt; \< \u003c %3c; letters
 *                 in any case and width; for _ also \_ - or a blank; a blank
 *                 within each bracket and around each _
 *   bare          as it was made but for its brackets, or with \_ for _, no
 *                 letter, digit or _ of ASCII beside it
 *
 * after_word: such a one stands before text. On YES *len is what it takes and
 * *value what it stands for, borrowed from the table. */
enum placeholder_match placeholders_match(const struct placeholders *table,
    struct mg_span text, bool after_word, bool whole, size_t *len,
    struct mg_span *value);

#endif
