/* SPDX-License-Identifier: Apache-2.0 */
/* test_surface.c - every line of the tables, and what no table can foresee. */
#include <pthread.h>
#include <stdlib.h>

#include "gateway/surface_table.h"
#include "tests/check.h"

/* Lines about what was visited: "path kind role flags text". */
struct log {
	const struct jdoc *doc;
	struct buf lines;
	struct buf undone;
	unsigned n, stop_after;
};

static bool
note(void *arg, const struct surface_text *t)
{
	struct log *log = arg;
	const struct jdoc_node *node = &log->doc->nodes[t->node];
	struct mg_span text = t->decoded;

	buf_clear(&log->undone);
	if (t->is_key)
		text = jdoc_key(log->doc, t->node, &log->undone);
	else if (!text.ptr && node->type == JDOC_STRING)
		text = jdoc_string(log->doc, t->node, &log->undone);
	else if (!text.ptr)
		text = span(log->doc->text + node->at, node->len);
	surface_path(log->doc, t->node, &log->lines);
	buf_addf(&log->lines, " %s %s %s%s%s%s%s", surface_kind_name(t->kind),
	    policy_role_name(t->role), t->is_key ? "key " : "",
	    t->is_known ? "" : "unknown ", t->joins ? "joins " : "",
	    t->is_logprobs ? "logprobs " : "",
	    t->decoded.ptr ? "decoded " : "");
	if (t->choice >= 0)
		buf_addf(&log->lines, "choice=%d ", (int)t->choice);
	buf_add_span(&log->lines, text);
	buf_add_byte(&log->lines, '\n');
	CHECK(t->channel != 0);
	return ++log->n != log->stop_after;
}

static const struct jdoc_limits loose = { .max_depth = 30000,
	.max_nodes = 1000000, .lone_surrogates = true };

/* What is visited in a document; valid until the next call. */
static const char *
texts(enum surface_kind surface, enum surface_doc which, const char *json)
{
	static struct log log;
	struct buf scratch = { 0 };
	struct jdoc doc = { 0 };
	size_t at;

	log.doc = &doc;
	buf_clear(&log.lines);
	CHECK_EQ(jdoc_read(&doc, span_str(json), &loose, &at), JDOC_OK);
	if (doc.n)
		surface_read(surface, which, &doc, &scratch, note, &log);
	buf_fini(&scratch);
	jdoc_fini(&doc);
	return buf_cstr(&log.lines);
}

static const char *
chat(const char *json)
{
	return texts(SURFACE_CHAT, DOC_REQUEST, json);
}

static const char *
completions(const char *json)
{
	return texts(SURFACE_COMPLETIONS, DOC_REQUEST, json);
}

/* ---- every pattern of the tables ---- */

/* Writes a document with value where the pattern points, and that place's
 * path. */
static void
plant(const char *pattern, const char *value, struct buf *json,
    struct buf *path)
{
	struct buf tail = { 0 };
	const char *p = pattern;
	size_t len, i;

	buf_clear(json);
	buf_clear(path);
	while (*p) {
		len = strcspn(p, ".[");
		if (*p == '.') {
			p++;
			continue;
		}
		if (*p == '[') {
			buf_add_byte(json, '[');
			buf_add_byte(&tail, ']');
			buf_add_str(path, "[0]");
			p = strchr(p, ']') + 1;
			continue;
		}
		if (path->len)
			buf_add_byte(path, '.');
		buf_add_str(json, "{\"");
		buf_add_byte(&tail, '}');
		if (*p == '*' || *p == '{') {
			buf_add_str(json, "zebra");
			buf_add_str(path, "zebra");
		} else {
			buf_add(json, p, len);
			buf_add(path, p, len);
		}
		buf_add_str(json, "\":");
		if (strcmp(p, "**") == 0) {
			buf_add_str(json, "[{\"yak\":");
			buf_add_str(&tail, "]}");
			buf_add_str(path, "[0].yak");
		}
		p += len;
	}
	buf_add_str(json, value);
	for (i = tail.len; i-- > 0;)
		buf_add_byte(json, tail.ptr[i]);
	buf_fini(&tail);
}

/* What a rule promises of a string at its place; NULL: that none is seen. */
static const char *
promise(const struct surface_rule *rule, enum surface_doc which,
    const char **value, const char **text)
{
	static char line[128];
	const char *kind = "plain";
	bool logprobs = (rule->flags & RULE_LOGPROBS) != 0;
	bool decoded = rule->what == WHAT_BYTES;

	*value = "\"marker\"";
	*text = "marker";
	switch ((enum surface_what)rule->what) {
	case WHAT_NOT:
		return NULL;
	case WHAT_ROLE:
	case WHAT_PLAIN:
	case WHAT_SCHEMA:
	case WHAT_TOKENS:
		break;
	case WHAT_JSON:
		kind = "json";
		break;
	case WHAT_OPAQUE:
		kind = "token_ids";
		break;
	case WHAT_MEDIA:
		kind = "media";
		break;
	case WHAT_URL:
	case WHAT_REFERENCE:
		kind = "reference";
		break;
	case WHAT_BYTES:
		*value = "[109,97,114,107,101,114]";
		break;
	}
	(void)snprintf(line, sizeof(line), " %s %s %s%s%s", kind,
	    rule->role ? policy_role_name((enum policy_role)rule->role) :
	    "user", (rule->flags & RULE_JOINS) && (which == DOC_EVENT ||
	    logprobs) ? "joins " : "", logprobs ? "logprobs " : "",
	    decoded ? "decoded " : "");
	return line;
}

static void
check_rule(enum surface_kind surface, enum surface_doc which,
    const struct surface_rule *rule)
{
	struct buf json = { 0 }, path = { 0 };
	const char *value, *text, *seen, *want = promise(rule, which, &value,
	    &text);

	plant(rule->pattern, value, &json, &path);
	seen = texts(surface, which, buf_cstr(&json));
	if (!want) {
		CHECK(!strstr(seen, "marker"));
		/* Every name of the pattern is known: no key is a text. */
		CHECK_STR(seen, "");
	} else {
		buf_add_str(&path, want);
		if (strncmp(rule->pattern, "choices", 7) == 0)
			buf_add_str(&path, "choice=0 ");
		buf_add_str(&path, text);
		buf_add_byte(&path, '\n');
		CHECK(strstr(seen, buf_cstr(&path)) != NULL);
		CHECK(!strstr(seen, "unknown"));
		/* Only keys that stand for themselves are texts. */
		CHECK((strstr(seen, " key ") != NULL) ==
		    (strstr(rule->pattern, "{}") ||
		    strstr(rule->pattern, "**")));
	}
	if (check_test_failed)
		fprintf(stderr, "  %s %s: %s\n  %s\n  %s", surface_name(surface),
		    surface_doc_name(which), rule->pattern, buf_cstr(&json),
		    seen);
	buf_fini(&json);
	buf_fini(&path);
}

static void
every_pattern_of_the_tables_is_found_where_it_points(void)
{
	unsigned surface, which, group, n = 0;

	for (surface = 0; surface < SURFACE_KINDS; surface++)
		for (which = 0; which < SURFACE_DOCS; which++)
			for (group = 0; group < SURFACE_GROUPS; group++) {
				const struct surface_rule *r =
				    surface_tables[surface][which][group];

				for (; r && r->pattern; r++, n++)
					check_rule(
					    (enum surface_kind)surface,
					    (enum surface_doc)which, r);
			}
	CHECK(n > 400);
}

/* ---- requests ---- */

static void
a_text_has_the_role_of_its_message(void)
{
	CHECK_STR(chat("{\"messages\":["
	    "{\"content\":\"a\",\"role\":\"system\"},"
	    "{\"role\":\"developer\",\"content\":[{\"type\":\"text\","
	    "\"text\":\"b\"}]},"
	    "{\"role\":\"us\\u0065r\",\"content\":\"c\"},"
	    "{\"role\":\"assistant\",\"content\":\"d\"},"
	    "{\"role\":\"tool\",\"tool_call_id\":\"x\",\"content\":\"e\"},"
	    "{\"role\":\"function\",\"name\":\"f\",\"content\":null}]}"),
	    "messages[0].content plain system a\n"
	    "messages[1].content[0].text plain developer b\n"
	    "messages[2].content plain user c\n"
	    "messages[3].content plain assistant d\n"
	    "messages[4].content plain tool e\n"
	    "messages[5].name plain tool f\n");
}

static void
an_invented_role_is_text_and_trusted_least(void)
{
	CHECK_STR(chat("{\"messages\":[{\"role\":\"User\",\"content\":\"a\"},"
	    "{\"content\":\"b\"},{\"role\":7,\"content\":\"c\"}]}"),
	    "messages[0].role plain user User\n"
	    "messages[0].content plain user a\n"
	    "messages[1].content plain user b\n"
	    "messages[2].content plain user c\n");
}

static void
unknown_paths_are_read_with_their_keys(void)
{
	CHECK_STR(chat("{\"model\":\"m\",\"x\":{\"y z\":[\"a\",1,[\"b\"]]},"
	    "\"stream_options\":{\"w\":true},\"messages\":[{\"role\":\"user\","
	    "\"content\":{\"deep\":\"c\"}}]}"),
	    "x plain other key unknown x\n"
	    "x[\"y z\"] plain other key unknown y z\n"
	    "x[\"y z\"][0] plain other unknown a\n"
	    "x[\"y z\"][2][0] plain other unknown b\n"
	    "stream_options.w plain other key unknown w\n"
	    "messages[0].content.deep plain other key unknown deep\n"
	    "messages[0].content.deep plain other unknown c\n");
	CHECK_STR(chat("{\"m\\u0065ssages\":[],\"mod\\u0065l\":\"m\"}"), "");
	CHECK_STR(chat("\"a\""), " plain other unknown a\n");
	CHECK_STR(chat("[\"a\",{\"model\":\"m\"}]"),
	    "[0] plain other unknown a\n"
	    "[1].model plain other key unknown model\n"
	    "[1].model plain other unknown m\n");
}

static void
what_is_no_text_at_its_place_is_text_elsewhere(void)
{
	/* A member that should be a word is an object here. */
	CHECK_STR(chat("{\"model\":{\"a\":\"b\"},\"temperature\":[\"c\"]}"),
	    "model.a plain other key unknown a\n"
	    "model.a plain other unknown b\n"
	    "temperature[0] plain other unknown c\n");
}

static void
prompts_are_strings_or_token_ids(void)
{
	CHECK_STR(completions("{\"prompt\":\"a\"}"), "prompt plain user a\n");
	CHECK_STR(completions("{\"prompt\":[\"a\",\"b\"]}"),
	    "prompt[0] plain user a\nprompt[1] plain user b\n");
	CHECK_STR(completions("{\"prompt\":[1,2]}"),
	    "prompt token_ids user [1,2]\n");
	CHECK_STR(completions("{\"prompt\":[[1,2],[3],[]]}"),
	    "prompt[0] token_ids user [1,2]\n"
	    "prompt[1] token_ids user [3]\n");
	CHECK_STR(completions("{\"prompt\":[\"a\",1,\"b\"]}"),
	    "prompt token_ids user [\"a\",1,\"b\"]\n"
	    "prompt[0] plain user a\nprompt[2] plain user b\n");
	CHECK_STR(completions("{\"prompt\":[[\"a\",1]]}"),
	    "prompt[0] token_ids user [\"a\",1]\n"
	    "prompt[0][0] plain user a\n");
	CHECK_STR(completions("{\"prompt\":[]}"), "");
	CHECK_STR(completions("{\"prompt\":[{\"prompt_string\":\"a\","
	    "\"multimodal_data\":[\"AAAA\"]}]}"),
	    "prompt[0].prompt_string plain user a\n"
	    "prompt[0].multimodal_data[0] media user AAAA\n");
	CHECK_STR(completions("{\"prompt_embeds\":\"AAAA\"}"),
	    "prompt_embeds token_ids user AAAA\n");
	CHECK_STR(completions("{\"prompt_embeds\":[[0.5]]}"),
	    "prompt_embeds token_ids user [[0.5]]\n"
	    "prompt_embeds[0] token_ids user [0.5]\n");
}

/* One URL in an image part. */
static const char *
url(const char *value)
{
	struct buf json = { 0 };
	const char *seen;

	buf_addf(&json, "{\"messages\":[{\"role\":\"user\",\"content\":"
	    "[{\"image_url\":{\"url\":\"%s\"}}]}]}", value);
	seen = chat(buf_cstr(&json));
	buf_fini(&json);
	CHECK(strncmp(seen, "messages[0].content[0].image_url.url ", 37) == 0);
	return strlen(seen) > 37 ? seen + 37 : "";
}

static void
urls_are_media_references_or_text(void)
{
	CHECK_STR(url("https://a.b/c.png"),
	    "reference user https://a.b/c.png\n");
	CHECK_STR(url("file:///etc/passwd"),
	    "reference user file:///etc/passwd\n");
	CHECK_STR(url("data:image/png;base64,AAAA"),
	    "media user data:image/png;base64,AAAA\n");
	CHECK_STR(url("DATA:Image/PNG;name=x;BASE64,AAAA"),
	    "media user DATA:Image/PNG;name=x;BASE64,AAAA\n");
	CHECK_STR(url("data:text/plain;base64,5pil5aSp"),
	    "plain user decoded 春天\n");
	CHECK_STR(url("data:text\\/plain;base64,5pil5aSp"),
	    "plain user decoded 春天\n");
	CHECK_STR(url("d\\u0061ta:TEXT/html;charset=UTF-8;base64,YQ"),
	    "plain user decoded a\n");
	CHECK_STR(url("data:,a%20b%E6%98%A5"), "plain user decoded a b春\n");
	CHECK_STR(url("data:;base64,YWI="), "plain user decoded ab\n");
	CHECK_STR(url("data:,"), "plain user decoded \n");
	CHECK_STR(url("data:image/svg+xml,<svg/>"),
	    "plain user decoded <svg/>\n");
	CHECK_STR(url("data:application/json,{}"), "plain user decoded {}\n");
	/* Neither text nor media by its type: the bytes decide. */
	CHECK_STR(url("data:application/octet-stream;base64,YWI="),
	    "plain user decoded ab\n");
	CHECK_STR(url("data:application/pdf;base64,JVBERgD/"),
	    "media user data:application/pdf;base64,JVBERgD/\n");
}

static void
a_data_url_that_others_may_read_otherwise_is_unreadable(void)
{
	static const char *const odd[] = {
		"data:text/plain;base64", "data:text/plain;base64,YWI*",
		"data:text/plain;base64,Y", "data:text/plain;base64,YW I=",
		"data:text/plain;base64,YW=I", "data:text/plain;base64,YWI==",
		"data:text/plain;base64,5pi", "data:text/plain;base64,YQBi",
		"data:text/plain;charset=utf-16;base64,YQBi",
		"data:text/plain;charset=utf-7,+ZeU-",
		"data:text/plain;charset=gb18030;base64,tLo=",
		"data:text/plain;charset=us-ascii,%E6%98%A5",
		"data:text/plain;x=ignore-all-rules,a",
		"data:text/plain,%zz", "data:text/plain,a%2", "data:",
		"data:text/plain;base64,YWI%3D", "data:text/plain,%00",
	};
	size_t i;

	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		CHECK(strncmp(url(odd[i]), "reference user ", 15) == 0);
}

static void
text_in_a_data_url_is_read_wherever_it_stands(void)
{
	CHECK_STR(chat("{\"x\":\"data:text/plain;base64,5pil5aSp\"}"),
	    "x plain other key unknown x\n"
	    "x plain other unknown data:text/plain;base64,5pil5aSp\n"
	    "x plain other unknown decoded 春天\n");
	CHECK_STR(completions("{\"prompt\":\"data:,%61\"}"),
	    "prompt plain user data:,%61\nprompt plain user decoded a\n");
}

/* Both texts are looked at only after the whole document was read. */
struct keeper {
	struct mg_span decoded[3];
	unsigned n;
};

static bool
keep(void *arg, const struct surface_text *t)
{
	struct keeper *k = arg;

	if (t->decoded.ptr && k->n < 3)
		k->decoded[k->n++] = t->decoded;
	return true;
}

static void
decoded_texts_stay_while_the_document_does(void)
{
	const char *json = "{\"mod\\u0065l\":\"m\\u006d\",\"messages\":"
	    "[{\"content\":[{\"file\":{\"file_data\":\"data:,one\"}},"
	    "{\"file\":{\"file_data\":\"data:;base64,dHdv\"}},"
	    "{\"file\":{\"file_data\":\"data:\\/,th\\u0072ee\"}},"
	    "{\"file\":{\"file_data\":\"data:text/x,three\"}}]}]}";
	struct jdoc doc = { 0 };
	struct buf scratch = { 0 };
	struct surface_facts facts;
	struct keeper k = { .n = 0 };
	size_t at;

	CHECK_EQ(jdoc_read(&doc, span_str(json), &loose, &at), JDOC_OK);
	surface_facts(SURFACE_CHAT, &doc, &scratch, &facts);
	surface_read(SURFACE_CHAT, DOC_REQUEST, &doc, &scratch, keep, &k);
	CHECK_EQ(k.n, 3);
	CHECK_MEM(k.decoded[0].ptr, k.decoded[0].len, "one");
	CHECK_MEM(k.decoded[1].ptr, k.decoded[1].len, "two");
	CHECK_MEM(k.decoded[2].ptr, k.decoded[2].len, "three");
	CHECK_MEM(facts.model.ptr, facts.model.len, "mm");
	buf_fini(&scratch);
	jdoc_fini(&doc);
}

static void
schemas_are_read_but_for_their_own_words(void)
{
	CHECK_STR(chat("{\"tools\":[{\"type\":\"function\",\"function\":{"
	    "\"name\":\"f\",\"strict\":true,\"parameters\":{\"type\":"
	    "\"object\",\"properties\":{\"墨\":{\"type\":\"string\",\"enum\":"
	    "[\"a\"],\"x-note\":\"b\"}},\"required\":[\"墨\"]}}}]}"),
	    "tools[0].function.name plain developer f\n"
	    "tools[0].function.parameters.properties[\"墨\"] plain developer "
	    "key 墨\n"
	    "tools[0].function.parameters.properties[\"墨\"].enum[0] plain "
	    "developer a\n"
	    "tools[0].function.parameters.properties[\"墨\"].x-note plain "
	    "developer key x-note\n"
	    "tools[0].function.parameters.properties[\"墨\"].x-note plain "
	    "developer b\n"
	    "tools[0].function.parameters.required[0] plain developer 墨\n");
}

static void
texts_that_are_elsewhere_are_references(void)
{
	CHECK_STR(chat("{\"messages\":[{\"role\":\"user\",\"content\":"
	    "[{\"type\":\"file\",\"file\":{\"file_id\":\"f1\"}}]},"
	    "{\"role\":\"assistant\",\"audio\":{\"id\":\"a1\"}}],"
	    "\"data_sources\":[{\"type\":\"s\"}]}"),
	    "messages[0].content[0].file.file_id reference user f1\n"
	    "messages[1].audio.id reference assistant a1\n"
	    "data_sources reference tool [{\"type\":\"s\"}]\n"
	    "data_sources[0].type plain other key unknown type\n"
	    "data_sources[0].type plain other unknown s\n");
}

/* ---- answers and events ---- */

static void
a_choice_is_named_by_its_index(void)
{
	CHECK_STR(texts(SURFACE_CHAT, DOC_ANSWER, "{\"choices\":[{\"message\":"
	    "{\"content\":\"a\"},\"index\":1},{\"message\":{\"content\":\"b\"},"
	    "\"index\":0},{\"message\":{\"content\":\"c\"}},{\"index\":-1,"
	    "\"message\":{\"content\":\"d\"}},{\"index\":1e1,\"x\":\"e\"}],"
	    "\"error\":{\"message\":\"f\"}}"),
	    "choices[0].message.content plain assistant choice=1 a\n"
	    "choices[1].message.content plain assistant choice=0 b\n"
	    "choices[2].message.content plain assistant choice=2 c\n"
	    "choices[3].message.content plain assistant choice=3 d\n"
	    "choices[4].x plain other key unknown choice=4 x\n"
	    "choices[4].x plain other unknown choice=4 e\n"
	    "error.message plain other f\n");
}

struct channels {
	uint64_t id[16];
	unsigned n;
};

static bool
note_channel(void *arg, const struct surface_text *t)
{
	struct channels *c = arg;

	if (c->n < 16)
		c->id[c->n++] = t->channel;
	return true;
}

static struct channels
channels(enum surface_kind surface, enum surface_doc which, const char *json)
{
	struct channels c = { .n = 0 };
	struct jdoc doc = { 0 };
	struct buf scratch = { 0 };
	size_t at;

	CHECK_EQ(jdoc_read(&doc, span_str(json), &loose, &at), JDOC_OK);
	surface_read(surface, which, &doc, &scratch, note_channel, &c);
	buf_fini(&scratch);
	jdoc_fini(&doc);
	return c;
}

static void
pieces_of_one_text_share_a_channel_over_events(void)
{
	struct channels a = channels(SURFACE_CHAT, DOC_EVENT,
	    "{\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
	    "\"a\"}},{\"index\":1,\"delta\":{\"content\":\"b\"}}]}");
	struct channels b = channels(SURFACE_CHAT, DOC_EVENT,
	    "{\"choices\":[{\"delta\":{\"refusal\":\"c\",\"cont\\u0065nt\":"
	    "\"d\"},\"index\":1}]}");

	CHECK_EQ(a.n, 2);
	CHECK_EQ(b.n, 2);
	CHECK(a.id[0] != a.id[1]);
	CHECK(b.id[1] == a.id[1]);
	CHECK(b.id[0] != a.id[0] && b.id[0] != a.id[1]);
}

static void
tool_calls_are_channels_by_index(void)
{
	struct channels a = channels(SURFACE_CHAT, DOC_EVENT,
	    "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
	    "\"function\":{\"arguments\":\"a\"}},{\"index\":1,\"function\":"
	    "{\"arguments\":\"b\"}}]}}]}");
	struct channels b = channels(SURFACE_CHAT, DOC_EVENT,
	    "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,"
	    "\"function\":{\"arguments\":\"c\"}}]}}]}");

	CHECK(a.n == 2 && b.n == 1);
	CHECK(a.id[0] != a.id[1]);
	CHECK(b.id[0] == a.id[1]);
}

static void
paths_do_not_repeat_a_key_that_is_a_text(void)
{
	struct buf json = { 0 }, path = { 0 };
	struct jdoc doc = { 0 };
	size_t i, at;

	buf_add_str(&json, "{\"a\":{\"");
	for (i = 0; i < 257; i++)
		buf_add_byte(&json, 'k');
	buf_add_str(&json, "\":[0]}}");
	CHECK_EQ(jdoc_read(&doc, buf_span(&json), &loose, &at), JDOC_OK);
	surface_path(&doc, 3, &path);
	CHECK_MEM(path.ptr, path.len, "a.{}[0]");
	jdoc_fini(&doc);
	buf_fini(&json);
	buf_fini(&path);
}

static void
unknown_strings_of_events_grow_by_their_path(void)
{
	struct channels a = channels(SURFACE_CHAT, DOC_EVENT,
	    "{\"choices\":[{\"index\":3,\"delta\":{\"poem\":\"a\"}}]}");
	struct channels b = channels(SURFACE_CHAT, DOC_EVENT,
	    "{\"choices\":[{\"index\":3,\"delta\":{\"po\\u0065m\":\"b\","
	    "\"song\":\"c\"}}]}");

	CHECK_STR(texts(SURFACE_CHAT, DOC_EVENT, "{\"choices\":[{\"index\":3,"
	    "\"delta\":{\"poem\":\"a\"}}]}"),
	    "choices[0].delta.poem plain other key unknown choice=3 poem\n"
	    "choices[0].delta.poem plain other unknown joins choice=3 a\n");
	CHECK(a.n == 2 && b.n == 4);
	CHECK(a.id[0] == b.id[0] && a.id[1] == b.id[1]);
	CHECK(a.id[0] != a.id[1]);
	CHECK(b.id[3] != b.id[1] && b.id[2] != b.id[0]);
}

static void
logprobs_tokens_join_by_rank(void)
{
	struct channels c = channels(SURFACE_CHAT, DOC_ANSWER,
	    "{\"choices\":[{\"index\":0,\"logprobs\":{\"content\":["
	    "{\"token\":\"a\",\"top_logprobs\":[{\"token\":\"a\"},"
	    "{\"token\":\"x\"}]},{\"token\":\"b\",\"top_logprobs\":["
	    "{\"token\":\"b\"},{\"token\":\"y\"}]}]}}]}");

	CHECK_EQ(c.n, 6);
	CHECK(c.id[0] == c.id[3]);
	CHECK(c.id[1] == c.id[4]);
	CHECK(c.id[2] == c.id[5]);
	CHECK(c.id[0] != c.id[1] && c.id[1] != c.id[2]);
}

/* One token with its bytes: what is seen beside the token. */
static const char *
bytes(const char *token, const char *array)
{
	struct buf json = { 0 };
	const char *seen;

	buf_addf(&json, "{\"choices\":[{\"index\":0,\"logprobs\":{\"content\":"
	    "[{\"token\":\"%s\",\"bytes\":%s}]}}]}", token, array);
	seen = texts(SURFACE_CHAT, DOC_EVENT, buf_cstr(&json));
	buf_fini(&json);
	seen = strchr(seen, '\n') + 1;
	return seen;
}

static void
bytes_that_repeat_their_token_are_not_seen_twice(void)
{
	CHECK_STR(bytes("春", "[230,152,165]"), "");
	CHECK_STR(bytes("\\u6625", "[230,152,165]"), "");
	CHECK_STR(bytes("a", "null"), "");
	CHECK_STR(bytes("", "[]"), "");
	/* Half a character, as servers write it. */
	CHECK_STR(bytes("\xef\xbf\xbd", "[230,152]"), "");
	CHECK_STR(bytes("\xef\xbf\xbd\xef\xbf\xbd", "[230,152]"), "");
	CHECK_STR(bytes("a\xef\xbf\xbd" "b", "[97,230,98]"), "");
}

static void
bytes_that_say_more_than_their_token_are_text(void)
{
#define SEEN "choices[0].logprobs.content[0].bytes plain assistant joins " \
	"logprobs decoded choice=0 "
	CHECK_STR(bytes("a", "[230,152,165]"), SEEN "春\n");
	CHECK_STR(bytes("\xef\xbf\xbd", "[98,97,100]"), SEEN "bad\n");
	CHECK_STR(bytes("", "[98,97,100]"), SEEN "bad\n");
	CHECK_STR(bytes("token_id:5", "[98]"), SEEN "b\n");
	CHECK_STR(bytes("x\xef\xbf\xbd", "[120,121]"), SEEN "xy\n");
	CHECK_STR(bytes("bytes:\\\\xe6", "[230]"), SEEN "\xef\xbf\xbd\n");
	/* No bytes: numbers that say nothing; strings are read. */
	CHECK_STR(bytes("a", "[256]"), "");
	CHECK_STR(bytes("a", "[\"bad\"]"), "choices[0].logprobs.content[0]."
	    "bytes[0] plain other unknown joins choice=0 bad\n");
#undef SEEN
}

static void
long_runs_of_bytes_are_read_across_pieces(void)
{
	struct buf array = { 0 }, want = { 0 };
	unsigned shift, i;

	for (shift = 0; shift < 3; shift++) {
		buf_clear(&array);
		buf_clear(&want);
		buf_add_str(&want, "choices[0].logprobs.content[0].bytes plain "
		    "assistant joins logprobs decoded choice=0 ");
		for (i = 0; i < shift; i++) {
			buf_add_str(&array, i ? ",97" : "[97");
			buf_add_byte(&want, 'a');
		}
		for (i = 0; i < 100; i++) {
			buf_addf(&array, "%s230,152,165",
			    array.len ? "," : "[");
			buf_add_str(&want, "春");
		}
		buf_add_str(&array, "]");
		buf_add_str(&want, "\n");
		CHECK_STR(bytes("x", buf_cstr(&array)), buf_cstr(&want));
	}
	buf_fini(&array);
	buf_fini(&want);
}

static void
a_visitor_can_stop(void)
{
	const char *json = "{\"a\":\"b\",\"c\":[\"d\",\"e\"]}";
	struct jdoc doc = { 0 };
	struct buf scratch = { 0 };
	size_t at;
	unsigned n;

	for (n = 1; n < 6; n++) {
		struct log log = { .doc = &doc, .stop_after = n };

		CHECK_EQ(jdoc_read(&doc, span_str(json), &loose, &at),
		    JDOC_OK);
		surface_read(SURFACE_CHAT, DOC_REQUEST, &doc, &scratch, note,
		    &log);
		CHECK_EQ(log.n, n < 5 ? n : 5);
		buf_fini(&log.lines);
		buf_fini(&log.undone);
	}
	buf_fini(&scratch);
	jdoc_fini(&doc);
}

static void
deep_documents_are_read_to_the_bottom(void)
{
	struct buf json = { 0 };
	const char *seen;
	unsigned i;

	for (i = 0; i < 20000; i++)
		buf_add_byte(&json, '[');
	buf_add_str(&json, "\"bottom\"");
	for (i = 0; i < 20000; i++)
		buf_add_byte(&json, ']');
	seen = chat(buf_cstr(&json));
	CHECK(strstr(seen, "[0] plain other unknown bottom\n") != NULL);
	CHECK_EQ(strlen(seen), 60000 + strlen(" plain other unknown bottom\n"));
	buf_fini(&json);
}

/* ---- threads ---- */

static void *
read_in_a_thread(void *arg)
{
	uint64_t *channel = arg;
	struct channels c = channels(SURFACE_CHAT, DOC_EVENT,
	    "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}");

	*channel = c.n == 1 ? c.id[0] : 0;
	return NULL;
}

/* Runs first, so that the tables are compiled here. */
static void
any_thread_may_read_first(void)
{
	pthread_t threads[4];
	uint64_t seen[4] = { 0 };
	unsigned i;

	for (i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, read_in_a_thread,
		    &seen[i]), 0);
	for (i = 0; i < 4; i++) {
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
		CHECK(seen[i] != 0 && seen[i] == seen[0]);
	}
}

int
main(void)
{
	RUN(any_thread_may_read_first);
	RUN(every_pattern_of_the_tables_is_found_where_it_points);
	RUN(a_text_has_the_role_of_its_message);
	RUN(an_invented_role_is_text_and_trusted_least);
	RUN(unknown_paths_are_read_with_their_keys);
	RUN(what_is_no_text_at_its_place_is_text_elsewhere);
	RUN(prompts_are_strings_or_token_ids);
	RUN(urls_are_media_references_or_text);
	RUN(a_data_url_that_others_may_read_otherwise_is_unreadable);
	RUN(text_in_a_data_url_is_read_wherever_it_stands);
	RUN(decoded_texts_stay_while_the_document_does);
	RUN(schemas_are_read_but_for_their_own_words);
	RUN(texts_that_are_elsewhere_are_references);
	RUN(a_choice_is_named_by_its_index);
	RUN(pieces_of_one_text_share_a_channel_over_events);
	RUN(tool_calls_are_channels_by_index);
	RUN(paths_do_not_repeat_a_key_that_is_a_text);
	RUN(unknown_strings_of_events_grow_by_their_path);
	RUN(logprobs_tokens_join_by_rank);
	RUN(bytes_that_repeat_their_token_are_not_seen_twice);
	RUN(bytes_that_say_more_than_their_token_are_text);
	RUN(long_runs_of_bytes_are_read_across_pieces);
	RUN(a_visitor_can_stop);
	RUN(deep_documents_are_read_to_the_bottom);
	return CHECK_DONE();
}
