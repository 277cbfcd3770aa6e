/*
 * quantity.h - FHIRPath's Quantity: a decimal and a unit, which is a code of
 * UCUM or a calendar duration ("4 days", N1, 2.5.1.8).
 *
 * A plain value; the code's text is borrowed. Any thread may call.
 *
 * Calendar durations (N1, 6.1.1, 6.1.2, 6.2): seconds and milliseconds, and
 * minutes, hours, days and weeks, are comparable with each other and with UCUM's
 * units. Years and months are comparable with calendar durations only: a year
 * is 12 months, with others it is 365 days and a month 30 (toQuantity()). With units of
 * UCUM they are equivalent as 'a' and 'mo'.
 */
#ifndef PROFILES_QUANTITY_H
#define PROFILES_QUANTITY_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "profiles/decimal.h"
#include "profiles/ucum.h"

enum calendar_unit {
	CALENDAR_NONE,
	CALENDAR_YEAR,
	CALENDAR_MONTH,
	CALENDAR_WEEK,
	CALENDAR_DAY,
	CALENDAR_HOUR,
	CALENDAR_MINUTE,
	CALENDAR_SECOND,
	CALENDAR_MILLISECOND,
};

struct quantity {
	struct decimal value;
	struct ucum_unit unit; /* of a calendar duration: its length, year and month
				  as 365 and 30 days */
	struct str code;       /* as written, or canonical when computed */
	enum calendar_unit calendar;
};

enum quantity_order {
	QUANTITY_BELOW = -1,
	QUANTITY_EQUAL = 0,
	QUANTITY_ABOVE = 1,
	QUANTITY_INCOMPARABLE = 2, /* FHIRPath's answer is empty */
};

/* The calendar unit of a keyword, "day" or "days"; CALENDAR_NONE of others. */
enum calendar_unit calendar_unit_of(struct str keyword);

/* The keyword in the singular; NULL of CALENDAR_NONE. */
const char *calendar_unit_name(enum calendar_unit unit);

/* A value with a code of UCUM; "" is "1". Returns 0, or -1 with *err. */
int quantity_make(
    const struct decimal *value, struct str code, struct quantity *out, struct error *err);

/* A calendar duration. */
void
quantity_make_calendar(const struct decimal *value, enum calendar_unit unit, struct quantity *out);

/* Order and equality (N1, 6.1.1, 6.2). */
enum quantity_order quantity_compare(const struct quantity *a, const struct quantity *b);

/* Equivalence (N1, 6.1.2): values in the unit of the less precise, rounded. */
bool quantity_is_equivalent(const struct quantity *a, const struct quantity *b);

/*
 * The same quantity in another unit: a code of UCUM, or a calendar's keyword.
 * Years and months are 365 and 30 days here. Returns 0, or -1 with *err.
 */
int quantity_convert(
    const struct quantity *q, struct str code, struct quantity *out, struct error *err);

/*
 * Arithmetic (N1, 6.6): sums are in the smaller unit of the two; a product's
 * and a quotient's unit is put together from both codes ("g/m"), that of the
 * one where the other is "1", and "1" where no dimension is left. Text of a new
 * unit is taken from the arena. Returns 0, or -1 when there is no result
 * (FHIRPath's answer is empty): units that do not go together, among them years
 * and months with UCUM's; overflow; division by zero.
 */
int quantity_add(const struct quantity *a, const struct quantity *b, struct quantity *out);
int quantity_subtract(const struct quantity *a, const struct quantity *b, struct quantity *out);
int quantity_multiply(
    const struct quantity *a, const struct quantity *b, struct arena *arena, struct quantity *out);
int quantity_divide(
    const struct quantity *a, const struct quantity *b, struct arena *arena, struct quantity *out);

/* "1.5 'mg'", "4 days" (N1, toString()); {NULL, 0} when the arena is full. */
struct str quantity_text(const struct quantity *q, struct arena *a);

#endif
