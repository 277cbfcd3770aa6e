/* FHIRPath's functions that evaluate an argument for each item. */
#include <stdlib.h>

#include "profiles/fhirpath_eval.h"
#include "profiles/fhirpath_set.h"

/* Evaluate an argument for the item at place i as $this. */
static int
eval_for_item(
    struct eval *e, uint32_t argument, uint32_t base, uint32_t i, const struct frame *outer)
{
	struct frame inner = { e->stack[i], i - base, outer->total };

	return eval_op(e, argument, &inner);
}

static int
eval_where(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	uint32_t kept = base, end = e->top;

	for (uint32_t i = base; i < end; i++) {
		enum truth t;

		if (eval_for_item(e, op->a, base, i, frame) || eval_truth(e, op, end, &t))
			return -1;
		if (t == TRUTH_TRUE)
			e->stack[kept++] = e->stack[i];
	}
	e->top = kept;
	return 0;
}

/* As eval_where(), up to the first that is there. */
static int
eval_exists(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	uint32_t end = e->top;

	if (op->a == NO_OP)
		return eval_give_bool(e, base, e->top > base);
	for (uint32_t i = base; i < end; i++) {
		enum truth t;

		if (eval_for_item(e, op->a, base, i, frame) || eval_truth(e, op, end, &t))
			return -1;
		if (t == TRUTH_TRUE)
			return eval_give_bool(e, base, true);
	}
	return eval_give_bool(e, base, false);
}

static int
eval_all(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	uint32_t end = e->top;

	for (uint32_t i = base; i < end; i++) {
		enum truth t;

		if (eval_for_item(e, op->a, base, i, frame) || eval_truth(e, op, end, &t))
			return -1;
		if (t != TRUTH_TRUE)
			return eval_give_bool(e, base, false);
	}
	return eval_give_bool(e, base, true);
}

static int
eval_select(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	uint32_t end = e->top;

	for (uint32_t i = base; i < end; i++)
		if (eval_for_item(e, op->a, base, i, frame))
			return -1;
	eval_keep(e, base, end, e->top);
	return 0;
}

/* What the items from `from` on are not there yet; they stay in order. */
static int
keep_unseen(struct eval *e, struct item_set *seen, uint32_t from)
{
	uint32_t kept = from;

	for (uint32_t i = from; i < e->top; i++) {
		int added;

		e->stack[kept] = e->stack[i];
		added = item_set_add(e, seen, kept);
		if (added < 0)
			return -1;
		kept += (uint32_t)added;
	}
	e->top = kept;
	return 0;
}

/* Each item that comes out goes in again; repeat() takes each once. */
static int
eval_repeat(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	struct item_set seen = { .from = base };
	uint32_t end = e->top;

	for (uint32_t i = base; i < e->top; i++) {
		uint32_t mark = e->top;

		if (eval_for_item(e, op->a, base, i, frame))
			return -1;
		if (op->code == FN_REPEAT && keep_unseen(e, &seen, mark))
			return -1;
	}
	eval_keep(e, base, end, e->top);
	return 0;
}

/* Move the items from base on into the collection. */
static int
take_items(struct eval *e, uint32_t base, struct fhirpath_items *to, uint32_t *room)
{
	uint32_t count = e->top - base;

	if (count > *room || !to->at) {
		to->at = arena_alloc(e->arena, (count ? count : 1) * sizeof(*to->at));
		if (!to->at)
			return eval_no_memory(e);
		*room = count;
	}
	if (count)
		memcpy(to->at, &e->stack[base], count * sizeof(*to->at));
	to->count = count;
	e->top = base;
	return 0;
}

static int
eval_aggregate(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	struct fhirpath_items total = { 0 };
	uint32_t end = e->top, room = 0;

	if (op->b != NO_OP && (eval_op(e, op->b, frame) || take_items(e, end, &total, &room)))
		return -1;
	for (uint32_t i = base; i < end; i++) {
		struct frame inner = { e->stack[i], i - base, &total };

		if (eval_op(e, op->a, &inner) || take_items(e, end, &total, &room))
			return -1;
	}
	e->top = base;
	for (uint32_t i = 0; i < total.count; i++)
		if (eval_push(e, total.at[i]))
			return -1;
	return 0;
}

static int
eval_define(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	struct fhirpath_items value = { 0 };
	uint32_t end = e->top, room = 0;

	if (op->b == NO_OP) {
		for (uint32_t i = base; i < end; i++)
			if (eval_push(e, e->stack[i]))
				return -1;
	} else {
		struct frame inner = *frame;

		if (end - base == 1)
			inner.this = e->stack[base];
		if (eval_op(e, op->b, &inner))
			return -1;
	}
	if (take_items(e, end, &value, &room))
		return -1;
	e->variables[op->a] = value;
	return 0;
}

static int
eval_trace(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	struct fhirpath_items items = { 0 };
	struct fhirpath_item name;
	uint32_t end = e->top;
	bool found;

	if (eval_argument(e, op, op->a, frame, &name, &found))
		return -1;
	if (!found || name.kind != FHIRPATH_STRING)
		return eval_fail(e, op, "trace() takes a name");
	for (uint32_t i = base; i < end && op->b != NO_OP; i++)
		if (eval_for_item(e, op->b, base, i, frame))
			return -1;
	items.at = op->b != NO_OP ? &e->stack[end] : &e->stack[base];
	items.count = op->b != NO_OP ? e->top - end : end - base;
	items.records = e->records;
	if (e->in->host && e->in->host->trace)
		e->in->host->trace(e->in->host->ctx, name.value, &items);
	e->top = end;
	return 0;
}

static int
eval_iif(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	struct frame inner = *frame;
	enum truth t;

	if (e->top - base > 1)
		return eval_fail(e, op, "iif() is a function of one item, and there are several");
	if (e->top > base)
		inner.this = e->stack[base];
	e->top = base;
	if (eval_op(e, op->a, &inner))
		return -1;
	if (e->top > base && e->stack[base].kind != FHIRPATH_BOOLEAN)
		return eval_fail(e, op, "the criterion of iif() is a truth value");
	if (eval_truth(e, op, base, &t))
		return -1;
	if (t == TRUTH_TRUE)
		return eval_op(e, op->b, &inner);
	return op->c == NO_OP ? 0 : eval_op(e, op->c, &inner);
}

static int
eval_coalesce(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	e->top = base;
	for (uint32_t i = 0; i < op->count && e->top == base; i++)
		if (eval_op(e, e->f->lists[op->a + i], frame))
			return -1;
	return 0;
}

struct sorting {
	struct eval *e;
	const struct op *op;
	struct fhirpath_item *keys; /* of item i: keys[i * width …]; kind NODE: none */
	uint32_t width;
	const char *orders; /* d: down; NULL: up */
};

static int
sort_keys(struct sorting *s, uint32_t base, uint32_t i, const struct frame *frame)
{
	struct eval *e = s->e;
	uint32_t mark = e->top;

	for (uint32_t k = 0; k < s->width; k++) {
		struct fhirpath_item *key = &s->keys[(i - base) * s->width + k];

		*key = (struct fhirpath_item){ .node = FHIRPATH_MADE };
		if (s->op->count == 0) {
			if (eval_push(e, e->stack[i]))
				return -1;
		} else if (eval_for_item(e, e->f->lists[s->op->a + k], base, i, frame)) {
			return -1;
		}
		if (e->top - mark > 1)
			return eval_fail(e, s->op, "a key to sort by is one value");
		if (e->top > mark && !eval_value(e, &e->stack[mark], key) &&
		    e->stack[mark].kind == FHIRPATH_NODE)
			return eval_fail(e, s->op, "these items have no order");
		e->top = mark;
	}
	return 0;
}

/* Whether item y goes before x: 1, 0, or -1 when they have no order. What has
 * no key is last going up, and first going down. */
static int
goes_before(const struct sorting *s, uint32_t y, uint32_t x)
{
	for (uint32_t k = 0; k < s->width; k++) {
		const struct fhirpath_item *a = &s->keys[x * s->width + k];
		const struct fhirpath_item *b = &s->keys[y * s->width + k];
		bool down = s->orders && s->orders[k] == 'd';
		int order;

		if (a->kind == FHIRPATH_NODE || b->kind == FHIRPATH_NODE)
			order = (a->kind == FHIRPATH_NODE) - (b->kind == FHIRPATH_NODE);
		else if (a->kind == FHIRPATH_BOOLEAN || value_compare(a, b, &order) != COMPARED)
			return eval_fail(s->e, s->op, "these items have no order");
		if (order)
			return (order > 0) != down;
	}
	return 0;
}

/* Merge the runs of `half` items each from `from` into `to`. */
static int
merge(const struct sorting *s, const uint32_t *from, uint32_t *to, uint32_t count, uint32_t half)
{
	for (uint32_t start = 0; start < count; start += 2 * half) {
		uint32_t middle = count - start < half ? count : start + half;
		uint32_t end = count - middle < half ? count : middle + half;
		uint32_t i = start, j = middle;

		for (uint32_t k = start; k < end; k++) {
			int before = 0;

			if (i < middle && j < end)
				before = goes_before(s, from[j], from[i]);
			if (before < 0)
				return -1;
			to[k] = i >= middle || before ? from[j++] : from[i++];
		}
	}
	return eval_count(s->e, count);
}

static int
eval_sort(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	uint32_t count = e->top - base, *from, *to, *swap;
	struct sorting s = { .e = e, .op = op, .width = op->count ? op->count : 1 };
	struct fhirpath_item *items;

	if (count < 2)
		return 0;
	s.keys = arena_calloc(e->arena, (size_t)count * s.width, sizeof(*s.keys));
	items = arena_calloc(e->arena, count, sizeof(*items));
	from = arena_calloc(e->arena, count, 2 * sizeof(*from));
	if (!s.keys || !items || !from)
		return eval_no_memory(e);
	if (op->count)
		s.orders = e->f->literals[op->b].value.p;
	to = from + count;
	for (uint32_t i = 0; i < count; i++) {
		from[i] = i;
		items[i] = e->stack[base + i];
		if (sort_keys(&s, base, base + i, frame))
			return -1;
	}
	for (uint32_t half = 1; half < count; half *= 2) {
		if (merge(&s, from, to, count, half))
			return -1;
		swap = from;
		from = to;
		to = swap;
	}
	for (uint32_t i = 0; i < count; i++)
		e->stack[base + i] = items[from[i]];
	return 0;
}

int
eval_loop(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	switch ((enum op_code)op->code) {
	case FN_WHERE:
		return eval_where(e, op, base, frame);
	case FN_EXISTS:
		return eval_exists(e, op, base, frame);
	case FN_ALL:
		return eval_all(e, op, base, frame);
	case FN_SELECT:
		return eval_select(e, op, base, frame);
	case FN_REPEAT:
	case FN_REPEAT_ALL:
		return eval_repeat(e, op, base, frame);
	case FN_AGGREGATE:
		return eval_aggregate(e, op, base, frame);
	case FN_SORT:
		return eval_sort(e, op, base, frame);
	case FN_COALESCE:
		return eval_coalesce(e, op, base, frame);
	case FN_DEFINE_VARIABLE:
		return eval_define(e, op, base, frame);
	case FN_TRACE:
		return eval_trace(e, op, base, frame);
	default:
		return eval_iif(e, op, base, frame);
	}
}
