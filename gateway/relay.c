/* SPDX-License-Identifier: Apache-2.0 */
/* relay.c - a streamed answer on its way through.
 *
 * Each event is read once: its strings go to their channels, and the event
 * waits in a queue until all of its text is settled. Events of different
 * choices overtake each other; events of several choices, or of none, keep
 * their place. */
#include "gateway/relay.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/refusal.h"
#include "gateway/relay_state.h"

/* ---- choices and channels ---- */

struct relay_choice *
relay_choice(void *arg, int32_t index)
{
	struct relay *r = arg;
	size_t i;

	for (i = 0; i < r->n_choices; i++)
		if (r->choices[i].index == index)
			return &r->choices[i];
	/* Grown in read_parts() only, so that pointers hold meanwhile. */
	abort();
}

bool
relay_add_choice(struct relay *r, int32_t index)
{
	size_t i;

	for (i = 0; i < r->n_choices; i++)
		if (r->choices[i].index == index)
			return true;
	if (r->n_choices == SURFACE_MAX_CHOICES)
		return false;
	r->choices = xgrow(r->choices, &r->cap_choices, r->n_choices + 1,
	    sizeof(*r->choices));
	r->choices[r->n_choices++] = (struct relay_choice){ .index = index };
	return true;
}

/* The channel of a text; NULL when there are too many. */
struct relay_channel *
relay_channel(struct relay *r, const struct surface_text *t)
{
	struct relay_channel *ch;
	size_t i;

	for (i = 0; i < r->n_channels; i++)
		if (r->channels[i].id == t->channel)
			return &r->channels[i];
	if (r->n_channels == MAX_CHANNELS)
		return NULL;
	r->channels = xgrow(r->channels, &r->cap_channels, r->n_channels + 1,
	    sizeof(*r->channels));
	r->view.channels = r->channels;
	ch = &r->channels[r->n_channels++];
	*ch = (struct relay_channel){ .id = t->channel, .choice = t->choice,
		.is_json = t->kind == TEXT_JSON,
		.is_logprobs = t->is_logprobs };
	ch->screen = channel_open(r->opt.screen, t->role,
	    ch->is_json ? FORM_JSON : FORM_PLAIN);
	buf_clear(&r->scratch);
	surface_path(&r->doc, t->node, &r->scratch);
	ch->path = xstrndup(r->scratch.ptr, r->scratch.len);
	return ch;
}

/* Keeps the end of a channel's text, for excerpts. */
static void
keep_tail(struct relay_channel *ch, struct mg_span text)
{
	buf_add_span(&ch->tail, text);
	if (ch->tail.len > TAIL_BYTES + text.len) {
		size_t drop = ch->tail.len - TAIL_BYTES - text.len;

		while (((unsigned char)ch->tail.ptr[drop] & 0xc0) == 0x80)
			drop++;
		buf_drop(&ch->tail, drop);
	}
}

/* Takes over what a channel's rules have said: notes, and a cut. */
static void
channel_note(struct relay *r, struct relay_channel *ch)
{
	notes_add(r->opt.notes, SIDE_ANSWER, ch->screen, &ch->noted, NULL, 0,
	    ch->path, buf_span(&ch->tail), ch->len - ch->tail.len);
	if (channel_cut(ch->screen) == SCREEN_NONE)
		return;
	r->opt.notes->blocked = true;
	if (ch->choice < 0)
		r->stop_all = true;
	else
		relay_choice(r, ch->choice)->is_cut = true;
}


void
relay_feed_channel(struct relay *r, struct relay_channel *ch,
    struct mg_span text, bool last)
{
	channel_feed(ch->screen, text.ptr, text.len, last);
	ch->len += text.len;
	if (r->opt.notes->capture)
		keep_tail(ch, text);
	channel_note(r, ch);
}

/* Nothing more will come for a choice (-1: for all): its texts are whole. */
void
relay_finish_channels(struct relay *r, int32_t choice)
{
	size_t i;

	for (i = 0; i < r->n_channels; i++) {
		struct relay_channel *ch = &r->channels[i];

		if (ch->finished || (choice >= 0 && ch->choice != choice))
			continue;
		ch->finished = true;
		relay_feed_channel(r, ch, span("", 0), true);
	}
}

/* ---- the queue ---- */

static struct relay_event *
event_new(struct relay *r)
{
	struct relay_event *event = r->spare;

	if (!event)
		return xcalloc(1, sizeof(*event));
	r->spare = NULL;
	return event;
}

static void
event_clear(struct relay_event *event)
{
	buf_clear(&event->payload);
	buf_clear(&event->name);
	buf_clear(&event->scratch);
	judged_doc_fini(&event->changes);
	event->n_pieces = event->n_parts = 0;
	event->null_error_len = 0;
	event->has_usage = event->is_ours = false;
	event->next = NULL;
}

static void
event_free(struct relay_event *event)
{
	if (!event)
		return;
	event_clear(event);
	buf_fini(&event->payload);
	buf_fini(&event->name);
	buf_fini(&event->scratch);
	free(event->pieces);
	free(event->parts);
	free(event);
}

static void
event_drop(struct relay *r, struct relay_event *event)
{
	event_clear(event);
	if (r->spare)
		event_free(event);
	else
		r->spare = event;
}

static void
queue(struct relay *r, struct relay_event *event)
{
	event->next = NULL;
	*r->last = event;
	r->last = &event->next;
	r->held_bytes += event->payload.len;
}

/* Nothing in the event is to be changed or taken out: it leaves as it came. */
static bool
is_plain(const struct relay *r, const struct relay_event *event)
{
	const struct relay_choice *choice;
	size_t i, n;

	if (event->is_ours)
		return true;
	if (event->n_parts > 1 || event->null_error_len > 0 ||
	    event->changes.n_splices > 0)
		return false;
	if (event->n_parts == 1) {
		choice = relay_choice((void *)r, event->parts[0].choice);
		if (choice->is_cut || choice->logprobs_dropped ||
		    event->parts[0].whole_hit || event->parts[0].after_end)
			return false;
	}
	for (i = 0; i < event->n_pieces; i++) {
		const struct relay_channel *ch =
		    &r->channels[event->pieces[i].channel];

		(void)channel_edits(ch->screen, &n);
		if (n > 0 || channel_cut(ch->screen) != SCREEN_NONE ||
		    event->pieces[i].repaired)
			return false;
	}
	return true;
}

static void
send_event(struct relay *r, struct relay_event *event)
{
	buf_clear(&r->out);
	if (is_plain(r, event)) {
		if (event->n_parts == 1 && event->parts[0].has_role)
			relay_choice(r, event->parts[0].choice)->role_sent =
			    true;
		relay_event_frame(buf_span(&event->name),
		    buf_span(&event->payload), &r->out);
	} else {
		relay_event_write(event, &r->view, &r->out);
	}
	if (r->out.len > 0)
		r->opt.send(r->opt.arg, buf_span(&r->out));
}

/* Lets go all that may leave. */
void
relay_flush(struct relay *r)
{
	struct relay_event **at = &r->first, *event;
	bool any_waits = false;
	size_t i;

	for (i = 0; i < r->n_choices; i++)
		r->choices[i].waits = false;
	while ((event = *at)) {
		struct relay_choice *choice = event->choice == CHOICE_ALL ?
		    NULL : relay_choice(r, event->choice);

		if (choice ? choice->waits : any_waits) {
			if (!choice)
				return;
			at = &event->next;
			continue;
		}
		if (!relay_event_is_settled(event, &r->view)) {
			if (!choice)
				return;
			choice->waits = any_waits = true;
			at = &event->next;
			continue;
		}
		*at = event->next;
		if (!event->next)
			r->last = at;
		r->held_bytes -= event->payload.len;
		send_event(r, event);
		event_drop(r, event);
	}
}

/* ---- our own events ---- */

static void
queue_ours(struct relay *r, int32_t choice, struct buf *payload)
{
	struct relay_event *event = event_new(r);

	event->is_ours = true;
	event->choice = choice;
	buf_add_span(&event->payload, buf_span(payload));
	buf_fini(payload);
	queue(r, event);
}

/* The chunk that ends a choice which was cut. */
static void
queue_finish(struct relay *r, const struct relay_choice *choice)
{
	struct buf b = { 0 };

	buf_add_byte(&b, '{');
	buf_add_span(&b, buf_span(&r->envelope));
	if (r->opt.surface == SURFACE_COMPLETIONS)
		buf_addf(&b, "\"choices\":[{\"text\":\"\",\"index\":%d,"
		    "\"logprobs\":null,\"finish_reason\":\"content_filter\"}]}",
		    choice->index);
	else
		buf_addf(&b, "\"choices\":[{\"index\":%d,\"delta\":%s,"
		    "\"logprobs\":null,\"finish_reason\":\"content_filter\"}]}",
		    choice->index, choice->role_sent ? "{}" :
		    "{\"role\":\"assistant\",\"content\":\"\"}");
	queue_ours(r, choice->index, &b);
}

static void
queue_usage(struct relay *r)
{
	struct buf b = { 0 };

	buf_add_byte(&b, '{');
	buf_add_span(&b, buf_span(&r->envelope));
	buf_addf(&b, "\"choices\":[],\"usage\":{\"prompt_tokens\":%llu,"
	    "\"completion_tokens\":%llu,\"total_tokens\":%llu}}",
	    (unsigned long long)r->opt.prompt_tokens,
	    (unsigned long long)r->counted_tokens,
	    (unsigned long long)(r->opt.prompt_tokens + r->counted_tokens));
	queue_ours(r, CHOICE_ALL, &b);
}

/* Ends the stream by our own word. */
static void
finish_by_us(struct relay *r)
{
	buf_add_str(&r->tail, "data: [DONE]\n\n");
	r->done = true;
}

static void
queue_error(struct relay *r)
{
	struct buf b = { 0 };

	refusal_blocked(r->opt.notes, SIDE_ANSWER, NULL, r->opt.message,
	    r->opt.id, &b);
	queue_ours(r, CHOICE_ALL, &b);
}

/* Acts on choices that were cut since the last call: lets their safe text go,
 * writes their end, and ends the stream when no choice is left. */
static void
after_cuts(struct relay *r)
{
	size_t i, ended = 0, cuts = 0;
	bool fresh = false, over;

	for (i = 0; i < r->n_choices; i++) {
		struct relay_choice *choice = &r->choices[i];

		if (r->stop_all && !choice->finished)
			choice->is_cut = true;
		cuts += choice->is_cut;
		ended += choice->is_cut || choice->finished;
		fresh |= choice->is_cut && !choice->ended;
	}
	over = r->stop_all || (cuts > 0 && ended >= r->opt.choices);
	if (r->done || (!fresh && !over))
		return;
	relay_flush(r);
	/* Without a choice there is none to end: only an error can tell. */
	if (r->opt.as_error || r->n_choices == 0) {
		queue_error(r);
		relay_flush(r);
		finish_by_us(r);
		return;
	}
	for (i = 0; i < r->n_choices; i++) {
		struct relay_choice *choice = &r->choices[i];

		if (!choice->is_cut || choice->ended)
			continue;
		choice->ended = true;
		(void)snprintf(r->facts.finish, sizeof(r->facts.finish),
		    "content_filter");
		queue_finish(r, choice);
	}
	relay_flush(r);
	if (over) {
		relay_finish_channels(r, -1);
		relay_flush(r);
		if (r->opt.include_usage)
			queue_usage(r);
		relay_flush(r);
		finish_by_us(r);
	}
}

/* ---- events from the backend ---- */

static bool
fail(struct relay *r, const char *why)
{
	if (!r->why)
		r->why = why;
	return false;
}

/* [DONE], or the end of the body: every text is whole. */
static void
finish_all(struct relay *r)
{
	relay_finish_channels(r, -1);
	after_cuts(r);
	relay_flush(r);
}

static bool
on_event(void *arg, const struct sse_event *sse)
{
	static const struct jdoc_limits limits = { .max_depth = 64,
		.max_nodes = 200000, .lone_surrogates = true };
	struct relay *r = arg;
	struct relay_event *event;
	size_t at;

	if (sse->has_data && sse->data.len == 0)
		return true;
	if (sse->has_data && span_is(sse->data, "[DONE]")) {
		finish_all(r);
		if (!r->done)
			finish_by_us(r);
		return false;
	}
	event = r->event = event_new(r);
	relay_take_payload(event, sse);
	r->facts.events++;
	if (jdoc_read(&r->doc, buf_span(&event->payload), &limits, &at) !=
	    JDOC_OK || r->doc.nodes[0].type != JDOC_OBJECT) {
		event_free(event);
		return fail(r, "an event that is not JSON");
	}
	if (!relay_read_event(r)) {
		event_free(event);
		return fail(r, "an event we cannot follow");
	}
	if (r->stop_all)
		event_free(event);
	else
		queue(r, event);
	after_cuts(r);
	relay_flush(r);
	if (r->held_bytes > r->opt.max_bytes)
		return fail(r, "more held text than the cap");
	return !r->done;
}

/* ---- the interface ---- */

struct relay *
relay_new(const struct relay_options *options)
{
	struct relay *r = xcalloc(1, sizeof(*r));

	r->opt = *options;
	r->last = &r->first;
	r->view.choice = relay_choice;
	r->view.arg = r;
	sse_init(&r->sse, options->max_bytes);
	return r;
}

void
relay_free(struct relay *r)
{
	struct relay_event *event;
	size_t i;

	if (!r)
		return;
	while ((event = r->first)) {
		r->first = event->next;
		event_free(event);
	}
	event_free(r->spare);
	for (i = 0; i < r->n_channels; i++) {
		channel_close(r->channels[i].screen);
		buf_fini(&r->channels[i].tail);
		free(r->channels[i].path);
	}
	free(r->channels);
	free(r->choices);
	sse_fini(&r->sse);
	jdoc_fini(&r->doc);
	buf_fini(&r->scratch);
	buf_fini(&r->surface_scratch);
	buf_fini(&r->out);
	buf_fini(&r->envelope);
	buf_fini(&r->tail);
	free(r);
}

static enum relay_state
state(struct relay *r, int rc)
{
	if (!r->facts.has_usage) {
		r->facts.prompt_tokens = r->opt.prompt_tokens;
		r->facts.completion_tokens = r->counted_tokens;
	}
	if (r->done)
		return RELAY_DONE;
	if (rc < 0 && !r->why)
		r->why = "an event that is too large, or holds a NUL";
	return r->why ? RELAY_BROKEN : RELAY_MORE;
}

enum relay_state
relay_feed(struct relay *r, struct mg_span bytes)
{
	assert(!r->done && !r->why);
	return state(r, sse_feed(&r->sse, bytes, on_event, r));
}

void
relay_idle(struct relay *r)
{
	struct relay_event *event;
	bool all = false;
	size_t i;

	if (r->done || r->why)
		return;
	for (i = 0; i < r->n_choices; i++)
		r->choices[i].waits = false;
	for (event = r->first; event && !all; event = event->next) {
		struct relay_choice *choice = event->choice == CHOICE_ALL ?
		    NULL : relay_choice(r, event->choice);

		/* Only the first that waits of each choice. */
		if (!choice) {
			all = true;
		} else if (!choice->waits) {
			choice->waits = true;
			buf_clear(&r->out);
			if (relay_event_split(event, &r->view, &r->out))
				r->opt.send(r->opt.arg, buf_span(&r->out));
		}
	}
}

enum relay_state
relay_end(struct relay *r)
{
	int rc;

	assert(!r->done && !r->why);
	rc = sse_end(&r->sse, on_event, r);
	if (rc == 0 && !r->why && !r->done) {
		finish_all(r);
		/* As the backend ended: without [DONE] if it sent none. */
		r->done = true;
	}
	return state(r, rc);
}

bool
relay_is_complete(const struct relay *r)
{
	size_t i;

	for (i = 0; i < r->n_choices; i++)
		if (!r->choices[i].finished && !r->choices[i].is_cut)
			return r->tail.len > 0;
	return r->n_choices > 0 || r->tail.len > 0;
}

struct mg_span
relay_tail(const struct relay *r)
{
	return buf_span(&r->tail);
}

const char *
relay_why(const struct relay *r)
{
	return r->why ? r->why : "";
}

const struct relay_facts *
relay_facts(const struct relay *r)
{
	return &r->facts;
}
