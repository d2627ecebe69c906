/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/log.h - what the operator reads at 3 a.m.
 *
 * One line per event on standard error, as text or as JSON. Functions report,
 * their callers log, once. Keys and texts of clients never come here. */
#ifndef GATEWAY_LOG_H
#define GATEWAY_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Sets what is written from now on; any thread. */
void log_setup(enum log_level level, bool json);
bool log_wants(enum log_level level);
void log_write(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What an operator has just asked for: level info, whatever the level is. */
void log_always(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* Writes a line that is already whole (the access log). */
void log_line(const char *ptr, unsigned long len);

#define log_debug(...) \
	do { \
		if (log_wants(LOG_DEBUG)) \
			log_write(LOG_DEBUG, __VA_ARGS__); \
	} while (0)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)

#endif
