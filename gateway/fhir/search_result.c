/*
 * The parameters that say what is given back of what is found (FHIR R4,
 * 3.1.1.5).
 */
#include "base/arena.h"
#include "gateway/fhir/search_parse.h"

static enum taken
take_count(struct parse *ps, const struct criterion *c)
{
	int64_t n;

	if (!str_to_int(c->value, &n) || n < 0)
		return parse_bad_value(ps, c, "a number of resources");
	ps->out->store.count = n > ps->o->most ? ps->o->most : (uint32_t)n;
	if (n == 0)
		ps->out->count_only = ps->out->store.want_total = true;
	return TAKEN;
}

static enum taken
take_sort(struct parse *ps, const struct criterion *c)
{
	if (str_is(c->value, "-_lastUpdated")) {
		ps->out->store.ascending = false;
		return TAKEN;
	}
	if (str_is(c->value, "_lastUpdated")) {
		ps->out->store.ascending = true;
		return TAKEN;
	}
	return parse_not_supported(
	    ps, c->name, "sorting by anything but '_lastUpdated' and '-_lastUpdated'");
}

static enum taken
take_total(struct parse *ps, const struct criterion *c)
{
	if (!str_is(c->value, "none") && !str_is(c->value, "estimate") &&
	    !str_is(c->value, "accurate"))
		return parse_bad_value(ps, c, "'none', 'estimate' or 'accurate'");
	ps->out->store.want_total = !str_is(c->value, "none");
	return TAKEN;
}

static enum taken
take_summary(struct parse *ps, const struct criterion *c)
{
	if (str_is(c->value, "count")) {
		ps->out->count_only = ps->out->store.want_total = true;
		return TAKEN;
	}
	if (part_read_summary(c->value, &ps->out->subset))
		return TAKEN;
	return parse_bad_value(ps, c, "'true', 'text', 'data', 'count' or 'false'");
}

static enum taken
take_elements(struct parse *ps, const struct criterion *c)
{
	struct error err;

	if (part_read_elements(ps->p, ps->type, c->value, ps->a, &ps->out->subset, &err) == 0)
		return TAKEN;
	return parse_refuse(ps, "value", "%s", err.text);
}

enum taken
parse_take_result(struct parse *ps, const struct criterion *c)
{
	if (ps->conditions)
		return parse_complain(
		    ps, "invalid", "'%.*s' is no condition", STR_ARG(parse_shown(c->name)));
	if (c->modifier.len)
		return parse_unknown_modifier(ps, c);
	if (str_is(c->name, "_count"))
		return take_count(ps, c);
	if (str_is(c->name, "_sort"))
		return take_sort(ps, c);
	if (str_is(c->name, "_total"))
		return take_total(ps, c);
	if (str_is(c->name, "_summary"))
		return take_summary(ps, c);
	if (str_is(c->name, "_elements"))
		return take_elements(ps, c);
	return TAKEN; /* _format, _pretty: the answer's affair */
}
