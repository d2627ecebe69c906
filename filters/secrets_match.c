/* SPDX-License-Identifier: Apache-2.0 */
/* secrets_match.c - reads one format at one place.
 *
 * Every function here is a pure one of the text from its place on, and says
 * OPEN whenever a longer text could say something else: so that what is found
 * does not depend on how a text was cut. */
#include <math.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "filters/secrets_conf.h"

#define URL_PART 128	/* bytes of a user's name or password in a URL */
#define URL_REST 200	/* bytes behind the @ that count as part of it */
#define PEM_BODY 48	/* Base64 characters that make a key of a frame */

static bool
is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alnum(unsigned char c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* ---- what tells a secret from an example ---- */

double
secret_entropy(const unsigned char *ptr, size_t len)
{
	unsigned count[256] = { 0 };
	double h = 0;
	size_t i;

	if (len > 256)
		len = 256;
	for (i = 0; i < len; i++)
		count[ptr[i]]++;
	for (i = 0; i < 256; i++)
		if (count[i])
			h -= count[i] * log2((double)count[i] / (double)len);
	return len ? h / (double)len : 0;
}

/* The longest run of one character, and of characters each one above the one
 * before it. */
static void
measure_runs(const unsigned char *ptr, size_t len, size_t *same, size_t *rising)
{
	size_t s = 1, r = 1, i;

	*same = *rising = 1;
	for (i = 1; i < len; i++) {
		s = ptr[i] == ptr[i - 1] ? s + 1 : 1;
		r = ptr[i] == ptr[i - 1] + 1 ? r + 1 : 1;
		if (s > *same)
			*same = s;
		if (r > *rising)
			*rising = r;
	}
}

bool
secret_is_placeholder(const unsigned char *ptr, size_t len)
{
	static const char *const words[] = { "example", "xxxx", "your",
		"placeholder", "changeme", "change_me", "dummy", "redacted",
		"****", "....", "insert", "replace", "here", "sample",
		"0123456789", "fake", "my_", "my-", "xyz123" };
	size_t same, rising, w, n, i;

	measure_runs(ptr, len, &same, &rising);
	if (same >= 6 || rising >= 8)
		return true;
	for (w = 0; w < sizeof(words) / sizeof(*words); w++) {
		n = strlen(words[w]);
		for (i = 0; i + n <= len; i++)
			if (strncasecmp((const char *)ptr + i, words[w],
			    n) == 0 && (n > 4 || len <= 40))
				return true;
	}
	return false;
}

/* ---- shapes ---- */

static bool
in_class(char class, unsigned char c)
{
	switch (class) {
	case 'a':
		return is_alnum(c);
	case 'w':
		return is_alnum(c) || c == '_' || c == '-';
	case '.':
		return is_alnum(c) || c == '_' || c == '-' || c == '.';
	case 'u':
		return is_digit(c) || (c >= 'A' && c <= 'Z');
	case 'd':
		return is_digit(c);
	case 'h':
		return is_digit(c) || (c >= 'a' && c <= 'f');
	case 'b':
		return is_alnum(c) || c == '+' || c == '/' || c == '=';
	case 'x':
		return is_alnum(c) || c == '%' || c == '=';
	}
	return false;
}

static size_t
read_count(const char **shape)
{
	size_t n = 0;

	for (; is_digit((unsigned char)**shape); ++*shape)
		n = n * 10 + (size_t)(**shape - '0');
	return n;
}

/* One class and its count; *shape stands behind the %. */
static enum secret_outcome
match_class(const char **shape, const struct secret_text *t, size_t *p)
{
	char class = *(*shape)++;
	size_t min = read_count(shape), max = min, n = 0;

	/* A '-' is a range only between two counts. */
	if (**shape == '-' && is_digit((unsigned char)(*shape)[1])) {
		++*shape;
		max = read_count(shape);
	}
	while (n < max && *p < t->len && in_class(class, t->ptr[*p])) {
		n++;
		++*p;
	}
	if (*p == t->len && !t->last && n < max)
		return SECRET_OPEN;
	return n < min ? SECRET_NONE : SECRET_FOUND;
}

/* The whole shape at i, and no letter or digit behind it. */
static enum secret_outcome
match_shape(const char *shape, const struct secret_text *t, size_t i,
    size_t *end)
{
	enum secret_outcome o;
	size_t p = i;

	while (*shape) {
		if (*shape == '%') {
			shape++;
			o = match_class(&shape, t, &p);
			if (o != SECRET_FOUND)
				return o;
			continue;
		}
		if (p == t->len)
			return t->last ? SECRET_NONE : SECRET_OPEN;
		if (t->ptr[p++] != (unsigned char)*shape++)
			return SECRET_NONE;
	}
	if (p == t->len && !t->last)
		return SECRET_OPEN;
	if (p < t->len && is_alnum(t->ptr[p]))
		return SECRET_NONE;
	*end = p;
	return SECRET_FOUND;
}

/* GitHub's and npm's last six characters are the CRC-32 of the rest, in
 * Base62. */
static bool
checksum_holds(const unsigned char *body, size_t len)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz";
	unsigned long crc;
	size_t i;

	if (len < 7)
		return false;
	crc = crc32(0, body, (unsigned)(len - 6));
	for (i = 0; i < 6; i++, crc /= 62)
		if (body[len - 1 - i] != (unsigned char)digits[crc % 62])
			return false;
	return true;
}

static int
base64_digit(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	if (c == '-' || c == '+')
		return 62;
	return c == '_' || c == '/' ? 63 : -1;
}

/* Decodes up to room bytes; stops at anything else. */
static size_t
decode(const unsigned char *ptr, size_t len, unsigned char *to, size_t room)
{
	unsigned value = 0, bits = 0;
	size_t i, n = 0;
	int d;

	for (i = 0; i < len && n < room; i++) {
		d = base64_digit(ptr[i]);
		if (d < 0)
			break;
		value = (value << 6 | (unsigned)d) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			to[n++] = (unsigned char)(value >> bits & 0xff);
		}
	}
	return n;
}

/* A Discord token begins with the bot's number. */
static bool
begins_with_number(const unsigned char *ptr, size_t len)
{
	unsigned char id[32];
	const unsigned char *dot = memchr(ptr, '.', len);
	size_t n = dot ? decode(ptr, (size_t)(dot - ptr), id, sizeof(id)) : 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (!is_digit(id[i]))
			return false;
	return n >= 17 && n <= 20;
}

/* Small letters alone, or capitals alone, are a name in a program. */
static bool
is_mixed(const unsigned char *ptr, size_t len)
{
	bool small = false, capital = false, digit = false;
	size_t i;

	for (i = 0; i < len; i++) {
		small |= ptr[i] >= 'a' && ptr[i] <= 'z';
		capital |= ptr[i] >= 'A' && ptr[i] <= 'Z';
		digit |= is_digit(ptr[i]);
	}
	return small + capital + digit >= 2;
}

/* What stands against a text that has the right shape. */
static bool
is_credible(const struct secret_format *f, const unsigned char *ptr,
    size_t len, size_t lead)
{
	const unsigned char *body = ptr + lead;
	size_t n = len - lead, i, digits = 0;

	if (secret_entropy(body, n) * 10 < f->entropy ||
	    (n >= 28 && !is_mixed(body, n)) ||
	    secret_is_placeholder(body, n))
		return false;
	if (f->form == FORM_DISCORD)
		return begins_with_number(ptr, len);
	if (f->form != FORM_OPENAI)
		return true;
	if (strncmp((const char *)body, "ant-", 4) == 0 ||
	    strncmp((const char *)body, "proj-", 5) == 0)
		return false;
	for (i = 0; i < n; i++)
		digits += is_digit(body[i]);
	return digits >= 3;
}

static enum secret_outcome
match_format(const struct secret_format *f, const struct secret_text *t,
    size_t i, size_t body, struct secret_match *m)
{
	enum secret_outcome o = match_shape(f->shape, t, i, &m->end);
	/* Where the body is all of it, or its lead is part of it. */
	size_t lead = f->shape[0] == '%' ? 0 : body - i;

	m->at = i;
	if (o != SECRET_FOUND)
		return o;
	while (t->ptr[m->end - 1] == '.')
		m->end--;
	if (!is_credible(f, t->ptr + i, m->end - i, lead))
		return SECRET_NONE;
	m->score = f->score;
	if (f->form == FORM_CRC)
		m->score = checksum_holds(t->ptr + body, m->end - body) ? 1 :
		    0.9;
	return SECRET_FOUND;
}

/* ---- JSON web tokens ---- */

static bool
is_token_char(unsigned char c)
{
	return in_class('.', c);
}

/* Base64 of a JSON object that names an algorithm. */
static bool
is_jwt_header(const unsigned char *ptr, size_t len)
{
	unsigned char json[512];
	size_t n = decode(ptr, len, json, sizeof(json));

	return n >= 10 && json[0] == '{' && json[1] == '"' &&
	    (n == sizeof(json) || json[n - 1] == '}') &&
	    (memmem(json, n, "\"alg\"", 5) || memmem(json, n, "\"enc\"", 5));
}

/* Three parts or five, divided by dots. */
static enum secret_outcome
match_jwt(const struct secret_text *t, size_t i, struct secret_match *m)
{
	size_t p = i, dot[2] = { 0, 0 }, dots = 0;

	m->at = i;
	for (; p < t->len && p - i < t->cap && is_token_char(t->ptr[p]); p++) {
		if (t->ptr[p] != '.')
			continue;
		if (dots < 2)
			dot[dots] = p;
		if (dots++ == 0 && !is_jwt_header(t->ptr + i, p - i))
			return SECRET_NONE;
	}
	if (p == t->len && !t->last && p - i < t->cap)
		return SECRET_OPEN;
	while (p > i && t->ptr[p - 1] == '.' && p - i < t->cap) {
		p--;
		dots--;
	}
	if (dots < 1 || (dots < 2 && p - i < t->cap) ||
	    (dots >= 2 && dot[1] - dot[0] < 8))
		return SECRET_NONE;
	m->end = p;
	m->more = p - i == t->cap;
	m->score = 0.95;
	return SECRET_FOUND;
}

static enum secret_outcome
go_on_jwt(const struct secret_text *t, size_t i, struct secret_match *m)
{
	size_t p = i;

	m->at = i;
	while (p < t->len && p - i < t->cap && is_token_char(t->ptr[p]))
		p++;
	if (p == t->len && !t->last && p - i < t->cap)
		return SECRET_OPEN;
	m->end = p;
	m->more = p - i == t->cap;
	m->score = 0.95;
	return p > i ? SECRET_FOUND : SECRET_NONE;
}

/* ---- private keys in a frame ---- */

static const char pem_end[] = "-----END ";

/* What may stand between the frames: Base64, headers, line breaks, also as
 * they are written inside strings. */
static bool
is_pem_char(unsigned char c)
{
	return in_class('b', c) || c == ' ' || c == '\n' || c == '\r' ||
	    c == '\t' || c == '\\' || c == '"' || c == ',' || c == ':' ||
	    c == '\'';
}

/* The frame's end at p, and the length of it. */
static enum secret_outcome
match_pem_end(const struct secret_text *t, size_t p, size_t *len)
{
	size_t n, dashes = 0;

	for (n = 0; pem_end[n]; n++) {
		if (p + n == t->len)
			return t->last ? SECRET_NONE : SECRET_OPEN;
		if (t->ptr[p + n] != (unsigned char)pem_end[n])
			return SECRET_NONE;
	}
	for (; n < 64 && dashes < 5; n++) {
		if (p + n == t->len)
			return t->last ? SECRET_NONE : SECRET_OPEN;
		dashes = t->ptr[p + n] == '-' ? dashes + 1 : 0;
		if (!dashes && !in_class('u', t->ptr[p + n]) &&
		    t->ptr[p + n] != ' ')
			return SECRET_NONE;
	}
	*len = n;
	return dashes == 5 ? SECRET_FOUND : SECRET_NONE;
}

/* From p on to the end of the key, or to cap bytes behind i. */
static enum secret_outcome
match_pem_body(const struct secret_text *t, size_t i, size_t p,
    struct secret_match *m)
{
	enum secret_outcome o = SECRET_NONE;
	size_t n = 0;

	m->at = i;
	while (p < t->len && p - i < t->cap && is_pem_char(t->ptr[p]))
		p++;
	if (p == t->len && !t->last && p - i < t->cap)
		return SECRET_OPEN;
	m->more = p - i == t->cap;
	if (!m->more && p < t->len && t->ptr[p] == '-')
		o = match_pem_end(t, p, &n);
	if (o == SECRET_OPEN)
		return o;
	if (o == SECRET_FOUND && p + n - i > t->cap)
		m->more = true;		/* the frame is a piece of its own */
	else if (o == SECRET_FOUND)
		p += n;
	m->end = p;
	m->score = 1;
	return p > i ? SECRET_FOUND : SECRET_NONE;
}

/* Base64 characters from p on, without line breaks. */
static size_t
count_base64(const unsigned char *ptr, size_t p, size_t end)
{
	size_t n = 0;

	for (; p < end && ptr[p] != '-'; p++)
		n += in_class('b', ptr[p]);
	return n;
}

/* "-----BEGIN" is read; a label that ends with PRIVATE KEY must follow. */
static enum secret_outcome
match_pem(const struct secret_text *t, size_t i, size_t body,
    struct secret_match *m)
{
	static const char *const labels[] = { "PRIVATE KEY-----",
		"PRIVATE KEY BLOCK-----" };
	enum secret_outcome o;
	bool named = false;
	size_t p, k, n;

	m->at = i;
	for (p = body; p < t->len && p - body < 48 && t->ptr[p] != '-'; p++)
		if (t->ptr[p] != ' ' && !in_class('u', t->ptr[p]))
			return SECRET_NONE;
	if (p == t->len && !t->last)
		return SECRET_OPEN;
	for (k = 0; k < 2 && !named; k++) {
		n = strlen(labels[k]) - 5;
		named = p - body >= n && memcmp(t->ptr + p - n, labels[k],
		    n) == 0;
	}
	if (!named || memcmp(t->ptr + i, "-----BEGIN", 10) != 0)
		return SECRET_NONE;
	for (k = 0; k < 5; k++, p++) {
		if (p == t->len)
			return t->last ? SECRET_NONE : SECRET_OPEN;
		if (t->ptr[p] != '-')
			return SECRET_NONE;
	}
	o = match_pem_body(t, i, p, m);
	if (o == SECRET_FOUND && (count_base64(t->ptr, p, m->end) < PEM_BODY ||
	    secret_entropy(t->ptr + p, m->end - p) < 3.5))
		return SECRET_NONE;
	return o;
}

/* ---- passwords in addresses ---- */

static bool
is_user_char(unsigned char c)
{
	return c > ' ' && c < 0x7f && !strchr("/@?#\"'<>()[]{}|\\^`,", c);
}

static bool
is_rest_char(unsigned char c)
{
	return c > ' ' && c < 0x7f && !strchr("\"'<>(){}|\\^`", c);
}

/* Names that stand for a password. */
static bool
names_password(const unsigned char *ptr, size_t len)
{
	static const char *const names[] = { "password", "passwd", "pass",
		"pwd", "pw", "secret", "xxx", "token", "user", "..." };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (len == strlen(names[i]) && strncasecmp((const char *)ptr,
		    names[i], len) == 0)
			return true;
	return ptr[0] == '$' || ptr[0] == '%' || ptr[0] == '*' ||
	    secret_is_placeholder(ptr, len);
}

/* Reads characters of a kind from *p on, no more than max. OPEN: it may be
 * longer. */
static enum secret_outcome
read_part(const struct secret_text *t, size_t *p, size_t max,
    bool (*is)(unsigned char c))
{
	size_t from = *p;

	while (*p < t->len && *p - from < max && is(t->ptr[*p]))
		++*p;
	return *p == t->len && !t->last && *p - from < max ? SECRET_OPEN :
	    SECRET_FOUND;
}

/* scheme:// is read; user:password@host must follow. */
static enum secret_outcome
match_url(const struct secret_text *t, size_t i, size_t body,
    struct secret_match *m)
{
	const unsigned char *colon;
	size_t at = body, word, end;

	m->at = i;
	if (read_part(t, &at, 2 * URL_PART, is_user_char) == SECRET_OPEN ||
	    (at == t->len && !t->last))
		return SECRET_OPEN;
	colon = memchr(t->ptr + body, ':', at - body);
	if (at == t->len || t->ptr[at] != '@' || !colon)
		return SECRET_NONE;
	word = (size_t)(colon - t->ptr) + 1;
	if (word == at || names_password(t->ptr + word, at - word))
		return SECRET_NONE;
	end = at + 1;
	if (read_part(t, &end, URL_REST, is_rest_char) == SECRET_OPEN)
		return SECRET_OPEN;
	while (end > at + 1 && strchr(".,;:!?", t->ptr[end - 1]))
		end--;
	if (end == at + 1)
		return SECRET_NONE;
	m->end = end;
	m->score = at - word < 5 ? 0.6 : 0.95;
	return SECRET_FOUND;
}

/* ---- entry points ---- */

enum secret_outcome
secret_match(const struct secret_format *f, const struct secret_text *text,
    size_t i, size_t body, struct secret_match *m)
{
	m->more = false;
	switch ((enum secret_form)f->form) {
	case FORM_SHAPE:
	case FORM_CRC:
	case FORM_OPENAI:
	case FORM_TELEGRAM:
	case FORM_TWILIO:
	case FORM_DISCORD:
		return match_format(f, text, i, body, m);
	case FORM_JWT:
		return match_jwt(text, i, m);
	case FORM_PEM:
		return match_pem(text, i, body, m);
	case FORM_URL:
		return match_url(text, i, body, m);
	case FORM_ASSIGNMENT:
	case FORM_BEARER:
		return secret_assignment(f, text, i, body, m);
	}
	return SECRET_NONE;
}

enum secret_outcome
secret_go_on(const struct secret_format *f, const struct secret_text *text,
    size_t i, struct secret_match *m)
{
	m->more = false;
	return f->form == FORM_JWT ? go_on_jwt(text, i, m) :
	    match_pem_body(text, i, i, m);
}
