/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/notes.h - what was found in one exchange, for its record, the
 * metrics and the refusal's text. Offsets and paths, never the text itself,
 * except the excerpts that `capture: flagged` asks for. */
#ifndef GATEWAY_NOTES_H
#define GATEWAY_NOTES_H

#include "gateway/jdoc.h"
#include "gateway/screen.h"

#define NOTES_MAX 128			/* kept per exchange, always one that
					 * blocked; the count goes on */
#define EXCERPT_CHARS 40		/* before and after a match */

struct note {
	const struct policy_rule *rule;	/* borrowed from the exchange's policy */
	enum policy_side side;
	uint32_t item;
	uint64_t at, len;		/* bytes of the decoded text */
	const char *unable;		/* NULL, or why (static) */
	char *path;			/* owned: messages[2].content */
	char *excerpt;			/* owned; NULL: not captured */
	uint64_t excerpt_at;		/* offset of its first byte */
};

struct notes {
	struct note *items;		/* owned; at most NOTES_MAX */
	size_t n, cap;
	uint64_t total;
	bool capture;			/* keep excerpts */
	bool blocked, modified;		/* by an enforced rule */
	const struct policy_rule **would;	/* owned: rules in shadow that
					 * would have changed or stopped it;
					 * borrowed from its policy */
	size_t n_would, cap_would;
	bool unable;			/* blocked as a rule could not judge */
};

/* Adds findings[from..n) of a channel. text is what of the channel's text is
 * at hand, beginning at offset text_at, for excerpts. The path is that of node
 * in doc or, where doc is NULL, `path`. With a doc, path is NULL, or NOTES_KEY:
 * the text is the node's key. A record holds no text of a client: keys that are
 * the text, or that are no plain words, stand as {} in the path. */
#define NOTES_KEY "{}"
void notes_add(struct notes *notes, enum policy_side side,
    struct channel_screen *channel, size_t *from,
    const struct jdoc *doc, uint32_t node, const char *path,
    struct mg_span text, uint64_t text_at);
/* Adds one finding of a text that was judged as part of a larger one, with its
 * place in that text; not one that is noted already. text is for the excerpt,
 * with nothing in it that a placeholder stands for; ptr NULL: none is kept. */
void notes_add_one(struct notes *notes, enum policy_side side,
    const struct screen_finding *finding, const struct jdoc *doc,
    uint32_t node, struct mg_span text);
void notes_fini(struct notes *notes);
/* The first match of an enforced block rule, or NULL. */
const struct note *notes_blocking(const struct notes *notes);

#endif
