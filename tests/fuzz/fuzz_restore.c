/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_restore.c - an answer, whatever it is, through what puts values back.
 *
 * The first byte chooses whether the text is JSON inside a string and whether
 * the rest is the text itself or the plan of one, made of pieces of
 * placeholders; the second seeds the cuts. Whatever comes:
 *
 *   - no cut makes a difference;
 *   - places follow each other, inside the text, none before what was let go;
 *   - where a value is put back there stand its kind and its number. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/buf.h"
#include "gateway/policy_build.h"
#include "gateway/restore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char rules[] = "modgate_policy: 1\nname: fuzz\nrules:\n"
    "  - id: a\n    on: prompt\n    match: { words: [x] }\n"
    "    action: pseudonymize\n    as: A\n"
    "  - id: b\n    on: prompt\n    match: { words: [x] }\n"
    "    action: pseudonymize\n    as: CARD_NO\n";

static struct policy *policy;
static struct placeholders *table;

static void
need(bool ok, const char *what, struct mg_span text)
{
	if (ok)
		return;
	fprintf(stderr, "%s:\n%.*s\n", what, (int)text.len, text.ptr);
	abort();
}

static void
open_table(void)
{
	static const char *const kinds[] = { "A", "CARD_NO" };
	struct mg_error err = { { 0 } };
	char value[32];
	int i;

	policy = policy_read("fuzz.yaml", span_str(rules), false, &err);
	need(policy != NULL, err.text, span("", 0));
	table = placeholders_new(policy);
	placeholders_avoid(table, span_str("A_3 <card_no_2>"));
	for (i = 0; i < 24; i++) {
		struct mg_span p;

		(void)snprintf(value, sizeof(value), "value %02d", i);
		p = placeholders_add(table, kinds[i % 2], span_str(value));
		need(p.len > 2, "no placeholder", span("", 0));
	}
}

/* ---- one run ---- */

struct run {
	struct mg_span text;
	bool json;
	uint64_t hold, end;		/* let go; where the last one ended */
	struct buf log;			/* each place and its value */
};

/* The place without what may stand between, in small letters. */
static void
squeeze(struct mg_span place, struct buf *out)
{
	size_t i = 0;

	while (i < place.len) {
		const unsigned char *p = (const unsigned char *)place.ptr + i;
		int step = utf8_step(p, place.len - i);
		unsigned c = p[0];

		need(step > 0, "half a character", place);
		if (step == 3)
			c = (p[0] & 15u) << 12 | (p[1] & 63u) << 6 |
			    (p[2] & 63u);
		if (c >= 0xff01 && c <= 0xff5e)
			c -= 0xfee0;
		if (c >= 'A' && c <= 'Z')
			c += 32;
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			buf_add_byte(out, (char)c);
		i += (size_t)step;
	}
}

/* A value's own placeholder, squeezed, must stand at the place. */
static void
check_place(struct mg_span place, struct mg_span value)
{
	static const char *const kinds[] = { "A", "CARD_NO" };
	struct buf have = { 0 }, want = { 0 };
	int i = (value.ptr[6] - '0') * 10 + value.ptr[7] - '0';
	struct mg_span own = placeholders_add(table, kinds[i % 2], value);

	squeeze(place, &have);
	squeeze(own, &want);
	need(memmem(have.ptr, have.len, want.ptr, want.len) != NULL,
	    "another value's place", place);
	buf_fini(&have);
	buf_fini(&want);
}

static void
on_found(void *arg, uint64_t at, uint64_t len, struct mg_span value)
{
	struct run *run = arg;

	need(at >= run->hold, "found behind what was let go", run->text);
	need(at >= run->end && len > 0 && at + len <= run->text.len,
	    "places that do not follow each other", run->text);
	run->end = at + len;
	if (!run->json)
		check_place(span(run->text.ptr + at, (size_t)len), value);
	buf_addf(&run->log, "%llu+%llu %.*s\n", (unsigned long long)at,
	    (unsigned long long)len, (int)value.len, value.ptr);
}

static void
run_all(struct run *run, unsigned seed)
{
	struct restore *restore = restore_new(table, run->json);
	size_t at = 0, to;
	uint64_t hold;

	do {
		to = run->text.len;
		if (seed) {
			seed = seed * 1103515245u + 12345u;
			to = at + (seed >> 16) % 9;
		}
		if (to > run->text.len)
			to = run->text.len;
		while (to < run->text.len &&
		    ((unsigned char)run->text.ptr[to] & 0xc0) == 0x80)
			to++;
		hold = restore_feed(restore, span(run->text.ptr + at,
		    to - at), false, on_found, run);
		need(hold >= run->hold && hold >= run->end && hold <= to,
		    "a hold that goes back", run->text);
		run->hold = hold;
		at = to;
	} while (at < run->text.len);
	buf_addf(&run->log, "hold %llu\n", (unsigned long long)hold);
	hold = restore_feed(restore, span("", 0), true, on_found, run);
	need(hold == run->text.len, "a text that does not end", run->text);
	restore_free(restore);
}

/* ---- a text from a plan ---- */

static const char *const pieces[] = { "<", ">", "A", "_", "1", "2", "3", "0",
	" ", "\\", "\\_", "-", "＜", "＞", "＿", "Ａ", "１", "&lt;", "&gt;",
	"\\u003c", "\\u003e", "%3c", "%3E", "CARD_NO", "card no", "<A_1>",
	"<CARD_NO_1>", "A_12", "<A_", "CARD_NO_1", "字", "x", "\\n", "\"",
	"\\\\", "\\u0041", "&", "\u00a0" };

static void
plan(const uint8_t *data, size_t size, struct buf *out)
{
	size_t i;

	for (i = 0; i < size; i++)
		buf_add_str(out, pieces[data[i] %
		    (sizeof(pieces) / sizeof(*pieces))]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run once = { 0 }, cut = { 0 };
	struct buf text = { 0 };

	if (!table)
		open_table();
	if (size < 2)
		return 0;
	if (data[0] & 2)
		buf_add(&text, data + 2, size - 2);
	else
		plan(data + 2, size - 2, &text);
	if (text.len > 0 && utf8_valid(text.ptr, text.len)) {
		once.text = cut.text = buf_span(&text);
		once.json = cut.json = data[0] & 1;
		run_all(&once, 0);
		run_all(&cut, 1u + data[1]);
		need(span_eq(buf_span(&once.log), buf_span(&cut.log)),
		    "cuts that make a difference", buf_span(&text));
	}
	buf_fini(&once.log);
	buf_fini(&cut.log);
	buf_fini(&text);
	return 0;
}
