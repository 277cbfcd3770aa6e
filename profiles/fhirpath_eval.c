#include "profiles/fhirpath_eval.h"

#include "profiles/fhirpath_syntax.h"

int
eval_fail(struct eval *e, const struct op *op, const char *why)
{
	return syntax_error(e->err, e->f->text, op->at, "%s", why);
}

int
eval_count(struct eval *e, uint32_t n)
{
	if (n > e->steps)
		return error_set(e->err, ERROR_LIMIT,
		    "the expression was stopped: it takes over %d steps on this input", EVAL_STEPS);
	e->steps -= n;
	return 0;
}

static int
grow_stack(struct eval *e)
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

int
eval_push(struct eval *e, struct fhirpath_item item)
{
	if (e->top == e->room && grow_stack(e))
		return -1;
	e->stack[e->top++] = item;
	return 0;
}

struct fhirpath_item
eval_item(const struct eval *e, uint32_t node)
{
	const struct pack_element *el = pack_element_at(e->pack, e->r->nodes[node].element);
	struct fhirpath_item item = { .node = node, .type = el->type };

	if (el->flags & ELEMENT_RESOURCE && e->r->nodes[node].end > node + 1) {
		item.node = node + 1;
		item.type = pack_element_at(e->pack, e->r->nodes[node + 1].element)->type;
	} else if (el->flags & ELEMENT_PRIMITIVE) {
		item.value = record_text(e->r, node);
		item.kind = fhirpath_kind_of(pack_type_at(e->pack, el->type)->lexical);
	}
	return item;
}

int
eval_push_node(struct eval *e, uint32_t node)
{
	return eval_push(e, eval_item(e, node));
}

int
eval_push_made(struct eval *e, enum fhirpath_kind kind, struct str value)
{
	return eval_push(e, (struct fhirpath_item){ FHIRPATH_MADE, PACK_NONE, value, kind });
}

int
eval_push_bool(struct eval *e, bool value)
{
	return eval_push_made(e, FHIRPATH_BOOLEAN, value ? STR("true") : STR("false"));
}

int
eval_push_integer(struct eval *e, int64_t value)
{
	struct str text = str_printf(e->arena, "%lld", (long long)value);

	if (!text.p)
		return error_set(
		    e->err, ERROR_LIMIT, "the expression was stopped: it needs too much memory");
	return eval_push_made(e, FHIRPATH_INTEGER, text);
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

/* Take away the items from base up to the mark; those behind it move down. */
static void
drop_below(struct eval *e, uint32_t base, uint32_t mark)
{
	if (mark > base && e->top > mark)
		memmove(&e->stack[base], &e->stack[mark], (e->top - mark) * sizeof(*e->stack));
	e->top -= mark - base;
}

static const struct step *
find_step(const struct eval *e, const struct op *op, uint32_t type)
{
	const struct step *s = &e->f->steps[op->a];

	for (uint32_t i = 0; i < op->count; i++)
		if (s[i].type == type)
			return &s[i];
	return NULL;
}

/* Push the children of the node whose elements are of the step. */
static int
push_children(struct eval *e, uint32_t node, uint32_t first, uint32_t last)
{
	const struct record_node *nodes = e->r->nodes;
	uint32_t steps = 1;

	RECORD_EACH_CHILD(e->r, node, i) {
		steps++;
		if (nodes[i].element > last)
			break; /* children stand in the order of their elements */
		if (nodes[i].element >= first && eval_push_node(e, i))
			return -1;
	}
	return eval_count(e, steps);
}

static int
eval_child(struct eval *e, const struct op *op, uint32_t base)
{
	uint32_t mark = e->top;

	for (uint32_t i = base; i < mark; i++) {
		const struct step *s = find_step(e, op, e->stack[i].type);

		if (s && e->stack[i].node != FHIRPATH_MADE &&
		    push_children(e, e->stack[i].node, s->first, s->last))
			return -1;
	}
	drop_below(e, base, mark);
	return 0;
}

/* The elements of a stem in a type, looked up while running. */
static bool
look_up_step(const struct eval *e, uint32_t type, struct str name, uint32_t *first, uint32_t *last)
{
	const struct pack *p = e->pack;
	const struct pack_type *t = pack_type_at(p, type);
	uint32_t el = pack_find_element(p, type, name);

	if (el == PACK_NONE)
		el = pack_find_stem(p, type, name);
	if (el == PACK_NONE || !str_eq(pack_text(p, pack_element_at(p, el)->stem), name))
		return false;
	*first = *last = el;
	while (pack_element_at(p, el)->choice &&
	       *last + 1 < t->elements.first + t->elements.count &&
	       pack_element_at(p, *last + 1)->choice == pack_element_at(p, el)->choice)
		++*last;
	return true;
}

static int
eval_child_named(struct eval *e, const struct op *op, uint32_t base)
{
	struct str name = e->f->literals[op->a].value;
	uint32_t mark = e->top, first, last;

	for (uint32_t i = base; i < mark; i++) {
		const struct fhirpath_item *item = &e->stack[i];

		if (eval_count(e, 16))
			return -1;
		if (item->node != FHIRPATH_MADE &&
		    look_up_step(e, item->type, name, &first, &last) &&
		    push_children(e, item->node, first, last))
			return -1;
	}
	drop_below(e, base, mark);
	return 0;
}

static bool
is_of_type(const struct eval *e, const struct op *op, const struct fhirpath_item *item)
{
	if (op->a == PACK_NONE)
		return item->node == FHIRPATH_MADE && item->kind == op->kind;
	return item->node != FHIRPATH_MADE && pack_type_is(e->pack, item->type, op->a);
}

static int
eval_of_type(struct eval *e, const struct op *op, uint32_t base)
{
	uint32_t kept = base;

	for (uint32_t i = base; i < e->top; i++) {
		const struct fhirpath_item *item = &e->stack[i];
		bool exact = op->a != PACK_NONE && item->kind != FHIRPATH_NODE;

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

/* The value of the child of that name; empty when there is none. */
static struct str
child_value(const struct eval *e, uint32_t node, struct str name)
{
	return record_value(e->r, e->pack, node, name);
}

/* The nearest resource that holds the node, or is it. */
static uint32_t
resource_of(const struct eval *e, uint32_t node)
{
	for (uint32_t i = node;; i--) {
		uint32_t element = e->r->nodes[i].element;

		if (i == 0)
			return 0;
		if (e->r->nodes[i].end > node && element < pack_type_count(e->pack) &&
		    pack_type_at(e->pack, element)->kind == PACK_RESOURCE)
			return i;
	}
}

/* The resource that contains the node's resource; itself when none does. */
static uint32_t
container_of(const struct eval *e, uint32_t node)
{
	uint32_t inner = resource_of(e, node);

	if (inner < 1)
		return inner;
	if (str_is(
		pack_text(e->pack, pack_element_at(e->pack, e->r->nodes[inner - 1].element)->name),
		"contained"))
		return resource_of(e, inner - 1);
	return inner;
}

/* Type of the contained resource of that id; PACK_NONE when there is none. */
static uint32_t
contained_type(const struct eval *e, uint32_t node, struct str id)
{
	uint32_t container = container_of(e, node);

	if (!id.len)
		return e->r->nodes[container].element;
	RECORD_EACH_CHILD(e->r, container, i) {
		const struct pack_element *el = pack_element_at(e->pack, e->r->nodes[i].element);

		if (el->flags & ELEMENT_RESOURCE && e->r->nodes[i].end > i + 1 &&
		    str_eq(child_value(e, i + 1, STR("id")), id))
			return pack_element_at(e->pack, e->r->nodes[i + 1].element)->type;
	}
	return PACK_NONE;
}

/* The type that "Patient/1" or "http://x/Patient/1/_history/2" names. */
static uint32_t
type_in_reference(const struct eval *e, struct str text)
{
	ptrdiff_t history = str_find_str(text, STR("/_history/"));
	size_t i;

	if (history >= 0)
		text.len = (size_t)history;
	for (i = text.len; i > 0 && text.p[i - 1] != '/'; i--)
		;
	if (i == 0)
		return PACK_NONE;
	text.len = i - 1;
	for (i = text.len; i > 0 && text.p[i - 1] != '/'; i--)
		;
	return pack_find_resource(e->pack, str_from_index(text, i));
}

static uint32_t
referred_type(const struct eval *e, const struct fhirpath_item *item)
{
	struct str text = item->value, type = STR("");

	if (item->node == FHIRPATH_MADE)
		return type_in_reference(e, text);
	if (pack_type_at(e->pack, item->type)->kind == PACK_RESOURCE)
		return item->type;
	if (item->kind == FHIRPATH_NODE) {
		text = child_value(e, item->node, STR("reference"));
		type = child_value(e, item->node, STR("type"));
	}
	if (text.len && text.p[0] == '#')
		return contained_type(e, item->node, str_from_index(text, 1));
	if (type.len)
		return pack_find_resource(e->pack, type);
	return type_in_reference(e, text);
}

static int
eval_refers(struct eval *e, const struct op *op, uint32_t base)
{
	uint32_t count = e->top - base, type;

	if (count == 0)
		return 0;
	if (count > 1)
		return eval_fail(e, op, "the type of one item can be asked, and there are several");
	e->top = base;
	type = referred_type(e, &e->stack[base]);
	return type == PACK_NONE ? 0 : eval_push_bool(e, pack_type_is(e->pack, type, op->a));
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

static int
eval_sign(struct eval *e, const struct op *op, uint32_t base)
{
	struct fhirpath_item *item = &e->stack[base];
	struct str text;

	if (e->top == base)
		return 0;
	if (e->top - base > 1 || !kind_is_number(item->kind))
		return eval_fail(e, op, "only one number can have a sign");
	if (!item->value.len) {
		e->top = base;
		return 0;
	}
	text = item->value.p[0] == '-' ? str_from_index(item->value, 1)
				       : str_printf(e->arena, "-%.*s", STR_ARG(item->value));
	if (!text.p)
		return error_set(
		    e->err, ERROR_LIMIT, "the expression was stopped: it needs too much memory");
	e->top = base;
	return eval_push_made(e, (enum fhirpath_kind)item->kind, text);
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
eval_leaf(struct eval *e, const struct op *op, const struct frame *frame)
{
	switch (op->code) {
	case OP_THIS:
		return eval_push(e, frame->this);
	case OP_CONTEXT:
		return eval_push_node(e, e->context);
	case OP_RESOURCE:
		return eval_push_node(e, resource_of(e, e->context));
	case OP_ROOT_RESOURCE:
		return eval_push_node(e, container_of(e, e->context));
	case OP_INDEX:
		return eval_push_integer(e, frame->index);
	case OP_LITERAL:
		return eval_push(e, e->f->literals[op->a]);
	default:
		return 0;
	}
}

int
eval_op(struct eval *e, uint32_t number, const struct frame *frame)
{
	const struct op *op = &e->f->ops[number];
	uint32_t base = e->top, right;

	if (eval_count(e, 1))
		return -1;
	if (op->input == NO_OP)
		return eval_leaf(e, op, frame);
	if (eval_op(e, op->input, frame))
		return -1;
	switch (op->code) {
	case OP_CHILD:
		return eval_child(e, op, base);
	case OP_CHILD_NAMED:
		return eval_child_named(e, op, base);
	case OP_INDEXER:
		return eval_indexer(e, op, base, frame);
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

int
fhirpath_eval(const struct fhirpath *f, const struct record *r, uint32_t context, struct arena *a,
    struct fhirpath_items *out, struct error *err)
{
	struct eval e = { .f = f,
		.pack = f->pack,
		.r = r,
		.arena = a,
		.err = err,
		.steps = EVAL_STEPS,
		.context = context };
	struct frame frame = { .index = 0 };

	*out = (struct fhirpath_items){ 0 };
	frame.this = eval_item(&e, context);
	if (grow_stack(&e) || eval_op(&e, f->start, &frame))
		return -1;
	*out = (struct fhirpath_items){ e.stack, e.top };
	return 0;
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
