/* SPDX-License-Identifier: Apache-2.0 */
/* test_surface_fixtures.c - the recorded exchanges: what is found in them is
 * what their manifest says, and little else. */
#include <stdlib.h>

/* The manifest is read by another parser than the one under test. Its enum has
 * our names, so they are put aside (and the macros that use them are not
 * used). */
#define jdoc_string jansson_string
#include <jansson.h>
#undef jdoc_string

#include "gateway/sse.h"
#include "gateway/surface.h"
#include "tests/check.h"

enum { MAX_TEXTS = 4096 };

struct text {
	struct buf raw;		/* pieces as they stand between quotes; of what
				 * is decoded: the text itself */
	struct buf path;	/* of the first piece */
	struct buf text;
	uint64_t channel;
	int32_t choice;
	bool decoded, is_json, readable, known;
};

struct reading {
	enum surface_kind surface;
	enum surface_doc which;
	struct jdoc doc;
	struct buf scratch;
	struct text texts[MAX_TEXTS];
	size_t n;
	bool done;
};

static struct text *
text_for(struct reading *r, const struct surface_text *t)
{
	struct text *text;
	size_t i;

	for (i = 0; t->joins && i < r->n; i++)
		if (r->texts[i].channel == t->channel)
			return &r->texts[i];
	CHECK(r->n < MAX_TEXTS);
	text = &r->texts[r->n++];
	memset(text, 0, sizeof(*text));
	text->channel = t->channel;
	text->choice = t->choice;
	text->decoded = t->decoded.ptr != NULL;
	text->is_json = t->kind == TEXT_JSON;
	text->readable = t->kind == TEXT_PLAIN || t->kind == TEXT_JSON;
	text->known = t->is_known;
	surface_path(&r->doc, t->node, &text->path);
	return text;
}

static bool
note(void *arg, const struct surface_text *t)
{
	struct reading *r = arg;
	const struct jdoc_node *node = &r->doc.nodes[t->node];
	struct text *text = text_for(r, t);

	CHECK(t->channel != 0);
	CHECK(t->joins == (r->which == DOC_EVENT && !t->is_key) ||
	    t->is_known);
	if (t->decoded.ptr)
		buf_add_span(&text->raw, t->decoded);
	else if (t->is_key)
		buf_add(&text->raw, r->doc.text + node->key_at,
		    node->key_len);
	else if (node->type == JDOC_STRING)
		buf_add(&text->raw, r->doc.text + node->at + 1,
		    node->len - 2);
	return true;
}

static void
read_document(struct reading *r, struct mg_span text)
{
	const struct jdoc_limits limits = { .max_depth = 64,
		.max_nodes = 10000,
		.lone_surrogates = r->which != DOC_REQUEST };
	size_t at;

	CHECK_EQ(jdoc_read(&r->doc, text, &limits, &at), JDOC_OK);
	buf_clear(&r->scratch);
	if (r->doc.n)
		surface_read(r->surface, r->which, &r->doc, &r->scratch, note,
		    r);
}

static bool
read_event(void *arg, const struct sse_event *e)
{
	struct reading *r = arg;

	if (!e->has_data)
		return true;
	if (span_is(e->data, "[DONE]"))
		return false;
	read_document(r, e->data);
	return true;
}

static void
finish(struct reading *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		struct text *t = &r->texts[i];

		if (t->decoded)
			buf_add_span(&t->text, buf_span(&t->raw));
		else
			jdoc_unescape(buf_span(&t->raw), &t->text, NULL,
			    NULL);
	}
}

static void
release(struct reading *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		buf_fini(&r->texts[i].raw);
		buf_fini(&r->texts[i].path);
		buf_fini(&r->texts[i].text);
	}
	jdoc_fini(&r->doc);
	buf_fini(&r->scratch);
	free(r);
}

static struct buf
read_file(const char *name)
{
	struct buf out = { 0 }, path = { 0 };
	FILE *f;
	size_t n;

	buf_addf(&path, "tests/fixtures/%s", name);
	f = fopen(buf_cstr(&path), "rb");
	CHECK(f != NULL);
	while (f && (n = fread(buf_reserve(&out, 65536), 1, 65536, f)) > 0)
		out.len += n;
	if (f)
		(void)fclose(f);
	buf_fini(&path);
	return out;
}

/* Everything that a file holds; the caller releases it. NULL: no such file in
 * this fixture. */
static struct reading *
read_fixture(json_t *fixture, const char *what)
{
	const char *name = json_string_value(json_object_get(fixture, what));
	const char *path = json_string_value(json_object_get(fixture,
	    "path"));
	struct reading *r;
	struct buf body;
	struct sse sse;

	if (!name)
		return NULL;
	r = xcalloc(1, sizeof(*r));
	r->surface = strstr(path, "/chat/") ? SURFACE_CHAT :
	    SURFACE_COMPLETIONS;
	body = read_file(name);
	if (strcmp(what, "stream") == 0) {
		r->which = DOC_EVENT;
		sse_init(&sse, 1 << 20);
		CHECK_EQ(sse_feed(&sse, buf_span(&body), read_event, r), 0);
		CHECK_EQ(sse_end(&sse, read_event, r), 0);
		sse_fini(&sse);
	} else {
		r->which = strcmp(what, "request") == 0 ? DOC_REQUEST :
		    DOC_ANSWER;
		read_document(r, buf_span(&body));
	}
	finish(r);
	buf_fini(&body);
	return r;
}

static bool
has_text(const struct reading *r, const char *text)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->texts[i].readable &&
		    span_is(buf_span(&r->texts[i].text), text))
			return true;
	return false;
}

static bool
is_set(json_t *fixture, const char *key)
{
	json_t *value = json_object_get(fixture, key);

	return json_is_true(value);
}

static bool
is_listed(json_t *list, struct mg_span text)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (span_is(text, json_string_value(item)))
			return true;
	return false;
}

/* Texts that are found beyond the manifest's: names and descriptions of tools,
 * property names, and the like. By fixture, then what may be found. */
static const char *const extras[][24] = {
	{ "chat-multimodal", "topic", "lines", "note", "u-17", "poem", "诗",
	    "data:image/png;base64,iVBORw0KGgpmaXh0dXJl",
	    "UklGRmZpeHR1cmU=" },
	{ "chat-tools", "find_poem", "按主题找诗", "topic", "lines", "note",
	    "参数topic", "参数lines", "参数note" },
	{ "chat-function-legacy", "find_poem", "按主题找诗", "topic", "lines",
	    "note", "参数topic", "参数lines", "参数note" },
};

static bool
is_extra(const char *fixture, struct mg_span text)
{
	size_t i, j;

	for (i = 0; i < sizeof(extras) / sizeof(extras[0]); i++)
		for (j = 1; strcmp(extras[i][0], fixture) == 0 &&
		    extras[i][j]; j++)
			if (span_is(text, extras[i][j]))
				return true;
	return false;
}

/* Calls fn for every fixture of the surfaces that exist. */
static void
each_fixture(void (*fn)(json_t *manifest, json_t *fixture, const char *name),
    unsigned at_least)
{
	json_t *manifest = json_load_file("tests/fixtures/manifest.json", 0,
	    NULL), *fixture;
	unsigned n = 0;
	size_t i;

	CHECK(manifest != NULL);
	json_array_foreach(json_object_get(manifest, "fixtures"), i, fixture) {
		const char *path = json_string_value(json_object_get(fixture,
		    "path"));

		if (!strstr(path, "completions"))
			continue;
		fn(manifest, fixture, json_string_value(json_object_get(
		    fixture, "name")));
		n++;
	}
	CHECK(n >= at_least);
	json_decref(manifest);
}

static void
check_request(json_t *manifest, json_t *fixture, const char *name)
{
	struct reading *r = read_fixture(fixture, "request");
	json_t *texts = json_object_get(fixture, "user_texts"), *item;
	bool opaque = false;
	size_t i;

	(void)manifest;
	if (!r)
		return;
	json_array_foreach(texts, i, item) {
		CHECK(has_text(r, json_string_value(item)));
		if (!has_text(r, json_string_value(item)))
			fprintf(stderr, "  %s: %s\n", name,
			    json_string_value(item));
	}
	for (i = 0; i < r->n; i++) {
		struct mg_span text = buf_span(&r->texts[i].text);
		bool fine = is_listed(texts, text) || is_extra(name, text);

		if (!r->texts[i].readable && text.len == 0) {
			opaque = true;
			continue;
		}
		CHECK(fine && r->texts[i].known);
		if (!fine)
			fprintf(stderr, "  %s: %s: %.*s\n", name,
			    buf_cstr(&r->texts[i].path), (int)text.len,
			    text.ptr);
	}
	CHECK(opaque == is_set(fixture, "opaque_input"));
	release(r);
}

static void
requests_hold_the_texts_of_the_manifest_and_few_more(void)
{
	each_fixture(check_request, 28);
}

static void
check_answer(json_t *manifest, json_t *fixture, const char *name)
{
	struct reading *r = read_fixture(fixture, "response");
	json_t *texts = json_object_get(fixture, "model_texts"), *item;
	size_t i;

	(void)manifest;
	if (!r)
		return;
	json_array_foreach(texts, i, item) {
		CHECK(has_text(r, json_string_value(item)));
		if (!has_text(r, json_string_value(item)))
			fprintf(stderr, "  %s: %s\n", name,
			    json_string_value(item));
	}
	for (i = 0; i < r->n; i++) {
		CHECK(r->texts[i].known);
		CHECK(r->texts[i].choice >= 0);
	}
	release(r);
}

static void
answers_hold_the_texts_of_the_manifest(void)
{
	each_fixture(check_answer, 28);
}

/* Channels whose path ends so, by choice, compared with the manifest's list. */
static void
check_channels(struct reading *r, json_t *want, const char *name,
    const char *const *endings)
{
	size_t at = 0, i, j;
	int32_t choice;

	for (choice = 0; choice < 8; choice++)
		for (i = 0; i < r->n; i++) {
			const char *path = buf_cstr(&r->texts[i].path);
			struct mg_span text = buf_span(&r->texts[i].text);
			const char *expect;

			for (j = 0; endings[j]; j++)
				if (strlen(path) >= strlen(endings[j]) &&
				    strcmp(path + strlen(path) -
				    strlen(endings[j]), endings[j]) == 0)
					break;
			if (!endings[j] || text.len == 0 ||
			    r->texts[i].choice != choice)
				continue;
			expect = json_string_value(want) ?
			    json_string_value(want) :
			    json_string_value(json_array_get(want, at));
			at++;
			CHECK(expect && span_is(text, expect));
			if (!expect || !span_is(text, expect))
				fprintf(stderr, "  %s: %s: %.*s\n", name,
				    path, (int)text.len, text.ptr);
		}
	CHECK_EQ(at, json_string_value(want) ? 1 : json_array_size(want));
}

static void
check_stream(json_t *manifest, json_t *fixture, const char *name)
{
	static const struct {
		const char *key;
		const char *endings[3];
	} kinds[] = {
		{ "stream_texts", { ".delta.content", "].text" } },
		{ "stream_reasoning", { ".reasoning_content",
		    ".delta.reasoning" } },
		{ "stream_refusal", { ".delta.refusal" } },
		{ "stream_tool_args", { "].function.arguments" } },
		{ "stream_function_args", { "function_call.arguments" } },
	};
	struct reading *r = read_fixture(fixture, "stream");
	size_t i;

	(void)manifest;
	if (!r)
		return;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		check_channels(r, json_object_get(fixture, kinds[i].key),
		    name, kinds[i].endings);
	release(r);
}

static void
streams_join_to_the_texts_of_the_manifest(void)
{
	each_fixture(check_stream, 28);
}

/* In a text, or in the JSON that it is. */
static bool
holds(const struct reading *r, const char *phrase)
{
	struct buf undone = { 0 };
	bool found = false;
	size_t i;

	for (i = 0; i < r->n && !found; i++) {
		const struct text *t = &r->texts[i];

		buf_clear(&undone);
		if (t->is_json)
			jdoc_unescape(buf_span(&t->text), &undone, NULL,
			    NULL);
		found = (t->text.len && memmem(t->text.ptr, t->text.len,
		    phrase, strlen(phrase))) ||
		    (undone.len && memmem(undone.ptr, undone.len, phrase,
		    strlen(phrase)));
	}
	buf_fini(&undone);
	return found;
}

static void
check_banned(json_t *manifest, json_t *fixture, const char *name)
{
	static const char *const what[] = { "response", "stream" };
	json_t *banned = json_object_get(manifest, "banned"), *phrase;
	size_t i, j;

	/* There it stands behind the end of the stream. */
	if (!is_set(fixture, "banned") ||
	    strcmp(name, "chat-afterdone") == 0)
		return;
	for (i = 0; i < 2; i++) {
		struct reading *r = read_fixture(fixture, what[i]);
		bool found = false;

		if (!r)
			continue;
		json_array_foreach(banned, j, phrase)
			found |= holds(r, json_string_value(phrase));
		CHECK(found);
		if (!found)
			fprintf(stderr, "  %s %s\n", name, what[i]);
		release(r);
	}
}

static void
what_is_banned_is_seen_wherever_it_hides(void)
{
	each_fixture(check_banned, 28);
}

/* The same phrase a second and third time, apart from the content. */
static void
logprobs_join_to_the_content(void)
{
	json_t *fixture = json_pack("{s:s,s:s,s:s}", "path",
	    "/v1/chat/completions", "response", "chat-logprobs.response.json",
	    "stream", "chat-logprobs.stream.sse");
	static const char *const what[] = { "response", "stream" };
	size_t i, j;

	for (i = 0; i < 2; i++) {
		struct reading *r = read_fixture(fixture, what[i]);
		unsigned seen = 0;

		for (j = 0; j < r->n; j++)
			seen += memmem(r->texts[j].text.ptr,
			    r->texts[j].text.len, "墨玫瑰密令", 15) != NULL;
		/* content, tokens, tokens of the first rank */
		CHECK_EQ(seen, 3);
		release(r);
	}
	json_decref(fixture);
}

int
main(void)
{
	RUN(requests_hold_the_texts_of_the_manifest_and_few_more);
	RUN(answers_hold_the_texts_of_the_manifest);
	RUN(streams_join_to_the_texts_of_the_manifest);
	RUN(what_is_banned_is_seen_wherever_it_hides);
	RUN(logprobs_join_to_the_content);
	return CHECK_DONE();
}
