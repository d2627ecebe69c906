/* SPDX-License-Identifier: Apache-2.0 */
/* keys_grant.c - what a key may be called and limited to, and how its secret
 * is made. Pure but for the random bytes; storing is keys.c's business. */
#include "gateway/keys_grant.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/types.h>

#include <openssl/crypto.h>

#include "gateway/options.h"
#include "gateway/surface.h"

/* ---- what a grant may say ---- */

/* Code points of s, or -1: not UTF-8, or something that does not print. */
static long
printable(const char *s)
{
	size_t len = strlen(s), i;
	long n = 0;

	if (!utf8_valid(s, len))
		return -1;
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < 0x20 || c == 0x7f ||
		    (c == 0xc2 && (unsigned char)s[i + 1] < 0xa0))
			return -1;
		if ((c & 0xc0) != 0x80)
			n++;
	}
	return n;
}

static int
check_name(const char *what, const char *name, struct mg_error *err)
{
	long n = printable(name);
	size_t len = strlen(name);

	/* Secrets first: no message below may repeat one. */
	if (strncmp(name, "mg-", 3) == 0)
		return mg_fail(err, NULL, "a %s does not begin with 'mg-', as "
		    "secrets do", what);
	if (len == 0)
		return mg_fail(err, NULL, "the %s is empty", what);
	if (n < 0)
		return mg_fail(err, NULL, "the %s has characters that do not "
		    "print", what);
	if (n > KEYS_NAME_CHARS)
		return mg_fail(err, NULL, "the %s has %ld characters; at most "
		    "%d are allowed", what, n, KEYS_NAME_CHARS);
	if (name[0] == ' ' || name[len - 1] == ' ')
		return mg_fail(err, NULL, "the %s '%s' begins or ends with a "
		    "space", what, name);
	if (strncmp(name, "key_", 4) == 0)
		return mg_fail(err, NULL, "the %s '%s' begins with 'key_', as "
		    "ids do", what, name);
	return 0;
}

static int
check_scope(const char *what, const char *const *globs, struct mg_error *err)
{
	size_t i;

	for (i = 0; globs && globs[i]; i++) {
		if (globs[i][0] == '\0' || printable(globs[i]) < 0 ||
		    strlen(globs[i]) > KEYS_GLOB_BYTES)
			return mg_fail(err, NULL, "pattern %zu of the %s is "
			    "empty, longer than %d bytes or does not print",
			    i + 1, what, KEYS_GLOB_BYTES);
	}
	if (globs && i == 0)
		return mg_fail(err, NULL, "the %s are an empty list", what);
	if (i > KEYS_GLOBS)
		return mg_fail(err, NULL, "%zu patterns of %s are too many; at "
		    "most %d are allowed", i, what, KEYS_GLOBS);
	return 0;
}

/* Every pattern must fit an endpoint that there is: one that fits none is a
 * slip, and would make a key that is refused everywhere. */
static int
check_endpoints(const char *const *globs, struct mg_error *err)
{
	const char *const *names = surface_endpoint_names();
	const char *near;
	size_t i, j;

	if (check_scope("endpoints", globs, err) < 0)
		return -1;
	for (i = 0; globs && globs[i]; i++) {
		for (j = 0; names[j] && !glob_match(globs[i],
		    span_str(names[j])); j++)
			;
		if (names[j])
			continue;
		near = options_nearest(span_str(globs[i]), names);
		return mg_fail(err, NULL, "no endpoint is called '%s'%s%s%s; "
		    "modgate surfaces lists them", globs[i],
		    near ? " (did you mean '" : "", near ? near : "",
		    near ? "'?)" : "");
	}
	return 0;
}

int
keys_check_grant(const struct keys_grant *g, int64_t now_ms,
    struct mg_error *err)
{
	const char *tenant = g->tenant ? g->tenant : KEYS_TENANT;

	if (check_name("name", g->name, err) < 0 ||
	    check_name("tenant", tenant, err) < 0 ||
	    check_scope("models", g->models, err) < 0 ||
	    check_endpoints(g->endpoints, err) < 0)
		return -1;
	if (g->expires_ms && g->expires_ms <= now_ms)
		return mg_fail(err, NULL, "the key would have expired already");
	return 0;
}

int
keys_duration(const char *text, int64_t *ms, struct mg_error *err)
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = {
		{ 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 },
		{ 'd', 86400000 }, { 'w', 604800000 },
	};
	const int64_t most = 100LL * 366 * 86400000;
	size_t len = strlen(text), i;
	uint64_t n;

	if (len > 1 && span_to_u64(span(text, len - 1), &n))
		for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
			if (text[len - 1] != units[i].unit)
				continue;
			if (n > (uint64_t)(most / units[i].ms))
				return mg_fail(err, NULL, "'%s' is more than "
				    "100 years", text);
			*ms = (int64_t)n * units[i].ms;
			return 0;
		}
	return mg_fail(err, NULL, "'%s' is no duration; write a whole number "
	    "and s, m, h, d or w, like 24h or 90d", text);
}

/* ---- making secrets ---- */

static void
random_bytes(unsigned char *out, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = getrandom(out, len, 0);
		if (n < 0 && errno != EINTR)
			abort();	/* there is no other safe source */
		if (n > 0) {
			out += n;
			len -= (size_t)n;
		}
	}
}

void
keys_make_secret(struct keys_secret *s)
{
	static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_";
	static const char b32[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char raw[33] = { 0 }, id[KEYS_ID_BYTES - 4];
	size_t i;
	char *to = s->text;

	/* 32 bytes are 43 digits of base64url; the last bits are 0. */
	random_bytes(raw, 32);
	memcpy(to, "mg-", 3);
	to += 3;
	for (i = 0; i < 43; i++) {
		size_t bit = i * 6;
		unsigned two = (unsigned)raw[bit / 8] << 8 | raw[bit / 8 + 1];

		to[i] = b64[two >> (10 - bit % 8) & 63];
	}
	to[43] = '\0';
	random_bytes(id, sizeof(id));
	memcpy(s->key_id, "key_", 4);
	for (i = 0; i < sizeof(id); i++)
		s->key_id[4 + i] = b32[id[i] & 31];
	s->key_id[KEYS_ID_BYTES] = '\0';
	OPENSSL_cleanse(raw, sizeof(raw));
}

/* ---- near names ---- */

size_t
keys_distance(const char *a, const char *b)
{
	size_t row[4 * KEYS_NAME_CHARS + 1], la = strlen(a), lb = strlen(b);
	size_t i, j, diagonal, above;

	if (la > 4 * KEYS_NAME_CHARS || lb > 4 * KEYS_NAME_CHARS)
		return SIZE_MAX;
	for (j = 0; j <= lb; j++)
		row[j] = j;
	for (i = 1; i <= la; i++) {
		diagonal = row[0];
		row[0] = i;
		for (j = 1; j <= lb; j++) {
			above = row[j];
			row[j] = diagonal + (a[i - 1] != b[j - 1]);
			if (above + 1 < row[j])
				row[j] = above + 1;
			if (row[j - 1] + 1 < row[j])
				row[j] = row[j - 1] + 1;
			diagonal = above;
		}
	}
	return row[lb];
}
