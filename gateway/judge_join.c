/* SPDX-License-Identifier: Apache-2.0 */
/* judge_join.c - the messages of one request read as one text. */
#include "gateway/judge_join.h"

#include <stdlib.h>

#include "gateway/buf.h"

/* A change of one text: by itself, or its share of one in a joined text. */
struct share {
	uint64_t at, len;
	size_t with, with_len;		/* in join.with */
	size_t order;
};

/* One text of a message. */
struct text {
	uint32_t node, message;
	enum policy_role role;
	struct buf bytes;
	struct share *shares;
	size_t n_shares, cap_shares;
};

/* A run of bytes of a text in the joined one. */
struct piece {
	size_t text, from, len, at;
};

struct join {
	const struct jdoc *doc;
	struct screen *screen;
	bool hides;			/* values that nobody may see: no
					 * excerpts are kept */
	struct text *texts;
	size_t n_texts, cap_texts;
	struct buf with;
	struct buf joined;
	struct piece *pieces;
	size_t n_pieces, cap_pieces;
	/* during join_finish() */
	struct notes *notes;
	const struct join_sink *sink;
	unsigned span;
	enum policy_role role;
	size_t seams;			/* where a space makes a difference */
	size_t lo, hi;			/* of those, the ones without one */
	size_t work;			/* bytes read so far */
};

struct join *
join_new(const struct jdoc *doc, struct screen *screen)
{
	const struct policy *policy = screen_policy(screen);
	struct join *j;
	size_t i;

	if (policy->n_spans == 0)
		return NULL;
	j = xcalloc(1, sizeof(*j));
	j->doc = doc;
	j->screen = screen;
	for (i = 0; i < policy->n_rules; i++)
		j->hides |= policy->rules[i].n_kinds > 0;
	return j;
}

void
join_free(struct join *j)
{
	size_t i;

	if (!j)
		return;
	for (i = 0; i < j->n_texts; i++) {
		buf_fini(&j->texts[i].bytes);
		free(j->texts[i].shares);
	}
	free(j->texts);
	free(j->pieces);
	buf_fini(&j->with);
	buf_fini(&j->joined);
	free(j);
}

/* ---- taking ---- */

/* The message whose content a node is, whole or in part; 0: it is none. */
static uint32_t
message_of(const struct jdoc *doc, uint32_t node)
{
	static const char *const lists[] = { "messages", "input" };
	struct buf undone = { 0 };
	uint32_t message = 0, at = node;
	struct mg_span key;
	size_t i;

	if (doc->nodes[node].depth < 3)
		return 0;
	while (doc->nodes[at].depth > 3)
		at = doc->nodes[at].parent;
	if (doc->nodes[doc->nodes[at].parent].type != JDOC_OBJECT ||
	    !span_is(jdoc_key(doc, at, &undone), "content"))
		goto out;
	at = doc->nodes[at].parent;
	if (doc->nodes[doc->nodes[at].parent].type != JDOC_ARRAY)
		goto out;
	buf_clear(&undone);
	key = jdoc_key(doc, doc->nodes[at].parent, &undone);
	for (i = 0; i < 2; i++)
		if (span_is(key, lists[i]))
			message = at;
out:
	buf_fini(&undone);
	return message;
}

static void
add_share(struct join *j, struct text *text, uint64_t at, uint64_t len,
    const struct screen_edit *e)
{
	text->shares = xgrow(text->shares, &text->cap_shares,
	    text->n_shares + 1, sizeof(*text->shares));
	text->shares[text->n_shares] = (struct share){ at, len, j->with.len,
		e->with_len, text->n_shares };
	text->n_shares++;
	buf_add(&j->with, e->with, e->with_len);
}

bool
join_take(struct join *j, const struct surface_text *t, struct mg_span bytes,
    const struct channel_screen *alone)
{
	const struct screen_edit *edits;
	struct text *text;
	uint32_t message;
	size_t i, n;

	if (t->is_key || t->decoded.ptr || t->kind != TEXT_PLAIN ||
	    !t->is_known)
		return false;
	message = message_of(j->doc, t->node);
	if (!message)
		return false;
	j->texts = xgrow(j->texts, &j->cap_texts, j->n_texts + 1,
	    sizeof(*j->texts));
	text = &j->texts[j->n_texts++];
	*text = (struct text){ .node = t->node, .message = message,
		.role = t->role };
	buf_add_span(&text->bytes, bytes);
	edits = channel_edits(alone, &n);
	for (i = 0; i < n; i++)
		add_share(j, text, edits[i].at, edits[i].len, &edits[i]);
	return true;
}

/* ---- joining ---- */

static bool
is_space(struct mg_span s, size_t at, size_t *len)
{
	unsigned char c = (unsigned char)s.ptr[at];

	*len = 1;
	if (c == ' ' || (c >= '\t' && c <= '\r'))
		return true;
	*len = 3;			/* the ideographic space */
	return s.len - at >= 3 && memcmp(s.ptr + at, "\xe3\x80\x80", 3) == 0;
}

/* What of a text is not white space around it. */
static void
trim(struct mg_span s, size_t *from, size_t *to)
{
	size_t len;

	*from = 0;
	*to = s.len;
	while (*from < *to && is_space(s, *from, &len))
		*from += len;
	while (*to > *from) {
		if (is_space(s, *to - 1, &len) && len == 1)
			*to -= 1;
		else if (*to - *from >= 3 && is_space(s, *to - 3, &len) &&
		    len == 3)
			*to -= 3;
		else
			break;
	}
}

/* A letter or digit of a script that writes spaces between words. */
static bool
is_wordy(struct mg_span s, size_t at)
{
	unsigned char c = (unsigned char)s.ptr[at];

	if (c < 0x80)
		return (c >= '0' && c <= '9') || ((c | 32) >= 'a' &&
		    (c | 32) <= 'z');
	/* U+00C0 to U+1FFF, by the first byte. */
	return (c >= 0xc3 && c <= 0xdf) || c == 0xe0 || c == 0xe1;
}

static size_t
char_before(struct mg_span s, size_t at)
{
	do
		at--;
	while (at > 0 && ((unsigned char)s.ptr[at] & 0xc0) == 0x80);
	return at;
}

static void
add_piece(struct join *j, size_t text, size_t from, size_t to)
{
	if (to <= from)
		return;
	j->pieces = xgrow(j->pieces, &j->cap_pieces, j->n_pieces + 1,
	    sizeof(*j->pieces));
	j->pieces[j->n_pieces++] = (struct piece){ text, from, to - from,
		j->joined.len };
	buf_add(&j->joined, j->texts[text].bytes.ptr + from, to - from);
}

/* ---- judging ---- */

/* Calls each text that [at, at + len) of the joined one lies in, from piece
 * *first on, which moves to the first of them. */
static void
each_text(struct join *j, uint64_t at, uint64_t len, size_t *first,
    void (*tell)(struct join *j, struct text *text, uint64_t at, uint64_t len,
	const void *what), const void *what)
{
	size_t i;

	while (*first < j->n_pieces && j->pieces[*first].at +
	    j->pieces[*first].len <= at)
		++*first;
	for (i = *first; i < j->n_pieces && j->pieces[i].at < at + len; i++) {
		const struct piece *p = &j->pieces[i];
		uint64_t from = at > p->at ? at : p->at;
		uint64_t to = at + len < p->at + p->len ? at + len :
		    p->at + p->len;

		tell(j, &j->texts[p->text], from - p->at + p->from, to - from,
		    what);
	}
}

static void
tell_finding(struct join *j, struct text *text, uint64_t at, uint64_t len,
    const void *what)
{
	struct screen_finding f = *(const struct screen_finding *)what;

	f.at = at;
	f.len = len;
	notes_add_one(j->notes, SIDE_PROMPT, &f, j->doc, text->node,
	    j->hides ? span(NULL, 0) : buf_span(&text->bytes));
}

static void
tell_edit(struct join *j, struct text *text, uint64_t at, uint64_t len,
    const void *what)
{
	add_share(j, text, at, len, what);
}

/* The joined text may not pass: names the text in which it is cut. */
static void
stop(struct join *j, uint64_t at)
{
	size_t i = 0;

	while (i + 1 < j->n_pieces && j->pieces[i + 1].at <= at)
		i++;
	j->sink->stop(j->sink->arg, j->texts[j->pieces[i].text].node);
}

/* Judges what was put together, and begins anew. One text alone was judged
 * already. */
static void
judge_run(struct join *j)
{
	const struct screen_finding *f;
	const struct screen_edit *edits;
	struct channel_screen *channel;
	size_t i, n, first;

	j->work += j->joined.len;
	if (j->n_pieces > 1) {
		channel = screen_joined(j->screen, j->span, j->role,
		    buf_span(&j->joined));
		f = channel_findings(channel, &n, NULL);
		for (i = 0; i < n; i++) {
			first = 0;
			if (f[i].unable)
				tell_finding(j, &j->texts[j->pieces[
				    j->n_pieces - 1].text], 0, 0, &f[i]);
			else
				each_text(j, f[i].at, f[i].len, &first,
				    tell_finding, &f[i]);
		}
		j->notes->total += channel_untold(channel);
		edits = channel_edits(channel, &n);
		for (i = first = 0; i < n; i++)
			each_text(j, edits[i].at, edits[i].len, &first,
			    tell_edit, &edits[i]);
		if (channel_cut(channel) != SCREEN_NONE)
			stop(j, channel_cut(channel));
		channel_close(channel);
	}
	j->n_pieces = 0;
	buf_clear(&j->joined);
}

/* Puts a text behind what there is. */
static void
append(struct join *j, size_t text, size_t budget)
{
	struct mg_span bytes = buf_span(&j->texts[text].bytes);
	struct mg_span joined = buf_span(&j->joined);
	size_t from, to, head, tail;

	trim(bytes, &from, &to);
	if (from == to)
		return;
	if (joined.len > 0 && is_wordy(bytes, from) &&
	    is_wordy(joined, char_before(joined, joined.len))) {
		if (j->seams < j->lo || j->seams >= j->hi)
			buf_add_byte(&j->joined, ' ');
		j->seams++;
	}
	if (to - from <= budget) {
		add_piece(j, text, from, to);
		return;
	}
	head = from + utf8_whole(bytes.ptr + from, budget / 2);
	tail = to - budget / 2;
	while (((unsigned char)bytes.ptr[tail] & 0xc0) == 0x80)
		tail++;
	add_piece(j, text, from, head);
	judge_run(j);
	add_piece(j, text, tail, to);
}

/* The first of the texts by a role that are in its last messages. */
static size_t
first_of(const struct join *j, enum policy_role role, unsigned messages)
{
	size_t first = j->n_texts, i;
	uint32_t last = 0;
	unsigned n = 0;

	for (i = j->n_texts; i-- > 0;) {
		if (j->texts[i].role != role)
			continue;
		if (j->texts[i].message != last && n++ == messages)
			break;
		last = j->texts[i].message;
		first = i;
	}
	return first;
}

/* Reads the texts from one on, without a space at the seams lo to hi. */
static void
judge_reading(struct join *j, size_t from, size_t budget, size_t lo, size_t hi)
{
	size_t i;

	j->seams = 0;
	j->lo = lo;
	j->hi = hi;
	for (i = from; i < j->n_texts; i++)
		if (j->texts[i].role == j->role)
			append(j, i, budget);
	judge_run(j);
}

static void
judge_role(struct join *j, enum policy_role role, unsigned span)
{
	size_t from = first_of(j, role, screen_policy(j->screen)->spans[span]);
	size_t i, n = 0, bytes = 0, budget = SIZE_MAX, lo, hi, seams;

	for (i = from; i < j->n_texts; i++)
		if (j->texts[i].role == role) {
			n++;
			bytes += j->texts[i].bytes.len;
		}
	if (n < 2 || !screen_joins(j->screen, span, role))
		return;
	if (bytes > JOIN_MAX_BYTES)
		budget = JOIN_MAX_BYTES / n;
	j->span = span;
	j->role = role;
	j->work = 0;
	judge_reading(j, from, budget, 0, 0);
	seams = j->seams;
	if (seams > 0)
		judge_reading(j, from, budget, 0, seams);
	for (hi = seams; hi > 0 && j->work < JOIN_MAX_WORK; hi--)
		for (lo = hi; lo-- > 0 && j->work < JOIN_MAX_WORK;)
			if (hi - lo < seams)
				judge_reading(j, from, budget, lo, hi);
}

/* ---- changing ---- */

static int
by_place(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* Writes a text with all its changes; of those that overlap the first one's
 * word stands there. */
static void
change(struct join *j, struct text *text)
{
	struct buf out = { 0 };
	size_t i, at = 0;

	if (text->n_shares == 0)
		return;
	qsort(text->shares, text->n_shares, sizeof(*text->shares), by_place);
	for (i = 0; i < text->n_shares; i++) {
		const struct share *s = &text->shares[i];

		if (s->at >= at) {
			buf_add(&out, text->bytes.ptr + at,
			    (size_t)s->at - at);
			buf_add(&out, j->with.ptr + s->with, s->with_len);
		}
		if (s->at + s->len > at)
			at = (size_t)(s->at + s->len);
	}
	buf_add(&out, text->bytes.ptr + at, text->bytes.len - at);
	j->sink->change(j->sink->arg, text->node, buf_span(&out));
	buf_fini(&out);
}

void
join_finish(struct join *j, struct notes *notes, const struct join_sink *sink)
{
	unsigned role, span;
	size_t i;

	j->notes = notes;
	j->sink = sink;
	for (span = 0; span < screen_policy(j->screen)->n_spans; span++)
		for (role = 1; role < ROLE_ANY; role <<= 1)
			judge_role(j, (enum policy_role)role, span);
	for (i = 0; i < j->n_texts; i++)
		change(j, &j->texts[i]);
}
