/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit_record.c - records are canonical, bounded, and hold no more text
 * than they may. */
#include <jansson.h>

#include "tests/audit_bench.h"

/* ---- tests: pseudonyms and records ---- */

static void
pseudonyms_are_equal_for_equal_texts_as_long_as_the_key_is(void)
{
	struct config_audit c = config();
	char path[160], one[33], two[33];
	struct bench b;
	struct stat st;

	new_dir();
	CHECK(bench_open(&b, &c, &audit_io_system));
	audit_pseudonym(b.audit, span_str("10.0.0.1"), one);
	audit_pseudonym(b.audit, span_str("10.0.0.2"), two);
	CHECK_EQ(strlen(one), 32);
	CHECK(strcmp(one, two) != 0);
	bench_close(&b);
	(void)snprintf(path, sizeof(path), "%s.key", dir);
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0600);
	CHECK_EQ(st.st_size, 32);
	CHECK(bench_open(&b, &c, &audit_io_system));
	audit_pseudonym(b.audit, span_str("10.0.0.1"), two);
	CHECK_STR(two, one);
	bench_close(&b);
	CHECK_EQ(chmod(path, 0644), 0);
	CHECK(!bench_open(&b, &c, &audit_io_system));
	CHECK(strstr(b.err.text, "chmod 600") != NULL);
}

static const struct record_head head = { INT64_C(1709210096123456), "gw-1",
    X1 };

static void
an_open_record_is_canonical(void)
{
	struct record_open open = { .tenant = span_str("gallery"),
	    .key_id = span_str("key_1"), .subj = span_str("ab"),
	    .ip = span_str("cd"), .route = span_str("completions"),
	    .model = span_str("text-\"x\""), .stream = true,
	    .policy_id = span_str("art"), .policy_sha256 = span_str("00") };
	struct buf out = { 0 };

	record_open(&out, &head, &open);
	CHECK_MEM(out.ptr, out.len, "{\"inst\":\"gw-1\",\"ip\":\"cd\","
	    "\"key_id\":\"key_1\",\"model\":\"text-\\\"x\\\"\",\"policy\":{"
	    "\"id\":\"art\",\"sha256\":\"00\"},\"route\":\"completions\","
	    "\"stream\":true,\"subj\":\"ab\",\"tenant\":\"gallery\","
	    "\"ts\":\"2024-02-29T12:34:56.123456Z\","
	    "\"type\":\"exchange.open\",\"v\":1,\"xid\":\"" X1 "\"}");
	buf_fini(&out);
}

static void
a_close_record_is_canonical(void)
{
	static const char *const unread[] = { "media", "token_ids", NULL };
	struct record_place place = { span_str("prompt"), 3, 6 };
	struct record_verdict verdict = { .phase = "prompt",
	    .rule = span_str("words"), .category = span_str("A1f"),
	    .verdict = "found", .action = "block", .mode = "enforce",
	    .severity = "high", .score_ppm = 905000, .spans = &place, .n_spans = 1,
	    .guardrail = span_str("words") };
	struct record_close close = { .outcome = "blocked", .status = 400,
	    .verdicts = &verdict, .n_verdicts = 1, .bytes_out = 77,
	    .recv_us = 5, .decided_us = 9, .not_scanned = unread };
	struct buf out = { 0 };

	record_close(&out, &head, &close);
	CHECK_MEM(out.ptr, out.len, "{\"bytes_out\":77,\"inst\":\"gw-1\","
	    "\"not_scanned\":[\"media\",\"token_ids\"],"
	    "\"outcome\":\"blocked\",\"status\":400,\"t\":{\"decided\":9,"
	    "\"recv\":5},\"ts\":\"2024-02-29T12:34:56.123456Z\","
	    "\"type\":\"exchange.close\",\"v\":1,\"verdicts\":[{"
	    "\"action\":\"block\",\"cat\":\"A1f\",\"guardrail\":\"words\","
	    "\"mode\":\"enforce\",\"phase\":\"prompt\",\"rule\":\"words\","
	    "\"score\":0.905,\"sev\":\"high\",\"spans\":[{\"at\":3,\"len\":6,"
	    "\"path\":\"prompt\"}],\"verdict\":\"found\"}],"
	    "\"xid\":\"" X1 "\"}");
	buf_fini(&out);
}

/* Written again with sorted keys by another hand, it must not change. */
static void
check_canonical(struct buf *out, const char *type)
{
	struct mg_span value[4];
	json_t *json = json_loadb(out->ptr, out->len, JSON_REJECT_DUPLICATES,
	    NULL);
	char *again = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) :
	    NULL;

	CHECK(again != NULL);
	if (again)
		CHECK_MEM(out->ptr, out->len, again);
	CHECK(leaf_members(buf_span(out), (const char *const[]){ "type", "xid",
	    "ts", "v" }, 4, value));
	CHECK_MEM(value[0].ptr, value[0].len, type);
	CHECK_EQ(value[1].len, 36);
	CHECK_EQ(value[2].len, 27);
	CHECK_EQ(value[3].len, 1);
	free(again);
	json_decref(json);
	buf_clear(out);
}

static void
every_kind_of_record_is_canonical(void)
{
	struct mg_span s = span_str("词\"\\\n\x01");
	struct record_open open = { s, s, s, s, s, s, true, s, s, s, NULL, 0 };
	struct buf out = { 0 };

	record_open(&out, &head, &open);
	check_canonical(&out, "exchange.open");
	record_aborted(&out, &head, "recovery");
	check_canonical(&out, "exchange.aborted");
	record_started(&out, &head, "1", "commit", "none");
	check_canonical(&out, "log.started");
	record_stopped(&out, &head, 5);
	check_canonical(&out, "log.stopped");
	record_degraded(&out, &head, "full");
	check_canonical(&out, "log.degraded");
	record_recovered(&out, &head, "", 0, 0, 0);
	check_canonical(&out, "log.recovered");
	record_recovered(&out, &head, "a.seg", 1, 2, 3);
	check_canonical(&out, "log.recovered");
	record_policy_loaded(&out, &head, s, s, s);
	check_canonical(&out, "policy.loaded");
	record_config_changed(&out, &head, s, s);
	check_canonical(&out, "config.changed");
	record_auth_failed(&out, &head, "unknown", s, s);
	check_canonical(&out, "auth.failed");
	record_key(&out, &head, "created", s, s, s);
	check_canonical(&out, "key.created");
	buf_fini(&out);
}

static void
a_close_with_all_its_members_is_canonical(void)
{
	static const char *const unread[] = { "references", NULL };
	struct mg_span s = span_str("名");
	struct record_place places[20] = { { s, 1, 2 } };
	struct record_verdict verdict = { "answer", s, s, "unable", "flag",
	    "shadow", "low", 1000000, places, 20, s, s };
	struct record_obj objs[65] = { { "prompt", 3, { 255 } } };
	struct record_close close = { "aborted", "client", "client_gone", 200,
	    &verdict, 1, 4, s, s, s, s, UINT64_MAX, 2, true, 3, objs, 65, 1, 2,
	    3, 4, unread, 5, 6 };
	struct buf out = { 0 };
	size_t i;

	for (i = 1; i < 65; i++)
		objs[i].role = "response";
	record_close(&out, &head, &close);
	CHECK(memmem(out.ptr, out.len, "\"tok_in\":9007199254740991", 25));
	CHECK(memmem(out.ptr, out.len, "{\"by\":\"client\",", 15));
	CHECK(memmem(out.ptr, out.len, "\"reason\":\"client_gone\",", 23));
	check_canonical(&out, "exchange.close");
	buf_fini(&out);
}

static void
a_leaf_stays_below_its_cap_whatever_was_found(void)
{
	struct record_verdict verdicts[2000];
	struct record_obj objs[100];
	struct record_place places[40];
	struct record_close close = { .outcome = "blocked",
	    .verdicts = verdicts, .n_verdicts = 2000, .verdicts_more = 5,
	    .objs = objs, .n_objs = 100, .host = span_str("main") };
	struct mg_span value[3];
	struct buf out = { 0 };
	char noise[3000];
	size_t i;

	memset(noise, 1, sizeof(noise));	/* \u0001: six for one */
	memset(objs, 0, sizeof(objs));
	memset(verdicts, 0, sizeof(verdicts));
	for (i = 0; i < 40; i++)
		places[i] = (struct record_place){ span(noise, sizeof(noise)),
		    UINT64_MAX, UINT64_MAX };
	for (i = 0; i < 100; i++)
		objs[i].role = "response";
	for (i = 0; i < 2000; i++)
		verdicts[i] = (struct record_verdict){ .phase = "answer",
		    .rule = span(noise, sizeof(noise)), .verdict = "found",
		    .action = "flag", .mode = "shadow", .score_ppm = -1,
		    .spans = places, .n_spans = i % 40 };
	close.model = close.resp_id = close.finish = span(noise, 3000);
	record_close(&out, &head, &close);
	CHECK(out.len <= RECORD_LEAF_MAX);
	CHECK(leaf_members(buf_span(&out), (const char *const[]){ "xid",
	    "verdicts_left_out", "objs_left_out" }, 3, value));
	CHECK_MEM(value[0].ptr, value[0].len, X1);
	CHECK(value[1].len > 3);
	CHECK_MEM(value[2].ptr, value[2].len, "36");
	buf_fini(&out);
}

static void
bytes_that_are_no_utf_8_do_not_get_into_a_record(void)
{
	struct record_open open = { .model = span("a\xff\xe6\x98z", 5) };
	struct buf out = { 0 };

	record_open(&out, &head, &open);
	CHECK(utf8_valid(out.ptr, out.len));
	CHECK(memmem(out.ptr, out.len, "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf"
	    "\xbdz\"", 13) != NULL);
	buf_fini(&out);
}

static void
an_excerpt_has_forty_characters_on_each_side(void)
{
	struct record_excerpt e = { .xid = X1, .phase = "answer",
	    .rule = span_str("r"), .path = span_str("p"), .text_at = 1000 };
	struct record_obj obj;
	struct buf text = { 0 }, out = { 0 }, want = { 0 };
	unsigned i;

	for (i = 0; i < 100; i++)
		buf_add_str(&text, i == 50 ? "BAD" : "春");
	e.text = buf_span(&text);
	e.at = 1150;
	e.len = 3;
	record_excerpt(&out, &e, &obj);
	buf_add_str(&want, "{\"at\":1150,\"from\":1030,\"len\":3,"
	    "\"path\":\"p\",\"phase\":\"answer\",\"rule\":\"r\",\"text\":\"");
	for (i = 10; i < 91; i++)
		buf_add_str(&want, i == 50 ? "BAD" : "春");
	buf_add_str(&want, "\",\"v\":1,\"xid\":\"" X1 "\"}");
	CHECK_MEM(out.ptr, out.len, buf_cstr(&want));
	CHECK_EQ(obj.len, out.len);
	CHECK_STR(obj.role, "response");
	buf_fini(&text);
	buf_fini(&out);
	buf_fini(&want);
}

static void
an_excerpt_of_a_huge_or_distant_match_stays_small(void)
{
	struct record_excerpt e = { .xid = X1, .phase = "prompt" };
	struct record_obj obj;
	struct buf text = { 0 }, out = { 0 };

	memset(buf_reserve(&text, 1 << 20), 'x', 1 << 20);
	text.len = 1 << 20;
	e.text = buf_span(&text);
	e.len = 1 << 20;
	record_excerpt(&out, &e, &obj);
	CHECK(out.len < 4096 + 400);
	CHECK(memmem(out.ptr, out.len, "\"cut\":true", 10) != NULL);
	buf_clear(&out);
	/* Offsets that lie outside of the text at hand. */
	e.at = UINT64_MAX - 5;
	e.len = UINT64_MAX;
	record_excerpt(&out, &e, &obj);
	CHECK(out.len < 400);
	buf_clear(&out);
	e.at = 0;
	e.len = 10;
	e.text_at = 500;
	record_excerpt(&out, &e, &obj);
	CHECK(out.len < 400);
	buf_fini(&text);
	buf_fini(&out);
}

int
main(void)
{
	if (!bench_begin())
		return 1;
	RUN(pseudonyms_are_equal_for_equal_texts_as_long_as_the_key_is);
	RUN(an_open_record_is_canonical);
	RUN(a_close_record_is_canonical);
	RUN(every_kind_of_record_is_canonical);
	RUN(a_close_with_all_its_members_is_canonical);
	RUN(a_leaf_stays_below_its_cap_whatever_was_found);
	RUN(bytes_that_are_no_utf_8_do_not_get_into_a_record);
	RUN(an_excerpt_has_forty_characters_on_each_side);
	RUN(an_excerpt_of_a_huge_or_distant_match_stays_small);
	return BENCH_END();
}
