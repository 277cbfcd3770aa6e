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

/* One key of an order: "-date". */
static enum taken
take_sort_key(struct parse *ps, struct criterion *c, struct store_sort *out)
{
	*out = (struct store_sort){ .descending = str_starts(c->name, STR("-")) };
	if (out->descending)
		c->name = str_from_index(c->name, 1);
	if (str_is(c->name, "_score"))
		return parse_not_supported(ps, STR("_sort=_score"),
		    "this server does not weigh how well a resource matches");
	if (str_is(c->name, "_profile"))
		return parse_not_supported(ps, STR("_sort=_profile"), "profiles have no order");
	if (str_is(c->name, "_id") || str_is(c->name, "_lastUpdated")) {
		out->by = str_is(c->name, "_id") ? SORT_ID : SORT_UPDATED;
		return TAKEN;
	}
	c->param = parse_find(ps, ps->type, c->name);
	if (!c->param)
		return parse_unknown_parameter(ps, c->name);
	c->number = c->param->number;
	if (c->param->type == PARAM_COMPOSITE || c->param->type == PARAM_SPECIAL ||
	    !search_index_has(ps->si, ps->type, c->number))
		return parse_refuse(ps, "not-supported",
		    "'_sort' cannot go by the search parameter '%.*s': its values have no order",
		    STR_ARG(parse_shown(c->name)));
	out->by = SORT_PARAM;
	out->param = c->number;
	return TAKEN;
}

/* "status,-date" (R4, 3.1.1.5.1). */
static enum taken
take_sort(struct parse *ps, const struct criterion *c)
{
	struct store_sort *keys = arena_calloc(ps->a, STORE_SORTS, sizeof(*keys));
	struct str rest = c->value, part;
	uint32_t count = 0;

	if (!keys) {
		ps->full = true;
		return SKIPPED;
	}
	while (parse_split(&rest, ',', &part)) {
		struct criterion key = { .name = part };

		if (!part.len || str_is(part, "-"))
			return parse_bad_value(ps, c,
			    "a list of search parameters: write _sort=status,-date, with - before "
			    "those that go down");
		if (count == STORE_SORTS)
			return parse_complain(
			    ps, "too-costly", "'_sort' has more than %d parameters", STORE_SORTS);
		if (take_sort_key(ps, &key, &keys[count++]) != TAKEN)
			return SKIPPED;
	}
	if (ps->out->store.sort_count)
		return parse_complain(ps, "value",
		    "'_sort' is given twice: write one, with commas, as in _sort=status,-date");
	ps->out->store.sort = keys;
	ps->out->store.sort_count = count;
	return TAKEN;
}

static enum taken
take_total(struct parse *ps, const struct criterion *c)
{
	if (!str_is(c->value, "none") && !str_is(c->value, "estimate") &&
	    !str_is(c->value, "accurate"))
		return parse_bad_value(ps, c, "'none', 'estimate' or 'accurate'");
	ps->out->store.want_total = !str_is(c->value, "none");
	ps->out->store.total_if_short = false;
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
	if (str_is(c->name, "_sort") && (str_is(c->modifier, "asc") || str_is(c->modifier, "desc")))
		return parse_refuse(ps, "not-supported",
		    "'_sort:%.*s' is of FHIR DSTU2: since STU3 it is written _sort=date or "
		    "_sort=-date",
		    STR_ARG(c->modifier));
	if (str_is(c->name, "_include") || str_is(c->name, "_revinclude"))
		return parse_take_include(ps, c);
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
