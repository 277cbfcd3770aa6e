#include "gateway/fhir/collection.h"

#include "gateway/fhir/write.h"

static void
keep(const struct fhir_service *s, const struct record *r, uint32_t node, struct fhir_call *c)
{
	c->record = r;
	c->node = node;
	c->prefer = RETURN_MINIMAL;
	c->route.type = record_type(r, s->pack, node);
	c->route.id = record_value(r, s->pack, node, STR("id"));
	if (c->route.id.len) {
		c->route.interaction = interaction_by_id(INTERACTION_UPDATE);
		c->route.method = FHIR_PUT;
		c->route.shape = SHAPE_INSTANCE;
	} else {
		c->route.interaction = interaction_by_id(INTERACTION_CREATE);
		c->route.method = FHIR_POST;
		c->route.shape = SHAPE_TYPE;
	}
}

static bool
is_collection(const struct fhir_service *s, const struct record *r)
{
	struct str type = record_value(r, s->pack, 0, STR("type"));

	return record_type(r, s->pack, 0) == s->bundle &&
	       (str_is(type, "collection") || str_is(type, "searchset") || str_is(type, "history"));
}

static int
init_one(struct fhir_batch *b, const struct record *r, bool lenient)
{
	b->kind = BATCH_SINGLE;
	b->calls = ARENA_NEW(b->arena, struct fhir_call);
	if (!b->calls)
		return batch_fail(b, 413, NULL, "the resource is too large");
	b->count = 1;
	call_init(b->calls, b->arena);
	b->calls->lenient = lenient;
	keep(b->service, r, 0, b->calls);
	return write_check(b->service, b->calls) == 0 ? 0 : batch_fail_by(b, b->calls);
}

static int
init_entry(struct fhir_batch *b, const struct record *r, uint32_t entry, bool lenient)
{
	const struct pack *p = b->service->pack;
	uint32_t resource = record_child(r, p, entry, STR("resource"));
	struct fhir_call *c = &b->calls[b->count];

	if (!resource || r->nodes[resource].end <= resource + 1)
		return 0;
	b->count++;
	call_init(c, b->arena);
	c->lenient = lenient;
	c->collected = true;
	c->full_url = record_value(r, p, entry, STR("fullUrl"));
	keep(b->service, r, resource + 1, c);
	return write_check(b->service, c) == 0 ? 0 : batch_fail_by(b, c);
}

int
batch_init_collection(struct fhir_batch *b, const struct fhir_service *s, const struct record *r,
    bool lenient, struct arena *a, struct findings *f)
{
	uint32_t element = pack_find_element(s->pack, s->bundle, STR("entry")), room = 0;

	*b = (struct fhir_batch){ .service = s, .arena = a, .findings = f };
	if (!is_collection(s, r))
		return init_one(b, r, lenient);
	b->kind = BATCH_TRANSACTION;
	RECORD_EACH_CHILD(r, 0, i)
		room += r->nodes[i].element == element;
	b->calls = arena_calloc(a, (size_t)room + 1, sizeof(*b->calls));
	if (!b->calls || room > s->max_entries)
		return batch_fail(b, 413, NULL, "the Bundle is too large; cut it into parts");
	RECORD_EACH_CHILD(r, 0, i)
		if (r->nodes[i].element == element && init_entry(b, r, i, lenient) != 0)
			return -1;
	return 0;
}
