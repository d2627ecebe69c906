/* SPDX-License-Identifier: Apache-2.0 */
/* test_language.c - which language a text is in. */
#include "tests/judge.h"

enum { ONE_OF, NONE_OF };

static const char all[] = "zh\nja\nko\nru\nuk\nar\nfa\nhe\nel\nth\nhi\nen\nde\n"
    "fr\nes\npt\nit\nnl\npl\ntr\nvi\nid";

/* The code of a text's language, or "-". */
static const char *
language(const char *text)
{
	static char code[3];
	struct judge j = judge_open_rules("language", &(struct judge_rule){
	    .items = all, .choice = NONE_OF }, 1);

	if (judge_text(&j, text, LAST) == MG_FOUND) {
		CHECK_EQ(j.n_all, 1);
		CHECK_EQ(j.found.at, 0);
		CHECK_EQ(j.found.len, strlen(text));
		memcpy(code, all + 3 * j.found.item, 2);
	} else {
		strcpy(code, "-");
	}
	judge_close(&j);
	return code;
}

static void
tells_languages_by_script_and_small_words(void)
{
	static const char *const texts[][2] = {
		{ "zh", "春天来了，花园里的花都开了，孩子们在草地上奔跑。" },
		{ "zh", "請幫我寫一首關於月亮的詩，要有古代的感覺，謝謝你。" },
		{ "ja", "春になると、庭の花が咲いて、子供たちが走り回ります。" },
		{ "ko", "봄이 오면 정원에 꽃이 피고 아이들이 잔디밭에서 뛰어놉니다." },
		{ "ru", "Весной в саду распускаются цветы, и мы гуляем." },
		{ "uk", "Навесні в саду розквітають квіти, і діти бігають їх." },
		{ "ar", "في الربيع تتفتح الأزهار في الحديقة ويركض الأطفال" },
		{ "fa", "در بهار گل‌ها در باغ می‌شکفند و بچه‌ها می‌دوند" },
		{ "he", "באביב הפרחים פורחים בגן והילדים רצים על הדשא" },
		{ "el", "Την άνοιξη τα λουλούδια ανθίζουν στον κήπο" },
		{ "th", "ในฤดูใบไม้ผลิดอกไม้บานในสวนและเด็กๆวิ่งเล่น" },
		{ "hi", "वसंत में बगीचे में फूल खिलते हैं और बच्चे दौड़ते हैं" },
		{ "en", "In spring the flowers of the garden open and we run." },
		{ "de", "Im Frühling blühen die Blumen und wir sind auf dem Gras." },
		{ "fr", "Au printemps les fleurs du jardin sont dans une vase." },
		{ "es", "En la primavera las flores del jardín son como el sol." },
		{ "pt", "Na primavera as flores não são como os dias do ano." },
		{ "it", "In primavera i fiori sono nel giardino e non è come ho." },
		{ "nl", "In de lente zijn er bloemen en ik loop niet op het gras." },
		{ "pl", "Na wiosnę w ogrodzie nie ma kwiatów, ale jest już tak." },
		{ "tr", "Bahar gelince bir bahçe için çok güzel ve daha sonra." },
		{ "vi", "Mùa xuân là mùa của hoa và tôi không có thời gian." },
		{ "id", "Pada musim semi bunga di taman dan anak yang akan itu." },
	};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		CHECK_STR(language(texts[i][1]), texts[i][0]);
}

static void
goes_by_the_larger_part(void)
{
	CHECK_STR(language("请帮我看看这段代码 int main(void) 为什么在编译的"
	    "时候一直出现错误信息，谢谢"), "zh");
	CHECK_STR(language("What does the phrase 春风又绿江南岸 mean and who "
	    "was the poet that wrote it for us?"), "en");
}

static void
says_nothing_of_short_or_strange_texts(void)
{
	CHECK_STR(language(""), "-");
	CHECK_STR(language("好的"), "-");
	CHECK_STR(language("ok thanks, the end"), "-");
	CHECK_STR(language("3.14159 2.71828 1.41421 1.61803 0.57721"), "-");
	CHECK_STR(language("xkcd qwfp arst zxcv neio luy; hjkl bnm tgb yhn"),
	    "-");
}

static void
finds_what_is_not_listed_or_what_is(void)
{
	static const char text[] = "In spring the flowers of the garden open.";
	struct judge j = judge_open_rules("language", (struct judge_rule[]){
	    { .items = "zh\nja", .choice = ONE_OF },
	    { .items = "zh\nen", .choice = ONE_OF },
	    { .items = "zh\nen", .choice = NONE_OF },
	    { .items = "en", .choice = NONE_OF, .off = true } }, 4);

	CHECK_EQ(judge_text(&j, text, LAST), MG_FOUND);
	CHECK_EQ(j.n_all, 2);
	CHECK_EQ(j.all[0].rule, 0);
	CHECK_EQ(j.all[1].rule, 2);
	CHECK_EQ(j.all[1].item, 1);
	judge_close(&j);
}

static void
holds_all_only_for_rules_that_text_waits_for(void)
{
	struct judge j = judge_open_rules("language", &(struct judge_rule){
	    .items = "zh" }, 1);

	CHECK_EQ(judge_text(&j, "In spring the ", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 0);
	CHECK_EQ(judge_text(&j, "flowers of the garden", MORE), MG_HOLD);
	CHECK_EQ(judge_text(&j, "", LAST), MG_FOUND);
	judge_close(&j);
	j = judge_open_rules("language", &(struct judge_rule){ .items = "zh",
	    .loose = true }, 1);
	CHECK_EQ(judge_text(&j, "In spring the ", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, "flowers of the garden", LAST), MG_FOUND);
	judge_close(&j);
}

static void
tells_the_same_at_any_cut(void)
{
	static const char text[] = "Im Frühling blühen die Blumen, und wir "
	    "sind auf dem Gras; 春天来了。";
	struct judge j = judge_open_rules("language", &(struct judge_rule){
	    .items = "de", .choice = NONE_OF }, 1);
	size_t step, i, to;

	for (step = 1; step < sizeof(text); step++) {
		judge_begin(&j);
		for (i = 0; i < sizeof(text) - 1; i = to) {
			to = i + step < sizeof(text) - 1 ? i + step :
			    sizeof(text) - 1;
			while ((text[to] & 0xc0) == 0x80)
				to++;
			(void)judge_bytes(&j, text + i, to - i, MORE);
		}
		CHECK_EQ(judge_text(&j, "", LAST), MG_FOUND);
	}
	judge_close(&j);
}

int
main(void)
{
	RUN(tells_languages_by_script_and_small_words);
	RUN(goes_by_the_larger_part);
	RUN(says_nothing_of_short_or_strange_texts);
	RUN(finds_what_is_not_listed_or_what_is);
	RUN(holds_all_only_for_rules_that_text_waits_for);
	RUN(tells_the_same_at_any_cut);
	return CHECK_DONE();
}
