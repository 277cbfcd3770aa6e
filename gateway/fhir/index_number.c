/* The values of numbers and quantities, encoded so that they order. */
#include "gateway/fhir/index_extract.h"
#include "profiles/decimal.h"
#include "profiles/ucum.h"

#define UCUM_SYSTEM "http://unitsofmeasure.org"
#define CURRENCY_SYSTEM "urn:iso:std:iso:4217"

int64_t
search_number(const struct decimal *d)
{
	enum {
		DIGITS = 15,
		POWER_BIAS = DECIMAL_POWER_MAX + 1,
	};
	const int64_t ten_to_digits = INT64_C(1000000000000000);
	struct decimal x;
	int32_t power; /* the value is below ten to this */
	int64_t n = 0;

	if (decimal_is_zero(d))
		return 0;
	decimal_abs(d, &x);
	power = decimal_digits(&x) + x.exponent;
	if (decimal_round(&x, DIGITS - power, DECIMAL_HALF_EVEN, &x) < 0)
		x = *d;
	x.exponent += DIGITS - power;
	if (!decimal_to_int(&x, &n))
		n = ten_to_digits;
	if (n >= ten_to_digits) {
		n /= 10;
		power++;
	}
	n += (power + POWER_BIAS) * ten_to_digits;
	return d->negative ? -n : n;
}

bool
search_degrees(struct str text, unsigned most, int64_t *out)
{
	const int64_t limit = (int64_t)most * 10000000;
	struct decimal d;

	if (decimal_parse(text, &d, NULL) < 0)
		return false;
	d.exponent += 7;
	return decimal_round(&d, 0, DECIMAL_HALF_EVEN, &d) == 0 && decimal_to_int(&d, out) &&
	       *out >= -limit && *out <= limit;
}

int
search_quantity(struct str system, struct str *code, struct decimal *value, struct arena *a)
{
	char text[UCUM_TEXT];
	struct ucum_unit unit;
	struct str canonical;

	if (!str_is(system, UCUM_SYSTEM) || ucum_parse(*code, &unit, NULL) < 0)
		return 0;
	if (ucum_canonical(value, &unit, value) < 0)
		return -1;
	canonical = str_dup(a, str_of(text, ucum_canonical_unit(&unit, text)));
	if (!canonical.p)
		return -1;
	*code = canonical;
	return 0;
}

static void
add_number(struct extraction *x, int64_t low, int64_t high, struct str unit)
{
	struct store_index *row = search_add_row(x, PARAM_NUMBER);

	row->value = unit;
	row->low = low;
	row->high = high;
}

struct range {
	bool has_low, has_high;
	struct decimal low, high;
};

/* One step up or down: "<5" has 5 itself not in it. */
static void
encode_range(const struct range *q, struct str comparator, int64_t *low, int64_t *high)
{
	*low = q->has_low ? search_number(&q->low) : INT64_MIN;
	*high = q->has_high ? search_number(&q->high) : INT64_MAX;
	if (str_is(comparator, "<"))
		(*high)--;
	if (str_is(comparator, ">"))
		(*low)++;
}

/* The range by its unit in base units; a scale that runs the other way turns
 * it. */
static void
add_quantity(
    struct extraction *x, struct range q, struct str comparator, struct str system, struct str code)
{
	struct str low_code = code, high_code = code;
	struct store_index *row;
	int64_t low, high;

	if (!system.len || !code.len)
		return;
	if ((q.has_low && search_quantity(system, &low_code, &q.low, x->a) < 0) ||
	    (q.has_high && search_quantity(system, &high_code, &q.high, x->a) < 0))
		return;
	if (q.has_low && q.has_high && decimal_compare(&q.low, &q.high) > 0) {
		struct decimal d = q.low;

		q.low = q.high;
		q.high = d;
	}
	encode_range(&q, comparator, &low, &high);
	row = search_add_row(x, PARAM_QUANTITY);
	row->system = system;
	row->value = q.has_low ? low_code : high_code;
	row->low = low;
	row->high = high;
}

static bool
decimal_at(const struct extraction *x, uint32_t node, struct decimal *out)
{
	return node && search_type_at(x, node)->kind == PACK_PRIMITIVE &&
	       decimal_parse(record_text(x->r, node), out, NULL) == 0;
}

/* A range of which each of these units tells: as written, then by its code. */
static void
add_measure(struct extraction *x, const struct range *q, uint32_t node)
{
	struct str comparator = record_value(x->r, x->p, node, STR("comparator"));
	struct str system = record_value(x->r, x->p, node, STR("system"));
	struct str code = record_value(x->r, x->p, node, STR("code"));
	struct str unit = record_value(x->r, x->p, node, STR("unit"));
	struct str currency = record_value(x->r, x->p, node, STR("currency"));
	int64_t low, high;

	if (currency.len) {
		system = STR(CURRENCY_SYSTEM);
		code = currency;
	}
	encode_range(q, comparator, &low, &high);
	add_number(x, low, high, code);
	if (unit.len && !str_eq(unit, code))
		add_number(x, low, high, unit);
	if (x->e->kind == PARAM_QUANTITY)
		add_quantity(x, *q, comparator, system, code);
}

static void
quantity_of_node(struct extraction *x, uint32_t node)
{
	struct str comparator = record_value(x->r, x->p, node, STR("comparator"));
	struct range q = { .has_low = true, .has_high = true };

	if (!decimal_at(x, record_child(x->r, x->p, node, STR("value")), &q.low))
		return;
	q.high = q.low;
	if (comparator.len && comparator.p[0] == '<')
		q.has_low = false;
	else if (comparator.len)
		q.has_high = false;
	add_measure(x, &q, node);
}

static void
range_of_node(struct extraction *x, uint32_t low, uint32_t high)
{
	struct range q = { 0 };

	q.has_low = low && decimal_at(x, record_child(x->r, x->p, low, STR("value")), &q.low);
	q.has_high = high && decimal_at(x, record_child(x->r, x->p, high, STR("value")), &q.high);
	if (q.has_low || q.has_high)
		add_measure(x, &q, q.has_low ? low : high);
}

void
search_number_of(struct extraction *x, uint32_t node)
{
	struct decimal d;
	uint32_t low, high;

	if (search_type_at(x, node)->kind == PACK_PRIMITIVE) {
		if (decimal_at(x, node, &d))
			add_number(x, search_number(&d), search_number(&d), STR(""));
		return;
	}
	low = record_child(x->r, x->p, node, STR("low"));
	high = record_child(x->r, x->p, node, STR("high"));
	if (low || high)
		range_of_node(x, low, high);
	else
		quantity_of_node(x, node);
}

void
search_add_decimal(struct extraction *x, struct str value)
{
	struct decimal d;

	if (decimal_parse(value, &d, NULL) == 0)
		add_number(x, search_number(&d), search_number(&d), STR(""));
}
