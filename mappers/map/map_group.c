/* Which group each segment belongs to (HL7 v2.9, 2.5.2), for messages as they
 * really come. */
#include "mappers/map/map_run.h"

static struct group *
group_new(struct run *run, struct group *parent, const struct part *part)
{
	struct group *g = ARENA_NEW(run->arena, struct group);

	if (!g) {
		run->full = true;
		return parent;
	}
	g->parent = parent;
	g->part = part;
	return g;
}

/* The segment's part in a group that is entered anew; strictly: no part that
 * must come is passed over. */
static const struct part *
enter(const struct part *group, uint16_t id, bool strict)
{
	for (const struct part *p = group->first; p; p = p->next) {
		const struct part *found;

		if (p->segment == id)
			return p;
		found = p->segment ? NULL : enter(p, id, strict);
		if (found)
			return found;
		if (strict && !p->optional)
			return NULL;
	}
	return NULL;
}

/* Whether a segment that may stand there several times, but is not what the
 * group begins with, would open the group again: it belongs to the occurrence
 * at hand, out of order (TQ1 behind OBR). */
static bool
is_stray(const struct part *found, const struct part *group)
{
	const struct part *head = group->first;

	while (head && !head->segment)
		head = head->first;
	if (found == head)
		return false;
	for (const struct part *p = found; p != group; p = p->parent)
		if (p->repeats)
			return true;
	return false;
}

/* Go on from where the reader is in the group. */
static const struct part *
forward(const struct group *g, uint16_t id)
{
	const struct part *p = g->last ? g->last : g->part->first;

	for (; p; p = p->next) {
		const struct part *found;

		if (p == g->last && !p->repeats)
			continue;
		if (p->segment == id)
			return p;
		found = p->segment ? NULL : enter(p, id, true);
		if (found && !(p == g->last && is_stray(found, p)))
			return found;
	}
	return NULL;
}

/* Anywhere in the group, whatever the order. */
static const struct part *
anywhere(const struct group *g, uint16_t id, bool strict)
{
	for (const struct part *p = g->part->first; p; p = p->next)
		if (p->segment == id)
			return p;
	for (const struct part *p = g->part->first; p; p = p->next) {
		const struct part *found = p->segment ? NULL : enter(p, id, strict);

		if (found)
			return found;
	}
	return NULL;
}

/* Open the groups between g and the part; *inner is the one it stands in. */
static struct group *
descend(struct run *run, struct group *g, const struct part *p, bool move)
{
	struct group *inner = g;

	if (p->parent != g->part) {
		g = descend(run, g, p->parent, move);
		inner = group_new(run, g, p->parent);
		/* descend() of the group itself marks it in its parent. */
	}
	if (move || inner->last == NULL)
		inner->last = p;
	return inner;
}

static const struct part *
find_loose(const struct run *run, uint16_t id)
{
	for (const struct part *p = run->map->structure->next->first; p; p = p->next)
		if (p->segment == id)
			return p;
	return NULL;
}

/* Find the place of a segment; *cur is the group the reader is in. */
static void
place_segment(struct run *run, struct segment *s, struct group **cur)
{
	const struct part *p = NULL;
	struct group *g;

	s->group = *cur;
	if (s->id == 0)
		return;
	for (g = *cur; g && !p; g = p ? g : g->parent)
		p = forward(g, s->id);
	if (p) {
		for (g = *cur; forward(g, s->id) != p; g = g->parent)
			;
		s->part = p;
		s->group = *cur = descend(run, g, p, true);
		return;
	}
	for (int strict = 1; strict >= 0; strict--) {
		for (g = *cur; g; g = g->parent) {
			p = anywhere(g, s->id, strict);
			if (!p)
				continue;
			s->part = p;
			s->group = *cur = descend(run, g, p, false);
			return;
		}
	}
	s->part = find_loose(run, s->id);
}

static int
index_segments(struct run *run)
{
	uint32_t ids = run->set->id_count, n = run->m->segment_count, sum = 0;

	run->at_first = arena_calloc(run->arena, ids + 2, sizeof(uint32_t));
	run->at = arena_alloc(run->arena, (n + 1) * sizeof(uint32_t));
	if (!run->at_first || !run->at)
		return -1;
	for (uint32_t i = 0; i < n; i++)
		run->at_first[run->segments[i].id + 1]++;
	for (uint32_t i = 0; i <= ids + 1; i++) {
		sum += run->at_first[i];
		run->at_first[i] = sum;
	}
	/* at_first[id] now is where id begins; filling moves it to where id ends. */
	for (uint32_t i = 0; i < n; i++)
		run->at[run->at_first[run->segments[i].id]++] = i;
	return 0;
}

int
map_run_group(struct run *run)
{
	const struct er7_message *m = run->m;
	struct group *cur;

	run->segments = arena_calloc(
	    run->arena, (size_t)m->segment_count + 1, sizeof(struct segment));
	run->root = cur = group_new(run, NULL, run->map->structure);
	if (!run->segments || !cur)
		return -1;
	for (uint32_t i = 0; i < m->segment_count && !run->full; i++) {
		struct segment *s = &run->segments[i];

		s->s = &m->segments[i];
		s->id = map_id_find(run->set, s->s->id);
		place_segment(run, s, &cur);
		if (!s->part) {
			char place[ER7_PLACE];

			er7_place(m, s->s, ER7_NONE, place);
			findings_add(run->findings, SEVERITY_WARNING, "not-supported",
			    str_from(place), s->s->line, 1,
			    "the segment has no place in %.*s and no rule: nothing of it is mapped",
			    STR_ARG(run->map->block->name));
		}
	}
	return run->full ? -1 : index_segments(run);
}

static uint32_t
depth_of(const struct group *g)
{
	uint32_t d = 0;

	while (g->parent) {
		g = g->parent;
		d++;
	}
	return d;
}

/* Whether a segment in group g can be seen from group `from`: climbing from g
 * to what both are in passes no repeating group. */
static bool
is_visible(const struct group *g, const struct group *from)
{
	uint32_t a = depth_of(g), b = depth_of(from);

	for (; b > a; b--)
		from = from->parent;
	while (g != from) {
		if (g->part->repeats)
			return false;
		g = g->parent;
		if (a-- <= b) {
			from = from->parent;
			b--;
		}
	}
	return true;
}

uint32_t
map_run_find_segment(const struct run *run, uint32_t from, uint16_t id)
{
	const struct segment *s = &run->segments[from];
	uint32_t low, high, begin, end;

	if (s->id == id)
		return from;
	begin = low = id ? run->at_first[id - 1] : 0;
	end = high = run->at_first[id];
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (run->at[mid] < from)
			low = mid + 1;
		else
			high = mid;
	}
	if (low > begin && is_visible(run->segments[run->at[low - 1]].group, s->group))
		return run->at[low - 1];
	if (low < end && is_visible(run->segments[run->at[low]].group, s->group))
		return run->at[low];
	return UINT32_MAX;
}
