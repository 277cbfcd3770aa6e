/* The values of references, and the compartments they put a resource into. */
#include "gateway/fhir/index_extract.h"

/* The type name of ".../Type/id"; empty when the text is no such thing. */
static struct str
named_type(const struct extraction *x, struct str reference)
{
	size_t end = reference.len, start;

	while (end && reference.p[end - 1] != '/')
		end--;
	if (!end)
		return STR("");
	for (start = --end; start && reference.p[start - 1] != '/'; start--)
		;
	if (pack_find_resource(x->p, str_of(reference.p + start, end - start)) == PACK_NONE)
		return STR("");
	return str_of(reference.p + start, end - start);
}

/* The compartments that a reference puts the resource into. */
static void
add_homes(struct extraction *x, struct str target, uint32_t entry)
{
	for (uint32_t i = 0; i < x->e->homes.count; i++) {
		struct str code = x->st->codes[x->e->homes.first + i];
		struct store_index *row;

		if (entry == PACK_NONE && !(str_starts(target, code) && target.len > code.len &&
					      target.p[code.len] == '/'))
			continue;
		row = search_add_row(x, STORE_COMPARTMENT);
		row->value = target;
		row->entry = entry;
	}
}

static void
add_reference(struct extraction *x, struct str text)
{
	struct store_index *row;
	uint32_t entry = PACK_NONE;
	struct str type, whole;
	bool versioned;

	/* Contained: no resource of its own to name. */
	if (!text.len || text.p[0] == '#')
		return;
	if (x->find && x->find(x->ctx, text, &entry)) {
		search_add_row(x, PARAM_REFERENCE)->entry = entry;
		add_homes(x, STR(""), entry);
		return;
	}
	/* A conditional reference that nobody resolves. */
	if (str_find(text, '?') >= 0)
		return;
	whole = search_reference_whole(x->si, text);
	text = search_reference(x->si, text, &versioned);
	type = named_type(x, text);
	if (x->e->target != PACK_NONE && type.len && pack_find_resource(x->p, type) != x->e->target)
		return;
	row = search_add_row(x, PARAM_REFERENCE);
	row->value = text;
	if (versioned)
		search_add_row(x, PARAM_REFERENCE)->value = whole;
	add_homes(x, text, PACK_NONE);
}

static void
add_canonical(struct extraction *x, struct str text)
{
	ptrdiff_t bar = str_find(text, '|');

	add_reference(x, text);
	if (bar > 0)
		add_reference(x, str_of(text.p, (size_t)bar));
}

void
search_reference_of(struct extraction *x, uint32_t node)
{
	uint32_t identifier;

	if (search_type_at(x, node)->kind == PACK_PRIMITIVE) {
		add_canonical(x, record_text(x->r, node));
		return;
	}
	/* A resource itself (Bundle.entry.resource) is no reference to one. */
	if (!(pack_element_at(x->p, x->r->nodes[node].element)->flags & ELEMENT_REFERENCE))
		return;
	add_reference(x, record_value(x->r, x->p, node, STR("reference")));
	identifier = record_child(x->r, x->p, node, STR("identifier"));
	if (identifier && search_type_at(x, identifier)->kind == PACK_COMPLEX)
		search_token_of(x, identifier);
}
