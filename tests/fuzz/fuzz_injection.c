/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_injection.c - any text, any cuts: same findings, of injection and of
 * invisible.
 *
 * Input: a byte that chooses the cuts, ignored bytes, 0xff, ignored bytes, 0xff,
 * text. Input that is not UTF-8 is made so, as the contract promises it. */
#include "tests/fuzz/fuzz_filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_type(struct judge *j, const char *type, double choice,
    const struct fuzz_input *in)
{
	if (!j->conf)
		*j = judge_open_rules(type, (struct judge_rule[]){
		    { .items = "all", .choice = choice },
		    { .items = "all", .choice = 1, .loose = true } }, 2);
	judge_begin(j);
	fuzz_cuts(j, in);
	judge_end(j);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct judge injection, invisible;
	struct fuzz_input in;

	if (!fuzz_read(&in, data, size))
		return 0;
	try_type(&injection, "injection", 0.1, &in);
	try_type(&invisible, "invisible", 3, &in);
	fuzz_free(&in);
	return 0;
}
