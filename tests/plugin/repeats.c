/* SPDX-License-Identifier: Apache-2.0 */
/* repeats.c - an example of a filter that is no part of the gateway: finds a
 * character that stands many times in sequence ("!!!!!!!!!!", "哈哈哈哈哈哈").
 *
 *	match: { repeats: 10, spaces: false }
 *
 * Build it with
 *
 *	cc -std=c11 -O2 -fPIC -shared -Iinclude -o repeats.so tests/plugin/repeats.c
 *
 * and name it in the configuration: `filters: [repeats.so]`. */
#include <stdlib.h>
#include <string.h>

#include "modgate/filter.h"

enum { KEY_REPEATS, KEY_SPACES };

static const struct mg_option options[] = {
	[KEY_REPEATS] = { .key = "repeats", .type = MG_OPT_INT, .min = 2,
		.max = 1000, .fallback = 10,
		.help = "one character so many times in sequence, or more" },
	[KEY_SPACES] = { .key = "spaces", .type = MG_OPT_BOOL,
		.help = "whether white space counts" },
	{ .key = NULL },
};

struct conf {
	size_t n_rules;
	uint64_t longest;	/* bytes: a run is divided there, so that no
				 * stream waits for it without end */
	struct {
		uint64_t repeats;
		bool spaces;
	} rule[];
};

/* The run at the end of the text so far. */
struct scan {
	const struct conf *conf;
	const struct mg_scope *scope;
	char bytes[4];		/* its character */
	size_t width;		/* … and its bytes; 0: there is no run yet */
	uint64_t at, count;
};

static void *
open_conf(const struct mg_rule *rules, size_t n_rules,
    void (*warn)(void *arg, const struct mg_place *place, const char *text),
    void *arg, struct mg_error *err)
{
	struct conf *conf = calloc(1, sizeof(*conf) +
	    n_rules * sizeof(conf->rule[0]));
	size_t r;

	(void)warn;
	(void)arg;
	if (!conf) {
		mg_fail(err, NULL, "repeats: no memory");
		return NULL;
	}
	conf->n_rules = n_rules;
	conf->longest = UINT64_MAX;
	for (r = 0; r < n_rules; r++) {
		const struct mg_value *v = rules[r].match;

		conf->rule[r].repeats = (uint64_t)v[KEY_REPEATS].number;
		conf->rule[r].spaces = v[KEY_SPACES].number > 0;
		if (rules[r].max_hold < conf->longest)
			conf->longest = rules[r].max_hold;
	}
	for (r = 0; r < n_rules; r++)
		if (conf->rule[r].repeats * 4 > conf->longest) {
			mg_fail(err, &rules[r].place, "repeats: so many "
			    "characters may have more bytes than max_hold");
			free(conf);
			return NULL;
		}
	return conf;
}

static void *
begin(const void *conf, const struct mg_scope *scope)
{
	struct scan *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->conf = conf;
	s->scope = scope;
	return s;
}

static bool
in(const uint64_t *set, size_t r)
{
	return set[r / 64] >> r % 64 & 1;
}

static bool
is_space(const struct scan *s)
{
	return s->width == 1 && strchr(" \t\r\n", s->bytes[0]);
}

/* The run is over: tells the rules that it is long enough for. */
static bool
end_run(const struct scan *s, struct mg_report *report)
{
	bool found = false;
	size_t r;

	for (r = 0; r < s->conf->n_rules; r++) {
		struct mg_found f = { .rule = (uint32_t)r, .at = s->at,
			.len = s->count * s->width, .score = 1 };

		if (s->width == 0 || !in(s->scope->active, r) ||
		    s->count < s->conf->rule[r].repeats ||
		    (is_space(s) && !s->conf->rule[r].spaces))
			continue;
		report->found(report->arg, &f);
		found = true;
	}
	return found;
}

/* Whether a rule that text must wait for may still find this run. */
static bool
must_hold(const struct scan *s)
{
	size_t r;

	for (r = 0; s->width > 0 && r < s->conf->n_rules; r++)
		if (in(s->scope->holding, r) &&
		    (s->conf->rule[r].spaces || !is_space(s)))
			return true;
	return false;
}

static size_t
width_of(const char *ptr, size_t len)
{
	size_t n = 1;

	while (n < len && ((unsigned char)ptr[n] & 0xc0) == 0x80)
		n++;
	return n;
}

static enum mg_verdict
judge(void *arg, const struct mg_text *text, struct mg_report *report)
{
	struct scan *s = arg;
	size_t i = (size_t)(text->fresh - text->at), width;
	bool found = false;

	for (; i < text->len; i += width) {
		width = width_of(text->ptr + i, text->len - i);
		if (width == s->width &&
		    memcmp(s->bytes, text->ptr + i, width) == 0 &&
		    (s->count + 1) * width <= s->conf->longest) {
			s->count++;
			continue;
		}
		found |= end_run(s, report);
		memcpy(s->bytes, text->ptr + i, width);
		s->width = width;
		s->at = text->at + i;
		s->count = 1;
	}
	if (text->last)
		found |= end_run(s, report);
	else if (must_hold(s))
		report->hold = report->keep = s->at;
	if (found)
		return MG_FOUND;
	return report->hold < text->at + text->len ? MG_HOLD : MG_CLEAN;
}

static size_t
memory(const void *arg)
{
	const struct conf *conf = arg;

	return sizeof(*conf) + conf->n_rules * sizeof(conf->rule[0]);
}

static const struct mg_filter_type repeats = {
	.abi = MG_FILTER_ABI,
	.name = "repeats",
	.doc = "Find a character that stands many times in sequence",
	.options = options,
	.open = open_conf,
	.close = free,
	.begin = begin,
	.judge = judge,
	.end = free,
	.memory = memory,
};

MG_FILTERS(&repeats);
