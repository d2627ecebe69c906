/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit_note.c - signed notes and checkpoints, against the published
 * test vector. */
#include <stdio.h>

#include "gateway/audit/note.h"
#include "tests/check.h"

#define VKEY "gw.example/audit+0bfd4942+" \
	"AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
#define WITNESS "witness.example/w1+20324abe+" \
	"BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
#define TEXT "gw.example/audit\n7\n" \
	"mMl/C6MXXNCLAx3QhLncTmSbZNGijm6mlGRlAxc6tYc=\n"
#define SIGNED "\xe2\x80\x94 gw.example/audit C/1JQvTyuJe6WO2XH3+cb3kKl7a3" \
	"nFddYMxFZSKq6rU5+dTfyYf5VWdlEMfqdsweNhDAQiZnQAflp0Ajd9BUuLksMwo=\n"
#define COSIGNED "\xe2\x80\x94 witness.example/w1 IDJKvgAAAABqsTuAQS9RwugP" \
	"BQ70L/YIxURSbIUWNsZPwMQ9o3mrcd+mfELzU7PserCm0s2d9fq1Vk78Kl4Bf1+HAb8Z" \
	"Uyz2VRC5Cw==\n"
#define NOTE TEXT "\n" SIGNED COSIGNED
#define TIME 0x6ab13b80

static struct mg_error err;

static struct note_signer *
signer(const char *name, unsigned char type, unsigned char first)
{
	unsigned char seed[32];
	size_t i;

	for (i = 0; i < 32; i++)
		seed[i] = (unsigned char)(first + i);
	return note_signer_new(name, type, seed, &err);
}

static struct note_verifier
verifier(const char *vkey)
{
	struct note_verifier v;

	memset(&err, 0, sizeof(err));
	CHECK_EQ(note_verifier_read(span_str(vkey), &v, &err), 0);
	return v;
}

static void
keys_are_those_of_the_reference(void)
{
	struct note_signer *log = signer("gw.example/audit", NOTE_ED25519, 0);
	struct note_signer *witness = signer("witness.example/w1",
	    NOTE_COSIGNATURE, 0x20);
	struct buf b = { 0 };

	note_verifier_write(note_signer_public(log), &b);
	CHECK_MEM(b.ptr, b.len, VKEY);
	buf_clear(&b);
	note_verifier_write(note_signer_public(witness), &b);
	CHECK_MEM(b.ptr, b.len, WITNESS);
	buf_fini(&b);
	note_signer_free(log);
	note_signer_free(witness);
	CHECK(!signer("two words", NOTE_ED25519, 0));
	CHECK(!signer("a+b", NOTE_ED25519, 0));
	CHECK(!signer("", NOTE_ED25519, 0));
}

static void
signatures_are_those_of_the_reference(void)
{
	struct note_signer *log = signer("gw.example/audit", NOTE_ED25519, 0);
	struct note_signer *witness = signer("witness.example/w1",
	    NOTE_COSIGNATURE, 0x20);
	struct checkpoint c = { .origin = "gw.example/audit", .size = 7 };
	struct buf b = { 0 };

	CHECK_EQ(base64_read(span_str("mMl/C6MXXNCLAx3QhLncTmSbZNGijm6mlGRl"
	    "Axc6tYc="), c.root.b, 32), 32);
	checkpoint_text(&c, &b);
	CHECK_MEM(b.ptr, b.len, TEXT);
	buf_add_byte(&b, '\n');
	note_sign(log, span_str(TEXT), 0, &b);
	note_sign(witness, span_str(TEXT), TIME, &b);
	CHECK_MEM(b.ptr, b.len, NOTE);
	buf_fini(&b);
	note_signer_free(log);
	note_signer_free(witness);
}

static void
a_note_is_verified_key_by_key(void)
{
	struct note_verifier log = verifier(VKEY), witness = verifier(WITNESS);
	struct note_verifier other = log;
	struct checkpoint c;
	struct note note;
	const char *why;
	uint64_t time = 0;

	CHECK(note_read(span_str(NOTE), &note, &why));
	CHECK_EQ(note_verify(&note, &log, NULL), NOTE_GOOD);
	CHECK_EQ(note_verify(&note, &witness, &time), NOTE_GOOD);
	CHECK_EQ(time, TIME);
	CHECK(checkpoint_read(note.text, &c, &why));
	CHECK_EQ(c.size, 7);
	CHECK_STR(c.origin, "gw.example/audit");
	other.id[0] ^= 1;
	CHECK_EQ(note_verify(&note, &other, NULL), NOTE_ABSENT);
	other = log;
	other.key[0] ^= 1;
	CHECK_EQ(note_verify(&note, &other, NULL), NOTE_BAD);
	/* The text is another one. */
	CHECK(note_read(span_str("gw.example/audit\n8\nmMl/C6MXXNCLAx3QhLncTm"
	    "SbZNGijm6mlGRlAxc6tYc=\n\n" SIGNED COSIGNED), &note, &why));
	CHECK_EQ(note_verify(&note, &log, NULL), NOTE_BAD);
	CHECK_EQ(note_verify(&note, &witness, NULL), NOTE_BAD);
}

static void
no_byte_of_a_signed_note_can_be_changed(void)
{
	struct note_verifier log = verifier(VKEY), witness = verifier(WITNESS);
	char bytes[sizeof(NOTE)];
	struct note note;
	const char *why;
	size_t i;

	for (i = 0; i < sizeof(NOTE) - 1; i++) {
		memcpy(bytes, NOTE, sizeof(NOTE));
		bytes[i] ^= 1;
		CHECK(!note_read(span(bytes, sizeof(NOTE) - 1), &note,
		    &why) || note_verify(&note, &log, NULL) != NOTE_GOOD ||
		    note_verify(&note, &witness, NULL) != NOTE_GOOD);
	}
}

static bool
is_note(const char *text)
{
	struct note note;
	const char *why;

	return note_read(span_str(text), &note, &why);
}

static void
what_is_no_note_is_refused(void)
{
	CHECK(is_note("a\n\n\xe2\x80\x94 k AAAAAAA=\n"));
	CHECK(is_note("a\n\nb\n\n\xe2\x80\x94 k AAAAAAA=\n"));
	CHECK(!is_note(""));
	CHECK(!is_note("\n"));
	CHECK(!is_note(TEXT));
	CHECK(!is_note(TEXT "\n"));
	CHECK(!is_note("a\n\n\xe2\x80\x94 k AAAAAAA="));
	CHECK(!is_note("a\n\n- k AAAAAAA=\n"));
	CHECK(!is_note("a\n\n\xe2\x80\x94 k AAAA\n"));
	CHECK(!is_note("a\n\n\xe2\x80\x94 k AAAAAAB=\n"));
	CHECK(!is_note("a\n\n\xe2\x80\x94 k+ AAAAAAA=\n"));
	CHECK(!is_note("a\tb\n\n\xe2\x80\x94 k AAAAAAA=\n"));
	CHECK(!is_note("a\xff\n\n\xe2\x80\x94 k AAAAAAA=\n"));
}

static void
a_note_has_at_most_so_many_signatures(void)
{
	struct buf b = { 0 };
	struct note note;
	const char *why;
	int i;

	buf_add_str(&b, "a\n\n");
	for (i = 0; i < NOTE_SIGNATURES_MAX; i++)
		buf_add_str(&b, "\xe2\x80\x94 k AAAAAAA=\n");
	CHECK(note_read(buf_span(&b), &note, &why));
	buf_add_str(&b, "\xe2\x80\x94 k AAAAAAA=\n");
	CHECK(!note_read(buf_span(&b), &note, &why));
	buf_fini(&b);
}

static void
wrong_keys_and_checkpoints_are_refused(void)
{
	static const char *const keys[] = { "", "a", "a+12345678+", "a+0bfd4942"
		"+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4", "gw.example/"
		"audit+0bfd4942+AgOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
		"gw.example/audit+0BFD4942+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3"
		"chmQSVTG4", "gw.example/audit+0bfd4942+AQOhB7/zzhC+HXDdGOdL" };
	static const char *const texts[] = { "", "a\n1\n", "a\n01\nmMl/C6MXXNC"
		"LAx3QhLncTmSbZNGijm6mlGRlAxc6tYc=\n", "a\n-1\nmMl/C6MXXNCLAx3"
		"QhLncTmSbZNGijm6mlGRlAxc6tYc=\n", "a\n1\nmMl/\n",
		"\n1\nmMl/C6MXXNCLAx3QhLncTmSbZNGijm6mlGRlAxc6tYc=\n" };
	struct note_verifier v;
	struct checkpoint c;
	const char *why;
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		memset(&err, 0, sizeof(err));
		CHECK_EQ(note_verifier_read(span_str(keys[i]), &v, &err), -1);
		CHECK(err.text[0] != '\0');
	}
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CHECK(!checkpoint_read(span_str(texts[i]), &c, &why));
	CHECK(checkpoint_read(span_str(TEXT "more\n"), &c, &why));
}

int
main(void)
{
	RUN(keys_are_those_of_the_reference);
	RUN(signatures_are_those_of_the_reference);
	RUN(a_note_is_verified_key_by_key);
	RUN(no_byte_of_a_signed_note_can_be_changed);
	RUN(what_is_no_note_is_refused);
	RUN(a_note_has_at_most_so_many_signatures);
	RUN(wrong_keys_and_checkpoints_are_refused);
	return CHECK_DONE();
}
