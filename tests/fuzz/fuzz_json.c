/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_json.c - any text, any cuts: same findings, of json, language and
 * length.
 *
 * Input: a byte that chooses the cuts, ignored bytes, 0xff, ignored bytes,
 * 0xff, text. Input that is not UTF-8 is made so, as the contract promises. */
#include "tests/fuzz/fuzz_filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROW = 3 };

static void
try_type(struct judge *j, const char *type, const struct judge_rule *rules,
    const struct fuzz_input *in)
{
	if (!j->conf)
		*j = judge_open_rules(type, rules, 2);
	judge_begin(j);
	fuzz_cuts(j, in);
	judge_end(j);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct judge json, language, length;
	struct fuzz_input in;

	if (!fuzz_read(&in, data, size))
		return 0;
	try_type(&json, "json", (struct judge_rule[]){ { .items = "" },
	    { .items = "", .choice = 1, .loose = true } }, &in);
	try_type(&language, "language", (struct judge_rule[]){
	    { .items = "zh\nen" }, { .items = "en", .choice = 1 } }, &in);
	/* A limit of 0: the first of each row is found. */
	try_type(&length, "length", (struct judge_rule[]){ { .items = "" },
	    { .items = "", .choice = ROW } }, &in);
	fuzz_free(&in);
	return 0;
}
