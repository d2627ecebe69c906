/* SPDX-License-Identifier: Apache-2.0 */
/* ruling.c - what a policy makes of one whole text, in one word. */
#include "gateway/ruling.h"

const char *
ruling_name(enum ruling_kind kind)
{
	static const char *const names[N_RULINGS] = { "pass", "flag",
		"redact", "pseudonymize", "block" };

	return names[kind];
}

static bool
is_unable_block(const struct screen_finding *f)
{
	return f->rule->mode == MODE_ENFORCE && f->unable &&
	    (f->rule->action != ACTION_FLAG || f->rule->feeds) &&
	    !f->rule->allow_on_error;
}

static struct ruling
why_cut(const struct screen_finding *f, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (f[i].rule->mode == MODE_ENFORCE && !f[i].unable &&
		    f[i].rule->action == ACTION_BLOCK)
			return (struct ruling){ RULING_BLOCK, "it found "
				"something, and its action is block",
				f[i].rule };
	for (i = 0; i < n; i++)
		if (is_unable_block(&f[i]))
			return (struct ruling){ RULING_BLOCK, "it could not "
				"judge, and its on_error is block",
				f[i].rule };
	return (struct ruling){ RULING_BLOCK, "more would be replaced than "
		"a cap allows", NULL };
}

struct ruling
ruling_of(const struct channel_screen *channel)
{
	struct ruling pass = { RULING_PASS, "no rule that is in force found "
		"anything", NULL };
	const struct screen_finding *f;
	const struct screen_edit *edits;
	size_t i, n, n_edits;

	f = channel_findings(channel, &n, NULL);
	edits = channel_edits(channel, &n_edits);
	if (channel_cut(channel) != SCREEN_NONE)
		return why_cut(f, n);
	for (i = 0; i < n_edits; i++)
		if (edits[i].rule->action == ACTION_REDACT)
			return (struct ruling){ RULING_REDACT, "it found "
				"something, and its action is redact",
				edits[i].rule };
	if (n_edits > 0)
		return (struct ruling){ RULING_PSEUDONYMIZE, "it found "
			"something, and its action is pseudonymize",
			edits[0].rule };
	for (i = 0; i < n; i++) {
		if (f[i].rule->mode == MODE_SHADOW)
			pass.because = "what was found was found in shadow";
		else if (f[i].unable)
			pass.because = "a rule could not judge, and its "
			    "on_error is allow";
		else
			return (struct ruling){ RULING_FLAG, "it found "
				"something, and its action is flag",
				f[i].rule };
	}
	return pass;
}
