/*
 * Two codes of units parted by a blank. A unit's canonical code is a unit
 * commensurable with it; what is converted can be converted back; quantities
 * in two units have the order of their canonical values.
 */
#include <stdio.h>
#include <stdlib.h>

#include "profiles/quantity.h"
#include "profiles/ucum.h"

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
try_one(const struct ucum_unit *u)
{
	struct decimal value = decimal_of(3), base, again;
	char text[UCUM_TEXT];
	struct ucum_unit canonical;

	demand(ucum_parse(str_of(text, ucum_canonical_unit(u, text)), &canonical, NULL) == 0,
	    "the canonical code is one");
	demand(ucum_is_commensurable(u, &canonical), "of the same kind");
	if (ucum_canonical(&value, u, &base) == 0 && !u->special &&
	    ucum_convert(&value, u, &canonical, &again, NULL) == 0)
		demand(decimal_equal(&base, &again), "the canonical value is in its units");
}

/* Equal but for the last digits. */
static bool
is_near(const struct decimal *a, const struct decimal *b)
{
	struct decimal x, least = { .limb = { 1 }, .limbs = 1, .exponent = -25 };

	return decimal_subtract(a, b, &x) == 0 && (decimal_abs(&x, &x), 1) &&
	       decimal_compare(&x, &least) <= 0;
}

static void
try_two(const struct ucum_unit *a, const struct ucum_unit *b)
{
	struct decimal value = decimal_of(3), there, back;
	struct ucum_unit product, quotient;
	int order = 0, other = 0;

	if (ucum_multiply(a, b, &product) == 0 && !product.special &&
	    ucum_divide(&product, b, &quotient) == 0)
		demand(ucum_is_commensurable(a, &quotient), "what was multiplied is divided");
	if (!ucum_is_commensurable(a, b)) {
		demand(ucum_convert(&value, a, b, &there, NULL) == -1, "nothing is converted");
		return;
	}
	if (!a->special && !b->special && ucum_convert(&value, a, b, &there, NULL) == 0 &&
	    !decimal_is_zero(&there) && decimal_digits(&there) > 30 &&
	    ucum_convert(&there, b, a, &back, NULL) == 0)
		demand(is_near(&value, &back), "what was converted is converted back");
	if (ucum_compare(&value, a, &value, b, &order) &&
	    ucum_compare(&value, b, &value, a, &other))
		demand(order == -other, "order has two sides");
}

static void
try_quantities(struct str first, struct str second)
{
	struct decimal two = decimal_of(2), three = decimal_of(3);
	struct quantity a, b, q;
	struct arena arena;

	arena_init(&arena, 1 << 16, 0);
	if (quantity_make(&two, first, &a, NULL) == 0 &&
	    quantity_make(&three, second, &b, NULL) == 0) {
		if (quantity_multiply(&a, &b, &arena, &q) == 0)
			demand(ucum_parse(q.code, &q.unit, NULL) == 0, "a product has a code");
		if (quantity_divide(&a, &b, &arena, &q) == 0)
			demand(ucum_parse(q.code, &q.unit, NULL) == 0, "a quotient has a code");
		if (quantity_add(&a, &b, &q) == 0)
			demand(quantity_text(&q, &arena).p != NULL, "a sum has a text");
		if (a.unit.special == b.unit.special && quantity_compare(&a, &b) == QUANTITY_EQUAL)
			demand(quantity_is_equivalent(&a, &b), "equals are equivalent");
	}
	arena_release(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_of((const char *)data, size), first;
	struct ucum_unit a, b;
	struct error err = { 0 };

	if (!str_split(&rest, ' ', &first))
		return 0;
	if (ucum_parse(first, &a, &err)) {
		demand(err.text[0] != '\0', "a failure says why");
		return 0;
	}
	try_one(&a);
	if (ucum_parse(rest, &b, NULL) == 0) {
		try_two(&a, &b);
		try_quantities(first, rest);
	}
	return 0;
}
