/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit_treelog.c - what was recorded is in the tree, and what was changed
 * afterwards is found out: by the next start, and by verify. */
#include <fcntl.h>

#include "gateway/audit/treelog.h"
#include "gateway/audit/verify.h"
#include "gateway/file.h"
#include "tests/audit_bench.h"

static struct verify_report report;

static struct config_audit
publishing(void)
{
	struct config_audit c = config();
	static char origin[] = "gw.example/audit";

	c.checkpoint_ms = 100;
	c.origin = origin;
	return c;
}

/* Runs a gateway's log with n exchanges, and stops it in order. */
static void
run_log(unsigned n)
{
	struct config_audit c = publishing();
	struct bench b;
	char xid[37];
	unsigned i;
	bool open;

	open = bench_open(&b, &c, &audit_io_system);
	CHECK(open);
	for (i = 0; open && i < n; i++) {
		audit_uuid7(now_us(), xid);
		CHECK_EQ(write_one(&b, "exchange.open", xid), AUDIT_DURABLE);
		CHECK_EQ(write_one(&b, "exchange.close", xid), AUDIT_DURABLE);
	}
	if (open)
		bench_close(&b);
}

static bool
verify(void)
{
	struct verify_options o = { .dir = dir };
	struct mg_error err = { { 0 } };

	CHECK_EQ(audit_verify(&o, &report, &err), 0);
	return report.problem.text[0] == '\0';
}

static void
all_records_are_in_the_tree(void)
{
	new_dir();
	run_log(10);
	CHECK(verify());
	/* log.started, 20, log.stopped. */
	CHECK_EQ(report.checkpoint.size, 22);
	CHECK_EQ(report.opened, 10);
	CHECK_EQ(report.closed, 10);
	CHECK_EQ(report.more, 0);
	run_log(3);
	CHECK(verify());
	CHECK_EQ(report.checkpoint.size, 30);
	CHECK_STR(report.checkpoint.origin, "gw.example/audit");
}

static void
the_tree_is_public_while_the_log_is_written(void)
{
	struct config_audit c = publishing();
	struct audit_stats stats;
	struct bench b;
	unsigned i;

	new_dir();
	CHECK(bench_open(&b, &c, &audit_io_system));
	CHECK_EQ(write_one(&b, "exchange.open", X1), AUDIT_DURABLE);
	for (i = 0; i < 100; i++) {
		audit_stats(b.audit, &stats);
		if (stats.published == 2)
			break;
		usleep(50000);
	}
	CHECK_EQ(stats.published, 2);
	CHECK_EQ(stats.integrated, 2);
	CHECK(verify());
	CHECK_EQ(report.under_way, 1);
	bench_close(&b);
}

static void
remove_log_file(const char *name)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/log/%s", dir, name);
	CHECK_EQ(unlink(path), 0);
}

static void
goes_on_from_place_or_from_the_beginning(void)
{
	new_dir();
	run_log(400);
	run_log(1);
	remove_log_file("place");
	run_log(1);
	CHECK(verify());
	CHECK_EQ(report.checkpoint.size, 802 + 4 + 4);
}

/* The only segment of the log. */
static const char *
segment_path(void)
{
	static char path[400];
	struct segment_info *list;
	struct mg_error err = { { 0 } };
	size_t n;

	CHECK_EQ(segments_list(dir, &list, &n, &err), 0);
	CHECK(n >= 1);
	(void)snprintf(path, sizeof(path), "%s/%s", dir, list[0].name);
	free(list);
	return path;
}

/* Changes a byte of the first record's time and makes its checksum right
 * again, as one who knows the format would. */
static void
forge(void)
{
	struct segment_header header;
	struct segment_frame frame;
	struct buf b = { 0 };
	struct mg_error err = { { 0 } };
	const char *path = segment_path();
	uint64_t sequence;
	size_t at = SEGMENT_HEADER;
	char *digit;
	int fd;

	CHECK_EQ(file_read(path, 1 << 26, NULL, &b, &err), 0);
	CHECK(segment_header_read(buf_span(&b), &header));
	CHECK_EQ(segment_frame_check(span(b.ptr + at, b.len - at), header.salt,
	    &frame), CHECK_GOOD);
	digit = memmem(b.ptr + at, SEGMENT_FRAME + frame.payload.len,
	    "\"ts\":\"2", 7);
	CHECK(digit != NULL);
	digit[8] = digit[8] == '0' ? '1' : '0';
	sequence = frame.sequence;
	segment_frames_seal(b.ptr + at, SEGMENT_FRAME + frame.payload.len,
	    &header, &sequence, frame.durable);
	fd = open(path, O_WRONLY);
	CHECK_EQ(write(fd, b.ptr, b.len), (ssize_t)b.len);
	close(fd);
	buf_fini(&b);
}

static bool
starts(struct mg_error *err)
{
	struct config_audit c = publishing();
	struct audit *audit = audit_new(dir, &c, err);

	audit_free(audit);
	return audit != NULL;
}

static void
a_forged_record_is_found_out(void)
{
	struct mg_error err = { { 0 } };

	new_dir();
	run_log(5);
	CHECK(verify());
	forge();
	CHECK(!verify());
	CHECK(strstr(report.problem.text, "record 0 (") != NULL);
	CHECK(strstr(report.problem.text, "is not the one that was signed") !=
	    NULL);
	CHECK(!starts(&err));
	CHECK(strstr(err.text, "records were changed") != NULL);
}

static void
a_missing_segment_is_found_out(void)
{
	struct mg_error err = { { 0 } };

	new_dir();
	run_log(2);
	CHECK_EQ(unlink(segment_path()), 0);
	CHECK(!verify());
	CHECK(strstr(report.problem.text, "the last ones are missing") !=
	    NULL);
	CHECK(!starts(&err));
	CHECK(strstr(err.text, "records are missing") != NULL);
}

static void
another_key_or_origin_is_found_out(void)
{
	struct verify_options o = { .dir = dir };
	struct mg_error err = { { 0 } };
	struct config_audit c = publishing();
	unsigned char seed[32] = { 7 };
	struct note_signer *other;
	char name[] = "other";

	new_dir();
	run_log(1);
	other = note_signer_new("gw.example/audit", NOTE_ED25519, seed, &err);
	o.vkey = note_signer_public(other);
	CHECK_EQ(audit_verify(&o, &report, &err), -1);
	CHECK(strstr(err.text, "it is not signed by gw.example/audit") !=
	    NULL);
	note_signer_free(other);
	memset(&err, 0, sizeof(err));
	c.origin = name;
	CHECK(audit_new(dir, &c, &err) == NULL);
	CHECK(strstr(err.text, "it is of 'gw.example/audit', not of 'other'")
	    != NULL || strstr(err.text, "not signed by other") != NULL);
}

static void
the_log_continues_older_checkpoints(void)
{
	struct verify_options o = { .dir = dir };
	struct mg_error err = { { 0 } };
	struct buf old = { 0 };
	struct checkpoint c;
	int logfd;
	char path[300];

	new_dir();
	run_log(3);
	(void)snprintf(path, sizeof(path), "%s/log", dir);
	logfd = open(path, O_RDONLY | O_DIRECTORY);
	CHECK_EQ(treelog_checkpoint(logfd, NULL, &c, &old, &err), 0);
	close(logfd);
	run_log(300);
	o.older = buf_span(&old);
	CHECK_EQ(audit_verify(&o, &report, &err), 0);
	CHECK_STR(report.problem.text, "");
	CHECK_EQ(report.older.size, 8);
	/* The same, cut back: as if the later one were the older. */
	buf_fini(&old);
}

static void
an_end_without_a_beginning_is_found_out(void)
{
	struct config_audit c = publishing();
	struct bench b;

	new_dir();
	CHECK(bench_open(&b, &c, &audit_io_system));
	CHECK_EQ(write_one(&b, "exchange.close", X1), AUDIT_DURABLE);
	bench_close(&b);
	CHECK(!verify());
	CHECK(strstr(report.problem.text, "an end of an exchange that is not "
	    "open") != NULL);
}

static void
every_record_is_proved_alone(void)
{
	struct mg_error err = { { 0 } };
	struct buf proof = { 0 };
	struct checkpoint c;
	struct note_verifier key;
	struct buf text = { 0 };
	struct mg_span entry;
	struct hasher *hasher = hasher_new();
	struct leaves *leaves;
	struct leaves_place beginning = { .number = 0 };
	const char *why;
	char path[300];
	uint64_t i, found;
	int logfd;

	new_dir();
	run_log(200);
	(void)snprintf(path, sizeof(path), "%s/log/vkey", dir);
	CHECK_EQ(file_read(path, 4096, NULL, &text, &err), 0);
	CHECK_EQ(note_verifier_read(span(text.ptr, text.len - 1), &key, &err),
	    0);
	(void)snprintf(path, sizeof(path), "%s/log", dir);
	logfd = open(path, O_RDONLY | O_DIRECTORY);
	leaves = leaves_open(dir, logfd, false, &beginning, &err);
	for (i = 0; leaves_next(leaves, NULL, &entry, &err) > 0; i++) {
		buf_clear(&proof);
		CHECK_EQ(audit_prove(dir, i, &proof, &err), 0);
		CHECK(audit_proof_holds(buf_span(&proof), entry, &key, &c,
		    &why));
		CHECK(!audit_proof_holds(buf_span(&proof),
		    span(entry.ptr, entry.len - 1), &key, &c, &why));
	}
	CHECK_EQ(i, 402);
	CHECK_EQ(audit_prove(dir, i, &proof, &err), -1);
	CHECK_EQ(audit_find(dir, span_str(X1), false, &found, &err), 0);
	CHECK_EQ(found, UINT64_MAX);
	leaves_free(leaves);
	close(logfd);
	hasher_free(hasher);
	buf_fini(&proof);
	buf_fini(&text);
}

/* Two processes' logs in one folder, as in a take-over. */
static void
a_successor_waits_for_its_predecessor_s_end(void)
{
	struct config_audit c = publishing();
	struct audit_stats stats;
	struct bench first, second;
	unsigned i;

	new_dir();
	CHECK(bench_open(&first, &c, &audit_io_system));
	CHECK(bench_open(&second, &c, &audit_io_system));
	CHECK_EQ(write_one(&second, "exchange.open", X2), AUDIT_DURABLE);
	CHECK_EQ(write_one(&first, "exchange.open", X1), AUDIT_DURABLE);
	CHECK_EQ(write_one(&first, "exchange.close", X1), AUDIT_DURABLE);
	bench_close(&first);
	CHECK_EQ(write_one(&second, "exchange.close", X2), AUDIT_DURABLE);
	for (i = 0; i < 100; i++) {
		audit_stats(second.audit, &stats);
		if (stats.published >= 7)
			break;
		usleep(50000);
	}
	CHECK_EQ(stats.published, 7);
	bench_close(&second);
	CHECK(verify());
	CHECK_EQ(report.checkpoint.size, 8);
	CHECK_EQ(report.closed, 2);
}

/* What a failed sync leaves in a segment is void, and no leaf. */
static void
a_segment_that_was_given_up_adds_nothing(void)
{
	struct config_audit c = publishing();
	struct bench b;
	unsigned i;

	new_dir();
	new_disk();
	CHECK(bench_open(&b, &c, &disk_io));
	for (i = 0; i < 4; i++) {
		char xid[37];

		audit_uuid7(now_us(), xid);
		if (i == 2)
			atomic_store(&disk.sync_errno, EIO);
		CHECK_EQ(write_one(&b, "exchange.open", xid), AUDIT_DURABLE);
		CHECK_EQ(write_one(&b, "exchange.close", xid), AUDIT_DURABLE);
	}
	bench_close(&b);
	CHECK(verify());
	CHECK_EQ(report.opened, 4);
	CHECK_EQ(report.closed, 4);
}

int
main(void)
{
	if (!bench_begin())
		return 1;
	RUN(all_records_are_in_the_tree);
	RUN(the_tree_is_public_while_the_log_is_written);
	RUN(goes_on_from_place_or_from_the_beginning);
	RUN(a_forged_record_is_found_out);
	RUN(a_missing_segment_is_found_out);
	RUN(another_key_or_origin_is_found_out);
	RUN(the_log_continues_older_checkpoints);
	RUN(an_end_without_a_beginning_is_found_out);
	RUN(every_record_is_proved_alone);
	RUN(a_successor_waits_for_its_predecessor_s_end);
	RUN(a_segment_that_was_given_up_adds_nothing);
	return BENCH_END();
}
