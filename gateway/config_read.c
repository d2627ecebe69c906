/* SPDX-License-Identifier: Apache-2.0 */
/* config_read.c - the values of modgate.yaml that are more than a word or a
 * number: addresses, backends and their secrets, policies. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "gateway/config_table.h"
#include "gateway/file.h"

enum { SECRET_MAX = 8192, LISTEN_MAX = 64, UPSTREAMS_MAX = 256,
    POLICIES_MAX = 256, FILTERS_MAX = 32 };

int
config_read_version(const struct reading *r, const struct yaml_node *value,
    void *base)
{
	char shown[YAML_SHOWN];

	(void)base;
	if (options_want(r, "modgate", value, YAML_TEXT) < 0)
		return -1;
	if (span_is(value->text, "1"))
		return 0;
	return mg_fail(r->err, &value->place, "modgate: version '%s' is not "
	    "known here; this is version 1", yaml_show(value->text, shown));
}

/* ---- addresses ---- */

static bool
is_address(const char *host)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, bytes) == 1 ||
	    inet_pton(AF_INET6, host, bytes) == 1;
}

/* "127.0.0.1:8080", "[::1]:8080" → host and port. */
static int
parse_address(const struct reading *r, const struct yaml_node *value,
    struct config_listen *to)
{
	const char *text = value->text.ptr, *colon = strrchr(text, ':');
	char shown[YAML_SHOWN];
	struct mg_span host;
	uint64_t port;

	yaml_show(value->text, shown);
	if (!colon || !span_to_u64(span_str(colon + 1), &port) ||
	    port > 65535)
		return mg_fail(r->err, &value->place, "'%s' is not an address "
		    "and a port, as 127.0.0.1:8080 or [::1]:8080", shown);
	host = span(text, (size_t)(colon - text));
	if (host.len > 2 && host.ptr[0] == '[' &&
	    host.ptr[host.len - 1] == ']')
		host = span(host.ptr + 1, host.len - 2);
	else if (host.len && memchr(host.ptr, ':', host.len))
		return mg_fail(r->err, &value->place, "'%s': put an IPv6 "
		    "address into brackets, as [::1]:8080", shown);
	to->host = arena_text(r->arena, host);
	to->port = (uint16_t)port;
	if (is_address(to->host))
		return 0;
	return mg_fail(r->err, &value->place, "'%s' does not begin with a "
	    "numeric address, as 127.0.0.1, 0.0.0.0 (all) or [::1]", shown);
}

static int
read_listen(const struct reading *r, const struct yaml_node *value,
    struct config_listen *to)
{
	to->place = value->place;
	if (value->type == YAML_TEXT)
		return parse_address(r, value, to);
	options_defaults(r, config_listen_table, to);
	if (options_read(r, config_listen_table, "listen", value, to) < 0)
		return -1;
	to->has_tls = to->tls.cert != NULL;
	if (to->has_tls)
		to->tls.place = yaml_get(value, "tls")->place;
	if (to->tls.client_required && !to->tls.client_ca)
		return mg_fail(r->err, &yaml_get(value, "tls")->place,
		    "tls: client_required needs a client_ca");
	return parse_address(r, yaml_get(value, "address"), to);
}

struct listen_list {
	struct config_listen *items;
	size_t n;
};

static int
add_listen(const struct reading *r, const struct yaml_node *value, size_t i,
    void *arg)
{
	struct listen_list *list = arg;
	struct config_listen *to = &list->items[i];
	size_t j;

	if (read_listen(r, value, to) < 0)
		return -1;
	list->n = i + 1;
	for (j = 0; j < i; j++)
		if (to->port && to->port == list->items[j].port &&
		    strcmp(to->host, list->items[j].host) == 0)
			return mg_fail(r->err, &value->place,
			    "this address stands in the list already");
	return 0;
}

static int
read_listens(const struct reading *r, const char *key, size_t max,
    const struct yaml_node *value, struct listen_list *list)
{
	size_t n = value->type == YAML_LIST ? value->n : 1;

	if (n == 0)
		return mg_fail(r->err, &value->place, "%s: the list is empty",
		    key);
	if (n > max)
		return mg_fail(r->err, &value->place,
		    "%s: %zu addresses; at most %zu", key, n, max);
	list->items = arena_array(r->arena, n, sizeof(*list->items));
	return options_each(r, value, add_listen, list);
}

int
config_read_listen(const struct reading *r, const struct yaml_node *value,
    void *base)
{
	struct config *config = base;
	struct listen_list list = { 0 };

	if (read_listens(r, "listen", LISTEN_MAX, value, &list) < 0)
		return -1;
	config->listen = list.items;
	config->n_listen = list.n;
	return 0;
}

int
config_read_admin(const struct reading *r, const struct yaml_node *value,
    void *base)
{
	struct config *config = base;
	struct listen_list list = { 0 };

	if (value->type != YAML_TEXT || !span_is(value->text, "none")) {
		if (read_listens(r, "admin", 1, value, &list) < 0)
			return -1;
	}
	config->admin = list.items;
	config->n_admin = list.n;
	return 0;
}

/* ---- backends ---- */

/* What may stand in a header's value, and nothing that could end it. */
static bool
is_secret(struct mg_span text)
{
	size_t i;

	for (i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
			return false;
	return text.len > 0;
}

static int
secret_from_env(const struct reading *r, const struct yaml_node *value,
    struct buf *out)
{
	char *name = options_text(r, "key.env", value, 1, 256);
	const char *found;

	if (!name)
		return -1;
	found = getenv(name);
	if (!found)
		return mg_fail(r->err, &value->place, "key.env: the "
		    "environment has no variable '%s'; set it, or write "
		    "key: none", name);
	buf_add_str(out, found);
	return 0;
}

static int
secret_from_file(const struct reading *r, const struct yaml_node *value,
    struct buf *out)
{
	char *name = options_text(r, "key.file", value, 1, 1024), *path;
	int rc;

	if (!name)
		return -1;
	path = file_beside(r->file, span_str(name));
	rc = file_read(path, SECRET_MAX, &value->place, out, r->err);
	free(path);
	while (out->len && (out->ptr[out->len - 1] == '\n' ||
	    out->ptr[out->len - 1] == '\r'))
		out->len--;
	return rc;
}

static int
read_secret(const struct reading *r, const struct yaml_node *value,
    struct config_upstream *to)
{
	const struct yaml_node *env = yaml_get(value, "env");
	const struct yaml_node *file = yaml_get(value, "file");
	struct buf secret = { 0 };
	int rc;

	if (!env == !file)
		return mg_fail(r->err, &value->place, "key: write either "
		    "{ env: NAME } or { file: PATH }");
	if (r->skip_secrets)
		return 0;
	rc = env ? secret_from_env(r, env, &secret) :
	    secret_from_file(r, file, &secret);
	if (rc == 0 && !is_secret(buf_span(&secret)))
		rc = mg_fail(r->err, &(env ? env : file)->place, "key: the "
		    "secret is %s", secret.len == 0 ? "empty" :
		    "not one line of printable ASCII without spaces");
	if (rc == 0)
		to->key = arena_text(r->arena, buf_span(&secret));
	if (secret.ptr)
		explicit_bzero(secret.ptr, secret.cap);
	buf_fini(&secret);
	return rc;
}

int
config_read_upstream_key(const struct reading *r,
    const struct yaml_node *value, void *base)
{
	static const char *const known[] = { "env", "file", "header", NULL };
	const struct yaml_node *child, *header = yaml_get(value, "header");
	const struct setting *o;
	struct config_upstream *to = base;
	int i;

	if (value->type == YAML_TEXT && span_is(value->text, "none"))
		return 0;
	/* The text may be the secret itself, so it is not repeated here. */
	if (value->type == YAML_TEXT)
		return mg_fail(r->err, &value->place, "key: a secret does not "
		    "belong in this file, which is copied and shown around; "
		    "write { env: NAME } or { file: PATH }");
	if (options_want(r, "key", value, YAML_MAP) < 0)
		return -1;
	for (child = value->first; child; child = child->next)
		if (!span_is(child->key, "env") &&
		    !span_is(child->key, "file") &&
		    !span_is(child->key, "header"))
			return options_unknown(r, &child->key_place,
			    "key: unknown key", child->key, known);
	if (header) {
		for (o = config_upstream_key_table; o->key; o++)
			if (o->choices)
				break;
		i = options_choice(r, "key.header", header, o->choices);
		if (i < 0)
			return -1;
		to->key_header = arena_text(r->arena,
		    span_str(o->choices[i]));
	}
	return read_secret(r, value, to);
}

static int
fail_url(const struct reading *r, const struct yaml_node *url,
    const char *why)
{
	char shown[YAML_SHOWN];

	return mg_fail(r->err, &url->place, "url: '%s' %s",
	    yaml_show(url->text, shown), why);
}

/* host[:port], as far as we need to know; libcurl reads it again. */
static bool
is_authority(struct mg_span a)
{
	const char *end = a.ptr + a.len, *colon;
	uint64_t port;
	size_t i;

	colon = memrchr(a.ptr, ':', a.len);
	if (a.len && a.ptr[0] == '[') {
		const char *close = memchr(a.ptr, ']', a.len);

		if (!close || (close + 1 != end && close[1] != ':'))
			return false;
		if (colon < close)
			colon = NULL;
	}
	if (colon && (!span_to_u64(span(colon + 1,
	    (size_t)(end - colon - 1)), &port) || port == 0 || port > 65535))
		return false;
	for (i = 0; i < a.len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
		    "WXYZ0123456789.-_:[]", a.ptr[i]))
			return false;
	return a.len > 0 && a.ptr != colon;
}

static int
check_url(const struct reading *r, const struct yaml_node *node,
    struct config_upstream *to)
{
	struct mg_span rest, host;
	const char *p;
	size_t len = strlen(to->url);

	while (len && to->url[len - 1] == '/')
		to->url[--len] = '\0';
	if (strncmp(to->url, "http://", 7) == 0)
		rest = span_str(to->url + 7);
	else if (strncmp(to->url, "https://", 8) == 0)
		rest = span_str(to->url + 8);
	else
		return fail_url(r, node,
		    "must begin with http:// or https://");
	for (p = rest.ptr; *p; p++)
		if (*p <= ' ' || *p > '~' || strchr("\"<>\\^`{|}", *p))
			return fail_url(r, node, "holds a character that a "
			    "URL cannot hold as it is");
	host = span(rest.ptr, strcspn(rest.ptr, "/?#"));
	if (memchr(host.ptr, '@', host.len))
		return mg_fail(r->err, &node->place, "url: a name or password "
		    "does not belong in it; use key: { env: NAME }");
	if (strpbrk(rest.ptr, "?#"))
		return fail_url(r, node, "must have no query and no fragment");
	if (!is_authority(host))
		return fail_url(r, node, "has no valid host and port");
	return 0;
}

static bool
is_name(const char *name)
{
	for (; *name; name++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
		    "WXYZ0123456789._-", *name))
			return false;
	return true;
}

static int
add_upstream(const struct reading *r, const struct yaml_node *value, size_t i,
    void *arg)
{
	struct config *config = arg;
	struct config_upstream *to = &config->upstreams[i];
	const struct yaml_node *name = yaml_get(value, "name");
	size_t j;

	to->place = value->place;
	to->key_header = arena_text(r->arena, span_str("authorization"));
	options_defaults(r, config_upstream_table, to);
	if (options_read(r, config_upstream_table, "upstream", value, to) < 0)
		return -1;
	if (!is_name(to->name))
		return mg_fail(r->err, &name->place, "name: letters, digits, "
		    "'.', '_' and '-' only");
	for (j = 0; j < i; j++)
		if (strcmp(to->name, config->upstreams[j].name) == 0)
			return mg_fail(r->err, &name->place, "name: '%s' is "
			    "taken, in line %u", to->name,
			    config->upstreams[j].place.line);
	config->n_upstreams = i + 1;
	return check_url(r, yaml_get(value, "url"), to);
}

int
config_read_upstreams(const struct reading *r, const struct yaml_node *value,
    void *base)
{
	struct config *config = base;

	if (options_want(r, "upstreams", value, YAML_LIST) < 0)
		return -1;
	if (value->n == 0 || value->n > UPSTREAMS_MAX)
		return mg_fail(r->err, &value->place, "upstreams: from one to "
		    "%d of them, not %zu", UPSTREAMS_MAX, value->n);
	config->upstreams = arena_array(r->arena, value->n,
	    sizeof(*config->upstreams));
	return options_each(r, value, add_upstream, config);
}

/* ---- plugins and policies ---- */

static int
add_filter(const struct reading *r, const struct yaml_node *value, size_t i,
    void *arg)
{
	struct config *config = arg;
	struct config_filter *to = &config->filters[i];
	const char *text = options_text(r, "filters", value, 1, 1024);
	char *path;

	if (!text)
		return -1;
	path = file_beside(r->file, span_str(text));
	to->file = arena_text(r->arena, span_str(path));
	to->place = value->place;
	config->n_filters = i + 1;
	free(path);
	return 0;
}

/* They are named here; live.c and `modgate check` load them. */
int
config_read_filters(const struct reading *r, const struct yaml_node *value,
    void *base)
{
	struct config *config = base;

	if (options_want(r, "filters", value, YAML_LIST) < 0)
		return -1;
	if (value->n > FILTERS_MAX)
		return mg_fail(r->err, &value->place, "filters: %zu; at most "
		    "%d", value->n, FILTERS_MAX);
	config->filters = arena_array(r->arena, value->n,
	    sizeof(*config->filters));
	return options_each(r, value, add_filter, config);
}

static int
add_policy(const struct reading *r, const struct yaml_node *value, size_t i,
    void *arg)
{
	struct config *config = arg;
	struct config_policy *to = &config->policies[i];

	to->place = value->place;
	config->n_policies = i + 1;
	return options_read(r, config_policy_table, "policy", value, to);
}

int
config_read_policies(const struct reading *r, const struct yaml_node *value,
    void *base)
{
	struct config *config = base;

	if (options_want(r, "policies", value, YAML_LIST) < 0)
		return -1;
	if (value->n > POLICIES_MAX)
		return mg_fail(r->err, &value->place, "policies: %zu; at most "
		    "%d", value->n, POLICIES_MAX);
	config->policies = arena_array(r->arena, value->n,
	    sizeof(*config->policies));
	return options_each(r, value, add_policy, config);
}
