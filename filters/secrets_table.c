/* SPDX-License-Identifier: Apache-2.0 */
/* secrets_table.c - the formats, one line each. secrets.md tells where they
 * are from. */
#include "filters/secrets_conf.h"

#include <stdio.h>
#include <string.h>

#include "filters/memory.h"

#define BIT(kind) (UINT64_C(1) << (kind))

enum { N_NUMBERS = 1000, N_DISCORD = 900, N_TWILIO = 32 };

#define F(kind, lead, shape, entropy, score) \
	{ lead, shape, SECRET_##kind, FORM_SHAPE, entropy, score }
#define S(kind, form, lead, shape, entropy) \
	{ lead, shape, SECRET_##kind, FORM_##form, entropy, 0.95 }
#define URL(scheme) { scheme "://", NULL, SECRET_URL_PASSWORD, FORM_URL, 0, \
	0.95 }
#define KEY(word) { word, NULL, SECRET_ASSIGNMENT, FORM_ASSIGNMENT, 0, 0 }
#define PASS(word) { word, NULL, SECRET_ASSIGNMENT, FORM_ASSIGNMENT, 1, 0 }

const struct secret_format secret_formats[] = {
	F(OPENAI, "sk-proj-", "sk-proj-%w40-250", 35, 0.95),
	F(OPENAI, "sk-svcacct-", "sk-svcacct-%w40-250", 35, 0.95),
	F(OPENAI, "sk-admin-", "sk-admin-%w40-250", 35, 0.95),
	S(OPENAI, OPENAI, "sk-", "sk-%w32-250", 32),
	F(ANTHROPIC, "sk-ant-", "sk-ant-%w40-200", 35, 0.95),

	F(AWS, "akia", "AKIA%u16", 28, 0.95),
	F(AWS, "asia", "ASIA%u16", 28, 0.9),
	F(AWS, "absk", "ABSK%b100-160", 35, 0.9),
	F(GOOGLE, "aiza", "AIza%w35", 30, 0.95),
	F(GOOGLE, "ya29.", "ya29.%w40-400", 35, 0.95),
	F(GOOGLE, "gocspx-", "GOCSPX-%w28", 30, 0.95),
	F(AZURE, "accountkey=", "AccountKey=%b86-88", 38, 0.95),
	F(AZURE, "sharedaccesskey=", "SharedAccessKey=%b43-44", 35, 0.95),
	F(AZURE, "sig=", "sig=%x43-70", 35, 0.8),
	F(ALIYUN, "ltai", "LTAI%a12-26", 28, 0.95),
	F(TENCENT, "akid", "AKID%w32-48", 33, 0.95),
	F(BAIDU, "bce-v3/altak-", "bce-v3/ALTAK-%a21/%h40", 35, 0.95),
	F(BAIDU, "altak", "ALTAK%w20-40", 32, 0.8),
	F(VOLCENGINE, "aklt", "AKLT%b40-60", 33, 0.9),

	S(GITHUB, CRC, "ghp_", "ghp_%a36", 30),
	S(GITHUB, CRC, "gho_", "gho_%a36", 30),
	S(GITHUB, CRC, "ghu_", "ghu_%a36", 30),
	S(GITHUB, CRC, "ghs_", "ghs_%a36", 30),
	S(GITHUB, CRC, "ghr_", "ghr_%a36", 30),
	F(GITHUB, "github_pat_", "github_pat_%a22_%a59", 35, 0.95),
	F(GITLAB, "glpat-", "glpat-%.20-90", 30, 0.95),
	F(GITLAB, "glptt-", "glptt-%h40", 30, 0.95),
	F(GITLAB, "gldt-", "gldt-%w20-30", 30, 0.95),
	F(GITLAB, "glrt-", "glrt-%.20-60", 30, 0.95),
	F(GITLAB, "glcbt-", "glcbt-%w20-40", 30, 0.95),
	F(GITLAB, "gr1348941", "GR1348941%w20", 30, 0.9),
	F(SLACK, "xoxb-", "xoxb-%d9-14-%w20-80", 25, 0.95),
	F(SLACK, "xoxp-", "xoxp-%d9-14-%w30-100", 25, 0.95),
	F(SLACK, "xoxa-", "xoxa-%d1-14-%w20-100", 25, 0.95),
	F(SLACK, "xoxr-", "xoxr-%d1-14-%w20-100", 25, 0.95),
	F(SLACK, "xoxs-", "xoxs-%d9-14-%w20-100", 25, 0.95),
	F(SLACK, "xoxe.", "xoxe.xox%w50-200", 30, 0.95),
	F(SLACK, "xapp-", "xapp-%d1-2-A%u8-14-%d9-14-%h40-80", 28, 0.95),
	F(SLACK, "hooks.slack.com/services/",
	    "hooks.slack.com/services/T%u6-14/B%u6-14/%a20-30", 25, 0.95),
	F(SLACK, "hooks.slack.com/workflows/",
	    "hooks.slack.com/workflows/T%u6-14/A%u6-14/%d10-20/%a20-30", 25,
	    0.95),
	F(STRIPE, "sk_live_", "sk_live_%a20-110", 30, 0.95),
	F(STRIPE, "sk_test_", "sk_test_%a20-110", 30, 0.9),
	F(STRIPE, "rk_live_", "rk_live_%a20-110", 30, 0.95),
	F(STRIPE, "rk_test_", "rk_test_%a20-110", 30, 0.9),
	F(STRIPE, "whsec_", "whsec_%b32-48", 30, 0.95),
	{ "sk", "SK%h32", SECRET_TWILIO, FORM_TWILIO, 28, 0.8 },
	{ "ac", "AC%h32", SECRET_TWILIO, FORM_TWILIO, 28, 0.7 },
	F(SENDGRID, "sg.", "SG.%w22.%w43", 35, 0.95),
	S(NPM, CRC, "npm_", "npm_%a36", 30),
	F(PYPI, "pypi-ageichlwas5vcmc",
	    "pypi-AgEIcHlwaS5vcmc%w50-250", 35, 0.95),
	F(HUGGINGFACE, "hf_", "hf_%a34-40", 30, 0.95),
	F(HUGGINGFACE, "api_org_", "api_org_%a34", 30, 0.9),
	S(TELEGRAM, TELEGRAM, "", "%d8-10:A%w34", 35),
#define D(lead) S(DISCORD, DISCORD, lead, "%w24-28.%w6-7.%w27-40", 35)
	D("mt"), D("mj"), D("mz"), D("nd"), D("nt"), D("nj"), D("nz"),
	D("od"), D("ot"),
#undef D
	F(SERVICE, "gsk_", "gsk_%a52", 35, 0.95),	/* Groq */
	F(SERVICE, "xai-", "xai-%a80", 35, 0.95),
	F(SERVICE, "pplx-", "pplx-%a48", 35, 0.95),	/* Perplexity */
	F(SERVICE, "r8_", "r8_%a37", 35, 0.95),		/* Replicate */
	F(SERVICE, "nvapi-", "nvapi-%w60-70", 35, 0.95),
	F(SERVICE, "dop_v1_", "dop_v1_%h64", 30, 0.95),
	F(SERVICE, "shpat_", "shpat_%h32", 28, 0.95),	/* Shopify */
	F(SERVICE, "shpss_", "shpss_%h32", 28, 0.95),
	F(SERVICE, "dckr_pat_", "dckr_pat_%w27", 30, 0.95),
	F(SERVICE, "hvs.", "hvs.%w90-300", 35, 0.95),	/* Vault */
	F(SERVICE, "dapi", "dapi%h32", 28, 0.9),	/* Databricks */
	F(SERVICE, "ntn_", "ntn_%a46", 30, 0.95),	/* Notion */
	F(SERVICE, "lin_api_", "lin_api_%a40", 30, 0.95),
	F(SERVICE, "glsa_", "glsa_%a32_%h8", 30, 0.95),	/* Grafana */
	F(SERVICE, "sgp_", "sgp_%a40", 30, 0.9),	/* Sourcegraph */
	F(SERVICE, "sbp_", "sbp_%h40", 30, 0.95),	/* Supabase */
	F(SERVICE, "figd_", "figd_%w40-44", 33, 0.95),
	F(SERVICE, "pmak-", "PMAK-%h24-%h34", 30, 0.95),
	F(SERVICE, "age-secret-key-1", "AGE-SECRET-KEY-1%u58", 33, 0.95),
	F(SERVICE, "atatt3", "ATATT3%w100-200", 35, 0.95),
	F(SERVICE, "ops_eyj", "ops_eyJ%w200-450", 40, 0.95),

	S(JWT, JWT, "eyj", NULL, 0),
	S(PRIVATE_KEY, PEM, "-----begin", NULL, 0),

	URL("postgres"), URL("postgresql"), URL("mysql"), URL("mariadb"),
	URL("mongodb"), URL("mongodb+srv"), URL("redis"), URL("rediss"),
	URL("amqp"), URL("amqps"), URL("mssql"), URL("sqlserver"),
	URL("clickhouse"), URL("neo4j"), URL("bolt"), URL("ldap"),
	URL("ldaps"), URL("mqtt"), URL("mqtts"), URL("nats"), URL("smtp"),
	URL("smtps"), URL("imap"), URL("imaps"), URL("ftp"), URL("ftps"),
	URL("sftp"), URL("ssh"), URL("http"), URL("https"), URL("ws"),
	URL("wss"), URL("socks5"), URL("proxy"), URL("cockroachdb"),

	PASS("password"), PASS("passwd"), PASS("passphrase"), PASS("pwd"),
	PASS("passcode"), PASS("密码"), PASS("口令"), PASS("密碼"),
	KEY("secret"), KEY("token"), KEY("apikey"), KEY("api_key"),
	KEY("api-key"), KEY("api key"), KEY("accesskey"), KEY("access_key"),
	KEY("access-key"), KEY("access key"), KEY("privatekey"),
	KEY("private_key"), KEY("private-key"), KEY("authkey"),
	KEY("auth_key"), KEY("auth_token"), KEY("authtoken"),
	KEY("accesstoken"), KEY("credential"), KEY("credentials"),
	KEY("clientsecret"), KEY("appsecret"), KEY("secretkey"),
	KEY("appkey"), KEY("app_key"), KEY("authorization"), KEY("密钥"),
	KEY("秘钥"), KEY("密匙"), KEY("密鑰"), KEY("令牌"),
	{ "bearer", NULL, SECRET_ASSIGNMENT, FORM_BEARER, 0, 0 },
	{ "basic", NULL, SECRET_ASSIGNMENT, FORM_BEARER, 0, 0 },
};

const size_t n_secret_formats = sizeof(secret_formats) /
    sizeof(*secret_formats);

/* Adds the three digits that a number may begin with. */
static size_t
add_numbers(struct lexicon_entry *e, char (*text)[8], uint32_t value)
{
	unsigned i;

	for (i = 0; i < N_NUMBERS; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "%03u", i);
		e[i] = (struct lexicon_entry){ text[i], value,
			BIT(SECRET_TELEGRAM) };
	}
	return N_NUMBERS;
}

/* Adds the digit behind a Twilio lead: two letters alone say too little. */
static size_t
add_hex(struct lexicon_entry *e, char (*text)[8], uint32_t value)
{
	unsigned i;

	for (i = 0; i < 16; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "%s%x",
		    secret_formats[value].lead, i);
		e[i] = (struct lexicon_entry){ text[i], value,
			BIT(SECRET_TWILIO) };
	}
	return 16;
}

/* Adds the two characters that may follow a Discord lead: Base64 of three
 * digits leaves few. */
static size_t
add_discord(struct lexicon_entry *e, char (*text)[8], uint32_t value)
{
	static const char second[] = "aeimquycgk", last[] = "wxyz012345";
	size_t n = 0, i, k;

	for (i = 0; i < 10; i++) {
		for (k = 0; k < 10; k++, n++) {
			(void)snprintf(text[n], sizeof(text[n]), "%s%c%c",
			    secret_formats[value].lead, second[i], last[k]);
			e[n] = (struct lexicon_entry){ text[n], value,
				BIT(SECRET_DISCORD) };
		}
	}
	return n;
}

void
secret_lexicon(struct lexicon *l)
{
	size_t room = N_NUMBERS + N_DISCORD + N_TWILIO, n = 0, n_text = 0;
	struct lexicon_entry *e = mem_new(n_secret_formats + room, sizeof(*e));
	char (*text)[8] = mem_new(room, sizeof(*text));
	uint32_t i;

	for (i = 0; i < n_secret_formats; i++) {
		const struct secret_format *f = &secret_formats[i];
		size_t added = 0;

		if (f->form == FORM_DISCORD)
			added = add_discord(e + n, text + n_text, i);
		else if (f->form == FORM_TELEGRAM)
			added = add_numbers(e + n, text + n_text, i);
		else if (f->form == FORM_TWILIO)
			added = add_hex(e + n, text + n_text, i);
		else
			e[n++] = (struct lexicon_entry){ f->lead, i,
				BIT(f->kind) };
		n += added;
		n_text += added;
	}
	lexicon_build(l, e, n);
	free(e);
	free(text);
}
