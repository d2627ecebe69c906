/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/corpus.h - labelled texts from a file: one JSON object per line,
 * plain or gzip.
 *
 *   {"text": "…", "lang": "zh", "labels": {"hate": 1, "violence": 0},
 *    "spans": [{"type": "EMAIL", …}], "on": "answer", "role": "tool",
 *    "tenant": "gallery", "model": "gpt-4o"}
 *
 * Only "text" must be there. A label is 1 (applies) or 0; one that is absent is
 * not known. Other members are not looked at. */
#ifndef GATEWAY_CORPUS_H
#define GATEWAY_CORPUS_H

#include "gateway/jdoc.h"
#include "gateway/policy.h"

#define CORPUS_LINE_MAX (4u << 20)	/* bytes */

/* What is known of one label in one row. */
enum corpus_truth { TRUTH_UNKNOWN, TRUTH_NO, TRUTH_YES };

/* Borrowed; gone when the call that passed it returns. */
struct corpus_row {
	size_t line;			/* from 1 */
	double done;			/* share of the file read, 0 to 1 */
	struct mg_span text, lang;
	struct mg_span tenant, model;	/* "default" and "" where not said */
	unsigned sides;			/* enum policy_side bits; both where it
					 * is not said */
	unsigned role;			/* enum policy_role; 0: not said */
	const struct jdoc *doc;		/* the whole row */
};

/* Calls row for each line of path ("-": standard input) until it returns
 * false. Returns 0, or -1 with err filled: "path:line: what is wrong". */
int corpus_read(const char *path,
    bool (*row)(void *arg, const struct corpus_row *row), void *arg,
    struct mg_error *err);

/* What a row says of one label. "span:TYPE": whether spans of that type are
 * in it. "harmful": whether anything but "benign" is. */
enum corpus_truth corpus_label(const struct corpus_row *row,
    const char *label);

#endif
