/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/relay_state.h - what relay.c and relay_read.c share: a relay's state.
 * relay.c lets events go; relay_read.c reads them. */
#ifndef GATEWAY_RELAY_STATE_H
#define GATEWAY_RELAY_STATE_H

#include "gateway/relay.h"
#include "gateway/relay_event.h"
#include "gateway/sse.h"

#define MAX_CHANNELS 4096
#define TAIL_BYTES 512		/* of a text, kept for excerpts */

struct relay {
	struct relay_options opt;
	struct relay_facts facts;
	struct sse sse;
	struct jdoc doc;
	struct buf scratch, surface_scratch, out;
	struct relay_view view;
	struct relay_channel *channels;
	size_t n_channels, cap_channels;
	struct relay_choice *choices;
	size_t n_choices, cap_choices;
	struct relay_event *first, **last;	/* that wait, in order */
	struct relay_event *spare;		/* one, to be used again */
	size_t held_bytes;
	uint64_t counted_tokens;
	struct buf envelope;	/* members that every chunk of it repeats */
	struct buf tail;
	struct relay_event *event;	/* being read */
	struct relay_channel *only;	/* the last used: most have one */
	bool stop_all;		/* a text outside of choices was blocked */
	bool done;
	const char *why;
};

/* ---- relay.c ---- */

/* A choice that relay_read_event() has made known. */
struct relay_choice *relay_choice(void *relay, int32_t index);
/* Makes a choice known; false: there are too many. */
bool relay_add_choice(struct relay *r, int32_t index);
/* The channel of a text, made if need be; NULL: there are too many. */
struct relay_channel *relay_channel(struct relay *r,
    const struct surface_text *text);
/* Feeds a channel and takes over what its rules have said. */
void relay_feed_channel(struct relay *r, struct relay_channel *ch,
    struct mg_span text, bool last);
/* Nothing more will come for a choice (-1: for all): its texts are whole. */
void relay_finish_channels(struct relay *r, int32_t choice);
/* Lets go all that may leave. */
void relay_flush(struct relay *r);

/* ---- relay_read.c ---- */

/* Takes an event's data over: one line, as we send it. */
void relay_take_payload(struct relay_event *event,
    const struct sse_event *sse);
/* Reads r->event, whose payload is in r->doc: its texts go to their channels.
 * False, with r->why: it cannot be followed. */
bool relay_read_event(struct relay *r);

#endif
