/* Types and their elements, from StructureDefinitions. */
#include <stdlib.h>

#include "base/arena.h"
#include "profiles/pack_table.h"

/* The lexical space of a primitive; types not listed have that of their base. */
static const struct {
	const char *type;
	enum pack_lexical lexical;
} lexicals[] = {
	{ "boolean", LEXICAL_BOOLEAN },
	{ "integer", LEXICAL_INTEGER },
	{ "unsignedInt", LEXICAL_UNSIGNED_INT },
	{ "positiveInt", LEXICAL_POSITIVE_INT },
	{ "integer64", LEXICAL_INTEGER64 },
	{ "decimal", LEXICAL_DECIMAL },
	{ "string", LEXICAL_STRING },
	{ "markdown", LEXICAL_MARKDOWN },
	{ "code", LEXICAL_CODE },
	{ "id", LEXICAL_ID },
	{ "uri", LEXICAL_URI },
	{ "url", LEXICAL_URL },
	{ "canonical", LEXICAL_CANONICAL },
	{ "oid", LEXICAL_OID },
	{ "uuid", LEXICAL_UUID },
	{ "base64Binary", LEXICAL_BASE64 },
	{ "instant", LEXICAL_INSTANT },
	{ "date", LEXICAL_DATE },
	{ "dateTime", LEXICAL_DATETIME },
	{ "time", LEXICAL_TIME },
	{ "xhtml", LEXICAL_XHTML },
};

static struct pack_type *
type_row(struct pack_builder *b, uint32_t t)
{
	return table_row(b, TABLE_TYPES, t);
}

static struct str
path_at(json_t *elements, size_t i)
{
	return js_text(json_array_get(elements, i), "path");
}

/* Whether path lies right below parent. */
static bool
is_child(struct str path, struct str parent)
{
	return path.len > parent.len + 1 && str_starts(path, parent) && path.p[parent.len] == '.' &&
	       str_find(str_from_index(path, parent.len + 1), '.') < 0;
}

static bool
has_children(json_t *elements, size_t i)
{
	return is_child(path_at(elements, i + 1), path_at(elements, i));
}

static int
add_type(struct pack_builder *b, const struct definition *d, json_t *elements, size_t element,
    struct str name, struct error *err)
{
	uint32_t t = b->type_count;
	struct pack_type row = { .name = text_add(b, name), .base = PACK_NONE };

	if (find_source_type(b, name) != PACK_NONE)
		return refuse_definition(err, d, "the type %.*s is already defined by %s",
		    STR_ARG(name), b->sources[find_source_type(b, name)].def->file);
	if (b->type_count == b->type_room) {
		b->type_room = b->type_room ? b->type_room * 2 : 512;
		b->sources = xrealloc(b->sources, b->type_room * sizeof(*b->sources));
	}
	b->sources[b->type_count++] = (struct type_source){ d, elements, element, PACK_NONE };
	name_map_put(&b->types, name, t);
	index_add(b, INDEX_TYPE, 0, name, false, t);
	table_add(b, TABLE_TYPES, &row, 1);
	return 0;
}

static int
pack_kind_of(const struct definition *d, enum pack_kind *out, struct error *err)
{
	struct str kind = js_text(d->root, "kind");

	if (str_is(kind, "primitive-type"))
		*out = PACK_PRIMITIVE;
	else if (str_is(kind, "complex-type"))
		*out = PACK_COMPLEX;
	else if (str_is(kind, "resource"))
		*out = PACK_RESOURCE;
	else if (str_is(kind, "logical"))
		*out = PACK_LOGICAL;
	else
		return refuse_definition(err, d, "its kind '%.*s' is not known", STR_ARG(kind));
	return 0;
}

/* The type a definition makes, and those nested in it. */
static int
add_types(struct pack_builder *b, const struct definition *d, struct error *err)
{
	json_t *elements = json_object_get(json_object_get(d->root, "snapshot"), "element");
	struct str name = js_text(d->root, "type");
	enum pack_kind kind = PACK_COMPLEX;
	uint32_t t = b->type_count;

	if (!json_array_size(elements))
		return refuse_definition(err, d, "this StructureDefinition has no snapshot");
	if (!name.len || !str_eq(path_at(elements, 0), name))
		return refuse_definition(
		    err, d, "its first element is not named as its type '%.*s'", STR_ARG(name));
	if (pack_kind_of(d, &kind, err) || add_type(b, d, elements, 0, name, err))
		return -1;
	type_row(b, t)->url = text_add(b, d->url);
	type_row(b, t)->kind = (uint8_t)kind;
	type_row(b, t)->abstract = js_true(d->root, "abstract");
	name_map_put(&b->types, d->url, t);
	for (size_t i = 1; i < json_array_size(elements); i++) {
		struct str path = path_at(elements, i);

		if (!str_starts(path, name) || path.len <= name.len || path.p[name.len] != '.')
			return refuse_definition(err, d,
			    "the element '%.*s' does not lie below the type", STR_ARG(path));
		if (!has_children(elements, i))
			continue;
		if (add_type(b, d, elements, i, path, err))
			return -1;
		type_row(b, b->type_count - 1)->kind = PACK_BACKBONE;
	}
	return 0;
}

/* The FHIR type that stands behind one of FHIRPath's, in an extension. */
static struct str
fhir_type_of(const json_t *type)
{
	json_t *extensions = json_object_get(type, "extension"), *x;
	size_t i;

	json_array_foreach(extensions, i, x) {
		struct str value = js_text(x, "valueUrl");

		if (!str_ends(js_text(x, "url"), STR("/structuredefinition-fhir-type")))
			continue;
		if (!value.len)
			value = js_text(x, "valueUri");
		return value.len ? value : js_text(x, "valueString");
	}
	return STR("string");
}

/*
 * The name of an element's type. The id of a resource is declared a string in
 * R4's definitions, and an id by its text (Resource, 2.26.3.1); we take the
 * text.
 */
static struct str
type_name(const json_t *element, const json_t *type)
{
	struct str code = js_text(type, "code");

	if (!str_starts(code, STR("http://hl7.org/fhirpath/")))
		return code;
	if (str_is(js_text(json_object_get(element, "base"), "path"), "Resource.id"))
		return STR("id");
	return fhir_type_of(type);
}

static uint32_t
number_of_max(struct str max)
{
	int64_t n;

	if (str_is(max, "*") || !str_to_int(max, &n) || n < 0 || n >= PACK_MANY)
		return PACK_MANY;
	return (uint32_t)n;
}

static struct pack_run
add_invariants(struct pack_builder *b, const json_t *element)
{
	json_t *constraints = json_object_get(element, "constraint");
	size_t n = json_array_size(constraints);
	struct pack_invariant *rows = xcalloc(n + 1, sizeof(*rows));
	struct pack_run run;

	for (size_t i = 0; i < n; i++) {
		const json_t *c = json_array_get(constraints, i);

		rows[i] = (struct pack_invariant){ js_text_add(b, c, "key"),
			js_text_add(b, c, "human"), js_text_add(b, c, "expression"),
			str_is(js_text(c, "severity"), "warning") };
	}
	run = run_intern(b, TABLE_INVARIANTS, rows, (uint32_t)n);
	free(rows);
	return run;
}

static struct pack_run
add_targets(struct pack_builder *b, const json_t *element)
{
	json_t *types = json_object_get(element, "type"), *type, *target;
	struct pack_text *rows = NULL;
	uint32_t count = 0;
	struct pack_run run;
	size_t i, j;

	json_array_foreach(types, i, type) {
		json_array_foreach(json_object_get(type, "targetProfile"), j, target) {
			rows = xrealloc(rows, (count + 1) * sizeof(*rows));
			rows[count++] = text_add(b, str_from(json_string_value(target)));
		}
	}
	run = run_intern(b, TABLE_TEXTS, rows, count);
	free(rows);
	return run;
}

static uint32_t
strength_of(struct str s)
{
	static const char *const names[] = { "", "example", "preferred", "extensible", "required" };

	for (uint32_t i = BINDING_EXAMPLE; i <= BINDING_REQUIRED; i++)
		if (str_is(s, names[i]))
			return i;
	return BINDING_NONE;
}

static uint32_t
add_detail(struct pack_builder *b, const json_t *element)
{
	const json_t *binding = json_object_get(element, "binding");
	struct pack_detail row = {
		.path = js_text_add(b, element, "path"),
		.brief = js_text_add(b, element, "short"),
		.binding = js_text_add(b, binding, "valueSet"),
		.strength = strength_of(js_text(binding, "strength")),
		.targets = add_targets(b, element),
		.invariants = add_invariants(b, element),
	};

	return table_add(b, TABLE_DETAILS, &row, 1);
}

static uint16_t
flags_of(struct pack_builder *b, const json_t *element, uint32_t type)
{
	struct str most = js_text(json_object_get(element, "base"), "max");
	json_t *representation = json_object_get(element, "representation"), *r;
	const struct pack_type *t = type_row(b, type);
	uint16_t flags = 0;
	size_t i;

	if (number_of_max(most.len ? most : js_text(element, "max")) > 1)
		flags |= ELEMENT_REPEATS;
	if (js_true(element, "isSummary"))
		flags |= ELEMENT_SUMMARY;
	if (js_true(element, "isModifier"))
		flags |= ELEMENT_MODIFIER;
	json_array_foreach(representation, i, r)
		if (str_is(str_from(json_string_value(r)), "xmlAttr"))
			flags |= ELEMENT_ATTRIBUTE;
	if (t->kind == PACK_PRIMITIVE)
		flags |= ELEMENT_PRIMITIVE;
	if (t->kind == PACK_RESOURCE)
		flags |= ELEMENT_RESOURCE;
	if (type == find_source_type(b, STR("Reference")))
		flags |= ELEMENT_REFERENCE;
	return flags;
}

/* The type of an element that has no type of its own, but those of another:
 * "#Bundle.link". */
static int
resolve_content(const struct pack_builder *b, const struct definition *d, struct str path,
    struct str content, uint32_t *out, struct error *err)
{
	ptrdiff_t hash = str_find(content, '#');

	*out = hash < 0 ? PACK_NONE
			: find_source_type(b, str_from_index(content, (size_t)hash + 1));
	if (*out == PACK_NONE)
		return refuse_definition(err, d,
		    "the element %.*s has the content of '%.*s', which is nowhere", STR_ARG(path),
		    STR_ARG(content));
	return 0;
}

static int
resolve_type(const struct pack_builder *b, const struct definition *d, const json_t *element,
    const json_t *type, uint32_t *out, struct error *err)
{
	struct str name = type_name(element, type), path = js_text(element, "path");

	*out = find_source_type(b, name);
	if (*out == PACK_NONE)
		return refuse_definition(err, d, "the type '%.*s' of the element %.*s is not known",
		    STR_ARG(name), STR_ARG(path));
	return 0;
}

static struct pack_text
choice_name(struct pack_builder *b, struct str stem, uint32_t type)
{
	struct str name = { 0 };
	char all[256];
	size_t n;

	name.p = table_row(b, TABLE_TEXT, type_row(b, type)->name.offset);
	name.len = type_row(b, type)->name.len;
	if (stem.len + name.len > sizeof(all))
		return text_add(b, stem);
	memcpy(all, stem.p, stem.len);
	memcpy(all + stem.len, name.p, name.len);
	n = stem.len;
	if (all[n] >= 'a' && all[n] <= 'z')
		all[n] = (char)(all[n] - 'a' + 'A');
	return text_add(b, str_of(all, stem.len + name.len));
}

/* What the rows of one element are made from. */
struct laying {
	struct pack_builder *b;
	uint32_t owner;
	uint16_t choices;
	const struct type_source *source;
	size_t element;
};

/* The element's last name: "value[x]". */
static struct str
last_name(struct str path)
{
	for (size_t i = path.len; i > 0; i--)
		if (path.p[i - 1] == '.')
			return str_from_index(path, i);
	return path;
}

static void
put_element(const struct laying *l, const json_t *element, struct pack_text name,
    struct pack_text stem, uint32_t type, uint16_t choice, uint32_t detail)
{
	struct pack_element row = {
		.name = name,
		.stem = stem,
		.type = type,
		.owner = l->owner,
		.min = (uint32_t)json_integer_value(json_object_get(element, "min")),
		.max = number_of_max(js_text(element, "max")),
		.flags = flags_of(l->b, element, type),
		.choice = choice,
		.detail = detail,
	};

	table_add(l->b, TABLE_ELEMENTS, &row, 1);
}

static int
lay_out_choice(struct laying *l, const json_t *element, struct str stem, struct error *err)
{
	json_t *types = json_object_get(element, "type"), *type;
	uint32_t detail = add_detail(l->b, element), t;
	struct pack_text stem_text = text_add(l->b, stem);
	size_t i;

	l->choices++;
	json_array_foreach(types, i, type) {
		if (resolve_type(l->b, l->source->def, element, type, &t, err))
			return -1;
		put_element(
		    l, element, choice_name(l->b, stem, t), stem_text, t, l->choices, detail);
	}
	return 0;
}

static int
lay_out_element(struct laying *l, struct error *err)
{
	struct pack_builder *b = l->b;
	const struct definition *d = l->source->def;
	const json_t *element = json_array_get(l->source->elements, l->element);
	json_t *types = json_object_get(element, "type");
	struct str path = js_text(element, "path"), name = last_name(path);
	struct str content = js_text(element, "contentReference");
	struct pack_text text;
	uint32_t t;

	if (str_is(js_text(element, "max"), "0"))
		return 0;
	if (!content.len && !json_array_size(types))
		return refuse_definition(err, d, "the element %.*s has no type", STR_ARG(path));
	if (str_ends(name, STR("[x]")))
		return lay_out_choice(l, element, str_of(name.p, name.len - 3), err);
	if (json_array_size(types) > 1)
		return refuse_definition(
		    err, d, "the element %.*s has several types and no [x]", STR_ARG(path));
	if (has_children(l->source->elements, l->element))
		t = find_source_type(b, path);
	else if (content.len ? resolve_content(b, d, path, content, &t, err)
			     : resolve_type(b, d, element, json_array_get(types, 0), &t, err))
		return -1;
	text = text_add(b, name);
	put_element(l, element, text, text, t, 0,
	    has_children(l->source->elements, l->element) ? b->sources[t].detail
							  : add_detail(b, element));
	return 0;
}

static int
lay_out_names(struct pack_builder *b, uint32_t t, struct error *err)
{
	struct pack_type *row = type_row(b, t);
	const struct pack_element *elements = table_row(b, TABLE_ELEMENTS, row->elements.first);
	const char *text = b->tables[TABLE_TEXT].p;
	const struct pack_element *twice = NULL;
	struct pack_slot *slots;
	uint32_t mask;

	for (row->name_bits = 1; (uint32_t)1 << row->name_bits < row->elements.count * 2;)
		row->name_bits++;
	mask = ((uint32_t)1 << row->name_bits) - 1;
	slots = xcalloc((size_t)mask + 1, sizeof(*slots));
	for (uint32_t i = 0; i <= mask; i++)
		slots[i].row = PACK_NONE;
	for (uint32_t i = 0; i < row->elements.count; i++) {
		uint32_t hash = pack_name_hash(
		    str_of(text + elements[i].name.offset, elements[i].name.len));
		uint32_t at = hash & mask;

		for (; slots[at].row != PACK_NONE; at = (at + 1) & mask)
			if (elements[slots[at].row - row->elements.first].name.offset ==
			    elements[i].name.offset)
				twice = &elements[i];
		slots[at] = (struct pack_slot){ hash, row->elements.first + i };
	}
	row->names = table_add(b, TABLE_NAMES, slots, mask + 1);
	free(slots);
	if (twice)
		return refuse_definition(err, b->sources[t].def, "it has two elements named '%.*s'",
		    (int)twice->name.len, text + twice->name.offset);
	return 0;
}

static int
lay_out_type(struct pack_builder *b, uint32_t t, struct error *err)
{
	const struct type_source *source = &b->sources[t];
	struct laying l = { .b = b, .owner = t, .source = source };
	struct str parent = path_at(source->elements, source->element);
	bool primitive = type_row(b, t)->kind == PACK_PRIMITIVE;
	uint32_t first = table_count(b, TABLE_ELEMENTS);

	for (size_t i = source->element + 1; i < json_array_size(source->elements); i++) {
		struct str path = path_at(source->elements, i);

		if (!str_starts(path, parent) || path.p[parent.len] != '.')
			break;
		if (!is_child(path, parent))
			continue;
		if (primitive && str_is(last_name(path), "value"))
			continue; /* the node's own text */
		l.element = i;
		if (lay_out_element(&l, err))
			return -1;
	}
	type_row(b, t)->elements = (struct pack_run){ first,
		table_count(b, TABLE_ELEMENTS) - first };
	return lay_out_names(b, t, err);
}

static int
find_base(struct pack_builder *b, uint32_t t, struct error *err)
{
	const struct type_source *s = &b->sources[t];
	const json_t *element = json_array_get(s->elements, s->element);
	struct str base = js_text(s->def->root, "baseDefinition");

	if (s->element > 0)
		return resolve_type(b, s->def, element,
		    json_array_get(json_object_get(element, "type"), 0), &type_row(b, t)->base,
		    err);
	if (!base.len)
		return 0;
	type_row(b, t)->base = find_source_type(b, base);
	if (type_row(b, t)->base == PACK_NONE)
		return refuse_definition(
		    err, s->def, "the type it specialises, %.*s, is not known", STR_ARG(base));
	return 0;
}

static enum pack_lexical
lexical_of(struct str name)
{
	for (size_t i = 0; i < sizeof(lexicals) / sizeof(lexicals[0]); i++)
		if (str_is(name, lexicals[i].type))
			return lexicals[i].lexical;
	return LEXICAL_NONE;
}

/* Checks on the way that the chain of bases ends. */
static int
find_lexical(struct pack_builder *b, uint32_t t, struct error *err)
{
	struct pack_type *row = type_row(b, t);
	uint32_t steps = 0;

	for (uint32_t u = t; u != PACK_NONE; u = type_row(b, u)->base) {
		struct pack_text name = type_row(b, u)->name;

		if (++steps > 32)
			return refuse_definition(err, b->sources[t].def,
			    "the types it specialises go round in a circle");
		if (row->lexical == LEXICAL_NONE && row->kind == PACK_PRIMITIVE)
			row->lexical = (uint8_t)lexical_of(
			    str_of(table_row(b, TABLE_TEXT, name.offset), name.len));
	}
	if (row->kind == PACK_PRIMITIVE && row->lexical == LEXICAL_NONE)
		return refuse_definition(
		    err, b->sources[t].def, "it is a primitive type of a kind that is not known");
	return 0;
}

static void
put_root(struct pack_builder *b, uint32_t t)
{
	struct type_source *s = &b->sources[t];
	struct pack_text name = type_row(b, t)->name;
	struct pack_element row = { .name = name, .stem = name, .type = t, .owner = PACK_NONE };

	s->detail = add_detail(b, json_array_get(s->elements, s->element));
	row.max = 1;
	row.detail = s->detail;
	if (type_row(b, t)->kind == PACK_PRIMITIVE)
		row.flags |= ELEMENT_PRIMITIVE;
	if (t == find_source_type(b, STR("Reference")))
		row.flags |= ELEMENT_REFERENCE;
	table_add(b, TABLE_ELEMENTS, &row, 1);
}

int
compile_types(struct pack_builder *b, struct definition *defs, uint32_t count, struct error *err)
{
	if (count == 0)
		return error_set(err, ERROR_INVALID,
		    "cannot make a pack: the packages define no types; add the package of the FHIR "
		    "release itself");
	for (uint32_t i = 0; i < count; i++)
		if (add_types(b, &defs[i], err))
			return -1;
	for (uint32_t t = 0; t < b->type_count; t++)
		if (find_base(b, t, err))
			return -1;
	for (uint32_t t = 0; t < b->type_count; t++) {
		if (find_lexical(b, t, err))
			return -1;
		put_root(b, t);
	}
	for (uint32_t t = 0; t < b->type_count; t++)
		if (lay_out_type(b, t, err))
			return -1;
	return 0;
}
