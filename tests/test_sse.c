/* SPDX-License-Identifier: Apache-2.0 */
/* test_sse.c - the event stream, at every cut of its bytes. */
#include <glob.h>
#include <stdlib.h>

#include "gateway/sse.h"
#include "tests/check.h"

struct log {
	struct buf text;	/* "name|data|error\n" per event; errors with
				 * their bytes or '-' */
	unsigned events, stop_after;
};

static bool
note(void *arg, const struct sse_event *e)
{
	struct log *log = arg;

	CHECK(e->data.ptr != NULL);
	CHECK(e->has_data || e->error.ptr);
	buf_add_span(&log->text, e->name);
	buf_add_byte(&log->text, '|');
	if (e->has_data)
		buf_add_span(&log->text, e->data);
	else
		buf_add_byte(&log->text, '-');
	if (e->error.ptr) {
		buf_add_byte(&log->text, '|');
		buf_add_span(&log->text, e->error);
	}
	buf_add_byte(&log->text, ';');
	return ++log->events != log->stop_after;
}

/* Feeds text in pieces that end at cut, then by `step` bytes; the result ends
 * with the status. Pieces lie in memory of exactly their size. */
static void
feed(struct mg_span text, size_t cut, size_t step, size_t max,
    struct log *log, uint64_t *comments)
{
	struct sse sse;
	size_t at = 0;
	int rc = 0;

	sse_init(&sse, max);
	while (at < text.len) {
		size_t n = at == 0 && cut ? cut : step;
		char *piece;
		int now;

		n = n < text.len - at ? n : text.len - at;
		piece = xmalloc(n);
		memcpy(piece, text.ptr + at, n);
		now = sse_feed(&sse, span(piece, n), note, log);
		CHECK(rc == 0 || now == rc);
		rc = now;
		free(piece);
		at += n;
	}
	if (rc == 0)
		rc = sse_end(&sse, note, log);
	buf_add_str(&log->text, rc ? "failed" : "ended");
	*comments = sse.comments;
	sse_fini(&sse);
}

/* Checks one text at every single cut, and in steps of 1 to 7 bytes. */
static void
gives(struct mg_span text, size_t max, unsigned stop_after,
    const char *events, uint64_t comments)
{
	struct log log = { .stop_after = stop_after };
	uint64_t seen;
	size_t cut;

	for (cut = 0; cut < text.len + 8; cut++) {
		buf_clear(&log.text);
		log.events = 0;
		feed(text, cut < text.len ? cut : 0,
		    cut < text.len ? text.len : cut - text.len + 1, max, &log,
		    &seen);
		CHECK_MEM(log.text.ptr, log.text.len, events);
		CHECK_EQ(seen, comments);
	}
	buf_fini(&log.text);
}

static void
gives_str(const char *text, const char *events)
{
	gives(span_str(text), 1000, 0, events, 0);
}

static void
an_event_is_its_data_up_to_the_blank_line(void)
{
	gives_str("data: a\n\ndata: b\n\n", "|a;|b;ended");
	gives_str("data:a\n\n", "|a;ended");
	gives_str("data:  a\n\n", "| a;ended");
	gives_str("data: a:b: c\n\n", "|a:b: c;ended");
	gives_str("data: {\"x\":\"春天🌸\"}\n\n", "|{\"x\":\"春天🌸\"};ended");
	gives_str("", "ended");
	gives_str("\n\n\n", "ended");
}

static void
lines_may_end_three_ways(void)
{
	gives_str("data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", "|a\nb;|c;ended");
	gives_str("data: a\r\rdata: b\r\r", "|a;|b;ended");
	gives_str("data: a\r\n\ndata: b\n\r\n", "|a;|b;ended");
	gives_str("data: a\n\r\rdata: b\r\n\r", "|a;|b;ended");
	/* CR LF is one end: no blank line between. */
	gives_str("data: a\r\ndata: b\n\n", "|a\nb;ended");
}

static void
data_lines_join_with_a_line_feed(void)
{
	gives_str("data: a\ndata: b\ndata:c\n\n", "|a\nb\nc;ended");
	gives_str("data\ndata\n\n", "|\n;ended");
	gives_str("data: \n\n", "|;ended");
	gives_str("data\n\n", "|;ended");
	gives_str("data:\ndata: a\n\n", "|\na;ended");
}

static void
an_event_has_a_name_for_itself_alone(void)
{
	gives_str("event: x\ndata: a\n\ndata: b\n\n", "x|a;|b;ended");
	gives_str("data: a\nevent: y\n\n", "y|a;ended");
	gives_str("event: x\nevent: z\ndata: a\n\n", "z|a;ended");
	/* A name without data is no event, and is forgotten. */
	gives_str("event: x\n\ndata: a\n\n", "|a;ended");
}

static void
fields_that_mean_nothing_are_passed_over(void)
{
	gives_str("id: 7\nretry: 10\nfoo: bar\ndata: a\nDATA: b\n data: c\n"
	    "databank: d\ndat: e\n\n", "|a;ended");
	gives_str("id: 7\n\n", "ended");
	gives_str("{\"not\":\"an event\"}\n\n", "ended");
}

static void
an_error_field_is_shown(void)
{
	gives_str("error: {\"code\":500}\n\n", "|-|{\"code\":500};ended");
	gives_str("data: a\nerror: b\n\n", "|a|b;ended");
	gives_str("error:\n\n", "|-|;ended");
	gives_str("error: {\"code\":500}\n", "|-|{\"code\":500};ended");
}

static void
comments_are_counted_and_passed_over(void)
{
	gives(span_str(": ping\n\n:\n::\ndata: a\n:x\ndata: b\n\n"), 1000, 0,
	    "|a\nb;ended", 4);
}

static void
a_byte_order_mark_may_come_first_alone(void)
{
	gives_str("\xef\xbb\xbf" "data: a\n\n", "|a;ended");
	gives_str("\xef\xbb\xbf\xef\xbb\xbf" "data: a\n\n", "ended");
	gives_str("\n\xef\xbb\xbf" "data: a\n\n", "ended");
	gives_str("data: \xef\xbb\xbf" "a\n\n", "|\xef\xbb\xbf" "a;ended");
	gives_str("\xef\xbb\xbf", "ended");
}

static void
the_last_event_needs_no_blank_line(void)
{
	gives_str("data: a\n\ndata: b\n", "|a;|b;ended");
	gives_str("data: a\n\ndata: b", "|a;|b;ended");
	gives_str("data: a\r", "|a;ended");
	gives_str("event: x\ndata", "x|;ended");
}

static void
the_callback_can_stop_it_for_good(void)
{
	gives(span_str("data: a\n\ndata: b\n\ndata: c\n\ndata: d"), 1000, 2,
	    "|a;|b;ended", 0);
	gives(span_str("data: a\n\ndata: b\n\n\0"), 1000, 1, "|a;ended", 0);
}

static void
an_event_larger_than_the_cap_fails(void)
{
	/* 16 bytes: a field's value, and the line that adds to it. */
	gives(span_str("data: 0123456789\n\n"), 16, 0, "|0123456789;ended", 0);
	gives(span_str("data: 01234567890\n\n"), 16, 0, "failed", 0);
	gives(span_str("data: a\n\ndata: 01234567890\n\n"), 16, 0, "|a;failed",
	    0);
	gives(span_str("data: 0123\ndata: 01234\n\n"), 16, 0,
	    "|0123\n01234;ended", 0);
	gives(span_str("data: 0123\ndata: 0123456\n\n"), 16, 0, "failed", 0);
	gives(span_str("event: 01234\ndata: 012345\n\n"), 16, 0, "failed", 0);
	gives(span_str(": 0123456789 0123456789\n\n"), 16, 0, "failed", 0);
	gives(span_str("data\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\n"
	    "data\ndata\ndata\ndata\ndata\ndata\n\n"), 16, 0, "failed", 0);
}

static void
a_nul_fails(void)
{
	gives(span("data: a\n\ndata: \0\n\n", 19), 1000, 0, "|a;failed", 0);
	gives(span("\0", 1), 1000, 0, "failed", 0);
	gives(span("data: a\n\n: \0", 12), 1000, 0, "|a;failed", 0);
}

static void
read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	CHECK(f != NULL);
	if (!f)
		return;
	buf_clear(out);
	do {
		n = fread(buf_reserve(out, 65536), 1, 65536, f);
		out->len += n;
	} while (n > 0);
	(void)fclose(f);
}

static void
every_recorded_stream_reads_the_same_at_every_cut(void)
{
	struct log whole = { 0 };
	struct buf text = { 0 };
	uint64_t comments;
	glob_t paths;
	size_t i;

	CHECK_EQ(glob("tests/fixtures/*.sse", 0, NULL, &paths), 0);
	CHECK(paths.gl_pathc > 30);
	for (i = 0; i < paths.gl_pathc; i++) {
		read_file(paths.gl_pathv[i], &text);
		buf_clear(&whole.text);
		whole.events = 0;
		feed(buf_span(&text), 0, text.len, 1 << 20, &whole, &comments);
		CHECK(whole.events > 0);
		if (text.len > 8000)	/* every cut of it would take long */
			continue;
		gives(buf_span(&text), 1 << 20, 0, buf_cstr(&whole.text),
		    comments);
	}
	globfree(&paths);
	buf_fini(&text);
	buf_fini(&whole.text);
}

int
main(void)
{
	RUN(an_event_is_its_data_up_to_the_blank_line);
	RUN(lines_may_end_three_ways);
	RUN(data_lines_join_with_a_line_feed);
	RUN(an_event_has_a_name_for_itself_alone);
	RUN(fields_that_mean_nothing_are_passed_over);
	RUN(an_error_field_is_shown);
	RUN(comments_are_counted_and_passed_over);
	RUN(a_byte_order_mark_may_come_first_alone);
	RUN(the_last_event_needs_no_blank_line);
	RUN(the_callback_can_stop_it_for_good);
	RUN(an_event_larger_than_the_cap_fails);
	RUN(a_nul_fails);
	RUN(every_recorded_stream_reads_the_same_at_every_cut);
	return CHECK_DONE();
}
