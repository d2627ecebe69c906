/* SPDX-License-Identifier: Apache-2.0 */
/* corpus.c - labelled texts from a file, one JSON object per line. */
#include "gateway/corpus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <zlib.h>

struct reader {
	const char *path;
	gzFile file;
	double size;			/* bytes on disk; 0: not known */
	struct buf line, scratch[5];	/* scratch: one per unescaped text */
	struct jdoc doc;
	struct corpus_row row;
	struct mg_error *err;
};

static int
fail(const struct reader *r, const char *why)
{
	return mg_fail(r->err, NULL, "%s:%zu: %s", r->path, r->row.line, why);
}

/* 1: a line is there, 0: the end, -1: err is filled. */
static int
next_line(struct reader *r)
{
	enum { PIECE = 65536 };
	size_t len;
	char *at;

	buf_clear(&r->line);
	r->row.line++;
	do {
		at = buf_reserve(&r->line, PIECE);
		errno = 0;
		if (!gzgets(r->file, at, PIECE)) {
			int code;
			const char *why = gzerror(r->file, &code);

			if (code != Z_OK && code != Z_STREAM_END)
				return fail(r, code == Z_ERRNO ?
				    strerror(errno) : why);
			return r->line.len > 0;
		}
		len = strlen(at);
		if (len == 0 || (len < PIECE - 1 && at[len - 1] != '\n' &&
		    !gzeof(r->file)))
			return fail(r, "it holds a NUL");
		r->line.len += len;
		if (r->line.len > CORPUS_LINE_MAX)
			return fail(r, "a line of more than 4 MiB");
	} while (r->line.ptr[r->line.len - 1] != '\n');
	return 1;
}

static struct mg_span
member(struct reader *r, const char *name, struct buf *scratch,
    const char *otherwise)
{
	uint32_t node = jdoc_member(&r->doc, 0, name);

	buf_clear(scratch);
	if (!node || r->doc.nodes[node].type != JDOC_STRING)
		return span_str(otherwise);
	return jdoc_string(&r->doc, node, scratch);
}

static int
read_side(struct reader *r)
{
	struct corpus_row *row = &r->row;
	struct mg_span on = member(r, "on", &r->scratch[0], "");
	struct mg_span role = member(r, "role", &r->scratch[4], "");
	unsigned bit = 1;

	row->sides = span_is(on, "prompt") ? SIDE_PROMPT :
	    span_is(on, "answer") ? SIDE_ANSWER : SIDE_PROMPT | SIDE_ANSWER;
	if (on.len > 0 && row->sides == (SIDE_PROMPT | SIDE_ANSWER))
		return fail(r, "\"on\" is \"prompt\" or \"answer\"");
	while (bit < ROLE_ANY && !span_is(role,
	    policy_role_name((enum policy_role)bit)))
		bit <<= 1;
	row->role = role.len > 0 ? bit : 0;
	return row->role < ROLE_ANY ? 0 : fail(r, "\"role\" is none of system, "
	    "developer, user, assistant, tool, other");
}

/* Makes a row of the line at hand. */
static int
read_row(struct reader *r)
{
	static const struct jdoc_limits limits = { .max_depth = 16,
		.max_nodes = 100000, .lone_surrogates = true };
	struct corpus_row *row = &r->row;
	enum jdoc_fault fault;
	char why[96];
	uint32_t text;
	size_t at;

	fault = jdoc_read(&r->doc, buf_span(&r->line), &limits, &at);
	if (fault != JDOC_OK) {
		(void)snprintf(why, sizeof(why), "not JSON: %s at byte %zu",
		    jdoc_fault_text(fault), at);
		return fail(r, why);
	}
	text = jdoc_member(&r->doc, 0, "text");
	if (!text || r->doc.nodes[text].type != JDOC_STRING)
		return fail(r, "no member \"text\" that is a string");
	row->doc = &r->doc;
	row->text = member(r, "text", &r->scratch[1], "");
	row->lang = member(r, "lang", &r->scratch[0], "");
	row->tenant = member(r, "tenant", &r->scratch[2], "default");
	row->model = member(r, "model", &r->scratch[3], "");
	row->done = r->size > 0 ? (double)gzoffset(r->file) / r->size : 0;
	return read_side(r);
}

static bool
is_blank(const struct buf *line)
{
	size_t i;

	for (i = 0; i < line->len; i++)
		if (!strchr(" \t\r\n", line->ptr[i]))
			return false;
	return true;
}

static int
read_rows(struct reader *r, bool (*row)(void *, const struct corpus_row *),
    void *arg)
{
	int rc;

	while ((rc = next_line(r)) > 0) {
		if (is_blank(&r->line))
			continue;
		if (read_row(r) < 0)
			return -1;
		if (!row(arg, &r->row))
			return 0;
	}
	return rc;
}

int
corpus_read(const char *path, bool (*row)(void *, const struct corpus_row *),
    void *arg, struct mg_error *err)
{
	struct reader r = { .path = path, .err = err };
	struct stat st;
	size_t i;
	int rc;

	errno = 0;
	r.file = strcmp(path, "-") == 0 ? gzdopen(0, "rb") :
	    gzopen(path, "rb");
	if (!r.file)
		return mg_fail(err, NULL, "%s: %s", path, errno ?
		    strerror(errno) : "cannot be opened");
	if (stat(path, &st) == 0)
		r.size = (double)st.st_size;
	(void)gzbuffer(r.file, 1u << 17);
	rc = read_rows(&r, row, arg);
	(void)gzclose(r.file);
	jdoc_fini(&r.doc);
	buf_fini(&r.line);
	for (i = 0; i < 5; i++)
		buf_fini(&r.scratch[i]);
	return rc;
}

static enum corpus_truth
has_span(const struct jdoc *doc, const char *type)
{
	uint32_t spans = jdoc_member(doc, 0, "spans"), node, t;

	if (!spans)
		return TRUTH_UNKNOWN;
	for (node = jdoc_child(doc, spans); node;
	    node = jdoc_sibling(doc, node)) {
		t = jdoc_member(doc, node, "type");
		if (t && jdoc_is(doc, t, type))
			return TRUTH_YES;
	}
	return TRUTH_NO;
}

static enum corpus_truth
truth_of(const struct jdoc *doc, uint32_t node)
{
	int64_t value;

	if (!node || !jdoc_int(doc, node, &value))
		return TRUTH_UNKNOWN;
	return value ? TRUTH_YES : TRUTH_NO;
}

/* Anything harmful: a label that applies, or "benign" that does not. */
static enum corpus_truth
is_harmful(const struct jdoc *doc, uint32_t labels)
{
	uint32_t benign = jdoc_member(doc, labels, "benign"), node;

	for (node = jdoc_child(doc, labels); node;
	    node = jdoc_sibling(doc, node))
		if (node != benign && truth_of(doc, node) == TRUTH_YES)
			return TRUTH_YES;
	switch (truth_of(doc, benign)) {
	case TRUTH_YES:
		return TRUTH_NO;
	case TRUTH_NO:
		return TRUTH_YES;
	case TRUTH_UNKNOWN:
		break;
	}
	return TRUTH_UNKNOWN;
}

enum corpus_truth
corpus_label(const struct corpus_row *row, const char *label)
{
	uint32_t labels = jdoc_member(row->doc, 0, "labels");

	if (strncmp(label, "span:", 5) == 0)
		return has_span(row->doc, label + 5);
	if (!labels)
		return TRUTH_UNKNOWN;
	if (strcmp(label, "harmful") == 0)
		return is_harmful(row->doc, labels);
	return truth_of(row->doc, jdoc_member(row->doc, labels, label));
}
