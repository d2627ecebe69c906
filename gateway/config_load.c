/* SPDX-License-Identifier: Apache-2.0 */
/* config_load.c - modgate.yaml → struct config, or one message that says what
 * to mend and where.
 *
 * Defaults first, then what is written. All of it lives in one arena, so that
 * the last reference frees it at once; the arena holds the backends' secrets,
 * which are wiped before.
 */
#include <stdlib.h>
#include <unistd.h>

#include "gateway/config_table.h"
#include "gateway/file.h"

struct owned {
	struct config config;	/* first: the two have one address */
	struct arena arena;
};

static void
owned_free(struct owned *owned)
{
	size_t i;

	for (i = 0; i < owned->config.n_upstreams; i++)
		if (owned->config.upstreams[i].key)
			explicit_bzero(owned->config.upstreams[i].key,
			    strlen(owned->config.upstreams[i].key));
	arena_fini(&owned->arena);
	free(owned);
}

/* A part cannot be more than its whole: lowering the whole alone is enough. */
static void
fit(struct config_client *c)
{
	if (c->line_bytes > c->head_bytes)
		c->line_bytes = c->head_bytes;
	if (c->body_idle_ms > c->body_total_ms)
		c->body_idle_ms = c->body_total_ms;
	if (c->connections_per_address > c->connections_all)
		c->connections_per_address = c->connections_all;
}

static bool
is_all(const char *host)
{
	return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

/* Clients and the admin address cannot have one port. */
static int
check_ports(const struct config *c, struct mg_error *err)
{
	const struct config_listen *admin = c->admin, *at;
	size_t i;

	for (i = 0; c->n_admin && i < c->n_listen; i++) {
		at = &c->listen[i];
		if (at->port == 0 || at->port != admin->port ||
		    (strcmp(at->host, admin->host) != 0 &&
		    !is_all(at->host) && !is_all(admin->host)))
			continue;
		return mg_fail(err, admin->place.line ? &admin->place :
		    &at->place, "listen and admin both want port %u; give one "
		    "of them another", admin->port);
	}
	return 0;
}

static void
name_instance(struct config *c, struct arena *arena)
{
	char host[256] = "";

	if (c->audit.instance)
		return;
	/* A name that does not fit may lack its NUL (POSIX gethostname). */
	if (gethostname(host, sizeof(host) - 1) < 0 || !host[0])
		c->audit.instance = arena_text(arena, span_str("modgate"));
	else
		c->audit.instance = arena_text(arena, span_str(host));
}

static int
load(struct owned *owned, struct mg_span bytes, bool skip_secrets,
    struct mg_error *err)
{
	struct config *c = &owned->config;
	struct reading r = { .file = c->file, .arena = &owned->arena,
		.err = err, .skip_secrets = skip_secrets };
	struct yaml_tree tree = { 0 };
	int rc;

	rc = yaml_read(&tree, c->file, bytes, err);
	if (rc == 0) {
		options_defaults(&r, config_table, c);
		rc = options_read(&r, config_table, NULL, tree.root, c);
	}
	if (rc == 0)
		rc = check_ports(c, err);
	fit(&c->client);
	yaml_fini(&tree);
	return rc;
}

static struct config *
load_file(const char *path, bool skip_secrets, struct mg_error *err)
{
	struct owned *owned;
	struct buf bytes = { 0 };

	if (file_read(path, YAML_MAX_BYTES, NULL, &bytes, err) < 0) {
		buf_fini(&bytes);
		return NULL;
	}
	owned = xcalloc(1, sizeof(*owned));
	owned->config.refs = 1;
	owned->config.file = arena_text(&owned->arena, span_str(path));
	if (load(owned, buf_span(&bytes), skip_secrets, err) < 0) {
		owned_free(owned);
		owned = NULL;
	} else {
		name_instance(&owned->config, &owned->arena);
	}
	buf_fini(&bytes);
	return owned ? &owned->config : NULL;
}

struct config *
config_load(const char *path, struct mg_error *err)
{
	return load_file(path, false, err);
}

struct config *
config_load_without_secrets(const char *path, struct mg_error *err)
{
	return load_file(path, true, err);
}

struct config *
config_ref(struct config *config)
{
	__atomic_add_fetch(&config->refs, 1, __ATOMIC_RELAXED);
	return config;
}

void
config_unref(struct config **config)
{
	struct config *c = *config;

	*config = NULL;
	if (c && __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) == 0)
		owned_free((struct owned *)c);
}

void
config_help(void)
{
	options_help(stdout, config_table, 0);
}
