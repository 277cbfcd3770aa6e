/* FHIRPath's primitive values, compared. */
#include "base/hash.h"
#include "profiles/fhirpath_value.h"

enum fhirpath_kind
fhirpath_kind_of(uint8_t lexical)
{
	switch ((enum pack_lexical)lexical) {
	case LEXICAL_NONE:
		return FHIRPATH_NODE;
	case LEXICAL_BOOLEAN:
		return FHIRPATH_BOOLEAN;
	case LEXICAL_INTEGER:
	case LEXICAL_UNSIGNED_INT:
	case LEXICAL_POSITIVE_INT:
	case LEXICAL_INTEGER64:
		return FHIRPATH_INTEGER;
	case LEXICAL_DECIMAL:
		return FHIRPATH_DECIMAL;
	case LEXICAL_DATE:
		return FHIRPATH_DATE;
	case LEXICAL_DATETIME:
	case LEXICAL_INSTANT:
		return FHIRPATH_DATETIME;
	case LEXICAL_TIME:
		return FHIRPATH_TIME;
	default:
		return FHIRPATH_STRING;
	}
}

/* A decimal as its digits: 0.d1d2d3… * 10^power. */
struct digits {
	bool negative;
	struct str text; /* may hold a point */
	int64_t power;
};

static size_t
next_digit(const struct digits *d, size_t i)
{
	while (i < d->text.len && d->text.p[i] == '.')
		i++;
	return i;
}

static struct digits
read_digits(struct str s)
{
	struct digits d = { .text = s };
	ptrdiff_t e;
	int64_t exponent = 0;
	size_t whole;

	if (d.text.len && (d.text.p[0] == '-' || d.text.p[0] == '+')) {
		d.negative = d.text.p[0] == '-';
		d.text = str_from_index(d.text, 1);
	}
	for (e = 0; (size_t)e < d.text.len && (d.text.p[e] | 32) != 'e'; e++)
		;
	if ((size_t)e < d.text.len) {
		struct str power = str_from_index(d.text, (size_t)e + 1);

		if (power.len && power.p[0] == '+')
			power = str_from_index(power, 1);
		if (!str_to_int(power, &exponent) || exponent > INT32_MAX || exponent < INT32_MIN)
			exponent = power.len && power.p[0] == '-' ? INT32_MIN : INT32_MAX;
		d.text.len = (size_t)e;
	}
	whole = str_find(d.text, '.') < 0 ? d.text.len : (size_t)str_find(d.text, '.');
	d.power = exponent + (int64_t)whole;
	while (d.text.len && (d.text.p[0] == '0' || d.text.p[0] == '.')) {
		d.power -= d.text.p[0] == '0';
		d.text = str_from_index(d.text, 1);
	}
	while (d.text.len && (d.text.p[d.text.len - 1] == '0' || d.text.p[d.text.len - 1] == '.'))
		d.text.len--;
	if (!d.text.len)
		d = (struct digits){ .text = d.text };
	return d;
}

static int
compare_magnitudes(const struct digits *x, const struct digits *y)
{
	size_t i = 0, j = 0;

	if (!x->text.len || !y->text.len)
		return (x->text.len > 0) - (y->text.len > 0);
	if (x->power != y->power)
		return x->power < y->power ? -1 : 1;
	for (;; i++, j++) {
		i = next_digit(x, i);
		j = next_digit(y, j);
		if (i >= x->text.len || j >= y->text.len)
			return (i < x->text.len) - (j < y->text.len);
		if (x->text.p[i] != y->text.p[j])
			return x->text.p[i] < y->text.p[j] ? -1 : 1;
	}
}

static int
compare_numbers(struct str a, struct str b)
{
	struct digits x = read_digits(a), y = read_digits(b);
	int c;

	if (x.negative != y.negative)
		return x.negative ? -1 : 1;
	c = compare_magnitudes(&x, &y);
	return x.negative ? -c : c;
}

bool
value_read_quantity(struct str text, struct quantity *out)
{
	ptrdiff_t space = str_find(text, ' ');
	struct str number = space < 0 ? text : str_of(text.p, (size_t)space);
	struct str unit = space < 0 ? STR("'1'") : str_trim(str_from_index(text, (size_t)space));
	enum calendar_unit calendar;
	struct decimal value;

	if (decimal_parse(number, &value, NULL))
		return false;
	if (unit.len >= 2 && unit.p[0] == '\'' && unit.p[unit.len - 1] == '\'') {
		unit = str_of(unit.p + 1, unit.len - 2);
		if (quantity_make(&value, unit, out, NULL) == 0)
			return true;
	}
	/* A calendar's unit in quotes is no code of UCUM; it is taken for what it
	 * says, as the official tests have it. */
	calendar = calendar_unit_of(unit);
	if (calendar == CALENDAR_NONE)
		return false;
	quantity_make_calendar(&value, calendar, out);
	return true;
}

static enum comparison
value_compare_quantities(struct str x, struct str y, int *order)
{
	struct quantity a, b;
	enum quantity_order o;

	if (!value_read_quantity(x, &a) || !value_read_quantity(y, &b))
		return UNDECIDED;
	o = quantity_compare(&a, &b);
	*order = (int)o;
	return o == QUANTITY_INCOMPARABLE ? UNDECIDED : COMPARED;
}

enum comparison
value_compare(const struct fhirpath_item *x, const struct fhirpath_item *y, int *order)
{
	if (kind_is_number(x->kind) && kind_is_number(y->kind)) {
		*order = compare_numbers(x->value, y->value);
		return COMPARED;
	}
	if ((kind_is_date(x->kind) && kind_is_date(y->kind)) ||
	    (x->kind == FHIRPATH_TIME && y->kind == FHIRPATH_TIME)) {
		struct moment a = moment_read(x), b = moment_read(y);

		return moment_compare(&a, &b, order);
	}
	if (x->kind != y->kind || x->kind == FHIRPATH_NODE)
		return NOT_COMPARABLE;
	if (x->kind == FHIRPATH_QUANTITY)
		return value_compare_quantities(x->value, y->value, order);
	*order = str_cmp(x->value, y->value);
	return COMPARED;
}

static uint64_t
mix(uint64_t hash, uint64_t more)
{
	hash = (hash ^ more) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

static uint64_t
hash_number(struct str s)
{
	struct digits d = read_digits(s);
	uint64_t hash = mix(d.negative, (uint64_t)d.power);

	for (size_t i = next_digit(&d, 0); i < d.text.len; i = next_digit(&d, i + 1))
		hash = mix(hash, (unsigned char)d.text.p[i]);
	return hash;
}

/* A year equals twelve months, but not in days: months share one hash. */
static uint64_t
hash_quantity(struct str s)
{
	struct quantity q;
	struct decimal d;

	if (!value_read_quantity(s, &q) || q.calendar == CALENDAR_YEAR ||
	    q.calendar == CALENDAR_MONTH || ucum_canonical(&q.value, &q.unit, &d))
		return FHIRPATH_QUANTITY;
	return decimal_hash(&d);
}

uint64_t
value_hash(const struct fhirpath_item *x)
{
	if (!x->value.len)
		return 0;
	if (kind_is_number(x->kind))
		return hash_number(x->value);
	if (kind_is_date(x->kind) || x->kind == FHIRPATH_TIME) {
		struct moment m = moment_read(x);

		return moment_hash(&m);
	}
	if (x->kind == FHIRPATH_QUANTITY)
		return hash_quantity(x->value);
	return hash64(x->value, x->kind);
}
