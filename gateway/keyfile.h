/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/keyfile.h - a file of 32 random bytes that a state directory keeps:
 * made once, read by its owner alone. */
#ifndef GATEWAY_KEYFILE_H
#define GATEWAY_KEYFILE_H

#include "modgate/filter.h"

enum { KEYFILE_BYTES = 32 };

/* Reads the key, or makes it (mode 0600, on disk before it is used; of two
 * processes that make it both read the same). loss: what does not work any
 * more when the file is lost, for the message. -1 with err filled: it cannot
 * be read, has another length, or others may read it. The caller wipes key. */
int keyfile_open(const char *path, const char *loss,
    unsigned char key[KEYFILE_BYTES], struct mg_error *err);

#endif
