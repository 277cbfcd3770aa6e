#include "gateway/fhir/search_query.h"

#include "base/arena.h"
#include "base/percent.h"
#include "gateway/fhir/search_parse.h"

enum {
	PAIRS_MOST = 500,
};

int
query_pairs(struct str query, struct arena *a, struct query_pair **pairs, uint32_t *count,
    struct error *err)
{
	struct query_pair *at = arena_calloc(a, PAIRS_MOST, sizeof(*at));
	struct str part;

	*count = 0;
	*pairs = at;
	if (!at)
		return error_set(err, ERROR_LIMIT, "the query is too long");
	while (query.len && str_split(&query, '&', &part)) {
		struct str name;

		if (!part.len)
			continue;
		if (*count == PAIRS_MOST)
			return error_set(
			    err, ERROR_LIMIT, "the query has more than %d parameters", PAIRS_MOST);
		str_split(&part, '=', &name);
		if (!part.p)
			part = STR("");
		if (percent_decode(name, true, a, &at[*count].name, err) < 0 ||
		    percent_decode(part, true, a, &at[*count].value, err) < 0)
			return -1;
		(*count)++;
	}
	return 0;
}

/* Parts of the standard that are known by name and not served. */
static const char *const unsupported[] = { "_contained", "_containedType", "_content", "_type",
	"_score" };

enum taken
parse_take_named(struct parse *ps, const struct query_pair *pair)
{
	static const char has[] = "_has:";
	struct criterion c = { .value = pair->value, .name = pair->name };
	ptrdiff_t dot = str_find(pair->name, '.'), colon = str_find(pair->name, ':');
	bool reaches = str_starts(pair->name, str_from(has)) || dot >= 0;

	if (reaches && ps->conditions)
		return parse_not_supported(
		    ps, pair->name, "conditions of a write are of the resource itself");
	if (reaches && !pair->value.len)
		return parse_complain(ps, "value", "the search parameter '%.*s' has no value",
		    STR_ARG(parse_shown(pair->name)));
	if (str_starts(pair->name, str_from(has)))
		return parse_take_has(ps, str_from_index(pair->name, sizeof(has) - 1), pair->value);
	if (dot >= 0)
		return parse_take_chain(ps, str_of(pair->name.p, (size_t)dot),
		    str_from_index(pair->name, (size_t)dot + 1), pair->value);

	if (colon >= 0) {
		c.name = str_of(pair->name.p, (size_t)colon);
		c.modifier = str_from_index(pair->name, (size_t)colon + 1);
	}
	if (str_is(c.name, "_list"))
		return parse_take_list(ps, &c);
	if (str_is(c.name, "_filter"))
		return parse_take_filter(ps, &c);
	if (str_is(c.name, "_text") || str_is(c.name, "_content"))
		return parse_take_words(ps, &c);
	if (str_is(c.name, "_query"))
		return parse_not_supported(ps, c.name, "this server has no named queries");
	if (parse_is_among(c.name, unsupported, COUNT_OF(unsupported)))
		return parse_not_supported(ps, c.name, "this server does not have it");
	c.param = parse_find(ps, ps->type, c.name);
	if (!c.param)
		return parse_unknown_parameter(ps, c.name);
	if (colon >= 0 && !c.modifier.len)
		return parse_complain(ps, "value",
		    "the search parameter '%.*s' has an empty modifier",
		    STR_ARG(parse_shown(c.name)));
	if (!c.value.len)
		return parse_complain(ps, "value", "the search parameter '%.*s' has no value",
		    STR_ARG(parse_shown(c.name)));
	c.number = c.param->number;
	return parse_take_criterion(ps, &c);
}

static enum taken
take_pair(struct parse *ps, const struct query_pair *pair)
{
	struct criterion c = { .value = pair->value, .name = pair->name };
	ptrdiff_t colon = str_find(pair->name, ':');

	if (colon >= 0) {
		c.name = str_of(pair->name.p, (size_t)colon);
		c.modifier = str_from_index(pair->name, (size_t)colon + 1);
	}
	if (parse_is_result(c.name))
		return parse_take_result(ps, &c);
	return parse_take_named(ps, pair);
}

/* What was not obeyed leaves no clause behind. */
static void
take_all(struct parse *ps, const struct query_pair *pairs, uint32_t count)
{
	for (uint32_t i = 0; i < count && !ps->full; i++) {
		uint32_t clauses = ps->clause_count;

		if (take_pair(ps, &pairs[i]) == TAKEN)
			ps->out->used[ps->out->used_count++] = pairs[i];
		else
			ps->clause_count = clauses;
	}
}

/* Only what is in the compartment. */
static void
add_compartment(struct parse *ps)
{
	struct criterion none = { .number = 0 };
	struct store_clause *clause;

	if (!ps->o->compartment.len)
		return;
	clause = parse_add_clause(ps, 1);
	if (clause)
		parse_add_test(clause, &none, TEST_IN_COMPARTMENT)->value = ps->o->compartment;
}

static int
parse_pairs(struct parse *ps, const struct query_pair *pairs, uint32_t count)
{
	if (count > PAIRS_MOST) {
		parse_complain(
		    ps, "too-costly", "the search has more than %d parameters", PAIRS_MOST);
		return -1;
	}
	ps->out->used = arena_calloc(ps->a, (size_t)count + 1, sizeof(struct query_pair));
	add_compartment(ps);
	if (ps->out->used)
		take_all(ps, pairs, count);
	else
		ps->full = true;
	if (ps->full)
		parse_complain(
		    ps, "too-costly", "the search is larger than the memory allowed for it");
	ps->out->store.clauses = ps->clauses;
	ps->out->store.clause_count = ps->clause_count;
	return ps->errors ? -1 : 0;
}

int
search_query_parse(struct search_index *si, const struct pack *p, uint32_t type,
    const struct query_pair *pairs, uint32_t count, const struct search_options *o, struct arena *a,
    struct search_query *out, struct findings *findings)
{
	struct parse ps = {
		.si = si, .p = p, .type = type, .o = o, .a = a, .out = out, .findings = findings
	};

	*out = (struct search_query){ .store = { .type = type,
					  .visibility = o->visibility,
					  .want_total = o->want_total,
					  .total_if_short = true,
					  .count = o->count } };
	if (parse_pairs(&ps, pairs, count) < 0)
		return -1;
	if (out->include.count && out->subset.summary == SUMMARY_TEXT) {
		parse_complain(&ps, "not-supported",
		    "'_summary=text' cannot be asked for together with _include or _revinclude");
		return -1;
	}
	if (out->count_only) {
		out->store.count = 0;
		out->store.total_if_short = false;
	}
	return 0;
}

/* One type after the other, each with what those before have used. */
static int
parse_types(struct parse *ps, const uint32_t *types, const struct store_visibility *visible,
    uint32_t type_count, const struct query_pair *pairs, uint32_t count)
{
	struct search_query *out = ps->out;
	struct store_inner *others = arena_calloc(ps->a, type_count, sizeof(*others));
	struct search_options o = *ps->o;

	if (!others) {
		parse_complain(ps, "too-costly", "the search has too many types");
		return -1;
	}
	for (uint32_t i = 0; i < type_count; i++) {
		struct search_query q;

		o.visibility = visible[i];
		if (search_query_parse(
			ps->si, ps->p, types[i], pairs, count, &o, ps->a, &q, ps->findings) < 0)
			return -1;
		pairs = q.used;
		count = q.used_count;
		if (i == 0)
			*out = q;
		else
			others[i - 1] = (struct store_inner){ types[i], q.store.clauses,
				q.store.clause_count, visible[i] };
	}
	out->used = (struct query_pair *)pairs;
	out->used_count = count;
	out->store.others = others;
	out->store.other_count = type_count - 1;
	return 0;
}

int
search_query_parse_types(struct search_index *si, const struct pack *p, const uint32_t *types,
    uint32_t type_count, const struct query_pair *pairs, uint32_t count,
    const struct search_options *o, struct arena *a, struct search_query *out,
    struct findings *findings)
{
	struct parse ps = { .si = si, .p = p, .o = o, .a = a, .out = out, .findings = findings };
	struct store_visibility *visible = arena_calloc(
	    a, (size_t)type_count + 1, sizeof(*visible));
	uint32_t *some = arena_calloc(a, (size_t)type_count + 1, sizeof(*some)), left = 0;

	*out = (struct search_query){ 0 };
	for (uint32_t i = 0; some && visible && i < type_count; i++)
		if (parse_may_search(&ps, types[i], &visible[left]))
			some[left++] = types[i];
	if (!left) {
		parse_complain(&ps, "forbidden", "the sender has no right to search any type");
		return -1;
	}
	if (parse_types(&ps, some, visible, left, pairs, count) < 0)
		return -1;
	/* What one type has left out, those before it have not. */
	if (out->used_count < count)
		return parse_types(&ps, some, visible, left, out->used, out->used_count);
	return 0;
}

int
search_match_parse(struct search_index *si, const struct pack *p, uint32_t type, struct str query,
    struct arena *a, struct store_match *out, struct findings *findings)
{
	static const struct search_options options = { .most = 1 };
	struct search_query parsed = { 0 };
	struct parse ps = { .si = si,
		.p = p,
		.type = type,
		.o = &options,
		.a = a,
		.out = &parsed,
		.findings = findings,
		.conditions = true };
	struct query_pair *pairs;
	struct error err;
	uint32_t count;

	if (query_pairs(query, a, &pairs, &count, &err) < 0) {
		parse_complain(&ps, "value", "%s", err.text);
		return -1;
	}
	if (parse_pairs(&ps, pairs, count) < 0)
		return -1;
	if (!ps.clause_count) {
		parse_complain(
		    &ps, "required", "there is no condition: give at least one search parameter");
		return -1;
	}
	*out = (struct store_match){ ps.clauses, ps.clause_count };
	return 0;
}
