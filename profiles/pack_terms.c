/* Code systems, value sets and concept maps. */
#include <stdlib.h>

#include "base/arena.h"
#include "profiles/pack_table.h"

enum {
	CONCEPT_DEPTH = 64, /* levels of a hierarchy of concepts */
};

static bool
is_abstract(const json_t *concept)
{
	json_t *properties = json_object_get(concept, "property"), *p;
	size_t i;

	json_array_foreach(properties, i, p)
		if ((str_is(js_text(p, "code"), "notSelectable") ||
			str_is(js_text(p, "code"), "abstract")) &&
		    js_true(p, "valueBoolean"))
			return true;
	return false;
}

/* What the concepts of one code system go into. */
struct concepts {
	struct pack_builder *b;
	const struct definition *def;
	uint32_t system;
	bool fold;
};

static int
add_concepts(
    const struct concepts *c, json_t *list, uint32_t parent, unsigned depth, struct error *err)
{
	json_t *concept;
	size_t i;

	if (depth > CONCEPT_DEPTH)
		return refuse_definition(
		    err, c->def, "its concepts lie over %d levels deep", CONCEPT_DEPTH);
	json_array_foreach(list, i, concept) {
		struct str code = js_text(concept, "code");
		struct pack_concept row = {
			.code = text_add(c->b, code),
			.display = js_text_add(c->b, concept, "display"),
			.parent = parent,
			.abstract = is_abstract(concept),
		};
		uint32_t at;

		if (!code.len)
			return refuse_definition(err, c->def, "it has a concept without a code");
		at = table_add(c->b, TABLE_CONCEPTS, &row, 1);
		index_add(c->b, INDEX_CONCEPT, c->system, code, c->fold, at);
		if (add_concepts(c, json_object_get(concept, "concept"), at, depth + 1, err))
			return -1;
	}
	return 0;
}

int
compile_code_systems(
    struct pack_builder *b, struct definition *defs, uint32_t count, struct error *err)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct definition *d = &defs[i];
		json_t *sensitive = json_object_get(d->root, "caseSensitive");
		struct pack_code_system row = {
			.url = text_add(b, d->url),
			.version = text_add(b, d->version),
			.complete = str_is(js_text(d->root, "content"), "complete"),
			.case_sensitive = !json_is_false(sensitive),
		};
		struct concepts c = { b, d, i, json_is_false(sensitive) };

		row.concepts.first = table_count(b, TABLE_CONCEPTS);
		if (add_concepts(&c, json_object_get(d->root, "concept"), PACK_NONE, 1, err))
			return -1;
		row.concepts.count = table_count(b, TABLE_CONCEPTS) - row.concepts.first;
		table_add(b, TABLE_CODE_SYSTEMS, &row, 1);
		index_add(b, INDEX_CODE_SYSTEM, 0, d->url, false, i);
	}
	return 0;
}

static int
add_filters(struct pack_builder *b, const struct definition *d, const json_t *include,
    struct pack_run *out, struct error *err)
{
	static const char *const ops[] = {
		[FILTER_EQUALS] = "=",
		[FILTER_IS_A] = "is-a",
		[FILTER_DESCENDENT_OF] = "descendent-of",
		[FILTER_IS_NOT_A] = "is-not-a",
		[FILTER_REGEX] = "regex",
		[FILTER_IN] = "in",
		[FILTER_NOT_IN] = "not-in",
		[FILTER_GENERALIZES] = "generalizes",
		[FILTER_EXISTS] = "exists",
	};
	json_t *filters = json_object_get(include, "filter"), *f;
	size_t i;

	out->first = table_count(b, TABLE_FILTERS);
	json_array_foreach(filters, i, f) {
		struct pack_filter row = { js_text_add(b, f, "property"),
			js_text_add(b, f, "value"), 0 };
		struct str op = js_text(f, "op");

		while (row.op < sizeof(ops) / sizeof(ops[0]) && !str_is(op, ops[row.op]))
			row.op++;
		if (row.op == sizeof(ops) / sizeof(ops[0]))
			return refuse_definition(
			    err, d, "its filter's op '%.*s' is not known", STR_ARG(op));
		table_add(b, TABLE_FILTERS, &row, 1);
	}
	out->count = table_count(b, TABLE_FILTERS) - out->first;
	return 0;
}

/* The concepts an include lists, in the order it lists them. */
static struct pack_run
add_listed(struct pack_builder *b, const json_t *include)
{
	json_t *concepts = json_object_get(include, "concept"), *c;
	uint32_t first = table_count(b, TABLE_CONCEPTS);
	size_t i;

	json_array_foreach(concepts, i, c) {
		struct pack_concept row = { js_text_add(b, c, "code"), js_text_add(b, c, "display"),
			PACK_NONE, 0 };

		table_add(b, TABLE_CONCEPTS, &row, 1);
	}
	return (struct pack_run){ first, (uint32_t)i };
}

static struct pack_run
add_value_sets(struct pack_builder *b, const json_t *include)
{
	json_t *sets = json_object_get(include, "valueSet"), *s;
	struct pack_text *rows = xcalloc(json_array_size(sets) + 1, sizeof(*rows));
	struct pack_run run;
	size_t i;

	json_array_foreach(sets, i, s)
		rows[i] = text_add(b, str_from(json_string_value(s)));
	run = run_intern(b, TABLE_TEXTS, rows, (uint32_t)i);
	free(rows);
	return run;
}

static int
add_includes(struct pack_builder *b, const struct definition *d, const char *member,
    uint32_t exclude, struct error *err)
{
	json_t *list = json_object_get(json_object_get(d->root, "compose"), member), *include;
	size_t i;

	json_array_foreach(list, i, include) {
		struct pack_include row = {
			.system = js_text_add(b, include, "system"),
			.version = js_text_add(b, include, "version"),
			.exclude = exclude,
			.concepts = add_listed(b, include),
			.value_sets = add_value_sets(b, include),
		};

		if (add_filters(b, d, include, &row.filters, err))
			return -1;
		table_add(b, TABLE_INCLUDES, &row, 1);
	}
	return 0;
}

int
compile_value_sets(
    struct pack_builder *b, struct definition *defs, uint32_t count, struct error *err)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct definition *d = &defs[i];
		struct pack_value_set row = { text_add(b, d->url), text_add(b, d->version),
			{ table_count(b, TABLE_INCLUDES), 0 } };

		if (add_includes(b, d, "include", 0, err) || add_includes(b, d, "exclude", 1, err))
			return -1;
		row.includes.count = table_count(b, TABLE_INCLUDES) - row.includes.first;
		table_add(b, TABLE_VALUE_SETS, &row, 1);
		index_add(b, INDEX_VALUE_SET, 0, d->url, false, i);
	}
	return 0;
}

/* The rows of one source code: one for each target, or one without. */
static void
add_map_rows(struct pack_builder *b, const json_t *group, const json_t *element)
{
	json_t *targets = json_object_get(element, "target"), *t;
	struct pack_map_row row = {
		.source_system = js_text_add(b, group, "source"),
		.source_code = js_text_add(b, element, "code"),
		.target_system = js_text_add(b, group, "target"),
	};
	size_t i;

	json_array_foreach(targets, i, t) {
		row.target_code = js_text_add(b, t, "code");
		row.equivalence = js_text_add(b, t, "equivalence");
		table_add(b, TABLE_MAP_ROWS, &row, 1);
	}
	if (i == 0) {
		row.equivalence = text_add(b, STR("unmatched"));
		table_add(b, TABLE_MAP_ROWS, &row, 1);
	}
}

/* sourceUri and sourceCanonical mean the same to us. */
static struct pack_text
either(struct pack_builder *b, const json_t *root, const char *canonical, const char *uri)
{
	return js_text(root, canonical).len ? js_text_add(b, root, canonical)
					    : js_text_add(b, root, uri);
}

int
compile_concept_maps(
    struct pack_builder *b, struct definition *defs, uint32_t count, struct error *err)
{
	(void)err;
	for (uint32_t i = 0; i < count; i++) {
		const struct definition *d = &defs[i];
		struct pack_concept_map row = {
			.url = text_add(b, d->url),
			.version = text_add(b, d->version),
			.source = either(b, d->root, "sourceCanonical", "sourceUri"),
			.target = either(b, d->root, "targetCanonical", "targetUri"),
		};
		json_t *group, *element;
		size_t j, k;

		row.rows.first = table_count(b, TABLE_MAP_ROWS);
		json_array_foreach(json_object_get(d->root, "group"), j, group) {
			json_array_foreach(json_object_get(group, "element"), k, element) {
				add_map_rows(b, group, element);
			}
		}
		row.rows.count = table_count(b, TABLE_MAP_ROWS) - row.rows.first;
		table_add(b, TABLE_CONCEPT_MAPS, &row, 1);
		index_add(b, INDEX_CONCEPT_MAP, 0, d->url, false, i);
	}
	return 0;
}
