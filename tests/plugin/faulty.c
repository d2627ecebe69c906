/* SPDX-License-Identifier: Apache-2.0 */
/* faulty.c - a filter with one thing wrong, chosen by -D; test_plugin.c builds
 * it many times. Without any it is right, and finds nothing. */
#include <math.h>
#include <stdlib.h>

#include "modgate/filter.h"

#ifndef ABI
#define ABI MG_FILTER_ABI
#endif
#ifndef NAME
#define NAME "faulty"
#endif
#ifndef FIRST
#define FIRST NAME
#endif
#ifndef DOC
#define DOC "Finds nothing"
#endif
#ifndef TYPE
#define TYPE MG_OPT_TEXTS
#endif
#ifndef MORE
#define MORE
#endif
#ifndef OPTIONS
#define OPTIONS options
#endif
#ifndef FIELDS
#define FIELDS
#endif
#ifndef FOUND
#define FOUND
#endif
#ifndef BEGIN
#define BEGIN calloc(1, 1)
#endif

static const struct mg_option options[] = {
	{ .key = FIRST, .type = TYPE, .help = "anything" },
	MORE
	{ .key = NULL },
};

static void *
open_conf(const struct mg_rule *rules, size_t n_rules,
    void (*warn)(void *arg, const struct mg_place *place, const char *text),
    void *arg, struct mg_error *err)
{
	(void)rules;
	(void)n_rules;
	(void)warn;
	(void)arg;
	(void)err;
#ifdef OPEN_SAYS
	mg_fail(err, &rules[0].place, "faulty: %s", OPEN_SAYS);
#endif
#ifdef OPEN_FAILS
	return NULL;
#else
	return calloc(1, 1);
#endif
}

static void *
begin(const void *conf, const struct mg_scope *scope)
{
	(void)conf;
	(void)scope;
	return BEGIN;
}

static enum mg_verdict
judge(void *scan, const struct mg_text *text, struct mg_report *report)
{
	(void)scan;
	(void)text;
	(void)report;
#ifdef UNABLE
	return MG_UNABLE;
#else
	FOUND;
	return MG_CLEAN;
#endif
}

static size_t
memory(const void *conf)
{
	(void)conf;
	return 1;
}

const struct mg_filter_type faulty = {
	.abi = ABI, .name = NAME, .doc = DOC, .options = OPTIONS,
	.open = open_conf, .close = free, .begin = begin, .judge = judge,
	.end = free, .memory = memory, FIELDS
};

#ifdef TABLE
TABLE
#else
MG_FILTERS(&faulty);
#endif
