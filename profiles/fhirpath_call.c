/* FHIRPath's functions, compiled. */
#include "profiles/fhirpath_compile.h"

enum result {
	GIVES_INPUT,
	GIVES_BOOLEAN,
	GIVES_STRING,
	GIVES_INTEGER,
	GIVES_DECIMAL,
	GIVES_DATE,
	GIVES_DATETIME,
	GIVES_TIME,
	GIVES_QUANTITY,
	GIVES_TYPE,
	GIVES_ARGUMENT, /* what the first argument gives */
	GIVES_BOTH,	/* the input's items or the argument's */
	GIVES_LATER,	/* what the second or third argument gives */
	GIVES_EXTENSION,
	GIVES_VALUE, /* the input's, without its FHIR type */
	GIVES_NUMBER,
	GIVES_ANY,
};

enum {
	K_TEXT = 1u << FHIRPATH_STRING,
	K_NUMBER = 1u << FHIRPATH_INTEGER | 1u << FHIRPATH_DECIMAL,
	K_AMOUNT = K_NUMBER | 1u << FHIRPATH_QUANTITY,
	K_MOMENT = 1u << FHIRPATH_DATE | 1u << FHIRPATH_DATETIME | 1u << FHIRPATH_TIME,
	MOST_ARGUMENTS = 64, /* of functions that take many */
};

static const struct function {
	const char *name;
	uint8_t code;
	uint8_t least, most; /* arguments */
	bool each;	     /* arguments are evaluated for each item, as $this */
	uint8_t gives;	     /* enum result */
	uint32_t takes;	     /* kinds of values it can have as input; 0: any */
} functions[] = {
	{ "empty", FN_EMPTY, 0, 0, false, GIVES_BOOLEAN, 0 },
	{ "exists", FN_EXISTS, 0, 1, true, GIVES_BOOLEAN, 0 },
	{ "all", FN_ALL, 1, 1, true, GIVES_BOOLEAN, 0 },
	{ "allTrue", FN_ALL_TRUE, 0, 0, false, GIVES_BOOLEAN, 1u << FHIRPATH_BOOLEAN },
	{ "anyTrue", FN_ANY_TRUE, 0, 0, false, GIVES_BOOLEAN, 1u << FHIRPATH_BOOLEAN },
	{ "allFalse", FN_ALL_FALSE, 0, 0, false, GIVES_BOOLEAN, 1u << FHIRPATH_BOOLEAN },
	{ "anyFalse", FN_ANY_FALSE, 0, 0, false, GIVES_BOOLEAN, 1u << FHIRPATH_BOOLEAN },
	{ "not", FN_NOT, 0, 0, false, GIVES_BOOLEAN, 0 },
	{ "count", FN_COUNT, 0, 0, false, GIVES_INTEGER, 0 },
	{ "first", FN_FIRST, 0, 0, false, GIVES_INPUT, 0 },
	{ "last", FN_LAST, 0, 0, false, GIVES_INPUT, 0 },
	{ "tail", FN_TAIL, 0, 0, false, GIVES_INPUT, 0 },
	{ "skip", FN_SKIP, 1, 1, false, GIVES_INPUT, 0 },
	{ "take", FN_TAKE, 1, 1, false, GIVES_INPUT, 0 },
	{ "single", FN_SINGLE, 0, 0, false, GIVES_INPUT, 0 },
	{ "where", FN_WHERE, 1, 1, true, GIVES_INPUT, 0 },
	{ "select", FN_SELECT, 1, 1, true, GIVES_ARGUMENT, 0 },
	{ "distinct", FN_DISTINCT, 0, 0, false, GIVES_INPUT, 0 },
	{ "isDistinct", FN_IS_DISTINCT, 0, 0, false, GIVES_BOOLEAN, 0 },
	{ "union", OP_UNION, 1, 1, false, GIVES_BOTH, 0 },
	{ "combine", FN_COMBINE, 1, 1, false, GIVES_BOTH, 0 },
	{ "intersect", FN_INTERSECT, 1, 1, false, GIVES_INPUT, 0 },
	{ "exclude", FN_EXCLUDE, 1, 1, false, GIVES_INPUT, 0 },
	{ "subsetOf", FN_SUBSET_OF, 1, 1, false, GIVES_BOOLEAN, 0 },
	{ "supersetOf", FN_SUPERSET_OF, 1, 1, false, GIVES_BOOLEAN, 0 },
	{ "hasValue", FN_HAS_VALUE, 0, 0, false, GIVES_BOOLEAN, 0 },
	{ "getValue", FN_GET_VALUE, 0, 0, false, GIVES_VALUE, 0 },
	{ "extension", FN_EXTENSION, 1, 1, false, GIVES_EXTENSION, 0 },
	{ "hasExtension", FN_HAS_EXTENSION, 1, 1, false, GIVES_BOOLEAN, 0 },
	{ "iif", FN_IIF, 2, 3, true, GIVES_LATER, 0 },
	{ "children", FN_CHILDREN, 0, 0, false, GIVES_ANY, 0 },
	{ "descendants", FN_DESCENDANTS, 0, 0, false, GIVES_ANY, 0 },

	{ "contains", FN_CONTAINS, 1, 1, false, GIVES_BOOLEAN, K_TEXT },
	{ "startsWith", FN_STARTS_WITH, 1, 1, false, GIVES_BOOLEAN, K_TEXT },
	{ "endsWith", FN_ENDS_WITH, 1, 1, false, GIVES_BOOLEAN, K_TEXT },
	{ "lower", FN_LOWER, 0, 0, false, GIVES_STRING, K_TEXT },
	{ "upper", FN_UPPER, 0, 0, false, GIVES_STRING, K_TEXT },
	{ "length", FN_LENGTH, 0, 0, false, GIVES_INTEGER, K_TEXT },
	{ "indexOf", FN_INDEX_OF, 1, 1, false, GIVES_INTEGER, K_TEXT },
	{ "lastIndexOf", FN_LAST_INDEX_OF, 1, 1, false, GIVES_INTEGER, K_TEXT },
	{ "substring", FN_SUBSTRING, 1, 2, false, GIVES_STRING, K_TEXT },
	{ "replace", FN_REPLACE, 2, 2, false, GIVES_STRING, K_TEXT },
	{ "toChars", FN_TO_CHARS, 0, 0, false, GIVES_STRING, K_TEXT },
	{ "split", FN_SPLIT, 1, 1, false, GIVES_STRING, K_TEXT },
	{ "join", FN_JOIN, 0, 1, false, GIVES_STRING, K_TEXT },
	{ "trim", FN_TRIM, 0, 0, false, GIVES_STRING, K_TEXT },
	{ "matches", FN_MATCHES, 1, 1, false, GIVES_BOOLEAN, K_TEXT },
	{ "matchesFull", FN_MATCHES_FULL, 1, 1, false, GIVES_BOOLEAN, K_TEXT },
	{ "replaceMatches", FN_REPLACE_MATCHES, 2, 2, false, GIVES_STRING, K_TEXT },
	{ "encode", FN_ENCODE, 1, 1, false, GIVES_STRING, K_TEXT },
	{ "decode", FN_DECODE, 1, 1, false, GIVES_STRING, K_TEXT },
	{ "escape", FN_ESCAPE, 1, 1, false, GIVES_STRING, K_TEXT },
	{ "unescape", FN_UNESCAPE, 1, 1, false, GIVES_STRING, K_TEXT },

	{ "toBoolean", FN_TO_BOOLEAN, 0, 0, false, GIVES_BOOLEAN, 0 },
	{ "toInteger", FN_TO_INTEGER, 0, 0, false, GIVES_INTEGER, 0 },
	{ "toDecimal", FN_TO_DECIMAL, 0, 0, false, GIVES_DECIMAL, 0 },
	{ "toString", FN_TO_STRING, 0, 0, false, GIVES_STRING, 0 },
	{ "toDate", FN_TO_DATE, 0, 0, false, GIVES_DATE, 0 },
	{ "toDateTime", FN_TO_DATETIME, 0, 0, false, GIVES_DATETIME, 0 },
	{ "toTime", FN_TO_TIME, 0, 0, false, GIVES_TIME, 0 },
	{ "toQuantity", FN_TO_QUANTITY, 0, 1, false, GIVES_QUANTITY, 0 },
	{ "convertsToBoolean", FN_CONVERTS_TO_BOOLEAN, 0, 0, false, GIVES_BOOLEAN, 0 },
	{ "convertsToInteger", FN_CONVERTS_TO_INTEGER, 0, 0, false, GIVES_BOOLEAN, 0 },
	{ "convertsToDecimal", FN_CONVERTS_TO_DECIMAL, 0, 0, false, GIVES_BOOLEAN, 0 },
	{ "convertsToString", FN_CONVERTS_TO_STRING, 0, 0, false, GIVES_BOOLEAN, 0 },
	{ "convertsToDate", FN_CONVERTS_TO_DATE, 0, 0, false, GIVES_BOOLEAN, 0 },
	{ "convertsToDateTime", FN_CONVERTS_TO_DATETIME, 0, 0, false, GIVES_BOOLEAN, 0 },
	{ "convertsToTime", FN_CONVERTS_TO_TIME, 0, 0, false, GIVES_BOOLEAN, 0 },
	{ "convertsToQuantity", FN_CONVERTS_TO_QUANTITY, 0, 1, false, GIVES_BOOLEAN, 0 },

	{ "abs", FN_ABS, 0, 0, false, GIVES_VALUE, K_AMOUNT },
	{ "ceiling", FN_CEILING, 0, 0, false, GIVES_INTEGER, K_NUMBER },
	{ "floor", FN_FLOOR, 0, 0, false, GIVES_INTEGER, K_NUMBER },
	{ "truncate", FN_TRUNCATE, 0, 0, false, GIVES_INTEGER, K_NUMBER },
	{ "round", FN_ROUND, 0, 1, false, GIVES_DECIMAL, K_NUMBER },
	{ "sqrt", FN_SQRT, 0, 0, false, GIVES_DECIMAL, K_NUMBER },
	{ "exp", FN_EXP, 0, 0, false, GIVES_DECIMAL, K_NUMBER },
	{ "ln", FN_LN, 0, 0, false, GIVES_DECIMAL, K_NUMBER },
	{ "log", FN_LOG, 1, 1, false, GIVES_DECIMAL, K_NUMBER },
	{ "power", FN_POWER, 1, 1, false, GIVES_NUMBER, K_NUMBER },

	{ "lowBoundary", FN_LOW_BOUNDARY, 0, 1, false, GIVES_VALUE, K_AMOUNT | K_MOMENT },
	{ "highBoundary", FN_HIGH_BOUNDARY, 0, 1, false, GIVES_VALUE, K_AMOUNT | K_MOMENT },
	{ "precision", FN_PRECISION, 0, 0, false, GIVES_INTEGER, K_NUMBER | K_MOMENT },
	{ "comparable", FN_COMPARABLE, 1, 1, false, GIVES_BOOLEAN, 1u << FHIRPATH_QUANTITY },
	{ "now", FN_NOW, 0, 0, false, GIVES_DATETIME, 0 },
	{ "today", FN_TODAY, 0, 0, false, GIVES_DATE, 0 },
	{ "timeOfDay", FN_TIME_OF_DAY, 0, 0, false, GIVES_TIME, 0 },

	{ "repeat", FN_REPEAT, 1, 1, true, GIVES_ANY, 0 },
	{ "repeatAll", FN_REPEAT_ALL, 1, 1, true, GIVES_ANY, 0 },
	{ "aggregate", FN_AGGREGATE, 1, 2, true, GIVES_ANY, 0 },
	{ "trace", FN_TRACE, 1, 2, true, GIVES_INPUT, 0 },
	{ "sort", FN_SORT, 0, MOST_ARGUMENTS, true, GIVES_INPUT, 0 },
	{ "coalesce", FN_COALESCE, 1, MOST_ARGUMENTS, false, GIVES_ANY, 0 },
	{ "defineVariable", FN_DEFINE_VARIABLE, 1, 2, true, GIVES_INPUT, 0 },

	{ "type", FN_TYPE, 0, 0, false, GIVES_TYPE, 0 },
	{ "resolve", FN_RESOLVE, 0, 0, false, GIVES_ANY, 0 },
	{ "elementDefinition", FN_ELEMENT_DEFINITION, 0, 0, false, GIVES_ANY, 0 },
	{ "slice", FN_SLICE, 2, 2, false, GIVES_INPUT, 0 },
	{ "checkModifiers", FN_CHECK_MODIFIERS, 0, MOST_ARGUMENTS, false, GIVES_INPUT, 0 },
	{ "conformsTo", FN_CONFORMS_TO, 1, 1, false, GIVES_BOOLEAN, 0 },
	{ "memberOf", FN_MEMBER_OF, 1, 1, false, GIVES_BOOLEAN, 0 },
	{ "subsumes", FN_SUBSUMES, 1, 1, false, GIVES_BOOLEAN, 0 },
	{ "subsumedBy", FN_SUBSUMED_BY, 1, 1, false, GIVES_BOOLEAN, 0 },
	{ "htmlChecks", FN_HTML_CHECKS, 0, 0, false, GIVES_BOOLEAN, 0 },
};

/* A call while it is compiled. */
struct call {
	const struct syntax *s;
	const struct function *fn;
	uint32_t input;
	const struct known *in, *this;
};

static uint32_t
refuse_function(struct compiler *c, const struct syntax *s)
{
	const char *near = NULL;
	unsigned best = 3;

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

/* The values behind the input: FHIR's boolean as System.Boolean. */
static struct known
known_values(struct compiler *c, const struct known *in)
{
	uint32_t kinds = known_kinds(c, in);

	if (kinds == UINT32_MAX)
		return (struct known){ .any = true };
	return (struct known){ .kinds = kinds & ~1u };
}

static bool
what_it_gives(struct compiler *c, const struct call *call, const struct known *args, uint32_t count,
    struct known *out)
{
	static const uint8_t kinds[] = {
		[GIVES_BOOLEAN] = FHIRPATH_BOOLEAN,
		[GIVES_STRING] = FHIRPATH_STRING,
		[GIVES_INTEGER] = FHIRPATH_INTEGER,
		[GIVES_DECIMAL] = FHIRPATH_DECIMAL,
		[GIVES_DATE] = FHIRPATH_DATE,
		[GIVES_DATETIME] = FHIRPATH_DATETIME,
		[GIVES_TIME] = FHIRPATH_TIME,
		[GIVES_QUANTITY] = FHIRPATH_QUANTITY,
		[GIVES_TYPE] = FHIRPATH_TYPE,
	};

	switch ((enum result)call->fn->gives) {
	case GIVES_INPUT:
		*out = *call->in;
		return true;
	case GIVES_ARGUMENT:
		*out = args[0];
		return true;
	case GIVES_BOTH:
		return known_both(c, call->in, &args[0], out);
	case GIVES_LATER:
		if (count == 2) {
			*out = args[1];
			return true;
		}
		return known_both(c, &args[1], &args[2], out);
	case GIVES_EXTENSION:
		*out = (struct known){ 0 };
		return c->f->extension == PACK_NONE || known_add_type(c, out, c->f->extension);
	case GIVES_VALUE:
		*out = known_values(c, call->in);
		return true;
	case GIVES_NUMBER:
		*out = (struct known){ .kinds = K_NUMBER };
		return true;
	case GIVES_ANY:
		*out = (struct known){ .any = true,
			.unordered = call->fn->code == FN_CHILDREN ||
				     call->fn->code == FN_DESCENDANTS };
		return true;
	default:
		*out = known_kind((enum fhirpath_kind)kinds[call->fn->gives]);
		return true;
	}
}

static uint32_t
emit_call(struct compiler *c, const struct call *call, const uint32_t args[3], uint32_t count)
{
	uint32_t op = compile_emit(c, call->s, (enum op_code)call->fn->code, call->input, args[0]);

	if (op == NO_OP)
		return NO_OP;
	c->f->ops[op].b = args[1];
	c->f->ops[op].c = args[2];
	c->f->ops[op].count = (uint16_t)count;
	return op;
}

static uint32_t
compile_ordinary(struct compiler *c, const struct call *call, struct known *out)
{
	struct known args[3] = { { 0 } };
	uint32_t ops[3] = { NO_OP, NO_OP, NO_OP }, i = 0, op;

	for (const struct syntax *arg = call->s->args; arg; arg = arg->next, i++) {
		ops[i] = compile_apart(c, arg, call->fn->each ? call->in : call->this, &args[i]);
		if (ops[i] == NO_OP)
			return NO_OP;
	}
	if (call->fn->code == FN_IIF && !known_is_nothing(&args[0]) &&
	    !(known_kinds(c, &args[0]) & 1u << FHIRPATH_BOOLEAN))
		return REFUSE(c, call->s->args, "the criterion of iif() is a truth value");
	op = emit_call(c, call, ops, i);
	if (op == NO_OP)
		return NO_OP;
	if (call->fn->code >= FN_MATCHES && call->fn->code <= FN_REPLACE_MATCHES &&
	    !compile_pattern(c, call->s, &c->f->ops[op]))
		return NO_OP;
	return what_it_gives(c, call, args, i, out) ? op : compile_no_memory(c);
}

/* Functions of any number of arguments; a key of sort() may have a minus. */
static uint32_t
compile_list(struct compiler *c, const struct call *call, struct known *out)
{
	uint32_t ops[MOST_ARGUMENTS], i = 0, args[3] = { 0, NO_OP, NO_OP };
	char orders[MOST_ARGUMENTS];
	struct known ignored;

	for (const struct syntax *arg = call->s->args; arg; arg = arg->next, i++) {
		bool down = call->fn->code == FN_SORT && arg->kind == SYNTAX_SIGN &&
			    arg->op == BINARY_SUBTRACT;

		orders[i] = down ? 'd' : 'a';
		ops[i] = compile_apart(
		    c, down ? arg->left : arg, call->fn->each ? call->in : call->this, &ignored);
		if (ops[i] == NO_OP)
			return NO_OP;
	}
	args[0] = compile_add_list(c, ops, i);
	if (args[0] == NO_OP)
		return NO_OP;
	if (call->fn->code == FN_SORT)
		args[1] = compile_add_literal(c, FHIRPATH_STRING, str_of(orders, i));
	if (call->fn->code == FN_SORT && args[1] == NO_OP)
		return NO_OP;
	*out = *call->in;
	out->unordered = false;
	if (call->fn->gives == GIVES_ANY)
		*out = (struct known){ .any = true };
	return emit_call(c, call, args, i);
}

/* The starting value is of the outside; $total is known inside only. */
static uint32_t
compile_aggregate(struct compiler *c, const struct call *call, struct known *out)
{
	const struct known *outer = c->total;
	struct known total = { .any = true };
	const struct syntax *arg = call->s->args;
	uint32_t args[3] = { NO_OP, NO_OP, NO_OP };

	if (arg->next) {
		args[1] = compile_apart(c, arg->next, call->this, out);
		if (args[1] == NO_OP)
			return NO_OP;
	}
	c->total = &total;
	args[0] = compile_apart(c, arg, call->in, out);
	c->total = outer;
	if (args[0] == NO_OP)
		return NO_OP;
	*out = (struct known){ .any = true };
	return emit_call(c, call, args, call->s->arg_count);
}

/* What is projected must have the same elements at each level; what they are
 * is known when their names are looked up in what the first level gives. */
static uint32_t
compile_repeat(struct compiler *c, const struct call *call, struct known *out)
{
	struct known seen = *call->in, gives = { 0 }, all;
	uint32_t args[3] = { NO_OP, NO_OP, NO_OP };
	uint32_t count;

	args[0] = compile_apart(c, call->s->args, &seen, &gives);
	if (args[0] == NO_OP)
		return NO_OP;
	/* Until a level adds no type that was not there before. */
	for (;;) {
		if (!known_both(c, &seen, &gives, &all))
			return compile_no_memory(c);
		if (all.any == seen.any && all.kinds == seen.kinds && all.count == seen.count)
			break;
		count = all.count;
		seen = all;
		args[0] = compile_apart(c, call->s->args, &seen, &gives);
		if (args[0] == NO_OP)
			return NO_OP;
		if (count > 256)
			break;
	}
	*out = gives;
	return emit_call(c, call, args, 1);
}

static uint32_t
compile_define(struct compiler *c, const struct call *call, struct known *out)
{
	const struct syntax *name = call->s->args;
	uint32_t args[3] = { NO_OP, NO_OP, NO_OP };
	struct scope *scope;
	struct known value = *call->in;

	static const char *const taken[] = { "context", "resource", "rootResource", "sct", "loinc",
		"ucum" };

	if (name->kind != SYNTAX_STRING || !name->text.len)
		return REFUSE(c, name, "the name of a variable is a text in quotes");
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (str_is(name->text, taken[i]))
			return REFUSE(c, name, "%%%s cannot be defined anew", taken[i]);
	for (const struct scope *x = c->scope; x; x = x->outer)
		if (str_eq(x->name, name->text))
			return REFUSE(c, name, "%%%.*s is defined already", STR_ARG(name->text));
	if (name->next) {
		args[1] = compile_apart(c, name->next, call->in, &value);
		if (args[1] == NO_OP)
			return NO_OP;
	}
	scope = ARENA_NEW(&c->work, struct scope);
	if (!scope)
		return compile_no_memory(c);
	args[0] = c->f->slot_count++;
	*scope = (struct scope){ c->scope, name->text, args[0], value };
	c->scope = scope;
	*out = *call->in;
	return emit_call(c, call, args, 2);
}

static uint32_t
refuse_count(struct compiler *c, const struct syntax *s, const struct function *fn)
{
	unsigned count = s->arg_count;

	if (fn->most == 0)
		return REFUSE(c, s, "%s() takes no arguments, not %u", fn->name, count);
	if (fn->least == fn->most)
		return REFUSE(c, s, "%s() takes %u argument%s, not %u", fn->name, fn->most,
		    fn->most == 1 ? "" : "s", count);
	return REFUSE(
	    c, s, "%s() takes %u to %u arguments, not %u", fn->name, fn->least, fn->most, count);
}

static uint32_t
compile_function(struct compiler *c, const struct call *call, struct known *out)
{
	const struct function *fn = call->fn;
	const struct syntax *s = call->s;

	if (s->arg_count < fn->least || s->arg_count > fn->most)
		return refuse_count(c, s, fn);
	if (call->in->unordered && fn->code >= FN_FIRST && fn->code <= FN_TAKE)
		return REFUSE(c, s, "%s() needs an order, and these items have none", fn->name);
	if (fn->takes && !known_is_nothing(call->in) && !(known_kinds(c, call->in) & fn->takes)) {
		struct str what = known_text(c, call->in);

		return REFUSE(c, s, "%s() is no function of %.*s", fn->name, STR_ARG(what));
	}
	switch (fn->code) {
	case FN_SORT:
	case FN_COALESCE:
	case FN_CHECK_MODIFIERS:
		return compile_list(c, call, out);
	case FN_AGGREGATE:
		return compile_aggregate(c, call, out);
	case FN_REPEAT:
	case FN_REPEAT_ALL:
		return compile_repeat(c, call, out);
	case FN_DEFINE_VARIABLE:
		return compile_define(c, call, out);
	default:
		return compile_ordinary(c, call, out);
	}
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

uint32_t
compile_call(
    struct compiler *c, const struct syntax *s, const struct known *this, struct known *out)
{
	enum op_code code = OP_NOTHING;
	struct known in = *this;
	uint32_t input = s->left ? compile_tree(c, s->left, this, &in)
				 : compile_emit(c, s, OP_THIS, NO_OP, 0);

	if (input == NO_OP)
		return NO_OP;
	if (str_is(s->text, "is"))
		code = OP_IS;
	else if (str_is(s->text, "as"))
		code = OP_AS;
	else if (str_is(s->text, "ofType"))
		code = OP_OF_TYPE;
	if (code) {
		struct str name = s->arg_count == 1 ? type_argument(c, s->args) : STR("");

		if (!name.len)
			return REFUSE(c, s, "%.*s() takes the name of a type", STR_ARG(s->text));
		return compile_type_test(c, s, code, input, name, out);
	}
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		struct call call = { s, &functions[i], input, &in, this };

		if (str_is(s->text, functions[i].name))
			return compile_function(c, &call, out);
	}
	return refuse_function(c, s);
}

const char *
compile_function_name(enum op_code code)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (functions[i].code == code)
			return functions[i].name;
	return "?";
}
