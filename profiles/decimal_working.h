/*
 * decimal_working.h - decimals rounded to so many digits, for what needs more
 * or fewer of them than DECIMAL_PRECISION on the way.
 *
 * Inside of decimal and ucum only. digits is 1 to DECIMAL_DIGITS, for a
 * quotient at most DECIMAL_WORKING_MAX; halves go to the even digit. Each
 * gives 0, or -1 on overflow or division by zero. The out-parameter may be an
 * operand.
 */
#ifndef PROFILES_DECIMAL_WORKING_H
#define PROFILES_DECIMAL_WORKING_H

#include "profiles/decimal.h"

enum {
	DECIMAL_WORKING_MAX = 72,
	DECIMAL_WORKING = 64, /* digits functions work with */
};

int decimal_add_to(
    const struct decimal *a, const struct decimal *b, int32_t digits, struct decimal *out);
int decimal_subtract_to(
    const struct decimal *a, const struct decimal *b, int32_t digits, struct decimal *out);
int decimal_multiply_to(
    const struct decimal *a, const struct decimal *b, int32_t digits, struct decimal *out);
int decimal_divide_to(
    const struct decimal *a, const struct decimal *b, int32_t digits, struct decimal *out);

/* Round to so many significant digits. */
int decimal_round_to(const struct decimal *d, int32_t digits, struct decimal *out);

/* Take the zeros from the end of the fraction only: 100.00 becomes 100. */
void decimal_strip_fraction(struct decimal *d);

/* The power of ten of the leading digit; of zero that of its last. */
int32_t decimal_magnitude(const struct decimal *d);

/* Functions to DECIMAL_WORKING digits, of which some 56 are right. */
int decimal_working_sqrt(const struct decimal *d, struct decimal *out);
int decimal_working_exp(const struct decimal *d, struct decimal *out);
int decimal_working_ln(const struct decimal *d, struct decimal *out);

/* The tangent of an angle in radians, and the angle of a tangent. */
int decimal_working_tan(const struct decimal *d, struct decimal *out);
int decimal_working_atan(const struct decimal *d, struct decimal *out);

/* pi to 70 digits. */
extern const struct decimal decimal_pi;

#endif
