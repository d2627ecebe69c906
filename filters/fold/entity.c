/* SPDX-License-Identifier: Apache-2.0 */
/* entity.c - HTML entities: decimal, hexadecimal, and the names that people
 * write by hand; letters with an accent or in another type by their pattern.
 * Browsers take numbers without their semicolon; so do we. An entity whose
 * ampersand is one itself (&amp;#98;) is read as what it becomes when it is
 * read again, a few times over. */
#include "filters/fold/step.h"

enum { NAME_MAX_BYTES = 20, DIGITS_MAX = 10, AGAIN_MAX = 3 };

static const struct {
	const char *name;
	uint32_t c;
} names[] = {
	{ "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' },
	{ "apos", '\'' }, { "nbsp", 0xa0 }, { "shy", 0xad },
	{ "ensp", 0x2002 }, { "emsp", 0x2003 }, { "thinsp", 0x2009 },
	{ "zwnj", 0x200c }, { "zwj", 0x200d }, { "lrm", 0x200e },
	{ "rlm", 0x200f }, { "num", '#' }, { "dollar", '$' },
	{ "percnt", '%' }, { "lpar", '(' }, { "rpar", ')' }, { "ast", '*' },
	{ "midast", '*' }, { "plus", '+' }, { "comma", ',' },
	{ "period", '.' }, { "sol", '/' }, { "colon", ':' }, { "semi", ';' },
	{ "equals", '=' }, { "quest", '?' }, { "excl", '!' },
	{ "commat", '@' }, { "lsqb", '[' }, { "rsqb", ']' }, { "bsol", '\\' },
	{ "lowbar", '_' }, { "grave", '`' }, { "lcub", '{' }, { "rcub", '}' },
	{ "verbar", '|' }, { "vert", '|' }, { "hyphen", '-' },
	{ "dash", '-' }, { "middot", 0xb7 }, { "bull", 0x2022 },
	{ "hellip", 0x2026 }, { "ndash", 0x2013 }, { "mdash", 0x2014 },
	{ "lsquo", 0x2018 }, { "rsquo", 0x2019 }, { "ldquo", 0x201c },
	{ "rdquo", 0x201d }, { "Tab", '\t' }, { "NewLine", '\n' },
	{ "ZeroWidthSpace", 0x200b }, { "NoBreak", 0x2060 },
	{ "InvisibleTimes", 0x2062 }, { "it", 0x2062 },
	{ "InvisibleComma", 0x2063 }, { "ic", 0x2063 },
	{ "ApplyFunction", 0x2061 }, { "af", 0x2061 },
	{ "NonBreakingSpace", 0xa0 }, { "hairsp", 0x200a },
	{ "numsp", 0x2007 }, { "puncsp", 0x2008 }, { "MediumSpace", 0x205f },
	{ "bullet", 0x2022 }, { "centerdot", 0xb7 }, { "star", 0x2606 },
	{ "starf", 0x2605 }, { "hearts", 0x2665 }, { "sdot", 0x22c5 },
	{ "alpha", 'a' }, { "beta", 'b' }, { "epsi", 'e' },
	{ "epsilon", 'e' }, { "eta", 'n' }, { "iota", 'i' },
	{ "kappa", 'k' }, { "nu", 'v' }, { "omicron", 'o' }, { "rho", 'p' },
	{ "tau", 't' }, { "upsilon", 'u' }, { "chi", 'x' },
	{ "omega", 'w' }, { "acy", 'a' }, { "iecy", 'e' }, { "ocy", 'o' },
	{ "rcy", 'p' }, { "scy", 'c' }, { "iukcy", 'i' }, { "Vcy", 'b' },
	{ "Ncy", 'h' }, { "Tcy", 't' }, { "Mcy", 'm' }, { "kcy", 'k' },
	{ "ucy", 'y' }, { "khcy", 'x' }, { "inodot", 'i' },
	{ "imath", 'i' },
};

/* What may stand behind a letter. */
static const char *const kinds[] = { "acute", "grave", "circ", "uml", "tilde",
	"ring", "cedil", "slash", "caron", "strok", "macr", "ogon", "breve",
	"dot", "dblac", "scr", "fr", "opf" };

static int
digit(char c, bool hex)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (hex && (c | 32) >= 'a' && (c | 32) <= 'f')
		return (c | 32) - 'a' + 10;
	return -1;
}

/* &#1234; and &#x12ab; */
static size_t
number(const char *ptr, size_t n, bool last, uint32_t *c)
{
	size_t i = 2, from;
	uint32_t value = 0;
	bool hex;

	if (n < 3)
		return last ? 1 : 0;
	hex = (ptr[2] | 32) == 'x';
	i += hex;
	for (from = i; i < n && i - from < DIGITS_MAX; i++) {
		int d = digit(ptr[i], hex);

		if (d < 0)
			break;
		if (value <= 0x10ffff)
			value = value * (hex ? 16 : 10) + (uint32_t)d;
	}
	if (i == n && !last && i - from < DIGITS_MAX)
		return 0;
	if (i == from || value == 0 || value > 0x10ffff ||
	    (value >= 0xd800 && value < 0xe000))
		return 1;
	*c = value;
	return i < n && ptr[i] == ';' ? i + 1 : i == n && !last ? 0 : i;
}

/* The character of a name; 0: there is none. */
static uint32_t
named(const char *name, size_t n)
{
	size_t k;

	for (k = 0; k < sizeof(names) / sizeof(*names); k++)
		if (strlen(names[k].name) == n &&
		    memcmp(names[k].name, name, n) == 0)
			return names[k].c;
	for (k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		if (strlen(kinds[k]) == n - 1 &&
		    memcmp(kinds[k], name + 1, n - 1) == 0)
			return (unsigned char)name[0];
	return 0;
}

/* Two of the names that browsers take without a semicolon: nothing is seen of
 * them. */
static size_t
without_end(const char *ptr, size_t n, uint32_t *c)
{
	if (n >= 4 && memcmp(ptr, "&shy", 4) == 0) {
		*c = 0xad;
		return 4;
	}
	if (n >= 5 && memcmp(ptr, "&nbsp", 5) == 0) {
		*c = 0xa0;
		return 5;
	}
	return 1;
}

/* One entity, as fold_entity() reads it. */
static size_t
read_entity(const char *ptr, size_t n, bool last, uint32_t *c)
{
	size_t i = 1;

	if (n > 1 && ptr[1] == '#')
		return number(ptr, n, last, c);
	while (i < n && i <= NAME_MAX_BYTES && (ptr[i] | 32) >= 'a' &&
	    (ptr[i] | 32) <= 'z')
		i++;
	if (i == n && i <= NAME_MAX_BYTES && !last)
		return 0;
	if (i < n && i > 1 && ptr[i] == ';') {
		*c = named(ptr + 1, i - 1);
		if (*c)
			return i + 1;
	}
	return without_end(ptr, n, c);
}

/* Reads again what an entity for '&' may be the beginning of. */
size_t
fold_entity(const char *ptr, size_t n, bool last, uint32_t *c)
{
	size_t used = read_entity(ptr, n, last, c), again, k;
	char text[2 + NAME_MAX_BYTES + DIGITS_MAX];

	for (k = 0; k < AGAIN_MAX && used > 1 && *c == '&'; k++) {
		size_t room = n - used < sizeof(text) - 1 ? n - used :
		    sizeof(text) - 1;
		uint32_t next;

		text[0] = '&';
		memcpy(text + 1, ptr + used, room);
		again = read_entity(text, room + 1, last ||
		    room == sizeof(text) - 1, &next);
		if (again == 0)
			return 0;
		if (again == 1)
			break;
		used += again - 1;
		*c = next;
	}
	return used;
}
