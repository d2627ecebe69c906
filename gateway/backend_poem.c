/* SPDX-License-Identifier: Apache-2.0 */
/* backend_poem.c - a few poems, chosen by words of the prompt. */
#include "gateway/backend_poem.h"

struct poem {
	const char *words[6];	/* any of them in the prompt; lower case */
	const char *zh;
	const char *en;
};

static const struct poem poems[] = {
	{ { "春", "花", "spring", "blossom", NULL, NULL },
	    "檐下的冰悄悄松了手，\n"
	    "一滴水先学会了说春天。\n"
	    "柳枝垂到河面写信，\n"
	    "燕子替它送过小桥边。\n"
	    "孩子把风筝放给云看，\n"
	    "山坡便一寸一寸地甜。",
	    "The icicle let go its hold;\n"
	    "one drop of water spoke of spring.\n"
	    "The willow writes upon the stream,\n"
	    "and swallows carry everything.\n"
	    "A child holds up a kite to clouds\n"
	    "and all the hillside starts to sing." },
	{ { "雨", "rain", "storm", "夜", "night", NULL },
	    "雨在瓦上数着旧事，\n"
	    "数到一半，忘了从头。\n"
	    "灯下的书翻过一页，\n"
	    "窗外的巷子湿成河流。\n"
	    "有人撑伞走得很慢，\n"
	    "像一盏不肯熄的愁。",
	    "The rain counts stories on the tiles\n"
	    "and loses count, and starts again.\n"
	    "A page is turned beneath the lamp;\n"
	    "the lane becomes a river then.\n"
	    "Someone walks slowly, with a light\n"
	    "that will not yield to wind or rain." },
	{ { "月", "中秋", "moon", "star", "星", NULL },
	    "月亮把路铺到井边，\n"
	    "打水的人舀起一片。\n"
	    "远方也有同样的井，\n"
	    "同样的手，同样的圆。\n"
	    "我们不曾说一句话，\n"
	    "却喝着同一口夜晚。",
	    "The moon has paved the way to wells;\n"
	    "who draws the water draws a piece.\n"
	    "And far away another well,\n"
	    "another hand, the same release.\n"
	    "We never spoke a word, and yet\n"
	    "we drink one night, and drink one peace." },
	{ { "秋", "autumn", "leaf", "leaves", "harvest", NULL },
	    "稻子低头的时候，\n"
	    "天就高了起来。\n"
	    "一枚叶子离开枝头，\n"
	    "慢得像一句告白。\n"
	    "霜还没有到门口，\n"
	    "柿子先亮成灯台。",
	    "The rice has bowed its heavy head,\n"
	    "and so the sky could climb so high.\n"
	    "A single leaf lets go its branch\n"
	    "as slowly as a first goodbye.\n"
	    "The frost has not yet reached the door;\n"
	    "persimmons light the passers-by." },
	{ { "雪", "冬", "snow", "winter", "ice", NULL },
	    "雪落在没有名字的山上，\n"
	    "给每一块石头盖上被。\n"
	    "炉火讲一个长长的故事，\n"
	    "水壶在旁边打着瞌睡。\n"
	    "明早推门的第一行脚印，\n"
	    "会通向一枝早开的梅。",
	    "Snow falls on hills without a name\n"
	    "and tucks in every stone to rest.\n"
	    "The stove tells tales, the kettle nods,\n"
	    "the wind is no more than a guest.\n"
	    "Tomorrow's footprints, first of all,\n"
	    "will find the plum tree early dressed." },
	{ { "海", "sea", "ocean", "wave", "船", NULL },
	    "海把自己翻了一页又一页，\n"
	    "还没有读到岸的结尾。\n"
	    "渔船带着一身盐回来，\n"
	    "灯塔替它们数着疲惫。\n"
	    "沙滩是最有耐心的纸，\n"
	    "潮水写完，再擦去一回。",
	    "The sea turns over page on page\n"
	    "and has not come to where it ends.\n"
	    "The boats return in coats of salt;\n"
	    "the lighthouse counts its weary friends.\n"
	    "The beach is paper, patient still,\n"
	    "for what the tide writes, and amends." },
};

enum { POEMS = sizeof(poems) / sizeof(*poems) };

static char
lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static bool
has_word(struct mg_span text, const char *word)
{
	size_t i, j, len = strlen(word);

	for (i = 0; i + len <= text.len; i++) {
		for (j = 0; j < len && lower(text.ptr[i + j]) == word[j]; j++)
			continue;
		if (j == len)
			return true;
	}
	return false;
}

/* U+4E00 to U+9FFF lead with these bytes in UTF-8. */
static bool
has_chinese(struct mg_span text)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c >= 0xe4 && c <= 0xe9)
			return true;
	}
	return false;
}

static size_t
find_poem(struct mg_span prompt)
{
	size_t i, j, sum = 0;

	for (i = 0; i < POEMS; i++)
		for (j = 0; poems[i].words[j]; j++)
			if (has_word(prompt, poems[i].words[j]))
				return i;
	for (i = 0; i < prompt.len; i++)
		sum += (unsigned char)prompt.ptr[i];
	return sum % POEMS;
}

/* The text after a tag, without the space behind it; NULL: no tag. */
static struct mg_span
after(struct mg_span prompt, const char *tag)
{
	size_t len = strlen(tag);
	const char *at = prompt.len ? memmem(prompt.ptr, prompt.len, tag,
	    len) : NULL;
	struct mg_span rest = { NULL, 0 };

	if (!at)
		return rest;
	rest = span(at + len, prompt.len - (size_t)(at + len - prompt.ptr));
	if (rest.len && *rest.ptr == ' ') {
		rest.ptr++;
		rest.len--;
	}
	return rest;
}

void
backend_poem(struct mg_span prompt, size_t variant, struct buf *out)
{
	struct mg_span echo = after(prompt, "[echo]");
	struct mg_span say = after(prompt, "[say]");
	const struct poem *poem;
	const char *end;

	if (echo.ptr) {
		buf_add_span(out, echo);
		return;
	}
	if (say.ptr) {
		end = say.len ? memchr(say.ptr, '\n', say.len) : NULL;
		buf_add(out, say.ptr, end ? (size_t)(end - say.ptr) :
		    say.len);
		return;
	}
	poem = &poems[(find_poem(prompt) + variant) % POEMS];
	buf_add_str(out, has_chinese(prompt) ? poem->zh : poem->en);
}

size_t
backend_chars(struct mg_span text, size_t n)
{
	size_t i;

	for (i = 0; i < text.len; i++)
		if (((unsigned char)text.ptr[i] & 0xc0) != 0x80 && n-- == 0)
			break;
	return i;
}

/* Walks text until its tokens are more than max. */
static size_t
walk(struct mg_span text, uint64_t max, uint64_t *tokens)
{
	unsigned ascii = 0;
	size_t i;

	*tokens = 0;
	for (i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		bool begins;

		if ((c & 0xc0) == 0x80)
			continue;
		begins = c >= 0x80 || ascii == 0;
		if (begins && *tokens == max)
			return i;
		*tokens += begins;
		ascii = c >= 0x80 ? 0 : (ascii + 1) % 4;
	}
	return i;
}

uint64_t
backend_tokens(struct mg_span text)
{
	uint64_t tokens;

	(void)walk(text, UINT64_MAX, &tokens);
	return tokens;
}

size_t
backend_cut(struct mg_span text, uint64_t max)
{
	uint64_t tokens;

	return walk(text, max, &tokens);
}
