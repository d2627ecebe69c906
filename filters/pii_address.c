/* SPDX-License-Identifier: Apache-2.0 */
/* pii_address.c - postal addresses in Chinese and English. There is no checksum
 * here, and no list of all streets: an address is what is built like one, from
 * a known town or after a word that announces it. */
#include "filters/pii.h"

#include <string.h>

/* ---- Chinese ---- */

enum {
	UNIT_MAX = 10,		/* characters up to a unit's last */
	ADDRESS_MAX = 60,	/* characters in all */
};

/* Two characters that an address begins with (false) or that announce one
 * (true), as code points in order. */
static const struct opening {
	uint32_t pair;
	bool label;
} openings[] = {
	{ 0x4e0a6d77, false },	/* 上海 */
	{ 0x4e1c839e, false },	/* 东莞 */
	{ 0x4e2d5c71, false },	/* 中山 */
	{ 0x4e4c9c81, false },	/* 乌鲁 */
	{ 0x4e915357, false },	/* 云南 */
	{ 0x4f4f5728, true },	/* 住在 */
	{ 0x4f4f5740, true },	/* 住址 */
	{ 0x4f5b5c71, false },	/* 佛山 */
	{ 0x4fdd5b9a, false },	/* 保定 */
	{ 0x51705dde, false },	/* 兰州 */
	{ 0x51858499, false },	/* 内蒙 */
	{ 0x53174eac, false },	/* 北京 */
	{ 0x53574eac, false },	/* 南京 */
	{ 0x53575b81, false },	/* 南宁 */
	{ 0x5357660c, false },	/* 南昌 */
	{ 0x5357901a, false },	/* 南通 */
	{ 0x53a695e8, false },	/* 厦门 */
	{ 0x53f05317, false },	/* 台北 */
	{ 0x53f05dde, false },	/* 台州 */
	{ 0x53f06e7e, false },	/* 台湾 */
	{ 0x540880a5, false },	/* 合肥 */
	{ 0x54096797, false },	/* 吉林 */
	{ 0x547c548c, false },	/* 呼和 */
	{ 0x54c85c14, false },	/* 哈尔 */
	{ 0x55105c71, false },	/* 唐山 */
	{ 0x56095174, false },	/* 嘉兴 */
	{ 0x56db5ddd, false },	/* 四川 */
	{ 0x57305740, true },	/* 地址 */
	{ 0x59278fde, false },	/* 大连 */
	{ 0x59296d25, false },	/* 天津 */
	{ 0x592a539f, false },	/* 太原 */
	{ 0x5b81590f, false },	/* 宁夏 */
	{ 0x5b816ce2, false },	/* 宁波 */
	{ 0x5b895fbd, false },	/* 安徽 */
	{ 0x5bb64f4f, true },	/* 家住 */
	{ 0x5bc45230, true },	/* 寄到 */
	{ 0x5bc45f80, true },	/* 寄往 */
	{ 0x5c454f4f, true },	/* 居住 */
	{ 0x5c714e1c, false },	/* 山东 */
	{ 0x5c71897f, false },	/* 山西 */
	{ 0x5e385dde, false },	/* 常州 */
	{ 0x5e7f4e1c, false },	/* 广东 */
	{ 0x5e7f5dde, false },	/* 广州 */
	{ 0x5e7f897f, false },	/* 广西 */
	{ 0x5f905dde, false },	/* 徐州 */
	{ 0x60e05dde, false },	/* 惠州 */
	{ 0x621090fd, false },	/* 成都 */
	{ 0x62377c4d, true },	/* 户籍 */
	{ 0x62405728, true },	/* 所在 */
	{ 0x626c5dde, false },	/* 扬州 */
	{ 0x62c98428, false },	/* 拉萨 */
	{ 0x65b07586, false },	/* 新疆 */
	{ 0x65e09521, false },	/* 无锡 */
	{ 0x6606660e, false },	/* 昆明 */
	{ 0x671d9633, false },	/* 朝阳 */
	{ 0x676d5dde, false },	/* 杭州 */
	{ 0x6b666c49, false },	/* 武汉 */
	{ 0x6c5f82cf, false },	/* 江苏 */
	{ 0x6c5f897f, false },	/* 江西 */
	{ 0x6c889633, false },	/* 沈阳 */
	{ 0x6cb35317, false },	/* 河北 */
	{ 0x6cb35357, false },	/* 河南 */
	{ 0x6cc95dde, false },	/* 泉州 */
	{ 0x6d1b9633, false },	/* 洛阳 */
	{ 0x6d4e5357, false },	/* 济南 */
	{ 0x6d596c5f, false },	/* 浙江 */
	{ 0x6d664e1c, false },	/* 浦东 */
	{ 0x6d775357, false },	/* 海南 */
	{ 0x6d7753e3, false },	/* 海口 */
	{ 0x6d776dc0, false },	/* 海淀 */
	{ 0x6df15733, false },	/* 深圳 */
	{ 0x6e295dde, false },	/* 温州 */
	{ 0x6e565317, false },	/* 湖北 */
	{ 0x6e565357, false },	/* 湖南 */
	{ 0x6f4d574a, false },	/* 潍坊 */
	{ 0x6fb395e8, false },	/* 澳门 */
	{ 0x70df53f0, false },	/* 烟台 */
	{ 0x73b04f4f, true },	/* 现住 */
	{ 0x73e06d77, false },	/* 珠海 */
	{ 0x75188083, false },	/* 甘肃 */
	{ 0x77f35bb6, false },	/* 石家 */
	{ 0x798f5dde, false },	/* 福州 */
	{ 0x798f5efa, false },	/* 福建 */
	{ 0x7c4d8d2f, true },	/* 籍贯 */
	{ 0x7ecd5174, false },	/* 绍兴 */
	{ 0x82cf5dde, false },	/* 苏州 */
	{ 0x897f5b81, false },	/* 西宁 */
	{ 0x897f5b89, false },	/* 西安 */
	{ 0x897f85cf, false },	/* 西藏 */
	{ 0x8d355dde, false },	/* 贵州 */
	{ 0x8d359633, false },	/* 贵阳 */
	{ 0x8fbd5b81, false },	/* 辽宁 */
	{ 0x90015230, true },	/* 送到 */
	{ 0x90d15dde, false },	/* 郑州 */
	{ 0x91cd5e86, false },	/* 重庆 */
	{ 0x91d1534e, false },	/* 金华 */
	{ 0x94f65ddd, false },	/* 银川 */
	{ 0x957f6625, false },	/* 长春 */
	{ 0x957f6c99, false },	/* 长沙 */
	{ 0x9655897f, false },	/* 陕西 */
	{ 0x97525c9b, false },	/* 青岛 */
	{ 0x97526d77, false },	/* 青海 */
	{ 0x99996e2f, false },	/* 香港 */
	{ 0x9ad896c4, false },	/* 高雄 */
	{ 0x9ed19f99, false },	/* 黑龙 */
};

static const struct opening *
opening_of(uint32_t a, uint32_t b)
{
	size_t low = 0, high = sizeof(openings) / sizeof(*openings);
	uint32_t pair = a << 16 | b;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (openings[middle].pair == pair)
			return &openings[middle];
		if (openings[middle].pair < pair)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

void
pii_han_places(unsigned char *bits)
{
	size_t i;

	for (i = 0; i < sizeof(openings) / sizeof(*openings); i++) {
		uint32_t c = openings[i].pair >> 16;

		bits[c / 8] |= (unsigned char)(1u << c % 8);
	}
}

/* What a unit of an address ends with. */
enum unit { UNIT_NONE, UNIT_TOWN, UNIT_ROAD, UNIT_NUMBER, UNIT_STOP };

static enum unit
unit_of(uint32_t c)
{
	switch (c) {
	case 0x7701: case 0x5e02: case 0x533a: case 0x53bf:	/* 省市区县 */
	case 0x5dde: case 0x76df: case 0x65d7: case 0x9547:	/* 州盟旗镇 */
	case 0x4e61:						/* 乡 */
		return UNIT_TOWN;
	case 0x8def: case 0x8857: case 0x9053: case 0x5df7:	/* 路街道巷 */
	case 0x5f04: case 0x6751: case 0x540c: case 0x82d1:	/* 弄村同苑 */
	case 0x56ed: case 0x53a6: case 0x573a: case 0x91cc:	/* 园厦场里 */
		return UNIT_ROAD;
	case 0x53f7: case 0x680b: case 0x5e62: case 0x5ea7:	/* 号栋幢座 */
	case 0x5ba4: case 0x5c42: case 0x697c: case 0x5143:	/* 室层楼元 */
	case 0x6237:						/* 户 */
		return UNIT_NUMBER;
	case 0x7684: case 0x4e86: case 0x662f: case 0x5728:	/* 的了是在 */
	case 0x6709: case 0x548c: case 0x4e0e: case 0x6211:	/* 有和与我 */
	case 0x4f60: case 0x4ed6: case 0x8bf7: case 0x5417:	/* 你他请吗 */
		return UNIT_STOP;
	default:
		return UNIT_NONE;
	}
}

/* Whether a number of an address may end here: digits, letters of buildings,
 * and the numerals of Han. */
static bool
numeral(uint32_t c)
{
	return (c < 0x80 && (pii_alnum((int)c) || c == '-' || c == '#')) ||
	    c == 0x4e00 || c == 0x4e8c || c == 0x4e09 || c == 0x56db ||
	    c == 0x4e94 || c == 0x516d || c == 0x4e03 || c == 0x516b ||
	    c == 0x4e5d || c == 0x5341 || c == 0x96f6 || c == 0x3007 ||
	    c == 0x5355;		/* 单 of 单元 */
}

struct address {
	unsigned towns, roads, numbers;
	size_t end;		/* of the last unit */
};

/* Reads units from i as far as they go. */
static void
read_units(struct pii_text *t, size_t i, struct address *a)
{
	unsigned in_unit = 0, all;
	uint32_t before = 0, c;
	size_t bytes;

	for (all = 0; all < ADDRESS_MAX && in_unit < UNIT_MAX; all++) {
		enum unit unit;

		c = pii_char(t, i, &bytes);
		if (!pii_han(c) && !(c && numeral(c)) &&
		    !(c == ' ' && a->towns))
			break;
		i += bytes;
		unit = unit_of(c);
		if (unit == UNIT_STOP && in_unit > 0)
			break;		/* but 和平路 */
		in_unit++;
		if (unit != UNIT_NONE && in_unit > 1 &&
		    (unit != UNIT_NUMBER || numeral(before))) {
			a->towns += unit == UNIT_TOWN;
			a->roads += unit == UNIT_ROAD;
			a->numbers += unit == UNIT_NUMBER;
			a->end = i;
			in_unit = 0;
		}
		before = c;
	}
	/* 3号楼501: a room's number alone may be the last. */
	if (a->numbers && pii_digit(pii_at(t, a->end))) {
		size_t run = pii_run(t, a->end, 4);

		if (run >= 3 && run <= 4 && pii_right(t, a->end + run))
			a->end += run;
	}
}

/* Behind a label: what leads to the address. */
static size_t
skip_lead(struct pii_text *t, size_t i)
{
	static const char *const lead[] = { "人", "地", "址", "是", "为", ":",
		"：", " ", "于", "到", "在", "就", "有", NULL };
	unsigned k;
	size_t n;

	for (k = 0; k < 4 && (n = pii_word(t, i, lead)) > 0; k++)
		i += n;
	return i;
}

bool
pii_match_cn_address(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	const struct opening *opening;
	struct address a = { 0 };
	uint32_t first, second;
	size_t n, m, from;

	first = pii_char(t, spot, &n);
	second = pii_char(t, spot + n, &m);
	opening = m ? opening_of(first, second) : NULL;
	if (opening && opening->label)
		hit->at = t->len > spot + n + m ? spot + n + m : t->len;
	if (!opening)
		return false;
	from = opening->label ? skip_lead(t, spot + n + m) : spot;
	hit->at = from < t->len ? from : t->len;
	read_units(t, from, &a);
	if (!a.numbers || (!a.roads && a.towns < 2) ||
	    (!opening->label && !a.towns && !a.roads))
		return false;
	hit->end = a.end;
	hit->score = a.towns && a.roads ? 0.8 : 0.6;
	return true;
}

/* ---- English ---- */

static const char *const street_words[] = { "street", "st", "avenue", "ave",
	"road", "rd", "boulevard", "blvd", "lane", "ln", "drive", "highway",
	"hwy", "parkway", "pkwy", "terrace", "crescent", NULL };
/* These mean a street only where they are written with a capital. */
static const char *const capital_words[] = { "dr", "court", "ct", "place",
	"pl", "way", "square", "sq", "close", "circle", "trail", "walk",
	"gardens", "grove", "row", "mews", NULL };
static const char *const unit_words[] = { "apt", "apartment", "suite", "ste",
	"unit", "flat", "floor", "room", NULL };
static const char *const states[] = { "al", "ak", "az", "ar", "ca", "co",
	"ct", "de", "fl", "ga", "hi", "id", "il", "in", "ia", "ks", "ky",
	"la", "me", "md", "ma", "mi", "mn", "ms", "mo", "mt", "ne", "nv",
	"nh", "nj", "nm", "ny", "nc", "nd", "oh", "ok", "or", "pa", "ri",
	"sc", "sd", "tn", "tx", "ut", "vt", "va", "wa", "wv", "wi", "wy",
	"dc", NULL };

/* A word of Latin letters at i, at most 20 bytes; returns its end. */
static size_t
latin_word(struct pii_text *t, size_t i)
{
	size_t from = i;
	int c;

	while (i - from <= 20) {
		c = pii_at(t, i);
		if (!pii_alnum(c) && c != '\'' && !(c >= 0xc3 && c < 0xc6) &&
		    !((c & 0xc0) == 0x80 && i > from))
			break;
		i++;
	}
	return i - from > 20 ? from : i;
}

/* Whether the bytes from i to end are one of words, without case. */
static bool
is_word(struct pii_text *t, size_t i, size_t end, const char *const *words)
{
	return end > i && pii_word(t, i, words) == end - i;
}

/* Whether the word from i to end may stand in a street's name. */
static bool
name_word(struct pii_text *t, size_t i, size_t end)
{
	static const char *const never[] = { "and", "or", "is", "was", "are",
		"were", "the", "a", "an", "to", "of", "in", "on", "at",
		"for", "with", "by", "that", "this", "it", "from", "has",
		"have", "years", "year", "days", "hours", "minutes", "people",
		"times", "percent", "million", "per", "than", "about", "miles",
		"meters", "feet", "km", "how", "many", NULL };
	size_t letter = i;
	int c;

	while (letter < end && pii_digit(t->ptr[letter]))
		letter++;
	if (letter == end || is_word(t, i, end, never))
		return false;	/* 42nd may be, 42 not */
	c = t->ptr[i];
	return !t->cased || (c >= 'A' && c <= 'Z') || pii_digit(c) ||
	    c >= 0xc3;
}

/* Reads up to four words, of which the last says what kind of street it is.
 * Returns the offset behind it, or 0. */
static size_t
read_street(struct pii_text *t, size_t i)
{
	unsigned k;
	size_t end;

	for (k = 0; k < 5; k++) {
		end = latin_word(t, i);
		if (k > 0 && (is_word(t, i, end, street_words) ||
			(t->cased && is_word(t, i, end, capital_words))))
			return end;
		if (!name_word(t, i, end))
			return 0;
		if (end - i <= 3 && pii_at(t, end) == '.')
			end++;		/* N., St. */
		if (pii_at(t, end) != ' ')
			return 0;
		i = end + 1;
	}
	return 0;
}

/* What may stand between the parts behind a street. Returns its end. */
static size_t
comma(struct pii_text *t, size_t i)
{
	size_t from = i;

	while (i - from < 3 && (pii_at(t, i) == ',' || pii_at(t, i) == ' ' ||
		pii_at(t, i) == '.' || pii_at(t, i) == '\n'))
		i++;
	return i;
}

/* Apt. 4B, Suite 210, # 12. Returns the offset behind it, or 0. */
static size_t
read_unit(struct pii_text *t, size_t i)
{
	size_t end = latin_word(t, i);

	if (pii_at(t, i) == '#') {
		end = i + 1;
	} else {
		if (!is_word(t, i, end, unit_words))
			return 0;
		if (pii_at(t, end) == '.')
			end++;
	}
	while (pii_at(t, end) == ' ' || pii_at(t, end) == '#') {
		if (++end - i > 16)
			return 0;
	}
	i = end;
	end = latin_word(t, i);
	return end > i && end - i <= 6 ? end : 0;
}

/* Boston, MA 02115: a town of up to three words, a state, a ZIP code. Returns
 * the offset behind it, or 0. */
static size_t
read_town(struct pii_text *t, size_t i)
{
	unsigned k;
	size_t end, after;

	for (k = 0; k < 4; k++) {
		end = latin_word(t, i);
		if (end == i)
			return 0;
		after = comma(t, end);
		if (k > 0 && is_word(t, i, end, states)) {
			if (pii_run(t, after, 5) != 5 ||
			    !pii_code_right(t, after + 5))
				return end;
			after += 5;
			if (pii_at(t, after) == '-' &&
			    pii_run(t, after + 1, 4) == 4)
				after += 5;
			return after;
		}
		if (pii_digit(t->ptr[i]) || after == end)
			return 0;
		i = after;
	}
	return 0;
}

/* PO Box 123. */
static bool
match_box(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	static const char *const words[] = { "po box", "p.o. box", "p.o.box",
		"p. o. box", "post office box", NULL };
	size_t run;

	if (spot < 7 || memcmp(t->ptr + spot - 2, "x ", 2) != 0 ||
	    pii_lower(t->ptr[spot - 3]) != 'o' ||
	    !pii_context(t, spot, 17, words))
		return false;
	run = pii_run(t, spot, 6);
	if (run > 6 || !pii_right(t, spot + run))
		return false;
	hit->end = spot + run;
	hit->score = 0.7;
	return true;
}

bool
pii_match_en_address(struct pii_text *t, size_t spot, struct pii_hit *hit)
{
	size_t run, i, end, more;

	if (!pii_left(t, spot))
		return false;
	if (match_box(t, spot, hit))
		return true;
	run = pii_run(t, spot, 5);
	i = spot + run;
	if (run > 5)
		return false;
	if (pii_alpha(pii_at(t, i)) && pii_at(t, i + 1) == ' ')
		i++;			/* 221B */
	if (pii_at(t, i) != ' ')
		return false;
	end = read_street(t, i + 1);
	if (end == 0)
		return false;
	hit->score = 0.6;
	more = read_unit(t, comma(t, end));
	if (more) {
		end = more;
		hit->score = 0.8;
	}
	more = read_town(t, comma(t, end));
	if (more) {
		end = more;
		hit->score = 0.9;
	}
	hit->end = end;
	return true;
}
