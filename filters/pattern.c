/* SPDX-License-Identifier: Apache-2.0 */
/* pattern.c - one pass over a pattern's text.
 *
 * Each construct is copied, widened, dropped, or makes the pattern not plain.
 * Properties and \w are widened to all of non-ASCII: ASCII is where both engines
 * agree for ever. \d leaves out the blocks of symbols and Han, which have and
 * will have no decimal digit, and \s all beyond its last: else each Chinese text
 * would look like a number. Lookarounds and borders are dropped, which can only
 * add matches. PCRE2 has compiled the pattern before, so it is well formed. */
#include "filters/pattern.h"

#include <string.h>

#include "filters/memory.h"

#define WIDE "\\x{80}-\\x{10ffff}"
#define WIDE_DIGIT "\\x{80}-\\x{1fff}\\x{a000}-\\x{10ffff}"
#define WIDE_SPACE "\\x{80}-\\x{3000}"
#define ANY "[\\s\\S]"
#define RUN_MAX 24		/* bytes of a literal that are used */

struct reader {
	const char *s;
	size_t len, i;
	struct pattern_text *p;
	bool caseless;		/* the rule's option, or (?i) anywhere */
	size_t depth;		/* of open groups */
	size_t muted;		/* depth at which a lookaround began; 0: none */
	size_t ahead;		/* same, only for lookaheads */
	bool dropped;		/* the last token left nothing behind */
	bool forked;		/* '|' outside all groups */
	unsigned char literal;	/* the last token, if a literal at depth 0 */
	/* Literals in sequence at depth 0: this one, and the branch's best. */
	char run[RUN_MAX], best[RUN_MAX];
	size_t run_len, best_len, last_len;
	bool bare;		/* a branch has none */
};

static void
emit(struct reader *r, const char *s, size_t n)
{
	if (r->muted)
		return;
	memcpy(r->p->wide + r->p->wide_len, s, n);
	r->p->wide_len += n;
}

static void
emit_text(struct reader *r, const char *s)
{
	emit(r, s, strlen(s));
}

static void
refuse(struct reader *r, const char *why)
{
	if (!r->p->refused) {
		r->p->refused = why;
		r->p->refused_at = r->i;
	}
}

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z');
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
starts_with(const struct reader *r, size_t i, const char *text)
{
	size_t n = strlen(text);

	return i <= r->len && r->len - i >= n && memcmp(r->s + i, text, n) == 0;
}

/* ---- gates ---- */

/* How rare a byte is in text and code; 0: too common to be a gate. */
static int
rarity(unsigned char c)
{
	if (c == '@')
		return 9;
	if (c < 0x80 && c > ' ' && memchr("~^|`{}\\$#&+=%", c, 13))
		return 7;
	if (c < 0x80 && c > ' ' && memchr("_[]<>*;!?/", c, 10))
		return 5;
	if (c == ':' || c == '-' || (c >= '0' && c <= '9'))
		return 3;
	return 0;
}

/* Notes the literal before this place, unless what follows makes it optional
 * or it may have another case. */
static void
close_literal(struct reader *r, bool optional)
{
	unsigned char c = r->literal;

	r->literal = 0;
	if (c == 0 || optional || is_letter((char)c))
		return;
	if (rarity(c) > (r->p->gate ? rarity(r->p->gate) : 0))
		r->p->gate = c;
}

/* ---- literals ---- */

static void
end_run(struct reader *r)
{
	if (r->run_len > r->best_len) {
		memcpy(r->best, r->run, r->run_len);
		r->best_len = r->run_len;
	}
	r->run_len = r->last_len = 0;
}

/* Adds one character to the run. A full run is ended, then begun again. */
static void
extend_run(struct reader *r, const char *s, size_t n)
{
	if (r->run_len + n > RUN_MAX)
		end_run(r);
	memcpy(r->run + r->run_len, s, n);
	r->run_len += n;
	r->last_len = n;
}

/* Ends a branch outside all groups: its best run stands for it. */
static void
end_branch(struct reader *r)
{
	struct pattern_text *p = r->p;

	end_run(r);
	if (r->best_len == 0 || memchr(r->best, '\n', r->best_len))
		r->bare = true;
	memcpy(p->literals + p->literals_len, r->best, r->best_len);
	p->literals_len += r->best_len;
	p->literals[p->literals_len++] = '\n';
	r->best_len = 0;
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

/* Of an escape that stands for one character out of many: its wider form, or
 * NULL. */
static const char *
wider_escape(char c)
{
	switch (c) {
	case 'd':
		return "[\\d" WIDE_DIGIT "]";
	case 'w':
		return "[\\w" WIDE "]";
	case 's':
		return "[\\s" WIDE_SPACE "]";
	case 'h':
		return "[ \\t" WIDE_SPACE "]";
	case 'v':
		return "[\\n-\\r" WIDE_SPACE "]";
	case 'D':
	case 'W':
	case 'S':
	case 'H':
	case 'V':
	case 'N':
		return ANY;
	}
	return NULL;
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

/* Value of \xHH or \x{H…} at r->i; steps over it. */
static uint32_t
hex_value(struct reader *r)
{
	size_t i = r->i + 2, end = skip_braces(r, i);
	uint32_t value = 0;

	if (i < r->len && r->s[i] == '{')
		i++;
	else
		end = end + 1 < r->len ? end + 1 : r->len;
	for (; i < end; i++) {
		char c = r->s[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint32_t)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
		else
			break;
	}
	r->i = i < end && r->s[i] == '}' ? i + 1 : i;
	return value;
}

static void
read_hex(struct reader *r)
{
	static const char hex[] = "0123456789abcdef";
	uint32_t value = hex_value(r);
	char text[4] = { '\\', 'x', hex[value >> 4 & 7], hex[value & 15] };

	if (value >= 0x80)
		emit_text(r, "[" WIDE "]");
	else if (r->caseless && is_letter((char)value))
		emit_text(r, ANY);
	else
		emit(r, text, sizeof(text));
}

static void
read_escape(struct reader *r)
{
	char c = r->i + 1 < r->len ? r->s[r->i + 1] : '\0';
	const char *wider = wider_escape(c), *refused = refused_escape(c);

	if (refused)
		refuse(r, refused);
	if (c == 'N' && starts_with(r, r->i + 2, "{")) {
		r->p->plain = false;	/* one code point by its number */
	} else if (wider) {
		emit_text(r, wider);
	} else if (c == 'b' || c == 'B' || c == 'A' || c == 'z') {
		r->dropped = true;
		r->p->looks = true;
	} else if (c == 'p' || c == 'P') {
		emit_text(r, ANY);
		r->i = skip_braces(r, r->i + 2);
		return;
	} else if (c == 'x') {
		read_hex(r);
		return;
	} else if (c && memchr("tnrfea", c, 6)) {
		emit(r, r->s + r->i, 2);
	} else if (c == 'Q') {
		const char *end = memmem(r->s + r->i, r->len - r->i, "\\E", 2);

		r->p->plain = false;
		r->i = end ? (size_t)(end - r->s) + 2 : r->len;
		return;
	} else if (c > 0 && !is_alnum(c)) {
		emit(r, r->s + r->i, 2);
		if (r->depth == 0) {
			r->literal = (unsigned char)c;
			extend_run(r, &c, 1);
		}
	} else {
		r->p->plain = false;
	}
	r->i += 2;
}

/* ---- classes ---- */

struct class {
	bool negated, digit, space, wide, hard;
};

/* Looks through a class; returns the offset behind it. */
static size_t
scan_class(struct reader *r, struct class *class)
{
	size_t i = r->i + 1, first;

	class->negated = i < r->len && r->s[i] == '^';
	i += class->negated;
	for (first = i; i < r->len && (r->s[i] != ']' || i == first); i++) {
		char c = r->s[i];

		if (c == '[' && i + 1 < r->len && (r->s[i + 1] == ':' ||
			r->s[i + 1] == '.' || r->s[i + 1] == '=')) {
			const char *end = memmem(r->s + i, r->len - i, ":]",
			    2);

			/* "[:" that is no name: rare, and not worth it */
			class->hard = true;
			if (end)
				i = (size_t)(end - r->s) + 1;
		} else if (c == '\\' && i + 1 < r->len) {
			c = r->s[++i];
			if (c == 'd')
				class->digit = true;
			else if (c == 's')
				class->space = true;
			else if (c == 'w')
				class->wide = true;
			else if (c == 'x')
				class->wide |= r->caseless;
			else if (is_alnum(c) && !memchr("tnrfea", c, 6))
				class->hard = true;
			if (c == 'Q' || c == 'E')
				r->p->plain = false;
		} else if (c & 0x80) {
			class->wide |= r->caseless;
		}
	}
	return i < r->len ? i + 1 : i;
}

static void
read_class(struct reader *r)
{
	struct class class = { false };
	size_t end = scan_class(r, &class);

	/* Caseless ASCII letters also match two letters beyond ASCII. */
	if (r->caseless)
		class.wide = true;
	if (class.hard || (class.negated && r->caseless))
		emit_text(r, ANY);
	else if (class.negated)
		emit(r, r->s + r->i, end - r->i);
	else {
		emit(r, r->s + r->i, end - r->i - 1);
		if (class.wide)
			emit_text(r, WIDE);
		if (class.digit && !class.wide)
			emit_text(r, WIDE_DIGIT);
		if (class.space && !class.wide)
			emit_text(r, WIDE_SPACE);
		emit_text(r, "]");
	}
	r->i = end;
}

/* ---- groups ---- */

static void
look_around(struct reader *r, size_t skip, bool ahead)
{
	r->i += skip;
	r->depth++;
	r->p->looks = true;
	if (!r->muted)
		r->muted = r->depth;
	if (ahead && !r->ahead)
		r->ahead = r->depth;
}

static void
open_group(struct reader *r, size_t skip)
{
	emit_text(r, "(?:");
	r->i += skip;
	r->depth++;
}

/* (?i) and (?i-s:…): copied, since both engines scope them alike. */
static void
read_flags(struct reader *r)
{
	size_t i = r->i + 2;

	while (i < r->len && memchr("ims-", r->s[i], 4))
		i++;
	if (i >= r->len || (r->s[i] != ')' && r->s[i] != ':')) {
		r->p->plain = false;
		r->i += 2;
		r->depth++;
		return;
	}
	if (r->s[i] == ':')
		r->depth++;
	else
		r->dropped = true;
	emit(r, r->s + r->i, i + 1 - r->i);
	r->i = i + 1;
}

static void
read_name(struct reader *r, size_t skip)
{
	char close = r->s[r->i + skip - 1] == '\'' ? '\'' : '>';
	const char *end = memchr(r->s + r->i + skip, close,
	    r->len - r->i - skip);

	open_group(r, end ? (size_t)(end - r->s) + 1 - r->i : skip);
}

static void
read_group(struct reader *r)
{
	if (starts_with(r, r->i, "(*"))
		refuse(r, "(*…) verbs are not for policies");
	if (starts_with(r, r->i, "(?C"))
		refuse(r, "(?C) callouts are not for policies");
	if (!starts_with(r, r->i, "(?")) {
		open_group(r, 1);
	} else if (starts_with(r, r->i, "(?#")) {
		const char *end = memchr(r->s + r->i, ')', r->len - r->i);

		r->p->plain = false;
		r->i = end ? (size_t)(end - r->s) + 1 : r->len;
	} else if (starts_with(r, r->i, "(?:") || starts_with(r, r->i, "(?>") ||
	    starts_with(r, r->i, "(?|")) {
		open_group(r, 3);
	} else if (starts_with(r, r->i, "(?<=") ||
	    starts_with(r, r->i, "(?<!")) {
		look_around(r, 4, false);
	} else if (starts_with(r, r->i, "(?=") || starts_with(r, r->i, "(?!")) {
		look_around(r, 3, true);
	} else if (starts_with(r, r->i, "(?<") || starts_with(r, r->i, "(?'")) {
		read_name(r, 3);
	} else if (starts_with(r, r->i, "(?P<")) {
		read_name(r, 4);
	} else {
		read_flags(r);
	}
}

static void
close_group(struct reader *r)
{
	if (r->muted && r->muted == r->depth) {
		r->muted = 0;
		r->dropped = true;
	} else {
		emit_text(r, ")");
	}
	if (r->ahead == r->depth)
		r->ahead = 0;
	if (r->depth > 0)
		r->depth--;
	r->i++;
}

/* ---- quantifiers ---- */

/* Length of the quantifier at i, 0 if there is none. */
static size_t
quantifier(const struct reader *r, size_t i)
{
	size_t k = i + 1, digits = 0;

	if (r->s[i] == '*' || r->s[i] == '+' || r->s[i] == '?')
		return 1;
	if (r->s[i] != '{')
		return 0;
	for (; k < r->len && r->s[k] >= '0' && r->s[k] <= '9'; k++)
		digits++;
	if (digits == 0)
		return 0;
	if (k < r->len && r->s[k] == ',')
		for (k++; k < r->len && r->s[k] >= '0' && r->s[k] <= '9'; k++)
			;
	return k < r->len && r->s[k] == '}' ? k + 1 - i : 0;
}

static void
read_quantifier(struct reader *r, size_t n)
{
	const char *q = r->s + r->i;

	close_literal(r, q[0] == '*' || q[0] == '?' ||
	    (q[0] == '{' && q[1] == '0'));
	if (q[0] == '*' || q[0] == '?' || (q[0] == '{' && q[1] == '0'))
		r->run_len -= r->last_len;
	end_run(r);
	if (r->ahead && (q[0] == '*' || q[0] == '+' || q[n - 2] == ','))
		r->p->looks_far = true;
	if (r->dropped)
		r->p->plain = false;
	emit(r, q, n);
	r->i += n;
	/* lazy or possessive: the same places match, or fewer */
	if (r->i < r->len && (r->s[r->i] == '?' || r->s[r->i] == '+'))
		r->i++;
}

/* ---- the whole ---- */

/* A character that stands for itself. */
static void
read_literal(struct reader *r)
{
	unsigned char c = (unsigned char)r->s[r->i];
	size_t n = 1;

	if (c < 0x80) {
		if (c == '{' || c == '}')
			emit_text(r, "\\");
		if (r->caseless && (c | 0x20) == 'k')
			emit_text(r, "[kK\\x{212a}]");
		else if (r->caseless && (c | 0x20) == 's')
			emit_text(r, "[sS\\x{17f}]");
		else
			emit(r, r->s + r->i, 1);
		if (r->depth == 0)
			r->literal = c;
		/* Without case K and S are also letters beyond ASCII. */
		if (r->depth == 0 && !(r->caseless &&
			((c | 0x20) == 'k' || (c | 0x20) == 's')))
			extend_run(r, r->s + r->i, 1);
		else
			end_run(r);
	} else {
		while (r->i + n < r->len && (r->s[r->i + n] & 0xc0) == 0x80)
			n++;
		/* U+3000 to U+9FFF have no case. */
		if (!r->caseless || (c >= 0xe3 && c <= 0xe9)) {
			emit(r, r->s + r->i, n);
			if (r->depth == 0)
				extend_run(r, r->s + r->i, n);
		} else {
			emit_text(r, "[" WIDE "]");
			end_run(r);
		}
	}
	r->i += n;
}

static void
read_token(struct reader *r)
{
	size_t n = quantifier(r, r->i);

	if (n > 0) {
		read_quantifier(r, n);
		r->dropped = false;
		return;
	}
	close_literal(r, false);
	r->dropped = false;
	if (memchr("\\[()^$|.", r->s[r->i], 8) &&
	    !(r->s[r->i] == '\\' && r->i + 1 < r->len &&
		r->s[r->i + 1] > 0 && !is_alnum(r->s[r->i + 1])))
		end_run(r);
	switch (r->s[r->i]) {
	case '\\':
		read_escape(r);
		break;
	case '[':
		read_class(r);
		break;
	case '(':
		read_group(r);
		break;
	case ')':
		close_group(r);
		break;
	case '^':
	case '$':
		r->dropped = true;
		r->p->looks = true;
		r->i++;
		break;
	case '|':
		r->forked |= r->depth == 0;
		if (r->depth == 0)
			end_branch(r);
		emit_text(r, "|");
		r->i++;
		break;
	case '.':
		emit_text(r, ".");
		r->i++;
		break;
	default:
		read_literal(r);
		break;
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

void
pattern_read(struct pattern_text *p, struct mg_span source, bool caseless)
{
	struct reader r = { .s = source.ptr, .len = source.len, .p = p };

	memset(p, 0, sizeof(*p));
	p->plain = true;
	/* A token of one byte becomes at most a widened class. */
	p->wide = mem_new(source.len + 1, 48);
	/* Of each branch one run and a newline; eight bytes more are read
	 * at once. */
	p->literals = mem_new(source.len + 8, 2);
	r.caseless = caseless || has_flag_i(source.ptr, source.len);
	while (r.i < r.len)
		read_token(&r);
	close_literal(&r, false);
	end_branch(&r);
	if (r.bare || !p->plain)
		p->literals_len = 0;
	if (r.forked || !p->plain)
		p->gate = 0;
	p->wide[p->wide_len] = '\0';
}

void
pattern_fini(struct pattern_text *p)
{
	free(p->wide);
	free(p->literals);
	memset(p, 0, sizeof(*p));
}
