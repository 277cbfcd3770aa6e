/*
 * clock.h - time.
 *
 * Wall time is microseconds since 1970-01-01T00:00:00Z; monotonic time is
 * microseconds since some moment in the past, and never goes back.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
	INSTANT_TEXT = 32, /* room for an instant and its NUL */
};

int64_t clock_wall(void);
int64_t clock_monotonic(void);

/*
 * Write wall time as a FHIR instant in UTC with milliseconds,
 * "2026-11-22T16:37:00.123Z" (24 characters for the years 1000 to 9999).
 * Returns the length.
 */
size_t instant_format(int64_t wall, char out[INSTANT_TEXT]);

/* Write an HTTP date (RFC 9110, section 5.6.7), "Sun, 22 Nov 2026 16:37:00
 * GMT". Returns the length. */
size_t http_date_format(int64_t wall, char out[INSTANT_TEXT]);

/* Read an HTTP date in its preferred form; false for any other text. */
bool http_date_parse(struct str s, int64_t *wall);

/* Days from 1970-01-01 to that day of the Gregorian calendar. */
int64_t days_from_civil(int64_t year, unsigned month, unsigned day);

/* How many days the month has; 0 for a month there is not. */
unsigned days_in_month(int64_t year, unsigned month);

/*
 * Read a FHIR date, dateTime or instant of any precision, and give the range
 * of wall time it covers, *end being the last microsecond. A time without a
 * zone is taken as UTC. Returns false when it is none.
 */
bool instant_parse(struct str s, int64_t *start, int64_t *end);

#endif
