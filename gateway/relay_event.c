/* SPDX-License-Identifier: Apache-2.0 */
/* relay_event.c - writes one event: as it came, or with its texts changed.
 *
 * A changed event is its source with some tokens replaced, so that fields we
 * do not know survive. */
#include "gateway/relay_event.h"

#include <stdlib.h>

void
relay_event_frame(struct mg_span name, struct mg_span payload,
    struct buf *out)
{
	if (name.len > 0) {
		buf_add_str(out, "event: ");
		buf_add_span(out, name);
		buf_add_byte(out, '\n');
	}
	buf_add_str(out, "data: ");
	buf_add_span(out, payload);
	buf_add_str(out, "\n\n");
}

static bool
is_cut(const struct relay_view *view, int32_t index)
{
	struct relay_choice *choice;

	choice = index >= 0 ? view->choice(view->arg, index) : NULL;
	return choice && choice->is_cut;
}

bool
relay_event_is_settled(const struct relay_event *event,
    const struct relay_view *view)
{
	size_t i;

	for (i = 0; i < event->n_pieces; i++) {
		const struct relay_piece *p = &event->pieces[i];
		const struct relay_channel *ch = &view->channels[p->channel];

		if (p->to > channel_clear(ch->screen) &&
		    !is_cut(view, ch->choice))
			return false;
	}
	return true;
}

static struct relay_part *
part_of(struct relay_event *event, uint32_t at)
{
	size_t i;

	for (i = 0; i < event->n_parts; i++)
		if (at >= event->parts[i].at &&
		    at < event->parts[i].at + event->parts[i].len)
			return &event->parts[i];
	return NULL;
}

static bool
overlaps_edit(const struct relay_channel *ch, const struct relay_piece *p)
{
	const struct screen_edit *e;
	size_t i, n;

	e = channel_edits(ch->screen, &n);
	for (i = n; i-- > 0;) {
		if (e[i].at + e[i].len <= p->from)
			return false;
		if (e[i].at < p->to)
			return true;
	}
	return false;
}

/* How far a choice that was cut may still be told: none of the text from
 * here on leaves. */
static bool
is_beyond(const struct relay_channel *ch, const struct relay_piece *p)
{
	uint64_t cut = channel_cut(ch->screen);
	uint64_t clear = channel_clear(ch->screen);

	return p->to > (clear < cut ? clear : cut);
}

/* Appends what may leave of a piece's text to out; returns whether it differs
 * from the source. choice_cut: another channel of the choice may have the
 * hit; this one's text leaves as far as it is clear. */
static bool
piece_text(const struct relay_event *event, const struct relay_channel *ch,
    const struct relay_piece *p, bool choice_cut, struct buf *out)
{
	struct buf scratch = { 0 };
	struct mg_span text = span(event->scratch.ptr + p->text_at,
	    p->text_len);
	uint64_t clear = channel_clear(ch->screen);
	bool changed = p->repaired;

	if (!p->repaired) {
		jdoc_unescape(span(event->payload.ptr + p->at + 1, p->len - 2),
		    &scratch, NULL, NULL);
		text = buf_span(&scratch);
	}
	if (choice_cut && channel_cut(ch->screen) == SCREEN_NONE &&
	    is_beyond(ch, p)) {
		/* No edit goes through the clear mark. */
		text.len = clear > p->from ? (size_t)(clear - p->from) : 0;
		changed = true;
	}
	if (edited_text(ch->screen, text, p->from, ch->is_json, out))
		changed = true;
	buf_fini(&scratch);
	return changed;
}

/* A text and nothing else that would have to stand in one of the halves. */
static bool
can_be_parted(const struct relay_event *event, const struct relay_view *view)
{
	const struct relay_part *part = &event->parts[0];

	return !event->is_ours && event->n_parts == 1 &&
	    event->n_pieces == 1 && part->lp_len == 0 &&
	    part->finish_len == 0 && !part->after_end && !part->whole_hit &&
	    !part->has_more &&
	    !event->has_usage && event->null_error_len == 0 &&
	    event->changes.n_splices == 0 && !is_cut(view, part->choice);
}

bool
relay_event_split(struct relay_event *event, const struct relay_view *view,
    struct buf *out)
{
	struct relay_piece *p = &event->pieces[0];
	struct buf whole = { 0 }, first = { 0 }, quoted = { 0 }, text = { 0 };
	const struct relay_channel *ch;
	struct jdoc_splice splice;
	uint64_t clear;
	size_t keep;

	if (!can_be_parted(event, view))
		return false;
	ch = &view->channels[p->channel];
	clear = channel_clear(ch->screen);
	if (clear <= p->from || clear >= p->to)
		return false;
	keep = (size_t)(clear - p->from);
	if (p->repaired)
		buf_add(&whole, event->scratch.ptr + p->text_at, p->text_len);
	else
		jdoc_unescape(span(event->payload.ptr + p->at + 1, p->len - 2),
		    &whole, NULL, NULL);
	if (edited_text(ch->screen, span(whole.ptr, keep), p->from,
	    ch->is_json, &first))
		view->choice(view->arg, ch->choice)->logprobs_dropped = true;
	buf_add_json(&quoted, buf_span(&first));
	splice = (struct jdoc_splice){ p->at, p->len, buf_span(&quoted) };
	jdoc_splice(buf_span(&event->payload), &splice, 1, &text);
	relay_event_frame(buf_span(&event->name), buf_span(&text), out);
	if (event->parts[0].has_role)
		view->choice(view->arg, event->choice)->role_sent = true;
	/* The rest is a piece of its own, which is not in the source. */
	p->from = clear;
	p->repaired = true;
	p->text_at = event->scratch.len;
	p->text_len = whole.len - keep;
	buf_add(&event->scratch, whole.ptr + keep, p->text_len);
	buf_fini(&whole);
	buf_fini(&first);
	buf_fini(&quoted);
	buf_fini(&text);
	return true;
}

/* State of one event's writing. */
struct writing {
	struct relay_event *event;
	const struct relay_view *view;
	struct judged_doc *changes;
	bool *kept;		/* per part: something of it leaves */
	bool *hit;		/* per part: its choice is cut inside it */
};

/* The change at this place, or NULL. */
static struct jdoc_splice *
change_at(const struct judged_doc *changes, size_t at)
{
	size_t i;

	for (i = 0; i < changes->n_splices; i++)
		if (changes->splices[i].at == at)
			return &changes->splices[i];
	return NULL;
}

/* Looks at every piece: what leaves, and which parts the cut runs through. */
static void
write_pieces(struct writing *w)
{
	struct relay_event *event = w->event;
	struct buf text = { 0 }, quoted = { 0 };
	size_t i;

	for (i = 0; i < event->n_pieces; i++) {
		struct relay_piece *p = &event->pieces[i];
		struct relay_channel *ch = &w->view->channels[p->channel];
		struct relay_part *part = part_of(event, p->at);
		struct relay_choice *choice = ch->choice >= 0 ?
		    w->view->choice(w->view->arg, ch->choice) : NULL;
		struct jdoc_splice *whole;
		bool cut = choice ? choice->is_cut :
		    channel_cut(ch->screen) != SCREEN_NONE;

		if (!p->repaired && !cut && !overlaps_edit(ch, p))
			continue;
		buf_clear(&text);
		if (!piece_text(event, ch, p, cut, &text))
			continue;
		if (choice && (cut || overlaps_edit(ch, p)))
			choice->logprobs_dropped = true;
		if (part && cut && is_beyond(ch, p))
			w->hit[part - event->parts] = true;
		if (part && text.len > 0 && !ch->is_logprobs)
			w->kept[part - event->parts] = true;
		buf_clear(&quoted);
		buf_add_json(&quoted, buf_span(&text));
		whole = change_at(w->changes, p->at);
		/* Judged by itself it was changed as well. Where the two
		 * differ neither makes the other: nothing of it leaves. */
		if (whole && !span_eq(whole->with, buf_span(&quoted)))
			whole->with = span("\"\"", 2);
		if (whole)
			continue;
		judged_doc_change(w->changes, p->at, p->len,
		    buf_span(&quoted));
	}
	buf_fini(&text);
	buf_fini(&quoted);
}

/* Decides for each element of `choices` whether it leaves, and mends its
 * finish_reason and logprobs. */
static void
write_parts(struct writing *w)
{
	struct relay_event *event = w->event;
	size_t i;

	for (i = 0; i < event->n_parts; i++) {
		struct relay_part *part = &event->parts[i];
		struct relay_choice *choice = w->view->choice(w->view->arg,
		    part->choice);

		if (choice->cut_written || part->whole_hit ||
		    part->after_end) {
			choice->cut_written |= choice->is_cut;
			w->kept[i] = false;
			continue;
		}
		if (w->hit[i] || (choice->is_cut && part->finish_len > 0)) {
			/* Our own finish_reason follows. */
			choice->cut_written = true;
			if (part->finish_len > 0)
				judged_doc_change(w->changes,
				    part->finish_at, part->finish_len,
				    span_str("null"));
			if (part->has_role)
				w->kept[i] = true;
		} else {
			w->kept[i] = true;
		}
		if (part->lp_len > 0 && choice->logprobs_dropped)
			judged_doc_change(w->changes, part->lp_at,
			    part->lp_len, span_str("null"));
		if (w->kept[i] && part->has_role)
			choice->role_sent = true;
	}
}

/* Takes the elements that must not leave out of the array, with their commas.
 * Returns how many stay. */
static size_t
remove_parts(struct writing *w)
{
	struct relay_event *event = w->event;
	size_t i, j, kept = 0, end_of_kept = 0;

	for (i = 0; i < event->n_parts; i = j) {
		size_t from, to;

		j = i + 1;
		if (w->kept[i]) {
			kept++;
			end_of_kept = event->parts[i].at + event->parts[i].len;
			continue;
		}
		while (j < event->n_parts && !w->kept[j])
			j++;
		from = event->parts[i].at;
		to = event->parts[j - 1].at + event->parts[j - 1].len;
		if (j < event->n_parts)
			to = event->parts[j].at;
		else if (kept > 0)
			from = end_of_kept;
		judged_doc_change(w->changes, from, to - from, span("", 0));
	}
	return kept;
}

/* `"error": null` in a chunk makes an old SDK fail: the member goes, with one
 * of its commas. */
static void
remove_null_error(struct writing *w)
{
	const char *p = w->event->payload.ptr;
	size_t from = w->event->null_error_at;
	size_t to = from + w->event->null_error_len;

	if (w->event->null_error_len == 0)
		return;
	while (strchr(" \t", p[from - 1]))
		from--;
	if (p[from - 1] == ',') {
		from--;
	} else {
		while (strchr(" \t", p[to]))
			to++;
		if (p[to] == ',')
			to++;
	}
	judged_doc_change(w->changes, from, to - from, span("", 0));
}

void
relay_event_write(struct relay_event *event, const struct relay_view *view,
    struct buf *out)
{
	struct writing w = { .event = event, .view = view,
		.changes = &event->changes };
	struct buf text = { 0 };
	size_t kept;

	if (event->is_ours) {
		relay_event_frame(buf_span(&event->name),
		    buf_span(&event->payload), out);
		return;
	}
	w.kept = xcalloc(event->n_parts * 2, sizeof(bool));
	w.hit = w.kept + event->n_parts;
	write_pieces(&w);
	write_parts(&w);
	kept = remove_parts(&w);
	remove_null_error(&w);
	if (event->n_parts == 0 || kept > 0 || event->has_usage) {
		if (event->changes.n_splices > 0)
			judged_doc_write(&event->changes, buf_span(&event->payload),
			    &text);
		relay_event_frame(buf_span(&event->name),
		    event->changes.n_splices > 0 ? buf_span(&text) :
		    buf_span(&event->payload), out);
	}
	free(w.kept);
	buf_fini(&text);
}
