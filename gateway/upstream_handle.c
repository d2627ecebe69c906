/* SPDX-License-Identifier: Apache-2.0 */
/* upstream_handle.c - libcurl handles, each backend's own pool.
 *
 * Everything that is the same for all calls to a backend is set when a handle
 * is made; from call to call only method, body, fields, and, where it differs,
 * the URL are touched. */
#include "gateway/upstream_parts.h"

#include <stdlib.h>

enum { MAX_IDLE_HANDLES = 256 };	/* per backend */

void
upstream_handle_free(struct upstream_handle *handle)
{
	curl_easy_cleanup(handle->easy);
	upstream_reader_fini(&handle->reader);
	buf_fini(&handle->url);
	buf_fini(&handle->method);
	free(handle);
}

static void
set_manners(CURL *easy, const struct config_upstream *conf)
{
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
	    (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION,
	    (long)CURL_SSLVERSION_TLSv1_2);
	if (conf->ca)
		curl_easy_setopt(easy, CURLOPT_CAINFO, conf->ca);
	/* Ours is the timer that counts; libcurl shares its own out among a
	 * name's addresses. */
	if (conf->connect_ms)
		curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
		    (long)conf->connect_ms);
}

static struct upstream_handle *
handle_new(struct upstream_loop *loop, const struct config_upstream *conf)
{
	struct upstream_handle *handle = xcalloc(1, sizeof(*handle));
	CURL *easy = curl_easy_init();

	if (!easy)
		abort();
	handle->easy = easy;
	set_manners(easy, conf);
	upstream_loop_adopt(loop, easy);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, handle);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, upstream_on_connected);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, handle);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, upstream_on_line);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, handle);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, upstream_on_bytes);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, handle);
	return handle;
}

struct upstream_handle *
upstream_handle_get(struct upstream_loop *loop,
    struct upstream_backend *backend)
{
	struct upstream_handle *handle = SLIST_FIRST(&backend->idle);

	if (!handle)
		return handle_new(loop, backend->conf);
	SLIST_REMOVE_HEAD(&backend->idle, next);
	backend->n_idle--;
	return handle;
}

void
upstream_handle_put(struct upstream_backend *backend,
    struct upstream_handle *handle)
{
	handle->call = NULL;
	if (backend->n_idle >= MAX_IDLE_HANDLES) {
		upstream_handle_free(handle);
		return;
	}
	upstream_reader_reset(&handle->reader);
	SLIST_INSERT_HEAD(&backend->idle, handle, next);
	backend->n_idle++;
}

/* Method and body. libcurl turns a handle into a POST whenever it is given a
 * body, so that comes first. */
void
upstream_handle_set_body(struct upstream_handle *handle,
    struct mg_span method, struct mg_span body)
{
	bool is_post = body.len > 0 || span_is(method, "POST");
	CURL *easy = handle->easy;

	if (is_post) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
		    body.len ? body.ptr : "");
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)body.len);
	}
	if (span_eq(buf_span(&handle->method), method) &&
	    handle->is_post == is_post)
		return;
	buf_clear(&handle->method);
	buf_add_span(&handle->method, method);
	handle->is_post = is_post;
	if (!is_post)
		curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST,
	    buf_cstr(&handle->method));
}

void
upstream_handle_set_url(struct upstream_handle *handle, const char *base,
    struct mg_span path)
{
	struct buf *url = &handle->url;
	size_t len = strlen(base);

	if (url->len == len + path.len &&
	    memcmp(url->ptr + len, path.ptr, path.len) == 0)
		return;
	buf_clear(url);
	buf_add(url, base, len);
	buf_add_span(url, path);
	curl_easy_setopt(handle->easy, CURLOPT_URL, buf_cstr(url));
}
