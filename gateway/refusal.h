/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/refusal.h - the bodies of what modgate says itself, in the API's own
 * shapes, so that every SDK raises its typed exception. */
#ifndef GATEWAY_REFUSAL_H
#define GATEWAY_REFUSAL_H

#include "gateway/notes.h"
#include "gateway/surface.h"

/* {"error":{"message","type","param","code"}}. param and code may be NULL. */
void refusal_error(const char *message, const char *type, const char *param,
    const char *code, struct buf *out);
/* The same for a policy's block, with `moderation`: stage, id, categories. */
void refusal_blocked(const struct notes *notes, enum policy_side side,
    const char *param, const char *message, const char *id, struct buf *out);
/* The policy's words for a side: Chinese for a text with Han characters, else
 * English. accept (Accept-Language; len 0: none) decides between the languages
 * that the policy has words in and that the text may be: zh, ja and yue for
 * one with Han characters, all but zh and yue for one without. */
const char *refusal_message(const struct policy *policy,
    enum policy_side side, bool chinese, struct mg_span accept);
bool refusal_is_chinese(struct mg_span text);

/* refusal.prompt: completion - a complete answer whose only text is message. */
struct refusal_answer {
	enum surface_kind surface;
	bool stream, include_usage;
	const char *id;			/* of the exchange */
	struct mg_span model;
	int64_t created_s;
	const char *message;
	uint64_t choices;
};
void refusal_completion(const struct refusal_answer *answer, struct buf *out);

/* A choice that was withheld in a whole answer: replaces its object. */
void refusal_choice(enum surface_kind surface, int32_t index, struct buf *out);

#endif
