#include "mappers/fhir/fhir_subset.h"

#define SUBSETTED_SYSTEM "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"

struct subset {
	const struct record *r;
	const struct pack *pack;
	const struct fhir_subset *wanted;
	struct record_builder *b;
	uint32_t extension; /* type number */
};

static void put_resource(struct subset *s, uint32_t root);

static bool
is_listed(const struct subset *s, const struct pack_element *e)
{
	for (uint32_t i = 0; i < s->wanted->element_count; i++)
		if (str_eq(s->wanted->elements[i], pack_text(s->pack, e->stem)) ||
		    str_eq(s->wanted->elements[i], pack_text(s->pack, e->name)))
			return true;
	return false;
}

/* Whether an element of a resource's top stays. */
static bool
stays_at_top(const struct subset *s, const struct pack_element *e)
{
	struct str name = pack_text(s->pack, e->stem);

	if (e->min > 0 || str_is(name, "id") || str_is(name, "meta"))
		return true;
	if (s->wanted->summary == SUMMARY_TEXT)
		return str_is(name, "text");
	if (e->flags & ELEMENT_MODIFIER)
		return true;
	if (s->wanted->element_count && !is_listed(s, e))
		return false;
	if (s->wanted->summary == SUMMARY_DATA)
		return !str_is(name, "text");
	return s->wanted->summary != SUMMARY_TRUE || e->flags & ELEMENT_SUMMARY;
}

/* Whether an element further down stays, of a summary. */
static bool
stays_inside(const struct pack_element *e)
{
	return e->min > 0 || e->flags & (ELEMENT_SUMMARY | ELEMENT_MODIFIER);
}

/* An element that holds a resource, cut too. */
static void
put_held(struct subset *s, uint32_t i)
{
	record_open_element(s->b, s->r->nodes[i].element);
	if (s->r->nodes[i].end > i + 1)
		put_resource(s, i + 1);
	record_close(s->b);
}

/*
 * An element of a summary, with what is summary in it. What would be empty
 * then stays whole: the element is there because it has to be.
 */
static void
put_summary(struct subset *s, uint32_t i)
{
	const struct pack_element *e = pack_element_at(s->pack, s->r->nodes[i].element);

	if (e->flags & ELEMENT_RESOURCE) {
		put_held(s, i);
		return;
	}
	if (e->type == s->extension || (e->flags & ELEMENT_PRIMITIVE && !s->r->nodes[i].len)) {
		record_copy(s->b, s->r, i);
		return;
	}
	record_open_element(s->b, s->r->nodes[i].element);
	if (e->flags & ELEMENT_PRIMITIVE)
		record_set_text(s->b, record_text(s->r, i));
	RECORD_EACH_CHILD(s->r, i, child)
		if (stays_inside(pack_element_at(s->pack, s->r->nodes[child].element)))
			put_summary(s, child);
	if (record_is_filled(s->b)) {
		record_close(s->b);
	} else {
		record_abandon(s->b);
		record_copy(s->b, s->r, i);
	}
}

/* A Bundle's entry in another part than a summary: its resource is cut. */
static void
put_entry(struct subset *s, uint32_t i)
{
	record_open_element(s->b, s->r->nodes[i].element);
	RECORD_EACH_CHILD(s->r, i, child) {
		const struct pack_element *e = pack_element_at(s->pack, s->r->nodes[child].element);

		if (e->flags & ELEMENT_RESOURCE)
			put_held(s, child);
		else
			record_copy(s->b, s->r, child);
	}
	record_close(s->b);
}

static bool
is_entry(const struct subset *s, uint32_t root, uint32_t i)
{
	const struct pack_element *e = pack_element_at(s->pack, s->r->nodes[i].element);

	return str_is(record_type_name(s->r, s->pack, root), "Bundle") &&
	       str_is(pack_text(s->pack, e->name), "entry");
}

static bool
has_tag(const struct subset *s, uint32_t meta)
{
	RECORD_EACH_CHILD(s->r, meta, i) {
		const struct pack_element *e = pack_element_at(s->pack, s->r->nodes[i].element);

		if (str_is(pack_text(s->pack, e->name), "tag") &&
		    str_is(record_value(s->r, s->pack, i, STR("code")), "SUBSETTED") &&
		    str_is(record_value(s->r, s->pack, i, STR("system")), SUBSETTED_SYSTEM))
			return true;
	}
	return false;
}

/* meta, node 0: there is none, with the tag. */
static void
put_meta(struct subset *s, uint32_t meta)
{
	record_open(s->b, STR("meta"));
	if (meta)
		RECORD_EACH_CHILD(s->r, meta, i)
			record_copy(s->b, s->r, i);
	if (!meta || !has_tag(s, meta)) {
		record_open(s->b, STR("tag"));
		record_put(s->b, STR("system"), STR(SUBSETTED_SYSTEM));
		record_put(s->b, STR("code"), STR("SUBSETTED"));
		record_close(s->b);
	}
	record_close(s->b);
}

static void
put_child(struct subset *s, uint32_t root, uint32_t i)
{
	if (!stays_at_top(s, pack_element_at(s->pack, s->r->nodes[i].element)))
		return;
	if (s->wanted->summary == SUMMARY_TRUE)
		put_summary(s, i);
	else if (is_entry(s, root, i))
		put_entry(s, i);
	else
		record_copy(s->b, s->r, i);
}

static void
put_resource(struct subset *s, uint32_t root)
{
	uint32_t type = s->r->nodes[root].element;
	uint32_t meta = pack_find_element(s->pack, type, STR("meta"));
	uint32_t found = record_child(s->r, s->pack, root, STR("meta"));
	bool tagged = meta == PACK_NONE;

	record_open_root(s->b, type);
	RECORD_EACH_CHILD(s->r, root, i) {
		/* In its place, so that nothing has to be sorted. */
		if (!tagged && s->r->nodes[i].element >= meta) {
			put_meta(s, found);
			tagged = true;
		}
		if (s->r->nodes[i].element != meta)
			put_child(s, root, i);
	}
	if (!tagged)
		put_meta(s, found);
	record_close(s->b);
}

const struct record *
fhir_subset(const struct record *r, uint32_t i, const struct fhir_subset *wanted,
    struct record_builder *b, struct arena *a, struct error *err)
{
	struct subset s = {
		.r = r,
		.pack = b->pack,
		.wanted = wanted,
		.b = b,
		.extension = pack_find_type(b->pack, STR("Extension")),
	};

	record_builder_reset(b);
	put_resource(&s, i);
	return record_builder_finish(b, a, err);
}
