/* FHIRPath's steps from items to their children. */
#include "profiles/fhirpath_eval.h"

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
push_children(struct eval *e, struct fhirpath_item of, uint32_t first, uint32_t last)
{
	const struct record *r = eval_record(e, &of);
	const struct record_node *nodes = r->nodes;
	uint32_t steps = 1;

	RECORD_EACH_CHILD(r, of.node, i) {
		steps++;
		if (nodes[i].element > last)
			break; /* children stand in the order of their elements */
		if (nodes[i].element >= first && eval_push_node(e, of.record, i))
			return -1;
	}
	return eval_count(e, steps);
}

/* The same for the one element of a plain step. */
static int
push_plain(struct eval *e, const struct fhirpath_item *of, const struct step *s)
{
	const struct record *r = eval_record(e, of);
	const struct record_node *nodes = r->nodes;
	struct fhirpath_item item = { .type = s->gives, .kind = s->kind, .record = of->record };
	uint32_t steps = 1, end = nodes[of->node].end;

	/* Children stand in the order of their elements. */
	for (uint32_t i = of->node + 1; i < end && nodes[i].element <= s->first; i = nodes[i].end) {
		steps++;
		if (nodes[i].element < s->first)
			continue;
		item.node = i;
		item.value = s->kind == FHIRPATH_NODE ? str_of(NULL, 0) : record_text(r, i);
		if (eval_push(e, item))
			return -1;
	}
	return eval_count(e, steps);
}

int
eval_child_of(struct eval *e, const struct op *op, const struct fhirpath_item *item)
{
	struct fhirpath_item of = *item; /* the stack may move */
	const struct step *s = find_step(e, op, of.type);

	if (!s || of.node == FHIRPATH_MADE)
		return 0;
	return s->plain ? push_plain(e, &of, s) : push_children(e, of, s->first, s->last);
}

int
eval_child(struct eval *e, const struct op *op, uint32_t base)
{
	uint32_t mark = e->top;

	for (uint32_t i = base; i < mark; i++)
		if (eval_child_of(e, op, &e->stack[i]))
			return -1;
	eval_keep(e, base, mark, e->top);
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

/* What type() gave, "FHIR.Patient": its namespace, name and base (N1, 10.2). */
static int
push_reflection(struct eval *e, struct str type, struct str name)
{
	ptrdiff_t point = str_find(type, '.');
	struct str space = str_of(type.p, point < 0 ? 0 : (size_t)point);
	struct str bare = str_from_index(type, (size_t)(point + 1));
	uint32_t number, base;

	if (str_is(name, "namespace"))
		return eval_push_made(e, FHIRPATH_STRING, space);
	if (str_is(name, "name"))
		return eval_push_made(e, FHIRPATH_STRING, bare);
	if (!str_is(name, "baseType"))
		return 0;
	if (str_is(space, "System"))
		return eval_push_made(e, FHIRPATH_STRING, STR("System.Any"));
	number = pack_find_type(e->pack, bare);
	base = number == PACK_NONE ? PACK_NONE : pack_type_at(e->pack, number)->base;
	if (base == PACK_NONE)
		return eval_push_made(e, FHIRPATH_STRING, STR("System.Any"));
	return eval_push_made(e, FHIRPATH_STRING,
	    str_printf(e->arena, "FHIR.%.*s",
		STR_ARG(pack_text(e->pack, pack_type_at(e->pack, base)->name))));
}

int
eval_child_named(struct eval *e, const struct op *op, uint32_t base)
{
	struct str name = e->f->literals[op->a].value;
	uint32_t mark = e->top, first, last;

	for (uint32_t i = base; i < mark; i++) {
		struct fhirpath_item item = e->stack[i];

		if (eval_count(e, 16))
			return -1;
		if (item.kind == FHIRPATH_TYPE && push_reflection(e, item.value, name))
			return -1;
		if (item.node != FHIRPATH_MADE && look_up_step(e, item.type, name, &first, &last) &&
		    push_children(e, item, first, last))
			return -1;
	}
	eval_keep(e, base, mark, e->top);
	return 0;
}

/* One level of a path while it is walked: what is left of its siblings. */
struct level {
	const struct record_node *next, *end;
};

/*
 * The path is walked whole, branch by branch, so that nothing is put on the
 * stack but what it gives. Children stand in the order of their elements.
 */
int
eval_path(struct eval *e, const struct op *op, const struct fhirpath_item *from)
{
	const struct step *s = &e->f->steps[op->a], *last = s + op->count - 1;
	const struct record *r = eval_record(e, from);
	const struct record_node *nodes = r->nodes, *n, *end;
	const char *text = (const char *)&nodes[r->node_count];
	struct level levels[PATH_STEPS], *level = levels;
	uint32_t visited = 1, record = from->record;

	if (from->type != s->type || from->node == FHIRPATH_MADE)
		return 0;
	n = &nodes[from->node + 1];
	end = &nodes[nodes[from->node].end];
	for (;;) {
		struct fhirpath_item *out;

		for (; n < end && n->element < s->first; n = &nodes[n->end])
			visited++;
		if (n == end || n->element != s->first) {
			if (level == levels)
				return eval_count(e, visited);
			s--;
			level--;
			n = level->next;
			end = level->end;
			continue;
		}
		visited++;
		if (s != last) {
			level->next = &nodes[n->end];
			level->end = end;
			level++;
			s++;
			end = &nodes[n->end];
			n++;
			continue;
		}
		if (e->top == e->room && eval_grow(e))
			return -1;
		out = &e->stack[e->top++]; /* filled in place: a copy costs as much again */
		out->node = (uint32_t)(n - nodes);
		out->type = s->gives;
		out->kind = s->kind;
		out->record = record;
		out->value.p = text + n->text;
		out->value.len = n->len;
		n = &nodes[n->end];
	}
}
