/* FHIRPath's tree into a program, names resolved and types inferred. */
#include <stdlib.h>

#include "profiles/fhirpath_program.h"
#include "profiles/fhirpath_syntax.h"

enum {
	COMPILE_BYTES = 16 << 20, /* the tree and the program of one expression */
	STATIC_TYPES = 512,	  /* types one collection may be of */
};

/* What is known of the items of a collection before it is evaluated. */
struct known {
	bool any;	 /* nothing */
	bool reference;	 /* what resolve() gives */
	bool unordered;	 /* what children() and descendants() give */
	uint32_t kinds;	 /* bits of enum fhirpath_kind: made values */
	uint32_t count;	 /* of types */
	uint32_t *types; /* of nodes; none is an abstract resource */
};

struct compiler {
	struct fhirpath *f;
	const struct pack *pack;
	struct arena work; /* the tree, and what is known */
	struct error *err;
	uint32_t op_room, step_count, step_room, literal_count, literal_room;
	uint32_t context; /* type */
};

static uint32_t
compile(struct compiler *c, const struct syntax *s, const struct known *this, struct known *out);

/* --- reporting, and the tables of the program ------------------------------- */

#define REFUSE(c, s, ...) (syntax_error((c)->err, (c)->f->text, (s)->at, __VA_ARGS__), NO_OP)

static uint32_t
no_memory(struct compiler *c)
{
	error_set(c->err, ERROR_LIMIT, "the expression needs too much memory");
	return NO_OP;
}

/* Room for one more in an array of the program; false past the limit. */
static bool
make_room(struct compiler *c, void *array, uint32_t count, uint32_t *room, size_t size)
{
	void *old, *bigger;
	uint32_t more = *room ? *room * 2 : 16;

	if (count < *room)
		return true;
	memcpy(&old, array, sizeof(old));
	bigger = *room ? arena_grow(&c->f->arena, old, *room * size, more * size)
		       : arena_alloc(&c->f->arena, more * size);
	if (!bigger)
		return false;
	memcpy(array, &bigger, sizeof(bigger));
	*room = more;
	return true;
}

static uint32_t
emit(struct compiler *c, const struct syntax *s, enum op_code code, uint32_t input, uint32_t a)
{
	struct fhirpath *f = c->f;

	if (!make_room(c, &f->ops, f->op_count, &c->op_room, sizeof(*f->ops)))
		return no_memory(c);
	f->ops[f->op_count] = (struct op){
		.code = (uint8_t)code, .input = input, .a = a, .at = s->at
	};
	return f->op_count++;
}

static uint32_t
add_literal(struct compiler *c, enum fhirpath_kind kind, struct str value)
{
	struct fhirpath *f = c->f;

	if (!make_room(c, &f->literals, c->literal_count, &c->literal_room, sizeof(*f->literals)))
		return no_memory(c);
	value = str_dup(&f->arena, value);
	if (!value.p)
		return no_memory(c);
	f->literals[c->literal_count] = (struct fhirpath_item){ FHIRPATH_MADE, PACK_NONE, value,
		kind };
	return c->literal_count++;
}

static uint32_t
emit_literal(struct compiler *c, const struct syntax *s, enum fhirpath_kind kind, struct str value,
    struct known *out)
{
	uint32_t literal = add_literal(c, kind, value);

	*out = (struct known){ .kinds = 1u << kind };
	return literal == NO_OP ? NO_OP : emit(c, s, OP_LITERAL, NO_OP, literal);
}

/* --- what is known ----------------------------------------------------------- */

static struct known
known_kind(enum fhirpath_kind kind)
{
	return (struct known){ .kinds = 1u << kind };
}

/* Whether anything is known to be there at all. */
static bool
is_nothing(const struct known *k)
{
	return !k->any && !k->kinds && !k->count;
}

static bool
know_type(struct compiler *c, struct known *k, uint32_t type)
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

/* All that either of two collections may hold. */
static bool
know_both(struct compiler *c, const struct known *x, const struct known *y, struct known *out)
{
	*out = (struct known){ .any = x->any || y->any, .kinds = x->kinds | y->kinds };
	for (uint32_t i = 0; i < x->count; i++)
		if (!know_type(c, out, x->types[i]))
			return false;
	for (uint32_t i = 0; i < y->count; i++)
		if (!know_type(c, out, y->types[i]))
			return false;
	return true;
}

/* --- names --------------------------------------------------------------------- */

/* The nearest FHIRPath name of an element of one of the types. */
static struct str
suggest(struct compiler *c, const struct known *in, struct str name)
{
	unsigned best = 3;
	struct str nearest = STR("");

	for (uint32_t i = 0; i < in->count; i++) {
		const struct pack_type *t = pack_type_at(c->pack, in->types[i]);

		for (uint32_t k = 0; k < t->elements.count; k++) {
			const struct pack_element *e = pack_element_at(
			    c->pack, t->elements.first + k);
			struct str stem = pack_text(c->pack, e->stem);
			unsigned d = str_distance(stem, name, 2);

			if (str_eq(pack_text(c->pack, e->name), name))
				return stem; /* "valueQuantity" is value */
			if (d < best) {
				best = d;
				nearest = stem;
			}
		}
	}
	return nearest;
}

static uint32_t
refuse_name(struct compiler *c, const struct syntax *s, const struct known *in)
{
	struct str near = suggest(c, in, s->text);
	struct str type = in->count ? pack_text(c->pack, pack_type_at(c->pack, in->types[0])->name)
				    : STR("");

	if (!in->count)
		return REFUSE(c, s, "there is no element '%.*s' in a value of FHIRPath's own types",
		    STR_ARG(s->text));
	return REFUSE(c, s, "there is no element '%.*s' in %.*s%s%s%.*s%s", STR_ARG(s->text),
	    STR_ARG(type), in->count > 1 ? " (and others)" : "", near.len ? "; did you mean '" : "",
	    STR_ARG(near), near.len ? "'?" : "");
}

/* The elements of that stem in a type; false when there are none. */
static bool
find_step(struct compiler *c, uint32_t type, struct str name, struct step *out)
{
	const struct pack_type *t = pack_type_at(c->pack, type);
	uint32_t e = pack_find_stem(c->pack, type, name),
		 end = t->elements.first + t->elements.count;
	uint16_t choice;

	if (e == PACK_NONE)
		return false;
	*out = (struct step){ type, e, e };
	choice = pack_element_at(c->pack, e)->choice;
	while (choice && out->last + 1 < end &&
	       pack_element_at(c->pack, out->last + 1)->choice == choice)
		out->last++;
	return true;
}

static bool
has_step(struct compiler *c, const struct known *in, struct str name)
{
	for (uint32_t i = 0; i < in->count; i++)
		if (pack_find_stem(c->pack, in->types[i], name) != PACK_NONE)
			return true;
	return false;
}

static uint32_t
compile_named_step(
    struct compiler *c, const struct syntax *s, uint32_t input, struct str name, struct known *out)
{
	uint32_t literal = add_literal(c, FHIRPATH_STRING, name);

	*out = (struct known){ .any = true };
	return literal == NO_OP ? NO_OP : emit(c, s, OP_CHILD_NAMED, input, literal);
}

/* The elements `name` of what input gives. */
static uint32_t
compile_step(struct compiler *c, const struct syntax *s, uint32_t input, const struct known *in,
    struct known *out)
{
	struct fhirpath *f = c->f;
	uint32_t first = c->step_count, op;
	struct known found = { 0 };

	if (is_nothing(in)) {
		*out = found;
		return emit(c, s, OP_NOTHING, NO_OP, 0);
	}
	if (in->reference)
		return REFUSE(
		    c, s, "what resolve() gives is not fetched: only its type can be asked");
	if (in->any)
		return compile_named_step(c, s, input, s->text, out);
	for (uint32_t i = 0; i < in->count; i++) {
		struct step step;

		if (!find_step(c, in->types[i], s->text, &step))
			continue;
		if (!make_room(c, &f->steps, c->step_count, &c->step_room, sizeof(*f->steps)))
			return no_memory(c);
		f->steps[c->step_count++] = step;
		for (uint32_t e = step.first; e <= step.last; e++)
			if (!know_type(c, &found, pack_element_at(c->pack, e)->type))
				return no_memory(c);
	}
	if (c->step_count == first)
		return refuse_name(c, s, in);
	*out = found;
	op = emit(c, s, OP_CHILD, input, first);
	if (op != NO_OP)
		f->ops[op].count = (uint16_t)(c->step_count - first);
	return op;
}

/* The name of a type at the start of a path: the context, if it is of it. */
static uint32_t
compile_type_name(struct compiler *c, const struct syntax *s, uint32_t type,
    const struct known *this, struct known *out)
{
	bool all = !this->any, none = !this->any;
	uint32_t self, op;

	for (uint32_t i = 0; i < this->count; i++) {
		bool is = pack_type_is(c->pack, this->types[i], type);

		all = all && is;
		none = none && !is;
	}
	*out = (struct known){ 0 };
	if (all && this->count) {
		*out = *this;
		return emit(c, s, OP_THIS, NO_OP, 0);
	}
	if (!know_type(c, out, type))
		return no_memory(c);
	if (none)
		return emit(c, s, OP_NOTHING, NO_OP, 0);
	self = emit(c, s, OP_THIS, NO_OP, 0);
	if (self == NO_OP)
		return NO_OP;
	op = emit(c, s, OP_OF_TYPE, self, type);
	return op;
}

static uint32_t
compile_name(
    struct compiler *c, const struct syntax *s, const struct known *this, struct known *out)
{
	struct known in;
	uint32_t input, type;

	if (s->left) {
		input = compile(c, s->left, this, &in);
		return input == NO_OP ? NO_OP : compile_step(c, s, input, &in, out);
	}
	type = pack_find_type(c->pack, s->text);
	if (type != PACK_NONE && !has_step(c, this, s->text) && s->text.p[0] >= 'A' &&
	    s->text.p[0] <= 'Z')
		return compile_type_name(c, s, type, this, out);
	input = emit(c, s, OP_THIS, NO_OP, 0);
	return input == NO_OP ? NO_OP : compile_step(c, s, input, this, out);
}

/* --- types -------------------------------------------------------------------- */

static const char *const kind_names[] = {
	[FHIRPATH_BOOLEAN] = "Boolean",
	[FHIRPATH_STRING] = "String",
	[FHIRPATH_INTEGER] = "Integer",
	[FHIRPATH_DECIMAL] = "Decimal",
	[FHIRPATH_DATE] = "Date",
	[FHIRPATH_DATETIME] = "DateTime",
	[FHIRPATH_TIME] = "Time",
	[FHIRPATH_QUANTITY] = "Quantity",
};

/*
 * A type by its name: FHIR's types come before FHIRPath's own of the same
 * name. *type is PACK_NONE for one of FHIRPath's.
 */
static bool
find_type(
    struct compiler *c, const struct syntax *s, struct str name, uint32_t *type, uint8_t *kind)
{
	bool fhir = str_starts(name, STR("FHIR.")), system = str_starts(name, STR("System."));
	struct str bare = fhir ? str_from_index(name, 5) : system ? str_from_index(name, 7) : name;

	*kind = 0;
	*type = system ? PACK_NONE : pack_find_type(c->pack, bare);
	if (*type != PACK_NONE)
		return true;
	for (uint8_t k = FHIRPATH_BOOLEAN; k <= FHIRPATH_QUANTITY && !fhir; k++) {
		if (!str_is(bare, kind_names[k]))
			continue;
		*kind = k;
		return true;
	}
	(void)REFUSE(c, s, "there is no type '%.*s'", STR_ARG(name));
	return false;
}

/* "Quantity" or "FHIR.Quantity" as an argument: a name, not a path. */
static struct str
type_argument(struct compiler *c, const struct syntax *arg)
{
	if (arg->kind == SYNTAX_NAME && !arg->left)
		return arg->text;
	if (arg->kind == SYNTAX_NAME && arg->left->kind == SYNTAX_NAME && !arg->left->left)
		return str_printf(
		    &c->work, "%.*s.%.*s", STR_ARG(arg->left->text), STR_ARG(arg->text));
	return STR("");
}

static uint32_t
compile_type_test(struct compiler *c, const struct syntax *s, bool test, uint32_t input,
    const struct known *in, struct str name, struct known *out)
{
	uint32_t type, op;
	uint8_t kind;

	if (!find_type(c, s, name, &type, &kind))
		return NO_OP;
	if (in->reference && (!test || type == PACK_NONE))
		return REFUSE(
		    c, s, "what resolve() gives is not fetched: only its type can be asked");
	op = emit(c, s, in->reference ? OP_REFERS : test ? OP_IS : OP_OF_TYPE, input, type);
	if (op == NO_OP)
		return NO_OP;
	c->f->ops[op].kind = kind;
	*out = known_kind(FHIRPATH_BOOLEAN);
	if (test)
		return op;
	*out = (struct known){ 0 };
	if (type == PACK_NONE)
		*out = known_kind((enum fhirpath_kind)kind);
	else if (!know_type(c, out, type))
		return no_memory(c);
	return op;
}

/* --- functions ------------------------------------------------------------------ */

enum result {
	GIVES_INPUT,
	GIVES_BOOLEAN,
	GIVES_STRING,
	GIVES_INTEGER,
	GIVES_ARGUMENT, /* what the first argument gives */
	GIVES_BOTH,	/* the input's items or the argument's */
	GIVES_LATER,	/* what the second or third argument gives */
	GIVES_EXTENSION,
	GIVES_ANY,
};

static const struct function {
	const char *name;
	uint8_t code;
	uint8_t least, most; /* arguments */
	bool each;	     /* arguments are evaluated for each item, as $this */
	uint8_t gives;	     /* enum result */
} functions[] = {
	{ "empty", FN_EMPTY, 0, 0, false, GIVES_BOOLEAN },
	{ "exists", FN_EXISTS, 0, 1, true, GIVES_BOOLEAN },
	{ "all", FN_ALL, 1, 1, true, GIVES_BOOLEAN },
	{ "allTrue", FN_ALL_TRUE, 0, 0, false, GIVES_BOOLEAN },
	{ "anyTrue", FN_ANY_TRUE, 0, 0, false, GIVES_BOOLEAN },
	{ "allFalse", FN_ALL_FALSE, 0, 0, false, GIVES_BOOLEAN },
	{ "anyFalse", FN_ANY_FALSE, 0, 0, false, GIVES_BOOLEAN },
	{ "not", FN_NOT, 0, 0, false, GIVES_BOOLEAN },
	{ "count", FN_COUNT, 0, 0, false, GIVES_INTEGER },
	{ "first", FN_FIRST, 0, 0, false, GIVES_INPUT },
	{ "last", FN_LAST, 0, 0, false, GIVES_INPUT },
	{ "tail", FN_TAIL, 0, 0, false, GIVES_INPUT },
	{ "skip", FN_SKIP, 1, 1, false, GIVES_INPUT },
	{ "take", FN_TAKE, 1, 1, false, GIVES_INPUT },
	{ "single", FN_SINGLE, 0, 0, false, GIVES_INPUT },
	{ "where", FN_WHERE, 1, 1, true, GIVES_INPUT },
	{ "select", FN_SELECT, 1, 1, true, GIVES_ARGUMENT },
	{ "distinct", FN_DISTINCT, 0, 0, false, GIVES_INPUT },
	{ "isDistinct", FN_IS_DISTINCT, 0, 0, false, GIVES_BOOLEAN },
	{ "union", OP_UNION, 1, 1, false, GIVES_BOTH },
	{ "combine", FN_COMBINE, 1, 1, false, GIVES_BOTH },
	{ "intersect", FN_INTERSECT, 1, 1, false, GIVES_INPUT },
	{ "exclude", FN_EXCLUDE, 1, 1, false, GIVES_INPUT },
	{ "subsetOf", FN_SUBSET_OF, 1, 1, false, GIVES_BOOLEAN },
	{ "supersetOf", FN_SUPERSET_OF, 1, 1, false, GIVES_BOOLEAN },
	{ "hasValue", FN_HAS_VALUE, 0, 0, false, GIVES_BOOLEAN },
	{ "getValue", FN_GET_VALUE, 0, 0, false, GIVES_ANY },
	{ "extension", FN_EXTENSION, 1, 1, false, GIVES_EXTENSION },
	{ "hasExtension", FN_HAS_EXTENSION, 1, 1, false, GIVES_BOOLEAN },
	{ "contains", FN_CONTAINS, 1, 1, false, GIVES_BOOLEAN },
	{ "startsWith", FN_STARTS_WITH, 1, 1, false, GIVES_BOOLEAN },
	{ "endsWith", FN_ENDS_WITH, 1, 1, false, GIVES_BOOLEAN },
	{ "toString", FN_TO_STRING, 0, 0, false, GIVES_STRING },
	{ "lower", FN_LOWER, 0, 0, false, GIVES_STRING },
	{ "upper", FN_UPPER, 0, 0, false, GIVES_STRING },
	{ "length", FN_LENGTH, 0, 0, false, GIVES_INTEGER },
	{ "iif", FN_IIF, 2, 3, true, GIVES_LATER },
	{ "children", FN_CHILDREN, 0, 0, false, GIVES_ANY },
	{ "descendants", FN_DESCENDANTS, 0, 0, false, GIVES_ANY },
};

/* Functions that FHIRPath and FHIR have and this engine does not. */
static const char *const missing[] = { "repeat", "repeatAll", "aggregate", "trace", "now", "today",
	"timeOfDay", "matches", "matchesFull", "replace", "replaceMatches", "indexOf",
	"lastIndexOf", "substring", "toChars", "split", "join", "trim", "encode", "decode",
	"escape", "unescape", "toBoolean", "toInteger", "toLong", "toDecimal", "toDate",
	"toDateTime", "toTime", "toQuantity", "convertsToBoolean", "convertsToInteger",
	"convertsToDecimal", "convertsToString", "convertsToDate", "convertsToDateTime",
	"convertsToTime", "convertsToQuantity", "abs", "ceiling", "exp", "floor", "ln", "log",
	"power", "round", "sqrt", "truncate", "type", "lowBoundary", "highBoundary", "precision",
	"sort", "defineVariable", "coalesce", "elementDefinition", "slice", "checkModifiers",
	"conformsTo", "memberOf", "subsumes", "subsumedBy", "htmlChecks", "comparable" };

static uint32_t
refuse_function(struct compiler *c, const struct syntax *s)
{
	const char *near = NULL;
	unsigned best = 3;

	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
		if (str_is(s->text, missing[i]))
			return REFUSE(c, s, "the function %s() is not supported", missing[i]);
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		unsigned d = str_distance(s->text, str_from(functions[i].name), 2);

		if (d < best) {
			best = d;
			near = functions[i].name;
		}
	}
	return REFUSE(c, s, "there is no function '%.*s'%s%s%s", STR_ARG(s->text),
	    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static bool
what_it_gives(struct compiler *c, const struct function *fn, const struct known *in,
    const struct known *args, uint32_t count, struct known *out)
{
	switch ((enum result)fn->gives) {
	case GIVES_INPUT:
		*out = *in;
		return true;
	case GIVES_BOOLEAN:
		*out = known_kind(FHIRPATH_BOOLEAN);
		return true;
	case GIVES_STRING:
		*out = known_kind(FHIRPATH_STRING);
		return true;
	case GIVES_INTEGER:
		*out = known_kind(FHIRPATH_INTEGER);
		return true;
	case GIVES_ARGUMENT:
		*out = args[0];
		return true;
	case GIVES_BOTH:
		return know_both(c, in, &args[0], out);
	case GIVES_LATER:
		if (count == 2) {
			*out = args[1];
			return true;
		}
		return know_both(c, &args[1], &args[2], out);
	case GIVES_EXTENSION:
		*out = (struct known){ 0 };
		return c->f->extension == PACK_NONE || know_type(c, out, c->f->extension);
	case GIVES_ANY:
		break;
	}
	*out = (struct known){ .any = true,
		.unordered = fn->code == FN_CHILDREN || fn->code == FN_DESCENDANTS };
	return true;
}

static uint32_t
compile_function(struct compiler *c, const struct syntax *s, const struct function *fn,
    uint32_t input, const struct known *in, const struct known *this, struct known *out)
{
	struct known args[3] = { { 0 } };
	uint32_t ops[3] = { NO_OP, NO_OP, NO_OP }, op, i = 0;

	if (s->arg_count < fn->least || s->arg_count > fn->most)
		return REFUSE(c, s, "%s() takes %u to %u arguments, not %u", fn->name, fn->least,
		    fn->most, (unsigned)s->arg_count);
	if (in->unordered && fn->code >= FN_FIRST && fn->code <= FN_TAKE)
		return REFUSE(c, s, "%s() needs an order, and these items have none", fn->name);
	for (const struct syntax *arg = s->args; arg; arg = arg->next, i++) {
		ops[i] = compile(c, arg, fn->each ? in : this, &args[i]);
		if (ops[i] == NO_OP)
			return NO_OP;
		if (args[i].reference)
			return REFUSE(c, arg, "resolve() may stand only before `is`");
	}
	op = emit(c, s, (enum op_code)fn->code, input, ops[0]);
	if (op == NO_OP)
		return NO_OP;
	c->f->ops[op].b = ops[1];
	c->f->ops[op].c = ops[2];
	c->f->ops[op].count = (uint16_t)i;
	return what_it_gives(c, fn, in, args, i, out) ? op : no_memory(c);
}

/* resolve() gives its input, marked; only a test of its type may follow. */
static uint32_t
compile_resolve(struct compiler *c, const struct syntax *s, uint32_t input, const struct known *in,
    struct known *out)
{
	if (s->arg_count)
		return REFUSE(c, s, "resolve() takes no arguments");
	*out = *in;
	out->reference = true;
	return input;
}

static uint32_t
compile_call(
    struct compiler *c, const struct syntax *s, const struct known *this, struct known *out)
{
	bool test = str_is(s->text, "is");
	struct known in = *this;
	uint32_t input = s->left ? compile(c, s->left, this, &in) : emit(c, s, OP_THIS, NO_OP, 0);

	if (input == NO_OP)
		return NO_OP;
	if (test || str_is(s->text, "as") || str_is(s->text, "ofType")) {
		struct str name = s->arg_count == 1 ? type_argument(c, s->args) : STR("");

		if (!name.len)
			return REFUSE(c, s, "%.*s() takes the name of a type", STR_ARG(s->text));
		return compile_type_test(c, s, test, input, &in, name, out);
	}
	if (in.reference)
		return REFUSE(c, s, "resolve() may stand only before `is`");
	if (str_is(s->text, "resolve"))
		return compile_resolve(c, s, input, &in, out);
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (str_is(s->text, functions[i].name))
			return compile_function(c, s, &functions[i], input, &in, this, out);
	return refuse_function(c, s);
}

/* --- operators -------------------------------------------------------------------- */

static const struct {
	uint8_t code;
	uint8_t kind; /* of the result; FHIRPATH_NODE: as the operands */
} binary[] = {
	[BINARY_MULTIPLY] = { OP_MULTIPLY, FHIRPATH_INTEGER },
	[BINARY_DIVIDE] = { OP_NOTHING, 0 },
	[BINARY_DIV] = { OP_DIV, FHIRPATH_INTEGER },
	[BINARY_MOD] = { OP_MOD, FHIRPATH_INTEGER },
	[BINARY_ADD] = { OP_ADD, FHIRPATH_NODE },
	[BINARY_SUBTRACT] = { OP_SUBTRACT, FHIRPATH_INTEGER },
	[BINARY_CONCATENATE] = { OP_CONCATENATE, FHIRPATH_STRING },
	[BINARY_UNION] = { OP_UNION, FHIRPATH_NODE },
	[BINARY_GREATER] = { OP_GREATER, FHIRPATH_BOOLEAN },
	[BINARY_LESS] = { OP_LESS, FHIRPATH_BOOLEAN },
	[BINARY_GREATER_EQUAL] = { OP_GREATER_EQUAL, FHIRPATH_BOOLEAN },
	[BINARY_LESS_EQUAL] = { OP_LESS_EQUAL, FHIRPATH_BOOLEAN },
	[BINARY_EQUAL] = { OP_EQUAL, FHIRPATH_BOOLEAN },
	[BINARY_EQUIVALENT] = { OP_EQUIVALENT, FHIRPATH_BOOLEAN },
	[BINARY_NOT_EQUAL] = { OP_NOT_EQUAL, FHIRPATH_BOOLEAN },
	[BINARY_NOT_EQUIVALENT] = { OP_NOT_EQUIVALENT, FHIRPATH_BOOLEAN },
	[BINARY_IN] = { OP_IN, FHIRPATH_BOOLEAN },
	[BINARY_CONTAINS] = { OP_CONTAINS, FHIRPATH_BOOLEAN },
	[BINARY_AND] = { OP_AND, FHIRPATH_BOOLEAN },
	[BINARY_OR] = { OP_OR, FHIRPATH_BOOLEAN },
	[BINARY_XOR] = { OP_XOR, FHIRPATH_BOOLEAN },
	[BINARY_IMPLIES] = { OP_IMPLIES, FHIRPATH_BOOLEAN },
};

static uint32_t
compile_binary(
    struct compiler *c, const struct syntax *s, const struct known *this, struct known *out)
{
	struct known x, y;
	uint32_t left, right;

	if (s->op == BINARY_DIVIDE)
		return REFUSE(c, s, "the operator / is not supported");
	left = compile(c, s->left, this, &x);
	right = left == NO_OP ? NO_OP : compile(c, s->right, this, &y);
	if (right == NO_OP)
		return NO_OP;
	if (x.reference || y.reference)
		return REFUSE(c, s, "resolve() may stand only before `is`");
	if (binary[s->op].kind != FHIRPATH_NODE)
		*out = known_kind((enum fhirpath_kind)binary[s->op].kind);
	else if (s->op == BINARY_ADD)
		*out = (struct known){ .kinds = 1u << FHIRPATH_INTEGER | 1u << FHIRPATH_STRING };
	else if (!know_both(c, &x, &y, out))
		return no_memory(c);
	return emit(c, s, (enum op_code)binary[s->op].code, left, right);
}

static uint32_t
compile_constant(struct compiler *c, const struct syntax *s, struct known *out)
{
	static const char *const urls[][2] = {
		{ "sct", "http://snomed.info/sct" },
		{ "loinc", "http://loinc.org" },
		{ "ucum", "http://unitsofmeasure.org" },
	};
	struct str base = STR("");

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		if (str_is(s->text, urls[i][0]))
			return emit_literal(c, s, FHIRPATH_STRING, str_from(urls[i][1]), out);
	*out = (struct known){ .any = true };
	if (str_is(s->text, "resource"))
		return emit(c, s, OP_RESOURCE, NO_OP, 0);
	if (str_is(s->text, "rootResource"))
		return emit(c, s, OP_ROOT_RESOURCE, NO_OP, 0);
	if (str_is(s->text, "context")) {
		*out = (struct known){ 0 };
		if (!know_type(c, out, c->context))
			return no_memory(c);
		return emit(c, s, OP_CONTEXT, NO_OP, 0);
	}
	if (str_starts(s->text, STR("vs-")))
		base = STR("http://hl7.org/fhir/ValueSet/");
	else if (str_starts(s->text, STR("ext-")))
		base = STR("http://hl7.org/fhir/StructureDefinition/");
	else
		return REFUSE(c, s, "there is no constant %%%.*s", STR_ARG(s->text));
	return emit_literal(c, s, FHIRPATH_STRING,
	    str_printf(&c->work, "%.*s%.*s", STR_ARG(base),
		STR_ARG(str_from_index(s->text, base.p[20] == 'V' ? 3 : 4))),
	    out);
}

static uint32_t
compile_indexer(
    struct compiler *c, const struct syntax *s, const struct known *this, struct known *out)
{
	struct known index;
	uint32_t input = compile(c, s->left, this, out), a;

	a = input == NO_OP ? NO_OP : compile(c, s->right, this, &index);
	if (a == NO_OP)
		return NO_OP;
	if (out->reference)
		return REFUSE(c, s, "resolve() may stand only before `is`");
	if (out->unordered)
		return REFUSE(c, s, "an index needs an order, and these items have none");
	return emit(c, s, OP_INDEXER, input, a);
}

static uint32_t
compile_sign(
    struct compiler *c, const struct syntax *s, const struct known *this, struct known *out)
{
	uint32_t input = compile(c, s->left, this, out);

	if (input == NO_OP || s->op == BINARY_ADD)
		return input;
	if (out->kinds && !(out->kinds & (1u << FHIRPATH_INTEGER | 1u << FHIRPATH_DECIMAL)))
		return REFUSE(c, s, "only a number can have a sign");
	return emit(c, s, OP_SIGN, input, 0);
}

static uint32_t
compile_is_as(
    struct compiler *c, const struct syntax *s, const struct known *this, struct known *out)
{
	struct known in;
	uint32_t input = compile(c, s->left, this, &in);

	if (input == NO_OP)
		return NO_OP;
	return compile_type_test(c, s, s->kind == SYNTAX_IS, input, &in, s->text, out);
}

static uint32_t
compile(struct compiler *c, const struct syntax *s, const struct known *this, struct known *out)
{
	switch ((enum syntax_kind)s->kind) {
	case SYNTAX_EMPTY:
		*out = (struct known){ 0 };
		return emit(c, s, OP_NOTHING, NO_OP, 0);
	case SYNTAX_BOOLEAN:
		return emit_literal(c, s, FHIRPATH_BOOLEAN, s->text, out);
	case SYNTAX_STRING:
		return emit_literal(c, s, FHIRPATH_STRING, s->text, out);
	case SYNTAX_INTEGER:
		return emit_literal(c, s, FHIRPATH_INTEGER, s->text, out);
	case SYNTAX_DECIMAL:
		return emit_literal(c, s, FHIRPATH_DECIMAL, s->text, out);
	case SYNTAX_DATE:
		return emit_literal(c, s, FHIRPATH_DATE, s->text, out);
	case SYNTAX_DATETIME:
		return emit_literal(c, s, FHIRPATH_DATETIME, s->text, out);
	case SYNTAX_TIME:
		return emit_literal(c, s, FHIRPATH_TIME, s->text, out);
	case SYNTAX_QUANTITY:
		return REFUSE(c, s, "quantities with a unit are not supported");
	case SYNTAX_NAME:
		return compile_name(c, s, this, out);
	case SYNTAX_CALL:
		return compile_call(c, s, this, out);
	case SYNTAX_THIS:
		*out = *this;
		return emit(c, s, OP_THIS, NO_OP, 0);
	case SYNTAX_INDEX:
		*out = known_kind(FHIRPATH_INTEGER);
		return emit(c, s, OP_INDEX, NO_OP, 0);
	case SYNTAX_TOTAL:
		return REFUSE(
		    c, s, "$total has a meaning only in aggregate(), which is not supported");
	case SYNTAX_CONSTANT:
		return compile_constant(c, s, out);
	case SYNTAX_INDEXER:
		return compile_indexer(c, s, this, out);
	case SYNTAX_BINARY:
		return compile_binary(c, s, this, out);
	case SYNTAX_SIGN:
		return compile_sign(c, s, this, out);
	case SYNTAX_IS:
	case SYNTAX_AS:
		return compile_is_as(c, s, this, out);
	}
	return NO_OP;
}

static int
compile_whole(struct compiler *c, struct str expression)
{
	struct known this = { 0 }, result = { 0 };
	struct fhirpath *f = c->f;
	const struct syntax *s;

	f->text = str_dup(&f->arena, expression);
	if (!f->text.p) {
		no_memory(c);
		return -1;
	}
	s = syntax_parse(f->text, &c->work, c->err);
	if (!s)
		return -1;
	if (!know_type(c, &this, c->context)) {
		no_memory(c);
		return -1;
	}
	f->start = compile(c, s, &this, &result);
	if (f->start != NO_OP && result.reference)
		f->start = REFUSE(c, s, "resolve() may stand only before `is`");
	return f->start == NO_OP ? -1 : 0;
}

struct fhirpath *
fhirpath_compile(const struct pack *p, uint32_t type, struct str expression, struct error *err)
{
	struct fhirpath *f = xcalloc(1, sizeof(*f));
	struct compiler c = { .f = f, .pack = p, .err = err, .context = type };
	int rc;

	arena_init(&f->arena, COMPILE_BYTES, 0);
	arena_init(&c.work, COMPILE_BYTES, 0);
	f->pack = p;
	f->resource = pack_find_type(p, STR("Resource"));
	f->reference = pack_find_type(p, STR("Reference"));
	f->extension = pack_find_type(p, STR("Extension"));
	f->extension_url = f->extension == PACK_NONE
			       ? PACK_NONE
			       : pack_find_element(p, f->extension, STR("url"));
	rc = compile_whole(&c, expression);
	arena_release(&c.work);
	if (rc == 0)
		return f;
	fhirpath_free(f);
	return NULL;
}

void
fhirpath_free(struct fhirpath *f)
{
	if (!f)
		return;
	arena_release(&f->arena);
	free(f);
}
