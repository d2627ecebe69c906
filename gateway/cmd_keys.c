/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_keys.c - `modgate keys`: gives out keys, and takes them back.
 *
 * Standard output is for scripts: a new secret stands there alone. What is for
 * people goes to standard error. */
#include "gateway/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "gateway/config.h"
#include "gateway/keys.h"
#include "gateway/options.h"

#define OVERLAP "24h"

/* Which options were given, and which a verb takes. */
enum {
	OPT_TENANT = 1, OPT_MODELS = 2, OPT_ENDPOINTS = 4, OPT_EXPIRES = 8,
	OPT_OVERLAP = 16, OPT_JSON = 32,
};

struct args {
	const char *config, *state;
	const char *tenant, *models, *endpoints, *expires, *overlap;
	const char *verb, *who;
	unsigned given;
	int64_t now_ms;
};

static void
usage(FILE *out)
{
	fputs("usage: modgate keys add NAME [--tenant TENANT] "
	    "[--models GLOB,...]\n"
	    "                    [--endpoints GLOB,...] [--expires 90d]\n"
	    "       modgate keys list [--json]\n"
	    "       modgate keys rotate NAME|ID [--overlap 24h] "
	    "[--expires 90d|never]\n"
	    "       modgate keys revoke NAME|ID\n"
	    "\n"
	    "A running gateway knows of every change within a second.\n"
	    "\n"
	    "  add      makes a key; its secret is printed once, alone, on "
	    "standard output\n"
	    "  list     shows all keys, never a secret\n"
	    "  rotate   prints a new secret; the old one is good until the "
	    "overlap ends\n"
	    "  revoke   ends a key at once; a name ends every secret under "
	    "it\n"
	    "\n"
	    "  --tenant TENANT   whose key it is (default: " KEYS_TENANT ")\n"
	    "  --models GLOBS    models it may ask, by commas; * and ? are "
	    "wild (default: all)\n"
	    "  --endpoints GLOBS endpoints it may use, as modgate surfaces "
	    "names them, by\n"
	    "                    commas, * and ? are wild (default: all)\n"
	    "  --expires TIME    when it ends: 12h, 90d, 52w, or never "
	    "(default: never;\n"
	    "                    rotate: as long as the old key was given)\n"
	    "  --overlap TIME    how long the old secret stays good (default: "
	    OVERLAP ")\n"
	    "  --json            the list as JSON\n"
	    "  -c FILE           the configuration whose state directory "
	    "has the keys\n"
	    "                    (default: " CMD_CONFIG ")\n"
	    "  --state DIR       that directory itself; no configuration is "
	    "read\n"
	    "\n"
	    "Exit status: 0 done, 2 wrong use, no such key, or no store.\n"
	    "\n"
	    "examples:\n"
	    "  modgate keys add alice\n"
	    "  modgate keys add gallery-web --tenant gallery --models "
	    "'gpt-*,qwen*' --expires 90d\n"
	    "  OPENAI_API_KEY=$(modgate keys rotate alice --overlap 1h)\n"
	    "  modgate keys revoke key_ab3de4fg5hij\n"
	    "  modgate keys list --json | jq -r '.[].key_id'\n", out);
}

static int
wrong(const char *text)
{
	fprintf(stderr, "modgate keys: %s\n", text);
	return CMD_WRONG;
}

/* ---- arguments ---- */

/* Options may stand anywhere. -1 after a message. */
static int
read_args(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
		{ "tenant", required_argument, NULL, 't' },
		{ "models", required_argument, NULL, 'm' },
		{ "endpoints", required_argument, NULL, 'e' },
		{ "expires", required_argument, NULL, 'x' },
		{ "overlap", required_argument, NULL, 'o' },
		{ "json", no_argument, NULL, 'j' },
		{ "config", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:", options, NULL)) != -1)
		switch (c) {
		case 't': a->tenant = optarg; a->given |= OPT_TENANT; break;
		case 'm': a->models = optarg; a->given |= OPT_MODELS; break;
		case 'e':
			a->endpoints = optarg;
			a->given |= OPT_ENDPOINTS;
			break;
		case 'x': a->expires = optarg; a->given |= OPT_EXPIRES; break;
		case 'o': a->overlap = optarg; a->given |= OPT_OVERLAP; break;
		case 'j': a->given |= OPT_JSON; break;
		case 'c': a->config = optarg; break;
		case 's': a->state = optarg; break;
		case ':':
			fprintf(stderr, "modgate keys: %s needs a value\n",
			    argv[optind - 1]);
			return -1;
		default:	/* getopt's int */
			fprintf(stderr, "modgate keys: unknown option %s; see "
			    "modgate keys --help\n", argv[optind - 1]);
			return -1;
		}
	if (optind < argc)
		a->verb = argv[optind++];
	if (optind < argc)
		a->who = argv[optind++];
	if (optind < argc) {
		fprintf(stderr, "modgate keys: '%s' is too much; a name with "
		    "spaces needs quotes\n", argv[optind]);
		return -1;
	}
	return 0;
}

/* "a,b" → a list to be freed with keys_free_list(). */
static char **
split(const char *text)
{
	char **list = NULL;
	size_t n = 0, cap = 0, len;

	for (;;) {
		len = strcspn(text, ",");
		list = xgrow(list, &cap, n + 2, sizeof(*list));
		list[n++] = xstrndup(text, len);
		list[n] = NULL;
		if (text[len] == '\0')
			return list;
		text += len + 1;
	}
}

/* The unix time that --expires means; 0: never. */
static int
read_expiry(const struct args *a, int64_t *expires_ms, struct mg_error *err)
{
	int64_t ms;

	if (strcmp(a->expires, "never") == 0) {
		*expires_ms = 0;
		return 0;
	}
	if (keys_duration(a->expires, &ms, err) < 0)
		return -1;
	if (ms == 0)
		return mg_fail(err, NULL, "a key that expires at once is of "
		    "no use; to end one, revoke it");
	*expires_ms = a->now_ms + ms;
	return 0;
}

/* ---- finding the store ---- */

static struct keys *
open_in(const char *state, enum keys_open how, struct mg_error *err)
{
	struct mg_place place = { .file = state };
	struct buf path = { 0 };
	struct keys *keys = NULL;
	bool is_new;

	if (how == KEYS_MAKE && mkdir(state, 0700) < 0 && errno != EEXIST) {
		(void)mg_fail(err, &place, "the state directory cannot be "
		    "made: %s", strerror(errno));
		return NULL;
	}
	buf_addf(&path, "%s/%s", state, KEYS_FILE);
	is_new = access(buf_cstr(&path), F_OK) < 0;
	keys = keys_open(buf_cstr(&path), how, err);
	/* A slip in a path would else pass unseen. */
	if (keys && is_new)
		fprintf(stderr, "modgate keys: %s: a new key store was made\n",
		    buf_cstr(&path));
	buf_fini(&path);
	return keys;
}

static struct keys *
open_store(const struct args *a, enum keys_open how, struct mg_error *err)
{
	struct config *config;
	struct keys *keys;

	if (a->state)
		return open_in(a->state, how, err);
	config = config_load_without_secrets(a->config ? a->config :
	    CMD_CONFIG, err);
	if (!config)
		return NULL;
	keys = open_in(config->state, how, err);
	config_unref(&config);
	return keys;
}

/* ---- output ---- */

static void
add_time(struct buf *out, int64_t ms)
{
	time_t s = (time_t)(ms / 1000);
	char text[32];
	struct tm tm;

	gmtime_r(&s, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	buf_add_str(out, text);
}

/* Prints the secret, alone. The struct is wiped, and so is what stdio kept. */
static int
print_secret(struct keys_secret *secret)
{
	char line[KEYS_SECRET_BYTES + 1];
	size_t at = 0;
	ssize_t n = 0;

	memcpy(line, secret->text, KEYS_SECRET_BYTES);
	line[KEYS_SECRET_BYTES] = '\n';
	fflush(stdout);
	/* Not by stdio, whose buffer would keep it. */
	while (at < sizeof(line)) {
		n = write(STDOUT_FILENO, line + at, sizeof(line) - at);
		if (n < 0 && errno != EINTR)
			break;
		if (n > 0)
			at += (size_t)n;
	}
	OPENSSL_cleanse(line, sizeof(line));
	OPENSSL_cleanse(secret->text, sizeof(secret->text));
	if (at == sizeof(line))
		return CMD_DONE;
	fprintf(stderr, "modgate keys: %s was made, but its secret could not "
	    "be written (%s); revoke it\n", secret->key_id, strerror(errno));
	return CMD_WRONG;
}

static void
add_scope_json(struct buf *out, char *const *list)
{
	size_t i;

	if (!list) {
		buf_add_str(out, "null");
		return;
	}
	buf_add_byte(out, '[');
	for (i = 0; list[i]; i++) {
		if (i)
			buf_add_byte(out, ',');
		buf_add_json(out, span_str(list[i]));
	}
	buf_add_byte(out, ']');
}

static void
add_text_json(struct buf *out, const char *key, const char *value)
{
	buf_addf(out, ",\"%s\":", key);
	if (value)
		buf_add_json(out, span_str(value));
	else
		buf_add_str(out, "null");
}

static void
add_time_json(struct buf *out, const char *key, int64_t ms)
{
	buf_addf(out, ",\"%s\":", key);
	if (ms == 0) {
		buf_add_str(out, "null");
		return;
	}
	buf_add_byte(out, '"');
	add_time(out, ms);
	buf_add_byte(out, '"');
}

struct listing {
	struct buf out;
	int64_t now_ms;
	size_t n;
};

static bool
list_json(void *arg, struct keys_row *row)
{
	struct listing *l = arg;
	struct buf *out = &l->out;

	buf_add_str(out, l->n++ ? ",\n {\"key_id\":" : "\n {\"key_id\":");
	buf_add_json(out, span_str(row->key_id));
	add_text_json(out, "prefix", row->prefix);
	add_text_json(out, "name", row->name);
	add_text_json(out, "tenant", row->tenant);
	add_text_json(out, "status",
	    keys_status_name(keys_status(row, l->now_ms)));
	buf_add_str(out, ",\"models\":");
	add_scope_json(out, row->models);
	buf_add_str(out, ",\"endpoints\":");
	add_scope_json(out, row->endpoints);
	add_time_json(out, "created", row->created_ms);
	add_time_json(out, "expires", row->expires_ms);
	add_time_json(out, "revoked", row->revoked_ms);
	add_text_json(out, "rotated_to", row->rotated_to);
	add_time_json(out, "overlap_until", row->overlap_ms);
	buf_add_byte(out, '}');
	return true;
}

static void
add_scope(struct buf *out, const char *what, char *const *list)
{
	size_t i;

	for (i = 0; list && list[i]; i++)
		buf_addf(out, "%s%s", i ? "," : what, list[i]);
}

static bool
list_text(void *arg, struct keys_row *row)
{
	struct listing *l = arg;
	struct buf *out = &l->out;
	enum keys_status status = keys_status(row, l->now_ms);

	if (l->n++ == 0)
		buf_addf(out, "%-16s  %-10s  %-11s  %-20s  %-20s  NAME\n",
		    "ID", "PREFIX", "STATUS", "CREATED", "ENDS");
	buf_addf(out, "%-16s  %-10s  %-11s  ", row->key_id, row->prefix,
	    keys_status_name(status));
	add_time(out, row->created_ms);
	buf_add_str(out, "  ");
	if (row->revoked_ms)
		add_time(out, row->revoked_ms);
	else if (keys_ends_ms(row))
		add_time(out, keys_ends_ms(row));
	else
		buf_addf(out, "%-20s", "never");
	/* Last, as these may be of any width. */
	buf_addf(out, "  %s  tenant=%s", row->name, row->tenant);
	add_scope(out, "  models=", row->models);
	add_scope(out, "  endpoints=", row->endpoints);
	buf_add_byte(out, '\n');
	return true;
}

/* ---- verbs ---- */

static int
do_add(const struct args *a, struct keys *keys, struct mg_error *err)
{
	char **models = a->models ? split(a->models) : NULL;
	char **endpoints = a->endpoints ? split(a->endpoints) : NULL;
	struct keys_grant grant = {
		.name = a->who,
		.tenant = a->tenant,
		.models = (const char *const *)models,
		.endpoints = (const char *const *)endpoints,
	};
	struct keys_secret secret;
	int rc = 0;

	if (a->expires)
		rc = read_expiry(a, &grant.expires_ms, err);
	if (rc == 0)
		rc = keys_add(keys, &grant, a->now_ms, &secret, err);
	keys_free_list(models);
	keys_free_list(endpoints);
	if (rc < 0)
		return CMD_WRONG;
	fprintf(stderr, "added '%s' as %s; its secret is shown only now:\n",
	    a->who, secret.key_id);
	return print_secret(&secret);
}

static int
do_list(const struct args *a, struct keys *keys, struct mg_error *err)
{
	struct listing l = { .now_ms = a->now_ms };
	bool json = a->given & OPT_JSON;
	int rc = keys_each(keys, json ? list_json : list_text, &l, err);

	if (rc == 0) {
		if (json)
			printf("[%s%s]\n", buf_cstr(&l.out), l.n ? "\n" : "");
		else if (l.n)
			fputs(buf_cstr(&l.out), stdout);
		else
			fputs("no keys yet; modgate keys add NAME makes one\n",
			    stderr);
		if (fflush(stdout) != 0)
			rc = mg_fail(err, NULL, "standard output: %s",
			    strerror(errno));
	}
	buf_fini(&l.out);
	return rc < 0 ? CMD_WRONG : CMD_DONE;
}

static int
do_rotate(const struct args *a, struct keys *keys, struct mg_error *err)
{
	const char *overlap = a->overlap ? a->overlap : OVERLAP;
	struct keys_secret secret;
	int64_t overlap_ms, expires_ms = -1;

	if (keys_duration(overlap, &overlap_ms, err) < 0 ||
	    (a->expires && read_expiry(a, &expires_ms, err) < 0) ||
	    keys_rotate(keys, a->who, overlap_ms, expires_ms, a->now_ms,
	    &secret, err) < 0)
		return CMD_WRONG;
	fprintf(stderr, "rotated '%s'; the old secret is good for %s more, "
	    "the new one is %s and shown only now:\n", a->who, overlap,
	    secret.key_id);
	return print_secret(&secret);
}

static int
do_revoke(const struct args *a, struct keys *keys, struct mg_error *err)
{
	unsigned n;

	if (keys_revoke(keys, a->who, a->now_ms, &n, err) < 0)
		return CMD_WRONG;
	fprintf(stderr, "revoked '%s' (%u secret%s)\n", a->who, n,
	    n == 1 ? "" : "s");
	return CMD_DONE;
}

static const struct verb {
	const char *name;
	int (*run)(const struct args *a, struct keys *keys,
	    struct mg_error *err);
	bool takes_name;
	enum keys_open how;
	unsigned options;
} verbs[] = {
	{ "add", do_add, true, KEYS_MAKE,
	    OPT_TENANT | OPT_MODELS | OPT_ENDPOINTS | OPT_EXPIRES },
	{ "list", do_list, false, KEYS_EXISTING, OPT_JSON },
	{ "rotate", do_rotate, true, KEYS_EXISTING, OPT_OVERLAP | OPT_EXPIRES },
	{ "revoke", do_revoke, true, KEYS_EXISTING, 0 },
	{ NULL, NULL, false, KEYS_EXISTING, 0 },
};

static int
run_verb(const struct verb *v, const struct args *a)
{
	struct mg_error err = { 0 };
	struct keys *keys;
	int rc;

	if (v->takes_name && !a->who)
		return wrong("which key? Give a name; see modgate keys --help");
	if (!v->takes_name && a->who)
		return wrong("this takes no name; see modgate keys --help");
	if (a->given & ~v->options)
		return wrong("an option that this verb does not take; see "
		    "modgate keys --help");
	keys = open_store(a, v->how, &err);
	if (!keys)
		return wrong(err.text);
	rc = v->run(a, keys, &err);
	keys_close(keys);
	return err.text[0] ? wrong(err.text) : rc;
}

int
cmd_keys(int argc, char **argv)
{
	struct args args = { 0 };
	const struct verb *v;
	struct timespec now;
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0) {
			usage(stdout);
			return CMD_DONE;
		}
	if (read_args(argc, argv, &args) < 0)
		return CMD_WRONG;
	if (!args.verb) {
		usage(stderr);
		return CMD_WRONG;
	}
	for (v = verbs; v->name && strcmp(v->name, args.verb) != 0; v++)
		;
	if (!v->name) {
		static const char *const known[] = { "add", "list", "rotate",
			"revoke", NULL };
		const char *near = options_nearest(span_str(args.verb), known);

		if (near)
			fprintf(stderr, "modgate keys: no '%s' (did you mean "
			    "'%s'?)\n", args.verb, near);
		else
			fprintf(stderr, "modgate keys: no '%s'; there are "
			    "add, list, rotate and revoke\n", args.verb);
		return CMD_WRONG;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	args.now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	return run_verb(v, &args);
}
