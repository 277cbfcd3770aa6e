/*
 * fhirpath_moment.h - dates, dateTimes and times of any precision.
 *
 * Inside of fhirpath only. Plain values; any thread may call.
 */
#ifndef PROFILES_FHIRPATH_MOMENT_H
#define PROFILES_FHIRPATH_MOMENT_H

#include "profiles/fhirpath_program.h"
#include "profiles/quantity.h"

/* A date, dateTime or time, cut into its parts. */
struct moment {
	int64_t part[7]; /* year, month, day, hour, minute, second, nanosecond */
	int precision;	 /* how many parts are there; a second has all 7 */
	int fraction;	 /* digits of the second's fraction */
	bool zoned;
	int64_t zone; /* minutes east of UTC */
	uint32_t kind;
};

enum comparison {
	COMPARED,
	NOT_COMPARABLE, /* of different kinds */
	UNDECIDED,	/* one is less precise than the other, and they agree so far */
};

/* Read a value that is well-formed. */
struct moment moment_read(const struct fhirpath_item *x);

/* Read a text as a kind; false when it is none, or no day there is. */
bool moment_parse(struct str text, enum fhirpath_kind kind, struct moment *out);

/* As text, in the arena; {NULL, 0} when that is full. */
struct str moment_text(const struct moment *m, struct arena *a);

/* Compare by precision (N1, 6.2). *order is below, at or above 0. */
enum comparison moment_compare(const struct moment *x, const struct moment *y, int *order);

/* A hash that equal ones share. */
uint64_t moment_hash(const struct moment *m);

enum moment_sum {
	MOMENT_DONE,
	MOMENT_OUTSIDE, /* before the year 1 or behind 9999: no result */
	MOMENT_NO_UNIT, /* that is no unit to reckon times with */
};

/* Add a quantity (N1, 6.6.7), or take it away. */
enum moment_sum moment_add(struct moment *m, const struct quantity *q, bool subtract);

/* Digits as precision() counts them: 4 of 2014, 17 with milliseconds. */
int moment_precision(const struct moment *m);

/* The earliest or latest moment it may be, to so many digits; false when there
 * is no such precision. */
bool moment_boundary(struct moment *m, bool high, int digits);

/* Wall time in UTC with milliseconds, as a dateTime, date or time. */
struct moment moment_of(int64_t wall, enum fhirpath_kind kind);

#endif
