/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - lines for the operator. The one mutable global lives here. */
#include "gateway/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "gateway/buf.h"

static struct {
	_Atomic int level;
	_Atomic bool json;
} log_state = { LOG_INFO, false };

void
log_setup(enum log_level level, bool json)
{
	atomic_store(&log_state.level, (int)level);
	atomic_store(&log_state.json, json);
}

bool
log_wants(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&log_state.level,
	    memory_order_relaxed);
}

void
log_line(const char *ptr, unsigned long len)
{
	/* One write per line: lines of several threads do not mix. */
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, ptr, len);

		if (n <= 0)
			return;
		ptr += n;
		len -= (unsigned long)n;
	}
}

static void
write_message(enum log_level level, const char *format, va_list ap)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	struct buf line = { 0 };
	char text[1024], when[32];
	struct timespec now;
	struct tm tm;
	int n;

	n = vsnprintf(text, sizeof(text), format, ap);
	if (n < 0)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	if (atomic_load(&log_state.json)) {
		size_t len = (size_t)n < sizeof(text) ? (size_t)n :
		    utf8_whole(text, sizeof(text) - 1);

		buf_addf(&line, "{\"ts\":\"%s.%03ldZ\",\"level\":\"%s\","
		    "\"message\":", when, now.tv_nsec / 1000000, names[level]);
		buf_add_json(&line, span(text, len));
		buf_add_str(&line, "}\n");
	} else {
		buf_addf(&line, "%s.%03ldZ %-5s %s\n", when,
		    now.tv_nsec / 1000000, names[level], text);
	}
	log_line(line.ptr, line.len);
	buf_fini(&line);
}

void
log_write(enum log_level level, const char *format, ...)
{
	va_list ap;

	if (!log_wants(level))
		return;
	va_start(ap, format);
	write_message(level, format, ap);
	va_end(ap);
}

void
log_always(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	write_message(LOG_INFO, format, ap);
	va_end(ap);
}
