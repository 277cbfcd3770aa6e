#include "profiles/decimal_wide.h"

#include <assert.h>

static const uint32_t pow10_of[BASE_DIGITS + 1] = { 1, 10, 100, 1000, 10000, 100000, 1000000,
	10000000, 100000000, 1000000000 };

int32_t
limb_digits(uint32_t limb)
{
	int32_t n = 1;

	while (n < BASE_DIGITS && limb >= pow10_of[n])
		n++;
	return n;
}

int32_t
count_digits(const uint32_t *limb, uint32_t n)
{
	return n == 0 ? 0 : (int32_t)(n - 1) * BASE_DIGITS + limb_digits(limb[n - 1]);
}

void
wide_trim(struct wide *w)
{
	while (w->n > 0 && w->limb[w->n - 1] == 0)
		w->n--;
}

void
wide_of(const struct decimal *d, struct wide *w)
{
	memcpy(w->limb, d->limb, d->limbs * sizeof(*d->limb));
	w->n = d->limbs;
	w->exponent = d->exponent;
	w->negative = d->negative;
	w->sticky = false;
}

/* Times 10^digits; the exponent is the caller's. */
void
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

/* Cut digits off; says what they were. */
enum rest
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
void
wide_round(struct wide *w, int32_t digits, enum decimal_rounding how)
{
	enum rest rest = wide_shift_right(w, digits);

	w->exponent += digits;
	w->sticky = false;
	if (rounds_up(w, rest, how))
		wide_increment(w);
}

/* The number as a decimal of so many digits. */
int
wide_settle(struct wide *w, int32_t digits, struct decimal *out)
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
