/* SPDX-License-Identifier: Apache-2.0 */
/* backend_script.c - canned answers from a folder, byte for byte.
 *
 * Requests are read once, answers when they are asked for: a file may be
 * edited while the backend runs. Blocking reads are fine here; the backend is
 * for demos and tests. */
#include "gateway/backend_script.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SUFFIX ".request.json"

struct request {
	char *name;
	struct buf body;
};

struct backend_script {
	char *dir;
	json_t *manifest;	/* NULL: none */
	struct request *requests;
	size_t n, cap;
};

static bool
read_file(const char *dir, const char *name, const char *suffix,
    struct buf *out)
{
	struct buf path = { 0 };
	char piece[8192];
	FILE *file;
	size_t n;

	buf_addf(&path, "%s/%s%s", dir, name, suffix);
	file = fopen(buf_cstr(&path), "rbe");
	buf_fini(&path);
	if (!file)
		return false;
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		buf_add(out, piece, n);
	fclose(file);
	return true;
}

static void
add_request(struct backend_script *s, const char *file)
{
	size_t len = strlen(file), suffix = sizeof(SUFFIX) - 1;
	struct request *r;

	if (len <= suffix || strcmp(file + len - suffix, SUFFIX) != 0)
		return;
	s->requests = xgrow(s->requests, &s->cap, s->n + 1,
	    sizeof(*s->requests));
	r = &s->requests[s->n];
	memset(r, 0, sizeof(*r));
	r->name = xstrndup(file, len - suffix);
	if (read_file(s->dir, r->name, SUFFIX, &r->body)) {
		s->n++;
		return;
	}
	free(r->name);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct request *)a)->name,
	    ((const struct request *)b)->name);
}

struct backend_script *
backend_script_new(const char *dir, struct mg_error *err)
{
	struct backend_script *s = xcalloc(1, sizeof(*s));
	struct buf text = { 0 };
	struct dirent *entry;
	DIR *d = opendir(dir);

	if (!d) {
		mg_fail(err, NULL, "%s: %s", dir, strerror(errno));
		free(s);
		return NULL;
	}
	s->dir = xstrndup(dir, strlen(dir));
	while ((entry = readdir(d)))
		add_request(s, entry->d_name);
	closedir(d);
	/* Two equal bodies: the first by name, whatever the disk's order. */
	if (s->n)
		qsort(s->requests, s->n, sizeof(*s->requests), by_name);
	if (read_file(dir, "manifest", ".json", &text)) {
		s->manifest = json_loadb(text.ptr ? text.ptr : "", text.len,
		    0, NULL);
		if (!s->manifest)
			mg_fail(err, NULL, "%s/manifest.json: not JSON", dir);
	}
	buf_fini(&text);
	if (err->text[0]) {
		backend_script_free(s);
		return NULL;
	}
	return s;
}

void
backend_script_free(struct backend_script *s)
{
	size_t i;

	if (!s)
		return;
	for (i = 0; i < s->n; i++) {
		free(s->requests[i].name);
		buf_fini(&s->requests[i].body);
	}
	free(s->requests);
	free(s->dir);
	json_decref(s->manifest);
	free(s);
}

static const json_t *
entry_of(const struct backend_script *s, const char *name)
{
	const json_t *list = json_object_get(s->manifest, "fixtures");
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);
		const char *is = json_string_value(json_object_get(entry,
		    "name"));

		if (is && strcmp(is, name) == 0)
			return entry;
	}
	return NULL;
}

/* A name stays inside its folder. */
static bool
is_safe(struct mg_span name)
{
	size_t i;

	for (i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '-' || c == '_' ||
		    c == '/' || (c == '.' && i > 0 && name.ptr[i - 1] != '.' &&
		    name.ptr[i - 1] != '/')))
			return false;
	}
	return name.len > 0 && name.len < 200 && *name.ptr != '/';
}

static char *
choose(const struct backend_script *s, struct mg_span name,
    struct mg_span path, struct mg_span body)
{
	size_t i;

	if (name.len)
		return is_safe(name) ? xstrndup(name.ptr, name.len) : NULL;
	for (i = 0; i < s->n; i++) {
		const char *at;

		if (!span_eq(buf_span(&s->requests[i].body), body))
			continue;
		at = json_string_value(json_object_get(entry_of(s,
		    s->requests[i].name), "path"));
		if (!at || span_is(path, at))
			return xstrndup(s->requests[i].name,
			    strlen(s->requests[i].name));
	}
	return NULL;
}

static bool
wants_stream(struct mg_span body)
{
	json_t *root = json_loadb(body.ptr ? body.ptr : "", body.len,
	    JSON_ALLOW_NUL, NULL);
	bool wants = json_is_true(json_object_get(root, "stream"));

	json_decref(root);
	return wants;
}

static void
read_cuts(const struct backend_script *s, const char *name,
    struct backend_scripted *out)
{
	const json_t *list = json_object_get(entry_of(s, name), "chunks");
	size_t i, n = json_array_size(list);

	out->cuts = xcalloc(n, sizeof(*out->cuts));
	for (i = 0; i < n; i++) {
		json_int_t at = json_integer_value(json_array_get(list, i));
		size_t last = out->n_cuts ? out->cuts[out->n_cuts - 1] : 0;

		if (at > (json_int_t)last && (size_t)at < out->body.len)
			out->cuts[out->n_cuts++] = (size_t)at;
	}
}

/* NAME.json: a whole answer with its status and headers. */
static bool
read_answer(const struct backend_script *s, const char *name,
    struct backend_scripted *out)
{
	struct buf text = { 0 };
	json_t *root = NULL, *body;
	char *dump;

	if (read_file(s->dir, name, ".json", &text))
		root = json_loadb(text.ptr ? text.ptr : "", text.len, 0, NULL);
	buf_fini(&text);
	body = json_object_get(root, "body");
	out->status = (int)json_integer_value(json_object_get(root,
	    "status"));
	if (!body || out->status < 200 || out->status > 599) {
		json_decref(root);
		return false;
	}
	out->headers = json_incref(json_object_get(root, "headers"));
	if (json_is_string(body)) {
		buf_add(&out->body, json_string_value(body),
		    json_string_length(body));
	} else if ((dump = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY))) {
		buf_add_str(&out->body, dump);
		free(dump);
	}
	json_decref(root);
	return true;
}

bool
backend_script_find(const struct backend_script *s, struct mg_span name,
    struct mg_span path, struct mg_span body, struct backend_scripted *out)
{
	char *chosen = choose(s, name, path, body);
	bool found = true;

	memset(out, 0, sizeof(*out));
	if (!chosen)
		return false;
	out->status = 200;
	out->type = "application/json";
	if (!wants_stream(body) &&
	    read_file(s->dir, chosen, ".response.json", &out->body)) {
		;	/* whole */
	} else if (read_file(s->dir, chosen, ".stream.sse", &out->body)) {
		out->type = "text/event-stream";
		read_cuts(s, chosen, out);
	} else if (!read_file(s->dir, chosen, ".response.json", &out->body)) {
		found = read_answer(s, chosen, out);
	}
	free(chosen);
	return found;
}

void
backend_scripted_fini(struct backend_scripted *scripted)
{
	json_decref(scripted->headers);
	buf_fini(&scripted->body);
	free(scripted->cuts);
	memset(scripted, 0, sizeof(*scripted));
}
