/* SPDX-License-Identifier: Apache-2.0 */
/* test_tls.c - a conn behind TLS, and OpenSSL's own client before it, in one
 * thread. Certificates are made here, in a folder that is removed again. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "gateway/conn.h"
#include "gateway/tls.h"
#include "tests/check.h"

static char dir[] = "/tmp/test_tls.XXXXXX";
static char path_cert[64], path_key[64], path_other_key[64], path_rsa_key[64];
static char path_ca[64], path_client[64], path_client_key[64], path_text[64];
static char path_none[64];

/* ---- certificates ---- */

static void
write_key(const char *path, EVP_PKEY *key)
{
	FILE *f = fopen(path, "w");

	if (!f || PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) != 1)
		abort();
	fclose(f);
}

static void
write_cert(const char *path, X509 *cert)
{
	FILE *f = fopen(path, "w");

	if (!f || PEM_write_X509(f, cert) != 1)
		abort();
	fclose(f);
}

/* Signed by `by` and its key, or by itself. */
static X509 *
make_cert(const char *name, EVP_PKEY *key, X509 *by, EVP_PKEY *by_key)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	(void)X509_set_version(cert, 2);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(cert), by ? 2 : 1);
	(void)X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	(void)X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	(void)X509_set_pubkey(cert, key);
	(void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
	    (const unsigned char *)name, -1, -1, 0);
	(void)X509_set_issuer_name(cert, by ? X509_get_subject_name(by) :
	    subject);
	if (!by) {
		X509_EXTENSION *ca = X509V3_EXT_conf_nid(NULL, NULL,
		    NID_basic_constraints, "critical,CA:TRUE");

		(void)X509_add_ext(cert, ca, -1);
		X509_EXTENSION_free(ca);
	}
	if (X509_sign(cert, by ? by_key : key, EVP_sha256()) == 0)
		abort();
	return cert;
}

static void
name_files(void)
{
	static const struct {
		char *path;
		const char *name;
	} files[] = {
		{ path_cert, "cert.pem" }, { path_key, "key.pem" },
		{ path_other_key, "other.pem" }, { path_rsa_key, "rsa.pem" },
		{ path_ca, "ca.pem" }, { path_client, "client.pem" },
		{ path_client_key, "client-key.pem" },
		{ path_text, "text.pem" }, { path_none, "none.pem" },
	};
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)snprintf(files[i].path, 64, "%s/%s", dir,
		    files[i].name);
}

static void
make_files(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *ca_key = EVP_EC_gen("P-256");
	EVP_PKEY *client_key = EVP_EC_gen("P-256");
	EVP_PKEY *other = EVP_EC_gen("P-256"), *rsa = EVP_RSA_gen(2048);
	X509 *cert = make_cert("localhost", key, NULL, NULL);
	X509 *ca = make_cert("our clients", ca_key, NULL, NULL);
	X509 *client = make_cert("a client", client_key, ca, ca_key);
	FILE *f;

	if (!mkdtemp(dir))
		abort();
	name_files();
	write_cert(path_cert, cert);
	write_key(path_key, key);
	write_key(path_other_key, other);
	write_key(path_rsa_key, rsa);
	write_cert(path_ca, ca);
	write_cert(path_client, client);
	write_key(path_client_key, client_key);
	f = fopen(path_text, "w");
	if (!f || fputs("this is no PEM\n", f) < 0)
		abort();
	fclose(f);
	X509_free(cert);
	X509_free(ca);
	X509_free(client);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(client_key);
	EVP_PKEY_free(other);
	EVP_PKEY_free(rsa);
}

static void
remove_files(void)
{
	const char *all[] = { path_cert, path_key, path_other_key,
	    path_rsa_key, path_ca, path_client, path_client_key, path_text };
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		(void)unlink(all[i]);
	(void)rmdir(dir);
}

/* ---- server and client ---- */

struct pair {
	struct event_base *base;
	struct conn *conn;
	struct conn_limits limits;
	struct conn_service service;
	struct buf calls;
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
	bool shaken, failed, eof, clean_eof, freed;
	struct buf heard;
};

static void *
on_head(void *arg, struct conn *conn, const struct http1_head *head)
{
	struct pair *p = arg;

	(void)head;
	buf_add_str(&p->calls, "head;");
	conn_take_body(conn, 0);
	return p;
}

static void
on_body(void *request, struct mg_span bytes)
{
	(void)request;
	(void)bytes;
}

static void
on_end(void *request)
{
	static char large[300000];
	struct pair *p = request;

	memset(large, 'x', sizeof(large));
	buf_add_str(&p->calls, "end;");
	conn_answer(p->conn, 200, NULL, 0, sizeof(large));
	conn_send(p->conn, span(large, sizeof(large)));
	conn_finish(p->conn);
}

static void
on_fault(void *request, const struct http1_fault *fault)
{
	(void)request;
	(void)fault;
}

static void
on_room(void *request)
{
	(void)request;
}

static void
on_gone(void *request)
{
	struct pair *p = request;

	buf_add_str(&p->calls, "gone;");
}

static void
on_done(void *request)
{
	struct pair *p = request;

	buf_add_str(&p->calls, "done;");
}

static void
on_free(void *arg, struct conn *conn)
{
	struct pair *p = arg;

	CHECK(p->conn == conn);
	p->conn = NULL;
	p->freed = true;
}

static void
pair_open(struct pair *p, struct tls *tls)
{
	int fd[2];

	memset(p, 0, sizeof(*p));
	if (!tls || socketpair(AF_UNIX, SOCK_STREAM, 0, fd) != 0)
		abort();
	(void)fcntl(fd[0], F_SETFL, O_NONBLOCK);
	(void)fcntl(fd[1], F_SETFL, O_NONBLOCK);
	p->limits = (struct conn_limits){
		.http1 = { 1024, 8192, 20, 100000 },
		.head_total_ms = 300, .body_idle_ms = 300,
		.body_total_ms = 500, .send_idle_ms = 300,
		.send_buffer = 65536, .keepalive_ms = 300,
	};
	p->service = (struct conn_service){ on_head, on_body, on_end,
	    on_fault, on_room, on_gone, on_done, NULL, NULL, p };
	p->base = event_base_new();
	p->conn = conn_new(p->base, tls_accept(tls, p->base, fd[1]),
	    &p->limits, &p->service, "test", on_free, p);
	p->fd = fd[0];
	p->ctx = SSL_CTX_new(TLS_client_method());
	p->ssl = SSL_new(p->ctx);
	SSL_set_fd(p->ssl, fd[0]);
	SSL_set_connect_state(p->ssl);
}

static void
turn(struct pair *p)
{
	struct timespec nap = { 0, 500000 };
	char text[16384];
	int n;

	event_base_loop(p->base, EVLOOP_NONBLOCK);
	nanosleep(&nap, NULL);
	if (p->fd < 0 || p->failed || p->eof)
		return;
	ERR_clear_error();
	if (!p->shaken) {
		n = SSL_do_handshake(p->ssl);
		p->shaken = n == 1;
	} else {
		while ((n = SSL_read(p->ssl, text, sizeof(text))) > 0)
			buf_add(&p->heard, text, (size_t)n);
	}
	switch (n == 1 ? SSL_ERROR_NONE : SSL_get_error(p->ssl, n)) {
	case SSL_ERROR_NONE:
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		break;
	case SSL_ERROR_ZERO_RETURN:
		p->eof = p->clean_eof = true;
		break;
	default:
		p->failed = p->eof = true;
	}
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

#define WAIT(p, condition) \
	do { \
		int64_t until = now_ms() + 3000; \
		while (!(condition) && now_ms() < until) \
			turn(p); \
		CHECK(condition); \
	} while (0)

static void
hang_up(struct pair *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

static void
pair_close(struct pair *p)
{
	hang_up(p);
	WAIT(p, p->freed);
	turn(p);
	SSL_free(p->ssl);
	SSL_CTX_free(p->ctx);
	event_base_free(p->base);
	buf_fini(&p->calls);
	buf_fini(&p->heard);
}

static struct tls *
tls_open(char *client_ca, bool required)
{
	struct config_tls config = { path_cert, path_key, client_ca,
	    required, { NULL, 0, 0 } };
	struct mg_error err = { "" };
	struct tls *tls = tls_new(&config, &err);

	CHECK_STR(err.text, "");
	return tls;
}

static void
say(struct pair *p, const char *text)
{
	CHECK_EQ(SSL_write(p->ssl, text, (int)strlen(text)), strlen(text));
}

#define GET "GET / HTTP/1.1\r\nHost: h\r\n"

/* ---- tests ---- */

static void
answers_over_tls_1_2_and_1_3(void)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct tls *tls = tls_open(NULL, false);
	struct pair p;
	size_t i;

	for (i = 0; i < 2; i++) {
		pair_open(&p, tls);
		(void)SSL_set_min_proto_version(p.ssl, versions[i]);
		(void)SSL_set_max_proto_version(p.ssl, versions[i]);
		WAIT(&p, p.shaken);
		CHECK_EQ(SSL_version(p.ssl), versions[i]);
		say(&p, GET "\r\n");
		WAIT(&p, p.heard.len > 300000);
		CHECK_MEM(p.heard.ptr, 15, "HTTP/1.1 200 OK");
		buf_clear(&p.heard);
		say(&p, GET "Connection: close\r\n\r\n");
		WAIT(&p, p.eof);
		CHECK(p.heard.len > 300000);
		CHECK(p.clean_eof);
		CHECK_STR(buf_cstr(&p.calls),
		    "head;end;done;head;end;done;");
		pair_close(&p);
	}
	tls_unref(&tls);
	CHECK(!tls);
}

static void
older_versions_and_weak_ciphers_fail(void)
{
	struct tls *tls = tls_open(NULL, false);
	struct pair p;

	pair_open(&p, tls);
	SSL_set_security_level(p.ssl, 0);
	(void)SSL_set_min_proto_version(p.ssl, TLS1_VERSION);
	(void)SSL_set_max_proto_version(p.ssl, TLS1_1_VERSION);
	WAIT(&p, p.failed);
	CHECK(!p.shaken);
	pair_close(&p);
	pair_open(&p, tls);
	(void)SSL_set_max_proto_version(p.ssl, TLS1_2_VERSION);
	CHECK_EQ(SSL_set_cipher_list(p.ssl, "AES128-SHA:ECDHE-ECDSA-AES128-"
	    "SHA"), 1);
	WAIT(&p, p.failed);
	pair_close(&p);
	tls_unref(&tls);
}

static void
alpn_chooses_http_1_1_or_nothing(void)
{
	static const unsigned char both[] = "\x02h2\x08http/1.1";
	static const unsigned char other[] = "\x02h2";
	struct tls *tls = tls_open(NULL, false);
	const unsigned char *name;
	struct pair p;
	unsigned len;

	pair_open(&p, tls);
	(void)SSL_set_alpn_protos(p.ssl, both, sizeof(both) - 1);
	WAIT(&p, p.shaken);
	SSL_get0_alpn_selected(p.ssl, &name, &len);
	CHECK_MEM(name, len, "http/1.1");
	pair_close(&p);
	pair_open(&p, tls);
	(void)SSL_set_alpn_protos(p.ssl, other, sizeof(other) - 1);
	WAIT(&p, p.shaken);
	SSL_get0_alpn_selected(p.ssl, &name, &len);
	CHECK_EQ(len, 0);
	pair_close(&p);
	tls_unref(&tls);
}

static void
a_client_certificate_may_be_asked_for_or_required(void)
{
	struct tls *required = tls_open(path_ca, true);
	struct tls *asked = tls_open(path_ca, false);
	struct pair p;

	pair_open(&p, required);
	WAIT(&p, p.failed);	/* in 1.3 the client learns it afterwards */
	pair_close(&p);
	pair_open(&p, required);
	CHECK_EQ(SSL_use_certificate_file(p.ssl, path_client,
	    SSL_FILETYPE_PEM), 1);
	CHECK_EQ(SSL_use_PrivateKey_file(p.ssl, path_client_key,
	    SSL_FILETYPE_PEM), 1);
	WAIT(&p, p.shaken);
	say(&p, GET "\r\n");
	WAIT(&p, p.heard.len > 300000);
	pair_close(&p);
	pair_open(&p, asked);
	WAIT(&p, p.shaken);
	say(&p, GET "\r\n");
	WAIT(&p, p.heard.len > 300000);
	pair_close(&p);
	/* Asked for, given, and signed by nobody we know. */
	pair_open(&p, asked);
	CHECK_EQ(SSL_use_certificate_file(p.ssl, path_cert,
	    SSL_FILETYPE_PEM), 1);
	CHECK_EQ(SSL_use_PrivateKey_file(p.ssl, path_key,
	    SSL_FILETYPE_PEM), 1);
	WAIT(&p, p.failed);
	pair_close(&p);
	tls_unref(&required);
	tls_unref(&asked);
}

static void
a_handshake_that_does_not_come_is_cut(void)
{
	struct tls *tls = tls_open(NULL, false);
	int64_t begun = now_ms();
	struct pair p;

	pair_open(&p, tls);
	p.failed = true;	/* the client says nothing */
	WAIT(&p, p.freed);
	CHECK(now_ms() - begun >= 290);
	CHECK(now_ms() - begun < 1000);
	pair_close(&p);
	tls_unref(&tls);
}

static void
plain_http_on_a_tls_port_is_cut(void)
{
	struct tls *tls = tls_open(NULL, false);
	struct pair p;

	pair_open(&p, tls);
	p.failed = true;
	CHECK_EQ(send(p.fd, GET "\r\n", sizeof(GET) + 1, 0),
	    sizeof(GET) + 1);
	WAIT(&p, p.freed);
	CHECK_STR(buf_cstr(&p.calls), "");
	pair_close(&p);
	tls_unref(&tls);
}

static void
a_client_that_vanishes_is_gone(void)
{
	struct tls *tls = tls_open(NULL, false);
	struct pair p;

	pair_open(&p, tls);
	WAIT(&p, p.shaken);
	say(&p, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab");
	WAIT(&p, strcmp(buf_cstr(&p.calls), "head;") == 0);
	hang_up(&p);		/* no close_notify */
	WAIT(&p, strcmp(buf_cstr(&p.calls), "head;gone;done;") == 0);
	pair_close(&p);
	tls_unref(&tls);
}

static void
a_connection_outlives_the_tls_it_began_under(void)
{
	struct tls *tls = tls_open(NULL, false), *second = tls_ref(tls);
	struct pair p;

	pair_open(&p, tls);
	tls_unref(&tls);
	tls_unref(&second);
	WAIT(&p, p.shaken);
	say(&p, GET "\r\n");
	WAIT(&p, p.heard.len > 300000);
	pair_close(&p);
}

static void
fails_with(char *cert, char *key, char *client_ca, const char *file,
    const char *text)
{
	struct config_tls config = { cert, key, client_ca, false,
		{ NULL, 0, 0 } };
	struct mg_error err = { "" };

	CHECK(!tls_new(&config, &err));
	CHECK_MEM(err.text, strlen(file), file);
	if (!strstr(err.text, text))
		fprintf(stderr, "\"%s\" has no \"%s\"\n", err.text, text);
	CHECK(strstr(err.text, text));
}

static void
errors_name_the_file_and_the_remedy(void)
{
	fails_with(path_none, path_key, NULL, path_none,
	    "(No such file or directory); it must be a PEM");
	fails_with(path_text, path_key, NULL, path_text,
	    "cannot read the certificate (no start line); it must be a PEM");
	fails_with(path_cert, path_none, NULL, path_none,
	    "(No such file or directory); it must be a PEM file without");
	fails_with(path_cert, path_text, NULL, path_text,
	    "cannot read the key");
	fails_with(path_cert, path_other_key, NULL, path_cert,
	    "certificate and key do not belong together");
	fails_with(path_cert, path_rsa_key, NULL, path_cert,
	    "certificate and key do not belong together");
	fails_with(path_cert, path_key, path_none, path_none,
	    "cannot read the authorities of clients");
	fails_with(path_cert, path_key, path_text, path_text,
	    "cannot read the authorities of clients");
}

int
main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	make_files();
	RUN(answers_over_tls_1_2_and_1_3);
	RUN(older_versions_and_weak_ciphers_fail);
	RUN(alpn_chooses_http_1_1_or_nothing);
	RUN(a_client_certificate_may_be_asked_for_or_required);
	RUN(a_handshake_that_does_not_come_is_cut);
	RUN(plain_http_on_a_tls_port_is_cut);
	RUN(a_client_that_vanishes_is_gone);
	RUN(a_connection_outlives_the_tls_it_began_under);
	RUN(errors_name_the_file_and_the_remedy);
	remove_files();
	return CHECK_DONE();
}
