/* SPDX-License-Identifier: Apache-2.0 */
/* auth.c - from a secret to its principal, in half a microsecond.
 *
 * Workers look into a snapshot: an immutable hash table from digest to
 * principal. A thread of our own asks the store four times a second whether it
 * has changed and swaps in a new snapshot; when it cannot read, the last good
 * one stays, and the log says so once. */
#include "gateway/auth.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "gateway/keys.h"
#include "gateway/log.h"

#define POLL_MS 250
#define LONGEST_SECRET 256		/* ours have 46 bytes */

struct snapshot {
	size_t n, n_slots;		/* slots: a power of two, > n */
	struct principal **slots;	/* open addressing; NULL: free */
};

struct auth {
	char *path;
	EVP_MD *sha256;
	pthread_key_t hasher;		/* EVP_MD_CTX of each thread */
	pthread_rwlock_t lock;		/* of the pointer snapshot */
	struct snapshot *snapshot;

	pthread_t watcher;		/* owns everything below */
	struct keys *keys;
	int64_t version;
	dev_t dev;
	ino_t ino;
	bool failing;			/* logged already */

	pthread_mutex_t stop_lock;
	pthread_cond_t stop_cond;
	bool stop;
};

/* ---- principals ---- */

struct principal *
principal_anonymous(void)
{
	struct principal *who = xcalloc(1, sizeof(*who));

	who->refs = 1;
	who->key_id = xstrndup("anonymous", 9);
	who->name = xstrndup("anonymous", 9);
	who->tenant = xstrndup(KEYS_TENANT, strlen(KEYS_TENANT));
	return who;
}

struct principal *
principal_ref(struct principal *who)
{
	__atomic_fetch_add(&who->refs, 1, __ATOMIC_RELAXED);
	return who;
}

void
principal_unref(struct principal **at)
{
	struct principal *who = *at;

	*at = NULL;
	if (!who || __atomic_sub_fetch(&who->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	free(who->key_id);
	free(who->name);
	free(who->tenant);
	keys_free_list(who->models);
	keys_free_list(who->endpoints);
	free(who);
}

bool
principal_may_model(const struct principal *who, struct mg_span model)
{
	return globs_match(who->models, model);
}

bool
principal_may_endpoint(const struct principal *who, const char *surface)
{
	return globs_match(who->endpoints, span_str(surface));
}

/* ---- snapshots ---- */

/* Where a digest's search begins: digests are random already. */
static size_t
slot_of(const struct snapshot *s, const unsigned char sha256[32])
{
	size_t at;

	memcpy(&at, sha256, sizeof(at));
	return at & (s->n_slots - 1);
}

static void
snapshot_free(struct snapshot *s)
{
	size_t i;

	if (!s)
		return;
	for (i = 0; i < s->n_slots; i++)
		principal_unref(&s->slots[i]);
	free(s->slots);
	free(s);
}

/* Takes over the reference. */
static void
snapshot_put(struct snapshot *s, struct principal *who)
{
	size_t at = slot_of(s, who->sha256);

	while (s->slots[at])
		at = (at + 1) & (s->n_slots - 1);
	s->slots[at] = who;
	s->n++;
}

static void
snapshot_grow(struct snapshot *s)
{
	struct snapshot old = *s;
	size_t i;

	s->n = 0;
	s->n_slots = old.n_slots ? old.n_slots * 2 : 16;
	s->slots = xcalloc(s->n_slots, sizeof(*s->slots));
	for (i = 0; i < old.n_slots; i++)
		if (old.slots[i])
			snapshot_put(s, old.slots[i]);
	free(old.slots);
}

static bool
snapshot_add(void *arg, struct keys_row *row)
{
	struct snapshot *s = arg;
	struct principal *who;

	if (row->revoked_ms)
		return true;
	who = xcalloc(1, sizeof(*who));
	who->refs = 1;
	who->key_id = xstrndup(row->key_id, strlen(row->key_id));
	who->name = xstrndup(row->name, strlen(row->name));
	who->tenant = xstrndup(row->tenant, strlen(row->tenant));
	who->models = row->models;
	who->endpoints = row->endpoints;
	row->models = row->endpoints = NULL;
	who->expires_ms = keys_ends_ms(row);
	memcpy(who->sha256, row->sha256, sizeof(who->sha256));
	if (s->n >= s->n_slots / 2)
		snapshot_grow(s);
	snapshot_put(s, who);
	return true;
}

/* Reads all keys and puts them in force. */
static int
load(struct auth *auth, struct mg_error *err)
{
	struct snapshot *fresh = xcalloc(1, sizeof(*fresh)), *old;
	int64_t version;

	snapshot_grow(fresh);
	/* First the number, then the rows: what changes in between is seen
	 * as a change the next time. */
	if (keys_version(auth->keys, &version, err) < 0 ||
	    keys_each(auth->keys, snapshot_add, fresh, err) < 0) {
		snapshot_free(fresh);
		return -1;
	}
	auth->version = version;
	pthread_rwlock_wrlock(&auth->lock);
	old = auth->snapshot;
	auth->snapshot = fresh;
	pthread_rwlock_unlock(&auth->lock);
	snapshot_free(old);
	return 0;
}

/* ---- watching ---- */

static int
open_store(struct auth *auth, enum keys_open how, struct mg_error *err)
{
	struct stat st = { 0 };

	/* First whose file it is, then the file: one that is put in its place
	 * in between is noticed the next time, as is one made just now. */
	(void)stat(auth->path, &st);
	auth->dev = st.st_dev;
	auth->ino = st.st_ino;
	keys_close(auth->keys);
	auth->keys = keys_open(auth->path, how, err);
	return auth->keys ? load(auth, err) : -1;
}

/* Looks once. 1: new keys are in force, 0: nothing is new, -1: failed. */
static int
look(struct auth *auth, struct mg_error *err)
{
	struct mg_place place = { .file = auth->path };
	struct stat st;
	int64_t version;

	if (stat(auth->path, &st) < 0)
		return mg_fail(err, &place, "%s", strerror(errno));
	if (!auth->keys || st.st_dev != auth->dev || st.st_ino != auth->ino)
		return open_store(auth, KEYS_EXISTING, err) < 0 ? -1 : 1;
	if (keys_version(auth->keys, &version, err) < 0)
		return -1;
	if (version == auth->version)
		return 0;
	return load(auth, err) < 0 ? -1 : 1;
}

static void
look_and_log(struct auth *auth)
{
	struct mg_error err = { 0 };
	int rc = look(auth, &err);

	if (rc < 0) {
		if (!auth->failing)
			log_error("keys cannot be read, those read last stay "
			    "in force: %s", err.text);
		auth->failing = true;
		return;
	}
	if (auth->failing)
		log_info("keys can be read again");
	auth->failing = false;
	if (rc > 0)
		log_info("keys: %zu in force", auth->snapshot->n);
}

static void *
watch(void *arg)
{
	struct auth *auth = arg;
	struct timespec until;
	int rc;

	pthread_mutex_lock(&auth->stop_lock);
	while (!auth->stop) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += POLL_MS * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		rc = 0;
		while (!auth->stop && rc != ETIMEDOUT)
			rc = pthread_cond_timedwait(&auth->stop_cond,
			    &auth->stop_lock, &until);
		if (auth->stop)
			break;
		pthread_mutex_unlock(&auth->stop_lock);
		look_and_log(auth);
		pthread_mutex_lock(&auth->stop_lock);
	}
	pthread_mutex_unlock(&auth->stop_lock);
	return NULL;
}

/* ---- checking ---- */

static void
free_hasher(void *ctx)
{
	EVP_MD_CTX_free(ctx);
}

/* Hashes with this thread's own context: making one costs more than the
 * hash. OpenSSL wipes its copy of the input as the digest is finished. */
static bool
hash(struct auth *auth, struct mg_span secret, unsigned char out[32])
{
	EVP_MD_CTX *ctx = pthread_getspecific(auth->hasher);

	if (!ctx) {
		ctx = EVP_MD_CTX_new();
		if (!ctx || pthread_setspecific(auth->hasher, ctx) != 0)
			abort();
	}
	return EVP_DigestInit_ex2(ctx, auth->sha256, NULL) == 1 &&
	    EVP_DigestUpdate(ctx, secret.ptr, secret.len) == 1 &&
	    EVP_DigestFinal_ex(ctx, out, NULL) == 1;
}

static struct principal *
find(struct auth *auth, const unsigned char sha256[32])
{
	struct principal *who = NULL;
	struct snapshot *s;
	size_t at;

	pthread_rwlock_rdlock(&auth->lock);
	s = auth->snapshot;
	for (at = slot_of(s, sha256); s->slots[at];
	    at = (at + 1) & (s->n_slots - 1))
		if (CRYPTO_memcmp(s->slots[at]->sha256, sha256, 32) == 0) {
			who = principal_ref(s->slots[at]);
			break;
		}
	pthread_rwlock_unlock(&auth->lock);
	return who;
}

enum auth_result
auth_check(struct auth *auth, struct mg_span secret, int64_t now_ms,
    struct principal **who)
{
	unsigned char sha256[32];

	*who = NULL;
	if (secret.len == 0)
		return AUTH_MISSING;
	if (secret.len > LONGEST_SECRET || !hash(auth, secret, sha256))
		return AUTH_UNKNOWN;
	*who = find(auth, sha256);
	OPENSSL_cleanse(sha256, sizeof(sha256));
	if (!*who)
		return AUTH_UNKNOWN;
	if ((*who)->expires_ms && (*who)->expires_ms <= now_ms) {
		principal_unref(who);
		return AUTH_EXPIRED;
	}
	return AUTH_OK;
}

/* ---- life ---- */

static void
init_locks(struct auth *auth)
{
	pthread_rwlockattr_t rw;
	pthread_condattr_t cond;

	/* Readers hold it for nanoseconds, but there are always some. */
	pthread_rwlockattr_init(&rw);
	pthread_rwlockattr_setkind_np(&rw,
	    PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&auth->lock, &rw);
	pthread_rwlockattr_destroy(&rw);
	pthread_mutex_init(&auth->stop_lock, NULL);
	pthread_condattr_init(&cond);
	pthread_condattr_setclock(&cond, CLOCK_MONOTONIC);
	pthread_cond_init(&auth->stop_cond, &cond);
	pthread_condattr_destroy(&cond);
}

static int
start_watcher(struct auth *auth, struct mg_error *err)
{
	sigset_t all, before;
	int rc;

	/* Signals are for the threads that wait for them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&auth->watcher, NULL, watch, auth);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0 ? 0 : mg_fail(err, NULL, "no thread to watch the keys: "
	    "%s", strerror(rc));
}

/* Everything but the watcher. */
static void
release(struct auth *auth)
{
	EVP_MD_CTX_free(pthread_getspecific(auth->hasher));
	pthread_key_delete(auth->hasher);
	snapshot_free(auth->snapshot);
	keys_close(auth->keys);
	EVP_MD_free(auth->sha256);
	pthread_rwlock_destroy(&auth->lock);
	pthread_mutex_destroy(&auth->stop_lock);
	pthread_cond_destroy(&auth->stop_cond);
	free(auth->path);
	free(auth);
}

struct auth *
auth_new(const char *path, struct mg_error *err)
{
	struct auth *auth = xcalloc(1, sizeof(*auth));

	if (pthread_key_create(&auth->hasher, free_hasher) != 0)
		abort();
	auth->path = xstrndup(path, strlen(path));
	init_locks(auth);
	auth->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!auth->sha256) {
		(void)mg_fail(err, NULL, "OpenSSL has no SHA-256");
		goto bad;
	}
	if (open_store(auth, KEYS_MAKE, err) < 0)
		goto bad;
	if (start_watcher(auth, err) < 0)
		goto bad;
	return auth;
bad:
	release(auth);
	return NULL;
}

void
auth_free(struct auth *auth)
{
	if (!auth)
		return;
	pthread_mutex_lock(&auth->stop_lock);
	auth->stop = true;
	pthread_cond_signal(&auth->stop_cond);
	pthread_mutex_unlock(&auth->stop_lock);
	pthread_join(auth->watcher, NULL);
	release(auth);
}
