/* SPDX-License-Identifier: Apache-2.0 */
/* filters/secrets_conf.h - kinds of secrets and how each is recognised. */
#ifndef FILTERS_SECRETS_CONF_H
#define FILTERS_SECRETS_CONF_H

#include "filters/lexicon.h"
#include "modgate/filter.h"

#define SECRET_KINDS(X) \
	X(OPENAI, "openai") X(ANTHROPIC, "anthropic") X(AWS, "aws") \
	X(GOOGLE, "google") X(AZURE, "azure") X(ALIYUN, "aliyun") \
	X(TENCENT, "tencent") X(BAIDU, "baidu") X(VOLCENGINE, "volcengine") \
	X(GITHUB, "github") X(GITLAB, "gitlab") X(SLACK, "slack") \
	X(STRIPE, "stripe") X(TWILIO, "twilio") X(SENDGRID, "sendgrid") \
	X(NPM, "npm") X(PYPI, "pypi") X(HUGGINGFACE, "huggingface") \
	X(TELEGRAM, "telegram") X(DISCORD, "discord") X(SERVICE, "service") \
	X(JWT, "jwt") X(PRIVATE_KEY, "private_key") \
	X(URL_PASSWORD, "url_password") X(ASSIGNMENT, "assignment")

enum secret_kind {
#define X(id, name) SECRET_##id,
	SECRET_KINDS(X)
#undef X
	N_SECRET_KINDS,
};

/* How what follows the lead is read. */
enum secret_form {
	FORM_SHAPE,		/* by the shape alone */
	FORM_CRC,		/* … and it ends with a checksum */
	FORM_OPENAI,		/* … and it is none of Anthropic's */
	FORM_TELEGRAM,		/* … and it begins with digits */
	FORM_TWILIO,
	FORM_DISCORD,		/* … and it begins with a number in Base64 */
	FORM_JWT, FORM_PEM, FORM_URL,
	FORM_ASSIGNMENT,	/* a keyword; the value is the secret */
	FORM_BEARER,		/* the same, only spaces between them */
};

/* One format. lead is what it begins with, in lower case; shape is all of it:
 * %, a class and how many, else the sign itself. Classes:
 *   a letter, digit   w also _ and -   u capital, digit   d digit
 *   h 0-9 a-f         b Base64: + / =  x URL-encoded      . also . in w */
struct secret_format {
	const char *lead, *shape;
	uint8_t kind, form;
	uint8_t entropy;	/* least, tenths of a bit per character */
	double score;
};

extern const struct secret_format secret_formats[];
extern const size_t n_secret_formats;

enum secret_outcome {
	SECRET_NONE,		/* there is none here, whatever follows */
	SECRET_OPEN,		/* there may be one; more text is needed */
	SECRET_FOUND,
};

/* All of what is looked at. Offsets count from ptr. */
struct secret_text {
	const unsigned char *ptr;
	size_t len;
	bool last;		/* nothing follows */
	size_t cap;		/* longer ones are reported in pieces */
};

struct secret_match {
	size_t at, end;		/* FOUND: the secret; OPEN: at is where it
				 * would begin, len if that is still to come */
	double score;		/* FOUND: above 0 */
	bool more;		/* FOUND: it goes on at end */
};

/* Reads one format whose lead begins at i and ends before body. */
enum secret_outcome secret_match(const struct secret_format *f,
    const struct secret_text *text, size_t i, size_t body,
    struct secret_match *m);

/* Goes on with one that had more, at i. */
enum secret_outcome secret_go_on(const struct secret_format *f,
    const struct secret_text *text, size_t i, struct secret_match *m);

/* filters/secrets_value.c: a keyword's value. */
enum secret_outcome secret_assignment(const struct secret_format *f,
    const struct secret_text *text, size_t i, size_t body,
    struct secret_match *m);

/* ---- what tells a secret from an example ---- */

/* Bits per character. */
double secret_entropy(const unsigned char *ptr, size_t len);
/* It says itself that it is none: EXAMPLE, xxxx, your-key, 12345678 … */
bool secret_is_placeholder(const unsigned char *ptr, size_t len);

/* Places where lexicon terms of the formats begin. */
void secret_lexicon(struct lexicon *l);

#endif
