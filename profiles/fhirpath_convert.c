/* FHIRPath's conversions (N1, 5.5). */
#include "profiles/fhirpath_eval.h"

/* A result: of the kind asked for, or none. */
struct converted {
	bool done;
	struct str value;
};

static struct converted
give(struct str value)
{
	return (struct converted){ value.p != NULL, value };
}

static const struct converted nothing;

static bool
is_one_of(struct str s, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq_nocase(s, str_from(words[i])))
			return true;
	return false;
}

static struct converted
to_boolean(const struct fhirpath_item *x)
{
	static const char *const yes[] = { "true", "t", "yes", "y", "1", "1.0" };
	static const char *const no[] = { "false", "f", "no", "n", "0", "0.0" };
	struct decimal d, one = decimal_of(1);

	if (x->kind == FHIRPATH_BOOLEAN)
		return give(x->value);
	if (x->kind == FHIRPATH_STRING) {
		if (is_one_of(x->value, yes, sizeof(yes) / sizeof(yes[0])))
			return give(STR("true"));
		if (is_one_of(x->value, no, sizeof(no) / sizeof(no[0])))
			return give(STR("false"));
		return nothing;
	}
	if (!kind_is_number(x->kind) || decimal_parse(x->value, &d, NULL))
		return nothing;
	if (decimal_is_zero(&d))
		return give(STR("false"));
	return decimal_equal(&d, &one) ? give(STR("true")) : nothing;
}

/* (\+|-)?\d+(\.\d+)? */
static bool
is_number(struct str s, bool fraction)
{
	size_t i = 0, digits;

	if (i < s.len && (s.p[i] == '+' || s.p[i] == '-'))
		i++;
	for (digits = i; i < s.len && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		;
	if (i == digits)
		return false;
	if (i == s.len || !fraction || s.p[i] != '.')
		return i == s.len;
	for (digits = ++i; i < s.len && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		;
	return i == s.len && i > digits;
}

static struct str
bare_number(struct str s)
{
	return s.len && s.p[0] == '+' ? str_from_index(s, 1) : s;
}

static struct converted
to_integer(const struct fhirpath_item *x)
{
	int64_t n;

	if (x->kind == FHIRPATH_INTEGER)
		return give(x->value);
	if (x->kind == FHIRPATH_BOOLEAN)
		return give(str_is(x->value, "true") ? STR("1") : STR("0"));
	if (x->kind != FHIRPATH_STRING || !is_number(x->value, false) ||
	    !str_to_int(bare_number(x->value), &n) || n > INT32_MAX || n < INT32_MIN)
		return nothing;
	return give(bare_number(x->value));
}

static struct converted
to_decimal(const struct fhirpath_item *x)
{
	struct decimal d;

	if (kind_is_number(x->kind))
		return give(x->value);
	if (x->kind == FHIRPATH_BOOLEAN)
		return give(str_is(x->value, "true") ? STR("1.0") : STR("0.0"));
	if (x->kind != FHIRPATH_STRING || !is_number(x->value, true) ||
	    decimal_parse(x->value, &d, NULL))
		return nothing;
	return give(bare_number(x->value));
}

static struct converted
to_moment(struct eval *e, const struct fhirpath_item *x, enum fhirpath_kind kind)
{
	struct moment m;

	if (x->kind == kind)
		return give(x->value);
	if (x->kind == FHIRPATH_STRING)
		return moment_parse(x->value, kind, &m) ? give(moment_text(&m, e->arena)) : nothing;
	if (!kind_is_date(x->kind) || kind == FHIRPATH_TIME)
		return nothing;
	m = moment_read(x);
	m.kind = kind;
	if (kind == FHIRPATH_DATE && m.precision > 3)
		m.precision = 3;
	return give(moment_text(&m, e->arena));
}

/* N1, 5.5.9: a number, then nothing, a unit in quotes or a calendar's word. */
static bool
is_quantity_text(struct str s)
{
	struct quantity q;
	size_t i = 0;

	while (i < s.len && s.p[i] != ' ' && s.p[i] != '\t')
		i++;
	if (!is_number(str_of(s.p, i), true))
		return false;
	if (i == s.len)
		return true;
	s = str_trim(str_from_index(s, i));
	if (s.len < 2)
		return false;
	if (s.p[0] == '\'')
		return s.p[s.len - 1] == '\'' && quantity_make(&(struct decimal){ .limbs = 0 },
						     str_of(s.p + 1, s.len - 2), &q, NULL) == 0;
	return calendar_unit_of(s) != CALENDAR_NONE;
}

static struct converted
to_quantity(struct eval *e, const struct fhirpath_item *x)
{
	if (x->kind == FHIRPATH_QUANTITY)
		return give(x->value);
	if (kind_is_number(x->kind))
		return give(str_printf(e->arena, "%.*s '1'", STR_ARG(x->value)));
	if (x->kind == FHIRPATH_BOOLEAN)
		return give(str_is(x->value, "true") ? STR("1.0 '1'") : STR("0.0 '1'"));
	if (x->kind != FHIRPATH_STRING || !is_quantity_text(x->value))
		return nothing;
	if (str_find(x->value, ' ') < 0 && str_find(x->value, '\t') < 0)
		return give(str_printf(e->arena, "%.*s '1'", STR_ARG(bare_number(x->value))));
	return give(bare_number(x->value));
}

/* toQuantity(unit): converted to it, or nothing. */
static struct converted
in_unit(struct eval *e, struct converted c, struct str unit)
{
	enum calendar_unit calendar = calendar_unit_of(unit);
	struct quantity q, to;
	struct decimal zero = decimal_of(0);

	if (unit.len >= 2 && unit.p[0] == '\'' && unit.p[unit.len - 1] == '\'')
		unit = str_of(unit.p + 1, unit.len - 2);
	if (!c.done || !value_read_quantity(c.value, &q))
		return nothing;
	if (calendar == CALENDAR_NONE)
		return quantity_convert(&q, unit, &to, NULL) ? nothing
							     : give(quantity_text(&to, e->arena));
	quantity_make_calendar(&zero, calendar, &to);
	if (quantity_compare(&q, &to) == QUANTITY_INCOMPARABLE ||
	    ucum_convert(&q.value, &q.unit, &to.unit, &to.value, NULL))
		return nothing;
	return give(quantity_text(&to, e->arena));
}

static struct converted
convert(struct eval *e, const struct fhirpath_item *x, enum op_code code)
{
	switch (code) {
	case FN_TO_BOOLEAN:
		return to_boolean(x);
	case FN_TO_INTEGER:
		return to_integer(x);
	case FN_TO_DECIMAL:
		return to_decimal(x);
	case FN_TO_DATE:
		return to_moment(e, x, FHIRPATH_DATE);
	case FN_TO_DATETIME:
		return to_moment(e, x, FHIRPATH_DATETIME);
	case FN_TO_TIME:
		return to_moment(e, x, FHIRPATH_TIME);
	case FN_TO_QUANTITY:
		return to_quantity(e, x);
	default:
		return x->kind == FHIRPATH_TYPE ? nothing : give(x->value);
	}
}

int
eval_conversion(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	static const uint8_t kinds[] = { FHIRPATH_BOOLEAN, FHIRPATH_INTEGER, FHIRPATH_DECIMAL,
		FHIRPATH_STRING, FHIRPATH_DATE, FHIRPATH_DATETIME, FHIRPATH_TIME,
		FHIRPATH_QUANTITY };
	bool asks = op->code >= FN_CONVERTS_FIRST, found = true;
	unsigned which = (unsigned)(op->code - (asks ? FN_CONVERTS_FIRST : FN_CONVERT_FIRST));
	struct fhirpath_item x, unit = { .value = STR("") };
	struct converted c = nothing;

	if (e->top == base)
		return 0;
	if (e->top - base > 1)
		return eval_fail(e, op, "one item can be converted, and there are several");
	if (op->a != NO_OP && eval_argument(e, op, op->a, frame, &unit, &found))
		return -1;
	if (eval_value(e, &e->stack[base], &x) && found)
		c = convert(e, &x, (enum op_code)(FN_CONVERT_FIRST + which));
	if (op->a != NO_OP && found)
		c = in_unit(e, c, unit.value);
	e->top = base;
	if (asks)
		return eval_push_bool(e, c.done);
	return c.done ? eval_push_made(e, (enum fhirpath_kind)kinds[which], c.value) : 0;
}
