/* SPDX-License-Identifier: Apache-2.0 */
/* test_route.c - which endpoint a request is for, and what a backend is asked
 * for. */
#include "gateway/route.h"
#include "gateway/surface_table.h"
#include "tests/check.h"

static struct http1_head
head_of(const char *method, const char *path, const char *query)
{
	return (struct http1_head){ .method = span_str(method),
		.target = span_str(path), .path = span_str(path),
		.query = span_str(query) };
}

static struct route
find(const char *method, const char *path)
{
	struct http1_head head = head_of(method, path, "");
	struct route route;

	memset(&route, 0xa5, sizeof(route));	/* it fills all */
	route_find(&head, &route);
	return route;
}

static void
check_text(const char *path, enum surface_kind surface, const char *model,
    const char *tail, bool bare)
{
	struct route r = find("POST", path);

	CHECK_EQ(r.kind, ROUTE_TEXT);
	CHECK_EQ(r.surface, surface);
	CHECK_STR(r.name, surface == SURFACE_CHAT ? "chat" : "completions");
	CHECK_MEM(r.model.ptr, r.model.len, model);
	CHECK_MEM(r.tail.ptr, r.tail.len, tail);
	CHECK_EQ(r.bare, bare);
}

static void
knows_the_prefixes_of_all_sdks(void)
{
	check_text("/v1/completions", SURFACE_COMPLETIONS, "", "completions",
	    false);
	check_text("/v1/chat/completions", SURFACE_CHAT, "",
	    "chat/completions", false);
	check_text("/v1/engines/text-davinci-002/completions",
	    SURFACE_COMPLETIONS, "text-davinci-002", "completions", false);
	check_text("/openai/deployments/my-gpt/chat/completions",
	    SURFACE_CHAT, "my-gpt", "chat/completions", false);
	check_text("/openai/deployments/my-gpt/completions",
	    SURFACE_COMPLETIONS, "my-gpt", "completions", false);
	check_text("/openai/v1/chat/completions", SURFACE_CHAT, "",
	    "chat/completions", false);
	check_text("/chat/completions", SURFACE_CHAT, "", "chat/completions",
	    true);
	check_text("/completions", SURFACE_COMPLETIONS, "", "completions",
	    true);
}

static void
calls_every_endpoint_what_the_list_calls_it(void)
{
	const struct surface_endpoint *e;
	const char *const *name;
	size_t n = 0;

	for (e = surface_endpoints; e->path; e++, n++) {
		CHECK_STR(find(e->method, e->path).name, e->name);
		for (name = surface_endpoint_names(); *name; name++)
			if (strcmp(*name, e->name) == 0)
				break;
		CHECK(*name != NULL);
	}
	CHECK_EQ(n, 7);
}

static void
refuses_every_other_path(void)
{
	static const char *const paths[] = { "/", "/v1", "/v1/", "",
		"/v1/embeddings", "/v1/responses", "/v1/messages",
		"/v1/completionsx", "/v1/chat", "/v1/chat/completions/",
		"/v1/chat/completions/id", "/V1/completions",
		"/v1/Completions", "/v2/completions", "/v1/v1/completions",
		"/v1/engines/completions", "/v1/engines//completions",
		"/v1/engines/a/b/completions", "/v1/engines/a/embeddings",
		"/v1/engines/a/models", "/openai/deployments/completions",
		"/openai/deployments//completions", "/openai/completions",
		"/openai/deployments/a/models", "/v1/modelsx", "/v1/models/",
		"/completion", "/admin", "/metrics" };
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct route r = find("POST", paths[i]);

		if (r.kind != ROUTE_UNKNOWN)
			fprintf(stderr, "%s\n", paths[i]);
		CHECK_EQ(r.kind, ROUTE_UNKNOWN);
		CHECK_STR(r.name, "unknown");
	}
}

static void
knows_the_models(void)
{
	struct route r = find("GET", "/v1/models");

	CHECK_EQ(r.kind, ROUTE_MODELS);
	CHECK_EQ(r.model.len, 0);
	r = find("GET", "/v1/models/org/model-7b");
	CHECK_EQ(r.kind, ROUTE_MODELS);
	CHECK_MEM(r.model.ptr, r.model.len, "org/model-7b");
	CHECK_STR(r.name, "models");
	r = find("GET", "/models/a");
	CHECK_EQ(r.kind, ROUTE_MODELS);
	CHECK(r.bare);
}

static void
says_which_method_is_right(void)
{
	static const char *const wrong[] = { "GET", "PUT", "DELETE", "post",
		"POSTS", "HEAD", "OPTIONS" };
	struct route r;
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		r = find(wrong[i], "/v1/chat/completions");
		CHECK_EQ(r.kind, ROUTE_WRONG_METHOD);
		CHECK_STR(r.allow, "POST");
	}
	r = find("POST", "/v1/models");
	CHECK_EQ(r.kind, ROUTE_WRONG_METHOD);
	CHECK_STR(r.allow, "GET");
	/* An unknown path stays unknown, whatever the method. */
	CHECK_EQ(find("DELETE", "/v1/models/").kind, ROUTE_UNKNOWN);
}

static void
check_upstream(const char *path, const char *query, const char *want)
{
	struct http1_head head = head_of("POST", path, query);
	struct route route;
	struct buf out = { 0 };

	route_find(&head, &route);
	route_upstream_path(&route, &head, &out);
	CHECK_MEM(out.ptr, out.len, want);
	buf_fini(&out);
}

static void
asks_the_backend_for_the_same_path(void)
{
	check_upstream("/v1/engines/x/completions", "",
	    "/v1/engines/x/completions");
	check_upstream("/chat/completions", "", "/v1/chat/completions");
	check_upstream("/openai/v1/chat/completions", "",
	    "/openai/v1/chat/completions");
}

static void
passes_only_what_it_knows_of_a_query(void)
{
	check_upstream("/v1/completions", "api-version=2024-10-21",
	    "/v1/completions?api-version=2024-10-21");
	check_upstream("/v1/completions", "x=1&beta=true&key=sk-secret&"
	    "api-version=1", "/v1/completions?beta=true&api-version=1");
	check_upstream("/v1/completions", "betas=1&xapi-version=2&&=&beta",
	    "/v1/completions");
}

int
main(void)
{
	RUN(knows_the_prefixes_of_all_sdks);
	RUN(calls_every_endpoint_what_the_list_calls_it);
	RUN(refuses_every_other_path);
	RUN(knows_the_models);
	RUN(says_which_method_is_right);
	RUN(asks_the_backend_for_the_same_path);
	RUN(passes_only_what_it_knows_of_a_query);
	return CHECK_DONE();
}
