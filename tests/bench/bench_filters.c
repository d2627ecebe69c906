/* SPDX-License-Identifier: Apache-2.0 */
/* bench_filters.c - what a filter costs: microseconds for a text of 4 KB that
 * comes whole, and for one 20-byte piece of a stream.
 *
 * Texts change from turn to turn so that nothing is learnt. Nothing in them
 * is forbidden, as in nearly all texts. Of many rounds over all texts the
 * quickest counts: it was the least disturbed. */
#include <time.h>

#include "tests/judge.h"

enum { TEXTS = 64, TEXT_BYTES = 4096, PIECE = 20 };

static uint32_t seed = 3;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static double
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Common characters are more common, as in real text. */
static size_t
han(char *to)
{
	uint32_t c = 0x4e00 + rnd(rnd(2) ? 400 : 6000);

	to[0] = (char)(0xe0 | c >> 12);
	to[1] = (char)(0x80 | (c >> 6 & 0x3f));
	to[2] = (char)(0x80 | (c & 0x3f));
	return 3;
}

static size_t
latin(char *to)
{
	static const char letters[] = "etaoinshrdlucmfwypvbgkjqxz";
	size_t n = 2 + rnd(8), i;

	for (i = 0; i < n; i++)
		to[i] = letters[rnd(rnd(26) + 1)];
	return n;
}

/* Half Chinese, half English, with some punctuation and numbers. */
static void
make_text(char *to)
{
	size_t len = 0, n;

	while (len < TEXT_BYTES - 40) {
		if (rnd(2)) {
			for (n = 4 + rnd(12); n > 0 && len < TEXT_BYTES - 40;
			    n--)
				len += han(to + len);
			memcpy(to + len, "，", 3);
			len += 3;
		} else {
			for (n = 2 + rnd(6); n > 0 && len < TEXT_BYTES - 40;
			    n--) {
				len += latin(to + len);
				to[len++] = rnd(12) ? ' ' : '.';
			}
			if (rnd(8) == 0)
				len += (size_t)snprintf(to + len, 16, "%u",
				    rnd(10000));
		}
	}
	memset(to + len, ' ', TEXT_BYTES - len);
}

static char texts[TEXTS][TEXT_BYTES];

static void
ignore(void *arg, const struct mg_found *found)
{
	(void)found;
	++*(size_t *)arg;
}

static void
ignore_unable(void *arg, uint32_t rule, const char *why)
{
	(void)arg;
	(void)rule;
	(void)why;
}

static size_t
judge_whole(const struct judge *j, const char *text)
{
	size_t found = 0;
	struct mg_report report = { .hold = TEXT_BYTES, .keep = TEXT_BYTES,
		.found = ignore, .unable = ignore_unable, .arg = &found };
	struct mg_text t = { .ptr = text, .len = TEXT_BYTES, .last = true };
	void *scan = j->type->begin(j->conf, &j->scope);

	(void)j->type->judge(scan, &t, &report);
	j->type->end(scan);
	return found;
}

/* Feeds a text by pieces; returns how many there were. */
static size_t
judge_pieces(const struct judge *j, const char *text, size_t *found)
{
	struct mg_report report = { .keep = 0, .found = ignore,
		.unable = ignore_unable, .arg = found };
	void *scan = j->type->begin(j->conf, &j->scope);
	size_t end = 0, n = 0;

	while (end < TEXT_BYTES) {
		struct mg_text t = { .at = report.keep, .fresh = end };

		end += PIECE;
		if (end > TEXT_BYTES)
			end = TEXT_BYTES;
		while (end < TEXT_BYTES && (text[end] & 0xc0) == 0x80)
			end++;
		t.ptr = text + t.at;
		t.len = end - t.at;
		report.hold = report.keep = end;
		(void)j->type->judge(scan, &t, &report);
		n++;
	}
	j->type->end(scan);
	return n;
}

static double
least(double best, double us)
{
	return best > 0 && best < us ? best : us;
}

static double
measure(const char *name, struct judge *j)
{
	enum { ROUNDS = 40 };
	size_t found = 0, pieces, i;
	double start, whole = 0, piece = 0;
	int round;

	if (!j->conf) {
		printf("%s: %s\n", name, j->err.text);
		return 0;
	}
	for (i = 0; i < TEXTS; i++)
		found += judge_whole(j, texts[i]);
	for (round = 0; round < ROUNDS; round++) {
		start = now_us();
		for (i = 0; i < TEXTS; i++)
			(void)judge_whole(j, texts[i]);
		whole = least(whole, (now_us() - start) / TEXTS);
	}
	for (round = 0; round < ROUNDS / 4; round++) {
		start = now_us();
		for (i = pieces = 0; i < TEXTS; i++)
			pieces += judge_pieces(j, texts[i], &found);
		piece = least(piece, (now_us() - start) / (double)pieces);
	}
	printf("%-14s %7.2f us/4 KB  %6.3f us/piece  %6.1f MB  "
	    "(%zu found, %u warnings)\n", name, whole, piece,
	    (double)j->type->memory(j->conf) / 1e6, found, j->warnings);
	return whole;
}

static double
bench_words(const char *name, size_t n)
{
	char *list = judge_alloc(n * 32), *p = list;
	struct judge j;
	double start, whole;
	size_t i, k;

	for (i = 0; i < n; i++) {
		if (i)
			*p++ = '\n';
		if (rnd(3) == 0)
			for (k = 1 + rnd(2); k > 0; k--) {
				p += latin(p);
				*p++ = (char)('0' + rnd(10));
			}
		else
			for (k = 3 + rnd(3); k > 0; k--)
				p += han(p);
	}
	start = now_us();
	j = judge_open("words", list);
	printf("%-14s opened in %.0f ms\n", name, (now_us() - start) / 1e3);
	whole = measure(name, &j);
	judge_close(&j);
	free(list);
	return whole;
}

static const char patterns[] =
    "\\b1[3-9]\\d{9}\\b\n(?:\\+86[- ]?)1[3-9]\\d{9}\n"
    "\\b\\d{3}[-. ]\\d{3}[-. ]\\d{4}\\b\n\\+\\d{1,3}[ -]?\\d{6,12}\n"
    "[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\\.[A-Za-z]{2,}\n"
    "\\b\\d{17}[\\dXx]\\b\n\\b\\d{3}-\\d{2}-\\d{4}\\b\n"
    "\\b(?:\\d[ -]?){15}\\d\\b\n\\bsk-[A-Za-z0-9]{20,48}\\b\n"
    "\\bAKIA[0-9A-Z]{16}\\b\n\\bghp_[A-Za-z0-9]{36}\\b\n"
    "xox[baprs]-[A-Za-z0-9-]{10,48}\nAIza[0-9A-Za-z_-]{35}\n"
    "-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----\n"
    "eyJ[A-Za-z0-9_-]{10,200}\\.[A-Za-z0-9_-]{10,200}\n"
    "(?i)\\b(?:password|passwd|pwd)\\s{0,3}[:=]\\s{0,3}\\S{4,64}\n"
    "(?i)ignore (?:all )?(?:previous|prior) instructions\n"
    "(?i)disregard (?:the )?(?:above|system prompt)\n"
    "(?i)you are now (?:dan|developer mode)\n(?i)jailbreak(?:ed|ing)?\n"
    "忽略(?:之前|以上|所有)的?(?:指令|提示|规则)\n请扮演.{0,20}没有限制\n"
    "(?:制作|制造).{0,6}(?:炸弹|炸药)\n(?:购买|出售).{0,6}(?:枪支|毒品)\n"
    "(?i)how to (?:make|build) (?:a |an )?(?:bomb|explosive)\n"
    "(?i)\\bkill (?:my|your|him|her)self\\b\n自杀(?:方法|教程)\n"
    "身份证号?码?[:：]?\\s{0,3}\\d{17}[\\dXx]\n"
    "银行卡号?[:：]?\\s{0,3}\\d{16,19}\n微信号?[:：]\\s{0,3}[\\w-]{5,20}\n"
    "QQ[:：]?\\s{0,3}[1-9]\\d{4,10}\n"
    "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
    "[A-Z][A-HJ-NP-Z0-9]{5}\n\\b[A-Z]{2}\\d{2}[A-Z0-9]{11,30}\\b\n"
    "\\b(?:\\d{1,3}\\.){3}\\d{1,3}\\b\nhttps?://[^\\s/]{1,100}\\.onion\n"
    "(?i)<script[^>]{0,100}>\n(?i)union\\s{1,5}select\n"
    "(?i)drop\\s{1,5}table\n(?i)\\bexec\\s{0,3}\\(\n"
    "\\b[EeGg]\\d{8}\\b\n(?i)credit card number\n(?i)social security number\n"
    "法轮.{0,2}功\n赌博(?:网站|平台)\n裸聊|约炮\n代开.{0,4}发票\n"
    "办理.{0,4}(?:假证|文凭)\n(?i)\\bfree (?:viagra|cialis)\\b\n"
    "(?i)wire transfer to\\b.{0,40}account\n(?i)system prompt[:：]\n"
    "\\{\\{.{1,80}\\}\\}";

/* Writes one more pattern of a kind that operators write, with words of its
 * own: phrases with gaps in both languages, key formats, labelled numbers. */
static size_t
more_pattern(char *to, size_t room)
{
	char a[64], b[64], c[32];
	size_t n;

	n = latin(a);
	n += latin(a + n);
	a[n] = '\0';
	b[latin(b)] = '\0';
	for (n = 0; n < 9;)
		n += han(c + n);
	c[9] = '\0';
	switch (rnd(9)) {
	case 0:
		return (size_t)snprintf(to, room, "(?i)\\b%s (?:the |an? )?"
		    "%s\\b", a, b);
	case 1:
		return (size_t)snprintf(to, room, "(?i)\\b%s.{0,40}\\b%s\\b",
		    a, b);
	case 2:
		return (size_t)snprintf(to, room, "%.6s.{0,6}%s", c, c + 6);
	case 3:
		return (size_t)snprintf(to, room, "(?:%.6s|%s).{0,4}%.3s",
		    c, c + 3, c);
	case 4:
		return (size_t)snprintf(to, room, "\\b%.3s_[A-Za-z0-9]{32}\\b",
		    a);
	case 5:
		return (size_t)snprintf(to, room, "(?i)%s\\s{0,3}[:=]\\s{0,3}"
		    "\\S{4,64}", a);
	case 6:
		return (size_t)snprintf(to, room, "%.6s号?[:：]?\\s{0,3}"
		    "\\d{%u}", c, 6 + rnd(12));
	case 7:
		return (size_t)snprintf(to, room, "\\b[A-Z]{2}\\d{%u}[A-Z]\\b",
		    6 + rnd(10));
	default:
		return (size_t)snprintf(to, room, "https?://[^\\s/]{1,100}\\."
		    "%s\\b", a);
	}
}

static double
bench_regex(const char *name, size_t n)
{
	size_t room = sizeof(patterns) + n * 160, used = sizeof(patterns) - 1;
	char *list = judge_alloc(room);
	struct judge j;
	double start, whole;
	size_t i;

	memcpy(list, patterns, sizeof(patterns));
	for (i = 50; i < n; i++) {
		list[used++] = '\n';
		used += more_pattern(list + used, room - used);
	}
	start = now_us();
	j = judge_open("regex", list);
	printf("%-14s opened in %.0f ms\n", name, (now_us() - start) / 1e3);
	whole = measure(name, &j);
	judge_close(&j);
	free(list);
	return whole;
}

/* Kinds of personal data that numbers tell, and those that words tell. */
static const char numbers[] =
    "cn_resident_id\ncn_uscc\ncn_bank_card\ncn_mobile\ncn_landline\n"
    "cn_passport\ncn_plate\nemail\niban\ncard\nus_ssn\nus_itin\nus_phone\n"
    "uk_phone\nphone_e164\nip\nmac\ncrypto_address\nbirth_date\nen_address";
static const char names[] = "\ncn_address\ncn_name\nen_name";

static void
bench_pii(void)
{
	char all[sizeof(numbers) + sizeof(names)];
	struct judge j = judge_open_rules("pii", &(struct judge_rule){
	    .items = "cn_resident_id\ncn_mobile\ncn_bank_card\nemail",
	    .choice = 0.5 }, 1);

	(void)measure("pii 4 kinds", &j);
	judge_close(&j);
	j = judge_open_rules("pii", &(struct judge_rule){ .items = numbers,
	    .choice = 0.5 }, 1);
	(void)measure("pii 20 kinds", &j);
	judge_close(&j);
	(void)snprintf(all, sizeof(all), "%s%s", numbers, names);
	j = judge_open_rules("pii", &(struct judge_rule){ .items = all,
	    .choice = 0.5 }, 1);
	(void)measure("pii, names too", &j);
	judge_close(&j);
}

static void
bench_all(const char *name, const char *type, const char *items, double choice)
{
	struct judge j = judge_open_rules(type, &(struct judge_rule){
	    .items = items, .choice = choice }, 1);

	(void)measure(name, &j);
	judge_close(&j);
}

int
main(void)
{
	double few, many;
	struct judge j;
	size_t i;

	(void)check_passed;
	(void)check_failed;
	for (i = 0; i < TEXTS; i++)
		make_text(texts[i]);
	few = bench_words("words 10k", 10000);
	many = bench_words("words 100k", 100000);
	printf("%-14s %7.2f times as long\n", "words 100k/10k", many / few);
	few = bench_regex("regex 50", 50);
	many = bench_regex("regex 500", 500);
	printf("%-14s %7.2f times as long\n", "regex 500/50", many / few);
	bench_pii();
	bench_all("secrets all", "secrets", "all", 0.5);
	bench_all("injection all", "injection", "all", 0.7);
	bench_all("invisible all", "invisible", "all", 3);
	j = judge_open_rules("language", &(struct judge_rule){ .items = "zh",
	    .loose = true }, 1);
	(void)measure("language", &j);
	judge_close(&j);
	return 0;
}
