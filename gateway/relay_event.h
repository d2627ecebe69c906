/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/relay_event.h - what relay.c and relay_event.c share: one event that
 * waits, the channels and choices it belongs to, and how it is written. */
#ifndef GATEWAY_RELAY_EVENT_H
#define GATEWAY_RELAY_EVENT_H

#include "gateway/judge_doc.h"
#include "gateway/surface.h"

#define CHOICE_ALL INT32_MIN	/* an event of several choices, or of none */

/* One growing text. */
struct relay_channel {
	uint64_t id;
	struct channel_screen *screen;
	int32_t choice;		/* -1: outside of choices */
	bool is_json, is_logprobs, finished;
	uint16_t high;		/* half a surrogate pair, waiting */
	uint64_t len;		/* bytes fed */
	size_t noted;		/* findings already in the notes */
	char *path;		/* owned; where it was first seen */
	struct buf tail;	/* capture only: the text's last bytes */
};

struct relay_choice {
	int32_t index;
	bool finished;		/* the backend said finish_reason */
	bool is_cut;		/* a block rule matched */
	bool role_sent;
	bool logprobs_dropped;	/* a text of it was changed */
	bool cut_written;	/* what follows of it is dropped */
	bool ended;		/* our own end of it stands in the queue */
	bool waits;		/* during one flush: an event of it is held */
};

/* A string of an event that belongs to a channel. Places are in payload. */
struct relay_piece {
	size_t channel;		/* index into relay_channels */
	uint32_t at, len;	/* the string's token */
	uint64_t from, to;	/* its text, in the channel */
	bool repaired;		/* differs from the source: it stands in the */
	size_t text_at, text_len;	/* event's scratch, here */
};

/* One element of `choices`. */
struct relay_part {
	int32_t choice;
	uint32_t at, len;		/* the element */
	uint32_t lp_at, lp_len;		/* a logprobs object; len 0: none */
	uint32_t finish_at, finish_len;	/* a finish_reason string; len 0 */
	bool has_role;
	bool has_more;			/* a delta with more than strings */
	bool whole_hit;			/* a text of its own must not pass */
	bool after_end;			/* its choice was ended by us before */
};

struct relay_event {
	struct relay_event *next;
	struct buf payload;	/* JSON, one line */
	struct buf name;
	struct buf scratch;	/* of repaired pieces */
	int32_t choice;		/* or CHOICE_ALL */
	struct relay_piece *pieces;
	size_t n_pieces, cap_pieces;
	struct relay_part *parts;
	size_t n_parts, cap_parts;
	uint32_t null_error_at, null_error_len;	/* `"error": null` */
	struct judged_doc changes;	/* of texts that are whole */
	bool has_usage;
	bool is_ours;		/* made here: sent as it is */
};

/* The part of a relay that writing needs. */
struct relay_view {
	struct relay_channel *channels;
	struct relay_choice *(*choice)(void *arg, int32_t index);
	void *arg;
};

/* All text of the event is settled. */
bool relay_event_is_settled(const struct relay_event *event,
    const struct relay_view *view);
/* Writes the event as it may leave, framed for the wire, to out; nothing when
 * nothing of it may leave. Notes in the choices what was sent. */
void relay_event_write(struct relay_event *event,
    const struct relay_view *view, struct buf *out);
/* Writes the clear beginning of a held event as an event of its own; the event
 * keeps the rest. False: there is none, or the event carries more than one
 * text and cannot be parted. */
bool relay_event_split(struct relay_event *event,
    const struct relay_view *view, struct buf *out);
/* Adds "event: name\ndata: payload\n\n". */
void relay_event_frame(struct mg_span name, struct mg_span payload,
    struct buf *out);

#endif
