/*
 * _include and _revinclude (FHIR R4, 3.1.1.5.4): what else is given back,
 * because matches refer to it or it refers to them.
 */
#include "base/arena.h"
#include "gateway/fhir/interaction.h"
#include "gateway/fhir/search_parse.h"

enum {
	INCLUDES_MOST = 64,
};

static enum taken
bad_include(struct parse *ps, const struct criterion *c)
{
	return parse_complain(ps, "value",
	    "'%.*s' is written Type:parameter or Type:parameter:TargetType, as in "
	    "%.*s=Observation:subject:Patient; * stands for all parameters",
	    STR_ARG(c->name), STR_ARG(c->name));
}

static enum taken
read_type(struct parse *ps, struct str name, uint32_t *out)
{
	struct str near;

	*out = pack_find_resource(ps->p, name);
	if (*out != PACK_NONE)
		return TAKEN;
	near = route_suggest_type(ps->p, name);
	return parse_refuse(ps, "not-found", "there is no resource type '%.*s'%s%.*s%s",
	    STR_ARG(parse_shown(name)), near.len ? ": did you mean '" : "", STR_ARG(near),
	    near.len ? "'?" : "");
}

bool
search_points_to(const struct pack *p, const struct search_param *param, uint32_t type)
{
	for (uint32_t i = 0; i < param->target_count; i++)
		if (pack_type_is(p, type, param->targets[i]))
			return true;
	return param->target_count == 0;
}

static enum taken
read_param(struct parse *ps, const struct criterion *c, struct str name, struct store_include *inc)
{
	struct str type = pack_text(ps->p, pack_type_at(ps->p, inc->source)->name);
	const struct search_param *param = parse_find(ps, inc->source, name);
	uint32_t outer = ps->type;
	enum taken refused;

	if (!param) {
		ps->type = inc->source; /* whose parameters are suggested */
		refused = parse_unknown_parameter(ps, name);
		ps->type = outer;
		return refused;
	}
	inc->param = param->number;
	if (param->type != PARAM_REFERENCE || !search_index_has(ps->si, inc->source, inc->param))
		return parse_refuse(ps, "not-supported",
		    "'%.*s' goes by references, and the search parameter '%.*s' of %.*s is none",
		    STR_ARG(c->name), STR_ARG(parse_shown(name)), STR_ARG(type));
	if (inc->target != PACK_NONE && !search_points_to(ps->p, param, inc->target))
		return parse_refuse(ps, "not-found",
		    "the search parameter '%.*s' of %.*s does not refer to any %.*s",
		    STR_ARG(parse_shown(name)), STR_ARG(type),
		    STR_ARG(pack_text(ps->p, pack_type_at(ps->p, inc->target)->name)));
	return TAKEN;
}

/* "Type:parameter:Target" into inc. */
static enum taken
read_include(struct parse *ps, const struct criterion *c, struct store_include *inc)
{
	struct str rest = c->value, type, param, target = STR("");

	if (str_is(rest, "*"))
		return TAKEN;
	if (!str_split(&rest, ':', &type) || !rest.p || !str_split(&rest, ':', &param) ||
	    !type.len || !param.len)
		return bad_include(ps, c);
	if (rest.p)
		target = rest;
	if (rest.p && (!target.len || str_find(target, ':') >= 0))
		return bad_include(ps, c);
	if (read_type(ps, type, &inc->source) != TAKEN ||
	    (target.len && read_type(ps, target, &inc->target) != TAKEN))
		return SKIPPED;
	return str_is(param, "*") ? TAKEN : read_param(ps, c, param, inc);
}

/* What the sender named must be there for it; what it did not name is left out
 * where it is not. */
static enum taken
check_rights(struct parse *ps, const struct store_include *inc)
{
	uint32_t named = inc->reverse ? inc->source : inc->target;
	struct store_visibility v;

	if (named != PACK_NONE && !parse_may_search(ps, named, &v))
		return parse_forbidden(ps, named);
	return TAKEN;
}

static enum taken
find_visible(struct parse *ps)
{
	struct store_visibility *v = arena_calloc(ps->a, pack_type_count(ps->p) + 1, sizeof(*v));

	if (!v) {
		ps->full = true;
		return SKIPPED;
	}
	for (uint32_t t = 0; t < pack_type_count(ps->p); t++) {
		const struct pack_type *type = pack_type_at(ps->p, t);

		if (type->kind == PACK_RESOURCE && !type->abstract &&
		    !parse_may_search(ps, t, &v[t]))
			v[t] = (struct store_visibility){ .kind = SEES_NOTHING };
	}
	ps->out->include.visible = v;
	return TAKEN;
}

enum taken
parse_take_include(struct parse *ps, const struct criterion *c)
{
	struct store_includes *all = &ps->out->include;
	struct store_include inc = { .reverse = str_is(c->name, "_revinclude"),
		.iterate = str_is(c->modifier, "iterate"),
		.source = PACK_NONE,
		.param = PACK_NONE,
		.target = PACK_NONE };

	if (str_is(c->modifier, "recurse"))
		return parse_refuse(ps, "not-supported",
		    "'%.*s:recurse' is of FHIR STU3: in R4 it is written %.*s:iterate",
		    STR_ARG(c->name), STR_ARG(c->name));
	if (c->modifier.len && !inc.iterate)
		return parse_unknown_modifier(ps, c);
	if (all->count == INCLUDES_MOST)
		return parse_complain(
		    ps, "too-costly", "the search has more than %d includes", INCLUDES_MOST);
	if (read_include(ps, c, &inc) != TAKEN || check_rights(ps, &inc) != TAKEN ||
	    (!all->visible && find_visible(ps) != TAKEN))
		return SKIPPED;
	if (!all->at)
		all->at = arena_calloc(ps->a, INCLUDES_MOST, sizeof(inc));
	if (!all->at) {
		ps->full = true;
		return SKIPPED;
	}
	all->at[all->count++] = inc;
	return TAKEN;
}
