/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit_reader.c - what was written is found again: after a crash, by cat,
 * by tail; and damage is not passed over. */
#include "gateway/audit/cat.h"
#include "tests/audit_bench.h"

/* ---- tests: recovery ---- */

static void
opens_without_a_close_are_told_aborted_once(void)
{
	struct config_audit c = config();
	struct bench b, again;
	int i;

	new_dir();
	CHECK(bench_open(&b, &c, &audit_io_system));
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	CHECK_EQ(write_one(&b, "exchange.open", X2), AUDIT_DURABLE);
	CHECK_EQ(write_one(&b, "exchange.close", X1), AUDIT_DURABLE);
	snapshot();
	for (i = 0; i < 3; i++) {
		CHECK(bench_open(&again, &c, &audit_io_system));
		bench_close(&again);
		CHECK_EQ(count("exchange.aborted"), 1);
		CHECK_EQ(count("\"reason\":\"recovery\",\"ts\""), 1);
		CHECK_EQ(count("log.recovered"), 1);
	}
	CHECK_EQ(count(X2), 2);
	CHECK_EQ(count(X1), 2);
	bench_close(&b);
}

static void
room_that_was_never_used_is_given_back_and_not_called_torn(void)
{
	struct config_audit c = config();
	struct bench b, again;
	struct extent e;
	char path[256];

	new_dir();
	CHECK(bench_open(&b, &c, &audit_io_system));
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	snapshot();
	last_segment(path);
	e = extent_of(path);
	CHECK(e.size >= e.used + 10000);
	CHECK(bench_open(&again, &c, &audit_io_system));
	e = extent_of(path);
	CHECK_EQ(e.size, e.used);
	CHECK_EQ(count("\"cut_bytes\":0,"), 1);
	CHECK_EQ(count("exchange.aborted"), 1);
	bench_close(&again);
	bench_close(&b);
}

/* Killed after the end mark was written and before the room was given back. */
static void
an_end_mark_with_room_behind_it_is_settled_once(void)
{
	struct config_audit c = config();
	struct bench b;
	struct extent e;
	char path[256];
	int i;

	new_dir();
	CHECK(bench_open(&b, &c, &audit_io_system));
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	CHECK_EQ(write_one(&b, "exchange.close", X1), AUDIT_DURABLE);
	last_segment(path);
	bench_close(&b);
	change_file(path, 0, 100000);
	for (i = 0; i < 3; i++) {
		CHECK(bench_open(&b, &c, &audit_io_system));
		bench_close(&b);
		e = extent_of(path);
		CHECK_EQ(e.size, e.used);
		CHECK_EQ(count("\"cut_bytes\":0,"), 1);
		CHECK_EQ(count("exchange.aborted"), 0);
		CHECK_EQ(count(X1), 2);
	}
}

static void
an_open_is_found_segments_before_its_missing_close(void)
{
	struct config_audit c = config();
	struct bench b, again;
	int i;

	new_dir();
	c.segment_bytes = 512;
	CHECK(bench_open(&b, &c, &audit_io_system));
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	CHECK_EQ(write_one(&b, "exchange.open", X3), AUDIT_DURABLE);
	for (i = 0; i < 20; i++) {
		CHECK_EQ(write_one(&b, "exchange.open", X2), AUDIT_DURABLE);
		CHECK_EQ(write_one(&b, "exchange.close", X2), AUDIT_DURABLE);
	}
	CHECK_EQ(write_one(&b, "exchange.close", X3), AUDIT_DURABLE);
	CHECK(count_segments() > 5);
	snapshot();
	CHECK(bench_open(&again, &c, &audit_io_system));
	bench_close(&again);
	CHECK_EQ(count("exchange.aborted"), 1);
	CHECK_EQ(count(X1), 2);
	CHECK_EQ(count(X3), 2);
	bench_close(&b);
}

static void
the_log_of_a_live_process_is_left_alone(void)
{
	struct config_audit c = config();
	struct bench old, young;

	new_dir();
	CHECK(bench_open(&old, &c, &audit_io_system));
	CHECK_EQ(write_one(&old, "exchange.open", X1), AUDIT_DURABLE);
	CHECK(bench_open(&young, &c, &audit_io_system));
	CHECK_EQ(write_one(&young, "exchange.open", X2), AUDIT_DURABLE);
	CHECK_EQ(write_one(&old, "exchange.close", X1), AUDIT_DURABLE);
	CHECK_EQ(write_one(&young, "exchange.close", X2), AUDIT_DURABLE);
	CHECK_EQ(count("log.recovered"), 0);
	bench_close(&old);
	bench_close(&young);
	CHECK_EQ(count("exchange.aborted"), 0);
	CHECK_EQ(count("log.stopped"), 2);
	CHECK_EQ(count_segments(), 2);
}

/* A segment in memory: 12 frames; the first six were on disk when the others
 * were written. at[i] is where frame i begins, at[12] the end. */
static void
make_segment(struct buf *out, size_t at[13])
{
	struct segment_header header = { .created_us = 1000, .salt = 77,
	    .first = 5, .instance = "unit" };
	uint64_t sequence = 5, durable;
	unsigned i;

	segment_header_write(&header, buf_reserve(out, SEGMENT_HEADER));
	out->len = durable = SEGMENT_HEADER;
	for (i = 0; i < 12; i++) {
		struct buf frame = { 0 };
		char json[96];

		(void)snprintf(json, sizeof(json), "{\"n\":%u,\"type\":\"t\","
		    "\"xid\":\"%s\"}", i, X1);
		if (i == 6)
			durable = out->len;
		at[i] = out->len;
		segment_frame_add(&frame, AUDIT_LEAF, span_str(json));
		segment_frames_seal(frame.ptr, frame.len, &header, &sequence,
		    durable);
		buf_add_span(out, buf_span(&frame));
		buf_fini(&frame);
	}
	at[12] = out->len;
}

static unsigned
walk(struct mg_span bytes, enum audit_read *end)
{
	struct audit_frame frame;
	uint64_t offset = 0;
	const char *why = "";
	unsigned n = 0;

	while ((*end = audit_next(bytes, &offset, &frame, &why)) == READ_FRAME)
		n++;
	return n;
}

static void
a_segment_cut_at_any_byte_gives_its_whole_frames(void)
{
	struct buf segment = { 0 };
	size_t at[13], len;
	enum audit_read end;
	unsigned whole;

	make_segment(&segment, at);
	for (len = 0; len <= segment.len; len++) {
		unsigned n = walk(span(segment.ptr, len), &end);

		for (whole = 0; whole < 12 && at[whole + 1] <= len; whole++)
			;
		CHECK_EQ(n, whole);
		CHECK_EQ(end, len == SEGMENT_HEADER || (len > SEGMENT_HEADER &&
		    len == at[whole]) ? READ_END : READ_TORN);
	}
	buf_fini(&segment);
}

static void
zeros_after_the_last_frame_or_its_beginning_are_room(void)
{
	struct buf segment = { 0 };
	enum audit_read end;
	size_t at[13], cut, len;
	unsigned i;

	make_segment(&segment, at);
	len = segment.len;
	memset(buf_reserve(&segment, 5000), 0, 5000);
	segment.len += 5000;
	CHECK_EQ(walk(buf_span(&segment), &end), 12);
	CHECK_EQ(end, READ_END);
	for (cut = len - 1, i = 11; cut >= at[6]; cut--) {
		segment.ptr[cut] = 0;
		if (cut < at[i])
			i--;
		CHECK_EQ(walk(buf_span(&segment), &end), i);
		CHECK_EQ(end, cut == at[i] ? READ_END : READ_TORN);
	}
	/* One byte that is none, however far behind. */
	segment.ptr[segment.len - 1] = 1;
	CHECK_EQ(walk(buf_span(&segment), &end), 6);
	CHECK_EQ(end, READ_TORN);
	buf_fini(&segment);
}

static void
zeros_after_the_end_mark_are_room_and_anything_else_is_damage(void)
{
	struct buf segment = { 0 };
	struct segment_header header;
	enum audit_read end;
	uint64_t sequence;
	size_t at[13];

	make_segment(&segment, at);
	CHECK(segment_header_read(buf_span(&segment), &header));
	sequence = header.first + 12;
	segment_frame_add(&segment, AUDIT_MARK,
	    segment_end_text(END_STOPPED));
	segment_frames_seal(segment.ptr + at[12], segment.len - at[12],
	    &header, &sequence, at[12]);
	CHECK_EQ(walk(buf_span(&segment), &end), 13);
	CHECK_EQ(end, READ_END);
	memset(buf_reserve(&segment, 100), 0, 100);
	segment.len += 100;
	CHECK_EQ(walk(buf_span(&segment), &end), 13);
	CHECK_EQ(end, READ_END);
	segment.ptr[segment.len - 50] = 1;
	CHECK_EQ(walk(buf_span(&segment), &end), 13);
	CHECK_EQ(end, READ_CORRUPT);
	buf_fini(&segment);
}

static void
a_bad_byte_is_damage_where_it_was_durable_and_torn_where_not(void)
{
	struct buf segment = { 0 };
	enum audit_read end;
	size_t at[13], i;

	make_segment(&segment, at);
	for (i = SEGMENT_HEADER; i < segment.len; i++) {
		unsigned n, frame = 0;

		while (at[frame + 1] <= i)
			frame++;
		segment.ptr[i] ^= 0x20;
		n = walk(buf_span(&segment), &end);
		segment.ptr[i] ^= 0x20;
		CHECK_EQ(n, frame);
		CHECK_EQ(end, frame < 6 ? READ_CORRUPT : READ_TORN);
	}
	for (i = 0; i < SEGMENT_HEADER; i++) {
		segment.ptr[i] ^= 1;
		CHECK_EQ(walk(buf_span(&segment), &end), 0);
		CHECK_EQ(end, READ_CORRUPT);
		segment.ptr[i] ^= 1;
	}
	buf_fini(&segment);
}

/* A disk may write the blocks of a group in any order before a power cut. */
static void
a_large_group_whose_first_block_was_lost_is_torn(void)
{
	struct segment_header header = { .salt = 99 };
	struct buf segment = { 0 };
	enum audit_read end;
	uint64_t sequence = 0;
	unsigned i;

	segment_header_write(&header, buf_reserve(&segment, SEGMENT_HEADER));
	segment.len = SEGMENT_HEADER;
	for (i = 0; i < 10000; i++)
		segment_frame_add(&segment, AUDIT_LEAF, span_str("{\"a\":1}"));
	segment_frames_seal(segment.ptr + SEGMENT_HEADER, segment.len -
	    SEGMENT_HEADER, &header, &sequence, SEGMENT_HEADER);
	CHECK_EQ(walk(buf_span(&segment), &end), 10000);
	memset(segment.ptr + SEGMENT_HEADER, 0, 4096);
	CHECK_EQ(walk(buf_span(&segment), &end), 0);
	CHECK_EQ(end, READ_TORN);
	buf_fini(&segment);
}

static void
a_missing_frame_is_damage(void)
{
	struct buf segment = { 0 };
	enum audit_read end;
	size_t at[13];

	make_segment(&segment, at);
	memmove(segment.ptr + at[3], segment.ptr + at[4], at[12] - at[4]);
	segment.len -= at[4] - at[3];
	CHECK_EQ(walk(buf_span(&segment), &end), 3);
	CHECK_EQ(end, READ_CORRUPT);
	buf_fini(&segment);
}

static void
reading_goes_on_behind_bad_bytes_and_counts_what_is_lost(void)
{
	struct buf segment = { 0 };
	struct audit_frame frame;
	uint64_t offset, lost;
	size_t at[13], i, n;
	const char *why;

	make_segment(&segment, at);
	for (i = SEGMENT_HEADER; i < at[6]; i++) {
		unsigned bad = 0;
		enum audit_read read;

		while (at[bad + 1] <= i)
			bad++;
		segment.ptr[i] ^= 0x20;
		offset = 0;
		for (n = 0; (read = audit_next(buf_span(&segment), &offset,
		    &frame, &why)) == READ_FRAME; n++)
			;
		CHECK_EQ(read, READ_CORRUPT);
		CHECK(audit_skip(buf_span(&segment), &offset, &frame, &lost));
		CHECK_EQ(lost, 1);
		CHECK_EQ(offset, at[bad + 1]);
		while ((read = audit_next(buf_span(&segment), &offset, &frame,
		    &why)) == READ_FRAME)
			n++;
		CHECK_EQ(read, READ_END);
		CHECK_EQ(n, 11);
		segment.ptr[i] ^= 0x20;
	}
	/* A damaged header has no salt to find frames by. */
	segment.ptr[70] ^= 1;
	offset = 0;
	CHECK(!audit_skip(buf_span(&segment), &offset, &frame, &lost));
	buf_fini(&segment);
}

static void
a_file_torn_at_each_of_its_last_bytes_is_recovered(void)
{
	struct config_audit c = config();
	struct bench b, again;
	char path[256], live[128];
	struct extent e;
	unsigned i;
	off_t cut;

	new_dir();
	CHECK(bench_open(&b, &c, &audit_io_system));
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	last_segment(path);
	e = extent_of(path);
	CHECK_EQ(write_one(&b, "exchange.open", X2), AUDIT_DURABLE);
	memcpy(live, dir, sizeof(live));
	for (cut = e.used, i = 0; cut < e.used + 140; cut += 3, i++) {
		memcpy(dir, live, sizeof(live));
		snapshot();
		last_segment(path);
		change_file(path, 0, cut);
		if (i % 2)	/* the room behind it is there as well */
			change_file(path, 0, e.size);
		CHECK(bench_open(&again, &c, &audit_io_system));
		bench_close(&again);
		CHECK_EQ(count("exchange.open"), 1);
		CHECK_EQ(count("exchange.aborted"), 1);
		CHECK_EQ(count("log.recovered"), 1);
	}
	bench_close(&b);
}

static void
damage_in_the_middle_refuses_to_start_and_says_where(void)
{
	struct config_audit c = config();
	struct bench b, again;
	char path[256];

	new_dir();
	CHECK(bench_open(&b, &c, &audit_io_system));
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	CHECK_EQ(write_one(&b, "exchange.close", X1), AUDIT_DURABLE);
	snapshot();
	bench_close(&b);
	last_segment(path);
	change_file(path, SEGMENT_HEADER + SEGMENT_FRAME + 9, -1);
	CHECK(!bench_open(&again, &c, &audit_io_system));
	CHECK(strstr(again.err.text, path) != NULL);
	CHECK(strstr(again.err.text, "byte 128:") != NULL);
	/* The same in a log that was stopped in order. */
	change_file(path, SEGMENT_HEADER + SEGMENT_FRAME + 9, -1);
	CHECK(bench_open(&again, &c, &audit_io_system));
	bench_close(&again);
	change_file(path, SEGMENT_HEADER + SEGMENT_FRAME + 9, -1);
	CHECK(!bench_open(&again, &c, &audit_io_system));
}

/* ---- tests: cat and tail ---- */

/* What cat prints; the caller frees. */
static char *
cat(struct cat_options options, int *rc)
{
	struct mg_error err = { "" };
	char *text = NULL;
	size_t len;

	options.dir = dir;
	options.out = open_memstream(&text, &len);
	*rc = audit_cat(&options, &err);
	fclose(options.out);
	return text;
}

static unsigned
lines(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* A record with a time of its own. */
static void
write_at(struct bench *b, unsigned second, const char *type)
{
	int64_t us = now_us() + (int64_t)second * 1000000;
	struct item item = { .base = b->base, .left = &b->left,
	    .order = &b->order, .ticket.done = on_done };
	struct buf json = { 0 };
	char ts[28];

	audit_time(us, ts);
	buf_addf(&json, "{\"n\":%u,\"ts\":\"%s\",\"type\":\"%s\"}",
	    second, ts, type);
	audit_add(&item.ticket, AUDIT_LEAF, buf_span(&json));
	buf_fini(&json);
	b->left++;
	audit_submit(b->audit, b->inbox, &item.ticket, true);
	wait_all(b);
}

static void
cat_merges_what_two_processes_wrote_by_time(void)
{
	struct config_audit c = config();
	struct bench one, two;
	char *text, *at;
	unsigned i;
	int rc;

	new_dir();
	CHECK(bench_open(&one, &c, &audit_io_system));
	CHECK(bench_open(&two, &c, &audit_io_system));
	for (i = 0; i < 10; i++)
		write_at(i % 2 ? &one : &two, i + 1, "t.merge");
	/* Both are live: what is there so far. */
	text = cat((struct cat_options){ 0 }, &rc);
	CHECK_EQ(rc, 0);
	CHECK_EQ(lines(text), 12);
	for (i = 0, at = text; i < 10 && at; i++) {
		char want[16];

		(void)snprintf(want, sizeof(want), "{\"n\":%u,", i + 1);
		at = strstr(at, "{\"n\"");
		CHECK(at && strncmp(at, want, strlen(want)) == 0);
		at = at ? at + 1 : at;
	}
	free(text);
	bench_close(&one);
	bench_close(&two);
}

static void
tail_prints_the_last_ones_from_as_many_segments_as_it_needs(void)
{
	struct config_audit c = config();
	struct bench b;
	unsigned i, n;
	char *text;
	int rc;

	new_dir();
	c.segment_bytes = 300;
	CHECK(bench_open(&b, &c, &audit_io_system));
	for (i = 0; i < 20; i++)
		write_at(&b, i, "t.tail");
	for (n = 1; n <= 25; n++) {
		text = cat((struct cat_options){ .last = n }, &rc);
		CHECK_EQ(lines(text), n < 21 ? n : 21);
		CHECK(strstr(text, "{\"n\":19,") != NULL);
		CHECK_EQ(strstr(text, "{\"n\":18,") != NULL, n > 1);
		free(text);
	}
	bench_close(&b);
	text = cat((struct cat_options){ .last = 5 }, &rc);
	CHECK_EQ(lines(text), 5);
	free(text);
}

struct follower {
	pthread_t thread;
	FILE *out;
	_Atomic int stop;
	int rc;
};

static void *
follow(void *arg)
{
	struct follower *f = arg;
	struct cat_options options = { .dir = dir, .out = f->out, .last = 2,
	    .follow = true, .stop = &f->stop };
	struct mg_error err = { "" };

	f->rc = audit_cat(&options, &err);
	return NULL;
}

static void
tail_follows_into_new_segments(void)
{
	struct config_audit c = config();
	struct follower f = { 0 };
	struct bench b;
	char *text = NULL;
	size_t len;
	unsigned i;

	new_dir();
	c.segment_bytes = 400;
	CHECK(bench_open(&b, &c, &audit_io_system));
	for (i = 0; i < 6; i++)
		write_at(&b, i, "t.old");
	f.out = open_memstream(&text, &len);
	CHECK_EQ(pthread_create(&f.thread, NULL, follow, &f), 0);
	usleep(100000);
	for (i = 6; i < 16; i++)
		write_at(&b, i, "t.new");
	usleep(500000);
	atomic_store(&f.stop, 1);
	pthread_join(f.thread, NULL);
	fclose(f.out);
	CHECK_EQ(f.rc, 0);
	CHECK_EQ(lines(text), 12);
	CHECK(strstr(text, "{\"n\":4,") && strstr(text, "{\"n\":15,"));
	free(text);
	bench_close(&b);
}

static void
cat_prints_the_rest_of_a_log_with_damage_and_says_so(void)
{
	struct config_audit c = config();
	struct bench b;
	char path[256], told[512] = "", *text;
	unsigned whole;
	int rc, saved, fd;

	new_dir();
	CHECK(bench_open(&b, &c, &audit_io_system));
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	CHECK_EQ(write_one(&b, "exchange.open", X2), AUDIT_DURABLE);
	CHECK_EQ(write_one(&b, "exchange.close", X2), AUDIT_DURABLE);
	bench_close(&b);
	text = cat((struct cat_options){ 0 }, &rc);
	CHECK_EQ(rc, 0);
	whole = lines(text);
	free(text);
	last_segment(path);
	change_file(path, SEGMENT_HEADER + SEGMENT_FRAME + 9, -1);
	(void)snprintf(path, sizeof(path), "%s/told", dir);
	saved = dup(2);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	(void)dup2(fd, 2);
	text = cat((struct cat_options){ 0 }, &rc);
	(void)dup2(saved, 2);
	close(saved);
	CHECK(pread(fd, told, sizeof(told) - 1, 0) > 0);
	close(fd);
	CHECK_EQ(rc, 1);
	CHECK(strstr(told, ": byte 128: a frame does not match its checksum, "
	    "and later ones do; 1 record skipped, read on at byte "));
	CHECK(whole > 3);
	CHECK_EQ(lines(text), whole - 1);
	CHECK(strstr(text, X1) != NULL);
	CHECK(strstr(text, "exchange.close") != NULL);
	free(text);
}

static void
a_line_for_people_cannot_drive_their_terminal(void)
{
	struct buf out = { 0 };

	cat_line(span_str("{\"model\":\"a\\u001b[2J\\u0085春\",\"outcome\":"
	    "\"blocked\",\"status\":400,\"tenant\":\"t\",\"ts\":\"T\","
	    "\"type\":\"exchange.close\",\"verdicts\":[{\"action\":"
	    "\"block\",\"phase\":\"prompt\",\"rule\":\"r\"}],"
	    "\"xid\":\"X\"}"), &out);
	CHECK_MEM(out.ptr, out.len, "T X exchange.close tenant=t model=a?[2J?春"
	    " blocked 400 prompt:r=block");
	buf_fini(&out);
}

int
main(void)
{
	if (!bench_begin())
		return 1;
	RUN(opens_without_a_close_are_told_aborted_once);
	RUN(room_that_was_never_used_is_given_back_and_not_called_torn);
	RUN(an_end_mark_with_room_behind_it_is_settled_once);
	RUN(an_open_is_found_segments_before_its_missing_close);
	RUN(the_log_of_a_live_process_is_left_alone);
	RUN(a_segment_cut_at_any_byte_gives_its_whole_frames);
	RUN(zeros_after_the_last_frame_or_its_beginning_are_room);
	RUN(zeros_after_the_end_mark_are_room_and_anything_else_is_damage);
	RUN(a_bad_byte_is_damage_where_it_was_durable_and_torn_where_not);
	RUN(a_large_group_whose_first_block_was_lost_is_torn);
	RUN(a_missing_frame_is_damage);
	RUN(reading_goes_on_behind_bad_bytes_and_counts_what_is_lost);
	RUN(a_file_torn_at_each_of_its_last_bytes_is_recovered);
	RUN(damage_in_the_middle_refuses_to_start_and_says_where);
	RUN(cat_merges_what_two_processes_wrote_by_time);
	RUN(tail_prints_the_last_ones_from_as_many_segments_as_it_needs);
	RUN(tail_follows_into_new_segments);
	RUN(cat_prints_the_rest_of_a_log_with_damage_and_says_so);
	RUN(a_line_for_people_cannot_drive_their_terminal);
	return BENCH_END();
}
