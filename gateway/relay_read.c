/* SPDX-License-Identifier: Apache-2.0 */
/* relay_read.c - reads one event of a stream: whose it is, and its texts, which
 * go to their channels. */
#include <stdio.h>

#include "gateway/limits.h"
#include "gateway/relay_state.h"

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
	struct relay_channel *ch = relay_channel(r, t);
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
	relay_feed_channel(r, ch, text, false);
	p->to = ch->len;
	if (!ch->is_logprobs)
		r->counted_tokens += limits_count_tokens(text);
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
	struct buf plain = { 0 }, quoted = { 0 };
	struct mg_span text;
	size_t from = 0, n;
	bool stop = false;

	buf_clear(&r->scratch);
	text = t->decoded.ptr ? t->decoded :
	    t->is_key ? jdoc_key(&r->doc, t->node, &r->scratch) :
	    jdoc_string(&r->doc, t->node, &r->scratch);
	if (text.len == 0)
		return;
	channel = screen_text(r->opt.screen, t->role,
	    t->kind == TEXT_JSON ? FORM_JSON : FORM_PLAIN, text);
	notes_add(r->opt.notes, SIDE_ANSWER, channel, &from, &r->doc, t->node,
	    t->is_key ? NOTES_KEY : NULL, text, 0);
	(void)channel_edits(channel, &n);
	if (n > 0 && !t->is_logprobs && (t->is_key || t->decoded.ptr)) {
		/* No place to write it back to. */
		stop = channel_must_change(channel);
		n = 0;
	}
	if (stop || channel_cut(channel) != SCREEN_NONE) {
		r->opt.notes->blocked = true;
		if (part) {
			part->whole_hit = true;
			relay_choice(r, part->choice)->is_cut = true;
		} else {
			r->stop_all = true;
		}
	} else if (n > 0 && t->is_logprobs && part) {
		relay_choice(r, part->choice)->logprobs_dropped = true;
	} else if (n > 0) {
		(void)edited_text(channel, text, 0, t->kind == TEXT_JSON,
		    &plain);
		buf_add_json(&quoted, buf_span(&plain));
		judged_doc_change(&r->event->changes, node->at, node->len,
		    buf_span(&quoted));
		if (part)
			relay_choice(r, part->choice)->logprobs_dropped = true;
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

/* Whether a delta holds what must not be said twice: ids and names of tool
 * calls, sound, sources. */
static bool
has_more(const struct jdoc *doc, uint32_t delta)
{
	uint32_t i;

	for (i = delta ? jdoc_child(doc, delta) : 0; i;
	    i = jdoc_sibling(doc, i))
		if (doc->nodes[i].type == JDOC_OBJECT ||
		    doc->nodes[i].type == JDOC_ARRAY)
			return true;
	return false;
}

/* Notes the elements of `choices`: whose they are, where their finish_reason
 * and logprobs stand. */
static bool
read_parts(struct relay *r)
{
	struct jdoc *doc = &r->doc;
	struct relay_event *event = r->event;
	uint32_t choices = jdoc_member(doc, 0, "choices"), i, member;
	uint32_t position = 0;

	event->choice = CHOICE_ALL;
	if (!choices || doc->nodes[choices].type != JDOC_ARRAY)
		return true;
	for (i = jdoc_child(doc, choices); i; i = jdoc_sibling(doc, i)) {
		const struct jdoc_node *node = &doc->nodes[i];
		int32_t index = (int32_t)surface_index(doc, i, position++);
		struct relay_part *part;

		if (!relay_add_choice(r, index)) {
			r->why = "more choices than we follow";
			return false;
		}
		event->parts = xgrow(event->parts, &event->cap_parts,
		    event->n_parts + 1, sizeof(*event->parts));
		part = &event->parts[event->n_parts++];
		*part = (struct relay_part){ .choice = index,
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
		part->has_more = has_more(doc, member);
		part->after_end = relay_choice(r, part->choice)->ended;
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
		struct relay_choice *choice = relay_choice(r, part->choice);

		if (part->finish_len == 0 || choice->finished)
			continue;
		choice->finished = true;
		relay_finish_channels(r, part->choice);
		(void)snprintf(r->facts.finish, sizeof(r->facts.finish),
		    "%.*s", (int)part->finish_len - 2,
		    r->doc.text + part->finish_at + 1);
	}
}

/* A name as the APIs have them; another one might carry text. */
static bool
is_event_name(struct mg_span name)
{
	size_t i;

	for (i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    c != '_' && c != '.')
			return false;
	}
	return name.len <= 64;
}

/* Copies data, on one line: line ends between JSON tokens become blanks. */
void
relay_take_payload(struct relay_event *event, const struct sse_event *sse)
{
	size_t i;

	if (is_event_name(sse->name))
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

bool
relay_read_event(struct relay *r)
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
		relay_finish_channels(r, -1);
		relay_flush(r);
	}
	surface_read(r->opt.surface, DOC_EVENT, &r->doc, &r->surface_scratch,
	    visit, r);
	if (r->why)
		return false;
	read_finishes(r);
	return true;
}
