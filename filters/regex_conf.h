/* SPDX-License-Identifier: Apache-2.0 */
/* filters/regex_conf.h - the patterns of all rules, compiled. Read-only once
 * opened, but for the pool of workspaces. */
#ifndef FILTERS_REGEX_CONF_H
#define FILTERS_REGEX_CONF_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <pthread.h>

#include "filters/automaton.h"
#include "filters/beginnings.h"
#include "filters/shape.h"
#include "modgate/filter.h"

#define REGEX_MAX_HOLD 4096	/* bytes, when a rule does not say */
#define REGEX_NO_LIMIT UINT64_MAX

struct pattern {
	pcre2_code *code;
	uint32_t rule, item;
	uint32_t max_hold;	/* bytes */
	uint32_t shelter;	/* exceptions: which, from 0 */
	uint64_t max_bytes;	/* from a match's start on, how much text it
				 * can depend on; REGEX_NO_LIMIT: unknown */
	bool except;
	unsigned char gate;	/* a byte that every match contains; 0: none */
	struct shape_numbers numbers;	/* what every match contains */
};

/* What one call of judge() needs and no channel keeps. */
struct workspace {
	struct workspace *next;
	pcre2_match_data *match;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
};

struct regex {
	struct pattern *patterns;
	size_t n_patterns, n_words;	/* a set of patterns has n_words */
	size_t n_rules, n_excepts;
	size_t n_gateless;	/* patterns that are tried on every text */
	uint32_t *first;	/* by rule: its patterns, exceptions last;
				 * n_rules + 1 */
	uint64_t *heads;	/* by place, by byte: patterns whose matches
				 * may have it there; n_words each */
	uint64_t *alone;	/* patterns of which no literal is known */
	uint64_t *numbered;	/* patterns whose matches contain numbers */
	uint64_t *excepts;	/* patterns that are exceptions */
	uint32_t look;		/* code points before its start that a match
				 * may depend on, at the most */
	/* Literals, of which each other pattern's matches contain one. */
	struct automaton automaton;
	struct beginnings beginnings;
	uint32_t *by_term;	/* which patterns, from term_first[term] on */
	uint32_t *term_first;	/* n_terms + 1 */
	size_t n_terms;
	size_t bytes;			/* for metrics */
	_Atomic(struct workspace *) spare;	/* one at rest, without lock */
	pthread_mutex_t lock;
	struct workspace *pool;		/* at rest; under lock */
};

extern const struct mg_option regex_options[];

/* As mg_filter_type has them. */
void *regex_open(const struct mg_rule *rules, size_t n_rules,
    void (*warn)(void *arg, const struct mg_place *place, const char *text),
    void *arg, struct mg_error *err);
void regex_close(void *conf);
size_t regex_memory(const void *conf);

/* Lends a workspace for the time of one call. Any thread. Never NULL. */
struct workspace *regex_lend(const struct regex *re);
void regex_return(const struct regex *re, struct workspace *ws);

static inline uint64_t *
regex_head(const struct regex *re, size_t place, unsigned char byte)
{
	return re->heads + (place * 256 + byte) * re->n_words;
}

static inline bool
regex_in(const uint64_t *set, size_t i)
{
	return set[i / 64] >> i % 64 & 1;
}

static inline void
regex_add(uint64_t *set, size_t i)
{
	set[i / 64] |= UINT64_C(1) << i % 64;
}

#endif
