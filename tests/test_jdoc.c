/* SPDX-License-Identifier: Apache-2.0 */
/* test_jdoc.c - what the strict reader accepts, what it refuses and where. */
#include <stdlib.h>
#include <time.h>

#include "gateway/jdoc.h"
#include "gateway/jdoc_keys.h"
#include "tests/check.h"

static const struct jdoc_limits strict = { .max_depth = 64,
	.max_nodes = 200000 };

/* Reads from memory of exactly that size, so that a sanitizer sees a step
 * too far. */
static enum jdoc_fault
fault_in(struct mg_span text, const struct jdoc_limits *limits, size_t *at)
{
	struct jdoc doc = { 0 };
	char *copy = xmalloc(text.len);
	enum jdoc_fault fault;

	if (text.len)
		memcpy(copy, text.ptr, text.len);
	fault = jdoc_read(&doc, span(copy, text.len), limits, at);
	if (fault != JDOC_OK)
		CHECK_EQ(doc.n, 0);
	jdoc_fini(&doc);
	free(copy);
	return fault;
}

static enum jdoc_fault
fault_of(const char *text)
{
	size_t at;

	return fault_in(span_str(text), &strict, &at);
}

static void
reads_values_in_document_order_with_their_places(void)
{
	const char *text = " {\"a\": [1, \"b\"], \"c\\n\" :{} }\n";
	struct jdoc doc = { 0 };
	const struct jdoc_node *n;
	size_t at;

	CHECK_EQ(jdoc_read(&doc, span_str(text), &strict, &at), JDOC_OK);
	CHECK_EQ(doc.n, 5);
	n = doc.nodes;
	CHECK_MEM(text + n[0].at, n[0].len, "{\"a\": [1, \"b\"], \"c\\n\" :{} }");
	CHECK_EQ(n[0].next, 5);
	CHECK_EQ(n[1].type, JDOC_ARRAY);
	CHECK_MEM(text + n[1].key_at, n[1].key_len, "a");
	CHECK_MEM(text + n[1].at, n[1].len, "[1, \"b\"]");
	CHECK_EQ(n[1].next, 4);
	CHECK_EQ(n[2].type, JDOC_NUMBER);
	CHECK_EQ(n[2].parent, 1);
	CHECK_EQ(n[2].depth, 2);
	CHECK_EQ(n[2].key_len, 0);
	CHECK_MEM(text + n[3].at, n[3].len, "\"b\"");
	CHECK_EQ(n[4].flags, JDOC_KEY_ESCAPED);
	CHECK_EQ(n[4].len, 2);
	CHECK_EQ(jdoc_child(&doc, 0), 1);
	CHECK_EQ(jdoc_sibling(&doc, 1), 4);
	CHECK_EQ(jdoc_sibling(&doc, 4), 0);
	CHECK_EQ(jdoc_sibling(&doc, 3), 0);
	CHECK_EQ(jdoc_child(&doc, 4), 0);
	CHECK_EQ(jdoc_sibling(&doc, 0), 0);
	jdoc_fini(&doc);
}

static void
accepts_every_kind_of_value(void)
{
	static const char *const good[] = {
		"0", "-0", "1", "-12.5e+10", "1E-2", "0.0", "0e0", "true",
		"false", "null", "\"\"", "[]", "{}", "[[],{}]", "\t[ ]\r\n",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", "\"\x7f\"",
		"\"\\ud83c\\udf38\"", "\"\xf4\x8f\xbf\xbf\"",
		"{\"\":0,\" \":0}", "[null,true,false]",
		"\"\\uD83C\\uDF38\"", "1e400", "123456789012345678901234567890",
	};
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK_EQ(fault_of(good[i]), JDOC_OK);
		if (fault_of(good[i]) != JDOC_OK)
			fprintf(stderr, "  it was %s\n", good[i]);
	}
}

static void
refuses_what_is_not_rfc_8259(void)
{
	static const char *const bad[] = {
		"", " ", "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x1",
		"-01", "1.e1", "NaN", "Infinity", "tru", "truee", "nul",
		"True", "[1,]", "[,1]", "[1 2]", "[", "]", "[1", "{\"a\"}",
		"{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}", "{'a':1}",
		"{\"a\":1 \"b\":2}", "{\"a\" 1}", "{1:2}", "[1}", "{\"a\":1]",
		"\"", "\"a", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"",
		"\"\n\"", "\"\t\"", "\"\x1f\"", "1 2", "{} {}", "[] x",
		"// a\n1", "/* */1", "\"a\" \"b\"", "\"\\", "\"\\u", "[1,,2]",
		"'a'", "\xc2\xa0" "1", "\"\\U0041\"", "{\"a\":1,\"b\"", "\v1",
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_EQ(fault_of(bad[i]), JDOC_SYNTAX);
		if (fault_of(bad[i]) != JDOC_SYNTAX)
			fprintf(stderr, "  it was %s\n", bad[i]);
	}
}

static void
refuses_bytes_that_are_not_utf_8(void)
{
	static const char *const bad[] = {
		"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xe0\x80\x80",
		"\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xe4\xbd",
		"\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\xff", "\xfe", "\xf0\x9f\x8c",
		"\xe4\xbd\x41", "\xc3\x28", "\xf8\x88\x80\x80\x80",
	};
	static const char *const around[] = { "", "a", "abcdefghijklmnopq",
		"\xe6\x98\xa5\xe5\xa4\xa9\xe6\x98\xa5\xe5\xa4\xa9\xe6\x98\xa5"
		"\xe5\xa4\xa9", "\xf0\x9f\x8c\xb8", "\\n" };
	size_t i, j, k, at;
	char text[128];

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (j = 0; j < 6; j++)
			for (k = 0; k < 6; k++) {
				int n = snprintf(text, sizeof(text),
				    "[\"%s%s%s\"]", around[j], bad[i],
				    around[k]);

				CHECK_EQ(fault_in(span(text, (size_t)n),
				    &strict, &at), JDOC_UTF8);
				CHECK_EQ(at, 2 + strlen(around[j]));
			}
	CHECK_EQ(fault_of("\xef\xbb\xbf{}"), JDOC_UTF8);
}

/* What buf.c's plain validator says of the same bytes. */
static void
agrees_with_the_plain_utf_8_check_on_any_bytes(void)
{
	static const unsigned char some[] = { 'a', 0x80, 0xa0, 0x9f, 0xbf,
		0xc2, 0xe0, 0xe6, 0xed, 0xf0, 0xf4, 0x8f, 0x90, 0xe6, 0x98 };
	unsigned seed = 7, round;
	char text[64];
	size_t at;

	for (round = 0; round < 200000; round++) {
		size_t len, i;

		seed = seed * 1103515245 + 12345;
		len = seed >> 16 & 31;
		for (i = 0; i < len; i++) {
			seed = seed * 1103515245 + 12345;
			text[1 + i] = (char)some[(seed >> 16) % sizeof(some)];
		}
		text[0] = text[len + 1] = '"';
		CHECK((fault_in(span(text, len + 2), &strict, &at) ==
		    JDOC_OK) == utf8_valid(text + 1, len));
	}
}

static void
refuses_nul_however_it_is_written(void)
{
	size_t at;

	CHECK_EQ(fault_of("\"\\u0000\""), JDOC_NUL);
	CHECK_EQ(fault_of("{\"a\\u0000\":1}"), JDOC_NUL);
	CHECK_EQ(fault_in(span("\"\0\"", 3), &strict, &at), JDOC_SYNTAX);
	CHECK_EQ(fault_in(span("\0", 1), &strict, &at), JDOC_SYNTAX);
	CHECK_EQ(fault_in(span("1\0", 2), &strict, &at), JDOC_SYNTAX);
}

static void
refuses_half_a_surrogate_pair_unless_allowed(void)
{
	static const char *const halves[] = { "\"\\ud83c\"", "\"\\udf38\"",
		"\"\\udf38\\ud83c\"", "\"\\ud83c\\ud83c\\udf38\"",
		"\"\\ud83cx\"", "\"\\ud83c\\n\"", "\"\\ud83c\\u0041\"",
		"{\"\\ud83c\":1}" };
	const struct jdoc_limits loose = { .max_depth = 9, .max_nodes = 9,
		.lone_surrogates = true };
	struct jdoc doc = { 0 };
	size_t i, at;

	for (i = 0; i < sizeof(halves) / sizeof(halves[0]); i++) {
		CHECK_EQ(fault_of(halves[i]), JDOC_LONE_SURROGATE);
		CHECK_EQ(fault_in(span_str(halves[i]), &loose, &at), JDOC_OK);
	}
	CHECK_EQ(jdoc_read(&doc, span_str(halves[0]), &loose, &at), JDOC_OK);
	CHECK_EQ(doc.nodes[0].flags, JDOC_ESCAPED | JDOC_LONE);
	jdoc_fini(&doc);
}

static void
says_where_the_first_bad_byte_is(void)
{
	static const struct {
		const char *text;
		size_t at;
	} cases[] = {
		{ "[1,x]", 3 }, { "[1", 2 }, { "{\"a\":1,\"a\":2}", 8 },
		{ "\"ab\\q\"", 3 }, { "\"a\xff\\q\"", 2 }, { "1 2", 2 },
		{ "\"a\n\"", 2 }, { "", 0 }, { "\xef\xbb\xbf{}", 0 },
		{ "[\"\\ud800\"]", 2 }, { "truf", 3 }, { "1.x", 2 },
	};
	size_t i, at;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		at = 999;
		CHECK(fault_in(span_str(cases[i].text), &strict, &at) !=
		    JDOC_OK);
		CHECK_EQ(at, cases[i].at);
	}
}

static void
finds_equal_keys_however_they_are_escaped(void)
{
	CHECK_EQ(fault_of("{\"a\":1,\"b\":2,\"a\":3}"), JDOC_DUPLICATE);
	CHECK_EQ(fault_of("{\"a\":1,\"\\u0061\":2}"), JDOC_DUPLICATE);
	CHECK_EQ(fault_of("{\"\":1,\"\":2}"), JDOC_DUPLICATE);
	CHECK_EQ(fault_of("{\"春\":1,\"\\u6625\":2}"), JDOC_DUPLICATE);
	CHECK_EQ(fault_of("{\"🌸\":1,\"\\uD83C\\udf38\":2}"), JDOC_DUPLICATE);
	CHECK_EQ(fault_of("{\"\\/\":1,\"/\":2}"), JDOC_DUPLICATE);
	CHECK_EQ(fault_of("[{\"x\":{\"prompt\":1,\"prompt\":2}}]"),
	    JDOC_DUPLICATE);
	CHECK_EQ(fault_of("{\"a\":{\"a\":{\"a\":1}}}"), JDOC_OK);
	CHECK_EQ(fault_of("{\"a\":1,\"A\":2,\"a \":3,\"\":4}"), JDOC_OK);
	CHECK_EQ(fault_of("{\"abcdefgh1\":1,\"abcdefgh2\":2}"), JDOC_OK);
	CHECK_EQ(fault_of("{\"abcdefgh1\":1,\"abcdefgh1\":2}"),
	    JDOC_DUPLICATE);
	CHECK_EQ(fault_of("{\"\\ud800\":1}"), JDOC_LONE_SURROGATE);
}

static void
different_lone_surrogates_are_different_keys(void)
{
	const struct jdoc_limits loose = { .max_depth = 9, .max_nodes = 9,
		.lone_surrogates = true };
	size_t at;

	CHECK_EQ(fault_in(span_str("{\"\\ud800\":1,\"\\ud801\":2}"), &loose,
	    &at), JDOC_OK);
	CHECK_EQ(fault_in(span_str("{\"\\ud800\":1,\"\\uD800\":2}"), &loose,
	    &at), JDOC_DUPLICATE);
}

static void
lets_equal_keys_pass_when_told_to(void)
{
	const struct jdoc_limits loose = { .max_depth = 9, .max_nodes = 9,
		.duplicate_keys = true };
	size_t at;

	CHECK_EQ(fault_in(span_str("{\"a\":1,\"a\":2}"), &loose, &at),
	    JDOC_OK);
}

static void
finds_one_pair_among_keys_of_every_number(void)
{
	struct buf text = { 0 };
	unsigned n, twin, i;
	size_t at;

	for (n = 2; n <= 40; n++)
		for (twin = 0; twin < n; twin++) {
			buf_clear(&text);
			for (i = 0; i < n; i++)
				buf_addf(&text, "%s\"key-number-%u\":0",
				    i ? "," : "{", i);
			buf_addf(&text, ",\"%s-number-%u\":0}",
			    n % 2 ? "key" : "k\\u0065y", twin);
			CHECK_EQ(fault_in(buf_span(&text), &strict, &at),
			    JDOC_DUPLICATE);
		}
	buf_fini(&text);
}

static double
seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
a_hundred_thousand_keys_take_no_quadratic_time(void)
{
	struct buf text = { 0 };
	double before;
	size_t at;
	unsigned i;

	for (i = 0; i < 100000; i++)
		buf_addf(&text, "%s\"k%u\":0", i ? "," : "{", i);
	buf_add_str(&text, "}");
	before = seconds();
	CHECK_EQ(fault_in(buf_span(&text), &strict, &at), JDOC_OK);
	CHECK(seconds() - before < 2);
	text.len--;
	buf_add_str(&text, ",\"k99999\":0}");
	CHECK_EQ(fault_in(buf_span(&text), &strict, &at), JDOC_DUPLICATE);
	buf_fini(&text);
}

/* Where jdoc_keys.c's table puts a key of seven bytes, before its mask. */
static uint64_t
place_of(const char *key)
{
	uint64_t hash = 0x243f6a8885a308d3u, word = 0;

	memcpy(&word, key, 7);
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	hash ^= hash >> 29;
	hash = (hash ^ 7) * 0x9e3779b97f4a7c15u;
	hash ^= hash >> 29;
	return hash >> 7;
}

/* An object of n keys of seven bytes whose place is at most `most`. */
static void
add_keys(struct buf *text, unsigned n, uint64_t most)
{
	char key[9];
	unsigned i;

	for (i = 0; n > 0; i++) {
		(void)snprintf(key, sizeof(key), "%07x", i);
		if ((place_of(key) & 0xffff) > most)
			continue;
		buf_addf(text, "%s\"%s\":0", text->len ? "," : "{", key);
		n--;
	}
	buf_add_byte(text, '}');
}

static double
seconds_to_read(const struct buf *text)
{
	double before = seconds();
	size_t at;

	CHECK_EQ(fault_in(buf_span(text), &strict, &at), JDOC_OK);
	return seconds() - before;
}

static void
keys_chosen_to_collide_are_sorted_instead(void)
{
	struct buf any = { 0 }, chosen = { 0 };
	size_t at;

	/* 30,000 keys share 64 of the table's 65,536 places: probing alone
	 * would take some thousand times longer than for any other keys. */
	add_keys(&any, 30000, 0xffff);
	add_keys(&chosen, 30000, 63);
	CHECK(seconds_to_read(&chosen) < 50 * seconds_to_read(&any));
	chosen.len--;
	buf_addf(&chosen, ",%.*s}", 11, chosen.ptr + 1);
	CHECK_EQ(fault_in(buf_span(&chosen), &strict, &at), JDOC_DUPLICATE);
	CHECK_EQ(at, chosen.len - 11);
	buf_fini(&any);
	buf_fini(&chosen);
}

static void
depth_is_capped_and_costs_no_stack(void)
{
	const struct jdoc_limits deep = { .max_depth = 60000,
		.max_nodes = 200000 };
	struct buf text = { 0 };
	size_t at, i;

	for (i = 0; i < 64; i++)
		buf_add_byte(&text, '[');
	for (i = 0; i < 64; i++)
		buf_add_byte(&text, ']');
	CHECK_EQ(fault_in(buf_span(&text), &strict, &at), JDOC_OK);
	buf_clear(&text);
	for (i = 0; i < 65; i++)
		buf_add_str(&text, "{\"a\":");
	CHECK_EQ(fault_in(buf_span(&text), &strict, &at), JDOC_DEEP);
	CHECK_EQ(at, 64 * 5);
	buf_clear(&text);
	for (i = 0; i < 60000; i++)
		buf_add_byte(&text, '[');
	for (i = 0; i < 60000; i++)
		buf_add_byte(&text, ']');
	CHECK_EQ(fault_in(buf_span(&text), &deep, &at), JDOC_OK);
	buf_fini(&text);
}

static void
the_number_of_values_is_capped(void)
{
	const struct jdoc_limits few = { .max_depth = 3, .max_nodes = 4 };
	size_t at;

	CHECK_EQ(fault_in(span_str("[1,2,3]"), &few, &at), JDOC_OK);
	CHECK_EQ(fault_in(span_str("[1,2,3,4]"), &few, &at), JDOC_LARGE);
	CHECK_EQ(at, 7);
	CHECK_EQ(fault_in(span_str("[1,[2],[]]"), &few, &at), JDOC_LARGE);
}

static void
members_are_found_by_what_their_key_means(void)
{
	struct jdoc doc = { 0 };
	uint32_t node;
	size_t at;

	CHECK_EQ(jdoc_read(&doc, span_str("{\"x\":{\"m\":1},"
	    "\"\\u006dodel\":\"a\\u0062\",\"n\":-7}"), &strict, &at), JDOC_OK);
	node = jdoc_member(&doc, 0, "model");
	CHECK(node != 0);
	CHECK(jdoc_is(&doc, node, "ab"));
	CHECK(!jdoc_is(&doc, node, "a"));
	CHECK(!jdoc_is(&doc, node, "abc"));
	CHECK_EQ(jdoc_member(&doc, 0, "m"), 0);
	CHECK_EQ(jdoc_member(&doc, 0, ""), 0);
	CHECK_EQ(jdoc_member(&doc, node, "x"), 0);
	CHECK_EQ(jdoc_member(&doc, jdoc_member(&doc, 0, "x"), "n"), 0);
	CHECK(!jdoc_is(&doc, jdoc_member(&doc, 0, "n"), "-7"));
	jdoc_fini(&doc);
}

static bool
int_of(const char *text, int64_t *out)
{
	struct jdoc doc = { 0 };
	bool is_int;
	size_t at;

	CHECK_EQ(jdoc_read(&doc, span_str(text), &strict, &at), JDOC_OK);
	is_int = jdoc_int(&doc, 0, out);
	jdoc_fini(&doc);
	return is_int;
}

static void
whole_numbers_are_read_within_their_range(void)
{
	int64_t v = 0;

	CHECK(int_of("0", &v) && v == 0);
	CHECK(int_of("-0", &v) && v == 0);
	CHECK(int_of("9223372036854775807", &v) && v == INT64_MAX);
	CHECK(int_of("-9223372036854775808", &v) && v == INT64_MIN);
	CHECK(int_of("-1", &v) && v == -1);
	CHECK(!int_of("9223372036854775808", &v));
	CHECK(!int_of("-9223372036854775809", &v));
	CHECK(!int_of("1.0", &v));
	CHECK(!int_of("1e2", &v));
	CHECK(!int_of("\"1\"", &v));
	CHECK(!int_of("true", &v));
}

static void
strings_come_without_their_escapes(void)
{
	struct jdoc doc = { 0 };
	struct buf scratch = { 0 };
	struct mg_span s;
	size_t at;

	CHECK_EQ(jdoc_read(&doc, span_str("[\"plain\",\"\\\"\\\\\\/\\b\\f\\n"
	    "\\r\\t\\u00e9\\u6625\\uD83C\\uDF38x\",{\"\\u0061\":1}]"),
	    &strict, &at), JDOC_OK);
	s = jdoc_string(&doc, 1, &scratch);
	CHECK_MEM(s.ptr, s.len, "plain");
	CHECK_EQ(scratch.len, 0);
	s = jdoc_string(&doc, 2, &scratch);
	CHECK_MEM(s.ptr, s.len, "\"\\/\b\f\n\r\té春🌸x");
	s = jdoc_key(&doc, 4, &scratch);
	CHECK_MEM(s.ptr, s.len, "a");
	jdoc_fini(&doc);
	buf_fini(&scratch);
}

struct halves {
	const char *raw, *out;
	uint16_t head, tail;
};

static void
halves_of_pairs_at_the_ends_are_handed_out(void)
{
	static const struct halves cases[] = {
		{ "", "", 0, 0 },
		{ "a\\ud83c", "a", 0, 0xd83c },
		{ "\\udf38b", "b", 0xdf38, 0 },
		{ "\\udf38", "", 0xdf38, 0 },
		{ "\\ud83c", "", 0, 0xd83c },
		{ "\\udf38\\ud83c", "", 0xdf38, 0xd83c },
		{ "\\ud83c\\udf38", "🌸", 0, 0 },
		{ "\\udf38\\udf38", "\xef\xbf\xbd", 0xdf38, 0 },
		{ "\\ud83c\\ud83c", "\xef\xbf\xbd", 0, 0xd83c },
		{ "\\ud83c\\ud83c\\udf38", "\xef\xbf\xbd🌸", 0, 0 },
		{ "a\\udf38b\\ud83cc", "a\xef\xbf\xbd" "b\xef\xbf\xbd" "c",
		    0, 0 },
		{ "\\n\\ud83c", "\n", 0, 0xd83c },
	};
	struct buf out = { 0 };
	uint16_t head, tail;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&out);
		jdoc_unescape(span_str(cases[i].raw), &out, &head, &tail);
		CHECK_MEM(out.ptr, out.len, cases[i].out);
		CHECK_EQ(head, cases[i].head);
		CHECK_EQ(tail, cases[i].tail);
	}
	buf_clear(&out);
	jdoc_unescape(span_str("\\udf38a\\ud83c"), &out, NULL, NULL);
	CHECK_MEM(out.ptr, out.len, "\xef\xbf\xbd" "a\xef\xbf\xbd");
	buf_fini(&out);
}

static void
splices_leave_all_other_bytes_alone(void)
{
	const char *text = "{\"a\": 1.0, \"b\":\"x\" }";
	const struct jdoc_splice splices[] = {
		{ 6, 3, span_str("null") },
		{ 15, 3, span_str("\"y\\n\"") },
		{ 19, 0, span_str(",\"c\":0") },
	};
	struct buf out = { 0 };

	jdoc_splice(span_str(text), splices, 3, &out);
	CHECK_MEM(out.ptr, out.len,
	    "{\"a\": null, \"b\":\"y\\n\" ,\"c\":0}");
	buf_clear(&out);
	jdoc_splice(span_str(text), NULL, 0, &out);
	CHECK_MEM(out.ptr, out.len, text);
	buf_fini(&out);
}

static void
a_document_can_be_read_again_and_again(void)
{
	struct jdoc doc = { 0 };
	size_t at, cap;

	CHECK_EQ(jdoc_read(&doc, span_str("[1,2,3,4,5,6,7,8,9]"), &strict,
	    &at), JDOC_OK);
	cap = doc.cap;
	CHECK_EQ(jdoc_read(&doc, span_str("[1,"), &strict, &at), JDOC_SYNTAX);
	CHECK_EQ(jdoc_read(&doc, span_str("7"), &strict, &at), JDOC_OK);
	CHECK_EQ(doc.n, 1);
	CHECK_EQ(doc.cap, cap);
	jdoc_fini(&doc);
	CHECK(doc.nodes == NULL);
	jdoc_fini(&doc);
}

int
main(void)
{
	RUN(reads_values_in_document_order_with_their_places);
	RUN(accepts_every_kind_of_value);
	RUN(refuses_what_is_not_rfc_8259);
	RUN(refuses_bytes_that_are_not_utf_8);
	RUN(agrees_with_the_plain_utf_8_check_on_any_bytes);
	RUN(refuses_nul_however_it_is_written);
	RUN(refuses_half_a_surrogate_pair_unless_allowed);
	RUN(says_where_the_first_bad_byte_is);
	RUN(finds_equal_keys_however_they_are_escaped);
	RUN(different_lone_surrogates_are_different_keys);
	RUN(lets_equal_keys_pass_when_told_to);
	RUN(finds_one_pair_among_keys_of_every_number);
	RUN(a_hundred_thousand_keys_take_no_quadratic_time);
	RUN(keys_chosen_to_collide_are_sorted_instead);
	RUN(depth_is_capped_and_costs_no_stack);
	RUN(the_number_of_values_is_capped);
	RUN(members_are_found_by_what_their_key_means);
	RUN(whole_numbers_are_read_within_their_range);
	RUN(strings_come_without_their_escapes);
	RUN(halves_of_pairs_at_the_ends_are_handed_out);
	RUN(splices_leave_all_other_bytes_alone);
	RUN(a_document_can_be_read_again_and_again);
	return CHECK_DONE();
}
