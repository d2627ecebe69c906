/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/xidset.h - a set of exchange ids: which are open. */
#ifndef GATEWAY_AUDIT_XIDSET_H
#define GATEWAY_AUDIT_XIDSET_H

#include "gateway/buf.h"

struct xid {
	unsigned char bytes[16];	/* never all zero in a set */
};

/* Open addressing; a zeroed one is empty and valid. */
struct xidset {
	struct xid *slots;
	size_t cap, n;
};

/* Reads the text form (RFC 9562 section 4); false: it is none. */
bool xid_read(struct mg_span text, struct xid *out);
void xid_text(const struct xid *xid, char out[37]);

/* False: it was there already. */
bool xidset_add(struct xidset *set, const struct xid *xid);
/* False: it was not there. */
bool xidset_remove(struct xidset *set, const struct xid *xid);
/* Walks the members in no order; *i is 0 at first. NULL: no more. */
const struct xid *xidset_next(const struct xidset *set, size_t *i);
void xidset_fini(struct xidset *set);

#endif
