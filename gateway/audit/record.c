/* SPDX-License-Identifier: Apache-2.0 */
/* record.c - builds records. Keys are written in RFC 8785's order by hand:
 * all of them are ASCII, so that order is the one of the alphabet. */
#include "gateway/audit/record.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdio.h>

#include "gateway/audit/audit.h"

enum {
	NAME_MAX_BYTES = 256,
	OBJS_MAX = 64,
	SPANS_MAX = 16,
	VERDICTS_BYTES = 60000,		/* of a leaf, before verdicts stop */
	CONTEXT_CHARS = 40,
	MATCH_MAX_BYTES = 4096,
};

/* One JSON object being written. */
struct obj {
	struct buf *out;
	bool more;
};

/* A key as it is written, its length known to the compiler. */
#define K(name) span("\"" name "\":", sizeof("\"" name "\":") - 1)

static struct obj
begin(struct buf *out)
{
	buf_add_byte(out, '{');
	return (struct obj){ out, false };
}

static void
end(struct obj *o)
{
	buf_add_byte(o->out, '}');
}

static struct buf *
key(struct obj *o, struct mg_span name)
{
	char *p = buf_reserve(o->out, name.len + 1);

	if (o->more)
		*p++ = ',';
	memcpy(p, name.ptr, name.len);
	o->out->len += name.len + o->more;
	o->more = true;
	return o->out;
}

static void
add_number(struct buf *out, uint64_t value)
{
	const uint64_t max = ((uint64_t)1 << 53) - 1;
	char digits[20];
	size_t i = sizeof(digits);

	if (value > max)
		value = max;
	do {
		digits[--i] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	buf_add(out, digits + i, sizeof(digits) - i);
}

static void
number(struct obj *o, struct mg_span name, uint64_t value)
{
	add_number(key(o, name), value);
}

/* Times are written only where they are known. */
static void
time_at(struct obj *o, struct mg_span name, int64_t us)
{
	if (us > 0)
		number(o, name, (uint64_t)us);
}

/* Nearly all strings need no escape: printable ASCII, copied at once. */
static bool
add_plain(struct buf *out, struct mg_span s)
{
	char *p = buf_reserve(out, s.len + 2);
	size_t i;

	*p++ = '"';
	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
			return false;
		p[i] = (char)c;
	}
	p[i] = '"';
	out->len += s.len + 2;
	return true;
}

/* As buf_add_json(), for bytes that may not be UTF-8. */
static void
add_any(struct buf *out, struct mg_span s)
{
	struct buf clean = { 0 };
	size_t i = 0;

	if (add_plain(out, s))
		return;
	if (utf8_valid(s.ptr, s.len)) {
		buf_add_json(out, s);
		return;
	}
	while (i < s.len) {
		size_t n = 1;

		while (n <= 4 && i + n <= s.len && !utf8_valid(s.ptr + i, n))
			n++;
		if (n <= 4 && i + n <= s.len) {
			buf_add(&clean, s.ptr + i, n);
			i += n;
		} else {
			buf_add(&clean, "\xef\xbf\xbd", 3);
			i++;
		}
	}
	buf_add_json(out, buf_span(&clean));
	buf_fini(&clean);
}

static void
text(struct obj *o, struct mg_span name, struct mg_span value)
{
	if (value.len > NAME_MAX_BYTES)
		value.len = utf8_whole(value.ptr, NAME_MAX_BYTES);
	add_any(key(o, name), value);
}

static void
text_if(struct obj *o, struct mg_span name, struct mg_span value)
{
	if (value.len > 0)
		text(o, name, value);
}

static void
word(struct obj *o, struct mg_span name, const char *value)
{
	text(o, name, span_str(value));
}

static void
boolean(struct obj *o, struct mg_span name, bool value)
{
	buf_add_str(key(o, name), value ? "true" : "false");
}

static void
stamp(struct obj *o, int64_t us)
{
	char out[28];

	audit_time(us, out);
	word(o, K("ts"), out);
}

/* The end that all records have from `ts` on, without keys between. */
static void
finish(struct obj *o, const struct record_head *head, const char *type)
{
	stamp(o, head->ts_us);
	word(o, K("type"), type);
	number(o, K("v"), 1);
	word(o, K("xid"), head->xid);
	end(o);
}

static void
hex(struct buf *out, const unsigned char *ptr, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	buf_add_byte(out, '"');
	for (i = 0; i < len; i++) {
		buf_add_byte(out, digits[ptr[i] >> 4]);
		buf_add_byte(out, digits[ptr[i] & 15]);
	}
	buf_add_byte(out, '"');
}

static void
objects(struct obj *o, const struct record_obj *objs, size_t n)
{
	struct buf *out;
	size_t i;

	if (n == 0)
		return;
	out = key(o, K("objs"));
	buf_add_byte(out, '[');
	for (i = 0; i < n && i < OBJS_MAX; i++) {
		struct obj one;

		if (i > 0)
			buf_add_byte(out, ',');
		one = begin(out);
		number(&one, K("len"), objs[i].len);
		word(&one, K("role"), objs[i].role);
		hex(key(&one, K("sha256")), objs[i].sha256, 32);
		end(&one);
	}
	buf_add_byte(out, ']');
	if (n > OBJS_MAX)
		number(o, K("objs_left_out"), n - OBJS_MAX);
}

void
record_open(struct buf *out, const struct record_head *head,
    const struct record_open *open)
{
	struct obj o = begin(out), policy;

	word(&o, K("inst"), head->inst);
	text_if(&o, K("ip"), open->ip);
	text(&o, K("key_id"), open->key_id);
	text(&o, K("model"), open->model);
	objects(&o, open->objs, open->n_objs);
	if (open->policy_id.len > 0) {
		policy = begin(key(&o, K("policy")));
		text(&policy, K("id"), open->policy_id);
		text(&policy, K("sha256"), open->policy_sha256);
		text_if(&policy, K("version"), open->policy_version);
		end(&policy);
	}
	text(&o, K("route"), open->route);
	boolean(&o, K("stream"), open->stream);
	text_if(&o, K("subj"), open->subj);
	text(&o, K("tenant"), open->tenant);
	finish(&o, head, "exchange.open");
}

/* Millionths as the shortest decimal: 0.9, 1, 0.000001. */
static void
score(struct obj *o, int32_t ppm)
{
	char digits[16];
	int n;

	if (ppm < 0)
		return;
	n = snprintf(digits, sizeof(digits), "%d.%06d", ppm / 1000000,
	    ppm % 1000000);
	while (digits[n - 1] == '0')
		n--;
	if (digits[n - 1] == '.')
		n--;
	buf_add(key(o, K("score")), digits, (size_t)n);
}

static void
places(struct obj *o, const struct record_place *spans, size_t n)
{
	struct buf *out = key(o, K("spans"));
	size_t i;

	buf_add_byte(out, '[');
	for (i = 0; i < n && i < SPANS_MAX; i++) {
		struct obj one;

		if (i > 0)
			buf_add_byte(out, ',');
		one = begin(out);
		number(&one, K("at"), spans[i].at);
		number(&one, K("len"), spans[i].len);
		text_if(&one, K("path"), spans[i].path);
		end(&one);
	}
	buf_add_byte(out, ']');
	if (n > SPANS_MAX)
		number(o, K("spans_left_out"), n - SPANS_MAX);
}

static void
verdict(struct buf *out, const struct record_verdict *v)
{
	struct obj o = begin(out);

	word(&o, K("action"), v->action);
	text(&o, K("cat"), v->category);
	text(&o, K("guardrail"), v->guardrail);
	text_if(&o, K("gver"), v->gver);
	word(&o, K("mode"), v->mode);
	word(&o, K("phase"), v->phase);
	text(&o, K("rule"), v->rule);
	score(&o, v->score_ppm);
	if (v->severity)
		word(&o, K("sev"), v->severity);
	places(&o, v->spans, v->n_spans);
	word(&o, K("verdict"), v->verdict);
	end(&o);
}

static void
verdicts(struct obj *o, const struct record_close *close, size_t start)
{
	struct buf *out = key(o, K("verdicts"));
	uint64_t left_out = close->verdicts_more;
	size_t i;

	buf_add_byte(out, '[');
	for (i = 0; i < close->n_verdicts; i++) {
		size_t before = out->len;

		if (i > 0)
			buf_add_byte(out, ',');
		verdict(out, &close->verdicts[i]);
		if (out->len - start > VERDICTS_BYTES) {
			out->len = before;
			break;
		}
	}
	buf_add_byte(out, ']');
	left_out += close->n_verdicts - i;
	if (left_out > 0)
		number(o, K("verdicts_left_out"), left_out);
}

static void
upstream(struct obj *o, const struct record_close *close)
{
	struct obj up;

	if (close->host.len == 0)
		return;
	up = begin(key(o, K("upstream")));
	text_if(&up, K("finish"), close->finish);
	text(&up, K("host"), close->host);
	text_if(&up, K("model"), close->model);
	text_if(&up, K("resp_id"), close->resp_id);
	if (close->has_tokens) {
		number(&up, K("tok_in"), close->tok_in);
		number(&up, K("tok_out"), close->tok_out);
	}
	end(&up);
}

static void
not_scanned(struct obj *o, const char *const *list)
{
	struct buf *out;
	size_t i;

	if (!list || !list[0])
		return;
	out = key(o, K("not_scanned"));
	buf_add_byte(out, '[');
	for (i = 0; list[i]; i++) {
		if (i > 0)
			buf_add_byte(out, ',');
		buf_add_json(out, span_str(list[i]));
	}
	buf_add_byte(out, ']');
}

void
record_close(struct buf *out, const struct record_head *head,
    const struct record_close *close)
{
	size_t start = out->len;
	struct obj o = begin(out), t;

	if (close->by)
		word(&o, K("by"), close->by);
	number(&o, K("bytes_out"), close->bytes_out);
	word(&o, K("inst"), head->inst);
	not_scanned(&o, close->not_scanned);
	objects(&o, close->objs, close->n_objs);
	word(&o, K("outcome"), close->outcome);
	if (close->values_replaced > 0) {
		t = begin(key(&o, K("pseudonyms")));
		number(&t, K("replaced"), close->values_replaced);
		number(&t, K("restored"), close->values_restored);
		end(&t);
	}
	if (close->reason)
		word(&o, K("reason"), close->reason);
	number(&o, K("status"), (uint64_t)(close->status > 0 ? close->status :
	    0));
	t = begin(key(&o, K("t")));
	time_at(&t, K("decided"), close->decided_us);
	time_at(&t, K("first"), close->first_us);
	time_at(&t, K("last"), close->last_us);
	time_at(&t, K("recv"), close->recv_us);
	end(&t);
	stamp(&o, head->ts_us);
	word(&o, K("type"), "exchange.close");
	upstream(&o, close);
	number(&o, K("v"), 1);
	verdicts(&o, close, start);
	word(&o, K("xid"), head->xid);
	end(&o);
	assert(out->len - start <= RECORD_LEAF_MAX);
}

void
record_aborted(struct buf *out, const struct record_head *head,
    const char *reason)
{
	struct obj o = begin(out);

	word(&o, K("inst"), head->inst);
	word(&o, K("reason"), reason);
	finish(&o, head, "exchange.aborted");
}

void
record_started(struct buf *out, const struct record_head *head,
    const char *version, const char *durability, const char *capture)
{
	struct obj o = begin(out);

	word(&o, K("capture"), capture);
	word(&o, K("durability"), durability);
	word(&o, K("inst"), head->inst);
	stamp(&o, head->ts_us);
	word(&o, K("type"), "log.started");
	number(&o, K("v"), 1);
	word(&o, K("version"), version);
	word(&o, K("xid"), head->xid);
	end(&o);
}

void
record_stopped(struct buf *out, const struct record_head *head,
    uint64_t records)
{
	struct obj o = begin(out);

	word(&o, K("inst"), head->inst);
	number(&o, K("records"), records);
	finish(&o, head, "log.stopped");
}

void
record_degraded(struct buf *out, const struct record_head *head,
    const char *reason)
{
	struct obj o = begin(out);

	word(&o, K("inst"), head->inst);
	word(&o, K("reason"), reason);
	finish(&o, head, "log.degraded");
}

void
record_recovered(struct buf *out, const struct record_head *head,
    const char *segment, uint64_t kept_frames, uint64_t cut_bytes,
    uint64_t aborted)
{
	struct obj o = begin(out);

	if (segment[0] != '\0') {
		number(&o, K("aborted"), aborted);
		number(&o, K("cut_bytes"), cut_bytes);
	}
	word(&o, K("inst"), head->inst);
	if (segment[0] != '\0') {
		number(&o, K("kept_frames"), kept_frames);
		word(&o, K("segment"), segment);
	}
	finish(&o, head, "log.recovered");
}

void
record_policy_loaded(struct buf *out, const struct record_head *head,
    struct mg_span id, struct mg_span version, struct mg_span sha256)
{
	struct obj o = begin(out), policy;

	word(&o, K("inst"), head->inst);
	policy = begin(key(&o, K("policy")));
	text(&policy, K("id"), id);
	text(&policy, K("sha256"), sha256);
	text_if(&policy, K("version"), version);
	end(&policy);
	finish(&o, head, "policy.loaded");
}

void
record_config_changed(struct buf *out, const struct record_head *head,
    struct mg_span file, struct mg_span sha256)
{
	struct obj o = begin(out);

	text(&o, K("file"), file);
	word(&o, K("inst"), head->inst);
	text(&o, K("sha256"), sha256);
	finish(&o, head, "config.changed");
}

void
record_auth_failed(struct buf *out, const struct record_head *head,
    const char *reason, struct mg_span ip, struct mg_span route)
{
	struct obj o = begin(out);

	word(&o, K("inst"), head->inst);
	text(&o, K("ip"), ip);
	word(&o, K("reason"), reason);
	text(&o, K("route"), route);
	finish(&o, head, "auth.failed");
}

void
record_key(struct buf *out, const struct record_head *head,
    const char *what, struct mg_span key_id, struct mg_span tenant,
    struct mg_span by)
{
	struct obj o = begin(out);
	char type[24];

	(void)snprintf(type, sizeof(type), "key.%s", what);
	text(&o, K("by"), by);
	word(&o, K("inst"), head->inst);
	text(&o, K("key_id"), key_id);
	text(&o, K("tenant"), tenant);
	finish(&o, head, type);
}

/* ---- excerpts ---- */

static bool
begins_char(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

/* Where the context begins: up to 40 characters before `at`. */
static size_t
context_before(struct mg_span s, size_t at)
{
	unsigned chars = 0;

	while (at > 0 && chars < CONTEXT_CHARS)
		if (begins_char(s.ptr[--at]))
			chars++;
	while (at < s.len && !begins_char(s.ptr[at]))
		at++;
	return at;
}

static size_t
context_after(struct mg_span s, size_t at)
{
	unsigned chars = 0;

	for (; at < s.len; at++)
		if (begins_char(s.ptr[at]) && chars++ == CONTEXT_CHARS)
			break;
	return at;
}

void
record_excerpt(struct buf *out, const struct record_excerpt *e,
    struct record_obj *obj)
{
	size_t start = out->len, from, to;
	uint64_t have = e->text_at + e->text.len;
	/* The match, as far as it is at hand, in offsets of e->text. */
	uint64_t match = e->at < e->text_at ? e->text_at :
	    e->at > have ? have : e->at;
	uint64_t match_end = e->len > have - match ? have : e->at + e->len;
	bool cut = e->len > MATCH_MAX_BYTES;
	struct obj o = begin(out);

	if (match_end < match)
		match_end = match;
	from = context_before(e->text, (size_t)(match - e->text_at));
	if (cut && match_end - match > MATCH_MAX_BYTES)
		to = (size_t)(match - e->text_at) + utf8_whole(e->text.ptr +
		    (match - e->text_at), MATCH_MAX_BYTES);
	else
		to = context_after(e->text, (size_t)(match_end - e->text_at));
	number(&o, K("at"), e->at);
	if (cut)
		boolean(&o, K("cut"), true);
	number(&o, K("from"), e->text_at + from);
	number(&o, K("len"), e->len);
	text(&o, K("path"), e->path);
	word(&o, K("phase"), e->phase);
	text(&o, K("rule"), e->rule);
	add_any(key(&o, K("text")), span(e->text.ptr + from, to - from));
	number(&o, K("v"), 1);
	word(&o, K("xid"), e->xid);
	end(&o);
	obj->role = strcmp(e->phase, "prompt") == 0 ? "prompt" : "response";
	obj->len = out->len - start;
	SHA256((const unsigned char *)out->ptr + start, out->len - start,
	    obj->sha256);
}
