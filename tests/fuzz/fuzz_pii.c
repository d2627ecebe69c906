/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_pii.c - any text, any cuts: same findings, of all kinds.
 *
 * The low bits of the first byte choose how the text is cut, its high bit
 * whether letters have kept their case. Input that is not UTF-8 is made so, as
 * the contract promises it. */
#include "filters/pii.h"
#include "tests/fuzz/fuzz_filter.h"
#include "tests/pii_look.h"

static const char kinds[] =
#define X(name, spots, early) "\n" #name
    PII_KINDS(X);
#undef X

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { 0 };
	struct judge j;

	if (size < 2 || size > 1024)
		return 0;
	in.cuts = *data & 0x7f;
	in.text = fuzz_text(data + 1, size - 1);
	j = pii_open(kinds + 1, 0, *data & 0x80 ? MG_FOLD_NONE :
	    MG_FOLD_BASIC);
	fuzz_cuts(&j, &in);
	judge_close(&j);
	fuzz_free(&in);
	return 0;
}
