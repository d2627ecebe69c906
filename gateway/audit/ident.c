/* SPDX-License-Identifier: Apache-2.0 */
/* ident.c - times, ids and pseudonyms. */
#include "gateway/audit/ident.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "gateway/audit/xidset.h"
#include "gateway/keyfile.h"

void
random_bytes(void *out, size_t len)
{
	char *p = out;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			abort();
		p += n;
		len -= (size_t)n;
	}
}

uint64_t
now_mono_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static char *
digits(char *p, unsigned value, int n)
{
	int i;

	for (i = n - 1; i >= 0; i--) {
		p[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return p + n;
}

/* Days since 1970-01-01 to year, month, day: the years begin in March, so that
 * the leap day is the last one, and repeat every 400 years (146,097 days). */
static void
civil(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = (unsigned)((int64_t)yoe + era * 400 + (*month <= 2));
}

void
audit_time(int64_t us, char out[28])
{
	unsigned year, month, day, rest;
	int64_t seconds;
	char *p = out;

	if (us < 0 || us >= INT64_C(253402300800000000))
		us = 0;		/* outside of RFC 3339's four-digit years */
	seconds = us / 1000000;
	civil(seconds / 86400, &year, &month, &day);
	rest = (unsigned)(seconds % 86400);
	p = digits(p, year, 4);
	*p++ = '-';
	p = digits(p, month, 2);
	*p++ = '-';
	p = digits(p, day, 2);
	*p++ = 'T';
	p = digits(p, rest / 3600, 2);
	*p++ = ':';
	p = digits(p, rest / 60 % 60, 2);
	*p++ = ':';
	p = digits(p, rest % 60, 2);
	*p++ = '.';
	p = digits(p, (unsigned)(us % 1000000), 6);
	*p++ = 'Z';
	*p = '\0';
}

void
audit_uuid7(int64_t us, char out[37])
{
	uint64_t ms = (uint64_t)(us / 1000);
	/* RFC 9562 section 6.2, method 3: the part below a millisecond in the
	 * 12 bits after the version, so that ids sort as they were made. */
	unsigned fine = (unsigned)(us % 1000) * 4096 / 1000;
	struct xid xid;
	int i;

	for (i = 5; i >= 0; i--) {
		xid.bytes[i] = (unsigned char)(ms & 0xff);
		ms >>= 8;
	}
	xid.bytes[6] = (unsigned char)(0x70 | fine >> 8);
	xid.bytes[7] = (unsigned char)(fine & 0xff);
	random_bytes(xid.bytes + 8, 8);
	xid.bytes[8] = (unsigned char)(0x80 | (xid.bytes[8] & 0x3f));
	xid_text(&xid, out);
}

/* ---- pseudonyms ---- */

struct pseudonym {
	EVP_MAC *mac;
	EVP_MAC_CTX *keyed;	/* copied for each use, never changed */
};

struct pseudonym *
pseudonym_open(const char *path, struct mg_error *err)
{
	struct pseudonym *p;
	unsigned char key[KEYFILE_BYTES];
	OSSL_PARAM params[2];
	char sha256[] = "SHA256";

	if (keyfile_open(path, "pseudonyms in records to come will not match "
	    "those before", key, err) < 0)
		return NULL;
	p = xcalloc(1, sizeof(*p));
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
	    sha256, 0);
	params[1] = OSSL_PARAM_construct_end();
	p->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	p->keyed = p->mac ? EVP_MAC_CTX_new(p->mac) : NULL;
	if (!p->keyed || !EVP_MAC_init(p->keyed, key, sizeof(key), params)) {
		(void)mg_fail(err, NULL, "OpenSSL has no HMAC-SHA256");
		pseudonym_free(p);
		p = NULL;
	}
	explicit_bzero(key, sizeof(key));
	return p;
}

void
pseudonym_free(struct pseudonym *pseudonym)
{
	if (!pseudonym)
		return;
	EVP_MAC_CTX_free(pseudonym->keyed);
	EVP_MAC_free(pseudonym->mac);
	free(pseudonym);
}

void
pseudonym_of(const struct pseudonym *pseudonym, struct mg_span text,
    char out[33])
{
	static const char hex[] = "0123456789abcdef";
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(pseudonym->keyed);
	unsigned char mac[32];
	size_t len, i;

	if (!ctx || !EVP_MAC_update(ctx, (const unsigned char *)text.ptr,
	    text.len) || !EVP_MAC_final(ctx, mac, &len, sizeof(mac)))
		abort();	/* no memory */
	EVP_MAC_CTX_free(ctx);
	for (i = 0; i < 16; i++) {
		out[2 * i] = hex[mac[i] >> 4];
		out[2 * i + 1] = hex[mac[i] & 15];
	}
	out[32] = '\0';
}
