/* What FHIR says must be there: what lacks it is left out, and told. */
#include "mappers/map/map_run.h"

enum {
	PASSES = 8, /* what is left out may be what another must have */
};

static void
tell(struct run *run, const struct instance *i, uint32_t type, uint32_t element)
{
	const struct pack *p = run->set->pack;
	struct str whole = pack_text(p, pack_type_at(p, i->type)->name),
		   part = pack_text(p, pack_type_at(p, type)->name),
		   name = pack_text(p, pack_element_at(p, element)->stem);

	findings_add(run->findings, SEVERITY_WARNING, "required", whole, run->m->segments[0].line,
	    1, "%.*s.%.*s is not in the message, and must be there: %s was left out", STR_ARG(part),
	    STR_ARG(name), type == i->type ? "the resource" : "the element");
}

/* The first element of the type that must be there and is not; PACK_NONE. */
static uint32_t
find_missing(const struct run *run, const struct node *n, uint32_t type)
{
	const struct map_set *set = run->set;

	for (uint32_t i = set->required_at[type]; i < set->required_at[type + 1]; i++) {
		uint32_t element = set->required[i];
		struct step s = { .element = element,
			.choice = pack_element_at(set->pack, element)->choice };

		if (element == set->known.extension_url && n->url.len)
			continue;
		if (!map_tree_has(run, n, &s))
			return element;
	}
	return PACK_NONE;
}

/* Take out the parts of n that are not whole; whether any was. */
static bool
check_parts(struct run *run, struct instance *i, struct node *n)
{
	struct node **at = &n->first;
	bool any = false;

	n->last = NULL;
	while (*at) {
		struct node *c = *at;
		uint32_t type = pack_element_at(run->set->pack, c->element)->type, missing;

		if (c->first)
			any |= check_parts(run, i, c);
		missing = c->first ? find_missing(run, c, type) : PACK_NONE;
		if (missing != PACK_NONE) {
			tell(run, i, type, missing);
			*at = c->next;
			any = true;
			continue;
		}
		n->last = c;
		at = &c->next;
	}
	return any;
}

/* Whether something had to be left out. */
static bool
check(struct run *run, struct instance *i)
{
	bool any = check_parts(run, i, i->root);
	uint32_t missing = find_missing(run, i->root, i->type);

	if (missing == PACK_NONE)
		return any;
	tell(run, i, i->type, missing);
	i->dead = true;
	return true;
}

void
map_run_whole(struct run *run)
{
	bool any = true;

	for (int pass = 0; pass < PASSES && any; pass++) {
		any = false;
		for (struct instance *i = run->instances; i; i = i->next)
			if (i != run->bundle && !i->same && map_instance_lives(i))
				any |= check(run, i);
		for (struct instance *i = any ? run->instances : NULL; i; i = i->next)
			map_tree_prune(i->root);
	}
}
