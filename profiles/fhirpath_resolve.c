/* References: what they refer to, in the record or through the host. */
#include "profiles/fhirpath_eval.h"

uint32_t
eval_resource_of(const struct record *r, const struct pack *p, uint32_t node)
{
	for (uint32_t i = node;; i--) {
		uint32_t element = r->nodes[i].element;

		if (i == 0)
			return 0;
		if (r->nodes[i].end > node && element < pack_type_count(p) &&
		    pack_type_at(p, element)->kind == PACK_RESOURCE)
			return i;
	}
}

uint32_t
eval_container_of(const struct record *r, const struct pack *p, uint32_t node)
{
	uint32_t inner = eval_resource_of(r, p, node);
	const struct pack_element *holder;

	if (inner < 1)
		return inner;
	holder = pack_element_at(p, r->nodes[inner - 1].element);
	if (str_is(pack_text(p, holder->name), "contained"))
		return eval_resource_of(r, p, inner - 1);
	return inner;
}

/* A resource in a record. */
struct place {
	uint32_t record, node; /* PACK_NONE: there is none */
};

/* The contained resource of that id; without an id, the container. */
static uint32_t
find_contained(const struct eval *e, const struct record *r, uint32_t node, struct str id)
{
	uint32_t container = eval_container_of(r, e->pack, node);

	if (!id.len)
		return container;
	RECORD_EACH_CHILD(r, container, i) {
		const struct pack_element *el = pack_element_at(e->pack, r->nodes[i].element);

		if (el->flags & ELEMENT_RESOURCE && r->nodes[i].end > i + 1 &&
		    str_eq(record_value(r, e->pack, i + 1, STR("id")), id))
			return i + 1;
	}
	return PACK_NONE;
}

/* "Patient/1" of "http://x/Patient/1/_history/2"; empty when it is none. */
static struct str
without_version(struct str text)
{
	ptrdiff_t history = str_find_str(text, STR("/_history/"));

	if (history >= 0)
		text.len = (size_t)history;
	return text;
}

/* The type that "Patient/1" or "http://x/Patient/1/_history/2" names. */
static uint32_t
type_in_reference(const struct eval *e, struct str text)
{
	size_t i;

	text = without_version(text);
	for (i = text.len; i > 0 && text.p[i - 1] != '/'; i--)
		;
	if (i == 0)
		return PACK_NONE;
	text.len = i - 1;
	for (i = text.len; i > 0 && text.p[i - 1] != '/'; i--)
		;
	return pack_find_resource(e->pack, str_from_index(text, i));
}

/* Whether the reference, seen from the entry, means the resource with that
 * full URL (R4, 2.36.4.1). */
static bool
means_entry(const struct eval *e, const struct record *r, struct str text, struct str url,
    uint32_t resource)
{
	struct str type = record_type_name(r, e->pack, resource);
	struct str id = record_value(r, e->pack, resource, STR("id"));
	size_t tail = type.len + 1 + id.len;

	text = without_version(text);
	if (url.len && str_eq(text, url))
		return true;
	/* Relative to the server that the entry is from. */
	if (str_find_str(text, STR("://")) >= 0 || !id.len || text.len != tail ||
	    !str_starts(text, type) || text.p[type.len] != '/' || !str_ends(text, id))
		return false;
	return !url.len || str_ends(url, text);
}

/* The entry of the Bundle around the node that the reference means. */
static uint32_t
find_entry(const struct eval *e, const struct record *r, struct str text)
{
	uint32_t bundle = 0;
	uint32_t entry = record_child(r, e->pack, bundle, STR("entry"));

	if (!entry || !str_is(record_type_name(r, e->pack, bundle), "Bundle"))
		return PACK_NONE;
	for (; entry; entry = record_next(r, bundle, entry)) {
		uint32_t holder = record_child(r, e->pack, entry, STR("resource"));
		struct str url = record_value(r, e->pack, entry, STR("fullUrl"));

		if (holder && r->nodes[holder].end > holder + 1 &&
		    means_entry(e, r, text, url, holder + 1))
			return holder + 1;
	}
	return PACK_NONE;
}

/* The text of a Reference, a uri or a made text. */
static struct str
reference_text(const struct eval *e, const struct fhirpath_item *item)
{
	if (item->kind == FHIRPATH_NODE && item->node != FHIRPATH_MADE)
		return record_value(eval_record(e, item), e->pack, item->node, STR("reference"));
	return item->kind == FHIRPATH_STRING ? item->value : STR("");
}

/* Inside of the item's own record. */
static uint32_t
find_inside(const struct eval *e, const struct fhirpath_item *item, struct str text)
{
	const struct record *r = eval_record(e, item);
	uint32_t from = item->node == FHIRPATH_MADE ? e->in->context : item->node;

	if (!text.len)
		return PACK_NONE;
	if (text.p[0] == '#')
		return find_contained(e, r, from, str_from_index(text, 1));
	return find_entry(e, r, text);
}

static int
add_record(struct eval *e, const struct record *r, uint32_t *number)
{
	if (e->record_count == 0) {
		e->record_room = 8;
		e->records = arena_calloc(e->arena, e->record_room, sizeof(*e->records));
		if (!e->records)
			return eval_no_memory(e);
		e->records[e->record_count++] = e->r;
	}
	for (*number = 0; *number < e->record_count; ++*number)
		if (e->records[*number] == r)
			return 0;
	if (e->record_count == EVAL_RECORDS)
		return error_set(e->err, ERROR_LIMIT,
		    "the expression was stopped: it fetches over %d resources", EVAL_RECORDS);
	if (e->record_count == e->record_room) {
		const struct record **bigger = arena_calloc(
		    e->arena, (size_t)e->record_room * 2, sizeof(*bigger));

		if (!bigger)
			return eval_no_memory(e);
		memcpy(bigger, e->records, e->record_count * sizeof(*bigger));
		e->records = bigger;
		e->record_room *= 2;
	}
	e->records[e->record_count++] = r;
	return 0;
}

int
eval_push_record(struct eval *e, const struct record *r)
{
	uint32_t number = 0;

	if (add_record(e, r, &number))
		return -1;
	return eval_push_node(e, number, 0);
}

int
eval_resolve(struct eval *e, uint32_t base)
{
	const struct fhirpath_host *host = e->in->host;
	uint32_t mark = e->top;

	for (uint32_t i = base; i < mark; i++) {
		struct fhirpath_item item = e->stack[i];
		struct str text = reference_text(e, &item);
		uint32_t node = find_inside(e, &item, text);
		const struct record *r = NULL;

		if (eval_count(e, eval_record(e, &item)->nodes[0].end / 64 + 1))
			return -1;
		if (node != PACK_NONE) {
			if (eval_push_node(e, item.record, node))
				return -1;
			continue;
		}
		if (text.len && text.p[0] != '#' && host && host->resolve)
			r = host->resolve(host->ctx, text, e->arena);
		if (r && eval_push_record(e, r))
			return -1;
	}
	eval_keep(e, base, mark, e->top);
	return 0;
}

static uint32_t
referred_type(const struct eval *e, const struct fhirpath_item *item)
{
	const struct record *r = eval_record(e, item);
	struct str text = reference_text(e, item), type = STR("");
	uint32_t node;

	if (item->node != FHIRPATH_MADE && pack_type_at(e->pack, item->type)->kind == PACK_RESOURCE)
		return item->type;
	if (item->node != FHIRPATH_MADE && item->kind == FHIRPATH_NODE)
		type = record_value(r, e->pack, item->node, STR("type"));
	if (text.len && text.p[0] == '#') {
		node = find_inside(e, item, text);
		return node == PACK_NONE ? PACK_NONE
					 : pack_element_at(e->pack, r->nodes[node].element)->type;
	}
	if (type.len)
		return pack_find_resource(e->pack, type);
	if (type_in_reference(e, text) != PACK_NONE)
		return type_in_reference(e, text);
	node = find_inside(e, item, text);
	return node == PACK_NONE ? PACK_NONE
				 : pack_element_at(e->pack, r->nodes[node].element)->type;
}

int
eval_refers(struct eval *e, const struct op *op, uint32_t base)
{
	uint32_t count = e->top - base, type;

	if (count == 0)
		return 0;
	if (count > 1)
		return eval_fail(e, op, "the type of one item can be asked, and there are several");
	e->top = base;
	type = referred_type(e, &e->stack[base]);
	return type == PACK_NONE ? 0 : eval_push_bool(e, pack_type_is(e->pack, type, op->a));
}
