/* SPDX-License-Identifier: Apache-2.0 */
/* test_surface_facts.c - what decides about a request beside its texts. */
#include "gateway/surface.h"
#include "tests/check.h"

/* What it points at lives until the next call. */
static struct jdoc doc;
static struct buf scratch;

static struct surface_facts
facts(const char *json)
{
	const struct jdoc_limits limits = { .max_depth = 9, .max_nodes = 99,
		.duplicate_keys = true };
	struct surface_facts f;
	size_t at;

	CHECK_EQ(jdoc_read(&doc, span_str(json), &limits, &at), JDOC_OK);
	surface_facts(SURFACE_COMPLETIONS, &doc, &scratch, &f);
	return f;
}

static void
facts_are_what_decides_about_a_request(void)
{
	struct surface_facts f = facts("{\"model\":\"m\\u006d\",\"stream\":true,"
	    "\"stream_options\":{\"include_usage\":true},\"max_tokens\":5,"
	    "\"max_completion_tokens\":7,\"n\":2,\"best_of\":3,"
	    "\"prompt\":[\"a\",\"b\"]}");

	CHECK(f.bad == NULL);
	CHECK_MEM(f.model.ptr, f.model.len, "mm");
	CHECK(f.stream && f.include_usage);
	CHECK_EQ(f.max_tokens, 7);
	CHECK_EQ(f.n, 3);
	CHECK_EQ(f.choices, 2);
	CHECK_EQ(f.prompts, 2);
}

static void
facts_have_sane_values_when_nothing_is_said(void)
{
	struct surface_facts f = facts("{}");

	CHECK(f.bad == NULL && f.model.len == 0 && !f.stream);
	CHECK(f.n == 1 && f.prompts == 1 && f.max_tokens == 0);
	f = facts("{\"stream\":null,\"n\":null,\"best_of\":null,"
	    "\"max_tokens\":null,\"stream_options\":null,\"prompt\":null}");
	CHECK(f.bad == NULL && !f.stream && f.n == 1 && f.prompts == 1);
	CHECK_EQ(facts("{\"prompt\":[1,2,3]}").prompts, 1);
	CHECK_EQ(facts("{\"prompt\":[[1],[2]]}").prompts, 2);
	CHECK_EQ(facts("{\"prompt\":[\"a\",2]}").prompts, 1);
	CHECK_EQ(facts("{\"prompt\":[]}").prompts, 1);
	CHECK_EQ(facts("{\"max_tokens\":-1}").max_tokens, 0);
	CHECK_EQ(facts("{\"n_predict\":9}").max_tokens, 9);
}

static void
facts_of_a_wrong_type_are_named(void)
{
	static const struct {
		const char *json, *bad;
	} cases[] = {
		{ "[]", "body" }, { "\"a\"", "body" },
		{ "{\"model\":7}", "model" }, { "{\"model\":null}", "model" },
		{ "{\"model\":\"\"}", "model" },
		{ "{\"stream\":\"true\"}", "stream" },
		{ "{\"stream\":1}", "stream" },
		{ "{\"str\\u0065am\":[]}", "stream" },
		{ "{\"n\":\"2\"}", "n" }, { "{\"n\":2.0}", "n" },
		{ "{\"n\":1e99}", "n" }, { "{\"best_of\":true}", "best_of" },
		{ "{\"max_tokens\":1.5}", "max_tokens" },
		{ "{\"max_completion_tokens\":\"9\"}",
		    "max_completion_tokens" },
		{ "{\"stream_options\":true}", "stream_options" },
		{ "{\"stream_options\":{\"include_usage\":\"yes\"}}",
		    "stream_options" },
		/* Which of two would the backend take? */
		{ "{\"stream\":false,\"stream\":true}", "stream" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct surface_facts f = facts(cases[i].json);

		CHECK(f.bad != NULL);
		if (f.bad)
			CHECK_STR(f.bad, cases[i].bad);
	}
	CHECK(facts("{\"n\":0}").n == UINT64_MAX);
	CHECK(facts("{\"n\":-3}").n == UINT64_MAX);
	CHECK(facts("{\"n\":1,\"best_of\":3000000000}").n == UINT64_MAX);
	CHECK(facts("{\"best_of\":3000000000,\"n\":1}").n == UINT64_MAX);
}

int
main(void)
{
	RUN(facts_are_what_decides_about_a_request);
	RUN(facts_have_sane_values_when_nothing_is_said);
	RUN(facts_of_a_wrong_type_are_named);
	jdoc_fini(&doc);
	buf_fini(&scratch);
	return CHECK_DONE();
}
