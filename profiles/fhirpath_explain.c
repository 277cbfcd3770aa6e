/* A program shown to people. */
#include "base/buf.h"
#include "profiles/fhirpath_compile.h"

static const char *const op_names[] = {
	[OP_NOTHING] = "nothing",
	[OP_THIS] = "$this",
	[OP_CONTEXT] = "%context",
	[OP_RESOURCE] = "%resource",
	[OP_ROOT_RESOURCE] = "%rootResource",
	[OP_INDEX] = "$index",
	[OP_TOTAL] = "$total",
	[OP_VARIABLE] = "variable",
	[OP_LITERAL] = "value",
	[OP_PATH] = "path",
	[OP_CHILD] = "child",
	[OP_CHILD_NAMED] = "child",
	[OP_INDEXER] = "[]",
	[OP_OF_TYPE] = "of type",
	[OP_AS] = "as",
	[OP_IS] = "is",
	[OP_REFERS] = "refers to",
	[OP_SIGN] = "minus",
	[OP_UNION] = "|",
	[OP_AND] = "and",
	[OP_OR] = "or",
	[OP_XOR] = "xor",
	[OP_IMPLIES] = "implies",
	[OP_EQUAL] = "=",
	[OP_NOT_EQUAL] = "!=",
	[OP_EQUIVALENT] = "~",
	[OP_NOT_EQUIVALENT] = "!~",
	[OP_LESS] = "<",
	[OP_LESS_EQUAL] = "<=",
	[OP_GREATER] = ">",
	[OP_GREATER_EQUAL] = ">=",
	[OP_IN] = "in",
	[OP_CONTAINS] = "contains",
	[OP_ADD] = "+",
	[OP_SUBTRACT] = "-",
	[OP_MULTIPLY] = "*",
	[OP_DIVIDE] = "/",
	[OP_DIV] = "div",
	[OP_MOD] = "mod",
	[OP_CONCATENATE] = "&",
};

static void
put_type(const struct fhirpath *f, uint32_t type, uint8_t kind, struct buf *out)
{
	if (type == PACK_NONE)
		buf_printf(out, " System.%s", kind_name((enum fhirpath_kind)kind));
	else
		buf_printf(
		    out, " %.*s", STR_ARG(pack_text(f->pack, pack_type_at(f->pack, type)->name)));
}

/* "Patient.name: element 12" for each type the step is known in. */
static void
put_steps(const struct fhirpath *f, const struct op *op, struct buf *out)
{
	for (uint32_t i = 0; i < op->count; i++) {
		const struct step *s = &f->steps[op->a + i];
		const struct pack_element *el = pack_element_at(f->pack, s->first);

		if (i == 4) {
			buf_printf(out, " … (%u types)", (unsigned)op->count);
			return;
		}
		buf_printf(out, " %.*s.%.*s (%u",
		    STR_ARG(pack_text(f->pack, pack_type_at(f->pack, s->type)->name)),
		    STR_ARG(pack_text(f->pack, el->stem)), (unsigned)s->first);
		if (s->last > s->first)
			buf_printf(out, "-%u", (unsigned)s->last);
		buf_puts(out, ")");
	}
}

static void
put_operand(uint32_t number, struct buf *out)
{
	if (number != NO_OP)
		buf_printf(out, " #%u", (unsigned)number);
}

static void
put_op(const struct fhirpath *f, const struct op *op, struct buf *out)
{
	const char *name = op->code < sizeof(op_names) / sizeof(op_names[0]) ? op_names[op->code]
									     : NULL;

	buf_puts(out, name ? name : compile_function_name((enum op_code)op->code));
	put_operand(op->input, out);
	switch ((enum op_code)op->code) {
	case OP_LITERAL:
		buf_printf(out, " %s '%.*s'",
		    kind_name((enum fhirpath_kind)f->literals[op->a].kind),
		    STR_ARG(f->literals[op->a].value));
		break;
	case OP_PATH:
	case OP_CHILD:
		put_steps(f, op, out);
		break;
	case OP_CHILD_NAMED:
		buf_printf(out, " '%.*s' (looked up)", STR_ARG(f->literals[op->a].value));
		break;
	case OP_OF_TYPE:
	case OP_AS:
	case OP_IS:
	case OP_REFERS:
		put_type(f, op->a, op->kind, out);
		break;
	case OP_VARIABLE:
		buf_printf(out, " %u", (unsigned)op->a);
		break;
	case FN_DEFINE_VARIABLE:
		buf_printf(out, " %u", (unsigned)op->a);
		put_operand(op->b, out);
		break;
	case FN_SORT:
	case FN_COALESCE:
	case FN_CHECK_MODIFIERS:
		for (uint32_t i = 0; i < op->count; i++)
			put_operand(f->lists[op->a + i], out);
		break;
	default:
		if (op->code >= FN_EMPTY) {
			put_operand(op->a, out);
			put_operand(op->b, out);
			/* Of functions with patterns c is none. */
			if (op->code < FN_MATCHES || op->code > FN_REPLACE_MATCHES)
				put_operand(op->c, out);
			else if (op->c != NO_OP)
				buf_puts(out, " (pattern compiled)");
		} else if (op->code >= OP_UNION || op->code == OP_INDEXER) {
			put_operand(op->a, out);
		}
		break;
	}
}

void
fhirpath_explain(const struct fhirpath *f, struct buf *out)
{
	for (uint32_t i = 0; i < f->op_count; i++) {
		buf_printf(out, "#%u ", (unsigned)i);
		put_op(f, &f->ops[i], out);
		buf_puts(out, i == f->start ? " -> result\n" : "\n");
	}
	buf_printf(out, "gives: %.*s\n", STR_ARG(f->type));
}

struct str
fhirpath_type_name(const struct pack *p, const struct fhirpath_item *item, struct arena *a)
{
	if (item->node != FHIRPATH_MADE)
		return str_printf(
		    a, "FHIR.%.*s", STR_ARG(pack_text(p, pack_type_at(p, item->type)->name)));
	return str_printf(a, "System.%s", kind_name((enum fhirpath_kind)item->kind));
}
