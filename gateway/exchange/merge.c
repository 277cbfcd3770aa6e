#include "gateway/exchange/merge.h"

#include "base/error.h"
#include "gateway/fhir/search_query.h"
#include "mappers/fhir/fhir_json.h"

/* Does the parent in r have that element, or another type of its choice? */
static bool
speaks_of(const struct record *r, const struct pack *p, uint32_t parent, uint32_t element)
{
	const struct pack_element *e = pack_element_at(p, element);

	RECORD_EACH_CHILD(r, parent, i) {
		const struct pack_element *f = pack_element_at(p, r->nodes[i].element);

		if (r->nodes[i].element == element ||
		    (e->choice && e->choice == f->choice && e->owner == f->owner))
			return true;
	}
	return false;
}

static uint32_t
find_element(const struct record *r, uint32_t parent, uint32_t element)
{
	RECORD_EACH_CHILD(r, parent, i)
		if (r->nodes[i].element == element)
			return i;
	return 0;
}

static bool
is_nested(const struct pack *p, uint32_t element)
{
	const struct pack_element *e = pack_element_at(p, element);

	return !(e->flags & ELEMENT_REPEATS) && pack_type_at(p, e->type)->kind == PACK_BACKBONE;
}

/* What the message says of an element of this entry beside its value. */
struct merge {
	struct record_builder *b;
	const struct record *said, *old;
	const struct map_notes *notes;
	struct str full_url;
	uint32_t narrative;
};

/* Whether the entry's element (or another type of its choice) is noted. */
static bool
is_noted(const struct merge *m, uint32_t element, bool deleted)
{
	const struct pack *p = m->b->pack;
	const struct pack_element *e = pack_element_at(p, element), *f;

	for (uint32_t i = 0; m->notes && i < m->notes->count; i++) {
		const struct map_note *n = &m->notes->items[i];

		f = pack_element_at(p, n->element);
		if (n->deleted == deleted && str_eq(n->full_url, m->full_url) &&
		    (n->element == element ||
			(e->choice && e->choice == f->choice && e->owner == f->owner)))
			return true;
	}
	return false;
}

/* Whether anything of old's element is left when what is deleted is gone. */
static bool
is_left(const struct merge *m, uint32_t o)
{
	uint32_t element = m->old->nodes[o].element;

	if (is_noted(m, element, true))
		return false;
	if (!is_nested(m->b->pack, element))
		return true;
	RECORD_EACH_CHILD(m->old, o, i)
		if (is_left(m, i))
			return true;
	return false;
}

static void
copy_old(const struct merge *m, uint32_t o)
{
	uint32_t element = m->old->nodes[o].element;

	if (!is_left(m, o))
		return;
	if (!m->notes || !is_nested(m->b->pack, element)) {
		record_copy(m->b, m->old, o);
		return;
	}
	record_open_element(m->b, element);
	RECORD_EACH_CHILD(m->old, o, i)
		copy_old(m, i);
	record_close(m->b);
}

static void
merge_children(const struct merge *m, uint32_t n, uint32_t o)
{
	struct record_builder *b = m->b;
	const struct pack *p = b->pack;

	RECORD_EACH_CHILD(m->said, n, i) {
		uint32_t element = m->said->nodes[i].element;
		uint32_t before = is_nested(p, element) ? find_element(m->old, o, element) : 0;

		/* A default is for what is new: what is stored says more. */
		if (speaks_of(m->old, p, o, element) && is_noted(m, element, false))
			continue;
		if (!before) {
			record_copy(b, m->said, i);
			continue;
		}
		record_open_element(b, element);
		merge_children(m, i, before);
		record_close(b);
	}
	RECORD_EACH_CHILD(m->old, o, i) {
		uint32_t element = m->old->nodes[i].element;

		if (element != m->narrative &&
		    (!speaks_of(m->said, p, n, element) || is_noted(m, element, false)))
			copy_old(m, i);
	}
}

const struct record *
merge_records(struct record_builder *b, const struct record *said, uint32_t n,
    const struct record *old, const struct map_notes *notes, struct str full_url, struct arena *a,
    struct error *err)
{
	uint32_t type = record_type(said, b->pack, n);
	struct merge m = { b, said, old, notes, full_url,
		pack_find_element(b->pack, type, STR("text")) };

	record_builder_reset(b);
	record_open_root(b, type);
	merge_children(&m, n, 0);
	record_close(b);
	return record_builder_finish(b, a, err);
}

/* What the call's search finds, when that is one: 1, else 0; -1 on failure. */
static int
find_one(struct fhir_batch *b, struct fhir_call *c, struct store_reader *r,
    struct store_version *out, struct error *err)
{
	const struct fhir_service *s = b->service;
	struct store_match match;
	struct store_page page;

	/* batch_prepare() tells what is wrong with it. */
	if (search_match_parse(s->index, s->pack, c->route.type, c->route.query, b->arena, &match,
		b->findings) != 0)
		return 0;
	if (store_search(r,
		&(struct store_query){
		    .type = c->route.type,
		    .clauses = match.clauses,
		    .clause_count = match.count,
		    .visibility = c->decision.visibility,
		    .count = 2,
		},
		b->arena, &page, err) != 0)
		return -1;
	if (page.count != 1)
		return 0;
	*out = page.at[0];
	return 1;
}

static int
merge_call(struct fhir_batch *b, struct fhir_call *c, const struct store_version *found,
    const struct map_notes *notes, struct record_builder *builder, struct error *err)
{
	struct fhir_read_options options = { .lenient = true, .type = c->route.type };
	const struct record *old, *merged;
	struct findings findings;

	findings_init(&findings, b->arena, 1);
	old = fhir_json_read(found->body, &options, builder, b->arena, &findings);
	if (!old)
		return error_set(err, ERROR_OTHER, "cannot read what is stored");
	merged = merge_records(builder, c->record, c->node, old, notes, c->full_url, b->arena, err);
	if (!merged)
		return -1;
	c->record = merged;
	c->node = 0;
	if (record_equal(merged, 0, old, 0)) {
		c->conditions.if_none_exist = c->route.query;
		c->route.interaction = interaction_by_id(INTERACTION_CREATE);
		c->route.method = FHIR_POST;
		return 0;
	}
	c->conditions.if_match = str_printf(
	    b->arena, "W/\"%llu\"", (unsigned long long)found->version);
	return 0;
}

int
merge_updates(struct fhir_batch *b, struct store_reader *r, const struct map_notes *notes,
    struct record_builder *builder, struct error *err)
{
	struct store_version found;

	for (uint32_t i = 0; i < b->count; i++) {
		struct fhir_call *c = &b->calls[i];
		int result;

		if (call_failed(c) || c->route.interaction->id != INTERACTION_UPDATE_CONDITIONAL)
			continue;
		result = find_one(b, c, r, &found, err);
		if (result < 0 ||
		    (result > 0 && merge_call(b, c, &found, notes, builder, err) != 0))
			return -1;
	}
	return 0;
}
