/* FHIRPath's functions. */
#include "base/utf8.h"
#include "profiles/fhirpath_eval.h"

/* Keep the items from first up to last of those from base on. */
static int
keep_range(struct eval *e, uint32_t base, uint32_t first, uint32_t last)
{
	if (last > first && first > base)
		memmove(&e->stack[base], &e->stack[first], (last - first) * sizeof(*e->stack));
	e->top = last > first ? base + (last - first) : base;
	return 0;
}

static int
give_bool(struct eval *e, uint32_t base, bool value)
{
	e->top = base;
	return eval_push_bool(e, value);
}

/* Evaluate an argument for the item at place i as $this. */
static int
eval_for_item(struct eval *e, uint32_t argument, uint32_t base, uint32_t i)
{
	struct frame inner = { e->stack[i], i - base };

	return eval_op(e, argument, &inner);
}

static int
eval_where(struct eval *e, const struct op *op, uint32_t base)
{
	uint32_t kept = base, end = e->top;

	for (uint32_t i = base; i < end; i++) {
		enum truth t;

		if (eval_for_item(e, op->a, base, i) || eval_truth(e, op, end, &t))
			return -1;
		if (t == TRUTH_TRUE)
			e->stack[kept++] = e->stack[i];
	}
	e->top = kept;
	return 0;
}

static int
eval_all(struct eval *e, const struct op *op, uint32_t base)
{
	uint32_t end = e->top;

	for (uint32_t i = base; i < end; i++) {
		enum truth t;

		if (eval_for_item(e, op->a, base, i) || eval_truth(e, op, end, &t))
			return -1;
		if (t != TRUTH_TRUE)
			return give_bool(e, base, false);
	}
	return give_bool(e, base, true);
}

static int
eval_select(struct eval *e, const struct op *op, uint32_t base)
{
	uint32_t end = e->top;

	for (uint32_t i = base; i < end; i++)
		if (eval_for_item(e, op->a, base, i))
			return -1;
	return keep_range(e, base, end, e->top);
}

static int
eval_exists(struct eval *e, const struct op *op, uint32_t base)
{
	if (op->a != NO_OP && eval_where(e, op, base))
		return -1;
	return give_bool(e, base, e->top > base);
}

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
	return give_bool(e, base, found == any);
}

static int
eval_not(struct eval *e, const struct op *op, uint32_t base)
{
	enum truth t;

	if (eval_truth(e, op, base, &t))
		return -1;
	return t == TRUTH_EMPTY ? 0 : eval_push_bool(e, t == TRUTH_FALSE);
}

/* One argument, evaluated beside the items; *out when there is exactly one. */
static int
eval_argument(struct eval *e, const struct op *op, const struct frame *frame,
    struct fhirpath_item *out, bool *found)
{
	uint32_t mark = e->top, count;

	if (eval_op(e, op->a, frame))
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

static int
eval_part(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	struct fhirpath_item argument;
	uint32_t count = e->top - base, n;
	int64_t wanted;
	bool found;

	if (eval_argument(e, op, frame, &argument, &found))
		return -1;
	if (!found || argument.kind != FHIRPATH_INTEGER || !str_to_int(argument.value, &wanted))
		return eval_fail(e, op, "the number of items is one whole number");
	n = wanted < 0 ? 0 : wanted > count ? count : (uint32_t)wanted;
	if (op->code == FN_SKIP)
		return keep_range(e, base, base + n, e->top);
	return keep_range(e, base, base, base + n);
}

/* Functions of one text and another. */
static int
eval_text_test(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	struct fhirpath_item argument;
	struct str text;
	bool found;

	if (e->top == base)
		return 0;
	if (e->top - base > 1 || e->stack[base].kind != FHIRPATH_STRING)
		return eval_fail(e, op, "this is a function of one text");
	if (eval_argument(e, op, frame, &argument, &found))
		return -1;
	text = e->stack[base].value;
	if (!found) {
		e->top = base;
		return 0;
	}
	if (argument.kind != FHIRPATH_STRING)
		return eval_fail(e, op, "the argument is a text");
	if (eval_count(e, (uint32_t)(text.len / 64)))
		return -1;
	if (op->code == FN_STARTS_WITH)
		return give_bool(e, base, str_starts(text, argument.value));
	if (op->code == FN_ENDS_WITH)
		return give_bool(e, base, str_ends(text, argument.value));
	return give_bool(
	    e, base, argument.value.len == 0 || str_find_str(text, argument.value) >= 0);
}

static int
eval_case(struct eval *e, const struct op *op, uint32_t base, struct str text)
{
	char *p = arena_alloc_bytes(e->arena, text.len + 1);

	if (!p)
		return error_set(
		    e->err, ERROR_LIMIT, "the expression was stopped: it needs too much memory");
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		if (op->code == FN_LOWER && c >= 'A' && c <= 'Z')
			c = (char)(c | 32);
		if (op->code == FN_UPPER && c >= 'a' && c <= 'z')
			c = (char)(c & ~32);
		p[i] = c;
	}
	e->top = base;
	return eval_push_made(e, FHIRPATH_STRING, str_of(p, text.len));
}

static int
eval_text(struct eval *e, const struct op *op, uint32_t base)
{
	const struct fhirpath_item *item = &e->stack[base];
	int64_t length = 0;

	if (e->top == base)
		return 0;
	if (e->top - base > 1)
		return eval_fail(e, op, "this is a function of one item");
	if (op->code == FN_TO_STRING) {
		e->top = base;
		return item->kind == FHIRPATH_NODE || !item->value.len
			   ? 0
			   : eval_push_made(e, FHIRPATH_STRING, item->value);
	}
	if (item->kind != FHIRPATH_STRING)
		return eval_fail(e, op, "this is a function of a text");
	if (eval_count(e, (uint32_t)(item->value.len / 64)))
		return -1;
	if (op->code != FN_LENGTH)
		return eval_case(e, op, base, item->value);
	for (size_t i = 0; i < item->value.len; i++)
		length += ((unsigned char)item->value.p[i] & 0xc0) != 0x80;
	e->top = base;
	return eval_push_integer(e, length);
}

/* The children named extension whose url is the argument. */
static int
eval_extension(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	uint32_t mark = e->top;
	struct fhirpath_item url;
	bool found;

	if (eval_argument(e, op, frame, &url, &found))
		return -1;
	for (uint32_t i = base; i < mark && found; i++) {
		uint32_t element, node = e->stack[i].node;

		if (node == FHIRPATH_MADE)
			continue;
		element = pack_find_element(e->pack, e->stack[i].type, STR("extension"));
		if (element == PACK_NONE)
			continue;
		RECORD_EACH_CHILD(e->r, node, c) {
			if (eval_count(e, 1))
				return -1;
			if (e->r->nodes[c].element == element &&
			    str_eq(record_value(e->r, e->pack, c, STR("url")), url.value) &&
			    eval_push_node(e, c))
				return -1;
		}
	}
	if (op->code == FN_HAS_EXTENSION)
		return give_bool(e, base, e->top > mark);
	return keep_range(e, base, mark, e->top);
}

static int
push_all_children(struct eval *e, uint32_t i)
{
	uint32_t node = e->stack[i].node;

	if (node == FHIRPATH_MADE)
		return 0;
	RECORD_EACH_CHILD(e->r, node, c)
		if (eval_count(e, 1) || eval_push_node(e, c))
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
	return keep_range(e, base, mark, e->top);
}

/* Functions of two collections, each a set. */
static int
eval_sets(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	uint32_t mark = e->top, kept = base, end;
	bool all = true;

	if (eval_op(e, op->a, frame))
		return -1;
	if (op->code == FN_COMBINE)
		return 0;
	end = e->top;
	if (op->code == FN_SUPERSET_OF) {
		for (uint32_t i = mark; i < end && all; i++)
			if (eval_count(e, mark - base))
				return -1;
			else
				all = eval_has(e, base, mark, &e->stack[i]);
		return give_bool(e, base, all);
	}
	for (uint32_t i = base; i < mark; i++) {
		bool has;

		if (eval_count(e, end - mark))
			return -1;
		has = eval_has(e, mark, end, &e->stack[i]);
		all = all && has;
		if (has == (op->code == FN_INTERSECT))
			e->stack[kept++] = e->stack[i];
	}
	if (op->code == FN_SUBSET_OF)
		return give_bool(e, base, all);
	e->top = kept;
	return op->code == FN_INTERSECT ? eval_distinct(e, base) : 0;
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
eval_value(struct eval *e, const struct op *op, uint32_t base)
{
	const struct fhirpath_item *item = &e->stack[base];
	bool has = e->top - base == 1 && item->kind != FHIRPATH_NODE && item->value.len;

	if (op->code == FN_HAS_VALUE)
		return give_bool(e, base, has);
	e->top = base;
	return has ? eval_push_made(e, (enum fhirpath_kind)item->kind, item->value) : 0;
}

static int
eval_is_distinct(struct eval *e, uint32_t base)
{
	uint32_t count = e->top - base;

	if (eval_distinct(e, base))
		return -1;
	return give_bool(e, base, e->top - base == count);
}

int
eval_function(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	uint32_t count = e->top - base;

	switch ((enum op_code)op->code) {
	case FN_EMPTY:
		return give_bool(e, base, count == 0);
	case FN_EXISTS:
		return eval_exists(e, op, base);
	case FN_ALL:
		return eval_all(e, op, base);
	case FN_ALL_TRUE:
	case FN_ANY_TRUE:
	case FN_ALL_FALSE:
	case FN_ANY_FALSE:
		return eval_truths(e, op, base);
	case FN_NOT:
		return eval_not(e, op, base);
	case FN_COUNT:
		e->top = base;
		return eval_push_integer(e, count);
	case FN_FIRST:
		return keep_range(e, base, base, base + (count > 0));
	case FN_LAST:
		return keep_range(e, base, e->top - (count > 0), e->top);
	case FN_TAIL:
		return keep_range(e, base, base + (count > 0), e->top);
	case FN_SKIP:
	case FN_TAKE:
		return eval_part(e, op, base, frame);
	case FN_SINGLE:
		return count > 1 ? eval_fail(e, op, "one item was expected, and there are several")
				 : 0;
	case FN_WHERE:
		return eval_where(e, op, base);
	case FN_SELECT:
		return eval_select(e, op, base);
	case FN_DISTINCT:
		return eval_distinct(e, base);
	case FN_IS_DISTINCT:
		return eval_is_distinct(e, base);
	case FN_COMBINE:
	case FN_INTERSECT:
	case FN_EXCLUDE:
	case FN_SUBSET_OF:
	case FN_SUPERSET_OF:
		return eval_sets(e, op, base, frame);
	case FN_HAS_VALUE:
	case FN_GET_VALUE:
		return eval_value(e, op, base);
	case FN_EXTENSION:
	case FN_HAS_EXTENSION:
		return eval_extension(e, op, base, frame);
	case FN_CONTAINS:
	case FN_STARTS_WITH:
	case FN_ENDS_WITH:
		return eval_text_test(e, op, base, frame);
	case FN_TO_STRING:
	case FN_LOWER:
	case FN_UPPER:
	case FN_LENGTH:
		return eval_text(e, op, base);
	case FN_IIF:
		return eval_iif(e, op, base, frame);
	default:
		return eval_children(e, op, base);
	}
}
