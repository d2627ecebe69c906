/* SPDX-License-Identifier: Apache-2.0 */
/* test_backend.c - the built-in model server, through one end of a socket
 * pair. */
#include "gateway/backend.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/backend_ask.h"
#include "gateway/backend_poem.h"
#include "tests/check.h"

static const struct conn_limits limits = {
	.http1 = { .line_bytes = 8192, .head_bytes = 32768,
	    .head_count = 100, .body_bytes = 1 << 20 },
	.head_total_ms = 2000, .body_idle_ms = 2000, .body_total_ms = 2000,
	.send_idle_ms = 2000, .send_buffer = 65536, .keepalive_ms = 2000,
};

/* One connection to a backend of its own. */
struct talk {
	struct event_base *base;
	struct backend *backend;
	int fd;
	bool freed;
	struct buf got;
};

static void
on_free(void *arg, struct conn *conn)
{
	struct talk *t = arg;

	(void)conn;
	t->freed = true;
}

static void
talk_open(struct talk *t, const struct backend_options *options)
{
	struct mg_error err = { 0 };
	struct bufferevent *bev;
	int fds[2];

	memset(t, 0, sizeof(*t));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
		abort();
	t->base = event_base_new();
	t->backend = backend_new(t->base, options, &err);
	CHECK_STR(err.text, "");
	t->fd = fds[1];
	bev = bufferevent_socket_new(t->base, fds[0], BEV_OPT_CLOSE_ON_FREE);
	conn_new(t->base, bev, &limits, backend_service(t->backend), "test",
	    on_free, t);
}

static void
talk_close(struct talk *t)
{
	int i;

	close(t->fd);
	for (i = 0; i < 1000 && !t->freed; i++)
		event_base_loop(t->base, EVLOOP_ONCE);
	CHECK(t->freed);
	backend_free(t->backend);
	event_base_free(t->base);
	buf_fini(&t->got);
}

static bool
is_whole(struct buf *got)
{
	const char *text = buf_cstr(got), *body = strstr(text, "\r\n\r\n");
	const char *length = strstr(text, "\r\nContent-Length: ");
	uint64_t n = 0;
	size_t digits;

	if (!body)
		return false;
	if (!length || length > body)
		return got->len >= 5 &&
		    memcmp(got->ptr + got->len - 5, "0\r\n\r\n", 5) == 0;
	digits = strspn(length + 18, "0123456789");
	return span_to_u64(span(length + 18, digits), &n) &&
	    got->len >= (size_t)(body - text) + 4 + n;
}

/* Sends a request, reads its answer (at most some 2 s), returns its text. */
static const char *
say(struct talk *t, const char *method, const char *path, const char *fields,
    const char *body)
{
	struct buf request = { 0 };
	char piece[4096];
	ssize_t n;
	int i;

	buf_addf(&request, "%s %s HTTP/1.1\r\nHost: a\r\n%s", method, path,
	    fields);
	if (body)
		buf_addf(&request, "Content-Length: %zu\r\n", strlen(body));
	buf_addf(&request, "\r\n%s", body ? body : "");
	CHECK_EQ(write(t->fd, request.ptr, request.len), request.len);
	buf_fini(&request);
	buf_clear(&t->got);
	for (i = 0; i < 2000 && !is_whole(&t->got); i++) {
		event_base_loop(t->base, EVLOOP_NONBLOCK);
		n = read(t->fd, piece, sizeof(piece));
		if (n > 0)
			buf_add(&t->got, piece, (size_t)n);
		else
			usleep(1000);
	}
	CHECK(is_whole(&t->got));
	return buf_cstr(&t->got);
}

static bool
has(const char *text, const char *part)
{
	if (strstr(text, part))
		return true;
	fprintf(stderr, "no \"%s\" in: %s\n", part, text);
	return false;
}

static unsigned
occurrences(const char *text, const char *part)
{
	unsigned n = 0;

	while ((text = strstr(text, part))) {
		n++;
		text += strlen(part);
	}
	return n;
}

static const struct backend_options plain;

static void
the_poem_call_of_the_classic_sdk_gets_a_poem(void)
{
	struct talk t;
	const char *got;

	talk_open(&t, &plain);
	got = say(&t, "POST", "/v1/engines/text-davinci-002/completions", "",
	    "{\"prompt\": \"\\u8bf7\\u7528\\u8bd7\\u6b4c\\u63cf\\u8ff0"
	    "\\u6625\\u5929\", \"max_tokens\": 100}");
	CHECK(has(got, "HTTP/1.1 200 OK\r\n"));
	CHECK(has(got, "\"model\":\"text-davinci-002\""));
	CHECK(has(got, "一滴水先学会了说春天"));
	CHECK(has(got, "\"finish_reason\":\"stop\""));
	talk_close(&t);
}

static void
poems_follow_the_language_and_the_words_of_the_prompt(void)
{
	struct buf a = { 0 }, b = { 0 };

	backend_poem(span_str("写一首关于大海的诗"), 0, &a);
	CHECK(has(buf_cstr(&a), "海把自己翻了一页又一页"));
	backend_poem(span_str("A poem about the SEA, please"), 0, &b);
	CHECK(has(buf_cstr(&b), "The sea turns over page on page"));
	buf_clear(&a);
	backend_poem(span_str("A poem about the SEA, please"), 1, &a);
	CHECK(!span_eq(buf_span(&a), buf_span(&b)));
	buf_fini(&a);
	buf_fini(&b);
}

static void
max_tokens_cuts_at_a_character(void)
{
	CHECK_EQ(backend_tokens(span_str("春天abcde")), 4);
	CHECK_EQ(backend_cut(span_str("春天abcde"), 1), 3);
	CHECK_EQ(backend_cut(span_str("春天abcde"), 3), 10);
	CHECK_EQ(backend_cut(span_str("春天"), 9), 6);
	CHECK_EQ(backend_cut(span_str("春天"), 0), 0);
	CHECK_EQ(backend_chars(span_str("春天a"), 2), 6);
}

static void
a_chat_answer_repeats_what_it_is_told(void)
{
	struct talk t;
	const char *got;

	talk_open(&t, &plain);
	got = say(&t, "POST", "/v1/chat/completions", "",
	    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
	    "[{\"type\":\"text\",\"text\":\"x [say] 墨玫瑰\\nno\"}]}],"
	    "\"n\":2}");
	CHECK_EQ(occurrences(got, "\"content\":\"墨玫瑰\""), 2);
	CHECK(has(got, "\"total_tokens\":"));
	/* the connection is kept */
	got = say(&t, "POST", "/openai/deployments/d/completions?api-version"
	    "=1", "", "{\"prompt\":[\"[echo] a\\\"b\",\"[echo]c\"],"
	    "\"echo\":true}");
	CHECK(has(got, "\"text\":\"[echo] a\\\"ba\\\"b\",\"index\":0"));
	CHECK(has(got, "\"text\":\"[echo]cc\",\"index\":1"));
	CHECK(has(got, "\"model\":\"d\""));
	talk_close(&t);
}

static void
a_stream_says_the_same_in_small_deltas(void)
{
	struct talk t;
	const char *got;

	talk_open(&t, &plain);
	got = say(&t, "POST", "/v1/chat/completions", "",
	    "{\"messages\":[{\"role\":\"user\",\"content\":"
	    "\"[say] abcdefghij\"}],\"stream\":true,"
	    "\"stream_options\":{\"include_usage\":true},\"n\":2}");
	CHECK(has(got, "content-type: text/event-stream\r\n"));
	CHECK_EQ(occurrences(got, "\"role\":\"assistant\""), 2);
	CHECK_EQ(occurrences(got, "\"finish_reason\":\"stop\""), 2);
	CHECK_EQ(occurrences(got, "\"choices\":[],\"usage\":"), 1);
	CHECK_EQ(occurrences(got, "data: [DONE]\n\n"), 1);
	CHECK(occurrences(got, "\"content\":") >= 2 + 2 * 3);
	CHECK_EQ(occurrences(got, "abcde"), 0);
	talk_close(&t);
}

static void
events_wait_for_one_another(void)
{
	struct backend_options slow = { .event_delay_ms = 15, .delta = 1 };
	struct timeval from, to, gone;
	struct talk t;
	const char *got;

	talk_open(&t, &slow);
	evutil_gettimeofday(&from, NULL);
	got = say(&t, "POST", "/v1/completions", "",
	    "{\"prompt\":\"[say] abcde\",\"stream\":true}");
	evutil_gettimeofday(&to, NULL);
	evutil_timersub(&to, &from, &gone);
	CHECK(gone.tv_sec > 0 || gone.tv_usec >= 6 * 15000);
	CHECK_EQ(occurrences(got, "\"text\":\""), 6);
	talk_close(&t);
}

static void
stop_and_max_tokens_end_a_choice(void)
{
	struct talk t;
	const char *got;

	talk_open(&t, &plain);
	got = say(&t, "POST", "/v1/completions", "",
	    "{\"prompt\":\"[say] one two\",\"stop\":[\" tw\"]}");
	CHECK(has(got, "\"text\":\"one\""));
	got = say(&t, "POST", "/v1/completions", "",
	    "{\"prompt\":\"[say] 春夏秋冬\",\"max_tokens\":2}");
	CHECK(has(got, "\"text\":\"春夏\""));
	CHECK(has(got, "\"finish_reason\":\"length\""));
	talk_close(&t);
}

static void
what_it_cannot_answer_it_refuses_in_the_shape_of_the_api(void)
{
	struct talk t;

	talk_open(&t, &plain);
	CHECK(has(say(&t, "POST", "/v1/nothing", "", "{}"),
	    "HTTP/1.1 404 Not Found\r\n"));
	CHECK(has(buf_cstr(&t.got), "{\"error\":{\"message\":"));
	CHECK(has(say(&t, "GET", "/v1/completions", "", NULL),
	    "HTTP/1.1 405 "));
	CHECK(has(say(&t, "POST", "/v1/completions", "", "[1"),
	    "HTTP/1.1 400 "));
	CHECK(has(say(&t, "POST", "/v1/completions", "", "{\"n\":99}"),
	    "HTTP/1.1 400 "));
	CHECK(has(say(&t, "GET", "/v1/models", "", NULL), "modgate-poems"));
	CHECK(has(say(&t, "GET", "/v1/models/gpt-4o-mini", "", NULL),
	    "\r\n\r\n{\"id\":\"gpt-4o-mini\",\"object\":\"model\""));
	CHECK(has(say(&t, "GET", "/v1/models/gpt-9", "", NULL),
	    "HTTP/1.1 404 "));
	talk_close(&t);
}

static void
prompts_and_choices_are_capped(void)
{
	struct backend_ask ask = { 0 };
	struct mg_error err = { 0 };
	struct buf body = { 0 };
	int i;

	buf_add_str(&body, "{\"prompt\":[\"a\"");
	for (i = 1; i < BACKEND_MAX_PROMPTS; i++)
		buf_add_str(&body, ",\"a\"");
	buf_add_str(&body, "]}");
	CHECK_EQ(backend_ask_read(&ask, false, buf_span(&body), &err), 0);
	CHECK_EQ(ask.n_prompts, BACKEND_MAX_PROMPTS);
	backend_ask_fini(&ask);
	memset(&ask, 0, sizeof(ask));
	body.len -= 2;
	buf_add_str(&body, ",\"a\"]}");
	CHECK_EQ(backend_ask_read(&ask, false, buf_span(&body), &err), -1);
	CHECK_STR(err.text, "too many prompts");
	backend_ask_fini(&ask);
	buf_fini(&body);
}

static void
canned_answers_have_the_size_that_was_asked_for(void)
{
	struct backend_options canned = { .canned = 100, .delta = 10 };
	struct talk t;
	const char *got;

	talk_open(&t, &canned);
	got = say(&t, "POST", "/v1/chat/completions", "", "not even JSON");
	got = strstr(got, "\"content\":\"");
	CHECK(got != NULL && strcspn(got + 11, "\"") == 100 + 2);
	got = say(&t, "POST", "/v1/chat/completions", "",
	    "{\"stream\": true}");
	CHECK_EQ(occurrences(got, "\"delta\":{\"content\":"), 10);
	talk_close(&t);
}

static void
put_file(const char *dir, const char *name, const char *text)
{
	struct buf path = { 0 };
	FILE *file;

	buf_addf(&path, "%s/%s", dir, name);
	file = fopen(buf_cstr(&path), "we");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
	buf_fini(&path);
}

static void
scripts_answer_byte_for_byte(void)
{
	static const char *const names[] = { "a.request.json",
	    "a.stream.sse", "b.response.json", "c.json", "manifest.json" };
	char dir[] = "/tmp/modgate-test-XXXXXX", path[64];
	struct backend_options options = { .script = dir };
	struct talk t;
	const char *got;
	size_t i;

	if (!mkdtemp(dir))
		abort();
	put_file(dir, names[0], "{\"stream\": true, \"x\": 1}");
	put_file(dir, names[1], "data: one\n\ndata: two\r\n\r\n");
	put_file(dir, names[2], "{ \"whole\" : 1 }");
	put_file(dir, names[3], "{\"status\":429,\"headers\":{\"Retry-After\""
	    ":\"2\"},\"body\":{\"error\":{}}}");
	put_file(dir, names[4], "{\"fixtures\":[{\"name\":\"a\",\"path\":"
	    "\"/v1/completions\",\"chunks\":[3,3,99,7]}]}");
	talk_open(&t, &options);
	got = say(&t, "POST", "/v1/completions", "",
	    "{\"stream\": true, \"x\": 1}");
	CHECK(has(got, "\r\n3\r\ndat\r\n4\r\na: o\r\n11\r\nne\n\ndata: two"
	    "\r\n\r\n\r\n0\r\n\r\n"));
	got = say(&t, "POST", "/v1/chat/completions", "",
	    "{\"stream\": true, \"x\": 1}");
	CHECK(has(got, "HTTP/1.1 400 "));	/* not its path */
	got = say(&t, "POST", "/v1/x", "x-backend-script: b\r\n", "{}");
	CHECK(has(got, "\r\n\r\n{ \"whole\" : 1 }"));
	got = say(&t, "POST", "/v1/completions", "x-backend-script: c\r\n",
	    "{}");
	CHECK(has(got, "HTTP/1.1 429 "));
	CHECK(has(got, "\r\nRetry-After: 2\r\n"));
	CHECK(has(got, "\r\n\r\n{\"error\":{}}"));
	got = say(&t, "POST", "/v1/completions",
	    "x-backend-script: ../../etc/passwd\r\n", "{}");
	CHECK(has(got, "HTTP/1.1 404 "));
	talk_close(&t);
	for (i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	CHECK_EQ(rmdir(dir), 0);
}

static void
cut_bodies_leave_in_pieces(void)
{
	struct backend_options cut = { .cut = 7 };
	struct talk t;
	const char *got;

	talk_open(&t, &cut);
	got = say(&t, "POST", "/v1/completions", "",
	    "{\"prompt\":\"[say] x\"}");
	CHECK(has(got, "\"text\":\"x\""));
	talk_close(&t);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	RUN(the_poem_call_of_the_classic_sdk_gets_a_poem);
	RUN(poems_follow_the_language_and_the_words_of_the_prompt);
	RUN(max_tokens_cuts_at_a_character);
	RUN(a_chat_answer_repeats_what_it_is_told);
	RUN(a_stream_says_the_same_in_small_deltas);
	RUN(events_wait_for_one_another);
	RUN(stop_and_max_tokens_end_a_choice);
	RUN(what_it_cannot_answer_it_refuses_in_the_shape_of_the_api);
	RUN(prompts_and_choices_are_capped);
	RUN(canned_answers_have_the_size_that_was_asked_for);
	RUN(scripts_answer_byte_for_byte);
	RUN(cut_bodies_leave_in_pieces);
	return CHECK_DONE();
}
