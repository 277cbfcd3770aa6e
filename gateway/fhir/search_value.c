/*
 * The values of a criterion, by the type of its parameter (FHIR R4, 3.1.1.4.5 to
 * 3.1.1.4.16).
 */
#include "base/clock.h"
#include "gateway/fhir/search_parse.h"
#include "profiles/decimal.h"

static enum taken
take_missing(struct parse *ps, const struct criterion *c)
{
	struct store_clause *clause;

	if (!str_is(c->value, "true") && !str_is(c->value, "false"))
		return parse_bad_value(ps, c, "'true' or 'false'");
	clause = parse_add_clause(ps, 1);
	if (!clause)
		return SKIPPED;
	parse_add_test(clause, c, TEST_MISSING)->value = c->value;
	return TAKEN;
}

/* Every resource has an id and a time. */
static enum taken
take_never_missing(struct parse *ps, const struct criterion *c)
{
	struct store_clause *clause;

	if (!str_is(c->value, "true") && !str_is(c->value, "false"))
		return parse_bad_value(ps, c, "'true' or 'false'");
	if (str_is(c->value, "false"))
		return TAKEN;
	clause = parse_add_clause(ps, 0);
	return clause ? TAKEN : SKIPPED;
}

static bool
string_value(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = parse_add_test(clause, c,
	    str_is(c->modifier, "exact")      ? TEST_STRING_EXACT
	    : str_is(c->modifier, "contains") ? TEST_STRING_CONTAINS
					      : TEST_STRING);

	if (parse_unescape(ps, value, &t->value) && t->value.len)
		return true;
	parse_bad_value(ps, c, "a text: give at least a character, and \\ only before , | $ or \\");
	return false;
}

static enum taken
take_string(struct parse *ps, const struct criterion *c)
{
	if (c->modifier.len && !str_is(c->modifier, "exact") && !str_is(c->modifier, "contains"))
		return parse_unknown_modifier(ps, c);
	return parse_each(ps, c, 1, string_value);
}

static bool
read_prefix(struct str *value, enum store_compare *out)
{
	static const struct {
		const char *name;
		enum store_compare compare;
	} prefixes[] = {
		{ "eq", COMPARE_EQ },
		{ "ne", COMPARE_NE },
		{ "gt", COMPARE_GT },
		{ "lt", COMPARE_LT },
		{ "ge", COMPARE_GE },
		{ "le", COMPARE_LE },
		{ "sa", COMPARE_SA },
		{ "eb", COMPARE_EB },
		{ "ap", COMPARE_AP },
	};

	*out = COMPARE_EQ;
	if (!value->len || memchr("0123456789+-.", value->p[0], 13))
		return true;
	for (size_t i = 0; i < COUNT_OF(prefixes); i++)
		if (str_starts(*value, str_from(prefixes[i].name))) {
			*value = str_from_index(*value, 2);
			*out = prefixes[i].compare;
			return true;
		}
	return false;
}

static bool
bad_prefix(struct parse *ps, const struct criterion *c, const char *what)
{
	parse_refuse(ps, "not-found",
	    "the search parameter '%.*s' has a value that is no %s and begins with none of the "
	    "prefixes eq, ne, gt, lt, ge, le, sa, eb, ap",
	    STR_ARG(parse_shown(c->name)), what);
	return false;
}

/* "ap" of a date: a tenth of the time between it and now, on both sides (R4,
 * 3.1.1.4.4). */
static void
widen_date(struct store_test *t)
{
	int64_t now = clock_wall();
	int64_t gap = t->high < now ? now - t->high : t->low > now ? t->low - now : 0;

	t->low -= gap / 10;
	t->high += gap / 10;
}

static bool
date_value(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = parse_add_test(
	    clause, c, str_is(c->name, "_lastUpdated") ? TEST_UPDATED : TEST_DATE);

	if (!read_prefix(&value, &t->compare))
		return bad_prefix(ps, c, "date");
	if (instant_parse(value, &t->low, &t->high)) {
		if (t->compare == COMPARE_AP)
			widen_date(t);
		return true;
	}
	parse_bad_value(ps, c,
	    "a date: write YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss[.sss]] with Z or an "
	    "offset, whose + is %2B in a URL");
	return false;
}

static enum taken
take_date(struct parse *ps, const struct criterion *c)
{
	if (c->modifier.len)
		return parse_unknown_modifier(ps, c);
	return parse_each(ps, c, 1, date_value);
}

/* A number as asked for: what eq and ne look at, and what the others do. */
struct asked {
	struct decimal low, high, exact;
};

/*
 * eq and ne look at the range that the digits leave open, ap at a tenth around
 * the number; to all others it is exact (R4, 3.1.1.4.3 and 3.1.1.4.4).
 */
static bool
read_number(struct str text, enum store_compare compare, struct asked *out)
{
	struct decimal tenth = { 0 }, ten = decimal_of(10);

	if (decimal_parse(text, &out->exact, NULL) < 0)
		return false;
	out->low = out->high = out->exact;
	if (compare == COMPARE_EQ || compare == COMPARE_NE)
		return decimal_interval(&out->exact, &out->low, &out->high) == 0;
	if (compare != COMPARE_AP)
		return true;
	decimal_abs(&out->exact, &tenth);
	return decimal_divide(&tenth, &ten, &tenth) == 0 &&
	       decimal_subtract(&out->exact, &tenth, &out->low) == 0 &&
	       decimal_add(&out->exact, &tenth, &out->high) == 0;
}

/* The high end of what the digits leave open is not in it. */
static void
set_range(struct store_test *t, const struct asked *n)
{
	bool precise = t->compare == COMPARE_EQ || t->compare == COMPARE_NE;

	t->low = search_number(&n->low);
	t->high = search_number(&n->high) - (precise ? 1 : 0);
}

static bool
number_value(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = parse_add_test(clause, c, TEST_NUMBER);
	struct asked n;

	if (!read_prefix(&value, &t->compare))
		return bad_prefix(ps, c, "number");
	if (!read_number(value, t->compare, &n)) {
		parse_bad_value(ps, c, "a number");
		return false;
	}
	set_range(t, &n);
	return true;
}

/* On a scale that runs against that of its base units, more is less. */
static void
turn(struct store_test *t, struct asked *n)
{
	static const enum store_compare turned[] = {
		[COMPARE_EQ] = COMPARE_EQ,
		[COMPARE_NE] = COMPARE_NE,
		[COMPARE_GT] = COMPARE_LT,
		[COMPARE_LT] = COMPARE_GT,
		[COMPARE_GE] = COMPARE_LE,
		[COMPARE_LE] = COMPARE_GE,
		[COMPARE_SA] = COMPARE_EB,
		[COMPARE_EB] = COMPARE_SA,
		[COMPARE_AP] = COMPARE_AP,
	};
	struct decimal low = n->low;

	n->low = n->high;
	n->high = low;
	t->compare = turned[t->compare];
}

/* Whether more in the unit is less in its base units. */
static bool
runs_against(struct parse *ps, struct str system, struct str code)
{
	struct decimal one = decimal_of(1), two = decimal_of(2);
	struct str again = code;

	return search_quantity(system, &code, &one, ps->a) == 0 &&
	       search_quantity(system, &again, &two, ps->a) == 0 && decimal_compare(&one, &two) > 0;
}

/* The ends in the unit's base units; false when they are not on its scale. */
static bool
set_quantity(struct parse *ps, struct store_test *t, struct asked *n)
{
	struct str code = t->value, again = t->value;
	bool against = runs_against(ps, t->system, t->value);

	if (search_quantity(t->system, &code, &n->low, ps->a) < 0 ||
	    search_quantity(t->system, &again, &n->high, ps->a) < 0)
		return false;
	t->value = code;
	if (against)
		turn(t, n);
	set_range(t, n);
	return true;
}

/* [number], [number]|[system]|[code], [number]||[code] (R4, 3.1.1.4.11). */
static bool
quantity_value(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = parse_add_test(clause, c, TEST_NUMBER);
	struct str number, system, code = value;
	struct asked n;
	bool good;

	if (!read_prefix(&code, &t->compare))
		return bad_prefix(ps, c, "quantity");
	good = parse_split(&code, '|', &number) && read_number(number, t->compare, &n);
	if (good && code.p) {
		parse_split(&code, '|', &system);
		good = code.p && parse_unescape(ps, system, &t->system) &&
		       parse_unescape(ps, code, &t->value) && t->value.len;
	}
	if (good && t->system.len) {
		t->kind = TEST_QUANTITY;
		good = set_quantity(ps, t, &n);
	} else if (good) {
		set_range(t, &n);
	}
	if (!good)
		parse_bad_value(
		    ps, c, "a quantity: write number, number|system|code or number||code");
	return good;
}

static enum taken
take_number(struct parse *ps, const struct criterion *c)
{
	if (c->modifier.len)
		return parse_unknown_modifier(ps, c);
	return parse_each(
	    ps, c, 1, c->param->type == PARAM_QUANTITY ? quantity_value : number_value);
}

static void
add_reference(struct parse *ps, const struct criterion *c, struct store_clause *clause,
    uint32_t target, struct str id)
{
	struct store_test *t = parse_add_test(clause, c, TEST_REFERENCE);

	t->value = str_printf(ps->a, "%.*s/%.*s",
	    STR_ARG(pack_text(ps->p, pack_type_at(ps->p, target)->name)), STR_ARG(id));
	if (!t->value.p)
		ps->full = true;
}

/* The type in "Type/id"; PACK_NONE when it is not written so. */
static uint32_t
type_in(struct parse *ps, struct str reference)
{
	ptrdiff_t slash = str_find(reference, '/');

	if (slash <= 0 || str_find(str_from_index(reference, (size_t)slash + 1), '/') >= 0)
		return PACK_NONE;
	return pack_find_resource(ps->p, str_of(reference.p, (size_t)slash));
}

/* [id], [type]/[id] or [url] (R4, 3.1.1.4.12); of a canonical, its URL. */
static bool
reference_value(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	const uint32_t *targets = c->param->targets;
	uint32_t wanted = c->modifier.len ? pack_find_resource(ps->p, c->modifier) : PACK_NONE;
	struct str whole;
	uint32_t given;
	bool versioned;

	if (!parse_unescape(ps, value, &value) || !value.len) {
		parse_bad_value(ps, c, "a reference: write Type/id, an id or a URL");
		return false;
	}
	whole = search_reference_whole(ps->si, value);
	value = search_reference(ps->si, value, &versioned);
	given = type_in(ps, value);
	if (wanted != PACK_NONE && given != PACK_NONE && given != wanted) {
		parse_bad_value(ps, c, "a reference to the type that the modifier names");
		return false;
	}
	if (str_find(value, '/') >= 0 || str_find(value, ':') >= 0) {
		parse_add_test(clause, c, TEST_REFERENCE)->value = versioned ? whole : value;
		return true;
	}
	if (versioned) {
		parse_bad_value(ps, c, "a reference to a version: write Type/id/_history/version");
		return false;
	}
	if (wanted != PACK_NONE) {
		add_reference(ps, c, clause, wanted, value);
		return true;
	}
	for (uint32_t i = 0; i < c->param->target_count; i++)
		if (!pack_type_at(ps->p, targets[i])->abstract)
			add_reference(ps, c, clause, targets[i], value);
	return true;
}

static enum taken
take_reference(struct parse *ps, const struct criterion *c)
{
	uint32_t targets = c->param->target_count;

	if (str_is(c->modifier, "identifier"))
		return parse_each(ps, c, PARSE_TOKEN_TESTS, parse_token);
	if (c->modifier.len && pack_find_resource(ps->p, c->modifier) == PACK_NONE)
		return parse_unknown_modifier(ps, c);
	return parse_each(ps, c, c->modifier.len || !targets ? 1 : targets, reference_value);
}

static bool
id_value(struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = parse_add_test(clause, c, TEST_ID);

	if (parse_unescape(ps, value, &t->value) && t->value.len)
		return true;
	parse_bad_value(ps, c, "an id");
	return false;
}

static enum taken
take_id(struct parse *ps, const struct criterion *c)
{
	if (str_is(c->modifier, "not"))
		return parse_each_not(ps, c, id_value);
	if (c->modifier.len)
		return parse_unknown_modifier(ps, c);
	return parse_each(ps, c, 1, id_value);
}

enum taken
parse_take_criterion(struct parse *ps, const struct criterion *c)
{
	if (str_is(c->modifier, "missing") &&
	    (str_is(c->name, "_id") || str_is(c->name, "_lastUpdated")))
		return take_never_missing(ps, c);
	if (str_is(c->name, "_id"))
		return take_id(ps, c);
	if (str_is(c->name, "_lastUpdated"))
		return take_date(ps, c);
	if (!search_index_has(ps->si, ps->type, c->number))
		return parse_not_supported(
		    ps, c->name, "it has no expression, or none that this server can evaluate");
	if (c->param->type == PARAM_COMPOSITE)
		return parse_take_composite(ps, c);
	if (str_is(c->modifier, "missing"))
		return take_missing(ps, c);
	switch (c->param->type) {
	case PARAM_TOKEN:
		return parse_take_token(ps, c);
	case PARAM_STRING:
		return take_string(ps, c);
	case PARAM_DATE:
		return take_date(ps, c);
	case PARAM_NUMBER:
	case PARAM_QUANTITY:
		return take_number(ps, c);
	case PARAM_REFERENCE:
		return take_reference(ps, c);
	case PARAM_SPECIAL:
		return parse_take_special(ps, c);
	default:
		return parse_take_uri(ps, c);
	}
}
