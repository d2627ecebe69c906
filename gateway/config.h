/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/config.h - the operator's file, checked: modgate.yaml as plain data.
 *
 * Made by config_load(), read-only afterwards, shared by reference count. Every
 * key has a default but `upstreams`. Sizes are bytes, times milliseconds. */
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include "modgate/filter.h"

struct config_tls {
	char *cert;		/* PEM chain, path */
	char *key;		/* PEM, path */
	char *client_ca;	/* PEM, path; NULL: client certificates are
				 * not asked for */
	bool client_required;	/* refuse clients without a certificate */
	struct mg_place place;	/* line 0: not from a file */
};

/* One address to listen on. `listen:` takes a string, a map, or a list. */
struct config_listen {
	char *host;		/* numeric address */
	uint16_t port;
	bool has_tls;
	struct config_tls tls;
	struct mg_place place;	/* line 0: by default */
};

struct config_upstream {
	char *name;
	char *url;		/* scheme://host[:port][/prefix], no '/' at
				 * the end */
	char *key;		/* the backend's secret; NULL: none is sent.
				 * From { env: } or { file: }, never inline */
	char *key_header;	/* "authorization" (Bearer) by default, or
				 * "api-key", "x-api-key" */
	char **models;		/* globs, NULL-terminated; ["*"] by default */
	unsigned weight;	/* 1 by default */
	char *ca;		/* PEM; NULL: the system's */
	uint32_t connect_ms, first_byte_ms, idle_ms, total_ms;
	uint32_t retries;	/* at most, before a byte was relayed; 1 */
	uint32_t eject_after;	/* consecutive failures; 5 */
	uint32_t eject_ms;	/* first ejection; doubles, 5 s */
	uint64_t answer_bytes;	/* cap of a whole answer; 32 MiB */
	struct mg_place place;
};

/* A shared object with filters that policies may name. */
struct config_filter {
	char *file;		/* path, resolved */
	struct mg_place place;
};

struct config_policy {
	char *file;		/* path, resolved */
	char **tenants;		/* when.tenants globs; NULL: all */
	char **models;		/* when.models globs; NULL: all */
	struct mg_place place;
};

/* What one key, tenant, model or address may spend; 0: no such limit. Written
 * as `requests: 600/m`, `tokens: 200k/m`, `concurrent: 32`, `daily: 5M`. */
struct config_rate {
	uint64_t requests, requests_ms;	/* this many in this many ms */
	uint64_t tokens, tokens_ms;
	uint32_t concurrent;
	uint64_t daily;			/* tokens per UTC day */
};

struct config_limits {
	struct config_rate key, tenant, model, address;
	uint32_t assume_tokens;	/* reserved for the answer when the request
				 * names no maximum; 1024 */
};

struct config_client {
	uint32_t head_bytes, line_bytes, head_count, head_total_ms;
	uint64_t body_bytes, decoded_bytes;
	uint32_t body_idle_ms, body_total_ms;
	uint32_t send_idle_ms;	/* a client that takes nothing of its answer
				 * for so long is cut; 60 s */
	uint32_t send_buffer;	/* bytes of answer that may wait for the
				 * client before the upstream is paused */
	uint32_t keepalive_ms;
	uint32_t connections_all, connections_per_address;
	uint32_t json_depth;	/* 64 */
	uint32_t max_n;		/* `n` and `best_of` above it are refused */
	uint64_t max_tokens;	/* `max_tokens` above it are refused; 0: no cap */
};

enum config_durability { AUDIT_STRICT, AUDIT_COMMIT, AUDIT_ASYNC };
enum config_capture { CAPTURE_NONE, CAPTURE_FLAGGED };

struct config_audit {
	enum config_durability durability;
	enum config_capture capture;
	uint64_t segment_bytes;	/* a segment is closed past it; 64 MiB */
	uint64_t min_free_bytes;	/* less free disk: new exchanges are
					 * refused; 64 MiB */
	char *instance;		/* name in records; host name by default */
	uint32_t checkpoint_ms;	/* between two checkpoints; 0: none; 1 s */
	char *origin;		/* of checkpoints; instance/audit by default */
};

enum config_unread { UNREAD_REFUSE, UNREAD_ALLOW };

/* What cannot be read: refused, or let through and recorded "not scanned". */
struct config_unread_set {
	enum config_unread token_ids;	/* prompts as token numbers, embeds */
	enum config_unread references;	/* URLs, file ids: text elsewhere */
	enum config_unread media;	/* images and sound inside a body */
	enum config_unread duplicate_keys;
};

struct config {
	unsigned refs;			/* atomic; config_ref(), config_unref() */
	char *file;
	struct config_listen *listen;
	size_t n_listen;
	struct config_listen *admin;	/* 0 or 1 */
	size_t n_admin;
	unsigned workers;		/* 0: one per core */
	char *state;			/* directory */
	struct config_upstream *upstreams;
	size_t n_upstreams;
	struct config_filter *filters;	/* plugins */
	size_t n_filters;
	struct config_policy *policies;	/* first that matches is in force */
	size_t n_policies;
	struct config_limits limits;
	struct config_client client;
	struct config_audit audit;
	struct config_unread_set unread;
	bool keys_required;		/* `keys: required | none` */
	uint32_t ping_ms;		/* `: ping` on a silent stream; 15 s */
	uint32_t drain_ms;		/* SIGTERM waits so long; 30 s */
	bool watch;			/* reload when a policy's file or a
					 * list changes on disk */
	int log_level;			/* enum log_level */
	bool log_json;
	bool access_log;
};

/* Reads and checks a file. Returns a config with one reference, or NULL with
 * err "file:line:column: …". */
struct config *config_load(const char *path, struct mg_error *err);
/* The same for commands that call no backend: the backends' keys need not be
 * there, and are not read. */
struct config *config_load_without_secrets(const char *path,
    struct mg_error *err);
struct config *config_ref(struct config *config);
void config_unref(struct config **config);
/* Prints every key with its default and one line of help, from the tables that
 * config_load() checks with. */
void config_help(void);

#endif
