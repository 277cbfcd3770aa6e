/* FHIRPath's functions of collections, and where the others are. */
#include "profiles/fhirpath_eval.h"

/* allTrue(), anyTrue(), allFalse(), anyFalse(). */
static int
eval_truths(struct eval *e, const struct op *op, uint32_t base)
{
	bool any = op->code == FN_ANY_TRUE || op->code == FN_ANY_FALSE, found = false;
	const char *wanted = op->code == FN_ALL_TRUE || op->code == FN_ANY_TRUE ? "true" : "false";

	for (uint32_t i = base; i < e->top; i++) {
		if (e->stack[i].kind != FHIRPATH_BOOLEAN)
			return eval_fail(e, op, "all items must be truth values");
		found = found || str_is(e->stack[i].value, wanted) == any;
	}
	return eval_give_bool(e, base, found == any);
}

static int
eval_not(struct eval *e, const struct op *op, uint32_t base)
{
	enum truth t;

	if (eval_truth(e, op, base, &t))
		return -1;
	return t == TRUTH_EMPTY ? 0 : eval_push_bool(e, t == TRUTH_FALSE);
}

static int
eval_part(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	uint32_t count = e->top - base, n;
	int64_t wanted = 0;
	bool found;

	if (eval_integer_argument(e, op, op->a, frame, &wanted, &found))
		return -1;
	if (!found)
		return eval_fail(e, op, "the number of items is one whole number");
	n = wanted < 0 ? 0 : wanted > count ? count : (uint32_t)wanted;
	if (op->code == FN_SKIP)
		eval_keep(e, base, base + n, e->top);
	else
		eval_keep(e, base, base, base + n);
	return 0;
}

static int
push_all_children(struct eval *e, uint32_t i)
{
	struct fhirpath_item of = e->stack[i];

	if (of.node == FHIRPATH_MADE)
		return 0;
	RECORD_EACH_CHILD(eval_record(e, &of), of.node, c)
		if (eval_count(e, 1) || eval_push_node(e, of.record, c))
			return -1;
	return 0;
}

/* Descendants are pushed behind each other, and each gives its children. */
static int
eval_children(struct eval *e, const struct op *op, uint32_t base)
{
	uint32_t mark = e->top;

	for (uint32_t i = base; i < (op->code == FN_CHILDREN ? mark : e->top); i++)
		if (push_all_children(e, i))
			return -1;
	eval_keep(e, base, mark, e->top);
	return 0;
}

static int
eval_collection(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	uint32_t count = e->top - base;

	switch ((enum op_code)op->code) {
	case FN_EMPTY:
		return eval_give_bool(e, base, count == 0);
	case FN_NOT:
		return eval_not(e, op, base);
	case FN_COUNT:
		e->top = base;
		return eval_push_integer(e, count);
	case FN_FIRST:
		eval_keep(e, base, base, base + (count > 0));
		return 0;
	case FN_LAST:
		eval_keep(e, base, e->top - (count > 0), e->top);
		return 0;
	case FN_TAIL:
		eval_keep(e, base, base + (count > 0), e->top);
		return 0;
	case FN_SKIP:
	case FN_TAKE:
		return eval_part(e, op, base, frame);
	case FN_SINGLE:
		return count > 1 ? eval_fail(e, op, "one item was expected, and there are several")
				 : 0;
	case FN_CHILDREN:
	case FN_DESCENDANTS:
		return eval_children(e, op, base);
	default:
		return eval_truths(e, op, base);
	}
}

int
eval_function(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	switch ((enum op_code)op->code) {
	case FN_EXISTS:
	case FN_WHERE:
	case FN_ALL:
	case FN_SELECT:
	case FN_REPEAT:
	case FN_REPEAT_ALL:
	case FN_AGGREGATE:
	case FN_SORT:
	case FN_COALESCE:
	case FN_DEFINE_VARIABLE:
	case FN_TRACE:
	case FN_IIF:
		return eval_loop(e, op, base, frame);
	case FN_DISTINCT:
	case FN_IS_DISTINCT:
	case FN_COMBINE:
	case FN_INTERSECT:
	case FN_EXCLUDE:
	case FN_SUBSET_OF:
	case FN_SUPERSET_OF:
		return eval_set(e, op, base, frame);
	default:
		break;
	}
	if (op->code < FN_TEXT_FIRST)
		return eval_collection(e, op, base, frame);
	if (op->code <= FN_JOIN)
		return eval_text(e, op, base, frame);
	if (op->code <= FN_CONVERT_LAST)
		return eval_conversion(e, op, base, frame);
	if (op->code <= FN_MATH_LAST)
		return eval_math(e, op, base, frame);
	if (op->code <= FN_TIME_OF_DAY)
		return eval_boundary(e, op, base, frame);
	return eval_fhir(e, op, base, frame);
}
