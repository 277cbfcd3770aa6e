/*
 * decimal_math.c - roots, powers, logarithms, angles, and boundaries.
 *
 * Works with DECIMAL_WORKING digits and rounds once at the end, so that a
 * result that has an exact short value comes out as that: the square root of
 * 81 is 9, the logarithm of 16 to base 2 is 4.
 */
#include "profiles/decimal.h"
#include "profiles/decimal_working.h"

enum {
	W = DECIMAL_WORKING,
	EXP_HALVINGS = 8,
	LN_ROOTS = 4,
	ATAN_HALVINGS = 4,
	SERIES_TERMS = 80, /* more than any of them needs */
};

/* 70 digits each, the lowest nine first. */
const struct decimal decimal_pi = {
	.limb = { 592307816, 820974944, 399375105, 884197169, 383279502, 238462643, 653589793,
	    3141592 },
	.exponent = -69,
	.limbs = 8,
};
static const struct decimal ln_ten = {
	.limb = { 900967573, 976033327, 488628772, 207601101, 454684364, 684017991, 92994045,
	    2302585 },
	.exponent = -69,
	.limbs = 8,
};

static bool
is_below(const struct decimal *d, int32_t magnitude)
{
	return d->limbs == 0 || decimal_magnitude(d) < magnitude;
}

/* The whole number n as a decimal's factor: out = d * n, out = d / n. */
static void
scale_up(struct decimal *d, int64_t n)
{
	struct decimal by = decimal_of(n);

	decimal_multiply_to(d, &by, W, d);
}

static void
scale_down(struct decimal *d, int64_t n)
{
	struct decimal by = decimal_of(n);

	decimal_divide_to(d, &by, W, d);
}

/* Round what was worked out; a fraction has no zeros at its end. */
static int
finish(struct decimal *d, struct decimal *out)
{
	if (decimal_round_to(d, DECIMAL_PRECISION, out))
		return -1;
	decimal_strip_fraction(out);
	return 0;
}

/* The whole root of x below 10^18, by Newton. */
static int64_t
whole_root(int64_t x)
{
	int64_t guess = 1000000001, next = 1000000000;

	while (next < guess) {
		guess = next;
		next = (guess + x / guess) / 2;
	}
	return guess;
}

int
decimal_working_sqrt(const struct decimal *d, struct decimal *out)
{
	struct decimal m = *d, root, quotient, top;
	int32_t half;
	int64_t whole = 0;

	if (d->negative)
		return -1;
	if (d->limbs == 0) {
		*out = decimal_of(0);
		return 0;
	}
	/* d = m * 100^half, m of 17 or 18 digits before its point */
	half = decimal_magnitude(d) - 16;
	half = (half - (half & 1)) / 2;
	m.exponent -= 2 * half;
	decimal_truncate(&m, &top);
	decimal_to_int(&top, &whole);
	root = decimal_of(whole_root(whole));
	for (int i = 0; i < 4; i++) { /* 9 digits, 18, 36, 72 */
		decimal_divide_to(&m, &root, W + 4, &quotient);
		decimal_add_to(&root, &quotient, W + 4, &root);
		scale_down(&root, 2);
	}
	root.exponent += half;
	return decimal_round_to(&root, W, out);
}

/* The nearest whole number to x / y, of which there are few. */
static int64_t
nearest(const struct decimal *x, const struct decimal *y)
{
	struct decimal q;
	int64_t n = 0;

	if (decimal_divide_to(x, y, W, &q) == 0 && decimal_round(&q, 0, DECIMAL_HALF_EVEN, &q) == 0)
		decimal_to_int(&q, &n);
	return n;
}

int
decimal_working_exp(const struct decimal *d, struct decimal *out)
{
	struct decimal r, term, sum;
	int64_t tens;

	if (!is_below(d, 4)) { /* 10^4 and more: far out on both sides */
		*out = decimal_of(0);
		return d->negative ? 0 : -1;
	}
	/* e^d = 10^tens * (e^(r / 2^n))^(2^n) */
	tens = nearest(d, &ln_ten);
	r = decimal_of(tens);
	decimal_multiply_to(&ln_ten, &r, DECIMAL_WORKING_MAX, &r);
	decimal_subtract_to(d, &r, DECIMAL_WORKING_MAX, &r);
	scale_down(&r, 1 << EXP_HALVINGS);
	sum = term = decimal_of(1);
	for (int i = 1; i < SERIES_TERMS && !is_below(&term, -W - 4); i++) {
		decimal_multiply_to(&term, &r, W, &term);
		scale_down(&term, i);
		decimal_add_to(&sum, &term, DECIMAL_WORKING_MAX, &sum);
	}
	for (int i = 0; i < EXP_HALVINGS; i++)
		decimal_multiply_to(&sum, &sum, DECIMAL_WORKING_MAX, &sum);
	sum.exponent += (int32_t)tens;
	return decimal_round_to(&sum, W, out);
}

/* t + t^3/3 + t^5/5 …, the signs alternating for the arc tangent. */
static void
odd_series(const struct decimal *t, bool alternating, struct decimal *out)
{
	struct decimal square, power = *t, term, sum = *t;
	int32_t least = decimal_magnitude(t) - W - 2;

	decimal_multiply_to(t, t, W, &square);
	square.negative = alternating && square.limbs > 0;
	for (int n = 3; n < 2 * SERIES_TERMS; n += 2) {
		decimal_multiply_to(&power, &square, W, &power);
		if (is_below(&power, least))
			break;
		term = power;
		scale_down(&term, n);
		decimal_add_to(&sum, &term, W, &sum);
	}
	*out = sum;
}

int
decimal_working_ln(const struct decimal *d, struct decimal *out)
{
	struct decimal m = *d, one = decimal_of(1), sum, tens;
	struct decimal third = { .limb = { 316 }, .limbs = 1, .exponent = -2 };
	int32_t power;
	int roots = 0;

	if (d->negative || d->limbs == 0)
		return -1;
	/* d = m * 10^power, m between 0.316 and 3.16 */
	power = decimal_magnitude(d);
	m.exponent -= power;
	if (decimal_compare(&m, &third) > 0) {
		power++;
		m.exponent--;
	}
	decimal_subtract_to(&m, &one, DECIMAL_DIGITS, &sum);
	if (!is_below(&sum, -1))
		for (; roots < LN_ROOTS; roots++)
			decimal_working_sqrt(&m, &m);
	/* ln m = 2 artanh((m - 1) / (m + 1)) */
	decimal_subtract_to(&m, &one, DECIMAL_DIGITS, &sum);
	decimal_add_to(&m, &one, DECIMAL_DIGITS, &m);
	decimal_divide_to(&sum, &m, W, &sum);
	odd_series(&sum, false, &sum);
	scale_up(&sum, 2 << roots);
	tens = decimal_of(power);
	decimal_multiply_to(&ln_ten, &tens, W, &tens);
	return decimal_add_to(&sum, &tens, W, out);
}

int
decimal_working_atan(const struct decimal *d, struct decimal *out)
{
	struct decimal x = *d, one = decimal_of(1), root, half;
	bool inverted = !is_below(d, 0);

	if (inverted && decimal_divide_to(&one, d, W, &x)) /* pi/2 - atan(1/d) */
		return -1;
	for (int i = 0; i < ATAN_HALVINGS; i++) { /* atan x = 2 atan(x / (1 + sqrt(1 + x^2))) */
		decimal_multiply_to(&x, &x, W, &root);
		decimal_add_to(&root, &one, W, &root);
		decimal_working_sqrt(&root, &root);
		decimal_add_to(&root, &one, W, &root);
		decimal_divide_to(&x, &root, W, &x);
	}
	odd_series(&x, true, &x);
	scale_up(&x, 1 << ATAN_HALVINGS);
	if (inverted) {
		half = decimal_pi;
		scale_down(&half, 2);
		half.negative = d->negative;
		decimal_subtract_to(&half, &x, W, &x);
	}
	*out = x;
	return 0;
}

/* The sine from t = x / 3^n by its series; the cosine follows from it. */
static void
sine_series(const struct decimal *x, int first, struct decimal *out)
{
	struct decimal square, term, sum;

	decimal_multiply_to(x, x, W, &square);
	square.negative = square.limbs > 0;
	sum = term = first ? *x : decimal_of(1);
	for (int n = first + 1; n < SERIES_TERMS && !is_below(&term, -W - 4); n += 2) {
		decimal_multiply_to(&term, &square, W, &term);
		scale_down(&term, (int64_t)n * (n + 1));
		decimal_add_to(&sum, &term, W, &sum);
	}
	*out = sum;
}

int
decimal_working_tan(const struct decimal *d, struct decimal *out)
{
	struct decimal x, turns, sine, cosine;
	int64_t n;

	if (!is_below(d, 9))
		return -1; /* nothing would be left of the angle */
	n = nearest(d, &decimal_pi);
	turns = decimal_of(n);
	decimal_multiply_to(&decimal_pi, &turns, DECIMAL_WORKING_MAX, &turns);
	decimal_subtract_to(d, &turns, DECIMAL_WORKING_MAX, &x);
	sine_series(&x, 1, &sine);
	sine_series(&x, 0, &cosine);
	return decimal_divide_to(&sine, &cosine, W, out);
}

int
decimal_sqrt(const struct decimal *d, struct decimal *out)
{
	struct decimal x;

	return decimal_working_sqrt(d, &x) ? -1 : finish(&x, out);
}

int
decimal_exp(const struct decimal *d, struct decimal *out)
{
	struct decimal x;

	return decimal_working_exp(d, &x) ? -1 : finish(&x, out);
}

int
decimal_ln(const struct decimal *d, struct decimal *out)
{
	struct decimal x;

	return decimal_working_ln(d, &x) ? -1 : finish(&x, out);
}

int
decimal_log(const struct decimal *d, const struct decimal *base, struct decimal *out)
{
	struct decimal x, y;

	if (decimal_working_ln(d, &x) || decimal_working_ln(base, &y) ||
	    decimal_divide_to(&x, &y, W, &x))
		return -1;
	return finish(&x, out);
}

/* d^n by squaring, exact while it fits. */
static int
power_whole(const struct decimal *d, uint64_t n, struct decimal *out)
{
	struct decimal square = *d, product = decimal_of(1);

	for (;;) {
		if (n & 1 && decimal_multiply(&product, &square, &product))
			return -1;
		n >>= 1;
		if (n == 0)
			break;
		if (decimal_multiply(&square, &square, &square))
			return -1;
	}
	*out = product;
	return 0;
}

/*
 * A power that is not 0. What has no digits left is zero; that of 1 / d^n when
 * d^n is too large as well.
 */
static int
power_by_int(const struct decimal *d, int64_t n, struct decimal *out)
{
	uint64_t count = n < 0 ? -(uint64_t)n : (uint64_t)n;
	struct decimal one = decimal_of(1), x = *d;
	int64_t digits;

	decimal_strip(&x);
	digits = 1 - (int64_t)count * x.exponent;
	if (power_whole(&x, count, &x)) {
		*out = decimal_of(0);
		return n < 0 && decimal_magnitude(d) >= 0 ? 0 : -1;
	}
	digits += decimal_magnitude(&x); /* of the whole coefficient: nothing was rounded */
	if (n > 0 && digits <= DECIMAL_DIGITS) {
		*out = x;
		return 0;
	}
	if (n < 0 && decimal_divide_to(&one, &x, W, &x))
		return -1;
	return finish(&x, out);
}

int
decimal_power(const struct decimal *d, const struct decimal *power, struct decimal *out)
{
	struct decimal x;
	int64_t n;

	if (decimal_to_int(power, &n)) {
		if (n == 0) {
			*out = decimal_of(1);
			return 0;
		}
		if (d->limbs == 0 && n < 0)
			return -1;
		if (n >= -1000000000 && n <= 1000000000)
			return power_by_int(d, n, out);
	}
	if (d->limbs == 0) {
		*out = *d;
		return power->negative ? -1 : 0;
	}
	if (decimal_working_ln(d, &x) || decimal_multiply_to(&x, power, W, &x) ||
	    decimal_working_exp(&x, &x))
		return -1;
	return finish(&x, out);
}

int
decimal_interval(const struct decimal *d, struct decimal *low, struct decimal *high)
{
	struct decimal half = decimal_of(5), x = *d;

	half.exponent = d->exponent - 1;
	if (decimal_digits(d) >= DECIMAL_DIGITS || decimal_subtract(&x, &half, low) ||
	    decimal_add(&x, &half, high))
		return -1;
	return 0;
}

/* Make the fraction so many digits long. */
static bool
pad(struct decimal *d, int32_t places)
{
	struct decimal zero = { .exponent = -places };

	return decimal_digits(d) + places + d->exponent <= DECIMAL_DIGITS &&
	       decimal_add(d, &zero, d) == 0 && decimal_places(d) == places;
}

static bool
boundary(const struct decimal *d, int32_t places, bool high, struct decimal *out)
{
	struct decimal end[2], rounded;
	enum decimal_rounding how = high ? DECIMAL_CEILING : DECIMAL_FLOOR;

	if (places < 0 || places > DECIMAL_PLACES_MAX || decimal_interval(d, &end[0], &end[1]))
		return false;
	if (d->limbs && places < decimal_places(d) &&
	    decimal_round(d, places, DECIMAL_HALF_AWAY, &rounded) == 0 && rounded.limbs == 0)
		end[high] = rounded; /* 0.0034.highBoundary(1) is 0.0 */
	if (decimal_round(&end[high], places, how, out))
		return false;
	return pad(out, places);
}

bool
decimal_low_boundary(const struct decimal *d, int32_t places, struct decimal *out)
{
	return boundary(d, places, false, out);
}

bool
decimal_high_boundary(const struct decimal *d, int32_t places, struct decimal *out)
{
	return boundary(d, places, true, out);
}
