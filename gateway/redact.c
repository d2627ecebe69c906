/* SPDX-License-Identifier: Apache-2.0 */
/* redact.c - the template of a redaction. */
#include "gateway/redact.h"

#include <stdlib.h>

enum {
	WITH_MAX = 256,		/* bytes of a template */
	MASK_MAX = 32,		/* bytes of one character */
	SHOWN_MAX = 64,		/* characters of one {first} or {last} */
	HASH_MIN = 4,
};

enum part_kind { PART_TEXT, PART_ID, PART_CATEGORY, PART_KIND, PART_MASK,
    PART_FIRST, PART_LAST, PART_HASH };

struct part {
	enum part_kind kind;
	unsigned n;			/* FIRST, LAST, HASH */
	struct mg_span text;		/* TEXT */
};

struct redact {
	const struct graphemes *graphemes;
	struct mg_span mask;
	unsigned first, last;		/* the most that is shown of a side */
	struct part *parts;
	size_t n_parts;
};

/* What may stand in braces. */
static const struct word {
	const char *name;
	enum part_kind kind;
	unsigned min, max;		/* its number; 0, 0: it has none */
} words[] = {
	{ "id", PART_ID, 0, 0 },
	{ "category", PART_CATEGORY, 0, 0 },
	{ "kind", PART_KIND, 0, 0 },
	{ "mask", PART_MASK, 0, 0 },
	{ "first", PART_FIRST, 1, SHOWN_MAX },
	{ "last", PART_LAST, 1, SHOWN_MAX },
	{ "hash", PART_HASH, HASH_MIN, HASH_TOKEN_MAX },
};

enum { N_WORDS = sizeof(words) / sizeof(*words) };

/* ---- reading ---- */

struct template {
	const struct reading *r;
	const struct redact_source *source;
	struct mg_span text;
	struct redact *out;
	struct buf literal;
};

/* Where a byte of the template stands in the file; of a text that is written
 * over several lines, where it begins. */
static struct mg_place
place_of(const struct template *t, size_t at)
{
	struct mg_place place = t->source->with->place;
	size_t i;

	if (memchr(t->text.ptr, '\n', t->text.len))
		return place;
	place.column += t->source->with->quoted;
	for (i = 0; i < at; i++)
		place.column += ((unsigned char)t->text.ptr[i] & 0xc0) != 0x80;
	return place;
}

static struct part *
add_part(struct template *t, enum part_kind kind, unsigned n)
{
	struct redact *out = t->out;

	if (kind != PART_TEXT && t->literal.len > 0) {
		struct mg_span kept = span(arena_text(t->r->arena,
		    buf_span(&t->literal)), t->literal.len);

		buf_clear(&t->literal);
		add_part(t, PART_TEXT, 0)->text = kept;
	}
	out->parts[out->n_parts] = (struct part){ kind, n, { NULL, 0 } };
	return &out->parts[out->n_parts++];
}

/* Reads what stands between braces, at `at` in the template. */
static int
read_word(struct template *t, struct mg_span inside, size_t at)
{
	const char *known[N_WORDS + 1] = { NULL };
	const struct word *word = NULL;
	struct mg_span name = inside, digits;
	struct mg_place place = { 0 };
	uint64_t n = 0;
	size_t i;

	while (name.len > 0 && name.ptr[name.len - 1] >= '0' &&
	    name.ptr[name.len - 1] <= '9')
		name.len--;
	digits = span(name.ptr + name.len, inside.len - name.len);
	if (name.len > 0 && name.ptr[name.len - 1] == ':')
		name.len--;
	for (i = 0; i < N_WORDS; i++) {
		known[i] = words[i].name;
		if (span_is(name, words[i].name))
			word = &words[i];
	}
	if (t->source->with)
		place = place_of(t, at);
	if (!word)
		return options_unknown(t->r, &place, "with: unknown "
		    "placeholder", name, known);
	if (word->max == 0 && name.len < inside.len)
		return mg_fail(t->r->err, &place, "with: {%s} takes no number",
		    word->name);
	if (word->max > 0 && (!span_to_u64(digits, &n) || n < word->min ||
	    n > word->max))
		return mg_fail(t->r->err, &place, "with: {%s} wants a number "
		    "from %u to %u, as in {%s:%u}", word->name, word->min,
		    word->max, word->name, word->kind == PART_HASH ? 12u : 4u);
	if (word->kind == PART_KIND && !t->source->has_kinds)
		return mg_fail(t->r->err, &place, "with: {kind} is for "
		    "filters that have kinds, and this rule's has none");
	if (word->kind == PART_FIRST && n > t->out->first)
		t->out->first = (unsigned)n;
	if (word->kind == PART_LAST && n > t->out->last)
		t->out->last = (unsigned)n;
	add_part(t, word->kind, (unsigned)n);
	return 0;
}

static int
fail_brace(const struct template *t, const char *p, const char *what)
{
	struct mg_place place = place_of(t, (size_t)(p - t->text.ptr));

	return mg_fail(t->r->err, &place, "with: a '%c' that %s; write %c%c "
	    "for a brace", *p, what, *p, *p);
}

static int
read_template(struct template *t)
{
	const char *p = t->text.ptr, *end = p + t->text.len, *close;

	for (; p < end; p++) {
		if ((*p == '{' || *p == '}') && p + 1 < end && p[1] == *p) {
			buf_add_byte(&t->literal, *p++);
			continue;
		}
		if (*p == '}')
			return fail_brace(t, p, "closes nothing");
		if (*p != '{') {
			buf_add_byte(&t->literal, *p);
			continue;
		}
		close = memchr(p, '}', (size_t)(end - p));
		if (!close)
			return fail_brace(t, p, "is not closed");
		if (read_word(t, span(p + 1, (size_t)(close - p) - 1),
		    (size_t)(p - t->text.ptr)) < 0)
			return -1;
		p = close;
	}
	return 0;
}

/* One for each pair of braces, and what stands around them. */
static size_t
most_parts(struct mg_span text)
{
	size_t n = 1, i;

	for (i = 0; i < text.len; i++)
		n += text.ptr[i] == '{' ? 2 : 0;
	return n;
}

static int
read_mask(const struct reading *r, const struct redact_source *source,
    struct redact *out)
{
	size_t *ends, n;
	char *text;

	out->mask = span_str("*");
	if (!source->mask)
		return 0;
	text = options_text(r, "mask", source->mask, 1, MASK_MAX);
	if (!text)
		return -1;
	out->mask = span_str(text);
	n = graphemes_ends(source->graphemes, out->mask, &ends);
	free(ends);
	if (n != 1)
		return mg_fail(r->err, &source->mask->place, "mask: one "
		    "character, not %zu", n);
	return 0;
}

static bool
has_mask(const struct redact *redact)
{
	size_t i;

	for (i = 0; i < redact->n_parts; i++)
		if (redact->parts[i].kind == PART_MASK)
			return true;
	/* They may turn into masks. */
	return redact->first > 0 || redact->last > 0;
}

static int
check_mask(const struct template *t)
{
	if (!t->source->mask || !t->source->with || has_mask(t->out))
		return 0;
	return mg_fail(t->r->err, &t->source->mask->key_place, "mask: has no "
	    "effect, as `with:` holds no {mask}");
}

int
redact_read(const struct reading *r, const struct redact_source *source,
    char **plain, struct redact **out)
{
	struct template t = { r, source, span_str(source->mask ? "{mask}" :
	    "[redacted]"), NULL, { 0 } };
	char *text;
	int rc;

	*plain = NULL;
	*out = t.out = arena_alloc(r->arena, sizeof(**out));
	t.out->graphemes = source->graphemes;
	if (read_mask(r, source, t.out) < 0)
		return -1;
	if (source->with) {
		text = options_text(r, "with", source->with, 0, WITH_MAX);
		if (!text)
			return -1;
		t.text = span_str(text);
	}
	t.out->parts = arena_array(r->arena, most_parts(t.text),
	    sizeof(*t.out->parts));
	rc = read_template(&t);
	if (rc == 0 && t.out->n_parts == 0) {
		*plain = arena_text(r->arena, buf_span(&t.literal));
		*out = NULL;
	} else if (rc == 0 && t.literal.len > 0) {
		struct mg_span kept = span(arena_text(r->arena,
		    buf_span(&t.literal)), t.literal.len);

		add_part(&t, PART_TEXT, 0)->text = kept;
	}
	if (rc == 0)
		rc = check_mask(&t);
	buf_fini(&t.literal);
	return rc;
}

/* ---- writing ---- */

/* A match, taken apart. */
struct match {
	struct mg_span value;
	size_t *ends, n;		/* its characters */
	size_t first, last;		/* that the template shows; none where
					 * that would be all */
	bool hides_all;
};

static struct mg_span
chars(const struct match *m, size_t from, size_t to)
{
	size_t at = from > 0 ? m->ends[from - 1] : 0;

	return span(m->value.ptr + at, to > from ? m->ends[to - 1] - at : 0);
}

static void
add_masks(const struct redact *redact, size_t n, struct buf *out)
{
	while (n-- > 0)
		buf_add_span(out, redact->mask);
}

static void
write_part(const struct redact *redact, const struct part *part,
    const struct redact_facts *facts, const struct match *m, struct buf *out)
{
	char token[HASH_TOKEN_MAX + 1];

	switch (part->kind) {
	case PART_TEXT:
		buf_add_span(out, part->text);
		return;
	case PART_ID:
		buf_add_str(out, facts->id);
		return;
	case PART_CATEGORY:
		buf_add_str(out, facts->category);
		return;
	case PART_KIND:
		buf_add_span(out, facts->kind);
		return;
	case PART_MASK:
		add_masks(redact, m->n - m->first - m->last, out);
		return;
	case PART_FIRST:
		if (m->hides_all)
			add_masks(redact, m->first, out);
		else
			buf_add_span(out, chars(m, 0, part->n));
		return;
	case PART_LAST:
		if (m->hides_all)
			add_masks(redact, m->last, out);
		else
			buf_add_span(out, chars(m, m->n - part->n, m->n));
		return;
	case PART_HASH:
		memset(token, '?', part->n);
		token[part->n] = '\0';
		if (facts->key)
			hash_key_token(facts->key, facts->tenant, facts->value,
			    part->n, token);
		buf_add_str(out, token);
		return;
	}
	abort();
}

void
redact_write(const struct redact *redact, const struct redact_facts *facts,
    struct buf *out)
{
	struct match m = { .value = facts->value };
	size_t i;

	m.n = graphemes_ends(redact->graphemes, m.value, &m.ends);
	m.first = redact->first;
	m.last = redact->last;
	m.hides_all = m.first + m.last >= m.n;
	if (m.hides_all) {
		/* As many masks in all as there are characters. */
		if (m.first > m.n)
			m.first = m.n;
		if (m.last > m.n - m.first)
			m.last = m.n - m.first;
	}
	for (i = 0; i < redact->n_parts; i++)
		write_part(redact, &redact->parts[i], facts, &m, out);
	free(m.ends);
}
