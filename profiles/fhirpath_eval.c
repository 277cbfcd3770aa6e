#include "profiles/fhirpath_eval.h"

#include "base/clock.h"
#include "profiles/fhirpath_syntax.h"

int
eval_fail(struct eval *e, const struct op *op, const char *why)
{
	return syntax_error(e->err, e->f->text, op->at, "%s", why);
}

int
eval_fail_function(struct eval *e, const struct op *op, const char *of)
{
	return syntax_error(e->err, e->f->text, op->at, "%s() is a function of %s",
	    compile_function_name((enum op_code)op->code), of);
}

int
eval_too_long(struct eval *e)
{
	return error_set(e->err, ERROR_LIMIT,
	    "the expression was stopped: it takes over %u steps on this input",
	    (unsigned)(e->in->steps ? e->in->steps : FHIRPATH_STEPS));
}

int
eval_grow(struct eval *e)
{
	uint32_t room = e->room ? e->room * 2 : 32;
	void *bigger = NULL;

	if (room <= EVAL_ITEMS)
		bigger = e->room ? arena_grow(e->arena, e->stack, e->room * sizeof(*e->stack),
				       room * sizeof(*e->stack))
				 : arena_alloc(e->arena, room * sizeof(*e->stack));
	if (!bigger)
		return error_set(e->err, ERROR_LIMIT,
		    "the expression was stopped: it gives too many items on this input");
	e->stack = bigger;
	e->room = room;
	return 0;
}

void
eval_fill(const struct eval *e, uint32_t record, uint32_t node, struct fhirpath_item *out)
{
	const struct record *r = record == 0 ? e->r : e->records[record];
	const struct pack_element *el = pack_element_at(e->pack, r->nodes[node].element);

	if (el->flags & ELEMENT_RESOURCE && r->nodes[node].end > node + 1)
		el = pack_element_at(e->pack, r->nodes[++node].element);
	out->node = node;
	out->type = el->type;
	out->record = record;
	out->kind = FHIRPATH_NODE;
	out->value.p = NULL;
	out->value.len = 0;
	if (el->flags & ELEMENT_PRIMITIVE) {
		out->kind = fhirpath_kind_of(pack_type_at(e->pack, el->type)->lexical);
		out->value = record_text(r, node);
	}
}

struct fhirpath_item
eval_item(const struct eval *e, uint32_t record, uint32_t node)
{
	struct fhirpath_item item;

	eval_fill(e, record, node, &item);
	return item;
}

int
eval_no_memory(struct eval *e)
{
	return error_set(
	    e->err, ERROR_LIMIT, "the expression was stopped: it needs too much memory");
}

int
eval_push_node(struct eval *e, uint32_t record, uint32_t node)
{
	if (e->top == e->room && eval_grow(e))
		return -1;
	eval_fill(e, record, node, &e->stack[e->top++]);
	return 0;
}

int
eval_push_made(struct eval *e, enum fhirpath_kind kind, struct str value)
{
	return value.p ? eval_push(e, (struct fhirpath_item){ .node = FHIRPATH_MADE,
					  .type = PACK_NONE,
					  .value = value,
					  .kind = kind })
		       : eval_no_memory(e);
}

int
eval_push_bool(struct eval *e, bool value)
{
	return eval_push_made(e, FHIRPATH_BOOLEAN, value ? STR("true") : STR("false"));
}

int
eval_give_bool(struct eval *e, uint32_t base, bool value)
{
	e->top = base;
	return eval_push_bool(e, value);
}

int
eval_push_integer(struct eval *e, int64_t value)
{
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	char digits[24], *at = digits + sizeof(digits);

	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		*--at = '-';
	return eval_push_made(e, FHIRPATH_INTEGER,
	    str_dup(e->arena, str_of(at, (size_t)(digits + sizeof(digits) - at))));
}

int
eval_push_decimal(struct eval *e, enum fhirpath_kind kind, const struct decimal *d)
{
	return eval_push_made(e, kind, decimal_text(d, e->arena));
}

int
eval_push_moment(struct eval *e, const struct moment *m)
{
	return eval_push_made(e, (enum fhirpath_kind)m->kind, moment_text(m, e->arena));
}

int
eval_argument(struct eval *e, const struct op *op, uint32_t argument, const struct frame *frame,
    struct fhirpath_item *out, bool *found)
{
	uint32_t mark = e->top, count;

	*out = (struct fhirpath_item){ .node = FHIRPATH_MADE, .value = STR("") };
	if (eval_op(e, argument, frame))
		return -1;
	count = e->top - mark;
	e->top = mark;
	*found = count == 1;
	if (count > 1)
		return eval_fail(e, op, "the argument is one item, and there are several");
	if (count)
		*out = e->stack[mark];
	return 0;
}

int
eval_integer_argument(struct eval *e, const struct op *op, uint32_t argument,
    const struct frame *frame, int64_t *out, bool *found)
{
	struct fhirpath_item item;

	if (eval_argument(e, op, argument, frame, &item, found))
		return -1;
	if (*found && (item.kind != FHIRPATH_INTEGER || !str_to_int(item.value, out)))
		return eval_fail(e, op, "the argument is one whole number");
	return 0;
}

void
eval_keep(struct eval *e, uint32_t base, uint32_t first, uint32_t last)
{
	if (last > first && first > base)
		memmove(&e->stack[base], &e->stack[first], (last - first) * sizeof(*e->stack));
	e->top = last > first ? base + (last - first) : base;
}

int
eval_truth(struct eval *e, const struct op *op, uint32_t base, enum truth *out)
{
	const struct fhirpath_item *item = &e->stack[base];
	uint32_t count = e->top - base;

	e->top = base;
	if (count > 1)
		return eval_fail(e, op, "a truth value was expected, and there are several items");
	*out = TRUTH_EMPTY;
	if (count == 0)
		return 0;
	if (item->kind != FHIRPATH_BOOLEAN)
		*out = TRUTH_TRUE;
	else if (item->value.len)
		*out = str_is(item->value, "true") ? TRUTH_TRUE : TRUTH_FALSE;
	return 0;
}

static bool
is_of_type(const struct eval *e, const struct op *op, const struct fhirpath_item *item)
{
	if (item->node == FHIRPATH_MADE)
		return op->kind && item->kind == op->kind;
	return op->a != PACK_NONE && pack_type_is(e->pack, item->type, op->a);
}

static int
eval_of_type(struct eval *e, const struct op *op, uint32_t base)
{
	uint32_t kept = base;

	for (uint32_t i = base; i < e->top; i++) {
		const struct fhirpath_item *item = &e->stack[i];
		bool exact = item->node != FHIRPATH_MADE && item->kind != FHIRPATH_NODE;

		if (exact ? item->type == op->a : is_of_type(e, op, item))
			e->stack[kept++] = *item;
	}
	e->top = kept;
	return 0;
}

static int
eval_is(struct eval *e, const struct op *op, uint32_t base)
{
	uint32_t count = e->top - base;

	if (count == 0)
		return 0;
	if (count > 1)
		return eval_fail(e, op, "the type of one item can be asked, and there are several");
	e->top = base;
	return eval_push_bool(e, is_of_type(e, op, &e->stack[base]));
}

static int
eval_indexer(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	uint32_t mark = e->top, count;
	int64_t index;

	if (eval_op(e, op->a, frame))
		return -1;
	count = e->top - mark;
	e->top = mark;
	if (count > 1 || (count == 1 && (e->stack[mark].kind != FHIRPATH_INTEGER ||
					    !str_to_int(e->stack[mark].value, &index))))
		return eval_fail(e, op, "an index is one whole number");
	if (count == 0 || index < 0 || index >= mark - base) {
		e->top = base;
		return 0;
	}
	e->stack[base] = e->stack[base + index];
	e->top = base + 1;
	return 0;
}

/* Whether a number in text is zero: it has no sign then. */
static bool
is_zero(struct str number)
{
	for (size_t i = 0; i < number.len && number.p[i] != ' '; i++)
		if (number.p[i] >= '1' && number.p[i] <= '9')
			return false;
	return true;
}

static int
eval_sign(struct eval *e, const struct op *op, uint32_t base)
{
	struct fhirpath_item item;
	struct str text;

	if (e->top == base)
		return 0;
	if (e->top - base > 1)
		return eval_fail(e, op, "only one number can have a sign");
	item = e->stack[base];
	e->top = base;
	if (!eval_value(e, &item, &item))
		return item.kind == FHIRPATH_NODE
			   ? eval_fail(e, op, "only a number can have a sign")
			   : 0;
	if (!kind_is_number(item.kind) && item.kind != FHIRPATH_QUANTITY)
		return eval_fail(e, op, "only a number can have a sign");
	if (is_zero(item.value))
		text = item.value;
	else if (item.value.p[0] == '-')
		text = str_from_index(item.value, 1);
	else
		text = str_printf(e->arena, "-%.*s", STR_ARG(item.value));
	return eval_push_made(e, (enum fhirpath_kind)item.kind, text);
}

/* Operators that may not need their right operand. */
static int
eval_logic(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	enum truth x, y;

	if (eval_truth(e, op, base, &x))
		return -1;
	if (op->code == OP_AND && x == TRUTH_FALSE)
		return eval_push_bool(e, false);
	if (op->code == OP_OR && x == TRUTH_TRUE)
		return eval_push_bool(e, true);
	if (op->code == OP_IMPLIES && x == TRUTH_FALSE)
		return eval_push_bool(e, true);
	if (eval_op(e, op->a, frame) || eval_truth(e, op, base, &y))
		return -1;
	switch (op->code) {
	case OP_AND:
		if (y == TRUTH_FALSE)
			return eval_push_bool(e, false);
		return x && y ? eval_push_bool(e, true) : 0;
	case OP_OR:
		if (y == TRUTH_TRUE)
			return eval_push_bool(e, true);
		return x && y ? eval_push_bool(e, false) : 0;
	case OP_XOR:
		return x && y ? eval_push_bool(e, x != y) : 0;
	default: /* implies: x is true or empty */
		if (y == TRUTH_TRUE)
			return eval_push_bool(e, true);
		return x && y ? eval_push_bool(e, false) : 0;
	}
}

static int
push_items(struct eval *e, const struct fhirpath_items *items)
{
	if (eval_count(e, items->count))
		return -1;
	for (uint32_t i = 0; i < items->count; i++)
		if (eval_push(e, items->at[i]))
			return -1;
	return 0;
}

static int
eval_leaf(struct eval *e, const struct op *op, const struct frame *frame)
{
	switch (op->code) {
	case OP_THIS:
		return eval_push(e, frame->this);
	case OP_CONTEXT:
		return eval_push_node(e, 0, e->in->context);
	case OP_RESOURCE:
		return eval_push_node(e, 0, eval_resource_of(e->r, e->pack, e->in->context));
	case OP_ROOT_RESOURCE:
		return eval_push_node(e, 0, eval_container_of(e->r, e->pack, e->in->context));
	case OP_VARIABLE:
		return push_items(e, &e->variables[op->a]);
	case OP_TOTAL:
		return frame->total ? push_items(e, frame->total) : 0;
	case OP_INDEX:
		return eval_push_integer(e, frame->index);
	case OP_LITERAL:
		return eval_push(e, e->f->literals[op->a]);
	default:
		return 0;
	}
}

/* One item beside a literal, which most conditions are. */
static int
eval_equal_literal(struct eval *e, uint32_t base, const struct fhirpath_item *literal)
{
	enum truth t = eval_equal_items(e, &e->stack[base], literal);

	e->top = base;
	return t == TRUTH_EMPTY ? 0 : eval_push_bool(e, t == TRUTH_TRUE);
}

int
eval_op(struct eval *e, uint32_t number, const struct frame *frame)
{
	const struct op *op = &e->f->ops[number];
	uint32_t base = e->top, right;

	if (eval_count(e, op->cost))
		return -1;
	if (op->code == OP_PATH)
		return eval_path(e, op, &frame->this);
	if (op->input == NO_OP)
		return eval_leaf(e, op, frame);
	if (op->code == OP_CHILD && e->f->ops[op->input].code == OP_THIS)
		return eval_child_of(e, op, &frame->this);
	if (eval_op(e, op->input, frame))
		return -1;
	switch (op->code) {
	case OP_CHILD:
		return eval_child(e, op, base);
	case OP_CHILD_NAMED:
		return eval_child_named(e, op, base);
	case OP_INDEXER:
		return eval_indexer(e, op, base, frame);
	case OP_AS:
		if (e->top - base > 1)
			return eval_fail(e, op,
			    "as() takes one item, and there are several; ofType() takes them all");
		return eval_of_type(e, op, base);
	case OP_OF_TYPE:
		return eval_of_type(e, op, base);
	case OP_IS:
		return eval_is(e, op, base);
	case OP_REFERS:
		return eval_refers(e, op, base);
	case OP_SIGN:
		return eval_sign(e, op, base);
	case OP_AND:
	case OP_OR:
	case OP_XOR:
	case OP_IMPLIES:
		return eval_logic(e, op, base, frame);
	case FN_WHERE:
	case FN_EXISTS:
		return eval_loop(e, op, base, frame);
	case OP_EQUAL:
		if (e->f->ops[op->a].code == OP_LITERAL && e->top - base == 1)
			return eval_equal_literal(e, base, &e->f->literals[e->f->ops[op->a].a]);
		break;
	default:
		break;
	}
	if (op->code >= FN_EMPTY)
		return eval_function(e, op, base, frame);
	right = e->top;
	if (eval_op(e, op->a, frame))
		return -1;
	return eval_operator(e, op, base, right);
}

/* Room for variables; the given ones in their slots. */
static int
make_variables(struct eval *e)
{
	uint32_t count = e->f->slot_count;

	if (!count)
		return 0;
	e->variables = arena_calloc(e->arena, count, sizeof(*e->variables));
	if (!e->variables)
		return eval_no_memory(e);
	for (uint32_t i = 0; i < e->f->given && e->in->variables; i++)
		e->variables[i] = e->in->variables[i];
	return 0;
}

int
fhirpath_run(const struct fhirpath *f, const struct fhirpath_input *input, struct arena *a,
    struct fhirpath_items *out, struct error *err)
{
	struct eval e = { .f = f,
		.pack = f->pack,
		.in = input,
		.r = input->record,
		.arena = a,
		.err = err,
		.steps = input->steps ? input->steps : FHIRPATH_STEPS,
		.now = input->now };
	struct frame frame;

	*out = (struct fhirpath_items){ 0 };
	frame.index = 0;
	frame.total = NULL;
	if (input->context == 0 && e.r->nodes[0].element == f->root)
		frame.this = (struct fhirpath_item){ .type = f->root };
	else
		eval_fill(&e, 0, input->context, &frame.this);
	if (eval_grow(&e) || make_variables(&e) || eval_op(&e, f->start, &frame))
		return -1;
	*out = (struct fhirpath_items){ e.stack, e.top, e.records };
	return 0;
}

int
fhirpath_eval(const struct fhirpath *f, const struct record *r, uint32_t context, struct arena *a,
    struct fhirpath_items *out, struct error *err)
{
	struct fhirpath_input input = { .record = r, .context = context };

	return fhirpath_run(f, &input, a, out, err);
}

int
fhirpath_test(const struct fhirpath *f, const struct record *r, uint32_t context, struct arena *a,
    bool *out, struct error *err)
{
	struct fhirpath_items items;

	if (fhirpath_eval(f, r, context, a, &items, err))
		return -1;
	if (items.count > 1)
		return error_set(err, ERROR_INVALID,
		    "a truth value was expected, and the expression gives %u items",
		    (unsigned)items.count);
	*out = items.count == 1 &&
	       (items.at[0].kind != FHIRPATH_BOOLEAN || str_is(items.at[0].value, "true"));
	return 0;
}
