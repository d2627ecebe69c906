/* SPDX-License-Identifier: Apache-2.0 */
/* notes.c - what was found in one exchange. */
#include "gateway/notes.h"

#include <stdlib.h>

#include "gateway/surface.h"

/* Moves an offset by whole characters, back (step -1) or on (+1). */
static size_t
walk(struct mg_span text, size_t at, int step, unsigned chars)
{
	while (chars > 0 && (step < 0 ? at > 0 : at < text.len)) {
		at = step < 0 ? at - 1 : at + 1;
		if (at == 0 || at == text.len ||
		    ((unsigned char)text.ptr[at] & 0xc0) != 0x80)
			chars--;
	}
	return at;
}

static char *
excerpt(struct mg_span text, uint64_t text_at, uint64_t at, uint64_t len,
    uint64_t *excerpt_at)
{
	size_t from, to;

	if (at < text_at || at - text_at > text.len)
		return NULL;
	from = (size_t)(at - text_at);
	to = len > text.len - from ? text.len : from + (size_t)len;
	from = walk(text, from, -1, EXCERPT_CHARS);
	to = walk(text, to, 1, EXCERPT_CHARS);
	*excerpt_at = text_at + from;
	return xstrndup(text.ptr + from, to - from);
}

/* What would be different were the rule in force. */
static void
shadow(struct notes *notes, const struct screen_finding *f)
{
	const struct policy_rule *rule = f->rule;
	size_t i;

	if (rule->action == ACTION_FLAG || (f->unable && rule->allow_on_error))
		return;
	for (i = 0; i < notes->n_would; i++)
		if (notes->would[i] == rule)
			return;
	notes->would = xgrow(notes->would, &notes->cap_would,
	    notes->n_would + 1, sizeof(*notes->would));
	notes->would[notes->n_would++] = rule;
}

/* Values that a placeholder stands for are seen by nobody: asterisks, byte for
 * byte, so that offsets stay. */
static void
hide_values(const struct channel_screen *channel, uint64_t text_at,
    struct mg_span text, char *copy)
{
	const struct screen_edit *edits;
	uint64_t at, end;
	size_t i, n;

	edits = channel_edits(channel, &n);
	for (i = 0; i < n; i++) {
		if (!edits[i].rule || edits[i].rule->n_kinds == 0)
			continue;
		at = edits[i].at > text_at ? edits[i].at : text_at;
		end = edits[i].at + edits[i].len;
		for (; at < end && at - text_at < text.len; at++)
			copy[at - text_at] = '*';
	}
}

static void
outcome(struct notes *notes, const struct screen_finding *f)
{
	const struct policy_rule *rule = f->rule;

	if (rule->mode == MODE_SHADOW)
		shadow(notes, f);
	if (rule->mode != MODE_ENFORCE || (rule->action == ACTION_FLAG &&
	    !(f->unable && rule->feeds)))
		return;
	if (f->unable && rule->allow_on_error)
		return;
	if (f->unable)
		notes->unable = true;
	if (f->unable || rule->action == ACTION_BLOCK)
		notes->blocked = true;
	else
		notes->modified = true;
}

static bool
blocks(const struct policy_rule *rule, const char *unable)
{
	return rule->mode == MODE_ENFORCE && !unable &&
	    rule->action == ACTION_BLOCK;
}

/* Room for one more note, or NULL: it is only counted. What blocked must be
 * on record, whatever a client has put before it: it takes the last place. */
static struct note *
place_for(struct notes *notes, const struct screen_finding *f)
{
	struct note *last;

	if (notes->n < NOTES_MAX) {
		notes->items = xgrow(notes->items, &notes->cap, notes->n + 1,
		    sizeof(*notes->items));
		return &notes->items[notes->n++];
	}
	if (!blocks(f->rule, f->unable) || notes_blocking(notes))
		return NULL;
	last = &notes->items[NOTES_MAX - 1];
	free(last->path);
	free(last->excerpt);
	return last;
}

/* Puts {} in the place of every ["…"]: such a key is a client's own text. */
static void
hide_keys(struct buf *path, struct buf *scratch)
{
	size_t i, from = 0;

	for (i = 0; i + 1 < path->len; i++) {
		if (path->ptr[i] != '[' || path->ptr[i + 1] != '"')
			continue;
		buf_add(scratch, path->ptr + from, i - from);
		buf_add_str(scratch, i > 0 ? "." NOTES_KEY : NOTES_KEY);
		for (i += 2; i < path->len && path->ptr[i] != '"'; i++)
			i += path->ptr[i] == '\\';
		from = i + 2;		/* behind "] */
		i++;
	}
	if (from == 0)
		return;
	if (from < path->len)
		buf_add(scratch, path->ptr + from, path->len - from);
	buf_clear(path);
	buf_add_span(path, buf_span(scratch));
}

/* Where a text stands, as a record may say it. */
static char *
place(const struct jdoc *doc, uint32_t node, const char *path)
{
	struct buf full = { 0 }, scratch = { 0 };
	char *copy;

	if (doc && path) {
		surface_path(doc, doc->nodes[node].parent, &full);
		buf_add_str(&full, full.len ? "." NOTES_KEY : NOTES_KEY);
	} else if (doc) {
		surface_path(doc, node, &full);
	} else {
		buf_add_str(&full, path);
	}
	hide_keys(&full, &scratch);
	copy = xstrndup(full.ptr, full.len);
	buf_fini(&full);
	buf_fini(&scratch);
	return copy;
}

/* Keeps one finding of a channel (NULL: there is nothing to hide in text);
 * where is owned by the note, or freed. NULL: it is known
 * that there is no room. */
static void
add(struct notes *notes, enum policy_side side,
    const struct channel_screen *channel, const struct screen_finding *one,
    char *where, struct mg_span text, uint64_t text_at)
{
	struct note *note;

	outcome(notes, one);
	notes->total++;
	note = place_for(notes, one);
	if (!note) {
		free(where);
		return;
	}
	*note = (struct note){ one->rule, side, one->item, one->at, one->len,
		one->unable, where, NULL, 0 };
	if (!notes->capture || one->unable || !text.ptr)
		return;
	note->excerpt = excerpt(text, text_at, one->at, one->len,
	    &note->excerpt_at);
	if (note->excerpt && channel)
		hide_values(channel, note->excerpt_at,
		    span_str(note->excerpt), note->excerpt);
}

void
notes_add_one(struct notes *notes, enum policy_side side,
    const struct screen_finding *finding, const struct jdoc *doc,
    uint32_t node, struct mg_span text)
{
	char *where = place(doc, node, NULL);
	size_t i;

	for (i = 0; i < notes->n; i++) {
		const struct note *note = &notes->items[i];

		if (note->rule == finding->rule && note->side == side &&
		    note->at == finding->at && note->len == finding->len &&
		    !note->unable == !finding->unable &&
		    strcmp(note->path, where) == 0) {
			free(where);
			return;
		}
	}
	add(notes, side, NULL, finding, where, text, 0);
}

void
notes_add(struct notes *notes, enum policy_side side,
    struct channel_screen *channel, size_t *from,
    const struct jdoc *doc, uint32_t node, const char *path,
    struct mg_span text, uint64_t text_at)
{
	const struct screen_finding *f;
	size_t n;

	notes->total += channel_untold(channel);
	f = channel_findings(channel, &n, NULL);
	for (; *from < n; ++*from)
		add(notes, side, channel, &f[*from], notes->n < NOTES_MAX ||
		    blocks(f[*from].rule, f[*from].unable) ?
		    place(doc, node, path) : NULL, text, text_at);
}

void
notes_fini(struct notes *notes)
{
	size_t i;

	for (i = 0; i < notes->n; i++) {
		free(notes->items[i].path);
		free(notes->items[i].excerpt);
	}
	free(notes->items);
	free(notes->would);
	memset(notes, 0, sizeof(*notes));
}

const struct note *
notes_blocking(const struct notes *notes)
{
	size_t i;

	for (i = 0; i < notes->n; i++) {
		const struct note *note = &notes->items[i];

		if (blocks(note->rule, note->unable))
			return note;
	}
	return NULL;
}
