/* SPDX-License-Identifier: Apache-2.0 */
/* pii_name.c - names of persons in Chinese and English, where words around them
 * say that a name is there: `我叫`, `收件人:`, `先生`; `Mr.`, `my name is`. A
 * name without such words is not found. */
#include "filters/pii.h"

#include <string.h>

/* ---- Chinese ---- */

/* The most common surnames; in text order by how common they are. */
static const char surnames[] =
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁"
    "潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦"
    "邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施牛葛樊邢安"
    "齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童"
    "凌毕单裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁房屈饶解牟艾尤时穆农"
    "卜滕符";
static const char *const double_surnames[] = { "欧阳", "上官", "司马",
	"诸葛", "东方", "皇甫", "尉迟", "公孙", "令狐", "慕容", "司徒",
	"夏侯", "端木", "轩辕", "宇文", "南宫", NULL };

/* Characters and words that no given name goes on with. */
static const char stops[] =
    "的了是在有和与及或也都就还又很不没要会能可请想将把被给跟对从向到为今住电手"
    "性男女我你他她它们这那个岁现曾已但因所吗吧呢啊哦呀嘛先说您号做去做叫等";
static const char *const follows[] = { "身份", "小姐", "同学", "老师", "毕业",
	"来自", "年龄", "目前", "出生", "联系", "地址", "喜欢", "需要", "正在",
	"担任", "工作", "医生", "教授", "经理", "律师", "主任", "太太", "同志",
	"证件", "生于", "北京", "上海", "微信", "邮箱", "护照", "银行", "卡号",
	NULL };

/* Two characters that announce a name (false) or follow one (true), as code
 * points in order. */
static const struct cue {
	uint32_t pair;
	bool behind;
} cues[] = {
	{ 0x4e585ba2, false },	/* 乘客 */
	{ 0x5148751f, true },	/* 先生 */
	{ 0x540d53eb, false },	/* 名叫 */
	{ 0x540d5b57, false },	/* 名字 */
	{ 0x592a592a, true },	/* 太太 */
	{ 0x597358eb, true },	/* 女士 */
	{ 0x59d3540d, false },	/* 姓名 */
	{ 0x5ba26237, false },	/* 客户 */
	{ 0x5bc44ef6, false },	/* 寄件 */
	{ 0x5c0f59d0, true },	/* 小姐 */
	{ 0x60a38005, false },	/* 患者 */
	{ 0x621153eb, false },	/* 我叫 */
	{ 0x6237540d, false },	/* 户名 */
	{ 0x63015361, false },	/* 持卡 */
	{ 0x65364ef6, false },	/* 收件 */
	{ 0x65368d27, false },	/* 收货 */
	{ 0x672c540d, false },	/* 本名 */
	{ 0x6cd55b9a, false },	/* 法定 */
	{ 0x75338bf7, false },	/* 申请 */
	{ 0x76d162a4, false },	/* 监护 */
	{ 0x80547cfb, false },	/* 联系 */
	{ 0x8d1f8d23, false },	/* 负责 */
};

static const struct cue *
cue_of(uint32_t a, uint32_t b)
{
	size_t i;

	for (i = 0; i < sizeof(cues) / sizeof(*cues); i++)
		if (cues[i].pair == (a << 16 | b))
			return &cues[i];
	return NULL;
}

void
pii_han_names(unsigned char *bits)
{
	size_t i;

	for (i = 0; i < sizeof(cues) / sizeof(*cues); i++) {
		uint32_t c = cues[i].pair >> 16;

		bits[c / 8] |= (unsigned char)(1u << c % 8);
	}
}

/* Whether the three bytes at p are one of the characters of set. */
static bool
one_of(const unsigned char *p, const char *set)
{
	for (; *set; set += 3)
		if (memcmp(p, set, 3) == 0)
			return true;
	return false;
}

/* Bytes of a surname at i, or 0. */
static size_t
surname(struct pii_text *t, size_t i)
{
	size_t n = pii_word(t, i, double_surnames), bytes;

	if (n)
		return n;
	if (!pii_han(pii_char(t, i, &bytes)))
		return 0;
	return one_of(t->ptr + i, surnames) ? 3 : 0;
}

/* Whether a given name's character is at i. */
static bool
given(struct pii_text *t, size_t i)
{
	size_t bytes;

	return pii_han(pii_char(t, i, &bytes)) &&
	    !one_of(t->ptr + i, stops) && !pii_word(t, i, follows);
}

/* What leads from the cue to the name. */
static size_t
skip_lead(struct pii_text *t, size_t i, bool *colon)
{
	static const char *const lead[] = { "人", "代表", "姓名", "叫", "是",
		"为", ":", "：", " ", "\"", "“", NULL };
	unsigned k;
	size_t n;

	*colon = false;
	for (k = 0; k < 5 && (n = pii_word(t, i, lead)) > 0; k++) {
		*colon = *colon || t->ptr[i] == ':' || t->ptr[i] == 0xef ||
		    t->ptr[i] == ' ';
		i += n;
	}
	return i;
}

/* Words of which a cue is only a part: 联系 must be 联系人, 名字 must go on. */
static bool
cue_goes_on(struct pii_text *t, size_t i, uint32_t first)
{
	static const char *const person[] = { "人", NULL };
	static const char *const is[] = { "叫", "是", "为", ":", "：", NULL };
	static const char *const colon[] = { ":", "：", " ", "姓名", NULL };

	switch (first) {
	case 0x6536: case 0x8054: case 0x5bc4: case 0x7533: case 0x8d1f:
	case 0x6cd5: case 0x76d1: case 0x6301:	/* 收联寄申负法监持 */
		return pii_word(t, i, person) || pii_word(t, i,
		    (const char *const[]){ "代表", NULL });
	case 0x540d:				/* 名叫, 名字 */
		if (memcmp(t->ptr + i - 3, "叫", 3) == 0)
			return i >= 9 && one_of(t->ptr + i - 9,
			    "我他她个位人");	/* things have names too */
		return pii_word(t, i, is) > 0;
	case 0x60a3: case 0x5ba2: case 0x4e58:	/* 患客乘 */
		return pii_word(t, i, colon) > 0;
	default:
		return true;
	}
}

static bool
name_behind(struct pii_text *t, size_t i, uint32_t first, struct pii_hit *hit)
{
	bool colon;
	size_t n;

	hit->at = i < t->len ? i : t->len;
	if (!cue_goes_on(t, i, first))
		return false;
	i = skip_lead(t, i, &colon);
	hit->at = i < t->len ? i : t->len;
	n = surname(t, i);
	if (n == 0 || !given(t, i + n))
		return false;
	hit->end = i + n + 3;
	if (given(t, hit->end))
		hit->end += 3;
	hit->score = colon ? 0.8 : 0.7;
	return true;
}

/* A name that ends before i: a surname, and up to two characters. */
static bool
name_before(struct pii_text *t, size_t i, struct pii_hit *hit)
{
	size_t back;

	for (back = 9; back >= 3; back -= 3) {
		if (i < back || (t->ptr[i - back] & 0xf0) != 0xe0 ||
		    surname(t, i - back) == 0)
			continue;
		if (back > 3 && !given(t, i - back + 3))
			continue;
		if (back > 6 && !given(t, i - 3))
			continue;
		hit->at = i - back;
		hit->score = back > 3 ? 0.6 : 0.4;
		return true;
	}
	return false;
}

bool
pii_match_cn_name(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	uint32_t first, second;
	const struct cue *cue;
	size_t n, m;

	first = pii_char(t, spot, &n);
	if (pii_at(t, spot + n) < 0)
		(void)name_before(t, spot, hit);
	second = pii_char(t, spot + n, &m);
	cue = m ? cue_of(first, second) : NULL;
	if (!cue)
		return false;
	if (!cue->behind)
		return name_behind(t, spot + n + m, first, hit);
	if (!name_before(t, spot, hit))
		return false;
	hit->end = spot;
	return true;
}

/* Up to three characters that end the text, from a surname on. */
size_t
pii_tail_cn_name(const struct pii_text *t)
{
	struct pii_text whole = *t;
	struct pii_hit hit = { .at = t->len };

	whole.last = true;
	(void)name_before(&whole, t->len, &hit);
	return hit.at;
}

/* ---- English ---- */

enum { WORD_MAX = 24, WORDS = 3 };

static const char *const titles[] = { "mr", "mrs", "ms", "miss", "dr",
	"prof", "professor", "mister", NULL };
static const char *const intros[] = { "name is", "name's", "name:",
	"name =", "names:", "patient:", "customer:", "recipient:",
	"employee:", "contact:", "signed by", "named", "buyer:", "full name:",
	"first name:", NULL };
static const char *const greetings[] = { "dear", "i am", "i'm",
	"regards,", "sincerely,", "cheers,", "best,", "hi", "hello", NULL };

/* Given names that are common enough to be told without a title. */
static const char *const first_names[] = { "james", "john", "robert",
	"michael", "william", "david", "richard", "joseph", "thomas",
	"charles", "christopher", "daniel", "matthew", "anthony", "donald",
	"steven", "paul", "andrew", "joshua", "kenneth", "kevin", "brian",
	"george", "edward", "ronald", "timothy", "jason", "jeffrey", "ryan",
	"jacob", "gary", "nicholas", "eric", "jonathan", "stephen", "larry",
	"justin", "scott", "brandon", "benjamin", "samuel", "gregory",
	"frank", "alexander", "raymond", "patrick", "jack", "dennis",
	"jerry", "peter", "henry", "adam", "nathan", "arthur", "oliver",
	"mary", "patricia", "jennifer", "linda", "elizabeth", "barbara",
	"susan", "jessica", "sarah", "karen", "nancy", "lisa", "margaret",
	"betty", "sandra", "ashley", "dorothy", "kimberly", "emily", "donna",
	"michelle", "carol", "amanda", "melissa", "deborah", "stephanie",
	"rebecca", "laura", "sharon", "cynthia", "kathleen", "amy", "shirley",
	"angela", "helen", "anna", "brenda", "pamela", "nicole", "samantha",
	"katherine", "emma", "ruth", "christine", "catherine", "rachel",
	"carolyn", "janet", "virginia", "maria", "heather", "diane", "julie",
	"olivia", "alice", "julia", "sophia", "charlotte", "tom", "mike",
	"bob", "jim", "joe", "dave", "chris", "alex", "sam", "kate", NULL };

/* Words that no name goes on with, where case does not tell. */
static const char *const no_names[] = { "a", "an", "the", "and", "or", "but",
	"is", "was", "are", "were", "be", "been", "has", "have", "had", "do",
	"does", "did", "will", "would", "can", "could", "should", "may",
	"might", "must", "said", "says", "told", "from", "to", "of", "in",
	"on", "at", "for", "with", "by", "as", "that", "this", "it", "he",
	"she", "they", "we", "you", "i", "who", "what", "when", "where",
	"why", "how", "not", "no", "yes", "my", "your", "his", "her", "our",
	"their", "please", "thanks", "thank", "there", "here", "so", "if",
	"then", "than", "just", "also", "very", "im", "all", "sir", "madam",
	"president", "minister", "chief", "vice", "speaker", "chairman", "right", "wrong",
	"name", "phone", "email", "address", "born", "lives", "live",
	"called", "calls", "came", "comes", "wants", "looking", "team",
	"colleagues", "friends", "everyone", "customer", "about", NULL };

/* The end of a name's word at i: letters, with ' and - inside; i if none. */
static size_t
name_word(struct pii_text *t, size_t i)
{
	size_t from = i;
	int c = pii_at(t, i);

	if (t->cased && !((c >= 'A' && c <= 'Z') || c == 0xc3))
		return from;
	while (i - from <= WORD_MAX) {
		c = pii_at(t, i);
		if (!pii_alpha(c) && !(c >= 0xc3 && c < 0xcc) &&
		    !((c & 0xc0) == 0x80 && c > 0 && i > from) &&
		    !((c == '\'' || c == '-') && i > from &&
			pii_alpha(pii_at(t, i + 1))))
			break;
		i++;
	}
	if (i - from > WORD_MAX || !pii_code_right(t, i) ||
	    pii_word(t, from, no_names) == i - from)
		return from;
	/* 's is no part of a name. */
	if (i - from > 2 && pii_lower(t->ptr[i - 1]) == 's' &&
	    t->ptr[i - 2] == '\'')
		i -= 2;
	return i;
}

static bool
is_first_name(struct pii_text *t, size_t i, size_t end)
{
	return pii_word(t, i, first_names) == end - i;
}

/* Reads a name from i. Returns its end, or 0. */
static size_t
read_name(struct pii_text *t, size_t i, bool sure)
{
	size_t end = name_word(t, i), next;
	unsigned k, max = WORDS;

	if (end == i || (!sure && !is_first_name(t, i, end)))
		return 0;
	/* Without case, what follows one word is a guess. */
	if (!t->cased)
		max = is_first_name(t, i, end) ? 2 : 1;
	for (k = 1; k < max; k++) {
		next = end;
		if (next - i == 1 && pii_at(t, next) == '.')
			next++;
		if (pii_at(t, next) != ' ')
			break;
		i = next + 1;
		next = name_word(t, i);
		if (next == i)
			break;
		end = next;
	}
	return end;
}

/* What stands between a cue and a name. */
static size_t
skip_space(struct pii_text *t, size_t i)
{
	size_t from = i;

	while (i - from < 4 && (pii_at(t, i) == ' ' || pii_at(t, i) == '\n' ||
		pii_at(t, i) == '\r' || (i > from && pii_at(t, i) == '"')))
		i++;
	return i;
}

bool
pii_match_en_name(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	size_t n, i, end;
	bool sure = true;

	hit->at = t->len;
	n = pii_word(t, spot, titles);
	if (n && pii_at(t, spot + n) == '.')
		n++;
	if (n == 0 || (pii_at(t, spot + n) != ' ')) {
		n = pii_word(t, spot, intros);
		sure = n && (t->cased || (spot > 2 &&
			memcmp(t->ptr + spot - 3, "my ", 3) == 0));
		if (n == 0)
			n = pii_word(t, spot, greetings);
	}
	if (n == 0)
		return false;
	i = skip_space(t, spot + n);
	if (i == spot + n)
		return false;
	hit->at = i < t->len ? i : t->len;
	if (!sure && pii_word(t, i, titles))
		return false;	/* that cue is closer */
	end = read_name(t, i, sure);
	/* Two words with capitals are a name to whoever says he is. */
	if (end == 0 && t->cased && pii_lower(t->ptr[spot]) == 'i') {
		end = read_name(t, i, true);
		if (end && !memchr(t->ptr + i, ' ', end - i))
			end = 0;
	}
	if (end == 0)
		return false;
	hit->end = end;
	hit->score = sure ? 0.7 : 0.6;
	return true;
}
