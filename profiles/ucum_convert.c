/*
 * ucum_convert.c - values from unit to unit; the scales of special units.
 */
#include "profiles/decimal_working.h"
#include "profiles/ucum.h"
#include "profiles/ucum_table.h"

enum {
	W = DECIMAL_WORKING,
};

/* A logarithm: the value is factor / 1 times log_base of the size. */
struct logarithm {
	uint8_t scale;
	int32_t base; /* 0 is e */
	int32_t factor;
};

static const struct logarithm *
find_logarithm(enum ucum_scale scale)
{
	static const struct logarithm all[] = {
		{ UCUM_LN, 0, 1 },
		{ UCUM_LG, 10, 1 },
		{ UCUM_TWO_LG, 10, 2 },
		{ UCUM_LD, 2, 1 },
		{ UCUM_PH, 10, -1 },
		{ UCUM_HOMEOPATHIC_X, 10, -1 },
		{ UCUM_HOMEOPATHIC_C, 100, -1 },
		{ UCUM_HOMEOPATHIC_M, 1000, -1 },
		{ UCUM_HOMEOPATHIC_Q, 50000, -1 },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i].scale == scale)
			return &all[i];
	return NULL;
}

/* What stands at the zero of a temperature scale, in its own degrees. */
static bool
find_offset(enum ucum_scale scale, struct decimal *out)
{
	int64_t hundredths = scale == UCUM_CELSIUS	? 27315
			     : scale == UCUM_FAHRENHEIT ? 45967
			     : scale == UCUM_REAUMUR	? 21852
							: 0;

	*out = decimal_of(hundredths);
	out->exponent = -2;
	return hundredths != 0;
}

static enum ucum_scale
scale_of(const struct ucum_unit *u)
{
	return u->special ? ucum_atoms[u->special - 1].scale : UCUM_RATIO;
}

static int
power_of(const struct logarithm *l, const struct decimal *x, struct decimal *out)
{
	struct decimal n = decimal_of(l->factor), base = decimal_of(l->base);

	if (decimal_divide_to(x, &n, W, out))
		return -1;
	if (l->base &&
	    (decimal_working_ln(&base, &base) || decimal_multiply_to(out, &base, W, out)))
		return -1;
	return decimal_working_exp(out, out);
}

static int
logarithm_of(const struct logarithm *l, const struct decimal *x, struct decimal *out)
{
	struct decimal n = decimal_of(l->factor), base = decimal_of(l->base);

	if (decimal_working_ln(x, out))
		return -1;
	if (l->base && (decimal_working_ln(&base, &base) || decimal_divide_to(out, &base, W, out)))
		return -1;
	return decimal_multiply_to(out, &n, W, out);
}

bool
ucum_is_reversed(const struct ucum_unit *u)
{
	const struct logarithm *l = find_logarithm(scale_of(u));

	return l && l->factor < 0;
}

/* From a value on the scale to the size in the proper unit (f_s inverted, §21). */
static int
size_of(enum ucum_scale scale, const struct decimal *x, struct decimal *out)
{
	const struct logarithm *l = find_logarithm(scale);
	struct decimal offset, hundred = decimal_of(100);

	if (find_offset(scale, &offset))
		return decimal_add_to(x, &offset, W, out);
	if (l)
		return power_of(l, x, out);
	if (scale == UCUM_ROOT)
		return x->negative ? -1 : decimal_multiply_to(x, x, W, out);
	return decimal_divide_to(x, &hundred, W, out) || decimal_working_atan(out, out) ? -1 : 0;
}

/* And back (f_s). */
static int
value_of(enum ucum_scale scale, const struct decimal *x, struct decimal *out)
{
	const struct logarithm *l = find_logarithm(scale);
	struct decimal offset, hundred = decimal_of(100);

	if (find_offset(scale, &offset))
		return decimal_subtract_to(x, &offset, W, out);
	if (l)
		return logarithm_of(l, x, out);
	if (scale == UCUM_ROOT)
		return decimal_working_sqrt(x, out);
	return decimal_working_tan(x, out) || decimal_multiply_to(out, &hundred, W, out) ? -1 : 0;
}

/* value * over / under * pi^power, to so many digits. */
static int
scale_by(const struct decimal *value, const struct decimal *over, const struct decimal *under,
    int pi, int32_t digits, struct decimal *out)
{
	struct decimal x;

	if (decimal_multiply(value, over, &x))
		return -1;
	for (int i = 0; i < pi; i++)
		if (decimal_multiply_to(&x, &decimal_pi, DECIMAL_WORKING_MAX, &x))
			return -1;
	for (int i = 0; i > pi; i--)
		if (decimal_divide_to(&x, &decimal_pi, DECIMAL_WORKING_MAX, &x))
			return -1;
	return decimal_divide_to(&x, under, digits, out);
}

static int
to_base(const struct decimal *value, const struct ucum_unit *u, int32_t digits, struct decimal *out)
{
	const struct ucum_unit *proper;

	if (!u->special)
		return scale_by(value, &u->over, &u->under, u->pi, digits, out);
	proper = ucum_atom_unit(u->special - 1u);
	if (scale_by(value, &u->over, &u->under, u->pi, W, out) || size_of(scale_of(u), out, out))
		return -1;
	return scale_by(out, &proper->over, &proper->under, proper->pi, digits, out);
}

static int
from_base(
    const struct decimal *base, const struct ucum_unit *u, int32_t digits, struct decimal *out)
{
	const struct ucum_unit *proper;

	if (!u->special)
		return scale_by(base, &u->under, &u->over, -u->pi, digits, out);
	proper = ucum_atom_unit(u->special - 1u);
	if (scale_by(base, &proper->under, &proper->over, -proper->pi, W, out) ||
	    value_of(scale_of(u), out, out))
		return -1;
	return scale_by(out, &u->under, &u->over, -u->pi, digits, out);
}

/* The ratio of two units on ratio scales, and the value by it, rounded once. */
static int
convert_ratio(const struct decimal *value, const struct ucum_unit *from, const struct ucum_unit *to,
    struct decimal *out)
{
	struct decimal over, under;

	if (decimal_multiply(&from->over, &to->under, &over) ||
	    decimal_multiply(&from->under, &to->over, &under) || decimal_is_zero(&under))
		return -1;
	return scale_by(value, &over, &under, from->pi - to->pi, DECIMAL_PRECISION, out);
}

int
ucum_convert(const struct decimal *value, const struct ucum_unit *from, const struct ucum_unit *to,
    struct decimal *out, struct error *err)
{
	struct decimal base;

	if (!ucum_is_commensurable(from, to))
		return error_set(err, ERROR_INVALID, "cannot convert units of different kinds");
	if (ucum_equal(from, to)) {
		*out = *value;
		return 0;
	}
	if (from->special == to->special) { /* one scale: only the factors differ */
		if (convert_ratio(value, from, to, out) == 0)
			return 0;
	} else if (to_base(value, from, W, &base) == 0 &&
		   from_base(&base, to, DECIMAL_PRECISION, out) == 0) {
		return 0;
	}
	return error_set(err, ERROR_INVALID,
	    "cannot convert a value that is not on the scale of the unit, or too large");
}

int
ucum_canonical(const struct decimal *value, const struct ucum_unit *unit, struct decimal *out)
{
	if (ucum_is_reversed(unit))
		return scale_by(value, &unit->over, &unit->under, unit->pi, DECIMAL_PRECISION, out);
	return to_base(value, unit, DECIMAL_PRECISION, out);
}

/*
 * The value in base units, or on its own scale, as an exact fraction, pi left
 * aside; false where it is none. over and under have so few digits in practice
 * that nothing is rounded.
 */
static bool
as_fraction(const struct decimal *value, const struct ucum_unit *u, bool own_scale,
    struct decimal *over, struct decimal *under, int *pi)
{
	const struct ucum_unit *proper;
	struct decimal offset;

	*pi = u->pi;
	*under = u->under;
	if (decimal_multiply(value, &u->over, over))
		return false;
	if (own_scale || !u->special)
		return true;
	proper = ucum_atom_unit(u->special - 1u);
	return find_offset(scale_of(u), &offset) && u->pi == 0 &&
	       decimal_multiply(&offset, under, &offset) == 0 &&
	       decimal_add(over, &offset, over) == 0 &&
	       decimal_multiply(over, &proper->over, over) == 0 &&
	       decimal_multiply(under, &proper->under, under) == 0;
}

bool
ucum_compare(const struct decimal *a, const struct ucum_unit *a_unit, const struct decimal *b,
    const struct ucum_unit *b_unit, int *order)
{
	struct decimal x, x_under, y, y_under;
	bool own = a_unit->special == b_unit->special;
	int x_pi, y_pi;

	if (!ucum_is_commensurable(a_unit, b_unit))
		return false;
	if (as_fraction(a, a_unit, own, &x, &x_under, &x_pi) &&
	    as_fraction(b, b_unit, own, &y, &y_under, &y_pi) && x_pi == y_pi &&
	    decimal_multiply(&x, &y_under, &x) == 0 && decimal_multiply(&y, &x_under, &y) == 0) {
		*order = decimal_compare(&x, &y);
		return true;
	}
	if (to_base(a, a_unit, DECIMAL_PRECISION, &x) || to_base(b, b_unit, DECIMAL_PRECISION, &y))
		return false;
	*order = decimal_compare(&x, &y);
	return true;
}
