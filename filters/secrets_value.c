/* SPDX-License-Identifier: Apache-2.0 */
/* secrets_value.c - what is assigned to a word like password.
 *
 * `DB_PASSWORD="…"`, `"api_key": "…"`, `<password>…<`, `密码：…`, `my token is
 * …`. The finding is the value alone, so nothing is held while only the word
 * has come. How sure it is depends on the value: letters with digits, long and
 * without order, count for much; one plain word for little. */
#include <string.h>
#include <strings.h>

#include "filters/secrets_conf.h"

#define NAME_MAX_BYTES 24	/* what may follow the word in its name */
#define BEFORE_MAX 16		/* … and stand before it */
#define VALUE_MAX 256

static bool
is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(unsigned char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool
is_name_char(unsigned char c)
{
	return is_letter(c) || is_digit(c) || c == '_' || c == '-';
}

/* ---- the name ---- */

/* Names of things that are no secret: csrf_token, max_tokens, publicToken. */
static bool
is_harmless(const struct secret_text *t, size_t i)
{
	static const char *const words[] = { "public", "csrf", "xsrf", "max",
		"next", "page", "num", "total", "min", "forgot", "reset",
		"pad", "eos", "bos", "mask" };
	char name[BEFORE_MAX + 1];
	size_t n = 0, w;

	while (n < BEFORE_MAX && n < i && is_name_char(t->ptr[i - n - 1]))
		n++;
	memcpy(name, t->ptr + i - n, n);
	name[n] = '\0';
	for (w = 0; w < sizeof(words) / sizeof(*words); w++)
		if (strcasestr(name, words[w]))
			return true;
	return false;
}

/* What may follow: secret_access_key, accessKeySecret, password2. */
static bool
is_suffix(const unsigned char *ptr, size_t len)
{
	static const char *const parts[] = { "access", "api", "key", "token",
		"secret", "value", "string", "prod", "dev", "test" };
	size_t w, n;

	while (len > 0) {
		for (w = 0; w < sizeof(parts) / sizeof(*parts); w++) {
			n = strlen(parts[w]);
			if (n <= len && strncasecmp((const char *)ptr,
			    parts[w], n) == 0)
				break;
		}
		if (w == sizeof(parts) / sizeof(*parts)) {
			if (is_letter(*ptr))
				return false;
			n = 1;
		}
		ptr += n;
		len -= n;
	}
	return true;
}

/* ---- from the name to the value ---- */

/* The sign at p is s. OPEN: its beginning is, where the text ends. */
static enum secret_outcome
read_sign(const struct secret_text *t, size_t p, const char *s)
{
	size_t n = strlen(s), left = t->len - p;

	if (memcmp(t->ptr + p, s, left < n ? left : n) != 0)
		return SECRET_NONE;
	if (left < n)
		return t->last ? SECRET_NONE : SECRET_OPEN;
	return SECRET_FOUND;
}

/* The first of the signs that stands at *p, which moves behind it. */
static enum secret_outcome
read_signs(const struct secret_text *t, size_t *p, const char *const *signs)
{
	enum secret_outcome o;

	for (; *signs; signs++) {
		o = read_sign(t, *p, *signs);
		if (o == SECRET_OPEN)
			return o;
		if (o == SECRET_FOUND) {
			*p += strlen(*signs);
			return o;
		}
	}
	return SECRET_NONE;
}

static void
skip(const struct secret_text *t, size_t *p, const char *set, size_t max)
{
	while (max-- > 0 && *p < t->len && t->ptr[*p] &&
	    strchr(set, t->ptr[*p]))
		++*p;
}

/* Moves *p behind the separator and the spaces after it. */
static enum secret_outcome
read_separator(const struct secret_text *t, size_t *p)
{
	static const char *const wrong[] = { "==", "=~", "::", NULL };
	static const char *const signs[] = { ":=", "=>", ":", "=", "：", "＝",
		">", "是", "为", "is ", NULL };
	enum secret_outcome o;
	size_t from;

	skip(t, p, "\"'`]\\", 3);
	skip(t, p, " \t", 2);
	from = *p;
	o = read_signs(t, &from, wrong);
	if (o == SECRET_FOUND)
		return SECRET_NONE;
	if (o == SECRET_OPEN)
		return o;
	o = read_signs(t, p, signs);
	if (o == SECRET_FOUND)
		skip(t, p, " \t", 4);
	return o;
}

/* Which sign ends the value: NULL if it is not quoted. */
static enum secret_outcome
read_quote(const struct secret_text *t, size_t *p, const char **close)
{
	static const char *const pairs[][2] = { { "\"", "\"" }, { "'", "'" },
		{ "`", "`" }, { "\\\"", "\\\"" }, { "“", "”" }, { "‘", "’" },
		{ "「", "」" } };
	enum secret_outcome o;
	size_t i;

	*close = NULL;
	for (i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		o = read_sign(t, *p, pairs[i][0]);
		if (o == SECRET_OPEN)
			return o;
		if (o == SECRET_FOUND) {
			*p += strlen(pairs[i][0]);
			*close = pairs[i][1];
			break;
		}
	}
	return SECRET_FOUND;
}

/* ---- the value ---- */

static bool
is_value_char(unsigned char c)
{
	return c > ' ' && c < 0x7f && !strchr("\"'`\\,;<>()[]{}|", c);
}

/* Moves *p to the value's end. */
static enum secret_outcome
read_value(const struct secret_text *t, size_t *p, const char *close)
{
	size_t from = *p;

	while (*p < t->len && *p - from < VALUE_MAX &&
	    is_value_char(t->ptr[*p]))
		++*p;
	if (*p == t->len && !t->last && *p - from < VALUE_MAX)
		return SECRET_OPEN;
	if (close && *p - from < VALUE_MAX)
		return *p == t->len ? SECRET_NONE : read_sign(t, *p, close);
	/* A call, an index, a template: a program, not a value. */
	if (*p < t->len && strchr("([{", t->ptr[*p]))
		return SECRET_NONE;
	return SECRET_FOUND;
}

struct value {
	size_t len, letters, capitals, digits, signs;
	double entropy;
};

static struct value
weigh(const unsigned char *ptr, size_t len)
{
	struct value v = { .len = len, .entropy = secret_entropy(ptr, len) };
	size_t i;

	for (i = 0; i < len; i++) {
		v.letters += is_letter(ptr[i]);
		v.capitals += ptr[i] >= 'A' && ptr[i] <= 'Z';
		v.digits += is_digit(ptr[i]);
		v.signs += strchr("!@#$%^&*+=~?", ptr[i]) != NULL;
	}
	return v;
}

/* An address, a path, a name in a program, a reference to a variable. */
static bool
is_reference(const unsigned char *ptr, size_t len, const struct value *v)
{
	size_t i, run = 0;

	if (strchr("/.$%{<*&-", ptr[0]) || memmem(ptr, len, "://", 3))
		return true;
	if (v->digits == 0 && v->capitals == v->letters)
		return true;
	if (len >= 40 || !memchr(ptr, '.', len))
		return false;
	for (i = 0; i <= len; i++) {
		if (i < len && is_letter(ptr[i])) {
			run++;
			continue;
		}
		if (run >= 3 && (i == len || ptr[i] == '.') &&
		    (i == run || ptr[i - run - 1] == '.'))
			return true;
		run = 0;
	}
	return false;
}

/* How sure it is that this is a secret; 0: it is none. */
static double
judge_value(const unsigned char *ptr, size_t len, bool password)
{
	struct value v = weigh(ptr, len);

	if (len < 6 || secret_is_placeholder(ptr, len) ||
	    is_reference(ptr, len, &v))
		return 0;
	if (v.letters > 0 && (v.digits > 0 || v.signs > 0)) {
		if (len >= 16 && v.digits > 1 && v.entropy >= 3)
			return 0.9;
		if (len >= 8 && v.entropy >= 2.5)
			return password || len >= 12 ? 0.75 : 0.4;
		return password ? 0.6 : 0.3;
	}
	if (v.letters == 0)
		return password ? 0.4 : 0.2;
	return len >= 20 && v.capitals > 2 && v.capitals < v.letters &&
	    v.entropy >= 4 ? 0.7 : 0.3;
}

/* The value at v and what follows from it. */
static enum secret_outcome
finish(const struct secret_text *t, size_t v, const char *close,
    bool password, size_t least, struct secret_match *m)
{
	enum secret_outcome o;
	size_t p = v;

	m->at = v;
	o = read_value(t, &p, close);
	if (o != SECRET_FOUND)
		return o;
	while (!close && p > v && strchr(".:", t->ptr[p - 1]))
		p--;
	if (p - v < least)
		return SECRET_NONE;
	m->end = p;
	m->score = judge_value(t->ptr + v, p - v, password);
	return m->score > 0 ? SECRET_FOUND : SECRET_NONE;
}

static enum secret_outcome
after_bearer(const struct secret_text *t, size_t body, struct secret_match *m)
{
	size_t v = body;

	skip(t, &v, " ", 4);
	if (v == t->len && !t->last)
		return SECRET_OPEN;
	if (v == body || v == t->len)
		return SECRET_NONE;
	return finish(t, v, NULL, false, 16, m);
}

enum secret_outcome
secret_assignment(const struct secret_format *f, const struct secret_text *t,
    size_t i, size_t body, struct secret_match *m)
{
	enum secret_outcome o;
	const char *close = NULL;
	size_t p = body;

	m->at = t->len;
	if (f->form == FORM_BEARER)
		return after_bearer(t, body, m);
	if (is_harmless(t, i))
		return SECRET_NONE;
	while (p < t->len && p - body < NAME_MAX_BYTES &&
	    is_name_char(t->ptr[p]))
		p++;
	if (!is_suffix(t->ptr + body, p - body) &&
	    (p < t->len || t->last || p - body == NAME_MAX_BYTES))
		return SECRET_NONE;
	if (p == t->len)
		return t->last ? SECRET_NONE : SECRET_OPEN;
	o = read_separator(t, &p);
	if (o == SECRET_FOUND && p < t->len)
		o = read_quote(t, &p, &close);
	if (p == t->len && !t->last)
		return SECRET_OPEN;
	if (o != SECRET_FOUND || p == t->len)
		return o == SECRET_OPEN ? o : SECRET_NONE;
	return finish(t, p, close, f->entropy > 0, 6, m);
}
