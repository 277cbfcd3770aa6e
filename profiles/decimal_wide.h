/*
 * decimal_wide.h - a decimal's coefficient while it is worked on.
 *
 * Inside of decimal only. Plain values; any thread may call.
 */
#ifndef PROFILES_DECIMAL_WIDE_H
#define PROFILES_DECIMAL_WIDE_H

#include "profiles/decimal.h"

enum {
	BASE = 1000000000,
	BASE_DIGITS = 9,
	WIDE_LIMBS = 2 * DECIMAL_LIMBS + 2,
	WIDE_DIGITS = 152, /* shifts end here: a limb to spare */
	EXPONENT_MIN = -DECIMAL_POWER_MAX - DECIMAL_DIGITS + 1,
};

/* A coefficient while it is worked on. */
struct wide {
	uint32_t limb[WIDE_LIMBS];
	uint32_t n; /* limbs used: the top one is not 0 */
	int32_t exponent;
	bool negative;
	bool sticky; /* something that is not zero stood behind the last digit */
};

/* What was cut off, against half a unit of the last digit that stays. */
enum rest {
	REST_NONE,
	REST_BELOW,
	REST_HALF,
	REST_ABOVE,
};

/* Decimal digits of a limb; of a number of n limbs. */
int32_t limb_digits(uint32_t limb);
int32_t count_digits(const uint32_t *limb, uint32_t n);

/* The coefficient of d, to be worked on. */
void wide_of(const struct decimal *d, struct wide *w);

/* Let the top limb not be 0. */
void wide_trim(struct wide *w);

/* Times ten to the power of digits; at most WIDE_DIGITS come out. */
void wide_shift_left(struct wide *w, int32_t digits);

/* Cut digits off, the exponent as it is. Returns what was cut off. */
enum rest wide_shift_right(struct wide *w, int32_t digits);

/* Cut digits off, rounded; at least one is. */
void wide_round(struct wide *w, int32_t digits, enum decimal_rounding how);

/* The number as a decimal of so many digits, halves to the even one. Returns 0,
 * or -1 when it is too large. */
int wide_settle(struct wide *w, int32_t digits, struct decimal *out);

#endif
