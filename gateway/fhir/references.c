#include "gateway/fhir/references.h"

#include "base/error.h"
#include "gateway/fhir/search_index.h"

struct walk {
	const struct fhir_service *s;
	struct fhir_call *c;
	reference_entry_fn *find;
	void *ctx;
	struct store_target *targets;
	uint32_t count, room;
};

static int
add_target(struct walk *w, const struct store_target *t)
{
	if (w->count == w->room) {
		uint32_t room = w->room ? w->room * 2 : 8;
		struct store_target *more = arena_grow(
		    w->c->arena, w->targets, w->room * sizeof(*more), room * sizeof(*more));

		if (!more)
			return call_fail(w->c, 413, NULL, STR(""),
			    "the resource is too large to be stored; send it in parts");
		w->targets = more;
		w->room = room;
	}
	w->targets[w->count++] = *t;
	return 0;
}

/* "Type/id" of this server, a version behind it perhaps; false: elsewhere. */
static bool
parse_local(const struct walk *w, struct str text, struct store_target *out)
{
	struct str local = search_reference(w->s->index, text, NULL), type, id = local;
	ptrdiff_t history = str_find_str(text, STR("/_history/"));
	int64_t version;

	if (!str_split(&id, '/', &type))
		return false;
	*out = (struct store_target){ .type = pack_find_resource(w->s->pack, type), .id = id };
	if (history >= 0 && str_to_int(str_from_index(text, (size_t)history + 10), &version) &&
	    version > 0)
		out->version = (uint64_t)version;
	return out->type != PACK_NONE && fhir_id_is_valid(id);
}

/* "Observation.subject", also where the resource is that of an entry. */
static struct str
path_in_resource(const struct walk *w, uint32_t node)
{
	const struct pack *p = w->s->pack;
	struct str root = record_path(w->c->record, p, w->c->node, w->c->arena);
	struct str path = record_path(w->c->record, p, node, w->c->arena);

	if (!str_starts(path, root))
		return path;
	return str_printf(w->c->arena, "%.*s%.*s",
	    STR_ARG(record_type_name(w->c->record, p, w->c->node)),
	    STR_ARG(str_from_index(path, root.len)));
}

static int
check_reference(struct walk *w, uint32_t node)
{
	const struct pack *p = w->s->pack;
	struct str text = record_value(w->c->record, p, node, STR("reference"));
	struct store_target t;
	uint32_t entry;

	if (!text.len || text.p[0] == '#' || (w->find && w->find(w->ctx, text, &entry)))
		return 0;
	if (w->find && !w->c->collected &&
	    (str_starts(text, STR("urn:uuid:")) || str_starts(text, STR("urn:oid:"))))
		return call_fail(w->c, 400, "not-found", path_in_resource(w, node),
		    "the reference is to no entry of the Bundle: none has this fullUrl and is "
		    "written");
	if (w->s->references == REFERENCES_FREE || !parse_local(w, text, &t))
		return 0;
	return add_target(w, &t);
}

int
references_check(const struct fhir_service *s, struct fhir_call *c, reference_entry_fn *find,
    void *find_ctx, struct store_op *op)
{
	struct walk w = { .s = s, .c = c, .find = find, .ctx = find_ctx };
	const struct record *r = c->record;

	if (!find && s->references == REFERENCES_FREE)
		return 0;
	for (uint32_t i = c->node + 1; i < r->nodes[c->node].end; i++)
		if (pack_element_at(s->pack, r->nodes[i].element)->flags & ELEMENT_REFERENCE &&
		    check_reference(&w, i) != 0)
			return -1;
	op->targets = w.targets;
	op->target_count = w.count;
	return 0;
}
