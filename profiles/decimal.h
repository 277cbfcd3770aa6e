/*
 * decimal.h - decimal numbers, as FHIR's decimal and integer and FHIRPath's
 * Decimal are: every digit as it was written, no binary floating point.
 *
 * A struct decimal is a plain value: copy it, keep it on the stack; nothing to
 * free, nothing is allocated. Any thread may call.
 *
 * A value is a whole number of at most DECIMAL_DIGITS digits times a power of
 * ten; 0.010 and 0.01 compare equal but stay what they are. Its leading digit
 * stands between 10^-DECIMAL_POWER_MAX and 10^DECIMAL_POWER_MAX. What becomes
 * larger has no result (overflow, -1); what becomes smaller is rounded, to
 * zero at last.
 *
 * Sums, differences and products are exact up to DECIMAL_DIGITS digits, and
 * rounded to as many beyond; quotients, roots, powers and logarithms are
 * rounded to DECIMAL_PRECISION digits. Rounding is to the nearest, halves to
 * the even digit, but where a function says otherwise. Sums keep the longer
 * fraction of the two (1.10 + 1 is 2.10), products the sum of both (IEEE 754,
 * 5.4: the ideal exponent); quotients and what follows them have no zeros at
 * the end of a fraction.
 *
 * The out-parameter may be one of the operands.
 */
#ifndef PROFILES_DECIMAL_H
#define PROFILES_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

enum {
	DECIMAL_LIMBS = 8,
	DECIMAL_DIGITS = 9 * DECIMAL_LIMBS,
	DECIMAL_PRECISION = 34,
	DECIMAL_POWER_MAX = 999,
	DECIMAL_PLACES_MAX = 31,			       /* of boundaries */
	DECIMAL_TEXT = DECIMAL_POWER_MAX + DECIMAL_DIGITS + 8, /* bytes for any value */
};

/* Zero is all zeroes, of any exponent; it has no sign. */
struct decimal {
	uint32_t limb[DECIMAL_LIMBS]; /* base 10^9, the lowest first; unused ones are 0 */
	int32_t exponent;	      /* times ten to this */
	uint8_t limbs;		      /* used; 0 is zero */
	bool negative;
};

enum decimal_rounding {
	DECIMAL_HALF_EVEN,
	DECIMAL_HALF_AWAY, /* 0.5 to 1, -0.5 to -1 */
	DECIMAL_HALF_UP,   /* 0.5 to 1, -0.5 to 0 */
	DECIMAL_DOWN,	   /* towards zero */
	DECIMAL_FLOOR,
	DECIMAL_CEILING,
};

/*
 * Read a number: an optional sign, digits, an optional fraction, an optional
 * exponent ("-1.50", "6.02e23"); leading zeros are let pass. Returns 0, or -1
 * with *err (may be NULL): ERROR_INVALID when it is none, ERROR_LIMIT when it
 * has more digits or a larger exponent than a decimal holds.
 */
int decimal_parse(struct str text, struct decimal *out, struct error *err);

struct decimal decimal_of(int64_t value);

/* Whether the value is a whole number that fits, which is then in *out. */
bool decimal_to_int(const struct decimal *d, int64_t *out);

/*
 * Write d as digits with an optional '-' and fraction, no exponent, its
 * digits kept: "0.010", "100" for 1e2. Returns the length; no NUL.
 */
size_t decimal_format(const struct decimal *d, char out[DECIMAL_TEXT]);

/* As decimal_format(), without zeros at the end of a fraction: "0.01". */
size_t decimal_format_canonical(const struct decimal *d, char out[DECIMAL_TEXT]);

/* decimal_format() into the arena; {NULL, 0} when it is full. */
struct str decimal_text(const struct decimal *d, struct arena *a);

static inline bool
decimal_is_zero(const struct decimal *d)
{
	return d->limbs == 0;
}

/* Whether it is a whole number: 1.00 is. */
bool decimal_is_whole(const struct decimal *d);

/* Compare exactly: -1, 0 or 1. 1.0 equals 1. */
int decimal_compare(const struct decimal *a, const struct decimal *b);

static inline bool
decimal_equal(const struct decimal *a, const struct decimal *b)
{
	return decimal_compare(a, b) == 0;
}

/*
 * Equivalence (FHIRPath N1, 6.1.2): equal when both are rounded to the
 * fraction digits of the one with fewer, zeros at the end not counted.
 */
bool decimal_is_equivalent(const struct decimal *a, const struct decimal *b);

/* A hash that equal values share. */
uint64_t decimal_hash(const struct decimal *d);

/* 0, or -1 on overflow. */
int decimal_add(const struct decimal *a, const struct decimal *b, struct decimal *out);
int decimal_subtract(const struct decimal *a, const struct decimal *b, struct decimal *out);
int decimal_multiply(const struct decimal *a, const struct decimal *b, struct decimal *out);

/* 0, or -1 on overflow or when b is zero. */
int decimal_divide(const struct decimal *a, const struct decimal *b, struct decimal *out);

/*
 * The whole part of a / b, towards zero, and what remains, with the sign of a
 * (FHIRPath N1, 6.6.5, 6.6.6). Exact. 0, or -1 when b is zero or the quotient
 * has more than DECIMAL_DIGITS digits.
 */
int decimal_div(const struct decimal *a, const struct decimal *b, struct decimal *out);
int decimal_mod(const struct decimal *a, const struct decimal *b, struct decimal *out);

void decimal_negate(const struct decimal *d, struct decimal *out);
void decimal_abs(const struct decimal *d, struct decimal *out);

/*
 * Round to so many digits of the fraction; negative places round tens,
 * hundreds. A value with fewer digits stays as it is. 0, or -1 on overflow.
 */
int decimal_round(
    const struct decimal *d, int32_t places, enum decimal_rounding how, struct decimal *out);

/* The whole number towards zero, not above, not below. 0, or -1 on overflow. */
int decimal_truncate(const struct decimal *d, struct decimal *out);
int decimal_floor(const struct decimal *d, struct decimal *out);
int decimal_ceiling(const struct decimal *d, struct decimal *out);

/*
 * Functions of FHIRPath N1, 5.7, to DECIMAL_PRECISION digits. 0, or -1 where
 * there is no result: the root of what is negative, the logarithm of what is
 * not positive, a logarithm to base 1, what is negative to a power that is not
 * whole, zero to a negative one, overflow. A whole power is exact where it
 * fits DECIMAL_DIGITS digits.
 */
int decimal_sqrt(const struct decimal *d, struct decimal *out);
int decimal_exp(const struct decimal *d, struct decimal *out);
int decimal_ln(const struct decimal *d, struct decimal *out);
int decimal_log(const struct decimal *d, const struct decimal *base, struct decimal *out);
int decimal_power(const struct decimal *d, const struct decimal *power, struct decimal *out);

/* Take the zeros from the end: 1.500 becomes 1.5; 100 becomes 1 * 10^2. */
void decimal_strip(struct decimal *d);

/* Digits of the fraction as written, as FHIRPath's precision(): 5 of 1.58700. */
int32_t decimal_places(const struct decimal *d);

/* Significant digits as written: 6 of 1.58700, 1 of 0 and of 1e2. */
int32_t decimal_digits(const struct decimal *d);

/*
 * The value less, and more, half a unit of its last digit: what it may stand
 * for (FHIR R4, searching by number). 0, or -1 on overflow.
 */
int decimal_interval(const struct decimal *d, struct decimal *low, struct decimal *high);

/*
 * FHIRPath's lowBoundary() and highBoundary(): the end of decimal_interval(),
 * with so many digits of the fraction, rounded away from the value; a value
 * that is zero in so many digits gives zero. Returns false when places is
 * below 0 or over DECIMAL_PLACES_MAX, or the result has too many digits: the
 * answer is empty then.
 */
bool decimal_low_boundary(const struct decimal *d, int32_t places, struct decimal *out);
bool decimal_high_boundary(const struct decimal *d, int32_t places, struct decimal *out);

#endif
