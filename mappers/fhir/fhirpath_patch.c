#include "mappers/fhir/fhirpath_patch.h"

#include "base/arena.h"
#include "base/error.h"
#include "profiles/fhirpath.h"
#include "profiles/lexical.h"

/* One operation, as its parts tell it. Nodes are of the patch; 0: none. */
struct operation {
	struct str type, path, name;
	uint32_t value; /* the part that has or holds the value */
	struct str index, source, destination;
};

enum edit_kind {
	EDIT_ADD,     /* a child of the target */
	EDIT_BEFORE,  /* a sibling before the target */
	EDIT_BEHIND,  /* or behind it */
	EDIT_DELETE,  /* the target */
	EDIT_REPLACE, /* the target */
	EDIT_REORDER, /* items[i] becomes items[order[i]] */
};

struct edit {
	enum edit_kind kind;
	uint32_t target;
	uint32_t element; /* that the value becomes */
	const uint32_t *items, *order;
	uint32_t count;
};

struct patch_run {
	const struct pack *pack;
	const struct record *patch, *record;
	struct record_builder *builder;
	struct arena *arena;
	struct error *err;
	uint32_t number; /* of the operation, from 1 */
	struct operation op;
};

static int
fail(struct patch_run *run, enum error_kind kind, const char *why)
{
	return error_set(run->err, kind, "operation %u%s%.*s%s: %s", run->number,
	    run->op.type.len ? " (" : "", (int)(run->op.type.len < 16 ? run->op.type.len : 16),
	    run->op.type.p, run->op.type.len ? ")" : "", why);
}

/* What FHIRPath said of the path, with the operation's number before it. */
static int
fail_path(struct patch_run *run, enum error_kind kind)
{
	run->err->kind = kind;
	return error_prefix(run->err, "operation %u: the path", run->number);
}

/* The child of a part that is its value: value[x], a resource or parts. */
static uint32_t
value_child(const struct patch_run *run, uint32_t part)
{
	const struct record *r = run->patch;

	RECORD_EACH_CHILD(r, part, i) {
		const struct pack_element *e = pack_element_at(run->pack, r->nodes[i].element);

		if (str_is(pack_text(run->pack, e->stem), "value") ||
		    str_is(pack_text(run->pack, e->stem), "resource"))
			return i;
	}
	return 0;
}

static struct str
part_text(const struct patch_run *run, uint32_t part)
{
	uint32_t value = value_child(run, part);

	return value ? record_text(run->patch, value) : STR("");
}

static int
read_part(struct patch_run *run, uint32_t part)
{
	struct str name = record_value(run->patch, run->pack, part, STR("name"));
	struct operation *o = &run->op;
	const struct {
		const char *name;
		struct str *to;
	} texts[] = { { "type", &o->type }, { "path", &o->path }, { "name", &o->name },
		{ "index", &o->index }, { "source", &o->source },
		{ "destination", &o->destination } };

	if (str_is(name, "value")) {
		if (o->value)
			return fail(run, ERROR_INVALID, "it has two values");
		o->value = part;
		return 0;
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (!str_is(name, texts[i].name))
			continue;
		if (texts[i].to->len)
			return fail(run, ERROR_INVALID, "a part stands there twice");
		*texts[i].to = part_text(run, part);
		return 0;
	}
	return fail(run, ERROR_INVALID,
	    "a part is none of type, path, name, value, index, source, destination");
}

static int
read_operation(struct patch_run *run, uint32_t parameter)
{
	uint32_t part = record_child(run->patch, run->pack, parameter, STR("part"));

	run->op = (struct operation){ .value = 0 };
	if (!str_is(record_value(run->patch, run->pack, parameter, STR("name")), "operation"))
		return fail(run, ERROR_INVALID, "the parameter's name must be 'operation'");
	for (; part; part = record_next(run->patch, parameter, part))
		if (read_part(run, part) != 0)
			return -1;
	if (!run->op.path.len)
		return fail(run, ERROR_INVALID, "it needs a path");
	return 0;
}

/* An index that is at most `most`. */
static int
read_index(struct patch_run *run, struct str text, uint32_t most, uint32_t *out)
{
	int64_t n;

	if (!str_to_int(text, &n))
		return fail(run, ERROR_INVALID, "an index is missing, or no whole number");
	if (n < 0 || n > most)
		return fail(run, ERROR_CONFLICT, "an index is past the end of the list");
	*out = (uint32_t)n;
	return 0;
}

/* The parent of a node; the node itself for the root. */
static uint32_t
parent_of(const struct record *r, uint32_t node)
{
	uint32_t parent = 0, i;

	for (i = 1; node && i != node;) {
		if (node < r->nodes[i].end) {
			parent = i;
			i++;
		} else {
			i = r->nodes[i].end;
		}
	}
	return parent;
}

static bool
is_root(const struct patch_run *run, uint32_t node)
{
	return run->record->nodes[node].element < pack_type_count(run->pack);
}

/*
 * The nodes that the path names, as elements of their parents. FHIRPath gives
 * the resource for an element that holds one: the element stands before it.
 */
static int
find_nodes(struct patch_run *run, uint32_t **out, uint32_t *count)
{
	struct fhirpath *f = fhirpath_compile(
	    run->pack, record_type(run->record, run->pack, 0), run->op.path, run->err);
	struct fhirpath_items items;
	int result;

	if (!f)
		return fail_path(run, ERROR_INVALID);
	result = fhirpath_eval(f, run->record, 0, run->arena, &items, run->err);
	fhirpath_free(f);
	if (result != 0)
		return fail_path(run, run->err->kind);
	*out = arena_calloc(run->arena, items.count + 1, sizeof(**out));
	if (!*out)
		return fail(run, ERROR_LIMIT, "the patch needs too much memory");
	*count = items.count;
	for (uint32_t i = 0; i < items.count; i++) {
		if (items.at[i].node == FHIRPATH_MADE)
			return fail(run, ERROR_INVALID,
			    "the path gives a value that is no element of the resource");
		(*out)[i] = items.at[i].node;
	}
	return 0;
}

static void
to_holders(const struct patch_run *run, uint32_t *nodes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (nodes[i] && is_root(run, nodes[i]))
			nodes[i]--;
}

static int
find_one(struct patch_run *run, uint32_t *out)
{
	uint32_t *nodes, count;

	if (find_nodes(run, &nodes, &count) != 0)
		return -1;
	if (count != 1)
		return fail(run, ERROR_CONFLICT,
		    count ? "the path names more than one element"
			  : "there is nothing at the path");
	*out = nodes[0];
	return 0;
}

/* A list: repetitions of one element of one parent, in their order. */
static int
find_list(struct patch_run *run, uint32_t **out, uint32_t *count)
{
	const struct record_node *nodes = run->record->nodes;
	uint32_t found = 0;

	if (find_nodes(run, out, count) != 0)
		return -1;
	if (!*count)
		return fail(
		    run, ERROR_CONFLICT, "there is nothing at the path; 'add' begins a list");
	to_holders(run, *out, *count);
	RECORD_EACH_CHILD(run->record, parent_of(run->record, **out), i)
		if (found < *count && i == (*out)[found] &&
		    nodes[i].element == nodes[**out].element)
			found++;
	if (!**out || found < *count)
		return fail(run, ERROR_CONFLICT,
		    "the path does not name one list of repetitions, in their order");
	if (!(pack_element_at(run->pack, nodes[**out].element)->flags & ELEMENT_REPEATS))
		return fail(run, ERROR_CONFLICT, "the element at the path does not repeat");
	return 0;
}

/* The element of a type by its name (choices by their stem too) that takes
 * what the patch's node v is; PACK_NONE when there is none. */
static uint32_t
find_element(const struct patch_run *run, uint32_t type, struct str name, uint32_t v)
{
	const struct pack *p = run->pack;
	const struct pack_type *t = pack_type_at(p, type);
	uint32_t element = pack_find_element(p, type, name);
	uint32_t want = v ? record_type(run->patch, p, v) : PACK_NONE;

	if (element != PACK_NONE)
		return element;
	if (str_ends(name, STR("[x]")))
		name.len -= 3;
	for (uint32_t i = 0; i < t->elements.count; i++) {
		const struct pack_element *e = pack_element_at(p, t->elements.first + i);

		if (e->choice && str_eq(pack_text(p, e->stem), name) && e->type == want)
			return t->elements.first + i;
	}
	return PACK_NONE;
}

static int put_value(struct patch_run *run, uint32_t part, uint32_t element);

/* A nested element, or one of a data type that value[x] has not, told by parts. */
static int
put_parts(struct patch_run *run, uint32_t part, uint32_t element)
{
	const struct pack *p = run->pack;
	uint32_t type = pack_element_at(p, element)->type;
	uint32_t i = record_child(run->patch, p, part, STR("part"));

	if (!i)
		return fail(run, ERROR_INVALID, "it needs a value");
	if (pack_type_at(p, type)->lexical != LEXICAL_NONE ||
	    pack_element_at(p, element)->flags & ELEMENT_RESOURCE)
		return fail(run, ERROR_CONFLICT,
		    "a primitive or a resource is not told by parts but by a value");
	record_open_element(run->builder, element);
	for (; i; i = record_next(run->patch, part, i)) {
		struct str name = record_value(run->patch, p, i, STR("name"));
		uint32_t child = find_element(run, type, name, value_child(run, i));

		if (child == PACK_NONE)
			return fail(run, ERROR_CONFLICT,
			    "a part of the value is no element of what it is put into");
		if (put_value(run, i, child) != 0)
			return -1;
	}
	record_close(run->builder);
	return 0;
}

/* May the patch's node v be what the element is? */
static int
check_type(struct patch_run *run, uint32_t v, uint32_t element)
{
	const struct pack_element *e = pack_element_at(run->pack, element);
	const struct pack_type *to = pack_type_at(run->pack, e->type);
	uint32_t from = record_type(run->patch, run->pack, v);
	struct str text = record_text(run->patch, v);

	if (e->flags & ELEMENT_RESOURCE)
		return pack_element_at(run->pack, run->patch->nodes[v].element)->flags &
			       ELEMENT_RESOURCE
			   ? 0
			   : fail(run, ERROR_CONFLICT, "the element takes a resource");
	if (to->lexical == LEXICAL_NONE)
		return e->type == from ? 0
				       : fail(run, ERROR_CONFLICT,
					     "the value is not of the element's data type");
	if (pack_type_at(run->pack, from)->lexical == LEXICAL_NONE)
		return fail(run, ERROR_CONFLICT, "the value is not of the element's data type");
	if (text.len && lexical_check((enum pack_lexical)to->lexical, text) != LEXICAL_VALID)
		return fail(run, ERROR_CONFLICT,
		    "the value does not have the form of the element's data type");
	return 0;
}

/* Put what the part says as that element of what is open. */
static int
put_value(struct patch_run *run, uint32_t part, uint32_t element)
{
	const struct record *r = run->patch;
	uint32_t v = value_child(run, part);

	if (!v)
		return put_parts(run, part, element);
	if (record_child(r, run->pack, part, STR("part")))
		return fail(run, ERROR_INVALID, "it has a value and parts; only one can be");
	if (check_type(run, v, element) != 0)
		return -1;
	record_open_element(run->builder, element);
	if (r->nodes[v].len)
		record_set_text(run->builder, record_text(r, v));
	RECORD_EACH_CHILD(r, v, i)
		record_copy(run->builder, r, i);
	record_close(run->builder);
	return 0;
}

static int copy_edited(struct patch_run *run, const struct edit *e, uint32_t node);

/* The child i of a parent, as the edit leaves it; the target, or the list, is
 * i or is in it. */
static int
edit_child(struct patch_run *run, const struct edit *e, uint32_t i)
{
	struct record_builder *b = run->builder;

	if (i != e->target || e->kind == EDIT_ADD)
		return copy_edited(run, e, i);
	switch (e->kind) {
	case EDIT_BEFORE:
		if (put_value(run, run->op.value, e->element) != 0)
			return -1;
		record_copy(b, run->record, i);
		return 0;
	case EDIT_BEHIND:
		record_copy(b, run->record, i);
		return put_value(run, run->op.value, e->element);
	case EDIT_REPLACE:
		return put_value(run, run->op.value, e->element);
	case EDIT_DELETE:
	case EDIT_ADD:
	case EDIT_REORDER:
		break;
	}
	return 0;
}

static int
edit_children(struct patch_run *run, const struct edit *e, uint32_t node)
{
	const struct record *r = run->record;
	uint32_t next = 0;

	RECORD_EACH_CHILD(r, node, i) {
		/* The list stands in the order of the walk. */
		if (next < e->count && e->items[next] == i)
			record_copy(run->builder, r, e->items[e->order[next++]]);
		else if (e->target < i || e->target >= r->nodes[i].end)
			record_copy(run->builder, r, i);
		else if (edit_child(run, e, i) != 0)
			return -1;
	}
	if (e->kind == EDIT_ADD && node == e->target)
		return put_value(run, run->op.value, e->element);
	return 0;
}

/* The subtree of a node that the target is, or is in. */
static int
copy_edited(struct patch_run *run, const struct edit *e, uint32_t node)
{
	struct record_builder *b = run->builder;
	const struct record_node *n = &run->record->nodes[node];

	if (is_root(run, node))
		record_open_root(b, n->element);
	else
		record_open_element(b, n->element);
	if (n->len)
		record_set_text(b, record_text(run->record, node));
	if (edit_children(run, e, node) != 0)
		return -1;
	if (node && !record_is_filled(b))
		record_abandon(b);
	else
		record_close(b);
	return 0;
}

static int
carry_out(struct patch_run *run, const struct edit *e)
{
	const struct record *made;

	record_builder_reset(run->builder);
	if (copy_edited(run, e, 0) != 0) {
		record_builder_reset(run->builder);
		return -1;
	}
	made = record_builder_finish(run->builder, run->arena, run->err);
	if (!made)
		return -1;
	run->record = made;
	return 0;
}

/* Is there a child of that element, or another type of its choice? */
static bool
has_element(const struct patch_run *run, uint32_t parent, uint32_t element)
{
	const struct pack_element *e = pack_element_at(run->pack, element);

	RECORD_EACH_CHILD(run->record, parent, i) {
		uint32_t other = run->record->nodes[i].element;

		if (other == element ||
		    (e->choice && pack_element_at(run->pack, other)->choice == e->choice))
			return true;
	}
	return false;
}

static int
need_value(struct patch_run *run)
{
	return run->op.value ? 0 : fail(run, ERROR_INVALID, "it needs a value");
}

static int
run_add(struct patch_run *run)
{
	struct edit e = { .kind = EDIT_ADD };
	const struct record *r = run->record;

	if (need_value(run) != 0)
		return -1;
	if (!run->op.name.len)
		return fail(run, ERROR_INVALID, "it needs the name of the element to add");
	if (find_one(run, &e.target) != 0)
		return -1;
	e.element = find_element(run, record_type(r, run->pack, e.target), run->op.name,
	    value_child(run, run->op.value));
	if (e.element == PACK_NONE)
		return fail(run, ERROR_CONFLICT,
		    "what is at the path has no element of that name for such a value");
	if (!(pack_element_at(run->pack, e.element)->flags & ELEMENT_REPEATS) &&
	    has_element(run, e.target, e.element))
		return fail(run, ERROR_CONFLICT,
		    "the element is there already and does not repeat; 'replace' changes it");
	return carry_out(run, &e);
}

static int
run_insert(struct patch_run *run)
{
	struct edit e = { .kind = EDIT_BEFORE };
	uint32_t *items, count, index;

	if (need_value(run) != 0 || find_list(run, &items, &count) != 0 ||
	    read_index(run, run->op.index, count, &index) != 0)
		return -1;
	if (index == count) {
		e.kind = EDIT_BEHIND;
		index--;
	}
	e.target = items[index];
	e.element = run->record->nodes[e.target].element;
	return carry_out(run, &e);
}

static int
run_delete(struct patch_run *run)
{
	struct edit e = { .kind = EDIT_DELETE };
	uint32_t *nodes, count;

	if (find_nodes(run, &nodes, &count) != 0)
		return -1;
	if (count > 1)
		return fail(run, ERROR_CONFLICT, "the path names more than one element");
	if (!count)
		return 0;
	to_holders(run, nodes, count);
	if (!nodes[0])
		return fail(run, ERROR_CONFLICT,
		    "the path names the resource itself; the delete interaction deletes that");
	e.target = nodes[0];
	return carry_out(run, &e);
}

static int
run_replace(struct patch_run *run)
{
	struct edit e = { .kind = EDIT_REPLACE };
	const struct pack_element *old;

	if (need_value(run) != 0 || find_one(run, &e.target) != 0)
		return -1;
	to_holders(run, &e.target, 1);
	if (!e.target)
		return fail(run, ERROR_CONFLICT,
		    "the path names the resource itself; an update replaces that");
	e.element = run->record->nodes[e.target].element;
	old = pack_element_at(run->pack, e.element);
	if (old->choice) {
		uint32_t other = find_element(run, old->owner, pack_text(run->pack, old->stem),
		    value_child(run, run->op.value));

		e.element = other == PACK_NONE ? e.element : other;
	}
	return carry_out(run, &e);
}

static int
run_move(struct patch_run *run)
{
	struct edit e = { .kind = EDIT_REORDER };
	uint32_t *items, *order, source, destination;

	if (find_list(run, &items, &e.count) != 0 ||
	    read_index(run, run->op.source, e.count - 1, &source) != 0 ||
	    read_index(run, run->op.destination, e.count - 1, &destination) != 0)
		return -1;
	order = arena_calloc(run->arena, e.count, sizeof(*order));
	if (!order)
		return fail(run, ERROR_LIMIT, "the patch needs too much memory");
	for (uint32_t i = 0; i < e.count; i++)
		order[i] = i;
	if (source < destination)
		memmove(
		    order + source, order + source + 1, (destination - source) * sizeof(*order));
	else
		memmove(order + destination + 1, order + destination,
		    (source - destination) * sizeof(*order));
	order[destination] = source;
	e.items = items;
	e.order = order;
	e.target = items[0];
	return carry_out(run, &e);
}

static const struct {
	const char *name;
	int (*run)(struct patch_run *run);
} operations[] = {
	{ "add", run_add },
	{ "insert", run_insert },
	{ "delete", run_delete },
	{ "replace", run_replace },
	{ "move", run_move },
};

static int
run_operation(struct patch_run *run, uint32_t parameter)
{
	if (read_operation(run, parameter) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		if (str_is(run->op.type, operations[i].name))
			return operations[i].run(run);
	run->op.type = STR("");
	return fail(
	    run, ERROR_INVALID, "its type must be one of add, insert, delete, replace, move");
}

const struct record *
fhirpath_patch_apply(const struct record *patch, uint32_t n, const struct record *r,
    struct record_builder *b, struct arena *a, struct error *err)
{
	struct patch_run run = {
		.pack = b->pack, .patch = patch, .record = r, .builder = b, .arena = a, .err = err
	};
	uint32_t i = record_child(patch, b->pack, n, STR("parameter"));

	if (!str_is(record_type_name(patch, b->pack, n), "Parameters")) {
		error_set(err, ERROR_INVALID, "a FHIRPath Patch is a Parameters resource");
		return NULL;
	}
	for (; i; i = record_next(patch, n, i)) {
		if (++run.number > FHIRPATH_PATCH_OPERATIONS) {
			error_set(err, ERROR_LIMIT,
			    "the patch has over %d operations; send it in parts",
			    FHIRPATH_PATCH_OPERATIONS);
			return NULL;
		}
		if (run_operation(&run, i) != 0)
			return NULL;
	}
	return run.record;
}
