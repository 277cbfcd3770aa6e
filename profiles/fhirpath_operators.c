/* FHIRPath's operators but arithmetic. */
#include "profiles/fhirpath_eval.h"

bool
eval_value(struct eval *e, const struct fhirpath_item *item, struct fhirpath_item *out)
{
	*out = *item;
	if (item->kind == FHIRPATH_NODE)
		return eval_quantity_value(e, item, out);
	if (item->node == FHIRPATH_MADE)
		return true;
	out->node = FHIRPATH_MADE;
	out->type = PACK_NONE;
	out->record = 0;
	return item->value.len > 0;
}

/* Whether what has no value is of a type that has no order. */
static bool
is_unordered(const struct eval *e, const struct fhirpath_item *item)
{
	return item->kind == FHIRPATH_NODE &&
	       !(e->f->quantity != PACK_NONE && pack_type_is(e->pack, item->type, e->f->quantity));
}

static int
eval_order(struct eval *e, const struct op *op, uint32_t left, uint32_t right)
{
	struct fhirpath_item x, y;
	int order;

	if (left == right || right == e->top) {
		e->top = left;
		return 0;
	}
	if (right - left > 1 || e->top - right > 1)
		return eval_fail(e, op, "one item is compared with one, and there are several");
	e->top = left;
	if (!eval_value(e, &e->stack[left], &x) || !eval_value(e, &e->stack[right], &y))
		return is_unordered(e, &e->stack[left]) || is_unordered(e, &e->stack[right])
			   ? eval_fail(e, op, "these values have no order")
			   : 0;
	if (x.kind == FHIRPATH_QUANTITY && kind_is_number(y.kind))
		y.kind = FHIRPATH_QUANTITY;
	else if (y.kind == FHIRPATH_QUANTITY && kind_is_number(x.kind))
		x.kind = FHIRPATH_QUANTITY;
	if (x.kind == FHIRPATH_QUANTITY && eval_count(e, QUANTITY_STEPS))
		return -1;
	switch (x.kind == FHIRPATH_BOOLEAN ? NOT_COMPARABLE : value_compare(&x, &y, &order)) {
	case UNDECIDED:
		return 0;
	case NOT_COMPARABLE:
		return eval_fail(e, op, "these values have no order");
	case COMPARED:
		break;
	}
	switch (op->code) {
	case OP_LESS:
		return eval_push_bool(e, order < 0);
	case OP_LESS_EQUAL:
		return eval_push_bool(e, order <= 0);
	case OP_GREATER:
		return eval_push_bool(e, order > 0);
	default:
		return eval_push_bool(e, order >= 0);
	}
}

/* item in collection: the item from one, the collection from to the other. */
static int
eval_membership(struct eval *e, const struct op *op, uint32_t left, uint32_t right)
{
	bool in = op->code == OP_IN, has = false;
	uint32_t item = in ? left : right, from = in ? right : left, to = in ? e->top : right;
	uint32_t items = in ? right - left : e->top - right;

	if (items > 1)
		return eval_fail(e, op, "one item is looked for, and there are several");
	if (items == 0) {
		e->top = left;
		return 0;
	}
	for (uint32_t i = from; i < to && !has; i++) {
		if (eval_count(e, 1))
			return -1;
		has = eval_equal_items(e, &e->stack[i], &e->stack[item]) == TRUTH_TRUE;
	}
	return eval_give_bool(e, left, has);
}

int
eval_add_texts(struct eval *e, uint32_t left, struct str x, struct str y)
{
	char *both = arena_alloc_bytes(e->arena, x.len + y.len + 1);

	if (!both)
		return eval_no_memory(e);
	if (x.len)
		memcpy(both, x.p, x.len);
	if (y.len)
		memcpy(both + x.len, y.p, y.len);
	e->top = left;
	if (eval_count(e, (uint32_t)((x.len + y.len) / EVAL_STEP_BYTES)))
		return -1;
	return eval_push_made(e, FHIRPATH_STRING, str_of(both, x.len + y.len));
}

static int
eval_concatenate(struct eval *e, const struct op *op, uint32_t left, uint32_t right)
{
	struct str x = STR(""), y = STR("");
	uint32_t texts = 0;

	if (right - left > 1 || e->top - right > 1)
		return eval_fail(e, op, "one text is joined to one, and there are several");
	for (uint32_t i = left; i < e->top; i++)
		texts += e->stack[i].kind == FHIRPATH_STRING;
	if (texts != e->top - left)
		return eval_fail(e, op, "only texts can be joined by &");
	if (right > left)
		x = e->stack[left].value;
	if (e->top > right)
		y = e->stack[right].value;
	return eval_add_texts(e, left, x, y);
}

int
eval_operator(struct eval *e, const struct op *op, uint32_t left, uint32_t right)
{
	switch (op->code) {
	case OP_UNION:
		return eval_distinct(e, left);
	case OP_EQUAL:
	case OP_NOT_EQUAL:
	case OP_EQUIVALENT:
	case OP_NOT_EQUIVALENT:
		return eval_equality(e, op, left, right);
	case OP_IN:
	case OP_CONTAINS:
		return eval_membership(e, op, left, right);
	case OP_CONCATENATE:
		return eval_concatenate(e, op, left, right);
	case OP_LESS:
	case OP_LESS_EQUAL:
	case OP_GREATER:
	case OP_GREATER_EQUAL:
		return eval_order(e, op, left, right);
	default:
		return eval_arithmetic(e, op, left, right);
	}
}
