/* SPDX-License-Identifier: Apache-2.0 */
/* judge_doc.c - judges every text of one whole JSON document.
 *
 * Each string is a channel that is closed at once, but for those that the
 * surface calls pieces of one text (log probabilities): they are fed one after
 * the other. */
#include "gateway/judge_doc.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/judge_join.h"
#include "gateway/limits.h"
#include "gateway/unescape.h"

/* A text that comes in pieces. */
struct joined {
	uint64_t id;
	int32_t choice;
	uint32_t node;			/* of its first piece, for the path */
	struct channel_screen *channel;
	struct buf text;
};

struct walk {
	enum policy_side side;
	enum surface_kind surface;
	const struct jdoc *doc;
	struct screen *screen;
	struct notes *notes;
	struct judged_doc *out;
	struct placeholders *avoid;	/* judge_doc_avoid() only */
	struct buf scratch;
	struct joined *joined;
	size_t n_joined, cap_joined;
	struct join *join;		/* NULL: no rule has a scope */
};

/* The first edit that ends behind an offset. */
static size_t
edit_behind(const struct screen_edit *edits, size_t n, uint64_t at)
{
	size_t from = 0, to = n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (edits[mid].at + edits[mid].len <= at)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* Writes an edit's word into JSON inside a string. */
static void
add_quoted(const struct screen_edit *e, struct buf *out)
{
	struct jdoc doc = { 0 };
	struct jdoc_limits limits = { .max_depth = 1, .max_nodes = 2 };
	struct mg_span with = span(e->with, e->with_len);
	struct buf quoted = { 0 };
	size_t at;

	/* What stood there as a number comes back as one. */
	if (e->bare && !e->rule && jdoc_read(&doc, with, &limits, &at) ==
	    JDOC_OK && doc.nodes[0].type == JDOC_NUMBER) {
		buf_add_span(out, with);
	} else {
		buf_add_json(&quoted, with);
		if (e->bare)
			buf_add_span(out, buf_span(&quoted));
		else
			buf_add(out, quoted.ptr + 1, quoted.len - 2);
		explicit_bzero(quoted.ptr, quoted.len);
	}
	buf_fini(&quoted);
	jdoc_fini(&doc);
}

bool
edited_text(const struct channel_screen *channel, struct mg_span text,
    uint64_t from, bool json, struct buf *out)
{
	uint64_t at = from, end = from + text.len, cut = channel_cut(channel);
	const struct screen_edit *edits;
	bool changed = false;
	size_t i, n;

	edits = channel_edits(channel, &n);
	if (cut < end) {
		/* Nothing that is not clear goes before a cut either. */
		if (channel_clear(channel) < cut)
			cut = channel_clear(channel);
		end = cut < from ? from : cut;
		changed = true;
	}
	for (i = edit_behind(edits, n, at); i < n && edits[i].at < end; i++) {
		const struct screen_edit *e = &edits[i];

		/* What is cut through is not restored. */
		if (!e->rule && e->at + e->len > cut) {
			end = e->at > at ? e->at : at;
			break;
		}
		changed = true;
		if (e->at > at)
			buf_add(out, text.ptr + (at - from),
			    (size_t)(e->at - at));
		/* The replacement stands where its match begins. */
		if (e->at >= from && (json || e->quoted))
			add_quoted(e, out);
		else if (e->at >= from)
			buf_add(out, e->with, e->with_len);
		at = e->at + e->len;
	}
	if (at < end)
		buf_add(out, text.ptr + (at - from), (size_t)(end - at));
	return changed;
}

void
judged_doc_change(struct judged_doc *judged, size_t at, size_t len,
    struct mg_span with)
{
	struct buf *copy;

	judged->texts = xgrow(judged->texts, &judged->cap_texts,
	    judged->n_texts + 1, sizeof(*judged->texts));
	copy = &judged->texts[judged->n_texts++];
	memset(copy, 0, sizeof(*copy));
	buf_add_span(copy, with);
	judged->splices = xgrow(judged->splices, &judged->cap_splices,
	    judged->n_splices + 1, sizeof(*judged->splices));
	judged->splices[judged->n_splices++] = (struct jdoc_splice){ at, len,
		buf_span(copy) };
}

static int
by_place(const void *a, const void *b)
{
	const struct jdoc_splice *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->len > y->len ? -1 : x->len < y->len;
}

void
judged_doc_write(struct judged_doc *judged, struct mg_span doc,
    struct buf *out)
{
	size_t i, n = 0, end = 0;

	if (judged->n_splices > 1)
		qsort(judged->splices, judged->n_splices,
		    sizeof(*judged->splices), by_place);
	for (i = 0; i < judged->n_splices; i++) {
		if (i > 0 && judged->splices[i].at < end)
			continue;
		end = judged->splices[i].at + judged->splices[i].len;
		judged->splices[n++] = judged->splices[i];
	}
	judged->n_splices = n;
	jdoc_splice(doc, judged->splices, n, out);
}

void
judged_doc_fini(struct judged_doc *judged)
{
	size_t i;

	for (i = 0; i < judged->n_texts; i++)
		buf_fini(&judged->texts[i]);
	free(judged->texts);
	free(judged->splices);
	free(judged->cut);
	memset(judged, 0, sizeof(*judged));
}

bool
judged_doc_is_cut(const struct judged_doc *judged, int32_t choice)
{
	size_t i;

	for (i = 0; i < judged->n_cut; i++)
		if (judged->cut[i] == choice)
			return true;
	return false;
}

/* Remembers that a text must not pass. */
static void
stop(struct walk *w, uint32_t node, int32_t choice)
{
	struct judged_doc *out = w->out;

	w->notes->blocked = true;
	if (out->param[0] == '\0') {
		struct buf path = { 0 };
		size_t len = 0;

		surface_path(w->doc, node, &path);
		while (len < path.len && len < sizeof(out->param) - 1 &&
		    path.ptr[len] != '.' && path.ptr[len] != '[')
			len++;
		if (len > 0)
			memcpy(out->param, path.ptr, len);
		out->param[len] = '\0';
		buf_fini(&path);
	}
	if (choice < 0) {
		out->blocked = true;
	} else if (!judged_doc_is_cut(out, choice)) {
		out->cut = xgrow(out->cut, &out->cap_cut, out->n_cut + 1,
		    sizeof(*out->cut));
		out->cut[out->n_cut++] = choice;
	}
}

/* The choice object that a node lies in, or 0. */
static uint32_t
choice_of(const struct jdoc *doc, uint32_t node)
{
	while (doc->nodes[node].depth > 2)
		node = doc->nodes[node].parent;
	return doc->nodes[node].depth == 2 ? node : 0;
}

/* Log probabilities repeat the text: once a text of a choice is changed they
 * would undo the change. */
static void
drop_logprobs(struct walk *w, uint32_t node)
{
	uint32_t choice = choice_of(w->doc, node), lp;

	lp = choice ? jdoc_member(w->doc, choice, "logprobs") : 0;
	if (lp && w->doc->nodes[lp].type != JDOC_NULL)
		judged_doc_change(w->out, w->doc->nodes[lp].at,
		    w->doc->nodes[lp].len, span_str("null"));
}

/* Makes the changes that a whole text's verdict asks for. */
static void
change(struct walk *w, const struct surface_text *t,
    const struct channel_screen *channel, struct mg_span text)
{
	const struct jdoc_node *node = &w->doc->nodes[t->node];
	struct buf plain = { 0 }, quoted = { 0 };
	/* A key's own path would tell the key. */
	uint32_t where = t->is_key ? node->parent : t->node;
	size_t n;

	(void)channel_edits(channel, &n);
	if (channel_cut(channel) != SCREEN_NONE) {
		stop(w, where, t->choice);
	} else if (n > 0 && t->is_logprobs) {
		drop_logprobs(w, t->node);
	} else if (n > 0 && (t->is_key || t->decoded.ptr)) {
		/* No place to write it back to. */
		if (channel_must_change(channel))
			stop(w, where, t->choice);
	} else if (n > 0) {
		(void)edited_text(channel, text, 0, t->kind == TEXT_JSON,
		    &plain);
		buf_add_json(&quoted, buf_span(&plain));
		judged_doc_change(w->out, node->at, node->len,
		    buf_span(&quoted));
		if (t->choice >= 0)
			drop_logprobs(w, t->node);
	}
	buf_fini(&plain);
	buf_fini(&quoted);
}

static void
judge_whole(struct walk *w, const struct surface_text *t, struct mg_span text)
{
	struct channel_screen *channel;
	size_t from = 0;

	channel = screen_text(w->screen, t->role,
	    t->kind == TEXT_JSON ? FORM_JSON : FORM_PLAIN, text);
	notes_add(w->notes, w->side, channel, &from, w->doc, t->node,
	    t->is_key ? NOTES_KEY : NULL, text, 0);
	if (channel_cut(channel) != SCREEN_NONE || !w->join ||
	    !join_take(w->join, t, text, channel))
		change(w, t, channel, text);
	channel_close(channel);
}

static void
stop_joined(void *arg, uint32_t node)
{
	stop(arg, node, -1);
}

static void
change_joined(void *arg, uint32_t node, struct mg_span text)
{
	struct walk *w = arg;
	struct buf quoted = { 0 };

	buf_add_json(&quoted, text);
	judged_doc_change(w->out, w->doc->nodes[node].at,
	    w->doc->nodes[node].len, buf_span(&quoted));
	buf_fini(&quoted);
}

static void
judge_piece(struct walk *w, const struct surface_text *t, struct mg_span text)
{
	struct joined *j = NULL;
	size_t i;

	for (i = w->n_joined; i-- > 0 && !j;)
		if (w->joined[i].id == t->channel)
			j = &w->joined[i];
	if (!j) {
		w->joined = xgrow(w->joined, &w->cap_joined, w->n_joined + 1,
		    sizeof(*w->joined));
		j = &w->joined[w->n_joined++];
		*j = (struct joined){ t->channel, t->choice, t->node,
			channel_open(w->screen, t->role, FORM_PLAIN), { 0 } };
	}
	channel_feed(j->channel, text.ptr, text.len, false);
	if (w->notes->capture)
		buf_add_span(&j->text, text);
}

static void
finish_pieces(struct walk *w)
{
	size_t i, n, from;

	for (i = 0; i < w->n_joined; i++) {
		struct joined *j = &w->joined[i];

		channel_feed(j->channel, "", 0, true);
		from = 0;
		notes_add(w->notes, w->side, j->channel, &from, w->doc,
		    j->node, NULL, buf_span(&j->text), 0);
		(void)channel_edits(j->channel, &n);
		if (channel_cut(j->channel) != SCREEN_NONE)
			stop(w, j->node, j->choice);
		else if (n > 0)
			drop_logprobs(w, j->node);
		channel_close(j->channel);
		buf_fini(&j->text);
	}
	free(w->joined);
}

/* A text in all the ways that it is read in. */
static bool
visit_avoid(void *arg, const struct surface_text *t)
{
	struct walk *w = arg;
	struct unescape *unescape;
	struct mg_span text;
	uint64_t open;

	if (t->kind == TEXT_TOKEN_IDS || t->kind == TEXT_MEDIA)
		return true;
	buf_clear(&w->scratch);
	text = t->decoded.ptr ? t->decoded :
	    t->is_key ? jdoc_key(w->doc, t->node, &w->scratch) :
	    jdoc_string(w->doc, t->node, &w->scratch);
	placeholders_avoid(w->avoid, text);
	if (t->kind == TEXT_JSON) {
		unescape = unescape_new();
		placeholders_avoid(w->avoid, unescape_feed(unescape, text,
		    true, &open));
		unescape_free(unescape);
	}
	return true;
}

void
judge_doc_avoid(enum surface_kind surface, enum surface_doc which,
    const struct jdoc *doc, struct placeholders *table)
{
	struct walk w = { .surface = surface, .doc = doc, .avoid = table };
	struct buf scratch = { 0 };

	surface_read(surface, which, doc, &scratch, visit_avoid, &w);
	buf_fini(&scratch);
	buf_fini(&w.scratch);
}

static void
unread(struct walk *w, const struct surface_text *t, unsigned bit)
{
	if (w->out->unread == 0) {
		struct buf path = { 0 };

		surface_path(w->doc, t->node, &path);
		(void)snprintf(w->out->unread_path,
		    sizeof(w->out->unread_path), "%.*s", (int)path.len,
		    path.ptr);
		/* A path that was cut ends with a whole character. */
		w->out->unread_path[utf8_whole(w->out->unread_path,
		    strlen(w->out->unread_path))] = '\0';
		buf_fini(&path);
	}
	w->out->unread |= bit;
}

static bool
visit(void *arg, const struct surface_text *t)
{
	struct walk *w = arg;
	struct mg_span text;

	switch (t->kind) {
	case TEXT_TOKEN_IDS:
		unread(w, t, UNREAD_TOKEN_IDS);
		w->out->tokens += w->doc->nodes[t->node].len / 4;
		return true;
	case TEXT_REFERENCE:
		unread(w, t, UNREAD_REFERENCES);
		/* The address itself is text too. */
		break;
	case TEXT_MEDIA:
		unread(w, t, UNREAD_MEDIA);
		return true;
	case TEXT_PLAIN:
	case TEXT_JSON:
		break;
	}
	buf_clear(&w->scratch);
	if (t->decoded.ptr)
		text = t->decoded;
	else if (t->is_key)
		text = jdoc_key(w->doc, t->node, &w->scratch);
	else
		text = jdoc_string(w->doc, t->node, &w->scratch);
	if (!t->is_logprobs)
		w->out->tokens += limits_count_tokens(text);
	if (text.len == 0)
		return true;
	if (t->joins)
		judge_piece(w, t, text);
	else
		judge_whole(w, t, text);
	return true;
}

void
judge_doc(enum surface_kind surface, enum surface_doc which,
    enum policy_side side, const struct jdoc *doc, struct screen *screen,
    struct notes *notes, struct judged_doc *out)
{
	struct walk w = { .side = side, .surface = surface, .doc = doc,
		.screen = screen, .notes = notes, .out = out };
	struct buf scratch = { 0 };

	memset(out, 0, sizeof(*out));
	if (which == DOC_REQUEST)
		w.join = join_new(doc, screen);
	surface_read(surface, which, doc, &scratch, visit, &w);
	finish_pieces(&w);
	if (w.join)
		join_finish(w.join, notes, &(struct join_sink){ stop_joined,
			change_joined, &w });
	join_free(w.join);
	buf_fini(&scratch);
	buf_fini(&w.scratch);
}
