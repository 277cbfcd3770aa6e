/*
 * Parameters that have rules of their own: near (FHIR R4, Location's page),
 * _list (3.1.1.4.15), and those that are refused.
 */
#include "base/arena.h"
#include "gateway/fhir/search_parse.h"
#include "profiles/decimal.h"
#include "profiles/ucum.h"

enum {
	DEGREE_PLACES = 7,	/* as search_index.h has it of positions */
	NEAR_MM = 50 * 1000000, /* what is near, where no distance is given */
};

/* How far, in millimetres; false when it is no length. */
static bool
read_distance(struct str number, struct str unit, int64_t *mm)
{
	struct ucum_unit from, metre;
	struct decimal d;

	if (!unit.len)
		unit = STR("km");
	if (decimal_parse(number, &d, NULL) < 0 || d.negative ||
	    ucum_parse(unit, &from, NULL) < 0 || ucum_parse(STR("m"), &metre, NULL) < 0 ||
	    ucum_convert(&d, &from, &metre, &d, NULL) < 0)
		return false;
	d.exponent += 3;
	return decimal_round(&d, 0, DECIMAL_HALF_EVEN, &d) == 0 && decimal_to_int(&d, mm);
}

/* latitude|longitude|distance|units, the last two as one likes. */
static bool
near_value(
    struct parse *ps, const struct criterion *c, struct str value, struct store_clause *clause)
{
	struct store_test *t = parse_add_test(clause, c, TEST_NEAR);
	struct str latitude = STR(""), longitude = STR(""), distance = STR(""), unit = STR("");
	struct str rest = value;

	parse_split(&rest, '|', &latitude);
	parse_split(&rest, '|', &longitude);
	parse_split(&rest, '|', &distance);
	parse_split(&rest, '|', &unit);
	t->distance = NEAR_MM;
	if (!rest.p && search_degrees(latitude, 90, &t->low) &&
	    search_degrees(longitude, 180, &t->high) &&
	    (!distance.len || read_distance(distance, unit, &t->distance)))
		return true;
	parse_bad_value(ps, c,
	    "a place: write latitude|longitude|distance|units in degrees and a UCUM unit of "
	    "length (km when it is left out)");
	return false;
}

enum taken
parse_take_special(struct parse *ps, const struct criterion *c)
{
	if (c->modifier.len)
		return parse_unknown_modifier(ps, c);
	return parse_each(ps, c, 1, near_value);
}

enum taken
parse_take_list(struct parse *ps, const struct criterion *c)
{
	struct str id = c->value, folder = STR("List/");

	if (c->modifier.len)
		return parse_unknown_modifier(ps, c);
	if (!id.len)
		return parse_bad_value(ps, c, "the id of a List");
	if (id.p[0] == '$')
		return parse_not_supported(ps, id,
		    "which List a functional name stands for is not known to this server; give "
		    "the List's id");
	if (str_starts(id, folder))
		id = str_from_index(id, folder.len);
	return parse_take_has(ps, STR("List:item:_id"), id);
}
