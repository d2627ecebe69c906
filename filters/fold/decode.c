/* SPDX-License-Identifier: Apache-2.0 */
/* decode.c - texts that are written in another text: base64, hexadecimal,
 * percent signs.
 *
 * Base64 and hexadecimal only put out what they decode, a line for each run,
 * as any word may be the beginning of one; what is no UTF-8 or has control
 * characters ends the run. It is decoded as it comes, so that a run may be of
 * any length and only a group that is not whole is held. A character belongs
 * to the group that completes it. Among hexadecimal digits code points may
 * stand, as programs and people write them. Percent signs are undone in their
 * place. */
#include "filters/fold/step.h"
#include "filters/fold/utf8.h"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* Bytes of the code point that the bytes begin with: 0 when it is none, -1
 * when it is not whole. */
static int
whole(const unsigned char *p, size_t n)
{
	size_t size = utf8_size(p[0]), i;

	if ((p[0] >= 0x80 && p[0] < 0xc2) || p[0] > 0xf4 || p[0] == 0x7f ||
	    (p[0] < 0x20 && p[0] != '\t' && p[0] != '\n' && p[0] != '\r'))
		return 0;
	for (i = 1; i < size && i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if (n > 1 && ((p[0] == 0xe0 && p[1] < 0xa0) ||
	    (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f)))
		return 0;
	return n < size ? -1 : (int)size;
}

/* Ends the line of a run. */
static void
end_run(struct fold *f, size_t in_len)
{
	struct fold_run *run = &f->run;

	if (run->told) {
		*fold_room(f, 1) = '\n';
		fold_took(f, in_len, 1);
	} else {
		fold_skip(f, in_len);
	}
	run->n = 0;
	run->groups = 0;
	run->told = false;
}

/* Adds the bytes of a group; puts out the code points that are whole now. */
static void
add_group(struct fold *f, size_t in_len, const unsigned char *bytes, size_t n)
{
	struct fold_run *run = &f->run;
	size_t at = 0, room = run->n + n;
	char *to = fold_room(f, room);
	int size = 0;

	memcpy(run->bytes + run->n, bytes, n);
	run->n += n;
	run->groups++;
	while (at < run->n &&
	    (size = whole(run->bytes + at, run->n - at)) > 0)
		at += (size_t)size;
	if (at > 0)
		memcpy(to, run->bytes, at);
	if (at < run->n && size == 0) {
		run->dead = true;
		end_run(f, in_len);
		return;
	}
	memmove(run->bytes, run->bytes + at, run->n - at);
	run->n -= at;
	if (at > 0) {
		run->told = true;
		fold_took(f, in_len, at);
	} else {
		fold_skip(f, in_len);
	}
}

/* ---- base64 ---- */

enum { WRAPPED = 4 };		/* groups after which a line may end */

/* Bytes of the line's end at ptr that stands inside a run. */
static size_t
wrap(const struct fold *f, const char *ptr, size_t n)
{
	size_t i = n > 1 && ptr[0] == '\r' ? 1 : 0;

	return f->run.dead || f->run.groups < WRAPPED || ptr[i] != '\n' ? 0 :
	    i + 1;
}

static size_t
read_base64(struct fold *f, const char *ptr, size_t n, bool last)
{
	unsigned char bytes[3];
	uint32_t bits = 0;
	size_t i = 0, k;

	while (i < n && i < 4 && base64_digit(ptr[i]) >= 0)
		bits = bits << 6 | (uint32_t)base64_digit(ptr[i++]);
	if (i == n && i < 4 && !last)
		return 0;
	if (i == 0) {
		if (ptr[0] == '\r' && n == 1 && !last)
			return 0;
		i = wrap(f, ptr, n);
		if (i > 0) {
			fold_skip(f, i);
			return i;
		}
		f->run.dead = false;
		end_run(f, utf8_size((unsigned char)ptr[0]));
		return utf8_size((unsigned char)ptr[0]);
	}
	if (f->run.dead || i == 1) {
		fold_skip(f, i);
		return i;
	}
	bits <<= 6 * (4 - i);
	for (k = 0; k < 3; k++)
		bytes[k] = (unsigned char)(bits >> (16 - 8 * k));
	add_group(f, i, bytes, i - 1);
	return i;
}

/* ---- hexadecimal ---- */

enum {
	SIGNS_MAX = 2,		/* between two pairs */
	PAIR_MAX = SIGNS_MAX + 4,	/* bytes, with what stands before it */
	CODE_MAX = 6,		/* digits of a code point */
};

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* Bytes of the signs that may stand between two pairs. */
static size_t
signs(const struct fold *f, const char *ptr, size_t n)
{
	size_t i = 0;

	while (f->run.groups > 0 && i < SIGNS_MAX && i < n &&
	    memchr(" :,;-", ptr[i], 5))
		i++;
	return i;
}

/* \uXXXX, \u{X…}, U+XXXX: their bytes; 0: it is none; -1: more is needed. */
static int
code_point(const char *ptr, size_t n, bool last, uint32_t *c)
{
	size_t i = 2, from;
	bool braces;

	if (n < 3)
		return !last && (n == 0 || strchr("\\uU", ptr[0])) ? -1 : 0;
	if (!(ptr[0] == '\\' && (ptr[1] | 32) == 'u') &&
	    !((ptr[0] | 32) == 'u' && ptr[1] == '+'))
		return 0;
	braces = ptr[2] == '{';
	i += braces;
	*c = 0;
	for (from = i; i < n && i - from < (braces || ptr[1] == '+' ?
	    CODE_MAX : 4) && hex_digit(ptr[i]) >= 0; i++)
		*c = *c << 4 | (uint32_t)hex_digit(ptr[i]);
	if (i == n && !last && (braces || i - from < (ptr[1] == '+' ?
	    CODE_MAX : 4)))
		return -1;
	if (braces ? i == n || ptr[i] != '}' || i == from : i - from < 4)
		return 0;
	return *c == 0 || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000) ? 0 :
	    (int)(i + braces);
}

/* Reads a pair or a code point; 0: neither, -1: more is needed. */
static int
read_unit(struct fold *f, const char *ptr, size_t n, bool last)
{
	size_t i = signs(f, ptr, n);
	unsigned char byte;
	char text[4];
	uint32_t c = 0;
	int size = code_point(ptr + i, n - i, last, &c);

	if (size < 0 || (n < PAIR_MAX && !last))
		return -1;
	if (size > 0) {
		add_group(f, i + (size_t)size, (unsigned char *)text,
		    utf8_put(text, c));
		return (int)i + size;
	}
	if (n - i > 1 && (ptr[i] == '\\' || ptr[i] == '0') &&
	    ptr[i + 1] == 'x')
		i += 2;
	if (i + 2 > n || hex_digit(ptr[i]) < 0 || hex_digit(ptr[i + 1]) < 0)
		return 0;
	byte = (unsigned char)(hex_digit(ptr[i]) << 4 |
	    hex_digit(ptr[i + 1]));
	add_group(f, i + 2, &byte, 1);
	return (int)i + 2;
}

static size_t
read_hex(struct fold *f, const char *ptr, size_t n, bool last)
{
	int unit = f->run.dead ? 0 : read_unit(f, ptr, n, last);
	size_t i;

	if (unit != 0)
		return unit < 0 ? 0 : (size_t)unit;
	i = utf8_size((unsigned char)ptr[0]);
	if (f->run.dead && is_alnum(ptr[0])) {
		fold_skip(f, i);
		return i;
	}
	f->run.dead = is_alnum(ptr[0]);
	end_run(f, i);
	return i;
}

/* ---- percent signs ---- */

enum { PERCENT_AGAIN = 3 };	/* times that a percent sign may be one itself */

static bool
is_pair(const char *ptr)
{
	return hex_digit(ptr[0]) >= 0 && hex_digit(ptr[1]) >= 0;
}

/* %41, also %2541: its bytes; 0: it is none, -1: more is needed. */
static int
percent_byte(const char *ptr, size_t n, bool last, unsigned char *byte)
{
	size_t i = 1, again = 0;

	if (n > 0 && ptr[0] != '%')
		return 0;
	if (n < 3)
		return last ? 0 : -1;
	if (!is_pair(ptr + 1))
		return 0;
	while (ptr[i] == '2' && ptr[i + 1] == '5' && again++ < PERCENT_AGAIN) {
		if (i + 4 > n && !last)
			return -1;
		if (i + 4 > n || !is_pair(ptr + i + 2))
			break;
		i += 2;
	}
	*byte = (unsigned char)(hex_digit(ptr[i]) << 4 |
	    hex_digit(ptr[i + 1]));
	return (int)i + 2;
}

/* %u70B8, as old scripts write it. */
static int
percent_code(const char *ptr, size_t n, bool last, uint32_t *c)
{
	size_t i;

	if (n > 1 && (ptr[1] | 32) != 'u')
		return 0;
	*c = 0;
	for (i = 2; i < 6; i++) {
		if (i >= n)
			return last ? 0 : -1;
		if (hex_digit(ptr[i]) < 0)
			return 0;
		*c = *c << 4 | (uint32_t)hex_digit(ptr[i]);
	}
	return *c == 0 || (*c >= 0xd800 && *c < 0xe000) ? 0 : 6;
}

/* The text before the next percent sign; a plus is a space in a query. */
static size_t
copy_plain(struct fold *f, const char *ptr, size_t n)
{
	char *to = fold_room(f, n);
	size_t i;

	for (i = 0; i < n && ptr[i] != '%'; i++)
		to[i] = ptr[i] == '+' ? ' ' : ptr[i];
	if (i > 0)
		fold_took_same(f, i);
	return i;
}

static size_t
read_percent(struct fold *f, const char *ptr, size_t n, bool last)
{
	size_t plain = copy_plain(f, ptr, n), k = 0, i = 0;
	unsigned char bytes[4];
	int size = -1, used;
	uint32_t c;

	if (plain > 0)
		return plain;
	used = percent_code(ptr, n, last, &c);
	if (used > 0)
		fold_replace(f, (size_t)used, &c, 1);
	if (used != 0)
		return used < 0 ? 0 : (size_t)used;
	while (size < 0) {
		used = percent_byte(ptr + i, n - i, last, &bytes[k]);
		if (used < 0)
			return 0;
		if (used == 0)
			break;
		i += (size_t)used;
		size = whole(bytes, ++k);
	}
	if (size <= 0) {
		fold_copy(f, ptr, 1);
		return 1;
	}
	memcpy(fold_room(f, k), bytes, k);
	fold_took(f, i, k);
	return i;
}

size_t
fold_decode_read(struct fold *f, const char *ptr, size_t n, bool last)
{
	size_t i = 0, used = 1;

	while (i < n && used > 0) {
		used = f->step == FOLD_BASE64 ?
		    read_base64(f, ptr + i, n - i, last) :
		    f->step == FOLD_HEX ? read_hex(f, ptr + i, n - i, last) :
		    read_percent(f, ptr + i, n - i, last);
		i += used;
	}
	return i;
}
