#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

enum {
	PAIRS_MOST = 2048,
	LINE_MOST = 16384,
};

/* Changed while others log. */
static _Atomic enum log_level log_threshold = LOG_INFO;
static _Atomic enum log_format log_style = LOG_TEXT;
static atomic_bool log_colours;

static const struct {
	const char *name, *colour;
} levels[] = {
	[LOG_ERROR] = { "error", "\033[31m" },
	[LOG_WARN] = { "warn", "\033[33m" },
	[LOG_INFO] = { "info", "\033[32m" },
	[LOG_DEBUG] = { "debug", "\033[2m" },
};

void
log_setup(enum log_level level, enum log_format format)
{
	log_threshold = level;
	log_style = format;
	log_colours = format == LOG_TEXT && isatty(STDERR_FILENO) && !getenv("NO_COLOR");
}

bool
log_level_parse(struct str name, enum log_level *out)
{
	for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (str_is(name, levels[i].name)) {
			*out = (enum log_level)i;
			return true;
		}
	return false;
}

bool
log_is_on(enum log_level level)
{
	return level <= log_threshold;
}

static bool
is_plain(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] == '"' || s.p[i] == '=' || s.p[i] == 0x7f)
			return false;
	return s.len > 0;
}

static void
put_pair(struct buf *b, struct str key, struct str value)
{
	if (log_style == LOG_JSON) {
		buf_put_byte(b, ',');
		buf_put_json(b, key);
		buf_put_byte(b, ':');
		buf_put_json(b, value);
		return;
	}
	buf_put_byte(b, ' ');
	buf_put_str(b, key);
	buf_put_byte(b, '=');
	if (is_plain(value))
		buf_put_str(b, value);
	else
		buf_put_json(b, value);
}

static void
put_start(struct buf *b, enum log_level level, const char *event)
{
	char when[INSTANT_TEXT];

	instant_format(clock_wall(), when);
	if (log_style == LOG_JSON) {
		buf_printf(
		    b, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":", when, levels[level].name);
		buf_put_json(b, str_from(event));
	} else {
		buf_printf(b, "%s %s%-5s%s %s", when, log_colours ? levels[level].colour : "",
		    levels[level].name, log_colours ? "\033[0m" : "", event);
	}
}

void
log_event(enum log_level level, const char *event, const char *pairs, ...)
{
	char text[PAIRS_MOST] = "";
	struct str pair, rest;
	struct buf b;
	va_list ap;
	ssize_t written;

	if (level > log_threshold)
		return;
	buf_init(&b, LINE_MOST);
	put_start(&b, level, event);
	if (pairs) {
		va_start(ap, pairs);
		vsnprintf(text, sizeof(text), pairs, ap);
		va_end(ap);
		rest = str_from(text);
		while (str_split(&rest, '\t', &pair)) {
			ptrdiff_t at = str_find(pair, '=');

			if (at > 0)
				put_pair(&b, str_of(pair.p, (size_t)at),
				    str_from_index(pair, (size_t)at + 1));
		}
	}
	buf_puts(&b, log_style == LOG_JSON ? "}\n" : "\n");
	written = write(STDERR_FILENO, b.p, b.len);
	(void)written; /* nowhere left to complain */
	buf_release(&b);
}
