/* SPDX-License-Identifier: Apache-2.0 */
/* test_config.c - modgate.yaml: defaults, every kind of value, every message,
 * and the example held against the tables. */
#include "gateway/config_table.h"
#include "gateway/file.h"
#include "gateway/log.h"
#include "tests/check.h"
#include "tests/scratch.h"

#define EXAMPLE "gateway/modgate.example.yaml"
#define UP "upstreams: [{name: a, url: \"http://h\"}]\n"
#define MINIMAL "modgate: 1\n" UP

static struct config *config;
static struct mg_error err;

static const char *const files[] = { "c.yaml", "key", "empty", "two", NULL };

/* Loads text as c.yaml; config is NULL when it is bad. */
static bool
load(const char *text)
{
	config_unref(&config);
	memset(&err, 0, sizeof(err));
	config = config_load(scratch_write("c.yaml", text), &err);
	return config != NULL;
}

#define CHECK_BAD(yaml, message) \
	do { \
		CHECK(!load(yaml)); \
		CHECK_STR(scratch_tail(err.text), "c.yaml:" message); \
	} while (0)

static void
needs_only_its_version_and_an_upstream(void)
{
	CHECK(load(MINIMAL));
	CHECK_STR(err.text, "");
	CHECK_EQ(config->n_listen, 1);
	CHECK_STR(config->listen[0].host, "127.0.0.1");
	CHECK_EQ(config->listen[0].port, 8080);
	CHECK(!config->listen[0].has_tls);
	CHECK_EQ(config->n_admin, 1);
	CHECK_EQ(config->admin[0].port, 9090);
	CHECK_EQ(config->workers, 0);
	CHECK_STR(scratch_tail(config->state), "state");
	CHECK_EQ(config->n_policies, 0);
	CHECK(config->keys_required);
	CHECK_EQ(config->ping_ms, 15000);
	CHECK_EQ(config->drain_ms, 30000);
	CHECK(config->watch);
	CHECK_EQ(config->log_level, LOG_INFO);
	CHECK(!config->log_json);
	CHECK(config->access_log);
	CHECK_EQ(config->limits.assume_tokens, 1024);
	CHECK_EQ(config->limits.key.requests, 0);
	CHECK_EQ(config->audit.durability, AUDIT_COMMIT);
	CHECK_EQ(config->audit.capture, CAPTURE_FLAGGED);
	CHECK_EQ(config->audit.segment_bytes, 64 << 20);
	CHECK_EQ(config->audit.min_free_bytes, 64 << 20);
	CHECK(config->audit.instance[0]);
	CHECK_EQ(config->unread.token_ids, UNREAD_REFUSE);
	CHECK_EQ(config->unread.references, UNREAD_REFUSE);
	CHECK_EQ(config->unread.media, UNREAD_ALLOW);
	CHECK_EQ(config->unread.duplicate_keys, UNREAD_REFUSE);
}

static void
gives_a_client_its_default_caps(void)
{
	const struct config_client *c;

	CHECK(load(MINIMAL));
	c = &config->client;
	CHECK_EQ(c->head_bytes, 32 * 1024);
	CHECK_EQ(c->line_bytes, 8 * 1024);
	CHECK_EQ(c->head_count, 100);
	CHECK_EQ(c->head_total_ms, 5000);
	CHECK_EQ(c->body_bytes, 8 << 20);
	CHECK_EQ(c->decoded_bytes, 16 << 20);
	CHECK_EQ(c->body_idle_ms, 5000);
	CHECK_EQ(c->body_total_ms, 60000);
	CHECK_EQ(c->send_idle_ms, 60000);
	CHECK_EQ(c->send_buffer, 256 * 1024);
	CHECK_EQ(c->keepalive_ms, 75000);
	CHECK_EQ(c->connections_all, 10000);
	CHECK_EQ(c->connections_per_address, 1000);
	CHECK_EQ(c->json_depth, 64);
	CHECK_EQ(c->max_n, 128);
	CHECK_EQ(c->max_tokens, 0);
}

static void
gives_an_upstream_its_defaults(void)
{
	const struct config_upstream *u;

	CHECK(load(MINIMAL));
	u = &config->upstreams[0];
	CHECK_EQ(config->n_upstreams, 1);
	CHECK_STR(u->name, "a");
	CHECK_STR(u->url, "http://h");
	CHECK(!u->key);
	CHECK_STR(u->key_header, "authorization");
	CHECK_STR(u->models[0], "*");
	CHECK(!u->models[1]);
	CHECK_EQ(u->weight, 1);
	CHECK(!u->ca);
	CHECK_EQ(u->connect_ms, 2000);
	CHECK_EQ(u->first_byte_ms, 120000);
	CHECK_EQ(u->idle_ms, 60000);
	CHECK_EQ(u->total_ms, 600000);
	CHECK_EQ(u->retries, 1);
	CHECK_EQ(u->eject_after, 5);
	CHECK_EQ(u->eject_ms, 5000);
	CHECK_EQ(u->answer_bytes, 32 << 20);
	CHECK_EQ(u->place.line, 2);
}

static void
names_the_nearest_word_for_an_unknown_one(void)
{
	CHECK_BAD(MINIMAL "polices: []\n", "3:1: unknown key 'polices' (did "
	    "you mean 'policies'?)");
	CHECK_BAD(MINIMAL "client: {head: {coutn: 3}}\n", "3:17: client.head: "
	    "unknown key 'coutn' (did you mean 'count'?)");
	CHECK_BAD(MINIMAL "audit: {durability: comit}\n", "3:21: durability: "
	    "unknown value 'comit' (did you mean 'commit'?)");
	CHECK_BAD(MINIMAL "audit: {capture: everything}\n", "3:18: capture: "
	    "unknown value 'everything'; known: none, flagged");
	CHECK_BAD(MINIMAL "client: {json: {zzzzzz: 1}}\n", "3:17: "
	    "client.json: unknown key 'zzzzzz'; known: depth");
}

static void
reads_sizes_times_and_counts_with_their_units(void)
{
	CHECK(load(MINIMAL "client: {head: {bytes: 64KiB, count: 200, "
	    "total: 250ms}, body: {bytes: 1GiB, decoded: 2048, total: 2m}, "
	    "max_tokens: 4k}\ndrain: 1h\n"));
	CHECK_EQ(config->client.head_bytes, 65536);
	CHECK_EQ(config->client.head_count, 200);
	CHECK_EQ(config->client.head_total_ms, 250);
	CHECK_EQ(config->client.body_bytes, 1 << 30);
	CHECK_EQ(config->client.decoded_bytes, 2048);
	CHECK_EQ(config->client.body_total_ms, 120000);
	CHECK_EQ(config->client.max_tokens, 4000);
	CHECK_EQ(config->drain_ms, 3600000);
}

static void
refuses_numbers_without_or_with_a_wrong_unit(void)
{
	CHECK_BAD(MINIMAL "drain: 30\n", "3:8: drain: '30' is not a time, as "
	    "200ms, 5s, 10m, 2h or 1d");
	CHECK_BAD(MINIMAL "client: {body: {bytes: 8MB}}\n", "3:24: bytes: "
	    "'8MB' is not a number of bytes, as 512, 32KiB, 8MiB or 1GiB");
	CHECK_BAD(MINIMAL "workers: many\n", "3:10: workers: 'many' is not a "
	    "whole number, as 32, 200k or 5M; or auto");
	CHECK_BAD(MINIMAL "drain: -5s\n", "3:8: drain: '-5s' is not a time, "
	    "as 200ms, 5s, 10m, 2h or 1d");
	CHECK_BAD(MINIMAL "drain: 1.5s\n", "3:8: drain: '1.5s' is not a time, "
	    "as 200ms, 5s, 10m, 2h or 1d");
	CHECK_BAD(MINIMAL "drain:\n", "3:1: drain: nothing is written");
}

static void
says_the_range_of_a_number_that_is_out_of_it(void)
{
	CHECK_BAD(MINIMAL "client: {head: {bytes: 2MiB}}\n", "3:24: bytes: "
	    "2MiB is too much; from 1KiB to 1MiB");
	CHECK_BAD(MINIMAL "client: {head: {bytes: 3}}\n", "3:24: bytes: 3 is "
	    "too little; from 1KiB to 1MiB");
	CHECK_BAD(MINIMAL "workers: 99999999999999999999999\n", "3:10: "
	    "workers: 99999999999999999999999 is too much; from 1 to 256");
	CHECK_BAD(MINIMAL "drain: 18446744073709551615d\n", "3:8: drain: "
	    "18446744073709551615d is too much; from 0ms to 1h");
	CHECK_BAD(MINIMAL "client: {n: 0}\n", "3:13: n: 0 is too little; from "
	    "1 to 1k");
}

static void
reads_limits_of_each_dimension(void)
{
	const struct config_limits *l;

	CHECK(load(MINIMAL "limits:\n  key: { requests: 600/m, tokens: "
	    "200k/m, concurrent: 32, daily: 5M }\n  tenant: none\n"
	    "  address: { requests: 20/10s }\n  assume_tokens: 77\n"));
	l = &config->limits;
	CHECK_EQ(l->key.requests, 600);
	CHECK_EQ(l->key.requests_ms, 60000);
	CHECK_EQ(l->key.tokens, 200000);
	CHECK_EQ(l->key.tokens_ms, 60000);
	CHECK_EQ(l->key.concurrent, 32);
	CHECK_EQ(l->key.daily, 5000000);
	CHECK_EQ(l->tenant.requests, 0);
	CHECK_EQ(l->address.requests, 20);
	CHECK_EQ(l->address.requests_ms, 10000);
	CHECK_EQ(l->assume_tokens, 77);
}

static void
refuses_rates_that_are_none(void)
{
	CHECK_BAD(MINIMAL "limits: {key: {requests: 600}}\n", "3:26: "
	    "requests: '600' is not a rate, as 600/m, 200k/m or 20/10s; or "
	    "none");
	CHECK(!load(MINIMAL "limits: {key: {requests: 600/}}\n"));
	CHECK(!load(MINIMAL "limits: {key: {requests: 600/0s}}\n"));
	CHECK(!load(MINIMAL "limits: {key: {requests: 600/x}}\n"));
	CHECK(!load(MINIMAL "limits: {key: {requests: /m}}\n"));
	CHECK_BAD(MINIMAL "limits: {key: {requests: 0/m}}\n", "3:26: "
	    "requests: 0/m is too little; from 1 to 1000G");
	CHECK_BAD(MINIMAL "limits: {key: {requests: 1/99d}}\n", "3:26: "
	    "requests: at most a span of 31d");
	CHECK_BAD(MINIMAL "limits: {key: free}\n", "3:15: limits.key: must be "
	    "a map, not 'free'");
	CHECK(load(MINIMAL "limits: {key: {requests: none, daily: none}}\n"));
	CHECK_EQ(config->limits.key.requests, 0);
}

static void
listens_on_one_address_or_several(void)
{
	CHECK(load(MINIMAL "listen: 0.0.0.0:80\nadmin: none\n"));
	CHECK_STR(config->listen[0].host, "0.0.0.0");
	CHECK_EQ(config->listen[0].port, 80);
	CHECK_EQ(config->n_admin, 0);
	CHECK(load(MINIMAL "listen:\n- \"[::1]:8080\"\n- address: "
	    "127.0.0.1:8443\n  tls: {cert: a.pem, key: b.pem, client_ca: "
	    "/c.pem, client_required: true}\n"));
	CHECK_EQ(config->n_listen, 2);
	CHECK_STR(config->listen[0].host, "::1");
	CHECK(config->listen[1].has_tls);
	CHECK_STR(scratch_tail(config->listen[1].tls.cert), "a.pem");
	CHECK_STR(config->listen[1].tls.client_ca, "/c.pem");
	CHECK(config->listen[1].tls.client_required);
	CHECK(!config->listen[0].has_tls);
}

static void
refuses_one_port_for_clients_and_admin(void)
{
	CHECK_BAD(MINIMAL "listen: 127.0.0.1:8081\nadmin: 127.0.0.1:8081\n",
	    "4:8: listen and admin both want port 8081; give one of them "
	    "another");
	CHECK_BAD(MINIMAL "listen: [\"127.0.0.2:80\", \"0.0.0.0:9090\"]\n",
	    "3:26: listen and admin both want port 9090; give one of them "
	    "another");
	CHECK(load(MINIMAL "listen: 127.0.0.2:81\nadmin: 127.0.0.1:81\n"));
	CHECK(load(MINIMAL "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n"));
}

static void
refuses_addresses_that_are_none(void)
{
	CHECK_BAD(MINIMAL "listen: 8080\n", "3:9: '8080' is not an address "
	    "and a port, as 127.0.0.1:8080 or [::1]:8080");
	CHECK_BAD(MINIMAL "listen: localhost:80\n", "3:9: 'localhost:80' does "
	    "not begin with a numeric address, as 127.0.0.1, 0.0.0.0 (all) or "
	    "[::1]");
	CHECK_BAD(MINIMAL "listen: '::1:80'\n", "3:9: '::1:80': put an IPv6 "
	    "address into brackets, as [::1]:8080");
	CHECK(!load(MINIMAL "listen: 127.0.0.1:65536\n"));
	CHECK(!load(MINIMAL "listen: ':80'\n"));
	CHECK_BAD(MINIMAL "listen: []\n", "3:9: listen: the list is empty");
	CHECK_BAD(MINIMAL "listen: [127.0.0.1:1, 127.0.0.1:1]\n", "3:23: this "
	    "address stands in the list already");
	CHECK(load(MINIMAL "listen: [127.0.0.1:0, 127.0.0.1:0]\n"));
	CHECK_BAD(MINIMAL "admin: [127.0.0.1:1, 127.0.0.1:2]\n", "3:8: "
	    "admin: 2 addresses; at most 1");
	CHECK_BAD(MINIMAL "listen: {address: 127.0.0.1:1, tls: {cert: a}}\n",
	    "3:37: listen.tls: 'key' is missing: its private key, PEM");
	CHECK_BAD(MINIMAL "listen: {tls: {cert: a, key: b}}\n", "3:9: listen: "
	    "'address' is missing: numeric address and port: 0.0.0.0:8080, "
	    "[::1]:8080");
	CHECK_BAD(MINIMAL "listen: {address: 127.0.0.1:1, tls: {cert: a, "
	    "key: b, client_required: true}}\n", "3:37: tls: client_required "
	    "needs a client_ca");
}

#define URL(url) "modgate: 1\nupstreams: [{name: a, url: \"" url "\"}]\n"
#define URL_AT "2:28: url: "

static void
takes_http_urls_and_drops_the_last_slash(void)
{
	CHECK(load(URL("https://api.example.com:8443/v1/")));
	CHECK_STR(config->upstreams[0].url, "https://api.example.com:8443/v1");
	CHECK(load(URL("http://[::1]:9000")));
	CHECK(load(URL("http://10.0.0.1/")));
	CHECK_STR(config->upstreams[0].url, "http://10.0.0.1");
}

static void
refuses_urls_that_hide_something(void)
{
	CHECK_BAD(URL("ftp://h"), URL_AT "'ftp://h' must begin with http:// "
	    "or https://");
	CHECK_BAD(URL("http://u:secret@h"), URL_AT "a name or password does "
	    "not belong in it; use key: { env: NAME }");
	CHECK_BAD(URL("http://h/?a=b"), URL_AT "'http://h/?a=b' must have no "
	    "query and no fragment");
	CHECK(!load(URL("http://h#f")));
	CHECK_BAD(URL("http://h:0"), URL_AT "'http://h:0' has no valid host "
	    "and port");
	CHECK(!load(URL("http://")));
	CHECK(!load(URL("http://:80")));
	CHECK(!load(URL("http://h:99999")));
	CHECK(!load(URL("http://a b")));
	CHECK(!load(URL("http://h/\\r\\nX: y")));
	CHECK(!load(URL("http://[::1")));
	CHECK(!load(URL("http://h/春")));
}

static void
reads_a_backends_key_from_environment_or_file(void)
{
	setenv("MODGATE_TEST_KEY", "s3cret", 1);
	CHECK(load("modgate: 1\nupstreams: [{name: a, url: \"http://h\", key: "
	    "{env: MODGATE_TEST_KEY, header: api-key}}]\n"));
	CHECK_STR(config->upstreams[0].key, "s3cret");
	CHECK_STR(config->upstreams[0].key_header, "api-key");
	scratch_write("key", "from-file\r\n");
	CHECK(load("modgate: 1\nupstreams: [{name: a, url: \"http://h\", key: "
	    "{file: key}}]\n"));
	CHECK_STR(config->upstreams[0].key, "from-file");
	CHECK(load("modgate: 1\nupstreams: [{name: a, url: \"http://h\", key: "
	    "none}]\n"));
	CHECK(!config->upstreams[0].key);
}

#define KEY(key) "modgate: 1\nupstreams:\n- name: a\n  url: http://h\n" \
	"  key: " key "\n"

static void
refuses_a_key_that_is_missing_empty_or_inline(void)
{
	CHECK_BAD(KEY("sk-in-the-open"), "5:8: key: a secret does not belong "
	    "in this file, which is copied and shown around; write { env: "
	    "NAME } or { file: PATH }");
	CHECK(!strstr(err.text, "sk-in"));
	unsetenv("MODGATE_TEST_NONE");
	CHECK_BAD(KEY("{env: MODGATE_TEST_NONE}"), "5:14: key.env: the "
	    "environment has no variable 'MODGATE_TEST_NONE'; set it, or "
	    "write key: none");
	setenv("MODGATE_TEST_KEY", "", 1);
	CHECK_BAD(KEY("{env: MODGATE_TEST_KEY}"), "5:14: key: the secret is "
	    "empty");
	scratch_write("empty", "\n");
	CHECK_BAD(KEY("{file: empty}"), "5:15: key: the secret is empty");
	scratch_write("two", "one\ntwo\n");
	CHECK_BAD(KEY("{file: two}"), "5:15: key: the secret is not one line "
	    "of printable ASCII without spaces");
	CHECK(!load(KEY("{file: not-there}")));
	CHECK(strstr(err.text, "No such file"));
	CHECK(!load(KEY("{file: .}")));
	CHECK(strstr(err.text, "is not a regular file"));
	CHECK_BAD(KEY("{env: A, file: b}"), "5:8: key: write either { env: "
	    "NAME } or { file: PATH }");
	CHECK_BAD(KEY("{evn: A}"), "5:9: key: unknown key 'evn' (did you mean "
	    "'env'?)");
}

static void
needs_no_key_of_a_backend_where_none_is_called(void)
{
	const char *path;

	unsetenv("MODGATE_TEST_NONE");
	path = scratch_write("c.yaml", KEY("{env: MODGATE_TEST_NONE}"));
	config_unref(&config);
	memset(&err, 0, sizeof(err));
	config = config_load_without_secrets(path, &err);
	CHECK_STR(err.text, "");
	CHECK(config != NULL && config->upstreams[0].key == NULL);
	CHECK(strstr(config->state, "/state") != NULL);
	/* What is wrong in any shell is still said. */
	config_unref(&config);
	path = scratch_write("c.yaml", KEY("sk-in-the-open"));
	config = config_load_without_secrets(path, &err);
	CHECK(config == NULL);
	CHECK(strstr(err.text, "5:8: key: a secret does not belong"));
}

static void
refuses_upstreams_that_cannot_be_told_apart(void)
{
	CHECK_BAD("modgate: 1\n", "1:1: 'upstreams' is missing: the model "
	    "backends, a list of maps");
	CHECK_BAD("modgate: 1\nupstreams: []\n", "2:12: upstreams: from one "
	    "to 256 of them, not 0");
	CHECK_BAD("modgate: 1\nupstreams:\n- {name: a, url: \"http://h\"}\n"
	    "- {name: a, url: \"http://i\"}\n", "4:10: name: 'a' is taken, in "
	    "line 3");
	CHECK_BAD("modgate: 1\nupstreams:\n- {name: a b, url: \"http://h\"}\n",
	    "3:10: name: letters, digits, '.', '_' and '-' only");
	CHECK_BAD("modgate: 1\nupstreams:\n- {url: \"http://h\"}\n", "3:3: "
	    "upstream: 'name' is missing: in logs, metrics and records");
}

static void
resolves_policies_beside_the_file(void)
{
	CHECK(load(MINIMAL "policies:\n- policy: p/a.yaml\n  when: {tenants: "
	    "[x, y*], models: gpt-*}\n- policy: /abs.yaml\n"));
	CHECK_EQ(config->n_policies, 2);
	CHECK_STR(scratch_tail(config->policies[0].file), "p/a.yaml");
	CHECK_STR(config->policies[0].tenants[1], "y*");
	CHECK(!config->policies[0].tenants[2]);
	CHECK_STR(config->policies[0].models[0], "gpt-*");
	CHECK_STR(config->policies[1].file, "/abs.yaml");
	CHECK(!config->policies[1].tenants);
	CHECK_BAD(MINIMAL "policies: [{policy: a, when: {tenant: x}}]\n",
	    "3:31: policy.when: unknown key 'tenant' (did you mean "
	    "'tenants'?)");
}

static void
explains_why_unknown_paths_cannot_be_allowed(void)
{
	CHECK(load(MINIMAL "unread: {unknown_paths: refuse, token_ids: "
	    "allow}\n"));
	CHECK_EQ(config->unread.token_ids, UNREAD_ALLOW);
	CHECK_BAD(MINIMAL "unread: {unknown_paths: allow}\n", "3:25: "
	    "unknown_paths: 'allow' cannot be: what no surface reads does not "
	    "pass; only `refuse`");
}

static void
takes_true_and_false_and_nothing_like_them(void)
{
	CHECK(load(MINIMAL "log: {access: false, format: json, level: "
	    "debug}\nkeys: none\n"));
	CHECK(!config->access_log);
	CHECK(config->log_json);
	CHECK_EQ(config->log_level, LOG_DEBUG);
	CHECK(!config->keys_required);
	CHECK_BAD(MINIMAL "log: {access: yes}\n", "3:15: access: unknown "
	    "value 'yes'; known: false, true");
}

static void
lowers_a_part_with_its_whole(void)
{
	CHECK(load(MINIMAL "client: {head: {bytes: 4KiB}, body: {total: 1s}, "
	    "connections: {all: 7}}\n"));
	CHECK_EQ(config->client.line_bytes, 4096);
	CHECK_EQ(config->client.body_idle_ms, 1000);
	CHECK_EQ(config->client.connections_per_address, 7);
}

static void
says_what_is_wrong_with_the_file_itself(void)
{
	CHECK_BAD("modgate: 2\n" UP, "1:10: modgate: version '2' is not known "
	    "here; this is version 1");
	CHECK_BAD(UP, "1:1: 'modgate' is missing: version of this language");
	CHECK_BAD("- a\n", "1:1: the file: must be a map, not a list");
	CHECK_BAD("modgate：1\n", "1:1: the file: must be a map; '：' is a "
	    "wide colon, YAML wants ': '");
	CHECK_BAD(MINIMAL "keys: none\nkeys: none\n", "4:1: key 'keys' stands "
	    "twice, first in line 3; keep one");
	config_unref(&config);
	memset(&err, 0, sizeof(err));
	CHECK(!config_load("/nowhere/c.yaml", &err));
	CHECK_STR(err.text, "/nowhere/c.yaml: No such file or directory");
}

static void
lives_as_long_as_its_last_reference(void)
{
	struct config *other;

	CHECK(load(MINIMAL));
	other = config_ref(config);
	config_unref(&config);
	CHECK(!config);
	CHECK_STR(other->upstreams[0].name, "a");
	config_unref(&other);
	CHECK(!other);
	config_unref(&other);
}

/* ---- the example ---- */

/* Takes away each '#' that a setting follows at once. */
static void
uncomment(struct buf *text)
{
	bool blank = true;
	size_t i, to = 0;

	for (i = 0; i < text->len; i++) {
		char c = text->ptr[i];
		char next = i + 1 < text->len ? text->ptr[i + 1] : '\0';

		if (c == '#' && blank && next > ' ')
			continue;
		blank = c == '\n' || (blank && c == ' ');
		text->ptr[to++] = c;
	}
	text->len = to;
}

/* Every key of the table is in one of the maps, none of the maps has another,
 * and what is written is the default. */
static void
compare(const struct setting *table, const struct yaml_node *node)
{
	const struct yaml_node *item = node, *child, *first = NULL;
	const struct setting *o;

	for (o = table; o->key; o++) {
		if (node->type == YAML_LIST)
			item = node->first;
		for (child = NULL; item && !child;
		    item = node->type == YAML_LIST ? item->next : NULL)
			child = yaml_get(item, o->key);
		item = node;
		if (!child) {
			fprintf(stderr, "the example has no '%s'\n", o->key);
			check_test_failed = true;
			continue;
		}
		if (o->map && child->type != YAML_TEXT)
			compare(o->map, child);
		else if (o->fallback)
			CHECK_STR(child->text.ptr, o->fallback);
		first = child;
	}
	CHECK(first != NULL);
}

static void
load_example(struct buf *text, struct yaml_tree *tree)
{
	memset(&err, 0, sizeof(err));
	CHECK_EQ(file_read(EXAMPLE, YAML_MAX_BYTES, NULL, text, &err), 0);
	uncomment(text);
	CHECK_EQ(yaml_read(tree, EXAMPLE, buf_span(text), &err), 0);
	CHECK_STR(err.text, "");
}

static void
has_an_example_that_loads_as_it_is(void)
{
	config_unref(&config);
	memset(&err, 0, sizeof(err));
	config = config_load(EXAMPLE, &err);
	CHECK_STR(err.text, "");
	CHECK(config != NULL);
	if (!config)
		return;
	CHECK_EQ(config->n_policies, 1);
	CHECK_EQ(config->limits.key.requests, 600);
	CHECK_EQ(access(config->policies[0].file, R_OK), 0);
}

static void
has_an_example_with_every_key_and_its_default(void)
{
	struct yaml_tree tree = { 0 };
	struct buf text = { 0 };

	load_example(&text, &tree);
	if (tree.root)
		compare(config_table, tree.root);
	yaml_fini(&tree);
	buf_fini(&text);
}

/* The tables themselves refuse a key that they do not have, so loading the
 * example with all of its settings on shows that it names nothing else. */
static void
has_an_example_without_any_other_key(void)
{
	struct buf text = { 0 };
	struct yaml_tree tree = { 0 };
	char *both;

	load_example(&text, &tree);
	yaml_fini(&tree);
	/* A key comes from one place. */
	(void)buf_cstr(&text);
	both = strstr(text.ptr, " file: backend.key ");
	CHECK(both != NULL);
	if (both)
		both[1] = '#';
	setenv("BACKEND_KEY", "s3cret", 1);
	CHECK(load(buf_cstr(&text)));
	CHECK_STR(err.text, "");
	if (config) {
		CHECK_STR(config->upstreams[0].key, "s3cret");
		CHECK_STR(config->audit.instance, "gateway-1");
		CHECK(config->listen[0].has_tls);
		CHECK_STR(config->policies[0].tenants[0], "gallery");
	}
	buf_fini(&text);
}

/* ---- near words ---- */

static void
measures_how_far_words_are_apart(void)
{
	static const char *const known[] = { "prompt", "answer", "on", NULL };

	CHECK_EQ(options_distance(span_str("paterns"), span_str("patterns")),
	    1);
	CHECK_EQ(options_distance(span_str("ab"), span_str("ba")), 1);
	CHECK_EQ(options_distance(span_str(""), span_str("abc")), 3);
	CHECK_EQ(options_distance(span_str("kitten"), span_str("sitting")),
	    3);
	CHECK_STR(options_nearest(span_str("promt"), known), "prompt");
	CHECK_STR(options_nearest(span_str("no"), known), "on");
	CHECK(!options_nearest(span_str("x"), known));
	CHECK(!options_nearest(span_str("elephant"), known));
}

int
main(void)
{
	scratch_open();
	RUN(needs_only_its_version_and_an_upstream);
	RUN(gives_a_client_its_default_caps);
	RUN(gives_an_upstream_its_defaults);
	RUN(names_the_nearest_word_for_an_unknown_one);
	RUN(reads_sizes_times_and_counts_with_their_units);
	RUN(refuses_numbers_without_or_with_a_wrong_unit);
	RUN(says_the_range_of_a_number_that_is_out_of_it);
	RUN(reads_limits_of_each_dimension);
	RUN(refuses_rates_that_are_none);
	RUN(listens_on_one_address_or_several);
	RUN(refuses_one_port_for_clients_and_admin);
	RUN(refuses_addresses_that_are_none);
	RUN(takes_http_urls_and_drops_the_last_slash);
	RUN(refuses_urls_that_hide_something);
	RUN(reads_a_backends_key_from_environment_or_file);
	RUN(refuses_a_key_that_is_missing_empty_or_inline);
	RUN(needs_no_key_of_a_backend_where_none_is_called);
	RUN(refuses_upstreams_that_cannot_be_told_apart);
	RUN(resolves_policies_beside_the_file);
	RUN(explains_why_unknown_paths_cannot_be_allowed);
	RUN(takes_true_and_false_and_nothing_like_them);
	RUN(lowers_a_part_with_its_whole);
	RUN(says_what_is_wrong_with_the_file_itself);
	RUN(lives_as_long_as_its_last_reference);
	RUN(has_an_example_that_loads_as_it_is);
	RUN(has_an_example_with_every_key_and_its_default);
	RUN(has_an_example_without_any_other_key);
	RUN(measures_how_far_words_are_apart);
	config_unref(&config);
	scratch_close(files);
	return CHECK_DONE();
}
