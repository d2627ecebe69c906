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

#include "gateway/limits.h"
#include "gateway/refusal.h"
#include "gateway/relay_event.h"
#include "gateway/sse.h"

#define MAX_CHANNELS 4096
#define MAX_CHOICES 1024
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

/* ---- choices and channels ---- */

static struct relay_choice *
choice_get(void *arg, int32_t index)
{
	struct relay *r = arg;
	size_t i;

	for (i = 0; i < r->n_choices; i++)
		if (r->choices[i].index == index)
			return &r->choices[i];
	/* Grown in read_parts() only, so that pointers hold meanwhile. */
	abort();
}

static bool
choice_add(struct relay *r, int32_t index)
{
	size_t i;

	for (i = 0; i < r->n_choices; i++)
		if (r->choices[i].index == index)
			return true;
	if (r->n_choices == MAX_CHOICES)
		return false;
	r->choices = xgrow(r->choices, &r->cap_choices, r->n_choices + 1,
	    sizeof(*r->choices));
	r->choices[r->n_choices++] = (struct relay_choice){ .index = index };
	return true;
}

/* The channel of a text; NULL when there are too many. */
static struct relay_channel *
channel_get(struct relay *r, const struct surface_text *t)
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
		choice_get(r, ch->choice)->is_cut = true;
}

static void
channel_add(struct relay *r, struct relay_channel *ch, struct mg_span text,
    bool last)
{
	channel_feed(ch->screen, text.ptr, text.len, last);
	ch->len += text.len;
	if (!r->opt.notes->capture)
		return;
	buf_add_span(&ch->tail, text);
	if (ch->tail.len > TAIL_BYTES + text.len) {
		size_t drop = ch->tail.len - TAIL_BYTES - text.len;

		while (((unsigned char)ch->tail.ptr[drop] & 0xc0) == 0x80)
			drop++;
		buf_drop(&ch->tail, drop);
	}
}

/* Nothing more will come for a choice (-1: for all): its texts are whole. */
static void
finish_channels(struct relay *r, int32_t choice)
{
	size_t i;

	for (i = 0; i < r->n_channels; i++) {
		struct relay_channel *ch = &r->channels[i];

		if (ch->finished || (choice >= 0 && ch->choice != choice))
			continue;
		ch->finished = true;
		channel_add(r, ch, span("", 0), true);
		channel_note(r, ch);
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
		choice = choice_get((void *)r, event->parts[0].choice);
		if (choice->is_cut || choice->logprobs_dropped ||
		    event->parts[0].whole_hit || event->parts[0].after_end)
			return false;
	}
	for (i = 0; i < event->n_pieces; i++) {
		const struct relay_channel *ch =
		    &r->channels[event->pieces[i].channel];

		(void)channel_edits(ch->screen, &n);
		if (n > 0 || event->pieces[i].repaired)
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
			choice_get(r, event->parts[0].choice)->role_sent =
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
static void
flush(struct relay *r)
{
	struct relay_event **at = &r->first, *event;
	bool any_waits = false;
	size_t i;

	for (i = 0; i < r->n_choices; i++)
		r->choices[i].waits = false;
	while ((event = *at)) {
		struct relay_choice *choice = event->choice == CHOICE_ALL ?
		    NULL : choice_get(r, event->choice);

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

/* ---- reading one event ---- */

/* Puts an end to a surrogate pair that was cut between two events: the whole
 * character belongs to the second. The text goes to the event's scratch. */
static struct mg_span
repair(struct relay *r, struct relay_channel *ch, struct relay_piece *p,
    struct mg_span raw)
{
	struct buf *out = &r->event->scratch, text = { 0 };
	uint16_t head = 0, tail = 0;

	jdoc_unescape(raw, &text, &head, &tail);
	p->text_at = out->len;
	if (ch->high && head) {
		unsigned c = 0x10000u + (ch->high - 0xd800u) * 0x400u +
		    (head - 0xdc00u);
		char utf8[4] = { (char)(0xf0 | c >> 18),
			(char)(0x80 | (c >> 12 & 63)),
			(char)(0x80 | (c >> 6 & 63)), (char)(0x80 | (c & 63)) };

		buf_add(out, utf8, 4);
	} else if (ch->high || head) {
		buf_add_str(out, "\xef\xbf\xbd");
	}
	buf_add_span(out, buf_span(&text));
	buf_fini(&text);
	ch->high = tail;
	p->repaired = true;
	p->text_len = out->len - p->text_at;
	return span(out->ptr + p->text_at, p->text_len);
}

static bool
read_piece(struct relay *r, const struct surface_text *t)
{
	const struct jdoc_node *node = &r->doc.nodes[t->node];
	struct relay_event *event = r->event;
	struct relay_channel *ch = channel_get(r, t);
	struct relay_piece *p;
	struct mg_span text;

	if (!ch) {
		r->why = "more texts in one stream than we follow";
		return false;
	}
	event->pieces = xgrow(event->pieces, &event->cap_pieces,
	    event->n_pieces + 1, sizeof(*event->pieces));
	p = &event->pieces[event->n_pieces];
	*p = (struct relay_piece){ .channel = (size_t)(ch - r->channels),
		.at = node->at, .len = node->len, .from = ch->len };
	if (node->len == 2)
		return true;		/* an empty delta */
	if (ch->finished) {
		/* The backend said that this choice was finished. */
		r->why = "text for a choice that had ended";
		return false;
	}
	if (ch->high || (node->flags & JDOC_LONE)) {
		text = repair(r, ch, p, span(r->doc.text + node->at + 1,
		    node->len - 2));
	} else {
		buf_clear(&r->scratch);
		text = jdoc_string(&r->doc, t->node, &r->scratch);
	}
	event->n_pieces++;
	channel_add(r, ch, text, false);
	p->to = ch->len;
	if (!ch->is_logprobs)
		r->counted_tokens += limits_count_tokens(text);
	channel_note(r, ch);
	return true;
}

static struct relay_part *
part_at(struct relay *r, uint32_t at)
{
	size_t i;

	for (i = 0; i < r->event->n_parts; i++)
		if (at >= r->event->parts[i].at &&
		    at < r->event->parts[i].at + r->event->parts[i].len)
			return &r->event->parts[i];
	return NULL;
}

/* A text that stands alone: judged at once. */
static void
read_whole(struct relay *r, const struct surface_text *t)
{
	const struct jdoc_node *node = &r->doc.nodes[t->node];
	struct relay_part *part = part_at(r, node->at);
	struct channel_screen *channel;
	struct buf plain = { 0 }, quoted = { 0 }, path = { 0 };
	struct mg_span text;
	size_t from = 0, n;

	buf_clear(&r->scratch);
	text = t->decoded.ptr ? t->decoded :
	    t->is_key ? jdoc_key(&r->doc, t->node, &r->scratch) :
	    jdoc_string(&r->doc, t->node, &r->scratch);
	if (text.len == 0)
		return;
	channel = screen_text(r->opt.screen, t->role,
	    t->kind == TEXT_JSON ? FORM_JSON : FORM_PLAIN, text);
	(void)channel_findings(channel, &n, NULL);
	if (t->is_key && n > 0)
		key_path(&r->doc, t->node, &path);
	notes_add(r->opt.notes, SIDE_ANSWER, channel, &from,
	    path.ptr ? NULL : &r->doc, t->node, path.ptr, text, 0);
	buf_fini(&path);
	(void)channel_edits(channel, &n);
	if (channel_cut(channel) != SCREEN_NONE ||
	    (n > 0 && !t->is_logprobs && (t->is_key || t->decoded.ptr))) {
		r->opt.notes->blocked = true;
		if (part) {
			part->whole_hit = true;
			choice_get(r, part->choice)->is_cut = true;
		} else {
			r->stop_all = true;
		}
	} else if (n > 0 && t->is_logprobs && part) {
		choice_get(r, part->choice)->logprobs_dropped = true;
	} else if (n > 0) {
		(void)edited_text(channel, text, 0, t->kind == TEXT_JSON,
		    &plain);
		buf_add_json(&quoted, buf_span(&plain));
		judged_doc_change(&r->event->changes, node->at, node->len,
		    buf_span(&quoted));
		if (part)
			choice_get(r, part->choice)->logprobs_dropped = true;
	}
	channel_close(channel);
	buf_fini(&plain);
	buf_fini(&quoted);
}

static bool
visit(void *arg, const struct surface_text *t)
{
	struct relay *r = arg;
	struct relay_part *part;

	switch (t->kind) {
	case TEXT_TOKEN_IDS:
	case TEXT_MEDIA:
		return true;
	case TEXT_REFERENCE:
	case TEXT_PLAIN:
	case TEXT_JSON:
		break;
	}
	part = part_at(r, r->doc.nodes[t->node].at);
	if (part && part->after_end)
		return true;		/* it will not leave */
	if (!t->joins || !t->is_known || t->decoded.ptr)
		read_whole(r, t);
	if (t->joins && !t->decoded.ptr)
		return read_piece(r, t);
	return true;
}

/* Notes the elements of `choices`: whose they are, where their finish_reason
 * and logprobs stand. */
static bool
read_parts(struct relay *r)
{
	struct jdoc *doc = &r->doc;
	struct relay_event *event = r->event;
	uint32_t choices = jdoc_member(doc, 0, "choices"), i, member;
	int32_t position = 0;

	event->choice = CHOICE_ALL;
	if (!choices || doc->nodes[choices].type != JDOC_ARRAY)
		return true;
	for (i = jdoc_child(doc, choices); i; i = jdoc_sibling(doc, i)) {
		const struct jdoc_node *node = &doc->nodes[i];
		struct relay_part *part;
		int64_t index = position;

		member = jdoc_member(doc, i, "index");
		if (member && (!jdoc_int(doc, member, &index) || index < 0 ||
		    index > INT32_MAX))
			index = position;
		position++;
		if (!choice_add(r, (int32_t)index)) {
			r->why = "more choices than we follow";
			return false;
		}
		event->parts = xgrow(event->parts, &event->cap_parts,
		    event->n_parts + 1, sizeof(*event->parts));
		part = &event->parts[event->n_parts++];
		*part = (struct relay_part){ .choice = (int32_t)index,
			.at = node->at, .len = node->len };
		member = jdoc_member(doc, i, "logprobs");
		if (member && doc->nodes[member].type == JDOC_OBJECT) {
			part->lp_at = doc->nodes[member].at;
			part->lp_len = doc->nodes[member].len;
		}
		member = jdoc_member(doc, i, "finish_reason");
		if (member && doc->nodes[member].type == JDOC_STRING) {
			part->finish_at = doc->nodes[member].at;
			part->finish_len = doc->nodes[member].len;
		}
		member = jdoc_member(doc, i, "delta");
		part->has_role = member && jdoc_member(doc, member, "role");
		part->after_end = choice_get(r, part->choice)->ended;
	}
	if (event->n_parts == 1)
		event->choice = event->parts[0].choice;
	return true;
}

static void
copy_string(struct relay *r, uint32_t node, char *out, size_t size)
{
	struct mg_span s;

	if (!node || r->doc.nodes[node].type != JDOC_STRING || out[0])
		return;
	buf_clear(&r->scratch);
	s = jdoc_string(&r->doc, node, &r->scratch);
	(void)snprintf(out, size, "%.*s",
	    (int)(s.len < size ? s.len : size - 1), s.ptr);
	/* Never half a character. */
	out[utf8_whole(out, strlen(out))] = '\0';
}

static void
read_usage(struct relay *r, uint32_t usage)
{
	int64_t n;

	if (jdoc_int(&r->doc, jdoc_member(&r->doc, usage, "prompt_tokens"),
	    &n) && n >= 0)
		r->facts.prompt_tokens = (uint64_t)n;
	if (jdoc_int(&r->doc, jdoc_member(&r->doc, usage,
	    "completion_tokens"), &n) && n >= 0)
		r->facts.completion_tokens = (uint64_t)n;
	r->facts.has_usage = true;
}

/* Keeps what a chunk of our own must repeat. */
static void
read_envelope(struct relay *r)
{
	static const char *const names[] = { "id", "object", "created",
		"model", "system_fingerprint", "service_tier" };
	size_t i;

	if (r->envelope.len > 0 || r->event->n_parts == 0)
		return;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		uint32_t node = jdoc_member(&r->doc, 0, names[i]);

		if (!node)
			continue;
		buf_addf(&r->envelope, "\"%s\":", names[i]);
		buf_add(&r->envelope, r->doc.text + r->doc.nodes[node].at,
		    r->doc.nodes[node].len);
		buf_add_byte(&r->envelope, ',');
	}
	copy_string(r, jdoc_member(&r->doc, 0, "id"), r->facts.id,
	    sizeof(r->facts.id));
	copy_string(r, jdoc_member(&r->doc, 0, "model"), r->facts.model,
	    sizeof(r->facts.model));
}

/* Choices that this event ends: their texts are whole now. */
static void
read_finishes(struct relay *r)
{
	size_t i;

	for (i = 0; i < r->event->n_parts; i++) {
		const struct relay_part *part = &r->event->parts[i];
		struct relay_choice *choice = choice_get(r, part->choice);

		if (part->finish_len == 0 || choice->finished)
			continue;
		choice->finished = true;
		finish_channels(r, part->choice);
		(void)snprintf(r->facts.finish, sizeof(r->facts.finish),
		    "%.*s", (int)part->finish_len - 2,
		    r->doc.text + part->finish_at + 1);
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
	flush(r);
	if (r->opt.as_error) {
		queue_error(r);
		flush(r);
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
	flush(r);
	if (over) {
		finish_channels(r, -1);
		flush(r);
		if (r->opt.include_usage)
			queue_usage(r);
		flush(r);
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
	finish_channels(r, -1);
	after_cuts(r);
	flush(r);
}

/* Copies data, on one line: line ends between JSON tokens become blanks. */
static void
take_payload(struct relay_event *event, const struct sse_event *sse)
{
	size_t i;

	buf_add_span(&event->name, sse->name);
	if (!sse->has_data) {
		/* Old llama.cpp: an `error` field, which SDKs drop. */
		buf_add_str(&event->payload, "{\"error\":");
		buf_add_span(&event->payload, sse->error);
		buf_add_byte(&event->payload, '}');
		return;
	}
	buf_add_span(&event->payload, sse->data);
	for (i = 0; i < event->payload.len; i++)
		if (event->payload.ptr[i] == '\n' ||
		    event->payload.ptr[i] == '\r')
			event->payload.ptr[i] = ' ';
}

static bool
read_doc(struct relay *r)
{
	struct relay_event *event = r->event;
	uint32_t node;

	if (!read_parts(r))
		return false;
	read_envelope(r);
	node = jdoc_member(&r->doc, 0, "usage");
	if (node && r->doc.nodes[node].type == JDOC_OBJECT) {
		event->has_usage = true;
		read_usage(r, node);
	}
	node = jdoc_member(&r->doc, 0, "error");
	if (node && r->doc.nodes[node].type == JDOC_NULL) {
		const struct jdoc_node *n = &r->doc.nodes[node];

		event->null_error_at = n->key_at - 1;
		event->null_error_len = n->at + n->len - event->null_error_at;
	} else if (node) {
		/* What was held is all that there will be. */
		finish_channels(r, -1);
		flush(r);
	}
	surface_read(r->opt.surface, DOC_EVENT, &r->doc, &r->surface_scratch,
	    visit, r);
	if (r->why)
		return false;
	read_finishes(r);
	return true;
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
	take_payload(event, sse);
	r->facts.events++;
	if (jdoc_read(&r->doc, buf_span(&event->payload), &limits, &at) !=
	    JDOC_OK || r->doc.nodes[0].type != JDOC_OBJECT) {
		event_free(event);
		return fail(r, "an event that is not JSON");
	}
	if (!read_doc(r)) {
		event_free(event);
		return fail(r, "an event we cannot follow");
	}
	if (r->stop_all)
		event_free(event);
	else
		queue(r, event);
	after_cuts(r);
	flush(r);
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
	r->view.choice = choice_get;
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
