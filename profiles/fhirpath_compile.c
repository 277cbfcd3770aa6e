/* FHIRPath's tree into a program, names resolved and types inferred. */
#include <stdlib.h>

#include "profiles/fhirpath_compile.h"
#include "profiles/fhirpath_moment.h"

enum {
	COMPILE_BYTES = 16 << 20, /* the tree and the program of one expression */
};

uint32_t
compile_no_memory(struct compiler *c)
{
	error_set(c->err, ERROR_LIMIT, "the expression needs too much memory");
	return NO_OP;
}

bool
compile_make_room(struct compiler *c, void *array, uint32_t count, uint32_t *room, size_t size)
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

/* Steps that one evaluation counts for, of some 10 to 20 ns each. */
static uint32_t
cost_of(enum op_code code)
{
	switch (code) {
	case FN_SQRT:
	case FN_EXP:
	case FN_LN:
	case FN_LOG:
		return 1000;
	case FN_POWER:
		return 3000;
	default:
		break;
	}
	if (code >= FN_CONVERT_FIRST && code <= FN_TIME_OF_DAY)
		return 16;
	return code >= OP_ADD && code <= OP_MOD ? 8 : 1;
}

uint32_t
compile_emit(
    struct compiler *c, const struct syntax *s, enum op_code code, uint32_t input, uint32_t a)
{
	struct fhirpath *f = c->f;

	if (!compile_make_room(c, &f->ops, f->op_count, &c->op_room, sizeof(*f->ops)))
		return compile_no_memory(c);
	f->ops[f->op_count] = (struct op){
		.code = (uint8_t)code, .input = input, .a = a, .at = s->at, .cost = cost_of(code)
	};
	return f->op_count++;
}

uint32_t
compile_add_literal(struct compiler *c, enum fhirpath_kind kind, struct str value)
{
	struct fhirpath *f = c->f;

	if (!compile_make_room(
		c, &f->literals, c->literal_count, &c->literal_room, sizeof(*f->literals)))
		return compile_no_memory(c);
	value = str_dup(&f->arena, value);
	if (!value.p)
		return compile_no_memory(c);
	f->literals[c->literal_count] = (struct fhirpath_item){
		.node = FHIRPATH_MADE, .type = PACK_NONE, .value = value, .kind = kind
	};
	return c->literal_count++;
}

uint32_t
compile_add_list(struct compiler *c, const uint32_t *numbers, uint32_t count)
{
	uint32_t first = c->list_count;

	for (uint32_t i = 0; i < count; i++) {
		if (!compile_make_room(
			c, &c->f->lists, c->list_count, &c->list_room, sizeof(*numbers)))
			return compile_no_memory(c);
		c->f->lists[c->list_count++] = numbers[i];
	}
	return first;
}

bool
compile_pattern(struct compiler *c, const struct syntax *s, struct op *op)
{
	struct fhirpath *f = c->f;
	const struct op *pattern = &f->ops[op->a];
	struct error why;
	void *code;

	if (pattern->code != OP_LITERAL || f->literals[pattern->a].kind != FHIRPATH_STRING)
		return true;
	code = regex_compile(f->literals[pattern->a].value, op->code == FN_MATCHES_FULL, &why);
	if (!code)
		return REFUSE(c, s->args, "%s", why.text) != NO_OP;
	if (!compile_make_room(c, &f->patterns, f->pattern_count, &c->pattern_room, sizeof(code))) {
		regex_free(code);
		return compile_no_memory(c) != NO_OP;
	}
	op->c = f->pattern_count;
	f->patterns[f->pattern_count++] = code;
	return true;
}

static uint32_t
emit_literal(struct compiler *c, const struct syntax *s, enum fhirpath_kind kind, struct str value,
    struct known *out)
{
	uint32_t literal = compile_add_literal(c, kind, value);

	*out = (struct known){ .kinds = 1u << kind };
	return literal == NO_OP ? NO_OP : compile_emit(c, s, OP_LITERAL, NO_OP, literal);
}

/* A date or a time that there is: no 13th month, no 25th hour. */
static uint32_t
compile_moment(
    struct compiler *c, const struct syntax *s, enum fhirpath_kind kind, struct known *out)
{
	struct moment m;

	if (!moment_parse(s->text, kind, &m))
		return REFUSE(c, s, "there is no such %s as %.*s",
		    kind == FHIRPATH_TIME ? "time" : "date", STR_ARG(s->text));
	return emit_literal(c, s, kind, s->text, out);
}

/* Whole numbers are of 32 bits (N1, 2.1.1). s->text: digits, at most `most`. */
static uint32_t
compile_integer(
    struct compiler *c, const struct syntax *s, uint32_t most, struct str value, struct known *out)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->text.len && n <= most; i++)
		n = n * 10 + (uint64_t)(s->text.p[i] - '0');
	if (n > most)
		return REFUSE(c, s, "whole numbers go up to 2147483647; write %.*s.0 for a decimal",
		    STR_ARG(s->text));
	return emit_literal(c, s, FHIRPATH_INTEGER, value, out);
}

static const struct {
	uint8_t code;
	uint8_t kind; /* of the result; FHIRPATH_NODE: as the operands */
} binary[] = {
	[BINARY_MULTIPLY] = { OP_MULTIPLY, FHIRPATH_NODE },
	[BINARY_DIVIDE] = { OP_DIVIDE, FHIRPATH_NODE },
	[BINARY_DIV] = { OP_DIV, FHIRPATH_NODE },
	[BINARY_MOD] = { OP_MOD, FHIRPATH_NODE },
	[BINARY_ADD] = { OP_ADD, FHIRPATH_NODE },
	[BINARY_SUBTRACT] = { OP_SUBTRACT, FHIRPATH_NODE },
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

/* What arithmetic gives: numbers, texts and dates as their operands are. */
static struct known
known_sum(struct compiler *c, const struct known *x, const struct known *y)
{
	uint32_t kinds = known_kinds(c, x) | known_kinds(c, y);

	if (kinds == UINT32_MAX)
		return (struct known){ .any = true };
	return (struct known){ .kinds = kinds & ~1u };
}

/* Whether arithmetic can be between such operands at all (N1, 6.6). */
static bool
has_arithmetic(enum syntax_op op, uint32_t x, uint32_t y)
{
	uint32_t number = 1u << FHIRPATH_INTEGER | 1u << FHIRPATH_DECIMAL;
	uint32_t text = 1u << FHIRPATH_STRING, quantity = 1u << FHIRPATH_QUANTITY;
	uint32_t moment = 1u << FHIRPATH_DATE | 1u << FHIRPATH_DATETIME | 1u << FHIRPATH_TIME;

	if (x & (number | quantity) && y & (number | quantity))
		return true;
	if (op == BINARY_ADD && x & text && y & text)
		return true;
	return (op == BINARY_ADD || op == BINARY_SUBTRACT) && x & moment && y & quantity;
}

static uint32_t
compile_binary(
    struct compiler *c, const struct syntax *s, const struct known *this, struct known *out)
{
	bool arithmetic = binary[s->op].kind == FHIRPATH_NODE && s->op != BINARY_UNION;
	struct known x, y;
	uint32_t left, right;

	left = compile_apart(c, s->left, this, &x);
	right = left == NO_OP ? NO_OP : compile_apart(c, s->right, this, &y);
	if (right == NO_OP)
		return NO_OP;
	if (arithmetic && !known_is_nothing(&x) && !known_is_nothing(&y) &&
	    !has_arithmetic(s->op, known_kinds(c, &x), known_kinds(c, &y))) {
		struct str a = known_text(c, &x), b = known_text(c, &y);

		return REFUSE(c, s, "there is no such arithmetic between %.*s and %.*s", STR_ARG(a),
		    STR_ARG(b));
	}
	if (arithmetic)
		*out = known_sum(c, &x, &y);
	else if (binary[s->op].kind != FHIRPATH_NODE)
		*out = known_kind((enum fhirpath_kind)binary[s->op].kind);
	else if (!known_both(c, &x, &y, out))
		return compile_no_memory(c);
	return compile_emit(c, s, (enum op_code)binary[s->op].code, left, right);
}

/* The types of the context: those of a choice are its elements'. */
static bool
add_context(struct compiler *c, struct known *this)
{
	const struct pack_element *e = pack_element_at(c->pack, c->options->element);
	const struct pack_run *all;

	if (!known_add_type(c, this, c->options->type))
		return false;
	if (!c->options->definition || !e->choice)
		return true;
	all = &pack_type_at(c->pack, e->owner)->elements;
	for (uint32_t i = 0; i < all->count; i++) {
		const struct pack_element *other = pack_element_at(c->pack, all->first + i);

		if (other->choice == e->choice && !known_add_type(c, this, other->type))
			return false;
	}
	return true;
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

	for (const struct scope *x = c->scope; x; x = x->outer) {
		if (!str_eq(x->name, s->text))
			continue;
		*out = x->known;
		return compile_emit(c, s, OP_VARIABLE, NO_OP, x->slot);
	}
	for (uint32_t i = 0; i < c->options->variable_count; i++) {
		*out = (struct known){ .any = true };
		if (str_eq(c->options->variables[i], s->text))
			return compile_emit(c, s, OP_VARIABLE, NO_OP, i);
	}
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		if (str_is(s->text, urls[i][0]))
			return emit_literal(c, s, FHIRPATH_STRING, str_from(urls[i][1]), out);
	*out = (struct known){ .any = true };
	if (str_is(s->text, "resource"))
		return compile_emit(c, s, OP_RESOURCE, NO_OP, 0);
	if (str_is(s->text, "rootResource"))
		return compile_emit(c, s, OP_ROOT_RESOURCE, NO_OP, 0);
	if (str_is(s->text, "context")) {
		*out = (struct known){ 0 };
		if (!add_context(c, out))
			return compile_no_memory(c);
		return compile_emit(c, s, OP_CONTEXT, NO_OP, 0);
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
	uint32_t input = compile_tree(c, s->left, this, out), a;

	a = input == NO_OP ? NO_OP : compile_apart(c, s->right, this, &index);
	if (a == NO_OP)
		return NO_OP;
	if (out->unordered)
		return REFUSE(c, s, "an index needs an order, and these items have none");
	return compile_emit(c, s, OP_INDEXER, input, a);
}

static uint32_t
compile_sign(
    struct compiler *c, const struct syntax *s, const struct known *this, struct known *out)
{
	uint32_t input;

	/* The smallest one has no opposite to take the sign of. */
	if (s->op != BINARY_ADD && s->left->kind == SYNTAX_INTEGER &&
	    str_is(s->left->text, "2147483648"))
		return compile_integer(c, s->left, 1u << 31, STR("-2147483648"), out);
	input = compile_tree(c, s->left, this, out);
	if (input == NO_OP || s->op == BINARY_ADD)
		return input;
	if (!known_is_nothing(out) &&
	    !(known_kinds(c, out) &
		(1u << FHIRPATH_INTEGER | 1u << FHIRPATH_DECIMAL | 1u << FHIRPATH_QUANTITY)))
		return REFUSE(c, s, "only a number can have a sign");
	return compile_emit(c, s, OP_SIGN, input, 0);
}

static uint32_t
compile_is_as(
    struct compiler *c, const struct syntax *s, const struct known *this, struct known *out)
{
	struct known in;
	uint32_t input = compile_tree(c, s->left, this, &in);

	if (input == NO_OP)
		return NO_OP;
	return compile_type_test(c, s, s->kind == SYNTAX_IS ? OP_IS : OP_AS, input, s->text, out);
}

uint32_t
compile_tree(
    struct compiler *c, const struct syntax *s, const struct known *this, struct known *out)
{
	switch ((enum syntax_kind)s->kind) {
	case SYNTAX_EMPTY:
		*out = (struct known){ 0 };
		return compile_emit(c, s, OP_NOTHING, NO_OP, 0);
	case SYNTAX_BOOLEAN:
		return emit_literal(c, s, FHIRPATH_BOOLEAN, s->text, out);
	case SYNTAX_STRING:
		return emit_literal(c, s, FHIRPATH_STRING, s->text, out);
	case SYNTAX_INTEGER:
		return compile_integer(c, s, INT32_MAX, s->text, out);
	case SYNTAX_DECIMAL:
		return emit_literal(c, s, FHIRPATH_DECIMAL, s->text, out);
	case SYNTAX_DATE:
		return compile_moment(c, s, FHIRPATH_DATE, out);
	case SYNTAX_DATETIME:
		return compile_moment(c, s, FHIRPATH_DATETIME, out);
	case SYNTAX_TIME:
		return compile_moment(c, s, FHIRPATH_TIME, out);
	case SYNTAX_QUANTITY:
		return emit_literal(c, s, FHIRPATH_QUANTITY, s->text, out);
	case SYNTAX_NAME:
		return compile_name(c, s, this, out);
	case SYNTAX_CALL:
		return compile_call(c, s, this, out);
	case SYNTAX_THIS:
		*out = *this;
		return compile_emit(c, s, OP_THIS, NO_OP, 0);
	case SYNTAX_INDEX:
		*out = known_kind(FHIRPATH_INTEGER);
		return compile_emit(c, s, OP_INDEX, NO_OP, 0);
	case SYNTAX_TOTAL:
		if (!c->total)
			return REFUSE(c, s, "$total has a meaning only in aggregate()");
		*out = *c->total;
		return compile_emit(c, s, OP_TOTAL, NO_OP, 0);
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

uint32_t
compile_apart(
    struct compiler *c, const struct syntax *s, const struct known *this, struct known *out)
{
	const struct scope *scope = c->scope;
	uint32_t op = compile_tree(c, s, this, out);

	c->scope = scope;
	return op;
}

static int
compile_whole(struct compiler *c, struct str expression)
{
	struct known this = { 0 }, result = { 0 };
	struct fhirpath *f = c->f;
	const struct syntax *s;

	f->text = str_dup(&f->arena, expression);
	if (!f->text.p) {
		compile_no_memory(c);
		return -1;
	}
	s = syntax_parse(f->text, &c->work, c->err);
	if (!s)
		return -1;
	if (!add_context(c, &this)) {
		compile_no_memory(c);
		return -1;
	}
	f->start = compile_tree(c, s, &this, &result);
	if (f->start == NO_OP)
		return -1;
	f->type = str_dup(&f->arena, known_text(c, &result));
	f->result_type = result.count == 1 && !result.any && !result.kinds ? result.types[0]
									   : PACK_NONE;
	return 0;
}

struct fhirpath *
fhirpath_compile_with(const struct pack *p, struct str expression,
    const struct fhirpath_options *options, struct error *err)
{
	struct fhirpath *f = xcalloc(1, sizeof(*f));
	struct compiler c = { .f = f, .pack = p, .err = err, .options = options };
	int rc;

	arena_init(&f->arena, COMPILE_BYTES, 0);
	arena_init(&c.work, COMPILE_BYTES, 0);
	f->pack = p;
	f->given = f->slot_count = options->variable_count;
	f->root = pack_type_at(p, options->type)->kind == PACK_RESOURCE ? options->type : PACK_NONE;
	f->resource = pack_find_type(p, STR("Resource"));
	f->reference = pack_find_type(p, STR("Reference"));
	f->quantity = pack_find_type(p, STR("Quantity"));
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

struct fhirpath *
fhirpath_compile(const struct pack *p, uint32_t type, struct str expression, struct error *err)
{
	struct fhirpath_options options = { .type = type };

	return fhirpath_compile_with(p, expression, &options, err);
}

struct fhirpath *
fhirpath_compile_definition(
    const struct pack *p, uint32_t element, struct str expression, struct error *err)
{
	struct fhirpath_options options = {
		.type = pack_element_at(p, element)->type, .element = element, .definition = true
	};

	return fhirpath_compile_with(p, expression, &options, err);
}

void
fhirpath_free(struct fhirpath *f)
{
	if (!f)
		return;
	for (uint32_t i = 0; i < f->pattern_count; i++)
		regex_free(f->patterns[i]);
	arena_release(&f->arena);
	free(f);
}

uint32_t
fhirpath_result_type(const struct fhirpath *f)
{
	return f->result_type;
}
