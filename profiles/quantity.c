#include "profiles/quantity.h"

#include <stdio.h>

#include "profiles/decimal_working.h"

static const struct calendar {
	const char *name;
	const char *length;	/* in UCUM */
	const char *equivalent; /* the unit of UCUM */
} calendars[] = {
	[CALENDAR_YEAR] = { "year", "365.d", "a" },
	[CALENDAR_MONTH] = { "month", "30.d", "mo" },
	[CALENDAR_WEEK] = { "week", "wk", "wk" },
	[CALENDAR_DAY] = { "day", "d", "d" },
	[CALENDAR_HOUR] = { "hour", "h", "h" },
	[CALENDAR_MINUTE] = { "minute", "min", "min" },
	[CALENDAR_SECOND] = { "second", "s", "s" },
	[CALENDAR_MILLISECOND] = { "millisecond", "ms", "ms" },
};

enum calendar_unit
calendar_unit_of(struct str keyword)
{
	struct str singular = keyword;

	if (str_ends(keyword, STR("s")))
		singular.len--;
	for (int i = CALENDAR_YEAR; i <= CALENDAR_MILLISECOND; i++)
		if (str_is(singular, calendars[i].name))
			return (enum calendar_unit)i;
	return CALENDAR_NONE;
}

const char *
calendar_unit_name(enum calendar_unit unit)
{
	return calendars[unit].name;
}

int
quantity_make(const struct decimal *value, struct str code, struct quantity *out, struct error *err)
{
	struct ucum_unit unit;

	if (ucum_parse(code, &unit, err))
		return -1;
	*out = (struct quantity){
		.value = *value, .unit = unit, .code = code.len ? code : STR("1")
	};
	return 0;
}

void
quantity_make_calendar(const struct decimal *value, enum calendar_unit unit, struct quantity *out)
{
	*out = (struct quantity){ .value = *value, .calendar = unit };
	out->code = str_from(calendars[unit].name);
	ucum_parse(str_from(calendars[unit].length), &out->unit, NULL);
}

/* Years and months, which have no length of their own. */
static bool
is_indefinite(const struct quantity *q)
{
	return q->calendar == CALENDAR_YEAR || q->calendar == CALENDAR_MONTH;
}

static bool
both_indefinite(const struct quantity *a, const struct quantity *b)
{
	return is_indefinite(a) && is_indefinite(b);
}

/* Whether one has no length and the other is no calendar's. */
static bool
is_mixed(const struct quantity *a, const struct quantity *b)
{
	return (is_indefinite(a) && b->calendar == CALENDAR_NONE) ||
	       (is_indefinite(b) && a->calendar == CALENDAR_NONE);
}

/* Years as months. */
static int
in_months(const struct quantity *q, struct decimal *out)
{
	struct decimal twelve = decimal_of(12);

	*out = q->value;
	return q->calendar == CALENDAR_YEAR ? decimal_multiply(out, &twelve, out) : 0;
}

enum quantity_order
quantity_compare(const struct quantity *a, const struct quantity *b)
{
	struct decimal x, y;
	int order;

	if (both_indefinite(a, b)) {
		if (in_months(a, &x) || in_months(b, &y))
			return QUANTITY_INCOMPARABLE;
		return (enum quantity_order)decimal_compare(&x, &y);
	}
	if (is_mixed(a, b) || !ucum_compare(&a->value, &a->unit, &b->value, &b->unit, &order))
		return QUANTITY_INCOMPARABLE;
	return (enum quantity_order)order;
}

/* The unit of UCUM that a year or month is equivalent to. */
static struct ucum_unit
equivalent_unit(const struct quantity *q)
{
	struct ucum_unit unit = q->unit;

	if (is_indefinite(q))
		ucum_parse(str_from(calendars[q->calendar].equivalent), &unit, NULL);
	return unit;
}

/* Whether one of a is more than one of b. */
static bool
is_larger(const struct ucum_unit *a, const struct ucum_unit *b)
{
	struct decimal one = decimal_of(1);
	int order;

	return ucum_compare(&one, a, &one, b, &order) && order > 0;
}

bool
quantity_is_equivalent(const struct quantity *a, const struct quantity *b)
{
	bool indefinite = both_indefinite(a, b) || is_mixed(a, b);
	struct ucum_unit x = indefinite ? equivalent_unit(a) : a->unit;
	struct ucum_unit y = indefinite ? equivalent_unit(b) : b->unit;
	struct decimal value = a->value, other = b->value;

	if (!ucum_is_commensurable(&x, &y))
		return false;
	if (is_larger(&x, &y)) {
		if (ucum_convert(&other, &y, &x, &other, NULL))
			return false;
	} else if (ucum_convert(&value, &x, &y, &value, NULL)) {
		return false;
	}
	return decimal_is_equivalent(&value, &other);
}

/* A quantity as another calendar duration or in another unit. */
static int
convert_to(
    const struct quantity *q, const struct quantity *like, struct decimal *out, struct error *err)
{
	struct decimal twelve = decimal_of(12);

	if (!both_indefinite(q, like))
		return ucum_convert(&q->value, &q->unit, &like->unit, out, err);
	if (in_months(q, out))
		return error_set(err, ERROR_INVALID, "cannot convert a value that is too large");
	return like->calendar == CALENDAR_YEAR ? decimal_divide(out, &twelve, out) : 0;
}

int
quantity_convert(const struct quantity *q, struct str code, struct quantity *out, struct error *err)
{
	enum calendar_unit calendar = calendar_unit_of(code);
	struct quantity to;

	if (calendar != CALENDAR_NONE)
		quantity_make_calendar(&q->value, calendar, &to);
	else if (quantity_make(&q->value, code, &to, err))
		return -1;
	if (convert_to(q, &to, &to.value, err))
		return -1;
	*out = to;
	return 0;
}

static bool
same_unit(const struct quantity *a, const struct quantity *b)
{
	return a->calendar == b->calendar && str_eq(a->code, b->code);
}

typedef int decimal_fn(const struct decimal *a, const struct decimal *b, struct decimal *out);

static int
add_by(decimal_fn *fn, const struct quantity *a, const struct quantity *b, struct quantity *out)
{
	struct quantity x = *a, y = *b;

	if (!same_unit(a, b)) {
		if (is_mixed(a, b) || !ucum_is_commensurable(&a->unit, &b->unit) ||
		    a->unit.special || b->unit.special)
			return -1;
		if (is_larger(&a->unit, &b->unit)) {
			x = *b;
			if (convert_to(a, b, &x.value, NULL))
				return -1;
		} else {
			y = *a;
			if (convert_to(b, a, &y.value, NULL))
				return -1;
		}
	}
	if (fn(&x.value, &y.value, &x.value))
		return -1;
	*out = x;
	return 0;
}

int
quantity_add(const struct quantity *a, const struct quantity *b, struct quantity *out)
{
	return add_by(decimal_add, a, b, out);
}

int
quantity_subtract(const struct quantity *a, const struct quantity *b, struct quantity *out)
{
	return add_by(decimal_subtract, a, b, out);
}

static bool
is_number(const struct quantity *q)
{
	return q->calendar == CALENDAR_NONE && str_is(q->code, "1");
}

/* A code that can stand in a term; {NULL, 0} of years and months. */
static struct str
code_of(const struct quantity *q)
{
	if (is_indefinite(q))
		return (struct str){ NULL, 0 };
	return q->calendar ? str_from(calendars[q->calendar].length) : q->code;
}

static bool
is_term(struct str code)
{
	return str_find(code, '.') >= 0 || str_find(code, '/') >= 0;
}

/*
 * Put the unit of a product or quotient together. The value is that of the
 * whole: it goes with the numbers when no dimension is left.
 */
static int
join_units(const struct quantity *a, const struct quantity *b, bool divide, struct arena *arena,
    struct quantity *q)
{
	struct str left = code_of(a), right = code_of(b);
	bool nested = is_term(right);

	if (!left.p || !right.p || left.len + right.len + 3 > UCUM_CODE_MAX)
		return -1;
	if ((divide ? ucum_divide : ucum_multiply)(&a->unit, &b->unit, &q->unit))
		return -1;
	q->calendar = CALENDAR_NONE;
	if (ucum_is_dimensionless(&q->unit) && !ucum_is_dimensionless(&a->unit)) {
		if (ucum_canonical(&q->value, &q->unit, &q->value))
			return -1;
		q->unit = ucum_one();
		q->code = STR("1");
		return 0;
	}
	if (right.len && right.p[0] == '/') { /* "/L" stands in no parentheses */
		right = str_printf(arena, "1%.*s", STR_ARG(right));
		nested = true;
	}
	q->code = str_printf(arena, nested ? "%.*s%c(%.*s)" : "%.*s%c%.*s", STR_ARG(left),
	    divide ? '/' : '.', STR_ARG(right));
	return q->code.p ? 0 : -1;
}

int
quantity_multiply(
    const struct quantity *a, const struct quantity *b, struct arena *arena, struct quantity *out)
{
	struct quantity q = is_number(a) ? *b : *a;

	if (decimal_multiply(&a->value, &b->value, &q.value))
		return -1;
	if (!is_number(a) && !is_number(b) && join_units(a, b, false, arena, &q))
		return -1;
	*out = q;
	return 0;
}

int
quantity_divide(
    const struct quantity *a, const struct quantity *b, struct arena *arena, struct quantity *out)
{
	struct quantity q = *a;

	if (decimal_divide(&a->value, &b->value, &q.value))
		return -1;
	if (both_indefinite(a, b)) {
		struct decimal x, y;

		if (in_months(a, &x) || in_months(b, &y) || decimal_divide(&x, &y, &x))
			return -1;
		return quantity_make(&x, STR("1"), out, NULL);
	}
	if (!is_number(b) && join_units(a, b, true, arena, &q))
		return -1;
	*out = q;
	return 0;
}

struct str
quantity_text(const struct quantity *q, struct arena *a)
{
	char number[DECIMAL_TEXT];
	struct str value = str_of(number, decimal_format(&q->value, number));
	struct decimal one = decimal_of(1), size;

	if (q->calendar == CALENDAR_NONE)
		return str_printf(a, "%.*s '%.*s'", STR_ARG(value), STR_ARG(q->code));
	decimal_abs(&q->value, &size);
	return str_printf(a, "%.*s %s%s", STR_ARG(value), calendars[q->calendar].name,
	    decimal_equal(&size, &one) ? "" : "s");
}
