/*
 * Composites: parameters whose components must match in one element (FHIR R4,
 * 3.1.1.4.16).
 *
 * Each component is searched as another parameter of the type. Of a resource
 * with one element that is the whole answer. Of one with several, the values of
 * each element's components are kept together as well.
 */
#include "gateway/fhir/index_extract.h"

enum {
	PARTS_MOST = 8, /* of a composite's expression, for one type */
};

/* A parameter of the type by its canonical; PACK_NONE. */
static uint32_t
param_by_url(const struct pack *p, uint32_t type, struct str url)
{
	uint32_t count;
	const uint32_t *params = pack_type_params(p, type, &count);

	for (uint32_t i = 0; i < count; i++)
		if (str_eq(pack_text(p, pack_param_at(p, params[i])->url), url))
			return params[i];
	return PACK_NONE;
}

/* Whether base "." path is a part of the parameter's expression. */
static bool
has_path(const struct pack *p, uint32_t param, struct str base, struct str path)
{
	struct str part, rest = pack_text(p, pack_param_at(p, param)->expression);

	while (search_split_union(&rest, &part))
		if (part.len == base.len + 1 + path.len && str_starts(part, base) &&
		    part.p[base.len] == '.' && str_eq(str_from_index(part, base.len + 1), path))
			return true;
	return false;
}

/* The parameter that a component is searched as: its definition. R4 has a
 * composite whose definitions are exchanged (DocumentReference's relationship):
 * where another parameter has the component's path, it is that one. */
static uint32_t
component_param(const struct pack *p, uint32_t type, const struct pack_param *composite,
    const struct pack_component *c)
{
	uint32_t count, defined = param_by_url(p, type, pack_text(p, c->definition));
	const uint32_t *params = pack_type_params(p, type, &count);
	struct str base = pack_text(p, composite->expression);
	struct str path = pack_text(p, c->expression);

	if (defined != PACK_NONE && has_path(p, defined, base, path))
		return defined;
	for (uint32_t i = 0; i < count; i++)
		if (pack_param_at(p, params[i])->type != PARAM_COMPOSITE &&
		    has_path(p, params[i], base, path))
			return params[i];
	return defined;
}

static int
compile_component(const struct pack *p, uint32_t type, const struct search_type *st,
    const struct search_entry *e, const struct pack_component *c, struct search_component *out,
    struct error *err)
{
	const struct pack_param *composite = pack_param_at(p, e->param);
	uint32_t element = fhirpath_result_type(e->path);

	out->param = component_param(p, type, composite, c);
	if (out->param == PACK_NONE || !search_type_has(st, out->param))
		return error_set(err, ERROR_INVALID, "its component %.*s is not indexed",
		    STR_ARG(pack_text(p, c->definition)));
	if (element == PACK_NONE)
		return error_set(
		    err, ERROR_INVALID, "its elements are of more than one type, or of any");
	out->path = fhirpath_compile_definition(p, element, pack_text(p, c->expression), err);
	return out->path || element == type ? 0 : -1;
}

/* One part of the expression, with all components. */
static int
compile_part(const struct pack *p, uint32_t type, struct search_type *st, uint32_t number,
    struct str part, struct error *err)
{
	const struct pack_param *param = pack_param_at(p, number);
	const struct pack_component *components = pack_components(p, param->components);
	struct search_entry *e = search_add_entry(st);

	e->param = number;
	e->kind = PARAM_COMPOSITE;
	e->components = xcalloc(param->components.count + 1, sizeof(e->components[0]));
	e->component_count = param->components.count;
	e->path = fhirpath_compile_definition(p, type, part, err);
	if (!e->path)
		return -1;
	for (uint32_t i = 0; i < param->components.count; i++)
		if (compile_component(p, type, st, e, &components[i], &e->components[i], err) < 0)
			return -1;
	return 0;
}

/* Where there may be several elements, each component must be found in them. */
static bool
is_whole(const struct search_type *st, uint32_t first)
{
	if (st->count - first > PARTS_MOST)
		return false;
	for (uint32_t e = first; st->count - first > 1 && e < st->count; e++)
		for (uint32_t i = 0; i < st->entries[e].component_count; i++)
			if (!st->entries[e].components[i].path)
				return false;
	return true;
}

void
search_composite_compile(
    const struct pack *p, uint32_t type, struct search_type *st, uint32_t number)
{
	const struct pack_param *param = pack_param_at(p, number);
	struct str part, rest = pack_text(p, param->expression);
	uint32_t first = st->count;
	struct error err;

	if (param->components.count < 2 || param->components.count > SEARCH_COMPONENTS)
		return;
	while (search_split_union(&rest, &part)) {
		if (!part.len || !search_part_is_of(p, type, part))
			continue;
		if (compile_part(p, type, st, number, part, &err) == 0)
			continue;
		search_not_compiled(p, type, number, &err);
		search_drop_entries(st, first);
		return;
	}
	if (!is_whole(st, first))
		search_drop_entries(st, first);
}

/* The rows of a component in one element. Returns 1: there are some, 0: none,
 * -1 with *err set. */
static int
extract_component(struct extraction *x, const struct search_component *c, uint32_t at,
    uint32_t node, uint32_t element, struct error *err)
{
	const struct search_entry *composite = x->e;
	struct search_entry one = { .param = composite->param,
		.kind = (uint16_t)pack_param_at(x->p, c->param)->type,
		.target = PACK_NONE,
		.path = c->path };
	uint32_t first = x->count;
	int rc;

	x->e = &one;
	x->component = true;
	rc = search_evaluate(x, node, err);
	x->component = false;
	x->e = composite;
	for (uint32_t i = first; i < x->count; i++) {
		x->rows[i].component = (uint16_t)(at + 1);
		x->rows[i].element = element;
	}
	return rc < 0 ? -1 : x->count > first;
}

/* Those of one element, if each component has some. *seen: components that had
 * in any element. */
static int
extract_element(
    struct extraction *x, uint32_t node, uint32_t element, uint32_t *seen, struct error *err)
{
	uint32_t first = x->count, mask = 0;

	for (uint32_t i = 0; i < x->e->component_count; i++) {
		int rc = extract_component(x, &x->e->components[i], i, node, element, err);

		if (rc < 0)
			return -1;
		mask |= (uint32_t)rc << i;
	}
	*seen |= mask;
	if (mask != (UINT32_C(1) << x->e->component_count) - 1)
		x->count = first;
	return 0;
}

/* The elements that all entries of the composite give. */
static int
find_elements(struct extraction *x, uint32_t first, uint32_t node, struct fhirpath_items *found,
    uint32_t *entries, struct error *err)
{
	uint32_t param = x->st->entries[first].param, count = 0;

	for (*entries = 0;
	     first + *entries < x->st->count && x->st->entries[first + *entries].param == param;
	     ++*entries) {
		if (fhirpath_eval(x->st->entries[first + *entries].path, x->r, node, x->a,
			&found[*entries], err) < 0)
			return -1;
		count += found[*entries].count;
	}
	return (int)(count < 2 ? count : 2);
}

uint32_t
search_composite_extract(struct extraction *x, uint32_t first, uint32_t node, struct error *err)
{
	struct fhirpath_items found[PARTS_MOST];
	uint32_t entries, element = 0, seen = 0, start = x->count;
	int several = find_elements(x, first, node, found, &entries, err);

	if (several < 0)
		return 0;
	for (uint32_t e = 0; several > 1 && e < entries; e++) {
		x->e = &x->st->entries[first + e];
		for (uint32_t i = 0; i < found[e].count && !x->failed; i++)
			if (extract_element(x, found[e].at[i].node, element++, &seen, err) < 0)
				return 0;
	}
	/* Together they have all, and none alone: say that there is nothing. */
	if (several > 1 && x->count == start && seen == (UINT32_C(1) << x->e->component_count) - 1)
		search_add_row(x, PARAM_COMPOSITE)->component = 1;
	return entries;
}
