/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/ruling.h - what a policy makes of one whole text, in one word.
 *
 * For commands: an exchange acts on cuts and edits as they come. */
#ifndef GATEWAY_RULING_H
#define GATEWAY_RULING_H

#include "gateway/screen.h"

enum ruling_kind { RULING_PASS, RULING_FLAG, RULING_REDACT,
    RULING_PSEUDONYMIZE, RULING_BLOCK, N_RULINGS };

struct ruling {
	enum ruling_kind kind;
	const char *because;		/* static */
	const struct policy_rule *rule;	/* that decided; NULL: none */
};

const char *ruling_name(enum ruling_kind kind);
/* Of a channel that is closed. */
struct ruling ruling_of(const struct channel_screen *channel);

#endif
