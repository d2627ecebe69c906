/* SPDX-License-Identifier: Apache-2.0 */
/* pattern.c - one pass over a pattern's text, group by group.
 *
 * PCRE2 has not seen it before, so nothing is taken for granted. Lookarounds
 * and borders are taken for empty, properties for any character, (?i) anywhere
 * for (?i) everywhere: all that can only add matches. What is not listed here
 * makes the pattern not plain: then nothing is claimed of it. */
#include "filters/pattern.h"

#include <string.h>

#define GROUPS_MAX 250		/* in each other, as PCRE2 has it */
#define ANY_LAST 0x10ffff

struct reader {
	const char *s;
	size_t len, i;
	struct pattern_text *p;
	size_t most;
	unsigned depth;		/* of open groups */
	bool caseless;		/* the rule's option, or (?i) anywhere */
};

static void
refuse(struct reader *r, const char *why)
{
	if (!r->p->refused) {
		r->p->refused = why;
		r->p->refused_at = r->i;
	}
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
starts_with(const struct reader *r, size_t i, const char *text)
{
	size_t n = strlen(text);

	return i <= r->len && r->len - i >= n && memcmp(r->s + i, text, n) == 0;
}

static char
peek(const struct reader *r, size_t i)
{
	return i < r->len ? r->s[i] : '\0';
}

/* ---- characters ---- */

/* The code point at r->i; steps over it. */
static uint32_t
read_code(struct reader *r)
{
	const unsigned char *p = (const unsigned char *)r->s + r->i;
	size_t n = p[0] < 0xc0 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4, k;
	uint32_t c = n == 1 ? p[0] : p[0] & (0x7fu >> n);

	if (n > r->len - r->i || (p[0] & 0xc0) == 0x80) {
		r->p->plain = false;
		n = 1;
	}
	for (k = 1; k < n; k++)
		c = c << 6 | (p[k] & 0x3f);
	r->i += n;
	return c;
}

/* The end of "{…}" that begins at i, or of the one character there. */
static size_t
skip_braces(const struct reader *r, size_t i)
{
	const char *end;

	if (i >= r->len || r->s[i] != '{')
		return i < r->len ? i + 1 : i;
	end = memchr(r->s + i, '}', r->len - i);
	return end ? (size_t)(end - r->s) + 1 : r->len;
}

/* Value of \xHH or \x{H…}; r->i is behind the x, and is moved on. */
static uint32_t
read_hex(struct reader *r)
{
	bool braces = peek(r, r->i) == '{';
	size_t end = braces ? skip_braces(r, r->i) : r->i + 2;
	uint32_t value = 0;

	r->i += braces;
	for (; r->i < end; r->i++) {
		char c = peek(r, r->i), low = (char)(c | 0x20);

		if (is_digit(c))
			value = value << 4 | (uint32_t)(c - '0');
		else if (low >= 'a' && low <= 'f')
			value = value << 4 | (uint32_t)(low - 'a' + 10);
		else
			break;
		if (value > ANY_LAST)
			r->p->plain = false;
	}
	if (braces && peek(r, r->i) == '}')
		r->i++;
	else if (braces)
		r->p->plain = false;	/* spaces, in newer versions */
	return value & 0x1fffff;
}

static void
add_any(struct shape_chars *c)
{
	shape_chars_add(c, 0, 0x7f, false);
	shape_chars_add_wide(c);
}

static void
add_each(struct shape_chars *c, const char *list)
{
	for (; *list; list++)
		shape_chars_add(c, (unsigned char)*list, (unsigned char)*list,
		    false);
}

/* Adds what an escape for one character out of many stands for; ASCII to the
 * letter. false: it is none, or a property. */
static bool
add_kind(struct shape_chars *c, char kind)
{
	struct shape_chars other;

	switch (kind) {
	case 'd':
		shape_chars_add_digits(c);
		return true;
	case 'w':
		add_each(c, "_");
		shape_chars_add(c, '0', '9', false);
		shape_chars_add(c, 'A', 'Z', false);
		shape_chars_add(c, 'a', 'z', false);
		shape_chars_add_wide(c);
		return true;
	case 's':
		shape_chars_add(c, '\t', '\r', false);
		add_each(c, " ");
		/* U+0085, U+00A0, U+1680, U+2000 and on, U+3000 */
		shape_chars_add(c, 0x80, 0xbf, false);
		shape_chars_add(c, 0x1000, 0x3fff, false);
		return true;
	case 'h':
	case 'v':
		add_each(c, kind == 'h' ? "\t " : "\n\v\f\r");
		shape_chars_add(c, 0x80, 0xbf, false);
		shape_chars_add(c, 0x1000, 0x3fff, false);
		return true;
	case 'D':
	case 'W':
	case 'S':
	case 'H':
	case 'V':
		shape_chars_init(&other);
		(void)add_kind(&other, (char)(kind | 0x20));
		shape_chars_negate(&other);
		for (uint32_t i = 0; i < 0x80; i++)
			if (shape_bytes_in(other.head[0], (unsigned char)i))
				shape_chars_add(c, i, i, false);
		shape_chars_add_wide(c);
		shape_chars_fini(&other);
		return true;
	}
	return false;
}

/* What an escaped letter stands for if it is one character; 0: it is not. */
static uint32_t
control(char c)
{
	switch (c) {
	case 't':
		return '\t';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 'f':
		return '\f';
	case 'e':
		return 0x1b;
	case 'a':
		return 7;
	}
	return 0;
}

/* ---- escapes ---- */

static const char *
refused_escape(char c)
{
	switch (c) {
	case 'K':
		return "\\K would hide where a match begins; use a lookbehind";
	case 'G':
		return "\\G depends on where a search began";
	case 'X':
		return "\\X looks back without a limit";
	case 'C':
		return "\\C splits characters";
	case 'Z':
		return "\\Z depends on how a text is cut; use \\z";
	}
	return NULL;
}

static void
skip_quoted(struct reader *r)
{
	const char *end = memmem(r->s + r->i, r->len - r->i, "\\E", 2);

	r->p->plain = false;
	r->i = end ? (size_t)(end - r->s) + 2 : r->len;
}

/* Looks one code point beyond, of at most four bytes. */
static void
make_border(struct shape *to)
{
	shape_init(to);
	to->reach = 4;
}

static void
read_escape(struct reader *r, struct shape *to)
{
	char c = peek(r, r->i + 1);
	const char *refused = refused_escape(c);
	struct shape_chars chars;

	if (refused)
		refuse(r, refused);
	if (c == 'Q') {
		skip_quoted(r);
		shape_init(to);
		return;
	}
	if (c && memchr("bBAz", c, 4)) {
		r->i += 2;
		make_border(to);
		return;
	}
	shape_chars_init(&chars);
	r->i++;
	if (c == 'x') {
		r->i++;
		uint32_t value = read_hex(r);

		shape_chars_add(&chars, value, value, r->caseless);
	} else if (c == 'p' || c == 'P') {
		add_any(&chars);
		r->i = skip_braces(r, r->i + 1);
	} else if ((c == 'N' && peek(r, r->i + 1) != '{') || c == 'R') {
		add_any(&chars);
		if (c == 'R')
			shape_chars_add_newline(&chars);
		r->i++;
	} else if (add_kind(&chars, c)) {
		r->i++;
	} else if (control(c)) {
		shape_chars_add(&chars, control(c), control(c), false);
		r->i++;
	} else if (c && !is_letter(c) && !is_digit(c)) {
		uint32_t value = read_code(r);

		shape_chars_add(&chars, value, value, r->caseless);
	} else {
		r->p->plain = false;
		r->i = r->i < r->len ? r->i + 1 : r->i;
	}
	shape_from_chars(to, &chars);
}

/* ---- classes ---- */

/* One end of a range, or false if there is something else; r->i is moved. */
static bool
read_class_code(struct reader *r, struct shape_chars *c, uint32_t *code,
    bool *vague)
{
	char kind;

	if (r->s[r->i] != '\\' || r->i + 1 >= r->len) {
		*code = read_code(r);
		return true;
	}
	kind = r->s[++r->i];
	if (kind == 'x') {
		r->i++;
		*code = read_hex(r);
		return true;
	}
	if (!is_letter(kind) && !is_digit(kind)) {
		*code = read_code(r);
		return true;
	}
	r->i++;
	*code = kind == 'b' ? 8 : control(kind);
	if (*code)
		return true;
	if (kind == 'p' || kind == 'P') {
		r->i = skip_braces(r, r->i);
		*vague = true;
	} else if (!add_kind(c, kind)) {
		r->p->plain = false;
	}
	return false;
}

/* "[:" up to ":]", if it is that. */
static bool
skip_name(struct reader *r)
{
	const char *end;
	char c = peek(r, r->i + 1);

	if (r->s[r->i] != '[' || (c != ':' && c != '.' && c != '='))
		return false;
	end = memmem(r->s + r->i, r->len - r->i, ":]", 2);
	/* "[:" that is no name is rare, and not worth it. */
	if (!end || c != ':')
		r->p->plain = false;
	r->i = end ? (size_t)(end - r->s) + 2 : r->i + 1;
	return true;
}

/* One character or range of a class. */
static void
read_class_item(struct reader *r, struct shape_chars *c, bool *vague)
{
	uint32_t lo, hi;

	if (skip_name(r)) {
		*vague = true;
		return;
	}
	if (!read_class_code(r, c, &lo, vague)) {
		/* what follows is a range only by accident */
		return;
	}
	hi = lo;
	if (peek(r, r->i) == '-' && r->i + 1 < r->len &&
	    r->s[r->i + 1] != ']') {
		r->i++;
		if (peek(r, r->i) == '[' ||
		    !read_class_code(r, c, &hi, vague)) {
			r->p->plain = false;
			return;
		}
	}
	if (hi < lo)
		r->p->plain = false;
	else
		shape_chars_add(c, lo, hi, r->caseless);
}

static void
read_class(struct reader *r, struct shape *to)
{
	struct shape_chars chars;
	bool negated = peek(r, r->i + 1) == '^', vague = false;
	size_t first = r->i += 1 + (size_t)negated;

	shape_chars_init(&chars);
	while (r->i < r->len && (r->s[r->i] != ']' || r->i == first))
		read_class_item(r, &chars, &vague);
	if (r->i < r->len)
		r->i++;
	else
		r->p->plain = false;
	/* Without case, what is left out may still be let in. */
	if (vague || (negated && r->caseless)) {
		add_any(&chars);
	} else if (negated) {
		shape_chars_negate(&chars);
	}
	shape_from_chars(to, &chars);
}

/* ---- groups ---- */

static void read_branches(struct reader *r, struct shape *to);

static void
skip_close(struct reader *r)
{
	if (r->i < r->len)
		r->i++;
	else
		r->p->plain = false;
}

static void
read_inside(struct reader *r, size_t skip, struct shape *to)
{
	r->i += skip;
	if (r->depth == GROUPS_MAX) {
		r->p->plain = false;
		shape_init(to);
		return;
	}
	r->depth++;
	read_branches(r, to);
	r->depth--;
	skip_close(r);
}

/* A lookaround: empty, but what it reads counts. */
static void
look_around(struct reader *r, size_t skip, bool ahead, struct shape *to)
{
	struct shape inside;

	read_inside(r, skip, &inside);
	make_border(to);
	if (inside.reach == SHAPE_NO_LIMIT ||
	    (ahead && inside.max >= SHAPE_NO_LIMIT - inside.reach - 4))
		to->reach = SHAPE_NO_LIMIT;
	else
		to->reach += inside.reach + (ahead ? inside.max : 0);
	shape_fini(&inside);
}

/* (?i) and (?i-s:…) */
static void
read_flags(struct reader *r, struct shape *to)
{
	size_t i = r->i + 2;

	while (i < r->len && memchr("ims-", r->s[i], 4))
		i++;
	if (peek(r, i) == ':') {
		read_inside(r, i + 1 - r->i, to);
	} else if (peek(r, i) == ')') {
		r->i = i + 1;
		shape_init(to);
	} else {
		r->p->plain = false;
		read_inside(r, 2, to);
	}
}

static void
read_name(struct reader *r, size_t skip, struct shape *to)
{
	char close = r->s[r->i + skip - 1] == '\'' ? '\'' : '>';
	const char *end = memchr(r->s + r->i + skip, close,
	    r->len - r->i - skip);
	const char *name = r->s + r->i + skip;

	for (; end && name < end; name++)
		if (!is_letter(*name) && !is_digit(*name) && *name != '_')
			r->p->plain = false;
	if (!end)
		r->p->plain = false;
	read_inside(r, end ? (size_t)(end - r->s) + 1 - r->i : skip, to);
}

static void
read_group(struct reader *r, struct shape *to)
{
	if (starts_with(r, r->i, "(*"))
		refuse(r, "(*…) verbs are not for policies");
	if (starts_with(r, r->i, "(?C"))
		refuse(r, "(?C) callouts are not for policies");
	if (!starts_with(r, r->i, "(?")) {
		read_inside(r, 1, to);
	} else if (starts_with(r, r->i, "(?#")) {
		const char *end = memchr(r->s + r->i, ')', r->len - r->i);

		r->p->plain = false;
		r->i = end ? (size_t)(end - r->s) + 1 : r->len;
		shape_init(to);
	} else if (starts_with(r, r->i, "(?:") || starts_with(r, r->i, "(?>") ||
	    starts_with(r, r->i, "(?|")) {
		read_inside(r, 3, to);
	} else if (starts_with(r, r->i, "(?<=") ||
	    starts_with(r, r->i, "(?<!")) {
		look_around(r, 4, false, to);
	} else if (starts_with(r, r->i, "(?=") || starts_with(r, r->i, "(?!")) {
		look_around(r, 3, true, to);
	} else if (starts_with(r, r->i, "(?<") || starts_with(r, r->i, "(?'")) {
		read_name(r, 3, to);
	} else if (starts_with(r, r->i, "(?P<")) {
		read_name(r, 4, to);
	} else {
		read_flags(r, to);
	}
}

/* ---- quantifiers ---- */

static uint64_t
read_number(struct reader *r)
{
	uint64_t n = 0;

	for (; is_digit(peek(r, r->i)); r->i++)
		if (n < 100000)
			n = 10 * n + (uint64_t)(r->s[r->i] - '0');
	return n;
}

/* "{n}", "{n,}" or "{n,m}"; r->i is at the brace. Other forms are text, or
 * are in some versions. */
static bool
read_counts(struct reader *r, uint64_t *least, uint64_t *to)
{
	size_t start = r->i++;

	if (is_digit(peek(r, r->i))) {
		*least = *to = read_number(r);
		if (peek(r, r->i) == ',') {
			r->i++;
			*to = is_digit(peek(r, r->i)) ? read_number(r) :
			    SHAPE_NO_LIMIT;
		}
		if (peek(r, r->i) == '}') {
			r->i++;
			return true;
		}
	}
	if (r->i > start + 1 || peek(r, r->i) == ',' || peek(r, r->i) == ' ')
		r->p->plain = false;
	r->i = start;
	return false;
}

/* Applies the quantifier that follows, if one does. */
static bool
read_quantifier(struct reader *r, struct shape *s)
{
	uint64_t least = 0, to = SHAPE_NO_LIMIT;

	switch (peek(r, r->i)) {
	case '*':
		r->i++;
		break;
	case '+':
		least = 1;
		r->i++;
		break;
	case '?':
		to = 1;
		r->i++;
		break;
	case '{':
		if (read_counts(r, &least, &to))
			break;
		return false;
	default:
		return false;
	}
	if (to < least) {
		r->p->plain = false;
		to = least;
	}
	/* lazy or possessive: the same places match, or fewer */
	if (peek(r, r->i) == '?' || peek(r, r->i) == '+')
		r->i++;
	shape_repeat(s, least, to, r->most);
	return true;
}

/* ---- the whole ---- */

static void
read_atom(struct reader *r, struct shape *to)
{
	struct shape_chars chars;
	uint32_t code;

	switch (r->s[r->i]) {
	case '\\':
		read_escape(r, to);
		return;
	case '[':
		read_class(r, to);
		return;
	case '(':
		read_group(r, to);
		return;
	case '^':
	case '$':
		r->i++;
		make_border(to);
		return;
	}
	shape_chars_init(&chars);
	if (r->s[r->i] == '.') {
		add_any(&chars);
		r->i++;
	} else {
		if (memchr("*+?)", r->s[r->i], 4))
			r->p->plain = false;	/* PCRE2 refuses it */
		code = read_code(r);
		shape_chars_add(&chars, code, code, r->caseless);
	}
	shape_from_chars(to, &chars);
}

static void
read_sequence(struct reader *r, struct shape *to)
{
	struct shape atom;

	shape_init(to);
	while (r->i < r->len && r->s[r->i] != '|' &&
	    !(r->s[r->i] == ')' && r->depth > 0)) {
		read_atom(r, &atom);
		while (read_quantifier(r, &atom))
			;
		shape_append(to, &atom, r->most);
	}
	shape_close(to);
}

static void
read_branches(struct reader *r, struct shape *to)
{
	struct shape branch;

	read_sequence(r, to);
	while (peek(r, r->i) == '|') {
		r->i++;
		read_sequence(r, &branch);
		shape_or(to, &branch, r->most);
	}
}

/* Whether (?i) may be in it, in any spelling. */
static bool
has_flag_i(const char *s, size_t len)
{
	size_t i, k;

	for (i = 0; i + 2 < len; i++)
		if (s[i] == '(' && s[i + 1] == '?')
			for (k = i + 2; k < len &&
			    (is_letter(s[k]) || s[k] == '-' || s[k] == '^');
			    k++)
				if (s[k] == 'i')
					return true;
	return false;
}

/* Claims nothing. */
static void
forget(struct shape *s)
{
	shape_fini(s);
	shape_init(s);
	shape_close(s);
	s->max = s->reach = SHAPE_NO_LIMIT;
	shape_strings_drop(&s->exact);
}

void
pattern_read(struct pattern_text *p, struct mg_span source, bool caseless,
    size_t most)
{
	struct reader r = { .s = source.ptr, .len = source.len, .p = p,
		.most = most };

	memset(p, 0, sizeof(*p));
	p->plain = true;
	r.caseless = caseless || has_flag_i(source.ptr, source.len);
	read_branches(&r, &p->shape);
	if (!p->plain)
		forget(&p->shape);
	shape_fill_head(&p->shape);
}

void
pattern_fini(struct pattern_text *p)
{
	shape_fini(&p->shape);
}
