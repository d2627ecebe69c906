/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_regex.c - any patterns, any text, any cuts: same findings.
 *
 * Input as in fuzz_words.c. A pattern that a policy could not have is refused
 * by open(); one that hits a limit is let off, as limits depend on cuts. */
#include "tests/fuzz/fuzz_filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in;
	struct judge j;

	if (!fuzz_read(&in, data, size))
		return 0;
	j = judge_open_rules("regex", (struct judge_rule[]){
	    { .items = in.items, .except = in.excepts[0] ? in.excepts : NULL,
		.max_hold = 65536 },
	    { .items = in.items, .choice = 1, .loose = true,
		.max_hold = 65536 } }, 2);
	fuzz_cuts(&j, &in);
	judge_close(&j);
	fuzz_free(&in);
	return 0;
}
