/*
 * Inner searches: chains and _has (FHIR R4, 3.1.1.4.13 and 3.1.1.4.14).
 */
#include "base/arena.h"
#include "gateway/fhir/search_parse.h"

bool
parse_may_search(struct parse *ps, uint32_t type, struct store_visibility *out)
{
	return ps->o->permit && ps->o->permit(ps->o->permit_ctx, type, out);
}

enum taken
parse_forbidden(struct parse *ps, uint32_t type)
{
	return parse_complain(ps, "forbidden", "the sender has no right to search %.*s",
	    STR_ARG(pack_text(ps->p, pack_type_at(ps->p, type)->name)));
}

/* The search of a type within this one; NULL when it is not taken. */
static const struct store_inner *
parse_inner(struct parse *ps, uint32_t type, const struct store_visibility *v,
    parse_inside_fn *inside, void *ctx)
{
	uint32_t outer = ps->type;
	struct parse_scope scope;
	struct store_inner *in;
	bool taken;

	if (ps->depth == STORE_DEPTH) {
		parse_complain(ps, "too-costly", "the search has more than %d resources in a chain",
		    STORE_DEPTH);
		return NULL;
	}
	parse_open(ps, &scope);
	ps->type = type;
	ps->depth++;
	taken = inside(ps, ctx) == TAKEN;
	in = parse_close(ps, &scope);
	ps->depth--;
	ps->type = outer;
	if (!in || !taken)
		return NULL;
	in->visibility = *v;
	return in;
}

/* Whether the type has what a chain goes on with: "name:exact", "_has:…". */
static bool
type_has(struct parse *ps, uint32_t type, struct str rest)
{
	size_t len = 0;

	while (len < rest.len && rest.p[len] != '.' && rest.p[len] != ':' && rest.p[len] != '[')
		len++;
	rest.len = len;
	return str_is(rest, "_has") || search_index_find(ps->si, type, rest);
}

/* The types a chain goes to, in the arena, each with the rest of the name. */
struct steps {
	uint32_t *types;
	uint32_t count;
};

/* Those that a reference may point to, that have the parameter, and that the
 * sender may search. */
static enum taken
find_steps(struct parse *ps, const struct criterion *c, struct str rest, struct steps *out)
{
	const uint32_t *targets = c->param->targets;
	struct store_visibility ignored;
	uint32_t known = 0;

	for (uint32_t i = 0; i < c->param->target_count; i++) {
		if (pack_type_at(ps->p, targets[i])->abstract || !type_has(ps, targets[i], rest))
			continue;
		known++;
		if (parse_may_search(ps, targets[i], &ignored))
			out->types[out->count++] = targets[i];
	}
	if (out->count)
		return TAKEN;
	if (known)
		return parse_complain(ps, "forbidden",
		    "the sender has no right to search what '%.*s' "
		    "refers to",
		    STR_ARG(parse_shown(c->name)));
	return parse_refuse(ps, "not-found",
	    "none of the types that '%.*s' may refer to has the search parameter '%.*s'; name a "
	    "type, as in '%.*s:Patient.name'",
	    STR_ARG(parse_shown(c->name)), STR_ARG(parse_shown(rest)),
	    STR_ARG(parse_shown(c->name)));
}

/* What inside finds wrong of one type is not told: another may have it. */
static const struct store_inner *
try_inner(struct parse *ps, uint32_t type, const struct store_visibility *v,
    parse_inside_fn *inside, void *ctx)
{
	struct findings *told = ps->findings, unheard;
	unsigned errors = ps->errors;
	const struct store_inner *in;

	findings_init(&unheard, ps->a, 1);
	ps->findings = &unheard;
	in = parse_inner(ps, type, v, inside, ctx);
	ps->findings = told;
	ps->errors = errors;
	return in;
}

/* A test for each type; with `some`, types that inside does not fit are left
 * out, as long as it fits one. */
static enum taken
take_steps(struct parse *ps, const struct criterion *c, const struct steps *to, bool some,
    parse_inside_fn *inside, void *ctx)
{
	struct store_clause *clause = parse_add_clause(ps, to->count);

	for (uint32_t i = 0; clause && i < to->count; i++) {
		bool last = i + 1 == to->count && !clause->count;
		struct store_visibility v;
		const struct store_inner *in;

		if (!parse_may_search(ps, to->types[i], &v))
			return parse_forbidden(ps, to->types[i]);
		in = some && !last ? try_inner(ps, to->types[i], &v, inside, ctx)
				   : parse_inner(ps, to->types[i], &v, inside, ctx);
		if (!in && !(some && !last))
			return SKIPPED;
		if (in)
			parse_add_test(clause, c, TEST_CHAIN)->inner = in;
	}
	return clause ? TAKEN : SKIPPED;
}

enum taken
parse_reach(struct parse *ps, struct str head, struct str rest, bool some, parse_inside_fn *inside,
    void *ctx)
{
	struct criterion c = { .name = head };
	ptrdiff_t colon = str_find(head, ':');
	struct steps to = { 0 };

	if (colon >= 0) {
		c.name = str_of(head.p, (size_t)colon);
		c.modifier = str_from_index(head, (size_t)colon + 1);
	}
	c.param = parse_find(ps, ps->type, c.name);
	if (!c.param)
		return parse_unknown_parameter(ps, c.name);
	c.number = c.param->number;
	if (c.param->type != PARAM_REFERENCE || !search_index_has(ps->si, ps->type, c.number))
		return parse_complain(ps, "value",
		    "the search parameter '%.*s' is no reference to go on "
		    "from",
		    STR_ARG(parse_shown(c.name)));
	to.types = arena_calloc(ps->a, (size_t)c.param->target_count + 1, sizeof(to.types[0]));
	if (!to.types) {
		ps->full = true;
		return SKIPPED;
	}
	if (!c.modifier.len)
		return find_steps(ps, &c, rest, &to) == TAKEN
			   ? take_steps(ps, &c, &to, some, inside, ctx)
			   : SKIPPED;
	to.types[0] = pack_find_resource(ps->p, c.modifier);
	if (to.types[0] == PACK_NONE)
		return parse_refuse(ps, "not-found", "there is no resource type '%.*s'",
		    STR_ARG(parse_shown(c.modifier)));
	to.count = 1;
	return take_steps(ps, &c, &to, some, inside, ctx);
}

/* The rest of a chain's name, with its value. */
static enum taken
take_rest(struct parse *ps, void *ctx)
{
	return parse_take_named(ps, ctx);
}

enum taken
parse_take_chain(struct parse *ps, struct str head, struct str rest, struct str value)
{
	struct query_pair pair = { rest, value };

	return parse_reach(ps, head, rest, false, take_rest, &pair);
}

static enum taken
bad_has(struct parse *ps)
{
	return parse_complain(ps, "value",
	    "'_has' is written _has:Type:parameter:parameter, as in _has:Observation:patient:code");
}

enum taken
parse_take_has(struct parse *ps, struct str rest, struct str value)
{
	struct str type_name, reference,
	    here = pack_text(ps->p, pack_type_at(ps->p, ps->type)->name);
	struct query_pair pair = { STR(""), value };
	struct criterion c = { 0 };
	const struct store_inner *in;
	struct store_clause *clause;
	struct store_visibility v;
	uint32_t type;

	if (!str_split(&rest, ':', &type_name) || !rest.p || !str_split(&rest, ':', &reference) ||
	    !rest.p || !rest.len)
		return bad_has(ps);
	type = pack_find_resource(ps->p, type_name);
	if (type == PACK_NONE)
		return parse_refuse(ps, "not-found", "there is no resource type '%.*s'",
		    STR_ARG(parse_shown(type_name)));
	c.param = parse_find(ps, type, reference);
	c.number = c.param ? c.param->number : 0;
	if (!c.param || c.param->type != PARAM_REFERENCE ||
	    !search_index_has(ps->si, type, c.number))
		return parse_refuse(ps, "not-found",
		    "%.*s has no search parameter '%.*s' that refers to a %.*s",
		    STR_ARG(parse_shown(type_name)), STR_ARG(parse_shown(reference)),
		    STR_ARG(here));
	if (!parse_may_search(ps, type, &v))
		return parse_forbidden(ps, type);
	pair.name = rest;
	in = parse_inner(ps, type, &v, take_rest, &pair);
	clause = in ? parse_add_clause(ps, 1) : NULL;
	if (!clause)
		return SKIPPED;
	parse_add_test(clause, &c, TEST_HAS)->inner = in;
	return TAKEN;
}
