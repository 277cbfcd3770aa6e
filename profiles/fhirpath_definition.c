/* elementDefinition(): what the pack says of an element, as an ElementDefinition. */
#include "base/error.h"
#include "profiles/fhirpath_eval.h"

static void
put_text(struct record_builder *b, const struct pack *p, const char *name, struct pack_text text)
{
	record_put(b, str_from(name), pack_text(p, text));
}

static void
put_number(struct record_builder *b, const char *name, uint32_t n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", (unsigned)n);

	if (n >= PACK_MANY)
		record_put(b, str_from(name), STR("*"));
	else
		record_put(b, str_from(name), str_of(text, (size_t)len));
}

static void
put_type(struct record_builder *b, const struct pack *p, const struct pack_element *e,
    const struct pack_detail *d)
{
	const struct pack_type *t = pack_type_at(p, e->type);
	const struct pack_text *targets = pack_texts(p, d->targets);

	/* A backbone's type is that of the definition, not the one the pack makes. */
	while (!t->url.len && t->base != PACK_NONE)
		t = pack_type_at(p, t->base);
	record_open(b, STR("type"));
	put_text(b, p, "code", t->name);
	for (uint32_t i = 0; e->flags & ELEMENT_REFERENCE && i < d->targets.count; i++)
		put_text(b, p, "targetProfile", targets[i]);
	record_close(b);
}

static void
put_types(struct record_builder *b, const struct pack *p, uint32_t element)
{
	const struct pack_element *e = pack_element_at(p, element);
	const struct pack_detail *d = pack_detail_at(p, element);
	const struct pack_run *all;

	if (e->owner == PACK_NONE)
		return; /* a root has none (R4, elementdefinition.html, eld-13) */
	if (!e->choice) {
		put_type(b, p, e, d);
		return;
	}
	all = &pack_type_at(p, e->owner)->elements;
	for (uint32_t i = all->first; i < all->first + all->count; i++)
		if (pack_element_at(p, i)->choice == e->choice)
			put_type(b, p, pack_element_at(p, i), d);
}

static void
put_invariants(struct record_builder *b, const struct pack *p, const struct pack_detail *d)
{
	const struct pack_invariant *v = pack_invariants(p, d->invariants);

	for (uint32_t i = 0; i < d->invariants.count; i++) {
		record_open(b, STR("constraint"));
		put_text(b, p, "key", v[i].key);
		record_put(b, STR("severity"), v[i].warning ? STR("warning") : STR("error"));
		put_text(b, p, "human", v[i].human);
		put_text(b, p, "expression", v[i].expression);
		record_close(b);
	}
}

static void
put_binding(struct record_builder *b, const struct pack *p, const struct pack_detail *d)
{
	static const char *const strengths[] = {
		[BINDING_EXAMPLE] = "example",
		[BINDING_PREFERRED] = "preferred",
		[BINDING_EXTENSIBLE] = "extensible",
		[BINDING_REQUIRED] = "required",
	};

	if (d->strength == BINDING_NONE)
		return;
	record_open(b, STR("binding"));
	record_put(b, STR("strength"), str_from(strengths[d->strength]));
	put_text(b, p, "valueSet", d->binding);
	record_close(b);
}

static const struct record *
make_definition(struct eval *e, uint32_t type, uint32_t element)
{
	const struct pack_element *el = pack_element_at(e->pack, element);
	const struct pack_detail *d = pack_detail_at(e->pack, element);
	const struct record *r;
	struct record_builder b;

	record_builder_init(&b, e->pack, &record_default_limits);
	record_open_root(&b, type);
	put_text(&b, e->pack, "path", d->path);
	put_text(&b, e->pack, "short", d->brief);
	put_number(&b, "min", el->owner == PACK_NONE ? 0 : el->min);
	put_number(&b, "max", el->owner == PACK_NONE ? PACK_MANY : el->max);
	put_types(&b, e->pack, element);
	put_invariants(&b, e->pack, d);
	record_put(
	    &b, STR("isModifier"), el->flags & ELEMENT_MODIFIER ? STR("true") : STR("false"));
	record_put(&b, STR("isSummary"), el->flags & ELEMENT_SUMMARY ? STR("true") : STR("false"));
	put_binding(&b, e->pack, d);
	record_close(&b);
	r = record_builder_finish(&b, e->arena, e->err);
	record_builder_release(&b);
	return r;
}

/* The host's, which may know of profiles, before the pack's. */
static int
push_definition(struct eval *e, const struct fhirpath_item *x, uint32_t type)
{
	const struct fhirpath_host *host = e->in->host;
	const struct record *r = eval_record(e, x), *made = NULL;

	if (eval_count(e, 200))
		return -1;
	if (host && host->element_definition)
		made = host->element_definition(host->ctx, r, x->node, e->arena);
	if (!made)
		made = make_definition(e, type, r->nodes[x->node].element);
	return made ? eval_push_record(e, made) : -1;
}

int
eval_definition(struct eval *e, const struct op *op, uint32_t base)
{
	uint32_t mark = e->top, type = pack_find_type(e->pack, STR("ElementDefinition"));

	if (type == PACK_NONE)
		return eval_fail(e, op, "the definitions have no type ElementDefinition");
	for (uint32_t i = base; i < mark; i++) {
		struct fhirpath_item x = e->stack[i];

		if (x.node != FHIRPATH_MADE && push_definition(e, &x, type))
			return -1;
	}
	eval_keep(e, base, mark, e->top);
	return 0;
}
