/* What became of each populated component. */
#include "mappers/map/map_run.h"

static void
fill_item(struct run *run, const struct er7_segment *s, uint32_t leaf, struct coverage_item *item)
{
	uint32_t mark = run->marks[leaf], number = mark & ~MARK_DROPPED;
	const struct rule_text *t = number ? run->set->rules[number] : NULL;
	char place[ER7_PLACE];

	er7_place(run->m, s, leaf, place);
	item->place = str_dup(run->arena, str_from(place));
	item->line = s->line;
	item->column = er7_column(s, run->m->nodes[leaf].at);
	item->kind = COVERAGE_UNMAPPED;
	if (!t)
		return;
	item->rule = str_printf(run->arena, "%s:%u", t->place.file, t->place.line);
	if (mark & MARK_DROPPED) {
		item->kind = COVERAGE_DROPPED;
		item->reason = str_dup(run->arena,
		    t->reason.len ? t->reason : STR("the table has nothing for the code"));
		return;
	}
	item->kind = COVERAGE_MAPPED;
	if (run->landed[leaf])
		item->target = map_tree_path(run, run->landed[leaf], run->arena);
}

static void
count(struct coverage *c, uint32_t mark)
{
	c->populated++;
	if (mark & MARK_DROPPED)
		c->dropped++;
	else if (mark)
		c->mapped++;
	else
		c->unmapped++;
}

void
map_run_cover(struct run *run, struct coverage *c)
{
	const struct er7_message *m = run->m;
	struct coverage_item *items = NULL;
	uint32_t n = 0;

	memset(c, 0, sizeof(*c));
	for (uint32_t i = 0; i < m->node_count; i++)
		if (!(m->nodes[i].flags & ER7_PARENT))
			count(c, run->marks[i]);
	if (!run->landed)
		return;
	items = arena_calloc(run->arena, (size_t)c->populated + 1, sizeof(*items));
	for (uint32_t s = 0; items && s < m->segment_count; s++)
		for (uint32_t i = m->segments[s].first; i < m->segments[s].end; i++)
			if (!(m->nodes[i].flags & ER7_PARENT))
				fill_item(run, &m->segments[s], i, &items[n++]);
	c->items = items;
}
