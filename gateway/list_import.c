/* SPDX-License-Identifier: Apache-2.0 */
/* list_import.c - lists as other people keep them, made clean. */
#include "gateway/list_import.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>

#include "filters/automaton.h"
#include "filters/gaps.h"
#include "gateway/yaml.h"

/* ---- encodings ---- */

static bool
begins_with(const struct buf *b, const char *s, size_t n)
{
	return b->len >= n && memcmp(b->ptr, s, n) == 0;
}

static const char *
guess_encoding(const struct buf *bytes)
{
	if (begins_with(bytes, "\xff\xfe", 2) ||
	    begins_with(bytes, "\xfe\xff", 2))
		return "UTF-16";
	if (utf8_valid(bytes->ptr, bytes->len))
		return "UTF-8";
	return "GB18030";
}

/* The line of the byte that stopped iconv, for whoever looks for it. */
static int
fail_at(const char *path, const char *encoding, const struct buf *bytes,
    size_t at, struct mg_error *err)
{
	struct mg_place place = { path, 1, 0 };
	size_t i;

	for (i = 0; i < at && i < bytes->len; i++)
		place.line += bytes->ptr[i] == '\n';
	return mg_fail(err, &place, "byte 0x%02X is not %s; name the file's "
	    "encoding with --from", at < bytes->len ?
	    (unsigned)(unsigned char)bytes->ptr[at] : 0, encoding);
}

static int
convert(iconv_t cd, struct buf *bytes, struct buf *out, size_t *at)
{
	char *in = bytes->ptr;
	size_t left = bytes->len;

	while (left > 0) {
		size_t room = 2 * left + 16, before = room;
		char *to = buf_reserve(out, room);
		size_t rc = iconv(cd, &in, &left, &to, &room);

		out->len += before - room;
		*at = bytes->len - left;
		if (rc == (size_t)-1 && errno != E2BIG)
			return -1;
		if (out->len > 4 * (size_t)LIST_MAX_BYTES)
			return -1;
	}
	return 0;
}

/* Makes bytes UTF-8, without a byte-order mark. */
static int
decode(struct list_import *import, const char *path, struct buf *bytes,
    struct mg_error *err)
{
	const char *from = import->from ? import->from :
	    guess_encoding(bytes);
	struct buf out = { 0 };
	size_t at = 0;
	iconv_t cd = iconv_open("UTF-8", from);
	int rc;

	import->encoding = from;
	if (cd == (iconv_t)-1)
		return mg_fail(err, NULL, "--from %s: no such encoding here; "
		    "iconv -l lists them", from);
	rc = convert(cd, bytes, &out, &at);
	(void)iconv_close(cd);
	if (rc < 0) {
		buf_fini(&out);
		return fail_at(path, from, bytes, at, err);
	}
	buf_fini(bytes);
	*bytes = out;
	if (begins_with(bytes, "\xef\xbb\xbf", 3))
		buf_drop(bytes, 3);
	return 0;
}

/* ---- entries ---- */

/* Bytes of the blank or the invisible character at s, or 0. */
static size_t
blank_at(struct mg_span s, size_t at, bool *visible)
{
	static const struct {
		const char *bytes;
		bool visible;
	} wide[] = {
		{ "\u00a0", true }, { "\u3000", true }, { "\u200b", false },
		{ "\ufeff", false } };
	size_t i, n;

	*visible = true;
	if (s.ptr[at] == ' ' || (s.ptr[at] >= '\t' && s.ptr[at] <= '\r'))
		return 1;
	for (i = 0; i < sizeof(wide) / sizeof(*wide); i++) {
		n = strlen(wide[i].bytes);
		*visible = wide[i].visible;
		if (at + n <= s.len && memcmp(s.ptr + at, wide[i].bytes, n) ==
		    0)
			return n;
	}
	return 0;
}

/* Runs of blanks become one; those around go. In place. */
static struct mg_span
tidy(char *ptr, size_t len)
{
	struct mg_span in = { ptr, len };
	bool blank = false, visible;
	size_t i = 0, n, out = 0;

	while (i < len) {
		n = blank_at(in, i, &visible);
		if (n > 0) {
			blank |= visible;
			i += n;
			continue;
		}
		if (blank && out > 0)
			ptr[out++] = ' ';
		blank = false;
		ptr[out++] = ptr[i++];
	}
	return span(ptr, out);
}

static uint64_t
hash(struct mg_span s)
{
	uint64_t h = 0xcbf29ce484222325;
	size_t i;

	for (i = 0; i < s.len; i++)
		h = (h ^ automaton_fold[(unsigned char)s.ptr[i]]) *
		    0x100000001b3;
	return h ^ h >> 32;
}

static void
grow_table(struct list_import *import)
{
	size_t i, k;

	free(import->slot);
	import->n_slots = import->n_slots ? 2 * import->n_slots : 1024;
	import->slot = xcalloc(import->n_slots, sizeof(*import->slot));
	for (i = 0; i < import->n; i++) {
		k = hash(import->entries[i].text) & (import->n_slots - 1);
		while (import->slot[k])
			k = (k + 1) & (import->n_slots - 1);
		import->slot[k] = (uint32_t)i + 1;
	}
}

/* Where the text is, or would go. */
static uint32_t *
find_slot(struct list_import *import, struct mg_span text)
{
	size_t k;

	if (2 * import->n >= import->n_slots)
		grow_table(import);
	for (k = hash(text) & (import->n_slots - 1); import->slot[k];
	    k = (k + 1) & (import->n_slots - 1)) {
		struct mg_span other =
		    import->entries[import->slot[k] - 1].text;

		if (other.len == text.len &&
		    strncasecmp(other.ptr, text.ptr, text.len) == 0)
			break;
	}
	return &import->slot[k];
}

static int
add(struct list_import *import, const struct list_entry *from,
    struct mg_error *err)
{
	struct list_entry entry = *from;
	struct gap gap;
	uint32_t *slot = find_slot(import, entry.text);

	if (*slot) {
		import->doubled++;
		return 0;
	}
	if (entry.text.len > LIST_MAX_ENTRY_BYTES)
		return mg_fail(err, &entry.place, "an entry of %zu bytes; at "
		    "most %d; are entries divided by something else than "
		    "lines and commas?", entry.text.len, LIST_MAX_ENTRY_BYTES);
	if (import->n == LIST_MAX_ENTRIES)
		return mg_fail(err, &entry.place, "more than %d entries",
		    LIST_MAX_ENTRIES);
	entry.text.ptr = arena_text(&import->arena, entry.text);
	entry.note.ptr = arena_text(&import->arena, entry.note);
	if (!entry.grade.severity)
		entry.grade.severity = import->grade.severity;
	if (!entry.grade.category)
		entry.grade.category = import->grade.category;
	import->gapped += gap_next(entry.text, 0, &gap);
	import->entries = xgrow(import->entries, &import->cap, import->n + 1,
	    sizeof(*import->entries));
	import->entries[import->n++] = entry;
	*slot = (uint32_t)import->n;
	return 0;
}

/* ---- shapes ---- */

static int
take_csv(void *arg, const struct list_entry *entry, struct mg_error *err)
{
	struct list_import *import = arg;
	struct list_entry tidied = *entry;

	/* The bytes are our own. */
	tidied.text = tidy((char *)(uintptr_t)entry->text.ptr,
	    entry->text.len);
	return tidied.text.len ? add(import, &tidied, err) : 0;
}

/* Bytes of the separator at s, or 0. */
static size_t
separator_at(struct mg_span s, size_t at)
{
	static const char *const wide[] = { "，", "、", "；", "｜" };
	size_t i;

	if (strchr(",;|\t", s.ptr[at]) && s.ptr[at])
		return 1;
	for (i = 0; i < sizeof(wide) / sizeof(*wide); i++)
		if (at + 3 <= s.len && memcmp(s.ptr + at, wide[i], 3) == 0)
			return 3;
	return 0;
}

/* Lists of entries have a separator behind nearly every one; a list of
 * sentences has a few in some lines. */
static bool
has_commas(struct mg_span text)
{
	size_t i, lines = 1, commas = 0, n;

	for (i = 0; i < text.len; i += n ? n : 1) {
		n = separator_at(text, i);
		commas += n > 0;
		lines += text.ptr[i] == '\n' && i + 1 < text.len;
	}
	return commas >= lines;
}

static int
take_piece(struct list_import *import, char *ptr, size_t len,
    const struct mg_place *place, struct mg_error *err)
{
	struct list_entry entry = { .text = tidy(ptr, len), .place = *place };

	/* A NUL is no text of anybody's. */
	if (memchr(entry.text.ptr, '\0', entry.text.len))
		return mg_fail(err, place, "an entry cannot hold the "
		    "character U+0000; is this a text file?");
	return entry.text.len ? add(import, &entry, err) : 0;
}

static int
take_line(struct list_import *import, char *ptr, size_t len,
    const struct mg_place *place, struct mg_error *err)
{
	struct mg_span line = { ptr, len };
	size_t i = 0, from = 0, n;

	while (i < len && (ptr[i] == ' ' || ptr[i] == '\t'))
		i++;
	if (i < len && ptr[i] == '#')
		return 0;
	for (i = 0; import->commas && i < len; i += n ? n : 1) {
		n = separator_at(line, i);
		if (n == 0)
			continue;
		if (take_piece(import, ptr + from, i - from, place, err) < 0)
			return -1;
		from = i + n;
	}
	return take_piece(import, ptr + from, len - from, place, err);
}

static int
take_lines(struct list_import *import, const char *path, struct buf *bytes,
    struct mg_error *err)
{
	struct mg_place place = { path, 1, 1 };
	size_t at = 0;

	while (at < bytes->len) {
		char *end = memchr(bytes->ptr + at, '\n', bytes->len - at);
		size_t len = end ? (size_t)(end - bytes->ptr) - at :
		    bytes->len - at;

		if (take_line(import, bytes->ptr + at, len, &place, err) < 0)
			return -1;
		at += len + 1;
		place.line++;
	}
	return 0;
}

int
list_import(struct list_import *import, const char *path,
    struct buf *bytes, struct mg_error *err)
{
	if (decode(import, path, bytes, err) < 0)
		return -1;
	import->csv = import->split == SPLIT_AUTO &&
	    list_has_header(buf_span(bytes));
	import->commas = import->split == SPLIT_COMMAS ||
	    (import->split == SPLIT_AUTO && has_commas(buf_span(bytes)));
	if (import->csv)
		return list_file_read(path, bytes, take_csv, import, err);
	return take_lines(import, path, bytes, err);
}

/* ---- writing ---- */

static void
add_field(struct buf *out, struct mg_span text)
{
	size_t i;

	if (!memchr(text.ptr, ',', text.len) &&
	    !memchr(text.ptr, '"', text.len) &&
	    !memchr(text.ptr, '\n', text.len)) {
		buf_add_span(out, text);
		return;
	}
	buf_add_byte(out, '"');
	for (i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"')
			buf_add_byte(out, '"');
		buf_add_byte(out, text.ptr[i]);
	}
	buf_add_byte(out, '"');
}

static void
add_word(struct buf *out, const char *const *words, uint8_t which)
{
	buf_add_byte(out, ',');
	if (which)
		buf_add_str(out, words[which - 1]);
}

static bool
wants_csv(const struct list_import *import)
{
	size_t i;

	for (i = 0; i < import->n; i++) {
		const struct list_entry *e = &import->entries[i];

		/* In a plain file it would be a remark, or a header. */
		if ((i == 0 && list_has_header(e->text)) || e->grade.severity || e->grade.category ||
		    e->note.len || e->text.ptr[0] == '#')
			return true;
	}
	return false;
}

void
list_import_write(const struct list_import *import, struct buf *out)
{
	bool csv = wants_csv(import);
	size_t i;

	if (csv)
		buf_add_str(out, "word,severity,category,note\n");
	for (i = 0; i < import->n; i++) {
		const struct list_entry *e = &import->entries[i];

		if (!csv) {
			buf_add_span(out, e->text);
			buf_add_byte(out, '\n');
			continue;
		}
		add_field(out, e->text);
		add_word(out, policy_severities, e->grade.severity);
		add_word(out, policy_categories, e->grade.category);
		buf_add_byte(out, ',');
		add_field(out, e->note);
		buf_add_byte(out, '\n');
	}
}

void
list_import_fini(struct list_import *import)
{
	arena_fini(&import->arena);
	free(import->entries);
	free(import->slot);
	memset(import, 0, sizeof(*import));
}
