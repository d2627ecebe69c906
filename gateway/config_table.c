/* SPDX-License-Identifier: Apache-2.0 */
/* config_table.c - every key of modgate.yaml: what may be written, what it is
 * when nothing is written, and a line of help. No code. */
#include "gateway/config_table.h"
#include "gateway/log.h"

#define SECOND 1000u
#define HOUR (3600u * SECOND)
#define DAY (24u * HOUR)
#define KIB 1024ull
#define MIB (1024ull * KIB)
#define GIB (1024ull * MIB)

static const char *const header_choices[] = {
	"authorization", "api-key", "x-api-key", NULL };
static const char *const durability_choices[] = {
	[AUDIT_STRICT] = "strict", [AUDIT_COMMIT] = "commit",
	[AUDIT_ASYNC] = "async", NULL };
static const char *const capture_choices[] = {
	[CAPTURE_NONE] = "none", [CAPTURE_FLAGGED] = "flagged", NULL };
static const char *const unread_choices[] = {
	[UNREAD_REFUSE] = "refuse", [UNREAD_ALLOW] = "allow", NULL };
static const char *const refuse_only[] = { "refuse", NULL };
static const char *const none_only[] = { "none", NULL };
static const char *const keys_choices[] = { "none", "required", NULL };
static const char *const level_choices[] = {
	[LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn",
	[LOG_ERROR] = "error", NULL };
static const char *const format_choices[] = { "text", "json", NULL };

#define TLS(member) OPTION_AT(struct config_listen, tls.member)

static const struct setting tls_table[] = {
	{ .key = "cert", .kind = OPTION_PATH, TLS(cert), .required = true,
	    .help = "certificate chain, PEM" },
	{ .key = "key", .kind = OPTION_PATH, TLS(key), .required = true,
	    .help = "its private key, PEM" },
	{ .key = "client_ca", .kind = OPTION_PATH, TLS(client_ca),
	    .help = "CA of client certificates; without it none is asked for" },
	{ .key = "client_required", .kind = OPTION_BOOL, TLS(client_required),
	    .fallback = "false",
	    .help = "refuse clients without a certificate" },
	{ .key = NULL },
};

const struct setting config_listen_table[] = {
	{ .key = "address", .kind = OPTION_TEXT, .required = true,
	    OPTION_AT(struct config_listen, host),
	    .help = "numeric address and port: 0.0.0.0:8080, [::1]:8080" },
	{ .key = "tls", .kind = OPTION_MAP, .map = tls_table,
	    .help = "TLS 1.2 and 1.3; without it plain HTTP" },
	{ .key = NULL },
};

#define UP(member) OPTION_AT(struct config_upstream, member)

const struct setting config_upstream_key_table[] = {
	{ .key = "env", .kind = OPTION_TEXT, UP(key),
	    .help = "environment variable that holds the backend's key" },
	{ .key = "file", .kind = OPTION_PATH, UP(key),
	    .help = "or the file that holds it" },
	{ .key = "header", .kind = OPTION_CHOICE, UP(key_header),
	    .choices = header_choices,
	    .help = "authorization (default), api-key or x-api-key" },
	{ .key = NULL },
};

static const struct setting timeouts_table[] = {
	{ .key = "connect", .kind = OPTION_TIME, UP(connect_ms),
	    .min = 10, .max = HOUR, .fallback = "2s",
	    .help = "until the connection stands" },
	{ .key = "first_byte", .kind = OPTION_TIME, UP(first_byte_ms),
	    .min = 10, .max = DAY, .fallback = "120s",
	    .help = "until the answer begins" },
	{ .key = "idle", .kind = OPTION_TIME, UP(idle_ms),
	    .min = 10, .max = DAY, .fallback = "60s",
	    .help = "between two pieces of the answer" },
	{ .key = "total", .kind = OPTION_TIME, UP(total_ms),
	    .min = 10, .max = DAY, .fallback = "600s",
	    .help = "until the answer is whole" },
	{ .key = NULL },
};

static const struct setting eject_table[] = {
	{ .key = "after", .kind = OPTION_COUNT, UP(eject_after),
	    .min = 1, .max = 1000, .fallback = "5",
	    .help = "failures in a row" },
	{ .key = "time", .kind = OPTION_TIME, UP(eject_ms),
	    .min = 100, .max = HOUR, .fallback = "5s",
	    .help = "for so long; doubles each time" },
	{ .key = NULL },
};

const struct setting config_upstream_table[] = {
	{ .key = "name", .kind = OPTION_TEXT, UP(name), .required = true,
	    .min = 1, .max = 64, .help = "in logs, metrics and records" },
	{ .key = "url", .kind = OPTION_TEXT, UP(url), .required = true,
	    .min = 1, .max = 1024,
	    .help = "http:// or https://, host, port, path prefix" },
	{ .key = "key", .kind = OPTION_READ,
	    .map = config_upstream_key_table, .read = config_read_upstream_key,
	    .shape = SHAPE_MAP | SHAPE_WORD, .choices = none_only,
	    .help = "the backend's secret; none: no credentials are sent" },
	{ .key = "models", .kind = OPTION_TEXTS, UP(models), .fallback = "*",
	    .help = "patterns of the models it serves" },
	{ .key = "weight", .kind = OPTION_COUNT, UP(weight),
	    .min = 1, .max = 1000, .fallback = "1",
	    .help = "its share among those that serve a model" },
	{ .key = "ca", .kind = OPTION_PATH, UP(ca),
	    .help = "CA for https, PEM; the system's without it" },
	{ .key = "timeouts", .kind = OPTION_MAP, .map = timeouts_table,
	    .help = "how long to wait for it" },
	{ .key = "retries", .kind = OPTION_COUNT, UP(retries),
	    .min = 0, .max = 10, .zero = "none", .fallback = "1",
	    .help = "at most, and never after a byte was passed on" },
	{ .key = "eject", .kind = OPTION_MAP, .map = eject_table,
	    .help = "when to leave a failing backend alone" },
	{ .key = "answer", .kind = OPTION_SIZE, UP(answer_bytes),
	    .min = KIB, .max = 4 * GIB, .fallback = "32MiB",
	    .help = "largest whole answer" },
	{ .key = NULL },
};

#define POLICY(member) OPTION_AT(struct config_policy, member)

static const struct setting when_table[] = {
	{ .key = "tenants", .kind = OPTION_TEXTS, POLICY(tenants),
	    .help = "patterns; all without it" },
	{ .key = "models", .kind = OPTION_TEXTS, POLICY(models),
	    .help = "patterns; all without it" },
	{ .key = NULL },
};

const struct setting config_policy_table[] = {
	{ .key = "policy", .kind = OPTION_PATH, POLICY(file),
	    .required = true, .help = "the policy's file" },
	{ .key = "when", .kind = OPTION_MAP, .map = when_table,
	    .help = "for whom it is meant" },
	{ .key = NULL },
};

#define RATE(member) OPTION_AT(struct config_rate, member)
#define MUCH (1000ull * 1000 * 1000 * 1000)

static const struct setting rate_table[] = {
	{ .key = "requests", .kind = OPTION_RATE, RATE(requests),
	    .at2 = offsetof(struct config_rate, requests_ms),
	    .min = 1, .max = MUCH, .zero = "none",
	    .help = "requests in a time: 600/m" },
	{ .key = "tokens", .kind = OPTION_RATE, RATE(tokens),
	    .at2 = offsetof(struct config_rate, tokens_ms),
	    .min = 1, .max = MUCH, .zero = "none",
	    .help = "tokens in a time: 200k/m" },
	{ .key = "concurrent", .kind = OPTION_COUNT, RATE(concurrent),
	    .min = 1, .max = 1000 * 1000, .zero = "none",
	    .help = "exchanges at once" },
	{ .key = "daily", .kind = OPTION_COUNT, RATE(daily),
	    .min = 1, .max = 1000 * MUCH, .zero = "none",
	    .help = "tokens per day (UTC)" },
	{ .key = NULL },
};

#define C(member) OPTION_AT(struct config, member)

static const struct setting limits_table[] = {
	{ .key = "key", .kind = OPTION_MAP, C(limits.key),
	    .map = rate_table, .zero = "none",
	    .help = "of each API key; none: no limit" },
	{ .key = "tenant", .kind = OPTION_MAP, C(limits.tenant),
	    .map = rate_table, .zero = "none", .help = "of each tenant" },
	{ .key = "model", .kind = OPTION_MAP, C(limits.model),
	    .map = rate_table, .zero = "none", .help = "of each model" },
	{ .key = "address", .kind = OPTION_MAP, C(limits.address),
	    .map = rate_table, .zero = "none",
	    .help = "of each client address" },
	{ .key = "assume_tokens", .kind = OPTION_COUNT,
	    C(limits.assume_tokens), .min = 1, .max = 1000 * 1000,
	    .fallback = "1024",
	    .help = "reserved for an answer when the request names no most" },
	{ .key = NULL },
};

static const struct setting head_table[] = {
	{ .key = "bytes", .kind = OPTION_SIZE, C(client.head_bytes),
	    .min = KIB, .max = MIB, .fallback = "32KiB",
	    .help = "request line and headers together" },
	{ .key = "line", .kind = OPTION_SIZE, C(client.line_bytes),
	    .min = 256, .max = MIB, .fallback = "8KiB",
	    .help = "the request line" },
	{ .key = "count", .kind = OPTION_COUNT, C(client.head_count),
	    .min = 8, .max = 1000, .fallback = "100",
	    .help = "headers" },
	{ .key = "total", .kind = OPTION_TIME, C(client.head_total_ms),
	    .min = 100, .max = HOUR, .fallback = "5s",
	    .help = "until the head is whole" },
	{ .key = NULL },
};

static const struct setting body_table[] = {
	{ .key = "bytes", .kind = OPTION_SIZE, C(client.body_bytes),
	    .min = KIB, .max = GIB, .fallback = "8MiB",
	    .help = "as it was sent" },
	{ .key = "decoded", .kind = OPTION_SIZE, C(client.decoded_bytes),
	    .min = KIB, .max = GIB, .fallback = "16MiB",
	    .help = "after gzip, deflate or zstd was undone" },
	{ .key = "idle", .kind = OPTION_TIME, C(client.body_idle_ms),
	    .min = 100, .max = HOUR, .fallback = "5s",
	    .help = "between two pieces" },
	{ .key = "total", .kind = OPTION_TIME, C(client.body_total_ms),
	    .min = 100, .max = HOUR, .fallback = "60s",
	    .help = "until the body is whole" },
	{ .key = NULL },
};

static const struct setting send_table[] = {
	{ .key = "idle", .kind = OPTION_TIME, C(client.send_idle_ms),
	    .min = 100, .max = HOUR, .fallback = "60s",
	    .help = "a client that takes nothing for so long is cut" },
	{ .key = "buffer", .kind = OPTION_SIZE, C(client.send_buffer),
	    .min = 4 * KIB, .max = 64 * MIB, .fallback = "256KiB",
	    .help = "waits for a client before the backend is paused" },
	{ .key = NULL },
};

static const struct setting connections_table[] = {
	{ .key = "all", .kind = OPTION_COUNT, C(client.connections_all),
	    .min = 1, .max = 1000 * 1000, .fallback = "10000",
	    .help = "at once" },
	{ .key = "per_address", .kind = OPTION_COUNT,
	    C(client.connections_per_address),
	    .min = 1, .max = 1000 * 1000, .fallback = "1000",
	    .help = "at once from one address" },
	{ .key = NULL },
};

static const struct setting json_table[] = {
	{ .key = "depth", .kind = OPTION_COUNT, C(client.json_depth),
	    .min = 8, .max = 512, .fallback = "64",
	    .help = "lists and objects inside each other" },
	{ .key = NULL },
};

static const struct setting client_table[] = {
	{ .key = "head", .kind = OPTION_MAP, .map = head_table,
	    .help = "of a request" },
	{ .key = "body", .kind = OPTION_MAP, .map = body_table,
	    .help = "of a request" },
	{ .key = "send", .kind = OPTION_MAP, .map = send_table,
	    .help = "of an answer" },
	{ .key = "keepalive", .kind = OPTION_TIME, C(client.keepalive_ms),
	    .min = 100, .max = HOUR, .fallback = "75s",
	    .help = "a connection may be silent between requests" },
	{ .key = "connections", .kind = OPTION_MAP, .map = connections_table,
	    .help = "from clients" },
	{ .key = "json", .kind = OPTION_MAP, .map = json_table,
	    .help = "of a request's body" },
	{ .key = "n", .kind = OPTION_COUNT, C(client.max_n),
	    .min = 1, .max = 1000, .fallback = "128",
	    .help = "largest `n` and `best_of` of a request" },
	{ .key = "max_tokens", .kind = OPTION_COUNT, C(client.max_tokens),
	    .min = 1, .max = 1000 * 1000 * 1000, .zero = "none",
	    .fallback = "none",
	    .help = "largest `max_tokens` of a request" },
	{ .key = NULL },
};

static const struct setting audit_table[] = {
	{ .key = "durability", .kind = OPTION_CHOICE, C(audit.durability),
	    .choices = durability_choices, .fallback = "commit",
	    .help = "strict, commit or async" },
	{ .key = "capture", .kind = OPTION_CHOICE, C(audit.capture),
	    .choices = capture_choices, .fallback = "flagged",
	    .help = "texts to keep: none, or flagged (what a rule found)" },
	{ .key = "segment", .kind = OPTION_SIZE, C(audit.segment_bytes),
	    .min = 64 * KIB, .max = GIB, .fallback = "64MiB",
	    .help = "a file of the log is closed past it" },
	{ .key = "min_free", .kind = OPTION_SIZE, C(audit.min_free_bytes),
	    .min = MIB, .max = 1024 * GIB, .fallback = "64MiB",
	    .help = "less free disk: new exchanges are refused" },
	{ .key = "instance", .kind = OPTION_TEXT, C(audit.instance),
	    .min = 1, .max = 64,
	    .help = "this gateway's name in records; the host's without it" },
	{ .key = "checkpoint", .kind = OPTION_TIME, C(audit.checkpoint_ms),
	    .min = 100, .max = 3600 * 1000, .zero = "none", .fallback = "1s",
	    .help = "how often the log's root is signed, or none" },
	{ .key = "origin", .kind = OPTION_TEXT, C(audit.origin),
	    .min = 1, .max = 255,
	    .help = "the log's name in checkpoints; INSTANCE/audit without it" },
	{ .key = NULL },
};

static const struct setting unread_table[] = {
	{ .key = "token_ids", .kind = OPTION_CHOICE, C(unread.token_ids),
	    .choices = unread_choices, .fallback = "refuse",
	    .help = "prompts as token numbers" },
	{ .key = "references", .kind = OPTION_CHOICE, C(unread.references),
	    .choices = unread_choices, .fallback = "refuse",
	    .help = "texts that are elsewhere: URLs, file ids" },
	{ .key = "media", .kind = OPTION_CHOICE, C(unread.media),
	    .choices = unread_choices, .fallback = "allow",
	    .help = "images and sound inside a body" },
	{ .key = "duplicate_keys", .kind = OPTION_CHOICE,
	    C(unread.duplicate_keys), .choices = unread_choices,
	    .fallback = "refuse", .help = "JSON keys that stand twice" },
	{ .key = "unknown_paths", .kind = OPTION_FIXED,
	    .choices = refuse_only, .fallback = "refuse",
	    .help = "what no surface reads does not pass; only `refuse`" },
	{ .key = NULL },
};

static const struct setting log_table[] = {
	{ .key = "level", .kind = OPTION_CHOICE, C(log_level),
	    .choices = level_choices, .fallback = "info",
	    .help = "debug, info, warn or error" },
	{ .key = "format", .kind = OPTION_CHOICE, C(log_json),
	    .choices = format_choices, .fallback = "text",
	    .help = "text or json" },
	{ .key = "access", .kind = OPTION_BOOL, C(access_log),
	    .fallback = "true", .help = "one line per exchange" },
	{ .key = NULL },
};

const struct setting config_table[] = {
	{ .key = "modgate", .kind = OPTION_READ, .read = config_read_version,
	    .shape = SHAPE_VERSION,
	    .required = true, .fallback = "1",
	    .help = "version of this language" },
	{ .key = "listen", .kind = OPTION_READ, .read = config_read_listen,
	    .shape = SHAPE_TEXT | SHAPE_MAP | SHAPE_LIST,
	    .map = config_listen_table, .fallback = "127.0.0.1:8080",
	    .help = "where clients come: host:port, a map, or a list" },
	{ .key = "admin", .kind = OPTION_READ, .read = config_read_admin,
	    .shape = SHAPE_TEXT | SHAPE_MAP,
	    .map = config_listen_table, .fallback = "127.0.0.1:9090",
	    .help = "health and metrics: host:port, a map, or none" },
	{ .key = "workers", .kind = OPTION_COUNT, C(workers),
	    .min = 1, .max = 256, .zero = "auto", .fallback = "auto",
	    .help = "event loops; auto: one per core" },
	{ .key = "state", .kind = OPTION_PATH, C(state), .fallback = "state",
	    .help = "folder of keys.db, audit/, …" },
	{ .key = "upstreams", .kind = OPTION_READ, .required = true,
	    .read = config_read_upstreams, .map = config_upstream_table,
	    .shape = SHAPE_MAP | SHAPE_ONLY_LIST,
	    .help = "the model backends, a list of maps" },
	{ .key = "filters", .kind = OPTION_READ, .read = config_read_filters,
	    .help = "shared objects with more filters, a list of paths" },
	{ .key = "policies", .kind = OPTION_READ,
	    .read = config_read_policies, .map = config_policy_table,
	    .shape = SHAPE_MAP | SHAPE_ONLY_LIST,
	    .help = "a list; the first whose `when` matches is in force" },
	{ .key = "watch", .kind = OPTION_BOOL, C(watch), .fallback = "true",
	    .help = "reload when a policy or a list changes on disk" },
	{ .key = "keys", .kind = OPTION_CHOICE, C(keys_required),
	    .choices = keys_choices, .fallback = "required",
	    .help = "required, or none: anyone may call" },
	{ .key = "limits", .kind = OPTION_MAP, .map = limits_table,
	    .help = "what may be spent; no limits without it" },
	{ .key = "client", .kind = OPTION_MAP, .map = client_table,
	    .help = "what a client may stretch" },
	{ .key = "audit", .kind = OPTION_MAP, .map = audit_table,
	    .help = "the record" },
	{ .key = "unread", .kind = OPTION_MAP, .map = unread_table,
	    .help = "what cannot be read: refuse, or allow and note it" },
	{ .key = "ping", .kind = OPTION_TIME, C(ping_ms),
	    .min = 100, .max = HOUR, .fallback = "15s",
	    .help = "a silent stream gets a comment line so often" },
	{ .key = "drain", .kind = OPTION_TIME, C(drain_ms),
	    .min = 0, .max = HOUR, .fallback = "30s",
	    .help = "SIGTERM waits so long for exchanges" },
	{ .key = "log", .kind = OPTION_MAP, .map = log_table,
	    .help = "on standard error" },
	{ .key = NULL },
};
