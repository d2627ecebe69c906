/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/relay.h - a streamed answer on its way through.
 *
 * Events go in as the backend cut them; events come out, each in one piece,
 * verbatim as soon as no rule can still match into their text, rewritten when
 * it was changed, never when it was cut. Choices do not wait for each other.
 * Pure: no I/O; the sink gets whole events. */
#ifndef GATEWAY_RELAY_H
#define GATEWAY_RELAY_H

#include "gateway/notes.h"
#include "gateway/surface.h"

struct relay;

struct relay_options {
	enum surface_kind surface;
	struct screen *screen;		/* of the answer; outlives the relay */
	struct notes *notes;		/* outlives the relay */
	uint64_t choices;		/* how many the request asked for */
	bool include_usage;
	bool as_error;			/* refusal.answer: error */
	const char *message;		/* for as_error; outlives the relay */
	const char *id;			/* for as_error; outlives the relay */
	uint64_t prompt_tokens;		/* our count, for a usage chunk */
	size_t max_bytes;		/* of one event, and of all held ones */
	void (*send)(void *arg, struct mg_span event);
	void *arg;
};

enum relay_state {
	RELAY_MORE,		/* go on feeding */
	RELAY_DONE,		/* all is out but the tail: send relay_tail(),
				 * end the body; the backend may be left */
	RELAY_BROKEN,		/* the backend's stream makes no sense: break
				 * ours; relay_why() says what was wrong */
};

struct relay *relay_new(const struct relay_options *options);
void relay_free(struct relay *relay);
enum relay_state relay_feed(struct relay *relay, struct mg_span bytes);
/* The backend is silent: the clear beginnings of held events go out as events
 * of their own, so that nobody waits longer than a match may still need. */
void relay_idle(struct relay *relay);
/* The backend's body has ended well. */
enum relay_state relay_end(struct relay *relay);
/* The backend has said of every choice that it is finished, or [DONE]: nothing
 * is missing. */
bool relay_is_complete(const struct relay *relay);
/* The closing bytes, "data: [DONE]" or nothing; to be sent once the record is
 * safe. Borrowed from the relay. */
struct mg_span relay_tail(const struct relay *relay);
const char *relay_why(const struct relay *relay);

/* What the stream told of itself, for record and limits. */
struct relay_facts {
	bool has_usage;
	uint64_t prompt_tokens, completion_tokens;	/* has_usage: the
				 * backend's; else our count */
	char finish[32];		/* the last finish_reason */
	char id[80];			/* the answer's id */
	char model[80];
	uint64_t events;
};
const struct relay_facts *relay_facts(const struct relay *relay);

#endif
