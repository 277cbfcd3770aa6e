/*
 * log.h - structured log lines on standard error.
 *
 * One line an event: time, level, event, then key=value pairs. Values are
 * ids, counts, places and rules, never a patient's values. Any thread may log;
 * a line is written whole by one write(2).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/str.h"

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
};

enum log_format {
	LOG_TEXT, /* logfmt; colours when standard error is a terminal */
	LOG_JSON, /* a JSON object a line */
};

/* Lines above level are dropped. Any thread. */
void log_setup(enum log_level level, enum log_format format);

/* "error", "warn", "info", "debug"; false for any other name. */
bool log_level_parse(struct str name, enum log_level *out);

bool log_is_on(enum log_level level);

/*
 * Log an event: a short literal, then pairs of key (a literal) and printf
 * format with its arguments, all in one format string, each pair after a tab:
 *
 *	log_event(LOG_INFO, "listening", "address=%s\tport=%d", a, p);
 *
 * pairs may be NULL. A value that is text may hold anything: it is quoted when
 * needed. At most 2 KiB of pairs; more is cut.
 */
void log_event(enum log_level level, const char *event, const char *pairs, ...)
    __attribute__((format(printf, 3, 4)));

#endif
