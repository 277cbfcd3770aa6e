/* FHIRPath's arithmetic (N1, 6.6), mathematics (5.7) and boundaries. */
#include "base/clock.h"
#include "profiles/fhirpath_eval.h"

/* FHIR's Quantity (R4, 2.9.1.4): by its UCUM code, time as the calendar's. */
bool
eval_quantity_value(struct eval *e, const struct fhirpath_item *item, struct fhirpath_item *out)
{
	static const char *const calendar[][2] = { { "a", "year" }, { "mo", "month" },
		{ "d", "day" }, { "h", "hour" }, { "min", "minute" }, { "s", "second" } };
	const struct record *r = eval_record(e, item);
	struct str value, code, system;

	if (item->node == FHIRPATH_MADE || e->f->quantity == PACK_NONE ||
	    !pack_type_is(e->pack, item->type, e->f->quantity))
		return false;
	value = record_value(r, e->pack, item->node, STR("value"));
	code = record_value(r, e->pack, item->node, STR("code"));
	system = record_value(r, e->pack, item->node, STR("system"));
	if (!value.len || record_child(r, e->pack, item->node, STR("comparator")))
		return false;
	if (!code.len && !system.len && !record_child(r, e->pack, item->node, STR("unit")))
		code = STR("1");
	else if (!code.len || !str_is(system, "http://unitsofmeasure.org"))
		return false;
	*out = (struct fhirpath_item){
		.node = FHIRPATH_MADE, .type = PACK_NONE, .kind = FHIRPATH_QUANTITY
	};
	for (size_t i = 0; i < sizeof(calendar) / sizeof(calendar[0]); i++)
		if (str_is(code, calendar[i][0]))
			out->value = str_printf(
			    e->arena, "%.*s %s", STR_ARG(value), calendar[i][1]);
	if (!out->value.p)
		out->value = str_printf(e->arena, "%.*s '%.*s'", STR_ARG(value), STR_ARG(code));
	return out->value.p != NULL;
}

static int
push_quantity(struct eval *e, const struct quantity *q)
{
	return eval_push_made(e, FHIRPATH_QUANTITY, quantity_text(q, e->arena));
}

static int
add_to_moment(
    struct eval *e, const struct op *op, const struct fhirpath_item *x, const struct quantity *q)
{
	struct moment m = moment_read(x);

	switch (moment_add(&m, q, op->code == OP_SUBTRACT)) {
	case MOMENT_NO_UNIT:
		return eval_fail(e, op, "that is no unit to reckon with dates and times");
	case MOMENT_OUTSIDE:
		return 0;
	case MOMENT_DONE:
		break;
	}
	return eval_push_moment(e, &m);
}

static int
reckon_quantities(struct eval *e, const struct op *op, const struct fhirpath_item *x,
    const struct fhirpath_item *y)
{
	struct quantity a, b, q;
	int rc = -1;

	if (!value_read_quantity(x->value, &a) || !value_read_quantity(y->value, &b))
		return 0;
	if (op->code == OP_ADD)
		rc = quantity_add(&a, &b, &q);
	else if (op->code == OP_SUBTRACT)
		rc = quantity_subtract(&a, &b, &q);
	else if (op->code == OP_MULTIPLY)
		rc = quantity_multiply(&a, &b, e->arena, &q);
	else if (op->code == OP_DIVIDE)
		rc = quantity_divide(&a, &b, e->arena, &q);
	else
		return eval_fail(e, op, "quantities have no div and mod");
	return rc ? 0 : push_quantity(e, &q);
}

/* Whole numbers are of 32 bits (N1, 2.1.1); past them there is no result. */
static int
push_number(struct eval *e, const struct decimal *d, bool whole)
{
	int64_t n;

	if (!whole)
		return eval_push_decimal(e, FHIRPATH_DECIMAL, d);
	if (!decimal_to_int(d, &n) || n > INT32_MAX || n < INT32_MIN)
		return 0;
	return eval_push_integer(e, n);
}

static int
reckon_numbers(struct eval *e, const struct op *op, const struct fhirpath_item *x,
    const struct fhirpath_item *y)
{
	bool whole = x->kind == FHIRPATH_INTEGER && y->kind == FHIRPATH_INTEGER;
	struct decimal a, b;
	int rc;

	if (decimal_parse(x->value, &a, NULL) || decimal_parse(y->value, &b, NULL))
		return 0;
	switch (op->code) {
	case OP_ADD:
		rc = decimal_add(&a, &b, &a);
		break;
	case OP_SUBTRACT:
		rc = decimal_subtract(&a, &b, &a);
		break;
	case OP_MULTIPLY:
		rc = decimal_multiply(&a, &b, &a);
		break;
	case OP_DIVIDE:
		rc = decimal_divide(&a, &b, &a);
		whole = false;
		break;
	case OP_DIV:
		rc = decimal_div(&a, &b, &a);
		whole = true;
		break;
	default:
		rc = decimal_mod(&a, &b, &a);
		break;
	}
	return rc ? 0 : push_number(e, &a, whole);
}

static bool
is_amount(const struct fhirpath_item *x)
{
	return kind_is_number(x->kind) || x->kind == FHIRPATH_QUANTITY;
}

int
eval_arithmetic(struct eval *e, const struct op *op, uint32_t left, uint32_t right)
{
	bool sum = op->code == OP_ADD || op->code == OP_SUBTRACT;
	struct fhirpath_item x, y;
	struct quantity q;

	if (left == right || right == e->top) {
		e->top = left;
		return 0;
	}
	if (right - left > 1 || e->top - right > 1)
		return eval_fail(e, op, "one value is reckoned with one, and there are several");
	e->top = left;
	if (!eval_value(e, &e->stack[left], &x) || !eval_value(e, &e->stack[right], &y))
		return x.kind == FHIRPATH_NODE || y.kind == FHIRPATH_NODE
			   ? eval_fail(e, op, "there is no such arithmetic between these values")
			   : 0;
	if (op->code == OP_ADD && x.kind == FHIRPATH_STRING && y.kind == FHIRPATH_STRING)
		return eval_add_texts(e, left, x.value, y.value);
	if (kind_is_number(x.kind) && kind_is_number(y.kind))
		return reckon_numbers(e, op, &x, &y);
	if (eval_count(e, QUANTITY_STEPS))
		return -1;
	if (is_amount(&x) && is_amount(&y))
		return reckon_quantities(e, op, &x, &y);
	if (sum && y.kind == FHIRPATH_QUANTITY && (kind_is_date(x.kind) || x.kind == FHIRPATH_TIME))
		return value_read_quantity(y.value, &q)
			   ? add_to_moment(e, op, &x, &q)
			   : eval_fail(e, op, "that is no unit to reckon with dates and times");
	return eval_fail(e, op, "there is no such arithmetic between these values");
}

/* N1, 5.7.7: "0.5 or higher will round to 1". */
static int
eval_round(struct eval *e, const struct op *op, const struct decimal *d, const struct frame *frame)
{
	struct decimal out;
	int64_t places = 0;
	bool found = true;

	if (op->a != NO_OP && eval_integer_argument(e, op, op->a, frame, &places, &found))
		return -1;
	if (!found)
		return 0;
	if (places < 0)
		return eval_fail(e, op, "round() takes how many digits, none or more");
	if (decimal_round(d, places > 99 ? 99 : (int32_t)places, DECIMAL_HALF_UP, &out))
		return 0;
	return eval_push_decimal(e, FHIRPATH_DECIMAL, &out);
}

/* log(base) and power(exponent). */
static int
eval_power(struct eval *e, const struct op *op, const struct decimal *d, bool whole,
    const struct frame *frame)
{
	struct fhirpath_item item;
	struct decimal other, out;
	bool found;

	if (eval_argument(e, op, op->a, frame, &item, &found))
		return -1;
	if (!found)
		return 0;
	if (!kind_is_number(item.kind))
		return eval_fail(e, op, "the argument is a number");
	if (decimal_parse(item.value, &other, NULL))
		return 0;
	if (op->code == FN_LOG)
		return decimal_log(d, &other, &out) ? 0 : push_number(e, &out, false);
	if (decimal_power(d, &other, &out))
		return 0;
	whole = whole && item.kind == FHIRPATH_INTEGER && decimal_is_whole(&out);
	return push_number(e, &out, whole);
}

static int
eval_abs(struct eval *e, const struct fhirpath_item *x)
{
	struct str text = x->value;

	if (text.len && text.p[0] == '-')
		text = str_from_index(text, 1);
	/* The smallest whole number has no opposite. */
	if (x->kind == FHIRPATH_INTEGER && str_is(text, "2147483648"))
		return 0;
	return eval_push_made(e, (enum fhirpath_kind)x->kind, text);
}

int
eval_math(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	struct fhirpath_item x;
	struct decimal d;
	bool whole;
	int rc;

	if (e->top == base)
		return 0;
	if (e->top - base > 1)
		return eval_fail_function(e, op, "one number");
	e->top = base;
	if (!eval_value(e, &e->stack[base], &x) && kind_is_number(x.kind))
		return 0;
	if (op->code == FN_ABS && is_amount(&x))
		return eval_abs(e, &x);
	if (!kind_is_number(x.kind))
		return eval_fail_function(e, op, "a number");
	if (decimal_parse(x.value, &d, NULL))
		return 0;
	whole = x.kind == FHIRPATH_INTEGER;
	switch (op->code) {
	case FN_CEILING:
		rc = decimal_ceiling(&d, &d);
		return rc ? 0 : push_number(e, &d, true);
	case FN_FLOOR:
		rc = decimal_floor(&d, &d);
		return rc ? 0 : push_number(e, &d, true);
	case FN_TRUNCATE:
		rc = decimal_truncate(&d, &d);
		return rc ? 0 : push_number(e, &d, true);
	case FN_ROUND:
		return eval_round(e, op, &d, frame);
	case FN_SQRT:
		rc = decimal_sqrt(&d, &d);
		break;
	case FN_EXP:
		rc = decimal_exp(&d, &d);
		break;
	case FN_LN:
		rc = decimal_ln(&d, &d);
		break;
	default:
		return eval_power(e, op, &d, whole, frame);
	}
	return rc ? 0 : push_number(e, &d, false);
}

static int
number_boundary(struct eval *e, const struct op *op, const struct fhirpath_item *x, int64_t places)
{
	bool high = op->code == FN_HIGH_BOUNDARY, done;
	struct quantity q;
	struct decimal *d = &q.value;

	if (x->kind == FHIRPATH_QUANTITY ? !value_read_quantity(x->value, &q)
					 : decimal_parse(x->value, d, NULL) != 0)
		return 0;
	if (places < 0 || places > DECIMAL_PLACES_MAX)
		return 0;
	done = high ? decimal_high_boundary(d, (int32_t)places, d)
		    : decimal_low_boundary(d, (int32_t)places, d);
	if (!done)
		return 0;
	return x->kind == FHIRPATH_QUANTITY ? push_quantity(e, &q)
					    : eval_push_decimal(e, FHIRPATH_DECIMAL, d);
}

static int
moment_limit(struct eval *e, const struct op *op, const struct fhirpath_item *x, int64_t digits)
{
	struct moment m = moment_read(x);

	if (digits < 0 || digits > 17 ||
	    !moment_boundary(&m, op->code == FN_HIGH_BOUNDARY, (int)digits))
		return 0;
	return eval_push_moment(e, &m);
}

static int
eval_limits(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	static const int most[] = { [FHIRPATH_INTEGER] = 8,
		[FHIRPATH_DECIMAL] = 8,
		[FHIRPATH_QUANTITY] = 8,
		[FHIRPATH_DATE] = 8,
		[FHIRPATH_DATETIME] = 17,
		[FHIRPATH_TIME] = 9 };
	struct fhirpath_item x;
	int64_t digits;
	bool found = true;

	if (!eval_value(e, &e->stack[base], &x)) {
		e->top = base;
		return 0;
	}
	if (x.kind == FHIRPATH_BOOLEAN || x.kind == FHIRPATH_STRING || x.kind == FHIRPATH_TYPE)
		return eval_fail(e, op, "only numbers, dates and times have boundaries");
	digits = most[x.kind];
	if (op->a != NO_OP && eval_integer_argument(e, op, op->a, frame, &digits, &found))
		return -1;
	e->top = base;
	if (!found)
		return 0;
	return is_amount(&x) ? number_boundary(e, op, &x, digits) : moment_limit(e, op, &x, digits);
}

static int
eval_precision(struct eval *e, const struct op *op, uint32_t base)
{
	struct fhirpath_item x;
	struct decimal d;
	struct moment m;

	e->top = base;
	if (!eval_value(e, &e->stack[base], &x))
		return 0;
	if (kind_is_number(x.kind))
		return decimal_parse(x.value, &d, NULL) ? 0
							: eval_push_integer(e, decimal_places(&d));
	if (!kind_is_date(x.kind) && x.kind != FHIRPATH_TIME)
		return eval_fail(e, op, "only numbers, dates and times have a precision");
	m = moment_read(&x);
	return eval_push_integer(e, moment_precision(&m));
}

static int
eval_comparable(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	struct fhirpath_item x, y;
	struct quantity a, b;
	bool found;

	if (eval_argument(e, op, op->a, frame, &y, &found))
		return -1;
	e->top = base;
	if (!found || !eval_value(e, &e->stack[base], &x) || !eval_value(e, &y, &y))
		return 0;
	if (x.kind != FHIRPATH_QUANTITY || y.kind != FHIRPATH_QUANTITY)
		return eval_fail(e, op, "only quantities are comparable");
	return eval_push_bool(e, value_read_quantity(x.value, &a) &&
				     value_read_quantity(y.value, &b) &&
				     quantity_compare(&a, &b) != QUANTITY_INCOMPARABLE);
}

int
eval_boundary(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	struct moment m;

	if (op->code == FN_NOW || op->code == FN_TODAY || op->code == FN_TIME_OF_DAY) {
		if (!e->now)
			e->now = clock_wall();
		m = moment_of(e->now, op->code == FN_NOW     ? FHIRPATH_DATETIME
				      : op->code == FN_TODAY ? FHIRPATH_DATE
							     : FHIRPATH_TIME);
		e->top = base;
		return eval_push_moment(e, &m);
	}
	if (e->top == base)
		return 0;
	if (e->top - base > 1)
		return eval_fail_function(e, op, "one value");
	if (op->code == FN_PRECISION)
		return eval_precision(e, op, base);
	if (op->code == FN_COMPARABLE)
		return eval_comparable(e, op, base, frame);
	return eval_limits(e, op, base, frame);
}
