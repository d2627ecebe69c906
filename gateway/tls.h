/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/tls.h - TLS 1.2 and 1.3 in front of a listener (OpenSSL). */
#ifndef GATEWAY_TLS_H
#define GATEWAY_TLS_H

#include "gateway/config.h"

struct bufferevent;
struct event_base;
struct tls;

/* Reads certificate and key and checks that they fit. NULL with err filled
 * ("… : certificate and key do not belong together; …"). Shared by threads. */
struct tls *tls_new(const struct config_tls *config, struct mg_error *err);
struct tls *tls_ref(struct tls *tls);
void tls_unref(struct tls **tls);
/* A bufferevent that will do the handshake as server on fd; NULL: no memory.
 * ALPN offers http/1.1 only. */
struct bufferevent *tls_accept(struct tls *tls, struct event_base *base,
    int fd);

/* Where the handshake of such a bufferevent has failed: why, a static text. A
 * client that speaks plain HTTP is answered so. NULL: it was finished, or there
 * is no TLS. */
const char *tls_no_handshake(struct bufferevent *bev);

#endif
