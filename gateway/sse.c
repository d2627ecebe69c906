/* SPDX-License-Identifier: Apache-2.0 */
/* sse.c - bytes in, events out.
 *
 * A line that lies whole in the input is read where it lies; what is left of
 * the input waits in `line`. Whether an event is too large is decided from the
 * bytes of its line so far and the fields before it, so that cuts make no
 * difference.
 */
#include "gateway/sse.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

void
sse_init(struct sse *sse, size_t max_bytes)
{
	memset(sse, 0, sizeof(*sse));
	sse->max_bytes = max_bytes;
}

void
sse_fini(struct sse *sse)
{
	buf_fini(&sse->line);
	buf_fini(&sse->name);
	buf_fini(&sse->data);
	buf_fini(&sse->error);
}

/* First LF, CR or NUL of s, or len. One look at each byte, whichever line ends
 * a sender likes. */
static size_t
line_length(const char *s, size_t len)
{
	size_t at = 0;
#ifdef __SSE2__
	const __m128i lf = _mm_set1_epi8('\n');
	const __m128i cr = _mm_set1_epi8('\r');
	const __m128i nul = _mm_setzero_si128();

	for (; len - at >= 16; at += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)
		    (s + at));
		int stops = _mm_movemask_epi8(_mm_or_si128(
		    _mm_or_si128(_mm_cmpeq_epi8(x, lf),
			_mm_cmpeq_epi8(x, cr)), _mm_cmpeq_epi8(x, nul)));

		if (stops)
			return at + (size_t)__builtin_ctz((unsigned)stops);
	}
#endif
	while (at < len && s[at] != '\n' && s[at] != '\r' && s[at] != '\0')
		at++;
	return at;
}

static void
add_line(struct buf *field, bool *has, struct mg_span value)
{
	if (*has)
		buf_add_byte(field, '\n');
	*has = true;
	buf_add_span(field, value);
}

static void
read_field(struct sse *sse, struct mg_span line)
{
	const char *colon = memchr(line.ptr, ':', line.len);
	struct mg_span name = line, value = span(line.ptr + line.len, 0);

	if (colon) {
		name.len = (size_t)(colon - line.ptr);
		value = span(colon + 1, line.len - name.len - 1);
		if (value.len > 0 && value.ptr[0] == ' ')
			value = span(value.ptr + 1, value.len - 1);
	}
	if (span_is(name, "data")) {
		add_line(&sse->data, &sse->has_data, value);
	} else if (span_is(name, "event")) {
		buf_clear(&sse->name);
		buf_add_span(&sse->name, value);
	} else if (span_is(name, "error")) {
		add_line(&sse->error, &sse->has_error, value);
	}
	/* id, retry and all else mean nothing to who reads one stream once. */
}

/* A field's bytes; never NULL. */
static struct mg_span
whole(const struct buf *field)
{
	return field->len ? buf_span(field) : span("", 0);
}

static void
dispatch(struct sse *sse, bool (*event)(void *, const struct sse_event *),
    void *arg)
{
	struct sse_event e = { .has_data = sse->has_data };

	if (sse->has_data || sse->has_error) {
		e.name = whole(&sse->name);
		e.data = whole(&sse->data);
		if (sse->has_error)
			e.error = whole(&sse->error);
		sse->stopped = !event(arg, &e);
	}
	buf_clear(&sse->name);
	buf_clear(&sse->data);
	buf_clear(&sse->error);
	sse->has_data = sse->has_error = false;
}

static void
read_line(struct sse *sse, struct mg_span line,
    bool (*event)(void *, const struct sse_event *), void *arg)
{
	if (!sse->bom_done) {
		sse->bom_done = true;
		if (line.len >= 3 && memcmp(line.ptr, "\xef\xbb\xbf", 3) == 0)
			line = span(line.ptr + 3, line.len - 3);
	}
	if (line.len == 0)
		dispatch(sse, event, arg);
	else if (line.ptr[0] == ':')
		sse->comments++;
	else
		read_field(sse, line);
}

/* Whether `more` bytes can be added to the line that waits. */
static bool
fits(const struct sse *sse, size_t more)
{
	size_t used = sse->line.len + sse->name.len + sse->data.len +
	    sse->error.len;

	return used <= sse->max_bytes && more <= sse->max_bytes - used;
}

int
sse_feed(struct sse *sse, struct mg_span bytes,
    bool (*event)(void *arg, const struct sse_event *event), void *arg)
{
	while (bytes.len > 0 && !sse->failed && !sse->stopped) {
		size_t len;

		if (sse->after_cr && bytes.ptr[0] == '\n') {
			sse->after_cr = false;
			bytes = span(bytes.ptr + 1, bytes.len - 1);
			continue;
		}
		sse->after_cr = false;
		len = line_length(bytes.ptr, bytes.len);
		if (!fits(sse, len) ||
		    (len < bytes.len && bytes.ptr[len] == '\0')) {
			sse->failed = true;
			break;
		}
		if (len == bytes.len) {
			buf_add_span(&sse->line, bytes);
			break;
		}
		if (sse->line.len > 0) {
			buf_add(&sse->line, bytes.ptr, len);
			read_line(sse, buf_span(&sse->line), event, arg);
			buf_clear(&sse->line);
		} else {
			read_line(sse, span(bytes.ptr, len), event, arg);
		}
		sse->after_cr = bytes.ptr[len] == '\r';
		bytes = span(bytes.ptr + len + 1, bytes.len - len - 1);
	}
	return sse->failed ? -1 : 0;
}

int
sse_end(struct sse *sse,
    bool (*event)(void *arg, const struct sse_event *event), void *arg)
{
	if (sse->failed)
		return -1;
	if (!sse->stopped && sse->line.len > 0) {
		read_line(sse, buf_span(&sse->line), event, arg);
		buf_clear(&sse->line);
	}
	if (!sse->stopped)
		dispatch(sse, event, arg);
	sse->stopped = true;
	return 0;
}
