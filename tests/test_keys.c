/* SPDX-License-Identifier: Apache-2.0 */
/* test_keys.c - the key store, mostly through the command an operator types. */
#include "gateway/keys.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <sqlite3.h>

#include "gateway/cmd.h"
#include "tests/check.h"

static char dir[64];
static char out[65536], err_text[65536];	/* of the last command */

static const char *
path_of(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static size_t
slurp(const char *path, char *to, size_t size)
{
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(to, 1, size - 1, f) : 0;

	if (f)
		fclose(f);
	to[n] = '\0';
	return n;
}

static void
spill(const char *path, const char *text)
{
	FILE *f = fopen(path, "wb");

	if (!f)
		return;
	fputs(text, f);
	fclose(f);
}

static void
fresh(void)
{
	static const char *const files[] = { "keys.db", "keys.db-wal",
		"keys.db-shm", "out", "err" };
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(path_of(files[i]));
}

static int
into(int fd, const char *name)
{
	int kept = dup(fd);
	int to = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	dup2(to, fd);
	close(to);
	return kept;
}

static void
back(int fd, int kept)
{
	dup2(kept, fd);
	close(kept);
}

/* Runs the command with what it says going into out and err_text. */
static int
run(int argc, char **argv)
{
	int rc, keep_out, keep_err;

	fflush(stdout);
	keep_out = into(STDOUT_FILENO, "out");
	keep_err = into(STDERR_FILENO, "err");
	rc = cmd_keys(argc, argv);
	fflush(stdout);
	fflush(stderr);
	back(STDOUT_FILENO, keep_out);
	back(STDERR_FILENO, keep_err);
	slurp(path_of("out"), out, sizeof(out));
	slurp(path_of("err"), err_text, sizeof(err_text));
	return rc;
}

/* Runs `modgate keys LINE --state DIR`; words are split at blanks, and '_'
 * stands for a blank within one. */
static int
keys(const char *line)
{
	char copy[512], *argv[32], *word, *rest = copy, *p;
	int argc = 0, i;

	(void)snprintf(copy, sizeof(copy), "keys %s --state %s", line, dir);
	while ((word = strsep(&rest, " ")) && argc < 31)
		argv[argc++] = word;
	argv[argc] = NULL;
	for (i = 1; i < argc - 1; i++)
		for (p = argv[i]; *p && strncmp(argv[i], "key_", 4); p++)
			if (*p == '_')
				*p = ' ';
	return run(argc, argv);
}

static bool
said(const char *text)
{
	if (strstr(err_text, text))
		return true;
	fprintf(stderr, "said: %s", err_text);
	return false;
}

static bool
listed(const char *text)
{
	if (strstr(out, text))
		return true;
	fprintf(stderr, "listed: %s", out);
	return false;
}

/* The id that the last add or rotate told. */
static const char *
told_id(void)
{
	static char id[KEYS_ID_BYTES + 1];
	const char *at = strstr(err_text, "key_");

	memset(id, 0, sizeof(id));
	if (at)
		memcpy(id, at, KEYS_ID_BYTES);
	return id;
}

static void
add_prints_the_secret_alone(void)
{
	const char *set = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_";

	fresh();
	CHECK_EQ(keys("add alice"), CMD_DONE);
	CHECK_EQ(strlen(out), KEYS_SECRET_BYTES + 1);
	CHECK(strncmp(out, "mg-", 3) == 0);
	CHECK_EQ(strspn(out + 3, set), 43);
	CHECK_EQ(out[KEYS_SECRET_BYTES], '\n');
	CHECK(said("keys.db: a new key store was made\n"));
	CHECK(said("added 'alice' as key_"));
	CHECK_EQ(keys("add second"), CMD_DONE);
	CHECK(strstr(err_text, "new key store") == NULL);
	CHECK_EQ(keys("add third"), CMD_DONE);
	CHECK_EQ(strspn(told_id() + 4, "abcdefghijklmnopqrstuvwxyz234567"), 12);
	out[KEYS_SECRET_BYTES] = '\0';
	CHECK(strstr(err_text, out) == NULL);
}

/* True if the file has bytes. */
static bool
file_has(const char *name, const void *bytes, size_t len)
{
	static char data[1 << 20];
	size_t n = slurp(path_of(name), data, sizeof(data));

	return memmem(data, n, bytes, len) != NULL;
}

static void
the_store_has_the_digest_and_never_the_secret(void)
{
	static const char *const files[] = { "keys.db", "keys.db-wal" };
	unsigned char digest[32];
	char secret[KEYS_SECRET_BYTES + 1];
	bool has_digest = false;
	struct keys *open;
	size_t i;

	fresh();
	/* Another connection keeps the write-ahead log from going away. */
	CHECK_EQ(keys("add first"), CMD_DONE);
	open = keys_open(path_of(KEYS_FILE), KEYS_EXISTING, NULL);
	CHECK(open != NULL);
	CHECK_EQ(keys("add alice"), CMD_DONE);
	memcpy(secret, out, KEYS_SECRET_BYTES);
	EVP_Digest(secret, KEYS_SECRET_BYTES, digest, NULL, EVP_sha256(), NULL);
	for (i = 0; i < 2; i++) {
		CHECK(!file_has(files[i], secret, KEYS_SECRET_BYTES));
		/* Nor anything past the visible prefix. */
		CHECK(!file_has(files[i], secret + KEYS_PREFIX_BYTES, 10));
		has_digest |= file_has(files[i], digest, 32);
	}
	CHECK(has_digest);
	CHECK(file_has("keys.db-wal", secret, KEYS_PREFIX_BYTES));
	keys_close(open);
}

static void
list_shows_keys_and_no_secret(void)
{
	char secret[KEYS_SECRET_BYTES + 1] = "";

	fresh();
	CHECK_EQ(keys("add alice --tenant gallery --models gpt-*,qwen? "
	    "--expires 90d"), CMD_DONE);
	memcpy(secret, out, KEYS_SECRET_BYTES);
	CHECK_EQ(keys("add 春天 --endpoints chat"), CMD_DONE);
	CHECK_EQ(keys("list"), CMD_DONE);
	CHECK(listed("alice  tenant=gallery  models=gpt-*,qwen?\n"));
	CHECK(listed("春天  tenant=default  endpoints=chat\n"));
	CHECK(listed("  active "));
	CHECK(listed("  never "));
	CHECK(strstr(out, secret) == NULL);
	CHECK_EQ(keys("list --json"), CMD_DONE);
	CHECK(listed("\"name\":\"alice\",\"tenant\":\"gallery\","
	    "\"status\":\"active\",\"models\":[\"gpt-*\",\"qwen?\"],"
	    "\"endpoints\":null,"));
	CHECK(listed("\"expires\":null,\"revoked\":null,"
	    "\"rotated_to\":null,\"overlap_until\":null}\n]\n"));
	CHECK(strstr(out, secret) == NULL);
	secret[KEYS_PREFIX_BYTES] = '\0';
	CHECK(listed(secret));
}

static void
an_empty_store_lists_as_an_empty_array(void)
{
	fresh();
	CHECK_EQ(keys("list"), CMD_WRONG);
	CHECK(said("keys.db: there is no key store; modgate keys add NAME"));
	CHECK(access(path_of(KEYS_FILE), F_OK) < 0);
	keys_close(keys_open(path_of(KEYS_FILE), KEYS_MAKE, NULL));
	CHECK_EQ(keys("list --json"), CMD_DONE);
	CHECK_STR(out, "[]\n");
	CHECK_EQ(keys("list"), CMD_DONE);
	CHECK_STR(out, "");
	CHECK(said("no keys yet"));
}

static void
a_name_stands_for_one_key(void)
{
	fresh();
	CHECK_EQ(keys("add alice"), CMD_DONE);
	CHECK_EQ(keys("add alice"), CMD_WRONG);
	CHECK_STR(out, "");
	CHECK(said("there is a key 'alice' already (key_"));
	CHECK_EQ(keys("revoke alice"), CMD_DONE);
	CHECK_EQ(keys("add alice"), CMD_DONE);
}

static void
rotate_prints_a_new_secret_and_ends_the_old_one_later(void)
{
	char first[KEYS_SECRET_BYTES + 1] = "", id[KEYS_ID_BYTES + 1];

	fresh();
	CHECK_EQ(keys("add alice --models gpt-*"), CMD_DONE);
	memcpy(first, out, KEYS_SECRET_BYTES);
	(void)snprintf(id, sizeof(id), "%s", told_id());
	CHECK_EQ(keys("rotate alice --overlap 2h"), CMD_DONE);
	CHECK_EQ(strlen(out), KEYS_SECRET_BYTES + 1);
	CHECK(strncmp(first, out, KEYS_SECRET_BYTES) != 0);
	CHECK(said("the old secret is good for 2h more"));
	CHECK_EQ(keys("list"), CMD_DONE);
	CHECK(listed("overlapping"));
	CHECK(listed("active"));
	/* The old id cannot be rotated a second time; the name can. */
	{
		char line[64];

		(void)snprintf(line, sizeof(line), "rotate %s", id);
		CHECK_EQ(keys(line), CMD_WRONG);
		CHECK(said("was rotated already, to key_"));
	}
	CHECK_EQ(keys("rotate alice --overlap 0s"), CMD_DONE);
	CHECK_EQ(keys("list --json"), CMD_DONE);
	CHECK(listed("\"status\":\"overlapping\""));
	CHECK(listed("\"status\":\"rotated\""));
	CHECK(listed("\"status\":\"active\",\"models\":[\"gpt-*\"]"));
}

static void
rotating_renews_the_time_a_key_was_given(void)
{
	const struct keys_grant grant = { .name = "a", .expires_ms = 5000 };
	struct mg_error err = { 0 };
	struct keys_secret secret;
	struct keys *k;
	sqlite3 *db;
	sqlite3_stmt *st;

	fresh();
	k = keys_open(path_of(KEYS_FILE), KEYS_MAKE, &err);
	CHECK_EQ(keys_add(k, &grant, 1000, &secret, &err), 0);
	CHECK_EQ(keys_rotate(k, "a", 100, -1, 3000, &secret, &err), 0);
	CHECK_EQ(keys_rotate(k, "a", 100, 0, 4000, &secret, &err), 0);
	CHECK_EQ(keys_rotate(k, "a", 100, 9999, 4000, &secret, &err), 0);
	CHECK_EQ(keys_rotate(k, "a", 100, -1, 10000, &secret, &err), -1);
	CHECK(strstr(err.text, "has expired; revoke it") != NULL);
	keys_close(k);
	CHECK_EQ(sqlite3_open(path_of(KEYS_FILE), &db), SQLITE_OK);
	CHECK_EQ(sqlite3_prepare_v2(db, "SELECT group_concat(ifnull("
	    "expires_ms, 'never')) FROM keys", -1, &st, NULL), SQLITE_OK);
	CHECK_EQ(sqlite3_step(st), SQLITE_ROW);
	CHECK_STR((const char *)sqlite3_column_text(st, 0),
	    "5000,7000,never,9999");
	sqlite3_finalize(st);
	sqlite3_close(db);
}

static void
revoking_a_name_ends_all_its_secrets_and_an_id_one(void)
{
	char line[64];

	fresh();
	CHECK_EQ(keys("add alice"), CMD_DONE);
	CHECK_EQ(keys("rotate alice"), CMD_DONE);
	CHECK_EQ(keys("revoke alice"), CMD_DONE);
	CHECK(said("revoked 'alice' (2 secrets)"));
	CHECK_EQ(keys("revoke alice"), CMD_WRONG);
	CHECK(said("'alice' is revoked already"));
	CHECK_EQ(keys("rotate alice"), CMD_WRONG);
	CHECK(said("is revoked; add a new one"));
	CHECK_EQ(keys("add bob"), CMD_DONE);
	(void)snprintf(line, sizeof(line), "revoke %s", told_id());
	CHECK_EQ(keys("rotate bob"), CMD_DONE);
	CHECK_EQ(keys(line), CMD_DONE);
	CHECK(said("(1 secret)"));
	CHECK_EQ(keys("revoke bob"), CMD_DONE);
	CHECK(said("(1 secret)"));
}

static void
an_unknown_name_gets_the_nearest(void)
{
	fresh();
	CHECK_EQ(keys("add gallery-web"), CMD_DONE);
	CHECK_EQ(keys("revoke galery-wep"), CMD_WRONG);
	CHECK(said("there is no key 'galery-wep' (did you mean "
	    "'gallery-web'?)"));
	CHECK_EQ(keys("add bob"), CMD_DONE);
	CHECK_EQ(keys("revoke nobody"), CMD_WRONG);
	CHECK(said("there is no key 'nobody' (modgate keys list"));
	CHECK_EQ(keys("rotate zzz"), CMD_WRONG);
	CHECK(said("there is no key 'zzz' (modgate keys list shows them)"));
}

static void
a_secret_given_as_a_name_is_not_repeated(void)
{
	fresh();
	CHECK_EQ(keys("add alice"), CMD_DONE);
	CHECK_EQ(keys("revoke mg-abcdefgh"), CMD_WRONG);
	CHECK(said("that looks like a secret"));
	CHECK(strstr(err_text, "abcdefgh") == NULL);
	CHECK_EQ(keys("add mg-abcdefgh"), CMD_WRONG);
	CHECK(strstr(err_text, "abcdefgh") == NULL);
}

static void
bad_grants_are_refused_with_a_reason(void)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{ "add", "which key?" },
		{ "add a b", "'b' is too much" },
		{ "add ", "the name is empty" },
		{ "add _a", "begins or ends with a space" },
		{ "add a\tb", "do not print" },
		{ "add a\x7f", "do not print" },
		{ "add a\xc2\x85", "do not print" },
		{ "add a\xff", "do not print" },
		{ "add key_abc", "begins with 'key_'" },
		{ "add 0123456789012345678901234567890123456789"
		    "0123456789012345678901234", "has 65 characters; at most "
		    "64" },
		{ "add a --tenant ", "the tenant is empty" },
		{ "add a --models gpt-*,,b", "pattern 2 of the models is "
		    "empty" },
		{ "add a --models ", "pattern 1 of the models is empty" },
		{ "add a --endpoints \x01", "does not print" },
		{ "add a --endpoints chta", "did you mean 'chat'?" },
		{ "add a --endpoints chat,bogus", "no endpoint is called "
		    "'bogus'; modgate surfaces" },
		{ "add a --endpoints chat.*", "no endpoint is called" },
		{ "add a --expires soon", "'soon' is no duration" },
		{ "add a --expires 90", "'90' is no duration" },
		{ "add a --expires -1d", "'-1d' is no duration" },
		{ "add a --expires 0d", "of no use" },
		{ "add a --expires 101y", "is no duration" },
		{ "add a --expires 36601d", "more than 100 years" },
		{ "add a --expires 99999999999999999999d", "is no duration" },
		{ "add a --overlap 1h", "does not take" },
		{ "add a --fast", "unknown option --fast" },
		{ "list a", "this takes no name" },
		{ "list --expires 1d", "does not take" },
		{ "frobnicate a", "no 'frobnicate'; there are add, list" },
		{ "ad a", "no 'ad' (did you mean 'add'?)" },
	};
	size_t i;

	fresh();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK_EQ(keys(cases[i].line), CMD_WRONG);
		CHECK_STR(out, "");
		CHECK(said(cases[i].says));
	}
	CHECK_EQ(keys("rotate a --overlap 1x"), CMD_WRONG);
	keys_close(keys_open(path_of(KEYS_FILE), KEYS_MAKE, NULL));
	CHECK_EQ(keys("list --json"), CMD_DONE);
	CHECK_STR(out, "[]\n");
}

static void
sixty_four_chinese_characters_are_a_name(void)
{
	char line[512] = "add ";
	int i;

	fresh();
	for (i = 0; i < 64; i++)
		memcpy(line + 4 + (size_t)i * 3, "春", 4);
	CHECK_EQ(keys(line), CMD_DONE);
	memcpy(line + 4 + (size_t)i * 3, "春", 4);
	CHECK_EQ(keys(line), CMD_WRONG);
	CHECK_EQ(keys("add O'Brien\"--;_drop_table_keys"), CMD_DONE);
	CHECK_EQ(keys("list"), CMD_DONE);
	CHECK(listed("O'Brien\"--; drop table keys  tenant"));
}

static void
too_many_patterns_are_refused(void)
{
	char line[512] = "add a --models a";
	int i;

	fresh();
	for (i = 0; i < KEYS_GLOBS - 1; i++)
		memcpy(line + strlen(line), ",a", 3);
	CHECK_EQ(keys(line), CMD_DONE);
	line[4] = 'b';
	memcpy(line + strlen(line), ",a", 3);
	CHECK_EQ(keys(line), CMD_WRONG);
	CHECK(said("65 patterns of models are too many"));
}

static void
help_has_examples(void)
{
	fresh();
	CHECK_EQ(keys("--help"), CMD_DONE);
	CHECK(listed("examples:\n  modgate keys add alice\n"));
	CHECK_EQ(keys("add --help"), CMD_DONE);
	CHECK(listed("usage: modgate keys add NAME"));
}

static void
the_file_is_for_its_owner_only(void)
{
	mode_t before = umask(0);
	struct stat st;
	struct keys *k;

	fresh();
	CHECK_EQ(keys("add alice"), CMD_DONE);
	k = keys_open(path_of(KEYS_FILE), KEYS_EXISTING, NULL);
	CHECK_EQ(keys("add bob"), CMD_DONE);
	CHECK_EQ(stat(path_of("keys.db"), &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0600);
	CHECK_EQ(stat(path_of("keys.db-wal"), &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0600);
	keys_close(k);
	umask(before);
	CHECK_EQ(chmod(path_of("keys.db"), 0644), 0);
	CHECK_EQ(keys("list"), CMD_WRONG);
	CHECK(said("(mode 0644); run: chmod 600 "));
}

static void
damage_is_told_with_what_to_do(void)
{
	static char big[8192];
	FILE *f;

	fresh();
	memset(big, 'x', sizeof(big) - 1);
	spill(path_of(KEYS_FILE), big);
	chmod(path_of(KEYS_FILE), 0600);
	CHECK_EQ(keys("list"), CMD_WRONG);
	CHECK(said("keys.db: this is no key store"));
	CHECK(said("restore keys.db from a backup"));
	CHECK_EQ(keys("add alice"), CMD_WRONG);
	/* Broken only in the last page, an index that no list reads. */
	fresh();
	CHECK_EQ(keys("add alice"), CMD_DONE);
	f = fopen(path_of(KEYS_FILE), "r+b");
	fseek(f, -4096, SEEK_END);
	fwrite(big, 1, 100, f);
	fclose(f);
	CHECK_EQ(keys("list"), CMD_WRONG);
	CHECK(said("the key store is damaged"));
	CHECK(said("restore keys.db from a backup"));
}

static void
make_db(const char *sql)
{
	sqlite3 *db;

	fresh();
	CHECK_EQ(sqlite3_open(path_of(KEYS_FILE), &db), SQLITE_OK);
	CHECK_EQ(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	chmod(path_of(KEYS_FILE), 0600);
}

static void
foreign_and_newer_databases_are_left_alone(void)
{
	make_db("CREATE TABLE other (x)");
	CHECK_EQ(keys("add alice"), CMD_WRONG);
	CHECK(said("another program's database"));
	CHECK_EQ(keys("list"), CMD_WRONG);
	CHECK(said("no key store of modgate's"));
	fresh();
	CHECK_EQ(keys("add alice"), CMD_DONE);
	{
		sqlite3 *db;

		CHECK_EQ(sqlite3_open(path_of(KEYS_FILE), &db), SQLITE_OK);
		CHECK_EQ(sqlite3_exec(db, "PRAGMA user_version = 2", NULL,
		    NULL, NULL), SQLITE_OK);
		sqlite3_close(db);
	}
	CHECK_EQ(keys("list"), CMD_WRONG);
	CHECK(said("another version of modgate (schema 2, this one knows 1)"));
}

static void
change(const char *sql)
{
	sqlite3 *open;

	CHECK_EQ(sqlite3_open(path_of(KEYS_FILE), &open), SQLITE_OK);
	CHECK_EQ(sqlite3_exec(open, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(open);
}

static void
a_row_that_makes_no_sense_is_an_error(void)
{
	static const char *const models[] = { "'[1]'", "'[null]'", "'[\"a\"'",
		"'x'", "''" };
	char sql[128];
	size_t i;

	fresh();
	CHECK_EQ(keys("add alice"), CMD_DONE);
	for (i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
		(void)snprintf(sql, sizeof(sql), "UPDATE keys SET models = %s",
		    models[i]);
		change(sql);
		CHECK_EQ(keys("list"), CMD_WRONG);
		CHECK_STR(out, "");
		(void)snprintf(sql, sizeof(sql), "UPDATE keys SET models = "
		    "NULL, endpoints = %s", models[i]);
		change(sql);
		CHECK_EQ(keys("list"), CMD_WRONG);
	}
	/* An empty list lets nothing pass; it is not the lack of one. */
	change("UPDATE keys SET endpoints = '[]'");
	CHECK_EQ(keys("list --json"), CMD_DONE);
	CHECK(listed("\"models\":null,\"endpoints\":[],"));
}

static void
list_tells_what_has_ended(void)
{
	fresh();
	CHECK_EQ(keys("add alice --expires 1d"), CMD_DONE);
	CHECK_EQ(keys("rotate alice --expires never"), CMD_DONE);
	CHECK_EQ(keys("list --json"), CMD_DONE);
	CHECK(listed("\"status\":\"active\",\"models\":null,"
	    "\"endpoints\":null"));
	CHECK_EQ(keys("add bob --expires 1d"), CMD_DONE);
	change("UPDATE keys SET expires_ms = 1000 WHERE name = 'bob'");
	CHECK_EQ(keys("revoke alice"), CMD_DONE);
	CHECK_EQ(keys("list"), CMD_DONE);
	CHECK(listed("  expired "));
	CHECK(listed("  1970-01-01T00:00:01Z  bob "));
	CHECK(listed("  revoked "));
	CHECK_EQ(keys("rotate bob"), CMD_WRONG);
	CHECK(said("('bob') has expired; revoke it and add a new one"));
	CHECK_EQ(keys("add bob"), CMD_WRONG);
	CHECK(said(", which has expired; revoke it first"));
}

static void
wrong_use_is_explained(void)
{
	char *alone[] = { "keys", NULL };
	char *no_value[] = { "keys", "add", "a", "--state", NULL };
	char *no_parent[] = { "keys", "add", "a", "--state",
		"/nonexistent/state", NULL };

	CHECK_EQ(run(1, alone), CMD_WRONG);
	CHECK(said("usage: modgate keys add NAME"));
	CHECK_EQ(run(4, no_value), CMD_WRONG);
	CHECK(said("--state needs a value"));
	CHECK_EQ(run(5, no_parent), CMD_WRONG);
	CHECK(said("/nonexistent/state: the state directory cannot be made: "
	    "No such file"));
	fresh();
	CHECK_EQ(mkdir(path_of(KEYS_FILE), 0700), 0);
	CHECK_EQ(keys("list"), CMD_WRONG);
	CHECK(said("keys.db: is not a file"));
	rmdir(path_of(KEYS_FILE));
}

static void
a_busy_store_says_so(void)
{
	sqlite3 *db;

	fresh();
	CHECK_EQ(keys("add alice"), CMD_DONE);
	CHECK_EQ(sqlite3_open(path_of(KEYS_FILE), &db), SQLITE_OK);
	CHECK_EQ(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
	    SQLITE_OK);
	CHECK_EQ(keys("add bob"), CMD_WRONG);
	CHECK(said("another process is changing the keys; try again"));
	/* Readers do not wait for writers. */
	CHECK_EQ(keys("list"), CMD_DONE);
	sqlite3_close(db);
}

static void
a_secret_that_cannot_be_printed_is_an_error(void)
{
	char *argv[] = { "keys", "add", "alice", "--state", dir, NULL };
	int kept, full, rc, keep_err;

	fresh();
	fflush(stdout);
	kept = dup(STDOUT_FILENO);
	full = open("/dev/full", O_WRONLY);
	dup2(full, STDOUT_FILENO);
	close(full);
	keep_err = into(STDERR_FILENO, "err");
	rc = cmd_keys(5, argv);
	fflush(stderr);
	back(STDOUT_FILENO, kept);
	back(STDERR_FILENO, keep_err);
	slurp(path_of("err"), err_text, sizeof(err_text));
	CHECK_EQ(rc, CMD_WRONG);
	CHECK(said("its secret could not be written"));
	CHECK(said("revoke it"));
}

static void
the_configuration_says_where_the_store_is(void)
{
	char file[128], state[128];
	char *add[] = { "keys", "-c", file, "add", "alice", NULL };
	char *list[] = { "keys", "list", "--config", file, NULL };
	char *bad[] = { "keys", "list", "-c", "/nonexistent.yaml", NULL };

	fresh();
	(void)snprintf(file, sizeof(file), "%s/modgate.yaml", dir);
	(void)snprintf(state, sizeof(state), "%s/state", dir);
	spill(file, "modgate: 1\nstate: state\nupstreams:\n"
	    "  - name: main\n    url: http://127.0.0.1:9\n"
	    "policies: []\n");
	CHECK_EQ(run(5, add), CMD_DONE);
	CHECK_EQ(strlen(out), KEYS_SECRET_BYTES + 1);
	CHECK_EQ(access(path_of("state/keys.db"), R_OK), 0);
	CHECK_EQ(run(4, list), CMD_DONE);
	CHECK(listed("alice"));
	CHECK_EQ(run(4, bad), CMD_WRONG);
	CHECK(said("/nonexistent.yaml"));
	unlink(path_of("state/keys.db"));
	rmdir(state);
	unlink(file);
}

int
main(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/modgate-keys-XXXXXX");
	if (!mkdtemp(dir))
		return 2;
	RUN(add_prints_the_secret_alone);
	RUN(the_store_has_the_digest_and_never_the_secret);
	RUN(list_shows_keys_and_no_secret);
	RUN(an_empty_store_lists_as_an_empty_array);
	RUN(a_name_stands_for_one_key);
	RUN(rotate_prints_a_new_secret_and_ends_the_old_one_later);
	RUN(rotating_renews_the_time_a_key_was_given);
	RUN(revoking_a_name_ends_all_its_secrets_and_an_id_one);
	RUN(an_unknown_name_gets_the_nearest);
	RUN(a_secret_given_as_a_name_is_not_repeated);
	RUN(bad_grants_are_refused_with_a_reason);
	RUN(sixty_four_chinese_characters_are_a_name);
	RUN(too_many_patterns_are_refused);
	RUN(help_has_examples);
	RUN(the_file_is_for_its_owner_only);
	RUN(damage_is_told_with_what_to_do);
	RUN(foreign_and_newer_databases_are_left_alone);
	RUN(a_row_that_makes_no_sense_is_an_error);
	RUN(list_tells_what_has_ended);
	RUN(wrong_use_is_explained);
	RUN(a_busy_store_says_so);
	RUN(a_secret_that_cannot_be_printed_is_an_error);
	RUN(the_configuration_says_where_the_store_is);
	fresh();
	rmdir(dir);
	return CHECK_DONE();
}
