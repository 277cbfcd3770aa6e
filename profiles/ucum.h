/*
 * ucum.h - the Unified Code for Units of Measure, case sensitive (c/s).
 *
 * A unit's code is compiled once into a struct ucum_unit: its dimension (the
 * exponents of the seven base units), its size in base units as a fraction,
 * exact up to DECIMAL_DIGITS digits of either part, with the power of pi beside
 * it, the arbitrary units in it, and the scale of a special unit. A struct
 * ucum_unit is a plain value without pointers. Any thread may call, but of a struct ucum_cache one at a time.
 *
 * As UCUM has it: the mole is a number (table 4), so that "mol/L" and "/L" are
 * commensurable; an annotation means nothing (§12): "mg{x}" is "mg"; an
 * arbitrary unit is not commensurable with any other (§24). With itself it is,
 * also in terms ("[iU]/L" and "k[iU]/L"), which §25 taken by the letter would
 * deny. A special unit (Cel, [pH], B[V]) may carry a prefix or a number, but no
 * exponent and no other unit (§22). A number may have an exponent with a sign
 * ("2+10", §9) and an annotation ("/100{WBCs}", UCUM's own examples), which
 * the grammar's exhibit leaves out.
 */
#ifndef PROFILES_UCUM_H
#define PROFILES_UCUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "profiles/decimal.h"

enum {
	UCUM_CODE_MAX = 256,	/* bytes of a code */
	UCUM_DEPTH_MAX = 16,	/* parentheses */
	UCUM_EXPONENT_MAX = 99, /* of a unit; of each base unit in the whole */
	UCUM_ARBITRARY_MAX = 4, /* different arbitrary units in one code */
	UCUM_POWER_MAX = 400,	/* of ten, in a size */
	UCUM_TEXT = 128,	/* bytes for any canonical unit */
	UCUM_BASES = 7,
};

struct ucum_unit {
	struct decimal over, under;   /* size in base units: over / under * pi^pi; of a
				       special unit the factor at it (§22) */
	int8_t dimension[UCUM_BASES]; /* C, K, cd, g, m, rad, s */
	int8_t pi;
	uint16_t special; /* which special unit; 0 is none */
	struct ucum_arbitrary {
		uint16_t unit; /* which; 0 is none; ascending */
		int16_t exponent;
	} arbitrary[UCUM_ARBITRARY_MAX];
};

/*
 * Compile a code. "" and "1" are the unit without dimension. Returns 0, or -1
 * with *err (may be NULL) saying what is wrong at which character: ERROR_INVALID
 * for what is no unit, ERROR_LIMIT for what passes a limit above.
 */
int ucum_parse(struct str code, struct ucum_unit *out, struct error *err);

/* The unit without dimension, "1". */
struct ucum_unit ucum_one(void);

/* Whether values of the one can be converted to the other. */
bool ucum_is_commensurable(const struct ucum_unit *a, const struct ucum_unit *b);

/* Whether a value of the one is as it is a value of the other: "J" and "N.m". */
bool ucum_equal(const struct ucum_unit *a, const struct ucum_unit *b);

/* Whether it has no dimension and no arbitrary unit. */
bool ucum_is_dimensionless(const struct ucum_unit *u);

/*
 * The product, the quotient. 0, or -1 when there is none: one is special and
 * the other is no number (a number may not be divided by a special one), or a
 * limit is passed.
 */
int ucum_multiply(const struct ucum_unit *a, const struct ucum_unit *b, struct ucum_unit *out);
int ucum_divide(const struct ucum_unit *a, const struct ucum_unit *b, struct ucum_unit *out);

/*
 * Convert a value from one unit to the other: exact where the result has an
 * exact decimal of DECIMAL_PRECISION digits, else rounded to so many. Returns
 * 0, or -1 with *err (may be NULL), ERROR_INVALID: they are not commensurable,
 * the value is not on the scale (the logarithm of what is not positive), or
 * overflow.
 */
int ucum_convert(const struct decimal *value, const struct ucum_unit *from,
    const struct ucum_unit *to, struct decimal *out, struct error *err);

/*
 * The value in base units, for an index: equal quantities have equal canonical
 * values and the same ucum_canonical_unit(). Units whose values fall as the
 * quantity grows, [pH] and those of homeopathy, stay what they are, so that 8
 * is above 7; in an index they do not meet their proper units. 0, or -1 as
 * ucum_convert().
 */
int ucum_canonical(const struct decimal *value, const struct ucum_unit *unit, struct decimal *out);

/*
 * The code of the base units, in the order of their codes' bytes: "g.m-1.s-2",
 * "1", "[iU].m-3". It is a code that ucum_parse() reads. Returns the length; no
 * NUL.
 */
size_t ucum_canonical_unit(const struct ucum_unit *unit, char out[UCUM_TEXT]);

/*
 * Compare two quantities: exactly where both are on ratio scales, on
 * temperature scales or on one and the same special scale, by whose values
 * they are ordered (8 [pH] is above 7 [pH]); else by their sizes in base units,
 * rounded to DECIMAL_PRECISION digits. Returns false when they are not
 * commensurable or not on their scales; else *order is -1, 0 or 1.
 */
bool ucum_compare(const struct decimal *a, const struct ucum_unit *a_unit, const struct decimal *b,
    const struct ucum_unit *b_unit, int *order);

/* Compiled codes by their text. */
struct ucum_cache;

/* Keeps at most entries codes; when full it forgets all and starts again. */
struct ucum_cache *ucum_cache_new(uint32_t entries);
void ucum_cache_free(struct ucum_cache *cache);

/*
 * The unit of a code; NULL when it is none, which is remembered as well. Good
 * until the next call.
 */
const struct ucum_unit *ucum_cache_get(struct ucum_cache *cache, struct str code);

#endif
