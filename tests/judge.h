/* SPDX-License-Identifier: Apache-2.0 */
/* tests/judge.h - a filter in a test's hand.
 *
 * Opens rules written as plain strings, feeds text in pieces as a gateway
 * would, and checks on the way what the contract promises of every filter:
 * nothing is reported that starts before an earlier hold, hold and keep are
 * in order. The window that a filter sees is a copy of its exact size that
 * begins where the last keep said, so that a sanitizer sees every byte read
 * beside it. */
#ifndef TESTS_JUDGE_H
#define TESTS_JUDGE_H

#include <stdlib.h>

#include "filters/registry.h"
#include "tests/check.h"

enum { MORE, LAST };

/* One rule. Items are divided by newlines. */
struct judge_rule {
	const char *items;
	const char *except;	/* NULL: none */
	double choice;		/* the type's second option */
	uint32_t max_hold;	/* 0: not said */
	bool loose;		/* text does not wait for it */
	bool off;		/* not in scope */
};

struct judge {
	const struct mg_filter_type *type;
	void *conf, *scan;
	struct mg_rule *rules;
	size_t n_rules;
	uint64_t *sets;
	struct mg_scope scope;
	struct mg_error err;
	unsigned warnings;
	char warning[256];
	struct mg_place warned;	/* where, the last time */
	/* the channel */
	char *text;
	size_t len, keep, hold;
	struct mg_found *all;	/* in the order of reports */
	size_t n_all, n_unable;
	struct mg_found found;	/* the last one */
};

static inline void *
judge_alloc(size_t n)
{
	void *ptr = calloc(n ? n : 1, 1);

	if (!ptr)
		abort();
	return ptr;
}

static inline void
judge_warned(void *arg, const struct mg_place *place, const char *text)
{
	struct judge *j = arg;

	if (place)
		j->warned = *place;
	j->warnings++;
	(void)snprintf(j->warning, sizeof(j->warning), "%s", text);
}

/* Values of a rule: items, and the second option as a number; up to two more
 * are as if they were not written. */
static inline struct mg_value *
judge_values(const char *items, double choice)
{
	struct mg_value *v = judge_alloc(4 * sizeof(*v));
	struct mg_item *list;
	const char *p;
	size_t n = 1;

	for (p = items; *p; p++)
		n += *p == '\n';
	list = judge_alloc(n * sizeof(*list));
	v[0] = (struct mg_value){ .set = true, .items = list, .n_items = n };
	v[1].number = choice;
	for (p = items; n > 0; n--, list++) {
		list->text.ptr = p;
		list->text.len = strcspn(p, "\n");
		list->place = (struct mg_place){ "policy.yaml",
			(unsigned)(list - v[0].items) + 1, 1 };
		p += list->text.len + 1;
	}
	return v;
}

static inline void
judge_free_values(const struct mg_value *v)
{
	if (v)
		free((void *)(uintptr_t)v->items);
	free((void *)(uintptr_t)v);
}

/* Ends the channel; another can be begun. */
static inline void
judge_end(struct judge *j)
{
	if (j->scan)
		j->type->end(j->scan);
	free(j->text);
	free(j->all);
	j->scan = NULL;
	j->text = NULL;
	j->all = NULL;
	j->len = j->keep = j->hold = j->n_all = j->n_unable = 0;
}

/* Begins another channel. The first begins by itself. */
static inline void
judge_begin(struct judge *j)
{
	judge_end(j);
	j->scan = j->type->begin(j->conf, &j->scope);
}

/* Opens n rules. j->conf is NULL and j->err says why if they are refused. */
static inline struct judge
judge_open_rules(const char *type, const struct judge_rule *rule, size_t n)
{
	struct judge j = { .type = filter_find(type, strlen(type)) };
	size_t words = (n + 63) / 64, r;

	j.n_rules = n;
	j.rules = judge_alloc(n * sizeof(*j.rules));
	j.sets = judge_alloc(2 * words * sizeof(*j.sets));
	j.scope = (struct mg_scope){ j.sets, j.sets + words };
	for (r = 0; r < n; r++) {
		uint64_t bit = UINT64_C(1) << r % 64;

		j.rules[r].id = "rule";
		j.rules[r].place = (struct mg_place){ "policy.yaml", 1, 1 };
		j.rules[r].max_hold = rule[r].max_hold;
		j.rules[r].match = judge_values(rule[r].items,
		    rule[r].choice);
		j.rules[r].except = rule[r].except ?
		    judge_values(rule[r].except, 0) : NULL;
		if (!rule[r].off)
			j.sets[r / 64] |= bit;
		if (!rule[r].off && !rule[r].loose)
			j.sets[words + r / 64] |= bit;
	}
	j.conf = j.type->open(j.rules, n, judge_warned, &j, &j.err);
	return j;
}

static inline struct judge
judge_open(const char *type, const char *items)
{
	return judge_open_rules(type, &(struct judge_rule){ items, NULL, 0, 0,
	    false, false }, 1);
}

static inline void
judge_close(struct judge *j)
{
	size_t r;

	judge_end(j);
	j->type->close(j->conf);
	for (r = 0; r < j->n_rules; r++) {
		judge_free_values(j->rules[r].match);
		judge_free_values(j->rules[r].except);
	}
	free(j->rules);
	free(j->sets);
}

static inline void
judge_on_found(void *arg, const struct mg_found *found)
{
	struct judge *j = arg;
	const uint64_t *holding = j->scope.holding;

	CHECK(found->rule < j->n_rules);
	CHECK(found->len > 0 && found->at + found->len <= j->len);
	if (holding[found->rule / 64] >> found->rule % 64 & 1)
		CHECK(found->at >= j->hold);
	if ((j->n_all & (j->n_all + 1)) == 0) {
		j->all = realloc(j->all, 2 * (j->n_all + 1) *
		    sizeof(*j->all));
		if (!j->all)
			abort();
	}
	j->all[j->n_all++] = j->found = *found;
}

static inline void
judge_on_unable(void *arg, uint32_t rule, const char *why)
{
	struct judge *j = arg;

	CHECK(rule < j->n_rules);
	CHECK(why && why[0]);
	j->n_unable++;
}

/* Adds len bytes to the channel. */
static inline enum mg_verdict
judge_bytes(struct judge *j, const char *ptr, size_t len, int last)
{
	struct mg_report report = { .found = judge_on_found,
		.unable = judge_on_unable, .arg = j };
	size_t total = j->len + len;
	size_t before = j->n_all, unable = j->n_unable;
	struct mg_text text = { .at = j->keep, .fresh = j->len,
		.len = total - j->keep, .last = last == LAST };
	char *window = malloc(text.len ? text.len : 1);
	enum mg_verdict verdict;

	if (!j->scan)
		j->scan = j->type->begin(j->conf, &j->scope);
	j->text = realloc(j->text, total ? total : 1);
	if (!window || !j->text)
		abort();
	memcpy(j->text + j->len, ptr, len);
	memcpy(window, j->text + j->keep, text.len);
	text.ptr = window;
	report.hold = report.keep = j->len = total;
	verdict = j->type->judge(j->scan, &text, &report);
	free(window);
	CHECK(report.keep <= report.hold && report.hold <= total);
	CHECK(report.hold >= j->hold && report.keep >= j->keep);
	CHECK_EQ(verdict == MG_UNABLE, j->n_unable > unable);
	if (j->n_unable == unable)
		CHECK_EQ(verdict == MG_FOUND, j->n_all > before);
	if (verdict == MG_CLEAN)
		CHECK_EQ(report.hold, total);
	j->hold = report.hold;
	j->keep = report.keep;
	return verdict;
}

static inline enum mg_verdict
judge_text(struct judge *j, const char *text, int last)
{
	return judge_bytes(j, text, strlen(text), last);
}

#endif
