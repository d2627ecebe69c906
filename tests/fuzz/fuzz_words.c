/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_words.c - any words, any text, any cuts: same findings.
 *
 * Input: words, 0xff, exceptions, 0xff, text. Words are divided by newlines.
 * The low bits of the first byte choose how the text is cut. Input that is
 * not UTF-8 is made so, as the contract promises it. */
#include "tests/fuzz/fuzz_filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in;
	struct judge j;

	if (!fuzz_read(&in, data, size))
		return 0;
	j = judge_open_rules("words", (struct judge_rule[]){
	    { .items = in.items, .except = in.excepts[0] ? in.excepts : NULL },
	    { .items = in.items, .choice = 1, .loose = true } }, 2);
	fuzz_cuts(&j, &in);
	judge_close(&j);
	fuzz_free(&in);
	return 0;
}
