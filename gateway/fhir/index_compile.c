/* Search parameters compiled: the expressions of a type, part by part. */
#include "base/log.h"
#include "gateway/fhir/index_extract.h"

/*
 * Expressions. A parameter of several types has one that is a union over all of
 * them; the parts that begin with another resource type's name give nothing
 * here and are left out.
 */

bool
search_split_union(struct str *rest, struct str *part)
{
	unsigned depth = 0;
	bool quoted = false;

	if (!rest->p)
		return false;
	for (size_t i = 0; i < rest->len; i++) {
		char c = rest->p[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '\'')
			quoted = !quoted;
		else if (!quoted && c == '(')
			depth++;
		else if (!quoted && c == ')' && depth)
			depth--;
		else if (!quoted && c == '|' && !depth) {
			*part = str_trim(str_of(rest->p, i));
			*rest = str_from_index(*rest, i + 1);
			return true;
		}
	}
	*part = str_trim(*rest);
	rest->p = NULL;
	return true;
}

static bool
is_name_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

bool
search_part_is_of(const struct pack *p, uint32_t type, struct str part)
{
	size_t from = 0, to;
	uint32_t named;

	while (from < part.len && part.p[from] == '(')
		from++;
	for (to = from; to < part.len && is_name_char(part.p[to]); to++)
		;
	named = pack_find_type(p, str_of(part.p + from, to - from));
	return named == PACK_NONE || pack_type_is(p, type, named);
}

/*
 * ".where(resolve() is Patient)" at the end asks for the type of what a
 * reference names, which its text tells: cut it off and give the type.
 */
static struct str
cut_resolve(const struct pack *p, struct str part, uint32_t *target)
{
	static const char where[] = ".where(resolve() is ";
	ptrdiff_t at = str_find_str(part, str_from(where));
	struct str name;

	if (at < 0 || part.p[part.len - 1] != ')')
		return part;
	name = str_from_index(part, (size_t)at + sizeof(where) - 1);
	name.len--;
	*target = pack_find_type(p, name);
	return *target == PACK_NONE ? part : str_of(part.p, (size_t)at);
}

static const struct pack_compartment *
compartment_at(const struct pack *p, uint32_t i)
{
	return (const struct pack_compartment *)p->table[TABLE_COMPARTMENTS] + i;
}

/* Note which compartments the parameter puts resources of the type into. */
static void
find_homes(const struct pack *p, uint32_t type, struct search_type *st, struct search_entry *e,
    struct str code)
{
	e->homes = (struct pack_run){ st->code_count, 0 };
	for (uint32_t i = 0; i < p->count[TABLE_COMPARTMENTS]; i++) {
		const struct pack_compartment *c = compartment_at(p, i);
		const struct pack_member *m = pack_members(p, c->members);

		for (uint32_t j = 0; j < c->members.count; j++) {
			if (m[j].type != type || !str_eq(pack_text(p, m[j].param), code))
				continue;
			st->codes = xrealloc(
			    st->codes, (st->code_count + 1) * sizeof(st->codes[0]));
			st->codes[st->code_count++] = pack_text(p, c->code);
			e->homes.count++;
			break;
		}
	}
}

void
search_not_compiled(const struct pack *p, uint32_t type, uint32_t number, const struct error *err)
{
	const struct pack_param *param = pack_param_at(p, number);

	log_event(LOG_DEBUG, "search parameter is not supported", "type=%.*s\tcode=%.*s\treason=%s",
	    STR_ARG(pack_text(p, pack_type_at(p, type)->name)), STR_ARG(pack_text(p, param->code)),
	    err->text);
}

struct search_entry *
search_add_entry(struct search_type *st)
{
	st->entries = xrealloc(st->entries, (st->count + 1) * sizeof(st->entries[0]));
	st->entries[st->count] = (struct search_entry){ .target = PACK_NONE };
	return &st->entries[st->count++];
}

static void
release_entry(struct search_entry *e)
{
	for (uint32_t i = 0; i < e->component_count; i++)
		fhirpath_free(e->components[i].path);
	free(e->components);
	fhirpath_free(e->path);
}

void
search_drop_entries(struct search_type *st, uint32_t first)
{
	while (st->count > first)
		release_entry(&st->entries[--st->count]);
}

bool
search_type_has(const struct search_type *st, uint32_t param)
{
	for (uint32_t i = 0; i < st->count; i++)
		if (st->entries[i].param == param)
			return true;
	return false;
}

/* The one rule of special parameters that is known: near, of what has a
 * latitude and a longitude. */
static bool
gives_positions(const struct pack *p, const struct fhirpath *path, struct error *err)
{
	uint32_t type = fhirpath_result_type(path);

	if (type != PACK_NONE && pack_find_element(p, type, STR("latitude")) != PACK_NONE &&
	    pack_find_element(p, type, STR("longitude")) != PACK_NONE)
		return true;
	error_set(err, ERROR_INVALID, "it is special, and not of positions");
	return false;
}

/* The union's search for duplicates is not needed, and costs their square:
 * therefore the parts. All or none. */
int
search_compile(const struct pack *p, uint32_t type, struct search_type *st,
    const struct search_param *param, struct error *err)
{
	struct str part, rest = param->expression;
	uint32_t first = st->count;

	while (search_split_union(&rest, &part)) {
		struct search_entry *e;

		if (!part.len || !search_part_is_of(p, type, part))
			continue;
		e = search_add_entry(st);
		e->param = param->number;
		e->kind = (uint16_t)param->type;
		if (e->kind == PARAM_REFERENCE)
			part = cut_resolve(p, part, &e->target);
		e->path = fhirpath_compile_definition(p, type, part, err);
		if (e->path && e->kind == PARAM_SPECIAL && !gives_positions(p, e->path, err)) {
			fhirpath_free(e->path);
			e->path = NULL;
		}
		if (e->path) {
			find_homes(p, type, st, e, param->code);
			continue;
		}
		search_drop_entries(st, first);
		return -1;
	}
	return 0;
}

/* One of the pack's. */
static void
compile_param(const struct pack *p, uint32_t type, struct search_type *st, uint32_t number)
{
	const struct pack_param *from = pack_param_at(p, number);
	struct search_param param = { .number = number,
		.type = from->type,
		.code = pack_text(p, from->code),
		.expression = pack_text(p, from->expression) };
	struct error err;

	if (search_compile(p, type, st, &param, &err) < 0)
		search_not_compiled(p, type, number, &err);
}

static bool
is_indexed(uint32_t param_type)
{
	return param_type == PARAM_TOKEN || param_type == PARAM_REFERENCE ||
	       param_type == PARAM_STRING || param_type == PARAM_DATE || param_type == PARAM_URI ||
	       param_type == PARAM_NUMBER || param_type == PARAM_QUANTITY ||
	       param_type == PARAM_SPECIAL;
}

struct search_type *
search_type_new(const struct pack *p, uint32_t type)
{
	struct search_type *st = xcalloc(1, sizeof(*st));
	uint32_t count;
	const uint32_t *params = pack_type_params(p, type, &count);

	st->is_home = pack_find_compartment(p, pack_text(p, pack_type_at(p, type)->name)) != NULL;
	for (uint32_t i = 0; i < count; i++) {
		const struct pack_param *param = pack_param_at(p, params[i]);

		if (is_indexed(param->type) && param->expression.len)
			compile_param(p, type, st, params[i]);
	}
	/* Composites are of parameters that are there by now. */
	for (uint32_t i = 0; i < count; i++)
		if (pack_param_at(p, params[i])->type == PARAM_COMPOSITE)
			search_composite_compile(p, type, st, params[i]);
	return st;
}

void
search_type_free(struct search_type *st)
{
	if (!st)
		return;
	search_drop_entries(st, 0);
	free(st->entries);
	free(st->codes);
	free(st);
}
