/* FHIRPath's operators, and what it takes to compare items. */
#include <stdlib.h>

#include "profiles/fhirpath_eval.h"

/* Two primitive nodes of the same element have equal values: 1.0 and 1.00. */
static bool
same_value(const struct eval *e, uint32_t x, uint32_t y)
{
	struct fhirpath_item a, b;
	int order;

	if (str_eq(record_text(e->r, x), record_text(e->r, y)))
		return true;
	a = eval_item(e, x);
	b = eval_item(e, y);
	return a.value.len && b.value.len && a.kind != FHIRPATH_STRING &&
	       value_compare(&a, &b, &order) == COMPARED && order == 0;
}

/* Two subtrees of the same type have the same values and children. */
static bool
same_children(struct eval *e, uint32_t x, uint32_t y)
{
	const struct record_node *nodes = e->r->nodes;
	uint32_t size = nodes[x].end - x;

	if (nodes[y].end - y != size || size > e->steps)
		return false;
	e->steps -= size;
	for (uint32_t i = 1; i < size; i++)
		if (nodes[x + i].element != nodes[y + i].element ||
		    nodes[x + i].end - x != nodes[y + i].end - y || !same_value(e, x + i, y + i))
			return false;
	return true;
}

enum truth
eval_equal_items(struct eval *e, const struct fhirpath_item *x, const struct fhirpath_item *y)
{
	int order;

	if (e->steps)
		e->steps--;
	if (x->node != FHIRPATH_MADE && x->node == y->node)
		return TRUTH_TRUE;
	if (x->kind == FHIRPATH_NODE || y->kind == FHIRPATH_NODE)
		return x->kind == y->kind && x->type == y->type &&
			       same_children(e, x->node, y->node)
			   ? TRUTH_TRUE
			   : TRUTH_FALSE;
	if (!x->value.len || !y->value.len) {
		bool bare = !x->value.len && !y->value.len;

		/* A primitive without a value is what its children are. */
		if (bare && x->node != FHIRPATH_MADE && y->node != FHIRPATH_MADE)
			return same_children(e, x->node, y->node) ? TRUTH_TRUE : TRUTH_FALSE;
		return bare ? TRUTH_TRUE : TRUTH_FALSE;
	}
	switch (value_compare(x, y, &order)) {
	case COMPARED:
		return order == 0 ? TRUTH_TRUE : TRUTH_FALSE;
	case UNDECIDED:
		return TRUTH_EMPTY;
	case NOT_COMPARABLE:
		break;
	}
	return TRUTH_FALSE;
}

bool
eval_has(struct eval *e, uint32_t from, uint32_t to, const struct fhirpath_item *item)
{
	for (uint32_t i = from; i < to; i++)
		if (eval_equal_items(e, &e->stack[i], item) == TRUTH_TRUE)
			return true;
	return false;
}

/* Few items are compared each with each. */
static int
distinct_few(struct eval *e, uint32_t base)
{
	uint32_t kept = base;

	for (uint32_t i = base; i < e->top; i++)
		if (!eval_has(e, base, kept, &e->stack[i]))
			e->stack[kept++] = e->stack[i];
	e->top = kept;
	return eval_count(e, 1);
}

/* A hash that equal items share. */
static uint64_t
item_hash(const struct eval *e, const struct fhirpath_item *item)
{
	const struct record_node *nodes = e->r->nodes;
	uint64_t hash = item->type;

	if (item->kind != FHIRPATH_NODE)
		return value_hash(item);
	for (uint32_t i = item->node + 1; i < nodes[item->node].end; i++) {
		struct fhirpath_item inner = eval_item(e, i);

		hash = (hash ^ nodes[i].element ^ value_hash(&inner)) *
		       UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return hash;
}

/* Whether the item at i equals one in the table, which it is put into if not. */
static bool
is_seen(struct eval *e, uint32_t *table, uint32_t mask, uint32_t i, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & mask;

	for (; table[at]; at = (at + 1) & mask)
		if (eval_equal_items(e, &e->stack[table[at] - 1], &e->stack[i]) == TRUTH_TRUE)
			return true;
	table[at] = i + 1;
	return false;
}

int
eval_distinct(struct eval *e, uint32_t base)
{
	uint32_t kept = base, count = e->top - base, slots = 64, *table;

	if (count <= 16)
		return distinct_few(e, base);
	while (slots < count * 2)
		slots *= 2;
	table = arena_calloc(e->arena, slots, sizeof(*table));
	if (!table)
		return error_set(
		    e->err, ERROR_LIMIT, "the expression was stopped: it needs too much memory");
	for (uint32_t i = base; i < e->top; i++) {
		struct fhirpath_item item = e->stack[i];
		uint32_t size = item.node == FHIRPATH_MADE ? 1
							   : e->r->nodes[item.node].end - item.node;

		if (eval_count(e, size))
			return -1;
		e->stack[kept] = item;
		if (!is_seen(e, table, slots - 1, kept, item_hash(e, &item)))
			kept++;
	}
	e->top = kept;
	return 0;
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
is_space(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The character at *i for an equivalence: case folded, spaces as one. */
static int
next_folded(struct str s, size_t *i)
{
	int c;

	if (*i >= s.len)
		return -1;
	c = (unsigned char)s.p[(*i)++];
	if (!is_space(c))
		return c >= 'A' && c <= 'Z' ? c | 32 : c;
	while (*i < s.len && is_space(s.p[*i]))
		++*i;
	return ' ';
}

static bool
equivalent_texts(struct str x, struct str y)
{
	size_t i = 0, j = 0;
	int c;

	do {
		c = next_folded(x, &i);
		if (c != next_folded(y, &j))
			return false;
	} while (c >= 0);
	return true;
}

static bool
equivalent_items(struct eval *e, const struct fhirpath_item *x, const struct fhirpath_item *y)
{
	if (x->kind == FHIRPATH_STRING && y->kind == FHIRPATH_STRING)
		return equivalent_texts(x->value, y->value);
	return eval_equal_items(e, x, y) == TRUTH_TRUE;
}

/*
 * N1, 6.1.2: the same items in any order. Complex items and decimals would
 * need more than equality, so they are refused when equality does not hold.
 */
static int
eval_equivalent(struct eval *e, const struct op *op, uint32_t left, uint32_t right, bool negate)
{
	uint32_t count = right - left;
	bool all = count == e->top - right;

	for (uint32_t i = left; i < right && all; i++) {
		uint32_t j = right;

		if (eval_count(e, e->top - right))
			return -1;
		while (j < e->top && !equivalent_items(e, &e->stack[i], &e->stack[j]))
			j++;
		if (j < e->top) {
			e->stack[j] = e->stack[--e->top];
			continue;
		}
		if (e->stack[i].kind == FHIRPATH_NODE || e->stack[i].kind == FHIRPATH_DECIMAL)
			return eval_fail(e, op,
			    "the equivalence of decimals and of complex values is not supported");
		all = false;
	}
	e->top = left;
	return eval_push_bool(e, all != negate);
}

static int
eval_order(struct eval *e, const struct op *op, uint32_t left, uint32_t right)
{
	const struct fhirpath_item *x = &e->stack[left], *y = &e->stack[right];
	int order;

	if (left == right || right == e->top) {
		e->top = left;
		return 0;
	}
	if (right - left > 1 || e->top - right > 1)
		return eval_fail(e, op, "one item is compared with one, and there are several");
	e->top = left;
	if (!x->value.len || !y->value.len) {
		if (x->kind == FHIRPATH_NODE || y->kind == FHIRPATH_NODE)
			return eval_fail(e, op, "these values have no order");
		if (x->kind != FHIRPATH_STRING || x->kind != y->kind)
			return 0;
	}
	switch (x->kind == FHIRPATH_BOOLEAN ? NOT_COMPARABLE : value_compare(x, y, &order)) {
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
	bool in = op->code == OP_IN, has;
	uint32_t item = in ? left : right, from = in ? right : left, to = in ? e->top : right;
	uint32_t items = in ? right - left : e->top - right;

	if (items > 1)
		return eval_fail(e, op, "one item is looked for, and there are several");
	if (items == 0) {
		e->top = left;
		return 0;
	}
	if (eval_count(e, to - from))
		return -1;
	has = eval_has(e, from, to, &e->stack[item]);
	e->top = left;
	return eval_push_bool(e, has);
}

static int
add_texts(struct eval *e, uint32_t left, struct str x, struct str y)
{
	struct str both = str_printf(e->arena, "%.*s%.*s", STR_ARG(x), STR_ARG(y));

	if (!both.p || eval_count(e, (uint32_t)(both.len / 64)))
		return error_set(
		    e->err, ERROR_LIMIT, "the expression was stopped: it needs too much memory");
	e->top = left;
	return eval_push_made(e, FHIRPATH_STRING, both);
}

static int
eval_concatenate(struct eval *e, const struct op *op, uint32_t left, uint32_t right)
{
	struct str x = STR(""), y = STR("");

	if (right - left > 1 || e->top - right > 1)
		return eval_fail(e, op, "one text is joined to one, and there are several");
	if (right > left)
		x = e->stack[left].value;
	if (e->top > right)
		y = e->stack[right].value;
	return add_texts(e, left, x, y);
}

/* Whole numbers of 32 bits (N1, 2.1.1); past them there is no result. */
static int
eval_arithmetic(struct eval *e, const struct op *op, uint32_t left, uint32_t right)
{
	const struct fhirpath_item *x = &e->stack[left], *y = &e->stack[right];
	int64_t a, b, n;

	if (left == right || right == e->top) {
		e->top = left;
		return 0;
	}
	if (right - left > 1 || e->top - right > 1)
		return eval_fail(e, op, "one value is reckoned with one, and there are several");
	if (op->code == OP_ADD && x->kind == FHIRPATH_STRING && y->kind == FHIRPATH_STRING)
		return add_texts(e, left, x->value, y->value);
	if (x->kind != FHIRPATH_INTEGER || y->kind != FHIRPATH_INTEGER ||
	    !str_to_int(x->value, &a) || !str_to_int(y->value, &b))
		return eval_fail(e, op, "arithmetic other than that of integers is not supported");
	e->top = left;
	if (a > INT32_MAX || a < INT32_MIN || b > INT32_MAX || b < INT32_MIN)
		return 0;
	if ((op->code == OP_DIV || op->code == OP_MOD) && b == 0)
		return 0;
	n = op->code == OP_ADD	      ? a + b
	    : op->code == OP_SUBTRACT ? a - b
	    : op->code == OP_MULTIPLY ? a * b
	    : op->code == OP_DIV      ? a / b
				      : a % b;
	return n > INT32_MAX || n < INT32_MIN ? 0 : eval_push_integer(e, n);
}

int
eval_operator(struct eval *e, const struct op *op, uint32_t left, uint32_t right)
{
	switch (op->code) {
	case OP_UNION:
		return eval_distinct(e, left);
	case OP_EQUAL:
	case OP_NOT_EQUAL:
		return eval_equal(e, left, right, op->code == OP_NOT_EQUAL);
	case OP_EQUIVALENT:
	case OP_NOT_EQUIVALENT:
		return eval_equivalent(e, op, left, right, op->code == OP_NOT_EQUIVALENT);
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
