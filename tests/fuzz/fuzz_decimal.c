/*
 * Two numbers parted by a blank. What is read is written and read as the same;
 * arithmetic keeps its laws: what was added can be subtracted, a quotient and
 * its remainder make the whole, a root squared comes close.
 */
#include <stdio.h>
#include <stdlib.h>

#include "profiles/decimal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static void
try_text(const struct decimal *d)
{
	char text[DECIMAL_TEXT];
	struct str s = str_of(text, decimal_format(d, text));
	struct decimal again;
	struct error err;

	if (decimal_parse(s, &again, &err) == 0) {
		demand(decimal_equal(d, &again), "it is read as it was written");
		demand(decimal_hash(d) == decimal_hash(&again), "equals have one hash");
		demand(d->exponent > 0 || d->exponent == again.exponent, "digits are kept");
	} else {
		demand(err.kind == ERROR_LIMIT, "it is too long, if anything");
	}
	again = *d;
	decimal_strip(&again);
	demand(decimal_equal(d, &again), "zeros at the end mean nothing");
}

static void
try_one(const struct decimal *d)
{
	struct decimal x, y, ulp;
	int64_t n;

	try_text(d);
	if (decimal_to_int(d, &n)) {
		x = decimal_of(n);
		demand(decimal_equal(&x, d), "it is this whole number");
	}
	if (decimal_floor(d, &x) == 0 && decimal_ceiling(d, &y) == 0)
		demand(decimal_compare(&x, d) <= 0 && decimal_compare(d, &y) <= 0,
		    "it lies between floor and ceiling");
	if (decimal_low_boundary(d, 8, &x) && decimal_high_boundary(d, 8, &y))
		demand(decimal_compare(&x, &y) <= 0 && decimal_places(&x) == 8, "boundaries");
	if (decimal_sqrt(d, &x) == 0 && decimal_multiply(&x, &x, &y) == 0 && !decimal_is_zero(&y) &&
	    decimal_subtract(&y, d, &y) == 0) {
		ulp = *d; /* the square is right to 33 digits */
		ulp.exponent -= 33;
		decimal_abs(&y, &y);
		decimal_abs(&ulp, &ulp);
		demand(decimal_compare(&y, &ulp) <= 0, "the root squared");
	}
	if (decimal_exp(d, &x) == 0)
		try_text(&x);
	if (decimal_ln(d, &x) == 0)
		try_text(&x);
}

static void
try_two(const struct decimal *a, const struct decimal *b)
{
	struct decimal x, y, z;

	demand(decimal_compare(a, b) == -decimal_compare(b, a), "order has two sides");
	demand(!decimal_equal(a, b) || decimal_is_equivalent(a, b), "equals are equivalent");
	if (decimal_add(a, b, &x) == 0 && decimal_digits(&x) < DECIMAL_DIGITS &&
	    decimal_subtract(&x, b, &y) == 0 && decimal_digits(&y) < DECIMAL_DIGITS)
		demand(decimal_equal(a, &y), "what was added is subtracted");
	if (decimal_div(a, b, &x) == 0 && decimal_mod(a, b, &y) == 0 &&
	    decimal_multiply(&x, b, &z) == 0 && decimal_digits(&z) < DECIMAL_DIGITS &&
	    decimal_add(&z, &y, &z) == 0 && decimal_digits(&z) < DECIMAL_DIGITS)
		demand(decimal_equal(a, &z), "quotient and remainder make the whole");
	if (decimal_multiply(a, b, &x) == 0)
		try_text(&x);
	if (decimal_divide(a, b, &x) == 0)
		try_text(&x);
	if (decimal_power(a, b, &x) == 0)
		try_text(&x);
	if (decimal_log(a, b, &x) == 0)
		try_text(&x);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_of((const char *)data, size), first;
	struct decimal a, b;

	if (!str_split(&rest, ' ', &first) || decimal_parse(first, &a, NULL))
		return 0;
	try_one(&a);
	if (decimal_parse(rest, &b, NULL) == 0)
		try_two(&a, &b);
	return 0;
}
