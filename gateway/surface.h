/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/surface.h - where text lives in each endpoint's JSON.
 *
 * A surface is data: tables of path patterns, compiled into a trie once. Every
 * string of a document is visited; a path that no table names is read as
 * `other`, its unknown keys too. The tables say what is NOT text, by whom the
 * rest is, and which strings of successive events are one growing text.
 *
 * A pattern: names joined by '.', with
 *   []    any element                   [#]  keyed by the element's `index`
 *   [+]   elements are pieces of one text    [@]  keyed by array position
 *   {}    any key, the key itself is text    *  any key, not text
 *   **    any depth from here on */
#ifndef GATEWAY_SURFACE_H
#define GATEWAY_SURFACE_H

#include "gateway/jdoc.h"
#include "gateway/policy.h"
#include "gateway/screen.h"

#define SURFACE_MODELS "models"		/* lists; no texts are in them */
#define SURFACE_MAX_CHOICES 1024	/* of one answer: prompts times n */

enum surface_kind {
	SURFACE_COMPLETIONS,	/* /v1/completions, engines, Azure */
	SURFACE_CHAT,		/* /v1/chat/completions, Azure */
};

enum surface_doc {		/* which document is read */
	DOC_REQUEST,
	DOC_ANSWER,		/* a whole answer */
	DOC_EVENT,		/* the data of one event */
};

enum surface_text_kind {
	TEXT_PLAIN,		/* read it */
	TEXT_JSON,		/* read it; JSON inside a string */
	TEXT_TOKEN_IDS,		/* cannot be read: numbers, prompt_embeds */
	TEXT_REFERENCE,		/* cannot be read: text elsewhere (URL, id) */
	TEXT_MEDIA,		/* not examined: image, sound */
};

/* One string (or, for what cannot be read, one node). */
struct surface_text {
	uint32_t node;
	bool is_key;			/* the node's key, not its value */
	enum surface_text_kind kind;
	enum policy_role role;
	bool is_known;			/* a table names the path */
	int32_t choice;			/* answers: `index` of the choice, from
					 * position where there is none; -1:
					 * outside of choices */
	uint64_t channel;		/* equal for pieces of one text, in all
					 * events of a stream; never 0 */
	bool joins;			/* part of a text that grows; false:
					 * a text of its own, whole */
	bool is_logprobs;		/* repeats text that stands elsewhere */
	struct mg_span decoded;		/* ptr not NULL: read this instead of
					 * the string (a data: URL with text);
					 * cannot be edited, only blocked */
};

/* What the gateway needs of a request beside its texts. Spans point into the
 * document or into scratch. */
struct surface_facts {
	struct mg_span model;		/* len 0: not in the body */
	bool stream;
	bool include_usage;
	uint64_t max_tokens;		/* 0: not given; the largest of
					 * max_tokens, max_completion_tokens */
	bool no_maximum;		/* max_tokens is negative: llama.cpp's
					 * "as many as you like" */
	uint64_t n;			/* max(n, best_of), 1 when not given;
					 * UINT64_MAX: not a sane number */
	uint64_t choices;		/* n alone: answers that come back */
	uint64_t prompts;		/* completions: prompts in the array; 1 */
	const char *bad;		/* not NULL: a member that decides
					 * (stream, model, n …) has a wrong
					 * type; its name */
	bool twice;			/* … or rather stands twice, where
					 * duplicate keys are let pass */
};

const char *surface_name(enum surface_kind surface);
/* What endpoints are called, everywhere: the surfaces and SURFACE_MODELS.
 * NULL-terminated. */
const char *const *surface_endpoint_names(void);

/* Visits every text of doc in document order (keys before their values). Some
 * rules that the tables alone do not tell:
 * - A role that is none of ours is itself a text, and its message is by the
 *   user, whom policies trust least.
 * - A data: URL with text is opened; in a field that is no URL by its nature
 *   the string is shown as well, before what it decodes to. One that others
 *   might read otherwise is TEXT_REFERENCE.
 * - logprobs grow in whole answers too (joins). Their `bytes` are shown only
 *   where they say something else than the token beside them: as `decoded`
 *   of the array's node, a channel of its own. A code point cut between two
 *   tokens (U+FFFD in the token) counts as alike.
 * - In events, strings at unknown paths grow by their path; keys never do.
 * visit returns false to stop. The spans it gets live while scratch and doc
 * do, if nobody else appends to scratch meanwhile. Memory is taken only for
 * data: URLs that hold text and for bytes of logprobs. Any thread. */
void surface_read(enum surface_kind surface, enum surface_doc which,
    const struct jdoc *doc, struct buf *scratch,
    bool (*visit)(void *arg, const struct surface_text *text), void *arg);

void surface_facts(enum surface_kind surface, const struct jdoc *doc,
    struct buf *scratch, struct surface_facts *facts);

/* Appends the path of a node as people write it: messages[2].content. A key of
 * more than 256 bytes is text, not a name: {} stands in its place. */
void surface_path(const struct jdoc *doc, uint32_t node, struct buf *out);

/* What an element of `choices` (or of another list keyed by `index`) is known
 * by: its member `index`, or its position where that is none. Below
 * INT32_MAX. */
uint32_t surface_index(const struct jdoc *doc, uint32_t element,
    uint32_t position);

/* Prints what is covered, from the tables that the code runs on: endpoints
 * and, if `paths`, where text lives in their documents. */
void surface_print_text(bool paths);
void surface_print_json(void);

#endif
