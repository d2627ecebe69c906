/* SPDX-License-Identifier: Apache-2.0 */
/* test_secrets.c - keys, tokens and passwords.
 *
 * Keys are put together here from a lead and made-up letters, so that none
 * stands in this file: hosting sites look for them, too. */
#include <zlib.h>

#include "tests/judge.h"

static uint32_t seed = 7;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* n letters and digits behind lead. Of these, capital and small alternate, so
 * that no chance makes a word of them. */
static const char *
key(const char *lead, size_t n)
{
	static char ring[8][512];
	static unsigned turn;
	char *to = ring[turn++ % 8];
	size_t len = strlen(lead), i;

	memcpy(to, lead, len);
	for (i = 0; i < n; i++)
		to[len + i] = i % 3 == 2 ? (char)('0' + rnd(10)) :
		    (char)((i % 3 ? 'a' : 'A') + (int)rnd(26));
	to[len + n] = '\0';
	return to;
}

static const char *
join(const char *a, const char *b, const char *c)
{
	static char to[4096];

	(void)snprintf(to, sizeof(to), "%s%s%s", a, b, c);
	return to;
}

static struct judge
open_kinds(const char *kinds)
{
	return judge_open_rules("secrets", &(struct judge_rule){
	    .items = kinds, .choice = 0.5 }, 1);
}

/* Whether text has exactly one finding, which is part. */
static bool
finds(const char *kinds, const char *text, const char *part)
{
	struct judge j = open_kinds(kinds);
	bool same;

	(void)judge_text(&j, text, LAST);
	same = j.n_all == 1 && j.found.len == strlen(part) &&
	    memcmp(text + j.found.at, part, strlen(part)) == 0;
	judge_close(&j);
	return same;
}

static bool
passes(const char *text)
{
	struct judge j = open_kinds("all");
	bool clean = judge_text(&j, text, LAST) == MG_CLEAN && j.n_all == 0;

	judge_close(&j);
	return clean;
}

static void
finds_the_keys_of_each_provider(void)
{
	static const struct {
		const char *kind, *lead;
		size_t n;
	} keys[] = {
		{ "openai", "sk-", 48 }, { "openai", "sk-proj-", 120 },
		{ "anthropic", "sk-ant-api03-", 93 }, { "google", "AIza", 35 },
		{ "google", "ya29.", 60 }, { "azure", "AccountKey=", 86 },
		{ "aliyun", "LTAI", 20 }, { "tencent", "AKID", 32 },
		{ "baidu", "ALTAK", 21 }, { "volcengine", "AKLT", 43 },
		{ "github", "ghp_", 36 }, { "gitlab", "glpat-", 20 },
		{ "slack", "xoxb-190284756123-", 24 },
		{ "stripe", "sk_live_", 24 }, { "npm", "npm_", 36 },
		{ "pypi", "pypi-AgEIcHlwaS5vcmc", 80 },
		{ "huggingface", "hf_", 34 },
		{ "telegram", "1902847561:A", 34 }, { "service", "gsk_", 52 },
	};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const char *k = key(keys[i].lead, keys[i].n);

		CHECK(finds(keys[i].kind, join("key: ", k, " end"), k));
		CHECK(finds("all", join("帮我看看", k, "为什么报错"), k));
		CHECK(passes(join("x", k, "")));
		CHECK(passes(key(keys[i].lead, 5)));
	}
}

static void
finds_keys_with_an_alphabet_of_their_own(void)
{
	const char *hex = "0f3a9c71be82d5460f3a9c71be82d546";
	char text[128];

	(void)snprintf(text, sizeof(text), "%s%s", key("SG.", 22),
	    key(".", 43));
	CHECK(finds("sendgrid", text, text));
	CHECK(finds("aws", "id AKIA2E7QXZ4LMN5PWRTB.", "AKIA2E7QXZ4LMN5PWRTB"));
	CHECK(finds("twilio", join("SK", hex, ""), join("SK", hex, "")));
	CHECK(passes("AKIA is the prefix of AWS keys"));
	CHECK(passes("sk-learn and task-oriented-dialogue-systems-for-all"));
}

static void
trusts_a_checksum_more(void)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz";
	char good[41];
	unsigned long crc;
	struct judge j = judge_open_rules("secrets", &(struct judge_rule){
	    .items = "github", .choice = 1 }, 1);
	int i;

	(void)snprintf(good, sizeof(good), "%s......", key("ghp_", 30));
	crc = crc32(0, (const unsigned char *)good + 4, 30);
	for (i = 39; i > 33; i--, crc /= 62)
		good[i] = digits[crc % 62];
	CHECK_EQ(judge_text(&j, good, LAST), MG_FOUND);
	CHECK(j.found.score >= 1);
	judge_begin(&j);
	good[39] = good[39] == 'a' ? 'b' : 'a';
	CHECK_EQ(judge_text(&j, good, LAST), MG_CLEAN);
	judge_close(&j);
}

static void
lets_examples_pass(void)
{
	CHECK(passes("AKIAIOSFODNN7EXAMPLE"));
	CHECK(passes("ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
	CHECK(passes("export OPENAI_API_KEY=sk-your-key-here-0123456789abcdefgh"));
	CHECK(passes("api_key: <token>"));
	CHECK(passes("api_key = \"${API_KEY}\""));
	CHECK(passes("password: ********"));
	CHECK(passes("password = os.getenv('DB_PASSWORD')"));
	CHECK(passes("postgres://user:password@localhost/db"));
	CHECK(passes("密码：请输入您的密码"));
	CHECK(passes("max_tokens: 100, next_page_token: 'abc123def456ghi789'"));
	CHECK(passes("忘记密码怎么办？密码至少8位，包含字母和数字。"));
	CHECK(passes("the secret is out: 42 people knew about it in 1999"));
}

static void
finds_values_of_words_like_password(void)
{
	CHECK(finds("assignment", "DB_PASSWORD=q7!kTz92pL", "q7!kTz92pL"));
	CHECK(finds("assignment", "{\"password\": \"q7kTz92pL\"}", "q7kTz92pL"));
	CHECK(finds("assignment", "<password>q7kTz92pL</password>", "q7kTz92pL"));
	CHECK(finds("assignment", "我的密码是q7kTz92pL，帮我改一下", "q7kTz92pL"));
	CHECK(finds("assignment", "登录口令：「q7kTz92pL」", "q7kTz92pL"));
	CHECK(finds("assignment", "my password is q7kTz92pL.", "q7kTz92pL"));
	CHECK(finds("assignment", "dbPassword := `q7kTz92pL`", "q7kTz92pL"));
	CHECK(finds("assignment", "aws_secret_access_key = "
	    "wJa1rXU7nFEMI/K7MDENG/bPxRfiCYz4q8K2Lm3N",
	    "wJa1rXU7nFEMI/K7MDENG/bPxRfiCYz4q8K2Lm3N"));
	CHECK(finds("assignment", "Authorization: Bearer 4f1c9ab27de05386f1c2",
	    "4f1c9ab27de05386f1c2"));
}

static void
calls_a_providers_key_by_its_name(void)
{
	struct judge j = open_kinds("assignment\ngithub");
	const char *k = key("ghp_", 36);

	CHECK_EQ(judge_text(&j, join("token=", k, ""), LAST), MG_FOUND);
	CHECK_EQ(j.n_all, 1);
	CHECK_EQ(j.found.item, 1);
	judge_close(&j);
	CHECK(finds("assignment", join("token=", k, ""), k));
}

static void
finds_passwords_in_addresses(void)
{
	CHECK(finds("url_password", "use postgres://bob:q7kTz9@db.local:5432/x,",
	    "postgres://bob:q7kTz9@db.local:5432/x"));
	CHECK(finds("url_password", "redis://:q7kTz92pL@cache为什么",
	    "redis://:q7kTz92pL@cache"));
	CHECK(passes("https://example.com/a:b@c and ssh://git@host/x"));
	CHECK(passes("http://localhost:8080/login?user=a@b.c"));
}

/* eyJ… : a header that names an algorithm. */
static void
finds_web_tokens_by_their_header(void)
{
	const char *token = join("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.",
	    key("eyJz", 40), key(".", 43));
	char text[512];

	(void)snprintf(text, sizeof(text), "see %s.", token);
	CHECK(finds("jwt", text, token));
	/* {"a":1} names none */
	CHECK(passes("eyJhIjoxfQ.eyJhIjoxfQeyJhIjoxfQ.abcdefgh"));
}

static const char *
private_key(size_t lines)
{
	static char to[8192];
	size_t n, i;

	n = (size_t)snprintf(to, sizeof(to), "-----BEGIN %sPRIVATE KEY-----\n",
	    lines % 2 ? "RSA " : "");
	for (i = 0; i < lines; i++)
		n += (size_t)snprintf(to + n, sizeof(to) - n, "%s\n",
		    key("", 64));
	(void)snprintf(to + n, sizeof(to) - n, "-----END %sPRIVATE KEY-----",
	    lines % 2 ? "RSA " : "");
	return to;
}

static void
finds_a_private_key_to_its_last_line(void)
{
	const char *k = private_key(3);
	char text[1024];

	(void)snprintf(text, sizeof(text), "key:\n%s\nthat is it", k);
	CHECK(finds("private_key", text, k));
	CHECK(passes("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE"
	    "-----"));
	CHECK(passes("-----BEGIN PRIVATE KEY-----\n…\n-----END PRIVATE KEY"
	    "-----"));
}

static void
reports_a_long_key_in_pieces_of_max_hold(void)
{
	struct judge j = judge_open_rules("secrets", &(struct judge_rule){
	    .items = "private_key", .choice = 0.5, .max_hold = 512 }, 1);
	const char *k = private_key(20);
	uint64_t end = 0;
	size_t i;

	CHECK_EQ(judge_text(&j, k, LAST), MG_FOUND);
	for (i = 0; i < j.n_all; i++) {
		CHECK_EQ(j.all[i].at, end);
		CHECK(j.all[i].len <= 512);
		end = j.all[i].at + j.all[i].len;
	}
	CHECK_EQ(end, strlen(k));
	CHECK(j.n_all > 2);
	judge_close(&j);
	j = judge_open_rules("secrets", &(struct judge_rule){
	    .items = "all", .max_hold = 100 }, 1);
	CHECK(!j.conf && strstr(j.err.text, "max_hold"));
	judge_close(&j);
}

static void
holds_a_key_from_its_first_letter(void)
{
	struct judge j = open_kinds("openai\nassignment\nurl_password");
	const char *k = key("sk-", 48);

	CHECK_EQ(judge_text(&j, "see task-sk", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, " and s", MORE), MG_HOLD);
	CHECK_EQ(j.hold, 16);
	CHECK_EQ(judge_text(&j, "ome ", MORE), MG_CLEAN);
	CHECK_EQ(judge_bytes(&j, k, 20, MORE), MG_HOLD);
	CHECK_EQ(j.hold, 21);
	CHECK_EQ(judge_text(&j, k + 20, MORE), MG_HOLD);
	CHECK_EQ(judge_text(&j, ".", MORE), MG_FOUND);
	CHECK_EQ(j.found.at, 21);
	/* Nothing waits for the word before a value, but for the value. */
	CHECK_EQ(judge_text(&j, " password = ", MORE), MG_CLEAN);
	CHECK_EQ(judge_text(&j, "q7", MORE), MG_HOLD);
	CHECK_EQ(j.hold, j.len - 2);
	CHECK_EQ(judge_text(&j, " x https:", MORE), MG_HOLD);
	CHECK_EQ(j.hold, j.len - 6);
	CHECK_EQ(judge_text(&j, "//host/", MORE), MG_CLEAN);
	judge_close(&j);
}

static void
keeps_rules_apart(void)
{
	struct judge j = judge_open_rules("secrets", (struct judge_rule[]){
	    { .items = "github", .choice = 0.5, .loose = true },
	    { .items = "npm\ngithub", .choice = 0.5, .off = true },
	    { .items = "npm\nall", .choice = 0.5 } }, 3);

	CHECK_EQ(judge_text(&j, key("ghp_", 36), LAST), MG_FOUND);
	CHECK_EQ(j.n_all, 2);
	CHECK_EQ(j.all[0].rule, 0);
	CHECK_EQ(j.all[1].rule, 2);
	CHECK_EQ(j.all[1].item, 1);
	judge_close(&j);
}

/* ---- any cut, same findings ---- */

static const char *
random_part(void)
{
	static const char *const parts[] = { "sk-", "password", " is ", ": ",
		"=", "\"", "-----BEGIN ", "PRIVATE KEY-----\n", "-----END ",
		"eyJhbGciOiJIUzI1NiJ9", ".", "postgres://", "u:p4ss", "@",
		"密码", "是", "：", "_", "token", "bearer ", " ", "\n", "AC",
		"0f3a9c71be82d5460f3a9c71be82d546", "https://", "api_key",
		"secret", "xoxb-", "12345678", ":A", "hf_", "AKIA", "-", "中" };

	if (rnd(3) == 0)
		return key(rnd(4) ? "" : rnd(2) ? "ghp_" : "sk-ant-",
		    rnd(2) ? 36 : 4 + rnd(90));
	return parts[rnd(sizeof(parts) / sizeof(*parts))];
}

static int
compare(const void *x, const void *y)
{
	const struct mg_found *a = x, *b = y;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->rule != b->rule)
		return a->rule < b->rule ? -1 : 1;
	return (a->len > b->len) - (a->len < b->len);
}

static void
check_cuts(struct judge *j, const char *text)
{
	size_t len = strlen(text), n, cut, step, to;
	struct mg_found whole[64];

	judge_begin(j);
	(void)judge_text(j, text, LAST);
	n = j->n_all;
	CHECK(n <= 64);
	if (n > 64)
		return;
	if (n)
		memcpy(whole, j->all, n * sizeof(*whole));
	qsort(whole, n, sizeof(*whole), compare);
	for (step = 1; step < 40; step += 1 + step / 4) {
		judge_begin(j);
		for (cut = 0; cut < len; cut = to) {
			to = cut + step < len ? cut + step : len;
			while (to < len && (text[to] & 0xc0) == 0x80)
				to++;
			(void)judge_bytes(j, text + cut, to - cut, MORE);
		}
		(void)judge_text(j, "", LAST);
		CHECK_EQ(j->n_all, n);
		if (j->n_all != n)
			return;
		if (n)
			qsort(j->all, n, sizeof(*j->all), compare);
		CHECK(n == 0 || memcmp(j->all, whole, n * sizeof(*whole)) == 0);
	}
}

static void
finds_the_same_at_any_cut(void)
{
	struct judge j = judge_open_rules("secrets", (struct judge_rule[]){
	    { .items = "all", .choice = 0.5, .max_hold = 512 },
	    { .items = "openai\nassignment", .loose = true },
	    { .items = "jwt\nurl_password\nprivate_key\nnpm" } }, 3);
	size_t found = 0;
	unsigned round;

	for (round = 0; round < 3000 && !check_test_failed; round++) {
		char text[2048] = "";
		size_t len = 0, n = 2 + rnd(14);

		while (n-- > 0 && len < 1500)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
			    "%s", random_part());
		if (rnd(20) == 0)
			(void)snprintf(text + len, sizeof(text) - len, "%.900s",
			    private_key(rnd(15)));
		check_cuts(&j, text);
		found += j.n_all;
		if (check_test_failed)
			fprintf(stderr, "text: %s\n", text);
	}
	CHECK(found > 300);
	judge_close(&j);
}

int
main(void)
{
	RUN(finds_the_keys_of_each_provider);
	RUN(finds_keys_with_an_alphabet_of_their_own);
	RUN(trusts_a_checksum_more);
	RUN(lets_examples_pass);
	RUN(finds_values_of_words_like_password);
	RUN(calls_a_providers_key_by_its_name);
	RUN(finds_passwords_in_addresses);
	RUN(finds_web_tokens_by_their_header);
	RUN(finds_a_private_key_to_its_last_line);
	RUN(reports_a_long_key_in_pieces_of_max_hold);
	RUN(holds_a_key_from_its_first_letter);
	RUN(keeps_rules_apart);
	RUN(finds_the_same_at_any_cut);
	return CHECK_DONE();
}
