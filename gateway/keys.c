/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c - API keys in SQLite.
 *
 * One row per secret. Rotating makes a second row of the same name, and the
 * first one points to it; so a record that names a key_id says exactly which
 * secret was used. Rows are never deleted: who had a key when stays known. */
#include "gateway/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sqlite3.h>

#include "gateway/keys_grant.h"

#define SCHEMA 1			/* user_version */
#define APPLICATION 0x4d476b79		/* application_id, "MGky" */
#define BUSY_MS 3000
#define COLUMNS "key_id, prefix, sha256, name, tenant, models, endpoints, " \
    "created_ms, expires_ms, revoked_ms, rotated_to, overlap_until"

struct keys {
	char *path;
	sqlite3 *db;
	sqlite3_stmt *items;	/* the strings of a JSON array */
};

static const char schema[] =
    "CREATE TABLE keys ("
    " key_id TEXT PRIMARY KEY,"
    " prefix TEXT NOT NULL,"
    " sha256 BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),"
    " name TEXT NOT NULL,"
    " tenant TEXT NOT NULL,"
    " models TEXT,"	/* JSON array, or NULL: all */
    " endpoints TEXT,"
    " created_ms INTEGER NOT NULL,"
    " expires_ms INTEGER,"
    " revoked_ms INTEGER,"
    " rotated_to TEXT REFERENCES keys (key_id)"
    "  DEFERRABLE INITIALLY DEFERRED,"
    " overlap_until INTEGER,"
    " CHECK ((rotated_to IS NULL) = (overlap_until IS NULL))"
    ") STRICT;"
    /* A name stands for one current key. */
    "CREATE UNIQUE INDEX keys_current ON keys (name)"
    " WHERE revoked_ms IS NULL AND rotated_to IS NULL;";

/* ---- errors ---- */

static int
fail(const struct keys *k, struct mg_error *err, const char *text)
{
	struct mg_place place = { .file = k->path };

	return mg_fail(err, &place, "%s", text);
}

/* Says what SQLite's last error means for the operator. */
static int
fail_sql(const struct keys *k, struct mg_error *err)
{
	struct mg_place place = { .file = k->path };
	const char *why = k->db ? sqlite3_errmsg(k->db) : "no memory";

	switch (k->db ? sqlite3_errcode(k->db) & 0xff : SQLITE_NOMEM) {
	case SQLITE_NOTADB:
		return mg_fail(err, &place, "this is no key store (%s); move "
		    "it away, then restore keys.db from a backup or add the "
		    "keys anew", why);
	case SQLITE_CORRUPT:
		return mg_fail(err, &place, "the key store is damaged (%s); "
		    "restore keys.db from a backup, or move it away and add "
		    "the keys anew", why);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return mg_fail(err, &place, "another process is changing the "
		    "keys; try again");
	case SQLITE_FULL:
		return mg_fail(err, &place, "the disk is full");
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return mg_fail(err, &place, "cannot be written (%s); the file "
		    "and its directory must belong to the user that runs "
		    "modgate", why);
	default:	/* an int of SQLite's, no enum of ours */
		return mg_fail(err, &place, "%s", why);
	}
}

/* ---- small steps in SQL ---- */

static int
run(struct keys *k, const char *sql, struct mg_error *err)
{
	return sqlite3_exec(k->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 :
	    fail_sql(k, err);
}

static int
prepare(struct keys *k, const char *sql, sqlite3_stmt **st,
    struct mg_error *err)
{
	return sqlite3_prepare_v2(k->db, sql, -1, st, NULL) == SQLITE_OK ? 0 :
	    fail_sql(k, err);
}

/* Steps a statement that gives no row, and frees it. */
static int
finish(struct keys *k, sqlite3_stmt *st, struct mg_error *err)
{
	int rc = sqlite3_step(st) == SQLITE_DONE ? 0 : fail_sql(k, err);

	sqlite3_finalize(st);
	return rc;
}

static int
number(struct keys *k, const char *sql, int64_t *out, struct mg_error *err)
{
	sqlite3_stmt *st;
	int rc = 0;

	if (prepare(k, sql, &st, err) < 0)
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW)
		*out = sqlite3_column_int64(st, 0);
	else
		rc = fail_sql(k, err);
	sqlite3_finalize(st);
	return rc;
}

static void
bind_text(sqlite3_stmt *st, int at, const char *text)
{
	if (text)
		sqlite3_bind_text(st, at, text, -1, SQLITE_TRANSIENT);
	else
		sqlite3_bind_null(st, at);
}

/* 0 is stored as NULL. */
static void
bind_time(sqlite3_stmt *st, int at, int64_t ms)
{
	if (ms)
		sqlite3_bind_int64(st, at, ms);
	else
		sqlite3_bind_null(st, at);
}

/* Commits when rc is 0, else rolls back; returns the outcome. */
static int
end(struct keys *k, int rc, struct mg_error *err)
{
	if (rc == 0 && run(k, "COMMIT", err) == 0)
		return 0;
	(void)sqlite3_exec(k->db, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

/* ---- opening ---- */

/* Makes the file if it is to be made. SQLite would use the umask, and gives
 * its -wal and -shm files the mode of the database. An existing file is never
 * opened here: closing it would drop the locks that other connections of this
 * process hold (POSIX advisory locks). */
static int
make_file(const struct keys *k, enum keys_open how, struct mg_error *err)
{
	struct mg_place place = { .file = k->path };
	struct stat st;
	int fd;

	if (how == KEYS_MAKE) {
		fd = open(k->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0)
			close(fd);
		else if (errno != EEXIST)
			return mg_fail(err, &place, "cannot be made: %s",
			    strerror(errno));
	}
	if (stat(k->path, &st) < 0) {
		if (errno == ENOENT)
			return mg_fail(err, &place, "there is no key store; "
			    "modgate keys add NAME makes it");
		return mg_fail(err, &place, "%s", strerror(errno));
	}
	if (!S_ISREG(st.st_mode))
		return fail(k, err, "is not a file");
	if (st.st_mode & S_IRWXO)
		return mg_fail(err, &place, "every user of this machine may "
		    "reach the keys (mode %04o); run: chmod 600 %s",
		    (unsigned)st.st_mode & 07777, k->path);
	return 0;
}

static int
set_up(struct keys *k, struct mg_error *err)
{
	sqlite3_busy_timeout(k->db, BUSY_MS);
	sqlite3_db_config(k->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(k->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return run(k, "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;"
	    "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY", err);
}

static int
make_schema(struct keys *k, struct mg_error *err)
{
	int64_t version = 0, tables = 0;
	char sql[80];
	int rc;

	if (run(k, "PRAGMA journal_mode = WAL", err) < 0 ||
	    run(k, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	/* Another process may have been here first. */
	rc = number(k, "PRAGMA user_version", &version, err);
	if (rc == 0 && version == 0) {
		rc = number(k, "SELECT count(*) FROM sqlite_schema", &tables,
		    err);
		if (rc == 0 && tables > 0)
			rc = fail(k, err, "this is another program's "
			    "database, no key store");
		(void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %d; "
		    "PRAGMA application_id = %d", SCHEMA, APPLICATION);
		if (rc == 0)
			rc = run(k, schema, err);
		if (rc == 0)
			rc = run(k, sql, err);
	}
	return end(k, rc, err);
}

static int
check_schema(struct keys *k, struct mg_error *err)
{
	struct mg_place place = { .file = k->path };
	int64_t version = 0, application = 0;

	if (number(k, "PRAGMA user_version", &version, err) < 0 ||
	    number(k, "PRAGMA application_id", &application, err) < 0)
		return -1;
	if (application != APPLICATION)
		return fail(k, err, "this is no key store of modgate's");
	if (version != SCHEMA)
		return mg_fail(err, &place, "was written by another version "
		    "of modgate (schema %" PRId64 ", this one knows %d)",
		    version, SCHEMA);
	return 0;
}

static int
check_damage(struct keys *k, struct mg_error *err)
{
	struct mg_place place = { .file = k->path };
	const char *found;
	sqlite3_stmt *st;
	int rc = 0;

	if (prepare(k, "PRAGMA quick_check(1)", &st, err) < 0)
		return -1;
	if (sqlite3_step(st) != SQLITE_ROW) {
		rc = fail_sql(k, err);
	} else {
		found = (const char *)sqlite3_column_text(st, 0);
		if (!found || strcmp(found, "ok") != 0)
			rc = mg_fail(err, &place, "the key store is damaged "
			    "(%s); restore keys.db from a backup, or move it "
			    "away and add the keys anew",
			    found ? found : "unreadable");
	}
	sqlite3_finalize(st);
	return rc;
}

struct keys *
keys_open(const char *path, enum keys_open how, struct mg_error *err)
{
	struct keys *k = xcalloc(1, sizeof(*k));
	int64_t version = 0;

	k->path = xstrndup(path, strlen(path));
	if (make_file(k, how, err) < 0)
		goto bad;
	if (sqlite3_open_v2(path, &k->db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		(void)fail_sql(k, err);
		goto bad;
	}
	if (set_up(k, err) < 0 ||
	    number(k, "PRAGMA user_version", &version, err) < 0)
		goto bad;
	if (version == 0 && how == KEYS_MAKE && make_schema(k, err) < 0)
		goto bad;
	if (check_schema(k, err) < 0 || check_damage(k, err) < 0 ||
	    prepare(k, "SELECT value, type FROM json_each(?1)", &k->items,
	    err) < 0)
		goto bad;
	return k;
bad:
	keys_close(k);
	return NULL;
}

void
keys_close(struct keys *k)
{
	if (!k)
		return;
	sqlite3_finalize(k->items);
	sqlite3_close(k->db);
	free(k->path);
	free(k);
}

int
keys_version(struct keys *k, int64_t *version, struct mg_error *err)
{
	return number(k, "PRAGMA data_version", version, err);
}

/* ---- reading rows ---- */

void
keys_free_list(char **list)
{
	size_t i;

	for (i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

/* The strings of the JSON array in column `at`, or NULL when it is NULL. An
 * empty array is a scope without anything in it, not one without bounds. */
static int
read_list(struct keys *k, sqlite3_stmt *st, int at, char ***out,
    struct mg_error *err)
{
	size_t n = 0, cap = 0;
	char **list = NULL;
	int rc;

	*out = NULL;
	if (sqlite3_column_type(st, at) == SQLITE_NULL)
		return 0;
	sqlite3_bind_value(k->items, 1, sqlite3_column_value(st, at));
	list = xgrow(list, &cap, 1, sizeof(*list));
	list[0] = NULL;
	while ((rc = sqlite3_step(k->items)) == SQLITE_ROW) {
		const char *text = (const char *)
		    sqlite3_column_text(k->items, 0);
		const char *type = (const char *)
		    sqlite3_column_text(k->items, 1);

		if (!text || !type || strcmp(type, "text") != 0)
			break;
		list = xgrow(list, &cap, n + 2, sizeof(*list));
		list[n++] = xstrndup(text, strlen(text));
		list[n] = NULL;
	}
	if (rc == SQLITE_DONE)
		*out = list;
	else
		keys_free_list(list);
	if (rc == SQLITE_ROW)
		(void)fail(k, err, "a key's scope is not a list of texts; "
		    "restore keys.db from a backup");
	else if (rc != SQLITE_DONE)
		(void)fail_sql(k, err);
	sqlite3_reset(k->items);
	sqlite3_clear_bindings(k->items);
	return rc == SQLITE_DONE ? 0 : -1;
}

static int
read_row(struct keys *k, sqlite3_stmt *st, struct keys_row *row,
    struct mg_error *err)
{
	memset(row, 0, sizeof(*row));
	row->key_id = (const char *)sqlite3_column_text(st, 0);
	row->prefix = (const char *)sqlite3_column_text(st, 1);
	row->name = (const char *)sqlite3_column_text(st, 3);
	row->tenant = (const char *)sqlite3_column_text(st, 4);
	row->created_ms = sqlite3_column_int64(st, 7);
	row->expires_ms = sqlite3_column_int64(st, 8);
	row->revoked_ms = sqlite3_column_int64(st, 9);
	row->rotated_to = (const char *)sqlite3_column_text(st, 10);
	row->overlap_ms = sqlite3_column_int64(st, 11);
	if (!row->key_id || !row->prefix || !row->name || !row->tenant ||
	    sqlite3_column_bytes(st, 2) != (int)sizeof(row->sha256))
		return fail(k, err, "a key is not whole; restore keys.db "
		    "from a backup");
	memcpy(row->sha256, sqlite3_column_blob(st, 2), sizeof(row->sha256));
	if (read_list(k, st, 5, &row->models, err) < 0)
		return -1;
	if (read_list(k, st, 6, &row->endpoints, err) < 0) {
		keys_free_list(row->models);
		return -1;
	}
	return 0;
}

int
keys_each(struct keys *k, bool (*row)(void *arg, struct keys_row *row),
    void *arg, struct mg_error *err)
{
	struct keys_row r;
	sqlite3_stmt *st;
	bool more = true;
	int rc = SQLITE_DONE;

	if (prepare(k, "SELECT " COLUMNS " FROM keys "
	    "ORDER BY created_ms, rowid", &st, err) < 0)
		return -1;
	while (more && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (read_row(k, st, &r, err) < 0) {
			sqlite3_finalize(st);
			return -1;
		}
		more = row(arg, &r);
		keys_free_list(r.models);
		keys_free_list(r.endpoints);
	}
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		(void)fail_sql(k, err);
	sqlite3_finalize(st);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1;
}

int64_t
keys_ends_ms(const struct keys_row *row)
{
	if (row->rotated_to && (row->expires_ms == 0 ||
	    row->overlap_ms < row->expires_ms))
		return row->overlap_ms;
	return row->expires_ms;
}

enum keys_status
keys_status(const struct keys_row *row, int64_t now_ms)
{
	if (row->revoked_ms)
		return KEY_REVOKED;
	if (row->expires_ms && row->expires_ms <= now_ms)
		return KEY_EXPIRED;
	if (row->rotated_to)
		return row->overlap_ms > now_ms ? KEY_OVERLAPPING :
		    KEY_ROTATED;
	return KEY_ACTIVE;
}

const char *
keys_status_name(enum keys_status status)
{
	switch (status) {
	case KEY_ACTIVE: return "active";
	case KEY_OVERLAPPING: return "overlapping";
	case KEY_ROTATED: return "rotated";
	case KEY_EXPIRED: return "expired";
	case KEY_REVOKED: return "revoked";
	}
	abort();
}

/* ---- storing ---- */

static void
bind_list(sqlite3_stmt *st, int at, const char *const *list)
{
	struct buf json = { 0 };
	size_t i;

	if (!list) {
		sqlite3_bind_null(st, at);
		return;
	}
	for (i = 0; list[i]; i++) {
		buf_add_byte(&json, i ? ',' : '[');
		buf_add_json(&json, span_str(list[i]));
	}
	buf_add_str(&json, i ? "]" : "[]");
	bind_text(st, at, buf_cstr(&json));
	buf_fini(&json);
}

/* Makes a secret and stores its row; the caller holds the transaction. */
static int
insert(struct keys *k, const struct keys_grant *g, int64_t now_ms,
    struct keys_secret *secret, struct mg_error *err)
{
	unsigned char sha256[32];
	char prefix[KEYS_PREFIX_BYTES + 1];
	sqlite3_stmt *st;

	if (prepare(k, "INSERT INTO keys (key_id, prefix, sha256, name, "
	    "tenant, models, endpoints, created_ms, expires_ms) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", &st, err) < 0)
		return -1;
	if (!EVP_Digest(secret->text, KEYS_SECRET_BYTES, sha256, NULL,
	    EVP_sha256(), NULL)) {
		sqlite3_finalize(st);
		return fail(k, err, "SHA-256 is not to be had");
	}
	memcpy(prefix, secret->text, KEYS_PREFIX_BYTES);
	prefix[KEYS_PREFIX_BYTES] = '\0';
	bind_text(st, 1, secret->key_id);
	bind_text(st, 2, prefix);
	sqlite3_bind_blob(st, 3, sha256, sizeof(sha256), SQLITE_TRANSIENT);
	bind_text(st, 4, g->name);
	bind_text(st, 5, g->tenant ? g->tenant : KEYS_TENANT);
	bind_list(st, 6, g->models);
	bind_list(st, 7, g->endpoints);
	sqlite3_bind_int64(st, 8, now_ms);
	bind_time(st, 9, g->expires_ms);
	return finish(k, st, err);
}

/* ---- finding keys by name or id ---- */

struct nearest {
	const char *who;
	size_t distance;
	char *name;
};

static bool
nearer(void *arg, struct keys_row *row)
{
	struct nearest *n = arg;
	const char *names[2] = { row->name, row->key_id };
	size_t i, d;

	for (i = 0; i < 2; i++) {
		size_t len = strlen(names[i]), own = strlen(n->who);

		d = keys_distance(n->who, names[i]);
		/* One slip in three bytes is still the same word. */
		if (d >= n->distance || d > ((len > own ? len : own) + 2) / 3
		    || d >= len)
			continue;
		n->distance = d;
		free(n->name);
		n->name = xstrndup(names[i], strlen(names[i]));
	}
	return true;
}

static int
fail_unknown(struct keys *k, const char *who, struct mg_error *err)
{
	struct nearest n = { .who = who, .distance = SIZE_MAX };

	if (strncmp(who, "mg-", 3) == 0)
		return mg_fail(err, NULL, "that looks like a secret; name the "
		    "key by its name or its id (modgate keys list)");
	if (keys_each(k, nearer, &n, err) == 0) {
		if (n.name)
			(void)mg_fail(err, NULL, "there is no key '%.128s' "
			    "(did you mean '%s'?)", who, n.name);
		else
			(void)mg_fail(err, NULL, "there is no key '%.128s' "
			    "(modgate keys list shows them)", who);
	}
	free(n.name);
	return -1;
}

/* Prepares a statement that walks all rows that who names, the newest first.
 * An id names one row. */
static int
select_named(struct keys *k, const char *who, sqlite3_stmt **st,
    struct mg_error *err)
{
	const char *sql = strncmp(who, "key_", 4) == 0 ?
	    "SELECT " COLUMNS " FROM keys WHERE key_id = ?1" :
	    "SELECT " COLUMNS " FROM keys WHERE name = ?1 "
	    "ORDER BY created_ms DESC, rowid DESC";

	if (prepare(k, sql, st, err) < 0)
		return -1;
	bind_text(*st, 1, who);
	return 0;
}

/* ---- changes ---- */

/* Fails if the name stands for a key already. */
static int
check_free(struct keys *k, const char *name, int64_t now_ms,
    struct mg_error *err)
{
	int64_t expires_ms;
	sqlite3_stmt *st;
	int rc = 0;

	if (prepare(k, "SELECT key_id, expires_ms FROM keys WHERE name = ?1 AND "
	    "revoked_ms IS NULL AND rotated_to IS NULL", &st, err) < 0)
		return -1;
	bind_text(st, 1, name);
	switch (sqlite3_step(st)) {
	case SQLITE_DONE:
		break;
	case SQLITE_ROW:
		expires_ms = sqlite3_column_int64(st, 1);
		rc = mg_fail(err, NULL, "there is a key '%s' already (%s)%s",
		    name, (const char *)sqlite3_column_text(st, 0),
		    expires_ms && expires_ms <= now_ms ? ", which has "
		    "expired; revoke it first" : "; rotate it for a new "
		    "secret, or revoke it first");
		break;
	default:	/* SQLite's int */
		rc = fail_sql(k, err);
	}
	sqlite3_finalize(st);
	return rc;
}

int
keys_add(struct keys *k, const struct keys_grant *grant, int64_t now_ms,
    struct keys_secret *secret, struct mg_error *err)
{
	int rc;

	if (keys_check_grant(grant, now_ms, err) < 0 ||
	    run(k, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	keys_make_secret(secret);
	rc = check_free(k, grant->name, now_ms, err);
	if (rc == 0)
		rc = insert(k, grant, now_ms, secret, err);
	rc = end(k, rc, err);
	if (rc < 0)
		OPENSSL_cleanse(secret, sizeof(*secret));
	return rc;
}

static int
check_rotatable(const struct keys_row *row, int64_t now_ms,
    struct mg_error *err)
{
	switch (keys_status(row, now_ms)) {
	case KEY_ACTIVE:
		return 0;
	case KEY_OVERLAPPING:
	case KEY_ROTATED:
		return mg_fail(err, NULL, "%s was rotated already, to %s",
		    row->key_id, row->rotated_to);
	case KEY_EXPIRED:
		return mg_fail(err, NULL, "%s ('%s') has expired; revoke it "
		    "and add a new one", row->key_id, row->name);
	case KEY_REVOKED:
		return mg_fail(err, NULL, "%s ('%s') is revoked; add a new "
		    "one", row->key_id, row->name);
	}
	abort();
}

/* Points the old row to the new one; must come before the new one is stored,
 * as both have the name. */
static int
hand_over(struct keys *k, const char *old_id, const char *new_id,
    int64_t overlap_until, struct mg_error *err)
{
	sqlite3_stmt *st;

	if (prepare(k, "UPDATE keys SET rotated_to = ?2, overlap_until = ?3 "
	    "WHERE key_id = ?1", &st, err) < 0)
		return -1;
	bind_text(st, 1, old_id);
	bind_text(st, 2, new_id);
	sqlite3_bind_int64(st, 3, overlap_until);
	return finish(k, st, err);
}

/* The steps of keys_rotate() that need the row. */
static int
rotate_row(struct keys *k, const struct keys_row *row, int64_t overlap_ms,
    int64_t expires_ms, int64_t now_ms, struct keys_secret *secret,
    struct mg_error *err)
{
	struct keys_grant grant = {
		.name = row->name,
		.tenant = row->tenant,
		.models = (const char *const *)row->models,
		.endpoints = (const char *const *)row->endpoints,
		.expires_ms = expires_ms,
	};

	if (expires_ms == -1)
		grant.expires_ms = row->expires_ms ?
		    now_ms + row->expires_ms - row->created_ms : 0;
	if (check_rotatable(row, now_ms, err) < 0 ||
	    keys_check_grant(&grant, now_ms, err) < 0)
		return -1;
	keys_make_secret(secret);
	if (hand_over(k, row->key_id, secret->key_id, now_ms + overlap_ms,
	    err) < 0)
		return -1;
	return insert(k, &grant, now_ms, secret, err);
}

int
keys_rotate(struct keys *k, const char *who, int64_t overlap_ms,
    int64_t expires_ms, int64_t now_ms, struct keys_secret *secret,
    struct mg_error *err)
{
	struct keys_row row;
	sqlite3_stmt *st = NULL;
	int rc;

	if (run(k, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	rc = select_named(k, who, &st, err);
	if (rc == 0) {
		switch (sqlite3_step(st)) {
		case SQLITE_ROW:
			rc = read_row(k, st, &row, err);
			if (rc < 0)
				break;
			rc = rotate_row(k, &row, overlap_ms, expires_ms,
			    now_ms, secret, err);
			keys_free_list(row.models);
			keys_free_list(row.endpoints);
			break;
		case SQLITE_DONE:
			rc = fail_unknown(k, who, err);
			break;
		default:	/* SQLite's int */
			rc = fail_sql(k, err);
		}
	}
	sqlite3_finalize(st);
	rc = end(k, rc, err);
	if (rc < 0)
		OPENSSL_cleanse(secret, sizeof(*secret));
	return rc;
}

/* Why nothing could be revoked: no such key, or none that is still good. */
static int
fail_revoke(struct keys *k, const char *who, struct mg_error *err)
{
	sqlite3_stmt *st;
	int rc;

	if (select_named(k, who, &st, err) < 0)
		return -1;
	rc = sqlite3_step(st);
	sqlite3_finalize(st);
	if (rc == SQLITE_ROW)
		return mg_fail(err, NULL, "'%s' is revoked already", who);
	return rc == SQLITE_DONE ? fail_unknown(k, who, err) :
	    fail_sql(k, err);
}

int
keys_revoke(struct keys *k, const char *who, int64_t now_ms, unsigned *n,
    struct mg_error *err)
{
	const char *sql = strncmp(who, "key_", 4) == 0 ?
	    "UPDATE keys SET revoked_ms = ?2 WHERE key_id = ?1 AND "
	    "revoked_ms IS NULL" :
	    "UPDATE keys SET revoked_ms = ?2 WHERE name = ?1 AND "
	    "revoked_ms IS NULL AND "
	    "(rotated_to IS NULL OR overlap_until > ?2)";
	sqlite3_stmt *st = NULL;
	int rc;

	if (run(k, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	rc = prepare(k, sql, &st, err);
	if (rc == 0) {
		bind_text(st, 1, who);
		sqlite3_bind_int64(st, 2, now_ms);
		rc = finish(k, st, err);
	}
	if (rc == 0) {
		if (n)
			*n = (unsigned)sqlite3_changes(k->db);
		if (sqlite3_changes(k->db) == 0)
			rc = fail_revoke(k, who, err);
	}
	return end(k, rc, err);
}
