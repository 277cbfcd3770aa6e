#include "profiles/decimal.h"

#include "base/hash.h"
#include "profiles/decimal_wide.h"
#include "profiles/decimal_working.h"

struct decimal
decimal_of(int64_t value)
{
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
	struct decimal d = { .negative = value < 0 };

	for (; left; left /= BASE)
		d.limb[d.limbs++] = (uint32_t)(left % BASE);
	return d;
}

/* Zeros at the end of the coefficient, at most `most`. */
static int32_t
trailing_zeros(const struct decimal *d, int32_t most)
{
	int32_t n = 0;
	uint32_t i = 0;

	while (i < d->limbs && d->limb[i] == 0) {
		i++;
		n += BASE_DIGITS;
	}
	if (i < d->limbs)
		for (uint32_t limb = d->limb[i]; limb % 10 == 0; limb /= 10)
			n++;
	return n < most ? n : most;
}

static void
drop_zeros(struct decimal *d, int32_t n)
{
	struct wide w;

	if (n <= 0)
		return;
	wide_of(d, &w);
	wide_shift_right(&w, n);
	memset(d->limb, 0, sizeof(d->limb));
	memcpy(d->limb, w.limb, w.n * sizeof(*w.limb));
	d->limbs = (uint8_t)w.n;
	d->exponent += n;
}

void
decimal_strip(struct decimal *d)
{
	if (d->limbs == 0)
		d->exponent = 0;
	else
		drop_zeros(d, trailing_zeros(d, DECIMAL_DIGITS));
}

void
decimal_strip_fraction(struct decimal *d)
{
	if (d->exponent >= 0)
		return;
	if (d->limbs == 0)
		d->exponent = 0;
	else
		drop_zeros(d, trailing_zeros(d, -d->exponent));
}

bool
decimal_is_whole(const struct decimal *d)
{
	return d->limbs == 0 || d->exponent >= 0 || trailing_zeros(d, -d->exponent) == -d->exponent;
}

bool
decimal_to_int(const struct decimal *d, int64_t *out)
{
	struct decimal whole = *d;
	uint64_t value = 0;
	struct wide w;

	*out = 0;
	if (d->limbs == 0)
		return true;
	decimal_strip_fraction(&whole);
	if (whole.exponent < 0 || decimal_magnitude(&whole) > 18)
		return false;
	wide_of(&whole, &w);
	wide_shift_left(&w, whole.exponent);
	for (uint32_t i = w.n; i-- > 0;)
		value = value * BASE + w.limb[i];
	if (value > (uint64_t)INT64_MAX + whole.negative)
		return false;
	*out = whole.negative ? (int64_t)-value : (int64_t)value;
	return true;
}

static int
compare_limbs(const uint32_t *a, uint32_t a_n, const uint32_t *b, uint32_t b_n)
{
	if (a_n != b_n)
		return a_n < b_n ? -1 : 1;
	for (uint32_t i = a_n; i-- > 0;)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return 0;
}

/* Compare without the signs; neither is zero. */
static int
compare_sizes(const struct decimal *a, const struct decimal *b)
{
	int32_t diff = a->exponent - b->exponent, x, y;
	struct wide w;

	if (diff == 0)
		return compare_limbs(a->limb, a->limbs, b->limb, b->limbs);
	x = decimal_magnitude(a);
	y = decimal_magnitude(b);
	if (x != y)
		return x < y ? -1 : 1;
	wide_of(diff > 0 ? a : b, &w);
	wide_shift_left(&w, diff > 0 ? diff : -diff);
	return diff > 0 ? compare_limbs(w.limb, w.n, b->limb, b->limbs)
			: compare_limbs(a->limb, a->limbs, w.limb, w.n);
}

int
decimal_compare(const struct decimal *a, const struct decimal *b)
{
	if (a->limbs == 0 || b->limbs == 0) {
		if (a->limbs)
			return a->negative ? -1 : 1;
		if (b->limbs)
			return b->negative ? 1 : -1;
		return 0;
	}
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	return a->negative ? -compare_sizes(a, b) : compare_sizes(a, b);
}

bool
decimal_is_equivalent(const struct decimal *a, const struct decimal *b)
{
	struct decimal x = *a, y = *b;
	int32_t places;

	decimal_strip_fraction(&x);
	decimal_strip_fraction(&y);
	places = decimal_places(&x) < decimal_places(&y) ? decimal_places(&x) : decimal_places(&y);
	return decimal_round(&x, places, DECIMAL_HALF_AWAY, &x) == 0 &&
	       decimal_round(&y, places, DECIMAL_HALF_AWAY, &y) == 0 && decimal_equal(&x, &y);
}

uint64_t
decimal_hash(const struct decimal *d)
{
	struct decimal bare = *d;

	decimal_strip(&bare);
	return hash64(str_of((const char *)bare.limb, bare.limbs * sizeof(*bare.limb)),
	    (uint64_t)(uint32_t)bare.exponent << 1 | bare.negative);
}

static void
add_limbs(struct wide *a, const struct wide *b)
{
	uint32_t carry = 0, n = a->n > b->n ? a->n : b->n;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t x = (i < a->n ? a->limb[i] : 0) + (i < b->n ? b->limb[i] : 0) + carry;

		carry = x >= BASE;
		a->limb[i] = carry ? x - BASE : x;
	}
	a->n = n;
	if (carry)
		a->limb[a->n++] = 1;
}

/* a - b, of which a is not the smaller. */
static void
subtract_limbs(const struct wide *a, const struct wide *b, struct wide *out)
{
	uint32_t borrow = 0;

	for (uint32_t i = 0; i < a->n; i++) {
		uint32_t y = (i < b->n ? b->limb[i] : 0) + borrow;

		borrow = a->limb[i] < y;
		out->limb[i] = borrow ? a->limb[i] + BASE - y : a->limb[i] - y;
	}
	out->n = a->n;
	wide_trim(out);
}

/*
 * Give both the exponent of the lower one. Where the higher stands so far
 * above that the lower cannot reach its digits, the lower becomes one unit
 * just behind them, which rounds as it would.
 */
static void
align(struct wide *high, struct wide *low)
{
	int32_t diff = high->exponent - low->exponent, have = count_digits(high->limb, high->n);

	if (high->n == 0) {
		high->exponent = low->exponent;
		return;
	}
	if (have + diff > WIDE_DIGITS) {
		diff = DECIMAL_DIGITS + 4 - have;
		low->limb[0] = 1;
		low->n = low->n > 0;
		low->exponent = high->exponent - diff;
	}
	wide_shift_left(high, diff);
	high->exponent -= diff;
}

static int
add_signed(const struct decimal *a, const struct decimal *b, bool b_negative, int32_t digits,
    struct decimal *out)
{
	struct wide x, y, z;
	int order;

	wide_of(a, &x);
	wide_of(b, &y);
	y.negative = b_negative;
	if (x.exponent > y.exponent)
		align(&x, &y);
	else if (y.exponent > x.exponent)
		align(&y, &x);
	if (x.negative == y.negative) {
		add_limbs(&x, &y);
		return wide_settle(&x, digits, out);
	}
	order = compare_limbs(x.limb, x.n, y.limb, y.n);
	z.exponent = x.exponent;
	z.sticky = false;
	z.negative = order < 0 ? y.negative : x.negative;
	if (order < 0)
		subtract_limbs(&y, &x, &z);
	else
		subtract_limbs(&x, &y, &z);
	return wide_settle(&z, digits, out);
}

int
decimal_add_to(
    const struct decimal *a, const struct decimal *b, int32_t digits, struct decimal *out)
{
	return add_signed(a, b, b->negative, digits, out);
}

int
decimal_subtract_to(
    const struct decimal *a, const struct decimal *b, int32_t digits, struct decimal *out)
{
	return add_signed(a, b, !b->negative, digits, out);
}

int
decimal_add(const struct decimal *a, const struct decimal *b, struct decimal *out)
{
	return decimal_add_to(a, b, DECIMAL_DIGITS, out);
}

int
decimal_subtract(const struct decimal *a, const struct decimal *b, struct decimal *out)
{
	return decimal_subtract_to(a, b, DECIMAL_DIGITS, out);
}

int
decimal_multiply_to(
    const struct decimal *a, const struct decimal *b, int32_t digits, struct decimal *out)
{
	struct wide w;

	memset(w.limb, 0, (size_t)(a->limbs + b->limbs) * sizeof(*w.limb));
	for (uint32_t i = 0; i < a->limbs; i++) {
		uint64_t carry = 0;

		for (uint32_t k = 0; k < b->limbs; k++) {
			uint64_t x = (uint64_t)a->limb[i] * b->limb[k] + w.limb[i + k] + carry;

			carry = x / BASE;
			w.limb[i + k] = (uint32_t)(x % BASE);
		}
		w.limb[i + b->limbs] = (uint32_t)carry;
	}
	w.n = (uint32_t)(a->limbs + b->limbs);
	w.exponent = a->exponent + b->exponent;
	w.negative = a->negative != b->negative;
	w.sticky = false;
	return wide_settle(&w, digits, out);
}

int
decimal_multiply(const struct decimal *a, const struct decimal *b, struct decimal *out)
{
	return decimal_multiply_to(a, b, DECIMAL_DIGITS, out);
}

/* Divide by one limb in place. Returns the remainder. */
static uint32_t
divide_by_limb(uint32_t *limb, uint32_t n, uint32_t by)
{
	uint64_t rest = 0;

	for (uint32_t i = n; i-- > 0;) {
		uint64_t x = rest * BASE + limb[i];

		limb[i] = (uint32_t)(x / by);
		rest = x % by;
	}
	return (uint32_t)rest;
}

static void
multiply_by_limb(uint32_t *limb, uint32_t n, uint32_t by)
{
	uint64_t carry = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t x = (uint64_t)limb[i] * by + carry;

		limb[i] = (uint32_t)(x % BASE);
		carry = x / BASE;
	}
}

/* One limb of a quotient (Knuth, 4.3.1, D3 to D6): u of n + 1 limbs by v of n. */
static uint32_t
quotient_limb(uint32_t *u, const uint32_t *v, uint32_t n)
{
	uint64_t top = (uint64_t)u[n] * BASE + u[n - 1];
	uint64_t q = top / v[n - 1], r = top % v[n - 1], carry = 0;
	int64_t borrow = 0;

	while (q >= BASE || (r < BASE && q * v[n - 2] > r * BASE + u[n - 2])) {
		q--;
		r += v[n - 1];
		if (r >= BASE)
			break;
	}
	for (uint32_t i = 0; i <= n; i++) {
		uint64_t p = (i < n ? q * v[i] : 0) + carry;
		int64_t x = (int64_t)u[i] - (int64_t)(p % BASE) - borrow;

		carry = p / BASE;
		borrow = x < 0;
		u[i] = (uint32_t)(x < 0 ? x + BASE : x);
	}
	if (borrow == 0)
		return (uint32_t)q;
	carry = 0;
	for (uint32_t i = 0; i <= n; i++) {
		uint64_t x = u[i] + (i < n ? v[i] : 0) + carry;

		carry = x >= BASE;
		u[i] = (uint32_t)(x % BASE);
	}
	return (uint32_t)(q - 1);
}

/* a / b; *rest is what remains. b is not zero. */
static void
divide_limbs(const struct wide *a, const struct wide *b, struct wide *q, struct wide *rest)
{
	uint32_t u[WIDE_LIMBS + 1], v[WIDE_LIMBS], by, n = b->n;

	q->n = rest->n = 0;
	if (n == 1) {
		memcpy(q->limb, a->limb, a->n * sizeof(*a->limb));
		q->n = a->n;
		rest->limb[0] = divide_by_limb(q->limb, q->n, b->limb[0]);
		rest->n = rest->limb[0] != 0;
		wide_trim(q);
		return;
	}
	memset(u, 0, sizeof(u));
	memcpy(u, a->limb, a->n * sizeof(*u));
	memcpy(v, b->limb, n * sizeof(*v));
	by = BASE / (v[n - 1] + 1);
	multiply_by_limb(u, a->n + 1, by);
	multiply_by_limb(v, n, by);
	for (uint32_t k = a->n >= n ? a->n - n + 1 : 0; k-- > 0;) {
		q->limb[k] = quotient_limb(u + k, v, n);
		if (q->n == 0 && q->limb[k])
			q->n = k + 1;
	}
	divide_by_limb(u, a->n + 1, by);
	rest->n = a->n < n ? a->n : n;
	memcpy(rest->limb, u, rest->n * sizeof(*u));
	wide_trim(rest);
}

int
decimal_divide_to(
    const struct decimal *a, const struct decimal *b, int32_t digits, struct decimal *out)
{
	struct wide x, y, q, rest;
	int32_t shift;

	if (b->limbs == 0)
		return -1;
	wide_of(a, &x);
	wide_of(b, &y);
	shift = digits + 1 + decimal_digits(b) - decimal_digits(a);
	if (shift < 0 || a->limbs == 0)
		shift = 0;
	wide_shift_left(&x, shift);
	divide_limbs(&x, &y, &q, &rest);
	q.exponent = a->exponent - shift - b->exponent;
	q.negative = a->negative != b->negative;
	q.sticky = rest.n > 0;
	if (wide_settle(&q, digits, out))
		return -1;
	decimal_strip_fraction(out);
	return 0;
}

int
decimal_divide(const struct decimal *a, const struct decimal *b, struct decimal *out)
{
	return decimal_divide_to(a, b, DECIMAL_PRECISION, out);
}

/* The whole quotient and the remainder, in units of the lower exponent. */
static int
divide_whole(const struct decimal *a, const struct decimal *b, struct wide *q, struct wide *rest)
{
	int32_t diff = a->exponent - b->exponent;
	struct wide x, y;

	if (b->limbs == 0)
		return -1;
	wide_of(a, &x);
	wide_of(b, &y);
	q->n = 0;
	q->sticky = rest->sticky = false;
	q->exponent = 0;
	q->negative = a->negative != b->negative;
	if (a->limbs == 0 || decimal_magnitude(a) < decimal_magnitude(b)) {
		*rest = x;
		return 0;
	}
	if (decimal_magnitude(a) - decimal_magnitude(b) > DECIMAL_DIGITS)
		return -1;
	wide_shift_left(&x, diff > 0 ? diff : 0);
	wide_shift_left(&y, diff < 0 ? -diff : 0);
	divide_limbs(&x, &y, q, rest);
	rest->exponent = diff > 0 ? b->exponent : a->exponent;
	rest->negative = a->negative;
	return 0;
}

int
decimal_div(const struct decimal *a, const struct decimal *b, struct decimal *out)
{
	struct wide q, rest;

	if (divide_whole(a, b, &q, &rest) || count_digits(q.limb, q.n) > DECIMAL_DIGITS)
		return -1;
	return wide_settle(&q, DECIMAL_DIGITS, out);
}

int
decimal_mod(const struct decimal *a, const struct decimal *b, struct decimal *out)
{
	struct wide q, rest;

	if (divide_whole(a, b, &q, &rest))
		return -1;
	return wide_settle(&rest, DECIMAL_DIGITS, out);
}

void
decimal_negate(const struct decimal *d, struct decimal *out)
{
	*out = *d;
	out->negative = !d->negative && d->limbs > 0;
}

void
decimal_abs(const struct decimal *d, struct decimal *out)
{
	*out = *d;
	out->negative = false;
}

int
decimal_round(
    const struct decimal *d, int32_t places, enum decimal_rounding how, struct decimal *out)
{
	struct wide w;

	*out = *d;
	if (d->exponent >= 0 && places >= 0)
		return 0;
	if (places < -DECIMAL_POWER_MAX - 1) /* beyond any digit */
		places = -DECIMAL_POWER_MAX - 1;
	if ((int64_t)d->exponent + places >= 0)
		return 0;
	wide_of(d, &w);
	wide_round(&w, -places - d->exponent, how);
	return wide_settle(&w, DECIMAL_DIGITS, out);
}

int
decimal_round_to(const struct decimal *d, int32_t digits, struct decimal *out)
{
	struct wide w;

	wide_of(d, &w);
	return wide_settle(&w, digits, out);
}

int
decimal_truncate(const struct decimal *d, struct decimal *out)
{
	return decimal_round(d, 0, DECIMAL_DOWN, out);
}

int
decimal_floor(const struct decimal *d, struct decimal *out)
{
	return decimal_round(d, 0, DECIMAL_FLOOR, out);
}

int
decimal_ceiling(const struct decimal *d, struct decimal *out)
{
	return decimal_round(d, 0, DECIMAL_CEILING, out);
}
