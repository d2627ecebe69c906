/* SPDX-License-Identifier: Apache-2.0 */
/* test_upstream_tls.c - whom we believe over TLS. */
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tests/upstream_world.h"

/* A certificate for 127.0.0.1 that signs itself. */
static X509 *
make_certificate(EVP_PKEY *key, const char *address)
{
	X509 *cert = X509_new();
	X509_EXTENSION *names;
	char text[64];

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN",
	    MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	snprintf(text, sizeof(text), "IP:%s", address);
	names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text);
	X509_add_ext(cert, names, -1);
	X509_EXTENSION_free(names);
	X509_sign(cert, key, EVP_sha256());
	return cert;
}

struct secure {
	int fd;
	SSL_CTX *ctx;
	pthread_t thread;
	atomic_int requests;
};

static void *
serve_secure(void *arg)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\n"
	    "Content-Length: 6\r\n\r\nsecret";
	struct secure *s = arg;
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		struct timeval limit = { 2, 0 };
		SSL *ssl = SSL_new(s->ctx);
		char text[4096];

		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
		    sizeof(limit));
		SSL_set_fd(ssl, fd);
		if (SSL_accept(ssl) == 1) {
			while (SSL_read(ssl, text, sizeof(text)) > 0) {
				atomic_fetch_add(&s->requests, 1);
				SSL_write(ssl, answer, sizeof(answer) - 1);
			}
		}
		SSL_free(ssl);
		close(fd);
	}
	return NULL;
}

enum trust { TRUST_SYSTEM, TRUST_OURS, TRUST_WRONG_NAME };

static void
ask(enum trust trust, struct result *r, int *requests)
{
	static const struct step none[] = { { END, NULL, 0 } };
	const struct step *scripts[] = { none, NULL };
	const struct step *const *all[] = { scripts };
	char ca[] = "/tmp/modgate-test-XXXXXX";
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = make_certificate(key, trust == TRUST_WRONG_NAME ?
	    "127.0.0.2" : "127.0.0.1");
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	struct secure s = { .fd = socket(AF_INET, SOCK_STREAM, 0) };
	FILE *file = fdopen(mkstemp(ca), "w");
	struct world w;

	PEM_write_X509(file, cert);
	fclose(file);
	s.ctx = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(s.ctx, cert);
	SSL_CTX_use_PrivateKey(s.ctx, key);
	CHECK_EQ(bind(s.fd, (struct sockaddr *)&a, len), 0);
	CHECK_EQ(listen(s.fd, 8), 0);
	CHECK_EQ(getsockname(s.fd, (struct sockaddr *)&a, &len), 0);
	pthread_create(&s.thread, NULL, serve_secure, &s);
	world_init(&w, 1, all);
	snprintf(w.urls[0], sizeof(w.urls[0]), "https://127.0.0.1:%u",
	    ntohs(a.sin_port));
	w.backends[0].ca = trust == TRUST_SYSTEM ? NULL : ca;
	world_start(&w);
	call(&w, r, "{}");
	if (r->end == UPSTREAM_DONE) {
		buf_fini(&r->body);
		call(&w, r, "{}");
	}
	world_fini(&w);
	shutdown(s.fd, SHUT_RDWR);
	pthread_join(s.thread, NULL);
	close(s.fd);
	*requests = atomic_load(&s.requests);
	SSL_CTX_free(s.ctx);
	X509_free(cert);
	EVP_PKEY_free(key);
	unlink(ca);
}

static void
a_certificate_of_the_configured_authority_is_believed(void)
{
	struct result r;
	int requests;

	ask(TRUST_OURS, &r, &requests);
	CHECK_EQ(r.end, UPSTREAM_DONE);
	CHECK_MEM(r.body.ptr, r.body.len, "secret");
	CHECK_EQ(requests, 2);
	buf_fini(&r.body);
}

static void
an_unknown_certificate_is_not(void)
{
	struct result r;
	int requests;

	ask(TRUST_SYSTEM, &r, &requests);
	CHECK_EQ(r.end, UPSTREAM_UNREACHABLE);
	CHECK_EQ(requests, 0);
}

static void
nor_is_one_for_another_name(void)
{
	struct result r;
	int requests;

	ask(TRUST_WRONG_NAME, &r, &requests);
	CHECK_EQ(r.end, UPSTREAM_UNREACHABLE);
	CHECK_EQ(requests, 0);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	RUN(a_certificate_of_the_configured_authority_is_believed);
	RUN(an_unknown_certificate_is_not);
	RUN(nor_is_one_for_another_name);
	return CHECK_DONE();
}
