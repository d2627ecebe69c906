/* SPDX-License-Identifier: Apache-2.0 */
/* publisher.c - the thread that makes durable records public. */
#include "gateway/audit/publisher.h"

#include <stdlib.h>
#include <time.h>

#include "gateway/audit/treelog.h"
#include "gateway/clock.h"
#include "gateway/log.h"

enum {
	AT_ONCE = 4096,			/* leaves between two looks at stop */
	RETRY_MS = 10000,		/* after trouble */
};

struct publisher {
	struct audit *audit;
	char *key, *origin;
	struct treelog *log;
	uint64_t every_ms;
	bool told;			/* of trouble that goes on */
	bool running, stopping;		/* stopping: under audit->lock */
	pthread_t thread;
	pthread_cond_t wake;
};

static struct leaves_limit
limit_of(struct audit *a)
{
	struct leaves_limit limit;

	pthread_mutex_lock(&a->lock);
	limit = a->limit;
	pthread_mutex_unlock(&a->lock);
	return limit;
}

static void
tell(struct publisher *p)
{
	struct audit *a = p->audit;

	atomic_store(&a->tree_size, treelog_size(p->log));
	if (atomic_exchange(&a->tree_published,
	    treelog_published(p->log)) != treelog_published(p->log) ||
	    treelog_size(p->log) == treelog_published(p->log))
		atomic_store(&a->published_us, steady_us());
}

/* What is the matter, once; it is tried again with a log opened anew. */
static void
trouble(struct publisher *p, const struct mg_error *err)
{
	if (!p->told)
		log_error("audit: no checkpoints are published: %s",
		    err->text);
	p->told = true;
	atomic_fetch_add(&p->audit->publish_failures, 1);
	treelog_free(p->log);
	p->log = NULL;
}

/* Opens the log if need be; false: not now. */
static bool
have_log(struct publisher *p)
{
	struct mg_error err = { { 0 } };
	bool held;

	if (!p->log)
		p->log = treelog_open(p->audit->dir, p->key, p->origin, &held,
		    &err);
	if (!p->log && !held)
		trouble(p, &err);
	return p->log != NULL;
}

static bool
is_stopping(struct publisher *p)
{
	bool stopping;

	pthread_mutex_lock(&p->audit->lock);
	stopping = p->stopping;
	pthread_mutex_unlock(&p->audit->lock);
	return stopping;
}

/* Takes in and publishes what is there. */
static void
turn(struct publisher *p)
{
	struct mg_error err = { { 0 } };
	int64_t n = 0;

	if (!have_log(p))
		return;
	do {
		struct leaves_limit limit = limit_of(p->audit);

		n = treelog_take(p->log, &limit, AT_ONCE, &err);
		if (n > 0)
			atomic_store(&p->audit->tree_size,
			    treelog_size(p->log));
		/* Much to do: what is there meanwhile goes out. */
		if (n < 0 || treelog_publish(p->log, &err) < 0) {
			trouble(p, &err);
			return;
		}
	} while (n == AT_ONCE && !is_stopping(p));
	if (p->told)
		log_info("audit: checkpoints are published again");
	p->told = false;
	tell(p);
}

/* False: it is time to stop. */
static bool
wait_turn(struct publisher *p)
{
	uint64_t ms = p->told && p->every_ms < RETRY_MS ? RETRY_MS :
	    p->every_ms;
	struct timespec until;
	bool more;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&p->audit->lock);
	while (!p->stopping && pthread_cond_timedwait(&p->wake,
	    &p->audit->lock, &until) == 0)
		;
	more = !p->stopping;
	pthread_mutex_unlock(&p->audit->lock);
	return more;
}

static void *
publisher_main(void *arg)
{
	struct publisher *p = arg;

	while (wait_turn(p))
		turn(p);
	turn(p);			/* the last records */
	return NULL;
}

int
publisher_open(struct audit *audit, const struct config_audit *config,
    struct mg_error *err)
{
	struct publisher *p;
	struct buf path = { 0 };
	bool held = false;

	if (config->checkpoint_ms == 0)
		return 0;
	p = audit->publisher = xcalloc(1, sizeof(*p));
	p->audit = audit;
	p->every_ms = config->checkpoint_ms;
	buf_addf(&path, "%s.sign", audit->dir);
	p->key = xstrndup(path.ptr, path.len);
	buf_clear(&path);
	if (config->origin)
		buf_add_str(&path, config->origin);
	else
		buf_addf(&path, "%s/audit", audit->instance);
	p->origin = xstrndup(path.ptr, path.len);
	buf_fini(&path);
	p->log = treelog_open(audit->dir, p->key, p->origin, &held, err);
	if (!p->log && !held)
		return -1;
	if (p->log)
		tell(p);
	return 0;
}

int
publisher_start(struct audit *audit, struct mg_error *err)
{
	struct publisher *p = audit->publisher;
	pthread_condattr_t attr;

	if (!p)
		return 0;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&p->thread, NULL, publisher_main, p) != 0)
		return mg_fail(err, NULL, "the thread that publishes the log "
		    "cannot be started");
	p->running = true;
	return 0;
}

void
publisher_end(struct audit *audit)
{
	struct publisher *p = audit->publisher;

	if (!p)
		return;
	if (p->running) {
		pthread_mutex_lock(&audit->lock);
		p->stopping = true;
		pthread_cond_signal(&p->wake);
		pthread_mutex_unlock(&audit->lock);
		pthread_join(p->thread, NULL);
		pthread_cond_destroy(&p->wake);
	}
	treelog_free(p->log);
	free(p->key);
	free(p->origin);
	free(p);
	audit->publisher = NULL;
}
