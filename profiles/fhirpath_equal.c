/* Equality and equivalence of items (N1, 6.1). */
#include "profiles/fhirpath_eval.h"

/* Two primitive nodes of the same element have equal values: 1.0 and 1.00. */
static bool
same_value(const struct fhirpath_item *x, const struct fhirpath_item *y)
{
	int order;

	if (str_eq(x->value, y->value))
		return true;
	return x->value.len && y->value.len && x->kind != FHIRPATH_STRING &&
	       value_compare(x, y, &order) == COMPARED && order == 0;
}

/* Two subtrees of the same type have the same values and children. */
static bool
same_children(struct eval *e, const struct fhirpath_item *x, const struct fhirpath_item *y)
{
	const struct record *r = eval_record(e, x), *q = eval_record(e, y);
	const struct record_node *a = &r->nodes[x->node], *b = &q->nodes[y->node];
	uint32_t size = a->end - x->node;

	if (b->end - y->node != size || size > e->steps)
		return false;
	e->steps -= size;
	for (uint32_t i = 1; i < size; i++) {
		struct fhirpath_item v, w;

		if (a[i].element != b[i].element || a[i].end - x->node != b[i].end - y->node)
			return false;
		v = eval_item(e, x->record, x->node + i);
		w = eval_item(e, y->record, y->node + i);
		if (!same_value(&v, &w))
			return false;
	}
	return true;
}

/* Types whose values are told apart by their structure alone. */
static enum truth
equal_nodes(struct eval *e, const struct fhirpath_item *x, const struct fhirpath_item *y)
{
	return x->kind == y->kind && x->type == y->type && same_children(e, x, y) ? TRUTH_TRUE
										  : TRUTH_FALSE;
}

enum truth
eval_equal_items(struct eval *e, const struct fhirpath_item *x, const struct fhirpath_item *y)
{
	struct fhirpath_item a, b;
	bool nodes = x->node != FHIRPATH_MADE && y->node != FHIRPATH_MADE;
	int order;

	if (e->steps)
		e->steps--;
	if (nodes && x->node == y->node && x->record == y->record)
		return TRUTH_TRUE;
	if (x->kind == FHIRPATH_STRING && y->kind == FHIRPATH_STRING && x->value.len &&
	    y->value.len)
		return str_eq(x->value, y->value) ? TRUTH_TRUE : TRUTH_FALSE;
	if (nodes && x->kind == FHIRPATH_NODE)
		return equal_nodes(e, x, y);
	if (!eval_value(e, x, &a) || !eval_value(e, y, &b)) {
		/* A primitive without a value is what its children are. */
		if (nodes && x->value.len == 0 && y->value.len == 0)
			return same_children(e, x, y) ? TRUTH_TRUE : TRUTH_FALSE;
		return TRUTH_FALSE;
	}
	if (a.kind == FHIRPATH_QUANTITY && kind_is_number(b.kind))
		b.kind = FHIRPATH_QUANTITY;
	else if (b.kind == FHIRPATH_QUANTITY && kind_is_number(a.kind))
		a.kind = FHIRPATH_QUANTITY;
	if (a.kind == FHIRPATH_QUANTITY)
		e->steps -= e->steps < QUANTITY_STEPS ? e->steps : QUANTITY_STEPS;
	switch (value_compare(&a, &b, &order)) {
	case COMPARED:
		return order == 0 ? TRUTH_TRUE : TRUTH_FALSE;
	case UNDECIDED:
		return TRUTH_EMPTY;
	case NOT_COMPARABLE:
		break;
	}
	return TRUTH_FALSE;
}

/* N1, 6.1.1: both collections, item by item, in order. */
static int
eval_equal(struct eval *e, uint32_t left, uint32_t right, bool negate)
{
	uint32_t count = right - left;
	enum truth all = TRUTH_TRUE;

	if (left == right || right == e->top) {
		e->top = left;
		return 0;
	}
	if (count != e->top - right)
		all = TRUTH_FALSE;
	for (uint32_t i = 0; i < count && all != TRUTH_FALSE; i++) {
		enum truth t = eval_equal_items(e, &e->stack[left + i], &e->stack[right + i]);

		if (t != TRUTH_TRUE)
			all = t;
	}
	e->top = left;
	if (eval_count(e, count))
		return -1;
	return all == TRUTH_EMPTY ? 0 : eval_push_bool(e, (all == TRUTH_TRUE) != negate);
}

static bool
equivalent_values(const struct fhirpath_item *x, const struct fhirpath_item *y)
{
	struct quantity p, q;
	struct decimal a, b;
	int order;

	if (x->kind == FHIRPATH_STRING && y->kind == FHIRPATH_STRING)
		return text_is_equivalent(x->value, y->value);
	if (x->kind == FHIRPATH_QUANTITY || y->kind == FHIRPATH_QUANTITY)
		return (kind_is_number(x->kind) || x->kind == FHIRPATH_QUANTITY) &&
		       (kind_is_number(y->kind) || y->kind == FHIRPATH_QUANTITY) &&
		       value_read_quantity(x->value, &p) && value_read_quantity(y->value, &q) &&
		       quantity_is_equivalent(&p, &q);
	if (kind_is_number(x->kind) && kind_is_number(y->kind) &&
	    (x->kind == FHIRPATH_DECIMAL || y->kind == FHIRPATH_DECIMAL))
		return decimal_parse(x->value, &a, NULL) == 0 &&
		       decimal_parse(y->value, &b, NULL) == 0 && decimal_is_equivalent(&a, &b);
	return value_compare(x, y, &order) == COMPARED && order == 0;
}

static bool
equivalent_items(struct eval *e, const struct fhirpath_item *x, const struct fhirpath_item *y);

/* The FHIRPath name of what the item is of its parent. */
static struct str
child_name(const struct eval *e, const struct fhirpath_item *item)
{
	const struct record *r = eval_record(e, item);
	const struct pack_element *el = pack_element_at(e->pack, r->nodes[item->node].element);

	if (el->owner == PACK_NONE && item->node > 0)
		el = pack_element_at(e->pack, r->nodes[item->node - 1].element);
	return pack_text(e->pack, el->stem);
}

/* Take the item's equivalent away from those from mark on; false without. */
static bool
take_equivalent(struct eval *e, const struct fhirpath_item *item, uint32_t mark)
{
	struct str name = child_name(e, item);

	for (uint32_t k = mark; k < e->top && e->steps > 0; k++) {
		struct fhirpath_item other = e->stack[k];

		e->steps--;
		if (str_eq(name, child_name(e, &other)) && equivalent_items(e, item, &other)) {
			e->stack[k] = e->stack[--e->top];
			return true;
		}
	}
	return false;
}

/* Children of the same names, each with its equivalents in any order. */
static bool
equivalent_children(struct eval *e, const struct fhirpath_item *x, const struct fhirpath_item *y)
{
	const struct record *r = eval_record(e, x), *q = eval_record(e, y);
	uint32_t mark = e->top;
	bool all = true;

	RECORD_EACH_CHILD(q, y->node, j)
		if (eval_push_node(e, y->record, j))
			return false;
	RECORD_EACH_CHILD(r, x->node, i) {
		struct fhirpath_item item = eval_item(e, x->record, i);

		all = all && take_equivalent(e, &item, mark);
	}
	all = all && e->top == mark;
	e->top = mark;
	return all;
}

static bool
equivalent_items(struct eval *e, const struct fhirpath_item *x, const struct fhirpath_item *y)
{
	struct fhirpath_item a, b;
	bool nodes = x->node != FHIRPATH_MADE && y->node != FHIRPATH_MADE;

	if (nodes && x->node == y->node && x->record == y->record)
		return true;
	if (eval_value(e, x, &a) && eval_value(e, y, &b)) {
		uint32_t cost = a.kind == FHIRPATH_QUANTITY ? QUANTITY_STEPS : 1;

		cost += (uint32_t)(a.value.len / 64);
		e->steps -= e->steps < cost ? e->steps : cost;
		return equivalent_values(&a, &b);
	}
	return nodes && x->kind == y->kind && x->type == y->type && x->value.len == 0 &&
	       y->value.len == 0 && equivalent_children(e, x, y);
}

/* N1, 6.1.2: the same items in any order. */
static int
eval_equivalent(struct eval *e, uint32_t left, uint32_t right, bool negate)
{
	uint32_t count = right - left;
	bool all = count == e->top - right;

	for (uint32_t i = left; i < right && all; i++) {
		uint32_t j = right;

		if (eval_count(e, 1))
			return -1;
		while (j < e->top && e->steps > 1) {
			struct fhirpath_item x = e->stack[i], y = e->stack[j];

			e->steps--;
			if (equivalent_items(e, &x, &y))
				break;
			j++;
		}
		if (e->steps <= 1)
			return eval_too_long(e);
		if (j < e->top)
			e->stack[j] = e->stack[--e->top];
		else
			all = false;
	}
	e->top = left;
	return eval_push_bool(e, all != negate);
}

int
eval_equality(struct eval *e, const struct op *op, uint32_t left, uint32_t right)
{
	bool negate = op->code == OP_NOT_EQUAL || op->code == OP_NOT_EQUIVALENT;

	if (op->code == OP_EQUAL || op->code == OP_NOT_EQUAL)
		return eval_equal(e, left, right, negate);
	return eval_equivalent(e, left, right, negate);
}
