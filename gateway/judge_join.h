/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/judge_join.h - the messages of one request read as one text, for
 * rules with a `scope:`.
 *
 * A word that is split over two messages, or over two parts of one, is in none
 * of them. So what one role wrote in its last messages is put together, without
 * the white space around each: 炸|弹. Where letters meet that make words of
 * Latin kind, nobody knows whether the seam is inside a word (bo|mb) or between
 * two (make a|bomb): it is read with a space at all such seams, with none at
 * any, and with none at each run of neighbours alone, which finds one word
 * split over any of them. What is found is mapped back to the texts that it
 * lies in. */
#ifndef GATEWAY_JUDGE_JOIN_H
#define GATEWAY_JUDGE_JOIN_H

#include "gateway/notes.h"
#include "gateway/surface.h"

/* Bytes of one joined text. Where there are more, long texts give their
 * beginnings and ends only, and are not joined through their middle. */
#define JOIN_MAX_BYTES (1024 * 1024)
/* Bytes of all readings of the texts by one role for one scope: the two with
 * all seams alike in any case, then those of the last seams first. */
#define JOIN_MAX_WORK (4 * 1024 * 1024)

struct join;

/* What is to be done with the texts. */
struct join_sink {
	/* The text of a node must not pass. */
	void (*stop)(void *arg, uint32_t node);
	/* The text of a node becomes this. */
	void (*change)(void *arg, uint32_t node, struct mg_span text);
	void *arg;
};

/* doc and screen must outlive it. NULL: no rule has a scope. */
struct join *join_new(const struct jdoc *doc, struct screen *screen);
void join_free(struct join *join);
/* Takes a text and the changes that were made of it alone; both are copied.
 * False: it is no text of a message, and is the caller's to change. */
bool join_take(struct join *join, const struct surface_text *t,
    struct mg_span text, const struct channel_screen *alone);
/* Judges what was taken and tells all changes, of texts alone and joined. */
void join_finish(struct join *join, struct notes *notes,
    const struct join_sink *sink);

#endif
