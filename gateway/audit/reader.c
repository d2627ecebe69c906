/* SPDX-License-Identifier: Apache-2.0 */
/* reader.c - reads segments back, and tells a crash from damage.
 *
 * Each frame says how much of its file was on disk when it was written. Bad
 * bytes below that line, found by a later good frame, were once good: damage.
 * Bad bytes above it are a group that a crash has torn, whatever order the
 * disk wrote its blocks in. */
#include "gateway/audit/reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Wrong checksums met in search of a later frame; beyond it the bytes are no
 * accident any more. */
enum { MAX_TRIES = 4096 };

static bool
all_zero(struct mg_span bytes)
{
	return bytes.len == 0 || (bytes.ptr[0] == 0 &&
	    memcmp(bytes.ptr, bytes.ptr + 1, bytes.len - 1) == 0);
}

enum search { FOUND_FRAME, FOUND_NONE, FOUND_TOO_MUCH };

/* The next good frame that begins at or after *at; moves *at to it. *tries
 * counts what looked like one. */
static enum search
find_frame(struct mg_span segment, size_t *at, uint64_t salt,
    struct segment_frame *frame, unsigned *tries)
{
	char start[4] = { (char)(salt & 0xff), (char)(salt >> 8 & 0xff),
	    (char)(salt >> 16 & 0xff), (char)(salt >> 24 & 0xff) };

	for (; *at < segment.len; ++*at) {
		const char *hit = memmem(segment.ptr + *at,
		    segment.len - *at, start, 4);

		if (!hit)
			return FOUND_NONE;
		*at = (size_t)(hit - segment.ptr);
		if (segment_frame_check(span(hit, segment.len - *at), salt,
		    frame) == CHECK_GOOD)
			return FOUND_FRAME;
		if (++*tries > MAX_TRIES)
			return FOUND_TOO_MUCH;
	}
	return FOUND_NONE;
}

/* Is there a frame past `bad` that vouches for it? */
static bool
was_durable(struct mg_span segment, uint64_t bad, uint64_t salt)
{
	struct segment_frame frame;
	size_t at = (size_t)bad + 1;
	unsigned tries = 0;
	enum search found;

	while ((found = find_frame(segment, &at, salt, &frame, &tries)) ==
	    FOUND_FRAME) {
		if (frame.durable > bad)
			return true;
		at += SEGMENT_FRAME + frame.payload.len;
	}
	return found == FOUND_TOO_MUCH;
}

static enum audit_read
bad_frame(struct mg_span segment, uint64_t at, uint64_t salt,
    const char **why)
{
	if (was_durable(segment, at, salt)) {
		*why = "a frame does not match its checksum, and later ones "
		    "do";
		return READ_CORRUPT;
	}
	*why = "the last frame is incomplete";
	return READ_TORN;
}

enum audit_read
audit_next(struct mg_span segment, uint64_t *offset,
    struct audit_frame *frame, const char **why)
{
	struct segment_header header;
	struct segment_frame found;
	uint64_t expect, at;

	if (!segment_header_read(segment, &header)) {
		*why = "the header is not one of ours, or damaged";
		return segment.len > SEGMENT_HEADER ? READ_CORRUPT : READ_TORN;
	}
	at = *offset == 0 ? SEGMENT_HEADER : *offset;
	if (at >= segment.len || all_zero(span(segment.ptr + at,
	    segment.len - (size_t)at))) {
		*why = "end of the segment";
		return READ_END;
	}
	if (*offset != 0 && frame->kind == AUDIT_MARK) {
		*why = "bytes after the end mark";
		return READ_CORRUPT;
	}
	expect = *offset == 0 ? header.first : frame->sequence + 1;
	if (segment_frame_check(span(segment.ptr + at, segment.len -
	    (size_t)at), header.salt, &found) != CHECK_GOOD)
		return bad_frame(segment, at, header.salt, why);
	if (found.sequence != expect) {
		*why = "a frame is out of sequence";
		return READ_CORRUPT;
	}
	frame->kind = found.kind;
	frame->sequence = found.sequence;
	frame->json = found.payload;
	frame->offset = at;
	*offset = at + SEGMENT_FRAME + found.payload.len;
	return READ_FRAME;
}

bool
audit_skip(struct mg_span segment, uint64_t *offset,
    struct audit_frame *frame, uint64_t *lost)
{
	size_t at = *offset == 0 ? SEGMENT_HEADER : (size_t)*offset;
	struct segment_header header;
	struct segment_frame found;
	unsigned tries = 0;
	uint64_t expect;

	if (!segment_header_read(segment, &header) ||
	    (*offset != 0 && frame->kind == AUDIT_MARK))
		return false;
	expect = *offset == 0 ? header.first : frame->sequence + 1;
	while (find_frame(segment, &at, header.salt, &found, &tries) ==
	    FOUND_FRAME) {
		if (found.sequence >= expect) {
			*lost = found.sequence - expect;
			*offset = at;
			frame->kind = AUDIT_LEAF;
			frame->sequence = found.sequence - 1;
			return true;
		}
		at += SEGMENT_FRAME + found.payload.len;
	}
	return false;
}

enum segment_end
segment_tail_end(struct mg_span tail, uint64_t salt)
{
	const size_t len = SEGMENT_FRAME + SEGMENT_END;
	struct segment_frame frame;

	if (tail.len < len || segment_frame_check(span(tail.ptr + tail.len -
	    len, len), salt, &frame) != CHECK_GOOD || frame.kind != AUDIT_MARK)
		return END_NONE;
	return segment_end_read(frame.payload);
}

static ssize_t
pread_all(int fd, char *to, size_t len, off_t at)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, to + got, len - got, at + (off_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int
segment_load(const char *dir, const char *name, struct buf *out,
    struct mg_error *err)
{
	struct buf path = { 0 };
	struct stat st;
	ssize_t n;
	int fd, rc = -1;

	buf_addf(&path, "%s/%s", dir, name);
	fd = open(buf_cstr(&path), O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		(void)mg_fail(err, NULL, "%s: %s", buf_cstr(&path),
		    strerror(errno));
		goto out;
	}
	rc = 0;
	if ((uint64_t)st.st_size > out->len) {
		size_t more = (size_t)st.st_size - out->len;

		n = pread_all(fd, buf_reserve(out, more), more,
		    (off_t)out->len);
		if (n < 0)
			rc = mg_fail(err, NULL, "%s: %s", buf_cstr(&path),
			    strerror(errno));
		else
			out->len += (size_t)n;
	}
out:
	if (fd >= 0)
		close(fd);
	buf_fini(&path);
	return rc;
}

/* Fills info by a file's head and tail. False: the file is gone. */
static bool
look(int dirfd, const char *name, struct segment_info *info)
{
	char head[SEGMENT_HEADER], tail[SEGMENT_FRAME + SEGMENT_END];
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	bool there;

	if (fd < 0)
		return false;
	memset(info, 0, sizeof(*info));
	there = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    strlen(name) < sizeof(info->name);
	if (there) {
		memcpy(info->name, name, strlen(name));
		info->size = (uint64_t)st.st_size;
		info->changed_us = (int64_t)st.st_mtim.tv_sec * 1000000 +
		    st.st_mtim.tv_nsec / 1000;
		info->readable = pread_all(fd, head, sizeof(head), 0) ==
		    sizeof(head) && segment_header_read(
		    span(head, sizeof(head)), &info->header);
	}
	if (there && info->readable &&
	    st.st_size >= (off_t)(SEGMENT_HEADER + sizeof(tail)) &&
	    pread_all(fd, tail, sizeof(tail), st.st_size -
	    (off_t)sizeof(tail)) == sizeof(tail))
		info->end = segment_tail_end(span(tail, sizeof(tail)),
		    info->header.salt);
	close(fd);
	return there;
}

static int
by_creation(const void *a, const void *b)
{
	const struct segment_info *x = a, *y = b;

	if (x->header.created_us != y->header.created_us)
		return x->header.created_us < y->header.created_us ? -1 : 1;
	if (memcmp(x->header.run, y->header.run, 16) == 0 &&
	    x->header.number != y->header.number)
		return x->header.number < y->header.number ? -1 : 1;
	return strcmp(x->name, y->name);
}

int
segments_list(const char *dir, struct segment_info **list, size_t *n,
    struct mg_error *err)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	size_t cap = 0;

	*list = NULL;
	*n = 0;
	if (!d)
		return mg_fail(err, NULL, "%s: %s", dir, strerror(errno));
	while ((entry = readdir(d)) != NULL) {
		if (!segment_name_is(entry->d_name))
			continue;
		*list = xgrow(*list, &cap, *n + 1, sizeof(**list));
		if (look(dirfd(d), entry->d_name, &(*list)[*n]))
			++*n;
	}
	closedir(d);
	if (*n > 0)
		qsort(*list, *n, sizeof(**list), by_creation);
	return 0;
}

/* ---- the little JSON that recovery needs ---- */

/* Index after the string that begins at i (a quote), or 0. */
static size_t
skip_string(struct mg_span s, size_t i)
{
	for (i++; i < s.len; i++) {
		if (s.ptr[i] == '\\')
			i++;
		else if (s.ptr[i] == '"')
			return i + 1;
	}
	return 0;
}

/* Index after the value that begins at i, or 0. */
static size_t
skip_value(struct mg_span s, size_t i)
{
	size_t depth = 0;

	while (i < s.len) {
		char c = s.ptr[i];

		if (c == '"') {
			i = skip_string(s, i);
			if (i == 0)
				return 0;
			continue;
		}
		if (depth == 0 && (c == ',' || c == '}'))
			return i;
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;	/* not below 0: '}' left above */
		if (depth == SIZE_MAX)
			return 0;
		i++;
	}
	return 0;
}

bool
leaf_members(struct mg_span json, const char *const *names, size_t n,
    struct mg_span *values)
{
	size_t i = 1, k;

	for (k = 0; k < n; k++)
		values[k] = span(NULL, 0);
	if (json.len < 2 || json.ptr[0] != '{')
		return false;
	while (i < json.len && json.ptr[i] == '"') {
		size_t key = i, value, end;

		value = skip_string(json, i);
		if (value == 0 || value >= json.len || json.ptr[value] != ':')
			return false;
		end = skip_value(json, value + 1);
		if (end == 0)
			return false;
		for (k = 0; k < n; k++) {
			if (!span_is(span(json.ptr + key + 1,
			    value - key - 2), names[k]))
				continue;
			values[k] = span(json.ptr + value + 1,
			    end - value - 1);
			if (values[k].len >= 2 && values[k].ptr[0] == '"')
				values[k] = span(values[k].ptr + 1,
				    values[k].len - 2);
		}
		if (json.ptr[end] == '}')
			return end + 1 == json.len;
		i = end + 1;
	}
	return i == 1 && json.len == 2 && json.ptr[1] == '}';
}
