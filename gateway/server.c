/* SPDX-License-Identifier: Apache-2.0 */
/* server.c - the gateway as one running thing.
 *
 * The main thread has a loop of its own for signals, the admin address and the
 * control socket. It never touches an exchange: it tells workers what has
 * changed. */
#include "gateway/server.h"

#include <errno.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <curl/curl.h>
#include <event2/event.h>

#include "gateway/admin/admin_port.h"
#include "gateway/audit/record.h"
#include "gateway/cmd.h"
#include "gateway/log.h"
#include "gateway/takeover.h"
#include "gateway/watch.h"
#include "gateway/worker.h"

#define MAX_WORKERS 256
#define LIMIT_ENTRIES 1000000
/* A drain closes connections that were idle for so long. After a take-over it
 * has more time: clients drop theirs after 4 to 5 seconds of silence. */
#define DRAIN_IDLE_MS 1000
#define TAKEOVER_IDLE_MS 6000
#define TRIM_BYTES (16u << 20)	/* free memory worth giving back */

struct server {
	struct gateway gw;
	struct event_base *base;
	struct event *signals[5];
	struct event *drain_timer;
	struct event *trim_timer;
	struct event *watch_timer;
	struct watch watch;
	struct admin_port *admin;	/* NULL: none */
	int control;			/* unix socket, or -1 */
	ino_t control_file;		/* what it is at control_path */
	struct event *control_event;
	int successor;			/* a link to it, or -1 */
	struct event *successor_event;
	struct takeover_socket sockets[TAKEOVER_MAX];
	size_t n_sockets;
	char control_path[512];
	_Atomic bool workers_gone;
};

struct live *
gateway_live(struct gateway *gateway)
{
	struct live *live;

	(void)pthread_mutex_lock(&gateway->live_lock);
	live = live_ref(gateway->live);
	(void)pthread_mutex_unlock(&gateway->live_lock);
	return live;
}

static void
tell_all(struct gateway *gw, enum worker_news news)
{
	unsigned i;

	for (i = 0; i < gw->n_workers; i++)
		worker_tell(&gw->workers[i], news);
}

/* ---- sockets ---- */

/* Whether nobody listens there. SO_REUSEPORT alone would let strangers share
 * our clients: another gateway of this user, with another state. */
static bool
is_free(const struct addrinfo *info)
{
	int on = 1, fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC,
	    0);
	bool yes = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
	    sizeof(on)) == 0 && bind(fd, info->ai_addr, info->ai_addrlen) == 0;
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return yes;
}

/* Binds a listening socket; another: beside those that we have on the same
 * address. */
static int
bind_socket(const struct config_listen *listen_on, bool another,
    struct mg_error *err)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_PASSIVE |
	    AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
	struct addrinfo *info = NULL;
	char port[8];
	int fd = -1, on = 1, rc;

	(void)snprintf(port, sizeof(port), "%u", listen_on->port);
	rc = getaddrinfo(listen_on->host, port, &hints, &info);
	if (rc != 0)
		return mg_fail(err, NULL, "listen %s: %s", listen_on->host,
		    gai_strerror(rc));
	if (another || is_free(info))
		fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC |
		    SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
	    sizeof(on)) < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on,
	    sizeof(on)) < 0 ||
	    bind(fd, info->ai_addr, info->ai_addrlen) < 0 ||
	    listen(fd, 4096) < 0) {
		(void)mg_fail(err, NULL, "listen %s:%u: %s%s",
		    listen_on->host, listen_on->port, strerror(errno),
		    errno == EADDRINUSE ? "; another program has it, or an "
		    "older instance: see `modgate serve --take-over`" : "");
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(info);
	return fd;
}

/* The port that the kernel chose for port 0. */
static void
note_port(int fd, struct config_listen *listen_on)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	if (listen_on->port != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return;
	listen_on->port = ntohs(address.ss_family == AF_INET6 ?
	    ((struct sockaddr_in6 *)(void *)&address)->sin6_port :
	    ((struct sockaddr_in *)(void *)&address)->sin_port);
}

static void
socket_name(const struct config_listen *listen_on, char out[80])
{
	(void)snprintf(out, 80, "%s:%u", listen_on->host, listen_on->port);
}

/* Notes a socket for a successor. */
static int
keep_socket(struct server *s, int fd, const char *name, struct mg_error *err)
{
	if (s->n_sockets == TAKEOVER_MAX)
		return mg_fail(err, NULL, "more than %d listening sockets",
		    TAKEOVER_MAX);
	s->sockets[s->n_sockets].fd = fd;
	(void)snprintf(s->sockets[s->n_sockets].name,
	    sizeof(s->sockets[0].name), "%s", name);
	s->n_sockets++;
	return 0;
}

static int
add_socket(struct server *s, size_t listen_index, unsigned worker, int fd,
    const char *name, struct mg_error *err)
{
	if (keep_socket(s, fd, name, err) < 0) {
		close(fd);
		return -1;
	}
	return worker_listen(&s->gw.workers[worker % s->gw.n_workers],
	    listen_index, fd, err);
}

/* Gives each worker a socket of each address: those that were handed over
 * first, new ones for the rest. */
static int
open_sockets(struct server *s, struct takeover_socket *given, size_t n_given,
    struct mg_error *err)
{
	struct config *config = s->gw.live->config;
	size_t i, g;

	for (i = 0; i < config->n_listen; i++) {
		unsigned worker = 0;
		char name[80];

		socket_name(&config->listen[i], name);
		for (g = 0; g < n_given; g++) {
			int fd = given[g].fd;

			if (fd < 0 || strcmp(given[g].name, name) != 0)
				continue;
			given[g].fd = -1;
			if (add_socket(s, i, worker++, fd, name, err) < 0)
				return -1;
		}
		for (; worker < s->gw.n_workers; worker++) {
			int fd = bind_socket(&config->listen[i], worker > 0,
			    err);

			if (fd < 0)
				return -1;
			note_port(fd, &config->listen[i]);
			socket_name(&config->listen[i], name);
			if (add_socket(s, i, worker, fd, name, err) < 0)
				return -1;
		}
	}
	return 0;
}

/* ---- the admin address ---- */

/* Kept apart from the names of clients' addresses. */
static void
admin_name(const struct config_listen *listen_on, char out[80])
{
	(void)snprintf(out, 80, "admin %s:%u", listen_on->host,
	    listen_on->port);
}

static int
open_admin(struct server *s, struct takeover_socket *given, size_t n_given,
    struct mg_error *err)
{
	struct config *config = s->gw.live->config;
	char name[80];
	size_t g;
	int fd = -1;

	if (config->n_admin == 0)
		return 0;
	admin_name(&config->admin[0], name);
	for (g = 0; g < n_given && fd < 0; g++) {
		if (strcmp(given[g].name, name) == 0) {
			fd = given[g].fd;
			given[g].fd = -1;
		}
	}
	if (fd < 0)
		fd = bind_socket(&config->admin[0], false, err);
	if (fd < 0)
		return -1;
	note_port(fd, &config->admin[0]);
	admin_name(&config->admin[0], name);
	s->admin = admin_port_new(&s->gw, s->base, fd, err);
	return s->admin ? keep_socket(s, fd, name, err) : -1;
}

/* ---- news ---- */

static void
record_policies(struct gateway *gw, const struct live *live)
{
	size_t i;

	for (i = 0; i < live->config->n_policies; i++) {
		const struct policy *policy = live->policies[i].policy;
		struct buf json = { 0 };
		char xid[37];
		struct record_head head = { now_us(),
			audit_instance(gw->audit), xid };

		audit_uuid7(head.ts_us, xid);
		record_policy_loaded(&json, &head, span_str(policy->name),
		    span(NULL, 0), span_str(policy->sha256));
		audit_note(gw->audit, buf_span(&json));
		buf_fini(&json);
	}
}

/* What cannot change while the process lives. */
static void
warn_unchanged(const struct config *old, const struct config *fresh)
{
	bool same = old->n_listen == fresh->n_listen &&
	    strcmp(old->state, fresh->state) == 0 &&
	    old->workers == fresh->workers;
	size_t i;

	for (i = 0; same && i < old->n_listen; i++)
		same = strcmp(old->listen[i].host,
		    fresh->listen[i].host) == 0 && (fresh->listen[i].port ==
		    0 || old->listen[i].port == fresh->listen[i].port);
	if (!same)
		log_warn("reload: `listen`, `workers` and `state` stay as "
		    "they were; start a new instance with --take-over to "
		    "change them");
}

/* Watches what was read; what was not, as the reading failed, is watched as it
 * was. */
static void
watch_files(struct server *s, struct file_list *noted)
{
	size_t i;

	for (i = 0; i < s->watch.files.n; i++)
		file_list_add(noted, s->watch.files.items[i].path);
	watch_take_files(&s->watch, noted);
}

/* because: the file that has changed, or NULL: we were told to. */
static void
reload(struct server *s, const char *because)
{
	struct gateway *gw = &s->gw;
	struct mg_error err = { { 0 } };
	struct file_list noted = { 0 };
	struct buf why = { 0 };
	struct live *fresh = live_load(gw->config_path, &noted, &err), *old;

	if (because)
		buf_addf(&why, ": %s has changed", because);
	if (fresh)
		watch_take_files(&s->watch, &noted);
	else
		watch_files(s, &noted);
	if (!fresh) {
		atomic_fetch_add(&gw->reload_failures, 1);
		log_error("reload refused, the old configuration stays: %s",
		    err.text);
		buf_fini(&why);
		return;
	}
	warn_unchanged(gw->live->config, fresh->config);
	record_policies(gw, fresh);
	(void)pthread_mutex_lock(&gw->live_lock);
	old = gw->live;
	gw->live = fresh;
	(void)pthread_mutex_unlock(&gw->live_lock);
	live_unref(&old);
	log_setup((enum log_level)fresh->config->log_level,
	    fresh->config->log_json);
	live_warn(fresh);
	audit_reload(gw->audit, &fresh->config->audit);
	tell_all(gw, NEWS_RELOAD);
	atomic_fetch_add(&gw->reloads, 1);
	log_info("reloaded %s%s", gw->config_path, buf_cstr(&why));
	buf_fini(&why);
}

/* Once a second: has a policy or a list changed on disk? */
static void
on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;
	const char *changed;

	(void)fd;
	(void)what;
	if (!s->gw.live->config->watch || atomic_load(&s->gw.draining))
		return;
	changed = watch_turn(&s->watch);
	if (changed)
		reload(s, changed);
}

static void
drain(struct server *s)
{
	struct timeval patience = {
		(time_t)(s->gw.live->config->drain_ms / 1000),
		(suseconds_t)(s->gw.live->config->drain_ms % 1000) * 1000 };

	if (atomic_exchange(&s->gw.draining, true)) {
		tell_all(&s->gw, NEWS_ABORT);	/* asked twice: at once */
		return;
	}
	log_info("draining: no new connections; exchanges have %u ms",
	    s->gw.live->config->drain_ms);
	tell_all(&s->gw, NEWS_DRAIN);
	(void)event_add(s->drain_timer, &patience);
}

static void
on_drain_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;

	(void)fd;
	(void)what;
	log_warn("drain: the time is over; what is left is broken off");
	tell_all(&s->gw, NEWS_ABORT);
}

/* After a burst the allocator keeps what it had: gives whole pages back. */
static void
on_trim(evutil_socket_t fd, short what, void *arg)
{
	struct mallinfo2 info = mallinfo2();

	(void)fd;
	(void)what;
	(void)arg;
	if (info.fordblks > TRIM_BYTES)
		(void)malloc_trim(0);
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	struct server *s = arg;

	(void)what;
	if (number == SIGHUP)
		reload(s, NULL);
	else if (number == SIGUSR1)
		tell_all(&s->gw, NEWS_LIST);
	else
		drain(s);
}

/* ---- a successor ---- */

static void
drop_successor(struct server *s)
{
	if (s->successor_event)
		event_free(s->successor_event);
	s->successor_event = NULL;
	if (s->successor >= 0)
		close(s->successor);
	s->successor = -1;
}

/* A successor puts its own in our place before it says that it serves. An
 * inode is not used again while our socket holds it. */
static bool
control_is_ours(const struct server *s)
{
	struct stat st;

	return s->control >= 0 && stat(s->control_path, &st) == 0 &&
	    st.st_ino == s->control_file;
}

static void on_control(evutil_socket_t fd, short what, void *arg);

/* Takes the place at control_path; with replace, from a predecessor. */
static int
open_control(struct server *s, bool replace, struct mg_error *err)
{
	struct stat st;

	s->control = takeover_listen(s->control_path, replace, err);
	if (s->control < 0)
		return -1;
	if (stat(s->control_path, &st) == 0)
		s->control_file = st.st_ino;
	s->control_event = event_new(s->base, s->control,
	    EV_READ | EV_PERSIST, on_control, s);
	if (!s->control_event || event_add(s->control_event, NULL) < 0)
		return mg_fail(err, NULL, "control socket: no event");
	return 0;
}

static void
close_control(struct server *s)
{
	if (control_is_ours(s))
		(void)unlink(s->control_path);
	if (s->control_event)
		event_free(s->control_event);
	s->control_event = NULL;
	if (s->control >= 0)
		close(s->control);
	s->control = -1;
}

static void
reopen_control(struct server *s)
{
	struct mg_error err = { { 0 } };

	close_control(s);
	if (open_control(s, true, &err) < 0)
		log_error("no take-over is possible: %s", err.text);
}

static void
on_successor(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;
	char text[64];
	ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT);

	(void)what;
	drop_successor(s);
	if (n <= 0) {
		log_warn("take-over: the successor went away; this instance "
		    "goes on");
		if (!control_is_ours(s))
			reopen_control(s);
		return;
	}
	log_info("take-over: the successor serves");
	if (s->admin)
		admin_port_leave(s->admin);
	atomic_store(&s->gw.drain_idle_ms, TAKEOVER_IDLE_MS);
	drain(s);
}

static void
on_control(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;
	struct timeval patience = { 1, 0 };
	int link = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	(void)what;
	if (link < 0)
		return;
	(void)setsockopt(link, SOL_SOCKET, SO_RCVTIMEO, &patience,
	    sizeof(patience));
	if (s->successor >= 0 || atomic_load(&s->gw.draining) ||
	    takeover_give(link, s->sockets, s->n_sockets) < 0) {
		close(link);
		return;
	}
	s->successor = link;
	s->successor_event = event_new(s->base, link, EV_READ, on_successor,
	    s);
	if (!s->successor_event || event_add(s->successor_event, NULL) < 0)
		drop_successor(s);
}

/* ---- beginning and end ---- */

static int
make_state(const char *state, struct mg_error *err)
{
	if (mkdir(state, 0700) < 0 && errno != EEXIST)
		return mg_fail(err, NULL, "state directory %s: %s", state,
		    strerror(errno));
	return 0;
}

static unsigned
count_workers(const struct config *config)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (config->workers > 0)
		return config->workers < MAX_WORKERS ? config->workers :
		    MAX_WORKERS;
	return cores < 1 ? 1 : cores > MAX_WORKERS ? MAX_WORKERS :
	    (unsigned)cores;
}

/* No core dump may hold prompts or keys; descriptors for all connections. */
static void
prepare_process(const struct config *config)
{
	struct rlimit files;
	rlim_t want = (rlim_t)config->client.connections_all * 2 + 256;

	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	/* A file at its limit is an error of write(), as a full disk is. */
	(void)signal(SIGXFSZ, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < want) {
		files.rlim_cur = files.rlim_max < want ? files.rlim_max :
		    want;
		(void)setrlimit(RLIMIT_NOFILE, &files);
		if (files.rlim_cur < want)
			log_warn("open files are limited to %llu; for %u "
			    "connections raise the limit to %llu",
			    (unsigned long long)files.rlim_cur,
			    config->client.connections_all,
			    (unsigned long long)want);
	}
}

static int
open_shared(struct server *s, struct mg_error *err)
{
	struct gateway *gw = &s->gw;
	const struct config *config = gw->live->config;
	struct buf path = { 0 };
	int rc = -1;

	gw->door = door_new();
	gw->limits = limits_new(LIMIT_ENTRIES);
	gw->anonymous = principal_anonymous();
	if (config->keys_required) {
		buf_addf(&path, "%s/keys.db", config->state);
		gw->auth = auth_new(buf_cstr(&path), err);
		if (!gw->auth)
			goto out;
	}
	buf_clear(&path);
	buf_addf(&path, "%s/audit", config->state);
	gw->audit = audit_new(buf_cstr(&path), &config->audit, err);
	if (!gw->audit)
		goto out;
	buf_clear(&path);
	buf_addf(&path, "%s/redact.key", config->state);
	gw->hash_key = hash_key_open(buf_cstr(&path), err);
	rc = gw->hash_key ? 0 : -1;
out:
	buf_fini(&path);
	return rc;
}

static int
open_workers(struct server *s, struct mg_error *err)
{
	struct gateway *gw = &s->gw;
	unsigned i;

	gw->n_workers = count_workers(gw->live->config);
	gw->workers = xcalloc(gw->n_workers, sizeof(*gw->workers));
	for (i = 0; i < gw->n_workers; i++)
		if (worker_init(&gw->workers[i], gw, i, err) < 0)
			return -1;
	return 0;
}

static int
open_signals(struct server *s, struct mg_error *err)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };
	struct timeval often = { 10, 0 }, second = { 1, 0 };
	size_t i;

	for (i = 0; i < 4; i++) {
		s->signals[i] = evsignal_new(s->base, numbers[i], on_signal,
		    s);
		if (!s->signals[i] || event_add(s->signals[i], NULL) < 0)
			return mg_fail(err, NULL, "signals: %s",
			    strerror(errno));
	}
	s->drain_timer = evtimer_new(s->base, on_drain_timeout, s);
	s->trim_timer = event_new(s->base, -1, EV_PERSIST, on_trim, s);
	s->watch_timer = event_new(s->base, -1, EV_PERSIST, on_watch, s);
	if (!s->drain_timer || !s->trim_timer || !s->watch_timer ||
	    event_add(s->trim_timer, &often) < 0 ||
	    event_add(s->watch_timer, &second) < 0)
		return mg_fail(err, NULL, "no timer");
	return 0;
}

/* Waits for the workers on a thread, so that the main loop goes on serving
 * /healthz and signals; then ends the loop. */
static void *
wait_for_workers(void *arg)
{
	struct server *s = arg;
	unsigned i;

	for (i = 0; i < s->gw.n_workers; i++)
		worker_join(&s->gw.workers[i]);
	/* A signal to ourselves: the loop has no lock to break it with. */
	atomic_store(&s->workers_gone, true);
	(void)kill(getpid(), SIGUSR2);
	return NULL;
}

static void
on_workers_gone(evutil_socket_t number, short what, void *arg)
{
	struct server *s = arg;

	(void)number;
	(void)what;
	if (atomic_load(&s->workers_gone))	/* else a stranger's */
		(void)event_base_loopbreak(s->base);
}

static void
announce(const struct server *s)
{
	const struct config *config = s->gw.live->config;
	size_t i;

	for (i = 0; i < config->n_listen; i++)
		log_info("modgate %s serves %s://%s:%u with %u workers",
		    MODGATE_VERSION, config->listen[i].has_tls ? "https" :
		    "http", config->listen[i].host, config->listen[i].port,
		    s->gw.n_workers);
	for (i = 0; i < config->n_admin; i++)
		log_info("admin %s://%s:%u/metrics",
		    config->admin[i].has_tls ? "https" : "http",
		    config->admin[i].host, config->admin[i].port);
}

static int
serve(struct server *s, struct mg_error *err)
{
	struct event *gone = evsignal_new(s->base, SIGUSR2, on_workers_gone,
	    s);
	pthread_t waiter;
	unsigned i;

	if (!gone || event_add(gone, NULL) < 0)
		return mg_fail(err, NULL, "signals: %s", strerror(errno));
	for (i = 0; i < s->gw.n_workers; i++)
		if (worker_start(&s->gw.workers[i], err) < 0)
			return -1;
	if (pthread_create(&waiter, NULL, wait_for_workers, s) != 0)
		return mg_fail(err, NULL, "no thread");
	announce(s);
	(void)event_base_dispatch(s->base);
	(void)pthread_join(waiter, NULL);
	event_free(gone);
	return 0;
}

static void
close_all(struct server *s)
{
	struct gateway *gw = &s->gw;
	size_t i;

	/* It reads the rest. */
	admin_port_free(s->admin);
	for (i = 0; i < gw->n_workers; i++)
		worker_fini(&gw->workers[i]);
	free(gw->workers);
	audit_free(gw->audit);
	hash_key_free(gw->hash_key);
	auth_free(gw->auth);
	limits_free(gw->limits);
	door_free(gw->door);
	principal_unref(&gw->anonymous);
	live_unref(&gw->live);
	drop_successor(s);
	close_control(s);
	for (i = 0; i < 5; i++)
		if (s->signals[i])
			event_free(s->signals[i]);
	if (s->drain_timer)
		event_free(s->drain_timer);
	if (s->trim_timer)
		event_free(s->trim_timer);
	if (s->watch_timer)
		event_free(s->watch_timer);
	watch_fini(&s->watch);
	if (s->base)
		event_base_free(s->base);
	(void)pthread_mutex_destroy(&gw->live_lock);
}

/* Those that the new configuration has no use for. */
static void
close_given(struct takeover_socket *given, int n)
{
	while (n-- > 0)
		if (given[n].fd >= 0)
			close(given[n].fd);
}

int
server_run(const struct server_options *options, struct mg_error *err)
{
	struct server *s = xcalloc(1, sizeof(*s));
	struct takeover_socket *given = xcalloc(TAKEOVER_MAX, sizeof(*given));
	struct file_list noted = { 0 };
	int n_given = 0, link = -1, rc = -1;

	s->control = s->successor = -1;
	s->gw.config_path = options->config;
	s->gw.started_us = now_us();
	s->gw.drain_idle_ms = DRAIN_IDLE_MS;
	(void)pthread_mutex_init(&s->gw.live_lock, NULL);
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	s->gw.live = live_load(options->config, &noted, err);
	watch_take_files(&s->watch, &noted);
	if (!s->gw.live)
		goto out;
	log_setup((enum log_level)s->gw.live->config->log_level,
	    s->gw.live->config->log_json);
	live_warn(s->gw.live);
	prepare_process(s->gw.live->config);
	(void)snprintf(s->control_path, sizeof(s->control_path),
	    "%s/control.sock", s->gw.live->config->state);
	if (options->take_over) {
		n_given = takeover_ask(s->control_path, given, TAKEOVER_MAX,
		    &link, err);
		if (n_given < 0)
			goto out;
	}
	s->base = event_base_new();
	if (!s->base) {
		(void)mg_fail(err, NULL, "no event loop");
		goto out;
	}
	/* Whoever serves with this state is found out before anything of it,
	 * or of its sockets, is touched. */
	if (make_state(s->gw.live->config->state, err) < 0 ||
	    (link < 0 && open_control(s, false, err) < 0))
		goto out;
	if (open_shared(s, err) < 0 || open_workers(s, err) < 0 ||
	    open_sockets(s, given, (size_t)n_given, err) < 0 ||
	    open_admin(s, given, (size_t)n_given, err) < 0 ||
	    open_signals(s, err) < 0)
		goto out;
	if (link >= 0 && open_control(s, true, err) < 0)
		goto out;
	record_policies(&s->gw, s->gw.live);
	if (link >= 0)
		takeover_serving(link);
	link = -1;
	close_given(given, n_given);
	n_given = 0;
	rc = serve(s, err);
	log_info("stopped");
out:
	if (link >= 0)
		close(link);
	close_given(given, n_given);
	close_all(s);
	free(given);
	free(s);
	curl_global_cleanup();
	return rc;
}
