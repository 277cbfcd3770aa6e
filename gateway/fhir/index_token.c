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
	row->value = search_token_value(x->si, system, value, x->a);
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

/* What is said of a token in words, to be searched by :text; not of a
 * composite's component, which has no modifiers. */
static void
add_text(struct extraction *x, struct str text)
{
	if (text.len && x->e->kind == PARAM_TOKEN && !x->component)
		search_add_row(x, STORE_TEXT)->value = text;
}

/* The codings of a CodeableConcept, and its text, which is often that of one. */
static void
concept_of_node(struct extraction *x, uint32_t node, uint32_t coding)
{
	struct str text = record_value(x->r, x->p, node, STR("text"));

	add_text(x, text);
	for (uint32_t i = coding; i; i = record_next(x->r, node, i)) {
		struct str display = record_value(x->r, x->p, i, STR("display"));

		search_add_token(x, namespace_of(x, i), record_value(x->r, x->p, i, STR("code")));
		if (!str_eq(display, text))
			add_text(x, display);
	}
}

/* The types of an identifier: in words, and with its value for :of-type. */
static void
type_of_identifier(struct extraction *x, uint32_t type, struct str value)
{
	if (x->e->kind != PARAM_TOKEN || x->component)
		return;
	add_text(x, record_value(x->r, x->p, type, STR("text")));
	for (uint32_t i = record_child(x->r, x->p, type, STR("coding")); i && value.len;
	     i = record_next(x->r, type, i)) {
		struct str code = record_value(x->r, x->p, i, STR("code"));
		struct store_index *row;

		if (!code.len)
			continue;
		row = search_add_row(x, STORE_OF_TYPE);
		row->system = record_value(x->r, x->p, i, STR("system"));
		row->value = search_of_type(code, value, x->a);
		x->failed |= !row->value.p;
	}
}

void
search_token_of(struct extraction *x, uint32_t node)
{
	struct str value;
	uint32_t child;

	if (search_type_at(x, node)->kind == PACK_PRIMITIVE) {
		if (x->r->nodes[node].len)
			search_add_token(x, implied_system(x, node), record_text(x->r, node));
		return;
	}
	child = record_child(x->r, x->p, node, STR("coding"));
	if (child || record_child(x->r, x->p, node, STR("text"))) {
		concept_of_node(x, node, child);
		return;
	}
	child = record_child(x->r, x->p, node, STR("code"));
	if (!child)
		child = record_child(x->r, x->p, node, STR("value"));
	value = child ? record_text(x->r, child) : STR("");
	search_add_token(x, namespace_of(x, node), value);
	add_text(x, record_value(x->r, x->p, node, STR("display")));
	child = record_child(x->r, x->p, node, STR("type"));
	if (child && search_type_at(x, child)->kind == PACK_COMPLEX)
		type_of_identifier(x, child, value);
}
