/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/backend_say.h - the built-in backend's answers as the API writes
 * them: one document, or one event after the other. Pure. */
#ifndef GATEWAY_BACKEND_SAY_H
#define GATEWAY_BACKEND_SAY_H

#include "gateway/backend_ask.h"

enum backend_turn {		/* what a choice says next */
	TURN_ROLE,
	TURN_TEXT,
	TURN_FINISH,
	TURN_OVER,
};

struct backend_choice {
	struct buf text;
	const char *finish;	/* "stop" or "length" */
	size_t at;		/* bytes said */
	enum backend_turn turn;
};

struct backend_answer {
	bool chat, include_usage;
	uint64_t id;
	int64_t created;
	struct buf model;
	struct backend_choice *choices;
	size_t n;
	size_t next;		/* whose turn it is */
	size_t over;		/* how many are */
	size_t delta;		/* characters per event; 0: 1 to 4 in turn */
	size_t events;
	uint64_t prompt_tokens, tokens;
	bool usage_said, done_said;
};

/* text: what every choice says; NULL span: poems, as the prompts ask. model:
 * used where the ask has none. answer is zeroed before. */
void backend_answer_init(struct backend_answer *answer,
    const struct backend_ask *ask, struct mg_span model, struct mg_span text,
    uint64_t id, int64_t created);
void backend_answer_fini(struct backend_answer *answer);
/* Appends the whole answer. */
void backend_answer_whole(const struct backend_answer *answer,
    struct buf *out);
/* Appends one event with its blank line; false: all was said. */
bool backend_answer_event(struct backend_answer *answer, struct buf *out);

#endif
