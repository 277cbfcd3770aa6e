/* The functions FHIR adds to FHIRPath (R4, 2.9.1.5), and type(). */
#include "profiles/fhirpath_eval.h"
#include "profiles/narrative.h"

/* The children named extension whose url is the argument. */
static int
eval_extension(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	uint32_t mark = e->top;
	struct fhirpath_item url;
	bool found;

	if (eval_argument(e, op, op->a, frame, &url, &found))
		return -1;
	for (uint32_t i = base; i < mark && found; i++) {
		struct fhirpath_item item = e->stack[i];
		const struct record *r = eval_record(e, &item);
		uint32_t element;

		if (item.node == FHIRPATH_MADE)
			continue;
		element = pack_find_element(e->pack, item.type, STR("extension"));
		if (element == PACK_NONE)
			continue;
		RECORD_EACH_CHILD(r, item.node, c) {
			if (eval_count(e, 1))
				return -1;
			if (r->nodes[c].element == element &&
			    str_eq(record_value(r, e->pack, c, STR("url")), url.value) &&
			    eval_push_node(e, item.record, c))
				return -1;
		}
	}
	if (op->code == FN_HAS_EXTENSION)
		return eval_give_bool(e, base, e->top > mark);
	eval_keep(e, base, mark, e->top);
	return 0;
}

static int
eval_has_value(struct eval *e, const struct op *op, uint32_t base)
{
	const struct fhirpath_item *item = &e->stack[base];
	bool has = e->top - base == 1 && item->kind != FHIRPATH_NODE && item->value.len;

	if (op->code == FN_HAS_VALUE)
		return eval_give_bool(e, base, has);
	e->top = base;
	return has ? eval_push_made(e, (enum fhirpath_kind)item->kind, item->value) : 0;
}

static int
eval_type(struct eval *e, uint32_t base)
{
	for (uint32_t i = base; i < e->top; i++) {
		struct str name = fhirpath_type_name(e->pack, &e->stack[i], e->arena);

		if (!name.p)
			return eval_no_memory(e);
		e->stack[i] = (struct fhirpath_item){ .node = FHIRPATH_MADE,
			.type = PACK_NONE,
			.value = name,
			.kind = FHIRPATH_TYPE };
	}
	return 0;
}

int
eval_text_argument(struct eval *e, const struct op *op, uint32_t argument,
    const struct frame *frame, struct str *out)
{
	struct fhirpath_item item;
	bool found;

	*out = STR("");
	if (eval_argument(e, op, argument, frame, &item, &found))
		return -1;
	if (found && item.kind != FHIRPATH_STRING)
		return eval_fail(e, op, "the argument is a text");
	if (found)
		*out = item.value;
	return 0;
}

int
eval_give_answer(struct eval *e, uint32_t base, int answer)
{
	e->top = base;
	return answer < 0 ? 0 : eval_push_bool(e, answer > 0);
}

/* Of a structure that is a type of the pack: whether the item is one. */
static int
eval_conforms(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	const struct fhirpath_host *host = e->in->host;
	struct fhirpath_item item;
	struct str url;

	if (eval_text_argument(e, op, op->a, frame, &url))
		return -1;
	if (e->top == base)
		return 0;
	if (e->top - base > 1)
		return eval_fail_function(e, op, "one item");
	item = e->stack[base];
	if (eval_count(e, pack_type_count(e->pack) / 8))
		return -1;
	for (uint32_t t = 0; t < pack_type_count(e->pack); t++) {
		if (!url.len || !str_eq(pack_text(e->pack, pack_type_at(e->pack, t)->url), url))
			continue;
		return eval_give_bool(
		    e, base, item.node != FHIRPATH_MADE && pack_type_is(e->pack, item.type, t));
	}
	if (!host || !host->conforms_to || item.node == FHIRPATH_MADE)
		return eval_fail(e, op, "that structure is not known here");
	return eval_give_answer(
	    e, base, host->conforms_to(host->ctx, eval_record(e, &item), item.node, url));
}

static int
eval_slice(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	const struct fhirpath_host *host = e->in->host;
	struct str structure, slice;
	uint32_t kept = base, end = e->top;

	if (eval_text_argument(e, op, op->a, frame, &structure) ||
	    eval_text_argument(e, op, op->b, frame, &slice))
		return -1;
	if (!host || !host->in_slice)
		return eval_fail(e, op, "there are no profiles here to find a slice by");
	for (uint32_t i = base; i < end; i++) {
		const struct fhirpath_item *x = &e->stack[i];

		if (x->node != FHIRPATH_MADE &&
		    host->in_slice(host->ctx, eval_record(e, x), x->node, structure, slice) == 1)
			e->stack[kept++] = *x;
	}
	e->top = kept;
	return 0;
}

/* An error where there is a modifier extension that the list does not have. */
static int
eval_modifiers(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	uint32_t end = e->top;

	for (uint32_t i = 0; i < op->count; i++)
		if (eval_op(e, e->f->lists[op->a + i], frame))
			return -1;
	for (uint32_t i = base; i < end; i++) {
		struct fhirpath_item x = e->stack[i];
		const struct record *r = eval_record(e, &x);
		uint32_t child = 0;

		if (x.node != FHIRPATH_MADE && x.kind == FHIRPATH_NODE)
			child = record_child(r, e->pack, x.node, STR("modifierExtension"));
		for (; child; child = record_next(r, x.node, child)) {
			struct str url = record_value(r, e->pack, child, STR("url"));
			uint32_t k = end;

			if (eval_count(e, 1 + e->top - end))
				return -1;
			while (k < e->top && !str_eq(e->stack[k].value, url))
				k++;
			if (k == e->top)
				return eval_fail(e, op, "there is a modifier that is not known");
		}
	}
	e->top = end;
	return 0;
}

static void
ignore_fault(void *ctx, size_t offset, const char *code, const char *what, struct str name)
{
	(void)ctx;
	(void)offset;
	(void)code;
	(void)what;
	(void)name;
}

static int
eval_html(struct eval *e, const struct op *op, uint32_t base)
{
	struct fhirpath_item x = e->stack[base];

	if (e->top == base)
		return 0;
	if (e->top - base > 1 || x.kind != FHIRPATH_STRING)
		return eval_fail_function(e, op, "one XHTML");
	if (eval_count(e, 16 + (uint32_t)(x.value.len / 4)))
		return -1;
	return eval_give_bool(e, base, narrative_check(str_trim(x.value), ignore_fault, NULL));
}

int
eval_fhir(struct eval *e, const struct op *op, uint32_t base, const struct frame *frame)
{
	switch ((enum op_code)op->code) {
	case FN_EXTENSION:
	case FN_HAS_EXTENSION:
		return eval_extension(e, op, base, frame);
	case FN_HAS_VALUE:
	case FN_GET_VALUE:
		return eval_has_value(e, op, base);
	case FN_TYPE:
		return eval_type(e, base);
	case FN_RESOLVE:
		return eval_resolve(e, base);
	case FN_CONFORMS_TO:
		return eval_conforms(e, op, base, frame);
	case FN_MEMBER_OF:
	case FN_SUBSUMES:
	case FN_SUBSUMED_BY:
		return eval_terms(e, op, base, frame);
	case FN_SLICE:
		return eval_slice(e, op, base, frame);
	case FN_ELEMENT_DEFINITION:
		return eval_definition(e, op, base);
	case FN_CHECK_MODIFIERS:
		return eval_modifiers(e, op, base, frame);
	default:
		return eval_html(e, op, base);
	}
}
