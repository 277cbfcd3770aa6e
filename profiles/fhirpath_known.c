/* What is known of a collection before it is evaluated. */
#include "base/buf.h"
#include "profiles/fhirpath_compile.h"

enum {
	STATIC_TYPES = 512, /* types one collection may be of */
	SHOWN_TYPES = 8,    /* in a text */
};

static const char *const kind_names[] = {
	[FHIRPATH_NODE] = "Any",
	[FHIRPATH_BOOLEAN] = "Boolean",
	[FHIRPATH_STRING] = "String",
	[FHIRPATH_INTEGER] = "Integer",
	[FHIRPATH_DECIMAL] = "Decimal",
	[FHIRPATH_DATE] = "Date",
	[FHIRPATH_DATETIME] = "DateTime",
	[FHIRPATH_TIME] = "Time",
	[FHIRPATH_QUANTITY] = "Quantity",
	[FHIRPATH_TYPE] = "TypeInfo",
};

const char *
kind_name(enum fhirpath_kind kind)
{
	return kind_names[kind];
}

struct known
known_kind(enum fhirpath_kind kind)
{
	return (struct known){ .kinds = 1u << kind };
}

bool
known_is_nothing(const struct known *k)
{
	return !k->any && !k->kinds && !k->count;
}

bool
known_add_type(struct compiler *c, struct known *k, uint32_t type)
{
	const struct pack_type *t = pack_type_at(c->pack, type);

	if (t->kind == PACK_RESOURCE && t->abstract) {
		k->any = true;
		return true;
	}
	for (uint32_t i = 0; i < k->count; i++)
		if (k->types[i] == type)
			return true;
	if (k->count >= STATIC_TYPES) {
		k->any = true;
		return true;
	}
	if (k->count % 8 == 0) {
		uint32_t *bigger = arena_alloc(&c->work, (k->count + 8) * sizeof(*bigger));

		if (!bigger)
			return false;
		if (k->count)
			memcpy(bigger, k->types, k->count * sizeof(*bigger));
		k->types = bigger;
	}
	k->types[k->count++] = type;
	return true;
}

bool
known_both(struct compiler *c, const struct known *x, const struct known *y, struct known *out)
{
	*out = (struct known){ .any = x->any || y->any, .kinds = x->kinds | y->kinds };
	for (uint32_t i = 0; i < x->count; i++)
		if (!known_add_type(c, out, x->types[i]))
			return false;
	for (uint32_t i = 0; i < y->count; i++)
		if (!known_add_type(c, out, y->types[i]))
			return false;
	return true;
}

uint32_t
known_kinds(const struct compiler *c, const struct known *k)
{
	uint32_t kinds = k->kinds;

	if (k->any)
		return UINT32_MAX;
	for (uint32_t i = 0; i < k->count; i++) {
		const struct pack_type *t = pack_type_at(c->pack, k->types[i]);

		kinds |= 1u << fhirpath_kind_of(t->lexical);
		if (c->f->quantity != PACK_NONE &&
		    pack_type_is(c->pack, k->types[i], c->f->quantity))
			kinds |= 1u << FHIRPATH_QUANTITY;
		/* An element of any type: what it is, only the record tells. */
		if (t->abstract)
			return UINT32_MAX;
	}
	return kinds;
}

struct str
known_text(struct compiler *c, const struct known *k)
{
	struct str text = STR("");
	uint32_t shown = 0;

	if (k->any)
		return STR("anything");
	if (known_is_nothing(k))
		return STR("nothing");
	for (uint32_t i = 0; i < k->count && shown < SHOWN_TYPES; i++, shown++)
		text = str_printf(&c->work, "%.*s%s%.*s", STR_ARG(text), shown ? " | " : "",
		    STR_ARG(pack_text(c->pack, pack_type_at(c->pack, k->types[i])->name)));
	if (shown < k->count)
		return str_printf(&c->work, "%.*s | …", STR_ARG(text));
	for (uint32_t i = FHIRPATH_BOOLEAN; i <= FHIRPATH_TYPE; i++)
		if (k->kinds & 1u << i)
			text = str_printf(&c->work, "%.*s%sSystem.%s", STR_ARG(text),
			    shown++ ? " | " : "", kind_names[i]);
	return text;
}

/* Refuse a type's name, with the nearest. */
static void
suggest_type(struct compiler *c, const struct syntax *s, struct str name)
{
	struct str nearest = STR("");
	unsigned best = 3;

	for (uint32_t t = 0; t < pack_type_count(c->pack); t++) {
		struct str other = pack_text(c->pack, pack_type_at(c->pack, t)->name);
		unsigned d = str_distance(other, name, 2);

		if (d < best) {
			best = d;
			nearest = other;
		}
	}
	(void)REFUSE(c, s, "there is no type '%.*s'%s%.*s%s", STR_ARG(name),
	    nearest.len ? "; did you mean '" : "", STR_ARG(nearest), nearest.len ? "'?" : "");
}

/*
 * A type by its name: FHIR's types come before FHIRPath's own of the same
 * name, which then stand for both. *type is PACK_NONE for one of FHIRPath's.
 */
static bool
find_type(
    struct compiler *c, const struct syntax *s, struct str name, uint32_t *type, uint8_t *kind)
{
	bool fhir = str_starts(name, STR("FHIR.")), system = str_starts(name, STR("System."));
	struct str bare = fhir ? str_from_index(name, 5) : system ? str_from_index(name, 7) : name;

	*kind = 0;
	*type = system ? PACK_NONE : pack_find_type(c->pack, bare);
	for (uint8_t k = FHIRPATH_BOOLEAN; k <= FHIRPATH_QUANTITY && !fhir; k++)
		if (str_is(bare, kind_names[k]))
			*kind = k;
	if (*type != PACK_NONE || *kind)
		return true;
	suggest_type(c, s, bare);
	return false;
}

uint32_t
compile_type_test(struct compiler *c, const struct syntax *s, enum op_code code, uint32_t input,
    struct str name, struct known *out)
{
	bool test = code == OP_IS;
	uint32_t type, op;
	uint8_t kind;

	if (code == OP_AS && c->options->definition)
		code = OP_OF_TYPE;
	if (!find_type(c, s, name, &type, &kind))
		return NO_OP;
	/* What a reference refers to can be told without fetching it. */
	if (test && c->f->ops[input].code == FN_RESOLVE && type != PACK_NONE) {
		code = OP_REFERS;
		input = c->f->ops[input].input;
	}
	op = compile_emit(c, s, code, input, type);
	if (op == NO_OP)
		return NO_OP;
	c->f->ops[op].kind = kind;
	*out = known_kind(FHIRPATH_BOOLEAN);
	if (test)
		return op;
	*out = kind ? known_kind((enum fhirpath_kind)kind) : (struct known){ 0 };
	if (type != PACK_NONE && !known_add_type(c, out, type))
		return compile_no_memory(c);
	return op;
}
