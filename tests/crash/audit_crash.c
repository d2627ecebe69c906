/* SPDX-License-Identifier: Apache-2.0 */
/* audit_crash.c - kills a writer at random moments, recovers, and compares
 * what it acknowledged with what is there.
 *
 * usage: audit_crash [ROUNDS]          (5 by default)
 *
 * A round: a process with three workers opens and closes exchanges and tells
 * each acknowledgement through a pipe, until SIGKILL comes: mostly under load,
 * sometimes in the middle of recovery. Then this process recovers the log
 * and demands that
 *   - every acknowledged record is there, once;
 *   - sequences have no gap, no segment has damage or a torn end;
 *   - every open has exactly one close or exchange.aborted. */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/audit/ident.h"
#include "gateway/audit/reader.h"
#include "gateway/audit/record.h"
#include "gateway/audit/xidset.h"
#include "gateway/log.h"

enum { WORKERS = 3, AT_ONCE = 8, ROUNDS = 5 };

static char base[] = "/tmp/modgate-crash-XXXXXX";
static char dir[64];

static struct config_audit
config(unsigned round)
{
	static char name[] = "crash";

	return (struct config_audit){ .durability = round % 2 ?
	    AUDIT_COMMIT : AUDIT_STRICT, .segment_bytes = 200000,
	    .min_free_bytes = 1 << 20, .instance = name };
}

/* ---- the process that will be killed ---- */

struct message {
	char what;			/* 'o'pen or 'c'lose is on disk */
	char xid[37];
};

struct worker;
struct exchange {
	struct audit_ticket ticket;	/* first: done() casts */
	struct worker *worker;
	char xid[37];
	bool closing;
};

struct worker {
	struct audit *audit;
	struct audit_inbox *inbox;
	int pipe;
	struct exchange exchanges[AT_ONCE];
};

static void on_done(struct audit_ticket *ticket, enum audit_result result);

static void
submit(struct exchange *ex, bool closing)
{
	struct worker *w = ex->worker;
	struct record_head head = { now_us(), "crash", ex->xid };
	struct record_open open = { .tenant = span_str("t"),
	    .model = span_str("text-davinci-002") };
	struct record_close close = { .outcome = "complete" };
	struct buf *json = audit_frame(&ex->ticket);

	if (closing)
		record_close(json, &head, &close);
	else
		record_open(json, &head, &open);
	audit_frame_end(&ex->ticket, AUDIT_LEAF);
	ex->closing = closing;
	ex->ticket.done = on_done;
	audit_submit(w->audit, w->inbox, &ex->ticket, closing);
}

static void
begin(struct exchange *ex)
{
	audit_uuid7(now_us(), ex->xid);
	submit(ex, false);
}

static void
on_done(struct audit_ticket *ticket, enum audit_result result)
{
	struct exchange *ex = (struct exchange *)ticket;
	struct message message = { ex->closing ? 'c' : 'o', "" };

	if (result != AUDIT_DURABLE)
		_exit(3);
	memcpy(message.xid, ex->xid, sizeof(message.xid));
	/* Smaller than PIPE_BUF: whole or not at all. */
	if (write(ex->worker->pipe, &message, sizeof(message)) !=
	    sizeof(message))
		_exit(4);
	if (ex->closing)
		begin(ex);
	else
		submit(ex, true);
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct event_base *loop = event_base_new();
	unsigned i;

	w->inbox = audit_inbox_new(w->audit, loop);
	for (i = 0; i < AT_ONCE; i++) {
		w->exchanges[i].worker = w;
		begin(&w->exchanges[i]);
	}
	event_base_dispatch(loop);
	return NULL;
}

static void
be_killed(int pipe_fd, unsigned round)
{
	static struct worker workers[WORKERS];
	struct config_audit c = config(round);
	struct mg_error err = { "" };
	struct audit *audit = audit_new(dir, &c, &err);
	pthread_t thread;
	unsigned i;

	if (!audit) {
		fprintf(stderr, "%s\n", err.text);
		_exit(2);
	}
	for (i = 0; i < WORKERS; i++) {
		workers[i].audit = audit;
		workers[i].pipe = pipe_fd;
		if (pthread_create(&thread, NULL, work, &workers[i]) != 0)
			_exit(5);
	}
	for (;;)
		pause();
}

/* ---- what was acknowledged, over all rounds ---- */

static struct xidset acked_opens, acked_closes;
static unsigned acknowledged;

static void
take(const struct message *message)
{
	struct xid xid;

	if (!xid_read(span_str(message->xid), &xid))
		abort();
	(void)xidset_add(message->what == 'o' ? &acked_opens : &acked_closes,
	    &xid);
	acknowledged++;
}

/* Runs a victim for about so long and kills it. False: it died by itself. */
static bool
run_victim(unsigned round, unsigned ms)
{
	uint64_t end = now_mono_ms() + ms;
	struct message message;
	bool killed = false;
	int pipe_fds[2], status;
	pid_t pid;

	if (pipe(pipe_fds) < 0 || (pid = fork()) < 0)
		abort();
	if (pid == 0) {
		close(pipe_fds[0]);
		be_killed(pipe_fds[1], round);
	}
	close(pipe_fds[1]);
	for (;;) {
		struct pollfd poll_fd = { pipe_fds[0], POLLIN, 0 };
		uint64_t now = now_mono_ms();

		if (!killed && now >= end) {
			(void)kill(pid, SIGKILL);
			killed = true;
		}
		if (poll(&poll_fd, 1, killed ? -1 : (int)(end - now)) < 1)
			continue;
		if (read(pipe_fds[0], &message, sizeof(message)) !=
		    sizeof(message))
			break;		/* the end */
		take(&message);
	}
	close(pipe_fds[0]);
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status);
}

/* ---- what is there ---- */

struct tally {
	struct xidset opens, closes, ended;
	unsigned records, faults;
};

static void
fault(struct tally *t, const char *what, struct mg_span where)
{
	fprintf(stderr, "  %s: %.*s\n", what, (int)where.len, where.ptr);
	t->faults++;
}

static void
tally_leaf(struct tally *t, struct mg_span json)
{
	static const char *const names[] = { "type", "xid" };
	struct mg_span value[2];
	struct xid xid;

	t->records++;
	if (!leaf_members(json, names, 2, value) || !xid_read(value[1], &xid))
		fault(t, "no leaf", json);
	else if (span_is(value[0], "exchange.open")) {
		if (!xidset_add(&t->opens, &xid))
			fault(t, "opened twice", value[1]);
	} else if (span_is(value[0], "exchange.close") ||
	    span_is(value[0], "exchange.aborted")) {
		if (!xidset_add(&t->ended, &xid))
			fault(t, "ended twice", value[1]);
		if (span_is(value[0], "exchange.close"))
			(void)xidset_add(&t->closes, &xid);
	}
}

/* Reads one segment; frames from `until` on are void. Returns the sequence
 * that follows its last valid frame. */
static uint64_t
tally_segment(struct tally *t, const struct segment_info *info,
    uint64_t until)
{
	struct mg_error err = { "" };
	struct audit_frame frame;
	struct buf bytes = { 0 };
	uint64_t offset = 0, next = info->header.first;
	enum audit_read read;
	const char *why;

	if (segment_load(dir, info->name, &bytes, &err) < 0)
		fault(t, err.text, span_str(info->name));
	while ((read = audit_next(buf_span(&bytes), &offset, &frame, &why)) ==
	    READ_FRAME) {
		if (frame.kind == AUDIT_MARK || frame.sequence >= until)
			continue;
		next = frame.sequence + 1;
		tally_leaf(t, frame.json);
	}
	if (read != READ_END)
		fault(t, why, span_str(info->name));
	buf_fini(&bytes);
	return next;
}

static void
tally_all(struct tally *t)
{
	struct mg_error err = { "" };
	struct segment_info *segs;
	size_t n, i, k;

	if (segments_list(dir, &segs, &n, &err) < 0)
		fault(t, err.text, span_str(dir));
	for (i = 0; i < n; i++) {
		const struct segment_info *next = NULL;
		uint64_t end;

		for (k = 0; k < n; k++)
			if (memcmp(segs[k].header.run, segs[i].header.run,
			    16) == 0 && segs[k].header.number ==
			    segs[i].header.number + 1)
				next = &segs[k];
		end = tally_segment(t, &segs[i], next ? next->header.first :
		    UINT64_MAX);
		if (next && end != next->header.first)
			fault(t, "gap in the sequence after",
			    span_str(segs[i].name));
		if (segs[i].end == END_NONE)
			fault(t, "not settled", span_str(segs[i].name));
	}
	free(segs);
}

/* Everything in `part` is in `whole`. */
static void
demand(struct tally *t, const char *what, const struct xidset *part,
    const struct xidset *whole)
{
	struct xidset copy = { 0 };
	const struct xid *xid;
	char text[37];
	size_t i = 0;

	while ((xid = xidset_next(whole, &i)) != NULL)
		(void)xidset_add(&copy, xid);
	for (i = 0; (xid = xidset_next(part, &i)) != NULL;) {
		if (xidset_remove(&copy, xid))
			continue;
		xid_text(xid, text);
		fault(t, what, span_str(text));
	}
	xidset_fini(&copy);
}

static bool
recover_and_compare(unsigned round)
{
	struct config_audit c = config(round);
	struct mg_error err = { "" };
	struct audit *audit = audit_new(dir, &c, &err);
	struct tally t = { 0 };

	if (!audit) {
		fprintf(stderr, "  %s\n", err.text);
		return false;
	}
	audit_free(audit);
	tally_all(&t);
	demand(&t, "open lost", &acked_opens, &t.opens);
	demand(&t, "close lost", &acked_closes, &t.closes);
	demand(&t, "open without an end", &t.opens, &t.ended);
	demand(&t, "end without an open", &t.ended, &t.opens);
	printf("round %u: %u acknowledged, %u records, %u faults\n", round,
	    acknowledged, t.records, t.faults);
	xidset_fini(&t.opens);
	xidset_fini(&t.closes);
	xidset_fini(&t.ended);
	return t.faults == 0;
}

int
main(int argc, char **argv)
{
	uint64_t rounds = ROUNDS, round;
	unsigned passed = 0, failed = 0;
	char command[64];
	bool ok;

	if (argc > 2 || (argc == 2 && !span_to_u64(span_str(argv[1]),
	    &rounds))) {
		fputs("usage: audit_crash [ROUNDS]\n", stderr);
		return 2;
	}
	log_setup(LOG_ERROR, false);
	if (!mkdtemp(base))
		return 2;
	(void)snprintf(dir, sizeof(dir), "%s/audit", base);
	for (round = 0; round < rounds; round++) {
		uint16_t random;

		random_bytes(&random, sizeof(random));
		ok = run_victim((unsigned)round, 20 + random % 400);
		/* A second one finds the log as the first was killed, and is
		 * killed in recovery or soon after it. */
		random_bytes(&random, sizeof(random));
		ok = run_victim((unsigned)round, random % 12) && ok;
		ok = recover_and_compare((unsigned)round) && ok;
		passed += ok;
		failed += !ok;
	}
	if (acknowledged == 0 && rounds > 0) {
		puts("nothing was acknowledged: the test has shown nothing");
		failed++;
	}
	xidset_fini(&acked_opens);
	xidset_fini(&acked_closes);
	(void)snprintf(command, sizeof(command), "rm -rf %s", base);
	if (failed == 0 && system(command) != 0)
		return 2;
	printf("audit_crash: %u passed, %u failed\n", passed, failed);
	return failed > 0;
}
