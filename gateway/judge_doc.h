/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/judge_doc.h - judges every text of one whole JSON document: a
 * request, or an answer that is not streamed. */
#ifndef GATEWAY_JUDGE_DOC_H
#define GATEWAY_JUDGE_DOC_H

#include "gateway/notes.h"
#include "gateway/surface.h"

enum {				/* what a document holds that nobody read */
	UNREAD_TOKEN_IDS = 1,
	UNREAD_REFERENCES = 2,
	UNREAD_MEDIA = 4,
};

struct judged_doc {
	bool blocked;		/* a text outside of choices must not pass */
	unsigned unread;	/* UNREAD_ bits */
	char unread_path[96];	/* of the first, for the client's error */
	char param[64];		/* top-level member of the first hit */
	int32_t *cut;		/* owned: choices that must not pass */
	size_t n_cut, cap_cut;
	struct jdoc_splice *splices;	/* owned: changes, by place */
	size_t n_splices, cap_splices;
	struct buf *texts;	/* owned: what the splices hold */
	size_t n_texts, cap_texts;
	uint64_t tokens;	/* rough count of all text */
};

/* Judges doc with screen, adding to notes. out is overwritten; free it with
 * judged_doc_fini(). */
void judge_doc(enum surface_kind surface, enum surface_doc which,
    enum policy_side side, const struct jdoc *doc, struct screen *screen,
    struct notes *notes, struct judged_doc *out);
void judged_doc_fini(struct judged_doc *judged);
/* Shows table every text of doc: what looks like a placeholder there is not one
 * that the exchange will make. To be called before the doc is judged. */
void judge_doc_avoid(enum surface_kind surface, enum surface_doc which,
    const struct jdoc *doc, struct placeholders *table);
/* Adds a change; with is copied. Order does not matter. */
void judged_doc_change(struct judged_doc *judged, size_t at, size_t len,
    struct mg_span with);
/* Writes doc with all changes to out. A change inside a larger one is void. */
void judged_doc_write(struct judged_doc *judged, struct mg_span doc,
    struct buf *out);
bool judged_doc_is_cut(const struct judged_doc *judged, int32_t choice);

/* Appends text[from..to) of a channel with its edits made and its cut
 * respected. text holds the channel's bytes from offset `from` on; json: edits
 * go into JSON inside a string. Returns whether anything was changed. */
bool edited_text(const struct channel_screen *channel, struct mg_span text,
    uint64_t from, bool json, struct buf *out);

#endif
