/*
 * Composites: code-value-quantity=loinc|2823-3$gt5.4 (FHIR R4, 3.1.1.4.16).
 *
 * What each component asks for is necessary, and is a clause of its own, so
 * that the store can choose by it; one more clause asks that it be found in one
 * element.
 */
#include "base/arena.h"
#include "gateway/fhir/search_parse.h"

struct components {
	uint32_t params[SEARCH_COMPONENTS];
	uint32_t count;
};

/* "code$value-quantity". */
static enum taken
bad_composite(struct parse *ps, const struct criterion *c, const struct components *of)
{
	char form[200];
	size_t len = 0;

	for (uint32_t i = 0; i < of->count && len < sizeof(form); i++) {
		struct str code = search_index_param(ps->si, of->params[i])->code;
		int n = snprintf(
		    form + len, sizeof(form) - len, "%s%.*s", i ? "$" : "", STR_ARG(code));

		len += n > 0 ? (size_t)n : 0;
	}
	return parse_complain(ps, "value",
	    "the value of the search parameter '%.*s' does not have its %u components: write %s",
	    STR_ARG(parse_shown(c->name)), (unsigned)of->count, form);
}

static struct criterion
component_at(struct parse *ps, const struct components *of, uint32_t i, struct str value)
{
	const struct search_param *param = search_index_param(ps->si, of->params[i]);

	return (struct criterion){
		.name = param->code, .value = value, .param = param, .number = of->params[i]
	};
}

/* One value: a clause for each component; NULL: it is bad, or the arena full. */
static struct store_inner *
parse_components(
    struct parse *ps, const struct criterion *c, const struct components *of, struct str value)
{
	struct parse_scope scope;
	struct store_inner *in;
	struct str part, rest = value;
	enum taken taken = TAKEN;
	uint32_t i = 0;

	parse_open(ps, &scope);
	while (taken == TAKEN && parse_split(&rest, '$', &part)) {
		struct criterion one;

		if (i == of->count || !part.len) {
			taken = bad_composite(ps, c, of);
			break;
		}
		one = component_at(ps, of, i++, part);
		taken = parse_take_criterion(ps, &one);
	}
	if (taken == TAKEN && i < of->count)
		taken = bad_composite(ps, c, of);
	in = parse_close(ps, &scope);
	return taken == TAKEN ? in : NULL;
}

/* What is necessary by component k: the tests of all values. */
static bool
add_necessary(struct parse *ps, struct store_inner *const *values, uint32_t count, uint32_t k)
{
	struct store_clause *clause;
	uint32_t tests = 0;

	for (uint32_t i = 0; i < count; i++)
		tests += values[i]->clauses[k].count;
	clause = parse_add_clause(ps, tests);
	for (uint32_t i = 0; clause && i < count; i++) {
		const struct store_clause *from = &values[i]->clauses[k];

		for (uint32_t j = 0; j < from->count; j++)
			clause->tests[clause->count++] = from->tests[j];
	}
	return clause != NULL;
}

/* A value as one test: its components, and that one element has them. */
static bool
add_whole(struct parse *ps, const struct criterion *c, struct store_clause *clause,
    struct store_inner *value)
{
	struct parse_scope scope;
	struct store_clause *tuple;
	struct store_inner *all;

	parse_open(ps, &scope);
	for (uint32_t k = 0; k < value->count; k++)
		if (!add_necessary(ps, &value, 1, k))
			break;
	tuple = parse_add_clause(ps, 1);
	if (tuple)
		parse_add_test(tuple, c, TEST_TUPLE)->inner = value;
	all = parse_close(ps, &scope);
	if (!tuple || !all)
		return false;
	parse_add_test(clause, c, TEST_ALL)->inner = all;
	return true;
}

static enum taken
add_values(struct parse *ps, const struct criterion *c, struct store_inner **values, uint32_t count)
{
	struct store_clause *clause;

	for (uint32_t k = 0; k < values[0]->count; k++)
		if (!add_necessary(ps, values, count, k))
			return SKIPPED;
	clause = parse_add_clause(ps, count);
	if (!clause)
		return SKIPPED;
	if (count == 1)
		parse_add_test(clause, c, TEST_TUPLE)->inner = values[0];
	else
		for (uint32_t i = 0; i < count; i++)
			if (!add_whole(ps, c, clause, values[i]))
				return SKIPPED;
	return TAKEN;
}

/* Whether some element has a value for each component. */
static enum taken
take_missing(struct parse *ps, const struct criterion *c, const struct components *of)
{
	struct parse_scope scope;
	struct store_inner *value;
	struct store_clause *clause;

	if (!str_is(c->value, "true") && !str_is(c->value, "false"))
		return parse_bad_value(ps, c, "'true' or 'false'");
	parse_open(ps, &scope);
	for (uint32_t i = 0; i < of->count; i++) {
		struct criterion one = component_at(ps, of, i, STR("false"));

		clause = parse_add_clause(ps, 1);
		if (clause)
			parse_add_test(clause, &one, TEST_MISSING)->value = one.value;
	}
	value = parse_close(ps, &scope);
	clause = value ? parse_add_clause(ps, 1) : NULL;
	if (!clause || !add_whole(ps, c, clause, value))
		return SKIPPED;
	clause->tests[0].negate = str_is(c->value, "true");
	return TAKEN;
}

enum taken
parse_take_composite(struct parse *ps, const struct criterion *c)
{
	struct components of;
	struct store_inner **values;
	struct str part, rest = c->value;
	uint32_t count = parse_count_values(c->value), n = 0;

	of.count = search_index_components(ps->si, ps->type, c->number, of.params);
	if (str_is(c->modifier, "missing"))
		return take_missing(ps, c, &of);
	if (c->modifier.len)
		return parse_unknown_modifier(ps, c);
	if (count > TESTS_MOST)
		return parse_complain(
		    ps, "too-costly", "the search has more than %d values", TESTS_MOST);
	values = arena_calloc(ps->a, count, sizeof(values[0]));
	if (!values) {
		ps->full = true;
		return SKIPPED;
	}
	while (parse_split(&rest, ',', &part)) {
		values[n] = parse_components(ps, c, &of, part);
		if (!values[n++])
			return SKIPPED;
	}
	return add_values(ps, c, values, n);
}
