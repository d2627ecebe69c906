/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_secrets.c - any text, any cuts: same findings.
 *
 * Input: a byte that chooses the cuts, ignored bytes, 0xff, ignored bytes, 0xff,
 * text. Input that is not UTF-8 is made so, as the contract promises it. */
#include "tests/fuzz/fuzz_filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct judge j;
	struct fuzz_input in;

	if (!fuzz_read(&in, data, size))
		return 0;
	if (!j.conf)
		j = judge_open_rules("secrets", (struct judge_rule[]){
		    { .items = "all", .max_hold = 512 },
		    { .items = "jwt\nassignment", .loose = true } }, 2);
	judge_begin(&j);
	fuzz_cuts(&j, &in);
	judge_end(&j);
	fuzz_free(&in);
	return 0;
}
