/* SPDX-License-Identifier: Apache-2.0 */
/* entity.c - HTML entities: decimal, hexadecimal, and the names that people
 * write by hand. Browsers take numbers without their semicolon; so do we. */
#include "filters/fold/step.h"

enum { NAME_MAX_BYTES = 8, DIGITS_MAX = 10 };

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
	{ "auml", 'a' }, { "ouml", 'o' }, { "uuml", 'u' }, { "eacute", 'e' },
	{ "aacute", 'a' }, { "iacute", 'i' }, { "oacute", 'o' },
	{ "uacute", 'u' }, { "egrave", 'e' }, { "agrave", 'a' },
	{ "ccedil", 'c' }, { "ntilde", 'n' },
};

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

size_t
fold_entity(const char *ptr, size_t n, bool last, uint32_t *c)
{
	size_t i = 1, k;

	if (n > 1 && ptr[1] == '#')
		return number(ptr, n, last, c);
	while (i < n && i <= NAME_MAX_BYTES && (ptr[i] | 32) >= 'a' &&
	    (ptr[i] | 32) <= 'z')
		i++;
	if (i == n && i <= NAME_MAX_BYTES)
		return last ? 1 : 0;
	if (i == n || ptr[i] != ';')
		return 1;
	for (k = 0; k < sizeof(names) / sizeof(*names); k++)
		if (strlen(names[k].name) == i - 1 &&
		    memcmp(names[k].name, ptr + 1, i - 1) == 0) {
			*c = names[k].c;
			return i + 1;
		}
	return 1;
}
