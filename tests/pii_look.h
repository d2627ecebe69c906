/* SPDX-License-Identifier: Apache-2.0 */
/* tests/pii_look.h - one kind of personal data on one text: what is found,
 * however the text is cut. */
#ifndef TESTS_PII_LOOK_H
#define TESTS_PII_LOOK_H

#include "tests/judge.h"

/* Opens one rule that looks for kinds, divided by newlines. */
static inline struct judge
pii_open(const char *kinds, double at_least, enum mg_fold fold)
{
	struct judge j = judge_open_rules("pii", &(struct judge_rule){
	    .items = kinds, .choice = at_least }, 1);

	/* Opened once more, as the rule's fold is known only now. */
	j.type->close(j.conf);
	j.rules[0].fold = fold;
	j.conf = j.type->open(j.rules, 1, judge_warned, &j, &j.err);
	return j;
}

static inline void
pii_add(char *list, size_t size, const char *text, const struct mg_found *f)
{
	size_t n = strlen(list);

	(void)snprintf(list + n, size - n, "%s%.*s", n ? "|" : "", (int)f->len,
	    text + f->at);
}

/* Feeds text in two pieces, and checks that the findings are those of all. */
static inline void
pii_cut(struct judge *j, const char *text, size_t at,
    const struct mg_found *all, size_t n)
{
	size_t i;

	judge_begin(j);
	(void)judge_bytes(j, text, at, MORE);
	(void)judge_text(j, text + at, LAST);
	CHECK_EQ(j->n_all, n);
	for (i = 0; i < n && i < j->n_all; i++) {
		CHECK_EQ(j->all[i].at, all[i].at);
		CHECK_EQ(j->all[i].len, all[i].len);
		CHECK_EQ(j->all[i].item, all[i].item);
		CHECK(j->all[i].score >= all[i].score &&
		    j->all[i].score <= all[i].score);
	}
}

/* What is found in a text, divided by '|', in a buffer that lives until the
 * next call. Whole, cut in two at every byte, and byte by byte. */
static inline const char *
pii_seen(struct judge *j, const char *text)
{
	static char list[1024];
	struct mg_found *all;
	size_t len = strlen(text), n, i;

	list[0] = '\0';
	judge_begin(j);
	(void)judge_text(j, text, LAST);
	n = j->n_all;
	all = judge_alloc((n + 1) * sizeof(*all));
	for (i = 0; i < n; i++) {
		all[i] = j->all[i];
		pii_add(list, sizeof(list), text, &all[i]);
	}
	for (i = 0; i <= len; i++)
		if ((text[i] & 0xc0) != 0x80)
			pii_cut(j, text, i, all, n);
	judge_begin(j);
	for (i = 0; i < len; i++) {
		size_t from = i;

		while ((text[i + 1] & 0xc0) == 0x80)
			i++;
		(void)judge_bytes(j, text + from, i + 1 - from, MORE);
	}
	(void)judge_text(j, "", LAST);
	CHECK_EQ(j->n_all, n);
	free(all);
	return list;
}

/* One kind, as rules have it by default. */
static inline const char *
pii_see(const char *kinds, const char *text)
{
	struct judge j = pii_open(kinds, 0.5, MG_FOLD_NONE);
	const char *list = pii_seen(&j, text);

	judge_close(&j);
	return list;
}

#define SEES(kinds, text, found) CHECK_STR(pii_see((kinds), (text)), (found))

#endif
