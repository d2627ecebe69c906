/* SPDX-License-Identifier: Apache-2.0 */
/* han.c - what OpenCC makes of each traditional character.
 *
 * All are asked for in one call, as one text: OpenCC is slow by its call and by
 * its character, and a process waits for it when it loads a policy. Characters
 * beyond U+FFFF are left out for that: 350 of 94,000 change, none of them in
 * use. Some characters in a row might be a phrase to OpenCC: they are asked
 * for from both ends of the range by turns, which gives none. */
#include <opencc/opencc.h>
#include <stdlib.h>

#include "filters/fold/table.h"
#include "filters/fold/utf8.h"
#include "filters/memory.h"

enum { N_HAN = FOLD_HAN_TO - FOLD_HAN_FROM };

static uint32_t
nth(size_t i)
{
	return FOLD_HAN_FROM + (uint32_t)(i % 2 ? N_HAN - 1 - i / 2 : i / 2);
}

static int
read_answer(struct fold_han *han, const char *p)
{
	size_t i;

	for (i = 0; i < N_HAN && *p; i++) {
		uint32_t c = utf8_get(p);

		/* The few that leave the plane stay as they are. */
		han->simple[nth(i) - FOLD_HAN_FROM] = (uint16_t)(c < 0x10000 ?
		    c : nth(i));
		p += utf8_size((unsigned char)*p);
	}
	return i == N_HAN && !*p ? 0 : -1;
}

int
fold_han_read(struct fold_han *han, struct mg_error *err)
{
	opencc_t cc = opencc_open(OPENCC_DEFAULT_CONFIG_TRAD_TO_SIMP);
	char *text, *answer = NULL;
	size_t n = 0, i;
	int rc = -1;

	if (cc == (opencc_t)-1)
		return mg_fail(err, NULL, "fold: OpenCC has no data: %s",
		    opencc_error());
	text = mem_new(3 * N_HAN + 1, 1);
	for (i = 0; i < N_HAN; i++)
		n += utf8_put(text + n, nth(i));
	answer = opencc_convert_utf8(cc, text, n);
	if (answer)
		rc = read_answer(han, answer);
	opencc_convert_utf8_free(answer);
	free(text);
	(void)opencc_close(cc);
	return rc < 0 ? mg_fail(err, NULL, "fold: OpenCC does not give one "
	    "character for each") : 0;
}
