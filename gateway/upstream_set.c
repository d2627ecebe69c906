/* SPDX-License-Identifier: Apache-2.0 */
/* upstream_set.c - a configuration's backends.
 *
 * A set belongs to one configuration and lives as long as a call that began
 * under it. Health and counters belong to a backend (same name, same URL) and
 * go from set to set. */
#include "gateway/upstream_parts.h"

#include <stdlib.h>

void
upstream_set_unref(struct upstream_set *set)
{
	size_t i;

	if (--set->refs > 0)
		return;
	for (i = 0; i < set->n; i++) {
		struct upstream_backend *b = &set->backends[i];

		while (!SLIST_EMPTY(&b->idle)) {
			struct upstream_handle *handle = SLIST_FIRST(&b->idle);

			SLIST_REMOVE_HEAD(&b->idle, next);
			upstream_handle_free(handle);
		}
		if (b->key_line.ptr)
			explicit_bzero(b->key_line.ptr, b->key_line.cap);
		buf_fini(&b->key_line);
	}
	config_unref(&set->config);
	free(set->backends);
	free(set->candidates);
	free(set);
}

static struct upstream_vitals *
find_vitals(const struct upstream_set *set, const struct config_upstream *conf)
{
	size_t i;

	for (i = 0; set && i < set->n; i++)
		if (strcmp(set->backends[i].conf->name, conf->name) == 0 &&
		    strcmp(set->backends[i].conf->url, conf->url) == 0)
			return set->backends[i].vitals;
	return NULL;
}

static void
backend_init(struct upstreams *u, struct upstream_backend *b,
    const struct config_upstream *conf)
{
	const char *header = conf->key_header;
	size_t n = 0;

	b->conf = conf;
	SLIST_INIT(&b->idle);
	b->vitals = find_vitals(u->set, conf);
	if (!b->vitals) {
		b->vitals = xcalloc(1, sizeof(*b->vitals));
		SLIST_INSERT_HEAD(&u->vitals, b->vitals, next);
	}
	b->tail[n++].data = (char *)(uintptr_t)"Expect:";
	b->tail[n++].data = (char *)(uintptr_t)"Accept-Encoding: identity";
	if (conf->key) {
		bool bearer = !header ||
		    span_is_nocase(span_str(header), "authorization");

		buf_addf(&b->key_line, "%s: %s%s",
		    bearer ? "Authorization" : header,
		    bearer ? "Bearer " : "", conf->key);
		b->tail[n++].data = (char *)(uintptr_t)buf_cstr(&b->key_line);
	}
	while (--n > 0)
		b->tail[n - 1].next = &b->tail[n];
}

static void
publish(struct upstreams *u, const struct upstream_set *set)
{
	struct upstream_table *old = atomic_load(&u->table), *table;
	size_t i, same = 0;

	for (i = 0; old && i < set->n && i < old->n; i++)
		same += old->vitals[i] == set->backends[i].vitals;
	if (old && old->n == set->n && same == set->n)
		return;
	table = xmalloc(sizeof(*table) +
	    set->n * sizeof(struct upstream_vitals *));
	table->n = set->n;
	for (i = 0; i < set->n; i++)
		table->vitals[i] = set->backends[i].vitals;
	SLIST_INSERT_HEAD(&u->tables, table, next);
	atomic_store(&u->table, table);
}

struct upstream_set *
upstream_set_new(struct upstreams *u, struct config *config)
{
	struct upstream_set *set = xcalloc(1, sizeof(*set));
	size_t i;

	set->refs = 1;
	set->config = config_ref(config);
	set->n = config->n_upstreams;
	set->backends = xcalloc(set->n, sizeof(*set->backends));
	set->candidates = xcalloc(set->n, sizeof(*set->candidates));
	for (i = 0; i < set->n; i++) {
		backend_init(u, &set->backends[i], &config->upstreams[i]);
		set->candidates[i].conf = &config->upstreams[i];
		set->candidates[i].health = &set->backends[i].vitals->health;
	}
	publish(u, set);
	return set;
}

void
upstream_tables_free(struct upstreams *u)
{
	struct upstream_vitals *v;
	struct upstream_table *t;

	while ((v = SLIST_FIRST(&u->vitals))) {
		SLIST_REMOVE_HEAD(&u->vitals, next);
		free(v);
	}
	while ((t = SLIST_FIRST(&u->tables))) {
		SLIST_REMOVE_HEAD(&u->tables, next);
		free(t);
	}
}

const struct upstream_stats *
upstreams_stats(const struct upstreams *u, size_t i)
{
	const struct upstream_table *table = atomic_load(&u->table);

	return i < table->n ? &table->vitals[i]->stats : NULL;
}
