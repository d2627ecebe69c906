/* SPDX-License-Identifier: Apache-2.0 */
/* test_yaml.c - what is taken of YAML, what is not, and where it stands. */
#include "gateway/yaml.h"
#include "tests/check.h"

static struct yaml_tree tree;
static struct mg_error err;

static int
read_bytes(const char *text, size_t len)
{
	yaml_fini(&tree);
	memset(&err, 0, sizeof(err));
	return yaml_read(&tree, "f.yaml", span(text, len), &err);
}

static int
read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

#define CHECK_ERROR(yaml, message) \
	do { \
		CHECK_EQ(read_text(yaml), -1); \
		CHECK_STR(err.text, message); \
	} while (0)

static void
keeps_texts_lists_and_maps_in_order(void)
{
	const struct yaml_node *list;

	CHECK_EQ(read_text("a: 1\nb: [x, 'y']\nc: {d: \"e\\n\"}\n"), 0);
	CHECK_EQ(tree.root->type, YAML_MAP);
	CHECK_EQ(tree.root->n, 3);
	CHECK_STR(yaml_get(tree.root, "a")->text.ptr, "1");
	list = yaml_get(tree.root, "b");
	CHECK_EQ(list->n, 2);
	CHECK(!list->first->quoted);
	CHECK(list->first->next->quoted);
	CHECK_STR(yaml_get(yaml_get(tree.root, "c"), "d")->text.ptr, "e\n");
	CHECK(!yaml_get(tree.root, "z"));
	CHECK(!yaml_get(list, "z"));
}

static void
counts_lines_and_columns_from_one_in_characters(void)
{
	const struct yaml_node *b;

	CHECK_EQ(read_text("春: 天\n  \nb:  c\n"), 0);
	CHECK_EQ(tree.root->first->place.line, 1);
	CHECK_EQ(tree.root->first->place.column, 4);
	b = yaml_get(tree.root, "b");
	CHECK_EQ(b->place.line, 3);
	CHECK_EQ(b->place.column, 5);
	CHECK_EQ(b->key_place.column, 1);
}

static void
leaves_words_as_they_are_written(void)
{
	CHECK_EQ(read_text("a: yes\nb: ~\nc: 007\nd:\n"), 0);
	CHECK_STR(yaml_get(tree.root, "a")->text.ptr, "yes");
	CHECK_STR(yaml_get(tree.root, "b")->text.ptr, "~");
	CHECK_STR(yaml_get(tree.root, "c")->text.ptr, "007");
	CHECK_EQ(yaml_get(tree.root, "d")->text.len, 0);
}

static void
names_both_lines_of_a_key_that_stands_twice(void)
{
	CHECK_ERROR("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: key 'a' stands twice, "
	    "first in line 1; keep one");
	CHECK_ERROR("x:\n  - {k: 1, \"k\": 2}\n", "f.yaml:2:12: key 'k' "
	    "stands twice, first in line 2; keep one");
}

static void
finds_a_double_among_very_many_keys(void)
{
	struct buf b = { 0 };
	unsigned i;

	for (i = 0; i < 50000; i++)
		buf_addf(&b, "k%u: v\n", i);
	CHECK_EQ(read_bytes(b.ptr, b.len), 0);
	CHECK_EQ(tree.root->n, 50000);
	buf_add_str(&b, "k7: v\n");
	CHECK_EQ(read_bytes(b.ptr, b.len), -1);
	CHECK_STR(err.text, "f.yaml:50001:1: key 'k7' stands twice, first in "
	    "line 8; keep one");
	buf_fini(&b);
}

static void
refuses_anchors_aliases_and_tags(void)
{
	CHECK_ERROR("a: &x 1\n", "f.yaml:1:4: '&' begins an anchor, and "
	    "anchors are not taken; remove it, or quote the text");
	CHECK_ERROR("a: *x\n", "f.yaml:1:4: '*x': aliases are not taken; "
	    "write the value out");
	CHECK_ERROR("a: !!str 1\n", "f.yaml:1:4: '!' begins a tag, and tags "
	    "are not taken; remove it, or quote the text");
	CHECK_ERROR("a: !x {b: c}\n", "f.yaml:1:4: '!' begins a tag, and tags "
	    "are not taken; remove it, or quote the text");
	CHECK_EQ(read_text("%TAG ! tag:x,2000:\n---\na: b\n"), -1);
	CHECK_EQ(read_text("a: '*x'\nb: \"&y\"\n"), 0);
}

static void
refuses_a_second_document(void)
{
	CHECK_ERROR("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document "
	    "begins; one file holds one, so remove the '---'");
	CHECK_EQ(read_text("---\na: 1\n...\n"), 0);
}

static void
refuses_a_file_in_which_nothing_is_written(void)
{
	CHECK_ERROR("", "f.yaml:1:1: nothing is written here");
	CHECK_ERROR("# only words\n", "f.yaml:1:1: nothing is written here");
}

static void
refuses_keys_that_are_no_text(void)
{
	CHECK_ERROR("[a]: b\n", "f.yaml:1:1: a key must be a text, and not an "
	    "empty one");
	CHECK_EQ(read_text("? {a: b}\n: c\n"), -1);
	CHECK_EQ(read_text("'': b\n"), -1);
}

static void
says_which_byte_is_not_utf8(void)
{
	CHECK_ERROR("a: 1\nb: \xe6\x98\xa5\xff\n", "f.yaml:2:5: byte 0xFF is "
	    "not UTF-8; save the file as UTF-8");
	CHECK_ERROR("a\x80: 1\n", "f.yaml:1:2: byte 0x80 is not UTF-8; save "
	    "the file as UTF-8");
	/* UTF-16 with its mark. */
	CHECK_EQ(read_bytes("\xff\xfe""a\0:\0", 6), -1);
}

static void
takes_a_byte_order_mark(void)
{
	CHECK_EQ(read_text("\xef\xbb\xbf""a: 1\n"), 0);
	CHECK_STR(yaml_get(tree.root, "a")->text.ptr, "1");
}

static void
refuses_a_nul_in_a_text(void)
{
	CHECK_ERROR("a: \"x\\0y\"\n", "f.yaml:1:4: a text cannot hold the "
	    "character U+0000");
	CHECK_EQ(read_bytes("a: x\0y\n", 7), -1);
}

static void
says_that_a_tab_cannot_indent(void)
{
	CHECK_ERROR("a:\n\tb: 1\n", "f.yaml:2:1: a tab cannot indent; use "
	    "spaces");
}

static void
says_where_the_grammar_breaks(void)
{
	CHECK_EQ(read_text("a: [1, 2\nb: 3\n"), -1);
	CHECK(strncmp(err.text, "f.yaml:2:", 9) == 0);
	CHECK_EQ(read_text("a: b: c\n"), -1);
	CHECK(strncmp(err.text, "f.yaml:1:5: ", 12) == 0);
}

static void
nested(struct buf *b, unsigned depth)
{
	unsigned i;

	buf_clear(b);
	for (i = 0; i < depth; i++)
		buf_add_byte(b, '[');
	for (i = 0; i < depth; i++)
		buf_add_byte(b, ']');
}

static void
takes_so_much_depth_and_no_more(void)
{
	struct buf b = { 0 };

	nested(&b, YAML_MAX_DEPTH);
	CHECK_EQ(read_bytes(b.ptr, b.len), 0);
	nested(&b, YAML_MAX_DEPTH + 1);
	CHECK_EQ(read_bytes(b.ptr, b.len), -1);
	CHECK_STR(err.text, "f.yaml:1:33: more than 32 maps and lists inside "
	    "each other");
	nested(&b, 500000);
	CHECK_EQ(read_bytes(b.ptr, b.len), -1);
	buf_fini(&b);
}

static void
takes_so_many_values_and_no_more(void)
{
	struct buf b = { 0 };
	int i;

	for (i = 0; i < YAML_MAX_NODES - 1; i++)
		buf_add_str(&b, "- a\n");
	CHECK_EQ(read_bytes(b.ptr, b.len), 0);
	buf_add_str(&b, "- a\n");
	CHECK_EQ(read_bytes(b.ptr, b.len), -1);
	CHECK_STR(err.text, "f.yaml:250000:3: more than 250000 values in one "
	    "file; put long lists into files of their own");
	buf_fini(&b);
}

static void
takes_so_many_bytes_and_no_more(void)
{
	struct buf b = { 0 };

	buf_add_str(&b, "a: 1\n#");
	memset(buf_reserve(&b, YAML_MAX_BYTES), 'x', YAML_MAX_BYTES);
	b.len = YAML_MAX_BYTES;
	CHECK_EQ(read_bytes(b.ptr, b.len), 0);
	b.len++;
	CHECK_EQ(read_bytes(b.ptr, b.len), -1);
	CHECK_STR(err.text, "f.yaml: more than 4194304 bytes; put long lists "
	    "into files of their own");
	buf_fini(&b);
}

static void
shows_long_and_odd_texts_safely(void)
{
	char shown[YAML_SHOWN];
	char longer[4 * YAML_SHOWN];
	size_t i;

	CHECK_STR(yaml_show(span("a\nb\x7f", 4), shown), "a?b?");
	for (i = 0; i + 3 <= sizeof(longer); i += 3)
		memcpy(longer + i, "春", 3);
	yaml_show(span(longer, i), shown);
	CHECK(strlen(shown) < YAML_SHOWN);
	CHECK(utf8_valid(shown, strlen(shown)));
	CHECK_STR(shown + strlen(shown) - 3, "…");
}

int
main(void)
{
	RUN(keeps_texts_lists_and_maps_in_order);
	RUN(counts_lines_and_columns_from_one_in_characters);
	RUN(leaves_words_as_they_are_written);
	RUN(names_both_lines_of_a_key_that_stands_twice);
	RUN(finds_a_double_among_very_many_keys);
	RUN(refuses_anchors_aliases_and_tags);
	RUN(refuses_a_second_document);
	RUN(refuses_a_file_in_which_nothing_is_written);
	RUN(refuses_keys_that_are_no_text);
	RUN(says_which_byte_is_not_utf8);
	RUN(takes_a_byte_order_mark);
	RUN(refuses_a_nul_in_a_text);
	RUN(says_that_a_tab_cannot_indent);
	RUN(says_where_the_grammar_breaks);
	RUN(takes_so_much_depth_and_no_more);
	RUN(takes_so_many_values_and_no_more);
	RUN(takes_so_many_bytes_and_no_more);
	RUN(shows_long_and_odd_texts_safely);
	yaml_fini(&tree);
	return CHECK_DONE();
}
