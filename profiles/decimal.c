#include "profiles/decimal.h"

#include <assert.h>

#include "base/hash.h"
#include "profiles/decimal_working.h"

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

static const uint32_t pow10_of[BASE_DIGITS + 1] = { 1, 10, 100, 1000, 10000, 100000, 1000000,
	10000000, 100000000, 1000000000 };

static int32_t
limb_digits(uint32_t limb)
{
	int32_t n = 1;

	while (n < BASE_DIGITS && limb >= pow10_of[n])
		n++;
	return n;
}

static int32_t
count_digits(const uint32_t *limb, uint32_t n)
{
	return n == 0 ? 0 : (int32_t)(n - 1) * BASE_DIGITS + limb_digits(limb[n - 1]);
}

static void
wide_trim(struct wide *w)
{
	while (w->n > 0 && w->limb[w->n - 1] == 0)
		w->n--;
}

static void
wide_of(const struct decimal *d, struct wide *w)
{
	memcpy(w->limb, d->limb, d->limbs * sizeof(*d->limb));
	w->n = d->limbs;
	w->exponent = d->exponent;
	w->negative = d->negative;
	w->sticky = false;
}

/* Times 10^digits; the exponent is the caller's. */
static void
wide_shift_left(struct wide *w, int32_t digits)
{
	uint32_t whole = (uint32_t)(digits / BASE_DIGITS), carry = 0;
	uint64_t by = pow10_of[digits % BASE_DIGITS];

	if (w->n == 0 || digits == 0)
		return;
	assert(w->n + whole < WIDE_LIMBS);
	if (by > 1) {
		for (uint32_t i = 0; i < w->n; i++) {
			uint64_t x = w->limb[i] * by + carry;

			carry = (uint32_t)(x / BASE);
			w->limb[i] = (uint32_t)(x % BASE);
		}
		if (carry)
			w->limb[w->n++] = carry;
	}
	if (whole) {
		memmove(w->limb + whole, w->limb, w->n * sizeof(*w->limb));
		memset(w->limb, 0, whole * sizeof(*w->limb));
		w->n += whole;
	}
}

static bool
any(const uint32_t *limb, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (limb[i])
			return true;
	return false;
}

/* What was cut off, against half a unit of the last digit that stays. */
enum rest {
	REST_NONE,
	REST_BELOW,
	REST_HALF,
	REST_ABOVE,
};

/* Cut digits off; says what they were. */
static enum rest
wide_shift_right(struct wide *w, int32_t digits)
{
	uint32_t whole = (uint32_t)(digits - 1) / BASE_DIGITS, by, rest, n, half;
	bool below;

	if (digits > (int32_t)w->n * BASE_DIGITS) {
		below = w->n > 0 || w->sticky;
		w->n = 0;
		return below ? REST_BELOW : REST_NONE;
	}
	/* the digit to round by stays in the lowest limb for now: 1 to 9 of them go */
	by = pow10_of[digits - (int32_t)whole * BASE_DIGITS];
	below = w->sticky || any(w->limb, whole);
	n = w->n - whole;
	memmove(w->limb, w->limb + whole, n * sizeof(*w->limb));
	rest = 0;
	for (uint32_t i = n; i-- > 0;) {
		uint64_t x = (uint64_t)rest * BASE + w->limb[i];

		w->limb[i] = (uint32_t)(x / by);
		rest = (uint32_t)(x % by);
	}
	w->n = n;
	wide_trim(w);
	half = by / 2;
	if (rest == 0 && !below)
		return REST_NONE;
	if (rest == half && !below)
		return REST_HALF;
	return rest < half ? REST_BELOW : REST_ABOVE;
}

static bool
rounds_up(const struct wide *w, enum rest rest, enum decimal_rounding how)
{
	bool odd = w->n > 0 && w->limb[0] % 2;

	if (rest == REST_NONE)
		return false;
	switch (how) {
	case DECIMAL_HALF_EVEN:
		return rest == REST_ABOVE || (rest == REST_HALF && odd);
	case DECIMAL_HALF_AWAY:
		return rest >= REST_HALF;
	case DECIMAL_HALF_UP:
		return rest == REST_ABOVE || (rest == REST_HALF && !w->negative);
	case DECIMAL_DOWN:
		return false;
	case DECIMAL_FLOOR:
		return w->negative;
	case DECIMAL_CEILING:
		return !w->negative;
	}
	return false;
}

static void
wide_increment(struct wide *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		if (++w->limb[i] < BASE)
			return;
		w->limb[i] = 0;
	}
	w->limb[w->n++] = 1;
}

/* Cut digits off, rounded; at least one is. */
static void
wide_round(struct wide *w, int32_t digits, enum decimal_rounding how)
{
	enum rest rest = wide_shift_right(w, digits);

	w->exponent += digits;
	w->sticky = false;
	if (rounds_up(w, rest, how))
		wide_increment(w);
}

/* The number as a decimal of so many digits. */
static int
settle(struct wide *w, int32_t digits, struct decimal *out)
{
	int32_t have, cut;

	wide_trim(w);
	have = count_digits(w->limb, w->n);
	cut = have - digits;
	if (cut < EXPONENT_MIN - w->exponent)
		cut = EXPONENT_MIN - w->exponent;
	if (cut > 0) {
		wide_round(w, cut, DECIMAL_HALF_EVEN);
		have = count_digits(w->limb, w->n);
		if (have > digits) /* 999 became 1000 */
			wide_round(w, have - digits, DECIMAL_DOWN);
		have = count_digits(w->limb, w->n);
	}
	if (have > 0 && w->exponent + have - 1 > DECIMAL_POWER_MAX)
		return -1;
	memset(out, 0, sizeof(*out));
	memcpy(out->limb, w->limb, w->n * sizeof(*w->limb));
	out->limbs = (uint8_t)w->n;
	out->exponent = w->exponent > DECIMAL_POWER_MAX ? DECIMAL_POWER_MAX : w->exponent;
	out->negative = w->negative && w->n > 0;
	return 0;
}

struct decimal
decimal_of(int64_t value)
{
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
	struct decimal d = { .negative = value < 0 };

	for (; left; left /= BASE)
		d.limb[d.limbs++] = (uint32_t)(left % BASE);
	return d;
}

/* What a number's text is made of. */
struct scanned {
	char digit[DECIMAL_DIGITS];
	int32_t digits;	 /* significant ones */
	int32_t points;	 /* digits of the fraction */
	int32_t written; /* digits, with leading zeros */
	int32_t power;
	bool negative;
};

enum {
	SCAN_DIGITS = 1 << 20, /* of fraction and leading zeros: more is refused */
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t
scan_digits(struct str s, size_t i, struct scanned *n, bool fraction)
{
	for (; i < s.len && is_digit(s.p[i]) && n->written < SCAN_DIGITS; i++) {
		n->written++;
		n->points += fraction;
		if (n->digits == 0 && s.p[i] == '0')
			continue;
		if (n->digits < DECIMAL_DIGITS)
			n->digit[n->digits] = s.p[i];
		if (n->digits <= DECIMAL_DIGITS)
			n->digits++;
	}
	return i;
}

/* An exponent behind the 'e' at i. Returns the end, or i when there is none. */
static size_t
scan_exponent(struct str s, size_t i, struct scanned *n)
{
	size_t at = i + 1;
	bool negative = at < s.len && s.p[at] == '-';

	if (at < s.len && (s.p[at] == '-' || s.p[at] == '+'))
		at++;
	if (at >= s.len || !is_digit(s.p[at]))
		return i;
	for (; at < s.len && is_digit(s.p[at]); at++)
		if (n->power < SCAN_DIGITS * 4)
			n->power = n->power * 10 + (s.p[at] - '0');
	if (negative)
		n->power = -n->power;
	return at;
}

static bool
scan_number(struct str s, struct scanned *n)
{
	size_t i = s.len > 0 && (s.p[0] == '-' || s.p[0] == '+'), from;

	n->digits = n->points = n->written = n->power = 0;
	n->negative = i && s.p[0] == '-';
	i = scan_digits(s, from = i, n, false);
	if (i == from)
		return false;
	if (i < s.len && s.p[i] == '.') {
		i = scan_digits(s, from = i + 1, n, true);
		if (i == from)
			return false;
	}
	if (i < s.len && (s.p[i] == 'e' || s.p[i] == 'E'))
		i = scan_exponent(s, i, n);
	return i == s.len || n->written >= SCAN_DIGITS;
}

/* The coefficient from its digits, nine a limb, from the end. */
static void
pack_digits(const struct scanned *n, struct decimal *out)
{
	for (int32_t end = n->digits; end > 0; end -= BASE_DIGITS) {
		uint32_t limb = 0;

		for (int32_t i = end > BASE_DIGITS ? end - BASE_DIGITS : 0; i < end; i++)
			limb = limb * 10 + (uint32_t)(n->digit[i] - '0');
		out->limb[out->limbs++] = limb;
	}
}

int
decimal_parse(struct str text, struct decimal *out, struct error *err)
{
	struct scanned n;
	int64_t exponent;

	if (!scan_number(text, &n))
		return error_set(err, ERROR_INVALID, "this is not a decimal number");
	exponent = (int64_t)n.power - n.points;
	if (n.digits > DECIMAL_DIGITS || n.written >= SCAN_DIGITS)
		return error_set(
		    err, ERROR_LIMIT, "a decimal has at most %d digits", DECIMAL_DIGITS);
	if (n.digits == 0) {
		exponent = exponent < EXPONENT_MIN ? EXPONENT_MIN : exponent;
		exponent = exponent > DECIMAL_POWER_MAX ? DECIMAL_POWER_MAX : exponent;
	} else if (exponent + n.digits - 1 > DECIMAL_POWER_MAX ||
		   exponent + n.digits - 1 < -DECIMAL_POWER_MAX) {
		return error_set(err, ERROR_LIMIT, "a decimal lies between 10^-%d and 10^%d",
		    DECIMAL_POWER_MAX, DECIMAL_POWER_MAX);
	}
	memset(out, 0, sizeof(*out));
	out->exponent = (int32_t)exponent;
	pack_digits(&n, out);
	out->negative = n.negative && out->limbs > 0;
	return 0;
}

int32_t
decimal_digits(const struct decimal *d)
{
	return d->limbs ? count_digits(d->limb, d->limbs) : 1;
}

int32_t
decimal_places(const struct decimal *d)
{
	return d->exponent < 0 ? -d->exponent : 0;
}

int32_t
decimal_magnitude(const struct decimal *d)
{
	return d->exponent + decimal_digits(d) - 1;
}

/* The coefficient's digits; returns how many. */
static size_t
put_digits(const struct decimal *d, char *out)
{
	size_t n = (size_t)decimal_digits(d), at = n;

	if (d->limbs == 0)
		out[0] = '0';
	for (uint32_t i = 0; i < d->limbs; i++) {
		uint32_t limb = d->limb[i];

		for (int k = 0; k < BASE_DIGITS && at > 0; k++, limb /= 10)
			out[--at] = (char)('0' + limb % 10);
	}
	return n;
}

size_t
decimal_format(const struct decimal *d, char out[DECIMAL_TEXT])
{
	char digit[DECIMAL_DIGITS];
	size_t n = put_digits(d, digit), at = 0, points = (size_t)decimal_places(d);

	if (d->negative)
		out[at++] = '-';
	if (points >= n) {
		out[at++] = '0';
		out[at++] = '.';
		memset(out + at, '0', points - n);
		at += points - n;
		memcpy(out + at, digit, n);
		return at + n;
	}
	memcpy(out + at, digit, n - points);
	at += n - points;
	if (points) {
		out[at++] = '.';
		memcpy(out + at, digit + n - points, points);
		return at + points;
	}
	if (d->limbs && d->exponent > 0) {
		memset(out + at, '0', (size_t)d->exponent);
		at += (size_t)d->exponent;
	}
	return at;
}

size_t
decimal_format_canonical(const struct decimal *d, char out[DECIMAL_TEXT])
{
	struct decimal short_one = *d;

	decimal_strip_fraction(&short_one);
	return decimal_format(&short_one, out);
}

struct str
decimal_text(const struct decimal *d, struct arena *a)
{
	char text[DECIMAL_TEXT];
	size_t n = decimal_format(d, text);

	return str_dup(a, str_of(text, n));
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
		return settle(&x, digits, out);
	}
	order = compare_limbs(x.limb, x.n, y.limb, y.n);
	z.exponent = x.exponent;
	z.sticky = false;
	z.negative = order < 0 ? y.negative : x.negative;
	if (order < 0)
		subtract_limbs(&y, &x, &z);
	else
		subtract_limbs(&x, &y, &z);
	return settle(&z, digits, out);
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
	return settle(&w, digits, out);
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
	if (settle(&q, digits, out))
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
	return settle(&q, DECIMAL_DIGITS, out);
}

int
decimal_mod(const struct decimal *a, const struct decimal *b, struct decimal *out)
{
	struct wide q, rest;

	if (divide_whole(a, b, &q, &rest))
		return -1;
	return settle(&rest, DECIMAL_DIGITS, out);
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
	return settle(&w, DECIMAL_DIGITS, out);
}

int
decimal_round_to(const struct decimal *d, int32_t digits, struct decimal *out)
{
	struct wide w;

	wide_of(d, &w);
	return settle(&w, digits, out);
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
