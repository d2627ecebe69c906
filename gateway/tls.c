/* SPDX-License-Identifier: Apache-2.0 */
/* tls.c - TLS 1.2 and 1.3 in front of a listener.
 *
 * One SSL_CTX per configured address; connections keep it alive after a
 * reload has replaced it, as each SSL holds a reference of its own. */
#include "gateway/tls.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "gateway/buf.h"

/* TLS 1.2: forward secrecy and AEAD only. TLS 1.3 has no others. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

struct tls {
	atomic_uint refs;
	SSL_CTX *ctx;
};

/* The oldest of OpenSSL's errors, which names the cause; empties its queue. */
static const char *
reason(void)
{
	unsigned long code = ERR_get_error();
	const char *text = code ? ERR_reason_error_string(code) : NULL;

	if (!text && code && ERR_SYSTEM_ERROR(code))
		text = strerror(ERR_GET_REASON(code));
	ERR_clear_error();
	return text ? text : "unknown reason";
}

/* Names the file and what OpenSSL says about it. */
static int
fail(struct mg_error *err, const struct config_tls *config, const char *file,
    const char *what, const char *advice)
{
	return mg_fail(err, &config->place, "%s: %s (%s); %s", file, what,
	    reason(), advice);
}

/* HTTP/1.1 where the client offers it; a client that only offers others goes
 * on without ALPN and finds out by our answers (RFC 7301 lets us choose). */
static int
choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1,
	    in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* A key with a passphrase would make OpenSSL ask on the terminal. */
static int
no_passphrase(char *text, int size, int writing, void *arg)
{
	(void)text;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

/* A key of another kind than the certificate is taken at first, and then
 * lacks a certificate. */
static bool
is_mismatch(unsigned long code)
{
	if (ERR_GET_LIB(code) == ERR_LIB_SSL)
		return ERR_GET_REASON(code) == SSL_R_NO_CERTIFICATE_ASSIGNED;
	return ERR_GET_LIB(code) == ERR_LIB_X509 &&
	    (ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH ||
	    ERR_GET_REASON(code) == X509_R_KEY_TYPE_MISMATCH);
}

static int
load_pair(SSL_CTX *ctx, const struct config_tls *config, struct mg_error *err)
{
	if (SSL_CTX_use_certificate_chain_file(ctx, config->cert) != 1)
		return fail(err, config, config->cert, "cannot read the certificate",
		    "it must be a PEM file, the server's certificate first, "
		    "then those that signed it");
	if (SSL_CTX_use_PrivateKey_file(ctx, config->key, SSL_FILETYPE_PEM)
	    == 1 && SSL_CTX_check_private_key(ctx) == 1)
		return 0;
	if (is_mismatch(ERR_peek_error())) {
		ERR_clear_error();
		return mg_fail(err, &config->place, "%s: certificate and key "
		    "do not belong together; %s is the key of another "
		    "certificate", config->cert, config->key);
	}
	return fail(err, config, config->key, "cannot read the key",
	    "it must be a PEM file without a passphrase that this user "
	    "may read");
}

static int
load_client_ca(SSL_CTX *ctx, const struct config_tls *config,
    struct mg_error *err)
{
	STACK_OF(X509_NAME) *names;
	int mode = SSL_VERIFY_PEER;

	if (!config->client_ca)
		return 0;
	names = SSL_load_client_CA_file(config->client_ca);
	if (!names || SSL_CTX_load_verify_file(ctx, config->client_ca) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return fail(err, config, config->client_ca,
		    "cannot read the authorities of clients",
		    "it must be a PEM file with their certificates");
	}
	SSL_CTX_set_client_CA_list(ctx, names);
	if (config->client_required)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ctx, mode, NULL);
	return 0;
}

static int
set_up(SSL_CTX *ctx, const struct config_tls *config, struct mg_error *err)
{
	static const unsigned char name[] = "modgate";

	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
	    SSL_OP_PRIORITIZE_CHACHA);
	/* Buffers of idle connections are given back: 34 KiB each. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, CIPHERS) != 1 ||
	    SSL_CTX_set_session_id_context(ctx, name, sizeof(name) - 1) != 1)
		return mg_fail(err, NULL, "TLS cannot be set up: %s",
		    reason());
	if (load_pair(ctx, config, err) != 0)
		return -1;
	return load_client_ca(ctx, config, err);
}

struct tls *
tls_new(const struct config_tls *config, struct mg_error *err)
{
	struct tls *tls = xcalloc(1, sizeof(*tls));

	ERR_clear_error();
	atomic_init(&tls->refs, 1);
	tls->ctx = SSL_CTX_new(TLS_server_method());
	if (!tls->ctx)
		abort();
	if (set_up(tls->ctx, config, err) != 0)
		tls_unref(&tls);
	return tls;
}

struct tls *
tls_ref(struct tls *tls)
{
	atomic_fetch_add_explicit(&tls->refs, 1, memory_order_relaxed);
	return tls;
}

void
tls_unref(struct tls **tls)
{
	struct tls *t = *tls;

	*tls = NULL;
	if (!t || atomic_fetch_sub_explicit(&t->refs, 1,
	    memory_order_acq_rel) > 1)
		return;
	SSL_CTX_free(t->ctx);
	free(t);
}

struct bufferevent *
tls_accept(struct tls *tls, struct event_base *base, int fd)
{
	SSL *ssl = SSL_new(tls->ctx);

	if (!ssl)
		return NULL;
	return bufferevent_openssl_socket_new(base, fd, ssl,
	    BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
}

/* Says so in the clear to a client that has begun in the clear. Its request is
 * read first, as far as it is here: closing over unread bytes would reset the
 * connection, and what was said could be lost. */
static void
answer_plain(int fd)
{
	static const char body[] = "{\"error\":{\"message\":\"This port "
	    "speaks TLS: use https://.\",\"type\":"
	    "\"invalid_request_error\",\"param\":null,"
	    "\"code\":\"tls_required\"}}\n";
	char answer[sizeof(body) + 256];
	char bytes[4096];
	unsigned rounds = 0;

	while (rounds++ < 16 && recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) >
	    0)
		;
	(void)snprintf(answer, sizeof(answer), "HTTP/1.1 400 Bad Request\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n"
	    "Connection: close\r\n\r\n%s", sizeof(body) - 1, body);
	(void)send(fd, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)shutdown(fd, SHUT_WR);
}

const char *
tls_no_handshake(struct bufferevent *bev)
{
	const SSL *ssl = bufferevent_openssl_get_ssl(bev);
	unsigned long code;
	const char *text;

	if (!ssl || SSL_is_init_finished(ssl))
		return NULL;
	code = bufferevent_get_openssl_error(bev);
	if (code == 0)
		return "the client left";
	if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
	    ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST) {
		answer_plain((int)bufferevent_getfd(bev));
		return "plain HTTP on a TLS port";
	}
	text = ERR_reason_error_string(code);
	return text ? text : "unknown reason";
}
