/* SPDX-License-Identifier: Apache-2.0 */
/* invisible.c - characters that no reader sees, and a model does.
 *
 * A run of them carries hidden text: tag characters spell ASCII, variation
 * selectors spell bytes, zero-width characters spell bits, and controls of
 * direction make a line read otherwise than it is written. Runs are found in
 * one pass that remembers only the run that is open. What has a proper use is
 * left alone: one selector behind a character, flags of regions, joiners in
 * emoji and in scripts that need them, and a C2PA manifest. */
#include <string.h>

#include "filters/memory.h"
#include "modgate/filter.h"

#define PIECE_BYTES 512		/* a longer run is reported in pieces */
#define FLAG_TAGS 8		/* code points of a flag's tags, at most */
#define MANIFEST_HEAD 13	/* magic, version, length: bytes, each one
				 * selector */

enum { KEY_INVISIBLE, KEY_RUN };

enum kind { KIND_TAGS, KIND_ZERO_WIDTH, KIND_BIDI, KIND_SELECTORS, N_KINDS };

static const char *const kinds[] = { "all", "tags", "zero_width", "bidi",
	"selectors", NULL };

static const struct mg_option options[] = {
	[KEY_INVISIBLE] = { .key = "invisible", .type = MG_OPT_CHOICES,
		.choices = kinds,
		.help = "kinds of characters that are not seen, or all" },
	[KEY_RUN] = { .key = "run", .type = MG_OPT_INT, .min = 1, .max = 64,
		.fallback = 3,
		.help = "how many in sequence; tag characters: always one" },
	{ .key = NULL },
};

struct rule {
	unsigned kinds;			/* bits */
	uint8_t item[N_KINDS];
	unsigned run;
};

struct conf {
	struct rule *rules;
	size_t n_rules;
};

/* The characters in sequence where reading stands. */
struct run {
	enum kind kind;
	uint32_t count;		/* 0: none is open */
	uint64_t start;		/* of the piece that is not reported yet */
	uint32_t base;		/* the code point before it */
	uint32_t manifest;	/* selectors of a C2PA manifest; 0: it is none,
				 * or its head is not read yet */
	uint32_t last;
	bool padding;		/* behind a manifest, all alike so far */
};

struct scan {
	const struct conf *conf;
	const struct mg_scope *scope;
	uint32_t before;	/* the last code point; 0: none */
	struct run run;
};

struct turn {
	struct scan *scan;
	struct mg_report *report;
	bool found;
};

static bool
in(const uint64_t *set, size_t rule)
{
	return set[rule / 64] >> rule % 64 & 1;
}

/* ---- characters ---- */

/* The kind of c, or N_KINDS. */
static enum kind
kind_of(uint32_t c)
{
	if (c < 0xad)
		return N_KINDS;
	if (c >= 0xe0000 && c < 0xe0080)
		return KIND_TAGS;
	if ((c >= 0xfe00 && c < 0xfe10) || (c >= 0xe0100 && c < 0xe01f0))
		return KIND_SELECTORS;
	if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
		return KIND_BIDI;
	if ((c >= 0x200b && c <= 0x200f) || (c >= 0x2060 && c <= 0x2064) ||
	    (c >= 0x206a && c <= 0x206f) || c == 0xfeff || c == 0xad ||
	    c == 0x34f || c == 0x61c || c == 0x115f || c == 0x1160 ||
	    c == 0x17b4 || c == 0x17b5 || c == 0x180e || c == 0x3164 ||
	    c == 0xffa0 || (c >= 0xfff9 && c <= 0xfffb))
		return KIND_ZERO_WIDTH;
	return N_KINDS;
}

/* The byte that a selector stands for in a C2PA text. */
static uint8_t
selector_byte(uint32_t c)
{
	return (uint8_t)(c < 0xfe10 ? c - 0xfe00 : c - 0xe0100 + 16);
}

/* ---- runs ---- */

/* Follows a manifest's head behind U+FEFF: "C2PATXT", 0, a version, and the
 * length of what comes. */
static void
read_manifest(struct run *run, uint32_t c)
{
	static const char magic[8] = "C2PATXT";
	uint8_t byte = selector_byte(c);
	uint32_t i = run->count - 1;

	if (run->base != 0xfeff || i >= MANIFEST_HEAD)
		return;
	if (i < sizeof(magic) && byte != (uint8_t)magic[i])
		run->base = 0;
	if (i >= 9)
		run->manifest = run->manifest << 8 | byte;
	if (i == MANIFEST_HEAD - 1 && run->base)
		run->manifest = run->manifest > (1u << 24) ? 0 :
		    run->manifest + MANIFEST_HEAD;
}

static bool
in_manifest(const struct run *run)
{
	return run->count >= MANIFEST_HEAD && run->base == 0xfeff &&
	    run->count <= run->manifest;
}

/* A region's flag: a black flag, letters as tags, the last tag. */
static bool
is_flag(const struct run *run)
{
	return run->kind == KIND_TAGS && run->base == 0x1f3f4 &&
	    run->count <= FLAG_TAGS && run->last == 0xe007f;
}

static bool
counts(const struct rule *rule, const struct run *run)
{
	return (rule->kinds >> run->kind & 1) &&
	    (run->kind == KIND_TAGS || run->count >= rule->run);
}

/* Reports what is not reported yet of the open run, up to end. */
static void
report(struct turn *t, uint64_t end)
{
	const struct scan *s = t->scan;
	const struct run *run = &s->run;
	size_t r;

	if (run->start == end || run->padding)
		return;
	for (r = 0; r < s->conf->n_rules; r++) {
		const struct rule *rule = &s->conf->rules[r];
		struct mg_found found = { .rule = (uint32_t)r,
			.item = rule->item[run->kind], .at = run->start,
			.len = end - run->start, .score = 1 };

		if (!in(s->scope->active, r) || !counts(rule, run))
			continue;
		t->found = true;
		t->report->found(t->report->arg, &found);
	}
}

static void
close_run(struct turn *t, uint64_t end)
{
	struct run *run = &t->scan->run;

	if (run->count > 0 && !is_flag(run) && !in_manifest(run))
		report(t, end);
	run->count = 0;
}

static void
open_run(struct scan *s, enum kind kind, uint64_t at)
{
	s->run = (struct run){ .kind = kind, .start = at, .base = s->before };
}

/* One character of a kind at an offset, len bytes. */
static void
take(struct turn *t, enum kind kind, uint32_t c, uint64_t at, size_t len)
{
	struct run *run = &t->scan->run;

	if (run->count > 0 && run->kind != kind)
		close_run(t, at);
	if (run->count > 0 && kind == KIND_SELECTORS && in_manifest(run) &&
	    run->count == run->manifest) {
		open_run(t->scan, kind, at);	/* what follows it */
		run->padding = true;
	} else if (run->count == 0) {
		open_run(t->scan, kind, at);
	} else if (c != run->last) {
		run->padding = false;
	}
	run->count++;
	run->last = c;
	if (kind == KIND_SELECTORS)
		read_manifest(run, c);
	if (in_manifest(run)) {
		run->start = at + len;
	} else if (at + len - run->start >= PIECE_BYTES) {
		report(t, at + len);
		run->start = at + len;
	}
}

/* ---- a piece of text ---- */

static size_t
code_point_bytes(unsigned char c)
{
	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static uint32_t
decode(const unsigned char *p, size_t len)
{
	switch (len) {
	case 1:
		return p[0];
	case 2:
		return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
	case 3:
		return (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 |
		    (p[2] & 0x3fu);
	default:
		return (p[0] & 7u) << 18 | (p[1] & 0x3fu) << 12 |
		    (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
	}
}

/* Skips what is neither seen nor of any kind here: ASCII, eight bytes at once,
 * and Han. */
static size_t
skip_plain(const unsigned char *p, size_t i, size_t len)
{
	uint64_t eight;

	while (i < len) {
		if (p[i] >= 0xe4 && p[i] < 0xef) {
			i += 3;
			continue;
		}
		if (p[i] >= 0x80)
			break;
		memcpy(&eight, p + i, len - i < 8 ? len - i : 8);
		if (len - i < 8 || (eight & UINT64_C(0x8080808080808080)))
			i++;
		else
			i += 8;
	}
	return i;
}

static void
read_text(struct turn *t, const struct mg_text *text)
{
	const unsigned char *p = (const unsigned char *)text->ptr;
	size_t i = (size_t)(text->fresh - text->at), from, n;
	struct scan *s = t->scan;
	enum kind kind;
	uint32_t c;

	while (i < text->len) {
		from = i;
		i = skip_plain(p, i, text->len);
		if (i > from) {
			close_run(t, text->at + from);
			s->before = ' ';
		}
		if (i == text->len)
			break;
		n = code_point_bytes(p[i]);
		c = decode(p + i, n);
		kind = kind_of(c);
		if (kind < N_KINDS)
			take(t, kind, c, text->at + i, n);
		else
			close_run(t, text->at + i);
		s->before = c;
		i += n;
	}
}

/* Whether a run of a rule that text waits for may be going on. */
static bool
holds(const struct scan *s)
{
	size_t r;

	if (s->run.count == 0 || in_manifest(&s->run))
		return false;
	for (r = 0; r < s->conf->n_rules; r++)
		if (in(s->scope->holding, r) &&
		    (s->conf->rules[r].kinds >> s->run.kind & 1))
			return true;
	return false;
}

static enum mg_verdict
judge(void *arg, const struct mg_text *text, struct mg_report *to)
{
	struct turn t = { .scan = arg, .report = to };
	struct scan *s = arg;

	read_text(&t, text);
	if (text->last)
		close_run(&t, text->at + text->len);
	else if (holds(s) && s->run.start < to->hold)
		to->hold = s->run.start;
	if (to->keep > to->hold)
		to->keep = to->hold;
	if (t.found)
		return MG_FOUND;
	return to->hold < text->at + text->len ? MG_HOLD : MG_CLEAN;
}

static void *
begin(const void *conf, const struct mg_scope *scope)
{
	struct scan *s = mem_new(1, sizeof(*s));

	s->conf = conf;
	s->scope = scope;
	return s;
}

static void
end(void *arg)
{
	free(arg);
}

/* ---- the conf ---- */

static void
add_kind(struct rule *rule, const struct mg_item *item, size_t index)
{
	bool all = item->text.len == 3 && memcmp(item->text.ptr, "all", 3) == 0;
	unsigned k;

	for (k = 0; k < N_KINDS; k++) {
		const char *name = kinds[1 + k];

		if ((rule->kinds >> k & 1) || (!all &&
		    (strlen(name) != item->text.len ||
			memcmp(name, item->text.ptr, item->text.len) != 0)))
			continue;
		rule->kinds |= 1u << k;
		rule->item[k] = (uint8_t)index;
	}
}

static void
close_conf(void *arg)
{
	struct conf *c = arg;

	if (c)
		free(c->rules);
	free(c);
}

static void *
open_conf(const struct mg_rule *rules, size_t n_rules,
    void (*warn)(void *arg, const struct mg_place *place, const char *text),
    void *arg, struct mg_error *err)
{
	struct conf *c = mem_new(1, sizeof(*c));
	size_t r, i;

	(void)warn;
	(void)arg;
	c->n_rules = n_rules;
	c->rules = mem_new(n_rules, sizeof(*c->rules));
	for (r = 0; r < n_rules; r++) {
		const struct mg_value *v = &rules[r].match[KEY_INVISIBLE];

		for (i = 0; i < v->n_items; i++)
			add_kind(&c->rules[r], &v->items[i], i);
		c->rules[r].run = (unsigned)rules[r].match[KEY_RUN].number;
		if (!c->rules[r].kinds) {
			mg_fail(err, &rules[r].place,
			    "invisible: no kind is named");
			close_conf(c);
			return NULL;
		}
	}
	return c;
}

static size_t
memory(const void *arg)
{
	const struct conf *c = arg;

	return sizeof(*c) + c->n_rules * sizeof(*c->rules);
}

const struct mg_filter_type filter_invisible = {
	.abi = MG_FILTER_ABI,
	.name = "invisible",
	.doc = "Find runs of characters that are not seen",
	.options = options,
	.fold = MG_FOLD_NONE,
	.open = open_conf,
	.close = close_conf,
	.begin = begin,
	.judge = judge,
	.end = end,
	.memory = memory,
};
