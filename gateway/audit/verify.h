/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/verify.h - is the log what its checkpoints promised?
 *
 * Reads only. The records are read from the segments, in the log's order, and
 * hashed anew; nothing of what the gateway has worked out is trusted but the
 * public key. */
#ifndef GATEWAY_AUDIT_VERIFY_H
#define GATEWAY_AUDIT_VERIFY_H

#include "gateway/audit/note.h"

struct verify_options {
	const char *dir;		/* the segments' folder */
	const struct note_verifier *vkey;	/* NULL: log/vkey, which is no
						 * proof against whoever can
						 * write that file */
	struct mg_span older;		/* an older signed checkpoint that the
					 * log must continue; len 0: none */
	bool progress;			/* on standard error */
};

struct verify_report {
	struct checkpoint checkpoint;	/* the log's own */
	struct checkpoint older;	/* size 0: none was given */
	uint64_t leaves;		/* covered by it, and read */
	uint64_t more;			/* read, not yet covered */
	uint64_t opened, closed, aborted;	/* exchanges */
	uint64_t under_way;		/* opened, with no end yet, in a run
					 * that goes on */
	double seconds;
	struct mg_error problem;	/* the first; empty: all is well */
};

/* Returns 0 with report filled; -1 with err filled: there is nothing to verify
 * (no folder, no checkpoint, wrong use). */
int audit_verify(const struct verify_options *options,
    struct verify_report *report, struct mg_error *err);

/* Appends a C2SP tlog-proof that leaf `index` is in the log at its checkpoint;
 * it stands alone. */
int audit_prove(const char *dir, uint64_t index, struct buf *out,
    struct mg_error *err);
/* The index of the closing record of an exchange, or of the opening one where
 * opening; UINT64_MAX: there is none in the checkpoint. */
int audit_find(const char *dir, struct mg_span xid, bool opening,
    uint64_t *index, struct mg_error *err);
/* Whether a tlog-proof holds for an entry under a key; why is static. */
bool audit_proof_holds(struct mg_span proof, struct mg_span entry,
    const struct note_verifier *vkey, struct checkpoint *checkpoint,
    const char **why);

#endif
