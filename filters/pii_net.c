/* SPDX-License-Identifier: Apache-2.0 */
/* pii_net.c - e-mail addresses (RFC 5321), IP addresses (RFC 791, RFC 4291,
 * RFC 5952), MAC addresses (IEEE 802). */
#include "filters/pii.h"

#include <string.h>

enum {
	LOCAL_MAX = 64,		/* RFC 5321, 4.5.3.1 */
	DOMAIN_MAX = 253,
	LABEL_MAX = 63,
	URL_BACK = 96,		/* how far before it "://" is looked for */
};

static bool
local_byte(int c)
{
	return pii_alnum(c) || (c > 0 && strchr("._%+-'", c));
}

/* Start of the local part that ends before i; i if there is none. */
static size_t
local_start(const struct pii_text *t, size_t i)
{
	size_t from = i, run = i;

	while (run > 0 && i - run <= LOCAL_MAX && local_byte(t->ptr[run - 1]))
		run--;
	if (i - run > LOCAL_MAX)
		return i;
	/* Two points divide; what cannot be first is left out. */
	while (from > run && !(t->ptr[from - 1] == '.' && from < i &&
		t->ptr[from] == '.'))
		from--;
	while (from < i && !pii_alnum(t->ptr[from]) && t->ptr[from] != '_')
		from++;
	return from;
}

/* Whether what stands before the local part is a URL's user and password. */
static bool
in_url(const struct pii_text *t, size_t from)
{
	size_t i = from;

	while (i > 0 && from - i < URL_BACK && t->ptr[i - 1] > ' ' &&
	    t->ptr[i - 1] < 0x7f) {
		i--;
		if (from - i >= 3 && memcmp(t->ptr + i, "://", 3) == 0)
			return true;
	}
	return false;
}

/* What stands for a domain but is a file's name: photo@2x.png. */
static bool
is_file(const unsigned char *tld, size_t n)
{
	static const char *const ends[] = { "png", "jpg", "jpeg", "gif",
		"webp", "svg", "js", "css", "json", NULL };
	size_t i, k;

	for (i = 0; ends[i]; i++) {
		for (k = 0; k < n && pii_lower(tld[k]) == ends[i][k]; k++)
			;
		if (k == n && !ends[i][k])
			return true;
	}
	return false;
}

/* Whether n bytes may be the last label of a domain. */
static bool
is_top(const unsigned char *p, size_t n)
{
	size_t i;

	if (n > 4 && pii_lower(p[0]) == 'x' && pii_lower(p[1]) == 'n' &&
	    p[2] == '-' && p[3] == '-')
		return true;
	for (i = 0; i < n; i++)
		if (!pii_alpha(p[i]))
			return false;
	return n >= 2 && !is_file(p, n);
}

/* Reads a domain of two labels or more; returns its end or 0. */
static size_t
read_domain(struct pii_text *t, size_t from)
{
	size_t i = from, label = from, best = 0;

	for (;;) {
		while (i - label <= LABEL_MAX && (pii_alnum(pii_at(t, i)) ||
			(i > label && pii_at(t, i) == '-')))
			i++;
		if (i == label || i - label > LABEL_MAX ||
		    i - from > DOMAIN_MAX)
			return best;
		if (t->ptr[i - 1] != '-' && label > from)
			best = is_top(t->ptr + label, i - label) ? i : best;
		if (t->ptr[i - 1] == '-' || pii_at(t, i) != '.')
			break;
		label = ++i;
	}
	/* The last label is the top one: a@b.com.1 has none. */
	return best == i || t->ptr[i - 1] == '-' ? best : 0;
}

bool
pii_match_email(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	size_t from = local_start(t, spot), end;

	if (from == spot || t->ptr[spot - 1] == '.' || in_url(t, from) ||
	    (spot - from == 3 && memcmp(t->ptr + from, "git", 3) == 0))
		return false;
	hit->at = from;
	end = read_domain(t, spot + 1);
	if (end == 0)
		return false;
	hit->end = end;
	hit->score = 0.95;
	return true;
}

size_t
pii_tail_email(const struct pii_text *t)
{
	size_t i = t->len;

	if (i == 0 || !local_byte(t->ptr[i - 1]))
		return i;
	return local_start(t, i);
}

/* ---- IP ---- */

static const char *const version_words[] = { "version", "ver", "v",
	"release", "firmware", "build", "rev", "revision", "section",
	"chapter", "版本", "版本号", "固件", "章节", NULL };

/* Reads up to four numbers divided by points. Returns the end, or 0. */
static size_t
read_v4(struct pii_text *t, size_t i, unsigned char *octet)
{
	unsigned k, v;
	size_t n;

	for (k = 0; k < 4; k++) {
		if (k > 0 && pii_at(t, i++) != '.')
			return 0;
		for (n = 0, v = 0; n < 4 && pii_digit(pii_at(t, i)); n++)
			v = v * 10 + (unsigned)(t->ptr[i++] - '0');
		if (n == 0 || n > 3 || v > 255 ||
		    (n > 1 && t->ptr[i - n] == '0'))
			return 0;
		octet[k] = (unsigned char)v;
	}
	return i;
}

/* Networks that are no part of the public one, RFC 6890. */
static bool
v4_private(const unsigned char *o)
{
	return o[0] == 0 || o[0] == 10 || o[0] == 127 || o[0] >= 224 ||
	    (o[0] == 100 && (o[1] & 0xc0) == 64) ||
	    (o[0] == 169 && o[1] == 254) ||
	    (o[0] == 172 && (o[1] & 0xf0) == 16) ||
	    (o[0] == 192 && o[1] == 168) ||
	    (o[0] == 192 && o[1] == 0 && (o[2] == 0 || o[2] == 2)) ||
	    (o[0] == 198 && (o[1] & 0xfe) == 18) ||
	    (o[0] == 198 && o[1] == 51 && o[2] == 100) ||
	    (o[0] == 203 && o[1] == 0 && o[2] == 113);
}

static bool
match_v4(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	int before = pii_before(t, spot);
	unsigned char o[4];
	size_t end;

	if (before == '.' || before == '-' || !pii_left(t, spot))
		return false;
	end = read_v4(t, spot, o);
	if (end == 0 || !pii_right(t, end))
		return false;
	if (pii_context(t, spot, 12, version_words) ||
	    (spot > 0 && before == '='  && pii_before(t, spot - 1) == '='))
		return false;
	hit->end = end;
	hit->private = v4_private(o);
	hit->score = 0.9;
	return true;
}

/* What was read of an IPv6 address. */
struct v6 {
	size_t end;
	unsigned groups;
	unsigned longest;	/* digits of the longest group */
	bool gap;		/* has "::" */
	bool ends_open;		/* a single ':' was last */
	unsigned first;
};

/* A group at v->end: hexadecimal, or an IPv4 address as the last one. */
static bool
read_v6_group(struct pii_text *t, struct v6 *v)
{
	unsigned n = 0, value = 0;
	unsigned char o[4];
	size_t end;

	while (n < 5 && pii_hex(pii_at(t, v->end + n)) >= 0)
		value = value * 16 + (unsigned)pii_hex(t->ptr[v->end + n++]);
	if (n == 0 || n > 4)
		return false;
	if (n < 4 && pii_at(t, v->end + n) == '.') {
		end = read_v4(t, v->end, o);
		if (end == 0)
			return false;
		v->groups += 2;
		v->end = end;
		v->longest = 4;
		return true;
	}
	if (v->groups++ == 0)
		v->first = value;
	v->longest = n > v->longest ? n : v->longest;
	v->end += n;
	return true;
}

/* Reads the rest behind the first group, or from "::". */
static bool
read_v6(struct pii_text *t, struct v6 *v)
{
	while (v->groups < 8 && pii_at(t, v->end) == ':') {
		bool twice = pii_at(t, v->end + 1) == ':';

		if (twice && v->gap)
			return false;
		if (twice && pii_hex(pii_at(t, v->end + 2)) < 0) {
			v->gap = true;
			v->end += 2;
			break;
		}
		if (!twice && pii_hex(pii_at(t, v->end + 1)) < 0)
			break;
		v->gap = v->gap || twice;
		v->end += twice ? 2 : 1;
		if (!read_v6_group(t, v))
			return false;
	}
	return v->groups <= 8 && (v->gap ? v->groups < 8 : v->groups == 8);
}

static double
v6_score(const struct v6 *v)
{
	if (v->groups > 2 || (v->groups == 2 && v->longest > 2))
		return 0.9;
	if (v->groups == 2)
		return 0.4;
	return v->groups == 1 && v->first == 1 ? 0.6 : 0.3;
}

static bool
match_v6(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	size_t from = spot;
	struct v6 v = { .end = 0 };
	int c;

	while (from > 0 && spot - from < 5 && pii_hex(t->ptr[from - 1]) >= 0)
		from--;
	c = pii_before(t, from);
	if (spot - from > 4 || c == ':' || c == '.' || c == '-' ||
	    !pii_code_left(t, from))
		return false;
	hit->at = v.end = from;
	if (from < spot && !read_v6_group(t, &v))
		return false;
	if (from == spot && pii_at(t, spot + 1) != ':')
		return false;
	if (!read_v6(t, &v))
		return false;
	c = pii_at(t, v.end);
	if ((c == ':' && pii_at(t, v.end + 1) == ':') ||
	    !pii_code_right(t, v.end))
		return false;
	hit->end = v.end;
	hit->score = v6_score(&v);
	hit->private = from == spot || v.first == 0 || (v.first & 0xfe00) == 0xfc00 ||
	    (v.first & 0xffc0) == 0xfe80 || (v.first & 0xff00) == 0xff00 ||
	    v.first == 0x0db8;
	return true;
}

bool
pii_match_ip(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	return t->ptr[spot] == ':' ? match_v6(t, spot, hit) :
	    match_v4(t, spot, hit);
}

/* Hexadecimal digits that end the text, if there are no more than max. */
static size_t
tail_hex(const struct pii_text *t, size_t max)
{
	size_t from = t->len;

	while (from > 0 && t->len - from <= max && pii_hex(t->ptr[from - 1]) >=
	    0)
		from--;
	return t->len - from > max || !pii_code_left(t, from) ? t->len : from;
}

size_t
pii_tail_ip(const struct pii_text *t)
{
	return tail_hex(t, 4);
}

/* ---- MAC ---- */

bool
pii_match_mac(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	int sep = t->ptr[spot], before;
	unsigned n = sep == '.' ? 4 : 2, groups = 12 / n, g, k, ored = 0;
	unsigned anded = 15;
	size_t i = spot - n;

	if (spot < n)
		return false;
	before = pii_before(t, i);
	if (before == sep || before == ':' || !pii_code_left(t, i))
		return false;
	hit->at = i;
	for (g = 0; g < groups; g++) {
		if (g > 0 && pii_at(t, i++) != sep)
			return false;
		for (k = 0; k < n; k++, i++) {
			int h = pii_hex(g == 0 ? t->ptr[i] : pii_at(t, i));

			if (h < 0)
				return false;
			ored |= (unsigned)h;
			anded &= (unsigned)h;
		}
	}
	/* All zero and all ones are nobody's. */
	if (ored == 0 || anded == 15 ||
	    (pii_at(t, i) == sep && pii_hex(pii_at(t, i + 1)) >= 0) ||
	    !pii_code_right(t, i))
		return false;
	hit->end = i;
	hit->score = 0.9;
	return true;
}

size_t
pii_tail_mac(const struct pii_text *t)
{
	return tail_hex(t, 4);
}
