/* The values of tokens. */
#include "gateway/fhir/index_extract.h"

void
search_add_token(struct extraction *x, struct str system, struct str value)
{
	struct store_index *row;

	if (!system.len && !value.len)
		return;
	row = search_add_row(x, PARAM_TOKEN);
	row->system = system;
	row->value = value;
}

/* The only code system of the value set that an element is bound to (R4,
 * 3.1.1.4.10: for code, the system is implied). */
static struct str
implied_system(const struct extraction *x, uint32_t node)
{
	const struct pack_detail *d;
	const struct pack_value_set *vs;
	const struct pack_include *in;
	struct str system = STR("");

	if (search_type_at(x, node)->lexical != LEXICAL_CODE)
		return system;
	d = pack_detail_at(x->p, x->r->nodes[node].element);
	if (d->strength != BINDING_REQUIRED || !d->binding.len)
		return system;
	vs = pack_find_value_set(x->p, pack_text(x->p, d->binding));
	in = vs ? pack_includes(x->p, vs->includes) : NULL;
	for (uint32_t i = 0; vs && i < vs->includes.count; i++) {
		struct str one = pack_text(x->p, in[i].system);

		if (in[i].exclude)
			continue;
		if (!one.len || (system.len && !str_eq(one, system)))
			return STR("");
		system = one;
	}
	return system;
}

/* A child that is a namespace: Identifier's system is, ContactPoint's is not. */
static struct str
namespace_of(const struct extraction *x, uint32_t node)
{
	uint32_t child = record_child(x->r, x->p, node, STR("system"));

	if (!child || search_type_at(x, child)->lexical != LEXICAL_URI)
		return STR("");
	return record_text(x->r, child);
}

void
search_token_of(struct extraction *x, uint32_t node)
{
	uint32_t child;

	if (search_type_at(x, node)->kind == PACK_PRIMITIVE) {
		if (x->r->nodes[node].len)
			search_add_token(x, implied_system(x, node), record_text(x->r, node));
		return;
	}
	child = record_child(x->r, x->p, node, STR("coding"));
	if (child) {
		for (; child; child = record_next(x->r, node, child))
			search_add_token(x, namespace_of(x, child),
			    record_value(x->r, x->p, child, STR("code")));
		return;
	}
	child = record_child(x->r, x->p, node, STR("code"));
	if (!child)
		child = record_child(x->r, x->p, node, STR("value"));
	search_add_token(x, namespace_of(x, node), child ? record_text(x->r, child) : STR(""));
}
