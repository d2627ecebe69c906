/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/audit/recover.h - makes a directory whole again before it is
 * written. */
#ifndef GATEWAY_AUDIT_RECOVER_H
#define GATEWAY_AUDIT_RECOVER_H

#include "gateway/audit/segfile.h"

/* Settles every run that no live process holds: cuts torn tails, adds
 * `exchange.aborted` and `log.recovered` by instance, marks the run ended.
 * Doing it twice, or being killed in it, changes nothing more. The caller holds
 * the directory's lock. -1 with err filled: damage, or no disk. */
int recover(const char *dir, int dirfd, const struct audit_io *io,
    const char *instance, struct mg_error *err);

#endif
