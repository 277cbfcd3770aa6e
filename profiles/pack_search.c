/* Search parameters, compartments and operations. */
#include <stdlib.h>

#include "base/arena.h"
#include "profiles/pack_table.h"

static struct str
text_at(struct pack_builder *b, struct pack_text t)
{
	return str_of(table_row(b, TABLE_TEXT, t.offset), t.len);
}

/* A member that is a list of type names, as a run of type numbers. */
static int
type_list(struct pack_builder *b, const struct definition *d, const char *member,
    struct pack_run *out, struct error *err)
{
	json_t *names = json_object_get(d->root, member), *name;
	uint32_t *numbers = xcalloc(json_array_size(names) + 1, sizeof(*numbers));
	size_t i;
	int rc = 0;

	json_array_foreach(names, i, name) {
		numbers[i] = find_source_type(b, str_from(json_string_value(name)));
		if (numbers[i] == PACK_NONE && !rc)
			rc = refuse_definition(err, d, "its %s '%s' is no type of this release",
			    member, json_is_string(name) ? json_string_value(name) : "");
	}
	*out = run_intern(b, TABLE_NUMBERS, numbers, rc ? 0 : (uint32_t)json_array_size(names));
	free(numbers);
	return rc;
}

static int
param_type(const struct definition *d, uint32_t *out, struct error *err)
{
	static const char *const names[] = {
		[PARAM_NUMBER] = "number",
		[PARAM_DATE] = "date",
		[PARAM_STRING] = "string",
		[PARAM_TOKEN] = "token",
		[PARAM_REFERENCE] = "reference",
		[PARAM_COMPOSITE] = "composite",
		[PARAM_QUANTITY] = "quantity",
		[PARAM_URI] = "uri",
		[PARAM_SPECIAL] = "special",
	};
	struct str type = js_text(d->root, "type");

	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (str_is(type, names[i])) {
			*out = i;
			return 0;
		}
	}
	return refuse_definition(err, d, "its type '%.*s' is not known", STR_ARG(type));
}

static struct pack_run
add_components(struct pack_builder *b, const struct definition *d)
{
	json_t *components = json_object_get(d->root, "component"), *c;
	uint32_t first = table_count(b, TABLE_COMPONENTS);
	size_t i;

	json_array_foreach(components, i, c) {
		struct pack_component row = { js_text_add(b, c, "definition"),
			js_text_add(b, c, "expression") };

		table_add(b, TABLE_COMPONENTS, &row, 1);
	}
	return (struct pack_run){ first, (uint32_t)i };
}

static int
add_param(struct pack_builder *b, const struct definition *d, struct error *err)
{
	struct pack_param row = {
		.code = js_text_add(b, d->root, "code"),
		.url = text_add(b, d->url),
		.name = js_text_add(b, d->root, "name"),
		.expression = js_text_add(b, d->root, "expression"),
	};

	if (!row.code.len)
		return refuse_definition(err, d, "this SearchParameter has no code");
	if (param_type(d, &row.type, err) || type_list(b, d, "base", &row.bases, err) ||
	    type_list(b, d, "target", &row.targets, err))
		return -1;
	row.components = add_components(b, d);
	table_add(b, TABLE_PARAMS, &row, 1);
	return 0;
}

static bool
has_base(struct pack_builder *b, const struct pack_param *p, uint32_t type)
{
	const uint32_t *bases = table_row(b, TABLE_NUMBERS, p->bases.first);

	for (uint32_t i = 0; i < p->bases.count; i++)
		if (bases[i] == type)
			return true;
	return false;
}

/*
 * Put the parameters whose base is exactly `base` behind those in the list,
 * unless their code is there already. Parameters stand in the order of their
 * canonicals, so that of two with the same base and code the first wins.
 */
static uint32_t
collect_params(struct pack_builder *b, uint32_t base, uint32_t *list, uint32_t count)
{
	for (uint32_t i = 0; i < table_count(b, TABLE_PARAMS); i++) {
		const struct pack_param *p = table_row(b, TABLE_PARAMS, i), *q;
		bool taken = !has_base(b, p, base);

		for (uint32_t j = 0; j < count && !taken; j++) {
			q = table_row(b, TABLE_PARAMS, list[j]);
			taken = q->code.offset == p->code.offset && q->code.len == p->code.len;
		}
		if (!taken)
			list[count++] = i;
	}
	return count;
}

/* The parameters of each type, its own before those of its bases. */
static void
add_type_params(struct pack_builder *b)
{
	uint32_t *list = xcalloc(table_count(b, TABLE_PARAMS) + 1, sizeof(*list));

	for (uint32_t t = 0; t < b->type_count; t++) {
		const struct pack_type *type = table_row(b, TABLE_TYPES, t);
		uint32_t count = 0;
		struct pack_run run;

		for (uint32_t u = t; u != PACK_NONE && type->kind == PACK_RESOURCE;
		     u = ((struct pack_type *)table_row(b, TABLE_TYPES, u))->base)
			count = collect_params(b, u, list, count);
		run = (struct pack_run){ table_add(b, TABLE_NUMBERS, list, count), count };
		table_add(b, TABLE_TYPE_PARAMS, &run, 1);
		for (uint32_t i = 0; i < count; i++) {
			const struct pack_param *p = table_row(b, TABLE_PARAMS, list[i]);

			index_add(b, INDEX_PARAM, t, text_at(b, p->code), false, run.first + i);
		}
	}
	free(list);
}

int
compile_params(struct pack_builder *b, struct definition *defs, uint32_t count, struct error *err)
{
	for (uint32_t i = 0; i < count; i++)
		if (add_param(b, &defs[i], err))
			return -1;
	add_type_params(b);
	return 0;
}

/* The members of a compartment, in the order of the definition. */
static int
add_members(
    struct pack_builder *b, const struct definition *d, struct pack_run *out, struct error *err)
{
	json_t *resources = json_object_get(d->root, "resource"), *resource, *param;
	size_t i, j;

	out->first = table_count(b, TABLE_MEMBERS);
	json_array_foreach(resources, i, resource) {
		struct str code = js_text(resource, "code");
		struct pack_member row = { .type = find_source_type(b, code) };

		if (row.type == PACK_NONE)
			return refuse_definition(err, d,
			    "its resource '%.*s' is no type of this release", STR_ARG(code));
		json_array_foreach(json_object_get(resource, "param"), j, param) {
			row.param = text_add(b, str_from(json_string_value(param)));
			table_add(b, TABLE_MEMBERS, &row, 1);
		}
	}
	out->count = table_count(b, TABLE_MEMBERS) - out->first;
	return 0;
}

/* Of two compartments with the same code that with more members is kept. */
static void
put_compartment(struct pack_builder *b, const struct pack_compartment *row)
{
	for (uint32_t i = 0; i < table_count(b, TABLE_COMPARTMENTS); i++) {
		struct pack_compartment *have = table_row(b, TABLE_COMPARTMENTS, i);

		if (have->code.offset != row->code.offset || have->code.len != row->code.len)
			continue;
		if (row->members.count > have->members.count)
			*have = *row;
		return;
	}
	table_add(b, TABLE_COMPARTMENTS, row, 1);
}

int
compile_compartments(
    struct pack_builder *b, struct definition *defs, uint32_t count, struct error *err)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct definition *d = &defs[i];
		struct pack_compartment row = {
			.code = js_text_add(b, d->root, "code"),
			.url = text_add(b, d->url),
		};

		if (find_source_type(b, js_text(d->root, "code")) == PACK_NONE)
			return refuse_definition(err, d, "its code is no type of this release");
		if (add_members(b, d, &row.members, err))
			return -1;
		put_compartment(b, &row);
	}
	return 0;
}

static struct pack_run
add_parameters(struct pack_builder *b, const struct definition *d)
{
	json_t *parameters = json_object_get(d->root, "parameter"), *p;
	uint32_t first = table_count(b, TABLE_PARAMETERS);
	size_t i;

	json_array_foreach(parameters, i, p) {
		int64_t max;
		struct pack_parameter row = {
			.name = js_text_add(b, p, "name"),
			.type = js_text_add(b, p, "type"),
			.out = str_is(js_text(p, "use"), "out"),
			.min = (uint32_t)json_integer_value(json_object_get(p, "min")),
			.max = PACK_MANY,
		};

		if (str_to_int(js_text(p, "max"), &max) && max >= 0 && max < PACK_MANY)
			row.max = (uint32_t)max;
		table_add(b, TABLE_PARAMETERS, &row, 1);
	}
	return (struct pack_run){ first, (uint32_t)i };
}

int
compile_operations(
    struct pack_builder *b, struct definition *defs, uint32_t count, struct error *err)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct definition *d = &defs[i];
		struct pack_operation row = {
			.code = js_text_add(b, d->root, "code"),
			.url = text_add(b, d->url),
			.on_system = js_true(d->root, "system"),
			.on_type = js_true(d->root, "type"),
			.on_instance = js_true(d->root, "instance"),
			.affects_state = js_true(d->root, "affectsState"),
		};

		if (!row.code.len)
			return refuse_definition(err, d, "this OperationDefinition has no code");
		if (type_list(b, d, "resource", &row.types, err))
			return -1;
		row.parameters = add_parameters(b, d);
		table_add(b, TABLE_OPERATIONS, &row, 1);
	}
	return 0;
}
