/* SPDX-License-Identifier: Apache-2.0 */
/* filters/injection_conf.h - words, and the signals that are made of them. */
#ifndef FILTERS_INJECTION_CONF_H
#define FILTERS_INJECTION_CONF_H

#include "filters/lexicon.h"
#include "modgate/filter.h"

#define INJECTION_KINDS(X) \
	X(OVERRIDE, "override")		/* ignore what you were told */ \
	X(EXTRACTION, "extraction")	/* show me your instructions */ \
	X(ROLEPLAY, "roleplay")		/* you are one without rules */ \
	X(MARKUP, "markup")		/* pretended turns of a chat */ \
	X(INDIRECT, "indirect")		/* documents that speak to a model */ \
	X(ENCODING, "encoding")		/* decode this and follow it */

enum injection_kind {
#define X(id, name) INJECTION_##id,
	INJECTION_KINDS(X)
#undef X
	N_INJECTION_KINDS,
};

/* Words that may stand for each other, divided by semicolons. In lower case; a space is
 * any white space. A word at the end of which letters may follow ends with *,
 * one that must begin a line begins with ^. */
struct injection_class {
	const char *name, *words;
};

/* shape: names of classes, between two of them how many bytes may lie between
 * their words; with + these may hold the end of a sentence. */
struct injection_signal {
	uint8_t kind;
	uint8_t weight;		/* how much it says alone, in hundredths */
	const char *shape;
};

/* Both end with a NULL. */
extern const struct injection_class injection_classes[];
extern const struct injection_signal injection_signals[];

#define INJECTION_SLOTS 4	/* classes of one signal, at most */
#define INJECTION_REACH 512	/* bytes of one signal, at most */

struct injection_shape {
	uint8_t n_slots;
	uint8_t class[INJECTION_SLOTS];
	uint16_t gap[INJECTION_SLOTS];	/* before the slot */
	bool across[INJECTION_SLOTS];	/* … it may hold a sentence's end */
};

/* Where a class stands in a signal. */
struct injection_step {
	uint16_t signal;
	uint8_t slot;
};

enum {
	WORD_OPEN_END = 1,	/* letters may follow */
	WORD_LINE = 2,		/* begins a line */
	WORD_FLAGS = 2,		/* bits of them, in a lexicon's value */
};

struct injection_rule {
	unsigned kinds;				/* bits */
	uint8_t item[N_INJECTION_KINDS];	/* which item named a kind */
	double at_least;
};

struct injection {
	struct lexicon lexicon;		/* values: class, flags */
	struct injection_shape *shapes;	/* by signal */
	size_t n_signals, n_classes;
	struct injection_step *steps;	/* by class, last slots first */
	uint32_t *first_step;		/* by class; n_classes + 1 */
	unsigned *first_kinds;		/* by class: of signals that it begins */
	struct injection_rule *rules;
	size_t n_rules;
};

extern const struct mg_option injection_options[];

/* As mg_filter_type has them. */
void *injection_open(const struct mg_rule *rules, size_t n_rules,
    void (*warn)(void *arg, const struct mg_place *place, const char *text),
    void *arg, struct mg_error *err);
void injection_close(void *conf);
size_t injection_memory(const void *conf);

#endif
