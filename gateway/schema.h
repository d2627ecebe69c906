/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/schema.h - the JSON Schema (draft 2020-12) of our YAML files, for
 * editors.
 *
 * Made from the tables that the files are read by, and from the options of all
 * filters, so that it knows what the reader knows. It is the coarser of the
 * two: what depends on more than one key only `modgate check` sees. Scalars are
 * taken as YAML 1.2 types them and as plain texts. */
#ifndef GATEWAY_SCHEMA_H
#define GATEWAY_SCHEMA_H

#include "gateway/buf.h"

enum schema_kind { SCHEMA_POLICY, SCHEMA_CONFIG };

/* Appends the schema, indented, with a line end. */
void schema_write(enum schema_kind kind, struct buf *out);

#endif
