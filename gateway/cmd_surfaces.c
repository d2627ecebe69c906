/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_surfaces.c - `modgate surfaces`: what is covered, and what would be
 * read in a given document. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/cmd.h"
#include "gateway/surface_table.h"

enum { MAX_BYTES = 64 << 20 };

static void
usage(FILE *out)
{
	fputs("usage: modgate surfaces [--all | --json]\n"
	    "       modgate surfaces read SURFACE DOCUMENT [FILE]\n\n"
	    "Prints the endpoints that are covered, or reads one document and "
	    "prints every\ntext in it as one JSON line. An endpoint's name is "
	    "what `modgate keys add\n--endpoints`, the access log, metrics and "
	    "records call it.\n\n"
	    "  --all     also where text lives in each document\n"
	    "  --json    all of it as JSON\n"
	    "  SURFACE   completions | chat\n"
	    "  DOCUMENT  request | answer | event (the data of one event)\n"
	    "  FILE      '-' or nothing: standard input\n\n"
	    "  modgate surfaces\n"
	    "  modgate surfaces read chat request body.json\n"
	    "  echo '{\"prompt\":\"春天\"}' | "
	    "modgate surfaces read completions request\n\n"
	    "Exit status: 0 done, 2 wrong use or a document that is refused.\n",
	    out);
}

static int
read_file(const char *path, struct buf *out)
{
	bool is_stdin = !path || strcmp(path, "-") == 0;
	FILE *f = is_stdin ? stdin : fopen(path, "rb");
	size_t n;
	int rc = 0;

	if (!f) {
		fprintf(stderr, "modgate: %s: %s\n", path, strerror(errno));
		return -1;
	}
	do {
		n = fread(buf_reserve(out, 65536), 1, 65536, f);
		out->len += n;
	} while (n > 0 && out->len <= MAX_BYTES);
	if (ferror(f) || out->len > MAX_BYTES) {
		fprintf(stderr, "modgate: %s: %s\n", is_stdin ? "-" : path,
		    ferror(f) ? strerror(errno) : "too large");
		rc = -1;
	}
	if (!is_stdin)
		(void)fclose(f);
	return rc;
}

struct printer {
	const struct jdoc *doc;
	struct buf line;
	struct buf undone;
};

static struct mg_span
text_of(struct printer *p, const struct surface_text *t)
{
	if (t->decoded.ptr)
		return t->decoded;
	if (t->is_key)
		return jdoc_key(p->doc, t->node, &p->undone);
	if (p->doc->nodes[t->node].type == JDOC_STRING)
		return jdoc_string(p->doc, t->node, &p->undone);
	return span(p->doc->text + p->doc->nodes[t->node].at,
	    p->doc->nodes[t->node].len);
}

static bool
print_text(void *arg, const struct surface_text *t)
{
	struct printer *p = arg;
	struct buf path = { 0 };

	buf_clear(&p->line);
	buf_clear(&p->undone);
	surface_path(p->doc, t->node, &path);
	buf_add_str(&p->line, "{\"path\":");
	buf_add_json(&p->line, buf_span(&path));
	buf_addf(&p->line, ",\"role\":\"%s\",\"kind\":\"%s\"",
	    policy_role_name(t->role), surface_kind_name(t->kind));
	buf_addf(&p->line, ",\"choice\":%d,\"channel\":\"%016llx\"",
	    (int)t->choice, (unsigned long long)t->channel);
	buf_addf(&p->line, "%s%s%s%s%s,\"text\":",
	    t->is_key ? ",\"key\":true" : "",
	    t->is_known ? "" : ",\"known\":false",
	    t->joins ? ",\"joins\":true" : "",
	    t->is_logprobs ? ",\"logprobs\":true" : "",
	    t->decoded.ptr ? ",\"decoded\":true" : "");
	buf_add_json(&p->line, text_of(p, t));
	buf_add_str(&p->line, "}\n");
	(void)fwrite(p->line.ptr, 1, p->line.len, stdout);
	buf_fini(&path);
	return true;
}

static int
read_document(enum surface_kind surface, enum surface_doc which,
    struct mg_span text)
{
	const struct jdoc_limits limits = { .max_depth = 64,
		.max_nodes = 200000, .lone_surrogates = which != DOC_REQUEST };
	struct jdoc doc = { 0 };
	struct printer p = { .doc = &doc };
	struct buf scratch = { 0 };
	enum jdoc_fault fault;
	size_t at;

	fault = jdoc_read(&doc, text, &limits, &at);
	if (fault == JDOC_OK)
		surface_read(surface, which, &doc, &scratch, print_text, &p);
	else
		fprintf(stderr, "modgate: byte %zu: %s\n", at,
		    jdoc_fault_text(fault));
	buf_fini(&p.line);
	buf_fini(&p.undone);
	buf_fini(&scratch);
	jdoc_fini(&doc);
	return fault == JDOC_OK ? CMD_DONE : CMD_WRONG;
}

/* argv[0] is "read". */
static int
cmd_read(int argc, char **argv)
{
	struct buf text = { 0 };
	unsigned surface = 0, which = 0;
	int rc = CMD_WRONG;

	if (argc < 3 || argc > 4) {
		usage(stderr);
		return CMD_WRONG;
	}
	while (surface < SURFACE_KINDS && strcmp(argv[1],
	    surface_name((enum surface_kind)surface)) != 0)
		surface++;
	while (which < SURFACE_DOCS && strcmp(argv[2],
	    surface_doc_name((enum surface_doc)which)) != 0)
		which++;
	if (surface == SURFACE_KINDS || which == SURFACE_DOCS) {
		usage(stderr);
		return CMD_WRONG;
	}
	if (read_file(argc == 4 ? argv[3] : NULL, &text) == 0)
		rc = read_document((enum surface_kind)surface,
		    (enum surface_doc)which, buf_span(&text));
	buf_fini(&text);
	return rc;
}

int
cmd_surfaces(int argc, char **argv)
{
	if (argc == 1) {
		surface_print_text(false);
		return CMD_DONE;
	}
	if (strcmp(argv[1], "read") == 0)
		return cmd_read(argc - 1, argv + 1);
	if (argc == 2 && strcmp(argv[1], "--json") == 0) {
		surface_print_json();
		return CMD_DONE;
	}
	if (argc == 2 && strcmp(argv[1], "--all") == 0) {
		surface_print_text(true);
		return CMD_DONE;
	}
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0)) {
		usage(stdout);
		return CMD_DONE;
	}
	usage(stderr);
	return CMD_WRONG;
}
