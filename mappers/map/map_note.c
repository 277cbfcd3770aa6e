/* Notes for who stores the Bundle: what is deleted, what is only a default. */
#include <stdio.h>

#include "mappers/map/map_run.h"

static bool
is_part(const struct pack *p, uint32_t element)
{
	const struct pack_element *e = pack_element_at(p, element);

	return !(e->flags & ELEMENT_REPEATS) && pack_type_at(p, e->type)->kind == PACK_BACKBONE;
}

bool
map_note_deleted(struct run *run, struct instance *inst, const struct path *path)
{
	const struct pack *p = run->set->pack;
	struct deletion *d;
	uint32_t i = 0;

	if (path->count == 0)
		return false;
	while (i + 1 < path->count && is_part(p, path->steps[i].element))
		i++;
	/* What must be there stays: an update can only replace it. */
	if (pack_element_at(p, path->steps[i].element)->min > 0 || path->steps[i].url != PACK_NONE)
		return false;
	d = ARENA_NEW(run->arena, struct deletion);
	if (!d) {
		run->full = true;
		return false;
	}
	*d = (struct deletion){ run->deletions, inst, path->steps[i].element };
	run->deletions = d;
	return true;
}

static void
add(struct run *run, const struct instance *i, uint32_t element, bool deleted)
{
	struct map_notes *notes = run->options->notes;
	struct map_note *grown = map_grow(
	    run->arena, (void *)(uintptr_t)notes->items, notes->count, sizeof(*grown));

	if (!grown) {
		run->full = true;
		return;
	}
	grown[notes->count++] = (struct map_note){ str_printf(run->arena, "urn:uuid:%s", i->uuid),
		element, deleted };
	notes->items = grown;
}

static void
note_defaults(struct run *run, const struct instance *i, const struct node *parent)
{
	for (const struct node *n = parent->first; n; n = n->next) {
		if (n->weak)
			add(run, i, n->element, false);
		else if (is_part(run->set->pack, n->element))
			note_defaults(run, i, n);
	}
}

void
map_note_all(struct run *run)
{
	if (!run->options->notes)
		return;
	*run->options->notes = (struct map_notes){ 0 };
	for (struct instance *i = run->instances; i; i = i->next)
		if (i != run->bundle && !i->same && map_instance_lives(i))
			note_defaults(run, i, i->root);
	for (const struct deletion *d = run->deletions; d; d = d->next) {
		struct instance *i = map_instance_real(d->inst);

		if (map_instance_lives(i))
			add(run, i, d->element, true);
	}
}
